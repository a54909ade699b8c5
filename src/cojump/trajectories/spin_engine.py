"""The driver of one trajectory: draws the start, runs the kernel, turns averages into the user's frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import JUMP
from ..basis.spin_starts import draw_sector_state, is_random
from ..errors import ConvergenceError
from ..model import Model
from ..model.states import State
from ..tools.matrices import from_pairs
from ..tools.types import Array
from . import spin_tables
from .kernels.common import FINISHED, MAX_ORDER, NO_CONVERGENCE, NOT_FINITE, PAD, STIFF, Work
from .kernels.trajectory import SEARCH, advance
from .kernels.window import trim
from .long_step import LARGEST, Patience, long_step
from .outcome import Outcome
from .pure_state import Factor, PureState, UserFrame, Watch
from .random_streams import Stream
from .sector_matrix import sector_matrix

_SEGMENT = 4096
"""Jumps between two returns to Python, so that signals and other ranks are heard."""

_EFFORT = 2**25
"""Cells of states that the kernel goes through between two returns to Python at most: some hundredths of a second."""


def work_space(cells: int, channels: int) -> Work:
    """Work space for states of ``cells`` cells, padding included."""

    def pair(*shape: int) -> tuple[Array, Array]:
        return np.zeros((*shape, cells)), np.zeros((*shape, cells))

    return Work(
        *pair(MAX_ORDER + 1),
        *pair(2),
        *pair(),
        *pair(),
        *pair(),
        *pair(2),
        norms=np.zeros(MAX_ORDER + 1),
        weights=np.zeros((channels, 3)),
    )


class Engine:
    """Runs trajectories of one model from one state; keeps its tables and work space.

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

    def __init__(
        self, model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        self.basis = spin_tables.build(model)
        self.state = state.blocks[0]
        self.times = np.ascontiguousarray(times, dtype=float)
        self.tolerance = float(tolerance)
        N = model.size
        self._n_channels = len(model.jumps)
        self._frame = None if np.allclose(self.basis.frame, np.eye(3), rtol=0, atol=1e-15) else self.basis.frame
        self._stream = Stream()
        self._shot_place = np.full(len(self.times), -1)
        self._shot_place[list(snapshots)] = np.arange(len(snapshots))
        self._shots = (self._shot_place, np.empty((len(snapshots), N + 1)), np.empty((len(snapshots), N + 1)))
        self._user_frame = UserFrame(self.basis.rotation)
        self._work = work_space(N + 1 + 2 * PAD, max(len(model.jumps), 1))
        self._start: tuple[int, int, int, NDArray[np.complex128]] | None = None
        if not is_random(self.state):
            self._start = self._draw(self._stream.generator)

    def run(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> Outcome:
        """Trajectory ``index`` of the ensemble with ``seed``; calls ``poll`` several times a second.

        Raises
        ------
        ConvergenceError
            If a step or a jump time cannot be brought within the tolerance.
        """
        generator = self._stream.move_to(seed, index, part)
        T = len(self.times)
        place, clock = self._begin(generator)
        mean, second, sectors = np.empty((T, 3)), np.empty((T, 6)), np.empty(T, dtype=np.int64)
        counts = np.zeros((T + 1, self._n_channels), dtype=np.int64)
        buffer = _empty_record(_SEGMENT if record else 0)
        pieces: list[NDArray[np.void]] = []
        patience = Patience()
        while True:
            status = advance(
                self.basis.h_eff,
                self.basis.jumps,
                self._work,
                place,
                clock,
                generator,
                self.times,
                mean,
                second,
                sectors,
                counts,
                self._shots,
                self.tolerance,
                _SEGMENT,
                _EFFORT,
                buffer,
            )
            if record:
                pieces.append(_drain(buffer, place))
            if status == FINISHED:
                break
            if poll is not None:
                poll()
            if status == STIFF:
                place[6] = patience.after(self._long_step(place, clock))
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                raise ConvergenceError(
                    f"Trajectory {index} of seed {seed}: the state {what} at t = {clock[0]:.9g} "
                    f"(J = {place[0] / 2:g}, tolerance {self.tolerance:g})"
                )
        jumps = np.concatenate(pieces) if record else None
        mean, second = self._to_user_frame(mean, second)
        if watch is not None:
            self._show(sectors, watch)
        return Outcome(mean, second, sectors / 2, counts[:T], int(place[4]), jumps)

    def _long_step(self, place: NDArray[np.int64], clock: Array) -> bool:
        """Go on to the next output time or jump in one step, if that is possible."""
        two_J, lo, hi, done = (int(n) for n in place[:4])
        if two_J >= LARGEST:
            return False
        first = (self.basis.h_eff.N - two_J) // 2 + PAD
        ket = np.zeros(two_J + 1, dtype=complex)
        ket[lo - first : hi - first] = self._work.taylor_re[0, lo:hi] + 1j * self._work.taylor_im[0, lo:hi]
        most, waiting = float(self.times[done] - clock[0]), float(clock[1])
        step = long_step(sector_matrix(self.basis.h_eff, two_J), ket, waiting, most, float(clock[4]), self.tolerance)
        if step is None or clock[0] + step.reach <= clock[0]:
            return False
        time, lost = step.until(waiting, SEARCH * self.tolerance)
        self._put(two_J, step.state(time), place)
        clock[0] = self.times[done] if time >= most else clock[0] + time
        clock[1] = 0.0 if time < step.reach else waiting - lost
        return True

    def _put(self, two_J: int, ket: NDArray[np.complex128], place: NDArray[np.int64]) -> None:
        """Make a state of a whole sector the one that the kernel goes on from."""
        ket = ket / np.linalg.norm(ket)
        first = (self.basis.h_eff.N - two_J) // 2 + PAD
        lo, hi = trim(ket.real.copy(), ket.imag.copy(), 0, two_J + 1, (0.25 * self.tolerance) ** 2)
        self._write(first + lo, first + hi, ket[lo:hi] / np.linalg.norm(ket[lo:hi]))
        place[1], place[2] = first + lo, first + hi

    def _write(self, lo: int, hi: int, ket: NDArray[np.complex128]) -> None:
        """Write amplitudes into row 0, with zeros beside them."""
        for row, part in ((self._work.taylor_re[0], ket.real), (self._work.taylor_im[0], ket.imag)):
            row[max(lo - 2 * PAD, 0) : hi + 2 * PAD] = 0.0
            row[lo:hi] = part

    def _show(self, sectors: NDArray[np.int64], watch: Watch) -> None:
        """Hand over the states that the kernel has kept."""
        row, re, im = self._shots
        for t in np.flatnonzero(row >= 0):
            two_J = int(sectors[t])
            first = (self.basis.h_eff.N - two_J) // 2
            inside = row[t], slice(first, first + two_J + 1)
            ket = re[inside] + 1j * im[inside]
            watch(int(t), PureState((Factor((0,), (two_J,), ((0, two_J + 1),), ket, (self._user_frame,)),)))

    def _draw(self, generator: np.random.Generator) -> tuple[int, int, int, NDArray[np.complex128]]:
        """2J, first and past-last i of the window, and the normalised amplitudes in it, of a starting state."""
        N = self.basis.h_eff.N
        two_J, ket = draw_sector_state(self.state, N, self.basis.rotation, generator)
        first = (N - two_J) // 2
        re, im = ket.real.copy(), ket.imag.copy()
        lo, hi = trim(re, im, first, first + two_J + 1, (0.25 * self.tolerance) ** 2)
        return two_J, lo, hi, ket[lo:hi] / np.linalg.norm(ket[lo:hi])

    def _begin(self, generator: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
        two_J, lo, hi, ket = self._start or self._draw(generator)
        lo, hi = lo + PAD, hi + PAD
        self._write(lo, hi, ket)
        return (
            np.array([two_J, lo, hi, 0, 0, 0, 0], dtype=np.int64),
            np.array([0.0, generator.standard_exponential(), 0.0, 0.0, 0.0]),
        )

    def _to_user_frame(self, mean: Array, second: Array) -> tuple[Array, Array]:
        if self._frame is None:
            return mean, second
        rows, columns = np.triu_indices(3)
        return mean @ self._frame.T, (self._frame @ from_pairs(second, 3) @ self._frame.T)[:, rows, columns]


def _empty_record(length: int) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    return np.empty(length), np.empty(length, dtype=np.int64), np.empty(length, dtype=np.int64)


def _drain(buffer: tuple[Array, NDArray[np.int64], NDArray[np.int64]], place: NDArray[np.int64]) -> NDArray[np.void]:
    """Take what the kernel has recorded out of its buffer."""
    n = int(place[5])
    piece = np.empty(n, dtype=JUMP)
    piece["time"], piece["channel"], piece["sector"] = buffer[0][:n], buffer[1][:n], buffer[2][:n] / 2
    place[5] = 0
    return piece
