"""When rows of patterns are faster than a list of the states that are occupied."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..tools.matrices import ROUNDING, is_diagonal
from ..tools.types import Array, Matrix
from .axes import seen
from .frames import block_frame

MANY_STATES = 500
"""Those of the largest sector from which on operators that are no closed forms are faster on rows of patterns."""


def is_closed_form(model: Model) -> bool:
    """Whether H_eff of one block is diagonal but for its one-body operators: interactions and j†j are."""
    frame = block_frame(model, 0)
    moves = [seen(frame, jump.matrix) for jump in model.local_jumps.values()]
    diagonal = [*(j.conj().T @ j for j in moves), *(matrix for pair in _pairs(model) for matrix in pair)]
    return not model.collective_jumps and all(is_diagonal(matrix, ROUNDING) for matrix in diagonal)


def keeps_a_number(model: Model) -> bool:
    """Whether H_eff of one block keeps a sum of occupation numbers beside that of all: few states are occupied then.

    Exchange between spins of one particle, as in a spinor condensate, keeps its magnetisation, although no product of
    two one-body operators does alone.
    """
    d = model.blocks[0].levels
    one, two = np.zeros((d, d), dtype=complex), np.zeros((d, d, d, d), dtype=complex)
    frame = block_frame(model, 0)
    for term in model.one_body:
        one += seen(frame, term.eps)
    for jump in model.local_jumps.values():
        j = seen(frame, jump.matrix)
        one -= 0.5j * (j.conj().T @ j)
    for A, B in _pairs(model):
        two += np.einsum("ab,cd->abcd", A, B) / model.size
        one += A @ B / model.size
    least = ROUNDING * max(np.abs(one).max(), np.abs(two).max())
    changes = [_change(d, a) - _change(d, b) for a, b in np.argwhere(np.abs(one) > least)]
    exchanged = np.abs(two + two.transpose(2, 3, 0, 1)) > least  # of two particles, in either order
    changes += [_change(d, a) - _change(d, b) + _change(d, c) - _change(d, e) for a, b, c, e in np.argwhere(exchanged)]
    return not changes or bool(np.linalg.matrix_rank(np.array(changes)) < d - 1)


def _change(d: int, a: int) -> Array:
    return np.eye(d)[a]


def _pairs(model: Model) -> list[tuple[Matrix, Matrix]]:
    """A and B of Σ A Σ B in H_eff, with their strength."""
    frame = block_frame(model, 0)
    pairs = [(two.g * seen(frame, two.A), seen(frame, two.B)) for two in model.two_body]
    for jump in model.collective_jumps.values():
        for matrix in jump.matrices.values():
            y = seen(frame, matrix)
            pairs.append((-0.5j * jump.rate * y.conj().T, y))
    return pairs
