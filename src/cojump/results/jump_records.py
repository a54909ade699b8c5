"""The jumps of an ensemble: when each came, where, and the sector behind it; and records as users give them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EXPECTED, ArgumentError, StorageError
from ..tools import checks
from ..tools.checks import check_times
from ..tools.summaries import Summarised, counted, more
from ..tools.types import Array

_SLACK = 1e-9
"""Part of the end of a record by which rounding may have moved it."""

_BEYOND = 3.0
"""Records that end by so many times the longest wait before the others did not end together with them."""


@dataclass(frozen=True, eq=False, repr=False)
class JumpRecords(Summarised):
    """The jump records of the trajectories of an ensemble, one after the other.

    ``records[i]`` is that of trajectory i, as ``jumps`` of :func:`cojump.trajectory`; ``len`` and iteration work.

    Attributes
    ----------
    jumps : (J,) structured array
        All jumps: ``time``; ``channel``, the position in ``model.jumps``; ``sector`` behind the jump.
    starts : (n + 1,) int array
        The jumps of trajectory i are jumps[starts[i]:starts[i + 1]].
    end : float
        When the records end: the last output time.
    """

    jumps: NDArray[np.void]
    starts: NDArray[np.int64]
    end: float

    @classmethod
    def of(cls, records: Sequence[NDArray[np.void]], dtype: np.dtype[np.void], end: float) -> JumpRecords:
        """Those of trajectories one by one."""
        starts = np.cumsum([0, *map(len, records)], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, dtype=dtype), *records]), starts, end)

    @classmethod
    def from_columns(cls, time: Array, channel: Array, sector: Array, starts: Array, end: float) -> JumpRecords:
        """Those of columns as files hold them; ValueError if they do not fit together."""
        places, n = np.asarray(starts), len(time)
        fits = time.ndim == channel.ndim == places.ndim == 1 and len(channel) == len(sector) == n and len(places) > 0
        fits = fits and places[0] == 0 and places[-1] == n and not np.any(np.diff(places) < 0)
        if not fits or time.dtype.kind != "f" or sector.dtype.kind not in "fi" or places.dtype.kind != "i":
            raise ValueError("the columns of jump records do not fit together")
        sectors = ("sector", "f8" if sector.dtype.kind == "f" else "i8", sector.shape[1:])
        dtype = np.dtype([("time", "f8"), ("channel", "i8"), sectors if sector.shape[1:] else sectors[:2]])
        jumps = np.empty(n, dtype=dtype)
        jumps["time"], jumps["channel"], jumps["sector"] = time, channel, sector
        return cls(jumps, places.astype(np.int64), float(end))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> NDArray[np.void]:
        place = checks.integer("index", index, -len(self), len(self) - 1)
        place %= len(self)
        return self.jumps[self.starts[place] : self.starts[place + 1]]

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        return (self[i] for i in range(len(self)))

    def _title(self) -> str:
        many = counted(len(self), "trajectory")
        return f"Jump records of {many}: {counted(len(self.jumps), 'jump')} until t = {self.end:g}"

    def _lines(self) -> list[str]:
        return more("[i], .jumps, .starts; cojump.counting.numbers, cojump.longtime.waiting_times")


def given_records(records: Any) -> list[tuple[NDArray[np.void], float | None]]:
    """Jump records, however they are given, with the times when they end, as far as these are known.

    Raises
    ------
    ArgumentError
        If one is no jump record.
    """
    if hasattr(records, "jump_records"):
        records = records.jump_records
        if records is None:
            rule = "be of a run with `record=True`, where they are a result"
            raise ArgumentError("records", rule, "this run has kept none")
    if isinstance(records, JumpRecords):
        return [(record, records.end) for record in records]
    single = (hasattr(records, "jumps") and hasattr(records, "times")) or (
        isinstance(records, np.ndarray) and records.dtype.names is not None
    )
    listed = isinstance(records, Sequence) and not isinstance(records, str | bytes)
    if not single and not listed and not (isinstance(records, np.ndarray) and records.ndim):
        rule = "be jump records (trajectory.jumps), trajectories, one or a list of them, or a result with records"
        raise ArgumentError("records", rule, f"it is {checks.shown(records)}")
    found = []
    for item in [records] if single else records:
        record = getattr(item, "jumps", item)
        named = isinstance(record, np.ndarray) and {"time", "channel"} <= set(record.dtype.names or ())
        if not named or record.ndim != 1 or any(record.dtype[name].kind not in "fiu" for name in ("time", "channel")):
            found_one = f"one is {type(item).__name__}"
            raise ArgumentError("records", "be jump records with a time and a channel", found_one)
        if not np.isfinite(record["time"]).all():
            raise ArgumentError("records", "have finite times", "one has NaN or infinite ones")
        if np.any(np.diff(record["time"].astype(float)) < 0):
            raise ArgumentError("records", "have times in order", "in one a jump is earlier than the jump before it")
        found.append((record, float(check_times(item.times)[-1]) if hasattr(item, "times") else None))
    return found


def jump_names(records: Any) -> list[str] | None:
    """What the jumps of a result, or of trajectories, are called; None where that is not known."""
    first = (
        records[0] if isinstance(records, Sequence) and not isinstance(records, str | bytes) and records else records
    )
    if hasattr(first, "jump_names"):
        return list(first.jump_names)
    setup = getattr(records, "setup", None)
    try:
        return None if setup is None else setup.jump_names()
    except (*EXPECTED, StorageError):  # a file that does not say, or says it wrongly
        return None


def channel_place(name: str, key: Any, names: Sequence[str] | None) -> int:
    """The position in ``model.jumps`` of a jump that is given by it or by its name."""
    if not isinstance(key, str):
        return checks.integer(name, key, 0, None if names is None else len(names) - 1)
    if names is None or key not in names:
        known = f"one of {checks.named(names)}, or its place" if names else "the place of a jump: these have no names"
        raise ArgumentError(name, f"be {known}", f"it is {checks.shown(key)}")
    return names.index(key)


def ends_of(given: Sequence[tuple[NDArray[np.void], float | None]], begin: float) -> list[float]:
    """When each record ends; those that do not know it end with the last jump of any of them."""
    bare = [record["time"][record["time"] >= begin] for record, end in given if end is None]
    jumps = [times for times in bare if times.size]
    common = max((float(times[-1]) for times in jumps), default=begin)
    longest = max((float(np.diff(times).max()) for times in jumps if times.size > 1), default=np.inf)
    missing = max((common - float(times[-1]) for times in jumps), default=0.0)
    if missing > _BEYOND * longest:
        found = f"the jumps of one end {missing:g} before those of another, and the longest wait is {longest:g}"
        raise ArgumentError("end", "be given for records that may not have ended together", found)
    return [common if end is None else end for _, end in given]


def window_of(records: Any, start: object, end: object) -> tuple[list[NDArray[np.void]], Array, float]:
    """Records as given, when each ends, and the begin of what is looked at, checked."""
    begin = checks.number("start", start, 0)
    last = None if end is None else checks.number("end", end)
    if last is not None and last < begin:
        raise ArgumentError("end", f"be at least start = {begin:g}", f"it is {last:g}")
    given = given_records(records)
    first = min((own for _, own in given if own is not None), default=None)
    if last is not None and first is not None and last > first * (1 + _SLACK):
        raise ArgumentError("end", f"be at most {first:g}, where the first record ends", f"it is {last:g}")
    ends = ends_of([(r, own if last is None else last) for r, own in given], begin)
    return [record for record, _ in given], np.array(ends, dtype=float), begin


def chosen(record: NDArray[np.void], channel: int | None) -> Array:
    """Times of the jumps of one channel, or of all."""
    times: Array = record["time"] if channel is None else record["time"][record["channel"] == channel]
    return times
