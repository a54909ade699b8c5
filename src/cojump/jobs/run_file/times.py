"""Times as a run file writes them: equal steps from 0 to an end, or a list."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import ArgumentError
from .tables import Section, integer, number, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_TIMES = 1_000_000


@dataclass(frozen=True)
class TimesSection:
    """The output times: ``steps`` equal steps from 0 to ``end``, or the ``values`` themselves."""

    end: float | None = None
    steps: int | None = None
    values: tuple[float, ...] | None = None

    def array(self) -> NDArray[np.float64]:
        """(T,) the output times."""
        import numpy as np

        if self.values is not None:
            return np.array(self.values)
        assert self.end is not None
        assert self.steps is not None
        return np.linspace(0.0, self.end, self.steps + 1)


def read_times(section: Section) -> TimesSection:
    """Check times, from 0 on and increasing.

    Raises
    ------
    ArgumentError
        If a key is unknown or missing, or its value breaks a rule.
    """
    section.refuse_others(["end", "steps", "values"])
    if "values" not in section:
        end = section.read("end", number, above=0)
        return TimesSection(end=end, steps=section.read("steps", integer, least=1, most=_MOST_TIMES))
    for key in ("end", "steps"):
        if key in section:
            raise ArgumentError(section.label(key), "be left out when `values` is given", "both are there")
    return TimesSection(values=increasing(section.label("values"), section.get("values")))


def increasing(name: str, given: object) -> tuple[float, ...]:
    """Check a list of times."""
    if not isinstance(given, list) or not given:
        raise ArgumentError(name, "be a list of times", f"it is {show(given)}")
    key = name.rpartition(" ")[2]
    values = tuple(number(f"{name}[{i}]", value, least=0) for i, value in enumerate(given))
    for i, (before, after) in enumerate(itertools.pairwise(values)):
        if after <= before:
            found = f"{key}[{i + 1}] = {after!r} <= {key}[{i}] = {before!r}"
            raise ArgumentError(name, "be increasing", found)
    return values
