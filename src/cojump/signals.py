"""Being told to stop: SIGTERM and SIGUSR1 from a scheduler, Ctrl-C from a terminal."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from .errors import Stopped

STOPPED = 75
"""Exit status of a run that was told to stop and can go on (EX_TEMPFAIL): a job script requeues on it."""

FAILED = 3
"""Exit status of a run in which some points cannot be run."""

_HEARD = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Signals:
    """Listens while it is entered.

    As long as :attr:`gently` is false a signal raises at once: Stopped, or KeyboardInterrupt for Ctrl-C. When it is
    true the first one is only noted, for the work to end where nothing is lost; a second Ctrl-C raises all the same.
    """

    def __init__(self) -> None:
        self.gently = False
        self.name = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _HEARD}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again, self.name = bool(self.name), signal.Signals(number).name
        if number == signal.SIGINT and (again or not self.gently):
            raise KeyboardInterrupt
        if not self.gently:
            raise Stopped(self.name)
