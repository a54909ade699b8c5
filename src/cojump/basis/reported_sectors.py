"""Sectors as trajectories report them: total spins where all blocks have two levels, rows of diagrams elsewhere.

- Blocks of two levels only: the total spin J of each block, a number per block (just J for a single block).
- A block of more levels among them: the rows of the Young diagram of every block, D integers per block, D the largest
  number of levels; blocks of fewer levels are filled up with zeros, and (N/2 + J, N/2 - J) stands for J.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..model import Block
from .particle_removal import Label
from .sectors import rows_of

JUMP = np.dtype([("time", "f8"), ("channel", "i8"), ("sector", "f8")])
"""One entry of a jump record: when, which of ``model.jumps``, and the sector after the jump (here one spin J)."""


def has_spins(blocks: Sequence[Block]) -> bool:
    """Whether sectors are reported as total spins."""
    return all(b.levels == 2 for b in blocks)


def _rows(blocks: Sequence[Block]) -> int:
    """Number of rows that a diagram is reported with."""
    return max(b.levels for b in blocks)


def jump_type(blocks: Sequence[Block]) -> np.dtype[np.void]:
    """Type of one entry of the jump record of a model with these blocks."""
    if has_spins(blocks) and len(blocks) == 1:
        return JUMP
    shape = sector_array(blocks, []).shape[1:]
    return np.dtype([*JUMP.descr[:2], ("sector", "f8" if has_spins(blocks) else "i8", shape)])


def sector_array(blocks: Sequence[Block], labels: Sequence[Sequence[Label]]) -> NDArray:
    """Sectors (n, ...) of n points of a trajectory from the labels of all blocks at each of them."""
    if has_spins(blocks):
        return reported_spins(np.array(labels, dtype=float).reshape(len(labels), len(blocks)))
    made = np.zeros((len(labels), len(blocks), _rows(blocks)), dtype=np.int64)
    for n, point in enumerate(labels):
        if n and point == labels[n - 1]:
            made[n] = made[n - 1]
            continue
        for b, (block, label) in enumerate(zip(blocks, point, strict=True)):
            made[n, b, : block.levels] = rows_of(block, label)
    return made[:, 0] if len(blocks) == 1 else made


def reported_spins(two_J: NDArray) -> NDArray[np.float64]:
    """The same where all blocks have two levels, from the numbers 2J (n, blocks)."""
    spins: NDArray[np.float64] = two_J / 2
    return spins[:, 0] if spins.shape[1] == 1 else spins


def spins_in(blocks: Sequence[Block], sectors: NDArray) -> NDArray[np.float64]:
    """(n, number of two-level blocks) total spins in reported sectors (n, ...)."""
    if has_spins(blocks):
        return sectors.reshape(len(sectors), len(blocks))
    rows = sectors.reshape(len(sectors), len(blocks), _rows(blocks))
    pairs = rows[:, [b for b, block in enumerate(blocks) if block.levels == 2]]
    return (pairs[..., 0] - pairs[..., 1]) / 2


class Places:
    """Where sectors of some of the blocks, reported by themselves, are among those of all blocks.

    Parameters
    ----------
    blocks : sequence of Block
        All of them.
    own : sequence of int
        Positions of the blocks that are reported by themselves.
    """

    def __init__(self, blocks: Sequence[Block], own: Sequence[int]) -> None:
        part = [blocks[b] for b in own]
        self._own, self._n, self._spins, self._rows = list(own), len(blocks), has_spins(blocks), _rows(blocks)
        self._levels = _rows(part)
        self._halves = np.array([b.size for b in part]) / 2 if has_spins(part) and not self._spins else None

    def as_of_all(self, sectors: NDArray) -> NDArray:
        """Sectors (n, ...) as (n, own blocks) spins or (n, own blocks, D) rows, D as it is where all are reported."""
        n, k = len(sectors), len(self._own)
        if self._spins:
            return sectors.reshape(n, k)
        made = np.zeros((n, k, self._rows), dtype=np.int64)
        if self._halves is not None:
            spins = sectors.reshape(n, k)
            made[:, :, 0], made[:, :, 1] = np.round(self._halves + spins), np.round(self._halves - spins)
        else:
            made[:, :, : self._levels] = sectors.reshape(n, k, self._levels)
        return made

    def write(self, sectors: NDArray, whole: NDArray) -> None:
        """Write the sectors (n, ...) into those of all blocks."""
        by_block = whole.reshape((len(sectors), self._n) if self._spins else (len(sectors), self._n, self._rows))
        by_block[:, self._own] = self.as_of_all(sectors)


def record_of(blocks: Sequence[Block], jumps: Sequence[tuple[float, int, tuple[Label, ...]]]) -> NDArray[np.void]:
    """The jump record of a trajectory as a structured array."""
    made = np.empty(len(jumps), dtype=jump_type(blocks))
    made["time"], made["channel"] = [j[0] for j in jumps], [j[1] for j in jumps]
    made["sector"] = sector_array(blocks, [j[2] for j in jumps])
    return made
