"""simulate(comm=) with Ctrl-C on the last rank alone, while the ranks agree on what they are to do.

    mpiexec -n 2 python -m tests.mpi.stopped_early METHOD

METHOD is one of cojump.parallel.mpi.mpi.World, before which the signal comes.
"""

import os
import signal
import sys

from mpi4py import MPI

import cojump as cj
from cojump.parallel.mpi import World

if __name__ == "__main__":
    comm, method = MPI.COMM_WORLD, getattr(World, sys.argv[1])

    def hit(self, *arguments):
        if self.rank == self.size - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return method(self, *arguments)

    setattr(World, sys.argv[1], hit)
    model = cj.systems.constrained(6, 0.7, 1.3, 0.8)
    cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0], n_traj=8, chunk=2, comm=comm)
