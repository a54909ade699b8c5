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
from ..tools.matrices import is_diagonal
from ..tools.types import Array, Complex, Matrix
from .evolution import Limits, evolved, least_vectors
from .final_density import FinalDensity
from .generator import Generator, check_unknowns
from .generator_frames import rotated_matrix
from .populations import populations_for
from .sector_states import SectorStates
from .two_time import Coincidences, TwoTime, ratio

Reading = Callable[[SectorStates], Callable[[Array], Any]]


@dataclass(frozen=True, eq=False)
class Regression:
    """Where regression starts.

    Attributes
    ----------
    generator : Generator or Populations
        From s on.
    occupied : sequence of lists of labels
        The sectors that it was made for.
    vector : array
        The packed ρ(s).
    start : float or None
        s; None for a steady state.
    limits : Limits
    """

    generator: SectorStates
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

        def squares(generator: SectorStates) -> Callable[[Array], Any]:
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
        first, second = np.zeros(packing.size), np.zeros(packing.size)
        for labels in packing.dims:
            x = change(labels, packing.block(self.vector, labels))
            packing.put(first, labels, (x + x.conj().T) / 2)
            packing.put(second, labels, (x - x.conj().T) / 2j)
        return first, second

    def _followed(
        self, taus: Array, vector: Array, reading: Callable[[SectorStates], Callable[[Array], Any]]
    ) -> Complex:
        found = self._run(taus, vector, reading)
        return found[:, 0] + 1j * found[:, 1]

    def _run(self, taus: Array, vector: Array, reading: Reading) -> Array:
        """(T, n) figures of a vector on its way."""
        size = self.generator.packing.norm(vector)
        limits = replace(self.limits, size=max(size, np.finfo(float).tiny))
        return np.array(evolved(self.generator, self.occupied, vector, taus, reading, limits).found)


def _reading(*averages: CollectiveAverage) -> Reading:
    """Reads Hermitian averages off a packed vector."""

    def of(generator: SectorStates) -> Callable[[Array], Any]:
        return _of_rows(generator, [partial(_average, generator, x) for x in averages])

    return of


def _of_rows(generator: SectorStates, operators: Sequence[Callable[[Labels], Any]]) -> Callable[[Array], Any]:
    rows = generator.rows(
        len(operators),
        ((n, labels, make(labels)) for labels in generator.packing.dims for n, make in enumerate(operators)),
    )
    return rows.__matmul__


def _average(generator: SectorStates, x: CollectiveAverage, labels: Labels) -> Any:
    return generator.average(labels, x)


def _square(generator: SectorStates, labels: Labels, c: CollectiveAverage) -> Any:
    operator = generator.average(labels, c)
    return operator.conj().T @ operator


def regression_from(
    model: Model, density: FinalDensity, start: float | None, limits: Limits, *acting: CollectiveAverage, pairs: bool
) -> Regression:
    """From a density matrix at the time ``start``, or of a steady state, with the model as it is from then on.

    Populations alone go on so if the averages ``acting`` on them make no coherences: diagonal ones, and where they act
    from both sides (``pairs``) ladders of one block.

    Raises
    ------
    ArgumentError
        If the unknowns do not fit into the memory.
    """
    occupied, least = density.occupied, least_vectors(model.is_driven)
    going_on = later(model, start or 0.0)
    if density.diagonal and all(_keeps_populations(density, average, pairs) for average in acting):
        chosen = populations_for(going_on, "auto", density, limits.memory, kept=8)
        if chosen is not None:
            return Regression(chosen, occupied, chosen.taken_up(density), start, limits)
    check_unknowns(model, [], limits.memory, least, density.spaces, occupied)
    with threadpool_limits(1):
        generator = Generator(going_on, occupied, memory=limits.memory, least=least, spaces=density.spaces)
        return Regression(generator, occupied, generator.taken_up(density), start, limits)


def _keeps_populations(density: FinalDensity, average: CollectiveAverage, pairs: bool) -> bool:
    matrices = [rotated_matrix(x, density.frames[b]) for b, x in average.blocks.items() if np.any(x)]
    if all(is_diagonal(x) for x in matrices):
        return True
    return pairs and len(matrices) == 1 and np.count_nonzero(matrices[0]) == 1
