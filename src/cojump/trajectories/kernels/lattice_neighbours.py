"""H_eff times a state of two blocks, where it leads to the next places on both axes and no further."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import FAR, FIRST_COLUMN, FIRST_ROW, LAST_COLUMN, LAST_ROW
from .vectors import LANES, after, before, fused, load, load_row, spread, spread_cell, store, total


@njit(inline="always", **OPTIONS)
def plain_hops(hops, count, far, none):
    """The hops that go ``far`` and back, or ``none`` for one that there is not; and whether there are no others.

    Two may go equally far: an axis of a single place has the stride of the next one.
    """
    up = down = none
    alone = True
    for h in range(count):
        if hops[FAR, h] == far and up == none:
            up = h
        elif hops[FAR, h] == -far and down == none:
            down = h
        else:
            alone = False
    return up, down, alone


@njit(**OPTIONS)
def apply_neighbours(
    to_re, to_im, re, im, lo, length, own, window, hop_re, hop_im, right, left, more_re, more_im,
    base_re, base_im, up, down, shift, half_shift, scale, columns,
):  # fmt: skip
    """Write -i scale (diagonal + real hops to the next places on two axes) in a window; |.|² of it.

    Eight columns at a time, so that of each row only the one above it is new: what stands beside eight cells is moved
    there within registers. Beside the ``own`` window there are zeros, whatever is written there. ``columns`` becomes
    |.|² of the columns.
    """
    zero, factor, back = spread(0.0), spread(scale), spread(-scale)
    first, last, low, high, stop = (
        window[FIRST_COLUMN], window[LAST_COLUMN], window[FIRST_ROW], window[LAST_ROW], own[LAST_ROW],
    )  # fmt: skip
    level, norms = hop_re.shape[0] - 1, zero
    for q in range(first, last, LANES):
        a, b = load_row(hop_re, right, q, LANES), load_row(hop_re, left, q, LANES)
        if q == own[FIRST_COLUMN]:
            a = before(zero, after(a, zero))
        if q + LANES == own[LAST_COLUMN]:
            b = after(before(zero, b), zero)
        level_re = load_row(hop_re, level, q, LANES) - spread(shift)
        level_im = load_row(hop_im, level, q, LANES) + spread(half_shift)
        cell = low * length + q
        p, beneath = lo + cell, LANES if low > own[FIRST_ROW] else 0
        below_re, below_im = load(re, p - length, beneath), load(im, p - length, beneath)
        here_re, here_im = load(re, p, LANES), load(im, p, LANES)
        square_re, square_im = zero, zero
        for row in range(low, high):
            over = LANES if row + 1 < stop else 0
            above_re, above_im = load(re, p + length, over), load(im, p + length, over)
            e_re = level_re + spread_cell(base_re, row) + load(more_re, cell, LANES)
            e_im = level_im + spread_cell(base_im, row) + load(more_im, cell, LANES)
            f, g = spread_cell(up, row), spread_cell(down, row)
            x, y = fused(e_re, here_re, -(e_im * here_im)), fused(e_re, here_im, e_im * here_re)
            x = fused(a, before(load(re, p - LANES, LANES), here_re), x)
            y = fused(a, before(load(im, p - LANES, LANES), here_im), y)
            x = fused(b, after(here_re, load(re, p + LANES, LANES)), x)
            y = fused(b, after(here_im, load(im, p + LANES, LANES)), y)
            x, y = fused(f, below_re, fused(g, above_re, x)), fused(f, below_im, fused(g, above_im, y))
            store(to_re, p, LANES, factor * y)
            store(to_im, p, LANES, back * x)
            square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
            below_re, below_im, here_re, here_im = here_re, here_im, above_re, above_im
            p, cell = p + length, cell + length
        square = factor * factor * (square_re + square_im)
        store(columns, q, LANES, square)
        norms = norms + square
    return total(norms)
