"""The section [two_time] of a run file: what Python makes of it, kept over interruptions; or one line that says why."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.jobs.points import open_run_file, point_of, two_time_of
from cojump.jobs.run_file.templates import run_file_for
from cojump.report.canvas import style
from cojump.report.page import page
from cojump.report.plan import Plan
from cojump.report.summary import summary_lines
from cojump.report.tables import captions_of, tables_of
from cojump.report.two_time import _letters, _of_spectrum_tails, formula_of, two_time_caption, two_time_figure
from cojump.results.two_time import _about, joined
from cojump.tools.half_sided import half_sided
from cojump.tools.numbers import format_value
from tests.mpi import digests
from tests.storage.test_forged_files import forged
from tests.support import hooks
from tests.support.command_line import invoke
from tests.support.interrupted import change, finished, hit
from tests.support.run_files import TILTED, flips, text_of

CRYSTAL = {"system": '"boundary_time_crystal"', "size": 6, "omega": 1.2, "kappa": 1.0}
DELAYS = np.linspace(0, 1.5, 4)

BOTH = """
[[two_time]]
first = "spins.z"
second = "spins.minus"
start = 0.5
delays = {end = 1.5, steps = 3}
n_traj = 11
spectrum = {frequencies = [-1, 0, 2.5], damping = 0.1}
exact = true

[[two_time]]
name = "light"
g2 = "decay"
start = 0.5
delays = [0, 0.5, 1, 1.5]
exact = true
"""


def run_file(tmp_path, two_time=BOTH, model=CRYSTAL, **run):
    path = tmp_path / "run.toml"
    options = {"n_traj": 10, "seed": 5, "chunk": 4, **run}
    path.write_text(text_of(model=model, initial=TILTED, times={"end": 1.0, "steps": 2}, run=options) + two_time)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run to its end, and its directory."""
    path = run_file(tmp_path_factory.mktemp("whole"))
    invoke("run", path)
    return path.parent / "results"


def same(one, other, *names):
    for name in names:
        assert np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(other, name)).tobytes(), name


def test_a_run_has_what_python_makes_of_it_to_the_bit(whole):
    (result,) = cj.load(whole)
    correlation, light = result.two_time.values()
    assert list(result.two_time) == ["spins.z, spins.minus", "light"]
    model, state = result.model(), result.state()
    a, b = {"spins": cj.operators.sigma_z}, {"spins": cj.operators.sigma_minus}
    options = {"start": 0.5, "seed": result.seed, "chunk": 4}
    found = cj.two_time(model, state, DELAYS, a, b, n_traj=11, **options)
    assert type(correlation.sampled) is type(found)
    same(correlation.sampled, found, "taus", "mean", "connected", "stderr_parts", "connected_stderr_parts", "reference")
    spectrum = found.spectrum([-1, 0, 2.5], damping=0.1)
    same(correlation.spectrum, spectrum, "omegas", "mean", "stderr")
    coincidences = cj.g2(model, state, DELAYS, "decay", n_traj=10, **options)
    same(light.sampled, coincidences, "mean", "stderr", "intensity", "later")
    exact = cj.master_equation(model, state, [0.0])
    same(correlation.exact, exact.two_time(DELAYS, a, b, start=0.5), "mean", "connected")
    same(light.exact, exact.g2(DELAYS, "decay", start=0.5), "mean", "later")
    same(correlation.limit, cj.mean_field(model, state, [0.0]).two_time(DELAYS, a, b, start=0.5), "connected")
    assert light.limit is None
    assert "trajectories  11" in str(correlation)
    assert "spins.minus(s)" in str(correlation)


def test_it_is_stored_and_read_to_the_bit(whole, tmp_path):
    (result,) = cj.load(whole)
    result.save(tmp_path / "again.h5")
    (again,) = cj.load(tmp_path / "again.h5")
    for name, one in result.two_time.items():
        same(one.sampled, again.two_time[name].sampled, "samples", "mean")
        assert one.facts == again.two_time[name].facts
    assert cj.merge([result]).two_time == result.two_time


