"""Observables, distributions and symmetric starts of a run file: as in Python, or one line that says why not."""

from __future__ import annotations

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from cojump.jobs.points import point_of
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.templates import TEMPLATES, run_file_for
from tests.support.command_line import invoke
from tests.support.pauli import X, Z
from tests.support.run_files import TILTED, flips, run_text, text_of

UP = np.diag([1.0, 0.0])
Y = np.array([[0, -1j], [1j, 0]])


@pytest.fixture
def points(tmp_path):
    """The points of a run file with these keys, built; by default of one block of four spins."""

    def points(model=None, initial=TILTED, **run):
        path = tmp_path / "run.toml"
        model = flips(4) if model is None else model
        times = {"end": 1.0, "steps": 4}
        path.write_text(text_of(model=model, initial=initial, times=times, run={"n_traj": 8, **run}), encoding="utf-8")
        run_file = read_run_file(path)
        return [point_of(run_file, spec) for spec in run_file.points()]

    return points


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ('"spins.z * spins.z"', [({"spins": Z}, {"spins": Z})]),
        ('[["spins.z", "spins.z"]]', [({"spins": Z}, {"spins": Z})]),
        ('["0.5 * spins.x", "-2*spins.z*spins.x"]', [({"spins": X / 2},), ({"spins": -2 * Z}, {"spins": X})]),
        (
            '[[0.5, "spins.x"], [-2, {spins = "z"}, "spins.x"]]',
            [({"spins": X / 2},), ({"spins": -2 * Z}, {"spins": X})],
        ),
        ("[{spins = [[1, 0], [0, 0]]}]", [({"spins": UP},)]),
        ('[{spins = [[0, "-1j"], ["1j", 0]]}]', [({"spins": Y},)]),
    ],
)
def test_an_observable_is_what_python_makes_of_it(points, text, terms):
    (point,) = points(observables=f"{{a = {text}}}")
    for factors, wanted in zip(point.observables["a"], terms, strict=True):
        for factor, matrices in zip(factors, wanted, strict=True):
            assert factor.keys() == matrices.keys()
            np.testing.assert_array_equal(factor["spins"], matrices["spins"])


HOPFIELD = {"system": '"hopfield"', "patterns": "[[1, 1, -1], [1, -1, -1]]", "omega": 0.5, "beta": 2.0}


