"""The state of several coupled blocks on its way: arguments along any axes, collective jumps, any number of levels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import inf, prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array

from ..basis.final_frames import in_frames
from ..basis.particle_removal import Label
from ..basis.real_states import is_real
from ..basis.sectors import Labels
from ..basis.spin_starts import SpinStart
from ..basis.tableau_starts import TableauStart, start_of
from ..model import Model
from ..model.final_states import FinalFactor, PartStart
from ..model.states import BlockState
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array
from .driven_steps import DrivenSteps
from .kernels.common import NO_JUMP, NO_NUMBER, Gathered, Step
from .kernels.horizon import guessed_horizon
from .kernels.product_rows import ProductWork
from .kernels.vectors import LANES
from .kernels.waiting_time import lone_sum, no_jump_step
from .long_step import MOST_ENTRIES
from .product_averages import ProductAverages
from .product_jumps import ProductJumps
from .product_moves import Ket, Moves
from .product_sectors import Box, ProductBasis, ProductSector
from .product_windows import Windows, moved, support
from .pure_state import PureState
from .sector_matrix import program_matrix
from .state_factor import Factor
from .work_space import product_work

LONG_STEP = 2**25
"""Multiplications in Taylor steps that take as long as a long step."""

_LARGEST = 4096
"""Amplitudes of a sector above which no long steps are made: the factors of H_eff fill up."""

_OVERHEAD = 2**16
"""Multiplications that take as long as what Python does around a step, a jump or an output time."""

MOVES_MEMORY = 128 * 2**20
"""Bytes of one-particle moves and of collective operators that an engine keeps."""

MODES_MOVES_MEMORY = 16 * 2**20
"""The same beside boson modes, where windows do not come back."""


def moves_memory_of(model: Model) -> int:
    """Bytes of one-particle moves and of collective operators that an engine of a model keeps."""
    return MODES_MOVES_MEMORY if model.modes else MOVES_MEMORY


STARTS_MEMORY = 2**24
"""Bytes of drawn states that an engine keeps at most, half of them those of blocks: the same ones come again."""

STATES = 8
"""States of a block that an engine is ready to start from again."""


class _Cut(NamedTuple):
    """A state of a block in the window that holds it."""

    label: Label
    window: tuple[int, int]
    ket: Ket

    @property
    def nbytes(self) -> int:
        """Bytes it holds, with those of its objects."""
        return 512 + self.ket.nbytes


class _BlockStart(NamedTuple):
    """The start of a block and what has been drawn of it."""

    start: SpinStart | TableauStart
    cuts: CacheByBytes[Hashable, _Cut]

    def cut(self, choice: Any, tail: float) -> _Cut:
        """The state that was drawn, of which ``tail`` may be cut off at each end."""

        def made() -> _Cut:
            if isinstance(self.start, TableauStart):
                lone = self.start.basis_state(choice)
                if lone is not None:
                    return _Cut(lone[0], (lone[1], lone[1] + 1), np.ones(1, dtype=complex))
            label, ket = self.start.chosen(choice)
            lo, hi = support(np.abs(ket) ** 2, tail)
            return _Cut(label, (lo, hi), ket[lo:hi].copy())

        return self.cuts.get(choice, made)


@dataclass(slots=True)
class Drawn:
    """A state that trajectories start from.

    Attributes
    ----------
    labels, box, ket
        The sector, the window of each axis, and the amplitudes in it.
    ready
        What an engine has made of it, for the trajectories that start from it again.
    """

    labels: Labels
    box: Box
    ket: Ket
    ready: Any = None

    @property
    def nbytes(self) -> int:
        """Bytes it holds, about, with what an engine makes of it."""
        return 1024 + 4 * self.ket.nbytes


class ProductState:
    """The state of one trajectory after another, in a window of a sector of a tensor product.

    Parameters
    ----------
    model, state, tolerance
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    sector_type = object

    def __init__(self, model: Model, state: PartStart, tolerance: float, generator: np.random.Generator) -> None:
        self.basis, self.n_averages = ProductBasis(model), len(model.labels)
        self.tolerance, self.effort = float(tolerance), 0
        self._windows = Windows(self.basis, tolerance)
        self.moves = [Moves(block, moves_memory_of(model) // len(model.blocks)) for block in model.blocks]
        self._jumps = ProductJumps(self.basis, self.moves)
        self.averages = ProductAverages(self.basis, self.moves, self.tolerance)
        self.frames = tuple(self.basis.rotations)
        # caches hold nothing of this object: it would be kept alive with all its arrays until cycles are looked for
        self._start_of = lru_cache(maxsize=STATES * len(self.basis.blocks))(partial(_new_start, self.basis))
        """The start of a block; kept, because trajectories from a mixture come back to its states."""
        self._drawn_of = lru_cache(maxsize=STATES)(_none_drawn)
        """The products that were drawn from a start of all blocks, by the names of those of each block."""
        self.start_from(state, generator)
        self._turned = any(made.turn for made in self.basis.functions)
        self._matrix = lru_cache(maxsize=16)(partial(_h_eff, self.basis))
        """H_eff of a whole sector as a matrix, for long steps; kept, because trajectories come back."""
        self.driven: DrivenSteps | None = None
        """What makes the steps of a model that changes in time."""
        self._cells = 0
        self._filled = np.full(3, -1)

    @property
    def sector(self) -> Labels:
        """The labels of all blocks."""
        return self._sector.labels

    def start_from(self, state: PartStart, generator: np.random.Generator) -> None:
        """Take another initial state; of the generator nothing is drawn."""
        self._given: Drawn | None = None
        if isinstance(state, FinalFactor):
            window, tensor = in_frames(self.basis.blocks, state, self.basis.rotations)
            self._given = Drawn(state.labels, window, tensor.ravel())
            return
        self._starts = [self._start_of(b, own) for b, own in enumerate(state.blocks)]
        self._drawn = self._drawn_of(tuple(state.blocks))
        self._pure: Drawn | None = None
        if not any(own.start.is_random for own in self._starts):
            self._pure = self._product(generator)

    @property
    def starts_real(self) -> bool:
        """Whether, of blocks of two levels, all states that can be drawn are real where each particle up counts -i."""
        given = self._given
        if given is None:
            return all(isinstance(own.start, SpinStart) and own.start.stays_real for own in self._starts)
        first, n = [lo for lo, _ in given.box], [hi - lo for lo, hi in given.box]
        return is_real(given.ket, first, n)

    def begin(self, generator: np.random.Generator) -> None:
        """Draw one pure state of one sector."""
        drawn = self.draw(generator)
        self._sector, self._ket = self._windows.fit(drawn.labels, drawn.box, drawn.ket)
        self._order, self._shift, self._rate_shift, self.effort = 0, 0.0, 0.0, 0
        if self.driven is not None:
            self.driven.begin()

    def draw(self, generator: np.random.Generator) -> Drawn:
        """One pure state of one sector, in a window; what does not vary between trajectories is made once."""
        return self._given or self._pure or self._product(generator)

    def step(self, waiting: float, most: float) -> Step:
        """Evolve without a jump until ``waiting`` is lost of the log-survival, or ``most`` in time, or less."""
        step: Step
        sector = self._sector
        if self.driven is not None:
            step = self._driven_step(self.driven, waiting, most)
            self.effort += 2 * _OVERHEAD + self.driven.effort
        else:
            step = self._expanded(waiting, most)
            self.effort += 2 * _OVERHEAD + step.order * sector.multiplications
        self._order, self._end = step.order, self._summed()
        self._energy, self._rate = step.energy, step.rate
        return step

    def _driven_step(self, driven: DrivenSteps, waiting: float, most: float) -> Step:
        """Make the step of a model that changes in time."""
        sector = self._sector
        return driven.step(sector.labels, sector.box, self._ket, self._room(), waiting, most)

    def _room(self) -> ProductWork:
        """Work space for the state."""
        size = self._sector.size
        if size > self._cells:
            self._cells = -(-size // LANES) * LANES
            self._work = product_work(self._cells)
        return self._work

    def _expanded(self, waiting: float, most: float) -> Step:
        """Make the step of a model that stays as it is."""
        sector, work, size = self._sector, self._room(), self._sector.size
        work.taylor_re[0, :size], work.taylor_im[0, :size] = self._ket.real, self._ket.imag
        step = no_jump_step(
            sector.h_eff,
            work,
            0,
            0,
            size,
            self._filled,
            self._shift,
            self._rate_shift,
            waiting,
            most,
            self.tolerance,
        )
        return step

    def _summed(self) -> Ket:
        """The state that has just been summed."""
        size = self._sector.size
        ket = np.empty(size, dtype=complex)
        ket.real, ket.imag = self._work.out_re[:size], self._work.out_im[:size]
        return ket

    def is_stiff(self, step: Step, waiting: float, most: float, soon: float) -> bool:
        """Whether a long step up to the time ``soon`` may be faster than Taylor steps as short as this one."""
        if self.driven is not None:  # long steps are those of an H_eff that stays
            return False
        cost = 2 * _OVERHEAD + step.order * self._sector.multiplications
        return bool(guessed_horizon(step.rate, waiting, soon) * cost > LONG_STEP * step.horizon)

    def whole(self) -> tuple[csc_array, Ket] | None:
        """H_eff of the sector as a matrix and the state that the step began with; None where it is too large."""
        labels = self._sector.labels
        whole = self.basis.whole(labels)
        size = prod(end for _, end in whole)
        if size > _LARGEST or (self._turned and size**2 > MOST_ENTRIES):
            return None
        return self._matrix(labels), moved(self._ket, self._sector.box, whole)

    def put(self, ket: Ket) -> None:
        """Go on from a state of the whole sector."""
        labels = self._sector.labels
        self.take(labels, self.basis.whole(labels), ket)
        self._order = 0

    def measure(self, gathered: Gathered, done: int, x: float) -> None:
        """Averages at the output time ``done``, x units of the step's time after its start."""
        sector = self._sector
        ket = self._ket if self._order == 0 else self._at(x)
        gathered.mean[done], gathered.second[done] = self.averages.averages(sector, ket)
        gathered.sectors[done] = sector.labels
        self._measured = ket
        self.effort += _OVERHEAD + sector.size * (self._order + 4 * gathered.mean.shape[1])

    def pure_state(self, gathered: Gathered, done: int) -> PureState:
        """The state that has just been measured."""
        sector, ket = self._sector, self._measured
        tensor = ket.reshape(sector.dims) / np.linalg.norm(ket)
        return PureState((Factor(tuple(range(len(sector.dims))), sector.labels, sector.box, tensor, self.frames),))

    def reported(self, mean: Array, second: Array) -> tuple[Array, Array]:
        """Mean and second, which are in the frame of the user already."""
        return mean, second

    def jump(self, u: float) -> int:
        """Jump at the end of the step, with u in [0, 1) for the choice."""
        channel = self.jump_from(self._end, u, None if self.driven is None else self.driven.rates)
        if channel not in (NO_JUMP, NO_NUMBER):
            self._shift, self._rate_shift = self._energy, self._rate
        return channel

    def jump_from(self, ket: Ket, u: float, rates: Array | None) -> int:
        """Jump from a state of the same window; ``rates`` multiply those of the channels where they are given."""
        channel, labels, box, after = self._jumps.jump(self._sector, ket, u, rates)
        if channel not in (NO_JUMP, NO_NUMBER):
            self.effort += self._sector.multiplications
            self.take(labels, box, after)
            self._order = 0
        return channel

    def go_on_from(self, ket: Ket, box: Box | None = None) -> None:
        """Go on from a state of the same window of the same sector, or of the window ``box``."""
        self.take(self._sector.labels, self._sector.box if box is None else box, ket)
        self._order = 0

    @property
    def here(self) -> ProductSector:
        """The sector and the window of the state."""
        return self._sector

    @property
    def tail(self) -> float:
        """Weight that a window leaves out at each of its ends."""
        return self._windows.tail

    @property
    def where(self) -> tuple[Hashable, ...]:
        """What the operators of the state depend on: sector and window."""
        return self._sector.labels, self._sector.box

    @property
    def until(self) -> float:
        """Time for which they stay if the state stays there."""
        return inf

    def went_on(self, time: float) -> None:
        """Say that the state has gone on for some time."""

    def go_on(self) -> None:
        """Go on from the end of the step without a jump."""
        self.take(self._sector.labels, self._sector.box, self._end)
        self._shift, self._rate_shift = self._energy, self._rate

    @property
    def given(self) -> tuple[Labels, Box, Ket]:
        """The state that a step begins with."""
        return self._sector.labels, self._sector.box, self._ket

    def take(self, labels: Labels, box: Box, ket: Ket) -> None:
        """Go on from a state given on a window of a sector."""
        self._sector, ket = self._windows.fit(labels, box, ket)
        self._ket = ket / np.linalg.norm(ket)

    def _at(self, x: float) -> Ket:
        """State at x units of time after the start of the step."""
        lone_sum(self._work, self._order, 0, self._sector.size, x)
        return self._summed()

    def _product(self, generator: np.random.Generator) -> Drawn:
        """Draw a state of each block; their product."""
        choices: tuple[Any, ...] = tuple([own.start.choose(generator) for own in self._starts])

        def made() -> Drawn:
            # The tails of each factor are cut before the product is made: all of it might not fit.
            tail = self._windows.tail
            cuts = [own.cut(choice, tail) for own, choice in zip(self._starts, choices, strict=True)]
            whole = cuts[0].ket
            for cut in cuts[1:]:
                whole = (whole[:, None] * cut.ket).ravel()
            re, im = whole.real, whole.imag
            ket = whole / sqrt(re @ re + im @ im)
            return Drawn(tuple(cut.label for cut in cuts), tuple(cut.window for cut in cuts), ket)

        return self._drawn.get(choices, made)


def _new_start(basis: ProductBasis, b: int, state: BlockState) -> _BlockStart:
    start = start_of(state, basis.blocks[b], basis.rotations[b])
    return _BlockStart(start, CacheByBytes(STARTS_MEMORY // (2 * STATES * len(basis.blocks))))


def _none_drawn(blocks: tuple[BlockState, ...]) -> CacheByBytes[tuple[Hashable, ...], Drawn]:
    return CacheByBytes(STARTS_MEMORY // (2 * STATES))


def _h_eff(basis: ProductBasis, labels: Labels) -> csc_array:
    return program_matrix(basis.sector(labels).h_eff)
