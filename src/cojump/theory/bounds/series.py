"""Find the form of a user's Γ: the Taylor series that reproduces it, or its derivatives over the spectrum.

Γ(Δ) knows Γ on the spectrum of Δ alone. A series counts only if it reproduces Γ there to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from ...errors import ArgumentError, UnsupportedError
from ...model import LocalJump, Model
from ...tools import checks
from ...tools.chebyshev import converged, interpolated
from ...tools.types import Array
from .rates import RateBounds, Series, Smooth

_REPRODUCED = 1e-11
"""Largest deviation of a series from Γ over the spectrum, relative to max|Γ|."""

_ROUNDING = 1e-13
"""Chebyshev coefficients below this, relative to the largest, are rounding."""

_LAST_TERM = 1e-8
"""A polynomial ends abruptly: its last Chebyshev coefficient is at least this; that of a smooth function fades."""

_POLYNOMIAL_DEGREE = 10

_CIRCLES = (1.25, 6.0)
"""Radii, in units of δ_l, of the circles from which Taylor coefficients are taken; both must give the same γ."""

_CIRCLE_POINTS = 512

_CIRCLE_ROUNDING = 1e-15
"""Rounding of a coefficient times R^n, relative to the largest |Γ| on the circle."""


def hull(model: Model, jump: LocalJump) -> tuple[float, float]:
    """Ends of an interval that holds the spectrum of Δ, of Δ without the jumping particle, and the mean-field Δ."""
    low, high = jump.reach
    own = jump.levels[jump.block] / model.sizes[jump.block] if jump.leaves_self_out else np.zeros(1)
    return min(low, low - float(own[0])), max(high, high - float(own[-1]))


def rate_bounds(model: Model, index: int, jump: LocalJump, delta: float, taylor: object = None) -> RateBounds:
    """Return what the theorem needs of the rate of ``jumps[index]``; δ_l is ``delta``, ``taylor`` the user's c_n.

    Raises
    ------
    ArgumentError
        If the user's coefficients do not reproduce Γ.
    UnsupportedError
        If neither form applies.
    """
    if taylor is not None and (not jump.has_rate or jump.leaves_self_out):
        rule = "be left out: only a rate of all particles' Δ has a series in the theorem"
        found = "leaves the jumping one out" if jump.has_rate else "has no rate"
        raise ArgumentError(f"taylor[{index}]", rule, f"jumps[{index}] {found}")
    if not jump.has_rate:
        return Series(np.ones(1), delta, "Γ = 1")
    low, high = hull(model, jump)
    if delta == 0 or low == high:
        return Series(jump.gamma(np.array([low])), delta, "Δ is a number, and so is Γ")
    if jump.leaves_self_out:
        # every step of 5.2 for (58) is about derivatives; the paper has no series form of it
        return _smooth(model, index, jump, delta)
    points = np.concatenate([model.argument_spectrum(jump, 2000), np.linspace(low, high, 257)])
    if taylor is not None:
        coefficients = _user_coefficients(f"taylor[{index}]", taylor)
        error = _deviation(coefficients, jump, points)
        if error > _REPRODUCED:
            rule = "reproduce Γ over the spectrum of Δ"
            raise ArgumentError(f"taylor[{index}]", rule, f"the largest relative deviation is {error:.3g}")
        return Series(coefficients, delta, f"Taylor coefficients given, {len(coefficients)} of them")
    for fitted, source in (_polynomial(jump, low, high), _entire(jump, delta)):
        if fitted is not None and _deviation(fitted, jump, points) <= _REPRODUCED:
            return Series(fitted, delta, source)
    return _smooth(model, index, jump, delta)


def _user_coefficients(name: str, value: Any) -> Array:
    rule = "be a sequence of the finite real Taylor coefficients of Γ at 0"
    array = checks.array(name, value, rule.removeprefix("be "), real=True)
    if array.ndim != 1 or array.size == 0:
        raise ArgumentError(name, rule, f"it is {checks.shown(value)}")
    return array.astype(float)


def _deviation(coefficients: Array, jump: LocalJump, points: Array) -> float:
    """Largest |Σ c_n x^n - Γ(x)| over the points, relative to max|Γ|."""
    values = jump.gamma(points)
    with np.errstate(all="ignore"):
        error = np.abs(Polynomial(coefficients)(points) - values).max()
    if not np.isfinite(error):
        return float("inf")
    scale = float(np.abs(values).max())
    return float(error) / scale if scale > 0 else float(error)


def _polynomial(jump: LocalJump, low: float, high: float) -> tuple[Array | None, str]:
    """Coefficients c_n if Γ is a polynomial over the spectrum."""
    series = interpolated(jump.gamma, low, high, 64).coef
    scale = float(np.abs(series).max())
    if scale == 0:
        return np.zeros(1), "Γ = 0"
    degree = int(np.flatnonzero(np.abs(series) > _ROUNDING * scale)[-1])
    if degree > _POLYNOMIAL_DEGREE or abs(series[degree]) < _LAST_TERM * scale:
        return None, ""
    converted = Chebyshev(series[: degree + 1], domain=[low, high]).convert(kind=Polynomial, domain=[-1, 1])
    found: Array = np.asarray(converted.coef, dtype=float)
    reach = max(abs(low), abs(high))
    found[np.abs(found) * reach ** np.arange(len(found)) < _ROUNDING * scale] = 0.0
    return found, f"Γ is a polynomial of degree {degree} over the spectrum of Δ"


def _entire(jump: LocalJump, delta: float) -> tuple[Array | None, str]:
    """Taylor coefficients by Cauchy's integral over two circles, for a Γ that takes complex numbers.

    The proofs sum the series at |z| ≤ δ_l only. A Γ with a singularity within the larger circle gives two different
    answers and is not taken for an entire one; it still has the form of section 5.2.
    """
    found, rounding = [], []
    for radius in _CIRCLES:
        values = _on_circle(jump, radius * delta)
        if values is None:
            return None, ""
        scaled = np.fft.fft(values)[: _CIRCLE_POINTS // 2] / _CIRCLE_POINTS  # c_n R^n
        if np.abs(scaled.imag).max() > 1e-10 * np.abs(scaled).max():
            return None, ""
        n = np.arange(len(scaled))
        terms = scaled.real / radius**n  # c_n δ^n
        kept = np.abs(terms) > 1e-18 * np.abs(terms).max()
        found.append(np.where(kept, terms, 0.0))
        rounding.append(_CIRCLE_ROUNDING * np.abs(values).max() / radius**n)
    moments = [[float(np.sum(np.arange(len(c)) ** power * np.abs(c))) for power in range(3)] for c in found]
    if not np.allclose(moments[0], moments[1], rtol=1e-8, atol=0):
        return None, ""
    # each term from the circle that knows it better, and none that is rounding: C_0 sums them at the largest δ of all
    # jumps, where the rounding of those from the small circle would count
    terms, doubt = np.where(rounding[1] < rounding[0], found[1], found[0]), np.minimum(*rounding)
    terms = np.where(np.abs(terms) > doubt, terms, 0.0)
    last = int(np.flatnonzero(terms).max(initial=0))
    with np.errstate(over="ignore", under="ignore"):
        coefficients = terms[: last + 1] / delta ** np.arange(last + 1)
    return coefficients, f"the Taylor series of Γ at 0 reproduces it, and converges up to |z| = {_CIRCLES[1]:g} δ_l"


def _on_circle(jump: LocalJump, radius: float) -> NDArray[np.complex128] | None:
    """Γ at the points of a circle about 0, or None if the user's function takes real numbers only."""
    function = jump.amplitude if jump.amplitude is not None else jump.rate
    assert function is not None
    z: Any = radius * np.exp(2j * np.pi * np.arange(_CIRCLE_POINTS) / _CIRCLE_POINTS)
    try:
        with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
            warnings.simplefilter("error")
            values = np.asarray(function(z), dtype=complex)
    except (Exception, SystemExit):  # noqa: BLE001 - a function of real numbers may do anything with complex ones
        return None
    if values.shape != z.shape or not np.all(np.isfinite(values)):
        return None
    if jump.amplitude is not None:
        return values
    # the square root that is continuous along the circle; it closes if the rate winds an even number of times
    phase = np.unwrap(np.angle(values))
    root = np.sqrt(np.abs(values)) * np.exp(0.5j * phase)
    winding = round((phase[-1] - phase[0]) / (2 * np.pi) * _CIRCLE_POINTS / (_CIRCLE_POINTS - 1))
    return root if winding % 2 == 0 else None


