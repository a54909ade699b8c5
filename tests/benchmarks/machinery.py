"""What an ensemble costs beside its trajectories, and what a second rank gains."""

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cojump as cj
from cojump.trajectories.compilation import warm_up
from cojump.trajectories.spin_engine import Engine

from .cases import TIMES, constrained
from .measure import TOLERANCE, module_command

SIZE, N_TRAJ = 20, 400


def overhead(repetitions=5):
    """µs per trajectory of Engine.run alone and inside simulate, and ms before the first one; medians."""
    model, state = constrained(SIZE)
    warm_up()
    engine = Engine(model, state, TIMES, TOLERANCE)
    alone, inside, fixed = [], [], []
    for _ in range(repetitions):
        began = time.perf_counter()
        for index in range(N_TRAJ):
            engine.run(0, index)
        alone.append((time.perf_counter() - began) / N_TRAJ)
        began = time.perf_counter()
        cj.simulate(model, state, TIMES, n_traj=1)
        fixed.append(time.perf_counter() - began)
        began = time.perf_counter()
        cj.simulate(model, state, TIMES, n_traj=1 + N_TRAJ)
        inside.append((time.perf_counter() - began - fixed[-1]) / N_TRAJ)
    return {
        "alone_us": 1e6 * statistics.median(alone),
        "inside_us": 1e6 * statistics.median(inside),
        "fixed_ms": 1e3 * statistics.median(fixed),
    }


def two_ranks(what, repetitions=3):
    """Seconds of one rank and of two, in turn, for one of ``sharing.SHARED``; None without an mpiexec.

    ``ceiling`` is the speed-up of two processes without a common run, ``processor`` and ``processor_ceiling`` the same
    of processor times.
    """
    own = Path(sys.executable).with_name("mpiexec")
    launcher = str(own) if own.exists() else shutil.which("mpiexec")
    if launcher is None:
        return None
    command, environment = module_command("sharing", repetitions, what)
    done = subprocess.run([launcher, "-n", "2", *command], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found = json.loads(done.stdout)

    def gain(one, several):
        return [a / b for a, b in zip(found[one], found[several], strict=True)]

    ratios = gain("one", "all")
    return {
        "one": statistics.median(found["one"]),
        "two": statistics.median(found["all"]),
        "speed_up": statistics.median(ratios),
        "ceiling": statistics.median(gain("one", "apart")),
        "processor": statistics.median(gain("spent_one", "spent_all")),
        "processor_ceiling": statistics.median(gain("spent_one", "spent_apart")),
        "least": min(ratios),
        "most": max(ratios),
        "what": f"{what}, N = {found['size'][0]}"
        + (f" to {found['size'][-1]}" if len(found["size"]) > 1 else "")
        + f", {found['n_traj']} trajectories",
    }
