"""What trajectories take in a frame of a block, by a count of what the matrices of the model look like there.

The same count for every frame, and none of it knows how the user has named the axes: a model that is written in other
axes has the same best frame, up to a rotation. Units are microseconds of a jump at some hundreds of particles, fitted
to one block of two levels in several frames; only their ratios matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ..model import CollectiveJump, LocalJump, ModeJump, Model
from ..model.function_of_average import FunctionOfAverage
from ..tools.matrices import ROUNDING, is_diagonal
from ..tools.types import Matrix, RealFunction
from .axes import seen, snapped_to_zero
from .polynomial_rates import degree_of

_STEP = 0.55
"""A step with a diagonal H_eff."""

_REAL, _COMPLEX = 0.33, 0.65
"""Each pair of an off-diagonal of H_eff and the amplitudes, where its elements are real and where they are not."""

_ALONE_REAL, _ALONE = 0.65, 1.3
"""All off-diagonals of one block of two levels, which has kernels of its own."""

_LADDER, _DIAGONAL, _FULL, _ENTRY = 0.25, 0.35, 1.3, 0.2
"""A jump to one other level, one that is diagonal, any other of two levels, and of more for each element."""

_MOMENTS = 0.15
"""The weight of a jump that is no ladder operator."""

_BOTH_WAYS = 1.5
"""A collective jump of one block of two levels with σ_+ and σ_-: it needs another representation."""

_POLYNOMIAL, _DEGREE, _DENSE = 1.0, 0.3, 200.0
"""An argument that is not diagonal: its function as a polynomial, each of its degrees, or dense."""


@dataclass(frozen=True, eq=False)
class Acting:
    """What acts on the particles of one block.

    Attributes
    ----------
    levels : int
    alone : bool
        Whether it is the only block, and of two levels.
    one : (d, d) array
        One-body part of H.
    inside : list of (A, B, g)
        Products of two collective operators of the block in H.
    across : list of arrays
        Factors of products with other blocks.
    jumps, collective : lists of arrays
        Matrices of the local and of the collective jumps.
    arguments : list of ((d, d) array, function)
        Those of the rates, then of the potentials, and what it costs where one is not diagonal.
    """

    levels: int
    alone: bool
    one: Matrix
    inside: list[tuple[Matrix, Matrix, complex]] = field(default_factory=list)
    across: list[Matrix] = field(default_factory=list)
    jumps: list[Matrix] = field(default_factory=list)
    collective: list[Matrix] = field(default_factory=list)
    arguments: list[tuple[Matrix, Callable[[], float]]] = field(default_factory=list)

    @property
    def matrices(self) -> list[Matrix]:
        """All that is not an argument: jumps first, then H."""
        pairs = [matrix for A, B, _ in self.inside for matrix in (A, B)]
        return [*self.jumps, *self.collective, self.one, *pairs, *self.across]


def acting_on(model: Model) -> list[Acting]:
    """Gather what acts on each block."""
    found = [
        Acting(b.levels, len(model.blocks) == 1 and b.levels == 2, np.zeros((b.levels, b.levels), dtype=complex))
        for b in model.blocks
    ]
    for one in model.one_body:
        found[model.block_index(one.block)].one[...] += one.eps
    for two in model.two_body:
        b, c = (model.block_index(name) for name in two.blocks)
        if b == c:
            found[b].inside.append((two.A, two.B, two.g))
        else:  # the phase of g may be put into either factor
            found[b].across.append(two.g * two.A)
            found[c].across.append(two.B)
    single: list[LocalJump | ModeJump] = [*model.local_jumps.values(), *model.mode_jumps.values()]
    for jump in single:
        found[model.block_index(jump.block)].jumps.append(jump.matrix)
    for term, function in [
        *((jump, jump.gamma) for jump in model.rated_jumps.values()),
        *((potential, potential.energy) for potential in model.potentials.values()),
    ]:
        for argument in term.arguments:
            for name, x in argument.items():
                found[model.block_index(name)].arguments.append((x, partial(_turned, model, term, function)))
    for collective in model.collective_jumps.values():
        for name, y in collective.matrices.items():
            found[model.block_index(name)].collective.append(y)
    return found


def cost(acting: Acting, frame: Matrix) -> float:
    """What a jump and the evolution before it take in a frame, as far as it depends on the frame of this block."""
    jumps = [seen(frame, j) for j in acting.jumps]
    shifts, complex_ = _hops(acting, frame, jumps)
    total = _STEP
    if acting.alone:
        total += (_ALONE if complex_.any() or len(shifts) > 2 else _ALONE_REAL) if len(shifts) else 0.0
    else:
        total += _REAL * np.count_nonzero(~complex_) + _COMPLEX * np.count_nonzero(complex_)
    for factor in acting.across:
        matrix = seen(frame, factor)
        total += len(_distinct(matrix)) * (_COMPLEX if matrix.imag.any() else _REAL)
    if jumps:
        fired, weights = zip(*(_jump_cost(j) for j in jumps), strict=True)
        total += sum(fired) / len(jumps) + sum(weights)
    for y in (seen(frame, matrix) for matrix in acting.collective):
        fired_one, weight = _jump_cost(y)
        total += fired_one + weight + (_BOTH_WAYS if acting.alone and y[0, 1] != 0 and y[1, 0] != 0 else 0.0)
    return total + sum(turned() for x, turned in acting.arguments if not is_diagonal(seen(frame, x), ROUNDING))


def with_real_hops(acting: Acting, frame: Matrix) -> Matrix:
    """The same frame with phases of its kets for which elements of H are real: the largest ones, where not all can be.

    Phases cost nothing. They make a spanning tree of the levels: each one-body element joins two levels or agrees with
    what has been chosen.
    """
    one = seen(frame, acting.one)
    pairs = [(seen(frame, A), seen(frame, B), g) for A, B, g in acting.inside]
    squares = sum((np.sqrt(g * (A * B) + 0j) for A, B, g in pairs), np.zeros_like(one))  # of E_ab E_ab
    phases, tree = np.ones(acting.levels, dtype=complex), np.arange(acting.levels)
    for matrix in (one, squares, *(m for A, B, _ in pairs for m in (A, B)), *(seen(frame, a) for a in acting.across)):
        upper = np.triu(np.where(matrix != 0, matrix, matrix.conj().T), 1)
        for place in np.argsort(-np.abs(upper), axis=None, kind="stable")[: np.count_nonzero(upper)]:
            a, b = divmod(int(place), acting.levels)
            if tree[a] != tree[b]:
                there = np.conj(phases[a]) * upper[a, b] * phases[b]
                joined = tree == tree[b]
                if there.imag != 0:
                    phases[joined] *= np.conj(there) / abs(there)
                tree[joined] = tree[a]
    return frame if np.all(phases == 1) else frame * phases


def _hops(acting: Acting, frame: Matrix, jumps: list[Matrix]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Each way in which H_eff moves the occupations of this block alone, and whether any element there is complex."""
    found: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
    move = _moves(acting.levels)

    def put(values: Matrix, moves: NDArray[np.int64]) -> None:
        there = (values != 0) & (moves != 0)
        found.append((moves[there], values[there].imag != 0))

    put(seen(frame, acting.one), move)
    rates = [snapped_to_zero(j.conj().T @ j) for j in jumps]
    for rate in rates:
        put(-1j * np.abs(rate), move)
    if acting.inside or acting.collective:
        pairs = np.zeros((acting.levels,) * 4, dtype=complex)
        for A, B, g in acting.inside:
            pairs += g * np.multiply.outer(seen(frame, A), seen(frame, B))
        largest = float(np.abs(pairs).max(initial=0))
        pairs = snapped_to_zero(pairs + pairs.transpose(2, 3, 0, 1), largest)
        moves = np.add.outer(move, move)
        put(pairs, moves)
        for y in (seen(frame, matrix) for matrix in acting.collective):
            put(-1j * np.abs(np.multiply.outer(y.conj().T, y)), moves)
    shifts, complex_ = (np.concatenate(parts) for parts in zip(*found, strict=True))
    distinct = np.unique(shifts)
    return distinct, np.isin(distinct, shifts[complex_])


@lru_cache(maxsize=64)
def _moves(levels: int) -> NDArray[np.int64]:
    """(d, d) numbers that say how |a><b| changes the occupations: a sum of two of them tells two changes apart."""
    weights = np.random.default_rng(1).integers(2**60, size=levels)
    return np.subtract.outer(weights, weights)


def _distinct(matrix: Matrix) -> NDArray[np.int64]:
    """The changes of occupations that a matrix makes, none at all among them."""
    return np.unique(_moves(len(matrix))[matrix != 0])


def _jump_cost(j: Matrix) -> tuple[float, float]:
    """What it takes to carry out a jump, and to weigh it."""
    entries = np.count_nonzero(j)
    if not np.diag(j).any() and entries == 1:
        return _LADDER, 0.0
    if is_diagonal(j, 0.0):
        return _DIAGONAL, _MOMENTS
    return (_FULL if len(j) == 2 else _ENTRY * entries), _MOMENTS


def _turned(model: Model, term: FunctionOfAverage, function: RealFunction) -> float:
    """What a rate or a potential takes whose argument is not diagonal."""
    degree = None if isinstance(term, CollectiveJump | ModeJump) else degree_of(model, term, function)
    return _DENSE if degree is None else _POLYNOMIAL + _DEGREE * degree
