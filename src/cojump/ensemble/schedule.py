"""Which chunk is run next: the most expensive points first, their chunks in order, none of them twice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from .chunk import Chunk
from .ordered_merge import Fold


class Task(NamedTuple):
    """Trajectories start..stop-1 of a point, which belong to its chunk ``number``.

    ``begun`` holds those of the chunk that were run by an earlier session; the task starts after them.
    """

    point: int
    number: int
    start: int
    stop: int
    begun: Chunk | None


class Schedule:
    """Hands out the chunks of all points.

    Parameters
    ----------
    folds : mapping of int to Fold
        The points that can be run, by their place.
    costs : mapping of int to float
        Cost of one trajectory of each, in any unit.
    last : collection of int
        Points that are run after all others: should one of them be too large for the machine after all, a job that is
        killed for it has finished the others, and so has every job after it.
    """

    def __init__(self, folds: Mapping[int, Fold], costs: Mapping[int, float], last: Collection[int] = ()) -> None:
        self._folds = folds
        self.order = sorted(folds, key=lambda i: (i in last, -costs[i]))
        self._place, self._number = 0, 0
        self._tasks = self._walk()

    def next_task(self) -> Task | None:
        """The next chunk to be run, or None when all have been handed out."""
        return next(self._tasks, None)

    def left(self, most: int) -> int:
        """How many chunks may still be handed out, at most (some may be there already), and not above ``most``."""
        found = 0
        for point in self.order[self._place :]:
            fold = self._folds[point]
            if not fold.finished and fold.failure is None:
                first = self._number if point == self.order[self._place] else fold.next
                found += fold.goal.n_chunks - first
            if found >= most:
                return most
        return found

    def _walk(self) -> Iterator[Task]:
        for place, point in enumerate(self.order):
            self._place, fold = place, self._folds[point]
            self._number = fold.next
            while self._number < fold.goal.n_chunks and not fold.finished and fold.failure is None:
                number = self._number
                self._number += 1
                if not fold.has(number):
                    start, stop = fold.goal.range_of(number)
                    begun = fold.begun(number)
                    yield Task(point, number, begun.stop if begun else start, stop, begun)

    def remaining(self) -> int:
        """Trajectories that are still to be run, at most; counted before the first task is taken."""
        return sum(fold.goal.n_traj - fold.n_done for fold in self._folds.values() if not fold.finished)
