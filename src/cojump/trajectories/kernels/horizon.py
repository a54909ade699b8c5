"""How far in time a step of no-jump evolution is to go, and how exact it is to be."""

from __future__ import annotations

import math

import numpy as np
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

LITTLE, MARGIN, BY_SQUARE = 2.0**-10, 2.0**-7, 0.5
"""How far a step goes beyond where the jump is expected: as long as such a loss takes; by that part of its length; and
for the square of that part of it by which the change of the rate has moved this time.
"""

FAST = 4.0
"""Log-survival that a step may lose at the rate it begins with."""


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
    if rate * horizon > FAST:
        horizon = FAST / rate
    return horizon


@njit(**OPTIONS)
def horizon_to_jump(rate, curvature, waiting, most):
    """How far a step is to go where the loss is rate t - curvature t², and what comes next is not known.

    The time until it has lost ``waiting``, and more where the square has moved that time much; ``most`` at most.
    """
    lost = waiting + LITTLE
    root = rate * rate - 4.0 * curvature * lost
    root = np.sqrt(root) if root > 0.0 else 0.0
    horizon = most
    if rate + root > 0.0 and lost < np.inf:
        moved = (rate - root) / max(2.0 * rate, rate + root)  # by this part of the later one
        horizon = 2.0 * lost / (rate + root) * (1.0 + MARGIN + BY_SQUARE * moved * moved)
        if rate * horizon > FAST:
            horizon = FAST / rate
    return horizon if horizon < most else most
