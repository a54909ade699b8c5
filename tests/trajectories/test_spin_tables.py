"""The tables of a two-level block against dense matrices of a sector, and the identities behind them."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cojump as cj
from cojump.errors import ArgumentError, UnsupportedError
from cojump.trajectories.axes import axis_of, axis_rotation, pauli_vector
from cojump.trajectories.frames import block_frame
from cojump.trajectories.spin_tables import GENERAL, LADDER_DOWN, LADDER_UP, SELF_EXCLUDED, build, is_banded
from tests import twins
from tests.support.pauli import LOWER, ONE, PAULI, RAISE, X, Y, Z
from tests.support.random_models import random_hermitian, random_matrix

PROBES = {"unit": ONE, "x": X, "y": Y, "z": Z, "raise": RAISE, "lower": LOWER}

settings.register_profile("cojump", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("cojump")

sector = st.integers(1, 14).flatmap(lambda N: st.tuples(st.just(N), st.sampled_from(twins.sectors(N))))


# ---- the identities of physics.md, section 2 -----------------------------------------------------


@given(st.integers(0, 30))
def test_spin_algebra(two_J):
    x, y, z = twins.spin(two_J)
    J = two_J / 2
    np.testing.assert_allclose(x @ y - y @ x, 1j * z, atol=1e-12)
    np.testing.assert_allclose(y @ z - z @ y, 1j * x, atol=1e-12)
    np.testing.assert_allclose(x @ x + y @ y + z @ z, J * (J + 1) * np.eye(two_J + 1), atol=1e-11)


@given(sector)
def test_taking_out_is_isometric_and_putting_back_is_complete(case):
    N, two_J = case
    for two_mu in twins.remaining(N, two_J):
        C = twins.clebsch(two_J, two_mu)
        np.testing.assert_allclose(C.T @ C, np.eye(two_J + 1), atol=1e-14)
        images = [twins.clebsch(new, two_mu) for new in (two_mu - 1, two_mu + 1) if new >= 0]
        np.testing.assert_allclose(sum(c @ c.T for c in images), np.eye(2 * (two_mu + 1)), atol=1e-14)
        for pauli, whole, rest in zip(PAULI, twins.spin(two_J), twins.spin(two_mu), strict=True):
            together = np.kron(rest, ONE) + np.kron(np.eye(two_mu + 1), pauli / 2)
            np.testing.assert_allclose(together @ C, C @ whole, atol=1e-13)


@given(sector)
def test_removal_weights(case):
    N, two_J = case
    J = two_J / 2
    closed = {
        two_J - 1: 2 * J * (N / 2 + J + 1) / (2 * J + 1),
        two_J + 1: (2 * J + 2) * (N / 2 - J) / (2 * J + 1),
    }
    weights = {two_mu: twins.removal_weight(N, two_J, two_mu) for two_mu in twins.remaining(N, two_J)}
    for two_mu, weight in weights.items():
        assert weight == pytest.approx(closed[two_mu], rel=1e-13)
    assert sum(weights.values()) == pytest.approx(N, rel=1e-13)


@given(sector, st.sampled_from(sorted(PROBES)))
def test_one_body_operators_from_taking_out_and_putting_back(case, name):
    N, two_J = case
    total = np.zeros((two_J + 1,) * 2, dtype=complex)
    for two_mu in twins.remaining(N, two_J):
        C = twins.clebsch(two_J, two_mu)
        total += twins.removal_weight(N, two_J, two_mu) * C.T @ np.kron(np.eye(two_mu + 1), PROBES[name]) @ C
    np.testing.assert_allclose(total, twins.collective(PROBES[name], N, two_J), atol=1e-12)


@given(sector, st.booleans(), st.integers(0, 10**6))
def test_kraus_operators_add_up_to_the_rate_operator(case, exclude_self, seed):
    N, two_J = case
    rng = np.random.default_rng(seed)
    jump = cj.LocalJump(
        random_matrix(rng), "s", amplitude=np.cos, argument={"s": random_hermitian(rng)}, exclude_self=exclude_self
    )
    model = cj.Model([cj.Block("s", N)], [], [jump])
    total = np.zeros((two_J + 1,) * 2, dtype=complex)
    for two_mu, new in twins.outcomes(N, two_J):
        K = twins.kraus(model, jump, two_J, two_mu, new)
        total += K.conj().T @ K
    np.testing.assert_allclose(total, twins.rate_operator(model, jump, two_J), atol=1e-11)
    if not exclude_self:
        gamma = twins.gamma_before(model, jump, two_J)
        one_body = twins.collective(jump.matrix.conj().T @ jump.matrix, N, two_J)
        np.testing.assert_allclose(total, gamma @ one_body @ gamma, atol=1e-11)


def efg(N, J):
    e = (N + 2) / (4 * J * (J + 1)) if J else 0.0
    f = (N / 2 + J + 1) / (2 * J * (2 * J + 1)) if J else 0.0
    return e, f, (N / 2 - J) / (2 * (J + 1) * (2 * J + 1))


@given(sector)
def test_closed_forms_of_the_flip_rates(case):
    N, two_J = case
    J, M = two_J / 2, np.arange(two_J + 1) - two_J / 2
    e, f, g = efg(N, J)
    closed = {
        "lower": {0: e * (J + M) * (J - M + 1), -2: f * (J + M) * (J + M - 1), 2: g * (J - M + 1) * (J - M + 2)},
        "raise": {0: e * (J - M) * (J + M + 1), -2: f * (J - M) * (J - M - 1), 2: g * (J + M + 1) * (J + M + 2)},
        "z": {0: 4 * e * M**2, -2: 4 * f * (J**2 - M**2), 2: 4 * g * ((J + 1) ** 2 - M**2)},
    }
    model = cj.Model([cj.Block("s", N)])
    for name, expected in closed.items():
        found = {0: np.zeros(two_J + 1), -2: np.zeros(two_J + 1), 2: np.zeros(two_J + 1)}
        for two_mu, new in twins.outcomes(N, two_J):
            K = twins.kraus(model, cj.LocalJump(PROBES[name], "s"), two_J, two_mu, new)
            found[new - two_J] += np.sum(np.abs(K) ** 2, axis=0)
        for change, rates in expected.items():
            np.testing.assert_allclose(found[change], rates, atol=1e-12)
    np.testing.assert_allclose(sum(closed["lower"].values()), N / 2 + M, atol=1e-12)


@given(st.integers(0, 9), st.integers(0, 10**6))
def test_rotation_of_a_sector_turns_the_spin(two_J, seed):
    rng = np.random.default_rng(seed)
    U, _ = np.linalg.qr(random_matrix(rng))
    D = twins.sector_rotation(two_J, U)
    np.testing.assert_allclose(D.conj().T @ D, np.eye(two_J + 1), atol=1e-12)
    for pauli, component in zip(PAULI, twins.spin(two_J), strict=True):
        turned = twins.collective(U.conj().T @ pauli @ U, two_J, two_J) / 2
        np.testing.assert_allclose(D.conj().T @ component @ D, turned, atol=1e-11)


def test_copies_of_the_sectors_fill_the_space():
    for N in range(1, 12):
        assert sum(twins.copies(N, two_J) * (two_J + 1) for two_J in twins.sectors(N)) == 2**N
        for up in range(N + 1):
            assert sum(twins.copies(N, t) for t in twins.sectors(N) if t >= abs(2 * up - N)) == comb(N, up)


# ---- the tables ----------------------------------------------------------------------------------


def two_body_pairs(rng):
    """Two-body terms that are Hermitian only together, σ_x⊗σ_y with its partner among them."""
    g = complex(rng.normal(), rng.normal())
    A, B = random_matrix(rng), random_matrix(rng)
    return [
        cj.TwoBody(A, B, g, blocks=("s", "s")),
        cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), blocks=("s", "s")),
        cj.TwoBody(X, Y, 0.3, blocks=("s", "s")),
        cj.TwoBody(Y, X, 0.3, blocks=("s", "s")),
        cj.TwoBody(RAISE, LOWER, -0.4, blocks=("s", "s")),
    ]


def random_model(seed, N, axis=None, ladder=False):
    """All arguments along one line, with different offsets and signs; every kind of channel."""
    rng = np.random.default_rng([seed, N])
    if axis is None:
        axis = rng.normal(size=3)
    along = sum(a * p for a, p in zip(axis / np.linalg.norm(axis), PAULI, strict=True))
    U = axis_rotation(np.asarray(axis, dtype=float))

    def argument():
        return {"s": rng.normal() * along + rng.normal() * ONE}

    def j():
        return random_matrix(rng)

    jumps = [
        cj.LocalJump(j(), "s", amplitude=np.sin, argument=argument()),
        cj.LocalJump(j(), "s", amplitude=lambda x: 0.3 + x**3, argument=argument(), exclude_self=True),
        cj.LocalJump(j(), "s"),
        cj.LocalJump(0.7 * U @ LOWER @ U.conj().T, "s", rate=np.exp, argument=argument(), exclude_self=True),
        cj.LocalJump(0.4j * U @ RAISE @ U.conj().T, "s", rate=np.exp, argument=argument()),
        cj.LocalJump(U @ Z @ U.conj().T, "s", amplitude=np.cos, argument=argument(), exclude_self=True),
    ]
    if ladder:
        jumps = jumps[3:5]
    return cj.Model([cj.Block("s", N)], [cj.OneBody(random_hermitian(rng), "s"), *two_body_pairs(rng)], jumps)


def close(found, expected, atol):
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol * (1 + np.abs(expected).max()))


def compare_tables(model, atol=1e-12):
    basis = build(model)
    for two_J in twins.sectors(model.size):
        D = twins.sector_rotation(two_J, basis.rotation)
        expected = D.conj().T @ twins.h_eff(model, two_J) @ D
        found = twins.banded_matrix(basis.h_eff, two_J)
        shift = (expected - found)[0, 0].real  # turns the global phase only
        close(found + shift * np.eye(two_J + 1), expected, atol)


@pytest.mark.parametrize("N", range(1, 9))
@pytest.mark.parametrize("seed", range(4))
def test_tables_of_random_models(seed, N):
    compare_tables(random_model(seed, N))


AXES = [(0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (1, -1, 0), (0.3, -0.2, -1)]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("N", [1, 2, 5])
def test_tables_along_special_axes(axis, N):
    compare_tables(random_model(11, N, axis=axis))


@pytest.mark.parametrize("N", [1, 2, 3, 6])
@pytest.mark.parametrize(
    "build_model",
    [
        lambda N: cj.systems.free_flips(N, 0.7, 1.3, 0.8, chi=0.9),
        lambda N: cj.systems.constrained(N, 0.7, 1.3, 0.8),
        lambda N: cj.systems.facilitated(N, 0.4, 3.0, 0.5, power=1),
        lambda N: cj.systems.hopfield(np.ones((1, N)), 0.6, 1.7),
        lambda N: cj.systems.hopfield(np.ones((2, N)), 0.6, 1.7, exclude_self=False),
    ],
)
def test_tables_of_named_systems(build_model, N):
    model = build_model(N)
    compare_tables(model)
    basis = build(model)
    assert basis.h_eff.is_real
    assert basis.h_eff.band == 1
    assert set(basis.jumps.kind) <= {LADDER_DOWN, LADDER_UP}


@pytest.mark.parametrize("N", [1, 2, 5])
def test_terms_that_are_hermitian_only_together(N):
    # S_x S_y = ½{S_x, S_y} + i S_z, with the second part taken out by an imaginary 1⊗σ_z
    terms = [cj.TwoBody(X, Y, 1.0, ("s", "s")), cj.TwoBody(ONE, Z, -1j / N, ("s", "s")), cj.OneBody(0.3 * Y, "s")]
    compare_tables(cj.Model([cj.Block("s", N)], terms))


def test_kinds_of_channels():
    mixed = LOWER + 0.1 * Z
    jumps = [cj.LocalJump(m, "s") for m in (LOWER, RAISE, Z, mixed, LOWER + RAISE, PAULI[0], ONE)]
    tables = build(cj.Model([cj.Block("s", 4)], [], jumps)).jumps
    expected = [LADDER_DOWN, LADDER_UP, GENERAL, GENERAL, GENERAL, GENERAL, GENERAL]
    assert list(tables.kind) == expected
    excluded = [cj.LocalJump(m, "s", rate=np.exp, argument={"s": Z}, exclude_self=True) for m in (LOWER, mixed)]
    assert list(build(cj.Model([cj.Block("s", 4)], [], excluded)).jumps.kind) == [LADDER_DOWN, SELF_EXCLUDED]


def test_a_rate_along_the_argument_makes_the_flip_a_ladder():
    # σ_z lowers and raises along x: it is a general channel there, while the flip along x is a ladder.
    flip_x = (Z - 1j * Y) / 2  # |+x> <-x| up to a phase
    argument = {"s": X}
    for matrix, ladder in ((flip_x, True), (flip_x.conj().T, True), (LOWER, False)):
        model = cj.Model([cj.Block("s", 3)], [], [cj.LocalJump(matrix, "s", amplitude=np.exp, argument=argument)])
        tables = build(model).jumps
        assert (tables.kind[0] != GENERAL) == ladder
        compare_tables(model)


@pytest.mark.parametrize("band", [0, 1, 2])
def test_bandwidth(band):
    N = 5
    terms = [
        [cj.TwoBody(Z, Z, 0.7, blocks=("s", "s")), cj.TwoBody(RAISE, LOWER, 0.2, blocks=("s", "s"))],
        [cj.OneBody(0.4 * Y, "s")],
        [cj.TwoBody(X, X, 0.7, blocks=("s", "s"))],
    ]
    model = cj.Model([cj.Block("s", N)], terms[band], [cj.LocalJump(LOWER, "s")])
    h_eff = build(model).h_eff
    assert h_eff.band == band
    assert h_eff.is_real == (band < 2)
    compare_tables(model)


def test_a_transverse_field_in_any_direction_becomes_real():
    for angle in np.linspace(0, 6, 7):
        field = np.cos(angle) * X + np.sin(angle) * Y
        model = cj.Model(
            [cj.Block("s", 4)],
            [cj.OneBody(0.8 * field + 0.3 * Z, "s")],
            [cj.LocalJump(LOWER, "s", amplitude=np.exp, argument={"s": Z})],
        )
        assert build(model).h_eff.is_real
        compare_tables(model)


@given(st.integers(0, 10**6))
def test_frame_turns_averages_of_the_rotated_frame_into_the_users(seed):
    rng = np.random.default_rng(seed)
    model = random_model(seed, 2)
    basis = build(model)
    ket = rng.normal(size=2) + 1j * rng.normal(size=2)
    ket /= np.linalg.norm(ket)
    seen = basis.rotation.conj().T @ ket
    user = [np.vdot(ket, p @ ket).real for p in PAULI]
    turned = [np.vdot(seen, p @ seen).real for p in PAULI]
    np.testing.assert_allclose(basis.frame @ turned, user, atol=1e-13)


@given(st.integers(0, 10**6))
def test_axis_rotation_diagonalises(seed):
    axis = np.random.default_rng(seed).normal(size=3)
    U = axis_rotation(axis)
    n = axis / np.linalg.norm(axis)
    along = sum(a * p for a, p in zip(n, PAULI, strict=True))
    np.testing.assert_allclose(U.conj().T @ along @ U, Z, atol=1e-13)
    np.testing.assert_allclose(pauli_vector(along), n, atol=1e-15)


def test_no_rotation_where_none_is_needed():
    model = cj.systems.hopfield(np.ones((1, 3)), 0.6, 1.7)
    np.testing.assert_array_equal(build(model).rotation, ONE)
    minus = cj.LocalJump(LOWER, "s", amplitude=np.exp, argument={"s": -Z})
    np.testing.assert_array_equal(block_frame(cj.Model([cj.Block("s", 3)], [], [minus]), 0), ONE)
    constant = cj.LocalJump(LOWER, "s", amplitude=np.exp, argument={"s": 2 * ONE})
    tilted = cj.LocalJump(LOWER, "s", amplitude=np.exp, argument={"s": 3 * ONE - X})
    model = cj.Model([cj.Block("s", 3)], [], [constant, tilted])
    np.testing.assert_allclose(axis_of(block_frame(model, 0)), [1, 0, 0], atol=1e-15)
    compare_tables(model)


def test_what_these_tables_hold():
    def spins(*jumps):
        return cj.Model([cj.Block("s", 3)], [], list(jumps))

    def along(axis, **options):
        return cj.LocalJump(LOWER, "s", amplitude=np.exp, argument={"s": axis}, **options)

    assert is_banded(spins())
    assert is_banded(spins(along(Z), along(-2 * Z + ONE, exclude_self=True), along(ONE)))
    assert is_banded(spins(along(X + Y), along(-3 * (X + Y))))
    assert is_banded(spins(cj.CollectiveJump({"s": LOWER}, 1.0), along(Z)))
    assert is_banded(spins(cj.CollectiveJump({"s": X}, 1.0)))
    assert is_banded(spins(cj.CollectiveJump({"s": np.array([[0.3, 0.2j], [1.1, -0.4]])}, 1.0)))
    others = [
        spins(along(Z), along(X)),
        spins(along(Z), along(Z + 1e-6 * X)),
        spins(cj.CollectiveJump({"s": X}, 1.0), along(Z)),
        spins(cj.CollectiveJump({"s": X}, 1.0), cj.CollectiveJump({"s": Z}, 1.0)),
        cj.Model([cj.Block("a", 1), cj.Block("b", 1)]),
        cj.Model([cj.Block("s", 1, levels=3)]),
    ]
    for model in others:
        assert not is_banded(model)
        with pytest.raises(UnsupportedError, match="one block of two levels with arguments along one axis only"):
            build(model)


@pytest.mark.parametrize("seed", range(12))
def test_a_rate_that_ends_at_the_edge_of_the_spectrum(seed):
    # Rate n_av of a projector in any direction: eigenvalues of Δ are k/N, and 0 must not become -1e-17.
    axis = np.random.default_rng(seed).normal(size=3)
    axis /= np.linalg.norm(axis)
    projector = (ONE + sum(a * p for a, p in zip(axis, PAULI, strict=True))) / 2
    for rate in (lambda n: n, lambda n: 1 - n):
        for exclude_self in (False, True):
            try:
                model = cj.Model(
                    [cj.Block("s", 4)],
                    [],
                    [cj.LocalJump(LOWER, "s", rate=rate, argument={"s": projector}, exclude_self=exclude_self)],
                )
                compare_tables(model, atol=1e-7)  # √ of a rate of 1e-17 instead of 0
            except ArgumentError as error:
                pytest.fail(f"a rate that is never negative on the spectrum is refused: {error}")


def test_tables_of_a_large_block():
    N = 1000
    model = random_model(3, N, axis=(0, 0, 1), ladder=True)
    h_eff = build(model).h_eff
    for two_J in (N, N - 400, 0, 2):
        up = np.arange((N - two_J) // 2, (N + two_J) // 2 + 1)
        # flips down at the rate |0.7|² e^{Δ'} for each of the i particles up, up at 0.4² e^Δ for the others
        down_x = np.diag(model.jumps[0].argument["s"]).real
        up_x = np.diag(model.jumps[1].argument["s"]).real
        delta_rest = ((up - 1) * down_x[0] + (N - up) * down_x[1]) / N
        delta = (up * up_x[0] + (N - up) * up_x[1]) / N
        expected = 0.49 * up * np.exp(delta_rest) + 0.16 * (N - up) * np.exp(delta)
        np.testing.assert_allclose(2 * h_eff.half_rate[up], expected, rtol=1e-12)
