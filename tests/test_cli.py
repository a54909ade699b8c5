"""The command line: what it prints, where, with which status; and that nobody ever sees a traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cojump
from cojump import cli as cli_module
from cojump.errors import ConvergenceError
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.templates import TEMPLATES
from cojump.storage.envelope import SCHEMA
from cojump.storage.result_file import load, save_results
from cojump.tools.progress import ProgressBar, ProgressLines, make_progress
from cojump.trajectories.compilation import warm_up
from cojump.trajectories.kernel_cache import kernels_in_use
from tests.support import hooks
from tests.support.command_line import environment, invoke
from tests.support.run_files import flips, run_text

RUN = run_text(flips([4, 8]), n_traj=10, seed=7, chunk=4, keep=2)


@pytest.fixture
def run_toml(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN, encoding="utf-8")
    return path


def refusal(*arguments):
    """The one line of a command that is refused."""
    out, err = invoke(*arguments, status=2)
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("cojump: ")
    return err.removeprefix("cojump: ").rstrip("\n")


@pytest.mark.parametrize(
    ("code", "libraries"),
    [
        ("import cojump; cojump.__version__, dir(cojump)", set()),
        ("sys.argv = ['cojump', '--help']; import cojump.cli; cojump.cli.main()", {"click"}),
        ("sys.argv = ['cojump', '--version']; import cojump.cli; cojump.cli.main()", {"click"}),
    ],
    ids=["import", "help", "version"],
)
def test_what_is_loaded_at_the_start(code, libraries):
    """No library that takes time, and of Python's own none that loads cryptography, nor paths and tracebacks."""
    code = f"import sys\nbefore = set(sys.modules)\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    code += "print('loaded:', *(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert done.stderr == ""
    assert "--help" not in code or done.stdout.startswith("Usage: ")
    assert "--version" not in code or done.stdout.startswith(f"cojump {cojump.__version__}\n")
    loaded = {name.partition(".")[0] for name in done.stdout.rpartition("loaded:")[2].split()}
    assert loaded - sys.stdlib_module_names == {"cojump"} | libraries
    assert not loaded & {"secrets", "hashlib", "asyncio", "multiprocessing", "pathlib", "traceback"}


def test_one_thread_per_process_unless_told_otherwise(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    seen = {}
    monkeypatch.setattr(cli_module, "cli", lambda: seen.update(os.environ))
    cli_module.main()
    assert seen["OMP_NUM_THREADS"] == "3"
    assert seen["NUMBA_NUM_THREADS"] == seen["MKL_NUM_THREADS"] == seen["OPENBLAS_NUM_THREADS"] == "1"


@pytest.mark.parametrize("system", TEMPLATES)
def test_new_prints_a_valid_run_file(system, tmp_path):
    out, err = invoke("new", system)
    assert err == ""
    path = tmp_path / "run.toml"
    path.write_text(out, encoding="utf-8")
    assert read_run_file(path).model.builder.system == system
    out, _ = invoke("show", path)
    assert system in out


def test_new_for_a_function_of_my_own(tmp_path, monkeypatch):
    """A file that is not there is written, to a model and a run file that run as they are; one that is there stays."""
    monkeypatch.chdir(tmp_path)
    out, err = invoke("new", "my_model.py:make")
    assert err == "cojump: my_model.py was not there; it holds a model to start from now\n"
    Path("run.toml").write_text(out, encoding="utf-8")
    assert "gamma = 1.0                  # every spin falls at the rate gamma (1 + m_z)²" in out
    invoke("run", "run.toml", "--set", "run.n_traj=8", "--set", "model.size=4", "--set", "times.steps=2")
    (result,) = cojump.load("results")
    assert result.n_traj == 8
    assert result.model().size == 4, "its rate is a class of the stored file"
    before = Path("my_model.py").read_bytes()
    assert invoke("new", "my_model.py:make") == (out, "")
    assert Path("my_model.py").read_bytes() == before


TWO = '''
import cojump as cj
import numpy as np


def build(size, kappa: float, omega=0.5, deep=True, levels=None, pair=(1, 2), kind="x", n: int = 3, **rest):
    """Two \x07things.

    Parameters
    ----------
    size, kappa : float
        N "of all"
    """
    blocks = [cj.Block("a b", int(size)), cj.Block("c", n, levels=3), cj.Mode("m")]
    jumps = [cj.ModeLoss(kappa, "m", name="loss"), cj.LocalJump(cj.operators.sigma_minus, "a b")]
    return cj.Model(blocks, [cj.OneBody(omega * np.eye(3), "c"), cj.ModeDrive(omega, "m")], jumps)


def wrong(x, y=3):
    raise ValueError("no\\nline")
'''


def test_new_says_what_a_function_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("two.py").write_text(TWO, encoding="utf-8")
    out, _ = invoke("new", "two.py:build")
    for line in (
        "# Two \\x07things.",
        'size = 20                    # N "of all"; has no default: give a value',
        "omega = 0.5",
        "deep = true",
        "# levels = ...               # the default is None",
        "# pair = ...                 # the default is (1, 2); a list makes a sweep",
        'kind = "x"',
        'ket = {"a b" = [1, 0], c = [1, 0, 0]}',
        "alpha = {m = 0.0}  # coherent states |√N α>",
        "# [drive.kappa]              # kappa times f(t)",
        '# unravelling = {"loss" = {',
    ):
        assert f"\n{line}" in f"\n{out}", line
    Path("run.toml").write_text(out, encoding="utf-8")
    assert "two.py:build" in invoke("show", "run.toml")[0]
    out, _ = invoke("new", "two.py:wrong")
    assert "With these values there is no model yet: " in out
    assert "raises ValueError: no line" in out
    assert "ket = {BLOCK = [1, 0]}" in out
    for system, message in {
        "two.py:none": "it has build, wrong",
        "nowhere/x.py:f": "name a file that can be read",
        "two.py:2": 'a function such as "my_model.py:build"',
        ":": 'a function such as "my_model.py:build"',
    }.items():
        said = invoke("new", system, status=2)[1]
        assert message in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.toml"], "cannot read nowhere.toml: No such file or directory"),
        (["run", "."], "cannot read .: Is a directory"),
        (["run"], "Missing argument 'FILE'."),
        (["rum"], "No such command 'rum'."),
        (["run", "--fast", "x.toml"], "No such option '--fast'."),
        (["report", "nowhere"], "cannot read nowhere: No such file or directory"),
        (["show", "nowhere.toml"], "cannot read nowhere.toml: No such file or directory"),
        (["show", "nowhere.h5"], "cannot read nowhere.h5: No such file or directory"),
        (
            ["new", "hopfeild"],
            'Argument `SYSTEM` must be one of "free_flips", "constrained", "facilitated", "hopfield", '
            '"potts_hopfield", "lambda_pump", "p_spin", "boundary_time_crystal", "dicke", '
            '"tavis_cummings", "multimode_dicke", or a function such as "my_model.py:build", but it is "hopfeild"; '
            'did you mean "hopfield"?',
        ),
    ],
)
def test_wrong_commands_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(*arguments).startswith(message)


@pytest.mark.parametrize("command", ["run", "show"])
def test_a_wrong_run_file_is_one_line(command, run_toml):
    run_toml.write_text(RUN.replace("0.7", '"0.7"'), encoding="utf-8")
    assert refusal(command, run_toml) == 'Argument `[model] omega` must be a finite number, but it is "0.7"'
    run_toml.write_text(RUN.replace("[4, 8]", "0"), encoding="utf-8")
    assert refusal(command, run_toml) == "Argument `[model] size` must be an integer of at least 1, but it is 0"
    assert not (run_toml.parent / "results").exists(), "nothing is made before everything is checked"


def test_show_a_sweep_with_a_point_that_cannot_be_run(run_toml):
    run_toml.write_text(RUN.replace("omega = 0.7", "omega = [0.7, nan]"), encoding="utf-8")
    assert "must be a finite number" in refusal("show", run_toml), "wrong in the file itself"
    (run_toml.parent / "mine.py").write_text(
        "import cojump as cj\n\n"
        "def build(size, omega):\n"
        "    if size == 8:\n        raise ValueError('no eight')\n"
        "    return cj.systems.free_flips(size, omega, 1.0, 1.0)\n",
        encoding="utf-8",
    )
    lines = [line for line in RUN.splitlines() if not line.startswith("rate_")]
    text = "\n".join(lines).replace('"constrained"', '"mine.py:build"')
    run_toml.write_text(text, encoding="utf-8")
    out, err = invoke("show", run_toml, status=3)
    assert err == ""
    assert "2, of which 1 cannot be run" in out
    assert "size = 8 cannot be run: Argument `[model] system` must name a function that works" in out
    assert "no eight" in out
    run_toml.write_text(text.replace("[4, 8]", "8"), encoding="utf-8")
    assert "no eight" in refusal("show", run_toml)


def test_show_refuses_a_target_that_run_refuses(run_toml):
    run_toml.write_text(RUN + "target_error = {nothing.z = 0.1}\n", encoding="utf-8")
    assert "must name averages among spins.x" in refusal("show", run_toml)


def test_show_a_run_file(run_toml):
    out, err = invoke("show", run_toml)
    assert err == ""
    for fact in ("constrained", "5 output times, 0 to 1", "10 per point, in 3 chunks of up to 4; 2 kept"):
        assert fact in out
    for point in read_run_file(run_toml).points():
        assert str(point.seed) in out


def test_run_report_show(run_toml):
    directory = run_toml.parent / "results"
    out, err = invoke("run", run_toml)
    path = directory / "result.h5"
    assert out == f"cojump: 2 points in {path}; tables and figures: cojump report {directory}\n"
    assert err.startswith("cojump: ")
    assert "20/20 trajectories" in err
    results = load(directory)
    assert [dict(r.parameters) for r in results] == [{"size": 4}, {"size": 8}]
    assert results.origin.run_file == RUN
    assert [r.seed for r in results] == [p.seed for p in read_run_file(run_toml).points()]
    assert [len(r.trajectories) for r in results] == [2, 2]

    out, _ = invoke("report", directory, drawn=True)
    assert "2 points of 10 trajectories, at t = 1\n" in out
    assert [line.split()[0] for line in out.splitlines()[3:5]] == ["4", "8"]
    full, _ = invoke("report", directory, "--full")
    assert "N = 4, 10 trajectories" in full
    assert "N = 8, 10 trajectories" in full
    for name in ("averages", "deviation"):
        for kind in ("png", "pdf"):
            assert f"figure: {directory / name}.{kind}\n" in out
            assert (directory / f"{name}.{kind}").stat().st_size > 1000

    for place in (directory, path):
        out, _ = invoke("show", place)
        assert f"cojump {cojump.__version__}, schema {SCHEMA}" in out
        assert f"{results[0].n_jumps / 10:.4g}" in out
        assert str(results[1].seed) in out


def test_a_point_is_what_simulate_gives(run_toml):
    """The stored seed is enough to reproduce a point."""
    invoke("run", run_toml)
    stored = load(run_toml.parent / "results").select(size=8)[0]
    model = cojump.systems.constrained(8, 0.7, 1.3, 0.8)
    state = cojump.tilted(model, 1.1, 0.4)
    again = cojump.simulate(model, state, stored.times, n_traj=10, seed=stored.seed, chunk=4)
    assert again.moments.mean.tobytes() == stored.moments.mean.tobytes()
    assert again.moments.comoment.tobytes() == stored.moments.comoment.tobytes()


def test_the_same_command_again_resumes(run_toml):
    directory = run_toml.parent / "out"
    invoke("run", run_toml, "-o", directory)
    path = directory / "result.h5"
    complete = load(path)
    out, err = invoke("run", run_toml, "-o", directory)
    assert out == f"cojump: complete, 2 points in {path}; tables and figures: cojump report {directory}\n"
    assert err == ""

    save_results(path, complete[:1], run_file=RUN, overwrite=True)
    run_toml.write_text("# a comment changes nothing\n" + RUN + "tolerance = 1e-9\n", encoding="utf-8")
    out, err = invoke("run", run_toml, "-o", directory)
    assert out.startswith("cojump: 1 of 2 points there already, running the rest\n")
    assert "10/10 trajectories" in err
    resumed = load(path)
    for one, two in zip(complete, resumed, strict=True):
        assert one.moments.comoment.tobytes() == two.moments.comoment.tobytes()
        assert one.parameters == two.parameters


def test_each_finished_point_is_stored(run_toml, monkeypatch):
    """A job that fails in its last point keeps the ones before it, and goes on from there."""
    import cojump.ensemble.run

    real = cojump.ensemble.run.run_chunks

    def failing(points, folds, **options):
        real({1: points[1]}, {1: folds[1]}, **options)
        raise ConvergenceError("the step does not converge\nat t = 0.5")

    with monkeypatch.context() as patch:
        patch.setattr(cojump.ensemble.run, "run_chunks", failing)
        _, err = invoke("run", run_toml, status=2)
    assert err.splitlines()[-1] == "cojump: the step does not converge at t = 0.5"
    directory = run_toml.parent / "results"
    assert [r.n_particles for r in load(directory)] == [8]
    invoke("run", run_toml)
    assert [r.n_particles for r in load(directory)] == [4, 8]


def test_results_of_another_run_file_are_left_alone(run_toml):
    invoke("run", run_toml)
    path = run_toml.parent / "results" / "result.h5"
    before = path.read_bytes()
    advice = "use another directory with -o, or move it away"

    run_toml.write_text(RUN.replace("0.7", "0.9").replace("n_traj = 10", "n_traj = 20"), encoding="utf-8")
    assert refusal("run", run_toml) == (
        f"{path} belongs to another run file: [model] omega is 0.9 here and 0.7 there; {advice}"
    )
    run_toml.write_text(RUN.replace("n_traj = 10", "n_traj = 9"), encoding="utf-8")
    assert refusal("run", run_toml) == (
        f"{path} belongs to another run file: [run] n_traj is 9 here and 10 there, and it may only grow; {advice}"
    )
    run_toml.write_text(RUN, encoding="utf-8")
    assert path.read_bytes() == before

    path.write_bytes(before[:-10])
    assert refusal("run", run_toml).startswith(f"{path} is cut short: ")
    assert path.read_bytes() == before[:-10]
    path.write_bytes(before)
    results = load(path)
    save_results(path, results, overwrite=True)
    assert refusal("run", run_toml) == f"{path} holds results that no run file made; {advice}"
    path.unlink()
    path.mkdir()
    assert refusal("run", run_toml).startswith("cannot read ")


@pytest.mark.parametrize(("place", "why"), [("file", "it is a file, not a directory"), ("file/x", "Not a directory")])
def test_a_directory_that_cannot_be_made(run_toml, place, why):
    (run_toml.parent / "file").touch()
    directory = run_toml.parent / place
    assert refusal("run", run_toml, "-o", directory) == f"cannot write into {directory}: {why}"


def test_a_users_model_that_changed_is_not_mixed(run_toml):
    model = run_toml.parent / "mine.py"
    source = "import cojump\ndef build(size: int):\n    return cojump.systems.constrained(size, 0.7, 1.3, {})\n"
    model.write_text(source.format(0.8), encoding="utf-8")
    head = '[model]\nsystem = "mine.py:build"\nsize = 4\n'
    run_toml.write_text(head + RUN[RUN.index("[initial]") :], encoding="utf-8")
    invoke("run", run_toml)
    assert load(run_toml.parent / "results").origin.sources == {"mine.py": source.format(0.8)}
    model.write_text(source.format(0.9), encoding="utf-8")
    assert "belongs to another run file: the file mine.py has changed since" in refusal("run", run_toml)


def test_a_model_that_does_not_fit_in_memory_is_one_line(run_toml):
    source = "import cojump as cj\n\n\ndef build(size: int):\n    return cj.Model([cj.Block('p', size, levels=4)])\n"
    (run_toml.parent / "mine.py").write_text(source, encoding="utf-8")
    head = '[model]\nsystem = "mine.py:build"\nsize = 4000\n[initial]\nkind = "product"\nket = [1, 0, 0, 0]\n'
    run_toml.write_text(head + RUN[RUN.index("[times]") :], encoding="utf-8")
    assert "must leave a trajectory that fits in memory, but" in refusal("run", run_toml)


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (MemoryError(), 2)])
def test_interrupted(error, status, run_toml, monkeypatch):
    def failing():
        raise error

    hooks.at_stage(monkeypatch, "compiled", failing)
    _, err = invoke("run", run_toml, status=status)
    assert err.strip().splitlines()[-1].startswith("cojump: ")
    assert "Traceback" not in err


