"""The state of one part of a model in one sector, as it is handed to whoever measures it or goes on from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..basis.particle_removal import Label
from ..basis.spin_sector import rotation_matrix, turned
from ..tools.cache_by_bytes import CacheByBytes

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
