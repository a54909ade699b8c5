"""Kernels are compiled before the first trajectory, not during it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np

from ..model import Model
from .recipe import recipe_of
from .representations import Representation, are_compiled, compiled_first


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


def prepare(models: Iterable[Model]) -> None:
    """Compile the kernels that trajectories of these models need, or load them from the cache."""
    compiled_first(_used(models))


def prepared(models: Iterable[Model]) -> bool:
    """Whether :func:`prepare` has nothing to compile: this process has done it, or the cache has the code."""
    return are_compiled(_used(models))


def _used(models: Iterable[Model]) -> set[Representation]:
    return {part.representation for model in models for part in recipe_of(model).parts}


def warm_up() -> None:
    """Compile the kernels of one block, or load them from the cache."""
    prepare(())