def test_a_bug_is_not_hidden(run_toml, monkeypatch):
    def failing():
        raise ZeroDivisionError("a bug")

    hooks.at_stage(monkeypatch, "compiled", failing)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        invoke("run", run_toml)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def test_plain_progress_lines():
    stream, clock = io.StringIO(), Clock()
    progress = ProgressLines(stream, clock)
    progress.start(1000)
    for done in range(1000):
        clock.now = (done + 1) / 100
        progress.advance(1)
    progress.stop()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "cojump: 100/1000 trajectories, 100/s, 9 s left"
    assert lines[-1] == "cojump: 1000/1000 trajectories, 100/s"
    assert len(lines) == 10


def test_slow_and_quick_work_write_a_line_now_and_then():
    stream, clock = io.StringIO(), Clock()
    progress = ProgressLines(stream, clock)
    progress.start(1000)
    for done in range(5):
        clock.now = 31.0 * (done + 1)
        progress.advance(1)
    assert stream.getvalue().splitlines()[0] == "cojump: 1/1000 trajectories, 0.032/s, 8 h 36 min left"
    assert len(stream.getvalue().splitlines()) == 5
    stream.truncate(0)
    progress.start(10)
    for _ in range(10):
        progress.advance(1)
    assert stream.getvalue().strip("\0") == "cojump: 10/10 trajectories\n"


