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
        spins = np.array(labels, dtype=float).reshape(len(labels), len(blocks)) / 2
        return spins[:, 0] if len(blocks) == 1 else spins
    made = np.zeros((len(labels), len(blocks), _rows(blocks)), dtype=np.int64)
    for n, point in enumerate(labels):
        for b, (block, label) in enumerate(zip(blocks, point, strict=True)):
            made[n, b, : block.levels] = rows_of(block, label)
    return made[:, 0] if len(blocks) == 1 else made


def spins_in(blocks: Sequence[Block], sectors: NDArray) -> NDArray[np.float64]:
    """(n, number of two-level blocks) total spins in reported sectors (n, ...)."""
    if has_spins(blocks):
        return sectors.reshape(len(sectors), len(blocks))
    rows = sectors.reshape(len(sectors), len(blocks), _rows(blocks))
    pairs = rows[:, [b for b, block in enumerate(blocks) if block.levels == 2]]
    return (pairs[..., 0] - pairs[..., 1]) / 2


def placed(blocks: Sequence[Block], own: Sequence[int], sectors: NDArray, whole: NDArray) -> None:
    """Write the sectors (n, ...) of the blocks ``own``, reported by themselves, into those of all blocks."""
    part = [blocks[b] for b in own]
    n = len(sectors)
    if has_spins(blocks):
        whole.reshape(n, len(blocks))[:, list(own)] = sectors.reshape(n, len(part))
        return
    target = whole.reshape(n, len(blocks), _rows(blocks))
    if has_spins(part):
        spins, sizes = sectors.reshape(n, len(part)), np.array([b.size for b in part])
        rows = np.round(np.stack([sizes / 2 + spins, sizes / 2 - spins], axis=-1)).astype(np.int64)
    else:
        rows = sectors.reshape(n, len(part), _rows(part))
    target[:, list(own), : rows.shape[2]] = rows


def record_of(blocks: Sequence[Block], jumps: Sequence[tuple[float, int, tuple[Label, ...]]]) -> NDArray[np.void]:
    """The jump record of a trajectory as a structured array."""
    made = np.empty(len(jumps), dtype=jump_type(blocks))
    made["time"], made["channel"] = [j[0] for j in jumps], [j[1] for j in jumps]
    made["sector"] = sector_array(blocks, [j[2] for j in jumps])
    return made
