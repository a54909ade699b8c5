"""The section [drive] of a run file: what it makes, what it refuses, and that a resume knows it."""

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError
from cojump.jobs.run_file import read_run_file
from cojump.jobs.run_file.templates import TEMPLATES, run_file_for
from cojump.model.envelopes import FromFile, Linear, Root, Sine
from tests.support.command_line import invoke
from tests.support.run_files import TILTED, flips, text_of

PULSES = """
import numpy as np
import cojump as cj

def pulse(t, width: float, height: float = 1.0):
    return height * np.exp(-(t / width) ** 2)

def nothing():
    return 1.0

def open_ended(t, **keys):
    return 1.0

def late(t, breaks=()):
    return 1.0

def fails(t):
    raise RuntimeError("no")

def build(size: int, gamma: float):
    down = np.array([[0, 0], [1, 0]])
    jump = cj.LocalJump(down, block="spins", rate=lambda x: gamma * (1 + x**2), argument={"spins": np.diag([1, -1])})
    return cj.Model([cj.Block("spins", size)], [], [jump])
"""

RAMP = {"shape": '"linear"', "start": "0", "end": "1.5"}
PULSE = {"shape": '"pulses.py:pulse"', "width": "0.5"}


def text(model=None, **drives):
    tables = {f"drive.{key}": table for key, table in drives.items()}
    return text_of(model=model or flips(6), **tables, initial=TILTED, times={"end": 2.0, "steps": 4}, run={"n_traj": 6})


@pytest.fixture
def read(tmp_path):
    (tmp_path / "pulses.py").write_text(PULSES, encoding="utf-8")

    def read(content):
        path = tmp_path / "run.toml"
        path.write_text(content, encoding="utf-8")
        return read_run_file(path)

    return read


def built(run_file):
    return [point.build() for point in run_file.points()]


def test_a_ramp_and_a_pulse(read):
    run_file = read(text(omega=RAMP, rate_up=PULSE))
    (point,) = run_file.points()
    model, _ = point.build()
    assert model.hamiltonian[0].envelope == Linear(0.0, 1.5, 0.0, 1.0)
    assert model.hamiltonian[0].breaks == (1.5,)
    assert isinstance(model.jumps[0].envelope, Root)
    assert model.jumps[0].envelope(0.5) == pytest.approx(np.exp(-0.5))
    assert model.jumps[1].envelope is None
    assert list(run_file.sources) == ["pulses.py"]


def test_its_keys_can_be_swept(read):
    run_file = read(text(flips("[6, 8]"), omega={**RAMP, "end": "[1, 2.5]"}, rate_up={**PULSE, "breaks": "[0.5, 1.0]"}))
    points = run_file.points()
    assert [p.parameters for p in points] == [{"size": size, "omega.end": end} for size in (6, 8) for end in (1, 2.5)]
    assert len({p.seed for p in points}) == 4
    models = [p.build()[0] for p in points]
    assert [m.hamiltonian[0].envelope.end for m in models] == [1, 2.5, 1, 2.5]
    assert [m.size for m in models] == [6, 6, 8, 8]
    assert models[0].jumps[0].breaks == (0.5, 1.0)
    both = read(text(omega={**RAMP, "end": "[1, 2]"}, rate_up={**RAMP, "end": "[1, 2]"})).points()
    assert [list(p.parameters.values()) for p in both] == [[1, 1], [1, 2], [2, 1], [2, 2]]


