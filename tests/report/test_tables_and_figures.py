"""Tables and figures, from results made up for the purpose."""

from __future__ import annotations

import io
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from matplotlib.image import imread

import cojump as cj
from cojump.errors import StorageError
from cojump.measure.moments import Moments
from cojump.report.console import make_console, plain_table
from cojump.report.figures import averages_figure, deviation_figure, write_figures
from cojump.report.page import _alone, _details
from cojump.report.plan import Plan
from cojump.report.tables import chosen_times, explain, print_tables
from cojump.results.result import Theory
from cojump.tools.numbers import format_difference, format_value
from tests.support.synthetic import make_result


def tables(results, **options):
    stream = io.StringIO()
    print_tables(results, make_console(stream), **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("value", "error", "written"),
    [
        (0.43218, 0.0123, "0.432 ± 0.012"),
        (0.43218, 0.00456, "0.4322 ± 0.0046"),
        (-1.5, 12.0, "-2 ± 12"),
        (0.1, 1e-20, "0.10000 ± 0"),
        (0.1, 0.0, "0.10000 ± 0"),
        (0.1, float("nan"), "0.10000 ± —"),
        (float("nan"), float("nan"), "—"),
        (1e-6, 1e-8, "1.000e-06 ± 1.0e-08"),
        (0.0, 7.5e-10, "0.0e-10 ± 7.5e-10"),
        (-3e-12, 7.5e-10, "0.0e-10 ± 7.5e-10"),
        (2.8e-7, 1.6e-8, "2.80e-07 ± 1.6e-08"),
        (0.1234567, 7.5e-10, "0.12345670000 ± 7.5e-10"),
        (3.25e-7, float("nan"), "3.25e-07 ± —"),
        (123456.0, 4567.0, "123456 ± 4567"),
    ],
)
def test_value_and_error(value, error, written):
    assert format_value(value, error) == written


def test_names_are_printed_as_they_are():
    result = make_result(8, n_traj=3)
    names = ["a[red].x", "[/b].y", "c:smile:.z"]
    labels = (*names, *result.labels)[: len(result.labels)]
    made = tables([replace(result, labels=labels)])
    assert all(name in made for name in labels)


def test_a_zero_has_no_sign():
    assert format_value(-1e-17, 0.0) == "0.00000 ± 0"
    assert format_value(-1e-17, float("nan")) == "0.00000 ± —"
    result = make_result(8, n_traj=3)
    result = replace(result, reference=np.full_like(result.reference, -1e-17))
    assert "-0.00000" not in tables([result], all_times=True)


def test_difference_in_units_of_the_error():
    assert format_difference(0.5, 0.4, 0.05) == "+2.0"
    assert format_difference(0.5, 0.5, 0.0) == "—"
    assert format_difference(0.5, 0.4, float("nan")) == "—"


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 41, 1000])
def test_rows_of_a_table(n):
    rows = chosen_times(n, False)
    assert rows == sorted(set(rows))
    assert rows[0] == 0
    assert rows[-1] == n - 1
    assert len(rows) == min(n, 6)
    assert chosen_times(n, True) == list(range(n))


def test_the_table_says_what_the_result_says():
    result = make_result(200, n_traj=30)
    text = tables([result], all_times=True)
    assert "N = 200, 30 trajectories" in text
    assert "holds the physical part of order 1/N" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text, "nothing is cut off"
    row = next(line for line in text.splitlines() if line.split()[:2] == ["2", "spins.x"])
    cells = row.split()
    i = int(np.flatnonzero(result.times == 2)[0])
    assert float(cells[2]) == pytest.approx(result.mean[i, 0], abs=result.mean_stderr[i, 0] / 10)
    assert float(cells[4]) == pytest.approx(result.mean_stderr[i, 0], rel=0.06)
    assert float(cells[5]) == pytest.approx(result.reference[i, 0], abs=1e-5)
    z = (result.mean[i, 0] - result.reference[i, 0]) / result.mean_stderr[i, 0]
    assert float(cells[6]) == pytest.approx(z, abs=0.051)
    lines = iter(text[text.index("N·E_N, the deviation") :].splitlines())
    row = next(line for line in lines if line.split()[:1] == ["2"])
    assert float(row.split()[1]) == pytest.approx(200 * result.deviation[i], rel=0.05)


