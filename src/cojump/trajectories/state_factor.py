"""The state of one part of a model in one sector, as it is handed to whoever measures it or goes on from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..basis.particle_removal import Label

Ket = NDArray[np.complex128]


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
    frames : tuple of (d, d) arrays
        Of each block: the kets of one particle that the amplitudes belong to, in the user's frame, the columns.
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
    frames: tuple[Ket, ...]
    modes: tuple[int, ...] = ()
    quanta: tuple[tuple[int, int], ...] = ()
    displacements: tuple[complex, ...] = ()
