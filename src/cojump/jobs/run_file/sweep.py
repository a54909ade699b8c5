"""Sweeps: which keys of a run file are lists of values, and the points these make."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ...ensemble.options import RunOptions, options_of
from ...errors import ArgumentError
from ...tools.summaries import counted
from .tables import LARGEST, Section, last_part, show, text

MODES = ("product", "zip")
"""Every value of one key with every value of the others, or the first with the first, the second with the second."""

_OPTIONS = options_of(RunOptions)

RUN_KEYS = tuple(key for key, rule in _OPTIONS.items() if rule.swept)
"""Keys of ``[run]`` that may be lists."""

NAMELESS = tuple(key for key in RUN_KEYS if not _OPTIONS[key].identity)
"""Keys that name no point: a point with more trajectories is the same point."""

MOST_POINTS = 100_000
"""Points of a sweep: each has a model that every rank makes before the first trajectory, and a line of every table."""

_DEPTHS = {"ket": 2, "amplitudes": 2, "particles": 2, "diagram": 2, "density": 3}
"""How deep the lists of a swept value are; others are one deep, and so are lists of tables of blocks."""


@dataclass(frozen=True)
class Axis:
    """A key that is swept.

    Attributes
    ----------
    section, key : str
    values : tuple
    """

    section: str
    key: str
    values: tuple[Any, ...]

    @property
    def label(self) -> str:
        """The key as messages call it."""
        return f"[{self.section}] {self.key}"

    @property
    def name(self) -> str:
        """The key as points and their results call it: of a drive with the key that is driven, "omega.end"."""
        return f"{self.section.removeprefix('drive.')}.{self.key}" if self.section.startswith("drive.") else self.key


def canonical(value: Any) -> Any:
    """A value as it names a point: of equal numbers one is taken, 1 for 1.0 and 0 for -0.0, in lists and tables too.

    true is no number here, as in all of the run file, and texts are what their characters are.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= LARGEST else value
    if isinstance(value, int) and abs(value) > LARGEST:
        try:
            return float(value) if float(value) == value else value
        except OverflowError:
            return value
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {key: canonical(item) for key, item in value.items()}
    return value


def spelled(value: Any) -> str:
    """A text that two values share exactly if they name the same point."""
    return json.dumps(canonical(value), sort_keys=True, default=repr)


def _first_twice(values: Sequence[Any]) -> Any | None:
    """The first of some values that is there before; None if there is none, and values are never None."""
    seen: set[str] = set()
    for value in values:
        text = spelled(value)
        if text in seen:
            return value
        seen.add(text)
    return None


def is_swept(key: str, value: object) -> bool:
    """Whether the value of a key of ``[initial]`` or ``[run]`` is a list of values of it."""
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    key = last_part(key)
    if key == "states":  # of a mixture, which are tables in a list themselves
        return False
    return depth >= (1 if isinstance(value, Mapping) else _DEPTHS.get(key, 1))


def axis_of(section: str, key: str, values: Sequence[Any]) -> Axis:
    """Check the list of values of a key; raises ArgumentError if there is none."""
    if not values:
        raise ArgumentError(f"[{section}] {key}", "hold at least one value", "it is an empty list")
    return Axis(section, key, tuple(values))


def axes_of(section: Section, keys: Sequence[str]) -> list[Axis]:
    """The keys of a section that are swept, of those that may be."""
    return [axis_of(section.name, k, section.table[k]) for k in keys if k in section and is_swept(k, section.table[k])]


def singles(section: Section, axes: Sequence[Axis]) -> Iterator[Section]:
    """The section with single values: once with all the first ones, then with every other value of each key."""
    first = {**section.table, **{axis.key: axis.values[0] for axis in axes}}
    yield Section(section.name, first)
    for axis in axes:
        for value in axis.values[1:]:
            yield Section(section.name, {**first, axis.key: value})


def read_mode(section: Section | None) -> str:
    """The mode of the section ``[sweep]``, which may be left out."""
    if section is None:
        return MODES[0]
    section.refuse_others(["mode"])
    return section.read("mode", text, default=MODES[0], options=MODES)


def check_axes(axes: Sequence[Axis], mode: str) -> None:
    """Refuse lists that do not fit together.

    Raises
    ------
    ArgumentError
        If a value or a point is there twice, lists to be zipped differ in length, or two sections sweep one name.
    """
    seen: dict[str, Axis] = {}
    for axis in axes:
        if axis.name in seen:
            found = f"{axis.label} and {seen[axis.name].label} both are lists"
            raise ArgumentError(axis.label, "be swept in one section only", found)
        seen[axis.name] = axis
    sizes = [len(axis.values) for axis in axes]
    count = max(sizes, default=1) if mode == "zip" else prod(sizes)
    if count > MOST_POINTS:
        made = f"{count:,}" if mode == "zip" else f"{' x '.join(map(str, sizes))} = {count:,}"
        raise ArgumentError("[sweep]", f"make at most {MOST_POINTS:,} points", f"the lists make {made}")
    if mode == "zip":
        for axis in axes[1:]:
            if len(axis.values) != len(axes[0].values):
                many = counted(len(axes[0].values), "value")
                lengths = f"{axes[0].label} has {many} and {axis.label} has {len(axis.values)}"
                raise ArgumentError("[sweep] mode", 'be "product", or all lists of one length', lengths)
        places = list(zip(*(axis.values for axis in axes if axis.key not in NAMELESS), strict=True))
        if axes and not places:
            raise ArgumentError(axes[0].label, "be a list beside others that tell the points apart", "it is alone")
        twice = _first_twice(places)
        if twice is not None:
            raise ArgumentError("[sweep]", "make different points", f"{show(list(twice))} is there twice")
        return
    for axis in axes:
        if axis.key in NAMELESS:
            rule = 'be a single value, or be swept along with other keys by [sweep] mode = "zip"'
            raise ArgumentError(axis.label, rule, f"it is {show(axis.values)}")
        twice = _first_twice(axis.values)
        if twice is not None:
            raise ArgumentError(axis.label, "hold different values", f"{show(twice)} is there twice")


def combinations(axes: Sequence[Axis], mode: str) -> Iterator[Mapping[tuple[str, str], Any]]:
    """The points: {(section, key): value} for each."""
    values = [axis.values for axis in axes]
    for point in zip(*values, strict=True) if mode == "zip" else itertools.product(*values):
        yield {(axis.section, axis.key): value for axis, value in zip(axes, point, strict=True)}
