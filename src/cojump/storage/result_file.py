"""The result file: one self-describing HDF5 file for all points of a run, whole or refused.

The file is made in memory and written by :func:`cojump.tools.whole_files.replace_file`. Its first 512 bytes, the user
block that every HDF5 program skips, hold the schema version, the length and the SHA-256 of all that follows.
They are verified before HDF5 sees a single byte: no damaged file is ever parsed, no wrong number ever read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any, overload

import h5py
import numpy as np

from ..ensemble.chunk import Chunk, Groups, statistics_of
from ..ensemble.goal import Goal
from ..ensemble.ordered_merge import Folded, folded_of
from ..errors import ArgumentError, StorageError, one_line, printable
from ..measure.averages import layout_of
from ..measure.certainty import Chance
from ..measure.moments import Moments, Tails
from ..measure.statistics import Extra
from ..results.result import Result, Theory
from ..tools import checks
from ..tools.memory import available
from ..tools.whole_files import open_regular, reason, replace_file
from ..version import __version__

RESULT_NAME = "result.h5"
"""Name of the result file in the directory of a run."""

SCHEMA = 3
"""Version of the layout written here; files up to this one are read.

3: sums of third and fourth powers (tails), what chance can do, and which errors are uncertain.

2: what makes each point what it is, when it is done, and its partial last chunk, so that a run can be extended.
"""

_LABELS = 20_000
"""Averages of a point: their products are counted before anything is read."""

_OBJECT, _CHUNK, _ATTRIBUTE, _TEXTS = 1000, 2**20, 2**20, 100_000
"""Of what a file holds: bytes that each object counts for, the least size of chunks that is fine, the most bytes of an
attribute, and the most texts in a dataset."""

_HEADER = 512
_MAGIC = b"cojump result file\n"
_ARRAYS = ("times", "weights", "reference", "trajectories")
_TAILS = ("shift", "cubes", "fourths")
_CHANCE = tuple(f.name for f in fields(Chance))
_UNCERTAIN = ("uncertain", "deviation_uncertain", "covariance_uncertain")
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
        Of the run, see storage/chunk_log.py; empty in a result file.
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
        What makes the point what it is, see :func:`cojump.ensemble.run.fingerprint.identity_of`.
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
        return printable(f"<{len(self)} results: {points}>")

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
                raise ArgumentError(name, f"be one of {values}", f"it is {checks.shown(value)}")
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
    path = checks.path("path", path)
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
    if result.chance is not None:
        chance = group.create_group("chance")
        for name in _CHANCE:
            chance[name] = np.ascontiguousarray(getattr(result.chance, name))
    for name in _UNCERTAIN:  # for other programs; they are made anew from the moments when the file is read
        flags = getattr(result, name)
        if flags is not None:
            group[name] = np.ascontiguousarray(flags)
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


def _read_note(group: Any, result: Result) -> Note:
    identity, goal = json.loads(_text(group["identity"])), Goal(**json.loads(_text(group["goal"])))
    if "last" not in group:
        return Note(identity, goal, folded_of(result))
    layout = Groups(statistics_of(result))

    def read(name: str) -> tuple[Moments, ...]:
        parts = [group[name][str(i)] for i in range(len(group[name]))]
        return layout.filled(
            [(int(p.attrs["count"]), p["mean"][()], p["comoment"][()], *_read_tails(p)) for p in parts]
        )

    start, stop, n_jumps = (int(group.attrs[name]) for name in ("start", "stop", "n_jumps"))
    last = Chunk(start, stop, read("last"), result.trajectories[:0], n_jumps)
    return Note(identity, goal, folded_of(result, (read("before"), last)))


def _write_moments(group: h5py.Group, moments: Moments) -> None:
    group.attrs["count"] = int(moments.count)
    _write_array(group, "mean", moments.mean)
    _write_array(group, "comoment", moments.comoment)
    if moments.tails is not None:
        group["followed"] = np.ascontiguousarray(moments.tails.followed, dtype=np.int64)
        for name in _TAILS:
            _write_array(group, name, getattr(moments.tails, name))


def _read_tails(group: h5py.Group) -> tuple[Any, ...]:
    """The three arrays of the tails; nothing in an older file."""
    return tuple(group[name][()] for name in _TAILS) if _TAILS[0] in group else ()


def _read_moments(group: h5py.Group, pairs: Any) -> Moments:
    """Moments of one meter; their tails only if they fit."""
    moments = Moments(pairs, int(group.attrs["count"]), group["mean"][()], group["comoment"][()])
    arrays = _read_tails(group)
    if arrays:
        followed = group["followed"][()]
        empty = Tails.empty(moments.mean.shape, pairs, followed)
        if any(array.shape != empty.shift.shape for array in arrays):
            raise ValueError(f"the tails have another shape than {empty.shift.shape}")
        moments.tails = Tails(empty.followed, empty.variances, *arrays)
    return moments


def _read_chance(group: h5py.Group, A: int) -> Chance:
    arrays = {name: group[name][()] for name in _CHANCE}
    L, P = len(arrays["fires"]), len(arrays["order"])
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("widths", "component", "alike", "rate"), (A,))
    shapes |= {"acts": (A, L), "fires": (L,), "order": (P, A)}
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise ValueError(f"what chance can do has other shapes than {shapes}")
    return Chance(**arrays)


def _read_extras(group: Any) -> dict[str, Extra]:
    extras = {}
    for number in range(len(group)):
        own = group[str(number)]
        moments = _read_moments(own, own["pairs"][()])
        _check_extra(own.attrs["name"], moments)
        labels = tuple(str(label) for label in own["labels"].asstr()[()])
        start_end = own.attrs.get("interval")
        interval = None if start_end is None else (float(start_end[0]), float(start_end[1]))
        extras[str(own.attrs["name"])] = Extra(labels, own["times"][()], own["reference"][()], moments, interval)
    return extras


def _check_extra(name: Any, moments: Moments) -> None:
    """Refuse statistics whose parts do not fit together."""
    mean, comoment, pairs = moments.mean, moments.comoment, moments.pairs
    fits = mean.ndim == comoment.ndim == pairs.ndim == 2 and len(pairs) == 2
    fits = fits and len(mean) == len(comoment) and comoment.shape[1] == pairs.shape[1] and pairs.dtype.kind == "i"
    if not fits or (pairs.size and not 0 <= pairs.min() <= pairs.max() < mean.shape[1]):
        raise ValueError(f"the parts of {checks.shown(name)} do not fit together")


def _plain(value: Any) -> Any:
    """Numpy scalars and arrays among the parameters, as JSON knows them."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise ArgumentError("parameters", "hold numbers, strings and lists", f"one is {checks.shown(value)}")


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
        One :class:`~cojump.results.result.result.Result` per point; ``.select(size=200)`` narrows it.

    Raises
    ------
    StorageError
        If there is no such file, or it is damaged, no result file, or written by a newer cojump.
    """
    place = checks.path("path", path)
    data = _content(place)
    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            file = _Sealed(opened, _Allowance(available() // 2))
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
    except MemoryError:
        raise StorageError(f"{place} does not fit in memory") from None
    except (KeyError, ValueError, TypeError, OSError, RuntimeError, AttributeError, IndexError, OverflowError) as error:
        raise StorageError(f"{place} has not the content of a cojump result file: {one_line(error)}") from None
    return ResultSequence(results, origin, notes)


class _Allowance:
    """Bytes that may still be read from a file, and the objects in it that have been."""

    def __init__(self, nbytes: int) -> None:
        self._left, self._seen = nbytes, set[int]()

    def take(self, nbytes: int) -> None:
        """Count bytes before they are read."""
        self._left -= nbytes
        if self._left < 0:
            raise ValueError("it declares more than fits in memory")

    def visit(self, item: Any) -> None:
        """Count an object; one that stands in the file twice makes a loop, or much of little."""
        address = h5py.h5o.get_info(item.id).addr
        if address in self._seen:
            raise ValueError("one object stands in it under two names")
        self._seen.add(address)
        self.take(_OBJECT)


class _Sealed:
    """A group of a file that anybody may have made: only plain objects that are in it, and only what fits in memory.

    HDF5 itself follows links and storage into other files, runs filters it finds, and makes room for whatever sizes are
    declared. This shows a group, its datasets and its attributes as h5py does, and refuses such things with ValueError.
    """

    def __init__(self, group: h5py.Group, allowance: _Allowance) -> None:
        self._group, self._allowance = group, allowance
        self._found: dict[str, Any] = {}
        self.attrs = _SealedAttributes(group, allowance)

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def __getitem__(self, name: str) -> Any:
        first, _, rest = name.partition("/")
        if first not in self._found:
            self._found[first] = self._open(first)
        return self._found[first][rest] if rest else self._found[first]

    def _open(self, name: str) -> Any:
        link = self._group.get(name, getlink=True)
        if link is None:
            raise KeyError(f"{name} is missing")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is a link, not an object of the file")
        item = self._group[name]
        self._allowance.visit(item)
        if isinstance(item, h5py.Dataset):
            return _SealedDataset(item, name, self._allowance)
        if not isinstance(item, h5py.Group):
            raise ValueError(f"{name} is neither a group nor a dataset")
        return _Sealed(item, self._allowance)


class _SealedDataset:
    """A dataset of numbers or of texts that is stored in the file itself, read as a whole by ``[()]``."""

    def __init__(self, dataset: h5py.Dataset, name: str, allowance: _Allowance) -> None:
        self._dataset, self._name, self._allowance = dataset, name, allowance
        layout = dataset.id.get_create_plist()
        if layout.get_external_count() or dataset.is_virtual:
            raise ValueError(f"{name} is stored in another file")
        filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
        if len(set(filters)) != len(filters) or set(filters) - {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32}:
            raise ValueError(f"{name} is stored through a filter that cojump does not use")
        self._texts = h5py.check_string_dtype(dataset.dtype) is not None
        if not self._texts and (dataset.dtype.kind not in "fiub" or dataset.dtype.itemsize > 8):
            raise ValueError(f"{name} has the type {dataset.dtype}")
        if dataset.shape is None:
            raise ValueError(f"{name} has no content")
        if dataset.chunks is not None and dataset.dtype.itemsize * prod(dataset.chunks) > max(dataset.nbytes, _CHUNK):
            raise ValueError(f"{name} is stored in chunks that are larger than it is")
        if h5py.h5z.FILTER_DEFLATE in filters:  # only zeros are stored so: all else would be smaller than it unpacks to
            chunks = dataset.id.get_num_chunks()
            if dataset.id.get_storage_size() > dataset.nbytes // 400 + 100 * (chunks + 1):
                raise ValueError(f"{name} is compressed and not zero")
        elif not self._texts and dataset.nbytes > max(dataset.id.get_storage_size(), 0):
            raise ValueError(f"{name} declares {dataset.nbytes:,} bytes and holds {dataset.id.get_storage_size():,}")

    def asstr(self) -> _SealedDataset:
        """The dataset, which must hold texts."""
        if not self._texts:
            raise ValueError(f"{self._name} holds no text")
        return self

    def __getitem__(self, everything: tuple[()]) -> Any:
        if not self._texts:
            self._allowance.take(self._dataset.nbytes)
            return self._dataset[()]
        if self._dataset.size > _TEXTS or self._dataset.ndim > 1:
            raise ValueError(f"{self._name} holds {self._dataset.size:,} texts")
        lines = self._dataset.asstr()
        found = [self._counted(lines[place]) for place in np.ndindex(self._dataset.shape)]
        return found if self._dataset.shape else found[0]

    def _counted(self, text: Any) -> str:
        self._allowance.take(4 * len(text))
        return str(text)


class _SealedAttributes:
    """The attributes of a group: short texts, numbers, small arrays of numbers."""

    def __init__(self, group: h5py.Group, allowance: _Allowance) -> None:
        self._group, self._allowance = group, allowance

    def __getitem__(self, name: str) -> Any:
        if name not in self._group.attrs:
            raise KeyError(f"the attribute {name} is missing")
        attribute = self._group.attrs.get_id(name)
        if attribute.get_storage_size() > _ATTRIBUTE:
            raise ValueError(f"the attribute {name} has {attribute.get_storage_size():,} bytes")
        dtype = attribute.dtype
        if h5py.check_string_dtype(dtype) is None and dtype.kind not in "fiubSU":
            raise ValueError(f"the attribute {name} has the type {dtype}")
        value = self._group.attrs[name]
        self._allowance.take(4 * len(value) if isinstance(value, str) else 0)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or the default if it is missing."""
        return self[name] if name in self._group.attrs else default


