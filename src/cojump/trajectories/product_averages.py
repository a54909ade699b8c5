"""Averages of a state of several blocks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..tools.matrices import ROUNDING, is_diagonal, pairs
from ..tools.types import Array
from .axes import seen
from .product_moves import Ket, Moves, apply, apply_adjoint, around
from .product_sectors import ProductBasis, ProductSector

_LARGEST = 2**14
"""Numbers in a matrix that makes all averages of inner products at once: beyond, several small ones are faster."""


class Collective(NamedTuple):
    """Σ_k x^(k) of a block, as it acts on a trajectory.

    Attributes
    ----------
    block : int
    name : pair of int
        What the matrix is kept under among those of the block.
    matrix : (d, d) array
        x in the main frame; its adjoint if ``adjoint``.
    adjoint : bool
    diagonal : (d,) array or None
        x where it is diagonal.
    """

    block: int
    name: tuple[int, int]
    matrix: Ket
    adjoint: bool = False
    diagonal: Array | None = None


class ProductAverages:
    """What is measured of the states of a basis.

    Parameters
    ----------
    basis : ProductBasis
    moves : list of Moves
        Of each block.

    Attributes
    ----------
    operators : list of Collective
        What is applied to a state.
    """

    def __init__(self, basis: ProductBasis, moves: list[Moves]) -> None:
        self.basis, self._moves = basis, moves
        units, self._in_units = _in_matrix_units(basis.model, basis.rotations)
        needed = np.flatnonzero(self._in_units[:, 1:].any(axis=0))
        self.operators = [units[n] for n in needed]
        self._averaged = np.ascontiguousarray(self._in_units[:, [0, *(1 + needed)]])
        A = len(self._averaged)
        if len(needed) > A:
            self.operators, self._averaged = _as_they_are(basis.model, basis.rotations)
        self._particles = self._averaged.shape[1]
        self._quadratures = basis.model.quadratures
        if self._quadratures:
            self._averaged = self._with_modes(self._averaged)
        self._pairs = np.triu_indices(len(self._averaged))

    def _with_modes(self, averaged: Ket) -> Ket:
        """The coefficients with those of x and y in aψ and a†ψ of each mode behind those of the particles."""
        (A, n), unit = averaged.shape, 0.5 / np.sqrt(self.basis.model.size)
        made = np.zeros((A + len(self._quadratures), n + 2 * len(self.basis.modes)), dtype=np.complex128)
        made[:A, :n] = averaged
        for row, q in enumerate(self._quadratures, start=A):
            column = n + 2 * q.mode
            made[row, column : column + 2] = [unit, unit] if q.part == 0 else [-1j * unit, 1j * unit]
        return made

    def take_hermitian(self) -> None:
        """Let ``operators`` be Hermitian: n_a, E_ab + E_ba and i (E_ba - E_ab) for a < b, as far as some average needs.

        All averages are real combinations of them: real parts of inner products suffice. Not for models with modes.
        """
        units, w = _in_matrix_units(self.basis.model, self.basis.rotations)
        taken: list[Collective] = []
        columns = [w[:, 0]]
        for n, x in enumerate(units, start=1):
            if x.adjoint:
                continue
            found = [(x, w[:, n])]
            if x.diagonal is None:
                (a, b), own, other = x.name, 0.5 * w[:, n], 0.5 * w[:, n + 1]
                parts = ((b, a), x.matrix, own + other), ((-2 - a, b), -1j * x.matrix, 1j * (own - other))
                found = [(Collective(x.block, name, m + m.conj().T), column) for name, m, column in parts]
            for operator, column in found:
                if column.any():
                    taken.append(operator)
                    columns.append(column)
        self.operators, self._averaged = taken, np.stack(columns, axis=1)
        self._particles = len(columns)

    def displace(self, displacements: Sequence[complex]) -> None:
        """Set x and y to the frame with these displacements of the modes."""
        first, unit = len(self._averaged) - len(self._quadratures), 1 / np.sqrt(self.basis.model.size)
        for row, q in enumerate(self._quadratures, start=first):
            b = displacements[q.mode]
            self._averaged[row, 0] = unit * (b.real if q.part == 0 else b.imag)

    def averages(self, sector: ProductSector, state: Ket) -> tuple[Array, Array]:
        """<m_a> and <½{m_a, m_b}>: inner products of the vectors that operators make of ψ, with ψ and each other.

        The operators are those n_a and E_ab that some average needs, or the averages themselves where these are fewer.
        """
        w, tensor = self._averaged, state.reshape(sector.dims)
        stack = np.zeros((w.shape[1], state.size), dtype=np.complex128)
        stack[0] = state
        vectors = zip(stack[1 : self._particles], self.operators, strict=True)
        for made, (b, name, matrix, adjoint, diagonal) in vectors:
            s = sector.blocks[b]
            if diagonal is not None:
                np.multiply(tensor, sector.along(b, s.occupations @ diagonal), out=made.reshape(sector.dims))
                continue
            rows = self._moves[b].collective(sector.labels[b], sector.box[b], s, name, matrix)
            (apply_adjoint if adjoint else apply)(rows, around(sector.dims, b), state, made)
        if self._quadratures:
            for m in range(len(sector.modes)):
                column = self._particles + 2 * m
                sector.modes.ladder(m, state, stack[column], stack[column + 1])
        norm2, made = np.vdot(state, state).real, (w @ stack).view(np.float64)
        return made @ state.view(np.float64) / norm2, (made @ made.T)[self._pairs] / norm2

    def of_grams(self, grams: Ket, *, needed: bool = False) -> tuple[Array, Array]:
        """The same from the inner products <v_a|v_b> (K, T, V, V) of ψ and all n_a ψ and E_ab ψ, divided by |ψ|².

        Behind them are aψ and a†ψ of each mode. With ``needed`` from those of ψ and what ``operators`` make of it.
        """
        w, at_once = (self._averaged, self._of_needed) if needed else (self._in_all, self._of_all)
        if at_once is not None:
            made = grams.reshape(*grams.shape[:2], -1).view(np.float64) @ at_once
            return made[..., : len(w)], made[..., len(w) :]
        return _by_products(w, grams)

    @cached_property
    def _of_needed(self) -> Array | None:
        return _at_once(self._averaged)

    @cached_property
    def _in_all(self) -> Ket:
        return self._with_modes(self._in_units) if self.basis.modes else self._in_units

    @cached_property
    def _of_all(self) -> Array | None:
        return _at_once(self._in_all)


def _by_products(w: Ket, grams: Ket) -> tuple[Array, Array]:
    """<m_a>, and Re Σ w*_av <v|u> w_bu for a ≤ b, of the averages w (A, V), from grams (K, T, V, V)."""
    rows, columns = pairs(len(w))
    return (grams[:, :, 0] @ w.T).real, (w.conj() @ grams @ w.T).real[..., rows, columns]


def _at_once(w: Ket) -> Array | None:
    """The same as a matrix, for the real and imaginary parts of grams to be multiplied with; None if it were large."""
    A, V = w.shape
    rows, columns = pairs(A)
    if 2 * V * V * (A + len(rows)) > _LARGEST:
        return None
    made = np.zeros((A + len(rows), V, V), dtype=np.complex128)
    made[:A, 0] = w
    made[A:] = w[rows].conj()[:, :, None] * w[columns][:, None, :]
    flat = made.reshape(len(made), -1).T
    return np.stack([flat.real, -flat.imag], axis=1).reshape(2 * V * V, -1)


def _in_matrix_units(model: Model, rotations: list[NDArray[np.complex128]]) -> tuple[list[Collective], Ket]:
    """Operators that act on a trajectory, and the coefficients (A, 1 + n) of the averages in 1 and in them.

    They are for each block n_a of all levels but the last (Σ_a n_a = N_b), and then E_ab and E_ba for all a < b,
    E_ab = Σ_k |a><b|^(k).
    """
    operators = []
    for block in range(len(model.blocks)):
        unit = np.eye(model.blocks[block].levels, dtype=np.complex128)
        d = len(unit)
        operators += [Collective(block, (a, a), unit, diagonal=unit[a].real) for a in range(d - 1)]
        for a in range(d):
            for b in range(a + 1, d):
                flip = np.outer(unit[a], unit[b])
                operators += [Collective(block, (a, b), flip, adjoint) for adjoint in (False, True)]
    made = np.zeros((len(model.observables), 1 + len(operators)), dtype=np.complex128)
    for row, o in enumerate(model.observables):
        m = seen(rotations[o.block], o.matrix) / model.blocks[o.block].size
        made[row, 0] = model.blocks[o.block].size * m[-1, -1]
        for column, x in enumerate(operators, start=1):
            if x.block == o.block:
                a, b = x.name[::-1] if x.adjoint else x.name
                made[row, column] = m[a, b] - (m[-1, -1] if a == b else 0)
    return operators, made


def _as_they_are(model: Model, rotations: list[NDArray[np.complex128]]) -> tuple[list[Collective], Ket]:
    """The same with the averages for operators."""
    operators = []
    for number, o in enumerate(model.observables):
        m = seen(rotations[o.block], o.matrix) / model.blocks[o.block].size
        diagonal = np.diag(m).real if is_diagonal(m, ROUNDING) else None
        operators.append(Collective(o.block, (-1, number), m, diagonal=diagonal))
    return operators, np.eye(len(operators), 1 + len(operators), 1, dtype=np.complex128)
