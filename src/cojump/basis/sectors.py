"""The sectors of one block, whatever its number of levels: what everything above asks of the basis.

(C^d)^{⊗N} = ⊕_λ V_λ ⊗ S_λ over Young diagrams λ. A sector has a label, a dimension, the collective operators on V_λ,
the ways to take one particle out (and to put one in), and the number f_λ of its copies. The label of a two-level block
is the integer 2J, that of a block of d ≥ 3 levels the diagram λ, a tuple of d integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, factorial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..model import Block
from ..tools.types import Matrix
from .diagram_sector import diagram_sector
from .particle_removal import Label, Removal
from .spin_sector import spin_sector
from .young_diagrams import Diagram, diagrams, dimension, largest_dimension, with_box

Labels = tuple[Label, ...]
"""A sector of a model: one label for each block."""


class Sector(Protocol):
    """V_λ of one block."""

    @property
    def N(self) -> int:
        """Number of particles."""

    @property
    def dim(self) -> int:
        """Dimension of V_λ."""

    @property
    def occupations(self) -> NDArray[np.int64]:
        """(dim, d) number of particles in each level in each basis state."""

    @property
    def places(self) -> slice | NDArray[np.int64]:
        """Where the basis states are in a table over all occupations of the N particles (Occupations)."""

    @property
    def log_copies(self) -> float:
        """Logarithm of f_λ, f_λ = dim S_λ."""

    def one_body(self, matrix: Matrix) -> csr_array:
        """Σ_k matrix^(k) for any (d, d) matrix, a sparse (dim, dim) matrix."""

    def product(self, first: Matrix, second: Matrix) -> csr_array:
        """Σ_k first^(k) Σ_j second^(j), a sparse (dim, dim) matrix."""

    def removals(self) -> Sequence[tuple[Label, float]]:
        """Label of μ and weight N f_μ/f_λ of all ways to take a particle out."""

    def moves(self) -> Sequence[Removal]:
        """All ways to take a particle out, with their matrices."""

    def entrance(self, rest: Label, /) -> Sequence[csr_array]:
        """C_λ^μ as d sparse (dim μ, dim λ) matrices; their adjoints put a particle into λ."""


def sector_labels(block: Block) -> list[Label]:
    """Labels of all sectors of a block, the symmetric sector (the largest total spin) last."""
    if block.levels == 2:
        return list(range(block.size % 2, block.size + 1, 2))
    return list(diagrams(block.size, block.levels))


def sector_of(block: Block, label: Label, window: tuple[int, int] | None = None) -> Sector:
    """The sector of a block with that label; recent ones are kept (see the two modules of sectors).

    Parameters
    ----------
    block : Block
    label : int or tuple
    window : (int, int), optional
        First and past-last state; two levels only. Operators are cut at its ends.
    """
    if block.levels == 2:
        return spin_sector(block.size, label, window)
    assert window is None
    return diagram_sector(label)


def rest_sector_of(block: Block, rest: Label) -> Sector:
    """The sector μ of the N - 1 particles that are left when one is taken out of the block (perhaps none)."""
    return spin_sector(block.size - 1, rest) if block.levels == 2 else diagram_sector(rest)


def dimension_of(block: Block, label: Label) -> int:
    """Dimension of a sector, without making it."""
    return label + 1 if block.levels == 2 else dimension(label)


def largest_sector(block: Block) -> int:
    """Upper bound on the dimension of all sectors of a block; the dimension of the largest for two levels."""
    return largest_dimension(block.size, block.levels)


def most_sectors(block: Block) -> int:
    """Upper bound on the number of sectors of a block.

    A diagram is a set of d different numbers l_i = λ_i + d - i ≥ 0 of given sum, of which all orders are counted here.
    """
    d = block.levels
    total = block.size + d * (d - 1) // 2
    return min(comb(total + d - 1, d - 1) // factorial(d) + 1, 10**100)  # more than that is used as a float


def grown(block: Block, rest: Label) -> list[Label]:
    """Labels of the sectors of the block that μ of one particle fewer may become when one is put in."""
    if block.levels == 2:
        return [two_J for two_J in (rest - 1, rest + 1) if two_J >= 0]
    bigger = (with_box(rest, row) for row in range(block.levels))
    return [diagram for diagram in bigger if diagram is not None]


def rows_of(block: Block, label: Label) -> Diagram:
    """Young diagram of a sector, its d rows; (N/2 + J, N/2 - J) for two levels."""
    return ((block.size + label) // 2, (block.size - label) // 2) if block.levels == 2 else label
