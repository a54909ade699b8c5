"""The boundary time crystal: one collective jump."""

from __future__ import annotations

from ...tools import checks
from .. import CollectiveJump, Model
from ..operators import SIGMA_MINUS
from .flips import one_block_of_spins
from .template import SIZE, Template


def boundary_time_crystal(size: int, omega: float, kappa: float) -> Model:
    """The boundary time crystal: H = omega Σ σ_x and the collective jump "decay", L = sqrt(kappa/N) Σ σ_-.

    In the usual letters H = ω0 S_x and (κ/S) D[S_-] with S = N/2 the spin length: ω0 = 2 omega, κ = kappa/2.

    Parameters
    ----------
    size : int
        N.
    omega : float
        Strength of the drive.
    kappa : float
        Collective rate, at least 0.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=100, omega=1.5, kappa=1.0)
    >>> cycle = cj.attractors.limit_cycle(model, cj.tilted(model, 0.2, 0.0))
    >>> cycle.stability
    'neutral'
    """
    blocks, hamiltonian = one_block_of_spins(size, omega)
    decay = CollectiveJump({"spins": SIGMA_MINUS}, rate=checks.number("kappa", kappa, 0), name="decay")
    return Model(blocks, hamiltonian, [decay])


BOUNDARY_TIME_CRYSTAL = Template(
    "The boundary time crystal: a driven collective spin with collective decay.",
    (SIZE, ("omega", "1.5", "H = omega Σ σ_x"), ("kappa", "1.0", "L = sqrt(kappa/N) Σ σ_-")),
    watched="decay",
)
