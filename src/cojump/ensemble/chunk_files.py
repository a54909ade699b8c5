"""The files of finished chunks in the directory of a run: those of this session, and what earlier ones have left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.final_states import flat, from_flat
from .chunk import Chunk, Groups, statistics_of, tails_of
from .chunk_log import Place, Scan, ShardWriter, Stored, fetch
from .ordered_merge import Fold


@dataclass
class Seat:
    """What one rank needs to write its chunks down; made by rank 0.

    Attributes
    ----------
    directory : Path
        Of the shards.
    session : str
        Begins the names of this session's files.
    key : str
        Of the run.
    """

    directory: Path
    session: str
    key: str

    def stem(self, rank: int) -> Path:
        """What the names of the files of a rank begin with."""
        return self.directory / f"{self.session}-{rank:05d}"

    def writer(self, rank: int, seconds: float) -> ShardWriter:
        """The files of a rank."""
        return ShardWriter(self.stem(rank), self.key.encode(), seconds)


def record_of(key: str, number: int, chunk: Chunk) -> Stored:
    """A chunk as it is written down."""
    moments = [(m.count, m.mean, m.comoment, *tails_of(m)) for m in chunk.moments]
    final = flat(chunk.final)
    place = (key, number, chunk.start, chunk.stop, chunk.n_jumps)
    return Stored(*place, chunk.series, moments, final, chunk.records)


@dataclass
class EarlierFiles:
    """The records of earlier sessions, by file.

    Attributes
    ----------
    key : bytes
        Of the run; a record of another one does not count.
    files : dict of Path to Scan
    """

    key: bytes
    files: dict[Path, Scan] = field(default_factory=dict)

    @property
    def damaged(self) -> int:
        """How many records are damaged."""
        return sum(found.damaged for found in self.files.values())

    def offer_to(self, folds: Mapping[str, Fold]) -> None:
        """Tell each fold which of its chunks are on the disk; of a partial one the longest."""
        places = [place for found in self.files.values() for place in found.places]
        groups = {name: Groups(statistics_of(fold.skeleton)) for name, fold in folds.items()}
        for place in sorted(places, key=lambda p: p.stop):
            if place.point in folds:
                fetcher = _fetcher(place, self.key, groups[place.point])
                folds[place.point].offer(place.number, place.start, place.stop, fetcher)

    def remarks(self) -> list[str]:
        """What does not count, file by file: cut off, or nothing of this run."""
        lines = []
        for path, found in self.files.items():
            if found.torn:
                lines.append(f"{path} is cut off; what is missing there is run again")
            elif not found.places:
                what = "is not of this run, does not count and is kept" if found.foreign else "holds no record"
                lines.append(f"{path} {what}")
        return lines

    def covered(self, folds: Mapping[str, Fold]) -> list[Path]:
        """The files of which every record is folded."""

        def folded(place: Place) -> bool:
            fold = folds.get(place.point)
            return fold is not None and (place.number < fold.next or fold.finished)

        return [path for path, found in self.files.items() if all(map(folded, found.places))]


@dataclass
class OwnFiles:
    """The files of this session: which there are, and the chunks in them that are not folded yet."""

    files: dict[int, set[int]] = field(default_factory=dict)
    pending: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def note(self, rank: int, index: int) -> bool:
        """A rank has written into its file ``index``; whether that is a new file after another one."""
        own = self.files.setdefault(rank, set())
        new = bool(own) and index not in own
        own.add(index)
        return new

    def covered(self, folds: Mapping[str, Fold], ended: bool) -> list[tuple[int, int]]:
        """Forget and return the files in which everything is folded and to which nothing is added any more."""
        self.pending = {
            (name, number): place
            for (name, number), place in self.pending.items()
            if not folds[name].finished and number >= folds[name].next
        }
        needed = set(self.pending.values())
        found = []
        for rank, own in self.files.items():
            closed = set(own) if ended else own - {max(own, default=0)}
            gone = {index for index in closed if (rank, index) not in needed}
            found += [(rank, index) for index in sorted(gone)]
            own -= gone
        return found


def _fetcher(place: Place, key: bytes, groups: Groups) -> Any:
    def chunk() -> Chunk:
        record = fetch(place, key)
        moments, final = groups.filled(record.moments), from_flat(*record.final) if record.final is not None else ()
        return Chunk(record.start, record.stop, moments, record.series, record.n_jumps, final, record.records)

    return chunk
