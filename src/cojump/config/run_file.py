"""The run file: TOML, read into frozen dataclasses, with every unknown key and wrong type refused by name."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from .builders import Builder, find_builder, in_section
from .initial import DEFAULTS, InitialSection, read_initial
from .sections import MISSING, Section, integer, number, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..model import Model
    from ..states import State

SECTIONS = ("model", "initial", "times", "run")

SWEEPABLE = ("size",)
"""Keys of ``[model]`` that may be lists, one point of the sweep per value."""

_MOST_TIMES = 1_000_000


@dataclass(frozen=True)
class ModelSection:
    """What is simulated.

    Attributes
    ----------
    builder : Builder
        The function that ``system`` names.
    arguments : mapping
        Its keys, checked. A swept one holds a tuple of values.
    swept : tuple of str
        The keys that are swept.
    """

    builder: Builder
    arguments: Mapping[str, Any]
    swept: tuple[str, ...]


@dataclass(frozen=True)
class TimesSection:
    """The output times: ``steps`` equal steps from 0 to ``end``, or the ``values`` themselves."""

    end: float | None = None
    steps: int | None = None
    values: tuple[float, ...] | None = None

    def array(self) -> NDArray[np.float64]:
        """(T,) the output times."""
        import numpy as np

        if self.values is not None:
            return np.array(self.values)
        assert self.end is not None
        assert self.steps is not None
        return np.linspace(0.0, self.end, self.steps + 1)


@dataclass(frozen=True)
class RunSection:
    """How much is simulated, and how precisely.

    Attributes
    ----------
    n_traj : int
        Trajectories per point.
    seed : int
        Seed of the run.
    tolerance : float
        Error of the state per step and of the jump times.
    chunk : int
        Trajectories per unit of work.
    keep : int
        How many single trajectories are stored.
    burn_in, window : float or None
        Measurement window of stationary averages; None is 0 and the last output time, both None is none at all.
    """

    n_traj: int
    seed: int = 0
    tolerance: float = 1e-9
    chunk: int = 64
    keep: int = 0
    burn_in: float | None = None
    window: float | None = None


@dataclass(frozen=True)
class PointSpec:
    """One point of a sweep, or the only one.

    Attributes
    ----------
    parameters : mapping
        What distinguishes the point: the swept keys; without a sweep the size, if the run file gives one.
    seed : int
        Seed of this point, enough to reproduce it with :func:`cojump.simulate`.
    arguments : mapping
        Arguments of the system's function.
    run_file : RunFile
    """

    parameters: Mapping[str, Any]
    seed: int
    arguments: Mapping[str, Any]
    run_file: RunFile

    def build(self) -> tuple[Model, State]:
        """Model and initial state; raises ArgumentError if the values make none."""
        model = self.run_file.model.builder.build(self.arguments)
        return model, self.run_file.initial.build(model)


@dataclass(frozen=True)
class RunFile:
    """A run file, checked.

    Attributes
    ----------
    path : Path
    text : str
        The file as it was read.
    model, initial, times, run
        Its sections.
    """

    path: Path
    text: str
    model: ModelSection
    initial: InitialSection
    times: TimesSection
    run: RunSection

    @property
    def sources(self) -> Mapping[str, str]:
        """Name and text of the user's model file, if ``system`` names one."""
        return self.model.builder.sources

    def points(self) -> tuple[PointSpec, ...]:
        """List the points of the sweep in the order of the file; one point without a sweep."""
        arguments, swept, seed = self.model.arguments, self.model.swept, self.run.seed
        if not swept:
            parameters = {key: arguments[key] for key in ("size",) if key in arguments}
            return (PointSpec(parameters, seed, arguments, self),)
        points = []
        for values in itertools.product(*(arguments[key] for key in swept)):
            parameters = dict(zip(swept, values, strict=True))
            own = _point_seed(seed, parameters)
            points.append(PointSpec(parameters, own, {**arguments, **parameters}, self))
        return tuple(points)

    def differences(self, text: str, sources: Mapping[str, str]) -> list[str]:
        """Say in which keys another run file differs from this one; in none if both mean the same.

        Parameters
        ----------
        text : str
            The other run file, for instance one stored with results.
        sources : mapping of str to str
            The user's model file that belongs to it.
        """
        try:
            here, there = (_flat(tomllib.loads(t)) for t in (self.text, text))
        except tomllib.TOMLDecodeError:
            return ["the other one is no TOML file"]
        defaults = self._defaults()
        found = []
        for key in dict.fromkeys([*here, *there]):
            ours, theirs = (side.get(key, defaults.get(key, MISSING)) for side in (here, there))
            if ours != theirs or isinstance(ours, bool) != isinstance(theirs, bool):
                found.append(f"{key} is {show(ours)} here and {show(theirs)} there")
        if not found and dict(self.sources) != dict(sources):
            found.append(f"the file {next(iter({**self.sources, **sources}))} has changed since")
        return found

    def _defaults(self) -> dict[str, Any]:
        """Values of the keys that this run file may leave out, by label."""
        sections = {
            "model": {key: rule.default for key, rule in self.model.builder.keys.items()},
            "initial": DEFAULTS[self.initial.kind],
            "run": {f.name: f.default for f in fields(RunSection) if f.name != "n_traj"},
        }
        return _flat(sections)


