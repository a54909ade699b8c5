"""Order parameters: averages of several blocks with signs."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..model import Model
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .averages import Layout, size_of
from .meter import Meter, Size, Trajectory
from .moments import Moments
from .statistics import Extra


class OrderMeter(Meter):
    """Order parameters: linear in the averages, so their means and products are exact linear maps of those."""

    name = "order"

    def __init__(self, model: Model, times: Array) -> None:
        super().__init__(tuple(model.order_parameters), times)
        maps = [model.linear(name, x) for name, x in model.order_parameters.items()]
        self._constant, self._map = np.array([c for c, _ in maps]), np.array([w for _, w in maps])

    @property
    def size(self) -> Size:
        """That of Layout."""
        return Size(len(self.times), *size_of(len(self.labels)))

    @cached_property
    def _layout(self) -> Layout:
        return Layout(len(self.labels))

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet."""
        shape = (len(self.times), self._layout.width)
        moments = Moments.empty(shape, self._layout.pairs, self._layout.followed)
        return Extra(self.labels, self.times, self._constant + mean_field @ self._map.T, moments)

    def sample(self, one: Trajectory, reference: Array) -> Array:
        """The vector of Layout for the order parameters."""
        w, c = self._map, self._constant
        linear = one.mean @ w.T
        second = w @ from_pairs(one.second, w.shape[1]) @ w.T
        second += c[:, None] * linear[:, None, :] + linear[:, :, None] * c + c[:, None] * c
        packed = second[:, self._layout.rows, self._layout.columns]
        return self._layout.vector(linear + c, packed, reference, np.ones(len(c)))
