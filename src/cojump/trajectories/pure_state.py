"""The pure state of a trajectory at one output time, as it is handed to whoever measures it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..basis.level_weights import LevelWeights
from ..basis.reduction import joined as joined_particles
from ..basis.reduction import taken_out
from ..basis.sectors import dimension_of
from ..basis.young_diagrams import dimension
from ..model import Block
from ..model.collective_average import CollectiveAverage
from ..model.components import Component
from ..model.final_states import FinalFactor, FinalState
from ..tools.types import Array, Matrix
from .collective_products import symmetrised_product
from .state_factor import Factor, Ket


@dataclass(frozen=True, eq=False)
class PureState:
    """The state of one trajectory at one output time: a product over its independent parts.

    Attributes
    ----------
    factors : tuple of Factor
    """

    factors: tuple[Factor, ...]

    def levels(self, block: int, weights: LevelWeights) -> tuple[NDArray[np.int64], Array]:
        """Occupations (n, d) of some kets of one particle in a block, and their probabilities (n,)."""
        factor = next(f for f in self.factors if block in f.blocks)
        axis = factor.blocks.index(block)
        inside = np.moveaxis(factor.amplitudes, axis, 0).reshape(factor.amplitudes.shape[axis], -1)
        return weights.of(factor.frames[axis], factor.labels[axis], factor.window[axis], inside)

    def taken_out(self, blocks: Sequence[Block], counts: Mapping[int, int]) -> Matrix:
        """(D, D) density matrix of so many particles of each block, block by block in the order of ``counts``.

        ``blocks`` are all those of the model. It is in the user's frame, the first particle the most significant digit.
        """
        first, places = 0, {}
        for b, count in counts.items():
            places[b] = range(first, first := first + count)
        parts = []
        for factor in self.factors:
            own = [counts.get(b, 0) for b in factor.blocks]
            if any(own):
                sizes = [blocks[b] for b in factor.blocks]
                matrix = taken_out(sizes, factor.labels, factor.frames, _whole(factor, sizes), own)
                parts.append(([place for b in factor.blocks for place in places.get(b, ())], matrix))
        return joined_particles(parts, [blocks[b].levels for b, count in counts.items() for _ in range(count)])

    def product(self, averages: Sequence[CollectiveAverage]) -> complex:
        """The mean of <A B ..> over all orders of some averages."""
        return symmetrised_product(self.factors, averages)

    def final(self) -> FinalState:
        """The state as one that another run can start from."""
        return FinalState(
            tuple(
                FinalFactor(
                    f.blocks,
                    f.modes,
                    tuple(tuple(map(int, x)) if isinstance(x, tuple) else int(x) for x in f.labels),
                    tuple((int(lo), int(hi)) for lo, hi in (*f.window, *f.quanta)),
                    tuple(np.ascontiguousarray(frame, dtype=complex) for frame in f.frames),
                    tuple(complex(b) for b in f.displacements),
                    f.amplitudes / np.linalg.norm(f.amplitudes),
                ).trimmed()
                for f in self.factors
            )
        )

    @classmethod
    def of(cls, final: FinalState) -> PureState:
        """The same state as the end of another run has it."""
        made = []
        for f in final.factors:
            B, window, tensor = len(f.blocks), list(f.window), f.amplitudes
            for axis, label in enumerate(f.labels):
                if isinstance(label, tuple):  # operators on patterns have no windows
                    wide = np.zeros((dimension(label), *np.moveaxis(tensor, axis, 0).shape[1:]), dtype=np.complex128)
                    wide[slice(*window[axis])] = np.moveaxis(tensor, axis, 0)
                    tensor, window[axis] = np.moveaxis(wide, 0, axis), (0, len(wide))
            own = tuple(window[:B]), tensor, f.frames, f.modes, tuple(window[B:]), f.displacements
            made.append(Factor(f.blocks, f.labels, *own))
        return cls(tuple(made))


def _whole(factor: Factor, blocks: Sequence[Block]) -> Ket:
    """The amplitudes over the whole sector of each block."""
    dims = [dimension_of(block, label) for block, label in zip(blocks, factor.labels, strict=True)]
    whole = np.zeros((*dims, *factor.amplitudes.shape[len(dims) :]), dtype=np.complex128)
    whole[tuple(slice(*ends) for ends in factor.window)] = factor.amplitudes / np.linalg.norm(factor.amplitudes)
    return whole


Watch = Callable[[int, PureState], None]
"""Is told the position of an output time and the state there, which is there only while it is looked at."""


def joined(parts: Sequence[tuple[Component, PureState]]) -> PureState:
    """One state of the states of independent parts of a model."""
    return PureState(
        tuple(
            replace(f, blocks=tuple(part.blocks[b] for b in f.blocks), modes=tuple(part.modes[m] for m in f.modes))
            for part, state in parts
            for f in state.factors
        )
    )
