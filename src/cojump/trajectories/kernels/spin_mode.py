"""A block of two levels beside a boson mode: H_eff times a state, and sums of its series, on columns of Fock states.

With i particles up and n quanta of the displaced mode, H_eff leads from (i, n) to i - 1, i, i + 1 and n - 1, n, n + 1:

    H_eff = E(i, n) + B + (u + Y) a'† + (v + Y†) a',

with B, Y matrices of three diagonals over i, and E linear in n. Eight neighbours along i go together, and each eight
have a column of memory in which the quanta follow each other: whole vectors. Their neighbours along n lie beside them,
those along i in the columns beside. Elements depend on i alone but for √n, and stay in registers along a column.

Of each vector of the series a column has the Fock states to which something leads that is not negligible: from the same
column, and from those beside it where the amplitudes next to it are not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS
from .vectors import (
    LANES,
    after,
    before,
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
    """What does not change: L jumps, and tables over i that do not know J, in K columns of eight.

    Attributes
    ----------
    N : int
    y, one : (2, 2) complex
        Coupling y/√N, and the one-body part of H.
    level, damping : (8K,)
        E(i, 0): real part, and minus its imaginary part without the share of the displacements.
    of_mode : (10,)
        See OMEGA and the slots behind it.
    kind : (L,) int
        LADDER_DOWN, LADDER_UP, GENERAL, or LOSS.
    strength : (L, 2)
        |j|² of a ladder; rates of a and of a†.
    gamma : (L, 8K)
        Γ by the i from which a particle jumps by a ladder; the rate of any other jump.
    j : (L, 2, 2) complex
        Of jumps that are no ladders; their Γ, at 1 + i, and 1 where i is the number of others that are up:
    table, excluded : (L, 8K + 8), (L,) int
    roots : (R + 2,)
        √n.
    """

    N: int
    y: NDArray[np.complex128]
    one: NDArray[np.complex128]
    level: Floats
    damping: Floats
    of_mode: Floats
    kind: Integers
    strength: Floats
    gamma: Floats
    j: NDArray[np.complex128]
    table: Floats
    excluded: Integers
    roots: Floats


@by_reference
class SpinModeHeff(NamedTuple):
    """H_eff of a sector in a frame of the mode, as a no-jump step reads it.

    Attributes
    ----------
    has_jumps : bool
    model : SpinModeModel
    elements : (18, 8K)
        By where they lead to: see LEVEL and the slots behind it. Real and imaginary parts follow each other.
    c : (8K,)
        c_J(i) = <i+1|J_+|i>.
    frame : (6,)
        See B_RE and the slots behind it.
    where : (3,) int
        2J, number of cells of the state, and 1 if elements are complex.
    size, radial : (S,), (S, R, R)
        Displacements by √size/4, for the last S sizes; -1 where there is none.
    """

    has_jumps: bool
    model: SpinModeModel
    elements: Floats
    c: Floats
    frame: Floats
    where: Integers
    size: Integers
    radial: Floats


@by_reference
class SpinModeWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, in columns of R Fock states; columns 0 and K + 1 are empty.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, norms
        As there; row n of column k begins at cell 8 (k R + n).
    shape : (4,) int
        R, K, and the first column of the sector and one behind its last.
    cover : (MAX_ORDER + 1, K + 2, 2) int
        First and past-last Fock state of each column, of each vector of the series; where columns are that have any:
    columns : (MAX_ORDER + 1, 2) int
    tight : (K + 2, 3, 2) int
        Of the last one, what is not negligible: of all of a column, of its first i, of its last i.
    reach : (MAX_ORDER + 1, K + 2, 2) int
        What the one before leads to: what is computed of each.
    span : (K + 2, 2) int
        What ``out`` has. Two Fock states further, and as far in the columns beside, there are zeros.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    norms: Floats
    shape: Integers
    cover: Integers
    columns: Integers
    tight: Integers
    reach: Integers
    span: Integers


ROWS, COLUMNS, FIRST_COLUMN, LAST_COLUMN = range(4)
"""Slots of ``shape``."""

LEVEL, DAMPING, B_LOW, B_HIGH, P, P_LOW, P_HIGH, Q, Q_LOW, Q_HIGH = 0, 1, 2, 4, 6, 8, 10, 12, 14, 16
"""Rows of ``elements``: the diagonal, B from i - 1 and from i + 1, u + Y from i, i - 1, i + 1, and v + Y†."""

OMEGA, DRIVE_RE, DRIVE_IM, NET, BOTH, TICK, FOLLOWS, STAYS_RE, STAYS_IM, FAR = range(10)
"""Slots of ``of_mode``: ω, √N η, κ₁ - κ₂ and κ₁ + κ₂ of all losses, time between two moves of the reference, whether it
follows the mode, where it stays if not, and |<a'>| above which the frame is moved."""

