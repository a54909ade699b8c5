"""H_eff of one sector as a sparse matrix, from what the kernels read: for methods that need a matrix."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array, eye_array, kron

from .no_jump_tables import BandedHeff, ProgramHeff
from .product_program import APPLY, APPLY_ADD, CLEAR, MULTIPLY, Program


def sector_matrix(h_eff: BandedHeff, two_J: int) -> csc_array:
    """(2J+1, 2J+1) H_eff of one block of two-level particles in sector J, up to a real constant."""
    N, J = h_eff.N, two_J / 2
    inside = slice((N - two_J) // 2, (N - two_J) // 2 + two_J + 1)
    M = np.arange(two_J + 1) - J
    c = np.sqrt(np.maximum((J - M) * (J + M + 1), 0.0))
    up = (h_eff.up_re + 1j * h_eff.up_im)[inside] * c
    down = up if h_eff.is_real else (h_eff.down_re + 1j * h_eff.down_im)[inside] * c
    damping = h_eff.half_rate[inside] + 0.5 * h_eff.casimir * J * (J + 1)
    bands = [(0, h_eff.diagonal[inside] - 1j * damping), (-1, up[:-1]), (1, down[:-1])]
    if h_eff.band > 1 and two_J > 1:
        two = (h_eff.two_re + 1j * h_eff.two_im) * c[:-2] * c[1:-1]
        bands += [(-2, two), (2, two.conj())]
    bands = [(offset, values) for offset, values in bands if len(values)]
    return csc_array(diags_array([values for _, values in bands], offsets=[offset for offset, _ in bands]))


def program_matrix(h_eff: ProgramHeff) -> csc_array:
    """H_eff of a sector of several blocks: its program carried out on the identity, the diagonal and the bands."""
    total = matrix_of(h_eff.program) + diags_array(h_eff.diagonal - 1j * h_eff.half_rate)
    return csc_array(total + h_eff.bands.matrix())


def matrix_of(program: Program) -> csr_array:
    """What a program does, as a matrix."""
    size = program.size
    registers: dict[int, csr_array] = {0: csr_array(eye_array(size, dtype=complex))}
    nothing = csr_array((size, size), dtype=complex)
    for (instruction, dst, src, number), factor in zip(program.code, program.factor, strict=True):
        to, source = registers.get(int(dst), nothing), registers.get(int(src), nothing)
        if instruction == CLEAR:
            made = nothing
        elif instruction in (APPLY, APPLY_ADD):
            outer, dim, inner = (int(n) for n in program.axis[number])
            pointers = program.pointers[program.start[number] : program.start[number] + dim + 1]
            entries = slice(pointers[0], pointers[-1])
            rows = (program.values[entries], program.columns[entries], pointers - pointers[0])
            whole = csr_array(rows, shape=(dim, dim))
            made = factor * (on_axis(outer, whole, inner) @ source)
            made = made if instruction == APPLY else to + made
        else:
            made = diags_array(program.tables[number]) @ source
            made = made if instruction == MULTIPLY else to + factor * made
        registers[int(dst)] = csr_array(made)
    return registers.get(1, nothing)


def on_axis(outer: int, matrix: csr_array, inner: int) -> csr_array:
    """A matrix on one axis of a flat state as a matrix of the whole."""
    if outer * inner == 1:
        return matrix
    return csr_array(kron(kron(eye_array(outer), matrix), eye_array(inner), format="csr"))
