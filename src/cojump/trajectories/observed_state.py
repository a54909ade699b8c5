"""The state of one trajectory at one output time, as a user sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..basis.final_frames import in_frames
from ..basis.level_weights import LevelWeights
from ..basis.readable_state import ReadableState
from ..basis.sectors import dimension_of
from ..errors import ArgumentError
from ..model import Model
from ..model.collective_average import average_of
from ..model.final_states import FinalFactor
from ..tools import checks
from ..tools.summaries import Summarised, few, more
from ..tools.types import Array, Matrix
from .pure_state import PureState


@dataclass(frozen=True, eq=False, repr=False)
class ObservedState(ReadableState, Summarised):
    """The pure state of one trajectory at an output time: what a callback is given, and ``cj.trajectory`` keeps.

    A trajectory is in one sector of each block: ψ in V_λ, and maximally mixed in S_λ, which tells the particles apart.
    Nothing of it can be changed.

    Attributes
    ----------
    model : Model
        Its blocks and modes, without any term.
    time : float
    pure : PureState
        What meters read; its layout is cojump's own.
    """

    model: Model
    time: float
    pure: PureState

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the averages, "block.x"."""
        return self.model.labels

    @cached_property
    def mean(self) -> Array:
        """(A,) averages <m_a> in this state, as in results."""
        one = [self.taken_out({b: 1}) for b in range(len(self.model.blocks))]
        particles = [float(np.trace(one[o.block] @ o.matrix).real) for o in self.model.observables]
        parts = [((1.0, 0.0), (0.0, 1.0))[q.part] for q in self.model.quadratures]
        names = [self.model.mode_names[q.mode] for q in self.model.quadratures]
        modes = [self.average({name: part}).real for name, part in zip(names, parts, strict=True)]
        found = np.array([*particles, *modes])
        found.flags.writeable = False
        return found

    def __getitem__(self, label: str) -> float:
        """One average by its label, such as "spins.z"."""
        return float(self.mean[checks.place(label, self.labels)])

    def sector(self, block: str) -> float | tuple[int, ...]:
        """J of a block of two levels, the rows of the Young diagram of one of more."""
        factor, axis = self._factor(self.model.block_index(block))
        label = factor.labels[axis]
        return int(label) / 2 if isinstance(label, int | np.integer) else tuple(int(row) for row in label)

    def together(self, name: str) -> tuple[str, ...]:
        """What may be entangled with a block or a mode, itself among them, in the order of the axes of amplitudes."""
        factor = self._final(name)
        blocks, modes = self.model.blocks, self.model.mode_names
        return (*(blocks[b].name for b in factor.blocks), *(modes[m] for m in factor.modes))

    def amplitudes(self, name: str) -> NDArray[np.complex128]:
        """The state of ``together(name)``, an array with an axis for each of them that cannot be written to.

        In the user's frame: over M = -J..J of a block of two levels, the Gelfand-Tsetlin patterns of one of more; over
        the Fock states of a mode from 0 on, those of a - ``displacement(name)``. Its global phase means nothing.
        """
        factor = self._final(name)
        blocks = [self.model.blocks[b] for b in factor.blocks]
        window, tensor = in_frames(blocks, factor, [np.eye(b.levels, dtype=complex) for b in blocks])
        dims = [dimension_of(block, label) for block, label in zip(blocks, factor.labels, strict=True)]
        whole = np.zeros((*dims, *(hi for _, hi in window[len(dims) :])), dtype=np.complex128)
        whole[tuple(slice(*ends) for ends in window)] = tensor
        whole.flags.writeable = False
        return whole

    def displacement(self, mode: str) -> complex:
        """The number b of a mode, a = b + a', of whose a' the amplitudes have the Fock states."""
        place = self.model.mode_index(mode, "mode")
        factor = next(f for f in self.pure.factors if place in f.modes)
        return complex(factor.displacements[factor.modes.index(place)])

    def average(self, *averages: str | Mapping[str, ArrayLike]) -> complex:
        """<A>, or the mean of <A B ..> over all orders of several averages, A = Σ_b (1/N_b) Σ_{k in b} a_b^(k).

        Parameters
        ----------
        *averages : mapping of str to (d_b, d_b) array
            The matrices need not be Hermitian. A mode adds c_x x + c_y y, written "cavity": (c_x, c_y).

        Raises
        ------
        ArgumentError
            If there is none, or one breaks a rule.
        """
        if not averages:
            raise ArgumentError("averages", "be one average {block: matrix} or several", "there is none")
        return self.pure.product([average_of(self.model, f"averages[{n}]", a) for n, a in enumerate(averages)])

    def own_model(self) -> Model:
        """Its blocks and modes."""
        return self.model

    def levels(self, block: int, weights: LevelWeights) -> tuple[NDArray[Any], Array]:
        """Occupations (n, d) of some kets of one particle in a block, and their probabilities (n,)."""
        return self.pure.levels(block, weights)

    def taken_out(self, counts: Mapping[int, int]) -> Matrix:
        """Density matrix of so many particles of each block."""
        return self.pure.taken_out(self.model.blocks, counts)

    def _factor(self, block: int) -> tuple[Any, int]:
        factor = next(f for f in self.pure.factors if block in f.blocks)
        return factor, factor.blocks.index(block)

    def _final(self, name: Any) -> FinalFactor:
        """The factor of a block or mode, trimmed to what is occupied."""
        if isinstance(name, str) and name in self.model.mode_names:
            mode = self.model.mode_index(name)
            return next(f for f in self._factors if mode in f.modes)
        block = self.model.block_index(name)
        return next(f for f in self._factors if block in f.blocks)

    @cached_property
    def _factors(self) -> tuple[FinalFactor, ...]:
        return self.pure.final().factors

    def _title(self) -> str:
        sectors = few([f"{block.name}: {self.sector(block.name)}" for block in self.model.blocks[:3]])
        return f"State of a trajectory at t = {self.time:g}, in the sector {sectors}"

    def _lines(self) -> list[str]:
        block = self.model.blocks[0].name
        figures = f'["{self.labels[0]}"], .mean, .sector("{block}"), .amplitudes("{block}"), .average(..)'
        return more(f"{figures}, .distribution(..), .reduced(..), .density()")


def without_terms(model: Model) -> Model:
    """The blocks and modes of a model, and the averages that it measures: all that a state needs of it."""
    return Model(model.blocks, averages=model.averages, modes=model.modes)
