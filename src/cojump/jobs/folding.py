"""Folding the finished chunks of a run into a result file, without running anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..ensemble.ordered_merge import Fold, kept_text
from ..errors import StorageError
from ..results.result import Result
from ..storage.envelope import RESULT_NAME
from ..storage.result_sequence import ResultSequence
from ..storage.run_directory import check_new, key_of
from ..tools.lock import held
from .directory import Contents, Prepared, Session, damaged_text, read_contents
from .status import Behind


def fold_into(
    directory: Path, output: Path | None, tell: Callable[[str], None]
) -> tuple[list[Fold], list[Behind], Path]:
    """Fold what a run has finished, without running anything.

    Parameters
    ----------
    directory : Path
        Of the run.
    output : Path or None
        A new file; None, and the result file of the run itself, which no job may be at work on then.
    tell : callable
        Gets a line for everything that does not count.

    Returns
    -------
    folds : list of Fold
        All points.
    behind : list of Behind
        How far their two-time functions are, which a fold leaves as they are.
    path : Path
        The file.

    Raises
    ------
    StorageError
        If there is nothing to fold, a file is damaged, a job is running, or ``output`` is there already.
    """
    if not directory.is_dir():
        raise StorageError(f"{directory} is no directory of a run")
    if output is not None and os.path.realpath(output) == os.path.realpath(directory / RESULT_NAME):
        output = None
    contents = read_contents(directory)
    if contents.manifest is None:
        raise StorageError(f"{directory} holds no unfinished run; there is nothing to fold")
    if output is not None:
        check_new(output)
        if output.name == RESULT_NAME and held(Path(os.path.realpath(output.parent))):
            raise StorageError(f"cannot write {output}: it is the result file of another run")
    origin = contents.manifest.origin
    session = Session(directory, origin.run_file, origin.sources, locked=output is None)
    try:
        contents = read_contents(directory) if output is None else contents
        if contents.manifest is None:
            raise StorageError(f"{directory} holds no unfinished run any more; there is nothing to fold")
        damaged = _take_up(session, contents.manifest, contents)
        if damaged:
            tell(damaged_text(directory, damaged))
        path = session.path if output is None else output
        if not session.has_trajectories:
            folds = session.folds.values()
            there = f"no chunk of the run in {directory} is whole" if any(f.n_done for f in folds) else ""
            there = f"{there}, {kept_text(folds)}" if there else f"no trajectory of the run in {directory} is finished"
            raise StorageError(f"{there}; there is nothing to fold")
        session.write(output)
        return list(session.folds.values()), _behind(session, contents.manifest), path
    finally:
        for remark in session.remarks:
            tell(remark)
        session.close()


def _behind(session: Session, manifest: ResultSequence) -> list[Behind]:
    """How far the two-time functions of a run are."""
    made = []
    for result, note in zip(manifest, manifest.notes, strict=True):
        if note is None:
            continue
        there = session.folds[_key(result)].skeleton
        lacks = note.lacks(there)
        for name, n in note.two_time.items():
            done = there.two_time[name].sampled.n_traj if name in there.two_time else 0
            made.append(Behind(n, 0.0, min(done, n), name not in lacks))
    return made


def _take_up(session: Session, manifest: ResultSequence, contents: Contents) -> int:
    """Take up all that is there of the points of a manifest; the number of damaged records."""
    stored = dict(zip(map(_key, manifest), manifest.notes, strict=True))
    notes = {key: note for key, note in stored.items() if note is not None}
    points = Prepared(
        {_key(result): result for result in manifest if _key(result) in notes},
        {key: note.goal for key, note in notes.items()},
        {key: note.identity for key, note in notes.items()},
        {key: note.two_time for key, note in notes.items()},
    )
    return session.begin(contents, points)


def folds_in(directory: Path) -> dict[str, Fold]:
    """What a fold would make of each point of a run, by its key; nothing is written.

    Reads all that waits on the disk.

    Raises
    ------
    StorageError
        If a file is damaged.
    """
    contents = read_contents(directory)
    if contents.manifest is None:
        return {}
    session = Session(directory, "", {}, locked=False)
    try:
        _take_up(session, contents.manifest, contents)
        return session.folds
    finally:
        session.close()


def _key(result: Result) -> str:
    return key_of(result.seed, result.parameters)
