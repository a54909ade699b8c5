"""Initial states: product (pure or mixed), Dicke, any symmetric state, a corrupted pattern.

A state knows one thing per block. It is only data; the amplitudes in a sector are made by the basis (schur).
Every state here is exchangeable within each block and a product between blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from .blocks import Block
from .model import Model, check_model

_NORM = 1e-9
"""Deviation of a norm or a trace from 1 that is taken as rounding and divided out."""


@dataclass(frozen=True, eq=False)
class ProductBlock:
    """All particles of a block in the same single-particle state.

    Attributes
    ----------
    density : (d, d) array
        Density matrix of one particle.
    """

    density: NDArray[np.complex128]

    is_product = True


@dataclass(frozen=True, eq=False)
class DickeBlock:
    """|J, M> of N_b two-level particles, with all copies of the sector J equally likely.

    Attributes
    ----------
    size : int
        N_b: the state of one particle depends on it.
    two_J, two_M : int
        2J and 2M.
    density : (2, 2) array
        Density matrix of one particle.
    """

    size: int
    two_J: int
    two_M: int
    density: NDArray[np.complex128]
    is_product: bool


@dataclass(frozen=True, eq=False)
class SymmetricBlock:
    """A pure state of the symmetric sector J = N_b/2.

    Attributes
    ----------
    amplitudes : (N_b + 1,) array
        Entry k belongs to the normalised symmetric state with k particles down.
    density : (2, 2) array
        Density matrix of one particle.
    is_product : bool
        Whether it is a spin-coherent state, all particles in the same ket.
    """

    amplitudes: NDArray[np.complex128]
    density: NDArray[np.complex128]
    is_product: bool


@dataclass(frozen=True, eq=False)
class OccupationBlock:
    """The symmetric state of a block with a definite number of particles in each level.

    Attributes
    ----------
    occupations : (d,) int array
        n_0..n_{d-1}, which add up to N_b.
    density : (d, d) array
        Density matrix of one particle.
    """

    occupations: NDArray[np.int64]
    density: NDArray[np.complex128]
    is_product: bool


BlockState = ProductBlock | DickeBlock | SymmetricBlock | OccupationBlock


@dataclass(frozen=True, eq=False)
class State:
    """The initial state of a model: one exchangeable state per block, in the order of ``model.blocks``.

    Made by :func:`product`, :func:`tilted`, :func:`dicke`, :func:`occupation`, :func:`symmetric`, :func:`corrupted`.
    """

    blocks: tuple[BlockState, ...]

    @property
    def is_product(self) -> bool:
        """Whether all particles are independent of each other, however the state was made."""
        return all(b.is_product for b in self.blocks)

    @property
    def densities(self) -> tuple[NDArray[np.complex128], ...]:
        """Density matrix (d_b, d_b) of one particle of each block."""
        return tuple(b.density for b in self.blocks)

    def check_fits(self, model: Model) -> None:
        """Raise ArgumentError unless the state was made for blocks of the shape of ``model``'s."""
        fits = len(self.blocks) == len(model.blocks)
        for state, block in zip(self.blocks, model.blocks, strict=False):
            fits = fits and state.density.shape == (block.levels, block.levels)
            if isinstance(state, SymmetricBlock):
                fits = fits and len(state.amplitudes) == block.size + 1
            if isinstance(state, DickeBlock):
                fits = fits and state.size == block.size
            if isinstance(state, OccupationBlock):
                fits = fits and int(state.occupations.sum()) == block.size
        if not fits:
            raise ArgumentError("state", "be made for this model", "its blocks have other sizes or levels")


def check_start(model: object, state: object, name: str = "state") -> None:
    """Raise ArgumentError unless ``model`` is a Model and ``state`` a State that was made for it."""
    check_model(model)
    assert isinstance(model, Model)
    if not isinstance(state, State):
        raise ArgumentError(name, "be a cojump State", f"it is {checks.shown(state)}")
    state.check_fits(model)


