"""What a two-time function or g² from trajectories is made of: checked once, for a script and for a run alike."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of, emitted
from ..model.final_states import FinalStates
from ..model.mixtures import check_mixture
from ..results.two_time import SampledCoincidences, SampledTwoTime, coincidences_of, two_time_of
from ..theory.mean_field import reference as mean_of_starts
from ..theory.two_time import check_span, check_taus
from ..tools.memory import for_each_rank
from ..tools.summaries import counted
from ..tools.types import Array, Complex
from ..trajectories.branches import Branches, branching_times
from .point import Point
from .samples import Sampler


@dataclass(frozen=True, eq=False)
class Branching(ABC):
    """Trajectories of a point that branch at the time ``start``, and what acts on them there.

    Attributes
    ----------
    point : Point
        Its times are those at which something is read.
    start : float
    taus : (T,) array
    averages : tuple of CollectiveAverage
    """

    point: Point
    start: float
    taus: Array
    averages: tuple[CollectiveAverage, ...]

    kind: ClassVar[type] = np.complex128
    """Of the samples."""

    def branches(self) -> Branches:
        """Trajectories on one rank."""
        p = self.point
        return Branches(p.model, p.state, self.start, self.taus, p.tolerance)

    @property
    def empty(self) -> NDArray[Any]:
        """(2T + 1,) a sample of nothing."""
        return np.zeros(2 * len(self.taus) + 1, dtype=self.kind)

    @property
    def nbytes(self) -> int:
        """Of the samples of all trajectories."""
        return self.empty.nbytes * self.point.n_traj

    def facts(self) -> dict[str, Any]:
        """All that must agree on all ranks."""
        from .fingerprint import agreed

        seen = [[sorted((b, x.tobytes()) for b, x in a.blocks.items()), sorted(a.modes.items())] for a in self.averages]
        return {**agreed(self.point), "a and b": hashlib.sha256(repr((seen, self.start)).encode()).hexdigest()}

    @abstractmethod
    def reference(self) -> NDArray[Any]:
        """What is subtracted from all samples; worked out on one rank."""

    @abstractmethod
    def sampler(self, reference: NDArray[Any]) -> Sampler:
        """What makes the samples on one rank."""

    @abstractmethod
    def finish(self, samples: NDArray[Any], reference: NDArray[Any]) -> Any:
        """The estimates of (n, 2T + 1) samples."""


class Correlation(Branching):
    """<A(s+τ) B(s)>: four branches of each trajectory."""

    def reference(self) -> Complex:
        """(T + 1,) the mean field of A at s + τ, and of B at s."""
        mean = mean_of_starts(self.point.model, self.point.state, self.point.times)
        (c, w), (d, v) = (average.coefficients for average in self.averages)
        made: Complex = np.append(c + mean[-len(self.taus) :] @ w, d + mean[0] @ v)
        return made

    def sampler(self, reference: Complex) -> Sampler:
        """What makes the samples on one rank."""
        branches, (first, second) = self.branches(), self.averages
        return lambda index, poll: branches.two_time(self.point.seed, index, first, second, reference, poll)

    def finish(self, samples: NDArray[Any], reference: Complex) -> SampledTwoTime:
        """The two-time function of samples."""
        p = self.point
        return two_time_of(self.taus, self.start, p.model.size, p.seed, p.tolerance, samples, reference)


class Emission(Branching):
    """g²(τ): one branch, behind a jump."""

    kind = np.float64

    def reference(self) -> Array:
        """Nothing is subtracted."""
        return np.zeros(0)

    def sampler(self, reference: Array) -> Sampler:
        """What makes the samples on one rank."""
        branches, (c,) = self.branches(), self.averages
        return lambda index, poll: branches.coincidences(self.point.seed, index, c, poll)

    def finish(self, samples: NDArray[Any], reference: Array) -> SampledCoincidences:
        """The coincidences of samples."""
        return coincidences_of(self.taus, self.start, self.point.seed, self.point.tolerance, samples)


def correlation(
    model: Model, state: Any, taus: ArrayLike, a: Any, b: Any, start: Any, *, workers: int = 1, **options: Any
) -> Correlation:
    """A two-time function, checked; ``options`` are n_traj, seed, tolerance and chunk.

    Raises
    ------
    ArgumentError, UnsupportedError
        As :func:`cojump.two_time`.
    """
    point, begun, checked = _branching(model, state, taus, start, workers, options)
    return Correlation(point, begun, checked, (average_of(point.model, "a", a), average_of(point.model, "b", b)))


def emission(
    model: Model, state: Any, taus: ArrayLike, of: Any, start: Any, *, workers: int = 1, **options: Any
) -> Emission:
    """G²(τ) of a mode or a collective jump, checked; ``options`` as for :func:`correlation`.

    Raises
    ------
    ArgumentError, UnsupportedError
        As :func:`cojump.g2`.
    """
    point, begun, checked = _branching(model, state, taus, start, workers, options)
    plan = Emission(point, begun, checked, (emitted(point.model, of),))
    if len(plan.branches().parts_of(plan.averages[0])) != 1:
        raise UnsupportedError("g² is of blocks and modes that are coupled: `of` acts on some that run apart")
    return plan


def _branching(
    model: Any, state: Any, taus: Any, start: Any, workers: int, options: dict[str, Any]
) -> tuple[Point, float, Array]:
    """All but what acts on the trajectories, checked."""
    check_mixture(model, state, FinalStates)
    checked = check_taus(taus)
    begun = check_span(start, checked)
    times = branching_times(begun, checked)
    if np.any(np.diff(times) <= 0):
        raise ArgumentError("taus", f"be apart beside start = {begun:g}", "some of start + taus are the same number")
    whole = model if model.averages is None else replace(model, averages=None)
    point = Point(whole, state, times, **options)
    needed, have = 16.0 * (2 * len(checked) + 1) * point.n_traj, for_each_rank(workers)
    beside = 2 * point.recipe.nbytes(1)
    if needed + beside > have:
        many = f"{counted(point.n_traj, 'trajectory')} at {counted(len(checked), 'time')}"
        found = (
            f"samples of {many} need {needed / 2**30:,.2f} GiB beside "
            f"{beside / 2**30:,.2f} GiB for two engines, and there are {have / 2**30:,.2f} GiB"
        )
        raise ArgumentError("n_traj", "leave samples that fit in memory", found)
    return point, begun, checked
