"""Initial states: what they are in d^N, how they are drawn, and what is refused."""

from math import comb

import numpy as np
import pytest

import cojump as cj
from cojump.basis.spin_starts import (
    Arrangements,
    SpinStart,
    component_eigenstate,
    product_amplitudes,
    rotate_symmetric,
)
from cojump.errors import ArgumentError
from cojump.model.states import DickeBlock, ProductBlock, SectorBlock, SymmetricBlock
from cojump.trajectories.axes import axis_rotation
from tests import twins
from tests.oracle import Oracle, dicke_state, product_state, symmetric_state
from tests.support import slow_starts
from tests.support.pauli import PAULI
from tests.support.random_models import random_density

LARGE = 100_000


def spins(size, name="s"):
    return cj.Model([cj.Block(name, size)])


def random_ket(rng, d=2):
    ket = rng.normal(size=d) + 1j * rng.normal(size=d)
    return ket / np.linalg.norm(ket)


def bloch(density):
    return np.array([np.trace(p @ density).real for p in PAULI])


# ---- what is refused -----------------------------------------------------------------------------

ONE, TWO = spins(4), cj.Model([cj.Block("a", 3), cj.Block("b", 4)])
THREE = cj.Model([cj.Block("q", 2, levels=3)])
HOPFIELD = cj.systems.hopfield([[1, 1, -1], [1, -1, -1]], 0.5, 1.0)

