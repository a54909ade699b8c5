"""Retrieval of a corrupted pattern in the quantum Hopfield network.

Caption. Overlap with the stored patterns from a corrupted start, Ω = 0.2, T = 0.4, for N = 50, 200, 400 (bands: ±2
standard errors; faint lines: single trajectories of N = 50) against mean field (dashed). (a) One random pattern of
which 70 % of the spins start right. (b, c) Two random patterns, started from the first with 80 % right: its overlap,
and that with the other pattern, which depends on the patterns drawn for each N and so on the sizes of the blocks.

Reads the results of mpi_runs/hopfield_p1 and hopfield_p2.

    python analysis/hopfield_retrieval.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save, stored

SEEDS = {1: 11, 2: 12}  # of the patterns, as in the run files


def overlaps_of(result, p: int) -> np.ndarray:
    """(keep, T, p) overlaps along the kept trajectories."""
    patterns = cj.systems.random_patterns(p, result.n_particles, SEEDS[p])
    model = cj.systems.hopfield(patterns, 0.2, 2.5, merge=True)
    maps = np.array([model.linear(name, x)[1] for name, x in model.order_parameters.items()])
    return result.trajectories @ maps.T


def main() -> None:
    """Draw the figure and print the final overlaps."""
    panels = [(1, 0), (2, 0), (2, 1)]
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, 3))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.4), layout="constrained")
        axes = figure.subplots(1, 3)
        for name, ax, (p, mu) in zip("abc", axes, panels, strict=True):
            for result, colour in zip(stored(f"hopfield_p{p}"), colours, strict=True):
                order, t, N = result.order, result.times, result.n_particles
                if N == 50:
                    ax.plot(t, overlaps_of(result, p)[:4, :, mu].T, color=colour, lw=0.5, alpha=0.5)
                low, high = (order.mean[:, mu] + s * 2 * order.mean_stderr[:, mu] for s in (-1, 1))
                ax.fill_between(t, low, high, color=colour, alpha=0.3, lw=0)
                ax.plot(t, order.mean[:, mu], color=colour, label=f"$N={N}$")
                ax.plot(t, order.reference[:, mu], color="black", dashes=(4, 2), lw=0.8)
                value, error = order.mean[-1, mu], order.mean_stderr[-1, mu]
                field = order.reference[-1, mu]
                print(f"p = {p}, overlap {mu + 1}, N = {N}: {value:.4f} ± {error:.4f}, mean field {field:.4f}")
            ax.set(xlabel="$t$", ylabel=f"overlap $m_{mu + 1}$", title=f"({name}) $p={p}$", xlim=(0, t[-1]))
        axes[0].legend(loc="lower right")
        save(figure, "hopfield_retrieval")


if __name__ == "__main__":
    main()
