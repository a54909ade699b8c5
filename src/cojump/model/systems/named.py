"""The systems that a run file can name."""

from __future__ import annotations

from collections.abc import Callable

from .. import Model
from .flips import constrained, facilitated, free_flips
from .hopfield import hopfield, potts_hopfield
from .lambda_pump import lambda_pump
from .time_crystal import boundary_time_crystal

NAMED: dict[str, Callable[..., Model]] = {
    "free_flips": free_flips,
    "constrained": constrained,
    "facilitated": facilitated,
    "hopfield": hopfield,
    "potts_hopfield": potts_hopfield,
    "lambda_pump": lambda_pump,
    "boundary_time_crystal": boundary_time_crystal,
}
"""The systems that a run file can name."""
