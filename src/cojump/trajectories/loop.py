"""The loop of a trajectory: no-jump step, averages at the output times, jump, again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import record_of, sector_array
from ..errors import ConvergenceError
from ..model import Block, Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .kernels.common import MAX_ORDER, NO_NUMBER, Gathered
from .long_step import Patience
from .outcome import Engine, Outcomes, stacked
from .pure_state import PureState, Watch
from .random_streams import Stream
from .unravelling import Counting, TrajectoryState, Unravelling

POLL = 2**26
"""Multiplications between two calls of ``poll``: some tenths of a second."""


class Wanted(NamedTuple):
    """What :meth:`Loop.run` is asked for, as it hands it on; ``trajectory`` is its ``index``."""

    seed: int
    trajectory: int
    part: int = 0
    record: bool = False
    poll: Callable[[], None] | None = None
    watch: Watch | None = None


class MeasuredState(TrajectoryState, Protocol):
    """A state whose averages can be taken on the way."""

    basis: Any
    sector_type: Any
    n_averages: int

    def start_from(self, state: PartStart, generator: np.random.Generator) -> None:
        """Take another initial state; of the generator nothing is drawn."""

    def measure(self, gathered: Gathered, done: int, x: float) -> None:
        """Averages at the output time ``done``, x units of the step's time after its start."""

    def pure_state(self, gathered: Gathered, done: int) -> PureState:
        """The state at the output time measured last."""

    def reported(self, mean: Array, second: Array) -> tuple[Array, Array]:
        """Mean (..., T, A') and second, as they were measured, in the frame of the user."""


class Gone(NamedTuple):
    """What a trajectory has left, see :class:`Outcome`.

    Attributes
    ----------
    gathered : Gathered, or what an engine with a compiled loop has in its place
    n_jumps : int
    jumps : structured array or None
    records : (T, C) array
    began
        The sector at t = 0, as the representation names it; None if jumps were not recorded.
    """

    gathered: Any
    n_jumps: int
    jumps: NDArray[np.void] | None
    records: Array
    began: Any = None


