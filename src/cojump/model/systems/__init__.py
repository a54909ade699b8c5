"""The named systems, each a function that returns a :class:`~cojump.model.Model`.

Basis order of a two-level particle is (up, down); σ_+ = |up><down|, n = |up><up|. Energies and rates are in the
same (arbitrary) unit, ħ = 1. Equation numbers in brackets are those of arXiv:2302.04155.
"""

from __future__ import annotations

from . import named
from .named import *  # noqa: F403 - the list of systems is there

__all__ = named.__all__


def __dir__() -> list[str]:
    return __all__
