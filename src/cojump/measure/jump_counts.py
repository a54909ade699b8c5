"""The statistics of the numbers of jumps: counts, activity and Fano factor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..tools import checks
from ..tools.labelled import Average, Labelled, last_averages
from ..tools.summaries import counted, few, more, span
from ..tools.types import Array
from .certainty import LEAST, seen_by, uncertain
from .meter import Meter, Size, Trajectories
from .moments import Moments
from .statistics import Extra
from .time_windows import Window

TOTAL = "total"
"""Label of the jumps of all channels together."""

_OF_SQUARES = 5
"""n samples of a normal variable carry its spread like n/3, and that of its square like n/15."""


def _labels(model: Model) -> tuple[str, ...]:
    return (*(str(l) for l in range(len(model.jumps))), TOTAL)


def _with_total(counts: NDArray[np.int64]) -> Array:
    made = np.empty((*counts.shape[:-1], counts.shape[-1] + 1))
    made[..., :-1] = counts
    np.add.reduce(counts, axis=-1, out=made[..., -1])
    return made


class CountMeter(Meter):
    """Jumps of each channel from t = 0 to the output times, and of all together."""

    name = "counts"

    def __init__(self, model: Model, times: Array) -> None:
        super().__init__(_labels(model), times)

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T, L + 1) numbers of jumps."""
        return _with_total(several.counts)


class ActivityMeter(Meter):
    """The number n of jumps in the measurement window, and n², with the covariances that the error of Var(n) needs.

    What is left of var(n²) - 4 n̄ cov(n², n) + 4 n̄² var(n) after cancellation is a part 1/n̄ of its terms: even 10^8
    jumps leave seven digits of an error bar.
    """

    name = "activity"

    def __init__(self, model: Model, window: Window) -> None:
        super().__init__(_labels(model), window.times[-1:])
        self._window = window

    @property
    def size(self) -> Size:
        """N and n² with three products; nothing is followed."""
        n = len(self.labels)
        return Size(1, 2 * n, 3 * n, 0)

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet."""
        n = len(self.labels)
        first, second = np.arange(n), n + np.arange(n)
        pairs = np.array([np.concatenate([first, first, second]), np.concatenate([first, second, second])])
        moments = Moments.empty((1, 2 * n), pairs, first[:0])
        return Extra(self.labels, self.times, np.empty((1, 0)), moments, self._window.interval)

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, 1, 2 (L + 1)): n and n² of each channel and of all."""
        places, counts = self._window.places, several.counts
        n = _with_total(counts[:, places.stop - 1 : places.stop] - counts[:, places.start : places.start + 1])
        return np.concatenate([n, n**2], axis=-1)


@dataclass(frozen=True, eq=False, repr=False)
class Count(Average):
    """Number of jumps of one channel; it unpacks as ``mean, variance``, both over the trajectories."""

    variance: Array = field(default_factory=lambda: np.empty(0))

    def __iter__(self) -> Iterator[Array]:
        """``mean``, ``variance``."""
        return iter((self.mean, self.variance))


@dataclass(frozen=True, eq=False, repr=False)
class Counts(Labelled):
    """Numbers of jumps from t = 0 to the output times.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of L + 1 strings
        Name of each jump, or its place in ``model.jumps`` where it has none, and "total". The place of a jump with a
        name, ["0"], finds it, too.
    mean, stderr : (T, L + 1) arrays
        Mean over the trajectories, and its standard error.
    variance : (T, L + 1) array
        Variance over the trajectories; NaN for a single one.
    uncertain : (T, L + 1) bool array or None
        Where ``stderr`` may be far too small: a jump that is possible has been seen by too few trajectories. None
        where an older file does not say.
    """

    times: Array
    labels: tuple[str, ...]
    mean: Array
    stderr: Array
    variance: Array
    uncertain: NDArray[np.bool_] | None = None

    def __getitem__(self, label: str) -> Count:
        """One channel, or the total."""
        found = _label(label, self.labels)
        one = super().__getitem__(found)
        variance = self.variance[:, checks.place(found, self.labels)]
        return Count(found, one.mean, one.stderr, one.uncertain, variance)

    def _title(self) -> str:
        return f"Numbers of jumps from t = 0 on: {counted(len(self.labels) - 1, 'channel')}, {span(self.times)}"

    def _lines(self) -> list[str]:
        if not len(self.times):
            return []
        return last_averages(self, f"until t = {self.times[-1]:g}") + more('["total"], .mean, .stderr, .variance')


