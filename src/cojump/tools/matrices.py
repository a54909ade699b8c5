"""Small operations on matrices that stand in several files; no physics in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .types import Matrix

ROUNDING = 1e-12
"""Part of the largest element of a matrix that a change of frame may leave where there is zero."""


def commutator(a: Matrix, b: Matrix) -> Matrix:
    """[a, b]; stacks of matrices (..., d, d) broadcast."""
    return a @ b - b @ a


def conjugate(rotation: Matrix, matrix: Matrix) -> Matrix:
    """An operator as the frame with the kets ``rotation`` (columns) sees it."""
    return rotation.conj().T @ matrix @ rotation


def is_diagonal(matrix: NDArray[Any], tolerance: float = 1e-14) -> bool:
    """Whether all elements beside the diagonal are rounding: at most ``tolerance`` times the largest element of all."""
    beside = np.abs(matrix - np.diag(np.diag(matrix))).max(initial=0)
    return bool(beside <= tolerance * np.abs(matrix).max(initial=0))


@lru_cache(64)
def pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the elements i ≤ j of a matrix (n, n), row by row; nobody may change them."""
    rows, columns = np.triu_indices(n)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


def from_pairs(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Symmetric matrices (T, n, n) from their elements i ≤ j, numbered row by row, (T, n(n+1)/2)."""
    rows, columns = pairs(n)
    full = np.empty((len(values), n, n))
    full[:, rows, columns] = full[:, columns, rows] = values
    return full


def common_basis(matrices: Sequence[Matrix]) -> Matrix | None:
    """Columns that diagonalise all of some Hermitian matrices; None if they do not commute."""
    if all(is_diagonal(x) for x in matrices):
        return np.eye(len(matrices[0]), dtype=complex)
    # a combination with incommensurate weights has no degeneracy that they do not share
    mixed = sum(np.sqrt(2 + n) * x / max(np.abs(x).max(), 1e-300) for n, x in enumerate(matrices))
    basis: Matrix = np.linalg.eigh(mixed)[1]
    for x in matrices:
        turned = conjugate(basis, x)
        if np.abs(turned - np.diag(np.diag(turned))).max() > ROUNDING * np.abs(x).max():
            return None
    return basis
