"""How often the particles of a model can jump."""

from __future__ import annotations

import numpy as np

from ..tools.types import Array
from . import CollectiveJump, LocalJump, Model

_RATE_POINTS = 257
"""Points of the spectrum on which the largest rate of a channel is looked for."""


def _gammas(model: Model, jump: LocalJump) -> Array:
    return np.abs(jump.gamma(model.argument_spectrum(jump, _RATE_POINTS)))


def jump_rate(model: Model) -> float:
    """Largest number of jumps per unit of time that the particles can make."""
    total = 0.0
    for jump in model.jumps:
        if isinstance(jump, LocalJump):
            gamma = float(_gammas(model, jump).max())
            size = model.blocks[model.block_index(jump.block)].size
            total += size * gamma**2 * float(np.linalg.norm(jump.matrix, 2)) ** 2
        elif isinstance(jump, CollectiveJump):
            reach = sum(
                model.blocks[model.block_index(name)].size * float(np.linalg.norm(matrix, 2))
                for name, matrix in jump.matrices.items()
            )
            total += jump.rate / model.size * reach**2
    return total
