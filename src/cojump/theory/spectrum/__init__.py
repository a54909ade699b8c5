"""The spectrum of the generator: gap, slowest modes, rates of switching, and all stationary states."""

from .slow_modes import SlowModes, gap, slowest
from .stationary import StationaryStates, stationary
from .switching import Switching, switching

__all__ = ["SlowModes", "StationaryStates", "Switching", "gap", "slowest", "stationary", "switching"]


def __dir__() -> list[str]:
    return __all__
