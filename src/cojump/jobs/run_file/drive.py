"""The section ``[drive]``: which keys of ``[model]`` are multiplied by a function of time, and by which one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from .sweep import Axis, axis_of
from .system import Builder, Key, attribute_of, in_section, keys_of
from .tables import MISSING, Section, number, show, suggestion

if TYPE_CHECKING:
    from ...model import Model
    from ...model.envelopes import Shape


@dataclass(frozen=True)
class Drive:
    """One table ``[drive.KEY]``.

    Attributes
    ----------
    parameter : str
        The key of ``[model]`` that is multiplied.
    shape : str
        As in the run file.
    make : callable
        Makes the shape of its keys.
    keys : mapping of str to Key
        Those that it takes.
    arguments : mapping
        The keys that are given, with the first value of each that is swept.
    sources : mapping of str to str
        Name and text of the user's file that the shape is in.
    """

    parameter: str
    shape: str
    make: Callable[..., Shape]
    keys: Mapping[str, Key]
    arguments: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def section(self) -> str:
        """The name of the table."""
        return f"drive.{self.parameter}"

    def made(self) -> Shape:
        """The shape; raises ArgumentError if the values make none."""
        with in_section(self.section):
            return self.make(**self.arguments)


@dataclass(frozen=True)
class DriveSection:
    """All tables of ``[drive]``."""

    drives: tuple[Drive, ...] = ()

    @property
    def sources(self) -> dict[str, str]:
        """Name and text of the users' files."""
        return {name: text for drive in self.drives for name, text in drive.sources.items()}

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of each key that is driven."""
        return {drive.parameter: drive.made() for drive in self.drives}

    def at(self, values: Mapping[tuple[str, str], Any]) -> DriveSection:
        """The same with the values of a point, by section and key."""
        return DriveSection(
            tuple(
                replace(
                    drive,
                    arguments={key: values.get((drive.section, key), v) for key, v in drive.arguments.items()},
                )
                for drive in self.drives
            )
        )

    def build(self, builder: Builder, arguments: Mapping[str, Any]) -> Model:
        """The model of a builder, with its drives.

        Raises
        ------
        ArgumentError
            If the arguments make no model, or a key cannot be driven.
        """
        if not self.drives:
            return builder.build(arguments)
        from ...model.parameter_drives import with_drives

        return with_drives(lambda **own: builder.build(own), arguments, self.shapes, "[drive.{}]")

    def defaults(self) -> dict[str, Any]:
        """Values of the keys that may be left out, by label."""
        return {
            f"[{drive.section}] {key}": rule.default
            for drive in self.drives
            for key, rule in drive.keys.items()
            if rule.default is not MISSING
        }


def read_drive(section: Section | None, builder: Builder, directory: Path) -> tuple[DriveSection, list[Axis]]:
    """Read and check ``[drive]``, which may be left out; its keys that are lists are axes.

    Raises
    ------
    ArgumentError
        If a key of ``[model]``, a shape or one of its keys is unknown, missing or wrong.
    """
    drives, axes = [], []
    for parameter in [] if section is None else section.table:
        assert section is not None
        if parameter not in builder.keys and not builder.open_ended:
            known = [key for key, rule in builder.keys.items() if rule.check is number]
            rule = f"name a key of system {show(builder.system)} that terms are proportional to: {', '.join(known)}"
            found = f"it is unknown{suggestion(parameter, known)}"
            raise ArgumentError(f"[drive.{parameter}]", rule, found)
        drive, own = _read_one(Section(f"drive.{parameter}", section.get(parameter)), parameter, builder, directory)
        drives.append(drive)
        axes += own
    made = DriveSection(tuple(drives))
    for drive in made.drives:
        drive.made()
        for axis in axes:
            if axis.section == drive.section:
                for value in axis.values:
                    replace(drive, arguments={**drive.arguments, axis.key: value}).made()
    return made, axes


def _read_one(table: Section, parameter: str, builder: Builder, directory: Path) -> tuple[Drive, list[Axis]]:
    from ...model.envelopes import NAMED

    shape = table.get("shape")
    make: Callable[..., Shape]
    sources: dict[str, str] = {}
    if isinstance(shape, str) and ":" in shape:
        make, keys, sources = _of_file(table.label("shape"), shape, builder, directory)
    elif isinstance(shape, str) and shape in NAMED:
        make, keys = NAMED[shape], keys_of(NAMED[shape])[0]
    else:
        known = f'be one of {", ".join(show(name) for name in NAMED)} or "my_module.py:f"'
        raise ArgumentError(table.label("shape"), known, f"it is {show(shape)}{suggestion(shape, NAMED)}")
    table.refuse_others(["shape", *keys], owner=f"shape {show(shape)}")
    arguments, axes = {}, []
    for key, rule in keys.items():
        if key not in table:
            if rule.default is MISSING:
                raise ArgumentError(table.label(key), f"be given (shape {show(shape)} needs it)", "it is missing")
            continue
        value, name = table.get(key), table.label(key)
        if isinstance(value, list) and not rule.takes_list:
            values = [rule.check(f"{name}[{i}]", v) for i, v in enumerate(value)]
            axes.append(axis_of(table.name, key, values))
            value = values[0]
        arguments[key] = rule.check(name, value)
    return Drive(parameter, shape, make, keys, arguments, sources), axes


def _of_file(
    name: str, shape: str, builder: Builder, directory: Path
) -> tuple[Callable[..., Shape], dict[str, Key], dict[str, str]]:
    """What makes the shape of a user's function of the time and other arguments, and its keys."""
    from ...model.envelopes import FromFile

    function, sources = attribute_of(name, shape, directory, builder.sources)
    ((file, text),) = sources.items()
    keys, open_ended = keys_of(function)
    first = next(iter(keys), None)
    if first is None or open_ended or any(p.kind is p.VAR_POSITIONAL for p in _parameters(function)):
        rule = "name a function f(t, ...) of the time and of keys of this table"
        raise ArgumentError(name, rule, f"{shape} takes {', '.join(keys) or 'nothing'}{' and any keys' * open_ended}")
    own = {key: rule for key, rule in keys.items() if key != first}
    if "breaks" in own:
        rule = "name a function without an argument `breaks`, which is a key of this table"
        raise ArgumentError(name, rule, f"{shape} has one")
    own["breaks"] = Key((), _times, takes_list=True)

    def make(breaks: Sequence[float] = (), **options: Any) -> Shape:
        return FromFile.of(function, file, text, options, breaks)

    return make, own, sources


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _times(name: str, value: object) -> tuple[float, ...]:
    """Check a list of increasing times."""
    if not isinstance(value, list):
        raise ArgumentError(name, "be a list of times", f"it is {show(value)}")
    times = tuple(number(f"{name}[{i}]", t, above=0) for i, t in enumerate(value))
    if any(a >= b for a, b in pairwise(times)):
        raise ArgumentError(name, "be increasing", f"it is {show(value)}")
    return times
