"""Transitions of the p-spin model in a bath: continuous for p = 2, of first order for p = 3.

Caption. Order |m_z| against the coupling c, at omega = 0.5 and kappa = 1. Lines: fixed points of mean field, solid
where they are stable, dotted where they are not. Symbols: root of the mean of m_z² in trajectories of N = 200 spins,
late in a run that starts disordered (open) or ordered (filled); bars: standard errors. Dashed: c at which order
appears, the transition for p = 2, (1 + 16 omega²)/(32 omega), and the spinodal for p = 3. (a) p = 2: both starts end
in the same order, and fluctuations round the transition off. (b) p = 3: beyond the spinodal both states are stable;
near it some trajectories leave the ordered one.

    python analysis/p_spin.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import cojump as cj
from shared import save

OMEGA, KAPPA, N = 0.5, 1.0, 200
TIMES = np.linspace(0, 30, 61)
COUPLINGS = {2: (0.1, 0.25, 0.35, 0.45, 0.6, 0.9), 3: (0.4, 0.55, 0.65, 0.75, 0.9)}
CURVES = {2: np.linspace(0.05, 1.0, 60), 3: np.linspace(0.3, 1.0, 50)}
STARTS = {"disordered": (np.pi / 2, np.pi), "ordered": (0.3, np.pi)}
N_TRAJ = 24


def critical(p: int) -> float:
    """The coupling at which order appears, see :func:`cojump.systems.p_spin`; for p = 3 the spinodal."""
    if p == 2:
        return (KAPPA**2 + 16 * OMEGA**2) / (32 * OMEGA * KAPPA)
    # 9/2 c (omega/6c)^(1/3) = (kappa² + 16 omega²)/(8 omega) at kappa = 1
    return float(((KAPPA**2 + 16 * OMEGA**2) / (36 * OMEGA) * (6 / OMEGA) ** (1 / 3)) ** 1.5)


def branches(axes: Axes, p: int) -> None:
    """Draw |m_z| of the fixed points of mean field."""
    found = [
        (c, abs(point["spins.z"].mean), point.stable)
        for c in CURVES[p]
        for point in cj.attractors.fixed_points(cj.systems.p_spin(N, p, c, OMEGA, KAPPA), starts=5)
    ]
    for stable, marker in ((True, "-"), (False, ":")):
        rows = np.array([(c, m) for c, m, is_stable in found if is_stable == stable])
        for upper in (True, False):
            branch = rows[(rows[:, 1] > 1e-3) == upper] if len(rows) else rows
            if p == 3 and upper and stable:
                branch = branch[np.argsort(branch[:, 0])]
            if len(branch):
                axes.plot(*branch[np.argsort(branch[:, 0], kind="stable")].T, marker, color="black", lw=0.9)
    axes.axvline(critical(p), color="black", dashes=(4, 2), lw=0.6)


def main() -> None:
    """Draw the figure and print the orders."""
    colour = mpl.colormaps["viridis"](0.3)
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.8), layout="constrained")
        for letter, p, axes in zip("ab", COUPLINGS, figure.subplots(1, 2, sharey=True), strict=True):
            branches(axes, p)
            for name, (theta, phi) in STARTS.items():
                rows = []
                for c in COUPLINGS[p]:
                    model = cj.systems.p_spin(N, p, c, OMEGA, KAPPA)
                    result = cj.simulate(model, cj.tilted(model, theta, phi), TIMES, n_traj=N_TRAJ, seed=7)
                    late = result.times >= TIMES[-1] / 2
                    # the times of one run depend on each other: their mean is not taken to be any more certain
                    square, error = result.second[late, 2, 2].mean(), result.second_stderr[late, 2, 2].mean()
                    order = np.sqrt(square)
                    rows.append((c, order, error / (2 * order)))
                    print(f"p = {p}, c = {c}, {name}: order {order:.3f} ± {rows[-1][2]:.3f}")
                full = colour if name == "ordered" else "white"
                axes.errorbar(*np.transpose(rows), color=colour, mfc=full, fmt="o", ms=4, lw=1, label=name)
            axes.set(xlabel="$c$", title=f"({letter}) $p = {p}$", xlim=(CURVES[p][0], CURVES[p][-1]), ylim=(-0.02, 0.9))
        figure.axes[0].set_ylabel(r"$\langle m_z^2\rangle^{1/2}$")
        figure.axes[0].legend(loc="lower right", fontsize=8)
        save(figure, "p_spin")


if __name__ == "__main__":
    main()
