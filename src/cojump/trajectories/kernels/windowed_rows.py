"""Rows of a Taylor series that all have one window, wider than the state: of one block of spins, and of bands.

None of them has to be cleared so, and the series is summed in one sweep. The window grows, and what has been made of it
last is made again, where a row weighs more at its ends than may be left out.

Their names are those of what :mod:`.taylor_rows` asks of each way to write a state in.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import INLINED, MAX_ORDER, OPTIONS, PAD
from .horizon import LEFT_OUT
from .nothing import of_complex
from .polynomial_bands import (
    CUT,
    TWO_J,
    WIDE_HI,
    WIDE_LO,
    apply_bands,
    apply_pairs,
    sector_ends,
    weight_at_ends,
    whole_window,
    within_tables,
)
from .propagate import apply_complex, apply_real, fill_complex, fill_real
from .vectors import LANES
from .window import blank_rows

ROOM = 4
"""Orders of the series that a window has room for at first."""


@njit(**OPTIONS)
def sector_range(N, two_J):
    """First and one past the last position of a sector of one block of spins."""
    first = (N - two_J) // 2 + PAD
    return first, first + two_J + 1


@njit(**INLINED)
def refresh_elements(h_eff, work, two_J, start, stop):
    """Write the off-diagonals of H_eff in sector J for positions start..stop, nothing coupling in from below."""
    if h_eff.is_real:
        fill_real(h_eff.N, two_J, start, stop, h_eff.up_re, work.off_re)
    else:
        fill_complex(
            h_eff.N,
            two_J,
            start,
            stop,
            h_eff.up_re,
            h_eff.up_im,
            h_eff.down_re,
            h_eff.down_im,
            (h_eff.two_re, h_eff.two_im),
            work.off_re,
            work.off_im,
            work.two_re,
            work.two_im,
        )
    for p in range(max(start - PAD, 0), start):
        for direction in range(2):
            work.off_re[direction, p] = 0.0
            work.off_im[direction, p] = 0.0
        work.two_re[p] = 0.0
        work.two_im[p] = 0.0


@njit(**INLINED)
def _widened(lo, hi, reach, first, last):
    """A window wider by ``reach`` on each side, and rounded up to whole vectors, as far as the sector goes."""
    lo, hi = max(lo - reach, first), min(hi + reach, last)
    size = hi - lo
    if size > LANES:
        size = (size + LANES - 1) // LANES * LANES
    hi = min(lo + size, last)
    return max(hi - size, first), hi


@njit(**INLINED)
def _weight_that_leaves(h_eff, work, row, lo, hi):
    """At least |H_eff ψ|² outside lo..hi of row ψ, which is zero there."""
    re, im, off_re = work.taylor_re[row], work.taylor_im[row], work.off_re
    low, high = re[lo] ** 2 + im[lo] ** 2, re[hi - 1] ** 2 + im[hi - 1] ** 2
    if h_eff.is_real:
        return off_re[0, lo - 1] ** 2 * low + off_re[0, hi - 1] ** 2 * high
    down = off_re[1, lo - 1] ** 2 + work.off_im[1, lo - 1] ** 2
    up = off_re[0, hi - 1] ** 2 + work.off_im[0, hi - 1] ** 2
    if h_eff.band > 1 and hi - lo > 1:
        low += re[lo + 1] ** 2 + im[lo + 1] ** 2
        high += re[hi - 2] ** 2 + im[hi - 2] ** 2
        for beside in range(1, 3):
            down += work.two_re[lo - beside] ** 2 + work.two_im[lo - beside] ** 2
            up += work.two_re[hi - beside] ** 2 + work.two_im[hi - beside] ** 2
    return down * low + up * high


def _apply_complex(rows_im, rows_re, *rest):
    return apply_complex(rows_re, rows_im, *rest)


_apply_any = of_complex(_apply_complex, 0.0, INLINED)
"""Where states stay real the elements of H_eff are."""


@njit(**INLINED)
def _constant(h_eff, two_J):
    """What the Casimir operator adds to half the rate of all amplitudes of a sector."""
    return 0.5 * h_eff.casimir * (0.5 * two_J) * (0.5 * two_J + 1.0)


def lone_of_block(h_eff, two_J, lo, hi):
    """As lone_amplitude: nothing couples where H_eff has no elements beside the diagonal."""
    alone, energy, rate = h_eff.band == 0 and hi - lo == 1, 0.0, 0.0
    if alone:
        energy = h_eff.diagonal[lo - PAD]
        rate = max(2.0 * (h_eff.half_rate[lo - PAD] + _constant(h_eff, two_J)), 0.0)
    return alone, energy, rate


def begin_block(h_eff, work, two_J, lo, hi, tolerance):
    """As begin_rows, with room for some orders."""
    first, last = sector_range(h_eff.N, two_J)
    room = ROOM * h_eff.band
    wide_lo, wide_hi = _widened(lo, hi, room, first, last)
    blank_rows(work.taylor_re, work.taylor_im, np.int64(0), np.int64(0), lo, hi, wide_lo, wide_hi)
    return wide_lo, wide_hi, room


def row_of_block(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    """As next_row; elements of H_eff are made where there are none yet."""
    first, last = sector_range(h_eff.N, two_J)
    # two cells more below, for what couples the first one to what is outside
    ready = filled[0] == two_J and filled[1] <= max(wide_lo - PAD, first) and filled[2] >= wide_hi
    if h_eff.band > 0 and not ready:
        filled[0], filled[1], filled[2] = two_J, max(wide_lo - 8, first), min(wide_hi + 8, last)
        refresh_elements(h_eff, work, two_J, filled[1], filled[2])
    half_shift = 0.5 * rate_shift - _constant(h_eff, two_J)
    if h_eff.is_real:
        norm2 = apply_real(
            work.taylor_re,
            work.taylor_im,
            order,
            wide_lo,
            wide_hi,
            unit,
            work.off_re,
            h_eff.band,
            h_eff.diagonal,
            h_eff.half_rate,
            shift,
            half_shift,
        )
    else:
        norm2 = _apply_any(
            work.taylor_im,
            work.taylor_re,
            order,
            wide_lo,
            wide_hi,
            unit,
            work.off_re,
            work.off_im,
            work.two_re,
            work.two_im,
            h_eff.band,
            h_eff.diagonal,
            h_eff.half_rate,
            shift,
            half_shift,
        )
    return norm2, hi, wide_hi, 0.0


def wider_block(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, room, unit, power, ratio, tolerance):
    """As wider: twice as much room where H_eff leads too much weight out of the window."""
    if h_eff.band == 0:
        return False, wide_lo, wide_hi, room
    least = LEFT_OUT * tolerance / (power * ratio) * (order + 1.0) / unit
    if not _weight_that_leaves(h_eff, work, order, wide_lo, wide_hi) > least * least:
        return False, wide_lo, wide_hi, room
    first, last = sector_range(h_eff.N, two_J)
    room *= 2
    more_lo, more_hi = _widened(lo, hi, room, first, last)
    more_lo, more_hi = min(more_lo, wide_lo), max(more_hi, wide_hi)
    blank_rows(work.taylor_re, work.taylor_im, np.int64(0), order, wide_lo, wide_hi, more_lo, more_hi)
    return True, more_lo, more_hi, room


def begin_bands(h_eff, work, two_J, lo, hi, tolerance):
    """As begin_rows, with room for one order."""
    first, last = sector_ends(h_eff, h_eff.where[TWO_J])
    room = h_eff.tables.reach[-1]
    wide_lo, wide_hi = whole_window(lo, hi, room, first, last)
    blank_rows(
        work.taylor_re,
        work.taylor_im,
        np.int64(0),
        np.int64(0),
        lo,
        hi,
        wide_lo - h_eff.width,
        wide_hi + h_eff.width,
    )
    return wide_lo, wide_hi, room


def row_of_bands(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    """As next_row."""
    where, tables, half_shift = h_eff.where, h_eff.tables, 0.5 * rate_shift
    stride = tables.cells[where[TWO_J]]
    start = tables.start[where[TWO_J]] - tables.first[where[TWO_J]]
    if tables.pairs >= 0:
        norm2 = apply_pairs(
            work.taylor_re,
            work.taylor_im,
            order,
            wide_lo,
            wide_hi,
            unit,
            tables.values,
            start,
            stride,
            tables.pairs,
            tables.place,
            shift,
            half_shift,
        )
    else:
        norm2 = apply_bands(
            work.taylor_re,
            work.taylor_im,
            order,
            wide_lo,
            wide_hi,
            unit,
            tables.values,
            start,
            stride,
            tables.shift,
            tables.real[-1],
            tables.end[-1],
            h_eff.width,
            shift,
            half_shift,
        )
    return norm2, hi, wide_hi, 0.0


def wider_bands(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, room, unit, power, ratio, tolerance):
    """As wider: twice as much room where the row weighs too much at its ends, as far as the tables go."""
    # the first row has no amplitudes at the ends
    if order == 0 or h_eff.where[CUT] != 0:
        return False, wide_lo, wide_hi, room
    first, last = sector_ends(h_eff, h_eff.where[TWO_J])
    lead, least = h_eff.tables.reach[-1], LEFT_OUT * tolerance / power
    weight = weight_at_ends(work.taylor_re[order], work.taylor_im[order], wide_lo, wide_hi, lead, first, last)
    if not weight > least * least:
        return False, wide_lo, wide_hi, room
    room *= 2
    at_most = MAX_ORDER * lead  # no series leads farther, and tables need not be wider
    more_lo, more_hi = max(wide_lo - room, lo - at_most), min(wide_hi + room, hi + at_most)
    more_lo, more_hi = whole_window(more_lo, more_hi, 0, first, last)
    if not within_tables(h_eff, more_lo, more_hi):
        h_eff.where[CUT] = 1
        return False, wide_lo, wide_hi, room
    blank_rows(
        work.taylor_re,
        work.taylor_im,
        np.int64(0),
        order,
        wide_lo,
        wide_hi,
        more_lo - h_eff.width,
        more_hi + h_eff.width,
    )
    return True, more_lo, more_hi, room


def end_bands(h_eff, wide_lo, wide_hi):
    """As end_rows."""
    first, last = sector_ends(h_eff, h_eff.where[TWO_J])
    h_eff.where[WIDE_LO], h_eff.where[WIDE_HI] = max(wide_lo, first), min(wide_hi, last)
