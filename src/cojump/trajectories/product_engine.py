"""Trajectories of several coupled blocks, of arguments along any axes, and of collective jumps."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .driven_steps import DrivenSteps
from .loop import Loop
from .mode_state import ModeState
from .product_state import ProductState
from .random_streams import Stream


class ProductEngine(Loop):
    """Runs trajectories of a part of a model in tensor products of sectors.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    state: ProductState

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        kind = ModeState if model.modes else ProductState
        own = kind(model, state, tolerance, Stream().generator)
        if model.is_driven:
            own.driven = DrivenSteps(model, float(times[-1]), tolerance)
        super().__init__(model, own, times, snapshots)
