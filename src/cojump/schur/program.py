"""H_eff of several blocks as a straight-line program over tensor-product states.

A state over ⊗_b V_b is a flat complex array in C order. A program is a list of instructions on registers: multiply
by a real table over the basis, or apply a small sparse matrix to one axis. Register 0 holds the state, register 1
collects the result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MULTIPLY, MULTIPLY_ADD, APPLY, APPLY_ADD, CLEAR = range(5)
"""Instructions: dst = table·src; dst += c table·src; dst = A src; dst += c A src; dst = 0."""


class Program(NamedTuple):
    """Instructions and what they work with.

    Attributes
    ----------
    code : (n, 4) int array
        Instruction, destination, source, and number of the table or of the matrix.
    factor : (n,) complex array
    tables : (n_tables, size) array
    axis : (n_matrices, 3) int array
        Product of the dimensions before the axis, its dimension, and the product of those after it.
    start : (n_matrices,) int array
        Where the row pointers of a matrix begin in ``pointers``.
    pointers, columns, values : flat arrays
        Compressed sparse rows of all matrices, one after the other.
    registers : (n_registers, size) complex array
    """

    code: NDArray[np.int64]
    factor: NDArray[np.complex128]
    tables: NDArray[np.float64]
    axis: NDArray[np.int64]
    start: NDArray[np.int64]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.complex128]
    registers: NDArray[np.complex128]


def empty_program() -> Program:
    """The program of a sector that needs none."""
    no_int, no_complex = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=complex)
    return Program(
        np.zeros((0, 4), dtype=np.int64),
        no_complex,
        np.zeros((0, 0)),
        np.zeros((0, 3), dtype=np.int64),
        no_int,
        no_int,
        no_int,
        no_complex,
        np.zeros((0, 0), dtype=complex),
    )
