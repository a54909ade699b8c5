"""H_eff of a sector of blocks beside boson modes as its kernel reads it: rows of Fock states of the last mode.

The tables are made of the sector's own program, so that what H_eff is stands in one place: its instructions are carried
out on operators, each of which is a sum over sparse matrices of the rows times 1, a', a'† or a'†a' of the last mode.
See :mod:`cojump.trajectories.kernels.fock_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from ..basis.fock_window import FockWindow
from ..tools.types import Array
from .kernels.common import MAX_ORDER
from .kernels.driven_fock import DrivenFockHeff
from .kernels.fock_rows import FockHeff, FockWork, Integers, set_elements
from .kernels.vectors import LANES
from .no_jump_tables import ProgramHeff
from .product_moves import Ket
from .product_program import APPLY, APPLY_ADD, CLEAR, MULTIPLY, Program
from .work_space import aligned

_ONE, _LOWER, _UPPER, _QUANTA = range(4)
"""What of the last mode is beside a matrix of the rows: 1, a', a'†, and the quanta above the lowest of the window."""

_ROUNDING = 1e-12
"""Relative to the largest element: what two ways to add up the same numbers may differ by."""


_GROWTH = 1.25
"""How much larger than asked for a work space is made that has become too small."""


class _Matrix(NamedTuple):
    """A matrix of the rows: its elements, of which several may be in one place."""

    row: Integers
    column: Integers
    value: Ket

    @classmethod
    def diagonal(cls, values: NDArray) -> _Matrix:
        """With these numbers on the diagonal."""
        places = np.arange(len(values))
        return cls(places, places, values.astype(complex))

    def is_diagonal(self, rows: int) -> bool:
        """Whether it is a diagonal matrix, with one element in each place."""
        return np.array_equal(self.row, self.column) and np.array_equal(self.row, np.arange(rows))

    def times(self, factor: complex) -> _Matrix:
        """Multiplied by a number."""
        return self if factor == 1 else self._replace(value=factor * self.value)

    def after(self, first: _Matrix, rows: int) -> _Matrix:
        """The product of this one and of another one, which acts before it."""
        if first.is_diagonal(rows):
            return self._replace(value=self.value * first.value[self.column])
        if self.is_diagonal(rows):
            return first._replace(value=self.value[first.row] * first.value)
        left, right = (coo_array((m.value, (m.row, m.column)), (rows, rows)).tocsr() for m in (self, first))
        product = (left @ right).tocoo()
        row, column = product.coords
        return _Matrix(row.astype(np.int64), column.astype(np.int64), product.data)

    def and_(self, other: _Matrix) -> _Matrix:
        """The sum of two."""
        row, column = (np.concatenate(pair) for pair in zip(self[:2], other[:2], strict=True))
        return _Matrix(row, column, np.concatenate([self.value, other.value]))


_Operator = dict[tuple[int, int], _Matrix]
"""Matrices of the rows, by the number of their factor and by what is beside them of the last mode."""


class FockTables:
    """H_eff of one sector within a window.

    Parameters
    ----------
    h_eff : ProgramHeff
        The sector's own, whose factors of the displacements and half rates are read by :meth:`refresh`.
    half_rate : (size,) array
        Diagonal of half the rates, without the share of the displacements.
    window : FockWindow
        Of the last mode.
    displaced : sequence of int
        The instructions whose factors depend on the displacements.

    Attributes
    ----------
    h_eff : FockHeff
    """

    def __init__(self, h_eff: ProgramHeff, half_rate: Array, window: FockWindow, displaced: Sequence[int]) -> None:
        self._program, self._displaced, quanta = h_eff.program, np.array(displaced, dtype=np.int64), window.dim
        rows = len(half_rate) // quanta
        self._elements = _elements(rows, _carried_out(h_eff.program, rows, window, displaced))
        cells = -(-quanta // LANES) * LANES
        roots = np.zeros((2, cells))
        roots[0, : quanta - 1] = roots[1, 1:quanta] = np.sqrt(window.quanta[1:])
        energy, damping = (_linear(table.reshape(rows, quanta)) for table in (h_eff.diagonal, half_rate))
        self._half_rate, self._displaced_rate = half_rate, h_eff.half_rate
        self._damping = damping[0]
        most = 4 * len(self._elements.near)
        self.h_eff = FockHeff(
            h_eff.has_jumps,
            np.array([rows, quanta, cells]),
            np.column_stack([energy[0], damping[0], energy[1], damping[1]]),
            roots[0],
            roots[1],
            np.zeros((rows, 5), dtype=np.int64),
            np.zeros(most, dtype=np.int64),
            np.zeros(3 * most),
            self._elements.beside,
            self._elements.near,
        )

    def refresh(self) -> None:
        """Take the factors that the program has now."""
        factors, own, h = np.ones(1 + len(self._displaced), dtype=complex), self._elements, self.h_eff
        factors[1:] = self._program.factor[self._displaced]
        set_elements(factors, *own, h.pointer, h.column, h.value)
        h.level[:, 1] = self._damping + (self._displaced_rate[0] - self._half_rate[0])


class _Elements(NamedTuple):
    """The elements of X₀, X₋, X₊ and X₁, from row to row.

    Attributes
    ----------
    beside, near : (R + 1,) and (K,) int
        As in :class:`FockHeff`.
    place, factor, part : (E,)
        Of each term of an element: in which of the four it is in which place, 4 k + kind; the number of its factor; and
        the number that this multiplies.
    sums : (K, 4) complex
        Room for the elements.
    """

    beside: Integers
    near: Integers
    place: Integers
    factor: Integers
    part: Ket
    sums: Ket


def _elements(rows: int, operator: _Operator) -> _Elements:
    places = [matrix.row * rows + matrix.column for matrix in operator.values()]
    found = np.unique(np.concatenate([*places, np.arange(rows) * (rows + 1)]))  # each row is beside itself
    place = [4 * np.searchsorted(found, at) + kind for at, (_, kind) in zip(places, operator, strict=True)]
    factor = [np.full(len(at), number) for at, (number, _) in zip(places, operator, strict=True)]
    return _Elements(
        np.searchsorted(found, np.arange(rows + 1) * rows),
        found % rows,
        np.concatenate([np.zeros(0, dtype=np.int64), *place]),
        np.concatenate([np.zeros(0, dtype=np.int64), *factor]),
        np.concatenate([np.zeros(0, dtype=complex), *(matrix.value for matrix in operator.values())]),
        np.zeros((len(found), 4), dtype=complex),
    )


def _linear(table: Array) -> tuple[Array, Array]:
    """The first column of a table that is linear along its rows, and the step from column to column."""
    first, quanta = table[:, 0], table.shape[1]
    step = (table[:, -1] - first) / max(quanta - 1, 1)
    away = first[:, None] + step[:, None] * np.arange(quanta) - table
    assert np.abs(away).max() <= _ROUNDING * max(np.abs(table).max(), 1e-300)
    return first, step


def _carried_out(program: Program, rows: int, window: FockWindow, displaced: Sequence[int]) -> _Operator:
    """What a program makes of the state."""
    registers: dict[int, _Operator] = {0: {(0, _ONE): _Matrix.diagonal(np.ones(rows))}}
    number_of = {place: n for n, place in enumerate(displaced, start=1)}
    pairs = zip(program.code.tolist(), program.factor.tolist(), strict=True)
    for place, ((instruction, dst, src, number), factor) in enumerate(pairs):
        source, own = registers.get(src, {}), number_of.get(place, 0)
        kept = {} if instruction in (APPLY, MULTIPLY, CLEAR) else dict(registers.get(dst, {}))
        registers[dst] = kept
        if instruction == CLEAR:
            continue
        acting = _applied(program, number, rows, window) if instruction in (APPLY, APPLY_ADD) else None
        if acting is None:
            first, step = _linear(program.tables[number].reshape(rows, window.dim))
            acting = {_ONE: _Matrix.diagonal(first)} | ({_QUANTA: _Matrix.diagonal(step)} if step.any() else {})
        for kind, matrix in acting.items():
            for (term, beside), of_source in source.items():
                assert kind == _ONE or beside == _ONE  # no two of them act on one mode
                key = own or term, kind or beside
                made = matrix.after(of_source, rows).times(1.0 if own or instruction == MULTIPLY else factor)
                kept[key] = kept[key].and_(made) if key in kept else made
    return registers.get(1, {})


def _applied(program: Program, number: int, rows: int, window: FockWindow) -> dict[int, _Matrix]:
    """One of the matrices of a program, by what it is of the last mode."""
    outer, dim, inner = program.axis[number].tolist()
    pointers = program.pointers[program.start[number] : program.start[number] + dim + 1]
    row, inside = np.repeat(np.arange(dim), np.diff(pointers)), slice(pointers[0], pointers[-1])
    column, value = program.columns[inside], program.values[inside]
    if outer == rows and inner == 1:
        return {kind: _Matrix.diagonal(np.full(rows, c)) for kind, c in _of_mode(row, column, value, window).items()}
    others = np.arange(outer)[:, None, None] * dim, np.arange(inner // window.dim)
    to, of = (((others[0] + n[:, None]) * len(others[1]) + others[1]).ravel() for n in (row, column))
    return {_ONE: _Matrix(to, of, np.broadcast_to(value[:, None], (outer, len(row), len(others[1]))).ravel())}


def _of_mode(row: Integers, column: Integers, value: Ket, window: FockWindow) -> dict[int, complex]:
    """A matrix of the last mode as a sum of 1, a' and a'†."""
    made = {}
    for kind, offset in ((_ONE, 0), (_LOWER, 1), (_UPPER, -1)):
        there = column - row == offset
        if there.any():
            roots = np.sqrt(window.lo + np.maximum(row[there], column[there])) if offset else np.ones(there.sum())
            made[kind] = complex(value[there][0] / roots[0])
            assert len(roots) == window.dim - abs(offset)
            assert np.allclose(made[kind] * roots, value[there], _ROUNDING)
    assert np.abs(column - row).max(initial=0) <= 1
    return made


def fock_work(h_eff: FockHeff | DrivenFockHeff, work: FockWork | None = None) -> FockWork:
    """Work space for the states of a sector: the one that there is, if it is large enough."""
    if work is not None and work.shape is h_eff.shape:
        return work
    rows, _, stride = (int(n) for n in h_eff.shape)
    cells = rows * stride
    if work is not None and work.out_re.size >= cells and len(work.cover) >= rows:
        return work._replace(shape=h_eff.shape)
    if work is not None:  # the windows of modes grow often, by little
        cells, rows = (int(_GROWTH * max(n, had)) for n, had in ((cells, work.out_re.size), (rows, len(work.cover))))
    taylor = aligned(MAX_ORDER + 1, cells), aligned(MAX_ORDER + 1, cells)
    cover, tight = np.zeros((rows, MAX_ORDER + 1, 2), dtype=np.int64), np.zeros((2, rows, 2), dtype=np.int64)
    return FockWork(*taylor, aligned(cells), aligned(cells), np.zeros(MAX_ORDER + 1), h_eff.shape, cover, tight)
