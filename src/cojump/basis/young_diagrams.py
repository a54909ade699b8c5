"""Young diagrams λ of N boxes with d rows: the sectors of a block of d-level particles, without their states.

Everything is a ratio or a logarithm, so that nothing overflows. With l_i = λ_i + d - i the number of copies of a
sector is f_λ = N! Π_{i<j}(l_i - l_j) / Π_i l_i! and its dimension is Π_{i<j}(l_i - l_j)/(j - i) (hook lengths, Weyl).
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.special import binom, gammaln, roots_genlaguerre

Diagram = tuple[int, ...]
"""Lengths of the d rows, never increasing, zeros included."""


def diagrams(size: int, levels: int) -> list[Diagram]:
    """All diagrams of ``size`` boxes with at most ``levels`` rows, in increasing order: (size, 0, ..) is the last."""
    return list(_rows(size, levels, size))


@lru_cache(maxsize=4096)
def _rows(size: int, levels: int, longest: int) -> tuple[Diagram, ...]:
    if levels == 1:
        return ((size,),) if size <= longest else ()
    shortest = -(-size // levels)
    return tuple(
        (first, *rest)
        for first in range(shortest, min(size, longest) + 1)
        for rest in _rows(size - first, levels - 1, first)
    )


def _shifted(diagram: Diagram) -> NDArray[np.float64]:
    """l_i = λ_i + d - i, strictly decreasing."""
    d = len(diagram)
    return np.array(diagram, dtype=float) + np.arange(d - 1, -1, -1)


@lru_cache(maxsize=4096)
def dimension(diagram: Diagram) -> int:
    """Dimension of V_λ, exactly (Weyl's formula in integers)."""
    d = len(diagram)
    pairs = [(i, j) for i in range(d) for j in range(i + 1, d)]
    return prod(diagram[i] - diagram[j] + j - i for i, j in pairs) // prod(j - i for i, j in pairs)


def largest_dimension(size: int, levels: int) -> int:
    """Upper bound on the dimension of all sectors of ``size`` particles, exact for two levels.

    Π_{i<j}(l_i - l_j) for real l_i ≥ 0 of a given sum is largest where l are 0 and the zeros of the Laguerre
    polynomial L_{d-1}^{(1)}, scaled (electrostatics of Stieltjes); the integers can do no better.
    """
    n = levels - 1
    if n <= 10:
        laguerre = Polynomial([(-1.0) ** k * binom(n + 1, n - k) / np.exp(gammaln(k + 1)) for k in range(n + 1)])
        roots = np.sort(laguerre.roots().real)
    else:  # the coefficients alternate and grow: their digits do not hold the zeros any more
        roots = roots_genlaguerre(n, 1)[0]
    l = np.concatenate([[0.0], roots])
    l *= (size + levels * n / 2) / l.sum()
    pairs = [(i, j) for i in range(levels) for j in range(i + 1, levels)]
    bound = int(min(prod(float(l[j] - l[i]) / (j - i) for i, j in pairs) * (1 + 1e-9), 1e100))
    return min(bound, levels**size) if size < 100 else bound


def log_copies(diagram: Diagram) -> float:
    """Logarithm of f_λ, the number of copies of V_λ (hook lengths)."""
    l = _shifted(diagram)
    d = len(l)
    gaps = sum(float(np.log(l[i] - l[j])) for i in range(d) for j in range(i + 1, d))
    return float(gammaln(sum(diagram) + 1) - gammaln(l + 1).sum()) + gaps


def without_box(diagram: Diagram, row: int) -> Diagram | None:
    """μ = λ minus the last box of a row; None if that is no diagram."""
    if diagram[row] == (diagram[row + 1] if row + 1 < len(diagram) else 0):
        return None
    return (*diagram[:row], diagram[row] - 1, *diagram[row + 1 :])


def with_box(diagram: Diagram, row: int) -> Diagram | None:
    """λ = μ plus a box in a row; None if that is no diagram."""
    if row and diagram[row] == diagram[row - 1]:
        return None
    return (*diagram[:row], diagram[row] + 1, *diagram[row + 1 :])


def removal_weight(diagram: Diagram, row: int) -> float:
    """N f_μ/f_λ for μ = λ minus a box of ``row``: l_i Π_{j≠i} (l_i - l_j - 1)/(l_i - l_j). They add up to N."""
    l = _shifted(diagram)
    gaps = l[row] - np.delete(l, row)
    return float(l[row] * np.prod((gaps - 1) / gaps))