def test_what_was_asked_for_has_a_table_of_its_own():
    model = cj.systems.free_flips(6, 0.7, 1.3, 0.8)
    zz = {"z²": [({"spins": np.diag([1.0, -1.0])}, {"spins": np.diag([1.0, -1.0])})]}
    state = cj.tilted(model, 1.1, 0.4)
    result = cj.simulate(model, state, [0.0, 0.5, 1.0], n_traj=20, observables=zz, distributions=[1.0])
    text = tables([result], all_times=True)
    lines = [line.split() for line in text[text.index("Observables") :].splitlines()]
    (row,) = (line for line in lines if line[:2] == ["1", "z²"])
    found = result.observables["z²"]
    assert float(row[2]) == pytest.approx(found.mean[-1], abs=found.stderr[-1] / 10)
    assert float(row[4]) == pytest.approx(found.stderr[-1], rel=0.06)
    assert list(result.asked_for) == ["observables"], "jumps, spins and squeezing are always measured"


def test_the_theory_stands_beside_the_trajectories():
    plain = make_result(50, n_traj=30)
    rng = np.random.default_rng(1)
    shape = (len(plain.times), len(plain.labels))
    theory = Theory(
        rng.normal(size=(*shape, 3)), rng.normal(size=shape), rng.uniform(1, 2, size=shape[0]), np.empty((shape[0], 0))
    )
    result = replace(plain, theory=theory)
    text = tables([result], all_times=True)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text, "nothing is cut off"
    i = int(np.flatnonzero(result.times == 2)[0])
    cells = next(line for line in text.splitlines() if line.split()[:2] == ["2", "spins.x"]).split()
    corrected = result.reference[i, 0] + theory.correction[i, 0] / 50
    assert float(cells[7]) == pytest.approx(corrected, abs=1e-5)
    assert float(cells[8]) == pytest.approx((result.mean[i, 0] - corrected) / result.mean_stderr[i, 0], abs=0.051)
    lines = iter(text[text.index("N·E_N, the deviation") :].splitlines())
    cells = next(line for line in lines if line.split()[:1] == ["2"]).split()
    assert float(cells[4]) == pytest.approx(theory.deviation[i], abs=1e-5)
    lower = averages_figure([result]).axes[3]
    assert any(np.array_equal(line.get_ydata(), theory.correction[:, 0] / 50) for line in lower.lines)
    right = deviation_figure([result, result]).axes[1]
    assert sum(np.array_equal(line.get_ydata(), theory.deviation) for line in right.lines) == 1


def test_the_reason_why_there_is_no_theory():
    assert "no 1/N theory beside it: Γ has a kink" in tables([replace(make_result(), theory_refusal="Γ has a kink")])
    assert "no 1/N theory" not in tables([make_result()])


def test_exact_and_unknown_errors_in_the_table():
    text = tables([make_result(10)])
    first = next(line for line in text.splitlines() if line.split()[:2] == ["0", "spins.x"])
    assert first.count("± 0") == 1
    single = tables([make_result(10, n_traj=1, keep=0)])
    assert "N = 10, 1 trajectory\n" in single.replace(" \n", "\n").replace("  ", "")
    assert "± —" in single
    assert "nan" not in single


