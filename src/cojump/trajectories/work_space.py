"""Arrays that the kernels work in, made once for many trajectories."""

from __future__ import annotations

import numpy as np

from ..tools.types import Array
from .kernels.common import MAX_ORDER, Work

_LINE = 64
"""Bytes of a line of the cache: a vector that lies in two of them takes twice as long to load."""


def aligned(*shape: int) -> Array:
    """An array of zeros that begins with a line of the cache."""
    size = int(np.prod(shape))
    made = np.zeros(size + _LINE // 8)
    first = -made.ctypes.data % _LINE // 8
    return made[first : first + size].reshape(shape)


def work_space(cells: int, channels: int) -> Work:
    """Work space for states of ``cells`` cells, padding included."""

    def pair(*shape: int) -> tuple[Array, Array]:
        return aligned(*shape, cells), aligned(*shape, cells)

    return Work(
        *pair(MAX_ORDER + 1),
        *pair(2),
        *pair(),
        *pair(),
        *pair(),
        *pair(2),
        norms=np.zeros(MAX_ORDER + 1),
        weights=np.zeros((channels, 4)),
    )
