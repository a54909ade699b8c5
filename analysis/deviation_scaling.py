"""The distance from mean field falls as 1/N, to the constant that fluctuation theory gives, far below the proven bound.

Caption. Collective constrained spin model (Ω = 0.7, rates 1.3 and 0.8), tilted start θ = 1.1, φ = 0.4. (a) E_N against
N at three times (points with their standard errors, smaller than the symbols): the lines are tr C(t)/N with C(t) from
fluctuation theory, not fits; the fitted slopes are in the legend. (b) N·E_N against 1/N: straight lines weighted by the
errors extrapolate to tr C(t) (stars). (c) The Gronwall bound of Theorem 1 with the paper's constants for this model
(full lines) and E_N (dashed), as log10: the theorem needs no more than a finite constant.

Makes a run of its own (about half a minute of one core).

    python analysis/deviation_scaling.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

SIZES = np.array([50, 100, 200, 400, 800, 1600, 3200])
TIMES = np.linspace(0, 2, 9)
SHOWN = (0.5, 1.0, 2.0)


def build(size: int) -> tuple[cj.Model, object]:
    """Model and start."""
    model = cj.systems.constrained(size, omega=0.7, rate_up=1.3, rate_down=0.8)
    return model, cj.tilted(model, theta=1.1, phi=0.4)


def line(x: np.ndarray, y: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of a weighted straight line, and their standard errors."""
    design = np.stack([x, np.ones_like(x)], axis=1) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return covariance @ design.T @ (y / error), np.sqrt(np.diag(covariance))


def main() -> None:
    """Draw the figure; print slopes, extrapolations and the bound."""
    results = [cj.simulate(*build(int(N)), TIMES, n_traj=600, seed=3, progress=True) for N in SIZES]
    model, state = build(100)
    limit = cj.mean_field(model, state, TIMES).deviation
    bounds = {N: cj.bounds.gronwall(*build(N), TIMES) for N in (50, 3200)}
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, len(SHOWN)))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for t, colour in zip(SHOWN, colours, strict=True):
            k = int(np.flatnonzero(np.isclose(TIMES, t))[0])
            value = np.array([r.deviation[k] for r in results])
            error = np.array([r.deviation_stderr[k] for r in results])
            (slope, _), (slope_error, _) = line(np.log(SIZES), np.log(value), error / value)
            (by_inverse, at_infinity), (_, infinity_error) = line(1 / SIZES, SIZES * value, SIZES * error)
            print(f"t = {t}: slope {slope:.3f} ± {slope_error:.3f}; N·E_N → {at_infinity:.3f} ± {infinity_error:.3f}")
            print(f"         tr C = {limit[k]:.4f}")
            left.errorbar(
                SIZES, value, error, fmt="o", ms=3, color=colour, label=f"$t={t:g}$: ${slope:.3f}\\pm{slope_error:.3f}$"
            )
            left.plot(SIZES, limit[k] / SIZES, color=colour, lw=0.8)
            middle.errorbar(1 / SIZES, SIZES * value, SIZES * error, fmt="o", ms=3, color=colour, lw=0.8)
            x = np.array([0, 1 / SIZES[0]])
            middle.plot(x, at_infinity + by_inverse * x, color=colour, lw=0.8)
            middle.plot(0, limit[k], marker="*", ms=8, color=colour, mec="black", mew=0.5, zorder=5)
        left.set(xscale="log", yscale="log", xlabel="$N$", ylabel="$E_N(t)$")
        left.legend(title="slope", loc="lower left", fontsize=7, title_fontsize=7)
        middle.set(xlabel="$1/N$", ylabel="$N\\,E_N(t)$", xlim=(-0.0012, 0.021))
        for (N, bound), colour in zip(bounds.items(), colours[[0, 2]], strict=True):
            result = results[int(np.flatnonzero(SIZES == N)[0])]
            right.plot(TIMES, bound.log10_bound, color=colour, label=f"bound, $N={N}$")
            right.plot(TIMES, np.log10(result.deviation), color=colour, ls="--", label=f"$E_N$, $N={N}$")
            print(f"N = {N}: log10 of the bound at t = {TIMES[-1]:g} is {bound.log10_bound[-1]:.1f}")
        right.set(xlabel="$t$", ylabel="$\\log_{10}$", xlim=(0, TIMES[-1]))
        right.axhline(0, color="black", lw=0.4)
        right.legend(fontsize=6.5, loc="upper left")
        for name, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "deviation_scaling")


if __name__ == "__main__":
    main()
