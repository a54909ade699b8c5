"""Hermitian block-diagonal matrices ⊕_λ ρ_λ as vectors of real numbers.

A block stands as the real matrix y = Re ρ + Im ρ: the real part is symmetric and the imaginary part antisymmetric, so
that ρ = (1+i)/2 y + (1-i)/2 yᵀ gives both back, and tr(AB) = Σ a b. A vector stands for a Hermitian matrix whatever
rounding does to it, so that no anti-Hermitian part can grow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import coo_array, csr_array

from ..basis.sectors import Labels
from ..tools.types import Array, Matrix


class Packing:
    """Where the elements of each block sit, row by row.

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

    def pack(self, blocks: Mapping[Labels, Matrix]) -> Array:
        """The vector of Hermitian blocks; those that are missing are zero."""
        vector = np.zeros(self.size)
        for label, block in blocks.items():
            vector[self.slices[label]] = packed(block).ravel()
        return vector

    def unpack(self, vector: Array) -> dict[Labels, Matrix]:
        """The Hermitian blocks of a vector."""
        return {label: unpacked(vector[self.slices[label]].reshape(d, d)) for label, d in self.dims.items()}

    def norm(self, vector: Array) -> float:
        """A bound on the trace norm, Σ_λ ‖ρ_λ‖_1 ≤ Σ_λ √dim_λ ‖ρ_λ‖_2."""
        squares = np.add.reduceat(vector * vector, self._starts)
        return float(self._roots @ np.sqrt(squares))


def packed(block: Matrix) -> Array:
    """Return y = Re ρ + Im ρ of a Hermitian matrix."""
    return block.real + block.imag


def unpacked(y: Array) -> Matrix:
    """Return ρ = (y + yᵀ)/2 + i (y - yᵀ)/2."""
    return (0.5 + 0.5j) * y + (0.5 - 0.5j) * y.T


def packed_map(full: csr_array, dim: int) -> coo_array:
    """A map M of the elements of ρ (dim, dim) that keeps Hermiticity, as the real map Re M + Im M P of y.

    P exchanges the places (i, j) and (j, i): with (1-i)(1+i)/2 = 1 and (1-i)²/2 = -i, Re ρ' + Im ρ' = Re (1-i) M ρ is
    Re M (1 - i P) y.
    """
    entries = coo_array(full)
    rows, columns = entries.coords
    i, j = np.divmod(columns, dim)
    data = np.concatenate([entries.data.real, entries.data.imag])
    places = (np.concatenate([rows, rows]), np.concatenate([columns, j * dim + i]))
    kept = data != 0
    return coo_array((data[kept], (places[0][kept], places[1][kept])), shape=full.shape)
