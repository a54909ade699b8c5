"""Rows of the series of two blocks whose terms change in time, where hops lead to neighbours alone.

What each part makes of a row is kept, w_pk = -i (H_p - <H_p>) v_k, and row k + 1 is made of these, as
τ/(k+1) Σ_p Σ_j c_pj w_p,k-j. The sum is made in registers while w_pk is, and the part that does not change goes with it
where it is diagonal.
"""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import (
    BESIDE,
    FIRST_COLUMN,
    FIRST_ROW,
    LAST_COLUMN,
    LAST_ROW,
    REACH,
    WIDEST,
    copy_into,
)
from .lattice_windows import blank_between, ends_before, keep, lead, weigh_row, widen
from .vectors import LANES, after, before, fused, load, load_row, spread, spread_cell, store, total

HOPS, ENERGY, RATE = 1, 2, 4
"""Bits of what a part has: elements beside its diagonal; a real part of that, and an imaginary one."""

REGISTERS = 5
"""Coefficients of a sum of rows that stay in registers."""


@njit(inline="always", **OPTIONS)
def join(wide, window):
    """Widen a window by another one."""
    wide[FIRST_ROW], wide[LAST_ROW] = min(wide[FIRST_ROW], window[FIRST_ROW]), max(wide[LAST_ROW], window[LAST_ROW])
    wide[FIRST_COLUMN] = min(wide[FIRST_COLUMN], window[FIRST_COLUMN])
    wide[LAST_COLUMN] = max(wide[LAST_COLUMN], window[LAST_COLUMN])


@njit(inline="always", **OPTIONS)
def lies_beyond(window, own):
    """Whether a window is not within another one."""
    return (
        window[FIRST_ROW] < own[FIRST_ROW]
        or window[LAST_ROW] > own[LAST_ROW]
        or window[FIRST_COLUMN] < own[FIRST_COLUMN]
        or window[LAST_COLUMN] > own[LAST_COLUMN]
    )


@njit(**OPTIONS)
def are_columns(slots, rows):
    """Whether all parts lead to neighbours alone, and there is room for what they make of each of the ``rows``."""
    if rows.shape[1] <= 2:
        return False
    for p in range(slots.shape[0]):  # noqa: SIM110 - numba has no all() of this
        if slots[p, BESIDE] == 0:
            return False
    return True


@njit(**OPTIONS)
def _widen_products(windows, order, terms, rows_re, rows_im, lo, length):
    """Let what parts have made of the rows before ``order`` have what the window of order + 1 has, with zeros there."""
    for k in range(order):
        for p in range(terms.size):
            if terms[p] > 0:
                blank_between(windows[k + 1], windows[order + 1], rows_re[p, k], rows_im[p, k], lo, length)


@njit(**OPTIONS)
def lead_on(windows, kept, made, order, back, terms, count, slots, lo, length, rows_re, rows_im, of_re, of_im, wide):
    """Write the window of row order + 1: where hops lead to from ``back`` rows; with zeros where rows have no more."""
    copy_into(wide, kept[order])
    for k in range(max(order - back + 1, 0), order):
        join(wide, kept[k])
    lead(wide, count, length, slots[WIDEST], slots[REACH], windows[order + 1])
    if lies_beyond(windows[order + 1], windows[order]):
        _widen_products(windows, order, terms, of_re, of_im, lo, length)
        widen(windows, made, order, rows_re, rows_im, lo, length)


@njit(inline="always", **OPTIONS)
def _beside(hop_re, right, left, q, own):
    """Elements of the hops along a row to eight columns; none from beyond the window that a row has."""
    zero = spread(0.0)
    a, b = load_row(hop_re, right, q, LANES), load_row(hop_re, left, q, LANES)
    if q == own[FIRST_COLUMN]:
        a = before(zero, after(a, zero))
    if q + LANES == own[LAST_COLUMN]:
        b = after(before(zero, b), zero)
    return a, b


@njit(inline="always", **OPTIONS)
def _times_hops(re, im, p, a, b, f, g, below, here, above, x, y):
    """Add what hops from the neighbours on both axes make of a state to x + iy."""
    x = fused(a, before(load(re, p - LANES, LANES), here[0]), x)
    y = fused(a, before(load(im, p - LANES, LANES), here[1]), y)
    x = fused(b, after(here[0], load(re, p + LANES, LANES)), x)
    y = fused(b, after(here[1], load(im, p + LANES, LANES)), y)
    return fused(f, below[0], fused(g, above[0], x)), fused(f, below[1], fused(g, above[1], y))


