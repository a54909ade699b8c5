"""Running the program of a sector of several blocks, see :mod:`cojump.trajectories.product_program`."""

from __future__ import annotations

from numba import njit

from ..product_program import APPLY_ADD, CLEAR, MULTIPLY, MULTIPLY_ADD, ROWS_AT_ONCE
from .common import OPTIONS
from .vectors import LANES, fused, load, spread, spread_cell, store, transposed


@njit(**OPTIONS)
def apply_axis(outer, n_rows, n_columns, inner, pointers, columns, values, factor, source, target):
    """Add factor · A source to target, with A acting on the middle one of (outer, n, inner)."""
    if inner == 1:
        for o in range(outer):
            for r in range(n_rows):
                total = 0.0j
                for k in range(pointers[r], pointers[r + 1]):
                    total += values[k] * source[o * n_columns + columns[k]]
                target[o * n_rows + r] += factor * total
        return
    for o in range(outer):
        for r in range(n_rows):
            to = target[(o * n_rows + r) * inner : (o * n_rows + r + 1) * inner]
            for k in range(pointers[r], pointers[r + 1]):
                at = (o * n_columns + columns[k]) * inner
                value = factor * values[k]
                for q in range(inner):
                    to[q] += value * source[at + q]


@njit(**OPTIONS)
def apply_axis_adjoint(outer, n_rows, n_columns, inner, pointers, columns, values, source, target):
    """Add A^T source to target for a real (n_rows, n_columns) A; the source has n_rows, the target n_columns."""
    for o in range(outer):
        for r in range(n_rows):
            for k in range(pointers[r], pointers[r + 1]):
                at = (o * n_columns + columns[k]) * inner
                value = values[k]
                for q in range(inner):
                    target[at + q] += value * source[(o * n_rows + r) * inner + q]


@njit(**OPTIONS)
def _add_rows(re, im, place, value, n_real, n_imaginary, to_re, to_im, first, last, is_new):
    """Add value[0] · ψ and i value[1] · ψ to a row, from the rows of ψ that begin at place[0] and place[1]."""
    for q in range(first, last, LANES):
        n, x, y = last - q, spread(0.0), spread(0.0)
        if not is_new:
            x, y = load(to_re, q, n), load(to_im, q, n)
        for e in range(n_real):
            p, f = place[0, e] + q - first, spread_cell(value[0], e)
            x, y = fused(f, load(re, p, n), x), fused(f, load(im, p, n), y)
        for e in range(n_imaginary):
            p, f = place[1, e] + q - first, spread_cell(value[1], e)
            x, y = fused(-f, load(im, p, n), x), fused(f, load(re, p, n), y)
        store(to_re, q, n, x)
        store(to_im, q, n, y)


@njit(**OPTIONS)
def _to_lanes(x, first, row, lanes):
    """Write eight rows, which begin at the cells ``first``, beside each other: a cell of each in every vector."""
    for c in range(0, row, LANES):
        n = row - c
        found = transposed(
            load(x, first[0] + c, n),
            load(x, first[1] + c, n),
            load(x, first[2] + c, n),
            load(x, first[3] + c, n),
            load(x, first[4] + c, n),
            load(x, first[5] + c, n),
            load(x, first[6] + c, n),
            load(x, first[7] + c, n),
        )
        for j in range(LANES):
            store(lanes, (c + j) * LANES, LANES, found[j])


@njit(**OPTIONS)
def _add_lanes(lanes, first, rows, row, x):
    """Add the first few of eight rows that stand beside each other to those that begin at the cells ``first``."""
    for c in range(0, row, LANES):
        p = c * LANES
        found = transposed(
            load(lanes, p, LANES),
            load(lanes, p + LANES, LANES),
            load(lanes, p + 2 * LANES, LANES),
            load(lanes, p + 3 * LANES, LANES),
            load(lanes, p + 4 * LANES, LANES),
            load(lanes, p + 5 * LANES, LANES),
            load(lanes, p + 6 * LANES, LANES),
            load(lanes, p + 7 * LANES, LANES),
        )
        for j in range(ROWS_AT_ONCE):
            if j < rows:
                store(x, first[j] + c, row - c, load(x, first[j] + c, row - c) + found[j])


