"""Whole files or none: bytes are written aside, flushed to the disk and moved into place."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from .errors import StorageError

MOST_BYTES = 2**28
"""Of the small files in the directory of a run: who runs, how far it is, what has failed."""


def reason(error: OSError) -> str:
    """Say what went wrong, without the path and the error number that Python prints around it."""
    return error.strerror or str(error) or type(error).__name__


_given: dict[Path, Path] = {}
"""Paths that were made absolute, and as the user wrote them."""


def absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path independent of the working directory, which a user's model may change."""
    place = Path(os.path.abspath(path))
    _given[place] = Path(path)
    return place


def as_given(path: Path) -> Path:
    """Write a path, or one below it, as the user did before it was made absolute."""
    for place in (path, *path.parents):
        if place in _given:
            return _given[place] / path.relative_to(place)
    return path


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; anything else (a pipe, a device, a directory) is an OSError at once.

    A pipe that nobody writes to would be waited for, a device read without an end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
            kind = "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
            raise OSError(errno.EINVAL, f"it is {kind}, not a file", os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of a regular file of at most so many bytes; an OSError for any other."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than {most:,}", os.fspath(path))
        return stream.read(most + 1)


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Give the file at ``path`` the content ``data``; at every moment it has its old content or the new one.

    Parameters
    ----------
    path : path
        A link is followed, so that it stays one. The directory must exist.
    data : bytes

    Raises
    ------
    StorageError
        If the file cannot be written; the old one is untouched then and nothing is left beside it.
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        try:
            with open(aside, "xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(aside, target)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
    except OSError as error:
        raise StorageError(f"cannot write {path}: {reason(error)}") from None
    _flush_directory(target.parent)


def _flush_directory(directory: Path) -> None:
    """Make a move survive a power cut. Some file systems cannot; the file itself is safe all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def prepare_directory(directory: str | os.PathLike[str]) -> None:
    """Make ``directory`` if it is not there, and find out by a trial that files can be made in it.

    Raises
    ------
    StorageError
        If it cannot be made or written into.
    """
    trial = Path(directory) / f".{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        trial.touch(exist_ok=False)
        trial.unlink()
    except FileExistsError:
        raise StorageError(f"cannot write into {directory}: it is a file, not a directory") from None
    except OSError as error:
        raise StorageError(f"cannot write into {directory}: {reason(error)}") from None
