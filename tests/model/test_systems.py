"""The named systems, written out on the full space of all particles, against their literal formulas."""

from itertools import product

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from cojump.model.systems import NAMED
from tests.oracle import Oracle, product_state
from tests.support.pauli import LOWER, ONE, RAISE, X, Z

UP = np.diag([1.0, 0.0]).astype(complex)


def on(matrix, k, N):
    """x^(k) of N spins; the first particle is the most significant digit."""
    total = np.ones((1, 1))
    for n in range(N):
        total = np.kron(total, matrix if n == k else ONE)
    return total


def total(matrix, N):
    return sum(on(matrix, k, N) for k in range(N))


def diagonal_function(function, matrix):
    assert np.allclose(matrix, np.diag(np.diag(matrix)))
    return np.diag(function(np.diag(matrix).real))


def same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


SIZES = [1, 2, 3, 4]


@pytest.mark.parametrize("N", SIZES)
def test_free_flips(N):
    oracle = Oracle(cj.systems.free_flips(N, 0.7, 1.3, 0.8, chi=0.45))
    expected = 0.7 * total(X, N) + 0.45 / N * total(Z, N) @ total(Z, N)
    np.testing.assert_allclose(oracle.hamiltonian, expected, atol=1e-13)
    up, down = ([np.sqrt(rate) * on(j, k, N) for k in range(N)] for rate, j in ((1.3, RAISE), (0.8, LOWER)))
    same(oracle.jumps, up + down)


def test_free_flips_without_some_of_its_parts():
    assert len(cj.systems.free_flips(3, 0.7, 0.0, 0.0).jumps) == 0
    assert len(cj.systems.free_flips(3, 0.7, 0.0, 1.0).jumps) == 1
    assert len(cj.systems.free_flips(3, 0.7, 1.0, 1.0).hamiltonian) == 1
    assert len(cj.systems.free_flips(3, 0.7, 1.0, 1.0, chi=-0.1).hamiltonian) == 2


@pytest.mark.parametrize("N", SIZES)
def test_constrained(N):
    oracle = Oracle(cj.systems.constrained(N, 0.7, 1.3, 0.8))
    n_av = total(UP, N) / N
    np.testing.assert_allclose(oracle.hamiltonian, 0.7 * total(X, N), atol=1e-13)
    jumps = [np.sqrt(rate) * on(j, k, N) @ n_av for rate, j in ((1.3, RAISE), (0.8, LOWER)) for k in range(N)]
    same(oracle.jumps, jumps)


@pytest.mark.parametrize("N", SIZES)
@pytest.mark.parametrize("power", [1, 2, 0.5])
def test_facilitated(N, power):
    oracle = Oracle(cj.systems.facilitated(N, 0.7, 2.3, 0.8, power=power))
    rate = diagonal_function(lambda n: np.sqrt(2.3 * n**power), total(UP, N) / N)
    np.testing.assert_allclose(oracle.hamiltonian, 0.7 * total(X, N), atol=1e-13)
    up = [on(RAISE, k, N) @ rate for k in range(N)]
    same(oracle.jumps, up + [np.sqrt(0.8) * on(LOWER, k, N) for k in range(N)])
    assert np.allclose(up[0][:, -1], 0)  # all down is absorbing


@pytest.mark.parametrize("N", SIZES)
def test_boundary_time_crystal(N):
    oracle = Oracle(cj.systems.boundary_time_crystal(N, 1.5, 0.9))
    np.testing.assert_allclose(oracle.hamiltonian, 1.5 * total(X, N), atol=1e-13)
    same(oracle.jumps, [np.sqrt(0.9 / N) * total(LOWER, N)])


PATTERNS = {
    "uniform": [[1, 1, 1]],
    "one": [[1, 1, -1, 1]],
    "two": [[1, 1, -1, 1, -1], [1, -1, 1, 1, -1]],
    "three": [[1, -1, 1, 1, -1], [1, 1, -1, 1, -1], [-1, 1, 1, -1, 1]],
    "single spin": [[-1], [1], [1]],
}


def literal_hopfield(patterns, beta, exclude_self):
    """Jump operators (58) or (59), particle by particle in the order of the patterns' columns."""
    xi = np.array(patterns)
    p, N = xi.shape
    operators = []
    for k, (sign, flip) in product(range(N), ((1, RAISE), (-1, LOWER))):
        energy = np.zeros((2**N, 2**N), dtype=complex)
        for mu in range(p):
            for j in range(N):
                if j != k or not exclude_self:
                    energy += xi[mu, k] * xi[mu, j] * on(Z, j, N) / N
        gamma = diagonal_function(lambda x, s=sign: np.exp(s * beta * x / 2) / np.sqrt(2 * np.cosh(beta * x)), energy)
        operators.append((k, sign, on(flip, k, N) @ gamma))
    return operators


