"""The mean fields of several points before the first trajectory, shared among the ranks as chunks are later.

Which rank makes one does not matter: all trajectories are centred on the numbers that rank 0 has received, and the
ranks of a job compute alike. One mean field alone is made by rank 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from threadpoolctl import threadpool_limits

from ..errors import EXPECTED
from ..theory.mean_field import Solution, paths, solutions

if TYPE_CHECKING:
    from ..parallel.communicator import Communicator
    from .point import Point

Made = TypeVar("Made")


def solutions_of(point: Point) -> list[Solution]:
    """The mean fields from all states that a point may start from.

    Raises
    ------
    ConvergenceError
        If one of them does not converge.
    """
    return solutions(paths(point.model, point.state, point.times))


def share_points(
    places: Sequence[int],
    comm: Communicator,
    make: Callable[[int], Made],
    on_made: Callable[[int, int, Made], None],
    stopping: Callable[[], bool],
    *,
    preparing: bool = True,
) -> bool:
    """Make something of each point, every one on some rank; whether the job was told to stop. Collective.

    Parameters
    ----------
    places : sequence of int
        The points, on rank 0.
    comm : Communicator
    make : callable (place) -> anything that can be sent
        Called on the rank that has been given the point.
    on_made : callable (rank, place, what was made)
        Called on rank 0, in any order of the points.
    stopping : callable () -> bool
        Whether this rank was told to stop; no point is begun any more then.
    preparing : bool
        See :meth:`cojump.parallel.mpi.World.distribute`.
    """
    waiting = deque(places)
    with threadpool_limits(1):
        return comm.distribute(
            lambda: waiting.popleft() if waiting else None,
            lambda most: min(len(waiting), most),
            lambda place, _poll: make(place),
            on_made,
            stopping,
            preparing=preparing,
        )


def solved_together(points: Sequence[Point], comm: Communicator) -> dict[int, list[Solution]]:
    """The mean fields of points by their places, on rank 0. Collective.

    Raises
    ------
    ConvergenceError
        If one does not converge: on rank 0, whichever rank has tried.
    """
    solved: dict[int, list[Solution]] = {}

    def make(place: int) -> list[Solution] | Exception:
        try:
            return solutions_of(points[place])
        except EXPECTED as error:
            return error

    def on_made(_rank: int, place: int, made: list[Solution] | Exception) -> None:
        if isinstance(made, Exception):
            raise made
        solved[place] = made

    share_points(range(len(points)), comm, make, on_made, lambda: False)
    return solved
