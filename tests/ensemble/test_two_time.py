"""Ensembles of branching trajectories: functions of (seed, i) alone, whatever the chunks are; refusals."""

import signal

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError, UnsupportedError
from tests.support.hooks import listen
from tests.support.pauli import LOWER, X, Z

TAUS = np.array([0.2, 0.5])
MODEL = cj.Model(
    [cj.Block("p", 3), cj.Block("q", 4), cj.Mode("c")],
    [cj.OneBody(X, "p"), cj.ModeCoupling({"q": X}, "c")],
    [cj.LocalJump(LOWER, "p"), cj.LocalJump(LOWER, "q"), cj.ModeLoss(1.0, "c", name="loss")],
)
STATE = cj.mixture(
    [(0.5, cj.tilted(MODEL, 1.1, 0.4, modes={"c": 0.2})), (0.5, cj.tilted(MODEL, 0.3, 0.1, modes={"c": 0.5}))]
)
A, B = {"p": Z, "q": LOWER}, {"p": X, "c": (1, 1j)}


def run(n_traj, chunk=64, **options):
    return cj.two_time(MODEL, STATE, TAUS, A, B, start=0.3, n_traj=n_traj, chunk=chunk, seed=7, **options)


def test_a_sample_is_a_function_of_seed_and_index_alone():
    whole = run(7)
    np.testing.assert_array_equal(run(7, chunk=2).samples, whole.samples)
    np.testing.assert_array_equal(run(3).samples, whole.samples[:3])
    some = cj.Model(MODEL.blocks, MODEL.hamiltonian, MODEL.jumps, averages=["p.z"], modes=MODEL.modes)
    np.testing.assert_array_equal(
        cj.two_time(some, STATE, TAUS, A, B, start=0.3, n_traj=3, seed=7).samples, whole.samples[:3]
    )


def test_g2_of_a_jump_is_that_of_its_operator():
    one = cj.g2(MODEL, STATE, TAUS, "c", start=0.3, n_traj=4, seed=7)
    np.testing.assert_array_equal(cj.g2(MODEL, STATE, TAUS, 2, start=0.3, n_traj=4, seed=7).samples, one.samples)
    named = cj.g2(MODEL, STATE, TAUS, "loss", start=0.3, n_traj=4, seed=7)
    np.testing.assert_array_equal(named.samples, one.samples)
    again = cj.g2(MODEL, STATE, TAUS, {"c": (1, 1j)}, start=0.3, n_traj=4, chunk=1, seed=7)
    np.testing.assert_array_equal(again.samples, one.samples)


def test_one_trajectory_has_no_error():
    found = run(1)
    assert np.isnan(found.stderr).all()
    assert np.isnan(found.connected_stderr).all()
    assert found.uncertain.all()


