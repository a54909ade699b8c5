"""Models and starts on which trajectories are compared with the brute-force oracle."""

import numpy as np

import cojump as cj
from tests import oracle
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

S = "spins"


def traced(size, exclude_self=False):
    """Jump matrices with a trace, an argument along no axis, σ_x and σ_y mixed in a complex two-body term."""
    along = 0.6 * X - 0.2 * Y + 0.7 * Z
    return cj.Model(
        [cj.Block(S, size)],
        [
            cj.OneBody(0.4 * X + 0.3 * Y - 0.2 * Z, S),
            cj.TwoBody(X, Y, 0.4j, (S, S)),
            cj.TwoBody(Y, X, -0.4j, (S, S)),
            cj.TwoBody(X, Y, 0.3, (S, S)),
            cj.TwoBody(Y, X, 0.3, (S, S)),
            cj.TwoBody(RAISE, LOWER, 0.3, (S, S)),
        ],
        [
            cj.LocalJump(
                0.4 * ONE + 0.3 * Z - 0.5j * LOWER,
                S,
                amplitude=lambda x: 1 + 0.8 * x - 0.3 * x**2,
                argument={S: along},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(0.5 * RAISE, S, rate=lambda x: (x + 1.2) ** 2, argument={S: -along + 0.1 * ONE}),
        ],
    )


def traced_excluded(size):
    """The same with the jumping particle left out."""
    return traced(size, exclude_self=True)


def dephasing(size):
    """σ_z as a jump, at a kinked operator-valued rate."""
    return cj.Model(
        [cj.Block(S, size)],
        [cj.OneBody(0.5 * X, S), cj.TwoBody(Z, Z, 0.6, (S, S))],
        [
            cj.LocalJump(Z, S, amplitude=lambda x: 0.4 + np.abs(x), argument={S: Z}),
            cj.LocalJump(0.6 * LOWER, S),
        ],
    )


MODELS = {
    "free_flips": lambda N: cj.systems.free_flips(N, 0.7, 1.3, 0.8, chi=0.9),
    "constrained": lambda N: cj.systems.constrained(N, 0.7, 1.3, 0.8),
    "facilitated": lambda N: cj.systems.facilitated(N, 0.4, 5.0, 0.8),
    "contact": lambda N: cj.systems.facilitated(N, 0.2, 3.0, 0.8, power=1),
    "hopfield": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 1.7),
    "hopfield_self": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 1.7, exclude_self=False),
    "traced": traced,
    "traced_excluded": traced_excluded,
    "dephasing": dephasing,
}


def _ket(theta, phi):
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def pure(model):
    """Tilted product state and its density matrix."""
    return cj.tilted(model, 1.1, 0.4), oracle.product_state(model, {b.name: _ket(1.1, 0.4) for b in model.blocks})


def mixed(model):
    """A mixed product state with coherences."""
    rho = np.array([[0.6, 0.2 - 0.1j], [0.2 + 0.1j, 0.4]])
    states = {b.name: rho for b in model.blocks}
    return cj.product(model, states), oracle.product_state(model, states)


def dicke(model):
    """|J, M> in a sector below the symmetric one."""
    states = {}
    for block in model.blocks:
        J = block.size / 2 - (1 if block.size > 1 else 0)
        states[block.name] = (J, J - 1 if J >= 1 else -J)
    return cj.dicke(model, states), oracle.dicke_state(model, states)


def symmetric(model):
    """A symmetric state that is no product."""
    states = {}
    for block in model.blocks:
        k = np.arange(block.size + 1)
        amplitudes = np.exp(1j * k**2) / (1 + k)
        states[block.name] = amplitudes / np.linalg.norm(amplitudes)
    return cj.symmetric(model, states), oracle.symmetric_state(model, states)


STARTS = {"pure": pure, "mixed": mixed, "dicke": dicke, "symmetric": symmetric}
