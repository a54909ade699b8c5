"""Mean field with its 1/N correction: averages of twenty spins from the theory of infinitely many.

Caption. Collective constrained spin model (Ω = 0.7, rates 1.3 and 0.8) from the tilted product state θ = 1.1, φ = 0.4.
(a) Averages of σ_x, σ_y, σ_z for N = 20 (exact, full lines) against mean field (dotted) and corrected mean field
m + δ/N (dashed). (b) N times the difference from mean field: exact for N = 20 and 80 (lines, light to dark),
trajectories for N = 100 (points; error bars: ±1 standard error), and δ(t) (dashed). (c) Largest error over times and
components of the plain and of the corrected mean field against the exact averages: they fall as 1/N and 1/N² (dotted).

Makes its own small run (about a minute).

    python analysis/mean_correction.py
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import cojump as cj
from shared import save

TIMES = np.linspace(0, 4, 33)
SIZES = (10, 20, 40, 80)
SAMPLED, TRAJECTORIES = 100, 20_000
COLOURS = ("#2c6fa6", "#d08a1d", "#b5442e")


def setup(size: int) -> tuple[cj.Model, object]:
    """The constrained model and its start."""
    model = cj.systems.constrained(size, omega=0.7, rate_up=1.3, rate_down=0.8)
    return model, cj.tilted(model, theta=1.1, phi=0.4)


def main() -> None:
    """Draw the figure and print the errors of plain and corrected mean field."""
    mf = cj.mean_field(*setup(SAMPLED), TIMES)
    exact = {N: cj.master_equation(*setup(N), TIMES).mean for N in SIZES}
    plain = np.array([np.abs(exact[N] - mf.mean).max() for N in SIZES])
    corrected = np.array([np.abs(exact[N] - mf.mean - mf.correction / N).max() for N in SIZES])
    print("   N   error of mean field   of m + δ/N")
    for N, a, b in zip(SIZES, plain, corrected, strict=True):
        print(f"{N:4d}   {a:.2e}              {b:.2e}")
    slopes = [np.log(e[-1] / e[-2]) / np.log(SIZES[-1] / SIZES[-2]) for e in (plain, corrected)]
    print(f"log-log slopes of the last two: {slopes[0]:.2f}, {slopes[1]:.2f}")
    points = TIMES[4::4]
    run = cj.simulate(*setup(SAMPLED), points, n_traj=TRAJECTORIES, seed=5, progress=True)
    found, error = SAMPLED * (run.mean - mf.mean[4::4]), SAMPLED * run.mean_stderr
    print(
        f"trajectories, N = {SAMPLED}: δ_z resolved at {np.abs(found / error)[:, 2].max():.0f} standard errors at most"
    )

    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.7), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for a, colour in enumerate(COLOURS):
            left.plot(TIMES, exact[20][:, a], color=colour, lw=1.4)
            left.plot(TIMES, mf.mean[:, a], color=colour, ls=":", lw=1.2)
            left.plot(TIMES, (mf.mean + mf.correction / 20)[:, a], color="black", dashes=(4, 2), lw=0.8)
            for N, alpha in ((20, 0.45), (80, 1.0)):
                middle.plot(TIMES, N * (exact[N] - mf.mean)[:, a], color=colour, alpha=alpha, lw=1.0)
            middle.errorbar(points, found[:, a], error[:, a], fmt="o", color=colour, ms=2.5, lw=0.8)
            middle.plot(TIMES, mf.correction[:, a], color="black", dashes=(4, 2), lw=0.8)
        left.set(xlabel="$t$", ylabel=r"$\langle m_\alpha\rangle$, $N=20$", xlim=(0, TIMES[-1]), ylim=(-0.6, 1.25))
        middle.set(xlabel="$t$", ylabel=r"$N\,(\langle m_\alpha\rangle-m_\alpha)$", xlim=(0, TIMES[-1]))
        right.loglog(SIZES, plain, "o-", color="#2c6fa6", ms=3.5, lw=0.8, label="$m$")
        right.loglog(SIZES, corrected, "s-", color="black", ms=3.5, lw=0.8, label=r"$m+\delta/N$")
        for values, power in ((plain, 1), (corrected, 2)):
            right.loglog(SIZES, values[-1] * (SIZES[-1] / np.array(SIZES)) ** power, ":", color="black", lw=0.8)
        right.set(xlabel="$N$", ylabel="largest error of the mean")
        right.set_xticks(SIZES, [str(N) for N in SIZES])
        right.minorticks_off()
        right.legend(loc="lower left")
        lines = [Line2D([], [], color=c, label=f"${x}$") for c, x in zip(COLOURS, "xyz", strict=True)]
        lines += [
            Line2D([], [], color="0.3", ls=":", label="mean field"),
            Line2D([], [], color="black", dashes=(4, 2), lw=0.8, label=r"with $\delta$"),
        ]
        left.legend(handles=lines, loc="upper right", ncols=2, fontsize=7)
        for name, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "mean_correction")


if __name__ == "__main__":
    main()
