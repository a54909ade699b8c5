"""Initial states of a block of any number of levels as pure states of one sector.

An exchangeable product state r⊗r⊗..⊗r is, in the eigenbasis of r, a mixture of words of letters (levels) drawn
independently. The Robinson-Schensted-Knuth insertion takes a word to a pair of tableaux of one shape λ, the first
of which is a Gelfand-Tsetlin pattern with the occupations of the word; each pattern comes from f_λ words. So the
pattern of a random word is drawn with the weight f_λ Π_a p_a^{n_a} that the mixture ⊕_λ ρ_λ ⊗ 1/f_λ gives it: exactly,
for any N, and without a sum over sectors.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ..model import Block
from ..model.states import BlockState, DickeBlock, OccupationBlock, SectorBlock, SymmetricBlock
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.matrices import ROUNDING, conjugate, is_diagonal
from .diagram_sector import diagram_sector
from .gelfand_tsetlin import MOST_LEVELS, place_of
from .rotations import representation, rotated
from .spin_starts import PURE, SpinStart
from .young_diagrams import Diagram, dimension

Ket = NDArray[np.complex128]

_LARGE = 300
"""Dimension of a sector up to which its change of frame is made as a matrix and kept."""

_MEMORY = 64 * 2**20
"""Bytes of such matrices that are kept."""


Tableau = tuple[tuple[int, ...], ...]
"""How often each of d letters (column) is in each of d rows."""


def insert(word: Iterable[int], levels: int) -> Tableau:
    """Tableau of a word of letters 0..d-1.

    A letter put into a row bumps the smallest larger one into the next row.
    """
    tableau, top = [[0] * levels for _ in range(levels)], levels - 1
    for letter in word:
        r, a = 0, letter
        while True:
            row = tableau[r]
            row[a] += 1
            if a == top:
                break
            a += 1
            while a < top and not row[a]:
                a += 1
            if not row[a]:
                break
            row[a] -= 1
            r += 1
    return tuple(map(tuple, tableau))


def pattern_of(tableau: Tableau) -> tuple[Diagram, int]:
    """Diagram of a tableau, and where its pattern is in that sector: m_{i,n} counts the letters below n in row i."""
    counts = np.cumsum(np.array(tableau, dtype=np.int64), axis=1)
    diagram = tuple(counts[:, -1].tolist())
    columns, rows = _below_the_top(len(counts))
    entries = counts[rows, columns]
    if len(diagram) > MOST_LEVELS:
        return diagram, diagram_sector(diagram).patterns.place(entries)
    return diagram, place_of(diagram, np.split(entries, np.cumsum(np.arange(1, len(diagram) - 1))))


@lru_cache(64)
def _below_the_top(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """N - 1 and i of the entries m_{i,n} of a pattern of d levels below its top row, row by row, n = 1, 2, .."""
    return np.tril_indices(d - 1)


def symmetric_product(size: int, ket: Ket) -> Ket:
    """Amplitudes of ket⊗ket⊗..⊗ket in the symmetric sector, whose states are the occupations (n_0, n_1, ..)."""
    n = diagram_sector((size, *[0] * (len(ket) - 1))).occupations
    there = np.abs(ket) > 0
    logs = 0.5 * (gammaln(size + 1.0) - gammaln(n + 1.0).sum(axis=1))
    logs += n[:, there] @ np.log(np.abs(ket[there]))
    logs[(n[:, ~there] > 0).any(axis=1)] = -np.inf
    amplitudes = np.exp(logs + 1j * (n[:, there] @ np.angle(ket[there])))
    return amplitudes / np.linalg.norm(amplitudes)


def occupation_state(occupations: NDArray[np.int64], diagram: Diagram) -> tuple[Diagram, Ket]:
    """The state of a sector with these numbers of particles in the levels, of which there is one."""
    sector = diagram_sector(diagram)
    ket = np.zeros(sector.dim, dtype=complex)
    ket[np.flatnonzero((sector.occupations == occupations).all(axis=1))] = 1
    return diagram, ket


class TableauStart:
    """The initial state of one block of d ≥ 3 levels, to be drawn from as often as there are trajectories.

    Parameters
    ----------
    state : BlockState
    block : Block
    rotation : (d, d) unitary
        The frame in which amplitudes are wanted.
    """

    def __init__(self, state: BlockState, block: Block, rotation: Ket) -> None:
        assert not isinstance(state, DickeBlock | SymmetricBlock | SectorBlock)  # made for two levels only
        self._block = block
        self._fixed: tuple[Diagram, Ket] | None = None
        self._dense: CacheByBytes[Diagram, Ket] = CacheByBytes(_MEMORY)
        if isinstance(state, OccupationBlock):
            self._turn = rotation.conj().T
            diagram, ket = occupation_state(state.occupations, state.rows)
            self._fixed = diagram, self._turned(diagram, ket)
            return
        self._weights, self._turn = _eigenkets(conjugate(rotation, state.density))
        self._shares = self._weights.cumsum()
        self._shares /= self._shares[-1]
        if np.sort(self._weights)[-2] < PURE:
            pure = self._turn[:, np.argmax(self._weights)]
            self._fixed = (block.size, *[0] * (block.levels - 1)), symmetric_product(block.size, pure)

    @property
    def is_random(self) -> bool:
        """Whether the sector and the state in it are drawn anew for each trajectory."""
        return self._fixed is None

    def choose(self, generator: np.random.Generator) -> Tableau:
        """Draw a word; its tableau. A pure start draws none."""
        if self._fixed is not None:
            return ()
        word = self._shares.searchsorted(generator.random(self._block.size), side="right")
        return insert(word.tolist(), self._block.levels)

    def chosen(self, choice: Tableau) -> tuple[Diagram, Ket]:
        """The pure state of one sector that was drawn: its diagram and amplitudes."""
        if self._fixed is not None:
            return self._fixed
        diagram, place = pattern_of(choice)
        ket = np.zeros(dimension(diagram), dtype=complex)
        ket[place] = 1
        return diagram, self._turned(diagram, ket)

    def basis_state(self, choice: Tableau) -> tuple[Diagram, int] | None:
        """The sector and the place of the state that was drawn, where it is a single basis state of the main frame."""
        return pattern_of(choice) if self._fixed is None and self._is_straight else None

    def draw(self, generator: np.random.Generator) -> tuple[Diagram, Ket]:
        """Draw one pure state of one sector."""
        return self.chosen(self.choose(generator))

    @cached_property
    def _is_straight(self) -> bool:
        """Whether ``_turn`` is no rotation."""
        return np.array_equal(self._turn, np.eye(self._block.levels))

    def _turned(self, diagram: Diagram, ket: Ket) -> Ket:
        """A state of the frame ``_turn`` as the main frame sees it."""
        if self._is_straight:
            return ket
        if len(ket) > _LARGE:
            return rotated(diagram_sector(diagram), self._turn, ket)
        made = self._dense.get(diagram, lambda: representation(diagram_sector(diagram), self._turn))
        return made @ ket


def _eigenkets(density: Ket) -> tuple[NDArray[np.float64], Ket]:
    """Eigenvalues (normalised, none negative) and eigenkets of r; no rotation if it is diagonal already."""
    if is_diagonal(density, ROUNDING):
        weights, kets = np.diag(density).real, np.eye(len(density), dtype=complex)
    else:
        weights, kets = np.linalg.eigh(density)
    weights = np.maximum(weights, 0)
    return weights / weights.sum(), kets


def start_of(state: BlockState, block: Block, rotation: Ket) -> SpinStart | TableauStart:
    """The initial state of a block of any number of levels, to be drawn from."""
    return TableauStart(state, block, rotation) if block.levels > 2 else SpinStart(state, block.size, rotation)
