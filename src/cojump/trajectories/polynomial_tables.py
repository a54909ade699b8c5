"""Bands of H_eff and of Γ of one block of two levels whose arguments do not commute, made sector by sector.

All that is diagonal or leads one or two steps along M is a table over the number of particles up times roots that know
J, as for a single axis (:mod:`.spin_tables`). What a polynomial of Δ makes is worked out in a window of a sector, when
a state comes there first: an element is the same to the last bit in whatever window it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..basis.spin_sector import spin_sector
from ..model import LocalJump
from ..model.driven import DrivenPart, driven_parts
from ..tools.types import Array, Matrix
from .kernels.common import PAD
from .kernels.driven_bands import HAS_ENERGY, HAS_RATE, PartBands
from .kernels.polynomial_bands import BANDS, ENERGY, HALF_RATE, PAIRS, UNKNOWN, BandTables
from .kernels.vectors import LANES
from .polynomial_rates import PolynomialRate, sum_of_bands
from .potentials import PotentialTable
from .product_sectors import ProductBasis
from .spin_tables import SpinRates, collective_rates, hamiltonian_of, local_rates, stacked_jumps
from .work_space import aligned

MEMORY = 256 * 2**20
"""Bytes of tables after which all of them are forgotten."""

_ROUNDING = 4e-15
"""Sum of the largest elements of bands that are left out, relative to the largest of all."""

_WHOLE, _SAMPLES, _SAMPLE = 2048, 9, 64
"""States of a sector whose bands are all looked at to find those that are rounding; of a larger one some windows, and
their states.
"""

_BESIDE = 4
"""Sectors on each side of one that are made with it, where nothing but closed forms is in them."""

_APART = 2.0
"""Widths √N by which the windows of such tables are wider on each side."""

_MARGIN = 4
"""Times that H_eff may lead on from a window for which tables are made, beyond what is asked for."""


class _Kept(NamedTuple):
    """Bands that are more than rounding: how far they lead, those with real elements first, and how many these are."""

    shift: NDArray[np.int64]
    real: int


@dataclass(frozen=True, eq=False)
class _Part:
    """H_eff of the terms that have one envelope in common, but for rates that are polynomials.

    Attributes
    ----------
    N : int
    jumps : tuple of int
        The numbers of its jumps.
    energy, half_rate : (N + 1,)
    casimir : float
        Half the rate that goes with J(J + 1).
    up, down : (N + 1,)
        Elements between i and i + 1 over c_J(i).
    two : pair of complex
        Those between i and i + 2, both ways.
    potentials : list of PolynomialRate
    diagonal : int
        HAS_ENERGY and HAS_RATE, where the diagonal has a real part, or an imaginary one.
    """

    N: int
    jumps: tuple[int, ...]
    energy: Array
    half_rate: Array
    casimir: float
    up: Matrix
    down: Matrix
    two: tuple[complex, complex]
    potentials: list[PolynomialRate]
    diagonal: int

    @classmethod
    def of(
        cls,
        part: DrivenPart,
        rotation: Matrix,
        jumps: list[tuple[int, SpinRates, PolynomialRate | None]],
        potentials: dict[int, PotentialTable],
    ) -> _Part:
        """From its terms: the numbers of its jumps, what they have without Γ, and Γ; potentials by their places."""
        N, hamiltonian = part.model.size, hamiltonian_of(part.model, rotation)
        own = [potential for place, potential in potentials.items() if place in part.hamiltonian]
        constant = [rates for _, rates, polynomial in jumps if polynomial is None]
        M = np.arange(N + 1) - N / 2
        energy = hamiltonian.diagonal[1] * M + hamiltonian.diagonal[2] * M**2
        up, up_rate = hamiltonian.up[0] + hamiltonian.up[1] * M, sum((r.up for r in constant), np.zeros(N + 1))
        two_rate = sum((_two(r) for r in constant), 0j)
        energy = energy + sum((p.energy for p in own if p.is_table), np.zeros(N + 1))
        half_rate, casimir = (
            0.5 * sum((r.diagonal for r in constant), np.zeros(N + 1)),
            sum(r.casimir for r in constant),
        )
        polynomials = [p.polynomial for p in own if p.polynomial is not None]
        has_rate = half_rate.any() or casimir or len(constant) < len(jumps)
        return cls(
            N=N,
            jumps=part.jumps,
            energy=energy,
            half_rate=half_rate,
            casimir=0.5 * casimir,
            up=up - 0.5j * up_rate,
            down=up.conj() - 0.5j * np.conj(up_rate),
            two=(hamiltonian.two - 0.5j * two_rate, np.conj(hamiltonian.two) - 0.5j * np.conj(two_rate)),
            potentials=polynomials,
            diagonal=HAS_ENERGY * bool(energy.any() or polynomials) | HAS_RATE * bool(has_rate),
        )

    def steady(self, two_J: NDArray[np.int64], ups: NDArray[np.int64]) -> Matrix:
        """What leads at most two steps along M in S sectors between n states with ``ups`` particles up, side by side.

        As (S, n, 5) bands; those of states beyond a sector are zero.
        """
        J, i = two_J[:, None] / 2, np.minimum(np.maximum(ups, 0), self.N)
        M = ups - self.N / 2
        c = np.sqrt(np.maximum((J - M) * (J + M + 1), 0.0))  # <M+1|J_+|M>
        bands = np.zeros((*c.shape, 5), dtype=complex)
        diagonal = self.energy[i] - 1j * (self.half_rate[i] + self.casimir * J * (J + 1))
        bands[..., 2] = np.where(np.abs(M) <= J, diagonal, 0.0)
        bands[:, 1:, 1], bands[:, :-1, 3] = (self.up[i] * c)[:, :-1], (self.down[i] * c)[:, :-1]
        bands[:, 2:, 0] = self.two[0] * c[:, :-2] * c[:, 1:-1]
        bands[:, :-2, 4] = self.two[1] * c[:, :-2] * c[:, 1:-1]
        return bands


class PolynomialTables:
    """Tables of the sectors of a block.

    Parameters
    ----------
    basis : ProductBasis
        Of one block of two levels, whose functions are diagonal in its main frame or polynomials of Δ.

    Attributes
    ----------
    parts : PartBands
        Where the terms that have one envelope in common are; only one part where nothing changes in time.
    lead : int
        How far H_eff, or a Γ, leads at most.
    width : int
        The same in whole vectors.
    """

    def __init__(self, basis: ProductBasis) -> None:
        model, (rotation,) = basis.model, basis.rotations
        self.N = N = model.size
        rates: list[SpinRates] = []
        self._polynomials: list[PolynomialRate | None] = []
        for i in range(len(model.jumps)):
            channel, polynomial = basis.channels[i], None
            if channel is None:
                rates.append(collective_rates(model, model.collective_jumps[i], rotation))
            elif channel.polynomial is None:
                rates.append(local_rates(model, model.local_jumps[i], rotation))
            else:  # what is left of it without its Γ
                polynomial, jump = channel.polynomial, model.local_jumps[i]
                rates.append(local_rates(model, LocalJump(jump.matrix, jump.block), rotation))
            self._polynomials.append(polynomial)
        self.jumps = stacked_jumps(N, rates)
        self._squares = [None if c is None else c.matrix.conj().T @ c.matrix for c in basis.channels]
        potentials = dict(zip(model.potentials, basis.potentials, strict=True))
        self._parts = [
            _Part.of(part, rotation, [(i, rates[i], self._polynomials[i]) for i in part.jumps], potentials)
            for part in driven_parts(model)
        ]
        used = [*self._polynomials, *(p for part in self._parts for p in part.potentials)]
        self._is_steady = not any(used)
        self._beyond = 2 * max((p.degree for p in used if p is not None), default=0) + 4
        kept, P = self._found(), len(self._parts)
        self.lead = max(PAD, *(int(np.abs(own.shift).max(initial=0)) for own in kept))
        self.width = -(-self.lead // LANES) * LANES
        # those of the first part, of each Γ, and of the other parts with their diagonals
        self._kept = [kept[0], *kept[P:], *kept[1:P]]
        rows = np.cumsum([0, *(len(own.shift) for own in self._kept)])
        rows[-P:] += BANDS * np.arange(P)
        self._rows = BANDS + int(rows[-1])
        begins = np.array([*rows[1 : len(rates) + 1], 0], dtype=np.int64)
        own = [*kept[P:], kept[0]]  # those of H_eff are written first and named last
        reach = [np.abs(k.shift).max(initial=0) for k in kept]
        self._tables = BandTables(
            start=np.full(N + 1, UNKNOWN),
            first=np.zeros(N + 1, dtype=np.int64),
            cells=np.zeros(N + 1, dtype=np.int64),
            values=np.empty(0),
            shift=np.concatenate([k.shift for k in self._kept]),
            begin=begins,
            real=begins + np.array([k.real for k in own], dtype=np.int64),
            end=begins + np.array([len(k.shift) for k in own], dtype=np.int64),
            reach=np.array([*reach[P:], max(reach[:P])], dtype=np.int64),
            **_pairs(kept[0]),
        )
        places = [_pairs(own) for own in kept[:P]]
        shifts = np.zeros((P, max(len(own.shift) for own in kept[:P])), dtype=np.int64)
        for p, part in enumerate(kept[:P]):
            shifts[p, : len(part.shift)] = part.shift
        self.parts = PartBands(
            row=np.array([0, *(rows[len(rates) + 1 : -1] + BANDS)], dtype=np.int64),
            real=np.array([part.real for part in kept[:P]], dtype=np.int64),
            end=np.array([len(part.shift) for part in kept[:P]], dtype=np.int64),
            shift=shifts,
            pairs=np.array(
                [own["pairs"] | part.diagonal for own, part in zip(places, self._parts, strict=True)], dtype=np.int64
            ),
            place=np.array([made["place"] for made in places], dtype=np.int64),
        )
        self._used = 0

    @property
    def nbytes(self) -> int:
        """Memory of all that has been made."""
        return 8 * self._used

    def read(self) -> BandTables:
        """The tables as they are now."""
        return self._tables

    def make(self, two_J: int, lo: int, hi: int, reach: int) -> None:
        """Make the tables of a sector for states with lo..hi-1 particles up, from where H_eff leads ``reach`` times."""
        t = self._tables
        if self.nbytes > MEMORY:
            t.start[:], self._used = UNKNOWN, 0
            self._tables = t = t._replace(values=np.empty(0))
        i0, margin, widest = (self.N - two_J) // 2, (reach + 1 + _MARGIN) * self.lead + LANES, two_J
        if self._is_steady:  # as far as trajectories are apart, so that few tables are made again
            margin += int(_APART * np.sqrt(self.N))
            widest = min(two_J + 2 * _BESIDE, self.N)
        lo, hi = lo - margin, hi + margin
        if t.start[two_J] != UNKNOWN:  # a state has come from its edge
            known = int(t.first[two_J]) - self.width
            lo, hi = min(lo, known), max(hi, known + int(t.cells[two_J]))
        # whole vectors: what is beyond the sector is zero
        lowest = self.width + (self.N - widest) // 2
        first = max((lo + self.width) // LANES * LANES, lowest // LANES * LANES)
        end = -(-min(hi + self.width, lowest + widest + 1) // LANES) * LANES
        sectors = [two_J]
        if self._is_steady:  # those beside it take no longer, and the state goes there next
            beside = range(max(two_J - 2 * _BESIDE, self.N % 2), widest + 1, 2)
            within = (t.first >= first) & (t.first + t.cells <= end) & (t.cells < end - first)
            sectors += [other for other in beside if (t.start[other] == UNKNOWN or within[other]) and other != two_J]
            ups = np.arange(first - self.width - 2, end - self.width + 2)
            steady = [part.steady(np.array(sectors), ups)[:, 2:-2] for part in self._parts]
            made = self._rows_of(steady, [np.zeros((1, end - first, 1), dtype=complex)] * len(self._polynomials))
        else:
            lo, hi = max(first - self.width - i0, 0), min(end - self.width - i0, two_J + 1)
            made, before = np.zeros((1, self._rows, end - first)), i0 + lo + self.width - first
            made[0, :, before : before + hi - lo] = self._values(two_J, lo, hi)
        if self._used + made.size > t.values.size:
            longer = aligned(max(2 * t.values.size, self._used + 4 * made.size))
            longer[: self._used] = t.values[: self._used]
            self._tables = t = t._replace(values=longer)
        t.values[self._used : self._used + made.size] = made.ravel()
        t.start[sectors] = self._used + made[0].size * np.arange(len(sectors))
        t.first[sectors], t.cells[sectors] = first, end - first
        self._used += made.size

    def _values(self, two_J: int, lo: int, hi: int) -> Array:
        """Rows of a table over the states lo..hi-1 of a sector."""
        return self._rows_of(*self._bands(two_J, lo, hi))

    def _rows_of(self, parts: list[Matrix], gammas: list[Matrix]) -> Array:
        """Rows of tables over n states from (..., n, 2w + 1) bands."""
        made, at = np.empty((*parts[0].shape[:-2], self._rows, parts[0].shape[-2])), 0
        for n, (bands, kept) in enumerate(zip((parts[0], *gammas, *parts[1:]), self._kept, strict=True)):
            middle = bands.shape[-1] // 2
            if not 0 < n <= len(gammas):
                made[..., at + ENERGY, :], made[..., at + HALF_RATE, :] = (
                    bands[..., middle].real,
                    -bands[..., middle].imag,
                )
                at += BANDS
            for number, shift in enumerate(kept.shift.tolist()):
                column = bands[..., shift + middle]
                made[..., at, :] = column.real if number < kept.real else column.imag
                at += 1
        return made

    def _bands(self, two_J: int, lo: int, hi: int) -> tuple[list[Matrix], list[Matrix]]:
        """H_eff of each part, and Γ of each jump (without bands if it is no polynomial), as (hi - lo, 2w + 1) bands."""
        first, last = max(lo - self._beyond, 0), min(hi + self._beyond, two_J + 1)
        sector, inside = spin_sector(self.N, two_J, (first, last)), slice(lo - first, hi - first)
        parts, gammas = [part.steady(np.array([two_J]), sector.ups)[0] for part in self._parts], []
        of_jump = {i: p for p, part in enumerate(self._parts) for i in part.jumps}
        for i, (polynomial, square) in enumerate(zip(self._polynomials, self._squares, strict=True)):
            gamma: Matrix = np.zeros((last - first, 1), dtype=complex)
            if polynomial is not None:
                gamma, p = polynomial.bands(sector), of_jump[i]
                parts[p] = _added(parts[p], -0.5j * polynomial.rate_bands(sector, gamma, square))
            gammas.append(gamma[inside])
        for p, part in enumerate(self._parts):
            for potential in part.potentials:
                parts[p] = _added(parts[p], potential.bands(sector))
        return [bands[inside] for bands in parts], gammas

    def _found(self) -> list[_Kept]:
        """The bands of H_eff of each part, and of Γ of each jump, that are more than rounding in the largest sector.

        Elements between states of the same M grow with J, so that it has the largest ones.
        """
        n = self.N + 1
        found: list[_Kept] = []
        size = n if n <= _WHOLE else _SAMPLE
        starts = np.unique(np.linspace(0, n - size, _SAMPLES).astype(int)).tolist()
        windows = [self._bands(self.N, lo, lo + size) for lo in starts]
        for own in zip(*((*h, *gammas) for h, gammas in windows), strict=True):
            middle = own[0].shape[1] // 2
            parts = np.array([[np.abs(part).max(axis=0) for part in (one.real, one.imag)] for one in own]).max(axis=0)
            if len(found) < len(self._parts):
                parts[:, middle] = 0.0  # the diagonal of H_eff is apart
            order = np.argsort(parts, axis=None)
            most = _ROUNDING * max(float(parts.max()), float(np.abs(own[0][:, middle]).max()))
            left_out = order[: np.searchsorted(np.cumsum(parts.ravel()[order]), most, side="right")]
            kept = np.ones(parts.size, dtype=bool)
            kept[left_out] = False
            both = kept.reshape(parts.shape) | kept.reshape(parts.shape)[:, ::-1]  # they are Hermitian, or i times that
            shifts = [np.flatnonzero(row) - middle for row in both]
            found.append(_Kept(np.concatenate(shifts), len(shifts[0])))
        return found


def _pairs(kept: _Kept) -> dict[str, Any]:
    """``pairs`` and ``place`` of BandTables."""
    place, pairs = np.zeros((2, PAIRS, 2), dtype=np.int64), 0
    if np.abs(kept.shift).max(initial=0) > PAIRS:
        return {"pairs": UNKNOWN, "place": place.ravel()}
    for row, far in enumerate(kept.shift.tolist()):
        part, k = int(row >= kept.real), abs(far) - 1
        place[part, k, int(far > 0)] = BANDS + row
        pairs |= 1 << (PAIRS * part + k)
    return {"pairs": pairs, "place": place.ravel()}


def _two(rate: SpinRates) -> complex:
    """What L†L of a collective jump has between M and M + 2, but for roots."""
    return complex(np.conj(rate.matrix[1, 0]) * rate.matrix[0, 1]) if rate.casimir else 0j


def _added(first: Matrix, second: Matrix) -> Matrix:
    """The sum of two banded matrices."""
    return sum_of_bands(*sorted((first, second), key=lambda bands: bands.shape[1]))