def test_several_blocks_and_order_parameters(points):
    """Averages over blocks in one factor; the overlaps of a Hopfield network by name."""
    (point,) = points(HOPFIELD, observables='{a = [{"++" = "z", "--" = "z"}], b = "overlap1"}')
    model = point.model
    assert set(point.observables["a"][0][0]) == {"++", "--"}
    np.testing.assert_array_equal(point.observables["a"][0][0]["--"], Z)
    assert point.observables["b"][0][0].keys() == model.order_parameters["overlap1"].keys()


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ("3", "`[run] observables` must be a table of observables"),
        ("{a = 3}", '`[run] observables."a"` must be a term or a list of terms, such as "spins.z * spins.z"'),
        ("{a = []}", '`[run] observables."a"` must be a term or a list of terms'),
        ("{a = [true]}", '`[run] observables."a"` must be a term or a list of terms'),
        ("{a = [{}]}", '`[run] observables."a"` must be a term or a list of terms'),
        ('{a = "spins.z *"}', '`[run] observables."a"` must be a term or a list of terms'),
        (
            "{a = [[]]}",
            '`[run] observables."a"` must have terms of one average or a product of up to 4, but one term is []',
        ),
        (
            "{a = [2]}",
            '`[run] observables."a"` must have terms of one average or a product of up to 4, but one term is 2',
        ),
        ('{a = "inf * spins.z"}', '`[run] observables."a"` must be a finite number, but it is inf'),
        ('{a = "1e40 * 1e40 * spins.z"}', '`[run] observables."a"` must be a number of at most 1e+50 in size'),
        (
            '{a = ["1e40 * spins.z", [1e40, {spins = [[1e40, 0], [0, 0]]}]]}',
            '`[run] observables."a".spins` must have entries of',
        ),
        (
            '{a = "spins.z * spins.z * spins.z * spins.z * spins.z"}',
            '`[run] observables."a"` must have terms of one average or a product',
        ),
        (
            '{a = "spin.z"}',
            '`[run] observables."a"` must name averages among spins.x, spins.y, spins.z, but one is "spin.z"; '
            'did you mean "spins.z"?',
        ),
        (
            '{a = [{spin = "z"}]}',
            "`[run] observables.\"a\"` must have names of blocks as keys ('spins'), but one is 'spin'",
        ),
        ('{a = [{spins = "+"}]}', '`[run] observables."a".spins` must be a matrix or one of x, y, z, but it is "+"'),
        ("{a = [{spins = 1}]}", '`[run] observables."a".spins` must be a list of rows'),
        ('{a = [{spins = [[0, "i"], [0, 0]]}]}', '`[run] observables."a".spins[0][1]` must be a number or a string'),
        ("{a = [{spins = [[0]]}]}", '`[run] observables."a".spins` must be a square matrix (levels, levels)'),
        (
            "{a = [{spins = [[1, 0, 0], [0, 0, 0], [0, 0, 0]]}]}",
            '`[run] observables."a".spins` must have the shape (2, 2)',
        ),
    ],
)
def test_what_is_no_observable_is_refused_by_name(points, observables, message):
    with pytest.raises(ArgumentError) as caught:
        points(observables=observables)
    assert str(caught.value).startswith(f"Argument {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"distributions": "0.5"}, "`[run] distributions` must be a list of output times, but it is 0.5"),
        ({"distributions": "[]"}, "`[run] distributions` must be a list of output times, but it is []"),
        ({"distributions": '["0"]'}, '`[run] distributions[0]` must be a finite number of at least 0, but it is "0"'),
        ({"distributions": "[0.3]"}, "`[run] distributions` must hold output times only, but 0.3 is none of `times`"),
        ({"target_error": "{z = 0.1}"}, "`[run] target_error` must name averages among spins.x, spins.y, spins.z"),
    ],
)
def test_other_refusals_name_the_key_of_the_file(points, run, message):
    with pytest.raises(ArgumentError) as caught:
        points(**run)
    assert str(caught.value).startswith(f"Argument {message}")


SYMMETRIC = {"kind": '"symmetric"', "amplitudes": '[0.6, 0, 0, 0, "0.8j"]'}


def test_symmetric_starts(points):
    """For all blocks, by block, and swept."""
    ghz = np.array([0.6, 0, 0, 0, 0.8j])
    for amplitudes in (SYMMETRIC["amplitudes"], f"{{spins = {SYMMETRIC['amplitudes']}}}"):
        (point,) = points(initial={**SYMMETRIC, "amplitudes": amplitudes})
        np.testing.assert_allclose(point.state.blocks[0].amplitudes, ghz, rtol=1e-15)
    swept = points(initial={**SYMMETRIC, "amplitudes": "[[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]"})
    assert [p.parameters["amplitudes"] for p in swept] == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert [np.argmax(np.abs(p.state.blocks[0].amplitudes)) for p in swept] == [0, 2]
    tables = points(initial={**SYMMETRIC, "amplitudes": "[{spins = [1, 0, 0, 0, 0]}, {spins = [0, 0, 1, 0, 0]}]"})
    assert [p.parameters["amplitudes"]["spins"] for p in tables] == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert [np.argmax(np.abs(p.state.blocks[0].amplitudes)) for p in tables] == [0, 2]
    for wrong, message in (
        ("[0.6, 0.8]", "`[initial] amplitudes` must have 5 amplitudes for 4 particles, but its shape is (2,)"),
        ("[1, 0, 0, 0, 1]", "`[initial] amplitudes` must have norm 1"),
        ("{spins = [1, 0, 0, 0, 1]}", "`[initial] amplitudes.spins` must have norm 1"),
        ("1", "`[initial] amplitudes` must be a list of numbers, but it is 1"),
        ("{up = [1, 0, 0, 0, 0]}", "`[initial] amplitudes` must have one entry for each block"),
    ):
        with pytest.raises(ArgumentError) as caught:
            points(initial={**SYMMETRIC, "amplitudes": wrong})
        assert str(caught.value).startswith(f"Argument {message}")


