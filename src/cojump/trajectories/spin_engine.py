"""Trajectories of one block of two-level particles: the loop as one compiled kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import JUMP
from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .kernel_cache import bound
from .kernels.common import FINISHED, NO_CONVERGENCE, NOT_FINITE, STIFF, Gathered, JumpRecord
from .kernels.trajectory import advance
from .long_step import Patience
from .loop import Gone, Loop, Wanted
from .outcome import stacked
from .random_streams import Stream
from .spin_state import SpinState
from .unravelling import leap

_SEGMENT = 4096
"""Jumps between two returns to Python, so that signals and other ranks are heard."""

_EFFORT = 2**25
"""Cells of states that the kernel goes through between two returns to Python at most: some hundredths of a second."""


class Engine(Loop):
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

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        own = SpinState(model, state, tolerance, len(snapshots), Stream().generator)
        super().__init__(model, own, times, snapshots)
        self._advance: dict[bool, Callable[..., int]] = {}
        """The kernel for states that stay real, and for any."""

    def counted(self, wanted: Wanted) -> Gone:
        """The trajectory by photon counting, in the compiled kernel."""
        seed, index, part, record, poll, watch = wanted
        generator = self._stream.move_to(seed, index, part)
        state, gathered = self.state, self._gathered()
        state.begin(generator)
        now, cell, began = state.now, state.cell, state.sector
        cell["waiting"] = generator.standard_exponential()
        buffer = _empty_record(_SEGMENT) if record else _NO_RECORD
        pieces: list[NDArray[np.void]] = []
        patience = Patience()
        arguments = (
            state.basis.h_eff,
            state.basis.jumps,
            state.work,
            state.cells,
            self._stream.numbers,
            gathered,
            state.amplitudes,
            state.tolerance,
            _SEGMENT,
            _EFFORT,
            buffer,
        )
        run = self._advance.get(state.is_real, advance)
        while True:
            status = run(*arguments)
            if record:
                pieces.append(_drained(buffer, int(now.recorded)))
                now.recorded = 0
            if status == FINISHED:
                break
            if poll is not None:
                poll()
            if status == STIFF:
                t, soon = float(now.t), float(self.times[now.done])
                made = leap(state, float(now.waiting), t, soon - t, float(now.horizon))
                now.taylor_steps = patience.after(made is not None)
                if made is not None:
                    time, now.waiting = made
                    now.t = soon if time >= soon - t else t + time
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                self._fail(seed, index, float(now.t), what)
        if run is advance:
            self._advance[state.is_real] = bound(advance, arguments)
        if watch is not None:
            for done in np.flatnonzero(gathered.snapshot >= 0).tolist():
                watch(done, state.pure_state(gathered, done))
        return self._gone(gathered, int(cell["n_jumps"][0]), np.concatenate(pieces) if record else None, began)

    def _sectors(self, gathered: Sequence[Gathered]) -> NDArray[np.float64]:
        made: NDArray[np.float64] = stacked([g.sectors for g in gathered]) / 2
        return made


def _empty_record(length: int) -> JumpRecord:
    return JumpRecord(np.empty(length), np.empty(length, dtype=np.int64), np.empty(length, dtype=np.int64))


_NO_RECORD = _empty_record(0)


def _drained(buffer: JumpRecord, n: int) -> NDArray[np.void]:
    """The n jumps that the kernel has recorded in its buffer."""
    piece = np.empty(n, dtype=JUMP)
    piece["time"], piece["channel"], piece["sector"] = buffer.time[:n], buffer.channel[:n], buffer.two_J[:n] / 2
    return piece
