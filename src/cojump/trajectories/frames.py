"""The main frame of a block for trajectories: arguments are diagonal there, or have a turn of their own from there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..tools.matrices import ROUNDING, commutator, conjugate, is_diagonal
from ..tools.types import Matrix
from .axes import argument_axis, arguments_on, axis_rotation, block_axis

_DEGENERATE = 1e-9
"""Relative distance of eigenvalues below which one argument alone does not tell their states apart."""


def common_frame(matrices: list[Matrix], levels: int) -> Matrix:
    """A unitary (d, d) that diagonalises as many Hermitian matrices as it can, the first ones first.

    A matrix is taken along if it commutes with all those taken before. Each one splits the levels that its
    predecessors leave degenerate; what is diagonal already is not turned.
    """
    frame = np.eye(levels, dtype=complex)
    groups = [np.arange(levels)]
    taken: list[Matrix] = []
    for matrix in matrices:
        scale = float(np.abs(matrix).max())
        if any(np.abs(commutator(matrix, t)).max() > ROUNDING * scale * np.abs(t).max() for t in taken):
            continue
        taken.append(matrix)
        split: list[NDArray[np.intp]] = []
        for group in groups:
            inside = conjugate(frame[:, group], matrix)
            values = np.diag(inside).real
            if not is_diagonal(inside, ROUNDING):
                values, vectors = np.linalg.eigh((inside + inside.conj().T) / 2)
                frame[:, group] = frame[:, group] @ vectors
            order = np.argsort(values, kind="stable")
            breaks = np.flatnonzero(np.diff(values[order]) > _DEGENERATE * scale) + 1
            split += [np.sort(group[part]) for part in np.split(order, breaks)]
        groups = split
    return frame


def block_frame(model: Model, b: int) -> Matrix:
    """The main frame of block b: its arguments are diagonal there, as far as they commute."""
    if model.blocks[b].levels == 2:
        return axis_rotation(block_axis(model, b)[0])
    return common_frame(arguments_on(model, b), model.blocks[b].levels)


def shares_frame(model: Model, b: int) -> bool:
    """Whether all arguments on block b are diagonal in its main frame."""
    frame = block_frame(model, b)
    return all(turn_of(conjugate(frame, x)) is None for x in arguments_on(model, b))


def turn_of(argument: Matrix) -> Matrix | None:
    """The rotation in which an argument, seen from the main frame, is diagonal; None if it is there."""
    if len(argument) == 2:
        axis = argument_axis(argument)
        return None if axis is None or np.hypot(axis[0], axis[1]) <= ROUNDING else axis_rotation(axis)
    if is_diagonal(argument, ROUNDING):
        return None
    return np.linalg.eigh((argument + argument.conj().T) / 2)[1]
