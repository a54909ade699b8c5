"""The state of one block of two-level particles on its way: a window of amplitudes in the first row of the kernels."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from ..basis.final_frames import in_frames
from ..basis.real_states import is_real, turned_real, turns
from ..basis.spin_starts import SpinStart
from ..model import Model
from ..model.final_states import FinalFactor, PartStart
from ..model.states import BlockState
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array
from . import spin_tables
from .kernels.common import NO_JUMP, NO_NUMBER, NOW, PAD, Amplitudes, Gathered, Step, Work
from .kernels.measure import measure_at
from .kernels.spin_jump import keep, perform_jump
from .kernels.trajectory import is_stiff
from .kernels.waiting_time import no_jump_step
from .kernels.window import SHARE, trim
from .long_step import LARGEST
from .pure_state import PureState
from .real_models import keeps_real_alone
from .sector_matrix import sector_matrix
from .state_factor import Factor
from .work_space import work_space

Ket = NDArray[np.complex128]

_BEGUN = np.zeros(1, dtype=NOW)[0]
_BEGUN["filled"] = -1


STARTS_MEMORY = 2**24
"""Bytes of drawn states that are kept at most: the same ones come again."""

STATES = 8
"""States that an engine is ready to start from again."""


class Start(NamedTuple):
    """What every trajectory from one state begins with.

    Attributes
    ----------
    now : record of type NOW
    step : Step
        The state itself as a series of order zero.
    re, im : arrays
        The amplitudes in its window.
    """

    now: Any
    step: Step
    re: Array
    im: Array

    @classmethod
    def of(cls, two_J: int, lo: int, hi: int, ket: Ket | Array) -> Start:
        """From 2J, first and past-last i of the window, and the normalised amplitudes in it, as kernels have them."""
        now = _BEGUN.copy()
        now["two_J"], now["lo"], now["hi"] = two_J, lo + PAD, hi + PAD
        step = Step(0.0, 0, 0.0, 0.0, 0, lo + PAD, hi + PAD, 1.0, 1.0, 0.0, 0.0)
        return cls(now, step, ket.real.copy(), ket.imag.copy())

    @property
    def nbytes(self) -> int:
        """Bytes it holds, with those of its objects."""
        return 1024 + 2 * self.re.nbytes


class SpinState:
    """The state of one trajectory after another.

    Parameters
    ----------
    model, state, tolerance
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    snapshots : int
        Number of output times at which states are wanted.

    Attributes
    ----------
    basis : SpinBasis
    now : record of type NOW
        Where the trajectory stands; of its fields this class uses those of the state.
    cell : (1,) array
        The same as an array, whose fields are reached several times faster, and as kernels are called with it.
    work : Work
        The normalised state is row 0 of the Taylor rows.
    amplitudes : Amplitudes
    """

    sector_type, n_averages = np.int64, 3  # x, y and z are measured; `reported` chooses

    def __init__(
        self, model: Model, state: PartStart, tolerance: float, snapshots: int, generator: np.random.Generator
    ) -> None:
        self.basis, self._blocks = spin_tables.build(model), model.blocks
        self.tolerance, self.effort = float(tolerance), 0
        self.cell = np.zeros(1, dtype=NOW)
        self.now = self.cell[0]
        N = model.size
        self._keeps_real, self.is_real = keeps_real_alone(model), False
        self._works: dict[bool, Work] = {}
        self.amplitudes = Amplitudes(np.empty((snapshots, N + 1)), np.empty((snapshots, N + 1)))
        measured = ["xyz".index(o.label[-1]) for o in model.observables]
        own_frame = len(measured) == 3 and np.allclose(self.basis.frame, np.eye(3), rtol=0, atol=1e-15)
        self._turns = None if own_frame else _on_averages(self.basis.frame[measured])
        # nothing of this object, which would be kept alive with all its arrays until cycles are looked for
        self._start_of = lru_cache(maxsize=STATES)(partial(_new_start, self.basis.h_eff.N, self.basis.rotation))
        """Where a state is drawn from, and what has been; kept, as trajectories come back to those of a mixture."""
        self.start_from(state, generator)

    def start_from(self, state: PartStart, generator: np.random.Generator) -> None:
        """Take another initial state; of the generator nothing is drawn."""
        if isinstance(state, FinalFactor):
            two_J, lo, hi, ket = self._taken_up(state)
            self._be(self._keeps_real and is_real(ket, [lo], [hi - lo]))
            self._start: Start | None = Start.of(two_J, lo, hi, self._written(lo, ket))
            return
        self._drawn_from = self._start_of(state.blocks[0])
        self._be(self._keeps_real and self._drawn_from[0].stays_real)
        self._start = None if self._drawn_from[0].is_random else self._draw(generator)

    def _be(self, real: bool) -> None:
        """Go on with states that stay real, or with any."""
        self.is_real = real
        if real not in self._works:
            cells, channels = self.basis.h_eff.N + 1 + 2 * PAD, len(self.basis.jumps.kind)
            self._works[real] = work_space(cells, max(channels, 1), is_real=real)
        self.work = self._works[real]

    def _written(self, lo: int, ket: Ket) -> Ket | Array:
        """Amplitudes from i = lo on as kernels have them: of a state that stays real without the phases."""
        return turned_real(ket, [lo], [len(ket)])[0] if self.is_real else ket

    def _read(self, lo: int, re: Array, im: Array) -> Ket:
        """And back."""
        return re * turns([lo], [len(re)]).conj() if self.is_real else re + 1j * im

    @property
    def sector(self) -> int:
        """2J."""
        return int(self.cell["two_J"][0])

    def draw(self, generator: np.random.Generator) -> Start:
        """A state that a trajectory starts from."""
        return self._start or self._draw(generator)

    def begin(self, generator: np.random.Generator) -> None:
        """Draw the state that a trajectory starts from."""
        begun = self.draw(generator)
        self.cell[0], self._step = begun.now, begun.step
        lo, hi = begun.step.lo, begun.step.hi
        self.work.taylor_re[0, lo:hi], self.work.taylor_im[0, lo:hi] = begun.re, begun.im

    def step(self, waiting: float, most: float) -> Step:
        """Evolve without a jump until ``waiting`` is lost of the log-survival, or ``most`` in time, or less."""
        now = self.now
        self._step = no_jump_step(
            self.basis.h_eff,
            self.work,
            now.two_J,
            now.lo,
            now.hi,
            now.filled,
            now.energy,
            now.rate,
            waiting,
            most,
            self.tolerance,
        )
        self.effort += self._step.order * (self._step.hi - self._step.lo)
        return self._step

    def is_stiff(self, step: Step, waiting: float, most: float, soon: float) -> bool:
        """Whether a long step up to the time ``soon`` may be faster than Taylor steps as short as this one."""
        now = self.now
        return bool(is_stiff(self.basis.h_eff, now.two_J, now.lo, now.hi, step, waiting, most, soon))

    def whole(self) -> tuple[csc_array, Ket] | None:
        """H_eff of the sector as a matrix and the state that the step began with; None where it is too large."""
        two_J, lo, hi = int(self.now.two_J), int(self.now.lo), int(self.now.hi)
        if two_J >= LARGEST:
            return None
        first = (self.basis.h_eff.N - two_J) // 2 + PAD
        ket = np.zeros(two_J + 1, dtype=complex)
        parts = self.work.taylor_re[0, lo:hi], self.work.taylor_im[0, lo:hi]
        ket[lo - first : hi - first] = self._read(lo - PAD, *parts)
        return sector_matrix(self.basis.h_eff, two_J), ket

    def put(self, ket: Ket) -> None:
        """Go on from a state of the whole sector."""
        two_J = int(self.now.two_J)
        ket = ket / np.linalg.norm(ket)
        first = (self.basis.h_eff.N - two_J) // 2 + PAD
        lo, hi = trim(ket.real.copy(), ket.imag.copy(), 0, two_J + 1, (SHARE * self.tolerance) ** 2)
        self._write(two_J, first + lo, first + hi, ket[lo:hi] / np.linalg.norm(ket[lo:hi]))

    def measure(self, gathered: Gathered, done: int, x: float) -> None:
        """Averages at the output time ``done``, x units of the step's time after its start."""
        step, N = self._step, self.basis.h_eff.N
        measure_at(N, self.work, step.order, self.now.two_J, step.lo, step.hi, x, done, gathered, self.amplitudes)
        self.effort += step.order * (step.hi - step.lo)

    def pure_state(self, gathered: Gathered, done: int) -> PureState:
        """The state at an output time that is a snapshot: its amplitudes have been kept."""
        two_J = int(gathered.sectors[done])
        first = (self.basis.h_eff.N - two_J) // 2
        inside = gathered.snapshot[done], slice(first, first + two_J + 1)
        ket = self._read(first, self.amplitudes.re[inside], self.amplitudes.im[inside])
        return PureState((Factor((0,), (two_J,), ((0, two_J + 1),), ket, (self.basis.rotation,)),))

    def reported(self, mean: Array, second: Array) -> tuple[Array, Array]:
        """Mean and second of the averages that are measured, in the frame of the user."""
        if self._turns is None:
            return mean, second
        on_mean, on_pairs = self._turns
        return mean @ on_mean, second @ on_pairs

    def jump(self, u: float) -> int:
        """Jump at the end of the step, with u in [0, 1) for the choice."""
        now, work, step = self.now, self.work, self._step
        channel, two_J, lo, hi, norm2 = perform_jump(
            self.basis.h_eff.N, self.basis.jumps, work, now.two_J, step.lo, step.hi, u
        )
        if channel not in (NO_JUMP, NO_NUMBER):
            now.two_J = two_J
            self._keep(work.new_re, work.new_im, lo, hi, norm2)
        return int(channel)

    def go_on(self) -> None:
        """Go on from the end of the step without a jump."""
        self._keep(self.work.out_re, self.work.out_im, self._step.lo, self._step.hi, self._step.norm2)

    def _keep(self, re: Array, im: Array, lo: int, hi: int, norm2: float) -> None:
        now = self.now
        now.lo, now.hi = keep(re, im, lo, hi, self.tolerance, norm2, self.work.taylor_re[0], self.work.taylor_im[0])
        now.energy, now.rate = self._step.energy, self._step.rate

    def _write(self, two_J: int, lo: int, hi: int, ket: Ket) -> None:
        """Write amplitudes into row 0."""
        cells = self._written(lo - PAD, ket)
        self.work.taylor_re[0, lo:hi], self.work.taylor_im[0, lo:hi] = cells.real, cells.imag
        cell = self.cell
        cell["two_J"], cell["lo"], cell["hi"] = two_J, lo, hi
        # the state itself is a series of order zero
        self._step = Step(0.0, 0, 0.0, 0.0, 0, lo, hi, 1.0, 1.0, cell["energy"].item(), cell["rate"].item())

    def _taken_up(self, final: FinalFactor) -> tuple[int, int, int, Ket]:
        """What :meth:`_cut` gives, of a state that another run has come to."""
        (window,), ket = in_frames(self._blocks, final, (self.basis.rotation,))
        two_J = final.labels[0]
        assert isinstance(two_J, int)
        first = (self.basis.h_eff.N - two_J) // 2 + window[0]
        lo, hi = trim(ket.real.copy(), ket.imag.copy(), 0, len(ket), (SHARE * self.tolerance) ** 2)
        return two_J, first + lo, first + hi, ket[lo:hi] / np.linalg.norm(ket[lo:hi])

    def _draw(self, generator: np.random.Generator) -> Start:
        """One pure state of one sector, as a trajectory begins with it."""
        start, kept = self._drawn_from
        choice = start.choose(generator)

        def made() -> Start:
            two_J, lo, hi, ket = self._cut(*start.chosen(choice))
            return Start.of(two_J, lo, hi, self._written(lo, ket))

        return kept.get(choice, made)

    def _cut(self, two_J: int, ket: Ket) -> tuple[int, int, int, Ket]:
        """2J, first and past-last i of the window, and the normalised amplitudes in it, of a sector's state."""
        first = (self.basis.h_eff.N - two_J) // 2
        lo, hi = trim(ket.real.copy(), ket.imag.copy(), 0, two_J + 1, (SHARE * self.tolerance) ** 2)
        return two_J, first + lo, first + hi, ket[lo:hi] / np.linalg.norm(ket[lo:hi])


def _new_start(N: int, rotation: Ket, state: BlockState) -> tuple[SpinStart, CacheByBytes[tuple[int, int], Start]]:
    return SpinStart(state, N, rotation), CacheByBytes(STARTS_MEMORY // STATES)


def _on_averages(frame: Array) -> tuple[Array, Array]:
    """What averages, and their products of pairs, are multiplied with to be those of (A, 3) ``frame``'s axes."""
    rows, columns = np.triu_indices(len(frame))
    products = np.einsum("ai,bj->abij", frame, frame)[rows, columns]
    i, j = np.triu_indices(3)
    pairs = products[:, i, j] + np.where(i == j, 0.0, products[:, j, i])
    return np.ascontiguousarray(frame.T), np.ascontiguousarray(pairs.T)
