"""From the ``system`` of a run file to a model: the named systems and the functions of users' own files."""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError, ConvergenceError, Stopped, UnsupportedError, foreign
from ...tools import checks
from ...tools.user_code import execute, executed
from ...tools.whole_files import read_regular, reason
from .sweep import canonical
from .tables import MISSING, Section, boolean, integer, number, show, suggestion, text

if TYPE_CHECKING:
    from ...model import Model

_MOST_BYTES = 16 * 2**20
"""Of a user's Python file."""

_CHECKS: dict[object, Callable[[str, object], object]] = {
    int: integer,
    float: number,
    bool: boolean,
    str: text,
}


@dataclass(frozen=True)
class Key:
    """One key of a system: its default, if it has one, its check, and whether a list is a value of it."""

    default: Any
    check: Callable[[str, object], object]
    takes_list: bool = False


@dataclass(frozen=True)
class Builder:
    """A function that makes a model from the keys of ``[model]``.

    Attributes
    ----------
    system : str
        As in the run file.
    function : callable
    keys : mapping of str to Key
        The keys it takes.
    open_ended : bool
        Whether it takes any other key too (``**options``).
    sources : mapping of str to str
        Name and text of the user's file the function comes from; empty for a named system.
    """

    system: str
    function: Callable[..., Model]
    keys: Mapping[str, Key]
    open_ended: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)

    def check_keys(self, section: Section) -> None:
        """Refuse keys of ``[model]`` that the function does not take, and the lack of one that it needs."""
        if not self.open_ended:
            section.refuse_others(["system", *self.keys], owner=f"system {show(self.system)}")
        for key, rule in self.keys.items():
            if rule.default is MISSING and key not in section:
                needs = f"be given (system {show(self.system)} needs it)"
                raise ArgumentError(section.label(key), needs, "it is missing")

    def takes_list(self, key: str) -> bool:
        """Whether a list is a value of this key and not a sweep over it."""
        return key in self.keys and self.keys[key].takes_list

    def check(self, key: str, name: str, value: object) -> Any:
        """Check the value for a key by its type in the function's signature; ``name`` is for messages."""
        return (self.keys[key].check if key in self.keys else _anything)(name, value)

    def named(self, key: str, value: Any) -> Any:
        """The value of a key as it names a point: that of the type the function asks for, or else of its own."""
        if isinstance(value, float) and key in self.keys and self.keys[key].check is number:
            return value + 0.0  # -0.0 is 0.0
        return canonical(value)

    def build(self, arguments: Mapping[str, Any]) -> Model:
        """Make the model; whatever a user's function raises becomes one line.

        Raises
        ------
        ArgumentError
            If the arguments make no model.
        """
        from ...model import Model

        if not self.sources:
            with in_section("model"):
                return self.function(**arguments)
        with (
            in_section("model"),
            self._beside_its_call(arguments),
            _one_line("[model] system", f"{self._call(arguments)} raises", next(iter(self.sources))),
        ):
            model: object = self.function(**arguments)
        if not isinstance(model, Model):
            rule = "name a function that returns a cojump.Model"
            raise ArgumentError("[model] system", rule, f"{self.system} returns {type(model).__name__}")
        return model

    @contextmanager
    def _beside_its_call(self, arguments: Mapping[str, Any]) -> typing.Iterator[None]:
        """Say how the function was called where it gave cojump a value that the run file does not have."""
        try:
            yield
        except ArgumentError as error:
            value = arguments.get(error.name)
            if error.name.startswith("[") or error.found in (f"it is {checks.shown(value)}", f"it is {show(value)}"):
                raise
            raise ArgumentError(error.name, error.rule, f"{error.found} in {self._call(arguments)}") from None

    def _call(self, arguments: Mapping[str, Any]) -> str:
        return f"{self.system}({', '.join(f'{key} = {show(value)}' for key, value in arguments.items())})"


@contextmanager
def in_section(section: str) -> typing.Iterator[None]:
    """Put the section of the run file before the name of any argument that is refused inside."""
    try:
        yield
    except ArgumentError as error:
        if error.name.startswith("["):
            raise
        raise ArgumentError(f"[{section}] {error.name}", error.rule, error.found) from None


@contextmanager
def _one_line(name: str, what: str, file: str) -> typing.Iterator[None]:
    """Turn any error of a user's code into one line with its place in that file."""
    try:
        yield
    except (ArgumentError, UnsupportedError, ConvergenceError, KeyboardInterrupt, Stopped):
        raise
    except BaseException as error:  # noqa: BLE001 - a user's function may raise whatever it likes
        raise ArgumentError(name, "name a function that works", f"{what} {foreign(error, file)}") from None


