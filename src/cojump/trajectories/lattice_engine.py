"""Trajectories of several coupled blocks of two levels: the loop as one compiled kernel, on a box that moves along."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..basis.reported_sectors import record_of, sector_array
from ..basis.sectors import Labels
from ..model import Model
from ..model.states import State
from ..tools.types import Array
from .kernels.common import FINISHED, MAX_ORDER, NO_CONVERGENCE, NOT_FINITE, PAD, STIFF, Work
from .kernels.lattice import LatticeHeff, set_strides
from .kernels.lattice_trajectory import (
    FIRST_REACH,
    GROW,
    LATTICE_NOW,
    LatticeGathered,
    LatticeRecord,
    Room,
    advance_lattice,
)
from .lattice_tables import elements_of, empty_box, lattice_of
from .long_step import Patience
from .loop import Wanted
from .outcome import Outcome
from .product_engine import ProductEngine
from .product_moves import Ket
from .product_sectors import Box
from .pure_state import Factor, PureState
from .unravelling import leap

_SEGMENT = 4096
"""Jumps between two returns to Python."""

_EFFORT = 2**27
"""Multiplications between two returns to Python at most: some tenths of a second."""

_FIRST_CELLS = 1024
"""Amplitudes that there is room for at first."""


class LatticeEngine(ProductEngine):
    """Runs trajectories of a part of a model whose blocks have two levels and whose arguments are all diagonal.

    Photon counting by the compiled kernel does what :meth:`Loop.stepwise` does with the state of a tensor product, up
    to rounding and the tails of windows.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    def __init__(
        self, model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self.lattice = lattice_of(self.basis)
        self._make_room(min(_FIRST_CELLS, prod(b.size + 1 for b in model.blocks)))

    def counted(self, wanted: Wanted) -> Outcome:
        """The trajectory by photon counting, in the compiled kernel."""
        seed, index, part, record, poll, watch = wanted
        generator = self._stream.move_to(seed, index, part)
        now = np.zeros(1, dtype=LATTICE_NOW).view(np.recarray)[0]
        self._draw(generator)
        now.pending, now.reach = 1, FIRST_REACH
        now.waiting = generator.standard_exponential()
        gathered, buffer = self._arrays(), self._empty_record(_SEGMENT if record else 0)
        jumps: list[tuple[float, int, Labels]] = []
        patience = Patience()
        while True:
            status = advance_lattice(
                self._h_eff,
                self._work,
                self._room,
                now,
                generator,
                gathered,
                self.state.tolerance,
                _SEGMENT,
                _EFFORT,
                buffer,
            )
            n = int(now.recorded)
            sectors = map(tuple, buffer.two_J[:n].tolist())
            jumps += zip(buffer.time[:n].tolist(), buffer.channel[:n].tolist(), sectors, strict=True)
            now.recorded = 0
            if now.shown:
                now.shown = 0
                if watch is not None:
                    watch(int(now.done) - 1, self._pure_state())
            if status == FINISHED:
                break
            if poll is not None:
                poll()
            if status == GROW:
                self._grow()
            if status == STIFF:
                now.taylor_steps = patience.after(self._leap(now))
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                self._hand_over()
                self._fail(seed, index, float(now.t), what)
        mean, second = self.state.averages.of_grams(gathered.grams)
        reported = sector_array(self.blocks, list(map(tuple, gathered.sectors.tolist())))
        made = record_of(self.blocks, jumps) if record else None
        return Outcome(mean, second, reported, gathered.counts[:-1], int(now.n_jumps), made)

    def _arrays(self) -> LatticeGathered:
        T, B, V = len(self.times), len(self.lattice.sizes), 1 + 3 * len(self.lattice.sizes)
        return LatticeGathered(
            self.times,
            np.zeros((T, V, V), dtype=complex),
            np.zeros((T, B), dtype=np.int64),
            np.zeros((T + 1, len(self.lattice.kind)), dtype=np.int64),
            self._snapshot,
        )

    def _empty_record(self, length: int) -> LatticeRecord:
        B = len(self.lattice.sizes)
        return LatticeRecord(np.empty(length), np.empty(length, dtype=np.int64), np.empty((length, B), dtype=np.int64))

    def _make_room(self, cells: int) -> None:
        """Arrays for so many amplitudes; only the pages that are used take memory."""
        B, L = len(self.lattice.sizes), len(self.lattice.kind)
        longest, padded = int(self.lattice.sizes.max()) + 3, cells + 2 * PAD

        def pair(*shape: int) -> tuple[Array, Array]:
            return np.zeros(shape), np.zeros(shape)

        elements = elements_of(self.lattice, cells)
        self._h_eff = LatticeHeff(L > 0, self.lattice, empty_box(B), elements, np.zeros(B, dtype=np.int64))
        self._work = Work(
            *pair(MAX_ORDER + 1, padded),
            *pair(2, 0),
            *pair(0),
            *pair(padded),
            *pair(0),
            *pair(2, 0),
            norms=np.zeros(MAX_ORDER + 1),
            weights=np.zeros((0, 3)),
        )
        self._room = Room(
            empty_box(B),
            *pair(3 * cells),
            *pair(2, 2 * cells),
            vectors=np.zeros((1 + 3 * B, cells), dtype=complex),
            weight=np.zeros(cells),
            weights=np.zeros(L),
            marginal=np.zeros((B, longest)),
            edges=np.zeros((B, 2), dtype=np.int64),
            place=np.zeros(B, dtype=np.int64),
            filled=np.full(3, -1),
        )

    def _grow(self) -> None:
        """More cells than the state that waits in ``room`` needs; it stays there."""
        room = self._room
        self._make_room(2 * int(self._h_eff.box.size[0]))
        for new, old in zip(self._room.after, room.after, strict=True):
            new[:] = old
        size = int(room.after.size[0])
        self._room.new_re[:size], self._room.new_im[:size] = room.new_re[:size], room.new_im[:size]

    def _draw(self, generator: np.random.Generator) -> None:
        """Let a pure state of one sector wait in ``room``, with no box from an earlier trajectory."""
        self._put(*self.state.draw(generator))
        self._h_eff.box.n[:] = 0

    def _put(self, labels: Labels, box: Box, ket: Ket) -> None:
        """Let a state given on a window of a sector wait in ``room``."""
        if len(ket) > self._room.new_re.size:
            self._make_room(len(ket))
        after = self._room.after
        after.two_J[:] = labels
        first = (self.lattice.sizes - after.two_J) // 2
        after.lo[:] = first + np.array([lo for lo, _ in box])
        after.n[:] = [hi - lo for lo, hi in box]
        set_strides(after)
        self._room.new_re[: len(ket)], self._room.new_im[: len(ket)] = ket.real, ket.imag

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in the box, cut to its sector: the labels, the window of each, and the amplitudes, axis by axis."""
        box = self._h_eff.box
        size = int(box.size[0])
        state = (re[PAD : PAD + size] + 1j * im[PAD : PAD + size]).reshape(box.n)
        first = (self.lattice.sizes - box.two_J) // 2
        lo, hi = np.maximum(box.lo, first), np.minimum(box.lo + box.n, first + box.two_J + 1)
        inside = tuple(map(slice, (lo - box.lo).tolist(), (hi - box.lo).tolist()))
        window = tuple(zip((lo - first).tolist(), (hi - first).tolist(), strict=True))
        return tuple(box.two_J.tolist()), window, state[inside]

    def _pure_state(self) -> PureState:
        """The state at the output time measured last."""
        labels, window, state = self._seen(self._work.out_re, self._work.out_im)
        blocks = tuple(range(len(labels)))
        return PureState((Factor(blocks, labels, window, state / np.linalg.norm(state), self.state.frames),))

    def _hand_over(self) -> None:
        """Let the state in the tensor product be the one that a step begins with."""
        labels, window, state = self._seen(self._work.taylor_re[0], self._work.taylor_im[0])
        self.state.take(labels, window, state.ravel())

    def _leap(self, now: Any) -> bool:
        """Go on to the next output time or jump in one long step, if that is possible."""
        self._hand_over()
        t, soon = float(now.t), float(self.times[now.done])
        made = leap(self.state, float(now.waiting), t, soon - t, float(now.horizon))
        if made is None:
            return False
        time, now.waiting = made
        now.t = soon if time >= soon - t else t + time
        self._put(*self.state.given)
        now.pending = 1
        return True
