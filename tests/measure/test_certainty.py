"""Errors that a sample cannot know: which they are, and that no target is reached by them."""

from __future__ import annotations

import io
from dataclasses import replace

import h5py
import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.goal import Goal
from cojump.ensemble.ordered_merge import Fold
from cojump.ensemble.point import Point
from cojump.ensemble.run import run_points
from cojump.ensemble.worker import Worker
from cojump.measure.averages import Layout
from cojump.measure.certainty import LEAST, chance_of, seen_by
from cojump.measure.jump_counts import activity_of
from cojump.measure.moments import Moments
from cojump.measure.statistics import Extra
from cojump.report.console import make_console
from cojump.report.tables import print_tables
from tests.support.pauli import X, Z

T = np.linspace(0, 1, 5)
UP, DOWN = np.array([1, 0]), np.array([0, 1])
SIGMA_MINUS = np.array([[0, 0], [1, 0]])


def run(model, state, n_traj, target=(), **options):
    point = Point(
        model, state, T, n_traj=n_traj, target_error=dict(target) if isinstance(target, tuple) else target, **options
    )
    return point, run_points([point])[0]


def direct(samples):
    """(Σ d²)² / Σ d⁴ of samples (n, ...)."""
    d = samples - samples.mean(axis=0)
    with np.errstate(invalid="ignore"):
        return (d**2).sum(axis=0) ** 2 / (d**4).sum(axis=0)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("kind", ["normal", "rare", "skewed"])
def test_effective_numbers_are_those_of_all_samples(kind, offset):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 4, 3))
    if kind == "rare":
        x = (rng.random(x.shape) < 0.02) * 1.0
        x[0] = 1.0  # the value about which sums are taken is the rare one
    elif kind == "skewed":
        x = np.exp(2 * x)
    x = x + offset
    pairs = np.array([[0, 0, 1, 2], [0, 1, 1, 2]])
    whole = Moments.empty((4, 3), pairs, np.array([0, 2]))
    for start in range(0, 300, 64):
        part = Moments.empty((4, 3), pairs, np.array([0, 2]))
        for row in x[start : start + 64]:
            part.add(row)
        np.testing.assert_allclose(part.effective(), direct(x[start : start + 64])[:, [0, 2]], rtol=1e-6)
        whole.merge(part)
    np.testing.assert_allclose(whole.effective(), direct(x)[:, [0, 2]], rtol=1e-6)


def test_the_other_moments_do_not_feel_the_tails():
    x = np.random.default_rng(1).normal(size=(100, 2, 3))
    pairs = np.array([[0, 1, 2], [0, 1, 2]])
    with_tails, without = Moments.empty((2, 3), pairs, np.arange(3)), Moments.empty((2, 3), pairs)
    for row in x:
        with_tails.add(row)
        without.add(row)
    with_tails.merge(with_tails.copy())
    without.merge(without.copy())
    assert with_tails.mean.tobytes() == without.mean.tobytes()
    assert with_tails.comoment.tobytes() == without.comoment.tobytes()


def test_rare_jumps_do_not_meet_a_target():
    """The instance: rates of 1e-3, no jump in the first 128 trajectories, and an error of zero."""
    model = cj.systems.free_flips(10, 0.7, 1e-3, 1e-3)
    state = cj.tilted(model, 1.1, 0.4)
    target = 2e-4
    point, result = run(model, state, 640, {"spins.z": target})
    assert result.n_traj == 640, "the target is not reached, all trajectories run"
    waits = point.goal.waits_for(result)
    assert waits.startswith("the spread of spins.z at t = ")
    assert not point.goal.reached_by(result)
    early = run(model, state, 128)[1]
    assert early.n_jumps < 5
    late = early.times > 0
    assert early.uncertain[late].all()
    assert early.deviation_uncertain[late].all()
    assert early.counts.uncertain[late].all()
    assert not early.uncertain[0].any(), "all start in the same state"


@pytest.mark.validation
@pytest.mark.parametrize("limit", [3e-3, 1e-2])
def test_a_target_that_is_met_holds(limit):
    """With few events or none: the true error at the number of trajectories where the run stops is below the target."""
    model = cj.systems.free_flips(10, 0.7, 5e-3, 5e-3)
    state = cj.tilted(model, 1.1, 0.4)
    _, result = run(model, state, 10**6, limit)
    _, much = run(model, state, 20_000, seed=5)
    true = (much.mean_stderr * np.sqrt(much.n_traj / result.n_traj)).max()
    assert true <= limit
    assert result.n_traj < 4000


