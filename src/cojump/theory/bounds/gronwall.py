"""Theorem 1 as a number: E_N(t) ≤ e^{C1 t} E_N(0) + C2 (e^{C1 t} - 1)/(C1 N) with every constant of the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...model import Block, Model
from ...model.states import BlockState, OccupationBlock, ProductBlock, State, check_start
from ...tools.checks import check_times
from ...tools.summaries import Summarised, facts, more, span
from ...tools.types import Array
from .form import PaperForm, paper_form
from .rates import RateBounds, Series
from .series import check_taylor, rate_bounds

_SHOWN = 6
"""Jumps that are listed one by one."""


@dataclass(frozen=True, eq=False, repr=False)
class Constants(Summarised):
    """The constants of the proof, by their names in the paper.

    Attributes
    ----------
    d2 : int
        d², the number of basis operators v_α; with several blocks Σ_b d_b².
    q : int
        Number of jumps.
    a_max, h_max, A, B, M : float
        Largest |a_αβ^γ|, |h_αβ|, |A_αβ|, |B_αβγ|, |M_lα^β|.
    r : (q, d²) array
        r_lα of (13), columns in the order of ``labels``.
    labels : tuple of d² str
        Names of the v_α.
    j_norm : (q,) array
        ‖j_l‖.
    delta_l : (q,) array
        δ_l of (14).
    delta : float
        max_l δ_l.
    gamma, gamma_prime, gamma_second : float
        max over l of γ_l(δ), γ_l'(δ) and γ_l''(δ) = Σ n²|c_n| δ^{n-2}; NaN unless every rate has its series.
    C_sigma : (q,) array
        What stands for 2δ_l γ'(δ_l): C_σ of (60) for a rate in the form of section 5.2.
    C_x : (q,) array
        C_x of Lemma 2 at ‖x‖ = 1 (Appendix A.2).
    C_v : float
        The largest C_x.
    C_L : float
        d⁸ h_max a_max² + q C_v, Lemma 3.
    C_P : float
        (32).
    C_0, C_1, C_2 : float
        (47), (48).
    rates : tuple of q RateBounds
        Each rate in the form of the proof that applies to it.
    """

    d2: int
    q: int
    a_max: float
    h_max: float
    A: float
    B: float
    M: float
    r: Array
    labels: tuple[str, ...]
    j_norm: Array
    delta_l: Array
    delta: float
    gamma: float
    gamma_prime: float
    gamma_second: float
    C_sigma: Array
    C_x: Array
    C_v: float
    C_L: float
    C_P: float
    C_0: float
    C_1: float
    C_2: float
    rates: tuple[RateBounds, ...]

    def _title(self) -> str:
        return f"Constants of the proof: C1 = {self.C_1:.6g}, C2 = {self.C_2:.6g}"

    def _lines(self) -> list[str]:
        names = ("d2", "q", "a_max", "h_max", "A", "B", "M", "delta", "C_v", "C_L", "C_P", "C_0")
        return facts(*((name, f"{getattr(self, name):.6g}") for name in names), *self.forms(".rates"))

    def forms(self, all_of_them: str) -> list[tuple[str, str]]:
        """The form of the proof for the first jumps by name, and where they all are."""
        shown = [(f"jumps[{l}]", rate.describe()) for l, rate in enumerate(self.rates[:_SHOWN])]
        left = len(self.rates) - len(shown)
        return [*shown, ("…", f"{left:,} more, see {all_of_them}" if left else "")]

    def C_O(self, jump: int, support: int) -> float:
        """C_O of Lemma 2 at ‖O‖ = 1 for an operator of ``support`` particles, N_O."""
        return float(self.j_norm[jump] ** 2) * self.rates[jump].dissipator(support)


@dataclass(frozen=True, eq=False, repr=False)
class Gronwall(Summarised):
    """The bound of Theorem 1.

    Attributes
    ----------
    times : (T,) array
    log10_bound : (T,) array
        log10 of the bound on E_N(t) as results report it (``.deviation``); it exceeds any float soon.
    constants : Constants
    size : int
        N.
    deviation_0 : float
        E_N(0), exact, in the normalisation of the results (averages per block).
    scale : float
        max_b (N/N_b)²: the theorem bounds averages normalised by N, results have them normalised by N_b.
    """

    times: Array
    log10_bound: Array
    constants: Constants
    size: int
    deviation_0: float
    scale: float

    def _title(self) -> str:
        return f"Bound of Theorem 1 on E_N(t): N = {self.size:,}, {span(self.times)}"

    def _lines(self) -> list[str]:
        c, end = self.constants, f"10^{self.log10_bound[-1]:.4g} at t = {self.times[-1]:g}"
        return facts(
            ("bound", end),
            ("E_N(0)", f"{self.deviation_0:.6g}"),
            ("C1, C2", f"{c.C_1:.6g}, {c.C_2:.6g}"),
            *c.forms(".text"),
        ) + more(".times, .log10_bound, .constants, .text")

    @property
    def text(self) -> str:
        """What was used: one line per jump with the form of the rate, one line with C1, C2 and E_N(0)."""
        c = self.constants
        lines = [f"jumps[{l}]: {rate.describe()}" for l, rate in enumerate(c.rates)]
        lines.append(f"C1 = {c.C_1:.6g}, C2 = {c.C_2:.6g}, E_N(0) = {self.deviation_0:.6g}, N = {self.size}")
        return "\n".join(lines)


def constants(model: Model, *, taylor: Mapping[int, Sequence[float]] | None = None) -> Constants:
    """Compute every constant of the proof of Theorem 1 for a model.

    Parameters
    ----------
    model : Model
    taylor : mapping of int to sequence of float, optional
        Taylor coefficients c_n of Γ at 0 by number of the jump, where the program cannot find them. They must
        reproduce Γ over the spectrum of Δ.

    Raises
    ------
    ArgumentError
        If ``taylor`` does not reproduce a rate.
    UnsupportedError
        If the theorem does not apply: a collective jump, a kinked rate or one of unbounded slope.
    """
    return constants_of(paper_form(model), taylor)


def constants_of(form: PaperForm, taylor: Mapping[int, Sequence[float]] | None) -> Constants:
    """The same for a model that is already in the paper's letters."""
    given = check_taylor(form.model, taylor)
    delta_l, n, q = form.delta, len(form.basis), len(form.jumps)
    rates = tuple(
        rate_bounds(form.model, l, jump, float(delta_l[l]), given.get(l)) for l, jump in enumerate(form.jumps)
    )
    j_norm = np.array([np.linalg.norm(jump.matrix, 2) for jump in form.jumps])
    a_max, h_max = float(np.abs(form.structure).max()), float(np.abs(form.h).max())
    A, B, M = (float(np.abs(x).max(initial=0)) for x in (form.A, form.B, form.M))
    delta = float(delta_l.max(initial=0))
    series = [rate for rate in rates if isinstance(rate, Series)]
    # the γ of (47) is one for all jumps: γ(δ) ≥ γ_l(δ_l) for every l
    gamma = max((rate.gamma(delta) for rate in series), default=0.0)
    gamma_prime = max((rate.gamma_prime(delta) for rate in series), default=0.0)
    gamma_second = max((rate.gamma_second(delta) for rate in series), default=0.0)
    # Γ² and Σ_α|r_lα| times Lemma 5's constant in the last two lines of (40). How a rate is shared between j and Γ is
    # arbitrary, and only the product M_l times its bracket has a meaning: its largest value stands in C_0, not that of
    # each factor by itself, so that the bound is the same in any unit of time.
    turned = 0.0
    for l, rate in enumerate(rates):
        if isinstance(rate, Series):
            bracket = rate.gamma(delta) ** 2 + 2 * delta * rate.gamma(delta) * rate.gamma_prime(delta)
        else:
            bracket = rate.norm**2 + rate.delta * rate.difference
        turned = max(turned, float(np.abs(form.M[l]).max()) * bracket)
    C_sigma = np.array([rate.commutator for rate in rates])
    C_x = np.array([j**2 * rate.dissipator(1) for j, rate in zip(j_norm, rates, strict=True)])
    C_v = float(C_x.max(initial=0))
    C_L = n**4 * h_max * a_max**2 + q * C_v
    C_P = float(
        sum(j**2 * (rate.commutator + n * a_max * rate.norm) ** 2 for j, rate in zip(j_norm, rates, strict=True))
    )
    C_0 = 2 * (n * A + n**2 * 2 * B + q * n * turned)
    all_series = len(series) == q
    C_1, C_2 = n * C_0, n * (C_P + 4 * C_L)
    return Constants(
        d2=n,
        q=q,
        a_max=a_max,
        h_max=h_max,
        A=A,
        B=B,
        M=M,
        r=form.r,
        labels=tuple(v.label for v in form.basis),
        j_norm=j_norm,
        delta_l=delta_l,
        delta=delta,
        gamma=gamma if all_series else float("nan"),
        gamma_prime=gamma_prime if all_series else float("nan"),
        gamma_second=gamma_second if all_series else float("nan"),
        C_sigma=C_sigma,
        C_x=C_x,
        C_v=C_v,
        C_L=C_L,
        C_P=C_P,
        C_0=C_0,
        C_1=C_1,
        C_2=C_2,
        rates=rates,
    )


