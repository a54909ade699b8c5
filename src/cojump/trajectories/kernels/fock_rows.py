"""H_eff times a state of blocks and boson modes: all of it in one pass, on the Fock states that are occupied.

The last mode is the inner axis, and all else, blocks and further modes, is numbered by rows. Each term of H_eff has at
most one a' or a'† of the last mode, so that

    H_eff = E + X₀ + X₋ a' + X₊ a'† + X₁ a'†a',

with sparse matrices X of the rows and a diagonal E that is linear in the quanta. In each row the cells of eight Fock
states go together, and X₀ψ, X₋ψ and X₊ψ are summed where the state is read; a' and a'† then move them by one cell in
registers. Each row has a window of its own at each order of the series: what couples to the rows of the order before,
and one quantum more, as far as amplitudes weigh anything.
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
    behind_lanes,
    first_lanes,
    fused,
    load,
    load_row,
    quiet_first,
    quiet_last,
    rising,
    spread,
    spread_cell,
    store,
    total,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@by_reference
class FockHeff(NamedTuple):
    """What a no-jump step reads: H_eff of a sector of blocks beside boson modes, in R rows of F Fock states.

    Attributes
    ----------
    has_jumps : bool
    shape : (3,) int
        R, F, and the cells of a row: whole vectors.
    level : (R, 4)
        E: real part and minus its imaginary part at the first Fock state, and what a quantum adds to them.
    lower, upper : (F',)
        √(n+1) and √n of the cells of a row, zero where they lead out of it.
    pointer : (R, 5) int
        Where the elements of a row begin: those of X₀, X₋ and X₊ that are real, and that are imaginary; the same of X₁;
        and where they end.
    column : (K,) int
    value : (3 K,)
        Of X₀, X₋ and X₊; the first of three is that of X₁ where it stands.
    beside, near : (R + 1,) and (K',) int
        The rows that lead to a row, and itself: where they begin, and which.
    """

    has_jumps: bool
    shape: Integers
    level: Floats
    lower: Floats
    upper: Floats
    pointer: Integers
    column: Integers
    value: Floats
    beside: Integers
    near: Integers


@by_reference
class FockWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, of rows of Fock states.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, norms
        As there, row behind row.
    shape : (3,) int
        That of H_eff.
    cover : (R, MAX_ORDER + 1, 2) int
        First and past-last cell that a row has at each order, whole vectors. Beside them are zeros, or
        what is never read.
    tight : (2, R, 2) int
        Those of the last two orders that weigh anything.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    norms: Floats
    shape: Integers
    cover: Integers
    tight: Integers


ROWS, QUANTA, STRIDE = range(3)
"""Places in ``shape``."""


@njit(**OPTIONS)
def set_elements(factors, beside, near, place, factor, part, sums, pointer, column, value):
    """Add up the elements with their factors; real and imaginary ones that are not zero become lists of their own."""
    sums[:] = 0.0
    for n in range(place.size):
        sums[place[n] // 4, place[n] % 4] += factors[factor[n]] * part[n]
    made = 0
    for r in range(pointer.shape[0]):
        for which in range(4):
            pointer[r, which] = made
            first, last = (0, 3) if which < 2 else (3, 4)
            for k in range(beside[r], beside[r + 1]):
                some = False
                for kind in range(first, last):
                    x = sums[k, kind].real if which % 2 == 0 else sums[k, kind].imag
                    value[3 * made + kind - first] = x
                    some = some or x != 0.0
                if some:
                    column[made] = near[k]
                    made += 1
        pointer[r, 4] = made


@njit(**OPTIONS)
def put_state(ket, shape, rows_re, rows_im):
    """Write a flat state into row 0 of the series."""
    rows, quanta, stride = shape[ROWS], shape[QUANTA], shape[STRIDE]
    re, im = rows_re[0], rows_im[0]
    for r in range(rows):
        p, at = r * stride, r * quanta
        for q in range(quanta):
            re[p + q] = ket[at + q].real
            im[p + q] = ket[at + q].imag
        for q in range(quanta, stride):
            re[p + q] = 0.0
            im[p + q] = 0.0


@njit(**OPTIONS)
def get_state(ket, shape, out_re, out_im):
    """Write what has been summed into a flat state."""
    rows, quanta, stride = shape[ROWS], shape[QUANTA], shape[STRIDE]
    for r in range(rows):
        p, at = r * stride, r * quanta
        for q in range(quanta):
            ket[at + q] = complex(out_re[p + q], out_im[p + q])


@njit(**OPTIONS)
def blank(re, im, first, last):
    """Zero the cells of whole vectors."""
    zero = spread(0.0)
    for p in range(first, last, LANES):
        store(re, p, LANES, zero)
        store(im, p, LANES, zero)


@njit(**OPTIONS)
def keep_fock(rows_re, rows_im, shape, cover, tight, least):
    """Find the window of each row of the state, whose cells beside it weigh no more than ``least`` each."""
    re, im = rows_re[0], rows_im[0]
    for r in range(shape[ROWS]):
        base, lo, hi = r * shape[STRIDE], 0, 0
        for q in range(0, shape[STRIDE], LANES):
            a, b = load(re, base + q, LANES), load(im, base + q, LANES)
            weight = fused(a, a, b * b)
            quiet = quiet_first(weight, least)
            if quiet < LANES:
                if hi == 0:
                    lo = q + quiet
                hi = q + LANES - quiet_last(weight, least)
        tight[0, r, 0], tight[0, r, 1] = lo, hi
        cover[r, 0, 0], cover[r, 0, 1] = lo // LANES * LANES, (hi + LANES - 1) // LANES * LANES


@njit(inline="always", **OPTIONS)
def gathered(re, im, q, stride, column, value, start, middle, stop):
    """X₀ψ, X₋ψ and X₊ψ of eight cells, real and imaginary parts."""
    zero = spread(0.0)
    x, y, low_x, low_y, up_x, up_y = zero, zero, zero, zero, zero, zero
    for e in range(start, middle):
        p = column[e] * stride + q
        a, b = load(re, p, LANES), load(im, p, LANES)
        f = spread_cell(value, 3 * e)
        x, y = fused(f, a, x), fused(f, b, y)
        f = spread_cell(value, 3 * e + 1)
        low_x, low_y = fused(f, a, low_x), fused(f, b, low_y)
        f = spread_cell(value, 3 * e + 2)
        up_x, up_y = fused(f, a, up_x), fused(f, b, up_y)
    for e in range(middle, stop):
        p = column[e] * stride + q
        a, b = load(re, p, LANES), -load(im, p, LANES)
        f = spread_cell(value, 3 * e)
        x, y = fused(f, b, x), fused(f, a, y)
        f = spread_cell(value, 3 * e + 1)
        low_x, low_y = fused(f, b, low_x), fused(f, a, low_y)
        f = spread_cell(value, 3 * e + 2)
        up_x, up_y = fused(f, b, up_x), fused(f, a, up_y)
    return x, y, low_x, low_y, up_x, up_y


@njit(inline="always", **OPTIONS)
def product_at(
    re, im, base, q, stride, level_re, level_im, quantum_re, quantum_im, lower, upper, column, value, counted,
    counted_imaginary, end, x, y, next_low_x, next_low_y, low_x, low_y, up_x, up_y, last_x, last_y,
):  # fmt: skip
    """H ψ of eight cells, and ψ: from X₀ψ, x + iy, from X₋ψ there and in the next cells, and X₊ψ there and before."""
    n, a, b = rising(float(q)), load(re, base + q, LANES), load(im, base + q, LANES)
    energy, gain = fused(n, quantum_re, level_re), fused(n, quantum_im, level_im)
    h_re, h_im = fused(energy, a, fused(-gain, b, x)), fused(energy, b, fused(gain, a, y))
    f = load(lower, q, LANES)
    h_re, h_im = fused(f, after(low_x, next_low_x), h_re), fused(f, after(low_y, next_low_y), h_im)
    f = load(upper, q, LANES)
    h_re, h_im = fused(f, before(last_x, up_x), h_re), fused(f, before(last_y, up_y), h_im)
    for e in range(counted, counted_imaginary):
        p, f = column[e] * stride + q, n * spread_cell(value, 3 * e)
        h_re, h_im = fused(f, load(re, p, LANES), h_re), fused(f, load(im, p, LANES), h_im)
    for e in range(counted_imaginary, end):
        p, f = column[e] * stride + q, n * spread_cell(value, 3 * e)
        h_re, h_im = fused(-f, load(im, p, LANES), h_re), fused(f, load(re, p, LANES), h_im)
    return h_re, h_im, a, b


@njit(**OPTIONS)
def apply_fock(
    rows_re, rows_im, order, unit, shape, level, lower, upper, pointer, column, value, beside, near, cover, tight,
    shift, half_shift, least,
):  # fmt: skip
    """Write row ``order`` + 1 of the series from row ``order``; its squared norm, and what weighs nothing of it.

    Cells at the ends of a row that weigh no more than ``least`` each lead to none of the next order.
    """
    scale, rows, stride = unit * (1.0 / (order + 1.0)), shape[ROWS], shape[STRIDE]
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    here, there, top = order % 2, (order + 1) % 2, stride
    zero, factor, back = spread(0.0), spread(scale), spread(-scale)
    norms, gone, leftmost, rightmost = zero, zero, top, np.int64(0)
    for r in range(rows):
        first, last = top, np.int64(0)
        for k in range(beside[r], beside[r + 1]):
            c = near[k]
            if tight[here, c, 1] > 0:
                first, last = min(first, tight[here, c, 0]), max(last, tight[here, c, 1])
        if last == 0:
            cover[r, order + 1, 0] = cover[r, order + 1, 1] = 0
            tight[there, r, 0] = tight[there, r, 1] = 0
            continue
        read_first, read_last = first // LANES * LANES, (last + LANES - 1) // LANES * LANES
        q_first, q_last = max(first - 1, 0) // LANES * LANES, min((last + LANES) // LANES * LANES, top)
        base, lo, hi = r * stride, np.int64(0), np.int64(0)
        start, middle, stop = pointer[r, 0], pointer[r, 1], pointer[r, 2]
        counted, counted_imaginary, end = stop, pointer[r, 3], pointer[r, 4]
        level_re, level_im = spread(level[r, 0] - shift), spread(half_shift - level[r, 1])
        quantum_re, quantum_im = spread(level[r, 2]), spread(-level[r, 3])
        x, y, low_x, low_y, up_x, up_y = zero, zero, zero, zero, zero, zero
        last_x, last_y, square, quiet_end = zero, zero, zero, zero
        if q_first == read_first:
            x, y, low_x, low_y, up_x, up_y = gathered(re, im, q_first, stride, column, value, start, middle, stop)
        for q in range(q_first, q_last, LANES):
            next_x, next_y, next_low_x, next_low_y, next_up_x, next_up_y = zero, zero, zero, zero, zero, zero
            if q + LANES < read_last:
                next_x, next_y, next_low_x, next_low_y, next_up_x, next_up_y = gathered(
                    re, im, q + LANES, stride, column, value, start, middle, stop
                )
            h_re, h_im, _, _ = product_at(
                re, im, base, q, stride, level_re, level_im, quantum_re, quantum_im, lower, upper, column, value,
                counted, counted_imaginary, end, x, y, next_low_x, next_low_y, low_x, low_y, up_x, up_y, last_x, last_y,
            )  # fmt: skip
            h_re, h_im = back * h_re, factor * h_im
            store(to_re, base + q, LANES, h_im)
            store(to_im, base + q, LANES, h_re)
            weight = fused(h_re, h_re, h_im * h_im)
            square = square + weight
            quiet = quiet_first(weight, least)
            if quiet < LANES:
                if hi == 0:
                    lo, gone = q + quiet, gone + quiet_end + first_lanes(weight, quiet)
                quiet = LANES - quiet_last(weight, least)
                hi, quiet_end = q + quiet, behind_lanes(weight, quiet)
            else:
                quiet_end = quiet_end + weight
            last_x, last_y = up_x, up_y
            x, y, low_x, low_y, up_x, up_y = next_x, next_y, next_low_x, next_low_y, next_up_x, next_up_y
        norms, gone = norms + square, gone + quiet_end
        if hi == 0:
            q_first = q_last = np.int64(0)
        tight[there, r, 0], tight[there, r, 1] = lo, hi
        cover[r, order + 1, 0], cover[r, order + 1, 1] = q_first, q_last
        if hi > 0:
            leftmost, rightmost = min(leftmost, q_first), max(rightmost, q_last)
    # what the next order reads of a row beside its own cells
    leftmost, rightmost = max(leftmost - LANES, 0), min(rightmost + LANES, top)
    for r in range(rows):
        base, first, last = r * stride, cover[r, order + 1, 0], cover[r, order + 1, 1]
        if last == 0:
            blank(to_re, to_im, base + leftmost, base + rightmost)
        else:
            blank(to_re, to_im, base + leftmost, base + first)
            blank(to_re, to_im, base + last, base + rightmost)
    return total(norms), total(gone)


@njit(**OPTIONS)
def overlap_of_fock(rows_re, rows_im, order, shape, cover):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    for r in range(shape[ROWS]):
        base = r * shape[STRIDE]
        for q in range(max(cover[r, 0, 0], cover[r, order, 0]), min(cover[r, 0, 1], cover[r, order, 1]), LANES):
            p = base + q
            a, b = load_row(rows_re, 0, p, LANES), load_row(rows_im, 0, p, LANES)
            c, d = load_row(rows_re, order, p, LANES), load_row(rows_im, order, p, LANES)
            ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(**OPTIONS)
def change_unit_of_fock(rows_re, rows_im, norms, order, shape, cover, factor):
    """Write the rows up to ``order`` in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor
        norms[k] *= scale
        re, im, scales = rows_re[k], rows_im[k], spread(scale)
        for r in range(shape[ROWS]):
            base = r * shape[STRIDE]
            for p in range(base + cover[r, k, 0], base + cover[r, k, 1], LANES):
                store(re, p, LANES, scales * load(re, p, LANES))
                store(im, p, LANES, scales * load(im, p, LANES))


@njit(**OPTIONS)
def sum_fock(taylor_re, taylor_im, shape, cover, order, x, out_re, out_im):
    """Write Σ_{k≤order} x^k row k, the state x units of time after the start, into ``out``; |ψ|²."""
    factor, square_re, square_im, top = spread(x), spread(0.0), spread(0.0), shape[STRIDE]
    for r in range(shape[ROWS]):
        base, first, last = r * shape[STRIDE], top, np.int64(0)
        for k in range(order + 1):
            if cover[r, k, 1] > 0:
                first, last = min(first, cover[r, k, 0]), max(last, cover[r, k, 1])
        first = min(first, last)
        blank(out_re, out_im, base, base + first)
        blank(out_re, out_im, base + last, base + top)
        for q in range(first, last, LANES):
            p, a, b = base + q, spread(0.0), spread(0.0)
            for k in range(order, -1, -1):
                a, b = factor * a, factor * b
                if cover[r, k, 0] <= q and q < cover[r, k, 1]:
                    a, b = a + load_row(taylor_re, k, p, LANES), b + load_row(taylor_im, k, p, LANES)
            store(out_re, p, LANES, a)
            store(out_im, p, LANES, b)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def mean_of_lowering(ket, outer, roots, inner):
    """<a'> on the middle axis of a flat state; ``roots`` are √n of all of its Fock states but the first."""
    real = imag = 0.0
    for o in range(outer):
        first = o * (roots.size + 1) * inner
        if inner == 1:
            here, above = ket[first : first + roots.size], ket[first + 1 : first + 1 + roots.size]
            for n in range(roots.size):
                real += roots[n] * (here[n].real * above[n].real + here[n].imag * above[n].imag)
                imag += roots[n] * (here[n].real * above[n].imag - here[n].imag * above[n].real)
            continue
        for n in range(roots.size):
            x = y = 0.0
            for p in range(first + n * inner, first + (n + 1) * inner):
                a, b = ket[p], ket[p + inner]
                x += a.real * b.real + a.imag * b.imag
                y += a.real * b.imag - a.imag * b.real
            real += roots[n] * x
            imag += roots[n] * y
    return real, imag
