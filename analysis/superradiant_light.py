"""Superradiant light from populations alone: a burst of hundreds of atoms, and a laser without a cavity field.

Caption. Collective decay L = √(κ/N) Σσ_- beside jumps of single atoms, solved exactly by the populations p(J, M),
which nothing couples to coherences. (a) All atoms start inverted, with local decay at the rate κ/20: the light per
atom, exactly (lines) and from trajectories at N = 10 and 100 (points with ±2 standard errors). The burst begins with
quantum noise, later for more atoms; in mean field (dashed) there is none. (b) The distribution of m_z in the middle of
the burst of N = 100 atoms, exactly (line) and from trajectories (points, in bins): it is spread over most of what is
possible. (c) Pumped at the rate w instead of decaying, the atoms lase for 0 < w < κ: steady <S_+S_->/N² (lines), whose
limit is (w/2κ)(1 - w/κ) (dashed), and (d) g²(0) of the light, which goes from 1 of a laser to 2 of thermal light beyond
w = κ.

Makes its own small run (about a minute).

    python analysis/superradiant_light.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from cojump.tools.types import Array
from shared import save

if TYPE_CHECKING:
    from cojump.theory.exact_moments import ExactMoments as Averages

KAPPA, LOCAL = 1.0, 0.05
SIZES, SAMPLED, TRAJECTORIES = (10, 100, 300), (10, 100), 200
TIMES, SPREAD, BIN = np.linspace(0, 12, 97), 100, 6
LASERS, PUMPS = (10, 40, 160), np.linspace(0.05, 1.5, 30)

DASHED = {"color": "black", "lw": 0.8, "dashes": (4, 2)}


def atoms(size: int, down: float, up: float) -> cj.Model:
    """Collective decay beside jumps of single atoms at these rates."""
    lower, raised = cj.operators.sigma_minus, cj.operators.sigma_plus
    single = [cj.LocalJump(np.sqrt(rate) * j, "atoms") for rate, j in ((down, lower), (up, raised)) if rate]
    light = cj.CollectiveJump({"atoms": lower}, KAPPA, name="light")
    return cj.Model([cj.Block("atoms", size)], jumps=[light, *single])


def per_atom(found: Averages) -> Array:
    """Quanta emitted per time and atom, κ <S_+S_->/N²: (x² + y²)/4 + z/(2N) of averages."""
    second: Array = found.second[..., 0, 0] + found.second[..., 1, 1]
    return KAPPA * (second / 4 + found["atoms.z"].mean / (2 * found.n_particles))


def main() -> None:
    """Draw the figure and print when the bursts come."""
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, len(SIZES)))
    half_z = {"atoms": cj.operators.sigma_z / 2}
    up, down = ({"atoms": x} for x in (cj.operators.sigma_plus, cj.operators.sigma_minus))
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        (a, b), (c, d) = figure.subplots(2, 2)
        for size, colour in zip(SIZES, colours, strict=True):
            model = atoms(size, LOCAL, 0.0)
            start, spread = cj.tilted(model, 0, 0), size == SPREAD
            exact = cj.master_equation(model, start, TIMES, method="populations", keep=spread)
            intensity = per_atom(exact)
            a.plot(TIMES, intensity, color=colour, lw=1, label=f"$N={size}$")
            print(f"N = {size}: most light at t = {TIMES[np.argmax(intensity)]:.2f}, {intensity.max():.3f} per atom")
            if size not in SAMPLED:
                continue
            middle = int(np.argmin(np.abs(exact["atoms.z"].mean)))
            asked = {"distributions": [TIMES[middle]], "distribution_of": {"m": half_z}}
            # products are symmetrised: S_+S_- is theirs plus S_z
            light = {"light": [(up, down), {"atoms": cj.operators.sigma_z / (2 * size)}]}
            run = cj.simulate(model, start, TIMES, n_traj=TRAJECTORIES, seed=2, observables=light, **asked)
            every, seen = slice(2, None, 8), run.observables["light"]
            error = 2 * KAPPA * seen.stderr[every]
            a.errorbar(TIMES[every], KAPPA * seen.mean[every], error, fmt="o", ms=3, lw=0.8, color=colour)
            if spread:
                found, own = exact.distribution(half_z), run.distribution("m")
                b.plot(2 * found.M / size, found.probability[middle] * size / 2, color=colour, lw=1)
                firsts = np.arange(0, size + 1, BIN)
                p, x = np.add.reduceat(own.probability[0], firsts), np.add.reduceat(own.M, firsts)
                widths = np.diff(np.append(firsts, size + 1))
                error = np.sqrt(p * (1 - p) / (TRAJECTORIES - 1))  # a trajectory has one M here
                scale = size / 2 / widths
                b.errorbar(2 * x / widths / size, p * scale, 2 * error * scale, fmt="o", ms=3, lw=0.8, color=colour)
        mean = cj.mean_field(atoms(SIZES[0], LOCAL, 0.0), start, TIMES)
        a.plot(TIMES, KAPPA * (mean["atoms.x"].mean ** 2 + mean["atoms.y"].mean ** 2) / 4, **DASHED)
        for size, colour in zip(LASERS, colours, strict=True):
            steady = [cj.steady_state(atoms(size, 0.0, pump)) for pump in PUMPS]
            c.plot(PUMPS, [per_atom(s) / KAPPA for s in steady], color=colour, lw=1, label=f"$N={size}$")
            d.plot(PUMPS, [s.g2([0.0], "light").mean[0] for s in steady], color=colour, lw=1)
        below = PUMPS[PUMPS <= KAPPA]
        c.plot(PUMPS, np.pad(below / 2 * (1 - below), (0, len(PUMPS) - len(below))), **DASHED)
        for level in (1, 2):
            d.axhline(level, color="grey", lw=0.6, ls=":")
        a.set(xlabel="$\\kappa t$", ylabel="light per atom $/\\kappa$", ylim=(-0.01, None))
        a.legend(fontsize=7)
        b.set(xlabel="$m_z$", ylabel="probability density", ylim=(0, None))
        c.set(xlabel="$w/\\kappa$", ylabel="$\\langle S_+S_-\\rangle/N^2$", ylim=(0, None))
        c.legend(fontsize=7)
        d.set(xlabel="$w/\\kappa$", ylabel="$g^{(2)}(0)$", ylim=(0.9, 2.1))
        for name, ax in zip("abcd", (a, b, c, d), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "superradiant_light")


if __name__ == "__main__":
    main()
