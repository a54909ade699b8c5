"""Run files, sizes, encodings and figures as a hostile or an unlucky user has them: one line soon, or it works."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_matrix

import cojump as cj
from cojump.errors import ArgumentError
from cojump.jobs.run_file import read_run_file
from cojump.report.figures import averages_figure, deviation_figure, write_figures
from cojump.tools import checks
from tests.support.command_line import environment, invoke
from tests.support.longer import few
from tests.support.run_files import flips, run_text, text_of
from tests.support.synthetic import make_result

S = "spins"
X, Z, DOWN = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.array([[0, 0], [1, 0]])


class Qobj:
    def __init__(self, matrix):
        self.matrix, self.shape = np.asarray(matrix), np.asarray(matrix).shape

    def full(self):
        return self.matrix

    def __repr__(self):
        return "Quantum object\nQobj data =\n" + str(self.matrix)


def exactly(matrix):
    """The same in fractions."""
    return [[Fraction(round(1e6 * x.real), 10**6) + round(x.imag, 6) * 1j for x in row] for row in np.asarray(matrix)]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.longdouble, object])
def test_numbers_of_any_precision_become_double_ones(kind):
    made = checks.array("x", np.array([1, 0.5], dtype=kind))
    assert made.dtype == float
    assert made.tolist() == [1.0, 0.5]
    assert checks.array("x", [Fraction(1, 4), 10**30]).tolist() == [0.25, 1e30]
    assert checks.array("x", np.array([2**40, -1])).dtype.kind == "i"
    for wrong in ([True, Fraction(1, 2)], [0.5, None], np.array([0.5, "1"], dtype=object), [10**400], [10**60]):
        with pytest.raises(ArgumentError, match="`x` must"):
            checks.array("x", wrong)


def test_sparse_qutip_and_column_forms_are_matrices_and_kets():
    def model(form):
        return cj.Model(
            [cj.Block(S, 4)],
            [cj.OneBody(form(X), S), cj.TwoBody(form(Z), form(Z), 0.3, (S, S))],
            [cj.LocalJump(form(DOWN), S, rate=np.exp, argument={S: form(Z)}), cj.CollectiveJump({S: form(DOWN)}, 0.5)],
            {"m": {S: form(Z)}},
        )

    plain = model(np.array)
    ket = np.array([0.6, 0.8j])
    expected = cj.mean_field(plain, cj.product(plain, {S: ket}), [0, 1]).mean
    single = partial(np.asarray, dtype=np.complex64)
    for form in (csr_matrix, coo_array, Qobj, lambda m: m.tolist(), single, exactly, np.asfortranarray):
        made = model(form)
        for state in (ket[:, None], Qobj(ket[:, None]), csr_matrix(ket[:, None]), form(np.outer(ket, ket.conj()))):
            found = cj.mean_field(made, cj.product(made, {S: state}), [0, 1]).mean
            assert np.allclose(found, expected, atol=1e-12)
    amplitudes = np.eye(5)[:, 1:2]
    assert cj.symmetric(plain, {S: Qobj(amplitudes)}).blocks[0].density[0, 0] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: cj.LocalJump(DOWN, S, rate=np.exp), "`argument` must be given together with `rate`"),
        (lambda: cj.LocalJump(DOWN, S, amplitude=np.exp), "`argument` must be given together with `amplitude`"),
        (lambda: cj.OneBody(Qobj(np.ones((2, 3))), S), "`eps` must be a square matrix"),
        (lambda: cj.OneBody([["1", "2"], ["2", "1"]], S), "`eps` must be a matrix of numbers"),
        (
            lambda: cj.OneBody(np.ma.masked_array(X, mask=Z > 0), S),
            "`eps` must be a matrix of numbers, but it is masked",
        ),
        (lambda: cj.OneBody([np.ma.masked_array([1, 0], [0, 1]), [0, 1]], S), "`eps` .* it is masked"),
        (lambda: cj.OneBody(X.astype(bool), S), "`eps` must be a matrix of numbers, but it is an array of dtype bool"),
        (lambda: cj.OneBody(csr_matrix((10**6, 10**6)), S), r"`eps` .* its shape is \(1000000, 1000000\)"),
        (lambda: cj.systems.hopfield([["+1"]], 1, 1), "`patterns` must be an array"),
        (lambda: cj.systems.hopfield(np.ones((1, 4)), 1, 1, exclude_self="no"), "`exclude_self` must be True or False"),
        (
            lambda: cj.occupation(cj.systems.lambda_pump(4, 1, 1, 1), {"particles": [2**63 - 1, 2**63 - 1, 6]}),
            r"`states\['particles'\]` must add up to 4 particles, but the sum is 18446744073709551620",
        ),
    ],
)
def test_the_argument_is_named_as_it_was_written(make, line):
    with pytest.raises(ArgumentError, match=line) as caught:
        make()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_terms_keep_their_matrices_under_the_names_of_the_arguments():
    one, two, jump = cj.OneBody(X, S), cj.TwoBody(X, Z, 0.3, (S, S)), cj.LocalJump(DOWN, S)
    assert np.array_equal(one.eps, X)
    assert np.array_equal(two.A, X)
    assert np.array_equal(two.B, Z)
    assert two.g == 0.3
    assert np.array_equal(jump.j, DOWN)
    assert repr(one) == "<OneBody σ_x on spins>"


def test_figures_that_are_missing_name_what_they_need():
    model = cj.systems.lambda_pump(2, 1.0, 1.0, 1.0)
    result = cj.simulate(model, cj.product(model, {"particles": [1, 0, 0]}), [0.0, 0.1], n_traj=2)
    for name, line in (
        ("stationary", "give `burn_in` or `window`"),
        ("spin", "belong to a block of two levels"),
        ("squeezing", "belong to a block of two levels"),
        ("order", "belong to a model with order parameters"),
        ("observables", "give `observables`"),
    ):
        with pytest.raises(ArgumentError, match=line):
            getattr(result, name)


def test_times_that_rounding_has_moved_are_output_times():
    times = np.linspace(0, 1, 11)
    assert 0.3 not in times
    assert checks.output_times("distributions", [0.3, 0.7 + 1e-15], times).tolist() == [3, 7]
    model = cj.systems.free_flips(2, 1.0, 1.0, 1.0)
    result = cj.simulate(model, cj.tilted(model, 1, 0), times, n_traj=2, distributions=[0.3])
    assert result.distribution(S).times == times[3]
    with pytest.raises(ArgumentError, match=r"`distributions` must hold output times only, but 0\.35 is none"):
        checks.output_times("distributions", [0.35], times)


def test_many_particles_are_refused_from_their_number():
    began = time.monotonic()
    model = cj.systems.constrained(10**9, 1.0, 1.0, 1.0)
    mixed = cj.product(model, {S: np.eye(2) / 2})
    calls = [
        lambda: cj.simulate(model, cj.tilted(model, 1, 0), [0, 1], n_traj=1),
        lambda: cj.master_equation(model, cj.tilted(model, 1, 0), [0, 1]),
        lambda: cj.master_equation(model, mixed, [0, 1]),
        lambda: cj.steady_state(model),
        lambda: cj.systems.random_patterns(3, 10**9, 0),
        lambda: cj.systems.free_flips(10**16, 1.0, 1.0, 1.0),
        lambda: cj.systems.free_flips(10**5000, 1.0, 1.0, 1.0),
    ]
    for call in calls:
        with pytest.raises(ArgumentError):
            call()
    assert np.isfinite(cj.mean_field(model, mixed, [0, 1]).mean).all()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("levels", "size"), [(40, 1), (60, 50)])
def test_many_levels_are_refused_in_one_line(levels, size):
    began = time.monotonic()
    unit = np.eye(levels)
    jump = cj.LocalJump(np.outer(unit[0], unit[1]), "a", amplitude=np.cos, argument={"a": np.diag(np.arange(levels))})
    model = cj.Model([cj.Block("a", size, levels)], [cj.OneBody(unit, "a")], [jump])
    state = cj.product(model, {"a": unit[1]})
    calls = [
        lambda: cj.simulate(model, state, [0, 1], n_traj=1),
        lambda: cj.master_equation(model, state, [0, 1]),
        lambda: cj.steady_state(model),
        lambda: cj.mean_field(model, state, [0, 1]).covariance,
    ]
    for call in calls:
        with pytest.raises((ArgumentError, cj.UnsupportedError)) as caught:
            call()
        assert len(str(caught.value)) < 300
    with pytest.raises(ArgumentError, match="`levels` must be an integer within 2 and 64, but it is 65"):
        cj.Block("a", 2, 65)
    assert time.monotonic() - began < 10


def refusal(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.monotonic()
    with pytest.raises(ArgumentError) as caught:
        read_run_file(path).points()
    assert time.monotonic() - began < 5
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    return str(caught.value)


def test_run_files_beyond_all_bounds(tmp_path):
    path = tmp_path / "run.toml"
    values = [i / 1000 for i in range(1000)]
    model = {**flips(4), "omega": values, "rate_up": values, "rate_down": values}
    assert "the lists make 1000 x 1000 x 1000 = 1,000,000,000" in refusal(path, run_text(model, n_traj=2))
    assert "thousands of digits" in refusal(path, run_text(flips("9" * 5000), n_traj=2))
    assert "`[model] size` must be" in refusal(path, run_text(flips("9" * 4000), n_traj=2))
    assert "deep" in refusal(path, run_text(flips(4), n_traj=2) + ".".join("a" * 3000) + " = 1\n")
    deep = run_text(flips(4), n_traj=2) + f"{'.'.join('a' * 300)} = 1\n"
    assert "must" in refusal(path, deep)
    assert "nested too deeply" in refusal(path, run_text(flips("[" * 3000 + "]" * 3000), n_traj=2))
    hopfield = {"system": '"hopfield"', "size": 10**9, "omega": 1.0, "beta": 1.0}
    path.write_text(run_text(hopfield, n_traj=2))
    with pytest.raises(ArgumentError, match=r"`\[model\] size` must leave at most .* entries"):
        read_run_file(path).points()[0].build()


def test_run_files_and_modules_may_begin_with_a_mark(tmp_path):
    module = "import cojump\ndef build(size):\n    return cojump.systems.free_flips(size, 1.0, 1.0, 1.0)\n"
    (tmp_path / "my.py").write_text(module, encoding="utf-8-sig")
    path = tmp_path / "run.toml"
    path.write_text(run_text({"system": '"my.py:build"', "size": 3}, n_traj=2), encoding="utf-8-sig")
    run_file = read_run_file(path)
    assert run_file.points()[0].build()[0].size == 3
    assert run_file.text.startswith("[model]")


def test_pipes_and_devices_are_no_run_files_and_no_modules(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    os.mkfifo(tmp_path / "pipe.py")
    assert "it is a pipe, not a file" in invoke("run", tmp_path / "pipe.toml", status=2)[1]
    assert "it is a device or a socket, not a file" in invoke("show", "/dev/zero", status=2)[1]
    path = tmp_path / "run.toml"
    path.write_text(run_text({"system": '"pipe.py:build"', "size": 3}, n_traj=2))
    assert "it is a pipe, not a file" in invoke("show", path, status=2)[1]


def test_states_are_named_by_the_keys_of_the_run_file(tmp_path):
    sections = {"times": {"end": 1.0, "steps": 2}, "run": {"n_traj": 2}, "model": flips(4)}
    for initial, name in (
        ({"kind": '"product"', "ket": "[1.0, 1.0]"}, "[initial] ket"),
        ({"kind": '"product"', "ket.spins": "[1.0, 1.0]"}, "[initial] ket.spins"),
        ({"kind": '"product"', "density.spins": "[[1.0, 0.0], [0.0, 1.0]]"}, "[initial] density.spins"),
        ({"kind": '"dicke"', "J.spins": "2.5", "M.spins": "0.0"}, "[initial] J.spins"),
        ({"kind": '"dicke"', "J": "2.0", "M": "3.0"}, "[initial] M"),
        ({"kind": '"occupation"', "particles": "[1, 2]"}, "[initial] particles"),
    ):
        path = tmp_path / "run.toml"
        path.write_text(text_of(initial=initial, **sections))
        with pytest.raises(ArgumentError) as caught:
            read_run_file(path).points()[0].build()
        assert caught.value.name == name


TEXTS = ("π$\\frac{", "$x_1$", "a\\", "[bold]", "日本")


@pytest.mark.validation
def test_any_text_in_a_figure(tmp_path, monkeypatch):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nbackend: tkagg\nlines.linewidth: 9\n")
    texts = {f"{text}": text for text in TEXTS}
    results = [make_result(50, n_times=3, keep=0, blocks=("$\\frac",), parameters={"size": 50, **texts})]
    results.append(make_result(50, n_times=3, keep=0, blocks=("$\\frac",), parameters={TEXTS[2]: "$"}))
    files = write_figures(results, tmp_path)
    code = (
        "import sys, pickle; from pathlib import Path; from cojump.report.figures import write_figures; "
        "write_figures(pickle.loads(sys.stdin.buffer.read()), sys.argv[1])"
    )
    other = tmp_path / "other"
    other.mkdir()
    extra = {"MPLBACKEND": "inline", "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(other)],
        input=pickle.dumps(results),
        env=environment(**extra),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr
    for file in files:  # neither a notebook's back end nor a user's settings change them
        assert (other / file.name).read_bytes() == file.read_bytes()


def test_legends_stay_inside():
    many = [
        make_result(50, n_times=3, keep=0, parameters={"size": 50, "omega": i / 7, "a long name": i}) for i in range(20)
    ]
    for results in (many, [make_result(10 * i, n_times=3, keep=0) for i in range(1, 9)]):
        for draw in (averages_figure, deviation_figure):
            figure = draw(results)
            figure.draw_without_rendering()
            box = figure.legends[0].get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1
            assert box.y1 <= figure.bbox.y1
            assert figure.axes[0].get_window_extent().height > 0.2 * figure.bbox.height / (len(figure.axes) // 3 or 1)
            # more than six curves: a bar of colours, no name for each
            assert not [t for t in figure.legends[0].get_texts() if t.get_text().startswith("$N =")]
            (bar,) = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
            assert bar.get_tightbbox().x1 <= figure.bbox.x1


def test_averages_of_more_levels_are_drawn_or_named():
    model = cj.systems.lambda_pump(3, 1.0, 1.0, 1.0)
    times = np.linspace(0, 2, 9)
    ket = np.array([0.6, 0.48 * np.exp(0.3j), 0.64 * np.exp(1.1j)])
    moving = cj.simulate(
        model,
        cj.product(model, {"particles": ket}),
        times,
        n_traj=4,
    )
    assert [axes.get_ylabel() for axes in averages_figure([moving]).axes if "langle" in axes.get_ylabel()] == [
        f"$\\langle {label[0]}_{{{label[1:]}}}\\rangle$"
        for label in ("n0", "n1", "n2", "x01", "y01", "x02", "y02", "x12", "y12")
    ]
    still = cj.simulate(model, cj.product(model, {"particles": [1, 0, 0]}), times, n_traj=4)
    figure = averages_figure([still])
    assert sum("langle" in axes.get_ylabel() for axes in figure.axes) == 3
    text = " ".join(figure._supxlabel.get_text().split())
    left = ("n1", "x01", "y01", "x02", "x12", "y12")
    assert text == "always zero, left out: " + ", ".join(f"particles.{label}" for label in left)


@pytest.mark.parametrize("encoding", few(["ascii", "latin-1"], "ascii"))
def test_commands_write_into_any_encoding(tmp_path, encoding):
    path = tmp_path / "run.toml"
    path.write_text(run_text({**flips(3), "omega": [0.1, 0.2]}, end=0.5, steps=2, n_traj=4), encoding="utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(run_text({**flips(3), "omgå": 1}, n_traj=4), encoding="utf-8")
    extra = {"PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    commands = [["show", path], ["new", "hopfield"], ["show", wrong]]
    if encoding == "ascii":  # the longer ones once
        commands = [["run", path], ["report", tmp_path / "results"], *commands]
    script = (
        "import sys; from cojump.cli import cli; from cojump.tools.terminal import settle; settle()\n"
        "for line in sys.argv[1:]:\n"
        "    try: cli(line.split('|'), 'cojump')\n"
        "    except SystemExit as stop: print('status', stop.code)\n"
    )
    lines = ["|".join(map(str, command)) for command in commands]
    done = subprocess.run(
        [sys.executable, "-c", script, *lines], env=environment(**extra), capture_output=True, timeout=200, check=False
    )
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert "Traceback" not in err
    statuses = [line for line in out.splitlines() if line.startswith("status")]
    assert statuses == ["status 0"] * (len(commands) - 1) + ["status 2"]
    if encoding == "ascii":
        assert "+- " in out
        assert "\\u" not in out
        assert "sigma_x" in out


def test_what_a_terminal_would_obey_is_escaped():
    from cojump.errors import printable

    assert printable("a\x1b[31m\x9b\u202e\udcff") == "a\\x1b[31m\\x9b\\u202e\\udcff"
    assert printable("Γ σ_x ≤ 2") == "Γ σ_x ≤ 2"


@pytest.mark.parametrize("name", ["a\0b", "a\ud800", "", 3])
def test_names_that_no_file_can_hold_are_refused_before_the_run(name):
    """HDF5 has no texts with NUL or with half of a character: such a name once ended in a traceback of `save`."""
    model = cj.systems.free_flips(3, 0.7, 1.3, 0.8)
    start = cj.tilted(model, 1, 0)
    asked = {
        "squeezing": {S: 1.0},
        "distribution_of": {S: X},
        "observables": [{S: X}],
        "callbacks": lambda state: 1.0,
    }
    for option, value in asked.items():
        with pytest.raises(ArgumentError, match=f"`{option}` must have names .*as keys, but one is"):
            cj.simulate(model, start, [0.0], n_traj=1, **{option: {name: value}})
    with pytest.raises(ArgumentError, match=r"`order_parameters` must have names .*as keys, but one is"):
        cj.Model(model.blocks, order_parameters={name: {S: X}})


def test_an_observable_without_terms_is_none():
    model = cj.systems.free_flips(3, 0.7, 1.3, 0.8)
    with pytest.raises(ArgumentError, match=r"`observables\['a'\]` must have at least one term, but it has none"):
        cj.simulate(model, cj.tilted(model, 1, 0), [0.0], n_traj=1, observables={"a": []})
