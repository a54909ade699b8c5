"""Derivatives of the user's functions, rates and potentials, from values inside the spectrum alone.

Γ is a real callable that may be anything between a polynomial and a table look-up and may not be called outside the
spectrum of Δ. On an interval around the point Γ is interpolated at Chebyshev nodes; the interval is halved until the
Chebyshev coefficients have died out to rounding, which proves on the way that Γ is smooth there. The derivatives of the
interpolant are then good to about 1e-9 of the scale on which Γ varies. A kink stops the halving and is refused.

The mean-field flow knows the rate R = Γ² alone and is differentiated through R, interpolated by itself: R may be smooth
where Γ is not, such as R = κx with Γ = √κx at x = 0.

A potential φ enters the flow by its first derivative, the Jacobian by its second, the 1/N correction by its third. The
flow alone goes over kinks of φ, with the slope across the narrowest interval that is tried, 2^-16 of the spectrum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, UnsupportedError
from ..model import Potential
from ..model.function_of_average import values_of
from ..model.jumps import RatedJump
from ..tools.chebyshev import Interpolant
from ..tools.types import RealFunction

SAME = 1e-5
"""Difference between a derivative given and the one found, in units of the scale of variation, that is let pass."""

_EDGE = 1e-14
"""A point of the spectrum this close to its end, relative to its width, is the end."""


class Jet(NamedTuple):
    """Γ, Γ', Γ'' at one point; of K averages the gradient (K,) and the second derivatives (K, K)."""

    value: float
    first: Any
    second: Any


def not_smooth(jump: RatedJump, name: str, need: str, rate: str, where: str) -> UnsupportedError:
    """What is said of a Γ without the derivatives that are needed; ``rate`` calls what of a rate is not smooth."""
    what = rate if jump.is_rate else "amplitude"
    return UnsupportedError(
        f"{need} of every rate function, but the {what} of {name} is not smooth at {where} "
        f"(trajectories and mean field run it all the same)"
    )


class RateJet:
    """Γ and R = Γ² of one jump with their derivatives, anywhere in the spectrum of its argument.

    Parameters
    ----------
    jump : RatedJump
    lowest, highest : float
        Ends of the spectrum of Δ; points beyond are moved to the end.
    name : str
        How messages call the jump, such as ``jumps[1]``.
    """

    def __init__(self, jump: RatedJump, lowest: float, highest: float, name: str) -> None:
        self._jump, self._lowest, self._highest, self._name = jump, lowest, highest, name
        self._amplitude = Interpolant(jump.gamma, lowest, highest)
        self._rate = Interpolant(_Squared(jump), lowest, highest)

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
            first = _derivative(f"{self._name}.derivatives[0]", self._jump.derivatives[0], point)
            slope = first if self._jump.is_rate else 2 * float(self._jump.gamma(point)[0]) * first
            if np.isfinite(slope):
                return slope
            raise UnsupportedError(f"The derivative given for {self._name} is not finite at Δ = {x:.6g}")
        piece = self._rate.piece(x)
        if piece is None:
            raise self._not_smooth("Stability and fluctuations need a derivative", "rate", x)
        return piece.first(x)

    def _not_smooth(self, need: str, rate: str, x: float) -> UnsupportedError:
        return not_smooth(self._jump, self._name, need, rate, f"Δ = {x:.6g}")

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
            _derivative(f"{self._name}.derivatives[{i}]", f, point) for i, f in enumerate(self._jump.derivatives or ())
        ]
        gamma = float(self._jump.gamma(point)[0])
        if not np.all(np.isfinite(given)):
            raise UnsupportedError(f"The derivatives given for {self._name} are not finite at Δ = {x:.6g}")
        first, second = given
        self._check_given(x, given)
        if not self._jump.is_rate:
            return Jet(gamma, first, second)
        if gamma == 0:
            raise UnsupportedError(f"Γ = √rate of {self._name} has no derivatives where its rate is zero, Δ = {x:.6g}")
        slope = first / (2 * gamma)
        return Jet(gamma, slope, (second / 2 - slope**2) / gamma)

    def _check_given(self, x: float, given: list[float]) -> None:
        """Refuse derivatives of another function; where this one cannot be interpolated there is nothing to compare."""
        own = self._amplitude if not self._jump.is_rate else self._rate
        piece = own.piece(x) if self._highest > self._lowest else None
        if piece is None:
            return
        for order, (value, found) in enumerate(zip(given, (piece.first(x), piece.second(x)), strict=True), start=1):
            if abs(value - found) > SAME * piece.size(order):
                name = f"{self._name}.derivatives[{order - 1}]"
                raise ArgumentError(
                    name,
                    f"be derivative {order} of the function given",
                    f"at Δ = {x:.6g} it returns {value:.9g} and the function has {found:.9g}",
                )


