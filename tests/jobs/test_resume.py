"""Runs that are interrupted, extended, broken off and damaged: the same bits as without, or a refusal."""

from __future__ import annotations

import os
import re
import signal
import time

import numpy as np
import pytest
from click.testing import CliRunner

import cojump
from cojump.cli import cli
from cojump.ensemble import chunk_log
from cojump.ensemble.ordered_merge import aside_text
from cojump.errors import ConvergenceError
from cojump.jobs import directory
from cojump.storage.envelope import SCHEMA
from cojump.storage.result_file import load
from cojump.tools import whole_files
from tests.mpi import digests
from tests.support.command_line import invoke
from tests.support.interrupted import RUN, Watch, change, crash_points, finished, go, hit, killed_run, never_folded
from tests.support.longer import few


@pytest.mark.parametrize(
    ("number", "at"),
    [(signal.SIGTERM, 0), (signal.SIGUSR1, 1), (signal.SIGINT, 4), (signal.SIGTERM, 21), (signal.SIGINT, 30)],
)
def test_a_signal_ends_the_run_where_nothing_is_lost(number, at, run_toml, expected, monkeypatch):
    results = run_toml.parent / "results"
    with monkeypatch.context() as patch:
        watch = Watch(patch, at, hit(number))
        out, _ = go(run_toml, status=75)
    # the trajectory in hand at the signal is finished or dropped
    assert len(watch.indices) in (at, at + 1)
    name = signal.Signals(number).name
    kept = len(watch.indices)
    aside = kept - sum(r.n_traj for r in load(results)) if (results / "result.h5").exists() else kept
    where = f" ({aside_text(aside)})" if aside else ""
    assert out.endswith(f"cojump: stopped ({name}), {kept} of 44 trajectories kept{where}; the same command goes on\n")
    with monkeypatch.context() as patch:
        rest = Watch(patch)
        out, _ = go(run_toml)
    assert sorted(watch.indices + rest.indices) == [(n, i) for n in (4, 6) for i in range(22)], "each exactly once"
    assert digests.of_file(results / "result.h5") == expected
    assert finished(results)


@pytest.mark.validation
def test_a_run_interrupted_again_and_again(run_toml, expected, monkeypatch):
    results, indices = run_toml.parent / "results", []
    for _ in range(30):
        with monkeypatch.context() as patch:
            watch = Watch(patch, 3, hit(signal.SIGTERM))
            outcome = CliRunner().invoke(cli, ["run", str(run_toml)])
        indices += watch.indices
        if outcome.exit_code == 0:
            break
        assert outcome.exit_code == 75
        assert len(list((results / "checkpoint").glob("*.shard"))) <= 8, "files of earlier sessions are cleared away"
    assert sorted(indices) == [(n, i) for n in (4, 6) for i in range(22)]
    assert digests.of_file(results / "result.h5") == expected


@pytest.mark.parametrize("steps", [(22, 23, 24, 25, 50), (4, 50)])
def test_an_extended_run_is_the_longer_run(steps, run_toml, monkeypatch):
    change(run_toml, ("keep = 6", "keep = 3"), ("n_traj = 22", "n_traj = 50"))
    go(run_toml, output=run_toml.parent / "whole")
    watch = Watch(monkeypatch)
    for before, after in zip((50, *steps), steps, strict=False):
        change(run_toml, (f"n_traj = {before}", f"n_traj = {after}"))
        go(run_toml)
        assert [r.n_traj for r in load(run_toml.parent / "results")] == [after, after]
    assert sorted(watch.indices) == [(n, i) for n in (4, 6) for i in range(50)], "just the new ones"
    whole, parts = (digests.of_file(run_toml.parent / d / "result.h5") for d in ("whole", "results"))
    assert whole == parts


