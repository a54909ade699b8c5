"""The end of another run as a state in other frames of one particle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..model import Block
from ..model.final_states import FinalFactor
from ..tools.types import Matrix
from .rotations import representation, rotated
from .sectors import dimension_of, sector_of
from .spin_sector import turned

Ket = NDArray[np.complex128]

_SAME = 1e-14
"""Difference of two frames that is rounding."""

_LARGE = 300
"""Dimension of a sector of more than two levels up to which a change of frame is made as a matrix."""


def in_frames(
    blocks: Sequence[Block], final: FinalFactor, frames: Sequence[Matrix]
) -> tuple[tuple[tuple[int, int], ...], Ket]:
    """Windows and amplitudes of a state over the basis states of other frames, whose kets are columns of ``frames``.

    What the two frames have in common keeps its window; a block that is turned gets the whole of its sector. The
    global phase is not kept.

    Raises
    ------
    ArgumentError, ValueError
        If a window is not in its sector.
    """
    tensor, window = final.amplitudes, list(final.window)
    for axis, (block, label, own, wanted) in enumerate(zip(blocks, final.labels, final.frames, frames, strict=True)):
        dim = dimension_of(block, label)
        if window[axis][1] > dim:
            raise ValueError(f"a final state has more than the {dim:,} states of its sector")
        relative = wanted.conj().T @ own
        if np.abs(relative - np.eye(block.levels)).max() < _SAME:
            continue
        rows = np.moveaxis(tensor, axis, 0)
        whole = np.zeros((dim, *rows.shape[1:]), dtype=complex)
        whole[slice(*window[axis])] = rows
        columns = whole.reshape(dim, -1)
        if isinstance(label, int):
            columns = turned(label, relative, columns)
        elif dim <= _LARGE:
            columns = representation(sector_of(block, label), relative) @ columns
        else:
            columns = rotated(sector_of(block, label), relative, columns)
        tensor, window[axis] = np.moveaxis(columns.reshape(whole.shape), 0, axis), (0, dim)
    return tuple(window), np.ascontiguousarray(tensor)
