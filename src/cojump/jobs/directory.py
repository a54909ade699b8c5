"""The directory of a run: its result file, and beside it the chunks that are not folded into it yet.

    result.h5                   what is folded so far; at the end it is all there is
    checkpoint/manifest.h5      the points without any trajectory, and the key of the run
    checkpoint/*.shard          finished chunks, files of their own for each rank of each session
    checkpoint/status.json      how far the job is
    checkpoint.aside/           what was among them and does not count; nothing that may be work is ever removed
    failures.json               the points that cannot be run, and why; only as long as there are any
    .lock                       while a job runs

Whatever the moment a process dies at, what was finished is in one of the first three: the result file is replaced as
a whole, a shard is only added to, and both are removed only when their content is on the disk in the result file. A
chunk is known by its point and number, so that one that is in two places counts once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..ensemble.chunk_files import EarlierFiles, OwnFiles, Seat
from ..ensemble.chunk_log import Scan, scan, shard_files, shard_path
from ..ensemble.goal import Goal
from ..ensemble.ordered_merge import Fold, folded_of
from ..ensemble.waiting_chunks import WaitingChunks
from ..errors import StorageError
from ..results.result import Result
from ..storage.envelope import RESULT_NAME
from ..storage.result_file import load, save_results
from ..storage.result_sequence import ResultSequence
from ..storage.resume_note import Note
from ..storage.run_directory import ASIDE, DIRECTORY, MANIFEST, key_of
from ..tools.lock import NAME as LOCK
from ..tools.lock import Lock
from ..tools.summaries import counted
from ..tools.whole_files import prepare_directory, reason, sweep
from . import failures
from .status import NAME as STATUS

_SHARE = 50
"""The result file is rewritten when a point is finished, but not sooner than so many times as long as it took."""


@dataclass
class Contents:
    """What a directory holds, as it is read.

    Attributes
    ----------
    results, manifest : ResultSequence or None
    """

    results: ResultSequence | None
    manifest: ResultSequence | None

    def notes(self) -> dict[str, tuple[Result, Note | None]]:
        """Each stored point by its key: from the result file, or else from the manifest."""
        found: dict[str, tuple[Result, Note | None]] = {}
        for sequence in (self.manifest, self.results):
            if sequence is not None:
                for result, note in zip(sequence, sequence.notes, strict=True):
                    found[key_of(result.seed, result.parameters)] = (result, note)
        return found


def read_contents(directory: Path) -> Contents:
    """Read the result file and the manifest, whichever are there.

    Raises
    ------
    StorageError
        If one of them is damaged.
    """
    result, manifest = directory / RESULT_NAME, directory / DIRECTORY / MANIFEST
    return Contents(
        load(result) if os.path.lexists(result) else None,
        load(manifest) if os.path.lexists(manifest) else None,
    )


class Prepared(NamedTuple):
    """The points of a job by their keys: results without trajectories, goals, what each depends on, and how many
    trajectories its two-time functions are to have.
    """

    skeletons: Mapping[str, Result]
    goals: Mapping[str, Goal]
    identities: Mapping[str, Mapping[str, Any]]
    two_time: Mapping[str, Mapping[str, int]]


class Session:
    """The directory of a run while a job has it; on rank 0 only.

    Parameters
    ----------
    directory : path
        Made if it is not there.
    run_file, sources
        Text of the run file and of the user's model file, for the result file.
    locked : bool
        If false, the directory is only read; another job may have it.
    """

    def __init__(self, directory: Path, run_file: str, sources: Mapping[str, str], *, locked: bool = True) -> None:
        self.directory, self._run_file, self._sources = directory, run_file, dict(sources)
        self._place = directory / DIRECTORY
        self._lock: Lock | None = None
        if locked:
            prepare_directory(directory)
            self._lock = Lock(directory)
        self.folds: dict[str, Fold] = {}
        self.remarks: list[str] = []
        self._stuck = False
        self.failures = failures.FailureRecord(directory)
        self._identities: dict[str, Mapping[str, Any]] = {}
        self._two_time: Mapping[str, Mapping[str, int]] = {}
        self._others: list[tuple[Result, Note]] = []
        self._last_write = -float("inf")
        self._duration = 0.0
        self._written = OwnFiles()

    @property
    def path(self) -> Path:
        """The result file."""
        return self.directory / RESULT_NAME

    @property
    def has_trajectories(self) -> bool:
        """Whether there is anything to be folded, or folded already."""
        return bool(self._others) or any(fold.n_traj for fold in self.folds.values())

    def begin(self, contents: Contents, points: Prepared) -> int:
        """Take up what earlier sessions have left; returns how many damaged records there are in their files.

        What else does not count is in ``remarks``, a line for each.

        Raises
        ------
        StorageError
            If a file cannot be read or written.
        """
        skeletons, goals = points.skeletons, points.goals
        key = self._prepare(contents, points)
        stored = contents.notes()
        waiting = WaitingChunks(self._place if self._lock else None)
        for name, skeleton in skeletons.items():
            result, note = stored.get(name, (None, None))
            if result is not None:
                skeleton = replace(skeleton, two_time=result.two_time)
            begun = note.folded if note else folded_of(result) if result else None
            self.folds[name] = Fold(skeleton, goals[name], begun, waiting.hold)
        self._others = [(r, n) for name, (r, n) in stored.items() if n and r.n_traj and name not in self.folds]
        self._shards = EarlierFiles(key.encode(), {p: scan(p, key.encode()) for p in shard_files(self._place)})
        self.remarks += self._shards.remarks()
        self._shards.offer_to(self.folds)
        for fold in self.folds.values():
            fold.advance()
        self.seat = Seat(self._place, secrets.token_hex(4), key)
        return self._shards.damaged

    def keep(self, contents: Contents, points: Prepared) -> None:
        """Store the points that are prepared so far, for a session that is told to stop before it has all of them."""
        self._prepare(contents, points)

    def _prepare(self, contents: Contents, points: Prepared) -> str:
        """Write the manifest, with the points of earlier sessions that this one does not have too; the run's key."""
        key = contents.manifest.origin.key if contents.manifest else secrets.token_hex(16)
        skeletons, goals = points.skeletons, points.goals
        self._identities, self._two_time = dict(points.identities), points.two_time
        if self._lock:
            try:
                self._place.mkdir(exist_ok=True)
            except OSError as error:
                raise StorageError(f"cannot write into {self._place}: {reason(error)}") from None
            sweep(self.directory, RESULT_NAME, failures.NAME, LOCK.removeprefix("."))
            sweep(self._place, MANIFEST)
            if contents.manifest is None:
                self._leave_behind()
            others = Contents(None, contents.manifest).notes()
            kept = [(result, note) for n, (result, note) in others.items() if note and n not in skeletons]
            self._save(
                self._place / MANIFEST,
                {n: Fold(replace(s, two_time={}), goals[n]) for n, s in skeletons.items()},
                kept,
                key,
            )
        return key

    def _leave_behind(self) -> None:
        """Put files of chunks away whose manifest is lost: without its key nobody knows what run they are of."""
        files = shard_files(self._place)
        if files:
            does, its, is_ = ("does", "its", "it is") if len(files) == 1 else ("do", "their", "they are")
            self.remarks.append(
                f"{self._place / MANIFEST} is missing: the {counted(len(files), 'file')} of chunks beside it "
                f"{does} not count, {its} trajectories are run again; {is_} kept in {self.directory / ASIDE}"
            )
        for path in files:
            try:
                self._set_aside(path)
            except StorageError as error:
                self.remarks.append(str(error))

    def _set_aside(self, path: Path) -> None:
        """Move a file that may be work out of the way, whatever else has that name there."""
        place = self.directory / ASIDE
        try:
            place.mkdir(exist_ok=True)
            target = place / path.name
            while os.path.lexists(target):
                target = place / f"{path.stem}-{secrets.token_hex(2)}{path.suffix}"
            os.rename(path, target)
        except OSError as error:
            raise StorageError(f"cannot move {path} into {place}: {reason(error)}") from None

    def _discard(self, path: Path, found: Scan | None = None) -> None:
        """Remove a file that is superfluous; one with content that does not count is kept elsewhere.

        What cannot be removed is no matter: all that it holds is in the result file.
        """
        try:
            if found is not None and found.damaged:
                self._set_aside(path)
            else:
                path.unlink(missing_ok=True)
        except (OSError, StorageError) as error:
            why = f"cannot remove {path}: {reason(error)}" if isinstance(error, OSError) else str(error)
            self.remarks.append(why)
            self._stuck = True

    def _save(
        self,
        path: Path,
        folds: Mapping[str, Fold],
        others: Sequence[tuple[Result, Note]] = (),
        key: str = "",
        *,
        new: bool = False,
    ) -> None:
        points = [
            (f.result(), Note(self._identities[n], f.goal, f.state(), self._two_time.get(n, {})))
            for n, f in folds.items()
        ]
        points += others
        save_results(
            path,
            [result for result, _ in points],
            run_file=self._run_file,
            sources=self._sources,
            notes=[note for _, note in points],
            key=key,
            overwrite=not new,
        )

    def wrote(self, rank: int, index: int, name: str, number: int) -> None:
        """Note that a rank has a chunk in its file ``index``; when that is another one, write what is folded."""
        if not self.folds[name].finished and number >= self.folds[name].next:
            self._written.pending[name, number] = rank, index
        if self._written.note(rank, index):
            self.write(now=False)

    def write(self, path: Path | None = None, *, now: bool = True, ended: bool = False) -> None:
        """Write the result file with all that is folded; files of which nothing else is needed are removed.

        Parameters
        ----------
        path : path, optional
            Another file instead; nothing is removed then.
        now : bool
            If false, only when it takes a small share of the time.
        ended : bool
            All ranks have closed their files.

        Raises
        ------
        StorageError
            If it cannot be written; nothing is removed then.
        """
        began = time.monotonic()
        if not now and began - self._last_write < _SHARE * self._duration:
            return
        some = {name: fold for name, fold in self.folds.items() if fold.n_traj}
        if some or path is not None:
            self._save(path or self.path, some, self._others, new=path is not None)
        self._last_write = time.monotonic()
        self._duration = self._last_write - began
        if some and path is None:
            self._drop_covered()
            for rank, index in self._written.covered(self.folds, ended):
                self._discard(shard_path(self.seat.stem(rank), index))

    def _drop_covered(self) -> None:
        """Remove the files of earlier sessions of which everything is in the result file."""
        for shard in self._shards.covered(self.folds):
            self._discard(shard, self._shards.files.pop(shard))

    def tidy(self) -> None:
        """Remove what an earlier session of a complete run has left; the result file stays as it is."""
        self._drop_covered()
        self.clear()

    def clear(self) -> bool:
        """Remove what a complete run needs no more, and nothing that it has not made or that may be work.

        Returns whether chunks of points that cannot be run today are left, for which the checkpoint stays as it is.
        """
        if self._shards.files:
            return True
        status = self._place / STATUS
        manifest = [] if self._stuck else [self._place / MANIFEST]  # it has the key to whatever could not be removed
        for path in (status, status.with_suffix(".part"), *manifest):  # the manifest last
            self._discard(path)
        self.leave()
        return False

    def leave(self) -> None:
        """Remove the directory of the chunks if nothing is in it."""
        sweep(self._place, MANIFEST)
        try:
            self._place.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            others: list[str] = []
            with contextlib.suppress(OSError):
                others = sorted(path.name for path in self._place.iterdir())
            if not self.remarks:
                why = f"{others[0]} in it is not of this run" if others else reason(error)
                self.remarks.append(f"cannot remove {self._place}: {why}")

    def close(self) -> None:
        """Give the directory free."""
        if self._lock:
            self._lock.release()


def damaged_text(directory: Path, damaged: int) -> str:
    """Say that there are damaged records."""
    return f"damaged records in {directory / DIRECTORY} ({damaged}) do not count; their trajectories are run again"


def holds_chunks(directory: Path) -> bool:
    """Whether there are chunks in the directory of a run that may not be folded yet."""
    return any(path.stat().st_size > 0 for path in shard_files(directory / DIRECTORY))
