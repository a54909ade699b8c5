"""The same physics in other units of time: every figure of the theory is the same."""

import numpy as np
import pytest

import cojump as cj
from cojump import bounds, reduced
from rescaled_models import UNITS, draw

TIMES = np.array([0.0, 0.3, 1.0, 2.0])
SAME = 1e-9


def _figures(drawn, c):
    """All theory of a model at c, as numbers without a dimension: rates by c, amplitudes by √c."""
    model, times = drawn.make(c), TIMES / c
    state = drawn.state(model)
    exact = cj.master_equation(model, state, times, tolerance=1e-11)
    steady = cj.steady_state(model)
    mf = cj.mean_field(model, state, times)
    found = {
        "exact": exact.mean,
        "exact.second": exact.second,
        "exact.sectors": exact.sector_weights,
        "exact.deviation": exact.deviation,
        "steady": steady.mean,
        "steady.second": steady.second,
        "mean field": mf.mean,
        "covariance": mf.covariance,
        "correction": mf.correction,
        "deviation": mf.deviation,
    }
    name = model.blocks[0].name
    found["reduced.one"] = reduced.one(model, exact, name)
    found["reduced.distance"] = reduced.distance(model, exact, mf, name)[0]
    if model.blocks[0].size > 1:
        found["reduced.two"] = reduced.two(model, exact, name, name)
    local = drawn.make(c, local_only=True)
    bound = bounds.gronwall(local, drawn.state(local), times)
    found["gronwall"] = bound.log10_bound
    found["C_1, C_2"] = np.log10([bound.constants.C_1 / c, bound.constants.C_2 / c])
    return found


def _compare(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        scale = max(1.0, float(np.abs(expected[name]).max()))
        assert np.abs(value - expected[name]).max() <= SAME * scale, name


def _check(number, units=UNITS):
    drawn = draw(number)
    expected = _figures(drawn, 1.0)
    for c in units:
        _compare(_figures(drawn, c), expected)


@pytest.mark.parametrize("number", range(12))
def test_theory_does_not_depend_on_the_unit_of_time(number):
    _check(number, UNITS if number % 3 == 0 else (UNITS[number % 4],))


@pytest.mark.validation
@pytest.mark.parametrize("number", range(100, 300))
def test_theory_of_two_hundred_models_does_not_depend_on_the_unit_of_time(number):
    _check(number)
