"""What all generators have in common: on which sectors they act, and what is read off the states that they act on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array

from ..basis.fock_space import FockSpace
from ..basis.sector_operators import Operators
from ..basis.sectors import Labels
from ..model import Model
from ..model.collective_average import CollectiveAverage
from ..tools.types import Array
from .final_density import FinalDensity
from .generator_frames import Frame, rotated_matrix
from .packed_states import DiagonalPacking, Packing


class SectorStates(ABC):
    """dρ/dt of a model on some of its sectors, with ρ as a packed vector.

    Attributes
    ----------
    model : Model
    spaces : tuple of FockSpace
        One for each mode of the model.
    frames : list of Frame
        The first one is that of the packed vector.
    packing : Packing or DiagonalPacking
    dims : dict of labels to tuple of int
        Dimensions of each sector: of the blocks, then of the modes.
    spare : int
        Vectors that the caller may keep.
    """

    model: Model
    spaces: tuple[FockSpace, ...]
    frames: list[Frame]
    packing: Packing | DiagonalPacking
    dims: dict[Labels, tuple[int, ...]]
    spare: int
    _operators: list[Operators]

    @abstractmethod
    def __call__(self, vector: Array) -> Array:
        """dρ/dt as a packed vector."""

    @property
    @abstractmethod
    def norm(self) -> float:
        """A bound on the norm of the map."""

    @abstractmethod
    def of_part(self, part: int, vector: Array) -> Array:
        """What the terms of one part of a model that changes in time add to dρ/dt, without their factor."""

    def weights(self, labels: Labels) -> dict[str, Array]:
        """How many particles of each block and level, and how many quanta of each mode, the basis states of a sector
        have in the first frame.

        Blocks of two levels count the upper one, by the name of the block; others each level, "block.n0"; modes count
        from their displaced vacuum.
        """
        found = {}
        for b, block in enumerate(self.model.blocks):
            for a in range(1 if block.levels == 2 else block.levels):
                projector = np.zeros((block.levels, block.levels))
                projector[a, a] = 1
                name = block.name if block.levels == 2 else f"{block.name}.n{a}"
                found[name] = np.rint(self._operators[0].collective(labels, {b: projector}).diagonal().real)
        for m, name in enumerate(self.model.mode_names):
            b = self._operators[0].lowering(labels, m)
            found[name] = np.rint((b.conj().T @ b).diagonal().real)
        return found

    def reached(self, vector: Array, time: float) -> FinalDensity:
        """A packed vector as the end of this run, without a mean field."""
        units = [np.eye(block.levels, dtype=complex) for block in self.model.blocks]
        frames = tuple(self.frames[0].unitaries.get(b, one) for b, one in enumerate(units))
        place = (tuple(self.model.blocks), self.model.mode_names, time, None)
        sectors = tuple(self.packing.dims)
        return FinalDensity(
            *place, sectors, tuple(self.dims[s] for s in sectors), frames, self.spaces, vector, self.packing.diagonal
        )

    def expectations(self) -> csr_array:
        """(A + Q + S + M, unknowns) matrix that reads <m_a>, <½{m_a, m_b}> for a ≤ b, the weight of each sector, and
        <a†a>/N of each mode.
        """
        model, A = self.model, len(self.model.labels)
        pairs = list(combinations_with_replacement(range(A), 2))
        matrices = [
            {o.block: rotated_matrix(o.matrix, self.frames[0].unitaries.get(o.block)) / model.blocks[o.block].size}
            for o in model.observables
        ]

        def entries() -> Iterator[tuple[int, Labels, csr_array]]:
            for s, labels in enumerate(self.packing.dims):
                means = [self._operators[0].collective(labels, m) for m in matrices]
                modes = [self._mode(labels, m) for m in range(len(model.modes))]
                means += [modes[q.mode][q.part] for q in model.quadratures]
                yield from ((a, labels, m) for a, m in enumerate(means))
                for q, (a, b) in enumerate(pairs):
                    yield A + q, labels, csr_array((means[a] @ means[b] + means[b] @ means[a]) / 2)
                one = csr_array(eye_array(self.packing.dims[labels], dtype=complex))
                yield A + len(pairs) + s, labels, one
                for m, (_, _, quanta) in enumerate(modes):
                    yield A + len(pairs) + len(self.packing.dims) + m, labels, quanta

        return self.rows(A + len(pairs) + len(self.packing.dims) + len(model.modes), entries())

    def rows(self, count: int, entries: Iterable[tuple[int, Labels, csr_array]]) -> csr_array:
        """(count, unknowns) matrix that reads expectation values: a row is a sum of Hermitian operators of sectors.

        Parameters
        ----------
        count : int
        entries : iterable of (int, labels, sparse array)
            The row, the sector, the operator in the first frame.
        """
        places, data, lines = [], [], []
        for line, labels, operator in entries:
            own, values = self.packing.reading(labels, operator)
            lines.append(np.full(len(own), line))
            places.append(own)
            data.append(values)
        found = (np.concatenate(data), (np.concatenate(lines), np.concatenate(places)))
        return csr_array(coo_array(found, shape=(count, self.packing.size)))

    def average(self, labels: Labels, average: CollectiveAverage) -> csr_array:
        """An average in a sector, in the first frame."""
        sizes, unitaries = [block.size for block in self.model.blocks], self.frames[0].unitaries
        matrices = {b: rotated_matrix(x, unitaries.get(b)) / sizes[b] for b, x in average.blocks.items()}
        total = self._operators[0].collective(labels, matrices)
        for m, (c_x, c_y) in average.modes.items():
            x, y, _ = self._mode(labels, m)
            total = total + c_x * x + c_y * y
        return csr_array(total)

    def _mode(self, labels: Labels, mode: int) -> tuple[csr_array, csr_array, csr_array]:
        """x, y and a†a/N of a mode: a = b + γ."""
        root = np.sqrt(self.model.size)
        b = self._operators[0].lowering(labels, mode)
        one = csr_array(eye_array(self.packing.dims[labels], dtype=complex))
        a = csr_array((b + self.spaces[mode].centre * one) / root)
        raised = csr_array(a.conj().T)
        return csr_array((a + raised) / 2), csr_array((a - raised) / 2j), csr_array(raised @ a)
