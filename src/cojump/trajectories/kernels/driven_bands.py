"""One block of two levels whose terms change in time: the bands of each part of H_eff, and what it is multiplied by.

H_eff(t) = Σ_p c_p(t) H_p, where every c_p is a polynomial on each piece of the time axis (:mod:`cojump.model.driven`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import overload
from numpy.typing import NDArray

from ..no_jump_tables import SpinJumps
from .common import OPTIONS
from .polynomial_bands import BANDS, BandTables, bands_times, pair_rows, pairs_times
from .vectors import LANES, fused, load, spread, store, total

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

TERMS = 17
"""Coefficients of a factor on a piece of the time axis."""


class PartBands(NamedTuple):
    """Where the P parts of H_eff are in the tables of a sector.

    Attributes
    ----------
    row : (P,)
        The row of the diagonal of each; minus its imaginary part and the bands follow.
    real, end : (P,)
        Bands up to ``real`` have real elements, those up to ``end`` imaginary ones.
    shift : (P, K)
        How far each band leads.
    pairs : (P,)
    place : (P, 4 PAIRS)
        As in :class:`cojump.trajectories.kernels.polynomial_bands.BandTables`, rows counted from ``row``.
    """

    row: Integers
    real: Integers
    end: Integers
    shift: Integers
    pairs: Integers
    place: Integers


class Factors(NamedTuple):
    """The factors c_p(t) of P parts on n pieces of the time axis, and where a trajectory is.

    Attributes
    ----------
    start, end : (n,)
        Of each piece.
    series : (n, P, TERMS)
        Coefficients of c_p in x^k, x from -1 to 1 between start and end.
    most : (n, P, TERMS)
        The largest that the coefficient of (x - x₀)^j can be, for any x₀.
    binomials : (TERMS, TERMS)
        k over j, by j and k.
    of_jump : (L,)
        The part of each jump.
    place : (1,)
        The piece that a step is in.
    clock, total : (1,)
        When it begins, and the end of all pieces.
    at_jump : (P,)
        c_p at its end.
    coefficients : (P, TERMS)
        c_p in powers of the time since then, in the unit of the rows.
    terms : (P,)
        How many of them are more than rounding; none of a part that is absent from this piece.
    energy, spread : (P,)
        <H_p> at its beginning, and the largest factor by which H_p - <H_p> has stretched a vector.
    made_re, made_im : (P + 1, cells)
        H_pψ of each part, and a sum of rows of the series.
    """

    start: Floats
    end: Floats
    series: Floats
    most: Floats
    binomials: Floats
    of_jump: Integers
    place: Integers
    clock: Floats
    total: Floats
    at_jump: Floats
    coefficients: Floats
    terms: Integers
    energy: Floats
    spread: Floats
    made_re: Floats
    made_im: Floats


class DrivenHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps, N, lead, width, tables, jumps, where
        As in :class:`cojump.trajectories.kernels.polynomial_bands.PolynomialHeff`; in ``tables``, ``reach`` of H_eff is
        that of all parts.
    parts : PartBands
    factors : Factors
    """

    has_jumps: bool
    N: int
    lead: int
    width: int
    tables: BandTables
    jumps: SpinJumps
    where: Integers
    parts: PartBands
    factors: Factors


def weigh_rates(h_eff, channel, weights):
    """Multiply the weights of the outcomes of a jump by what its rate is multiplied by at the end of the step."""
    if isinstance(h_eff, DrivenHeff):
        _times_rate(h_eff, channel, weights)


def _times_rate(h_eff, channel, weights):
    factor = max(h_eff.factors.at_jump[h_eff.factors.of_jump[channel]], 0.0)
    for k in range(4):
        weights[channel, k] *= factor


def _as_they_are(h_eff, channel, weights):
    return None


@overload(weigh_rates, jit_options=OPTIONS, inline="always")
def _choose_weights(h_eff, channel, weights):
    return _times_rate if h_eff.instance_class is DrivenHeff else _as_they_are


@njit(**OPTIONS)
def coefficient_at(series, binomials, x, j):
    """The coefficient of (x' - x)^j in a polynomial, by Horner's rule for its j-th derivative over j!."""
    made = 0.0
    for k in range(TERMS - 1, j - 1, -1):
        made = made * x + binomials[j, k] * series[k]
    return made


@njit(inline="always", **OPTIONS)
def _put(a, b, scale, adds, to_re, to_im, p, made, whole):
    """Add scale (a + ib) to eight cells, or write it there; the squares of a + ib and of the sum so far."""
    made = fused(a, a, fused(b, b, made))
    a, b = scale * a, scale * b
    if adds:
        a, b = load(to_re, p, LANES) + a, load(to_im, p, LANES) + b
    store(to_re, p, LANES, a)
    store(to_im, p, LANES, b)
    return made, fused(a, a, fused(b, b, whole))