B_RE, B_IM, BETA_RE, BETA_IM, LEFT, LEFT_THEN = range(6)
"""Slots of ``frame``: displacement and reference, time to the next move of the reference, and that behind the step."""

TWO_J, CELLS, IS_COMPLEX = range(3)
"""Slots of ``where``."""

ALL, FIRST, LAST = range(3)
"""Second index of ``tight``."""


@njit(**OPTIONS)
def blank_rows_of(re, im, base, first, last):
    """Zero rows of a column that begins at ``base``."""
    zero = spread(0.0)
    for p in range(base + LANES * first, base + LANES * last, LANES):
        store(re, p, LANES, zero)
        store(im, p, LANES, zero)


@njit(**OPTIONS)
def lead(re, im, shape, own, columns, tight, reach):
    """Write which rows the next vector has, and zeros around the ``own`` ones as far as it will read them."""
    rows, first, last = shape[ROWS], columns[0], columns[1]
    begin, end = max(first - 1, shape[FIRST_COLUMN]), min(last + 1, shape[LAST_COLUMN])
    for k in range(begin, end):
        lo, hi = rows, np.int64(0)
        if first <= k < last and tight[k, ALL, 1] > 0:
            lo, hi = tight[k, ALL, 0], tight[k, ALL, 1]
        if first < k <= last and tight[k - 1, LAST, 1] > 0:
            lo, hi = min(lo, tight[k - 1, LAST, 0]), max(hi, tight[k - 1, LAST, 1])
        if first - 1 <= k < last - 1 and tight[k + 1, FIRST, 1] > 0:
            lo, hi = min(lo, tight[k + 1, FIRST, 0]), max(hi, tight[k + 1, FIRST, 1])
        reach[k, 0], reach[k, 1] = (max(lo - 1, 0), min(hi + 1, rows - 1)) if hi > 0 else (0, 0)
    while begin < end and reach[begin, 1] == 0:
        begin += 1
    while begin < end and reach[end - 1, 1] == 0:
        end -= 1
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
    return begin, end


@njit(**OPTIONS)
def keep_columns(rows_re, rows_im, work, least):
    """Find what of the state weighs more than ``least`` in a cell, and what the first vector of the series has."""
    re, im, shape, tight, own, columns = rows_re[0], rows_im[0], work.shape, work.tight, work.cover[0], work.columns
    for k in range(columns[0, 0], columns[0, 1]):
        base = LANES * k * shape[ROWS]
        tight[k] = 0
        for n in range(own[k, 0], own[k, 1]):
            a, b = load(re, base + LANES * n, LANES), load(im, base + LANES * n, LANES)
            note(fused(a, a, b * b), least, tight[k], n)
    columns[1, 0], columns[1, 1] = lead(re, im, shape, own, columns[0], tight, work.reach[1])


@njit(inline="always", **OPTIONS)
def note(weight, least, tight, n):
    """Widen the rows that are not negligible by row n, if it is not."""
    quiet = quiet_first(weight, least)
    if quiet < LANES:
        if tight[ALL, 1] == 0:
            tight[ALL, 0] = n
        tight[ALL, 1] = n + 1
        if quiet == 0:
            if tight[FIRST, 1] == 0:
                tight[FIRST, 0] = n
            tight[FIRST, 1] = n + 1
        if quiet_last(weight, least) == 0:
            if tight[LAST, 1] == 0:
                tight[LAST, 0] = n
            tight[LAST, 1] = n + 1


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


