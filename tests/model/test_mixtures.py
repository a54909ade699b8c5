"""Mixtures of starts: exactly in the master equation, by the statistical rule in trajectories."""

from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.point import Point
from tests import oracle
from tests.statistical.rules import against_oracle
from tests.support.pauli import LOWER, X, Y, Z

TIMES = np.linspace(0, 0.9, 4)
N_TRAJ = 3000
LARGEST_ERROR = 0.02
WEIGHTS = (0.5, 0.3, 0.2)


def coupled():
    """Two blocks that a rate couples."""
    return cj.Model(
        [cj.Block("a", 2), cj.Block("b", 3)],
        [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.3 * Z + 0.2 * Y, "b")],
        [
            cj.LocalJump(0.8 * LOWER, "a", amplitude=lambda x: 1 + 0.5 * x, argument={"b": Z}),
            cj.CollectiveJump({"b": LOWER}, 0.6),
        ],
    )


def apart():
    """Two blocks that nothing couples but their start."""
    decay = [cj.LocalJump(LOWER, "a"), cj.CollectiveJump({"b": LOWER}, 0.6)]
    return cj.Model([cj.Block("a", 2), cj.Block("b", 3)], [cj.OneBody(0.7 * X, "a")], decay)


def alone():
    """One block of two levels, which has an engine of its own."""
    jump = cj.LocalJump(0.8 * LOWER, "a", amplitude=lambda x: 1 + 0.5 * x, argument={"a": Z})
    return cj.Model([cj.Block("a", 4)], [cj.OneBody(0.7 * X, "a")], [jump])


MODELS = {"coupled": coupled, "apart": apart, "alone": alone}


def start(model):
    """The mixture and its density matrix; one of its states is itself mixed, one is below the symmetric sector."""
    names = [block.name for block in model.blocks]
    up = {name: np.array([1, 0]) for name in names}
    mixed = {name: np.array([[0.3, 0.1j], [-0.1j, 0.7]]) for name in names}
    dicke = {block.name: (block.size / 2 - 1, block.size / 2 - 1) for block in model.blocks}
    states = cj.product(model, up), cj.product(model, mixed), cj.dicke(model, dicke)
    densities = [
        oracle.product_state(model, up),
        oracle.product_state(model, mixed),
        oracle.dicke_state(model, dicke),
    ]
    whole = sum(w * rho for w, rho in zip(WEIGHTS, densities, strict=True))
    return cj.mixture(list(zip(WEIGHTS, states, strict=True))), whole


@lru_cache
def solved(name):
    model = MODELS[name]()
    return oracle.solve(model, start(model)[1], TIMES)


