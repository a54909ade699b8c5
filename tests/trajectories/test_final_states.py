"""Trajectories that go on where others have stopped: in every representation, into another one, in files, on ranks."""

from functools import lru_cache

import numpy as np
import pytest

import cojump as cj
from cojump.model.final_states import flat, from_flat
from cojump.trajectories.recipe import recipe_of
from tests.support.final_models import METHODS, QUENCHES, apart, banded, blocks_of_two, mode, start

T1, T2 = 0.5, 0.4


@lru_cache
def first(name, n_traj=40):
    model = QUENCHES[name][0]()
    return cj.simulate(model, start(model), [0.0, T1], n_traj=n_traj, keep=n_traj, seed=3, chunk=16)


@pytest.mark.parametrize("name", QUENCHES)
def test_the_models_run_in_the_ways_that_they_stand_for(name):
    assert recipe_of(QUENCHES[name][0]()).parts[0].method.startswith(METHODS[name])


@pytest.mark.parametrize("name", QUENCHES)
def test_they_go_on_from_the_very_state(name):
    """In the representation and the frames of another model, each from its own state, again and again."""
    run, after = first(name), QUENCHES[name][1]()
    more = cj.simulate(after, run.final, [0.0, T2], n_traj=90, keep=90, seed=3)
    ends = run.trajectories[:, -1]
    np.testing.assert_allclose(more.trajectories[:, 0], np.concatenate([ends, ends, ends[:10]]), rtol=0, atol=1e-12)
    one = cj.trajectory(after, run.final, [0.0, T2], seed=3, index=57)
    np.testing.assert_array_equal(one.mean, more.trajectories[57])
    alone = cj.trajectory(after, run.final[17], [0.0, T2], seed=3, index=57)  # 57 mod 40
    np.testing.assert_array_equal(alone.mean, one.mean)


@pytest.mark.parametrize("name", QUENCHES)
def test_all_moments_of_the_mean_state_and_its_future(name):
    """The mean of the pure states in the master equation is the same state; the future of both is one."""
    run, after = first(name), QUENCHES[name][1]()
    exact = cj.master_equation(after, run.final, [0.0, T2])
    np.testing.assert_allclose(exact.mean[0], run.mean[-1], rtol=0, atol=1e-8)
    more = cj.simulate(after, run.final, [0.0, T2], n_traj=200, seed=5)
    np.testing.assert_allclose(exact.second[0], more.second[0], rtol=0, atol=1e-8)
    off = np.abs(more.mean[1] - exact.mean[1]) / np.maximum(more.mean_stderr[1], 1e-9)
    assert off.max() < 4
    assert more.mean_stderr[1].max() < 0.05
    control = cj.master_equation(QUENCHES[name][0](), run.final, [T2])  # the model before
    assert (np.abs(more.mean[1] - control.mean[0]) / more.mean_stderr[1]).max() > 5


def test_amplitudes_and_phases_under_a_hamiltonian_alone():
    """No jump, no chance: every trajectory against the pure state of its own, in frames that are not the user's."""
    for name in ("product", "turned levels", "banded"):
        run, model = first(name), QUENCHES[name][1]()
        still = cj.Model(model.blocks, model.hamiltonian, [])
        more = cj.simulate(still, run.final, [0.0, 0.9], n_traj=6, keep=6)
        for k in range(6):
            exact = cj.master_equation(still, run.final[k], [0.0, 0.9])
            np.testing.assert_allclose(more.trajectories[k], exact.mean, rtol=0, atol=1e-8)


def test_the_same_seed_goes_on_with_other_random_numbers():
    """The waiting times of the second run are not those of the first once more."""
    model = cj.Model([cj.Block("a", 1)], [], [cj.LocalJump(cj.operators.sigma_z, "a")])
    state = cj.tilted(model, 1.0, 0.0)
    run = cj.simulate(model, state, [0.0, 1.0], n_traj=1000, keep=1000, seed=1)
    more = cj.simulate(model, run.final, [0.0, 1.0], n_traj=1000, keep=1000, seed=1)
    signs = np.sign(run.trajectories[:, -1, 0]), np.sign(more.trajectories[:, -1, 0] / more.trajectories[:, 0, 0])
    # whether the number of flips is even, of both halves: a coin that is thrown twice
    assert abs(np.corrcoef(*signs)[0, 1]) < 0.1
    third = cj.simulate(model, more.final, [0.0, 1.0], n_traj=1000, keep=1000, seed=1)
    later = np.sign(third.trajectories[:, -1, 0] / third.trajectories[:, 0, 0])
    assert abs(np.corrcoef(signs[1], later)[0, 1]) < 0.1
    assert third.final.runs == 3


def test_mean_field_goes_on_as_well():
    """E_N after the break is measured against the mean field from the first start."""
    model = blocks_of_two()
    whole = cj.mean_field(model, start(model), [T1, T1 + T2])
    run = first("lattice")
    more = cj.simulate(model, run.final, [0.0, T2], n_traj=4, keep=2)
    np.testing.assert_allclose(more.reference, whole.mean, rtol=0, atol=1e-9)
    both = cj.mixture([(0.4, start(model)), (0.6, cj.tilted(model, 0, 0))])
    mixed = cj.simulate(model, both, [T1], n_traj=4, keep=2).final
    expected = cj.simulate(model, both, [T1 + T2], n_traj=2).reference
    np.testing.assert_allclose(cj.simulate(model, mixed, [T2], n_traj=2).reference, expected, rtol=0, atol=1e-9)
    modes = mode()
    run = first("modes")
    path = cj.mean_field(modes, start(modes), [T1 + T2])
    np.testing.assert_allclose(cj.simulate(modes, run.final, [T2], n_traj=2).reference, path.mean, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["apart", "turned levels", "modes"])
