"""What the ensemble asks of a set of ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Communicator(Protocol):
    """What the ensemble asks of a set of ranks; :class:`cojump.parallel.mpi.mpi.World` is one."""

    rank: int
    size: int

    def in_turn(self, action: Callable[[], None]) -> None:
        """Run ``action`` on one rank first, so that the others find its compiled code."""

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
        """Run the tasks over all ranks; results arrive on rank 0. True if the job was told to stop."""

    def share(self, value: Any) -> Any:
        """Value of rank 0 on every rank."""

    def of_all(self, value: Any) -> list[Any]:
        """Values of all ranks, in their order."""

    def guard(self, action: Callable[[], Any]) -> Any:
        """Result of ``action``; an error in it ends the job on all ranks."""

    def interrupt(self) -> None:
        """End the job after a Ctrl-C that only this rank has heard; nothing where there is no other rank."""
