"""What of a sweep is an axis, curves and panels; which averages are shown; what the command line can choose."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from cojump.report.canvas import Scale
from cojump.report.console import make_console
from cojump.report.figures import against_figure, averages_figure, deviation_figure, draw
from cojump.report.plan import Plan, chosen, even_choice, place_of
from cojump.report.summary import largest_error, print_summary
from cojump.report.tables import print_tables
from cojump.storage.result_sequence import ResultSequence
from tests.support.synthetic import make_result


def point(**parameters):
    return make_result(parameters.get("size", 50), n_traj=6, keep=1, n_times=5, parameters=parameters)


@pytest.fixture(scope="module")
def grid():
    """24 points of two parameters."""
    return [point(size=n, omega=w) for n in (10, 20, 40) for w in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]


def without(result, label):
    """The same result with an average that vanishes."""
    a = result.labels.index(label)
    moments = replace(result.moments, mean=result.moments.mean.copy(), comoment=result.moments.comoment.copy())
    moments.mean[:, a] = 0
    moments.comoment[:, (result._layout.pairs == a).any(axis=0)] = 0
    reference, trajectories = result.reference.copy(), result.trajectories.copy()
    reference[:, a] = trajectories[:, :, a] = 0
    return replace(result, moments=moments, reference=reference, trajectories=trajectories)


def test_sizes_alone_make_curves():
    plan = Plan.of([point(size=n) for n in (10, 20, 40)])
    assert (plan.axis, plan.curves(), len(plan.panels())) == ("", "N", 1)


def test_two_parameters_make_an_axis_curves_and_panels(grid):
    plan = Plan.of(grid)
    assert (plan.axis, plan.curves("omega"), plan.curves()) == ("omega", "N", "N")
    assert [pairs for pairs, _ in plan.panels()] == [[("omega", w)] for w in np.arange(1, 9) / 10]
    assert len(plan.panels("omega")) == 1
    plan = Plan.of(grid, against="size")
    assert (plan.axis, plan.curves("N")) == ("N", "omega")


def test_three_parameters():
    results = [point(size=n, a=a, b=b) for n in (4, 8) for a in (1, 2, 3) for b in ("x", "y")]
    plan = Plan.of(results)
    assert (plan.axis, plan.curves("a"), [p for p, _ in plan.panels("a")]) == (
        "a",
        "N",
        [[("b", "x")], [("b", "y")]],
    )
    assert plan.numbers == ("N", "a")
    assert len(plan.panels()) == 6


def test_what_changes_together_is_one_parameter():
    results = [point(size=n, gamma=1 / n, omega=w) for n in (4, 8) for w in (1, 2)]
    plan = Plan.of(results)
    assert plan.varying == ("N", "omega")
    assert plan.meaning("N", 1) == [("N", 8), ("gamma", 0.125)]


def test_a_size_that_is_not_the_number_of_particles_is_not_called_so():
    """As of a model of two species, whose size is that of one."""
    results = [make_result(3 * n, n_traj=6, keep=1, n_times=5, parameters={"size": n}) for n in (2, 6)]
    plan = Plan.of(results)
    assert (plan.varying, plan.curves()) == (("size",), "size")
    assert [r.n_particles for r in chosen(ResultSequence(results), ["N=6"])] == [6]
    assert [r.n_particles for r in chosen(ResultSequence(results), ["size=6"])] == [18]
    stream = io.StringIO()
    print_summary(plan, make_console(stream))
    assert stream.getvalue().splitlines()[1].split()[:2] == ["size", "N"]


def test_points_without_parameters_are_told_apart_by_their_size():
    plan = Plan.of([make_result(n, parameters={}) for n in (8, 16)])
    assert (plan.varying, plan.curves()) == (("N",), "N")


def test_many_values_have_a_colour_bar_and_few_a_legend(grid):
    few = averages_figure([r for r in grid if r.parameters["omega"] < 0.35][:3])
    assert [t.get_text() for t in few.legends[0].get_texts()][:3] == [f"$\\omega = 0.{i}$" for i in (1, 2, 3)]
    many = averages_figure(grid[:8])
    assert not any("omega" in t.get_text() for t in many.legends[0].get_texts())
    assert many.axes[-1].get_ylabel() == "$\\omega$"
    assert Scale([1, 1000, 3, 4, 5, 6, 7], 6).norm.__class__.__name__ == "LogNorm"
    assert not Scale(list("abcdefgh"), 6).has_bar, "names have no colour bar"


def test_lines_of_theory_wear_the_colour_of_their_curve(grid):
    results = [replace(r, reference=r.reference * (1 + i)) for i, r in enumerate(grid[:3])]
    upper = averages_figure(results).axes[0]
    dashed = [line for line in upper.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 3
    assert len({tuple(line.get_color()) for line in dashed}) == 3


def test_a_figure_against_a_parameter_shows_the_numbers(grid):
    figure = against_figure(grid)
    names = [axes.get_ylabel() for axes in figure.axes]
    assert names == [r"$\langle m_x\rangle$", r"$\langle m_y\rangle$", r"$\langle m_z\rangle$", "$N\\,E_N$"]
    drawn = np.concatenate([line.get_ydata() for line in figure.axes[2].lines if len(line.get_xdata()) == 8])
    for r in grid:
        assert np.nanmin(np.abs(drawn - r.mean[-1, 2])) < 1e-12
    columns = {axes.get_title() for axes in deviation_figure(grid, Plan.of(grid)).axes} - {""}
    assert columns == {f"$\\omega = {w}$" for w in (0.1, 0.3, 0.6, 0.8)}, "an even choice of the panels"


def test_what_vanishes_is_left_out_and_said():
    results = [without(point(size=n), "spins.y") for n in (10, 20)]
    plan = Plan.of(results)
    assert plan.shown == ("spins.x", "spins.z")
    assert plan.left_out == "always zero, left out: spins.y"
    stream = io.StringIO()
    print_tables(results, make_console(stream))
    assert "always zero, left out: spins.y" in stream.getvalue()
    assert stream.getvalue().count("spins.y") == 1
    asked = Plan.of(results, ["spins.y"])
    assert (asked.shown, asked.left_out) == (("spins.y",), "not asked for: spins.x, spins.z")


def test_observables_are_shown_beside_averages_where_they_are_chosen():
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    asked = {"zz": [("spins.z", "spins.z")], "three": [("spins.z", "spins.z", "spins.x")]}
    results = [
        replace(
            cj.simulate(model, cj.tilted(model, 1.1, angle), [0.0, 1.0], n_traj=6, observables=asked),
            parameters={"phi": angle},
        )
        for angle in (0.1, 0.2, 0.3)
    ]
    assert "zz" not in Plan.of(results).shown, "they have a figure of their own"
    plan = Plan.of(results, ["three", "spins.z", "zz"])
    figure = against_figure(results, plan)
    for axes, values in zip(
        figure.axes,
        [[r.observables["three"].mean[-1] for r in results], [r["spins.z"].mean[-1] for r in results]],
        strict=False,
    ):
        assert any(np.array_equal(line.get_ydata(), values) for line in axes.lines)
    assert [name for name, _ in draw(plan)] == ["against", "averages", "deviation"]
    assert [name for name, _ in draw(Plan.of(results, ["zz"]))] == ["against", "deviation"], "no mean field beside it"
    stream = io.StringIO()
    print_summary(plan, make_console(stream))
    assert "three" in stream.getvalue()
    axes = cj.plot.averages(results[0], "zz")
    assert np.array_equal(axes.lines[0].get_ydata(), results[0].observables["zz"].mean)


@pytest.mark.parametrize(
    ("averages", "against", "message"),
    [
        (
            ["spins.q"],
            "",
            "`averages` must be of spins.x, spins.y, spins.z, but one is 'spins.q'; did you mean 'spins.",
        ),
        (
            (),
            "beta",
            "`against` must be a parameter that varies, with numbers as values: N, omega, but it is 'beta'",
        ),
    ],
)
def test_what_cannot_be_shown(grid, averages, against, message):
    with pytest.raises(ArgumentError, match=message):
        Plan.of(grid, averages, against)


def test_points_are_selected_as_the_command_line_says(grid):
    results = ResultSequence(grid)
    assert [r.parameters["omega"] for r in chosen(results, ["size=20"])] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert len(chosen(results, ["N=20", "omega=3e-1"])) == 1
    for wrong, said in (
        ("size", "be KEY=VALUE"),
        ("beta=1", "a parameter of the results: size, omega"),
        ("size=3", "10, 20"),
    ):
        with pytest.raises(ArgumentError, match=said):
            chosen(results, [wrong])


@pytest.mark.parametrize(
    ("select", "name"),
    [
        (["size=40"], "size=40"),
        (["omega = 0.5", "size=40"], "omega=0.5,size=40"),
        (["kind=a/../b"], "kind=a_.._b-"),
        (["name=" + "x" * 300], "name=" + "x" * 95 + "-"),
    ],
)
def test_a_selection_has_a_place_of_its_own(tmp_path, select, name):
    place = place_of(tmp_path, select)
    assert place.parent == tmp_path / "selected"
    assert place.name.startswith(name)
    assert (place.name == name) == (not name.endswith("-"))
    assert place_of(tmp_path, []) == tmp_path
    assert place_of(tmp_path, [*select[::-1]]) == place


def test_a_sweep_is_one_screen(grid):
    stream = io.StringIO()
    print_summary(Plan.of(grid), make_console(stream))
    lines = stream.getvalue().splitlines()
    assert len(lines) < 45
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.split()[:2] == ["20", "0.3"]).split()
    one = next(r for r in grid if r.parameters == {"size": 20, "omega": 0.3})
    assert float(row[2]) == pytest.approx(one.mean[-1, 0], abs=one.mean_stderr[-1, 0] / 10)
    assert float(row[4]) == pytest.approx(one.mean_stderr[-1, 0], rel=0.06)
    assert "no room for spins.z" in stream.getvalue() or "spins.z" in lines[1]
    worst = max(largest_error(Plan.of(grid), r) for r in grid)
    assert f"largest error: {worst[1]} ± {worst[0]:.2g}" in stream.getvalue()


def test_an_even_choice_has_both_ends():
    assert even_choice(range(100), 5) == [0, 25, 50, 74, 99]
    assert even_choice([1, 2], 5) == [1, 2]
    assert even_choice([], 5) == []
