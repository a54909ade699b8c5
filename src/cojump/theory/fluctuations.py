"""Fluctuations around mean field at order 1/N: the covariance C(t) and the correction δ(t) of the means.

For averages m_α = (1/N) Σ_k v_α^(k) over all particles and N → ∞,

    <m_α> = m_α(t) + δ_α(t)/N,    N (<½{m_α, m_β}> - <m_α><m_β>) = C_αβ(t),

    dC/dt = G C + C Gᵀ + D,        dδ/dt = G δ + ½ Σ_βγ (∂²f_α/∂m_β∂m_γ) C_βγ + c,

with the mean-field flow dm/dt = f(m), (21), and G = ∂f/∂m. D, f and c are expectation values of single-particle
matrices in the mean-field state; docs/fluctuations.md derives them. Several blocks are one block whose particles carry
a conserved label: everything below is written in block-diagonal matrices, of dimension Σ_b d_b. Sees the model only,
and knows the flow in a form of its own (linear functionals of m), independent of cojump.theory.mean_field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import schur, solve_continuous_lyapunov, solve_sylvester

from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import CollectiveJump, LocalJump, Model, OneBody
from ..model.model import check_model
from ..model.spectrum import snapped
from ..model.states import State, check_start, density_matrices
from ..tools.checks import check_times
from ..tools.matrices import commutator
from ..tools.ode import MANY_PERIODS, Method, exponential, integrate
from ..tools.types import Array, Complex
from .rate_derivatives import Jet, RateJet

_TOLERANCES = 1e-10, 1e-12

_METHODS = (Method("DOP853", 20_000, 80_000), Method("LSODA", 50_000, 100_000), Method("DOP853", 20_000, 400_000))
"""Fewer derivatives than of mean field: one of them takes ten times as long."""

_AT_REST, _UNDAMPED = 1e-6, 1e-9
"""|dm/dt| that a fixed point may have, and decay that is none, in units of the norm of the Jacobian."""

_NOISELESS, _UNSEEN = 1e-12, 1e-9
"""Diffusion along a direction that nothing damps that is none, as a share of all; a share in it that is none."""


class _Local:
    """One local jump: its rate at Δ̄ = x·m, and the linear functionals that come with it."""

    def __init__(self, expansion: Expansion, jump: LocalJump, name: str) -> None:
        model, v = expansion.model, expansion.basis
        self.block = model.block_index(jump.block)
        self.cut = expansion.cut(self.block)
        share = {b: block.size / model.size for b, block in enumerate(model.blocks)}
        j = expansion.embedded(self.block, jump.matrix)
        x = np.zeros_like(j)
        lowest = highest = 0.0
        for block, matrix in jump.argument.items():
            b = model.block_index(block)
            x += expansion.embedded(b, matrix) / share[b]
            ends = snapped(np.linalg.eigvalsh(matrix))
            lowest, highest = lowest + float(ends[0]), highest + float(ends[-1])
        self.varies = jump.has_rate
        self._rate = RateJet(jump, lowest, highest, name)
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


_AVERAGES = 1000
"""n of an expansion: its matrices have n² elements and take n³ operations each time."""


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
        for term in model.hamiltonian:
            if isinstance(term, OneBody):
                h += self.embedded(model.block_index(term.block), term.matrix)
                continue
            b, c = (model.block_index(name) for name in term.blocks)
            A, B, g = self.embedded(b, term.first), self.embedded(c, term.second), term.strength
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
        self._local = [
            _Local(self, jump, f"jumps[{i}]") for i, jump in enumerate(model.jumps) if isinstance(jump, LocalJump)
        ]
        # constant rates join the Hamiltonian; those that vary are stacked, so that one product serves them all
        self._linear = self._field + sum((j.dissipator for j in self._local if not j.varies), np.zeros((n, n)))
        self._varying = [local for local in self._local if local.varies]
        self._arguments = np.array([local.x for local in self._varying]).reshape(-1, n)
        self._dissipators = np.array([local.dissipator for local in self._varying]).reshape(-1, n, n)
        self._collective: list[tuple[float, Complex, Complex, Complex, Complex]] = []
        for jump in model.jumps:
            if isinstance(jump, CollectiveJump):
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


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Covariance and mean correction for N → ∞ along a mean-field solution, for averages per block.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of A strings "block.x"
    mean : (T, A) array
        Mean field.
    covariance : (T, A, A) array
        lim N (<½{m_a, m_b}> - <m_a><m_b>), N all particles.
    correction : (T, A) array
        δ = lim N (<m_a> - m_a^mf).
    deviation : (T,) array
        lim N·E_N(t) = Σ_a w_a C_aa: the trace of C in the paper's orthonormal basis, summed over blocks.
    """

    times: Array
    labels: tuple[str, ...]
    mean: Array
    covariance: Array
    correction: Array
    deviation: Array


