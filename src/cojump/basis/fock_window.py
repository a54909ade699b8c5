"""Some of the Fock states of a boson mode: the axis that a mode has in the state of a trajectory."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.sparse import csr_array, diags_array

from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array

_BEYOND = 24
"""Fock states beyond a window that the exponential of a displacement is made with, and some per quantum of it."""

_SNAP = 64
"""Fock states by which a matrix that is kept grows."""

_MEMORY = 8 * 2**20
"""Bytes of matrices of displacements that are kept for the next one."""


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
    """The operator D(δ) = exp(δ a† - δ* a) from one window to another, a (target, source) matrix."""
    real = radial(abs(delta), max(source[1], target[1]))[slice(*target), slice(*source)]
    return np.ascontiguousarray(_phases(delta, target)[:, None] * real * _phases(delta, source).conj())


def radial(size: float, top: int) -> Array:
    """D(δ) of a real δ ≥ 0 on the Fock states below ``top``, a real matrix (and on some beyond, where it is wrong).

    It is made of the exponential on more Fock states: what the cut at the end of these changes does not get down to
    those below ``top``.
    """
    dim = top + _BEYOND + int(4 * size * (size + np.sqrt(top)))
    raising = np.diag(np.sqrt(np.arange(1.0, dim)), -1)
    made: Array = expm(size * (raising - raising.T))
    return made


def _phases(delta: complex, window: tuple[int, int]) -> NDArray[np.complex128]:
    """e^{iφn} over a window, φ the phase of δ: D(δ) = e^{iφ a†a} D(|δ|) e^{-iφ a†a}."""
    made: NDArray[np.complex128] = np.exp(1j * np.angle(delta) * np.arange(*window))
    return made


class Displacements:
    """Displacements of states, whose matrices are kept within a budget of bytes.

    One matrix serves all phases of δ and all windows that end in the same ``_SNAP`` Fock states, whatever came before.
    """

    def __init__(self) -> None:
        self._made: CacheByBytes[tuple[float, int], Array] = CacheByBytes(_MEMORY)

    def displaced(
        self, delta: complex, source: tuple[int, int], target: tuple[int, int], state: NDArray[np.complex128]
    ) -> NDArray[np.complex128]:
        """D(δ) of a state (outer, source, inner), a contiguous array (outer, target, inner)."""
        size, top = abs(delta), -(-max(source[1], target[1]) // _SNAP) * _SNAP
        real = self._made.get((size, top), lambda: radial(size, top))[slice(*target), slice(*source)]
        turned = np.ascontiguousarray(_phases(delta, source).conj()[:, None] * state)
        after = np.matmul(real, turned.view(float)).view(complex)  # a complex number as two columns
        after *= _phases(delta, target)[:, None]
        return np.ascontiguousarray(after)
