"""The only importer of mpi4py: ranks that share a list of tasks.

Rank 0 hands out tasks, folds results and computes like the others: it looks for messages between two pieces of its
own work. Every other rank asks for its next task before it starts the one in hand, so it never waits for rank 0.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from .errors import EXPECTED, ArgumentError, one_line

_REQUEST, _TASK, _RESULT = 11, 12, 13
_SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Set by launchers to the number of ranks they started."""


class World:
    """A communicator of at least two ranks, as the ensemble uses it.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
    """

    def __init__(self, comm: Any) -> None:
        # Messages of cojump never mix with the caller's own.
        self._comm = comm.Dup()
        self.rank: int = self._comm.rank
        self.size: int = self._comm.size

    def agree(self, error: str | None) -> str | None:
        """Return to all ranks the first error that any rank passes, or None. Collective."""
        return next((e for e in self._comm.allgather(error) if e is not None), None)

    def share(self, value: Any) -> Any:
        """Value of rank 0, on every rank. Collective."""
        return self._comm.bcast(value, root=0)

    def abort(self, message: str) -> None:
        """End the whole job at once with ``message`` on stderr and status 1."""
        if message:
            print(message, file=sys.stderr, flush=True)
        self._comm.Abort(1)

    def together(self, action: Callable[[], Any], same: Callable[[Any], Any] = lambda _: None) -> Any:
        """Result of ``action`` on each rank; if any rank refuses, all of them raise and none waits. Collective.

        ``same`` of the result must be equal on all ranks.

        Raises
        ------
        EXPECTED errors
            Where they occur, and on the other ranks an ArgumentError that names the first of them.
        """

        def attempt() -> tuple[Any, BaseException | None]:
            try:
                return action(), None
            except EXPECTED as error:
                return None, error

        result, error = self.guard(attempt)
        first = self.agree(None if error is None else f"rank {self.rank}: {one_line(error)}")
        if error is not None:
            raise error
        if first is not None:
            raise ArgumentError("comm", "have the same valid arguments on all ranks", first)
        if len(set(self._comm.allgather(same(result)))) > 1:
            raise ArgumentError("comm", "have the same arguments on all ranks", "they differ")
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
            self._wait_quietly()

    def _wait_quietly(self) -> None:
        """Barrier that leaves the core to a rank of this node that compiles."""
        request = self._comm.Ibarrier()
        while not request.Test():
            time.sleep(0.005)

    def guard(self, action: Callable[[], Any]) -> Any:
        """Result of ``action``; an error in it ends the job on all ranks at once, with its message."""
        try:
            return action()
        except EXPECTED as error:
            self.abort(f"cojump: rank {self.rank}: {one_line(error)}")
        except KeyboardInterrupt:
            self.abort("cojump: interrupted" if self.rank == 0 else "")
        except MemoryError as error:
            self.abort(f"cojump: rank {self.rank}: not enough memory: {one_line(error) or 'the model is too large'}")
        except BaseException:  # noqa: BLE001 - whatever it is, the other ranks must not wait for this one
            self.abort(f"cojump: rank {self.rank} failed:\n{traceback.format_exc()}")
        raise SystemExit(1)

    def distribute(
        self,
        n_tasks: int,
        work: Callable[[int, Callable[[], None]], Any],
        on_result: Callable[[int, Any], None],
    ) -> None:
        """Run tasks 0..n_tasks-1, each on one rank, in that order as ranks become free. Collective.

        Parameters
        ----------
        n_tasks : int
        work : callable (task, poll) -> result
            Calls ``poll()`` often; on rank 0 that serves the other ranks.
        on_result : callable (task, result)
            Called on rank 0, in any order of tasks.
        """
        if self.rank == 0:
            self.guard(lambda: _Server(self._comm, n_tasks, on_result).run(work))
        else:
            self.guard(lambda: self._serve_as_worker(work))
        self._comm.Barrier()

    def _serve_as_worker(self, work: Callable[[int, Callable[[], None]], Any]) -> None:
        comm = self._comm
        comm.send(None, dest=0, tag=_REQUEST)
        task = comm.recv(source=0, tag=_TASK)
        pending = None
        while task >= 0:
            comm.send(None, dest=0, tag=_REQUEST)
            result = work(task, _nothing)
            if pending is not None:
                pending.wait()
            pending = comm.isend((task, result), dest=0, tag=_RESULT)
            task = comm.recv(source=0, tag=_TASK)
        if pending is not None:
            pending.wait()


class _Server:
    """Rank 0 while tasks are out."""

    def __init__(self, comm: Any, n_tasks: int, on_result: Callable[[int, Any], None]) -> None:
        from mpi4py import MPI

        self._comm, self._n_tasks, self._on_result = comm, n_tasks, on_result
        self._status, self._any = MPI.Status(), MPI.ANY_SOURCE
        self._next = 0
        self._results = 0
        self._dismissed = 0

    def _take(self) -> int:
        if self._next == self._n_tasks:
            return -1
        self._next += 1
        return self._next - 1

    def _answer_one(self) -> None:
        """Receive the message that a probe has seen and act on it."""
        source, tag = self._status.Get_source(), self._status.Get_tag()
        message = self._comm.recv(source=source, tag=tag)
        if tag == _REQUEST:
            task = self._take()
            self._comm.send(task, dest=source, tag=_TASK)
            self._dismissed += task < 0
        else:
            self._results += 1
            self._on_result(*message)

    def poll(self) -> None:
        """Answer all messages that have arrived."""
        while self._comm.iprobe(source=self._any, status=self._status):
            self._answer_one()

    def run(self, work: Callable[[int, Callable[[], None]], Any]) -> None:
        """Compute, and serve the others, until every result is in and every worker has been told to stop."""
        while (task := self._take()) >= 0:
            result = work(task, self.poll)
            self._results += 1
            self._on_result(task, result)
            self.poll()
        while self._results < self._n_tasks or self._dismissed < self._comm.size - 1:
            self._comm.probe(source=self._any, status=self._status)
            self._answer_one()


def _nothing() -> None:
    return None


def wrap(comm: Any) -> World | None:
    """``comm`` (None, an mpi4py communicator, or a World) as a World; None if it has one rank only.

    Raises
    ------
    ArgumentError
        If it is something else.
    """
    if comm is None or isinstance(comm, World):
        return comm
    if not hasattr(comm, "Get_size"):
        raise ArgumentError("comm", "be None or an mpi4py communicator", f"it is {comm!r}")
    return World(comm) if comm.Get_size() > 1 else None


def world() -> World | None:
    """All ranks of this job, or None when alone.

    Raises
    ------
    ArgumentError
        If a launcher started several ranks but the MPI library of mpi4py sees one (two different MPIs).
    """
    launched = max((int(os.environ.get(v, "1") or 1) for v in _SIZE_VARIABLES), default=1)
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if launched > 1:
            raise ArgumentError("mpiexec", "start a program whose mpi4py finds an MPI library", str(error)) from None
        return None
    if launched > 1 and MPI.COMM_WORLD.Get_size() == 1:
        library = MPI.Get_library_version().split("\n")[0].strip("\x00 ")
        found = f"it started {launched} ranks and mpi4py sees 1, with {library}"
        raise ArgumentError("mpiexec", "belong to the MPI library that mpi4py uses", found)
    return wrap(MPI.COMM_WORLD)
