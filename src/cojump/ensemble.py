"""Many trajectories to moments: fixed chunks, folded in their order, by one process or by many ranks.

Knows neither MPI nor files: a communicator and callbacks come in. Trajectory i is a function of (seed, i) alone; a
chunk is a fixed range of i; the moments of the chunks are merged in their order. So nothing depends on how many
ranks there are or which of them is fast.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from . import checks
from .checks import check_times
from .errors import ArgumentError
from .meanfield import mean_field
from .meters import grouped, meters_of
from .model import Model
from .moments import Moments
from .observables import AverageMeter, Meter
from .results import Extra, Result
from .states import State
from .unravel.driver import Outcome, warm_up
from .unravel.engine import Runner, check_rates, make_engine, plan

Array = NDArray[np.float64]

TOLERANCES = (1e-13, 1e-2)
"""Smallest and largest tolerance that double precision and the purpose allow."""


class Progress(Protocol):
    """What shows how far the work is."""

    def start(self, total: int) -> None:
        """Begin; ``total`` trajectories are to be done."""

    def advance(self, n: int) -> None:
        """Record that ``n`` more trajectories are done."""

    def stop(self) -> None:
        """End the display."""


class Communicator(Protocol):
    """What the ensemble asks of a set of ranks; :class:`cojump.parallel.World` is one."""

    rank: int
    size: int

    def in_turn(self, action: Callable[[], None]) -> None:
        """Run ``action`` on one rank first, so that the others find its compiled code."""

    def distribute(
        self,
        n_tasks: int,
        work: Callable[[int, Callable[[], None]], Any],
        on_result: Callable[[int, Any], None],
    ) -> None:
        """Run the tasks over all ranks; results arrive on rank 0."""

    def share(self, value: Any) -> Any:
        """Value of rank 0 on every rank."""

    def guard(self, action: Callable[[], Any]) -> Any:
        """Result of ``action``; an error in it ends the job on all ranks."""


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

    def __post_init__(self) -> None:
        given: tuple[tuple[str, object, type], ...] = (("model", self.model, Model), ("state", self.state, State))
        for name, value, kind in given:
            if not isinstance(value, kind):
                raise ArgumentError(name, f"be a cojump {kind.__name__}", f"it is {value!r}")
        object.__setattr__(self, "times", check_times(self.times))
        object.__setattr__(self, "n_traj", checks.integer("n_traj", self.n_traj, 1))
        object.__setattr__(self, "seed", checks.integer("seed", self.seed, 0))
        object.__setattr__(self, "chunk", checks.integer("chunk", self.chunk, 1))
        object.__setattr__(self, "keep", checks.integer("keep", self.keep, 0, self.n_traj))
        object.__setattr__(self, "tolerance", checks.number("tolerance", self.tolerance, *TOLERANCES))
        self.state.check_fits(self.model)
        _check_memory(self.model)
        check_rates(self.model)
        self._check_measurements()

    def _check_measurements(self) -> None:
        observables: object = self.observables
        if not isinstance(observables, Mapping):
            raise ArgumentError("observables", "map labels to polynomials", f"it is {observables!r}")
        shots = check_times(self.distributions, "distributions") if np.size(self.distributions) else np.empty(0)
        missing = shots[~np.isin(shots, self.times)]
        if missing.size:
            raise ArgumentError("distributions", "hold output times only", f"{missing[0]:g} is none of `times`")
        object.__setattr__(self, "distributions", shots)
        zero = np.zeros((len(self.times), len(self.model.labels)))
        meters_of(self.model, self.times, zero, self.observables, shots, self.burn_in, self.window)

    def chunks(self) -> list[tuple[int, int]]:
        """First and past-last trajectory of each chunk."""
        return [(i, min(i + self.chunk, self.n_traj)) for i in range(0, self.n_traj, self.chunk)]


def _check_memory(model: Model) -> None:
    """Refuse a model whose amplitudes would not fit, before anything is allocated."""
    plans = plan(model)
    need = sum(p.nbytes for p in plans)
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if need > 0.8 * have:
        amplitudes = " + ".join(f"{p.amplitudes:,}" for p in plans)
        found = f"{amplitudes} amplitudes need {need / 2**30:,.1f} GiB and there are {have / 2**30:,.1f} GiB"
        raise ArgumentError("size", "leave a trajectory that fits in memory", found)


class Chunk(NamedTuple):
    """Statistics of one chunk: moments of each group of figures, series of the kept trajectories (k, T, A), jumps."""

    moments: tuple[Moments, ...]
    series: Array
    n_jumps: int


class _Group:
    """Meters that measure at the same times, their vectors side by side in one set of moments."""

    def __init__(self, meters: Sequence[Meter]) -> None:
        self._meters = meters
        self._extras = [meter.empty() for meter in meters]
        widths = [e.moments.mean.shape[1] for e in self._extras]
        self._starts = np.concatenate([[0], np.cumsum(widths)])
        self._pairs = np.concatenate(
            [e.moments.pairs + start for e, start in zip(self._extras, self._starts, strict=False)], axis=1
        )

    def empty(self) -> Moments:
        """No trajectory yet."""
        return Moments.empty((len(self._extras[0].times), int(self._starts[-1])), self._pairs)

    def sample(self, one: Outcome) -> Array:
        """The vectors of one trajectory side by side."""
        return np.concatenate([meter.sample(one) for meter in self._meters], axis=1)

    def split(self, moments: Moments) -> dict[str, Extra]:
        """The statistics of each meter by its name."""
        made, first = {}, 0
        for n, (meter, extra) in enumerate(zip(self._meters, self._extras, strict=True)):
            count = extra.moments.pairs.shape[1]
            own = Moments(
                extra.moments.pairs,
                moments.count,
                moments.mean[:, self._starts[n] : self._starts[n + 1]].copy(),
                moments.comoment[:, first : first + count].copy(),
            )
            made[meter.name] = replace(extra, moments=own)
            first += count
        return made


class _Worker:
    """Runs chunks of one point: its engine, its mean field, what is measured."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.reference = mean_field(point.model, point.state, point.times).mean
        asked = (point.observables, point.distributions, point.burn_in, point.window)
        meters = meters_of(point.model, point.times, self.reference, *asked)
        self.groups = [_Group(group) for group in grouped(meters)]
        self._snapshots = np.flatnonzero(np.isin(point.times, point.distributions))
        self._engine: Runner | None = None

    def run(self, start: int, stop: int, poll: Callable[[], None]) -> Chunk:
        """Trajectories start..stop-1, added one by one in their order."""
        p = self.point
        if self._engine is None:
            self._engine = make_engine(p.model, p.state, p.times, p.tolerance, self._snapshots.tolist())
        moments, series, n_jumps = [group.empty() for group in self.groups], [], 0
        for index in range(start, stop):
            one = self._engine.run(p.seed, index, poll=poll)
            for group, gathered in zip(self.groups, moments, strict=True):
                gathered.add(group.sample(one))
            n_jumps += one.n_jumps
            if index < p.keep:
                series.append(one.mean)
            poll()
        shape = (0, len(p.times), len(p.model.labels))
        return Chunk(tuple(moments), np.array(series) if series else np.empty(shape), n_jumps)

    def release(self) -> None:
        """Give the memory of the engine back."""
        self._engine = None


