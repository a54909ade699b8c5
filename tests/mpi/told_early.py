"""The command line, told to stop before MPI begins, on one rank only.

python -m tests.mpi.told_early RANK run FILE.toml
"""

import os
import signal
import sys

from cojump import cli
from tests.support import hooks


def before_mpi(event, arguments):
    if event == "import" and arguments[0] == "mpi4py.MPI":
        hooks.listeners.clear()  # the event comes again when the library itself is loaded
        own = next(os.environ[name] for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK") if name in os.environ)
        if own == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    hooks.listeners.append(before_mpi)
    cli.cli(sys.argv[2:])
