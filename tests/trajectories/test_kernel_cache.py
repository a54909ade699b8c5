"""Compiled code is used again exactly where all kernels are the same, by any number of processes, or not kept."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import import_module
from pathlib import Path

import pytest

import cojump
from cojump.trajectories import kernel_cache
from tests.support import command_line
from tests.support.longer import few

INNER = """
from numba import njit
from .common import OPTIONS

FACTOR = 2.0

@njit(**OPTIONS)
def scaled(x):
    return FACTOR * x
"""

OUTER = """
from numba import njit
from .common import OPTIONS
from .inner import scaled

@njit(**OPTIONS)
def outer(x):
    return scaled(x) + 1.0
"""

SCRIPT = """
import json, sys
from cojump.trajectories.kernels import outer
values = [outer.outer(kind(3)) for kind in (int, float, complex) if kind.__name__ in sys.argv[1:]]
made = outer.outer.stats
print(json.dumps([sum(abs(v) for v in values), sum(made.cache_misses.values()), sum(made.cache_hits.values())]))
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package with two small kernels, one of which calls the other."""
    shutil.copytree(
        Path(cojump.__file__).parent, tmp_path / "here" / "cojump", ignore=shutil.ignore_patterns("__pycache__")
    )
    kernels = tmp_path / "here" / "cojump" / "trajectories" / "kernels"
    (kernels / "inner.py").write_text(INNER)
    (kernels / "outer.py").write_text(OUTER)
    return kernels


def start(kernels, *kinds, **variables):
    path = os.pathsep.join([str(kernels.parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"PYTHONPATH": path} | variables
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *(kinds or ["float"])],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err[-2000:]
    return json.loads(out)


def run(kernels, *kinds, **variables):
    """The value, and how often the outer kernel was compiled and loaded."""
    return end(start(kernels, *kinds, **variables))


def test_a_piece_of_a_kernel_is_a_kernel_when_python_calls_it(package):
    """What a kernel calls has no machine code of its own, and none in the cache, until Python calls it as well."""
    script = (
        "from cojump.trajectories.kernels import inner, outer; print([outer.outer(3.0), len(inner.scaled.signatures), "
        "inner.scaled(3.0), inner.scaled(4.0), outer.outer(4.0), *map(len, inner.scaled.stats[1:])], "
        "sum(inner.scaled.stats.cache_misses.values()))"
    )
    made = []
    for _ in range(2):
        environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        environment["PYTHONPATH"] = str(package.parents[2])
        made.append(subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True))
    assert made[0].stdout == "[7.0, 1, 6.0, 8.0, 9.0, 0, 1] 2\n", made[0].stderr
    assert made[1].stdout == "[7.0, 0, 6.0, 8.0, 9.0, 1, 0] 0\n", made[1].stderr


def test_a_kernel_that_another_one_calls_is_changed_and_has_an_old_date(package):
    assert run(package) == [7.0, 1, 0]
    assert run(package) == [7.0, 0, 1]
    change(package / "inner.py", "FACTOR * x", "FACTOR * x * 10.0", years=-5)
    assert run(package) == [61.0, 1, 0]
    change(package / "inner.py", "FACTOR * x * 10.0", "FACTOR * x", years=-6)
    assert run(package) == [7.0, 0, 1], "the code of the first version is still there"


@pytest.mark.validation
def test_a_file_of_the_same_size_and_date(package):
    """Python itself takes its own old code then; the right one is used as soon as Python reads the file again."""
    run(package)
    change(package / "inner.py", "FACTOR = 2.0", "FACTOR = 5.0", years=0)
    run(package)
    for path in (package / "__pycache__").glob("inner.*.pyc"):
        path.unlink()
    assert run(package)[0] == 16.0


@pytest.mark.validation
def test_a_constant_from_a_module_beside_the_kernels(package):
    (package.parents[1] / "beside.py").write_text("FACTOR = 2.0\n")
    change(package / "inner.py", "FACTOR = 2.0", "from ...beside import FACTOR", years=0)
    assert run(package)[0] == 7.0
    change(package.parents[1] / "beside.py", "2.0", "4.0", years=-5)
    assert run(package)[0] == 13.0


def change(path, old, new, years):
    """Put another text into a file and set its date ``years`` from what it was."""
    before = path.stat().st_mtime
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    os.utime(path, (before + years * 3e7,) * 2)


def test_records_whose_fields_change_places():
    """numba takes two of one name and of the same types for one."""

    def digest(*fields):
        return kernel_cache.digest_of([], [namedtuple("Tables", fields)])

    assert digest("up", "down") == digest("up", "down")
    assert len({digest("up", "down"), digest("down", "up"), digest("up"), kernel_cache.digest_of([])}) == 4


@pytest.mark.validation
def test_files_from_the_future(package):
    for path in package.glob("*.py"):
        os.utime(path, (2e9 + 1e9, 2e9 + 1e9))
    assert [run(package)[1:] for _ in range(2)] == [[1, 0], [0, 1]]


@pytest.mark.parametrize("kept", few([0, 40], 40))
def test_damaged_files_of_the_cache(kept, package):
    run(package)
    files = [p for p in (package / "__pycache__").rglob("*.nb?") if p.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[:kept])
    assert run(package) == [7.0, 1, 0]


def test_processes_that_fill_one_cache_together(package):
    kinds = ["int", "float", "complex"]
    for process in [start(package, kind) for kind in kinds]:
        end(process)
    value, compiled, loaded = run(package, *kinds)
    assert (value, compiled, loaded) == (21.0, 0, 3)


@pytest.mark.validation
def test_code_that_nobody_has_used_for_long_is_removed(package, tmp_path):
    cache = tmp_path / "cache"
    names = ["cojump-" + "0" * 32, "cojump-" + "1" * 32, "cojump-results"]
    for name in names:
        (cache / name).mkdir(parents=True)
        (cache / name / "a.nbc").write_text("code")
    for name in (names[0], names[2]):
        os.utime(cache / name, (1e9, 1e9))
    assert run(package, NUMBA_CACHE_DIR=str(cache))[0] == 7.0
    left = {path.name for path in cache.iterdir()}
    assert set(names[1:]) < left
    assert names[0] not in left
    assert len(left) == 3


def test_no_place_that_can_be_written(package):
    (package / "__pycache__").write_text("no directory")
    nowhere = {"HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none", "NUMBA_CACHE_DIR": "/proc/none"}
    assert run(package, **nowhere) == [7.0, 1, 0]
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "from cojump.trajectories import kernels, kernel_cache as c; c.tell_refusal(); c.tell_refusal()",
        ],
        env={**os.environ, "PYTHONPATH": str(package.parents[2]), **nowhere},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = process.stderr.splitlines()
    assert re.match(r"cojump: compiled code is not kept, .*/proc/none: .*__pycache__: .*NUMBA_CACHE_DIR", line)


def test_nothing_is_compiled_or_loaded_once_the_kernels_are_prepared():
    script = Path(__file__).parents[1] / "support" / "compiled_after.py"
    done = subprocess.run(
        [sys.executable, script], env=command_line.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {}


def test_every_kernel_says_itself_whether_it_is_written_out_where_it_is_called():
    """numba would have it from whatever kernel calls it first: speed and last bits would depend on the order."""
    import_module("cojump.trajectories.kernels")
    said = {d.py_func.__name__: d.targetoptions.get("forceinline") for d in kernel_cache.kernels_in_use.dispatchers}
    assert said["no_jump_step"] is True
    assert [name for name, inlined in said.items() if inlined is None] == []
