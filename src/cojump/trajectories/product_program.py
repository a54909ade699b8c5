"""H_eff of several blocks as a straight-line program over tensor-product states.

A state over ⊗_b V_b is a flat complex array in C order. A program is a list of instructions on registers: multiply
by a real table over the basis, or apply a small sparse matrix to one axis. Register 0 holds the state, register 1
collects the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .by_reference import by_reference

MULTIPLY, MULTIPLY_ADD, APPLY, APPLY_ADD, CLEAR = range(5)
"""Instructions: dst = table·src; dst += c table·src; dst = A src; dst += c A src; dst = 0."""


@by_reference
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
        size = prod(self.dims)
        axes, starts, pointers, columns, values = [], [], [], [], []
        pointer_count = entry_count = 0
        for axis, m in self.matrices:
            axes.append((prod(self.dims[:axis]), self.dims[axis], prod(self.dims[axis + 1 :])))
            starts.append(pointer_count)
            pointers.append(m.indptr.astype(np.int64) + entry_count)
            columns.append(m.indices.astype(np.int64))
            values.append(m.data.astype(complex))
            pointer_count += len(m.indptr)
            entry_count += len(m.data)

        def join(parts: list[NDArray], dtype: type) -> NDArray:
            return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)

        return Program(
            np.array(self.code, dtype=np.int64).reshape(-1, 4),
            np.array(self.factor, dtype=complex),
            np.array(self.tables, dtype=float).reshape(len(self.tables), size),
            np.array(axes, dtype=np.int64).reshape(-1, 3),
            np.array(starts, dtype=np.int64),
            join(pointers, np.int64),
            join(columns, np.int64),
            join(values, complex),
            np.zeros((self.registers, size), dtype=complex),
        )