def test_an_extension_that_is_interrupted_loses_nothing_of_the_run(run_toml, monkeypatch):
    go(run_toml)
    before = digests.of_file(run_toml.parent / "results" / "result.h5")
    change(run_toml, ("n_traj = 22", "n_traj = 30"))
    with monkeypatch.context() as patch:
        Watch(patch, 0, hit(signal.SIGTERM))
        go(run_toml, status=75)
    stored = load(run_toml.parent / "results")
    assert [r.n_traj for r in stored] == [22, 22]
    after = digests.of_file(run_toml.parent / "results" / "result.h5")
    assert {k for k in before if before[k] != after[k]} <= {f"{i:06d}/run/goal" for i in range(2)}
    go(run_toml)
    go(run_toml, output=run_toml.parent / "whole")
    whole, parts = (digests.of_file(run_toml.parent / d / "result.h5") for d in ("whole", "results"))
    assert whole == parts


@pytest.mark.parametrize("step", few([1, 3], 3))
def test_killed_anywhere_in_the_final_fold(step, run_toml, expected, monkeypatch):
    """At every third change of a file here, at each in the validation."""
    places = 0
    for at in range(0, 40, step):
        output = run_toml.parent / f"out{at}"
        crashed = crash_points(run_toml, output, monkeypatch, at)
        watch = Watch(monkeypatch)
        go(run_toml, output=output)
        monkeypatch.undo()
        assert watch.indices == [], "nothing is run twice"
        assert digests.of_file(output / "result.h5") == expected
        assert set(os.listdir(output)) - {".lock"} == {"result.h5"}
        places += crashed
        if not crashed:
            break
    assert places * step >= 5
    assert places * step < 39


@pytest.mark.parametrize("when", ["first write", "shard", "result"])
def test_a_full_disk_loses_nothing(when, run_toml, expected, monkeypatch):
    results = run_toml.parent / "results"

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if when == "first write":
            patch.setattr(whole_files.os, "fsync", full)
        elif when == "shard":
            Watch(patch, 9, lambda: patch.setattr(chunk_log.os, "write", full))
        else:
            Watch(patch, 40, lambda: patch.setattr(whole_files.os, "replace", full))
        _, err = go(run_toml, status=2 if when == "first write" else 74)
    assert "No space left on device" in err.splitlines()[-1]
    assert "Traceback" not in err
    with monkeypatch.context() as patch:
        watch = Watch(patch)
        go(run_toml)
    assert len(watch.indices) == {"first write": 44, "shard": 36, "result": 0}[when]
    assert digests.of_file(results / "result.h5") == expected
    assert finished(results)


def test_a_directory_that_becomes_read_only(run_toml, expected, monkeypatch):
    """Root may write everywhere, so the run goes on as somebody else."""
    os.chmod(run_toml.parent, 0o755)
    for parent in (run_toml.parent, *run_toml.parent.parents[:3]):
        os.chmod(parent, os.stat(parent).st_mode | 0o055)
    results, user = run_toml.parent / "results", os.geteuid()
    results.mkdir()
    os.chmod(results, 0o777)

    def close():
        os.seteuid(user)
        for place in (results, results / "checkpoint"):
            os.chmod(place, 0o555)
        os.seteuid(65534 if user == 0 else user)

    os.seteuid(65534 if user == 0 else user)
    try:
        with monkeypatch.context() as patch:
            Watch(patch, 25, close)
            _, err = go(run_toml, status=74)
        assert err.splitlines()[-1].startswith("cojump: cannot write ")
        assert err.splitlines()[-1].endswith(": Permission denied")
        _, err = go(run_toml, status=2)
        assert err.startswith("cojump: cannot write into ")
    finally:
        os.seteuid(user)
        for place in (results, results / "checkpoint"):
            os.chmod(place, 0o777)
    with monkeypatch.context() as patch:
        watch = Watch(patch)
        go(run_toml)
    assert watch.indices == [], "the files that were open already have everything"
    assert digests.of_file(results / "result.h5") == expected


