"""Models that are not the same on all ranks; one for run files, and simulate() called with it.

    random    the drive is drawn without a seed
    environ   the drive is read from a variable that differs
    size      the number of particles is another one
    gamma     Γ differs at one point of its spectrum, where it is small
    state     the initial state is another one (simulate only)
    raise     the function fails
    same      they are the same

python -m tests.mpi.unlike WHAT RANK
python -m tests.mpi.unlike files - FILE FILE DIRECTORY      cojump run with another file on each of two ranks
python -m tests.mpi.unlike processors - FILE DIRECTORY      on two kinds of processors, or so the compiler thinks
"""

import sys

import numba
import numpy as np
from mpi4py import MPI

import cojump as cj
from cojump import cli

RANK = MPI.COMM_WORLD.rank
X, DOWN, UP = np.array([[0, 1], [1, 0]]), np.array([[0, 0], [1, 0]]), np.diag([1, 0])


def build(what: str, rank: int, size: int = 40):
    other = rank == RANK
    if what == "raise" and other:
        raise RuntimeError("no licence for this node")
    omega = 0.7
    if what == "random":
        omega = float(np.random.default_rng().uniform())
    if what == "environ" and other:
        omega = 0.8
    if what == "size" and other:
        size += 1

    def gamma(x):
        step = 0.5 * (np.abs(x - 0.25) < 1e-6) if what == "gamma" and other else 0.0
        return 1 / (1.1 - x) + step

    jump = cj.LocalJump(DOWN, "spins", amplitude=gamma, argument={"spins": UP})
    return cj.Model([cj.Block("spins", size)], [cj.OneBody(omega * X, "spins")], [jump])


def main():
    what, rank = sys.argv[1], sys.argv[2]
    if what == "processors":
        if RANK == 1:
            numba.config.CPU_NAME = "skylake"
        sys.argv = ["cojump", "run", sys.argv[3], "-o", sys.argv[4]]
        cli.main()
    if what == "files":
        sys.argv = ["cojump", "run", sys.argv[3 + RANK], "-o", sys.argv[5]]
        cli.main()
    model = build(what, int(rank))
    theta = 2.0 if what == "state" and int(rank) == RANK else 3.0
    try:
        cj.simulate(model, cj.tilted(model, theta, 0.4), [0.0, 0.1], n_traj=4, chunk=1, comm=MPI.COMM_WORLD)
    except cj.ArgumentError as error:
        sys.stderr.write(f"{RANK}: {error}\n")  # in one piece: the ranks share the stream
        sys.exit(2)


if __name__ == "__main__":
    main()
