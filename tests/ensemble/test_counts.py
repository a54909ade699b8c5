"""How many trajectories there are, in the same words everywhere, and numbers of chunks that no loop could count."""

from __future__ import annotations

import re
import signal
import time

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.chunk import Chunk
from cojump.ensemble.goal import Goal
from cojump.ensemble.ordered_merge import Fold, aside_text, kept_text
from cojump.ensemble.point import Point
from cojump.ensemble.schedule import Schedule
from cojump.ensemble.worker import Worker
from cojump.jobs.unfinished import unreached
from cojump.storage.result_file import load
from cojump.tools.numbers import format_number, format_value
from tests.support import hooks
from tests.support.command_line import invoke
from tests.support.interrupted import Watch, change, go, hit, killed_run

T = np.linspace(0, 1, 3)


@pytest.fixture(scope="module")
def skeleton():
    model = cj.systems.free_flips(2, 0.7, 1.3, 0.8)
    return Worker(Point(model, cj.tilted(model, 1.1, 0.4), T, n_traj=1)).skeleton


def test_what_is_left_of_very_many_chunks(skeleton):
    began = time.perf_counter()
    folds = {0: Fold(skeleton, Goal(10**15 + 7, 3)), 1: Fold(skeleton, Goal(10**12, 1))}
    folds[1].offer(10**11, 10**11, 10**11 + 1, lambda: None)
    schedule = Schedule(folds, {0: 2.0, 1: 1.0})
    assert schedule.remaining() == 10**15 + 7 + 10**12 - 1
    assert schedule.next_task()[:4] == (0, 0, 0, 3)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("n_traj", [pytest.param(10**9, marks=pytest.mark.validation), 2**63 - 1])
def test_very_many_trajectories_hear_a_signal(n_traj, run_toml, monkeypatch):
    change(run_toml, ("n_traj = 22", f"n_traj = {n_traj}"), ("size = [4, 6]", "size = 4"))
    began = time.process_time()
    with monkeypatch.context() as patch:
        Watch(patch, 9, hit(signal.SIGTERM))
        out, _ = go(run_toml, status=75)
    assert f"of {n_traj:,} trajectories kept" in out
    shown, _ = invoke("show", run_toml.parent / "results")
    assert str(n_traj) in shown
    invoke("show", run_toml)
    invoke("fold", run_toml.parent / "results")
    invoke("report", run_toml.parent / "results")
    assert time.process_time() - began < 20


def test_more_trajectories_than_can_be_numbered(run_toml):
    change(run_toml, ("n_traj = 22", "n_traj = 100000000000000000000000000"))
    _, err = invoke("run", run_toml, status=2)
    assert re.search(r"n_traj. must be an integer (of at least 1|below 2\^63), but", err)


def test_one_count_everywhere(run_toml, monkeypatch):
    """After two interruptions: the stop line, show, fold and report say the same, and say where the rest is."""
    results = run_toml.parent / "results"
    for at in (3, 5):
        with monkeypatch.context() as patch:
            Watch(patch, at, hit(signal.SIGTERM))
            out, _ = go(run_toml, status=75)
    kept, aside = re.search(r"(\d+) of 44 trajectories kept \((\d+) of them in chunks that are not whole", out).groups()
    stored = sum(result.n_traj for result in load(results))
    assert int(kept) == stored + int(aside)
    shown, _ = invoke("show", results)
    rows = [line.split() for line in shown.splitlines() if re.match(r"\s*size = \d+\s+(unfinished|finished)", line)]
    assert sum(int(row[4]) for row in rows) == int(kept)
    assert sum(int(row[6]) for row in rows) == stored
    line = next(line for line in shown.splitlines() if line.startswith("unfinished: size = 6"))
    assert aside_text(int(aside)) in line
    folded, _ = invoke("fold", results)
    assert folded.startswith(f"cojump: {stored} of 44 trajectories in ")
    assert f"{kept} are kept, {aside_text(int(aside))}" in folded
    made, err = invoke("report", results)
    assert "cojump fold" not in err, "it would add nothing"
    assert aside_text(int(aside)) in made


def counts_of(shown):
    """Done and folded trajectories of all points in the table of the job."""
    rows = [line.split() for line in shown.splitlines() if re.match(r"\s*size = \d+\s+(un)?finished", line)]
    return sum(int(row[4]) for row in rows), sum(int(row[6]) for row in rows)


def test_a_killed_run_is_counted_on_the_disk(run_toml, monkeypatch):
    """It has said nothing since its last look at the clock; show says what a fold finds, before the fold and after."""
    change(run_toml, ("seed = 7", "seed = 7\ncheckpoint_seconds = 0"))
    results = killed_run(run_toml, monkeypatch, 31)
    shown, _ = invoke("show", results)
    assert counts_of(shown) == (31, 22), "the job itself has stored its first point"
    assert "0 of 22 trajectories are in the result file, 9 are kept, of which a fold gathers 8, " in shown
    assert aside_text(1) in shown
    folded, _ = invoke("fold", results)
    assert folded == f"cojump: 30 of 44 trajectories in {results / 'result.h5'}; 31 are kept, {aside_text(1)}\n"
    shown, _ = invoke("show", results)
    assert counts_of(shown) == (31, 30)
    assert f"8 of 22 trajectories are in the result file, 9 are kept, {aside_text(1)}" in shown
    monkeypatch.undo()
    watch = Watch(monkeypatch)
    go(run_toml)
    assert len(watch.indices) == 13


