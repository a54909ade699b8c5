"""What `show` and `report` say of points that failed or are unfinished, from what is on the disk."""

from __future__ import annotations

import json
import os
import signal

import pytest
from click.testing import CliRunner

from cojump.cli import cli
from cojump.errors import ConvergenceError, StorageError
from cojump.jobs import failures
from cojump.tools import whole_files
from tests.mpi import digests
from tests.support import hooks
from tests.support.command_line import invoke
from tests.support.interrupted import Watch, change, crash_points, finished, go, hit, killed_run, left_behind
from tests.support.longer import few
from tests.support.run_files import run_text

REASON = "the step does not converge at t = 0.5"
FAILED = f"failed: size = 6: {REASON}; 8 of 22 trajectories are in the result file"


def fail():
    raise ConvergenceError("the step does not converge\nat t = 0.5")


def fail_at_nine(path, monkeypatch):
    with monkeypatch.context() as patch:
        Watch(patch, 9, fail)
        go(path, status=3)


def failed_run(path, monkeypatch):
    """A run whose larger point fails in trajectory 9; its directory."""
    return left_behind(path, "failed", lambda: fail_at_nine(path, monkeypatch))


def lines(command, directory, status=0):
    """What a command says about points that are not complete."""
    out, _ = invoke(command, directory, status=status)
    return [line for line in out.splitlines() if line.startswith(("failed", "unfinished"))]


def test_a_failed_point_is_said_until_it_succeeds(run_toml, expected, monkeypatch):
    results = failed_run(run_toml, monkeypatch)
    assert lines("show", results) == lines("report", results) == [FAILED]
    go(run_toml)
    assert lines("show", results) == lines("report", results) == []
    assert not (results / failures.NAME).exists()
    assert digests.of_file(results / "result.h5") == expected


def test_a_point_that_cannot_be_built(run_toml):
    change(run_toml, ("[4, 6]", "[0, 4, 6]"))
    go(run_toml, status=3)
    results = run_toml.parent / "results"
    assert sorted(os.listdir(results)) == [failures.NAME, "result.h5"]
    said = "failed: size = 0: Argument `[model] size` must be an integer of at least 1, but it is 0"
    assert lines("show", results) == lines("report", results) == [said]
    before = (results / failures.NAME).stat().st_mtime_ns
    go(run_toml, status=3)  # complete as far as it can be: the record stays as it is
    assert (results / failures.NAME).stat().st_mtime_ns == before
    assert lines("show", results) == [said]


def test_what_failed_earlier_is_kept_until_it_is_finished(run_toml, monkeypatch):
    results = failed_run(run_toml, monkeypatch)
    with monkeypatch.context() as patch:
        Watch(patch, 0, hit(signal.SIGTERM))
        go(run_toml, status=75)
    (line,) = lines("show", results)
    assert line == FAILED.replace("failed:", "failed in an earlier job:")
    change(run_toml, ("n_traj = 22", "n_traj = 30"))
    with monkeypatch.context() as patch:
        Watch(patch, 17, hit(signal.SIGTERM))  # in the larger one, which no longer fails
        go(run_toml, status=75)
    assert lines("report", results) == [
        f"failed in an earlier job: size = 6: {REASON}; 24 of 30 trajectories are in the result file",
        "unfinished: size = 4: stopped (SIGTERM); 22 of 30 trajectories are in the result file",
    ]
    go(run_toml)
    assert lines("show", results) == []
    assert not (results / failures.NAME).exists()


def test_a_stopped_and_a_killed_run(run_toml, expected, monkeypatch):
    results = killed_run(run_toml, monkeypatch, 30)
    (line,) = lines("show", results)
    assert line == (
        "unfinished: size = 4: killed or broken off; 0 of 22 trajectories are in the result file, 8 are kept, "
        "of which a fold gathers 8"
    )
    with monkeypatch.context() as patch:
        Watch(patch, 3, hit(signal.SIGUSR1))
        go(run_toml, status=75)
    assert lines("show", results) == lines("report", results)
    (line,) = lines("show", results)
    assert line.startswith("unfinished: size = 4: stopped (SIGUSR1); ")
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected


def test_a_report_before_anything_is_folded(run_toml, monkeypatch):
    results = killed_run(run_toml, monkeypatch, 6)
    outcome = CliRunner().invoke(cli, ["report", str(results)])
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines() == [
        "cojump: unfinished: size = 4: killed or broken off; 0 of 22 trajectories are in the result file",
        "cojump: unfinished: size = 6: killed or broken off; 0 of 22 trajectories are in the result file, 4 are kept, "
        "of which a fold gathers 4",
        f"cojump: {results} has no result file yet; cojump fold {results} gathers what is there",
    ]
    assert CliRunner().invoke(cli, ["fold", str(results)]).exit_code == 0
    invoke("report", results)


def test_while_a_job_runs_only_failures_are_said(run_toml, monkeypatch):
    results, seen = failed_run(run_toml, monkeypatch), []
    with monkeypatch.context() as patch:
        patch.setattr("cojump.jobs.status.SECONDS", 0.0)
        Watch(patch, 3, lambda: seen.extend(lines("show", results)))
        go(run_toml)
    assert seen == [FAILED.replace("failed:", "failed in an earlier job:")]


def test_an_old_directory_without_the_record(run_toml, expected, monkeypatch):
    results = failed_run(run_toml, monkeypatch)
    (results / failures.NAME).unlink()
    assert lines("show", results) == [
        "failed: size = 6: the reason was not written down; 8 of 22 trajectories are in the result file"
    ]
    (results / "checkpoint" / "status.json").unlink()
    (line,) = lines("show", results)
    assert line.startswith("unfinished: size = 6: ")
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected
    assert finished(results)


