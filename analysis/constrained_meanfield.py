"""Finite-N trajectories of the constrained spin model fall onto mean field.

Caption. (a-c) Averages of the Pauli operators in the collective constrained spin model (Ω = 0.7, rates 1.3 and 0.8)
from the tilted product state θ = 1.1, φ = 0.4: N = 50, 200, 800 (bands: ±2 standard errors; faint lines: single
trajectories) against mean field (dashed); below, the difference from mean field, which falls as 1/N. (d, e) The
deviation E_N(t) and N·E_N(t): the curves of all N collapse.

Reads the results of mpi_runs/constrained; without them it makes a small run of its own (about half a minute).

    python analysis/constrained_meanfield.py [RESULTS_DIRECTORY]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import cojump as cj
from cojump.report.figures import write_figures
from shared import FIGURES, ROOT

STORED = ROOT / "mpi_runs" / "constrained" / "results"


def small_run() -> list:
    """The demo with a tenth of its trajectories."""
    results = []
    for size in (50, 200, 800):
        model = cj.systems.constrained(size, omega=0.7, rate_up=1.3, rate_down=0.8)
        state = cj.tilted(model, theta=1.1, phi=0.4)
        results.append(cj.simulate(model, state, np.linspace(0, 4, 41), n_traj=200, seed=7, keep=6, progress=True))
    return results


def main() -> None:
    """Draw the figure and print how N·E_N collapses."""
    stored = Path(sys.argv[1]) if len(sys.argv) > 1 else STORED
    results = list(cj.load(stored)) if (stored / "result.h5").exists() or len(sys.argv) > 1 else small_run()
    print("   N   N·E_N(t_end) ± error")
    for r in results:
        print(
            f"{r.n_particles:4d}   {r.n_particles * r.deviation[-1]:.3f} ± {r.n_particles * r.deviation_stderr[-1]:.3f}"
        )
    FIGURES.mkdir(exist_ok=True)
    for path in write_figures(results, FIGURES):
        print(path)


if __name__ == "__main__":
    main()
