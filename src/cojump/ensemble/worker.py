"""Runs the chunks of one point on one rank."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..basis.reported_sectors import jump_type
from ..errors import Interrupted
from ..measure.block_averages import AverageMeter
from ..measure.certainty import chance_of
from ..measure.meter import Meter, StateMeter
from ..model.final_states import FinalState, FinalStates
from ..model.states import Mixture
from ..model.unravelled import record_labels
from ..results.continuation import Identity
from ..results.jump_records import JumpRecords
from ..results.result import Result
from ..theory.mean_field import Solution, ends_of, mean_of, paths
from ..tools.types import Array
from ..trajectories.engine import make_engine
from ..trajectories.observed_state import ObservedState
from ..trajectories.outcome import Outcomes, Runner, stacked
from ..trajectories.pure_state import PureState
from .chunk import Chunk, Groups
from .fingerprint import identity_of
from .point import Point
from .schedule import Task

_AT_ONCE = 2**19
"""Numbers in the vectors and sums of trajectories that are measured at once, at most (if not of one trajectory)."""

_MOST = 32
"""Trajectories that are measured at once, at most: of more, what is done once is no part of the time any more."""


class Readings:
    """What a meter has read off the states of the trajectory that runs."""

    def __init__(self, meter: StateMeter, times: Array) -> None:
        self._meter = meter
        self.places = {int(place): row for row, place in enumerate(np.searchsorted(times, meter.times))}
        self._shape = meter.size.times, meter.size.values
        self.begin()

    def begin(self) -> None:
        """Another trajectory."""
        self.rows = np.empty(self._shape)

    def take(self, place: int, state: ObservedState) -> None:
        """Read the state at an output time, if it is one of the meter's."""
        if place in self.places:
            self.rows[self.places[place]] = self._meter.read(state)


class _Finished(NamedTuple):
    """A trajectory that is in no sum yet.

    Attributes
    ----------
    number : int
        That of the trajectory.
    left
        What it has left, for the engine to read.
    readings : dict
        What meters have read off its states, by their names.
    final : FinalState or None
        Where it has stopped, if that is kept.
    """

    number: int
    left: Any
    readings: dict[str, Array]
    final: FinalState | None


