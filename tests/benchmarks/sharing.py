"""How much faster two ranks are than one: both in one job, so that they meet the same machine.

mpiexec -n 2 python -m tests.benchmarks.sharing REPETITIONS     one line of JSON
"""

import json
import sys
import time

from mpi4py import MPI

import cojump as cj

from .cases import TIMES, constrained

SIZE, N_TRAJ, CHUNK = 200, 512, 8


def rest_until_all_are_here(comm):
    """A barrier that leaves the core alone, as an MPI barrier does not."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.01)


def main():
    comm = MPI.COMM_WORLD
    model, state = constrained(SIZE)
    options = {"n_traj": N_TRAJ, "chunk": CHUNK}
    cj.simulate(model, state, TIMES, n_traj=2 * comm.size, chunk=1, comm=comm)
    one, all_ranks = [], []
    for _ in range(int(sys.argv[1])):
        rest_until_all_are_here(comm)
        if comm.rank == 0:
            began = time.perf_counter()
            cj.simulate(model, state, TIMES, **options)
            one.append(time.perf_counter() - began)
        rest_until_all_are_here(comm)
        began = time.perf_counter()
        cj.simulate(model, state, TIMES, **options, comm=comm)
        all_ranks.append(time.perf_counter() - began)
    if comm.rank == 0:
        print(json.dumps({"one": one, "all": all_ranks, "size": SIZE, "n_traj": N_TRAJ}))


if __name__ == "__main__":
    main()
