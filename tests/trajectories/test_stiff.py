"""Rates far larger than anything the state feels: long steps instead of short ones, and the same trajectories."""

import numpy as np
import pytest
from scipy.linalg import eig
from scipy.sparse import csc_array

import cojump as cj
from cojump.trajectories import product_state, unravelling
from cojump.trajectories.compilation import prepare
from cojump.trajectories.long_step import Patience, long_step
from cojump.trajectories.product_moves import carried_out
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.sector_matrix import program_matrix, sector_matrix
from cojump.trajectories.spin_tables import build, is_banded
from tests import twins
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.random_models import everything
from tests.support.unit_of_time import one_block, scaled


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([cj.Model([cj.Block("p", 2, levels=3)])])


def one(N, rate):
    """Decay at ``rate`` where more than half of the spins are up."""
    jumps = [cj.LocalJump(LOWER, "s", rate=lambda x: np.where(x > 0, rate, 1.0), argument={"s": Z})]
    return cj.Model([cj.Block("s", N)], [cj.OneBody(X, "s")], [*jumps, cj.LocalJump(RAISE, "s")])


def two(N, rate):
    """The same for two blocks that depend on each other."""
    argument = {"a": Z, "b": Z}
    jump = cj.LocalJump(LOWER, "a", rate=lambda x: np.where(x > 0.01, rate, 1.0), argument=argument)
    terms = [cj.OneBody(X, "a"), cj.OneBody(X, "b")]
    return cj.Model([cj.Block("a", N), cj.Block("b", N)], terms, [jump, cj.LocalJump(RAISE, "b")])


def axes(N, rate):
    """Arguments along two axes."""
    jump = cj.LocalJump(LOWER, "s", rate=lambda x: np.where(x > 0.01, rate, 1.0), argument={"s": Z})
    other = cj.LocalJump(RAISE, "s", rate=lambda x: 1 + 0.1 * x, argument={"s": X})
    return cj.Model([cj.Block("s", N)], [cj.OneBody(X, "s")], [jump, other])


def flips(rng):
    return cj.systems.free_flips(7, 0.7, 1.3, 0.8, chi=rng.normal())


def constrained(rng):
    return cj.systems.constrained(6, rng.uniform(), 1.3, 0.8)


def hopfield(rng):
    return cj.systems.hopfield(np.ones((1, 5)), rng.uniform(), 1.3)