def _flat(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"[{name}] {key}": value
        for name, table in sections.items()
        if isinstance(table, Mapping)
        for key, value in table.items()
    }


def _point_seed(seed: int, parameters: Mapping[str, Any]) -> int:
    """Derive a seed below 2^63 from nothing but the run's seed and the point's own parameters."""
    canonical = json.dumps([seed, parameters], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:8], "big") >> 1


def read_run_file(path: str | os.PathLike[str]) -> RunFile:
    """Read and check a run file.

    Parameters
    ----------
    path : path
        A TOML file with the sections ``[model]``, ``[initial]``, ``[times]`` and ``[run]``.

    Raises
    ------
    ArgumentError
        If it is no TOML, or a section, a key or a value is unknown, missing or wrong.
    OSError
        If it cannot be read.
    """
    place = Path(path)
    data = place.read_bytes()
    try:
        text = data.decode("utf-8")
        content = tomllib.loads(text)
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is none"
        raise ArgumentError(str(path), "be a text file in UTF-8", found) from None
    except tomllib.TOMLDecodeError as error:
        message = " ".join(str(error).split())
        raise ArgumentError(str(path), "be a TOML file", message[:1].lower() + message[1:]) from None
    except RecursionError:
        raise ArgumentError(str(path), "be a TOML file", "its lists are nested too deeply") from None
    whole = Section("", content)
    for name in content:
        if name not in SECTIONS:
            rule = f"be one of {', '.join(f'[{s}]' for s in SECTIONS)}"
            raise ArgumentError(f"[{name}]", rule, "it is no section of a run file")
    sections = {}
    for name in SECTIONS:
        if name not in whole:
            raise ArgumentError(f"[{name}]", "be given", "the section is missing")
        sections[name] = Section(name, whole.get(name))
    times = _read_times(sections["times"])
    return RunFile(
        path=place,
        text=text,
        model=_read_model(sections["model"], place.parent),
        initial=read_initial(sections["initial"]),
        times=times,
        run=_read_run(sections["run"], times),
    )


def _read_model(section: Section, directory: Path) -> ModelSection:
    builder = find_builder(section.get("system"), directory)
    builder.check_keys(section)
    arguments: dict[str, Any] = {}
    swept = []
    for key, value in section.table.items():
        if key == "system":
            continue
        name = section.label(key)
        if not isinstance(value, list) or builder.takes_list(key):
            arguments[key] = builder.check(key, name, value)
            continue
        if key not in SWEEPABLE:
            rule = "be a single value (so far only `size` can be swept)"
            raise ArgumentError(name, rule, f"it is {show(value)}")
        if not value:
            raise ArgumentError(name, "hold at least one value", "it is an empty list")
        arguments[key] = tuple(builder.check(key, f"{name}[{i}]", item) for i, item in enumerate(value))
        twice = [item for i, item in enumerate(arguments[key]) if item in arguments[key][:i]]
        if twice:
            raise ArgumentError(name, "hold different values", f"{show(twice[0])} is there twice")
        swept.append(key)
    return ModelSection(builder, arguments, tuple(swept))


def _read_times(section: Section) -> TimesSection:
    section.refuse_others(["end", "steps", "values"])
    if "values" not in section:
        end = section.read("end", number, above=0)
        return TimesSection(end=end, steps=section.read("steps", integer, least=1, most=_MOST_TIMES))
    for key in ("end", "steps"):
        if key in section:
            raise ArgumentError(section.label(key), "be left out when `values` is given", "both are there")
    given, name = section.get("values"), section.label("values")
    if not isinstance(given, list) or not given:
        raise ArgumentError(name, "be a list of times", f"it is {show(given)}")
    values = tuple(number(f"{name}[{i}]", value, least=0) for i, value in enumerate(given))
    for i, (before, after) in enumerate(itertools.pairwise(values)):
        if after <= before:
            found = f"values[{i + 1}] = {after!r} <= values[{i}] = {before!r}"
            raise ArgumentError(name, "be increasing", found)
    return TimesSection(values=values)


def _read_run(section: Section, times: TimesSection) -> RunSection:
    section.refuse_others(f.name for f in fields(RunSection))
    n_traj = section.read("n_traj", integer, least=1)
    run = RunSection(
        n_traj=n_traj,
        seed=section.read("seed", integer, default=RunSection.seed, least=0),
        tolerance=section.read("tolerance", number, default=RunSection.tolerance, least=1e-13, most=1e-2),
        chunk=section.read("chunk", integer, default=RunSection.chunk, least=1),
        keep=section.read("keep", integer, default=RunSection.keep, least=0, most=n_traj),
        burn_in=section.read("burn_in", number, default=None, least=0),
        window=section.read("window", number, default=None, above=0),
    )
    if run.burn_in is not None or run.window is not None:
        from ..windows import window_of

        with in_section("run"):
            window_of(times.array(), run.burn_in, run.window)
    return run
