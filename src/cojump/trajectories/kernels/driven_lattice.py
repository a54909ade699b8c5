"""Several blocks of two levels whose terms change in time: H_eff of each part in one box, and what it is multiplied by.

H_eff(t) = Σ_p c_p(t) H_p, as for one block (:mod:`.driven_bands`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS
from .driven_bands import Factors
from .lattice import ABSENT, FIRST_COLUMN, FIRST_ROW, LAST_COLUMN, LAST_ROW, LOUD, Box, Elements, Lattice, LatticeHeff
from .lattice_windows import blank, weigh_row
from .vectors import LANES, fused, load, load_row, spread, spread_cell, store, total


@by_reference
class PartRows(NamedTuple):
    """A sum of rows of the series and what a part makes of it, as rows 0 and 1 of a series of their own.

    Attributes
    ----------
    kinds : (P,)
        What each part has: HOPS and others of :mod:`.driven_columns`.
    re, im : (P, 2 or MAX_ORDER + 1, cells)
        Of each part; or what it makes of each row.
    windows, kept, made
        As in :class:`cojump.trajectories.kernels.lattice.RowsWork`, along the same axes.
    weights, columns : (R,), (length,)
        |.|² of rows of the sum, and of columns at their ends.
    sizes : (P,)
        Squared norms of the sums.
    wide : (4,)
        The window of what is kept of all of them.
    one : (1,)
        The coefficient 1 of a sum of one row.
    """

    kinds: NDArray[np.int64]
    re: NDArray[np.float64]
    im: NDArray[np.float64]
    windows: NDArray[np.int64]
    kept: NDArray[np.int64]
    made: NDArray[np.uint8]
    weights: NDArray[np.float64]
    columns: NDArray[np.float64]
    sizes: NDArray[np.float64]
    wide: NDArray[np.int64]
    one: NDArray[np.float64]


@by_reference
class DrivenLatticeHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps : bool
    lattice : Lattice
        The whole model with all factors 1, for its jumps.
    box : Box
    elements : Elements
        Those of the first part: what all parts have in common is read here.
    place : (B,)
    lattices, parts : Lattice, Elements
        Of P parts, along a first axis of every array. They have the hops of all of them, some of which are zero.
    two_J : (B,)
        The sector before.
    rows : PartRows
    factors : Factors
    """

    has_jumps: bool
    lattice: Lattice
    box: Box
    elements: Elements
    place: NDArray[np.int64]
    lattices: Lattice
    parts: Elements
    two_J: NDArray[np.int64]
    rows: PartRows
    factors: Factors


@njit(inline="always", **OPTIONS)
def part_of(h_eff, p):
    """H_eff of one part."""
    t, e = h_eff.lattices, h_eff.parts
    lattice = Lattice(
        t.sizes[p], t.one[p], t.inside_axis[p], t.inside[p], t.across_axes[p], t.across[p], t.band[p], t.kind[p],
        t.axis[p], t.strength[p], t.j[p], t.excluded[p], t.gamma[p], t.gamma_start[p], t.gamma_stride[p], t.y[p],
        t.mixed[p], t.energy[p], t.energy_start[p], t.energy_stride[p], t.plane, t.whole[p],
    )  # fmt: skip
    elements = Elements(
        e.c[p], e.own[p], e.sides[p], e.row[p], e.hops[p], e.hop[p], e.cross[p], e.outers[p], e.outer[p], e.opens[p],
        e.diagonal[p], e.mixed[p], e.plane[p], e.weights[p], e.columns[p],
    )  # fmt: skip
    return LatticeHeff(h_eff.has_jumps, lattice, h_eff.box, elements, h_eff.place)


@njit(inline="always", **OPTIONS)
def _back_one(rows_re, rows_im, order, coefficients, least, terms, p, n, to_re, to_im, square):
    """What :func:`sum_rows_back` does for n cells from p on, at most LANES; |.|² of them is added to the square."""
    a = b = spread(0.0)
    for j in range(least, terms):
        c = spread_cell(coefficients, j)
        a = fused(c, load_row(rows_re, order - j, p, n), a)
        b = fused(c, load_row(rows_im, order - j, p, n), b)
    store(to_re, p, n, a)
    store(to_im, p, n, b)
    return fused(a, a, fused(b, b, square))


@njit(inline="always", **OPTIONS)
def _back_four(rows_re, rows_im, order, coefficients, least, terms, o, to_re, to_im, square):
    """The same for four vectors, none of which waits for another."""
    p, q, r = o + LANES, o + 2 * LANES, o + 3 * LANES
    a = b = c = d = e = f = g = h = spread(0.0)
    for j in range(least, terms):
        x, k = spread_cell(coefficients, j), order - j
        a, b = fused(x, load_row(rows_re, k, o, LANES), a), fused(x, load_row(rows_im, k, o, LANES), b)
        c, d = fused(x, load_row(rows_re, k, p, LANES), c), fused(x, load_row(rows_im, k, p, LANES), d)
        e, f = fused(x, load_row(rows_re, k, q, LANES), e), fused(x, load_row(rows_im, k, q, LANES), f)
        g, h = fused(x, load_row(rows_re, k, r, LANES), g), fused(x, load_row(rows_im, k, r, LANES), h)
    store(to_re, o, LANES, a)
    store(to_im, o, LANES, b)
    store(to_re, p, LANES, c)
    store(to_im, p, LANES, d)
    store(to_re, q, LANES, e)
    store(to_im, q, LANES, f)
    store(to_re, r, LANES, g)
    store(to_im, r, LANES, h)
    square = fused(a, a, fused(b, b, fused(c, c, fused(d, d, square))))
    return fused(e, e, fused(f, f, fused(g, g, fused(h, h, square))))


