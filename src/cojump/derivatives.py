"""First and second derivatives of the user's rate functions, from values inside the spectrum alone.

Γ is a real callable that may be anything between a polynomial and a table look-up and may not be called outside the
spectrum of Δ. On an interval around the point Γ is interpolated at Chebyshev nodes; the interval is halved until the
Chebyshev coefficients have died out to rounding, which proves on the way that Γ is smooth there. The derivatives of the
interpolant are then good to about 1e-9 of the scale on which Γ varies. A kink stops the halving and is refused.

The mean-field flow knows the rate R = Γ² alone and is differentiated through R, interpolated by itself: R may be smooth
where Γ is not, such as R = κx with Γ = √κx at x = 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from .errors import ArgumentError, UnsupportedError
from .model import LocalJump, RealFunction
from .terms import values_of

_DEGREE = 20
"""Degree of the interpolant."""

_TAIL = 4
"""So many of the last coefficients must have died out."""

_ROUNDING = 2e-14
"""Size of a coefficient, relative to the largest value in the interval, that is rounding of the user's function."""

_HALVINGS = 16
"""The spectrum is cut into at most 2^16 intervals before a function is called not smooth."""

_SAME = 1e-5
"""Difference between a derivative given and the one found, in units of the scale of variation, that is let pass."""

_EDGE = 1e-14
"""A point of the spectrum this close to its end, relative to its width, is the end."""


class Jet(NamedTuple):
    """Γ, Γ', Γ'' at one point."""

    value: float
    first: float
    second: float


class RateJet:
    """Γ and R = Γ² of one jump with their derivatives, anywhere in the spectrum of its argument.

    Parameters
    ----------
    jump : LocalJump
    lowest, highest : float
        Ends of the spectrum of Δ; points beyond are moved to the end.
    name : str
        How messages call the jump, such as ``jumps[1]``.
    """

    def __init__(self, jump: LocalJump, lowest: float, highest: float, name: str) -> None:
        self._jump, self._lowest, self._highest, self._name = jump, lowest, highest, name
        self._amplitude = _Interpolant(jump.gamma, lowest, highest)
        self._rate = _Interpolant(_Squared(jump), lowest, highest)

    def __call__(self, x: float) -> Jet:
        """Γ(x), Γ'(x), Γ''(x).

        Raises
        ------
        UnsupportedError
            If Γ has no two derivatives there: a kink, a step, a root like √x at the edge of the spectrum.
        """
        if not self._jump.has_rate:
            return Jet(1.0, 0.0, 0.0)
        x = min(max(float(x), self._lowest), self._highest)
        if self._jump.derivatives is not None:
            return self._given(x)
        if self._highest == self._lowest:
            return Jet(float(self._jump.gamma(np.array([x]))[0]), 0.0, 0.0)
        piece = self._amplitude.piece(x)
        if piece is not None:
            return Jet(piece.value(x), piece.first(x), piece.second(x))
        raise self._not_smooth("Fluctuations need two derivatives", "√rate", x)

    def rate(self, x: float) -> float:
        """R(x) = Γ(x)², for any Γ."""
        if not self._jump.has_rate:
            return 1.0
        x = self._snapped(x)
        piece = self._rate.piece(x) if self._highest > self._lowest else None
        return float(self._jump.gamma(np.array([x]))[0]) ** 2 if piece is None else piece.value(x)

    def rate_slope(self, x: float) -> float:
        """R'(x), R = Γ².

        Raises
        ------
        UnsupportedError
            If R has no derivative there; R is smooth at many a point where Γ is not.
        """
        if not self._jump.has_rate or self._highest == self._lowest:
            return 0.0
        x = self._snapped(x)
        if self._jump.derivatives is not None:
            point = np.array([x])
            first = float(values_of(f"{self._name}.derivatives[0]", self._jump.derivatives[0], point)[0])
            slope = first if self._jump.rate is not None else 2 * float(self._jump.gamma(point)[0]) * first
            if np.isfinite(slope):
                return slope
            raise UnsupportedError(f"The derivative given for {self._name} is not finite at Δ = {x:.6g}")
        piece = self._rate.piece(x)
        if piece is None:
            raise self._not_smooth("Stability and fluctuations need a derivative", "rate", x)
        return piece.first(x)

    def _not_smooth(self, need: str, rate: str, x: float) -> UnsupportedError:
        what = "amplitude" if self._jump.rate is None else rate
        return UnsupportedError(
            f"{need} of every rate function, but the {what} of {self._name} is not smooth at Δ = {x:.6g} "
            f"(trajectories and mean field run it all the same)"
        )

    def _snapped(self, x: float) -> float:
        """Move x into the spectrum, and to its end if only rounding is between: rates may have a root there."""
        rounding = _EDGE * (self._highest - self._lowest)
        if x < self._lowest + rounding:
            return self._lowest
        return self._highest if x > self._highest - rounding else x

    def _given(self, x: float) -> Jet:
        """The user's own derivatives, of Γ or of R = Γ²."""
        point = np.array([x])
        given = [
            float(values_of(f"{self._name}.derivatives[{i}]", f, point)[0])
            for i, f in enumerate(self._jump.derivatives or ())
        ]
        gamma = float(self._jump.gamma(point)[0])
        if not np.all(np.isfinite(given)):
            raise UnsupportedError(f"The derivatives given for {self._name} are not finite at Δ = {x:.6g}")
        first, second = given
        self._check_given(x, given)
        if self._jump.rate is None:
            return Jet(gamma, first, second)
        if gamma == 0:
            raise UnsupportedError(f"Γ = √rate of {self._name} has no derivatives where its rate is zero, Δ = {x:.6g}")
        slope = first / (2 * gamma)
        return Jet(gamma, slope, (second / 2 - slope**2) / gamma)

    def _check_given(self, x: float, given: list[float]) -> None:
        """Refuse derivatives of another function; where this one cannot be interpolated there is nothing to compare."""
        own = self._amplitude if self._jump.rate is None else self._rate
        piece = own.piece(x) if self._highest > self._lowest else None
        if piece is None:
            return
        for order, (value, found) in enumerate(zip(given, (piece.first(x), piece.second(x)), strict=True), start=1):
            if abs(value - found) > _SAME * piece.size(order):
                name = f"{self._name}.derivatives[{order - 1}]"
                raise ArgumentError(
                    name,
                    f"be derivative {order} of the function given",
                    f"at Δ = {x:.6g} it returns {value:.9g} and the function has {found:.9g}",
                )


