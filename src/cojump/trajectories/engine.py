"""The engine of a whole model: its independent parts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Model
from ..model.components import Component
from ..model.final_states import FinalStates
from ..model.mixtures import Mixture, starts_of
from ..model.states import State
from ..tools.types import Array
from .drawn_starts import ContinuedStarts, DealtStarts, DrawnStarts
from .independent_parts import SideBySide
from .outcome import Engine, Runner
from .recipe import recipe_of


def make_engine(
    model: Model, state: State | Mixture | FinalStates, times: Array, tolerance: float, snapshots: Sequence[int] = ()
) -> Runner:
    """Return the engine for a model, by its recipe.

    Raises
    ------
    ArgumentError
        If a rate is not the function any more that it was when its tables were made, or if blocks are run apart that
        are entangled at the start.
    """
    runner, parts, engines = _runner_of(model, state, times, tolerance, snapshots)
    if isinstance(state, FinalStates):
        return DealtStarts(state, runner, parts, engines)
    return DrawnStarts(state, runner, parts, engines) if isinstance(state, Mixture) else runner


def make_continued(
    model: Model, state: State | Mixture | FinalStates, times: Array, tolerance: float, snapshots: Sequence[int] = ()
) -> tuple[Runner, ContinuedStarts]:
    """The engine for a model, and the same engine from any pure states with which it is fed; raises as the former."""
    runner, parts, engines = _runner_of(model, state, times, tolerance, snapshots)
    return make_engine(model, state, times, tolerance, snapshots), ContinuedStarts(runner, parts, engines)


def _runner_of(
    model: Model, state: State | Mixture | FinalStates, times: Array, tolerance: float, snapshots: Sequence[int]
) -> tuple[Runner, Sequence[Component], Sequence[Engine]]:
    model.check_rates()
    parts = recipe_of(model).parts
    first = state.states[0] if isinstance(state, FinalStates) else starts_of(state)[0][1]
    engines = [part.representation.engine(part.model, part.state(first), times, tolerance, snapshots) for part in parts]
    return (engines[0] if len(parts) == 1 else SideBySide(model, parts, engines)), parts, engines
