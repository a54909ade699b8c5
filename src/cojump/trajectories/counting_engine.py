"""Trajectories whose loop is one compiled kernel, whatever their states are written in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import record_of, sector_array
from ..basis.sectors import Labels
from ..tools.types import Array
from .kernel_cache import bound
from .kernels.common import FINISHED, NO_CONVERGENCE, NOT_FINITE, STIFF
from .kernels.counting import COUNTING_NOW, FIRST_REACH, GROW, Grams, SectorRecord, advance_counting
from .long_step import Patience
from .loop import Gone, Wanted
from .outcome import stacked
from .product_engine import ProductEngine
from .product_moves import Ket
from .product_sectors import Box
from .pure_state import PureState
from .state_factor import Factor
from .unravelling import leap
from .work_space import aligned

_SEGMENT = 4096
"""Jumps between two returns to Python."""

_EFFORT = 2**27
"""Multiplications between two returns to Python at most: some tenths of a second."""

_BEGUN = np.zeros(1, dtype=COUNTING_NOW)[0]
_BEGUN["pending"] = 1


class CountingEngine(ProductEngine):
    """Photon counting by the compiled kernel does what :meth:`Loop.stepwise` does with the state of a tensor
    product, up to rounding and what is cut off a state.

    Attributes
    ----------
    sector_numbers : int
        How many numbers name a sector in the kernel.
    """

    _h_eff: Any
    _room: Any
    _work: Any
    _shown: Any = None
    sector_numbers: int
    _advance: Callable[..., int] | None = None

    def counted(self, wanted: Wanted) -> Gone:
        """The trajectory by photon counting, in the compiled kernel."""
        seed, index, part, record, poll, watch = wanted
        generator = self._stream.move_to(seed, index, part)
        (cell, cells, now), gathered = self._stand, self._grams()
        buffer = self._buffer if record else self._no_record
        began = self._draw(generator)
        cell[0] = _BEGUN
        cell["reach"], cell["waiting"] = FIRST_REACH, generator.standard_exponential()
        jumps: list[tuple[float, int, Labels]] = []
        patience = Patience()
        while True:
            # tables and arrays may have grown
            arguments = (
                self._h_eff,
                self._work,
                self._shown_too(),
                self._room,
                cells,
                self._stream.numbers,
                gathered,
                self.state.tolerance,
                _SEGMENT,
                _EFFORT,
                buffer,
            )
            status = (self._advance or advance_counting)(*arguments)
            if self._advance is None:
                self._advance = bound(advance_counting, arguments)
            if record:
                n = int(now.recorded)
                sectors = map(self._labels, buffer.sector[:n].tolist())
                jumps += zip(buffer.time[:n].tolist(), buffer.channel[:n].tolist(), sectors, strict=True)
                now.recorded = 0
            if cell["shown"][0]:
                now.shown = 0
                if watch is not None:
                    watch(int(now.done) - 1, self._pure_state())
            if status == FINISHED:
                break
            if poll is not None:
                poll()
            if status == GROW:
                self._grow(now)
            if status == STIFF:
                now.taylor_steps = patience.after(self._leap(now))
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                self._hand_over()
                self._fail(seed, index, float(now.t), what)
        made = record_of(self.blocks, jumps) if record else None
        return self._gone(gathered, int(cell["n_jumps"][0]), made, began)

    def _measured(self, gathered: Sequence[Any]) -> tuple[Array, Array, NDArray[Any]]:
        if not isinstance(gathered[0], Grams):  # step by step
            return super()._measured(gathered)
        mean, second = self._averages(stacked([g.grams for g in gathered]))
        numbers = stacked([g.sectors for g in gathered])
        K, T, n = numbers.shape
        sectors = self._reported(numbers.reshape(K * T, n))
        return mean, second, sectors.reshape(K, T, *sectors.shape[1:])

    # What all trajectories share is made with the first one: it takes longer than to write it anew.

    @cached_property
    def _stand(self) -> tuple[Any, Any, Any]:
        """Where the trajectory stands: an array, whose fields are reached fast, as kernels take it, and as a record."""
        cell = np.zeros(1, dtype=COUNTING_NOW)
        cells = cell.view(np.recarray)
        return cell, cells, cells[0]

    @cached_property
    def _buffer(self) -> SectorRecord:
        return self._empty_record(_SEGMENT)

    @cached_property
    def _no_record(self) -> SectorRecord:
        return self._empty_record(0)

    def _grams(self) -> Grams:
        """Arrays of one trajectory: what a kernel writes at every output time need not be cleared."""
        T, V = len(self.times), self.n_vectors
        return Grams(
            self.times,
            np.empty((T, V, V), dtype=complex),
            np.empty((T, self.sector_numbers), dtype=np.int64),
            np.zeros((T + 1, self._n_channels), dtype=np.int64),
            self._snapshot,
        )

    @property
    def n_vectors(self) -> int:
        """How many vectors an output time has the inner products of: the state, and what operators make of it."""
        return len(self._room.vectors)

    def _shown_too(self) -> Any:
        """``_work`` with other arrays for states at output times, so that the one at a jump is not summed again."""
        work = self._work
        if self._shown is None or self._shown.taylor_re is not work.taylor_re:
            size = len(work.out_re)
            self._shown = work._replace(out_re=aligned(size), out_im=aligned(size))
        return self._shown

    @abstractmethod
    def _labels(self, numbers: list[int]) -> Labels:
        """The sector that the kernel gives these numbers."""

    @abstractmethod
    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        """<m_a> and <½{m_a, m_b}> at the output times of trajectories, from the inner products (K, T, V, V)."""

    @abstractmethod
    def _grow(self, now: Any) -> None:
        """Make what the kernel has found missing."""

    @abstractmethod
    def _ready(self, labels: Labels, box: Box, ket: Ket) -> Any:
        """Of a state given on a window of a sector: what can be made once for all trajectories that start from it."""

    @abstractmethod
    def _wait(self, ready: Any) -> None:
        """Let a state wait in ``room`` that was made ready."""

    def _put(self, labels: Labels, box: Box, ket: Ket) -> None:
        """Let a state given on a window of a sector wait in ``room``."""
        self._wait(self._ready(labels, box, ket))

    @abstractmethod
    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state of the kernel: the labels, the window of each, and the amplitudes, axis by axis."""

    def _draw(self, generator: np.random.Generator) -> Labels:
        """Let a pure state of one sector wait in ``room``; the sector."""
        drawn = self.state.draw(generator)
        if drawn.ready is None:
            drawn.ready = self._ready(drawn.labels, drawn.box, drawn.ket)
        self._wait(drawn.ready)
        return drawn.labels

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        """Sectors (k, ...) as they are reported, from the numbers (k, n) of the kernel."""
        return sector_array(self.blocks, list(map(self._labels, numbers.tolist())))

    def _empty_record(self, length: int) -> SectorRecord:
        numbers = np.empty((length, self.sector_numbers), dtype=np.int64)
        return SectorRecord(np.empty(length), np.empty(length, dtype=np.int64), numbers)

    def _pure_state(self) -> PureState:
        """The state at the output time measured last."""
        labels, window, state = self._seen(self._shown.out_re, self._shown.out_im)
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
