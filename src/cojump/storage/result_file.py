"""The result file: one self-describing HDF5 file for all points of a run, whole or refused.

The file is made in memory and written by :func:`cojump.tools.whole_files.replace_file`. Its first 512 bytes, the user
block that every HDF5 program skips, hold the schema version, the length and the SHA-256 of all that follows.
They are verified before HDF5 sees a single byte: no damaged file is ever parsed, no wrong number ever read.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..errors import ArgumentError, StorageError, one_line
from ..measure.averages import layout_of
from ..measure.certainty import Chance
from ..measure.moments import Moments
from ..measure.statistics import Extra
from ..model.final_states import FinalStates, flat, from_flat
from ..model.stored import described, rebuilt
from ..results.jump_records import JumpRecords
from ..results.result import Result, Theory
from ..results.setup import Setup
from ..tools import checks
from ..tools.memory import available
from ..tools.summaries import counted
from ..tools.whole_files import replace_file
from ..version import __version__
from .envelope import HEADER, SCHEMA, content, header_of
from .hdf5 import (
    Allowance,
    File,
    Group,
    Sealed,
    plain_value,
    read_moments,
    string_dtype,
    text_of,
    write_array,
    write_moments,
)
from .plain_figures import write_figures
from .result_sequence import Origin, ResultSequence
from .resume_note import Note, read_continuation, read_note, write_continuation, write_note
from .run_directory import OVERWRITE, check_new
from .two_time_group import read_two_time, write_two_time

_LABELS = 20_000
"""Averages of a point: their products are counted before anything is read."""


_ARRAYS = ("times", "weights", "reference", "trajectories")
_CHANCE = tuple(f.name for f in fields(Chance))
_UNCERTAIN = ("uncertain", "deviation_uncertain", "covariance_uncertain")
_THEORY = tuple(f.name for f in fields(Theory))


def save(results: Result | Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Write one result or several to one HDF5 file; :func:`load` reads them back bit for bit.

    Parameters
    ----------
    results : Result or sequence of Result
    path : path
        The file; it must not exist: nothing is overwritten. ``pathlib.Path(path).unlink()`` removes one.

    Raises
    ------
    ArgumentError
        If something else than results is given, or none.
    StorageError
        If the file exists already, cannot be written, or is one that a run keeps for itself in its directory.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0, 1, 2], n_traj=20)
    >>> cj.save(result, "flips.h5")
    >>> (loaded,) = cj.load("flips.h5")
    >>> np.array_equal(loaded.covariance, result.covariance)
    True
    """
    given = [results] if isinstance(results, Result) else results
    if not isinstance(given, list | tuple | ResultSequence):
        raise ArgumentError("results", "be a result or several", f"it is of type {type(given).__name__}")
    if not given:
        raise ArgumentError("results", "be a result or several", "there is none")
    for result in given:
        if not isinstance(result, Result):
            raise ArgumentError("results", "be a result or several", f"one is of type {type(result).__name__}")
    check_new(checks.path("path", path))
    save_results(path, given)


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
        raise StorageError(f"cannot write {path}: it exists already; {OVERWRITE}")
    image = io.BytesIO()
    with File(image, "w", userblock_size=HEADER) as file:
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
            _write_point(group, result, sources or {})
            if notes:
                write_note(group.create_group("run"), notes[i])
            elif result.identity is not None:
                write_continuation(group.create_group("run"), result.identity, result.rest)
    with image.getbuffer() as whole:  # no copy of it: files may be large
        whole[:HEADER] = header_of(SCHEMA, whole[HEADER:])
        replace_file(path, whole, new=not overwrite)


