"""Limits of memory, from files of any system, and the estimate of what an ensemble takes against what it takes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.point import Point
from cojump.ensemble.schedule import Schedule
from cojump.ensemble.statistics_size import statistics_bytes
from cojump.errors import ArgumentError
from cojump.tools import memory
from cojump.tools.memory import available, ranks_here
from tests.support.command_line import environment
from tests.support.run_files import flips, run_text

GIB = 2**30
INFINITE = resource.RLIM_INFINITY


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n31 23 0:27 / /cpu rw - cgroup c rw,cpu\n"
CASES = {
    "no groups": ({}, 64 * GIB),
    "v2, no limit": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 64 * GIB),
    "v2": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": f"{3 * GIB}\n"}, 3 * GIB),
    "v2, nested, the limit is above": (
        {
            "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/slurm/job_7/step_0/memory.max": "max\n",
            "sys/fs/cgroup/slurm/job_7/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/slurm/memory.max": f"{8 * GIB}\n",
        },
        2 * GIB,
    ),
    "v2, in a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GIB}\n"}, GIB),
    "v1": (
        {
            "proc/self/cgroup": "5:cpu:/x\n4:hugetlb,memory:/slurm/job\n",
            "proc/self/mountinfo": V1,
            "sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes": f"{5 * GIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/slurm/memory.limit_in_bytes": f"{6 * GIB}\n",
        },
        5 * GIB,
    ),
    "v1, a container that sees the path of its host": (
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n",
            "proc/self/mountinfo": "30 23 0:26 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{7 * GIB}\n",
        },
        7 * GIB,
    ),
    "v2, slowed down before it is killed": (
        {
            "proc/self/cgroup": "0::/user/run.scope\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/user/run.scope/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/user/run.scope/memory.high": f"{6 * GIB}\n",
            "sys/fs/cgroup/user/memory.high": "max\n",
        },
        6 * GIB,
    ),
    "both, v2 elsewhere": (
        {
            "proc/self/cgroup": "4:memory:/a\n0::/b\n",
            "proc/self/mountinfo": V1 + "33 23 0:29 / /cgroups/unified rw - cgroup2 cgroup2 rw\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{9 * GIB}\n",
            "cgroups/unified/b/memory.max": f"{4 * GIB}\n",
        },
        4 * GIB,
    ),
    "nonsense": ({"proc/self/cgroup": "::\n0\n", "proc/self/mountinfo": "a - b\n - \n"}, 64 * GIB),
}


@pytest.mark.parametrize(("files", "least"), CASES.values(), ids=CASES)
def test_the_least_limit_counts(files, least, tmp_path):
    assert available(tree(tmp_path, files), physical=64 * GIB, address_space=INFINITE) == least
    assert available(tmp_path, physical=64 * GIB, address_space=GIB // 2) == GIB // 2
    assert available(tmp_path, physical=GIB // 4, address_space=INFINITE) == GIB // 4


def test_ranks_of_one_machine_share_it(monkeypatch):
    assert ranks_here({}) == 1
    assert ranks_here({"OMPI_COMM_WORLD_LOCAL_SIZE": "8"}) == 8
    assert ranks_here({"MPI_LOCALNRANKS": "4", "PALS_LOCAL_SIZE": "x"}) == 4
    step = {"SLURM_STEP_TASKS_PER_NODE": "4(x2),3", "SLURM_NTASKS": "11"}
    assert [ranks_here({**step, "SLURM_NODEID": node}) for node in ("0", "1", "2", "3", "x")] == [4, 4, 3, 4, 4]
    assert ranks_here({"SLURM_STEP_TASKS_PER_NODE": "1", "SLURM_NODEID": "0", "MPI_LOCALNRANKS": "8"}) == 8
    assert ranks_here({"SLURM_STEP_TASKS_PER_NODE": "many"}) == 1
    monkeypatch.setattr(memory, "available", lambda **_: 100 * GIB)
    monkeypatch.setattr(memory, "ranks_here", lambda: 1)
    alone = memory.for_each_rank()
    monkeypatch.setattr(memory, "ranks_here", lambda: 5)
    assert memory.for_each_rank() == pytest.approx(alone / 5)
    assert memory.for_each_rank(3) == pytest.approx(alone / 15)


@pytest.mark.parametrize("which", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_limits_of_the_process_are_not_shared(which, monkeypatch):
    limits = {getattr(resource, which): GIB}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits.get(kind, INFINITE), INFINITE))
    monkeypatch.setattr(memory, "ranks_here", lambda: 2)
    assert available(physical=64 * GIB) == GIB
    assert memory.for_each_rank() == int(memory.SHARE * GIB), "each rank has its own"


@pytest.mark.parametrize(
    ("name", "n_times", "options"),
    [
        ("times", 4_000_000, {}),
        ("keep", 1000, {"n_traj": 10**6, "keep": 10**5}),
        ("keep", 1000, {"n_traj": 10**12, "keep": 10**12}),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_made(name, n_times, options, monkeypatch):
    monkeypatch.setattr("cojump.ensemble.point.for_each_rank", lambda workers=1: GIB)
    monkeypatch.setattr("cojump.ensemble.run.for_each_rank", lambda workers=1: GIB)
    model = cj.systems.free_flips(10, 0.7, 1.3, 0.8)
    times, before = np.linspace(0, 1, n_times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        ArgumentError, match=rf"^Argument `{name}` must leave an ensemble that fits in memory, but .* GiB"
    ):
        Point(model, cj.tilted(model, 1.1, 0.4), times, **{"n_traj": 100, **options})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024, "kB"


PROGRAM = """
import os
import sys
import numpy as np
import cojump as cj
from cojump.ensemble.point import Point
from cojump.trajectories.compilation import prepare
from cojump.trajectories.kernel_cache import compiled

