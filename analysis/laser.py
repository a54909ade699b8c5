"""The threshold of a laser: atoms that emit into a lossy cavity and absorb from it, jump by jump, without coherence.

Caption. Two-level atoms with the jumps a† σ_-/√N and a σ_+/√N (emission and absorption), pump p, decay Γ = 0.5, and
loss of the cavity κ = 0.5. (a) Photons per atom against the pump: in the stationary state exactly for N = 1, 2 (lines),
of trajectories for N = 6 late in their run (points with standard errors), and of mean field, |α|² = (p (1 - n) - Γ n)/κ
with the inversion 2n - 1 held at κ beyond the threshold (dashed). (b) The same trajectories in time (bands: two
standard errors) and mean field from the same start (dashed), which has no spontaneous photon to begin with.

Makes a run of its own (half a minute of one core).

    python analysis/laser.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

DECAY, KAPPA = 0.5, 0.5
SIZES = (1, 2)
PUMPS = np.linspace(0.25, 4.0, 7)
MANY, MEASURED, END = 6, (0.5, 1.5, 4.0), 12.0
N_TRAJ = 20


def laser(size: int, pump: float) -> cj.Model:
    """The model."""
    down, up = cj.operators.sigma_minus, cj.operators.sigma_plus
    return cj.Model(
        [cj.Block("atoms", size=size), cj.Mode("cavity")],
        jumps=[
            cj.ModeJump(down, "atoms", "cavity", emits=True),
            cj.ModeJump(up, "atoms", "cavity", emits=False),
            cj.LocalJump(np.sqrt(pump) * up, "atoms"),
            cj.LocalJump(np.sqrt(DECAY) * down, "atoms"),
            cj.ModeLoss(KAPPA, "cavity"),
        ],
    )


def intensity(pump: np.ndarray) -> np.ndarray:
    """|α|² of mean field: beyond the threshold the gain 2n - 1 is the loss κ."""
    n = (1 + KAPPA) / 2
    return np.maximum(pump * (1 - n) - DECAY * n, 0) / KAPPA


def main() -> None:
    """Draw the figure and print the photons."""
    colours = mpl.colormaps["viridis"](np.linspace(0.8, 0.1, len(SIZES) + 1))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for size, colour in zip(SIZES, colours, strict=False):
            found = [cj.steady_state(laser(size, p)).photons["cavity"].mean for p in PUMPS]
            left.plot(PUMPS, found, color=colour, lw=1, label=f"$N={size}$")
        for pump in MEASURED:
            model = laser(MANY, pump)
            start = cj.product(model, {"atoms": [1, 0], "cavity": 0.05})
            result = cj.simulate(model, start, np.linspace(0, END, 33), n_traj=N_TRAJ, seed=1, progress=True)
            late, photons = result.times >= END / 2, result.photons["cavity"]
            # the times of one run depend on each other: their mean is not taken to be any more certain
            value, error = photons.mean[late].mean(), photons.stderr[late].mean()
            print(
                f"N = {MANY}, p = {pump}: {value:.3f} ± {error:.3f} photons per atom, mean field {intensity(pump):.3f}"
            )
            label = f"$N={MANY}$" if pump == MEASURED[0] else None
            left.errorbar(pump, value, error, color=colours[-1], fmt="o", ms=3.5, lw=1, label=label)
            (line,) = right.plot(result.times, photons.mean, lw=1, label=f"$p={pump:g}$")
            low, high = (photons.mean + side * photons.stderr for side in (-2, 2))
            right.fill_between(result.times, low, high, color=line.get_color(), alpha=0.2, lw=0)
            mf = cj.mean_field(model, start, result.times)
            right.plot(mf.times, mf.photons["cavity"].mean, color=line.get_color(), dashes=(4, 2), lw=0.8)
        fine = np.linspace(PUMPS[0], PUMPS[-1], 200)
        left.plot(fine, intensity(fine), color="black", dashes=(4, 2), lw=0.8, label="mean field")
        left.set(xlabel="pump $p$", ylabel=r"$\langle a^\dagger a\rangle/N$", ylim=(0, None))
        left.legend(fontsize=8)
        right.set(xlabel="$t$", ylabel=r"$\langle a^\dagger a\rangle/N$", xlim=(0, END), ylim=(0, None))
        right.legend(fontsize=8)
        for axes, name in ((left, "a"), (right, "b")):
            axes.set_title(f"({name})", loc="left")
        save(figure, "laser")


if __name__ == "__main__":
    main()