@njit(**OPTIONS)
def add_bands(re, im, to_re, to_im, lo, hi, scale, adds, values, start, stride, far, real, end, shift, half_shift):
    """Add scale (-i)(H_p - shift + i half_shift) times a state to another one, or write it there.

    On lo..hi, whole vectors; the table of the part begins at start + lo. The state is zero beside its window. Returns
    the squared norms of what is added, without ``scale``, and of the sum.
    """
    scales, shifts, half_shifts = spread(scale), spread(shift), spread(half_shift)
    made = whole = spread(0.0)
    for p in range(lo, hi, LANES):
        at = start + p
        energy, gain = load(values, at, LANES) - shifts, half_shifts - load(values, at + stride, LANES)
        x, y = load(re, p, LANES), load(im, p, LANES)
        h_re, h_im = fused(energy, x, -(gain * y)), fused(energy, y, gain * x)
        h_re, h_im = bands_times(
            values, at + BANDS * stride, stride, far, np.int64(0), real, end, re, im, p, h_re, h_im
        )
        made, whole = _put(h_im, -h_re, scales, adds, to_re, to_im, p, made, whole)
    return total(made), total(whole)


@njit(**OPTIONS)
def add_pairs(re, im, to_re, to_im, lo, hi, scale, adds, values, start, stride, pairs, place, shift, half_shift):
    """As add_bands where all bands are among PAIRS: neighbours come from registers. Nothing beside lo..hi is read."""
    scales, shifts, half_shifts = spread(scale), spread(shift), spread(half_shift)
    rows = pair_rows(start, stride, place)
    made = whole = last_re = last_im = spread(0.0)
    here_re, here_im = load(re, lo, LANES), load(im, lo, LANES)
    for p in range(lo, hi, LANES):
        n = hi - p - LANES
        next_re, next_im = load(re, p + LANES, n), load(im, p + LANES, n)
        energy = load(values, start + p, LANES) - shifts
        gain = half_shifts - load(values, start + stride + p, LANES)
        real, imaginary = (energy * here_re, energy * here_im), (gain * here_re, gain * here_im)
        around = (last_re, last_im), (here_re, here_im), (next_re, next_im)
        real, imaginary = pairs_times(values, p, pairs, rows, around[0], around[1], around[2], real, imaginary)
        made, whole = _put(real[1] + imaginary[0], imaginary[1] - real[0], scales, adds, to_re, to_im, p, made, whole)
        last_re, last_im, here_re, here_im = here_re, here_im, next_re, next_im
    return total(made), total(whole)


@njit(inline="always", **OPTIONS)
def add_part(parts, p, values, start, stride, re, im, to_re, to_im, lo, hi, scale, adds, shift, half_shift):
    """What add_bands does with part p, by add_pairs where its bands allow it; the tables begin at start + lo."""
    first = start + parts.row[p] * stride
    if parts.pairs[p] >= 0:
        made, whole = add_pairs(
            re, im, to_re, to_im, lo, hi, scale, adds, values, first, stride,
            parts.pairs[p], parts.place[p], shift, half_shift,
        )  # fmt: skip
    else:
        made, whole = add_bands(
            re, im, to_re, to_im, lo, hi, scale, adds, values, first, stride,
            parts.shift[p], parts.real[p], parts.end[p], shift, half_shift,
        )  # fmt: skip
    return made, whole


@njit(**OPTIONS)
def add_shifted(re, im, at_re, at_im, to_re, to_im, lo, hi, scale, adds, energy, half_shift):
    """The same of a state whose product -i H_p ψ is there already, in ``re`` and ``im``; ψ is in ``at``."""
    scales, energies, half_shifts = spread(scale), spread(energy), spread(half_shift)
    made = whole = spread(0.0)
    for p in range(lo, hi, LANES):
        x, y = load(at_re, p, LANES), load(at_im, p, LANES)
        a = fused(half_shifts, x, fused(-energies, y, load(re, p, LANES)))
        b = fused(half_shifts, y, fused(energies, x, load(im, p, LANES)))
        made, whole = _put(a, b, scales, adds, to_re, to_im, p, made, whole)
    return total(made), total(whole)


@njit(**OPTIONS)
def sum_back(rows_re, rows_im, order, coefficients, terms, lo, hi, to_re, to_im):
    """Σ_j c_j (row order - j), j < terms; its squared norm."""
    square = spread(0.0)
    for p in range(lo, hi, LANES):
        a = b = spread(0.0)
        for j in range(terms):
            c = spread(coefficients[j])
            a = fused(c, load(rows_re[order - j], p, LANES), a)
            b = fused(c, load(rows_im[order - j], p, LANES), b)
        store(to_re, p, LANES, a)
        store(to_im, p, LANES, b)
        square = fused(a, a, fused(b, b, square))
    return total(square)


@njit(**OPTIONS)
def overlap_with(re, im, to_re, to_im, lo, hi):
    """<ψ|φ> of two states, as real and imaginary part."""
    along = across = spread(0.0)
    for p in range(lo, hi, LANES):
        a, b = load(re, p, LANES), load(im, p, LANES)
        c, d = load(to_re, p, LANES), load(to_im, p, LANES)
        along = fused(a, c, fused(b, d, along))
        across = fused(a, d, fused(-b, c, across))
    return total(along), total(across)
