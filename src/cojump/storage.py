"""The result file: one self-describing HDF5 file for all points of a run, whole or refused.

The file is made in memory and written by :func:`cojump.files.replace_file`. Its first 512 bytes, the user
block that every HDF5 program skips, hold the schema version, the length and the SHA-256 of all that follows.
They are verified before HDF5 sees a single byte: no damaged file is ever parsed, no wrong number ever read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, overload

import h5py
import numpy as np

from . import __version__
from .averages import layout_of
from .errors import ArgumentError, StorageError, one_line
from .files import reason, replace_file
from .fold import Chunk, Folded, Goal, Groups, folded_of, statistics_of
from .moments import Moments
from .results import Extra, Result, Theory

RESULT_NAME = "result.h5"
"""Name of the result file in the directory of a run."""

SCHEMA = 2
"""Version of the layout written here; files up to this one are read.

2: what makes each point what it is, when it is done, and its partial last chunk, so that a run can be extended.
"""

_HEADER = 512
_MAGIC = b"cojump result file\n"
_ARRAYS = ("times", "weights", "reference", "trajectories")
_THEORY = tuple(f.name for f in fields(Theory))


@dataclass(frozen=True)
class Origin:
    """Where results come from, as their file tells.

    Attributes
    ----------
    run_file : str
        Text of the run file; empty for results saved from a script.
    sources : mapping of str to str
        Name and text of the user's model file, if the run file names one.
    version : str
        The cojump that wrote the file.
    schema : int
        Version of the file's layout.
    created : str
        Date and time of writing, ISO 8601, UTC.
    key : str
        Of the run, see shards.py; empty in a result file.
    """

    run_file: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__
    schema: int = SCHEMA
    created: str = ""
    key: str = ""


@dataclass(frozen=True)
class Note:
    """What a run needs to know of a stored point to go on with it.

    Attributes
    ----------
    identity : mapping
        What makes the point what it is, see :func:`cojump.identity.identity_of`.
    goal : Goal
        When it was to be done.
    folded : Folded
        How far it is.
    """

    identity: Mapping[str, Any]
    goal: Goal
    folded: Folded


class ResultSequence(Sequence[Result]):
    """The results of a file, one per point of the sweep, in the order of the run file.

    Attributes
    ----------
    origin : Origin
        The run file, versions and date stored with them.
    notes : tuple of Note or None
        For each result of a run, what a later session of it needs; empty after a selection.
    """

    def __init__(
        self, results: Sequence[Result], origin: Origin | None = None, notes: Sequence[Note | None] = ()
    ) -> None:
        self._results = tuple(results)
        self.origin = origin or Origin()
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> ResultSequence: ...
    def __getitem__(self, index: int | slice) -> Result | ResultSequence:
        if isinstance(index, slice):
            return ResultSequence(self._results[index], self.origin)
        return self._results[index]

    def __repr__(self) -> str:
        points = "; ".join(
            ", ".join(f"{k}={v!r}" for k, v in r.parameters.items()) or f"N={r.n_particles}" for r in self
        )
        return f"<{len(self)} results: {points}>"

    def select(self, **parameters: Any) -> ResultSequence:
        """Narrow to the results with these parameters, for instance ``select(size=200)``.

        Raises
        ------
        ArgumentError
            If no result has a parameter of that name, or none has that value.
        """
        chosen: Sequence[Result] = self._results
        for name, value in parameters.items():
            found = [r.parameters[name] for r in chosen if name in r.parameters]
            if not found:
                known = ", ".join(sorted({key for r in self for key in r.parameters})) or "(there are none)"
                raise ArgumentError(name, f"be a parameter of the results: {known}", "it is not")
            chosen = [r for r in chosen if name in r.parameters and r.parameters[name] == value]
            if not chosen:
                values = ", ".join(repr(v) for v in dict.fromkeys(map(_hashable, found)))
                raise ArgumentError(name, f"be one of {values}", f"it is {value!r}")
        return ResultSequence(chosen, self.origin)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else repr(value)


def save_results(
    path: str | os.PathLike[str],
    results: Sequence[Result],
    *,
    run_file: str = "",
    sources: Mapping[str, str] | None = None,
    notes: Sequence[Note] = (),
    key: str = "",
    overwrite: bool = False,
) -> None:
    """Write results to one HDF5 file; :func:`load` reads them back bit for bit.

    Parameters
    ----------
    path : path
        The file.
    results : sequence of Result
        One per point of a sweep.
    run_file : str
        Text of the run file that made them.
    sources : mapping of str to str, optional
        Name and text of a user's model file that the run file names.
    notes : sequence of Note
        One for each result, if a later session may go on with them.
    key : str
        Of the run.
    overwrite : bool
        Replace a file that exists already.

    Raises
    ------
    StorageError
        If the file exists and ``overwrite`` is false, or it cannot be written. An old file stays as it was.
    """
    if not overwrite and os.path.lexists(path):
        raise StorageError(f"cannot write {path}: it exists already")
    image = io.BytesIO()
    with h5py.File(image, "w", userblock_size=_HEADER) as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["cojump_version"] = __version__
        file.attrs["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        # Texts are datasets: an HDF5 attribute ends at 64 kB, a run file with its own patterns does not.
        file["run_file"] = run_file
        file["sources"] = json.dumps(dict(sources or {}))
        file.attrs["key"] = key
        points = file.create_group("points")
        for i, result in enumerate(results):
            group = points.create_group(f"{i:06d}")
            _write_point(group, result)
            if notes:
                _write_note(group.create_group("run"), notes[i])
    payload = image.getvalue()[_HEADER:]
    replace_file(path, _header(SCHEMA, payload) + payload, new=not overwrite)


def _header(schema: int, payload: bytes) -> bytes:
    digest = hashlib.sha256(payload).hexdigest()
    text = b"%sschema %d\nbytes %d\nsha256 %s\n" % (_MAGIC, schema, len(payload), digest.encode())
    return text.ljust(_HEADER, b"\n")


def _write_point(group: h5py.Group, result: Result) -> None:
    group.attrs["parameters"] = json.dumps(dict(result.parameters), default=_plain)
    group.attrs["n_particles"] = result.n_particles
    group.attrs["seed"] = str(result.seed)  # a seed may be any integer, larger than 64 bits too
    group.attrs["tolerance"] = float(result.tolerance)
    group.attrs["n_jumps"] = int(result.n_jumps)
    group["labels"] = np.array(result.labels, dtype=h5py.string_dtype())
    for name in _ARRAYS:
        _write_array(group, name, getattr(result, name))
    _write_moments(group.create_group("moments"), result.moments)
    group.attrs["theory_refusal"] = result.theory_refusal
    if result.theory is not None:
        theory = group.create_group("theory")
        for name in _THEORY:
            _write_array(theory, name, getattr(result.theory, name))
    extras = group.create_group("extras", track_order=True)
    for number, (name, extra) in enumerate(result.extras.items()):
        own = extras.create_group(str(number))
        own.attrs["name"] = name
        if extra.interval is not None:
            own.attrs["interval"] = np.array(extra.interval)
        own["labels"] = np.array(extra.labels, dtype=h5py.string_dtype())
        _write_array(own, "times", extra.times)
        _write_array(own, "reference", extra.reference)
        own["pairs"] = np.ascontiguousarray(extra.moments.pairs, dtype=np.int64)
        _write_moments(own, extra.moments)


def _write_note(group: h5py.Group, note: Note) -> None:
    group["identity"] = json.dumps(note.identity)
    group["goal"] = json.dumps(asdict(note.goal))
    last = note.folded.last
    if last is None:  # the moments of the whole chunks are those of the result
        return
    group.attrs.update(start=last.start, stop=last.stop, n_jumps=last.n_jumps)
    for name, groups in (("before", note.folded.before), ("last", last.moments)):
        for i, moments in enumerate(groups):
            _write_moments(group.create_group(f"{name}/{i}"), moments)


def _read_note(group: h5py.Group, result: Result) -> Note:
    identity, goal = json.loads(_text(group["identity"])), Goal(**json.loads(_text(group["goal"])))
    if "last" not in group:
        return Note(identity, goal, folded_of(result))
    layout = Groups(statistics_of(result))

    def read(name: str) -> tuple[Moments, ...]:
        parts = [group[name][str(i)] for i in range(len(group[name]))]
        return layout.filled([(int(p.attrs["count"]), p["mean"][()], p["comoment"][()]) for p in parts])

    start, stop, n_jumps = (int(group.attrs[name]) for name in ("start", "stop", "n_jumps"))
    last = Chunk(start, stop, read("last"), result.trajectories[:0], n_jumps)
    return Note(identity, goal, folded_of(result, (read("before"), last)))


def _write_moments(group: h5py.Group, moments: Moments) -> None:
    group.attrs["count"] = int(moments.count)
    _write_array(group, "mean", moments.mean)
    _write_array(group, "comoment", moments.comoment)


def _read_extras(group: h5py.Group) -> dict[str, Extra]:
    extras = {}
    for number in range(len(group)):
        own = group[str(number)]
        moments = Moments(own["pairs"][()], int(own.attrs["count"]), own["mean"][()], own["comoment"][()])
        labels = tuple(str(label) for label in own["labels"].asstr()[()])
        start_end = own.attrs.get("interval")
        interval = None if start_end is None else (float(start_end[0]), float(start_end[1]))
        extras[str(own.attrs["name"])] = Extra(labels, own["times"][()], own["reference"][()], moments, interval)
    return extras


def _plain(value: Any) -> Any:
    """Numpy scalars and arrays among the parameters, as JSON knows them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise ArgumentError("parameters", "hold numbers, strings and lists", f"one is {value!r}")


