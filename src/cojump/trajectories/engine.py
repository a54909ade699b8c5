"""The engine of a whole model: its independent components side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model import Model
from ..model.components import components
from ..model.states import State
from ..tools.types import Array
from .independent_parts import SideBySide
from .outcome import Runner
from .product_engine import ProductEngine
from .product_sectors import ProductBasis
from .spin_engine import Engine
from .spin_tables import build, is_banded


def rate_tables(model: Model) -> dict[int, Array]:
    """Γ of every local jump, by its position in the model, as trajectories read it: at each point of its spectrum.

    Raises
    ------
    ArgumentError
        If a rate returns something that is no rate.
    """
    found: dict[int, Array] = {}
    for part in components(model):
        if is_banded(part.model):
            tables = build(part.model).tables
            for i, jump in part.model.local_jumps.items():
                gamma, rest = tables.gamma[i], tables.gamma_rest[i]
                found[part.jumps[i]] = np.stack([gamma, rest]) if jump.leaves_self_out else gamma
        else:
            for place, channel in zip(part.jumps, ProductBasis(part.model).channels, strict=True):
                if channel is not None:
                    found[place] = channel.gamma
    return found


def make_engine(model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()) -> Runner:
    """Return the engine for a model: the banded one where it fits, the general one elsewhere, one per component."""
    parts = components(model)
    runners: list[Runner] = []
    for part in parts:
        own = State(tuple(state.blocks[b] for b in part.blocks))
        kind = Engine if is_banded(part.model) else ProductEngine
        runners.append(kind(part.model, own, times, tolerance, snapshots))
    return runners[0] if len(parts) == 1 else SideBySide(model, parts, runners)
