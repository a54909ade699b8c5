"""Counting jumps: the statistics of their numbers, exactly and from trajectories."""

from ..results.jump_numbers import JumpNumbers, numbers
from ..theory.tilted_generator import Theta, theta

__all__ = ["JumpNumbers", "Theta", "numbers", "theta"]


def __dir__() -> list[str]:
    return __all__