def stopped_run(run_toml, monkeypatch, at=30):
    """A run that was stopped: its directory, and its shard of whole chunks (a second one has the beginning of one)."""
    results = never_folded(run_toml, monkeypatch, at)
    shard, *_ = sorted((results / "checkpoint").glob("*.shard"))
    return results, shard


def test_a_shard_cut_off_or_turned_over_anywhere(run_toml, expected, monkeypatch):
    """Every 24,000th byte here, every 100th in the validation."""
    results, shard = stopped_run(run_toml, monkeypatch)
    check_damage(run_toml, results, shard, expected, 24_000, monkeypatch)


@pytest.mark.validation
@pytest.mark.timeout(3000)
def test_a_shard_cut_off_or_turned_over_at_every_hundredth_byte(run_toml, expected, monkeypatch):
    results, shard = stopped_run(run_toml, monkeypatch)
    faults = check_damage(run_toml, results, shard, expected, 100, monkeypatch)
    print(f"{faults} damaged files, results lost: 0")


def check_damage(run_toml, results, shard, expected, step, monkeypatch):
    data, faults = shard.read_bytes(), 0
    kept = {p: p.read_bytes() for p in results.rglob("*") if p.is_file()}
    for place in range(0, len(data), step):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place // step) % 8
        for content in (data[:place], bytes(flipped)):
            (results / "result.h5").unlink(missing_ok=True)
            for path, old in kept.items():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(old)
            shard.write_bytes(content)
            with monkeypatch.context() as patch:
                watch = Watch(patch)
                go(run_toml)
            assert digests.of_file(results / "result.h5") == expected
            assert len(set(watch.indices)) == len(watch.indices)
            assert 13 <= len(watch.indices) <= (18 if content == flipped else 44)
            faults += 1
    return faults


def test_damage_is_said_and_a_damaged_manifest_is_refused(run_toml, expected, monkeypatch):
    results, shard = stopped_run(run_toml, monkeypatch)
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    manifest = results / "checkpoint" / "manifest.h5"
    good = manifest.read_bytes()
    manifest.write_bytes(good[:-1])
    _, err = go(run_toml, status=2)
    assert err.startswith(f"cojump: {manifest} is cut short")
    assert shard.read_bytes() == data
    manifest.write_bytes(good)
    _, err = go(run_toml)
    line = f"cojump: damaged records in {results / 'checkpoint'} (1) do not count; their trajectories are run again"
    assert line in err.splitlines()
    assert digests.of_file(results / "result.h5") == expected


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("omega = 0.7", "omega = 0.8"), "[model] omega is 0.8 here and 0.7 there"),
        (("end = 1.0", "end = 2.0"), "[times] end is 2.0 here and 1.0 there"),
        (("seed = 7", "seed = 8"), "[run] seed is 8 here and 7 there"),
        (("seed = 7", "seed = 7\ntolerance = 1e-8"), "[run] tolerance is 1e-08 here and 1e-09 there"),
        (("n_traj = 22", "n_traj = 21"), "[run] n_traj is 21 here and 22 there, and it may only grow"),
        (("chunk = 4", "chunk = 5"), "[run] chunk is 5 here and 4 there"),
        (("keep = 6", "keep = 7"), "[run] keep is 7 here and 6 there"),
    ],
)
def test_a_changed_run_is_refused_with_the_difference(pair, message, run_toml, monkeypatch):
    results, _ = stopped_run(run_toml, monkeypatch)
    before = {p: p.read_bytes() for p in results.rglob("*") if p.is_file()}
    change(run_toml, pair)
    _, err = go(run_toml, status=2)
    advice = "use another directory with -o, or move it away"
    assert err == f"cojump: {results}/checkpoint/manifest.h5 belongs to another run file: {message}; {advice}\n"
    assert {p: p.read_bytes() for p in results.rglob("*") if p.is_file()} == before


