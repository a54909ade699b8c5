"""The mean-field flow with its derivatives and its noise, in the coordinates of the orthonormal basis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..model import LocalJump, Model
from ..tools.matrices import commutator
from ..tools.types import Array, Complex
from .rate_derivatives import Jet, RateJet

_AVERAGES = 1000
"""n of an expansion: its matrices have n² elements and take n³ operations each time."""


class _Local:
    """One local jump: its rate at Δ̄ = x·m, and the linear functionals that come with it."""

    def __init__(self, expansion: Expansion, jump: LocalJump, name: str) -> None:
        model, v = expansion.model, expansion.basis
        self.block = model.block_index(jump.block)
        self.cut = expansion.cut(self.block)
        share = {b: block.size / model.size for b, block in enumerate(model.blocks)}
        j = expansion.embedded(self.block, jump.matrix)
        x = np.zeros_like(j)
        for block, matrix in jump.argument.items():
            b = model.block_index(block)
            x += expansion.embedded(b, matrix) / share[b]
        self.varies = jump.has_rate
        self._rate = RateJet(jump, *jump.reach, name)
        z = j.conj().T @ j
        w = commutator(v, x)
        coordinates = expansion.functional
        self.x = coordinates(x).real
        damped = j.conj().T @ v @ j - 0.5 * (z @ v + v @ z)
        self.dissipator = expansion.matrix(damped).real
        # in the block of the jump alone: [v, j] vanishes elsewhere
        self.j = j[self.cut, self.cut]
        self.moved = commutator(v, j)[:, self.cut, self.cut]
        self.w = expansion.matrix(w)
        # the 1/N of operator-valued rates, by what multiplies it
        self.z = coordinates(z)
        self.z_x = coordinates(commutator(z, x))
        self.z_w = expansion.matrix(commutator(z, w))
        self.x_w = expansion.matrix(commutator(x, w))
        self.excluded: Array | None = None
        if jump.leaves_self_out:
            self.excluded = expansion.matrix(damped @ x + x @ damped).real

    def jet(self, m: Array) -> Jet:
        """Γ, Γ', Γ'' at Δ̄."""
        return self._rate(float(self.x @ m))

    def rate(self, delta: float) -> float:
        """R = Γ² at Δ̄."""
        return self._rate.rate(delta)

    def rate_slope(self, delta: float) -> float:
        """R' = 2ΓΓ' at Δ̄; it may exist where Γ' does not."""
        return self._rate.rate_slope(delta)

    def kicks(self, m: Array, gamma: float, slope: float) -> Complex:
        """(n, d, d) matrices K_β = [v_β, j] Γ + j Γ' <[v_β, x]>: what one jump does to the averages."""
        return self.moved * gamma + (slope * (self.w @ m))[:, None, None] * self.j


