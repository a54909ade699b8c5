"""Facts of a model that are worked out once: kept beside it while it lives, and neither pickled nor copied with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ..tools.cache_by_bytes import Sized
from .model import Model

F = TypeVar("F")
S = TypeVar("S", bound=Sized)


def _known(model: Model) -> dict[Any, Any]:
    facts: dict[Any, Any] = model.__dict__.setdefault("_facts", {})
    return facts


def once_per_model(fact: Callable[[Model], F]) -> Callable[[Model], F]:
    """Work a fact out when it is asked for the first time; a small one, for it is kept as long as its model."""

    @wraps(fact)
    def known(model: Model) -> F:
        facts = _known(model)
        if fact not in facts:
            facts[fact] = fact(model)
        found: F = facts[fact]
        return found

    return known


def once_per_recent_model(budget: int) -> Callable[[Callable[[Model], S]], Callable[[Model], S]]:
    """As :func:`once_per_model`, for large facts: those of the models used last, as many as fit into ``budget`` bytes.

    One that is larger by itself is made anew each time.
    """

    def decorated(fact: Callable[[Model], S]) -> Callable[[Model], S]:
        sizes: WeakKeyDictionary[Model, int] = WeakKeyDictionary()  # the model used last at the end

        @wraps(fact)
        def known(model: Model) -> S:
            found: S = _known(model)[fact] if model in sizes else fact(model)
            size = sizes.pop(model, None) or found.nbytes
            if size <= budget:
                _known(model)[fact], sizes[model] = found, size
            while sum(sizes.values()) > budget:
                oldest = next(iter(sizes))
                del sizes[oldest], _known(oldest)[fact]
            return found

        return known

    return decorated
