"""E_N(t) from trajectories falls as 1/N, and N·E_N tends to tr C of the fluctuation theory."""

import numpy as np
import pytest

import cojump as cj

SIZES = (50, 100, 200, 400, 800, 1600, 3200)
TIMES = np.array([0.0, 1.0])
CASES = {
    "constrained": lambda N: cj.systems.constrained(N, 0.7, 1.3, 0.8),
    "Hopfield paramagnet": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 0.6),
}


def _line(x, y, error):
    """Slope and intercept of a weighted straight line with their standard errors."""
    design = np.stack([x, np.ones_like(x)], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return covariance @ design.T @ (y / error), np.sqrt(np.diag(covariance))


def _judge(values, errors, limit):
    """Whether E_N at t = 1 scales as 1/N towards ``limit``, with the power to say no."""
    N = np.array(SIZES, dtype=float)
    (slope, _), (slope_error, _) = _line(np.log(N), np.log(values), errors / values)
    (_, intercept), (_, intercept_error) = _line(1 / N, N * values, N * errors)
    off = abs(intercept - limit) / intercept_error
    print(f"slope {slope:.4f} ± {slope_error:.4f}")
    print(f"N·E_N tends to {intercept:.4f} ± {intercept_error:.4f}, tr C = {limit:.4f}")
    assert slope_error <= 0.01
    assert intercept_error <= 0.015 * limit
    return abs(slope + 1) <= 0.02 and off <= 3


def _ensembles(build, n_traj, seed):
    values, errors = [], []
    for N in SIZES:
        model = build(N)
        result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), TIMES, n_traj=n_traj, seed=seed + N)
        values.append(result.deviation[-1])
        errors.append(result.deviation_stderr[-1])
    return np.array(values), np.array(errors)


@pytest.mark.validation
@pytest.mark.parametrize("name", CASES)
def test_deviation_scales_as_one_over_N(name):
    values, errors = _ensembles(CASES[name], 4000, seed=5)
    model = CASES[name](100)
    limit = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), TIMES).deviation[-1]
    assert _judge(values, errors, limit)
    # the same test must refuse another power of N and another limit
    assert not _judge(values * (np.array(SIZES) / 50) ** 0.03, errors, limit)
    assert not _judge(values, errors, 1.06 * limit)
