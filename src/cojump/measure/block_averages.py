"""The averages of the blocks and their products."""

from __future__ import annotations

from functools import cached_property

from ..model import Model
from ..tools.types import Array
from .averages import Layout, layout_of, size_of
from .meter import Meter, Size, Trajectories
from .moments import Moments
from .statistics import Extra


class AverageMeter(Meter):
    """The averages of the blocks: what every result is about."""

    name = "averages"

    def __init__(self, model: Model, times: Array) -> None:
        super().__init__(model.labels, times)
        self._weights = model.deviation_weights
        self._triples = sum(4 * b.levels**3 for i, b in enumerate(model.blocks) if b.levels > 2 and model.measures(i))

    @property
    def size(self) -> Size:
        """That of Layout; of the triples it is a bound."""
        return Size(len(self.times), *size_of(len(self.labels), self._triples))

    @cached_property
    def _layout(self) -> Layout:
        return layout_of(self.labels)

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet."""
        shape = (len(self.times), self._layout.width)
        moments = Moments.empty(shape, self._layout.pairs, self._layout.followed)
        return Extra(self.labels, self.times, mean_field, moments)

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """The vectors of Layout."""
        return self._layout.vector(several.mean, several.second, reference, self._weights)