HOSTILE = [
    (
        lambda: cj.product(ONE, [1, 0]),
        "Argument `states` must map every block name to its state, but it is [1, 0]",
    ),
    (
        lambda: cj.product(ONE, {"s": [1, 0], "t": [1, 0]}),
        "Argument `states` must have names of blocks as keys ('s'), but one is 't'",
    ),
    *(
        (
            lambda make=make, value=value: make(TWO if make is not cj.occupation else THREE, {"typo": value}),
            "Argument `states` must have names of blocks as keys ("
            + ("'a', 'b'" if make is not cj.occupation else "'q'")
            + "), but one is 'typo'",
        )
        for make, value in (
            (cj.product, [1, 0]),
            (cj.dicke, (1, 1)),
            (cj.symmetric, [1, 0, 0, 0]),
            (cj.occupation, [1, 1, 0]),
        )
    ),
    (
        lambda: cj.product(ONE, {3: [1, 0]}),
        "Argument `states` must have names of blocks as keys ('s'), but one is 3",
    ),
    (
        lambda: cj.product(TWO, {"a": [1, 0]}),
        "Argument `states` must give a state to every block, but 'b' has none",
    ),
    (
        lambda: cj.product(ONE, {"s": [1, 1]}),
        "Argument `states['s']` must have norm 1, but its norm is 1.41421356237",
    ),
    (
        lambda: cj.product(ONE, {"s": [0, 0]}),
        "Argument `states['s']` must have norm 1, but its norm is 0",
    ),
    (
        lambda: cj.product(ONE, {"s": [np.nan, 0]}),
        "Argument `states['s']` must have finite entries, but it has NaN or infinite ones",
    ),
    (
        lambda: cj.product(ONE, {"s": "up"}),
        "Argument `states['s']` must be an array of numbers, but it is 'up'",
    ),
    (
        lambda: cj.product(THREE, {"q": [1, 0]}),
        "Argument `states['q']` must be a ket (3,) or a density matrix (3, 3), but its shape is (2,)",
    ),
    (
        lambda: cj.product(ONE, {"s": [[0.5, 0.5], [0, 0.5]]}),
        "Argument `states['s']` must be Hermitian, but |ρ - ρ†| reaches 0.5",
    ),
    (
        lambda: cj.product(ONE, {"s": np.eye(2)}),
        "Argument `states['s']` must have trace 1, but its trace is 2",
    ),
    (
        lambda: cj.product(ONE, {"s": np.diag([1.25, -0.25])}),
        "Argument `states['s']` must have no negative eigenvalue, but one is -0.25",
    ),
    (
        lambda: cj.tilted(ONE, "1", 0),
        "Argument `theta` must be a finite number, but it is '1'",
    ),
    (
        lambda: cj.tilted(ONE, 0.0, np.inf),
        "Argument `phi` must be a finite number, but it is inf",
    ),
    (
        lambda: cj.tilted(THREE, 0.1, 0.2),
        "Argument `model` must have two levels per particle for this state, but block 'q' has 3",
    ),
    (
        lambda: cj.dicke(ONE, {"s": 2}),
        "Argument `states['s']` must be a pair (J, M), but it is 2",
    ),
    (
        lambda: cj.dicke(ONE, {"s": (0.3, 0)}),
        "Argument `states['s'] J` must be an integer or a half-integer, but it is 0.3",
    ),
    (
        lambda: cj.dicke(ONE, {"s": (1.5, 0.5)}),
        "Argument `states['s'] J` must be integer for a block of 4 particles, but it is 1.5",
    ),
    (
        lambda: cj.dicke(TWO, {"a": (1.5, 1), "b": (1, 1)}),
        "Argument `states['a'] M` must be half-integer for a block of 3 particles, but it is 1",
    ),
    (
        lambda: cj.dicke(ONE, {"s": (3, 0)}),
        "Argument `states['s'] J` must be within 0 and N_b/2 = 2, but it is 3",
    ),
    (
        lambda: cj.dicke(ONE, {"s": (-1, 0)}),
        "Argument `states['s'] J` must be within 0 and N_b/2 = 2, but it is -1",
    ),
    (
        lambda: cj.dicke(ONE, {"s": (1, -2)}),
        "Argument `states['s'] M` must be within -J and J = 1, but it is -2",
    ),
    (
        lambda: cj.dicke(ONE, {"s": (True, 0)}),
        "Argument `states['s'] J` must be a finite number, but it is True",
    ),
    (
        lambda: cj.symmetric(ONE, {"s": [1, 0]}),
        "Argument `states['s']` must have 5 amplitudes for 4 particles, but its shape is (2,)",
    ),
    (
        lambda: cj.symmetric(ONE, {"s": [1, 0, 0, 0, 1]}),
        "Argument `states['s']` must have norm 1, but its norm is 1.41421356237",
    ),
    (
        lambda: cj.symmetric(THREE, {"q": [1, 0, 0]}),
        "Argument `model` must have two levels per particle for this state, but block 'q' has 3",
    ),
    (
        lambda: cj.corrupted(ONE),
        "Argument `model` must be a Hopfield model, but block 's' is no pattern signature",
    ),
    (
        lambda: cj.corrupted(HOPFIELD, 2),
        "Argument `pattern` must be an integer within 0 and 1, but it is 2",
    ),
    (
        lambda: cj.corrupted(HOPFIELD, 0, 1.2),
        "Argument `quality` must be a finite number within 0 and 1, but it is 1.2",
    ),
    (
        lambda: cj.product(ONE, {"s": [1, 0]}).check_fits(TWO),
        "Argument `state` must be made for this model, but its blocks have other sizes or levels",
    ),
    (
        lambda: cj.dicke(spins(6), {"s": (3, 0)}).check_fits(ONE),
        "Argument `state` must be made for this model, but its blocks have other sizes or levels",
    ),
    (
        lambda: cj.dicke(spins(3), {"s": (0.5, 0.5)}).check_fits(ONE),
        "Argument `state` must be made for this model, but its blocks have other sizes or levels",
    ),
    (
        lambda: cj.symmetric(spins(1), {"s": [1, 0]}).check_fits(ONE),
        "Argument `state` must be made for this model, but its blocks have other sizes or levels",
    ),
]


@pytest.mark.parametrize(("make", "message"), HOSTILE, ids=[m for _, m in HOSTILE])
def test_hostile_inputs(make, message):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert str(caught.value) == message


# ---- what a state is -----------------------------------------------------------------------------


def user_mean(state, block=0):
    return bloch(state.blocks[block].density)


def test_tilted_points_along_its_angles():
    for theta, phi in ((0.0, 0.0), (1.1, 0.4), (np.pi, 0.0), (2.2, -2.7), (-0.5, 1.0)):
        expected = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
        state = cj.tilted(TWO, theta, phi)
        assert state.is_product
        for b in (0, 1):
            np.testing.assert_allclose(user_mean(state, b), expected, atol=1e-15)


def test_product_kets_and_densities():
    rng = np.random.default_rng(0)
    ket, rho = random_ket(rng), random_density(rng)
    state = cj.product(TWO, {"a": ket, "b": rho})
    np.testing.assert_allclose(state.densities[0], np.outer(ket, ket.conj()), atol=1e-15)
    np.testing.assert_allclose(state.densities[1], rho, atol=1e-15)
    assert not SpinStart(state.blocks[0], 3, np.eye(2)).is_random
    assert SpinStart(state.blocks[1], 4, np.eye(2)).is_random
    assert all(isinstance(b, ProductBlock) for b in state.blocks)
    three = cj.product(THREE, {"q": random_density(rng, 3)})
    assert three.densities[0].shape == (3, 3)


