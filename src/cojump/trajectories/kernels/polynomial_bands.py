"""One block of two levels whose arguments do not commute: H_eff as the bands that polynomials of J_x, J_y, J_z have.

A state is a window of positions, as that of one block with a single axis; but each sector has bands of its own, in a
window that was made around the states that have come there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from ..no_jump_tables import SpinJumps
from .common import OPTIONS, PAD
from .vectors import (
    LANES,
    after,
    before,
    fused,
    load,
    spread,
    store,
    three_after,
    three_before,
    total,
    two_after,
    two_before,
)

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

TWO_J, LO, HI, WIDE_LO, WIDE_HI, CUT, MORE = range(7)
"""Places in ``where``: sector; window of the state that a step begins with, and of its series; 1 where the series was
cut at the end of the tables; by how much it was made wider last.
"""

ENERGY, HALF_RATE, BANDS = range(3)
"""Rows of the tables of a sector: diagonal of H_eff, real and minus imaginary part, and from BANDS on its bands."""

PAIRS = 3
"""How far the bands of H_eff lead for which there is a kernel of their own."""

UNKNOWN = -1
"""In place of where the tables of a sector begin."""


@by_reference
class BandTables(NamedTuple):
    """Bands of H_eff, and of Γ where it is a polynomial, sector by sector, of L jumps.

    Attributes
    ----------
    start, first, cells : (N + 1,)
        By 2J: where the tables begin in ``values`` (or UNKNOWN); position of their first cell, and their cells, both
        whole vectors: elements beyond the sector are zero.
    values : flat
        Row after row of ``cells`` elements: ENERGY, HALF_RATE, the bands of H_eff, and those of each Γ.
    shift : (K,)
        How far each band leads: element p is <p|.|p + shift>.
    begin, real, end : (L + 1,)
        The bands of H_eff (at L) and of the Γ of each jump: begin..real have real elements, real..end imaginary ones.
        All three are equal where Γ is no polynomial.
    reach : (L + 1,)
        How far they lead at most.
    pairs : int
        Where no band of H_eff leads farther than PAIRS: bit k - 1 says whether there are real elements k places away,
        bit PAIRS + k - 1 whether there are imaginary ones. UNKNOWN else.
    place : (4 PAIRS,)
        Rows of the table: real elements 1 below, 1 above, 2 below, ...; then the imaginary ones.
    """

    start: Integers
    first: Integers
    cells: Integers
    values: Floats
    shift: Integers
    begin: Integers
    real: Integers
    end: Integers
    reach: Integers
    pairs: int
    place: Integers


@by_reference
class PolynomialHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps : bool
    N : int
    lead : int
        How far H_eff, or a Γ, leads at most.
    width : int
        Cells on each side of a window that are zero: whole vectors, at least ``lead``.
    tables : BandTables
    jumps : SpinJumps
        Γ of those that are polynomials is 1 here.
    where : (7,) int
        See TWO_J and others. Position p has p - width particles up.
    """

    has_jumps: bool
    N: int
    lead: int
    width: int
    tables: BandTables
    jumps: SpinJumps
    where: Integers


