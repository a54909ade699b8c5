"""The moments of chunks merged in their order, whatever order the chunks come in, and where that stops.

A chunk is a fixed range of trajectories; inside it they are added one by one, whole chunks are merged in their order.
The last chunk may be partial. It is kept apart, so that a run that is extended continues it trajectory by trajectory:
the same additions in the same order as in a run that was longer from the start, so the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..measure.averages import Averages
from ..measure.moments import Moments, Tails
from ..measure.statistics import Extra
from ..results.result import Result
from ..tools.types import Array

AVERAGES = "averages"
"""Name of the statistics of the averages among those of all meters."""

DEVIATION = "deviation"
"""Name of E_N among the figures that a target error may be set for."""


class Chunk(NamedTuple):
    """Statistics of the trajectories start..stop-1, all or the first of a chunk's.

    Attributes
    ----------
    start, stop : int
    moments : tuple of Moments
        One set for each group of figures, see :class:`Groups`.
    series : (k, T, A) array
        <m_a>(t) of those of its trajectories that are kept.
    n_jumps : int
    """

    start: int
    stop: int
    moments: tuple[Moments, ...]
    series: Array
    n_jumps: int


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


@dataclass(frozen=True)
class Goal:
    """When a point is done.

    Attributes
    ----------
    n_traj : int
        Trajectories, at most if there is a target.
    chunk, keep : int
        Trajectories per chunk, and how many keep their series.
    target : mapping of str to float
        Standard errors to be reached at every output time, by the label of an average or order parameter, or
        ``deviation`` for E_N. Looked at after each whole chunk from ``min_traj`` trajectories on; the run stops
        where all of them are reached. Chunks are judged in their order, so the number of ranks does not matter.
    min_traj : int
    """

    n_traj: int
    chunk: int
    keep: int = 0
    target: Mapping[str, float] = field(default_factory=dict)
    min_traj: int = 1

    @property
    def n_chunks(self) -> int:
        """How many chunks the trajectories make, a partial last one included."""
        return -(-self.n_traj // self.chunk)

    def range_of(self, number: int) -> tuple[int, int]:
        """First and past-last trajectory of chunk ``number``."""
        return number * self.chunk, min((number + 1) * self.chunk, self.n_traj)

    def reached_by(self, result: Result) -> bool:
        """Whether the standard errors are known and small enough."""
        return bool(self.target) and self.waits_for(result) == ""

    def waits_for(self, result: Result) -> str:
        """What of the target is not reached yet, in words; empty if it is, or if there is no target.

        An error that the sample cannot know counts with the largest one that unseen events can leave beside it. A
        result that does not say which errors these are (of an older file) is judged by its errors alone.
        """
        if not self.target:
            return ""
        if result.n_traj < max(self.min_traj, 2):
            return f"{max(self.min_traj, 2)} trajectories (min_traj)"
        found = [_waits(result, label, limit) for label, limit in self.target.items()]
        missing = [text for text in found if text]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"{missing[0]}{more}" if missing else ""


def _errors(result: Result, label: str) -> tuple[Array, NDArray[np.bool_] | None, Averages, int | None]:
    """Errors (T,) of a figure, where they are uncertain, and its place (None for E_N) among which averages."""
    if label == DEVIATION:
        return result.deviation_stderr, result.deviation_uncertain, result, None
    group: Averages = result
    if label not in result.labels:
        order = result.extras.get("order")
        if order is None or label not in order.labels:
            raise KeyError(label)
        group = result.order
    place = group.labels.index(label)
    flags = group.uncertain
    return group.mean_stderr[:, place], None if flags is None else flags[:, place], group, place


def _waits(result: Result, label: str, limit: float) -> str:
    """Why a figure has not reached its target, or nothing."""
    errors, flags, group, place = _errors(result, label)
    if flags is not None:
        errors = np.where(flags, np.hypot(errors, group.unseen_error(place)), errors)
    late = ~(errors <= limit)
    if not late.any():
        return ""
    known = late if flags is None else late & ~flags
    if known.any():
        worst = int(np.argmax(np.where(known, errors, -np.inf)))
        return f"an error of {limit:g} of {label}: it is {errors[worst]:.2g} at t = {result.times[worst]:g}"
    worst = int(np.argmax(np.where(late, errors, -np.inf)))
    return (
        f"the spread of {label} at t = {result.times[worst]:g}: too few trajectories have shown what can happen there, "
        f"the error can be {errors[worst]:.2g}, and {limit:g} is asked for"
    )


def largest_error(result: Result, label: str) -> float:
    """Largest standard error of one figure over the output times.

    Raises
    ------
    KeyError
        If no average, order parameter or ``deviation`` is called ``label``.
    """
    return float(_errors(result, label)[0].max())


@dataclass(frozen=True)
class Folded:
    """How far a point is folded: all that a later session needs to go on.

    Attributes
    ----------
    before : tuple of Moments
        The whole chunks so far.
    last : Chunk or None
        The partial chunk that follows, as far as it has been run; it is not in ``before``.
    series : (k, T, A) array
        Kept series of ``before``.
    n_jumps : int
        Jumps of ``before``.
    """

    before: tuple[Moments, ...]
    last: Chunk | None
    series: Array
    n_jumps: int


def kept_text(folds: Iterable[Fold]) -> str:
    """How many trajectories there are of how many, and where: the one wording of stop line, fold and show."""
    folds = list(folds)
    done, folded = sum(fold.n_done for fold in folds), sum(fold.n_traj for fold in folds)
    text = f"{done} of {sum(fold.goal.n_traj for fold in folds)} trajectories kept"
    return text + (f" ({aside_text(done - folded)})" if done > folded else "")


def aside_text(n: int) -> str:
    """Say where trajectories are that are kept but not in the result file."""
    return f"{n} of them in chunks that are not whole yet or wait for one: they are not in the result file"


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
        What of the target the whole chunks so far have not reached, in words.
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
        self._n_jumps = begun.n_jumps if begun else 0
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

    def advance(self) -> None:
        """Merge the chunks that wait, as far as they follow one another."""
        while not self.finished and self.next in self._waiting:
            number = self.next
            chunk = self._waiting.pop(number)()
            self._partial.pop(number, None)
            if chunk.stop - chunk.start < self.goal.chunk:
                self._last = chunk
                return
            self._merging = True
            for whole, part in zip(self._before, chunk.moments, strict=True):
                whole.merge(part)
            self._series.append(chunk.series)
            self._n_jumps += chunk.n_jumps
            self._last, self._merging = None, False
            self._judge()
        if self.finished:
            self._waiting.clear()
            self._partial.clear()

    def _judge(self) -> None:
        """Find out whether the target is reached with the whole chunks so far."""
        if self.goal.target:
            self.waits = self.goal.waits_for(self._result_of(self._before, [], 0))
            self._reached = not self.waits

    def state(self) -> Folded:
        """What a later session needs to go on from here."""
        return Folded(self._before, self._last, self._kept(self._series), self._n_jumps)

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
            return self._result_of(self._before, self._series, self._n_jumps)
        whole = tuple(m.copy() for m in self._before)
        for moments, part in zip(whole, last.moments, strict=True):
            moments.merge(part)
        series = [*self._series, last.series]
        return self._result_of(whole, series, self._n_jumps + last.n_jumps)

    def _kept(self, series: Sequence[Array]) -> Array:
        T, A = self.skeleton.reference.shape
        return np.concatenate([np.empty((0, T, A)), *series])

    def _result_of(self, moments: Sequence[Moments], series: Sequence[Array], n_jumps: int) -> Result:
        extras = self._groups.split(moments)
        averages = extras.pop(AVERAGES)
        return replace(
            self.skeleton,
            moments=averages.moments,
            extras=extras,
            trajectories=self._kept(series),
            n_jumps=n_jumps,
        )


def in_memory(chunk: Chunk) -> Waiting:
    """Keep a chunk that waits in memory."""
    return lambda: chunk


def folded_of(result: Result, last: tuple[tuple[Moments, ...], Chunk] | None = None) -> Folded:
    """How far a stored result is folded.

    Parameters
    ----------
    result : Result
    last : (tuple of Moments, Chunk), optional
        Moments of the whole chunks, and the partial chunk that follows, if there is one.
    """
    if last is None:
        groups = Groups(statistics_of(result))
        return Folded(groups.join(statistics_of(result)), None, result.trajectories, result.n_jumps)
    before, partial = last
    kept = min(len(result.trajectories), before[0].count)
    partial = partial._replace(series=result.trajectories[kept:])
    return Folded(before, partial, result.trajectories[:kept], result.n_jumps - partial.n_jumps)
