"""Blocks of two levels beside a boson mode: H_eff times a state, and sums of its series, on columns of Fock states.

With i particles up and n quanta of the displaced mode, H_eff leads from (i, n) to i - 1, i, i + 1 and n - 1, n, n + 1:

    H_eff = E(i, n) + B + (u + Y) a'† + (v + Y†) a',

with B, Y matrices of three diagonals over i, and E linear in n. Eight neighbours along i go together, and each eight
have a column of memory in which the quanta follow each other: whole vectors. Their neighbours along n lie beside them,
those along i in the columns beside. Elements depend on i alone but for √n, and stay in registers along a column.

That is the last block; with any i of each of the others its columns are a plane. H_eff leads to the planes of i - 1 and
i + 1 of one other block, by elements that are the same in all of a plane. There is room for the planes in which a state
is and to which a series leads: a box that goes with the state.

Of each vector of the series a column has the Fock states to which something leads that is not negligible: from the same
column, and from those beside it where the amplitudes next to it are not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import INLINED, OPTIONS
from .vectors import (
    LANES,
    after,
    before,
    behind_lanes,
    first_lanes,
    fused,
    load,
    load_row,
    quiet_first,
    quiet_last,
    spread,
    store,
    total,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@by_reference
class SpinModeModel(NamedTuple):
    """What does not change: B blocks, L jumps, and tables over the i of all blocks that do not know J.

    Attributes
    ----------
    sizes : (B,) int
    strides : (B,) int
        By how much the place in a table grows with i of each block: 1 of the last one, whose i go up to 8K.
    y, one : (B, 2, 2) complex
        Coupling y/√N, and the one-body part of H.
    level, damping : flat
        E(i, 0): real part, and minus its imaginary part without the share of the displacements.
    of_mode : (10,)
        See OMEGA and the slots behind it.
    kind, axis : (L,) int
        LADDER_DOWN, LADDER_UP, GENERAL, COLLECTIVE_DOWN, COLLECTIVE_UP, COLLECTIVE where it is diagonal, or LOSS; and
        the block that jumps.
    strength : (L, 2)
        |j|² of a ladder, of one particle or collective; rates of a and of a†.
    collected : (B, 2)
        Rates of all J_- and of all J_+ of each block that are collective jumps.
    gamma : (L, .)
        Γ by the i from which a particle jumps by a ladder; the rate of any other jump.
    j : (L, 2, 2) complex
        Of jumps that are no ladders, and diagonal collective ones. Γ of those of particles, eight places further, and 1
        where i is the number of others that are up:
    table, excluded : (L, . + 16), (L,) int
    roots : (R + 2,)
        √n.
    seen_in, seen : (O,) int, (O, 2, 2) complex
        Operators of particles that averages need, and of which block. One block needs none: it has sums of its own.
    """

    sizes: Integers
    strides: Integers
    y: NDArray[np.complex128]
    one: NDArray[np.complex128]
    level: Floats
    damping: Floats
    of_mode: Floats
    kind: Integers
    axis: Integers
    strength: Floats
    collected: Floats
    gamma: Floats
    j: NDArray[np.complex128]
    table: Floats
    excluded: Integers
    roots: Floats
    seen_in: Integers
    seen: NDArray[np.complex128]


@by_reference
class SpinModeHeff(NamedTuple):
    """H_eff of a sector in a frame of the mode, as a no-jump step reads it.

    Attributes
    ----------
    has_jumps : bool
    model : SpinModeModel
    elements : (18, 8K)
        Of the last block and the mode, by where they lead to: see LEVEL and the slots behind it. Real and imaginary
        parts follow each other.
    beside : (P, 6 + 12 (B - 1))
        What the other blocks add in each plane: see ENERGY and the slots behind it.
    multiple : (B,)
        How many times Y between neighbours B is, where both are real and Y is Hermitian; NaN elsewhere.
    c : (B, .)
        c_J(i) = <i+1|J_+|i> of each block.
    frame : (6,)
        See B_RE and the slots behind it.
    where : (2 + B,) int
        Number of cells of the state, 1 if elements of the last block are complex, and 2J of each block.
    size, radial : (S,), (S, R, R)
        Displacements by √size/4, for the last S sizes; -1 where there is none.
    """

    has_jumps: bool
    model: SpinModeModel
    elements: Floats
    beside: Floats
    multiple: Floats
    c: Floats
    frame: Floats
    where: Integers
    size: Integers
    radial: Floats


@by_reference
class SpinModeWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, in columns of R Fock states, of P planes.

    The first and the last column of each plane are empty, and so are the first and the last plane of each block.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, norms
        As there; row n of column k begins at cell 8 (k R + n).
    shape : (6,) int
        See ROWS and the slots behind it.
    hops, first : (B - 1,) int
        By how many planes neighbours along a block are apart, and the i of each block in the second of its planes.
    planes : (P, 1 + B) int
        1 in the sector, -1 of an empty plane at an end, 0 of others; where a table begins, and i of each block but the
        last.
    cover : (MAX_ORDER + 1, C, 2) int
        First and past-last Fock state of each column, of each vector of the series; where a plane has columns with any:
    columns : (MAX_ORDER + 1, P, 2) int
    tight : (C, 3, 2) int
        Of the last one, what is not negligible: of all of a column, of its first i, of its last i. Empty beside it.
    reach : (MAX_ORDER + 1, C, 2) int
        What the one before leads to: what is computed of each.
    span : (C, 2) int
        What ``out`` has. Two Fock states further, and as far in the columns beside, there are zeros.
    other_re, other_im : (8 R,)
        What other planes lead to in one column.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    norms: Floats
    shape: Integers
    hops: Integers
    first: Integers
    planes: Integers
    cover: Integers
    columns: Integers
    tight: Integers
    reach: Integers
    span: Integers
    other_re: Floats
    other_im: Floats


ROWS, COLUMNS, WIDTH, PLANES, FIRST_COLUMN, LAST_COLUMN = range(6)
"""Slots of ``shape``: R, all columns but the first and the last, the columns of a plane, P, and in each plane the first
column of the sector and one behind its last."""

INSIDE, TABLE, UP_OF = range(3)
"""Second index of ``planes``."""

LEVEL, DAMPING, B_LOW, B_HIGH, P, P_LOW, P_HIGH, Q, Q_LOW, Q_HIGH = 0, 1, 2, 4, 6, 8, 10, 12, 14, 16
"""Rows of ``elements``: what displacements and J add to the diagonal, B from i - 1 and i + 1, u + Y from i, i - 1 and
i + 1, and v + Y†."""

ENERGY, OTHER_P, OTHER_Q, OTHER_GAIN, FROM_PLANES, FOR_EACH = 0, 1, 3, 5, 6, 12
"""Second index of ``beside``: energy, diagonals of Y and Y†, and half the rates of collective jumps; then, for each
block, what leads from its planes of i - 1 and i + 1: of B, of Y and of Y†, 12 numbers."""

OMEGA, DRIVE_RE, DRIVE_IM, NET, BOTH, TICK, FOLLOWS, STAYS_RE, STAYS_IM, FAR = range(10)
"""Slots of ``of_mode``: ω, √N η, κ₁ - κ₂ and κ₁ + κ₂ of all losses, time between two moves of the reference, whether it
follows the mode, where it stays if not, and |<a'>| above which the frame is moved."""

