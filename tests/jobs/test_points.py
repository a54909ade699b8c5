"""Points of a sweep: equal values name one point, however they are written; where a model runs makes no difference."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.sweep import canonical, spelled
from tests.support.command_line import invoke
from tests.support.run_files import TILTED, text_of

MODEL = """
import numpy as np
import cojump as cj

def build(x, size=4, more=None):
    drive = (float(x) if isinstance(x, (int, float)) else 0.3) * np.array([[0, 1], [1, 0]])
    jump = cj.LocalJump(np.array([[0, 0], [1, 0]]), "spins")
    return cj.Model([cj.Block("spins", int(size))], [cj.OneBody(drive, "spins")], [jump])
"""


@pytest.fixture
def run_file(tmp_path):
    """Write a run file with these tables; its path."""
    (tmp_path / "mine.py").write_text(MODEL)

    def write(model=None, initial=None, sweep=None, **run):
        path = tmp_path / "run.toml"
        tables = {
            "model": {"system": '"mine.py:build"', "x": 0.5} | (model or {}),
            "initial": TILTED | (initial or {}),
            "times": {"end": 0.5, "steps": 2},
            "run": {"n_traj": 4, "seed": 1, "chunk": 2} | run,
            "sweep": sweep,
        }
        path.write_text(text_of(**tables), encoding="utf-8")
        return path

    return write


def seeds(path):
    return [spec.seed for spec in read_run_file(path).points()]


PAIRS = {
    "an argument of a user's model": (("model", "x"), "[1, 2]", "[1.0, 2.0]"),
    "zero": (("model", "x"), "[0.0, 1]", "[-0.0, 1]"),
    "a whole number as the size": (("model", "size"), "[2, 3]", "[2.0, 3.0]"),
    "a table": (("model", "more"), "[{a = 1, b = [0.0, 2]}, {a = 2}]", "[{b = [0, 2.0], a = 1.0}, {a = 2}]"),
    "an angle": (("initial", "theta"), "[0, 1]", "[0.0, 1.0]"),
    "minus zero as an angle": (("initial", "phi"), "[0, 1]", "[-0.0, 1.0]"),
    "beyond 2^63": (("model", "x"), "[100000000000000000000, 1]", "[1e20, 1]"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equal_values_are_the_same_point(name, run_file):
    (section, key), one, other = PAIRS[name]
    path = run_file(**{section: {key: one}})
    first, parameters = seeds(path), [spec.parameters for spec in read_run_file(path).points()]
    path = run_file(**{section: {key: other}})
    assert seeds(path) == first
    again = [spec.parameters for spec in read_run_file(path).points()]
    assert [json.dumps(p, sort_keys=True) for p in again] == [json.dumps(p, sort_keys=True) for p in parameters]
    assert len(set(first)) == 2


@pytest.mark.parametrize(
    ("section", "one", "other"),
    [
        ("model", {"x": "[1, 2]"}, {"x": "[1.0, 2.0]"}),
        ("initial", {"theta": "[0.0, 1]"}, {"theta": "[-0.0, 1.0]"}),
    ],
)
def test_a_run_is_extended_though_values_are_written_otherwise(section, one, other, run_file):
    path = run_file(**{section: one})
    invoke("run", path)
    path = run_file(**{section: other}, n_traj=6)
    invoke("run", path)
    assert [result.n_traj for result in cj.load(path.parent / "results")] == [6, 6]


@pytest.mark.parametrize("values", ["[1, 1.0]", "[0.0, -0.0]", "[[1, 2], [1.0, 2]]", "[{a = 1}, {a = 1.0}]"])
def test_one_point_twice(values, run_file):
    with pytest.raises(ArgumentError, match=r"`\[model\] x` must hold different values, but .* is there twice"):
        read_run_file(run_file(model={"x": values}))
    with pytest.raises(ArgumentError, match=r"`\[sweep\]` must make different points"):
        read_run_file(run_file(model={"x": values}, initial={"phi": "[1, 1.0]"}, sweep={"mode": '"zip"'}))


def test_values_that_are_not_equal(run_file):
    """true is no number; letters that look alike are other texts."""
    for values in ("[true, 1]", '["1", 1]', '["\\u00e9", "e\\u0301"]', "[1, 1.0000000000000002]", "[[1], 1]"):
        assert len(set(seeds(run_file(model={"x": values})))) == 2, values


def test_what_a_function_asks_for_decides(run_file):
    """A number that is to be a real one stays one: the seeds of such sweeps are those of earlier versions."""
    path = run_file(model={"system": '"constrained"', "x": None, "size": 4, "rate_up": 1, "rate_down": 1})
    text = path.read_text()
    found = []
    for values in ("[1.0, 0.0]", "[1, -0.0]"):
        path.write_text(text.replace("rate_up = 1\n", f"rate_up = 1\nomega = {values}\n"))
        found.append([repr(spec.parameters) for spec in read_run_file(path).points()])
    assert found == [["{'omega': 1.0}", "{'omega': 0.0}"]] * 2


@pytest.mark.parametrize("value", ["2020-02-03", "[2020-02-03, 2021-02-03]", "07:30:00", "[[nan]]", "{a = inf}"])
def test_values_that_results_cannot_hold(value, run_file):
    with pytest.raises(ArgumentError, match=r"Argument `\[model\] x(\[\d\]|\.a)*` must be a (number|finite number)"):
        read_run_file(run_file(model={"x": value}))


def test_a_sweep_of_many_values_is_checked_at_once(run_file):
    many = ", ".join(map(str, range(40_000)))
    assert len(read_run_file(run_file(model={"x": f"[{many}]"})).axes[0].values) == 40_000


def test_canonical_values():
    assert repr(canonical([1.0, -0.0, True, 2**63 - 1, 2.5, {"a": (1.0,)}])) == (
        "[1, 0, True, 9223372036854775807, 2.5, {'a': [1]}]"
    )
    assert spelled(1e20) == spelled(10**20)
    assert spelled(10**400) != spelled(10**400 + 1)


def test_a_stored_point_that_is_not_made_any_more_is_named(run_file, monkeypatch):
    """For instance of an earlier version, to which 1.0 and 1 were two points."""
    path = run_file(initial={"theta": "[1.0, 2]"})
    with monkeypatch.context() as patch:
        patch.setattr("cojump.jobs.run_file.read.canonical", lambda value: value)
        invoke("run", path)
    _, err = invoke("run", path, status=2)
    assert "holds a point that this run file does not make (theta = 1.0, seed " in err
    assert err.count("\n") == 1


def test_a_model_that_changes_the_working_directory(run_file, tmp_path, monkeypatch):
    """At import, when it is built, and when a rate is evaluated."""
    path = run_file()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    move = f"import os; os.chdir({str(elsewhere)!r})"
    rate = f"def rate(x):\n    {move}\n    return 1 + 0 * x\n"
    text = MODEL.replace("def build", f"{move}\n{rate}\ndef build").replace("    drive =", f"    {move}\n    drive =")
    text = text.replace('0]]), "spins")', '0]]), "spins", rate=rate, argument={"spins": np.diag([1, 0])})')
    path.with_name("mine.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    out, _ = invoke("run", "run.toml", "-o", "out")
    assert out.startswith("cojump: 1 point in out/result.h5; tables and figures: cojump report out")
    assert (tmp_path / "out" / "result.h5").is_file()
    assert os.listdir(elsewhere) == []
    monkeypatch.chdir(tmp_path)
    invoke("run", "run.toml")
    monkeypatch.chdir(tmp_path)
    assert "complete" in invoke("run", "run.toml")[0]
    assert (tmp_path / "results" / "result.h5").is_file()


def test_arrays_and_mappings_given_are_copied():
    z = np.diag([1.0, -1.0])
    order, inner, argument = {}, {"spins": z}, {"spins": z}
    order["m"] = inner
    jump = cj.LocalJump(z, "spins", amplitude=lambda x: x, argument=argument)
    collective = {"spins": z}
    blocks = [cj.Block("spins", 3)]
    model = cj.Model(
        blocks, [cj.OneBody(z, "spins")], [jump, cj.CollectiveJump(collective, 1.0)], order_parameters=order
    )
    before = model.linear("m", model.order_parameters["m"])
    z *= 7
    order["other"] = {"spins": z}
    inner["more"] = z
    argument.clear()
    collective.clear()
    blocks.append(cj.Block("more", 2))
    assert list(model.order_parameters) == ["m"]
    after = model.linear("m", model.order_parameters["m"])
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1])
    assert model.jumps[0].argument["spins"][0, 0] == 1.0
    assert model.jumps[1].matrices["spins"][0, 0] == 1.0
    assert model.hamiltonian[0].matrix[0, 0] == 1.0
    assert model.size == 3


def test_a_rate_that_changes_where_it_is_small_is_refused(run_file, tmp_path):
    """Γ reaches 10⁹ at the end of the spectrum, where no trajectory comes."""
    jump = '0]]), "spins", amplitude=lambda x: 1 / (1 - x + 1e-9){}, argument={{"spins": np.diag([1, 0])}})'
    path = run_file(model={"size": 400}, initial={"theta": "3.1"})
    module = path.with_name("mine.py")
    module.write_text(MODEL.replace('0]]), "spins")', jump.format("")))
    invoke("run", path)
    before = (tmp_path / "results" / "result.h5").read_bytes()
    path = run_file(model={"size": 400}, initial={"theta": "3.1"}, n_traj=6)
    module.write_text(MODEL.replace('0]]), "spins")', jump.format(" + 0.5 * (x < 0.9)")))
    _, err = invoke("run", path, status=2)
    assert "the file mine.py has changed since: jumps[0] Γ over the spectrum is 1.5 here and 0.999999999 there" in err
    assert err.count("\n") == 1
    assert (tmp_path / "results" / "result.h5").read_bytes() == before