@njit(**OPTIONS)
def _column(
    to_re, to_im, re, im, base, far, lo, hi, elements, q, roots, omega, decay, shift, half_shift, scale, tight, least
):
    """Write rows lo to hi of a column of -i scale (H_eff - shift + i half_shift) ψ with real B and Y; |.|² of them."""
    level, gain = load_row(elements, LEVEL, q, LANES) - spread(shift), load_row(elements, DAMPING, q, LANES)
    gain = gain - spread(half_shift)
    b_low, b_high = load_row(elements, B_LOW, q, LANES), load_row(elements, B_HIGH, q, LANES)
    p_re, p_im = load_row(elements, P, q, LANES), load_row(elements, P + 1, q, LANES)
    p_low, p_high = load_row(elements, P_LOW, q, LANES), load_row(elements, P_HIGH, q, LANES)
    q_re, q_im = load_row(elements, Q, q, LANES), load_row(elements, Q + 1, q, LANES)
    q_low, q_high = load_row(elements, Q_LOW, q, LANES), load_row(elements, Q_HIGH, q, LANES)
    quantum, decaying, factor, back, square = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    up_re, up_im = spread(0.0), spread(0.0)
    tight[:] = 0
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
    for n in range(lo, hi):
        p, count = base + LANES * n, spread(1.0 * n)
        energy, damping = fused(count, quantum, level), fused(count, decaying, gain)
        x, y = fused(energy, a, damping * b), fused(energy, b, -(damping * a))
        x, y = fused(b_low, low, fused(b_high, high, x)), fused(b_low, low_im, fused(b_high, high_im, y))
        root = spread(roots[n])
        x, y = fused(root, up_re, x), fused(root, up_im, y)
        up_re, up_im = times(p_re, p_im, a, b)
        up_re, up_im = (
            fused(p_low, low, fused(p_high, high, up_re)),
            fused(p_low, low_im, fused(p_high, high_im, up_im)),
        )
        a, low, high = neighbours(re, p + LANES, far)
        b, low_im, high_im = neighbours(im, p + LANES, far)
        down_re, down_im = times(q_re, q_im, a, b)
        down_re = fused(q_low, low, fused(q_high, high, down_re))
        down_im = fused(q_low, low_im, fused(q_high, high_im, down_im))
        root = spread(roots[n + 1])
        x, y = back * fused(root, down_re, x), factor * fused(root, down_im, y)
        store(to_re, p, LANES, y)
        store(to_im, p, LANES, x)
        weight = fused(x, x, y * y)
        square = square + weight
        note(weight, least, tight, n)
    return total(square)


@njit(inline="always", **OPTIONS)
def _three(elements, slot, q, a, b, low, low_im, high, high_im):
    """What elements from i, i - 1 and i + 1 make of amplitudes there."""
    x, y = times(load_row(elements, slot, q, LANES), load_row(elements, slot + 1, q, LANES), a, b)
    x, y = plus(load_row(elements, slot + 2, q, LANES), load_row(elements, slot + 3, q, LANES), low, low_im, x, y)
    return plus(load_row(elements, slot + 4, q, LANES), load_row(elements, slot + 5, q, LANES), high, high_im, x, y)


