"""Models with three and four levels per particle, alone and beside spins, for the brute-force oracle."""

import numpy as np

import cojump as cj
from tests import oracle

PATTERNS = np.array([[0, 0, 1, 2], [0, 0, 1, 0]])
"""Blocks 0-0 (2 particles), 1-1 (1) and 2-0 (1), all of which interact."""


def unit(levels, a, b):
    return np.outer(np.eye(levels)[a], np.eye(levels)[b])


def hermitian(levels, seed):
    """A Hermitian matrix of norm 1 that commutes with nothing else here."""
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(levels, levels)) + 1j * rng.normal(size=(levels, levels))
    return (m + m.conj().T) / np.linalg.norm(m + m.conj().T, 2)


def gamma(x):
    return 1 + 0.5 * x - 0.2 * x**2


def mixing(levels, size, *, exclude_self=False, square=0.6, linear=0.5):
    """A j that mixes several transitions, at a rate of an average that commutes with nothing; (Σ x)²/N in H."""
    j = 0.7 * unit(levels, 0, 2) + 0.5j * unit(levels, 1, 2) - 0.4 * unit(levels, 2, 1) + 0.3 * unit(levels, 1, 1)
    if levels > 3:
        j = j + 0.6 * unit(levels, 0, 3)
    X, b = hermitian(levels, 3), "particles"
    return cj.Model(
        [cj.Block(b, size, levels=levels)],
        [cj.OneBody(0.8 * hermitian(levels, 1), b), cj.TwoBody(X, X, square, (b, b))],
        [
            cj.LocalJump(
                j,
                b,
                amplitude=lambda x: 1 + linear * x - 0.2 * x**2,
                argument={b: hermitian(levels, 2)},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(0.6 * unit(levels, 2, 0), b, rate=lambda x: (x + 1.1) ** 2, argument={b: X}),
            cj.CollectiveJump({b: unit(levels, 1, 0) + 0.2 * unit(levels, 0, 0)}, 0.4),
        ],
    )


def potts(*, exclude_self=True, patterns=PATTERNS, beta=0.9):
    return cj.systems.potts_hopfield(patterns, 3, 0.5, beta, exclude_self=exclude_self)


def beside_spins(*, exclude_self=True, coupling=0.7):
    """Two spins and two three-level particles, coupled by H and by a rate; the other rate is of the particles alone."""
    z, down = np.diag([1, -1]), np.array([[0, 0], [1, 0]])
    x = hermitian(3, 4)
    return cj.Model(
        [cj.Block("spins", 2), cj.Block("particles", 2, levels=3)],
        [
            cj.OneBody(np.array([[0, 0.6 - 0.2j], [0.6 + 0.2j, 0]]), "spins"),
            cj.OneBody(0.7 * hermitian(3, 5), "particles"),
            cj.TwoBody(z, x, coupling, ("spins", "particles")),
        ],
        [
            cj.LocalJump(
                down + 0.3 * z,
                "spins",
                amplitude=gamma,
                argument={"spins": z, "particles": x},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(
                unit(3, 0, 2) + 0.5 * unit(3, 1, 0),
                "particles",
                amplitude=gamma,
                argument={"particles": np.diag([1, 0, -1]), "spins": 0.5 * z},
                exclude_self=exclude_self,
            ),
            cj.CollectiveJump({"spins": down, "particles": unit(3, 1, 2)}, 0.3),
        ],
    )


def pumped(size, *, kappa=4.0):
    return cj.systems.lambda_pump(size, 0.8, kappa, 0.5)


MODELS = {
    **{
        f"mixing_{d}_{n}{'_excluded' * e}": lambda d=d, n=n, e=e: mixing(d, n, exclude_self=e)
        for d, sizes in ((3, (2, 3, 4)), (4, (2, 3)))
        for n in sizes
        for e in (False, True)
    },
    "potts": potts,
    "potts_self": lambda: potts(exclude_self=False),
    "potts_uniform": lambda: potts(patterns=np.zeros((1, 4))),
    "beside_spins": beside_spins,
    "beside_spins_self": lambda: beside_spins(exclude_self=False),
    "pumped": lambda: pumped(4),
}


def ket(levels, seed):
    rng = np.random.default_rng([seed, levels])
    k = rng.normal(size=levels) + 1j * rng.normal(size=levels)
    return k / np.linalg.norm(k)


def start(model, kind):
    """``pure``: a complex ket in each block; ``mixed``: a density matrix that no argument commutes with."""
    states = {}
    for b, block in enumerate(model.blocks):
        k = ket(block.levels, 10 + b)
        states[block.name] = k
        if kind == "mixed":
            others = np.diag(np.arange(1.0, block.levels + 1))
            states[block.name] = 0.6 * np.outer(k, k.conj()) + 0.4 * others / np.trace(others)
    return cj.product(model, states), oracle.product_state(model, states)
