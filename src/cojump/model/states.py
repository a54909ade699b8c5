"""What an initial state is; `product_states` and `symmetric_states` make them.

A state knows one thing per block. It is only data; the amplitudes in a sector are made by the basis (schur).
Every state here is exchangeable within each block and a product between blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import Summarised, counted, facts, few, more
from .model import Model, check_model
from .written import number

_SHOWN = 6
"""Blocks that are listed one by one."""

NORM = 1e-9
"""Deviation of a norm or a trace from 1 that is taken as rounding and divided out."""


@dataclass(frozen=True, eq=False, repr=False)
class ProductBlock(Summarised):
    """All particles of a block in the same single-particle state.

    Attributes
    ----------
    density : (d, d) array
        Density matrix of one particle.
    """

    density: NDArray[np.complex128]

    is_product = True

    def _title(self) -> str:
        purity = float(np.trace(self.density @ self.density).real)
        return f"product state, {'pure' if purity > 1 - NORM else f'mixed (purity {purity:.4g})'}"


@dataclass(frozen=True, eq=False, repr=False)
class DickeBlock(Summarised):
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

    def _title(self) -> str:
        return f"Dicke state |J = {self.two_J / 2:g}, M = {self.two_M / 2:g}> of {counted(self.size, 'particle')}"


@dataclass(frozen=True, eq=False, repr=False)
class SymmetricBlock(Summarised):
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

    def _title(self) -> str:
        return f"symmetric state of {counted(len(self.amplitudes) - 1, 'particle')}"


@dataclass(frozen=True, eq=False, repr=False)
class SectorBlock(Summarised):
    """A superposition of |J, M> over M of one J below N_b/2, with all copies of the sector equally likely.

    Attributes
    ----------
    size : int
        N_b.
    two_J : int
        2J.
    amplitudes : (2J + 1,) array
        Entry k belongs to M = J - k.
    density : (2, 2) array
        Density matrix of one particle.
    """

    size: int
    two_J: int
    amplitudes: NDArray[np.complex128]
    density: NDArray[np.complex128]

    is_product = False

    def _title(self) -> str:
        return f"state of the sector J = {self.two_J / 2:g} of {counted(self.size, 'particle')}"


@dataclass(frozen=True, eq=False, repr=False)
class OccupationBlock(Summarised):
    """The symmetric state of a block with a definite number of particles in each level, or that of another sector.

    Attributes
    ----------
    occupations : (d,) int array
        n_0..n_{d-1}, which add up to N_b.
    density : (d, d) array
        Density matrix of one particle.
    diagram : tuple of d int, or None
        The Young diagram λ of a sector, spread evenly over its copies; None of the symmetric one.
    """

    occupations: NDArray[np.int64]
    density: NDArray[np.complex128]
    is_product: bool
    diagram: tuple[int, ...] | None = None

    @property
    def rows(self) -> tuple[int, ...]:
        """The diagram, that of the symmetric sector as well."""
        return self.diagram or (int(self.occupations.sum()), *[0] * (len(self.occupations) - 1))

    def _title(self) -> str:
        kind = "symmetric state" if self.diagram is None else f"state of the diagram {self.diagram}, with"
        return f"{kind} of {few(self.occupations.tolist())} particles in the levels".replace("with of", "with")


BlockState = ProductBlock | DickeBlock | SymmetricBlock | SectorBlock | OccupationBlock


@dataclass(frozen=True, eq=False, repr=False)
class State(Summarised):
    """The initial state of a model: one exchangeable state per block, in the order of ``model.blocks``.

    Made by :func:`product`, :func:`tilted`, :func:`dicke`, :func:`occupation`, :func:`symmetric`, :func:`corrupted`,
    :func:`start`.

    Attributes
    ----------
    blocks : tuple
        What is known of each block.
    amplitudes : tuple of complex
        α of each mode of the model, in the order of ``model.modes``: it is in the coherent state |√N α>.
    """

    blocks: tuple[BlockState, ...]
    amplitudes: tuple[complex, ...] = ()

    def _title(self) -> str:
        kinds = list(dict.fromkeys(block._title() for block in self.blocks))
        beside = f" and {counted(len(self.amplitudes), 'mode')}" if self.amplitudes else ""
        return f"State of {counted(len(self.blocks), 'block')}{beside}: {few(kinds, 1)}"

    def _lines(self) -> list[str]:
        blocks = [(f"block {b}", block._title()) for b, block in enumerate(self.blocks[:_SHOWN])]
        left = f"{len(self.blocks) - _SHOWN:,} more" if len(self.blocks) > _SHOWN else ""
        modes = [
            (f"mode {m}", f"coherent state, α = {number(alpha)}") for m, alpha in enumerate(self.amplitudes[:_SHOWN])
        ]
        more_modes = f"{len(self.amplitudes) - _SHOWN:,} more" if len(self.amplitudes) > _SHOWN else ""
        lines = facts(*blocks, ("…", left), *modes, ("…", more_modes))
        return lines + more(".densities of one particle of each block, .is_product")

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
            if isinstance(state, DickeBlock | SectorBlock):
                fits = fits and state.size == block.size
            if isinstance(state, OccupationBlock):
                fits = fits and int(state.occupations.sum()) == block.size
        if not fits:
            raise ArgumentError("state", "be made for this model", "its blocks have other sizes or levels")
        if len(self.amplitudes) != len(model.modes):
            found = f"it has {counted(len(self.amplitudes), 'mode')} and the model {len(model.modes)}"
            raise ArgumentError("state", "be made for this model", found)


@dataclass(frozen=True, eq=False, repr=False)
class Mixture(Summarised):
    """Σ_k w_k ρ_k of states ρ_k of one model; made by :func:`mixture`.

    Attributes
    ----------
    weights : (K,) array
        w_k, above 0, with the sum 1.
    states : tuple of K State
    """

    weights: NDArray[np.float64]
    states: tuple[State, ...]

    def _title(self) -> str:
        return f"Mixture of {counted(len(self.states), 'state')}"

    def _lines(self) -> list[str]:
        pairs = list(zip(self.weights, self.states, strict=True))
        listed = [(f"weight {weight:.6g}", state._title()) for weight, state in pairs[:_SHOWN]]
        left = f"{len(pairs) - _SHOWN:,} more" if len(pairs) > _SHOWN else ""
        return facts(*listed, ("…", left)) + more(".weights, .states")

    def drawn(self, generator: np.random.Generator) -> State:
        """One of the states, by its weight; takes one random number."""
        place = np.searchsorted(np.cumsum(self.weights), generator.random(), side="right")
        return self.states[min(int(place), len(self.states) - 1)]


def check_start(model: object, state: object, name: str = "state") -> None:
    """Raise ArgumentError unless ``model`` is a Model and ``state`` a State that was made for it."""
    check_model(model)
    assert isinstance(model, Model)
    if isinstance(state, Mixture):
        rule = "be one state here (each of `.states` of a mixture is one)"
        raise ArgumentError(name, rule, f"it is a mixture of {counted(len(state.states), 'state')}")
    if not isinstance(state, State):
        found = checks.shown(state) if not isinstance(state, Summarised) else f"a {type(state).__name__}"
        raise ArgumentError(name, "be a cojump State", f"it is {found}")
    state.check_fits(model)


def per_block(name: str, model: Model, values: Mapping[str, Any]) -> list[Any]:
    """What a mapping has for each block, or an ArgumentError about ``name`` if a block is missing or unknown.

    The names of modes may be among its keys, see :func:`amplitudes_of`.
    """
    check_model(model)
    checks.mapping(name, values, "map every block name to its state")
    model.check_keys(name, values, modes=True)
    missing = [b.name for b in model.blocks if b.name not in values]
    if missing:
        raise ArgumentError(name, "give a state to every block", f"{checks.shown(missing[0])} has none")
    return [values[b.name] for b in model.blocks]


def amplitudes_of(name: str, model: Model, values: Mapping[str, Any]) -> tuple[complex, ...]:
    """α of each mode in a mapping that may have them by name; 0, the vacuum, for a mode that it does not name."""
    return tuple(checks.complex_number(f"{name}[{m!r}]", values[m]) if m in values else 0j for m in model.mode_names)


def modes_alone(model: Model, modes: Mapping[str, complex] | None) -> dict[str, complex]:
    """The argument ``modes`` of states that are the same for all blocks, with modes for keys alone."""
    check_model(model)
    given = checks.mapping("modes", {} if modes is None else modes, "map names of modes to α")
    for mode in given:
        model.mode_index(mode, "modes")
    return dict(given)


def complex_array(name: str, value: object) -> NDArray[np.complex128]:
    """The numbers of an array or a ket."""
    array = checks.array(name, value).astype(complex)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array  # a ket as a column


def normalised(name: str, vector: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """A vector of norm 1, up to rounding, as one of norm 1."""
    norm = float(np.linalg.norm(vector))
    if abs(norm - 1) > NORM:
        raise ArgumentError(name, "have norm 1", f"its norm is {norm:.12g}")
    return vector / norm


def two_levels_only(model: Model) -> None:
    """Raise ArgumentError unless all blocks have two levels."""
    check_model(model)
    for block in model.blocks:
        if block.levels != 2:
            rule = "have two levels per particle for this state"
            raise ArgumentError("model", rule, f"block {checks.shown(block.name)} has {block.levels}")
