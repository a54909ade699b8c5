"""Ctrl-C during work in a process that belongs to somebody else."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """Listens for Ctrl-C while it is entered, for work in somebody else's process.

    Until :attr:`gently` is true one raises KeyboardInterrupt at once, as always. Then the first is noted, for the work
    to end where nothing is lost, and the second raises. A program that has a handler of its own keeps it.
    """

    def __init__(self) -> None:
        self.gently = self.heard = False
        self._ours = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._ours:
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        again, self.heard = self.heard, True
        if again or not self.gently:
            raise KeyboardInterrupt
