"""Kernels are compiled before the first trajectory, not during it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

import numba
import numpy as np

from ..model import Model
from ..model.final_states import FinalStates
from ..model.mixtures import starts_of
from ..model.states import Mixture, State
from .recipe import recipe_of
from .representations import Representation, are_compiled, compiled_first

Start = State | Mixture | FinalStates
"""What trajectories start from."""


@lru_cache(maxsize=1)
def code() -> str:
    """What has made the results of this process, in words: two of them with the same words run the same code."""
    from ..version import __version__

    versions = f"numba {numba.__version__}, numpy {np.__version__}"
    return f"cojump {__version__}, code {_digest()[:12]}, {versions}"


def _digest() -> str:
    """Digest of the source of all that the numbers of a result come from."""
    made = hashlib.sha256()
    for package in ("tools", "model", "basis", "theory", "trajectories", "measure", "ensemble"):
        for path in sorted((Path(__file__).parents[1] / package).rglob("*.py")):
            made.update(path.read_bytes())
    return made.hexdigest()


def prepare(models: Iterable[Model], starts: Iterable[Start] = ()) -> None:
    """Compile the kernels that trajectories of these models need, or load them from the cache.

    Those from any states, unless there is one of the ``starts`` for each model.
    """
    compiled_first(_used(models, starts))


def prepared(models: Iterable[Model], starts: Iterable[Start] = ()) -> bool:
    """Whether :func:`prepare` has nothing to compile: this process has done it, or the cache has the code."""
    return are_compiled(_used(models, starts))


def _used(models: Iterable[Model], starts: Iterable[Start]) -> set[Representation]:
    used: set[Representation] = set()
    for model, start in zip_longest(models, starts):
        assert model is not None
        for part in recipe_of(model).parts:
            for state in _each_of(start):
                own = part.state(state) if state is not None else None
                used.update(part.representation.starting(part.model, own if isinstance(own, State) else None))
    return used


def _each_of(start: Start | None) -> list[State | None]:
    """The states that trajectories may start from; None where they are not looked at."""
    if start is None or isinstance(start, FinalStates):
        return [None]
    return [state for _, state in starts_of(start)]


def warm_up() -> None:
    """Compile the kernels of one block, or load them from the cache."""
    prepare(())
