"""Independent parts of a model: groups of blocks that nothing couples.

Two blocks are coupled by a two-body term, by an operator-valued rate of one that depends on the other, or by a
collective jump on both. Blocks of different groups never become entangled: from a product start the state of a
trajectory stays a product over the groups, its no-jump norm too, so each group has waiting times and jumps of its
own. Treating them apart replaces the product of their dimensions by the sum. (Hopfield blocks with orthogonal
signatures are the standing example.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .facts import once_per_model
from .model import Model


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
    """

    model: Model
    blocks: tuple[int, ...]
    jumps: tuple[int, ...]


@once_per_model
def components(model: Model) -> tuple[Component, ...]:
    """Split a model into its independent groups of blocks, in the order of their first blocks."""
    group = {block.name: {block.name} for block in model.blocks}
    for term in model.terms:
        merged = set().union(*(group[name] for name in term.coupled))
        for name in merged:
            group[name] = merged
    parts = []
    for block in model.blocks:
        if block.name == min(group[block.name], key=model.block_index):
            parts.append(_restrict(model, group[block.name]))
    return tuple(parts)


def _restrict(model: Model, names: set[str]) -> Component:
    if len(names) == len(model.blocks):
        return Component(model, tuple(range(len(model.blocks))), tuple(range(len(model.jumps))))
    blocks = tuple(i for i, b in enumerate(model.blocks) if b.name in names)
    share = sum(model.blocks[i].size for i in blocks) / model.size
    places = tuple(i for i, jump in enumerate(model.jumps) if jump.coupled <= names)
    return Component(
        replace(
            model,
            blocks=[model.blocks[i] for i in blocks],
            hamiltonian=[term.among(names, share) for term in model.hamiltonian if term.coupled <= names],
            jumps=[model.jumps[i].among(names, share) for i in places],
            order_parameters={},
            averages=[o.label for o in model.observables if o.block in blocks]
            or [next(o.label for o in model.all_averages() if o.block in blocks)],
        ),
        blocks,
        places,
    )
