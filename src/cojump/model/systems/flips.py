"""The named systems, each a function that returns a :class:`~cojump.model.Model`.

Basis order of a two-level particle is (up, down); σ_+ = |up><down|, n = |up><up|. Energies and rates are in the
same (arbitrary) unit, ħ = 1. Equation numbers in brackets are those of arXiv:2302.04155.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ...errors import ArgumentError
from ...tools import checks
from .. import Block, CollectiveJump, LocalJump, Model, OneBody, TwoBody
from ..blocks import MOST_LEVELS
from ..operators import PROJECTOR_UP, SIGMA_MINUS, SIGMA_PLUS, SIGMA_X, SIGMA_Z

_MOST_ENTRIES = 2 * 10**7
"""Entries of all patterns together, p·N: a few seconds of sorting them into blocks."""


def _spins(size: int, omega: float) -> tuple[list[Block], list[OneBody | TwoBody]]:
    return [Block("spins", size)], [OneBody(checks.number("omega", omega) * SIGMA_X, "spins")]


def _itself(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Γ(x) = x."""
    return x


@dataclass(frozen=True)
class _Power:
    """R(x) = strength x^power; like all rates here an object that another process can be sent."""

    strength: float
    power: float

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.strength * x**self.power


def _exponent(power: float) -> float:
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
    """
    blocks, hamiltonian = _spins(size, omega)
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
    """
    blocks, hamiltonian = _spins(size, omega)
    jumps = [
        LocalJump(
            np.sqrt(checks.number(name, rate, 0)) * matrix,
            block="spins",
            amplitude=_itself,
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
    """
    blocks, hamiltonian = _spins(size, omega)
    kappa, gamma, power = checks.number("kappa", kappa, 0), checks.number("gamma", gamma, 0), _exponent(power)
    up = LocalJump(SIGMA_PLUS, block="spins", rate=_Power(kappa, power), argument={"spins": PROJECTOR_UP})
    return Model(blocks, hamiltonian, [up, LocalJump(np.sqrt(gamma) * SIGMA_MINUS, block="spins")])


def random_patterns(p: int, size: int, seed: int, levels: int | None = None) -> NDArray[np.int64]:
    """Draw p random patterns of N = ``size`` independent entries, shape (p, N), from ``seed``.

    The entries are fair signs ±1; with ``levels`` they are 0..levels-1, all equally likely (a Potts network).
    """
    p, size = checks.integer("p", p, 1), checks.integer("size", size, 1)
    seed = checks.integer("seed", seed, 0, bits=checks.SEED_BITS)
    check_entries(p, size)
    if levels is not None:
        return np.random.default_rng(seed).integers(
            0, checks.integer("levels", checks.integer("levels", levels, 2), 2, MOST_LEVELS), size=(p, size)
        )
    return 1 - 2 * np.random.default_rng(seed).integers(0, 2, size=(p, size))


def check_entries(p: int, size: int) -> None:
    """Raise ArgumentError if p patterns of ``size`` particles are more than the models of a network are made for."""
    if p * size > _MOST_ENTRIES:
        raise ArgumentError("size", f"leave at most {_MOST_ENTRIES:,} entries in all patterns", f"it is {p} x {size:,}")


def _check_patterns(patterns: ArrayLike, entries: tuple[int, ...], what: str, only: str) -> NDArray[np.int64]:
    rule = f"be an array (p, N) of {what}"
    array = checks.array("patterns", patterns, rule.removeprefix("be "), real=True, finite=False)
    if array.ndim != 2 or 0 in array.shape:
        raise ArgumentError("patterns", rule, f"its shape is {array.shape}")
    check_entries(*array.shape)
    wrong = np.argwhere(~np.isin(array, entries))
    if len(wrong):
        i, k = wrong[0]
        raise ArgumentError("patterns", f"hold only {only}", f"patterns[{i}, {k}] = {array[i, k]:g}")
    return array.astype(int)


@dataclass(frozen=True)
class _HopfieldAmplitude:
    """Γ_±(x) = e^{±βx/2} / sqrt(2 cosh βx) (58), written so that nothing overflows: Γ² = 1/(1 + e^{∓2βx})."""

    beta: float
    sign: int

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(expit(self.sign * 2 * self.beta * x))


def hopfield(patterns: ArrayLike, omega: float, beta: float, exclude_self: bool = True, merge: bool = False) -> Model:
    """The open quantum Hopfield network, (58) with ``exclude_self`` and (59) without.

    H = omega Σ σ_x, jumps σ_±^(k) Γ_±(ΔE_k), Γ_±(x) = e^{±βx/2} / sqrt(2 cosh βx),
    ΔE_k = (1/N) Σ_μ ξ_k^μ Σ_j ξ_j^μ σ_z^(j), j ≠ k with ``exclude_self``. Particles with the same signs
    (ξ_k^1..ξ_k^p) form a block, named by its signature such as "+-+"; blocks are sorted by name.

    With ``merge`` the spins with ξ_k^1 = -1 are rotated, σ_z → -σ_z, σ_y → -σ_y, σ_+ ↔ σ_-, so that blocks with
    opposite signatures become one, named by the signature that starts with "+": an exact model of the ROTATED
    spins, σ_z along pattern 1, with half as many blocks. States and results are those of the rotated spins.

    In the literature: Ω = omega, β = 1/T; the flip rates of one spin add up to 1, which sets the unit of time.
    The mean field of one pattern is dm_z/dt = 2Ω m_y + tanh(β m_z) - m_z. The overlaps m_μ = (1/N) Σ_k ξ_k^μ σ_z^(k)
    are the model's order parameters "overlap1", "overlap2", ..

    Parameters
    ----------
    patterns : (p, N) array of ±1
        The stored patterns; all ones in a single row is the uniform pattern.
    omega : float
        Transverse field.
    beta : float
        Inverse temperature, at least 0.
    exclude_self, merge : bool
        See above.

    Raises
    ------
    ArgumentError
        If a pattern entry is not ±1 or a number is out of range.
    """
    exclude_self, merge = checks.boolean("exclude_self", exclude_self), checks.boolean("merge", merge)
    signs = _check_patterns(patterns, (1, -1), "±1", "+1 and -1")
    omega, beta = checks.number("omega", omega), checks.number("beta", beta, 0)
    if merge:
        signs = signs * signs[0]
    N = signs.shape[1]
    columns, counts = np.unique(-signs.T, axis=0, return_counts=True)  # "+" stands before "-" among characters
    names = ["".join("+" if s < 0 else "-" for s in column) for column in columns]
    blocks = [Block(name, int(count)) for name, count in zip(names, counts, strict=True)]
    signature = {b.name: np.array([1 if s == "+" else -1 for s in b.name]) for b in blocks}
    jumps = []
    for block in blocks:
        overlap = {c.name: int(signature[block.name] @ signature[c.name]) for c in blocks}
        argument = {c.name: (c.size / N * overlap[c.name]) * SIGMA_Z for c in blocks if overlap[c.name]}
        for sign, flip in ((1, SIGMA_PLUS), (-1, SIGMA_MINUS)):
            jumps.append(
                LocalJump(
                    flip,
                    block=block.name,
                    amplitude=_HopfieldAmplitude(beta, sign),
                    argument=argument,
                    exclude_self=exclude_self,
                )
            )
    overlaps = {
        f"overlap{mu + 1}": {b.name: (b.size / N * signature[b.name][mu]) * SIGMA_Z for b in blocks}
        for mu in range(len(signs))
    }
    return Model(blocks, [OneBody(omega * SIGMA_X, b.name) for b in blocks], jumps, order_parameters=overlaps)


def potts_hopfield(patterns: ArrayLike, levels: int, omega: float, beta: float, exclude_self: bool = True) -> Model:
    """The open quantum Hopfield network of Potts spins: q = ``levels`` levels per particle instead of two.

    A particle of the block with signature f has the local field, for its level a,

        U_a = Σ_h (N_h/N) Σ_μ Σ_c (q δ(f^μ, a) - 1)(q δ(f_h^μ, c) - 1) n_{c,h},

    n_{c,h} the fraction of block h in level c, and jumps a → b for all a ≠ b, matrix |b><a|, amplitude
    Γ(x) = e^{βx/2} / sqrt(2 cosh βx) of x = (U_b - U_a)/2 (without the jumping particle itself by ``exclude_self``).
    The drive H = omega Σ_k Σ_{a<b} (|a><b| + h.c.)^(k) mixes all levels. Particles with the same pattern entries form a
    block, named by them such as "0-2-1"; blocks are sorted by name.

    At q = 2 this is :func:`hopfield` exactly, level 0 being up and entries 0, 1 the signs +1, -1. In the literature:
    Ω = omega, β = 1/T; the rates of a → b and b → a add up to 1. The order parameters "overlap1", .. are the overlaps
    m_μ = Σ_h (N_h/N) (q n_{f_h^μ,h} - 1)/(q - 1): 1 where pattern μ is retrieved, 0 where all levels are equally full.

    Parameters
    ----------
    patterns : (p, N) array of 0..levels-1
        The stored patterns; all zeros in a single row is the uniform pattern.
    levels : int
        q, at least 2.
    omega : float
        Strength of the drive.
    beta : float
        Inverse temperature, at least 0.
    exclude_self : bool
        See above.

    Raises
    ------
    ArgumentError
        If a pattern entry is no level or a number is out of range.
    """
    q, exclude_self = (
        checks.integer("levels", checks.integer("levels", levels, 2), 2, MOST_LEVELS),
        checks.boolean("exclude_self", exclude_self),
    )
    entries = _check_patterns(patterns, tuple(range(q)), f"0..{q - 1}", f"the levels 0 to {q - 1}")
    omega, beta = checks.number("omega", omega), checks.number("beta", beta, 0)
    N, unit = entries.shape[1], np.eye(q)
    signatures, counts = np.unique(entries.T, axis=0, return_counts=True)
    blocks = [Block("-".join(map(str, f)), int(n), levels=q) for f, n in zip(signatures, counts, strict=True)]
    # projections[b][μ, a] = q δ(f_b^μ, a) - 1
    projections = {block.name: q * unit[f] - 1 for block, f in zip(blocks, signatures, strict=True)}
    jumps = []
    for block in blocks:
        fields = {h.name: h.size / N * projections[block.name].T @ projections[h.name] for h in blocks}  # [a, c]
        for a, b in ((a, b) for a in range(q) for b in range(q) if a != b):
            half = {name: (field[b] - field[a]) / 2 for name, field in fields.items()}
            jumps.append(
                LocalJump(
                    np.outer(unit[b], unit[a]),
                    block=block.name,
                    amplitude=_HopfieldAmplitude(beta, 1),
                    argument={name: np.diag(x) for name, x in half.items() if x.any() or name == block.name},
                    exclude_self=exclude_self,
                )
            )
    overlaps = {
        f"overlap{mu + 1}": {h.name: h.size / N * np.diag(projections[h.name][mu]) / (q - 1) for h in blocks}
        for mu in range(len(entries))
    }
    drive = omega * (np.ones((q, q)) - unit)
    return Model(blocks, [OneBody(drive, b.name) for b in blocks], jumps, order_parameters=overlaps)


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
    """
    omega, power = checks.number("omega", omega), _exponent(power)
    kappa, gamma = checks.number("kappa", kappa, 0), checks.number("gamma", gamma, 0)
    ground, target, excited = np.eye(3)
    drive = np.outer(ground, excited)
    fall = LocalJump(
        np.outer(target, excited),
        block="particles",
        rate=_Power(kappa, power),
        argument={"particles": np.outer(target, target)},
    )
    leave = LocalJump(np.sqrt(gamma) * np.outer(ground, target), block="particles")
    return Model([Block("particles", size, levels=3)], [OneBody(omega * (drive + drive.T), "particles")], [fall, leave])


def boundary_time_crystal(size: int, omega: float, kappa: float) -> Model:
    """The boundary time crystal: H = omega Σ σ_x and the collective jump L = sqrt(kappa/N) Σ σ_-.

    In the usual letters H = ω0 S_x and (κ/S) D[S_-] with S = N/2 the spin length: ω0 = 2 omega, κ = kappa/2.

    Parameters
    ----------
    size : int
        N.
    omega : float
        Strength of the drive.
    kappa : float
        Collective rate, at least 0.
    """
    blocks, hamiltonian = _spins(size, omega)
    return Model(blocks, hamiltonian, [CollectiveJump({"spins": SIGMA_MINUS}, rate=checks.number("kappa", kappa, 0))])


NAMED: dict[str, Callable[..., Model]] = {
    "free_flips": free_flips,
    "constrained": constrained,
    "facilitated": facilitated,
    "hopfield": hopfield,
    "potts_hopfield": potts_hopfield,
    "lambda_pump": lambda_pump,
    "boundary_time_crystal": boundary_time_crystal,
}
"""The systems that a run file can name."""
