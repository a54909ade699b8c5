"""Every operation on a file fails once: one line, a status of the table, and the same command ends well."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys

import pytest

from tests.mpi import digests
from tests.support.interrupted import RUN, Watch, go, hit
from tests.support.longer import few

EVENTS = {
    "open",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.link",
    "os.truncate",
    "os.listdir",
    "os.scandir",
}
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
SMALL = RUN.replace("[4, 6]", "4").replace("n_traj = 22", "n_traj = 10")


class Faults:
    """Counts operations on the files below a directory, and lets one of them fail."""

    def __init__(self):
        self.directory, self.at, self.number, self.count, self.failed = "", -1, 0, 0, ""

    def operation(self, name, path):
        if self.directory and str(path).startswith(self.directory):
            self.count += 1
            if self.count == self.at:
                self.failed = f"{name} {path}"
                raise OSError(self.number, os.strerror(self.number), str(path))

    def audit(self, event, arguments):
        if self.directory and event in EVENTS and isinstance(arguments[0], str | os.PathLike):
            self.operation(event, os.fspath(arguments[0]))

    def descriptor(self, name):
        """An operation of ``os`` on a descriptor."""
        real = getattr(os, name)

        def call(descriptor, *arguments):
            if self.directory:
                self.operation(name, os.readlink(f"/proc/self/fd/{descriptor}"))
            return real(descriptor, *arguments)

        return call


FAULTS = Faults()
sys.addaudithook(FAULTS.audit)  # for good, but deaf as long as no directory is set


@pytest.fixture
def faults(monkeypatch):
    for name in ("write", "fsync", "pwrite", "ftruncate"):
        monkeypatch.setattr(os, name, FAULTS.descriptor(name))
    yield FAULTS
    FAULTS.directory = ""


def run_with_fault(faults, path, output, at, number, monkeypatch, **watch):
    """Run with the ``at``-th operation failing; status, standard error, and whether there were so many."""
    from click.testing import CliRunner

    from cojump.cli import cli

    faults.at, faults.number, faults.count, faults.failed = at, number, 0, ""
    faults.directory = str(output)
    try:
        with monkeypatch.context() as patch:
            Watch(patch, **watch)
            outcome = CliRunner().invoke(cli, ["run", str(path), "-o", str(output)])
    finally:
        faults.directory = ""
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), (faults.failed, outcome.exc_info)
    return outcome.exit_code, outcome.stderr, bool(faults.failed)


def work_in(output):
    """Everything in a directory that holds trajectories."""
    return {p: p.read_bytes() for p in (*output.glob("result.h5"), *output.rglob("*.shard"))}


def check_all(path, begun, expected, faults, monkeypatch, step=1, first=1):
    """From a directory as it is in ``begun`` (None: none): the statuses that there were."""
    seen, at = {}, first
    while True:
        output = path.parent / f"out{at}"
        if begun is not None:
            shutil.copytree(begun, output)
        before = work_in(output)
        number = ERRORS[at % len(ERRORS)]
        status, err, hit_one = run_with_fault(faults, path, output, at, number, monkeypatch)
        what = (at, faults.failed, status, err)
        assert status in (0, 2, 74), what
        assert all(line.startswith("cojump: ") for line in err.splitlines()), what
        if status:
            assert os.strerror(number) in err.splitlines()[-1], what
        if status == 2:
            assert work_in(output) == before, what
        if status == 0:
            assert digests.of_file(output / "result.h5") == expected, what
        with monkeypatch.context() as patch:
            watch = Watch(patch)
            go(path, output=output)
        assert not watch.indices or status, what
        assert digests.of_file(output / "result.h5") == expected, what
        assert not [p for p in output.rglob("*") if p.name.endswith(".part")], what
        seen.setdefault(status, []).append(at)
        shutil.rmtree(output)
        if not hit_one:
            return seen
        at += step


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(SMALL, encoding="utf-8")
    go(path, output=tmp_path / "whole")
    return path, digests.of_file(tmp_path / "whole" / "result.h5")


def stopped(path, monkeypatch):
    with monkeypatch.context() as patch:
        Watch(patch, 6, hit(signal.SIGTERM))
        go(path, status=75)
    return path.parent / "results"


@pytest.mark.parametrize("first", few([1, 2], 1))
def test_every_operation_fails_once(first, small, faults, monkeypatch):
    """Every fifth operation of a run that goes on and of a new one; all of them, with all errors, in the validation."""
    path, expected = small
    begun = stopped(path, monkeypatch) if first == 2 else None
    seen = check_all(path, begun, expected, faults, monkeypatch, step=5, first=first)
    assert {0, 2, 74} == set(seen), seen


@pytest.mark.validation
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("shift", range(len(ERRORS)))
def test_every_operation_fails_with_every_error(shift, small, faults, monkeypatch):
    path, expected = small
    monkeypatch.setattr(sys.modules[__name__], "ERRORS", ERRORS[shift:] + ERRORS[:shift])
    for begun in (None, stopped(path, monkeypatch)):
        seen = check_all(path, begun, expected, faults, monkeypatch)
        assert {0, 2, 74} == set(seen)
        print({status: len(places) for status, places in seen.items()})
