"""Exchangeable states of one block as density matrices, sector by sector: ρ = ⊕_λ ρ_λ ⊗ 1/f_λ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import xlogy

from ..model import Block
from ..model.states import BlockState, DickeBlock, OccupationBlock, ProductBlock, SectorBlock
from ..tools.matrices import conjugate, is_diagonal
from ..tools.types import Array, Matrix
from .particle_removal import Label
from .rotations import representation
from .sectors import sector_labels, sector_of

_NONE = 1e-14
"""Eigenvalue of a single-particle density matrix below which it is rounding."""

_COHERENT = 1e-13
"""A coherence beyond this is none that rounding makes."""


def occupied_labels(block: Block, state: BlockState) -> list[Label]:
    """Sectors that a state of a block may occupy: known without any work, for states of any size."""
    if isinstance(state, DickeBlock | SectorBlock):
        return [state.two_J]
    if isinstance(state, OccupationBlock):
        return [state.rows]
    labels = sector_labels(block)
    return labels if is_spread(state) else labels[-1:]


def labels_of_any(block: Block, states: Sequence[BlockState]) -> list[Label]:
    """Sectors that one of some states of a block may occupy."""
    lists = sorted((occupied_labels(block, state) for state in states), key=len, reverse=True)
    return list(dict.fromkeys(label for own in lists for label in own))


def is_spread(state: BlockState) -> bool:
    """Whether a state of a block occupies all sectors: a mixed product state."""
    return isinstance(state, ProductBlock) and bool(np.sum(np.linalg.eigvalsh(state.density) > _NONE) > 1)


def block_densities(block: Block, state: BlockState) -> dict[Label, Matrix]:
    """ρ_λ (dim, dim) of every sector that a state of a block occupies; their traces add up to 1.

    A product state r^{⊗N} has ρ_λ = f_λ π_λ(r): in the eigenbasis of r a basis state of V_λ has the weight
    Π_s p_s^{n_s} of its occupation numbers. |J, M> is spread evenly over the copies of its sector, and a symmetric
    state is pure.
    """
    if isinstance(state, ProductBlock):
        p, kets = np.linalg.eigh(state.density)
        found: dict[Label, Matrix] = {}
        for label, weights in _product_populations(block, occupied_labels(block, state), p).items():
            turn = representation(sector_of(block, label), kets)
            found[label] = (turn * weights) @ turn.conj().T
        total = sum(float(np.trace(rho).real) for rho in found.values())
        return {label: rho / total for label, rho in found.items()}
    (label,) = occupied_labels(block, state)
    if isinstance(state, OccupationBlock):
        ket = (sector_of(block, label).occupations == state.occupations).all(axis=1).astype(complex)
    elif isinstance(state, DickeBlock):
        up = (state.size + state.two_M) // 2
        ket = (sector_of(block, label).occupations[:, 0] == up).astype(complex)
    else:
        fewest = (state.size - state.two_J) // 2 if isinstance(state, SectorBlock) else 0  # down, at M = J
        ket = state.amplitudes[sector_of(block, label).occupations[:, 1] - fewest]
    return {label: np.outer(ket, ket.conj())}


def has_coherences(state: BlockState, unitary: Matrix | None = None) -> bool:
    """Whether ``block_densities`` are not diagonal in another basis of one particle."""
    if isinstance(state, ProductBlock):
        return not is_diagonal(state.density if unitary is None else conjugate(unitary, state.density), _COHERENT)
    amplitudes = getattr(state, "amplitudes", np.ones(1))  # |J, M> has one
    return unitary is not None or np.count_nonzero(np.abs(amplitudes) ** 2 > _NONE) != 1


def block_populations(block: Block, state: BlockState, unitary: Matrix | None = None) -> dict[Label, Array]:
    """The diagonals (dim,) of ``block_densities`` in another basis of one particle, of a state without coherences."""
    if not isinstance(state, ProductBlock):
        return {label: rho.diagonal().real.copy() for label, rho in block_densities(block, state).items()}
    density = state.density if unitary is None else conjugate(unitary, state.density)
    found = _product_populations(block, occupied_labels(block, state), density.diagonal().real)
    total = sum(float(weights.sum()) for weights in found.values())
    return {label: weights / total for label, weights in found.items()}


def _product_populations(block: Block, labels: Sequence[Label], p: Array) -> dict[Label, Array]:
    """The weights of the basis states of each sector in a product state that is diagonal, with the eigenvalues p (d,),
    up to a common factor.
    """
    p = np.where(p > _NONE, p, 0.0)
    found = {}
    for label in labels:
        sector = sector_of(block, label)
        logs: Any = xlogy(sector.occupations, p / p.sum()).sum(axis=1)
        weights = np.exp(logs + sector.log_copies)
        if weights.any():
            found[label] = weights
    return found
