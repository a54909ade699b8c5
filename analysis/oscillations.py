"""Oscillations that mean field keeps for ever and finite N damps: a limit cycle and the boundary time crystal.

Caption. (a) Hopfield network with one uniform pattern on its limit cycle, T = 0.3, Ω = 1: the mean of m_z over
trajectories for three N (bands: ±2 standard errors) against the undamped mean-field cycle (dashed). (b) Single
trajectories of the largest N keep the amplitude of the cycle; only their phases diffuse, which is what damps the mean.
(c) Boundary time crystal, ω0/κ = 3 in the usual letters: the same for the average of S_z; every trajectory stays in
the symmetric sector.

Reads the results of mpi_runs/limit_cycle and mpi_runs/time_crystal.

    python analysis/oscillations.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save, stored


def main() -> None:
    """Draw the figure and print how much of the amplitude is left in the last period."""
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, 3))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 4.6), layout="constrained")
        top, middle, bottom = figure.subplots(3, 1)
        for ax, case in ((top, "limit_cycle"), (bottom, "time_crystal")):
            results = stored(case)
            for result, colour in zip(results, colours, strict=True):
                t, m, error = result.times, result.mean[:, 2], result.mean_stderr[:, 2]
                ax.fill_between(t, m - 2 * error, m + 2 * error, color=colour, alpha=0.3, lw=0)
                ax.plot(t, m, color=colour, label=f"$N={result.n_particles}$")
                late = t > t[-1] - 3.5
                left = np.ptp(m[late]) / np.ptp(result.reference[late, 2])
                print(f"{case}, N = {result.n_particles}: {left:.3f} of the mean-field amplitude left at t = {t[-1]:g}")
            ax.plot(t, result.reference[:, 2], color="black", dashes=(4, 2), lw=0.8, label="mean field")
            ax.set(ylabel=r"$\langle m_z\rangle$", xlim=(0, t[-1]), ylim=(-1.15, 1.6))
            ax.legend(loc="upper right", ncols=4, fontsize=7)
        cycle = stored("limit_cycle").select(size=800)[0]
        middle.plot(cycle.times, cycle.trajectories[:4, :, 2].T, color=colours[2], lw=0.6, alpha=0.7)
        middle.plot(cycle.times, cycle.reference[:, 2], color="black", dashes=(4, 2), lw=0.8)
        middle.set(ylabel="single $m_z$", xlim=(0, cycle.times[-1]), ylim=(-1.15, 1.6))
        middle.text(0.98, 0.88, "$N=800$", transform=middle.transAxes, ha="right")
        for name, ax in zip("abc", (top, middle, bottom), strict=True):
            ax.text(0.01, 0.04, f"({name})", transform=ax.transAxes)
        bottom.set(xlabel="$t$")
        save(figure, "oscillations")


if __name__ == "__main__":
    main()
