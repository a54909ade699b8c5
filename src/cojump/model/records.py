"""What the detectors of a trajectory have shown, and how they were set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import Summarised, facts, span
from ..tools.types import Array
from .unravellings import Diffusive, Shifted, Unravelling

_NOTHING = "be the name of a jump whose light is detected, and this model has none (`jumps` of the trajectory are all)"


@dataclass(frozen=True, eq=False, repr=False)
class Record(Summarised, Mapping[str, Array]):
    """A mapping of names of jumps to records: what a current has gained between output times, or the times of clicks.

    ``dict(...)`` of it forgets how it was made.

    Attributes
    ----------
    times : (T,) array
        Output times.
    unravelling : mapping of str to Unravelling
        How each jump was detected.
    shown : mapping of str to array
        (T,) or (T, 2) of a current, (n,) of clicks.
    """

    times: Array
    unravelling: Mapping[str, Unravelling]
    shown: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        """The record of a jump.

        Raises
        ------
        ArgumentError
            If ``name`` is not that of a jump with a record.
        """
        if name not in self:
            known = checks.named([repr(one) for one in self.shown])
            rule = f"be the name of a jump whose light is detected, {known}" if known else _NOTHING
            raise ArgumentError("name", rule, f"it is {checks.shown(name)}")
        return self.shown[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.shown

    def get(self, name: Any, default: Any = None) -> Any:
        """The record of a jump, or the default where it has none."""
        return self.shown[name] if name in self else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.shown)

    def __len__(self) -> int:
        return len(self.shown)

    def _title(self) -> str:
        return f"Record: {span(self.times)}"

    def _lines(self) -> list[str]:
        return facts(*((name, self.unravelling[name]._title()) for name in self.shown))

    def check(self, called: str, name: str, way: Unravelling) -> None:
        """Refuse to take the record of a jump for that of another detector."""
        own = self.unravelling[name]
        if _settings(own) != _settings(way):
            rule = f"be what the record was made with, {own._title().lower()} (dict(record) forgets it)"
            raise ArgumentError(called, rule, f"it is {way._title().lower()}")


def _settings(way: Unravelling) -> tuple[object, ...]:
    if isinstance(way, Diffusive):
        return (type(way), *way.phases)
    return way.beta if isinstance(way, Shifted) else 0, way.seen
