"""The Potts-Hopfield network and the Λ scheme."""

import numpy as np
import pytest

import cojump as cj
from tests import oracle

PATTERNS = np.array([[0, 1, 2, 0, 2, 0], [1, 1, 0, 1, 0, 2]])


def test_blocks_are_the_columns_of_the_patterns():
    model = cj.systems.potts_hopfield(PATTERNS, 3, 0.4, 1.2)
    assert [(b.name, b.size, b.levels) for b in model.blocks] == [
        ("0-1", 2, 3),
        ("0-2", 1, 3),
        ("1-1", 1, 3),
        ("2-0", 2, 3),
    ]
    many = cj.systems.potts_hopfield(np.array([[10, 2, 10]]), 11, 0.4, 1.2)
    assert [(b.name, b.size) for b in many.blocks] == [("2", 1), ("10", 2)]


@pytest.mark.parametrize("exclude_self", [True, False])
def test_the_definition_term_by_term(exclude_self):
    """Every jump operator written out in the space of all particles from U_a itself."""
    q, beta, patterns = 3, 1.3, np.array([[0, 2, 0], [1, 1, 0]])
    model = cj.systems.potts_hopfield(patterns, q, 0.4, beta, exclude_self=exclude_self)
    found = oracle.Oracle(model)
    N = patterns.shape[1]
    order = sorted(range(N), key=lambda k: tuple(patterns[:, k]))
    f = patterns[:, order]
    words = np.array(np.unravel_index(np.arange(q**N), (q,) * N)).T  # level of each particle in each basis state
    expected = []
    names = ["-".join(map(str, column)) for column in f.T]
    for block in model.blocks:
        members = [k for k, name in enumerate(names) if name == block.name]
        for a in range(q):
            for b in (b for b in range(q) if b != a):
                for k in members:
                    x = np.zeros(q**N)
                    for j in range(N):
                        if exclude_self and j == k:
                            continue
                        for mu in range(len(f)):
                            other = q * (f[mu, j] == words[:, j]) - 1
                            x += (q * (f[mu, k] == b) - q * (f[mu, k] == a)) / 2 * other / N
                    gamma = np.exp(beta * x / 2) / np.sqrt(2 * np.cosh(beta * x))
                    expected.append(found.local(np.outer(np.eye(q)[b], np.eye(q)[a]), k) * gamma)
    assert len(found.jumps) == len(expected) == N * q * (q - 1)
    for ours, theirs in zip(found.jumps, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    drive = sum(found.local(np.ones((q, q)) - np.eye(q), k) for k in range(N))
    np.testing.assert_allclose(found.hamiltonian, 0.4 * drive, rtol=0, atol=1e-14)


@pytest.mark.parametrize("exclude_self", [True, False])
def test_two_levels_are_the_hopfield_network(exclude_self):
    """The same jump operators and Hamiltonian, block by block, and the same overlaps."""
    signs = np.array([[1, -1, 1, 1], [1, 1, -1, 1]])
    potts = cj.systems.potts_hopfield((1 - signs) // 2, 2, 0.7, 1.6, exclude_self=exclude_self)
    spins = cj.systems.hopfield(signs, 0.7, 1.6, exclude_self=exclude_self)
    names = [b.name.replace("0", "+").replace("1", "-") for b in potts.blocks]
    assert [n[0] + n[2] for n in names] == [b.name for b in spins.blocks]
    ours, theirs = oracle.Oracle(potts), oracle.Oracle(spins)
    np.testing.assert_allclose(ours.hamiltonian, theirs.hamiltonian, rtol=0, atol=1e-14)
    # a block's jumps are 0 → 1 (down), 1 → 0 (up) here and up, down there
    place, sizes = 0, [b.size for b in potts.blocks]
    for size in sizes:
        for shift, other in ((0, size), (size, 0)):
            for k in range(size):
                np.testing.assert_allclose(
                    ours.jumps[place + shift + k], theirs.jumps[place + other + k], rtol=0, atol=1e-12
                )
        place += 2 * size
    for name in ("overlap1", "overlap2"):
        a, b = (m.linear(name, m.order_parameters[name]) for m in (potts, spins))
        assert abs(a[0] - b[0]) < 1e-14
        np.testing.assert_allclose(a[1], b[1], rtol=0, atol=1e-14)


def test_overlaps_of_pure_patterns():
    model = cj.systems.potts_hopfield(PATTERNS, 3, 0.4, 1.2)
    for mu in range(2):
        kets = {b.name: np.eye(3)[int(b.name.split("-")[mu])] for b in model.blocks}
        result = cj.simulate(model, cj.product(model, kets), [0.0], n_traj=2)
        assert result.order.labels == ("overlap1", "overlap2")
        assert abs(result.order.mean[0, mu] - 1) < 1e-12
    even = cj.product(model, {b.name: np.eye(3) / 3 for b in model.blocks})
    assert np.abs(cj.mean_field(model, even, [0.0]).mean[0, :3] - 1 / 3).max() < 1e-12


def test_corrupted_patterns_of_potts_spins():
    model = cj.systems.potts_hopfield(PATTERNS, 3, 0.4, 1.2)
    state = cj.corrupted(model, pattern=1, quality=0.7)
    for block, density in zip(model.blocks, state.densities, strict=True):
        right = int(block.name.split("-")[1])
        np.testing.assert_allclose(density, np.diag([0.7 if a == right else 0.15 for a in range(3)]), atol=1e-15)
    with pytest.raises(cj.ArgumentError, match="pattern"):
        cj.corrupted(model, pattern=2)
    with pytest.raises(cj.ArgumentError, match="be a Hopfield model"):
        cj.corrupted(cj.systems.lambda_pump(3, 1, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 3]], 3, 1, 1), "hold only the levels 0 to 2"),
        (([0, 1], 3, 1, 1), "be an array"),
        (([[0, 1]], 1, 1, 1), "levels"),
        (([[0, 1]], 3, 1, -1), "beta"),
        (([["a"]], 3, 1, 1), "be an array"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(cj.ArgumentError, match=message):
        cj.systems.potts_hopfield(*arguments)


def test_random_patterns_of_levels():
    patterns = cj.systems.random_patterns(2, 3000, seed=1, levels=3)
    assert patterns.shape == (2, 3000)
    counts = np.array([np.bincount(row, minlength=3) for row in patterns])
    assert np.all(np.abs(counts - 1000) < 4 * np.sqrt(3000 * 2 / 9))
    np.testing.assert_array_equal(patterns, cj.systems.random_patterns(2, 3000, seed=1, levels=3))


# ---- the Λ scheme ----------------------------------------------------------------------------------


def test_the_gate_stays_shut_without_target_particles():
    """No jumps, and undamped Rabi oscillations n2 = sin²(omega t)."""
    model = cj.systems.lambda_pump(30, 0.9, 5.0, 0.7)
    times = np.linspace(0, 6, 13)
    result = cj.simulate(model, cj.product(model, {"particles": [1, 0, 0]}), times, n_traj=2, seed=1)
    assert result.n_jumps == 0
    np.testing.assert_allclose(result.mean[:, 2], np.sin(0.9 * times) ** 2, rtol=0, atol=1e-8)
    np.testing.assert_allclose(result.mean[:, 1], 0, atol=1e-12)


def test_the_avalanche_has_its_threshold():
    """In mean field a seed of target particles grows for kappa/2 > gamma and dies out below."""
    for kappa, grows in ((3.0, True), (1.5, False)):
        model = cj.systems.lambda_pump(100, 2.0, kappa, 1.0)
        start = cj.product(model, {"particles": np.diag([0.99, 0.01, 0.0])})
        n1 = cj.mean_field(model, start, [0.0, 60.0]).mean[-1, 1]
        assert (n1 > 0.05) == grows


@pytest.mark.parametrize("values", [{"power": 0}, {"kappa": -1}, {"gamma": -1}, {"omega": np.nan}])
def test_bad_arguments_of_the_lambda_scheme(values):
    with pytest.raises(cj.ArgumentError, match=next(iter(values))):
        cj.systems.lambda_pump(**{"size": 3, "omega": 1.0, "kappa": 1.0, "gamma": 1.0, **values})
