"""The engine of a whole model: its independent parts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Model
from ..model.states import State
from ..tools.types import Array
from .independent_parts import SideBySide
from .outcome import Runner
from .recipe import recipe_of


def make_engine(model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()) -> Runner:
    """Return the engine for a model, by its recipe.

    Raises
    ------
    ArgumentError
        If a rate is not the function any more that it was when its tables were made.
    """
    model.check_rates()
    parts = recipe_of(model).parts
    runners = [part.representation.engine(part.model, part.state(state), times, tolerance, snapshots) for part in parts]
    return runners[0] if len(parts) == 1 else SideBySide(model, parts, runners)
