"""The patterns of a Hopfield network as a run file gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .sections import Section, integer, show

if TYPE_CHECKING:
    from ..model import Model


def checked_patterns(name: str, value: object) -> object:
    """Check ``"uniform"``, ``{random = p, seed = s}`` or a list of equally long lists of ±1.

    Raises
    ------
    ArgumentError
        If it is none of these.
    """
    if value == "uniform":
        return value
    if isinstance(value, dict):
        table = Section(name.strip("[").replace("] ", "."), value)
        table.refuse_others(["random", "seed"])
        table.read("random", integer, least=1)
        table.read("seed", integer, least=0)
        return value
    rule = 'be "uniform", {random = 2, seed = 5} or lists of 1 and -1, one per pattern'
    if not isinstance(value, list) or not value or not all(isinstance(row, list) and row for row in value):
        raise ArgumentError(name, rule, f"it is {show(value)}")
    for i, row in enumerate(value):
        if len(row) != len(value[0]):
            rule = "have patterns of one length"
            found = f"pattern {i} has {len(row)} entries, pattern 0 has {len(value[0])}"
            raise ArgumentError(name, rule, found)
        for k, sign in enumerate(row):
            if isinstance(sign, bool) or not isinstance(sign, int) or abs(sign) != 1:
                raise ArgumentError(f"{name}[{i}][{k}]", "be 1 or -1", f"it is {show(sign)}")
    return value


def with_patterns(function: Callable[..., Model]) -> Callable[..., Model]:
    """Make a system that takes an array of patterns into one of ``size`` and the run file's ``patterns``."""

    def build(size: int | None = None, patterns: Any = "uniform", **others: Any) -> Model:
        if isinstance(patterns, list):
            if size not in (None, len(patterns[0])):
                found = f"it is {size} and each pattern has {len(patterns[0])} entries"
                raise ArgumentError("size", "be left out or agree with `patterns`", found)
            return function(np.array(patterns), **others)
        if size is None:
            raise ArgumentError("size", f"be given with patterns = {show(patterns)}", "it is missing")
        if size < 1:
            raise ArgumentError("size", "be an integer of at least 1", f"it is {size}")
        if patterns == "uniform":
            return function(np.ones((1, size)), **others)
        from ..systems import random_patterns

        return function(random_patterns(patterns["random"], size, patterns["seed"]), **others)

    return build
