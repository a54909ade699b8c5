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
    diagonal = [*(j.conj().T @ j for j in moves), *(matrix for A, B, _ in _pairs(model) for matrix in (A, B))]
    return not model.collective_jumps and all(is_diagonal(matrix, ROUNDING) for matrix in diagonal)


def keeps_a_number(model: Model) -> bool:
    """Whether H_eff of one block keeps a sum of occupation numbers beside that of all: few states are occupied then.

    Exchange between spins of one particle, as in a spinor condensate, keeps its magnetisation, although no product of
    two one-body operators does alone. What has a rate that depends on the state cancels with nothing else.
    """
    d, changes = model.blocks[0].levels, []
    one, two, frame = np.zeros((d, d), dtype=complex), np.zeros((d, d, d, d), dtype=complex), block_frame(model, 0)
    for term in model.one_body:
        one += seen(frame, term.eps)
    for jump in model.local_jumps.values():
        j = seen(frame, jump.matrix)
        rate = -0.5j * (j.conj().T @ j)
        if jump.has_rate:
            changes += _hops(rate, np.abs(rate).max())
        else:
            one += rate
    for A, B, is_rated in _pairs(model):
        product = np.einsum("ab,cd->abcd", A, B) / model.size
        if is_rated:
            changes += _exchanges(product, np.abs(product).max())
        else:
            two += product
            one += A @ B / model.size
    most = max(np.abs(one).max(), np.abs(two).max())
    changes += _hops(one, most) + _exchanges(two + two.transpose(2, 3, 0, 1), most)  # of two particles in either order
    return not changes or bool(np.linalg.matrix_rank(np.array(changes)) < d - 1)


def _hops(one: Matrix, most: float) -> list[Array]:
    """How the occupation numbers change by what a one-body matrix has, in units of ``most``."""
    d = len(one)
    return [_change(d, a) - _change(d, b) for a, b in np.argwhere(np.abs(one) > ROUNDING * most)]


def _exchanges(two: Array, most: float) -> list[Array]:
    """The same of products of two of them, (d, d, d, d)."""
    d, there = len(two), np.argwhere(np.abs(two) > ROUNDING * most)
    return [_change(d, a) - _change(d, b) + _change(d, c) - _change(d, e) for a, b, c, e in there]


def _change(d: int, a: int) -> Array:
    return np.eye(d)[a]


def _pairs(model: Model) -> list[tuple[Matrix, Matrix, bool]]:
    """A and B of Σ A Σ B in H_eff, with their strength, and whether there is Γ²(Δ) between them."""
    frame = block_frame(model, 0)
    pairs = [(two.g * seen(frame, two.A), seen(frame, two.B), False) for two in model.two_body]
    for jump in model.collective_jumps.values():
        for matrix in jump.matrices.values():
            y = seen(frame, matrix)
            pairs.append((-0.5j * jump.rate * y.conj().T, y, jump.has_rate))
    return pairs
