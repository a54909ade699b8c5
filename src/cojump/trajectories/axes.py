"""Directions of two-level matrices and the rotations between them."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..tools.types import Array, Matrix

ZERO = 1e-14
"""Relative size below which a matrix element is rounding of the rotation."""

_PARALLEL = 1e-12
"""Sine of the angle between two axes below which they are one."""


def pauli_vector(matrix: Matrix) -> Array:
    """(3,) Pauli components of a Hermitian 2x2 matrix."""
    return np.array([matrix[0, 1].real, -matrix[0, 1].imag, (matrix[0, 0] - matrix[1, 1]).real / 2])


def axis_rotation(axis: Array) -> Matrix:
    """(2, 2) unitary whose columns are the eigenkets +1 and -1 of axis·σ; the identity for the z axis."""
    x, y, z = axis / np.linalg.norm(axis)
    theta, phi = np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)
    up = np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
    return np.array([[up[0], -np.conj(up[1])], [up[1], np.conj(up[0])]])


def argument_axis(matrix: Matrix) -> Array | None:
    """(3,) direction of a Hermitian 2x2 matrix; None for a multiple of the identity."""
    vector = pauli_vector(matrix)
    length = float(np.linalg.norm(vector))
    return None if length <= ZERO * np.abs(matrix).max(initial=0) else vector / length


def arguments_on(model: Model, b: int) -> list[Matrix]:
    """The arguments on block b of all jumps, then of all potentials."""
    name, terms = model.blocks[b].name, (*model.local_jumps.values(), *model.potentials.values())
    return [term.argument[name] for term in terms if name in term.argument]


def block_axis(model: Model, b: int) -> tuple[Array, bool]:
    """Direction of the arguments Δ on block b, and whether all of them share it (z if there is none).

    Only the line matters: the sign is such that an argument along -z stays unrotated.
    """
    axis: Array | None = None
    shared = True
    for matrix in arguments_on(model, b):
        vector = argument_axis(matrix)
        if vector is None:
            continue
        if axis is None:
            axis = vector * (1 if vector[np.argmax(np.abs(vector))] > 0 else -1)
        shared = shared and bool(np.linalg.norm(np.cross(axis, vector)) <= _PARALLEL)
    return (np.array([0.0, 0.0, 1.0]) if axis is None else axis), shared
