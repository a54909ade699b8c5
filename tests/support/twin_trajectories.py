"""Whole trajectories of one engine beside those of its twin: the same jumps, the same averages."""

import numpy as np


def probabilities(pure):
    """Weights of the basis states of a pure state of one factor; of one block of two levels all of its sector."""
    (factor,) = pure.factors
    weights = np.abs(factor.amplitudes.ravel()) ** 2
    if len(factor.labels) == 1 and isinstance(factor.labels[0], int):
        ((lo, hi),) = factor.window
        weights = np.pad(weights, (lo, factor.labels[0] + 1 - hi))
    return weights


def assert_same_trajectories(twin, engine, seed, trajectories):
    """Compare jumps, sectors, averages and states at snapshots within 2e-10; the number of jumps.

    Both engines have tolerance 1e-10 and the same snapshots.
    """
    n_jumps = 0
    for index in range(trajectories):
        seen = [], []
        a, b = (
            e.run(seed, index, record=True, watch=lambda done, pure, to=to: to.append((done, probabilities(pure))))
            for e, to in zip((twin, engine), seen, strict=True)
        )
        for (done, mine), (other_done, other) in zip(*seen, strict=True):
            assert done == other_done
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-10)
        assert len(seen[0]) > 0
        n_jumps += a.n_jumps
        for field in ("channel", "sector"):
            np.testing.assert_array_equal(a.jumps[field], b.jumps[field])
        np.testing.assert_array_equal(a.sectors, b.sectors)
        np.testing.assert_array_equal(a.counts, b.counts)
        for mine, other in ((a.mean, b.mean), (a.second, b.second), (a.jumps["time"], b.jumps["time"])):
            np.testing.assert_allclose(mine, other, rtol=0, atol=2e-10)
    return n_jumps
