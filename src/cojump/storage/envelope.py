"""The first 512 bytes of a result file, by which a damaged one is known before it is parsed."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from ..errors import StorageError
from ..tools.memory import available
from ..tools.whole_files import open_regular, reason
from ..version import __version__

RESULT_NAME = "result.h5"
"""Name of the result file in the directory of a run."""

SCHEMA = 6
"""Version of the layout written here; files up to this one are read.

6: two-time functions.

5: figures and errors for other programs; which run a result is of, wherever it was saved; the seeds of merged results.

4: the model and the state of each point.

3: sums of third and fourth powers (tails), what chance can do, and which errors are uncertain.

2: what makes each point what it is, when it is done, and its partial last chunk, so that a run can be extended.
"""

HEADER = 512
_MAGIC = b"cojump result file\n"


def header_of(schema: int, payload: bytes | memoryview) -> bytes:
    """The first 512 bytes of a file with this payload."""
    digest = hashlib.sha256(payload).hexdigest()
    text = b"%sschema %d\nbytes %d\nsha256 %s\n" % (_MAGIC, schema, len(payload), digest.encode())
    return text.ljust(HEADER, b"\n")


def is_result_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as a result file does; one that cannot be read, or is no regular file, does not."""
    try:
        with open_regular(path) as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def content(place: Path) -> bytes:
    """The bytes of a result file, or of the one in a directory; its header is looked at before all else is read.

    Raises
    ------
    StorageError
        If it cannot be read, or its header does not describe it.
    """
    try:
        if place.is_dir() and (place.suffix != ".h5" or (place / RESULT_NAME).exists()):
            place = place / RESULT_NAME
        with open_regular(place) as stream:
            head = stream.read(HEADER)
            size = os.fstat(stream.fileno()).st_size
            _check_header(place, head, size)
            if size > 0.5 * available():
                raise StorageError(f"{place} has {size:,} bytes, which do not fit in memory")
            data = head + stream.read()
    except OSError as error:
        raise StorageError(f"cannot read {place}: {reason(error)}") from None
    except MemoryError:
        raise StorageError(f"{place} does not fit in memory") from None
    _verify(place, data)
    return data


def _check_header(place: Path, head: bytes, size: int) -> int:
    """The schema of a file of ``size`` bytes that begins so; StorageError unless its header describes such a file."""
    if not size:
        raise StorageError(f"{place} is empty, not a cojump result file")
    stated = re.match(re.escape(_MAGIC) + rb"schema (\d{1,9})\nbytes (\d{1,18})\nsha256 [0-9a-f]{64}\n", head)
    if stated is None:
        cut = size < HEADER and head.startswith(_MAGIC[: len(head)])
        raise StorageError(f"{place} is cut short" if cut else f"{place} is not a cojump result file")
    schema, length = int(stated[1]), int(stated[2])
    if schema > SCHEMA:
        known = f"it has schema {schema}, this cojump {__version__} reads up to {SCHEMA}"
        raise StorageError(f"{place} was written by a newer cojump: {known}")
    if size != length + HEADER:
        found = f"it has {size} bytes instead of {length + HEADER}"
        raise StorageError(f"{place} is {'cut short' if size < length + HEADER else 'damaged'}: {found}")
    return schema


def _verify(place: Path, data: bytes) -> None:
    """Raise StorageError unless the header describes exactly the bytes that follow it."""
    schema = _check_header(place, data[:HEADER], len(data))
    if data[:HEADER] != header_of(schema, data[HEADER:]):
        raise StorageError(f"{place} is damaged: its content does not match its checksum")
