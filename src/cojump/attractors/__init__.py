"""Where the mean-field flow goes: fixed points, limit cycles, and phase diagrams over two parameters."""

from .fixed_points import FixedPoint, fixed_points

__all__ = ["FixedPoint", "fixed_points"]