def test_dicke_one_particle_density_and_product():
    for N in (1, 2, 3, 5):
        model = spins(N)
        for two_J in twins.sectors(N):
            for two_M in range(-two_J, two_J + 1, 2):
                pair = {"s": (two_J / 2, two_M / 2)}
                state = cj.dicke(model, pair)
                expected, _ = Oracle(model).moments(dicke_state(model, pair))
                np.testing.assert_allclose(user_mean(state), expected, atol=1e-12)
                assert state.is_product == (abs(two_M) == two_J == N)
                assert isinstance(state.blocks[0], DickeBlock)


@pytest.mark.parametrize("N", [1, 2, 3, 6])
def test_symmetric_one_particle_density(N):
    model = spins(N)
    amplitudes = random_ket(np.random.default_rng(N), N + 1)
    state = cj.symmetric(model, {"s": amplitudes})
    expected, _ = Oracle(model).moments(symmetric_state(model, {"s": amplitudes}))
    np.testing.assert_allclose(user_mean(state), expected, atol=1e-13)
    assert state.is_product == (N == 1)
    assert isinstance(state.blocks[0], SymmetricBlock)


@pytest.mark.parametrize("N", [1, 2, 5, 40])
def test_symmetric_amplitudes_of_a_product_state_are_a_product(N):
    model, rng = spins(N), np.random.default_rng(N)
    k = np.arange(N + 1)
    binomial = np.sqrt([comb(N, i) for i in range(N + 1)])
    for ket in (np.array([1, 0]), np.array([0, 1j]), np.array([1, 1]) / np.sqrt(2), random_ket(rng), random_ket(rng)):
        amplitudes = binomial * ket[0] ** (N - k) * ket[1] ** k
        state = cj.symmetric(model, {"s": np.exp(0.7j) * amplitudes})
        assert state.is_product
        same = cj.product(model, {"s": ket})
        np.testing.assert_allclose(state.densities[0], same.densities[0], atol=1e-14)
        # A state at the distance 1e-6 has a one-particle purity of 1 to 1e-12, and is no product all the same.
        if N > 1:
            near = amplitudes + 1e-6 * random_ket(rng, N + 1)
            assert not cj.symmetric(model, {"s": near / np.linalg.norm(near)}).is_product


def test_theory_of_a_product_state_given_by_its_amplitudes():
    model = cj.systems.constrained(3, 0.7, 1.3, 0.8)
    c, s = np.cos(0.55), np.exp(0.4j) * np.sin(0.55)
    amplitudes = [c**3, np.sqrt(3) * c**2 * s, np.sqrt(3) * c * s**2, s**3]
    found = cj.mean_field(model, cj.symmetric(model, {"spins": amplitudes}), [0.0, 0.5])
    expected = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), [0.0, 0.5])
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=1e-9)
    np.testing.assert_allclose(found.correction, expected.correction, atol=1e-9)


def test_symmetric_state_of_one_particle_is_its_ket():
    ket = random_ket(np.random.default_rng(1))
    state = cj.symmetric(spins(1), {"s": ket})
    np.testing.assert_allclose(state.densities[0], np.outer(ket, ket.conj()), atol=1e-15)


def test_corrupted_patterns():
    patterns = np.array([[1, 1, -1, -1, 1], [1, -1, -1, 1, 1]])
    model = cj.systems.hopfield(patterns, 0.5, 1.0)
    for pattern in (0, 1):
        state = cj.corrupted(model, pattern, 0.9)
        for block, density in zip(model.blocks, state.densities, strict=True):
            sign = 1 if block.name[pattern] == "+" else -1
            np.testing.assert_allclose(np.diag(density), [0.5 + 0.4 * sign, 0.5 - 0.4 * sign], atol=1e-15)
            assert density[0, 1] == density[1, 0] == 0
    merged = cj.systems.hopfield(patterns, 0.5, 1.0, merge=True)
    for density in cj.corrupted(merged).densities:
        np.testing.assert_allclose(bloch(density), [0, 0, 0.6], atol=1e-15)


# ---- amplitudes ----------------------------------------------------------------------------------


