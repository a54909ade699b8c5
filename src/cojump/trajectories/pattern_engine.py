"""Trajectories of one block of three levels or more: the loop as one compiled kernel, on rows of patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..basis.diagram_sector import diagram_sector
from ..basis.gelfand_tsetlin import Patterns, pattern_at
from ..basis.sectors import Labels, largest_sector
from ..model import Block, Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .counting_engine import CountingEngine
from .kernel_cache import bound
from .kernels.common import MAX_ORDER
from .kernels.pattern_jump import PatternRoom
from .kernels.pattern_links import Links
from .kernels.pattern_pairs import PatternHeff
from .kernels.pattern_rows import FAR, FIRST, ROWS, Rows
from .kernels.pattern_state import take_state
from .kernels.pattern_sums import PatternWork
from .kernels.vectors import LANES
from .pattern_tables import pairs_of, tables_of
from .product_moves import Ket
from .product_sectors import Box
from .product_windows import moved
from .work_space import aligned

_PLACES = 2**20
"""Places of rows at most that are looked up without a search."""


_LINES, _APART = 64, 5
"""Lines of the cache that lie in different places of it, and lines between equal cells of two rows of the series."""


class _Ready(NamedTuple):
    """A state that is ready to wait, see :meth:`PatternEngine._ready`."""

    diagram: NDArray[np.int64]
    entry: NDArray[np.int64]
    re: Array
    im: Array


class PatternEngine(CountingEngine):
    """Runs trajectories of one block of d >= 3 levels whose arguments are diagonal.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    _take_state: Callable[..., Any] | None = None

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        (block,) = model.blocks
        self.state.averages.take_matrix_units()
        d, operators = block.levels, self.state.averages.operators
        self.sector_numbers = d
        self.tables = tables_of(self.basis, operators)
        R, cells = most_rows(block), most_cells(block)
        rows = _rows(block, 0, MAX_ORDER + 1)
        self._h_eff = self._new_h_eff(rows, _links(d, R))
        self._work = _work(cells, rows)
        V = 1 + len(operators)
        self._room = PatternRoom(
            after=_rows(block, 1, 1),
            rest=_rows(block, d, 1, missing=1),
            spread=np.zeros(R, dtype=np.int64),
            layout=np.zeros((3, R), dtype=np.int64),
            here=np.zeros((R + 1, 2), dtype=np.int64),
            weights=np.zeros(len(model.jumps)),
            of_rows=np.zeros(R),
            moves=np.zeros((R * most_paths(d) + 1, 6), dtype=np.int64),
            factors=np.zeros(R * most_paths(d)),
            ways=np.zeros(R, dtype=np.int64),
            vectors=aligned(V, cells),
            vectors_im=aligned(V, cells),
            moments=np.zeros((V, 6)),
            filled=np.full(3, -1),
        )

    def _new_h_eff(self, rows: Rows, links: Links) -> Any:
        """H_eff as steps read it."""
        pairs = pairs_of(self.basis, [self.basis], len(rows.left), most_cells(self.blocks[0]))
        return PatternHeff(self._n_channels > 0, self.tables, rows, links, pairs)

    def _labels(self, numbers: list[int]) -> Labels:
        return (tuple(numbers),)

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        return numbers.copy()

    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        return self.state.averages.of_grams(grams, needed=True)

    def _grow(self, now: Any) -> None:
        """There is room for every sector."""
        raise AssertionError("rows of patterns have room for any state")

    def _ready(self, labels: Labels, box: Box, ket: Ket) -> _Ready:
        """The diagram, whole rows of its patterns, and the real and imaginary parts of their amplitudes."""
        (diagram,), ((lo, hi),) = labels, box
        if hi - lo == 1:  # a sector has many patterns
            pattern = pattern_at(diagram, lo)
            entry = np.repeat(np.concatenate(pattern)[:, None], pattern[1][0] - pattern[1][1] + 1, axis=1)
            first = lo - int(pattern[0][0] - pattern[1][1])
        else:  # whole rows of patterns
            rows = diagram_sector(diagram).patterns.rows
            first = lo - int(rows[0][0, lo] - rows[1][1, lo])
            last = hi + int(rows[1][0, hi - 1] - rows[0][0, hi - 1])
            entry = np.concatenate([row[:, first:last] for row in rows])
        whole = moved(ket, box, ((first, first + entry.shape[1]),))
        return _Ready(np.array(diagram), entry, whole.real.copy(), whole.imag.copy())

    def _wait(self, ready: _Ready) -> None:
        """Let a state wait in ``room`` that was made ready."""
        after = self._room.after
        after.diagram[:] = ready.diagram
        arguments = (after, self.tables, ready.entry, ready.re, ready.im)
        (self._take_state or take_state)(*arguments)
        if self._take_state is None:
            self._take_state = bound(take_state, arguments)

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in the rows: the label, the window, and the amplitudes."""
        rows = self._h_eff.rows
        labels = self._labels(rows.diagram.tolist())
        patterns, count = diagram_sector(labels[0]).patterns, int(rows.extent[ROWS])
        whole: Ket = np.zeros(patterns.count, dtype=complex)
        first, p, q = first_patterns(patterns, rows.entry[:, :count]), rows.entry[1], rows.entry[2]
        for r in range(count):
            a, b = max(rows.spans[0, r, 0], q[r]), min(rows.spans[0, r, 1], p[r] + 1)
            if a < b:
                cells = slice(rows.base[r] + a, rows.base[r] + b)
                whole[first[r] + a - q[r] : first[r] + b - q[r]] = re[cells] + 1j * im[cells]
        return labels, self.basis.whole(labels), whole


def most_rows(block: Block) -> int:
    """Upper bound on the rows of patterns of a sector: (λ_1 - λ_2 + 1)(λ_2 - λ_3 + 1) for three levels."""
    return ((block.size + 2) // 2 + 1) ** 2 if block.levels == 3 else largest_sector(block)


def most_cells(block: Block) -> int:
    """Cells of all of them, in whole vectors, twice: a row whose cells do not suffice gets others."""
    vectors = 2 * (largest_sector(block) // LANES + 2 * most_rows(block)) + 2 * FIRST
    return LANES * (vectors + (_APART - vectors) % _LINES)


def most_paths(d: int) -> int:
    """Paths of a box that begin in a row of d levels and end at any level, of all rows at which they may begin."""
    return sum(factorial(d - 1) // factorial(max(a, 1)) for a in range(d))


def first_patterns(patterns: Patterns, entry: Any) -> Any:
    """The position of the first pattern of each row."""
    keys, at, d = np.zeros(entry.shape[1], dtype=np.int64), 1, len(patterns.diagram)
    for n in range(2, d):
        lowest = np.array(patterns.diagram[d - n :], dtype=np.int64)
        keys += patterns.weights[n - 1] @ (entry[at : at + n] - lowest[:, None])
        at += n
    keys += patterns.weights[0][0] * (entry[2] - patterns.diagram[-1])
    return patterns.number(keys)


def _rows(block: Block, planes: int, spans: int, missing: int = 0) -> Rows:
    """No rows, with room for those of any sector; only the pages that are used take memory."""
    R, d, cells = most_rows(block), block.levels, most_cells(block)
    places = min(float(block.size + 1) ** (d * (d - 1) // 2 - 1), max(_PLACES, 4 * R + 1))

    def numbers(*shape: int) -> Any:
        return np.zeros(shape, dtype=np.int64)

    low, high, first, last = (np.full(R + 1, far) for far in (FAR, -FAR, FAR, -FAR))
    return Rows(
        missing=missing,
        extent=np.array([0, FIRST, 0, FIRST]),
        diagram=numbers(d),
        entry=numbers(d * (d + 1) // 2, R),
        key=numbers(R),
        home=numbers(R),
        found=np.zeros(int(places), dtype=np.int32),
        base=numbers(R + 1),
        left=numbers(R),
        right=numbers(R),
        settled=numbers(3, R),
        fact=numbers(R),
        spans=numbers(spans, R + 1, 2),
        start=numbers(R, 2),
        low=low,
        high=high,
        first=first,
        last=last,
        spread=np.zeros(R, dtype=np.int8),
        norm2=np.zeros(1),
        re=aligned(planes, cells),
        im=aligned(planes, cells),
    )


def _links(d: int, R: int) -> Links:
    """No links, with room for all that R rows may have."""
    paths = 0
    for b in range(2, d):
        ways = 1
        for stop in range(b, 1, -1):
            ways *= stop
            paths += ways
    K = R * paths

    def numbers(*shape: int) -> Any:
        return np.zeros(shape, dtype=np.int64)

    return Links(
        made=numbers(1),
        lower=numbers(K),
        upper=numbers(K),
        b=numbers(K),
        a=numbers(K),
        w0=np.zeros(K),
        t0=numbers(K),
        w1=np.zeros(K),
        t1=numbers(K),
        near=np.full((R + 1, 4), R),
        way=np.zeros((2, R + 1)),
        trial=numbers(d * (d + 1) // 2, 1),
        path=numbers(d + 1),
    )


def _work(cells: int, rows: Rows) -> PatternWork:
    """Arrays of the series for so many amplitudes."""
    return PatternWork(
        taylor_re=aligned(MAX_ORDER + 1, cells),
        taylor_im=aligned(MAX_ORDER + 1, cells),
        out_re=aligned(cells),
        out_im=aligned(cells),
        new_re=aligned(cells),
        new_im=aligned(cells),
        norms=np.zeros(MAX_ORDER + 1),
        moves=np.zeros(MAX_ORDER + 1),
        extent=rows.extent,
        base=rows.base,
        spans=rows.spans,
        parts=aligned(len(rows.base) * LANES),
        sweep=np.zeros(1, dtype=np.int64),
    )
