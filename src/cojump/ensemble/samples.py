"""Samples of many trajectories, kept one by one: some numbers of each, whatever rank has made them."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass
class Rows:
    """Vectors of trajectories 0 .. n_traj - 1 on rank 0, of which some are there; on other ranks there is none.

    Attributes
    ----------
    n_traj : int
    empty : (width,) array
        Of the kind of a vector.
    begun : (n, width) array, optional
        The first ones, of an earlier session.
    """

    n_traj: int
    empty: NDArray[Any]
    begun: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        self._rows = np.zeros((self.n_traj, *self.empty.shape), dtype=self.empty.dtype)
        self._done = np.zeros(self.n_traj, dtype=bool)
        if self.begun is not None:
            self.take(0, self.begun)

    def take(self, first: int, made: Sequence[NDArray[Any]] | NDArray[Any]) -> None:
        """Put vectors of trajectories from ``first`` on into their places."""
        if len(made):
            self._rows[first : first + len(made)] = made
            self._done[first : first + len(made)] = True

    @property
    def n(self) -> int:
        """How many are there without a gap, from the first one on."""
        return self.n_traj if self._done.all() else int(np.argmin(self._done))

    @property
    def found(self) -> NDArray[Any]:
        """(n, width) those."""
        return self._rows[: self.n]


def collect(
    model: Model,
    n_traj: int,
    chunk: int,
    make: Callable[[], Sampler],
    rows: Rows | None,
    stopping: Callable[[], bool],
    *,
    begin: Callable[[], None] = lambda: None,
    came: Callable[[], None] = lambda: None,
    comm: Communicator | None = None,
    progress: ProgressReport | None = None,
) -> tuple[bool, str]:
    """Make the vectors of all trajectories that are missing; every rank returns whether it was told to stop, and why
    some trajectory could not be made, "" else.

    Parameters
    ----------
    model : Model
        Whose kernels are compiled first.
    n_traj, chunk : int
        Trajectories, and those per unit of work.
    make : callable
        Makes the sampler of this rank.
    rows : Rows
        Filled on rank 0; None on other ranks.
    stopping : callable
        Asked often, on every rank, whether the work is to stop.
    begin, came : callables
        Called on every rank before the first trajectory, and on rank 0 after vectors have come.
    comm, progress
        Ranks that share the work, and who is told of it on rank 0.
    """
    ranks: Communicator = comm or Alone()
    chief = ranks.rank == 0
    there = rows.n if rows is not None else 0
    failures: list[str] = []
    sampler: list[Sampler] = []

    starts = range(there, n_traj, chunk)
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
            memory = _MEMORY if isinstance(error, MemoryError) else ""
            return made, f"{memory}{one_line(error)}"
        return made, ""

    def on_result(rank: int, task: tuple[int, int], outcome: tuple[list[NDArray[Any]], str]) -> None:
        made, failure = outcome
        assert rows is not None
        rows.take(task[0], made)
        if failure:
            failures.append(failure)
        if progress is not None:
            progress.advance(len(made))
        came()

    def compiled() -> None:
        if progress is not None and chief and not prepared([model]):
            progress.note("compiling kernels (once)")
        prepare([model])

    def run() -> bool:
        with threadpool_limits(1):
            ranks.in_turn(compiled)
            if chief:
                tell_refusal()
            begin()
            if progress is not None and chief:
                progress.start(n_traj - there)
            return ranks.distribute(next_task, lambda _: operator.length_hint(waiting), work, on_result, stopping)

    stopped = ranks.guard(run)
    found: tuple[bool, str] = ranks.share((stopped, failures[0] if failures else ""))
    return found


_MEMORY = "not enough memory: "


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
    model, n_traj, chunk, make, comm, progress
        As for :func:`collect`.
    empty : (width,) array
        Of the kind of a vector.
    finish : callable
        Takes (n, width) vectors, n ≥ 1.

    Raises
    ------
    ConvergenceError, MemoryError
        If a trajectory cannot keep its tolerance, or has no memory; on all ranks.
    SimulationInterrupted
        After Ctrl-C, on all ranks; what is finished without a gap is in it.
    """
    ranks: Communicator = comm or Alone()
    rows = Rows(n_traj, empty) if ranks.rank == 0 else None
    with Interrupts() as interrupts:

        def begin() -> None:
            interrupts.gently = True

        try:
            _, failure = collect(
                model,
                n_traj,
                chunk,
                make,
                rows,
                lambda: interrupts.heard,
                begin=begin,
                comm=ranks,
                progress=progress,
            )
            n, found = ranks.share((rows.n, rows.found) if rows is not None else None)
        except KeyboardInterrupt:
            ranks.interrupt()
            raise
        finally:
            if progress is not None:
                progress.stop()
        if failure:
            raise MemoryError(failure) if failure.startswith(_MEMORY) else ConvergenceError(failure)
        if n < n_traj or interrupts.heard:
            raise SimulationInterrupted(finish(found) if n else None, n_traj)
    return finish(found)
