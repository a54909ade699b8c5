"""The local jumps of a model as the product basis runs them: each in the frame where its argument is diagonal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..basis.occupations import Occupations
from ..model import CollectiveJump, ModeJump, Model
from ..model.facts import once_per_recent_model
from ..model.function_of_average import FunctionOfAverage
from ..model.jumps import OneParticleJump
from ..model.spectrum import snapped
from ..tools.matrices import conjugate
from ..tools.types import Array, Matrix, RealFunction
from .axes import seen, without_rounding
from .frames import common_turn, main_frames
from .polynomial_rates import PolynomialRate, polynomial_rate

MEMORY = 64 * 2**20
"""Bytes of tables of Γ that are kept of the models used last."""


@dataclass(frozen=True, eq=False)
class Channel:
    """One local jump in the frame where its argument is diagonal.

    Attributes
    ----------
    block : int
    turn : dict of int to (d, d) unitary
        Rotation from the main frame on the axes where this channel needs another one.
    matrix : (d, d) array
        j in its frame.
    gamma : array
        Γ on the grid of occupation numbers, one axis per block: all occupations for the blocks of the argument (see
        :class:`Occupations`; for two levels the N_b + 1 numbers of particles up), length 1 for the others; with
        self-exclusion one particle fewer on the axis of the jumping particle's block.
    excluded : bool
        Whether ``gamma`` is that of the other particles.
    polynomial : PolynomialRate, optional
        Γ as a polynomial of Δ in the main frame: there is no turn then, and ``matrix`` is in the main frame, too.
    mode : tuple of int and bool, optional
        The mode that the particle exchanges a quantum with, and whether it emits it; j has the factor 1/√N then.
    """

    block: int
    turn: dict[int, Matrix]
    matrix: Matrix
    gamma: Array
    excluded: bool
    polynomial: PolynomialRate | None = None
    mode: tuple[int, bool] | None = None

    @cached_property
    def transitions(self) -> list[tuple[int, list[tuple[int, complex]]]]:
        """Elements of j that are not zero: for each level it acts on, the levels it leads to."""
        return [
            (int(a), [(int(b), complex(self.matrix[b, a])) for b in np.flatnonzero(self.matrix[:, a])])
            for a in np.flatnonzero(self.matrix.any(axis=0))
        ]


@dataclass(frozen=True, eq=False)
class CollectiveRate:
    """Γ of a collective jump in the frame where its argument is diagonal.

    Attributes
    ----------
    turn : dict of int to (d, d) unitary
        Rotation from the main frame on the axes where it needs another one.
    gamma : array
        Γ on the grid of occupation numbers, as that of a :class:`Channel`.
    polynomial : None
        There is no other way to have it.
    """

    turn: dict[int, Matrix]
    gamma: Array
    polynomial: None = None


@dataclass(frozen=True, eq=False)
class Channels:
    """The main frame of every block and the jumps of a model.

    Attributes
    ----------
    rotations : list of (d, d) unitary arrays
        Columns are the kets of the main frame of each block.
    of_jumps : list of Channel or None
        One for each jump of the model; None for a collective one.
    of_collective : list of CollectiveRate or None
        One for each jump of the model; None for one that is local, or collective with a constant rate.
    """

    rotations: list[Matrix]
    of_jumps: list[Channel | None]
    of_collective: list[CollectiveRate | None]

    @property
    def tables(self) -> list[Array | None]:
        """Γ of each jump; None for one that has no such table."""
        pairs = zip(self.of_jumps, self.of_collective, strict=True)
        return [None if made is None else made.gamma for made in (one or other for one, other in pairs)]

    @property
    def functions(self) -> list[Channel | CollectiveRate]:
        """All that have one."""
        return [made for made in (*self.of_jumps, *self.of_collective) if made is not None]

    @property
    def nbytes(self) -> int:
        """Memory of the tables of Γ."""
        return sum(table.nbytes for table in self.tables if table is not None)


@once_per_recent_model(MEMORY)
def channels_of(model: Model) -> Channels:
    """Tabulate all jumps of a model.

    Raises
    ------
    ArgumentError
        If a rate returns something that is no rate.
    """
    rotations = list(main_frames(model))
    return Channels(
        rotations,
        [channel_of(model, jump, rotations) if isinstance(jump, OneParticleJump) else None for jump in model.jumps],
        [
            _collective_rate(model, jump, rotations) if isinstance(jump, CollectiveJump) else None
            for jump in model.jumps
        ],
    )


def _collective_rate(model: Model, jump: CollectiveJump, rotations: list[Matrix]) -> CollectiveRate | None:
    if not jump.has_rate:
        return None
    turn, argument = argument_grid(model, jump, rotations)
    return CollectiveRate(turn, on_grid(jump.gamma, argument, len(model.blocks)))


def channel_of(model: Model, jump: OneParticleJump, rotations: list[Matrix]) -> Channel:
    """Tabulate a jump; ``rotations`` are the main frames of the blocks."""
    mode = (model.mode_index(jump.mode), jump.emits) if isinstance(jump, ModeJump) else None
    own, excluded = model.block_index(jump.block), jump.leaves_self_out
    turn, argument = argument_grid(model, jump, rotations)
    gamma = on_grid(jump.gamma, argument, len(model.blocks))
    j = seen(rotations[own], jump.matrix)
    polynomial = None
    if turn and mode is None:
        polynomial = polynomial_rate(model, jump, jump.gamma, rotations, turn, argument, gamma)
    if polynomial is not None:
        turn = {}
    if own in turn:
        j = conjugate(turn[own], j)
    j = without_rounding(j)
    j = j if mode is None else j / np.sqrt(model.size)
    return Channel(own, turn, j, gamma, excluded, polynomial, mode)


def argument_grid(model: Model, term: FunctionOfAverage, rotations: list[Matrix]) -> tuple[dict[int, Matrix], Array]:
    """Where the average Δ of a term is diagonal, or all of its averages, and their values there.

    Returns
    -------
    turn : dict of int to (d, d) unitary
        Rotations from the main frames of those blocks whose arguments are not diagonal there.
    argument : array
        Δ on the grid of occupation numbers, one axis per block, of length 1 for those that are not in Δ; of several
        averages one such array each along a first axis.
    """
    turn: dict[int, Matrix] = {}
    grids: dict[int, Occupations] = {}
    for name in term.argument_blocks:
        b = model.block_index(name)
        block = model.blocks[b]
        unitary = common_turn([conjugate(rotations[b], x[name]) for x in term.arguments if name in x])
        if unitary is not None:
            turn[b] = unitary
        grids[b] = Occupations(block.size - term.missing(name), block.levels)
    made: list[Array] = []
    for matrices in term.arguments:
        argument: Array = np.zeros((1,) * len(model.blocks))
        for name, matrix in matrices.items():
            b = model.block_index(name)
            there = conjugate(rotations[b], matrix)
            if b in turn:
                there = conjugate(turn[b], there)
            shape = [1] * len(model.blocks)
            shape[b] = len(grids[b])
            argument = argument + grids[b].averages(snapped(np.diag(there).real), model.blocks[b].size).reshape(shape)
        made.append(argument)
    if len(made) > 1:
        return turn, np.stack(np.broadcast_arrays(*made))
    return turn, made[0] if made else np.zeros((1,) * len(model.blocks))


def on_grid(function: RealFunction, argument: Array, axes: int) -> Array:
    """A function of Δ on such a grid, one axis per block."""
    several = argument.shape[: argument.ndim - axes]
    return function(argument.reshape((*several, -1))).reshape(argument.shape[len(several) :])
