"""The two-time functions of a job: what of them is missing, and running it behind the trajectories of all points."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..tools.progress import make_progress
from ..tools.summaries import counted
from ..tools.terminal import tell
from .status import Behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..ensemble.asked_two_time import AskedTwoTime
    from ..ensemble.ordered_merge import Fold
    from ..results.measured_two_time import MeasuredTwoTime
    from ..results.result import Result
    from .points import Plan


def differences_of(plan: Plan, place: int, stored: Result) -> Iterator[str]:
    """Why functions that are stored with a point are not those that are asked for under the same names."""
    for asked in plan.two_time.get(place, ()):
        found = stored.two_time.get(asked.name)
        if found is not None and (apart := asked.apart(found)):
            yield f'[two_time] "{asked.name}": {apart} (`name` would make it another function beside that one)'


def missing(plan: Plan, place: int, stored: Result) -> list[AskedTwoTime]:
    """The functions of a point that are not there as they are asked for."""
    return [asked for asked in plan.two_time.get(place, ()) if not asked.is_done(stored.two_time.get(asked.name))]


@dataclass
class TwoTimeWork:
    """The part of a job behind its trajectories, on all ranks.

    Attributes
    ----------
    plan : Plan
    folds : mapping of int to Fold
        On rank 0; the functions are put into their results.
    ranks : Communicator
    stopping : callable
        Asked often, on every rank, whether the job is to stop.
    theory : callable
        Does, on rank 0, what may be dropped when the job is told to stop, under a name; whether it was done.
    write : callable
        Writes the result file, on rank 0, unless that takes too large a share of the time.
    doing : callable
        Takes what is done now, in words, on rank 0.
    seconds : float
        What is there is written at least so often.
    failures : dict of int to str
        Why functions of a point cannot be had, on rank 0.
    ran : int
        Trajectories that were run, on rank 0.
    behind : dict of int to dict of str to Behind
        How far the functions of each point are, on rank 0.
    """

    plan: Plan
    folds: Mapping[int, Fold]
    ranks: Any
    stopping: Callable[[], bool]
    theory: Callable[[str, Callable[[], None]], bool]
    write: Callable[[], None]
    doing: Callable[[str], None]
    seconds: float
    failures: dict[int, str] = field(default_factory=dict)
    ran: int = 0
    behind: dict[int, dict[str, Behind]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, fold in self.folds.items():
            self.behind[place] = {}
            for asked in self.plan.two_time.get(place, ()):
                point = self.plan.points[place]
                cost = asked.relative_cost * point.recipe.cost(float(point.times[-1]))
                self.behind[place][asked.name] = Behind(asked.n_traj, cost)
                self._count(asked, place, fold.skeleton.two_time.get(asked.name))

    def _count(self, asked: AskedTwoTime, place: int, found: MeasuredTwoTime | None) -> None:
        """Note how far a function is."""
        own = self.behind[place][asked.name]
        own.done, own.whole = 0 if found is None else found.sampled.n_traj, asked.is_done(found)

    def left(self) -> bool:
        """Whether anything is missing of the points whose trajectories are all there."""
        return bool(self._todo())

    def _todo(self) -> list[tuple[int, int]]:
        """Places of points and of their functions, on rank 0."""
        return [
            (place, i)
            for place, fold in self.folds.items()
            if fold.finished and fold.failure is None and place not in self.failures
            for i, asked in enumerate(self.plan.two_time.get(place, ()))
            if not asked.is_done(fold.skeleton.two_time.get(asked.name))
        ]

    def go(self) -> bool:
        """Run what is missing; every rank returns whether the job was told to stop."""
        for place, i in self.ranks.share(self._todo() if self.ranks.rank == 0 else None):
            if self._one(place, self.plan.two_time[place][i]):
                return True
        return False

    def _one(self, place: int, asked: AskedTwoTime) -> bool:
        chief = self.ranks.rank == 0
        stored = self.folds[place].skeleton.two_time.get(asked.name) if chief else None
        name = f'"{asked.name}" of {self.plan.title(place)}'
        progress = make_progress(sys.stderr, f"trajectories of {name}") if chief else None
        last = time.monotonic()
        first: tuple[int, float] | None = None  # the kernels are compiled then

        def came(found: Callable[[], MeasuredTwoTime], n: int) -> None:
            nonlocal last, first
            first = first or (n, time.monotonic())
            own = self.behind[place][asked.name]
            own.done, own.ran = n, own.ran + n - own.done
            if n > first[0]:
                own.pace = self.ranks.size * (time.monotonic() - first[1]) / (n - first[0])
            self.doing(f"two-time function {name}: {n:,} of {counted(asked.n_traj, 'trajectory')}")
            if time.monotonic() - last >= self.seconds:
                self._put(place, found())
                self.write()
                last = time.monotonic()

        try:
            found, stopped, why = asked.run(stored, self.stopping, came, comm=self.ranks, progress=progress)
        finally:
            if progress is not None:
                progress.stop()
        if chief:
            stopped = self.ranks.guard(lambda: self._end(place, asked, found, stopped, why))
        return bool(self.ranks.share(stopped))

    def _end(self, place: int, asked: AskedTwoTime, found: MeasuredTwoTime | None, stopped: bool, why: str) -> bool:
        """Keep what there is, with its theory if it is whole; whether the job is to stop."""
        name = f'"{asked.name}" of {self.plan.title(place)}'
        if found is not None:
            before = self.folds[place].skeleton.two_time.get(asked.name)
            self.ran += found.sampled.n_traj - (before.sampled.n_traj if before is not None else 0)
            self._put(place, found)
        if why:
            self.failures[place] = f"two-time function {name}: {why}"
        elif found is not None and found.sampled.n_traj >= asked.n_traj:

            def complete() -> None:
                whole = asked.completed(found)
                if whole.exact_refusal and not found.exact_refusal:
                    tell(f"cojump: no exact two-time function {name}: {whole.exact_refusal}")
                self._put(place, whole)

            stopped = not self.theory(f"in the theory of the two-time function {name}", complete)
        self._count(asked, place, self.folds[place].skeleton.two_time.get(asked.name))
        self.doing("")
        self.write()
        return stopped

    def _put(self, place: int, found: MeasuredTwoTime) -> None:
        fold = self.folds[place]
        functions = {**fold.skeleton.two_time, found.name: found}
        asked = [one.name for one in self.plan.two_time[place] if one.name in functions]
        ordered = {name: functions[name] for name in dict.fromkeys([*asked, *functions])}
        fold.skeleton = replace(fold.skeleton, two_time=ordered)