def test_those_of_several_seeds_are_merged(whole, tmp_path):
    (one,) = cj.load(whole)
    path = run_file(tmp_path, seed=8)
    invoke("run", path)
    (two,) = cj.load(path.parent / "results")
    merged = cj.merge([one, two])
    cj.save(merged, tmp_path / "merged.h5")
    (again,) = cj.load(tmp_path / "merged.h5")
    for name, of_both in merged.two_time.items():
        parts = one.two_time[name].sampled, two.two_time[name].sampled
        assert of_both.sampled.n_traj == sum(part.n_traj for part in parts)
        assert np.array_equal(of_both.sampled.samples, np.concatenate([part.samples for part in parts]))
        same(of_both.sampled, again.two_time[name].sampled, "samples", "mean", "stderr")
        for kind in ("exact", "limit"):
            assert getattr(of_both, kind) is getattr(one.two_time[name], kind)
    found = merged.two_time["spins.z, spins.minus"].sampled.mean
    means = [r.two_time["spins.z, spins.minus"].sampled.mean for r in (one, two)]
    np.testing.assert_allclose(found, np.mean(means, axis=0), atol=1e-14)
    # mean fields that differ do not matter: the samples are of the averages themselves
    sampled, shifted = two.two_time["spins.z, spins.minus"].sampled, 0.1 + 0.2j
    moved = replace(
        sampled, reference=sampled.reference + shifted, samples=_about(sampled.reference + shifted, sampled)
    )
    np.testing.assert_allclose(joined([moved]).mean, sampled.mean, atol=1e-14)
    np.testing.assert_allclose(joined([moved]).connected, sampled.connected, atol=1e-12)
    np.testing.assert_allclose(joined([sampled, moved]).samples[11:], sampled.samples, atol=1e-14)
    other = replace(two, two_time={"light": one.two_time["light"]})
    assert list(cj.merge([one, other]).two_time) == ["light"]
    named = replace(two.two_time["light"], facts={**two.two_time["light"].facts, "start": 0.25})
    assert "light" not in cj.merge([one, replace(two, two_time={"light": named})]).two_time


@pytest.mark.parametrize("how", ["told", "killed"])
def test_nothing_that_is_finished_is_lost(how, whole, tmp_path, monkeypatch):
    """Stopped in the second function: the first one, and what there is of the second, is kept and gone on with."""
    path, count = run_file(tmp_path, checkpoint_seconds=0), 10 + 11 + 6
    with monkeypatch.context() as patch:
        if how == "told":
            Counted(patch, count, hit(signal.SIGTERM))
            assert "10 of 10 trajectories kept, 1 of 2 two-time functions done (" in invoke("run", path, status=75)[0]
        else:
            patch.setattr("cojump.jobs.directory._SHARE", 0)  # it takes no time here: each piece of work is written
            Counted(patch, count, hooks.gone)
            assert hooks.in_a_child(lambda: invoke("run", path))
    (partial,) = cj.load(tmp_path / "results")
    assert partial.two_time["spins.z, spins.minus"].sampled.n_traj == 11
    assert how == "killed" or 4 <= partial.two_time["light"].sampled.n_traj < 10
    shown = invoke("show", tmp_path / "results")[0]
    n = partial.two_time["light"].sampled.n_traj if "light" in partial.two_time else 0
    assert f"its two-time function light is not done ({n} of 10 trajectories)" in shown
    assert re.search(r"size = 6 +unfinished +10 +10 ", shown)
    folded = invoke("fold", tmp_path / "results", "-o", tmp_path / "folded.h5")[0]
    assert (
        f"10 of 10 trajectories in {tmp_path / 'folded.h5'}, 1 of 2 two-time functions done ({11 + n} of 21 " in folded
    )
    if how == "told":
        assert json.loads((tmp_path / "results/checkpoint/status.json").read_text())["left"] > 0
    with monkeypatch.context() as patch:
        again = Counted(patch)
        invoke("run", path)
    assert again.n <= 6
    assert finished(tmp_path / "results")
    made, wanted = (digests.of_file(p / "result.h5") for p in (tmp_path / "results", whole))
    options = {key for key in wanted if "checkpoint" in key}
    assert {k: v for k, v in made.items() if k not in options} == {k: v for k, v in wanted.items() if k not in options}


class Counted:
    """Counts the trajectories that begin, and does something before one of them."""

    def __init__(self, monkeypatch, at=None, action=None):
        self.n = 0

        def hear(event, arguments):
            if event == "cojump.trajectory":
                if self.n == at:
                    action()
                self.n += 1

        hooks.listen(monkeypatch, hear)