def permutation(order, N):
    """Matrix that brings the particles into a new order: new particle i is old particle order[i]."""
    P = np.zeros((2**N, 2**N))
    for bits in product((0, 1), repeat=N):
        old = int("".join(str(b) for b in bits), 2)
        new = int("".join(str(bits[k]) for k in order), 2)
        P[new, old] = 1
    return P


def order_of_columns(model, patterns):
    """Columns of the patterns in the order of the blocks."""
    names = ["".join("+" if s > 0 else "-" for s in column) for column in np.array(patterns).T]
    order = [k for block in model.blocks for k, name in enumerate(names) if name == block.name]
    assert sorted(order) == list(range(len(names)))
    assert [names.count(b.name) for b in model.blocks] == [b.size for b in model.blocks]
    return order


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("exclude_self", [True, False])
def test_hopfield(name, exclude_self):
    patterns, beta = PATTERNS[name], 1.7
    model = cj.systems.hopfield(patterns, 0.6, beta, exclude_self=exclude_self)
    N = len(patterns[0])
    order = order_of_columns(model, patterns)
    P = permutation(order, N)
    oracle = Oracle(model)
    np.testing.assert_allclose(oracle.hamiltonian, 0.6 * total(X, N), atol=1e-13)
    literal = {(k, sign): P @ J @ P.T for k, sign, J in literal_hopfield(patterns, beta, exclude_self)}
    # block by block, first the flips up of its particles, then those down
    expected, first = [], 0
    for block in model.blocks:
        members = order[first : first + block.size]
        expected += [literal[k, sign] for sign in (1, -1) for k in members]
        first += block.size
    same(oracle.jumps, expected)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("exclude_self", [True, False])
def test_merged_hopfield_is_the_network_of_the_rotated_spins(name, exclude_self):
    patterns, beta = np.array(PATTERNS[name]), 1.7
    N = patterns.shape[1]
    model = cj.systems.hopfield(patterns, 0.6, beta, exclude_self=exclude_self, merge=True)
    assert all(block.name.startswith("+") for block in model.blocks)
    order = order_of_columns(model, patterns * patterns[0])
    # rotate the spins with ξ^1 = -1 about x: σ_z → -σ_z, σ_y → -σ_y, σ_+ ↔ σ_-
    turn = np.ones((1, 1), dtype=complex)
    for sign in patterns[0]:
        turn = np.kron(turn, X if sign < 0 else ONE)
    W = permutation(order, N) @ turn
    oracle = Oracle(model)
    np.testing.assert_allclose(oracle.hamiltonian, 0.6 * total(X, N), atol=1e-13)
    found = {}
    for k, sign, J in literal_hopfield(patterns, beta, exclude_self):
        found[k, sign * patterns[0, k]] = W @ J @ W.conj().T
    expected, first = [], 0
    for block in model.blocks:
        members = order[first : first + block.size]
        expected += [found[k, sign] for sign in (1, -1) for k in members]
        first += block.size
    same(oracle.jumps, expected)


def test_merging_halves_the_blocks():
    patterns = np.array(list(product((1, -1), repeat=3))).T
    assert len(cj.systems.hopfield(patterns, 0.5, 1.0).blocks) == 8
    merged = cj.systems.hopfield(patterns, 0.5, 1.0, merge=True)
    assert [(b.name, b.size) for b in merged.blocks] == [("+++", 2), ("++-", 2), ("+-+", 2), ("+--", 2)]
    assert len(cj.systems.hopfield(np.array([[1, -1, -1]]), 0.5, 1.0, merge=True).blocks) == 1


def test_merged_hopfield_has_the_dynamics_of_the_rotated_spins():
    patterns, times = np.array([[1, 1, -1, 1], [1, -1, -1, 1]]), [0.0, 0.7]
    plain = cj.systems.hopfield(patterns, 0.6, 1.7)
    merged = cj.systems.hopfield(patterns, 0.6, 1.7, merge=True)
    r = np.array([[0.7, 0.2 - 0.1j], [0.2 + 0.1j, 0.3]])
    s = np.array([[0.4, 0.3j], [-0.3j, 0.6]])
    start = {"++": r, "--": X @ r @ X, "+-": s}
    a = Oracle(plain).solve(product_state(plain, start), times)
    b = Oracle(merged).solve(product_state(merged, {"++": r, "+-": s}), times)
    means = dict(zip(plain.labels, a.mean[1], strict=True))
    rotated = dict(zip(merged.labels, b.mean[1], strict=True))
    for axis, sign in (("x", 1), ("y", -1), ("z", -1)):
        together = (2 * means[f"++.{axis}"] + sign * means[f"--.{axis}"]) / 3
        assert rotated[f"++.{axis}"] == pytest.approx(together, abs=1e-11)
        assert rotated[f"+-.{axis}"] == pytest.approx(means[f"+-.{axis}"], abs=1e-11)


