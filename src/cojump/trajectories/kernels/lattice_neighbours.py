"""H_eff times a state of two blocks, where it leads to the next places on both axes and no further."""

from __future__ import annotations

from numba import njit

from .common import INLINED, OPTIONS
from .lattice import (
    ABSENT,
    AXIS,
    BESIDE,
    FAR,
    FIRST_COLUMN,
    FIRST_ROW,
    HOPS,
    LAST_COLUMN,
    LAST_ROW,
    LEFT,
    LENGTH,
    LOUD,
    LOWER,
    OUTER,
    REACH,
    REAL_HOPS,
    REAL_OUTER,
    RIGHT,
    TOUCHED,
    UPPER,
    WIDEST,
    moves_any,
)
from .lattice_windows import ends_before, keep, lead, weigh_row, widen
from .nothing import in_turn
from .vectors import LANES, after, before, fused, load, load_row, spread, spread_cell, store, total


@njit(inline="always", **OPTIONS)
def _plain_hops(hops, count, far, none):
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
def find_neighbours(lattice, box, elements):
    """Say whether H_eff of a box in rows is what :func:`apply_columns` is for."""
    slots, hops, outers = elements.row, elements.hops, elements.outers
    axis, length, last = slots[AXIS], slots[LENGTH], box.n.size - 1
    apart = elements.mixed.shape[1] == 0 and axis == last and length % LANES == 0
    for pair in range(lattice.across_axes.shape[0]):
        apart &= not (lattice.across_axes[pair, 0] < axis <= lattice.across_axes[pair, 1]) or not (
            moves_any(lattice.across[pair])
        )
    slots[RIGHT], slots[LEFT], alone = _plain_hops(hops, slots[HOPS], 1, elements.hop.shape[1] - 2)
    slots[UPPER], slots[LOWER], alone_outside = _plain_hops(outers, slots[OUTER], length, elements.outer.shape[1] - 2)
    is_real = slots[REAL_HOPS] == slots[HOPS] and slots[REAL_OUTER] == slots[OUTER]
    slots[BESIDE] = 1 if apart and is_real and alone and alone_outside else 0


@njit(**INLINED)
def apply_columns(
    rows_re, rows_im, order, lo, unit, sizes, bands, box, hop, outer, opens, diagonal, weights, columns, slots, windows,
    kept, made, shift, half_shift, cut,
):  # fmt: skip
    """What :func:`.lattice_rows.apply_lattice` does, where hops lead to neighbours alone."""
    to_re, to_im, window, own = rows_re[order + 1], rows_im[order + 1], windows[order + 1], windows[order]
    length, base, axis = slots[LENGTH], outer.shape[1] - 1, slots[AXIS]
    count, then = box.size[0] // length, made[order + 1]
    lead(kept[order], count, length, slots[WIDEST], slots[REACH], window)
    low, high, first, last = window[FIRST_ROW], window[LAST_ROW], window[FIRST_COLUMN], window[LAST_COLUMN]
    if low < own[FIRST_ROW] or high > own[LAST_ROW] or first < own[FIRST_COLUMN] or last > own[LAST_COLUMN]:
        widen(windows, made, order, rows_re, rows_im, lo, length)
    then[:count] = ABSENT
    then[low:high] = LOUD
    norm2 = _apply_neighbours(
        to_re, to_im, rows_re[order], rows_im[order], lo, length, own, window, hop[0], hop[1], slots[RIGHT],
        slots[LEFT], diagonal[0], diagonal[1], outer[0, base], outer[1, base], outer[0, slots[UPPER]],
        outer[0, slots[LOWER]], shift, half_shift, unit * (1.0 / (order + 1.0)), columns,
    )  # fmt: skip
    at_edges = 0.0
    for row in range(low, high):
        if opens[base, row] > 0:
            at_edges += weigh_row(to_re, to_im, lo + row * length + first, last - first)
    below, above = ends_before(axis, box.two_J, box.lo, box.n, sizes)
    few = min(bands[axis], length)
    at_edges += keep(
        to_re, to_im, lo, length, window, kept[order + 1], weights, then, columns, True, cut, few if below else 0,
        few if above else 0,
    )  # fmt: skip
    if at_edges > cut:
        slots[TOUCHED] = 1
    return norm2


@njit(**OPTIONS)
def _apply_neighbours(
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
    # what hops make imaginary, and real, of
    one, other = in_turn(re, im)
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
        below_x, below_y = load(one, p - length, beneath), load(other, p - length, beneath)
        here_x, here_y = load(one, p, LANES), load(other, p, LANES)
        square_re, square_im = zero, zero
        for row in range(low, high):
            over = LANES if row + 1 < stop else 0
            above_x, above_y = load(one, p + length, over), load(other, p + length, over)
            here_re, here_im = in_turn(here_x, here_y)
            e_re = level_re + spread_cell(base_re, row) + load(more_re, cell, LANES)
            e_im = level_im + spread_cell(base_im, row) + load(more_im, cell, LANES)
            f, g = spread_cell(up, row), spread_cell(down, row)
            x, y = fused(e_re, here_x, -(e_im * here_im)), fused(e_re, here_im, e_im * here_re)
            x = fused(a, before(load(one, p - LANES, LANES), here_x), x)
            y = fused(a, before(load(other, p - LANES, LANES), here_y), y)
            x = fused(b, after(here_x, load(one, p + LANES, LANES)), x)
            y = fused(b, after(here_y, load(other, p + LANES, LANES)), y)
            x, y = fused(f, below_x, fused(g, above_x, x)), fused(f, below_y, fused(g, above_y, y))
            store(to_re, p, LANES, factor * y)
            store(to_im, p, LANES, back * x)
            square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
            below_x, below_y, here_x, here_y = here_x, here_y, above_x, above_y
            p, cell = p + length, cell + length
        square = factor * factor * (square_re + square_im)
        store(columns, q, LANES, square)
        norms = norms + square
    return total(norms)
