"""What a step may leave out where terms change in time: see :mod:`.driven_series`."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .driven_bands import TERMS
from .horizon import LEAST, ROUNDING

SPREAD = 2.0
"""Norms of operators are taken as so much larger than what has been seen of them."""

MISJUDGED = 2.0**-2
"""The same of all rows by what later ones show: above it they are made again with more coefficients."""

MOSTLY, NOTHING = 16.0, 2.0**-10
"""Squared norm of a sum of rows, in units of that of the first one in it, above which it is mostly made of others; and
part of the error of a step below which a row is nothing.
"""

SHORTER, MUCH_SHORTER = 0.8, 2.0**-4
"""Factors by which a step is made shorter until it is good, at most, and where its rows are too large."""

TOO_SHORT = 2.0**-256
"""Part of what a step was to be, below which it is given up."""


@njit(**OPTIONS)
def share_of(horizon, end, rate, waiting):
    """Part of the tolerance for one of many steps to a jump, or to the end of the trajectory."""
    share = horizon / end
    if rate * horizon > share * waiting:
        share = rate * horizon / waiting if waiting > 0.0 else 1.0
    return min(max(share, LEAST), 1.0)


@njit(**OPTIONS)
def write_in_unit(around, by, made):
    """Write coefficients in a unit of time ``by`` times the one that they are in."""
    power = 1.0
    for j in range(TERMS):
        made[j] = around[j] * power
        power *= by


@njit(inline="always", **OPTIONS)
def is_of_rows(first, square):
    """Whether a sum of rows, of this squared norm, is mostly made of others than the first one.

    The first row is in it with the coefficient ``first``. What a part does to the sum says how it stretches rows.
    """
    return square > MOSTLY * first * first


@njit(**OPTIONS)
def learned(factors, p, order, made2, along, across, size2):
    """Write what a product of part p shows: <H_p> where a step begins, later how far it has stretched a sum of rows.

    Returns by how much the part lowers |ψ|² in a unit of time; ``along`` and ``across`` are <H_p>, ``made2`` and
    ``size2`` the squared norms of the product and of the sum.
    """
    if order == 0:
        factors.energy[p] = along
        factors.spread[p] = np.sqrt(max(made2 - along**2, ROUNDING * made2))
        return -2.0 * factors.coefficients[p, 0] * across
    if size2 > 0.0:
        factors.spread[p] = max(factors.spread[p], np.sqrt(made2 / size2))
        first = factors.coefficients[p, order] if order < factors.back[p] else 0.0
        factors.known[p] |= is_of_rows(first, size2)
    return 0.0


@njit(**OPTIONS)
def are_known(terms, known, each, order, allowed):
    """Whether each part has been seen on a row behind the first one, unless all those are nothing.

    A step may begin with what a part does nothing to, while its factor is zero: the rows made then do not show it.
    """
    for k in range(1, order + 1):
        if each[k] > NOTHING * allowed:
            for p in range(1, terms.size):
                if terms[p] > 0 and not known[p]:
                    return False
    return True


@njit(**OPTIONS)
def choose_terms(coefficients, sizes, ratio, least):
    """Write how much each coefficient is at the end of a step; how many there are, and what those behind add up to.

    Those behind are ``least`` at most.
    """
    power, terms, rest = 1.0, 1, 0.0
    for j in range(TERMS):
        sizes[j] = abs(coefficients[j]) * power
        power *= ratio
        if sizes[j] > 0.0:
            terms = j + 1
    while terms > 1 and rest + sizes[terms - 1] <= least:
        rest += sizes[terms - 1]
        terms -= 1
    return terms, rest


@njit(**OPTIONS)
def beyond(norms, order, coefficients, terms, spreads, x):
    """Σ_{m≥1} |v_{K-m}| x^{K-m} Σ_{j≥m} ‖A_j‖ x^j for K = order, and Σ_{j≥1} ‖A_j‖ x^j."""
    highest, made, tail = np.int64(0), 0.0, 0.0
    for p in range(terms.size):
        highest = max(highest, terms[p] - 1)
    for m in range(highest, 0, -1):
        strength = 0.0
        for p in range(terms.size):
            strength += abs(coefficients[p, m]) * SPREAD * spreads[p]
        tail += strength * x**m
        if m <= order:
            made += norms[order - m] * x ** (order - m) * tail
    return made, tail


@njit(**OPTIONS)
def changing(coefficients, terms, x):
    """Σ_j |c_j| x^j of a factor, 1 ≤ j < terms: how much it changes, at most."""
    power, made = 1.0, 0.0
    for j in range(1, terms):
        power *= x
        made += abs(coefficients[j]) * power
    return made