def density_matrices(name: str, model: Model, given: Any) -> list[NDArray[np.complex128]]:
    """One-particle density matrices (d_b, d_b) of a State, or of a sequence of them, one for each block.

    Raises
    ------
    ArgumentError
        About ``name``, if it is neither or a matrix is no state.
    """
    if isinstance(given, State):
        check_start(model, given, name)
        return list(given.densities)
    given = checks.items(name, given, "a State, or a list of one density matrix per block")
    if len(given) != len(model.blocks):
        found = f"there are {len(given)} for {len(model.blocks)} blocks"
        raise ArgumentError(name, "have one density matrix per block", found)
    made = []
    for i, (block, value) in enumerate(zip(model.blocks, given, strict=True)):
        matrix, d = _complex_array(f"{name}[{i}]", value), block.levels
        if matrix.shape != (d, d):
            raise ArgumentError(f"{name}[{i}]", f"be a density matrix ({d}, {d})", f"its shape is {matrix.shape}")
        made.append(_product_block(f"{name}[{i}]", block, matrix).density)
    return made


def _per_block(name: str, model: Model, values: Mapping[str, Any]) -> list[Any]:
    check_model(model)
    checks.mapping(name, values, "map every block name to its state")
    model.check_keys(name, values)
    missing = [b.name for b in model.blocks if b.name not in values]
    if missing:
        raise ArgumentError(name, "give a state to every block", f"{checks.shown(missing[0])} has none")
    return [values[b.name] for b in model.blocks]


def _complex_array(name: str, value: object) -> NDArray[np.complex128]:
    array = checks.array(name, value).astype(complex)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array  # a ket as a column


def _normalised(name: str, vector: NDArray[np.complex128]) -> NDArray[np.complex128]:
    norm = float(np.linalg.norm(vector))
    if abs(norm - 1) > _NORM:
        raise ArgumentError(name, "have norm 1", f"its norm is {norm:.12g}")
    return vector / norm


def _product_block(name: str, block: Block, value: object) -> ProductBlock:
    array = _complex_array(name, value)
    d = block.levels
    if array.shape == (d,):
        ket = _normalised(name, array)
        return ProductBlock(np.outer(ket, ket.conj()))
    if array.shape != (d, d):
        rule = f"be a ket ({d},) or a density matrix ({d}, {d})"
        raise ArgumentError(name, rule, f"its shape is {array.shape}")
    trace = np.trace(array)
    if np.abs(array - array.conj().T).max() > _NORM:
        raise ArgumentError(name, "be Hermitian", f"|ρ - ρ†| reaches {np.abs(array - array.conj().T).max():.3g}")
    if abs(trace - 1) > _NORM:
        found = f"{trace.real:.12g}" if abs(trace.imag) <= _NORM else f"{trace:.12g}"
        raise ArgumentError(name, "have trace 1", f"its trace is {found}")
    density = (array + array.conj().T) / (2 * trace.real)
    lowest = float(np.linalg.eigvalsh(density)[0])
    if lowest < -_NORM:
        raise ArgumentError(name, "have no negative eigenvalue", f"one is {lowest:.6g}")
    return ProductBlock(density)


def product(model: Model, states: Mapping[str, ArrayLike]) -> State:
    """All particles of a block in the same single-particle state, blocks independent.

    Parameters
    ----------
    model : Model
    states : mapping of str to array
        For every block a normalised ket (d,) or (d, 1), or a density matrix (d, d); QuTiP's objects and sparse
        matrices are fine, too. A mixed state is sampled exactly: one
        pure state of one sector per trajectory.

    Raises
    ------
    ArgumentError
        If a block is missing or unknown, or an array is no state.

    Examples
    --------
    >>> model = cj.systems.lambda_pump(size=10, omega=1.0, kappa=1.0, gamma=0.5)
    >>> plus, mixed = np.array([1, 1, 0]) / np.sqrt(2), np.diag([0.5, 0.3, 0.2])
    >>> for state in (cj.product(model, {"particles": plus}), cj.product(model, {"particles": mixed})):
    ...     print(cj.mean_field(model, state, [0]).mean[0, :3].round(6))  # the shares of the three levels
    ...
    [0.5 0.5 0. ]
    [0.5 0.3 0.2]
    """
    values = _per_block("states", model, states)
    return State(
        tuple(_product_block(f"states[{b.name!r}]", b, value) for b, value in zip(model.blocks, values, strict=True))
    )


def tilted(model: Model, theta: float, phi: float) -> State:
    """cos(θ/2)|up> + e^{iφ} sin(θ/2)|down> for every particle of every block; angles in radians.

    Raises
    ------
    ArgumentError
        If a block has more than two levels or an angle is not a finite number.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> print(cj.mean_field(model, cj.tilted(model, np.pi / 2, 0), [0])["spins.x"].mean.round(6))  # along x
    [1.]
    """
    theta, phi = checks.number("theta", theta), checks.number("phi", phi)
    _two_levels_only(model)
    ket = np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
    return product(model, {b.name: ket for b in model.blocks})


