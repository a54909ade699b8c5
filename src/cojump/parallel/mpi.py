"""The only importer of mpi4py: ranks that share a list of tasks.

Rank 0 hands out tasks, folds results and computes like the others: it looks for messages between two pieces of its
own work. Every other rank has its next task before it starts the one in hand, so it does not wait for rank 0 as long as
there are tasks enough. A rank that is told to stop (a signal may reach one rank only) tells rank 0, and rank 0
tells all the others. No rank ever blocks inside MPI: signals are heard, and a rank that waits leaves its core to one
that works.
"""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import click

from ..errors import EXPECTED, ArgumentError, Stopped, broken_line, one_line
from ..tools.checks import shown
from ..tools.terminal import tell
from .task_server import TaskServer, TaskWorker, wait_for

_TRY_AGAIN, _INTERRUPTED = 75, 130
"""Statuses of a job that was told to stop, see cojump.jobs.signals, and of one that was interrupted."""

_REFUSED, _BROKEN = 2, 74
"""Statuses of a job that an expected error ends before its first trajectory, and after it; see cojump.jobs.signals."""


_SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "JSM_NAMESPACE_SIZE")
"""Set by the launchers of MPI libraries to the number of ranks they started."""

_STEP_VARIABLES = ("SLURM_STEP_NUM_TASKS",)
"""Set by srun for its tasks, but not in a batch script; an mpiexec inside of such a task knows better."""

_RANK_VARIABLES = (
    "PMI_RANK",
    "PMIX_RANK",
    "OMPI_COMM_WORLD_RANK",
    "MV2_COMM_WORLD_RANK",
    "SLURM_PROCID",
    "PALS_RANKID",
)
"""Set by launchers to the number of the process."""


class World:
    """A communicator of at least two ranks, as the ensemble uses it.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    """

    def __init__(self, comm: Any) -> None:
        # Messages of cojump never mix with the caller's own.
        self._comm = comm.Dup()
        self._status_of_errors = _REFUSED
        self.rank: int = self._comm.rank
        self.size: int = self._comm.size

    def agree(self, error: str | None) -> str | None:
        """Return to all ranks the first error that any rank passes, or None. Collective."""
        return next((e for e in self._comm.allgather(error) if e is not None), None)

    def union(self, value: dict[int, str]) -> dict[int, str]:
        """All entries that any rank has; where several have one, the first counts. Collective."""
        found: dict[int, str] = {}
        for rank, own in enumerate(self._comm.allgather(value)):
            for key, text in own.items():
                found.setdefault(key, text if rank == 0 else f"rank {rank}: {text}")
        return found

    def of_all(self, value: Any) -> list[Any]:
        """Values of all ranks, in their order. Collective."""
        return self._comm.allgather(value)

    def share(self, value: Any) -> Any:
        """Value of rank 0, on every rank. Collective."""
        return self._comm.bcast(value, root=0)

    def abort(self, message: str, status: int = 1) -> None:
        """End the whole job at once with ``message`` on stderr."""
        if message:
            tell(message)
        self._comm.Abort(status)

    def interrupt(self) -> None:
        """End the whole job after a Ctrl-C that only this rank may have heard."""
        self.abort("cojump: interrupted" if self.rank == 0 else "", _INTERRUPTED)

    def difference(self, value: Any, describe: Callable[[Any, str, str], str]) -> str | None:
        """What the first rank that differs has otherwise than rank 0, in words; None where all agree. Collective.

        Parameters
        ----------
        value : object
            Of this rank: numbers, texts, and lists and mappings of them.
        describe : callable (value of rank 0, words for this rank, words for rank 0) -> str
            Called where the values are not the same to the last bit; an empty text is no difference.
        """
        digests = self._comm.allgather(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest())
        if len(set(digests)) == 1:
            return None
        first = self._comm.bcast(value, root=0)
        here = f"on rank {self.rank}"
        text = self.guard(lambda: describe(first, here, "on rank 0")) if self.rank else ""
        return next((t for t in self._comm.allgather(text) if t), None)

    def together(
        self,
        action: Callable[[], Any],
        same: Callable[[Any], Any] = lambda _: None,
        describe: Callable[[Any, Any, str, str], str] = lambda *_: "they differ",
    ) -> Any:
        """Result of ``action`` on each rank; if any rank refuses, all of them raise and none waits. Collective.

        ``same`` of the result must be equal on all ranks; ``describe`` (it, that of rank 0, two words for them) says
        what differs, see :meth:`difference`.

        Raises
        ------
        EXPECTED errors
            Where they occur, and on the other ranks an ArgumentError that names the first of them.
        """

        def attempt() -> tuple[Any, Any, BaseException | None]:
            try:
                made = action()
                return made, same(made), None
            except EXPECTED as error:
                return None, None, error

        result, own, error = self.guard(attempt)
        first = self.agree(None if error is None else f"rank {self.rank}: {one_line(error)}")
        if error is not None:
            raise error
        if first is not None:
            raise ArgumentError("comm", "have the same valid arguments on all ranks", first)
        found = self.difference(own, lambda first, here, there: describe(own, first, here, there))
        if found is not None:
            raise ArgumentError("comm", "have the same model and arguments on all ranks", found)
        return result

    def free(self) -> None:
        """Give the communicator back to MPI. Collective."""
        self._comm.Free()

    def in_turn(self, action: Callable[[], None]) -> None:
        """Run ``action`` on rank 0, then on one rank of each node, then on the rest. Collective.

        For compilation: the first fills the cache (shared, or one per node) and the others only read it.
        """
        from mpi4py import MPI

        node = self._comm.Split_type(MPI.COMM_TYPE_SHARED, key=self.rank)
        stage = 0 if self.rank == 0 else (1 if node.rank == 0 else 2)
        node.Free()
        for now in range(3):
            if stage == now:
                self.guard(action)
            wait_for(self._comm.Ibarrier().Test)  # it leaves the core to a rank of this node that compiles

    def guard(self, action: Callable[[], Any]) -> Any:
        """Result of ``action``; an error in it ends the job on all ranks at once, with its message."""
        try:
            return action()
        except (*EXPECTED, OSError, MemoryError) as error:
            self.abort(f"cojump: rank {self.rank}: {broken_line(error)}", self._status_of_errors)
        except Stopped as stopped:
            self.abort(stopped.line if self.rank == 0 else "", _TRY_AGAIN)
        except KeyboardInterrupt:
            self.interrupt()
        except BaseException:  # noqa: BLE001 - whatever it is, the other ranks must not wait for this one
            self.abort(f"cojump: rank {self.rank} failed:\n{traceback.format_exc()}")
        raise SystemExit(1)

    def distribute(
        self,
        next_task: Callable[[], Any],
        left: Callable[[int], int],
        work: Callable[[Any, Callable[[], None]], Any],
        on_result: Callable[[int, Any, Any], None],
        stopping: Callable[[], bool],
        *,
        preparing: bool = False,
    ) -> bool:
        """Run tasks, each on one rank, as ranks become free. Collective.

        Parameters
        ----------
        next_task : callable () -> task or None
            Called on rank 0; None when there is none any more.
        left : callable (most) -> int
            Called on rank 0: how many tasks there still may be; what is more than ``most`` need not be counted.
        work : callable (task, poll) -> result
            Calls ``poll()`` often; it serves the other ranks and raises Interrupted when the job is to stop: ``work``
            then returns what it has.
        on_result : callable (rank, task, result)
            Called on rank 0, in any order of tasks.
        stopping : callable () -> bool
            Whether this rank was told to stop; True on any one of them stops all.
        preparing : bool
            No trajectory is run by these tasks: an error ends the job as one that is refused before the work.

        Returns
        -------
        bool
            Whether the job was told to stop; the same on all ranks.
        """
        self._status_of_errors = _REFUSED if preparing else _BROKEN
        from mpi4py import MPI

        side = (
            TaskServer(self._comm, MPI.Status(), next_task, left, on_result, stopping)
            if self.rank == 0
            else TaskWorker(self._comm, stopping)
        )
        return self.guard(lambda: side.run(work))


