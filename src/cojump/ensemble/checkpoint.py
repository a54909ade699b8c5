"""A directory that keeps the finished chunks of a call of ``simulate``, for the same call to go on from there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import StorageError
from ..tools.lock import NAME as LOCK
from ..tools.lock import Lock
from ..tools.whole_files import absolute, as_given, read_regular, reason, replace_file
from .chunk import Chunk
from .chunk_files import EarlierFiles, Seat, record_of
from .chunk_log import ShardWriter, scan, shard_files
from .fingerprint import MADE_BY, differences, identity_of
from .ordered_merge import Fold
from .point import Point

NAME = "point.json"
"""The file that says what the chunks are of."""

_FORMAT = 1

_MOST = 2**28
"""Bytes of that file."""

_SECONDS = 5.0
"""Between two times that what was written is forced to the disk."""

_POINT = "point"
"""What the only point is called in the records."""


class Checkpoint:
    """Finished chunks in a directory: one file says which run they are of, the others are logs of chunks.

    Every process that runs trajectories has a log of its own. Records of another run, and those that a killed process
    has left incomplete, do not count.

    Parameters
    ----------
    directory : path
        Made if it is not there.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = absolute(directory)
        self._writers: dict[int, ShardWriter] = {}
        self._rank = 0
        self.seat: Seat | None = None
        self._lock: Lock | None = None
        self._owner = 0

    def begin(self, point: Point, fold: Fold) -> None:
        """On rank 0: offer to the fold the chunks that are there, or begin a new directory.

        Raises
        ------
        StorageError
            If the directory is of another run or of something else, if another process is at work in it, or if it
            cannot be read or written.
        """
        key = self._key(point)
        files = EarlierFiles(key.encode(), {path: scan(path, key.encode()) for path in shard_files(self._directory)})
        files.offer_to({_POINT: fold})
        fold.advance()
        self.seat = Seat(self._directory, secrets.token_hex(6), key)

    def _key(self, point: Point) -> str:
        """The key of the run that the directory is of, which is this one."""
        place, identity = self._directory / NAME, identity_of(point)
        shown = as_given(self._directory)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock, self._owner = Lock(self._directory), os.getpid()
            if place.exists():
                return _checked(read_regular(place, _MOST), identity, shown)
            if any(path.name != LOCK for path in self._directory.iterdir()):
                raise StorageError(f"{shown} is no checkpoint: it holds other files; use an empty directory")
        except OSError as error:
            raise StorageError(f"cannot use {shown} as a checkpoint: {reason(error)}") from None
        key = secrets.token_hex(16)
        text = json.dumps({"cojump checkpoint": _FORMAT, "key": key, "point": identity})
        replace_file(place, text.encode(), new=True)
        return key

    def join(self, seat: Seat | None, rank: int) -> None:
        """On every rank: where its chunks are written."""
        self.seat, self._rank = seat, rank

    def write(self, number: int, chunk: Chunk) -> None:
        """Keep a chunk, or its beginning; StorageError if it cannot be written."""
        assert self.seat is not None
        process = os.getpid()
        if process not in self._writers:
            seat = Seat(self.seat.directory, f"{self.seat.session}-{self._rank:05d}", self.seat.key)
            self._writers = {process: seat.writer(process, _SECONDS)}  # a copy of a process has a log of its own
        self._writers[process].append(record_of(_POINT, number, chunk))

    def close(self) -> None:
        """Force what this process has written to the disk, and give the directory free where it was taken."""
        if (writer := self._writers.pop(os.getpid(), None)) is not None:
            writer.close()
        if self._lock is not None and self._owner == os.getpid():  # a copy of a process holds nothing
            self._lock.release()
            self._lock = None


def _checked(data: bytes, identity: Mapping[str, Any], shown: Path) -> str:
    """The key of a directory that is of this point."""
    try:
        stored = json.loads(data)
        known, key, there = stored["cojump checkpoint"], str(stored["key"]), dict(stored["point"])
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"{shown} is no checkpoint: its {NAME} is damaged or something else") from None
    if known != _FORMAT:
        raise StorageError(f"{shown} is a checkpoint of another cojump: its format is {known}")
    found = [difference.text for difference in differences(identity, there)]
    if found:
        raise StorageError(f"{shown} keeps another run: {'; '.join(found[:3])}; use another directory")
    if there.get(MADE_BY) != identity.get(MADE_BY):
        made = "; ".join(map(str, there.get(MADE_BY, ["an unknown cojump"])))
        raise StorageError(
            f"{shown} was made by {made}, with other last bits; go on with that, or use another directory"
        )
    return key