class _Squared:
    """R = Γ² of a jump; an object, so that what holds it can be pickled."""

    def __init__(self, jump: LocalJump) -> None:
        self._jump = jump

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._jump.gamma(x) ** 2


class _Piece:
    """A function with two derivatives on one interval, as Chebyshev series."""

    def __init__(self, lo: float, hi: float, coefficients: NDArray[np.float64]) -> None:
        self._middle, self._scale = (lo + hi) / 2, 2 / (hi - lo)
        first = chebyshev.chebder(coefficients) if len(coefficients) > 1 else np.zeros(1)
        second = chebyshev.chebder(first) if len(first) > 1 else np.zeros(1)
        # plain numbers: the series are short and summed at one point at a time, a million times in a scan
        self._value, self._first, self._second = ([float(c) for c in s[::-1]] for s in (coefficients, first, second))

    def size(self, order: int) -> float:
        """Scale of derivative ``order`` on the interval: its largest value, or what the function could have there."""
        own = sum(abs(c) for c in (self._first, self._second)[order - 1])
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


def _chebyshev_sum(reversed_coefficients: list[float], s: float) -> float:
    """Σ_k c_k T_k(s) by Clenshaw's recurrence; the highest coefficient comes first."""
    twice, b, before = 2 * s, 0.0, 0.0
    for c in reversed_coefficients:
        b, before = c + twice * b - before, b
    # one step less for k = 0: c_0 + s b_1 - b_2
    return b - s * before


class _Interpolant:
    """A function on an interval, interpolated on parts of it that are halved until it is smooth in them."""

    def __init__(self, function: RealFunction, lowest: float, highest: float) -> None:
        self._function, self._lowest, self._highest = function, lowest, highest
        self._pieces: dict[tuple[int, int], _Piece | None] = {}
        # the part of the last point, where the next one mostly is as well
        self._last: tuple[float, float, _Piece] | None = None

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
