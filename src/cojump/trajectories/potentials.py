"""The potentials N φ(Δ) of a model as tables: what they add to the diagonal of H where their argument is diagonal."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import Model, Potential
from ..model.facts import once_per_recent_model
from ..tools.types import Array, Matrix
from .frames import main_frames
from .polynomial_rates import PolynomialRate, polynomial_rate
from .product_channels import argument_grid, on_grid

MEMORY = 64 * 2**20
"""Bytes of tables that are kept of the models used last."""


@dataclass(frozen=True, eq=False)
class PotentialTable:
    """One potential in the frame where its argument is diagonal.

    Attributes
    ----------
    turn : dict of int to (d, d) unitary
        Rotation from the main frame on the axes where the potential needs another one.
    energy : array
        N factor φ on the grid of occupation numbers, one axis per block, of length 1 for those that are not in Δ.
    polynomial : PolynomialRate, optional
        The same function as a polynomial of Δ in the main frame; there is no turn then.
    """

    turn: dict[int, Matrix]
    energy: Array
    polynomial: PolynomialRate | None = None

    @property
    def is_table(self) -> bool:
        """Whether it is diagonal in the main frame."""
        return not self.turn and self.polynomial is None


@dataclass(frozen=True, eq=False)
class PotentialTables:
    """The potentials of a model, in their order."""

    tables: tuple[PotentialTable, ...]

    @property
    def nbytes(self) -> int:
        """Memory of the tables."""
        return sum(table.energy.nbytes for table in self.tables)


@once_per_recent_model(MEMORY)
def potentials_of(model: Model) -> PotentialTables:
    """Tabulate all potentials of a model.

    Raises
    ------
    ArgumentError
        If a potential returns something that is no energy.
    """
    rotations = list(main_frames(model))
    return PotentialTables(tuple(_table(model, term, rotations) for term in model.potentials.values()))


def _table(model: Model, term: Potential, rotations: list[Matrix]) -> PotentialTable:
    turn, argument = argument_grid(model, term, rotations)

    def energy(x: Array) -> Array:
        return model.size * term.energy(x)

    values = on_grid(energy, argument, len(model.blocks))
    if not turn:
        return PotentialTable({}, values)
    polynomial = polynomial_rate(model, term, energy, rotations, turn, argument, values)
    return PotentialTable(turn if polynomial is None else {}, values, polynomial)
