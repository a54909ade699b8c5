"""When a point is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..measure.averages import Averages
from ..results.result import Result
from ..tools.summaries import counted
from ..tools.types import Array

DEVIATION = "deviation"
"""Name of E_N among the figures that a target error may be set for."""

_BEYOND = 1e15
"""More trajectories for one that is there are not counted."""


@dataclass(frozen=True)
class Goal:
    """When a point is done.

    Attributes
    ----------
    n_traj : int
        Trajectories, at most if there is a target.
    chunk, keep : int
        Trajectories per chunk, and how many keep their series.
    target : mapping of str to float
        Standard errors to be reached at every output time, by the label of an average or order parameter, or
        ``deviation`` for E_N. Looked at after each whole chunk from ``min_traj`` trajectories on; the run stops
        where all of them are reached. Chunks are judged in their order, so the number of ranks does not matter.
    min_traj : int
    """

    n_traj: int
    chunk: int
    keep: int = 0
    target: Mapping[str, float] = field(default_factory=dict)
    min_traj: int = 1

    @property
    def n_chunks(self) -> int:
        """How many chunks the trajectories make, a partial last one included."""
        return -(-self.n_traj // self.chunk)

    def range_of(self, number: int) -> tuple[int, int]:
        """First and past-last trajectory of chunk ``number``."""
        return number * self.chunk, min((number + 1) * self.chunk, self.n_traj)

    def reached_by(self, result: Result) -> bool:
        """Whether the standard errors are known and small enough."""
        return bool(self.target) and self.waits_for(result) == ""

    def waits_for(self, result: Result) -> str:
        """What of the target is not reached yet, in words; empty if it is, or if there is no target.

        An error that the sample cannot know counts with the largest one that unseen events can leave beside it. A
        result that does not say which errors these are (of an older file) is judged by its errors alone.
        """
        if not self.target:
            return ""
        if result.n_traj < max(self.min_traj, 2):
            return f"{max(self.min_traj, 2)} trajectories (min_traj)"
        found = [_waits(result, label, limit) for label, limit in self.target.items()]
        missing = [text for text in found if text]
        others = len(missing) - 1
        more = f"; {counted(others, 'other figure')} {'is' if others == 1 else 'are'} not precise enough either"
        return f"{missing[0]}{more * (others > 0)}" if missing else ""

    def trajectories_for(self, result: Result) -> int:
        """How many trajectories would about reach the target, of what the errors of these say; 0 if there is none."""
        if result.n_traj < max(self.min_traj, 2):
            return max(self.min_traj, 2)
        ratios = [float(np.nanmax(_judged(result, label)[0])) / limit for label, limit in self.target.items()]
        return int(np.ceil(result.n_traj * min(max(ratios, default=0.0) ** 2, _BEYOND)))


def _errors(result: Result, label: str) -> tuple[Array, NDArray[np.bool_] | None, Averages, int | None]:
    """Errors (T,) of a figure, where they are uncertain, and its place (None for E_N) among which averages."""
    if label == DEVIATION:
        return result.deviation_stderr, result.deviation_uncertain, result, None
    group: Averages = result
    if label not in result.labels:
        order = result.extras.get("order")
        if order is None or label not in order.labels:
            raise KeyError(label)
        group = result.order
    place = group.labels.index(label)
    flags = group.uncertain
    return group.mean_stderr[:, place], None if flags is None else flags[:, place], group, place


def _judged(result: Result, label: str) -> tuple[Array, NDArray[np.bool_] | None]:
    """Errors (T,) of a figure with what unseen events can leave beside the uncertain ones, and which these are."""
    errors, flags, group, place = _errors(result, label)
    return (
        (errors, None)
        if flags is None
        else (np.where(flags, np.hypot(errors, group.unseen_error(place)), errors), flags)
    )


def _waits(result: Result, label: str, limit: float) -> str:
    """Why a figure has not reached its target, or nothing."""
    errors, flags = _judged(result, label)
    late = ~(errors <= limit)
    if not late.any():
        return ""
    known = late if flags is None else late & ~flags
    if known.any():
        worst = int(np.argmax(np.where(known, errors, -np.inf)))
        return f"an error of {limit:g} of {label}: it is {errors[worst]:.2g} at t = {result.times[worst]:g}"
    worst = int(np.argmax(np.where(late, errors, -np.inf)))
    return (
        f"the spread of {label} at t = {result.times[worst]:g}: too few trajectories have shown what can happen there, "
        f"the error can be {errors[worst]:.2g}, and {limit:g} is asked for"
    )


def largest_error(result: Result, label: str) -> float:
    """Largest standard error of one figure over the output times.

    Raises
    ------
    KeyError
        If no average, order parameter or ``deviation`` is called ``label``.
    """
    return float(_errors(result, label)[0].max())
