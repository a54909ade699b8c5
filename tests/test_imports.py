"""Packages stand on one another in one order, and no file needs itself: every import of every file is held to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import cojump

PACKAGE = Path(cojump.__file__).parent

LEVELS = (
    {"errors", "version"},
    {"tools"},
    {"parallel"},
    {"model"},
    {"basis"},
    {"theory", "trajectories", "measure"},
    {"results"},
    {"ensemble"},
    {"storage"},
    {"jobs"},
    {"report"},
    {"cli"},
    {"__main__"},
)
"""From the bottom up. A package imports from those below it and from itself; packages of one level are strangers."""

LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}

TABLE = "__init__"
"""The table of public names. It loads a name's home when the name is asked for, and so stands on no level itself."""

THROUGH_THE_TABLE = {"results.result": {"save"}, "results.longtime.residence": {"trajectory"}}
"""Uses of public functions by files that stand below them, each as any user could do the same: a result has itself
written, and a trajectory whose stays are asked for is run once more."""


def sources(package: Path) -> dict[str, str]:
    """Text of each file of a package by its dotted name without the package's own: ``model.blocks``, ``model``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path.read_text(encoding="utf-8")
    return found


def is_package(name: str, files: Mapping[str, str]) -> bool:
    return name == TABLE or any(other.startswith(name + ".") for other in files)


@cache
def nodes(text: str) -> tuple[ast.AST, ...]:
    """What decides here: imports and attributes. Each text is read once, however many rules and controls look at it."""
    kinds = ast.Import | ast.ImportFrom | ast.Attribute
    return tuple(node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))


def imports(name: str, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(file, name there) of each import in a file: absolute and relative, inside functions, for type checkers only."""
    parts = [] if name == TABLE else name.split(".")
    home = parts if is_package(name, files) else parts[:-1]
    for node in nodes(files[name]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root, _, rest = alias.name.partition(".")
                if root == "cojump":
                    yield found_in(rest, "", files)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                assert node.level <= len(home) + 1, f"{name} imports from outside of cojump"
                base = ".".join([*home[: len(home) - node.level + 1], *([node.module] if node.module else [])])
            elif node.module and node.module.partition(".")[0] == "cojump":
                base = node.module.partition(".")[2]
            else:
                continue
            for alias in node.names:
                yield found_in(base, alias.name, files)


def found_in(base: str, name: str, files: Mapping[str, str]) -> tuple[str, str]:
    """The file that ``from base import name`` reads: a module of that name or else the base itself."""
    whole = f"{base}.{name}".strip(".")
    if whole in files:
        return whole, ""
    return (base, name) if base else (TABLE, name)


def uses_of_the_table(text: str) -> set[str]:
    """Public names that a file takes as attributes of ``cojump``."""
    return {
        node.attr
        for node in nodes(text)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cojump"
    }


def arrows_up(files: Mapping[str, str]) -> list[str]:
    """What imports from its own level or from above; what stands on no level."""
    found = []
    for name, text in files.items():
        if name == TABLE:
            continue
        own = name.partition(".")[0]
        if own not in LEVEL:
            found.append(f"{name} stands on no level")
            continue
        for target, what in imports(name, files):
            other = target.partition(".")[0]
            if target == TABLE:
                if not what and uses_of_the_table(text) <= THROUGH_THE_TABLE.get(name, set()):
                    continue
                found.append(f"{name} imports {what or ', '.join(sorted(uses_of_the_table(text)))} of the public table")
            elif other not in LEVEL:
                found.append(f"{name} imports {target}, which stands on no level")
            elif other != own and LEVEL[other] >= LEVEL[own]:
                found.append(f"{name} imports {target}")
    return sorted(set(found))


def circles(files: Mapping[str, str]) -> list[list[str]]:
    """Files that need one another, each group once: take away who needs nobody that is left, and whom nobody needs."""
    needs = {n: {t for t, _ in imports(n, files) if t in files and t not in (n, TABLE)} for n in files if n != TABLE}
    while free := {n for n, others in needs.items() if not others & needs.keys()}:
        needs = {n: others for n, others in needs.items() if n not in free}
    while free := {n for n in needs if not any(n in others for others in needs.values())}:
        needs = {n: others for n, others in needs.items() if n not in free}
    groups: list[set[str]] = []
    for start in needs:
        if not any(start in group for group in groups):
            groups.append(reached(start, needs) & {n for n in needs if start in reached(n, needs)})
    return sorted(sorted(group) for group in groups if group)


def reached(start: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for other in needs[waiting.pop()] & needs.keys() - found:
            found.add(other)
            waiting.append(other)
    return found


def test_imports_go_down():
    assert arrows_up(sources(PACKAGE)) == []


def test_no_file_needs_itself():
    assert circles(sources(PACKAGE)) == []


def test_every_package_stands_on_a_level():
    tops = {name.partition(".")[0] for name in sources(PACKAGE)} - {TABLE}
    assert tops == LEVEL.keys()


UP = {
    "relative": ("model.blocks", "from ..ensemble.run import run_points"),
    "a package": ("model.blocks", "from .. import storage"),
    "absolute": ("basis.sectors", "import cojump.jobs.job"),
    "absolute, a name": ("basis.sectors", "from cojump.report import tables"),
    "inside a function": ("results.result", "def save():\n    from ..storage.result_file import save_results"),
    "for type checkers": (
        "measure.meter",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..trajectories.outcome import Outcome",
    ),
    "a neighbour": ("theory.generator", "from ..trajectories import frames"),
    "the public table": ("theory.generator", "from .. import simulate"),
    "the public table, as an attribute": ("theory.generator", "import cojump\ncojump.simulate"),
    "what no level holds": ("model.blocks", "from ..schur import sectors"),
}


@pytest.mark.parametrize("how", UP)
def test_an_import_that_goes_up_is_found(how):
    """The control: one import more, written in each way that there is, and the rule is broken."""
    name, text = UP[how]
    files = sources(PACKAGE) | {"schur.sectors": ""}
    before = arrows_up(files)
    files[name] += "\n\n" + text + "\n"
    assert [line.partition(" imports ")[0] for line in arrows_up(files) if line not in before] == [name]


def test_a_circle_is_found():
    files = sources(PACKAGE)
    files["model.operators"] += "\n\ndef late():\n    from .model import Model\n"
    (found,) = circles(files)
    assert {"model.model", "model.operators"} <= set(found)
    three = {
        "a": "from . import b",
        "b": "import cojump.c",
        "c": "def f():\n    from .a import x",
        "d": "from . import a",
    }
    assert circles(three) == [["a", "b", "c"]]
