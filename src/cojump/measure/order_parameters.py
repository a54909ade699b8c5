"""Order parameters: averages of several blocks with signs."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .averages import Layout
from .meter import Trajectory
from .moments import Moments
from .statistics import Extra


class OrderMeter:
    """Order parameters: linear in the averages, so their means and products are exact linear maps of those."""

    name = "order"

    def __init__(self, model: Model, times: Array, reference: Array) -> None:
        self._labels = tuple(model.order_parameters)
        maps = [model.linear(name, x) for name, x in model.order_parameters.items()]
        self._constant, self._map = np.array([c for c, _ in maps]), np.array([w for _, w in maps])
        self._layout, self._times = Layout(len(maps)), times
        self._reference = self._constant + reference @ self._map.T

    def empty(self) -> Extra:
        """No trajectory yet."""
        shape = (len(self._times), self._layout.width)
        moments = Moments.empty(shape, self._layout.pairs, self._layout.followed)
        return Extra(self._labels, self._times, self._reference, moments)

    def sample(self, one: Trajectory) -> Array:
        """The vector of Layout for the order parameters."""
        w, c = self._map, self._constant
        linear = one.mean @ w.T
        second = w @ from_pairs(one.second, w.shape[1]) @ w.T
        second += c[:, None] * linear[:, None, :] + linear[:, :, None] * c + c[:, None] * c
        packed = second[:, self._layout.rows, self._layout.columns]
        return self._layout.vector(linear + c, packed, self._reference, np.ones(len(c)))
