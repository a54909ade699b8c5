"""Jobs that are told to stop or killed on any rank: all ranks leave, nothing is lost, nothing counts twice."""

import os
import random
import signal
import time

import pytest

import cojump as cj
from cojump.jobs.directory import read_contents
from tests.mpi import digests
from tests.mpi.launch import cojump_script, end, finish, run_cojump, run_module, start, write_run_file
from tests.mpi.test_failures import watched
from tests.support.longer import few

AT_ONCE = 5
"""Seconds within which a job that is told to stop has left."""

KILLS = 50
"""Kills of one run."""


def slow(directory, n_traj=60, **options):
    """A run file of two points whose trajectories take long enough to be interrupted."""
    return watched(directory, "slow", size=[4, 6], n_traj=n_traj, chunk=3, keep=7, **options)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    run_cojump(None, "run", slow(directory), WATCHED_FAST="1").succeeded()
    return of_points(directory / "results")


def of_points(results):
    """Fingerprint without what names the directory of the test."""
    found = digests.of_file(results / "result.h5")
    return {name: value for name, value in found.items() if not name.endswith("@parameters")}


def at_work(directory, ranks, process, n=1):
    """Wait until every rank has begun ``n`` trajectories of this job."""
    deadline = time.monotonic() + 30
    files = [directory / f"begun{rank}" for rank in range(ranks)]
    while not all(f.exists() and f.stat().st_size >= n for f in files):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def started(directory, ranks, run_file, n=1):
    for old in directory.glob("begun*"):
        old.unlink()
    process = start(ranks, cojump_script(), "run", run_file)
    at_work(directory, ranks or 1, process, n)
    return process


def pid(directory, rank):
    return int((directory / f"pid{rank}").read_text())


@pytest.mark.validation
@pytest.mark.parametrize(("ranks", "rank", "number"), [(3, 2, signal.SIGUSR1)])
def test_a_signal_to_one_rank_stops_all_of_them(ranks, rank, number, tmp_path, expected):
    path = slow(tmp_path)
    process = started(tmp_path, ranks, path, n=4)
    began = time.monotonic()
    os.kill(pid(tmp_path, rank), number)
    job = finish(process)
    assert time.monotonic() - began < AT_ONCE
    assert job.status == 75, job.err
    assert job.messages == []
    assert "trajectories kept" in job.out
    assert "; the same command goes on" in job.out
    run_cojump(2, "run", path).succeeded()
    assert of_points(tmp_path / "results") == expected
    assert os.listdir(tmp_path / "results") == ["result.h5"]


def test_ctrl_c_under_mpiexec(tmp_path, expected):
    path = slow(tmp_path)
    process = started(tmp_path, 2, path, n=3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    job = finish(process)
    assert time.monotonic() - began < AT_ONCE
    assert job.status == 75, job.err
    run_cojump(None, "run", path, WATCHED_FAST="1").succeeded()
    assert of_points(tmp_path / "results") == expected


@pytest.mark.validation
def test_ctrl_c_without_mpiexec(tmp_path, expected):
    path = slow(tmp_path)
    process = started(tmp_path, None, path, n=5)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    job = finish(process)
    assert time.monotonic() - began < AT_ONCE
    assert job.status == 75, job.err
    run_cojump(2, "run", path).succeeded()
    assert of_points(tmp_path / "results") == expected


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.validation), 1])
def test_ctrl_c_before_the_ranks_have_met(rank, tmp_path):
    """All of them leave with the status that says "run it again", and the first one says why; none waits in MPI."""
    path = slow(tmp_path)
    job = run_module(2, "told_early", rank, "run", path)
    assert job.status == 75, job.err
    assert job.messages == ["cojump: stopped (SIGINT) before the work began; the same command goes on"]
    assert "Abort" not in job.err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.validation), 1])
def test_mean_fields_of_all_ranks_are_kept(rank, tmp_path):
    """Each is made once, by some rank; a job that is told to stop among them has those that were finished."""
    job = run_cojump(2, "run", watched(tmp_path, "fields", rank, [2, 3, 4, 5, 6, 7, 8, 9]))
    assert job.status == 75, job.err
    name = "SIGTERM" if rank == 0 else "a signal"
    assert job.messages == [f"cojump: stopped ({name}) before the work began; the same command goes on"]
    begun = [(tmp_path / f"fields{i}").read_text().split() for i in (0, 1)]
    assert begun[0][0] == "2"
    assert begun[1][0] == "3"
    assert len({*begun[0], *begun[1]}) == len(begun[0]) + len(begun[1]) < 8
    kept = {str(result.n_particles) for result, _ in read_contents(tmp_path / "results").notes().values()}
    finished = {*begun[0], *begun[1]} - {begun[rank][1]}
    if rank == 0:  # it does not wait for what another one has in hand
        assert {begun[0][0]} <= kept <= finished
    else:
        assert kept == finished


