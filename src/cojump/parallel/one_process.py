"""One process on its own, with the interface of a set of ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Interrupted


class Alone:
    """A communicator of one rank."""

    rank = 0
    size = 1

    def in_turn(self, action: Callable[[], None]) -> None:
        """Run ``action``."""
        action()

    def share(self, value: Any) -> Any:
        """Return ``value``."""
        return value

    def of_all(self, value: Any) -> list[Any]:
        """Return the one value there is."""
        return [value]

    def guard(self, action: Callable[[], Any]) -> Any:
        """Return the result of ``action``."""
        return action()

    def interrupt(self) -> None:
        """Nobody waits for this rank."""

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
        """Run the tasks one after the other; True if it was told to stop."""

        def poll() -> None:
            if stopping():
                raise Interrupted

        while not stopping():
            task = next_task()
            if task is None:
                return False
            on_result(0, task, work(task, poll))
        return True
