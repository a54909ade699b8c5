"""Coordinates of the averages of a model: those of its particles in an orthonormal basis, and its modes behind them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..model import Model
from ..tools.types import Array, Complex

_AVERAGES = 1000
"""n of an expansion: its matrices have n² elements and take n³ operations each time."""


class Coordinates:
    """m_α = Σ_b (N_b/N) tr(r_b v_α), and x and y of each mode behind them; n in all.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    basis : (n - 2M, D, D) array
        v_α, Hermitian and orthonormal in the trace, each in one block; D = Σ_b d_b; M modes.
    size : int
        n.

    Raises
    ------
    UnsupportedError
        If there are too many.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        averages = sum(b.levels**2 for b in model.blocks) + 2 * len(model.modes)
        if averages > _AVERAGES:
            raise UnsupportedError(f"The theory of fluctuations holds for at most {_AVERAGES} averages, not {averages}")
        ends = np.cumsum([0, *(b.levels for b in model.blocks)])
        self._cuts = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self._dimension = int(ends[-1])
        self.basis = np.concatenate(
            [[self.embedded(b, v) for v in _hermitian_basis(block.levels)] for b, block in enumerate(model.blocks)]
        )
        self._shares = np.array([b.size / model.size for b in model.blocks])
        self._beside = 2 * len(model.modes)
        self.size = len(self.basis) + self._beside

    def cut(self, b: int) -> slice:
        """Rows of block b in the block-diagonal matrices."""
        return self._cuts[b]

    def embedded(self, b: int, matrix: NDArray) -> Complex:
        """P_b ⊗ matrix as a (D, D) matrix."""
        whole = np.zeros((self._dimension,) * 2, dtype=complex)
        whole[self._cuts[b], self._cuts[b]] = matrix
        return whole

    def functional(self, matrix: Complex) -> Complex:
        """(n,) coefficients o with <matrix> = o·m."""
        return self._beside_modes(np.einsum("ij,aji->a", matrix, self.basis))

    def matrix(self, matrices: Complex) -> Complex:
        """(n, n) coefficients of a stack of n matrices."""
        return self._beside_modes(np.einsum("aij,bji->ab", matrices, self.basis))

    def _beside_modes(self, of_particles: NDArray) -> NDArray:
        """Coefficients of the averages of particles with zeros for those of the modes behind them."""
        return np.pad(of_particles, (0, self._beside)) if self._beside else of_particles

    def weighted_density(self, m: Array) -> Complex:
        """(D, D) block-diagonal matrix ⊕_b (N_b/N) r_b."""
        return np.einsum("a,aij->ij", m[: len(self.basis)], self.basis)

    def densities(self, m: Array) -> list[Complex]:
        """One-particle density matrices (d_b, d_b) at the coordinates m."""
        whole = self.weighted_density(m)
        return [whole[cut, cut] / share for cut, share in zip(self._cuts, self._shares, strict=True)]


def _hermitian_basis(levels: int) -> list[Complex]:
    """d² Hermitian matrices with tr(v v') = δ: the paper's v_α, (7)."""
    unit = np.eye(levels, dtype=complex)
    basis = [np.outer(e, e) for e in unit]
    for a in range(levels):
        for b in range(a + 1, levels):
            flip = np.outer(unit[a], unit[b])
            basis += [(flip + flip.T) / np.sqrt(2), 1j * (flip.T - flip) / np.sqrt(2)]
    return basis
