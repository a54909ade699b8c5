"""Banded matrices, row by row: element (r, q) of an (n, 2w + 1) array is <r|.|r + q - w>; what is outside is zero."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import ALLOCATES


@njit(**ALLOCATES)
def polynomial(coefficients, matrix):
    """Σ_k c_k T_k(A), T_k the Chebyshev polynomials, of a tridiagonal A (n, 3)."""
    degree, n = coefficients.size - 1, matrix.shape[0]
    last = np.zeros((n, 2 * degree + 1), dtype=np.complex128)
    other, total = last.copy(), last.copy()
    for r in range(n):
        last[r, degree] = 1.0
        total[r, degree] = coefficients[0]
    for k in range(1, degree + 1):
        twice = 1.0 if k == 1 else 2.0
        for r in range(n):
            down, here, up = twice * matrix[r, 0], twice * matrix[r, 1], twice * matrix[r, 2]
            for q in range(degree - k, degree + k + 1):
                # T_k = 2 A T_{k-1} - T_{k-2} takes the place of T_{k-2}
                value = here * last[r, q] - other[r, q]
                if r > 0 and q < 2 * degree:
                    value += down * last[r - 1, q + 1]
                if r < n - 1 and q > 0:
                    value += up * last[r + 1, q - 1]
                other[r, q] = value
                total[r, q] += coefficients[k] * value
        last, other = other, last
    return total


@njit(**ALLOCATES)
def product(first, second):
    """The product of two banded matrices."""
    n, a, b = first.shape[0], first.shape[1] // 2, second.shape[1] // 2
    made = np.zeros((n, 2 * (a + b) + 1), dtype=np.complex128)
    for r in range(n):
        for i in range(max(-a, -r), min(a, n - 1 - r) + 1):
            value = first[r, a + i]
            if value != 0.0:
                for j in range(2 * b + 1):
                    made[r, a + i + j] += value * second[r + i, j]
    return made
