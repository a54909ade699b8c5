"""One block of two levels whose terms change in time: the bands of each part of H_eff, and what it is multiplied by.

H_eff(t) = Σ_p c_p(t) H_p, where every c_p is a polynomial on each piece of the time axis (:mod:`cojump.model.driven`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.typing import NDArray

from ..by_reference import by_reference
from ..no_jump_tables import SpinJumps
from .common import OPTIONS
from .polynomial_bands import PAIRS, BandTables
from .vectors import LANES, fused, load, load_row, spread, store

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

TERMS = 17
"""Coefficients of a factor on a piece of the time axis."""

ROOM = -(-TERMS // LANES) * LANES
"""The same in whole vectors."""

HAS_BANDS, HAS_ENERGY, HAS_RATE = 2 ** (2 * PAIRS) - 1, 2 ** (2 * PAIRS), 2 ** (2 * PAIRS + 1)
"""Of the bits of ``pairs``: those of bands; where the diagonal has a real part; where it has an imaginary one."""


@by_reference
class PartBands(NamedTuple):
    """Where the P parts of H_eff are in the tables of a sector.

    Attributes
    ----------
    row : (P,)
        The row of the diagonal of each; minus its imaginary part and the bands follow.
    real, end : (P,)
        Bands up to ``real`` have real elements, those up to ``end`` imaginary ones.
    shift : (P, K)
        How far each band leads.
    pairs : (P,)
    place : (P, 4 PAIRS)
        As in :class:`cojump.trajectories.kernels.polynomial_bands.BandTables`, rows counted from ``row``; with
        HAS_ENERGY and HAS_RATE.
    """

    row: Integers
    real: Integers
    end: Integers
    shift: Integers
    pairs: Integers
    place: Integers


@by_reference
class Factors(NamedTuple):
    """The factors c_p(t) of P parts on n pieces of the time axis, and where a trajectory is.

    Attributes
    ----------
    start, end : (n,)
        Of each piece.
    series : (n, P, 2 ROOM)
        Coefficients of c_p in x^k, x from -1 to 1 between start and end; zeros behind.
    acts : (n, P)
        Whether c_p is anything there.
    binomials : (TERMS, ROOM)
        i + j over j, by i and j.
    of_jump : (L,)
        The part of each jump.
    place : (1,)
        The piece that a step is in.
    clock, total : (1,)
        When it begins, and the end of all pieces.
    at_jump : (P,)
        c_p at its end.
    around : (P, ROOM)
        c_p in powers of x from where the step begins.
    coefficients, sizes : (P, ROOM)
        The same in powers of the time, in the unit of the rows; how much each one is at most at the end of the step.
    terms : (P,)
        How many of them matter; none of a part that is absent from this piece.
    behind : (P,)
        What all others are at most, at the end of the step.
    back : (P,)
        Of how many rows the sum is made that goes into the next one.
    weights : (ROOM,)
        What the rows of a sum are multiplied by.
    energy, spread : (P,)
        <H_p> at its beginning, and the largest factor by which H_p - <H_p> has stretched a vector.
    dropped : (P,)
        What coefficients that are left out add to the rows at the end of the step, over SPREAD ``spread``.
    known : (P,)
        Whether the part has been applied to a sum of mostly other rows than the first one.
    each : (MAX_ORDER + 1,)
        Norms of the rows there.
    sum_re, sum_im : (cells,)
        A sum of rows.
    """

    start: Floats
    end: Floats
    series: Floats
    acts: NDArray[np.bool_]
    binomials: Floats
    of_jump: Integers
    place: Integers
    clock: Floats
    total: Floats
    at_jump: Floats
    around: Floats
    coefficients: Floats
    sizes: Floats
    terms: Integers
    behind: Floats
    back: Integers
    weights: Floats
    energy: Floats
    spread: Floats
    dropped: Floats
    known: NDArray[np.bool_]
    each: Floats
    sum_re: Floats
    sum_im: Floats


@by_reference
class DrivenHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps, N, lead, width, tables, jumps, where
        As in :class:`cojump.trajectories.kernels.polynomial_bands.PolynomialHeff`; in ``tables``, ``reach`` of H_eff is
        that of all parts.
    parts : PartBands
    factors : Factors
    """

    has_jumps: bool
    N: int
    lead: int
    width: int
    tables: BandTables
    jumps: SpinJumps
    where: Integers
    parts: PartBands
    factors: Factors


def weigh_rates(h_eff, channel, weights):
    """Multiply the weights of the outcomes of a jump by what its rate is multiplied by at the end of the step."""
    if isinstance(h_eff, DrivenHeff):
        _times_rate(h_eff, channel, weights)


def _times_rate(h_eff, channel, weights):
    factor = max(h_eff.factors.at_jump[h_eff.factors.of_jump[channel]], 0.0)
    for k in range(4):
        weights[channel, k] *= factor


def _as_they_are(h_eff, channel, weights):
    return None


@overload(weigh_rates, jit_options=OPTIONS, inline="always")
def _choose_weights(h_eff, channel, weights):
    return _times_rate if h_eff.instance_class is DrivenHeff else _as_they_are


@njit(**OPTIONS)
def value_at(series, x):
    """A polynomial at x."""
    made = 0.0
    for k in range(TERMS - 1, -1, -1):
        made = made * x + series[k]
    return made


@njit(**OPTIONS)
def write_shifted(series, binomials, x, made):
    """Coefficients of (x' - x)^j in a polynomial, by Horner's rule for its derivatives over j!."""
    factor = spread(x)
    for j in range(0, TERMS, LANES):
        a = spread(0.0)
        for i in range(TERMS - 1 - j, -1, -1):
            a = fused(a, factor, load_row(binomials, i, j, LANES) * load(series, i + j, LANES))
        store(made, j, LANES, a)
