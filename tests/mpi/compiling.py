"""Simulate on all ranks and write down what each compiled and what it read from the cache.

python -m tests.mpi.compiling DIRECTORY
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

import cojump as cj
from cojump.trajectories.kernel_cache import compiled

COMPLEX = np.array([[0.1, 0.4j], [0.2, 0.3]])


def cases():
    """All that a kernel can be called with: ladders and general jumps, real and complex H, self-exclusion, mixed."""
    yield cj.systems.constrained(6, 0.7, 1.3, 0.8)
    yield cj.systems.hopfield(np.ones((1, 6)), 0.5, 1.7)
    z = np.diag([1.0, -1.0])
    jump = cj.LocalJump(COMPLEX, "spins", amplitude=np.cosh, argument={"spins": z}, exclude_self=True)
    drive = [cj.OneBody(np.array([[0, -1j], [1j, 0]]), "spins"), cj.TwoBody(z, z, 0.5, ("spins", "spins"))]
    yield cj.Model([cj.Block("spins", 6)], drive, [jump])


def cached():
    """The files of the cache."""
    return sorted(path.name for path in Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*") if path.is_file())


def main():
    directory, comm = Path(sys.argv[1]), MPI.COMM_WORLD
    times, first, files = [0.0, 0.5], None, []
    for model in cases():
        for state in (cj.tilted(model, 1.1, 0.4), cj.product(model, {model.blocks[0].name: np.diag([0.3, 0.7])})):
            cj.simulate(model, state, times, n_traj=8, chunk=2, comm=comm)
            cj.trajectory(model, state, times, seed=0, index=3)
        first = first or compiled()
        files = files or cached()
        comm.Barrier()
    found = {"first": first, "last": compiled(), "files": files, "files_after": cached()}
    (directory / f"rank{comm.rank}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
