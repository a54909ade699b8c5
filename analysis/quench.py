"""A quench: trajectories and the master equation go on from where they were, with another drive.

Caption. Collective constrained spin model (rates 1.3 and 0.8) from all spins up; at t = 3 the drive is quenched from
Ω = 0.3 to Ω = 3, at t = 6 back again (vertical lines). (a) Average of σ_z for N = 20: the exact solution (full line),
600 trajectories (bands: ±2 standard errors), mean field (dashed), each continued from its own end. (b) The deviation
E_N from that mean field, exact (line) and from trajectories (bands). (c) σ_z along six of the trajectories, each of
which goes on in its own state, with the exact average (black), and from t = 6 on that from the steady state of Ω = 3
(dotted).

Makes its own small run (some seconds).

    python analysis/quench.py
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

SIZE, TRAJECTORIES = 20, 600
DRIVES = (0.3, 3.0, 0.3)
TIMES = np.linspace(0, 3, 31)


def main() -> None:
    """Draw the figure and print how far trajectories and the exact solution are apart at the end of each stage."""
    models = [cj.systems.constrained(SIZE, omega, rate_up=1.3, rate_down=0.8) for omega in DRIVES]
    start = cj.tilted(models[0], theta=0, phi=0)
    runs, exact = [], []
    for stage, model in enumerate(models):
        state = runs[-1].final if runs else start
        runs.append(cj.simulate(model, state, TIMES, n_traj=TRAJECTORIES, keep=TRAJECTORIES, seed=stage, progress=True))
        exact.append(cj.master_equation(model, exact[-1].final if exact else start, TIMES))
    settled = cj.master_equation(models[2], cj.steady_state(models[1]).final, TIMES)
    z = runs[0].labels.index("spins.z")
    print("stage   σ_z of trajectories   exact      difference in standard errors")
    for stage, (run, solved) in enumerate(zip(runs, exact, strict=True)):
        value, error, true = run.mean[-1, z], run.mean_stderr[-1, z], solved.mean[-1, z]
        print(f"{stage:5d}   {value:8.4f} ± {error:.4f}     {true:8.4f}   {(value - true) / error:5.2f}")

    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.5), layout="constrained")
        axes = figure.subplots(1, 3)
        for stage, (run, solved) in enumerate(zip(runs, exact, strict=True)):
            t = TIMES + stage * TIMES[-1]
            for ax, found, error, true in (
                (axes[0], run.mean[:, z], run.mean_stderr[:, z], solved.mean[:, z]),
                (axes[1], run.deviation, run.deviation_stderr, solved.deviation),
            ):
                ax.fill_between(t, found - 2 * error, found + 2 * error, color="#2c6fa6", alpha=0.35, lw=0)
                ax.plot(t, true, color="#2c6fa6", lw=1.2, label="exact" if not stage else None)
            dashed = {"color": "black", "dashes": (4, 2), "lw": 0.8}
            axes[0].plot(t, run.reference[:, z], **dashed, label="mean field" if not stage else None)
            axes[2].plot(t, run.trajectories[:6, :, z].T, color="#2c6fa6", lw=0.5, alpha=0.6)
            axes[2].plot(t, solved.mean[:, z], color="black", lw=1.2)
        axes[2].plot(t, settled.mean[:, z], color="#b5442e", ls=":", lw=1.4)
        names = (r"$\langle m_z\rangle$, $N=20$", "$E_N$", "single $m_z$")
        for name, ax, label in zip("abc", axes, names, strict=True):
            for stage in (1, 2):
                ax.axvline(stage * TIMES[-1], color="0.6", lw=0.6)
            ax.set(xlabel="$t$", ylabel=label, xlim=(0, 3 * TIMES[-1]), title=f"({name})")
        axes[0].legend(loc="best")
        save(figure, "quench")


if __name__ == "__main__":
    main()
