"""Streaming statistics that merge: count, means and chosen co-moments of vectors.

One vector per trajectory is added at a time (Welford); sets of trajectories merge pairwise (Chan, Golub, LeVeque
1983). Both keep sums of products of deviations, never raw second moments, so nothing cancels. Third and fourth powers
of chosen components say how many trajectories carry a spread, and so whether a sample can know its own error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 2**14
"""Products of pairs that are made at once, at most (if not of one vector): they stay in the cache."""


@dataclass
class Tails:
    """Sums of third and fourth powers of some components, about a value inside their range.

    That value is the first sample, or the mean once sets are merged: it is never further from the mean than the samples
    reach, so little cancels when the sums are changed to the mean (:meth:`about`).

    Attributes
    ----------
    followed : (F,) int array
        The components.
    variances : (F,) int array
        Where the variance of each stands among the pairs of :class:`Moments`.
    shift, cubes, fourths : (..., F) arrays
        The value c, Σ (x - c)³, Σ (x - c)⁴.
    """

    followed: NDArray[np.intp]
    variances: NDArray[np.intp]
    shift: NDArray[np.float64]
    cubes: NDArray[np.float64]
    fourths: NDArray[np.float64]

    @classmethod
    def empty(cls, shape: tuple[int, ...], pairs: NDArray[np.intp], followed: NDArray[np.intp]) -> Tails:
        """No sample yet; each component must be one whose variance is kept."""
        place = {int(i): k for k, (i, j) in enumerate(pairs.T) if i == j}
        variances = np.array([place[int(i)] for i in followed], dtype=np.intp)
        size = (*shape[:-1], len(followed))
        return cls(np.asarray(followed, dtype=np.intp), variances, np.zeros(size), np.zeros(size), np.zeros(size))

    def extend(self, samples: NDArray[np.float64], first: bool) -> None:
        """Take in vectors (K, ..., D), one by one; ``first`` says that there is none yet."""
        y = samples.take(self.followed, axis=-1)
        if first:
            self.shift[...] = y[0]
        y -= self.shift
        square = y * y
        y *= square
        square *= square
        for cubes, fourths in zip(y, square, strict=True):
            self.cubes += cubes
            self.fourths += fourths

    def about(self, centre: NDArray[np.float64], own: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sums of third and fourth powers about another value; ``own`` has the count, mean and variances."""
        n, away = own.count, own.mean.take(self.followed, axis=-1) - self.shift
        ones, squares = n * away, own.comoment.take(self.variances, axis=-1) + n * away**2
        h = self.shift - centre
        h2 = h**2
        h3 = h2 * h
        cubes = self.cubes + 3 * h * squares + 3 * h2 * ones + n * h3
        fourths = self.fourths + 4 * h * self.cubes + 6 * h2 * squares + 4 * h3 * ones + n * (h2 * h2)
        return cubes, fourths

    def copy(self) -> Tails:
        """The same sums in arrays of their own."""
        return Tails(self.followed, self.variances, self.shift.copy(), self.cubes.copy(), self.fourths.copy())