def test_a_record_that_is_out_of_date(run_toml, expected, monkeypatch):
    """A job that was killed between the result file and the record: the result counts."""
    results = failed_run(run_toml, monkeypatch)
    stale = (results / failures.NAME).read_bytes()
    go(run_toml)
    (results / failures.NAME).write_bytes(stale)
    assert lines("show", results) == lines("report", results) == []
    go(run_toml)
    assert not (results / failures.NAME).exists()
    assert digests.of_file(results / "result.h5") == expected


DAMAGED = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"points": 3}',
    b'{"points": [3]}',
    b'{"points": [{"key": 1}]}',
    b"[" * 5000,
    json.dumps({"points": [{"key": [], "parameters": {}, "message": "", "n_traj": 1}]}).encode(),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_is_told(content, tmp_path):
    (tmp_path / failures.NAME).write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        failures.read_failures(tmp_path)


@pytest.mark.parametrize("content", few(DAMAGED, DAMAGED[0], DAMAGED[-1]))
def test_a_damaged_record_stops_nothing(content, run_toml, expected, monkeypatch):
    results = failed_run(run_toml, monkeypatch)
    (results / failures.NAME).write_bytes(content)
    shown = CliRunner().invoke(cli, ["show", str(results)])
    assert shown.exit_code == 0
    assert f"{results / failures.NAME} is damaged; the next job writes it anew" in shown.stdout
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected
    assert finished(results)


def test_a_damaged_status_counts_as_none(run_toml, monkeypatch):
    results = failed_run(run_toml, monkeypatch)
    place = results / "checkpoint" / "status.json"
    good = place.read_text(encoding="utf-8")
    dropped, emptied = json.loads(good), json.loads(good)
    del dropped["points"][1]["seconds"]
    emptied["points"][1] = {}
    damaged = ["", "[]", "null", "{}", '{"points": [{}]}', '{"points": 3, "state": "running"}']
    for content in [*damaged, json.dumps(dropped), json.dumps(emptied)]:
        place.write_text(content, encoding="utf-8")
        assert lines("show", results) == [FAILED], content
    assert lines("report", results) == [FAILED]


def test_a_message_with_a_byte_that_is_no_text(run_toml, monkeypatch):
    """As in the name of a file that a user's function does not find."""

    def fail_with_a_byte():
        raise ConvergenceError("cannot read " + os.fsdecode(b"a\xff"))

    with monkeypatch.context() as patch:
        Watch(patch, 9, fail_with_a_byte)
        go(run_toml, status=3)
    (line,) = lines("show", run_toml.parent / "results")
    assert line.startswith("failed: size = 6: cannot read a\\udcff")


def test_a_disk_without_room_for_the_record(run_toml, expected, monkeypatch):
    real = whole_files.os.replace

    def full(source, target):
        if str(target).endswith(failures.NAME):
            raise OSError(28, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(whole_files.os, "replace", full)
        fail_at_nine(run_toml, monkeypatch)
    results = run_toml.parent / "results"
    assert sorted(os.listdir(results)) == ["checkpoint", "result.h5"]
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected


@pytest.mark.validation
def test_killed_anywhere_while_the_record_is_written_and_removed(run_toml, expected, monkeypatch):
    places = 0
    for at in range(40):
        output = run_toml.parent / f"out{at}"
        with monkeypatch.context() as patch:
            Watch(patch, 9, fail)
            crashed = crash_points(run_toml, output, patch, at, status=3)
        again = crash_points(run_toml, output, monkeypatch, at)
        go(run_toml, output=output)
        assert lines("show", output) == []
        assert digests.of_file(output / "result.h5") == expected
        assert set(os.listdir(output)) - {".lock"} == {"result.h5"}
        places += crashed + again
        if not crashed and not again:
            break
    assert 10 <= places < 78


def test_a_run_of_which_every_point_fails_in_its_mean_field(run_toml, monkeypatch):
    """There is no result file then; the directory tells all the same."""

    def no_mean_field():
        raise ConvergenceError("the mean field does not converge")

    results = run_toml.parent / "results"
    with monkeypatch.context() as patch:
        hooks.at_stage(patch, "in the mean field", no_mean_field)
        go(run_toml, status=3)
    said = [f"failed: size = {n}: the mean field does not converge" for n in (4, 6)]
    assert lines("show", results) == said
    outcome = CliRunner().invoke(cli, ["report", str(results)])
    assert outcome.exit_code == 2
    assert outcome.stderr.splitlines() == [
        *(f"cojump: {line}" for line in said),
        f"cojump: cannot read {results}/result.h5: No such file or directory",
    ]
    go(run_toml)
    assert finished(results)


def test_points_whose_names_look_the_same_are_told_apart(tmp_path, monkeypatch):
    """A text "1" and a number 1: what is kept of the one is not said of the other."""
    (tmp_path / "named.py").write_text(
        "import cojump as cj\n\n\ndef build(size, kind):\n    return cj.systems.free_flips(size, 0.7, 1.3, 0.8)\n"
    )
    model = {"system": '"named.py:build"', "size": 4, "kind": '["1", 1]'}
    path = tmp_path / "run.toml"
    path.write_text(run_text(model, steps=3, n_traj=22, seed=7, chunk=4), encoding="utf-8")
    with monkeypatch.context() as patch:
        Watch(patch, 5, hit(signal.SIGTERM))
        go(path, status=75)
    out, _ = invoke("show", tmp_path / "results")
    lines = [line for line in out.splitlines() if line.startswith("unfinished: ")]
    assert sorted("are kept" in line for line in lines) == [False, True]
