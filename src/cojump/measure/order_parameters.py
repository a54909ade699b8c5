"""Order parameters: averages of several blocks with signs."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..model import Model
from ..tools.matrices import pairs
from ..tools.types import Array
from .averages import Layout, size_of
from .meter import Meter, Size, Trajectories
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

    @cached_property
    def _of_pairs(self) -> Array:
        """(Q, n (n + 1)/2): Σ_ij w_ri w_sj <½{m_i, m_j}> for r ≤ s from the products of pairs i ≤ j."""
        w, (r, s), (i, j) = self._map, pairs(len(self._map)), pairs(self._map.shape[1])
        both = w[r][:, i] * w[s][:, j] + w[r][:, j] * w[s][:, i]
        return np.ascontiguousarray(np.where(i == j, both / 2, both).T)

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """The vectors of Layout for the order parameters."""
        c, rows, columns = self._constant, self._layout.rows, self._layout.columns
        linear, second = several.mean @ self._map.T, several.second @ self._of_pairs
        if c.any():
            second += c[rows] * linear[..., columns] + linear[..., rows] * c[columns] + c[rows] * c[columns]
            linear += c
        return self._layout.vector(linear, second, reference, np.ones(len(c)))
