"""What a result holds of its run for whoever goes on with it: which run it is of, and its last chunk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..measure.moments import Moments


class Identity:
    """What makes a result what it is: facts by name, see :func:`cojump.ensemble.fingerprint.identity_of`.

    They are worked out when they are asked for; a file, and a pickled result, have them as plain data.
    """

    def __init__(self, make: Callable[[], Mapping[str, Any]]) -> None:
        self._make: Callable[[], Mapping[str, Any]] | None = make
        self._facts: Mapping[str, Any] = {}

    @classmethod
    def stored(cls, facts: Mapping[str, Any]) -> Self:
        """Of a file."""
        return cls(lambda: facts)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts."""
        if self._make is not None:
            self._facts, self._make = self._make(), None
        return self._facts

    def __getstate__(self) -> dict[str, Any]:
        return {"_make": None, "_facts": json.loads(json.dumps(self.facts))}

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nobody changes it


@dataclass(frozen=True, eq=False)
class Rest:
    """The statistics of whole chunks and of the partial last one apart, which are one in the figures of a result.

    A run goes on with its last chunk trajectory by trajectory: the same additions as in one long run, the same bits.

    Attributes
    ----------
    before, last : tuple of Moments
        Of the whole chunks, and of the partial one; one set for all figures that are measured at the same times.
    start, stop : int
        The trajectories start..stop-1 are the partial chunk.
    n_jumps : int
        Jumps in it.
    """

    before: tuple[Moments, ...]
    last: tuple[Moments, ...]
    start: int
    stop: int
    n_jumps: int
