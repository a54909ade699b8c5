"""What the kernels of lists of basis states (:mod:`cojump.trajectories.kernels.sparse`) read: made as it is needed.

A sector is worked out when a state comes there first, the matrices that take one particle out of it and put one in when
a jump first needs them. All of it is kept, one behind the other, up to a budget of bytes; then it is forgotten.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array, triu

from ..basis.diagram_sector import diagram_sector
from ..basis.particle_removal import Label
from ..basis.sectors import Labels, dimension_of, grown, largest_sector, most_sectors, rest_sector_of, sector_of
from ..tools.types import Array
from .kernels.patterns import additions
from .kernels.sparse import ALL_REAL, NOTHING, UNKNOWN, Integers, Jumps, Matrices, Sectors
from .kernels.sparse_jump import level_bits
from .product_averages import ProductAverages
from .product_moves import Moves
from .product_sectors import ProductBasis, ProductSector
from .sector_matrix import matrix_of, program_matrix

MEMORY = 384 * 2**20
"""Bytes of tables that are kept."""

_ZERO = 1e-14
"""Relative size below which an element of H_eff is rounding."""

_GAPS = 3
"""Elements, zeros included, of a row without gaps, for each element that is not zero: up to here gaps are filled."""


class Growing:
    """An array that grows along its first axis; what is beyond its end has the value ``fill``, or none."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, fill: float | None = None, room: int = 16) -> None:
        self._fill, self._room, self.count = fill, room, 0
        self.array = self._empty(room, shape, dtype)

    def _empty(self, length: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        made = np.empty((length, *shape), dtype=dtype)  # pages that nobody writes take no memory
        if self._fill is not None:
            made[:] = self._fill
        return made

    def add(self, values: NDArray[Any]) -> int:
        """Append; returns where."""
        start = self.count
        self.reach(start + len(values))
        self.array[start : self.count] = values
        return start

    def reach(self, count: int) -> None:
        """Let it have so many elements."""
        if count > len(self.array):
            longer = self._empty(max(count, 2 * len(self.array)), self.array.shape[1:], self.array.dtype)
            longer[: self.count] = self.array[: self.count]
            self.array = longer
        self.count = max(self.count, count)

    def forget(self) -> None:
        """Back to the beginning; the memory is given back."""
        self.count, self.array = 0, self._empty(self._room, self.array.shape[1:], self.array.dtype)


class SparseTables:
    """Tables of the sectors of a basis.

    Parameters
    ----------
    basis : ProductBasis
    averages : ProductAverages
    moves : list of Moves
        Of each block.
    memory : int
        Bytes after which everything is forgotten.
    """

    def __init__(
        self, basis: ProductBasis, averages: ProductAverages, moves: list[Moves], memory: int = MEMORY
    ) -> None:
        self.basis, self._averages, self._moves, self._memory = basis, averages, moves, memory
        self.labels: list[Labels] = []
        """Of every sector that has a number."""
        self._numbers: dict[Labels, int] = {}
        self._made: dict[tuple[Any, ...], int] = {}
        B, D, L = len(basis.blocks), self.levels, len(basis.channels)
        whole: dict[str, tuple[tuple[int, ...], Any, float]] = {
            "known": ((), np.int64, 0),
            "size": ((), np.int64, 0),
            "dims": ((B,), np.int64, 0),
            "facts_at": ((), np.int64, 0),
            "place_at": ((B,), np.int64, 0),
            "h_eff": ((), np.int64, UNKNOWN),
            "upper": ((L,), np.int64, NOTHING),
            "before": ((L,), np.int64, NOTHING),
            "collective": ((L,), np.int64, NOTHING),
            "operators": ((), np.int64, UNKNOWN),
            "exit_size": ((B, D), np.int64, 0),
            "exit_share": ((B, D), np.float64, 0),
            "exit_place": ((B, D), np.int64, 0),
            "exit_matrix": ((B, D), np.int64, UNKNOWN),
            "exit_before": ((L, D), np.int64, NOTHING),
            "entry_size": ((B, D, D), np.int64, 0),
            "entry_target": ((B, D, D), np.int64, 0),
            "entry_matrix": ((B, D, D), np.int64, UNKNOWN),
        }
        self._sectors = {name: Growing(*rest) for name, rest in whole.items()}
        # memory that is not written is not used: room for all that may come spares copies
        states = prod(float(most_sectors(b) * largest_sector(b)) for b in basis.blocks)
        room = int(min(memory / 16, 8 * D * D * states)) + 16
        self._facts, self._place = Growing((2 + L,), np.float64, room=room // 16), Growing((), np.int32)
        self._matrices = {
            "row": Growing((), np.int64),
            "imaginary": Growing((), np.int64),
            "run": Growing((), np.int64),
            "first": Growing((), np.int64, room=room // 4),
            "length": Growing((), np.int32, room=room // 4),
            "column": Growing((), np.uint32, room=room),
            "re": Growing((), np.float64, room=room),
            "im": Growing((), np.float64),
        }
        self.jumps = _jumps_of(basis, D)
        together = [(vectors == 2, False)[:vectors] for *_, vectors in averages.joined()]
        self.is_first = np.array([first for some in together for first in some], dtype=bool)
        """By operator that is measured: whether it and the next one are made of E_ab and E_ba."""

    @property
    def levels(self) -> int:
        """The most levels that a block has."""
        return max(b.levels for b in self.basis.blocks)

    @property
    def nbytes(self) -> int:
        """Memory of what can be forgotten."""
        return sum(g.count * g.array[:1].nbytes for g in self._forgettable)

    @property
    def _forgettable(self) -> tuple[Growing, ...]:
        return self._facts, self._place, *self._matrices.values()

    def read(self) -> tuple[Matrices, Sectors, Jumps]:
        """The tables as they are now."""
        of_sectors = {name: g.array for name, g in self._sectors.items()}
        sectors = Sectors(**of_sectors, facts=self._facts.array, place=self._place.array)
        return Matrices(**{name: g.array for name, g in self._matrices.items()}), sectors, self.jumps

    def number(self, labels: Labels) -> int:
        """The number of a sector."""
        if labels not in self._numbers:
            self._numbers[labels] = len(self.labels)
            self.labels.append(labels)
            for growing in self._sectors.values():
                growing.reach(len(self.labels))
        return self._numbers[labels]

    def know(self, s: int) -> None:
        """Work a sector out."""
        if self.nbytes > self._memory:
            self._forget()
        labels, basis, at = self.labels[s], self.basis, {name: g.array for name, g in self._sectors.items()}
        sector = ProductSector(basis, labels, basis.whole(labels))
        at["size"][s], at["dims"][s] = sector.size, sector.dims
        matrix = csr_array(program_matrix(sector.h_eff))
        diagonal = matrix.diagonal()
        facts = np.zeros((sector.size, 2 + len(basis.channels)))
        facts[:, 0], facts[:, 1] = diagonal.real, -diagonal.imag
        matrix = beside_diagonal(matrix)
        at["h_eff"][s] = self._add(matrix, filled=len(sector.dims) == 1 and basis.blocks[0].levels == 2)
        parts = zip(sector.rate_tables, sector.rate_programs, sector.rate_bands, strict=True)
        for l, (table, program, bands) in enumerate(parts):
            facts[:, 2 + l] = table
            channel, collective = basis.channels[l], basis.collective[l]
            if collective is not None:
                total = sum(self._on_axis(sector, b, sector.blocks[b].one_body(y)) for b, y in collective.items())
                gamma = basis.collective_rates[l]  # nothing is turned here
                if gamma is not None:
                    total = csr_array(diags_array(sector.on_sector(gamma.gamma)) @ total)
                at["collective"][s, l] = self._add(_columns_as_rows(total))
                continue
            assert channel is not None
            if program is not None:
                rate = matrix_of(program)
                facts[:, 2 + l] += rate.diagonal().real
                at["upper"][s, l] = self._add(csr_array(triu(rate, 1)))
            elif bands is not None:
                at["upper"][s, l] = self._add(bands.matrix())
            if channel.polynomial is not None:
                axis = channel.polynomial.axis
                gamma = self._on_axis(sector, axis, channel.polynomial.gamma(sector.blocks[axis]))
                at["before"][s, l] = self._add(_columns_as_rows(gamma))
        at["facts_at"][s] = self._facts.add(facts)
        at["operators"][s] = self._add(self._joined_operators(sector))
        for b, part in enumerate(sector.blocks):
            at["place_at"][s, b] = self._places((b, labels[b]), part.places)
        for b in {channel.block for channel in basis.channels if channel is not None}:
            self._add_exits(s, b, sector.blocks[b].removals())
        self._sectors["known"].array[s] = 1

    def _add_exits(self, s: int, b: int, removals: Any) -> None:
        """Where a particle of a block may be taken out of a sector to, and what may become of it."""
        labels, block = self.labels[s], self.basis.blocks[b]
        for c, (rest, weight) in enumerate(removals):
            targets = grown(block, rest)
            numbers = [self.number((*labels[:b], label, *labels[b + 1 :])) for label in targets]
            at = {name: g.array for name, g in self._sectors.items()}  # there may be more of them now
            at["exit_size"][s, b, c] = rest + 1 if block.levels == 2 else dimension_of(block, rest)
            at["exit_share"][s, b, c] = np.sqrt(weight)
            for r, (label, number) in enumerate(zip(targets, numbers, strict=True)):
                at["entry_size"][s, b, c, r] = dimension_of(block, label)
                at["entry_target"][s, b, c, r] = number

    def make(self, s: int, b: int, c: int, r: int) -> None:
        """Make the matrix of the c-th way to take a particle of block b out, or (r >= 0) of the r-th to put it back.

        Nothing is forgotten here: a jump may need several of them at once.
        """
        block, label = self.basis.blocks[b], self.labels[s][b]
        rest = sector_of(block, label).removals()[c][0]
        if r >= 0:
            target = self.labels[int(self._sectors["entry_target"].array[s, b, c, r])][b]
            self._sectors["entry_matrix"].array[s, b, c, r] = self._clebsch(b, target, rest, out=False)
            return
        others = rest_sector_of(block, rest)
        self._sectors["exit_place"].array[s, b, c] = self._places((b, "rest", rest), others.places)
        self._sectors["exit_matrix"].array[s, b, c] = self._clebsch(b, label, rest, out=True)
        for l, channel in enumerate(self.basis.channels):
            if channel is not None and channel.polynomial is not None and channel.excluded and channel.block == b:
                gamma = _columns_as_rows(channel.polynomial.gamma(others))
                self._sectors["exit_before"].array[s, l, c] = self._add(gamma)

    def _clebsch(self, b: int, label: Label, rest: Label, *, out: bool) -> int:
        """C_λ^μ of one level after the other, by the states of λ, or by those of μ."""
        key = (b, label, rest, out)
        if key not in self._made:
            starts, p, level, values = self._entrance(b, label, rest, int(level_bits(self.levels)))
            q = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            rows, columns = (p, q) if out else (q, p)
            n = dimension_of(self.basis.blocks[b], label) if out else len(starts) - 1
            shape = (n * self.basis.blocks[b].levels, int(columns.max(initial=0)) + 1)
            self._made[key] = self._add(csr_array((values, (level * n + rows, columns)), shape=shape))
        return self._made[key]

    def _entrance(self, b: int, label: Label, rest: Label, bits: int) -> tuple[Integers, Integers, Integers, Array]:
        """Elements of C_λ^μ, state of μ by state: where those of each begin, state of λ and level, and they."""
        if self.basis.blocks[b].levels == 2:
            maps = self._moves[b].clebsch(label, rest)
            level = np.repeat(np.arange(len(maps)), [len(m.columns) for m in maps])
            q = np.concatenate([np.repeat(np.arange(m.shape[0]), np.diff(m.pointers)) for m in maps])
            p, values = (np.concatenate(parts) for parts in zip(*((m.columns, m.values) for m in maps), strict=True))
            order = np.argsort(q, kind="stable")
            starts = np.searchsorted(q[order], np.arange(maps[0].shape[0] + 1))
            return starts, p[order].astype(np.int64), level[order], values[order]
        few, many, d = diagram_sector(rest).patterns, diagram_sector(label).patterns, self.basis.blocks[b].levels
        row = next(i for i in range(d) if label[i] != rest[i])
        made = np.concatenate(few.rows), np.concatenate(many.weights), few.keys_within(many), *many.increasing_keys
        starts, room = np.zeros(few.count + 1, dtype=np.int64), np.zeros((2, d + 2), dtype=np.int64)
        column, values = np.zeros(0, dtype=np.int64), np.zeros(0)
        for _ in range(2):  # they are counted first
            rows, *keys = made
            additions(rows, d, row, *keys, bits, starts, column, values, *room, np.zeros(d + 2))
            if len(column) == 0:
                column, values = np.zeros(starts[-1], dtype=np.int64), np.zeros(starts[-1])
        return starts, column >> bits, column & ((1 << bits) - 1), values

    def _places(self, key: tuple[Any, ...], places: Any) -> int:
        """Places of states in the tables of Γ."""
        if key not in self._made:
            numbers = np.arange(places.start, places.stop) if isinstance(places, slice) else places
            self._made[key] = self._place.add(np.asarray(numbers, dtype=np.int32))
        return self._made[key]

    def _joined_operators(self, sector: ProductSector) -> csr_array:
        """The operators that are measured as one matrix: its columns are q 2^k + v for the v-th, with 2^k >= V.

        Where two are E_ab + E_ba and i (E_ba - E_ab), the elements are those of E_ab and E_ba, which are real.
        """
        bits, v = int(level_bits(len(self._averages.operators))), 0
        rows, columns, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for b, _, matrix, vectors in self._averages.joined():
            row, column, value = _entries_on_axis(sector.dims, b, sector.blocks[b].one_body(matrix))
            operator = v
            if vectors == 2:  # (1 - i) E_ab + (1 + i) E_ba
                operator, value = v + (value.real * value.imag > 0), value.real
            rows.append(row)
            columns.append((column << bits) + operator)
            values.append(value)
            v += vectors
        joined = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return csr_array(joined, shape=(sector.size, sector.size << bits))

    def _on_axis(self, sector: ProductSector, b: int, matrix: csr_array) -> csr_array:
        if len(sector.dims) == 1:
            return csr_array(matrix)
        row, column, value = _entries_on_axis(sector.dims, b, matrix)
        return csr_array((value, (row, column)), shape=(sector.size, sector.size))

    def _add(self, matrix: csr_array, *, filled: bool = False) -> int:
        """Append a matrix; its number."""
        matrix = csr_array(matrix)
        matrix.sort_indices()
        run = False
        if filled and matrix.nnz:
            made = _without_gaps(matrix)
            run = made.nnz <= _GAPS * matrix.nnz
            matrix = made if run else matrix
        data, to = np.asarray(matrix.data), self._matrices
        starts = matrix.indptr.astype(np.int64)
        first = to["column"].add(matrix.indices)
        to["re"].add(data.real)
        beyond = ALL_REAL
        if np.iscomplexobj(data) and data.imag.any():
            beyond = to["im"].add(data.imag) - first
        row = to["first"].add(first + starts[:-1])
        to["length"].add(np.diff(starts))
        to["imaginary"].add(np.array([beyond]))
        to["run"].add(np.array([int(run)]))
        return to["row"].add(np.array([row]))

    def _forget(self) -> None:
        for growing in self._forgettable:
            growing.forget()
        self._made.clear()
        for name in ("known", "exit_matrix", "entry_matrix"):
            self._sectors[name].array[:] = 0 if name == "known" else UNKNOWN


def _jumps_of(basis: ProductBasis, D: int) -> Jumps:
    """The jumps of a basis."""
    B, L = len(basis.blocks), len(basis.channels)
    axis, excluded = np.full(L, -1), np.zeros(L, dtype=np.int64)
    tables, start, stride = [np.ones(1)], np.zeros(L, dtype=np.int64), np.zeros((L, B), dtype=np.int64)
    j_start = np.zeros((L, D + 1), dtype=np.int64)
    level: list[int] = []
    values: list[complex] = []
    for l, channel in enumerate(basis.channels):
        j_start[l] = len(level)
        if channel is None:
            continue
        axis[l], excluded[l] = channel.block, channel.excluded
        start[l] = sum(table.size for table in tables)
        tables.append(np.ascontiguousarray(channel.gamma, dtype=float))
        strides = np.array(tables[-1].strides) // tables[-1].itemsize
        stride[l] = np.where(np.array(channel.gamma.shape) > 1, strides, 0)
        targets = dict(channel.transitions)
        for a in range(D):
            for to, element in targets.get(a, []):
                level.append(to)
                values.append(element)
            j_start[l, a + 1 :] = len(level)
    made = np.array(values, dtype=complex)
    flat: Array = np.concatenate([table.ravel() for table in tables])
    return Jumps(
        axis,
        excluded,
        flat,
        start,
        stride,
        j_start,
        np.array(level, dtype=np.int64),
        made.real.copy(),
        made.imag.copy(),
    )


def beside_diagonal(matrix: csr_array) -> csr_array:
    """A sparse matrix without its diagonal and without rounding."""
    entries = matrix.tocoo()
    row, column = entries.coords
    keep = (row != column) & (np.abs(entries.data) > _ZERO * np.abs(entries.data).max(initial=0))
    return csr_array((entries.data[keep], (row[keep], column[keep])), shape=matrix.shape)


def _entries_on_axis(dims: tuple[int, ...], axis: int, matrix: csr_array) -> tuple[Integers, Integers, Any]:
    """Rows, columns and values of the elements that are not zero of a matrix which acts on one axis of several."""
    entries, after = matrix.tocoo(), prod(dims[axis + 1 :])
    kept, others = np.flatnonzero(entries.data), np.arange(prod(dims[:axis]))[:, None, None]
    beside = others * dims[axis] * after + np.arange(after)
    row, column = (beside + after * numbers[kept].astype(np.int64)[:, None] for numbers in entries.coords)
    return row.ravel(), column.ravel(), np.broadcast_to(entries.data[kept][:, None], row.shape).ravel()


def _columns_as_rows(matrix: csr_array) -> csr_array:
    """The transpose."""
    return csr_array(csc_array(matrix).T)


def _without_gaps(matrix: csr_array) -> csr_array:
    """The same with zeros between the first and the last element of each row."""
    length = np.diff(matrix.indptr)
    there = np.flatnonzero(length)
    low, high = np.zeros(len(length), dtype=np.int64), np.zeros(len(length), dtype=np.int64)
    low[there], high[there] = matrix.indices[matrix.indptr[there]], matrix.indices[matrix.indptr[there + 1] - 1] + 1
    starts = np.concatenate([[0], np.cumsum(high - low)])
    columns = np.arange(starts[-1]) - np.repeat(starts[:-1] - low, high - low)
    data = np.zeros(starts[-1], dtype=matrix.dtype)
    data[np.repeat(starts[:-1] - low, length) + matrix.indices] = matrix.data
    return csr_array((data, columns, starts), shape=matrix.shape)
