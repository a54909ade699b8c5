"""The phase of a limit cycle diffuses as 1/N, which is what damps the oscillation of the averages.

Caption. Hopfield network with one uniform pattern on its limit cycle, T = 0.3, Ω = 1. (a) Phase of single trajectories
(N = 100, 400) against that of the mean-field cycle, in periods. (b) N times the variance of what the phase gains in a
time t, for three N (points with standard errors), and the theory's 2 D t with D from the adjoint Floquet vector (line).
(c) First harmonic of the average <m_z> relative to its value on the cycle: trajectories (lines) and exp(-(2π/T)² D t/N)
(dashed).

Makes a run of its own (about a quarter of a minute of one core).

    python analysis/phase_diffusion.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

SIZES = (100, 200, 400)
PERIODS, PER_PERIOD, FIRST = 10, 16, 2


def hopfield(size: int) -> cj.Model:
    """The model."""
    return cj.systems.hopfield(np.ones((1, size)), omega=1.0, beta=1 / 0.3)


def phases(cycle: cj.attractors.LimitCycle, series: np.ndarray) -> np.ndarray:
    """(n, T) phases in units of time: where the cycle has the angle in the plane of m_z and m_y of each trajectory."""
    grid = np.unwrap(np.arctan2(cycle.mean[:, 1], cycle.mean[:, 2]))
    turn = 2 * np.pi * np.sign(grid[-1] - grid[0])
    angle = np.unwrap(np.arctan2(series[..., 1], series[..., 2]), axis=-1) - grid[0]
    turns = np.floor(angle / turn)
    share = np.append(grid - grid[0], turn) / turn
    return cycle.period * turns + np.interp(angle / turn - turns, share, np.append(cycle.times, cycle.period))


def main() -> None:
    """Draw the figure and print the slopes beside the theory's."""
    cycle = cj.attractors.limit_cycle(hopfield(100), cj.tilted(hopfield(100), np.pi / 2, -np.pi / 2))
    D, T = cycle.phase_diffusion, cycle.period
    times = np.arange(PERIODS * PER_PERIOD + 1) * (T / PER_PERIOD)
    print(f"period {T:.5f}, D = {D:.4f}, damping of the mean {cycle.damping:.4f}/N")
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, len(SIZES)))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.5), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        lags = np.arange(1, PERIODS - FIRST + 1) * T
        for size, colour in zip(SIZES, colours, strict=True):
            model = hopfield(size)
            start = cj.product(model, {"+": cycle.densities[0][0]})
            result = cj.simulate(model, start, times, n_traj=240, seed=size, keep=240, progress=True)
            phase = phases(cycle, result.trajectories)
            if size != 200:
                left.plot(times / T, (phase[:6] - times).T / T, color=colour, lw=0.6)
            gain = phase[:, FIRST * PER_PERIOD :: PER_PERIOD][:, 1:] - phase[:, [FIRST * PER_PERIOD]]
            square = (gain - gain.mean(axis=0)) ** 2
            variance, error = square.mean(axis=0), square.std(axis=0) / np.sqrt(len(gain))
            middle.errorbar(lags / T, size * variance, size * error, fmt="o", ms=2.5, lw=0.8, color=colour)
            print(
                f"N = {size}: N·variance / 2Dt = {size * variance[-1] / (2 * D * lags[-1]):.3f} at t = {lags[-1]:.1f}"
            )
            wave = np.exp(2j * np.pi * times / T)
            z, reference = result.mean[:, 2], result.reference[:, 2]
            harmonic = [
                abs(np.mean((z * wave)[k : k + PER_PERIOD])) / abs(np.mean((reference * wave)[k : k + PER_PERIOD]))
                for k in range(0, len(times) - PER_PERIOD, PER_PERIOD)
            ]
            centre = (np.arange(len(harmonic)) + 0.5) * T
            right.plot(centre / T, harmonic, color=colour, marker="o", ms=2.5, lw=0.8, label=f"$N={size}$")
            right.plot(times / T, np.exp(-cycle.damping * times / size), color=colour, dashes=(4, 2), lw=0.8)
        middle.plot(lags / T, 2 * D * lags, color="black", lw=1.0)
        left.set(xlabel="$t/T$", ylabel="phase gained $/\\,T$", xlim=(0, PERIODS))
        middle.set(xlabel="$t/T$", ylabel="$N\\,$Var(phase)", xlim=(0, None), ylim=(0, None))
        right.set(xlabel="$t/T$", ylabel="first harmonic of $\\langle m_z\\rangle$", xlim=(0, PERIODS), yscale="log")
        right.set_yticks(ticks := [0.6, 0.7, 0.8, 0.9, 1.0], [f"{tick:g}" for tick in ticks])
        right.minorticks_off()
        right.legend(loc="lower left", fontsize=7)
        for name, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "phase_diffusion")


if __name__ == "__main__":
    main()
