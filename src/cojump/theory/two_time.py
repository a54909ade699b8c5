"""Two-time functions <A(s + τ) B(s)> of averages, and g²(τ): what is told of them, whoever has worked them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.checks import check_times
from ..tools.half_sided import half_sided
from ..tools.numbers import format_number
from ..tools.summaries import Summarised, counted, facts, more, span
from ..tools.types import Array, Complex

_FEWEST = 4
"""Times that a spectrum is made of, at least."""

_MOST_TAUS = 10**6


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Summarised):
    """S(ω) = ∫ e^{iωτ - γτ} c(τ) dτ over the taus, c = N (<A(s+τ) B(s)> - <A(s+τ)> <B(s)>).

    Attributes
    ----------
    omegas : (n,) array
    mean : (n,) complex array
        S(ω). Of a stationary state and A = B† the power spectrum is 2 Re S.
    damping : float
        γ: lines are broadened by it, with γ as half width.
    tail : float
        |c e^{-γτ}| at the last τ in parts of its largest value: what the integral leaves out beyond it. The spectrum
        has no meaning on scales of ω below 1/τ where this is not small.
    """

    omegas: Array
    mean: Complex
    damping: float
    tail: float

    def _title(self) -> str:
        return f"Spectrum at {counted(len(self.omegas), 'frequency')}, tail {self.tail:.2g}"


@dataclass(frozen=True, eq=False, repr=False)
class TwoTime(Summarised):
    """A two-time function of two averages A and B.

    Attributes
    ----------
    taus : (T,) array
    start : float or None
        s; None for a steady state.
    n_particles : int
        N, all particles.
    mean : (T,) complex array
        <A(s+τ) B(s)>. The theory for N → ∞, where that is the product of two mean fields, has lim N · connected here.
    connected : (T,) complex array
        N (<A(s+τ) B(s)> - <A(s+τ)> <B(s)>); of the theory its limit.
    """

    taus: Array
    start: float | None
    n_particles: int
    mean: Complex
    connected: Complex

    def _title(self) -> str:
        at = "in the steady state" if self.start is None else f"from t = {self.start:g}"
        return f"Two-time function {at}: N = {self.n_particles:,}, {span(self.taus)}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("<A B>", f"{_complex(self.mean[0])} first, {_complex(self.mean[-1])} last"),
            ("connected", f"{_complex(self.connected[0])} first, {_complex(self.connected[-1])} last, times N"),
        )
        return lines + more(".taus, .mean, .connected, .spectrum(omegas)")

    def spectrum(self, omegas: ArrayLike, *, damping: float = 0.0) -> Spectrum:
        """The half-sided Fourier transform of the connected function.

        Between the taus it is taken as its cubic spline; nothing is added beyond the last one.

        Parameters
        ----------
        omegas : (n,) array
        damping : float
            γ of a factor e^{-γτ}, which ends a function that has not decayed at the last τ.

        Raises
        ------
        ArgumentError
            If the taus do not begin at 0 or are fewer than 4, or an argument breaks a rule.
        """
        checked, weights = self._transform(omegas, damping)
        return Spectrum(checked, weights @ self.connected, float(damping), self._tail(damping))

    def _transform(self, omegas: ArrayLike, damping: float) -> tuple[Array, Complex]:
        """The frequencies, and (n, T) weights of the integral."""
        checked = check_omegas(omegas)
        damping = checks.number("damping", damping, 0)
        check_for_spectrum(self.taus)
        return checked, half_sided(self.taus, checked, damping)

    def _tail(self, damping: float) -> float:
        sizes = np.abs(self.connected) * np.exp(-damping * self.taus)
        return float(sizes[-1] / sizes.max()) if sizes.max() > 0 else 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Coincidences(Summarised):
    """g²(τ) = <c†(s) c†(s+τ) c(s+τ) c(s)> / (<c†c>(s) <c†c>(s+τ)), in normal and time order.

    Attributes
    ----------
    taus : (T,) array
    start : float or None
        s; None for a steady state.
    mean : (T,) array
        g²(τ); NaN where nothing is emitted.
    intensity : float
        <c†c>(s).
    later : (T,) array
        <c†c>(s+τ).
    """

    taus: Array
    start: float | None
    mean: Array
    intensity: float
    later: Array

    def _title(self) -> str:
        at = "in the steady state" if self.start is None else f"from t = {self.start:g}"
        return f"g² {at}: {span(self.taus)}, first {format_number(self.mean[0])}"

    def _lines(self) -> list[str]:
        return more(".taus, .mean, .intensity, .later")


def check_taus(taus: Any) -> Array:
    """The times τ, increasing, from 0 on; ArgumentError if they are not, or are too many."""
    checked = check_times(taus, "taus")
    if len(checked) > _MOST_TAUS:
        raise ArgumentError("taus", f"be at most {_MOST_TAUS:,} times", f"there are {len(checked):,}")
    return checked


def check_for_spectrum(taus: Array) -> None:
    """ArgumentError about ``taus`` if no spectrum can be made of a function that is known there."""
    if taus[0] != 0 or len(taus) < _FEWEST:
        found = f"there are {len(taus)} from {taus[0]:g}"
        raise ArgumentError("taus", f"be at least {_FEWEST} times from 0 on for a spectrum", found)


def check_span(start: Any, taus: Array) -> float:
    """The time s; ArgumentError if it is none."""
    begun = checks.number("start", start, 0)
    if not np.isfinite(begun + taus[-1]):
        raise ArgumentError("start", "be a finite time", f"it is {checks.shown(start)}")
    return begun


def check_omegas(omegas: Any) -> Array:
    """Frequencies (n,), at least one; ArgumentError if they are none."""
    checked = checks.array("omegas", omegas, "a list of frequencies", real=True).astype(float)
    if checked.ndim != 1 or not checked.size:
        raise ArgumentError("omegas", "be a list of frequencies", f"its shape is {checked.shape}")
    return checked


def _complex(value: complex) -> str:
    return f"{value.real:.5g}{value.imag:+.5g}i"


def ratio(coincident: NDArray[Any], intensity: float, later: NDArray[Any]) -> Array:
    """g² from its numerator and the two intensities; NaN where nothing is emitted."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = coincident / (intensity * later)
    return np.where(np.isfinite(found), found, np.nan)
