"""How much may be left out at once: what weighs little, as much as weighs no more than a bound altogether."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .vectors import quiet, spread, total

STEP = 8.0
"""Of weights up to which all is left out, the next one in parts of the one before."""


@njit(inline="always", **OPTIONS)
def none_quiet():
    """Sums of nothing."""
    zero = spread(0.0)
    return zero, zero, zero, zero, zero, zero


@njit(inline="always", **OPTIONS)
def more_quiet(sums, weight, least):
    """Add what of a vector of weights is not above ``least``, ``least`` times STEP, .. to the sums of each of them."""
    s0, s1, s2, s3, s4, s5 = sums
    return (
        s0 + quiet(weight, weight, least),
        s1 + quiet(weight, weight, STEP * least),
        s2 + quiet(weight, weight, STEP**2 * least),
        s3 + quiet(weight, weight, STEP**3 * least),
        s4 + quiet(weight, weight, STEP**4 * least),
        s5 + quiet(weight, weight, STEP**5 * least),
    )


@njit(**OPTIONS)
def largest_quiet(sums, most, least):
    """The largest of these weights whose sum is ``most`` at most, and that sum: that of ``least`` is taken to be so."""
    s0, s1, s2, s3, s4, s5 = sums
    found, gone = least, total(s0)
    for own, factor in ((s1, STEP), (s2, STEP**2), (s3, STEP**3), (s4, STEP**4), (s5, STEP**5)):
        weight = total(own)
        if weight <= most:
            found, gone = factor * least, weight
    return found, gone
