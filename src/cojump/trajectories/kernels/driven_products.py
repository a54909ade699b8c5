"""Products of the parts of an H_eff that changes in time with a state, or with a sum of rows of a series.

Where the bands of a part are among PAIRS, a sum of rows is made in registers while the part is applied to it, and the
part that does not change goes with it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .driven_bands import HAS_BANDS, HAS_ENERGY, HAS_RATE
from .polynomial_bands import BANDS, bands_times, pair_rows
from .vectors import (
    LANES,
    after,
    before,
    fused,
    load,
    load_row,
    spread,
    spread_cell,
    store,
    three_after,
    three_before,
    total,
    two_after,
    two_before,
)
from .window import clear_beside


@njit(inline="always", **OPTIONS)
def _real(values, low, high, p, below, above, a, b):
    """Add -i times what bands of real elements from below and from above make of a state to a + ib."""
    v, w = load(values, low + p, LANES), load(values, high + p, LANES)
    return (
        fused(v, below[1], fused(w, above[1], a)),
        fused(-v, below[0], fused(-w, above[0], b)),
    )


@njit(inline="always", **OPTIONS)
def _imaginary(values, low, high, p, below, above, a, b):
    """The same of imaginary elements."""
    v, w = load(values, low + p, LANES), load(values, high + p, LANES)
    return fused(v, below[0], fused(w, above[0], a)), fused(v, below[1], fused(w, above[1], b))


@njit(inline="always", **OPTIONS)
def _part_times(values, p, kind, first, stride, rows, last, here, following, shift, half_shift):
    """-i (H_p - shift + i half_shift) times a state at eight cells, by PAIRS; its table begins at ``first``.

    ``last``, ``here`` and ``following`` are the state at the cells before them, at them, and behind.
    """
    energy, gain = -shift, half_shift
    if kind & HAS_ENERGY:
        energy = energy + load(values, first + p, LANES)
    if kind & HAS_RATE:
        gain = gain - load(values, first + stride + p, LANES)
    a, b = fused(energy, here[1], gain * here[0]), fused(-energy, here[0], gain * here[1])
    if kind & 9:
        below = before(last[0], here[0]), before(last[1], here[1])
        above = after(here[0], following[0]), after(here[1], following[1])
        if kind & 1:
            a, b = _real(values, rows[0], rows[1], p, below, above, a, b)
        if kind & 8:
            a, b = _imaginary(values, rows[6], rows[7], p, below, above, a, b)
    if kind & 18:
        below = two_before(last[0], here[0]), two_before(last[1], here[1])
        above = two_after(here[0], following[0]), two_after(here[1], following[1])
        if kind & 2:
            a, b = _real(values, rows[2], rows[3], p, below, above, a, b)
        if kind & 16:
            a, b = _imaginary(values, rows[8], rows[9], p, below, above, a, b)
    if kind & 36:
        below = three_before(last[0], here[0]), three_before(last[1], here[1])
        above = three_after(here[0], following[0]), three_after(here[1], following[1])
        if kind & 4:
            a, b = _real(values, rows[4], rows[5], p, below, above, a, b)
        if kind & 32:
            a, b = _imaginary(values, rows[10], rows[11], p, below, above, a, b)
    return a, b


@njit(**OPTIONS)
def average_by_pairs(re, im, lo, hi, values, first, stride, kind, place):
    """<ψ|-iH_p|ψ> as real and imaginary part, and |H_p ψ|², of a part whose bands are all among PAIRS.

    On lo..hi, whole vectors; the table of the part begins at first + lo. The state is zero beside its window.
    """
    rows, zero = pair_rows(first, stride, place), spread(0.0)
    along = across = square = last_re = last_im = zero
    here_re, here_im = load(re, lo, LANES), load(im, lo, LANES)
    for p in range(lo, hi, LANES):
        next_re, next_im = load(re, p + LANES, LANES), load(im, p + LANES, LANES)
        around = (last_re, last_im), (here_re, here_im), (next_re, next_im)
        a, b = _part_times(values, p, kind, first, stride, rows, around[0], around[1], around[2], zero, zero)
        along = fused(here_re, a, fused(here_im, b, along))
        across = fused(here_re, b, fused(-here_im, a, across))
        square = fused(a, a, fused(b, b, square))
        last_re, last_im, here_re, here_im = here_re, here_im, next_re, next_im
    return total(along), total(across), total(square)


@njit(**OPTIONS)
def average_by_bands(re, im, lo, hi, values, first, stride, far, real, end):
    """As average_by_pairs of any bands."""
    along = across = square = spread(0.0)
    for p in range(lo, hi, LANES):
        at = first + p
        energy, gain = load(values, at, LANES), -load(values, at + stride, LANES)
        x, y = load(re, p, LANES), load(im, p, LANES)
        h_re, h_im = fused(energy, x, -(gain * y)), fused(energy, y, gain * x)
        h_re, h_im = bands_times(
            values, at + BANDS * stride, stride, far, np.int64(0), real, end, re, im, p, h_re, h_im
        )
        a, b = h_im, -h_re
        along = fused(x, a, fused(y, b, along))
        across = fused(x, b, fused(-y, a, across))
        square = fused(a, a, fused(b, b, square))
    return total(along), total(across), total(square)


@njit(inline="always", **OPTIONS)
def _one_back(rows_re, rows_im, k, p, c, a, b):
    """Add c times row k to a + ib."""
    return fused(c, load_row(rows_re, k, p, LANES), a), fused(c, load_row(rows_im, k, p, LANES), b)


@njit(inline="always", **OPTIONS)
def _first_of(coefficients):
    """The first coefficients of a sum of rows, which stay in registers."""
    return (
        spread_cell(coefficients, 0),
        spread_cell(coefficients, 1),
        spread_cell(coefficients, 2),
        spread_cell(coefficients, 3),
        spread_cell(coefficients, 4),
    )


@njit(inline="always", **OPTIONS)
def _sum_back(rows_re, rows_im, order, coefficients, c, terms, p):
    """Σ_j c_j (row order - j), j < terms, at eight cells; the first ones of them are in ``c``."""
    a, b = c[0] * load_row(rows_re, order, p, LANES), c[0] * load_row(rows_im, order, p, LANES)
    if terms > 1:
        a, b = _one_back(rows_re, rows_im, order - 1, p, c[1], a, b)
        if terms > 2:
            a, b = _one_back(rows_re, rows_im, order - 2, p, c[2], a, b)
            if terms > 3:
                a, b = _one_back(rows_re, rows_im, order - 3, p, c[3], a, b)
                if terms > 4:
                    a, b = _one_back(rows_re, rows_im, order - 4, p, c[4], a, b)
                    for j in range(5, terms):
                        a, b = _one_back(rows_re, rows_im, order - j, p, spread_cell(coefficients, j), a, b)
    return a, b


@njit(**OPTIONS)
def add_by_pairs(
    rows_re, rows_im, order, lo, hi, coefficients, terms, values, stride, first, kind, place, shift,
    begins, scale, steady, steady_kind, steady_place, steady_shift, half_shift,
):  # fmt: skip
    """Add -i(H_p - shift) Σ_j c_j (row order - j) to row order + 1, for a part whose bands are all among PAIRS.

    Where it ``begins`` the row, it writes there the sum with that of the part that does not change, scale (-i)(H_0 -
    steady_shift + i half_shift) (row order). On lo..hi, whole vectors; the tables of the parts begin at first + lo and
    steady + lo. All rows are zero beside the window.

    Returns
    -------
    squared norms of the sum of rows, of what the part makes of it, and of the row.
    """
    rows, steady_rows = pair_rows(first, stride, place), pair_rows(steady, stride, steady_place)
    zero, scales = spread(0.0), spread(scale)
    shifts, steady_shifts, half_shifts = spread(shift), spread(steady_shift), spread(half_shift)
    to_re, to_im = rows_re[order + 1], rows_im[order + 1]
    size = made = whole = zero
    last = zero, zero
    c = _first_of(coefficients)
    here = _sum_back(rows_re, rows_im, order, coefficients, c, terms, lo)
    for p in range(lo, hi, LANES):
        following = _sum_back(rows_re, rows_im, order, coefficients, c, terms, p + LANES)
        a, b = _part_times(values, p, kind, first, stride, rows, last, here, following, shifts, zero)
        size = fused(here[0], here[0], fused(here[1], here[1], size))
        made = fused(a, a, fused(b, b, made))
        last, here = here, following
        if begins:
            row = load_row(rows_re, order, p, LANES), load_row(rows_im, order, p, LANES)
            below = above = zero, zero
            if steady_kind & HAS_BANDS:
                below = load_row(rows_re, order, p - LANES, LANES), load_row(rows_im, order, p - LANES, LANES)
                above = load_row(rows_re, order, p + LANES, LANES), load_row(rows_im, order, p + LANES, LANES)
            x, y = _part_times(
                values, p, steady_kind, steady, stride, steady_rows, below, row, above, steady_shifts, half_shifts
            )
            a, b = fused(scales, x, a), fused(scales, y, b)
        else:
            a, b = a + load(to_re, p, LANES), b + load(to_im, p, LANES)
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)
        whole = fused(a, a, fused(b, b, whole))
    clear_beside(to_re, to_im, lo, hi, LANES)
    return total(size), total(made), total(whole)


@njit(**OPTIONS)
def begin_by_one(
    rows_re, rows_im, order, lo, hi, coefficients, terms, values, stride, first, kind, place, shift, scale,
    steady, steady_kind, steady_shift, half_shift,
):  # fmt: skip
    """As add_by_pairs where it begins a row, and both parts have a diagonal alone but for real elements 1 away."""
    low, high = first + place[0] * stride, first + place[1] * stride
    zero, scales = spread(0.0), spread(scale)
    shifts, steady_shifts, half_shifts = spread(-shift), spread(-scale * steady_shift), spread(scale * half_shift)
    to_re, to_im = rows_re[order + 1], rows_im[order + 1]
    size = made = whole = last_re = last_im = zero
    c = _first_of(coefficients)
    here_re, here_im = _sum_back(rows_re, rows_im, order, coefficients, c, terms, lo)
    for p in range(lo, hi, LANES):
        next_re, next_im = _sum_back(rows_re, rows_im, order, coefficients, c, terms, p + LANES)
        energy = shifts
        if kind & HAS_ENERGY:
            energy = energy + load(values, first + p, LANES)
        a, b = energy * here_im, -(energy * here_re)
        if kind & HAS_RATE:
            damping = load(values, first + stride + p, LANES)
            a, b = fused(-damping, here_re, a), fused(-damping, here_im, b)
        below, above = load(values, low + p, LANES), load(values, high + p, LANES)
        a = fused(below, before(last_im, here_im), fused(above, after(here_im, next_im), a))
        b = fused(-below, before(last_re, here_re), fused(-above, after(here_re, next_re), b))
        size = fused(here_re, here_re, fused(here_im, here_im, size))
        made = fused(a, a, fused(b, b, made))
        x, y = load_row(rows_re, order, p, LANES), load_row(rows_im, order, p, LANES)
        gain = half_shifts
        if steady_kind & HAS_RATE:
            gain = fused(-scales, load(values, steady + stride + p, LANES), gain)
        a, b = fused(gain, x, a), fused(gain, y, b)
        if steady_kind & HAS_ENERGY:
            energy = fused(scales, load(values, steady + p, LANES), steady_shifts)
            a, b = fused(energy, y, a), fused(-energy, x, b)
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)
        whole = fused(a, a, fused(b, b, whole))
        last_re, last_im, here_re, here_im = here_re, here_im, next_re, next_im
    clear_beside(to_re, to_im, lo, hi, LANES)
    return total(size), total(made), total(whole)


@njit(**OPTIONS)
def add_by_bands(
    rows_re, rows_im, order, lo, hi, coefficients, terms, values, stride, first, far, real, end, shift, half_shift,
    begins, beside, sum_re, sum_im,
):  # fmt: skip
    """The same of any bands, of H_p - shift + i half_shift; ``beside`` cells beside the window are zero, whole vectors.

    The sum of rows is made in a row of its own.
    """
    c = _first_of(coefficients)
    for p in range(lo, hi, LANES):
        a, b = _sum_back(rows_re, rows_im, order, coefficients, c, terms, p)
        store(sum_re, p, LANES, a)
        store(sum_im, p, LANES, b)
    clear_beside(sum_re, sum_im, lo, hi, beside)
    shifts, half_shifts = spread(shift), spread(half_shift)
    to_re, to_im = rows_re[order + 1], rows_im[order + 1]
    size = made = whole = spread(0.0)
    for p in range(lo, hi, LANES):
        at = first + p
        energy, gain = load(values, at, LANES) - shifts, half_shifts - load(values, at + stride, LANES)
        x, y = load(sum_re, p, LANES), load(sum_im, p, LANES)
        size = fused(x, x, fused(y, y, size))
        h_re, h_im = fused(energy, x, -(gain * y)), fused(energy, y, gain * x)
        h_re, h_im = bands_times(
            values, at + BANDS * stride, stride, far, np.int64(0), real, end, sum_re, sum_im, p, h_re, h_im
        )
        a, b = h_im, -h_re
        made = fused(a, a, fused(b, b, made))
        if not begins:
            a, b = a + load(to_re, p, LANES), b + load(to_im, p, LANES)
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)
        whole = fused(a, a, fused(b, b, whole))
    clear_beside(to_re, to_im, lo, hi, beside)
    return total(size), total(made), total(whole)
