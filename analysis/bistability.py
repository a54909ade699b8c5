"""Facilitated flips: two stable states in mean field, and trajectories that switch between them.

Caption. Up-flips at the rate κ n² and decay at the rate γ. (a) Fraction n of excited particles at the fixed points of
mean field against κ: for Ω = 0 (grey; n = 0 is absorbing, the active state appears at κ = 4γ) and for a weak drive
Ω = 0.1 γ (black), with which it can be left; solid: stable, dashed: unstable.
Shading: how often trajectories of N = 60 particles have a given n in the drive Ω = 0.1 γ. (b) One trajectory at
κ = 5 γ (dotted line in a) stays for long times near one of the stable states (solid lines) and crosses the unstable one
(dashed) quickly. (c) Distribution at κ = 5 γ for three N, half of the trajectories started active: the valley between
the states deepens with N; for N = 120 switches are so rare that the weights of the states still reflect the starts.

    python analysis/bistability.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import cojump as cj
from shared import save

OMEGA, KAPPA, SIZE = 0.1, 5.0, 60
BINS = (np.arange(32) - 0.5) / 30
TIMES = np.linspace(0, 1500, 3001)
SHADED = np.linspace(3.5, 6.5, 25)
FINE = np.unique(np.r_[3.5:6.5:61j, 3.98:4.1:25j])
SKIPPED = 100
"""Output times before the memory of the start is taken as lost to the state it is near."""


def branches(omega: float, kappas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """κ, n and whether it is stable, of all fixed points."""
    rows = []
    for kappa in kappas:
        points = cj.attractors.fixed_points(cj.systems.facilitated(SIZE, omega, kappa, 1.0), starts=6)
        if points.doubt:
            print(f"Ω = {omega}, κ = {kappa:.3f}: {points.doubt}")
        for point in points:
            rows.append((kappa, (1 + point.mean[2]) / 2, point.stable))
    kappa, n, stable = np.array(rows).T
    return kappa, n, stable.astype(bool)


def traces(kappa: float, size: int, n_traj: int) -> np.ndarray:
    """(n_traj, T) n along trajectories; half of them start active, half nearly empty."""
    model = cj.systems.facilitated(size, OMEGA, kappa, 1.0)
    found = []
    for theta, seed in ((0.8, 1), (2.9, 2)):
        result = cj.simulate(
            model, cj.tilted(model, theta, 0.0), TIMES, n_traj=n_traj // 2, seed=seed, keep=n_traj // 2
        )
        found.append((1 + result.trajectories[:, :, 2]) / 2)
    return np.concatenate(found)


def distribution(n: np.ndarray) -> np.ndarray:
    """Density of n over trajectories and late times; a bin per multiple of 1/30, of which all N are multiples."""
    return np.histogram(n[:, SKIPPED:], BINS, density=True)[0]


def draw_branches(ax) -> None:
    """Bifurcation diagram over the distribution of trajectories."""
    shading = np.array([distribution(traces(kappa, SIZE, 4)) for kappa in SHADED])
    scale = mpl.colors.PowerNorm(0.5, vmin=0, vmax=8)
    image = ax.pcolormesh(SHADED, BINS[:-1] + np.diff(BINS) / 2, shading.T, cmap="Blues", norm=scale, rasterized=True)
    ax.figure.colorbar(image, ax=ax, label="probability density", pad=0.02)
    for omega, colour in ((0.0, "0.55"), (OMEGA, "black")):
        kappa, n, stable = branches(omega, FINE)
        low, high = stable & (n < 0.25), stable & (n >= 0.25)
        for part, dashes in ((low, "-"), (high, "-"), (~stable, (0, (4, 2)))):
            ax.plot(kappa[part], n[part], color=colour, ls=dashes, lw=1.3)
    ax.axvline(KAPPA, color="black", ls=":", lw=0.7)
    ax.set(xlabel=r"$\kappa/\gamma$", ylabel="$n$", xlim=(3.5, 6.5), ylim=(-0.02, 1))
    lines = [
        Line2D([], [], color=c, label=label) for c, label in (("0.55", r"$\Omega=0$"), ("black", r"$\Omega=0.1\gamma$"))
    ]
    ax.legend(handles=lines, loc="upper left")


def main() -> None:
    """Draw the figure; print how often the trajectory switches."""
    points = cj.attractors.fixed_points(cj.systems.facilitated(SIZE, OMEGA, KAPPA, 1.0))
    levels = [((1 + p.mean[2]) / 2, p.stable) for p in points]
    print("fixed points:", ", ".join(f"n = {n:.4f} ({'stable' if s else 'unstable'})" for n, s in levels))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=[1.9, 1], height_ratios=[1.5, 1])
        top, trace, side = (figure.add_subplot(g) for g in (grid[0, :], grid[1, 0], grid[1, 1]))
        draw_branches(top)
        for size, spot in ((30, 0.72), (60, 0.42), (120, 0.12)):
            n = traces(KAPPA, size, 8)
            colour = mpl.colormaps["viridis"](spot)
            side.stairs(distribution(n), BINS, color=colour, label=f"$N={size}$", orientation="horizontal")
            middle = levels[1][0]
            shares = [float(np.mean(part)) for part in (n[:, SKIPPED:] > middle + 0.15, n[:, SKIPPED:] < middle - 0.15)]
            print(f"N = {size}: {shares[0]:.3f} of the time active, {shares[1]:.3f} nearly empty")
            if size == SIZE:
                trace.plot(TIMES, n[0], color=colour, lw=0.5)
        for n, stable in levels:
            for ax in (trace, side):
                ax.axhline(n, color="black", lw=0.7, ls="-" if stable else (0, (4, 2)))
        trace.set(xlabel=r"$\gamma t$", ylabel="$n$", xlim=(0, TIMES[-1]), ylim=(0, 1))
        side.set(xlabel="probability density", ylabel="$n$", ylim=(0, 1), xlim=(0, None))
        side.legend(loc="center right")
        for name, ax in zip("abc", (top, trace, side), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "bistability")


if __name__ == "__main__":
    main()
