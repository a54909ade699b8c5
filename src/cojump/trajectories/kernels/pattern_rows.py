"""A state of one block of d >= 3 levels as rows of Gelfand-Tsetlin patterns that differ in their last entry alone.

The elements of one-body operators and of the Clebsch-Gordan matrices are closed forms (:mod:`.patterns`). Along a row
of patterns, x = m_{1,1} = q..p with p = m_{1,2} and q = m_{2,2}, each of them is a number of the row times the root of
an integer that is linear in x: so nothing is tabulated but these roots, and a sector that a state comes to first costs
nothing.

A row has cells for the x where there is something, in whole vectors that begin at multiples of eight: what rows have at
the same x stands in the same place of a vector. Roots of negative numbers are tabulated as zeros. So whatever leads out
of a row is zero by itself, and no vector is incomplete.

Each row of the Taylor series has its own ``spans`` of the cells, each within that of the row before. Beside them cells
have any numbers and are not read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import INLINED, OPTIONS
from .vectors import (
    LANES,
    behind_lanes,
    first_lanes,
    fused,
    load,
    quiet_first,
    quiet_last,
    spread,
    store,
    total,
)

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ENERGY, HALF_RATE, RATES = range(3)
"""Rows of ``facts``: diagonal of H_eff, real and minus imaginary part, and from RATES on that of the rate of each
jump of one particle."""

ROWS, CELLS, KEPT_ROWS, KEPT_CELLS = range(4)
"""What ``extent`` of rows holds."""

FIRST = LANES
"""The first cell of a row; the vector before it is zero, for what stands where a row has no cells."""

MARGIN = 9
"""Cells beside what there is that a row is given for what comes: few states come to need more in a step."""


FAR = 2**40
"""Nothing reaches from FAR to -FAR: least and largest ends of several rows need no look at which of them are empty."""


@by_reference
class PatternTables(NamedTuple):
    """What is known of a model of one block of N particles, whatever the sector.

    Attributes
    ----------
    levels, radix : int
        d; N + 1, the base of the keys of rows.
    rise, fall, ones : int
        Where sqrt(0) and ones begin in ``roots``: sqrt(n) is ``roots[rise + n]`` and ``roots[fall - n]``.
    roots : flat
        sqrt(n) for n = -8..N + 16, 0 for those below 0, then the same backwards, then ones.
    h_re, h_im : (d, d)
        One-body matrix of H_eff, its diagonal aside.
    planes : (3, 3) int
        For a < b of these levels: which of the measured matrices is |a><b| + |b><a|, and of (b, a) which is
        i (|b><a| - |a><b|), or -1.
    hops : (d, d) int
        For a < b: 1 where |a><b| is in H_eff, in the rate of any jump, or in what is measured.
    facts : (2 + L, states)
        By occupation numbers, n_0 growing fastest while n_2, n_3, .. stay; of each of these a multiple of eight.
    gamma : (L, states)
        Γ, or that of the others where the particle is left out.
    start : (2, (N + 1)^(d - 2))
        Where the states with given n_2, n_3, .. begin, for N and for N - 1 particles.
    excluded : (L,) int
    j_re, j_im : (L, d, d)
    leaves, enters : (L, d) int
        1 for the levels that j acts on, and that it leads to.
    operators_re, operators_im : (V, d, d)
        One-body matrices that are measured.
    reach : (d, d)
        1 where any of them has an element beside the diagonal.
    """

    levels: int
    radix: int
    rise: int
    fall: int
    ones: int
    roots: Floats
    h_re: Floats
    h_im: Floats
    planes: Integers
    hops: Integers
    facts: Floats
    gamma: Floats
    start: Integers
    excluded: Integers
    j_re: Floats
    j_im: Floats
    leaves: Integers
    enters: Integers
    operators_re: Floats
    operators_im: Floats
    reach: Floats


@by_reference
class Rows(NamedTuple):
    """Some rows of patterns of one diagram, in the order in which they were found.

    There is room for R rows and one more that is always empty: it stands where a row has none beside it.

    Attributes
    ----------
    missing : int
        1 where one of the particles has been taken out.
    extent : (4,)
        Rows; one past their last cell; of both how many belong to the state of a step's beginning.
    diagram : (d,)
    entry : (d (d + 1)/2, R)
        Entries of the patterns of a row, that of m_{1,1} aside, which is not used; see :mod:`.patterns`.
    key, home : (R,)
        A number for each row, and its place in ``found``.
    found : (F,)
        One more than the number of a row, or 0.
    base, left, right : (R,)
        There are cells for x = left..right, that of x is base + x.
    settled : (3, R)
        The same at a step's beginning.
    fact : (R,)
        Column of the tables over occupation numbers of x = 0.
    spans : (K, R, 2)
        x from where to where there is something, in whole vectors, of each of K planes or Taylor vectors.
    start, low, high, first, last : (R, 2), (R,), ...
        Where there is something at a step's beginning; what of a Taylor vector is large enough to be carried on; and
        what comes of it. Both of these from FAR to -FAR where that is nothing.
    spread : (R,)
        1 where the rows are there that operators lead to from this one.
    norm2 : (1,)
        Squared norm of a state that waits.
    re, im : (A, cells)
        A amplitudes of each pattern.
    """

    missing: int
    extent: Integers
    diagram: Integers
    entry: Integers
    key: Integers
    home: Integers
    found: NDArray[np.int32]
    base: Integers
    left: Integers
    right: Integers
    settled: Integers
    fact: Integers
    spans: Integers
    start: Integers
    low: Integers
    high: Integers
    first: Integers
    last: Integers
    spread: NDArray[np.int8]
    norm2: Floats
    re: Floats
    im: Floats


@njit(**OPTIONS)
def empty(rows):
    """No rows."""
    drop_rows(rows, np.int64(0), np.int64(FIRST))


@njit(**OPTIONS)
def drop_rows(rows, kept, cells):
    """Only the first ``kept`` rows, which take what is before ``cells``."""
    for r in range(kept, rows.extent[ROWS]):
        rows.found[rows.home[r]] = 0
    rows.extent[ROWS], rows.extent[CELLS] = kept, cells


@njit(**OPTIONS)
def place_of(found, keys, key):
    """The place in ``found`` of the row with a key, or where it would be."""
    at = key if key < found.size else key % found.size
    while found[at] > 0 and keys[found[at] - 1] != key:
        at = at + 1 if at + 1 < found.size else 0
    return at


@njit(**INLINED)
def copied_row(rows, entry, column, at, key, end):
    """The number of a new row with a key, whose place is ``at``, and with entries before ``end`` of a column."""
    r = rows.extent[ROWS]
    rows.extent[ROWS] = r + 1
    rows.found[at] = r + 1
    rows.key[r], rows.home[r] = key, at
    for k in range(1, end):
        rows.entry[k, r] = entry[k, column]
    return r


@njit(**INLINED)
def begin_row(rows, tables, r):
    """Let a row whose entries below the diagram are known have no cells."""
    entry, at, step, below = rows.entry, 0, 1, rows.entry[1, r] + rows.entry[2, r]
    for n in range(3, tables.levels + 1):
        total_above = 0
        for k in range(n):
            total_above += entry[n * (n - 1) // 2 + k, r] if n < tables.levels else rows.diagram[k]
        at += step * (total_above - below)
        step *= tables.radix
        below = total_above
    rows.fact[r] = tables.start[rows.missing, at]
    rows.base[r] = rows.left[r] = rows.right[r] = 0
    rows.low[r] = rows.first[r] = FAR
    rows.high[r] = rows.last[r] = -FAR
    rows.start[r, 0] = rows.start[r, 1] = 0
    rows.spans[0, r, 0] = rows.spans[0, r, 1] = 0
    rows.spread[r] = 0


@njit(**INLINED)
def add_row(rows, tables, entry, column):
    """The number of the row with the entries in a column of ``entry``, made where it is not there, without cells."""
    d, key = tables.levels, 0
    for k in range(1, d * (d - 1) // 2):
        key = key * tables.radix + entry[k, column]
    at = place_of(rows.found, rows.key, key)
    if rows.found[at] > 0:
        return np.int64(rows.found[at] - 1)
    r = copied_row(rows, entry, column, at, key, entry.shape[0])
    begin_row(rows, tables, r)
    return r


@njit(**OPTIONS)
def is_new(rows, r):
    """There is nothing of a row in any Taylor vector so far."""
    for k in range(1, rows.spans.shape[0]):
        rows.spans[k, r, 0] = rows.spans[k, r, 1] = 0


@njit(**OPTIONS)
def widen(rows, r, a, b):
    """Let first..last of a row have a..b, as far as there are patterns."""
    a, b = max(a, rows.entry[2, r]), min(b, rows.entry[1, r] + 1)
    if a < b:
        rows.first[r], rows.last[r] = min(a, rows.first[r]), max(b, rows.last[r])


@njit(**OPTIONS)
def diagonal_along(rows, levels, x, r):
    """Σ_a x_aa n_a at x = 0 of a row, and by how much it grows with x."""
    below = rows.entry[1, r] + rows.entry[2, r]
    constant = x[1, 1] * below
    for n in range(3, levels + 1):
        above = 0
        for k in range(n):
            above += rows.entry[n * (n - 1) // 2 + k, r]
        constant += x[n - 1, n - 1] * (above - below)
        below = above
    return constant, x[0, 0] - x[1, 1]


@njit(**OPTIONS)
def place(rows, r, a, b):
    """Give a row cells for x = a..b, in whole vectors; what is in them is not looked at."""
    a, b, cell = a // LANES * LANES, (b + LANES - 1) // LANES * LANES, rows.extent[CELLS]
    rows.base[r], rows.left[r], rows.right[r] = cell - a, a, b
    rows.extent[CELLS] = cell + b - a


@njit(**OPTIONS)
def clear(re, im, a, b):
    """Zero whole vectors."""
    zero = spread(0.0)
    for p in range(a, b, LANES):
        store(re, p, LANES, zero)
        store(im, p, LANES, zero)


@njit(**OPTIONS)
def copy_cells(re, im, a, n, to_re, to_im, to):
    """Copy whole vectors, n cells."""
    for p in range(0, n, LANES):
        store(to_re, to + p, LANES, load(re, a + p, LANES))
        store(to_im, to + p, LANES, load(im, a + p, LANES))


@njit(inline="always", **OPTIONS)
def take_ends(rows, r, low, high):
    """Let the state have what is in low..high of a row, beside which there are zeros in the same vectors."""
    rows.low[r], rows.high[r] = low, high
    rows.spans[0, r, 0], rows.spans[0, r, 1] = low // LANES * LANES, (high + LANES - 1) // LANES * LANES


@njit(**OPTIONS)
def restored(rows, rows_re, rows_im):
    """Put the rows of a step's beginning where they were then, and drop all others."""
    re, im = rows_re[0], rows_im[0]
    for r in range(rows.extent[KEPT_ROWS]):
        base, left, right = rows.settled[0, r], rows.settled[1, r], rows.settled[2, r]
        if rows.base[r] != base:
            copy_cells(re, im, rows.base[r] + left, right - left, re, im, base + left)
            rows.base[r], rows.left[r], rows.right[r] = base, left, right
        take_ends(rows, r, rows.start[r, 0], rows.start[r, 1])
        rows.spread[r] = 0
    drop_rows(rows, rows.extent[KEPT_ROWS], rows.extent[KEPT_CELLS])


