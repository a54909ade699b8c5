"""The patterns of a Hopfield network, of spins or of Potts spins, as a run file gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ArgumentError
from ...tools.summaries import counted
from .tables import Section, integer, show

if TYPE_CHECKING:
    from ...model import Model


def checked_signs(name: str, value: object) -> object:
    """Check ``"uniform"``, ``{random = p, seed = s}`` or a list of equally long lists of ±1.

    Raises
    ------
    ArgumentError
        If it is none of these.
    """
    return _checked(name, value, "1 and -1", "be 1 or -1", lambda entry: abs(entry) == 1)


def checked_levels(name: str, value: object) -> object:
    """The same with the levels 0, 1, .. of a Potts network in the lists.

    Raises
    ------
    ArgumentError
        If it is none of these.
    """
    return _checked(name, value, "levels 0, 1, ..", "be a level, an integer of at least 0", lambda entry: entry >= 0)


def _checked(name: str, value: object, what: str, rule: str, allowed: Callable[[int], bool]) -> object:
    if value == "uniform":
        return value
    if isinstance(value, dict):
        table = Section(name.strip("[").replace("] ", "."), value)
        table.refuse_others(["random", "seed"])
        table.read("random", integer, least=1)
        table.read("seed", integer, least=0)
        return value
    form = f'be "uniform", {{random = 2, seed = 5}} or lists of {what}, one per pattern'
    if not isinstance(value, list) or not value or not all(isinstance(row, list) and row for row in value):
        raise ArgumentError(name, form, f"it is {show(value)}")
    for i, row in enumerate(value):
        if len(row) != len(value[0]):
            found = f"pattern {i} has {counted(len(row), 'entry')}, pattern 0 has {len(value[0])}"
            raise ArgumentError(name, "have patterns of one length", found)
        for k, entry in enumerate(row):
            if isinstance(entry, bool) or not isinstance(entry, int) or not allowed(entry):
                raise ArgumentError(f"{name}[{i}][{k}]", rule, f"it is {show(entry)}")
    return value


def with_patterns(function: Callable[..., Model]) -> Callable[..., Model]:
    """Make a system that takes an array of patterns into one of ``size`` and the run file's ``patterns``.

    A system with a key ``levels`` has patterns of levels, any other one of signs.
    """

    def build(size: int | None = None, patterns: Any = "uniform", **others: Any) -> Model:
        if isinstance(patterns, list):
            if size not in (None, len(patterns[0])):
                found = f"it is {size} and each pattern has {counted(len(patterns[0]), 'entry')}"
                raise ArgumentError("size", "be left out or agree with `patterns`", found)
            return function(np.array(patterns), **others)
        from ...model.systems import random_patterns
        from ...model.systems.flips import check_entries

        if size is None:
            raise ArgumentError("size", f"be given with patterns = {show(patterns)}", "it is missing")
        if size < 1:
            raise ArgumentError("size", "be an integer of at least 1", f"it is {size}")
        check_entries(1 if patterns == "uniform" else patterns["random"], size)
        levels = others.get("levels")
        if patterns == "uniform":
            return function(np.ones((1, size)) if levels is None else np.zeros((1, size)), **others)
        return function(random_patterns(patterns["random"], size, patterns["seed"], levels), **others)

    return build
