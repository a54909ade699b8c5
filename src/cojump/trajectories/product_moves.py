"""One-particle moves and other matrices on one axis of a flat state, as the kernels want them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..basis.particle_removal import Label
from ..basis.sectors import Sector, grown, sector_of
from ..model import Block
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array
from .kernels.program import apply_axis, apply_axis_adjoint, run_program
from .product_program import Program

Ket = NDArray[np.complex128]


class Rows(NamedTuple):
    """A sparse matrix with the number types of the kernels; its values are real where they can be."""

    shape: tuple[int, int]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: Array | Ket

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self.pointers.nbytes + self.columns.nbytes + self.values.nbytes

    @classmethod
    def of(cls, matrix: csr_array, *, real: bool = False) -> Rows:
        """From a sparse matrix; ``real`` drops an imaginary part that is zero."""
        rows, columns = matrix.shape
        values = matrix.data.real.copy() if real else matrix.data.astype(complex, copy=False)
        indices = matrix.indices.astype(np.int32, copy=False)
        return cls((rows, columns), matrix.indptr.astype(np.int64), indices, values)


Around = tuple[int, int]
"""Product of the dimensions before an axis, and of those after it."""


def around(dims: tuple[int, ...], axis: int) -> Around:
    """What lies around one axis of a flat state of shape ``dims``."""
    return prod(dims[:axis]), prod(dims[axis + 1 :])


def apply(matrix: Rows, outside: Around, state: Ket, target: Ket | None = None) -> Ket:
    """Matrix on one axis of a flat state; added to ``target`` if that is given."""
    (rows, columns), (outer, inner) = matrix.shape, outside
    if target is None:
        target = np.zeros(outer * rows * inner, dtype=complex)
    apply_axis(outer, rows, columns, inner, matrix.pointers, matrix.columns, matrix.values, 1.0 + 0.0j, state, target)
    return target


def apply_adjoint(matrix: Rows, outside: Around, state: Ket, target: Ket | None = None) -> Ket:
    """The same with the transpose of a real matrix."""
    (rows, columns), (outer, inner) = matrix.shape, outside
    if target is None:
        target = np.zeros(outer * columns * inner, dtype=complex)
    apply_axis_adjoint(outer, rows, columns, inner, matrix.pointers, matrix.columns, matrix.values, state, target)
    return target


def carried_out(program: Program, ket: Ket) -> Ket:
    """What a program makes of a state."""
    re, im = ket.real.copy(), ket.imag.copy()
    kept = np.ones((2, len(ket)), dtype=np.uint8)
    made = np.zeros((2, len(ket)))  # rows that nothing leads to are not written
    run_program(program, len(program.code), re, im, kept[0], *made, kept[1])
    result: Ket = made[0] + 1j * made[1]
    return result


@dataclass(frozen=True)
class _Maps:
    rows: tuple[Rows, ...]

    @property
    def nbytes(self) -> int:
        return sum(m.nbytes for m in self.rows)


class Moves:
    """One particle out of and into the sectors of a block, and collective operators of them.

    All these matrices are real. They are kept within a budget of ``memory`` bytes, half of it for each kind.
    """

    def __init__(self, block: Block, memory: int) -> None:
        self._block = block
        self.out_of = lru_cache(maxsize=4096)(self._out_of)
        """μ and sqrt(N f_μ/f_λ) of every way to take a particle out of λ."""
        self.into = lru_cache(maxsize=4096)(partial(grown, block))
        """Every λ' that μ may become."""
        self._clebsch: CacheByBytes[tuple[Label, Label], _Maps] = CacheByBytes(memory // 2)
        self._collective: CacheByBytes[tuple[Label, tuple[int, int], tuple[int, int]], Rows] = CacheByBytes(memory // 2)

    def _out_of(self, label: Label) -> list[tuple[Label, float]]:
        return [(rest, float(np.sqrt(weight))) for rest, weight in sector_of(self._block, label).removals()]

    def clebsch(self, label: Label, rest: Label) -> tuple[Rows, ...]:
        """C_λ^μ for the particle in each level; forwards it is taken out of λ, the adjoints put it in."""

        def made() -> _Maps:
            return _Maps(tuple(Rows.of(c, real=True) for c in sector_of(self._block, label).entrance(rest)))

        return self._clebsch.get((label, rest), made).rows

    def collective(
        self, label: Label, window: tuple[int, int], sector: Sector, name: tuple[int, int], matrix: Ket
    ) -> Rows:
        """Σ_k x^(k) of a sector (within its window), kept under a ``name`` of x."""
        # the number type must not depend on the elements of a sector: for each there is compiled code
        real = not matrix.imag.any()
        made = self._collective.get((label, window, name), lambda: Rows.of(sector.one_body(matrix), real=real))
        return made
