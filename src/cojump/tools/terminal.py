"""Standard output and error: messages are optional there, the status of a command tells what has happened.

A pipe that nobody reads any more, a full disk behind a stream, a terminal that has gone, a stream that was never open:
none of them may end a run or change its status. What cannot be written is dropped, and the work goes on.

Every ``cojump --help`` loads this file: modules that only some calls need are imported inside these.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any, TextIO

from ..errors import StorageError
from .spelling import spelled

_GONE = {errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET, errno.ENXIO}
"""Errors of a stream that has no reader any more: a closed pipe, a terminal that hung up."""


class Outlet(io.RawIOBase):
    """A file descriptor that takes everything and drops what cannot be written.

    Parameters
    ----------
    descriptor : int

    Attributes
    ----------
    error : OSError or None
        Of the first write that failed.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Write all of it, or drop the rest; the length of ``data`` in any case."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # another program has made the shared pipe one that does not wait
                    import select

                    select.select([], [self._descriptor], [])
        except OSError as error:
            self.error = self.error or error
        return size


class Heedless:
    """A text stream of somebody else's, or none, whose failures do not matter; all else is as in the stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = io.StringIO() if stream is None else stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with contextlib.suppress(OSError, ValueError):  # ValueError: it is closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal; a closed stream is none."""
        with contextlib.suppress(OSError, ValueError):
            return bool(self._stream.isatty())
        return False


def settle() -> None:
    """Make sure that there is something behind all three standard streams, and that writing to them never fails.

    A descriptor that is closed would be given to the next file that is opened, and messages written into that.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = _text(sys.stdout, 1)
    sys.stderr = _text(sys.stderr, 2)


def _text(stream: TextIO | None, descriptor: int) -> TextIO:
    encoding, errors = spelled(getattr(stream, "encoding", None) or "utf-8")  # a message is never lost for one letter
    lines = descriptor == 2 or os.isatty(descriptor)
    buffer = io.BufferedWriter(Outlet(descriptor))
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=lines)


def delivered() -> None:
    """For a command whose output is what was asked for: complain if it could not be written.

    A reader that has gone had enough.

    Raises
    ------
    StorageError
    """
    sys.stdout.flush()
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(outlet, Outlet) and outlet.error is not None and outlet.error.errno not in _GONE:
        from .whole_files import reason

        raise StorageError(f"cannot write standard output: {reason(outlet.error)}")


def tell(line: str) -> None:
    """Write a line on standard error, if that is possible."""
    stream = Heedless(sys.stderr)
    stream.write(line + "\n")
    stream.flush()


def command(*arguments: str | os.PathLike[str]) -> str:
    """How a user starts cojump with these arguments, in words that work in the shell that this process came from."""
    import shlex

    return shlex.join([*_program(), *(os.fspath(a) for a in arguments)])


def _program() -> list[str]:
    started = sys.argv[0] if sys.argv and sys.argv[0] else "cojump"
    name = os.path.basename(started)
    if name == "__main__.py" and os.path.basename(os.path.dirname(started)) == "cojump":
        return [sys.executable, "-m", "cojump"]
    if name != "cojump":  # another program, or a test
        return ["cojump"]
    import shutil

    found = shutil.which("cojump")
    if found is not None and os.path.realpath(found) == os.path.realpath(started):
        return ["cojump"]
    return [started]
