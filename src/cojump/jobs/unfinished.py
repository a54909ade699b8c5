"""What the directory of a run lacks, point by point and in words: failed, stopped, not begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..ensemble.goal import Goal
from ..ensemble.ordered_merge import aside_text
from ..errors import StorageError, one_line, printable
from ..results.result import Result
from ..storage.result_file import load
from ..storage.result_sequence import ResultSequence
from ..storage.resume_note import Note
from ..storage.run_directory import DIRECTORY, MANIFEST, key_of
from ..tools.lock import held
from ..tools.summaries import counted
from .directory import holds_chunks
from .failures import Failed, read_failures
from .folding import folds_in
from .status import read_status

_UNTHINKABLE = 10**12
"""Trajectories from which on their number is not told."""


def missing_points(directory: Path, results: ResultSequence | None, *, failed_only: bool = False) -> list[str]:
    """Say for each point that is not complete why, in one line each, and at the end which targets were missed.

    Nothing for a run that is complete and has reached its ``target_error``.

    Parameters
    ----------
    directory : Path
        Of a run, where a job may be at work.
    results : ResultSequence or None
        Its result file.
    failed_only : bool
        Leave out the points that have not failed.
    """
    lines, manifest, failures = [], None, {}
    try:
        failures = read_failures(directory)
    except StorageError as error:
        lines.append(one_line(error))
    try:
        manifest = load(directory / DIRECTORY / MANIFEST) if (directory / DIRECTORY / MANIFEST).exists() else None
    except StorageError as error:
        lines.append(one_line(error))
    stored = _by_key(results)
    there = {key: result.n_traj for key, (result, _) in stored.items()}
    for entry in failures.values():
        result, note = stored.get(entry.key, (None, None))
        if result is None or not _complete(result, note, entry.n_traj):
            lines.append(_failed(entry, there.get(entry.key, 0)))
    found = last_status(directory, results)
    names, why = _states(directory, found)
    kept = _kept(found)
    for key, (point, note) in _by_key(manifest).items():
        result, _ = stored.get(key, (None, None))
        if note is None or key in failures or (result and _complete(result, note, note.goal.n_traj)):
            continue
        name = parameters_text(point.parameters)
        count = _count(there.get(key, 0), note.goal.n_traj, *kept.get(key, kept.get(name, (0, 0))))
        waits = "" if result is None else note.goal.waits_for(result)
        if names.get(key, names.get(name)) == "failed":
            lines.append(f"failed: {name}: the reason was not written down; {count}")
        elif not failed_only:
            lacks = [] if result is None else note.lacks(result)
            more = [f"it needs {waits}"] * bool(waits)
            more += [f"its two-time function {n} is not done ({_of_function(n, result, note)})" for n in lacks]
            lines.append("; ".join([f"unfinished: {name}: {why}; {count}", *more]))
    going = _by_key(manifest)
    done = [r for key, (r, note) in stored.items() if note and key in going and _complete(r, note, note.goal.n_traj)]
    if bare := [r for r in done if not explained(r)]:
        who = "a job at work makes it" if failed_only else "the same command makes it"
        lines.append(f"1/N theory: not yet beside {counted(len(bare), 'finished point')}; {who} at its end")
    if not failed_only:
        noted = [(result, note) for key, (result, note) in stored.items() if note and key not in failures]
        lines += unreached((result, note.goal) for result, note in noted if result.n_traj >= note.goal.n_traj)
    return [one_line(line) for line in lines]


def unreached(points: Iterable[tuple[Result, Goal]]) -> list[str]:
    """Say that points have all their trajectories and not the errors that were asked for: one line, or none.

    By how much the first of them misses its target, and how many trajectories would reach it.
    """
    short = [(result, goal, text) for result, goal in points if (text := goal.waits_for(result))]
    if not short:
        return []
    (result, _, text), more = short[0], len(short) - 1
    line = f"{parameters_text(result.parameters)} still needs {text}"
    if more:
        line += f"; so {'does' if more == 1 else 'do'} {counted(more, 'more point')}"
    enough = max(goal.trajectories_for(result) for result, goal, _ in short)
    step = 10 ** max(len(str(enough)) - 2, 0)  # two digits are more than the errors of errors know
    enough = -(-enough // step) * step
    about = f"about {enough:,}" if enough < _UNTHINKABLE else "many more"
    return [f"target_error is not reached with all n_traj: {line}; n_traj may grow, {about} would reach it"]


def explained(result: Result) -> bool:
    """Whether the 1/N theory is beside it, or the reason why there is none."""
    return result.theory is not None or bool(result.theory_refusal)


def _of_function(name: str, result: Result | None, note: Note) -> str:
    """How many trajectories of a two-time function are there."""
    there = 0 if result is None or name not in result.two_time else result.two_time[name].sampled.n_traj
    return f"{there:,} of {counted(note.two_time[name], 'trajectory')}"


def is_unfinished(directory: Path, results: ResultSequence) -> bool:
    """Whether the directory has chunks, or wants some, of a point that is not complete in the result file."""
    try:
        manifest = load(directory / DIRECTORY / MANIFEST) if (directory / DIRECTORY / MANIFEST).exists() else None
    except StorageError:
        return True
    stored = _by_key(results)
    for key, (_, note) in _by_key(manifest).items():
        result, _ = stored.get(key, (None, None))
        if result is None or (note is not None and not _complete(result, note, note.goal.n_traj)):
            return True
    return False


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """Name a point by its parameters; one that has none is the only one of its run."""
    return printable(", ".join(f"{key} = {value}" for key, value in parameters.items()) or "the point")


def _by_key(points: ResultSequence | None) -> dict[str, tuple[Result, Note | None]]:
    if points is None:
        return {}
    notes: Sequence[Note | None] = points.notes or [None] * len(points)
    return {key_of(r.seed, r.parameters): (r, note) for r, note in zip(points, notes, strict=True)}


def _complete(result: Result, note: Note | None, n_traj: int) -> bool:
    if note is not None and note.lacks(result):
        return False
    return result.n_traj >= n_traj or (note is not None and note.goal.reached_by(result))


def _count(done: int, asked: int, kept: int = 0, foldable: int = 0) -> str:
    text = f"{done:,} of {counted(asked, 'trajectory')} {'is' if asked == 1 else 'are'} in the result file"
    if kept <= done:
        return text
    text += f", {kept:,} are kept"
    if foldable > done:
        text += f", of which a fold gathers {foldable - done:,}" + (" more" if done else "")
    return text + (f", {aside_text(kept - max(foldable, done))}" if kept > max(foldable, done) else "")


def fold_adds(directory: Path, results: ResultSequence | None) -> bool:
    """Whether a fold would gather trajectories that are not in the result file.

    A job that ended in order has gathered them itself; only one that was killed leaves any.
    """
    if not (directory / DIRECTORY).is_dir():
        return False
    found = read_status(directory / DIRECTORY)
    if found is not None and found[0]["state"] != "running" and results is not None:
        return False
    there = {key: result.n_traj for key, (result, _) in _by_key(results).items()}
    try:
        return any(fold.n_traj > there.get(key, 0) for key, fold in folds_in(directory).items())
    except StorageError:
        return True  # the fold says what is wrong


def last_status(directory: Path, results: ResultSequence | None) -> tuple[dict[str, Any], float] | None:
    """What the last job in a directory has written, and how many seconds ago; None if there is nothing such.

    A job that was killed has finished more than it has said: its trajectories are counted on the disk.
    """
    found = read_status(directory / DIRECTORY)
    if found is None or found[0]["state"] != "running" or held(directory):
        return found
    try:
        folds, manifest = folds_in(directory), _by_key(load(directory / DIRECTORY / MANIFEST))
    except StorageError:  # the fold says what is wrong
        return found
    stored, points = _by_key(results), []
    there = {key: result.n_traj for key, (result, _) in stored.items()}
    lacking = {key for key, (r, note) in manifest.items() if note and note.lacks(stored.get(key, (r, None))[0])}
    for point in found[0]["points"]:
        key = _known_by(point)
        fold = folds.get(key)
        if fold is not None and point["state"] != "failed":
            state = "finished" if fold.finished and key not in lacking else "unfinished"
            counts = {"done": fold.n_done, "folded": there.get(key, 0), "foldable": fold.n_traj}
            point = {**point, "state": state, **counts, "waits": fold.waits}
        points.append(point)
    return {**found[0], "points": points}, found[1]


def _kept(found: tuple[dict[str, Any], float] | None) -> dict[str, tuple[int, int]]:
    """Trajectories of each point that are kept, and that a fold would gather (0 if it would add none), by its key."""
    points = found[0]["points"] if found is not None else []
    return {_known_by(point): (point["done"], point.get("foldable", 0)) for point in points}


def _known_by(point: Mapping[str, Any]) -> str:
    """The key of a point in the status; its name where an older job has written none."""
    key = point.get("key")
    return key if isinstance(key, str) and key else parameters_text(point["parameters"])


def _failed(entry: Failed, done: int) -> str:
    when = "failed in an earlier job" if entry.earlier else "failed"
    kept = f"; {_count(done, entry.n_traj)}" if done else ""
    return f"{when}: {parameters_text(entry.parameters)}: {entry.message}{kept}"


def _states(directory: Path, found: tuple[dict[str, Any], float] | None) -> tuple[dict[str, str], str]:
    """What the last job wrote about each point, by its key, and what became of that job."""
    alive = held(directory)
    if found is None:
        ended = "killed or broken off" if holds_chunks(directory) else "no job has begun its trajectories yet"
        return {}, "a job is running" if alive else ended
    status = found[0]
    names = {_known_by(point): point["state"] for point in status["points"]}
    if alive:
        return names, "a job is running"
    if status["state"] == "running":
        return names, "killed or broken off"
    return names, status.get("why") or status["state"]
