"""What a no-jump step reads: H_eff of a sector in either representation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array

from ..tools.types import Array
from .by_reference import by_reference
from .product_program import Program


@by_reference
class BandedHeff(NamedTuple):
    """H_eff of one block of two-level particles; arrays over i = 0..N, the same in every sector J.

    Attributes
    ----------
    N : int
    band : int
        Bandwidth of H_eff: 0, 1 or 2.
    is_real : bool
        All off-diagonals of H_eff are real, equal upwards and downwards, and within one band.
    has_jumps : bool
    diagonal : (N+1,)
        Real diagonal of H_eff without the constant of the sector.
    half_rate : (N+1,)
        Minus the imaginary diagonal: half the total rate, the same in every sector but for the next term.
    casimir : float
        The rate of collective jumps that goes with J(J+1).
    up_re, up_im, down_re, down_im : (N+1,)
        <i+1|H_eff|i> and <i|H_eff|i+1> divided by c_J(i).
    two_re, two_im : float
        <i+2|H_eff|i> divided by c_J(i) c_J(i+1); downwards its conjugate.
    """

    N: int
    band: int
    is_real: bool
    has_jumps: bool
    diagonal: Array
    half_rate: Array
    casimir: float
    up_re: Array
    up_im: Array
    down_re: Array
    down_im: Array
    two_re: float
    two_im: float


@by_reference
class Bands(NamedTuple):
    """The off-diagonal part of a banded matrix, its real and its imaginary numbers apart.

    Attributes
    ----------
    shift, imaginary : (n,) int
        <p|.|p + shift>, and 1 where the values are to be multiplied by i.
    values : (n, size)
        By p; zero where p + shift is outside.
    """

    shift: NDArray[np.int64]
    imaginary: NDArray[np.int64]
    values: Array

    @classmethod
    def of(cls, matrix: csr_array | csc_array) -> Bands:
        """From a sparse matrix."""
        entries = matrix.tocoo()
        row, column = entries.coords
        width = int(np.abs(column - row).max(initial=0))
        whole = np.zeros((2 * width + 1, matrix.shape[0]), dtype=complex)
        whole[column - row + width, row] = entries.data
        whole[width] = 0
        parts = np.stack([whole.real, whole.imag], axis=1)
        band, imaginary = np.nonzero(parts.any(axis=2))
        # np.nonzero returns strided views: another type to the compiler
        return cls(band - width, np.ascontiguousarray(imaginary), parts[band, imaginary])

    @classmethod
    def none(cls, size: int) -> Bands:
        """Of a matrix without elements."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, size)))

    def matrix(self) -> csr_array:
        """As a sparse matrix."""
        size = self.values.shape[1]
        total = csr_array((size, size), dtype=complex)
        for shift, imaginary, band in zip(self.shift.tolist(), self.imaginary, self.values, strict=True):
            inside = band[max(-shift, 0) : size - max(shift, 0)]
            total = total + (1j if imaginary else 1) * diags_array(inside, offsets=shift, shape=(size, size))
        return csr_array(total)


@by_reference
class ProgramHeff(NamedTuple):
    """H_eff of a sector of several blocks, or of any levels; arrays over its flat basis.

    Attributes
    ----------
    has_jumps : bool
    diagonal, half_rate : (size,)
        Diagonal of H_eff: real part, and minus the imaginary part.
    row : int
        Cells of a row: what is kept of a state is kept row by row.
    program : Program
        The rest of H_eff.
    pointers : (size + 1,), columns of elements (m,)
        The same rest as one matrix, column after column, where the program is no more than that; else empty.
    rows : (m,)
    values_re, values_im : (m,)
        ``values_im`` is empty where all are real.
    beside, near : (R + 1,) and (K,) int
        The rows that the states of a row lead to: where they begin, and which.
    bands : Bands
        The rest where it is banded; the program is empty then.
    """

    has_jumps: bool
    diagonal: Array
    half_rate: Array
    row: int
    program: Program
    pointers: NDArray[np.int64]
    rows: NDArray[np.int32]
    values_re: Array
    values_im: Array
    beside: NDArray[np.int64]
    near: NDArray[np.int64]
    bands: Bands


@by_reference
class SpinJumps(NamedTuple):
    """The L jumps of one block of two-level particles; arrays over i = 0..N.

    Attributes
    ----------
    kind : (L,) int
        What kind of jump, see KINDS.
    strength : (L,)
        |j|² of a ladder channel, |y|² of a collective one.
    j_re, j_im : (L, 2, 2)
    gamma : (L, N+1)
        Γ before the particle is taken out. A ladder channel holds its self-excluded Γ here too.
    gamma_rest : (L, N+1)
        Γ at i' = 0..N-1 particles up of the N - 1 left behind (SELF_EXCLUDED; 1 otherwise).
    """

    kind: NDArray[np.int64]
    strength: Array
    j_re: Array
    j_im: Array
    gamma: Array
    gamma_rest: Array


KINDS = LADDER_DOWN, LADDER_UP, GENERAL, SELF_EXCLUDED, COLLECTIVE, COLLECTIVE_DOWN, COLLECTIVE_UP = range(7)
"""Kinds of a jump.

A ladder: j has only the entry <down|j|up>, or only <up|j|down>. Anything else is general, or of a self-excluded rate.
A collective jump, and those that are J_- or J_+ alone.
"""
