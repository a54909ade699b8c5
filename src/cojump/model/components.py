"""Independent parts of a model: groups of blocks and modes that nothing couples.

Two blocks are coupled by a two-body term, by a potential of both, by an operator-valued rate of one that depends on
the other, by a collective jump on both, or by a mode to which both are coupled. A mode without any coupling goes with
the first group: a model has at least one block. Blocks of different groups never become entangled: from a product start
the state of a trajectory stays a product over the groups, its no-jump norm too, so each group has waiting times and
jumps of its own. Treating them apart replaces the product of their dimensions by the sum. (Hopfield blocks with
orthogonal signatures are the standing example.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .facts import once_per_model
from .final_states import FinalState, PartStart
from .model import Model
from .states import State


@dataclass(frozen=True, eq=False)
class Component:
    """One group of coupled blocks.

    Attributes
    ----------
    model : Model
        The blocks of the group alone; strengths are rescaled because N counts fewer particles there.
    blocks : tuple of int
        Their positions in the whole model.
    jumps : tuple of int
        Position in the whole model of each of its jumps.
    modes : tuple of int
        Positions of its modes in the whole model.
    share : float
        Share of all particles that the group has. Amplitudes of its modes are divided by the √N of its own model: they
        are those of the whole model over √share, and x and y as well.
    potentials : tuple of int
        Position in the Hamiltonian of the whole model of each of its potentials.
    """

    model: Model
    blocks: tuple[int, ...]
    jumps: tuple[int, ...]
    modes: tuple[int, ...]
    share: float
    potentials: tuple[int, ...]

    def state(self, whole: State | FinalState) -> PartStart:
        """What a state of the whole model is in this part."""
        if isinstance(whole, FinalState):
            return whole.of(self.blocks, self.modes)
        scale = 1.0 if self.share == 1 else np.sqrt(self.share)
        amplitudes = tuple(complex(whole.amplitudes[m] / scale) for m in self.modes)
        return State(tuple(whole.blocks[b] for b in self.blocks), amplitudes)


@once_per_model
def components(model: Model) -> tuple[Component, ...]:
    """Split a model into its independent groups of blocks, in the order of their first blocks."""
    names = [*(block.name for block in model.blocks), *model.mode_names]
    group = {name: {name} for name in names}
    if model.modes:
        alone = set(model.mode_names).difference(
            *(t.coupled for t in (*model.mode_couplings, *model.mode_jumps.values()))
        )
        group |= {name: {names[0], *alone} for name in (names[0], *alone)}
    for term in model.terms:
        merged = set().union(*(group[name] for name in term.coupled))
        for name in merged:
            group[name] = merged
    parts = []
    for block in model.blocks:
        if block.name == min(group[block.name], key=names.index):
            parts.append(_restrict(model, group[block.name]))
    return tuple(parts)


def _restrict(model: Model, names: set[str]) -> Component:
    if len(names) == len(model.blocks) + len(model.modes):
        blocks, places, modes = (tuple(range(len(part))) for part in (model.blocks, model.jumps, model.modes))
        return Component(model, blocks, places, modes, 1.0, tuple(model.potentials))
    blocks = tuple(i for i, b in enumerate(model.blocks) if b.name in names)
    share = sum(model.blocks[i].size for i in blocks) / model.size
    modes = tuple(i for i, m in enumerate(model.modes) if m.name in names)
    own = [o.label for o in model.observables if o.block in blocks] + [
        q.label for q in model.quadratures if q.mode in modes
    ]
    places = tuple(i for i, jump in enumerate(model.jumps) if jump.coupled <= names)
    return Component(
        replace(
            model,
            blocks=[model.blocks[i] for i in blocks],
            hamiltonian=[term.among(names, share) for term in model.hamiltonian if term.coupled <= names],
            jumps=[model.jumps[i].among(names, share) for i in places],
            order_parameters={},
            averages=own or [next(o.label for o in model.all_averages() if o.block in blocks)],
            modes=[model.modes[i] for i in modes],
        ),
        blocks,
        places,
        modes,
        share,
        tuple(i for i, term in model.potentials.items() if term.coupled <= names),
    )
