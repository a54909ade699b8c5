"""Interpolants that say when a function is none for them."""

import numpy as np
import pytest

from cojump.tools.chebyshev import converged

ASKED = {"rounding": 1e-13, "reproduced": 1e-11}


def test_a_smooth_function_has_its_derivatives():
    x = np.linspace(-0.3, 2, 101)
    series = converged(np.exp, -0.3, 2.0, **ASKED)
    assert series.degree() < 20  # what is rounding is cut off
    for order in range(3):
        np.testing.assert_allclose(series.deriv(order)(x), np.exp(x), rtol=1e-9)


def test_a_polynomial_has_its_degree():
    assert converged(lambda x: 1 - 3 * x**3, -1.0, 0.5, **ASKED).degree() == 3
    assert converged(np.zeros_like, -1.0, 0.5, **ASKED).degree() == 0


def test_a_function_is_called_inside_the_interval_alone():
    lowest, highest = 0.1, 0.7

    def inside(x):
        assert x.min() >= lowest
        assert x.max() <= highest
        return x**2

    assert converged(inside, lowest, highest, **ASKED).degree() == 2


@pytest.mark.parametrize(
    "function", [np.abs, np.sign, lambda x: np.sqrt(x + 1)], ids=["kink", "step", "root at the end"]
)
def test_what_is_not_smooth_has_none(function):
    assert converged(function, -1.0, 1.2, **ASKED) is None