@njit(**OPTIONS)
def place_again(rows, rows_re, rows_im, order, r, a, b):
    """Give a row other cells for x = a..b: for all of its patterns where it has had some, with what is in these."""
    left, right, base, q, p = rows.left[r], rows.right[r], rows.base[r], rows.entry[2, r], rows.entry[1, r]
    if left >= right:
        place(rows, r, max(a - MARGIN, q), min(b + MARGIN, p + 1))
        return
    place(rows, r, q, p + 1)
    for k in range(order + 1):
        re, im = rows_re[k], rows_im[k]
        copy_cells(re, im, base + left, right - left, re, im, rows.base[r] + left)


@njit(**OPTIONS)
def fill_beside(rows, rows_re, rows_im, order, r, a, b):
    """Let the spans of a row have a..b up to ``order``, with zeros where they had none of it."""
    spans, base, k = rows.spans, rows.base[r], order
    while k >= 0 and (a < spans[k, r, 0] or spans[k, r, 1] < b):
        re, im, low, high = rows_re[k], rows_im[k], spans[k, r, 0], spans[k, r, 1]
        if low >= high:
            low = high = b
        clear(re, im, base + a, base + low)
        clear(re, im, base + high, base + b)
        spans[k, r, 0], spans[k, r, 1] = min(a, low), max(b, high)
        k -= 1


