"""Rates of switching between two metastable states: from the generator's slowest mode, and from residence times.

Caption. Facilitated flips (up-flips at the rate κ n², decay γ, drive Ω = 0.1 γ, κ = 5 γ). (a) The slowest eigenvalues
of the generator against N: one real eigenvalue (points) leaves the others (crosses) behind. (b) Rates of leaving the
active (red) and the inactive state (blue): from the slowest mode (lines), and inverse mean residence times of
trajectories (points with standard errors), between thresholds about half of the way from the barrier to either state.
What both mean by a rate differs by about the ratio of the first to the second decay rate, 8, 4 and 2 % at N = 30, 45
and 60; residence times depend on the thresholds by as much and more. (c) Weight of the active state in the steady
state, and the time that trajectories spend there.

Makes a run of its own (about two minutes of one core).

    python analysis/switching_rates.py
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

OMEGA, KAPPA = 0.1, 5.0
SIZES = (15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
COMPARED = {30: 10, 45: 15, 60: 30}
"""Particles, and trajectories of the time END."""

END = 10_000.0
LOW, HIGH = -0.7, 0.0
"""m_z about half of the way from the barrier to either state."""


def facilitated(size: int) -> cj.Model:
    """The model."""
    return cj.systems.facilitated(size, OMEGA, KAPPA, 1.0)


def residence(size: int, trajectories: int) -> cj.longtime.Residence:
    """Stays in the states of low and high m_z, with output times on both sides of every jump."""
    model, times = facilitated(size), np.arange(20.0, END, 0.5)
    ones = [
        cj.longtime.at_jumps(model, cj.tilted(model, 0, 0), times, seed=size, index=index)
        for index in range(trajectories)
    ]
    return cj.longtime.residence([one.times for one in ones], [one.mean[:, 2] for one in ones], LOW, HIGH)


def main() -> None:
    """Draw the figure and print the rates side by side."""
    exact = {size: cj.spectrum.switching(facilitated(size)) for size in SIZES}
    slow = {size: cj.spectrum.slowest(facilitated(size), 4).eigenvalues for size in SIZES}
    stays = {size: residence(size, number) for size, number in COMPARED.items()}
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for size in SIZES:
            left.plot(size, -slow[size][0].real, "o", ms=3, color="black")
            left.plot([size] * 3, -slow[size][1:].real, "x", ms=3, color="grey")
        for phase, colour, label in ((0, "tab:red", "active"), (1, "tab:blue", "inactive")):
            middle.plot(SIZES, [exact[size].rates[phase] for size in SIZES], color=colour, lw=1, label=label)
            for size, found in stays.items():
                mean, error = found.mean[1 - phase], found.stderr[1 - phase]
                middle.errorbar(size, 1 / mean, error / mean**2, fmt="o", ms=3, lw=0.8, color=colour)
                print(
                    f"N = {size}, {label}: {exact[size].rates[phase]:.5f} from the slowest mode, "
                    f"{1 / mean:.5f} ± {error / mean**2:.5f} from residence; "
                    f"separation {exact[size].separation:.0f}"
                )
        right.plot(SIZES, [exact[size].weights[0] for size in SIZES], color="tab:red", lw=1)
        for size, found in stays.items():
            right.plot(size, found.time[1] / found.time.sum(), "o", ms=3, color="tab:red")
        left.set(xlabel="$N$", ylabel="$-\\mathrm{Re}\\,\\lambda/\\gamma$", yscale="log")
        middle.set(xlabel="$N$", ylabel="rate of leaving $/\\gamma$", yscale="log")
        middle.legend(fontsize=7)
        right.set(xlabel="$N$", ylabel="weight of the active state", ylim=(0, 1))
        for name, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "switching_rates")


if __name__ == "__main__":
    main()