@pytest.mark.validation
@pytest.mark.parametrize("rank", [0, 1])
def test_ctrl_c_while_points_are_planned(rank, tmp_path):
    job = run_cojump(2, "run", watched(tmp_path, "interrupt", rank))
    assert job.status == 75, job.err
    assert "Traceback" not in job.err


@pytest.mark.validation
def test_a_long_trajectory_is_left_in_the_middle(tmp_path):
    """Every rank is in a trajectory that would take minutes."""
    model = {"system": '"constrained"', "size": 100_000, "omega": 0.7, "rate_up": 1.3, "rate_down": 0.8}
    path = write_run_file(tmp_path, model, n_traj=4, chunk=1, end=40.0)
    process = start(2, cojump_script(), "run", path)
    status = tmp_path / "results" / "checkpoint" / "status.json"
    deadline = time.monotonic() + 40
    while not status.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    job = finish(process)
    assert time.monotonic() - began < AT_ONCE
    assert job.status == 75, job.err
    assert "stopped (SIGINT), 0 of 4 trajectories kept" in job.out


@pytest.mark.parametrize("action", few(["interrupt", "fail"], "interrupt"))
def test_simulate_keeps_what_was_finished_on_every_rank(action, tmp_path):
    run_module(2, "stopped", tmp_path, action).succeeded()
    one, two = ((tmp_path / f"{action}{rank}").read_text() for rank in range(2))
    assert one == two
    kind, kept, same, *message = one.split()
    assert (kind, same) == ({"interrupt": "SimulationInterrupted", "fail": "ConvergenceError"}[action], "True")
    assert 0 < int(kept) < 100_000
    assert action == "interrupt" or " ".join(message).endswith("no step is short enough")


def kill_again_and_again(directory, kills, seed, n_traj):
    """Kill a random rank at a random time, then let the run come to its end; the numbers of ranks vary too."""
    rng = random.Random(seed)
    path = slow(directory, n_traj=n_traj)
    for _ in range(kills):
        ranks = rng.choice([2, 3])
        process = started(directory, ranks, path, n=rng.randrange(1, 12))
        try:
            time.sleep(rng.random() * 0.3)
            os.kill(pid(directory, rng.randrange(ranks)), signal.SIGKILL)
            job = finish(process)
            assert job.status not in (0, 75), "the run was over before it could be killed"
            assert "Traceback" not in job.err
        finally:
            end(process)
    run_cojump(2, "run", path, limit=300).succeeded()
    run_cojump(None, "run", path, "-o", directory / "whole", limit=300).succeeded()
    assert of_points(directory / "results") == of_points(directory / "whole")
    assert [r.n_traj for r in cj.load(directory / "results")] == [n_traj, n_traj]
    assert os.listdir(directory / "results") == ["result.h5"]


@pytest.mark.validation
@pytest.mark.timeout(3000)
def test_killed_fifty_times_in_one_run(tmp_path):
    kill_again_and_again(tmp_path, KILLS, seed=2, n_traj=900)
    print(f"{KILLS} kills, results lost: 0, trajectories counted twice: 0")


@pytest.mark.validation
@pytest.mark.timeout(1200)
def test_any_number_of_ranks_and_five_interruptions(tmp_path, expected):
    for ranks in (1, 2, 3, 7, 16):
        directory = tmp_path / f"ranks{ranks}"
        directory.mkdir()
        run_cojump(ranks, "run", slow(directory), limit=300).succeeded()
        assert of_points(directory / "results") == expected
    path = slow(tmp_path)
    for ranks in (2, 3, 1, 7, 2):
        process = started(tmp_path, ranks, path, n=2)
        os.kill(pid(tmp_path, ranks - 1), signal.SIGTERM)
        assert finish(process, 120).status == 75
    run_cojump(2, "run", path).succeeded()
    assert of_points(tmp_path / "results") == expected
    print("1, 2, 3, 7, 16 ranks and a run interrupted five times: the same bytes")


@pytest.mark.parametrize("method", few(["together", "share", "agree", "in_turn"], "share"))
def test_no_rank_waits_for_one_that_ctrl_c_has_taken_out_early(method):
    job = run_module(2, "stopped_early", method, limit=30)
    assert job.status == 130, job.err