def fluctuations(model: Model, state: State, times: ArrayLike) -> Fluctuations:
    """Integrate mean field, covariance and mean correction together from a product state.

    Parameters
    ----------
    model : Model
    state : State
        The state at t = 0; a product state, pure or mixed.
    times : (T,) array
        Increasing, times[0] ≥ 0.

    Raises
    ------
    ArgumentError
        If the state is no product state, or does not fit, or the times do not increase.
    UnsupportedError
        If a rate function is not smooth where mean field passes.
    ConvergenceError
        If the integrator fails.
    """
    checked = check_times(times)
    check_start(model, state)
    if not state.is_product:
        raise ArgumentError(
            "state", "be a product state for the theory of fluctuations", "its particles are correlated"
        )
    expansion = Expansion(model)
    m = expansion.coordinates(state.densities)
    n = len(m)

    def derivative(_t: float, y: Array) -> Array:
        m, C, delta = y[:n], y[n : n + n * n].reshape(n, n), y[n + n * n :]
        G = expansion.jacobian(m)
        spread = G @ C
        change = spread + spread.T + expansion.diffusion(m)
        drift = G @ delta + expansion.curvature(m, C) + expansion.ordering(m)
        return np.concatenate([expansion.flow(m), change.ravel(), drift])

    start = np.concatenate([m, expansion.product_covariance(m).ravel(), np.zeros(n)])
    if model.is_free and model.fastest * checked[-1] > MANY_PERIODS:
        # independent particles stay independent: C is that of a product state, and nothing corrects the means
        alone = exponential(expansion.flow, m, checked)
        spread = np.array([expansion.product_covariance(y).ravel() for y in alone])
        path = np.concatenate([alone, spread, np.zeros_like(alone)], axis=1)
    else:
        path = integrate(
            derivative,
            start,
            checked,
            what="equations of the fluctuations",
            tolerances=_TOLERANCES,
            methods=_METHODS,
            unit_rate=model.unit_rate,
        )
    P = expansion.averages
    covariance = np.einsum("ai,tij,bj->tab", P, path[:, n : n + n * n].reshape(-1, n, n), P)
    return Fluctuations(
        checked,
        model.labels,
        path[:, :n] @ P.T,
        covariance,
        path[:, n + n * n :] @ P.T,
        np.einsum("taa,a->t", covariance, model.deviation_weights),
    )


@dataclass(frozen=True, eq=False)
class StationaryFluctuations:
    """Fluctuations at a fixed point of the mean-field flow where nothing grows; averages per block as in Fluctuations.

    Attributes
    ----------
    labels : tuple of A strings
    mean : (A,) array
    covariance : (A, A) array
        Solution of G C + C Gᵀ + D = 0. Where conserved quantities leave directions that nothing damps and no noise
        enters: at given values of these quantities, without fluctuations of their own (as from a start that has
        none). NaN for averages that diffuse along a direction that nothing damps, such as a phase: theirs grows.
    correction : (A,) array
        Solution of G δ + ½ f'' C + c = 0. NaN for averages with a share in a direction that nothing damps: theirs
        depends on the start.
    deviation : float
        lim N·E_N; NaN if a covariance is.
    neutral : int
        Number of directions that nothing damps.
    """

    labels: tuple[str, ...]
    mean: Array
    covariance: Array
    correction: Array
    deviation: float
    neutral: int = 0