kind, n_times, keep = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
times, options = np.linspace(0, 0.3, n_times), {}
model = cj.systems.free_flips(8, 0.7, 0.3, 0.2)
state = cj.tilted(model, 1.1, 0.4)
if kind == "levels":
    e = np.zeros((4, 4))
    e[0, 3] = 1
    mix = np.diag([1.0, 2, 3, 4]) + 0.3 * (np.eye(4, k=1) + np.eye(4, k=-1))
    model = cj.Model([cj.Block("a", 3, levels=4)], [cj.OneBody(mix, block="a")], [cj.LocalJump(e, "a")])
    state = cj.product(model, {"a": [0, 0, 0, 1]})
if kind == "blocks":
    model = cj.systems.hopfield(cj.systems.random_patterns(3, 24, 1), 0.2, 2.0)
    state = cj.corrupted(model, 0, 0.8)
if kind == "observables":
    options["observables"] = {f"o{i}": [{"spins": np.diag([1.0, -1])}] for i in range(200)}
if kind == "distributions":
    model = cj.systems.free_flips(5000, 0.7, 0.0001, 0.0001)
    state = cj.tilted(model, 1.1, 0.4)
    options["distributions"] = times
if os.fork() == 0:  # a compiler leaves memory behind that would be used again: kernels are read from the cache here
    prepare([model])
    os._exit(0)
assert os.wait()[1] == 0
prepare([model])
assert compiled()["compiled"] == 0
cj.simulate(model, state, times[:3], n_traj=2).save(sys.argv[4] + ".first")  # libraries and code are loaded


def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
base = status("VmRSS")
result = cj.simulate(model, state, times, n_traj=max(keep, 4) | 1, chunk=2, keep=keep, **options)  # one is partial
result.save(sys.argv[4])
need = status("VmHWM") - base
print(need, sum(Point(model, state, times, n_traj=1 + keep, keep=keep, **options).statistics))
"""


@pytest.mark.parametrize(
    ("kind", "n_times", "keep"),
    [
        ("spins", 1_500, 300),
        pytest.param("blocks", 1_500, 0, marks=pytest.mark.validation),
        pytest.param("spins", 30_000, 0, marks=pytest.mark.validation),
        pytest.param("levels", 1_500, 0, marks=pytest.mark.validation),
        pytest.param("observables", 3_000, 0, marks=pytest.mark.validation),
        pytest.param("distributions", 150, 0, marks=pytest.mark.validation),
    ],
)
def test_the_estimate_against_the_peak(kind, n_times, keep, tmp_path):
    command = [sys.executable, "-c", PROGRAM, kind, str(n_times), str(keep), str(tmp_path / "a.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    taken, estimate = map(int, done.stdout.split())
    assert taken > 30 * 2**20, "the case says something"
    assert 0.6 * estimate < taken < 1.05 * estimate


def test_a_point_that_may_be_too_large_comes_last():
    class Nothing:
        finished, failure = True, None

    folds = {0: Nothing(), 1: Nothing(), 2: Nothing()}
    costs = {0: 1.0, 1: 5.0, 2: 3.0}
    assert Schedule(folds, costs).order == [1, 2, 0]
    assert Schedule(folds, costs, last={1}).order == [2, 0, 1]


def test_the_dearest_point_does_not_starve_the_others(tmp_path):
    """A sweep that would fit but for one point, in a process that may not have what that point needs."""
    path = tmp_path / "run.toml"
    path.write_text(run_text(flips([20, 12_000_000], system="free_flips", omega=1e-9), n_traj=2), encoding="utf-8")
    limit = 3 * GIB
    done = subprocess.run(
        [sys.executable, "-m", "cojump", "run", str(path)],
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert done.returncode == 3, done.stderr
    assert "Argument `size` must leave a trajectory that fits in memory, but 12,000,001 amplitudes" in done.stderr
    assert "GiB and there are 2.40 GiB for it (the point size = 12000000; the others run)" in done.stderr
    (result,) = cj.load(tmp_path / "results")
    assert (result.n_particles, result.n_traj) == (20, 2)


def test_a_formula_and_no_arrays():
    """A size that could never be made is estimated at once."""
    model = cj.systems.free_flips(10, 0.7, 1.3, 0.8)
    sizes = [meter.size for meter in Point(model, cj.tilted(model, 1.1, 0.4), [0.0], n_traj=1).meters]
    one, many = (statistics_bytes([s._replace(times=n) for s in sizes], 0) for n in (1, 10**15))
    assert many.moments > 10**14 * one.moments


@pytest.mark.parametrize("name", ["free_flips", "constrained"])
def test_a_size_far_beyond_memory_makes_no_arrays(name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = getattr(cj.systems, name)(10**9, 0.7, 1.3, 0.8)
    with pytest.raises(ArgumentError, match=r"^Argument `size` must leave a trajectory that fits in memory, but"):
        Point(model, cj.tilted(model, 1.1, 0.4), np.linspace(0, 1, 11), n_traj=100)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "kB"


def test_the_spectrum_of_few_points_is_part_of_the_whole_one():
    model = cj.systems.constrained(5000, 0.7, 1.3, 0.8)
    jump = model.jumps[0]
    assert set(model.argument_spectrum(jump, 257)) <= set(model.argument_spectrum(jump, 10_000))
