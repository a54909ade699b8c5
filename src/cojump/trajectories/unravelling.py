"""Unravellings: what happens to a state between the clicks of the detectors, and at a click.

All unravellings of a model have the same density matrix on average; single trajectories, and how a variance is shared
between them and their average, are those of one way to watch the environment.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from .kernels.common import NO_JUMP, Step
from .kernels.waiting_time import SEARCH
from .long_step import long_step

Ket = NDArray[np.complex128]


class TrajectoryState(Protocol):
    """The state of an independent part of a model on its way, whatever it is written in.

    Attributes
    ----------
    sector
        The sector that the state is in, as the representation names it.
    tolerance : float
    effort : int
        Multiplications since somebody has set it to zero.
    """

    tolerance: float
    effort: int

    @property
    def sector(self) -> object:
        """The sector that the state is in."""

    def begin(self, generator: np.random.Generator) -> None:
        """Draw the state that a trajectory starts from."""

    def step(self, waiting: float, most: float) -> Step:
        """Evolve without a jump until ``waiting`` is lost of the log-survival, or ``most`` in time, or less."""

    def is_stiff(self, step: Step, waiting: float, most: float, soon: float) -> bool:
        """Whether a long step up to the time ``soon`` may be faster than Taylor steps as short as this one."""

    def whole(self) -> tuple[csc_array, Ket] | None:
        """H_eff of the sector as a matrix and the state that the step began with; None where it is too large."""

    def put(self, ket: Ket) -> None:
        """Go on from a state of the whole sector."""

    def jump(self, u: float) -> int:
        """Jump at the end of the step, with u in [0, 1) for the choice; the channel, or NO_JUMP, or NO_NUMBER."""

    def go_on(self) -> None:
        """Go on from the end of the step without a jump."""


class Unravelling(Protocol):
    """What happens between the clicks, and at a click.

    Attributes
    ----------
    due : bool
        Whether a click is due at once, so that a step may take no time.
    """

    @property
    def due(self) -> bool:
        """Whether a click is due at once."""

    def begin(self, generator: np.random.Generator) -> None:
        """A trajectory begins; random numbers come from this generator."""

    def step(self, state: TrajectoryState, most: float) -> Step:
        """Evolve up to the next click or the end of a step, at most for the time ``most``."""

    def is_stiff(self, state: TrajectoryState, step: Step, most: float, soon: float) -> bool:
        """Whether a long step may be faster than Taylor steps as short as this one."""

    def long_step(self, state: TrajectoryState, t: float, soon: float, short: float) -> float | None:
        """Evolve from time t for at most ``soon``, instead of by a Taylor step of the length ``short``.

        The time taken; None where it is not possible or not worth while.
        """

    def end(self, state: TrajectoryState, step: Step) -> int:
        """Finish a step: the channel that has clicked, or NO_JUMP, or NO_NUMBER."""


class Counting:
    """Photon counting: each jump is a click. The state is damped by H_eff between clicks.

    The next click comes when the log-survival -log|ψ|² has lost a number drawn from the exponential law of mean one;
    its channel has the probability |L ψ|² / Σ |L ψ|².

    Attributes
    ----------
    waiting : float
        Log-survival left to lose; 0 where a click is due.
    """

    waiting: float

    @property
    def due(self) -> bool:
        """Whether a click is due at once."""
        return not self.waiting > 0

    def begin(self, generator: np.random.Generator) -> None:
        """Draw the waiting time of the first click."""
        self._generator = generator
        self.waiting = generator.standard_exponential()

    def step(self, state: TrajectoryState, most: float) -> Step:
        """Evolve up to the next click or the end of a step."""
        return state.step(self.waiting, most)

    def is_stiff(self, state: TrajectoryState, step: Step, most: float, soon: float) -> bool:
        """Whether a long step may be faster than Taylor steps as short as this one."""
        return not self.due and state.is_stiff(step, self.waiting, most, soon)

    def long_step(self, state: TrajectoryState, t: float, soon: float, short: float) -> float | None:
        """See :func:`leap`."""
        made = leap(state, self.waiting, t, soon, short)
        if made is None:
            return None
        time, self.waiting = made
        return time

    def end(self, state: TrajectoryState, step: Step) -> int:
        """Jump if a click was due, and draw the next waiting time."""
        if step.found == 0:
            self.waiting -= step.lost
            state.go_on()
            return NO_JUMP
        channel = state.jump(self._generator.random())
        if channel == NO_JUMP:
            # A loss without any rate is rounding, below any number that is drawn: what is left to lose is drawn anew.
            state.go_on()
        self.waiting = self._generator.standard_exponential()
        return channel


def leap(state: TrajectoryState, waiting: float, t: float, soon: float, short: float) -> tuple[float, float] | None:
    """Go on by one long step, at most for the time ``soon``: its length, and the log-survival that is left to lose.

    None where it is not possible or not worth while; ``short`` is the length of a Taylor step.
    """
    whole = state.whole()
    if whole is None:
        return None
    step = long_step(*whole, waiting, soon, short, state.tolerance)
    if step is None or t + step.reach <= t:
        return None
    time, lost = step.until(waiting, SEARCH * state.tolerance)
    state.put(step.state(time))
    return time, 0.0 if time < step.reach else waiting - lost
