"""Trajectories with boson modes against the master equation: thermal light, drive, complex couplings, two modes.

The master equation of modes is held to the full space with plain Fock states to 1e-8 in tests/theory/test_modes.py;
it shares no table with the trajectories, and its Fock states do not follow a trajectory.
"""

import numpy as np
import pytest

import cojump as cj
from tests.statistical.rules import against_oracle, compare
from tests.support.pauli import LOWER, X, Z

TIMES = [0.4, 1.0, 2.0]


def driven(scale=1.0):
    """Three atoms whose decay depends on <z>, a driven cavity with thermal light."""
    terms = [
        cj.OneBody(0.4 * Z, "atoms"),
        cj.ModeEnergy(0.8, mode="cavity"),
        cj.ModeCoupling({"atoms": 0.7 * scale * X}, mode="cavity"),
        cj.ModeDrive(0.2 + 0.1j, mode="cavity"),
    ]
    decay = cj.LocalJump(0.6 * LOWER, "atoms", amplitude=lambda x: 1 + 0.5 * x, argument={"atoms": Z})
    loss = cj.ModeLoss(0.9, mode="cavity", thermal=0.15)
    return cj.Model([cj.Block("atoms", 3), cj.Mode("cavity")], terms, [loss, decay])


def coupled(scale=1.0):
    """Two blocks and two modes: complex couplings of both to one, a rate of one block that depends on the other."""
    y = scale * np.array([[0.2, 0.4j], [0.3, -0.1]])
    terms = [
        cj.OneBody(0.4 * Z + 0.2 * X, "a"),
        cj.TwoBody(Z, Z, 0.5, ("a", "b")),
        cj.Potential(lambda x: 0.3 * x**3, {"a": Z, "b": X}),
        cj.ModeEnergy(0.5, mode="p"),
        cj.ModeEnergy(-0.3, mode="q"),
        cj.ModeCoupling({"a": y, "b": 0.4 * LOWER}, mode="p"),
        cj.ModeCoupling({"b": 0.4 * scale * X}, mode="q"),
        cj.ModeDrive(0.15j, mode="q"),
    ]
    jumps = [
        cj.ModeLoss(0.8, mode="p"),
        cj.LocalJump(0.7 * X, "b", rate=lambda x: (1 + x) ** 2, argument={"a": Z}),
        cj.CollectiveJump({"a": LOWER, "b": X}, rate=0.3),
        cj.ModeLoss(0.7, mode="q", thermal=0.05),
    ]
    return cj.Model([cj.Block("a", 1), cj.Block("b", 2), cj.Mode("p"), cj.Mode("q")], terms, jumps)


CASES = {
    "driven": (driven, {"cavity": 0.2 - 0.1j}, 800),
    "coupled": (coupled, {"p": 0.1, "q": 0.1j}, 600),
}


@pytest.mark.parametrize("name", ["driven", pytest.param("coupled", marks=pytest.mark.validation)])
def test_trajectories_are_those_of_the_master_equation(name):
    make, amplitudes, n_traj = CASES[name]
    model = make()
    state = cj.product(model, {**{b.name: [np.cos(0.6), np.sin(0.6)] for b in model.blocks}, **amplitudes})
    result = cj.simulate(model, state, TIMES, n_traj=n_traj, seed=3)
    for scale in (1.0, 1.2):
        exact = cj.master_equation(make(scale), state, TIMES, tolerance=1e-6)
        verdict = against_oracle(result, exact)
        photons = compare(
            [(result.photons[m].mean, result.photons[m].stderr, exact.photons[m].mean) for m in model.mode_names]
        )
        if scale == 1.0:
            assert verdict.passes, str(verdict)
            assert photons.passes, str(photons)
            assert verdict.largest_error < 0.05, str(verdict)
        else:  # couplings that are a fifth too strong
            assert not verdict.passes, str(verdict)
