"""Going on with a result: whether it is of this point, and can be."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NoReturn

from ..errors import ArgumentError, one_line
from ..results.result import Result
from ..tools import checks
from ..tools.summaries import counted
from .chunk import statistics_of
from .fingerprint import MADE_BY, Difference, differences, identity_of, made_by
from .point import Point

OTHER_SEED = "run another seed and join both by cojump.merge"
"""What can be done where a result cannot be gone on with bit for bit."""


def measured_apart(point: Point, result: Result) -> str:
    """What another version of cojump has measured otherwise along the trajectories that are there, in words."""
    there = {name: extra.labels for name, extra in statistics_of(result).items()}
    here = {meter.name: meter.labels for meter in point.meters}
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    if not names:
        return ""
    return (
        f"its trajectories were measured otherwise ({', '.join(names)}), by another version of cojump: go on with that"
    )


def compared(name: str, here: Mapping[str, Any], there: Mapping[str, Any], words: tuple[str, str]) -> list[Difference]:
    """The differences of two results or points; an ArgumentError about ``name`` if a file has something else there."""
    try:
        return differences(here, there, words)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, zlib.error) as error:
        raise ArgumentError(name, "say which run it is of", f"its file has no such facts: {one_line(error)}") from None


def check_extension(point: Point, result: Any) -> None:
    """Refuse a result that this point cannot go on with to the bits of one long run.

    Raises
    ------
    ArgumentError
        If it is no result, or one of another point, of more trajectories, of other code, or of several seeds.
    """

    def refuse(rule: str, found: str) -> NoReturn:
        raise ArgumentError("extend", rule, found)

    if not isinstance(result, Result):
        refuse("be a result of the same call with fewer trajectories", f"it is {checks.shown(result)}")
    if result.merged:
        refuse("be a result of one seed", f"it has {len(result.merged)}; go on with those that it was made of")
    if result.identity is None:
        refuse("know which run it is of", f"its file was written by an older cojump; {OTHER_SEED}")
    facts = result.identity.facts
    if MADE_BY not in facts:
        refuse("know which run it is of", f"its file was written by an older cojump; {OTHER_SEED}")
    found = compared("extend", identity_of(point), facts, ("here", "in the result"))
    if found:
        refuse("be a result of the same call", "; ".join(difference.text for difference in found[:3]))
    if point.n_traj < result.n_traj:
        raise ArgumentError("n_traj", f"be at least {result.n_traj}, that of `extend`", f"it is {point.n_traj}")
    if apart := measured_apart(point, result):
        refuse("be a result of the same call", apart)
    if (by := facts[MADE_BY]) != [made_by()]:
        others = one_line("; ".join(map(str, by)) if isinstance(by, list) else by)[:300]
        refuse("be made by the same code", f"it was made by {others}; {OTHER_SEED}")
    if result.rest is None and result.n_traj % point.chunk:
        whole = "is no whole chunk" if result.n_traj == 1 else "are no whole chunks"
        refuse("have its last chunk apart", f"{counted(result.n_traj, 'trajectory')} {whole}; {OTHER_SEED}")
