"""The phase of a limit cycle diffuses at finite N as its theory says: trajectories of two sizes against D_φ.

The phase of a trajectory is the time at which the mean-field cycle has the same angle in the plane of m_y and m_z. It
differs from the phase of the theory by a function of the distance from the cycle, whose variance stays bounded: what
the phase gains in the time t has a variance 2 D_φ t/N + constant. The slope is read from gains over one to four
periods, after the transient of the start.
"""

import numpy as np
import pytest

import cojump as cj

FIRST, LAGS, PER_PERIOD = 2, 4, 16
"""Periods that are left out, longest gain in periods, output times in a period."""

RUNS = {200: (1000, 12), 800: (800, 12)}
"""Trajectories and periods for each N."""


def hopfield(size):
    return cj.systems.hopfield(np.ones((1, size)), omega=1.0, beta=1 / 0.3)


def phases(cycle, trajectories):
    """(n, T) phase in units of time, unwrapped along each trajectory (n, T, A)."""

    def angle(m):
        return np.unwrap(np.arctan2(m[..., 1], m[..., 2]), axis=-1)

    turned = angle(np.concatenate([cycle.mean, cycle.mean[:1]]))
    direction = np.sign(turned[-1] - turned[0])
    grid = direction * (turned - turned[0])
    assert np.all(np.diff(grid) > 0)
    assert grid[-1] == pytest.approx(2 * np.pi, abs=1e-12)
    turns, rest = np.divmod(direction * (angle(trajectories) - turned[0]), 2 * np.pi)
    return cycle.period * turns + np.interp(rest, grid, np.append(cycle.times, cycle.period))


def variance_slope(phase, period):
    """Slope of the variance of the gains of the phase (n, periods + 1) against time, and its standard error.

    Least squares over gains in 1..LAGS periods; the slope is a mean over trajectories, which are independent.
    """
    n = len(phase)
    lags = np.arange(1, LAGS + 1)
    squares = []
    for lag in lags:
        gain = phase[:, lag:] - phase[:, :-lag]
        squares.append(np.mean((gain - gain.mean()) ** 2, axis=1))
    weights = (lags - lags.mean()) / np.sum((lags - lags.mean()) ** 2) / period
    single = weights @ np.array(squares)
    return single.mean(), single.std(ddof=1) / np.sqrt(n)


@pytest.mark.validation
def test_phase_diffusion_on_the_limit_cycle_is_that_of_the_theory():
    cycle = cj.attractors.limit_cycle(hopfield(200), cj.tilted(hopfield(200), np.pi / 2, -np.pi / 2))
    ratios, errors = [], []
    for size, (trajectories, periods) in RUNS.items():
        model = hopfield(size)
        times = np.arange(periods * PER_PERIOD + 1) * (cycle.period / PER_PERIOD)
        state = cj.product(model, {model.blocks[0].name: cycle.densities[0][0]})
        result = cj.simulate(model, state, times, n_traj=trajectories, seed=size, keep=trajectories)
        phase = phases(cycle, result.trajectories)[:, FIRST * PER_PERIOD :: PER_PERIOD]
        slope, error = variance_slope(phase, cycle.period)
        ratios.append(slope * size / (2 * cycle.phase_diffusion))
        errors.append(error * size / (2 * cycle.phase_diffusion))
        print(f"N = {size}: N·slope / 2D = {ratios[-1]:.4f} ± {errors[-1]:.4f}, D = {cycle.phase_diffusion:.6f}")
        # the phase runs with the cycle, to its own order 1/N
        assert abs(np.diff(phase, axis=1).mean() / cycle.period - 1) < 0.02
    assert max(errors) < 0.07
    assert np.all(np.abs(np.array(ratios) - 1) < 0.15)
    # a variance that did not fall as 1/N would be four times as large
    assert abs(ratios[1] / ratios[0] - 1) < 4 * np.hypot(*errors)


def test_the_phase_of_the_cycle_itself_is_time():
    model = hopfield(100)
    cycle = cj.attractors.limit_cycle(model, cj.tilted(model, np.pi / 2, -np.pi / 2))
    times = np.linspace(0, 4 * cycle.period, 81)
    start = cj.product(model, {model.blocks[0].name: cycle.densities[0][0]})
    phase = phases(cycle, cj.mean_field(model, start, times).mean[None])
    np.testing.assert_allclose(phase[0] - phase[0, 0], times, atol=2e-3)
