"""Kernels are compiled before the first trajectory, not during it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numba
import numpy as np

from ..model import Model
from .kernel_cache import kernels_in_use
from .recipe import recipe_of
from .representations import compiled_first


@lru_cache(maxsize=1)
def code() -> str:
    """What has made the results of this process, in words: two of them with the same words run the same code."""
    from ..version import __version__
    from . import kernels as _  # noqa: F401 - its import names the kernels

    versions = f"numba {numba.__version__}, numpy {np.__version__}"
    return f"cojump {__version__}, kernels {kernels_in_use.digest[:12]}, {versions}"


def prepare(models: Iterable[Model]) -> None:
    """Compile the kernels that trajectories of these models need, or load them from the cache."""
    compiled_first({part.representation for model in models for part in recipe_of(model).parts})


def warm_up() -> None:
    """Compile the kernels of one block, or load them from the cache."""
    prepare(())
