"""The currents of homodyne and heterodyne detection."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..model.unravelled import record_labels
from ..tools.types import Array
from .meter import Meter, Trajectories


class CurrentMeter(Meter):
    """Mean current between two output times, what the record of a jump has gained divided by the time."""

    name = "current"

    def __init__(self, model: Model, times: Array) -> None:
        lengths = np.diff(times, prepend=0.0)
        self._places = np.flatnonzero(lengths > 0)
        self._lengths = lengths[self._places, None]
        super().__init__(record_labels(model), times[self._places])

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T', C) currents."""
        found: Array = several.records[:, self._places] / self._lengths
        return found