@njit(**OPTIONS)
def sum_rows_back(rows_re, rows_im, order, windows, made, coefficients, terms, lo, length, to_re, to_im, weights):
    """Σ_j c_j (row order - j), j < terms, in the window of that row; its squared norm, and |.|² of its rows.

    What is in none of them is zero.
    """
    own, whole = windows[order], 0.0
    for row in range(own[FIRST_ROW], own[LAST_ROW]):
        start, least, square = lo + row * length, np.int64(0), spread(0.0)
        while least < terms and made[order - least, row] == ABSENT:
            least += 1
        p, last = start + own[FIRST_COLUMN], start + own[LAST_COLUMN]
        while last - p >= 4 * LANES:
            square = _back_four(rows_re, rows_im, order, coefficients, least, terms, p, to_re, to_im, square)
            p += 4 * LANES
        while p < last:
            square = _back_one(rows_re, rows_im, order, coefficients, least, terms, p, last - p, to_re, to_im, square)
            p += LANES
        weights[row] = total(square)
        whole += weights[row]
    return whole


@njit(**OPTIONS)
def add_rows(re, im, made, window, scale, lo, length, to_re, to_im, to_made, weights):
    """Add ``scale`` times what a part has made to a row of the series; ``weights``: |.|² of the rows of the sum."""
    factor = spread(scale)
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        if made[row] == ABSENT:
            continue
        start, adds, square = lo + row * length, to_made[row] != ABSENT, spread(0.0)
        last = start + window[LAST_COLUMN]
        for p in range(start + window[FIRST_COLUMN], last, LANES):
            n = last - p
            a, b = factor * load(re, p, n), factor * load(im, p, n)
            if adds:
                a, b = load(to_re, p, n) + a, load(to_im, p, n) + b
            store(to_re, p, n, a)
            store(to_im, p, n, b)
            square = fused(a, a, fused(b, b, square))
        weights[row], to_made[row] = total(square), made[row]


@njit(**OPTIONS)
def add_level(
    re, im, own, made, lo, length, level_re, level_im, base_re, base_im, more_re, more_im, shift, half_shift, scale,
    window, to_re, to_im, to_made, weights,
):  # fmt: skip
    """Add -i scale (H_p - shift + i half_shift) times a row, of a part that is diagonal, to another one.

    The diagonal is that of columns and of rows, and what each cell has beside. Returns |.|² of what is added, without
    ``scale``; ``weights`` as in :func:`add_rows`.
    """
    first, last = max(window[FIRST_COLUMN], own[FIRST_COLUMN]), min(window[LAST_COLUMN], own[LAST_COLUMN])
    is_whole = first == window[FIRST_COLUMN] and last == window[LAST_COLUMN]
    factor, back, size = spread(scale), spread(-scale), spread(0.0)
    for row in range(max(window[FIRST_ROW], own[FIRST_ROW]), min(window[LAST_ROW], own[LAST_ROW])):
        if made[row] == ABSENT:
            continue
        start, square = lo + row * length, spread(0.0)
        begin, stop = start + window[FIRST_COLUMN], start + window[LAST_COLUMN]
        if to_made[row] == ABSENT:
            blank(to_re, to_im, begin, stop)
        base_energy, base_gain = spread(base_re[row] - shift), spread(base_im[row] + half_shift)
        for q in range(first, last, LANES):
            p, n = start + q, last - q
            energy = load(level_re, q, n) + base_energy + load(more_re, row * length + q, n)
            gain = load(level_im, q, n) + base_gain + load(more_im, row * length + q, n)
            x, y = load(re, p, n), load(im, p, n)
            a, b = fused(energy, x, -(gain * y)), fused(energy, y, gain * x)
            size = fused(a, a, fused(b, b, size))
            a, b = fused(factor, b, load(to_re, p, n)), fused(back, a, load(to_im, p, n))
            store(to_re, p, n, a)
            store(to_im, p, n, b)
            square = fused(a, a, fused(b, b, square))
        weights[row], to_made[row] = total(square) if is_whole else weigh_row(to_re, to_im, begin, stop - begin), LOUD
    return total(size)


@njit(**OPTIONS)
def turn_first(rows_re, rows_im, windows, made, lo, length, scale, real, imag, weights):
    """Write row 1 as ``scale`` times (it + (real + i imag) row 0); ``weights`` become |.|² of the rows of it."""
    factor, along, across, window = spread(scale), spread(real), spread(imag), windows[1]
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        weights[row] = 0.0
        if made[1, row] == ABSENT:
            continue
        start, square = lo + row * length, spread(0.0)
        last = start + window[LAST_COLUMN]
        for p in range(start + window[FIRST_COLUMN], last, LANES):
            n = last - p
            x, y = load_row(rows_re, 0, p, n), load_row(rows_im, 0, p, n)
            a = fused(along, x, fused(-across, y, load_row(rows_re, 1, p, n)))
            b = fused(along, y, fused(across, x, load_row(rows_im, 1, p, n)))
            a, b = factor * a, factor * b
            store(rows_re[1], p, n, a)
            store(rows_im[1], p, n, b)
            square = fused(a, a, fused(b, b, square))
        weights[row] = total(square)
