"""All named systems. A new one is a file of its own, and its lines here."""

from __future__ import annotations

from collections.abc import Callable

from .. import Model
from .cavity import DICKE, MULTIMODE_DICKE, TAVIS_CUMMINGS, dicke, multimode_dicke, tavis_cummings
from .flips import CONSTRAINED, FACILITATED, FREE_FLIPS, constrained, facilitated, free_flips
from .hopfield import HOPFIELD, POTTS_HOPFIELD, hopfield, potts_hopfield, random_patterns
from .lambda_pump import LAMBDA_PUMP, lambda_pump
from .p_spin import P_SPIN, p_spin
from .template import Template
from .time_crystal import BOUNDARY_TIME_CRYSTAL, boundary_time_crystal

__all__ = [  # what users see in ``cj.systems``
    "NAMED",
    "boundary_time_crystal",
    "constrained",
    "dicke",
    "facilitated",
    "free_flips",
    "hopfield",
    "lambda_pump",
    "multimode_dicke",
    "p_spin",
    "potts_hopfield",
    "random_patterns",
    "tavis_cummings",
]

_ALL: tuple[tuple[Callable[..., Model], Template], ...] = (
    (free_flips, FREE_FLIPS),
    (constrained, CONSTRAINED),
    (facilitated, FACILITATED),
    (hopfield, HOPFIELD),
    (potts_hopfield, POTTS_HOPFIELD),
    (lambda_pump, LAMBDA_PUMP),
    (p_spin, P_SPIN),
    (boundary_time_crystal, BOUNDARY_TIME_CRYSTAL),
    (dicke, DICKE),
    (tavis_cummings, TAVIS_CUMMINGS),
    (multimode_dicke, MULTIMODE_DICKE),
)

NAMED: dict[str, Callable[..., Model]] = {function.__name__: function for function, _ in _ALL}
"""The systems that a run file can name."""

TEMPLATES: dict[str, Template] = {function.__name__: template for function, template in _ALL}
"""What a run file to start from says of each."""