def test_an_error_of_zero_is_known_at_the_start_alone():
    """Atoms that hardly ever jump: ten trajectories do not differ, which tells nothing of how far others would."""
    jumps = [cj.CollectiveJump({"p": LOWER}, 1e-6)]
    model = cj.Model([cj.Block("p", 3)], [cj.OneBody(X, "p")], jumps)
    state = cj.tilted(model, 1.1, 0.4)
    found = cj.two_time(model, state, [0.0, 0.5], "p.z", "p.plus", n_traj=10, seed=3)
    assert (found.connected_stderr < 1e-15).all()
    np.testing.assert_array_equal(found.uncertain, [False, True])
    assert (found.samples == found.samples[0]).all(), "the case is about samples that are all the same"
    more = cj.two_time(model, state, [0.0, 0.5, 1.0, 1.5], "p.z", "p.plus", n_traj=4, seed=3)
    assert more.spectrum([0.0, 1.0]).uncertain.all()
    light = cj.g2(model, state, [0.0, 0.5], 0, n_traj=10, seed=3)
    np.testing.assert_array_equal(light.uncertain, [False, True])
    often = cj.g2(MODEL, STATE, TAUS, "c", start=0.3, n_traj=60, seed=7)
    assert not often.uncertain.any()
    assert cj.g2(MODEL, STATE, TAUS, "c", start=0.3, n_traj=1, seed=7).uncertain.all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"taus": [0.5, 0.2]}, "`taus` must be increasing"),
        ({"start": -1}, "`start` must be"),
        ({"taus": [0.0, 1e-20], "start": 1.0}, "`taus` must be apart beside start = 1"),
        ({"a": {"r": Z}}, r"`a` must have names of blocks as keys"),
        ({"b": {"p": np.eye(3)}}, r"`b\['p'\]` must have the shape \(2, 2\)"),
        ({"b": {"c": (1, 2, 3)}}, r"`b\['c'\]` must be a pair"),
        ({"a": {}}, "`a` must map block names to matrices"),
        ({"n_traj": 0}, "`n_traj` must be"),
        ({"n_traj": 10**12}, "`n_traj` must leave samples that fit in memory"),
        ({"state": "up"}, "`state` must be"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_one_line(change, match):
    given = {"model": MODEL, "state": STATE, "taus": TAUS, "a": A, "b": B, "n_traj": 2} | change
    with pytest.raises(ArgumentError, match=match):
        cj.two_time(**given)


@pytest.mark.parametrize(
    ("of", "error", "match"),
    [
        (0, UnsupportedError, "g² is of modes and collective jumps that are averages, but jumps.0. is a local one"),
        (3, ArgumentError, "`of` must be"),
        ("d", ArgumentError, r"`of` must name a mode or a jump \(c, loss\), be the place of a jump, or an average"),
        ({"p": Z, "q": Z}, UnsupportedError, "g² is of blocks and modes that are coupled"),
    ],
)
def test_what_has_no_g2(of, error, match):
    with pytest.raises(error, match=match):
        cj.g2(MODEL, STATE, TAUS, of, n_traj=2)


def test_more_times_than_anybody_reads_are_refused_at_once():
    many = np.arange(1.0 * 10**6 + 1)
    model = cj.systems.free_flips(2, 0.7, 1.3, 0.8)
    for solved in (cj.master_equation, cj.mean_field):
        found = solved(model, cj.tilted(model, 1.1, 0.4), [0.0])
        with pytest.raises(ArgumentError, match="`taus` must be at most 1,000,000 times, but there are 1,000,001"):
            found.two_time(many, {"spins": Z}, {"spins": Z})


def test_ctrl_c_leaves_what_is_finished(monkeypatch):
    whole = run(6, chunk=2)

    def at_the_third(event, found):
        if event == "cojump.trajectory" and found[1] == 2:
            signal.raise_signal(signal.SIGINT)

    listen(monkeypatch, at_the_third)
    with pytest.raises(cj.SimulationInterrupted) as caught:
        run(6, chunk=2)
    finished = caught.value.partial.n_traj  # the third one is given up if its engine pauses in it
    assert finished in (2, 3)
    np.testing.assert_array_equal(caught.value.partial.samples, whole.samples[:finished])


def test_workers_give_the_same_bits():
    z = {"spins": cj.operators.sigma_z}
    model = cj.systems.boundary_time_crystal(size=6, omega=0.4, kappa=1.0)
    state, options = cj.tilted(model, 1.1, 0.4), {"start": 0.3, "n_traj": 9, "chunk": 2, "seed": 3}
    one, two = (cj.two_time(model, state, [0, 0.5], z, z, workers=w, **options) for w in (1, 2))
    assert np.array_equal(one.samples, two.samples)
    one, two = (cj.g2(model, state, [0, 0.5], "decay", workers=w, **options) for w in (1, 2))
    assert np.array_equal(one.samples, two.samples)
    with pytest.raises(cj.ArgumentError, match="`workers` must be 1 with a communicator"):
        cj.two_time(model, state, [0, 0.5], z, z, workers=2, comm=object(), **options)