@dataclass
class Moments:
    """Count, mean and co-moments of real vectors of one shape.

    Parameters
    ----------
    pairs : (2, P) int array
        The pairs (i, j) of components whose co-moment Σ (x_i - x̄_i)(x_j - x̄_j) is kept; i = j for a variance.
    count : int
    mean : (..., D) array
    comoment : (..., P) array
    tails : Tails or None
        Higher powers of the components whose spread is judged; None where they were not kept (older files).
    """

    pairs: NDArray[np.intp]
    count: int
    mean: NDArray[np.float64]
    comoment: NDArray[np.float64]
    tails: Tails | None = None

    @classmethod
    def empty(
        cls, shape: tuple[int, ...], pairs: NDArray[np.intp], followed: NDArray[np.intp] | None = None
    ) -> Moments:
        """No sample yet of vectors of shape ``shape`` = (..., D); the spread of those ``followed`` is judged."""
        tails = None if followed is None else Tails.empty(shape, pairs, followed)
        return cls(pairs, 0, np.zeros(shape), np.zeros((*shape[:-1], pairs.shape[1])), tails)

    def at_end(self) -> Moments:
        """The same sums at the last place of the first axis (the last time) alone."""
        t = self.tails
        tails = None if t is None else Tails(t.followed, t.variances, t.shift[-1:], t.cubes[-1:], t.fourths[-1:])
        return Moments(self.pairs, self.count, self.mean[-1:], self.comoment[-1:], tails)

    @property
    def nbytes(self) -> int:
        """Bytes of all sums."""
        tails = 0 if self.tails is None else 3 * self.tails.shift.nbytes
        return self.mean.nbytes + self.comoment.nbytes + tails

    def copy(self) -> Moments:
        """The same sums in arrays of their own."""
        tails = None if self.tails is None else self.tails.copy()
        return Moments(self.pairs, self.count, self.mean.copy(), self.comoment.copy(), tails)

    def add(self, sample: NDArray[np.float64]) -> None:
        """Take in one vector (..., D)."""
        self.extend(sample[None])

    def extend(self, samples: NDArray[np.float64]) -> None:
        """Take in vectors (K, ..., D) in their order.

        All additions are those of one vector after another, so that the sums do not depend on how many come at once;
        what is added is made for several of them together.
        """
        step = max(1, _AT_ONCE // max(self.comoment.size, 1))
        for first in range(0, len(samples), step):
            self._extend(samples[first : first + step])

    def _extend(self, samples: NDArray[np.float64]) -> None:
        first = self.count == 0
        before, means, change = np.empty_like(samples), np.empty_like(samples), np.empty_like(self.mean)
        last = self.mean
        for sample, away, mean in zip(samples, before, means, strict=True):
            self.count += 1
            np.subtract(sample, last, out=away)
            np.divide(away, self.count, out=change)
            last = np.add(last, change, out=mean)
        self.mean[...] = last
        after = np.subtract(samples, means, out=means)
        products = before.take(self.pairs[0], axis=-1)  # several times faster than an index
        products *= after.take(self.pairs[1], axis=-1)
        for product in products:
            self.comoment += product
        if self.tails is not None and self.tails.followed.size:
            self.tails.extend(samples, first)

    def merge(self, other: Moments) -> None:
        """Take in another set of the same shape; the order of merging fixes the last bits of the result."""
        if other.count == 0:
            return
        total = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / total)
        self._merge_tails(other, mean)
        products = step.take(self.pairs[0], axis=-1)
        products *= step.take(self.pairs[1], axis=-1)
        products *= self.count * other.count / total
        products += other.comoment
        self.comoment += products
        self.mean[...] = mean
        self.count = total

    def _merge_tails(self, other: Moments, mean: NDArray[np.float64]) -> None:
        """Third and fourth powers of both about their common mean; they are lost if one of the two has none."""
        if self.tails is None or other.tails is None:
            self.tails = None
            return
        centre = mean.take(self.tails.followed, axis=-1)
        own, more = self.tails.about(centre, self), other.tails.about(centre, other)
        self.tails.cubes, self.tails.fourths, self.tails.shift = own[0] + more[0], own[1] + more[1], centre

    def effective(self) -> NDArray[np.float64] | None:
        """(..., F) effective numbers of samples (Σ d²)² / Σ d⁴ that carry the spread of each component followed.

        d are the deviations from the mean: n/3 for n normal samples, k where k of many samples differ from the rest.
        The variance is known to a part of about 1/sqrt(effective number). NaN where there is no spread, None where the
        powers were not kept.
        """
        if self.tails is None:
            return None
        squares = self.comoment[..., self.tails.variances]
        _, fourths = self.tails.about(self.mean[..., self.tails.followed], self)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = squares**2 / fourths
        return np.where(fourths > 0, np.minimum(found, self.count), np.nan)

    def covariance(self) -> NDArray[np.float64]:
        """(..., P) unbiased covariances of single vectors; NaN for fewer than two samples."""
        if self.count < 2:
            return np.full_like(self.comoment, np.nan)
        return self.comoment / (self.count - 1)
