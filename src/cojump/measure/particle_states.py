"""Density matrices of a few particles, averaged over the trajectories, with errors of their elements.

Particles of a block are alike, so elements that a permutation of them takes into each other are equal, and so are, up
to conjugation, those across the diagonal: one of each such set is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..basis.reduction import check_counts
from ..errors import ArgumentError
from ..model import Model
from ..tools import checks
from ..tools.types import Array
from .meter import ObservedState, Size, StateMeter
from .statistics import Estimates, Extra

MOST_STATES = 64
"""Of the particles whose density matrix is sampled."""

_NAME = "reduced/"


class _Map(NamedTuple):
    """Which elements are kept, and which of them each element is.

    Attributes
    ----------
    rows, columns : (n,) arrays
        Of those that are kept.
    real : (n,) bool array
        Whether they are real.
    number : (D, D) array
        Which of them each element is.
    swapped : (D, D) bool array
        Whether it is the conjugate of that.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    real: NDArray[np.bool_]
    number: NDArray[np.intp]
    swapped: NDArray[np.bool_]


@dataclass(frozen=True)
class Elements:
    """Which elements of the density matrix of some particles are kept.

    Attributes
    ----------
    groups : tuple of (levels, count)
        Of each block, in the order of its particles.
    """

    groups: tuple[tuple[int, int], ...]

    @cached_property
    def _map(self) -> _Map:
        levels = [d for d, count in self.groups for _ in range(count)]
        states = list(product(*map(range, levels)))
        known: dict[Any, int] = {}
        real: list[bool] = []
        rows: list[int] = []
        columns: list[int] = []
        number, swapped = np.zeros((len(states),) * 2, dtype=np.intp), np.zeros((len(states),) * 2, dtype=bool)
        for i, left in enumerate(states):
            for j, right in enumerate(states):
                key, mirrored = self._key(left, right), self._key(right, left)
                if key not in known and mirrored not in known:
                    known[key] = len(rows)
                    rows.append(i)
                    columns.append(j)
                    real.append(key == mirrored)
                swapped[i, j] = key not in known
                number[i, j] = known[mirrored if swapped[i, j] else key]
        return _Map(np.array(rows), np.array(columns), np.array(real), number, swapped)

    def _key(self, left: Sequence[int], right: Sequence[int]) -> tuple[Any, ...]:
        """What is the same for all permutations of particles of one block."""
        found, first = [], 0
        for _, count in self.groups:
            found.append(tuple(sorted(zip(left[first : first + count], right[first : first + count], strict=True))))
            first += count
        return tuple(found)

    @property
    def count(self) -> int:
        """Real numbers that are kept: real and imaginary parts."""
        return 2 * len(self._map.rows)

    def of(self, matrix: NDArray[np.complex128]) -> Array:
        """(count,) the real parts of those that are kept, then their imaginary parts."""
        kept = matrix[self._map.rows, self._map.columns]
        return np.concatenate([kept.real, np.where(self._map.real, 0.0, kept.imag)])

    def matrix(self, values: Array, *, errors: bool = False) -> NDArray[np.complex128]:
        """(.., D, D) matrices from (.., count) numbers; ``errors`` are not conjugated."""
        number, swapped = self._map.number, self._map.swapped
        half = values.shape[-1] // 2
        real, imaginary = values[..., :half][..., number], values[..., half:][..., number]
        signs = np.where(swapped & (not errors), -1.0, 1.0)
        return np.asarray(real + 1j * signs * imaginary, dtype=np.complex128)


class ParticleMeter(StateMeter):
    """The density matrix of some particles."""

    def __init__(self, model: Model, times: Array, counts: Mapping[str, int], argument: str) -> None:
        self._counts = check_counts(model, argument, counts, MOST_STATES)
        self.elements = Elements(tuple((model.blocks[b].levels, count) for b, count in self._counts.items()))
        named = {model.blocks[b].name: count for b, count in self._counts.items()}
        self.name = _NAME + json.dumps(named, ensure_ascii=False)
        super().__init__((json.dumps(self.elements.groups),), times)

    @property
    def size(self) -> Size:
        """Real and imaginary parts of the elements that are kept."""
        n = self.elements.count
        return Size(len(self.times), n, n, n)

    def read(self, state: ObservedState) -> Array:
        """(n,) real and imaginary parts."""
        return self.elements.of(state.taken_out(self._counts))


def particle_meters(model: Model, times: Array, reduced: Any) -> list[ParticleMeter]:
    """A meter for each set of particles that is asked for.

    Raises
    ------
    ArgumentError
        If one breaks a rule or is there twice.
    """
    given = [reduced] if isinstance(reduced, Mapping) else checks.items("reduced", reduced, "a list of {block: number}")
    made = []
    for n, counts in enumerate(given):
        argument = "reduced" if isinstance(reduced, Mapping) else f"reduced[{n}]"
        made.append(ParticleMeter(model, times, counts, argument))
        if made[-1].name in (meter.name for meter in made[:-1]):
            raise ArgumentError(argument, "be asked for once", f"{checks.shown(counts)} is there already")
    return made


def particles_of(extras: Mapping[str, Extra]) -> dict[str, dict[str, int]]:
    """The particles that were asked for, by the name of their statistics."""
    return {name: json.loads(name.removeprefix(_NAME)) for name in extras if name.startswith(_NAME)}


def matrices_of(extra: Extra, estimates: Estimates) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """(T, D, D) means, and errors of their real and imaginary parts as one complex array."""
    elements = Elements(tuple((int(d), int(count)) for d, count in json.loads(extra.labels[0])))
    return elements.matrix(estimates.mean), elements.matrix(estimates.stderr, errors=True)
