"""Directions of two-level matrices and the rotations between them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..tools.matrices import conjugate
from ..tools.types import Array, Matrix

ZERO = 1e-14
"""Relative size below which a matrix element is rounding of the rotation."""

_PARALLEL = 1e-12
"""Sine of the angle between two axes below which they are one."""


def snapped_to_zero(matrix: Matrix, scale: float | None = None) -> Matrix:
    """A matrix without what is rounding in it, of the real and of the imaginary parts.

    Rounding is what is below ``ZERO`` times ``scale``, the largest element if it is not given.
    """
    least = ZERO * (float(np.abs(matrix).max(initial=0)) if scale is None else scale)
    real, imag = (np.where(np.abs(part) > least, part, 0.0) for part in (matrix.real, matrix.imag))
    return real + 1j * imag


def without_rounding(matrix: Matrix) -> Matrix:
    """A matrix without the elements that are rounding, below ``ZERO`` times the largest one."""
    return np.where(np.abs(matrix) > ZERO * np.abs(matrix).max(initial=0), matrix, 0)


def seen(frame: Matrix, matrix: Matrix) -> Matrix:
    """An operator of one particle as the frame with these kets (columns) sees it: zero where it is rounding.

    What is zero decides how many bands H_eff has and which jumps are ladder operators. Nothing is changed in the
    user's own frame.
    """
    turned = conjugate(frame, matrix)
    return turned if np.array_equal(frame, np.eye(len(frame))) else snapped_to_zero(turned)


def pauli_vector(matrix: Matrix) -> Array:
    """(3,) Pauli components of a Hermitian 2x2 matrix."""
    return np.array([matrix[0, 1].real, -matrix[0, 1].imag, (matrix[0, 0] - matrix[1, 1]).real / 2])


def axis_rotation(axis: Array) -> Matrix:
    """(2, 2) unitary whose columns are the eigenkets +1 and -1 of axis·σ; the identity for the z axis."""
    x, y, z = axis / np.linalg.norm(axis)
    theta, phi = np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)
    up = np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
    return np.array([[up[0], -np.conj(up[1])], [up[1], np.conj(up[0])]])


def axis_of(frame: Matrix) -> Array:
    """(3,) direction of the spin in the first ket of a frame."""
    up = frame[:, 0]
    return 2 * pauli_vector(np.outer(up, up.conj()))


def argument_axis(matrix: Matrix) -> Array | None:
    """(3,) direction of a Hermitian 2x2 matrix; None for a multiple of the identity."""
    vector = pauli_vector(matrix)
    length = float(np.linalg.norm(vector))
    return None if length <= ZERO * np.abs(matrix).max(initial=0) else vector / length


def lines_of(matrices: Iterable[Matrix]) -> list[Array]:
    """Directions (3,) of Hermitian 2x2 matrices, each line once and in the order of the matrices.

    Only the line matters: the sign is such that a matrix along -z stays unrotated.
    """
    lines: list[Array] = []
    for matrix in matrices:
        vector = argument_axis(matrix)
        if vector is None or any(np.linalg.norm(np.cross(line, vector)) <= _PARALLEL for line in lines):
            continue
        lines.append(vector * (1 if vector[np.argmax(np.abs(vector))] > 0 else -1))
    return lines