def test_a_bar_is_for_terminals(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    assert isinstance(make_progress(stream), ProgressLines)
    stream.isatty = lambda: True
    bar = make_progress(stream)
    assert isinstance(bar, ProgressBar)
    bar.stop()
    bar.note("a line before")
    bar.start(10)
    bar.advance(4)
    bar.advance(6)
    bar.stop()
    bar.stop()
    assert stream.getvalue().startswith("cojump: a line before\n")
    assert "10/10" in stream.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress(stream), ProgressLines)


def test_a_run_says_that_it_compiles(run_toml, tmp_path, monkeypatch, capsys):
    """A cache that nobody has filled yet, for kernels that this process has: all is as in a fresh place, but quick."""
    line = "cojump: compiling kernels (once)"
    warm_up()
    for name, value in {"place": tmp_path, "ready": set(), "refusal": ""}.items():
        monkeypatch.setattr(kernels_in_use, name, value)
    _, err = invoke("run", run_toml)
    assert err.splitlines()[0] == line
    assert err.count(line) == 1
    assert (tmp_path / "banded.done").exists()

    def told(**options):
        model = cojump.systems.constrained(4, 0.7, 1.3, 0.8)
        cojump.simulate(model, cojump.tilted(model, 1.1, 0.4), [0, 0.1], n_traj=2, **options)
        return line in capsys.readouterr().err.splitlines()

    assert not told(progress=True), "this process has compiled"
    monkeypatch.setattr(kernels_in_use, "ready", set())
    assert not told(progress=True), "another one has"
    for options, expected in (({}, False), ({"progress": True}, True)):
        monkeypatch.setattr(kernels_in_use, "ready", set())
        (tmp_path / "banded.done").unlink()
        assert told(**options) == expected
    monkeypatch.setattr(kernels_in_use, "ready", set())
    (tmp_path / "banded.done").unlink()
    monkeypatch.setattr(kernels_in_use, "dispatchers", [])
    assert not told(progress=True), "Python runs them"


