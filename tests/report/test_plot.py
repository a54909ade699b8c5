"""Results on axes of the user's, and what else a run has measured on its page: the numbers that are drawn."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import cojump as cj
from cojump.report.console import make_console
from cojump.report.plan import Plan
from cojump.report.sections import marks, sections
from cojump.report.tables import print_tables
from cojump.tools.numbers import format_value
from tests.support.synthetic import make_result

Z = np.diag([1.0, -1.0])


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.fixture(scope="module")
def measured():
    """Two sizes of a model with a named jump, all that can be asked for."""
    found = []
    for size in (4, 6):
        model = cj.systems.boundary_time_crystal(size, 0.4, 1.0)
        zz = {"z²": [({"spins": Z}, {"spins": Z})]}
        options = {"n_traj": 12, "keep": 9, "observables": zz, "record": True, "distributions": [0.5, 1.0]}
        options["callbacks"] = {"length": lambda state: np.linalg.norm(state.mean)}
        found.append(cj.simulate(model, cj.tilted(model, 0.0, 0.0), np.linspace(0, 2, 5), **options))
    return found


def curves(ax):
    return [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]


def has(ax, values):
    return any(len(y) == len(values) and np.allclose(y, values) for y in curves(ax))


def test_averages_along_time(measured, ax):
    (one, _) = measured
    assert cj.plot.averages(one, "spins.z", ax=ax) is ax
    assert has(ax, one["spins.z"].mean)
    assert has(ax, one.reference[:, 2])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx((one["spins.z"].mean + 2 * one["spins.z"].stderr).max())
    mf = cj.mean_field(one.model(), one.state(), one.times)
    cj.plot.averages(mf, "spins.y", ax=ax)
    assert has(ax, mf["spins.y"].mean)


def test_averages_of_several_results(measured, ax):
    cj.plot.averages(measured, "spins.z", ax=ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["$N = 4$", "$N = 6$"]
    with pytest.raises(cj.ArgumentError, match="be one label where there are several results"):
        cj.plot.averages(measured, ["spins.x", "spins.z"], ax=ax)


def test_against_a_parameter(ax):
    results = [make_result(20, parameters={"size": 20, "omega": w}) for w in (0.3, 0.1, 0.2)]
    cj.plot.averages(results, "spins.z", against="omega", ax=ax)
    assert has(ax, [results[i].mean[-1, 2] for i in (1, 2, 0)])
    assert ax.get_xlabel() == "$\\omega$"
    cj.plot.deviation(results, against="omega", ax=ax)
    assert has(ax, [20 * results[i].deviation[-1] for i in (1, 2, 0)])
    with pytest.raises(cj.ArgumentError, match="be a parameter that varies"):
        cj.plot.averages(results, "spins.z", against="size", ax=ax)


def test_the_deviation(measured, ax):
    cj.plot.deviation(measured, ax=ax)
    assert all(has(ax, r.n_particles * r.deviation) for r in measured)
    cj.plot.deviation(measured, scaled=False, ax=ax)
    assert ax.get_yscale() == "log"


def test_marks_of_jumps_lie_on_their_trajectory(measured, ax):
    one = measured[1]
    cj.plot.jumps(one, "spins.z", most=2, ax=ax)
    marks = [line for line in ax.lines if line.get_marker() == "|"]
    assert sorted(np.concatenate([m.get_xdata() for m in marks])) == sorted(
        np.concatenate([one.jump_records[i]["time"] for i in (0, 1)])
    )
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["jump decay"]
    with pytest.raises(cj.ArgumentError, match="have kept trajectories"):
        cj.plot.jumps(make_result(8, keep=0), ax=ax)


def test_a_distribution_is_a_density(measured, ax):
    cj.plot.distribution(measured[1], ax=ax)
    for line in ax.lines:
        assert np.sum(line.get_ydata()) * 2 / 6 == pytest.approx(1)


def test_a_phase_diagram(ax):
    found = cj.attractors.scan(lambda w, k: cj.systems.facilitated(50, w, k, 1.0), [0.0, 0.2], [3.0, 5.0], search=2)
    cj.plot.scan(found, ax=ax)
    shown = np.asarray(ax.collections[0].get_array()).reshape(2, 2)
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert [[names[int(c)] for c in row] for row in shown] == found.labels.T.tolist()


def test_a_figure_of_its_own_is_one_of_pyplot(measured):
    import matplotlib.pyplot as plt

    ax = cj.plot.averages(measured[0], "spins.z")
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)


def test_what_a_run_has_measured_has_a_section(measured):
    found = {s.name: s for s in sections(Plan.of(measured))}
    assert list(found) == [
        *("ellipses", "trajectories", "distributions", "observables", "counts"),
        *("jump-statistics", "callbacks", "convergence"),
    ], "squeezing is not there where nothing is squeezed"
    assert "first trajectories. Marks are jumps." in found["trajectories"].caption
    unmarked = [replace(r, jump_records=None) for r in measured]
    assert marks(unmarked) == " With record = true in [run] the jumps would be marked."
    assert marks([replace(r, n_jumps=0) for r in unmarked]) == "", "as of homodyne detection"
    shown = found["observables"].figure.axes[0]
    assert all(has(shown, r.observables["z²"].mean) for r in measured)
    counts = found["counts"].figure.axes[0]
    assert all(has(counts, r.counts["total"].mean / r.n_particles) for r in measured)
    ellipse = found["ellipses"].figure.axes[0]
    assert ellipse.get_aspect() == 1
    widest = max(np.ptp(line.get_ydata()) for line in ellipse.lines)
    assert widest == pytest.approx(2 * np.sqrt(max(r.covariance[-1, 2, 2] for r in measured)), rel=1e-3)
    functions = found["callbacks"].figure.axes[0]
    assert all(has(functions, r.callback("length").mean) for r in measured)


def test_the_statistics_of_recorded_jumps(measured):
    """All trajectories are in the distribution, and the law of waits is that of longtime.waiting_times."""
    found = {s.name: s for s in sections(Plan.of(measured))}["jump-statistics"].figure
    numbers, waits = found.axes
    for r, line in zip(measured, (c.lines[0] for c in numbers.containers), strict=True):
        counted = cj.counting.numbers(r)
        x, density = line.get_data()
        span = r.n_particles * counted.width
        width = np.ceil((np.ptp(counted.numbers) + 1) / 8) / span
        assert np.sum(density) * width == pytest.approx(1)
        assert np.sum(x * density) * width == pytest.approx(counted.cumulants[0] / span, abs=width / 2)
        law = cj.longtime.waiting_times(r)
        curve = next(l for l in waits.lines if l.get_color() == line.get_color())
        assert np.allclose(curve.get_ydata(), law.survival(curve.get_xdata() * law.mean)[0])
    text = io.StringIO()
    print_tables(measured[:1], make_console(text))
    written = text.getvalue()
    assert "Number of jumps of a trajectory from t = 0 to 2" in written
    first = cj.counting.numbers(measured[0])
    assert format_value(first.cumulants[2], first.stderr[2]) in written
    silent = [r for r in sections(Plan.of([make_result(8)])) if r.name == "jump-statistics"]
    assert not silent  # where nothing was recorded
