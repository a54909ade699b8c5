"""The named systems, each a function that returns a :class:`~cojump.model.Model`.

Basis order of a two-level particle is (up, down); σ_+ = |up><down|, n = |up><up|. Energies and rates are in the
same (arbitrary) unit, ħ = 1. Equation numbers in brackets are those of arXiv:2302.04155.
"""

from __future__ import annotations

from .flips import constrained, facilitated, free_flips
from .hopfield import hopfield, potts_hopfield, random_patterns
from .lambda_pump import lambda_pump
from .named import NAMED
from .time_crystal import boundary_time_crystal

__all__ = [
    "NAMED",
    "boundary_time_crystal",
    "constrained",
    "facilitated",
    "free_flips",
    "hopfield",
    "lambda_pump",
    "potts_hopfield",
    "random_patterns",
]


def __dir__() -> list[str]:
    return __all__
