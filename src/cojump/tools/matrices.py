"""Small operations on matrices that stand in several files; no physics in them."""

from __future__ import annotations

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


def from_pairs(pairs: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Symmetric matrices (T, n, n) from their elements i ≤ j, numbered row by row, (T, n(n+1)/2)."""
    rows, columns = np.triu_indices(n)
    full = np.empty((len(pairs), n, n))
    full[:, rows, columns] = full[:, columns, rows] = pairs
    return full
