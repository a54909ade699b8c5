"""Many trajectories to moments: fixed chunks, folded in their order, by one process or by many ranks.

Knows neither MPI nor files: a communicator and callbacks come in. Trajectory i is a function of (seed, i) alone; a
chunk is a fixed range of i; the moments of the chunks are merged in their order (ensemble/ordered_merge.py). So nothing
depends on how many ranks there are, which of them is fast, or how often the run was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import (
    EXPECTED,
    ArgumentError,
    ConvergenceError,
    Interrupted,
    SimulationInterrupted,
    StorageError,
    one_line,
)
from ..measure.block_averages import AverageMeter
from ..measure.catalogue import meters_of
from ..measure.certainty import chance_of
from ..measure.meter import Meter
from ..model import Model
from ..model.states import State, check_start
from ..parallel.communicator import Communicator
from ..parallel.one_process import Alone
from ..results.result import Result
from ..theory.mean_field import mean_field
from ..tools import checks
from ..tools.checks import check_times
from ..tools.interrupts import Interrupts
from ..tools.memory import for_each_rank
from ..tools.types import Array
from ..trajectories.compilation import prepare
from ..trajectories.engine import make_engine
from ..trajectories.kernel_cache import tell_refusal
from ..trajectories.outcome import Outcome, Runner
from ..trajectories.recipe import check_rates, cost_of, plan
from .ordered_merge import DEVIATION, Chunk, Fold, Goal, Groups, in_memory, statistics_of
from .schedule import Schedule, Task
from .statistics_size import Statistics, statistics_bytes
from .waiting_chunks import Spill

if TYPE_CHECKING:
    from ..tools.progress import ProgressReport


TOLERANCES = (1e-13, 1e-2)
"""Smallest and largest tolerance that double precision and the purpose allow."""


MOST_TRAJECTORIES = 2**63 - 1
"""Trajectories are numbered by 64 bits."""


@dataclass(frozen=True, eq=False)
class Point:
    """One ensemble to run: a model, a state, and how many trajectories of which seed.

    Parameters
    ----------
    model, state
        The state is the one at t = 0.
    times : (T,) array
        Output times, increasing, times[0] ≥ 0.
    n_traj : int
        Number of trajectories, 0..n_traj-1 of ``seed``.
    seed : int
        At least 0.
    tolerance : float
        Bound on the error of the state per step and on the jump time, within 1e-13 and 1e-2.
    chunk : int
        Trajectories per unit of work and reduction.
    keep : int
        How many trajectories keep their series, at most n_traj.
    parameters : mapping
        What names this point in a sweep.
    observables : mapping
        Polynomials of averages to be measured, see :func:`cojump.simulate`.
    distributions : (T',) array
        Output times at which the distributions of M are measured.
    burn_in, window : float or None
        Begin and end of the measurement window, see :func:`cojump.simulate`.
    target : mapping of str to float, or float
        Standard errors at which the run stops before ``n_traj``, see :class:`cojump.ensemble.run.ordered_merge.Goal`;
        one number is for all averages.
    min_traj : int
        Trajectories before the target is looked at.

    Raises
    ------
    ArgumentError, UnsupportedError
        If a value breaks a rule, or the model does not fit in memory.
    """

    model: Model
    state: State
    times: Array
    n_traj: int
    seed: int = 0
    tolerance: float = 1e-9
    chunk: int = 64
    keep: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    observables: Mapping[str, Any] = field(default_factory=dict)
    distributions: Array = field(default_factory=lambda: np.empty(0))
    burn_in: float | None = None
    window: float | None = None
    target: Mapping[str, float] | float = field(default_factory=dict)
    min_traj: int = 100

    def __post_init__(self) -> None:
        check_start(self.model, self.state)
        object.__setattr__(self, "times", check_times(self.times))
        object.__setattr__(self, "n_traj", checks.integer("n_traj", self.n_traj, 1, MOST_TRAJECTORIES))
        object.__setattr__(self, "seed", checks.integer("seed", self.seed, 0, bits=checks.SEED_BITS))
        object.__setattr__(self, "chunk", checks.integer("chunk", self.chunk, 1, MOST_TRAJECTORIES))
        object.__setattr__(self, "keep", checks.integer("keep", self.keep, 0, self.n_traj))
        object.__setattr__(self, "tolerance", checks.number("tolerance", self.tolerance, *TOLERANCES))
        self._check_memory()
        check_rates(self.model)
        self._check_measurements()
        self._check_target()

    def _check_measurements(self) -> None:
        checks.mapping("observables", self.observables, "map labels to polynomials")
        shots = np.empty(0)
        if np.size(self.distributions):
            shots = self.times[checks.output_times("distributions", self.distributions, self.times)]
        object.__setattr__(self, "distributions", shots)
        zero = np.zeros((len(self.times), len(self.model.labels)))
        meters_of(self.model, self.times, zero, self.observables, shots, self.burn_in, self.window)

    def _check_target(self) -> None:
        given: Any = self.target
        target = given if isinstance(given, Mapping) else dict.fromkeys(self.model.labels, given)
        known = [*self.model.labels, *self.model.order_parameters, DEVIATION]
        for label, limit in target.items():
            if label not in known:
                found = f"one is {checks.shown(label)}"
                raise ArgumentError("target_error", f"name averages among {checks.named(known)}", found)
            if checks.number("target_error", limit, 0) == 0:
                raise ArgumentError("target_error", "be greater than 0", "it is 0")
        object.__setattr__(self, "target", {label: float(limit) for label, limit in target.items()})
        object.__setattr__(self, "min_traj", checks.integer("min_traj", self.min_traj, 2, MOST_TRAJECTORIES))

    @property
    def nbytes(self) -> int:
        """Bytes that running it takes at the peak: the engine, the statistics, the kept series."""
        return sum(p.nbytes for p in plan(self.model)) + sum(self._statistics)

    @property
    def _statistics(self) -> Statistics:
        n = len(self.observables) if isinstance(self.observables, Mapping) else 0
        return statistics_bytes(self.model, len(self.times), self.keep, n, np.size(self.distributions))

    def _check_memory(self) -> None:
        """Refuse what would not fit, before anything is allocated."""
        plans, (moments, series), have = plan(self.model), self._statistics, for_each_rank()
        engine = sum(p.nbytes for p in plans)
        rule, room = "that fits in memory", f"and there are {have / 2**30:,.2f} GiB for it"
        if engine > have:
            amplitudes = " + ".join(
                f"{p.amplitudes:,}" if p.amplitudes < 10**15 else f"{float(p.amplitudes):.3g}" for p in plans
            )
            found = f"{amplitudes} amplitudes need {engine / 2**30:.4g} GiB {room}"
            raise ArgumentError("size", f"leave a trajectory {rule}", found)
        if engine + moments > have:
            many = f"{len(self.times):,} output times of {len(self.model.labels)} averages"
            found = f"the statistics of {many} need {(engine + moments) / 2**30:,.1f} GiB {room}"
            raise ArgumentError("times", f"leave an ensemble {rule}", found)
        if engine + moments + series > have:
            many = f"{self.keep:,} series of {len(self.times):,} output times"
            found = f"{many} need {(engine + moments + series) / 2**30:,.1f} GiB {room}"
            raise ArgumentError("keep", f"leave an ensemble {rule}", found)

    @property
    def goal(self) -> Goal:
        """When the point is done."""
        assert isinstance(self.target, Mapping)
        return Goal(self.n_traj, self.chunk, self.keep, self.target, self.min_traj)


class Worker:
    """Runs chunks of one point: its engine, its mean field, what is measured.

    Parameters
    ----------
    point : Point
    reference : (T, A) array, optional
        The mean field, where it is known: all ranks and all sessions of a run centre on the same bits.

    Raises
    ------
    ConvergenceError
        If the mean field does not converge.
    """

    def __init__(self, point: Point, reference: Array | None = None) -> None:
        self.point = point
        if reference is None:
            reference = mean_field(point.model, point.state, point.times).mean
        asked = (point.observables, point.distributions, point.burn_in, point.window)
        meters = meters_of(point.model, point.times, reference, *asked)
        extras = {meter.name: meter.empty() for meter in meters}
        self.skeleton = Result(
            times=point.times,
            labels=point.model.labels,
            n_particles=point.model.size,
            weights=point.model.deviation_weights,
            reference=reference,
            moments=extras.pop(AverageMeter.name).moments,
            trajectories=np.empty((0, *reference.shape)),
            seed=point.seed,
            tolerance=point.tolerance,
            n_jumps=0,
            parameters=dict(point.parameters),
            extras=extras,
            chance=chance_of(point.model, point.state),
        )
        self._groups = Groups(statistics_of(self.skeleton))
        by_name = {meter.name: meter for meter in meters}
        self._meters = [[by_name[name] for name in names] for names in self._groups.members]
        self._snapshots = np.flatnonzero(np.isin(point.times, point.distributions))
        self._engine: Runner | None = None
        self.left: Chunk | None = None

    def run(self, task: Task, poll: Callable[[], None], on_part: Callable[[Chunk], None]) -> Chunk:
        """Trajectories task.start..task.stop-1, added one by one in their order to those that are there.

        The chunk ends after the last whole trajectory when ``poll`` raises Interrupted. ``on_part`` is told after
        each trajectory but the last what there is so far. After any other exception ``left`` has the trajectories
        that were finished.
        """
        p = self.point
        if self._engine is None:
            self._engine = make_engine(p.model, p.state, p.times, p.tolerance, self._snapshots.tolist())
        begun = task.begun or Chunk(task.start, task.start, self._groups.empty(), self.skeleton.trajectories, 0)
        n_kept, n_jumps, stop = len(begun.series), begun.n_jumps, task.start
        room = max(min(task.stop, p.keep) - begun.start, n_kept)
        series = np.empty((room, *self.skeleton.reference.shape))  # pages are taken as they are filled
        series[:n_kept] = begun.series

        def so_far() -> Chunk:
            return Chunk(begun.start, stop, begun.moments, series[:n_kept], n_jumps)

        adding, self.left = False, None
        try:
            for index in range(task.start, task.stop):
                try:
                    one = self._engine.run(p.seed, index, poll=poll)
                except Interrupted:
                    break
                samples = [_sample(meters, one) for meters in self._meters]
                adding = True
                for sample, gathered in zip(samples, begun.moments, strict=True):
                    gathered.add(sample)
                n_jumps, stop = n_jumps + one.n_jumps, index + 1
                if index < p.keep:
                    series[n_kept] = one.mean
                    n_kept += 1
                adding = False
                if stop < task.stop:
                    on_part(so_far())
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


def _sample(meters: Sequence[Meter], one: Outcome) -> Array:
    """The vectors of one trajectory side by side."""
    return np.concatenate([meter.sample(one) for meter in meters], axis=1)


class _Crew:
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


class Events:
    """What happens while chunks are run; each method does nothing here."""

    def prepare(self, action: Callable[[], None]) -> None:
        """On every rank: ``action`` compiles the kernels."""
        action()

    def begin(self) -> None:
        """On every rank: the kernels are compiled, trajectories come next; :meth:`stopping` is asked from here on."""

    def part(self, task: Task, chunk: Chunk) -> None:
        """On the rank that runs it: the first trajectories of a chunk are done."""

    def chunk(self, task: Task, chunk: Chunk) -> int:
        """On the rank that has run it: a chunk is done, or its beginning if the job is to stop; where it is written."""
        return 0

    def result(self, rank: int, task: Task, n_traj: int, seconds: float, place: int) -> None:
        """On rank 0: ``rank`` has run ``n_traj`` trajectories of a chunk in so many seconds, and written them."""

    def point(self, place: int, fold: Fold) -> None:
        """On rank 0: a point is finished."""

    def failed(self, place: int, message: str) -> None:
        """On rank 0: a point cannot be run; the others go on."""

    def stopping(self) -> bool:
        """On any rank, often: whether the job is to stop."""
        return False


class _Interruptible(Events):
    """Ctrl-C ends the work after the trajectory in hand has been dropped."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def begin(self) -> None:
        """From now on there is something to keep."""
        self._interrupts.gently = True

    def stopping(self) -> bool:
        """Whether it has come."""
        return self._interrupts.heard


def run_chunks(
    points: Mapping[int, Point],
    folds: Mapping[int, Fold],
    *,
    comm: Communicator,
    events: Events,
    progress: ProgressReport | None = None,
    tolerant: bool = True,
) -> bool:
    """Run all chunks that are missing; every rank returns whether the job was told to stop before the end.

    Parameters
    ----------
    points : mapping of int to Point
        The points that can be run, by their place; the same on all ranks.
    folds : mapping of int to Fold
        What there is of them, on rank 0; it is completed. Empty on other ranks.
    comm : Communicator
    events : Events
    progress : ProgressReport or None
        Told of finished trajectories, on rank 0.
    tolerant : bool
        A point that fails does not stop the others; if false it raises, on one rank. The fold has what was finished.

    Raises
    ------
    ConvergenceError, MemoryError
        If a point fails and ``tolerant`` is false, on one rank; with several it is in ``fold.failure`` alone.
    """
    crew = _Crew(points, comm.share({i: fold.skeleton.reference for i, fold in folds.items()}))
    costs = {i: cost_of(points[i].model, float(points[i].times[-1])) for i in folds}
    schedule = Schedule(folds, costs, last={i for i in folds if points[i].nbytes > for_each_rank() / 2})

    def work(task: Task, poll: Callable[[], None]) -> tuple[Chunk | Failure, float, int]:
        began, worker = time.perf_counter(), None
        try:
            worker = crew.at(task.point)
            chunk = worker.run(task, poll, lambda part: events.part(task, part))
        except StorageError:  # the disk's, in the middle of a chunk, and not the point's
            raise
        except BaseException as error:
            left = worker.left if worker and not tolerant else None
            if comm.size == 1 and left is not None:
                folds[task.point].offer(task.number, left.start, left.stop, in_memory(left))
            if not isinstance(error, (*EXPECTED, MemoryError)) or (comm.size == 1 and not tolerant):
                raise
            memory = "not enough memory: " if isinstance(error, MemoryError) else ""
            return Failure(f"{memory}{one_line(error)}", left), 0.0, 0
        seconds = time.perf_counter() - began
        return chunk, seconds, events.chunk(task, chunk) if chunk.stop > task.start else 0

    def on_result(rank: int, task: Task, outcome: tuple[Chunk | Failure, float, int]) -> None:
        fold, (made, seconds, place) = folds[task.point], outcome
        if isinstance(made, Failure):
            if made.left is not None:
                fold.offer(task.number, made.left.start, made.left.stop, in_memory(made.left))
            if fold.failure is None and not fold.finished:
                fold.failure = made.message
                events.failed(task.point, made.message if comm.size == 1 else f"rank {rank}: {made.message}")
            return
        if progress is not None:
            progress.advance(made.stop - task.start)
        before = fold.finished
        if made.stop == task.stop:
            fold.take(task.number, made)
        else:
            fold.offer(task.number, made.start, made.stop, fold.hold(made))
        if made.stop > task.start:
            events.result(rank, task, made.stop - task.start, seconds, place)
        if fold.finished and not before:
            events.point(task.point, fold)

    def run() -> bool:
        # One thread per rank: on small arrays the threads of BLAS cost ten times what they give.
        with threadpool_limits(1):
            comm.in_turn(lambda: events.prepare(lambda: prepare(point.model for point in points.values())))
            if comm.rank == 0:
                tell_refusal()
            events.begin()
            if progress is not None and comm.rank == 0:
                progress.start(schedule.remaining())
            stopped = comm.distribute(schedule.next_task, work, on_result, events.stopping)
        if progress is not None and comm.rank == 0:
            progress.stop()
        return stopped

    return comm.guard(run)


def run_points(
    points: Sequence[Point], *, comm: Communicator | None = None, progress: ProgressReport | None = None
) -> list[Result]:
    """Run all trajectories of all points; every rank returns the same results.

    Parameters
    ----------
    points : sequence of Point
    comm : Communicator or None
        Ranks that share the chunks of all points; None is this process alone.
    progress : ProgressReport or None
        Told of finished trajectories, on rank 0.

    Raises
    ------
    ConvergenceError, MemoryError
        If a trajectory cannot keep its tolerance, or has no memory; on all ranks. With several ranks any other error
        ends the whole job instead.
    SimulationInterrupted
        After Ctrl-C, on all ranks.

    Whatever is raised while trajectories are run has what was finished as ``.partial``: a result, or for several points
    a list of results, None where there is nothing.
    """
    ranks: Communicator = comm or Alone()
    chief, spill = ranks.rank == 0, Spill()

    def skeletons() -> dict[int, Fold]:
        with threadpool_limits(1):
            return {i: Fold(Worker(p).skeleton, p.goal, hold=spill.hold) for i, p in enumerate(points)}

    folds: dict[int, Fold] = {}

    def finished() -> list[Result | None]:
        return [folds[i].so_far() if i in folds else None for i in range(len(points))]

    with Interrupts() as interrupts:
        try:
            folds = ranks.guard(skeletons) if chief else {}
            events = _Interruptible(interrupts)
            stopped = run_chunks(
                dict(enumerate(points)), folds, comm=ranks, events=events, progress=progress, tolerant=False
            )
            why = next((fold.failure for fold in folds.values() if fold.failure), None)
            whole = not stopped and why is None
            stopped, why, results = ranks.share(
                (stopped, why, [folds[i].result() for i in folds] if whole else finished()) if chief else None
            )
        except KeyboardInterrupt:
            ranks.interrupt()
            raise _interrupted(finished(), points) from None
        except BaseException as error:
            _leave_partial(error, finished(), points)
            raise
        finally:
            if progress is not None:  # in every case: what is shown would go on over whatever comes next
                progress.stop()
        if why is not None:
            failed = MemoryError(why) if "not enough memory: " in why else ConvergenceError(why)
            _leave_partial(failed, results, points)
            raise failed
        if stopped or interrupts.heard:
            raise _interrupted(results, points)
    return list(results)


def _interrupted(finished: Sequence[Result | None], points: Sequence[Point]) -> SimulationInterrupted:
    several = len(points) > 1
    asked = sum(point.n_traj for point in points)
    return SimulationInterrupted(list(finished) if several else finished[0], asked)


def _leave_partial(error: BaseException, finished: Sequence[Result | None], points: Sequence[Point]) -> None:
    """Let an error have the trajectories that were finished before it, and say so below its message."""
    done = sum(result.n_traj for result in finished if result is not None)
    with suppress(AttributeError):  # an exception with slots takes nothing
        error.partial = list(finished) if len(points) > 1 else finished[0]  # type: ignore[attr-defined]
        if done:
            asked = sum(point.n_traj for point in points)
            error.add_note(f"{done} of {asked} trajectories were finished; they are in `.partial` of this exception.")
