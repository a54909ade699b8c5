"""Arrays that the kernels work in, made once for many trajectories."""

from __future__ import annotations

import numpy as np

from ..tools.types import Array
from .kernels.common import MAX_ORDER, Work


def work_space(cells: int, channels: int) -> Work:
    """Work space for states of ``cells`` cells, padding included."""

    def pair(*shape: int) -> tuple[Array, Array]:
        return np.zeros((*shape, cells)), np.zeros((*shape, cells))

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
