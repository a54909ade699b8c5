"""A function of one variable as Chebyshev interpolants: one on all of an interval, or many on pieces of it.

:func:`converged` doubles the degree until the coefficients have died out, :class:`Interpolant` halves the interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, chebyshev
from numpy.typing import NDArray

from .types import RealFunction

_DEGREE = 20
"""Degree of the interpolant."""

_TAIL = 4
"""So many of the last coefficients must have died out."""

_ROUNDING = 2e-14
"""Size of a coefficient, relative to the largest value in the interval, that is rounding of the user's function."""

_HALVINGS = 16
"""The spectrum is cut into at most 2^16 intervals before a function is called not smooth."""


_DEGREES = (16, 32, 64, 128, 256, 512, 1024)
"""Degrees of an interpolant on all of an interval, in turn."""


def interpolated(function: RealFunction, lowest: float, highest: float, degree: int) -> Chebyshev:
    """The interpolant of a function in the Chebyshev points of an interval, which it is not called outside of."""
    return Chebyshev.interpolate(lambda x: function(np.clip(x, lowest, highest)), degree, domain=[lowest, highest])


def converged(
    function: RealFunction, lowest: float, highest: float, *, rounding: float, reproduced: float
) -> Chebyshev | None:
    """The interpolant of least degree whose last coefficients have died out; None if it is of no degree up to 1024.

    Parameters
    ----------
    function : callable
    lowest, highest : float
        Ends of the interval.
    rounding : float
        The last quarter of the coefficients is below this, relative to the largest; what is rounding is cut off.
    reproduced : float
        Largest deviation between the interpolation points, in the same unit.
    """
    for degree in _DEGREES:
        series = interpolated(function, lowest, highest, degree)
        scale = float(np.abs(series.coef).max())
        points = np.clip(np.linspace(lowest, highest, 3 * degree + 2), lowest, highest)
        missed = float(np.abs(series(points) - function(points)).max())
        if np.abs(series.coef[-(degree // 4) :]).max() <= rounding * scale and missed <= reproduced * scale:
            return series.trim(0.1 * rounding * scale)
    return None


class _Piece:
    """A function with three derivatives on one interval, as Chebyshev series."""

    def __init__(self, lo: float, hi: float, coefficients: NDArray[np.float64]) -> None:
        self._middle, self._scale = (lo + hi) / 2, 2 / (hi - lo)
        series: list[NDArray[Any]] = [coefficients]
        for _ in range(3):
            series.append(chebyshev.chebder(series[-1]) if len(series[-1]) > 1 else np.zeros(1))
        # plain numbers: the series are short and summed at one point at a time, a million times in a scan
        self._value, self._first, self._second, self._third = ([float(c) for c in s[::-1]] for s in series)

    def size(self, order: int) -> float:
        """Scale of derivative ``order`` on the interval: its largest value, or what the function could have there."""
        own = sum(abs(c) for c in (self._first, self._second, self._third)[order - 1])
        return (own + sum(abs(c) for c in self._value)) * self._scale**order

    def value(self, x: float) -> float:
        """The function."""
        return _chebyshev_sum(self._value, (x - self._middle) * self._scale)

    def first(self, x: float) -> float:
        """Its first derivative."""
        return _chebyshev_sum(self._first, (x - self._middle) * self._scale) * self._scale

    def second(self, x: float) -> float:
        """Its second derivative."""
        return _chebyshev_sum(self._second, (x - self._middle) * self._scale) * self._scale**2

    def third(self, x: float) -> float:
        """Its third derivative."""
        return _chebyshev_sum(self._third, (x - self._middle) * self._scale) * self._scale**3

    def derivative(self, order: int, x: float) -> float:
        """The first, second or third one."""
        return (self.first, self.second, self.third)[order - 1](x)


def _chebyshev_sum(reversed_coefficients: list[float], s: float) -> float:
    """Σ_k c_k T_k(s) by Clenshaw's recurrence; the highest coefficient comes first."""
    twice, b, before = 2 * s, 0.0, 0.0
    for c in reversed_coefficients:
        b, before = c + twice * b - before, b
    # one step less for k = 0: c_0 + s b_1 - b_2
    return b - s * before


class Interpolant:
    """A function on an interval, interpolated on parts of it that are halved until it is smooth in them."""

    def __init__(self, function: RealFunction, lowest: float, highest: float) -> None:
        self._function, self._lowest, self._highest = function, lowest, highest
        self._pieces: dict[tuple[int, int], _Piece | None] = {}
        # the part of the last point, where the next one mostly is as well
        self._last: tuple[float, float, _Piece] | None = None

    @property
    def narrowest(self) -> float:
        """Width of the smallest part that is tried."""
        return (self._highest - self._lowest) / 2**_HALVINGS

    def piece(self, x: float) -> _Piece | None:
        """The largest part around x in which the function is smooth; None if there is none."""
        if self._last is not None and self._last[0] <= x < self._last[1]:
            return self._last[2]
        for level in range(1, _HALVINGS + 1):
            width = (self._highest - self._lowest) / 2**level
            number = min(int((x - self._lowest) / width), 2**level - 1)
            if (level, number) not in self._pieces:
                self._pieces[level, number] = self._interpolate(width, number)
            piece = self._pieces[level, number]
            if piece is not None:
                self._last = (self._lowest + number * width, self._lowest + (number + 1) * width, piece)
                return piece
        return None

    def _interpolate(self, width: float, number: int) -> _Piece | None:
        """The series on one part, or None if its coefficients have not died out."""
        # with half of the neighbours: points are never near the ends of the interpolant within
        middle = self._lowest + (number + 0.5) * width
        lo, hi = max(middle - width, self._lowest), min(middle + width, self._highest)
        nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
        values = self._function(np.clip(lo + (hi - lo) * (nodes + 1) / 2, lo, hi))
        # the discrete cosine transform of the values, written as the sum it is
        angles = np.outer(np.arange(_DEGREE + 1), np.arccos(nodes))
        coefficients = 2 / (_DEGREE + 1) * np.cos(angles) @ values
        coefficients[0] /= 2
        scale = float(np.abs(values).max())
        if np.abs(coefficients[-_TAIL:]).max() > _ROUNDING * scale:
            return None
        # what is rounding would be multiplied by the fourth power of its order in the second derivative
        alive = np.flatnonzero(np.abs(coefficients) > 0.1 * _ROUNDING * scale)
        return _Piece(lo, hi, coefficients[: int(alive[-1]) + 1] if alive.size else coefficients[:1])
