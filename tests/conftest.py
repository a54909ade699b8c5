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
    "REAL_LATTICE",
    "DRIVEN_BANDS",
    "DRIVEN_SPIN_MODE",
    "POLYNOMIALS",
    "SPIN_MODE",
    "DRIVEN_LIST",
    "DIFFUSING",
    "SPARSE",
    "MODES",
    "BANDED",
    "DRIVEN_MODES",
    "REAL_BANDED",
    "PRODUCT",
)
"""Representations whose kernels take long to compile; every second of them about as long as the others."""

ALL = 1000
"""Tests of which those of all representations are some."""


def pytest_collection_finish(session):
    """Modules and tests stay to the end: none is searched again. Where all are run, kernels are compiled before.

    Each process of pytest-xdist has its share: in the tests one would wait for the kernels that another compiles.
    """
    gc.collect()
    gc.freeze()
    if len(session.items) > ALL and "PYTEST_XDIST_WORKER" in os.environ:
        rank, processes = int(os.environ["PYTEST_XDIST_WORKER"][2:]), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        for name in COMPILED[rank::processes]:
            getattr(representations, name).compile()


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
