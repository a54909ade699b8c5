"""Models on which the bound of Theorem 1 and the inequalities under it are tested."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

import cojump as cj
from cojump.theory.bounds.form import paper_form
from tests import oracle
from tests.support.pauli import RAISE, X, Y, Z

BETA = 0.6


def rich(N):
    """Complex matrices, jumps with a trace, a non-Hermitian pair of two-body terms, all forms of rates, three axes."""
    hop = np.array([[0.2, 1], [0.3j, -0.1]])
    return cj.Model(
        [cj.Block("spins", N)],
        [
            cj.OneBody(0.7 * X + 0.2 * Z, "spins"),
            cj.TwoBody(hop, hop.conj().T, 0.4, blocks=("spins", "spins")),
            cj.TwoBody(Z, Y, 0.3 + 0.1j, blocks=("spins", "spins")),
            cj.TwoBody(Y, Z, 0.3 - 0.1j, blocks=("spins", "spins")),
        ],
        [
            cj.LocalJump(
                RAISE.T + 0.3 * np.eye(2), "spins", amplitude=lambda v: np.exp(0.5 * v), argument={"spins": X}
            ),
            cj.LocalJump(RAISE, "spins", amplitude=lambda v: 1 - 0.2 * v + v**3, argument={"spins": 0.6 * Z + 0.3 * Y}),
            cj.LocalJump(0.5 * Y + 0.3j * Z, "spins", rate=lambda v: expit(v), argument={"spins": Z}),
            cj.LocalJump(0.5 * X, "spins"),
        ],
    )


def two_blocks(N):
    """Blocks of N/4 and 3N/4 particles that drive each other, one rate left to the others, j†j not along Δ."""
    return cj.Model(
        [cj.Block("a", N // 4), cj.Block("b", N - N // 4)],
        [cj.OneBody(0.5 * X, "a"), cj.TwoBody(X, Z, 0.6, blocks=("a", "b"))],
        [
            cj.LocalJump(RAISE, "a", amplitude=lambda v: v, argument={"a": 0.5 * Z, "b": 0.3 * X}),
            cj.LocalJump(
                RAISE.T + 0.4 * Z,
                "b",
                amplitude=lambda v: np.sqrt(1.5 + v),
                argument={"a": 0.4 * Z, "b": 0.6 * Z},
                exclude_self=True,
            ),
            cj.LocalJump(RAISE.T + 0.2 * X, "b", amplitude=lambda v: np.sqrt(expit(2 * v)), argument={"b": Z}),
        ],
    )


MODELS = {
    "constrained": lambda N: cj.systems.constrained(N, 0.7, 1.3, 0.8),
    "free flips": lambda N: cj.systems.free_flips(N, 0.7, 1.3, 0.8, chi=0.4),
    "facilitated": lambda N: cj.systems.facilitated(N, 0.3, 5.0, 1.0),
    "hopfield": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, BETA),
    "hopfield with self": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, BETA, exclude_self=False),
    "rich": rich,
    "two blocks": two_blocks,
}


def three_levels(N=3):
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)) for _ in range(2))
    herm = [(m + m.conj().T) / 4 for m in rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3))]
    return cj.Model(
        [cj.Block("p", N, levels=3)],
        [cj.OneBody(herm[0], "p"), cj.TwoBody(a, a.conj().T, 0.2, blocks=("p", "p"))],
        [cj.LocalJump(b, "p", amplitude=lambda v: 1 + v**2, argument={"p": herm[1]})],
    )


def everyone(model):
    """Model at a size for brute force, with the average (1/N) Σ_k v^(k) of every basis operator."""
    full = oracle.Oracle(model)
    form = paper_form(model)
    m = [full.collective(v.matrix, model.blocks[v.block].name) / model.size for v in form.basis]
    return full, form, m
