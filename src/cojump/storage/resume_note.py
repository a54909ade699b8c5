"""What a later session needs to know of a stored point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..ensemble.chunk import Chunk, Groups, statistics_of
from ..ensemble.goal import Goal
from ..ensemble.ordered_merge import Folded, folded_of
from ..measure.moments import Moments
from ..results.result import Result
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
    """

    identity: Mapping[str, Any]
    goal: Goal
    folded: Folded


def write_note(group: Group, note: Note) -> None:
    """Write what a later session needs beside a point."""
    group["identity"] = json.dumps(note.identity)
    group["goal"] = json.dumps(asdict(note.goal))
    last = note.folded.last
    if last is None:  # the moments of the whole chunks are those of the result
        return
    group.attrs.update(start=last.start, stop=last.stop, n_jumps=last.n_jumps)
    for name, groups in (("before", note.folded.before), ("last", last.moments)):
        for i, moments in enumerate(groups):
            write_moments(group.create_group(f"{name}/{i}"), moments)


def read_note(group: Any, result: Result) -> Note:
    """Read what an earlier session has left beside a point."""
    identity, goal = json.loads(text_of(group["identity"])), Goal(**json.loads(text_of(group["goal"])))
    if "last" not in group:
        return Note(identity, goal, folded_of(result))
    layout = Groups(statistics_of(result))

    def read(name: str) -> tuple[Moments, ...]:
        parts = [group[name][str(i)] for i in range(len(group[name]))]
        return layout.filled([(int(p.attrs["count"]), p["mean"][()], p["comoment"][()], *read_tails(p)) for p in parts])

    start, stop, n_jumps = (int(group.attrs[name]) for name in ("start", "stop", "n_jumps"))
    last = Chunk(start, stop, read("last"), result.trajectories[:0], n_jumps)
    return Note(identity, goal, folded_of(result, (read("before"), last)))
