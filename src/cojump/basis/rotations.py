"""What a change of the single-particle frame does to the states of a sector."""

from __future__ import annotations

import numpy as np
from scipy.linalg import schur
from scipy.sparse.linalg import expm_multiply

from ..tools.types import Matrix
from .sectors import Sector


def generator_of(unitary: Matrix) -> Matrix:
    """Hermitian h with U = e^{ih}."""
    triangle, vectors = schur(np.asarray(unitary, dtype=complex), output="complex")  # diagonal: a unitary is normal
    return (vectors * np.angle(np.diag(triangle))) @ vectors.conj().T


def representation(sector: Sector, unitary: Matrix) -> Matrix:
    """(dim, dim) unitary that the single-particle unitary U, on every particle, is on V_λ.

    exp(i Σ_k h^(k)) with U = e^{ih}: column p is basis state p of the new frame, written in the old one.
    """
    collective = sector.one_body(generator_of(unitary)).toarray()
    phases, basis = np.linalg.eigh((collective + collective.conj().T) / 2)
    return (basis * np.exp(1j * phases)) @ basis.conj().T


def rotated(sector: Sector, unitary: Matrix, state: Matrix) -> Matrix:
    """``representation`` applied to one state (dim,), without that matrix."""
    return expm_multiply(1j * sector.one_body(generator_of(unitary)).tocsc(), state.astype(complex))
