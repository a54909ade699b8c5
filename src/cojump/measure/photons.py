"""The number of quanta in each mode."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .meter import Meter, Trajectory


class PhotonMeter(Meter):
    """<a†a>/N = <x²> + <y²> - 1/(2N) of each mode of which x and y are measured."""

    name = "photons"

    def __init__(self, model: Model, times: Array) -> None:
        super().__init__(counted_modes(model), times)
        places = {label: place for place, label in enumerate(model.labels)}
        self._x, self._y = ([places[f"{mode}.{part}"] for mode in self.labels] for part in "xy")
        self._vacuum, self._n_averages = 0.5 / model.size, len(model.labels)

    def sample(self, one: Trajectory, reference: Array) -> Array:
        """(T, n) quanta per particle."""
        squares = np.einsum("taa->ta", from_pairs(one.second, self._n_averages))
        found: Array = squares[:, self._x] + squares[:, self._y] - self._vacuum
        return found


def counted_modes(model: Model) -> tuple[str, ...]:
    """The modes of which x and y are measured."""
    labels = set(model.labels)
    return tuple(name for name in model.mode_names if {f"{name}.x", f"{name}.y"} <= labels)
