"""Trajectories whose loop is one compiled kernel, whatever their states are written in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import record_of, sector_array
from ..basis.sectors import Labels
from ..tools.types import Array
from .in_one_call import CompiledLoop, InOneCall, Key
from .kernels.common import TO_BEGIN
from .kernels.counting import COUNTING_NOW, FIRST_REACH, GROW, Grams, SectorRecord, advance_counting
from .kernels.nothing import is_nothing
from .product_engine import ProductEngine
from .product_moves import Ket
from .product_sectors import Box
from .product_state import Drawn
from .pure_state import PureState, Watch
from .state_factor import Factor
from .work_space import aligned

_SEGMENT = 4096
"""Jumps between two returns to Python."""

_EFFORT = 2**27
"""Multiplications between two returns to Python at most: some tenths of a second."""


class CountingEngine(ProductEngine, CompiledLoop):
    """Photon counting by the compiled kernel does what :meth:`Loop.stepwise` does with the state of a tensor
    product, up to rounding and what is cut off a state.

    Attributes
    ----------
    sector_numbers : int
        How many numbers name a sector in the kernel.
    _no_starts
        What the kernel is called with where no trajectory is to begin in it; None where none can.
    """

    _h_eff: Any
    _room: Any
    _work: Any
    _shown: Any = None
    sector_numbers: int
    _no_starts: Any = None
    kernel = staticmethod(advance_counting)

    @property
    def _can_begin(self) -> bool:
        return self._no_starts is not None

    def _arguments(self, run: InOneCall, stop: int, buffer: SectorRecord) -> Sequence[Any]:
        return (
            self._h_eff,
            self._work,
            self._shown_too(),
            self._room,
            run.stands,
            run.numbers,
            run.starts,
            run.gathered,
            run.turn,
            stop,
            self.state.tolerance,
            _SEGMENT,
            _EFFORT,
            buffer,
        )

    def _alone(self, key: Key) -> InOneCall:
        """One trajectory, which has begun: not all kernels take the first state up."""
        generator = self._stream.move_to(*key)
        drawn = self._drawn(generator)
        self._begin(drawn.ready)
        stands = _stands(1, 1)
        stands["waiting"] = generator.standard_exponential()
        return InOneCall([key], [drawn.labels], stands, self._own_numbers, self._no_starts, self._grams(1))

    def _together(self, keys: Sequence[Key], drawn: Sequence[Drawn], numbers: Any) -> InOneCall:
        starts, grams = self._starts([d.ready for d in drawn]), self._grams(len(keys))
        return InOneCall(keys, [d.labels for d in drawn], _stands(len(keys), TO_BEGIN), numbers, starts, grams)

    def _make_missing(self, status: int, now: Any) -> None:
        if status == GROW:
            self._grow(now)

    def _drained(self, buffer: SectorRecord, n: int) -> list[tuple[float, int, Labels]]:
        sectors = map(self._labels, buffer.sector[:n].tolist())
        return list(zip(buffer.time[:n].tolist(), buffer.channel[:n].tolist(), sectors, strict=True))

    def _record_of(self, jumps: list[tuple[float, int, Labels]]) -> NDArray[np.void]:
        return record_of(self.blocks, jumps)

    def _show(self, run: InOneCall, k: int, watch: Watch | None) -> None:
        if run.stands["shown"][k]:
            run.stands["shown"][k] = 0
            if watch is not None:
                watch(int(run.stands["done"][k]) - 1, self._pure_state())

    def _averages_of(self, gathered: Any) -> tuple[Array, Array]:
        return self._averages(gathered.grams) if isinstance(gathered, Grams) else super()._averages_of(gathered)

    def _sectors(self, named: NDArray[Any]) -> NDArray[Any]:
        if named.dtype == object:  # step by step
            return super()._sectors(named)
        K, T, n = named.shape
        sectors = self._reported(named.reshape(K * T, n))
        return sectors.reshape(K, T, *sectors.shape[1:])

    def _grams(self, K: int) -> Grams:
        """Arrays of K trajectories: what a kernel writes at every output time need not be cleared."""
        T, V = len(self.times), self.n_vectors
        return Grams(
            self.times,
            np.empty((K, T, V, V), dtype=complex),
            np.empty((K, T, self.sector_numbers), dtype=np.int64),
            np.zeros((K, T + 1, self._n_channels), dtype=np.int64),
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
            out_im = work.out_im if is_nothing(work.out_im) else aligned(size)
            self._shown = work._replace(out_re=aligned(size), out_im=out_im)
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

    def _drawn(self, generator: np.random.Generator) -> Drawn:
        """A pure state of one sector that is ready to wait."""
        drawn = self.state.draw(generator)
        if drawn.ready is None:
            drawn.ready = self._ready(drawn.labels, drawn.box, drawn.ket)
        return drawn

    def _begin(self, ready: Any) -> None:
        """Let a state wait in ``room`` that a trajectory begins with."""
        self._wait(ready)

    def _starts(self, ready: Sequence[Any]) -> Any:
        """States that trajectories begin with, as a kernel takes them up; nothing where none can begin in it."""
        return self._no_starts

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        """Sectors (k, ...) as they are reported, from the numbers (k, n) of the kernel."""
        return sector_array(self.blocks, list(map(self._labels, numbers.tolist())))

    def _empty_record(self, kept: bool) -> SectorRecord:
        length = _SEGMENT if kept else 0
        numbers = np.empty((length, self.sector_numbers), dtype=np.int64)
        return SectorRecord(np.empty(length), np.empty(length, dtype=np.int64), numbers)

    def _pure_state(self) -> PureState:
        """The state at the output time measured last."""
        labels, window, state = self._seen(self._shown.out_re, self._shown.out_im)
        blocks = tuple(range(len(labels)))
        return PureState((Factor(blocks, labels, window, state / np.linalg.norm(state), self.state.frames),))

    def _hand_over(self, now: Any) -> None:
        """Let the state in the tensor product be the one that a step begins with."""
        labels, window, state = self._seen(self._work.taylor_re[0], self._work.taylor_im[0])
        self.state.take(labels, window, state.ravel())

    def _take_back(self, now: Any) -> None:
        self._put(*self.state.given)
        now.pending = 1


def _stands(K: int, pending: int) -> NDArray[np.void]:
    """Where K trajectories stand at first."""
    stands = np.zeros(K, dtype=COUNTING_NOW)
    stands["pending"], stands["reach"] = pending, FIRST_REACH
    return stands
