"""Spins that flip: freely, as far as the others let them, or helped by the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...tools import checks
from .. import Block, LocalJump, Model, OneBody, TwoBody
from ..operators import PROJECTOR_UP, SIGMA_MINUS, SIGMA_PLUS, SIGMA_X, SIGMA_Z
from ..written import Written
from .template import MIXED, OMEGA, SIZE, Template

_MOST_ENTRIES = 2 * 10**7
"""Entries of all patterns together, p·N: a few seconds of sorting them into blocks."""


def one_block_of_spins(size: int, omega: float) -> tuple[list[Block], list[OneBody | TwoBody]]:
    """The block "spins" and the drive omega Σ σ_x on it."""
    return [Block("spins", size)], [OneBody(checks.number("omega", omega) * SIGMA_X, "spins")]


@dataclass(frozen=True)
class Itself(Written):
    """Γ(x) = x; like all rates here an object that a file can hold and another process can be sent."""

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Γ at the values x."""
        return x

    @property
    def formula(self) -> str:
        """What it makes of x."""
        return "x"


@dataclass(frozen=True)
class Power(Written):
    """R(x) = strength x^power."""

    strength: float
    power: float

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """R at the values x."""
        return self.strength * x**self.power

    @property
    def formula(self) -> str:
        """What it makes of x."""
        power = "x" if self.power == 1 else f"x^{self.power:.6g}"
        return {1.0: power, -1.0: f"-{power}"}.get(self.strength, f"{self.strength:.6g} {power}")


def checked_exponent(power: float) -> float:
    """Check the exponent of an average in a rate."""
    checked = checks.number("power", power)
    if checked <= 0:
        raise ArgumentError("power", "be positive", f"it is {checks.shown(checked)}")
    return checked


def free_flips(size: int, omega: float, rate_up: float, rate_down: float, chi: float = 0.0) -> Model:
    """Independent flips with a drive and a one-axis twisting term (Fig. 1a of the paper with H).

    H = omega Σ σ_x + (chi/N) (Σ σ_z)², jumps √rate_up σ_+^(k) and √rate_down σ_-^(k).

    In the literature: omega is half the Rabi frequency Ω of H = (Ω/2) Σ σ_x; with J_z = ½ Σ σ_z the twisting term
    is χ' J_z² with χ' = 4 chi/N; rate_down = γ(n̄ + 1) and rate_up = γ n̄ for a bath of n̄ quanta.

    Parameters
    ----------
    size : int
        N.
    omega, chi : float
        Energies.
    rate_up, rate_down : float
        Flip rates, at least 0.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.0, rate_up=3.0, rate_down=1.0)
    >>> print(cj.steady_state(model)["spins.z"].mean.round(6))  # (rate_up - rate_down) / (rate_up + rate_down)
    0.5
    """
    blocks, hamiltonian = one_block_of_spins(size, omega)
    if checks.number("chi", chi) != 0:
        hamiltonian.append(TwoBody(SIGMA_Z, SIGMA_Z, chi, blocks=("spins", "spins")))
    jumps = [
        LocalJump(np.sqrt(checks.number(name, rate, 0)) * matrix, block="spins")
        for name, rate, matrix in (("rate_up", rate_up, SIGMA_PLUS), ("rate_down", rate_down, SIGMA_MINUS))
        if checks.number(name, rate, 0) > 0
    ]
    return Model(blocks, hamiltonian, jumps)


def constrained(size: int, omega: float, rate_up: float, rate_down: float) -> Model:
    """The collective kinetically constrained spin model (Fig. 1c of the paper with a drive).

    H = omega Σ σ_x, jumps √rate_up σ_+^(k) n_av and √rate_down σ_-^(k) n_av with n_av = (1/N) Σ n^(k): both flips
    go at a rate proportional to n_av². The state without excitations is dark for the jumps.

    In the literature: γ_• = rate_up, γ_∘ = rate_down; omega is half the Rabi frequency of H = (Ω/2) Σ σ_x.

    Parameters
    ----------
    size : int
        N.
    omega : float
        Strength of the drive.
    rate_up, rate_down : float
        Flip rates at n_av = 1, at least 0.

    Examples
    --------
    >>> model = cj.systems.constrained(size=100, omega=0.0, rate_up=1.3, rate_down=0.8)
    >>> empty = cj.tilted(model, np.pi, 0)  # without a drive nothing happens to it
    >>> cj.simulate(model, empty, [0, 10], n_traj=4).n_jumps
    0
    """
    blocks, hamiltonian = one_block_of_spins(size, omega)
    jumps = [
        LocalJump(
            np.sqrt(checks.number(name, rate, 0)) * matrix,
            block="spins",
            amplitude=Itself(),
            argument={"spins": PROJECTOR_UP},
        )
        for name, rate, matrix in (("rate_up", rate_up, SIGMA_PLUS), ("rate_down", rate_down, SIGMA_MINUS))
    ]
    return Model(blocks, hamiltonian, jumps)


