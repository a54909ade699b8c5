"""Run a few ensembles on all ranks (alone: without MPI), write down what each rank got, then do ``cojump run``.

python -m tests.mpi.ensembles DIRECTORY RUN_FILE [alone]
"""

import json
import sys
from pathlib import Path

import numpy as np

import cojump as cj
from cojump import cli
from tests.mpi import digests

TIMES = np.linspace(0.0, 2.0, 9)
SEED = 11
REPLAYED = 17


def mixed_start():
    """The constrained model from a mixed state: random sectors, 6 chunks of which the last is partial."""
    model = cj.systems.constrained(9, 0.7, 1.3, 0.8)
    state = cj.product(model, {"spins": np.array([[0.6, 0.2 - 0.1j], [0.2 + 0.1j, 0.4]])})
    return (model, state, TIMES), {"n_traj": 40, "chunk": 7, "keep": 20, "seed": SEED}


def fewer_chunks_than_ranks():
    """A larger system in three chunks."""
    model = cj.systems.free_flips(60, 0.7, 1.3, 0.8, chi=0.3)
    return (model, cj.tilted(model, 1.1, 0.4), TIMES), {"n_traj": 24, "chunk": 8, "keep": 20, "seed": SEED}


def three_levels():
    """Potts spins in three coupled blocks, from a mixed state: random diagrams, sectors kept and dropped."""
    model = cj.systems.potts_hopfield(np.array([[0, 0, 1, 2, 1, 0]]), 3, 0.4, 1.1)
    return (model, cj.corrupted(model, 0, 0.7), TIMES[:3]), {"n_traj": 20, "chunk": 3, "keep": 20, "seed": SEED}


def beside_a_mode():
    """Atoms and a lossy mode with thermal light: frames that follow a trajectory, and begin anew with the next."""
    model = cj.systems.dicke(3, 1.0, 1.0, 0.9, 1.0, thermal=0.1, gamma=0.3)
    return (model, cj.tilted(model, 2.0, 0.3), TIMES[:5]), {"n_traj": 20, "chunk": 3, "keep": 20, "seed": SEED}


def watched():
    """Light of a time crystal on a detector that misses some of it: noise by (seed, i), clicks beside it."""
    model = cj.systems.boundary_time_crystal(6, 1.2, 1.0)
    chosen = {"decay": cj.unravelling.homodyne(0.4, 0.7, error=0.05)}
    options = {"n_traj": 20, "chunk": 3, "keep": 20, "seed": SEED, "unravelling": chosen}
    return (model, cj.tilted(model, 0.6, 0.3), TIMES[:5]), options


CASES = {
    "watched": watched,
    "mixed": mixed_start,
    "few_chunks": fewer_chunks_than_ranks,
    "three_levels": three_levels,
    "mode": beside_a_mode,
}


def main():
    directory, run_file, alone = Path(sys.argv[1]), sys.argv[2], sys.argv[3:] == ["alone"]
    comm = None
    if not alone:
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
    rank = 0 if comm is None else comm.rank
    found = {}
    for name, case in CASES.items():
        arguments, options = case()
        result = cj.simulate(*arguments, **options, comm=comm)
        found[name] = digests.of_result(result)
        if rank == 0:
            result.save(str(directory / f"{name}.h5"))
    (directory / f"rank{rank}.json").write_text(json.dumps(found), encoding="utf-8")
    sys.argv = ["cojump", "run", run_file, "-o", str(directory)]
    cli.main()


if __name__ == "__main__":
    main()
