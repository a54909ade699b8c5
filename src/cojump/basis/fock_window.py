"""Some of the Fock states of a boson mode: the axis that a mode has in the state of a trajectory."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.sparse import csr_array, diags_array

from ..tools.types import Array

_BEYOND = 24
"""Fock states beyond a window that the exponential of a displacement is made with, and some per quantum of it."""


class FockWindow:
    """The Fock states |lo> .. |hi - 1> of a mode.

    Parameters
    ----------
    lo, hi : int
        First and past-last number of quanta.
    """

    def __init__(self, lo: int, hi: int) -> None:
        self.lo, self.hi, self.dim = lo, hi, hi - lo

    @property
    def quanta(self) -> Array:
        """(dim,) numbers of quanta."""
        return np.arange(self.lo, self.hi, dtype=float)

    @cached_property
    def lowering(self) -> csr_array:
        """The operator a, a sparse (dim, dim) matrix; what leaves the window is cut off."""
        return csr_array(diags_array(np.sqrt(self.quanta[1:]), offsets=1, shape=(self.dim, self.dim)))

    @cached_property
    def raising(self) -> csr_array:
        """The operator a†, a sparse (dim, dim) matrix; what leaves the window is cut off."""
        return csr_array(self.lowering.T)


def displacement(delta: complex, source: tuple[int, int], target: tuple[int, int]) -> NDArray[np.complex128]:
    """The operator D(δ) = exp(δ a† - δ* a) from one window to another, a (target, source) matrix.

    It is made of the exponential on more Fock states than both have: what the cut at the end of these changes does not
    get down to the windows.
    """
    top = max(source[1], target[1])
    size = top + _BEYOND + int(4 * abs(delta) * (abs(delta) + np.sqrt(top)))
    raising = np.diag(np.sqrt(np.arange(1.0, size)), -1)
    made: NDArray[np.complex128] = expm(delta * raising - np.conj(delta) * raising.T)
    return np.ascontiguousarray(made[slice(*target), slice(*source)])
