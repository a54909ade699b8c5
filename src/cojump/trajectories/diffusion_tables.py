"""What the kernels of diffusing states read: the operators of one sector as sparse matrices, and the path of the noise.

See :mod:`cojump.trajectories.kernels.diffusion` for the equation and for the letters B, M_c and W_c.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .kernels.diffusion import STATE, Room, Tables
from .kernels.vectors import LANES
from .product_sectors import Box
from .work_space import aligned

Ket = NDArray[np.complex128]

_FILL = 4
"""Cells of diagonals for one element, up to which diagonals are faster than compressed rows."""


def room_for(tables: Tables) -> Room:
    """Room to work in for one sector."""
    cells = tables.stride + 2 * tables.margin
    elements = aligned(2, len(tables.drift_re))
    x = [np.zeros(len(tables.factor)) for _ in range(7)]
    spans, ends = np.zeros((5, 2), dtype=np.int64), np.zeros(2, dtype=np.int64)
    return Room(
        *(aligned(5, cells), aligned(5, cells), spans, aligned(2, cells), elements, ends),
        *(x[0], x[1], x[2], x[3], x[4], x[5], x[6]),
    )


class Seen(NamedTuple):
    """One operator L that is observed.

    Attributes
    ----------
    operator : (n, n) sparse array
        L - s.
    reference : complex
        s.
    factors : tuple of complex
        M = factor · L of each of its channels.
    """

    operator: csr_array
    reference: complex
    factors: tuple[complex, ...]


class SectorTables:
    """Tables of one sector, and the room that its states need.

    Parameters
    ----------
    h_eff : (n, n) sparse array
        On the window of the state.
    seen : list of Seen
    counts : bool
        Whether something is counted beside.
    box, whole : tuple of (int, int)
        The window, and all of the sector, along each axis.
    """

    def __init__(self, h_eff: csr_array, seen: list[Seen], counts: bool, box: Box, whole: Box) -> None:
        h_eff, (self.first, last) = csr_array(h_eff), box[0]
        self._size = h_eff.shape[0]
        beyond = (self.first > whole[0][0], last < whole[0][1]) if len(whole) == 1 else (False, False)
        observed = [(csr_array(s.operator), sum(abs(f) ** 2 for f in s.factors)) for s in seen]
        drift = -1j * h_eff
        for (L, _), s in zip(observed, seen, strict=True):
            square = sum(f**2 for f in s.factors)
            if abs(square) > 0:
                drift = drift - 0.5 * square * (L @ L)
        damping = csr_array(h_eff.shape, dtype=complex)
        if counts:
            damping = csr_array(1j * (h_eff - h_eff.conj().T))
            for L, weight in observed:
                damping = damping - weight * (L.conj().T @ L)
            damping = csr_array(damping)
            damping.data[np.abs(damping.data) <= 1e-14 * np.abs(damping.data).max(initial=0)] = 0
            damping.eliminate_zeros()
        factors = [(o, f, s.reference) for o, s in enumerate(seen) for f in s.factors]
        stride = whole_vectors(h_eff.shape[0])
        form, (union, *parts) = _written([drift, *(L for L, _ in observed)], stride)
        counted_form, (counted,) = _written([damping], stride)
        far = max((int(np.abs(o).max(initial=0)) for o in (form.offsets, counted_form.offsets)), default=0)
        self.tables = Tables(
            *(stride, whole_vectors(far + 1), whole_vectors(int(np.abs(form.offsets).max(initial=0)))),
            np.array(beyond),
            *form,
            union.real.copy(),
            union.imag.copy(),
            np.array([part.real for part in parts]),
            np.array([part.imag for part in parts]),
            np.array([form.used(part) for part in parts]),
            np.array([o for o, _, _ in factors], dtype=np.int64),
            np.array([f for _, f, _ in factors], dtype=complex),
            np.array([2 * (f * reference).real for _, f, reference in factors]),
            *counted_form,
            counted.real.copy(),
            counted.imag.copy(),
            counted_form.used(counted),
        )
        self.room = room_for(self.tables)

    def put(self, ket: Ket, lo: int) -> None:
        """Let a state be the one that moves on; it begins at the place ``lo`` of the first axis."""
        cells, room = self._cells(lo, len(ket)), self.room
        room.states_re[STATE], room.states_im[STATE] = 0.0, 0.0
        room.states_re[STATE, cells], room.states_im[STATE, cells] = ket.real, ket.imag

    def state(self, lo: int, size: int) -> Ket:
        """The state that has moved on, in the same window."""
        cells, room = self._cells(lo, size), self.room
        ket: Ket = room.states_re[STATE, cells] + 1j * room.states_im[STATE, cells]
        return ket

    def found(self) -> tuple[Ket, Box]:
        """The state that has moved on, of one axis, in the window that it has come to."""
        lo, hi = (self.first + int(place) for place in self.room.spans[STATE])
        hi = min(hi, self.first + self._size)
        return self.state(lo, hi - lo), ((lo, hi),)

    def _cells(self, lo: int, size: int) -> slice:
        begin = self.tables.margin + lo - self.first
        return slice(begin, begin + size)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        arrays = (array for arrays in (self.tables, self.room) for array in arrays)
        return int(sum(array.nbytes for array in arrays if isinstance(array, np.ndarray)))


def whole_vectors(cells: int) -> int:
    """The cells of as many vectors as hold so many cells."""
    return -(-cells // LANES) * LANES


class _Form(NamedTuple):
    """Where elements of matrices stand: on diagonals, or in compressed rows."""

    offsets: NDArray[np.int64]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]

    def used(self, elements: Ket) -> NDArray[np.bool_]:
        """Which diagonals are not zero."""
        return np.any(elements.reshape(max(len(self.offsets), 1), -1) != 0, axis=1)


def _written(matrices: list[Any], stride: int) -> tuple[_Form, list[Ket]]:
    """One form for matrices, and the elements of each: diagonals unless these are much longer than the rows."""
    entries = [csr_array(matrix).tocoo() for matrix in matrices]
    n = entries[0].shape[0]
    kept = [(*(axis.astype(np.int64) for axis in e.coords), e.data) for e in entries]
    kept = [(row[data != 0], column[data != 0], data[data != 0]) for row, column, data in kept]
    offsets = np.unique(np.concatenate([column - row for row, column, _ in kept]))
    places = np.unique(np.concatenate([row * n + column for row, column, _ in kept]))
    made = []
    if len(offsets) * n <= _FILL * len(places):
        for row, column, data in kept:
            values = np.zeros(len(offsets) * stride, dtype=complex)
            np.add.at(values, np.searchsorted(offsets, column - row) * stride + row, data)
            made.append(values)
        return _Form(offsets, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)), made
    for row, column, data in kept:
        values = np.zeros(whole_vectors(len(places)), dtype=complex)
        np.add.at(values, np.searchsorted(places, row * n + column), data)
        made.append(values)
    pointers = np.searchsorted(places, np.arange(n + 1) * n).astype(np.int64)
    return _Form(np.zeros(0, dtype=np.int64), pointers, places % n), made