def _write_point(group: Group, result: Result, sources: Mapping[str, str]) -> None:
    group.attrs["parameters"] = json.dumps(dict(result.parameters), default=plain_value)
    group.attrs["n_particles"] = result.n_particles
    group.attrs["seed"] = str(result.seed)  # a seed may be any integer, larger than 64 bits too
    group.attrs["tolerance"] = float(result.tolerance)
    group.attrs["n_jumps"] = int(result.n_jumps)
    if result.merged:
        group["seeds"] = json.dumps([[str(seed), n] for seed, n in result.merged])
    if result.n_traj:
        with np.errstate(all="ignore"):  # moments that overflow are stored as they are
            write_figures(group.create_group("plain"), replace(result))  # of a copy, which forgets what it works out
    group["labels"] = np.array(result.labels, dtype=string_dtype())
    for name in _ARRAYS:
        write_array(group, name, getattr(result, name))
    if result.records.size:
        write_array(group, "records", result.records)
    write_moments(group.create_group("moments"), result.moments)
    if result.jump_records is not None:
        _write_records(group.create_group("jump_records"), result.jump_records)
    if result.setup is not None:
        group["setup"] = result.setup.text
        if result.setup.sources and dict(result.setup.sources) != dict(sources):
            group["setup_sources"] = json.dumps(dict(result.setup.sources))
    if result.kept_states is not None:
        _write_final(group.create_group("final"), result.kept_states)
    if result.two_time:
        write_two_time(group.create_group("two_time"), result.two_time)
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
            write_array(theory, name, getattr(result.theory, name))
    extras = group.create_group("extras", track_order=True)
    for number, (name, extra) in enumerate(result.extras.items()):
        own = extras.create_group(str(number))
        own.attrs["name"] = name
        if extra.interval is not None:
            own.attrs["interval"] = np.array(extra.interval)
        own["labels"] = np.array(extra.labels, dtype=string_dtype())
        write_array(own, "times", extra.times)
        write_array(own, "reference", extra.reference)
        own["pairs"] = np.ascontiguousarray(extra.moments.pairs, dtype=np.int64)
        write_moments(own, extra.moments)


def _write_final(group: Group, final: FinalStates) -> None:
    layout, amplitudes = flat(final.states)
    group["layout"] = json.dumps(layout)
    write_array(group, "amplitudes", amplitudes)
    group["rest"] = json.dumps(described(replace(final, states=())))


def _read_final(group: Any, n: int) -> FinalStates:
    rest = rebuilt(json.loads(text_of(group["rest"])))
    if not isinstance(rest, FinalStates):
        raise ValueError("final states have no blocks")
    states = from_flat(json.loads(text_of(group["layout"])), group["amplitudes"][()])
    if states and len(states) != n:
        raise ValueError(f"there are {len(states):,} final states of {counted(n, 'trajectory')}")
    return replace(rest, states=states)


def _write_records(group: Group, records: JumpRecords) -> None:
    """The jumps of all trajectories as columns, and where each trajectory begins."""
    group.attrs["end"] = float(records.end)
    for name in ("time", "channel", "sector"):
        group[name] = np.ascontiguousarray(records.jumps[name])
    group["starts"] = records.starts


def _read_records(group: Any) -> JumpRecords:
    time, channel, sector, starts = (group[name][()] for name in ("time", "channel", "sector", "starts"))
    return JumpRecords.from_columns(time, channel, sector, starts, float(group.attrs["end"]))


def _read_chance(group: Group, A: int) -> Chance:
    arrays = {name: group[name][()] for name in _CHANCE}
    L, P = len(arrays["fires"]), len(arrays["order"])
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("widths", "component", "alike", "rate"), (A,))
    shapes |= {"acts": (A, L), "fires": (L,), "order": (P, A)}
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise ValueError(f"what chance can do has other shapes than {shapes}")
    return Chance(**arrays)


def _read_theory(group: Any, T: int, extras: Mapping[str, Extra]) -> Theory:
    """The theory; the earliest files have no correction of the order parameters, which is then not known."""
    found = {name: group[name][()] for name in _THEORY if name in group or name != "order_correction"}
    P = len(extras["order"].labels) if "order" in extras else 0
    return Theory(**{"order_correction": np.full((T, P), np.nan), **found})


def _read_setup(group: Any, sources: Mapping[str, str]) -> Setup:
    own = json.loads(text_of(group["setup_sources"])) if "setup_sources" in group else sources
    return Setup(text=text_of(group["setup"]), sources=own)


def _read_extras(group: Any) -> dict[str, Extra]:
    extras = {}
    for number in range(len(group)):
        own = group[str(number)]
        moments = read_moments(own, own["pairs"][()])
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