class _Fold:
    """Merges the chunks of one point in their order, whatever order they come in."""

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker
        self._waiting: dict[int, Chunk] = {}
        self._next = 0
        self._total = len(worker.point.chunks())
        self._moments = [group.empty() for group in worker.groups]
        self._series: list[Array] = []
        self._n_jumps = 0

    def take(self, number: int, chunk: Chunk) -> bool:
        """Take in chunk ``number``; True when the point is complete."""
        self._waiting[number] = chunk
        while self._next in self._waiting:
            moments, series, n_jumps = self._waiting.pop(self._next)
            for whole, part in zip(self._moments, moments, strict=True):
                whole.merge(part)
            self._series.append(series)
            self._n_jumps += n_jumps
            self._next += 1
        return self._next == self._total

    def result(self) -> Result:
        """The finished point."""
        p = self._worker.point
        extras: dict[str, Extra] = {}
        for group, moments in zip(self._worker.groups, self._moments, strict=True):
            extras.update(group.split(moments))
        averages = extras.pop(AverageMeter.name)
        return Result(
            times=p.times,
            labels=p.model.labels,
            n_particles=p.model.size,
            weights=p.model.deviation_weights,
            reference=self._worker.reference,
            moments=averages.moments,
            trajectories=np.concatenate(self._series),
            seed=p.seed,
            tolerance=p.tolerance,
            n_jumps=self._n_jumps,
            parameters=dict(p.parameters),
            extras=extras,
        )


