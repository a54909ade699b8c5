"""The boundary time crystal beside QuTiP's mcsolve: the time of a trajectory.

python -m tests.benchmarks.beside_qutip [REPETITIONS]          needs `pip install qutip`, which nothing else here does

H = 1.5 J_x, L = √(1/N) J_-, from |J, J>, t = 4, 41 output times, expectation values of the three averages. QuTiP gets
the space of dimension N + 1 and its default rtol 1e-6, atol 1e-8; cojump runs at a tolerance of 1e-9. Both run in turn,
and <m_z> of both is compared in standard errors.
"""

import statistics
import sys
import time

import numpy as np
import qutip
from rich.console import Console
from rich.table import Table

import cojump as cj

from .cases import TIMES, time_crystal

SIZES = {50: 800, 200: 200, 800: 50}
"""Trajectories of one repetition, by N."""

OPTIONS = {"progress_bar": "", "map": "serial", "method": "tsit5", "norm_t_tol": 1e-9, "norm_steps": 50}
"""The fastest of seven integrators at all three sizes; the default search misses a few jump times, this one none."""


def by_qutip(size, n_traj, seed):
    """Seconds per trajectory, and <m_z> at the end with its standard error."""
    x, y, z = (qutip.jmat(size / 2, axis) for axis in "xyz")
    jump = qutip.jmat(size / 2, "-") / np.sqrt(size)
    start = qutip.basis(size + 1, 0)
    averages = [2 / size * m for m in (x, y, z)]
    began = time.perf_counter()
    found = qutip.mcsolve(1.5 * x, start, TIMES, [jump], e_ops=averages, ntraj=n_traj, seeds=seed, options=OPTIONS)
    spent = (time.perf_counter() - began) / n_traj
    return spent, found.average_expect[2][-1], found.std_expect[2][-1] / np.sqrt(n_traj)


def by_cojump(size, n_traj, seed):
    """The same from cojump."""
    model, state = time_crystal(size)
    began = time.perf_counter()
    found = cj.simulate(model, state, TIMES, n_traj=n_traj, seed=seed)
    spent = (time.perf_counter() - began) / n_traj
    return spent, found.mean[-1, 2], found.mean_stderr[-1, 2]


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    table = Table(title=f"Time crystal, ms per trajectory, medians of {repetitions}; QuTiP {qutip.__version__}")
    for name in ("N", "QuTiP", "cojump", "ratio", "Δ<m_z> / error"):
        table.add_column(name, justify="right")
    by_cojump(10, 2, 0)  # compiles
    for size, n_traj in SIZES.items():
        theirs, ours = [], []
        for seed in range(1, repetitions + 1):
            theirs.append(by_qutip(size, n_traj, seed))
            ours.append(by_cojump(size, n_traj, seed))
        (a, m, dm), (b, n, dn) = (np.array(found).T for found in (theirs, ours))
        error = np.sqrt(np.sum(dm**2 + dn**2)) / repetitions
        ratio = statistics.median(a) / statistics.median(b)
        figures = [f"{1e3 * statistics.median(a):.2f}", f"{1e3 * statistics.median(b):.2f}", f"{ratio:.1f}"]
        table.add_row(str(size), *figures, f"{(n.mean() - m.mean()) / error:+.1f}")
    Console(width=100, highlight=False).print(table)


if __name__ == "__main__":
    main()