def test_a_model_is_known_by_its_matrices(run_toml):
    """A comment in the user's file changes nothing; a rate does, and is named."""
    model = run_toml.parent / "mine.py"
    source = "import cojump\ndef build(size: int):\n    return cojump.systems.constrained(size, 0.7, 1.3, {})\n"
    model.write_text(source.format(0.8), encoding="utf-8")
    text = RUN[RUN.index("[initial]") :]
    run_toml.write_text('[model]\nsystem = "mine.py:build"\nsize = 4\n' + text, encoding="utf-8")
    go(run_toml)
    model.write_text("# a comment\n" + source.format("0.4 * 2"), encoding="utf-8")
    change(run_toml, ("n_traj = 22", "n_traj = 24"))
    go(run_toml)
    assert [r.n_traj for r in load(run_toml.parent / "results")] == [24]
    model.write_text(source.format(0.9), encoding="utf-8")
    change(run_toml, ("n_traj = 24", "n_traj = 26"))
    _, err = go(run_toml, status=2)
    assert "belongs to another run file: the file mine.py has changed since: jumps[1]" in err


def test_a_difference_is_listed_once_for_all_points(run_toml):
    """The matrices that a rate stands in depend on the size: every point differs in its own numbers."""
    model = run_toml.parent / "mine.py"
    source = "import cojump\ndef build(size: int):\n    return cojump.systems.constrained(size, 0.7, {}, 0.8)\n"
    model.write_text(source.format(1.3), encoding="utf-8")
    text = RUN[RUN.index("[initial]") :]
    run_toml.write_text('[model]\nsystem = "mine.py:build"\nsize = [4, 5, 6]\n' + text, encoding="utf-8")
    go(run_toml)
    model.write_text(source.format("1.3 if size == 4 else 0.1 * size"), encoding="utf-8")
    _, err = go(run_toml, status=2)
    assert "belongs to another run file: the file mine.py has changed since: jumps[0] j is (" in err
    assert err.count("j is") == 1
    assert "(in 2 of 3 points)" in err
    assert err.count("\n") == 1
    change(run_toml, ("n_traj = 22", "n_traj = 21"))
    _, err = go(run_toml, status=2)
    assert "another run file: [run] n_traj is 21 here and 22 there, and it may only grow; use another" in err


def test_a_target_error(run_toml):
    change(run_toml, ("n_traj = 22", "n_traj = 4000\ntarget_error = {spins.z = 0.05}\nmin_traj = 20"))
    go(run_toml)
    stopped = [r.n_traj for r in load(run_toml.parent / "results")]
    for result in load(run_toml.parent / "results"):
        z = result.labels.index("spins.z")
        assert 20 <= result.n_traj < 4000
        assert result.n_traj % 4 == 0
        assert result.mean_stderr[:, z].max() <= 0.05
        model = cojump.systems.constrained(result.n_particles, 0.7, 1.3, 0.8)
        state = cojump.tilted(model, 1.1, 0.4)
        for n_traj in range(20, result.n_traj, 4):  # it is the first boundary that reaches it
            less = cojump.simulate(model, state, result.times, n_traj=n_traj, chunk=4, seed=result.seed)
            assert less.mean_stderr[:, z].max() > 0.05
    out, _ = go(run_toml)
    assert out.startswith("cojump: complete, ")
    change(run_toml, ("spins.z = 0.05", "spins.z = 0.04"))
    go(run_toml)
    assert all(r.n_traj > n for r, n in zip(load(run_toml.parent / "results"), stopped, strict=True))
    go(run_toml, output=run_toml.parent / "whole")
    whole, parts = (digests.of_file(run_toml.parent / d / "result.h5") for d in ("whole", "results"))
    assert whole == parts


def test_a_target_names_figures_that_are_there(run_toml):
    change(run_toml, ("n_traj = 22", "n_traj = 40\ntarget_error = {spin.z = 0.05}"))
    _, err = go(run_toml, status=2)
    assert err == (
        "cojump: Argument `[run] target_error` must name averages among spins.x, spins.y, spins.z, deviation, "
        "but one is 'spin.z'\n"
    )