@pytest.mark.parametrize("name", MODELS)
def test_the_master_equation_has_the_whole_mixture(name):
    model = MODELS[name]()
    exact = cj.master_equation(model, start(model)[0], TIMES)
    np.testing.assert_allclose(exact.mean, solved(name).mean, rtol=0, atol=1e-10)
    np.testing.assert_allclose(exact.second, solved(name).second, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_trajectories_start_from_its_states_by_their_weights(name):
    model = MODELS[name]()
    result = cj.simulate(model, start(model)[0], TIMES, n_traj=N_TRAJ, seed=3, chunk=500)
    verdict = against_oracle(result, solved(name))
    print(f"\n{name}: {verdict}")
    assert verdict.passes, verdict
    assert verdict.largest_error < LARGEST_ERROR, verdict
    # control: weights in another order
    wrong = cj.mixture(list(zip(WEIGHTS[::-1], start(model)[0].states, strict=True)))
    off = np.abs(cj.master_equation(model, wrong, TIMES).mean - result.mean) / np.maximum(result.mean_stderr, 1e-12)
    assert off.max() > 10


def test_a_trajectory_starts_by_its_seed_and_index_alone():
    model = coupled()
    state = start(model)[0]
    run = cj.simulate(model, state, TIMES, n_traj=12, seed=8, keep=12, chunk=5)
    for index in (7, 2, 11):
        one = cj.trajectory(model, state, TIMES, seed=8, index=index)
        np.testing.assert_array_equal(one.mean, run.trajectories[index])
    # and goes on as one of the state that was drawn does
    first = {tuple(np.round(series[0], 9)) for series in run.trajectories}
    assert len(first) > 2


def test_blocks_that_nothing_couples_start_from_the_same_state():
    """Both up or both down: a correlation that no draw for each block by itself would have."""
    model = apart()
    both = cj.mixture([(0.5, cj.tilted(model, 0, 0)), (0.5, cj.tilted(model, np.pi, 0))])
    run = cj.simulate(model, both, [0.0], n_traj=40, seed=1, keep=40)
    a, b = run.trajectories[:, 0, run.labels.index("a.z")], run.trajectories[:, 0, run.labels.index("b.z")]
    np.testing.assert_allclose(a, b, atol=1e-12)
    assert 5 < (a > 0).sum() < 35


def test_the_reference_is_the_mean_of_the_mean_fields():
    model = alone()
    up, down = cj.tilted(model, 0, 0), cj.tilted(model, 2.0, 0.3)
    both = cj.mixture([(0.4, up), (0.6, down)])
    expected = 0.4 * cj.mean_field(model, up, TIMES).mean + 0.6 * cj.mean_field(model, down, TIMES).mean
    result, exact = cj.simulate(model, both, TIMES, n_traj=2), cj.master_equation(model, both, TIMES)
    np.testing.assert_allclose(result.reference, expected, atol=1e-12)
    spread = np.einsum("taa->ta", exact.second) - 2 * exact.mean * expected + expected**2
    np.testing.assert_allclose(exact.deviation, spread @ model.deviation_weights, atol=1e-10)


def test_modes_start_from_the_amplitudes_of_their_state():
    terms = [cj.ModeEnergy(0.5, "m"), cj.ModeCoupling({"a": 0.6 * LOWER}, "m")]
    model = cj.Model([cj.Block("a", 2), cj.Mode("m")], terms, [cj.ModeLoss(0.7, "m")])
    states = [cj.product(model, {"a": [1, 0], "m": 0.4}), cj.product(model, {"a": [0.6, 0.8], "m": -0.3j})]
    times = [0.0, 0.7]
    exact = cj.master_equation(model, cj.mixture(list(zip((0.3, 0.7), states, strict=True))), times)
    one, other = (cj.master_equation(model, state, times) for state in states)
    np.testing.assert_allclose(exact.mean, 0.3 * one.mean + 0.7 * other.mean, atol=1e-9)
    result = cj.simulate(model, cj.mixture(list(zip((0.3, 0.7), states, strict=True))), times, n_traj=400, seed=2)
    off = np.abs(result.mean - exact.mean) / np.maximum(result.mean_stderr, 1e-9)
    assert off.max() < 5


def test_mixtures_in_files_and_fingerprints(tmp_path):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    state = start(model)[0]
    result = cj.simulate(model, state, TIMES, n_traj=5, seed=4)
    result.save(tmp_path / "r.h5")
    (again,) = cj.load(tmp_path / "r.h5")
    assert isinstance(again.state(), type(state))
    facts = [identity_of(Point(model, s, TIMES, n_traj=5)) for s in (state, again.state())]
    assert not differences(*facts)
    assert cj.simulate(again.model(), again.state(), TIMES, n_traj=5, seed=4).mean.tobytes() == result.mean.tobytes()
    other = cj.mixture([(0.5, state.states[0]), (0.5, state.states[2])])
    assert differences(facts[0], identity_of(Point(model, other, TIMES, n_traj=5)))
    assert differences(facts[0], identity_of(Point(model, state.states[0], TIMES, n_traj=5)))


def test_what_one_sample_of_starts_cannot_know():
    """All of few trajectories start alike by chance: their error is not known."""
    model = cj.Model([cj.Block("a", 2)], [cj.OneBody(Z, "a")])
    rare = cj.mixture([(0.999, cj.tilted(model, 0, 0)), (0.001, cj.tilted(model, np.pi, 0))])
    assert cj.simulate(model, rare, [0.0, 1.0], n_traj=10)["a.z"].uncertain.all()
    assert not cj.simulate(model, cj.tilted(model, 0, 0), [0.0, 1.0], n_traj=10)["a.z"].uncertain.any()


def test_mixtures_of_mixtures_are_flat():
    model = alone()
    up, down = cj.tilted(model, 0, 0), cj.tilted(model, np.pi, 0)
    nested = cj.mixture([(0.5, cj.mixture([(0.4, up), (0.6, down)])), (0.5, up), (0, down)])
    np.testing.assert_allclose(nested.weights, [0.2, 0.3, 0.5])
    assert nested.states == (up, down, up)


ONE = alone()
UP = cj.tilted(ONE, 0, 0)
BOTH = cj.mixture([(0.5, UP), (0.5, UP)])
REFUSED = {
    "sum": (
        lambda: cj.mixture([(0.5, UP), (0.6, UP)]),
        "Argument `states` must have weights with the sum 1, but it is 1.1",
    ),
    "negative": (
        lambda: cj.mixture([(1.5, UP), (-0.5, UP)]),
        "Argument `states[1] weight` must be a finite number of at least 0, but it is -0.5",
    ),
    "order": (lambda: cj.mixture([(UP, 1.0)]), "Argument `states[0] weight` must be "),
    "nothing": (lambda: cj.mixture([]), "Argument `states` must have weights with the sum 1, but it is 0"),
    "mean field": (
        lambda: cj.mean_field(ONE, BOTH, TIMES),
        "Argument `state` must be one state here (each of `.states` of a mixture is one), but it is a mixture of 2",
    ),
    "fluctuations": (lambda: cj.fluctuations.fluctuations(ONE, BOTH, TIMES), "it is a mixture of 2 states"),
    "bounds": (lambda: cj.bounds.gronwall(cj.systems.free_flips(4, 1, 1, 1), BOTH, TIMES), "it is a mixture of 2"),
    "steady": (lambda: cj.steady_state(ONE, BOTH), "it is a mixture of 2 states"),
    "fits": (lambda: cj.simulate(coupled(), BOTH, TIMES, n_traj=2), "Argument `state` must be made for this model"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    call, message = REFUSED[case]
    with pytest.raises(cj.ArgumentError) as caught:
        call()
    assert message in str(caught.value)