def test_a_small_spread_that_is_known_does_not_hide_a_channel_that_has_not_jumped():
    """Dephasing gives <z> a spread of 1e-6 that all trajectories carry; one decay takes all spins down."""
    jumps = [
        cj.LocalJump(SIGMA_MINUS, "spins", rate=lambda v: np.where(v > 0.8, 1e-4, 50 * (1 - v)), argument={"spins": Z}),
        cj.LocalJump(Z, "spins", rate=lambda v: 5.0 + 0 * v, argument={"spins": Z}),
    ]
    model = cj.Model([cj.Block("spins", size=10)], [cj.OneBody(0.02 * X, block="spins")], jumps)
    state = cj.product(model, {"spins": UP})
    _, result = run(model, state, 64)
    z = result.labels.index("spins.z")
    exact = cj.master_equation(model, state, T).mean[:, z]
    assert result.counts.mean[-1, 0] == 0, "no decay yet"
    assert abs(result.mean[-1, z] - exact[-1]) > 100 * result.mean_stderr[-1, z], "the error of the sample is none"
    assert result.uncertain[1:, z].all()
    assert result.deviation_uncertain[1:].all()
    assert not result.uncertain[0].any(), "nothing can have happened at t = 0"
    target = 5e-3
    _, reached = run(model, state, 10**4, {"spins.z": target})
    assert 500 < reached.n_traj < 2000, "so many that ignorance does not matter"
    frequent = cj.Model(model.blocks, model.hamiltonian, jumps[1:])
    assert not run(frequent, state, 512)[1].uncertain[1:, z].any()


def _dark():
    spins, hopping = [cj.Block("spins", 8)], cj.LocalJump(SIGMA_MINUS, "spins")
    seen = cj.LocalJump(SIGMA_MINUS, "spins", amplitude=lambda x: 1 + x, argument={"spins": Z})
    yield "no jumps in the model", cj.Model(spins, [cj.OneBody(0.7 * X, block="spins")]), UP
    yield "a rate of zero", cj.systems.free_flips(8, 0.7, 0.0, 0.0), UP
    yield "a dark state", cj.Model(spins, [cj.OneBody(Z, block="spins")], [hopping]), DOWN
    yield "dark by its rate", cj.Model(spins, [], [replace_matrix(seen, SIGMA_MINUS.T)]), DOWN
    yield "a collective dark state", cj.systems.boundary_time_crystal(8, 0.0, 1.0), DOWN
    dephasing = cj.LocalJump(Z, "spins")
    yield "jumps that change nothing", cj.Model(spins, [cj.OneBody(Z, block="spins")], [dephasing]), UP


def replace_matrix(jump, matrix):
    return cj.LocalJump(matrix, jump.block, amplitude=jump.amplitude, argument=jump.argument)


@pytest.mark.parametrize(("model", "ket"), [pytest.param(m, k, id=name) for name, m, k in _dark()])
def test_what_cannot_vary_reaches_any_target(model, ket):
    point, result = run(model, cj.product(model, {"spins": ket}), 10_000, 1e-9)
    assert result.n_traj == 128
    assert not result.uncertain.any()
    assert point.goal.waits_for(result) == ""


def test_a_start_that_only_looks_dark():
    """H takes it out of the dark state: jumps are possible, and rare."""
    spins = [cj.Block("spins", 8)]
    model = cj.Model(spins, [cj.OneBody(1e-3 * X, block="spins")], [cj.LocalJump(SIGMA_MINUS, "spins")])
    _, result = run(model, cj.product(model, {"spins": DOWN}), 640, 1e-5)
    assert result.n_traj == 640
    assert result.uncertain[1:].all()


def test_a_symmetry_is_no_ignorance():
    """x and y are zero in every trajectory while all channels jump: their zero error is known."""
    model = cj.systems.free_flips(8, 0.0, 1.3, 0.8)
    _, result = run(model, cj.product(model, {"spins": UP}), 256)
    assert np.all(result.mean_stderr[:, :2] == 0)
    assert not result.uncertain[2:].any()


def test_a_block_that_has_not_jumped_beside_one_that_has():
    blocks = [cj.Block("a", 6), cj.Block("b", 6)]
    jumps = [cj.LocalJump(SIGMA_MINUS, "a"), cj.LocalJump(1e-3 * SIGMA_MINUS, "b")]
    model = cj.Model(blocks, [], jumps)
    _, result = run(model, cj.product(model, {"a": UP, "b": UP}), 256)
    flags = dict(zip(result.labels, result.uncertain[-1], strict=True))
    assert not flags["a.z"]
    assert flags["b.z"]
    assert result.counts.uncertain[-1].tolist() == [False, True, False]


