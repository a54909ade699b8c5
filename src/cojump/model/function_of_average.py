"""A user's function of an average Δ = Σ_b (1/N_b) Σ_{k in b} X_b^(k), or of several averages that commute.

Where it may be called, and what it returns there. Points are arrays (n,) of one average, (K, n) of K averages, which
the function takes as K arrays (n,).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, foreign
from ..tools import checks
from ..tools.matrices import common_basis, commutator
from ..tools.summaries import counted
from ..tools.types import RealFunction
from .operators import check_hermitian
from .spectrum import added, average_spectrum, joint_spectrum, levels_along, snapped, thinned
from .term import Term, checked_matrices

Argument = Mapping[str, NDArray[np.complex128]] | tuple[Mapping[str, NDArray[np.complex128]], ...]
"""The matrices of an average, or of several."""

SPECTRUM_POINTS = 100_000
"""A function is tried on every point of its argument's spectrum up to this many, on a grid of it beyond."""

_REMEMBERED = 2**20
"""Values of a function that are remembered, to be compared with later ones at the same points."""

_NEGATIVE, _CORNERS = 1e-13, 1000
"""Relative size of a rate below 0 that is rounding of several averages, and points that say how large others are."""

_ROUNDED = 1e-9
"""Relative difference of two values that are the same up to rounding."""


def values_of(name: str, function: RealFunction, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n,) of a user's function at points (n,) or (K, n); an ArgumentError about ``name`` if they are none."""
    arguments = list(x.copy()) if x.ndim == 2 else [x.copy()]
    if isinstance(function, np.ufunc) and function.nin < len(arguments):  # it would write into the others
        rule = f"be a function of {len(arguments)} averages"
        raise ArgumentError(name, rule, f"numpy's {function.__name__} is one of {function.nin}")
    try:
        with np.errstate(all="ignore"):
            returned = function(*arguments)
            values = np.asarray(returned)
    except (Exception, SystemExit) as error:  # sys.exit in it must not end the run, and with status 0 at that
        rule = "be a function that works on an array (a vectorised numpy function)"
        if x.ndim == 2:
            rule = f"be a function that works on {len(x)} arrays, one for each average (a vectorised numpy function)"
        raise ArgumentError(name, rule, f"it raises {foreign(error, '')}") from error
    if isinstance(returned, np.ma.MaskedArray):
        raise ArgumentError(name, "return numbers", "it returns a masked array")
    if values.shape != x.shape[-1:]:
        rule = "return one value per point (a vectorised numpy function)"
        given = f"an argument of shape {x.shape}" if x.ndim < 2 else f"{len(x)} arguments of shape {x.shape[1:]}"
        raise ArgumentError(name, rule, f"for {given} it returns shape {values.shape}")
    if values.dtype.kind not in "fiu":
        raise ArgumentError(name, "return real numbers", f"it returns dtype {values.dtype}")
    return values.astype(float)


def checked_argument(argument: object) -> Argument:
    """The Hermitian X_b of each block that enters Δ, or those of several averages that commute, or an ArgumentError."""
    if not isinstance(argument, list | tuple):
        return _checked_average("argument", argument)
    made = tuple(_checked_average(f"argument[{k}]", one) for k, one in enumerate(argument))
    if not made:
        raise ArgumentError("argument", "hold at least one average", f"it is {checks.shown(argument)}")
    for block in dict.fromkeys(block for one in made for block in one):
        matrices = [one[block] for one in made if block in one]
        if len({x.shape for x in matrices}) > 1:
            found = f"their shapes are {[x.shape for x in matrices]}"
            raise ArgumentError("argument", f"have matrices of one shape for block {block!r}", found)
        if common_basis(matrices) is None:
            largest = max(float(np.abs(commutator(a, b)).max()) for a in matrices for b in matrices)
            found = f"in block {block!r} the largest element of a commutator is {largest:.3g}"
            raise ArgumentError("argument", "hold averages that commute", found)
    return made[0] if len(made) == 1 else made


