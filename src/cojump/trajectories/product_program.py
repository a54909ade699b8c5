"""H_eff of several blocks as a straight-line program over tensor-product states.

A state over ⊗_b V_b is a flat complex array in C order. A program is a list of instructions on registers: multiply
by a real table over the basis, or apply a small sparse matrix to one axis. Register 0 holds the state, register 1
collects the result. They go row by row, all states of the last axis or of the last few, and rows that are zero are told
from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from ..tools.types import Array
from .by_reference import by_reference

MULTIPLY, MULTIPLY_ADD, APPLY, APPLY_ADD, CLEAR = range(5)
"""Instructions: dst = table·src; dst += c table·src; dst = A src; dst += c A src; dst = 0."""


@by_reference
class Program(NamedTuple):
    """Instructions and what they work with.

    Attributes
    ----------
    row : int
        Cells of a row of the registers.
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
    is_real : (n_matrices,) uint8
        1 where all values of a matrix are.
    re, im : (n_registers - 2, size) arrays
        Registers from number 2 on.
    made : (n_registers - 2, rows) uint8
        1 for the rows of each register that are not zero.
    place, value : (2, m) arrays
        Room for the real and the imaginary elements that lead to a row from others.
    group : (8,) int
    lanes : (4, 8 row + 64) array
        Room for rows that are gone through together; none where one row is all there is.
    """

    row: int
    code: NDArray[np.int64]
    factor: NDArray[np.complex128]
    tables: NDArray[np.float64]
    axis: NDArray[np.int64]
    start: NDArray[np.int64]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.complex128]
    is_real: NDArray[np.uint8]
    re: Array
    im: Array
    made: NDArray[np.uint8]
    place: NDArray[np.int64]
    value: Array
    group: NDArray[np.int64]
    lanes: Array

    @property
    def size(self) -> int:
        """Number of amplitudes."""
        return int(self.re.shape[1])


ROWS_AT_ONCE = 8
"""Rows that a matrix within them is applied to at once: one for each lane of a vector."""

SHORT_ROW, LONG_ROW = 8, 64
"""Cells of a row to which an axis is added: fewer than the first before, and no more than the second then."""


def row_of(dims: Sequence[int]) -> int:
    """Cells of a row: all states of the last axis, or of the last few where those are few."""
    row = 1
    for dim in reversed(dims):
        if row >= SHORT_ROW or (row > 1 and row * dim > LONG_ROW):
            break
        row *= dim
    return row


@dataclass
class Builder:
    """Collects instructions, matrices and tables of one sector."""

    dims: tuple[int, ...]
    code: list[tuple[int, int, int, int]] = field(default_factory=list)
    factor: list[complex] = field(default_factory=list)
    tables: list[NDArray[np.float64]] = field(default_factory=list)
    matrices: list[tuple[int, csr_array]] = field(default_factory=list)
    registers: int = 2

    def put(self, instruction: int, dst: int, src: int, number: int = 0, factor: complex = 1.0) -> None:
        """Append an instruction."""
        self.code.append((instruction, dst, src, number))
        self.factor.append(complex(factor))
        self.registers = max(self.registers, dst + 1, src + 1)

    def table(self, values: NDArray[np.float64]) -> int:
        """Number of a table, given so that it broadcasts over the sector."""
        self.tables.append(np.broadcast_to(values, self.dims).ravel())
        return len(self.tables) - 1

    def matrix(self, axis: int, matrix: csr_array) -> int:
        """Number of a sparse matrix that acts on one axis."""
        self.matrices.append((axis, matrix))
        return len(self.matrices) - 1

    def build(self) -> Program:
        """The finished program."""
        size, row = prod(self.dims), row_of(self.dims)
        axes, starts, pointers, columns, values = [], [], [], [], []
        pointer_count = entry_count = most = 0
        for axis, m in self.matrices:
            axes.append((prod(self.dims[:axis]), self.dims[axis], prod(self.dims[axis + 1 :])))
            starts.append(pointer_count)
            pointers.append(m.indptr.astype(np.int64) + entry_count)
            columns.append(m.indices.astype(np.int64))
            values.append(m.data.astype(complex))
            pointer_count += len(m.indptr)
            entry_count += len(m.data)
            most += int(np.diff(m.indptr).max(initial=0))  # of all matrices, should they be applied together

        def join(parts: list[NDArray], dtype: type) -> NDArray:
            return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)

        return Program(
            row,
            np.array(self.code, dtype=np.int64).reshape(-1, 4),
            np.array(self.factor, dtype=complex),
            np.array(self.tables, dtype=float).reshape(len(self.tables), size),
            np.array(axes, dtype=np.int64).reshape(-1, 3),
            np.array(starts, dtype=np.int64),
            join(pointers, np.int64),
            join(columns, np.int64),
            join(values, complex),
            np.array([not m.data.imag.any() for _, m in self.matrices], dtype=np.uint8),
            np.zeros((self.registers - 2, size)),
            np.zeros((self.registers - 2, size)),
            np.zeros((self.registers - 2, size // row), dtype=np.uint8),
            np.zeros((2, most), dtype=np.int64),
            np.zeros((2, most)),
            np.zeros(ROWS_AT_ONCE, dtype=np.int64),
            np.zeros((4, ROWS_AT_ONCE * (row + ROWS_AT_ONCE) if size > row else 0)),
        )


def rows_beside(
    pointers: NDArray[np.int64], places: NDArray[np.int32], row: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows the states of each lead to, by a matrix given by columns: where those of one begin, and which."""
    begins, size = np.append(pointers[:-1:row], pointers[-1]), -(-(len(pointers) - 1) // row)
    found = csc_array((np.ones(len(places)), places // row, begins), shape=(size, size))
    found.sum_duplicates()
    return found.indptr.astype(np.int64), found.indices.astype(np.int64)
