"""The moments of chunks merged in their order, whatever order the chunks come in, and where that stops.

A chunk is a fixed range of trajectories; inside it they are added one by one, whole chunks are merged in their order.
The last chunk may be partial. It is kept apart, so that a run that is extended continues it trajectory by trajectory:
the same additions in the same order as in a run that was longer from the start, so the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..measure.moments import Moments
from ..model.final_states import FinalState
from ..results.continuation import Rest
from ..results.jump_records import JumpRecords
from ..results.result import Result
from ..tools.summaries import counted
from ..tools.types import Array
from .chunk import AVERAGES, Chunk, Groups, Packed, statistics_of
from .goal import Goal


@dataclass(frozen=True)
class Folded:
    """How far a point is folded: all that a later session needs to go on.

    Attributes
    ----------
    before : tuple of Moments
        The whole chunks so far.
    last : Chunk or None
        The partial chunk that follows, as far as it has been run; it is not in ``before``.
    series : (k, T, A + C) array
        Kept series of ``before``.
    n_jumps : int
        Jumps of ``before``.
    final : tuple of FinalState
        Where the kept trajectories of ``before`` have stopped.
    records : tuple of structured arrays
        Jump records of ``before``, where they are kept.
    """

    before: tuple[Moments, ...]
    last: Chunk | None
    series: Array
    n_jumps: int
    final: tuple[FinalState, ...] = ()
    records: tuple[NDArray[np.void], ...] = ()


def kept_text(folds: Iterable[Fold]) -> str:
    """How many trajectories there are of how many, and where: the one wording of stop line, fold and show."""
    folds = list(folds)
    done, folded = sum(fold.n_done for fold in folds), sum(fold.n_traj for fold in folds)
    text = f"{done:,} of {counted(sum(fold.goal.n_traj for fold in folds), 'trajectory')} kept"
    return text + (f" ({aside_text(done - folded)})" if done > folded else "")


def aside_text(n: int) -> str:
    """Say where trajectories are that are kept but not in the result file."""
    return f"{n:,} of them in chunks that are not whole yet or wait for one: they are not in the result file"


Waiting = Callable[[], Chunk]
"""Fetches a chunk that waits for the ones before it, from memory or from a disk."""


class Fold:
    """Merges the chunks of one point in their order.

    Parameters
    ----------
    skeleton : Result
        The point without any trajectory: labels, times, mean field, shapes.
    goal : Goal
    begun : Folded, optional
        What an earlier session has folded.
    hold : callable (Chunk) -> callable () -> Chunk
        Where to keep chunks that must wait.

    Attributes
    ----------
    failure : str or None
        Why the point cannot be run.
    waits : str
        What of the target the whole chunks so far have not reached, in words; of a finished point all trajectories.
    """

    def __init__(
        self,
        skeleton: Result,
        goal: Goal,
        begun: Folded | None = None,
        hold: Callable[[Chunk], Waiting] | None = None,
    ) -> None:
        self.skeleton, self.goal = skeleton, goal
        self._groups = Groups(statistics_of(skeleton))
        self.hold = hold or in_memory
        self._waiting: dict[int, Waiting] = {}
        self._partial: dict[int, tuple[int, Waiting]] = {}
        self._before = begun.before if begun else self._groups.empty()
        self._series = [begun.series] if begun else []
        self._final = begun.final if begun else ()
        self._n_jumps = begun.n_jumps if begun else 0
        self._records = list(begun.records) if begun else []
        self._last = begun.last if begun else None
        self._reached = self._merging = False
        self.failure: str | None = None
        self.waits = ""
        self._judge()

    @property
    def count(self) -> int:
        """Trajectories in the whole chunks folded so far."""
        return self._before[0].count

    @property
    def next(self) -> int:
        """Number of the chunk that is folded next."""
        return self.count // self.goal.chunk

    @property
    def n_traj(self) -> int:
        """Trajectories folded so far."""
        return self.count if self._last is None else self._last.stop

    @property
    def n_done(self) -> int:
        """Trajectories that are there: folded, or waiting, or the beginning of a chunk."""
        if self.finished:
            return self.n_traj
        waiting = (self.goal.range_of(number) for number in self._waiting)
        begun = {self.next, *self._partial} - self._waiting.keys()
        parts = sum(self.started(number) - number * self.goal.chunk for number in begun)
        return self.count + parts + sum(stop - start for start, stop in waiting)

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be run: all trajectories are there, or the target is reached."""
        return self._reached or self.n_traj == self.goal.n_traj

    def has(self, number: int) -> bool:
        """Whether chunk ``number`` is folded already, or waits."""
        return number < self.next or number in self._waiting or (number == self.next and self.finished)

    def started(self, number: int) -> int:
        """First trajectory of chunk ``number`` that is not there, as long as not all of it is."""
        stops = [self._partial[number][0]] if number in self._partial else []
        if self._last is not None and number == self.next:
            stops.append(self._last.stop)
        return max(stops, default=number * self.goal.chunk)

    def begun(self, number: int) -> Chunk | None:
        """The first trajectories of chunk ``number``, if an earlier session has run them."""
        found = [self._partial[number][1]()] if number in self._partial else []
        if self._last is not None and number == self.next:
            found.append(self._last)
        if not found:
            return None
        longest = max(found, key=lambda chunk: chunk.stop)
        return longest._replace(moments=tuple(m.copy() for m in longest.moments))

    def offer(self, number: int, start: int, stop: int, fetch: Waiting) -> None:
        """Name a place where chunk ``number``, or its beginning, can be fetched; nothing is read yet."""
        end = self.goal.range_of(number)[1] if number < self.goal.n_chunks else -1
        if start == number * self.goal.chunk and not self.has(number):
            if stop == end:
                self._waiting[number] = fetch
            elif self.started(number) < stop < end:
                self._partial[number] = stop, fetch

    def take(self, number: int, chunk: Chunk) -> None:
        """Take in chunk ``number`` and merge what can be merged; a chunk that is there already is not counted again."""
        if self.finished or self.has(number):
            return
        self._waiting[number] = (lambda: chunk) if number == self.next else self.hold(chunk)
        self.advance()

    def unpacked(self, sent: Packed) -> Chunk:
        """A chunk that another rank has sent."""
        return self._groups.unpacked(sent, self._kept([]))

    def advance(self) -> None:
        """Merge the chunks that wait, as far as they follow one another."""
        while not self.finished and self.next in self._waiting:
            number = self.next
            chunk = self._waiting.pop(number)()
            self._partial.pop(number, None)
            if chunk.stop - chunk.start < self.goal.chunk:
                self._last = chunk
                self._judge()
                return
            self._merging = True
            for whole, part in zip(self._before, chunk.moments, strict=True):
                whole.merge(part)
            self._series.append(chunk.series)
            self._final += chunk.final
            self._n_jumps += chunk.n_jumps
            self._records += chunk.records
            self._last, self._merging = None, False
            self._judge()
        if self.finished:
            self._waiting.clear()
            self._partial.clear()

    def _judge(self) -> None:
        """Find out whether the target is reached with the whole chunks so far, or at the end with all trajectories."""
        if self.goal.target:
            self.waits = self.goal.waits_for(self._result_of(self._before, [], 0, ()))
            self._reached = not self.waits
            if self.waits and self.finished:
                self.waits = self.goal.waits_for(self.result())

    def state(self) -> Folded:
        """What a later session needs to go on from here."""
        records = tuple(self._records)
        return Folded(self._before, self._last, self._kept(self._series), self._n_jumps, self._final, records)

    def result(self) -> Result:
        """The point with the trajectories folded so far."""
        return self._with(self._last)

    def so_far(self) -> Result | None:
        """The point with all trajectories 0..n-1 that are there, also those of a chunk's beginning, for the largest n.

        None if there is none, or if an exception has broken a merge off.
        """
        if self._merging:
            return None
        self.advance()
        last = None if self.finished else self.begun(self.next)
        return self._with(last or self._last) if self.count or last or self._last else None

    def _with(self, last: Chunk | None) -> Result:
        """The whole chunks and a partial one behind them."""
        if last is None:
            return self._result_of(self._before, self._series, self._n_jumps, self._final, self._records)
        whole = tuple(m.copy() for m in self._before)
        for moments, part in zip(whole, last.moments, strict=True):
            moments.merge(part)
        series = [*self._series, last.series]
        records = [*self._records, *last.records]
        made = self._result_of(whole, series, self._n_jumps + last.n_jumps, self._final + last.final, records)
        return replace(made, rest=Rest(self._before, last.moments, last.start, last.stop, last.n_jumps))

    def _kept(self, series: Sequence[Array]) -> Array:
        C = self.skeleton.records.shape[2]
        return np.concatenate(
            [np.empty((0, *self.skeleton.reference.shape[:1], len(self.skeleton.labels) + C)), *series]
        )

    def _result_of(
        self,
        moments: Sequence[Moments],
        series: Sequence[Array],
        n_jumps: int,
        final: tuple[FinalState, ...],
        records: Sequence[NDArray[np.void]] = (),
    ) -> Result:
        empty = self.skeleton.jump_records
        extras = self._groups.split(moments)
        averages, states = extras.pop(AVERAGES), self.skeleton.kept_states
        whole = len(final) == sum(map(len, series))  # an earlier cojump has kept series alone
        kept, A = self._kept(series), len(self.skeleton.labels)
        return replace(
            self.skeleton,
            moments=averages.moments,
            extras=extras,
            trajectories=kept[:, :, :A],
            records=kept[:, :, A:],
            n_jumps=n_jumps,
            kept_states=None if states is None else replace(states, states=final if whole else ()),
            jump_records=None if empty is None else JumpRecords.of(records, empty.jumps.dtype, empty.end),
        )


