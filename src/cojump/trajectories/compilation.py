"""Kernels are compiled before the first trajectory, not during it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numba
import numpy as np
from scipy.sparse import csr_array

from ..model import Model
from ..model.components import components
from ..model.states import occupation, tilted
from ..model.systems import free_flips, lambda_pump
from .engine import make_engine
from .kernel_cache import compiling, kernels_in_use
from .kernels.program import run_program
from .product_moves import Rows, apply
from .product_program import Builder
from .spin_engine import Engine
from .spin_tables import is_banded


@lru_cache(maxsize=1)
def code() -> str:
    """What has made the results of this process, in words: two of them with the same words run the same code."""
    from ..version import __version__
    from . import kernels as _  # noqa: F401 - its import names the kernels

    versions = f"numba {numba.__version__}, numpy {np.__version__}"
    return f"cojump {__version__}, kernels {kernels_in_use.digest[:12]}, {versions}"


def prepare(models: Iterable[Model]) -> None:
    """Compile the kernels that trajectories of these models need, or load them from the cache."""
    warm_up()
    if all(is_banded(part.model) for model in models for part in components(model)):
        return
    with compiling("product") as needed:
        if needed:
            model = lambda_pump(2, 1.0, 1.0, 1.0)
            start = occupation(model, {"particles": [2, 0, 0]})
            make_engine(model, start, np.array([0.0, 0.1]), 1e-9).run(0, 0)
            # what that trajectory does not call: complex matrices of collective jumps, and the rates that they have
            apply(Rows.of(csr_array(np.eye(2, dtype=complex))), (1, 1), np.zeros(2, dtype=complex))
            run_program(Builder((2,)).build())


def warm_up() -> None:
    """Compile the kernels, or load them from the cache."""
    model = free_flips(2, 1.0, 1.0, 1.0)
    with compiling("banded") as needed:
        if needed:
            Engine(model, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)
