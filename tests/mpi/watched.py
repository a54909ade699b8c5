"""A model for run files whose trajectories can be watched, slowed down, or broken on one rank only.

It is the constrained model; what is done to the trajectory engine is said by ``action``:

    raise, memory, nan    an unexpected error, no memory left, or a poisoned table, in the trajectories of ``rank``
    mean_field            the mean field does not converge on ``rank``
    theories              each rank writes down whose theory it begins
    no_room               there is no memory for the mean field on ``rank``
    fields                each rank writes down whose mean fields it begins; ``rank`` is told to stop in its second one
    amplitude             Γ raises on ``rank``
    interrupt             Ctrl-C on ``rank`` while the model is made
    occupied              something takes the place of the result file while the job runs
    slow                  each rank writes a byte for every trajectory that it begins; each takes 30 ms, so that it can
                          be interrupted, but not where WATCHED_FAST is set
    count                 slow; each rank writes down which trajectories it runs and how its threads are used
    wait                  where WATCHED_SLOW is set, trajectories of the smallest model are slow
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI

import cojump as cj
from tests.support import hooks

RANK = MPI.COMM_WORLD.rank


def build(size: int, action: str, rank: int, directory: str):
    place = Path(directory)
    (place / f"pid{RANK}").write_text(str(os.getpid()), encoding="ascii")
    if action == "amplitude" and rank == RANK:
        z = np.diag([1.0, -1.0])
        jump = cj.LocalJump(z, "spins", amplitude=lambda x: 1 / 0, argument={"spins": z})
        return cj.Model([cj.Block("spins", size)], [], [jump])
    if action == "interrupt":
        if rank == RANK:
            os.kill(os.getpid(), signal.SIGINT)
    elif action == "mean_field":
        if rank == RANK:
            hooks.listeners[:] = [_no_mean_field]
    elif action == "no_room":
        if rank == RANK:
            hooks.listeners[:] = [_no_room]
    elif action == "fields":
        hooks.listeners[:] = [_begun("mean field", place / f"fields{RANK}", rank == RANK)]
    elif action == "theories":
        hooks.listeners[:] = [_begun("theory", place / f"theories{RANK}", False)]
    else:
        _watch(action, rank, place)
    return cj.systems.constrained(size, 0.7, 1.3, 0.8)


def _no_mean_field(event, arguments):
    if event == "cojump.stage" and "mean field" in arguments[0]:
        raise cj.ConvergenceError("the mean field does not converge")


def _no_room(event, arguments):
    if event == "cojump.stage" and "mean field" in arguments[0]:
        raise MemoryError


def _begun(what, path, told):
    begun = []

    def hear(event, arguments):
        if event == "cojump.stage" and what in arguments[0]:
            begun.append(arguments[0].rpartition("size = ")[2].partition(",")[0])
            path.write_text("\n".join(begun), encoding="ascii")
            if told and len(begun) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    return hear


def _watch(action, rank, place):
    def hear(event, arguments):
        if event != "cojump.trajectory":
            return
        size, index, engine = arguments
        if action == "slow":
            with (place / f"begun{RANK}").open("a") as file:
                file.write(".")
            if "WATCHED_FAST" not in os.environ:
                time.sleep(0.03)
        elif action == "count":
            time.sleep(0.05)
            with (place / f"trajectories{RANK}").open("a") as file:
                file.write(f"{index}\n")
            if not (place / f"threads{RANK}").exists():
                (place / f"threads{RANK}").write_text(repr(_threads_of_a_product()), encoding="ascii")
        elif action == "wait":
            if size == 2 and "WATCHED_SLOW" in os.environ:
                time.sleep(0.5)
        elif rank != RANK:
            time.sleep(0.1)  # leave something to do for the rank that fails
        elif action == "raise":
            raise RuntimeError("the lamp went out")
        elif action == "memory":
            raise MemoryError
        elif action == "nan":
            engine.basis.jumps.gamma[:] = np.nan
        elif action == "occupied":
            (place / "results" / "result.h5").mkdir(exist_ok=True)

    hooks.listeners[:] = [hear]


def _threads_of_a_product():
    """Thread settings, and how many threads work when numpy multiplies large matrices."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    settings = [os.environ.get(name) for name in names]
    before = _ticks()
    a = np.ones((1200, 1200))
    a @ a
    after = _ticks()
    return settings, sum(after[task] > before.get(task, 0) for task in after)


def _ticks():
    """Processor time of each thread of this process, where the system tells."""
    spent = {}
    for task in Path("/proc/self/task").glob("*"):
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        spent[task.name] = int(fields[11]) + int(fields[12])
    return spent
