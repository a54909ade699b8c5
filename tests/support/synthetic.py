"""Results of a realistic shape without a simulation behind them, for tests of what comes after one."""

from __future__ import annotations

import numpy as np

from cojump.measure.averages import Layout
from cojump.measure.moments import Moments
from cojump.results.result import Result


def make_result(size=50, *, n_traj=20, keep=3, n_times=9, blocks=("spins",), seed=7, parameters=None, spread=1.0):
    """An ensemble that relaxes around an oscillating mean field, with noise of order 1/sqrt(N)."""
    rng = np.random.default_rng([seed, size])
    times = np.linspace(0.0, 4.0, n_times)
    A = 3 * len(blocks)
    phases = np.arange(A)
    reference = 0.8 * np.exp(-0.3 * times)[:, None] * np.cos(1.5 * times[:, None] + phases)
    layout, weights = Layout(A), np.full(A, 0.5)
    moments = Moments.empty((n_times, layout.width), layout.pairs)
    trajectories = []
    diagonal = layout.rows == layout.columns
    for i in range(n_traj):
        noise = spread * np.tanh(times)[:, None] * rng.normal(size=(n_times, A)) / np.sqrt(size)
        mean = reference + noise
        second = mean[:, layout.rows] * mean[:, layout.columns]
        second[:, diagonal] += spread * (1 - reference**2) / size
        moments.add(layout.vector(mean, second, reference, weights))
        if i < keep:
            trajectories.append(mean)
    return Result(
        times=times,
        labels=tuple(f"{block}.{axis}" for block in blocks for axis in "xyz"),
        n_particles=size,
        weights=weights,
        reference=reference,
        moments=moments,
        trajectories=np.array(trajectories).reshape(len(trajectories), n_times, A),
        seed=seed,
        tolerance=1e-9,
        n_jumps=4 * size * n_traj,
        parameters={"size": size} if parameters is None else parameters,
    )
