"""Half-sided Fourier integrals of functions that are known at some times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from .types import Array

_SMALL, _TERMS = 2.0, 30
"""|zh| up to which the moments of an interval are taken from their series, and its length."""


def half_sided(times: Array, omegas: Array, damping: float) -> NDArray[np.complex128]:
    """(n, T) weights with which Σ_t w_ωt f(t) is ∫ f(t) e^{(iω - γ) t} dt from the first time to the last one.

    Between the times f is its cubic spline, and the integral of that is exact, however fast the oscillation is.
    """
    spline = CubicSpline(times, np.eye(len(times)))
    steps = np.diff(times)
    z = (1j * omegas[:, None] - damping).astype(np.complex128)
    moments = _moments(z * steps, len(spline.c))
    total = np.zeros((len(omegas), len(times)), dtype=np.complex128)
    for power, coefficients in enumerate(spline.c[::-1]):
        # ∫_0^h e^{zs} s^k ds = h^{k+1} ∫_0^1 e^{zhx} x^k dx
        factors = np.exp(z * times[:-1]) * moments[power] * steps ** (power + 1)
        total += factors @ coefficients
    return total


def _moments(z: NDArray[Any], count: int) -> list[NDArray[np.complex128]]:
    """∫_0^1 e^{zx} x^k dx for k = 0 .. count - 1."""
    small = np.abs(z) < _SMALL
    inside, outside = np.where(small, z, 0), np.where(small, _SMALL, z)
    found: list[NDArray[np.complex128]] = []
    last = (np.exp(outside) - 1) / outside
    for k in range(count):
        series, power = np.zeros_like(z), np.ones_like(z)
        for n in range(_TERMS):
            series += power / (n + k + 1)
            power = power * inside / (n + 1)
        if k:
            last = (np.exp(outside) - k * last) / outside
        found.append(np.where(small, series, last))
    return found