def test_a_run_goes_on_with_more_of_them(whole, tmp_path, monkeypatch):
    """More trajectories, another function, another spectrum; what is there is not run again."""
    path = run_file(tmp_path, BOTH.replace("n_traj = 11", "n_traj = 7").partition("[[two_time]]\nname")[0])
    invoke("run", path)
    path = run_file(tmp_path)
    with monkeypatch.context() as patch:
        ran = Counted(patch)
        invoke("run", path)
    assert ran.n == 4 + 10
    assert digests.of_file(tmp_path / "results/result.h5") == digests.of_file(whole / "result.h5")
    change(path, ("[-1, 0, 2.5]", "[-1, 3]"))
    with monkeypatch.context() as patch:
        ran = Counted(patch)
        invoke("run", path)
    assert ran.n == 0
    (result,) = cj.load(tmp_path / "results")
    assert result.two_time["spins.z, spins.minus"].spectrum.omegas.tolist() == [-1, 3]
    run_file(tmp_path, "")
    assert "complete" in invoke("run", path)[0]
    assert len(cj.load(tmp_path / "results")[0].two_time) == 2


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            (("start = 0.5", "start = 0.6"),),
            '[two_time] "spins.z, spins.minus": start is 0.6 here and 0.5 there (`name`',
        ),
        ((("[0, 0.5, 1, 1.5]", "[0, 0.5, 1, 1.6]"),), '[two_time] "light": delays is (0, 0.5, 1, 1.6) here'),
        (
            (("n_traj = 11", "n_traj = 9"),),
            '"spins.z, spins.minus": n_traj is 9 here and 11 there, and it may only grow',
        ),
    ],
)
def test_another_function_of_the_same_name_is_refused(pairs, message, whole, tmp_path):
    path = run_file(tmp_path)
    change(path, *pairs)
    err = invoke("run", path, "-o", whole, status=2)[1]
    assert message in err
    assert err.count("\n") == 1