class _Task(NamedTuple):
    point: int
    number: int
    start: int
    stop: int


def _tasks(points: Sequence[Point]) -> list[_Task]:
    """All chunks of all points, the most expensive points first so that no rank is left with one at the end."""
    order = sorted(range(len(points)), key=lambda i: -points[i].model.size)
    return [_Task(i, n, a, b) for i in order for n, (a, b) in enumerate(points[i].chunks())]


def run_points(
    points: Sequence[Point],
    *,
    comm: Communicator | None = None,
    progress: Progress | None = None,
    on_point: Callable[[int, Result], None] | None = None,
) -> list[Result]:
    """Run all trajectories of all points; every rank returns the same results.

    Parameters
    ----------
    points : sequence of Point
    comm : Communicator or None
        Ranks that share the chunks of all points; None is this process alone.
    progress : Progress or None
        Told of finished trajectories, on rank 0.
    on_point : callable (index, Result), optional
        Called on rank 0 as each point is finished.

    Raises
    ------
    ConvergenceError
        If a trajectory cannot keep its tolerance. With several ranks any error ends the whole job instead.
    """
    if comm is None:
        return _run(points, None, progress, on_point)
    return comm.guard(lambda: _run(points, comm, progress, on_point))


def _run(
    points: Sequence[Point],
    comm: Communicator | None,
    progress: Progress | None,
    on_point: Callable[[int, Result], None] | None,
) -> list[Result]:
    workers = [_Worker(point) for point in points]
    tasks = _tasks(points)
    folds = [_Fold(worker) for worker in workers]
    results: dict[int, Result] = {}

    def work(number: int, poll: Callable[[], None]) -> Chunk:
        task = tasks[number]
        for i, worker in enumerate(workers):
            if i != task.point:
                worker.release()
        return workers[task.point].run(task.start, task.stop, poll)

    def on_result(number: int, chunk: Chunk) -> None:
        task = tasks[number]
        if progress is not None:
            progress.advance(task.stop - task.start)
        if folds[task.point].take(task.number, chunk):
            results[task.point] = folds[task.point].result()
            if on_point is not None:
                on_point(task.point, results[task.point])

    # One thread per rank: on small arrays the threads of BLAS cost ten times what they give.
    with threadpool_limits(1):
        if comm is None:
            warm_up()
            _show(progress, points)
            for number in range(len(tasks)):
                on_result(number, work(number, _nothing))
        else:
            comm.in_turn(warm_up)
            _show(progress if comm.rank == 0 else None, points)
            comm.distribute(len(tasks), work, on_result)
            results = comm.share(results)
    if progress is not None and (comm is None or comm.rank == 0):
        progress.stop()
    return [results[i] for i in range(len(points))]


def _show(progress: Progress | None, points: Sequence[Point]) -> None:
    if progress is not None:
        progress.start(sum(p.n_traj for p in points))


def _nothing() -> None:
    return None
