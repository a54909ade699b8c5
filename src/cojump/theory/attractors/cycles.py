"""Limit cycles of the mean-field flow: period, Floquet multipliers, and the diffusion of the phase at finite N.

The phase φ of a point is the time at which the cycle is where the point ends up: dφ/dt = 1 along the flow. Its gradient
on the cycle is the adjoint Floquet vector Z(t): periodic, dZ/dt = -Gᵀ Z, Z·dm/dt = 1. At finite N the averages feel
noise whose covariance grows by D/N per unit time (cojump.fluctuations), so that over many periods the variance of φ
grows as 2 D_φ t/N with

    D_φ = ½ (1/T) ∫₀ᵀ Zᵀ D Z dt.

The mean of many trajectories of variance σ² loses its first harmonic as exp(-(2π/T)² σ²/2): the cycle of the ensemble
decays at the rate (2π/T)² D_φ/N while every single trajectory keeps its amplitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import ArgumentError, ConvergenceError, UnsupportedError
from ...model import Model
from ...model.model import check_model
from ...model.product_states import state_of
from ...model.states import State
from ...tools import checks
from ...tools.labelled import Labelled
from ...tools.numbers import format_number
from ...tools.ode import integrate
from ...tools.summaries import counted, facts, few, more, table
from ...tools.types import Array
from .dynamics import Dynamics, MeanFieldDynamics
from .settling import Rest, Settling
from .shooting import NEUTRAL_PRECISE, RANK, RANK_OF_FAMILY, Orbit, primitive, shoot, variation

TIME_LIMIT = 1e4
"""How long the flow is followed by default, in units of 1/(fastest rate)."""

_SAMPLES, _MOST_SAMPLES = 128, 8192
"""Points along a cycle: doubled until its Fourier coefficients have died out."""

_TAIL = 1e-9
"""Size of the last eighth of the Fourier coefficients, relative to the first harmonic, that is small enough."""

_SEGMENT = 8
"""The variational equation starts anew after so many points: over a whole period it can lose all small multipliers."""

_TRIVIAL = 1e-6
"""The multiplier of the direction along the cycle must be 1 within this."""


class PhaseNoise:
    """The adjoint Floquet vector of a cycle and the phase diffusion that comes from it.

    Attributes
    ----------
    path : (K, k) array
        q along the cycle, at equal steps of time.
    gradient : (K, k) array
        Z along the cycle.
    """

    def __init__(self, dynamics: Dynamics, path: Array, gradient: Array) -> None:
        self._dynamics, self.path, self.gradient = dynamics, path, gradient

    @cached_property
    def diffusion(self) -> float:
        """D_φ; the mean over equidistant points of a smooth periodic function is its integral to rounding."""
        return 0.5 * float(
            np.mean([z @ self._dynamics.diffusion(q) @ z for q, z in zip(self.path, self.gradient, strict=True)])
        )


@dataclass(frozen=True, eq=False, repr=False)
class LimitCycle(Labelled):
    """A limit cycle of the mean-field flow.

    Attributes
    ----------
    labels : tuple of A strings "block.x"
    period : float
        T, to about 1e-9.
    times : (K,) array
        0, T/K, .., (K - 1) T/K. The average that swings most is at its maximum at t = 0.
    mean : (K, A) array
        Averages per block over one period.
    maximum, minimum : (A,) arrays
        Of each average over the period (of the curve, not of its samples).
    multipliers : (k,) complex array
        Floquet multipliers in the k = Σ_b (d_b² - 1) traceless directions and two of each mode: the trivial one first,
        which must be 1 and is reported as computed, then the others by falling modulus.
    densities : list of (K, d_b, d_b) arrays
        One-particle density matrix of each block over the period.
    model : Model
    amplitudes : (K, M) complex array
        α of each mode over the period.
    """

    labels: tuple[str, ...]
    period: float
    times: Array
    mean: Array
    maximum: Array
    minimum: Array
    multipliers: NDArray[np.complex128]
    densities: list[NDArray[np.complex128]]
    model: Model
    amplitudes: NDArray[np.complex128]
    _noise: PhaseNoise | None
    _unit: float = 1.0

    def _title(self) -> str:
        return f"Limit cycle, {self.stability}: period {self.period:.9g}"

    def _lines(self) -> list[str]:
        largest = np.abs(self.multipliers[1:]).max(initial=0.0)
        lines = facts(
            ("averages", few(self.labels)),
            ("multipliers", f"1 along the cycle, the largest of the others has the modulus {largest:.6g}"),
            ("points", f"{len(self.times):,} of one period"),
        )
        rows = ((format_number(a), format_number(b)) for a, b in zip(self.minimum, self.maximum, strict=True))
        lines += table(("over the cycle", "smallest", "largest"), self.labels, rows)
        return lines + more(f'["{self.labels[0]}"].mean, .times, .multipliers, .amplitude, .phase_diffusion, .damping')

    @property
    def amplitude(self) -> Array:
        """(A,) half of the distance between maximum and minimum."""
        return (self.maximum - self.minimum) / 2

    @property
    def stable(self) -> bool:
        """Whether all multipliers but the trivial one are inside the unit circle."""
        return bool(np.all(np.abs(self.multipliers[1:]) < 1 - NEUTRAL_PRECISE))

    @property
    def neutral(self) -> int:
        """Number of multipliers on the unit circle besides the trivial one.

        They belong to a continuum of cycles, which a conserved quantity or a symmetry makes.
        """
        return int(np.sum(np.abs(np.abs(self.multipliers[1:]) - 1) <= NEUTRAL_PRECISE))

    @property
    def stability(self) -> str:
        """Either "stable" or "neutral": multipliers besides the trivial one are on the unit circle, none outside."""
        return "stable" if self.stable else "neutral"

    @property
    def phase_diffusion(self) -> float:
        """D_φ: the phase, in units of time, has the variance 2 D_φ t/N after the time t, N all particles.

        Computed when first asked for. Raises UnsupportedError if a rate function Γ is not smooth on the cycle, or if
        the cycle is neutral: the noise leads from one cycle of the continuum to the next, with other periods or phases.
        """
        return self._phase_noise.diffusion / self._unit

    @property
    def _phase_noise(self) -> PhaseNoise:
        if self._noise is None:
            raise UnsupportedError(
                f"The limit cycle is one of a continuum ({counted(self.neutral, 'neutral multiplier')} besides the "
                f"trivial one): it has no phase of its own"
            )
        return self._noise

    @property
    def damping(self) -> float:
        """(2π/T)² D_φ: N times the rate at which the first harmonic of the averages over trajectories decays."""
        return (2 * np.pi / self.period) ** 2 * self.phase_diffusion

    @property
    def phase_gradient(self) -> Array:
        """(K, A) how the phase changes with each average, ∂φ/∂m_a, for blocks of two levels.

        Raises
        ------
        ArgumentError
            If a block has more levels: its averages are not independent of each other.
        UnsupportedError
            If the cycle is neutral.
        """
        levels = [b.levels for b in self.model.blocks]
        if max(levels) > 2:
            raise ArgumentError("model", "have two levels per particle for this", f"one has {max(levels)}")
        return self._phase_noise.gradient / self._unit @ np.linalg.inv(MeanFieldDynamics(self.model).average_slopes)


def limit_cycle(model: Model, start: State | Sequence[ArrayLike], *, time_limit: float | None = None) -> LimitCycle:
    """Find the limit cycle that the mean-field flow reaches from a start.

    The flow is followed until it returns to where it was; Newton's method (shooting) then closes the orbit to 3e-11.
    Where a quantity is conserved or a symmetry has a parameter, cycles form a continuum: the one that the start leads
    to is found, and its ``stability`` is "neutral".

    Parameters
    ----------
    model : Model
    start : State, or sequence of (d_b, d_b) arrays
        The state at t = 0, or the one-particle density matrix of each block and then α of each mode.
    time_limit : float, optional
        How long the flow is followed; 10⁴ times the inverse of its fastest rate by default.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule; a start must be a state.
    ConvergenceError
        If the flow goes to a fixed point, or to nothing in the time given, or the orbit cannot be closed.
    UnsupportedError
        If a rate has no derivative on the cycle.

    Examples
    --------
    >>> model = cj.systems.hopfield(np.ones((1, 100), dtype=int), omega=1.0, beta=4.0)
    >>> cycle = cj.attractors.limit_cycle(model, cj.tilted(model, np.pi / 2, -np.pi / 2))
    >>> print(f"{cycle.stability}, period {cycle.period:.5f}, phase diffusion {cycle.phase_diffusion:.4f}/N")
    stable, period 3.32954, phase diffusion 0.4218/N
    """
    check_model(model)
    dynamics = MeanFieldDynamics(model)
    q = dynamics.start(state_of("start", model, start))
    limit = TIME_LIMIT / dynamics.fastest_rate
    if time_limit is not None:
        limit = checks.number("time_limit", time_limit, 0) * dynamics.unit
    settling = Settling(dynamics, limit, dynamics.unit)
    reached = settling.follow(q)
    if isinstance(reached, Rest):
        mean = np.array2string(dynamics.averages(reached.point) + 0.0, precision=6, suppress_small=True)
        raise ConvergenceError(
            f"The start leads to no limit cycle: the flow goes to the fixed point with averages {mean}"
        )
    neutral = reached.neutral(NEUTRAL_PRECISE)
    if neutral:
        # the path was followed roughly: what is conserved tells the cycles of a continuum apart
        begun = _after(dynamics, q, settling.begun)
        reached = Orbit(begun, reached.period, reached.monodromy, reached.path, reached.along)
    rank = RANK_OF_FAMILY if neutral else RANK
    orbit = closed(dynamics, reached, rank)
    # the largest swing sets where a period begins
    means = dynamics.averages(orbit.path)
    swinging = int(np.argmax(np.ptp(means, axis=0)))
    top = _extreme(means[:, swinging], 1)[0] * orbit.period
    moved = _after(dynamics, orbit.point, top)
    orbit = closed(dynamics, Orbit(moved, orbit.period, orbit.monodromy, orbit.path), rank)
    multipliers, pieces = _pieces(dynamics, orbit)
    noise = None if neutral else PhaseNoise(dynamics, orbit.path, _gradient(dynamics, orbit, pieces))
    period = float(orbit.period) / dynamics.unit
    means = dynamics.averages(orbit.path)
    return LimitCycle(
        model.labels,
        period,
        np.linspace(0.0, period, len(means), endpoint=False),
        means,
        np.array([_extreme(m, 1)[1] for m in means.T]),
        np.array([_extreme(m, -1)[1] for m in means.T]),
        multipliers,
        [np.array(r) for r in zip(*(dynamics.densities(q) for q in orbit.path), strict=True)],
        model,
        np.array([dynamics.amplitudes(q) for q in orbit.path], dtype=complex),
        noise,
        dynamics.unit,
    )


def _after(dynamics: Dynamics, q: Array, time: float) -> Array:
    """Where the flow leads from q in a time, precisely."""
    return integrate(lambda _t, y: dynamics.flow(y), q, np.array([0.0, time]))[-1] if time > 0 else q


def closed(dynamics: Dynamics, rough: Orbit, rank: float = RANK) -> Orbit:
    """The orbit near a rough one, closed to full precision, at as many points as its harmonics need; see ``shoot``.

    Raises
    ------
    ConvergenceError
        If Newton's method fails, or the orbit has more harmonics than 8192 points hold.
    """
    unit = getattr(dynamics, "unit", 1.0)  # of the model's times, for messages
    orbit: Orbit | None = rough
    samples = _SAMPLES
    while orbit is not None and samples <= _MOST_SAMPLES:
        orbit = shoot(dynamics, orbit.point, orbit.period, precise=True, samples=samples, rank=rank)
        if orbit is not None and _resolved(orbit.path):
            return primitive(dynamics, orbit, precise=True)
        samples *= 2
    raise ConvergenceError(
        f"The limit cycle with a period near {rough.period / unit:.6g} could not be closed by Newton's method"
        if orbit is None
        else f"The limit cycle with a period near {rough.period / unit:.6g} is too sharp for {_MOST_SAMPLES} points"
    )


def _resolved(path: Array) -> bool:
    """Whether the Fourier coefficients of a periodic path (K, k) have died out."""
    sizes = np.abs(np.fft.rfft(path, axis=0)).max(axis=1)[1:]
    return bool(sizes[-len(sizes) // 8 :].max() < _TAIL * sizes.max())


def adjoint(dynamics: Dynamics, orbit: Orbit) -> tuple[Array, NDArray[np.complex128]]:
    """Z (K, k) along a closed orbit, normalised to Z·f = 1, and the Floquet multipliers (k,).

    Raises
    ------
    ConvergenceError
        If no multiplier is 1 within 1e-6: the orbit is not closed, or the flow is not smooth on it.
    """
    multipliers, pieces = _pieces(dynamics, orbit)
    return _gradient(dynamics, orbit, pieces), multipliers


def _pieces(dynamics: Dynamics, orbit: Orbit) -> tuple[NDArray[np.complex128], list[Array]]:
    """Floquet multipliers (k,) and Φ (segment + 1, k, k) over short pieces of the orbit; raises as ``adjoint``."""
    k, samples = dynamics.dimension, len(orbit.path)
    derivative = variation(dynamics)
    times = np.linspace(0.0, orbit.period * _SEGMENT / samples, _SEGMENT + 1)
    pieces = []
    for i in range(0, samples, _SEGMENT):
        start = np.concatenate([orbit.path[i], np.eye(k).ravel()])
        pieces.append(integrate(derivative, start, times)[:, k:].reshape(-1, k, k))
    whole = Orbit(orbit.point, orbit.period, _whole(pieces), orbit.path, dynamics.flow(orbit.point))
    multipliers = whole.multipliers
    if abs(multipliers[0] - 1) > _TRIVIAL:
        raise ConvergenceError(f"The multiplier along the limit cycle should be 1, but is {multipliers[0]:.9g}")
    return multipliers, pieces


def _whole(pieces: list[Array]) -> Array:
    """Φ (k, k) over all pieces."""
    monodromy = np.eye(pieces[0].shape[-1])
    for piece in pieces:
        monodromy = piece[-1] @ monodromy
    return monodromy


def _gradient(dynamics: Dynamics, orbit: Orbit, pieces: list[Array]) -> Array:
    """Z (K, k) along an orbit.

    Backwards in time the transposed variational equation damps what it should: Z(t)ᵀ = Z(s)ᵀ Φ(s, t), with Φ over
    short pieces of the orbit.
    """
    k, samples = dynamics.dimension, len(orbit.path)
    values, vectors = np.linalg.eig(_whole(pieces).T)
    z = vectors[:, np.argmin(np.abs(values - 1))].real
    z = z / (z @ dynamics.flow(orbit.point))
    gradient = np.empty((samples, k))
    for i, piece in zip(range(samples - _SEGMENT, -1, -_SEGMENT), reversed(pieces), strict=True):
        z = piece[-1].T @ z  # at the start of the piece
        # z at the start is Φ(t, start)ᵀ z at t
        gradient[i : i + _SEGMENT] = np.linalg.solve(piece[:-1].transpose(0, 2, 1), z[None, :, None])[:, :, 0]
    return gradient


def _extreme(values: Array, sign: int) -> tuple[float, float]:
    """Place, as a share of the period, and value of the maximum (sign 1) or minimum (-1) of the Fourier series."""
    n = len(values)
    coefficients = np.fft.rfft(values) / n
    orders = np.arange(len(coefficients))
    weights = np.where((orders == 0) | (2 * orders == n), 1, 2) * coefficients

    def derivative(x: float, order: int) -> float:
        return float((weights * (2j * np.pi * orders) ** order * np.exp(2j * np.pi * orders * x)).sum().real)

    x = float(np.argmax(sign * values)) / n
    for _ in range(8):
        bend = derivative(x, 2)
        if sign * bend >= 0:  # a constant, with rounding
            break
        x -= float(np.clip(derivative(x, 1) / bend, -1 / n, 1 / n))
    return x % 1.0, derivative(x, 0)
