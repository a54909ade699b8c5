"""Many trajectories to moments: fixed chunks, folded in their order, by one process or by many ranks.

Knows neither MPI nor files: a communicator and callbacks come in. Trajectory i is a function of (seed, i) alone; a
chunk is a fixed range of i; the moments of the chunks are merged in their order (ensemble/ordered_merge.py). So nothing
depends on how many ranks there are, which of them is fast, or how often the run was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from ..errors import (
    EXPECTED,
    ConvergenceError,
    SimulationInterrupted,
    StorageError,
    one_line,
)
from ..parallel.communicator import Communicator
from ..parallel.one_process import Alone
from ..results.result import Result
from ..tools.interrupts import Interrupts
from ..tools.memory import for_each_rank
from ..tools.summaries import counted
from ..trajectories.compilation import prepare, prepared
from ..trajectories.kernel_cache import tell_refusal
from .checkpoint import Checkpoint
from .chunk import Chunk, Packed, packed
from .mean_fields import solved_together
from .ordered_merge import Fold, emptied, folded_of, in_memory
from .point import Point
from .schedule import Schedule, Task
from .waiting_chunks import WaitingChunks
from .worker import Crew, Failure, Worker

if TYPE_CHECKING:
    from ..theory.mean_field import Solution
    from ..tools.progress import ProgressReport


class Events:
    """What happens while chunks are run; each method does nothing here."""

    def prepare(self, action: Callable[[], None]) -> None:
        """On every rank: ``action`` compiles the kernels."""
        action()

    def begin(self) -> None:
        """On every rank: the kernels are compiled, trajectories come next; :meth:`stopping` is asked from here on."""

    def part(self, task: Task, so_far: Callable[[], Chunk]) -> None:
        """On the rank that runs it, after each of its trajectories: ``so_far`` gives the beginning of a chunk."""

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
    """Ctrl-C ends the work after the trajectory in hand has been dropped; a checkpoint has finished chunks."""

    def __init__(self, interrupts: Interrupts, checkpoint: Checkpoint | None) -> None:
        self._interrupts, self._checkpoint = interrupts, checkpoint

    def chunk(self, task: Task, chunk: Chunk) -> int:
        """A chunk, or its beginning, is done: on the rank or in the process that has run it."""
        if self._checkpoint is not None:
            self._checkpoint.write(task.number, chunk)
        return 0

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
    crew = Crew(points, comm.share({i: fold.skeleton.reference for i, fold in folds.items()}))
    costs = {i: points[i].recipe.cost(float(points[i].times[-1])) for i in folds}
    schedule = Schedule(folds, costs, last={i for i in folds if points[i].nbytes > for_each_rank() / 2})

    def work(task: Task, poll: Callable[[], None]) -> tuple[Chunk | Packed | Failure, float, int]:
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
        place = events.chunk(task, chunk) if chunk.stop > task.start else 0
        return packed(chunk) if comm.rank else chunk, seconds, place

    def on_result(rank: int, task: Task, outcome: tuple[Chunk | Packed | Failure, float, int]) -> None:
        fold, (made, seconds, place) = folds[task.point], outcome
        if isinstance(made, Failure):
            if made.left is not None:
                fold.offer(task.number, made.left.start, made.left.stop, in_memory(made.left))
            if fold.failure is None and not fold.finished:
                fold.failure = made.message
                events.failed(task.point, made.message if comm.size == 1 else f"rank {rank}: {made.message}")
            return
        if isinstance(made, Packed):
            made = fold.unpacked(made)
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

    def compile_kernels() -> None:
        runs = [p.unravelled for p in points.values()], [p.state for p in points.values()]
        if progress is not None and comm.rank == 0 and not prepared(*runs):  # it takes longer than short runs
            progress.note("compiling kernels (once)")
        prepare(*runs)

    def run() -> bool:
        # One thread per rank: on small arrays the threads of BLAS cost ten times what they give.
        with threadpool_limits(1):
            comm.in_turn(lambda: events.prepare(compile_kernels))
            if comm.rank == 0:
                tell_refusal()
            events.begin()
            if progress is not None and comm.rank == 0:
                progress.start(schedule.remaining())
            stopped = comm.distribute(schedule.next_task, schedule.left, work, on_result, events.stopping)
        if progress is not None and comm.rank == 0:
            progress.stop()
        return stopped

    return comm.guard(run)


def run_points(
    points: Sequence[Point],
    *,
    comm: Communicator | None = None,
    progress: ProgressReport | None = None,
    checkpoint: Checkpoint | None = None,
    begun: Result | None = None,
) -> list[Result]:
    """Run all trajectories of all points; every rank returns the same results.

    Parameters
    ----------
    points : sequence of Point
    comm : Communicator or None
        Ranks that share the chunks of all points; None is this process alone.
    progress : ProgressReport or None
        Told of finished trajectories, on rank 0.
    checkpoint : Checkpoint or None
        Keeps the chunks of a single point, and has those of earlier calls.
    begun : Result or None
        What there is of a single point, to go on with; see :func:`cojump.ensemble.extension.check_extension`.

    Raises
    ------
    StorageError
        If the checkpoint is of another run, or cannot be written.
    ConvergenceError, MemoryError
        If a trajectory cannot keep its tolerance, or has no memory; on all ranks. With several ranks any other error
        ends the whole job instead.
    SimulationInterrupted
        After Ctrl-C, on all ranks.

    Whatever is raised while trajectories are run has what was finished as ``.partial``: a result, or for several points
    a list of results, None where there is nothing.
    """
    ranks: Communicator = comm or Alone()
    chief, waiting = ranks.rank == 0, WaitingChunks()

    def skeletons(solved: Mapping[int, list[Solution]]) -> dict[int, Fold]:
        with threadpool_limits(1):
            if begun is None:
                workers = (Worker(p, solved=solved.get(i)) for i, p in enumerate(points))
                made = {
                    i: Fold(worker.skeleton, worker.point.goal, hold=waiting.hold) for i, worker in enumerate(workers)
                }
            else:  # centred on the mean field that its trajectories are centred on
                made = {0: Fold(emptied(begun), points[0].goal, folded_of(begun), waiting.hold)}
        if checkpoint is not None:
            (fold,), (point,) = made.values(), points
            checkpoint.begin(point, fold)
        return made

    folds: dict[int, Fold] = {}

    def finished() -> list[Result | None]:
        return [folds[i].so_far() if i in folds else None for i in range(len(points))]

    with Interrupts() as interrupts:
        try:
            several = begun is None and len(points) > 1 and ranks.size > 1
            solved = solved_together(points, ranks) if several else {}
            folds = ranks.guard(lambda: skeletons(solved)) if chief else {}
            if checkpoint is not None:
                checkpoint.join(ranks.share(checkpoint.seat), ranks.rank)
            events = _Interruptible(interrupts, checkpoint)
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
            if checkpoint is not None:
                checkpoint.close()
            if progress is not None:  # in every case: what is shown would go on over whatever comes next
                progress.stop()
        if why is not None:
            failed = MemoryError(why) if "not enough memory: " in why else ConvergenceError(why)
            _leave_partial(failed, results, points)
            raise failed
        if stopped or interrupts.heard:
            raise _interrupted(results, points)
    # what comes from another rank has not the objects that were given here
    return [replace(result, setup=point.setup) for result, point in zip(results, points, strict=True)]


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
            many = f"{done:,} of {counted(asked, 'trajectory')} {'was' if asked == 1 else 'were'} finished"
            error.add_note(f"{many}; they are in `.partial` of this exception.")
