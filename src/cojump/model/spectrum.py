"""The values that an average of commuting matrices can take."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..tools.matrices import conjugate

T = TypeVar("T", bound=np.generic)


def snapped(levels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Eigenvalues without the rounding of a diagonalisation: a projector has 0 and 1, not -1e-17.

    Rates may vanish, or have a root, at the edge of the spectrum.
    """
    largest = float(np.abs(levels).max(initial=0))
    if largest == 0:
        return np.zeros(len(levels))
    scale = 2.0 ** np.ceil(np.log2(largest))
    return np.round(levels / scale, 14) * scale


def levels_along(basis: NDArray[np.complex128], matrix: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Eigenvalues of a Hermitian matrix in the order of a basis (columns) that it is diagonal in."""
    order = np.argsort(np.argsort(np.diag(conjugate(basis, matrix)).real, kind="stable"))
    return snapped(np.linalg.eigvalsh(matrix))[order]


def two_level_averages(
    up: float, down: float, count: int, size: int, chosen: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """(count + 1,) values of (i up + (count - i) down)/size for i = 0..count particles up, or those of ``chosen`` i."""
    i = np.arange(count + 1) if chosen is None else chosen
    values = (i * up + (count - i) * down) / size
    # the ends are exact: a rate may be defined up to them and no further
    lowest, highest = min(count * up / size, count * down / size), max(count * up / size, count * down / size)
    if count == size:
        lowest, highest = min(up, down), max(up, down)
    return np.minimum(np.maximum(values, lowest), highest)


def thinned(values: NDArray[T], most: int) -> NDArray[T]:
    """At most ``most`` of sorted values, both ends among them."""
    if len(values) <= most:
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]


def average_spectrum(levels: NDArray[np.floating[Any]], count: int, size: int, budget: int) -> NDArray[np.float64]:
    """Values of (1/size) Σ_a n_a levels_a over occupations with Σ n_a = count, thinned to about ``budget``."""
    return np.unique(_averages(levels, _occupations(len(levels), count, budget), count, size))


def joint_spectrum(levels: NDArray[np.floating[Any]], count: int, size: int, budget: int) -> NDArray[np.float64]:
    """The same of K averages at once: ``levels`` (K, d), the result (K, n), each point once."""
    occupied = _occupations(levels.shape[1], count, budget)
    return np.unique([_averages(own, occupied, count, size) for own in levels], axis=1)


def added(first: NDArray[np.float64], second: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Sums of two points (K, m) and (K, n), one of each, each point once; some of them where there are too many."""
    sums = np.unique((first[:, :, None] + second[:, None, :]).reshape(len(first), -1), axis=1)
    return sums[:, thinned(np.arange(sums.shape[1]), most)]


def _occupations(levels: int, count: int, budget: int) -> NDArray[np.int64]:
    """(n, levels) occupation numbers that add up to ``count``: all, or about ``budget`` of them, the ends included."""
    if levels == 2:
        up = np.unique(np.linspace(0, count, min(count + 1, budget)).astype(np.int64))
        return np.stack([count - up, up], axis=1)
    chosen = np.zeros((1, 0), dtype=np.int64)
    steps = np.unique(np.linspace(0, count, min(count + 1, max(2, int(budget ** (1 / (levels - 1)))))))
    for _ in range(levels - 1):
        longer = np.repeat(chosen, len(steps), axis=0)
        chosen = np.column_stack([longer, np.tile(steps.astype(np.int64), len(chosen))])
        chosen = chosen[chosen.sum(axis=1) <= count]
    return np.column_stack([chosen, count - chosen.sum(axis=1)])


def _averages(
    levels: NDArray[np.floating[Any]], occupied: NDArray[np.int64], count: int, size: int
) -> NDArray[np.float64]:
    """(1/size) Σ_a n_a levels_a; the ends of the spectrum come out exactly."""
    if len(levels) == 2:
        return two_level_averages(levels[1], levels[0], count, size, occupied[:, 1])
    values = sum((n * level for n, level in zip(occupied.T, levels, strict=True)), np.zeros(len(occupied))) / size
    share = 1.0 if count == size else count / size
    return np.clip(values, levels.min() * share, levels.max() * share)
