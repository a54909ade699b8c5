"""Gelfand-Tsetlin patterns: the basis of V_λ for any number of levels, and the closed form of the one-particle move.

A pattern has rows m_{·,n} of n entries for n = d..1; the top row is the diagram λ, and each entry lies between its two
neighbours in the row above, m_{i,n+1} ≥ m_{i,n} ≥ m_{i+1,n+1}. Level a = 0..d-1 holds Σ_i m_{i,a+1} - Σ_i m_{i,a}
particles. For two levels m_{1,1} is the number of particles up (level 0), so the patterns run through M = -J..J.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..tools.types import Array
from .young_diagrams import Diagram, dimension

Integers = NDArray[np.int64]

Path = tuple[tuple[int, int], ...]
"""Boxes that are added along a path: (row n, entry i), n falling; entries are counted from 0."""

_LARGEST_KEY = 2**62


class Patterns:
    """All patterns of a diagram, in increasing order of their entries read row by row from above.

    Attributes
    ----------
    diagram : Diagram
    count : int
        P = dim V_λ.
    rows : list of (n, P) int arrays
        ``rows[n - 1]`` holds the entries m_{i,n} of all patterns.
    weights : list of (n,) int arrays
        What one more box in an entry adds to the key of a pattern (0 in the top row).
    keys : (P,) int array
        A number for each pattern, increasing.
    """

    def __init__(self, diagram: Diagram) -> None:
        d = len(diagram)
        self.diagram, self.count = diagram, dimension(diagram)
        self.rows: list[Integers] = [np.zeros((n, 0), dtype=np.int64) for n in range(1, d)]
        self.rows.append(np.repeat(np.array(diagram, dtype=np.int64)[:, None], 1, axis=1))
        self._fill()
        self.weights = [np.zeros(n, dtype=np.int64) for n in range(1, d + 1)]
        radix = 1
        self.keys = np.zeros(self.count, dtype=np.int64)
        for n in range(1, d):
            for i in reversed(range(n)):
                lowest = diagram[i + d - n]
                self.weights[n - 1][i] = radix
                self.keys += radix * (self.rows[n - 1][i] - lowest)
                radix *= diagram[i] - lowest + 1
        if radix > _LARGEST_KEY:
            raise UnsupportedError(f"The sector {diagram} has too many states to be numbered ({self.count:,})")

    def _fill(self) -> None:
        """Write the rows below the top one, entry by entry, each a range between its neighbours above."""
        d = len(self.diagram)
        made = np.zeros((0, 1), dtype=np.int64)
        above = self.rows[d - 1]
        for n in range(d - 1, 0, -1):
            first = len(made)
            for i in range(n):
                lowest, counts = above[i + 1], above[i] - above[i + 1] + 1
                ends = np.cumsum(counts)
                made, above = np.repeat(made, counts, axis=1), np.repeat(above, counts, axis=1)
                entry = np.arange(ends[-1]) - np.repeat(ends - counts - lowest, counts)
                made = np.concatenate([made, entry[None]])
            above = made[first:]
        for n in range(d - 1, 0, -1):
            self.rows[n - 1], made = made[:n], made[n:]
        self.rows[d - 1] = np.repeat(self.rows[d - 1], self.count, axis=1)

    @property
    def nbytes(self) -> int:
        """Memory of the patterns, their keys and their occupation numbers."""
        d = len(self.diagram)
        return 8 * self.count * (d * (d + 1) + 1 + d)

    @cached_property
    def occupations(self) -> Integers:
        """(P, d) number of particles in each level."""
        sums = np.array([row.sum(axis=0) for row in self.rows])
        return np.diff(sums, axis=0, prepend=0).T.copy()

    @cached_property
    def shifted(self) -> list[Array]:
        """l_{i,n} = m_{i,n} - i for every row, as floating-point numbers."""
        return [row - np.arange(1.0, len(row) + 1)[:, None] for row in self.rows]

    def keys_within(self, other: Patterns) -> Integers:
        """(P,) keys of these patterns as those of ``other`` are counted, its top row aside."""
        d = len(self.diagram)
        keys = np.zeros(self.count, dtype=np.int64)
        for n in range(1, d):
            for i in range(n):
                keys += other.weights[n - 1][i] * (self.rows[n - 1][i] - other.diagram[i + d - n])
        return keys

    def allows(self, path: Path) -> NDArray[np.bool_]:
        """(P,) whether the boxes of a path, all added, leave a pattern."""
        added = set(path)
        fine = np.ones(self.count, dtype=bool)
        for n, i in path:
            entry = self.rows[n - 1][i] + 1
            if n < len(self.diagram):
                fine &= entry <= self.rows[n][i] + int((n + 1, i) in added)
            if i:
                fine &= self.rows[n - 2][i - 1] + int((n - 1, i - 1) in added) >= entry
        return fine

    def additions(self, top: int, i: int, level: int) -> Iterator[tuple[Path, Array]]:
        """All ways in which one more particle in ``level`` (0..top-1) adds a box to entry i of row ``top``.

        Yields each path and its (P,) amplitudes, those of the Clebsch-Gordan map of the first ``top`` levels; where
        :meth:`allows` denies the path they mean nothing. Closed form: for rows n = top..s+1 (s = level + 1) the
        factor, with i = i_n, j = i_{n-1} and sign +1 for i ≤ j,

            sign · sqrt| Π_{k≠j}^{n-1} (l_{k,n-1}-l_{i,n}-1)/(l_{k,n-1}-l_{j,n-1}-1)
                         · Π_{k≠i}^{n} (l_{k,n}-l_{j,n-1})/(l_{k,n}-l_{i,n}) |

        and at row s the factor sqrt| Π_k^{s-1} (l_{k,s-1}-l_{i,s}-1) / Π_{k≠i}^{s} (l_{k,s}-l_{i,s}) |.
        """
        above = self.shifted[top - 1]
        below = self.shifted[top - 2] if top > 1 else np.zeros((0, self.count))
        if top == level + 1:
            square = _ratio([row - above[i] - 1 for row in below], [row - above[i] for row in _without(above, i)])
            yield ((top, i),), np.sqrt(square)
            return
        here = _ratio([], [row - above[i] for row in _without(above, i)])
        for j in range(top - 1):
            others = _without(below, j)
            top_factors = [row - above[i] - 1 for row in others] + [row - below[j] for row in _without(above, i)]
            factor = np.sqrt(here * _ratio(top_factors, [row - below[j] - 1 for row in others]))
            if i > j:
                factor = -factor
            for path, amplitude in self.additions(top - 1, j, level):
                yield ((top, i), *path), factor * amplitude

    def transfers(self, a: int, b: int) -> Iterator[tuple[Path, Array]]:
        """All ways in which Σ_k |a><b|^(k), a < b, moves a particle from level b to a: paths and (P,) elements.

        The operators |a><b| of all a < b are a vector of the first b levels (counted from 1): by Wigner and Eckart
        their elements are those of one more particle in level a, times what depends on the rows b + 1 and b alone,
        sqrt| Π_i^{b+1} (l_{i,b+1}-l_{j,b}) / Π_{i≠j}^{b} (l_{i,b}-l_{j,b}-1) |, j the entry of row b that grows.
        """
        above, row = self.shifted[b], self.shifted[b - 1]
        for j in range(b):
            reduced = np.sqrt(_ratio([l - row[j] for l in above], [l - row[j] - 1 for l in _without(row, j)]))
            for path, amplitude in self.additions(b, j, a):
                yield path, reduced * amplitude


def _without(rows: Array, i: int) -> list[Array]:
    return [row for k, row in enumerate(rows) if k != i]


def _ratio(above: list[Array], below: list[Array]) -> Array:
    """|Π above / Π below|; where a denominator vanishes the path is denied and the value means nothing."""
    value: Array = np.ones(1)
    for factor in above:
        value = value * factor
    for factor in below:
        value = value / np.where(factor == 0, 1.0, factor)
    return np.abs(value)
