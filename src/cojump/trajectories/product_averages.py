"""Averages of a state of several blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..tools.matrices import conjugate
from ..tools.types import Array
from .product_moves import Ket, Moves, apply, apply_adjoint, around
from .product_sectors import ProductBasis, ProductSector


class ProductAverages:
    """What is measured of the states of a basis.

    Parameters
    ----------
    basis : ProductBasis
    moves : list of Moves
        Of each block.
    """

    def __init__(self, basis: ProductBasis, moves: list[Moves]) -> None:
        self.basis, self._moves = basis, moves
        self._averaged = _in_matrix_units(basis.model, basis.rotations)
        self._pairs = np.triu_indices(len(basis.model.observables))

    def averages(self, sector: ProductSector, state: Ket) -> tuple[Array, Array]:
        """<m_a> and <½{m_a, m_b}>: inner products of the vectors n_a ψ and E_ab ψ with ψ and with each other."""
        w, tensor = self._averaged, state.reshape(sector.dims)
        stack, row = np.zeros((w.shape[1], state.size), dtype=np.complex128), 1
        stack[0] = state
        for b, s in enumerate(sector.blocks):
            d, n, outside = self.basis.blocks[b].levels, s.occupations, around(sector.dims, b)
            for a in range(d - 1):
                np.multiply(tensor, sector.along(b, n[:, a]), out=stack[row].reshape(sector.dims))
                row += 1
            for matrix in self._moves[b].raising(sector.labels[b], sector.box[b], s):
                apply(matrix, outside, state, stack[row])
                apply_adjoint(matrix, outside, state, stack[row + 1])
                row += 2
        norm2 = np.vdot(state, state).real
        gram = (w.conj() @ (stack.conj() @ stack.T) @ w.T).real / norm2
        return (w @ (stack @ state.conj())).real / norm2, gram[self._pairs]

    def of_grams(self, grams: Ket) -> tuple[Array, Array]:
        """The same from the inner products <v_a|v_b> (T, V, V) of these vectors, divided by |ψ|²."""
        w = self._averaged
        rows, columns = self._pairs
        return (grams[:, 0] @ w.T).real, (w.conj() @ grams @ w.T).real[:, rows, columns]


def _in_matrix_units(model: Model, rotations: list[NDArray[np.complex128]]) -> Ket:
    """Coefficients (A, ...) of the averages in the main frames, in the operators that act on a trajectory.

    These are 1, and for each block n_a of all levels but the last (Σ_a n_a = N_b), and then E_ab and E_ba for all
    a < b, E_ab = Σ_k |a><b|^(k).
    """
    width = 1 + sum(b.levels**2 - 1 for b in model.blocks)
    made = np.zeros((len(model.observables), width), dtype=np.complex128)
    for row, o in enumerate(model.observables):
        d, size = model.blocks[o.block].levels, model.blocks[o.block].size
        m = conjugate(rotations[o.block], o.matrix) / size
        made[row, 0] = size * m[-1, -1]
        flips = [m[pair] for a in range(d) for b in range(a + 1, d) for pair in ((a, b), (b, a))]
        first = 1 + sum(b.levels**2 - 1 for b in model.blocks[: o.block])
        made[row, first : first + d**2 - 1] = [*(np.diag(m)[:-1] - m[-1, -1]), *flips]
    return made