class Expansion:
    """The flow of a model around mean field to order 1/N, in coordinates m_α = Σ_b (N_b/N) tr(r_b v_α).

    v_α are n = Σ_b d_b² Hermitian matrices, orthonormal in the trace, each in one block. The shares N_b/N of the
    blocks, which are among the combinations of the m_α, do not change.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    basis : (n, D, D) array
        v_α, D = Σ_b d_b.
    averages : (A, n) array
        The averages of the model's labels, (1/N_b) Σ_{k in b}, are ``averages @ m``.
    traceless : (n, n - B) array
        Orthonormal columns: all coordinates but the conserved shares of the blocks.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        averages = sum(b.levels**2 for b in model.blocks)
        if averages > _AVERAGES:
            raise UnsupportedError(f"The theory of fluctuations holds for at most {_AVERAGES} averages, not {averages}")
        ends = np.cumsum([0, *(b.levels for b in model.blocks)])
        self._cuts = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self._dimension = int(ends[-1])
        self.basis = np.concatenate(
            [[self.embedded(b, v) for v in _hermitian_basis(block.levels)] for b, block in enumerate(model.blocks)]
        )
        self._shares = np.array([b.size / model.size for b in model.blocks])
        self.averages = np.array(
            [self.functional(self.embedded(o.block, o.matrix)).real / self._shares[o.block] for o in model.observables]
        )
        ones = np.array(
            [self.functional(self.embedded(b, np.eye(block.levels))).real for b, block in enumerate(model.blocks)]
        )
        self.traceless = np.linalg.svd(ones)[2][len(model.blocks) :].T
        n = len(self.basis)
        v = self.basis
        h = np.zeros((self._dimension,) * 2, dtype=complex)
        self._two: list[tuple[complex, Complex, Complex, Complex, Complex]] = []
        self._quantum = np.zeros((n, n))
        """Part of c that is linear in m: two-body terms and collective jumps."""
        for one in model.one_body:
            h += self.embedded(model.block_index(one.block), one.eps)
        for two in model.two_body:
            b, c = (model.block_index(name) for name in two.blocks)
            A, B, g = self.embedded(b, two.A), self.embedded(c, two.B), two.g
            self._two.append(
                (
                    g,
                    self.matrix(1j * commutator(A, v)),
                    self.functional(A),
                    self.matrix(1j * commutator(B, v)),
                    self.functional(B),
                )
            )
            double = commutator(A, commutator(B, v)) + commutator(commutator(A, v), B)
            self._quantum += self.matrix(0.5j * g * double).real
        self._field = self.matrix(1j * commutator(h, v)).real
        self._local = [_Local(self, jump, f"jumps[{i}]") for i, jump in model.local_jumps.items()]
        # constant rates join the Hamiltonian; those that vary are stacked, so that one product serves them all
        self._linear = self._field + sum((j.dissipator for j in self._local if not j.varies), np.zeros((n, n)))
        self._varying = [local for local in self._local if local.varies]
        self._arguments = np.array([local.x for local in self._varying]).reshape(-1, n)
        self._dissipators = np.array([local.dissipator for local in self._varying]).reshape(-1, n, n)
        self._collective: list[tuple[float, Complex, Complex, Complex, Complex]] = []
        for jump in model.collective_jumps.values():
            y = sum(
                (self.embedded(model.block_index(name), matrix) for name, matrix in jump.matrices.items()),
                np.zeros_like(h),
            )
            y_dagger = y.conj().T
            left, right = commutator(y_dagger, v), commutator(v, y)
            self._collective.append((jump.rate, y, self.functional(y), self.matrix(left), self.matrix(right)))
            double = commutator(left, y) + commutator(y_dagger, right)
            self._quantum += self.matrix(0.25 * jump.rate * double).real

    # ---- coordinates -----------------------------------------------------------------------------

    def cut(self, b: int) -> slice:
        """Rows of block b in the block-diagonal matrices."""
        return self._cuts[b]

    def embedded(self, b: int, matrix: NDArray) -> Complex:
        """P_b ⊗ matrix as a (D, D) matrix."""
        whole = np.zeros((self._dimension,) * 2, dtype=complex)
        whole[self._cuts[b], self._cuts[b]] = matrix
        return whole

    def functional(self, matrix: Complex) -> Complex:
        """(n,) coefficients o with <matrix> = o·m."""
        return np.einsum("ij,aji->a", matrix, self.basis)

    def matrix(self, matrices: Complex) -> Complex:
        """(n, n) coefficients of a stack of n matrices."""
        return np.einsum("aij,bji->ab", matrices, self.basis)

    def coordinates(self, densities: Sequence[NDArray]) -> Array:
        """(n,) coordinates m of one-particle density matrices (d_b, d_b)."""
        return sum(
            (self._shares[b] * self.functional(self.embedded(b, r)).real for b, r in enumerate(densities)),
            np.zeros(len(self.basis)),
        )

    def weighted_density(self, m: Array) -> Complex:
        """(D, D) block-diagonal matrix ⊕_b (N_b/N) r_b."""
        return np.einsum("a,aij->ij", m, self.basis)

    def densities(self, m: Array) -> list[Complex]:
        """One-particle density matrices (d_b, d_b) at the coordinates m."""
        whole = self.weighted_density(m)
        return [whole[cut, cut] / share for cut, share in zip(self._cuts, self._shares, strict=True)]

    def product_covariance(self, m: Array) -> Array:
        """(n, n) covariance C of a product state: ½<{v, v'}> - <v><v'> in each block, zero between blocks."""
        whole = self.weighted_density(m)
        products = np.einsum("ij,ajk,bki->ab", whole, self.basis, self.basis).real
        C = (products + products.T) / 2
        for cut, share in zip(self._cuts, self._shares, strict=True):
            inside = np.any(self.basis[:, cut, cut] != 0, axis=(1, 2))
            mean = np.where(inside, m, 0)
            C -= np.outer(mean, mean) / share
        return C

    # ---- the expansion ---------------------------------------------------------------------------

    def _deltas(self, m: Array) -> list[float]:
        """Δ̄ of the jumps whose rates vary."""
        return (self._arguments @ m).tolist()

    def _rates(self, m: Array) -> Array:
        """Their rates Γ²(Δ̄)."""
        return np.array([j.rate(x) for j, x in zip(self._varying, self._deltas(m), strict=True)])

    def flow(self, m: Array) -> Array:
        """(n,) f(m), the mean-field flow dm/dt of (21)."""
        f = self._linear @ m
        if self._varying:
            f = f + self._rates(m) @ (self._dissipators @ m)
        for g, KA, a, KB, b in self._two:
            f = f + (g * ((KA @ m) * (b @ m) + (a @ m) * (KB @ m))).real
        for rate, _, y, left, right in self._collective:
            f = f + 0.5 * rate * ((left @ m) * (y @ m) + (y.conj() @ m) * (right @ m)).real
        return f

    def jacobian(self, m: Array) -> Array:
        """(n, n) G_αβ = ∂f_α/∂m_β, analytic."""
        G = self._linear.copy()
        if self._varying:
            slopes = np.array([j.rate_slope(x) for j, x in zip(self._varying, self._deltas(m), strict=True)])
            G += (self._rates(m) @ self._dissipators.reshape(len(slopes), -1)).reshape(G.shape)
            G += (self._dissipators @ m).T @ (slopes[:, None] * self._arguments)
        for g, KA, a, KB, b in self._two:
            G += (g * (KA * (b @ m) + np.outer(KA @ m, b) + KB * (a @ m) + np.outer(KB @ m, a))).real
        for rate, _, y, left, right in self._collective:
            G += (0.5 * rate * (left * (y @ m) + np.outer(left @ m, y))).real
            G += (0.5 * rate * (right * (y.conj() @ m) + np.outer(right @ m, y.conj()))).real
        return G

    def diffusion(self, m: Array) -> Array:
        """(n, n) D_αβ = Re Σ_l <K_α† K_β> + κ Re(<[v_α, y]>* <[v_β, y]>)."""
        whole = self.weighted_density(m)
        D = np.zeros((len(m), len(m)))
        for local in self._local:
            gamma, slope, _ = local.jet(m)
            K = local.kicks(m, gamma, slope)
            after = K @ whole[local.cut, local.cut]
            D += np.einsum("aij,bij->ab", K.conj(), after).real
        for rate, _, _, _, right in self._collective:
            kick = right @ m
            D += rate * np.outer(kick.conj(), kick).real
        return D

    def curvature(self, m: Array, C: Array) -> Array:
        """(n,) ½ Σ_βγ (∂²f_α/∂m_β∂m_γ) C_βγ."""
        total = np.zeros(len(m))
        for g, KA, a, KB, b in self._two:
            total += (g * (KA @ C @ b + KB @ C @ a)).real
        for local in self._local:
            gamma, slope, bend = local.jet(m)
            x = local.x
            total += 2 * gamma * slope * (local.dissipator @ (C @ x))
            total += (slope**2 + gamma * bend) * (x @ C @ x) * (local.dissipator @ m)
        for rate, _, y, left, right in self._collective:
            total += 0.5 * rate * (left @ C @ y + right @ C @ y.conj()).real
        return total

    def ordering(self, m: Array) -> Array:
        """(n,) c: what the order of operators adds to the drift of the means at order 1/N."""
        c = self._quantum @ m
        for local in self._local:
            gamma, slope, bend = local.jet(m)
            w, z, z_x = local.w @ m, local.z @ m, local.z_x @ m
            c = c + 0.5 * slope**2 * ((local.x_w @ m) * z).real
            if local.excluded is None:
                # <[x, z]> = -<[z, x]>
                c = c + 0.5 * ((gamma * bend - slope**2) * z_x * w + gamma * slope * (local.z_w @ m)).real
            else:
                # z of the jumping particle commutes with a rate that it is left out of
                c = c - gamma * slope * (local.excluded @ m)
        return c


def _hermitian_basis(levels: int) -> list[Complex]:
    """d² Hermitian matrices with tr(v v') = δ: the paper's v_α, (7)."""
    unit = np.eye(levels, dtype=complex)
    basis = [np.outer(e, e) for e in unit]
    for a in range(levels):
        for b in range(a + 1, levels):
            flip = np.outer(unit[a], unit[b])
            basis += [(flip + flip.T) / np.sqrt(2), 1j * (flip.T - flip) / np.sqrt(2)]
    return basis
