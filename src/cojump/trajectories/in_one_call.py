"""Trajectories that one call of a compiled loop goes through, one after another.

Around a trajectory Python would take as long as several of its jumps: nothing of what it does between two of them is
close to the processor any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.sectors import Labels
from .kernels.counting import COUNTING_NOW, TO_BEGIN, Grams

Key = tuple[int, int, int]
"""Seed, index, and part: what the random numbers of a trajectory are a function of."""


class InOneCall:
    """Some trajectories, of which the first ones may have ended and the next one may be on its way.

    Parameters
    ----------
    keys : sequence of Key
    labels : sequence of Labels
        The sectors that they begin in.
    waiting : sequence of float
        Log-survival to lose before the first jump of each.
    reach, pending : int
        Of each at first, see COUNTING_NOW.
    numbers, starts, gathered
        As the kernel takes them.

    Attributes
    ----------
    places : dict
        Of each key.
    cells, stands : (K,) array
        Where each trajectory stands, for Python, whose fields are reached fast, and as kernels take it.
    turn : (1,) array
        How many have ended.
    said : int or None
        What the kernel has said of the one that is on its way, if nothing has been done about it.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        labels: Sequence[Labels],
        waiting: Sequence[float],
        reach: int,
        pending: int,
        numbers: Any,
        starts: Any,
        gathered: Grams,
    ) -> None:
        self.places = {key: k for k, key in enumerate(keys)}
        self.labels, self.numbers, self.starts, self.gathered = labels, numbers, starts, gathered
        self.cells = cells = np.zeros(len(keys), dtype=COUNTING_NOW)
        cells["waiting"], cells["pending"], cells["reach"] = waiting, pending, reach
        self.stands: Any = cells.view(np.recarray)
        self.turn: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self.said: int | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def has(self, key: Key, from_the_start: bool) -> bool:
        """Whether a trajectory has ended, or is the next one; ``from_the_start``: which has not begun."""
        k = self.places.get(key)
        if k is None:
            return False
        if from_the_start:
            return bool(k == self.turn[0] and self.cells["pending"][k] == TO_BEGIN)
        return bool(k <= self.turn[0])

    def of(self, k: int) -> Grams:
        """What trajectory k has written."""
        g = self.gathered
        return Grams(g.times, g.grams[k], g.sectors[k], g.counts[k], g.snapshot)
