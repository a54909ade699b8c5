"""Retrieval by Potts spins of three levels, and where it is lost.

Caption. Quantum Hopfield network of q = 3 level particles, one uniform pattern, Ω = 0.2. (a) Overlap from a start with
80 % of the particles right at T = 1, for N = 15, 30, 60 (bands: ±2 standard errors) against mean field (dashed).
(b) N · E_N(t), the distance from mean field (bars: one standard error), levels off with N at the fluctuation theory's
Σ C_αα (dashed). (c) Overlap at t = 8 against temperature from a start with 90 % right: trajectories (bars: two standard
errors) and mean field at the same time (dotted) and after a long one (dashed). Mean field loses the pattern in a jump,
by a saddle-node bifurcation, at T = 1.843; finite networks forget it gradually below that too, larger ones less.

Reads the results of mpi_runs/potts and runs the temperatures of (c) itself, some four minutes of one core.

    python analysis/potts_retrieval.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save, stored

LEVELS, OMEGA, SHORT, LONG = 3, 0.2, 8.0, 600.0
TRAJECTORIES = {15: 150, 30: 100, 60: 40}
CURVE = np.linspace(1.0, 2.4, 57)
TEMPERATURES = [1.2, 1.5, 1.7, 1.85, 2.0, 2.3]


def network(size: int, temperature: float) -> cj.Model:
    """The network with the uniform pattern; mean field does not depend on its size."""
    return cj.systems.potts_hopfield(np.zeros((1, size)), LEVELS, OMEGA, 1 / temperature)


def field_overlap(temperature: float, time: float) -> float:
    """Mean-field overlap at one time from a start with 90 % of the particles right."""
    model = network(30, temperature)
    n0 = cj.mean_field(model, cj.corrupted(model, quality=0.9), [0.0, time]).mean[-1, 0]
    return float((LEVELS * n0 - 1) / (LEVELS - 1))


def transition(low: float, high: float) -> float:
    """Temperature between ``low`` (pattern kept for long) and ``high`` (lost), by bisection to 1e-5."""
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if field_overlap(middle, LONG) > 0.02 else (low, middle)
    return (low + high) / 2


def draw_run(overlap, deviation, colours) -> None:
    """Panels (a) and (b) from the stored results."""
    for result, colour in zip(stored("potts"), colours, strict=True):
        N, t, order = result.n_particles, result.times, result.order
        value, error = order.mean[:, 0], order.mean_stderr[:, 0]
        overlap.fill_between(t, value - 2 * error, value + 2 * error, color=colour, alpha=0.3, lw=0)
        overlap.plot(t, value, color=colour, label=f"$N={N}$")
        scaled, spread = N * result.deviation, N * result.deviation_stderr
        deviation.errorbar(t, scaled, spread, color=colour, lw=1, elinewidth=0.6)
        print(f"N = {N}: overlap {value[-1]:.4f} ± {error[-1]:.4f}, mean field {order.reference[-1, 0]:.4f}; ", end="")
        print("N E_N at t = 1, 3, 6: " + ", ".join(f"{scaled[n]:.3f} ± {spread[n]:.3f}" for n in (4, 12, 24)))
    overlap.plot(t, order.reference[:, 0], color="black", dashes=(4, 2), lw=0.8)
    model = network(30, 1.0)
    theory = cj.mean_field(model, cj.corrupted(model, quality=0.8), t)
    limit = np.einsum("taa,a->t", theory.covariance, model.deviation_weights)
    deviation.plot(t, limit, color="black", dashes=(4, 2), lw=0.8)
    print("fluctuation theory at the same times: " + ", ".join(f"{limit[n]:.3f}" for n in (4, 12, 24)))


def draw_transition(ax, colours) -> None:
    """Panel (c): overlap against temperature."""
    ax.plot(CURVE, [field_overlap(T, SHORT) for T in CURVE], color="black", ls=":", lw=0.8)
    ax.plot(CURVE, [field_overlap(T, LONG) for T in CURVE], color="black", dashes=(4, 2), lw=0.8)
    print(f"mean field loses the pattern at T_r = {transition(1.5, 2.2):.4f}")
    for (N, n_traj), colour in zip(TRAJECTORIES.items(), colours, strict=True):
        points = []
        for temperature in TEMPERATURES:
            model = network(N, temperature)
            start = cj.corrupted(model, quality=0.9)
            order = cj.simulate(model, start, [0.0, SHORT], n_traj=n_traj, seed=N, chunk=10).order
            points.append((order.mean[-1, 0], order.mean_stderr[-1, 0]))
            field = field_overlap(temperature, SHORT)
            print(f"T = {temperature}, N = {N}: {points[-1][0]:.4f} ± {points[-1][1]:.4f}, mean field {field:.4f}")
        values, errors = np.array(points).T
        ax.errorbar(TEMPERATURES, values, 2 * errors, color=colour, marker="o", ms=2.5, lw=0.8, elinewidth=0.8)


def main() -> None:
    """Draw the figure and print its numbers."""
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, 3))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.4), layout="constrained")
        axes = figure.subplots(1, 3)
        draw_run(axes[0], axes[1], colours)
        draw_transition(axes[2], colours)
        axes[0].set(xlabel="$t$", ylabel="overlap $m$", title="(a) $T=1$")
        axes[0].legend(loc="lower right")
        axes[1].set(xlabel="$t$", ylabel="$N\\,E_N$", title="(b) $T=1$", ylim=(0, None))
        axes[2].set(xlabel="$T$", ylabel="overlap $m$", title=f"(c) $t={SHORT:g}$")
        save(figure, "potts_retrieval")


if __name__ == "__main__":
    main()
