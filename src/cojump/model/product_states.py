"""Initial states in which all particles are independent: product (pure or mixed), tilted, a corrupted pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import counted
from .blocks import Block
from .model import Model, check_model
from .states import (
    NORM,
    ProductBlock,
    State,
    amplitudes_of,
    check_start,
    complex_array,
    modes_alone,
    normalised,
    per_block,
    two_levels_only,
)


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
    values = per_block("states", model, states)
    return State(
        tuple(product_block(f"states[{b.name!r}]", b, value) for b, value in zip(model.blocks, values, strict=True)),
        amplitudes_of("states", model, states),
    )


def tilted(model: Model, theta: float, phi: float, *, modes: Mapping[str, complex] | None = None) -> State:
    """cos(θ/2)|up> + e^{iφ} sin(θ/2)|down> for every particle of every block; angles in radians.

    Parameters
    ----------
    model : Model
    theta, phi : float
    modes : mapping of str to complex, optional
        α of modes, as in :func:`product`; the others are in the vacuum.

    Raises
    ------
    ArgumentError
        If a block has more than two levels, an angle is not a finite number, or ``modes`` names no mode.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> print(cj.mean_field(model, cj.tilted(model, np.pi / 2, 0), [0])["spins.x"].mean.round(6))  # along x
    [1.]
    """
    theta, phi = checks.number("theta", theta), checks.number("phi", phi)
    two_levels_only(model)
    ket = np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
    return product(model, {**{b.name: ket for b in model.blocks}, **modes_alone(model, modes)})


def corrupted(
    model: Model, pattern: int = 0, quality: float = 0.8, *, modes: Mapping[str, complex] | None = None
) -> State:
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
    modes : mapping of str to complex, optional
        α of modes, as in :func:`product`; the others are in the vacuum.

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
    states: dict[str, Any] = dict(modes_alone(model, modes))
    for block in model.blocks:
        signature = _signature(block)
        if signature is None:
            raise ArgumentError(
                "model", "be a Hopfield model", f"block {checks.shown(block.name)} is no pattern signature"
            )
        pattern = checks.integer("pattern", pattern, 0, len(signature) - 1)
        populations = np.full(block.levels, (1 - quality) / (block.levels - 1))
        populations[signature[pattern]] = quality
        states[block.name] = np.diag(populations)
    return product(model, states)


def _signature(block: Block) -> list[int] | None:
    """Level of each pattern in the particles of a block, from its name: "+-+" or "0-2-1"; None if it is none."""
    if block.levels == 2 and not set(block.name) - {"+", "-"}:
        return [0 if sign == "+" else 1 for sign in block.name]
    entries = block.name.split("-")
    if not all(e.isdecimal() and len(e) <= 3 and int(e) < block.levels for e in entries):
        return None
    return [int(e) for e in entries]


def state_of(name: str, model: Model, given: Any) -> State:
    """A State, or that of one density matrix (d_b, d_b) for each block and then α of each mode.

    Raises
    ------
    ArgumentError
        About ``name``, if it is neither or a matrix is no state.
    """
    if isinstance(given, State):
        check_start(model, given, name)
        return given
    beside = ", then α of each mode" if model.modes else ""
    given = checks.items(name, given, f"a State, or a list of one density matrix per block{beside}")
    B = len(model.blocks)
    if len(given) != B + len(model.modes):
        found = f"there are {len(given)} for {counted(B, 'block')}" + (
            f" and {counted(len(model.modes), 'mode')}" if model.modes else ""
        )
        raise ArgumentError(name, f"have one density matrix per block{beside}", found)
    made = []
    for i, (block, value) in enumerate(zip(model.blocks, given[:B], strict=True)):
        matrix, d = complex_array(f"{name}[{i}]", value), block.levels
        if matrix.shape != (d, d):
            raise ArgumentError(f"{name}[{i}]", f"be a density matrix ({d}, {d})", f"its shape is {matrix.shape}")
        made.append(product_block(f"{name}[{i}]", block, matrix))
    amplitudes = (checks.complex_number(f"{name}[{B + m}]", value) for m, value in enumerate(given[B:]))
    return State(tuple(made), tuple(amplitudes))


def product_block(name: str, block: Block, value: object) -> ProductBlock:
    """All particles of a block in the state of a ket or a density matrix."""
    array = complex_array(name, value)
    d = block.levels
    if array.shape == (d,):
        ket = normalised(name, array)
        return ProductBlock(np.outer(ket, ket.conj()))
    if array.shape != (d, d):
        rule = f"be a ket ({d},) or a density matrix ({d}, {d})"
        raise ArgumentError(name, rule, f"its shape is {array.shape}")
    trace = np.trace(array)
    if np.abs(array - array.conj().T).max() > NORM:
        raise ArgumentError(name, "be Hermitian", f"|ρ - ρ†| reaches {np.abs(array - array.conj().T).max():.3g}")
    if abs(trace - 1) > NORM:
        found = f"{trace.real:.12g}" if abs(trace.imag) <= NORM else f"{trace:.12g}"
        raise ArgumentError(name, "have trace 1", f"its trace is {found}")
    density = (array + array.conj().T) / (2 * trace.real)
    lowest = float(np.linalg.eigvalsh(density)[0])
    if lowest < -NORM:
        raise ArgumentError(name, "have no negative eigenvalue", f"one is {lowest:.6g}")
    return ProductBlock(density)