@pytest.mark.parametrize(
    ("drives", "message"),
    [
        (
            {"omgea": RAMP},
            '`[drive.omgea]` must name a key of system "constrained" that terms are proportional to: omega, '
            'rate_up, rate_down, but it is unknown; did you mean "omega"?',
        ),
        ({"omega": {"start": "0"}}, "`[drive.omega] shape` must be given, but it is missing"),
        (
            {"omega": {"shape": '"liner"'}},
            '`[drive.omega] shape` must be one of "step", "linear", "sine", "gaussian", "pulses" or '
            '"my_module.py:f", but it is "liner"; did you mean "linear"?',
        ),
        (
            {"omega": {**RAMP, "stop": "1"}},
            '`[drive.omega] stop` must be one of the keys of shape "linear": shape, start, '
            "end, before, after, but it is unknown",
        ),
        (
            {"omega": {**RAMP, "end": None}},
            '`[drive.omega] end` must be given (shape "linear" needs it), but it is miss',
        ),
        ({"omega": {**RAMP, "end": '"late"'}}, '`[drive.omega] end` must be a finite number, but it is "late"'),
        ({"omega": {**RAMP, "end": "[]"}}, "`[drive.omega] end` must hold at least one value, but it is an empty list"),
        (
            {"omega": {**RAMP, "end": "[1, -1]"}},
            "`[drive.omega] end` must be greater than `start`, but start = 0 and en",
        ),
        ({"omega": {**RAMP, "shape": "3"}}, "`[drive.omega] shape` must be one of"),
        ({"size": RAMP}, "`[drive.size]` must be a number that terms of the model are proportional to, but it changes"),
        ({"rate_up": {**RAMP, "before": "-1"}}, "`[drive.rate_up]` must have a shape that is never negative: jumps[0]"),
        ({"omega": {**PULSE, "width": None}}, '`[drive.omega] width` must be given (shape "pulses.py:pulse" needs it)'),
        ({"omega": {**PULSE, "breaks": "[1, 1]"}}, "`[drive.omega] breaks` must be increasing, but it is [1, 1]"),
        ({"omega": {**PULSE, "breaks": "1"}}, "`[drive.omega] breaks` must be a list of times, but it is 1"),
        (
            {"omega": {"shape": '"pulses.py:wave"'}},
            "`[drive.omega] shape` must name a function of pulses.py (it has pulse",
        ),
        ({"omega": {"shape": '"none.py:wave"'}}, "`[drive.omega] shape` must name a file that can be read"),
        (
            {"omega": {"shape": '"pulses:wave"'}},
            '`[drive.omega] shape` must be a known name or a function such as "my_',
        ),
        (
            {"omega": {"shape": '"pulses.py:nothing"'}},
            "`[drive.omega] shape` must name a function f(t, ...) of the time",
        ),
        ({"omega": {"shape": '"pulses.py:open_ended"'}}, "but pulses.py:open_ended takes t and any keys"),
        (
            {"omega": {"shape": '"pulses.py:late"'}},
            "`[drive.omega] shape` must name a function without an argument `brea",
        ),
    ],
)
def test_one_line_for_what_is_none(read, drives, message):
    with pytest.raises(ArgumentError) as caught:
        built(read(text(**drives)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_a_table(read):
    with pytest.raises(ArgumentError, match=r"`\[drive.omega\]` must be a section with keys below it, but it is 3"):
        read("drive = {omega = 3}\n" + text())
    with pytest.raises(ArgumentError, match=r"`\[drive\]` must be a section with keys below it, but it is 3"):
        read("drive = 3\n" + text())


def test_same_meaning_is_no_difference(read):
    content = text(omega=RAMP, rate_up=PULSE)
    run_file = read(content)
    sources = {"pulses.py": PULSES}
    same = text(omega={**RAMP, "before": "0", "end": "1.50"}, rate_up={**PULSE, "height": "1.0"})
    assert run_file.differences(same, sources) == []
    assert run_file.differences(text(omega={**RAMP, "end": "2"}, rate_up=PULSE), sources) == [
        "[drive.omega] end is 1.5 here and 2 there"
    ]
    assert run_file.differences(text(omega=RAMP), sources)[0].startswith("[drive.rate_up] shape is")
    assert run_file.differences(content, {"pulses.py": PULSES + "#"}) == ["the file pulses.py has changed since"]


@pytest.mark.parametrize("system", TEMPLATES)
def test_the_drive_of_a_template_can_be_used(read, system):
    lines = run_file_for(system).splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("# [drive."))
    used = [line[2:] if begin <= i < begin + 6 else line for i, line in enumerate(lines)]
    point = read("\n".join(used)).points()[0]
    model, _ = point.build()
    assert Linear(0.0, 2.0, 0.5, 1.0) in [getattr(t.envelope, "of", t.envelope) for t in model.terms]


def test_a_run_and_its_resume(read, tmp_path):
    """A model of the user's whose function no file can hold, with a drive: the call and the drive are stored."""
    model = {"system": '"pulses.py:build"', "size": 4, "gamma": 0.7}
    content = text(model, gamma=PULSE)
    path = read(content).path
    out = tmp_path / "out"
    invoke("run", path, "-o", out)
    (result,) = cj.load(out)
    again = result.model()
    (jump,) = again.jumps
    assert isinstance(jump.envelope.of, FromFile)
    same = cj.simulate(again, result.state(), result.times, n_traj=6, seed=result.seed)
    assert same.mean.tobytes() == result.mean.tobytes()
    invoke("run", path, "-o", out)
    _, output = invoke("run", path, "-o", out, "--set", "drive.gamma.width=0.6", status=2)
    assert "[drive.gamma] width is 0.6 here and 0.5 there" in output
    (tmp_path / "pulses.py").write_text(PULSES.replace("height * np", "2 * height * np"))
    _, output = invoke("run", path, "-o", out, status=2)
    assert "the file pulses.py has changed since: jumps[0] envelope from t = 0 to the end is" in output


def test_named_shapes_come_back_whole(read, tmp_path):
    wave = {"shape": '"sine"', "amplitude": "0.5", "frequency": "3.0", "offset": "1.0"}
    path = read(text(omega=wave)).path
    invoke("run", path, "-o", tmp_path / "out")
    (result,) = cj.load(tmp_path / "out")
    assert result.model().hamiltonian[0].envelope == Sine(0.5, 3.0, 0.0, 1.0)
    assert "omega times sine" in invoke("show", path)[0]
