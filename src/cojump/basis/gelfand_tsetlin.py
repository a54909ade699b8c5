"""Gelfand-Tsetlin patterns: the basis of V_λ for any number of levels, and the closed form of the one-particle move.

A pattern has rows m_{·,n} of n entries for n = d..1; the top row is the diagram λ, and each entry lies between its two
neighbours in the row above, m_{i,n+1} ≥ m_{i,n} ≥ m_{i+1,n+1}. Level a = 0..d-1 holds Σ_i m_{i,a+1} - Σ_i m_{i,a}
particles. For two levels m_{1,1} is the number of particles up (level 0), so the patterns run through M = -J..J.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from math import factorial, prod

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
        A number for each pattern.
    """

    def __init__(self, diagram: Diagram) -> None:
        d = len(diagram)
        self.diagram, self.count = diagram, dimension(diagram)
        self.rows: list[Integers] = [np.zeros((n, 0), dtype=np.int64) for n in range(1, d)]
        self.rows.append(np.repeat(np.array(diagram, dtype=np.int64)[:, None], 1, axis=1))
        self._fill()
        self.weights, increasing = _weights(diagram)
        self.keys = self.keys_within(self)
        self._order = None if increasing else np.argsort(self.keys)
        if self._order is not None and (np.diff(self.keys[self._order]) == 0).any():
            raise UnsupportedError(f"The states of the sector {diagram} ({self.count:,}) cannot be told apart")

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
        return [row - _offsets(len(row)) for row in self.rows]

    def keys_within(self, other: Patterns) -> Integers:
        """(P,) keys of these patterns as those of ``other`` are counted, its top row aside."""
        keys = np.zeros(self.count, dtype=np.int64)
        for n in range(1, len(self.diagram)):
            lowest = np.array(other.diagram[len(self.diagram) - n :], dtype=np.int64)
            keys += other.weights[n - 1] @ (self.rows[n - 1] - lowest[:, None])
        return keys

    def number(self, keys: Integers) -> Integers:
        """Positions of the patterns with these keys, which must be there."""
        places = np.searchsorted(self.keys, keys, sorter=self._order)
        return places if self._order is None else self._order[places]

    def place(self, entries: Integers) -> int:
        """Position of the pattern with these entries below the top row: row 1, row 2, .. up to row d - 1."""
        weights, lowest = self._linear_key
        return int(self.number(weights @ entries - lowest)[0])

    @cached_property
    def _linear_key(self) -> tuple[Integers, Integers]:
        """Weights (1, entries) of all entries below the top row, and the key (1,) that the lowest ones would have."""
        d = len(self.diagram)
        weights = np.concatenate([np.zeros(0, dtype=np.int64), *self.weights[: d - 1]])[None]
        lowest = np.array([m for n in range(1, d) for m in self.diagram[d - n :]], dtype=np.int64)
        return weights, weights @ lowest

    @property
    def increasing_keys(self) -> tuple[Integers, Integers]:
        """The keys in increasing order, and the patterns that they belong to; none where that is their own order."""
        if self._order is None:
            return self.keys, np.zeros(0, dtype=np.int64)
        return self.keys[self._order], self._order

    def step(self, path: Path) -> np.int64:
        """What the boxes of a path add to a key."""
        return np.array([self.weights[n - 1][i] for n, i in path], dtype=np.int64).sum()

    def additions(self, top: int, i: int, level: int) -> Iterator[tuple[Path, Integers, Array]]:
        """All ways in which one more particle in ``level`` (0..top-1) adds a box to entry i of row ``top``.

        Yields each path that leaves a pattern of some patterns, the positions of these, and their amplitudes, those of
        the Clebsch-Gordan map of the first ``top`` levels. Closed form: for rows n = top..s+1 (s = level + 1) the
        factor, with i = i_n, j = i_{n-1} and sign +1 for i ≤ j,

            sign · sqrt| Π_{k≠j}^{n-1} (l_{k,n-1}-l_{i,n}-1)/(l_{k,n-1}-l_{j,n-1}-1)
                         · Π_{k≠i}^{n} (l_{k,n}-l_{j,n-1})/(l_{k,n}-l_{i,n}) |

        and at row s the factor sqrt| Π_k^{s-1} (l_{k,s-1}-l_{i,s}-1) / Π_{k≠i}^{s} (l_{k,s}-l_{i,s}) |.
        Paths are given up at the first row where no pattern is left: of their d! a block of few particles has few.
        """
        fine = np.arange(self.count)
        if top < len(self.diagram):
            fine = np.flatnonzero(self.rows[top - 1][i] < self.rows[top][i])
        return self._additions(top, i, level, fine)

    def _additions(self, top: int, i: int, level: int, fine: Integers) -> Iterator[tuple[Path, Integers, Array]]:
        """The same for the patterns ``fine`` (their positions, increasing), whose row above has room for the box."""
        entries = self.rows[top - 1][:, fine]
        below = self.rows[top - 2][:, fine] if top > 1 else np.zeros((0, len(fine)), dtype=np.int64)
        # the entry to the upper right must not become smaller than this one, unless it grows as well
        held = below[i - 1] > entries[i] if i else np.ones(len(fine), dtype=bool)
        if top == level + 1:
            if held.any():
                l, under = self.shifted[top - 1][:, fine[held]], below[:, held] - _offsets(top - 1)
                square = _ratio([under - l[i] - 1], [_without(l, i) - l[i]], int(held.sum()))
                yield ((top, i),), fine[held], np.sqrt(square)
            return
        room = below < entries[:-1]  # of row top - 1 under this one
        for j in np.flatnonzero(room.any(axis=1) | (np.arange(top - 1) == i)).tolist():
            kept = (room[j] if j != i else True) & (held if j != i - 1 else True)
            inside = fine[kept]
            if not len(inside):
                continue
            l, under = self.shifted[top - 1][:, inside], self.shifted[top - 2][:, inside]
            here = _ratio([], [_without(l, i) - l[i]], len(inside))
            others = _without(under, j)
            factor = np.sqrt(
                here * _ratio([others - l[i] - 1, _without(l, i) - under[j]], [others - under[j] - 1], len(inside))
            )
            if i > j:
                factor = -factor
            for path, places, amplitude in self._additions(top - 1, j, level, inside):
                yield ((top, i), *path), places, factor[np.searchsorted(inside, places)] * amplitude

    def transfers(self, a: int, b: int) -> Iterator[tuple[Path, Integers, Array]]:
        """All ways in which Σ_k |a><b|^(k), a < b, moves a particle from level b to a: paths, patterns, elements.

        The operators |a><b| of all a < b are a vector of the first b levels (counted from 1): by Wigner and Eckart
        their elements are those of one more particle in level a, times what depends on the rows b + 1 and b alone,
        sqrt| Π_i^{b+1} (l_{i,b+1}-l_{j,b}) / Π_{i≠j}^{b} (l_{i,b}-l_{j,b}-1) |, j the entry of row b that grows.
        """
        for j in range(b):
            for path, places, amplitude in self.additions(b, j, a):
                above, row = self.shifted[b][:, places], self.shifted[b - 1][:, places]
                reduced = np.sqrt(_ratio([above - row[j]], [_without(row, j) - row[j] - 1], len(places)))
                yield path, places, reduced * amplitude