B_RE, B_IM, BETA_RE, BETA_IM, LEFT, LEFT_THEN = range(6)
"""Slots of ``frame``: displacement and reference, time to the next move of the reference, and that behind the step."""

CELLS, IS_COMPLEX, TWO_J = range(3)
"""Slots of ``where``."""

ALL, FIRST, LAST = range(3)
"""Second index of ``tight``."""

FARTHEST = 2**40
"""The first row of what is empty: beyond any other."""


@njit(**OPTIONS)
def blank_rows_of(re, im, base, first, last):
    """Zero rows of a column that begins at ``base``."""
    zero = spread(0.0)
    for p in range(base + LANES * first, base + LANES * last, LANES):
        store(re, p, LANES, zero)
        store(im, p, LANES, zero)


@njit(inline="always", **OPTIONS)
def union(lo, hi, rows):
    """Rows that hold these and others; with hi = 0 there are none."""
    if rows[1] > 0:
        lo, hi = min(lo, rows[0]), max(hi, rows[1])
    return lo, hi


@njit(**OPTIONS)
def _columns_beside(work, columns, p):
    """The columns of a plane to which those of a vector lead, in its sector."""
    width, first, last = work.shape[WIDTH], work.shape[WIDTH], np.int64(0)
    if work.planes[p, INSIDE] < 1:
        return last, last
    if columns[p, 1] > 0:
        first, last = columns[p, 0] - p * width - 1, columns[p, 1] - p * width + 1
    for hop in work.hops:
        for q in (p - hop, p + hop):
            if columns[q, 1] > 0:
                first, last = min(first, columns[q, 0] - q * width), max(last, columns[q, 1] - q * width)
    return p * width + max(first, work.shape[FIRST_COLUMN]), p * width + min(last, work.shape[LAST_COLUMN])


