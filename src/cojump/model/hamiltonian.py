"""The terms of the Hamiltonian: of one particle, and of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Complex
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from .blocks import checked_block_name
from .operators import check_hermitian, matrix_of


@dataclass(frozen=True, eq=False)
class OneBody:
    """The Hamiltonian term Σ_k ε^(k) over the particles of a block, the first sum of (10).

    Parameters
    ----------
    matrix : (d, d) array
        ε, Hermitian, in units of energy (ħ = 1).
    block : str
        Name of the block.

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

    eps: NDArray[np.complex128]
    block: str

    def __init__(self, eps: ArrayLike, block: str) -> None:
        matrix = matrix_of("eps", eps)
        check_hermitian("eps", matrix)
        object.__setattr__(self, "eps", matrix)
        object.__setattr__(self, "block", checked_block_name("block", block))

    @property
    def matrix(self) -> NDArray[np.complex128]:
        """ε under the name that all terms of one matrix have in common."""
        return self.eps


@dataclass(frozen=True, eq=False)
class TwoBody:
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

    A: NDArray[np.complex128]
    B: NDArray[np.complex128]
    g: complex
    blocks: tuple[str, str]

    def __init__(self, A: ArrayLike, B: ArrayLike, g: complex, blocks: Sequence[str]) -> None:
        object.__setattr__(self, "A", matrix_of("A", A))
        object.__setattr__(self, "B", matrix_of("B", B))
        strength: Any = g
        if isinstance(strength, bool | np.bool_) or not isinstance(strength, Complex):
            raise ArgumentError("g", "be a finite number", f"it is {checks.shown(g)}")
        parts = [checks.number("g", part) for part in (strength.real, strength.imag)]
        object.__setattr__(self, "g", complex(*parts))
        pair = checks.items("blocks", blocks, "a pair of block names")
        if len(pair) != 2:
            raise ArgumentError("blocks", "be a pair of block names", f"it is {checks.shown(blocks)}")
        object.__setattr__(
            self, "blocks", (checked_block_name("blocks", pair[0]), checked_block_name("blocks", pair[1]))
        )

    @property
    def first(self) -> NDArray[np.complex128]:
        """A, the operator on a particle of ``blocks[0]``."""
        return self.A

    @property
    def second(self) -> NDArray[np.complex128]:
        """B, the operator on a particle of ``blocks[1]``."""
        return self.B

    @property
    def strength(self) -> complex:
        """The strength g."""
        return self.g
