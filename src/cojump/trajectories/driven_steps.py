"""No-jump steps of a state whose model changes in time: Taylor series whose coefficients carry those of the envelopes.

H_eff(t) = Σ_p c_p(t) H_p, over the parts of a model. Within a piece of the time axis every c_p is a polynomial,
c_p(t₀ + xτ) = Σ_j c_pj x^j, and so the rows of the series ψ(t₀ + xτ) = Σ_k v_k x^k obey

    v_{k+1} = -iτ/(k+1) Σ_p H_p Σ_j c_pj v_{k-j}:        one application of each part for each row.

What is left out after row K solves the same equation with the source Σ_{k≥K} x^k τ Σ_{j≥k-K} H_j v_{k-j}, where
H_j = Σ_p c_pj H_p, and H_eff damps at every time: the sum is off by no more than the integral of that,

    h/(K+1) Σ_m |v_{K-m}| x^{K-m} Σ_{j≥m} ‖H_j‖ x^j        at x = h/τ.

The norms ‖H_p‖ are taken as twice the largest factor by which the step has stretched a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, ldexp, sqrt

import numpy as np

from ..basis.sectors import Labels
from ..model import Model
from ..model.driven import Drive, Piece
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array
from .displaced_modes import tick
from .driven_factors import factors_of
from .driven_fock_tables import DrivenFockTables
from .kernels.common import MAX_ORDER, Step
from .kernels.driven_error import NOTHING
from .kernels.driven_fock import DrivenFockHeff
from .kernels.fock_rows import FockWork
from .kernels.horizon import LEAST, ROUNDING, guessed_horizon
from .kernels.product_rows import ProductWork, apply_product
from .kernels.waiting_time import find_jump, no_jump_step
from .no_jump_tables import ProgramHeff
from .product_moves import Ket
from .product_sectors import Box, ProductBasis, ProductSector, memory_of

Rows = Callable[[DrivenFockHeff], FockWork]
"""Writes the state of a step into row 0 of a work space that H_eff fits into."""

_NO_CELLS = np.full(3, -1)

_LARGE = 1e60
"""Norm of a row above which the step is begun again, shorter."""

_STRETCH = 2.0
"""Norms of operators are taken as so much larger than what has been seen of them."""

_MOSTLY = 4.0
"""Norm of a sum of rows, in units of that of the first one in it, above which it is mostly made of others: what a part
does to the first one may be nothing, and says little about the next ones. No step is good before.
"""

_SHORTER = 0.8
"""Factor by which a step is made shorter until it is good."""


class DrivenSteps:
    """Steps of the states of a model.

    Parameters
    ----------
    model : Model
    end : float
        Time up to which envelopes are called.
    tolerance : float

    Attributes
    ----------
    drive : Drive
    bases : list of ProductBasis
        Of each part.
    time : float
        Where the state is.
    rates : (L,) array
        f² of each jump there.
    order : int
        Rows of the last step.
    effort : int
        Its multiplications.
    coefficients, stretched : arrays
        Of its factors in powers of the time, in the unit of the rows, part by part; the largest factor by which each
        part has stretched a vector.
    """

    def __init__(self, model: Model, end: float, tolerance: float) -> None:
        self.drive = Drive(model, end)
        parts = self.drive.parts
        self.bases = [ProductBasis(model, memory_of(model) // len(parts), part) for part in parts]
        self._tolerance = tolerance
        self._displaced: tuple[Sequence[complex], Sequence[complex]] | None = None
        self._scratch = np.zeros((2, 2, 0))
        self._factors = factors_of(self.drive, 0)
        self._tables: CacheByBytes[tuple[int, ...], DrivenFockTables] = CacheByBytes(memory_of(model))
        self.begin()

    def begin(self) -> None:
        """Go back to t = 0."""
        self.time, self.effort, self.order = 0.0, 0, 0
        self.coefficients, self.stretched = np.zeros((0, 1)), np.zeros(0)
        self.rates = np.ones(len(self.drive.of_jump))

    def displace(self, displacements: Sequence[complex], references: Sequence[complex]) -> None:
        """Go on in these frames of the modes."""
        self._displaced = displacements, references

    def until_tick(self) -> float:
        """The time until references of modes are moved: as the terms are at their strongest in this piece of the time
        axis, and to its end at most.
        """
        if not self.drive.pieces:  # of a run that is over at t = 0
            return inf
        piece = self._piece()
        factors = piece.largest
        modes = zip(*(basis.modes for basis in self.bases), strict=True)
        shortest = min((tick(parts, factors) for parts in modes), default=inf)
        return shortest if piece.end >= self.drive.end else min(shortest, piece.end - self.time)

    def step(self, labels: Labels, box: Box, ket: Ket, work: ProductWork, waiting: float, most: float) -> Step:
        """Evolve without a jump until ``waiting`` is lost, or ``most`` in time, or to the end of a piece, or less.

        The rows and the state at the end are in ``work``.
        """
        piece, left = self._piece(), self._left(most)
        sectors = self._sectors(labels, box)
        parts = [sector.h_eff for sector in sectors]
        self._scratch = np.zeros((2, 2, len(ket)))
        factors = piece.values(self.time)
        mean = sum(c * np.vdot(ket, self._applied(h, ket)) for c, h in zip(factors, parts, strict=True) if c != 0)
        energy, rate = -float(mean.imag), max(-2 * float(mean.real), 0.0)
        horizon = guessed_horizon(rate, waiting, left)
        while True:
            unit = _unit(horizon)
            # many steps to the jump, or to the end, share the tolerance
            share = max(horizon / self.drive.end, rate * horizon / waiting if waiting > 0 else 1.0)
            allowed = 0.5 * self._tolerance * min(max(share, LEAST), 1.0)
            found = self._rows(parts, ket, piece.powers(self.time, unit), unit, energy, rate, horizon, allowed)
            if found is not None:
                break
            horizon /= 16
            if not self.time + horizon > self.time:
                return Step(0.0, -1, 0.0, 0.0, 0, 0, len(ket), 1.0, 1.0, energy, rate)
        rows, horizon = found
        order = len(rows) - 1
        work.taylor_re[: order + 1, : len(ket)], work.taylor_im[: order + 1, : len(ket)] = rows.real, rows.imag
        work.shape[:], work.kept[:, 0] = len(ket), 1
        work.norms[: order + 1] = np.linalg.norm(rows, axis=1)
        second = np.vdot(ket, rows[2]).real if order > 1 else 0.0
        curvature = (2 * second + work.norms[1] ** 2) / unit / unit
        time, click, lost, norm2 = find_jump(
            work, order, 0, len(ket), horizon, unit, rate, rate, curvature, waiting, self._tolerance
        )
        step = Step(time, click, lost, horizon, order, 0, len(ket), unit, norm2, energy, rate)
        return self._ended(step, sectors)

    def step_by_rows(self, labels: Labels, box: Box, rows: Rows, waiting: float, most: float) -> Step:
        """The same of a state with boson modes, by rows of Fock states: ``rows`` has it written into the work space."""
        sectors, piece = self._sectors(labels, box), self._piece()
        tables = self._tables.get(tuple(map(id, sectors)), lambda: DrivenFockTables(sectors, self._factors))
        tables.refresh()
        self._factors.place[0] = next(n for n, one in enumerate(self.drive.pieces) if one is piece)
        self._factors.clock[0] = self.time
        step: Step = no_jump_step(
            tables.h_eff, rows(tables.h_eff), 0, 0, tables.size, _NO_CELLS, 0.0, 0.0, waiting, self._left(most),
            self._tolerance,
        )  # fmt: skip
        return self._ended(step, sectors)

    def _sectors(self, labels: Labels, box: Box) -> list[ProductSector]:
        """The sector of each part, in the frames of the modes."""
        sectors = [basis.sector(labels, box) for basis in self.bases]
        if self._displaced is not None:
            for sector in sectors:
                sector.displace(*self._displaced)
        return sectors

    def _left(self, most: float) -> float:
        """How far a step may go, of at most ``most``: to the end of a piece of the time axis."""
        piece = self._piece()
        return most if piece.end >= self.drive.end else min(most, piece.end - self.time)

    def _ended(self, step: Step, sectors: Sequence[ProductSector]) -> Step:
        """Be where a step has ended."""
        piece = self._piece()
        at_end = step.found == 0 and piece.end < self.drive.end and step.horizon >= piece.end - self.time
        self.time = piece.end if at_end else self.time + step.time
        self.rates = piece.values(self.time)[self.drive.of_jump]
        self.order = step.order
        self.effort = (step.order + 1) * sum(sector.multiplications for sector in sectors)
        return step

    def _piece(self) -> Piece:
        """The piece that the next step is in: the next one, where only rounding is left of one."""
        piece = self.drive.piece(self.time)
        while piece.end < self.drive.end and not self.time + 0.5 * (piece.end - self.time) > self.time:
            self.time = piece.end
            piece = self.drive.piece(self.time)
        return piece

    def _rows(
        self,
        parts: Sequence[ProgramHeff],
        ket: Ket,
        powers: Sequence[Array],
        unit: float,
        energy: float,
        rate: float,
        horizon: float,
        allowed: float,
    ) -> tuple[np.ndarray, float] | None:
        """Rows of the series in a unit of time, without the energy and the damping taken away, and how far it is good.

        None if it has to be begun again with a shorter step.
        """
        rows, norms = np.zeros((MAX_ORDER + 1, len(ket)), dtype=complex), np.zeros(MAX_ORDER + 1)
        rows[0], norms[0] = ket, _norm(ket)
        stretched = np.zeros(len(parts))
        coefficients = np.zeros((len(parts), max(map(len, powers), default=1)))
        coefficients[0, 0] = 1.0
        for p, row in enumerate(powers, 1):
            coefficients[p, : len(row)] = row

        acting = [bool(row.any()) for row in coefficients]
        known = [p == 0 or not acts for p, acts in enumerate(acting)]
        self.coefficients, self.stretched = coefficients, stretched

        def remainder(order: int, h: float) -> float:
            """What the rows up to ``order`` leave out at the time h."""
            x = h / unit
            each = norms[: order + 1] * x ** np.arange(order + 1)
            strengths = (np.abs(coefficients).T @ (_STRETCH * stretched)) * x ** np.arange(coefficients.shape[1])
            tails = np.cumsum(strengths[::-1])[::-1][: order + 1]
            return float(np.exp(0.5 * rate * h) * h / (order + 1) * (each[::-1][: len(tails)] @ tails))

        order = 0
        while order < MAX_ORDER:
            total = np.zeros(len(ket), dtype=complex)
            for p, h in enumerate(parts):
                if not acting[p]:
                    continue
                c = coefficients[p, : order + 1]
                v: Ket = rows[order]
                if p > 0:
                    v = np.asarray(c @ rows[order - len(c) + 1 : order + 1][::-1], dtype=complex)
                size = norms[order] if p == 0 else _norm(v)
                made = self._applied(h, v, energy if p == 0 else 0.0, 0.5 * rate if p == 0 else 0.0)
                if size > 0:
                    stretched[p] = max(stretched[p], _norm(made) / size)
                    known[p] |= size > _MOSTLY * (abs(c[order]) if len(c) > order else 0.0)
                elif order == 0:  # its factor begins at zero, and what it will do is to be seen
                    stretched[p] = _norm(self._applied(h, ket)) / norms[0]
                total += made
            order += 1
            rows[order] = total * (unit / order)
            norms[order] = _norm(rows[order])
            if not norms[order] < _LARGE:
                return None
            each = norms[1 : order + 1] * (horizon / unit) ** np.arange(1, order + 1)
            is_known = all(known) or each.max() <= NOTHING * allowed
            if is_known and each[-1] <= allowed and remainder(order, horizon) <= allowed:
                break
        while remainder(order, horizon) > allowed and horizon > 0:
            horizon *= _SHORTER
        # terms much larger than their sum would leave rounding behind
        while (norms[: order + 1] * (horizon / unit) ** np.arange(order + 1)).max() * ROUNDING > 0.1 * self._tolerance:
            horizon *= _SHORTER
        return rows[: order + 1], horizon

    def _applied(self, h: ProgramHeff, ket: Ket, shift: float = 0.0, half_shift: float = 0.0) -> Ket:
        """-i (H_eff - shift + i half_shift) ψ of one part."""
        re, im = self._scratch
        re[0], im[0] = ket.real, ket.imag
        kept = np.ones((2, len(ket)), dtype=np.uint8)
        apply_product(h, re, im, kept, 0, len(ket), 1.0, shift, half_shift, 0.0)
        made: Ket = re[1] + 1j * im[1]
        return made


def _norm(ket: Ket) -> float:
    return sqrt(np.vdot(ket, ket).real)


def _unit(horizon: float) -> float:
    """The largest power of two that is not above a time."""
    return ldexp(1.0, int(np.frexp(horizon)[1]) - 1)
