"""Phase diagram of the quantum Hopfield network with one uniform pattern, and trajectories on it.

Caption. (a) Attractors of the mean field over the transverse field Ω and the temperature T: paramagnet (P), two
ferromagnets, which retrieve the pattern (F), a limit cycle (C), and its coexistence with the ferromagnets (F + C).
Colours: from the fixed points and the flow from a start of large amplitude. Lines, in closed form: the ferromagnet
appears, Ω = [(1/T - 1)/8]^(1/2) (solid), Hopf line T = 2/3 of the paramagnet (dashed), Hopf line Ω_H(T) of the
ferromagnet (dash-dotted). Filled circles: mean of |m_z| over the later half of 16 trajectories of N = 200 spins, on the
scale at the right. (b) The same mean along T = 0.3, against that of the attractors of mean field: ferromagnet (solid
where stable, dotted where not) and limit cycle (dashed); error bars, where they show: ±2 standard errors. Between the
onset of the cycle and Ω_H the start decides in mean field; there, and just below, small N deviates most.

    python analysis/phase_diagram.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from cojump.model.states import State
from shared import save

CLASSES = ["P", "F", "F + C", "C"]
COLOURS = ["#e9e9ee", "#f2c48d", "#d98a7b", "#a9c9de"]
POINTS = [
    (omega, T)
    for T in (0.15, 0.4, 0.6, 0.8, 1.05)
    for omega in (0.08, 0.24, 0.42, 0.62, 0.85, 1.1)
    if not (T > 0.7 and omega > 0.7)
]
GRID = np.linspace(0.0, 1.2, 31), np.linspace(0.05, 1.1, 29)
CUT = 0.3
BRANCHES = np.unique(np.r_[0:1.1:34j, 0.40:0.46:31j, 0.53:0.5400:6j])
MEASURED = np.array([0.05, 0.2, 0.32, 0.38, 0.42, 0.46, 0.55, 0.7, 0.9, 1.1])


def network(omega: float, T: float, size: int = 100) -> cj.Model:
    """The network with one uniform pattern at temperature T."""
    return cj.systems.hopfield(np.ones((1, size)), omega, 1 / T)


def large(model: cj.Model) -> State:
    """A start of large amplitude."""
    return cj.tilted(model, np.pi / 2 + 0.1, -np.pi / 2 + 0.1)


def classify(found: cj.attractors.Survey) -> str:
    """The name of a region; a paramagnet that is unstable beside stable ferromagnets is not counted."""
    ferromagnets = sum(p.stable for p in found.fixed_points) == 2
    return ("F + C" if found.cycles else "F") if ferromagnets else "C" if found.cycles else "P"


def measured(omega: float, T: float, size: int, n_traj: int) -> tuple[float, float]:
    """Mean of |m_z| over trajectories in the later half of the run, with its standard error."""
    model = network(omega, T, size)
    result = cj.simulate(model, large(model), np.linspace(0, 80, 401), n_traj=n_traj, seed=size, keep=n_traj)
    single = np.abs(result.trajectories[:, 200:, 2]).mean(axis=1)
    return float(single.mean()), float(single.std(ddof=1) / np.sqrt(n_traj))


def draw_regions(ax, diagram: cj.attractors.PhaseDiagram) -> None:
    """The classes as colours, and the analytic lines."""
    number = np.array([[CLASSES.index(c) if c in CLASSES else np.nan for c in row] for row in diagram.labels])
    ax.pcolormesh(
        diagram.x, diagram.y, number.T, cmap=mpl.colors.ListedColormap(COLOURS), vmin=-0.5, vmax=3.5, rasterized=True
    )
    T = np.linspace(2 / 3, 1, 200)
    ax.plot(np.sqrt((1 / T - 1) / 8), T, color="black")
    ax.plot([0.25, diagram.x[-1]], [2 / 3, 2 / 3], color="black", ls=(0, (5, 2)))
    T = np.concatenate([np.geomspace(1e-3, 0.05, 50), np.linspace(0.05, 2 / 3 - 1e-6, 300)])
    s = np.sqrt(1 - 3 * T / 2)
    ax.plot(np.sqrt((s / (T * np.arctanh(s)) - 1) / 8), T, color="black", ls=(0, (5, 2, 1, 2)))
    ax.set(xlim=(0, diagram.x[-1]), ylim=(diagram.y[0], diagram.y[-1]), xlabel=r"$\Omega$", ylabel="$T$")
    for name, place in {"P": (0.72, 0.91), "F": (0.16, 0.5), "C": (0.73, 0.5)}.items():
        ax.text(*place, name, fontsize=12, ha="center", va="center")
    ax.annotate(
        "F + C", (0.66, 0.105), (0.93, 0.25), fontsize=9, ha="center", arrowprops={"arrowstyle": "-", "lw": 0.6}
    )


def draw_cut(ax) -> None:
    """Mean |m_z| along T = 0.3: branches of mean field, and trajectories."""
    ferromagnet, cycle = [], []
    for omega in BRANCHES:
        model = network(omega, CUT)
        found = cj.attractors.survey(model, [large(model)], search=3)
        ferromagnet += [(omega, p.mean[2], p.stable) for p in found.fixed_points if p.mean[2] > 1e-3]
        cycle += [(omega, np.abs(c.mean[:, 2]).mean()) for c in found.cycles]
    omega, m_z, stable = np.array(ferromagnet).T
    ax.plot(omega[stable == 1], m_z[stable == 1], color="black", label="ferromagnet")
    ax.plot(omega[stable == 0], m_z[stable == 0], color="black", ls=":")
    ax.plot(*np.array(cycle).T, color="black", ls=(0, (4, 2)), label="cycle")
    for size, colour, marker in ((50, 0.72, "s"), (200, 0.42, "D"), (800, 0.12, "o")):
        values = np.array([measured(omega, CUT, size, 12) for omega in MEASURED])
        style = {
            "color": mpl.colormaps["viridis"](colour),
            "marker": marker,
            "ms": 3.5,
            "ls": "none",
            "elinewidth": 0.8,
        }
        ax.errorbar(MEASURED, values[:, 0], 2 * values[:, 1], label=f"$N={size}$", **style)
    ax.set(xlabel=r"$\Omega$", ylabel=r"mean of $|m_z|$", xlim=(0, 1.13), ylim=(0, 1.02))
    ax.legend(loc="upper right", fontsize=7.5)


def main() -> None:
    """Draw the figure; print the points that failed or are in doubt and what the trajectories gave."""
    diagram = cj.attractors.scan(
        network,
        *GRID,
        starts=lambda model: [large(model)],
        classify=classify,
        search=3,
        progress=True,
    )
    print(f"{len(diagram.failures)} of {diagram.labels.size} points failed", *diagram.failures.values(), sep="\n")
    doubts = sorted(set(diagram.doubts.values()))
    print(f"fixed points not certainly all found at {len(diagram.doubts)} points", *doubts, sep="\n")
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        draw_regions(left, diagram)
        values = [measured(omega, T, 200, 16)[0] for omega, T in POINTS]
        for (omega, T), value in zip(POINTS, values, strict=True):
            print(f"Ω = {omega:.2f}, T = {T:.2f}: mean |m_z| = {value:.3f}")
        dots = left.scatter(*np.array(POINTS).T, c=values, cmap="viridis", vmin=0, vmax=1, s=22, ec="black", lw=0.5)
        figure.colorbar(dots, ax=left, label=r"trajectories: mean of $|m_z|$", pad=0.02)
        draw_cut(right)
        for name, ax in zip("ab", (left, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "phase_diagram")


if __name__ == "__main__":
    main()
