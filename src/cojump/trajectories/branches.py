"""Two-time functions of one trajectory: at the time s it branches into the states that an operator makes of it.

For any A, <A(s+τ) B(s)> = tr(A e^{𝓛τ}(B ρ(s))) is linear in B ρ, and e^{𝓛τ} is the mean over trajectories of what is no
density matrix as well. With Bψ = bψ + ε φ, b = <B>, φ normalised and orthogonal to ψ, polarisation gives

    B |ψ><ψ| = b |ψ><ψ| + (ε/2) Σ_{k=0..3} i^k |χ_k><χ_k|,        χ_k = (φ + i^k ψ)/√2,

five normalised states, which are run on as trajectories like any other. No weight grows in the course of time, unlike
those of a pair ψ, Bψ with common jumps; and ε = √(<B†B> - |<B>|²) is what B fluctuates: for an average of N particles
of the order of 1/√N, as is the spread of <A> over the branches, so that the connected function N cov has an error that
does not grow with N. The branches share their random numbers, of which a part cancels in Σ i^k.

B is collective, so that it keeps the sector. Parts of a model that nothing couples branch apart: between them the
function is the product of their averages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..model.collective_average import CollectiveAverage
from ..model.driven import later
from ..model.final_states import APART, FinalState, FinalStates
from ..model.mixtures import Mixture, starts_of
from ..model.states import State
from ..tools.matrices import from_pairs
from ..tools.types import Array, Complex
from .collective_action import acted
from .engine import make_engine
from .outcome import Engine
from .pure_state import PureState
from .recipe import Part, recipe_of
from .state_factor import Factor, Ket

_STREAM = 2**33
"""The streams of the branches, beyond all those of the trajectory itself."""

_NOTHING = 1e-13
"""ε below which B does not fluctuate, in parts of |b|."""

Poll = Callable[[], None] | None


class Branches:
    """Trajectories that branch at one time.

    Parameters
    ----------
    model : Model
        All of its averages are measured.
    state : State, Mixture or FinalStates
    start : float
        s.
    taus : (T,) array
        Increasing, from 0 on.
    tolerance : float
    """

    def __init__(
        self, model: Model, state: State | Mixture | FinalStates, start: float, taus: Array, tolerance: float
    ) -> None:
        self.model, self._taus, self._tolerance = model, taus, tolerance
        self.times = branching_times(start, taus)
        self._first = len(self.times) - len(taus)
        self._stream, self._begin = _STREAM, _one_of(state)
        if isinstance(state, FinalStates):
            self._stream += state.runs * APART
        self._trunk = make_engine(model, state, self.times, tolerance, [0])
        self._parts = recipe_of(later(model, start)).parts
        self._engines: dict[int, Engine] = {}
        self._scales = [_scales(model, part) for part in self._parts]

    def two_time(
        self, seed: int, index: int, a: CollectiveAverage, b: CollectiveAverage, reference: Complex, poll: Poll = None
    ) -> Complex:
        """(2T + 1,) <A(s+τ) B(s)>, <A(s+τ)> and <B(s)> of trajectory ``index``, with the reference subtracted."""
        states: dict[int, PureState] = {}
        mean = self._trunk.run(seed, index, poll=poll, watch=states.__setitem__).mean[self._first :]
        c, w = a.coefficients
        far = c + mean @ w - reference[:-1]
        total, crossed = 0j, np.zeros(len(self._taus), dtype=np.complex128)
        for p, factor in enumerate(states[0].factors):
            psi, made = acted(factor, b)
            own = complex(np.vdot(psi.amplitudes, made))
            total += own
            rest = made - own * psi.amplitudes
            epsilon = float(np.linalg.norm(rest))
            seen = self._seen(p, w)
            if epsilon <= _NOTHING * abs(own) or not seen.any():
                continue
            for k in range(4):
                branch = (rest / epsilon + 1j**k * psi.amplitudes) / np.sqrt(2)
                outcome = self._branch(p, psi, branch, seed, index, poll)
                crossed += 0.5 * epsilon * 1j**k * (outcome[0] @ seen)
        near = total - reference[-1]
        return np.concatenate([near * far + crossed, far, [near]])

    def coincidences(self, seed: int, index: int, c: CollectiveAverage, poll: Poll = None) -> Array:
        """(2T + 1,) <c†(s) c†(s+τ) c(s+τ) c(s)>, <c†c>(s+τ) and <c†c>(s) of trajectory ``index``.

        c acts on one part of the model. After it there is one branch, c ψ, with the weight |c ψ|².
        """
        states: dict[int, PureState] = {}
        outcome = self._trunk.run(seed, index, poll=poll, watch=states.__setitem__)
        constant, w, W = c.square
        n = constant + outcome.mean @ w + np.einsum("tab,ab->t", from_pairs(outcome.second, len(w)), W)
        (p,) = self.parts_of(c)
        psi, made = acted(states[0].factors[p], c)
        weight = float(np.vdot(made, made).real)
        later_on = np.zeros(len(self._taus))
        if weight > 0:
            mean, second = self._branch(p, psi, made / np.sqrt(weight), seed, index, poll)
            scale, places = self._scales[p]
            mean, second = mean * scale, from_pairs(second, len(scale)) * np.outer(scale, scale)
            own = W[np.ix_(places, places)]
            later_on = constant + mean @ w[places] + np.einsum("tab,ab->t", second, own)
        return np.concatenate([weight * later_on, n[self._first :], [weight]])

    def parts_of(self, average: CollectiveAverage) -> list[int]:
        """The parts of the model on which an average acts."""
        return [
            p
            for p, part in enumerate(self._parts)
            if set(part.blocks) & set(average.blocks) or set(part.modes) & set(average.modes)
        ]

    def _seen(self, p: int, w: Complex) -> NDArray[np.complex128]:
        """The coefficients of an average in those of one part."""
        scale, places = self._scales[p]
        found: NDArray[np.complex128] = scale * w[places]
        return found

    def _branch(self, p: int, psi: Factor, amplitudes: Ket, seed: int, index: int, poll: Poll) -> tuple[Array, Array]:
        """Averages and products of pairs (T, ..) of a part that goes on from other amplitudes."""
        (start,) = PureState((replace(psi, amplitudes=amplitudes),)).final().factors
        part = self._parts[p]
        if p not in self._engines:
            begin = part.state(self._begin)
            self._engines[p] = part.representation.engine(part.model, begin, self._taus, self._tolerance, ())
        self._engines[p].start_from(start)
        outcome = self._engines[p].run(seed, index, part=self._stream + p, poll=poll)
        return outcome.mean, outcome.second


def branching_times(start: float, taus: Array) -> Array:
    """s, and s + τ after it."""
    times = start + taus
    return times if taus[0] == 0 else np.concatenate([[start], times])


def _one_of(state: State | Mixture | FinalStates) -> State | FinalState:
    """Any of the states that trajectories start from."""
    return state.states[0] if isinstance(state, FinalStates) else starts_of(state)[0][1]


def _scales(model: Model, part: Part) -> tuple[Array, NDArray[np.intp]]:
    """What averages of a part are to be multiplied with, and their places among those of the model.

    The averages of a mode are divided by √N, where the model of a part counts its own particles.
    """
    known: Mapping[str, int] = {label: place for place, label in enumerate(model.labels)}
    places = np.array([known[label] for label in part.model.labels])
    modes = {f"{part.model.modes[q.mode].name}.{'xy'[q.part]}" for q in part.model.quadratures}
    scale = np.array([np.sqrt(part.share) if label in modes else 1.0 for label in part.model.labels])
    return scale, places
