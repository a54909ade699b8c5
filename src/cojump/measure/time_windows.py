"""The measurement window of a run: averages over time in each trajectory, for what is stationary.

Times within one trajectory are correlated, trajectories are not: each is averaged over its window first, and the
spread of these averages over the trajectories gives standard errors that need no correlation time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.labelled import Labelled, last_averages
from ..tools.summaries import few, more
from ..tools.types import Array
from .averages import Averages
from .meter import Meter, Size, Trajectories
from .statistics import Estimates, Extra

PREFIX = "stationary/"
"""What the name of a meter over the window begins with."""

_ROUNDING = 1e-9
"""Part of the last time by which a bound may miss an output time that is meant."""


@dataclass(frozen=True, eq=False)
class Window:
    """The output times that a measurement uses.

    Attributes
    ----------
    places : slice
        Which of the output times.
    times : (W,) array
        These times, W ≥ 2.
    weights : (W,) array
        Weights of the trapezoid rule, whose sum is 1: Σ_k weights_k f(t_k) ≈ ∫ f dt / (end - start).
    """

    places: slice
    times: Array
    weights: Array

    @property
    def interval(self) -> tuple[float, float]:
        """First and last time."""
        return float(self.times[0]), float(self.times[-1])


def window_of(times: Array, burn_in: float | None, window: float | None) -> Window | None:
    """Return the window of the output times from ``burn_in`` to ``window``; None if there is only one output time.

    Parameters
    ----------
    times : (T,) array
        Output times.
    burn_in : float or None
        Output times before it are left out; None is 0.
    window : float or None
        Output times after it are left out; None is the last output time.

    Raises
    ------
    ArgumentError
        If a bound is given and is outside the output times, or leaves fewer than two of them.
    """
    last, slack = float(times[-1]), _ROUNDING * float(times[-1])
    end = last if window is None else checks.number("window", window, 0.0, last + slack)
    start = 0.0 if burn_in is None else checks.number("burn_in", burn_in, 0.0, end)
    inside = np.flatnonzero((times >= start - slack) & (times <= end + slack))
    if len(inside) < 2:
        if burn_in is None and window is None:
            return None
        name = "burn_in" if burn_in is not None else "window"
        found = f"there are {len(inside)} from {start:g} to {end:g}"
        raise ArgumentError(name, "leave at least two output times to average over", found)
    chosen = times[inside]
    steps = np.diff(chosen) / (chosen[-1] - chosen[0])
    weights = np.zeros(len(chosen))
    weights[:-1] += steps / 2
    weights[1:] += steps / 2
    return Window(slice(int(inside[0]), int(inside[-1]) + 1), chosen, weights)


@dataclass(frozen=True, eq=False)
class _Averaged:
    """Trajectories averaged over their window: one row where they had many."""

    mean: Array
    second: Array
    sectors: Array
    counts: NDArray[np.int64]
    records: Array


class WindowMeter(Meter):
    """Another meter's figures, averaged over the window in each trajectory.

    Parameters
    ----------
    inner : Meter
        Made for one time, and linear in the means and the products: then what it makes of their averages over time
        is the average over time of what it makes of them.
    window : Window
    """

    def __init__(self, inner: Meter, window: Window) -> None:
        super().__init__(inner.labels, inner.times)
        self.name = PREFIX + inner.name
        self._inner, self._places, self._weights = inner, window.places, window.weights[None, :]
        self._interval = window.interval

    @property
    def size(self) -> Size:
        """That of the other meter."""
        return self._inner.size

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet."""
        return replace(self._inner.empty(self._weights @ mean_field[self._places]), interval=self._interval)

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, 1, n) vectors of K trajectories."""
        mean, second = (self._weights @ values[:, self._places] for values in (several.mean, several.second))
        first = _Averaged(mean, second, several.sectors[:, :1], several.counts[:, :1], several.records[:, :1])
        return self._inner.samples(first, reference)


@dataclass(frozen=True, eq=False, repr=False)
class Stationary(Labelled):
    """Averages over the measurement window and over the trajectories.

    Attributes
    ----------
    labels : tuple of n strings
    start, end : float
        First and last time of the window.
    mean, stderr : (n,) arrays
        Average over time (trapezoid rule over the output times) and trajectories, and its standard error, from the
        spread of the trajectories' averages over time.
    covariance, covariance_stderr : (n, n) arrays
        N (average of <½{m_a, m_b}> - mean_a mean_b). What still moves in the window (a limit cycle, a relaxation)
        is part of it.
    uncertain, covariance_uncertain : (n,) and (n, n) bool arrays, or None
        Where these errors may be far too small, see :attr:`cojump.results.result.Result.uncertain`.
    """

    labels: tuple[str, ...]
    start: float
    end: float
    mean: Array
    stderr: Array
    covariance: Array
    covariance_stderr: Array
    uncertain: NDArray[np.bool_] | None = None
    covariance_uncertain: NDArray[np.bool_] | None = None

    def _title(self) -> str:
        return f"Averages over t = {self.start:g} to {self.end:g}: {few(self.labels)}"

    def _lines(self) -> list[str]:
        return last_averages(self, "average") + more(f'["{self.labels[0]}"], .mean, .stderr, .covariance')


def stationary_of(averages: Averages, interval: tuple[float, float]) -> Stationary:
    """Drop the axis of the only time."""
    return Stationary(
        averages.labels,
        *interval,
        averages.mean[0],
        averages.mean_stderr[0],
        averages.covariance[0],
        averages.covariance_stderr[0],
        None if averages.uncertain is None else averages.uncertain[0],
        None if averages.covariance_uncertain is None else averages.covariance_uncertain[0],
    )


def row_of(estimates: Estimates) -> Estimates:
    """Drop the axis of the only time."""
    flags = None if estimates.uncertain is None else estimates.uncertain[0]
    return Estimates(estimates.labels, estimates.mean[0], estimates.stderr[0], flags)
