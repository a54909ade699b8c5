"""A few particles set apart from their block: the same model with more blocks.

A local operator O = x^(1) is no collective operator of its block, but it is one of a block of a single particle. The
model with that particle as a block of its own is the same model, if every average keeps its normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from ...model import Block, LocalJump, Model, OneBody, TwoBody


@dataclass(frozen=True, eq=False)
class SetApart:
    """A model whose block ``block`` is split.

    Attributes
    ----------
    model : Model
        The particles set apart are the first blocks, of one particle each; the rest of the block follows, then the
        other blocks.
    jumps : tuple of tuples of int
        For each jump of the original model, the jumps of ``model`` that it has become.
    """

    model: Model
    jumps: tuple[tuple[int, ...], ...]


def set_apart(model: Model, block: int, count: int) -> SetApart:
    """Make blocks of their own of ``count`` particles of a block, which has at least so many."""
    split = model.blocks[block]
    pieces = [Block(f"{split.name}, particle {i + 1}", 1, split.levels) for i in range(count)]
    if split.size > count:
        pieces.append(Block(f"{split.name}, others", split.size - count, split.levels))
    parts = {b.name: [b] for b in model.blocks}
    parts[split.name] = pieces
    blocks = [*pieces, *(b for b in model.blocks if b is not split)]

    hamiltonian: list[OneBody | TwoBody] = []
    for one in model.one_body:
        hamiltonian += [replace(one, block=piece.name) for piece in parts[one.block]]
    for two in model.two_body:
        pairs = product(parts[two.blocks[0]], parts[two.blocks[1]])
        hamiltonian += [replace(two, blocks=(first.name, second.name)) for first, second in pairs]
    jumps: list[LocalJump] = []
    becomes: list[tuple[int, ...]] = []
    for jump in model.local_jumps.values():
        # (1/N_b) Σ over all of the block = Σ over its pieces of (size/N_b) times the average of the piece
        arguments = [
            {
                piece.name: matrix * (piece.size / model.blocks[model.block_index(name)].size)
                for name, matrix in argument.items()
                for piece in parts[name]
            }
            for argument in jump.arguments
        ]
        made = jump.of(arguments) if arguments else jump
        first = len(jumps)
        jumps += [replace(made, block=piece.name) for piece in parts[jump.block]]
        becomes.append(tuple(range(first, len(jumps))))
    apart = replace(model, blocks=blocks, hamiltonian=hamiltonian, jumps=jumps, order_parameters={})
    return SetApart(apart, tuple(becomes))