MOST_LEVELS = 4
"""Levels up to which single patterns are found without all the others: dimensions below are numbers of 64 bits."""


def place_of(diagram: Diagram, rows: Sequence[Integers]) -> int:
    """Position of the pattern with these rows below the diagram, that of one entry first, among all patterns.

    For at most MOST_LEVELS levels.
    """
    place, above = 0, [*diagram]
    for row in reversed(rows):
        own = row.tolist()
        if len(own) == 1:
            place += own[0] - above[1]
        elif len(own) == 2:
            place += _before_first(above, own[0]) + _before_second(above, *own)
        else:
            _, counts, at = _rows_below(np.array(above))
            place += int(counts[: int(at @ (row - above[1:]))].sum())
        above = own
    return place


def pattern_at(diagram: Diagram, place: int) -> list[Integers]:
    """The rows of the pattern at a position, that of one entry first, the diagram last; as for :func:`place_of`."""
    rows = [[*diagram]]
    while len(rows[0]) > 1:
        above = rows[0]
        if len(above) == 2:
            rows.insert(0, [above[1] + place])
        elif len(above) == 3:
            a, b, c = above
            p = b + bisect_right(range(b, a + 1), place, key=partial(_before_first, above)) - 1
            place -= _before_first(above, p)
            q = c + bisect_right(range(c, b + 1), place, key=partial(_before_second, above, p)) - 1
            place -= _before_second(above, p, q)
            rows.insert(0, [p, q])
        else:
            below, counts, _ = _rows_below(np.array(above))
            ends = np.cumsum(counts)
            n = int(np.searchsorted(ends, place, side="right"))
            place -= int(ends[n] - counts[n])
            rows.insert(0, below[:, n].tolist())
    return [np.array(row, dtype=np.int64) for row in rows]


