"""Rows of the series of one block of two levels whose terms change in time, for :mod:`.driven_series`.

They lie in one window of whole vectors that is wider than the state, as far as rows lead; what is beside it is zero.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import MAX_ORDER, OPTIONS
from .driven_bands import HAS_BANDS
from .driven_error import is_of_rows
from .driven_products import add_by_bands, add_by_pairs, average_by_bands, average_by_pairs, begin_by_one
from .horizon import LEFT_OUT, ROUNDING
from .polynomial_bands import (
    CUT,
    HI,
    LO,
    MORE,
    TWO_J,
    WIDE_HI,
    WIDE_LO,
    sector_ends,
    weight_at_ends,
    whole_window,
    within_tables,
)
from .propagate import overlap
from .window import blank_rows


def begin_bands(h_eff, work, lo, hi, most, tolerance):
    """Energies and spreads of the parts; what is lost, the unit of row 1, which is not there, and the window."""
    where, tables, parts, factors = h_eff.where, h_eff.tables, h_eff.parts, h_eff.factors
    sector, lead = where[TWO_J], tables.reach[-1]
    first, last = sector_ends(h_eff, sector)
    values, stride, start = tables.values, tables.cells[sector], tables.start[sector] - tables.first[sector]
    rows_re, rows_im = work.taylor_re, work.taylor_im
    wide_lo, wide_hi = whole_window(lo, hi, lead, first, last)
    none = np.int64(0)
    blank_rows(rows_re, rows_im, none, none, lo, hi, wide_lo - h_eff.width, wide_hi + h_eff.width)
    where[MORE], lost = lead, 0.0
    for p in range(parts.row.size):
        if factors.terms[p] == 0:
            continue
        begin = start + parts.row[p] * stride
        if parts.pairs[p] >= 0:
            along, across, square = average_by_pairs(
                rows_re[0], rows_im[0], wide_lo, wide_hi, values, begin, stride, parts.pairs[p], parts.place[p]
            )
        else:
            along, across, square = average_by_bands(
                rows_re[0], rows_im[0], wide_lo, wide_hi, values, begin, stride, parts.shift[p], parts.real[p],
                parts.end[p],
            )  # fmt: skip
        factors.energy[p] = -across
        # a difference of squares, which knows no less than their rounding
        factors.spread[p] = np.sqrt(max(square - across * across, ROUNDING * square))
        lost -= 2.0 * factors.coefficients[p, 0] * along
    return lost, 1.0, wide_lo, wide_hi


@njit(inline="always", **OPTIONS)
def _with_steady(terms, pairs):
    """The first part that changes, if the one that does not goes with it; else 0."""
    for p in range(1, terms.size):
        if terms[p] > 0:
            return np.int64(p) if pairs[0] >= 0 and pairs[p] >= 0 else np.int64(0)
    return np.int64(0)


def row_of_bands(
    h_eff, work, order, wide_lo, wide_hi, unit, before, is_turned, energy, rate, tolerance, spare, late_spare
):
    """Make row order + 1, of which each part acts on a sum of ``back`` rows; its squared norm, and its window."""
    where, tables, parts, factors = h_eff.where, h_eff.tables, h_eff.parts, h_eff.factors
    sector, beside, lead = where[TWO_J], h_eff.width, tables.reach[-1]
    values, stride, start = tables.values, tables.cells[sector], tables.start[sector] - tables.first[sector]
    rows_re, rows_im, weights, none = work.taylor_re, work.taylor_im, factors.weights, np.int64(0)
    terms, energies, spreads, back = factors.terms, factors.energy, factors.spread, factors.back
    if order > 0 and where[CUT] == 0:
        first, last = sector_ends(h_eff, sector)
        least = LEFT_OUT * tolerance
        if weight_at_ends(rows_re[order], rows_im[order], wide_lo, wide_hi, lead, first, last) > least * least:
            where[MORE] *= 2
            room, at_most = where[MORE], MAX_ORDER * lead  # no series leads farther, and tables need not be wider
            more_lo, more_hi = max(wide_lo - room, where[LO] - at_most), min(wide_hi + room, where[HI] + at_most)
            more_lo, more_hi = whole_window(more_lo, more_hi, 0, first, last)
            if within_tables(h_eff, more_lo, more_hi):
                blank_rows(rows_re, rows_im, none, order, wide_lo, wide_hi, more_lo - beside, more_hi + beside)
                wide_lo, wide_hi = more_lo, more_hi
            else:
                where[CUT] = 1
    next_part = _with_steady(terms, parts.pairs)
    by_one = next_part > 0 and parts.pairs[next_part] & HAS_BANDS == 1 and parts.pairs[0] & HAS_BANDS == 0
    scale, norm2, begins = unit / (order + 1.0), 0.0, True
    for p in range(terms.size):
        if terms[p] == 0 or (p == 0 and next_part > 0):
            continue
        n = back[p]
        for j in range(n):
            weights[j] = scale * factors.coefficients[p, j]
        begin, half_shift = start + parts.row[p] * stride, 0.5 * rate if p == 0 else 0.0
        if next_part == p and by_one:
            size2, made2, norm2 = begin_by_one(
                rows_re, rows_im, order, wide_lo, wide_hi, weights, n, values, stride, begin, parts.pairs[p],
                parts.place[p], energies[p], scale, start + parts.row[0] * stride, parts.pairs[0], energies[0],
                0.5 * rate,
            )  # fmt: skip
        elif parts.pairs[p] >= 0:
            kind, energy_shift = parts.pairs[p], energies[p]
            if p == 0:  # alone: beside nothing that changes
                kind, energy_shift, weights[0] = none, 0.0, 0.0
            size2, made2, norm2 = add_by_pairs(
                rows_re, rows_im, order, wide_lo, wide_hi, weights, n, values, stride, begin, kind, parts.place[p],
                energy_shift, begins, scale, start + parts.row[0] * stride, parts.pairs[0], parts.place[0],
                energies[0], 0.5 * rate,
            )  # fmt: skip
        else:
            size2, made2, norm2 = add_by_bands(
                rows_re, rows_im, order, wide_lo, wide_hi, weights, n, values, stride, begin, parts.shift[p],
                parts.real[p], parts.end[p], energies[p], half_shift, begins, beside, factors.sum_re,
                factors.sum_im,
            )  # fmt: skip
        begins = False
        if size2 > 0.0:
            spreads[p] = max(spreads[p], np.sqrt(made2 / size2))
            factors.known[p] |= is_of_rows(weights[order] if n > order else 0.0, size2)
    return norm2, wide_lo, wide_hi


def overlap_of_bands(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap(work.taylor_re, work.taylor_im, np.int64(2), h_eff.where[LO], h_eff.where[HI])
    return real


def seen_of_bands(h_eff, lo, hi):
    """The window as far as the sector goes."""
    where = h_eff.where
    first, last = sector_ends(h_eff, where[TWO_J])
    where[WIDE_LO], where[WIDE_HI] = max(lo, first), min(hi, last)
    return where[WIDE_LO], where[WIDE_HI]
