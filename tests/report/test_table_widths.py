"""Tables fit what they are printed on: a terminal its own width, a file all of it, and no number is ever broken."""

import io
import re

import pytest
from rich.console import Console

from cojump.jobs.run_file import read_run_file
from cojump.report.console import UNBOUNDED, make_console
from cojump.report.show import show_path
from cojump.report.tables import print_tables
from cojump.storage.result_file import load
from tests.support.command_line import invoke

RUN = """
[model]
system = "free_flips"
size = [4, 80000]
omega = [0.123456789, 0.25]
rate_up = [1.23456789, 2.0]
rate_down = 0.8
[initial]
kind = "tilted"
theta = [1.1, 0.987654321]
phi = 0.4
[times]
end = 0.001
steps = 4
[run]
n_traj = 2
seed = 7
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal; COLUMNS says how wide."""

    def isatty(self):
        return True


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN, encoding="utf-8")
    return path


def on_terminal(path, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "50")
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    show_path(path, stream)
    return stream.getvalue()


def test_a_file_gets_one_line_for_each_row(path):
    out, _ = invoke("show", path)
    for spec in read_run_file(path).points():
        (line,) = [line for line in out.splitlines() if str(spec.seed) in line]
        assert ", ".join(f"{key} = {value}" for key, value in spec.parameters.items()) in line
        assert "banded H_eff" not in line
    assert sum("banded H_eff, windowed" in line for line in out.splitlines()) == 1, "once for all points"


@pytest.mark.parametrize("columns", [110, 130])
def test_a_terminal_gets_its_own_width(columns, path, monkeypatch):
    out = on_terminal(path, columns, monkeypatch)
    assert max(map(len, out.splitlines())) <= columns
    for spec in read_run_file(path).points():
        assert re.search(rf"\b{spec.seed}\b", out), "texts are folded, numbers are not"


@pytest.mark.parametrize("columns", [30, 60])
def test_no_number_is_broken_on_a_narrow_terminal(columns, path, monkeypatch):
    out = on_terminal(path, columns, monkeypatch)
    for spec in read_run_file(path).points():
        assert re.search(rf"\b{spec.seed}\b", out)
    assert "…" not in out
    assert "80,001" in out


def test_a_report_never_cuts_a_number(path):
    invoke("run", path)
    results = load(path.parent / "results")

    def numbers(make, width):
        stream = io.StringIO()
        print_tables(results, make(stream, width=width))
        return sorted(re.findall(r"[-+]?\d[\d.,]*", stream.getvalue()))

    whole = numbers(lambda stream, width: Console(file=stream, width=width), UNBOUNDED)
    assert [c for c in (20, 60, 200) if numbers(make_console, c) != whole] == []


def test_brackets_in_parameters_are_no_markup(tmp_path):
    source = "import cojump as cj\ndef build(kind):\n    return cj.systems.free_flips(4, 1.0, 1.0, 1.0)\n"
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    path = tmp_path / "run.toml"
    text = '[model]\nsystem = "mine.py:build"\nkind = ["[red]", "[/]"]\n' + RUN[RUN.index("[initial]") :]
    path.write_text(text.replace("[1.1, 0.987654321]", "1.1"), encoding="utf-8")
    invoke("run", path)
    for place in (path, path.parent / "results"):
        out, _ = invoke("show", place)
        assert "kind = [red] " in out
        assert "kind = [/] " in out
    out, _ = invoke("report", path.parent / "results")
    assert "kind = [red]" in out
