"""Being told to stop: by a scheduler with a signal, by Ctrl-C from a terminal, by the limit of the run itself."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from ..errors import WALLTIME, Stopped

_LATER = 0.02
"""Seconds after which a signal that was lost is raised again."""

_NEVER = float("inf")

_HEARD = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGINT)
"""Schedulers warn with different ones: Slurm with what it is told to, LSF with SIGUSR2, Grid Engine with all."""

_IGNORED = (signal.SIGHUP,)
"""The terminal has gone: that takes the messages away, not the work."""


def deaf() -> None:
    """The work is over: what tells it to stop from now on, while ranks part and Python ends, changes no status."""
    for number in _HEARD:
        if number != signal.SIGINT or "mpi4py.MPI" not in sys.modules:  # a rank may wait for another one for ever
            signal.signal(number, signal.SIG_IGN)


class Signals:
    """Listens while it is entered.

    At first, while modules are imported and ranks find one another, a signal is only noted: :meth:`begin` raises it.
    From then on, during planning and compilation, one raises Stopped at once. When :attr:`gently` is true it is noted
    again, for the work to end where nothing is lost. A second Ctrl-C raises KeyboardInterrupt at any time.
    :meth:`stage` is told what is done now, for the message.
    """

    def __init__(self) -> None:
        self.gently = False
        self.name = ""
        self.doing = ""
        self._begun = False
        self._before: dict[int, Any] = {}
        self._hook: Any = None

    def begin(self) -> None:
        """Raise what has come so far, and from now on at once.

        Raises
        ------
        Stopped
        """
        self._begun = True
        if self.name:
            raise Stopped(self.name, self.doing)

    def stage(self, doing: str) -> None:
        """Keep in mind what is done from now on, and let audit hooks know: tests stop and break a run there."""
        self.doing = doing
        sys.audit("cojump.stage", doing)

    def limit(self, seconds: float) -> None:
        """Stop by itself after so many seconds from now, wherever a signal would."""
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6) if seconds < _NEVER else 0.0)

    @contextmanager
    def abruptly(self, grace: float = 0.0) -> Iterator[None]:
        """While work is done that can be dropped: what comes raises Stopped at once.

        What has come already does so after ``grace`` seconds: a job that has finished everything else is not stopped
        by what a moment more would complete.

        Raises
        ------
        Stopped
        """
        before = self.gently
        try:
            self.gently = False
            if self.name and not grace:
                raise Stopped(self.name, self.doing)
            if self.name:
                self.limit(grace)
            yield
        finally:
            self.gently = before
            if grace and self.name:
                self.limit(_NEVER)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Where a signal raises at once: any error after one comes from it.

        What it breaks off may not only drop it, in a callback from C, but fail before it comes again.

        Raises
        ------
        Stopped
        """
        try:
            yield
        except Exception:
            if self.name:
                raise Stopped(self.name, self.doing) from None
            raise

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _HEARD}
            self._before.update({number: signal.signal(number, signal.SIG_IGN) for number in _IGNORED})
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._alarm)
            self._hook, sys.unraisablehook = sys.unraisablehook, self._swallowed
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            sys.unraisablehook = self._hook
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _swallowed(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Python drops what is raised in a destructor, and the compiler runs many: raise it again a little later."""
        if unraisable.exc_type is Stopped:
            signal.setitimer(signal.ITIMER_REAL, _LATER)
        else:
            self._hook(unraisable)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again, self.name = bool(self.name), signal.Signals(number).name
        if number == signal.SIGINT and again:
            raise KeyboardInterrupt
        self._raise(number, frame)

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        """The time is over; or a signal that was lost comes again."""
        self.name = self.name or WALLTIME
        self._raise(number, frame)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self._begun and not self.gently:
            raise Stopped(self.name, self.doing)
