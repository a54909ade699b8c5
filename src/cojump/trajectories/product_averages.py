"""Averages of a state of several blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..basis.fock_window import FockWindow
from ..basis.sectors import Labels
from ..model import Model
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.matrices import ROUNDING, is_diagonal, pairs
from ..tools.types import Array
from .axes import seen
from .kernels.inner_products import PIECE, inner_products
from .kernels.vectors import LANES
from .product_moves import Ket, Moves, Rows, around
from .product_sectors import Box, ProductBasis, ProductSector
from .work_space import aligned

_LARGEST = 2**14
"""Numbers in a matrix that makes all averages of inner products at once: beyond, several small ones are faster."""

_LEFT_OUT = 2.0**-5
"""Part of the tolerance that the norm of the rows may have that are not looked at."""

MEMORY = 16 * 2**20
"""Bytes of joined tables of operators that are kept for the sectors measured last."""


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


class _Joined(NamedTuple):
    """The rows of several sparse matrices as one table, see :mod:`cojump.trajectories.kernels.inner_products`."""

    axes: NDArray[np.int64]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    value_re: Array
    value_im: Array

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return sum(array.nbytes for array in self)

    @classmethod
    def of(cls, matrices: Sequence[tuple[int, int, Rows]]) -> _Joined:
        """From matrices, with the first and the last of what the kernel is told of each."""
        axes: list[tuple[int, int, int, int]] = []
        pointers, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, complex)]
        begun = many = 0
        for step, vectors, m in matrices:
            axes.append((step, m.shape[0], begun, vectors))
            pointers.append(m.pointers + many)
            columns.append(m.columns.astype(np.int64))
            values.append(m.values)
            begun, many = begun + len(m.pointers), many + len(m.columns)
        joined = np.concatenate(values)
        where = np.array(axes, dtype=np.int64).reshape(-1, 4)
        parts = joined.real.copy(), joined.imag.copy()
        return cls(where, np.concatenate(pointers), np.concatenate(columns), *parts)


class ProductAverages:
    """What is measured of the states of a basis.

    Parameters
    ----------
    basis : ProductBasis
    moves : list of Moves
        Of each block.
    tolerance : float

    Attributes
    ----------
    operators : list of Collective
        What is applied to a state. All of them are Hermitian, and averages real combinations of them: real parts of
        inner products suffice.
    """

    def __init__(self, basis: ProductBasis, moves: list[Moves], tolerance: float) -> None:
        self.basis, self._moves, self._tolerance = basis, moves, _LEFT_OUT * tolerance
        self.operators: list[Collective] = []
        self._averaged: Ket = np.empty((0, 0), dtype=complex)
        self.take_matrix_units()
        A = len(self._averaged)
        if len(self.operators) > A:
            self.operators, self._averaged = _as_they_are(basis.model, basis.rotations)
        self._quadratures = basis.model.quadratures
        if self._quadratures:
            unit = 0.5 / np.sqrt(basis.model.size)
            self._averaged = self._with_modes(self._averaged, [[unit, 0], [0, unit]])
        self._pairs = pairs(len(self._averaged))
        self._joined: CacheByBytes[tuple[Labels, Box], _Joined] = CacheByBytes(MEMORY)
        self._room: tuple[Array, ...] = (np.empty(0),) * 3
        self._cells = np.empty((2, 0), dtype=np.int64)

    def _with_modes(self, averaged: Ket, parts: Sequence[Sequence[complex]]) -> Ket:
        """The coefficients with those of x and y, in two vectors of each mode, behind those of the particles."""
        (A, n) = averaged.shape
        made = np.zeros((A + len(self._quadratures), n + 2 * len(self.basis.modes)), dtype=np.complex128)
        made[:A, :n] = averaged
        for row, q in enumerate(self._quadratures, start=A):
            column = n + 2 * q.mode
            made[row, column : column + 2] = parts[q.part]
        return made

    def take_matrix_units(self) -> None:
        """Let ``operators`` be n_a, E_ab + E_ba and i (E_ba - E_ab) for a < b, as far as some average needs them."""
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

    def displace(self, displacements: Sequence[complex]) -> None:
        """Set x and y to the frame with these displacements of the modes."""
        first, unit = len(self._averaged) - len(self._quadratures), 1 / np.sqrt(self.basis.model.size)
        for row, q in enumerate(self._quadratures, start=first):
            b = displacements[q.mode]
            self._averaged[row, 0] = unit * (b.real if q.part == 0 else b.imag)

    def averages(self, sector: ProductSector, state: Ket) -> tuple[Array, Array]:
        """<m_a> and <½{m_a, m_b}>: inner products of the vectors that operators make of ψ, with ψ and each other.

        The operators are those n_a, E_ab + E_ba and i (E_ba - E_ab) that some average needs, or the averages themselves
        where these are fewer, and a' + a'† and i (a'† - a') of each mode.
        """
        length, w = sector.dims[-1], self._averaged.real
        joined = self._joined.get((sector.labels, sector.box), lambda: self._operators_of(sector))
        rows, V = sector.size // length, w.shape[1]
        cells = rows * -(-length // LANES) * LANES
        if self._room[0].size < cells or self._room[2].size < rows:
            self._room = aligned(cells), aligned(cells), aligned(rows)
        if self._cells.shape[1] < length:
            self._cells = np.empty((2, length), dtype=np.int64)
        gram, (re, im, weights), listed = np.empty((V, V)), self._room, self._cells[:, :length]
        pieces = aligned(V + 1, 2 * PIECE), np.empty(V, dtype=np.int64), aligned(V * V, LANES)
        inner_products(state, length, self._tolerance, *joined, re, im, weights[:rows], *listed, *pieces, gram)
        return w @ gram[0] / gram[0, 0], (w @ gram @ w.T)[self._pairs] / gram[0, 0]

    def joined(self) -> Iterator[tuple[int, tuple[int, int], Ket, int]]:
        """The operators, E_ab + E_ba and i (E_ba - E_ab) as one: block, name, matrix, and 2 where it stands for two.

        Real elements of such a matrix are those of the first, imaginary ones those of the second.
        """
        waiting = list(self.operators)
        while waiting:
            b, name, matrix, _, diagonal = waiting.pop(0)
            own, vectors = matrix if diagonal is None else np.diag(diagonal).astype(complex), 1
            if waiting and waiting[0][:2] == (b, (-2 - name[1], name[0])):
                own, name, vectors = own + waiting.pop(0).matrix, name[::-1], 2
            yield b, name, own, vectors

    def _operators_of(self, sector: ProductSector) -> _Joined:
        """What is applied to the states of a sector."""
        dims, length = sector.dims, sector.dims[-1]

        def step(axis: int) -> int:
            return 0 if axis == len(dims) - 1 else around(dims, axis)[1] // length

        found = []
        for b, name, matrix, vectors in self.joined():
            label, window = sector.labels[b], sector.box[b]
            rows = self._moves[b].collective(label, window, sector.blocks[b], name, matrix)
            found.append((step(b), vectors, rows))
        for axis, fock in sector.modes if self._quadratures else ():
            found.append((step(axis), 2, _both_quadratures(fock)))
        return _Joined.of(found)

    def of_grams(self, grams: Ket, *, needed: bool = False) -> tuple[Array, Array]:
        """The same from the inner products <v_a|v_b> (K, T, V, V) of ψ and all n_a ψ and E_ab ψ, divided by |ψ|².

        Behind them are aψ and a†ψ of each mode. With ``needed`` from those of ψ and what ``operators`` make of it, of
        which real parts suffice.
        """
        w: NDArray[Any] = self._averaged.real if needed else self._in_all
        of_them: NDArray[Any] = grams.real if needed else grams
        at_once = self._of_needed if needed else self._of_all
        if at_once is not None:
            made = of_them.reshape(*grams.shape[:2], -1).view(np.float64) @ at_once
            return made[..., : len(w)], made[..., len(w) :]
        return _by_products(w, of_them)

    @cached_property
    def _of_needed(self) -> Array | None:
        return _at_once(self._averaged.real)

    @cached_property
    def _in_all(self) -> Ket:
        """The coefficients of the averages in ψ, all n_a ψ and E_ab ψ, and aψ and a†ψ of each mode."""
        made, unit = _in_matrix_units(self.basis.model, self.basis.rotations)[1], 0.5 / np.sqrt(self.basis.model.size)
        return self._with_modes(made, [[unit, unit], [-1j * unit, 1j * unit]]) if self.basis.modes else made

    @cached_property
    def _of_all(self) -> Array | None:
        return _at_once(self._in_all)


def _both_quadratures(window: FockWindow) -> Rows:
    """The real elements a' + a'†, the imaginary ones i (a'† - a')."""
    here, lower, upper = np.arange(window.dim), np.sqrt(window.quanta), np.sqrt(window.quanta + 1)
    columns = np.stack([here - 1, here + 1], axis=1)
    inside = (columns >= 0) & (columns < window.dim)
    values = np.stack([(1 + 1j) * lower, (1 - 1j) * upper], axis=1)[inside]
    pointers = np.concatenate([[0], np.cumsum(inside.sum(axis=1))])
    return Rows((window.dim, window.dim), pointers, columns[inside].astype(np.int32), values)


def _by_products(w: NDArray[Any], grams: NDArray[Any]) -> tuple[Array, Array]:
    """<m_a>, and Re Σ w*_av <v|u> w_bu for a ≤ b, of the averages w (A, V), from grams (K, T, V, V)."""
    rows, columns = pairs(len(w))
    return (grams[:, :, 0] @ w.T).real, (w.conj() @ grams @ w.T).real[..., rows, columns]


def _at_once(w: NDArray[Any]) -> Array | None:
    """The same as a matrix, for the real and imaginary parts of grams to be multiplied with; None if it were large.

    Of real ``w`` for real parts alone.
    """
    A, V = w.shape
    rows, columns = pairs(A)
    parts = 2 if np.iscomplexobj(w) else 1
    if parts * V * V * (A + len(rows)) > _LARGEST:
        return None
    made = np.zeros((A + len(rows), V, V), dtype=w.dtype)
    made[:A, 0] = w
    made[A:] = w[rows].conj()[:, :, None] * w[columns][:, None, :]
    flat = made.reshape(len(made), -1).T
    return np.stack([flat.real, -flat.imag][:parts], axis=1).reshape(parts * V * V, -1)


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