@njit(inline="always", **OPTIONS)
def _times_level(kind, level_re, level_im, base_re, base_im, row, more_re, more_im, cell, here):
    """The diagonal times a state, where it has more than the levels given."""
    e, g = level_re, level_im
    if kind & ENERGY:
        e = e + spread_cell(base_re, row) + load(more_re, cell, LANES)
    if kind & RATE:
        g = g + spread_cell(base_im, row) + load(more_im, cell, LANES)
    return fused(e, here[0], -(g * here[1])), fused(e, here[1], g * here[0])


@njit(**OPTIONS)
def begin_columns(
    made_re, made_im, re, im, lo, length, own, window, kind, hop_re, hop_im, right, left, more_re, more_im,
    base_re, base_im, up, down,
):  # fmt: skip
    """Write -i H_p times the state; <ψ|-iH_p|ψ> as real and imaginary part, and |H_p ψ|². See :func:`add_columns`."""
    zero, level = spread(0.0), hop_re.shape[0] - 1
    along = across = square = zero
    low, high, stop = window[FIRST_ROW], window[LAST_ROW], own[LAST_ROW]
    for q in range(window[FIRST_COLUMN], window[LAST_COLUMN], LANES):
        a, b = _beside(hop_re, right, left, q, own)
        level_re, level_im = load_row(hop_re, level, q, LANES), load_row(hop_im, level, q, LANES)
        cell = low * length + q
        p, beneath = lo + cell, LANES if low > own[FIRST_ROW] else 0
        below_re, below_im = load(re, p - length, beneath), load(im, p - length, beneath)
        here_re, here_im = load(re, p, LANES), load(im, p, LANES)
        for row in range(low, high):
            over = LANES if row + 1 < stop else 0
            above_re, above_im = load(re, p + length, over), load(im, p + length, over)
            x, y = _times_level(
                kind, level_re, level_im, base_re, base_im, row, more_re, more_im, cell, (here_re, here_im)
            )
            if kind & HOPS:
                x, y = _times_hops(
                    re, im, p, a, b, spread_cell(up, row), spread_cell(down, row), (below_re, below_im),
                    (here_re, here_im), (above_re, above_im), x, y,
                )  # fmt: skip
            store(made_re, p, LANES, y)
            store(made_im, p, LANES, -x)
            along = fused(here_re, y, fused(-here_im, x, along))
            across = fused(-here_re, x, fused(-here_im, y, across))
            square = fused(x, x, fused(y, y, square))
            below_re, below_im, here_re, here_im = here_re, here_im, above_re, above_im
            p, cell = p + length, cell + length
    return total(along), total(across), total(square)


@njit(**OPTIONS)
def take_away(made_re, made_im, re, im, lo, length, window, energy, damping):
    """Add i ``energy`` + ``damping`` times the state to what -i H_p has made of it."""
    shift, gain = spread(energy), spread(damping)
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        start = lo + row * length
        for p in range(start + window[FIRST_COLUMN], start + window[LAST_COLUMN], LANES):
            x, y = load(re, p, LANES), load(im, p, LANES)
            store(made_re, p, LANES, fused(gain, x, fused(-shift, y, load(made_re, p, LANES))))
            store(made_im, p, LANES, fused(gain, y, fused(shift, x, load(made_im, p, LANES))))


@njit(inline="always", **OPTIONS)
def _one_back(rows_re, rows_im, k, p, c, a, b):
    """Add c times row k to a + ib."""
    return fused(c, load_row(rows_re, k, p, LANES), a), fused(c, load_row(rows_im, k, p, LANES), b)


