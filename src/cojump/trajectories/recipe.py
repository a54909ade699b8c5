"""How a model is run: its independent parts, their memory, their cost, their checked rates."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..basis.diagram_sector import MEMORY as DIAGRAMS
from ..basis.sectors import largest_sector, most_sectors
from ..model import Model
from ..model.components import components
from .engine import rate_tables
from .frames import shares_frame
from .kernels.common import MAX_ORDER, PAD
from .product_engine import MOVES_MEMORY
from .product_sectors import MEMORY
from .spin_tables import is_banded


def check_rates(model: Model) -> None:
    """Evaluate every rate wherever trajectories will need it; raise ArgumentError if one returns no rate."""
    rate_tables(model)


@dataclass(frozen=True)
class Plan:
    """How the trajectories of a component run, and what they need.

    Attributes
    ----------
    blocks : tuple of str
    method : str
    amplitudes : int
        Of the largest sector (an upper bound for more than two levels).
    nbytes : int
    """

    blocks: tuple[str, ...]
    method: str
    amplitudes: int
    nbytes: int


def plan(model: Model) -> tuple[Plan, ...]:
    """Return how each independent component of a model will be run, and the memory it needs."""
    plans = []
    for part in components(model):
        names = tuple(b.name for b in part.model.blocks)
        amplitudes = int(np.prod([largest_sector(b) for b in part.model.blocks], dtype=object))
        if is_banded(part.model):
            plans.append(Plan(names, "banded H_eff, windowed", amplitudes, bytes_needed(part.model)))
            continue
        method = "tensor product of sectors"
        if any(b.levels > 2 for b in part.model.blocks):
            method += ", Gelfand-Tsetlin bases"
        if not all(shares_frame(part.model, b) for b in range(len(names))):
            method += ", dense rotations between the frames of non-commuting arguments"
        if part.model.collective_jumps:
            method += ", collective jumps"
        plans.append(Plan(names, method, amplitudes, product_bytes(part.model)))
    return tuple(plans)


def bytes_needed(model: Model) -> int:
    """Memory of one engine in bytes: the Taylor vectors dominate."""
    cells = sum(b.size + 1 + 2 * PAD for b in model.blocks)
    arrays = 2 * (MAX_ORDER + 1) + 4 + 2 + 4 + 4 + 12 + 6 * max(len(model.jumps), 1)
    return 8 * cells * arrays


def product_bytes(model: Model) -> int:
    """Memory of the engine in bytes: the largest sector at work, and all that may be kept within the budgets."""
    dims, jumps = [largest_sector(b) for b in model.blocks], max(len(model.jumps), 1)
    amplitudes = prod(float(d) for d in dims)
    levels = max(b.levels for b in model.blocks)
    work = 8 * amplitudes * (2 * (MAX_ORDER + 1) + 14)
    # registers and tables, and some twelve elements of H on each axis of more than two levels, three otherwise
    sector = 8 * amplitudes * (2 * 7 + (2 + 2 * levels) * jumps)
    sector += amplitudes * sum(24 * (12 if b.levels > 2 else 3) for b in model.blocks)
    # a change of frame: the matrix and its adjoint, for H_eff and for the rate of the channel
    turned = [float(d) ** 2 for b, d in enumerate(dims) if not shares_frame(model, b)]
    sector += sum(4 * 24 * jumps * elements for elements in turned)
    sectors = prod(most_sectors(b) for b in model.blocks)
    moves = sum(most_sectors(b) * 12 * d * b.levels**3 for b, d in zip(model.blocks, dims, strict=True))
    kept = min(max(sector, MEMORY), sectors * sector) + min(MOVES_MEMORY, moves)
    # patterns and elements of the sectors of more than two levels, some 25 d³ bytes per state
    patterns = sum(
        most_sectors(b) * 25 * b.levels**3 * d for b, d in zip(model.blocks, dims, strict=True) if b.levels > 2
    )
    kept += min(DIAGRAMS, patterns)
    if turned:
        kept += min(MEMORY, sectors * sum(2 * 24 * jumps * elements for elements in turned)) + 4 * 16 * max(turned)
    return int(min(work + kept, 1e300))


def cost_of(model: Model, end: float) -> float:
    """Rough cost of one trajectory up to the time ``end``: jumps times amplitudes that the state occupies.

    It orders the points of a sweep and shares out the time left, nothing else: results do not depend on it.
    """
    occupied = sum(float(p.amplitudes) ** 0.5 for p in plan(model))
    return (1.0 + model.jump_rate * end) * (10.0 + occupied)
