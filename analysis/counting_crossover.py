"""Active and inactive trajectories: a crossover in the statistics of jumps that sharpens with N.

Caption. Constrained model (flips at the rates 2 γ n² up and γ n² down, drive Ω = 0.05 γ). (a) θ(s)/N. (b) Mean rate of
jumps per particle in the ensemble biased by e^{-sK}: active for s < s_c, inactive for s > s_c, the steeper the larger
N; points with standard errors are populations of clones at N = 12, which are slow to leave the active phase where the
inactive one is the favoured one (s = 0.09). (c) Fano factor at s; its peak grows with N.
(d) Rate function φ(k)/N of the rate k of jumps: it flattens between the two phases, trajectories that are active for
a part of the time and inactive for the rest; dashed: independent jumps with the same mean (Poisson), which have no
such tail.

Makes a run of its own (about two minutes of one core).

    python analysis/counting_crossover.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

OMEGA, UP, DOWN = 0.05, 2.0, 1.0
SIZES = (6, 12, 24)
FIELDS = np.linspace(-0.06, 0.12, 46)
CLONED, SAMPLED = 12, (-0.04, 0.02, 0.09)
CLONES = {"n_clones": 60, "time": 60.0, "interval": 0.5, "burn_in": 20.0, "populations": 6}


def constrained(size: int) -> cj.Model:
    """The model."""
    return cj.systems.constrained(size, OMEGA, UP, DOWN)


def main() -> None:
    """Draw the figure and print the peaks of the Fano factor."""
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, len(SIZES)))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        (a, b), (c, d) = figure.subplots(2, 2)
        for size, colour in zip(SIZES, colours, strict=True):
            found = cj.counting.theta(constrained(size), FIELDS)
            a.plot(FIELDS, found.theta / size, color=colour, lw=1, label=f"$N={size}$")
            b.plot(FIELDS, found.mean / size, color=colour, lw=1)
            c.plot(FIELDS, found.fano, color=colour, lw=1)
            k, phi = found.rate_function
            d.plot(k / size, phi / size, color=colour, lw=1)
            peak = int(np.argmax(found.fano))
            print(f"N = {size}: the Fano factor is {found.fano[peak]:.1f} at s = {FIELDS[peak]:.3f}")
        own = cj.counting.theta(constrained(SIZES[-1]), 0.0).mean / SIZES[-1]
        k = np.linspace(1e-3, 1.2 * own, 100)
        d.plot(k, k * np.log(k / own) - k + own, color="grey", dashes=(4, 2), lw=0.8)
        model = constrained(CLONED)
        for s in SAMPLED:
            cloned = cj.counting.clones(model, cj.tilted(model, 0.8, 0.0), s, seed=1, **CLONES)
            b.errorbar(s, cloned.mean / CLONED, cloned.mean_stderr / CLONED, fmt="o", ms=3, lw=0.8, color=colours[1])
            exact = cj.counting.theta(model, s)
            print(f"s = {s}: θ = {cloned.theta:.4f} ± {cloned.stderr:.4f} by cloning, {float(exact):.4f} exactly")
        a.set(xlabel="$s$", ylabel="$\\theta(s)/N$")
        a.legend(fontsize=7)
        b.set(xlabel="$s$", ylabel="jumps per time and particle", ylim=(0, None))
        c.set(xlabel="$s$", ylabel="Fano factor at $s$", yscale="log")
        d.set(xlabel="$k/N$", ylabel="$\\varphi(k)/N$", ylim=(0, 0.06))
        for name, ax in zip("abcd", (a, b, c, d), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "counting_crossover")


if __name__ == "__main__":
    main()
