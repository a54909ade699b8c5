"""Spins in a cavity: the open Dicke and Tavis-Cummings models, and a network whose couplings are modes."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ...tools import checks
from .. import Block, LocalJump, Mode, ModeCoupling, ModeDrive, ModeEnergy, Model, ModeLoss, OneBody
from ..operators import SIGMA_MINUS, SIGMA_PLUS, SIGMA_X, SIGMA_Z
from .hopfield import blocks_of, checked_patterns, overlaps_of
from .template import TILTED, Template

_MODE = "cavity"


def dicke(
    size: int,
    omega_atom: float,
    omega_mode: float,
    coupling: float,
    kappa: float,
    thermal: float = 0.0,
    gamma: float = 0.0,
) -> Model:
    """The open Dicke model: N two-level atoms and a lossy mode, with counter-rotating terms.

    H = (omega_atom/2) Σ σ_z + omega_mode a†a + (coupling/√N) (a + a†) Σ σ_x, losses √(kappa (1 + thermal)) a and
    √(kappa thermal) a†, decay √gamma σ_-^(k) of each atom. Block "spins", mode "cavity".

    In the literature: with S_x = ½ Σ σ_x the coupling is (2 coupling/√N)(a + a†) S_x; loss is often κ' = kappa/2, at
    which the field decays. Without decay of the atoms the superradiant transition of mean field is at
    coupling² = (omega_atom/4) (omega_mode² + kappa²/4)/omega_mode, and beyond it
    |α|² = coupling² (1 - (coupling_c/coupling)⁴)/(omega_mode² + kappa²/4), α = <a>/√N.

    Parameters
    ----------
    size : int
        N.
    omega_atom, omega_mode : float
        Energies of an atom and of a quantum of the mode; in the frame of a pump laser they are detunings.
    coupling : float
        g.
    kappa : float
        Loss of the mode, at least 0.
    thermal : float
        n̄ of what the mode loses its quanta to, at least 0.
    gamma : float
        Decay of the atoms, at least 0.

    Raises
    ------
    ArgumentError
        If a number is out of range.

    Examples
    --------
    >>> model = cj.systems.dicke(100, omega_atom=1.0, omega_mode=1.0, coupling=0.8, kappa=1.0)
    >>> mf = cj.mean_field(model, cj.tilted(model, theta=2.0, phi=0.0), [0, 20])
    >>> print(mf.photons["cavity"].mean.round(4))  # <a†a>/N: superradiance
    [0.     0.4012]
    """
    return _one_mode(size, omega_atom, omega_mode, checks.number("coupling", coupling) * SIGMA_X, kappa, thermal, gamma)


def tavis_cummings(
    size: int,
    omega_atom: float,
    omega_mode: float,
    coupling: float,
    kappa: float,
    drive: float = 0.0,
    thermal: float = 0.0,
    gamma: float = 0.0,
    pump: float = 0.0,
) -> Model:
    """The open Tavis-Cummings model: atoms and a lossy mode exchange quanta, with a drive, or a pump of the atoms.

    H = (omega_atom/2) Σ σ_z + omega_mode a†a + (coupling/√N) (a† Σ σ_- + a Σ σ_+) + √N drive (a + a†), losses
    √(kappa (1 + thermal)) a and √(kappa thermal) a†, decay √gamma σ_-^(k) and pump √pump σ_+^(k) of each atom. Block
    "spins", mode "cavity".

    In the literature: coupling/√N is g of one atom, so one quantum goes to and fro as cos²(coupling t) for any N. In
    the frame of the drive omega_atom and omega_mode are detunings. With a pump it is a laser: above threshold
    <σ_z> = kappa (gamma + pump)/(4 coupling²) at resonance.

    Parameters
    ----------
    size : int
        N.
    omega_atom, omega_mode, coupling, kappa, thermal, gamma : float
        As for :func:`dicke`.
    drive : float
        η, the drive of the mode.
    pump : float
        Incoherent pump of the atoms, at least 0.

    Raises
    ------
    ArgumentError
        If a number is out of range.

    Examples
    --------
    >>> model = cj.systems.tavis_cummings(4, omega_atom=1.0, omega_mode=1.0, coupling=0.8, kappa=0.0)
    >>> state, times = cj.occupation(model, {"spins": (1, 3)}), np.array([0.0, 1.0, 2.0])  # one atom is excited
    >>> exact = cj.master_equation(model, state, times)
    >>> print((4 * exact.photons["cavity"].mean).round(6), (np.sin(0.8 * times) ** 2).round(6))
    [0.       0.5146   0.999147] [0.       0.5146   0.999147]
    """
    y = checks.number("coupling", coupling) * SIGMA_MINUS
    return _one_mode(size, omega_atom, omega_mode, y, kappa, thermal, gamma, drive=drive, pump=pump)


def _one_mode(
    size: int,
    omega_atom: float,
    omega_mode: float,
    y: ArrayLike,
    kappa: float,
    thermal: float,
    gamma: float,
    *,
    drive: float = 0.0,
    pump: float = 0.0,
) -> Model:
    """Atoms at one mode; what is zero is left out."""
    atom, energy = checks.number("omega_atom", omega_atom), checks.number("omega_mode", omega_mode)
    eta = checks.number("drive", drive)
    rates = (("gamma", gamma, SIGMA_MINUS), ("pump", pump, SIGMA_PLUS))
    flips = [(checks.number(name, rate, 0), flip) for name, rate, flip in rates]
    loss = ModeLoss(kappa, _MODE, thermal=thermal, name="loss")
    return Model(
        [Block("spins", size)],
        [
            OneBody(atom / 2 * SIGMA_Z, "spins"),
            ModeEnergy(energy, _MODE),
            ModeCoupling({"spins": y}, _MODE),  # type: ignore[dict-item]
            *([ModeDrive(eta, _MODE)] if eta else []),
        ],
        [loss, *(LocalJump(rate**0.5 * flip, "spins") for rate, flip in flips if rate)],
        modes=[Mode(_MODE)],
    )


def multimode_dicke(
    patterns: ArrayLike, omega: float, omega_mode: float, coupling: float, kappa: float, thermal: float = 0.0
) -> Model:
    """A network of spins that are coupled by p lossy modes, one for each stored pattern, arXiv:2009.13932.

    H = omega Σ σ_x + omega_mode Σ_μ a_μ†a_μ + (coupling/√N) Σ_μ (a_μ + a_μ†) Σ_k ξ_k^μ σ_z^(k), losses
    √(kappa (1 + thermal)) a_μ and √(kappa thermal) a_μ†. Modes "mode1" .. "modep". Particles with the same signs
    (ξ_k^1..ξ_k^p) form a block, named by its signature such as "+-+", as in :func:`hopfield`. The overlaps
    m_μ = (1/N) Σ_k ξ_k^μ σ_z^(k) are the order parameters "overlap1", ..

    Fast modes leave H = omega Σ σ_x - J N Σ_μ m_μ², J = coupling² omega_mode/(omega_mode² + kappa²/4): Hopfield's
    couplings. For one pattern this is :func:`dicke` with σ_x and σ_z exchanged, omega_atom = 2 omega: the transition
    is at 2 J = omega. In the literature: the axes of the atoms are turned, so that patterns are along z here too.

    Parameters
    ----------
    patterns : (p, N) array of ±1
        The stored patterns; all ones in a single row is the uniform pattern.
    omega : float
        Transverse field.
    omega_mode : float
        Energy of a quantum of each mode.
    coupling : float
        g.
    kappa : float
        Loss of each mode, at least 0.
    thermal : float
        n̄ of what the modes lose their quanta to, at least 0.

    Raises
    ------
    ArgumentError
        If a pattern entry is not ±1 or a number is out of range.

    Examples
    --------
    >>> patterns = np.array([[1, 1, 1, 1, -1, -1], [1, 1, -1, -1, 1, -1]])
    >>> model = cj.systems.multimode_dicke(patterns, omega=0.1, omega_mode=1.0, coupling=1.0, kappa=1.0)
    >>> [block.name for block in model.blocks], model.mode_names, list(model.order_parameters)
    (['++', '+-', '-+', '--'], ('mode1', 'mode2'), ['overlap1', 'overlap2'])
    """
    signs = checked_patterns(patterns)
    omega, g = checks.number("omega", omega), checks.number("coupling", coupling)
    blocks, signature = blocks_of(signs)
    modes = [f"mode{mu + 1}" for mu in range(len(signs))]
    couplings = [
        ModeCoupling({b.name: g * signature[b.name][mu] * SIGMA_Z for b in blocks}, mode)
        for mu, mode in enumerate(modes)
    ]
    energy = checks.number("omega_mode", omega_mode)
    return Model(
        blocks,
        [
            *(OneBody(omega * SIGMA_X, b.name) for b in blocks),
            *(ModeEnergy(energy, mode) for mode in modes),
            *couplings,
        ],
        [ModeLoss(kappa, mode, thermal=thermal, name=f"loss of {mode}") for mode in modes],
        order_parameters=overlaps_of(blocks, signature, len(signs)),
        modes=[Mode(mode) for mode in modes],
    )


_NEAR_THE_PATTERN = """\
[initial]
kind = "tilted"              # pure, with the overlap cos(θ); no spin decays, so a mixture such as "corrupted" stays one
theta = 0.9                  # radians
phi = 3.14159265             # the rest along the lower state of the field
"""

_ATOM = ("omega_atom", "1.0", "H = (omega_atom/2) Σ σ_z + ..")
_ENERGY = ("omega_mode", "1.0", ".. + omega_mode a†a")
_LOSS = ("kappa", "1.0", "loss of the mode, √kappa a")
_THERMAL = ("thermal", "0.0", "thermal quanta around the mode")
_DECAY = ("gamma", "0.0", "√gamma σ_- of each atom")
_FEW = ("size", "[10, 20, 40]", "N; a list makes a sweep, one point per value")

DICKE = Template(
    "The open Dicke model: superradiance of atoms in a lossy mode.",
    (
        _FEW,
        _ATOM,
        _ENERGY,
        ("coupling", "0.8", "(coupling/√N) (a + a†) Σ σ_x; beyond 0.56 here atoms and mode are superradiant"),
        _LOSS,
        _THERMAL,
        _DECAY,
    ),
    TILTED,
    driven="coupling",
    watched="loss",
)

TAVIS_CUMMINGS = Template(
    "The open Tavis-Cummings model: atoms and a driven lossy mode.",
    (
        _FEW,
        ("omega_atom", "0.0", "H = (omega_atom/2) Σ σ_z + .., in the frame of the drive"),
        ("omega_mode", "0.0", ".. + omega_mode a†a"),
        ("coupling", "0.8", "(coupling/√N) (a† Σ σ_- + a Σ σ_+)"),
        _LOSS,
        ("drive", "0.3", "√N drive (a + a†)"),
        _THERMAL,
        _DECAY,
        ("pump", "0.0", "√pump σ_+ of each atom"),
    ),
    TILTED,
    driven="coupling",
    watched="loss",
)

MULTIMODE_DICKE = Template(
    "Spins coupled by lossy modes, one for each stored pattern.",
    (
        _FEW,
        ("patterns", '"uniform"', "or {random = 2, seed = 5}, or lists of 1 and -1"),
        ("omega", "0.2", "H = omega Σ σ_x + .."),
        ("omega_mode", "1.0", ".. + omega_mode Σ a†a"),
        ("coupling", "0.8", "(coupling/√N) Σ_μ (a_μ + a_μ†) Σ ξ_μ σ_z"),
        _LOSS,
        _THERMAL,
    ),
    _NEAR_THE_PATTERN,
    "+.z",
    watched="loss of mode1",
)
