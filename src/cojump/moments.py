"""Streaming statistics that merge: count, means and chosen co-moments of vectors.

One vector per trajectory is added at a time (Welford); sets of trajectories merge pairwise (Chan, Golub, LeVeque
1983). Both keep sums of products of deviations, never raw second moments, so nothing cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    """

    pairs: NDArray[np.intp]
    count: int
    mean: NDArray[np.float64]
    comoment: NDArray[np.float64]

    @classmethod
    def empty(cls, shape: tuple[int, ...], pairs: NDArray[np.intp]) -> Moments:
        """No sample yet of vectors of shape ``shape`` = (..., D)."""
        return cls(pairs, 0, np.zeros(shape), np.zeros((*shape[:-1], pairs.shape[1])))

    def add(self, sample: NDArray[np.float64]) -> None:
        """Take in one vector (..., D)."""
        self.count += 1
        before = sample - self.mean
        self.mean += before / self.count
        after = sample - self.mean
        self.comoment += before[..., self.pairs[0]] * after[..., self.pairs[1]]

    def merge(self, other: Moments) -> None:
        """Take in another set of the same shape; the order of merging fixes the last bits of the result."""
        if other.count == 0:
            return
        total = self.count + other.count
        step = other.mean - self.mean
        weight = self.count * other.count / total
        self.comoment += other.comoment + step[..., self.pairs[0]] * step[..., self.pairs[1]] * weight
        self.mean += step * (other.count / total)
        self.count = total

    def covariance(self) -> NDArray[np.float64]:
        """(..., P) unbiased covariances of single vectors; NaN for fewer than two samples."""
        if self.count < 2:
            return np.full_like(self.comoment, np.nan)
        return self.comoment / (self.count - 1)
