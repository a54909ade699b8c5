"""Two-time functions from trajectories against exact ones, by the statistical rule."""

from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, X, Z
from tests.support.two_time_cases import CASES, FullSpace

TAUS, START = np.array([0.0, 0.3, 1.1]), 0.4

N_TRAJ = 200
BOUND = 0.12
"""On the standard errors of N times the connected function, which are of order 1 for averages of order 1."""


def verdict(found, mean, connected):
    pairs = []
    for value, error, exact in (
        (found.mean, found.stderr_parts, mean),
        (found.connected, found.connected_stderr_parts, connected),
    ):
        pairs += [(value.real, error.real, exact.real), (value.imag, error.imag, exact.imag)]
    return compare(pairs)


@lru_cache
def run(name):
    """A case, and its two-time function from trajectories."""
    case = CASES[name]()
    return case, cj.two_time(case.model, case.state, TAUS, case.a, case.b, start=START, n_traj=N_TRAJ, seed=3)


@pytest.mark.parametrize(
    "name", ["two_blocks", "three_levels", "apart", "one_block", pytest.param("cavity", marks=pytest.mark.validation)]
)
def test_two_time_functions_are_those_of_the_master_equation(name):
    case, found = run(name)
    exact = cj.master_equation(case.model, case.state, [0, 1]).two_time(TAUS, case.a, case.b, start=START)
    assert verdict(found, exact.mean, exact.connected).passes
    assert found.connected_stderr.max() < BOUND * (1 + np.abs(exact.connected).max())
    assert not found.uncertain.any()


def test_b_on_the_wrong_side_is_seen():
    case, found = run("two_blocks")
    wrong = FullSpace(case, START).two_time(TAUS, case.a, case.b, wrong_side=True)
    assert verdict(found, *wrong).worst > 10


@pytest.mark.parametrize("name", ["three_levels", "cavity"])
def test_coincidences_are_those_of_the_master_equation(name):
    case = CASES[name]()
    found = cj.g2(case.model, case.state, TAUS, case.b, start=START, n_traj=N_TRAJ, seed=3)
    exact = cj.master_equation(case.model, case.state, [0, 1]).g2(TAUS, case.b, start=START)
    assert compare([(found.mean, found.stderr, exact.mean)]).passes
    assert found.stderr.max() < BOUND


def test_the_error_of_the_connected_function_does_not_grow_with_the_number_of_particles():
    taus, z, errors, worst = np.array([0.0, 0.5, 1.0]), {"spins": Z}, [], []
    for N in (10, 160):
        model = cj.systems.free_flips(N, 0.7, 1.3, 0.8)
        state = cj.tilted(model, 1.1, 0.4)
        found = cj.two_time(model, state, taus, z, z, start=0.5, n_traj=100, seed=5)
        exact = cj.mean_field(model, state, [0, 1]).two_time(taus, z, z, start=0.5)  # of independent spins at any N
        errors.append(found.connected_stderr.max())
        worst.append(np.abs((found.connected - exact.connected) / found.connected_stderr).max())
    assert max(worst) < 4
    assert errors[1] < 1.5 * errors[0] < 0.3


def test_what_changes_in_time_goes_on_changing_in_the_branches():
    def made(change):
        terms = [cj.OneBody(X, "s", envelope=lambda t: np.exp(-((t - 0.8) ** 2)) if change else 1.0 + 0 * t)]
        return cj.Model([cj.Block("s", 4)], terms, [cj.LocalJump(LOWER, "s")])

    a, b, taus = {"s": Z}, {"s": X + 0.5j * Z}, np.array([0.0, 0.6, 1.5])
    model = made(True)
    found = cj.two_time(model, cj.tilted(model, 1.1, 0.4), taus, a, b, start=0.6, n_traj=60, seed=3)
    exact = cj.master_equation(model, cj.tilted(model, 1.1, 0.4), [0, 1]).two_time(taus, a, b, start=0.6)
    assert verdict(found, exact.mean, exact.connected).passes
    assert found.connected_stderr.max() < 2 * BOUND
    wrong = cj.master_equation(made(False), cj.tilted(model, 1.1, 0.4), [0, 1]).two_time(taus, a, b, start=0.6)
    assert verdict(found, wrong.mean, wrong.connected).worst > 5


def test_a_spectrum_has_the_error_of_transformed_trajectories():
    model, z, taus, omegas = cj.systems.free_flips(5, 0.0, 1.3, 0.8), {"spins": Z}, np.linspace(0, 4, 21), [0.0, 1, 3]
    state = cj.product(model, {"spins": np.diag([1.3, 0.8]) / 2.1})
    exact = cj.steady_state(model).two_time(taus, z, z).spectrum(omegas)
    found = cj.two_time(model, state, taus, z, z, n_traj=150, seed=1).spectrum(omegas)
    pairs = [
        (found.mean.real, found.stderr.real, exact.mean.real),
        (found.mean.imag, found.stderr.imag, exact.mean.imag),
    ]
    assert compare(pairs).passes
    assert np.abs(found.stderr).max() < 0.2
