"""What the theorem needs to know of one operator-valued rate Γ_l(Δ_l): four numbers, in one of two forms.

The proofs use of Γ only a bound on its norm, on its commutators with local operators (Lemma 1), on what the dissipator
differs from Γ² D_loc (Lemma 2), and on the difference of Γ² from its mean-field value (Lemma 5). :class:`Series` has
them from the Taylor series of Γ (Assumption 1), :class:`Smooth` from its derivatives over the spectrum of Δ, as section
5.2 asks of rates like (58) and (59), whose series diverges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...tools.types import Array


class RateBounds(Protocol):
    """Bounds on one rate; ``delta`` is δ_l of (14)."""

    @property
    def delta(self) -> float:
        """δ_l = Σ_α |r_lα|."""

    @property
    def norm(self) -> float:
        """At least ‖Γ(Δ)‖."""

    @property
    def commutator(self) -> float:
        """The c of ‖[Γ(Δ), O]‖ ≤ c N_O ‖O‖/N and ‖[Γ, [Γ, O]]‖ ≤ (c N_O/N)² ‖O‖."""

    @property
    def difference(self) -> float:
        """C of Lemma 5: the norm of (Γ²(Δ) - Γ²(Δ(t)))/(Δ - Δ(t))."""

    def dissipator(self, support: int) -> float:
        """C_O of Lemma 2 for N_O = ``support``, ‖O‖ = ‖j‖ = 1."""

    def describe(self) -> str:
        """Say in one line which form of the proof applies and why."""


@dataclass(frozen=True, eq=False)
class Series:
    """Γ(Δ) = Σ_n c_n Δ^n, (15).

    Attributes
    ----------
    coefficients : (K,) array
        c_n.
    delta : float
        δ_l.
    source : str
        Where the coefficients come from.
    """

    coefficients: Array
    delta: float
    source: str

    def moment(self, power: int, z: float | None = None) -> float:
        """Σ_n n^power |c_n| z^n, at z = δ_l by default."""
        z = self.delta if z is None else z
        if z == 0:
            return float(abs(self.coefficients[0])) if power == 0 else 0.0
        n = np.arange(len(self.coefficients), dtype=float)
        with np.errstate(divide="ignore"):  # by logarithms: z^n alone may overflow where |c_n| z^n is small
            terms = np.exp(np.log(np.abs(self.coefficients)) + n * np.log(z))
        return float(np.sum(n**power * terms))

    def gamma(self, z: float) -> float:
        """γ(z) = Σ |c_n| z^n, (15)."""
        return self.moment(0, z)

    def gamma_prime(self, z: float) -> float:
        """γ'(z) = Σ n |c_n| z^{n-1}; for z = 0 Γ is a constant and this is 0."""
        return self.moment(1, z) / z if z > 0 else 0.0

    def gamma_second(self, z: float) -> float:
        """γ''(z) = Σ n² |c_n| z^{n-2} of (A.8), which is not the second derivative of γ."""
        return self.moment(2, z) / z**2 if z > 0 else 0.0

    @property
    def norm(self) -> float:
        """γ(δ_l)."""
        return self.moment(0)

    @property
    def commutator(self) -> float:
        """2 δ_l γ'(δ_l), Lemma 1."""
        return 2 * self.moment(1)

    @property
    def difference(self) -> float:
        """2 γ(δ_l) γ'(δ_l), Lemma 5."""
        return 2 * self.norm * self.gamma_prime(self.delta)

    def dissipator(self, support: int) -> float:
        """C_O/(‖O‖‖j‖²) = 2N_O {δγ'[δγ'(1 + N_O) + 3N_O γ] + 2γ δ²γ''} (Appendix A.2)."""
        zeroth, first, second = (self.moment(power) for power in range(3))
        return 2 * support * (first * (first * (1 + support) + 3 * support * zeroth) + 2 * zeroth * second)

    def describe(self) -> str:
        """Which form of the proof."""
        return f"Assumption 1: {self.source}"


@dataclass(frozen=True, eq=False)
class Smooth:
    """Γ with two bounded derivatives over the spectrum of Δ: the requirements i) and ii) of section 5.2.

    A particle that changes its state moves Δ by at most (largest spread of an X_b)/N_b, so
    C_σ = max|Γ'| · max_b (N/N_b)(spread of X_b) does for every local operator what (60) does for σ_+.

    Attributes
    ----------
    delta : float
        δ_l.
    norm : float
        max |Γ|.
    commutator : float
        C_σ; the paper calls it suitable and does not give it.
    mixed : float
        C_σσ = max|Γ''| · (that spread)², or 0 where j†j commutes with Δ as in the paper's case: what [[Γ, O], j†j]
        leaves of particles outside of O.
    difference : float
        max |(Γ²)'|; at most the C below (78).
    excluded : float or None
        For a self-excluded rate (58) the norm of what is left out, (N/N_b)‖X_b‖; None for (59).
    """

    delta: float
    norm: float
    commutator: float
    mixed: float
    difference: float
    excluded: float | None

    def dissipator(self, support: int) -> float:
        """C_O/(‖O‖‖j‖²): for N_O = 1 the 3Γ C_σ + C_σ² of (65), with no Γ before C_σ², and ½Γ C_σσ.

        Self-excluded: for N_O = 1 only ½C_σ², and 2 max|(Γ²)'| (N/N_b)‖X_b‖ for Γ²(Δ_k) → Γ²(Δ).
        """
        c, n = self.commutator, support
        if self.excluded is None:
            return 3 * n**2 * self.norm * c + n * (1 + n) / 2 * c**2 + n / 2 * self.norm * self.mixed
        return 3 * n * (n - 1) * self.norm * c + n**2 / 2 * c**2 + 2 * n * self.difference * self.excluded

    def describe(self) -> str:
        """Which form of the proof."""
        rate = "Γ" if self.excluded is None else "the self-excluded Γ"
        return f"section 5.2: {rate} is smooth over the spectrum of Δ; max|Γ| and C_σ stand for γ(δ) and 2δγ'(δ)"
