"""What is measured along trajectories: one small meter for each kind of figure.

A meter turns a trajectory into a vector per time (several at once, which is faster) and knows which co-moments of it
are kept; the ensemble gathers the moments without knowing what they mean. It is made and checked once for each point,
without the mean field on which products are centred: its empty statistics
(:class:`~cojump.measure.statistics.Extra`) hold that.

There are two kinds. A :class:`Meter` reads what every trajectory reports at all output times: averages, products,
sectors, numbers of jumps. A :class:`StateMeter` reads the pure state itself, at output times of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..basis.level_weights import LevelWeights
from ..model.collective_average import CollectiveAverage
from ..tools.types import Array, Matrix
from .moments import Moments
from .statistics import Extra


class Trajectories(Protocol):
    """What a meter sees of several trajectories; see cojump.trajectories.outcome.Outcomes."""

    @property
    def mean(self) -> Array:
        """(K, T, A) averages."""

    @property
    def second(self) -> Array:
        """(K, T, Q) products of pairs."""

    @property
    def sectors(self) -> Array:
        """(K, T, ...) sectors."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """(K, T, L) jumps of each channel so far."""

    @property
    def records(self) -> Array:
        """(K, T, C) what the record of each current has gained since the output time before."""


class PureState(Protocol):
    """A pure state in one sector of each block; see cojump.trajectories.pure_state.PureState."""

    def product(self, averages: Sequence[CollectiveAverage]) -> complex:
        """The mean of <A B ..> over all orders of some averages."""


class ObservedState(Protocol):
    """The state of one trajectory at one output time; see cojump.trajectories.observed_state.ObservedState."""

    @property
    def time(self) -> float:
        """The output time."""

    @property
    def pure(self) -> PureState:
        """The state itself."""

    def levels(self, block: int, weights: LevelWeights) -> tuple[NDArray[Any], Array]:
        """Occupations (n, d) of some kets of one particle in a block, and their probabilities (n,)."""

    def taken_out(self, counts: Mapping[int, int]) -> Matrix:
        """Density matrix of so many particles of each block."""


class Size(NamedTuple):
    """How many numbers a meter keeps at each of its times: means, products of pairs, means whose tails are followed."""

    times: int
    values: int
    pairs: int
    followed: int

    @property
    def each(self) -> int:
        """Numbers at each time."""
        return self.values + self.pairs + 3 * self.followed


class Kind(ABC):
    """What a kind of figure is called and how much of it is kept: n numbers at each of T' times, with their variances.

    Nothing large is made before it is asked for: the memory of a run is judged by the sizes of its meters.

    Attributes
    ----------
    name : str
        Of its statistics in a result and in files.
    labels : tuple of strings
        What its figures are called.
    times : (T',) array
        When they are measured.
    """

    name: str

    def __init__(self, labels: tuple[str, ...], times: Array) -> None:
        self.labels, self.times = labels, times

    @property
    def size(self) -> Size:
        """What its statistics take, in closed form."""
        n = len(self.labels)
        return Size(len(self.times), n, n, n)

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet; ``mean_field`` (T, A) holds the averages at all output times."""
        T, n, _, _ = self.size
        moments = Moments.empty((T, n), np.array([np.arange(n), np.arange(n)]), np.arange(n))
        return Extra(self.labels, self.times, np.empty((T, 0)), moments)


class Meter(Kind):
    """Measures what every trajectory reports.

    Each trajectory has the same bits whatever others it is measured with: products of matrices are made one by one,
    for how BLAS adds up a row depends on the place of the row.
    """

    @abstractmethod
    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T', n) vectors of K trajectories; ``reference`` is that of its empty statistics."""


class StateMeter(Kind):
    """Measures the pure state at its own times, some of the output times."""

    @abstractmethod
    def read(self, state: ObservedState) -> Array:
        """(n,) figures of the state at one time; the state is there only while it is read."""
