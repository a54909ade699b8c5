"""Distributions of J_z in blocks of two levels, from amplitudes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..tools import checks
from ..tools.summaries import Summarised, more, span
from ..tools.types import Array
from .meter import PureState, Size, StateMeter
from .statistics import Extra


class DistributionMeter(StateMeter):
    """Probabilities of M in each block of two levels."""

    name = "distribution"

    def __init__(self, model: Model, times: Array) -> None:
        self._sizes = {b: block.size for b, block in enumerate(model.blocks) if block.levels == 2}
        if not self._sizes:
            raise UnsupportedError("Distributions of M need a block of two levels, and this model has none")
        super().__init__(tuple(f"{model.blocks[b].name}:{size}" for b, size in self._sizes.items()), times)

    @property
    def size(self) -> Size:
        """N_b + 1 probabilities of each block of two levels."""
        n = sum(size + 1 for size in self._sizes.values())
        return Size(len(self.times), n, n, n)

    def read(self, state: PureState) -> Array:
        """(Σ_b (N_b + 1),) probabilities."""
        pieces = []
        for b, size in self._sizes.items():
            inside = state.probabilities(b)
            outside = np.zeros((size + 1 - len(inside)) // 2)
            pieces += [outside, inside, outside]
        return np.concatenate(pieces)


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Summarised):
    """Distribution of J_z of one block over the ensemble.

    Attributes
    ----------
    times : (T',) array
    M : (N_b + 1,) array
        -N_b/2 .. N_b/2; the average is m_z = 2M/N_b.
    probability, stderr : (T', N_b + 1) arrays
    uncertain : (T', N_b + 1) bool array or None
        Where ``stderr`` may be far too small, see :attr:`cojump.results.result.Result.uncertain`.
    """

    times: Array
    M: NDArray[np.floating]
    probability: Array
    stderr: Array
    uncertain: NDArray[np.bool_] | None = None

    @property
    def probability_stderr(self) -> Array:
        """(T', N_b + 1) standard errors of ``probability``, the same as ``stderr``."""
        return self.stderr

    def _title(self) -> str:
        return f"Distribution of M = {self.M[0]:g} .. {self.M[-1]:g}: {span(self.times)}"

    def _lines(self) -> list[str]:
        return more(".M, .probability, .stderr, .uncertain") if len(self.times) else []


def distribution_of(
    extra: Extra, block: str, constant: NDArray[np.bool_] | None = None, noise: float = 0.0
) -> Distribution:
    """Distribution of one block from what the meter gathered; ``constant`` and ``noise`` as for its estimates."""
    first = 0
    estimates = extra.estimates(constant, noise)
    for label in extra.labels:
        name, size = label.rsplit(":", 1)
        count = int(size) + 1
        if isinstance(block, str) and name == block:
            cut = slice(first, first + count)
            M = np.arange(count, dtype=float) - int(size) / 2
            flags = None if estimates.uncertain is None else estimates.uncertain[:, cut]
            return Distribution(extra.times, M, estimates.mean[:, cut], estimates.stderr[:, cut], flags)
        first += count
    names = ", ".join(label.rsplit(":", 1)[0] for label in extra.labels)
    raise ArgumentError("block", f"be one of {names}", f"it is {checks.shown(block)}")
