"""How far in time a step of no-jump evolution is to go, and how exact it is to be."""

from __future__ import annotations

import math

from numba import njit

from .common import OPTIONS

ROUNDING = 4e-16
"""Of a sum, relative to its largest term."""

LARGE = 2.0**64
"""Norm of a row above which the unit of time is lowered."""

FEW, LEAST = 0.5, 2.0**-8
"""Number of steps to a jump above which they share the tolerance, and the smallest share."""

LEFT_OUT = 2.0**-8
"""Part of the tolerance that the norm of what is left out of a row of the series may have: for a list of basis states,
and for the window of one block of spins.

What is left out of row k adds to the next ones at most Σ_j (‖H_eff‖t)^j/j! times itself, and where the series converges
within its orders that is below e⁴.
"""


@njit(**OPTIONS)
def power_of_two(value):
    """The largest power of two that is not above a positive number."""
    _, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - 1)


@njit(**OPTIONS)
def guessed_horizon(rate, waiting, most):
    """Time until a jump is to be expected at this rate, or ``most``."""
    horizon = most
    if rate * horizon > 1.08 * waiting + 0.02:
        horizon = (1.08 * waiting + 0.02) / rate
    if rate * horizon > 4.0:
        horizon = 4.0 / rate
    return horizon
