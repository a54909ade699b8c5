"""Counting jumps: the statistics of their numbers, exactly and from trajectories."""

from ..results.jump_numbers import JumpNumbers, numbers
from ..theory.counting_statistics import Theta, theta
from .cloning import Clones, clones

__all__ = ["Clones", "JumpNumbers", "Theta", "clones", "numbers", "theta"]


def __dir__() -> list[str]:
    return __all__
