"""How a model is run: its independent parts, their representations, memory and cost, and its checked rates.

The recipe is worked out once for each model in a process; whoever needs a part of it asks here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..model import Model
from ..model.components import Component, components
from ..model.driven import jump_rate
from ..model.facts import once_per_model
from ..tools.types import Array
from .frames import named_frames
from .representations import REPRESENTATIONS, Representation


@dataclass(frozen=True, eq=False)
class Part(Component):
    """An independent part of a model, and how it is run.

    Attributes
    ----------
    model, blocks, jumps, potentials
        See :class:`~cojump.model.components.Component`.
    representation : Representation
        What its states are written in.
    """

    representation: Representation

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its blocks."""
        return tuple(b.name for b in self.model.blocks)

    @cached_property
    def method(self) -> str:
        """How its trajectories run, in words: the representation, and the frames of blocks that are turned."""
        return ", ".join(filter(None, [self.representation.method(self.model), named_frames(self.model)]))

    @cached_property
    def amplitudes(self) -> int:
        """Number of amplitudes of its largest sector (an upper bound for more than two levels)."""
        return self.representation.amplitudes(self.model)

    @cached_property
    def nbytes(self) -> int:
        """Memory that running it takes, in bytes."""
        return self.representation.nbytes(self.model)


@dataclass(frozen=True, eq=False)
class Recipe:
    """How the trajectories of a model run.

    Attributes
    ----------
    parts : tuple of Part
        Groups of blocks that nothing couples, in the order of their first blocks.
    """

    parts: tuple[Part, ...]

    def nbytes(self, snapshots: int = 0) -> int:
        """Memory of an engine in bytes.

        The states at ``snapshots`` output times are kept: one block hands all of them over at its end, and several
        parts, which run one after another, keep theirs for each other.
        """
        kept = 16 * snapshots * sum(part.amplitudes for part in self.parts)
        return sum(part.nbytes for part in self.parts) + kept

    def cost(self, end: float) -> float:
        """Rough cost of one trajectory up to the time ``end``: jumps times amplitudes that the state occupies.

        It orders the points of a sweep and shares out the time left, nothing else: results do not depend on it.
        """
        occupied = sum(float(part.amplitudes) ** 0.5 for part in self.parts)
        return (1.0 + sum(jump_rate(part.model, end) for part in self.parts) * end) * (10.0 + occupied)

    def rates(self) -> dict[int, Array]:
        """Γ of every local jump, by its position in the model, at each point where trajectories will need it.

        Raises
        ------
        ArgumentError
            If a rate returns something that is no rate.
        """
        return {
            place: gamma
            for part in self.parts
            for place, gamma in zip(part.jumps, part.representation.rates(part.model), strict=True)
            if gamma is not None
        }

    def energies(self) -> dict[int, Array]:
        """N factor φ of every potential, by its position in the Hamiltonian, at each point where trajectories need it.

        Raises
        ------
        ArgumentError
            If a potential returns something that is no energy.
        """
        return {
            place: energy
            for part in self.parts
            for place, energy in zip(part.potentials, part.representation.energies(part.model), strict=True)
        }


@once_per_model
def recipe_of(model: Model) -> Recipe:
    """The recipe of a model."""
    return Recipe(
        tuple(
            Part(**vars(part), representation=next(r for r in REPRESENTATIONS if r.holds(part.model)))
            for part in components(model)
        )
    )