@pytest.mark.parametrize(
    ("title", "head", "reason"),
    [
        ("Squeezing", "value ± error", "the mean spin vanishes"),
        ("Jumps from t = 0 to 1", "Fano factor ± error", "the channel has not jumped"),
        ("Averages over t = 0 to 1", "τ ± error", "the average stands still"),
        ("g²(τ) of loss, s = 1", "g² ± error", "nothing is emitted"),
    ],
)
def test_a_figure_without_a_value_has_its_reason(title, head, reason):
    table, other = plain_table(title, "name", head), plain_table(title, "name", head)
    table.add_row("a", "—")
    other.add_row("a", "0.5 ± 0.1")
    explain(table)
    explain(other)
    assert reason in str(table.caption)
    assert other.caption is None


def test_an_error_that_is_not_known_has_its_reason():
    model = cj.systems.free_flips(2, 0.7, 1.3, 0.8)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0, 0.05, 0.1], n_traj=3, record=True, burn_in=0.05)
    for text in (tables([result]), unescape("".join(_details(Plan.of([result]), False)))):
        words = " ".join(text.split())
        assert "a cumulant of order m needs m trajectories and its error m + 1; there are 3." in words
        assert "The mean wait has no error: no wait has been seen from jump to jump, and two are needed" in words
        assert "a single trajectory" not in words
    assert "τ ± error" not in text, "no trajectory was kept"
    single = make_result(8, n_traj=1)
    assert "a single trajectory has neither an error nor a spread" in tables([single])
    assert "a single trajectory has neither an error nor a spread" in "".join(_alone([single, result]))


def test_other_parameters_are_in_the_title():
    assert "N = 50, beta = 2.0, 20 trajectories" in tables([make_result(parameters={"size": 50, "beta": 2.0})])


def test_figures_are_written(tmp_path):
    results = [make_result(size) for size in (800, 50, 200)]
    paths = write_figures(results, tmp_path)
    assert [p.name for p in paths] == ["averages.png", "averages.pdf", "deviation.png", "deviation.pdf"]
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in paths}
    for path in paths:
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG" if path.suffix == ".png" else b"%PDF")
    image = imread(paths[0])
    assert image.shape[1] == 1400, "7 inches at 200 dpi"
    assert image[..., :3].std() > 0.05, "something is drawn"


@pytest.mark.validation
def test_the_same_results_give_the_same_files(tmp_path):
    first = [p.read_bytes() for p in write_figures([make_result()], tmp_path)]
    second = [p.read_bytes() for p in write_figures([make_result()], tmp_path)]
    assert first == second


def test_the_figure_shows_the_numbers():
    results = [make_result(50), make_result(200)]
    figure = averages_figure(results)
    upper, lower = figure.axes[0], figure.axes[3]
    drawn = [np.asarray(line.get_ydata()) for line in upper.lines]
    for result in results:
        assert any(np.array_equal(y, result.mean[:, 0]) for y in drawn)
        assert any(np.array_equal(y, result.trajectories[2, :, 0]) for y in drawn)
        difference = result.mean[:, 0] - result.reference[:, 0]
        assert any(np.array_equal(line.get_ydata(), difference) for line in lower.lines)
    assert any(np.array_equal(y, results[0].reference[:, 0]) for y in drawn)
    band = lower.collections[0].get_paths()[0].vertices
    middle = results[0].mean[-1, 0] - results[0].reference[-1, 0]
    assert band[:, 1].max() >= middle + 2 * results[0].mean_stderr[-1, 0] - 1e-12
    figure = deviation_figure(results)
    left, right = figure.axes
    for axes, factor in ((left, 1), (right, 200)):
        assert any(np.allclose(line.get_ydata(), factor * results[1].deviation) for line in axes.lines)
    assert left.get_yscale() == "log"
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["$N = 50$", "$N = 200$", "±2 s.e."]


def silent(result, n_times):
    """The same kind of result with nothing in it but zeros."""
    layout = result._layout
    moments = Moments.empty((n_times, layout.width), layout.pairs)
    for _ in range(3):
        moments.add(np.zeros((n_times, layout.width)))
    return replace(
        result,
        times=np.arange(float(n_times)),
        moments=moments,
        reference=np.zeros((n_times, 3)),
        trajectories=np.zeros((2, n_times, 3)),
    )