class Worker:
    """Runs chunks of one point: its engine, its mean field, what is measured.

    Parameters
    ----------
    point : Point
    reference : (T, A) array, optional
        The mean field, where it is known: all ranks and all sessions of a run centre on the same bits.
    solved : sequence of Solution, optional
        What another rank has found for it, for the worker that makes the skeleton.

    Raises
    ------
    ConvergenceError
        If the mean field does not converge.
    """

    def __init__(self, point: Point, reference: Array | None = None, solved: Sequence[Solution] | None = None) -> None:
        self.point = point
        self._paths = None if reference is not None else paths(point.model, point.state, point.times, solved)
        if reference is None:
            assert self._paths is not None
            reference = mean_of(self._paths)
        self._reference = reference
        self._statistics = {meter.name: meter.empty(reference) for meter in point.meters}
        self._groups = Groups(self._statistics)
        numbers = sum(meter.size.times * meter.size.each for meter in point.meters)
        self._at_once = max(1, min(_MOST, _AT_ONCE // numbers))
        self._readings = {m.name: Readings(m, point.times) for m in point.meters if isinstance(m, StateMeter)}
        self._engine: Runner | None = None
        self.left: Chunk | None = None
        self._last: FinalState | None = None
        self._wanted = False

    @property
    def skeleton(self) -> Result:
        """The point without any trajectory; of the worker that has worked out the mean field."""
        assert self._paths is not None
        point, extras, end = self.point, dict(self._statistics), float(self.point.times[-1])
        return Result(
            times=point.times,
            labels=point.model.labels,
            n_particles=point.model.size,
            weights=point.model.deviation_weights,
            reference=self._reference,
            moments=extras.pop(AverageMeter.name).moments,
            trajectories=self._no_series[:, :, : len(point.model.labels)],
            records=self._no_series[:, :, len(point.model.labels) :],
            seed=point.seed,
            tolerance=point.tolerance,
            n_jumps=0,
            parameters=dict(point.parameters),
            extras=extras,
            chance=chance_of(point.unravelled, point.state),
            setup=point.setup,
            identity=Identity(lambda: identity_of(point)),
            kept_states=self._no_states(ends_of(self._paths)) if point.keep else None,
            jump_records=JumpRecords.of((), jump_type(point.model.blocks), end) if point.record else None,
        )

    def _no_states(self, reference: Mixture) -> FinalStates:
        """Final states of none of the trajectories."""
        model, before = self.point.model, self.point.state
        runs = before.runs + 1 if isinstance(before, FinalStates) else 1
        return FinalStates(tuple(model.blocks), model.mode_names, float(self.point.times[-1]), reference, (), runs)

    @property
    def _no_series(self) -> Array:
        T, A = self._reference.shape
        return np.empty((0, T, A + len(record_labels(self.point.unravelled))))

    def _watch(self, place: int, state: PureState) -> None:
        seen = ObservedState(self.point.bare, float(self.point.times[place]), state)
        for readings in self._readings.values():
            readings.take(place, seen)
        if self._wanted and place == len(self.point.times) - 1:
            self._last = state.final()

    def _samples(self, several: Outcomes, finished: Sequence[_Finished]) -> list[Array]:
        """(K, T', n) vectors of K trajectories, those of each group side by side."""
        made = {
            meter.name: meter.samples(several, self._statistics[meter.name].reference)
            if isinstance(meter, Meter)
            else stacked([one.readings[meter.name] for one in finished])
            for meter in self.point.meters
        }
        return [np.concatenate([made[name] for name in names], axis=-1) for names in self._groups.members]

    def run(self, task: Task, poll: Callable[[], None], on_part: Callable[[Callable[[], Chunk]], None]) -> Chunk:
        """Trajectories task.start..task.stop-1, added one by one in their order to those that are there.

        The chunk ends after the last whole trajectory when ``poll`` raises Interrupted. ``on_part`` is handed after
        each trajectory but the last what gives the chunk so far. After any other exception ``left`` has the
        trajectories that were finished.
        """
        p = self.point
        if self._engine is None:
            ends = {len(p.times) - 1} if p.keep else set()
            snapshots = sorted(ends.union(*(readings.places for readings in self._readings.values())))
            self._engine = make_engine(p.unravelled, p.state, p.times, p.tolerance, snapshots)
        engine = self._engine
        begun = task.begun or Chunk(task.start, task.start, self._groups.empty(), self._no_series, 0)
        n_kept, n_jumps, stop = len(begun.series), begun.n_jumps, task.start
        final, records = list(begun.final), list(begun.records)
        finished: list[_Finished] = []
        foreseen, adding, self.left = task.start, False, None
        room = max(min(task.stop, p.keep) - begun.start, n_kept)
        series = np.empty((room, *self._no_series.shape[1:]))  # pages are taken as they are filled
        series[:n_kept] = begun.series

        def take_in() -> None:
            """Measure the trajectories that are finished, all at once, and add them one by one."""
            nonlocal n_kept, n_jumps, stop, adding
            if not finished:
                return
            several = engine.outcomes([one.left for one in finished])
            vectors = self._samples(several, finished)
            adding = True
            for samples, gathered in zip(vectors, begun.moments, strict=True):
                gathered.extend(samples)
            n_jumps, stop = n_jumps + sum(several.n_jumps), finished[-1].number + 1
            if p.record:
                records.extend(jumps for jumps in several.jumps if jumps is not None)
                p.check_records(sum(r.nbytes for r in records) / len(records))
            for k, one in enumerate(finished):
                if one.final is not None:
                    A = several.mean.shape[2]
                    series[n_kept, :, :A], series[n_kept, :, A:] = several.mean[k], several.records[k]
                    final.append(one.final)
                    n_kept += 1
            finished.clear()
            adding = False

        def so_far() -> Chunk:
            take_in()
            kept = series[:n_kept]
            return Chunk(begun.start, stop, begun.moments, kept, n_jumps, tuple(final), tuple(records))

        try:
            for index in range(task.start, task.stop):
                if index == foreseen:
                    foreseen = min(index + self._at_once, task.stop)
                    engine.foresee(p.seed, range(index, foreseen))
                sys.audit("cojump.trajectory", p.model.size, index, engine)
                self._wanted, self._last = index < p.keep, None
                for readings in self._readings.values():
                    readings.begin()
                watch = self._watch if self._wanted or self._readings else None
                try:
                    left = engine.go(p.seed, index, record=p.record, poll=poll, watch=watch)
                except Interrupted:
                    break
                sys.audit("cojump.trajectory.done", p.model.size, index)
                assert (self._last is not None) == self._wanted
                rows = {name: readings.rows for name, readings in self._readings.items()}
                finished.append(_Finished(index, left, rows, self._last))
                if len(finished) == self._at_once:
                    take_in()
                if index + 1 < task.stop:
                    on_part(so_far)
                    try:
                        poll()
                    except Interrupted:
                        break
            return so_far()
        except BaseException:
            if not adding:  # else a signal has come between two sums that belong together
                self.left = so_far()
            raise

    def release(self) -> None:
        """Give the memory of the engine back."""
        self._engine = None


class Crew:
    """The workers of all points on one rank; one engine at a time is kept."""

    def __init__(self, points: Mapping[int, Point], references: Mapping[int, Array]) -> None:
        self._points, self._references = points, references
        self._workers: dict[int, Worker] = {}

    def __getitem__(self, point: int) -> Worker:
        if point not in self._workers:
            self._workers[point] = Worker(self._points[point], self._references[point])
        return self._workers[point]

    def at(self, point: int) -> Worker:
        """The worker of a point, all others without an engine."""
        for i, worker in self._workers.items():
            if i != point:
                worker.release()
        return self[point]


class Failure(NamedTuple):
    """Why a chunk has no result: the point cannot be run; the trajectories before the failing one, if wanted."""

    message: str
    left: Chunk | None = None
