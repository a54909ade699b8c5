"""The first rank hands out tasks and takes in results, the others work; between tasks all sleep rather than spin."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from ..errors import Interrupted

_RESULT, _STOP, _DONE = 12, 13, 14
"""From a rank to rank 0: a result, for which it wants another task; it was told to stop; it has left."""

_ORDER = 20
"""From rank 0: one of the words below, and what goes with it."""

_TASK, _HALT, _GOODBYE = "task", "halt", "goodbye"

_AT_ONCE = 2
"""Tasks that a rank has: the one it runs and the next one."""

_SPINS, _FIRST_NAP, _LONGEST_NAP = 20, 1e-4, 5e-3
"""How often a rank that waits looks before it sleeps, and for how long (s) it then sleeps between two looks."""

_OVERSLEPT = 0.125
"""A nap in parts of the time that was waited before it: no rank waits longer than it must by more than that."""


def wait_for(ready: Callable[[], bool]) -> None:
    """Return when ``ready()``; the core is left to others, and signals are heard."""
    for _ in range(_SPINS):
        if ready():
            return
    waited = 0.0
    while not ready():
        nap = min(max(_FIRST_NAP, _OVERSLEPT * waited), _LONGEST_NAP)
        time.sleep(nap)
        waited += nap


class TaskWorker:
    """Any rank but 0 while tasks are out."""

    def __init__(self, comm: Any, stopping: Callable[[], bool]) -> None:
        self._comm, self._stopping = comm, stopping
        self._replies: deque[Any] = deque()
        self._told = self._halted = self._dismissed = False

    def _listen(self) -> None:
        """Take in what rank 0 says, and tell it when this rank is to stop."""
        while self._comm.iprobe(source=0, tag=_ORDER):
            word, payload = self._comm.recv(source=0, tag=_ORDER)
            if word == _TASK:
                self._replies.append(payload)
            elif word == _HALT:
                self._halted = True
            else:
                self._halted, self._dismissed = payload, True
        if not self._told and self._stopping():
            self._comm.send(None, dest=0, tag=_STOP)
            self._told = True

    def poll(self) -> None:
        """Raise Interrupted when the job is to stop."""
        self._listen()
        if self._told or self._halted:
            raise Interrupted

    def _reply(self) -> Any:
        def there() -> bool:
            self._listen()
            return bool(self._replies)

        wait_for(there)
        return self._replies.popleft()

    def run(self, work: Callable[[Any, Callable[[], None]], Any]) -> bool:
        """Work until rank 0 has nothing more to do, or the job is to stop."""
        comm = self._comm
        task, pending = self._reply(), None
        while task is not None and not (self._told or self._halted):
            result = work(task, self.poll)
            if pending is not None:
                wait_for(lambda sent=pending: sent.test()[0])  # type: ignore[misc]
            pending = comm.isend((task, result), dest=0, tag=_RESULT)
            task = self._reply()
        if pending is not None:
            wait_for(lambda: pending.test()[0])
        comm.send(None, dest=0, tag=_DONE)

        def dismissed() -> bool:
            self._listen()
            return self._dismissed

        wait_for(dismissed)
        return self._halted


class TaskServer:
    """Rank 0 while tasks are out.

    Every rank is given its first tasks unasked: rank 0 may look for messages late, once it is in a trajectory itself.
    Each result is answered with a task, so that as long as there are enough a rank has its next one before it needs it.
    The last ones are given to ranks that have nothing else: one that waits behind the task in hand would keep all
    others waiting for the two of them.
    """

    def __init__(
        self,
        comm: Any,
        status: Any,
        next_task: Callable[[], Any],
        left: Callable[[int], int],
        on_result: Callable[[int, Any, Any], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._comm, self._next_task, self._left = comm, next_task, left
        self._on_result, self._stopping = on_result, stopping
        self._status = status  # an empty MPI.Status
        self._working = set(range(1, comm.size))
        self._in_hand: Counter[int] = Counter()
        self._ended: set[int] = set()
        self._halted = False

    def _take(self) -> Any:
        return None if self._halted else self._next_task()

    def _halt(self) -> None:
        """Tell every rank that still works to stop."""
        if not self._halted:
            self._halted = True
            for rank in self._working:
                self._comm.send((_HALT, None), dest=rank, tag=_ORDER)

    def _give(self, rank: int) -> None:
        """Send a rank a task, or word that there is none any more."""
        task = self._take()
        if task is None:
            self._ended.add(rank)
        else:
            self._in_hand[rank] += 1
        self._comm.send((_TASK, task), dest=rank, tag=_ORDER)

    def _supply(self, rank: int) -> None:
        """Give a rank what it may have by now."""
        size, in_hand = self._comm.size, self._in_hand
        while rank not in self._ended and (
            not in_hand[rank] or (in_hand[rank] < _AT_ONCE and self._left(size) >= size)
        ):
            self._give(rank)

    def _begin(self) -> None:
        """Give every rank its first task, and then those that are behind it."""
        for give in (self._give, self._supply):
            for rank in range(1, self._comm.size):
                give(rank)

    def _answer_one(self) -> None:
        """Receive the message that a probe has seen and act on it."""
        source, tag = self._status.Get_source(), self._status.Get_tag()
        message = self._comm.recv(source=source, tag=tag)
        if tag == _RESULT:
            self._in_hand[source] -= 1
            self._on_result(source, *message)  # first: it may say that no more is wanted
            self._supply(source)
        elif tag == _STOP:
            self._halt()
        else:
            self._working.discard(source)

    def _serve(self) -> None:
        """Answer all messages that have arrived."""
        while self._comm.iprobe(status=self._status):
            self._answer_one()
        if self._stopping():
            self._halt()

    def poll(self) -> None:
        """Serve the others; raise Interrupted when the job is to stop."""
        self._serve()
        if self._halted:
            raise Interrupted

    def run(self, work: Callable[[Any, Callable[[], None]], Any]) -> bool:
        """Compute, and serve the others, until every one of them has left."""
        task = self._take()
        self._begin()
        while task is not None:
            self._on_result(0, task, work(task, self.poll))
            self._serve()
            task = self._take()

        def all_left() -> bool:
            self._serve()
            return not self._working

        wait_for(all_left)
        for rank in range(1, self._comm.size):
            self._comm.send((_GOODBYE, self._halted), dest=rank, tag=_ORDER)
        return self._halted