def _two_levels_only(model: Model) -> None:
    check_model(model)
    for block in model.blocks:
        if block.levels != 2:
            rule = "have two levels per particle for this state"
            raise ArgumentError("model", rule, f"block {checks.shown(block.name)} has {block.levels}")


def _twice(name: str, value: object, block: Block) -> int:
    twice = 2 * checks.number(name, value)
    if twice % 1 != 0:
        raise ArgumentError(name, "be an integer or a half-integer", f"it is {checks.shown(value)}")
    if (twice - block.size) % 2:
        rule = f"be {'half-integer' if block.size % 2 else 'integer'} for a block of {block.size} particles"
        raise ArgumentError(name, rule, f"it is {checks.shown(value)}")
    return int(twice)


def dicke(model: Model, states: Mapping[str, tuple[float, float]]) -> State:
    """The Dicke state |J, M> of each block.

    For J < N_b/2 the sector has many copies; the state is spread evenly over them, as exchangeability asks.

    Parameters
    ----------
    model : Model
        Two levels per particle.
    states : mapping of str to (J, M)
        0 ≤ J ≤ N_b/2, |M| ≤ J, both integer or both half-integer as N_b/2 is.

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
    _two_levels_only(model)
    made: list[BlockState] = []
    for block, value in zip(model.blocks, _per_block("states", model, states), strict=True):
        name = f"states[{block.name!r}]"
        value = checks.items(name, value, "a pair (J, M)")
        if len(value) != 2:
            raise ArgumentError(name, "be a pair (J, M)", f"it is {checks.shown(value)}")
        two_J, two_M = _twice(f"{name} J", value[0], block), _twice(f"{name} M", value[1], block)
        if not 0 <= two_J <= block.size:
            raise ArgumentError(
                f"{name} J", f"be within 0 and N_b/2 = {block.size / 2:g}", f"it is {checks.shown(value[0])}"
            )
        if abs(two_M) > two_J:
            raise ArgumentError(f"{name} M", f"be within -J and J = {two_J / 2:g}", f"it is {checks.shown(value[1])}")
        up = 0.5 + 0.5 * two_M / block.size
        density = np.diag([up, 1 - up]).astype(complex)
        made.append(DickeBlock(block.size, two_J, two_M, density, abs(two_M) == two_J == block.size))
    return State(tuple(made))


def occupation(model: Model, states: Mapping[str, ArrayLike]) -> State:
    """The symmetric state of each block with n_a particles in level a: the generalised Dicke state.

    It is the superposition, with equal amplitudes, of all ways to put n_0 particles into level 0, n_1 into level 1 and
    so on. For two levels this is the Dicke state J = N_b/2, M = (n_0 - n_1)/2.

    Parameters
    ----------
    model : Model
    states : mapping of str to d_b integers
        n_0..n_{d-1} of every block, at least 0, adding up to N_b.

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
    for block, value in zip(model.blocks, _per_block("states", model, states), strict=True):
        name = f"states[{block.name!r}]"
        given = checks.items(name, value, f"{block.levels} numbers of particles")
        if len(given) != block.levels:
            raise ArgumentError(name, f"be {block.levels} numbers of particles", f"there are {len(given)}")
        counts = [checks.integer(f"{name}[{a}]", v, 0) for a, v in enumerate(given)]
        if sum(counts) != block.size:  # of Python's integers, which never wrap
            raise ArgumentError(name, f"add up to {block.size} particles", f"the sum is {sum(counts)}")
        n = np.array(counts, dtype=np.int64)
        density, alone = np.diag(n / block.size).astype(complex), bool(n.max() == block.size)
        if block.levels == 2:
            made.append(DickeBlock(block.size, block.size, int(n[0] - n[1]), density, alone))
        else:
            made.append(OccupationBlock(n, density, alone))
    return State(tuple(made))


