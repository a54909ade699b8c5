"""Superradiance of the open Dicke model: photons against coupling, and the sign that a trajectory takes.

Caption. (a) Photons per atom against the coupling, ω_atom = ω_mode = κ = 1, for N = 10 and 30 (bars: standard errors
of the average over the last half of each run) against mean field (dashed), |α|² = g² (1 - (g_c/g)⁴)/(ω² + κ²/4) beyond
the critical coupling g_c (dotted). (b) Single trajectories of the largest N and g, which start all but in the normal
state: each takes one of the two signs of <a>, ±Re α of mean field (dashed).

Reads the results of mpi_runs/superradiance.

    python analysis/superradiance.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save, stored

OMEGA, KAPPA = 1.0, 1.0  # of the atoms and the mode, and of the loss, as in the run file
DAMPED = OMEGA**2 + KAPPA**2 / 4
CRITICAL = 0.5 * DAMPED**0.5


def amplitude(g: np.ndarray) -> np.ndarray:
    """|<a>|/√N of mean field, see :func:`cojump.systems.dicke`."""
    inside = 1 - np.minimum(CRITICAL / g, 1) ** 4
    return g * np.sqrt(inside / DAMPED)


def main() -> None:
    """Draw the figure and print the photons."""
    results = stored("superradiance")
    sizes = sorted({result.n_particles for result in results})
    colours = mpl.colormaps["viridis"](np.linspace(0.7, 0.1, len(sizes)))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for N, colour in zip(sizes, colours, strict=True):
            found = []
            for result in sorted(results.select(size=N), key=lambda result: result.parameters["coupling"]):
                late, photons = result.times >= result.times[-1] / 2, result.photons["cavity"]
                # the times of one run depend on each other: their mean is not taken to be any more certain
                g, value, error = result.parameters["coupling"], photons.mean[late].mean(), photons.stderr[late].mean()
                found.append((g, value, error))
                print(
                    f"N = {N}, g = {g}: {value:.3f} ± {error:.3f} photons per atom, mean field {amplitude(g) ** 2:.3f}"
                )
            left.errorbar(*np.transpose(found), color=colour, fmt="o", ms=3.5, lw=1, label=f"$N={N}$")
        g = np.linspace(0.3, 0.9, 200)
        left.plot(g, amplitude(g) ** 2, color="black", dashes=(4, 2), lw=0.8, label="mean field")
        left.axvline(CRITICAL, color="black", dashes=(1, 1.2), lw=0.8)
        left.text(CRITICAL - 0.01, 0.35, "$g_c$", ha="right")
        left.set(xlabel="$g$", ylabel=r"$\langle a^\dagger a\rangle/N$", xlim=(g[0], g[-1]), ylim=(0, None))
        left.legend(loc="upper left", fontsize=8)
        shown = max(results, key=lambda result: (result.parameters["coupling"], result.n_particles))
        x, coupling = shown.labels.index("cavity.x"), shown.parameters["coupling"]
        right.plot(shown.times, shown.trajectories[:, :, x].T, color=colours[-1], lw=0.7, alpha=0.8)
        steady = amplitude(coupling) ** 2 * OMEGA**2 / DAMPED  # α = -g <σ_x>/(ω - iκ/2), Re α = ∓|α| ω/|ω - iκ/2|
        for sign in (-1, 1):
            right.axhline(sign * steady**0.5, color="black", dashes=(4, 2), lw=0.8)
        right.set(xlabel="$t$", ylabel=r"$\mathrm{Re}\,\langle a\rangle/\sqrt{N}$", xlim=(0, shown.times[-1]))
        right.set_title(f"$N={shown.n_particles}$, $g={coupling}$")
        for name, axes in zip("ab", (left, right), strict=True):
            axes.text(0.97, 0.52, f"({name})", transform=axes.transAxes, ha="right")
        save(figure, "superradiance")


if __name__ == "__main__":
    main()
