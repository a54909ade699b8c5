"""The total spin of each block of two levels."""

from __future__ import annotations

from ..basis.reported_sectors import spins_in
from ..model import Model
from ..tools.types import Array
from .meter import Meter, Trajectories


class SpinMeter(Meter):
    """Total spin J of each block of two levels."""

    name = "spin"

    def __init__(self, model: Model, times: Array) -> None:
        super().__init__(tuple(b.name for b in model.blocks if b.levels == 2), times)
        self._blocks = model.blocks

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T, B) spins."""
        K, T, *rest = several.sectors.shape
        return spins_in(self._blocks, several.sectors.reshape(K * T, *rest)).reshape(K, T, -1)