def test_the_theory_is_stored_where_it_holds(run_toml):
    invoke("run", run_toml)
    stored = load(run_toml.parent / "results").select(size=8)[0]
    model = cojump.systems.constrained(8, 0.7, 1.3, 0.8)
    mf = cojump.mean_field(model, cojump.tilted(model, 1.1, 0.4), stored.times)
    np.testing.assert_allclose(stored.theory.correction, mf.correction, rtol=0, atol=1e-9)
    np.testing.assert_allclose(stored.theory.covariance, mf.covariance, rtol=0, atol=1e-9)
    out, _ = invoke("report", run_toml.parent / "results", "--full")
    assert "+ δ/N" in out


def test_no_theory_from_a_correlated_start(run_toml):
    text = (
        run_toml.read_text()
        .replace('kind = "tilted"', 'kind = "dicke"\nJ = 2.0\nM = 0.0')
        .replace("size = [4, 8]", "size = 4")
    )
    run_toml.write_text("\n".join(line for line in text.splitlines() if not line.startswith(("theta", "phi"))))
    invoke("run", run_toml)
    assert load(run_toml.parent / "results")[0].theory is None
    out, _ = invoke("report", run_toml.parent / "results")
    assert "δ" not in out.replace("mean field + δ/N, if there", "")
    assert "no 1/N theory beside it: Argument `state` must be a product state" in " ".join(out.split())


