"""Arrays that the kernels work in, made once for many trajectories."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tools.memory import for_each_rank
from ..tools.types import Array
from .kernels.common import MAX_ORDER, Work
from .kernels.nothing import Nothing
from .kernels.product_rows import ProductWork

_LINE = 64
"""Bytes of a line of the cache: a vector that lies in two of them takes twice as long to load."""


def aligned(*shape: int) -> Array:
    """An array of zeros that begins with a line of the cache."""
    size = int(np.prod(shape))
    made = np.zeros(size + _LINE // 8)
    first = -made.ctypes.data % _LINE // 8
    return made[first : first + size].reshape(shape)


_USUAL = 12
"""Rows of a series that most steps need, with the state before and after it."""


_UNASKED = 2**18
"""Cells for which there is memory everywhere: to ask the system how much there is takes as long as a small step."""


def check_growth(cells: int, box: str) -> None:
    """Raise MemoryError where a state has come to need more cells than a rank has memory for.

    What a model needs is checked before any work, but no number of quanta is the last one.
    """
    if cells < _UNASKED:
        return
    needed, have = 16.0 * cells * _USUAL, for_each_rank()
    if needed > have:
        raise MemoryError(
            f"a state has come to need a box of {box} basis states, {needed / 2**30:,.1f} GiB with the rows of a step, "
            f"and there are {have / 2**30:,.2f} GiB for it"
        )


def work_space(cells: int, channels: int, *, is_real: bool = False) -> Work:
    """Work space for states of ``cells`` cells, padding included; without imaginary parts if they stay real."""

    def pair(*shape: int) -> tuple[Array, Any]:
        return aligned(*shape, cells), aligned(*shape, cells)

    def state(*shape: int) -> tuple[Array, Any]:
        return aligned(*shape, cells), Nothing(len(shape) + 1) if is_real else aligned(*shape, cells)

    return Work(
        *state(MAX_ORDER + 1),
        *pair(2),
        *pair(),
        *state(),
        *state(),
        *state(2),
        norms=np.zeros(MAX_ORDER + 1),
        weights=np.zeros((channels, 4)),
    )


def product_work(cells: int) -> ProductWork:
    """Work space for states of several blocks, or of any levels, of so many cells."""
    rows = MAX_ORDER + 1
    return ProductWork(
        *(aligned(rows, cells), aligned(rows, cells), aligned(cells), aligned(cells)),
        *(np.zeros(rows), np.zeros(rows)),
        np.zeros(2, dtype=np.int64),
        np.zeros((rows, cells // 2 + 1), dtype=np.uint8),  # a row has two cells or more, or is the only one
    )
