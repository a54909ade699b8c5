"""Mixtures of initial states: one of several, each with its weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ArgumentError
from ..tools import checks
from .final_states import Final
from .model import Model, check_model
from .states import NORM, Mixture, State, check_start


def mixture(states: Sequence[tuple[float, State | Mixture]]) -> Mixture:
    """A mixture of states: the density matrix Σ_k w_k ρ_k.

    Each trajectory starts from one of the states, drawn by the weights from the random numbers of that trajectory, the
    same for all blocks: so blocks may be correlated at the start. :func:`cojump.master_equation` has the whole mixture.
    The reference of a result, to which its deviation E_N belongs, is Σ_k w_k of the mean fields from the states: E_N
    has the spread of the mixture in it, and does not vanish for N → ∞ where the mean fields differ. Theory around one
    mean field (:func:`cojump.mean_field`, fluctuations, bounds) takes one of the states.

    Parameters
    ----------
    states : sequence of (weight, state)
        Weights at least 0 with the sum 1; states as :func:`cojump.product` and its like make them, or mixtures.

    Raises
    ------
    ArgumentError
        If a weight is negative, their sum is not 1, or something is no state.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.0, rate_up=0.0, rate_down=1.0)
    >>> up, down = cj.tilted(model, 0, 0), cj.tilted(model, np.pi, 0)
    >>> cat = cj.mixture([(0.75, up), (0.25, down)])
    >>> exact = cj.master_equation(model, cat, [0, 1])
    >>> print(exact["spins.z"].mean.round(6), round(1.5 * np.exp(-1) - 1, 6))  # 3/4 of the particles decay
    [ 0.5      -0.448181] -0.448181
    """
    rule = "pairs (weight, state)"
    given = checks.items("states", states, f"a list of {rule}")
    weights: list[float] = []
    made: list[State] = []
    for i, pair in enumerate(given):
        name = f"states[{i}]"
        entries = checks.items(name, pair, "a pair (weight, state)")
        if len(entries) != 2:
            raise ArgumentError(name, "be a pair (weight, state)", f"it is {checks.shown(pair)}")
        weight, state = checks.number(f"{name} weight", entries[0], 0), entries[1]
        if not isinstance(state, State | Mixture):
            raise ArgumentError(f"{name} state", "be a cojump State", f"it is {checks.shown(state)}")
        inside = zip(state.weights, state.states, strict=True) if isinstance(state, Mixture) else [(1.0, state)]
        for share, one in inside:
            if weight * share > 0:
                weights.append(float(weight * share))
                made.append(one)
    total = sum(weights)
    if abs(total - 1) > NORM:
        raise ArgumentError("states", "have weights with the sum 1", f"it is {total:.12g}")
    return Mixture(np.array(weights) / total, tuple(made))


def starts_of(state: State | Mixture) -> list[tuple[float, State]]:
    """The states that a start may be, with their weights."""
    if isinstance(state, State):
        return [(1.0, state)]
    return list(zip(state.weights.tolist(), state.states, strict=True))


def check_mixture(model: object, state: object, *finals: type[Final]) -> None:
    """Raise ArgumentError unless ``model`` is a Model and ``state`` a State or a Mixture that was made for it.

    ``finals`` are the kinds of ends of other runs that are taken besides.
    """
    if isinstance(state, finals):
        check_model(model)
        assert isinstance(model, Model)
        state.check_fits(model)
        return
    for one in state.states if isinstance(state, Mixture) else (state,):
        check_start(model, one)
