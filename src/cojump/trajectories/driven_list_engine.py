"""Trajectories in sectors of any kind whose terms change in time: the loop as one compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..tools.types import Array
from .driven_factors import factors_of
from .kernels.driven_bands import Factors
from .kernels.driven_list import DrivenListHeff, PartLists
from .kernels.sparse import NOTHING, UNKNOWN
from .product_averages import ProductAverages
from .product_moves import Moves
from .product_sectors import ProductBasis
from .sector_matrix import program_matrix
from .sparse_engine import SparseEngine
from .sparse_tables import Growing, SparseTables, beside_diagonal


class DrivenListTables(SparseTables):
    """As :class:`SparseTables`, with the rows of H_eff of each part; ``bases`` are those of the parts."""

    def __init__(
        self, basis: ProductBasis, averages: ProductAverages, moves: list[Moves], bases: Sequence[ProductBasis]
    ) -> None:
        super().__init__(basis, averages, moves)
        self._bases = bases
        self._matrix = Growing((len(bases),), np.int64, UNKNOWN)
        self._diagonals = Growing((2 * len(bases),), np.float64)

    @property
    def nbytes(self) -> int:
        """Memory of what can be forgotten."""
        return super().nbytes + self._diagonals.count * self._diagonals.array[:1].nbytes

    def read_parts(self) -> tuple[NDArray[np.int64], Array]:
        """``matrix`` and ``facts`` of :class:`PartLists` as they are now."""
        self._matrix.reach(len(self.labels))
        return self._matrix.array, self._diagonals.array

    def know(self, s: int) -> None:
        """Work a sector out."""
        super().know(s)
        self._matrix.reach(len(self.labels))
        diagonals = []
        for p, basis in enumerate(self._bases):
            matrix = csr_array(program_matrix(basis.sector(self.labels[s]).h_eff))
            diagonal, beside = matrix.diagonal(), beside_diagonal(matrix)
            diagonals += [diagonal.real, -diagonal.imag]
            self._matrix.array[s, p] = self._add(beside) if beside.nnz else NOTHING
        self._diagonals.add(np.stack(diagonals, axis=1))

    def _forget(self) -> None:
        super()._forget()
        self._diagonals.forget()


class DrivenListEngine(SparseEngine):
    """Runs trajectories of a part of a model whose terms change in time and are sparse matrices in every sector.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    tables: DrivenListTables

    @cached_property
    def _factors(self) -> Factors:
        assert self.state.driven is not None
        return factors_of(self.state.driven.drive, 0)

    @cached_property
    def _parts(self) -> PartLists:
        cells, P = len(self._occupied.state), len(self._factors.terms)
        return PartLists(
            matrix=np.zeros((0, P), dtype=np.int64),
            facts=np.zeros((0, 2 * P)),
            diagonal=np.zeros((2 * P, cells)),
            re=np.zeros(cells),
            im=np.zeros(cells),
        )

    def _new_tables(self) -> SparseTables:
        assert self.state.driven is not None
        return DrivenListTables(self.basis, self.state.averages, self.state.moves, self.state.driven.bases)

    def _read(self) -> None:
        super()._read()
        matrix, facts = self.tables.read_parts()
        parts = self._parts._replace(matrix=matrix, facts=facts)
        self._h_eff = DrivenListHeff(**self._h_eff._asdict(), parts=parts, factors=self._factors)
