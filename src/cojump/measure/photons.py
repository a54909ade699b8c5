"""The number of quanta in each mode."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..tools.matrices import pairs
from ..tools.types import Array
from .meter import Meter, Trajectories


class PhotonMeter(Meter):
    """<a†a>/N = <x²> + <y²> - 1/(2N) of each mode of which x and y are measured."""

    name = "photons"

    def __init__(self, model: Model, times: Array) -> None:
        super().__init__(counted_modes(model), times)
        rows, columns = pairs(len(model.labels))
        squares = dict(zip(model.labels, np.flatnonzero(rows == columns), strict=True))
        self._x, self._y = ([squares[f"{mode}.{part}"] for mode in self.labels] for part in "xy")
        self._vacuum = 0.5 / model.size

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T, n) quanta per particle."""
        found: Array = several.second[..., self._x] + several.second[..., self._y] - self._vacuum
        return found


def counted_modes(model: Model) -> tuple[str, ...]:
    """The modes of which x and y are measured."""
    labels = set(model.labels)
    return tuple(name for name in model.mode_names if {f"{name}.x", f"{name}.y"} <= labels)
