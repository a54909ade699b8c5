"""Standard errors say what repetitions show."""

import numpy as np
import pytest

import cojump as cj

SEEDS = 50
TIMES = np.linspace(0, 2, 9)


@pytest.fixture(scope="module")
def repetitions():
    """50 independent ensembles of the constrained model."""
    model = cj.systems.constrained(30, 0.7, 1.3, 0.8)
    state = cj.tilted(model, 1.1, 0.4)
    return [cj.simulate(model, state, TIMES, n_traj=200, seed=seed) for seed in range(SEEDS)]


@pytest.mark.validation
@pytest.mark.parametrize("name", ["deviation", "mean", "second", "covariance", "within", "between"])
def test_the_spread_over_seeds_matches_the_error_bar(repetitions, name):
    """Over 50 seeds a spread is known to 10 %; averaged over times and components it must match within 20 %."""
    values = np.array([getattr(r, name) for r in repetitions])[:, 1:]
    errors = np.array([getattr(r, f"{name}_stderr") for r in repetitions])[:, 1:]
    spread, stated = values.std(axis=0, ddof=1), np.sqrt((errors**2).mean(axis=0))
    ratio = float(np.mean(spread / stated))
    print(f"{name}: spread over stated error {ratio:.3f}")
    assert 0.8 < ratio < 1.2


def test_the_error_of_the_deviation_matches_at_every_time(repetitions):
    """E_N is the figure the program exists for; 20 % is two standard deviations of a spread over 50 seeds."""
    values = np.array([r.deviation for r in repetitions])[:, 1:]
    errors = np.array([r.deviation_stderr for r in repetitions])[:, 1:]
    ratio = values.std(axis=0, ddof=1) / np.sqrt((errors**2).mean(axis=0))
    print("E_N: spread over stated error", np.round(ratio, 3))
    assert np.all((ratio > 0.8) & (ratio < 1.2))


def test_centred_products_beat_raw_ones(repetitions):
    """From raw second moments the error of the covariance would come out many times larger."""
    result = repetitions[0]
    raw = result.n_particles * result.second_stderr[-1, 2, 2]
    assert result.covariance_stderr[-1, 2, 2] < raw


def test_a_single_trajectory_has_no_error_bar():
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), TIMES, n_traj=1)
    for name in ("mean", "second", "covariance", "deviation", "within", "between"):
        assert np.isnan(getattr(result, f"{name}_stderr")).all()
        assert np.isfinite(getattr(result, name)).all()
