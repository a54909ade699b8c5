"""Matrices of one particle to build models from, as ``cj.operators``.

The basis of two levels is (up, down). All arrays are read-only and complex.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from .operators import SIGMA_MINUS, SIGMA_PLUS, SIGMA_X, SIGMA_Y, SIGMA_Z

__all__ = ["projector", "sigma_minus", "sigma_plus", "sigma_x", "sigma_y", "sigma_z", "transition"]


def _constant(matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    made = matrix.copy()
    made.flags.writeable = False
    return made


sigma_x = _constant(SIGMA_X)
sigma_y = _constant(SIGMA_Y)
sigma_z = _constant(SIGMA_Z)
sigma_plus = _constant(SIGMA_PLUS)
"""|up><down|"""
sigma_minus = _constant(SIGMA_MINUS)
"""|down><up|"""


def transition(a: int, b: int, levels: int) -> NDArray[np.complex128]:
    """|a><b| of a particle of d levels: it takes level b to level a.

    Parameters
    ----------
    a, b : int
        From 0 to levels - 1.
    levels : int
        d, at least 2.

    Returns
    -------
    (d, d) complex array

    Raises
    ------
    ArgumentError
        If a level is out of range.

    Examples
    --------
    >>> cj.operators.transition(0, 2, 3).real
    array([[0., 0., 1.],
           [0., 0., 0.],
           [0., 0., 0.]])
    """
    d = checks.integer("levels", levels, 2)
    if d > _MOST_LEVELS:
        raise ArgumentError("levels", f"be at most {_MOST_LEVELS}", f"it is {d}")
    made = np.zeros((d, d), dtype=complex)
    made[checks.integer("a", a, 0, d - 1), checks.integer("b", b, 0, d - 1)] = 1.0
    return _constant(made)


def projector(a: int, levels: int) -> NDArray[np.complex128]:
    """|a><a| of a particle of d levels, as :func:`transition`.

    Examples
    --------
    >>> cj.operators.projector(1, 2).real
    array([[0., 0.],
           [0., 1.]])
    """
    return transition(a, a, levels)


_MOST_LEVELS = 64


def __dir__() -> list[str]:
    return list(__all__)
