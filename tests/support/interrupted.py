"""Runs in this process that are stopped, killed or broken at a chosen place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cojump.jobs import directory, job
from cojump.tools import whole_files
from cojump.trajectories.spin_engine import Engine
from tests.support.command_line import invoke
from tests.support.run_files import flips, run_text

RUN = run_text(flips([4, 6]), steps=3, n_traj=22, seed=7, chunk=4, keep=6)

_run = Engine.run


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
    """Counts trajectories; does something before the n-th one, once."""

    def __init__(self, monkeypatch, at=None, action=None):
        self.indices, self.acted = [], False

        def run(engine, seed, index, **options):
            if "poll" in options:
                if len(self.indices) == at and not self.acted:
                    self.acted = True
                    action()
                one = _run(engine, seed, index, **options)
                self.indices.append((engine.basis.h_eff.N, index))
                return one
            return _run(engine, seed, index, **options)

        monkeypatch.setattr(Engine, "run", run)


def hit(number):
    return lambda: os.kill(os.getpid(), number)


def finished(directory):
    return sorted(os.listdir(directory)) == ["result.h5"]


class Killed(BaseException):
    """Stands for a process that is gone: nothing after it is executed."""


def crash_points(path, output, monkeypatch, at, status=0):
    """Run, and "kill" the process at its ``at``-th change of a file in the final fold; whether it came that far."""
    count = [0]

    def counted(real):
        def call(*arguments, **options):
            count[0] += 1
            if count[0] > at:
                raise Killed
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        begin = job._Run._finish

        def finish(self, session, stopped):
            for module, name in (
                (whole_files.os, "replace"),
                (whole_files.os, "fsync"),
                (Path, "unlink"),
                (Path, "rmdir"),
            ):
                patch.setattr(module, name, counted(getattr(module, name)))
            begin(self, session, stopped)

        patch.setattr(job._Run, "_finish", finish)
        patch.setattr(directory.Lock, "release", lambda lock: os.close(lock._descriptor))  # as the system does it
        try:
            go(path, status, output)
        except Killed:
            return True
    return False


def killed_run(path, monkeypatch, at):
    """A run whose process is gone before its ``at``-th trajectory; its directory."""

    def gone():
        raise Killed

    with monkeypatch.context() as patch:
        Watch(patch, at, gone)
        with pytest.raises(Killed):
            go(path)
    return path.parent / "results"