def test_the_theory_of_order_parameters(tmp_path):
    path = tmp_path / "run.toml"
    text = RUN.replace('"constrained"', '"hopfield"').replace(
        "rate_up = 1.3\nrate_down = 0.8", "beta = 0.8\npatterns = {random = 2, seed = 1}"
    )
    path.write_text(text.replace("size = [4, 8]", "size = 8"), encoding="utf-8")
    invoke("run", path)
    stored = load(tmp_path / "results")[0]
    model, state = read_run_file(path).points()[0].build()
    mf = cojump.mean_field(model, state, stored.times)
    sign = np.array([1 if b.name[1] == "+" else -1 for b in model.blocks])
    size = np.array([b.size for b in model.blocks])
    expected = mf.correction[:, 2::3] @ (sign * size / 8)  # overlap 2 = (1/N) Σ_b N_b f_b m_z,b
    np.testing.assert_allclose(stored.theory.order_correction[:, 1], expected, rtol=0, atol=1e-9)
    out, _ = invoke("report", tmp_path / "results")
    row = next(line for line in out.splitlines() if "overlap2 " in line and "overlap1" not in line)
    assert len(row.split()) >= 6


def test_report_where_there_is_nothing_says_what_to_do(run_toml):
    empty = run_toml.parent / "empty"
    empty.mkdir()
    _, err = invoke("report", empty, status=2)
    assert f"{empty} holds no results (result.h5) of a run; cojump run run.toml -o {empty} would write one" in err
    _, err = invoke("report", run_toml, status=2)
    assert f"without any beside it; cojump run {run_toml} would make them" in err


