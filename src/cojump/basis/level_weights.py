"""How the particles of a block are spread over the eigenkets of a matrix of one particle, in the state of a sector.

With X = Σ_a x_a |a><a| the collective sum Σ_k X^(k) is Σ_a n_a x_a, n_a the number of particles in |a>: its
distribution is that of the occupations in the frame of these kets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..model import Block
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.matrices import is_diagonal
from ..tools.types import Array, Matrix
from .occupations import Occupations
from .particle_removal import Label
from .rotations import representation, rotated
from .sectors import sector_of
from .spin_sector import rotation_matrix, turned

Ket = NDArray[np.complex128]

MOST_VALUES = 2_000_000
"""Occupations of the different eigenvalues of a matrix, of which the values of its sum are made."""

_SAME = 1e-12
"""Difference of two values, in parts of the range of X, below which they are one."""

_ZERO = 1e-15
"""Elements of a change of frame that are none."""

_LARGE = {2: 401, 3: 300}
"""Dimension of a sector up to which its change of frame is made as a matrix and kept, for two levels and for more."""

_MEMORY = 64 * 2**20
"""Bytes of such matrices that are kept."""


class LevelWeights:
    """Probabilities of the occupations of some kets of one particle.

    Parameters
    ----------
    block : Block
    kets : (d, d) array
        Orthonormal kets in the user's frame, the columns.
    """

    def __init__(self, block: Block, kets: Matrix) -> None:
        self.block, self.kets = block, np.asarray(kets, dtype=complex)
        self._dense: CacheByBytes[Any, Ket] = CacheByBytes(_MEMORY)

    def are_those_of(self, frame: Matrix) -> bool:
        """Whether the kets are those of a frame, in any order."""
        return _permutation(self.kets.conj().T @ frame) is not None

    def of(
        self, frame: Matrix, label: Label, window: tuple[int, int], amplitudes: Ket
    ) -> tuple[NDArray[np.int64], Array]:
        """Occupations (n, d) of the kets, and their probabilities (n,); an occupation may stand there several times.

        Parameters
        ----------
        frame : (d, d) array
            Kets of one particle that the amplitudes belong to, the columns.
        label : Label
            The sector.
        window : (int, int)
            First and past-last basis state.
        amplitudes : (window, R) array
            And whatever the block may be entangled with.
        """
        relative = self.kets.conj().T @ frame
        levels = _permutation(relative)
        if levels is not None:
            occupations = sector_of(self.block, label).occupations[slice(*window)]
            return occupations[:, levels], (np.abs(amplitudes) ** 2).sum(axis=1)
        sector = sector_of(self.block, label)
        whole = np.zeros((sector.dim, amplitudes.shape[1]), dtype=complex)
        whole[slice(*window)] = amplitudes
        made = self._turned(relative, label, sector, whole)
        return sector.occupations, (np.abs(made) ** 2).sum(axis=1)

    def _turned(self, relative: Matrix, label: Label, sector: Any, whole: Ket) -> Ket:
        spins = self.block.levels == 2
        if sector.dim > _LARGE[2 if spins else 3]:
            return turned(label, relative, whole) if spins else rotated(sector, relative, whole)
        dense = self._dense.get(
            (label, relative.tobytes()),
            lambda: rotation_matrix(label, relative) if spins else representation(sector, relative),
        )
        made: Ket = dense @ whole
        return made


def _permutation(relative: Matrix) -> list[int] | None:
    """Which ket of the frame each ket is, up to a phase; None if one is a superposition."""
    size = np.abs(relative)
    places = size.argmax(axis=1)
    rest = size.copy()
    rest[np.arange(len(size)), places] = 0
    return None if rest.max() > _ZERO * len(size) else [int(p) for p in places]


@dataclass(frozen=True)
class SumValues:
    """The values that Σ_k X^(k) can have, each once.

    Attributes
    ----------
    size : int
        N_b particles.
    eigenvalues : tuple of d float
        Of X, as the kets stand; equal ones are one level.
    """

    size: int
    eigenvalues: tuple[float, ...]

    @cached_property
    def _levels(self) -> tuple[Array, NDArray[np.intp]]:
        """Different eigenvalues, and which of them each level has."""
        values, numbers = np.unique(np.array(self.eigenvalues), return_inverse=True)
        return values, numbers

    @property
    def n_occupations(self) -> int:
        """Ways to spread the particles over the different eigenvalues."""
        return len(Occupations(self.size, len(self._levels[0])))

    @cached_property
    def _bins(self) -> tuple[Array, NDArray[np.intp]]:
        """The values in growing order, and which of them each occupation of the different eigenvalues has."""
        values, _ = self._levels
        shifted = values - values[0]  # sums of equal particles are equal, whatever all of them have in common
        sums = Occupations(self.size, len(values)).all() @ shifted
        order = np.argsort(sums, kind="stable")
        apart = np.diff(sums[order], prepend=-np.inf) > _SAME * (shifted[-1] or 1.0) * self.size
        bins = np.empty(len(sums), dtype=np.intp)
        bins[order] = np.cumsum(apart) - 1
        return sums[order][apart] + self.size * values[0], bins

    @property
    def values(self) -> Array:
        """(n,) values of Σ_k X^(k), growing."""
        return self._bins[0]

    def probabilities(self, occupations: NDArray[np.int64], weights: Array) -> Array:
        """(n,) probabilities of the values from those of occupations (m, d) of the kets."""
        values, numbers = self._levels
        merged = np.zeros((len(occupations), len(values)), dtype=np.int64)
        for level, number in enumerate(numbers):
            merged[:, number] += occupations[:, level]
        places = Occupations(self.size, len(values)).number(merged)
        return np.bincount(self._bins[1][places], weights=weights, minlength=len(self.values)).astype(float)


def sum_values(block: Block, matrix: Matrix) -> tuple[SumValues, Matrix]:
    """The values of Σ_k X^(k) over a block for a Hermitian X, and the eigenkets (d, d) of X, the columns."""
    if is_diagonal(matrix):
        values, kets = np.diagonal(matrix).real, np.eye(len(matrix), dtype=complex)
    else:
        values, kets = np.linalg.eigh(matrix)
    scale = float(np.abs(values).max(initial=0.0)) or 1.0
    rounded = np.round(values / scale, 13) * scale + 0.0
    return SumValues(block.size, tuple(float(x) for x in rounded)), kets


def check_values(name: str, values: SumValues) -> None:
    """Refuse a matrix whose sum has too many values; ArgumentError about ``name``."""
    if values.n_occupations > MOST_VALUES:
        rule = f"be of a matrix whose sum has at most {MOST_VALUES:,} values"
        found = f"{values.size:,} particles are spread over its eigenvalues in {float(values.n_occupations):.3g} ways"
        raise ArgumentError(name, rule, found)
