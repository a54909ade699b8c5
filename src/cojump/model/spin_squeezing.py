"""Squeezing of collective spins of blocks of two levels, from means and covariances of their averages.

The spin is S = ½ Σ_b w_b Σ_{k in b} σ^(k), of one block or of several with weights w. With n the direction across <S>
in which its variance is least,

    Kitagawa and Ueda:   ξ_S² = Var(S_n) / (¼ Σ_b w_b² N_b),
    Wineland:            ξ_W² = ξ_S² (½ Σ_b |w_b| N_b)² / |<S>|²,

both 1 where all spins point along one line, each block to the side that the sign of its w has. For one block
ξ_S² = N_b Var(m_n) and ξ_W² = ξ_S²/|m|² with its averages m = (x, y, z).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tools import checks
from ..tools.labelled import Labelled, last_averages
from ..tools.summaries import few, more
from ..tools.types import Array
from .model import Model

NO_SPIN = 1e-12
"""Part of its full length below which a mean spin is the rounding of one that vanishes: it has no direction."""


@dataclass(frozen=True, eq=False, repr=False)
class Squeezing(Labelled):
    """Squeezing parameters that are not sampled.

    Attributes
    ----------
    labels : tuple of n strings
        Names of the blocks, or of sums of blocks.
    mean : (T, n) array, or (n,) where there are no times
        ξ²; NaN where the mean spin vanishes.
    """

    labels: tuple[str, ...]
    mean: Array

    def _title(self) -> str:
        return f"Squeezing ξ² of {few(self.labels)}"

    def _lines(self) -> list[str]:
        return last_averages(self, "ξ²") + more(f'["{self.labels[0]}"].mean, .mean')


def blocks_of_spins(model: Model) -> dict[str, dict[str, float]]:
    """The blocks of two levels of which x, y and z are measured, each as a sum of itself alone."""
    return {
        block.name: {block.name: 1.0}
        for b, block in enumerate(model.blocks)
        if block.levels == 2 and sum(o.block == b for o in model.observables) == 3
    }


def check_sums(model: Model, sums: Any, name: str = "sums") -> dict[str, dict[str, float]]:
    """Weights of blocks by the label of their sum; those of each block alone where None is given.

    Raises
    ------
    ArgumentError
        If they are none, or a block has no spin of which all three averages are measured.
    """
    known = blocks_of_spins(model)
    if sums is None:
        if not known:
            raise ArgumentError("model", "have a block of two levels of which x, y and z are measured", "it has none")
        return known
    checks.mapping(name, sums, "map labels to weights of blocks, {label: {block: weight}}")
    made: dict[str, dict[str, float]] = {}
    for label, weights in sums.items():
        checks.name_as_key(name, label)
        own = f"{name}[{label!r}]"
        checks.mapping(own, weights, "map blocks to weights")
        for block in weights:
            if not isinstance(block, str) or block not in known:
                rule = "have blocks of two levels as keys, of which x, y and z are measured"
                raise ArgumentError(own, rule, f"one is {checks.shown(block)}")
        made[label] = {b: checks.number(f"{own}[{b!r}]", w) for b, w in weights.items()}
        if not any(made[label].values()):
            raise ArgumentError(own, "have a weight that is not 0", "it has none")
    if not made:
        raise ArgumentError(name, "have a sum of blocks", "it is empty")
    return made


def squeezing_from(model: Model, mean: Array, covariance: Array, sums: Any, kind: Any) -> Squeezing:
    """Squeezing from means (.., A) and N times the covariances (.., A, A) of the averages of a model.

    Parameters
    ----------
    model : Model
    mean, covariance : arrays
        N all particles.
    sums, kind
        As for the methods ``squeezing`` of what calls it.
    """
    wanted = check_sums(model, sums)
    if not isinstance(kind, str) or kind not in ("wineland", "kitagawa_ueda"):
        raise ArgumentError("kind", "be 'wineland' or 'kitagawa_ueda'", f"it is {checks.shown(kind)}")
    columns = [parameters(model, mean, covariance / model.size, weights, kind) for weights in wanted.values()]
    return Squeezing(tuple(wanted), np.stack(columns, axis=-1))


def parameters(model: Model, mean: Array, covariance: Array, weights: Mapping[str, float], kind: str) -> Array:
    """ξ² (..) of one sum of blocks, from means (.., A) and covariances (.., A, A)."""
    turn = np.zeros((3, len(model.labels)))
    noise = length = 0.0
    for name, weight in weights.items():
        b = model.block_index(name)
        size = model.blocks[b].size
        noise, length = noise + weight**2 * size, length + abs(weight) * size
        for axis, place in enumerate(a for a, o in enumerate(model.observables) if o.block == b):
            turn[axis, place] = weight * size
    spin, spread = mean @ turn.T, turn @ covariance @ turn.T
    least_spin = NO_SPIN * length
    flat = [_least(s, V, least_spin) for s, V in zip(spin.reshape(-1, 3), spread.reshape(-1, 3, 3), strict=True)]
    least = np.array(flat).reshape(spin.shape[:-1])
    if kind == "kitagawa_ueda":
        return least / noise
    return least / noise * length**2 / np.sum(spin**2, axis=-1)


def across(spin: Array) -> Array:
    """(2, 3) orthonormal directions across a spin."""
    made: Array = np.linalg.svd(spin[None, :])[2][1:]
    return made


def _least(spin: Array, spread: Array, least_spin: float) -> float:
    """The least variance across a mean spin; NaN where that vanishes and nothing is across it."""
    if not np.linalg.norm(spin) > least_spin or not np.all(np.isfinite(spread)):
        return np.nan
    directions = across(spin)
    return float(np.linalg.eigvalsh(directions @ spread @ directions.T)[0])
