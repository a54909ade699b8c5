"""What is measured along trajectories beside the averages of the blocks: one small meter for each kind of figure.

A meter turns one trajectory into a vector per time and knows which co-moments of it are kept; the ensemble gathers
the moments without knowing what they mean. Order parameters, polynomials of averages, total spins and the spin
squeezing are functions of what every trajectory reports; distributions need the amplitudes and are asked for.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..tools.types import Array
from .statistics import Extra


class Trajectory(Protocol):
    """What a meter sees of one trajectory; see cojump.trajectories.outcome.Outcome."""

    @property
    def mean(self) -> Array:
        """(T, A) averages."""

    @property
    def second(self) -> Array:
        """(T, Q) products of pairs."""

    @property
    def sectors(self) -> Array:
        """(T, ...) sectors."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """(T, L) jumps of each channel so far."""

    @property
    def distributions(self) -> Array:
        """(T', Σ_b (N_b + 1)) probabilities in the blocks of two levels."""


class Meter(Protocol):
    """Measures one kind of figure."""

    name: str

    def empty(self) -> Extra:
        """No trajectory yet."""

    def sample(self, one: Trajectory) -> Array:
        """(T', n) vector of one trajectory."""


def diagonal_pairs(n: int) -> NDArray[np.intp]:
    """The pairs (i, i) of n figures whose variances alone are kept, (2, n)."""
    return np.array([np.arange(n), np.arange(n)])