def is_result_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file begins as a result file does; one that cannot be read, or is no regular file, does not."""
    try:
        with open_regular(path) as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _content(place: Path) -> bytes:
    """The bytes of a result file, or of the one in a directory; its header is looked at before all else is read.

    Raises
    ------
    StorageError
        If it cannot be read, or its header does not describe it.
    """
    try:
        if place.is_dir():
            place = place / RESULT_NAME
        with open_regular(place) as stream:
            head = stream.read(_HEADER)
            size = os.fstat(stream.fileno()).st_size
            _check_header(place, head, size)
            if size > 0.5 * available():
                raise StorageError(f"{place} has {size:,} bytes, which do not fit in memory")
            data = head + stream.read()
    except OSError as error:
        raise StorageError(f"cannot read {place}: {reason(error)}") from None
    except MemoryError:
        raise StorageError(f"{place} does not fit in memory") from None
    _verify(place, data)
    return data


def _check_header(place: Path, head: bytes, size: int) -> int:
    """The schema of a file of ``size`` bytes that begins so; StorageError unless its header describes such a file."""
    if not size:
        raise StorageError(f"{place} is empty, not a cojump result file")
    stated = re.match(re.escape(_MAGIC) + rb"schema (\d{1,9})\nbytes (\d{1,18})\nsha256 [0-9a-f]{64}\n", head)
    if stated is None:
        cut = size < _HEADER and head.startswith(_MAGIC[: len(head)])
        raise StorageError(f"{place} is cut short" if cut else f"{place} is not a cojump result file")
    schema, length = int(stated[1]), int(stated[2])
    if schema > SCHEMA:
        known = f"it has schema {schema}, this cojump {__version__} reads up to {SCHEMA}"
        raise StorageError(f"{place} was written by a newer cojump: {known}")
    if size != length + _HEADER:
        found = f"it has {size} bytes instead of {length + _HEADER}"
        raise StorageError(f"{place} is {'cut short' if size < length + _HEADER else 'damaged'}: {found}")
    return schema


def _verify(place: Path, data: bytes) -> None:
    """Raise StorageError unless the header describes exactly the bytes that follow it."""
    schema = _check_header(place, data[:_HEADER], len(data))
    if data[:_HEADER] != _header(schema, data[_HEADER:]):
        raise StorageError(f"{place} is damaged: its content does not match its checksum")


def _text(dataset: Any) -> str:
    return dataset.asstr()[()]


def _read_point(group: Any) -> Result:
    labels = tuple(str(label) for label in group["labels"].asstr()[()])
    if not labels or len(labels) > _LABELS or not all("." in label for label in labels):
        raise ValueError(f"it has {len(labels):,} averages" if labels else "it has no averages")
    layout = layout_of(labels)
    stored = group["moments"]
    moments = _read_moments(stored, layout.pairs)
    arrays = {name: group[name][()] for name in _ARRAYS}
    if arrays["times"].ndim != 1 or not arrays["times"].size:
        raise ValueError("it has no output times")
    T, A = len(arrays["times"]), len(labels)
    shapes = {"mean": moments.mean.shape, "comoment": moments.comoment.shape}
    if shapes != {"mean": (T, layout.width), "comoment": (T, layout.pairs.shape[1])}:
        raise ValueError(f"the moments have the shapes {shapes}")
    if arrays["reference"].shape != (T, A) or arrays["trajectories"].shape[1:] != (T, A):
        raise ValueError("the mean field or the trajectories have another shape than the moments")
    parameters = json.loads(group.attrs["parameters"])
    if not isinstance(parameters, dict):
        raise ValueError("the parameters have no names")
    return Result(
        labels=labels,
        n_particles=checks.integer("n_particles", int(group.attrs["n_particles"]), 1),
        moments=moments,
        seed=int(group.attrs["seed"]),
        tolerance=float(group.attrs["tolerance"]),
        n_jumps=checks.integer("n_jumps", int(group.attrs["n_jumps"]), 0),
        parameters=parameters,
        extras=_read_extras(group["extras"]),
        theory=Theory(*(group["theory"][name][()] for name in _THEORY)) if "theory" in group else None,
        theory_refusal=str(group.attrs.get("theory_refusal", "")),
        chance=_read_chance(group["chance"], A) if "chance" in group else None,
        **arrays,
    )
