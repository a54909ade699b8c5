"""Boson modes whose terms change in time, coupled to atoms: against the full space with plain Fock states."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from tests import oracle
from tests.statistical.rules import against_oracle
from tests.support.pauli import LOWER, X, Z

TIMES = np.array([0.0, 0.45, 0.8, 1.1])
KETS, AMPLITUDES, FOCK = {"a": [0.6, 0.8j]}, {"m": 0.2j}, {"m": 26}
N_TRAJ = 120
LARGEST_ERROR = 0.04


def wave(t):
    return 1.2 * np.cos(4 * t)


def pulse(t):
    return 2 * np.exp(-(((t - 0.4) / 0.15) ** 2))


QUENCH = {"envelope": lambda t: 0.6 if t < 0.45 else 0.5 + t, "breaks": (0.45,)}


def driven():
    """Atoms, their coupling, the drive of the mode and all losses change in time, two of them with a break."""
    terms = [
        cj.OneBody(0.5 * Z, "a"),
        cj.OneBody(0.6 * X, "a", envelope=wave),
        cj.ModeEnergy(0.8, "m"),
        cj.ModeDrive(0.25 - 0.1j, "m", envelope=wave),
        cj.ModeCoupling({"a": (0.4 + 0.3j) * LOWER + 0.2 * Z}, "m", **QUENCH),
    ]
    jumps = [
        cj.LocalJump(LOWER, "a", rate=lambda x: 1 + x**2, argument={"a": X}, envelope=pulse),
        cj.ModeLoss(1.2, "m", thermal=0.1, **QUENCH),
    ]
    return cj.Model([cj.Block("a", 2), cj.Mode("m")], terms, jumps)


def start(model):
    return cj.product(model, {**KETS, **AMPLITUDES})


def without(place):
    """The same model without one of its envelopes."""
    model = driven()
    terms, n = list(model.terms), len(model.hamiltonian)
    assert terms[place].envelope is not None
    terms[place] = replace(terms[place], envelope=None, breaks=())
    return replace(model, hamiltonian=terms[:n], jumps=terms[n:])


@lru_cache
def solved():
    model = driven()
    full = oracle.DrivenOracle(model, fock=FOCK)
    rho = oracle.with_coherent_modes(oracle.product_state(model, KETS), model, FOCK, AMPLITUDES)
    solution = full.solve(rho, TIMES)
    assert max(full.edge(r) for r in solution.rho) < 1e-16
    return solution, [np.trace(r @ full.photons[0]).real for r in solution.rho]


@lru_cache
def ensemble():
    model = driven()
    return cj.simulate(model, start(model), TIMES, n_traj=N_TRAJ, seed=1)


def test_the_master_equation_is_that_of_the_full_space():
    model, (solution, photons) = driven(), solved()
    exact = cj.master_equation(model, start(model), TIMES)
    np.testing.assert_allclose(exact.mean, solution.mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(exact.second, solution.second, rtol=0, atol=1e-8)
    np.testing.assert_allclose(exact.photons["m"].mean, photons, rtol=0, atol=1e-8)


def test_trajectories_agree_with_the_full_space():
    verdict = against_oracle(ensemble(), solved()[0])
    assert verdict.passes, str(verdict)
    assert verdict.largest_error < LARGEST_ERROR


@pytest.mark.parametrize("place", [1, 3, 4, 5, 6])
def test_a_missing_envelope_is_seen(place):
    """By the master equation, and by trajectories."""
    wrong = cj.master_equation(without(place), start(driven()), TIMES, tolerance=1e-6)
    assert np.abs(wrong.mean - solved()[0].mean).max() > 0.02
    assert not against_oracle(ensemble(), wrong).passes


def test_fock_states_are_added_as_light_comes_in():
    """A bath of thermal light that is switched on: n = n̄ (1 - e^{-κ ∫f²})."""
    ramp = cj.envelopes.linear(0.5, 1.5, 0.0, 2.0)
    model = cj.Model([cj.Block("a", 1), cj.Mode("m")], [], [cj.ModeLoss(1.0, "m", thermal=0.3, envelope=ramp)])
    times = np.array([0.3, 0.5, 1.0, 1.5, 2.5])
    area = np.where(times < 1.5, 4 / 3 * np.clip(times - 0.5, 0, 1) ** 3, 4 / 3 + 4 * (times - 1.5))
    found = []
    for tolerance in (1e-10, 1e-5):
        exact = cj.master_equation(model, cj.product(model, {"a": [1, 0], "m": 0.0}), times, tolerance=tolerance)
        np.testing.assert_allclose(exact.photons["m"].mean, 0.3 * (1 - np.exp(-area)), rtol=0, atol=1e2 * tolerance)
        found.append(exact.fock["m"])
    assert found[0] > found[1] > 6  # more than there are to begin with
