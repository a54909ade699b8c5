"""Processes of this machine that share a list of tasks: forked where the work begins, gone when it is done.

They begin as copies of this process, with its model, its functions and its compiled kernels, so that nothing of these
needs to be sent: only tasks and results go through pipes. This process hands out tasks and takes results in; it does no
work of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from ..errors import ArgumentError, Interrupted, WorkerError
from ..tools import checks
from ..tools.summaries import counted
from .one_process import Alone

_PATIENCE = 0.1
"""Seconds between two looks at whether the work is to stop."""

_ORPHAN = 1.0
"""Seconds after which a process without a task looks whether the one that started it is still there."""

_LEFT = 5.0
"""Seconds that a process has to end before it is killed."""

_DONE, _FAILED = "done", "failed"

_MOST_WORKERS = 4096


def checked_workers(workers: object, comm: object) -> int:
    """How many processes share the work; 1 beside the ranks of a communicator."""
    several = checks.integer("workers", workers, 1, _MOST_WORKERS)
    if several > 1 and comm is not None:
        raise ArgumentError("workers", "be 1 with a communicator, whose ranks share the work", f"it is {several}")
    return several


class Processes(Alone):
    """One rank, as :class:`~cojump.parallel.one_process.Alone`, whose tasks are run by ``size`` processes.

    Parameters
    ----------
    size : int
        How many, at least 2.

    Raises
    ------
    ArgumentError
        If this process cannot have such processes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        if "fork" not in multiprocessing.get_all_start_methods():
            found = f"on {sys.platform} processes cannot be forked; use MPI"
            raise ArgumentError("workers", "be 1 where a process cannot be copied", found)
        if multiprocessing.current_process().daemon:
            found = "this process is one of a pool itself"
            raise ArgumentError("workers", "be 1 in a process that may have no processes of its own", found)

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
        """Run the tasks, each by one process, as they become free; True if it was told to stop.

        Raises
        ------
        WorkerError
            If a process has ended on its own; what the others had in hand is taken in first.
        Exception
            The first one that ``work`` has raised, after the same.
        """
        team = _Team(self.size, work)
        try:
            return team.run(next_task, on_result, stopping)
        finally:
            team.end()


class _Team:
    """The processes at work."""

    def __init__(self, size: int, work: Callable[[Any, Callable[[], None]], Any]) -> None:
        context = multiprocessing.get_context("fork")
        self._halt = context.RawValue(ctypes.c_bool, False)
        self._members: list[tuple[Any, Connection]] = []
        self._broken: BaseException | None = None
        parent = os.getpid()
        with warnings.catch_warnings():
            # later Pythons warn of every fork beside a thread: the copies use none of what threads may hold
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in range(size):
                here, there = context.Pipe()
                process = context.Process(
                    target=_serve, args=(there, here, work, self._halt, parent), daemon=True, name="cojump worker"
                )
                process.start()
                there.close()
                self._members.append((process, here))

    def run(
        self,
        next_task: Callable[[], Any],
        on_result: Callable[[int, Any, Any], None],
        stopping: Callable[[], bool],
    ) -> bool:
        """See :meth:`Processes.distribute`."""
        busy: dict[int, Any] = {}

        def hand_out(k: int) -> None:
            task = None if self._halt.value else next_task()
            if task is not None:
                with contextlib.suppress(OSError):  # it has gone, which is seen below
                    self._members[k][1].send(task)
                busy[k] = task

        stopped = False
        for k in range(len(self._members)):
            hand_out(k)
        while busy:
            if stopping():
                stopped = self._halt.value = True
            places = {self._members[k][1]: k for k in busy} | {self._members[k][0].sentinel: k for k in busy}
            for k in dict.fromkeys(places[ready] for ready in wait(list(places), _PATIENCE)):
                task = busy.pop(k)
                outcome = self._received(k)
                if outcome is None:
                    continue
                on_result(k, task, outcome)
                hand_out(k)
        if self._broken is not None:
            raise self._broken
        return stopped

    def _received(self, k: int) -> Any:
        """What a process has to say; None if it is an error, for which all others stop as well."""
        process, pipe = self._members[k]
        try:
            kind, content = pipe.recv()
            if kind == _DONE:
                return content
            error = _raised(*content)
        except (EOFError, OSError):
            process.join(_LEFT)
            code = process.exitcode
            killed = code is not None and code < 0
            how = f"was ended by signal {signal.Signals(-code).name}" if killed else f"ended with status {code}"
            error = WorkerError(
                f"One of {counted(len(self._members), 'worker')} {how}; if the machine is out of memory, fewer of them "
                "may do"
            )
        self._broken = self._broken or error
        self._halt.value = True
        return None

    def end(self) -> None:
        """Let all processes end, and kill those that do not."""
        self._halt.value = True
        for _, pipe in self._members:
            with contextlib.suppress(OSError):
                pipe.send(None)
            pipe.close()
        working = sys.exc_info()[1] is not None  # nothing more is wanted of what they have in hand
        for process, _ in self._members:
            if not working:
                process.join(_LEFT)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()


def _serve(
    pipe: Connection, other: Connection, work: Callable[[Any, Callable[[], None]], Any], halt: Any, parent: int
) -> None:
    """The life of a process: task after task, until it is told to end or the one that started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal comes to all; the first process decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    other.close()

    def poll() -> None:
        if os.getppid() != parent:
            os._exit(1)
        if halt.value:
            raise Interrupted

    try:
        while True:
            while not pipe.poll(_ORPHAN):
                if os.getppid() != parent:
                    os._exit(1)
            task = pipe.recv()
            if task is None:
                break
            try:
                outcome = (_DONE, work(task, poll))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the first process has to know
                outcome = (_FAILED, _sent(error))
            pipe.send(outcome)
    except (EOFError, OSError):
        pass
    finally:
        os._exit(0)  # nothing of the process that this is a copy of is to be ended here


def _sent(error: BaseException) -> tuple[bytes, str]:
    """An exception for another process: itself, if it can be pickled, and where it was raised."""
    where = traceback.format_exc()
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:  # noqa: BLE001 - an exception of the user's may be anything
        content = b""
    return content, where


def _raised(content: bytes, where: str) -> BaseException:
    error: BaseException = RuntimeError("A worker has failed with an error that cannot be sent")
    if content:
        error = pickle.loads(content)
    error.add_note(f"In a worker:\n{where}")
    return error
