"""One block of two levels whose arguments do not commute: H_eff as the bands that polynomials of J_x, J_y, J_z have.

A state is a window of positions, as that of one block with a single axis; but each sector has bands of its own, in a
window that was made around the states that have come there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..no_jump_tables import SpinJumps
from .common import OPTIONS, PAD
from .vectors import LANES, fused, load, spread, store, total

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

TWO_J, LO, HI, WIDE_LO, WIDE_HI, CUT = range(6)
"""Places in ``where``: sector; window of the state that a step begins with, and of its series; 1 where the series was
cut at the end of the tables.
"""

ENERGY, HALF_RATE, BANDS = range(3)
"""Rows of the tables of a sector: diagonal of H_eff, real and minus imaginary part, and from BANDS on its bands."""

UNKNOWN = -1
"""In place of where the tables of a sector begin."""


class BandTables(NamedTuple):
    """Bands of H_eff, and of Γ where it is a polynomial, sector by sector, of L jumps.

    Attributes
    ----------
    start, first, cells : (N + 1,)
        By 2J: where the tables begin in ``values`` (or UNKNOWN); position of their first cell; their cells.
    values : flat
        Row after row of ``cells`` elements: ENERGY, HALF_RATE, the bands of H_eff, and those of each Γ.
    shift : (K,)
        How far each band leads: element p is <p|.|p + shift>.
    begin, real, end : (L + 1,)
        The bands of H_eff (at L) and of the Γ of each jump: begin..real have real elements, real..end imaginary ones.
        All three are equal where Γ is no polynomial.
    reach : (L + 1,)
        How far they lead at most.
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


class PolynomialHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps : bool
    N : int
    width : int
        How far H_eff leads at most; cells on each side of a window that are zero.
    tables : BandTables
    jumps : SpinJumps
        Γ of those that are polynomials is 1 here.
    where : (6,) int
        See TWO_J and others. Position p has p - width particles up.
    """

    has_jumps: bool
    N: int
    width: int
    tables: BandTables
    jumps: SpinJumps
    where: Integers


class PolynomialRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    waiting : (3,) int
        2J and window of the state in ``new``, where position p has p - PAD particles up.
    phi_re, phi_im : (cells,)
        Γψ.
    filled : (3,)
    """

    waiting: Integers
    phi_re: Floats
    phi_im: Floats
    filled: Integers


@njit(**OPTIONS)
def sector_ends(h_eff, two_J):
    """First and one past the last position of a sector."""
    first = (h_eff.N - two_J) // 2 + h_eff.width
    return first, first + two_J + 1


@njit(**OPTIONS)
def clear_cells(rows_re, rows_im, last_row, lo, hi, wide_lo, wide_hi, width):
    """Zero rows 0..last_row on the cells of wide_lo..wide_hi and ``width`` beside it that are not in lo..hi."""
    for k in range(last_row + 1):
        for p in range(wide_lo - width, lo):
            rows_re[k, p] = 0.0
            rows_im[k, p] = 0.0
        for p in range(hi, wide_hi + width):
            rows_re[k, p] = 0.0
            rows_im[k, p] = 0.0


@njit(**OPTIONS)
def next_window(h_eff, re, im, lo, hi, least):
    """The window that H_eff leads to from all amplitudes whose weight is above ``least``, as far as tables go."""
    a, b, where, tables = lo, hi, h_eff.where, h_eff.tables
    while a < b and re[a] * re[a] + im[a] * im[a] <= least:
        a += 1
    while b > a and re[b - 1] * re[b - 1] + im[b - 1] * im[b - 1] <= least:
        b -= 1
    first, last = sector_ends(h_eff, where[TWO_J])
    a, b = max(a - h_eff.width, first), min(b + h_eff.width, last)
    first = tables.first[where[TWO_J]]
    last = first + tables.cells[where[TWO_J]]
    if a < first or b > last:
        where[CUT] = 1
        a, b = max(a, first), min(b, last)
    return min(a, lo), max(b, hi)


@njit(**OPTIONS)
def product_of(tables, two_J, which, re, im, lo, hi, to_re, to_im):
    """The bands of ``which`` times a state, on lo..hi; the state is zero beside its window."""
    stride, values, shift = tables.cells[two_J], tables.values, tables.shift
    start = tables.start[two_J] + BANDS * stride - tables.first[two_J]
    begin, real, end = tables.begin[which], tables.real[which], tables.end[which]
    for p in range(lo, hi, LANES):
        n, a, b = hi - p, spread(0.0), spread(0.0)
        for k in range(begin, real):
            v = load(values, start + k * stride + p, n)
            a = fused(v, load(re, p + shift[k], n), a)
            b = fused(v, load(im, p + shift[k], n), b)
        for k in range(real, end):
            v = load(values, start + k * stride + p, n)
            a = fused(-v, load(im, p + shift[k], n), a)
            b = fused(v, load(re, p + shift[k], n), b)
        store(to_re, p, n, a)
        store(to_im, p, n, b)


@njit(**OPTIONS)
def apply_bands(rows_re, rows_im, order, lo, hi, unit, h_eff, shift, half_shift):
    """Taylor row order + 1 on lo..hi, as apply_real makes it; zeroes the cells beside. Returns its squared norm."""
    tables, two_J = h_eff.tables, h_eff.where[TWO_J]
    stride, values, far, L = tables.cells[two_J], tables.values, tables.shift, tables.begin.size - 1
    begin, real, end = tables.begin[L], tables.real[L], tables.end[L]
    start = tables.start[two_J] - tables.first[two_J]
    scale, shifts, half_shifts = spread(unit * (1.0 / (order + 1.0))), spread(shift), spread(half_shift)
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    square_re = square_im = spread(0.0)
    for p in range(lo, hi, LANES):
        n = hi - p
        energy, gain = load(values, start + p, n) - shifts, half_shifts - load(values, start + stride + p, n)
        x, y = load(re, p, n), load(im, p, n)
        h_re, h_im = fused(energy, x, -(gain * y)), fused(energy, y, gain * x)
        for k in range(begin, real):
            v = load(values, start + (BANDS + k) * stride + p, n)
            h_re = fused(v, load(re, p + far[k], n), h_re)
            h_im = fused(v, load(im, p + far[k], n), h_im)
        for k in range(real, end):
            v = load(values, start + (BANDS + k) * stride + p, n)
            h_re = fused(-v, load(im, p + far[k], n), h_re)
            h_im = fused(v, load(re, p + far[k], n), h_im)
        a, b = scale * h_im, -(scale * h_re)
        store(to_re, p, n, a)
        store(to_im, p, n, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    for p in range(h_eff.width):
        to_re[lo - 1 - p] = to_im[lo - 1 - p] = 0.0
        to_re[hi + p] = to_im[hi + p] = 0.0
    return total(square_re + square_im)


@njit(**OPTIONS)
def behind_pad(h_eff):
    """What is taken from a position to have PAD cells below no particle up, as the kernels of one axis have."""
    return h_eff.width - PAD
