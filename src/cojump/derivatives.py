"""First and second derivatives of the user's rate functions, from values inside the spectrum alone.

Γ is a real callable that may be anything between a polynomial and a table look-up and may not be called outside the
spectrum of Δ. On an interval around the point Γ is interpolated at Chebyshev nodes; the interval is halved until the
Chebyshev coefficients have died out to rounding, which proves on the way that Γ is smooth there. The derivatives of the
interpolant are then good to about 1e-9 of the scale on which Γ varies. A kink stops the halving and is refused.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from .errors import UnsupportedError
from .model import LocalJump
from .terms import values_of

_DEGREE = 20
"""Degree of the interpolant."""

_TAIL = 4
"""So many of the last coefficients must have died out."""

_ROUNDING = 2e-14
"""Size of a coefficient, relative to the largest value in the interval, that is rounding of the user's function."""

_HALVINGS = 16
"""The spectrum is cut into at most 2^16 intervals before a function is called not smooth."""


class Jet(NamedTuple):
    """Γ, Γ', Γ'' at one point."""

    value: float
    first: float
    second: float


class RateJet:
    """Γ of one jump with its first two derivatives, anywhere in the spectrum of its argument.

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
        self._pieces: dict[tuple[int, int], list[NDArray[np.float64]] | None] = {}

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
        for level in range(1, _HALVINGS + 1):
            width = (self._highest - self._lowest) / 2**level
            number = min(int((x - self._lowest) / width), 2**level - 1)
            if (level, number) not in self._pieces:
                self._pieces[level, number] = self._interpolate(width, number)
            piece = self._pieces[level, number]
            if piece is not None:
                lo, hi = self._ends(width, number)
                s = (2 * x - lo - hi) / (hi - lo)
                scale = 2 / (hi - lo)
                value, first, second = (float(chebyshev.chebval(s, c)) for c in piece)
                return Jet(value, first * scale, second * scale**2)
        what = "amplitude" if self._jump.rate is None else "√rate"
        raise UnsupportedError(
            f"Fluctuations need two derivatives of every rate function, but the {what} of {self._name} is not smooth "
            f"at Δ = {x:.6g} (trajectories and mean field run it all the same)"
        )

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
        if self._jump.rate is None:
            return Jet(gamma, first, second)
        if gamma == 0:
            raise UnsupportedError(f"Γ = √rate of {self._name} has no derivatives where its rate is zero, Δ = {x:.6g}")
        slope = first / (2 * gamma)
        return Jet(gamma, slope, (second / 2 - slope**2) / gamma)

    def _ends(self, width: float, number: int) -> tuple[float, float]:
        """The interval and half of its neighbours: points are never near the ends of the interpolant within."""
        middle = self._lowest + (number + 0.5) * width
        return max(middle - width, self._lowest), min(middle + width, self._highest)

    def _interpolate(self, width: float, number: int) -> list[NDArray[np.float64]] | None:
        """Chebyshev coefficients of Γ, Γ', Γ'' on an interval, or None if they have not died out."""
        lo, hi = self._ends(width, number)
        nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
        values = self._jump.gamma(np.clip(lo + (hi - lo) * (nodes + 1) / 2, lo, hi))
        # the discrete cosine transform of the values, written as the sum it is
        angles = np.outer(np.arange(_DEGREE + 1), np.arccos(nodes))
        coefficients = 2 / (_DEGREE + 1) * np.cos(angles) @ values
        coefficients[0] /= 2
        scale = float(np.abs(values).max())
        if np.abs(coefficients[-_TAIL:]).max() > _ROUNDING * scale:
            return None
        # what is rounding would be multiplied by the fourth power of its order in the second derivative
        alive = np.flatnonzero(np.abs(coefficients) > 0.1 * _ROUNDING * scale)
        kept = coefficients[: int(alive[-1]) + 1] if alive.size else coefficients[:1]
        first = chebyshev.chebder(kept) if len(kept) > 1 else np.zeros(1)
        second = chebyshev.chebder(first) if len(first) > 1 else np.zeros(1)
        return [kept, first, second]
