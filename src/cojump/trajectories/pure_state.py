"""The pure state of a trajectory at one output time, as it is handed to whoever measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..basis.particle_removal import Label
from ..basis.spin_sector import rotation_matrix, turned
from ..errors import UnsupportedError
from ..model.components import Component
from ..model.final_states import FinalFactor, FinalState
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array

Ket = NDArray[np.complex128]


_LARGE = 400
"""2J up to which the change of frame of a sector is made as a matrix and kept."""

_MEMORY = 64 * 2**20
"""Bytes of such matrices that are kept for a block."""


@dataclass(frozen=True)
class _Dense:
    matrix: Ket

    @property
    def nbytes(self) -> int:
        return self.matrix.nbytes


class UserFrame:
    """Amplitudes over the user's J_z of a block of two levels from those in a rotated frame."""

    def __init__(self, rotation: Ket) -> None:
        self.rotation = rotation
        self._is_z = bool(np.abs(rotation[0, 1]) + np.abs(rotation[1, 0]) < 1e-15)
        self._matrices: CacheByBytes[int, _Dense] = CacheByBytes(_MEMORY)

    def along(self, two_J: int, amplitudes: Ket) -> Ket:
        """(2J+1, ...) over M = -J..J, up to a phase of each M where the two frames share their z axis."""
        if self._is_z:
            return amplitudes
        if two_J > _LARGE:
            return turned(two_J, self.rotation, amplitudes)
        made = self._matrices.get(two_J, lambda: _Dense(rotation_matrix(two_J, self.rotation)))
        along: Ket = np.tensordot(made.matrix, amplitudes, axes=1)
        return along


@dataclass(frozen=True, eq=False)
class Factor:
    """The state of blocks that may be entangled with each other, and with no others.

    Attributes
    ----------
    blocks : tuple of int
        Their positions in the model.
    labels : tuple
        The sector of each: 2J for two levels, a Young diagram for more.
    window : tuple of (int, int)
        First and past-last state of each sector that has an amplitude here: of M + J for two levels, of the
        Gelfand-Tsetlin patterns for more.
    amplitudes : array, one axis per block
        Normalised, in the frame of the engine.
    frames : tuple of UserFrame
        Of each block; of more than two levels only the kets of one particle are used.
    modes : tuple of int
        Positions of its modes, whose axes stand behind those of the blocks.
    quanta : tuple of (int, int)
        First and past-last Fock state of each of them, displaced.
    displacements : tuple of complex
        b of each of them, a = b + a'.
    """

    blocks: tuple[int, ...]
    labels: tuple[Label, ...]
    window: tuple[tuple[int, int], ...]
    amplitudes: Ket
    frames: tuple[UserFrame, ...]
    modes: tuple[int, ...] = ()
    quanta: tuple[tuple[int, int], ...] = ()
    displacements: tuple[complex, ...] = ()


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
