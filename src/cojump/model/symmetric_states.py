"""Initial states that particles share: Dicke states, numbers of particles in each level, any symmetric state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import counted
from .blocks import Block
from .model import Model, check_model
from .states import (
    NORM,
    BlockState,
    DickeBlock,
    OccupationBlock,
    SectorBlock,
    State,
    SymmetricBlock,
    amplitudes_of,
    complex_array,
    normalised,
    per_block,
    two_levels_only,
)


def _twice(name: str, value: object, block: Block) -> int:
    twice = 2 * checks.number(name, value)
    if twice % 1 != 0:
        raise ArgumentError(name, "be an integer or a half-integer", f"it is {checks.shown(value)}")
    if (twice - block.size) % 2:
        rule = f"be {'half-integer' if block.size % 2 else 'integer'} for a block of {counted(block.size, 'particle')}"
        raise ArgumentError(name, rule, f"it is {checks.shown(value)}")
    return int(twice)


def two_J_of(name: str, value: object, block: Block) -> int:
    """2J of a block, from J."""
    two_J = _twice(f"{name} J", value, block)
    if not 0 <= two_J <= block.size:
        raise ArgumentError(f"{name} J", f"be within 0 and N_b/2 = {block.size / 2:g}", f"it is {checks.shown(value)}")
    return two_J


def dicke_block(name: str, block: Block, value: object) -> DickeBlock:
    """|J, M> of a block of two levels, from the pair (J, M)."""
    value = checks.items(name, value, "a pair (J, M)")
    if len(value) != 2:
        raise ArgumentError(name, "be a pair (J, M)", f"it is {checks.shown(value)}")
    two_J, two_M = two_J_of(name, value[0], block), _twice(f"{name} M", value[1], block)
    if abs(two_M) > two_J:
        raise ArgumentError(f"{name} M", f"be within -J and J = {two_J / 2:g}", f"it is {checks.shown(value[1])}")
    up = 0.5 + 0.5 * two_M / block.size
    density = np.diag([up, 1 - up]).astype(complex)
    return DickeBlock(block.size, two_J, two_M, density, abs(two_M) == two_J == block.size)


def occupation_block(name: str, block: Block, value: object, diagram: object = None) -> DickeBlock | OccupationBlock:
    """The symmetric state of a block with these numbers of particles in the levels, or that of another sector."""
    given = checks.items(name, value, f"{block.levels} numbers of particles")
    if len(given) != block.levels:
        raise ArgumentError(name, f"be {block.levels} numbers of particles", f"there are {len(given)}")
    counts = [checks.integer(f"{name}[{a}]", v, 0) for a, v in enumerate(given)]
    if sum(counts) != block.size:  # of Python's integers, which never wrap
        raise ArgumentError(name, f"add up to {counted(block.size, 'particle')}", f"the sum is {sum(counts)}")
    n = np.array(counts, dtype=np.int64)
    density, alone = np.diag(n / block.size).astype(complex), bool(n.max() == block.size)
    rows = None if diagram is None else _diagram(f"{name} diagram", block, diagram, counts)
    if block.levels == 2:
        two_J = block.size if rows is None else rows[0] - rows[1]
        return DickeBlock(block.size, two_J, int(n[0] - n[1]), density, alone)
    return OccupationBlock(n, density, alone, None if rows is None or rows[0] == block.size else rows)


def _diagram(name: str, block: Block, value: object, counts: Sequence[int]) -> tuple[int, ...]:
    """A Young diagram of the block whose rows are these numbers of particles, in any order."""
    given = checks.items(name, value, f"{block.levels} rows of a Young diagram")
    rows = tuple(checks.integer(f"{name}[{a}]", v, 0) for a, v in enumerate(given))
    if len(rows) != block.levels or list(rows) != sorted(rows, reverse=True):
        rule = f"be {block.levels} rows of a Young diagram, none longer than the one before"
        raise ArgumentError(name, rule, f"it is {rows}")
    if sorted(rows) != sorted(counts):  # of these there is one state in V_λ
        rule = "have the numbers of particles for its rows, in any order (there is one such state in its sector)"
        raise ArgumentError(name, rule, f"it is {rows} and they are {tuple(counts)}")
    return rows


def sector_block(name: str, block: Block, two_J: int, value: object) -> SymmetricBlock | SectorBlock:
    """A state of one J of a block of two levels, from the amplitudes of M = J, J - 1, .., -J."""
    array = complex_array(name, value)
    if array.shape != (two_J + 1,):
        where = counted(block.size, "particle") if two_J == block.size else f"J = {two_J / 2:g}"
        raise ArgumentError(name, f"have {counted(two_J + 1, 'amplitude')} for {where}", f"its shape is {array.shape}")
    array = normalised(name, array)
    density = _one_particle_density(array, block.size)
    if two_J == block.size:
        return SymmetricBlock(array, density, _is_coherent(array, density))
    return SectorBlock(block.size, two_J, array, density)


def dicke(model: Model, states: Mapping[str, tuple[float, float]]) -> State:
    """The Dicke state |J, M> of each block.

    For J < N_b/2 the sector has many copies; the state is spread evenly over them, as exchangeability asks.

    Parameters
    ----------
    model : Model
        Two levels per particle.
    states : mapping of str to (J, M)
        0 ≤ J ≤ N_b/2, |M| ≤ J, both integer or both half-integer as N_b/2 is. Modes as in :func:`product`.

    Raises
    ------
    ArgumentError
        If a pair breaks these rules.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> exact = cj.master_equation(model, cj.dicke(model, {"spins": (3, -2)}), [0])
    >>> print(exact["spins.z"].mean.round(6))  # 2 M / N
    [-0.4]
    """
    two_levels_only(model)
    made: list[BlockState] = []
    for block, value in zip(model.blocks, per_block("states", model, states), strict=True):
        name = f"states[{block.name!r}]"
        made.append(dicke_block(name, block, value))
    return State(tuple(made), amplitudes_of("states", model, states))


def occupation(model: Model, states: Mapping[str, ArrayLike]) -> State:
    """The symmetric state of each block with n_a particles in level a: the generalised Dicke state.

    It is the superposition, with equal amplitudes, of all ways to put n_0 particles into level 0, n_1 into level 1 and
    so on. For two levels this is the Dicke state J = N_b/2, M = (n_0 - n_1)/2.

    Parameters
    ----------
    model : Model
    states : mapping of str to d_b integers
        n_0..n_{d-1} of every block, at least 0, adding up to N_b. Modes as in :func:`product`.

    Raises
    ------
    ArgumentError
        If a block is missing or unknown, or the numbers break these rules.

    Examples
    --------
    >>> model = cj.systems.lambda_pump(size=10, omega=1.0, kappa=1.0, gamma=0.5)
    >>> state = cj.occupation(model, {"particles": (7, 2, 1)})
    >>> print(cj.mean_field(model, state, [0]).mean[0, :3].round(6))
    [0.7 0.2 0.1]
    """
    check_model(model)
    made: list[BlockState] = []
    for block, value in zip(model.blocks, per_block("states", model, states), strict=True):
        name = f"states[{block.name!r}]"
        made.append(occupation_block(name, block, value))
    return State(tuple(made), amplitudes_of("states", model, states))


def symmetric(model: Model, states: Mapping[str, ArrayLike]) -> State:
    """Any pure symmetric state of each block (sector J = N_b/2).

    Parameters
    ----------
    model : Model
        Two levels per particle.
    states : mapping of str to (N_b + 1,) array
        Entry k is the amplitude of the normalised symmetric state with k particles down, so entry 0 is all up
        and for N_b = 1 the array is the ket (up, down). Norm 1. Modes as in :func:`product`.

    Raises
    ------
    ArgumentError
        If an array has the wrong length or norm.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=4, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> ghz = np.array([1, 0, 0, 0, 1]) / np.sqrt(2)  # all up and all down
    >>> exact = cj.master_equation(model, cj.symmetric(model, {"spins": ghz}), [0])
    >>> print(exact.covariance[0, 2, 2].round(6))  # N (<m_z²> - <m_z>²) = N
    4.0
    """
    two_levels_only(model)
    made: list[BlockState] = []
    for block, value in zip(model.blocks, per_block("states", model, states), strict=True):
        name = f"states[{block.name!r}]"
        made.append(sector_block(name, block, block.size, value))
    return State(tuple(made), amplitudes_of("states", model, states))


def _one_particle_density(amplitudes: NDArray[np.complex128], N: int) -> NDArray[np.complex128]:
    """Reduced density matrix of one of N particles from the amplitudes of one J, entry k that of M = J - k."""
    two_J = len(amplitudes) - 1
    k = np.arange(two_J + 1)
    down = 0.5 * (1 - two_J / N) + float(np.sum(k * np.abs(amplitudes) ** 2)) / N
    # <up|ρ|down> = tr(ρ σ_-) = <σ_->, and (1/N) Σ σ_- takes k down to k + 1 with sqrt((k+1)(2J-k))/N.
    flip = np.sum(amplitudes[1:].conj() * amplitudes[:-1] * np.sqrt((k[:-1] + 1.0) * (two_J - k[:-1]))) / N
    return np.array([[1 - down, flip], [np.conj(flip), down]])


def _is_coherent(amplitudes: NDArray[np.complex128], density: NDArray[np.complex128]) -> bool:
    """Whether symmetric amplitudes are those of N particles in the ket that one of them is most likely in."""
    N = len(amplitudes) - 1
    up, down = np.linalg.eigh(density)[1][:, -1]
    k = np.arange(N)
    # Taking one particle out of the ket orthogonal to (up, down) must leave nothing. The norm is linear in the distance
    # from a coherent state, and does not suffer the cancellation of 1 - tr ρ².
    rest = up * np.sqrt(k + 1.0) * amplitudes[1:] - down * np.sqrt(N - k) * amplitudes[:-1]
    return bool(np.linalg.norm(rest) <= NORM * np.sqrt(N))