def test_product_amplitudes():
    rng = np.random.default_rng(2)
    kets = [random_ket(rng) for _ in range(20)]
    kets += [np.array(k, dtype=complex) for k in ([1, 0], [0, 1j], [np.sqrt(1 - 1e-12), 1e-6])]
    for N in (1, 2, 3, 10, 31):
        for ket in kets:
            found = product_amplitudes(N, ket)
            assert twins.same_ray(twins.product_ket(N, ket), found) < 1e-13


@pytest.mark.parametrize("p", [1e-6, 0.3, 0.5, 1 - 1e-6])
def test_product_amplitudes_of_a_large_block(p):
    ket = np.array([np.sqrt(p), np.exp(0.3j) * np.sqrt(1 - p)])
    amplitudes = product_amplitudes(LARGE, ket)
    weight, i = np.abs(amplitudes) ** 2, np.arange(LARGE + 1.0)
    assert np.all(np.isfinite(amplitudes))
    assert weight.sum() == pytest.approx(1, rel=1e-12)
    assert weight @ i == pytest.approx(LARGE * p, rel=1e-9)
    assert weight @ (i - LARGE * p) ** 2 == pytest.approx(LARGE * p * (1 - p), rel=1e-8)
    flip = np.sum(amplitudes[:-1] * amplitudes[1:].conj() * np.sqrt((LARGE - i[:-1]) * (i[:-1] + 1))) / LARGE
    assert flip == pytest.approx(ket[1] * ket[0].conj(), rel=1e-9)


def test_component_eigenstate():
    rng = np.random.default_rng(3)
    axes = [*np.eye(3), *-np.eye(3), *(rng.normal(size=3) for _ in range(6))]
    for two_J in (0, 1, 2, 5, 8):
        J = twins.spin(two_J)
        for axis in axes:
            n = axis / np.linalg.norm(axis)
            along = sum(a * component for a, component in zip(n, J, strict=True))
            for two_M in range(-two_J, two_J + 1, 2):
                ket = component_eigenstate(two_J, two_M, n)
                assert np.linalg.norm(ket) == pytest.approx(1)
                np.testing.assert_allclose(along @ ket, two_M / 2 * ket, atol=1e-12)


def test_component_eigenstate_of_a_large_block():
    n = np.array([0.6, 0.48, 0.64])
    two_J, two_M = LARGE - 1000, 20_000
    ket = component_eigenstate(two_J, two_M, n)
    weight, M = np.abs(ket) ** 2, np.arange(two_J + 1) - two_J / 2
    J = two_J / 2
    assert weight.sum() == pytest.approx(1)
    assert weight @ M == pytest.approx(n[2] * two_M / 2, rel=1e-8)
    spread = (J * (J + 1) - (two_M / 2) ** 2) / 2 * (1 - n[2] ** 2)
    assert weight @ (M - n[2] * two_M / 2) ** 2 == pytest.approx(spread, rel=1e-6)


def test_rotate_symmetric():
    rng = np.random.default_rng(4)
    for N in (1, 2, 3, 8, 40):
        amplitudes = random_ket(rng, N + 1)
        rotations = [np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0] for _ in range(5)]
        rotations += [np.eye(2), np.diag([1, 1j]), np.diag([1, -1]), 1j * np.eye(2)]
        rotations += [axis_rotation(a) @ np.diag([1, np.exp(3.1j)]) for a in np.eye(3)]
        for U in rotations:
            U = U.astype(complex)
            found = rotate_symmetric(amplitudes, U)
            assert twins.same_ray(twins.sector_rotation(N, U).conj().T @ amplitudes, found) < 1e-11