ONE = {"first": '"spins.z"', "second": '"spins.z"', "delays": "[0, 0.5]"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"first": None}, "`[two_time] first` must be given, but it is missing"),
        ({"first": None, "second": None}, "`[two_time] first` must be given, the average A"),
        ({"first": '"spin.z"'}, "`[two_time] first` must name an average among spins.x"),
        ({"first": "3"}, '`[two_time] first` must be such as "spins.z"'),
        ({"first": "{spin = [[1, 0], [0, 0]]}", "name": '"a"'}, "`[two_time] first` must have names of blocks"),
        ({"first": '{spins = "w"}', "name": '"a"'}, "`[two_time] first.spins` must be numbers or one of x, y, z, plus"),
        ({"first": "{spins = [[1, 0]]}", "name": '"a"'}, "`[two_time] first.spins` must be a square matrix"),
        ({"first": "{spins = [[1]]}", "name": '"a"'}, "`[two_time] first['spins']` must"),
        ({"first": '{spins = "w"}'}, "`[two_time] first.spins` must be numbers or one of x, y, z, plus"),
        ({"first": "{spins = [[1, 0], [0, 0]]}"}, "`[two_time] name` must be given where an average is written as num"),
        ({"name": '""'}, "`[two_time] name` must be a text of 1 to 100 printable"),
        ({"g2": '"decay"'}, "`[two_time] first` must be left out when `g2` is given"),
        ({"frist": '"spins.z"'}, "`[two_time] frist` must be one of the keys of [two_time]: name"),
        ({"delays": None}, "`[two_time] delays` must be given, but it is missing"),
        ({"delays": "2.0"}, "`[two_time] delays` must be {end = 4.0, steps = 40} or a list of times, but it is 2.0"),
        ({"delays": "[]"}, "`[two_time] delays` must be a list of times, but it is []"),
        ({"delays": "[0, 0]"}, "`[two_time] delays` must be increasing, but delays[1] = 0.0 <= delays[0] = 0.0"),
        ({"delays": "[-1, 0]"}, "`[two_time] delays[0]` must be a finite number of at least 0"),
        ({"delays": "{end = 4.0}"}, "`[two_time.delays] steps` must be given"),
        ({"delays": "{end = 4.0, step = 4}"}, "`[two_time.delays] step` must be one of the keys of [two_time.delays]"),
        ({"delays": "[0, 1e-300]", "start": "1.0"}, "`[two_time] delays` must be apart beside start = 1"),
        ({"start": "-1.0"}, "`[two_time] start` must be a finite number of at least 0, but it is -1.0"),
        ({"start": "[1, 2]"}, "`[two_time] start` must be a finite number of at least 0, but it is [1, 2]"),
        ({"start": "nan"}, "`[two_time] start` must be a finite number of at least 0, but it is nan"),
        ({"n_traj": "0"}, "`[two_time] n_traj` must be an integer of at least 1, but it is 0"),
        ({"n_traj": "1_000_000_000_000"}, "`[two_time] n_traj` must leave samples that fit in memory"),
        ({"exact": "1"}, "`[two_time] exact` must be true or false, but it is 1"),
        ({"spectrum": "true"}, "`[two_time] delays` must be at least 4 times from 0 on for a spectrum"),
        ({"spectrum": "3"}, "`[two_time] spectrum` must be true, or {frequencies"),
        ({"spectrum": "{frequencies = []}"}, "`[two_time.spectrum] frequencies` must be a list of numbers"),
        ({"spectrum": "{frequencies = [2, 1]}"}, "`[two_time.spectrum] frequencies` must be increasing"),
        ({"spectrum": "{frequencies = {start = 1, end = 0, steps = 3}}"}, "`[two_time.spectrum.frequencies] end` must"),
        ({"spectrum": "{damping = -1}"}, "`[two_time.spectrum] damping` must be a finite number of at least 0"),
        ({"spectrum": "{omegas = [1]}"}, "`[two_time.spectrum] omegas` must be one of the keys"),
    ],
)
def test_wrong_values_are_refused_by_name(given, message, tmp_path):
    check_refused(tmp_path, text_of(two_time={**ONE, **given}), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("two_time = 3\n", "`[two_time]` must be a section with keys below it, but it is 3"),
        ("two_time = []\n", "`[two_time]` must be a table, or several under [[two_time]]"),
        ("two_time = [1]\n", "`[two_time[0]]` must be a section with keys below it"),
        (2 * ('[[two_time]]\ng2 = "decay"\ndelays = [0]\n'), "`[two_time[1]] name` must tell the functions apart"),
        (
            '[two_time]\ng2 = "decai"\ndelays = [0]\n',
            '`[two_time] g2` must name a mode or a jump among decay, but it is "decai"; did you mean "decay"?',
        ),
        (
            '[two_time]\ng2 = {spins = "w"}\ndelays = [0]\n',
            "`[two_time] g2.spins` must be numbers or one of x, y, z, plu",
        ),
        ('[two_time]\ng2 = "decay"\ndelays = [0]\nspectrum = true\n', "`[two_time] spectrum` must be left out for g²"),
    ],
)
def test_wrong_tables_are_refused_by_name(text, message, tmp_path):
    check_refused(tmp_path, text, message)


@pytest.mark.parametrize(
    "headers", [("[two_time]", "[[two_time]]"), ("[[two_time]]", "[two_time]"), ("[ two_time ]",) * 2]
)
def test_tables_that_are_no_list_are_told_how_to_be_one(headers, tmp_path):
    path = run_file(tmp_path, "".join(f'{header}\ng2 = "decay"\ndelays = [0]\n' for header in headers))
    assert "; several are written [[two_time]], each of them\n" in invoke("show", path, status=2)[1]
    path.write_text(path.read_text() + "=")
    path.write_text(path.read_text().replace(headers[1], "[run]", 1))
    assert "several" not in invoke("show", path, status=2)[1]


def check_refused(tmp_path, text, message):
    head = text if text.startswith("two_time") else ""
    path = run_file(tmp_path, "" if head else text)
    path.write_text(head + path.read_text())
    err = invoke("show", path, status=2)[1]  # before any work
    assert err.startswith(f"cojump: Argument {message}"), err
    assert err.count("\n") == 1


def test_a_model_that_has_no_such_function_is_refused(tmp_path):
    """A jump of single particles by its name."""
    (tmp_path / "own.py").write_text(
        "import cojump as cj\n"
        "def build(size: int = 4):\n"
        "    fall = cj.LocalJump(cj.operators.sigma_minus, 'spins', name='fall')\n"
        "    return cj.Model([cj.Block('spins', size)], jumps=[fall])\n"
    )
    path = run_file(tmp_path, '[two_time]\ng2 = "fall"\ndelays = [0]\n', {"system": '"own.py:build"', "size": 4})
    assert "g² is of modes and collective jumps" in invoke("show", path, status=2)[1]