def test_hopfield_rates_do_not_overflow():
    model = cj.systems.hopfield(np.ones((1, 5)), 0.5, 1e6)
    x = np.array([-1.0, -1e-3, 0.0, 1e-3, 1.0])
    up, down = model.jumps[0].gamma(x), model.jumps[1].gamma(x)
    np.testing.assert_allclose(up**2 + down**2, 1, rtol=1e-14)
    np.testing.assert_allclose(up, [0, 0, np.sqrt(0.5), 1, 1], atol=1e-12)


def test_orthogonal_signatures_do_not_meet():
    model = cj.systems.hopfield([[1, 1, 1, 1], [1, 1, -1, -1]], 0.5, 1.0)
    for jump in model.jumps:
        assert set(jump.argument) == {jump.block}


def test_random_patterns():
    patterns = cj.systems.random_patterns(3, 4000, seed=5)
    assert patterns.shape == (3, 4000)
    assert set(np.unique(patterns)) == {-1, 1}
    np.testing.assert_array_equal(patterns, cj.systems.random_patterns(3, 4000, seed=5))
    assert not np.array_equal(patterns, cj.systems.random_patterns(3, 4000, seed=6))
    assert np.abs(patterns.mean(axis=1)).max() < 4 / np.sqrt(4000)
    overlaps = patterns @ patterns.T / 4000 - np.eye(3)
    assert np.abs(overlaps).max() < 4 / np.sqrt(4000)


def test_named_systems_are_the_public_ones():
    for name, function in NAMED.items():
        assert getattr(cj.systems, name) is function


BAD = [
    (lambda: cj.systems.free_flips(0, 1, 1, 1), "Argument `size` must be an integer of at least 1, but it is 0"),
    (lambda: cj.systems.free_flips(2.0, 1, 1, 1), "Argument `size` must be an integer of at least 1, but it is 2.0"),
    (
        lambda: cj.systems.free_flips(2, "1", 1, 1),
        "Argument `omega` must be a finite number, but it is '1'",
    ),
    (
        lambda: cj.systems.free_flips(2, 1, -1, 1),
        "Argument `rate_up` must be a finite number of at least 0, but it is -1",
    ),
    (
        lambda: cj.systems.free_flips(2, 1, 1, np.nan),
        "Argument `rate_down` must be a finite number of at least 0, but it is nan",
    ),
    (lambda: cj.systems.free_flips(2, 1, 1, 1, chi=1j), "Argument `chi` must be a finite number, but it is 1j"),
    (
        lambda: cj.systems.constrained(2, 1, 1, -0.5),
        "Argument `rate_down` must be a finite number of at least 0, but it is -0.5",
    ),
    (
        lambda: cj.systems.facilitated(2, 1, -1, 1),
        "Argument `kappa` must be a finite number of at least 0, but it is -1",
    ),
    (
        lambda: cj.systems.facilitated(2, 1, 1, -1),
        "Argument `gamma` must be a finite number of at least 0, but it is -1",
    ),
    (lambda: cj.systems.facilitated(2, 1, 1, 1, power=0), "Argument `power` must be positive, but it is 0.0"),
    (
        lambda: cj.systems.boundary_time_crystal(2, 1, -1),
        "Argument `kappa` must be a finite number of at least 0, but it is -1",
    ),
    (
        lambda: cj.systems.hopfield([1, 1], 1, 1),
        "Argument `patterns` must be an array (p, N) of ±1, but its shape is (2,)",
    ),
    (
        lambda: cj.systems.hopfield(np.ones((0, 3)), 1, 1),
        "Argument `patterns` must be an array (p, N) of ±1, but its shape is (0, 3)",
    ),
    (
        lambda: cj.systems.hopfield("++", 1, 1),
        "Argument `patterns` must be an array (p, N) of ±1, but it is '++'",
    ),
    (
        lambda: cj.systems.hopfield([[1, 1], [1, 0]], 1, 1),
        "Argument `patterns` must hold only +1 and -1, but patterns[1, 1] = 0",
    ),
    (
        lambda: cj.systems.hopfield([[1, np.nan]], 1, 1),
        "Argument `patterns` must hold only +1 and -1, but patterns[0, 1] = nan",
    ),
    (
        lambda: cj.systems.hopfield([[1, 1]], 1, -1),
        "Argument `beta` must be a finite number of at least 0, but it is -1",
    ),
    (lambda: cj.systems.hopfield([[1, 1]], None, 1), "Argument `omega` must be a finite number, but it is None"),
    (
        lambda: cj.systems.hopfield([[1, 1]], 1, 1, exclude_self="yes"),
        "Argument `exclude_self` must be True or False, but it is 'yes'",
    ),
    (lambda: cj.systems.random_patterns(0, 3, 0), "Argument `p` must be an integer of at least 1, but it is 0"),
    (lambda: cj.systems.random_patterns(1, 3, -1), "Argument `seed` must be an integer of at least 0, but it is -1"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_inputs(make, message):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert str(caught.value) == message
