"""What is read off any state sector by sector: distributions, and density matrices of some or all particles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..errors import UnsupportedError
from ..model import Model
from ..model.collective_average import hermitian_of_one_block
from ..tools.types import Array, Matrix
from .level_weights import LevelWeights, check_values, sum_values
from .reduction import check_counts


class ReadableState(ABC):
    """A state of the blocks of a model: that of a trajectory, or an exact density matrix."""

    @abstractmethod
    def own_model(self) -> Model:
        """Its blocks and modes; terms do not matter."""

    @abstractmethod
    def levels(self, block: int, weights: LevelWeights) -> tuple[NDArray[Any], Array]:
        """Occupations (n, d) of some kets of one particle in a block, and their probabilities (n,)."""

    @abstractmethod
    def taken_out(self, counts: Mapping[int, int]) -> Matrix:
        """Density matrix of so many particles of each block, block by block in the order of ``counts``."""

    def distribution(self, average: str | Mapping[str, ArrayLike]) -> tuple[Array, Array]:
        """Values of Σ_k X^(k) over one block, {block: X} with X Hermitian, and their probabilities in this state.

        Raises
        ------
        ArgumentError
            If it is no such average, or the sum has too many values.
        """
        model = self.own_model()
        b, matrix = hermitian_of_one_block(model, "average", average)
        values, kets = sum_values(model.blocks[b], matrix)
        check_values("average", values)
        return values.values, values.probabilities(*self.levels(b, LevelWeights(model.blocks[b], kets)))

    def reduced(self, counts: Mapping[str, int]) -> Matrix:
        """Density matrix of some particles: ``{"spins": 3}`` of three of one block.

        Parameters
        ----------
        counts : mapping of str to int
            How many particles of each block; all others, and the modes, are traced out.

        Returns
        -------
        (D, D) array, D = Π_b d_b^counts[b]
            In the product basis, block by block in the order of ``counts``, the first particle the most significant
            digit; (up, down) of two levels. Whichever particles of a block: all are alike.

        Raises
        ------
        ArgumentError
            If a block is not known or has not so many particles, or D is too large.
        """
        return self.taken_out(check_counts(self.own_model(), "counts", counts))

    def density(self) -> Matrix:
        """The density matrix of all particles, of small systems: each ρ_λ in its sector, its f_λ copies mixed evenly.

        Returns
        -------
        (D, D) array, D = Π_b d_b^N_b
            In the product basis, block by block as the model has them, the first particle the most significant digit.

        Raises
        ------
        UnsupportedError
            If the model has modes.
        ArgumentError
            If D is too large.
        """
        model = self.own_model()
        if model.modes:
            raise UnsupportedError("A density matrix of all particles has no modes; `reduced` traces them out")
        everything = {block.name: block.size for block in model.blocks}
        return self.taken_out(check_counts(model, "size", everything))
