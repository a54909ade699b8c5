"""The density matrix of some particles of each block, from a state in a sector; of all of them, of the whole system.

An exchangeable state in V_λ ⊗ S_λ is ρ_λ ⊗ 1/f_λ. Taken out one by one, particles lead from λ over smaller and smaller
diagrams. S_λ falls into the S_μ of the ways to take one out, and the maximally mixed state on it into these with the
weights f_μ/f_λ, without coherence between them. So with C_λ^μ the isometry from V_λ to C^d ⊗ V_μ

    tr_{N-1} ρ = Σ_μ (f_μ/f_λ) tr_{V_μ} C_λ^μ ρ_λ C_λ^μ†,

and again for the next particle. What is left of a block, and the ways, are an environment that is traced out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ..errors import ArgumentError
from ..model import Block, Model
from ..tools import checks
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Matrix
from .diagram_sector import diagram_sector
from .particle_removal import Label
from .sectors import Sector
from .spin_sector import spin_sector

MOST_STATES = 4096
"""Of a density matrix that is written out: 256 MB."""

_MEMORY = 64 * 2**20
"""Bytes of matrices that take a particle out, kept for the next state."""

Tensor = NDArray[np.complex128]


def taken_out(
    blocks: Sequence[Block], labels: Sequence[Label], frames: Sequence[Matrix], tensor: Tensor, counts: Sequence[int]
) -> Matrix:
    """(D, D) density matrix of counts[b] particles of each block b, D = Π d_b^counts[b].

    Parameters
    ----------
    blocks, labels : sequences
        The blocks that are entangled with each other, and their sectors.
    frames : sequence of (d, d) arrays
        Kets of one particle that the amplitudes belong to, the columns; the result is in the user's frame.
    tensor : array
        Amplitudes: an axis for each block over the whole of its sector, and any others, which are traced out.
    counts : sequence of int

    Returns
    -------
    (D, D) array
        In the product basis, block by block, the first particle being the most significant digit.
    """
    dims = tensor.shape[: len(blocks)]
    # axes: particles that are out, the block in hand, the blocks after it, everything else
    whole = tensor.reshape(1, *dims, prod(tensor.shape[len(blocks) :]))
    for b, (block, label, frame) in enumerate(zip(blocks, labels, frames, strict=True)):
        P, E, after = whole.shape[0], whole.shape[-1], dims[b + 1 :]
        states = {label: whole.reshape(P, dims[b], prod(after), E)}
        for size in range(block.size, block.size - counts[b], -1):
            states = _without_one(block, size, frame, states)
        left = [s.transpose(0, 2, 1, 3).reshape(s.shape[0], s.shape[2], -1) for s in states.values()]
        made = np.concatenate(left, axis=2)
        whole = made.reshape(made.shape[0], *after, made.shape[2])
    vectors = whole.reshape(whole.shape[0], -1)
    return np.asarray(vectors @ vectors.conj().T)


@dataclass(frozen=True, eq=False)
class _Way:
    """One way to take a particle out: the sector of the others, and √(f_μ/f_λ) C_λ^μ, its d parts one below another."""

    rest: Label
    out: csr_array


@dataclass(frozen=True, eq=False)
class _Ways:
    """All ways to take one of N particles out of a sector."""

    ways: tuple[_Way, ...]

    @property
    def nbytes(self) -> int:
        return sum(w.out.data.nbytes + w.out.indices.nbytes + w.out.indptr.nbytes for w in self.ways)


_known: CacheByBytes[tuple[int, int, Label], _Ways] = CacheByBytes(_MEMORY)


def _ways(levels: int, size: int, label: Label) -> tuple[_Way, ...]:
    def made() -> _Ways:
        sector: Sector = spin_sector(size, label) if levels == 2 else diagram_sector(label)
        moves = sector.moves()
        return _Ways(tuple(_Way(m.rest, csr_array(vstack(m.back) * np.sqrt(m.weight / size))) for m in moves))

    return _known.get((levels, size, label), made).ways


def _without_one(block: Block, size: int, frame: Matrix, states: Mapping[Label, Tensor]) -> dict[Label, Tensor]:
    """States (P, dim λ, n, E) of so many particles with one taken out: (P d, dim μ, n, E') by μ."""
    found: dict[Label, list[Tensor]] = {}
    for label, state in states.items():
        P, dim, others, E = state.shape
        rows = state.transpose(1, 0, 2, 3).reshape(dim, -1)
        for way in _ways(block.levels, size, label):
            out = frame @ (way.out @ rows).reshape(block.levels, -1)
            made = out.reshape(block.levels, -1, P, others, E).transpose(2, 0, 1, 3, 4)
            found.setdefault(way.rest, []).append(made.reshape(P * block.levels, -1, others, E))
    return {rest: np.concatenate(parts, axis=3) for rest, parts in found.items()}


def check_counts(model: Model, name: str, counts: Any, most: int = MOST_STATES) -> dict[int, int]:
    """How many particles of each block, by its position; ArgumentError about ``name`` if they break a rule."""
    checks.mapping(name, counts, "map blocks to numbers of particles, {block: number}")
    if not counts:
        raise ArgumentError(name, "name at least one block", "it is empty")
    model.check_keys(name, counts)
    found, states = {}, 1
    for key, value in counts.items():
        block = model.blocks[model.block_index(key)]
        count = checks.integer(f"{name}[{key!r}]", value, 1, block.size)
        found[model.block_index(key)] = count
        states *= block.levels ** min(count, 64)
    if states > most:
        raise ArgumentError(
            name, f"be of particles that have at most {most:,} states", f"they have {float(states):.4g}"
        )
    return found


def joined(parts: Sequence[tuple[Sequence[int], Matrix]], levels: Sequence[int]) -> Matrix:
    """The product of density matrices of separate groups of particles, with the particles in a given order.

    Parameters
    ----------
    parts : sequence of (places, matrix)
        Of each group, where its particles stand in the result, in its own order.
    levels : sequence of int
        Of each particle of the result.
    """
    n, order = len(levels), [place for places, _ in parts for place in places]
    product: Any = np.ones((1, 1), dtype=complex)
    for _, matrix in parts:
        product = np.kron(product, matrix)
    if order == list(range(n)):
        return np.asarray(product)
    shape = [levels[place] for place in order]
    back = np.argsort(order).tolist()
    tensor = product.reshape(*shape, *shape).transpose(*back, *(n + place for place in back))
    D = prod(levels)
    return np.asarray(tensor.reshape(D, D))
