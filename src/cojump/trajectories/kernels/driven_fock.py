"""Blocks beside boson modes where terms change in time: the parts of H_eff, on the Fock states that are occupied.

H_eff(t) = Σ_p c_p(t) H_p, as for one block (:mod:`.driven_bands`), where each H_p has the form that :mod:`.fock_rows`
gives H_eff, in the same frame of the modes and the same rows. The window of a row only grows from order to order: sums
of rows of the series lie in that of the last one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from ..by_reference import by_reference
from .common import OPTIONS
from .driven_bands import Factors
from .driven_error import learned
from .fock_rows import ROWS, STRIDE, Floats, Integers, blank, gathered, keep_fock, overlap_of_fock, product_at
from .horizon import LEFT_OUT, power_of_two
from .lattice import copy_into
from .vectors import (
    LANES,
    fused,
    load,
    load_row,
    quiet_first,
    quiet_last,
    spread,
    spread_cell,
    store,
    total,
)


@by_reference
class DrivenFockHeff(NamedTuple):
    """What a no-jump step reads: P parts of H_eff, in R rows of Fock states.

    Attributes
    ----------
    has_jumps, shape, lower, upper
        As in :class:`.fock_rows.FockHeff`.
    level, pointer : (P, R, 4), (P, R, 5) int
        The same of each part; its elements begin in ``column`` at
    start : (P,) int
    column, value
        Elements of all parts.
    beside, near
        The rows that lead to a row by any of the parts.
    reach : (R, 4) int
        First and past-last cell of what the next row of the series reads in each row, and of what it has there.
    factors : Factors
    """

    has_jumps: bool
    shape: Integers
    lower: Floats
    upper: Floats
    level: Floats
    pointer: Integers
    start: Integers
    column: Integers
    value: Floats
    beside: Integers
    near: Integers
    reach: Integers
    factors: Factors


READ_FIRST, READ_LAST, FIRST, LAST = range(4)
"""Second index of ``reach``."""


@njit(**OPTIONS)
def _lead(h_eff, tight, cover, order):
    """Find which cells row ``order`` of the series has, and which ones it reads of the row before."""
    top, reach = h_eff.shape[STRIDE], h_eff.reach
    for r in range(h_eff.shape[ROWS]):
        first, last = top, np.int64(0)
        for k in range(h_eff.beside[r], h_eff.beside[r + 1]):
            c = h_eff.near[k]
            if tight[c, 1] > 0:
                first, last = min(first, tight[c, 0]), max(last, tight[c, 1])
        reach[r] = 0
        if last > 0:
            reach[r, READ_FIRST], reach[r, READ_LAST] = first // LANES * LANES, (last + LANES - 1) // LANES * LANES
            reach[r, FIRST] = max(first - 1, 0) // LANES * LANES
            reach[r, LAST] = min((last + LANES) // LANES * LANES, top)
        cover[r, order, 0], cover[r, order, 1] = reach[r, FIRST], reach[r, LAST]


@njit(**OPTIONS)
def _hull(reach, top):
    """From where to where any row reads or has cells, and a vector beside."""
    first, last = top, np.int64(0)
    for r in range(reach.shape[0]):
        if reach[r, LAST] > 0:
            first, last = min(first, reach[r, FIRST]), max(last, reach[r, LAST])
    return max(min(first, last) - LANES, 0), min(last + LANES, top)


@njit(**OPTIONS)
def _sum_back(rows_re, rows_im, order, h_eff, cover, coefficients, terms, to_re, to_im):
    """Write Σ_j c_j (row order - j), j < terms, wherever the next row reads it; its squared norm."""
    stride, square = h_eff.shape[STRIDE], spread(0.0)
    begin, end = _hull(h_eff.reach, stride)
    for r in range(h_eff.shape[ROWS]):
        for q in range(begin, end, LANES):
            p, a, b = r * stride + q, spread(0.0), spread(0.0)
            for j in range(terms):
                row = order - j
                if cover[r, row, 0] <= q and q < cover[r, row, 1]:
                    c = spread_cell(coefficients, j)
                    a = fused(c, load_row(rows_re, row, p, LANES), a)
                    b = fused(c, load_row(rows_im, row, p, LANES), b)
            store(to_re, p, LANES, a)
            store(to_im, p, LANES, b)
            square = fused(a, a, fused(b, b, square))
    return total(square)


@njit(**OPTIONS)
def _add_row(
    to_re, to_im, re, im, r, stride, reach, lower, upper, level, pointer, column, value, shift, half_shift, scale, adds
):  # fmt: skip
    """Add what is in row r of -i scale (H_p - shift + i half_shift) ψ, or write it there.

    Returns |H_p ... ψ|², and <ψ|(H_p ...)ψ> as real and imaginary part, of this row.
    """
    base, read_last = r * stride, reach[READ_LAST]
    start, middle, stop, counted, end = pointer[0], pointer[1], pointer[2], pointer[3], pointer[4]
    level_re, level_im = spread(level[0] - shift), spread(half_shift - level[1])
    quantum_re, quantum_im, factor, back, zero = (
        spread(level[2]), spread(-level[3]), spread(scale), spread(-scale), spread(0.0),
    )  # fmt: skip
    x, y, low_x, low_y, up_x, up_y = zero, zero, zero, zero, zero, zero
    last_x, last_y, made, along, across = zero, zero, zero, zero, zero
    if reach[FIRST] == reach[READ_FIRST]:
        x, y, low_x, low_y, up_x, up_y = gathered(re, im, reach[FIRST], stride, column, value, start, middle, stop)
    for q in range(reach[FIRST], reach[LAST], LANES):
        next_x, next_y, next_low_x, next_low_y, next_up_x, next_up_y = zero, zero, zero, zero, zero, zero
        if q + LANES < read_last:
            next_x, next_y, next_low_x, next_low_y, next_up_x, next_up_y = gathered(
                re, im, q + LANES, stride, column, value, start, middle, stop
            )
        h_re, h_im, a, b = product_at(
            re, im, base, q, stride, level_re, level_im, quantum_re, quantum_im, lower, upper, column, value, stop,
            counted, end, x, y, next_low_x, next_low_y, low_x, low_y, up_x, up_y, last_x, last_y,
        )  # fmt: skip
        made = fused(h_re, h_re, fused(h_im, h_im, made))
        along = fused(a, h_re, fused(b, h_im, along))
        across = fused(a, h_im, fused(-b, h_re, across))
        h_re, h_im = back * h_re, factor * h_im
        if adds:
            h_im, h_re = h_im + load(to_re, base + q, LANES), h_re + load(to_im, base + q, LANES)
        store(to_re, base + q, LANES, h_im)
        store(to_im, base + q, LANES, h_re)
        last_x, last_y = up_x, up_y
        x, y, low_x, low_y, up_x, up_y = next_x, next_y, next_low_x, next_low_y, next_up_x, next_up_y
    return total(made), total(along), total(across)


@njit(**OPTIONS)
def _noted(re, im, h_eff, tight, cover, order, least):
    """Find what of row ``order`` of the series weighs more than ``least`` in a cell, beside what did so before; |row|².

    Then which cells the next one has, and zeros where it reads beside those of this one.
    """
    stride, norms = h_eff.shape[STRIDE], spread(0.0)
    for r in range(h_eff.shape[ROWS]):
        base, lo, hi = r * stride, np.int64(0), np.int64(0)
        for q in range(cover[r, order, 0], cover[r, order, 1], LANES):
            a, b = load(re, base + q, LANES), load(im, base + q, LANES)
            weight = fused(a, a, b * b)
            norms = norms + weight
            quiet = quiet_first(weight, least)
            if quiet < LANES:
                if hi == 0:
                    lo = q + quiet
                hi = q + LANES - quiet_last(weight, least)
        if hi > 0:
            if tight[r, 1] > 0:
                lo = min(lo, tight[r, 0])
            tight[r, 0], tight[r, 1] = lo, max(hi, tight[r, 1])
    if order + 1 < cover.shape[1]:
        _lead(h_eff, tight, cover, order + 1)
        begin, end = _hull(h_eff.reach, stride)
        for r in range(h_eff.shape[ROWS]):
            base, first, last = r * stride, cover[r, order, 0], cover[r, order, 1]
            if last == 0:
                blank(re, im, base + begin, base + end)
            else:
                blank(re, im, base + begin, base + first)
                blank(re, im, base + last, base + end)
    return total(norms)


@njit(**OPTIONS)
def _row_of_parts(h_eff, work, order, lo, hi, unit, rate, tolerance):
    """As :func:`.driven_lattice_series._row_of_parts`."""
    factors, shape, reach, cover, tight = h_eff.factors, h_eff.shape, h_eff.reach, work.cover, work.tight[0]
    coefficients, energies, terms, lost = factors.coefficients, factors.energy, factors.back, 0.0
    rows_re, rows_im, stride = work.taylor_re, work.taylor_im, shape[STRIDE]
    least = (LEFT_OUT * tolerance) ** 2 / (hi - lo)
    if order == 0:
        keep_fock(rows_re, rows_im, shape, cover, work.tight, least)
        _lead(h_eff, tight, cover, np.int64(1))
    to_re, to_im = rows_re[order + 1], rows_im[order + 1]
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        alone, scale, size2 = order == 0 or terms[p] == 1, unit / (order + 1.0), work.norms[order] ** 2
        re, im = rows_re[order], rows_im[order]
        if alone:
            scale *= coefficients[p, 0]
        else:
            re, im = factors.sum_re, factors.sum_im
            size2 = _sum_back(rows_re, rows_im, order, h_eff, cover, coefficients[p], terms[p], re, im)
        column, value = h_eff.column[h_eff.start[p] :], h_eff.value[3 * h_eff.start[p] :]
        made2 = along = across = 0.0
        for r in range(shape[ROWS]):
            if reach[r, LAST] > 0:
                made, real, imag = _add_row(
                    to_re, to_im, re, im, r, stride, reach[r], h_eff.lower, h_eff.upper, h_eff.level[p, r],
                    h_eff.pointer[p, r], column, value, energies[p], 0.5 * rate if p == 0 else 0.0, scale, p > 0,
                )  # fmt: skip
                made2, along, across = made2 + made, along + real, across + imag
        lost += learned(factors, p, order, made2, along, across, size2)
    return _noted(to_re, to_im, h_eff, tight, cover, order + 1, least), lost


def begin_fock(h_eff, work, lo, hi, most, tolerance):
    """As :func:`.driven_lattice_series.begin_lattice`."""
    unit = power_of_two(most)
    copy_into(h_eff.factors.back, h_eff.factors.terms)
    _, lost = _row_of_parts(h_eff, work, np.int64(0), lo, hi, unit, 0.0, tolerance)
    return lost, unit, lo, hi


def row_of_fock(h_eff, work, order, lo, hi, unit, before, is_turned, energy, rate, tolerance, spare, late_spare):
    """As :func:`.driven_lattice_series.row_of_lattice`."""
    if order == 0:
        taken = 0.0 if is_turned else before
        least = (LEFT_OUT * tolerance) ** 2 / (hi - lo)
        norm2 = _turned(h_eff, work, unit / before, 0.5 * rate * taken, energy * taken, least)
    else:
        norm2, _ = _row_of_parts(h_eff, work, order, lo, hi, unit, rate, tolerance)
    return norm2, lo, hi


@njit(**OPTIONS)
def _turned(h_eff, work, scale, real, imag, least):
    rows_re, rows_im, cover, tight, stride = work.taylor_re, work.taylor_im, work.cover, work.tight, h_eff.shape[STRIDE]
    keep_fock(rows_re, rows_im, h_eff.shape, cover, tight, least)  # what rows made before have led to is forgotten
    to_re, to_im, factor, f, g = rows_re[1], rows_im[1], spread(scale), spread(scale * real), spread(scale * imag)
    for r in range(h_eff.shape[ROWS]):
        for q in range(cover[r, 1, 0], cover[r, 1, 1], LANES):
            p = r * stride + q
            x, y = factor * load(to_re, p, LANES), factor * load(to_im, p, LANES)
            a, b = load_row(rows_re, 0, p, LANES), load_row(rows_im, 0, p, LANES)
            store(to_re, p, LANES, fused(f, a, fused(-g, b, x)))
            store(to_im, p, LANES, fused(f, b, fused(g, a, y)))
    return _noted(to_re, to_im, h_eff, tight[0], cover, np.int64(1), least)


def overlap_of_rows(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap_of_fock(work.taylor_re, work.taylor_im, np.int64(2), work.shape, work.cover)
    return real
