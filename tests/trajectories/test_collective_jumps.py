"""Collective jumps of one block: the banded tables and kernel against dense spin matrices, and the two engines."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.kernels.common import PAD
from cojump.trajectories.kernels.jump import collective_jump, collective_weight, ladder_jump, ladder_weights
from cojump.trajectories.kernels.moments import spin_moments
from cojump.trajectories.no_jump_tables import COLLECTIVE_DOWN, COLLECTIVE_UP
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.spin_engine import Engine
from cojump.trajectories.spin_tables import build, is_banded
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.twins import banded_matrix, collective, same_ray

S = "spins"
Y_DOWN = LOWER + (0.2 + 0.1j) * Z + 0.3 * np.eye(2)
Y_UP = 0.7 * LOWER.T - 0.1j * Z


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("matrices", [(LOWER,), (Y_DOWN,), (Y_UP,), (Y_DOWN, Y_UP)])
def test_banded_effective_hamiltonian(size, matrices):
    jumps = [cj.CollectiveJump({S: y}, rate=0.8 + n) for n, y in enumerate(matrices)]
    model = cj.Model([cj.Block(S, size)], [cj.OneBody(0.4 * X, S)], jumps)
    h_eff = build(model).h_eff
    for two_J in range(size % 2, size + 1, 2):
        exact = collective(0.4 * X, size, two_J)
        for jump, y in zip(jumps, matrices, strict=True):
            L = np.sqrt(jump.rate / size) * collective(y, size, two_J)
            exact = exact - 0.5j * L.conj().T @ L
        assert np.abs(banded_matrix(h_eff, two_J) - exact).max() < 1e-13 * max(1, size**2)


@pytest.mark.parametrize("matrix", [LOWER, Y_DOWN, Y_UP])
@pytest.mark.parametrize(("size", "two_J"), [(1, 1), (4, 0), (5, 3), (8, 8)])
def test_the_jump_is_the_operator(size, two_J, matrix):
    generator = np.random.default_rng(size + two_J)
    ket = generator.normal(size=(two_J + 1, 2)) @ [1, 1j]
    cells = size + 1 + 2 * PAD
    re, im, to_re, to_im = np.zeros((4, cells))
    lo = (size - two_J) // 2 + PAD
    inside = slice(lo, lo + two_J + 1)
    re[inside], im[inside] = ket.real, ket.imag
    norm2 = collective_jump(
        size, two_J, matrix.real.copy(), matrix.imag.copy(), re, im, lo, lo + two_J + 1, to_re, to_im
    )
    exact = collective(matrix, size, two_J) @ ket
    assert np.abs(to_re[inside] + 1j * to_im[inside] - exact).max() < 1e-12
    assert norm2 == pytest.approx(np.vdot(exact, exact).real, abs=1e-12)
    moments = spin_moments(size, two_J, re, im, lo, lo + two_J + 1)
    weight, certain = collective_weight(size, two_J, matrix.real.copy(), matrix.imag.copy(), moments)
    assert certain == (norm2 > 0)
    assert weight == pytest.approx(norm2, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize(("size", "two_J"), [(1, 1), (4, 0), (4, 2), (5, 3), (8, 8)])
def test_a_collective_ladder_is_a_ladder_with_one_outcome(size, two_J, down):
    matrix = 1.3j * (LOWER if down else LOWER.T)
    model = cj.Model([cj.Block(S, size)], [], [cj.CollectiveJump({S: matrix}, rate=0.7)])
    tables = build(model).jumps
    assert tables.kind[0] == (COLLECTIVE_DOWN if down else COLLECTIVE_UP)
    generator = np.random.default_rng(size + two_J)
    ket = generator.normal(size=(two_J + 1, 2)) @ [1, 1j]
    re, im, to_re, to_im = np.zeros((4, size + 1 + 2 * PAD))
    lo = (size - two_J) // 2 + PAD
    hi = lo + two_J + 1
    re[lo:hi], im[lo:hi] = ket.real, ket.imag
    exact = np.sqrt(0.7 / size) * collective(matrix, size, two_J) @ ket
    weights = np.full(4, np.nan)
    ladder_weights(size, two_J, down, True, tables.strength[0], tables.gamma[0], re, im, lo, hi, weights)
    assert weights[:3] == pytest.approx([np.vdot(exact, exact).real, 0, 0], abs=1e-12)
    norm2 = ladder_jump(size, two_J, down, 0, tables.gamma[0], re, im, lo, hi, to_re, to_im)
    if two_J:
        assert same_ray((to_re + 1j * to_im)[lo:hi] / np.sqrt(norm2), exact / np.linalg.norm(exact)) < 1e-12


def test_which_collective_jumps_are_banded():
    def model(*matrices):
        return cj.Model([cj.Block(S, 3)], [], [cj.CollectiveJump({S: y}, rate=1.0) for y in matrices])

    assert is_banded(model(LOWER))
    assert is_banded(model(Y_UP))
    assert is_banded(model(X))  # it is diagonal along x
    assert is_banded(model(LOWER + 0.4j * RAISE))  # one alone is triangular along some axis
    assert not is_banded(model(X, Z))  # L†L couples M to M ± 2


def test_both_engines_give_the_same_averages():
    model = cj.Model(
        [cj.Block(S, 5)],
        [cj.OneBody(0.75 * X, S)],
        [
            cj.CollectiveJump({S: Y_DOWN}, rate=1.0),
            cj.LocalJump(0.5 * LOWER, S, amplitude=lambda x: 1 + 0.5 * x, argument={S: Z}),
        ],
    )
    state, times, n = cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 4), 1500
    means = []
    for kind in (Engine, ProductEngine):
        engine = kind(model, state, times, 1e-9)
        means.append(np.array([engine.run(3, i).mean for i in range(n)]))
    value, error = (m.mean(0) for m in means), np.sqrt(sum(m.var(0, ddof=1) for m in means) / n)
    first, second = value
    verdict = compare([(first, error, second)])
    assert verdict.passes, verdict
    assert verdict.largest_error < 0.02