def test_walltime(run_toml, expected, monkeypatch):
    change(run_toml, ("seed = 7", "seed = 7\nwalltime_seconds = 1e-3"))
    out, err = go(run_toml, status=75)
    assert out == ""
    assert err.startswith("cojump: stopped (walltime_seconds) before the work began, ")
    assert err.endswith("; where this comes again walltime_seconds is too short\n")
    change(run_toml, ("1e-3", "3600.0"))
    with monkeypatch.context() as patch:
        Watch(patch, 13, hit(signal.SIGALRM))  # as the limit tells it
        out, _ = go(run_toml, status=75)
    assert "stopped (walltime_seconds), 14 of 44" in out
    change(run_toml, ("walltime_seconds = 3600.0", ""))
    go(run_toml)
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


def test_a_clock_that_is_set_back(run_toml, expected, monkeypatch):
    """Files of the future, and a clock that jumps back by a day while the job runs."""
    with monkeypatch.context() as patch:
        Watch(patch, 30, hit(signal.SIGTERM))
        go(run_toml, status=75)
    results = run_toml.parent / "results"
    for path in results.rglob("*"):
        os.utime(path, (time.time() + 1e6,) * 2)
    offset = [0.0]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + offset[0])
    Watch(monkeypatch, 5, lambda: offset.__setitem__(0, -86400.0))
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected
    assert finished(results)


def test_a_point_that_fails_does_not_stop_the_others(run_toml, expected, monkeypatch):
    results = run_toml.parent / "results"

    def fail():
        raise ConvergenceError("the step does not converge\nat t = 0.5")

    with monkeypatch.context() as patch:
        Watch(patch, 9, fail)  # trajectory 9 of the larger one, which is run first
        out, err = go(run_toml, status=3)
    assert "cojump: the step does not converge at t = 0.5 (the point size = 6; the others run)" in err.splitlines()
    assert out.startswith(f"cojump: 1 of 2 points, 1 failed, in {results}/result.h5; ")
    stored = load(results)
    assert stored.select(size=4)[0].n_traj == 22
    assert stored.select(size=6)[0].n_traj == 8, "what it had finished stays"
    shown = invoke("show", results)[0]
    assert "failed" in shown
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected


def test_a_point_that_cannot_be_built_does_not_stop_the_others(run_toml):
    change(run_toml, ("[4, 6]", "[0, 4, 6]"))
    out, err = go(run_toml, status=3)
    reason = "Argument `[model] size` must be an integer of at least 1, but it is 0"
    assert err.splitlines()[0] == f"cojump: {reason} (the point size = 0; the others run)"
    assert "2 of 3 points, 1 failed," in out
    assert [r.parameters["size"] for r in load(run_toml.parent / "results")] == [4, 6]
    out, err = go(run_toml, status=3)
    assert out.startswith("cojump: complete, 2 points")


def test_two_jobs_at_once(run_toml, expected, monkeypatch):
    """The second is refused while the first runs, and does not disturb it."""
    messages = []
    monkeypatch.setattr("cojump.jobs.directory.Lock.__init__.__defaults__", (0.1, 5.0))

    def second():
        messages.append(go(run_toml, status=2)[1])

    with monkeypatch.context() as patch:
        Watch(patch, 11, second)
        go(run_toml)
    results = run_toml.parent / "results"
    assert messages == [
        f"cojump: another job is running in {results}: process {os.getpid()} on {os.uname().nodename}\n"
    ]
    assert digests.of_file(results / "result.h5") == expected


def test_long_chunks_are_written_in_part(run_toml, expected, monkeypatch):
    """A killed process loses no more than checkpoint_seconds of a chunk that takes long."""
    change(run_toml, ("seed = 7", "seed = 7\ncheckpoint_seconds = 0"))

    killed_run(run_toml, monkeypatch, 7)
    with monkeypatch.context() as patch:
        watch = Watch(patch)
        go(run_toml)
    assert len(watch.indices) == 44 - 7
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


