"""The command line, told to stop before MPI begins, on one rank only.

python -m tests.mpi.told_early RANK run FILE.toml
"""

import os
import signal
import sys

from cojump import cli
from cojump.parallel import mpi

_world = mpi.world


def world():
    own = next(os.environ[name] for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK") if name in os.environ)
    if own == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGINT)
    return _world()


if __name__ == "__main__":
    mpi.world = world
    cli.cli(sys.argv[2:])
