"""Hermitian block-diagonal matrices ⊕_λ ρ_λ as vectors of real numbers.

A block stands as the real matrix y = Re ρ + Im ρ: the real part is symmetric and the imaginary part antisymmetric, so
that ρ = (1+i)/2 y + (1-i)/2 yᵀ gives both back, and tr(AB) = Σ a b. A vector stands for a Hermitian matrix whatever
rounding does to it, so that no anti-Hermitian part can grow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from ..basis.sectors import Labels
from ..tools.types import Array, Matrix


class Packing:
    """Where the elements of each block sit, row by row.

    ``diagonal`` says whether there are populations alone.

    Parameters
    ----------
    dims : mapping of sector labels to int
        Dimension of each block, in the order of the vector.
    """

    diagonal = False

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
            self.put(vector, label, block)
        return vector

    @property
    def identity(self) -> Array:
        """The vector of the identity, whose product with another one is its trace."""
        return self.pack({labels: np.eye(dim, dtype=complex) for labels, dim in self.dims.items()})

    def put(self, vector: Array, labels: Labels, block: Matrix) -> None:
        """Write one Hermitian block into a vector."""
        vector[self.slices[labels]] = packed(block).ravel()

    def unpack(self, vector: Array) -> dict[Labels, Matrix]:
        """The Hermitian blocks of a vector."""
        return {label: self.block(vector, label) for label in self.dims}

    def block(self, vector: Array, labels: Labels) -> Matrix:
        """One Hermitian block of a vector."""
        return unpacked(vector[self.slices[labels]].reshape(self.dims[labels], -1))

    def reading(self, labels: Labels, operator: csr_array) -> tuple[NDArray[np.intp], Array]:
        """Places and numbers with which a vector gives tr(Aρ) of a Hermitian operator of a sector."""
        elements = coo_array(operator)
        rows, columns = elements.coords
        return self.slices[labels].start + rows * operator.shape[1] + columns, packed(elements.data)

    def spectrum(self, vector: Array, labels: Labels, other: Array | None = None) -> tuple[Array, Array]:
        """Eigenvalues of a block, and what another vector has in its eigenstates (of itself: the eigenvalues)."""
        if other is None:
            values = np.linalg.eigvalsh(self.block(vector, labels)).astype(float)
            return values, values
        values, kets = np.linalg.eigh(self.block(vector, labels))
        return values, np.einsum("ia,ij,ja->a", kets.conj(), self.block(other, labels), kets).real

    def norm(self, vector: Array) -> float:
        """A bound on the trace norm, Σ_λ ‖ρ_λ‖_1 ≤ Σ_λ √dim_λ ‖ρ_λ‖_2."""
        squares = np.add.reduceat(vector * vector, self._starts)
        return float(self._roots @ np.sqrt(squares))


class DiagonalPacking:
    """Where the populations of each block sit: the same for density matrices without coherences.

    Parameters
    ----------
    dims : mapping of sector labels to int
    """

    diagonal = True

    def __init__(self, dims: Mapping[Labels, int]) -> None:
        self.dims = dict(dims)
        ends = np.cumsum(list(self.dims.values()))
        self.size = int(ends[-1])
        self.slices = {
            label: slice(int(end) - d, int(end)) for (label, d), end in zip(self.dims.items(), ends, strict=True)
        }

    def pack(self, blocks: Mapping[Labels, Matrix]) -> Array:
        """The populations of blocks; those that are missing are zero."""
        vector = np.zeros(self.size)
        for label, block in blocks.items():
            self.put(vector, label, block)
        return vector

    @property
    def identity(self) -> Array:
        """The vector of the identity, whose product with another one is its trace."""
        return np.ones(self.size)

    def put(self, vector: Array, labels: Labels, block: Matrix) -> None:
        """Write the populations of one block into a vector."""
        vector[self.slices[labels]] = block.diagonal().real

    def unpack(self, vector: Array) -> dict[Labels, Matrix]:
        """The diagonal blocks of a vector."""
        return {label: self.block(vector, label) for label in self.dims}

    def block(self, vector: Array, labels: Labels) -> Matrix:
        """One diagonal block of a vector."""
        return np.diag(vector[self.slices[labels]]).astype(complex)

    def reading(self, labels: Labels, operator: csr_array) -> tuple[NDArray[np.intp], Array]:
        """Places and numbers with which a vector gives tr(Aρ) of a Hermitian operator of a sector."""
        values = operator.diagonal().real
        own = np.flatnonzero(values)
        return self.slices[labels].start + own, values[own]

    def spectrum(self, vector: Array, labels: Labels, other: Array | None = None) -> tuple[Array, Array]:
        """Eigenvalues of a block, and what another vector has in its eigenstates (of itself: the eigenvalues)."""
        own = self.slices[labels]
        return vector[own], vector[own] if other is None else other[own]

    def norm(self, vector: Array) -> float:
        """The trace norm."""
        return float(np.abs(vector).sum())


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
