"""How far a running job is, in a small file that any other shell can read."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ensemble.ordered_merge import Fold
from ..tools.summaries import counted
from ..tools.whole_files import MOST_BYTES, read_regular

NAME = "status.json"

BESIDE = "manifest.h5"
"""The file of a run that is not complete."""

SECONDS = 2.0
"""Between two writings."""


@dataclass
class _Progress:
    """Trajectories of a point that were run now, and the seconds these took."""

    ran: int = 0
    seconds: float = 0.0


@dataclass
class Behind:
    """How far a two-time function of a point is, which is measured behind the trajectories of all points.

    Attributes
    ----------
    of : int
        Trajectories that it is to have.
    cost : float
        Of one of them with its branches, in the unit in which those of the run have theirs.
    done : int
        Trajectories that are there.
    whole : bool
        Whether it is all there, with its theory.
    ran : int
        Trajectories that were run now.
    pace : float
        Seconds of one of them on one rank; 0 as long as that is not known.
    """

    of: int
    cost: float
    done: int = 0
    whole: bool = False
    ran: int = 0
    pace: float = 0.0


def behind_text(functions: Iterable[Behind]) -> str:
    """How many two-time functions are done, and how many of their trajectories are there; "" where there are none."""
    every = list(functions)
    if not every:
        return ""
    n, done = sum(f.whole for f in every), sum(f.done for f in every)
    many = counted(len(every), "two-time function")
    return f", {n} of {many} done ({done:,} of {counted(sum(f.of for f in every), 'trajectory')})"


class Status:
    """Gathers what rank 0 hears and writes it down now and then; only whole files are ever seen.

    Parameters
    ----------
    directory : path
    folds : mapping of int to Fold
        All points.
    costs : mapping of int to float
        Cost of one trajectory of each, in any unit: a point that has not begun is judged by the others.
    size : int
        Number of ranks.
    keys : mapping of int to str
        What the points are known by; two may have names that look the same.
    behind : mapping of int to mapping of str to Behind
        The two-time functions of each point, which others keep up to date.

    What is done behind the trajectories is written down as ``doing``. How long theory takes is not known.
    """

    def __init__(
        self,
        directory: Path,
        folds: Mapping[int, Fold],
        costs: Mapping[int, float],
        size: int,
        keys: Mapping[int, str] | None = None,
        behind: Mapping[int, Mapping[str, Behind]] | None = None,
    ) -> None:
        self._keys, self._behind = keys or {}, behind or {}
        self.doing = ""
        self._path, self._folds, self._costs = directory / NAME, folds, costs
        self._points = {i: _Progress() for i in folds}
        self._ranks = [[0, 0.0] for _ in range(size)]
        self._began, self._written, self._beat = time.monotonic(), -float("inf"), 0

    def ran(self, rank: int, point: int, n_traj: int, seconds: float) -> None:
        """Count trajectories that ``rank`` has run."""
        self._ranks[rank][0] += n_traj
        self._ranks[rank][1] += seconds
        progress = self._points[point]
        progress.ran += n_traj
        progress.seconds += seconds

    @property
    def slowest(self) -> float:
        """Seconds of a trajectory of the point where they take longest, as far as they were run; 0 if none was."""
        return max((p.seconds / p.ran for p in self._points.values() if p.ran), default=0.0)

    def tick(self) -> None:
        """Write the file if it is time to."""
        if not self._beat:
            self._began = time.monotonic()  # the kernels are compiled now
        if time.monotonic() - self._written >= SECONDS:
            self.write("running")

    def write(self, state: str, why: str = "") -> None:
        """Write the file; a disk that has no room for it does not matter."""
        self._written, self._beat = time.monotonic(), self._beat + 1
        aside = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):
            aside.write_text(json.dumps({**self.facts(state), "why": why}), encoding="utf-8")
            os.replace(aside, self._path)

    def facts(self, state: str) -> dict[str, Any]:
        """Everything that is written down."""
        elapsed = time.monotonic() - self._began
        return {
            "state": state,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "beat": self._beat,
            "elapsed": elapsed,
            "left": self._left(),
            "doing": self.doing,
            "ranks": self._ranks,
            "behind": sum(f.ran for functions in self._behind.values() for f in functions.values()),
            "points": [
                {
                    "key": self._keys.get(i, ""),
                    "parameters": _plain(fold.skeleton.parameters),
                    "state": _state(fold, self._points[i].ran, self._behind.get(i, {})),
                    "done": fold.n_done,
                    "folded": fold.n_traj,
                    "waits": fold.waits,
                    "of": fold.goal.n_traj,
                    "seconds": self._points[i].seconds / self._points[i].ran if self._points[i].ran else None,
                }
                for i, fold in self._folds.items()
            ],
        }

    def _left(self) -> float | None:
        """Seconds of work that is left, shared by all ranks; None as long as nothing is known."""
        functions = [f for i, own in self._behind.items() if self._folds[i].failure is None for f in own.values()]
        per_cost = _per_cost([(p.seconds, p.ran * self._costs[i]) for i, p in self._points.items()])
        of_functions = _per_cost([(f.pace * f.ran, f.cost * f.ran) for f in functions if f.pace])
        per_cost, of_functions = per_cost or of_functions, of_functions or per_cost  # an earlier job has run the others
        if per_cost is None or of_functions is None:
            return None
        total = 0.0
        for i, fold in self._folds.items():
            if fold.finished or fold.failure is not None:
                continue
            progress = self._points[i]
            each = progress.seconds / progress.ran if progress.ran else per_cost * self._costs[i]
            total += max(fold.goal.n_traj - fold.n_done, 0) * each
        for f in functions:
            total += max(f.of - f.done, 0) * (f.pace or of_functions * f.cost)
        return total / len(self._ranks)


def _per_cost(measured: Sequence[tuple[float, float]]) -> float | None:
    """Seconds per unit of cost; None as long as nothing is known."""
    work = sum(cost for _, cost in measured)
    return sum(seconds for seconds, _ in measured) / work if work else None


TWO_TIME = "two-time"
"""State of a point whose trajectories are all there, but not all of its two-time functions."""


def _state(fold: Fold, ran: int, behind: Mapping[str, Behind]) -> str:
    if fold.failure is not None:
        return "failed"
    if fold.finished:
        return "finished" if all(f.whole for f in behind.values()) else TWO_TIME
    return "running" if ran else "waiting"


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, int | float | str) else repr(value) for key, value in parameters.items()}


_FACTS = {"state", "host", "process", "elapsed", "left", "ranks", "points"}
_OF_A_POINT = {"parameters", "state", "done", "of", "seconds"}


def read_status(directory: Path) -> tuple[dict[str, Any], float] | None:
    """What the last job in a directory has written, and how many seconds ago; None if there is nothing such.

    Without the manifest beside it the run is over, and the file was left because it could not be removed.
    """
    if not (directory / BESIDE).exists():
        return None
    try:
        age = time.time() - (directory / NAME).stat().st_mtime
        status = json.loads(read_regular(directory / NAME, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return (status, max(age, 0.0)) if _is_status(status) else None


def _is_status(found: Any) -> bool:
    if not isinstance(found, dict) or not found.keys() >= _FACTS or not isinstance(found["points"], list):
        return False
    return all(
        isinstance(point, dict) and point.keys() >= _OF_A_POINT and isinstance(point["parameters"], dict)
        for point in found["points"]
    )
