"""The p-spin ferromagnet in a transverse field, with decay into the ground state of the field."""

from __future__ import annotations

import numpy as np

from ...tools import checks
from .. import LocalJump, Model, Potential
from .flips import Power, one_block_of_spins
from .template import SIZE, Template

_INTO_THE_FIELD = np.array([[1, 1], [-1, -1]]) / 2
"""|-x><+x|, basis (up, down): from the upper state of σ_x to the lower one."""


def p_spin(size: int, p: int, coupling: float, omega: float, kappa: float = 0.0, thermal: float = 0.0) -> Model:
    """The p-spin ferromagnet: H = omega Σ σ_x - coupling N m_z^p with m_z = (1/N) Σ σ_z, in a bath.

    The bath takes every spin into the lower state of the field: jumps √(kappa (1 + thermal)) |-x><+x| and
    √(kappa thermal) |+x><-x|. p = 2 is the Lipkin-Meshkov-Glick model: at Γ = kappa (1 + 2 thermal) and
    s = kappa/Γ it orders, continuously, where coupling > (Γ² + 16 omega²)/(32 omega s), with
    m_z² = (omega/coupling) (s - (Γ² + 16 omega²)/(32 omega coupling)). For p > 2 the transition is of first order: the
    disordered state stays stable, and ordered ones appear beside it.

    In the literature: with the spins turned, so that the field is along z, the decay is σ_- and the interaction
    -J N m_x^p; see P. Wang, R. Fazio, Phys. Rev. A 103, 013306 (2021). Without a bath the ground state orders at
    omega < 2 coupling (p = 2) or 3√3/4 coupling (p = 3).

    Parameters
    ----------
    size : int
        N.
    p : int
        At least 2; how many spins an interaction takes.
    coupling, omega : float
        Energies; a ferromagnet has coupling > 0, and the bath cools where omega > 0.
    kappa : float
        Rate of the decay, at least 0; without it there is no bath.
    thermal : float
        Quanta of the bath, at least 0.

    Examples
    --------
    >>> model = cj.systems.p_spin(size=100, p=3, coupling=1.5, omega=1.0, kappa=1.0)
    >>> for point in cj.attractors.fixed_points(model):
    ...     print(f"m_z = {abs(point.mean[2]):.4f}, {point.stability}")
    ...
    m_z = 0.0000, stable
    m_z = 0.2441, unstable
    m_z = 0.6581, stable
    """
    power = checks.integer("p", p, 2)
    blocks, hamiltonian = one_block_of_spins(size, omega)
    strength = checks.number("coupling", coupling)
    potential = Potential(Power(-strength, power), {"spins": np.diag([1, -1])})
    kappa, thermal = checks.number("kappa", kappa, 0), checks.number("thermal", thermal, 0)
    jumps = [
        LocalJump(np.sqrt(rate) * matrix, block="spins")
        for rate, matrix in ((kappa * (1 + thermal), _INTO_THE_FIELD), (kappa * thermal, _INTO_THE_FIELD.T))
        if rate > 0
    ]
    return Model(blocks, [*hamiltonian, potential], jumps)


P_SPIN = Template(
    "The p-spin ferromagnet in a transverse field and a bath.",
    (
        SIZE,
        ("p", "3", "how many spins an interaction takes"),
        ("coupling", "1.5", "H = omega Σ σ_x - coupling N m_z^p"),
        ("omega", "1.0", "the transverse field"),
        ("kappa", "1.0", "decay into the lower state of the field, at this rate"),
        ("thermal", "0.0", "quanta of the bath"),
    ),
)
