"""A user's Python file, run as a module."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType


def _name(path: Path) -> str:
    return f"cojump_user_{path.stem}"


def executed(path: Path) -> ModuleType | None:
    """The module that a file of this name has been run as last."""
    return sys.modules.get(_name(path))


def execute(path: Path, source: str, *, neighbours: bool) -> ModuleType:
    """Run the text of a file as a module, as if it stood at ``path``; whatever it raises goes through.

    With ``neighbours`` it can import what stands beside it, as when it is run by itself.
    """
    spec = spec_from_loader(_name(path), loader=None, origin=str(path))
    assert spec is not None
    module = module_from_spec(spec)
    module.__file__ = str(path)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up there
    if neighbours:
        sys.path.insert(0, str(path.parent))
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    finally:
        if neighbours:
            sys.path.remove(str(path.parent))
    return module