def test_names_of_modes_and_order_parameters(tmp_path):
    model = {"system": '"dicke"', "size": 3, "omega_atom": 1.0, "omega_mode": 1.0, "coupling": 0.9, "kappa": 1.0}
    text = '[[two_time]]\nfirst = "{}.adag"\nsecond = {{{} = "a"}}\ndelays = [0]\n'
    path = run_file(tmp_path, "", model)
    mode = point_of(open_run_file(path), open_run_file(path).points()[0]).model.mode_names[0]
    own = (
        text.format(mode, mode)
        + f'[[two_time]]\nname = "b"\nfirst = {{{mode} = [1, "-1j"]}}\nsecond = {{{mode} = "a"}}\ndelays=[0]\n'
    )
    path = run_file(tmp_path, own, model)
    one, other = two_time_of(open_run_file(path), point_of(open_run_file(path), open_run_file(path).points()[0]))
    assert one.facts == other.facts
    assert (one.name, one.of, other.of) == (f"{mode}.adag, {mode}.a", (f"{mode}.adag", f"{mode}.a"), ("A", f"{mode}.a"))
    assert [a.modes for a in one.plan.averages] == [{0: (1, -1j)}, {0: (1, 1j)}]


def test_the_report_draws_and_tabulates_them(whole, tmp_path):
    """Axes with labels, exact curves and limits beside what is sampled; tables; the page has the figure."""
    (result,) = cj.load(whole)
    figure = two_time_figure([result])
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes if axes.axison]
    formula = r"$\,N\,\langle m_z(s+\tau)\,m_-(s)\rangle_c$"
    tau, omega = r"$\tau$", r"$\omega$"
    spectrum = (omega, r"Re$\,S(\omega)$, damping 0.1")
    assert labels == [(tau, "Re" + formula), (tau, "Im" + formula), spectrum, (tau, r"$g^{(2)}(\tau)$")]
    sampled = result.two_time["spins.z, spins.minus"]
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    for wanted in (sampled.sampled.connected, sampled.exact.connected, sampled.limit.connected):
        assert any(np.array_equal(line, wanted.real) for line in drawn)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"exact", r"$N\to\infty$", "±2 s.e."} <= set(texts)
    influences = sampled.sampled._influences @ half_sided(DELAYS, sampled.omegas, 0.1).T
    squares = np.abs(influences) ** 2
    flags = squares.sum(axis=0) ** 2 < 8 * (squares**2).sum(axis=0)
    assert np.array_equal(sampled.spectrum.uncertain, flags)
    sizes = np.abs(sampled.sampled.connected) * np.exp(-0.1 * DELAYS)
    tail = f"the function times exp(-0.1 τ), its damping, is still {sizes[-1] / sizes.max():.2g} of its largest value"
    assert tail in figure.get_supxlabel().replace("\n", " ")
    whole = sampled.sampled.connected * [1, 1, 1, 0]
    less = replace(sampled, sampled=replace(sampled.sampled, connected=whole))
    points = [replace(result, parameters={"omega": w}, two_time={less.name: f}) for w, f in enumerate((sampled, less))]
    (note,) = _of_spectrum_tails(Plan.of(points), less.name)  # of the worst point, not of the last
    assert note.endswith(f"{tail} at omega = 0, the most of 2 points")
    of = ("cavity.adag", "cavity.a")
    assert _letters([result], of) == [r"(a^\dagger/\sqrt{N})", r"(a/\sqrt{N})"]
    assert formula_of(result, of) == "<(cavity.a†/√N)(s+τ) (cavity.a/√N)(s)>"
    assert formula_of(result, ("(cavity.a + spins.z)", "spins.x")) == "<(cavity.a/√N + spins.z)(s+τ) spins.x(s)>"
    made = tables_of(result, False)
    tables = [str(t.title) for t in made]
    peak = made[tables.index("S(ω) of spins.z, spins.minus, damping 0.1 where |Re S| is largest, of 3 frequencies")]
    place = np.argmax(np.abs(sampled.spectrum.mean.real))
    value, error = sampled.spectrum.mean.real[place], sampled.spectrum.stderr.real[place]
    assert next(peak.columns[1].cells) == format_value(value, error, bool(flags[place]))
    assert any("diff. = (value - exact)" in caption for caption in captions_of([result], made))
    assert "N (<spins.z(s+τ) spins.minus(s)> connected), s = 0.5, 11 trajectories" in tables
    assert "g²(τ) of decay, s = 0.5, 10 trajectories" in tables
    with style():
        text = page([result], drawn=[("two_time", figure)])
    assert "Two-time functions N (&lt;A(s+τ)B(s)&gt;" in text
    assert "g²(τ) of decay" in text
    alone = replace(result, two_time={"light": replace(result.two_time["light"], exact=None)})
    assert two_time_caption([alone]) == ("Two-time functions g²(τ) against the delay. Bands are two standard errors.")
    assert "S(ω), times exp(-damping τ)" in two_time_caption([result])


