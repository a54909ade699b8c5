"""Whole files or none: bytes are written aside, flushed to the disk and moved into place."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from ..errors import StorageError

MOST_BYTES = 2**28
"""Of the small files in the directory of a run: who runs, how far it is, what has failed."""

TRIAL = ".trial."
"""Begins the name of the file that tells whether a directory can be written; a killed process may leave one."""


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


def replace_file(path: str | os.PathLike[str], data: bytes | memoryview, *, new: bool = False, like: int = 0) -> None:
    """Give the file at ``path`` the content ``data``; at every moment it has its old content or the new one.

    Parameters
    ----------
    path : path
        A link is followed, so that it stays one. The directory must exist.
    data : bytes or memoryview
    new : bool
        There must be nothing at ``path`` yet, not even a link that leads nowhere.
    like : int
        A file that is there must begin with the same so many bytes, or be empty: another kind of file is not replaced.

    Raises
    ------
    StorageError
        If the file cannot be written, or what is there must not be replaced; it is untouched then and nothing is left
        beside it.
    """
    target = Path(os.path.abspath(path)) if new else Path(os.path.realpath(path))
    aside = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        _check_replaceable(target, bytes(data[:like]), new)
        try:
            with open(aside, "xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if new:
                _move_to_new(aside, target, data)
            else:
                os.replace(aside, target)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
    except OSError as error:
        raise StorageError(f"cannot write {path}: {reason(error)}") from None
    _flush_directory(target.parent)


def _check_replaceable(target: Path, begin: bytes, new: bool) -> None:
    try:
        kind = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    if new:
        raise FileExistsError(None, "it exists already")
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(None, "it is a directory")
    if not stat.S_ISREG(kind):
        raise OSError(None, "it is a device, a pipe or a socket, not a file")
    if begin:
        with open(target, "rb") as stream:
            if stream.read(len(begin)) not in (begin, b""):
                raise FileExistsError(None, "it exists already, with other content")


_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES, errno.EINVAL}
"""What file systems that know no hard links answer."""


def _move_to_new(aside: Path, target: Path, data: bytes | memoryview) -> None:
    """Give a file its name if there is no other of that name: only a link does both in one step."""
    try:
        os.link(aside, target)
    except FileExistsError:
        raise FileExistsError(None, "it exists already") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with open(target, "xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    aside.unlink()


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
    trial = Path(directory) / f"{TRIAL}{os.getpid()}-{os.urandom(4).hex()}.part"
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        trial.touch(exist_ok=False)
        trial.unlink()
    except FileExistsError:
        raise StorageError(f"cannot write into {directory}: it is a file, not a directory") from None
    except OSError as error:
        raise StorageError(f"cannot write into {directory}: {reason(error)}") from None


def sweep(directory: Path, *names: str) -> None:
    """Remove what processes that were killed have left beside the files of these names; what cannot be is no matter.

    Only for who has the directory for itself.
    """
    for name in (TRIAL, *(f".{name}." for name in names)):
        with contextlib.suppress(OSError):
            for path in directory.glob(f"{name}*.part"):
                with contextlib.suppress(OSError):
                    path.unlink()
