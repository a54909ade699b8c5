"""Whether a flipping spin counts itself: the two Hopfield networks (58) and (59) share their limit and differ by 1/N.

Caption. Hopfield network with one uniform pattern, Ω = 0.5, β = 0.6, from the tilted product state θ = 1.1, φ = 0.4.
(a) N times the difference of the average of σ_z from mean field, with the flipping spin left out of its own field (58)
and taken along (59): exact for N = 16 and 64 (light to dark) against the corrections δ_z(t) (dashed). (b) N times the
difference of the two averages, exact for N = 16, 32, 64, against the difference of the corrections (dashed). Crosses:
trajectories at N = 16 (error bars: ±1 standard error). (c) Largest distance of N times the difference, over all times
and components, from its limit, relative to the largest value of that: it falls as 1/N (dotted).

Makes its own small run (about a minute).

    python analysis/exclude_self.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

OMEGA, BETA = 0.5, 0.6
TIMES = np.linspace(0, 4, 33)
SIZES = (8, 16, 32, 64)
SAMPLED = 16


def network(size: int, exclude_self: bool) -> tuple[cj.Model, object]:
    """One uniform pattern, and its start."""
    model = cj.systems.hopfield(np.ones((1, size)), OMEGA, BETA, exclude_self=exclude_self)
    return model, cj.tilted(model, theta=1.1, phi=0.4)


def exact(size: int, exclude_self: bool) -> np.ndarray:
    """Averages of σ_x, σ_y, σ_z (T, 3) from the master equation."""
    return cj.master_equation(*network(size, exclude_self), TIMES).mean


def sampled(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """N times the difference of both averages of σ_z from trajectories, with its standard error."""
    runs = [
        cj.simulate(*network(SAMPLED, flag), times, n_traj=40_000, seed=seed, progress=True)
        for seed, flag in enumerate((True, False))
    ]
    difference = runs[0].mean[:, 2] - runs[1].mean[:, 2]
    error = np.hypot(runs[0].mean_stderr[:, 2], runs[1].mean_stderr[:, 2])
    return SAMPLED * difference, SAMPLED * error


def main() -> None:
    """Draw the figure and print how the difference approaches its limit."""
    fields = {flag: cj.mean_field(*network(SAMPLED, flag), TIMES) for flag in (True, False)}
    limit = fields[True].correction - fields[False].correction
    means = {(N, flag): exact(N, flag) for N in SIZES for flag in (True, False)}
    scaled = {N: N * (means[N, True] - means[N, False]) for N in SIZES}
    away = np.array([np.abs(scaled[N] - limit).max() for N in SIZES]) / np.abs(limit).max()
    for N, distance in zip(SIZES, away, strict=True):
        print(f"N = {N:3d}: N (difference) is {100 * distance:.2f} % from its limit")
    points = TIMES[4::4]
    value, error = sampled(points)
    off = (value - scaled[SAMPLED][4::4, 2]) / error
    print(f"trajectories, N = {SAMPLED}: worst {np.abs(off).max():.1f} standard errors from the exact difference")

    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, len(SIZES) - 1))
    dashes = {"color": "black", "dashes": (4, 2), "lw": 1.0}
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.5), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for flag, label, colour in ((True, "(58)", "#b5442e"), (False, "(59)", "#2c6fa6")):
            for N, alpha in ((16, 0.45), (64, 1.0)):
                excess = N * (means[N, flag] - fields[flag].mean)[:, 2]
                left.plot(TIMES, excess, color=colour, alpha=alpha, label=label if alpha == 1 else None)
            left.plot(TIMES, fields[flag].correction[:, 2], **dashes, label=None if flag else r"$\delta_z$")
        left.set(xlabel="$t$", ylabel=r"$N\,(\langle m_z\rangle-m_z)$", xlim=(0, TIMES[-1]))
        left.legend(loc="best", fontsize=7)
        for N, colour in zip(SIZES[1:], colours, strict=True):
            middle.plot(TIMES, scaled[N][:, 2], color=colour, label=f"$N={N}$")
        middle.errorbar(points, value, error, fmt="x", color=colours[0], ms=3.5, lw=0.8, label="trajectories")
        middle.plot(TIMES, limit[:, 2], **dashes, label=r"$\delta_z^{(58)}-\delta_z^{(59)}$")
        middle.set(
            xlabel="$t$", ylabel=r"$N\,(\langle m_z\rangle^{(58)}-\langle m_z\rangle^{(59)})$", xlim=(0, TIMES[-1])
        )
        middle.legend(loc="upper left", fontsize=7)
        middle.set_ylim(-0.25, 0.45)
        right.loglog(SIZES, away, "o-", color="black", ms=3.5, lw=0.8)
        right.loglog(SIZES, away[-1] * SIZES[-1] / np.array(SIZES), ":", color="black", lw=0.8, label=r"$\propto 1/N$")
        right.set(xlabel="$N$", ylabel="distance from the limit")
        right.set_xticks(SIZES, [str(N) for N in SIZES])
        right.set_yticks([0.02, 0.05, 0.1, 0.2], ["2%", "5%", "10%", "20%"])
        right.minorticks_off()
        right.legend(loc="upper right")
        for name, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "exclude_self")


if __name__ == "__main__":
    main()
