"""The driver of one trajectory: draws the start, runs the kernel, turns averages into the user's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..model import Model
from ..schur import two_level
from ..schur.initial import draw_sector_state, is_random
from ..states import State
from .kernels.common import (
    FINISHED,
    MAX_ORDER,
    NO_CONVERGENCE,
    NOT_FINITE,
    PAD,
    PAUSED,
    Work,
)
from .kernels.trajectory import advance
from .kernels.window import trim

Array = NDArray[np.float64]

JUMP = np.dtype([("time", "f8"), ("channel", "i8"), ("sector", "f8")])
"""One entry of a jump record: when, which of ``model.jumps``, and the sector J after the jump."""

_SEGMENT = 4096
"""Jumps between two returns to Python, so that signals and other ranks are heard."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one trajectory gives.

    Attributes
    ----------
    mean : (T, A) array
        <m_a> in the trajectory at the output times.
    second : (T, Q) array
        <½{m_a, m_b}> for the pairs a ≤ b, row by row.
    sectors : (T,) array
        Total spin J at the output times.
    n_jumps : int
    jumps : structured array of dtype JUMP, or None if they were not recorded
    """

    mean: Array
    second: Array
    sectors: Array
    n_jumps: int
    jumps: NDArray[np.void] | None


def generator_of(seed: int, index: int) -> np.random.Generator:
    """The random numbers of trajectory ``index``: a function of (seed, index) alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=(index,))))


def bytes_needed(model: Model) -> int:
    """Memory of one engine in bytes: the Taylor vectors dominate."""
    cells = sum(b.size + 1 + 2 * PAD for b in model.blocks)
    arrays = 2 * (MAX_ORDER + 1) + 4 + 2 + 4 + 4 + 12 + 6 * max(len(model.jumps), 1)
    return 8 * cells * arrays


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
    """

    def __init__(self, model: Model, state: State, times: Array, tolerance: float) -> None:
        self.basis = two_level.build(model)
        self.state = state.blocks[0]
        self.times = np.ascontiguousarray(times, dtype=float)
        self.tolerance = float(tolerance)
        N = model.size
        self._frame = self.basis.frame
        cells, channels = N + 1 + 2 * PAD, len(model.jumps)
        self._work = Work(
            *(np.zeros((MAX_ORDER + 1, cells)) for _ in range(2)),
            *(np.zeros((2, cells)) for _ in range(2)),
            *(np.zeros(cells) for _ in range(6)),
            *(np.zeros((2, cells)) for _ in range(2)),
            np.zeros((channels, 3)),
        )
        self._start = None
        if not is_random(self.state):
            self._start = draw_sector_state(self.state, N, self.basis.rotation, np.random.default_rng(0))

    def run(self, seed: int, index: int, *, record: bool = False) -> Outcome:
        """Trajectory ``index`` of the ensemble with ``seed``.

        Raises
        ------
        ConvergenceError
            If a step or a jump time cannot be brought within the tolerance.
        """
        generator = generator_of(seed, index)
        tables, T = self.basis.tables, len(self.times)
        place, clock = self._begin(generator)
        mean, second, sectors = np.empty((T, 3)), np.empty((T, 6)), np.empty(T, dtype=np.int64)
        buffer = _empty_record(_SEGMENT if record else 0)
        pieces: list[NDArray[np.void]] = []
        while True:
            status = advance(
                tables,
                self._work,
                place,
                clock,
                generator,
                self.times,
                mean,
                second,
                sectors,
                self.tolerance,
                _SEGMENT,
                buffer,
            )
            if record:
                pieces.append(_drain(buffer, place))
            if status == FINISHED:
                break
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                raise ConvergenceError(
                    f"Trajectory {index} of seed {seed}: the state {what} at t = {clock[0]:.9g} "
                    f"(J = {place[0] / 2:g}, tolerance {self.tolerance:g})"
                )
        jumps = np.concatenate(pieces) if record else None
        mean, second = self._to_user_frame(mean, second)
        return Outcome(mean, second, sectors / 2, int(place[4]), jumps)

    def _begin(self, generator: np.random.Generator) -> tuple[NDArray[np.int64], Array]:
        N = self.basis.tables.N
        two_J, ket = self._start or draw_sector_state(self.state, N, self.basis.rotation, generator)
        re, im = self._work.taylor_re[0], self._work.taylor_im[0]
        re[:] = im[:] = 0.0
        re[PAD : PAD + N + 1], im[PAD : PAD + N + 1] = ket.real, ket.imag
        first = (N - two_J) // 2 + PAD
        lo, hi = trim(re, im, first, first + two_J + 1, (0.25 * self.tolerance) ** 2)
        re[:lo], im[:lo], re[hi:], im[hi:] = 0.0, 0.0, 0.0, 0.0
        norm = np.sqrt(np.sum(re**2 + im**2))
        re /= norm
        im /= norm
        return (
            np.array([two_J, lo, hi, 0, 0, 0], dtype=np.int64),
            np.array([0.0, generator.standard_exponential(), 0.0, 0.0]),
        )

    def _to_user_frame(self, mean: Array, second: Array) -> tuple[Array, Array]:
        if np.array_equal(self._frame, np.eye(3)):
            return mean, second
        rows, columns = np.triu_indices(3)
        full = np.empty((len(mean), 3, 3))
        full[:, rows, columns] = full[:, columns, rows] = second
        return mean @ self._frame.T, (self._frame @ full @ self._frame.T)[:, rows, columns]


def _empty_record(length: int) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    return np.empty(length), np.empty(length, dtype=np.int64), np.empty(length, dtype=np.int64)


def _drain(
    buffer: tuple[Array, NDArray[np.int64], NDArray[np.int64]], place: NDArray[np.int64]
) -> NDArray[np.void]:
    """Take what the kernel has recorded out of its buffer."""
    n = int(place[5])
    piece = np.empty(n, dtype=JUMP)
    piece["time"], piece["channel"], piece["sector"] = buffer[0][:n], buffer[1][:n], buffer[2][:n] / 2
    place[5] = 0
    return piece


__all__ = ["JUMP", "PAUSED", "Engine", "Outcome", "bytes_needed", "generator_of"]
