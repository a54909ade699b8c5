"""Fluctuations of a thousand spins around mean field, against the Gaussian theory.

Caption. Collective constrained spin model (Ω = 0.7, rates 1.3 and 0.8) from the tilted product state θ = 1.1, φ = 0.4,
N = 1000. (a) The mean-field path in the (m_y, m_z) plane, and at six times the ellipse of one standard deviation of the
averages: from trajectories (filled) and from C(t)/N (dashed), both enlarged five times. (b) Elements of N·cov from
trajectories (points; error bars: ±1 standard error) against C(t) (lines); dotted: what they would be if the spins were
independent at the same means.

Makes its own small run (about a minute).

    python analysis/fluctuation_ellipses.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

N, TRAJECTORIES = 1000, 2500
FINE = np.linspace(0, 3, 61)
TIMES = FINE[::5]
SHOWN = (0, 2, 4, 6, 8, 12)
ENLARGED = 5
ELEMENTS = {"yy": (1, 1), "zz": (2, 2), "yz": (1, 2)}
COLOURS = ("#2c6fa6", "#b5442e", "#4b8b3b")


def ellipse(centre: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Points (2, 100) of the ellipse of one standard deviation in the plane of y and z."""
    angle = np.linspace(0, 2 * np.pi, 100)
    values, axes = np.linalg.eigh(covariance[1:, 1:])
    return centre[1:, None] + axes @ (
        np.sqrt(np.maximum(values, 0))[:, None] * np.array([np.cos(angle), np.sin(angle)])
    )


def main() -> None:
    """Draw the figure and print how far the covariances are apart."""
    model = cj.systems.constrained(N, omega=0.7, rate_up=1.3, rate_down=0.8)
    state = cj.tilted(model, theta=1.1, phi=0.4)
    mf = cj.mean_field(model, state, FINE)
    run = cj.simulate(model, state, TIMES, n_traj=TRAJECTORIES, seed=3, progress=True)
    C, error = mf.covariance[::5], run.covariance_stderr
    # the start is a product state of known covariance: it has no error
    off = (run.covariance - C)[1:] / error[1:]
    share = np.einsum("taa->ta", error)[1:] / np.einsum("taa->ta", C)[1:]
    print(f"N·cov of {TRAJECTORIES} trajectories: errors up to {100 * share.max():.1f} % of the diagonal of C(t),")
    print(f"worst {np.abs(off).max():.1f}, root mean square {np.sqrt(np.mean(off**2)):.2f} standard errors from C(t)")
    independent = np.eye(3) - np.einsum("ta,tb->tab", mf.mean, mf.mean)

    with cj.figures.style():
        figure = Figure(figsize=(7.0, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(mf.mean[:, 1], mf.mean[:, 2], color="0.6", lw=0.8)
        colours = mpl.colormaps["viridis"](np.linspace(0.8, 0.1, len(SHOWN)))
        scale = ENLARGED**2 / N
        for t, colour in zip(SHOWN, colours, strict=True):
            left.fill(*ellipse(run.mean[t], scale * run.covariance[t]), color=colour, alpha=0.35, lw=0)
            left.plot(*ellipse(mf.mean[5 * t], scale * C[t]), color=colour, dashes=(4, 2), lw=1.0)
            left.plot(*mf.mean[5 * t, 1:], ".", color=colour, ms=3, label=f"$t={TIMES[t]:g}$")
        left.set(xlabel="$m_y$", ylabel="$m_z$", aspect="equal")
        left.legend(loc="lower right", fontsize=7, handletextpad=0.1)
        for (name, (a, b)), colour in zip(ELEMENTS.items(), COLOURS, strict=True):
            right.errorbar(TIMES, run.covariance[:, a, b], error[:, a, b], fmt="o", color=colour, ms=2.5, lw=0.8)
            right.plot(FINE, mf.covariance[:, a, b], color=colour, label=f"${name}$")
            right.plot(FINE, independent[:, a, b], ":", color=colour, lw=0.9)
        right.set(xlabel="$t$", ylabel=r"$C_{\alpha\beta}$, $N\,\mathrm{cov}(m_\alpha, m_\beta)$", xlim=(-0.05, 3.05))
        right.legend(loc="best", ncols=3)
        for name, ax in zip("ab", (left, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "fluctuation_ellipses")


if __name__ == "__main__":
    main()
