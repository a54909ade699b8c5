"""The master equation goes on from its own end, from a steady state, and from the mean of trajectories."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import poisson

import cojump as cj
from cojump.theory.final_density import mixture_of
from tests import oracle
from tests.support.final_models import QUENCHES, banded, blocks_of_two, levels, mode, start
from tests.support.longer import few
from tests.support.pauli import LOWER, RAISE, X, Y, Z

T1, T2 = 0.5, 0.4


def ket_of(model):
    kets = {2: np.array([0.8, 0.6j]), 3: np.array([0.6, 0.64, 0.48j])}
    return {b.name: kets[b.levels] for b in model.blocks}


@pytest.mark.parametrize("name", few(QUENCHES, "banded", "lattice", "product", "modes"))
def test_split_in_two_it_is_one_solution(name):
    model = QUENCHES[name][0]()
    whole = cj.master_equation(model, start(model), [0.0, T1, T1 + T2])
    first = cj.master_equation(model, start(model), [T1])
    second = cj.master_equation(model, first.final, [0.0, T2])
    np.testing.assert_allclose(second.mean, whole.mean[1:], rtol=0, atol=1e-10)
    np.testing.assert_allclose(second.second, whole.second[1:], rtol=0, atol=1e-10)
    np.testing.assert_allclose(second.deviation, whole.deviation[1:], rtol=0, atol=1e-9)
    third = cj.master_equation(model, second.final, [0.1])
    np.testing.assert_allclose(
        third.mean[0], cj.master_equation(model, start(model), [T1 + T2 + 0.1]).mean[0], rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("name", few(["banded", "product", "turned levels", "apart"], "banded", "product", "apart"))
def test_a_quench_against_brute_force(name):
    """Evolve in d^N with one model, then with the other, whose frames are others."""
    before, after = (make() for make in QUENCHES[name])
    rho = oracle.product_state(before, ket_of(before))
    middle = oracle.solve(before, rho, [T1]).rho[-1]
    expected = oracle.solve(after, middle, np.array([0.0, T2]))
    first = cj.master_equation(before, start(before), [T1])
    second = cj.master_equation(after, first.final, [0.0, T2])
    np.testing.assert_allclose(second.mean, expected.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(second.second, expected.second, rtol=0, atol=1e-9)
    control = cj.master_equation(before, first.final, [T2])
    assert np.abs(control.mean[0] - expected.mean[-1]).max() > 0.02


@pytest.mark.parametrize(
    ("name", "n_traj"),
    [("banded", 800), pytest.param("turned levels", 300, marks=pytest.mark.validation), ("modes", 200)],
)
def test_trajectories_from_a_density_matrix(name, n_traj):
    """Each draws an eigenstate: at t = 0 the averages are those of the density matrix, then those of the equation."""
    before, after = (make() for make in QUENCHES[name])
    exact = cj.master_equation(before, start(before), [T1])
    run = cj.simulate(after, exact.final, [0.0, T2], n_traj=n_traj, seed=5)
    wanted = cj.master_equation(after, exact.final, [0.0, T2])
    off = np.abs(run.mean - wanted.mean) / run.mean_stderr
    pairs = np.abs(run.second - wanted.second) / np.maximum(run.second_stderr, 1e-9)
    print(f"\nworst {off.max():.2f}, {pairs.max():.2f} standard errors")
    assert off.max() < 4.5
    assert run.mean_stderr.max() < 0.07
    assert np.abs(run.deviation - wanted.deviation).max() < 5 * run.deviation_stderr.max()
    # control: all from the state of the largest weight
    mixed = mixture_of(exact.final)
    largest = mixed[int(np.argmax(mixed.weights))]
    wrong = cj.simulate(after, largest, [0.0, T2], n_traj=n_traj, seed=5)
    assert (np.abs(wrong.mean - wanted.mean) / run.mean_stderr).max() > 5.5
    # trajectory i is a function of (seed, i) alone, and of a stream of its own
    one = cj.trajectory(after, exact.final, [0.0, T2], seed=5, index=7)
    again = cj.simulate(after, exact.final, [0.0, T2], n_traj=9, seed=5, keep=9, chunk=3)
    np.testing.assert_array_equal(again.trajectories[7], one.mean)


def test_trajectories_from_a_steady_state():
    """They stay there; their mean field is that of the particles one by one. Populations alone run apart."""
    model = banded()
    steady = cj.steady_state(model)
    run = cj.simulate(model, steady.final, [0.0, 0.5], n_traj=500, seed=1)
    assert (np.abs(run.mean - steady.mean) / run.mean_stderr).max() < 4.5
    alone = mixture_of(steady.final).reference.states[0].densities[0]
    np.testing.assert_allclose([np.trace(alone @ s).real for s in (X, Y, Z)], steady.mean, rtol=0, atol=1e-12)
    dark = cj.Model([cj.Block("a", 3), cj.Block("b", 2)], jumps=[cj.LocalJump(LOWER, "a"), cj.LocalJump(RAISE, "b")])
    exact = cj.master_equation(dark, cj.product(dark, {"a": np.eye(2) / 2, "b": np.eye(2) / 2}), [0.3])
    assert exact.final.diagonal
    several = cj.simulate(dark, exact.final, [0.0, 0.4], n_traj=400, seed=3)
    wanted = cj.master_equation(dark, exact.final, [0.0, 0.4])
    off = np.abs(several.mean - wanted.mean) / np.maximum(several.mean_stderr, 1e-9)
    assert off.max() < 4.5


def test_no_density_matrix():
    exact = cj.master_equation(banded(), start(banded()), [T1])
    wrong = replace(exact.final, packed=-exact.final.packed)
    with pytest.raises(cj.ArgumentError, match="be a density matrix, but eigenvalues that are below 0 add up to 1"):
        cj.simulate(banded(), wrong, [0.0, T2], n_traj=2)


def test_trajectories_of_a_quench_against_the_master_equation():
    """In distribution: one run to T1 and a second of another model from its ends."""
    worst = 0.0
    for name in ("lattice", "modes"):
        before, after = (make() for make in QUENCHES[name])
        run = cj.simulate(before, start(before), [T1], n_traj=400, keep=400, seed=11)
        more = cj.simulate(after, run.final, [T2], n_traj=400, seed=12)
        exact = cj.master_equation(after, cj.master_equation(before, start(before), [T1]).final, [T2])
        off = np.abs(more.mean - exact.mean) / more.mean_stderr
        rows, columns = np.triu_indices(len(more.labels))
        pairs = np.abs(more.second - exact.second)[0, rows, columns] / more.second_stderr[0, rows, columns]
        worst = max(worst, off.max(), pairs.max())
        assert more.mean_stderr.max() < 0.05
        assert np.abs(more.deviation - exact.deviation)[0] < 5 * more.deviation_stderr[0]
        control = cj.master_equation(after, start(before), [T2])  # the first half forgotten
        assert (np.abs(more.mean - control.mean) / more.mean_stderr).max() > 10
    print(f"\nworst {worst:.2f} standard errors")
    assert worst < 5


def test_the_density_matrix_in_the_frame_of_the_user():
    """An average read off the matrix by hand, where the generator has turned frames."""
    model = QUENCHES["banded"][1]()
    exact = cj.master_equation(model, start(model), [T1])
    final, N = exact.final, 5
    total = dict.fromkeys("xyz", 0.0)
    weights = []
    for (two_J,) in final.sectors:
        rho, M = final.matrix(two_J), np.arange(two_J + 1) - two_J / 2
        J = two_J / 2
        up = np.diag(np.sqrt((J - M[:-1]) * (J + M[:-1] + 1)), -1)  # <M+1|J_+|M>
        operators = {"x": up + up.T, "y": (up - up.T) / 1j, "z": 2 * np.diag(M)}
        weights.append(np.trace(rho).real)
        for axis, operator in operators.items():
            total[axis] += np.trace(operator @ rho).real / N
    np.testing.assert_allclose([total[a] for a in "xyz"], exact.mean[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(weights, exact.sector_weights[0], rtol=0, atol=1e-12)
    with pytest.raises(cj.ArgumentError, match=r"`labels` must be of one of the sectors, 1, 3, 5, but they are \(2,\)"):
        final.matrix(2)


@pytest.mark.parametrize("make", [banded, lambda: mode(0.3, 0.1, 1.0)])
def test_from_a_steady_state(make):
    model = make()
    steady = cj.steady_state(model)
    stays = cj.master_equation(model, steady.final, [0.0, 0.7])
    np.testing.assert_allclose(stays.mean, np.array([steady.mean] * 2), rtol=0, atol=1e-8)
    other = cj.Model([*model.blocks, *model.modes], [], model.jumps)
    leaves = cj.master_equation(other, steady.final, [0.0, 0.7])
    np.testing.assert_allclose(leaves.mean[0], steady.mean, rtol=0, atol=1e-8)
    assert np.abs(leaves.mean[1] - steady.mean).max() > 1e-2
    with pytest.raises(cj.ArgumentError, match="must have a mean field, which this is measured against"):
        _ = leaves.deviation
    assert leaves.final.reference is None


def test_modes_far_apart_come_together():
    """The mean of trajectories whose modes are displaced by different numbers."""
    model = mode()
    run = cj.simulate(model, start(model), [2.0], n_traj=6, keep=6, seed=1)
    bs = {round(abs(b), 3) for s in run.final.states for f in s.factors for b in f.displacements}
    assert len(bs) > 2
    exact = cj.master_equation(model, run.final, [0.0])
    np.testing.assert_allclose(exact.mean[0], run.mean[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(exact.photons["m"].mean[0], run.photons.mean[0, 0], rtol=0, atol=1e-8)


def test_what_is_refused():
    model = levels()
    exact = cj.master_equation(model, start(model), [T1])
    with pytest.raises(cj.ArgumentError, match="`state` must be of the blocks and modes of this model"):
        cj.master_equation(blocks_of_two(), exact.final, [T2])
    with pytest.raises(cj.ArgumentError, match="into memory = 1e-06 GiB"):
        cj.master_equation(model, exact.final, [T2], memory=1e-6)
    run = cj.simulate(model, start(model), [T1], n_traj=3, keep=3)
    with pytest.raises(cj.ArgumentError, match="into memory = 1e-06 GiB"):
        cj.master_equation(model, run.final, [T2], memory=1e-6)
    with pytest.raises(cj.ArgumentError, match="it is a FinalDensity"):
        cj.steady_state(model, exact.final)


def test_photon_numbers_are_those_of_the_lit_mode():
    """In closed form, and where atoms are coupled against Fock states without a displaced vacuum."""
    lit = cj.systems.dicke(2, 1.0, 1.3, 0.0, 0.8)
    start = cj.tilted(lit, np.pi, 0, modes={"cavity": 1.5 - 0.5j})  # 5 photons, which leave one by one
    found = cj.master_equation(lit, start, [0.0, 0.7], keep=True).photon_distribution("cavity")
    for row, mean in zip(found.probability, (5.0, 5.0 * np.exp(-0.56)), strict=True):
        np.testing.assert_allclose(row, poisson.pmf(found.M, mean), rtol=0, atol=1e-9)
    warm = cj.systems.tavis_cummings(1, 1.0, 1.0, 0.0, 0.8, thermal=0.5, gamma=0.3)
    thermal = cj.steady_state(warm).photon_distribution("cavity")
    np.testing.assert_allclose(thermal.probability[0], (0.5 / 1.5) ** thermal.M / 1.5, rtol=0, atol=1e-9)
    model = cj.systems.dicke(2, 1.0, 0.9, 0.5, 0.7, gamma=0.2)
    state, fock = cj.tilted(model, 1.1, 0.4), {"cavity": 16}
    own = cj.master_equation(model, state, [1.3]).photon_distribution("cavity")
    full = oracle.Oracle(model, fock=fock)
    ket = np.array([np.cos(0.55), np.exp(0.4j) * np.sin(0.55)])
    atoms = oracle.product_state(model, {"spins": ket})
    after = full.advance(oracle.with_coherent_modes(atoms, model, fock, {"cavity": 0.0}), 1.3)
    wanted = np.diagonal(after).real.reshape(-1, fock["cavity"]).sum(axis=0)
    n = min(len(wanted), own.probability.shape[1])
    np.testing.assert_allclose(own.probability[0, :n], wanted[:n], rtol=0, atol=1e-8)
    assert own.probability.sum() == pytest.approx(1, abs=1e-10)
    assert abs(own.probability[0, 0] - poisson.pmf(0, own.probability[0] @ own.M)) > 0.01  # it is not coherent light
    with pytest.raises(cj.ArgumentError, match="`mode` must be one of the modes cavity, but it is 'light'"):
        cj.steady_state(warm).photon_distribution("light")
    with pytest.raises(cj.ArgumentError, match="`mode` must be a mode, of which there is none"):
        cj.steady_state(cj.systems.free_flips(2, 0.7, 1.3, 0.8)).photon_distribution("light")
