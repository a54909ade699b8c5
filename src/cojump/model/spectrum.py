"""The values that an average of commuting matrices can take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def snapped(levels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Eigenvalues without the rounding of a diagonalisation: a projector has 0 and 1, not -1e-17.

    Rates may vanish, or have a root, at the edge of the spectrum.
    """
    largest = float(np.abs(levels).max(initial=0))
    if largest == 0:
        return np.zeros(len(levels))
    scale = 2.0 ** np.ceil(np.log2(largest))
    return np.round(levels / scale, 14) * scale


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


def thinned(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most ``most`` of sorted values, both ends among them."""
    if len(values) <= most:
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]


def average_spectrum(levels: NDArray[np.floating[Any]], count: int, size: int, budget: int) -> NDArray[np.float64]:
    """Values of (1/size) Σ_a n_a levels_a over occupations with Σ n_a = count, thinned to about ``budget``."""
    ladder = np.zeros(1)
    used = np.zeros(1, dtype=int)
    if len(levels) == 2:
        chosen = np.unique(np.linspace(0, count, min(count + 1, budget)).astype(np.int64))
        return np.unique(two_level_averages(levels[1], levels[0], count, size, chosen))
    for level in levels[:-1]:
        steps = np.unique(np.linspace(0, count, min(count + 1, max(2, int(budget ** (1 / (len(levels) - 1)))))))
        n = steps.astype(int)
        total, value = np.add.outer(used, n).ravel(), np.add.outer(ladder, n * level).ravel()
        used, ladder = total[total <= count], value[total <= count]
    share = 1.0 if count == size else count / size  # the ends are exact, as for two levels
    values = (ladder + (count - used) * levels[-1]) / size
    return np.unique(np.clip(values, levels.min() * share, levels.max() * share))
