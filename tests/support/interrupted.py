"""Runs that are stopped, killed or broken at a chosen place."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from cojump.jobs.directory import Session
from tests.support import hooks
from tests.support.command_line import invoke
from tests.support.run_files import flips, run_text

RUN = run_text(flips([4, 6]), steps=3, n_traj=22, seed=7, chunk=4, keep=6)


def go(path, status=0, output=None):
    """``cojump run`` in this process; what it wrote on standard output and standard error."""
    return invoke("run", path, *(["-o", output] if output else []), status=status)


def change(path, *pairs):
    text = path.read_text(encoding="utf-8")
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


class Watch:
    """Counts the trajectories that are finished; does something before the n-th one, once."""

    def __init__(self, monkeypatch, at=None, action=None):
        self.indices, self.acted = [], False

        def hear(event, arguments):
            if event == "cojump.trajectory" and len(self.indices) == at and not self.acted:
                self.acted = True
                action()
            elif event == "cojump.trajectory.done":
                self.indices.append(arguments)

        hooks.listen(monkeypatch, hear)


def hit(number):
    return lambda: os.kill(os.getpid(), number)


def finished(directory):
    return sorted(os.listdir(directory)) == ["result.h5"]


def crash_points(path, output, monkeypatch, at, status=0):
    """Run, and kill the process at its ``at``-th change of a file in the final fold; whether it came that far."""
    count = [-1]

    def hear(event, arguments):
        if event == "cojump.stage" and arguments[0] == "while the results were written":
            count[0] = 0
        elif count[0] >= 0 and hooks.changes_file(event, arguments, output):
            count[0] += 1
            if count[0] > at:
                hooks.gone()

    with monkeypatch.context() as patch:
        hooks.listen(patch, hear)
        return hooks.in_a_child(lambda: go(path, status, output))


def killed_run(path, monkeypatch, at):
    """A run whose process is gone before its ``at``-th trajectory; its directory."""
    with monkeypatch.context() as patch:
        Watch(patch, at, hooks.gone)
        assert hooks.in_a_child(lambda: go(path))
    return path.parent / "results"


def never_folded(path, monkeypatch, at):
    """A run that is stopped at its ``at``-th trajectory and has written no results, only shards; its directory."""

    def make():
        with monkeypatch.context() as patch:
            Watch(patch, at, hit(signal.SIGTERM))
            patch.setattr(Session, "write", lambda *_, **__: None)
            go(path, status=75)

    return left_behind(path, f"never folded {at}", make)


_LEFT: dict[str, dict[Path, bytes]] = {}


def left_behind(path, what, make):
    """The directory of a run after ``make``; of RUN itself it is made once, and later a copy of its files."""
    results = path.parent / "results"
    if path.read_text(encoding="utf-8") != RUN or results.exists():
        make()
    elif what in _LEFT:
        for place, content in _LEFT[what].items():
            (results / place).parent.mkdir(parents=True, exist_ok=True)
            (results / place).write_bytes(content)
    else:
        make()
        _LEFT[what] = {p.relative_to(results): p.read_bytes() for p in results.rglob("*") if p.is_file()}
    return results
