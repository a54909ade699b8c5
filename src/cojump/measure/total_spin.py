"""The total spin of each block of two levels."""

from __future__ import annotations

import numpy as np

from ..basis.reported_sectors import spins_in
from ..model import Model
from ..tools.types import Array
from .meter import Trajectory, diagonal_pairs
from .moments import Moments
from .statistics import Extra


class SpinMeter:
    """Total spin J of each block of two levels."""

    name = "spin"

    def __init__(self, model: Model, times: Array) -> None:
        self._blocks, self._times = model.blocks, times
        self._labels = tuple(b.name for b in model.blocks if b.levels == 2)

    def empty(self) -> Extra:
        """No trajectory yet."""
        n = len(self._labels)
        moments = Moments.empty((len(self._times), n), diagonal_pairs(n), np.arange(n))
        return Extra(self._labels, self._times, np.empty((len(self._times), 0)), moments)

    def sample(self, one: Trajectory) -> Array:
        """(T, B) spins."""
        return spins_in(self._blocks, one.sectors)
