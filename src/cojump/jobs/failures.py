"""Which points of a run cannot be run, and why: a small file beside the result file, as long as there are any.

It is for people (``cojump show`` and ``report``). A run only writes it: without it, with one that is damaged, or on a
disk that has no room for it, a run goes on all the same, and the reason was on standard error, too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import StorageError
from ..storage.run_directory import FAILURES as NAME
from ..tools.whole_files import MOST_BYTES, read_regular, reason, replace_file


@dataclass(frozen=True)
class Failed:
    """A point that could not be run.

    Attributes
    ----------
    key : str
        Of the point in the directory.
    parameters : mapping
    message : str
        Why, in one line.
    n_traj : int
        Trajectories that were asked for.
    earlier : bool
        It was an earlier job that failed, and the ones after it have not finished the point.
    """

    key: str
    parameters: Mapping[str, Any]
    message: str
    n_traj: int
    earlier: bool = False


def read_failures(directory: Path) -> dict[str, Failed]:
    """What the last job in a directory has written down, by key; empty if there is nothing.

    Raises
    ------
    StorageError
        If the file cannot be read as such.
    """
    path = directory / NAME
    try:
        entries = [Failed(**entry) for entry in json.loads(read_regular(path, MOST_BYTES))["points"]]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StorageError(f"cannot read {path}: {reason(error)}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StorageError(f"{path} is damaged; the next job writes it anew") from None
    kinds = {"key": str, "parameters": dict, "message": str, "n_traj": int, "earlier": bool}
    if not all(isinstance(getattr(e, name), kind) for e in entries for name, kind in kinds.items()):
        raise StorageError(f"{path} is damaged; the next job writes it anew")
    return {entry.key: entry for entry in entries}


class FailureRecord:
    """The file while a job has the directory; on rank 0 only.

    Parameters
    ----------
    directory : path
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._points: dict[str, Failed] = {}
        self._written: dict[str, Failed] | None = None  # unknown: the file is damaged
        with contextlib.suppress(StorageError):
            self._points = read_failures(directory)
            self._written = dict(self._points)

    def begin(self, asked: Mapping[str, int], failed: Iterable[Failed]) -> None:
        """Write down what cannot be run; what failed earlier stays, marked as such, until it is finished.

        ``asked`` has the trajectories of each point that is run now.
        """
        kept = {
            key: replace(entry, n_traj=asked[key], earlier=True) for key, entry in self._points.items() if key in asked
        }
        self._points = kept | {entry.key: entry for entry in failed}
        self._write()

    def add(self, failed: Failed) -> None:
        """A point has failed."""
        self._points[failed.key] = failed
        self._write()

    def keep(self, keys: Collection[str]) -> None:
        """Only these points have failed, or may have: forget all others."""
        self._points = {key: entry for key, entry in self._points.items() if key in keys}
        self._write()

    def drop(self, key: str) -> None:
        """A point is finished."""
        if key in self._points:
            del self._points[key]
            self._write()

    def _write(self) -> None:
        if self._points == self._written:
            return
        content = {"points": [asdict(entry) for entry in self._points.values()]}
        with contextlib.suppress(StorageError, OSError):
            if self._points:
                replace_file(self._path, (json.dumps(content, indent=1, default=repr) + "\n").encode())
            else:
                self._path.unlink(missing_ok=True)
            self._written = dict(self._points)