def gronwall(
    model: Model, state: State, times: ArrayLike, *, taylor: Mapping[int, Sequence[float]] | None = None
) -> Gronwall:
    """Bound the distance from mean field: E_N(t) ≤ e^{C1 t} E_N(0) + C2 (e^{C1 t} - 1)/(C1 N), Theorem 1.

    Parameters
    ----------
    model : Model
        Local jumps only. A rate needs either a Taylor series that converges at δ_l (Assumption 1), found from the
        user's function (which is also tried at complex numbers for it) or given as ``taylor``, or two bounded
        derivatives over the spectrum of Δ (section 5.2).
    state : State
        The state at t = 0; E_N(0) is exact.
    times : (T,) array
        Increasing, times[0] ≥ 0.
    taylor : mapping of int to sequence of float, optional
        See :func:`constants`.

    Returns
    -------
    Gronwall

    Raises
    ------
    ArgumentError
        If an argument breaks a rule.
    UnsupportedError
        If the theorem does not apply to the model; the message names the jump and the reason.

    Examples
    --------
    >>> model = cj.systems.constrained(size=1000, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> bound = cj.bounds.gronwall(model, cj.tilted(model, theta=1.1, phi=0.4), [0, 0.1, 1])
    >>> print(bound.log10_bound.round(2))  # E_N(t) is below 10 to this power: a proof, not an estimate
    [ -3.    21.32 233.95]
    """
    checked = check_times(times)
    check_start(model, state)
    found = constants(model, taylor=taylor)
    N = model.size
    per_block = [_deviation(block, s) for block, s in zip(model.blocks, state.blocks, strict=True)]
    start = sum(e * (b.size / N) ** 2 for e, b in zip(per_block, model.blocks, strict=True))
    scale = max((N / b.size) ** 2 for b in model.blocks)
    x = found.C_1 * checked
    growth = found.C_2 / (found.C_1 * N) * -np.expm1(-x) if found.C_1 > 0 else found.C_2 / N * checked
    with np.errstate(divide="ignore"):
        log10_bound = x / np.log(10) + np.log10(scale * (start + growth))
    return Gronwall(checked, log10_bound, found, N, float(sum(per_block)), scale)


def _deviation(block: Block, state: BlockState) -> float:
    """Σ_α <(m_α - <m_α>)²> of one block at t = 0 in the orthonormal basis.

    A product state: (d - tr r²)/N_b, from Σ_α v_α² = d. Two levels with total spin J: ½(4J(J+1)/N_b² - |<σ>|²). A
    state of d levels in the sector λ: Σ_i λ_i (λ_i + d + 1 - 2 i)/N_b² - tr r², the first term being Σ_α m_α² there.
    """
    purity = float(np.trace(state.density @ state.density).real)
    if isinstance(state, ProductBlock):
        return (block.levels - purity) / block.size
    if isinstance(state, OccupationBlock):
        casimir = sum(row * (row + block.levels - 1 - 2 * i) for i, row in enumerate(state.rows))
        return casimir / block.size**2 - purity
    two_J = getattr(state, "two_J", block.size)  # a symmetric state has J = N_b/2
    return 0.5 * (two_J * (two_J + 2) / block.size**2 - (2 * purity - 1))
