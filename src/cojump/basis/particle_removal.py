"""Taking one particle out of a sector, and putting one in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

Label = Any
"""Label of the sector of a block: an integer 2J for two levels, a diagram (a tuple of d integers) for more."""


@dataclass(frozen=True, eq=False)
class Removal:
    """Taking a particle out of V_λ towards V_μ of the N - 1 others.

    Attributes
    ----------
    rest : Label
        Label of μ.
    weight : float
        N f_μ/f_λ.
    back : tuple of d sparse (dim μ, dim λ) matrices
        <s| C_λ^μ for each state s of the particle, together an isometry; their adjoints put a particle into λ.
    """

    rest: Label
    weight: float
    back: tuple[csr_array, ...]

    @property
    def out(self) -> tuple[csr_array, ...]:
        """The d matrices sqrt(N f_μ/f_λ) <s| C_λ^μ, which take a particle out."""
        return tuple(m * np.sqrt(self.weight) for m in self.back)
