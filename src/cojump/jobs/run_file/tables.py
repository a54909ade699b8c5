"""One section of a run file: typed look-ups, each of which refuses a wrong value with one clear line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...errors import ArgumentError, printable
from ...tools import checks

MISSING: Any = object()
"""Stands for a value that is not there (TOML has no null)."""

LARGEST = 2**63 - 1
"""Integers beyond this one fit neither into HDF5 nor into a seed."""


def shown(value: object) -> str:
    """A value that is no text, list or table; an integer of thousands of digits by its size."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    return str(value)


def show(value: object) -> str:
    """Write a value as the run file would, cut to fit into one line."""
    if value is MISSING or value is None:
        return "missing"
    if isinstance(value, bool | str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(show(item) for item in value[:20]) + ("" if len(value) <= 20 else ", ...") + "]"
    elif isinstance(value, Mapping):
        parts = [f"{key} = {show(item)}" for key, item in itertools.islice(value.items(), 20)]
        text = "{" + ", ".join(parts + ["..."] * (len(value) > 20)) + "}"
    else:
        text = shown(value)
    text = printable(text)
    return text if len(text) <= 80 else text[:77] + "..."


def number(name: str, value: object, **limits: float) -> float:
    """Check a finite number within the limits; an integer is one too, true and "0.7" are none."""
    with _as_written(value):
        return checks.number(name, value, **limits)


def integer(name: str, value: object, **limits: int) -> int:
    """Check an integer within the limits; 50.0 and true are none."""
    with _as_written(value):
        return checks.integer(name, value, **limits)


@contextmanager
def _as_written(value: object) -> Iterator[None]:
    """Quote the value that is refused inside as the run file writes it."""
    try:
        yield
    except ArgumentError as error:
        raise ArgumentError(error.name, error.rule, f"it is {show(value)}") from None


def boolean(name: str, value: object) -> bool:
    """Check true or false; 0 and 1 are neither."""
    if not isinstance(value, bool):
        raise ArgumentError(name, "be true or false", f"it is {show(value)}")
    return value


def text(name: str, value: object, options: Iterable[str] = ()) -> str:
    """Check a string, one of the options if there are any."""
    allowed = list(options)
    rule = f"be one of {', '.join(show(o) for o in allowed)}" if allowed else "be a string"
    if not isinstance(value, str) or (allowed and value not in allowed):
        raise ArgumentError(name, rule, f"it is {show(value)}" + suggestion(value, allowed))
    return value


def suggestion(value: object, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?``, as a run file writes it, if a known name is close to ``value``, else nothing."""
    return checks.suggestion(value, known, show)


def last_part(key: str) -> str:
    """The key itself of one that stands in tables of its section, such as ``blocks.spins.M``."""
    return key.rpartition(".")[2]


class Section:
    """A table of the run file.

    Parameters
    ----------
    name : str
        Its name, for messages: ``[model]`` is "model".
    table : object
        What TOML found under that name.

    Raises
    ------
    ArgumentError
        If it is no table.
    """

    def __init__(self, name: str, table: object) -> None:
        if not isinstance(table, dict):
            rule = "be a section with keys below it"
            raise ArgumentError(f"[{name}]", rule, f"it is {show(table)}")
        self.name = name
        self.table: dict[str, Any] = table

    def __contains__(self, key: str) -> bool:
        return key in self.table

    def label(self, key: str) -> str:
        """Name a key for messages: ``[model] omega``."""
        return f"[{self.name}] {key}"

    def get(self, key: str, default: Any = MISSING) -> Any:
        """Return the value of a key as it is, or the default; refuse a missing key without a default."""
        if key in self.table:
            return self.table[key]
        if default is MISSING:
            raise ArgumentError(self.label(key), "be given", "it is missing")
        return default

    def read(self, key: str, check: Callable[..., Any], default: Any = MISSING, **limits: Any) -> Any:
        """Return the value of a key after ``check`` (such as :func:`number`), or the default as it is."""
        if key not in self.table and default is not MISSING:
            return default
        return check(self.label(key), self.get(key), **limits)

    def refuse_others(self, known: Iterable[str], owner: str = "", why: Mapping[str, str] | None = None) -> None:
        """Refuse every key that is not among ``known``; ``why`` says it of keys that might be looked for here."""
        names = list(known)
        for key in self.table:
            if key not in names:
                if why and key in why:
                    raise ArgumentError(self.label(key), "be left out", why[key])
                rule = f"be one of the keys of {owner or f'[{self.name}]'}: {', '.join(names)}"
                raise ArgumentError(self.label(key), rule, f"it is unknown{suggestion(key, names)}")