def _checked_average(name: str, average: object) -> dict[str, NDArray[np.complex128]]:
    made = checked_matrices(name, average)
    for block, matrix in made.items():
        check_hermitian(f"{name}[{block!r}]", matrix)
    return made


def checked_functions(name: str, functions: object, rule: str, counts: Sequence[int]) -> tuple[RealFunction, ...]:
    """Some functions, as many as ``counts`` allows, or an ArgumentError that says ``rule``."""
    if not (isinstance(functions, Sequence) and len(functions) in counts and all(callable(f) for f in functions)):
        raise ArgumentError(name, rule, f"it is {checks.shown(functions)}")
    return tuple(functions)


class FunctionOfAverage(Term):
    """A term with a function of an average Δ, which is an operator: the function is called inside its spectrum only.

    Each kind of such a term has ``argument`` among its fields: the Hermitian X_b (d_b, d_b) of each block in Δ, or
    several such mappings, of averages that commute. Then points are those of the joint spectrum, or (of mean field) of
    its convex hull, up to rounding.
    """

    argument: Mapping[str, NDArray[Any]] | tuple[Mapping[str, NDArray[Any]], ...]

    @property
    def arguments(self) -> tuple[Mapping[str, NDArray[Any]], ...]:
        """The averages that the function is called with: mostly one, none if it is a constant."""
        if isinstance(self.argument, Mapping):
            return (self.argument,) if self.argument else ()
        return self.argument

    @property
    def argument_blocks(self) -> tuple[str, ...]:
        """Names of the blocks in any of the averages."""
        return tuple(dict.fromkeys(name for argument in self.arguments for name in argument))

    def of(self, arguments: Sequence[Mapping[str, NDArray[Any]]]) -> Self:
        """The same function of other averages, as many."""
        argument = arguments[0] if len(arguments) == 1 else tuple(arguments)
        return replace(self, argument=argument)  # type: ignore[call-arg]  # each kind has the field

    def arguments_among(self, names: Collection[str], zero: Mapping[str, NDArray[Any]]) -> Argument:
        """The averages without the matrices of blocks that are not among ``names``; ``zero`` where nothing is left."""
        made = [{name: x for name, x in argument.items() if name in names} or zero for argument in self.arguments]
        return made[0] if len(made) == 1 else tuple(made)

    def missing(self, block: str) -> int:
        """How many particles of a block are left out of its sum."""
        return 0

    @property
    def levels(self) -> dict[str, NDArray[np.float64]]:
        """Eigenvalues (d_b,) of each X_b of one average, sorted; of K averages (K, d_b), those of a level together."""
        if isinstance(self.argument, Mapping):
            return {name: snapped(np.linalg.eigvalsh(x)) for name, x in self.argument.items()}
        found = {}
        for block in self.argument_blocks:
            some = next(argument[block] for argument in self.arguments if block in argument)
            matrices = [argument.get(block, np.zeros_like(some)) for argument in self.arguments]
            basis = common_basis(matrices)
            assert basis is not None
            found[block] = np.array([levels_along(basis, x) for x in matrices])
        return found

    @property
    def reaches(self) -> list[tuple[float, float]]:
        """The lowest and the highest value of each average that any state has, mean field's as well."""
        found = []
        for argument in self.arguments:
            levels = [snapped(np.linalg.eigvalsh(x)) for x in argument.values()]
            found.append((sum((float(own[0]) for own in levels), 0.0), sum((float(own[-1]) for own in levels), 0.0)))
        return found

    @property
    def reach(self) -> tuple[float, float]:
        """The same of the one average that there is; (0, 0) if there is none."""
        (reach,) = self.reaches or [(0.0, 0.0)]
        return reach

    def spectrum(self, sizes: Mapping[str, int], most: int = SPECTRUM_POINTS) -> NDArray[np.float64]:
        """Eigenvalues (n,) of Δ (of Δ without the particle that is left out, if there is one), sorted.

        Of K averages the points (K, n) of their joint spectrum. All of them up to ``most`` points; beyond, a grid of
        eigenvalues that keeps both ends. ``sizes`` are the particles of each block.
        """
        if not self.argument:
            return np.zeros(1)
        spectra = []
        levels = self.levels
        single = len(self.arguments) == 1
        budget = max(2, int(most ** (1.0 / (min(len(levels), 2) if single else len(levels)))))
        for name, own in levels.items():
            count = sizes[name] - self.missing(name)
            spectra.append((average_spectrum if single else joint_spectrum)(own, count, sizes[name], budget))
        if not single:
            return reduce(lambda a, b: added(a, b, most), spectra)
        return reduce(lambda a, b: thinned(np.unique(np.add.outer(a, b)), most), spectra)

    def checked_values(
        self, name: str, function: RealFunction, x: NDArray[np.float64], *, signed: bool
    ) -> NDArray[np.float64]:
        """Values (n,) of the function at points ``x`` of the spectrum of Δ, (n,) or (K, n).

        A value of several averages that is negative by their rounding alone is zero.

        Raises
        ------
        ArgumentError
            About ``name``, if it returns another shape, complex, NaN, infinite or (unless ``signed``) negative values,
            or others than before.
        """
        several = len(self.arguments)
        if several > 1 and (x.ndim != 2 or len(x) != several):
            raise ArgumentError(
                "x", f"be an array ({several}, n), of points of {several} averages", f"it has the shape {x.shape}"
            )
        values = values_of(name, function, x)
        if values.shape == (1,) and (-checks.LARGEST if signed else 0.0) <= values[0] <= checks.LARGEST:
            return values  # mean field asks for one value at a time, and often
        bad = ~(np.abs(values) <= checks.LARGEST)
        if not signed:
            if x.ndim == 2 and (values < 0).any():
                corners = values_of(name, function, self._corners)
                values = np.where((values < 0) & (values >= -_NEGATIVE * np.abs(corners).max()), 0.0, values)
            bad |= values < 0
        if bad.any():
            where = int(np.argmax(bad))
            rule = "be finite over the whole spectrum of Δ" + ("" if signed else " and never negative")
            if x.shape[-1] == 1:  # a state between the values that N particles can have, where mean field goes
                rule += ", and between its values, where mean field goes"
            if np.isfinite(values.flat[where]) and (values.flat[where] > 0 or signed):
                rule = f"be at most {checks.LARGEST:g} over the whole spectrum of Δ"
            at = ", ".join(f"{value:.12g}" for value in np.atleast_2d(x)[:, where])
            at = f"({at})" if x.ndim == 2 else at
            raise ArgumentError(name, rule, f"at Δ = {at} it returns {values.flat[where]:.6g}")
        self._check_same(name, x, values)
        return values

    @property
    def _corners(self) -> NDArray[np.float64]:
        """(K, n) points of the joint spectrum with the particles of each block in one level, or in few."""
        return self.spectrum(dict.fromkeys(self.argument_blocks, 2), _CORNERS)

    def _check_same(self, name: str, x: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Refuse a function that has given other values at the same points: a random one, or one that reads a variable.

        Only tables are compared, which the checks of a model and the trajectories both ask for; up to rounding, for a
        function may be summed by several threads.
        """
        if values.size < 2:
            return
        seen: dict[bytes, NDArray[np.float64]] = self.__dict__.setdefault("_seen", {})
        points = hashlib.blake2b(x.tobytes(), digest_size=16).digest()
        before = seen.get(points, values)
        size = np.maximum(np.abs(before), np.abs(values))
        if not (np.abs(before - values) <= _ROUNDED * size).all():
            found = (
                f"for the same {counted(values.size, 'point')} it returns other values than before ({self._title()})"
            )
            raise ArgumentError(name, "be a function of its argument alone", found)
        if sum(table.size for table in seen.values()) + values.size <= _REMEMBERED:
            seen[points] = values

    def __getstate__(self) -> dict[str, Any]:
        """All but the tables that are remembered."""
        return {key: value for key, value in self.__dict__.items() if key != "_seen"}
