"""The bits of results do not depend on what the process has compiled or loaded before, and in which order."""

import json
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from llvmlite.binding import Linkage

from cojump.trajectories.kernels.common import OPTIONS
from tests.support import command_line

SCRIPT = Path(__file__).parents[1] / "support" / "bits.py"

ORDERS = [
    ["banded", "lattice", "product"],
    ["pieces", "sparse", "driven_bands", "polynomials", "pattern_rows", "product", "lattice", "banded"],
    ["user", "lattice", "pattern_rows", "stepwise", "sparse", "polynomials", "driven_bands", "pieces"],
    ["stepwise"],
]


def bits(order, **environment):
    done = subprocess.run(
        [sys.executable, SCRIPT, *order],
        env={**command_line.environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_order_of_loading():
    first, other = (bits(order) for order in ORDERS[1:3])
    assert len(set(first.values())) == len(first) == 13
    assert other == first


@pytest.mark.validation
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_compiling(order, tmp_path):
    """In a cache of its own: once compiled there, once loaded from there."""
    expected = bits([])
    assert bits(order, NUMBA_CACHE_DIR=str(tmp_path)) == expected
    assert bits(order[::-1], NUMBA_CACHE_DIR=str(tmp_path)) == expected


def symbols_of_a_kernel(options):
    """How the functions that a kernel calls are visible to whatever else has been loaded."""

    @numba.njit(**options)
    def several_sums(x, y):  # too long to be inlined
        total = 0.0
        for p in range(x.size):
            total += np.sin(x[p]) * y[p]
        for p in range(1, x.size):
            total += np.cos(x[p]) * y[p - 1]
        for p in range(2, x.size):
            total += np.exp(x[p]) * y[p - 2] + x[p] * x[p]
        return total

    @numba.njit(**options)
    def kernel(x, y):
        return several_sums(x, y) + several_sums(y, x)

    assert kernel(np.ones(9), np.ones(9)) > 1.0
    (made,) = kernel.overloads.values()
    return {f.linkage for f in made.library.get_defined_functions() if "several_sums" in f.name}


def test_kernels_share_no_symbol():
    assert symbols_of_a_kernel(OPTIONS) <= {Linkage.internal}  # or none, where all calls are inlined
    usual = {name: value for name, value in OPTIONS.items() if name != "pipeline_class"}
    assert symbols_of_a_kernel(usual) == {Linkage.linkonce_odr}  # what numba does by itself
