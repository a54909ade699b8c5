"""Integrated autocorrelation times, and averages over one long trajectory with errors from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import ArgumentError
from ...measure.certainty import LEAST
from ...measure.time_windows import window_of
from ...tools import checks
from ...tools.checks import check_times
from ...tools.labelled import Labelled
from ...tools.numbers import format_value
from ...tools.summaries import Summarised, few, more, table
from ...tools.types import Array
from .kept_series import kept_of, series_matrix

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


@dataclass(frozen=True, repr=False)
class CorrelationTime(Summarised):
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
        correlations are damped. If not, τ is rather too small, and errors made from it with it. Not reliable is also a
        series whose spread is carried by few values: one odd value in 1000 says nothing of how often there are others.
    """

    value: float
    stderr: float
    cut: float
    variance: float
    reliable: bool

    def _title(self) -> str:
        doubt = "" if self.reliable else ", not reliable"
        return f"Correlation time {format_value(self.value, self.stderr, exact=0.0)}{doubt}"


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

    Examples
    --------
    >>> noise, series = np.random.default_rng(1).standard_normal(200_000), np.zeros(200_000)
    >>> for k in range(1, len(series)):
    ...     series[k] = 0.9 * series[k - 1] + noise[k]  # correlations 0.9^k add up to 9.5
    ...
    >>> tau = cj.longtime.autocorrelation_time(series)
    >>> print(f"{tau.value:.1f} ± {tau.stderr:.1f}, reliable: {tau.reliable}")
    9.4 ± 0.3, reliable: True
    """
    x = series_matrix("series", series)
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
    # a spread that few values carry, or few groups of values that belong together, says little of the rest
    carriers = float(np.sum(deviation**2) ** 2 / np.sum(deviation**4)) / max(float(scale[M]), 1.0)
    long_enough = n >= RELIABLE * scale[M] and carriers >= LEAST
    return CorrelationTime(tau * step, error * step, M * step, variance, reliable=bool(long_enough))


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


@dataclass(frozen=True, eq=False, repr=False)
class TimeAverages(Labelled):
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

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """(n,) where ``stderr`` may be too small: the averages that are not ``reliable``."""
        return ~self.reliable

    def _title(self) -> str:
        return f"Averages over t = {self.start:g} to {self.end:g} of single trajectories: {few(self.labels)}"

    def _lines(self) -> list[str]:
        values = zip(self.mean, self.stderr, self.tau, self.tau_stderr, self.reliable, strict=True)
        rows = (
            (format_value(m, e), format_value(t, te, exact=0.0), "yes" if good else "no")
            for m, e, t, te, good in values
        )
        lines = table(("average", "value ± error", "τ ± error", "reliable"), self.labels, rows)
        return lines + more(f'["{self.labels[0]}"], .mean, .stderr, .tau, .tau_stderr, .reliable')


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

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> one = cj.trajectory(model, cj.tilted(model, 1.1, 0.4), np.arange(0, 400.1, 0.2), seed=1, index=0)
    >>> found = cj.longtime.averages(one, burn_in=5.0)
    >>> print(f"{found.mean[2]:.3f} ± {found.stderr[2]:.3f}, exactly {cj.steady_state(model).mean[2]:.3f}")
    0.136 ± 0.008, exactly 0.126
    """
    times, series = kept_of(source)
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
