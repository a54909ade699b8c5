"""What the detectors of a trajectory have shown, and how they were set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import ArgumentError
from ..tools.summaries import Summarised, facts, span
from ..tools.types import Array
from .unravellings import Diffusive, Shifted, Unravelling


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
        return self.shown[name]

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
