"""Matrices of one particle: the Pauli matrices, the basis of all averages, and the checks of what a user gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, UnsupportedError
from ..tools import checks
from ..tools.memory import available

SIGMA_X = np.array([[0, 1], [1, 0]], dtype=complex)
SIGMA_Y = np.array([[0, -1j], [1j, 0]], dtype=complex)
SIGMA_Z = np.array([[1, 0], [0, -1]], dtype=complex)
SIGMA_PLUS = np.array([[0, 1], [0, 0]], dtype=complex)
SIGMA_MINUS = np.array([[0, 0], [1, 0]], dtype=complex)
PROJECTOR_UP = np.array([[1, 0], [0, 0]], dtype=complex)

HERMITIAN = 1e-10
"""Relative deviation from Hermiticity that is taken as rounding."""


def matrix_of(name: str, value: ArrayLike) -> NDArray[np.complex128]:
    """Return ``value`` as a read-only square complex matrix, or an ArgumentError about ``name``."""
    matrix = checks.array(name, value, "a matrix of numbers")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
        raise ArgumentError(name, "be a square matrix (levels, levels)", f"its shape is {matrix.shape}")
    matrix = matrix.astype(complex)
    matrix.flags.writeable = False
    return matrix


def check_hermitian(name: str, matrix: NDArray[np.complex128]) -> None:
    """Raise ArgumentError about ``name`` unless the matrix is Hermitian, measured by its own largest element."""
    deviation = float(np.abs(matrix - matrix.conj().T).max())
    if deviation > HERMITIAN * float(np.abs(matrix).max()):
        raise ArgumentError(name, "be Hermitian", f"|X - X†| reaches {deviation:.3g}")


def labelled_basis(levels: int) -> Iterator[tuple[str, NDArray[np.complex128]]]:
    """Labels and matrices that, with the identity, span the Hermitian (d, d) matrices orthogonally."""
    if levels == 2:
        yield from (("x", SIGMA_X), ("y", SIGMA_Y), ("z", SIGMA_Z))
        return
    unit = np.eye(levels, dtype=complex)
    yield from ((f"n{a}", np.outer(unit[a], unit[a])) for a in range(levels))
    for a in range(levels):
        for b in range(a + 1, levels):
            flip = np.outer(unit[a], unit[b])
            yield f"x{a}{b}", flip + flip.T
            yield f"y{a}{b}", -1j * flip + 1j * flip.T


def single_particle_basis(levels: int) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Orthogonal Hermitian matrices o (n, d, d) that span all of them, and 1/tr(o²) (n,).

    Those whose averages are reported; for two levels with the identity in front, which they do not span.
    """
    matrices = [matrix for _, matrix in labelled_basis(levels)]
    if levels == 2:
        matrices = [np.eye(2, dtype=complex), *matrices]
    stack = np.array(matrices)
    return stack, 1.0 / np.einsum("aij,aji->a", stack, stack).real


def symmetric_products(matrices: NDArray[np.complex128], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n, n) coefficients of ½(o_a o_b + o_b o_a) = Σ_c s_abc o_c in such a basis.

    Raises
    ------
    UnsupportedError
        If they do not fit in memory: the levels are too many for statistics of products.
    """
    need, have = 40.0 * len(matrices) ** 3, float(available())
    if need > 0.5 * have:
        levels, gib = matrices.shape[1], 2.0**30
        raise UnsupportedError(
            f"Products of the {len(matrices)} averages of a particle of {levels} levels need {need / gib:,.1f} GiB "
            f"and there are {have / gib:,.1f} GiB"
        )
    traces = np.einsum("aij,bjk,cki->abc", matrices, matrices, matrices, optimize=True).real
    return (traces + traces.transpose(1, 0, 2)) / 2 * weights