def facilitated(size: int, omega: float, kappa: float, gamma: float, power: float = 2) -> Model:
    """Facilitated flips: excited particles help others up, all decay by themselves.

    H = omega Σ σ_x, up-flips at the rate kappa n_av^power, decay at the constant rate gamma. At omega = 0 the state
    without excitations is absorbing. power = 2 is bistable for kappa > 4 gamma (spinodal at n = ½); power = 1 is
    the contact process with all-to-all infection, n = 1 - gamma/kappa for kappa > gamma.

    In the literature: kappa is the infection (branching) rate λ or κ, gamma the recovery rate; omega is half the
    Rabi frequency of H = (Ω/2) Σ σ_x.

    Parameters
    ----------
    size : int
        N.
    omega : float
        Strength of the drive.
    kappa, gamma : float
        Rates, at least 0.
    power : float
        Positive exponent of n_av in the rate (the amplitude has half of it).

    Examples
    --------
    >>> model = cj.systems.facilitated(size=100, omega=0.0, kappa=5.0, gamma=1.0)
    >>> for point in cj.attractors.fixed_points(model):
    ...     print(f"n = {(1 + point.mean[2]) / 2:.4f}, {point.stability}")
    ...
    n = 0.0000, stable
    n = 0.2764, unstable
    n = 0.7236, stable
    """
    blocks, hamiltonian = one_block_of_spins(size, omega)
    kappa, gamma, power = checks.number("kappa", kappa, 0), checks.number("gamma", gamma, 0), checked_exponent(power)
    up = LocalJump(SIGMA_PLUS, block="spins", rate=Power(kappa, power), argument={"spins": PROJECTOR_UP})
    return Model(blocks, hamiltonian, [up, LocalJump(np.sqrt(gamma) * SIGMA_MINUS, block="spins")])


def check_entries(p: int, size: int) -> None:
    """Raise ArgumentError if p patterns of ``size`` particles are more than the models of a network are made for."""
    if p * size > _MOST_ENTRIES:
        raise ArgumentError("size", f"leave at most {_MOST_ENTRIES:,} entries in all patterns", f"it is {p} x {size:,}")


FREE_FLIPS = Template(
    "Independent flips with a drive and one-axis twisting.",
    (
        SIZE,
        OMEGA,
        ("rate_up", "1.3", "jumps sqrt(rate_up) σ_+"),
        ("rate_down", "0.8", "jumps sqrt(rate_down) σ_-"),
        ("chi", "0.0", "adds (chi/N) (Σ σ_z)² to H"),
    ),
)


CONSTRAINED = Template(
    "The collective kinetically constrained spin model: both flips at rates that go as n_av².",
    (
        SIZE,
        OMEGA,
        ("rate_up", "1.3", "jumps sqrt(rate_up) σ_+ n_av"),
        ("rate_down", "0.8", "jumps sqrt(rate_down) σ_- n_av"),
    ),
)


FACILITATED = Template(
    "Facilitated flips: excited particles help others up, all decay by themselves.",
    (
        SIZE,
        ("omega", "0.0", "H = omega Σ σ_x; at 0 the state without excitations is absorbing"),
        ("kappa", "5.0", "up-flips at the rate kappa n_av^power"),
        ("gamma", "1.0", "decay at this rate; bistable for kappa > 4 gamma"),
        ("power", "2", "1 is the contact process"),
    ),
    MIXED,
    driven="kappa",
)
