"""The series of a state of several blocks, or of any levels, row by row: without rows in which nothing weighs anything.

A row of a tensor product has all states of its last axis, or of its last few; that of one block of many levels is a
number of states one behind the other. A state occupies few of them, and no interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS
from .program import apply_axes, last_sum, register, run_program
from .quiet_sums import largest_quiet, more_quiet, none_quiet
from .vectors import LANES, fused, load, load_row, loud, quiet, spread, spread_cell, store, total

Floats = NDArray[np.float64]

TOGETHER = 64
"""Rows that are finished while they are in the fastest memory."""

STATES = 64
"""Cells of a row of one block of many levels, where H_eff is one matrix by columns."""


@by_reference
class ProductWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, of rows some of which are kept.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, norms
        As there.
    moves : (MAX_ORDER + 1,)
        By how much of each row of the series a sum is moved to another time.
    shape : (2,) int
        Cells of a row, of which the last one may have fewer, and of all of them.
    kept : (MAX_ORDER + 1, R) uint8
        1 for the rows that are kept at each order of the series. The others are zero, whatever is written there.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    norms: Floats
    moves: Floats
    shape: NDArray[np.int64]
    kept: NDArray[np.uint8]


@njit(**OPTIONS)
def keep_rows_of_product(re, im, row, kept, least):
    """Of kept rows set amplitudes to zero that weigh no more than ``least``; rows without others are not kept."""
    for r in range((re.size + row - 1) // row):
        if kept[r] == 0:
            continue
        last, square = min((r + 1) * row, re.size), spread(0.0)
        for p in range(r * row, last, LANES):
            a, b = load(re, p, last - p), load(im, p, last - p)
            weight = fused(a, a, b * b)
            store(re, p, last - p, loud(a, weight, least))
            store(im, p, last - p, loud(b, weight, least))
            square = square + loud(weight, weight, least)
        kept[r] = 0 if total(square) == 0.0 else 1


@njit(**OPTIONS)
def quiet_weight(re, im, row, kept, most, least):
    """The largest of ``least``, STEP ``least``, .. up to which amplitudes of kept rows weigh no more than ``most``.

    ``least`` times their number is not above ``most``. Returns what they weigh, too.
    """
    sums = none_quiet()
    for r in range((re.size + row - 1) // row):
        if kept[r] == 0:
            continue
        last = min((r + 1) * row, re.size)
        for p in range(r * row, last, LANES):
            a, b = load(re, p, last - p), load(im, p, last - p)
            sums = more_quiet(sums, fused(a, a, b * b), least)
    return largest_quiet(sums, most, least)


@njit(**OPTIONS)
def leave_out(re, im, row, kept, most):
    """Set amplitudes of kept rows to zero that weigh ``most`` altogether, at most; rows without others are not kept.

    What they weigh.
    """
    least, gone = quiet_weight(re, im, row, kept, most, most / re.size)
    keep_rows_of_product(re, im, row, kept, least)
    return gone


@njit(**OPTIONS)
def _columns(re, im, kept, beside, near, pointers, rows, values_re, values_im, to_re, to_im, made):
    """Write the rows that a matrix given by columns makes of those that are kept."""
    made[:] = 0
    is_real = values_im.size == 0
    for r in range(beside.size - 1):
        if kept[r] == 0:
            continue
        for k in range(beside[r], beside[r + 1]):
            t = near[k]
            if made[t] == 0:
                to_re[t * STATES : (t + 1) * STATES] = 0.0
                to_im[t * STATES : (t + 1) * STATES] = 0.0
                made[t] = 1
        for p in range(r * STATES, min((r + 1) * STATES, re.size)):
            a, b = re[p], im[p]
            if a == 0.0 and b == 0.0:
                continue
            if is_real:
                for k in range(pointers[p], pointers[p + 1]):
                    to_re[rows[k]] += values_re[k] * a
                    to_im[rows[k]] += values_re[k] * b
            else:
                for k in range(pointers[p], pointers[p + 1]):
                    to_re[rows[k]] += values_re[k] * a - values_im[k] * b
                    to_im[rows[k]] += values_re[k] * b + values_im[k] * a


@njit(**OPTIONS)
def _bands(re, im, shifts, imaginary, bands, to_re, to_im, made):
    """Write all that bands make of a state."""
    size = re.size
    made[:] = 1
    to_re[:] = 0.0
    to_im[:] = 0.0
    for n in range(shifts.size):
        s = shifts[n]
        first, last = max(-s, 0), size - max(s, 0)
        w_re, w_im, band = to_re[first:last], to_im[first:last], bands[n, first:last]
        v_re, v_im = re[first + s : last + s], im[first + s : last + s]
        if imaginary[n] == 1:
            for p in range(band.size):
                w_re[p] -= band[p] * v_im[p]
                w_im[p] += band[p] * v_re[p]
        else:
            for p in range(band.size):
                w_re[p] += band[p] * v_re[p]
                w_im[p] += band[p] * v_im[p]


@njit(**OPTIONS)
def _with_diagonal(
    re, im, row, first_row, last_row, kept, diagonal, half_rate, shift, half_shift, scale, to_re, to_im, made, least
):
    """From the rest of H_eff ψ to -i scale (H_eff - shift + i half_shift) ψ, of which rows are kept that are ``made``.

    Amplitudes that weigh no more than ``least`` are set to zero. The squared norm of it, and of what is left out.
    """
    zero, factor, norm2, missing = spread(0.0), spread(scale), 0.0, spread(0.0)
    shifts, half_shifts = spread(shift), spread(half_shift)
    for r in range(first_row, last_row):
        if made[r] == 0 and kept[r] == 0:
            continue
        last, square = min((r + 1) * row, re.size), zero
        for p in range(r * row, last, LANES):
            n, h_re, h_im = last - p, zero, zero
            if made[r] == 1:
                h_re, h_im = load(to_re, p, n), load(to_im, p, n)
            if kept[r] == 1:
                a, b = load(re, p, n), load(im, p, n)
                energy, damping = load(diagonal, p, n) - shifts, load(half_rate, p, n) - half_shifts
                h_re, h_im = fused(energy, a, fused(damping, b, h_re)), fused(energy, b, fused(-damping, a, h_im))
            h_re, h_im = -(factor * h_re), factor * h_im
            weight = fused(h_re, h_re, h_im * h_im)
            store(to_re, p, n, loud(h_im, weight, least))
            store(to_im, p, n, loud(h_re, weight, least))
            square, missing = square + loud(weight, weight, least), missing + quiet(weight, weight, least)
        weight_of_row = total(square)
        made[r] = 0 if weight_of_row == 0.0 else 1
        norm2 += weight_of_row
    return norm2, total(missing)


@njit(**OPTIONS)
def apply_product(h_eff, rows_re, rows_im, kept, order, size, unit, shift, half_shift, least):
    """Write row ``order`` + 1 of the series, -i unit (H_eff - shift + i half_shift) row / (order + 1); its |row|².

    Amplitudes of it that weigh no more than ``least`` are left out. Returns what they weigh, too.
    """
    here, there, scale = kept[order], kept[order + 1], unit * (1.0 / (order + 1.0))
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    re, im, to_re, to_im, row = re[:size], im[:size], to_re[:size], to_im[:size], h_eff.row
    if h_eff.pointers.size > 0:
        pointers, rows, values_re, values_im = h_eff.pointers, h_eff.rows, h_eff.values_re, h_eff.values_im
        _columns(re, im, here, h_eff.beside, h_eff.near, pointers, rows, values_re, values_im, to_re, to_im, there)
    elif h_eff.bands.shift.size > 0:
        _bands(re, im, h_eff.bands.shift, h_eff.bands.imaginary, h_eff.bands.values, to_re, to_im, there)
    else:
        there[:] = 0  # there may be nothing but the diagonal
    n_rows, together = (size + row - 1) // row, (size + row - 1) // row
    start, stop, source = 0, 0, (re, im, here)
    program = h_eff.program
    if h_eff.pointers.size == 0 and program.code.shape[0] > 0:
        start, stop, together = last_sum(program), program.code.shape[0], TOGETHER
        run_program(program, start, re, im, here, to_re, to_im, there)
        source = register(program, program.code[-1, 2], re, im, here)
    diagonal, half_rate, norm2, missing = h_eff.diagonal, h_eff.half_rate, 0.0, 0.0
    for first in range(0, n_rows, together):
        last = min(first + together, n_rows)
        if start < stop:
            apply_axes(program, start, stop, first, last, *source, to_re, to_im, there)
        part, gone = _with_diagonal(
            re, im, row, first, last, here, diagonal, half_rate, shift, half_shift, scale, to_re, to_im, there, least
        )
        norm2, missing = norm2 + part, missing + gone
    return norm2, missing


@njit(**OPTIONS)
def overlap_of_product(rows_re, rows_im, row, kept, order, size):
    """<row 0|row ``order``> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    for r in range((size + row - 1) // row):
        if kept[0, r] == 0 or kept[order, r] == 0:
            continue
        last = min((r + 1) * row, size)
        for p in range(r * row, last, LANES):
            n = last - p
            a, b = load_row(rows_re, 0, p, n), load_row(rows_im, 0, p, n)
            c, d = load_row(rows_re, order, p, n), load_row(rows_im, order, p, n)
            ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(**OPTIONS)
def change_unit_of_product(rows_re, rows_im, norms, row, kept, order, size, factor):
    """Write the rows up to ``order`` in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor
        norms[k] *= scale
        re, im, scales = rows_re[k], rows_im[k], spread(scale)
        for r in range((size + row - 1) // row):
            if kept[k, r] == 0:
                continue
            last = min((r + 1) * row, size)
            for p in range(r * row, last, LANES):
                store(re, p, last - p, scales * load(re, p, last - p))
                store(im, p, last - p, scales * load(im, p, last - p))


@njit(**OPTIONS)
def sum_product(taylor_re, taylor_im, row, kept, order, size, x, out_re, out_im):
    """Write Σ_{k≤order} x^k row k, the state x units of time after the start, into ``out``; |ψ|²."""
    factor, zero = spread(x), spread(0.0)
    square = zero
    for r in range((size + row - 1) // row):
        last, top = min((r + 1) * row, size), -1
        for k in range(order + 1):
            if kept[k, r] == 1:
                top = k
        for p in range(r * row, last, LANES):
            n, a, b = last - p, zero, zero
            for k in range(top, -1, -1):
                a, b = factor * a, factor * b
                if kept[k, r] == 1:
                    a, b = a + load_row(taylor_re, k, p, n), b + load_row(taylor_im, k, p, n)
            store(out_re, p, n, a)
            store(out_im, p, n, b)
            square = fused(a, a, fused(b, b, square))
    return total(square)


@njit(**OPTIONS)
def move_product(taylor_re, taylor_im, row, kept, moves, terms, size, out_re, out_im):
    """Add Σ_{0<k≤terms} moves[k] row k to ``out``; its |ψ|²."""
    square = spread(0.0)
    for r in range((size + row - 1) // row):
        last = min((r + 1) * row, size)
        for p in range(r * row, last, LANES):
            n, a, b = last - p, load(out_re, p, last - p), load(out_im, p, last - p)
            for k in range(1, terms + 1):
                if kept[k, r] == 1:
                    f = spread_cell(moves, k)
                    a = fused(f, load_row(taylor_re, k, p, n), a)
                    b = fused(f, load_row(taylor_im, k, p, n), b)
            store(out_re, p, n, a)
            store(out_im, p, n, b)
            square = fused(a, a, fused(b, b, square))
    return total(square)
