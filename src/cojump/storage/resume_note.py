"""What a later session needs to know of a stored point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..ensemble.chunk import Groups, statistics_of
from ..ensemble.goal import Goal
from ..ensemble.ordered_merge import Folded, folded_of
from ..measure.moments import Moments
from ..results.continuation import Identity, Rest
from ..results.result import Result
from ..tools.summaries import counted
from .hdf5 import Group, read_tails, text_of, write_moments


@dataclass(frozen=True)
class Note:
    """What a run needs to know of a stored point to go on with it.

    Attributes
    ----------
    identity : mapping
        What makes the point what it is, see :func:`cojump.ensemble.fingerprint.identity_of`.
    goal : Goal
        When it was to be done.
    folded : Folded
        How far it is.
    two_time : mapping of str to int
        The two-time functions that belong to it, and how many trajectories each is to have.
    """

    identity: Mapping[str, Any]
    goal: Goal
    folded: Folded
    two_time: Mapping[str, int] = field(default_factory=dict)

    def lacks(self, result: Result) -> list[str]:
        """The two-time functions that a result does not have, or not with all trajectories."""
        there = {name: found.sampled.n_traj for name, found in result.two_time.items()}
        return [name for name, n in self.two_time.items() if there.get(name, 0) < n]


def write_note(group: Group, note: Note) -> None:
    """Write what a later session needs beside a point."""
    group["identity"] = json.dumps(note.identity)
    group["goal"] = json.dumps(asdict(note.goal))
    if note.two_time:
        group["two_time"] = json.dumps(note.two_time)
    last = note.folded.last
    if last is not None:  # else the moments of the whole chunks are those of the result
        _write_rest(group, Rest(note.folded.before, last.moments, last.start, last.stop, last.n_jumps))


def write_continuation(group: Group, identity: Identity, rest: Rest | None) -> None:
    """Write what a script needs to go on with a result, or to merge it with others."""
    group["identity"] = json.dumps(identity.facts)
    if rest is not None:
        _write_rest(group, rest)


def _write_rest(group: Group, rest: Rest) -> None:
    group.attrs.update(start=rest.start, stop=rest.stop, n_jumps=rest.n_jumps)
    for name, groups in (("before", rest.before), ("last", rest.last)):
        for i, moments in enumerate(groups):
            write_moments(group.create_group(f"{name}/{i}"), moments)


def read_continuation(group: Any, result: Result) -> Result:
    """The result with what its file holds of its run."""
    identity = json.loads(text_of(group["identity"]))
    if not isinstance(identity, dict):
        raise ValueError("what says which run it is of is no table")
    return replace(result, identity=Identity.stored(identity), rest=_read_rest(group, result))


def _read_rest(group: Any, result: Result) -> Rest | None:
    if "last" not in group:
        return None
    layout = Groups(statistics_of(result))

    def read(name: str) -> tuple[Moments, ...]:
        parts = [group[name][str(i)] for i in range(len(group[name]))]
        return layout.filled([(int(p.attrs["count"]), p["mean"][()], p["comoment"][()], *read_tails(p)) for p in parts])

    start, stop, n_jumps = (int(group.attrs[name]) for name in ("start", "stop", "n_jumps"))
    before, last = read("before"), read("last")
    whole, part = {m.count for m in before}, {m.count for m in last}
    if whole != {start} or part != {stop - start} or stop != result.n_traj or not 0 <= n_jumps <= result.n_jumps:
        raise ValueError(f"its last chunk, {start} to {stop}, does not fit {counted(result.n_traj, 'trajectory')}")
    return Rest(before, last, start, stop, n_jumps)


def read_note(group: Any, result: Result) -> Note | None:
    """What an earlier session of a run has left beside a point; None for a result that a script has saved."""
    if "goal" not in group:
        return None
    assert result.identity is not None
    two_time = json.loads(text_of(group["two_time"])) if "two_time" in group else {}
    if not isinstance(two_time, dict) or not all(isinstance(n, int) for n in two_time.values()):
        raise ValueError("what says which two-time functions belong to it is no table of numbers")
    return Note(result.identity.facts, Goal(**json.loads(text_of(group["goal"]))), folded_of(result), two_time)