@pytest.mark.validation
def test_report_of_chosen_points_and_averages(run_toml):
    run_toml.write_text(run_toml.read_text().replace("omega = 0.7", "omega = [0.5, 0.7]"), encoding="utf-8")
    invoke("run", run_toml)
    results = run_toml.parent / "results"
    options = ["--averages", "spins.z, spins.x", "--select", "size=4", "--against", "omega"]
    out, _ = invoke("report", results, *options, drawn=True)
    (first, second) = (line.split() for line in out.splitlines()[3:5])
    points = load(results).select(size=4)
    assert [first[0], second[0]] == ["0.5", "0.7"]
    for row, r in zip((first, second), points, strict=True):
        assert float(row[1]) == pytest.approx(r.mean[-1, 2], abs=r.mean_stderr[-1, 2] / 10)
    assert "not asked for: spins.y" in out
    place = results / "selected" / "size=4"
    assert f"figure: {place / 'against'}.png\n" in out
    assert f"page: {place / 'report.html'}\n" in out
    assert "selected: size=4" in (place / "report.html").read_text(encoding="utf-8")
    assert not (results / "report.html").exists(), "what shows all points is not replaced"
    for option, value, said in (
        ("--averages", "spins.q", "be of spins.x, spins.y, spins.z"),
        ("--select", "size=5", "have a value that size has: 4, 8"),
        ("--against", "kappa", "be a parameter that varies"),
    ):
        assert said in invoke("report", results, option, value, status=2)[1]
