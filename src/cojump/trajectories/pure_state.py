"""The pure state of a trajectory at one output time, as it is handed to whoever measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import UnsupportedError
from ..model.collective_average import CollectiveAverage
from ..model.components import Component
from ..model.final_states import FinalFactor, FinalState
from ..tools.types import Array
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

    def along(self, block: int) -> Ket:
        """(2J + 1, R) amplitudes over M = -J..J of a block of two levels, and whatever it may be entangled with.

        Each M may have a phase of its own, which no other block sees.

        Raises
        ------
        UnsupportedError
            If the block has more than two levels.
        """
        factor = next(f for f in self.factors if block in f.blocks)
        axis = factor.blocks.index(block)
        two_J = factor.labels[axis]
        if not isinstance(two_J, int | np.integer):
            raise UnsupportedError("Amplitudes over M belong to blocks of two levels")
        inside = np.moveaxis(factor.amplitudes, axis, 0).reshape(factor.amplitudes.shape[axis], -1)
        whole = np.zeros((two_J + 1, inside.shape[1]), dtype=np.complex128)
        whole[slice(*factor.window[axis])] = inside
        return factor.frames[axis].along(int(two_J), whole)

    def probabilities(self, block: int) -> Array:
        """(2J + 1,) probabilities of M = -J..J of a block of two levels."""
        weights: Array = (np.abs(self.along(block)) ** 2).sum(axis=1)
        return weights

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
                    tuple(np.ascontiguousarray(frame.rotation, dtype=complex) for frame in f.frames),
                    tuple(complex(b) for b in f.displacements),
                    f.amplitudes / np.linalg.norm(f.amplitudes),
                ).trimmed()
                for f in self.factors
            )
        )


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
