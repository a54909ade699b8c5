"""One and two particles follow the product generator of Theorem 2, up to 1/N.

Caption. Collective constrained spin model (Ω = 0.7, rates 1.3 and 0.8) from the tilted product state θ = 1.1, φ = 0.4.
(a) N times the trace distance of the state of one particle from that of the mean field, which evolves under the product
generator (50): exact master equation (N = 16, 32, 64, from light to dark). (b) N times the connected correlation of σ_z
of two particles: exact (lines), trajectories (N = 200, points with standard errors), and the limit N → ∞ from the
covariance of the fluctuation theory (dashed). (c) At t = 2, the distance of one particle (circles), of two (squares),
and the correlation (triangles) against N; the lines fall as 1/N.

Makes runs of its own (about half a minute of one core).

    python analysis/local_states.py
"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import cojump as cj
from shared import save

SIZES = (8, 16, 32, 64)
TIMES = np.linspace(0, 4, 33)


def build(size: int) -> tuple[cj.Model, object]:
    """Model and start."""
    model = cj.systems.constrained(size, omega=0.7, rate_up=1.3, rate_down=0.8)
    return model, cj.tilted(model, theta=1.1, phi=0.4)


def main() -> None:
    """Draw the figure and print how distances fall."""
    colours = mpl.colormaps["viridis"](np.linspace(0.75, 0.1, 3))
    block, up = "spins", "spins.z"
    late = int(np.flatnonzero(np.isclose(TIMES, 2.0))[0])
    at_two: dict[str, list[float]] = {"one": [], "two": [], "correlation": []}
    with cj.figures.style():
        figure = Figure(figsize=(7.0, 2.5), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for n, size in enumerate(SIZES):
            model, state = build(size)
            exact, field = cj.master_equation(model, state, TIMES), cj.mean_field(model, state, TIMES)
            one, _ = cj.reduced.distance(model, exact, field, block)
            two, _ = cj.reduced.distance(model, exact, field, block, block)
            correlation, _ = cj.reduced.correlator(model, exact, up, up)
            for name, values in (("one", one), ("two", two), ("correlation", correlation)):
                at_two[name].append(float(abs(values[late])))
            if n > 0:
                left.plot(TIMES, size * one, color=colours[n - 1], label=f"$N={size}$")
                middle.plot(TIMES, size * correlation, color=colours[n - 1])
        model, state = build(200)
        sampled = cj.simulate(model, state, TIMES, n_traj=3000, seed=4, progress=True)
        value, error = cj.reduced.correlator(model, sampled, up, up)
        assert error is not None
        middle.errorbar(
            TIMES[::2], 200 * value[::2], 200 * error[::2], fmt="o", ms=2, lw=0.8, color="tab:red", zorder=5
        )
        field = cj.mean_field(model, state, TIMES)
        z = model.labels.index(up)
        # N (<a b> - <a><b>) of two particles is the covariance without the part of a single one
        limit = field.covariance[:, z, z] - (1 - field.mean[:, z] ** 2)
        middle.plot(TIMES, limit, color="black", dashes=(4, 2), lw=1.0)
        worst = np.abs(200 * value - limit)[1:] / (200 * error[1:])
        print(f"N = 200: N · correlation within {worst.max():.1f} standard errors of its limit")
        markers = {"one": ("o", "one particle"), "two": ("s", "two"), "correlation": ("^", "correlation")}
        for name, (marker, label) in markers.items():
            right.plot(SIZES, at_two[name], marker=marker, ms=4, lw=0, color="black", mfc="white", label=label)
            slopes = np.diff(np.log(at_two[name])) / np.diff(np.log(SIZES))
            print(f"{name}: slopes of log over log N between neighbours {np.round(slopes, 3)}")
            right.plot(SIZES, at_two[name][-1] * SIZES[-1] / np.array(SIZES), color="tab:gray", lw=0.7, zorder=0)
        left.set(xlabel="$t$", ylabel="$N\\,\\|r - r_{\\rm mf}\\|_1/2$", xlim=(0, 4), ylim=(0, None))
        left.legend(loc="lower right")
        middle.set(xlabel="$t$", xlim=(0, 4))
        middle.set_ylabel("$N\\,(\\langle\\sigma_z^{(1)}\\sigma_z^{(2)}\\rangle - \\langle\\sigma_z\\rangle^2)$")
        right.set(xscale="log", yscale="log", xlabel="$N$", ylabel="at $t=2$")
        right.set_xticks(SIZES, [str(s) for s in SIZES])
        right.minorticks_off()
        right.legend(loc="lower left", fontsize=7)
        for name, ax in zip("abc", (left, middle, right), strict=True):
            ax.set_title(f"({name})", loc="left")
        save(figure, "local_states")


if __name__ == "__main__":
    main()