@pytest.mark.parametrize("angle", [1e-9, 1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize("half_turn", [False, True])
def test_rotate_symmetric_by_a_tiny_angle(angle, half_turn):
    # cos of the angle is 1 to rounding; N = 8 particles turn the state by up to 8 times the angle.
    N, axis = 8, np.array([np.sin(angle), 0.2 * np.sin(angle), np.cos(angle)])
    U = axis_rotation(axis) @ np.diag([1, -1 if half_turn else 1])
    amplitudes = random_ket(np.random.default_rng(10), N + 1)
    expected = twins.sector_rotation(N, U).conj().T @ amplitudes
    assert twins.same_ray(expected, rotate_symmetric(amplitudes, U)) < 1e-12


def test_draws_of_the_sector_have_exactly_the_right_shares():
    for N in range(1, 13):
        for up in range(N + 1):
            two_M, total = 2 * up - N, comb(N, up)
            grid = (np.arange(3 * total) + 0.5) / (3 * total)
            drawn = [Arrangements(N).two_J(two_M, u) for u in grid]
            for two_J in twins.sectors(N):
                expected = 3 * twins.copies(N, two_J) if two_J >= abs(two_M) else 0
                assert drawn.count(two_J) == expected


def test_draws_of_the_sector_of_a_large_block():
    grid, large = (np.arange(200) + 0.5) / 200, Arrangements(LARGE)
    for two_M in (0, 60_000, -LARGE, LARGE):
        two_J = np.array([large.two_J(two_M, u) for u in grid])
        assert np.all(two_J >= abs(two_M))
        assert np.all((two_J - LARGE) % 2 == 0)
        if abs(two_M) == LARGE:
            assert np.all(two_J == LARGE)
    # P(J ≥ j) ≈ exp(-2 (j² - M²)/N) near M = 0: J²/N is an exponential number of mean ½
    J = np.array([large.two_J(0, u) for u in grid]) / 2
    assert np.mean(J**2) / LARGE == pytest.approx(0.5, rel=0.02)
    assert Arrangements(10).two_J(0, 0.0) == 10
    assert large.two_J(0, 1 - 1e-16) == 0


def moments_of(two_J, ket, N, rotation):
    """Averages in the user's frame of a drawn state, from dense matrices."""
    ket = twins.sector_rotation(two_J, rotation) @ ket
    assert np.linalg.norm(ket) == pytest.approx(1, abs=1e-12)
    return twins.averages(N, two_J, ket)


def frames():
    return [np.eye(2, dtype=complex), axis_rotation(np.array([0.6, -0.5, 0.4])) @ np.diag([1, np.exp(0.7j)])]


@pytest.mark.parametrize("N", [1, 2, 5])
def test_pure_starts_in_any_frame(N):
    rng, model = np.random.default_rng(5), spins(N)
    oracle, generator = Oracle(model), np.random.default_rng(0)
    before = generator.bit_generator.state
    ket, amplitudes = random_ket(rng), random_ket(rng, N + 1)
    states = [
        (cj.product(model, {"s": ket}), product_state(model, {"s": ket})),
        (cj.symmetric(model, {"s": amplitudes}), symmetric_state(model, {"s": amplitudes})),
    ]
    for two_J in twins.sectors(N):
        for two_M in range(-two_J, two_J + 1, 2):
            pair = {"s": (two_J / 2, two_M / 2)}
            states.append((cj.dicke(model, pair), dicke_state(model, pair)))
    for state, rho in states:
        expected_mean, expected_second = oracle.moments(rho)
        for rotation in frames():
            mean, second = moments_of(*SpinStart(state.blocks[0], N, rotation).draw(generator), N, rotation)
            np.testing.assert_allclose(mean, expected_mean, atol=1e-12)
            np.testing.assert_allclose(second, expected_second, atol=1e-12)
    assert generator.bit_generator.state == before  # a pure start draws nothing


class Scripted:
    """A generator that returns given numbers instead of random ones."""

    def __init__(self, count, u):
        self.count, self.u = count, u

    def binomial(self, n, p):
        assert 0 <= self.count <= n
        assert 0.5 <= p <= 1
        return self.count

    def random(self):
        return self.u


@pytest.mark.parametrize("N", [1, 2, 3, 6])
@pytest.mark.parametrize("number", [0, 1])
def test_mixed_starts_add_up_exactly(N, number):
    # The sum over all draws with their weights is the product state, not only nearly.
    rng, rotation = np.random.default_rng([6, N]), frames()[number]
    model = spins(N)
    for density in (random_density(rng), np.diag([0.8, 0.2]), np.diag([0.2, 0.8]), np.eye(2) / 2):
        state = cj.product(model, {"s": density})
        p, start = np.linalg.eigvalsh(density)[1], SpinStart(state.blocks[0], N, rotation)
        total_mean, total_second = np.zeros(3), np.zeros((3, 3))
        for count in range(N + 1):
            binomial = comb(N, count) * p**count * (1 - p) ** (N - count)
            below = 0.0
            for two_J in reversed(twins.sectors(N)):
                if two_J < abs(2 * count - N):
                    continue
                share = twins.copies(N, two_J) / comb(N, count)
                generator = Scripted(count, below + share / 2)
                below += share
                drawn, ket = start.draw(generator)
                assert drawn == two_J
                mean, second = moments_of(drawn, ket, N, rotation)
                total_mean += binomial * share * mean
                total_second += binomial * share * second
        mean, second = Oracle(model).moments(product_state(model, {"s": density}))
        np.testing.assert_allclose(total_mean, mean, atol=1e-12)
        np.testing.assert_allclose(total_second, second, atol=1e-12)


def test_mixed_starts_are_drawn_with_their_shares():
    N, draws = 4, 2000
    rng, generator = np.random.default_rng(7), np.random.default_rng(8)
    density, rotation = random_density(rng), frames()[1]
    state = cj.product(spins(N), {"s": density})
    start, sample = SpinStart(state.blocks[0], N, rotation), []
    for _ in range(draws):
        mean, second = moments_of(*start.draw(generator), N, rotation)
        sample.append(np.concatenate([mean, second[np.triu_indices(3)]]))
    sample = np.array(sample)
    mean, second = Oracle(spins(N)).moments(product_state(spins(N), {"s": density}))
    error = sample.std(axis=0) / np.sqrt(draws)
    assert error.max() < 0.02
    deviation = (sample.mean(axis=0) - np.concatenate([mean, second[np.triu_indices(3)]])) / error
    assert np.abs(deviation).max() < 4
    # the control: a state that is a little more mixed would be seen
    other, _ = Oracle(spins(N)).moments(product_state(spins(N), {"s": 0.85 * density + 0.15 * np.eye(2) / 2}))
    assert np.abs((sample.mean(axis=0)[:3] - other) / error[:3]).max() > 4


def test_mixed_start_of_a_large_block():
    state = cj.product(spins(LARGE), {"s": np.diag([0.8, 0.2])})
    generator, start = np.random.default_rng(9), SpinStart(state.blocks[0], LARGE, np.eye(2, dtype=complex))
    seen = []
    for _ in range(20):
        two_J, ket = start.draw(generator)
        assert np.linalg.norm(ket) == pytest.approx(1)
        seen.append(np.abs(ket) ** 2 @ ((LARGE - two_J) // 2 + np.arange(two_J + 1.0)))
        assert two_J / 2 >= abs(seen[-1] - LARGE / 2) - 1e-6
    assert np.mean(seen) == pytest.approx(0.8 * LARGE, abs=5 * np.sqrt(LARGE * 0.16 / 20))
    assert np.std(seen) == pytest.approx(np.sqrt(LARGE * 0.16), rel=0.5)


# ---- what is kept between draws ------------------------------------------------------------------


def all_kinds(N):
    """States of a block of every kind."""
    rng, model = np.random.default_rng(11), spins(N)
    densities = [random_density(rng), np.diag([0.3, 0.7]), np.eye(2) / 2, np.outer([0.6, 0.8j], [0.6, -0.8j])]
    states = [cj.product(model, {"s": density}) for density in densities]
    states += [cj.symmetric(model, {"s": random_ket(rng, N + 1)}), cj.dicke(model, {"s": (N / 2 - 1, N / 2 - 2)})]
    made = [state.blocks[0] for state in states]
    return [*made, SectorBlock(N, N - 4, random_ket(rng, N - 3), np.eye(2) / 2)]


@pytest.mark.parametrize("number", [0, 1])
def test_starts_are_those_that_are_made_anew_every_time(number):
    # Whatever is kept between draws, the numbers drawn and the bits of the states are those of a draw by itself.
    N, rotation = 12, frames()[number]
    for state in all_kinds(N):
        start, one, other = SpinStart(state, N, rotation), np.random.default_rng(12), np.random.default_rng(12)
        for _ in range(40):
            two_J, padded = slow_starts.draw_sector_state(state, N, rotation, other)
            first = (N - two_J) // 2
            choice = start.choose(one)
            assert choice[0] == two_J
            for _ in range(2):
                found, ket = start.chosen(choice)
                assert found == two_J
                np.testing.assert_array_equal(ket, padded[first : first + two_J + 1])
        assert one.bit_generator.state == other.bit_generator.state


def test_what_is_kept_of_distributions_is_bounded():
    large = Arrangements(LARGE)
    for up in range(50_000, 50_010):
        two_M, u = 2 * up - LARGE, 0.1 * (up % 10)
        assert large.two_J(two_M, u) == slow_starts.draw_two_J(LARGE, two_M, u)
    assert large.nbytes < 2**20