def test_files_go_as_soon_as_they_are_folded(run_toml, expected, monkeypatch):
    """The space on the disk does not grow with the run; a stopped one leaves the beginnings of chunks only."""
    counts, places = [], run_toml.parent / "results" / "checkpoint"

    def look(*_):
        counts.append(len(list(places.glob("*.shard"))))

    with monkeypatch.context() as patch:
        patch.setattr(chunk_log, "LIMIT", 1)  # a file for each chunk
        patch.setattr(directory, "_SHARE", 0)
        patch.setattr("cojump.jobs.job.Status.ran", look)
        Watch(patch, 42, hit(signal.SIGTERM))
        go(run_toml, status=75)
    assert len(counts) == 12
    assert max(counts) <= 3
    assert len(list(places.glob("*.shard"))) == 1
    monkeypatch.setattr("cojump.ensemble.chunk_log.LIMIT", 4 * 2**20)
    go(run_toml)
    assert digests.of_file(run_toml.parent / "results" / "result.h5") == expected


def test_fold_gathers_what_is_there(run_toml, expected, monkeypatch):
    results, _ = stopped_run(run_toml, monkeypatch)
    other = run_toml.parent / "now.h5"
    before = sorted(os.listdir(results / "checkpoint"))
    out, _ = invoke("fold", results, "-o", other)
    aside = f"31 are kept, {aside_text(1)}"
    assert out == f"cojump: 30 of 44 trajectories in {other}; {aside}\n"
    assert sorted(os.listdir(results / "checkpoint")) == before
    assert not (results / "result.h5").exists()
    assert [r.n_traj for r in load(other)] == [8, 22]
    out, _ = invoke("fold", results)
    assert out == f"cojump: 30 of 44 trajectories in {results}/result.h5; {aside}\n"
    _, err = invoke("report", results)
    assert "the run is not complete; all that can be folded is here" in err, "a second fold would add nothing"
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected
    _, err = invoke("fold", results, status=2)
    assert err == f"cojump: {results} holds no unfinished run; there is nothing to fold\n"


def test_fold_writes_no_empty_result(run_toml, expected, monkeypatch):
    """A run that was stopped in its first chunk, a directory that holds none, and no directory."""
    results, empty = run_toml.parent / "results", run_toml.parent / "empty"
    empty.mkdir()
    with monkeypatch.context() as patch:
        Watch(patch, 0, hit(signal.SIGTERM))
        go(run_toml, status=75)
    kept = f"1 of 44 trajectories kept ({aside_text(1)})"
    for place, why in (
        (results, f"no chunk of the run in {results} is whole, {kept}; there is nothing to fold"),
        (empty, f"{empty} holds no unfinished run; there is nothing to fold"),
        (run_toml, f"{run_toml} is no directory of a run"),
        (run_toml.parent / "nowhere", f"{run_toml.parent / 'nowhere'} is no directory of a run"),
    ):
        for options in ([], ["-o", str(run_toml.parent / "now.h5")]):
            outcome = CliRunner().invoke(cli, ["fold", str(place), *options])
            assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (2, "", f"cojump: {why}\n")
    assert sorted(os.listdir(run_toml.parent)) == ["empty", "results", "run.toml"]
    assert os.listdir(empty) == []
    assert not (results / "result.h5").exists()
    go(run_toml)
    assert digests.of_file(results / "result.h5") == expected


