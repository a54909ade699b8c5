"""Independent parts of a model: groups of blocks that nothing couples.

Two blocks are coupled by a two-body term, by an operator-valued rate of one that depends on the other, or by a
collective jump on both. Blocks of different groups never become entangled: from a product start the state of a
trajectory stays a product over the groups, its no-jump norm too, so each group has waiting times and jumps of its
own. Treating them apart replaces the product of their dimensions by the sum. (Hopfield blocks with orthogonal
signatures are the standing example.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hamiltonian import OneBody, TwoBody
from .jumps import CollectiveJump, LocalJump
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


def _touched(term: OneBody | TwoBody | LocalJump | CollectiveJump) -> set[str]:
    """Names of the blocks that a term couples."""
    if isinstance(term, OneBody):
        return {term.block}
    if isinstance(term, TwoBody):
        return set(term.blocks)
    if isinstance(term, LocalJump):
        return {term.block, *(name for name, x in term.argument.items() if np.any(x))}
    return {name for name, y in term.matrices.items() if np.any(y)} or set(term.matrices)


def components(model: Model) -> tuple[Component, ...]:
    """Split a model into its independent groups of blocks, in the order of their first blocks."""
    group = {block.name: {block.name} for block in model.blocks}
    for term in (*model.hamiltonian, *model.jumps):
        merged = set().union(*(group[name] for name in _touched(term)))
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
    hamiltonian: list[OneBody | TwoBody] = []
    for term in model.hamiltonian:
        if not _touched(term) <= names:
            continue
        if isinstance(term, TwoBody):
            term = TwoBody(term.first, term.second, term.strength * share, term.blocks)
        hamiltonian.append(term)
    jumps: list[LocalJump | CollectiveJump] = []
    places = tuple(i for i, jump in enumerate(model.jumps) if _touched(jump) <= names)
    for i in places:
        jump = model.jumps[i]
        if isinstance(jump, CollectiveJump):
            inside = {name: y for name, y in jump.matrices.items() if name in names}
            jump = CollectiveJump(inside, jump.rate * share)
        elif not set(jump.argument) <= names:
            inside = {name: x for name, x in jump.argument.items() if name in names}
            jump = _with_argument(jump, inside)
        jumps.append(jump)
    return Component(Model([model.blocks[i] for i in blocks], hamiltonian, jumps), blocks, places)


def _with_argument(jump: LocalJump, argument: dict[str, np.ndarray]) -> LocalJump:
    """The same jump without the zero matrices of blocks outside (an argument of zero stays one)."""
    return LocalJump(
        jump.matrix,
        jump.block,
        amplitude=jump.amplitude,
        rate=jump.rate,
        argument=argument or {jump.block: np.zeros_like(jump.matrix)},
        exclude_self=jump.exclude_self,
        derivatives=jump.derivatives,
    )
