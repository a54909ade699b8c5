"""One ensemble, watched in several ways: counting, homodyne and heterodyne detection of the boundary time crystal.

Caption. Boundary time crystal (H = ω Σσ_x, L = √(κ/N) Σσ_-, κ = 1, ω = 0.6, N = 40) from all spins up. (a) m_z along
one trajectory of each way to detect the light of L: photon counting, homodyne detection of the phase π/2,
heterodyne detection, and homodyne detection of the efficiency 0.3 (whose unseen photons are drawn, too); the exact
average in black. (b) The average over trajectories (bands: ±2 standard errors) is the same for all. (c) The part of
N Var(m_z) within trajectories (bands): only its sum with the part between them belongs to the model, 4.85 at the end;
how it is shared belongs to the detector. (d) The mean homodyne current (band) and <L e^{-iφ} + h.c.> of
the exact solution (line), with the current of one trajectory (grey).

Makes its own small run (about a minute).

    python analysis/unravellings.py
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

SIZE, OMEGA, TRAJECTORIES = 40, 0.6, 400
TIMES = np.linspace(0, 10, 81)
PHASE = np.pi / 2
WAYS = {
    "counting": {},
    "homodyne": {"decay": cj.unravelling.homodyne(PHASE, error=0.01)},
    "heterodyne": {"decay": cj.unravelling.heterodyne(error=0.01)},
    "homodyne, η = 0.3": {"decay": cj.unravelling.homodyne(PHASE, 0.3, error=0.01)},
}
COLOURS = ("#2c6fa6", "#b5442e", "#4a8c4a", "#8a5aa8")


def main() -> None:
    """Draw the figure and print how the variance at the end is shared in each way."""
    model = cj.systems.boundary_time_crystal(SIZE, OMEGA, kappa=1.0)
    state = cj.tilted(model, 0.0, 0.0)
    exact = cj.master_equation(model, state, TIMES)
    y, z = (exact.labels.index(f"spins.{axis}") for axis in "yz")
    runs = {
        name: cj.simulate(model, state, TIMES, n_traj=TRAJECTORIES, keep=1, seed=3, unravelling=way, progress=True)
        for name, way in WAYS.items()
    }
    print(f"N Var(m_z) at t = {TIMES[-1]:g}, exact {exact.covariance[-1, z, z]:.4f}")
    for name, run in runs.items():
        shares = [part[-1, z, z] for part in (run.covariance, run.within, run.between)]
        errors = [part[-1, z, z] for part in (run.covariance_stderr, run.within_stderr, run.between_stderr)]
        parts = zip(("whole", "within", "between"), shares, errors, strict=True)
        print(f"{name:18s}", ", ".join(f"{part} {value:.4f} ± {error:.4f}" for part, value, error in parts))

    with cj.figures.style():
        figure = Figure(figsize=(7.0, 4.6), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        for colour, (name, run) in zip(COLOURS, runs.items(), strict=True):
            band = {"color": colour, "alpha": 0.3, "lw": 0}
            axes[0].plot(TIMES, run.trajectories[0, :, z], color=colour, lw=0.8, label=name)
            mean, error = run.mean[:, z], run.mean_stderr[:, z]
            axes[1].fill_between(TIMES, mean - 2 * error, mean + 2 * error, **band)
            part, error = run.within[:, z, z], run.within_stderr[:, z, z]
            axes[2].fill_between(TIMES, part - 2 * error, part + 2 * error, label=name, **band)
        for ax in axes[:2]:
            ax.plot(TIMES, exact.mean[:, z], color="black", lw=1)
        run = runs["homodyne"]
        middles, current = (TIMES[1:] + TIMES[:-1]) / 2, run.current["decay"]
        axes[3].plot(middles, run.records[0, 1:, 0] / np.diff(TIMES), color="0.75", lw=0.6)
        axes[3].fill_between(
            middles,
            current.mean - 2 * current.stderr,
            current.mean + 2 * current.stderr,
            color=COLOURS[1],
            alpha=0.4,
            lw=0,
        )
        # L e^{-iφ} + h.c. with φ = π/2 is √(1/N) Σ (-i σ_- + i σ_+) = -√N m_y
        axes[3].plot(TIMES, -np.sqrt(SIZE) * exact.mean[:, y], color="black", lw=1)
        names = ("$m_z$, one trajectory", r"$\langle m_z\rangle$", "$N$ Var($m_z$), within", "homodyne current")
        for letter, ax, label in zip("abcd", axes, names, strict=True):
            ax.set(xlabel="$t$", ylabel=label, xlim=(0, TIMES[-1]), title=f"({letter})")
        axes[2].legend(fontsize="x-small")
        save(figure, "unravellings")


if __name__ == "__main__":
    main()
