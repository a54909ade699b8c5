"""The run file: TOML, read into frozen dataclasses, with every unknown key and wrong type refused by name."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...ensemble.options import default_of
from ...errors import ArgumentError, one_line
from ...tools.whole_files import absolute, read_regular
from .asked_states import Functions, load_functions
from .drive import DriveSection, read_drive
from .initial_state import DEFAULTS, InitialSection, read_initial
from .nested_starts import flattened
from .run_section import OPTIONS, RunSection, read_run
from .settings import with_settings
from .sweep import (
    MODES,
    NAMELESS,
    RUN_KEYS,
    Axis,
    axes_of,
    axis_of,
    canonical,
    check_axes,
    combinations,
    read_mode,
    singles,
    spelled,
)
from .system import Builder, find_builder
from .tables import MISSING, Section, last_part, show
from .times import TimesSection, read_times
from .two_time import TwoTimeSection, read_two_times

if TYPE_CHECKING:
    from ...model import Model
    from ...model.final_states import FinalStates
    from ...model.states import Mixture, State

SECTIONS = ("model", "initial", "times", "run")
"""Sections that every run file has."""

OPTIONAL = ("drive", "sweep", "two_time")
"""Sections that it may have."""

_SEVERAL = ("two_time", "initial.states")
"""Tables of which a run file may have several."""

_MOST_BYTES = 64 * 2**20
"""Of a run file; patterns may make one long."""

_DEEPEST = 20
"""Tables and lists in each other; what cojump reads has at most four."""


@dataclass(frozen=True)
class ModelSection:
    """What is simulated.

    Attributes
    ----------
    builder : Builder
        The function that ``system`` names.
    arguments : mapping
        Its keys, checked; those that are swept are in ``axes`` instead.
    axes : tuple of Axis
        The keys that are swept.
    """

    builder: Builder
    arguments: Mapping[str, Any]
    axes: tuple[Axis, ...]


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
    builder : Builder
    initial : InitialSection
    run : RunSection
        With the values of this point.
    drive : DriveSection
        The same.
    """

    parameters: Mapping[str, Any]
    seed: int
    arguments: Mapping[str, Any]
    builder: Builder
    initial: InitialSection
    run: RunSection
    drive: DriveSection = field(default_factory=DriveSection)

    def build(self) -> tuple[Model, State | Mixture | FinalStates]:
        """Model and initial state; raises ArgumentError if the values make none."""
        model = self.drive.build(self.builder, self.arguments)
        return model, self.initial.build(model)


