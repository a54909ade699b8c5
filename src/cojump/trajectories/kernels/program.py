"""Running the program of a sector of several blocks, see schur.program."""

from __future__ import annotations

from numba import njit

from ..product_program import APPLY, CLEAR, MULTIPLY, MULTIPLY_ADD
from .common import OPTIONS


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
def run_program(program):
    """Carry out all instructions; the result is in register 1."""
    registers = program.registers
    registers[1, :] = 0.0
    for n in range(program.code.shape[0]):
        instruction, dst, src, number = program.code[n]
        target, source = registers[dst], registers[src]
        if instruction == MULTIPLY:
            table = program.tables[number]
            for p in range(target.size):
                target[p] = table[p] * source[p]
        elif instruction == MULTIPLY_ADD:
            table, factor = program.tables[number], program.factor[n]
            for p in range(target.size):
                target[p] += factor * table[p] * source[p]
        elif instruction == CLEAR:
            target[:] = 0.0
        else:
            if instruction == APPLY:
                target[:] = 0.0
            outer, dim, inner = program.axis[number]
            pointers = program.pointers[program.start[number] : program.start[number] + dim + 1]
            apply_axis(
                outer, dim, dim, inner, pointers, program.columns, program.values, program.factor[n], source, target
            )


@njit(**OPTIONS)
def apply_columns(
    rows_re,
    rows_im,
    order,
    lo,
    hi,
    unit,
    pointers,
    rows,
    values_re,
    values_im,
    diagonal,
    half_rate,
    shift,
    half_shift,
    least,
):
    """As apply_program for a matrix given by columns; amplitudes whose weight is below ``least`` are left out.

    A state of more than two levels occupies few of the states of its sector, and no interval of them.
    """
    scale, is_real = unit * (1.0 / (order + 1.0)), values_im.size == 0
    re, im = rows_re[order, lo:hi], rows_im[order, lo:hi]
    to_re, to_im = rows_re[order + 1, lo:hi], rows_im[order + 1, lo:hi]
    for p in range(re.size):
        to_re[p] = 0.0
        to_im[p] = 0.0
    for p in range(re.size):
        if re[p] * re[p] + im[p] * im[p] <= least:
            continue
        a, b = scale * re[p], scale * im[p]
        energy, damping = diagonal[p] - shift, half_rate[p] - half_shift
        to_re[p] += energy * b - damping * a
        to_im[p] -= energy * a + damping * b
        if is_real:
            for k in range(pointers[p], pointers[p + 1]):
                to_re[rows[k]] += values_re[k] * b
                to_im[rows[k]] -= values_re[k] * a
        else:
            for k in range(pointers[p], pointers[p + 1]):
                to_re[rows[k]] += values_re[k] * b + values_im[k] * a
                to_im[rows[k]] += values_im[k] * b - values_re[k] * a
    total = 0.0
    for p in range(to_re.size):
        total += to_re[p] ** 2 + to_im[p] ** 2
    return total


@njit(**OPTIONS)
def apply_program(
    rows_re, rows_im, order, lo, hi, unit, program, shifts, imaginary, bands, diagonal, half_rate, shift, half_shift
):
    """As apply_real for a program plus bands and the diagonal tables."""
    scale = unit * (1.0 / (order + 1.0))
    re, im = rows_re[order, lo:hi], rows_im[order, lo:hi]
    to_re, to_im = rows_re[order + 1, lo:hi], rows_im[order + 1, lo:hi]
    size = re.size
    if shifts.size == 0:
        state = program.registers[0]
        for p in range(size):
            state[p] = complex(re[p], im[p])
        run_program(program)
        result = program.registers[1]
        for p in range(size):
            to_re[p] = result[p].real
            to_im[p] = result[p].imag
    else:
        for p in range(size):
            to_re[p] = 0.0
            to_im[p] = 0.0
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
    total = 0.0
    for p in range(size):
        energy = diagonal[p] - shift
        damping = half_rate[p] - half_shift
        h_re = energy * re[p] + damping * im[p] + to_re[p]
        h_im = energy * im[p] - damping * re[p] + to_im[p]
        to_re[p] = scale * h_im
        to_im[p] = -scale * h_re
        total += (scale * h_im) ** 2 + (scale * h_re) ** 2
    return total


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