class Loop(Engine):
    """Runs trajectories of an independent part of a model from one state.

    Parameters
    ----------
    model : Model
    state : MeasuredState
        The state in its representation, at the start of a trajectory once it begins.
    times : (T,) array
        Output times, increasing, times[0] ≥ 0.
    snapshots : sequence of int
        Positions of the output times at which states are wanted.
    """

    def __init__(self, model: Model, state: MeasuredState, times: Array, snapshots: Sequence[int] = ()) -> None:
        self.blocks: Sequence[Block] = model.blocks
        self.times = np.ascontiguousarray(times, dtype=float)
        self.unravelling: Unravelling = Counting()
        self.state = state
        self._stream = Stream()
        self._n_channels = len(model.jumps)
        self._snapshot = np.full(len(self.times), -1)
        self._snapshot[list(snapshots)] = np.arange(len(snapshots))
        self._no_currents = np.empty((len(self.times), 0))

    def start_from(self, state: PartStart) -> None:
        """Let trajectories from now on start from another state of the same part."""
        self.state.start_from(state, self._stream.generator)

    @property
    def basis(self) -> Any:
        """Frames and sectors of the representation."""
        return self.state.basis

    def go(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> Gone:
        """Go through trajectory ``index`` of the ensemble with ``seed``."""
        wanted = Wanted(seed, index, part, record, poll, watch)
        # a kernel has photon counting compiled in, and no other unravelling, not even one made from it
        return self.counted(wanted) if type(self.unravelling) is Counting else self.stepwise(wanted)

    def counted(self, wanted: Wanted) -> Gone:
        """The trajectory by photon counting; an engine with a compiled loop has it here."""
        return self.stepwise(wanted)

    def stepwise(self, wanted: Wanted) -> Gone:
        """The trajectory step by step in Python, in any unravelling."""
        seed, index, part, record, poll, watch = wanted
        generator = self._stream.move_to(seed, index, part)
        state, unravelling, gathered = self.state, self.unravelling, self._gathered()
        times, counts = self.times.tolist(), gathered.counts
        watched = frozenset(np.flatnonzero(self._snapshot >= 0).tolist()) if watch is not None else frozenset()

        def measure(done: int, x: float) -> None:
            state.measure(gathered, done, x)
            counts[done + 1] = counts[done]
            if done in watched:
                assert watch is not None
                watch(done, state.pure_state(gathered, done))

        jumps: list[tuple[float, int, Any]] = []
        t, done, T, n_jumps, end = 0.0, 0, len(times), 0, times[-1]
        patience, taylor_steps = Patience(), 0  # steps in which no long one is tried
        state.begin(generator)
        began = state.sector
        unravelling.begin(generator)
        while done < T and times[done] <= t:
            measure(done, 0.0)
            done += 1
        while done < T:
            most = end - t
            step = unravelling.step(state, most)
            if state.effort >= POLL:
                state.effort = 0
                if poll is not None:
                    poll()
            if not (isfinite(step.energy) and isfinite(step.rate)):
                self._fail(seed, index, t, "became NaN or zero")
            if step.order == MAX_ORDER and taylor_steps == 0:
                soon = times[done] - t
                if unravelling.is_stiff(state, step, most, soon):
                    taken = unravelling.long_step(state, t, soon, step.horizon)
                    taylor_steps = patience.after(taken is not None)
                    if taken is not None:
                        t = times[done] if taken >= soon else t + taken
                        while done < T and times[done] <= t:
                            measure(done, 0.0)
                            done += 1
                        continue
            if step.found < 0 or not (t + step.horizon > t or unravelling.due):
                self._fail(seed, index, t, "did not converge")
            until = end if step.found == 0 and step.horizon >= most else t + step.time
            while done < T and times[done] <= until:
                measure(done, (times[done] - t) / step.unit)
                done += 1
            if done == T:
                break
            t += step.time
            taylor_steps = max(taylor_steps - 1, 0)
            channel = unravelling.end(state, step)
            if channel == NO_NUMBER:
                self._fail(seed, index, t, "became NaN or zero")
            if channel >= 0:
                counts[done, channel] += 1
                n_jumps += 1
                if record:
                    jumps.append((t, channel, state.sector))
        return self._gone(gathered, n_jumps, record_of(self.blocks, jumps) if record else None, began)

    def _gathered(self, *K: int) -> Gathered:
        """Empty arrays of one trajectory, or of K of them."""
        T, A, L = len(self.times), self.state.n_averages, self._n_channels
        return Gathered(
            self.times,
            np.empty((*K, T, A)),
            np.empty((*K, T, A * (A + 1) // 2)),
            np.empty((*K, T), dtype=self.state.sector_type),
            np.zeros((*K, T + 1, L), dtype=np.int64),
            self._snapshot,
        )

    def _gone(self, gathered: Any, n_jumps: int, jumps: np.ndarray | None, began: Any) -> Gone:
        """From what has been measured and recorded, and the sector at t = 0; without currents."""
        return Gone(gathered, n_jumps, jumps, self._no_currents, None if jumps is None else began)

    def outcomes(self, left: Sequence[Gone]) -> Outcomes:
        """Read what trajectories have left."""
        written, n_jumps, jumps, records, began = zip(*left, strict=True)
        gathered = self._side_by_side(written)
        mean, second = self._averages_of(gathered)
        starts = [None if labels is None else sector_array(self.blocks, [labels])[0] for labels in began]
        sectors, counts = self._sectors(gathered.sectors), gathered.counts[:, :-1]
        return Outcomes(mean, second, sectors, counts, n_jumps, jumps, stacked(records), starts)

    def _side_by_side(self, gathered: Sequence[Any]) -> Any:
        """What trajectories have written, with their number in front."""
        times, *written, snapshot = zip(*gathered, strict=True)
        return type(gathered[0])(times[0], *map(stacked, written), snapshot[0])

    def _averages_of(self, gathered: Any) -> tuple[Array, Array]:
        """Mean and second of trajectories."""
        return self.state.reported(gathered.mean, gathered.second)

    def _sectors(self, named: NDArray[Any]) -> NDArray[Any]:
        """The sectors (K, T, ...) as they are reported."""
        return stacked([sector_array(self.blocks, sectors.tolist()) for sectors in named])

    def _fail(self, seed: int, index: int, t: float, what: str) -> NoReturn:
        sector: Any = self.state.sector
        raise ConvergenceError(
            f"Trajectory {index} of seed {seed}: the state {what} at t = {t:.9g} "
            f"(sector {sector_array(self.blocks, [sector])[0]}, tolerance {self.state.tolerance:g})"
        )
