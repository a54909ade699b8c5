"""What is read off the states of trajectories and off exact ones: distributions, states of a few particles, whole
density matrices, users' own functions. Beside the full space."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from cojump.basis.reduction import taken_out
from cojump.basis.sectors import sector_labels
from cojump.measure.particle_states import Elements
from tests.oracle import Oracle, dicke_block, product_state
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, X, Y, Z
from tests.support.random_models import random_hermitian

TIMES = [0.0, 0.5, 1.0]
MATRIX = random_hermitian(np.random.default_rng(3), 3)
ZERO, DOWN = np.diag([1.0, 0.0, 0.0]), np.eye(3, k=1)
ONES = {"s": np.array([0.8, 0.6j]), "p": np.array([1.0, 0, 0])}


def coupled(rate=1.0):
    """Two spins and two particles of three levels, entangled with each other."""
    return cj.Model(
        [cj.Block("s", 2), cj.Block("p", 2, levels=3)],
        [cj.OneBody(0.7 * X, "s"), cj.OneBody(np.ones((3, 3)), "p"), cj.TwoBody(X, ZERO, 0.8, ("s", "p"))],
        [
            cj.LocalJump(LOWER, "s", amplitude=lambda x: rate * (1 + 0.4 * x), argument={"s": Z}),
            cj.LocalJump(DOWN, "p", amplitude=np.cos, argument={"p": ZERO}),
        ],
    )


@lru_cache
def full(rate=1.0):
    model = coupled(rate)
    oracle = Oracle(model)
    return oracle, oracle.solve(product_state(model, ONES), TIMES).rho


def traced(rho, kept):
    """The density matrix of some of the particles (2, 2, 3, 3), in their order."""
    levels, letters = (2, 2, 3, 3), "abcd"
    rows = "".join(letters)
    columns = "".join(c.upper() if k in kept else c for k, c in enumerate(letters))
    out = "".join(letters[k] for k in kept)
    D = int(np.prod([levels[k] for k in kept]))
    return np.einsum(f"{rows}{columns}->{out}{out.upper()}", rho.reshape(*levels, *levels)).reshape(D, D)


def weights(oracle, rho, block, matrix, values):
    """Probabilities of the values of Σ_k X^(k) in the full space."""
    found, kets = np.linalg.eigh(oracle.collective(matrix, block))
    places = np.abs(found[:, None] - values).argmin(axis=1)
    assert np.abs(found - values[places]).max() < 1e-9
    return np.bincount(places, np.einsum("ij,ik,kj->j", kets.conj(), rho, kets).real, len(values))


SUMS = {"x": ("s", X / 2), "any": ("p", MATRIX), "level": ("p", np.diag([0.0, 1, 0])), "y": ("s", Y)}


@lru_cache
def exact():
    model = coupled()
    return cj.master_equation(model, cj.product(model, ONES), TIMES, keep=True)


@lru_cache
def sampled():
    model = coupled()
    return cj.simulate(
        model,
        cj.product(model, ONES),
        TIMES,
        n_traj=500,
        seed=11,
        distribution_of={name: {block: x} for name, (block, x) in SUMS.items()},
        distributions=TIMES[1:],
        reduced=[{"s": 2, "p": 1}, {"p": 2}],
        callbacks={"purity": purity, "pair": lambda state: [state["s.z"], state.sector("s")]},
    )


def purity(state):
    """Of one spin."""
    r = state.reduced({"s": 1})
    return np.trace(r @ r).real


@pytest.mark.parametrize("name", SUMS)
def test_exact_distributions_are_those_of_the_full_space(name):
    block, matrix = SUMS[name]
    oracle, rho = full()
    found = exact().distribution({block: matrix})
    for t in range(len(TIMES)):
        expected = weights(oracle, rho[t], block, matrix, found.M)
        np.testing.assert_allclose(found.probability[t], expected, rtol=0, atol=1e-8)


def test_exact_states_of_particles_are_those_of_the_full_space():
    model, (_, rho) = coupled(), full()
    cases = {(0,): {"s": 1}, (0, 1): {"s": 2}, (2, 3): {"p": 2}, (2, 3, 0): {"p": 2, "s": 1}, (0, 2): {"s": 1, "p": 1}}
    for kept, counts in cases.items():
        found = cj.reduced.particles(model, exact(), counts)
        assert list(found.times) == TIMES
        for t in range(len(TIMES)):
            np.testing.assert_allclose(found.mean[t], traced(rho[t], kept), rtol=0, atol=1e-8)
    for state, expected in zip(exact().densities, rho, strict=True):
        np.testing.assert_allclose(state.density(), expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        cj.reduced.particles(model, exact(), {"p": 2}).mean, cj.reduced.two(model, exact(), "p", "p"), atol=1e-12
    )


def figures(rate=1.0):
    """(value, error, that of the full space) of all distributions and matrices of the run."""
    (oracle, rho), result, model = full(rate), sampled(), coupled()
    for name, (block, matrix) in SUMS.items():
        found = result.distribution(name)
        for t in (0, 1):
            yield found.probability[t], found.stderr[t], weights(oracle, rho[t + 1], block, matrix, found.M)
    for counts, kept in (({"s": 2, "p": 1}, (0, 1, 2)), ({"p": 2}, (2, 3))):
        found = cj.reduced.particles(model, result, counts)
        for t in range(len(TIMES)):
            expected = traced(rho[t], kept)
            yield found.mean[t].real, found.stderr[t].real, expected.real
            yield found.mean[t].imag, found.stderr[t].imag, expected.imag
    # means of the functions: <z> is linear in ρ
    found = result.callback("pair")
    z = [np.trace(r @ oracle.collective(Z, "s")).real / 2 for r in rho]
    yield found.mean[:, 0], found.stderr[:, 0], np.array(z)


def test_sampled_figures_are_those_of_the_full_space_within_their_errors():
    found = compare(list(figures()))
    assert found.passes, found
    assert found.largest_error < 0.04
    assert compare(list(figures(1.4))).worst > 8  # control: another rate


def test_users_functions_see_what_is_measured():
    result = sampled()
    assert result.callbacks.labels == ("purity", "pair[0]", "pair[1]")
    assert result.callback("purity").mean[0] == pytest.approx(1)
    np.testing.assert_allclose(result.callback("pair").mean[:, 0], result["s.z"].mean, atol=1e-9)
    np.testing.assert_allclose(result.callback("pair").stderr[:, 1], result.spin["s"].stderr, atol=1e-12)
    with pytest.raises(cj.ArgumentError, match="`name` must be one of purity, pair, but it is 'spin'"):
        result.callback("spin")
    alone = cj.simulate(coupled(), cj.product(coupled(), ONES), TIMES, n_traj=64, seed=5)
    beside = cj.simulate(coupled(), cj.product(coupled(), ONES), TIMES, n_traj=64, seed=5, callbacks={"f": purity})
    np.testing.assert_array_equal(alone.mean, beside.mean)
    np.testing.assert_array_equal(alone.second, beside.second)


def test_bits_do_not_depend_on_workers_and_files_hold_everything(tmp_path):
    model = coupled()
    state = cj.product(model, ONES)
    options = {
        "distribution_of": {"x": {"s": X}},
        "reduced": {"s": 2},
        "callbacks": {"f": purity},
        "squeezing": {"twice": {"s": -2.0}},
    }
    one, two = (
        cj.simulate(model, state, TIMES, n_traj=12, seed=3, chunk=4, workers=w, **options).save(tmp_path / f"{w}.h5")
        or cj.load(tmp_path / f"{w}.h5")[0]
        for w in (1, 2)
    )
    for read in (
        lambda r: r.distribution("x").probability,
        lambda r: cj.reduced.particles(model, r, {"s": 2}).mean,
        lambda r: r.callback("f").mean,
        lambda r: r.squeezing["twice"].mean,
    ):
        np.testing.assert_array_equal(read(one), read(two))
    assert cj.plot.distribution(one, "x").get_xlabel() == "M of x"
    # the spin turned about is squeezed as it was; it is the same block
    np.testing.assert_allclose(one.squeezing["twice"].mean, one.squeezing["s"].mean, atol=1e-12)


def test_the_state_of_one_trajectory():
    model = coupled()
    one = cj.trajectory(model, cj.product(model, ONES), TIMES, seed=5, index=3, states=True)
    assert [state.time for state in one.states] == TIMES
    for t, state in enumerate(one.states):
        rho = state.density()
        np.testing.assert_allclose(state.mean, one.mean[t], atol=1e-9)
        np.testing.assert_allclose(state.reduced({"p": 1, "s": 2}), traced(rho, (2, 0, 1)), atol=1e-12)
        oracle, _ = full()
        np.testing.assert_allclose(oracle.moments(rho)[0], one.mean[t], atol=1e-9)
        M, p = state.distribution({"p": MATRIX})
        assert M @ p / 2 == pytest.approx(state.average({"p": MATRIX}).real, abs=1e-9)
        assert np.trace(rho @ rho).real == pytest.approx(1.0)  # two of a kind have one copy of each sector
        assert state.together("s") == ("s", "p")
        assert not state.amplitudes("s").flags.writeable
    assert cj.trajectory(model, cj.product(model, ONES), TIMES, seed=5, index=3).states == ()


def test_whole_density_matrices_of_sectors():
    """|J, M> with its copies mixed evenly, of up to five spins."""
    block = cj.Block("s", 5)
    for two_J in sector_labels(block):
        for k in range(two_J + 1):
            found = taken_out([block], [two_J], [np.eye(2)], np.eye(two_J + 1, dtype=complex)[k], [5])
            np.testing.assert_allclose(found, dicke_block(5, two_J / 2, k - two_J / 2), atol=1e-12)


def test_elements_that_are_kept_make_the_whole_matrix():
    rng = np.random.default_rng(0)
    tensor = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
    rho = taken_out([cj.Block("s", 7)], [7], [np.eye(2)], tensor @ tensor.conj().T @ np.ones((8, 3)), [3])
    elements = Elements(((2, 3),))
    np.testing.assert_allclose(elements.matrix(elements.of(rho)), rho, rtol=0, atol=1e-9 * np.abs(rho).max())
    assert elements.count == 2 * 13  # 20 multisets of three pairs, 6 of them real


def test_distributions_of_modes_and_without_names():
    """The usual ones: M of spins, occupations of levels. Beside a mode, which is traced out."""
    model = cj.systems.dicke(4, 1.0, 1.0, 0.4, 1.0)
    spins = model.blocks[0].name
    state = cj.tilted(model, 2.0, 0.3)
    result = cj.simulate(
        model, state, [0.0, 0.4], n_traj=6, reduced={spins: 3}, callbacks={"n": lambda s: abs(s.displacement("cavity"))}
    )
    trace = np.einsum("tii->t", cj.reduced.particles(model, result, {spins: 3}).mean)
    np.testing.assert_allclose(trace, 1, atol=1e-9)
    pump = cj.systems.lambda_pump(3, 1.0, 1.0, 1.0)
    found = cj.simulate(pump, cj.occupation(pump, {"particles": (1, 0, 2)}), [0.0, 1.0], n_traj=4, distributions=[0, 1])
    np.testing.assert_allclose(found.distribution("particles.n2").probability[0], [0, 0, 1, 0], atol=1e-12)
    n0 = found.distribution("particles.n0")
    np.testing.assert_allclose(n0.probability @ n0.M / 3, found["particles.n0"].mean, atol=1e-12)


def test_the_mean_field_is_the_limit():
    found = []
    for size in (10, 20):
        model = cj.systems.constrained(size, 0.7, 1.3, 0.8)
        state = cj.tilted(model, 1.1, 0.4)
        there = cj.reduced.particles(model, cj.master_equation(model, state, [0, 1]), {"spins": 3}).mean[-1]
        limit = cj.reduced.particles(model, cj.mean_field(model, state, [0, 1]), {"spins": 3}).mean[-1]
        found.append(np.abs(there - limit).max())
    assert found[1] == pytest.approx(found[0] / 2, rel=0.15)


BAD = [
    (
        {"callbacks": {"f": lambda s: np.nan}},
        "`callbacks['f']` must return a finite real number, or an array of them, but at",
    ),
    ({"callbacks": {"f": lambda s: 1j}}, "at t = 0 it returns 1j"),
    ({"callbacks": {"f": lambda s: "a"}}, "at t = 0 it returns 'a'"),
    ({"callbacks": {"f": lambda s: []}}, "at t = 0 it returns"),
    ({"callbacks": {"f": lambda s: [[1], [1, 2]]}}, "at t = 0 it returns [[1], [1, 2]]"),
    ({"callbacks": {"f": lambda s: 1 / 0}}, "be a function that works, but at t = 0 it raises ZeroDivisionError"),
    ({"callbacks": {"f": lambda s: s["s.q"]}}, "be a function that works, but at t = 0 it raises: Argument `label`"),
    ({"callbacks": {"f": lambda: 1.0}}, "be a function that works, but at t = 0 it raises TypeError"),
    ({"callbacks": {"f": 1.0}}, "`callbacks['f']` must be a function of a state, but it is 1.0"),
    ({"callbacks": {"f[0]": purity}}, "`callbacks` must have names without [ as keys, but one is 'f[0]'"),
    ({"callbacks": purity}, "`callbacks` must map names to functions of a state"),
    ({"callbacks": {"f": lambda s: [0.0] if s.time else 0.0}}, "return arrays of one shape, () as at a start"),
    ({"callbacks": {"f": lambda s: np.inf if s.time > 0.6 else 0.0}}, "but at t = 1 it returns inf"),
    ({"distribution_of": {"x": {"s": LOWER}}}, "`distribution_of['x']['s']` must be Hermitian"),
    ({"distribution_of": {"x": {"s": X, "p": ZERO}}}, "`distribution_of['x']` must be an average of one block"),
    ({"distribution_of": {"x": {"s": np.eye(2)}}}, "be of a matrix with different eigenvalues"),
    ({"distribution_of": {"x": {"q": X}}}, "`distribution_of['x']` must have names of blocks as keys"),
    ({"distribution_of": {"": {"s": X}}}, "`distribution_of` must have names as keys"),
    ({"reduced": {"s": 3}}, "`reduced['s']` must be an integer within 1 and 2, but it is 3"),
    ({"reduced": [{"s": 1}, {"s": 1}]}, "`reduced[1]` must be asked for once"),
    ({"reduced": {}}, "`reduced` must name at least one block"),
    ({"reduced": {"q": 1}}, "`reduced` must have names of blocks as keys"),
    ({"reduced": 3}, "`reduced` must be a list of {block: number}"),
    ({"squeezing": {"s": {"s": 2.0}}}, "`squeezing` must have other names than blocks as keys, but one is 's'"),
    ({"squeezing": {"both": {"p": 1.0}}}, "`squeezing['both']` must have blocks of two levels as keys"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_breaks_a_rule(options, message):
    model = coupled()
    with pytest.raises(cj.ArgumentError, match=re.escape(message)) as caught:
        cj.simulate(model, cj.product(model, ONES), TIMES, n_traj=1, **options)
    assert "\n" not in str(caught.value)


def test_what_is_too_large():
    model = cj.systems.free_flips(60, 0.7, 1.3, 0.8)
    state = cj.tilted(model, 1.1, 0.4)
    with pytest.raises(cj.ArgumentError, match="at most 64 states, but they have 128"):
        cj.simulate(model, state, [0.0], n_traj=1, reduced={"spins": 7})
    one = cj.trajectory(model, state, [0.0], seed=1, index=0, states=True)
    with pytest.raises(cj.ArgumentError, match="`size` must be of particles that have at most 4,096 states"):
        one.states[0].density()
    assert np.trace(one.states[0].reduced({"spins": 6})).real == pytest.approx(1)
    many = cj.Model([cj.Block("p", 300, levels=4)])
    x = {"x": {"p": np.diag([0.0, 1, np.pi, 4])}}
    rule = r"`distribution_of\['x'\]` must be of a matrix whose sum has at most 2,000,000 values"
    with pytest.raises(cj.ArgumentError, match=rule):
        cj.simulate(many, cj.occupation(many, {"p": (300, 0, 0, 0)}), [0.0], n_traj=1, distribution_of=x)
    exact_one = cj.master_equation(coupled(), cj.product(coupled(), ONES), [0.0])
    with pytest.raises(cj.ArgumentError, match="`densities` must be kept: give `keep=True`"):
        _ = exact_one.densities
    with pytest.raises(cj.ArgumentError, match="`source` must have measured these particles: give `reduced="):
        cj.reduced.particles(coupled(), sampled(), {"s": 1})
    dicke = cj.systems.dicke(2, 1.0, 1.0, 0.4, 1.0)
    one = cj.trajectory(dicke, cj.tilted(dicke, 1, 0), [0.0], seed=0, index=0, states=True)
    with pytest.raises(cj.UnsupportedError, match="has no modes"):
        one.states[0].density()
