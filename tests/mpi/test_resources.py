"""What a run takes beside its trajectories: memory that does not grow, little time for its files."""

import statistics
import time

import pytest

import cojump as cj
from cojump.ensemble.chunk_files import Seat, record_of
from cojump.ensemble.point import Point
from cojump.ensemble.schedule import Task
from cojump.ensemble.worker import Worker
from tests.mpi.launch import run_module, write_run_file

MANY = 100_000
"""Short trajectories."""

GROWTH = 4.0
"""MiB by which rank 0 may be larger with ten times as many trajectories: noise of the allocator."""

OVERHEAD = 0.01
"""Share of the time of chunks of a second that writing them down may take."""


def peaks(directory, n_traj):
    directory.mkdir()
    model = {"system": '"free_flips"', "size": 2, "omega": 0.0, "rate_up": 1.0, "rate_down": 0.5}
    path = write_run_file(directory, model, n_traj=n_traj, chunk=20, end=0.2)
    run_module(2, "peak", directory / "peaks", "run", path, limit=1200).succeeded()
    (result,) = cj.load(directory / "results")
    assert result.n_traj == n_traj
    lines = (line.split() for line in (directory / "peaks").read_text().splitlines())
    return {int(rank): float(mib) for rank, mib in lines}


@pytest.mark.validation
@pytest.mark.timeout(3000)
def test_the_memory_of_rank_0_does_not_grow_with_the_trajectories(tmp_path):
    few, many = peaks(tmp_path / "few", MANY // 10), peaks(tmp_path / "many", MANY)
    print(
        f"{MANY // 10} and {MANY} trajectories: rank 0 takes {few[0]} and {many[0]} MiB, rank 1 {few[1]} and {many[1]}"
    )
    assert many[0] <= few[0] + GROWTH
    assert many[1] <= few[1] + GROWTH


@pytest.mark.validation
def test_writing_chunks_of_a_second_takes_little_time(tmp_path):
    model = cj.systems.constrained(200, 0.7, 1.3, 0.8)
    worker = Worker(Point(model, cj.tilted(model, 1.1, 0.4), [i / 10 for i in range(41)], n_traj=10**6, chunk=1000))
    writer, seconds = Seat(tmp_path, "session", "key").writer(0, 30.0), []
    size = 40
    for number in range(9):
        began = time.perf_counter()
        chunk = worker.run(Task(0, number, 1000 * number, 1000 * number + size, None), lambda: None, lambda _: None)
        ran = time.perf_counter()
        writer.append(record_of("point", number, chunk))
        wrote = time.perf_counter()
        writer.flush()
        seconds.append(((ran - began) / size, wrote - ran, time.perf_counter() - wrote))
        if number == 0:
            size = max(1, round(size / (ran - began)))  # chunks of a second from now on
    each, append, flush = (statistics.median(s) for s in zip(*seconds[1:], strict=True))
    share = (append + flush / 30) / (size * each)
    print(f"chunks of {size * each:.2f} s: {1e3 * append:.2f} ms each, {1e3 * flush:.1f} ms every 30 s: {share:.2%}")
    assert share <= OVERHEAD
