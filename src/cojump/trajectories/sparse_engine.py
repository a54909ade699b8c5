"""Trajectories in sectors of any kind: the loop as one compiled kernel, over the basis states that a state occupies."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import sector_array
from ..basis.sectors import Labels, largest_sector
from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .counting_engine import CountingEngine
from .kernels.common import MAX_ORDER, PAD, Work
from .kernels.sparse import Occupied, SparseHeff
from .kernels.sparse_jump import Heap
from .kernels.sparse_state import BETWEEN, BINS, SparseRoom, SparseStarts
from .kernels.vectors import LANES
from .product_moves import Ket
from .product_sectors import Box
from .product_windows import moved
from .sparse_tables import SparseTables
from .work_space import aligned


class SparseEngine(CountingEngine):
    """Runs trajectories of a part of a model whose H_eff and jumps are sparse matrices in every sector.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    sector_numbers = 1

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self.tables = self._new_tables()
        cells = prod(largest_sector(block) for block in model.blocks)
        self._occupied = Occupied(
            slots=np.zeros(3, dtype=np.int64),
            state=np.zeros(cells, dtype=np.int64),
            slot=np.full(cells, -1, dtype=np.int32),
            spread=np.zeros(cells, dtype=np.int8),
            energy=np.zeros(cells),
            half_rate=np.zeros(cells),
            x=np.zeros((cells, 2)),
            made=np.zeros((cells, 2)),
            x_re=np.zeros(cells),
            x_im=np.zeros(cells),
        )
        self._work, self._room = _work(cells), _room(cells, len(self.state.averages.operators), self.tables)
        integers, numbers = np.zeros(0, dtype=np.int64), np.zeros(0)
        self._no_starts = SparseStarts(integers, integers, integers, numbers, numbers)
        self._sectors_reported = sector_array(self.blocks, [])
        """Of the sectors that have a number."""
        self._read()

    def _new_tables(self) -> SparseTables:
        return SparseTables(self.basis, self.state.averages, self.state.moves)

    def _read(self) -> None:
        self._h_eff = SparseHeff(self._n_channels > 0, *self.tables.read(), self._occupied)

    def _labels(self, numbers: list[int]) -> Labels:
        return self.tables.labels[numbers[0]]

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        known, labels = self._sectors_reported, self.tables.labels
        if len(known) < len(labels):  # they keep their numbers
            known = np.concatenate([known, sector_array(self.blocks, labels[len(known) :])])
            self._sectors_reported = known
        return known[numbers[:, 0]]

    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        return self.state.averages.of_grams(grams, needed=True)

    def _grow(self, now: Any) -> None:
        """Work out the sector that the state has come to, or a matrix that its jump needs."""
        if now.jumping:
            self.tables.make(int(self._occupied.slots[0]), *self._room.wanted.tolist())
        else:
            self.tables.know(int(self._room.target[0]))
        self._read()

    def _ready(self, labels: Labels, box: Box, ket: Ket) -> tuple[Labels, NDArray[np.intp], Array, Array]:
        """The sector, the places of its amplitudes, and their real and imaginary parts."""
        whole = moved(ket, box, self.basis.whole(labels))
        places = np.flatnonzero(whole)
        return labels, places, whole[places].real.copy(), whole[places].imag.copy()

    def _wait(self, ready: tuple[Labels, NDArray[np.intp], Array, Array]) -> None:
        """Let a state wait in ``room`` that was made ready."""
        labels, places, re, im = ready
        after, known = self._room.after, len(self.tables.labels)
        before = after.place[: after.filled[0]]
        after.there[before], after.x[before] = 0, 0.0
        after.filled[0], after.place[: len(places)], after.there[places] = len(places), places, 1
        after.x[places, 0, 0], after.x[places, 0, 1] = re, im
        self._room.target[0] = self.tables.number(labels)
        if len(self.tables.labels) > known:
            self._read()

    def _starts(self, ready: Sequence[tuple[Labels, NDArray[np.intp], Array, Array]]) -> SparseStarts:
        """States that trajectories begin with, one after another."""
        known, (labels, places, re, im) = len(self.tables.labels), zip(*ready, strict=True)
        sectors = np.array([self.tables.number(own) for own in labels])
        if len(self.tables.labels) > known:
            self._read()
        first = np.cumsum([0, *map(len, places)])
        return SparseStarts(sectors, first, np.concatenate(places), np.concatenate(re), np.concatenate(im))

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in the slots: the labels, the window of each, and the amplitudes, axis by axis."""
        labels = self._labels([int(self._occupied.slots[0])])
        whole, n = self.basis.whole(labels), int(self._occupied.slots[2])
        state = np.zeros(prod(end for _, end in whole), dtype=complex)
        state[self._occupied.state[:n]] = re[PAD : PAD + n] + 1j * im[PAD : PAD + n]
        return labels, whole, state.reshape([end for _, end in whole])


def _work(cells: int) -> Work:
    """Arrays of the series for so many amplitudes; only the pages that are used take memory."""
    padded = cells + 2 * PAD

    def pair(*shape: int) -> tuple[Array, Array]:
        return np.zeros(shape), np.zeros(shape)

    return Work(
        *pair(MAX_ORDER + 1, padded),
        *pair(2, 0),
        *pair(0),
        *pair(padded),
        *pair(0),
        *pair(2, 0),
        norms=np.zeros(MAX_ORDER + 1),
        weights=np.zeros((0, 3)),
    )


def _room(cells: int, V: int, tables: SparseTables) -> SparseRoom:
    def heap(width: int) -> Heap:
        return Heap(
            np.zeros(1, dtype=np.int64),
            np.zeros(cells, dtype=np.int64),
            np.zeros(cells, dtype=np.int8),
            np.zeros((cells, width, 2)),
        )

    return SparseRoom(
        now=heap(1),
        after=heap(1),
        rest=heap(tables.levels),
        beside=heap(tables.levels),
        target=np.zeros(1, dtype=np.int64),
        wanted=np.zeros(3, dtype=np.int64),
        weights=np.zeros(len(tables.basis.channels)),
        bins=np.zeros(BINS),
        vectors=aligned(1 + V, 2 * BETWEEN),
        every=np.arange(1 + V),
        sums=aligned((1 + V) ** 2, LANES),
        is_first=tables.is_first,
        filled=np.full(3, -1),
    )
