"""Hermitian block-diagonal matrices ⊕_λ ρ_λ as vectors of real numbers.

A block takes dim² places, row by row: the diagonal, √2 Re ρ_ij above it and √2 Im ρ_ij below it in the place (j, i). The
map keeps the inner product tr(AB), so that its inverse is its transpose; and a vector stands for a Hermitian matrix
whatever rounding does to it, so that no anti-Hermitian part can grow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .operators import Labels

Matrix = NDArray[np.complex128]
Array = NDArray[np.float64]


class Packing:
    """Where the elements of each block sit.

    Parameters
    ----------
    dims : mapping of sector labels to int
        Dimension of each block, in the order of the vector.
    """

    def __init__(self, dims: Mapping[Labels, int]) -> None:
        self.dims = dict(dims)
        ends = np.cumsum([d * d for d in self.dims.values()])
        self.size = int(ends[-1])
        self.slices = {
            label: slice(int(end) - d * d, int(end)) for (label, d), end in zip(self.dims.items(), ends, strict=True)
        }
        self._starts = np.array([s.start for s in self.slices.values()])
        self._roots = np.sqrt([float(d) for d in self.dims.values()])
        self._diagonal = self._places(lambda d: np.arange(d) * (d + 1))
        self._upper = self._places(lambda d: np.ravel_multi_index(np.triu_indices(d, 1), (d, d)))
        self._lower = self._places(lambda d: np.ravel_multi_index(np.triu_indices(d, 1)[::-1], (d, d)))

    def _places(self, of: Callable[[int], NDArray[np.intp]]) -> NDArray[np.intp]:
        return np.concatenate([self.slices[label].start + of(d) for label, d in self.dims.items()])

    def pack(self, blocks: Mapping[Labels, Matrix]) -> Array:
        """The vector of Hermitian blocks; those that are missing are zero."""
        full = np.zeros(self.size, dtype=complex)
        for label, block in blocks.items():
            full[self.slices[label]] = block.ravel()
        return self.pack_flat(full)

    def pack_flat(self, full: Matrix) -> Array:
        """The vector of the elements of all blocks, row by row; reads the diagonals and what is above them."""
        vector = full.real.copy()
        above = sqrt(2) * full[self._upper]
        vector[self._upper], vector[self._lower] = above.real, above.imag
        return vector

    def unpack_flat(self, vector: Array) -> Matrix:
        """The elements of all blocks, row by row."""
        full = np.empty(self.size, dtype=complex)
        above = (vector[self._upper] + 1j * vector[self._lower]) / sqrt(2)
        full[self._diagonal], full[self._upper], full[self._lower] = vector[self._diagonal], above, above.conj()
        return full

    def unpack(self, vector: Array) -> dict[Labels, Matrix]:
        """The Hermitian blocks of a vector."""
        full = self.unpack_flat(vector)
        return {label: full[self.slices[label]].reshape(d, d) for label, d in self.dims.items()}

    def norm(self, vector: Array) -> float:
        """A bound on the trace norm Σ_λ ‖ρ_λ‖_1 ≤ Σ_λ √dim_λ ‖ρ_λ‖_2."""
        squares = np.add.reduceat(vector * vector, self._starts)
        return float(self._roots @ np.sqrt(squares))


def transform(dim: int) -> csr_array:
    """The sparse unitary (dim², dim²) matrix T of one block: elements of ρ = T · vector."""
    rows, columns = np.triu_indices(dim, 1)
    upper, lower, diagonal = rows * dim + columns, columns * dim + rows, np.arange(dim) * (dim + 1)
    half = np.full(len(upper), 1 / sqrt(2), dtype=complex)
    data = [np.ones(dim, dtype=complex), half, 1j * half, half, -1j * half]
    i = np.concatenate([diagonal, upper, upper, lower, lower])
    j = np.concatenate([diagonal, upper, lower, upper, lower])
    return csr_array((np.concatenate(data), (i, j)), shape=(dim * dim, dim * dim))