@njit(**OPTIONS)
def _apply_within(program, start, stop, row, group, n, re, im, to_re, to_im):
    """Add what matrices on axes within a row lead to, in n rows that begin at the cells ``group``: each has a lane."""
    re_of, im_of, sum_re, sum_im = program.lanes[0], program.lanes[1], program.lanes[2], program.lanes[3]
    for j in range(n, ROWS_AT_ONCE):
        group[j] = group[0]
    _to_lanes(re, group, row, re_of)
    _to_lanes(im, group, row, im_of)
    zero = spread(0.0)
    for p in range(0, row * LANES, LANES):
        store(sum_re, p, LANES, zero)
        store(sum_im, p, LANES, zero)
    for m in range(start, stop):
        number = program.code[m, 3]
        dim, inner, at = program.axis[number, 1], program.axis[number, 2], program.start[number]
        if inner >= row:
            continue
        pointers, columns, values = program.pointers[at : at + dim + 1], program.columns, program.values
        is_real, f, g = program.is_real[number] == 1, spread(program.factor[m].real), spread(program.factor[m].imag)
        for base in range(0, row, dim * inner):
            for q in range(base, base + inner):
                for c in range(dim):
                    x = y = zero
                    for k in range(pointers[c], pointers[c + 1]):
                        p, v = (q + columns[k] * inner) * LANES, spread(values[k].real)
                        a, b = load(re_of, p, LANES), load(im_of, p, LANES)
                        x, y = fused(v, a, x), fused(v, b, y)
                        if not is_real:
                            v = spread(values[k].imag)
                            x, y = fused(-v, b, x), fused(v, a, y)
                    p = (q + c * inner) * LANES
                    store(sum_re, p, LANES, fused(f, x, fused(-g, y, load(sum_re, p, LANES))))
                    store(sum_im, p, LANES, fused(f, y, fused(g, x, load(sum_im, p, LANES))))
    _add_lanes(sum_re, group, n, row, to_re)
    _add_lanes(sum_im, group, n, row, to_im)


_IN_TURN = OPTIONS | {"fastmath": {"contract", "arcp", "nsz"}}
"""Sums are not reassociated: to gather what is added in vectors takes longer than to add it in turn."""


@njit(**_IN_TURN)
def _apply_alone(program, number, factor, row, re, im, to_re, to_im):
    """Add a factor times what one matrix leads to, where one row is all there is."""
    dim, inner, at = program.axis[number, 1], program.axis[number, 2], program.start[number]
    pointers, columns, values = program.pointers[at : at + dim + 1], program.columns, program.values
    for base in range(0, row, dim * inner):
        for q in range(base, base + inner):
            for c in range(dim):
                x = y = 0.0
                if program.is_real[number] == 1:
                    for k in range(pointers[c], pointers[c + 1]):
                        p, v = q + columns[k] * inner, values[k].real
                        x += v * re[p]
                        y += v * im[p]
                else:
                    for k in range(pointers[c], pointers[c + 1]):
                        p, v = q + columns[k] * inner, values[k]
                        x += v.real * re[p] - v.imag * im[p]
                        y += v.real * im[p] + v.imag * re[p]
                to_re[q + c * inner] += factor.real * x - factor.imag * y
                to_im[q + c * inner] += factor.real * y + factor.imag * x


