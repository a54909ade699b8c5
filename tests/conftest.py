"""A run file of two points, and the fingerprint of the run that nothing disturbs."""

from __future__ import annotations

import gc
import signal

import pytest

from tests.mpi import digests
from tests.support.interrupted import RUN, go

gc.set_threshold(20_000)  # thousands of tests are made, and kept: each search for cycles would go through all of them


def pytest_collection_finish():
    """The tests and all modules stay to the end: none of them is searched again."""
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
