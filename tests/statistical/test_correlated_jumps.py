"""Collective jumps with a matrix of rates: against the equation with that matrix, written out in the full space."""

from functools import lru_cache

import numpy as np
import pytest
from scipy.linalg import expm

import cojump as cj
from tests import oracle
from tests.statistical.block_cases import start
from tests.statistical.rules import against_oracle
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

SIZES = {"a": 2, "b": 3}
JUMPS = [{"a": LOWER}, {"a": 0.4 * RAISE + 0.2 * ONE, "b": LOWER + 0.3j * Z}, {"b": X - 0.5 * Y}, {"a": Z}]
ROOT = np.array([[0.8, 0.5j, 0], [0.3 - 0.2j, 0.6, 0.1], [0.4, 0, -0.7j], [0.1, 0.2j, 0.3]])
RATES = ROOT @ ROOT.conj().T
"""Of four jumps and of rank three, complex."""

TIMES = np.linspace(0, 0.9, 4)
N_TRAJ = 4000
LARGEST_ERROR = 0.01


def _model(jumps):
    local = cj.LocalJump(0.6 * LOWER, "a", amplitude=lambda x: 1 + 0.5 * x, argument={"b": Z})
    blocks = [cj.Block(name, size) for name, size in SIZES.items()]
    return cj.Model(blocks, [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.3 * Z + 0.2 * Y, "b")], [local, *jumps])


@lru_cache
def _solved(correlated=True):
    """The equation as it is written, with the matrix of rates and nothing diagonalised."""
    model = _model([])
    full = oracle.Oracle(model)
    one, L = np.eye(full.dimension), full.liouvillian()
    Ys = [sum(full.collective(y, block) for block, y in jump.items()) for jump in JUMPS]
    for i, Yi in enumerate(Ys):
        for j, Yj in enumerate(Ys):
            if i == j or correlated:
                JJ = Yj.conj().T @ Yi
                L += RATES[i, j] / full.total * np.kron(Yi, Yj.conj())
                L -= RATES[i, j] / full.total / 2 * (np.kron(JJ, one) + np.kron(one, JJ.T))
    step = expm(L * (TIMES[1] - TIMES[0]))
    states = [start(model)[1].ravel()]
    for _ in TIMES[1:]:
        states.append(step @ states[-1])
    rho = np.array(states).reshape(len(TIMES), full.dimension, full.dimension)
    mean, second = (np.array(part) for part in zip(*(full.moments(r) for r in rho), strict=True))
    return oracle.OracleSolution(TIMES, mean, second, np.zeros_like(second), rho)


def test_the_master_equation_is_that_of_the_matrix():
    model = _model(cj.correlated_jumps(JUMPS, RATES))
    exact = cj.master_equation(model, start(model)[0], TIMES)
    np.testing.assert_allclose(exact.mean, _solved().mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(exact.second, _solved().second, rtol=0, atol=1e-10)
    assert np.abs(exact.mean - _solved(correlated=False).mean).max() > 0.01


def test_trajectories_have_its_averages():
    model = _model(cj.correlated_jumps(JUMPS, RATES))
    result = cj.simulate(model, start(model)[0], TIMES, n_traj=N_TRAJ, seed=5, chunk=1000)
    verdict = against_oracle(result, _solved())
    print(f"\n{verdict}")
    assert verdict.passes, verdict
    assert verdict.largest_error < LARGEST_ERROR, verdict
    wrong = against_oracle(result, _solved(correlated=False))
    assert wrong.worst > 10, wrong


def test_there_is_one_jump_for_each_eigenvalue():
    jumps = cj.correlated_jumps(JUMPS, RATES)
    np.testing.assert_allclose([jump.rate for jump in jumps], np.linalg.eigvalsh(RATES)[1:], rtol=1e-12)
    assert cj.correlated_jumps(JUMPS, np.zeros((4, 4))) == []
    assert cj.correlated_jumps([], np.zeros((0, 0))) == []


def test_fully_correlated_jumps_are_one():
    (jump,) = cj.correlated_jumps([{"a": X}, {"b": Z}], 0.4 * np.ones((2, 2)))
    for block, matrix in {"a": X, "b": Z}.items():
        np.testing.assert_allclose(np.sqrt(jump.rate) * jump.matrices[block], np.sqrt(0.4) * matrix, atol=1e-14)


def test_a_jump_without_correlations_stays_as_it_is():
    """Equal rates: one diagonalisation of all would mix what nothing connects, and with it independent blocks."""
    jumps = cj.correlated_jumps([{"a": X}, {"b": Z}, {"c": LOWER}], [[1, 0, 0.2], [0, 1.1, 0], [0.2, 0, 1]])
    assert [(set(jump.matrices), round(jump.rate, 12)) for jump in jumps] == [
        ({"a", "c"}, 0.8),
        ({"a", "c"}, 1.2),
        ({"b"}, 1.1),
    ]
    np.testing.assert_array_equal(jumps[2].matrices["b"], Z)


REFUSED = [
    ([[1, 2], [2, 1]], "Argument `rates` must have no negative eigenvalue, but one is -1"),
    ([[1, 0.5], [0, 1]], "Argument `rates` must be Hermitian, but |γ - γ†| reaches 0.5"),
    (
        [1, 2],
        "Argument `rates` must be a Hermitian matrix (2, 2), one row for each of `matrices`, but its shape is (2,)",
    ),
]


@pytest.mark.parametrize(("rates", "message"), REFUSED)
def test_rates_that_are_no_positive_matrix(rates, message):
    with pytest.raises(cj.ArgumentError) as caught:
        cj.correlated_jumps([{"a": X}, {"b": Z}], rates)
    assert str(caught.value) == message


def test_matrices_that_do_not_fit_each_other():
    with pytest.raises(cj.ArgumentError, match=r"matrices\[1\]\['a'\]` must have the shape \(2, 2\) of matrices"):
        cj.correlated_jumps([{"a": X}, {"a": np.eye(3)}], np.eye(2))
