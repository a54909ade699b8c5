"""The budgets of one trajectory on one core, with default options; on an idle machine."""

import pytest

from tests.benchmarks.cases import BUDGET
from tests.benchmarks.measure import apart

LARGEST_MEMORY = 1024
"""MiB, at the largest N."""


@pytest.mark.validation
@pytest.mark.parametrize("size", BUDGET)
def test_a_jump_stays_within_its_budget(size):
    found = apart("free flips", size, 5)
    print(f"N = {size}: {found['us_per_jump']:.2f} µs per jump, {found['peak_mib']:.0f} MiB")
    assert found["us_per_jump"] <= BUDGET[size]
    assert found["peak_mib"] < LARGEST_MEMORY
