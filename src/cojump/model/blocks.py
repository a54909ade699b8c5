"""Blocks of exchangeable particles."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ArgumentError
from ..tools import checks

MOST_LEVELS = 64
"""Levels of a particle; d² observables of d² numbers each are made for every block."""


def checked_block_name(name: str, value: object) -> str:
    """Return ``value`` if it can name a block, or raise an ArgumentError about ``name``."""
    return checks.text_of_a_name(name, value, "a block")


@dataclass(frozen=True)
class Block:
    """``size`` exchangeable particles of ``levels`` levels each.

    Parameters
    ----------
    name : str
        How operators and labels refer to the block.
    size : int
        Number of particles, at least 1.
    levels : int
        Number of levels d of one particle, from 2 to 64: results hold d² averages and their products.

    Raises
    ------
    ArgumentError
        If a name, a size or a number of levels is out of range.

    Examples
    --------
    >>> spins, ions = cj.Block("spins", size=100), cj.Block("ions", size=20, levels=3)
    >>> model = cj.Model([spins, ions])
    >>> model.size, model.labels[:5]
    (120, ('spins.x', 'spins.y', 'spins.z', 'ions.n0', 'ions.n1'))
    """

    name: str
    size: int
    levels: int = 2

    def __post_init__(self) -> None:
        checked_block_name("name", self.name)
        if "." in self.name:
            raise ArgumentError("name", "have no '.' (labels are 'block.x')", f"it is {checks.shown(self.name)}")
        object.__setattr__(self, "size", checks.integer("size", self.size, 1))
        object.__setattr__(
            self, "levels", checks.integer("levels", checks.integer("levels", self.levels, 2), 2, MOST_LEVELS)
        )
