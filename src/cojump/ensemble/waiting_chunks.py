"""Chunks that wait for a slow one before them: in memory up to a limit, beyond it in a file without a name."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from pathlib import Path
from typing import IO

from ..errors import StorageError
from ..tools.whole_files import reason
from .chunk import Chunk
from .ordered_merge import Waiting

LIMIT = 64 * 2**20
"""Bytes of chunks that may wait in memory."""


def _nbytes(chunk: Chunk) -> int:
    final = sum(factor.amplitudes.nbytes for state in chunk.final for factor in state.factors)
    records = sum(record.nbytes for record in chunk.records)
    return chunk.series.nbytes + final + records + sum(m.nbytes for m in chunk.moments)


class WaitingChunks:
    """Keeps chunks until they are fetched, each once.

    Parameters
    ----------
    directory : path or None
        Where the file without a name is made when it is needed; None is the system's place for such files.
    limit : int
        Bytes in memory.
    """

    def __init__(self, directory: Path | None = None, limit: int = LIMIT) -> None:
        self._directory, self._limit = directory, limit
        self._held = 0
        self._file: IO[bytes] | None = None
        self.on_disk = 0

    def hold(self, chunk: Chunk) -> Waiting:
        """Keep a chunk; what comes back fetches it."""
        size = _nbytes(chunk)
        if self._held + size > self._limit:
            return self._write(chunk)
        self._held += size

        def fetch() -> Chunk:
            self._held -= size
            return chunk

        return fetch

    def _write(self, chunk: Chunk) -> Waiting:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - for as long as chunks wait
                weakref.finalize(self, self._file.close)
            file, self.on_disk = self._file, self.on_disk + 1
            place = file.seek(0, 2)
            pickle.dump(tuple(chunk), file, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise StorageError(f"cannot write a temporary file for chunks that wait: {reason(error)}") from None

        def fetch() -> Chunk:
            try:
                file.seek(place)
                return Chunk(*pickle.load(file))
            except OSError as error:
                raise StorageError(f"cannot read a temporary file of chunks that wait: {reason(error)}") from None

        return fetch
