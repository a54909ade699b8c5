"""The state of blocks and boson modes on its way: sectors of the blocks, beside Fock states that follow each mode."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import inf, sqrt

import numpy as np
from scipy.sparse import csc_array

from ..basis.fock_window import Displacements
from ..basis.sectors import Labels
from ..model import Model
from ..model.final_states import FinalFactor, PartStart
from .driven_steps import DrivenSteps
from .fock_tables import fock_work
from .kernels.common import Gathered, Step
from .kernels.driven_fock import DrivenFockHeff
from .kernels.driven_mode_state import MOMENT
from .kernels.fock_rows import FockHeff, FockWork, get_state, put_state
from .kernels.spin_mode_frames import END, GRID, GROWTH, ROUNDING
from .kernels.waiting_time import lone_sum, no_jump_step
from .product_moves import Ket, around
from .product_sectors import Box
from .product_state import Drawn, ProductState
from .pure_state import PureState
from .state_factor import Factor

FAR = 0.5
"""|<a>| of a displaced mode above which its frame is moved."""


class ModeState(ProductState):
    """The state of one trajectory after another; see :mod:`cojump.trajectories.displaced_modes`.

    Parameters
    ----------
    model, state, tolerance, generator
        As for :class:`cojump.trajectories.product_state.ProductState`.

    Attributes
    ----------
    displacements : list of complex
        b of each mode: a = b + a', and the Fock states are those of a'.
    references : list of complex
        β of each mode: what is counted are the jumps of a - β. It follows <a>, or stays where the model says so.
    """

    def __init__(self, model: Model, state: PartStart, tolerance: float, generator: np.random.Generator) -> None:
        super().__init__(model, state, tolerance, generator)
        self._tick = min(mode.tick for mode in self.basis.modes)
        self._staying = [mode.reference for mode in self.basis.modes]
        self._displacements = Displacements()
        self._rows: FockWork | None = None

    def start_from(self, state: PartStart, generator: np.random.Generator) -> None:
        """Take another initial state; of the generator nothing is drawn."""
        super().start_from(state, generator)
        size = sum(block.size for block in self.basis.blocks)
        if isinstance(state, FinalFactor):
            self._start = list(state.displacements)
        else:
            self._start = [sqrt(size) * alpha for alpha in state.amplitudes]

    @property
    def start_displacements(self) -> Sequence[complex]:
        """Displacements of the modes at a start."""
        return tuple(self._start)

    def begin(self, generator: np.random.Generator) -> None:
        """Draw one pure state of one sector; references begin at its <a>."""
        self.displacements = list(self._start)
        self._refer(self._start)
        self._left = inf
        super().begin(generator)
        self._left = self._until_tick()
        means = [self._sector.modes.mean(m, self._ket) for m in range(len(self.displacements))]
        self._refer([b + mean for b, mean in zip(self.displacements, means, strict=True)])  # of a final state not its b
        self._follow(means)

    def step(self, waiting: float, most: float) -> Step:
        """Evolve without a jump until ``waiting`` is lost of the log-survival, or to the next tick, or less."""
        step = super().step(waiting, min(most, self._left))
        self._left = 0.0 if step.found == 0 and step.horizon >= self._left else max(self._left - step.time, 0.0)
        if self.driven is not None and self._left < MOMENT * self.driven.time:
            self._left = 0.0  # the tick is the end of a piece of the time axis, which the steps know to the last bit
        return step

    @property
    def _by_rows(self) -> bool:
        """Whether a step goes by rows of Fock states: where the matrices of H_eff are sparse."""
        return not self._turned

    def _in_rows(self, h_eff: FockHeff | DrivenFockHeff) -> FockWork:
        """The state in row 0 of the series of a work space."""
        self._rows = work = fock_work(h_eff, self._rows)
        put_state(self._ket, work.shape, work.taylor_re, work.taylor_im)
        return work

    def _driven_step(self, driven: DrivenSteps, waiting: float, most: float) -> Step:
        """Make the step of a model that changes in time."""
        if not self._by_rows:
            return super()._driven_step(driven, waiting, most)
        return driven.step_by_rows(self._sector.labels, self._sector.box, self._in_rows, waiting, most)

    def _expanded(self, waiting: float, most: float) -> Step:
        """Make the step of a model that stays as it is."""
        if not self._by_rows:
            return super()._expanded(waiting, most)
        tables = self._sector.fock_rows
        tables.refresh()
        step: Step = no_jump_step(
            tables.h_eff, self._in_rows(tables.h_eff), 0, 0, self._sector.size, self._filled, self._shift,
            self._rate_shift, waiting, most, self.tolerance,
        )  # fmt: skip
        return step

    def _summed(self) -> Ket:
        """The state that has just been summed."""
        if not self._by_rows:
            return super()._summed()
        assert self._rows is not None
        ket = np.empty(self._sector.size, dtype=complex)
        get_state(ket, self._rows.shape, self._rows.out_re, self._rows.out_im)
        return ket

    def _at(self, x: float) -> Ket:
        """State at x units of time after the start of the step."""
        if not self._by_rows:
            return super()._at(x)
        work = self._rows
        assert work is not None
        lone_sum(work, self._order, 0, 0, x)
        return self._summed()

    def draw(self, generator: np.random.Generator) -> Drawn:
        """One pure state of one sector, in a window."""
        if self._given is not None:
            return self._given
        drawn = super().draw(generator)
        return Drawn(drawn.labels, drawn.box + ((0, 1),) * len(self.basis.modes), drawn.ket)

    def is_stiff(self, step: Step, waiting: float, most: float, soon: float) -> bool:
        """A mode has no whole sector: there are no long steps."""
        return False

    def whole(self) -> tuple[csc_array, Ket] | None:
        """A mode has no whole sector."""
        return None

    def pure_state(self, gathered: Gathered, done: int) -> PureState:
        """The state that has just been measured."""
        sector, ket = self._sector, self._measured
        tensor, B = ket.reshape(sector.dims) / np.linalg.norm(ket), len(sector.blocks)
        blocks, modes = tuple(range(B)), tuple(range(len(self.displacements)))
        box, displaced = sector.box, tuple(self.displacements)
        return PureState((Factor(blocks, sector.labels, box[:B], tensor, self.frames, modes, box[B:], displaced),))

    def take(self, labels: Labels, box: Box, ket: Ket) -> None:
        """Go on from a state given on a window of a sector; the frames of the modes follow, at a tick the jumps too."""
        self._sector, ket = self._windows.fit(labels, box, ket)
        self._ket = ket * (1 / sqrt(np.vdot(ket, ket).real))
        means = [self._sector.modes.mean(m, self._ket) for m in range(len(self.displacements))]
        if not self._left > 0:
            self._left = self._until_tick()
            self._refer([b + mean for b, mean in zip(self.displacements, means, strict=True)])
        self._follow(means)

    def hand_over(self, labels: Labels, box: Box, ket: Ket, displacements: Sequence[complex]) -> None:
        """Be in a state that another loop has come to, in the frames that it has there."""
        self.displacements, self.references, self._left = list(displacements), list(displacements), inf
        self.take(labels, box, ket)

    def _until_tick(self) -> float:
        """The time until the references are moved again."""
        return self._tick if self.driven is None else self.driven.until_tick()

    @property
    def until(self) -> float:
        """Time until the references of the modes move."""
        return self._left

    def went_on(self, time: float) -> None:
        """Say that the state has gone on for some time; :meth:`go_on_from` follows, and moves the references then."""
        self._left = max(self._left - time, 0.0)

    @property
    def where(self) -> tuple[Hashable, ...]:
        """What the operators of the state depend on: sector, window, displacements and references."""
        return *super().where, *self.displacements, *self.references

    def _refer(self, means: Sequence[complex]) -> None:
        """Take these <a> for references, where they do not stay."""
        pairs = zip(self._staying, means, strict=True)
        self.references = [mean if staying is None else staying for staying, mean in pairs]

    def _follow(self, means: Sequence[complex]) -> None:
        """Move the frames of modes that have gone far from theirs, and set all that depends on the displacements."""
        for m, mean in enumerate(means):
            if abs(mean) > FAR:
                self._move(m, complex(round(GRID * mean.real), round(GRID * mean.imag)) / GRID)
        self._sector.displace(self.displacements, self.references)
        if self.driven is not None:
            self.driven.displace(self.displacements, self.references)
        self.averages.displace(self.displacements)

    def _move(self, m: int, delta: complex) -> None:
        """Displace a mode by -δ, and its frame by δ; the window grows until its ends hold no more than the tail."""
        sector, (axis, _) = self._sector, self._sector.modes[m]
        source = sector.box[axis]
        outer, inner = around(sector.dims, axis)
        tensor = self._ket.reshape(outer, sector.dims[axis], inner)
        target = source
        while True:
            after = self._displacements.displaced(-delta, source, target, tensor)
            weights = (np.abs(after) ** 2).sum(axis=(0, 2))
            ends = float(weights[-END:].sum() + (weights[:END].sum() if target[0] > 0 else 0.0))
            if ends <= self._windows.tail + ROUNDING:
                break
            target = (max(target[0] - GROWTH, 0), target[1] + GROWTH)
        box = (*sector.box[:axis], target, *sector.box[axis + 1 :])
        self.displacements[m] += delta
        super().take(sector.labels, box, after.ravel())
