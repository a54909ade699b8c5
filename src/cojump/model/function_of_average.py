"""A user's function of an average Δ = Σ_b (1/N_b) Σ_{k in b} X_b^(k): where it may be called, what it returns there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, foreign
from ..tools import checks
from ..tools.types import RealFunction
from .operators import check_hermitian
from .spectrum import average_spectrum, snapped, thinned
from .term import Term, checked_matrices

SPECTRUM_POINTS = 100_000
"""A function is tried on every point of its argument's spectrum up to this many, on a grid of it beyond."""

_REMEMBERED = 2**20
"""Values of a function that are remembered, to be compared with later ones at the same points."""

_ROUNDED = 1e-9
"""Relative difference of two values that are the same up to rounding."""


def values_of(name: str, function: RealFunction, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n,) of a user's function at points (n,), or an ArgumentError about ``name`` if they are none."""
    try:
        with np.errstate(all="ignore"):
            returned = function(x.copy())
            values = np.asarray(returned)
    except (Exception, SystemExit) as error:  # sys.exit in it must not end the run, and with status 0 at that
        rule = "be a function that works on an array (a vectorised numpy function)"
        raise ArgumentError(name, rule, f"it raises {foreign(error, '')}") from error
    if isinstance(returned, np.ma.MaskedArray):
        raise ArgumentError(name, "return numbers", "it returns a masked array")
    if values.shape != x.shape:
        rule = "return one value per point (a vectorised numpy function)"
        raise ArgumentError(name, rule, f"for an argument of shape {x.shape} it returns shape {values.shape}")
    if values.dtype.kind not in "fiu":
        raise ArgumentError(name, "return real numbers", f"it returns dtype {values.dtype}")
    return values.astype(float)


def checked_argument(argument: object) -> dict[str, NDArray[np.complex128]]:
    """The Hermitian X_b of each block that enters Δ, or an ArgumentError."""
    made = checked_matrices("argument", argument)
    for name, matrix in made.items():
        check_hermitian(f"argument[{name!r}]", matrix)
    return made


def checked_functions(name: str, functions: object, rule: str, counts: Sequence[int]) -> tuple[RealFunction, ...]:
    """Some functions, as many as ``counts`` allows, or an ArgumentError that says ``rule``."""
    if not (isinstance(functions, Sequence) and len(functions) in counts and all(callable(f) for f in functions)):
        raise ArgumentError(name, rule, f"it is {checks.shown(functions)}")
    return tuple(functions)


class FunctionOfAverage(Term):
    """A term with a function of an average Δ, which is an operator: the function is called inside its spectrum only.

    Each kind of such a term has ``argument`` among its fields: the Hermitian X_b (d_b, d_b) of each block in Δ.
    """

    argument: Mapping[str, NDArray[Any]]

    def missing(self, block: str) -> int:
        """How many particles of a block are left out of its sum."""
        return 0

    @property
    def levels(self) -> dict[str, NDArray[np.float64]]:
        """Eigenvalues (d_b,) of each X_b, sorted."""
        return {name: snapped(np.linalg.eigvalsh(x)) for name, x in self.argument.items()}

    @property
    def reach(self) -> tuple[float, float]:
        """The lowest and the highest value of Δ that any state has, mean field's as well."""
        ends = [(float(levels[0]), float(levels[-1])) for levels in self.levels.values()]
        return sum((low for low, _ in ends), 0.0), sum((high for _, high in ends), 0.0)

    def spectrum(self, sizes: Mapping[str, int], most: int = SPECTRUM_POINTS) -> NDArray[np.float64]:
        """Eigenvalues of Δ (of Δ without the particle that is left out, if there is one), sorted.

        All of them up to ``most`` points; beyond, a grid of eigenvalues that keeps both ends. ``sizes`` are the
        particles of each block.
        """
        if not self.argument:
            return np.zeros(1)
        spectra = []
        budget = max(2, int(most ** (1.0 / min(len(self.argument), 2))))
        for name, levels in self.levels.items():
            count = sizes[name] - self.missing(name)
            spectra.append(average_spectrum(levels, count, sizes[name], budget))
        return reduce(lambda a, b: thinned(np.unique(np.add.outer(a, b)), most), spectra)

    def checked_values(
        self, name: str, function: RealFunction, x: NDArray[np.float64], *, signed: bool
    ) -> NDArray[np.float64]:
        """Values (n,) of the function at points ``x`` (n,) of the spectrum of Δ.

        Raises
        ------
        ArgumentError
            About ``name``, if it returns another shape, complex, NaN, infinite or (unless ``signed``) negative values,
            or others than before.
        """
        values = values_of(name, function, x)
        bad = ~(np.abs(values) <= checks.LARGEST)
        if not signed:
            bad |= values < 0
        if bad.any():
            where = int(np.argmax(bad))
            rule = "be finite over the whole spectrum of Δ" + ("" if signed else " and never negative")
            if np.isfinite(values.flat[where]) and (values.flat[where] > 0 or signed):
                rule = f"be at most {checks.LARGEST:g} over the whole spectrum of Δ"
            raise ArgumentError(name, rule, f"at Δ = {x.flat[where]:.12g} it returns {values.flat[where]:.6g}")
        self._check_same(name, x, values)
        return values

    def _check_same(self, name: str, x: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Refuse a function that has given other values at the same points: a random one, or one that reads a variable.

        Only tables are compared, which the checks of a model and the trajectories both ask for; up to rounding, for a
        function may be summed by several threads.
        """
        if x.size < 2:
            return
        seen: dict[bytes, NDArray[np.float64]] = self.__dict__.setdefault("_seen", {})
        points = hashlib.blake2b(x.tobytes(), digest_size=16).digest()
        before = seen.get(points, values)
        size = np.maximum(np.abs(before), np.abs(values))
        if not (np.abs(before - values) <= _ROUNDED * size).all():
            found = f"for the same {x.size} points it returns other values than before"
            raise ArgumentError(name, "be a function of its argument alone", found)
        if sum(table.size for table in seen.values()) + x.size <= _REMEMBERED:
            seen[points] = values

    def __getstate__(self) -> dict[str, Any]:
        """All but the tables that are remembered."""
        return {key: value for key, value in self.__dict__.items() if key != "_seen"}
