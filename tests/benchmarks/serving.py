"""What rank 0 does for the others, in microseconds per chunk: the constants of the cost model in docs/clusters.md.

Processor time of rank 0, medians; what it waits does not count.

mpiexec -n 2 python -m tests.benchmarks.serving REPETITIONS     one line of JSON
"""

import json
import pickle
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mpi4py import MPI

from cojump.ensemble.chunk import Groups, packed, statistics_of
from cojump.ensemble.chunk_files import Seat, record_of
from cojump.ensemble.chunk_log import fetch, scan, shard_files
from cojump.ensemble.ordered_merge import Fold
from cojump.ensemble.point import Point
from cojump.ensemble.schedule import Task
from cojump.ensemble.worker import Worker
from cojump.errors import Interrupted
from cojump.parallel.mpi import World
from cojump.parallel.task_server import TaskServer

from .cases import TIMES, constrained

CHUNKS = 1000


def one_chunk():
    """A chunk of the benchmark, the fold it belongs to, and its size in a message."""
    model, state = constrained(50)
    point = Point(model, state, TIMES, n_traj=4 * CHUNKS, chunk=4)
    worker = Worker(point)
    chunk = worker.run(Task(0, 0, 0, 4, None), lambda: None, lambda _: None)
    return point, worker.skeleton, chunk


def served(world, fold, chunk):
    """Seconds per chunk of answering: the other rank sends chunks that cost nothing and rank 0 does nothing else."""
    tasks = iter(range(CHUNKS))

    def next_task():
        return next(tasks, None)

    def work(task, poll):
        if world.rank == 0:
            while True:  # rank 0 serves only, until told that all is done
                try:
                    poll()
                except Interrupted:
                    return None
        return packed(chunk)

    results, spent, answer = [], [0.0], TaskServer._answer_one

    def timed(server):
        began = time.process_time()
        answer(server)
        spent[0] += time.process_time() - began

    TaskServer._answer_one = timed
    try:
        world.distribute(
            next_task,
            lambda most: most,
            work,
            lambda rank, task, result: results.append(rank if rank == 0 else fold.unpacked(result)),
            lambda: world.rank == 0 and len(results) == CHUNKS - 1,
        )
    finally:
        TaskServer._answer_one = answer
    return spent[0] / CHUNKS


def folded(point, skeleton, chunk):
    """Seconds per chunk of merging."""
    fold = Fold(skeleton, point.goal)
    began = time.process_time()
    for number in range(CHUNKS):
        fold.take(number, chunk._replace(start=4 * number, stop=4 * number + 4))
    return (time.process_time() - began) / CHUNKS


def from_disk(skeleton, chunk):
    """Seconds per chunk: append a record, find it again, read it; and its bytes."""
    groups = Groups(statistics_of(skeleton))
    with tempfile.TemporaryDirectory() as place:
        writer = Seat(Path(place), "session", "key").writer(0, 1e9)
        began = time.process_time()
        for number in range(CHUNKS):
            writer.append(record_of("point", number, chunk))
        written = time.process_time()
        writer.close()
        files = shard_files(Path(place))
        for path in files:
            for item in scan(path, b"key").places:
                groups.filled(fetch(item, b"key").moments)
        done = time.process_time()
        size = sum(path.stat().st_size for path in files) / CHUNKS
    return (written - began) / CHUNKS, (done - written) / CHUNKS, size


def main():
    world, repetitions = World(MPI.COMM_WORLD), int(sys.argv[1])
    point, skeleton, chunk = one_chunk()
    rows = []
    for _ in range(repetitions):
        row = [served(world, Fold(skeleton, point.goal), chunk)]
        if world.rank == 0:
            row += [folded(point, skeleton, chunk), *from_disk(skeleton, chunk)]
        rows.append(row)
    if world.rank == 0:
        serve, fold, append, read, size = (statistics.median(column) for column in zip(*rows, strict=True))
        figures = {
            "message_bytes": len(pickle.dumps(packed(chunk))),
            "record_bytes": round(size),
            "serve_us": 1e6 * serve,
            "fold_us": 1e6 * fold,
            "append_us": 1e6 * append,
            "read_us": 1e6 * read,
        }
        print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
