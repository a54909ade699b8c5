"""Time one case at one size in a process of its own, so that sizes do not share their memory.

python -m tests.benchmarks.measure CASE SIZE REPETITIONS        one line of JSON

Times are processor times, and stand beside the time of the floor in the same process, in turn with it.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from cojump.trajectories.compilation import prepare
from cojump.trajectories.engine import make_engine

from . import floor
from .cases import CASES, THEORY

TOLERANCE = 1e-9

BATCH, LONGEST, PATIENCE = 0.05, 5.0, 60.0
"""Seconds of one repetition at least, of all repetitions together, and of a case after which it is given up."""

AT_ONCE = 16
"""Trajectories that are gone through together and read at once, as in ensembles, where they are short."""

ROOT = Path(__file__).parents[len(__package__.split("."))]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def module_command(module, *arguments):
    """Command that runs a module of this package, and the environment it needs."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
    return [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)], environment


def apart(case, size, repetitions):
    """Figures of :func:`measure` from a new process, with its peak memory.

    Raises
    ------
    RuntimeError
        With the last line of what the process has said, if the case cannot be run.
    """
    command, environment = module_command("measure", case, size, repetitions)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not finished after {PATIENCE:g} s") from None
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1])
    return json.loads(done.stdout)


def measure(case, size, repetitions):
    """Medians over repetitions of µs per jump, of the two floors, and of their ratio; what the steps are like.

    Every repetition runs new trajectories, and the floor of those that were watched; where time was for few of them, it
    runs these: one may take three times as long as another.
    """
    model, state = CASES[case].build(size)
    times = CASES[case].times
    prepare([model])
    seen = floor.watched(model, state, times, TOLERANCE, seed=1)
    loops = floor.bare(seen), floor.bare_gathers(seen)
    for loop, arguments in loops:
        loop(*arguments)  # compiles
    engine = make_engine(model, state, times, TOLERANCE)
    began = time.perf_counter()
    engine.run(1, 0)
    index, spent, jumps, floors, gathers, several = 1, [], [], [], [], 1
    few, done = seen.trajectories if seen.trajectories < floor.WATCHED else 0, 0
    while len(spent) < 2 or (len(spent) < repetitions and time.perf_counter() - began < LONGEST):
        start, n_jumps = time.process_time(), 0
        if few:
            index = 1
        while n_jumps == 0 or index <= few or (not few and time.process_time() - start < BATCH):
            several = min(several, few + 1 - index) if few else several
            began_at = time.process_time()
            engine.foresee(1, range(index, index + several))
            n_jumps += sum(engine.outcomes([engine.go(1, index + k) for k in range(several)]).n_jumps)
            index, done = index + several, done + several
            if time.process_time() - began_at < BATCH / 4:
                several = min(2 * several, AT_ONCE)
        spent.append((time.process_time() - start) / n_jumps)
        jumps.append(n_jumps)
        floors.append(floor.seconds(*loops[0], BATCH / 2) / seen.jumps)
        gathers.append(floor.seconds(*loops[1], BATCH / 2) / seen.jumps)
    spent, floors, gathers = np.array(spent), np.array(floors), np.array(gathers)
    each = sum(jumps) / done
    return {
        "us_per_jump": float(1e6 * np.median(spent)),
        "floor_us": float(1e6 * np.median(floors)),
        "ratio": float(np.median(spent / floors)),
        "gather_us": float(1e6 * np.median(gathers)),
        "gather_ratio": float(np.median(spent / gathers)),
        "ms": float(1e3 * np.median(spent) * each),
        "jumps": each,
        "support": float(seen.supports.mean()),
        "order": float(seen.orders.mean()),
        "steps": len(seen.orders) / seen.jumps,
        "diagonals": seen.diagonals,
    }


def measure_theory(case, size, repetitions):
    """Median milliseconds, and their ratio to the yardstick."""
    run, _ = THEORY[case]
    arguments = floor.prepared(floor.YARDSTICK)
    floor.steps(*arguments)
    run(size)  # compiles
    spent, yards = [], []
    began = time.perf_counter()
    while len(spent) < 2 or (len(spent) < repetitions and time.perf_counter() - began < LONGEST):
        start = time.process_time()
        run(size)
        spent.append(time.process_time() - start)
        yards.append(floor.seconds(floor.steps, arguments, BATCH))
    spent, yards = np.array(spent), np.array(yards)
    return {"ms": float(1e3 * np.median(spent)), "ratio": float(np.median(spent / yards))}


def peak_memory():
    """Largest memory of this process in MiB.

    Linux counts the parent's memory before exec in ru_maxrss, not in VmHWM.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


if __name__ == "__main__":
    made = measure if sys.argv[1] in CASES else measure_theory
    figures = made(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({**figures, "peak_mib": peak_memory()}))
