"""Being told to stop at any moment, before the work begins too: one line, and the status that says "run it again"."""

import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from cojump.cli import cli
from cojump.errors import Stopped
from cojump.jobs.signals import Signals
from tests.support import hooks
from tests.support.command_line import environment
from tests.support.longer import few

RUN = """
[model]
system = "constrained"
size = 4
omega = 0.7
rate_up = 1.3
rate_down = 0.8
[initial]
kind = "tilted"
theta = 1.1
phi = 0.4
[times]
end = 1.0
steps = 3
[run]
n_traj = 8
"""


def hit(number=signal.SIGINT):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_while_modules_are_imported_waits_for_the_others(number):
    with Signals() as signals:
        hit(number)
        assert signals.name == signal.Signals(number).name
        with pytest.raises(Stopped, match=signals.name):
            signals.begin()
        with pytest.raises(Stopped):
            hit(signal.SIGTERM)  # and from then on at once
        signals.gently = True
        hit(signal.SIGTERM)


def test_a_second_ctrl_c_breaks_off():
    with Signals() as signals:
        hit()
        with pytest.raises(KeyboardInterrupt):
            hit()
        signals.gently = True
        with pytest.raises(KeyboardInterrupt):
            hit()


class Doomed:
    """Its destructor is where the signal comes."""

    def __del__(self):
        hit()


def test_a_signal_that_a_destructor_swallows_comes_again():
    """Python drops what is raised there; a compilation that takes a minute runs thousands of them."""
    with Signals() as signals:
        signals.begin()
        with pytest.raises(Stopped):
            lose_a_signal()


def lose_a_signal_and_fail():
    Doomed()
    raise RuntimeError("no compiled object yet")


def test_a_compilation_that_fails_of_a_lost_signal(tmp_path, monkeypatch):
    """The compiler misses what the broken callback was to keep, sooner than the signal comes again."""
    path = tmp_path / "run.toml"
    path.write_text(RUN, encoding="utf-8")
    hooks.at_stage(monkeypatch, "compiled", lose_a_signal_and_fail)
    outcome = CliRunner().invoke(cli, ["run", str(path)])
    assert outcome.exit_code == 75
    assert outcome.stderr == "cojump: stopped (SIGINT) before the work began; the same command goes on\n"


def test_an_error_without_a_signal_stays_what_it_is():
    with Signals() as signals, pytest.raises(RuntimeError, match="of its own"), signals.blamed():
        raise RuntimeError("of its own")


def lose_a_signal():
    Doomed()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        time.sleep(0.001)


def test_it_is_no_error_of_what_it_breaks_off():
    """The compiler and users' functions may catch any Exception and go on."""
    assert not issubclass(Stopped, Exception)


def test_everything_is_as_before_afterwards():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)]
    with Signals():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["planned", "compiled"])
def test_a_run_that_is_stopped_before_the_work_begins(when, number, tmp_path, monkeypatch):
    path = tmp_path / "run.toml"
    path.write_text(RUN, encoding="utf-8")
    with monkeypatch.context() as patch:
        hooks.at_stage(patch, when, lambda: hit(number))
        outcome = CliRunner().invoke(cli, ["run", str(path)])
    assert outcome.exit_code == 75
    name = signal.Signals(number).name
    assert outcome.stderr == f"cojump: stopped ({name}) before the work began; the same command goes on\n"
    assert CliRunner().invoke(cli, ["run", str(path)]).exit_code == 0


@pytest.mark.parametrize("number", few([signal.SIGTERM, signal.SIGINT], signal.SIGTERM))
def test_a_signal_behind_the_end_changes_no_status(number, run_toml):
    """A scheduler may say that time is over while ranks part and Python ends; all is written by then."""
    program = (
        "import atexit, os, signal, sys\n"
        f"atexit.register(lambda: os.kill(os.getpid(), {number:d}))\n"
        "from cojump.cli import main\n"
        f"sys.argv = ['cojump', 'run', {str(run_toml)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 points in " in done.stdout
