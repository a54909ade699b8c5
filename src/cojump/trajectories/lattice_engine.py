"""Trajectories of several coupled blocks of two levels: the loop as one compiled kernel, on a box that moves along."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..basis.real_states import turned, turns
from ..basis.reported_sectors import reported_spins
from ..basis.sectors import Labels
from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .counting_engine import CountingEngine
from .kernels.common import MAX_ORDER
from .kernels.lattice import EDGE, Lattice, LatticeHeff, RowsWork
from .kernels.lattice_box import COUNT, FIRST, START
from .kernels.lattice_trajectory import Room, Starts
from .kernels.nothing import Nothing
from .kernels.vectors import LANES
from .lattice_tables import aligned, elements_of, empty_box, lattice_of, real_form, rows_within
from .product_moves import Ket
from .product_sectors import Box
from .real_models import keeps_real

_FIRST_CELLS = 1024
"""Amplitudes that there is room for at first."""


class _Ready(NamedTuple):
    """A state that is ready to wait: the numbers of its box, (2, n) amplitudes, and runs."""

    numbers: Any
    amplitudes: Array
    runs: NDArray[np.int64]


class LatticeEngine(CountingEngine):
    """Runs trajectories of a part of a model whose blocks have two levels and whose arguments are all diagonal.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self.lattice = lattice_of(self.basis)
        self.sector_numbers = len(model.blocks)
        self._sizes: list[int] = self.lattice.sizes.tolist()
        self._real_form = real_form(self.lattice) if keeps_real(model) else None
        self._form = self._form_of_starts()
        B = self.sector_numbers
        integers = np.zeros(0, dtype=np.int64)
        self._no_starts = Starts(
            np.zeros((0, 4 * B + 1), dtype=np.int64),
            integers,
            integers,
            np.zeros((2, 0)),
            np.zeros((0, FIRST + B), dtype=np.int64),
        )
        self._make_room(min(_FIRST_CELLS, prod(b.size + 1 for b in model.blocks)))

    def start_from(self, state: PartStart) -> None:
        """Let trajectories from now on start from another state of the same part."""
        super().start_from(state)
        form = self._form_of_starts()
        if form is not self._form:
            self._form = form
            self._clear()

    def _form_of_starts(self) -> Lattice:
        """The model as kernels read it, for the states that trajectories start from."""
        return self._real_form if self._real_form is not None and self.state.starts_real else self.lattice

    @property
    def _is_real(self) -> bool:
        """Whether states are real but for known phases."""
        return self._form is self._real_form

    @property
    def n_vectors(self) -> int:
        """ψ and n ψ, J_+ ψ, J_- ψ of every block."""
        return 1 + 3 * self.sector_numbers

    def _make_room(self, cells: int) -> None:
        """Arrays for so many amplitudes; only the pages that are used take memory."""
        B, L, cells = len(self.lattice.sizes), len(self.lattice.kind), -(-cells // LANES) * LANES
        longest, padded = int(self.lattice.sizes.max()) + LANES + 2, cells + 2 * EDGE

        def pair(*shape: int) -> tuple[Array, Any]:
            return aligned(*shape), Nothing(len(shape)) if self._is_real else aligned(*shape)

        self._h_eff = self._new_h_eff(cells)
        elements = self._h_eff.elements
        self._work = RowsWork(
            *pair(MAX_ORDER + 1, padded),
            *pair(padded),
            norms=np.zeros(MAX_ORDER + 1),
            moves=np.zeros(MAX_ORDER + 1),
            windows=np.zeros((MAX_ORDER + 1, 4), dtype=np.int64),
            kept=np.zeros((MAX_ORDER + 1, 4), dtype=np.int64),
            made=np.zeros((MAX_ORDER + 1, rows_within(cells)), dtype=np.uint8),
            shape=np.zeros(2, dtype=np.int64),
        )
        self._room = Room(
            empty_box(B),
            pair(3 * cells),
            np.zeros((2, 2, 0 if self._is_real else 2 * cells)),
            factors=np.ones((1 + 4 * B, max(elements.hop.shape[2], elements.weights.size))),
            sums=aligned(4, elements.hop.shape[2]),
            weights=np.zeros(L),
            profile=np.zeros(longest + LANES),
            of_jumps=aligned(L * LANES),
            runs=np.zeros((3 * cells, FIRST + B), dtype=np.int64),
            n_runs=np.zeros(1, dtype=np.int64),
            window=np.zeros(4, dtype=np.int64),
            shape=np.zeros(2, dtype=np.int64),
            marginal=np.zeros((B, longest)),
            edges=np.zeros((B, 2), dtype=np.int64),
            place=np.zeros(B, dtype=np.int64),
            filled=np.full(3, -1),
        )

    def _new_h_eff(self, cells: int) -> Any:
        B, L = len(self.lattice.sizes), len(self.lattice.kind)
        elements = elements_of(self.lattice, cells)
        return LatticeHeff(L > 0, self._form, empty_box(B), elements, np.zeros(B, dtype=np.int64))

    def _clear(self) -> None:
        """What lies beside a window is multiplied by zeros, not cleared."""
        self._make_room(self._h_eff.elements.diagonal.shape[1])

    def _labels(self, numbers: list[int]) -> Labels:
        return tuple(numbers)

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        return reported_spins(numbers)

    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        return self.state.averages.of_grams(grams)

    def _grow(self, now: Any) -> None:
        """More cells than the state that waits in ``room`` needs; it stays there."""
        room = self._room
        self._make_room(2 * int(self._h_eff.box.size[0]))
        for new, old in zip(self._room.after, room.after, strict=True):
            new[:] = old
        size = int(room.after.size[0])
        for to, part in zip(self._room.new, room.new, strict=True):
            to[:size] = part[:size]
        self._room.n_runs[0] = n = int(room.n_runs[0])
        self._room.runs[:n] = room.runs[:n]

    def _begin(self, ready: _Ready) -> None:
        """Let a state wait in ``room``, with no box from an earlier trajectory."""
        self._wait(ready)
        self._h_eff.box.n[:] = 0

    def _starts(self, ready: Sequence[_Ready]) -> Starts:
        """States that trajectories begin with, one after another."""
        cells, runs = [r.amplitudes.shape[1] for r in ready], [len(r.runs) for r in ready]
        if max(cells) > len(self._room.new[0]):
            self._make_room(max(cells))
        return Starts(
            np.array([r.numbers for r in ready]),
            np.cumsum([0, *cells]),
            np.cumsum([0, *runs]),
            np.concatenate([r.amplitudes for r in ready], axis=1),
            np.concatenate([r.runs for r in ready]),
        )

    def _ready(self, labels: Labels, box: Box, ket: Ket) -> _Ready:
        """The numbers of its box, its amplitudes, and all of the box as runs."""
        n = [hi - lo for lo, hi in box]
        first = [(N - two_J) // 2 + lo for N, two_J, (lo, _) in zip(self._sizes, labels, box, strict=True)]
        stride = [prod(n[b + 1 :]) for b in range(len(n))]
        number = np.arange(prod(n[:-1]))
        runs = np.empty((len(number), FIRST + len(n)), dtype=np.int64)
        runs[:, START], runs[:, COUNT], runs[:, -1] = n[-1] * number, n[-1], 0
        for b in range(len(n) - 1):
            runs[:, FIRST + b] = number // (stride[b] // n[-1]) % n[b]
        amplitudes = np.zeros((2, len(ket)))
        if self._is_real:
            amplitudes[0] = turned(ket, first, n).real
        else:
            amplitudes[0], amplitudes[1] = ket.real, ket.imag
        return _Ready(np.array([*labels, *first, *n, *stride, len(ket)]), amplitudes, runs)

    def _wait(self, ready: _Ready) -> None:
        """Let a state wait in ``room`` that was made ready."""
        numbers, amplitudes, runs = ready
        cells, n = amplitudes.shape[1], len(runs)
        if cells > len(self._room.new[0]):
            self._make_room(cells)
        room = self._room
        room.after.n.base[:] = numbers
        for to, part in zip(room.new, amplitudes, strict=True):
            to[:cells] = part
        room.runs[:n] = runs
        room.n_runs[0] = n

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in the box, cut to its sector: the labels, the window of each, and the amplitudes, axis by axis."""
        box, (first_row, last_row, first_column, last_column) = self._h_eff.box, self._work.windows[0]
        rows, length = self._work.shape
        cells, used = slice(EDGE, EDGE + rows * length), np.zeros((rows, length), dtype=bool)
        used[first_row:last_row, first_column:last_column] = True
        if self._is_real:
            kept = np.where(used.ravel(), re[cells], 0.0) * turns(box.lo, box.n).conj()
        else:
            kept = np.where(used.ravel(), re[cells] + 1j * im[cells], 0.0)
        state = kept.reshape(box.n)
        first = (self.lattice.sizes - box.two_J) // 2
        lo, hi = np.maximum(box.lo, first), np.minimum(box.lo + box.n, first + box.two_J + 1)
        inside = tuple(map(slice, (lo - box.lo).tolist(), (hi - box.lo).tolist()))
        window = tuple(zip((lo - first).tolist(), (hi - first).tolist(), strict=True))
        return tuple(box.two_J.tolist()), window, state[inside]
