"""Sums of the Taylor vectors of a state of several blocks, in their windows."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import ABSENT, EDGE, FIRST_COLUMN, FIRST_ROW, LAST_COLUMN, LAST_ROW
from .lattice_windows import blank
from .vectors import LANES, fused, load, load_row, spread, store, total


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


@njit(**OPTIONS)
def sum_rows(taylor_re, taylor_im, windows, made, shape, order, x, out_re, out_im):
    """The state at x units of time after the start of the step, in ``out`` in its window; returns |ψ|²."""
    factor, square_re, square_im = spread(x), spread(0.0), spread(0.0)
    last = windows[0, LAST_COLUMN]
    for row in range(windows[0, FIRST_ROW], windows[0, LAST_ROW]):
        start, highest = EDGE + row * shape[1], order
        while highest > 0 and made[highest, row] == ABSENT:
            highest -= 1
        for q in range(windows[0, FIRST_COLUMN], last, LANES):
            top = highest
            while not windows[top, FIRST_COLUMN] <= q < windows[top, LAST_COLUMN]:
                top -= 1
            if last - q >= LANES:
                a, b = _sum_cells(taylor_re, taylor_im, top, start + q, LANES, factor, out_re, out_im)
            else:
                a, b = _sum_cells(taylor_re, taylor_im, top, start + q, last - q, factor, out_re, out_im)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
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
