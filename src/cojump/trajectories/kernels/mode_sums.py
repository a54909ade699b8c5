"""The Taylor series of a state in columns of Fock states, summed column by column: see :mod:`.mode_columns`."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .mode_columns import COLUMNS, PLANES, ROWS, blank_around, blank_rows_of, union
from .vectors import LANES, fused, load, load_row, spread, store, total


@njit(**OPTIONS)
def overlap_of_columns(rows_re, rows_im, order, work):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    first, own, columns = work.cover[0], work.cover[order], work.columns
    for q in range(work.shape[PLANES]):
        begin, end = max(columns[0, q, 0], columns[order, q, 0]), min(columns[0, q, 1], columns[order, q, 1])
        for k in range(begin, end):
            base = LANES * k * work.shape[ROWS]
            for n in range(max(first[k, 0], own[k, 0]), min(first[k, 1], own[k, 1])):
                p = base + LANES * n
                a, b = load_row(rows_re, 0, p, LANES), load_row(rows_im, 0, p, LANES)
                c, d = load_row(rows_re, order, p, LANES), load_row(rows_im, order, p, LANES)
                ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(**OPTIONS)
def change_unit_of_columns(rows_re, rows_im, norms, order, work, factor):
    """Write the rows up to ``order`` in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for row in range(1, order + 1):
        scale *= factor
        norms[row] *= scale
        re, im, scales = rows_re[row], rows_im[row], spread(scale)
        for q in range(work.shape[PLANES]):
            for k in range(work.columns[row, q, 0], work.columns[row, q, 1]):
                base = LANES * k * work.shape[ROWS]
                for n in range(work.cover[row, k, 0], work.cover[row, k, 1]):
                    p = base + LANES * n
                    store(re, p, LANES, scales * load(re, p, LANES))
                    store(im, p, LANES, scales * load(im, p, LANES))


@njit(inline="always", **OPTIONS)
def add_row(rows_re, rows_im, row, factor, lo, hi, base, to_re, to_im, to):
    """Add a factor times rows lo to hi of a column of a vector of the series, ``to`` cells behind where they are."""
    f = spread(factor)
    for p in range(base + LANES * lo, base + LANES * hi, LANES):
        store(to_re, to + p, LANES, fused(f, load_row(rows_re, row, p, LANES), load(to_re, to + p, LANES)))
        store(to_im, to + p, LANES, fused(f, load_row(rows_im, row, p, LANES), load(to_im, to + p, LANES)))


@njit(inline="always", **OPTIONS)
def add_two_rows(rows_re, rows_im, one, f, lo, hi, other, g, low, high, base, to_re, to_im, to):
    """The same of two vectors, rows lo to hi of one and low to high of the other: what both have at once, so that the
    sum is read and written half as often.
    """
    first, last = max(lo, low), min(hi, high)
    if not first < last:
        first = last = hi
    add_row(rows_re, rows_im, one, f, lo, first, base, to_re, to_im, to)
    add_row(rows_re, rows_im, one, f, last, hi, base, to_re, to_im, to)
    if first == last:
        add_row(rows_re, rows_im, other, g, low, high, base, to_re, to_im, to)
        return
    add_row(rows_re, rows_im, other, g, low, first, base, to_re, to_im, to)
    add_row(rows_re, rows_im, other, g, last, high, base, to_re, to_im, to)
    f_one, f_other = spread(f), spread(g)
    for p in range(base + LANES * first, base + LANES * last, LANES):
        a, b = load_row(rows_re, one, p, LANES), load_row(rows_im, one, p, LANES)
        c, d = load_row(rows_re, other, p, LANES), load_row(rows_im, other, p, LANES)
        store(to_re, to + p, LANES, fused(f_other, c, fused(f_one, a, load(to_re, to + p, LANES))))
        store(to_im, to + p, LANES, fused(f_other, d, fused(f_one, b, load(to_im, to + p, LANES))))


@njit(**OPTIONS)
def sum_columns_of_mode(taylor_re, taylor_im, shape, cover, columns, span, order, x, out_re, out_im):
    """Write Σ_{k≤order} x^k row k, the state x units of time after the start, into ``out``; |ψ|²."""
    square_re, square_im, rows = spread(0.0), spread(0.0), shape[ROWS]
    span[:] = 0
    for q in range(shape[PLANES]):
        begin, end = shape[COLUMNS] + 2, np.int64(0)
        for row in range(order + 1):
            begin, end = union(begin, end, columns[row, q])
        for k in range(begin, end):
            lo, hi = rows, np.int64(0)
            for row in range(order + 1):
                if columns[row, q, 0] <= k < columns[row, q, 1]:
                    lo, hi = union(lo, hi, cover[row, k])
            span[k, 0], span[k, 1] = min(lo, hi), hi
            base, power, one, f = LANES * k * rows, 1.0, -1, 0.0
            blank_rows_of(out_re, out_im, base, span[k, 0], hi)
            for row in range(order + 1):
                if columns[row, q, 0] <= k < columns[row, q, 1]:
                    if one < 0:
                        one, f = row, power
                    else:
                        add_two_rows(
                            taylor_re, taylor_im, one, f, cover[one, k, 0], cover[one, k, 1], row, power,
                            cover[row, k, 0], cover[row, k, 1], base, out_re, out_im, 0,
                        )  # fmt: skip
                        one = -1
                power *= x
            if one >= 0:
                add_row(taylor_re, taylor_im, one, f, cover[one, k, 0], cover[one, k, 1], base, out_re, out_im, 0)
            for p in range(base + LANES * span[k, 0], base + LANES * hi, LANES):
                a, b = load(out_re, p, LANES), load(out_im, p, LANES)
                square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    blank_around(out_re, out_im, span, rows, shape[COLUMNS])
    return total(square_re + square_im)