def _write_array(group: h5py.Group, name: str, value: Any) -> None:
    array = np.ascontiguousarray(value, dtype=np.float64)
    # An empty array has no chunk to check; one of zeros (a point without trajectories) needs no room.
    zeros = array.size > 0 and not array.any()
    group.create_dataset(name, data=array, fletcher32=array.size > 0, compression="gzip" if zeros else None)


def load(path: str | os.PathLike[str]) -> ResultSequence:
    """Read the results of a run.

    Parameters
    ----------
    path : path
        A result file, or the directory of a run that has ``result.h5`` in it.

    Returns
    -------
    ResultSequence
        One :class:`~cojump.results.Result` per point; ``.select(size=200)`` narrows it.

    Raises
    ------
    StorageError
        If there is no such file, or it is damaged, no result file, or written by a newer cojump.
    """
    place = Path(path)
    if place.is_dir():
        place = place / RESULT_NAME
    try:
        data = place.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {place}: {reason(error)}") from None
    _verify(place, data)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            points = file["points"]
            names = sorted(points)
            results = [_read_point(points[name]) for name in names]
            notes = [
                _read_note(points[name]["run"], result) if "run" in points[name] else None
                for name, result in zip(names, results, strict=True)
            ]
            origin = Origin(
                run_file=_text(file["run_file"]),
                sources=json.loads(_text(file["sources"])),
                version=str(file.attrs["cojump_version"]),
                schema=int(file.attrs["schema"]),
                created=str(file.attrs["created"]),
                key=str(file.attrs.get("key", "")),
            )
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise StorageError(f"{place} has not the content of a cojump result file: {one_line(error)}") from None
    return ResultSequence(results, origin, notes)


