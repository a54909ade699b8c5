"""Files of finished chunks: whatever is cut off or turned over, every other record is found and none is wrong."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cojump.ensemble import chunk_log
from cojump.ensemble.chunk_log import ShardWriter, Stored, decode, encode, fetch, scan
from cojump.errors import StorageError
from tests.support.command_line import environment

KEY = b"0123456789abcdef"


def record(number: int, size: int = 3) -> Stored:
    rng = np.random.default_rng(number)
    moments = [
        (8, rng.normal(size=(size, 4)), rng.normal(size=(size, 6))),
        (8, rng.normal(size=(1, 2)), np.ones((1, 2))),
    ]
    return Stored("point", number, 8 * number, 8 * number + 8, number, rng.normal(size=(number % 3, size, 3)), moments)


def same(one: Stored, two: Stored) -> bool:
    plain = one[:5] == two[:5] and [m[0] for m in one.moments] == [m[0] for m in two.moments]
    arrays = [(one.series, two.series)]
    for (_, a, b), (_, c, d) in zip(one.moments, two.moments, strict=True):
        arrays += [(a, c), (b, d)]
    return plain and all(x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in arrays)


@pytest.fixture
def shard(tmp_path):
    """A file of five records, and where they begin and end."""
    ends, writer = [], ShardWriter(tmp_path / "a", KEY, 1e9)
    path = writer.path
    for number in range(5):
        assert writer.append(record(number)) == 0
        ends.append(path.stat().st_size)
    writer.close()
    return path, ends


def numbers(path: Path, key: bytes = KEY) -> list[int]:
    """Numbers of the records that are found, each of them right in every bit."""
    places = scan(path, key).places
    for place in places:
        assert same(fetch(place, key), record(place.number))
    return [place.number for place in places]


def test_round_trip(shard):
    path, _ = shard
    assert numbers(path) == [0, 1, 2, 3, 4]
    found = scan(path, KEY)
    assert (found.damaged, found.torn) == (0, False)
    assert [(p.start, p.stop, p.point) for p in found.places][2] == (16, 24, "point")
    assert same(decode(encode(record(3), KEY)[chunk_log._PREFIX.size :]), record(3))


def test_records_are_there_before_the_file_is_closed(tmp_path):
    """What a killed process has finished is in the file."""
    writer = ShardWriter(tmp_path / "a", KEY, 1e9)
    writer.append(record(0))
    assert numbers(writer.path) == [0]


def test_a_rank_goes_on_in_another_file(tmp_path, monkeypatch):
    monkeypatch.setattr(chunk_log, "LIMIT", 1500)
    writer = ShardWriter(tmp_path / "a", KEY, 1e9)
    places = [writer.append(record(number), apart=number == 5) for number in range(7)]
    writer.close()
    assert places[0] == 0
    assert places[5] == places[4] + 1, "apart"
    assert places[-1] >= 2
    found = [n for path in chunk_log.shard_files(tmp_path) for n in numbers(path)]
    assert found == list(range(7))
    assert all(path.stat().st_size <= 1500 for path in chunk_log.shard_files(tmp_path))


def test_truncated_anywhere_the_whole_records_before_are_found(shard):
    path, ends = shard
    data = path.read_bytes()
    near = {end + step for end in ends for step in (-1, 0, 1) if end + step <= len(data)}
    for length in sorted({*range(0, len(data), 23), *range(60), *near}):
        path.write_bytes(data[:length])
        found = scan(path, KEY)
        expected = sum(end <= length for end in ends)
        assert [p.number for p in found.places] == list(range(expected))
        assert found.damaged == 0
        assert found.torn == (length not in (len(chunk_log._HEADER), *ends))


def test_a_flipped_bit_costs_one_record_at_most(shard):
    path, ends = shard
    data = path.read_bytes()
    prefixes = {
        end + step for end in (len(chunk_log._HEADER), *ends[:-1]) for step in range(-1, chunk_log._PREFIX.size + 1)
    }
    for place in sorted({*range(0, len(data), 37), *prefixes}):
        wrong = bytearray(data)
        wrong[place] ^= 1 << place % 8
        path.write_bytes(wrong)
        hit = sum(end <= place for end in ends)
        expected = [n for n in range(5) if n != hit]
        found = [p.number for p in scan(path, KEY).places]
        assert found == expected or (place < len(chunk_log._HEADER) and found == [0, 1, 2, 3, 4])
    path.write_bytes(data)
    assert numbers(path) == [0, 1, 2, 3, 4]


def test_damage_in_the_middle_is_told_from_a_torn_end(shard):
    path, ends = shard
    data = bytearray(path.read_bytes())
    data[ends[1] + 40] ^= 1
    path.write_bytes(data[: ends[3] + 20])
    found = scan(path, KEY)
    assert ([p.number for p in found.places], found.damaged, found.torn) == ([0, 1, 3], 1, True)


def test_records_of_another_run_are_not_taken(shard):
    assert numbers(shard[0], b"another") == []
    assert scan(shard[0], b"another").damaged + scan(shard[0], b"another").torn > 0


def test_a_record_that_has_changed_since_is_refused(shard):
    path, ends = shard
    places = scan(path, KEY).places
    data = bytearray(path.read_bytes())
    data[ends[0] + 50] ^= 4
    path.write_bytes(data)
    assert same(fetch(places[0], KEY), record(0))
    with pytest.raises(StorageError, match="has changed while it was read"):
        fetch(places[1], KEY)
    path.unlink()
    with pytest.raises(StorageError, match="cannot read"):
        fetch(places[0], KEY)
    with pytest.raises(StorageError, match="cannot read"):
        scan(path, KEY)


def test_a_disk_that_fills_up(tmp_path, monkeypatch):
    """What did not fit is taken away again, so that later records can be found."""
    writer, real, room = ShardWriter(tmp_path / "a", KEY, 1e9), os.write, [1]
    path = writer.path
    writer.append(record(0))
    end = path.stat().st_size

    def full(descriptor, data):
        if room.pop():
            room.append(0)
            return real(descriptor, data[:70])
        room.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(chunk_log.os, "write", full)
    with pytest.raises(StorageError) as caught:
        writer.append(record(1))
    assert str(caught.value) == f"cannot write {path}: No space left on device; finished chunks are kept"
    monkeypatch.undo()
    assert path.stat().st_size == end
    writer.append(record(2))
    writer.close()
    assert numbers(path) == [0, 2]


def test_a_file_size_limit(tmp_path):
    """A real limit of the system, in a process of its own."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[2])\n"
        "import test_chunk_log as t\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "writer = t.ShardWriter(t.Path(sys.argv[1]), t.KEY, 0)\n"
        "try:\n"
        "    for n in range(99): writer.append(t.record(n))\n"
        "except t.StorageError as error: print(n, error)\n"
    )
    path = chunk_log.shard_path(tmp_path / "a", 0)
    command = [sys.executable, "-c", code, str(tmp_path / "a"), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    stopped, _, message = done.stdout.strip().partition(" ")
    assert message == f"cannot write {path}: File too large; finished chunks are kept"
    assert numbers(path) == list(range(int(stopped)))
    assert int(stopped) >= 2
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 3000


def test_how_often_the_disk_is_asked(tmp_path, monkeypatch):
    now, calls = [1000.0], []
    monkeypatch.setattr(chunk_log.os, "fsync", calls.append)
    writer = ShardWriter(tmp_path / "a", KEY, 30.0, clock=lambda: now[0])
    for step in (0.0, 10.0, 19.0, 1.0, 29.0, 1.0, 0.0):
        now[0] += step
        writer.append(record(1))
    assert len(calls) == 2
    now[0] -= 5000.0  # a clock that was set back must not stop the writing
    writer.append(record(2))
    writer.close()
    assert len(calls) == 3
    assert len(scan(writer.path, KEY).places) == 8
