"""A ramp of the coupling through the ordering transition of the p-spin model with p = 2: order lags behind.

Caption. Root of the mean of m_z² (a) against the coupling c(t) that has been reached and (b) against time, for ramps
of three lengths from c = 0 to 1.25 (colours) and N = 10 (thin) and 40 (thick) spins; bands: two standard errors.
Black: the order of mean field that belongs to each c, from the transition (dashed) on. The start is at rest in mean
field: noise alone makes the order, so it comes the later the faster the ramp and the larger N.

Reads the results of mpi_runs/ramp.

    python analysis/ramp.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save, stored

OMEGA, KAPPA = 0.5, 1.0  # as in the run file
CRITICAL = (KAPPA**2 + 16 * OMEGA**2) / (32 * OMEGA * KAPPA)


def main() -> None:
    """Draw the figure and print the order at the end."""
    results = stored("ramp")
    ends = sorted({result.parameters["coupling.end"] for result in results})
    sizes = sorted({result.n_particles for result in results})
    colours = mpl.colormaps["viridis"](np.linspace(0.85, 0.1, len(ends)))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for result in results:
            end, N = result.parameters["coupling.end"], result.n_particles
            ramp = result.model().hamiltonian[1]
            coupling = -ramp.phi.strength * ramp.envelope(result.times)
            square, error = result.second[:, 2, 2], result.second_stderr[:, 2, 2]
            low, high = np.sqrt(np.maximum(square - 2 * error, 0)), np.sqrt(square + 2 * error)
            colour, width = colours[ends.index(end)], 0.7 + sizes.index(N)
            until = result.times <= end
            left.plot(coupling[until], np.sqrt(square[until]), color=colour, lw=width)
            left.fill_between(coupling[until], low[until], high[until], color=colour, alpha=0.2, lw=0)
            label = f"{end:g}" if sizes[-1] == N else None
            right.plot(result.times, np.sqrt(square), color=colour, lw=width, label=label)
            right.fill_between(result.times, low, high, color=colour, alpha=0.2, lw=0)
            print(f"N = {N}, ramp of {end:g}: order {np.sqrt(square[-1]):.3f} at t = {result.times[-1]:g}")
        c = np.linspace(CRITICAL, 1.25, 200)
        order = np.sqrt(OMEGA / c * (1 - CRITICAL / c))
        left.plot(c, order, color="black", lw=0.9)
        left.axvline(CRITICAL, color="black", dashes=(4, 2), lw=0.6)
        right.axhline(order[-1], color="black", lw=0.9)
        left.set(xlabel="$c(t)$", ylabel=r"$\langle m_z^2\rangle^{1/2}$", xlim=(0, 1.25), ylim=(0, None), title="(a)")
        right.set(xlabel="$t$", title="(b)", xlim=(0, results[0].times[-1]))
        right.legend(title="length of the ramp", loc="lower right", fontsize=8, title_fontsize=8)
        save(figure, "ramp")


if __name__ == "__main__":
    main()