def test_show_of_a_running_and_of_a_stopped_job(run_toml, monkeypatch):
    shown = []
    results = run_toml.parent / "results"

    def look():
        shown.append(invoke("show", results)[0])

    with monkeypatch.context() as patch:
        patch.setattr("cojump.jobs.status.SECONDS", 0.0)
        Watch(patch, 26, look)
        go(run_toml)
    (text,) = shown
    assert f"running on {os.uname().nodename}, process {os.getpid()}" in text
    assert "trajectories by 1 rank, " in text
    assert "left          about 0 s" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["size", "=", "6", "finished", "22", "22"] in [row[:6] for row in rows]
    assert ["size", "=", "4", "running", "4", "22"] in [row[:6] for row in rows]
    stopped_run_after(run_toml, monkeypatch)
    text = invoke("show", results)[0]
    assert re.search(r"stopped \d s ago; the same command goes on", text)
    points = [
        line.split()[3] for line in text.splitlines() if line.split()[:2] == ["size", "="] and "40" in line.split()
    ]
    assert points == ["unfinished", "unfinished"], "nothing runs here any more"


def test_a_point_waits_until_one_of_its_trajectories_was_run(run_toml, monkeypatch):
    shown = []
    with monkeypatch.context() as patch:
        patch.setattr("cojump.jobs.status.SECONDS", 0.0)
        results = run_toml.parent / "results"
        Watch(patch, 4, lambda: shown.append(invoke("show", results)[0]))
        go(run_toml)
    rows = [line.split()[:4] for line in shown[0].splitlines()]
    assert ["size", "=", "4", "waiting"] in rows


def stopped_run_after(run_toml, monkeypatch):
    change(run_toml, ("n_traj = 22", "n_traj = 40"))
    with monkeypatch.context() as patch:
        Watch(patch, 3, hit(signal.SIGUSR1))
        go(run_toml, status=75)


def test_a_file_of_the_first_schema(run_toml):
    """It has no notes: complete ones are complete, and cannot be extended."""
    go(run_toml)
    path = run_toml.parent / "results" / "result.h5"
    stored = load(path)
    from cojump.storage.result_file import save_results

    save_results(path, stored, run_file=RUN, overwrite=True)
    out, _ = go(run_toml)
    assert out.startswith("cojump: complete, 2 points")
    change(run_toml, ("n_traj = 22", "n_traj = 30"))
    _, err = go(run_toml, status=2)
    assert f"[run] n_traj is 30 here and 22 there, and a file of schema {SCHEMA} cannot be extended" in err


def test_the_watch_sees_what_it_should(run_toml, monkeypatch):
    """Control: an undisturbed run is every trajectory once, the larger points first."""
    watch = Watch(monkeypatch)
    go(run_toml)
    assert watch.indices == [(n, i) for n in (6, 4) for i in range(22)]
    assert np.unique(watch.indices, axis=0).shape == (44, 2)


def test_what_is_kept_but_cannot_be_folded_yet_is_said(run_toml, monkeypatch):
    """All in the beginning of one chunk: no command sends the user to another one that has nothing for him."""
    change(run_toml, ("chunk = 4", "chunk = 4000"))
    results = run_toml.parent / "results"
    with monkeypatch.context() as patch:
        Watch(patch, 3, hit(signal.SIGTERM))
        go(run_toml, status=75)
    _, err = invoke("fold", results, status=2)
    kept = int(err.split(" whole, ")[1].split()[0])
    assert kept in (3, 4)
    why = f"no chunk of the run in {results} is whole, {kept} of 44 trajectories kept ({aside_text(kept)})"
    assert err == f"cojump: {why}; there is nothing to fold\n"
    _, err = invoke("report", results, status=2)
    assert err.splitlines()[-1] == (
        f"cojump: {results} has no result file: no chunk is whole yet, and nothing can be folded"
    )


@pytest.mark.parametrize("name", ["failures.json", "checkpoint.aside", ".lock"])
def test_fold_takes_no_name_that_the_run_itself_uses(name, run_toml, monkeypatch):
    results, _ = stopped_run(run_toml, monkeypatch)
    _, err = invoke("fold", results, "-o", results / name, status=2)
    assert err == f"cojump: cannot write {results / name}: a run keeps its own files there\n"
    assert not (results / name).exists()
