"""The statistics of a fixed range of trajectories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measure.moments import Moments, Tails
from ..measure.statistics import Extra
from ..model.final_states import FinalState
from ..results.result import Result
from ..tools.types import Array

AVERAGES = "averages"
"""Name of the statistics of the averages among those of all meters."""


class Chunk(NamedTuple):
    """Statistics of the trajectories start..stop-1, all or the first of a chunk's.

    Attributes
    ----------
    start, stop : int
    moments : tuple of Moments
        One set for each group of figures, see :class:`Groups`.
    series : (k, T, A + C) array
        <m_a>(t) of those of its trajectories that are kept, and behind them the records of currents.
    n_jumps : int
    final : tuple of FinalState
        Where the kept ones have stopped; of chunks of an earlier cojump there is none.
    records : tuple of structured arrays
        The jump record of each trajectory, where records are kept; none otherwise.
    """

    start: int
    stop: int
    moments: tuple[Moments, ...]
    series: Array
    n_jumps: int
    final: tuple[FinalState, ...] = ()
    records: tuple[NDArray[np.void], ...] = ()


class Packed(NamedTuple):
    """A chunk as one rank sends it to another: all sums in one piece, for each array of a message costs its time.

    Attributes
    ----------
    start, stop, n_jumps, final, records
        As in :class:`Chunk`.
    counts : tuple of (int, bool)
        Of each group of figures, and whether it has its tails.
    sums : bytearray
        Means, co-moments and tails of all groups.
    series : array or None
        None where no series is kept.
    """

    start: int
    stop: int
    counts: tuple[tuple[int, bool], ...]
    sums: bytearray
    series: Array | None
    n_jumps: int
    final: tuple[FinalState, ...]
    records: tuple[NDArray[np.void], ...]


def packed(chunk: Chunk) -> Packed:
    """The same numbers for a message."""
    counts = tuple((m.count, m.tails is not None) for m in chunk.moments)
    arrays = (a for m in chunk.moments for a in (m.mean, m.comoment, *tails_of(m)))
    sums = bytearray().join([np.ascontiguousarray(a).data for a in arrays])
    series = chunk.series if len(chunk.series) else None
    return Packed(chunk.start, chunk.stop, counts, sums, series, chunk.n_jumps, chunk.final, chunk.records)


class Groups:
    """The vectors of several meters side by side, in one set of moments for all that measure at the same times.

    Parameters
    ----------
    extras : mapping of str to Extra
        Statistics of each meter by its name; how many trajectories are in them does not matter.
    """

    def __init__(self, extras: Mapping[str, Extra]) -> None:
        together: dict[bytes, list[str]] = {}
        for name, extra in extras.items():
            together.setdefault(extra.times.tobytes(), []).append(name)
        self.members = tuple(tuple(names) for names in together.values())
        self._extras = dict(extras)

    def empty(self) -> tuple[Moments, ...]:
        """No trajectory yet."""
        return tuple(Moments.empty(*self._layout(names)) for names in self.members)

    def _layout(self, names: Sequence[str]) -> tuple[tuple[int, int], NDArray[np.intp], NDArray[np.intp] | None]:
        own = [self._extras[name].moments for name in names]
        starts = np.concatenate([[0], np.cumsum([m.mean.shape[1] for m in own])])
        pairs = np.concatenate([m.pairs + s for m, s in zip(own, starts, strict=False)], axis=1)
        followed = [m.tails.followed + s for m, s in zip(own, starts, strict=False) if m.tails is not None]
        shape = (len(self._extras[names[0]].times), int(starts[-1]))
        return shape, pairs, np.concatenate(followed) if len(followed) == len(own) else None

    def filled(self, parts: Sequence[Sequence[Any]]) -> tuple[Moments, ...]:
        """Moments of all groups from count, means and co-moments of each, and its arrays of tails if there are."""
        made = self.empty()
        if len(parts) != len(made):
            raise ValueError(f"there are {len(parts)} groups of moments instead of {len(made)}")
        for moments, (count, mean, comoment, *tails) in zip(made, parts, strict=True):
            if moments.mean.shape != mean.shape or moments.comoment.shape != comoment.shape:
                raise ValueError(f"moments of shape {mean.shape} are there instead of {moments.mean.shape}")
            moments.count, moments.mean, moments.comoment = count, mean, comoment
            if moments.tails is None or not tails:
                moments.tails = None
                continue
            if len(tails) != 3 or any(array.shape != moments.tails.shift.shape for array in tails):
                raise ValueError(f"tails of another shape than {moments.tails.shift.shape} are there")
            moments.tails.shift, moments.tails.cubes, moments.tails.fourths = tails
        return made

    def unpacked(self, sent: Packed, no_series: Array) -> Chunk:
        """What another rank has packed; ``no_series`` are the series of no trajectory."""
        numbers, at, moments = np.frombuffer(sent.sums), 0, []

        def next_as(shape: tuple[int, ...]) -> Array:
            nonlocal at
            first, at = at, at + math.prod(shape)
            return numbers[first:at].reshape(shape)

        for (count, followed), form in zip(sent.counts, self._forms, strict=True):
            mean, comoment, tails = next_as(form.mean.shape), next_as(form.comoment.shape), None
            if followed and form.tails is not None:
                own = [next_as(form.tails.shift.shape) for _ in range(3)]
                tails = Tails(form.tails.followed, form.tails.variances, *own)
            moments.append(Moments(form.pairs, count, mean, comoment, tails))
        series = no_series if sent.series is None else sent.series
        return Chunk(sent.start, sent.stop, tuple(moments), series, sent.n_jumps, sent.final, sent.records)

    @cached_property
    def _forms(self) -> tuple[Moments, ...]:
        """The shapes of all moments."""
        return self.empty()

    def split(self, moments: Sequence[Moments]) -> dict[str, Extra]:
        """Statistics of each meter by its name."""
        made: dict[str, Extra] = {}
        for names, whole in zip(self.members, moments, strict=True):
            column, pair, tail = 0, 0, 0
            for name in names:
                empty = self._extras[name].moments
                width, count = empty.mean.shape[1], empty.pairs.shape[1]
                mean = whole.mean[:, column : column + width].copy()
                own = Moments(empty.pairs, whole.count, mean, whole.comoment[:, pair : pair + count].copy())
                if empty.tails is not None and whole.tails is not None:
                    n = len(empty.tails.followed)
                    arrays = (array[:, tail : tail + n].copy() for array in tails_of(whole))
                    own.tails, tail = Tails(empty.tails.followed, empty.tails.variances, *arrays), tail + n
                made[name] = replace(self._extras[name], moments=own)
                column, pair = column + width, pair + count
        return {name: made[name] for name in self._extras}

    def join(self, extras: Mapping[str, Extra]) -> tuple[Moments, ...]:
        """Undo :meth:`split`."""
        parts: list[Sequence[Any]] = []
        for names in self.members:
            own = [extras[name].moments for name in names]
            mean = np.concatenate([m.mean for m in own], axis=1)
            comoment = np.concatenate([m.comoment for m in own], axis=1)
            tails: list[Array] = []
            if all(m.tails is not None for m in own):
                tails = [np.concatenate(arrays, axis=1) for arrays in zip(*map(tails_of, own), strict=True)]
            parts.append((own[0].count, mean, comoment, *tails))
        return self.filled(parts)


def tails_of(moments: Moments) -> tuple[Array, ...]:
    """The three arrays of the tails of a set of moments; nothing where they were not kept."""
    t = moments.tails
    return () if t is None else (t.shift, t.cubes, t.fourths)


def statistics_of(result: Result) -> dict[str, Extra]:
    """The statistics of a result by the name of their meter, those of the averages first."""
    averages = Extra(result.labels, result.times, result.reference, result.moments)
    return {AVERAGES: averages, **result.extras}
