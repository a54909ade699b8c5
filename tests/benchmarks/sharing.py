"""How much faster two ranks are than one: both in one job, so that they meet the same machine.

mpiexec -n 2 python -m tests.benchmarks.sharing REPETITIONS WHAT     one line of JSON

WHAT is one of SHARED: the chunks of one ensemble in some representation, or those of a sweep. ``spent`` is the
processor time of the busiest rank: on a machine that others use its ratio says what two free cores would give.
"""

import json
import sys
import time

from cojump.ensemble.point import Point
from cojump.ensemble.run import run_points
from cojump.parallel.mpi import World

from .cases import TIMES, along_two_axes, constrained, potts, two_blocks

SHARED = {
    "constrained": (constrained, (200,), 4096, 32),
    "constrained, sweep": (constrained, (50, 100, 200, 400, 800, 1600, 3200), 192, 8),
    "two blocks": (two_blocks, (40,), 1024, 8),
    "arguments along two axes": (along_two_axes, (50,), 256, 4),
    "Potts q = 3": (potts, (20,), 384, 4),
}
"""Model, sizes, trajectories of each, and trajectories per chunk: long enough that the start (40 ms) does not show."""


def rest_until_all_are_here(comm):
    """A barrier that leaves the core alone, as an MPI barrier does not."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.01)


def main():
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    world = World(comm)
    build, sizes, n_traj, chunk = SHARED[sys.argv[2]]

    def points(n_traj, chunk):
        return [Point(*build(size), TIMES, n_traj=n_traj, chunk=chunk) for size in sizes]

    run_points(points(2 * comm.size, 1), comm=world)
    one, all_ranks, spent_one, spent_all = [], [], [], []
    for _ in range(int(sys.argv[1])):
        rest_until_all_are_here(comm)
        if comm.rank == 0:
            began, before = time.perf_counter(), time.process_time()
            run_points(points(n_traj, chunk))
            one.append(time.perf_counter() - began)
            spent_one.append(time.process_time() - before)
        rest_until_all_are_here(comm)
        began, before = time.perf_counter(), time.process_time()
        run_points(points(n_traj, chunk), comm=world)
        all_ranks.append(time.perf_counter() - began)
        spent_all.append(max(comm.allgather(time.process_time() - before)))
    if comm.rank == 0:
        spent = {"spent_one": spent_one, "spent_all": spent_all}
        print(json.dumps({"one": one, "all": all_ranks, **spent, "size": sizes, "n_traj": n_traj}))


if __name__ == "__main__":
    main()
