"""Counting jumps: the statistics of their numbers, exactly and from trajectories."""

from ..theory.tilted_generator import Theta, theta

__all__ = ["Theta", "theta"]


def __dir__() -> list[str]:
    return __all__
