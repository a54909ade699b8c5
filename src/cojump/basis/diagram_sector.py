"""One sector V_λ of a block of particles with any number of levels, in the basis of Gelfand-Tsetlin patterns.

The same shape as :mod:`cojump.basis.spin_sector`, which holds the closed forms for two levels. For d = 2 both agree
operator by operator, signs included: pattern m_{1,1} = λ_2..λ_1 is M = -J..J, and λ = (N/2 + J, N/2 - J).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Matrix
from .gelfand_tsetlin import Path, Patterns
from .occupations import Occupations
from .particle_removal import Removal
from .young_diagrams import Diagram, log_copies, removal_weight, without_box

MEMORY = 128 * 2**20
"""Bytes of sectors that are kept for the next visit."""


class DiagramSector:
    """V_λ of N d-level particles; made by :func:`diagram_sector`.

    Parameters
    ----------
    diagram : tuple of d int
        λ, N boxes.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.N, self.levels = sum(diagram), len(diagram)
        self.patterns = Patterns(diagram)
        self.dim = self.patterns.count

    @property
    def occupations(self) -> NDArray[np.int64]:
        """(dim, d) number of particles in each level in each basis state."""
        return self.patterns.occupations

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(dim,) where the states are in a table over the occupations of the N particles."""
        return Occupations(self.N, self.levels).number(self.occupations)

    @property
    def log_copies(self) -> float:
        """Logarithm of f_λ."""
        return log_copies(self.diagram)

    @property
    def nbytes(self) -> int:
        """Memory of the patterns and of the elements of all collective operators, once they are there."""
        d = self.levels
        paths = sum(_n_paths(a, b, self.dim) for a in range(d) for b in range(a + 1, d))
        return 2 * self.patterns.nbytes + 8 * self.dim + 24 * self.dim * paths

    @cached_property
    def _transfers(self) -> dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
        """Rows, columns and elements of Σ_k |a><b|^(k) for all a < b."""
        p = self.patterns
        made = {}
        for a in range(self.levels):
            for b in range(a + 1, self.levels):
                pieces = []
                for path, columns, elements in p.transfers(a, b):
                    pieces.append((p.number(p.keys[columns] + p.step(path)), columns, elements))
                if not pieces:  # no particle can be in level b
                    pieces.append((np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)))
                rows, columns, elements = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
                made[a, b] = (rows, columns, elements)
        return made

    def one_body(self, matrix: Matrix) -> csr_array:
        """Σ_k matrix^(k), a sparse (dim, dim) matrix."""
        every = np.arange(self.dim)
        diagonal = self.occupations @ np.diag(matrix)
        pieces = [(every, every, diagonal)] if diagonal.any() else []
        for (a, b), (rows, columns, elements) in self._transfers.items():
            if matrix[a, b] != 0:
                pieces.append((rows, columns, matrix[a, b] * elements))
            if matrix[b, a] != 0:
                pieces.append((columns, rows, matrix[b, a] * elements))
        if not pieces:
            return csr_array((self.dim, self.dim), dtype=complex)
        rows, columns, elements = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        return csr_array((elements.astype(complex), (rows, columns)), shape=(self.dim, self.dim))

    def product(self, first: Matrix, second: Matrix) -> csr_array:
        """Σ_k first^(k) Σ_j second^(j)."""
        return csr_array(self.one_body(first) @ self.one_body(second))

    def removals(self) -> list[tuple[Diagram, float]]:
        """μ and N f_μ/f_λ of all ways to take a particle out: one for each row that ends in a corner."""
        rests = ((row, without_box(self.diagram, row)) for row in range(self.levels))
        return [(rest, removal_weight(self.diagram, row)) for row, rest in rests if rest is not None and self.N > 0]

    def moves(self) -> list[Removal]:
        """All ways to take a particle out."""
        return [Removal(rest, weight, self.entrance(rest)) for rest, weight in self.removals()]

    def entrance(self, rest: Diagram) -> tuple[csr_array, ...]:
        """C_λ^μ as matrices (dim μ, dim λ), one for the particle in each level; their adjoints put it into λ."""
        row = next(i for i in range(self.levels) if self.diagram[i] != rest[i])
        from_rest = diagram_sector(rest).patterns
        keys = from_rest.keys_within(self.patterns)
        return tuple(
            self._clebsch(from_rest, keys, from_rest.additions(self.levels, row, s)) for s in range(self.levels)
        )

    def _clebsch(
        self,
        rest: Patterns,
        keys: NDArray[np.int64],
        paths: Iterable[tuple[Path, NDArray[np.int64], NDArray[np.float64]]],
    ) -> csr_array:
        """(dim μ, dim λ) matrix of the paths from the patterns of μ, whose keys are given as those of λ are counted."""
        made = [(places, keys[places] + self.patterns.step(path), elements) for path, places, elements in paths]
        rows, found, elements = (np.concatenate([piece[k] for piece in made]) for k in range(3))
        order = np.argsort(rows, kind="stable")  # row by row, the paths in their order
        pointers = np.searchsorted(rows[order], np.arange(rest.count + 1))
        columns = self.patterns.number(found[order])
        return csr_array((elements[order].astype(complex), columns, pointers), shape=(rest.count, self.dim))


def _n_paths(a: int, b: int, most: int) -> int:
    """Bound on the elements of |a><b| in a column: the paths, one entry in each of the rows a + 1..b, or all states."""
    return min(prod(range(a + 1, b + 1)), most)


_sectors: CacheByBytes[Diagram, DiagramSector] = CacheByBytes(MEMORY)


def diagram_sector(diagram: Diagram) -> DiagramSector:
    """The sector λ; recent ones are kept within the budget ``MEMORY``."""
    return _sectors.get(diagram, lambda: DiagramSector(diagram))