def symmetric(model: Model, states: Mapping[str, ArrayLike]) -> State:
    """Any pure symmetric state of each block (sector J = N_b/2).

    Parameters
    ----------
    model : Model
        Two levels per particle.
    states : mapping of str to (N_b + 1,) array
        Entry k is the amplitude of the normalised symmetric state with k particles down, so entry 0 is all up
        and for N_b = 1 the array is the ket (up, down). Norm 1.

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
    _two_levels_only(model)
    made: list[BlockState] = []
    for block, value in zip(model.blocks, _per_block("states", model, states), strict=True):
        name = f"states[{block.name!r}]"
        array = _complex_array(name, value)
        if array.shape != (block.size + 1,):
            rule = f"have {block.size + 1} amplitudes for {block.size} particles"
            raise ArgumentError(name, rule, f"its shape is {array.shape}")
        array = _normalised(name, array)
        density = _one_particle_density(array)
        made.append(SymmetricBlock(array, density, _is_coherent(array, density)))
    return State(tuple(made))


def _one_particle_density(amplitudes: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Reduced density matrix of one particle from symmetric amplitudes, k particles down in entry k."""
    N = len(amplitudes) - 1
    k = np.arange(N + 1)
    down = float(np.sum(k * np.abs(amplitudes) ** 2)) / N
    # <up|ρ|down> = tr(ρ σ_-) = <σ_->, and (1/N) Σ σ_- takes k down to k + 1 with sqrt((k+1)(N-k))/N.
    flip = np.sum(amplitudes[1:].conj() * amplitudes[:-1] * np.sqrt((k[:-1] + 1.0) * (N - k[:-1]))) / N
    return np.array([[1 - down, flip], [np.conj(flip), down]])


def _is_coherent(amplitudes: NDArray[np.complex128], density: NDArray[np.complex128]) -> bool:
    """Whether symmetric amplitudes are those of N particles in the ket that one of them is most likely in."""
    N = len(amplitudes) - 1
    up, down = np.linalg.eigh(density)[1][:, -1]
    k = np.arange(N)
    # Taking one particle out of the ket orthogonal to (up, down) must leave nothing. The norm is linear in the distance
    # from a coherent state, and does not suffer the cancellation of 1 - tr ρ².
    rest = up * np.sqrt(k + 1.0) * amplitudes[1:] - down * np.sqrt(N - k) * amplitudes[:-1]
    return bool(np.linalg.norm(rest) <= _NORM * np.sqrt(N))


def corrupted(model: Model, pattern: int = 0, quality: float = 0.8) -> State:
    """A stored pattern of a Hopfield model in which each spin is right with probability ``quality``.

    Each spin is along its pattern sign with probability q and against it with 1 - q, independently; a Potts spin is
    in the level of the pattern with probability q and in each of the others with the same share of 1 - q. This is a
    mixed product state that splits no block.

    Parameters
    ----------
    model : Model
        Made by :func:`cojump.systems.hopfield` or :func:`cojump.systems.potts_hopfield`: its block names are the
        signatures.
    pattern : int
        Which pattern μ, from 0.
    quality : float
        q, between 0 and 1.

    Raises
    ------
    ArgumentError
        If the model's blocks carry no signatures, or a value is out of range.

    Examples
    --------
    >>> model = cj.systems.hopfield(cj.systems.random_patterns(2, size=20, seed=1), omega=0.1, beta=4.0)
    >>> result = cj.simulate(model, cj.corrupted(model, pattern=0, quality=0.9), [0, 10], n_traj=8)
    >>> result.order.labels
    ('overlap1', 'overlap2')
    >>> print(result.order.reference[0].round(6))  # 2 q - 1 with the pattern that it starts from
    [0.8  0.16]
    """
    check_model(model)
    quality = checks.number("quality", quality, 0, 1)
    densities = {}
    for block in model.blocks:
        signature = _signature(block)
        if signature is None:
            raise ArgumentError(
                "model", "be a Hopfield model", f"block {checks.shown(block.name)} is no pattern signature"
            )
        pattern = checks.integer("pattern", pattern, 0, len(signature) - 1)
        populations = np.full(block.levels, (1 - quality) / (block.levels - 1))
        populations[signature[pattern]] = quality
        densities[block.name] = np.diag(populations)
    return product(model, densities)


def _signature(block: Block) -> list[int] | None:
    """Level of each pattern in the particles of a block, from its name: "+-+" or "0-2-1"; None if it is none."""
    if block.levels == 2 and not set(block.name) - {"+", "-"}:
        return [0 if sign == "+" else 1 for sign in block.name]
    entries = block.name.split("-")
    if not all(e.isdecimal() and len(e) <= 3 and int(e) < block.levels for e in entries):
        return None
    return [int(e) for e in entries]
