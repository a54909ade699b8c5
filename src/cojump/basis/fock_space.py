"""The Fock states of a mode that are kept, counted from a displaced vacuum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.special import gammaln, pdtrc

from ..tools.types import Matrix


@dataclass(frozen=True)
class FockSpace:
    """The Fock states 0 .. size - 1 of b = a - γ: those of the mode a around the coherent state |γ>.

    Attributes
    ----------
    size : int
    centre : complex
        γ.
    """

    size: int
    centre: complex

    def lowering(self) -> csr_array:
        """b, (size, size)."""
        return csr_array(diags_array(np.sqrt(np.arange(1.0, self.size)).astype(complex), offsets=1))

    def coherent(self, amplitude: complex) -> Matrix:
        """The density matrix of the coherent state a = amplitude, without what is beyond the space."""
        beta, n = complex(amplitude) - self.centre, np.arange(self.size)
        size = abs(beta)
        ket: NDArray[np.complex128] = np.zeros(self.size, dtype=complex)
        if size == 0:
            ket[0] = 1
        else:
            ket += np.exp(n * np.log(size) - gammaln(n + 1) / 2 - size**2 / 2) * (beta / size) ** n
            ket /= np.linalg.norm(ket)
        return np.outer(ket, ket.conj())


def states_for(quanta: float, tail: float) -> int:
    """How many Fock states leave at most ``tail`` of a Poisson distribution of mean ``quanta`` beyond them."""
    low, high = 0, 1
    while pdtrc(high - 1, quanta) > tail:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if pdtrc(middle - 1, quanta) > tail else (low, middle)
    return high
