"""What the kernels of diffusing states read: the operators of one sector as sparse matrices, and the path of the noise.

See :mod:`cojump.trajectories.kernels.diffusion` for the equation and for the letters B, M_c and W_c.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..tools.types import Array

Ket = NDArray[np.complex128]


class Tables(NamedTuple):
    """Operators of one sector.

    Attributes
    ----------
    pointers, columns : (n + 1,), (E,) int arrays
        Rows of the union of B and all operators.
    drift : (E,) complex array
        B = -i H_eff - ½ Σ_c M_c².
    operators : (O, E) complex array
        The operators that are observed.
    channel_operator : (C,) int array
    factor : (C,) complex array
        M_c is this factor times this operator.
    offset : (C,) array
        What is added to <M_c + M_c†> in the record: the operator of a mode is counted from its reference.
    counted_pointers, counted_columns, counted
        Σ L†L of what is counted, in compressed rows; no element where nothing is.
    """

    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    drift: Ket
    operators: Ket
    channel_operator: NDArray[np.int64]
    factor: Ket
    offset: Array
    counted_pointers: NDArray[np.int64]
    counted_columns: NDArray[np.int64]
    counted: Ket

    @property
    def size(self) -> int:
        """Number of amplitudes."""
        return len(self.pointers) - 1


class Path(NamedTuple):
    """The noise of a trajectory, or its record.

    Attributes
    ----------
    key : (2,) uint64 array
        Two words of 32 bits, other ones for every trajectory.
    unit : float
        Length of a cell, a power of two.
    grid : (T,) array
        Times of a record that is given; empty where the noise is drawn.
    record : (T, C) array
        What it has gained up to each of these times since the one before.
    """

    key: NDArray[np.uint64]
    unit: float
    grid: Array
    record: Array


class Room(NamedTuple):
    """Preallocated arrays: states, an exponent, and numbers for each channel."""

    state: Ket
    coarse: Ket
    half: Ket
    fine: Ket
    row: Ket
    other: Ket
    exponent: Ket
    flow: Array
    flow_half: Array
    flow_end: Array
    first: Array
    second: Array
    both: Array
    record: Array


def room_for(tables: Tables) -> Room:
    """Room to work in for one sector."""
    states = [np.zeros(tables.size, dtype=complex) for _ in range(6)]
    numbers = [np.zeros(len(tables.factor)) for _ in range(7)]
    s, x = states, numbers
    return Room(
        s[0], s[1], s[2], s[3], s[4], s[5], np.zeros_like(tables.drift), x[0], x[1], x[2], x[3], x[4], x[5], x[6]
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
    """Tables of one sector, and the room that its states need."""

    def __init__(self, h_eff: csr_array, seen: list[Seen], counts: bool) -> None:
        h_eff = csr_array(h_eff)
        observed = [(csr_array(s.operator), sum(abs(f) ** 2 for f in s.factors)) for s in seen]
        drift = -1j * h_eff
        for (L, _), s in zip(observed, seen, strict=True):
            square = sum(f**2 for f in s.factors)
            if abs(square) > 0:
                drift = drift - 0.5 * square * (L @ L)
        pattern = csr_array(abs(drift) + sum((abs(L) for L, _ in observed), start=csr_array(h_eff.shape)))
        pattern.sort_indices()
        damping = csr_array(h_eff.shape, dtype=complex)
        if counts:
            damping = csr_array(1j * (h_eff - h_eff.conj().T))
            for L, weight in observed:
                damping = damping - weight * (L.conj().T @ L)
            damping = csr_array(damping)
            damping.data[np.abs(damping.data) <= 1e-14 * np.abs(damping.data).max(initial=0)] = 0
            damping.eliminate_zeros()
        factors = [(o, f, s.reference) for o, s in enumerate(seen) for f in s.factors]
        self.tables = Tables(
            pattern.indptr.astype(np.int64),
            pattern.indices.astype(np.int64),
            _in_pattern(pattern, drift),
            np.array([_in_pattern(pattern, L) for L, _ in observed]).reshape(len(seen), -1),
            np.array([o for o, _, _ in factors], dtype=np.int64),
            np.array([f for _, f, _ in factors], dtype=complex),
            np.array([2 * (f * reference).real for _, f, reference in factors]),
            damping.indptr.astype(np.int64),
            damping.indices.astype(np.int64),
            damping.data.astype(complex),
        )
        self.room = room_for(self.tables)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        return int(sum(array.nbytes for arrays in (self.tables, self.room) for array in arrays))


def _in_pattern(pattern: csr_array, matrix: Any) -> Ket:
    """The elements of a matrix at the places of a pattern that holds all of them."""
    made = np.zeros(len(pattern.indices), dtype=complex)
    entries = csr_array(matrix).tocoo()
    rows = np.repeat(np.arange(pattern.shape[0], dtype=np.int64), np.diff(pattern.indptr))
    places = rows * pattern.shape[1] + pattern.indices
    row, column = entries.coords
    wanted = np.searchsorted(places, row.astype(np.int64) * pattern.shape[1] + column)
    inside = entries.data != 0
    np.add.at(made, wanted[inside], entries.data[inside])
    return made
