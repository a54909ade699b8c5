"""Append-only files of finished chunks, each rank its own: no rank ever waits for another one's disk.

A file is a header and records, each of them a mark, the length and the checksum of its body, and the body: a line of
JSON with names and shapes, then numbers as they are in memory (little-endian). What a killed process leaves at the end
of its file is no whole record and does not count; a record with a wrong bit does not either, and reading goes on at
the next mark. Such chunks are simply run again. The checksums depend on a key of the run, so that the records of
another one are never taken for its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import StorageError
from ..tools.whole_files import open_regular, reason

SUFFIX = ".shard"

_HEADER = b"cojump shard 1\n"
_MARK = b"\x93cojump\n"
_PREFIX = struct.Struct("<8sQ16s")
"""Mark, length of the body, its checksum."""

LIMIT = 4 * 2**20
"""Bytes after which a rank begins another file: the ones before can go as soon as they are folded."""

_LARGEST = 2**40
"""No body is longer than this; a length beyond it is damage."""


class Stored(NamedTuple):
    """A record: which trajectories of which point, and where its numbers are.

    Attributes
    ----------
    point : str
        Key of the point.
    number : int
        Of the chunk.
    start, stop, n_jumps, series
        As in :class:`cojump.ensemble.chunk.Chunk`.
    moments : list of (count, mean, comoment, ...)
        Of each group of figures; the sums of its tails follow where they are kept.
    final : (mapping, (n, 2) array) or None
        Where the trajectories with a series have stopped, as :func:`cojump.model.final_states.flat` writes it; None in
        files of an earlier cojump.
    records : tuple of structured arrays
        Jump records, where they are kept.
    """

    point: str
    number: int
    start: int
    stop: int
    n_jumps: int
    series: Any
    moments: list[tuple[Any, ...]]
    final: tuple[dict[str, Any], Any] | None = None
    records: tuple[Any, ...] = ()


class Place(NamedTuple):
    """Where a record is, and which one it is."""

    path: Path
    offset: int
    point: str
    number: int
    start: int
    stop: int


def encode(record: Stored, key: bytes) -> bytes:
    """Write a record as bytes, checksum included."""
    arrays = [np.ascontiguousarray(record.series, dtype="<f8")]
    for _, *own in record.moments:
        arrays += [np.ascontiguousarray(a, dtype="<f8") for a in own]
    facts: dict[str, Any] = {
        "point": record.point,
        "number": record.number,
        "start": record.start,
        "stop": record.stop,
        "jumps": record.n_jumps,
        "counts": [count for count, *_ in record.moments],
        "shapes": [a.shape for a in arrays],
    }
    if record.final is not None:
        facts["final"], amplitudes = record.final
        arrays.append(np.ascontiguousarray(amplitudes, dtype="<f8"))
        facts["shapes"].append(amplitudes.shape)
    if record.records:
        facts["records"] = [len(own) for own in record.records], record.records[0].dtype.descr
        arrays += [np.ascontiguousarray(own) for own in record.records]
    line = json.dumps(facts, separators=(",", ":")).encode() + b"\n"
    body = b"".join([line, *(a.tobytes() for a in arrays)])
    return _PREFIX.pack(_MARK, len(body), _checksum(body, key)) + body


def _checksum(body: bytes, key: bytes) -> bytes:
    """Of the length and the content: neither can be changed alone."""
    digest = blake2b(digest_size=16, key=key)
    digest.update(struct.pack("<Q", len(body)))
    digest.update(body)
    return digest.digest()


def decode(body: bytes) -> Stored:
    """Read what :func:`encode` has written, without the prefix; its checksum has been verified."""
    line, _, rest = body.partition(b"\n")
    facts = json.loads(line)
    sizes = 8 * sum(int(np.prod(shape, dtype=np.int64)) for shape in facts["shapes"])
    numbers, arrays, at = np.frombuffer(rest[:sizes], dtype="<f8"), [], 0
    for shape in facts["shapes"]:
        size = int(np.prod(shape, dtype=np.int64))
        arrays.append(numbers[at : at + size].reshape(shape).astype(float))
        at += size
    final = (facts["final"], arrays.pop()) if "final" in facts else None
    each = (len(arrays) - 1) // max(len(facts["counts"]), 1)
    moments = [(int(n), *arrays[1 + each * i : 1 + each * (i + 1)]) for i, n in enumerate(facts["counts"])]
    records: list[Any] = []
    if "records" in facts:
        lengths, fields = facts["records"]
        dtype = np.dtype([(name, kind, *map(tuple, shape)) for name, kind, *shape in fields])
        for length in lengths:
            records.append(np.frombuffer(rest, dtype=dtype, count=length, offset=sizes).copy())
            sizes += length * dtype.itemsize
    point, number, start, stop = (facts[name] for name in ("point", "number", "start", "stop"))
    return Stored(point, number, start, stop, facts["jumps"], arrays[0], moments, final, tuple(records))


class ShardWriter:
    """Appends the records of one rank to files of its own, one after the other.

    Every record is handed to the operating system at once, so that it outlives this process; it is forced to the disk,
    so that it outlives the machine, at most every ``seconds``.

    Parameters
    ----------
    stem : path
        Name of the files without their number and suffix. They are made when they are needed.
    key : bytes
        Of the run.
    seconds : float
    clock : callable
        Seconds that never run backwards.
    """

    def __init__(self, stem: Path, key: bytes, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stem, self._key, self._seconds, self._clock = stem, key, seconds, clock
        self._descriptor: int | None = None
        self._index = self._end = 0
        self._flushed = clock()

    @property
    def path(self) -> Path:
        """The file that is written now."""
        return shard_path(self._stem, self._index)

    def append(self, record: Stored, *, apart: bool = False) -> int:
        """Write a record; returns the number of the file that it is in.

        Parameters
        ----------
        record : Stored
        apart : bool
            Begin another file with it: the record is needed longer than the ones before.

        Raises
        ------
        StorageError
            If it cannot be written; the file ends with the last whole record then.
        """
        data = encode(record, self._key)
        if self._descriptor is not None and (apart or self._end + len(data) > LIMIT):
            self.close()
            self._index, self._end = self._index + 1, 0
        try:
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o666)
                data = _HEADER + data
            self._write(data)
            if self._clock() - self._flushed >= self._seconds:
                self.flush()
        except OSError as error:
            self._cut()
            raise StorageError(f"cannot write {self.path}: {reason(error)}; finished chunks are kept") from None
        return self._index

    def _write(self, data: bytes) -> None:
        assert self._descriptor is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._end += len(data)

    def _cut(self) -> None:
        """Take the beginning of a record that did not fit away again, and the file if there is nothing else in it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
                os.lseek(self._descriptor, self._end, os.SEEK_SET)
                if not self._end:
                    self.path.unlink()
                    os.close(self._descriptor)
                    self._descriptor = None

    @property
    def age(self) -> float:
        """Seconds since what was written was last forced to the disk, or the file was opened."""
        return self._clock() - self._flushed

    def flush(self) -> None:
        """Force what was written to the disk."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)
        self._flushed = self._clock()

    def close(self) -> None:
        """Force everything to the disk and close the file."""
        if self._descriptor is not None:
            try:
                self.flush()
            except OSError as error:
                raise StorageError(f"cannot write {self.path}: {reason(error)}") from None
            finally:
                descriptor, self._descriptor = self._descriptor, None
                with contextlib.suppress(OSError):  # everything is on the disk, or it was said that it is not
                    os.close(descriptor)


@dataclass
class Scan:
    """What a file holds.

    Attributes
    ----------
    places : list of Place
        Its whole records, in their order.
    damaged : int
        Stretches that are no record of this run, though nothing is missing at their end.
    torn : bool
        Whether it ends in the middle of a record or of its header, as the file of a killed process may.
    """

    places: list[Place]
    damaged: int = 0
    torn: bool = False

    @property
    def foreign(self) -> bool:
        """Whether nothing in it is of this run, though it was not just cut off."""
        return bool(self.damaged) and not self.places


def scan(path: Path, key: bytes) -> Scan:
    """Find the whole records of a file, one of them in memory at a time.

    Raises
    ------
    StorageError
        If the file cannot be read.
    """
    found = Scan([])
    try:
        with open_regular(path) as stream:
            size, at = os.fstat(stream.fileno()).st_size, len(_HEADER)
            header = stream.read(at)
            whole, cut = header == _HEADER, _HEADER.startswith(header)
            at = at if whole else 0
            while at < size:
                body = _body(stream, at, size, key)
                if body is not None:
                    try:
                        record = decode(body)
                    except (ValueError, KeyError, TypeError):
                        body = None
                if body is None:
                    if whole:  # a stretch begins that is none of this run's records
                        cut = _is_cut(stream, at, size)
                    whole = False
                    at = _next_mark(stream, at + 1, size)
                    continue
                found.damaged += not whole
                whole = True
                found.places.append(Place(path, at, record.point, record.number, record.start, record.stop))
                at += _PREFIX.size + len(body)
            found.torn, found.damaged = not whole and cut, found.damaged + (not whole and not cut)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {reason(error)}") from None
    return found


def _body(stream: Any, at: int, size: int, key: bytes) -> bytes | None:
    """The body of the record at ``at``, or None if there is no sound one."""
    stream.seek(at)
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    mark, length, checksum = _PREFIX.unpack(prefix)
    if mark != _MARK or length > min(_LARGEST, size - at - _PREFIX.size):
        return None
    body = stream.read(length)
    return body if len(body) == length and _checksum(body, key) == checksum else None


def _is_cut(stream: Any, at: int, size: int) -> bool:
    """Whether a record begins at ``at`` that would end behind the end of the file."""
    stream.seek(at)
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return bool(prefix[: len(_MARK)] == _MARK[: len(prefix)])
    mark, length, _ = _PREFIX.unpack(prefix)
    return bool(mark == _MARK and size - at - _PREFIX.size < length <= _LARGEST)


def _next_mark(stream: Any, at: int, size: int, step: int = 2**20) -> int:
    """Where the next mark begins, from ``at`` on; the end of the file if there is none."""
    while at < size:
        stream.seek(at)
        block = stream.read(step + len(_MARK))
        place = block.find(_MARK)
        if place >= 0:
            return at + place
        at += step
    return size


def fetch(place: Place, key: bytes) -> Stored:
    """Read a record again.

    Raises
    ------
    StorageError
        If it is not there any more as it was found.
    """
    try:
        with open_regular(place.path) as stream:
            body = _body(stream, place.offset, os.fstat(stream.fileno()).st_size, key)
    except OSError as error:
        raise StorageError(f"cannot read {place.path}: {reason(error)}") from None
    if body is None:
        raise StorageError(f"{place.path} has changed while it was read; run the same command again")
    return decode(body)


def shard_path(stem: Path, index: int) -> Path:
    """Name of a file of a rank."""
    return stem.with_name(f"{stem.name}-{index:05d}{SUFFIX}")


def shard_files(directory: Path) -> list[Path]:
    """All files of records in a directory, in a fixed order; what else has such a name is no file of ours."""
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if path.is_file())