def _smooth(model: Model, index: int, jump: LocalJump, delta: float) -> Smooth:
    """Derivatives of Γ over the hull of the spectrum, from a Chebyshev series that has converged to rounding."""
    low, high = hull(model, jump)
    series = converged(jump.gamma, low, high, rounding=_ROUNDING, reproduced=_REPRODUCED)
    if series is None:
        raise UnsupportedError(
            f"The bound needs a smooth Γ, but that of jumps[{index}] is kinked or of unbounded slope somewhere on "
            f"[{low:g}, {high:g}]: neither Assumption 1 nor section 5.2 of the paper applies"
        )
    last = series.degree()
    # the largest value of a polynomial of degree K on the m-point Chebyshev grid is at least cos(πK/2m) times its
    # largest value on the interval (Ehlich, Zeller): a bound, not a sample
    count = 128 * (last + 1)
    grid = low + (high - low) * (np.cos(np.pi * (np.arange(count) + 0.5) / count) + 1) / 2
    margin = 1 / float(np.cos(np.pi * last / (2 * count)))
    margin_of_square = 1 / float(np.cos(np.pi * last / count))
    value, first, second = (series.deriv(m)(grid) for m in range(3))
    spread = max(float(np.ptp(levels)) * model.size / model.sizes[name] for name, levels in jump.levels.items())
    own = next((x[jump.block] for x in jump.arguments if jump.block in x), np.zeros_like(jump.matrix))
    square = jump.matrix.conj().T @ jump.matrix
    commutes = np.abs(square @ own - own @ square).max() <= 1e-14 * np.abs(square).max() * np.abs(own).max()
    share = model.size / model.sizes[jump.block]
    return Smooth(
        delta=delta,
        norm=float(np.abs(value).max()) * margin,
        commutator=float(np.abs(first).max()) * margin * spread,
        mixed=0.0 if commutes else float(np.abs(second).max()) * margin * spread**2,
        difference=float(np.abs(2 * value * first).max()) * margin_of_square,
        excluded=share * float(np.linalg.norm(own, 2)) if jump.leaves_self_out else None,
    )


def check_taylor(model: Model, taylor: object) -> dict[int, Sequence[float]]:
    """Return the user's coefficients by number of the jump."""
    if taylor is None:
        return {}
    if not isinstance(taylor, dict):
        raise ArgumentError("taylor", "map numbers of jumps to Taylor coefficients", f"it is {checks.shown(taylor)}")
    for key in taylor:
        if key not in range(len(model.jumps)):
            raise ArgumentError(
                "taylor", f"have keys within 0 and {len(model.jumps) - 1}", f"one is {checks.shown(key)}"
            )
    return taylor
