"""Distributions of sums Σ_k X^(k) over a block: of J_z, of occupations, of any Hermitian X."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.distribution import Distribution
from ..basis.level_weights import LevelWeights, SumValues, check_values, sum_values
from ..errors import ArgumentError
from ..model import Model
from ..model.collective_average import hermitian_of_one_block
from ..model.operators import SIGMA_Z
from ..tools import checks
from ..tools.types import Array, Matrix
from .meter import ObservedState, Size, StateMeter
from .statistics import Extra


@dataclass(frozen=True, eq=False)
class _Sum:
    """Σ_k X^(k) of one block, as results and files name it."""

    name: str
    block: int
    block_name: str
    values: SumValues
    weights: LevelWeights
    usual: bool

    @property
    def label(self) -> str:
        """What its values are made from again; of J_z as it has always been."""
        if self.usual:
            return f"{self.block_name}:{self.values.size}"
        facts = {"name": self.name, "block": self.block_name, "size": self.values.size}
        return json.dumps({**facts, "eigenvalues": self.values.eigenvalues}, ensure_ascii=False)


class DistributionMeter(StateMeter):
    """Probabilities of the values of sums over blocks.

    Parameters
    ----------
    model : Model
    times : (T',) array
    wanted : mapping of str to {block: matrix}
        By label; if there is none, J_z of each block of two levels and the occupation of each level of others.
    """

    name = "distribution"

    def __init__(self, model: Model, times: Array, wanted: Mapping[str, Any]) -> None:
        self._sums = [_sum(model, *one) for one in (_asked(model, wanted) if wanted else _usual(model))]
        super().__init__(tuple(own.label for own in self._sums), times)

    @property
    def size(self) -> Size:
        """The probabilities of all values."""
        n = sum(len(own.values.values) for own in self._sums)
        return Size(len(self.times), n, n, n)

    def read(self, state: ObservedState) -> Array:
        """(n,) probabilities."""
        return np.concatenate([own.values.probabilities(*state.levels(own.block, own.weights)) for own in self._sums])


def _asked(model: Model, wanted: Mapping[str, Any]) -> list[tuple[str, int, Matrix, bool]]:
    made = []
    for label, average in wanted.items():
        checks.name_as_key("distribution_of", label)
        made.append((label, *hermitian_of_one_block(model, f"distribution_of[{label!r}]", average), False))
    return made


def _usual(model: Model) -> list[tuple[str, int, Matrix, bool]]:
    made: list[tuple[str, int, Matrix, bool]] = []
    for b, block in enumerate(model.blocks):
        if block.levels == 2:
            made.append((block.name, b, np.asarray(SIGMA_Z / 2, dtype=np.complex128), True))
            continue
        for a in range(block.levels):
            projector: Matrix = np.zeros((block.levels, block.levels), dtype=complex)
            projector[a, a] = 1
            made.append((f"{block.name}.n{a}", b, projector, False))
    return made


def _sum(model: Model, label: str, b: int, matrix: Matrix, usual: bool) -> _Sum:
    block, argument = model.blocks[b], f"distribution_of[{label!r}]"
    values, kets = sum_values(block, matrix)
    check_values(argument, values)
    if len(set(values.eigenvalues)) < 2:
        raise ArgumentError(argument, "be of a matrix with different eigenvalues", "all of them are equal")
    return _Sum(label, b, block.name, values, LevelWeights(block, kets), usual)


def _read(label: str) -> tuple[str, str, SumValues]:
    """Name, block and values from the label in a result."""
    if label.endswith("}"):
        facts = json.loads(label)
        values = SumValues(int(facts["size"]), tuple(float(x) for x in facts["eigenvalues"]))
        return str(facts["name"]), str(facts["block"]), values
    name, size = label.rsplit(":", 1)
    return name, name, SumValues(int(size), (0.5, -0.5))


def names_of(extra: Extra) -> dict[str, str]:
    """The block of each distribution by its name."""
    return {name: block for name, block, _ in map(_read, extra.labels)}


def is_of_spins(extra: Extra, name: str) -> bool:
    """Whether a distribution is that of J_z of a block of two levels, by the name of the block."""
    return any(not label.endswith("}") and _read(label)[0] == name for label in extra.labels)


def distribution_of(
    extra: Extra, name: str, constant: NDArray[np.bool_] | None = None, noise: float = 0.0
) -> Distribution:
    """One distribution from what the meter gathered; ``constant`` and ``noise`` as for its estimates."""
    first = 0
    estimates = extra.estimates(constant, noise)
    for own, _, values in map(_read, extra.labels):
        M = values.values
        if isinstance(name, str) and own == name:
            cut = slice(first, first + len(M))
            flags = None if estimates.uncertain is None else estimates.uncertain[:, cut]
            return Distribution(extra.times, M, estimates.mean[:, cut], estimates.stderr[:, cut], flags)
        first += len(M)
    raise ArgumentError("block", f"be one of {checks.named(list(names_of(extra)))}", f"it is {checks.shown(name)}")