def test_files_hold_them_bit_for_bit(name, tmp_path):
    run, after = first(name), QUENCHES[name][1]()
    run.save(tmp_path / "r.h5")
    (again,) = cj.load(tmp_path / "r.h5")
    more, same = (cj.simulate(after, r.final, [0.0, T2], n_traj=8, keep=3, seed=2) for r in (run, again))
    assert more.mean.tobytes() == same.mean.tobytes()
    assert more.reference.tobytes() == same.reference.tobytes()
    same.save(tmp_path / "s.h5")  # and its own start is in it
    (third,) = cj.load(tmp_path / "s.h5")
    assert cj.simulate(after, third.state(), [0.0, T2], n_traj=8, keep=3, seed=2).mean.tobytes() == more.mean.tobytes()
    assert third.final.runs == 2


def test_any_chunks_and_a_longer_run_keep_the_same_states():
    model = blocks_of_two()
    runs = [cj.simulate(model, start(model), [T1], n_traj=n, keep=20, chunk=7, seed=3) for n in (20, 30)]
    one, other = (flat(run.final.states) for run in runs)
    assert one[0] == other[0]
    assert one[1].tobytes() == other[1].tobytes()
    assert len(runs[0].final) == 20
    assert cj.simulate(model, start(model), [T1], n_traj=5, keep=3, seed=3).final.states[2].factors[0].labels == (
        runs[0].final.states[2].factors[0].labels
    )


def test_keeping_states_changes_no_figure():
    for name in QUENCHES:
        model = QUENCHES[name][0]()
        run = cj.simulate(model, start(model), [0.0, T1], n_traj=40, seed=3, chunk=16)
        assert run.mean.tobytes() == first(name).mean.tobytes()


def test_plain_data_that_is_wrong_is_refused():
    layout, amplitudes = flat(first("turned levels").final.states)
    blocks = first("turned levels").final.blocks

    def read(layout=layout, amplitudes=amplitudes):
        states = from_flat(layout, amplitudes)
        for state in states:
            for factor in state.factors:
                factor.check(blocks)
        return states

    assert len(read()) == 40
    with pytest.raises(ValueError, match="are missing"):
        read(amplitudes=amplitudes[:-1])
    with pytest.raises(ValueError, match="more amplitudes"):
        read(amplitudes=np.concatenate([amplitudes, amplitudes[:1]]))
    with pytest.raises(ValueError, match="the norm"):
        read(amplitudes=2 * amplitudes)
    with pytest.raises(ValueError, match="the norm nan"):
        read(amplitudes=np.nan * amplitudes)
    with pytest.raises(ValueError, match="not unitary"):
        read(layout={**layout, "frames": [np.zeros_like(f) for f in layout["frames"]]})
    (factor, *rest), *states = layout["states"]
    wrong_sector = [factor[0], factor[1], [(9, 0, 0), factor[2][1]], *factor[3:]]
    with pytest.raises(ValueError, match="in the sector"):
        read(layout={**layout, "states": [[wrong_sector, *rest], *states]})


OTHER = cj.Model([cj.Block("a", 6)])
REFUSED = {
    "none kept": (
        lambda: cj.simulate(banded(), start(banded()), [T1], n_traj=2).final,
        "Argument `final` must be of trajectories that are kept: give `keep`, how many, but this run kept none",
    ),
    "blocks": (
        lambda: cj.simulate(OTHER, first("banded").final, [T2], n_traj=2),
        "Argument `state` must be of the blocks and modes of this model, but its block is ",
    ),
    "entangled": (
        lambda: cj.simulate(apart(), first("lattice").final, [T2], n_traj=2),
        "Argument `state` must be of blocks and modes that the model couples, where they may be entangled, but the "
        "model runs some of them apart (a term of strength 0 keeps them together)",
    ),
    "mean field": (
        lambda: cj.mean_field(banded(), first("banded").final, [T2]),
        "Argument `state` must be a cojump State, but it is a FinalStates",
    ),
    "exact": (
        lambda: cj.mean_field(banded(), cj.master_equation(banded(), start(banded()), [T1]).final, [T2]),
        "Argument `state` must be a cojump State, but it is a FinalDensity",
    ),
    "mixture": (lambda: cj.mixture([(1.0, first("banded").final)]), "must be a cojump State"),
    "place": (lambda: first("banded").final[40], "Argument `k` must be an integer within -40 and 39, but it is 40"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    call, message = REFUSED[case]
    with pytest.raises(cj.ArgumentError) as caught:
        call()
    assert message in str(caught.value)


def test_a_term_of_strength_0_keeps_entangled_blocks_together():
    free = apart()
    z = cj.operators.sigma_z
    held = cj.Model(free.blocks, [*free.hamiltonian, cj.TwoBody(z, z, 0.0, ("a", "b"))], free.jumps)
    run = first("lattice")
    more = cj.simulate(held, run.final, [0.0, T2], n_traj=40, keep=40)
    np.testing.assert_allclose(more.trajectories[:, 0], run.trajectories[:, -1], rtol=0, atol=1e-12)
