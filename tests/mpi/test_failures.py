"""Whatever goes wrong on one rank, the whole job ends at once, says why once, and has a status that is not 0."""

import os
import signal
import time

import pytest

import cojump as cj
from tests.mpi import digests
from tests.mpi.launch import HERE, cojump_script, end, finish, run_cojump, run_module, start, write_run_file
from tests.support.longer import few

AT_ONCE = 20
"""Seconds from the start of the job: imports on a loaded machine take most of them, a hang far more."""


def watched(directory, action, rank=1, size=4, **options):
    """A run file with the model of watched.py."""
    model = {
        "system": f'"{HERE / "watched.py"}:build"',
        "size": size,
        "action": f'"{action}"',
        "rank": rank,
        "directory": f'"{directory}"',
    }
    return write_run_file(directory, model, **options)


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.validation), 1])
def test_an_unexpected_error_shows_its_traceback_once(rank, tmp_path):
    job = run_cojump(2, "run", watched(tmp_path, "raise", rank), limit=AT_ONCE)
    assert job.status != 0
    assert job.messages == [f"cojump: rank {rank} failed:"]
    assert job.err.count("Traceback (most recent call last)") == 1
    assert job.err.count("RuntimeError: the lamp went out") == 1


@pytest.mark.parametrize(
    ("action", "rank", "message"),
    few(
        [
            ("nan", 1, "Trajectory "),
            ("memory", 1, "not enough memory"),
            ("mean_field", 1, "the mean field does not converge (the point size = 6; "),
            ("occupied", 0, "cannot write "),
        ],
        ("nan", 1, "Trajectory "),
        rows=True,
    ),
)
def test_an_expected_error_is_one_line(action, rank, message, tmp_path):
    sizes = [4, 6] if action == "mean_field" else 4  # one for each rank
    job = run_cojump(2, "run", watched(tmp_path, action, rank, sizes), limit=AT_ONCE)
    assert job.status != 0
    assert "Traceback" not in job.err
    (line,) = job.messages
    assert line.startswith(f"cojump: rank {rank}: ")
    assert message in line
    assert job.status == {"occupied": 74}.get(action, 3)
    if action in ("nan", "memory"):  # the point failed, the job did not: what was said stays on the disk
        assert job.status == 3
        shown = run_cojump(None, "show", tmp_path / "results").succeeded()
        assert f"failed: size = 4: {line.removeprefix('cojump: ')}" in shown.out


@pytest.mark.validation
def test_an_error_while_the_first_rank_alone_prepares_the_directory(tmp_path):
    """The others wait for it there."""
    job = run_cojump(2, "run", watched(tmp_path, "no_room", rank=0), limit=AT_ONCE)
    assert job.status == 2
    assert job.messages == ["cojump: rank 0: not enough memory: the model is too large"]


@pytest.mark.validation
def test_a_function_of_the_user_that_raises_on_one_rank_only(tmp_path):
    job = run_cojump(3, "run", watched(tmp_path, "amplitude"), limit=AT_ONCE)
    assert job.status != 0
    assert "Traceback" not in job.err
    (line,) = job.messages
    assert "ZeroDivisionError" in line


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.validation), 1])
def test_an_argument_that_one_rank_alone_gets_wrong(rank):
    job = run_module(2, "one_wrong", rank, limit=AT_ONCE)
    assert job.status != 0
    assert "Argument `n_traj` must be an integer of at least 1, but it is -1" in job.err


BAD = {
    "unknown key": ({"colour": 3}, "Argument `[model] colour` must be one of the keys"),
    "refused by the model": ({"rate_up": -1.0}, "Argument `[model] rate_up` must be"),
}


@pytest.mark.parametrize("what", [pytest.param("unknown key", marks=pytest.mark.validation), "refused by the model"])
def test_a_bad_run_file_is_one_line(what, tmp_path):
    change, message = BAD[what]
    good = {"system": '"constrained"', "size": 4, "omega": 0.7, "rate_up": 1.3, "rate_down": 0.8}
    job = run_cojump(2, "run", write_run_file(tmp_path, {**good, **change}), limit=AT_ONCE)
    assert job.status == 2
    assert job.err.splitlines() == job.messages
    assert len(job.messages) == 1
    assert message in job.err
    assert not (tmp_path / "results").exists()


@pytest.mark.validation
def test_a_place_that_only_the_first_rank_looks_at(tmp_path):
    (tmp_path / "results").write_text("")
    path = write_run_file(
        tmp_path, {"system": '"constrained"', "size": 4, "omega": 0.7, "rate_up": 1.3, "rate_down": 0.8}
    )
    job = run_cojump(2, "run", path, limit=AT_ONCE)
    assert job.status == 2
    assert job.err.splitlines() == job.messages
    assert len(job.messages) == 1
    assert "it is a file, not a directory" in job.err or "Not a directory" in job.err


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.validation), 1])
def test_a_killed_rank_ends_the_job_and_loses_no_finished_point(rank, tmp_path):
    path, results = watched(tmp_path, "wait", size=[6, 2], n_traj=16, keep=4), tmp_path / "results"
    job = kill_after_the_first_point(path, results / "result.h5", tmp_path / f"pid{rank}")
    assert job.status != 0
    assert job.seconds < AT_ONCE / 2
    (saved,) = cj.load(results).select(size=6)
    assert (saved.n_particles, saved.n_traj) == (6, 16)

    if rank == 1:  # the rest is run when the same command is given again
        assert "1 of 2 points there already" in run_cojump(2, "run", path).succeeded().out
        run_cojump(None, "run", path, "-o", tmp_path / "whole").succeeded()
        assert digests.of_file(results / "result.h5") == digests.of_file(tmp_path / "whole" / "result.h5")
        assert os.listdir(results) == ["result.h5"]


def kill_after_the_first_point(run_file, result_file, pid_file):
    """Start two ranks and kill one as soon as there is a result file."""
    process = start(2, cojump_script(), "run", run_file, WATCHED_SLOW="1")
    try:
        deadline = time.monotonic() + AT_ONCE
        while not result_file.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None
        assert result_file.exists()
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        return finish(process, AT_ONCE)
    finally:
        end(process)