@dataclass(frozen=True, eq=False, repr=False)
class Activity(Labelled):
    """Jumps in the measurement window.

    Attributes
    ----------
    labels : tuple of L + 1 strings
        Name of each jump, or its place in ``model.jumps`` where it has none, and "total". The place of a jump with a
        name, ["0"], finds it, too.
    start, end : float
        First and last time of the window.
    number, variance : (L + 1,) arrays
        Mean and variance over the trajectories of the number of jumps.
    mean, stderr : (L + 1,) arrays
        Activity: jumps per unit time and particle (all N of them).
    fano, fano_stderr : (L + 1,) arrays
        Var(n)/<n>, 1 for a Poisson process, below 1 for antibunched jumps. Its error is that of its linear expansion
        in the mean and the variance (delta method), from moments up to the fourth, and of what the sample has not
        shown, see :func:`activity_of`. NaN without jumps.
    uncertain, fano_uncertain : (L + 1,) bool arrays, or None
        Where ``stderr`` and ``fano_stderr`` may be far too small. None where an older file does not say.
    """

    labels: tuple[str, ...]
    start: float
    end: float
    number: Array
    variance: Array
    mean: Array
    stderr: Array
    fano: Array
    fano_stderr: Array
    uncertain: NDArray[np.bool_] | None = None
    fano_uncertain: NDArray[np.bool_] | None = None

    def __getitem__(self, label: str) -> Average:
        """One channel, or the total."""
        return super().__getitem__(_label(label, self.labels))

    def _title(self) -> str:
        return f"Jumps per time and particle from t = {self.start:g} to {self.end:g}: {few(self.labels)}"

    def _lines(self) -> list[str]:
        return last_averages(self, "channel") + more(
            '["total"], .mean, .stderr, .number, .variance, .fano, .fano_stderr'
        )


def _label(label: Any, labels: Sequence[str]) -> Any:
    """What a channel is called here: by its name, or by its place."""
    if isinstance(label, str) and label not in labels and label.isdecimal() and int(label) < len(labels) - 1:
        return labels[int(label)]
    return label


def _named(labels: tuple[str, ...], names: Sequence[str] | None) -> tuple[str, ...]:
    """Places with the names of the jumps that have one; a name that could be taken for something else is left out."""
    if names is None or len(names) != len(labels) - 1:
        return labels
    clear = [
        name if not name.isdecimal() and name != labels[-1] else place
        for name, place in zip(names, labels[:-1], strict=True)
    ]
    return (*clear, labels[-1])


def _settled(count: int, mean: Array, comoment: Array, fires: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(.., L + 1) channels that cannot jump, or whose jumps enough trajectories have seen, and whether all are such."""
    channels = ~fires | (seen_by(count, mean[..., :-1], comoment[..., :-1]) >= LEAST)
    return np.concatenate([channels, channels.all(axis=-1, keepdims=True)], axis=-1)


def counts_of(extra: Extra, fires: NDArray[np.bool_] | None = None, names: Sequence[str] | None = None) -> Counts:
    """Numbers of jumps from what the meter gathered; ``fires`` (L,) says which channels can jump, ``names`` (L,) are
    what they are called.
    """
    m, constant = extra.moments, None
    if fires is not None:
        constant = _settled(m.count, m.mean, m.comoment, fires) | (extra.times == 0)[:, None]
    variance, estimates = m.covariance(), extra.estimates(constant)
    labels = _named(extra.labels, names)
    return Counts(extra.times, labels, estimates.mean, estimates.stderr, variance, estimates.uncertain)


def activity_of(
    extra: Extra, n_particles: int, fires: NDArray[np.bool_] | None = None, names: Sequence[str] | None = None
) -> Activity:
    """Activity and Fano factor from what the meter gathered; ``fires`` (L,) and ``names`` as for :func:`counts_of`.

    F = s²/n̄ varies with the samples as the mean of z_i/n̄, z_i = (n_i - n̄)² - F n_i. As long as counts are small most of
    the variance of z is in trajectories with more jumps than any that ran; so one more is counted, with one jump more
    than the root of Σ (n_i - n̄)⁴ / Σ (n_i - n̄)² above the mean. Its part falls as 1/n, that of the sample as 1/sqrt(n).
    The error is uncertain where that part is more than half of the sample's, and where the spread of n itself is
    carried by fewer than 5 ``LEAST`` trajectories: that of (n - n̄)² is carried by fewer by about this factor.
    """
    assert extra.interval is not None
    count, n = extra.moments.count, len(extra.labels)
    number = extra.moments.mean[0, :n]
    variance, mixed, square = extra.moments.covariance()[0].reshape(3, n)
    scale = n_particles * (extra.interval[1] - extra.interval[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        fano = variance / number
        slope = 2 * number + fano
        spread = np.maximum(square - 2 * slope * mixed + slope**2 * variance, 0.0)
        error = np.sqrt(spread / count) / number
        fourth = square - 4 * number * mixed + 4 * number**2 * variance + variance**2  # the mean of (n - n̄)⁴
        farther = 1 + np.sqrt(np.maximum(fourth, 0.0) / variance)
        farther = np.where(variance > 0, farther, 1.0)
        unseen = np.abs(farther**2 - fano * (number + farther)) / (number * count)
    flags = fano_flags = None
    if fires is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = np.where(fourth > 0, count * variance**2 / fourth, np.nan)
        constant = _settled(count, number, extra.moments.comoment[0, :n], fires)
        flags = uncertain(variance, effective, np.zeros(n), 0.0, constant)
        carried = np.where(np.isfinite(effective), effective, 0.0) >= _OF_SQUARES * LEAST
        fano_flags = (number > 0) & ~(carried & (unseen <= error / 2))
    return Activity(
        _named(extra.labels, names),
        *extra.interval,
        number,
        variance,
        number / scale,
        np.sqrt(variance / count) / scale,
        fano,
        np.hypot(error, unseen),
        flags,
        fano_flags,
    )
