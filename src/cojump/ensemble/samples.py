"""Samples of many trajectories, kept one by one: some numbers of each, whatever rank has made them."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..errors import EXPECTED, ConvergenceError, Interrupted, SimulationInterrupted, one_line
from ..model import Model
from ..parallel.communicator import Communicator
from ..parallel.one_process import Alone
from ..tools.interrupts import Interrupts
from ..trajectories.compilation import prepare, prepared
from ..trajectories.kernel_cache import tell_refusal

if TYPE_CHECKING:
    from ..tools.progress import ProgressReport

Sampler = Callable[[int, Callable[[], None]], NDArray[Any]]
"""sampler(index, poll) is the vector of trajectory ``index``."""


def gathered(
    model: Model,
    n_traj: int,
    chunk: int,
    make: Callable[[], Sampler],
    empty: NDArray[Any],
    finish: Callable[[NDArray[Any]], Any],
    *,
    comm: Communicator | None = None,
    progress: ProgressReport | None = None,
) -> Any:
    """What ``finish`` makes of the vectors of trajectories 0 .. n_traj - 1, on every rank.

    Parameters
    ----------
    model : Model
        Whose kernels are compiled first.
    n_traj, chunk : int
        Trajectories, and those per unit of work.
    make : callable
        Makes the sampler of this rank.
    empty : (width,) array
        Of the kind of a vector.
    finish : callable
        Takes (n, width) vectors, n ≥ 1.
    comm, progress
        Ranks that share the work, and who is told of it on rank 0.

    Raises
    ------
    ConvergenceError, MemoryError
        If a trajectory cannot keep its tolerance, or has no memory; on all ranks.
    SimulationInterrupted
        After Ctrl-C, on all ranks; what is finished without a gap is in it.
    """
    ranks: Communicator = comm or Alone()
    chief = ranks.rank == 0
    rows = np.zeros((n_traj, *empty.shape), dtype=empty.dtype) if chief else None
    done = np.zeros(n_traj, dtype=bool)
    failures: list[str] = []
    sampler: list[Sampler] = []

    starts = range(0, n_traj, chunk)
    waiting = iter(starts)

    def next_task() -> tuple[int, int] | None:
        first = None if failures else next(waiting, None)
        return None if first is None else (first, min(first + chunk, n_traj))

    def work(task: tuple[int, int], poll: Callable[[], None]) -> tuple[list[NDArray[Any]], str]:
        made: list[NDArray[Any]] = []
        try:
            if not sampler:
                sampler.append(make())
            for index in range(*task):
                poll()
                sys.audit("cojump.trajectory", model.size, index, sampler[0])
                made.append(sampler[0](index, poll))
        except Interrupted:
            pass
        except (*EXPECTED, MemoryError) as error:
            memory = "not enough memory: " if isinstance(error, MemoryError) else ""
            return made, f"{memory}{one_line(error)}"
        return made, ""

    def on_result(rank: int, task: tuple[int, int], outcome: tuple[list[NDArray[Any]], str]) -> None:
        made, failure = outcome
        assert rows is not None
        rows[task[0] : task[0] + len(made)] = made if made else rows[:0]
        done[task[0] : task[0] + len(made)] = True
        if failure:
            failures.append(failure)
        if progress is not None:
            progress.advance(len(made))

    def compiled() -> None:
        if progress is not None and chief and not prepared([model]):
            progress.note("compiling kernels (once)")
        prepare([model])

    def run(interrupts: Interrupts) -> bool:
        with threadpool_limits(1):
            ranks.in_turn(compiled)
            if chief:
                tell_refusal()
            interrupts.gently = True
            if progress is not None and chief:
                progress.start(n_traj)
            return ranks.distribute(
                next_task, lambda _: operator.length_hint(waiting), work, on_result, lambda: interrupts.heard
            )

    with Interrupts() as interrupts:
        try:
            stopped = ranks.guard(lambda: run(interrupts))
            n = int(np.argmin(done)) if not done.all() else n_traj
            stopped, failure, n, found = ranks.share(
                (stopped, failures[0] if failures else "", n, rows[:n] if rows is not None else None)
            )
        except KeyboardInterrupt:
            ranks.interrupt()
            raise
        finally:
            if progress is not None:
                progress.stop()
        if failure:
            raise MemoryError(failure) if failure.startswith("not enough memory: ") else ConvergenceError(failure)
        if n < n_traj or interrupts.heard:
            raise SimulationInterrupted(finish(found) if n else None, n_traj)
    return finish(found)