def test_a_kind_that_no_state_of_the_model_is_of(points):
    """The section has no key ``model``: what does not fit is the kind."""
    model = {"system": '"lambda_pump"', "size": "4", "omega": "1", "kappa": "5", "gamma": "1"}
    with pytest.raises(ArgumentError) as caught:
        points(model=model, initial=SYMMETRIC)
    assert str(caught.value).startswith("Argument `[initial] kind` must fit the model, which must have two levels per ")


def test_a_run_file_gives_what_simulate_gives(tmp_path):
    """Bit by bit; what was asked for is shown before and after, and another request is another run."""
    path, results = tmp_path / "run.toml", tmp_path / "results"
    asked = {
        "observables": '{zz = "spins.z * spins.z", up = [{spins = [[1, 0], [0, 0]]}]}',
        "distributions": "[0.5, 1]",
    }
    text = run_text(flips(4), n_traj=20, seed=3, burn_in=0.25, **asked).replace(
        'kind = "tilted"\ntheta = 1.1\nphi = 0.4', "\n".join(f"{k} = {v}" for k, v in SYMMETRIC.items())
    )
    path.write_text(text, encoding="utf-8")
    before, _ = invoke("show", path)
    invoke("run", path)
    after, _ = invoke("show", results)
    for out in (before, after):
        assert "observables   zz, up\n" in out
        assert "distributions of M at t = 0.5, 1\n" in out

    (result,) = cj.load(results)
    model = cj.systems.constrained(4, 0.7, 1.3, 0.8)
    expected = cj.simulate(
        model,
        cj.symmetric(model, {"spins": [0.6, 0, 0, 0, 0.8j]}),
        result.times,
        n_traj=20,
        seed=3,
        burn_in=0.25,
        observables={"zz": [({"spins": Z}, {"spins": Z})], "up": [{"spins": UP}]},
        distributions=[0.5, 1.0],
    )
    assert result.observables.labels == ("zz", "up")
    for name in ("observables", "stationary_observables"):
        for part in ("mean", "stderr"):
            np.testing.assert_array_equal(
                getattr(getattr(result, name), part), getattr(getattr(expected, name), part), err_msg=name
            )
    here, there = (r.distribution("spins") for r in (result, expected))
    np.testing.assert_array_equal(here.probability, there.probability)

    path.write_text(text.replace("spins.z * spins.z", "spins.x * spins.z"), encoding="utf-8")
    _, err = invoke("run", path, status=2)
    assert "[run] observables is {zz = " in err
    path.write_text(text.replace('"spins.z * spins.z"', '[["spins.z", 1, "spins.z"]]'), encoding="utf-8")
    _, err = invoke("run", path, status=2)
    assert "[run] observables is" in err


STATES = """
[run.distribution_of]
jx = "0.5 * spins.x"
up = {spins = [[1, 0], [0, 0]]}
[run.squeezing]
twice = {spins = -2.0}
[run.callbacks]
purity = "functions.py:purity"
J = "functions.py:J"
"""

FUNCTIONS = """
import numpy as np

def purity(state):
    r = state.reduced({"spins": 1})
    return np.trace(r @ r).real

def J(state):
    return [state.sector("spins"), state.time]
"""


