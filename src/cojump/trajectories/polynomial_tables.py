"""Bands of H_eff and of Γ of one block of two levels whose arguments do not commute, made sector by sector.

All that is diagonal or leads one or two steps along M is a table over the number of particles up times roots that know
J, as for a single axis (:mod:`.spin_tables`). What a polynomial of Δ makes is worked out in a window of a sector, when
a state comes there first: an element is the same to the last bit in whatever window it is made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..basis.spin_sector import SpinSector, spin_sector
from ..model import LocalJump
from ..tools.types import Array, Matrix
from .kernels.common import PAD
from .kernels.polynomial_bands import BANDS, PAIRS, UNKNOWN, BandTables
from .kernels.vectors import LANES
from .polynomial_rates import PolynomialRate, sum_of_bands
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

_MARGIN = 4
"""Times that H_eff may lead on from a window for which tables are made, beyond what is asked for."""


class _Kept(NamedTuple):
    """Bands that are more than rounding: how far they lead, those with real elements first, and how many these are."""

    shift: NDArray[np.int64]
    real: int


class PolynomialTables:
    """Tables of the sectors of a block.

    Parameters
    ----------
    basis : ProductBasis
        Of one block of two levels, whose functions are diagonal in its main frame or polynomials of Δ.

    Attributes
    ----------
    lead : int
        How far H_eff, or a Γ, leads at most.
    width : int
        The same in whole vectors.
    """

    def __init__(self, basis: ProductBasis) -> None:
        model, (rotation,) = basis.model, basis.rotations
        self.N = N = model.size
        hamiltonian = hamiltonian_of(model, rotation)
        rates: list[SpinRates] = []
        self._polynomials: list[PolynomialRate | None] = []
        self._potentials = [p.polynomial for p in basis.potentials if p.polynomial is not None]
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
        constant = [rate for rate, p in zip(rates, self._polynomials, strict=True) if p is None]
        M = np.arange(N + 1) - N / 2
        energy = hamiltonian.diagonal[1] * M + hamiltonian.diagonal[2] * M**2
        self._energy = energy + sum((p.energy for p in basis.potentials if p.is_table), np.zeros(N + 1))
        self._half_rate = 0.5 * sum((r.diagonal for r in constant), np.zeros(N + 1))
        self._casimir = 0.5 * sum(r.casimir for r in constant)
        up, up_rate = hamiltonian.up[0] + hamiltonian.up[1] * M, sum((r.up for r in constant), np.zeros(N + 1))
        two_rate = sum((_two(r) for r in constant), 0j)
        self._up, self._down = up - 0.5j * up_rate, up.conj() - 0.5j * np.conj(up_rate)
        self._two = hamiltonian.two - 0.5j * two_rate, np.conj(hamiltonian.two) - 0.5j * np.conj(two_rate)
        used = [p for p in (*self._polynomials, *self._potentials) if p is not None]
        self._beyond = 2 * max((p.degree for p in used), default=0) + 4
        self._kept = self._found()
        self.lead = max(PAD, *(int(np.abs(kept.shift).max(initial=0)) for kept in self._kept))
        self.width = -(-self.lead // LANES) * LANES
        ends = np.cumsum([0, *(len(kept.shift) for kept in self._kept)])
        self._rows = 2 + int(ends[-1])
        own = [*self._kept[1:], self._kept[0]]  # those of H_eff are written first and named last
        begins = np.array([*ends[1:-1], 0], dtype=np.int64)
        self._tables = BandTables(
            start=np.full(N + 1, UNKNOWN),
            first=np.zeros(N + 1, dtype=np.int64),
            cells=np.zeros(N + 1, dtype=np.int64),
            values=np.empty(0),
            shift=np.concatenate([kept.shift for kept in self._kept]),
            begin=begins,
            real=begins + np.array([kept.real for kept in own], dtype=np.int64),
            end=begins + np.array([len(kept.shift) for kept in own], dtype=np.int64),
            reach=np.array([np.abs(kept.shift).max(initial=0) for kept in own], dtype=np.int64),
            **_pairs(self._kept[0]),
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
        i0, margin = (self.N - two_J) // 2, (reach + 1 + _MARGIN) * self.lead + LANES
        lo, hi = lo - margin, hi + margin
        if t.start[two_J] != UNKNOWN:  # a state has come from its edge
            known = int(t.first[two_J]) - self.width
            lo, hi = min(lo, known), max(hi, known + int(t.cells[two_J]))
        # whole vectors: what is beyond the sector is zero
        first, end = (lo + self.width) // LANES * LANES, -(-(hi + self.width) // LANES) * LANES
        first, end = (
            max(first, (i0 + self.width) // LANES * LANES),
            min(end, -(-(i0 + two_J + 1 + self.width) // LANES) * LANES),
        )
        lo, hi = max(first - self.width - i0, 0), min(end - self.width - i0, two_J + 1)
        before = i0 + lo + self.width - first
        made = np.pad(self._values(two_J, lo, hi), ((0, 0), (before, end - first - before - (hi - lo))))
        if self._used + made.size > t.values.size:
            longer = aligned(max(2 * t.values.size, self._used + 4 * made.size))
            longer[: self._used] = t.values[: self._used]
            self._tables = t = t._replace(values=longer)
        t.values[self._used : self._used + made.size] = made.ravel()
        t.start[two_J], t.first[two_J], t.cells[two_J] = self._used, first, end - first
        self._used += made.size

    def _values(self, two_J: int, lo: int, hi: int) -> Array:
        """Rows of a table over the states lo..hi-1 of a sector."""
        h, gammas = self._bands(two_J, lo, hi)
        made = np.empty((self._rows, hi - lo))
        middle = h.shape[1] // 2
        made[0], made[1], at = h[:, middle].real, -h[:, middle].imag, 2
        for bands, kept in zip((h, *gammas), self._kept, strict=True):
            columns = bands.T[kept.shift + bands.shape[1] // 2]
            made[at : at + kept.real] = columns[: kept.real].real
            made[at + kept.real : at + len(kept.shift)] = columns[kept.real :].imag
            at += len(kept.shift)
        return made

    def _bands(self, two_J: int, lo: int, hi: int) -> tuple[Matrix, list[Matrix]]:
        """H_eff, and Γ of each jump (without bands if it is no polynomial), as (hi - lo, 2w + 1) bands."""
        first, last = max(lo - self._beyond, 0), min(hi + self._beyond, two_J + 1)
        sector, inside = spin_sector(self.N, two_J, (first, last)), slice(lo - first, hi - first)
        h, gammas = self._constant(sector), []
        for polynomial, square in zip(self._polynomials, self._squares, strict=True):
            gamma: Matrix = np.zeros((last - first, 1), dtype=complex)
            if polynomial is not None:
                gamma = polynomial.bands(sector)
                h = _added(h, -0.5j * polynomial.rate_bands(sector, gamma, square))
            gammas.append(gamma[inside])
        for polynomial in self._potentials:
            h = _added(h, polynomial.bands(sector))
        return h[inside], gammas

    def _constant(self, sector: SpinSector) -> Matrix:
        """What leads at most two steps along M."""
        J, inside = sector.two_J / 2, slice(sector.first, sector.first + sector.dim)
        M = sector.ups - self.N / 2
        c = np.sqrt(np.maximum((J - M) * (J + M + 1), 0.0))  # <M+1|J_+|M>
        bands = np.zeros((sector.dim, 5), dtype=complex)
        bands[:, 2] = self._energy[inside] - 1j * (self._half_rate[inside] + self._casimir * J * (J + 1))
        bands[1:, 1], bands[:-1, 3] = (self._up[inside] * c)[:-1], (self._down[inside] * c)[:-1]
        bands[2:, 0], bands[:-2, 4] = self._two[0] * c[:-2] * c[1:-1], self._two[1] * c[:-2] * c[1:-1]
        return bands

    def _found(self) -> list[_Kept]:
        """The bands of H_eff, and of the Γ of each jump, that are more than rounding in the largest sector.

        Elements between states of the same M grow with J, so that it has the largest ones.
        """
        n = self.N + 1
        found: list[_Kept] = []
        size = n if n <= _WHOLE else _SAMPLE
        starts = np.unique(np.linspace(0, n - size, _SAMPLES).astype(int)).tolist()
        windows = [self._bands(self.N, lo, lo + size) for lo in starts]
        for own in zip(*((h, *gammas) for h, gammas in windows), strict=True):
            middle = own[0].shape[1] // 2
            parts = np.array([[np.abs(part).max(axis=0) for part in (one.real, one.imag)] for one in own]).max(axis=0)
            if not found:
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
