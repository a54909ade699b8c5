"""How much faster two ranks are than one, and than one of two processes that know nothing of each other.

All of it in one job, so that it meets the same machine. What two processes by themselves gain, each with half of the
trajectories, is what the machine can give: they share no work, only its memory and its clock.

mpiexec -n 2 python -m tests.benchmarks.sharing REPETITIONS WHAT     one line of JSON

WHAT is one of SHARED: the chunks of one ensemble in some representation, or those of a sweep. ``spent`` is the
processor time of the busiest rank: on a machine that others use its ratio says what two free cores would give.
``apart`` and ``spent_apart`` are of the two processes.
"""

import json
import sys
import time

from cojump.ensemble.point import Point
from cojump.ensemble.run import run_points
from cojump.parallel.mpi import World

from .cases import (
    TIMES,
    along_two_axes,
    constrained,
    driven,
    five_levels,
    ladder_and_mode,
    potts,
    two_blocks,
    two_species,
    with_a_mode,
)

SHARED = {
    "constrained": (constrained, (200,), 18432, 32),
    "constrained, sweep": (constrained, (50, 100, 200, 400, 800, 1600, 3200), 1024, 8),
    "two blocks": (two_blocks, (40,), 9216, 8),
    "arguments along two axes": (along_two_axes, (50,), 17920, 8),
    "Potts q = 3": (potts, (20,), 3456, 4),
    "constrained, driven": (driven(constrained), (200,), 9216, 32),
    "Dicke model, a mode": (with_a_mode, (20,), 6144, 32),
    "two species, a mode": (two_species, (10,), 2048, 8),
    "three levels, a mode": (ladder_and_mode, (10,), 512, 2),
    "five levels": (five_levels, (10,), 1536, 4),
}
"""Model, sizes, trajectories of each, and trajectories per chunk.

Each takes three seconds or more, so that its start does not show: 15 to 25 ms of mean field and tables for each point.
"""


def rest_until_all_are_here(comm):
    """A barrier that leaves the core alone, as an MPI barrier does not; all leave it at the same moment."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.01)
    comm.Barrier()  # naps end up to 10 ms apart, which is no time of the runs


def main():
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    world = World(comm)
    build, sizes, n_traj, chunk = SHARED[sys.argv[2]]

    def points(n_traj, chunk):
        return [Point(*build(size), TIMES, n_traj=n_traj, chunk=chunk) for size in sizes]

    run_points(points(2 * comm.size, 1), comm=world)
    one, apart, all_ranks, spent_one, spent_apart, spent_all = [], [], [], [], [], []
    for _ in range(int(sys.argv[1])):
        rest_until_all_are_here(comm)
        if comm.rank == 0:
            began, before = time.perf_counter(), time.process_time()
            run_points(points(n_traj, chunk))
            one.append(time.perf_counter() - began)
            spent_one.append(time.process_time() - before)
        for wall, spent, share, ranks in (
            (apart, spent_apart, n_traj // comm.size, None),
            (all_ranks, spent_all, n_traj, world),
        ):
            rest_until_all_are_here(comm)
            began, before = time.perf_counter(), time.process_time()
            run_points(points(share, chunk), comm=ranks)
            took = time.perf_counter() - began, time.process_time() - before
            slowest = [max(times) for times in zip(*comm.allgather(took), strict=True)]
            wall.append(slowest[0])
            spent.append(slowest[1])
    if comm.rank == 0:
        walls = {"one": one, "apart": apart, "all": all_ranks}
        spent = {"spent_one": spent_one, "spent_apart": spent_apart, "spent_all": spent_all}
        print(json.dumps({**walls, **spent, "size": sizes, "n_traj": n_traj}))


if __name__ == "__main__":
    main()
