"""The terms of the Hamiltonian: of one particle, and of two."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from . import written
from .blocks import checked_block_name
from .operators import check_hermitian, matrix_of
from .term import Term, norm


@dataclass(frozen=True, eq=False, repr=False)
class OneBody(Term):
    """The Hamiltonian term Σ_k ε^(k) over the particles of a block, the first sum of (10).

    Parameters
    ----------
    eps : (d, d) array
        ε, Hermitian, in units of energy (ħ = 1).
    block : str
        Name of the block.
    envelope : callable, optional
        f(t), a real function of time: the term is f(t) times what it is without. See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.

    Raises
    ------
    ArgumentError
        If ε is not a finite Hermitian matrix.

    Examples
    --------
    >>> drive = cj.OneBody(0.7 * cj.operators.sigma_x, block="spins")
    >>> model = cj.Model([cj.Block("spins", size=100)], [drive])
    >>> mf = cj.mean_field(model, cj.tilted(model, 0, 0), [0, np.pi / 1.4])  # half a Rabi period: from up to down
    >>> print(mf["spins.z"].mean.round(6))
    [ 1. -1.]
    """

    eps: NDArray[Any]
    block: str

    def __post_init__(self) -> None:
        super().__post_init__()
        matrix = matrix_of("eps", self.eps)
        check_hermitian("eps", matrix)
        object.__setattr__(self, "eps", matrix)
        checked_block_name("block", self.block)

    def _title(self) -> str:
        return f"OneBody {written.matrix(self.eps)} on {self.block}"

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {"eps": ("block", self.block)}

    @property
    def matrix(self) -> NDArray[Any]:
        """ε under the name that all terms of one matrix have in common."""
        return self.eps

    @property
    def is_free(self) -> bool:
        """Whether no particle feels another one in it: yes."""
        return True

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """Distance between the highest and the lowest energy of one particle."""
        levels = np.linalg.eigvalsh((self.eps + self.eps.conj().T) / 2)
        return float(levels[-1] - levels[0])


@dataclass(frozen=True, eq=False, repr=False)
class TwoBody(Term):
    """The Hamiltonian term (g/N) Σ_{k in b, j in c} A^(k) B^(j), the second sum of (10).

    N counts all particles of the model and k = j is included when b = c. Only the Hamiltonian as a whole must
    be Hermitian: σ_+⊗σ_- with g real, alone within one block, is S_+ S_- and is accepted.

    Parameters
    ----------
    A, B : (d_b, d_b) and (d_c, d_c) arrays
        Single-particle operators, any.
    g : complex
        Strength, in units of energy. It is the paper's h, half of the usual interaction strength.
    blocks : (str, str)
        Names of b and c.
    envelope : callable, optional
        f(t), a real function of time: the term is f(t) times what it is without. See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.

    Raises
    ------
    ArgumentError
        If a matrix or the strength is not finite, or ``blocks`` is not a pair of names.

    Examples
    --------
    >>> z = cj.operators.sigma_z
    >>> model = cj.Model([cj.Block("spins", size=100)], [cj.TwoBody(z, z, 0.3, blocks=("spins", "spins"))])
    >>> mf = cj.mean_field(model, cj.tilted(model, np.pi / 3, 0), [0, np.pi / 1.2])  # turns about z by 4 g m_z t = π/2
    >>> print(mf["spins.x"].mean.round(6), mf["spins.y"].mean.round(6))
    [0.866025 0.      ] [0.       0.866025]
    """

    A: NDArray[Any]
    B: NDArray[Any]
    g: complex
    blocks: tuple[str, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "A", matrix_of("A", self.A))
        object.__setattr__(self, "B", matrix_of("B", self.B))
        object.__setattr__(self, "g", checks.complex_number("g", self.g))
        pair = checks.items("blocks", self.blocks, "a pair of block names")
        if len(pair) != 2:
            more = " (three and more bodies: see Potential)" if len(pair) > 2 else ""
            rule = f"be a pair of block names{more}"
            raise ArgumentError("blocks", rule, f"it is {checks.shown(self.blocks)}")
        object.__setattr__(self, "blocks", tuple(checked_block_name("blocks", name) for name in pair))

    def _title(self) -> str:
        b, c = self.blocks
        pair = f"{written.matrix(self.A)} of {b} and {written.matrix(self.B)} of {c}"
        return f"TwoBody {pair}, g = {written.number(self.g)}"

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {"A": ("blocks", self.blocks[0]), "B": ("blocks", self.blocks[1])}

    @property
    def first(self) -> NDArray[Any]:
        """A, the operator on a particle of ``blocks[0]``."""
        return self.A

    @property
    def second(self) -> NDArray[Any]:
        """B, the operator on a particle of ``blocks[1]``."""
        return self.B

    @property
    def strength(self) -> complex:
        """The strength g."""
        return self.g

    @property
    def is_free(self) -> bool:
        """Whether no particle feels another one in it: no."""
        return False

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """Energy of one particle in the field of all others, |g| ‖A‖ ‖B‖."""
        return abs(self.g) * float(norm(self.A) * norm(self.B))

    def among(self, names: Collection[str], share: float) -> Self:
        """The same term where N counts ``share`` of the particles."""
        return replace(self, g=self.g * share)
