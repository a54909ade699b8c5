"""A state that a trajectory may start from, without an engine: what is asked of states is tried on it first."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..basis.sectors import dimension_of
from ..basis.tableau_starts import start_of
from ..model import Block, Model
from ..model.components import Component, components
from ..model.final_states import FinalFactor, FinalState, FinalStates
from ..model.mixtures import Mixture, starts_of
from ..model.states import BlockState, State
from .pure_state import PureState
from .state_factor import Factor

_SEED = 0
"""Of the random numbers by which a mixed start is drawn, and a state of no symmetry."""

_QUANTA, _LARGEST = 4, 200_000
"""Fock states of a mode, and amplitudes of a part at most, in a state of no symmetry."""


def state_at_start(model: Model, state: State | Mixture | FinalStates) -> PureState:
    """One of the pure states that trajectories start from; of a mixture, of its first state.

    Blocks and modes stand together where the model couples them, as in its trajectories.
    """
    if isinstance(state, FinalStates):
        return PureState.of(state.dealt(0))
    _, first = starts_of(state)[0]
    generator = np.random.default_rng(_SEED)
    return PureState.of(FinalState(tuple(_factor(model, part, first, generator) for part in components(model))))


def any_state(model: Model, state: PureState) -> PureState | None:
    """A state in the same sectors that has no symmetry, always the same one; None where it would be large."""
    generator, made = np.random.default_rng(_SEED), []
    for f in state.factors:
        blocks = [model.blocks[b] for b in f.blocks]
        dims = [dimension_of(b, label) for b, label in zip(blocks, f.labels, strict=True)] + [_QUANTA] * len(f.modes)
        if prod(dims) > _LARGEST:
            return None
        parts = generator.normal(size=(2, *dims))
        tensor = parts[0] + 1j * parts[1]
        window = [(0, dim) for dim in dims]
        own = tuple(window[: len(blocks)]), tensor / np.linalg.norm(tensor), f.frames, f.modes
        made.append(Factor(f.blocks, f.labels, *own, tuple(window[len(blocks) :]), f.displacements))
    return PureState(tuple(made))


def _factor(model: Model, part: Component, state: State, generator: np.random.Generator) -> FinalFactor:
    """The state of the blocks and modes of one part: a product."""
    tensor: Any = np.ones(())
    labels, window = [], []
    for b in part.blocks:
        label, ket = _drawn(model.blocks[b], state.blocks[b], generator)
        occupied = np.flatnonzero(np.abs(ket) > 1e-16)
        lo, hi = int(occupied[0]), int(occupied[-1]) + 1
        tensor = np.multiply.outer(tensor, ket[lo:hi])
        labels.append(label)
        window.append((lo, hi))
    window += [(0, 1)] * len(part.modes)
    root = np.sqrt(model.size)
    return FinalFactor(
        part.blocks,
        part.modes,
        tuple(labels),
        tuple(window),
        tuple(np.eye(model.blocks[b].levels, dtype=complex) for b in part.blocks),
        tuple(complex(root * state.amplitudes[m]) for m in part.modes),
        tensor.reshape(*tensor.shape, *(1 for _ in part.modes)),
    )


def _drawn(block: Block, state: BlockState, generator: np.random.Generator) -> tuple[Any, Any]:
    """A pure state of a block: its sector, and its amplitudes in the user's frame."""
    eye = np.eye(block.levels, dtype=complex)
    return start_of(state, block, eye).draw(generator)
