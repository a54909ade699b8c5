"""The distribution of the sum Σ_k X^(k) over a block, at several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tools.summaries import Summarised, more, span
from ..tools.types import Array


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Summarised):
    """Distribution of the sum Σ_k X^(k) over one block: over the ensemble of trajectories, or exactly.

    Attributes
    ----------
    times : (T',) array
    M : (n,) array
        The values of the sum, growing: -N_b/2 .. N_b/2 of J_z, where the average is m_z = 2M/N_b; 0 .. N_b of the
        number of particles in a level.
    probability, stderr : (T', n) arrays
        ``stderr`` is zero where nothing is sampled.
    uncertain : (T', n) bool array or None
        Where ``stderr`` may be far too small, see :attr:`cojump.results.result.Result.uncertain`.
    """

    times: Array
    M: NDArray[np.floating]
    probability: Array
    stderr: Array
    uncertain: NDArray[np.bool_] | None = None

    @property
    def probability_stderr(self) -> Array:
        """(T', n) standard errors of ``probability``, the same as ``stderr``."""
        return self.stderr

    def _title(self) -> str:
        return f"Distribution of M = {self.M[0]:g} .. {self.M[-1]:g}: {span(self.times)}"

    def _lines(self) -> list[str]:
        return more(".M, .probability, .stderr, .uncertain") if len(self.times) else []
