"""One-particle moves and other matrices on one axis of a flat state, as the kernels want them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..kept import Kept
from ..model import Block
from ..schur.blocks import Label, grown, sector_of
from .kernels.program import apply_axis

Ket = NDArray[np.complex128]


class Rows(NamedTuple):
    """A sparse matrix as the kernel wants it."""

    shape: tuple[int, int]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Ket


def rows_of_matrix(matrix: csr_array) -> Rows:
    """A sparse matrix with the number types of the kernels."""
    rows, columns = matrix.shape
    return Rows(
        (rows, columns), matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(complex)
    )


@dataclass(frozen=True)
class Maps:
    """One-particle moves as the kernel wants them: for each μ (or λ') its label and a matrix per level."""

    ways: list[tuple[Label, tuple[Rows, ...]]]

    @property
    def nbytes(self) -> int:
        """Memory of all matrices."""
        return sum(array.nbytes for _, maps in self.ways for m in maps for array in m[1:])


@dataclass(frozen=True)
class Matrices:
    """Matrices on one axis."""

    rows: list[Rows]

    @property
    def nbytes(self) -> int:
        """Memory of all of them."""
        return sum(array.nbytes for m in self.rows for array in m[1:])


def apply(matrix: Rows, dims: tuple[int, ...], axis: int, state: Ket, target: Ket | None = None) -> Ket:
    """Matrix on one axis of a flat state of shape ``dims``; added to ``target`` if that is given."""
    rows, columns = matrix.shape
    outer, inner = prod(dims[:axis]), prod(dims[axis + 1 :])
    if target is None:
        target = np.zeros(outer * rows * inner, dtype=complex)
    apply_axis(outer, rows, columns, inner, matrix.pointers, matrix.columns, matrix.values, 1.0 + 0.0j, state, target)
    return target


class Moves:
    """One particle out of and into the sectors of a block, kept within a budget of ``memory`` bytes."""

    def __init__(self, block: Block, memory: int) -> None:
        self._block = block
        self._out: Kept[Label, Maps] = Kept(memory // 2)
        self._in: Kept[Label, Maps] = Kept(memory // 2)

    def out_of(self, label: Label) -> list[tuple[Label, tuple[Rows, ...]]]:
        """μ and the weighted maps of every way to take a particle out of λ."""
        return self._out.get(label, lambda: self._make_out(label)).ways

    def into(self, rest: Label) -> list[tuple[Label, tuple[Rows, ...]]]:
        """Every λ' that μ may become, and the adjoints of C_λ'^μ that put a particle of each level back."""
        return self._in.get(rest, lambda: self._make_in(rest)).ways

    def _make_out(self, label: Label) -> Maps:
        moves = sector_of(self._block, label).moves()
        return Maps([(m.rest, tuple(rows_of_matrix(c) for c in m.out)) for m in moves])

    def _make_in(self, rest: Label) -> Maps:
        ways = [(label, sector_of(self._block, label).entrance(rest)) for label in grown(self._block, rest)]
        return Maps([(label, tuple(rows_of_matrix(csr_array(c.conj().T)) for c in maps)) for label, maps in ways])
