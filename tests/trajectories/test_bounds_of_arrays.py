"""Compiled code does not check where it reads and writes; here it does."""

import os
import subprocess
import sys

import pytest


@pytest.mark.validation
def test_no_kernel_leaves_its_arrays(tmp_path):
    """Random models of few particles, in which whole axes have one state, with the bounds of arrays checked."""
    env = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.small_models", "0", "1000"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, (done.stdout[-200:], done.stderr[-2000:])
    last = done.stdout.splitlines()[-1]
    kinds = ["Banded", "Lattice", "Sparse", "PatternRows", "Product", "SpinMode", "Modes", "Diffusing"]
    assert all(
        f" {kind} " in last for kind in [*kinds, "DrivenBands", "DrivenList", "DrivenModes", "DrivenPatterns"]
    ), last
