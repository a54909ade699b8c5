"""Statistics of long trajectories: correlation times, residence in metastable states, waiting times between jumps.

They work on the series that a run keeps (``result.trajectories``), on single trajectories (:func:`cojump.trajectory`)
or on plain arrays. Standard errors over many trajectories need none of it: see ``result.stationary``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import ArgumentError
from ...measure.time_windows import window_of
from ...model import Model
from ...model.model import check_model
from ...tools import checks
from ...tools.checks import check_times
from ...tools.types import Array

if TYPE_CHECKING:
    from ...model.states import State
    from ...trajectories.outcome import Trajectory


RELIABLE = 50.0
"""A correlation time is believed where each series is at least this many times as long."""

_CUT = 6.0
"""Correlations are summed up to this many damping times: what is left out of an exponential is e^-6 of the sum."""

_EQUAL = 1e-6
"""Relative difference of steps in time that are still equal."""

_STILL = 1e-13
"""Deviations below this, relative to the largest value, are rounding of a series that stands still."""

_WANDERING = 4.8 * 1.4
"""What a window that follows the data adds to the variance of τ: 6 E|δτ| of its length, times a calibrated 1.4."""

_SLACK = 1e-7
"""Part of the distance between two thresholds by which a value on one of them may miss it: rounding of averages."""

_UNKNOWN = 0.02
"""Where waits are longer than the longest one seen with more than this probability, their mean has no known error."""

_BEYOND = 3.0
"""Records that end by so many times the longest wait before the others did not end together with them."""


@dataclass(frozen=True)
class CorrelationTime:
    """Integrated autocorrelation time of a series.

    Attributes
    ----------
    value, stderr : float
        τ = Δt (½ + Σ_{k ≥ 1} ρ(k Δt)) and its standard error, in units of time; the mean of a series of length T has
        the variance 2 τ σ²/T. An exponential e^{-t/τ0} has τ = τ0 (for steps Δt ≪ τ0). Both are NaN for a series in
        which nothing fluctuates: it does not tell how long it will stand still.
    cut : float
        Time up to which correlations were added.
    variance : float
        σ², the variance of the series itself.
    reliable : bool
        Whether something fluctuates and each series is at least 50 times as long as τ and as the time in which
        correlations are damped. If not, τ is rather too small, and errors made from it with it.
    """

    value: float
    stderr: float
    cut: float
    variance: float
    reliable: bool


def autocorrelation_time(series: ArrayLike, *, spacing: float = 1.0) -> CorrelationTime:
    """Integrated autocorrelation time with a self-consistent window, right for correlations that oscillate, too.

    Correlations are added up to the first time M ≥ 6 max(τ(M), D(M)): Sokal's window (in Functional Integration, Plenum
    1997) with the time D in which correlations are damped beside the integrated one, D = 4 E - τ with E the integrated
    time of ρ². For ρ = e^{-t/τ0} cos(ωt), where τ = τ0/(1 + ω²τ0²) may be arbitrarily small, D = τ0 at any ω, by
    ∫ρ² = τ0 (1 + 1/(1 + ω²τ0²))/4; without oscillations D = τ. The estimate of E is freed from the 2E/n per step that
    noise adds to ρ² (Bartlett). The bias of the subtracted mean is that of Wolff, Comput. Phys. Commun. 156, 143
    (2004). The standard error is Bartlett's with the estimate of ρ, and beside it what a window adds that is chosen by
    the same data: 1.05 times Bartlett's error for 4000 τ of an exponential, 1.2 times for 300 τ. Estimate and error are
    large together and small together, so that (estimate - τ)/error has a mean of about -1.5 times the relative error.

    Parameters
    ----------
    series : (n,) or (K, n) array
        One series, or K independent ones of the same stationary process, at equal steps in time.
    spacing : float
        The step Δt.

    Raises
    ------
    ArgumentError
        If the series is not finite or shorter than four values.
    """
    x = _matrix("series", series)
    step = checks.number("spacing", spacing, 0.0)
    if step == 0:
        raise ArgumentError("spacing", "be more than 0", "it is 0")
    if x.shape[1] < 4:
        raise ArgumentError("series", "have at least four values", f"it has {x.shape[1]}")
    return _correlation_time(x, step, _STILL * float(np.abs(x).max()))


def _correlation_time(x: Array, step: float, still: float) -> CorrelationTime:
    """The same for series (K, n) whose deviations up to ``still`` are rounding."""
    K, n = x.shape
    largest = float(np.abs(x).max()) or 1.0
    deviation = (x - x.mean()) / largest  # squares of small values must not vanish
    if np.abs(deviation).max() * largest <= still:
        return CorrelationTime(np.nan, np.nan, 0.0, 0.0, reliable=False)
    spectrum = np.abs(np.fft.rfft(deviation, 2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum.sum(axis=0))[:n] / (K * (n - np.arange(n)))
    total, ends, rho = K * n, np.arange(n), covariance / covariance[0]
    partial = np.cumsum(rho) - 0.5
    squares = np.maximum((np.cumsum(rho**2) - 0.5) * (1 - 2 * ends / total), 0.5)  # ρ(0) = 1 alone makes ½
    scale = np.maximum(partial, 4 * squares - partial)
    met = np.flatnonzero(ends[1:] >= _CUT * scale[1:])
    # Up to n - 1 the correlations add up to nothing but the subtracted mean: a window must end well before.
    M = min(int(met[0]) + 1 if met.size else n - 1, n // 2)
    tau = max(float(partial[M]), 0.0) * (1 + (2 * M + 1) / total)
    error = _window_error(rho[: M + 1], tau, total)
    # σ² = σ_Bartlett² + 6 E|δτ| 4τ²/n: the sum goes on by 6 δτ where it is too large by δτ, and gathers more noise
    added = 0.5 * _WANDERING * 4 * tau**2 / total
    error = added + float(np.hypot(added, error))
    variance = float(covariance[0]) * largest**2 * (1 + 2 * tau / total)
    return CorrelationTime(tau * step, error * step, M * step, variance, reliable=bool(n >= RELIABLE * scale[M]))


def _window_error(rho: Array, tau: float, total: int) -> float:
    """Standard error of ½ Σ_{|k| ≤ M} ρ(k) by Bartlett's formula, from the estimate of ρ(0)..ρ(M) and n values in all.

    τ = Σ_k w_k γ(k)/γ(0) with w_k = ½ - τ δ_{k0} has the variance (2/n) Σ_l (w * ρ)(l)²: the part of the spectrum that
    the window lets through. Wolff's 4 τ² (M + ½ - τ)/n is its value where the spectrum is flat over the width 1/M.
    """
    M = len(rho) - 1
    whole = np.concatenate([rho[:0:-1], rho])
    running = np.cumsum(whole)
    through = 0.5 * np.concatenate([running, running[-1] - running[:-1]])  # at l = -2M..2M
    through[M : 3 * M + 1] -= tau * whole
    return float(np.sqrt(2 * np.sum(through**2) / total))


@dataclass(frozen=True, eq=False)
class TimeAverages:
    """Averages over time of a few long series, with errors from their correlation times.

    Attributes
    ----------
    labels : tuple of n strings
    start, end : float
        First and last time of the window.
    mean, stderr : (n,) arrays
        Mean over time and series, and σ √(2 τ/(K T)) for K series of length T. Where oscillations make τ smaller than
        its own standard error, that is put in its place: the estimate may be 0, the error of the mean is not. NaN
        where nothing fluctuates: such a series does not know its error.
    tau, tau_stderr : (n,) arrays
        Integrated autocorrelation times, see :class:`CorrelationTime`; NaN where nothing fluctuates.
    reliable : (n,) array of bool
        As in :class:`CorrelationTime`: where series are too short, the errors are rather too small.
    """

    labels: tuple[str, ...]
    start: float
    end: float
    mean: Array
    stderr: Array
    tau: Array
    tau_stderr: Array
    reliable: NDArray[np.bool_]


def averages(source: Any, *, burn_in: float | None = None, window: float | None = None) -> TimeAverages:
    """Stationary averages of <m_a> along trajectories, with errors from their integrated autocorrelation times.

    Parameters
    ----------
    source : Result or Trajectory
        A result that keeps series (``keep`` of :func:`cojump.simulate`), or one trajectory (:func:`cojump.trajectory`).
    burn_in, window : float, optional
        Begin and end of the times used; by default all.

    Raises
    ------
    ArgumentError
        If there is no series, or the output times in the window are not equally spaced or fewer than four.
    """
    times, series = _kept(source)
    chosen = window_of(times, burn_in, window)
    if chosen is None:
        raise ArgumentError("times", "be at least four", "there is one")
    step = equal_step(chosen.times)
    inside = series[:, chosen.places]
    if inside.shape[1] < 4:
        raise ArgumentError("times", "be at least four in the window", f"there are {inside.shape[1]}")
    # averages are of order one: what is less than the rounding of 1 is that of an average which is zero
    still = [_STILL * max(1.0, float(np.abs(inside[:, :, a]).max())) for a in range(inside.shape[2])]
    found = [_correlation_time(inside[:, :, a], step, still[a]) for a in range(inside.shape[2])]
    tau, tau_stderr, variance = (
        np.array([getattr(f, name) for f in found]) for name in ("value", "stderr", "variance")
    )
    duration = inside.shape[0] * inside.shape[1] * step
    return TimeAverages(
        source.labels,
        *chosen.interval,
        inside.mean(axis=(0, 1)),
        np.sqrt(2 * np.maximum(tau, tau_stderr) * variance / duration),
        tau,
        tau_stderr,
        np.array([f.reliable for f in found]),
    )


def equal_step(times: Array) -> float:
    """Return the step of equally spaced times, two at least; raise ArgumentError if they are not."""
    times = check_times(times)
    if len(times) < 2:
        raise ArgumentError("times", "be at least two", "there is one")
    steps = np.diff(times)
    step = float(times[-1] - times[0]) / len(steps)
    if np.abs(steps - step).max() > _EQUAL * step:
        found = f"their steps are from {steps.min():g} to {steps.max():g}"
        raise ArgumentError("times", "be equally spaced in the window", found)
    return step


def kept_series(source: Any, observable: str | Mapping[str, ArrayLike], *, model: Model | None = None) -> Array:
    """Series of one average along the kept trajectories.

    Parameters
    ----------
    source : Result or Trajectory
        As for :func:`averages`.
    observable : str or mapping
        A label of the source; or, with ``model``, the name of an order parameter (``"overlap1"``) or a mapping
        {block: X}, the average Σ_b (1/N_b) Σ_{k in b} X_b^(k).
    model : Model, optional
        The model of the source.

    Returns
    -------
    (K, T) array
    """
    _, series = _kept(source)
    if isinstance(observable, str) and observable in source.labels:
        return series[:, :, source.labels.index(observable)]
    if model is not None:
        check_model(model)
    if model is not None and isinstance(observable, str) and observable in model.order_parameters:
        observable = model.order_parameters[observable]
    if model is None or isinstance(observable, str):
        known = [*source.labels, *(model.order_parameters if model is not None else ())]
        if model is None and isinstance(observable, Mapping):
            raise ArgumentError("model", "be given with matrices as the observable", "it is missing")
        raise ArgumentError("observable", f"be one of {', '.join(known)}", f"it is {checks.shown(observable)}")
    constant, coefficients = model.linear("observable", observable)
    if tuple(source.labels) != model.labels:
        raise ArgumentError("model", f"have the averages of the source, {', '.join(source.labels)}", "it has others")
    return constant + series @ coefficients


VISIT = np.dtype([("trajectory", "i8"), ("state", "i8"), ("start", "f8"), ("duration", "f8"), ("censored", "?")])
"""One stay in a state: in which series, 0 low or 1 high, from when, how long, and whether begin or end is unseen."""


@dataclass(frozen=True, eq=False)
class Residence:
    """Stays in two states, low and high.

    Attributes
    ----------
    visits : structured array
        ``trajectory``, ``state`` (0 low, 1 high), ``start``, ``duration``, ``censored`` (it had begun before the
        series or goes on after it, so that the duration is a lower bound).
    time : (2,) array
        Time spent in low and in high, censored stays included.
    exits : (2,) int array
        How often low and high were left.
    mean, stderr : (2,) arrays
        Mean residence times: time/exits, the maximum-likelihood estimate for exponentially distributed stays of which
        some are censored, and its standard error mean/√exits. Infinite, with an error NaN, for a state never left
        (an absorbing one); NaN for one never visited.
    step_bias : (2,) array
        By which part ``mean`` becomes longer if only every second output time is used. ``mean`` itself is too long by
        as much at least, by the 1.5-fold where this is 0.01 and the fourfold where it is 0.07 in the example of
        :func:`residence`; if it is not far below stderr/mean, use shorter steps or :func:`at_jumps`, for which it has
        no meaning. NaN where too few passages are left.
    """

    visits: NDArray[np.void]
    time: Array
    exits: NDArray[np.int64]
    mean: Array
    stderr: Array
    step_bias: Array

    @property
    def switches(self) -> int:
        """Number of passages between the states, both ways."""
        return int(self.exits.sum())


def residence(
    times: ArrayLike | Sequence[ArrayLike], series: ArrayLike | Sequence[ArrayLike], low: float, high: float
) -> Residence:
    """Residence times of a series in two metastable states, told apart by two thresholds (hysteresis).

    The state is low once the series is at or below ``low``, high once it is at or above ``high``, and what it was in
    between; the time before the first of the two is left out. A passage happens where the straight line between two
    output times reaches the threshold of the new state. A value that misses a threshold by rounding (1e-7 of the
    distance between the two) is on it.

    Excursions between two output times are not seen, so that mean residence times are too large: by a part of about
    step/(2 × mean stay in the other state) if the series stays there once it has passed, and by much more if it may
    turn back at once, as it does near a barrier. Stays of 93.3 of a network of 20 spins come out 1.6, 6.5, 16, 30 % too
    long with steps of 0.05, 0.25, 1 and 4, jumps being 0.2 apart. Output times on both sides of every jump,
    :func:`at_jumps`, see all passages by jumps and have no such bias; ``Residence.step_bias`` shows how large it is
    otherwise.

    Parameters
    ----------
    times : (T,) array, or a list of K of them
        Increasing.
    series : (T,) or (K, T) array, or a list of K arrays
        One series or K of them, for instance of :func:`kept_series`. A list has one array for each of the times.
    low, high : float
        Thresholds, low < high.

    Raises
    ------
    ArgumentError
        If shapes do not fit or the thresholds are not in order.
    """
    pairs = _series_at(times, series)
    low, high = checks.number("low", low), checks.number("high", high)
    if not low < high:
        raise ArgumentError("low", "be less than `high`", f"low = {low:g} and high = {high:g}")
    visits, time, exits = _all_visits(pairs, low, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = time / exits
        stderr = np.where(exits > 0, mean / np.sqrt(exits), np.nan)
        coarser = [
            _all_visits([(t[k::2], x[k::2]) for t, x in pairs if len(t) > 3], low, high)[1:]
            for k in (0, 1)
            if any(len(t) > 3 for t, _ in pairs)
        ]
        longer = sum(c[0] for c in coarser) / sum(c[1] for c in coarser) if coarser else np.full(2, np.nan)
        bias = np.where(np.isfinite(longer / mean), longer / mean - 1, np.nan)
    return Residence(visits, time, exits, mean, stderr, bias)


def _series_at(times: Any, series: Any) -> list[tuple[Array, Array]]:
    """Pairs of times and values, one for each series."""
    if isinstance(times, list | tuple) and times and not isinstance(times[0], Real):
        rule = f"have one array for each of the {len(times)} arrays of times"
        if not isinstance(series, list | tuple | np.ndarray) or (isinstance(series, np.ndarray) and not series.ndim):
            raise ArgumentError("series", rule, f"it is {checks.shown(series)}")
        if len(series) != len(times):
            raise ArgumentError("series", rule, f"it has {len(series)}")
        pairs = []
        for k, (own, values) in enumerate(zip(times, series, strict=True)):
            t, x = check_times(own, f"times[{k}]"), _matrix(f"series[{k}]", values)
            if x.shape != (1, len(t)):
                rule = f"have one value for each of the {len(t)} times[{k}]"
                raise ArgumentError(f"series[{k}]", rule, f"its shape is {np.shape(values)}")
            pairs.append((t, x[0]))
        return pairs
    t, x = check_times(times), _matrix("series", series)
    if x.shape[1] != len(t):
        raise ArgumentError("series", f"have one value for each of the {len(t)} times", f"it has {x.shape[1]}")
    return [(t, row) for row in x]


def at_jumps(
    model: Model, state: State, times: ArrayLike, *, seed: int, index: int, tolerance: float = 1e-9
) -> Trajectory:
    """Run one trajectory with output times on both sides of each of its jumps, beside those given.

    It is the trajectory of :func:`cojump.trajectory` with the same seed and index, run twice: first for the times of
    its jumps. What :func:`residence` finds in it does not depend on the output times as far as passages are made by
    jumps; where a Hamiltonian moves the averages between jumps as well, ``times`` have to be dense enough for that.

    Parameters
    ----------
    model, state, times, seed, index, tolerance
        As for :func:`cojump.trajectory`.

    Returns
    -------
    Trajectory
        Its times are those given, each jump's (just before it), and the next floating-point number (just after it).

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError
        As :func:`cojump.trajectory`.
    """
    from ...simulation import trajectory

    checked = check_times(times)
    first = trajectory(model, state, checked[[-1]], seed=seed, index=index, tolerance=tolerance)
    jumps = first.jumps["time"]
    after = np.nextafter(jumps, np.inf)
    both = np.unique(np.concatenate([checked, jumps, after[after <= checked[-1]]]))
    return trajectory(model, state, both, seed=seed, index=index, tolerance=tolerance)


def _all_visits(
    pairs: Sequence[tuple[Array, Array]], low: float, high: float
) -> tuple[NDArray[np.void], Array, NDArray[np.int64]]:
    """Stays, the time in low and in high, and how often each was left."""
    pieces = [_visits(k, t, row, low, high) for k, (t, row) in enumerate(pairs)]
    visits = np.concatenate(pieces)
    time = np.array([visits["duration"][visits["state"] == state].sum() for state in (0, 1)])
    # every stay but the last of a series is followed by another: it was left
    exits = np.array([sum(int((p["state"][:-1] == state).sum()) for p in pieces) for state in (0, 1)])
    return visits, time, exits


def _visits(number: int, t: Array, x: Array, low: float, high: float) -> NDArray[np.void]:
    """Stays of one series."""
    slack = _SLACK * (high - low)
    seen = np.flatnonzero((x <= low + slack) | (x >= high - slack))
    state = (x[seen] >= high - slack).astype(int)
    new = np.flatnonzero(np.diff(state, prepend=-1))
    if not new.size:
        return np.empty(0, dtype=VISIT)
    at, state = seen[new], state[new]
    start = t[at].copy()
    after = at > 0  # the first one may be there from the beginning
    i = at[after]
    threshold = np.where(state[after] == 1, high, low)
    start[after] = t[i - 1] + (t[i] - t[i - 1]) * np.clip((threshold - x[i - 1]) / (x[i] - x[i - 1]), 0.0, 1.0)
    made = np.empty(len(start), dtype=VISIT)
    made["trajectory"], made["state"], made["start"] = number, state, start
    made["duration"] = np.diff(start, append=t[-1])
    made["censored"] = False
    made["censored"][-1] = True
    made["censored"][0] |= at[0] == 0
    return made


@dataclass(frozen=True, eq=False)
class WaitingTimes:
    """Times between one jump and the next.

    A record ends in the middle of a wait, and more probably in a long one. Such cut waits count as what they are, lower
    bounds (the product-limit estimate of Kaplan and Meier): without them long waits would be too rare by a part of
    about mean wait/length of the record. Errors are those for waiting times independent of each other (a renewal
    process).

    Attributes
    ----------
    intervals : (n,) array
        The complete ones, sorted.
    cut : (m,) array
        Times from the last jump of each record to its end, sorted.
    """

    intervals: Array
    cut: Array = field(default_factory=lambda: np.empty(0))

    @cached_property
    def _limit(self) -> _ProductLimit:
        return _ProductLimit(self.intervals, self.cut)

    @property
    def mean(self) -> float:
        """Mean waiting time; NaN if there is none. Beyond the longest wait seen the law is taken as exponential."""
        return self._limit.mean

    @property
    def stderr(self) -> float:
        """Standard error of the mean; NaN for fewer than two waits, or if 2 % or more are longer than all seen."""
        return self._limit.mean_stderr

    @property
    def randomness(self) -> float:
        """Variance over squared mean: 1 for a Poisson process, and the Fano factor of any renewal process.

        NaN for fewer than two waits, or if all of them are zero.
        """
        return self._limit.variance / self.mean**2 if self.intervals.size > 1 and self.mean > 0 else float("nan")

    @property
    def unseen(self) -> float:
        """Probability to wait longer than the longest wait seen: where it is not small, the mean is a guess."""
        return self._limit.left

    def survival(self, times: ArrayLike) -> tuple[Array, Array]:
        """Probability to wait longer than each of ``times``, and its standard error; NaN where nothing was seen."""
        return self._limit.survival(_matrix("times", times)[0], side="right")

    def density(self, edges: ArrayLike) -> tuple[Array, Array]:
        """Probability density in bins with the given ``edges`` (n + 1,), and its standard error: two (n,) arrays."""
        bins = check_times(edges, "edges")
        if len(bins) < 2:
            raise ArgumentError("edges", "be at least two", "there is one")
        share, error = self._limit.shares(bins)
        return share / np.diff(bins), error / np.diff(bins)


class _ProductLimit:
    """The law of a waiting time from complete and cut ones, S(t) = Π_{t_i ≤ t} (1 - d_i/n_i), and its moments.

    n_i waits last until t_i at least, d_i of them end there. The mean is ∫ S dt with the variance
    Σ_i d_i (∫_{t_i} S dt)²/(n_i (n_i - d_i)) (Greenwood). What is left where the observation ends is given an
    exponential law whose mean is that of the longest waits, counted from the shortest of them.
    """

    def __init__(self, complete: Array, cut: Array) -> None:
        self._count = n = complete.size
        self._longest = max(float(complete[-1]) if n else 0.0, float(cut[-1]) if cut.size else 0.0)
        self._t, ended = np.unique(complete, return_counts=True)
        risk = n - np.searchsorted(complete, self._t) + cut.size - np.searchsorted(cut, self._t)
        self._S = np.concatenate([[1.0], np.cumprod(1 - ended / np.maximum(risk, 1))])
        self._S[1:][risk == ended] = 0.0
        with np.errstate(divide="ignore"):
            self._greenwood = np.where(risk > ended, ended / (risk * np.maximum(risk - ended, 1.0)), 0.0)
        self.left = float(self._S[-1]) if n else float("nan")
        self.mean = self.mean_stderr = self.variance = float("nan")
        if not n:
            return
        # the waits that lasted longer than most: how much longer, per complete one
        ends = min(max(n // 10, 10), n)
        since = complete[n - ends - 1] if n > ends else 0.0
        beyond = float(np.maximum(complete - since, 0.0).sum() + np.maximum(cut - since, 0.0).sum()) / ends
        edges = np.concatenate([[0.0], self._t, [self._longest]])
        area = self._S * np.diff(edges)
        tail = self.left * beyond
        self.mean = float(area.sum()) + tail
        if n < 2:
            return
        after = self.mean - np.cumsum(area)[:-1]  # ∫ S from each t_i on
        bessel = n / (n - 1)
        if self.left <= _UNKNOWN:
            self.mean_stderr = float(np.sqrt(bessel * np.sum(self._greenwood * after**2) + tail**2 / ends))
        # around the mean, so that nothing cancels: steps of S are probabilities, the rest is the exponential
        jumps = -np.diff(self._S)
        spread = np.sum(jumps * (self._t - self.mean) ** 2)
        spread += self.left * ((self._longest + beyond - self.mean) ** 2 + beyond**2)
        self.variance = float(bessel * spread)

    def survival(self, t: Array, side: Literal["left", "right"]) -> tuple[Array, Array]:
        """P(w > t), or P(w ≥ t) from the left, and its error; NaN beyond what was seen."""
        places = np.searchsorted(self._t, t, side=side)
        S = self._S[places]
        error = S * np.sqrt(np.concatenate([[0.0], np.cumsum(self._greenwood)])[places])
        unknown = (t > self._longest) & (S > 0)
        return np.where(unknown, np.nan, S), np.where(unknown, np.nan, error)

    def shares(self, bins: Array) -> tuple[Array, Array]:
        """Probability to wait for a time in each bin, the last one closed on the right, and its error."""
        ahead, error = self.survival(bins, side="left")
        last, last_error = self.survival(bins[-1:], side="right")
        ahead[-1], error[-1] = last[0], last_error[0]
        share = -np.diff(ahead)
        # as many waits as give a binomial S the error it has; without cut ones just their number
        with np.errstate(divide="ignore", invalid="ignore"):
            count = np.where(error > 0, ahead * (1 - ahead) / error**2, self._count)[1:]
        return share, np.sqrt(np.maximum(share * (1 - share), 0.0) / np.maximum(count, 1.0))


def waiting_times(
    records: Any, channel: int | None = None, *, start: float = 0.0, end: float | None = None
) -> WaitingTimes:
    """Waiting times between successive jumps of one channel, or of any.

    Parameters
    ----------
    records : Trajectory or structured array, or a sequence of them
        Trajectories (:func:`cojump.trajectory`), which know when they end, or their jump records ``.jumps``.
    channel : int, optional
        Position in ``model.jumps``; None takes all jumps together.
    start : float
        Jumps before it are left out (burn-in).
    end : float, optional
        Until when the records were taken. By default the last output time of a trajectory; bare records are taken to
        end together, with the last jump of any of them.

    Raises
    ------
    ArgumentError
        If a record is none, or its times are not finite or not in order, ``channel``, ``start`` or ``end`` is no number
        of its kind, or bare records cannot have ended together and ``end`` is not given.
    """
    begin = checks.number("start", start)
    last = None if end is None else checks.number("end", end)
    number = None if channel is None else checks.integer("channel", channel, 0)
    given = _records(records)
    ends = _ends([(r, own if last is None else last) for r, own in given], begin)
    pieces, cut = [np.empty(0)], [0.0][:0]
    for (record, _), until in zip(given, ends, strict=True):
        chosen = (record["time"] >= begin) & (record["time"] <= until)
        if number is not None:
            chosen &= record["channel"] == number
        times = record["time"][chosen]
        pieces.append(np.diff(times))
        if times.size and until > times[-1]:
            cut.append(until - float(times[-1]))
    return WaitingTimes(np.sort(np.concatenate(pieces)), np.sort(np.array(cut)))


def _records(records: Any) -> list[tuple[NDArray[np.void], float | None]]:
    """Jump records with the times when they end, as far as these are known."""
    single = (hasattr(records, "jumps") and hasattr(records, "times")) or (
        isinstance(records, np.ndarray) and records.dtype.names is not None
    )
    listed = isinstance(records, Sequence) and not isinstance(records, str | bytes)
    if not single and not listed and not (isinstance(records, np.ndarray) and records.ndim):
        rule = "be jump records (trajectory.jumps) or trajectories, one or a list of them"
        raise ArgumentError("records", rule, f"it is {checks.shown(records)}")
    found = []
    for item in [records] if single else records:
        record = getattr(item, "jumps", item)
        named = isinstance(record, np.ndarray) and {"time", "channel"} <= set(record.dtype.names or ())
        if not named or record.ndim != 1 or any(record.dtype[name].kind not in "fiu" for name in ("time", "channel")):
            found_one = f"one is {type(item).__name__}"
            raise ArgumentError("records", "be jump records with a time and a channel", found_one)
        if not np.isfinite(record["time"]).all():
            raise ArgumentError("records", "have finite times", "one has NaN or infinite ones")
        if np.any(np.diff(record["time"].astype(float)) < 0):
            raise ArgumentError("records", "have times in order", "in one a jump is earlier than the jump before it")
        found.append((record, float(check_times(item.times)[-1]) if hasattr(item, "times") else None))
    return found


def _ends(given: Sequence[tuple[NDArray[np.void], float | None]], begin: float) -> list[float]:
    """When each record ends; those that do not know it end with the last jump of any of them."""
    bare = [record["time"][record["time"] >= begin] for record, end in given if end is None]
    jumps = [times for times in bare if times.size]
    common = max((float(times[-1]) for times in jumps), default=begin)
    longest = max((float(np.diff(times).max()) for times in jumps if times.size > 1), default=np.inf)
    missing = max((common - float(times[-1]) for times in jumps), default=0.0)
    if missing > _BEYOND * longest:
        found = f"the jumps of one end {missing:g} before those of another, and the longest wait is {longest:g}"
        raise ArgumentError("end", "be given for records that may not have ended together", found)
    return [common if end is None else end for _, end in given]


def _kept(source: Any) -> tuple[Array, Array]:
    """Times (T,) and series (K, T, A) of a result or a trajectory."""
    times, labels = getattr(source, "times", None), getattr(source, "labels", None)
    series = getattr(source, "trajectories", None)
    if series is None and hasattr(source, "jumps") and isinstance(getattr(source, "mean", None), np.ndarray):
        series = source.mean[None]
    if not isinstance(series, np.ndarray) or not isinstance(times, np.ndarray) or not isinstance(labels, tuple):
        found = f"it is {checks.shown(source)}"
        raise ArgumentError("source", "be a result that keeps series, or a trajectory", found)
    if not len(series):
        raise ArgumentError("source", "keep the series of trajectories (`keep`)", "it keeps none")
    if series.shape[1:] != (len(times), len(labels)):
        rule = f"have series of {len(times)} times and {len(labels)} averages"
        raise ArgumentError("source", rule, f"their shape is {series.shape}")
    return times, series


def _matrix(name: str, values: ArrayLike) -> Array:
    """(K, n) series; raises ArgumentError if it is none."""
    given = checks.array(name, values, "an array of numbers, of the shape (n,) or (K, n)", real=True, finite=False)
    x = np.atleast_2d(given.astype(float))
    if x.ndim != 2 or not x.size:
        raise ArgumentError(name, "have the shape (n,) or (K, n)", f"its shape is {x.shape}")
    if not np.isfinite(x).all():
        raise ArgumentError(name, "be finite", "it has NaN or infinite values")
    if np.abs(x).max() > checks.LARGEST:
        raise ArgumentError(name, f"have entries of at most {checks.LARGEST:g} in size", "it has larger ones")
    return x