@pytest.mark.parametrize("seed", range(6))
def test_the_matrix_of_a_sector(seed):
    rng = np.random.default_rng([3, seed])
    model = one_block(rng) if seed % 2 else [flips, constrained, hopfield][seed // 2](rng)
    while not is_banded(model):  # a potential along an axis of its own
        model = one_block(rng)
    basis = build(model)
    for two_J in twins.sectors(model.size)[-3:]:
        D = twins.sector_rotation(two_J, basis.rotation)
        expected = D.conj().T @ twins.h_eff(model, two_J) @ D
        found = sector_matrix(basis.h_eff, two_J).toarray()
        # the tables leave out a real constant
        expected = expected - (expected - found)[0, 0].real * np.eye(two_J + 1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * max(np.abs(expected).max(), 1))


@pytest.mark.parametrize("seed", range(2))
def test_the_matrix_of_a_program(seed):
    model = everything(np.random.default_rng(seed), sizes=(2, 3))
    basis = ProductBasis(model)
    labels = ((2, 0, 0), 3)
    sector = basis.sector(labels)
    found = program_matrix(sector.h_eff).toarray()
    program = sector.h_eff.program
    for n in range(sector.size):
        state = np.eye(sector.size, dtype=complex)[n]
        column = carried_out(program, state) + (sector.energy - 1j * sector.half_rate) * state
        np.testing.assert_allclose(found[:, n], column, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate", [1e4, 1e6, 1e9])
@pytest.mark.parametrize("N", [1, 10, 40])
def test_a_long_step_honours_its_bound(N, rate):
    H = twins.h_eff(one(N, rate), N)
    M = np.arange(N + 1) - N / 2
    ket = np.where(M > 0, 0, twins.product_ket(N, np.array([np.sin(0.45), -1j * np.cos(0.45)])))
    ket = ket / np.linalg.norm(ket)
    values, vectors = eig(-1j * H)
    weights = np.linalg.solve(vectors, ket)
    step = long_step(csc_array(H), ket, 0.4, 1.0, 1e-9, 1e-9)
    energy = np.vdot(ket, H @ ket).real
    for share in (0.1, 0.5, 1.0):
        t = share * step.reach
        exact = np.exp(1j * energy * t) * (vectors @ (np.exp(values * t) * weights))
        assert np.linalg.norm(step.state(t) - exact) < 1e-9
        assert step.lost(t) == pytest.approx(-2 * np.log(np.linalg.norm(exact)), abs=2e-9)
    time, lost = step.until(0.4, 1e-10)
    assert step.reach > time > 0
    assert lost == pytest.approx(0.4, abs=1e-10)


def test_no_long_step_where_it_does_not_pay():
    # oscillation, not damping: energies of 1e6
    for N in (20, 100):  # the first is small enough for all of its states to be taken: rounding forbids it there
        H = twins.h_eff(one(N, 2.0), N) + 1e6 * np.diag(np.arange(N + 1.0) ** 2)
        ket = np.ones(N + 1) / np.sqrt(N + 1)
        assert long_step(csc_array(H), ket, 0.4, 1.0, 1e-5, 1e-9) is None
    patience = Patience()
    waits = [patience.after(False) for _ in range(3)]
    assert waits[0] < waits[1] < waits[2]
    assert patience.after(True) == 0
    assert patience.after(False) == waits[0]


@pytest.mark.parametrize(("build_model", "N"), [(one, 20), (two, 4), (axes, 6)])
def test_long_steps_and_short_ones_give_the_same_trajectory(build_model, N, monkeypatch):
    model, times = build_model(N, 3e4), np.linspace(0.0, 0.6, 7)
    state, made = cj.tilted(model, np.pi, 0.0), []

    def counted(*arguments):
        made.append(long_step(*arguments))
        return made[-1]

    monkeypatch.setattr(unravelling, "long_step", counted)
    monkeypatch.setattr(product_state, "LONG_STEP", 2**22)
    long = cj.trajectory(model, state, times, seed=1, index=0)
    assert sum(step is not None for step in made) > 2
    monkeypatch.setattr(unravelling, "long_step", lambda *arguments: None)
    short = cj.trajectory(model, state, times, seed=1, index=0)
    assert len(short.jumps) > 2
    np.testing.assert_array_equal(long.jumps["channel"], short.jumps["channel"])
    np.testing.assert_array_equal(long.jumps["sector"], short.jumps["sector"])
    np.testing.assert_allclose(long.jumps["time"], short.jumps["time"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(long.mean, short.mean, rtol=0, atol=1e-7)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rate", [1e6, 1e7, 1e12])
def test_the_cost_does_not_follow_a_rate_that_is_not_felt(rate):
    # in Taylor steps these take minutes at 1e6, and hours above
    model = one(100, rate)
    jumps = 0
    for index in range(3):
        one_run = cj.trajectory(model, cj.tilted(model, np.pi, 0.0), [0.0, 0.25, 0.5], seed=1, index=index)
        jumps += len(one_run.jumps)
        assert np.all(one_run.mean[:, 2] < 0.05)
    assert jumps > 100


def test_a_stiff_model_in_another_unit():
    model, times = one(20, 1e6), np.array([0.0, 0.3, 0.5])
    c = 2.0**-40
    a = cj.trajectory(model, cj.tilted(model, np.pi, 0.0), times, seed=1, index=0)
    b = cj.trajectory(scaled(model, c), cj.tilted(model, np.pi, 0.0), times / c, seed=1, index=0)
    np.testing.assert_array_equal(b.jumps["channel"], a.jumps["channel"])
    np.testing.assert_allclose(b.jumps["time"] * c, a.jumps["time"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(b.mean, a.mean, rtol=0, atol=1e-8)
