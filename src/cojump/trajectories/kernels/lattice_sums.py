"""Sums of the Taylor vectors of a state of several blocks, in their windows."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import ABSENT, EDGE, FIRST_COLUMN, FIRST_ROW, LAST_COLUMN, LAST_ROW
from .lattice_windows import blank
from .vectors import LANES, fused, load, load_row, spread, spread_cell, store, total


@njit(**OPTIONS)
def change_unit_of_rows(rows_re, rows_im, norms, order, lo, length, windows, made, factor):
    """Write the rows up to ``order`` in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor
        norms[k] *= scale
        re, im, scales = rows_re[k], rows_im[k], spread(scale)
        for row in range(windows[k, FIRST_ROW], windows[k, LAST_ROW]):
            if made[k, row] == ABSENT:
                continue
            start = lo + row * length
            for p in range(start + windows[k, FIRST_COLUMN], start + windows[k, LAST_COLUMN], LANES):
                n = start + windows[k, LAST_COLUMN] - p
                store(re, p, n, scales * load(re, p, n))
                store(im, p, n, scales * load(im, p, n))


@njit(**OPTIONS)
def overlap_of_rows(rows_re, rows_im, order, lo, length, windows, made):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    for row in range(windows[order, FIRST_ROW], windows[order, LAST_ROW]):
        if made[order, row] == ABSENT:
            continue
        first, last = lo + row * length + windows[order, FIRST_COLUMN], lo + row * length + windows[order, LAST_COLUMN]
        for p in range(first, last, LANES):
            n = last - p
            a, b = load_row(rows_re, 0, p, n), load_row(rows_im, 0, p, n)
            c, d = load_row(rows_re, order, p, n), load_row(rows_im, order, p, n)
            ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(inline="always", **OPTIONS)
def _sum_cells(taylor_re, taylor_im, order, p, n, factor, out_re, out_im):
    """Sum the series for n cells from p on, at most LANES; real and imaginary part."""
    a, b = load_row(taylor_re, order, p, n), load_row(taylor_im, order, p, n)
    for k in range(order - 1, -1, -1):
        a = fused(a, factor, load_row(taylor_re, k, p, n))
        b = fused(b, factor, load_row(taylor_im, k, p, n))
    store(out_re, p, n, a)
    store(out_im, p, n, b)
    return a, b


@njit(inline="always", **OPTIONS)
def _sum_four(taylor_re, taylor_im, order, p, factor, out_re, out_im, square_re, square_im):
    """The same for four vectors, none of which waits for another; |.|² of them is added to the squares."""
    q, r, s = p + LANES, p + 2 * LANES, p + 3 * LANES
    a, b = load_row(taylor_re, order, p, LANES), load_row(taylor_im, order, p, LANES)
    c, d = load_row(taylor_re, order, q, LANES), load_row(taylor_im, order, q, LANES)
    e, f = load_row(taylor_re, order, r, LANES), load_row(taylor_im, order, r, LANES)
    g, h = load_row(taylor_re, order, s, LANES), load_row(taylor_im, order, s, LANES)
    for k in range(order - 1, -1, -1):
        a, b = fused(a, factor, load_row(taylor_re, k, p, LANES)), fused(b, factor, load_row(taylor_im, k, p, LANES))
        c, d = fused(c, factor, load_row(taylor_re, k, q, LANES)), fused(d, factor, load_row(taylor_im, k, q, LANES))
        e, f = fused(e, factor, load_row(taylor_re, k, r, LANES)), fused(f, factor, load_row(taylor_im, k, r, LANES))
        g, h = fused(g, factor, load_row(taylor_re, k, s, LANES)), fused(h, factor, load_row(taylor_im, k, s, LANES))
    store(out_re, p, LANES, a)
    store(out_im, p, LANES, b)
    store(out_re, q, LANES, c)
    store(out_im, q, LANES, d)
    store(out_re, r, LANES, e)
    store(out_im, r, LANES, f)
    store(out_re, s, LANES, g)
    store(out_im, s, LANES, h)
    square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    square_re, square_im = fused(c, c, square_re), fused(d, d, square_im)
    square_re, square_im = fused(e, e, square_re), fused(f, f, square_im)
    return fused(g, g, square_re), fused(h, h, square_im)


