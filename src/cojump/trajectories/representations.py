"""The representations of a state, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterable

from .driven_representations import Driven, DrivenBands, DrivenLattice, DrivenList, DrivenPatterns
from .kernel_cache import is_compiled
from .mode_representations import DrivenModes, DrivenSpinMode, Modes, SpinMode
from .real_representations import RealBanded, RealLattice
from .representation import (
    SPARSE_TABLES,
    Diffusing,
    PatternRows,
    Polynomials,
    Product,
    Representation,
)

DIFFUSING, DRIVEN_BANDS, DRIVEN_LATTICE, DRIVEN = Diffusing(), DrivenBands(), DrivenLattice(), Driven()
DRIVEN_PATTERNS, DRIVEN_LIST = DrivenPatterns(), DrivenList()
DRIVEN_SPIN_MODE, DRIVEN_MODES = DrivenSpinMode(), DrivenModes()
SPIN_MODE, MODES = SpinMode(), Modes()
REAL_BANDED, BANDED, REAL_LATTICE, LATTICE = RealBanded(), RealBanded.otherwise, RealLattice(), RealLattice.otherwise
POLYNOMIALS, PATTERN_ROWS = Polynomials(), PatternRows()
SPARSE, PRODUCT = SPARSE_TABLES, Product()

REPRESENTATIONS: tuple[Representation, ...] = (
    DIFFUSING,
    DRIVEN_BANDS,
    DRIVEN_LATTICE,
    DRIVEN_PATTERNS,
    DRIVEN_LIST,
    DRIVEN_SPIN_MODE,
    DRIVEN_MODES,
    DRIVEN,
    SPIN_MODE,
    MODES,
    REAL_BANDED,
    BANDED,
    REAL_LATTICE,
    LATTICE,
    POLYNOMIALS,
    PATTERN_ROWS,
    SPARSE,
    PRODUCT,
)
"""A part runs in the first of these that holds it."""


def compiled_first(used: Iterable[Representation]) -> None:
    """Compile the kernels of these representations, in any case those of one block, with imaginary parts or without."""
    for representation in _needed(used):
        representation.compile()


def are_compiled(used: Iterable[Representation]) -> bool:
    """Whether :func:`compiled_first` would find all of it done, by this process or in the cache."""
    return all(is_compiled(representation.kernels) for representation in _needed(used))


def _needed(used: Iterable[Representation]) -> list[Representation]:
    used = set(used)
    if REAL_BANDED not in used:
        used.add(BANDED)
    return [r for r in REPRESENTATIONS if r in used]
