"""Initial states with another kind of state in each block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from ..errors import ArgumentError
from .blocks import Block
from .model import Model
from .product_states import product_block
from .states import BlockState, State, amplitudes_of, per_block
from .symmetric_states import dicke_block, occupation_block, sector_block, two_J_of


@dataclass(frozen=True)
class Dicke:
    """|J, M> of a block of two levels, as in :func:`dicke`: below J = N_b/2 spread evenly over the copies of J.

    Parameters
    ----------
    J, M : float
    """

    J: float
    M: float


@dataclass(frozen=True, eq=False)
class Sector:
    """Σ_M a_M |J, M> of a block of two levels, for J < N_b/2 spread evenly over the copies of J.

    Parameters
    ----------
    J : float
    amplitudes : (2J + 1,) array
        Entry k is that of M = J - k. Norm 1.
    """

    J: float
    amplitudes: ArrayLike


@dataclass(frozen=True, eq=False)
class Symmetric:
    """A pure symmetric state of a block of two levels, as in :func:`symmetric`.

    Parameters
    ----------
    amplitudes : (N_b + 1,) array
        Entry k belongs to k particles down. Norm 1.
    """

    amplitudes: ArrayLike


@dataclass(frozen=True, eq=False)
class Occupation:
    """The symmetric state of a block with these numbers of particles in its levels, as in :func:`occupation`.

    Parameters
    ----------
    particles : d_b integers
    diagram : d_b integers, optional
        Rows of the Young diagram of another sector: the state of that sector, the same in all of its copies, which are
        as likely each. The particles are the rows in any order: in the order of the rows it is the state of highest
        weight. (N/2 + J, N/2 - J) with two levels is |J, J>; (1, 1, 1) of three particles their singlet.
    """

    particles: ArrayLike
    diagram: ArrayLike | None = None


def start(model: Model, states: Mapping[str, Any]) -> State:
    """Another kind of initial state in each block, blocks independent.

    Parameters
    ----------
    model : Model
    states : mapping of str to Dicke, Sector, Symmetric, Occupation or array
        For every block one of these kinds, or a ket or density matrix of each of its particles. ``Dicke``, ``Sector``
        and ``Symmetric`` are states of two levels. Modes as in :func:`product`.

    Raises
    ------
    ArgumentError
        If a block is missing or unknown, or the state of a block breaks the rules of its kind.

    Examples
    --------
    >>> model = cj.Model([cj.Block("spins", 6), cj.Block("atoms", 4, levels=3)])
    >>> state = cj.start(model, {"spins": cj.Dicke(2, 1), "atoms": cj.Occupation([2, 1, 1])})
    >>> exact = cj.master_equation(model, state, [0])
    >>> print(exact["spins.z"].mean.round(6), exact["atoms.n0"].mean.round(6))  # 2 M / N, n_0 / N
    [0.333333] [0.5]
    >>> other = cj.start(model, {"spins": cj.Dicke(2, 1), "atoms": cj.Occupation([2, 1, 1], diagram=(2, 1, 1))})
    >>> cj.trajectory(model, other, [0], seed=0, index=0).sectors.tolist()  # rows of both diagrams
    [[[5, 1, 0], [2, 1, 1]]]
    >>> cat = cj.start(model, {"spins": cj.Sector(2, [0.6, 0, 0, 0, 0.8]), "atoms": [0.6, 0.8, 0]})
    >>> print(cj.master_equation(model, cat, [0])["spins.z"].mean.round(6))  # 2 (0.36 · 2 - 0.64 · 2) / 6
    [-0.186667]
    """
    values = per_block("states", model, states)
    pairs = zip(model.blocks, values, strict=True)
    made = [_of_block(f"states[{block.name!r}]", block, value) for block, value in pairs]
    return State(tuple(made), amplitudes_of("states", model, states))


def _of_block(name: str, block: Block, value: object) -> BlockState:
    if isinstance(value, Occupation):
        return occupation_block(name, block, value.particles, value.diagram)
    if not isinstance(value, Dicke | Sector | Symmetric):
        return product_block(name, block, value)
    if block.levels != 2:
        found = f"a particle of the block has {block.levels}"
        raise ArgumentError(name, f"be no {type(value).__name__}, which is a state of two levels", found)
    if isinstance(value, Dicke):
        return dicke_block(name, block, (value.J, value.M))
    two_J = two_J_of(name, value.J, block) if isinstance(value, Sector) else block.size
    return sector_block(name, block, two_J, value.amplitudes)
