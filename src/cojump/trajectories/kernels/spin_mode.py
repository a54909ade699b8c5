"""Blocks of two levels beside boson modes: H_eff times a state, on columns of Fock states.

With i particles up and n quanta of the displaced mode, H_eff leads from (i, n) to i - 1, i, i + 1 and n - 1, n, n + 1:

    H_eff = E(i, n) + B + (u + Y) a'† + (v + Y†) a',

with B, Y matrices of three diagonals over i, and E linear in n. Eight neighbours along i go together, and each eight
have a column of memory in which the quanta follow each other: whole vectors. Their neighbours along n lie beside them,
those along i in the columns beside. Elements depend on i alone but for √n, and stay in registers along a column.

That is the last block; with any i of each of the others its columns are a plane. H_eff leads to the planes of i - 1 and
i + 1 of one other block, by elements that are the same in all of a plane. There is room for the planes in which a state
is and to which a series leads: a box that goes with the state.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import INLINED, OPTIONS
from .mode_columns import (
    ALL,
    B_HIGH,
    B_LOW,
    BLOCKS,
    BOTH,
    DAMPING,
    ENERGY,
    FOR_EACH,
    FROM_PLANES,
    IS_COMPLEX,
    LEVEL,
    OMEGA,
    OTHER_GAIN,
    OTHER_P,
    OTHER_Q,
    P_HIGH,
    P_LOW,
    PLANES,
    Q_HIGH,
    Q_LOW,
    ROWS,
    TABLE,
    UP_OF,
    WIDTH,
    P,
    Q,
    blank_rows_of,
    find_ends,
    forget,
    lead,
)
from .vectors import LANES, after, before, fused, load, load_row, spread, store, total


@njit(inline="always", **OPTIONS)
def neighbours(re, p, far):
    """Eight amplitudes, and those next to them below and above."""
    here = load(re, p, LANES)
    return here, before(load(re, p - far, LANES), here), after(here, load(re, p + far, LANES))


@njit(inline="always", **OPTIONS)
def times(f, g, a, b):
    """(f + ig)(a + ib)."""
    return fused(f, a, -(g * b)), fused(f, b, g * a)


@njit(inline="always", **OPTIONS)
def plus(f, g, a, b, x, y):
    """Sum x + iy + (f + ig)(a + ib)."""
    return fused(f, a, fused(-g, b, x)), fused(f, b, fused(g, a, y))


@njit(inline="always", **OPTIONS)
def diagonal_of(level, damping, table, elements, q, beside):
    """Energy and decay of eight i without quanta; ``beside`` is what the other blocks add."""
    energy = load(level, table + q, LANES) + load_row(elements, LEVEL, q, LANES)
    gain = load(damping, table + q, LANES) + load_row(elements, DAMPING, q, LANES)
    return energy + spread(beside[ENERGY]), gain + spread(beside[OTHER_GAIN])


@njit(inline="always", **OPTIONS)
def own_of_mode(elements, q, beside):
    """The elements of u + Y and v + Y† from i to i, real and imaginary parts."""
    p_re = load_row(elements, P, q, LANES) + spread(beside[OTHER_P])
    p_im = load_row(elements, P + 1, q, LANES) + spread(beside[OTHER_P + 1])
    q_re = load_row(elements, Q, q, LANES) + spread(beside[OTHER_Q])
    q_im = load_row(elements, Q + 1, q, LANES) + spread(beside[OTHER_Q + 1])
    return p_re, p_im, q_re, q_im


@njit(**OPTIONS)
def _column(
    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, multiple, other_re, other_im, adds,
    roots, omega, decay, scale,
):  # fmt: skip
    """Write rows lo to hi of a column of -i scale (H_eff - shift + i half_shift) ψ with real B and Y; |.|² of them.

    What other planes lead to is added where there are any (``adds``).
    """
    b_low, b_high = load_row(elements, B_LOW, q, LANES), load_row(elements, B_HIGH, q, LANES)
    p_re, p_im, q_re, q_im = own_of_mode(elements, q, beside)
    p_low, p_high = load_row(elements, P_LOW, q, LANES), load_row(elements, P_HIGH, q, LANES)
    q_low, q_high = load_row(elements, Q_LOW, q, LANES), load_row(elements, Q_HIGH, q, LANES)
    quantum, decaying, factor, back, square = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    alike, several, count = multiple == multiple, spread(multiple), spread(1.0 * lo)
    energy, damping = fused(count, quantum, level), fused(count, decaying, gain)
    up_re, up_im = spread(0.0), spread(0.0)
    if lo > 0:
        a, low, high = neighbours(re, base + LANES * (lo - 1), far)
        b, low_im, high_im = neighbours(im, base + LANES * (lo - 1), far)
        up_re, up_im = times(p_re, p_im, a, b)
        up_re, up_im = (
            fused(p_low, low, fused(p_high, high, up_re)),
            fused(p_low, low_im, fused(p_high, high_im, up_im)),
        )
    a, low, high = neighbours(re, base + LANES * lo, far)
    b, low_im, high_im = neighbours(im, base + LANES * lo, far)
    y_re, y_im = fused(p_low, low, p_high * high), fused(p_low, low_im, p_high * high_im)
    for n in range(lo, hi):
        p = base + LANES * n
        x, y = fused(energy, a, damping * b), fused(energy, b, -(damping * a))
        if alike:
            x, y = fused(several, y_re, x), fused(several, y_im, y)
        else:
            x, y = fused(b_low, low, fused(b_high, high, x)), fused(b_low, low_im, fused(b_high, high_im, y))
        if adds:
            x, y = x + load(other_re, LANES * n, LANES), y + load(other_im, LANES * n, LANES)
        root = spread(roots[n])
        x, y = fused(root, up_re, x), fused(root, up_im, y)
        up_re, up_im = plus(p_re, p_im, a, b, y_re, y_im)
        a, low, high = neighbours(re, p + LANES, far)
        b, low_im, high_im = neighbours(im, p + LANES, far)
        y_re, y_im = fused(p_low, low, p_high * high), fused(p_low, low_im, p_high * high_im)
        down_re, down_im = y_re, y_im
        if not alike:
            down_re, down_im = fused(q_low, low, q_high * high), fused(q_low, low_im, q_high * high_im)
        down_re, down_im = plus(q_re, q_im, a, b, down_re, down_im)
        root = spread(roots[n + 1])
        x, y = back * fused(root, down_re, x), factor * fused(root, down_im, y)
        store(to_re, p, LANES, y)
        store(to_im, p, LANES, x)
        weight = fused(x, x, y * y)
        square, energy, damping = square + weight, energy + quantum, damping + decaying
    return square


@njit(inline="always", **OPTIONS)
def _three(f, g, elements, slot, q, a, b, low, low_im, high, high_im):
    """What elements from i, i - 1 and i + 1 make of amplitudes there; the first is given."""
    x, y = times(f, g, a, b)
    x, y = plus(load_row(elements, slot + 2, q, LANES), load_row(elements, slot + 3, q, LANES), low, low_im, x, y)
    return plus(load_row(elements, slot + 4, q, LANES), load_row(elements, slot + 5, q, LANES), high, high_im, x, y)


@njit(**OPTIONS)
def _complex_column(
    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, other_re, other_im, adds, roots, omega,
    decay, scale,
):  # fmt: skip
    """:func:`_column` for any elements."""
    p_re, p_im, q_re, q_im = own_of_mode(elements, q, beside)
    quantum, decaying, factor, back, square = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    up_re, up_im = spread(0.0), spread(0.0)
    if lo > 0:
        a, low, high = neighbours(re, base + LANES * (lo - 1), far)
        b, low_im, high_im = neighbours(im, base + LANES * (lo - 1), far)
        up_re, up_im = _three(p_re, p_im, elements, P, q, a, b, low, low_im, high, high_im)
    a, low, high = neighbours(re, base + LANES * lo, far)
    b, low_im, high_im = neighbours(im, base + LANES * lo, far)
    for n in range(lo, hi):
        p, count = base + LANES * n, spread(1.0 * n)
        energy, damping = fused(count, quantum, level), fused(count, decaying, gain)
        x, y = fused(energy, a, damping * b), fused(energy, b, -(damping * a))
        f, g = load_row(elements, B_LOW, q, LANES), load_row(elements, B_LOW + 1, q, LANES)
        x, y = plus(f, g, low, low_im, x, y)
        f, g = load_row(elements, B_HIGH, q, LANES), load_row(elements, B_HIGH + 1, q, LANES)
        x, y = plus(f, g, high, high_im, x, y)
        if adds:
            x, y = x + load(other_re, LANES * n, LANES), y + load(other_im, LANES * n, LANES)
        root = spread(roots[n])
        x, y = fused(root, up_re, x), fused(root, up_im, y)
        up_re, up_im = _three(p_re, p_im, elements, P, q, a, b, low, low_im, high, high_im)
        a, low, high = neighbours(re, p + LANES, far)
        b, low_im, high_im = neighbours(im, p + LANES, far)
        down_re, down_im = _three(q_re, q_im, elements, Q, q, a, b, low, low_im, high, high_im)
        root = spread(roots[n + 1])
        x, y = back * fused(root, down_re, x), factor * fused(root, down_im, y)
        store(to_re, p, LANES, y)
        store(to_im, p, LANES, x)
        weight = fused(x, x, y * y)
        square = square + weight
    return square


@njit(inline="always", **OPTIONS)
def _of_both(f, g, a, b, f_other, g_other, c, d, is_real):
    """(f + ig)(a + ib) of one column and the same of another one."""
    x, y = fused(f, a, f_other * c), fused(f, b, f_other * d)
    if is_real:
        return x, y
    return fused(-g, b, fused(-g_other, d, x)), fused(g, a, fused(g_other, c, y))


@njit(**INLINED)
def _from_two(to_re, to_im, re, im, rows, low, high, of_low, of_high, lo, hi, own, multiple, roots, adds):
    """Write what B, Y a'† and Y† a' lead to from two columns in rows lo to hi of another one, or add it if ``adds``.

    Of the two these rows are there. ``own``: their elements, see FROM_PLANES.
    """
    is_real = own[1] == 0.0 and own[3] == 0.0 and own[5] == 0.0 and own[7] == 0.0 and own[9] == 0.0 and own[11] == 0.0
    alike, several = multiple == multiple, spread(multiple)
    b_low, b_low_im, b_high, b_high_im = spread(own[0]), spread(own[1]), spread(own[2]), spread(own[3])
    p_low, p_low_im, p_high, p_high_im = spread(own[4]), spread(own[5]), spread(own[6]), spread(own[7])
    q_low, q_low_im, q_high, q_high_im = spread(own[8]), spread(own[9]), spread(own[10]), spread(own[11])
    first = min(of_low[0] if of_low[1] > 0 else rows, of_high[0] if of_high[1] > 0 else rows)
    begin, end = max(first - 1, lo), min(max(of_low[1], of_high[1]) + 1, hi)
    if not adds:
        blank_rows_of(to_re, to_im, 0, lo, min(begin, hi))
        blank_rows_of(to_re, to_im, 0, max(end, lo), hi)
    here_re = here_im = up_re = up_im = spread(0.0)
    for n in range(begin - 1, end + 1):
        # row n is read, and what leads to row n - 1 is written
        one, other = LANES if of_low[0] <= n < of_low[1] else 0, LANES if of_high[0] <= n < of_high[1] else 0
        a, b = load(re, LANES * (low * rows + n), one), load(im, LANES * (low * rows + n), one)
        c, d = load(re, LANES * (high * rows + n), other), load(im, LANES * (high * rows + n), other)
        y_re, y_im = _of_both(p_low, p_low_im, a, b, p_high, p_high_im, c, d, is_real)
        down_re, down_im = y_re, y_im
        if not alike:
            down_re, down_im = _of_both(q_low, q_low_im, a, b, q_high, q_high_im, c, d, is_real)
        if n > begin:
            at, root = LANES * (n - 1), spread(roots[n])
            if adds:
                here_re, here_im = here_re + load(to_re, at, LANES), here_im + load(to_im, at, LANES)
            store(to_re, at, LANES, fused(root, down_re, here_re))
            store(to_im, at, LANES, fused(root, down_im, here_im))
        if alike:
            here_re, here_im = fused(several, y_re, up_re), fused(several, y_im, up_im)
        else:
            here_re, here_im = _of_both(b_low, b_low_im, a, b, b_high, b_high_im, c, d, is_real)
            here_re, here_im = here_re + up_re, here_im + up_im
        root = spread(roots[n + 1])
        up_re, up_im = root * y_re, root * y_im


@njit(inline="always", **OPTIONS)
def place_of(p, k, width, there):
    """Where column k of plane p lies if plane q lies where that of q modulo ``there`` would; 0 for where it belongs."""
    return k - (p - p % there) * width if there > 0 else k


@njit(**INLINED)
def from_planes(re, im, work, own, columns, p, k, lo, hi, beside, multiple, roots, there):
    """Write what the planes beside plane p lead to in rows lo to hi of its column k.

    Plane q of the state lies where that of q modulo ``there`` would; 0 if it is where it belongs.
    """
    width, rows, none = work.shape[WIDTH], work.shape[ROWS], (np.int64(0), np.int64(0))
    for b in range(work.shape[BLOCKS]):
        hop = work.hops[b]
        low, high, of_low, of_high = k - hop * width, k + hop * width, none, none
        if columns[p - hop, 0] <= low < columns[p - hop, 1]:
            of_low = own[low, 0], own[low, 1]
        if columns[p + hop, 0] <= high < columns[p + hop, 1]:
            of_high = own[high, 0], own[high, 1]
        if there > 0:
            low, high = place_of(p - hop, low, width, there), place_of(p + hop, high, width, there)
        _from_two(
            work.other_re, work.other_im, re, im, rows, low, high, of_low, of_high, lo, hi,
            beside[FROM_PLANES + FOR_EACH * b :], multiple[b], roots, b > 0,
        )  # fmt: skip


@njit(**OPTIONS)
def _from_plane_of_mode(work, re, im, own, columns, p, k, lo, hi, factor, elements, slot, diagonal, q):
    """Add to ``other`` what u + Y or v + Y† of another mode leads to from one of its planes, p, times ``factor``."""
    rows, to_re, to_im = work.shape[ROWS], work.other_re, work.other_im
    first, last = columns[p, 0], columns[p, 1]
    if last == 0:
        return
    f = spread(factor)
    p_re = f * (load_row(elements, slot, q, LANES) + spread(diagonal[0]))
    p_im = f * (load_row(elements, slot + 1, q, LANES) + spread(diagonal[1]))
    low, low_im = f * load_row(elements, slot + 2, q, LANES), f * load_row(elements, slot + 3, q, LANES)
    high, high_im = f * load_row(elements, slot + 4, q, LANES), f * load_row(elements, slot + 5, q, LANES)
    begin, end = hi, lo
    for beside in range(max(k - 1, first), min(k + 2, last)):
        if own[beside, 1] > 0:
            begin, end = min(begin, own[beside, 0]), max(end, own[beside, 1])
    for n in range(max(begin, lo), min(end, hi)):
        at = LANES * (k * rows + n)
        here = LANES if first <= k < last and own[k, 0] <= n < own[k, 1] else 0
        left = LANES if first < k <= last and own[k - 1, 0] <= n < own[k - 1, 1] else 0
        right = LANES if first - 1 <= k < last - 1 and own[k + 1, 0] <= n < own[k + 1, 1] else 0
        a, b = load(re, at, here), load(im, at, here)
        c, d = before(load(re, at - LANES * rows, left), a), before(load(im, at - LANES * rows, left), b)
        g, h = after(a, load(re, at + LANES * rows, right)), after(b, load(im, at + LANES * rows, right))
        x, y = plus(p_re, p_im, a, b, load(to_re, LANES * n, LANES), load(to_im, LANES * n, LANES))
        x, y = plus(low, low_im, c, d, x, y)
        x, y = plus(high, high_im, g, h, x, y)
        store(to_re, LANES * n, LANES, x)
        store(to_im, LANES * n, LANES, y)


@njit(**OPTIONS)
def _times_column(work, re, im, own, columns, p, k, lo, hi, f_re, f_im):
    """Add a number times column k of plane p to ``other``."""
    if not columns[p, 0] <= k < columns[p, 1] or (f_re == 0.0 and f_im == 0.0):
        return
    f, g, base = spread(f_re), spread(f_im), LANES * k * work.shape[ROWS]
    for n in range(max(own[k, 0], lo), min(own[k, 1], hi)):
        at = LANES * n
        a, b = load(re, base + at, LANES), load(im, base + at, LANES)
        x, y = plus(f, g, a, b, load(work.other_re, at, LANES), load(work.other_im, at, LANES))
        store(work.other_re, at, LANES, x)
        store(work.other_im, at, LANES, y)


@njit(**OPTIONS)
def from_modes(re, im, work, own, columns, p, k, q, lo, hi, beside, elements, roots):
    """Add what the planes of all modes but the first lead to in rows lo to hi of column k of plane p to ``other``."""
    blocks, width = work.shape[BLOCKS], work.shape[WIDTH]
    if blocks == 0:
        blank_rows_of(work.other_re, work.other_im, 0, lo, hi)
    for m in range(1, elements.shape[0]):
        axis, at = blocks + m - 1, FROM_PLANES + FOR_EACH * blocks + (4 + 8 * blocks) * (m - 1)
        hop, n = work.hops[axis], work.planes[p, UP_OF + axis]
        for side in range(2):
            sign = 1 if side == 1 else -1
            plane, column, factor = p + sign * hop, k + sign * hop * width, roots[n + side]
            if factor == 0.0:
                continue
            _from_plane_of_mode(
                work, re, im, own, columns, plane, column, lo, hi, factor, elements[m], Q if side == 1 else P,
                beside[at + 2 * side :], q,
            )  # fmt: skip
            for b in range(blocks):
                of_block = at + 4 + 8 * b + 4 * side
                for end in range(2):
                    other = work.hops[b] if end == 1 else -work.hops[b]
                    f_re, f_im = factor * beside[of_block + 2 * end], factor * beside[of_block + 2 * end + 1]
                    _times_column(work, re, im, own, columns, plane + other, column + other * width, lo, hi, f_re, f_im)


@njit(**OPTIONS)
def apply_columns_of_mode(h_eff, work, order, unit, shift, half_shift, weight):
    """Write row ``order`` + 1 of the series from row ``order``; its squared norm, and what of it leads nowhere.

    Cells at the ends of columns that weigh no more than ``weight`` together lead to none of the next order.
    """
    rows_re, rows_im, shape, model, elements = (
        work.taylor_re,
        work.taylor_im,
        work.shape,
        h_eff.model,
        h_eff.elements[0],
    )
    scale, rows, width, adds = unit * (1.0 / (order + 1.0)), shape[ROWS], shape[WIDTH], work.hops.size > 0
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    tight, reach, own, columns = work.tight, work.reach[order + 1], work.cover[order + 1], work.columns[order + 1]
    read, read_columns = work.cover[order], work.columns[order]
    omega, decay, is_complex = model.of_mode[0, OMEGA], 0.5 * model.of_mode[0, BOTH], h_eff.where[IS_COMPLEX] > 0
    last = model.sizes.size - 1
    far, squares, gone, cells = LANES * rows, spread(0.0), 0.0, 1
    forget(work, order)
    for p in range(shape[PLANES]):
        for k in range(columns[p, 0], columns[p, 1]):
            cells += LANES * (reach[k, 1] - reach[k, 0])
    least = weight / cells
    for p in range(shape[PLANES]):
        beside = h_eff.beside[p]
        for k in range(columns[p, 0], columns[p, 1]):
            lo, hi = reach[k, 0], reach[k, 1]
            base, q = far * k, LANES * (k - p * width - 1)
            if hi == 0:
                continue
            if adds:
                from_planes(re, im, work, read, read_columns, p, k, lo, hi, beside, h_eff.multiple, model.roots, 0)
            if h_eff.elements.shape[0] > 1:
                from_modes(re, im, work, read, read_columns, p, k, q, lo, hi, beside, h_eff.elements, model.roots)
            level, gain = diagonal_of(model.level, model.damping, work.planes[p, TABLE], elements, q, beside)
            level, gain = level - spread(shift), gain - spread(half_shift)
            if is_complex:
                square = _complex_column(
                    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, work.other_re,
                    work.other_im, adds, model.roots, omega, decay, scale,
                )  # fmt: skip
            else:
                square = _column(
                    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, h_eff.multiple[last],
                    work.other_re, work.other_im, adds, model.roots, omega, decay, scale,
                )  # fmt: skip
            squares = squares + square
        gone += find_ends(to_re, to_im, rows, columns[p], reach, least, tight)
        for k in range(columns[p, 0], columns[p, 1]):
            own[k, 0], own[k, 1] = (reach[k, 0], reach[k, 1]) if tight[k, ALL, 1] > 0 else (0, 0)
    if order + 2 < work.columns.shape[0]:
        lead(to_re, to_im, work, own, columns, work.reach[order + 2], work.columns[order + 2])
    return total(squares), gone