def is_result_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as a result file does; one that cannot be read does not."""
    try:
        with open(path, "rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _verify(place: Path, data: bytes) -> None:
    """Raise StorageError unless the header describes exactly the bytes that follow it."""
    if not data:
        raise StorageError(f"{place} is empty, not a cojump result file")
    stated = re.match(re.escape(_MAGIC) + rb"schema (\d{1,9})\nbytes (\d{1,18})\nsha256 [0-9a-f]{64}\n", data)
    if stated is None:
        cut = len(data) < _HEADER and data.startswith(_MAGIC[: len(data)])
        raise StorageError(f"{place} is cut short" if cut else f"{place} is not a cojump result file")
    schema, length = int(stated[1]), int(stated[2])
    payload = data[_HEADER:]
    if schema > SCHEMA:
        known = f"it has schema {schema}, this cojump {__version__} reads up to {SCHEMA}"
        raise StorageError(f"{place} was written by a newer cojump: {known}")
    if len(payload) != length:
        found = f"it has {len(data)} bytes instead of {length + _HEADER}"
        raise StorageError(f"{place} is {'cut short' if len(payload) < length else 'damaged'}: {found}")
    if data[:_HEADER] != _header(schema, payload):
        raise StorageError(f"{place} is damaged: its content does not match its checksum")


def _text(dataset: h5py.Dataset) -> str:
    return dataset.asstr()[()]


def _read_point(group: h5py.Group) -> Result:
    labels = tuple(str(label) for label in group["labels"].asstr()[()])
    layout = layout_of(labels)
    stored = group["moments"]
    moments = Moments(layout.pairs, int(stored.attrs["count"]), stored["mean"][()], stored["comoment"][()])
    arrays = {name: group[name][()] for name in _ARRAYS}
    T, A = len(arrays["times"]), len(labels)
    shapes = {"mean": moments.mean.shape, "comoment": moments.comoment.shape}
    if shapes != {"mean": (T, layout.width), "comoment": (T, layout.pairs.shape[1])}:
        raise ValueError(f"the moments have the shapes {shapes}")
    if arrays["reference"].shape != (T, A) or arrays["trajectories"].shape[1:] != (T, A):
        raise ValueError("the mean field or the trajectories have another shape than the moments")
    return Result(
        labels=labels,
        n_particles=int(group.attrs["n_particles"]),
        moments=moments,
        seed=int(group.attrs["seed"]),
        tolerance=float(group.attrs["tolerance"]),
        n_jumps=int(group.attrs["n_jumps"]),
        parameters=json.loads(group.attrs["parameters"]),
        extras=_read_extras(group["extras"]),
        theory=Theory(*(group["theory"][name][()] for name in _THEORY)) if "theory" in group else None,
        theory_refusal=str(group.attrs.get("theory_refusal", "")),
        **arrays,
    )
