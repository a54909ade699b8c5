"""One job at a time in a directory.

The lock is the kernel's (flock): it ends with the process that holds it, however that ends, on whatever machine, and
asks no clock. Where the file system knows no such locks, the holder counts up a number in the file instead, and a file
whose number stands still for a while belongs to a dead job.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import StorageError
from .whole_files import MOST_BYTES, read_regular, reason

NAME = ".lock"
"""The file in the directory."""

PATIENCE = 3.0
"""Seconds that a job waits for one that is just ending, killed ranks of it for instance."""

BEAT = 5.0
"""Seconds between two counts of a holder without kernel locks; one that stands still four times as long is dead."""

_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class Lock:
    """Held from its making to :meth:`release`.

    Parameters
    ----------
    directory : path
        It must exist.
    patience, beat : float
        Seconds; shorter ones in tests.

    Raises
    ------
    StorageError
        If another job holds it, with one line that says which; or if the file cannot be made.
    """

    def __init__(self, directory: Path, patience: float = PATIENCE, beat: float = BEAT) -> None:
        self.path, self._patience, self._beat = Path(directory) / NAME, patience, beat
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            self._descriptor = self._acquire()
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {reason(error)}") from None
        self._write(0)

    def _acquire(self) -> int:
        end = time.monotonic() + self._patience
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            if not _may_be_ours(descriptor):
                os.close(descriptor)
                raise StorageError(f"cannot write {self.path}: it is there already and no lock of cojump")
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os.close(descriptor)
                if error.errno in _UNSUPPORTED:
                    return self._acquire_without_kernel()
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
                if time.monotonic() > end:
                    raise self._refusal() from None
                time.sleep(0.05)
                continue
            # The holder before may have removed the file between the two calls: then this lock is on nothing.
            if self._is_there(descriptor):
                return descriptor
            os.close(descriptor)

    def _is_there(self, descriptor: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), os.lstat(self.path))
        return False

    def _acquire_without_kernel(self) -> int:
        """Watch a lock that is there for a while; take it over if nothing counts in it."""
        first = _read(self.path)
        if first:
            here = first.get("host") == socket.gethostname() and first.get("boot") == _boot()
            if not here or _alive(first.get("pid")):
                _wait(lambda: _read(self.path) != first, 4 * self._beat)
                if _read(self.path) != first:
                    raise self._refusal()
        aside = self.path.with_name(f"{NAME}.{os.getpid()}.part")
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._descriptor = descriptor
        self._write(0)
        os.replace(aside, self.path)
        time.sleep(min(self._beat, 0.5))
        if not self._is_there(descriptor):  # two jobs at once: the last one that moved its file in has it
            os.close(descriptor)
            raise self._refusal()
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()
        return descriptor

    def _count(self) -> None:
        beats = 0
        while not self._stop.wait(self._beat):
            beats += 1
            with contextlib.suppress(OSError):
                self._write(beats)

    def _write(self, beat: int) -> None:
        facts = {
            "host": socket.gethostname(),
            "boot": _boot(),
            "pid": os.getpid(),
            "job": os.environ.get("SLURM_JOB_ID", ""),
            "beat": beat,
        }
        text = json.dumps(facts).encode().ljust(256)
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.pwrite(self._descriptor, text, 0)

    def _refusal(self) -> StorageError:
        holder = _read(self.path)
        who = f"process {holder['pid']} on {holder['host']}" if holder else "another process"
        if holder and holder.get("job"):
            who += f" (Slurm job {holder['job']})"
        return StorageError(f"another job is running in {self.path.parent}: {who}")

    def release(self) -> None:
        """Give the directory free."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):  # the kernel's lock ends with this process at the latest
            if self._is_there(self._descriptor):
                self.path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def held(directory: Path) -> bool:
    """Whether a job runs in the directory, as far as the kernel's locks tell."""
    try:
        descriptor = os.open(Path(directory) / NAME, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    finally:
        os.close(descriptor)
    return False


def _may_be_ours(descriptor: int) -> bool:
    """Whether a file is empty or begins as a lock does; another program's file of this name is not overwritten."""
    kind = os.fstat(descriptor).st_mode
    return stat.S_ISREG(kind) and os.pread(descriptor, 7, 0) in (b"", b'{"host"')


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(path, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and "pid" in found and "host" in found else {}


def _boot() -> str:
    """What tells one start of this machine from another: process numbers begin anew."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _alive(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True
    return True


def _wait(ready: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.05)
