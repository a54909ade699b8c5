"""Trajectories of one block of two-level particles: the loop as one compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import JUMP
from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .in_one_call import CompiledLoop, InOneCall, Key, Written
from .kernels.common import NOW, TO_BEGIN, JumpRecord
from .kernels.trajectory import SpinStarts, advance
from .pure_state import Watch
from .random_streams import Stream
from .spin_state import SpinState, Start

_SEGMENT = 4096
"""Jumps between two returns to Python, so that signals and other ranks are heard."""

_EFFORT = 2**25
"""Cells of states that the kernel goes through between two returns to Python at most: some hundredths of a second."""


class Engine(CompiledLoop):
    """Runs trajectories of one model from one state; keeps its tables and work space.

    Photon counting by the compiled kernel does what :meth:`Loop.stepwise` does, to the last bit; of a single amplitude
    (kernels/lone_amplitude) up to rounding.

    Parameters
    ----------
    model, state
        Validated model and initial state.
    times : (T,) array
        Output times, increasing, times[0] ≥ 0.
    tolerance : float
        Bound on the error of the state per step (norm) and on the jump time (in units of log-survival).
    snapshots : sequence of int
        Positions of the output times at which states are wanted.
    """

    state: SpinState
    kernel = staticmethod(advance)
    _no_starts = SpinStarts(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        own = SpinState(model, state, tolerance, len(snapshots), Stream().generator)
        super().__init__(model, own, times, snapshots)

    @property
    def _is_real(self) -> bool:
        return self.state.is_real

    def _arguments(self, run: InOneCall, stop: int, buffer: JumpRecord) -> Sequence[Any]:
        state = self.state
        return (
            state.basis.h_eff,
            state.basis.jumps,
            state.work,
            run.stands,
            run.numbers,
            run.starts,
            run.gathered,
            state.amplitudes,
            run.turn,
            stop,
            state.tolerance,
            _SEGMENT,
            _EFFORT,
            buffer,
        )

    def _drawn(self, generator: np.random.Generator) -> Start:
        return self.state.draw(generator)

    def _alone(self, key: Key) -> InOneCall:
        generator, state = self._stream.move_to(*key), self.state
        state.begin(generator)
        state.cell["waiting"] = generator.standard_exponential()
        return InOneCall([key], [state.sector], state.cell, self._own_numbers, self._no_starts, self._gathered(1))

    def _together(self, keys: Sequence[Key], drawn: Sequence[Start], numbers: Any) -> InOneCall:
        states = drawn[:1] if all(start is drawn[0] for start in drawn) else drawn
        each = len(drawn) // len(states)
        stands = np.array([start.now for start in states], dtype=NOW).repeat(each)
        stands["pending"] = TO_BEGIN
        first = list(accumulate((len(start.re) for start in states[:-1]), initial=0)) * each
        starts = SpinStarts(
            np.array(first),
            np.concatenate([start.re for start in states]),
            np.concatenate([start.im for start in states]),
        )
        return InOneCall(keys, stands["two_J"].tolist(), stands, numbers, starts, self._gathered(len(keys)))

    def _empty_record(self, kept: bool) -> JumpRecord:
        n = _SEGMENT if kept else 0
        return JumpRecord(np.empty(n), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64))

    def _drained(self, buffer: JumpRecord, n: int) -> list[NDArray[np.void]]:
        piece = np.empty(n, dtype=JUMP)
        piece["time"], piece["channel"], piece["sector"] = buffer.time[:n], buffer.channel[:n], buffer.two_J[:n] / 2
        return [piece]

    def _record_of(self, jumps: list[NDArray[np.void]]) -> NDArray[np.void]:
        return np.concatenate(jumps)

    def _show(self, run: InOneCall, k: int, watch: Watch | None) -> None:
        """When the trajectory has ended."""
        if watch is not None and run.ended > k:
            gathered = Written(run.gathered, k).alone
            for done in np.flatnonzero(self._snapshot >= 0).tolist():
                watch(done, self.state.pure_state(gathered, done))

    def _hand_over(self, now: Any) -> None:
        self.state.cell[0] = now

    def _take_back(self, now: Any) -> None:
        own = self.state.now
        now.two_J, now.lo, now.hi = own.two_J, own.lo, own.hi

    def _sectors(self, named: NDArray[np.int64]) -> NDArray[np.float64]:
        made: NDArray[np.float64] = named / 2
        return made
