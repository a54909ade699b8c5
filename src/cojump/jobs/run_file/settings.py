"""Settings of the command line, ``--set SECTION.KEY=VALUE``, written into the text of a run file.

What comes out is a run file like any other: it is read, checked and stored with the results, so that these say what
has really run.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ...errors import ArgumentError
from .tables import show

_SPLIT = re.compile(r"""((?:"[^"]*"|'[^']*'|[^="'])*)=(.*)""", re.DOTALL)
"""The key, in which quotes may hide an equals sign, and the value."""

_WORD = re.compile(r"(?![./~]*\d)[A-Za-z_./~][\w./:~+-]*")
"""A text that needs no quotes: a name or a path, nothing that could be meant as a number."""

_NOT_WORDS = ("true", "false", "none", "null", "nan", "inf")
"""Words that somebody may mean otherwise than as texts, in any spelling."""

_Place: TypeAlias = tuple[str, ...]
"""The parts of a key."""


def with_settings(text: str, settings: Sequence[str]) -> str:
    """The text of a run file with some of its keys set; comments and the other keys stay.

    Parameters
    ----------
    text : str
        TOML that can be read.
    settings : sequence of str
        Each ``SECTION.KEY=VALUE`` with a key and a value as TOML writes them; a name or a path needs no quotes.

    Raises
    ------
    ArgumentError
        If one is no such setting, or two set the same key. Whether there is such a section and key, and whether the
        value is one of it, is judged when the text is read.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    content = tomllib.loads(text)
    given: dict[_Place, str] = {}
    for setting in settings:
        path, value = _parsed(setting)
        for other in given:
            if path[: len(other)] == other[: len(path)]:
                raise ArgumentError("--set", "set each key once", f"{show('.'.join(path))} is there twice")
        given[path] = value
        _put(content, path, tomllib.loads(f"x = {value}")["x"])
    try:
        document = tomlkit.parse(text)
        for path, value in given.items():
            _put(document, path, tomlkit.parse(f"x = {value}")["x"], tomlkit.table, tomlkit.inline_table)
        made = document.as_string()
        same = repr(tomllib.loads(made)) == repr(content)  # NaN, which equals nothing, has a text
    except (TOMLKitError, tomllib.TOMLDecodeError, RecursionError):
        same = False
    if not same:
        raise ArgumentError("--set", "name a key that can be replaced in the text of the run file", "it cannot")
    return made


def _parsed(setting: str) -> tuple[_Place, str]:
    """Where a setting belongs, and its value as TOML."""
    form = "be SECTION.KEY=VALUE, such as model.omega=0.3"
    split = _SPLIT.fullmatch(setting)
    if split is None:
        raise ArgumentError("--set", form, f"it is {show(setting)}")
    key, value = split.group(1).strip(), split.group(2).strip()
    path: _Place = ()
    try:
        table: Any = tomllib.loads(f"{key} = 0") if key[:1] not in ("[", "#") else {}
        while isinstance(table, dict) and len(table) == 1:
            ((part, table),) = table.items()
            path = (*path, part)
    except (ValueError, RecursionError):
        path = ()
    if len(path) < 2:
        raise ArgumentError("--set", form, f"it is {show(setting)}")
    try:
        if tomllib.loads(f"x = {value}").keys() == {"x"}:
            return path, value
    except (ValueError, RecursionError):
        if _WORD.fullmatch(value) and value.lower() not in _NOT_WORDS:
            return path, f'"{value}"'
    raise ArgumentError(
        f"--set {key}", 'have a value in TOML, such as 0.3, true, [50, 200] or "text"', f"it is {show(value)}"
    )


def _put(
    tables: Any,
    path: _Place,
    value: Any,
    new_section: Callable[[], Any] = dict,
    new_table: Callable[[], Any] = dict,
) -> None:
    """Set a key in nested tables; a list or a table that was there is replaced as a whole."""
    for depth, part in enumerate(path[:-1]):
        if part not in tables:
            tables[part] = (new_table if depth else new_section)()
        tables = tables[part]
        if not isinstance(tables, Mapping):
            raise ArgumentError(f"--set {'.'.join(path)}", "name a key of a table", f"`{part}` is {show(tables)}")
    if isinstance(tables.get(path[-1]), Mapping):
        del tables[path[-1]]  # a table with a header of its own ends the keys before it
    tables[path[-1]] = value
