"""A cache of things that take long to make, within a budget of bytes.

``functools.lru_cache`` counts things; sectors differ in size by many orders of magnitude.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What knows its own size."""

    @property
    def nbytes(self) -> int:
        """Bytes it holds, or will hold once it is used."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class CacheByBytes(Generic[K, V]):
    """The things used last, as many as fit into ``budget`` bytes (the very last one is kept in any case)."""

    def __init__(self, budget: int) -> None:
        self.budget, self.used = budget, 0
        self._things: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._things)

    def values(self) -> list[V]:
        """All that is kept, the one used last at the end."""
        return list(self._things.values())

    def get(self, key: K, make: Callable[[], V]) -> V:
        """What is kept under ``key``, made now if it is not."""
        found = self._things.get(key)
        if found is not None:
            self._things.move_to_end(key)
            return found
        made = make()
        self._things[key] = made
        self.used += made.nbytes
        while self.used > self.budget and len(self._things) > 1:
            self.used -= self._things.popitem(last=False)[1].nbytes
        return made
