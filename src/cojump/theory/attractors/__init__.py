"""Where the mean-field flow goes: fixed points, limit cycles, and phase diagrams over two parameters."""

from .cycles import LimitCycle, limit_cycle
from .fixed_points import FixedPoint, FixedPoints, fixed_points, stability
from .phase_diagram import Cycle, PhaseDiagram, Survey, default_starts, scan, survey

__all__ = [
    "Cycle",
    "FixedPoint",
    "FixedPoints",
    "LimitCycle",
    "PhaseDiagram",
    "Survey",
    "default_starts",
    "fixed_points",
    "limit_cycle",
    "scan",
    "stability",
    "survey",
]


def __dir__() -> list[str]:
    return __all__