@pytest.mark.parametrize(
    "results",
    [
        [make_result(10, n_traj=1, keep=1)],
        [make_result(10, keep=0)],
        [make_result(10, blocks=("++", "+-"))],
        [make_result(10, blocks=("+++", "++-", "+-+", "+--", "-++"))],
        [make_result(10, blocks=("++",)), make_result(20, blocks=("+-",))],
        [make_result(10, parameters={"size": 10, "beta": b}) for b in (1.0, 2.0)],
        [make_result(2 ** (i + 1), n_traj=3) for i in range(10)],
        [silent(make_result(10), 5)],
        [silent(make_result(10), 1)],
        [make_result(10, blocks=("a$b_{",))],
    ],
    ids=["single", "no keep", "two", "five", "other blocks", "same N", "ten", "zero", "instant", "odd name"],
)
def test_unusual_results_are_drawn_and_printed_without_a_warning(results):
    """Warnings are errors here; numpy's about NaN and matplotlib's about limits and layout as well."""
    for draw in (averages_figure, deviation_figure):
        draw(results).draw_without_rendering()
    assert "nan" not in tables(results)


def test_mean_fields_that_differ_are_drawn_each():
    results = [make_result(50), make_result(200)]
    same = len(averages_figure(results).axes[0].lines)
    results[1] = replace(results[1], reference=results[1].reference + 0.1)
    assert len(averages_figure(results).axes[0].lines) == same + 1


def test_nothing_is_drawn_of_nothing(tmp_path):
    assert write_figures([], tmp_path) == []


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(StorageError) as caught:
        write_figures([make_result()], tmp_path / "missing")
    path = tmp_path / "missing" / "averages.png"
    assert str(caught.value) == f"cannot write {path}: No such file or directory"


@pytest.mark.parametrize("draw", [averages_figure, deviation_figure])
def test_uncertain_errors_are_hatched_and_named(draw):
    """Three trajectories know no error; a file of an old schema does not say which it knows."""
    model = cj.systems.constrained(4, 0.7, 1.3, 0.8)
    few = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 0.5, 1.0], n_traj=3)
    assert few.uncertain[1:].any()
    for result, marked in ((few, True), (replace(few, chance=None), False)):
        figure = draw([result])
        names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        hatched = [band for axes in figure.axes for band in axes.collections if band.get_hatch()]
        assert ("error uncertain" in names) == bool(hatched) == marked


def test_a_mode_is_no_block_of_spins():
    model = cj.systems.dicke(2, omega_atom=1.0, omega_mode=1.0, coupling=0.8, kappa=1.0)
    result = cj.simulate(model, cj.tilted(model, 2.0, 0.3), [0.0, 0.2], n_traj=3)
    figure = averages_figure([result])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [t for t in titles if t] == ["block spins", "mode cavity"]
    names = [axes.get_ylabel() for axes in figure.axes]
    assert names.count(r"$\langle m_x\rangle$") == 1
    assert [name for name in names if "langle a" in name] == [
        r"$\mathrm{Re}\,\langle a\rangle/\sqrt{N}$",
        r"$\mathrm{Im}\,\langle a\rangle/\sqrt{N}$",
    ]


@pytest.mark.parametrize(("correction", "shown"), [(0.1, True), (1e6, False)])
def test_a_correction_that_grows_for_ever_does_not_flatten_what_is_measured(correction, shown):
    plain = make_result(50)
    A = len(plain.labels)
    T = len(plain.times)
    made = np.full((T, A), correction)
    theory = Theory(np.ones((T, A, A)), made, np.ones(T), np.empty((T, 0)))
    low, high = averages_figure([replace(plain, theory=theory)]).axes[A].get_ylim()
    assert (low <= correction / 50 <= high) == shown
    assert high - low < 10