@njit(**OPTIONS)
def add_columns(
    to_re, to_im, re, im, made_re, made_im, order, weights, terms, lo, length, own, window, kind, begins, keeps,
    hop_re, hop_im, right, left, more_re, more_im, base_re, base_im, up, down, shift, half_shift,
    scale, steady_kind, steady_hop_re, steady_hop_im, steady_more_re, steady_more_im, steady_base_re, steady_base_im,
    steady_shift, steady_half_shift, columns,
):  # fmt: skip
    """Add Σ_j c_j w_{order - j}, j < terms, to row order + 1, or write it there; w_order is made here.

    Eight columns at a time, upwards through the rows, as :func:`.lattice_neighbours.apply_columns` goes. That of
    order 0 is there already. Where it ``begins`` the row, a diagonal part that does not change goes with it unless
    ``steady_kind`` is negative: scale (-i)(H_0 - steady_shift + i steady_half_shift). ``columns`` become |.|² of the
    columns of the row so far.

    Returns
    -------
    squared norms of w_order and of the row so far.
    """
    zero, scales, level = spread(0.0), spread(scale), hop_re.shape[0] - 1
    first, second, third = spread_cell(weights, 0), spread_cell(weights, 1), spread_cell(weights, 2)
    fourth, fifth = spread_cell(weights, 3), spread_cell(weights, 4)
    low, high, stop = window[FIRST_ROW], window[LAST_ROW], own[LAST_ROW]
    now_re, now_im = made_re[order], made_im[order]
    size = whole = zero
    for q in range(window[FIRST_COLUMN], window[LAST_COLUMN], LANES):
        a, b = _beside(hop_re, right, left, q, own)
        level_re, level_im = load_row(hop_re, level, q, LANES) - spread(shift), spread(half_shift)
        if kind & RATE:
            level_im = level_im + load_row(hop_im, level, q, LANES)
        steady_re = load_row(steady_hop_re, level, q, LANES) - spread(steady_shift)
        steady_im = load_row(steady_hop_im, level, q, LANES) + spread(steady_half_shift)
        cell = low * length + q
        p, beneath, square = lo + cell, LANES if low > own[FIRST_ROW] else 0, zero
        below_re, below_im = load(re, p - length, beneath), load(im, p - length, beneath)
        here_re, here_im = load(re, p, LANES), load(im, p, LANES)
        for row in range(low, high):
            over = LANES if row + 1 < stop else 0
            above_re, above_im = load(re, p + length, over), load(im, p + length, over)
            if order > 0:
                x, y = _times_level(
                    kind, level_re, level_im, base_re, base_im, row, more_re, more_im, cell, (here_re, here_im)
                )
                if kind & HOPS:
                    x, y = _times_hops(
                        re, im, p, a, b, spread_cell(up, row), spread_cell(down, row), (below_re, below_im),
                        (here_re, here_im), (above_re, above_im), x, y,
                    )  # fmt: skip
                made, more = y, -x
                if keeps:
                    store(now_re, p, LANES, made)
                    store(now_im, p, LANES, more)
            else:
                made, more = load(now_re, p, LANES), load(now_im, p, LANES)
            size = fused(made, made, fused(more, more, size))
            c, d = first * made, first * more
            if terms > 1:
                c, d = _one_back(made_re, made_im, order - 1, p, second, c, d)
                if terms > 2:
                    c, d = _one_back(made_re, made_im, order - 2, p, third, c, d)
                    if terms > 3:
                        c, d = _one_back(made_re, made_im, order - 3, p, fourth, c, d)
                        if terms > 4:
                            c, d = _one_back(made_re, made_im, order - 4, p, fifth, c, d)
                            for j in range(5, terms):
                                c, d = _one_back(made_re, made_im, order - j, p, spread_cell(weights, j), c, d)
            if not begins:
                c, d = c + load(to_re, p, LANES), d + load(to_im, p, LANES)
            elif steady_kind >= 0:
                x, y = _times_level(
                    steady_kind, steady_re, steady_im, steady_base_re, steady_base_im, row, steady_more_re,
                    steady_more_im, cell, (here_re, here_im),
                )  # fmt: skip
                c, d = fused(scales, y, c), fused(-scales, x, d)
            store(to_re, p, LANES, c)
            store(to_im, p, LANES, d)
            square = fused(c, c, fused(d, d, square))
            below_re, below_im, here_re, here_im = here_re, here_im, above_re, above_im
            p, cell = p + length, cell + length
        store(columns, q, LANES, square)
        whole = whole + square
    return total(size), total(whole)


@njit(**OPTIONS)
def keep_columns(re, im, lo, length, window, kept, then, cut, axis, two_J, box_lo, n, sizes, bands, rim, weights,
                 columns):  # fmt: skip
    """What :func:`.lattice_rows.keep_rows` does, of a row whose columns have been weighed; what may leave the box."""
    first, last, at_edges = window[FIRST_COLUMN], window[LAST_COLUMN], 0.0
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        if rim[row] > 0:
            at_edges += weigh_row(re, im, lo + row * length + first, last - first)
    below, above = ends_before(axis, two_J, box_lo, n, sizes)
    few = min(bands[axis], length)
    return at_edges + keep(
        re, im, lo, length, window, kept, weights, then, columns, True, cut, few if below else 0, few if above else 0
    )
