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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import schur, solve_continuous_lyapunov, solve_sylvester

from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import Model
from ..model.collective_average import average_of
from ..model.driven import refuse_driven
from ..model.model import check_model, check_not_frozen
from ..model.product_states import state_of
from ..model.spin_squeezing import Squeezing, squeezing_from
from ..model.states import State
from ..tools.checks import check_times
from ..tools.labelled import Labelled
from ..tools.numbers import format_number
from ..tools.summaries import counted, facts, more, span, table
from ..tools.types import Array
from .expansion import Expansion
from .fluctuation_path import path_of_fluctuations
from .limit_of_two_time import StationaryTwoTime, stationary_two_time
from .two_time import check_taus

__all__ = ["Fluctuations", "StationaryFluctuations", "fluctuations", "stationary"]


def __dir__() -> list[str]:
    return __all__


_AT_REST, _UNDAMPED = 1e-6, 1e-9
"""|dm/dt| that a fixed point may have, and decay that is none, in units of the norm of the Jacobian."""

_NOISELESS, _UNSEEN = 1e-12, 1e-9
"""Diffusion along a direction that nothing damps that is none, as a share of all; a share in it that is none."""


@dataclass(frozen=True, eq=False, repr=False)
class Fluctuations(Labelled):
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

    def _title(self) -> str:
        return f"Fluctuations at order 1/N: {span(self.times)}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        end = f"at t = {self.times[-1]:g}"
        return _at_order_one(self, end, self.mean[-1], self.covariance[-1], self.correction[-1])


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

    Examples
    --------
    >>> model = cj.systems.constrained(size=100, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> found = cj.fluctuations.fluctuations(model, cj.tilted(model, theta=1.1, phi=0.4), [0, 2])
    >>> print(found.covariance[-1].round(4))  # lim N·cov
    [[ 1.0891  0.2903 -0.0942]
     [ 0.2903  0.8994 -0.0551]
     [-0.0942 -0.0551  1.3854]]
    >>> print(found.correction[-1].round(4))  # lim N (<m> - m)
    [ 0.014   1.0094 -0.5377]
    """
    checked = check_times(times)
    expansion, path = path_of_fluctuations(model, state, checked)
    n = len(expansion.averages.T)
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


class _AtRest(NamedTuple):
    """A fixed point in the coordinates of the expansion of a model, and the covariance there."""

    model: Model
    m: Array
    covariance: Array


@dataclass(frozen=True, eq=False, repr=False)
class StationaryFluctuations(Labelled):
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
    _at: _AtRest | None = None

    def squeezing(self, sums: Mapping[str, Mapping[str, float]] | None = None, *, kind: str = "wineland") -> Squeezing:
        """Spin squeezing ξ² of each block of two levels, or of weighted sums of blocks; below 1 is squeezed.

        Parameters
        ----------
        sums : mapping of str to {block: weight}, optional
            Sums S = Σ_b w_b S_b of the spins of blocks, by label; each block by itself if it is not given.
        kind : str
            "wineland", or "kitagawa_ueda": see :mod:`cojump.model.spin_squeezing`.

        Returns
        -------
        Squeezing
            ``mean`` (n,): the limit for N → ∞.

        Raises
        ------
        ArgumentError
            If a block has not two levels, or an argument breaks a rule.
        """
        assert self._at is not None
        return squeezing_from(self._at.model, self.mean, self.covariance, sums, kind)

    def two_time(
        self, taus: ArrayLike, a: str | Mapping[str, ArrayLike], b: str | Mapping[str, ArrayLike]
    ) -> StationaryTwoTime:
        """The limit of N (<A(τ) B(0)> - <A><B>) around the fixed point: e^{Gτ} K(0).

        Parameters
        ----------
        taus : (T,) array
            Times τ, increasing, taus[0] ≥ 0.
        a, b : str, or mapping of str to (d_b, d_b) array
            As for ``mean_field(...).two_time``.

        Returns
        -------
        StationaryTwoTime
            Its ``spectrum`` is exact, up to τ → ∞.

        Raises
        ------
        ArgumentError
            If an argument breaks a rule.
        UnsupportedError
            If averages diffuse along a direction that nothing damps.

        Examples
        --------
        >>> model = cj.systems.free_flips(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
        >>> (point,) = cj.attractors.fixed_points(model)
        >>> z, x = {"spins": cj.operators.sigma_z}, {"spins": cj.operators.sigma_x}
        >>> theory = cj.fluctuations.stationary(model, point.densities).two_time([0, 1, 2], z, x)
        >>> exact = cj.steady_state(model).two_time([0, 1, 2], z, x)
        >>> print(theory.connected.imag.round(6), exact.connected.imag.round(6))
        [-0.168067 -0.022932  0.004643] [-0.168067 -0.022932  0.004643]
        """
        assert self._at is not None
        model, m, C = self._at
        checked = check_taus(taus)
        first, second = average_of(model, "a", a), average_of(model, "b", b)
        if np.any(np.isnan(self.covariance)):
            raise UnsupportedError("Stationary two-time functions are those of averages that do not diffuse")
        return stationary_two_time(Expansion(model), m, C, checked, first, second)

    def _title(self) -> str:
        return f"Stationary fluctuations at order 1/N: {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(("undamped", counted(self.neutral, "direction") if self.neutral else ""))
        return lines + _at_order_one(self, "average", self.mean, self.covariance, self.correction)


def _at_order_one(theory: Fluctuations | StationaryFluctuations, heading: str, *figures: Array) -> list[str]:
    """A table of mean (A,), covariance (A, A) and correction (A,)."""
    mean, covariance, correction = figures
    rows = ([format_number(x) for x in row] for row in zip(mean, np.diagonal(covariance), correction, strict=True))
    lines = table((heading, "mean field", "N·variance", "δ"), theory.labels, rows)
    return lines + more(f'["{theory.labels[0]}"].mean, .mean, .covariance, .correction, .deviation')


def stationary(model: Model, densities: State | Sequence[ArrayLike]) -> StationaryFluctuations:
    """Covariance and mean correction at a fixed point where nothing grows: the Lyapunov equation.

    Parameters
    ----------
    model : Model
    densities : State, or sequence of (d_b, d_b) arrays
        One-particle density matrix of each block at the fixed point, such as ``FixedPoint.densities``, and then α of
        each mode: ``[*point.densities, *point.amplitudes]``.

    Raises
    ------
    ArgumentError
        If the densities are no states or no fixed point.
    UnsupportedError
        If a rate function is not smooth at the fixed point.
    ConvergenceError
        If something grows there, or no average has a stationary covariance because nothing decays, or all diffuse
        along directions that nothing damps.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> (point,) = cj.attractors.fixed_points(model)
    >>> found = cj.fluctuations.stationary(model, point.densities)
    >>> exact = cj.steady_state(model)
    >>> print(found.covariance[2, 2].round(6), exact.covariance[2, 2].round(6))
    0.984111 0.984111
    """
    check_model(model)
    refuse_driven(model, "Stationary fluctuations are those")
    check_not_frozen(model)
    expansion = Expansion(model)
    given = state_of("densities", model, densities)
    m = expansion.coordinates(given.densities, given.amplitudes)
    whole = expansion.jacobian(m)
    scale = float(np.linalg.norm(whole, 2))
    moving = float(np.abs(expansion.flow(m)).max())
    if moving > _AT_REST * max(scale, _AT_REST * model.fastest):  # beside a dark state the flow may have no slope
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
    neutral = int(np.sum(real >= -_UNDAMPED * max(scale, _AT_REST * model.fastest)))
    if neutral == len(G):
        raise ConvergenceError("The fixed point has no stationary covariance: nothing decays")
    if neutral == 0:
        C = Q @ solve_continuous_lyapunov(G, -D) @ Q.T
        delta = Q @ np.linalg.solve(G, -Q.T @ (expansion.curvature(m, C) + expansion.ordering(m)))
        covariance, correction = P @ C @ P.T, P @ delta
    else:
        covariance, correction, C = _beside_neutral(expansion, m, G / scale, D / scale, scale)
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
        _AtRest(model, m, C),
    )


def _beside_neutral(expansion: Expansion, m: Array, G: Array, D: Array, scale: float) -> tuple[Array, Array, Array]:
    """Covariance (A, A) and correction (A,) where G has neutral directions; NaN for what does not exist.

    The third is the covariance in coordinates, without what diffuses.

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
    return covariance, correction, C