@njit(inline="always", **OPTIONS)
def cell_of(base, a, b, x):
    """Where the vector at x of a row is that has a..b, or the vector of zeros."""
    return base + x if np.uint64(x - a) < np.uint64(b - a) else 0


@njit(**INLINED)
def loud_ends(re, im, base, a, b, least, gone):
    """From where to where vectors a..b of a row have weights above ``least``, or FAR and -FAR; ``gone``, and what the
    cells beside weigh.
    """
    n = LANES
    w = spread(0.0)
    while a < b:
        u, v = load(re, base + a, LANES), load(im, base + a, LANES)
        w = fused(u, u, v * v)
        n = quiet_first(w, least)
        if n < LANES:
            break
        gone = gone + w
        a += LANES
    if a >= b:
        return FAR, -FAR, gone
    gone, low = gone + first_lanes(w, n), a + n
    while True:
        b -= LANES
        u, v = load(re, base + b, LANES), load(im, base + b, LANES)
        w = fused(u, u, v * v)
        n = LANES - quiet_last(w, least)
        if n > 0:
            break
        gone = gone + w
    return low, b + n, gone + behind_lanes(w, n)


@njit(**INLINED)
def clear_lanes(re, im, base, low, high):
    """Zero what the first and the last vector of low..high have beside it."""
    a, b = low // LANES * LANES, (high - 1) // LANES * LANES
    store(re, base + a, LANES, behind_lanes(load(re, base + a, LANES), low - a))
    store(im, base + a, LANES, behind_lanes(load(im, base + a, LANES), low - a))
    store(re, base + b, LANES, first_lanes(load(re, base + b, LANES), high - b))
    store(im, base + b, LANES, first_lanes(load(im, base + b, LANES), high - b))