@njit(**OPTIONS)
def apply_axes(program, start, stop, first_row, last_row, re, im, kept, to_re, to_im, made):
    """Add what the instructions start..stop lead to, which apply matrices to one register: to some rows of another."""
    place, value, group, waiting, row = program.place, program.value, program.group, 0, program.row
    for r in range(first_row, last_row):
        first, n_real, n_imaginary, here = r * row, 0, 0, False
        for n in range(start, stop):
            number = program.code[n, 3]
            dim, inner = program.axis[number, 1], program.axis[number, 2]
            if inner < row:
                here = here or kept[r] == 1
                continue
            step, at, factor = inner // row, program.start[number], program.factor[n]
            c = r // step % dim
            for k in range(program.pointers[at + c], program.pointers[at + c + 1]):
                s = r + (program.columns[k] - c) * step
                if kept[s] == 1:
                    v = factor * program.values[k]
                    if v.real != 0.0:
                        place[0, n_real], value[0, n_real] = s * row, v.real
                        n_real += 1
                    if v.imag != 0.0:
                        place[1, n_imaginary], value[1, n_imaginary] = s * row, v.imag
                        n_imaginary += 1
        if n_real + n_imaginary > 0 or (here and made[r] == 0):
            _add_rows(re, im, place, value, n_real, n_imaginary, to_re, to_im, first, first + row, made[r] == 0)
            made[r] = 1
        if here and program.lanes.size == 0:
            for n in range(start, stop):
                if program.axis[program.code[n, 3], 2] < row:
                    _apply_alone(program, program.code[n, 3], program.factor[n], row, re, im, to_re, to_im)
        elif here:
            group[waiting] = first
            waiting += 1
        if waiting == ROWS_AT_ONCE or (r == last_row - 1 and waiting > 0):
            _apply_within(program, start, stop, row, group, waiting, re, im, to_re, to_im)
            waiting = 0


@njit(**OPTIONS)
def _multiply(table, factor, row, rows, re, im, kept, to_re, to_im, made):
    """Add a table times a factor times a register to another one."""
    for r in range(rows):
        if kept[r] == 0:
            continue
        for p in range(r * row, (r + 1) * row):
            if made[r] == 0:
                to_re[p] = to_im[p] = 0.0
            x, y = table[p] * re[p], table[p] * im[p]
            to_re[p] += factor.real * x - factor.imag * y
            to_im[p] += factor.real * y + factor.imag * x
        made[r] = 1


@njit(**OPTIONS)
def register(program, number, re, im, made):
    """A register and which of its rows are not zero: those that are given, or one of the program's own."""
    if number > 1:
        re, im, made = program.re[number - 2], program.im[number - 2], program.made[number - 2]
    return re, im, made


@njit(**OPTIONS)
def last_sum(program):
    """The first of the instructions with which it ends: those that add matrices times one register to the result."""
    code = program.code
    n = code.shape[0]
    while n > 0 and code[n - 1, 0] == APPLY_ADD and code[n - 1, 1] == 1 and code[n - 1, 2] == code[-1, 2]:
        n -= 1
    return n


@njit(**OPTIONS)
def run_program(program, stop, re, im, kept, to_re, to_im, made):
    """Carry out the instructions before ``stop`` on the state, which is register 0; the result is register 1.

    Of the state those rows are read that are ``kept``; of the result those are written that are ``made``, and the
    others are zero.
    """
    code, row, n = program.code, program.row, 0
    rows = re.size // row
    made[:rows] = 0
    while n < stop:
        start, (instruction, dst, src, number) = n, code[n]
        n += 1
        x, y, here = register(program, src, re, im, kept)
        to_x, to_y, there = register(program, dst, to_re, to_im, made)
        if instruction not in (APPLY_ADD, MULTIPLY_ADD):
            there[:rows] = 0
        if instruction in (MULTIPLY, MULTIPLY_ADD):
            _multiply(program.tables[number], program.factor[start], row, rows, x, y, here, to_x, to_y, there)
        elif instruction != CLEAR:
            while n < stop and code[n, 0] == APPLY_ADD and code[n, 1] == dst and code[n, 2] == src:
                n += 1
            apply_axes(program, start, n, 0, rows, x, y, here, to_x, to_y, there)


@njit(**OPTIONS)
def twice_bands(shifts, imaginary, bands, state):
    """<ψ|.|ψ> of bands above the diagonal together with their adjoint."""
    total = 0.0
    for n in range(shifts.size):
        s = shifts[n]
        band, left, right = bands[n, : state.size - s], state[: state.size - s], state[s:]
        if imaginary[n] == 1:
            for p in range(band.size):
                total += band[p] * (left[p].imag * right[p].real - left[p].real * right[p].imag)
        else:
            for p in range(band.size):
                total += band[p] * (left[p].real * right[p].real + left[p].imag * right[p].imag)
    return 2.0 * total
