"""Times between jumps of a channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ...errors import ArgumentError
from ...tools.checks import check_times
from ...tools.numbers import format_value
from ...tools.summaries import Summarised, facts, more
from ...tools.types import Array
from ..jump_records import channel_place, chosen, jump_names, window_of
from .kept_series import series_matrix

_UNKNOWN = 0.02
"""Where waits are longer than the longest one seen with more than this probability, their mean has no known error."""


@dataclass(frozen=True, eq=False, repr=False)
class WaitingTimes(Summarised):
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

    def _title(self) -> str:
        return f"Waiting times: {self.intervals.size:,} complete, {self.cut.size:,} cut by the end of a record"

    def _lines(self) -> list[str]:
        if not self.intervals.size:
            return []
        return facts(
            ("mean ± error", format_value(self.mean, self.stderr, exact=0.0)),
            ("no error", self.doubt),
            ("randomness", f"{self.randomness:.4g}, variance over squared mean; 1 for a Poisson process"),
            (
                "unseen",
                f"{self.unseen:.2g} of waits are longer than all that ended" if 0 < self.unseen <= _UNKNOWN else "",
            ),
        ) + more(".mean, .stderr, .doubt, .randomness, .survival(times), .density(edges), .intervals, .cut")

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
    def doubt(self) -> str:
        """Why the mean has no error, in one line; "" if it has one."""
        seen = self.intervals.size
        if seen < 2:
            return f"{'one wait has' if seen else 'no wait has'} been seen from jump to jump, and two are needed"
        if np.isnan(self.stderr):
            share = f"about {self.unseen:.0%} of waits are longer than all {seen:,} that ended within a record"
            return f"{share}, so that it is a guess; longer trajectories tell"
        return ""

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
        return self._limit.survival(series_matrix("times", times)[0], side="right")

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
    records: Any, channel: int | str | None = None, *, start: float = 0.0, end: float | None = None
) -> WaitingTimes:
    """Waiting times between successive jumps of one channel, or of any.

    Parameters
    ----------
    records : Result, Trajectory or structured array, or a sequence of the latter
        A result of a run with ``record=True``, trajectories (:func:`cojump.trajectory`), which know when they end, or
        their jump records ``.jumps``.
    channel : int or str, optional
        Position in ``model.jumps``, or the name of a jump; None takes all jumps together.
    start : float
        Jumps before it are left out (burn-in).
    end : float, optional
        Until when the records were taken. By default the last output time of a trajectory; bare records are taken to
        end together, with the last jump of any of them.

    Raises
    ------
    ArgumentError
        If a record is none, or its times are not finite or not in order, ``channel``, ``start`` or ``end`` is no number
        of its kind, ``end`` is before ``start``, or bare records cannot have ended together and ``end`` is not given.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=1, omega=0.0, rate_up=2.0, rate_down=2.0)
    >>> one = cj.trajectory(model, cj.tilted(model, 0, 0), [0, 1000], seed=1, index=0)
    >>> waits = cj.longtime.waiting_times(one)  # exponential, of mean ½
    >>> print(f"{waits.mean:.3f} ± {waits.stderr:.3f}")
    0.494 ± 0.011
    """
    number = None if channel is None else channel_place("channel", channel, jump_names(records))
    given, ends, begin = window_of(records, start, end)
    pieces, cut = [np.empty(0)], [0.0][:0]
    for record, until in zip(given, ends, strict=True):
        times = chosen(record, number)
        times = times[(times >= begin) & (times <= until)]
        pieces.append(np.diff(times))
        if times.size and until > times[-1]:
            cut.append(float(until - times[-1]))
    return WaitingTimes(np.sort(np.concatenate(pieces)), np.sort(np.array(cut)))