def _derivative(name: str, function: RealFunction, point: NDArray[np.float64]) -> float:
    """A derivative that the user has given, at a point (1,); it may be infinite where there is none."""
    value = float(values_of(name, function, point)[0])
    if np.isnan(value):
        raise ArgumentError(
            name, "return a number at each point inside the spectrum", f"at Δ = {point[0]:.6g} it is NaN"
        )
    return value


class _Squared:
    """R = Γ² of a jump; an object, so that what holds it can be pickled."""

    def __init__(self, jump: RatedJump) -> None:
        self._jump = jump

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._jump.gamma(x) ** 2


class PotentialSlopes:
    """The derivatives of a potential, energy for each particle as a function of Δ, anywhere in its spectrum.

    Parameters
    ----------
    potential : Potential
    name : str
        How messages call it, such as ``hamiltonian[1]``.
    """

    def __init__(self, potential: Potential, name: str) -> None:
        self._potential, self._name = potential, name
        self._lowest, self._highest = potential.reach
        self._energy = Interpolant(potential.energy, self._lowest, self._highest)

    def slope(self, x: float) -> float:
        """Slope factor φ'(x); across a kink the slope of what is left and right of it."""
        x = min(max(float(x), self._lowest), self._highest)
        if self._highest == self._lowest:
            return 0.0
        if self._potential.derivatives is None and self._energy.piece(x) is None:
            half = self._energy.narrowest / 2
            ends = np.array([max(x - half, self._lowest), min(x + half, self._highest)])
            return float(np.diff(self._potential.energy(ends))[0] / (ends[1] - ends[0]))
        return self.derivative(1, x)

    def derivative(self, order: int, x: float) -> float:
        """Derivative ``order`` (1, 2 or 3) of factor φ at x; points beyond the spectrum are moved to its end.

        Raises
        ------
        UnsupportedError
            If φ has none there.
        ArgumentError
            If the user has given another function's.
        """
        x = min(max(float(x), self._lowest), self._highest)
        if self._highest == self._lowest:
            return 0.0
        piece = self._energy.piece(x)
        found = None if piece is None else piece.derivative(order, x)
        given = self._potential.derivatives or ()
        if order > len(given):
            if found is None:
                raise UnsupportedError(
                    f"Stability needs two and the 1/N correction three derivatives of every potential, but φ of "
                    f"{self._name} is not smooth at Δ = {x:.6g} (trajectories and mean field run it all the same)"
                )
            return found
        name = f"{self._name}.derivatives[{order - 1}]"
        value = self._potential.factor * _derivative(name, given[order - 1], np.array([x]))
        if not np.isfinite(value):
            raise UnsupportedError(f"Derivative {order} given for {self._name} is not finite at Δ = {x:.6g}")
        if piece is not None and found is not None and abs(value - found) > SAME * piece.size(order):
            raise ArgumentError(
                name,
                f"be derivative {order} of the function given",
                f"at Δ = {x:.6g} it gives {value:.9g} and the function has {found:.9g}",
            )
        return value
