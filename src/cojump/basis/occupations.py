"""Occupation numbers of d levels, numbered: the axis of a table of what depends on them alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from ..model.spectrum import two_level_averages
from ..tools.types import Array

Integers = NDArray[np.int64]


class Occupations:
    """All ways to spread ``count`` particles over ``levels`` levels, by growing n_0, then n_1, and so on.

    For two levels the number of a way is n_0, the number of particles up.
    """

    def __init__(self, count: int, levels: int) -> None:
        self.count, self.levels = count, levels

    def __len__(self) -> int:
        return int(comb(self.count + self.levels - 1, self.levels - 1, exact=True))

    def number(self, occupations: NDArray[Any]) -> Integers:
        """(...) number of each of the given (..., d) occupations, whose sums are ``count``."""
        number = np.zeros(occupations.shape[:-1], dtype=np.int64)
        left = np.full(occupations.shape[:-1], self.count)
        for a in range(self.levels - 1):
            ways = _ways(self.count, self.levels - 1 - a)
            number += ways[left] - ways[left - occupations[..., a]]
            left = left - occupations[..., a]
        return number

    def all(self) -> Integers:
        """(len, d) occupations in their order."""
        made = np.zeros((1, 0), dtype=np.int64)
        left = np.array([self.count])
        for _ in range(self.levels - 1):
            made, repeats = np.repeat(made, left + 1, axis=0), left + 1
            ends = np.cumsum(repeats)
            n = np.arange(ends[-1]) - np.repeat(ends - repeats, repeats)
            left = np.repeat(left, repeats) - n
            made = np.concatenate([made, n[:, None]], axis=1)
        return np.concatenate([made, left[:, None]], axis=1)

    def averages(self, values: Array, size: int) -> Array:
        """(len,) averages (1/size) Σ_a n_a values_a; they never leave the interval they belong to by rounding."""
        if self.levels == 2:
            return two_level_averages(values[0], values[1], self.count, size)
        return np.clip(self.all() @ values / size, *average_range(values, self.count, size))


@lru_cache(maxsize=256)
def _ways(count: int, levels: int) -> Integers:
    """(count + 1,) numbers of ways to put at most 0..count particles into ``levels`` levels."""
    return np.array([comb(m + levels, levels, exact=True) for m in range(count + 1)], dtype=np.int64)


def average_range(values: Array, count: int, size: int) -> tuple[float, float]:
    """Smallest and largest (1/size) Σ_a n_a values_a over occupations of ``count`` particles."""
    share = 1.0 if count == size else count / size
    return float(values.min()) * share, float(values.max()) * share
