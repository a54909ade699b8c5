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
from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .in_one_call import InOneCall, Key
from .kernel_cache import bound
from .kernels.common import FINISHED, NO_CONVERGENCE, NOT_FINITE, STIFF
from .kernels.counting import FIRST_REACH, GROW, TO_BEGIN, Grams, SectorRecord, advance_counting
from .kernels.generators import by_addresses
from .kernels.nothing import is_nothing
from .long_step import Patience
from .loop import Gone, Wanted
from .outcome import stacked
from .product_engine import ProductEngine
from .product_moves import Ket
from .product_sectors import Box
from .product_state import Drawn
from .pure_state import PureState
from .random_streams import Stream
from .state_factor import Factor
from .unravelling import Counting, leap
from .work_space import aligned

_SEGMENT = 4096
"""Jumps between two returns to Python."""

_EFFORT = 2**27
"""Multiplications between two returns to Python at most: some tenths of a second."""

_AHEAD = 2**20
"""Bytes of states that are drawn before it is their turn, at most, but for the last one."""


class CountingEngine(ProductEngine):
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
    _advance: Callable[..., int] | None = None
    _no_starts: Any = None
    _ahead: InOneCall | None = None

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self._streams: list[Stream] = []
        self._numbers = by_addresses([])

    def counted(self, wanted: Wanted) -> Gone:
        """The trajectory by photon counting, in the compiled kernel."""
        key = (wanted.seed, wanted.trajectory, wanted.part)
        run, self._ahead = self._ahead, None  # nobody goes on where this one breaks off
        if run is None or not run.has(key, wanted.record or wanted.watch is not None):
            self._give_up(run)
            run = self._alone(key)
        k = run.places[key]
        jumps = self._go_on(run, k, wanted) if run.turn[0] == k else []
        if len(run) > 1:
            self._ahead = run
        made = record_of(self.blocks, jumps) if wanted.record else None
        return self._gone(run.of(k), int(run.cells["n_jumps"][k]), made, run.labels[k])

    def _go_on(self, run: InOneCall, k: int, wanted: Wanted) -> list[tuple[float, int, Labels]]:
        """Go through trajectory k, and those behind it as long as nobody has to be asked; the record of its jumps."""
        seed, index, _, record, poll, watch = wanted
        now, buffer = run.stands[k], self._buffer if record else self._no_record
        stop = k + 1 if record or watch is not None else len(run)
        jumps: list[tuple[float, int, Labels]] = []
        patience = Patience()
        while True:
            if run.said is None:
                run.said = self._run_on(run, stop, buffer)
            status = run.said
            if record:
                n = int(now.recorded)
                sectors = map(self._labels, buffer.sector[:n].tolist())
                jumps += zip(buffer.time[:n].tolist(), buffer.channel[:n].tolist(), sectors, strict=True)
                now.recorded = 0
            if run.cells["shown"][k]:
                now.shown = 0
                if watch is not None:
                    watch(int(now.done) - 1, self._pure_state())
            if run.turn[0] > k:
                if status == FINISHED:
                    run.said = None
                return jumps
            run.said = None
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                self._hand_over()
                self._clear()
                self._fail(seed, index, float(now.t), what)
            if poll is not None:
                poll()
            if status == GROW:
                self._grow(now)
            if status == STIFF:
                now.taylor_steps = patience.after(self._leap(now))

    def _run_on(self, run: InOneCall, stop: int, buffer: SectorRecord) -> int:
        """What the kernel says of trajectories up to ``stop``; tables and arrays may have grown since the last time."""
        arguments = (
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
        status = (self._advance or advance_counting)(*arguments)
        if self._advance is None:
            self._advance = bound(advance_counting, arguments)
        return status

    def _alone(self, key: Key) -> InOneCall:
        """One trajectory, which has begun."""
        generator = self._stream.move_to(*key)
        drawn = self._drawn(generator)
        self._begin(drawn.ready)
        waiting = generator.standard_exponential()
        return InOneCall(
            [key], [drawn.labels], [waiting], FIRST_REACH, 1, self._own_numbers, self._no_starts, self._grams(1)
        )

    def foresee(self, seed: int, indices: Sequence[int], *, part: int = 0) -> None:
        """Let trajectories that come next be gone through in one call, as many as there is memory for their starts."""
        self._give_up(self._ahead)
        self._ahead = None
        if self._no_starts is None or type(self.unravelling) is not Counting or len(indices) == 0:
            return
        keys, drawn, waiting, used = [], [], [], 0
        for n, index in enumerate(indices):
            if n == len(self._streams):
                self._streams.append(Stream())
            keys.append((seed, index, part))
            generator = self._streams[n].move_to(*keys[-1])
            drawn.append(self._drawn(generator))
            waiting.append(generator.standard_exponential())
            used += drawn[-1].nbytes
            if used > _AHEAD:
                break
        if len(self._numbers) < len(self._streams):
            self._numbers = by_addresses([s.generator for s in self._streams])
        starts, grams = self._starts([d.ready for d in drawn]), self._grams(len(keys))
        self._ahead = InOneCall(
            keys, [d.labels for d in drawn], waiting, FIRST_REACH, TO_BEGIN, self._numbers, starts, grams
        )

    def start_from(self, state: PartStart) -> None:
        """Let trajectories from now on start from another state of the same part."""
        self._give_up(self._ahead)
        self._ahead = None
        super().start_from(state)

    def _give_up(self, run: InOneCall | None) -> None:
        """Leave what nobody has asked for: a trajectory may have failed there."""
        if run is not None and run.said in (NO_CONVERGENCE, NOT_FINITE):
            self._clear()

    def _clear(self) -> None:
        """Let no NaN of a trajectory that has failed be where later ones read."""
        return

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
    def _own_numbers(self) -> Any:
        return by_addresses([self._stream.generator])

    @cached_property
    def _buffer(self) -> SectorRecord:
        return self._empty_record(_SEGMENT)

    @cached_property
    def _no_record(self) -> SectorRecord:
        return self._empty_record(0)

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
