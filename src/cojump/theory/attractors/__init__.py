"""Where the mean-field flow goes: fixed points, limit cycles, phase diagrams, and orbits of periodic drives."""

from .cycles import LimitCycle, limit_cycle
from .fixed_points import FixedPoint, FixedPoints, fixed_points, stability
from .phase_diagram import Cycle, PhaseDiagram, Survey, default_starts, scan, survey
from .stroboscopic import StroboscopicPoint, StroboscopicPoints, stroboscopic

__all__ = [
    "Cycle",
    "FixedPoint",
    "FixedPoints",
    "LimitCycle",
    "PhaseDiagram",
    "StroboscopicPoint",
    "StroboscopicPoints",
    "Survey",
    "default_starts",
    "fixed_points",
    "limit_cycle",
    "scan",
    "stability",
    "stroboscopic",
    "survey",
]


def __dir__() -> list[str]:
    return __all__
