"""Three-level particles pumped through an excited level."""

from __future__ import annotations

import numpy as np

from ...tools import checks
from .. import Block, LocalJump, Model, OneBody
from .flips import Power, checked_exponent
from .template import THREE_LEVELS, Template


def lambda_pump(size: int, omega: float, kappa: float, gamma: float, power: float = 1) -> Model:
    """A Λ scheme whose decay is gated by what it has pumped: particles in the target level open the way for others.

    Levels 0 (ground), 1 (target), 2 (excited). A laser drives 0 ↔ 2, H = omega Σ (|0><2| + h.c.); an excited particle
    falls into the target at the rate kappa n1_av^power, with n1_av the fraction of particles there (jump |1><2|, an
    all-to-all autocatalytic decay); particles leave the target for the ground level at the constant rate gamma
    (jump |0><1|).

    The state without target particles is absorbing for the jumps, yet not at rest: there the particles go on with
    undamped Rabi oscillations between 0 and 2, as a closed system. A two-level particle has no room for this, because
    there the drive that feeds the decay also fills the level that opens it. In mean field the pumped phase takes over
    by an avalanche: for power 1 the time-averaged excitation ½ makes n1 grow where kappa/2 > gamma; for power 2 an
    unpumped start stays unpumped and a pumped one may survive.

    In the literature: omega is half the Rabi frequency Ω of H = (Ω/2)(|0><2| + h.c.).

    Parameters
    ----------
    size : int
        N.
    omega : float
        Strength of the drive.
    kappa, gamma : float
        Rates, at least 0.
    power : float
        Positive exponent of n1_av in the rate (the amplitude has half of it).

    Examples
    --------
    >>> model = cj.systems.lambda_pump(size=10, omega=1.0, kappa=4.0, gamma=0.5)
    >>> start = cj.product(model, {"particles": np.diag([0.9, 0.1, 0.0])})
    >>> mf = cj.mean_field(model, start, [0, 50])
    >>> print(mf["particles.n1"].mean.round(4))  # the pumped phase
    [0.1    0.5811]
    """
    omega, power = checks.number("omega", omega), checked_exponent(power)
    kappa, gamma = checks.number("kappa", kappa, 0), checks.number("gamma", gamma, 0)
    ground, target, excited = np.eye(3)
    drive = np.outer(ground, excited)
    fall = LocalJump(
        np.outer(target, excited),
        block="particles",
        rate=Power(kappa, power),
        argument={"particles": np.outer(target, target)},
    )
    leave = LocalJump(np.sqrt(gamma) * np.outer(ground, target), block="particles")
    return Model([Block("particles", size, levels=3)], [OneBody(omega * (drive + drive.T), "particles")], [fall, leave])


LAMBDA_PUMP = Template(
    "A Λ scheme whose decay is gated by the particles it has pumped.",
    (
        ("size", "[10, 20, 40]", "N; a list makes a sweep, one point per value"),
        ("omega", "1.0", "H = omega Σ (|0><2| + h.c.)"),
        ("kappa", "5.0", "2 falls to 1 at the rate kappa n1_av^power"),
        ("gamma", "1.0", "1 falls to 0 at this rate"),
        ("power", "1", "with 1 the target level fills for kappa/2 > gamma"),
    ),
    THREE_LEVELS,
    "particles.n1",
)