def load(path: str | os.PathLike[str]) -> ResultSequence:
    """Read the results of a run.

    Parameters
    ----------
    path : path
        A result file, or the directory of a run that has ``result.h5`` in it.

    Returns
    -------
    ResultSequence
        One :class:`~cojump.results.result.Result` per point; ``.select(size=200)`` narrows it.

    Raises
    ------
    StorageError
        If there is no such file, or it is damaged, no result file, or written by a newer cojump.

    Examples
    --------
    >>> results = []
    >>> for size in (10, 20):
    ...     model = cj.systems.free_flips(size, omega=0.7, rate_up=1.3, rate_down=0.8)
    ...     results.append(cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0, 1, 2], n_traj=20))
    ...
    >>> cj.save(results, "two.h5")
    >>> [result.n_particles for result in cj.load("two.h5")]
    [10, 20]
    """
    place = checks.path("path", path)
    data = content(place)
    try:
        with File(io.BytesIO(data), "r") as opened:
            file = Sealed(opened, Allowance(available() // 2))
            schema = int(file.attrs["schema"])
            if b"schema %d\n" % schema not in data[:HEADER]:  # the checksum is of what follows the header
                raise ValueError(f"its header names another schema than {schema}")
            points = file["points"]
            names = sorted(points)
            sources = json.loads(text_of(file["sources"]))
            results = [_read_point(points[name], sources) for name in names]
            notes: list[Note | None] = [None] * len(names)
            for i, name in enumerate(names):
                if "run" in points[name]:
                    results[i] = read_continuation(points[name]["run"], results[i])
                    notes[i] = read_note(points[name]["run"], results[i])
            origin = Origin(
                run_file=text_of(file["run_file"]),
                sources=sources,
                version=str(file.attrs["cojump_version"]),
                schema=schema,
                created=str(file.attrs["created"]),
                key=str(file.attrs.get("key", "")),
            )
    except MemoryError:
        raise StorageError(f"{place} does not fit in memory") from None
    except (KeyError, ValueError, TypeError, OSError, RuntimeError, AttributeError, IndexError, OverflowError) as error:
        raise StorageError(f"{place} has not the content of a cojump result file: {one_line(error)}") from None
    return ResultSequence(results, origin, notes)


def _read_seeds(group: Any, count: int) -> tuple[tuple[int, int], ...]:
    """Seeds of a merged result, and how many trajectories each has given."""
    if "seeds" not in group:
        return ()
    found = tuple((int(seed), int(n)) for seed, n in json.loads(text_of(group["seeds"])))
    if len(dict(found)) != len(found) or sum(n for _, n in found) != count or any(n < 0 for _, n in found):
        raise ValueError(f"its seeds do not make {counted(count, 'trajectory')}")
    return found


def _read_point(group: Any, sources: Mapping[str, str]) -> Result:
    labels = tuple(str(label) for label in group["labels"].asstr()[()])
    if not labels or len(labels) > _LABELS or not all("." in label for label in labels):
        raise ValueError(f"it has {len(labels):,} averages" if labels else "it has no averages")
    layout = layout_of(labels)
    stored = group["moments"]
    moments = read_moments(stored, layout.pairs)
    arrays = {name: group[name][()] for name in _ARRAYS}
    if arrays["times"].ndim != 1 or not arrays["times"].size:
        raise ValueError("it has no output times")
    T, A = len(arrays["times"]), len(labels)
    shapes = {"mean": moments.mean.shape, "comoment": moments.comoment.shape}
    if shapes != {"mean": (T, layout.width), "comoment": (T, layout.pairs.shape[1])}:
        raise ValueError(f"the moments have the shapes {shapes}")
    if arrays["reference"].shape != (T, A) or arrays["trajectories"].shape[1:] != (T, A):
        raise ValueError("the mean field or the trajectories have another shape than the moments")
    kept = len(arrays["trajectories"])
    arrays["records"] = group["records"][()] if "records" in group else np.empty((kept, T, 0))
    if arrays["records"].ndim != 3 or arrays["records"].shape[:2] != (kept, T):
        raise ValueError("the records have another shape than the trajectories")
    parameters = json.loads(group.attrs["parameters"])
    if not isinstance(parameters, dict):
        raise ValueError("the parameters have no names")
    extras = _read_extras(group["extras"])
    return Result(
        labels=labels,
        n_particles=checks.integer("n_particles", int(group.attrs["n_particles"]), 1),
        moments=moments,
        seed=int(group.attrs["seed"]),
        tolerance=float(group.attrs["tolerance"]),
        n_jumps=checks.integer("n_jumps", int(group.attrs["n_jumps"]), 0),
        parameters=parameters,
        merged=_read_seeds(group, moments.count),
        extras=extras,
        theory=_read_theory(group["theory"], T, extras) if "theory" in group else None,
        theory_refusal=str(group.attrs.get("theory_refusal", "")),
        chance=_read_chance(group["chance"], A) if "chance" in group else None,
        setup=_read_setup(group, sources) if "setup" in group else None,
        kept_states=_read_final(group["final"], len(arrays["trajectories"])) if "final" in group else None,
        jump_records=_read_records(group["jump_records"]) if "jump_records" in group else None,
        two_time=read_two_time(group["two_time"]) if "two_time" in group else {},
        **arrays,
    )
