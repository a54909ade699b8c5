"""A run file of two points, and the fingerprint of the run that nothing disturbs."""

from __future__ import annotations

import gc
import os
import signal

import pytest

from cojump.trajectories import representations
from tests.mpi import digests
from tests.support.interrupted import RUN, go

gc.set_threshold(20_000)  # thousands of tests are made, and kept: each search for cycles would go through all of them


COMPILED = (
    "DRIVEN_LATTICE",
    "LATTICE",
    "PATTERN_ROWS",
    "DRIVEN_PATTERNS",
    "REAL_LATTICE",
    "POLYNOMIALS",
    "DIFFUSING",
    "PRODUCT",
    "DRIVEN_MODES",
    "MODES",
    "SPARSE",
    "DRIVEN_LIST",
    "SPIN_MODE",
    "DRIVEN_SPIN_MODE",
    "DRIVEN_BANDS",
    "REAL_BANDED",
    "BANDED",
)
"""Representations whose kernels take long to compile; those that have pieces of them in common stand together."""

ALL = 1000
"""Tests of which those of all representations are some."""


def pytest_collection_finish(session):
    """Modules and tests stay to the end: none is searched again. Where all are run, kernels are compiled before.

    In the tests one process of pytest-xdist would wait for the kernels that another compiles.
    """
    keep_all()
    if len(session.items) > ALL and "PYTEST_XDIST_WORKER" in os.environ:
        shared = session.config._tmp_path_factory.getbasetemp().parent
        from_behind = int(os.environ["PYTEST_XDIST_WORKER"][2:]) % 2
        for name in COMPILED[::-1] if from_behind else COMPILED:
            compile_once(name, shared)


def compile_once(name, shared):
    """Compile kernels that no other process has begun with.

    Half of the processes begin at either end, and they meet where they are equally far: each has compiled the pieces of
    its kernels once, and none waits long for the others.
    """
    try:
        (shared / f"compiled {name}").mkdir()
    except FileExistsError:
        return
    gc.disable()  # a compiler needs nearly all that it makes until it has ended
    getattr(representations, name).compile()
    gc.enable()
    keep_all()


def keep_all():
    """Free what nothing refers to; what is left then is not searched for cycles again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def run_toml(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def expected(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    (directory / "run.toml").write_text(RUN, encoding="utf-8")
    go(directory / "run.toml")
    return digests.of_file(directory / "results" / "result.h5")


@pytest.fixture(autouse=True)
def _ctrl_c():
    """Ctrl-C as a terminal sends it, also where the tests run in the background and inherit that it is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
