"""What each trajectory of an ensemble has shown, and the standard errors that follow from that alone."""

import numpy as np

from cojump.tools.matrices import from_pairs
from cojump.trajectories.engine import make_engine


def each(model, state, times, n, seed):
    """<m> (n, T, A) and <½{m_a, m_b}> (n, T, A, A) in each trajectory of a run, one by one from the engine."""
    engine = make_engine(model, state, np.asarray(times, dtype=float), 1e-9)
    ran = [engine.run(seed, index) for index in range(n)]
    A = len(model.labels)
    return np.array([one.mean for one in ran]), np.array([from_pairs(one.second, A) for one in ran])


def standard_error(values):
    """Of the mean of independent values (n, ..)."""
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def error_by_weights(statistic, *values, step=1e-4):
    """Standard error of a smooth function of means over trajectories, values (n, ..).

    To first order the function moves by the mean of its influences, and the influence of a trajectory is its derivative
    by the trajectory's weight: here a central difference, which knows nothing of how the function is made.
    """
    n = len(values[0])

    def at(i, change):
        weights = np.full(n, 1.0)
        weights[i] += change
        return statistic(*(np.tensordot(weights, v, 1) / weights.sum() for v in values))

    influence = np.array([(at(i, step) - at(i, -step)) / (2 * step) * n for i in range(n)])
    return standard_error(influence)