@njit(**OPTIONS)
def lead(re, im, work, own, columns, reach, following):
    """Write which rows the next vector has, and zeros around the ``own`` ones as far as it will read them."""
    rows, width, tight = work.shape[ROWS], work.shape[WIDTH], work.tight
    for p in range(work.shape[PLANES]):
        first, last = columns[p, 0], columns[p, 1]
        begin, end = _columns_beside(work, columns, p)
        for k in range(begin, end):
            lo = min(tight[k, ALL, 0], tight[k - 1, LAST, 0], tight[k + 1, FIRST, 0])
            hi = max(tight[k, ALL, 1], tight[k - 1, LAST, 1], tight[k + 1, FIRST, 1])
            for hop in work.hops:
                low, high = k - hop * width, k + hop * width
                lo = min(lo, tight[low, ALL, 0], tight[high, ALL, 0])
                hi = max(hi, tight[low, ALL, 1], tight[high, ALL, 1])
            reach[k, 0], reach[k, 1] = (max(lo - 1, 0), min(hi + 1, rows - 1)) if hi > 0 else (0, 0)
        while begin < end and reach[begin, 1] == 0:
            begin += 1
        while begin < end and reach[end - 1, 1] == 0:
            end -= 1
        if not begin < end:
            following[p] = 0
            continue
        following[p, 0], following[p, 1] = begin, end
        for k in range(begin - 1, end + 1):
            lo, hi = rows, np.int64(0)
            for beside in range(max(k - 1, begin), min(k + 2, end)):
                if reach[beside, 1] > 0:
                    lo, hi = min(lo, max(reach[beside, 0] - 1, 0)), max(hi, reach[beside, 1] + 1)
            base = LANES * k * rows
            if first <= k < last and own[k, 1] > 0:
                blank_rows_of(re, im, base, lo, min(own[k, 0], hi))
                blank_rows_of(re, im, base, max(own[k, 1], lo), hi)
            else:
                blank_rows_of(re, im, base, lo, hi)


@njit(**OPTIONS)
def keep_columns(rows_re, rows_im, work, least):
    """Find what of the state weighs more than ``least`` in a cell, and what the first vector of the series has."""
    re, im, shape, tight, own, columns = rows_re[0], rows_im[0], work.shape, work.tight, work.cover[0], work.columns
    for k in range(shape[COLUMNS] + 2):
        empty(tight[k])
    for p in range(shape[PLANES]):
        for k in range(columns[0, p, 0], columns[0, p, 1]):
            base = LANES * k * shape[ROWS]
            for n in range(own[k, 0], own[k, 1]):
                a, b = load(re, base + LANES * n, LANES), load(im, base + LANES * n, LANES)
                note(fused(a, a, b * b), least, tight[k], n, a, none_seen())
    lead(re, im, work, own, columns[0], work.reach[1], columns[1])


@njit(inline="always", **OPTIONS)
def empty(tight):
    """Of a column nothing is not negligible."""
    for which in range(3):
        tight[which, 0], tight[which, 1] = FARTHEST, 0


@njit(inline="always", **OPTIONS)
def none_seen():
    """What :func:`note` has seen of a column before its first row."""
    zero = spread(0.0)
    return zero, zero, zero, zero, zero, zero


