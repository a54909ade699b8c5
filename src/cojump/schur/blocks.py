"""The sectors of one block, whatever its number of levels: what everything above asks of the basis.

(C^d)^{⊗N} = ⊕_λ V_λ ⊗ S_λ over Young diagrams λ. A sector has a label, a dimension, the collective operators on V_λ,
the ways to take one particle out (and to put one in), and the number f_λ of its copies. The label of a two-level block
is the integer 2J, that of a block of d ≥ 3 levels the diagram λ, a tuple of d integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import UnsupportedError
from ..model import Block
from .spin_sector import spin_sector

Matrix = NDArray[np.complex128]


Label = Any
"""An integer 2J, or a tuple λ."""


class Removal(Protocol):
    """One way to take a particle out of V_λ towards V_μ of the N - 1 others."""

    @property
    def rest(self) -> Label:
        """Label of μ."""

    @property
    def out(self) -> Sequence[csr_array]:
        """The d sparse (dim μ, dim λ) matrices sqrt(N f_μ/f_λ) <s| C_λ^μ, s a state of the particle."""

    @property
    def back(self) -> Sequence[csr_array]:
        """The same without the weight: C_λ^μ itself, an isometry."""


class Sector(Protocol):
    """V_λ of one block."""

    @property
    def dim(self) -> int:
        """Dimension of V_λ."""

    @property
    def occupations(self) -> NDArray[np.int64]:
        """(dim, d) number of particles in each level in each basis state."""

    @property
    def log_copies(self) -> float:
        """Logarithm of f_λ, f_λ = dim S_λ."""

    def one_body(self, matrix: Matrix) -> csr_array:
        """Σ_k matrix^(k) for any (d, d) matrix, a sparse (dim, dim) matrix."""

    def moves(self) -> Sequence[Removal]:
        """All ways to take a particle out."""

    def entrance(self, rest: Label, /) -> Sequence[csr_array]:
        """C_λ^μ as d sparse (dim μ, dim λ) matrices; their adjoints put a particle into λ."""


def sector_labels(block: Block) -> list[Label]:
    """Labels of all sectors of a block, the largest total spin (the symmetric sector) last.

    Raises
    ------
    UnsupportedError
        If the block has more than two levels.
    """
    _two_levels(block)
    return list(range(block.size % 2, block.size + 1, 2))


def sector_of(block: Block, label: Label) -> Sector:
    """The sector of a block with that label."""
    _two_levels(block)
    assert isinstance(label, int)
    return spin_sector(block.size, label)


def rest_sector_of(block: Block, label: Label) -> Sector:
    """The sector μ of the N - 1 particles that stay when one is taken out of a block."""
    _two_levels(block)
    assert isinstance(label, int)
    return spin_sector(block.size - 1, label)


def _two_levels(block: Block) -> None:
    if block.levels != 2:
        raise UnsupportedError(f"The basis holds two levels so far, but block {block.name!r} has {block.levels}")
