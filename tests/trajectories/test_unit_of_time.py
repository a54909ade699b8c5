"""The same physics in other units of time: the same trajectories, jump for jump."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import compilation
from tests.support.pauli import X, Z
from tests.support.unit_of_time import KINDS, random_model, runs, scaled

SCALES = [1e-12, 1e-6, 1e6, 1e12]


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compilation.prepare([cj.Model([cj.Block("p", 2, levels=3)])])


def same_bits(seed, exponent):
    model, kets, times = random_model(seed)
    c = 4.0**exponent
    n = 0
    for one, other in zip(runs(model, kets, times), runs(scaled(model, c), kets, times / c), strict=True):
        np.testing.assert_array_equal(other.mean, one.mean)
        np.testing.assert_array_equal(other.jumps["time"] * c, one.jumps["time"])
        for name in ("channel", "sector"):
            np.testing.assert_array_equal(other.jumps[name], one.jumps[name])
        n += len(one.jumps)
    return n


def same_jumps(seed, c):
    model, kets, times = random_model(seed)
    n = 0
    for one, other in zip(runs(model, kets, times), runs(scaled(model, c), kets, times / c), strict=True):
        for name in ("channel", "sector"):
            np.testing.assert_array_equal(other.jumps[name], one.jumps[name])
        np.testing.assert_allclose(other.jumps["time"] * c, one.jumps["time"], rtol=0, atol=1e-7)
        np.testing.assert_allclose(other.mean, one.mean, rtol=0, atol=1e-6)
        n += len(one.jumps)
    return n


def test_a_power_of_two_changes_no_bit():
    assert (
        sum(same_bits(seed, exponent) for seed, exponent in enumerate((-20, 20, -3, 11, -20, 20, 7, -9, 20, -20))) > 60
    )


@pytest.mark.parametrize("c", SCALES)
def test_any_unit_gives_the_same_jumps(c):
    assert sum(same_jumps(seed, c) for seed in range(len(KINDS), 2 * len(KINDS))) > 20


@pytest.mark.validation
@pytest.mark.parametrize("c", [*SCALES, 1.0])
def test_many_models_in_any_unit(c):
    assert sum(same_jumps(seed, c) for seed in range(200)) > 1000
    if c == 1.0:
        assert sum(same_bits(seed, 20 if seed % 2 else -20) for seed in range(200)) > 1000


@pytest.mark.parametrize("w", [1e-12, 1e-7, 1e7, 1e12])
@pytest.mark.parametrize("N", [1, 10, 100, 10_000])
def test_a_turning_spin_in_any_unit(N, w):
    model = cj.Model([cj.Block("s", N)], [cj.OneBody(w * X, "s")])
    turns = np.array([0.0, 0.3, 1.0, 2.0])
    one = cj.trajectory(model, cj.tilted(model, 0.0, 0.0), turns / w, seed=1, index=0)
    np.testing.assert_allclose(one.mean[:, 2], np.cos(2 * turns), rtol=0, atol=1e-8)


def test_one_undamped_spin_over_a_long_time():
    model = cj.Model([cj.Block("s", 1)], [cj.OneBody(1e-6 * (0.3 * X + 0.2 * Z), "s")])
    one = cj.trajectory(model, cj.tilted(model, np.pi / 2, 0.0), [0.0, 2e7], seed=1, index=0)
    axis, angle = np.array([0.3, 0.0, 0.2]) / np.hypot(0.3, 0.2), 2 * 20 * np.hypot(0.3, 0.2)
    start = np.array([1.0, 0.0, 0.0])
    along = axis * (axis @ start)
    exact = along + np.cos(angle) * (start - along) + np.sin(angle) * np.cross(axis, start)
    np.testing.assert_allclose(one.mean[-1], exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("N", "omega", "end"), [(100_000, 1e3, 2e-3), (10_000, 1e4, 5e-4), (100, 1e6, 2e-5)])
def test_a_strong_drive_makes_steps_short(N, omega, end):
    # flips are few in this time: the spins turn as if there were none, up to some standard deviations of their number
    model = cj.systems.free_flips(N, omega, 1.0, 1.0)
    times = np.array([0.0, 0.3, 0.77, 1.0]) * end
    one = cj.trajectory(model, cj.tilted(model, 0.0, 0.0), times, seed=1, index=0)
    np.testing.assert_allclose(one.mean[:, 2], np.cos(2 * omega * times), rtol=0, atol=20 * end)
    assert np.abs(one.mean[:, 2]).min() < 0.95


def test_chi_and_drive_far_above_the_rates():
    model = cj.systems.free_flips(100, 1e6, 10.0, 10.0)
    one = cj.trajectory(model, cj.tilted(model, 0.0, 0.0), [0.0, 1e-4], seed=1, index=0)
    np.testing.assert_allclose(one.mean[-1, 2], np.cos(200), rtol=0, atol=0.02)


def test_a_horizon_far_beyond_the_jumps_of_all_scales():
    # rates of 1e-12 beside energies of 1: whether the last time is near or far does not matter
    model = cj.Model([cj.Block("s", 4)], [cj.OneBody(X, "s")], [cj.LocalJump(1e-6 * Z, "s")])
    state = cj.tilted(model, 0.4, 0.1)
    near = cj.trajectory(model, state, [0.0, 2.0], seed=1, index=0)
    far = cj.trajectory(model, state, [0.0, 2.0, 500.0], seed=1, index=0)
    np.testing.assert_allclose(far.mean[1], near.mean[1], rtol=0, atol=1e-8)
