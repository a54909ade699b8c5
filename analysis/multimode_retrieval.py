"""Retrieval in a multimode Dicke network: two patterns, each stored in a lossy mode.

Caption. (a) Overlaps with both patterns, from a start that is nearer to the first, N = 6, Ω = 0.3, g = ω = κ = 1
(bands: ±2 standard errors), against mean field (dashed), which retrieves the first. (b) Overlap with the first pattern
along single trajectories: some reach it, but with so few spins others are driven out of it. (c) Photons of the modes:
in mean field that of the retrieved pattern is filled and the other one is emptied, in the average both are filled.

Reads the results of mpi_runs/multimode.

    python analysis/multimode_retrieval.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save, stored


def main() -> None:
    """Draw the figure and print the final overlaps."""
    (result,) = stored("multimode")
    model, t, order, photons = result.model(), result.times, result.order, result.photons
    field = cj.mean_field(model, result.state(), t).photons
    first = model.linear("overlap1", model.order_parameters["overlap1"])[1]
    colours = mpl.colormaps["viridis"](np.linspace(0.15, 0.7, 2))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.4), layout="constrained")
        axes = figure.subplots(1, 3)
        for mu, colour in enumerate(colours):
            for ax, found, reference in ((axes[0], order, order.reference), (axes[2], photons, field.mean)):
                error = order.mean_stderr if found is order else photons.stderr
                low, high = (found.mean[:, mu] + s * 2 * error[:, mu] for s in (-1, 1))
                ax.fill_between(t, low, high, color=colour, alpha=0.3, lw=0)
                ax.plot(t, found.mean[:, mu], color=colour, label=f"pattern {mu + 1}")
                ax.plot(t, reference[:, mu], color=colour, dashes=(4, 2), lw=0.8)
            value, error, mean = order.mean[-1, mu], order.mean_stderr[-1, mu], order.reference[-1, mu]
            print(f"overlap {mu + 1} at t = {t[-1]:g}: {value:.3f} ± {error:.3f}, mean field {mean:.3f}")
        axes[1].plot(t, (result.trajectories @ first).T, color=colours[0], lw=0.7)
        labels = (r"overlap $m_\mu$", "single $m_1$", r"$\langle a_\mu^\dagger a_\mu\rangle/N$")
        for name, ax, label in zip("abc", axes, labels, strict=True):
            ax.set(xlabel="$t$", ylabel=label, xlim=(0, t[-1]), title=f"({name})")
        axes[0].legend(loc="best")
        save(figure, "multimode_retrieval")


if __name__ == "__main__":
    main()
