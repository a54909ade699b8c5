"""Two-time functions exactly, by the regression theorem: <A(s+τ) B(s)> = tr(A e^{𝓛τ} (B ρ(s))), in the blocks of ρ.

B is collective, so that B ρ has the blocks of ρ. It is not Hermitian: with (B - <B>) ρ = X_1 + i X_2 both Hermitian
parts go their ways, and a packed vector stays Hermitian whatever rounding does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..basis.particle_removal import Label
from ..basis.sectors import Labels
from ..model import Model
from ..model.collective_average import CollectiveAverage
from ..model.driven import later
from ..tools.types import Array, Complex, Matrix
from .evolution import Limits, evolved, least_vectors
from .final_density import FinalDensity
from .generator import Generator, check_unknowns
from .two_time import Coincidences, TwoTime, ratio


@dataclass(frozen=True, eq=False)
class Regression:
    """Where regression starts.

    Attributes
    ----------
    generator : Generator
        From s on.
    occupied : sequence of lists of labels
        The sectors that it was made for.
    vector : array
        The packed ρ(s).
    start : float or None
        s; None for a steady state.
    limits : Limits
    """

    generator: Generator
    occupied: Sequence[Sequence[Label]]
    vector: Array
    start: float | None
    limits: Limits

    def two_time(self, taus: Array, a: CollectiveAverage, b: CollectiveAverage) -> TwoTime:
        """<A(s+τ) B(s)> of two averages."""
        reading = _reading(*a.hermitian)
        with threadpool_limits(1):
            mean = float(_reading(b.hermitian[0])(self.generator)(self.vector)[0]) + 1j * float(
                _reading(b.hermitian[1])(self.generator)(self.vector)[0]
            )

            def left(labels: Labels, rho: Matrix) -> Matrix:
                made: Matrix = self.generator.average(labels, b) @ rho
                return made - mean * rho

            first, second = self._hermitian(left)
            later = self._followed(taus, self.vector, reading)
            connected = self._followed(taus, first, reading) + 1j * self._followed(taus, second, reading)
        N = self.generator.model.size
        return TwoTime(taus, self.start, N, connected + later * mean, N * connected)

    def coincidences(self, taus: Array, c: CollectiveAverage) -> Coincidences:
        """g²(τ) of an average c: tr(c†c e^{𝓛τ} (c ρ c†))."""

        def squares(generator: Generator) -> Callable[[Array], Any]:
            return _of_rows(generator, [lambda labels: _square(generator, labels, c)])

        def both(labels: Labels, rho: Matrix) -> Matrix:
            operator = self.generator.average(labels, c)
            made: Matrix = operator @ (operator @ rho).conj().T  # c ρ c†, of a Hermitian ρ
            return made

        with threadpool_limits(1):
            first, _ = self._hermitian(both)
            later = self._run(taus, self.vector, squares)[:, 0]
            coincident = self._run(taus, first, squares)[:, 0]
            intensity = float(squares(self.generator)(self.vector)[0])
        return Coincidences(taus, self.start, ratio(coincident, intensity, later), intensity, later)

    def _hermitian(self, change: Callable[[Labels, Matrix], Matrix]) -> tuple[Array, Array]:
        """The two Hermitian parts of what is made of the blocks of ρ."""
        packing = self.generator.packing
        made = {labels: change(labels, rho) for labels, rho in packing.unpack(self.vector).items()}
        parts = [
            {labels: (x + x.conj().T) / 2 for labels, x in made.items()},
            {labels: (x - x.conj().T) / 2j for labels, x in made.items()},
        ]
        return packing.pack(parts[0]), packing.pack(parts[1])

    def _followed(self, taus: Array, vector: Array, reading: Callable[[Generator], Callable[[Array], Any]]) -> Complex:
        found = self._run(taus, vector, reading)
        return found[:, 0] + 1j * found[:, 1]

    def _run(self, taus: Array, vector: Array, reading: Callable[[Generator], Callable[[Array], Any]]) -> Array:
        """(T, n) figures of a vector on its way."""
        size = self.generator.packing.norm(vector)
        limits = replace(self.limits, size=max(size, np.finfo(float).tiny))
        return np.array(evolved(self.generator, self.occupied, vector, taus, reading, limits).found)


def _reading(*averages: CollectiveAverage) -> Callable[[Generator], Callable[[Array], Any]]:
    """Reads Hermitian averages off a packed vector."""

    def of(generator: Generator) -> Callable[[Array], Any]:
        return _of_rows(generator, [partial(_average, generator, x) for x in averages])

    return of


def _of_rows(generator: Generator, operators: Sequence[Callable[[Labels], Any]]) -> Callable[[Array], Any]:
    rows = generator.rows(
        len(operators),
        ((n, labels, make(labels)) for labels in generator.packing.dims for n, make in enumerate(operators)),
    )
    return rows.__matmul__


def _average(generator: Generator, x: CollectiveAverage, labels: Labels) -> Any:
    return generator.average(labels, x)


def _square(generator: Generator, labels: Labels, c: CollectiveAverage) -> Any:
    operator = generator.average(labels, c)
    return operator.conj().T @ operator


def regression_from(model: Model, density: FinalDensity, start: float | None, limits: Limits) -> Regression:
    """From a density matrix at the time ``start``, or of a steady state, with the model as it is from then on.

    Raises
    ------
    ArgumentError
        If the unknowns do not fit into the memory.
    """
    occupied, least = density.occupied, least_vectors(model.is_driven)
    check_unknowns(model, [], limits.memory, least, density.spaces, occupied)
    going_on = later(model, start or 0.0)
    with threadpool_limits(1):
        generator = Generator(going_on, occupied, memory=limits.memory, least=least, spaces=density.spaces)
        return Regression(generator, occupied, generator.taken_up(density), start, limits)
