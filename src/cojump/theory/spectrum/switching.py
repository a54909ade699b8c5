"""Two metastable phases and the rates of switching between them, from the slowest mode of the generator.

Long after all else has decayed ρ(t) = ρ_s + c R e^{λt} with the slowest mode R and its left vector ℓ, c = tr(ℓ ρ(0)),
tr(ℓR) = 1, tr(ℓρ_s) = 0. Where two phases are well apart ℓ has one value in each and passes zero at the barrier, so
with the projectors P_+ and P_- on its positive and negative eigenspaces

    p_1 = tr(P_+ ρ_s),   ℓ_1 = tr(P_+ ℓ ρ_s)/p_1,   ρ_1 = ρ_s + ℓ_1 R,      and 2 with P_- in place of P_+,

are the weights and the states of the phases, ρ_s = p_1 ρ_1 + p_2 ρ_2. What remains of any start is a mixture of them
with dp_1/dt = κ_21 p_2 - κ_12 p_1, which decays with κ_12 + κ_21 = -λ to these weights: κ_12 = -λ p_2, κ_21 = -λ p_1.
This is the theory of Macieszczak, Guţă, Lesanovsky, Garrahan, Phys. Rev. Lett. 116, 240404 (2016), with the mean of ℓ
in each phase in place of its extreme values, which a few states beyond the phases have. All of it holds up to the
ratio of λ to the next decay rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ...errors import UnsupportedError
from ...model import Model
from ...model.driven import refuse_driven
from ...model.model import check_model, check_not_frozen
from ...model.states import State, check_start
from ...tools import checks
from ...tools.summaries import Summarised, facts, more, table
from ...tools.types import Array
from ..exact_moments import moments_of
from ..generator import check_unknowns
from ..populations import checked_method, populations_for
from .slow_modes import FLOOR, VECTORS, slow_pairs

_ABSORBED = 1e-12
"""Weight of a phase up to which the steady state is without it, as beside an absorbing state."""


@dataclass(frozen=True, eq=False, repr=False)
class Switching(Summarised):
    """Two metastable phases and how often a system switches between them.

    Attributes
    ----------
    rates : (2,) array
        κ_12, from phase 1 to phase 2, and κ_21, per unit of time: the inverse mean residence times.
    weights : (2,) array
        p_1 and p_2 in the steady state.
    labels : tuple of A strings "block.x"
    n_particles : int
    mean : (2, A) array
        Averages in the two phases; in phase 1 the one that differs most is larger.
    second : (2, A, A) array
        <½{m_a, m_b}> in the two phases.
    gap : float
        |λ| = κ_12 + κ_21.
    separation : float
        |Re λ_2|/|λ|: how much faster everything else is. The two phases are well defined as far as it is large.
    negative : float
        Minus the sum of the negative eigenvalues of both phases, which are states as far as it is small.
    """

    rates: Array
    weights: Array
    labels: tuple[str, ...]
    n_particles: int
    mean: Array
    second: Array
    gap: float
    separation: float
    negative: float

    @property
    def times(self) -> Array:
        """(2,) mean residence times 1/κ; infinite in a phase that is never left."""
        with np.errstate(divide="ignore"):
            return 1 / self.rates

    def _title(self) -> str:
        return f"Two metastable phases: N = {self.n_particles:,}, gap {self.gap:.6g}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("separation", f"{self.separation:.4g}, the next slowest rate over the gap"),
            ("negative", f"{self.negative:.2g}, sum of the negative eigenvalues of the phases"),
        )
        labels = self.labels[:4]
        rows = [
            (f"{w:.6g}", f"{r:.6g}", *(f"{m:.6g}" for m in mean[: len(labels)]))
            for w, r, mean in zip(self.weights, self.rates, self.mean, strict=True)
        ]
        lines += table(("phase", "weight", "rate of leaving", *labels), ("1", "2"), rows)
        return lines + more(".rates, .times, .weights, .mean, .second")


def switching(model: Model, *, state: State | None = None, memory: float = 4.0, method: str = "auto") -> Switching:
    """Find two metastable phases and the rates of switching between them, exactly.

    Parameters
    ----------
    model : Model
        Beside an absorbing steady state the other phase is what lasts longest before it is absorbed, the
        quasi-stationary state, and nothing leads back.
    state : State, optional
        Look only at the sectors that this start comes to.
    memory : float
        GiB that may be used. Where the matrix of the generator does not fit it is applied without one.
    method : str
        "populations", "full" or "auto", as for :func:`cojump.master_equation`: phases are told apart by populations, so
        that nothing is lost with them alone.

    Raises
    ------
    ArgumentError
        If an argument breaks a rule or the model needs more memory.
    UnsupportedError
        For modes and for terms that change in time, if the steady state is not unique, or if the slowest mode
        oscillates.
    ConvergenceError
        If the iteration does not come to an end.

    Examples
    --------
    >>> model = cj.systems.facilitated(size=20, omega=0.1, kappa=5.0, gamma=1.0)
    >>> found = cj.spectrum.switching(model)
    >>> print(found.rates.round(4), found.weights.round(4), round(found.separation, 1))
    [0.0607 0.0243] [0.2857 0.7143] 7.6
    """
    check_model(model)
    refuse_driven(model, "There are rates of switching")
    check_not_frozen(model)
    if model.modes:
        raise UnsupportedError("Rates of switching are those of models without modes only")
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
    starts = None if state is None else [state]
    chosen = populations_for(model, checked_method(method), starts, memory, kept=VECTORS + 16)
    if chosen is None:
        check_unknowns(model, starts, memory)
    with threadpool_limits(1):
        found = slow_pairs(model, state, 2, memory, None, (), left=True, chosen=chosen)
    if found.stationary != 1:
        raise UnsupportedError(
            f"Rates of switching are those beside a unique steady state, but {found.stationary} eigenvalues vanish; "
            f"cj.spectrum.stationary has the states"
        )
    decays = found.values
    if len(decays) < 1 or abs(decays[0].imag) > FLOOR * (found.generator.norm or 1.0):
        what = f"λ = {decays[0]:.4g}" if len(decays) else "there is none"
        raise UnsupportedError(f"Rates of switching need a slowest mode that does not oscillate: {what}")
    assert found.left is not None
    packing, reader = found.generator.packing, found.generator.expectations()
    identity = packing.identity
    steady = found.kernel[:, 0].real / float(identity @ found.kernel[:, 0].real)
    turn = found.right[:, 0]
    turn = turn * np.conj(turn[np.argmax(np.abs(turn))])
    right = turn.real / np.linalg.norm(turn.real)
    left = found.left[:, 0] / (found.left[:, 0] @ right)
    left = left.real
    weights, strengths = np.zeros(2), np.zeros(2)
    for labels in packing.dims:
        values, populations = packing.spectrum(left, labels, steady)
        for n, inside in enumerate((values > 0, values <= 0)):
            weights[n] += populations[inside].sum()
            strengths[n] += (values * populations)[inside].sum()
    if weights.min() > _ABSORBED:
        shares = strengths / weights
    else:  # the steady state is a phase by itself, and the other one is what has nothing of it
        own = [packing.spectrum(steady, labels, right) for labels in packing.dims]
        there = sum(float(populations[values > _ABSORBED].sum()) for values, populations in own)
        if abs(there) < _ABSORBED:
            raise UnsupportedError(
                "Rates of switching need a slowest mode that leads into the steady state, or out of it"
            )
        weights, shares = np.array([0.0, 1.0]), np.array([-1 / there, 0.0])
    phases = steady + np.outer(shares, right)
    mean, second, _, _ = moments_of((reader @ phases.T).T, len(model.labels), 0)
    apart = mean[0] - mean[1]
    if apart[np.argmax(np.abs(apart))] < 0:
        phases, weights, mean, second = phases[::-1], weights[::-1], mean[::-1], second[::-1]
    negative = sum(float(np.minimum(packing.spectrum(p, s)[0], 0).sum()) for p in phases for s in packing.dims)
    slow = float(-decays[0].real)
    rates = np.maximum(slow * weights[::-1], 0.0)
    separation = float(-decays[1].real) / slow if len(decays) > 1 else np.inf
    return Switching(rates, weights, model.labels, model.size, mean, second, slow, separation, -negative)
