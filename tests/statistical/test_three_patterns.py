"""Three patterns: the means of four coupled blocks approach mean field as N grows."""

import numpy as np
import pytest

import cojump as cj

TIMES = np.linspace(0, 2, 9)
RUNS = {16: 800, 40: 300}
"""Trajectories for each N."""


def _distance(result):
    """Rms difference of the overlaps from mean field over time, without what sampling adds to it; and its error."""
    difference, error = result.order.mean - result.order.reference, result.order.mean_stderr
    square = np.sum(difference**2 - error**2, axis=1).mean()
    # the times are correlated: the error of their mean is at most the mean of their errors
    spread = np.sqrt(np.sum((2 * difference * error) ** 2 + 2 * error**4, axis=1)).mean()
    return np.sqrt(square), spread / (2 * np.sqrt(square))


@pytest.mark.validation
def test_means_approach_mean_field():
    found = {}
    for size, n_traj in RUNS.items():
        model = cj.systems.hopfield(cj.systems.random_patterns(3, size, 1), 0.5, 5.0, merge=True)
        assert len(model.blocks) == 4
        result = cj.simulate(model, cj.corrupted(model, 0, 0.8), TIMES, n_traj=n_traj, seed=23, chunk=10)
        found[size] = _distance(result)
        print(f"N = {size}: {found[size][0]:.4f} ± {found[size][1]:.4f}")
    (small, small_error), (large, large_error) = found[16], found[40]
    assert max(small_error, large_error) < 0.02
    assert small - large > 5 * np.hypot(small_error, large_error)
