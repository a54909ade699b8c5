"""A packed state on its way: Taylor steps with the generator, and more Fock states of a mode where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from ..basis.particle_removal import Label
from ..model.driven import DEGREE, Drive
from ..tools.types import Array
from .fock_growth import Edge, Outgrown, grown, widened
from .generator import LEAST, Generator
from .sector_states import SectorStates
from .taylor_steps import DrivenTerms, evolve

T = TypeVar("T")


def least_vectors(is_driven: bool) -> int:
    """Vectors that an evolution keeps: more where the generator changes in time in a step."""
    return LEAST + (DEGREE + 4 if is_driven else 0)


@dataclass(frozen=True)
class Limits:
    """What an evolution may cost, and how exact it is.

    Attributes
    ----------
    tolerance : float
        Bound on the error in the trace norm, in parts of ``size``.
    memory : float
        GiB that may be used.
    applications : float
        How often the generator may be applied.
    size : float
        A bound on the trace norm of what evolves: 1 for a state.
    """

    tolerance: float
    memory: float
    applications: float
    size: float = 1.0


@dataclass(frozen=True, eq=False)
class Evolved(Generic[T]):
    """Where an evolution has come to.

    Attributes
    ----------
    found : list
        What was read at the times.
    generator : Generator or Populations
        That of the last step.
    vector : array
        The packed state at the last time.
    """

    found: list[T]
    generator: SectorStates
    vector: Array


def evolved(
    generator: SectorStates,
    occupied: Sequence[Sequence[Label]],
    vector: Array,
    times: Array,
    reading: Callable[[SectorStates], Callable[[Array], T]],
    limits: Limits,
    told: Callable[[float], None] = lambda share: None,
) -> Evolved[T]:
    """e^{𝓛t} of a packed Hermitian vector, read at the times.

    With modes half of the tolerance is for the steps, and half for what is lost beyond their Fock states.

    Parameters
    ----------
    generator : Generator or Populations
        Made for at least ``least_vectors``.
    occupied : sequence of lists of labels
        The sectors that it was made for.
    vector : array
    times : (T,) array
        Increasing, times[0] ≥ 0.
    reading : callable
        reading(generator) is a function of packed vectors, whose values are returned.
    limits : Limits
    told : callable
        Hears which share of the time is done.
    """
    model, spaces = generator.model, generator.spaces
    tolerance = limits.tolerance * limits.size
    for_steps = tolerance / 2 if spaces else tolerance
    end, begun, spent = float(times[-1]), 0.0, 0
    found: list[T] = []
    least, last = least_vectors(model.is_driven), vector
    drive = Drive(model, end) if model.is_driven else None
    parts = None if drive is None else [part.model for part in drive.parts]
    while True:
        read, edge = reading(generator), Edge(model, spaces, generator.packing, generator.dims, parts)
        driven = None if drive is None else DrivenTerms(drive, generator.of_part, generator.packing.norm)
        allowed = tolerance / 2 / max(len(spaces), 1) / max(end, np.finfo(float).tiny)

        def applied(y: Array, generator: SectorStates = generator) -> Array:
            nonlocal spent
            spent += 1
            return generator(y)

        def watch(
            t: float,
            before: Array,
            after: Array,
            edge: Edge = edge,
            allowed: float = allowed,
            driven: DrivenTerms | None = driven,
        ) -> None:
            factors = np.ones(1) if driven is None else driven.largest
            modes = [m for m, lost in enumerate(edge.losses(after, factors)) if lost > allowed]
            if modes:
                raise Outgrown(t, before, modes)

        left = times[len(found) :]
        try:
            for y in evolve(
                applied,
                vector,
                left,
                norm=generator.packing.norm,
                tolerance=for_steps * ((end - begun) / end if begun else 1.0),
                most=limits.applications - spent,
                at_once=max(min(generator.spare - (least - LEAST), 8), 1),
                told=told,
                watch=watch,
                driven=driven,
                since=begun,
            ):
                found.append(read(y))
                last = y
            return Evolved(found, generator, last)
        except Outgrown as outgrown:
            begun, spaces = outgrown.time, grown(spaces, outgrown.modes)
            smaller = generator
            generator = Generator(model, occupied, memory=limits.memory, least=least, spaces=spaces)
            assert isinstance(smaller, Generator)
            assert isinstance(generator, Generator)
            vector = widened(outgrown.vector, smaller.packing, generator.packing, smaller.dims, generator.dims)