@njit(**OPTIONS)
def narrow(rows, r, re, im, a, b, least):
    """Let low..high of a row be what of a..b is left when weights up to ``least`` are taken off at both ends."""
    a, b = a // LANES * LANES, (b + LANES - 1) // LANES * LANES
    rows.low[r], rows.high[r], _ = loud_ends(re, im, rows.base[r], a, b, least, spread(0.0))


@njit(**INLINED)
def trim(rows, k, re, im, least):
    """Zero weights up to ``least`` at both ends of row k of the series, and let low..high be the rest; their sum."""
    spans, gone = rows.spans[k], spread(0.0)
    for r in range(rows.extent[ROWS]):
        base = rows.base[r]
        low, high, gone = loud_ends(re, im, base, spans[r, 0], spans[r, 1], least, gone)
        rows.low[r], rows.high[r] = low, high
        if low >= high:
            spans[r, 0] = spans[r, 1] = 0
            continue
        clear_lanes(re, im, base, low, high)
        spans[r, 0], spans[r, 1] = low // LANES * LANES, (high + LANES - 1) // LANES * LANES
    return total(gone)


@njit(**OPTIONS)
def narrow_all(rows, re, im, least):
    """The same of the first of all spans of all rows."""
    for r in range(rows.extent[ROWS]):
        narrow(rows, r, re, im, rows.spans[0, r, 0], rows.spans[0, r, 1], least)


@njit(**OPTIONS)
def weight_of(rows, spans, re, im):
    """Squared norm of what there is in the ``spans`` of all rows, (R, 2)."""
    square_re = square_im = spread(0.0)
    for r in range(rows.extent[ROWS]):
        base = rows.base[r]
        for x in range(spans[r, 0], spans[r, 1], LANES):
            u, v = load(re, base + x, LANES), load(im, base + x, LANES)
            square_re, square_im = fused(u, u, square_re), fused(v, v, square_im)
    return total(square_re + square_im)


@njit(**INLINED)
def times_function(rows, r, function, re, im, a, b, to_re, to_im):
    """Write a..b of a row times a function of the occupation numbers, in whole vectors."""
    base, fact = rows.base[r], rows.fact[r]
    for x in range(a, b, LANES):
        g = load(function, fact + x, LANES)
        store(to_re, base + x, LANES, load(re, base + x, LANES) * g)
        store(to_im, base + x, LANES, load(im, base + x, LANES) * g)
