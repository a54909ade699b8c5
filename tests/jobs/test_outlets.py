"""Messages are optional: what becomes of standard output and error decides nothing; the status tells the outcome."""

from __future__ import annotations

import io
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cojump.errors import StorageError
from cojump.tools import terminal
from cojump.tools.progress import make_progress
from tests.mpi import digests
from tests.support.command_line import environment
from tests.support.interrupted import Watch, finished, go, hit
from tests.support.longer import few

SHELLS = {
    "both without a reader": "{run} 2>&1 | true",
    "a full disk behind stderr": "{run} 2>/dev/full",
    "closed stdout": "{run} >&-",
    "all closed": "{run} <&- >&- 2>&-",
}


def start(line, **streams):
    """A line of bash; its status is that of the first command of the pipe."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen(["bash", "-c", f"set -o pipefail; {line}"], env=environment(), text=True, **streams)


def cojump(*arguments):
    return " ".join([sys.executable, "-m", "cojump", *(str(a) for a in arguments)])


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    from tests.support.interrupted import RUN

    place = tmp_path_factory.mktemp("run")
    (place / "run.toml").write_text(RUN, encoding="utf-8")
    go(place / "run.toml")
    return place


@pytest.mark.parametrize("shells", few([["all closed"], [*SHELLS]], ["all closed"]))
def test_a_run_goes_on_whatever_becomes_of_its_messages(shells, directory):
    """All at once; a terminal that has gone among them."""
    expected = digests.of_file(directory / "results" / "result.h5")
    path, jobs = directory / "run.toml", {}
    for number, what in enumerate(shells):
        output = directory / f"out{number}"
        jobs[what] = output, start(SHELLS[what].format(run=cojump("run", path, "-o", output)))
    master, slave = pty.openpty()
    output = directory / "terminal"
    jobs["a terminal that has gone"] = output, start(cojump("run", path, "-o", output), stdout=slave, stderr=slave)
    os.close(slave)
    os.close(master)
    for what, (output, job) in jobs.items():
        out, err = job.communicate(timeout=120)
        assert job.returncode == 0, (what, out, err)
        assert "Traceback" not in (err or ""), what
        assert digests.of_file(output / "result.h5") == expected, what
        assert finished(output), what


@pytest.mark.validation
def test_report_and_show_with_pipes_that_are_closed(directory):
    """Who reads one line has had enough; figures are written all the same. A full disk has lost what was asked for."""
    results = directory / "results"
    copies = [shutil.copytree(results, directory / f"copy{n}") for n in range(2)]
    gone = {line: start(line) for line in (
        f"{cojump('show', results)} | true",
        f"{cojump('report', '--all', copies[0])} | head -1 >/dev/null",
        f"{cojump('report', copies[1])} >&- 2>&-",
        f"{cojump('new', 'hopfield')} | true",
    )}  # fmt: skip
    full = {line: start(line) for line in (f"{cojump('new', 'hopfield')} >/dev/full",)}
    for line, job in gone.items():
        assert job.communicate(timeout=120)[1] == "", line
        assert job.returncode == 0, line
    for copy in copies:
        assert (copy / "deviation.pdf").exists()
    for line, job in full.items():
        assert job.communicate(timeout=120)[1] == "cojump: cannot write standard output: No space left on device\n"
        assert job.returncode == 2, line


def test_a_terminal_that_hangs_up_takes_no_work_with_it(run_toml, monkeypatch):
    watch = Watch(monkeypatch, 3, hit(signal.SIGHUP))
    go(run_toml)
    assert watch.acted
    assert len(watch.indices) == 44


class Broken(io.StringIO):
    """A stream on which nothing can be written any more."""

    def isatty(self):
        return True

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("stream", [Broken(), None, "closed"])
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_progress_in_a_script_is_optional_too(stream, term, monkeypatch):
    """A bar on a terminal or plain lines."""
    monkeypatch.setenv("TERM", term)
    if stream == "closed":
        stream = io.StringIO()
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    for progress in (make_progress(), make_progress(stream)):
        progress.start(4)
        for _ in range(4):
            progress.advance(1)
        progress.stop()
    terminal.tell("a line")


def test_output_that_was_asked_for_and_lost(monkeypatch):
    """Control: with a place where it can be written there is no complaint."""
    for place, lost in (("/dev/null", False), ("/dev/full", True)):
        descriptor = os.open(place, os.O_WRONLY)
        stream = io.TextIOWrapper(io.BufferedWriter(terminal.Outlet(descriptor)))
        monkeypatch.setattr(sys, "stdout", stream)
        print("figures")
        if lost:
            with pytest.raises(StorageError, match="cannot write standard output: No space left on device"):
                terminal.delivered()
        else:
            terminal.delivered()
        monkeypatch.undo()
        os.close(descriptor)


def test_commands_are_printed_as_they_work(monkeypatch, tmp_path):
    own = tmp_path / "bin" / "cojump"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(own), "run"])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert terminal.command("report", Path("my results")) == f"{own} report 'my results'"
    monkeypatch.setenv("PATH", str(own.parent))
    assert terminal.command("report", "results") == "cojump report results"
    monkeypatch.setattr(sys, "argv", [str(Path(terminal.__file__).parents[1] / "__main__.py")])
    assert terminal.command("run", "x.toml") == f"{sys.executable} -m cojump run x.toml"
