"""The Taylor series of a state that is rows of patterns, summed span by span."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from ..by_reference import by_reference
from .common import OPTIONS
from .pattern_rows import ROWS, Floats, Integers
from .vectors import LANES, fused, load, load_row, spread, spread_cell, store, total


@by_reference
class PatternWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, of rows of patterns.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, new_re, new_im, norms
        As there. The first vector of each row of the series is zero.
    moves : (MAX_ORDER + 1,)
        By how much each row of the series counts more in a sum when that is moved to another time.
    extent, base, spans
        Those of the rows.
    parts : (R LANES,)
        Squared norms of rows, lane by lane.
    sweep : (1,)
        1 where the series was summed from the last row to the first the last time.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    new_re: Floats
    new_im: Floats
    norms: Floats
    moves: Floats
    extent: Integers
    base: Integers
    spans: Integers
    parts: Floats
    sweep: Integers


@njit(**OPTIONS)
def sum_patterns(taylor_re, taylor_im, extent, rows_base, spans, order, x, out_re, out_im, parts, sweep):
    """Write Σ_{k≤order} x^k row k, the state x units of time after the start, into ``out`` in the first span; |ψ|².

    Every other time the rows are taken from the last to the first: what the cache still has of them is used again.
    The squared norms are added up in the order of the rows.
    """
    factor, count = spread(x), extent[ROWS]
    sweep[0] = 1 - sweep[0]
    for n in range(count):
        r = count - 1 - n if sweep[0] == 1 else n
        base, top, square_re, square_im = rows_base[r], order, spread(0.0), spread(0.0)
        for q in range(spans[0, r, 0], spans[0, r, 1], LANES):
            p = base + q
            while top > 0 and not (spans[top, r, 0] <= q and q < spans[top, r, 1]):
                top -= 1
            while top < order and spans[top + 1, r, 0] <= q and q < spans[top + 1, r, 1]:
                top += 1
            a, b = load_row(taylor_re, top, p, LANES), load_row(taylor_im, top, p, LANES)
            for k in range(top - 1, -1, -1):
                a = fused(a, factor, load_row(taylor_re, k, p, LANES))
                b = fused(b, factor, load_row(taylor_im, k, p, LANES))
            store(out_re, p, LANES, a)
            store(out_im, p, LANES, b)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
        store(parts, r * LANES, LANES, square_re + square_im)
    square = spread(0.0)
    for r in range(count):
        square = square + load(parts, r * LANES, LANES)
    return total(square)


@njit(**OPTIONS)
def move_patterns(taylor_re, taylor_im, extent, rows_base, spans, moves, terms, out_re, out_im, parts, sweep):
    """Add Σ_{0<k≤terms} moves[k] row k to ``out``, |ψ|²; the other way through the rows than the last sum."""
    count = extent[ROWS]
    sweep[0] = 1 - sweep[0]
    for n in range(count):
        r = count - 1 - n if sweep[0] == 1 else n
        base, top, square_re, square_im = rows_base[r], terms, spread(0.0), spread(0.0)
        for q in range(spans[0, r, 0], spans[0, r, 1], LANES):
            p = base + q
            while top > 0 and not (spans[top, r, 0] <= q and q < spans[top, r, 1]):
                top -= 1
            while top < terms and spans[top + 1, r, 0] <= q and q < spans[top + 1, r, 1]:
                top += 1
            a, b = load(out_re, p, LANES), load(out_im, p, LANES)
            for k in range(1, top + 1):
                move = spread_cell(moves, k)
                a = fused(move, load_row(taylor_re, k, p, LANES), a)
                b = fused(move, load_row(taylor_im, k, p, LANES), b)
            store(out_re, p, LANES, a)
            store(out_im, p, LANES, b)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
        store(parts, r * LANES, LANES, square_re + square_im)
    square = spread(0.0)
    for r in range(count):
        square = square + load(parts, r * LANES, LANES)
    return total(square)


@njit(**OPTIONS)
def overlap_in(extent, rows_base, spans, u_re, u_im, v_re, v_im):
    """<u|v> as real and imaginary part, of what there is in the ``spans`` of all rows, (R, 2)."""
    ac = bd = ad = bc = spread(0.0)
    for r in range(extent[ROWS]):
        base = rows_base[r]
        for q in range(spans[r, 0], spans[r, 1], LANES):
            p = base + q
            a, b, c, d = load(u_re, p, LANES), load(u_im, p, LANES), load(v_re, p, LANES), load(v_im, p, LANES)
            ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(**OPTIONS)
def overlap_with_row(work, order):
    """<row 0|row order> of a series."""
    re, im = work.taylor_re, work.taylor_im
    return overlap_in(work.extent, work.base, work.spans[order], re[0], im[0], re[order], im[order])