# A row p, q of two entries below a, b, c has p - q + 1 patterns.


def _before_first(above: Sequence[int], p: int) -> int:
    """How many patterns have less than p in the first entry of a row of two below ``above``."""
    _, b, c = above
    return (b - c + 1) * (p - b) * (p + 1 - c) // 2


def _before_second(above: Sequence[int], p: int, q: int) -> int:
    """How many patterns have p in the first entry of a row of two below ``above``, and less than q in the second."""
    c = above[2]
    return (q - c) * (2 * p + 3 - q - c) // 2


def _rows_below(above: Integers) -> tuple[Integers, Integers, Integers]:
    """All rows (n, R) that a row of n + 1 entries may have below it, in increasing order; how many patterns each has
    from there on, (R,); and by how many places an increase of each entry leads on, (n,).
    """
    widths = above[:-1] - above[1:] + 1
    n, steps = len(widths), np.append(np.cumprod(widths[:0:-1])[::-1], 1)
    places = np.arange(widths.prod())
    rows = above[1:, None] + places // steps[:, None] % widths[:, None]
    counts = np.ones(len(places), dtype=np.int64)
    for i in range(n):
        for j in range(i + 1, n):
            counts *= rows[i] - rows[j] + j - i
    return rows, counts // prod(factorial(i) for i in range(n)), steps


def _weights(diagram: Diagram) -> tuple[list[Integers], bool]:
    """What a box in an entry adds to the key of a pattern, and whether keys grow from each pattern to the next.

    Entries are digits of a number where that has 62 bits at most. Few particles on many levels have few patterns of
    many entries: their weights are odd numbers modulo 2^64 that look random (splitmix64 of the entry's position), and
    two patterns of P have the same key with a chance of P² / 2^64; then they are refused.
    """
    d = len(diagram)
    weights = [np.zeros(n, dtype=np.int64) for n in range(1, d + 1)]
    radix = 1
    for n in range(1, d):
        for i in reversed(range(n)):
            weights[n - 1][i] = radix if radix <= _LARGEST_KEY else 0
            radix *= diagram[i] - diagram[i + d - n] + 1
    if radix <= _LARGEST_KEY:
        return weights, True
    for n in range(1, d):
        weights[n - 1] = _scrambled(np.arange(n, dtype=np.uint64) + np.uint64(n * (n + 1) // 2))
    return weights, False


def _scrambled(numbers: NDArray[np.uint64]) -> Integers:
    """Odd numbers that look random, one for each of ``numbers``."""
    z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) | np.uint64(1)).view(np.int64)


def _offsets(n: int) -> Array:
    """(n, 1) what is taken from the entries of a row of n to make them l_i = m_i - i."""
    return np.arange(1.0, n + 1)[:, None]


def _without(rows: Array, i: int) -> Array:
    return np.delete(rows, i, axis=0)


def _ratio(above: list[Array], below: list[Array], count: int) -> Array:
    """|Π above / Π below| over the rows of arrays (n, count), one after the other."""
    value: Array = np.multiply.reduce(np.concatenate([np.ones((1, count)), *above]), axis=0)
    return np.abs(np.divide.reduce(np.concatenate([value[None], *below]), axis=0))