def test_points_of_a_sweep_are_its_curves(tmp_path):
    """Colours by size; a second parameter makes panels; what cannot be had exactly is said."""
    model = {**CRYSTAL, "size": [4, 6], "omega": [0.5, 1.0]}
    path = run_file(tmp_path, '[two_time]\nfirst = "spins.z"\nsecond = "spins.z"\ndelays = [0, 1]\n', model, n_traj=2)
    invoke("run", path)
    results = cj.load(tmp_path / "results")
    figure = two_time_figure(results)
    lines = summary_lines(Plan.of(results), 4, ["spins.z"])
    assert 'two-time function "spins.z, spins.z": two_time.png, and the tables of --full' in lines
    assert [axes.get_title() for axes in figure.axes[:2]] == [r"$\omega = 0.5$", r"$\omega = 1$"]
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["$N = 4$", "$N = 6$"]


def test_what_cannot_be_solved_exactly_is_said(tmp_path):
    text = '[two_time]\nfirst = "spins.z"\nsecond = "spins.z"\ndelays = [0]\nn_traj = 1\nexact = true\n'
    path = run_file(tmp_path, text, {**flips(20_000), "omega": 0.1}, n_traj=1)
    assert "not exactly: Argument `model` must fit the exact master equation" in invoke("show", path)[0]


@pytest.mark.parametrize("system", ["boundary_time_crystal", "hopfield", "dicke"])
def test_the_section_of_a_template_can_be_used(system, tmp_path):
    """The lines from "# [two_time]" on, without their marks."""
    path = tmp_path / "run.toml"
    lines = run_file_for(system).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("# [two_time]"))
    last = next(place for place in range(first, len(lines)) if not lines[place])
    lines[first:last] = [line.removeprefix("# ") for line in lines[first:last]]
    path.write_text("\n".join(lines), encoding="utf-8")
    run_file = open_run_file(path, ["model.size=6"])
    (asked,) = two_time_of(run_file, point_of(run_file, run_file.points()[0]))
    assert asked.exact
    assert len(asked.omegas) == 201


def shorter(name):
    def change(file):
        group = file["points/000000/two_time/0"]
        kept = group[name][:-1]
        del group[name]
        group[name] = kept

    return change


@pytest.mark.parametrize("change", [*map(shorter, ("taus", "exact/mean")), "kind"])
def test_parts_that_do_not_fit_are_refused(change, whole, tmp_path):
    def broken(file):
        group = file["points/000000/two_time/0"]
        group.attrs[change] = "g3"

    (result,) = cj.load(whole)
    path = forged(tmp_path / "r.h5", broken if isinstance(change, str) else change, result)
    with pytest.raises(cj.StorageError, match=r"has not the content of a cojump result file: .*two-time function"):
        cj.load(path)


def test_a_function_that_fails_does_not_end_the_run(tmp_path, monkeypatch):
    """The averages are there, the failure is told and written down, and the same command tries again."""

    def off():
        raise cj.ConvergenceError("The step is too small")

    path = run_file(
        tmp_path, '[two_time]\nfirst = "spins.z"\nsecond = "spins.z"\ndelays = [0, 1]\nn_traj = 6\n', n_traj=4
    )
    with monkeypatch.context() as patch:
        Counted(patch, 4 + 5, off)
        err = invoke("run", path, status=3)[1]
    message = 'two-time function "spins.z, spins.z" of the point size = 6: The step is too small'
    assert f"cojump: {message}" in err
    (result,) = cj.load(tmp_path / "results")
    assert (result.n_traj, result.two_time["spins.z, spins.z"].sampled.n_traj) == (4, 5)
    assert message in invoke("show", tmp_path / "results")[0]
    invoke("run", path)
    assert finished(tmp_path / "results")
    assert cj.load(tmp_path / "results")[0].two_time["spins.z, spins.z"].sampled.n_traj == 6
