"""Spin squeezing by one-axis twisting, and how dephasing of each spin ends it.

Caption. One-axis twisting H = (χ/N) (Σσ_z)² from all spins along x. (a) Without noise: Wineland's parameter from the
exact solution (points) and in closed form (lines; Kitagawa and Ueda 1993), in units of time in which the best moment
is about the same for all N. (b) With dephasing of each spin, √γ σ_z: trajectories (points with ±2 standard errors),
closed form (lines), and the limit N → ∞ of the theory of fluctuations (black, dashed). (c) The least ξ² against N,
without dephasing (triangles; the line goes as N^(-2/3)) and with it (discs): squeezing that grows with N needs quiet
spins.

Makes its own small run (some ten seconds).

    python analysis/spin_squeezing.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar

import cojump as cj
from cojump.tools.types import Array
from shared import save

CHI, GAMMA = 1.0, 0.3
SIZES, TRAJECTORIES = (20, 100, 500), 200
MANY = np.geomspace(10, 10_000, 13).astype(int)
SCALED, TIMES = np.linspace(0.02, 0.5, 13), np.linspace(0.05, 1.2, 12)


def twisting(size: int, gamma: float) -> cj.Model:
    """The model."""
    z = cj.operators.sigma_z
    jumps = [cj.LocalJump(np.sqrt(gamma) * z, "spins")] if gamma else []
    return cj.Model([cj.Block("spins", size)], [cj.TwoBody(z, z, CHI, ("spins", "spins"))], jumps)


def closed_form(size: int, times: Array | float, gamma: float) -> Array:
    """Wineland's ξ²; dephasing multiplies each σ_x and σ_y in an average by e^{-2γt}."""
    angle, lost = 8 * CHI * np.asarray(times) / size, np.exp(-2 * gamma * np.asarray(times))
    A = (1 - np.cos(angle) ** (size - 2)) * lost**2
    B = 4 * np.sin(angle / 2) * np.cos(angle / 2) ** (size - 2) * lost
    least = 1 + (size - 1) / 4 * (A - np.hypot(A, B))
    return np.asarray(least / (lost * np.cos(angle / 2) ** (size - 1)) ** 2)


def best(size: int, gamma: float) -> float:
    """The least ξ² that is reached."""
    found = minimize_scalar(lambda t: float(closed_form(size, t, gamma)), bounds=(1e-3, size**0.35), method="bounded")
    return float(found.fun)


def main() -> None:
    """Draw the figure and print how far trajectories are from the closed form."""
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, len(SIZES)))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.5), layout="constrained")
        a, b, c = figure.subplots(1, 3)
        for size, colour in zip(SIZES, colours, strict=True):
            model, unit = twisting(size, 0.0), size ** (1 / 3)
            start = cj.tilted(model, np.pi / 2, 0)
            exact = cj.master_equation(model, start, SCALED * unit).squeezing()["spins"].mean
            fine = np.linspace(0, SCALED[-1], 200)
            a.plot(fine, closed_form(size, fine * unit, 0.0), color=colour, lw=1, label=f"$N={size}$")
            a.plot(SCALED, exact, "o", ms=3, color=colour)
            noisy = cj.simulate(twisting(size, GAMMA), start, TIMES, n_traj=TRAJECTORIES, seed=1).squeezing
            fine = np.linspace(0, TIMES[-1], 200)
            b.plot(fine, closed_form(size, fine, GAMMA), color=colour, lw=1)
            value, error = noisy["spins"].mean, noisy["spins"].stderr
            b.errorbar(TIMES, value, 2 * error, fmt="o", ms=3, lw=0.8, color=colour)
            off = np.abs(value - closed_form(size, TIMES, GAMMA))[error > 0] / error[error > 0]
            print(
                f"N = {size}: exact - closed form {np.abs(exact - closed_form(size, SCALED * unit, 0.0)).max():.1e}, "
            )
            print(f"    trajectories off by at most {off.max():.1f} standard errors")
        limit = cj.mean_field(twisting(SIZES[-1], GAMMA), start, fine).squeezing()["spins"].mean
        b.plot(fine, limit, color="black", lw=1, dashes=(4, 2))
        c.plot(MANY, [best(int(N), 0.0) for N in MANY], "^", ms=3, color="black", label="no dephasing")
        c.plot(
            MANY, [best(int(N), GAMMA) for N in MANY], "o", ms=3, color="tab:red", label=f"$\\gamma={GAMMA}\\,\\chi$"
        )
        c.plot(MANY, best(int(MANY[-1]), 0.0) * (MANY / MANY[-1]) ** (-2 / 3), color="black", lw=0.6)
        a.set(xlabel="$\\chi t/N^{1/3}$", ylabel="$\\xi^2$", yscale="log")
        a.legend(fontsize=7)
        b.set(xlabel="$\\chi t$", ylabel="$\\xi^2$", ylim=(0, 1.6))
        c.set(xlabel="$N$", ylabel="least $\\xi^2$", xscale="log", yscale="log")
        c.legend(fontsize=7)
        for name, ax in zip("abc", (a, b, c), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "spin_squeezing")


if __name__ == "__main__":
    main()
