"""The generator of what an observer knows: the one of the master equation, and what the detectors say.

A detector of efficiency η sees the jumps K = L + β, or gives the currents Y_c of M_c (√η e^{-iφ} L; √(η/2) L and
-i √(η/2) L). The likelihood times the state, ρ, obeys in the sense of Stratonovich

    dρ = [𝓛 ρ - Σ η K ρ K† - ½ Σ_c (M_c² ρ + 2 M_c ρ M_c† + ρ M_c†²)] dt + Σ_c (M_c ρ + ρ M_c†) ∘ dY_c,

the first sum over counted jumps, and becomes η K ρ K† at a click. Along a record that is straight between two times it
is

    dρ/dt = 𝓛 ρ - Σ_seen η K ρ K† + C ρ + ρ C†,    C = Σ_c (-½ M_c² + M_c dY_c/dt),

since Σ_c M_c ρ M_c† = η L ρ L†: a completely positive map whatever the record is, and for η = 1 the one that a
trajectory goes along a given record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array

from ..basis.sectors import Labels
from ..model.modes import ModeLoss
from ..model.unravellings import Diffusive, Shifted, Unravelling
from ..tools.types import Array
from .generator import ENTRY, Generator

Map = Callable[[Array], Array]


class Watched:
    """The generator between clicks, and what a click does.

    Parameters
    ----------
    generator : Generator
    ways : mapping of int to Unravelling
        How each jump that is seen is detected, by its place in ``model.jumps``.

    Attributes
    ----------
    identity : array
        The packed identity: its product with a packed state is the trace.
    """

    def __init__(self, generator: Generator, ways: Mapping[int, Unravelling]) -> None:
        self.generator, self.identity = generator, generator.packing.identity
        self._seen = {place: way.seen for place, way in ways.items() if way.seen > 0}
        self._offsets = {place: self._offsets_of(place, way) for place, way in ways.items()}
        self._currents = [(i, p) for i, way in ways.items() if isinstance(way, Diffusive) for p in way.phases]
        self._gains = {place: generator.gains([place]) for place in self._seen}
        self._stack: _Stack | None = None
        self._sides: dict[int, Any] = {}
        if not self._seen:
            return
        stored = self._fits()
        drift = generator.sided(self._drift, stored=stored)
        currents = [generator.sided(partial(self._current, *one), stored=stored) for one in self._currents]
        if stored:
            share = [self._seen.get(place, 0.0) for place in range(len(generator.model.jumps))]
            first = csr_array(generator.matrix - generator.gain(share) + drift)
            self._stack = _Stack([first, *currents])
        else:
            self._maps = [drift, *currents]
        for place in self._seen:
            if np.any(self._offsets[place]):
                self._sides[place] = generator.sided(partial(self._side, place), stored=stored)

    def flow(self, slopes: Array) -> Map:
        """dρ/dt between clicks along records of the slopes dY/dt (C,), until it is asked for another one."""
        if not self._seen:
            return self.generator
        if self._stack is not None:
            return self._stack.at(slopes)

        def applied(vector: Array) -> Array:
            change = self.generator(vector)
            for place, share in self._seen.items():
                change -= share * self._gains[place](vector)
            for factor, map_ in zip((1.0, *slopes), self._maps, strict=True):
                change += factor * (map_ @ vector)
            return change

        return applied

    def click(self, jump: int, vector: Array) -> Array:
        """η K ρ K†."""
        change = self._gains[jump](vector)
        if jump in self._sides:
            change += self._sides[jump] @ vector
        return self._seen[jump] * change

    def _offsets_of(self, place: int, way: Unravelling) -> list[complex]:
        """β of each operator K = L + β of a jump, L as the generator has it."""
        generator, jump = self.generator, self.generator.model.jumps[place]
        beta = way.beta if isinstance(way, Shifted) else 0j
        if not isinstance(jump, ModeLoss):
            return [beta]
        centre = generator.spaces[generator.model.mode_index(jump.mode)].centre
        if beta:
            centre += beta / np.sqrt(jump.rates[0])
        both = zip(jump.rates, (centre, centre.conjugate()), strict=True)
        return [complex(np.sqrt(rate) * own) for rate, own in both if rate]

    def _side(self, place: int, labels: Labels) -> csr_array:
        """C of K ρ K† = L ρ L† + C ρ + ρ C†: β* L + |β|²/2."""
        total = csr_array((self.generator.packing.dims[labels],) * 2, dtype=complex)
        if not np.any(self._offsets[place]):
            return total
        for L, beta in zip(self.generator.emitted(place, labels), self._offsets[place], strict=True):
            total = total + np.conj(beta) * L + 0.5 * abs(beta) ** 2 * eye_array(L.shape[0])
        return csr_array(total)

    def _current(self, place: int, phase: complex, labels: Labels) -> csr_array:
        """M of a current."""
        total = csr_array((self.generator.packing.dims[labels],) * 2, dtype=complex)
        for L, beta in zip(self.generator.emitted(place, labels), self._offsets[place], strict=True):
            total = total + phase * (L + beta * eye_array(L.shape[0]))
        return csr_array(total)

    def _drift(self, labels: Labels) -> csr_array:
        """C of all that does not depend on the records."""
        total = csr_array((self.generator.packing.dims[labels],) * 2, dtype=complex)
        for place, share in self._seen.items():
            total = total - share * self._side(place, labels)
        for place, phase in self._currents:
            M = self._current(place, phase, labels)
            total = total - 0.5 * (M @ M)
        return csr_array(total)

    def _fits(self) -> bool:
        """Whether all of it may be matrices, from the entries of the largest sector."""
        generator, dims = self.generator, self.generator.packing.dims
        if not generator.stored or len(generator.frames) > 1:
            return False
        largest = max(dims, key=lambda labels: dims[labels])
        entries = 4.0 * self._drift(largest).nnz
        entries += sum(4.0 * self._current(*one, largest).nnz for one in self._currents)
        total = generator.matrix.nnz * (1 + len(self._seen)) + entries / dims[largest] * generator.packing.size
        return total * (ENTRY + 8 * len(self._currents)) <= 8.0 * generator.spare * generator.packing.size


class _Stack:
    """Sparse matrices A_0 + Σ_c y_c A_c for one y after the other, on the places of all of them."""

    def __init__(self, matrices: Sequence[csr_array]) -> None:
        size = matrices[0].shape[0]
        keys = []
        for matrix in matrices:
            rows, columns = coo_array(matrix).coords
            keys.append(rows.astype(np.int64) * size + columns)
        union = np.unique(np.concatenate(keys))
        self._data = np.zeros((len(matrices), len(union)))
        for own, key, matrix in zip(self._data, keys, matrices, strict=True):
            np.add.at(own, np.searchsorted(union, key), coo_array(matrix).data)
        ends = np.searchsorted(union, size * np.arange(size + 1, dtype=np.int64))
        self._matrix = csr_array((self._data[0].copy(), union % size, ends), shape=(size, size))

    def at(self, factors: Array) -> Map:
        """The map at some y (C,)."""
        self._matrix.data[:] = self._data[0] + factors @ self._data[1:]
        return self._matrix.__matmul__