def wrap(comm: Any) -> World | None:
    """``comm`` (None, an mpi4py communicator, or a World) as a World; None if it has one rank only.

    Raises
    ------
    ArgumentError
        If it is something else.
    """
    if comm is None or isinstance(comm, World):
        return comm
    size = comm.Get_size() if not isinstance(comm, type) and callable(getattr(comm, "Get_size", None)) else None
    if not isinstance(size, int):
        raise ArgumentError("comm", "be None or an mpi4py communicator", f"it is {shown(comm)}")
    if size > 1:
        return World(comm)
    if (launched := _launched()) > 1 and type(comm).__module__.startswith("mpi4py") and _is_world(comm):
        found = f"its launcher started {launched} ranks and it has 1: it belongs to another MPI library"
        raise ArgumentError("comm", "have all ranks of the job", found)
    return None


def _is_world(comm: Any) -> bool:
    from mpi4py import MPI

    return bool(MPI.Comm.Compare(comm, MPI.COMM_WORLD) == MPI.IDENT)


def world() -> World | None:
    """All ranks of this job, or None when alone.

    Raises
    ------
    ArgumentError
        If a launcher started several ranks but the MPI library of mpi4py sees one (two different MPIs, or a launcher
        that knows none): each of them would take itself for the whole job. On the first of them; the others raise
        click's Exit, without a word.
    """
    launched = _launched()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if launched > 1:
            _refuse("start a program whose mpi4py finds an MPI library", str(error))
        return None
    if launched > 1 and MPI.COMM_WORLD.Get_size() == 1:
        _refuse_singletons(launched, MPI)
    return wrap(MPI.COMM_WORLD)


def _launched() -> int:
    """How many processes the launcher says it has started; 1 where there is none."""
    for names in (_SIZE_VARIABLES, _STEP_VARIABLES):
        found = [int(os.environ[name]) for name in names if os.environ.get(name, "").isdecimal()]
        if found:
            return max(found)
    return 1


def _refuse_singletons(launched: int, MPI: Any) -> NoReturn:
    library = MPI.Get_library_version().split("\n")[0].strip("\x00 ")
    found = f"it started {launched} ranks and mpi4py sees 1, with {library}"
    step = next((name for name in _STEP_VARIABLES if os.environ.get(name)), None)
    if step is not None and not any(os.environ.get(name) for name in _SIZE_VARIABLES):
        found += f" (is --mpi= of srun right? Runs that are each for itself start as: env -u {step} cojump ...)"
    _refuse("belong to the MPI library that mpi4py uses", found)


def _refuse(rule: str, found: str) -> NoReturn:
    """Refuse the launcher; the first process speaks for all."""
    if any(os.environ.get(name, "0").strip("0") for name in _RANK_VARIABLES):
        raise click.exceptions.Exit(_REFUSED)
    raise ArgumentError("mpiexec", rule, found)