@njit(inline="always", **OPTIONS)
def note(weight, least, tight, n, square, seen):
    """Widen the rows that are not negligible by row n, if it is not.

    Of all of a column, of its first i and of its last i, ``seen`` are the sums of squares before the first of these
    rows, and with the last one; ``square`` is the sum of all rows before row n.
    """
    before_all, with_all, before_first, with_first, before_last, with_last = seen
    quiet = quiet_first(weight, least)
    if quiet < LANES:
        if tight[ALL, 1] == 0:
            tight[ALL, 0], before_all = n, square
        tight[ALL, 1], with_all = n + 1, square + weight
        if quiet == 0:
            if tight[FIRST, 1] == 0:
                tight[FIRST, 0], before_first = n, square
            tight[FIRST, 1], with_first = n + 1, square + weight
        if quiet_last(weight, least) == 0:
            if tight[LAST, 1] == 0:
                tight[LAST, 0], before_last = n, square
            tight[LAST, 1], with_last = n + 1, square + weight
    return before_all, with_all, before_first, with_first, before_last, with_last


@njit(inline="always", **OPTIONS)
def left_out(square, seen):
    """What weighs so little in a column that it leads nowhere, at most; ``square`` is the sum of all rows."""
    before_all, with_all, before_first, with_first, before_last, with_last = seen
    first, last = before_first + (square - with_first), before_last + (square - with_last)
    return before_all + (square - with_all) + first_lanes(first, 1) + behind_lanes(last, LANES - 1)


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
    roots, omega, decay, scale, tight, least,
):  # fmt: skip
    """Write rows lo to hi of a column of -i scale (H_eff - shift + i half_shift) ψ with real B and Y; |.|² of them, and
    of what leads nowhere.

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
    empty(tight)
    seen = none_seen()
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
        seen = note(weight, least, tight, n, square, seen)
        square, energy, damping = square + weight, energy + quantum, damping + decaying
    return square, left_out(square, seen)


@njit(inline="always", **OPTIONS)
def _three(f, g, elements, slot, q, a, b, low, low_im, high, high_im):
    """What elements from i, i - 1 and i + 1 make of amplitudes there; the first is given."""
    x, y = times(f, g, a, b)
    x, y = plus(load_row(elements, slot + 2, q, LANES), load_row(elements, slot + 3, q, LANES), low, low_im, x, y)
    return plus(load_row(elements, slot + 4, q, LANES), load_row(elements, slot + 5, q, LANES), high, high_im, x, y)


@njit(**OPTIONS)
def _complex_column(
    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, other_re, other_im, adds, roots, omega,
    decay, scale, tight, least,
):  # fmt: skip
    """:func:`_column` for any elements."""
    p_re, p_im, q_re, q_im = own_of_mode(elements, q, beside)
    quantum, decaying, factor, back, square = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    up_re, up_im = spread(0.0), spread(0.0)
    empty(tight)
    seen = none_seen()
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
        seen = note(weight, least, tight, n, square, seen)
        square = square + weight
    return square, left_out(square, seen)


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


@njit(**INLINED)
def from_planes(re, im, work, own, columns, p, k, lo, hi, beside, multiple, roots):
    """Write what the planes beside plane p lead to in rows lo to hi of its column k."""
    width, rows, none = work.shape[WIDTH], work.shape[ROWS], (np.int64(0), np.int64(0))
    for b in range(work.hops.size):
        hop = work.hops[b]
        low, high, of_low, of_high = k - hop * width, k + hop * width, none, none
        if columns[p - hop, 0] <= low < columns[p - hop, 1]:
            of_low = own[low, 0], own[low, 1]
        if columns[p + hop, 0] <= high < columns[p + hop, 1]:
            of_high = own[high, 0], own[high, 1]
        _from_two(
            work.other_re, work.other_im, re, im, rows, low, high, of_low, of_high, lo, hi,
            beside[FROM_PLANES + FOR_EACH * b :], multiple[b], roots, b > 0,
        )  # fmt: skip


@njit(**OPTIONS)
def apply_columns_of_mode(h_eff, work, order, unit, shift, half_shift, weight):
    """Write row ``order`` + 1 of the series from row ``order``; its squared norm, and what of it leads nowhere.

    Cells at the ends of columns that weigh no more than ``weight`` together lead to none of the next order.
    """
    rows_re, rows_im, shape, model, elements = work.taylor_re, work.taylor_im, work.shape, h_eff.model, h_eff.elements
    scale, rows, width, adds = unit * (1.0 / (order + 1.0)), shape[ROWS], shape[WIDTH], work.hops.size > 0
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    tight, reach, own, columns = work.tight, work.reach[order + 1], work.cover[order + 1], work.columns[order + 1]
    read, read_columns = work.cover[order], work.columns[order]
    omega, decay, is_complex = model.of_mode[OMEGA], 0.5 * model.of_mode[BOTH], h_eff.where[IS_COMPLEX] > 0
    last = model.sizes.size - 1
    far, squares, gone, cells = LANES * rows, spread(0.0), spread(0.0), 1
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
                empty(tight[k])
                own[k, 0] = own[k, 1] = 0
                continue
            if adds:
                from_planes(re, im, work, read, read_columns, p, k, lo, hi, beside, h_eff.multiple, model.roots)
            level, gain = diagonal_of(model.level, model.damping, work.planes[p, TABLE], elements, q, beside)
            level, gain = level - spread(shift), gain - spread(half_shift)
            if is_complex:
                square, left = _complex_column(
                    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, work.other_re,
                    work.other_im, adds, model.roots, omega, decay, scale, tight[k], least,
                )  # fmt: skip
            else:
                square, left = _column(
                    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, h_eff.multiple[last],
                    work.other_re, work.other_im, adds, model.roots, omega, decay, scale, tight[k], least,
                )  # fmt: skip
            squares, gone = squares + square, gone + left
            own[k, 0], own[k, 1] = (lo, hi) if tight[k, ALL, 1] > 0 else (0, 0)
    if order + 2 < work.columns.shape[0]:
        lead(to_re, to_im, work, own, columns, work.reach[order + 2], work.columns[order + 2])
    return total(squares), total(gone)


@njit(**OPTIONS)
def forget(work, order):
    """Forget what a vector has led to in columns that the next one has not."""
    for p in range(work.shape[PLANES]):
        first, last = work.columns[order + 1, p, 0], work.columns[order + 1, p, 1]
        for k in range(work.columns[order, p, 0], work.columns[order, p, 1]):
            if not first <= k < last:
                empty(work.tight[k])


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


@njit(**OPTIONS)
def blank_around(re, im, span, rows, columns):
    """Zero what is read beside the spans of a state: two Fock states further, and as much in the columns beside."""
    for k in range(columns + 2):
        lo, hi = rows, np.int64(0)
        for beside in range(max(k - 1, 1), min(k + 2, columns + 1)):
            if span[beside, 1] > 0:
                lo, hi = min(lo, max(span[beside, 0] - 2, 0)), max(hi, min(span[beside, 1] + 2, rows))
        base = LANES * k * rows
        if span[k, 1] > 0:
            blank_rows_of(re, im, base, lo, span[k, 0])
            blank_rows_of(re, im, base, span[k, 1], hi)
        else:
            blank_rows_of(re, im, base, lo, hi)


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
            base, power = LANES * k * rows, 1.0
            blank_rows_of(out_re, out_im, base, span[k, 0], hi)
            for row in range(order + 1):
                if columns[row, q, 0] <= k < columns[row, q, 1]:
                    factor = spread(power)
                    for p in range(base + LANES * cover[row, k, 0], base + LANES * cover[row, k, 1], LANES):
                        store(
                            out_re, p, LANES, fused(factor, load_row(taylor_re, row, p, LANES), load(out_re, p, LANES))
                        )
                        store(
                            out_im, p, LANES, fused(factor, load_row(taylor_im, row, p, LANES), load(out_im, p, LANES))
                        )
                power *= x
            for p in range(base + LANES * span[k, 0], base + LANES * hi, LANES):
                a, b = load(out_re, p, LANES), load(out_im, p, LANES)
                square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    blank_around(out_re, out_im, span, rows, shape[COLUMNS])
    return total(square_re + square_im)