def stationary(model: Model, densities: State | Sequence[ArrayLike]) -> StationaryFluctuations:
    """Covariance and mean correction at a fixed point where nothing grows: the Lyapunov equation.

    Parameters
    ----------
    model : Model
    densities : State, or sequence of (d_b, d_b) arrays
        One-particle density matrix of each block at the fixed point, such as ``FixedPoint.densities``.

    Raises
    ------
    ArgumentError
        If the densities are no states or no fixed point.
    UnsupportedError
        If a rate function is not smooth at the fixed point.
    ConvergenceError
        If something grows there, or no average has a stationary covariance because nothing decays, or all diffuse
        along directions that nothing damps.
    """
    check_model(model)
    expansion = Expansion(model)
    m = expansion.coordinates(density_matrices("densities", model, densities))
    whole = expansion.jacobian(m)
    scale = float(np.linalg.norm(whole, 2))
    moving = float(np.abs(expansion.flow(m)).max())
    if moving > _AT_REST * scale:
        raise ArgumentError("densities", "be a fixed point of the mean-field flow", f"|dm/dt| reaches {moving:.3g}")
    Q = expansion.traceless
    G = Q.T @ whole @ Q
    real = np.linalg.eigvals(G).real
    if real.max() > _UNDAMPED * scale:
        raise ConvergenceError(
            f"The fixed point has no stationary covariance: its slowest direction grows at the rate {real.max():.6g}"
        )
    P = expansion.averages
    D = Q.T @ expansion.diffusion(m) @ Q
    neutral = int(np.sum(real >= -_UNDAMPED * scale))
    if neutral == len(G):
        raise ConvergenceError("The fixed point has no stationary covariance: nothing decays")
    if neutral == 0:
        C = Q @ solve_continuous_lyapunov(G, -D) @ Q.T
        delta = Q @ np.linalg.solve(G, -Q.T @ (expansion.curvature(m, C) + expansion.ordering(m)))
        covariance, correction = P @ C @ P.T, P @ delta
    else:
        covariance, correction = _beside_neutral(expansion, m, G / scale, D / scale, scale)
        if np.all(np.isnan(covariance)):
            raise ConvergenceError(
                "The fixed point has no stationary covariance: all averages diffuse along directions that nothing damps"
            )
    return StationaryFluctuations(
        model.labels,
        P @ m,
        covariance,
        correction,
        float(np.diag(covariance) @ model.deviation_weights),
        neutral,
    )


def _beside_neutral(expansion: Expansion, m: Array, G: Array, D: Array, scale: float) -> tuple[Array, Array]:
    """Covariance (A, A) and correction (A,) where G has neutral directions; NaN for what does not exist.

    With the bases V of the neutral and S of the decaying directions, and their dual ones, the blocks of the Lyapunov
    equation come apart. The neutral block only collects noise: without any the deviations there stay what they are at
    the start, here zero; with some, averages that have a share in them have no stationary covariance.

    Parameters
    ----------
    expansion : Expansion
    m : (n,) array
    G, D : (k, k) arrays
        In traceless coordinates, divided by ``scale``.
    scale : float
        The unit of rates.
    """
    Q, k = expansion.traceless, len(G)

    def level(real: float, _imaginary: float) -> bool:
        return real >= -_UNDAMPED

    def decaying(real: float, _imaginary: float) -> bool:
        return real < -_UNDAMPED

    _, V, n = schur(G, sort=level)
    _, W, _ = schur(G.T, sort=level)
    _, S, _ = schur(G, sort=decaying)
    _, L, _ = schur(G.T, sort=decaying)
    V, S = V[:, :n], S[:, : k - n]
    # dual bases: W V = 1, L S = 1, W S = 0 = L V
    W, L = np.linalg.solve(W[:, :n].T @ V, W[:, :n].T), np.linalg.solve(L[:, : k - n].T @ S, L[:, : k - n].T)
    G_n, G_s = W @ G @ V, L @ G @ S
    C_s = solve_continuous_lyapunov(G_s, -L @ D @ L.T)
    C_ns = solve_sylvester(G_n, G_s.T, -W @ D @ L.T)
    mixed = V @ C_ns @ S.T
    C = Q @ (S @ C_s @ S.T + mixed + mixed.T) @ Q.T
    P = expansion.averages
    share = P @ Q @ V
    # what an average sees of the neutral directions in the course of time
    seen = np.array([share @ np.linalg.matrix_power(G_n, j) for j in range(n)])
    noise = np.einsum("jan,nm,jam->a", seen, W @ D @ W.T, seen)
    diffuses = noise > _NOISELESS * np.linalg.norm(D)
    covariance = P @ C @ P.T
    covariance[diffuses] = covariance[:, diffuses] = np.nan

    def settled(drift: Array) -> Array:
        """(k,) mean correction in the decaying directions that balances a drift (k,) of the means."""
        return S @ np.linalg.solve(G_s, -L @ drift)

    drift = Q.T @ (expansion.curvature(m, C) + expansion.ordering(m)) / scale
    undetermined = np.abs(share).max(axis=1) > _UNSEEN
    if np.any(diffuses):
        # deviations along the neutral directions grow, and with them what the flow's curvature makes of them
        grown = Q @ V @ (W @ D @ W.T) @ V.T @ Q.T
        drift -= settled(Q.T @ expansion.curvature(m, grown) / scale)
        for a in range(n):
            for b in range(a + 1):
                pair = np.outer(Q @ V[:, a], Q @ V[:, b])
                bent = P @ Q @ settled(Q.T @ expansion.curvature(m, pair + pair.T) / scale)
                undetermined |= (np.abs(bent) > _UNSEEN) | bool(np.abs(G_n).max() > _UNSEEN)
    correction = P @ Q @ settled(drift)
    correction[undetermined] = np.nan
    return covariance, correction
