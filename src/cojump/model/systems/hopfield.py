"""Hopfield networks of spins and of Potts variables, and the patterns they store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from ...errors import ArgumentError
from ...tools import checks
from .. import Block, LocalJump, Model, OneBody
from ..blocks import MOST_LEVELS
from ..operators import SIGMA_MINUS, SIGMA_PLUS, SIGMA_X, SIGMA_Z
from ..written import Written
from .flips import check_entries
from .template import CORRUPTED, CORRUPTED_LEVELS, SIZE, Template


def random_patterns(p: int, size: int, seed: int, levels: int | None = None) -> NDArray[np.int64]:
    """Draw p random patterns of N = ``size`` independent entries, shape (p, N), from ``seed``.

    The entries are fair signs ±1; with ``levels`` they are 0..levels-1, all equally likely (a Potts network).

    Examples
    --------
    >>> cj.systems.random_patterns(2, size=6, seed=1)
    array([[ 1, -1, -1, -1,  1,  1],
           [-1, -1,  1,  1, -1,  1]])
    """
    p, size = checks.integer("p", p, 1), checks.integer("size", size, 1)
    seed = checks.integer("seed", seed, 0, bits=checks.SEED_BITS)
    check_entries(p, size)
    if levels is not None:
        return np.random.default_rng(seed).integers(
            0, checks.integer("levels", checks.integer("levels", levels, 2), 2, MOST_LEVELS), size=(p, size)
        )
    return 1 - 2 * np.random.default_rng(seed).integers(0, 2, size=(p, size))


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
class HopfieldAmplitude(Written):
    """Γ_±(x) = e^{±βx/2} / sqrt(2 cosh βx) (58), written so that nothing overflows: Γ² = 1/(1 + e^{∓2βx})."""

    beta: float
    sign: int

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Γ at the values x."""
        return np.sqrt(expit(self.sign * 2 * self.beta * x))

    @property
    def formula(self) -> str:
        """What it makes of x."""
        return f"1/√(1 + e^({-2 * self.sign * self.beta:.6g} x))"


def checked_patterns(patterns: ArrayLike) -> NDArray[np.int64]:
    """Patterns (p, N) of ±1, or an ArgumentError."""
    return _check_patterns(patterns, (1, -1), "±1", "+1 and -1")


def blocks_of(signs: NDArray[np.int64]) -> tuple[list[Block], dict[str, NDArray[np.int64]]]:
    """The blocks of particles with the same signs in all patterns (p, N), and these signs (p,) of each by its name."""
    columns, counts = np.unique(-signs.T, axis=0, return_counts=True)  # "+" stands before "-" among characters
    names = ["".join("+" if s < 0 else "-" for s in column) for column in columns]
    blocks = [Block(name, int(count)) for name, count in zip(names, counts, strict=True)]
    return blocks, {b.name: np.array([1 if s == "+" else -1 for s in b.name]) for b in blocks}


def overlaps_of(
    blocks: Sequence[Block], signature: Mapping[str, NDArray[np.int64]], p: int
) -> dict[str, dict[str, NDArray[np.complex128]]]:
    """The order parameters "overlap1" .. "overlapp": m_μ = (1/N) Σ_k ξ_k^μ σ_z^(k)."""
    N = sum(b.size for b in blocks)
    return {
        f"overlap{mu + 1}": {b.name: (b.size / N * signature[b.name][mu]) * SIGMA_Z for b in blocks} for mu in range(p)
    }


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

    Examples
    --------
    >>> patterns = np.array([[1, 1, 1, 1, -1, -1], [1, 1, -1, -1, 1, -1]])
    >>> model = cj.systems.hopfield(patterns, omega=0.1, beta=4.0)
    >>> [(block.name, block.size) for block in model.blocks], list(model.order_parameters)
    ([('++', 2), ('+-', 2), ('-+', 1), ('--', 1)], ['overlap1', 'overlap2'])
    >>> [block.name for block in cj.systems.hopfield(patterns, omega=0.1, beta=4.0, merge=True).blocks]
    ['++', '+-']
    """
    exclude_self, merge = checks.boolean("exclude_self", exclude_self), checks.boolean("merge", merge)
    signs = checked_patterns(patterns)
    omega, beta = checks.number("omega", omega), checks.number("beta", beta, 0)
    if merge:
        signs = signs * signs[0]
    N = signs.shape[1]
    blocks, signature = blocks_of(signs)
    jumps = []
    for block in blocks:
        overlap = {c.name: int(signature[block.name] @ signature[c.name]) for c in blocks}
        argument = {c.name: (c.size / N * overlap[c.name]) * SIGMA_Z for c in blocks if overlap[c.name]}
        for sign, flip in ((1, SIGMA_PLUS), (-1, SIGMA_MINUS)):
            jumps.append(
                LocalJump(
                    flip,
                    block=block.name,
                    amplitude=HopfieldAmplitude(beta, sign),
                    argument=argument,
                    exclude_self=exclude_self,
                )
            )
    overlaps = overlaps_of(blocks, signature, len(signs))
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

    Examples
    --------
    >>> model = cj.systems.potts_hopfield([[0, 0, 1, 2, 2, 2]], levels=3, omega=0.1, beta=4.0)
    >>> [(block.name, block.size, block.levels) for block in model.blocks]
    [('0', 2, 3), ('1', 1, 3), ('2', 3, 3)]
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
                    amplitude=HopfieldAmplitude(beta, 1),
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


HOPFIELD = Template(
    "The open quantum Hopfield network.",
    (
        SIZE,
        ("patterns", '"uniform"', "or {random = 2, seed = 5}, or lists of 1 and -1"),
        ("omega", "0.5", "H = omega Σ σ_x"),
        ("beta", "2.0", "inverse temperature"),
        ("exclude_self", "true", "a spin does not feel itself"),
        ("merge", "false", "join blocks of opposite signs (a model of the rotated spins)"),
    ),
    CORRUPTED,
    "+.z",
)


POTTS_HOPFIELD = Template(
    "The open quantum Hopfield network of Potts spins.",
    (
        ("size", "[6, 12, 24]", "N; a list makes a sweep, one point per value"),
        ("levels", "3", "q, levels per particle"),
        ("patterns", '"uniform"', "or {random = 2, seed = 5}, or lists of levels 0, 1, .."),
        ("omega", "0.2", "H = omega Σ Σ_{a<b} (|a><b| + h.c.)"),
        ("beta", "1.0", "inverse temperature"),
        ("exclude_self", "true", "a particle does not feel itself"),
    ),
    CORRUPTED_LEVELS,
    "0.n0",
    ("0.n0", "0.n1", "0.n2"),
)