def find_builder(system: object, directory: Path) -> Builder:
    """Find the function that ``[model] system`` names.

    Parameters
    ----------
    system : object
        The name of a system, or ``"my_model.py:build"``.
    directory : Path
        Where the run file is; paths are relative to it.

    Raises
    ------
    ArgumentError
        If there is no such system, file or function, or the file cannot be executed.
    """
    from ...model import systems

    if isinstance(system, str) and ":" in system:
        return _user_builder(system, directory)
    if not isinstance(system, str) or system not in systems.NAMED:
        rule = f'be one of {", ".join(show(name) for name in systems.NAMED)} or "my_model.py:build"'
        found = f"it is {show(system)}{suggestion(system, systems.NAMED)}"
        raise ArgumentError("[model] system", rule, found)
    function = systems.NAMED[system]
    keys, open_ended = keys_of(function)
    if "patterns" not in keys:
        return Builder(system, function, keys, open_ended)
    from .hopfield_patterns import checked_levels, checked_signs, with_patterns

    checked = checked_levels if "levels" in keys else checked_signs
    sizes = {"size": Key(None, integer), "patterns": Key("uniform", checked, takes_list=True)}
    others = {key: rule for key, rule in keys.items() if key != "patterns"}
    return Builder(system, with_patterns(function), {**sizes, **others}, open_ended)


def keys_of(function: Callable[..., object]) -> tuple[dict[str, Key], bool]:
    """The keys that a function takes by its signature, and whether it takes any other one too."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, SyntaxError, TypeError):  # annotations that only a type checker can resolve
        signature = inspect.signature(function)
    keys, open_ended = {}, False
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            open_ended = True
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
            keys[name] = Key(default, _check_of(parameter.annotation))
    return keys, open_ended


def _check_of(annotation: object) -> Callable[[str, object], object]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = [a for a in typing.get_args(annotation) if a is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else None
    return _CHECKS.get(annotation, _anything)


def _anything(name: str, value: object) -> object:
    """Let a parameter without a type be any value that TOML and results know: no date, and finite numbers."""
    if isinstance(value, float):
        return number(name, value)
    if isinstance(value, date | time):
        rule = "be a number, a text, true or false, or a list or a table of them"
        raise ArgumentError(name, rule, f"it is the date or time {value}")
    for key, item in enumerate(value) if isinstance(value, list) else ():
        _anything(f"{name}[{key}]", item)
    for key, item in value.items() if isinstance(value, dict) else ():
        _anything(f"{name}.{key}", item)
    return value


def _user_builder(system: str, directory: Path) -> Builder:
    function, sources = attribute_of("[model] system", system, directory)
    keys, open_ended = keys_of(function)
    return Builder(system, function, keys, open_ended, sources)


def attribute_of(
    name: str, place: str, directory: Path, beside: Mapping[str, str] | None = None
) -> tuple[Callable[..., Any], dict[str, str]]:
    """The function of a user's file that a key names, and name and text of the file.

    Parameters
    ----------
    name : str
        The key, for messages.
    place : str
        "my_model.py:build".
    directory : Path
        Where the run file is; paths are relative to it.
    beside : mapping of str to str, optional
        Name and text of files that have been run before: the same one is not run a second time.

    Raises
    ------
    ArgumentError
        If there is no such file or function, or the file cannot be executed.
    """
    file, _, attribute = place.rpartition(":")
    if not file.endswith(".py") or not attribute.isidentifier():
        rule = 'be a known name or a function such as "my_model.py:build"'
        raise ArgumentError(name, rule, f"it is {show(place)}")
    path = directory / file
    try:
        source = read_regular(path, _MOST_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        rule = "name a file that can be read (relative to the run file)"
        raise ArgumentError(name, rule, f"{path}: {reason(error)}") from None
    except UnicodeDecodeError:
        raise ArgumentError(name, "name a Python file in UTF-8", f"{path} is not") from None
    others = {} if beside is None else beside
    if others.get(path.name, source) != source:
        rule = "name a file with another name than others that are named"
        raise ArgumentError(name, rule, f"both are called {path.name}")
    module = executed(path) if path.name in others else None
    if module is None:
        with _one_line(name, f"{file} raises", path.name):
            module = execute(path, source, neighbours=True)  # the very text that is stored with the results
    function = getattr(module, attribute, None)
    if not callable(function):
        known = ", ".join(n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)) or "none"
        rule = f"name a function of {file} (it has {known})"
        raise ArgumentError(name, rule, f"it is {show(place)}")
    return function, {path.name: source}
