"""Statistics of long trajectories: correlation times, residence in metastable states, waiting times between jumps.

They work on the series that a run keeps (``result.trajectories``), on single trajectories (:func:`cojump.trajectory`)
or on plain arrays. Standard errors over many trajectories need none of it: see ``result.stationary``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .checks import check_times
from .errors import ArgumentError
from .model import Model, check_model
from .windows import window_of

Array = NDArray[np.float64]

RELIABLE = 50.0
"""A correlation time is believed where each series is at least this many times as long."""

_CUT = 6.0
"""Correlations are summed up to this many damping times: what is left out of an exponential is e^-6 of the sum."""

_EQUAL = 1e-6
"""Relative difference of steps in time that are still equal."""

_STILL = 1e-13
"""Deviations below this are rounding of a series that stands still (averages are of order one)."""


@dataclass(frozen=True)
class CorrelationTime:
    """Integrated autocorrelation time of a series.

    Attributes
    ----------
    value, stderr : float
        τ = Δt (½ + Σ_{k ≥ 1} ρ(k Δt)) and its standard error, in units of time; the mean of a series of length T has
        the variance 2 τ σ²/T. An exponential e^{-t/τ0} has τ = τ0 (for steps Δt ≪ τ0). 0 if nothing fluctuates.
    cut : float
        Time up to which correlations were added.
    variance : float
        σ², the variance of the series itself.
    reliable : bool
        Whether each series is at least 50 times as long as τ and as the time in which correlations are damped. If not,
        τ is rather too small, and errors made from it with it.
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
    (2004), the standard error Bartlett's with the estimate of ρ.

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
    K, n = x.shape
    if n < 4:
        raise ArgumentError("series", "have at least four values", f"it has {n}")
    deviation = x - x.mean()
    if np.abs(deviation).max() <= _STILL * max(1.0, float(np.abs(x).max())):
        return CorrelationTime(0.0, 0.0, 0.0, 0.0, reliable=True)
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
    variance = float(covariance[0]) * (1 + 2 * tau / total)
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
        its own standard error, that is put in its place: the estimate may be 0, the error of the mean is not.
    tau, tau_stderr : (n,) arrays
        Integrated autocorrelation times, see :class:`CorrelationTime`.
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
    found = [autocorrelation_time(inside[:, :, a], spacing=step) for a in range(inside.shape[2])]
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
    """Return the step of equally spaced times; raise ArgumentError if they are not."""
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
    """

    visits: NDArray[np.void]
    time: Array
    exits: NDArray[np.int64]
    mean: Array
    stderr: Array

    @property
    def switches(self) -> int:
        """Number of passages between the states, both ways."""
        return int(self.exits.sum())


def residence(times: ArrayLike, series: ArrayLike, low: float, high: float) -> Residence:
    """Residence times of a series in two metastable states, told apart by two thresholds (hysteresis).

    The state is low once the series is at or below ``low``, high once it is at or above ``high``, and what it was in
    between; the time before the first of the two is left out. A passage happens where the straight line between two
    output times reaches the threshold of the new state. Excursions shorter than the steps in time can be missed:
    mean residence times are then too large by a part of about step/(2 × mean stay in the other state).

    Parameters
    ----------
    times : (T,) array
        Increasing.
    series : (T,) or (K, T) array
        One series or K of them, for instance of :func:`kept_series`.
    low, high : float
        Thresholds, low < high.

    Raises
    ------
    ArgumentError
        If shapes do not fit or the thresholds are not in order.
    """
    t, x = check_times(times), _matrix("series", series)
    if x.shape[1] != len(t):
        raise ArgumentError("series", f"have one value for each of the {len(t)} times", f"it has {x.shape[1]}")
    low, high = checks.number("low", low), checks.number("high", high)
    if not low < high:
        raise ArgumentError("low", "be less than `high`", f"low = {low:g} and high = {high:g}")
    pieces = [_visits(k, t, row, low, high) for k, row in enumerate(x)]
    visits = np.concatenate(pieces)
    in_state = [visits["state"] == state for state in (0, 1)]
    time = np.array([visits["duration"][mask].sum() for mask in in_state])
    # every stay but the last of a series is followed by another: it was left
    exits = np.array([sum(int((p["state"][:-1] == state).sum()) for p in pieces) for state in (0, 1)])
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = time / exits
        stderr = np.where(exits > 0, mean / np.sqrt(exits), np.nan)
    return Residence(visits, time, exits, mean, stderr)


def _visits(number: int, t: Array, x: Array, low: float, high: float) -> NDArray[np.void]:
    """Stays of one series."""
    seen = np.flatnonzero((x <= low) | (x >= high))
    state = (x[seen] >= high).astype(int)
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

    Attributes
    ----------
    intervals : (n,) array
        All of them, sorted.
    """

    intervals: Array

    @property
    def mean(self) -> float:
        """Mean waiting time; NaN if there is none."""
        return float(self.intervals.mean()) if self.intervals.size else float("nan")

    @property
    def stderr(self) -> float:
        """Standard error of the mean, for waiting times independent of each other (a renewal process)."""
        n = self.intervals.size
        return float(self.intervals.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    @property
    def randomness(self) -> float:
        """Variance over squared mean: 1 for a Poisson process, and the Fano factor of any renewal process."""
        return float(self.intervals.var(ddof=1)) / self.mean**2 if self.intervals.size > 1 else float("nan")

    def survival(self, times: ArrayLike) -> tuple[Array, Array]:
        """Probability to wait longer than each of ``times``, and its binomial standard error."""
        t = _matrix("times", times)[0]
        n = max(self.intervals.size, 1)
        S = (self.intervals.size - np.searchsorted(self.intervals, t, side="right")) / n
        return S, np.sqrt(S * (1 - S) / n)

    def density(self, edges: ArrayLike) -> tuple[Array, Array]:
        """Probability density in bins with the given ``edges`` (n + 1,), and its standard error: two (n,) arrays."""
        bins = check_times(edges, "edges")
        n = max(self.intervals.size, 1)
        share = np.histogram(self.intervals, bins)[0] / n
        return share / np.diff(bins), np.sqrt(share * (1 - share) / n) / np.diff(bins)


def waiting_times(
    records: NDArray[np.void] | Sequence[NDArray[np.void]], channel: int | None = None, *, start: float = 0.0
) -> WaitingTimes:
    """Waiting times between successive jumps of one channel, or of any.

    Parameters
    ----------
    records : structured array or a sequence of them
        Jump records of trajectories, ``cojump.trajectory(...).jumps``.
    channel : int, optional
        Position in ``model.jumps``; None takes all jumps together.
    start : float
        Jumps before it are left out (burn-in).

    Notes
    -----
    The wait that the end of a record cuts is not counted, so that long ones are a little too rare, by a part of about
    mean wait/length of the record.

    Raises
    ------
    ArgumentError
        If a record is none, or ``channel`` or ``start`` is no number of its kind.
    """
    begin = checks.number("start", start)
    single = isinstance(records, np.ndarray) and records.dtype.names is not None
    what = "jump records (trajectory.jumps), one or a list of them"
    pieces = []
    for record in [records] if single else checks.items("records", records, what):
        if not isinstance(record, np.ndarray) or not {"time", "channel"} <= set(record.dtype.names or ()):
            raise ArgumentError(
                "records", "be jump records with a time and a channel", f"one is {type(record).__name__}"
            )
        chosen = record["time"] >= begin
        if channel is not None:
            chosen &= record["channel"] == checks.integer("channel", channel, 0)
        pieces.append(np.diff(record["time"][chosen]))
    return WaitingTimes(np.sort(np.concatenate(pieces)) if pieces else np.empty(0))


def _kept(source: Any) -> tuple[Array, Array]:
    """Times (T,) and series (K, T, A) of a result or a trajectory."""
    if hasattr(source, "trajectories"):
        if not len(source.trajectories):
            raise ArgumentError("source", "keep the series of trajectories (`keep`)", "it keeps none")
        return source.times, source.trajectories
    if hasattr(source, "jumps"):
        return source.times, source.mean[None]
    raise ArgumentError("source", "be a result that keeps series, or a trajectory", f"it is {type(source).__name__}")


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