@njit(**OPTIONS)
def sum_rows(taylor_re, taylor_im, windows, made, shape, order, x, out_re, out_im):
    """The state at x units of time after the start of the step, in ``out`` in its window; returns |ψ|²."""
    factor, square_re, square_im = spread(x), spread(0.0), spread(0.0)
    last = windows[0, LAST_COLUMN]
    for row in range(windows[0, FIRST_ROW], windows[0, LAST_ROW]):
        start, highest = EDGE + row * shape[1], order
        while highest > 0 and made[highest, row] == ABSENT:
            highest -= 1
        q = windows[0, FIRST_COLUMN]
        while q < last:
            top = highest
            while not windows[top, FIRST_COLUMN] <= q < windows[top, LAST_COLUMN]:
                top -= 1
            stop = windows[top, LAST_COLUMN]  # of the columns that Taylor vectors up to the same order have
            if top < highest and q < windows[top + 1, FIRST_COLUMN]:
                stop = windows[top + 1, FIRST_COLUMN]
            while stop - q >= 4 * LANES:
                square_re, square_im = _sum_four(
                    taylor_re, taylor_im, top, start + q, factor, out_re, out_im, square_re, square_im
                )
                q += 4 * LANES
            while stop - q >= LANES:
                a, b = _sum_cells(taylor_re, taylor_im, top, start + q, LANES, factor, out_re, out_im)
                square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
                q += LANES
            if q < stop:
                a, b = _sum_cells(taylor_re, taylor_im, top, start + q, stop - q, factor, out_re, out_im)
                square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
                q = stop
    return total(square_re + square_im)


@njit(inline="always", **OPTIONS)
def _move_cells(taylor_re, taylor_im, moves, terms, p, n, out_re, out_im):
    """Add moves[k] row k to n cells of ``out`` from p on, at most LANES; real and imaginary part."""
    a, b = load(out_re, p, n), load(out_im, p, n)
    for k in range(1, terms + 1):
        move = spread_cell(moves, k)
        a, b = fused(move, load_row(taylor_re, k, p, n), a), fused(move, load_row(taylor_im, k, p, n), b)
    store(out_re, p, n, a)
    store(out_im, p, n, b)
    return a, b


@njit(**OPTIONS)
def move_rows(taylor_re, taylor_im, windows, made, shape, moves, terms, out_re, out_im):
    """Add Σ_{0<k≤terms} moves[k] row k to ``out`` in its window; |ψ|².

    From the last row to the first: what a sum has just gone through is still in the cache there.
    """
    square_re, square_im, last = spread(0.0), spread(0.0), windows[0, LAST_COLUMN]
    for row in range(windows[0, LAST_ROW] - 1, windows[0, FIRST_ROW] - 1, -1):
        start, highest = EDGE + row * shape[1], terms
        while highest > 0 and made[highest, row] == ABSENT:
            highest -= 1
        q = windows[0, FIRST_COLUMN]
        while q < last:
            top = highest
            while top > 0 and not windows[top, FIRST_COLUMN] <= q < windows[top, LAST_COLUMN]:
                top -= 1
            stop = windows[top, LAST_COLUMN]  # of the columns that Taylor vectors up to the same one have
            if top < highest and q < windows[top + 1, FIRST_COLUMN]:
                stop = windows[top + 1, FIRST_COLUMN]
            while stop - q >= LANES:
                a, b = _move_cells(taylor_re, taylor_im, moves, top, start + q, LANES, out_re, out_im)
                square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
                q += LANES
            if q < stop:
                a, b = _move_cells(taylor_re, taylor_im, moves, top, start + q, stop - q, out_re, out_im)
                square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
                q = stop
    return total(square_re + square_im)


@njit(**OPTIONS)
def clear_beside(window, shape, out_re, out_im):
    """Zero ``out`` where the state is zero."""
    for row in range(shape[0]):
        start = EDGE + row * shape[1]
        if window[FIRST_ROW] <= row < window[LAST_ROW]:
            blank(out_re, out_im, start, start + window[FIRST_COLUMN])
            blank(out_re, out_im, start + window[LAST_COLUMN], start + shape[1])
        else:
            blank(out_re, out_im, start, start + shape[1])
