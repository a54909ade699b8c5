"""The named systems, each a function that returns a :class:`~cojump.model.Model`.

Basis order of a two-level particle is (up, down); σ_+ = |up><down|, n = |up><up|. Energies and rates are in the
same (arbitrary) unit, ħ = 1. Equation numbers in brackets are those of arXiv:2302.04155.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from . import checks
from .errors import ArgumentError
from .model import (
    PROJECTOR_UP,
    SIGMA_MINUS,
    SIGMA_PLUS,
    SIGMA_X,
    SIGMA_Z,
    Block,
    CollectiveJump,
    LocalJump,
    Model,
    OneBody,
    RealFunction,
    TwoBody,
)


def _spins(size: int, omega: float) -> tuple[list[Block], list[OneBody | TwoBody]]:
    return [Block("spins", size)], [OneBody(checks.number("omega", omega) * SIGMA_X, "spins")]


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
            amplitude=lambda n: n,
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
    kappa, gamma, power = (
        checks.number("kappa", kappa, 0),
        checks.number("gamma", gamma, 0),
        checks.number("power", power),
    )
    if power <= 0:
        raise ArgumentError("power", "be positive", f"it is {power!r}")
    up = LocalJump(SIGMA_PLUS, block="spins", rate=lambda n: kappa * n**power, argument={"spins": PROJECTOR_UP})
    return Model(blocks, hamiltonian, [up, LocalJump(np.sqrt(gamma) * SIGMA_MINUS, block="spins")])


def random_patterns(p: int, size: int, seed: int) -> NDArray[np.int64]:
    """Draw p random patterns of N = ``size`` independent fair signs, shape (p, N), entries ±1, from ``seed``."""
    p, size, seed = checks.integer("p", p, 1), checks.integer("size", size, 1), checks.integer("seed", seed, 0)
    return 1 - 2 * np.random.default_rng(seed).integers(0, 2, size=(p, size))


def _check_patterns(patterns: ArrayLike) -> NDArray[np.int64]:
    try:
        array = np.asarray(patterns, dtype=float)
    except (TypeError, ValueError):
        raise ArgumentError("patterns", "be an array (p, N) of ±1", "it is no array of numbers") from None
    if array.ndim != 2 or 0 in array.shape:
        raise ArgumentError("patterns", "be an array (p, N) of ±1", f"its shape is {array.shape}")
    wrong = np.argwhere(np.abs(array) != 1)
    if len(wrong):
        i, k = wrong[0]
        raise ArgumentError("patterns", "hold only +1 and -1", f"patterns[{i}, {k}] = {array[i, k]:g}")
    return array.astype(int)


def _hopfield_amplitude(beta: float, sign: int) -> RealFunction:
    """Γ_±(x) = e^{±βx/2} / sqrt(2 cosh βx) (58), written so that nothing overflows: Γ² = 1/(1 + e^{∓2βx})."""
    return lambda x: np.sqrt(expit(sign * 2 * beta * x))


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
    signs = _check_patterns(patterns)
    omega, beta = checks.number("omega", omega), checks.number("beta", beta, 0)
    if merge:
        signs = signs * signs[0]
    N = signs.shape[1]
    names = np.array(["".join("+" if s > 0 else "-" for s in column) for column in signs.T])
    blocks = [Block(str(name), int(count)) for name, count in zip(*np.unique(names, return_counts=True), strict=True)]
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
                    amplitude=_hopfield_amplitude(beta, sign),
                    argument=argument,
                    exclude_self=exclude_self,
                )
            )
    overlaps = {
        f"overlap{mu + 1}": {b.name: (b.size / N * signature[b.name][mu]) * SIGMA_Z for b in blocks}
        for mu in range(len(signs))
    }
    return Model(blocks, [OneBody(omega * SIGMA_X, b.name) for b in blocks], jumps, order_parameters=overlaps)


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
    "boundary_time_crystal": boundary_time_crystal,
}
"""The systems that a run file can name."""
