"""simulate(comm=) that is interrupted or fails on the last rank; every rank writes what it is left with.

python -m tests.mpi.stopped DIRECTORY interrupt|fail
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

import cojump as cj
from tests.support import hooks

if __name__ == "__main__":
    directory, action = sys.argv[1:]
    last = MPI.COMM_WORLD.rank == MPI.COMM_WORLD.size - 1
    count = [0]

    def watched(event, _):
        count[0] += event == "cojump.trajectory"
        if last and event == "cojump.trajectory" and count[0] == 20:
            if action == "fail":
                raise cj.ConvergenceError("no step is short enough")
            os.kill(os.getpid(), signal.SIGINT)

    hooks.listeners.append(watched)
    model = cj.systems.constrained(6, 0.7, 1.3, 0.8)
    arguments = (model, cj.tilted(model, 1.1, 0.4), np.linspace(0, 1, 4))
    try:
        cj.simulate(*arguments, n_traj=100_000, chunk=8, seed=3, comm=MPI.COMM_WORLD)
    except (KeyboardInterrupt, cj.ConvergenceError) as error:
        n = error.partial.n_traj
        whole = cj.simulate(*arguments, n_traj=n, chunk=8, seed=3)
        same = error.partial.moments.comoment.tobytes() == whole.moments.comoment.tobytes()
        text = f"{type(error).__name__} {n} {same} {error}"
        (Path(directory) / f"{action}{MPI.COMM_WORLD.rank}").write_text(text, encoding="utf-8")
