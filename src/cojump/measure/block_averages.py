"""The averages of the blocks and their products."""

from __future__ import annotations

from ..model import Model
from ..tools.types import Array
from .averages import layout_of
from .meter import Trajectory
from .moments import Moments
from .statistics import Extra


class AverageMeter:
    """The averages of the blocks: what every result is about."""

    name = "averages"

    def __init__(self, model: Model, times: Array, reference: Array) -> None:
        self._labels, self._times, self._reference = model.labels, times, reference
        self._layout, self._weights = layout_of(model.labels), model.deviation_weights

    def empty(self) -> Extra:
        """No trajectory yet."""
        shape = (len(self._times), self._layout.width)
        moments = Moments.empty(shape, self._layout.pairs, self._layout.followed)
        return Extra(self._labels, self._times, self._reference, moments)

    def sample(self, one: Trajectory) -> Array:
        """The vector of Layout."""
        return self._layout.vector(one.mean, one.second, self._reference, self._weights)