def test_a_job_that_ends_before_its_first_trajectory_was_not_killed(run_toml, monkeypatch):
    with monkeypatch.context() as patch:
        hooks.at_stage(patch, "compiled", hit(signal.SIGTERM))
        go(run_toml, status=75)
    shown, _ = invoke("show", run_toml.parent / "results")
    lines = shown.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "killed" not in line
        assert "no job has begun its trajectories yet; 0 of 22 trajectories are in the result file" in line


def test_words_of_a_count(skeleton):
    fold = Fold(skeleton, Goal(20, 4))
    assert kept_text([fold]) == "0 of 20 trajectories kept"
    fold.offer(2, 8, 12, lambda: Chunk(8, 12, (), skeleton.trajectories, 0))
    fold.offer(3, 12, 13, lambda: Chunk(12, 13, (), skeleton.trajectories, 0))
    assert kept_text([fold]) == f"5 of 20 trajectories kept ({aside_text(5)})"


def test_the_last_trajectory_after_the_limit(run_toml, monkeypatch):
    """All is there when the job is told to stop: that is status 0, not 75."""
    change(run_toml, ("seed = 7", "seed = 7\nwalltime_seconds = 600"))
    with monkeypatch.context() as patch:
        watch = Watch(patch, 43, hit(signal.SIGTERM))
        out, _ = go(run_toml)
    assert len(watch.indices) == 44
    assert "results/result.h5" in out.replace(str(run_toml.parent), "")


def test_a_limit_that_no_chunk_fits_in(run_toml, monkeypatch):
    change(run_toml, ("seed = 7", "seed = 7\nwalltime_seconds = 2.0"))
    with monkeypatch.context() as patch:
        Watch(patch, 3, lambda: time.sleep(3))
        out, _ = go(run_toml, status=75)
    assert re.search(r"a trajectory takes 0\.\d+ s, so no chunk of \d+ ends within walltime_seconds = 2: ", out)
    assert re.search(r"what is finished of it is kept, chunk = \d would end\n$", out)


def test_a_target_that_is_waited_for_is_told(run_toml, monkeypatch):
    change(run_toml, ("seed = 7", "seed = 7\ntarget_error = 1e-4\nmin_traj = 4"))
    with monkeypatch.context() as patch:
        Watch(patch, 13, hit(signal.SIGTERM))
        out, _ = go(run_toml, status=75)
    assert "; the same command goes on; size = " in out
    assert " needs " in out.split("; the same command goes on; ")[1]
    shown, _ = invoke("show", run_toml.parent / "results")
    assert "target_error: size = " in shown
    out, _ = go(run_toml)
    assert "target_error is not reached with all n_traj: size = 4 still needs " in out
    line = out.splitlines()[-1].removeprefix("cojump: ")
    again, _ = go(run_toml)  # nothing is left to be run, and the target is as far as before
    assert again.splitlines()[0].startswith("cojump: complete, 2 points in ")
    assert again.splitlines()[1] == f"cojump: {line}"
    for look in ("show", "report"):
        shown, _ = invoke(look, run_toml.parent / "results")
        assert line in shown.splitlines()
    assert (run_toml.parent / "results" / "report.html").read_text().count("n_traj may grow, about ") == 1


def test_how_many_trajectories_a_target_needs():
    model = cj.systems.free_flips(4, 0.5, 1.0, 0.7)
    state, options = cj.tilted(model, 1.0, 0.3), {"chunk": 8, "seed": 3}
    result = cj.simulate(model, state, [0, 1], n_traj=64, **options)
    limit = float(result["spins.z"].stderr.max()) / 2
    goal = Goal(64, 8, target={"spins.z": limit})
    needed = goal.trajectories_for(result)
    assert needed == pytest.approx(256, abs=1)
    assert Goal(64, 8, target={"spins.z": limit, "spins.x": 1.0}).trajectories_for(result) == needed
    reached = cj.simulate(model, state, [0, 1], n_traj=10**6, target_error={"spins.z": limit}, **options)
    assert 0.7 * needed < reached.n_traj < 1.4 * needed
    assert unreached([(result, goal), (reached, goal)]) == [
        f"target_error is not reached with all n_traj: the point still needs {goal.waits_for(result)}; n_traj may "
        "grow, about 260 would reach it"
    ]
    assert unreached([(reached, goal)]) == []


def test_at_the_end_all_trajectories_are_held_against_the_target(run_toml):
    """Not the whole chunks alone, of which there may be none: then nothing but `min_traj` would be missing."""
    change(run_toml, ("seed = 7", "seed = 7\ntarget_error = 1e-4\nmin_traj = 4"), ("chunk = 4", "chunk = 1000"))
    out, _ = go(run_toml)
    assert "target_error is not reached with all n_traj: size = 4 still needs " in out
    assert "min_traj" not in out.split("still needs")[1]


def test_numbers_of_any_size():
    assert format_value(0.0, 0.0, True) == "0.00000 ± ?"
    assert format_value(3.9e-8, 1.6e-8, True) == "3.9e-08 ± 1.6e-08 ?"
    assert format_value(1e-7, 1e-14, exact=0.0) == "1.00000000e-07 ± 1.0e-14"
    assert format_value(1e20, 1e17) == "1.0000e+20 ± 1.0e+17"
    assert format_value(1e300, 1e297) == "1.0000e+300 ± 1.0e+297"
    assert format_number(2.8e-7, 1e-8) == "2.80e-07"
    assert format_number(2.8e-7, 1e-3) == "0.00000"
    for value in (0.0, -1e-300, 1e-12, 0.5, 123.4, 1e18):
        for error in (1e-300, 1e-9, 1e-3, 7.0, 1e9, 1e18):
            assert len(format_value(value, error, exact=0.0)) < 45
