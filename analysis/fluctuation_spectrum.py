"""The spectrum of fluctuations sharpens into a line where a paramagnet is about to oscillate.

Caption. Hopfield network with one uniform pattern, Ω = 1, in its paramagnetic state at rest, at two temperatures above
the Hopf line T = 2/3. (a) Connected two-time function N <z(τ) z(0)>, real part: trajectories at N = 100 (open) and 400
(full points, with standard errors), and the theory for N → ∞ (lines). (b) Power spectrum 2 Re S(ω) of the same:
trajectories at N = 400 (bands of two standard errors), the exact master equation at N = 14 (dashed), and the theory
(lines), whose width is that of the slowest eigenvalue of the linearised mean-field flow.

Makes runs of its own (about four minutes of one core).

    python analysis/fluctuation_spectrum.py
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

TEMPERATURES, SIZES, SMALL = (1.2, 0.85), (100, 400), 14
TAUS, OMEGAS, BURN_IN, TRAJECTORIES = np.linspace(0, 24, 121), np.linspace(0, 4, 161), 12.0, 800


def hopfield(size: int, temperature: float) -> cj.Model:
    """The model."""
    return cj.systems.hopfield(np.ones((1, size)), omega=1.0, beta=1 / temperature)


def main() -> None:
    """Draw the figure, and print how far trajectories and theory are apart."""
    z, mixed = {"+": cj.operators.sigma_z}, np.eye(2) / 2
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for place, temperature in enumerate(TEMPERATURES):
            colour = f"C{place}"
            theory = cj.fluctuations.stationary(hopfield(100, temperature), [mixed]).two_time(TAUS, z, z)
            line = 2 * theory.spectrum(OMEGAS).mean.real
            left.plot(TAUS, theory.connected.real, color=colour, lw=1.0, label=f"$T={temperature}$, theory")
            right.plot(OMEGAS, line, color=colour, lw=1.0, label=f"$T={temperature}$, theory")
            exact = cj.steady_state(hopfield(SMALL, temperature)).two_time(TAUS, z, z).spectrum(OMEGAS)
            right.plot(OMEGAS, 2 * exact.mean.real, color=colour, dashes=(4, 2), lw=0.8, label=f"$N={SMALL}$, exact")
            for size, marker in zip(SIZES, "os", strict=True):
                model = hopfield(size, temperature)
                found = cj.two_time(
                    model,
                    cj.product(model, {"+": mixed}),
                    TAUS,
                    z,
                    z,
                    start=BURN_IN,
                    n_traj=TRAJECTORIES,
                    seed=size,
                    progress=True,
                )
                spectrum = found.spectrum(OMEGAS)
                power, error = 2 * spectrum.mean.real, 2 * spectrum.stderr.real
                shown = slice(place + (2 if marker == "s" else 0), None, 6)
                left.errorbar(
                    TAUS[shown],
                    found.connected.real[shown],
                    found.connected_stderr_parts.real[shown],
                    fmt=marker,
                    ms=2.5,
                    lw=0.7,
                    color=colour,
                    mfc="white" if marker == "o" else colour,
                )
                if marker == "s":
                    band = (power - 2 * error, power + 2 * error)
                    right.fill_between(OMEGAS, *band, color=colour, alpha=0.3, lw=0, label=f"$N={size}$")
                top = int(np.argmax(line))
                print(
                    f"T = {temperature}, N = {size}: at the maximum of the theory {power[top]:.2f} ± {error[top]:.2f}, "
                    f"theory {line[top]:.2f}, tail {spectrum.tail:.3f}"
                )
        left.set(xlabel="$\\tau$", ylabel="$N\\,\\mathrm{Re}\\,\\langle z(\\tau)z(0)\\rangle_c$", xlim=(-0.3, 16))
        right.set(xlabel="$\\omega$", ylabel="$2\\,\\mathrm{Re}\\,S(\\omega)$", xlim=(0, 4), ylim=(0, None))
        right.legend(loc="upper right", fontsize=7)
        left.axhline(0, color="black", lw=0.5)
        for name, ax in zip("ab", (left, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "fluctuation_spectrum")


if __name__ == "__main__":
    main()
