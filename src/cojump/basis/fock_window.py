"""Some of the Fock states of a boson mode: the axis that a mode has in the state of a trajectory."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.special import gammaln

from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array

_LARGE = 2.0**200
"""Of a recurrence, above which its numbers are divided by it."""

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
    def roots(self) -> Array:
        """(dim - 1,) √n of all states but the first."""
        return np.sqrt(self.quanta[1:])

    @cached_property
    def lowering(self) -> csr_array:
        """The operator a, a sparse (dim, dim) matrix; what leaves the window is cut off."""
        return csr_array(diags_array(self.roots, offsets=1, shape=(self.dim, self.dim)))

    @cached_property
    def raising(self) -> csr_array:
        """The operator a†, a sparse (dim, dim) matrix; what leaves the window is cut off."""
        return csr_array(self.lowering.T)


def displacement(delta: complex, source: tuple[int, int], target: tuple[int, int]) -> NDArray[np.complex128]:
    """The operator D(δ) = exp(δ a† - δ* a) from one window to another, a (target, source) matrix."""
    real = radial(abs(delta), max(source[1], target[1]))[slice(*target), slice(*source)]
    return np.ascontiguousarray(_phases(delta, target)[:, None] * real * _phases(delta, source).conj())


def radial(size: float, top: int) -> Array:
    """D(δ) of a real δ ≥ 0 on the Fock states below ``top``, a real matrix (top, top), exact up to rounding.

    With x = δ², element (n + k, n) is √(n!/(n + k)!) δ^k e^{-x/2} L_n^(k)(x), and (n, n + k) is (-1)^k times that
    (K. E. Cahill and R. J. Glauber, Phys. Rev. 177, 1857 (1969), appendix B). The recurrence of the Laguerre
    polynomials goes up in n, the direction in which they are the larger one of its two solutions, for all k at once.
    """
    x, k = size * size, np.arange(float(top))
    powers = k * np.log(size) if size > 0 else np.where(k > 0, -np.inf, 0.0)
    exponent = powers - 0.5 * (x + gammaln(k + 1))  # e to it may be no number where elements of larger n are
    factor, before, here = np.exp(exponent), np.zeros(top), np.ones(top)
    made, signs = np.empty((top, top)), np.where(k % 2 == 0, 1.0, -1.0)
    for n in range(top):
        made[n:, n] = factor * here
        made[n, n:] = signs[: top - n] * made[n:, n]
        k, here, before, exponent, factor = k[:-1], here[:-1], before[:-1], exponent[:-1], factor[:-1]
        after = (2 * n + 1 + k - x) * here - np.sqrt(n * (n + k)) * before
        before, here = here, after / np.sqrt((n + 1) * (n + 1 + k))
        large = np.maximum(np.abs(here), np.abs(before)) > _LARGE
        if large.any():
            shrunk = np.where(large, 1 / _LARGE, 1.0)
            before, here, exponent = before * shrunk, here * shrunk, exponent - np.log(shrunk)
            factor = np.exp(exponent)
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
        if state.shape[2] == 1:  # one product of matrices, not one for each outer state
            parts = np.concatenate([turned.real, turned.imag])[:, :, 0] @ real.T
            after = (parts[: len(state)] + 1j * parts[len(state) :])[:, :, None]
        else:
            after = np.matmul(real, turned.view(float)).view(complex)  # a complex number as two columns
        after *= _phases(delta, target)[:, None]
        return np.ascontiguousarray(after)