def _series_of(result: Result) -> Array:
    """(k, T, A + C) series that a result has kept: averages, and behind them records."""
    return np.concatenate([result.trajectories, result.records], axis=2) if result.records.size else result.trajectories


def in_memory(chunk: Chunk) -> Waiting:
    """Keep a chunk that waits in memory."""
    return lambda: chunk


def folded_of(result: Result) -> Folded:
    """How far a result is folded."""
    final = () if result.kept_states is None else result.kept_states.states
    records = tuple(result.jump_records or ())
    rest = result.rest
    if rest is None:
        groups = Groups(statistics_of(result))
        return Folded(groups.join(statistics_of(result)), None, _series_of(result), result.n_jumps, final, records)
    count, series = rest.before[0].count, _series_of(result)
    kept, n_jumps = min(len(series), count), result.n_jumps - rest.n_jumps
    place, ends = (rest.start, rest.stop), (final[kept:], records[count:])
    before = tuple(m.copy() for m in rest.before)  # going on adds to them
    partial = Chunk(*place, rest.last, series[kept:], rest.n_jumps, *ends)
    return Folded(before, partial, series[:kept], n_jumps, final[:kept], records[:count])


def emptied(result: Result) -> Result:
    """The same point without any trajectory."""
    groups = Groups(statistics_of(result))
    extras = groups.split(groups.empty())
    averages = extras.pop(AVERAGES)
    none = None if result.kept_states is None else replace(result.kept_states, states=())
    return replace(
        result,
        moments=averages.moments,
        extras=extras,
        trajectories=result.trajectories[:0],
        records=result.records[:0],
        n_jumps=0,
        kept_states=none,
        rest=None,
    )