def test_a_mixed_start_is_seen_or_not():
    closed = cj.Model([cj.Block("spins", 4)], [cj.OneBody(0.5 * Z, block="spins")])
    even = run(closed, cj.product(closed, {"spins": np.diag([0.5, 0.5])}), 256)[1]
    assert not even.uncertain[:, 2].any()
    nearly = run(closed, cj.product(closed, {"spins": np.diag([1 - 1e-7, 1e-7])}), 256)[1]
    assert nearly.mean_stderr[0, 2] == 0
    assert nearly.uncertain[:, 2].all(), "nothing but one word has been drawn"


def test_figures_carried_by_few_trajectories_are_marked():
    """Log-normal weights, as decaying coherences have them: many jumps, and few trajectories that count."""
    model = cj.systems.free_flips(8, 0.0, 1.3, 0.8)
    worker = Worker(Point(model, cj.tilted(model, 1.1, 0.4), T, n_traj=1000))
    result, rng = worker.skeleton, np.random.default_rng(5)
    layout = Layout(3)
    for _ in range(1000):
        heavy = np.exp(3.0 * rng.normal(size=(len(T), 3)) - 9)
        mean = result.reference + heavy * [1, 0, 0] + 0.1 * rng.normal(size=(len(T), 3)) * [0, 1, 1]
        second = mean[:, layout.rows] * mean[:, layout.columns]
        result.moments.add(layout.vector(mean, second, result.reference, result.weights))
        result.extras["counts"].moments.add(np.full((len(T), 3), 5.0) + rng.poisson(3, size=(len(T), 3)))
    assert result.uncertain[:, 0].all()
    assert not result.uncertain[:, 1:].any()
    assert (result.effective[:, 0] < LEAST).all()
    stream = io.StringIO()
    print_tables([result], make_console(stream), all_times=True)
    lines = [line for line in stream.getvalue().splitlines() if "spins." in line]
    assert all(("?" in line) == ("spins.x" in line) for line in lines)
    assert "? behind an error: too few trajectories" in stream.getvalue()


@pytest.mark.parametrize(("size", "marked"), [(1e-8, True), (1e-10, True), (1e-17, False)])
def test_few_trajectories_carry_a_figure_below_the_tolerance_too(size, marked):
    """Their spread is less than the tolerance, their exact mean is not; what is below rounding is a symmetry's zero."""
    model = cj.systems.free_flips(8, 0.0, 1.3, 0.8)
    result, rng = Worker(Point(model, cj.tilted(model, 1.1, 0.4), T, n_traj=200)).skeleton, np.random.default_rng(5)
    layout = Layout(3)
    for _ in range(200):
        heavy = size * np.exp(3.0 * rng.normal(size=(len(T), 1)) - 9) * [1, 0, 0]
        mean = heavy + 1e-10 * rng.normal(size=(len(T), 3)) * [0, 1, 1]
        second = mean[:, layout.rows] * mean[:, layout.columns]
        result.moments.add(layout.vector(mean, second, result.reference, result.weights))
        result.extras["counts"].moments.add(np.full((len(T), 3), 5.0) + rng.poisson(3, size=(len(T), 3)))
    assert (result.mean_stderr < 1e-9).all()
    assert result.uncertain[:, 0].all() == result.uncertain[:, 0].any() == marked
    assert not result.uncertain[:, 1:].any(), "noise of the integration that all trajectories have"


def test_a_decayed_coherence_does_not_know_its_error():
    """<x> decays as the mean of a few trajectories; the others are below the tolerance long before it is."""
    model = cj.systems.free_flips(100, 0.0, 1.3, 0.8)
    state, times = cj.tilted(model, 1.1, 0.4), np.array([12.0, 15.0, 18.0])
    result = cj.simulate(model, state, times, n_traj=64)
    exact = cj.mean_field(model, state, times)["spins.x"].mean
    found = result["spins.x"]
    assert (np.abs(found.mean - exact) > 20 * found.stderr).all(), "the errors are far too small"
    assert result.uncertain[:, 0].all()
    assert not result.uncertain[:, 2].any()


