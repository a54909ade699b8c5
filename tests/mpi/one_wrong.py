"""One rank calls simulate with an argument that is refused; the others with a good one.

python -m tests.mpi.one_wrong RANK
"""

import sys

from mpi4py import MPI

import cojump as cj


def main():
    model = cj.systems.constrained(4, 0.7, 1.3, 0.8)
    n_traj = -1 if MPI.COMM_WORLD.rank == int(sys.argv[1]) else 10
    cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0], n_traj=n_traj, comm=MPI.COMM_WORLD)


if __name__ == "__main__":
    main()