@by_reference
class PolynomialRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    waiting : (3,) int
        2J and window of the state in ``new``, where position p has p - PAD particles up.
    norm2 : (1,)
        |ψ|² of that state.
    phi_re, phi_im : (cells,)
        Γψ.
    filled : (3,)
    """

    waiting: Integers
    norm2: Floats
    phi_re: Floats
    phi_im: Floats
    filled: Integers


@njit(**OPTIONS)
def sector_ends(h_eff, two_J):
    """First and one past the last position of a sector."""
    first = (h_eff.N - two_J) // 2 + h_eff.width
    return first, first + two_J + 1


@njit(inline="always", **OPTIONS)
def whole_window(lo, hi, reach, first, last):
    """A window wider by ``reach`` on each side, as far as the sector goes; whole vectors, which may end beyond it."""
    return max(lo - reach, first) // LANES * LANES, (min(hi + reach, last) + LANES - 1) // LANES * LANES


@njit(**OPTIONS)
def within_tables(h_eff, lo, hi):
    """Whether the tables have all that a window of the sector leads to, or comes from."""
    two_J = h_eff.where[TWO_J]
    first, last = sector_ends(h_eff, two_J)
    known = h_eff.tables.first[two_J]
    lead = h_eff.lead
    return known <= max(lo - lead, first) and known + h_eff.tables.cells[two_J] >= min(hi + lead, last)


@njit(inline="always", **OPTIONS)
def weight_at_ends(re, im, lo, hi, reach, first, last):
    """|ψ|² on the ``reach`` outermost cells at each end of a window behind which the sector goes on."""
    square = spread(0.0)
    if lo > first:
        for p in range(lo, lo + reach, LANES):
            x, y = load(re, p, lo + reach - p), load(im, p, lo + reach - p)
            square = fused(x, x, fused(y, y, square))
    if hi < last:
        for p in range(hi - reach, hi, LANES):
            x, y = load(re, p, hi - p), load(im, p, hi - p)
            square = fused(x, x, fused(y, y, square))
    return total(square)


@njit(inline="always", **OPTIONS)
def bands_times(values, at, stride, shift, begin, real, end, re, im, p, a, b):
    """What is added to a + ib at eight cells by bands begin..end, whose elements for these cells begin at ``at``."""
    for k in range(begin, real):
        v = load(values, at + k * stride, LANES)
        a = fused(v, load(re, p + shift[k], LANES), a)
        b = fused(v, load(im, p + shift[k], LANES), b)
    for k in range(real, end):
        v = load(values, at + k * stride, LANES)
        a = fused(-v, load(im, p + shift[k], LANES), a)
        b = fused(v, load(re, p + shift[k], LANES), b)
    return a, b


@njit(**OPTIONS)
def product_of(values, start, stride, shift, begin, real, end, re, im, lo, hi, to_re, to_im):
    """Bands begin..end times a state, on lo..hi, whole vectors; the state is zero beside its window."""
    for p in range(lo, hi, LANES):
        at = start + BANDS * stride + p
        a, b = bands_times(values, at, stride, shift, begin, real, end, re, im, p, spread(0.0), spread(0.0))
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)


@njit(**OPTIONS)
def apply_bands(
    rows_re, rows_im, order, lo, hi, unit, values, start, stride, far, real, end, beside, shift, half_shift
):
    """Taylor row order + 1 on lo..hi, whole vectors, as apply_real makes it; zeroes ``beside`` cells on each side.

    The table of the sector begins at start + lo, with ``stride`` cells in each row; bands 0..real of H_eff have real
    elements, real..end imaginary ones. Returns the squared norm of the new row.
    """
    scale, shifts, half_shifts = spread(unit * (1.0 / (order + 1.0))), spread(shift), spread(half_shift)
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    square_re = square_im = spread(0.0)
    for p in range(lo, hi, LANES):
        at = start + p
        energy, gain = load(values, at, LANES) - shifts, half_shifts - load(values, at + stride, LANES)
        x, y = load(re, p, LANES), load(im, p, LANES)
        h_re, h_im = fused(energy, x, -(gain * y)), fused(energy, y, gain * x)
        h_re, h_im = bands_times(
            values, at + BANDS * stride, stride, far, np.int64(0), real, end, re, im, p, h_re, h_im
        )
        a, b = scale * h_im, -(scale * h_re)
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    zero = spread(0.0)
    for p in range(0, beside, LANES):
        store(to_re, lo - beside + p, LANES, zero)
        store(to_im, lo - beside + p, LANES, zero)
        store(to_re, hi + p, LANES, zero)
        store(to_im, hi + p, LANES, zero)
    return total(square_re + square_im)


@njit(inline="always", **OPTIONS)
def _pair(values, low, high, p, below, above, to):
    """What bands from below and from above, which begin at ``low`` and ``high``, add to eight cells."""
    v, w = load(values, low + p, LANES), load(values, high + p, LANES)
    return fused(v, below[0], fused(w, above[0], to[0])), fused(v, below[1], fused(w, above[1], to[1]))


@njit(inline="always", **OPTIONS)
def pair_rows(start, stride, place):
    """Where the rows of each pair begin: below and above of the real elements 1, 2 and 3 away, then of the others."""
    low_1, low_2, low_3 = start + place[0] * stride, start + place[2] * stride, start + place[4] * stride
    high_1, high_2, high_3 = start + place[1] * stride, start + place[3] * stride, start + place[5] * stride
    low_4, low_5, low_6 = start + place[6] * stride, start + place[8] * stride, start + place[10] * stride
    high_4, high_5, high_6 = start + place[7] * stride, start + place[9] * stride, start + place[11] * stride
    return low_1, high_1, low_2, high_2, low_3, high_3, low_4, high_4, low_5, high_5, low_6, high_6


@njit(inline="always", **OPTIONS)
def pairs_times(values, p, pairs, rows, last, here, following, real, imaginary):
    """What bands among PAIRS add at eight cells: of elements that are real, and of imaginary ones, divided by i.

    ``last``, ``here`` and ``following`` are the state at the cells before them, at them, and behind.
    """
    if pairs & 9:
        below = before(last[0], here[0]), before(last[1], here[1])
        above = after(here[0], following[0]), after(here[1], following[1])
        if pairs & 1:
            real = _pair(values, rows[0], rows[1], p, below, above, real)
        if pairs & 8:
            imaginary = _pair(values, rows[6], rows[7], p, below, above, imaginary)
    if pairs & 18:
        below = two_before(last[0], here[0]), two_before(last[1], here[1])
        above = two_after(here[0], following[0]), two_after(here[1], following[1])
        if pairs & 2:
            real = _pair(values, rows[2], rows[3], p, below, above, real)
        if pairs & 16:
            imaginary = _pair(values, rows[8], rows[9], p, below, above, imaginary)
    if pairs & 36:
        below = three_before(last[0], here[0]), three_before(last[1], here[1])
        above = three_after(here[0], following[0]), three_after(here[1], following[1])
        if pairs & 4:
            real = _pair(values, rows[4], rows[5], p, below, above, real)
        if pairs & 32:
            imaginary = _pair(values, rows[10], rows[11], p, below, above, imaginary)
    return real, imaginary


@njit(**OPTIONS)
def apply_pairs(rows_re, rows_im, order, lo, hi, unit, values, start, stride, pairs, place, shift, half_shift):
    """As apply_bands where all bands are among PAIRS: neighbours come from registers. Nothing beside lo..hi is read."""
    scale, shifts, half_shifts = spread(unit * (1.0 / (order + 1.0))), spread(shift), spread(half_shift)
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    rows = pair_rows(start, stride, place)
    square_re = square_im = last_re = last_im = spread(0.0)
    here_re, here_im = load(re, lo, LANES), load(im, lo, LANES)
    for p in range(lo, hi, LANES):
        n = hi - p - LANES
        next_re, next_im = load(re, p + LANES, n), load(im, p + LANES, n)
        energy = load(values, start + p, LANES) - shifts
        gain = half_shifts - load(values, start + stride + p, LANES)
        # H_eff ψ of the elements that are real; the imaginary ones, divided by i
        real, imaginary = (energy * here_re, energy * here_im), (gain * here_re, gain * here_im)
        around = (last_re, last_im), (here_re, here_im), (next_re, next_im)
        real, imaginary = pairs_times(values, p, pairs, rows, around[0], around[1], around[2], real, imaginary)
        a, b = scale * (real[1] + imaginary[0]), scale * (imaginary[1] - real[0])
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
        last_re, last_im, here_re, here_im = here_re, here_im, next_re, next_im
    return total(square_re + square_im)


@njit(**OPTIONS)
def behind_pad(h_eff):
    """What is taken from a position to have PAD cells below no particle up, as the kernels of one axis have."""
    return h_eff.width - PAD