def test_uncertain_errors_are_stored_and_an_old_file_does_not_know(tmp_path):
    model = cj.systems.free_flips(10, 0.7, 1e-3, 1e-3)
    _, result = run(model, cj.tilted(model, 1.1, 0.4), 64)
    result.save(str(tmp_path / "new.h5"))
    loaded = cj.load(tmp_path / "new.h5")[0]
    for name in ("uncertain", "deviation_uncertain", "covariance_uncertain", "second_uncertain", "effective"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(result, name))
    with h5py.File(tmp_path / "new.h5") as file:
        np.testing.assert_array_equal(file["points/000000/uncertain"][()], result.uncertain)
    for one in (result, loaded):
        one.moments.tails = None
        for extra in one.extras.values():
            extra.moments.tails = None
    old = replace(result, chance=None)
    old.save(str(tmp_path / "old.h5"))
    loaded = cj.load(tmp_path / "old.h5")[0]
    assert loaded.uncertain is None
    assert loaded.deviation_uncertain is None
    assert loaded.spin.uncertain is None
    assert loaded.activity.fano_uncertain is None
    stream = io.StringIO()
    print_tables([loaded], make_console(stream))
    assert "Which errors are uncertain is not known here" in stream.getvalue()


def test_tails_are_the_same_bits_in_any_number_of_sessions():
    model = cj.systems.free_flips(6, 0.7, 1.3, 0.8)
    point = Point(model, cj.tilted(model, 1.1, 0.4), T, n_traj=40, chunk=8)
    whole = run_points([point])[0]
    worker, fold = Worker(point), Fold(Worker(point).skeleton, Goal(40, 8))
    from cojump.ensemble.schedule import Task

    for number in (1, 0, 4, 2, 3):  # in another order, and each chunk in two parts
        first = worker.run(Task(0, number, 8 * number, 8 * number + 3, None), lambda: None, lambda _: None)
        rest = Task(0, number, 8 * number + 3, 8 * number + 8, first)
        fold.take(number, worker.run(rest, lambda: None, lambda _: None))
    other = fold.result()
    for name in ("shift", "cubes", "fourths"):
        assert getattr(other.moments.tails, name).tobytes() == getattr(whole.moments.tails, name).tobytes()


@pytest.mark.parametrize(("n", "rate"), [(1000, 0.025), (1000, 0.05), (200, 0.15), (200, 0.85), (100, 1.7)])
@pytest.mark.parametrize("kind", ["poisson", "pairs"])
def test_fano_factors_of_few_counts(n, rate, kind):
    """25 to 170 counts: |z| > 3 hardly ever where the error is not marked, and seldom where it is."""
    rng = np.random.default_rng(int(1000 * rate) + n)
    true, far, sure = (1.0, [], []) if kind == "poisson" else (2.0, [], [])
    step = 1 if kind == "poisson" else 2
    for _ in range(300):
        counts = step * rng.poisson(rate / step, size=n).astype(float)
        extra = activity_extra(counts)
        if not counts.any():
            continue
        found = activity_of(extra, 1, np.array([True]))
        far.append(abs(found.fano[0] - true) > 3 * found.fano_stderr[0])
        sure.append(not found.fano_uncertain[0])
    far, sure = np.array(far), np.array(sure)
    assert np.mean(far & sure) <= 0.015
    assert far.mean() <= 0.045
    if n * rate < 60:
        assert not sure.any()


def activity_extra(counts):
    x = np.stack([counts, counts, counts**2, counts**2], axis=1)
    pairs = np.array([[0, 1, 0, 1, 2, 3], [0, 1, 2, 3, 2, 3]])
    moments = Moments.empty((1, 4), pairs, np.arange(0))
    mean, d = x.mean(axis=0), x - x.mean(axis=0)
    moments.count, moments.mean = len(x), mean[None]
    moments.comoment = np.array([[(d[:, i] * d[:, j]).sum() for i, j in pairs.T]])
    return Extra(("0", "total"), np.ones(1), np.empty((1, 0)), moments, (0.0, 1.0))


def test_jumps_seen_by_trajectories_not_by_counts():
    """One trajectory with 50 jumps has not shown what 50 would have."""
    assert seen_by(100, np.array([0.5]), np.array([50.0**2 * 0.99]))[0] == pytest.approx(1.0, rel=0.05)
    assert seen_by(100, np.array([0.0]), np.array([0.0]))[0] == 0


def test_chance_of_a_hopfield_model_has_its_order_parameters():
    model = cj.systems.hopfield(cj.systems.random_patterns(2, 12, 1), 0.2, 2.0)
    chance = chance_of(model, cj.corrupted(model, 0, 0.8))
    assert chance.order.shape == (2, len(model.labels))
    assert chance.fires.all()
    assert set(chance.widths) == {2.0}