def test_what_is_read_off_states_is_that_of_the_same_call(tmp_path):
    """Bit by bit, over an interruption too; it is shown; another function is another run."""
    path, results = tmp_path / "run.toml", tmp_path / "results"
    (tmp_path / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    text = run_text(flips(4), n_traj=10, chunk=4, seed=3, reduced="{spins = 3}") + STATES
    path.write_text(text, encoding="utf-8")
    before, _ = invoke("show", path)
    invoke("run", path)
    after, _ = invoke("show", results)
    for out in (before, after):
        assert "distributions of jx, up at" in out
        assert "particles     3 of spins\n" in out
        assert "squeezing     of twice besides\n" in out
        assert "callbacks     purity, J\n" in out
    path.write_text(text.replace("n_traj = 10", "n_traj = 16"), encoding="utf-8")
    invoke("run", path)
    (result,) = cj.load(results)

    names = {}
    exec(FUNCTIONS, names)
    model = cj.systems.constrained(4, 0.7, 1.3, 0.8)
    expected = cj.simulate(
        model,
        cj.tilted(model, 1.1, 0.4),
        result.times,
        n_traj=16,
        chunk=4,
        seed=3,
        distribution_of={"jx": {"spins": X / 2}, "up": {"spins": UP}},
        squeezing={"twice": {"spins": -2.0}},
        reduced={"spins": 3},
        callbacks={"purity": names["purity"], "J": names["J"]},
    )
    for read in (
        lambda r: r.distribution("jx").probability,
        lambda r: r.distribution("up").stderr,
        lambda r: cj.reduced.particles(model, r, {"spins": 3}).stderr,
        lambda r: r.callback("purity").mean,
        lambda r: r.callback("J").mean,
        lambda r: r.squeezing["twice"].mean,
    ):
        np.testing.assert_array_equal(read(result), read(expected))
    assert result.callback("J").mean.shape == (5, 2)

    (tmp_path / "functions.py").write_text(FUNCTIONS.replace("r @ r", "r"), encoding="utf-8")
    _, err = invoke("run", path, status=2)
    assert "callbacks 'purity' of another state is" in err


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"callbacks": '{f = "none.py:f"}'}, "`[run.callbacks] f` must name a file that can be read"),
        (
            {"callbacks": '{f = "functions.py:g"}'},
            "`[run.callbacks] f` must name a function of functions.py (it has f, nan)",
        ),
        ({"callbacks": '{f = "functions"}'}, "`[run.callbacks] f` must be a known name or a function such as"),
        ({"callbacks": "{f = 1}"}, "`[run] callbacks` must be a table such as"),
        ({"callbacks": '{f = "functions.py:nan"}'}, "`[run] callbacks['f']` must return a finite real number"),
        ({"distribution_of": '{x = "spins.z * spins.z"}'}, '`[run] distribution_of."x"` must be one average'),
        ({"distribution_of": '{x = "spins.q"}'}, "must name averages among spins.x"),
        ({"reduced": "3"}, "`[run] reduced` must be a table such as {spins = 3}"),
        ({"reduced": "{spins = 5}"}, "`[run] reduced['spins']` must be an integer within 1 and 4, but it is 5"),
        ({"squeezing": "{a = 1}"}, "`[run] squeezing` must be a table such as"),
        ({"squeezing": '{a = {spins = "x"}}'}, '`[run] squeezing."a"."spins"` must be a finite number'),
        ({"squeezing": "{a = {q = 1}}"}, "`[run] squeezing['a']` must have blocks of two levels as keys"),
    ],
)
def test_what_is_read_off_states_is_refused_in_one_line(points, tmp_path, run, message):
    (tmp_path / "functions.py").write_text("def f(state):\n    return 1\ndef nan(state):\n    return float('nan')\n")
    with pytest.raises(ArgumentError) as caught:
        points(**run)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("system", TEMPLATES)
def test_every_comment_of_a_template_can_be_used(system, tmp_path):
    """Each option that a run file to start from has as a comment, without its mark; with a small model."""
    path = tmp_path / "run.toml"
    lines = run_file_for(system).splitlines()
    options = lines[lines.index("[run]") :]
    for mark in (line for line in options if line.startswith("# ") and " = " in line):
        name = mark.removeprefix("# ").partition(" = ")[0]
        others = [line for line in lines if line is not mark]
        extra = ["target_error = 0.1"] if name == "min_traj" else []
        path.write_text("\n".join([*others, mark.removeprefix("# "), *extra]), encoding="utf-8")
        run_file = read_run_file(path, ["model.size=6"])
        point_of(run_file, run_file.points()[0])


@pytest.mark.parametrize("system", TEMPLATES)
def test_the_drive_of_a_template_can_be_used(system, tmp_path):
    """The lines from "# [drive.KEY]" on, without their marks: a ramp of that key."""
    path = tmp_path / "run.toml"
    lines = run_file_for(system).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("# [drive."))
    last = next(place for place in range(first, len(lines)) if not lines[place])
    lines[first:last] = [line.removeprefix("# ") for line in lines[first:last]]
    path.write_text("\n".join(lines), encoding="utf-8")
    run_file = read_run_file(path, ["model.size=6"])
    model = point_of(run_file, run_file.points()[0]).model
    assert any(term.envelope is not None for term in (*model.hamiltonian, *model.jumps))
