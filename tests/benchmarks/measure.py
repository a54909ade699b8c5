"""Time one case at one size in a process of its own, so that sizes do not share their memory.

python -m tests.benchmarks.measure CASE SIZE REPETITIONS        one line of JSON
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from cojump.trajectories import spin_engine
from cojump.trajectories.compilation import warm_up
from cojump.trajectories.spin_engine import Engine

from .cases import CASES, TIMES

TOLERANCE = 1e-9

ROOT = Path(__file__).parents[len(__package__.split("."))]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def module_command(module, *arguments):
    """Command that runs a module of this package, and the environment it needs."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
    return [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)], environment


def apart(case, size, repetitions):
    """Figures of :func:`measure` from a new process, with its peak memory."""
    command, environment = module_command("measure", case, size, repetitions)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def measure(case, size, repetitions):
    """Medians over batches of 10,000 / N trajectories: µs per jump, ms per trajectory; mean jumps and window."""
    model, state = CASES[case](size)
    warm_up()
    engine = Engine(model, state, TIMES, TOLERANCE)
    engine.run(0, 0)
    batch = max(1, 10_000 // size)
    seconds, jumps = [], []
    for first in range(0, repetitions * batch, batch):
        began = time.perf_counter()
        outcomes = [engine.run(1, index) for index in range(first, first + batch)]
        seconds.append((time.perf_counter() - began) / batch)
        jumps.append(sum(one.n_jumps for one in outcomes) / batch)
        assert all(np.isfinite(one.mean).all() and one.n_jumps > 0 for one in outcomes)
    seconds, jumps = np.array(seconds), np.array(jumps)
    return {
        "us_per_jump": float(np.median(1e6 * seconds / jumps)),
        "ms": float(np.median(1e3 * seconds)),
        "jumps": float(jumps.mean()),
        "window": mean_window(engine, max(1, size // 50)),
    }


def mean_window(engine, every):
    """Amplitudes in the window after every so many jumps, averaged over one trajectory."""
    widths, advance, segment = [], spin_engine.advance, spin_engine._SEGMENT

    def watched(h_eff, jumps, work, now, *rest):
        status = advance(h_eff, jumps, work, now, *rest)
        widths.append(int(now.hi - now.lo))
        return status

    spin_engine.advance, spin_engine._SEGMENT = watched, every
    try:
        engine.run(1, 0)
    finally:
        spin_engine.advance, spin_engine._SEGMENT = advance, segment
    return float(np.mean(widths))


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
    figures = measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({**figures, "peak_mib": peak_memory()}))
