"""What an observer knows: the boundary time crystal seen by homodyne detectors of several efficiencies.

Caption. Boundary time crystal (H = ω Σσ_x, L = √(κ/N) Σσ_-, κ = 1, ω = 0.6, N = 20) from all spins up, the light of L
seen by homodyne detection of the phase π/2. The record of one trajectory of efficiency 1 is what an ideal detector
shows; one of efficiency η on a beam splitter before it shows √η of it and noise of its own. (a) m_z: the pure state of
the trajectory (black), and what is known of it from each record: of the efficiency 0 it is the solution of the master
equation. (b) N Var(m_z) of the state that is known. (c) Its purity. (d) Mean log-likelihood of records of
efficiency 0.3, as a function of the efficiency that is assumed (band: ±2 standard errors of its difference to that at
0.3).

Makes its own small run (about half a minute).

    python analysis/conditional_states.py
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

SIZE, OMEGA, SEED = 20, 0.6, 4
TIMES = np.linspace(0, 8, 801)
PHASE = np.pi / 2
EFFICIENCIES = (0.0, 0.3, 1.0)
ASSUMED = np.linspace(0.05, 0.95, 10)
RECORDS = 16
SEEN = 0.3
COLOURS = ("#8a5aa8", "#b5442e", "#2c6fa6")


def detector(efficiency: float) -> dict[str, cj.unravelling.Unravelling]:
    """A homodyne detector of the light of the jump."""
    return {"decay": cj.unravelling.homodyne(PHASE, efficiency, error=0.01)}


def main() -> None:
    """Draw the figure and print how far what is known is from the pure state."""
    model = cj.systems.boundary_time_crystal(SIZE, OMEGA, kappa=1.0)
    state, noise = cj.tilted(model, 0.0, 0.0), np.random.default_rng(SEED)
    z = model.labels.index("spins.z")
    ideal = [cj.trajectory(model, state, TIMES, seed=SEED, index=i, unravelling=detector(1.0)) for i in range(RECORDS)]
    own = np.sqrt(np.diff(TIMES, prepend=0.0)) * noise.normal(size=(RECORDS, len(TIMES)))

    def record(i: int, efficiency: float) -> dict[str, np.ndarray]:
        return {"decay": np.sqrt(efficiency) * ideal[i].record["decay"] + np.sqrt(1 - efficiency) * own[i]}

    known = {
        eta: cj.conditional(model, state, TIMES, record(0, eta), unravelling=detector(eta)) for eta in EFFICIENCIES
    }
    exact = cj.master_equation(model, state, TIMES)
    for eta, one in known.items():
        off = np.sqrt(np.mean((one.mean[:, z] - ideal[0].mean[:, z]) ** 2))
        print(
            f"efficiency {eta:g}: m_z is off by {off:.4f} (by the resolution of the record {one.resolution[z]:.4f}), "
            f"purity {one.purity[-1]:.4f} at the end"
        )
    print(f"efficiency 0 and the master equation differ by {np.abs(known[0.0].mean - exact.mean).max():.1e}")
    records = [record(i, SEEN) for i in range(RECORDS)]
    found = {
        eta: np.array(
            [
                one.log_likelihood[-1]
                for one in cj.conditional(model, state, TIMES, records, unravelling=detector(eta), tolerance=1e-6)
            ]
        )
        for eta in sorted({SEEN, *ASSUMED.tolist()})
    }

    with cj.figures.style():
        figure = Figure(figsize=(7.0, 4.6), layout="constrained")
        axes = figure.subplots(2, 2).ravel()
        axes[0].plot(TIMES, ideal[0].mean[:, z], color="black", lw=1.6, label="trajectory")
        for colour, (eta, one) in zip(COLOURS, known.items(), strict=True):
            style = {"color": colour, "lw": 0.9, "label": f"η = {eta:g}"}
            axes[0].plot(TIMES, one.mean[:, z], **style)
            axes[1].plot(TIMES, one.covariance[:, z, z], **style)
            axes[2].plot(TIMES, one.purity, **style)
        etas = np.array(list(found))
        mean = np.array([own.mean() for own in found.values()])
        off = [(own - found[SEEN]).std(ddof=1) / np.sqrt(RECORDS) for own in found.values()]
        axes[3].fill_between(
            etas, mean - 2 * np.array(off), mean + 2 * np.array(off), color=COLOURS[1], alpha=0.3, lw=0
        )
        axes[3].plot(etas, mean, "o-", color=COLOURS[1], ms=3, lw=0.8)
        axes[3].axvline(SEEN, color="0.6", lw=0.8, ls=":")
        names = ("$m_z$", "$N$ Var($m_z$)", "purity", "mean log-likelihood")
        for letter, ax, label in zip("abcd", axes, names, strict=True):
            ax.set(xlabel="$t$", ylabel=label, xlim=(0, TIMES[-1]), title=f"({letter})")
        axes[2].set(ylim=(0, 1.05))
        axes[3].set(xlabel="assumed efficiency", xlim=(0, 1))
        axes[0].legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.42, 1.0))
        save(figure, "conditional_states")


if __name__ == "__main__":
    main()