@njit(**OPTIONS)
def _complex_column(
    to_re, to_im, re, im, base, far, lo, hi, elements, q, roots, omega, decay, shift, half_shift, scale, tight, least
):
    """:func:`_column` for any elements."""
    level, gain = load_row(elements, LEVEL, q, LANES) - spread(shift), load_row(elements, DAMPING, q, LANES)
    gain = gain - spread(half_shift)
    quantum, decaying, factor, back, square = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    up_re, up_im = spread(0.0), spread(0.0)
    tight[:] = 0
    if lo > 0:
        a, low, high = neighbours(re, base + LANES * (lo - 1), far)
        b, low_im, high_im = neighbours(im, base + LANES * (lo - 1), far)
        up_re, up_im = _three(elements, P, q, a, b, low, low_im, high, high_im)
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
        root = spread(roots[n])
        x, y = fused(root, up_re, x), fused(root, up_im, y)
        up_re, up_im = _three(elements, P, q, a, b, low, low_im, high, high_im)
        a, low, high = neighbours(re, p + LANES, far)
        b, low_im, high_im = neighbours(im, p + LANES, far)
        down_re, down_im = _three(elements, Q, q, a, b, low, low_im, high, high_im)
        root = spread(roots[n + 1])
        x, y = back * fused(root, down_re, x), factor * fused(root, down_im, y)
        store(to_re, p, LANES, y)
        store(to_im, p, LANES, x)
        weight = fused(x, x, y * y)
        square = square + weight
        note(weight, least, tight, n)
    return total(square)


@njit(**OPTIONS)
def apply_columns_of_mode(
    rows_re, rows_im, order, unit, elements, roots, omega, decay, is_complex, work, shift, half_shift, weight
):
    """Write row ``order`` + 1 of the series from row ``order``; its squared norm.

    Cells at the ends of columns that weigh no more than ``weight`` together lead to none of the next order.
    """
    scale, rows, shape = unit * (1.0 / (order + 1.0)), work.shape[ROWS], work.shape
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    tight, reach, own, columns = work.tight, work.reach[order + 1], work.cover[order + 1], work.columns[order + 1]
    far, norm2, cells = LANES * rows, 0.0, 1
    for k in range(columns[0], columns[1]):
        cells += LANES * (reach[k, 1] - reach[k, 0])
    least = weight / cells
    for k in range(columns[0], columns[1]):
        lo, hi = reach[k, 0], reach[k, 1]
        base, q = far * k, LANES * (k - 1)
        if hi == 0:
            tight[k] = 0
        elif is_complex > 0:
            norm2 += _complex_column(
                to_re, to_im, re, im, base, far, lo, hi, elements, q, roots, omega, decay, shift, half_shift, scale,
                tight[k], least,
            )  # fmt: skip
        else:
            norm2 += _column(
                to_re, to_im, re, im, base, far, lo, hi, elements, q, roots, omega, decay, shift, half_shift, scale,
                tight[k], least,
            )  # fmt: skip
        own[k, 0], own[k, 1] = (lo, hi) if tight[k, ALL, 1] > 0 else (0, 0)
    if order + 2 < work.columns.shape[0]:
        begin, end = lead(to_re, to_im, shape, own, columns, tight, work.reach[order + 2])
        work.columns[order + 2, 0], work.columns[order + 2, 1] = begin, end
    return norm2


@njit(**OPTIONS)
def overlap_of_columns(rows_re, rows_im, order, work):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    first, own = work.cover[0], work.cover[order]
    begin, end = max(work.columns[0, 0], work.columns[order, 0]), min(work.columns[0, 1], work.columns[order, 1])
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
        for k in range(work.columns[row, 0], work.columns[row, 1]):
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
    factor, square_re, square_im, rows = spread(x), spread(0.0), spread(0.0), shape[ROWS]
    for k in range(shape[COLUMNS] + 2):
        lo, hi = rows, np.int64(0)
        for row in range(order + 1):
            if columns[row, 0] <= k < columns[row, 1] and cover[row, k, 1] > 0:
                lo, hi = min(lo, cover[row, k, 0]), max(hi, cover[row, k, 1])
        span[k, 0], span[k, 1] = min(lo, hi), hi
        base = LANES * k * rows
        for n in range(lo, hi):
            p, a, b = base + LANES * n, spread(0.0), spread(0.0)
            for row in range(order, -1, -1):
                a, b = factor * a, factor * b
                if columns[row, 0] <= k < columns[row, 1] and cover[row, k, 0] <= n < cover[row, k, 1]:
                    a, b = a + load_row(taylor_re, row, p, LANES), b + load_row(taylor_im, row, p, LANES)
            store(out_re, p, LANES, a)
            store(out_im, p, LANES, b)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    blank_around(out_re, out_im, span, rows, shape[COLUMNS])
    return total(square_re + square_im)
