"""The mean-field flow with its derivatives and its noise, in the coordinates of the orthonormal basis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from ..model import Model
from ..model.driven import refuse_driven
from ..tools.matrices import commutator
from ..tools.types import Array, Complex
from .coordinates import Coordinates
from .expansion_terms import CollectiveTerm, LocalTerm, ModeJumpTerm, ModeTerm, PotentialTerm


class Expansion(Coordinates):
    """The flow of a model around mean field to order 1/N, in coordinates m_α = Σ_b (N_b/N) tr(r_b v_α).

    v_α are Σ_b d_b² Hermitian matrices, orthonormal in the trace, each in one block. The shares N_b/N of the
    blocks, which are among the combinations of the m_α, do not change. Behind these coordinates stand x and y of each
    mode, n in all: particles and modes commute, and a mode is coupled linearly, so that it adds nothing to the order
    of operators but for jumps of particles with a quantum, which have a†a or a a†.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    averages : (A, n) array
        The averages of the model's labels, (1/N_b) Σ_{k in b}, are ``averages @ m``.
    traceless : (n, n - B) array
        Orthonormal columns: all coordinates but the conserved shares of the blocks.
    """

    def __init__(self, model: Model) -> None:
        refuse_driven(model, "Derivatives of the flow are those")
        super().__init__(model)
        n = self.size
        of_modes = np.eye(n)[len(self.basis) :]
        self.averages = np.array(
            [self.functional(self.embedded(o.block, o.matrix)).real / self._shares[o.block] for o in model.observables]
            + [of_modes[2 * q.mode + q.part] for q in model.quadratures]
        )
        ones = np.array(
            [self.functional(self.embedded(b, np.eye(block.levels))).real for b, block in enumerate(model.blocks)]
        )
        alone = np.linalg.svd(ones[:, : len(self.basis)])[2][len(model.blocks) :].T
        self.traceless = block_diag(alone, np.eye(self._beside)) if self._beside else alone
        v = self.basis
        self.modes = [ModeTerm(self, mode) for mode in range(len(model.modes))]
        h = np.zeros((self._dimension,) * 2, dtype=complex)
        self._two: list[tuple[complex, Complex, Complex, Complex, Complex]] = []
        self._quantum = np.zeros((n, n))
        """Part of c that is linear in m: that of two-body terms."""
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
        self._potentials = [PotentialTerm(self, term, f"hamiltonian[{i}]") for i, term in model.potentials.items()]
        self._local = [LocalTerm(self, jump, f"jumps[{i}]") for i, jump in model.local_jumps.items()]
        # constant rates join the Hamiltonian; those that vary are stacked, so that one product serves them all
        self._linear = self._field + sum((j.dissipator for j in self._local if not j.varies), np.zeros((n, n)))
        self._varying = [local for local in self._local if local.varies]
        self._arguments = np.concatenate([local.rate.x for local in self._varying] or [np.zeros((0, n))])
        counts = [len(local.rate.x) for local in self._varying]
        self._owners = np.repeat(np.arange(len(counts)), counts)
        starts = np.cumsum([0, *counts])
        self._places = [slice(int(a), int(b)) for a, b in pairwise(starts)]
        self._dissipators = np.array([local.dissipator for local in self._varying]).reshape(-1, n, n)
        self._mode_jumps = [
            ModeJumpTerm(self, self.modes[model.mode_index(jump.mode)], jump, f"jumps[{i}]")
            for i, jump in model.mode_jumps.items()
        ]
        self._collective = [CollectiveTerm(self, jump, f"jumps[{i}]") for i, jump in model.collective_jumps.items()]

    def coordinates(self, densities: Sequence[NDArray], amplitudes: Sequence[complex] = ()) -> Array:
        """(n,) coordinates m of one-particle density matrices (d_b, d_b) and α of each mode, 0 if it is not given."""
        m = sum(
            (self._shares[b] * self.functional(self.embedded(b, r)).real for b, r in enumerate(densities)),
            np.zeros(len(self.basis) + self._beside),
        )
        for mode, alpha in zip(self.modes, amplitudes, strict=False):
            m[mode.x], m[mode.y] = alpha.real, alpha.imag
        return m

    def amplitudes(self, m: Array) -> list[complex]:
        """α of each mode at the coordinates m."""
        return [mode.alpha(m) for mode in self.modes]

    def settled(self, m: Array) -> Array:
        """(n,) the coordinates m with α of each mode where it does not move."""
        settled = m.copy()
        for mode in self.modes:
            alpha = mode.settled(m, sum(jump.gain(m) for jump in self._mode_jumps if jump.mode is mode))
            settled[mode.x], settled[mode.y] = alpha.real, alpha.imag
        return settled

    def product_covariance(self, m: Array) -> Array:
        """(n, n) covariance C of a product state: ½<{v, v'}> - <v><v'> in each block, zero between blocks.

        Modes are in coherent states, each quadrature with 1/4.
        """
        whole = self.weighted_density(m)
        products = np.einsum("ij,ajk,bki->ab", whole, self.basis, self.basis).real
        C = (products + products.T) / 2
        for cut, share in zip(self._cuts, self._shares, strict=True):
            inside = np.any(self.basis[:, cut, cut] != 0, axis=(1, 2))
            mean = np.where(inside, m[: len(self.basis)], 0)
            C -= np.outer(mean, mean) / share
        return block_diag(C, np.eye(self._beside) / 4) if self._beside else C

    # ---- the expansion ---------------------------------------------------------------------------

    def _deltas(self, m: Array) -> list[float]:
        """Δ̄ of the jumps whose rates vary, those of each after the other."""
        return (self._arguments @ m).tolist()

    def _rates(self, m: Array) -> Array:
        """Their rates Γ²(Δ̄)."""
        deltas = self._deltas(m)
        return np.array([j.rate.rate(deltas[own]) for j, own in zip(self._varying, self._places, strict=True)])

    def flow(self, m: Array) -> Array:
        """(n,) f(m), the mean-field flow dm/dt of (21)."""
        f = self._linear @ m
        if self._varying:
            f = f + self._rates(m) @ (self._dissipators @ m)
        for g, KA, a, KB, b in self._two:
            f = f + (g * ((KA @ m) * (b @ m) + (a @ m) * (KB @ m))).real
        for potential in self._potentials:
            f = f + potential.slope(m) * (potential.turned @ m)
        for collective in self._collective:
            f = f + collective.rate.at(m) * collective.flow(m)
        for mode in self.modes:
            alpha = mode.alpha(m)
            f = f + 2 * (alpha.conjugate() * (mode.turn @ m)).real
            change = -mode.pole * alpha - 1j * (mode.drive + mode.source @ m)
            f[mode.x], f[mode.y] = change.real, change.imag
        for jump in self._mode_jumps:
            f += jump.flow(m)
        return f

    def jacobian(self, m: Array) -> Array:
        """(n, n) G_αβ = ∂f_α/∂m_β, analytic."""
        G = self._linear.copy()
        if self._varying:
            deltas, jumps = self._deltas(m), zip(self._varying, self._places, strict=True)
            slopes = np.array([slope for j, own in jumps for slope in j.rate.rate_slope(deltas[own])])
            G += (self._rates(m) @ self._dissipators.reshape(len(self._varying), -1)).reshape(G.shape)
            G += (self._dissipators @ m)[self._owners].T @ (slopes[:, None] * self._arguments)
        for g, KA, a, KB, b in self._two:
            G += (g * (KA * (b @ m) + np.outer(KA @ m, b) + KB * (a @ m) + np.outer(KB @ m, a))).real
        for potential in self._potentials:
            G += potential.derivative(1, m) * potential.turned
            G += potential.derivative(2, m) * np.outer(potential.turned @ m, potential.x)
        for collective in self._collective:
            G += collective.rate.at(m) * collective.jacobian(m)
            if collective.varies:
                G += np.outer(collective.flow(m), collective.rate.slopes_at(m) @ collective.rate.x)
        for mode in self.modes:
            turned = mode.turn @ m
            G += 2 * (mode.alpha(m).conjugate() * mode.turn).real
            G[:, mode.x] += 2 * turned.real
            G[:, mode.y] += 2 * turned.imag
            G[mode.x], G[mode.y] = mode.source.imag, -mode.source.real
            G[mode.x, mode.x] = G[mode.y, mode.y] = -mode.pole.real
            G[mode.x, mode.y], G[mode.y, mode.x] = mode.pole.imag, -mode.pole.imag
        for jump in self._mode_jumps:
            G += jump.jacobian(m)
        return G

    def diffusion(self, m: Array) -> Array:
        """(n, n) D_αβ = Re Σ_l <K_α† K_β> + κ Re(<[v_α, y]>* <[v_β, y]>)."""
        whole = self.weighted_density(m)
        D = np.zeros((len(m), len(m)))
        for local in self._local:
            gamma, slopes, _ = local.rate.jet(m)
            K = local.kicks(m, gamma, slopes)
            after = K @ whole[local.cut, local.cut]
            D += self._beside_modes(np.einsum("aij,bij->ab", K.conj(), after).real)
        for collective in self._collective:
            gamma, slopes, _ = collective.rate.jet(m)
            kick = gamma * collective.kick(m) + (collective.y @ m) * (slopes @ (collective.rate.w @ m))
            D += collective.kappa * np.outer(kick.conj(), kick).real
        for mode in self.modes:
            D[mode.x, mode.x] = D[mode.y, mode.y] = mode.noise
        for jump in self._mode_jumps:
            D += jump.diffusion(m, whole)
        return D

    def curvature(self, m: Array, C: Array) -> Array:
        """(n,) ½ Σ_βγ (∂²f_α/∂m_β∂m_γ) C_βγ."""
        total = np.zeros(len(m))
        for g, KA, a, KB, b in self._two:
            total += (g * (KA @ C @ b + KB @ C @ a)).real
        for potential in self._potentials:
            x = potential.x
            total += potential.derivative(2, m) * (potential.turned @ (C @ x))
            total += 0.5 * potential.derivative(3, m) * (x @ C @ x) * (potential.turned @ m)
        for local in self._local:
            if not local.varies:
                continue
            gamma, slopes, bends = local.rate.jet(m)
            x = local.rate.x
            total += 2 * gamma * (local.dissipator @ (C @ (slopes @ x)))
            total += np.sum((np.outer(slopes, slopes) + gamma * bends) * (x @ C @ x.T)) * (local.dissipator @ m)
        for collective in self._collective:
            gamma, slopes, bends = collective.rate.jet(m)
            total += gamma**2 * collective.curvature(C)
            if collective.varies:
                x = collective.rate.x
                total += 2 * gamma * (collective.jacobian(m) @ (C @ (slopes @ x)))
                spread = np.sum((np.outer(slopes, slopes) + gamma * bends) * (x @ C @ x.T))
                total += spread * collective.flow(m)
        for mode in self.modes:
            total += 2 * (mode.turn @ (C[:, mode.x] - 1j * C[:, mode.y])).real
        for jump in self._mode_jumps:
            total += jump.curvature(m, C)
        return total

    def ordering(self, m: Array) -> Array:
        """(n,) c: what the order of operators adds to the drift of the means at order 1/N; nothing for potentials."""
        c = self._quantum @ m
        for collective in self._collective:
            c = c + collective.ordering(m)
        for jump in self._mode_jumps:
            c = c + jump.ordering(m)
        for local in self._local:
            if local.varies:
                c = c + local.ordering(m)
        return c