@dataclass(frozen=True)
class RunFile:
    """A run file, checked.

    Attributes
    ----------
    path : Path
    text : str
        The file as it was read, with what the command line has set.
    model, initial, times, run, drive, two_time
        Its sections, with the first value of each key that is swept.
    axes : tuple of Axis
        The keys that are swept, in the order of the file's sections.
    mode : str
        How their values are combined, see :data:`cojump.jobs.run_file.sweep.MODES`.
    """

    path: Path
    text: str
    model: ModelSection
    initial: InitialSection
    times: TimesSection
    run: RunSection
    axes: tuple[Axis, ...] = ()
    mode: str = MODES[0]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    drive: DriveSection = field(default_factory=DriveSection)
    functions: Functions = field(default_factory=Functions)
    two_time: tuple[TwoTimeSection, ...] = ()

    @property
    def sources(self) -> Mapping[str, str]:
        """Name and text of the user's files that ``system``, ``[drive]`` and ``[run.callbacks]`` name."""
        return {**self.model.builder.sources, **self.drive.sources, **self.functions.sources}

    def points(self) -> tuple[PointSpec, ...]:
        """List the points of the sweep in the order of the file; one point without a sweep."""
        fixed = self.model.arguments
        if not self.axes:
            parameters = {key: self.model.builder.named(key, fixed[key]) for key in ("size",) if key in fixed}
            only = PointSpec(parameters, self.run.seed, fixed, self.model.builder, self.initial, self.run, self.drive)
            return (only,)
        return tuple(self._point(values) for values in combinations(self.axes, self.mode))

    def remarks(self) -> list[str]:
        """What is otherwise than it is written, each once."""
        swept = any(axis.section == "initial" for axis in self.axes)
        initials = [spec.initial for spec in self.points()] if swept else [self.initial]
        return list(dict.fromkeys(remark for initial in initials for remark in initial.remarks))

    def _point(self, values: Mapping[tuple[str, str], Any]) -> PointSpec:
        own: dict[str, dict[str, Any]] = {"model": {}, "initial": {}, "run": {}}
        for (section, key), value in values.items():
            own.setdefault(section, {})[key] = value
        initial, run = self.initial, self.run
        if own["initial"]:
            initial = read_initial(Section("initial", {**self.tables["initial"], **own["initial"]}), self.path.parent)
        if own["run"]:
            run = read_run(Section("run", {**self.tables["run"], **own["run"]}), self.times.array())
        parameters = {
            axis.name: self.model.builder.named(axis.key, value) if axis.section == "model" else canonical(value)
            for axis, value in zip(self.axes, values.values(), strict=True)
            if axis.key not in NAMELESS
        }
        arguments = {**self.model.arguments, **own["model"]}
        seed = _point_seed(run.seed, parameters)
        return PointSpec(parameters, seed, arguments, self.model.builder, initial, run, self.drive.at(values))

    def differences(self, text: str, sources: Mapping[str, str]) -> list[str]:
        """Say in which keys another run file differs from this one; in none if both mean the same run.

        Options that are no part of what a run is, such as how long it goes on, make no other run of it.

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
        free = {f"[run] {key}" for key, rule in OPTIONS.items() if not rule.identity}
        for key in dict.fromkeys([*here, *there]):
            if key in free:
                continue
            ours, theirs = (side.get(key, defaults.get(key, MISSING)) for side in (here, there))
            if spelled(ours) != spelled(theirs):
                found.append(f"{key} is {show(ours)} here and {show(theirs)} there")
        if not found and dict(self.sources) != dict(sources):
            changed = (name for name in {**self.sources, **sources} if self.sources.get(name) != sources.get(name))
            found.append(f"the file {next(changed)} has changed since")
        return found

    def _defaults(self) -> dict[str, Any]:
        """Values of the keys that this run file may leave out, by label."""
        sections = {
            "model": {key: rule.default for key, rule in self.model.builder.keys.items()},
            "initial": DEFAULTS[self.initial.kind],
            "run": {f.name: default_of(f) for f in fields(RunSection)},
            "sweep": {"mode": MODES[0]},
        }
        return {**_flat(sections), **self.drive.defaults()}


def _flat(sections: Mapping[str, Any]) -> dict[str, Any]:
    drives = sections.get("drive")
    if isinstance(drives, Mapping):
        tables = {f"drive.{key}": table for key, table in drives.items()}
        sections = {**{name: table for name, table in sections.items() if name != "drive"}, **tables}
    return {
        f"[{name}] {key}": value
        for name, table in sections.items()
        if isinstance(table, Mapping) and name != "two_time"  # each function knows by itself what it is
        for key, value in table.items()
    }


def _point_seed(seed: int, parameters: Mapping[str, Any]) -> int:
    """Derive a seed below 2^63 from nothing but the run's seed and the point's own parameters."""
    canonical = json.dumps([seed, parameters], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:8], "big") >> 1


def _several(text: str, message: str) -> str:
    """What to do about a table that is there twice, where several are allowed; "" for whatever else is wrong."""
    at = re.search(r"at line ([0-9]+)", message)
    line = text.splitlines()[int(at[1]) - 1] if at else ""
    header = re.match(r"\s*\[\[?([^\[\]]*)\]", line)
    name = re.sub(r"[\s\"']", "", header[1]) if header else ""
    return f"; several are written [[{name}]], each of them" if name in _SEVERAL else ""


def read_run_file(path: str | os.PathLike[str], settings: Sequence[str] = ()) -> RunFile:
    """Read and check a run file.

    Parameters
    ----------
    path : path
        A TOML file with the sections ``[model]``, ``[initial]``, ``[times]`` and ``[run]``, perhaps ``[drive]``,
        ``[two_time]`` and ``[sweep]``.
    settings : sequence of str
        ``SECTION.KEY=VALUE``, each in place of what the file says, or beside it.

    Raises
    ------
    ArgumentError
        If it is no TOML, or a section, a key or a value is unknown, missing or wrong.
    OSError
        If it cannot be read.
    """
    place = absolute(path)
    data = read_regular(place, _MOST_BYTES)
    try:
        text = data.decode("utf-8-sig")  # editors on Windows begin a text with a mark
        content = tomllib.loads(text)
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is none"
        raise ArgumentError(str(path), "be a text file in UTF-8", found) from None
    except tomllib.TOMLDecodeError as error:
        message = one_line(error)
        found = message[:1].lower() + message[1:] + _several(text, message)
        raise ArgumentError(str(path), "be a TOML file", found) from None
    except ValueError as error:  # an integer of thousands of digits, a date that is none
        found = "an integer has thousands of digits" if "digits" in str(error) else one_line(error)
        raise ArgumentError(str(path), "be a TOML file", found) from None
    except RecursionError:
        raise ArgumentError(str(path), "be a TOML file", "its lists or keys are nested too deeply") from None
    if _depth(content) > _DEEPEST:
        raise ArgumentError(str(path), f"nest its tables and lists at most {_DEEPEST} deep", "they are deeper")
    if settings:
        text = with_settings(text, settings)
        content = tomllib.loads(text)
    whole = Section("", content)
    for name in content:
        if name not in (*SECTIONS, *OPTIONAL):
            rule = f"be one of {', '.join(f'[{s}]' for s in (*SECTIONS, *OPTIONAL))}"
            raise ArgumentError(f"[{name}]", rule, "it is no section of a run file")
    sections = {}
    for name in SECTIONS:
        if name not in whole:
            raise ArgumentError(f"[{name}]", "be given", "the section is missing")
        sections[name] = Section(name, whole.get(name))
    sections["initial"] = Section("initial", flattened(sections["initial"].table))
    mode = read_mode(Section("sweep", whole.get("sweep")) if "sweep" in whole else None)
    model = _read_model(sections["model"], place.parent)
    own = {
        "initial": axes_of(sections["initial"], [k for k in sections["initial"].table if last_part(k) != "kind"]),
        "run": axes_of(sections["run"], RUN_KEYS),
    }
    read_initial(next(singles(sections["initial"], own["initial"])), place.parent)  # an unknown key is no axis
    drive_table = Section("drive", whole.get("drive")) if "drive" in whole else None
    drive, of_drives = read_drive(drive_table, model.builder, place.parent)
    axes = (*model.axes, *of_drives, *own["initial"], *own["run"])
    check_axes(axes, mode)
    times = read_times(sections["times"])
    initials = [read_initial(section, place.parent) for section in singles(sections["initial"], own["initial"])]
    grid = times.array()
    runs = [read_run(section, grid) for section in singles(sections["run"], own["run"])]
    return RunFile(
        path=place,
        text=text,
        model=model,
        initial=initials[0],
        times=times,
        run=runs[0],
        axes=axes,
        mode=mode,
        tables={name: section.table for name, section in sections.items()},
        drive=drive,
        two_time=read_two_times(whole.get("two_time")) if "two_time" in whole else (),
        functions=load_functions(runs[0].callbacks, place.parent, {**model.builder.sources, **drive.sources}),
    )


def _depth(content: Any) -> int:
    """How deep tables and lists stand in each other; looked at without recursion."""
    level, depth = [content], 0
    while level and depth <= _DEEPEST:
        depth += 1
        level = [
            item
            for owner in level
            for item in (owner.values() if isinstance(owner, dict) else owner)
            if isinstance(item, dict | list)
        ]
    return depth


def _read_model(section: Section, directory: Path) -> ModelSection:
    builder = find_builder(section.get("system"), directory)
    builder.check_keys(section)
    arguments: dict[str, Any] = {}
    axes: list[Axis] = []
    for key, value in section.table.items():
        if key == "system":
            continue
        name = section.label(key)
        if not isinstance(value, list) or builder.takes_list(key):
            arguments[key] = builder.check(key, name, value)
        else:
            axes.append(axis_of("model", key, [builder.check(key, f"{name}[{i}]", v) for i, v in enumerate(value)]))
    return ModelSection(builder, arguments, tuple(axes))
