"""Rows of patterns between two steps, as :mod:`.counting` goes on with them: cut, measured, made to jump."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import INLINED, OPTIONS
from .horizon import LEFT_OUT
from .lattice import copy_into
from .pattern_hops import add_far
from .pattern_jump import perform_pattern_jump
from .pattern_layout import copy_rows, lay_back, lay_out
from .pattern_links import near_ways
from .pattern_products import write_generators
from .pattern_rows import (
    CELLS,
    FIRST,
    KEPT_CELLS,
    KEPT_ROWS,
    MARGIN,
    ROWS,
    add_row,
    clear,
    clear_lanes,
    copied_row,
    copy_cells,
    diagonal_along,
    empty,
    loud_ends,
    narrow_all,
    place,
    place_of,
    take_ends,
    weight_of,
)
from .sparse_state import is_cut_short, tail_of  # noqa: F401 - the same for both
from .vectors import (
    LANES,
    fused,
    load,
    load_row,
    rising,
    spread,
    store,
    total,
)

STARTS, PLACES, LENGTHS = range(3)
"""Where rows of so many vectors begin in an order of rows, that order, and how many vectors each has."""

CHUNK = 256
"""Amplitudes of which inner products are taken at once: all vectors of them stay in the cache."""

FEWER = 0.125
"""Factor by which less is taken off at the ends of rows where that would have been more than the tail."""


def first_cell(h_eff):
    """The first cell of a state."""
    return np.int64(FIRST)


def cells(h_eff):
    """Number of cells of the state that a step begins with."""
    return h_eff.rows.extent[KEPT_CELLS] - FIRST


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude, roughly."""
    return 8 * h_eff.tables.levels


@njit(**INLINED)
def _by_length(waiting, least):
    """Let low..high of a state that waits be without weights up to ``least`` at the ends, and sort its rows; how many
    have something, and the sum of these weights.

    Long rows come first: a loop over vectors then ends where the one before has ended, as the processor expects. A
    state that waits has no beginning of a step, and its ``settled`` is room for this: a sector has more rows than the
    longest of them has vectors.
    """
    settled, count, longest, gone = waiting.settled, waiting.extent[ROWS], 0, spread(0.0)
    for s in range(count):
        left, right = waiting.left[s], waiting.right[s]
        low, high, gone = loud_ends(waiting.re[0], waiting.im[0], waiting.base[s], left, right, least, gone)
        waiting.low[s], waiting.high[s] = low, high
        settled[LENGTHS, s] = (high + LANES - 1) // LANES - low // LANES if low < high else 0
        longest = max(longest, settled[LENGTHS, s])
    for n in range(longest + 1):
        settled[STARTS, n] = 0
    for s in range(count):
        settled[STARTS, settled[LENGTHS, s]] += 1
    end = 0
    for n in range(longest, -1, -1):
        end, settled[STARTS, n] = end + settled[STARTS, n], end
    many = settled[STARTS, 0]
    for s in range(count):
        n = settled[LENGTHS, s]
        settled[PLACES, settled[STARTS, n]] = s
        settled[STARTS, n] += 1
    return many, total(gone)


@njit(**OPTIONS)
def _taken_over(rows, links, waiting, least, scale, re, im):
    """Let rows be ``scale`` times those of a state that waits, without weights up to ``least`` at their ends; the sum
    of these.
    """
    factor, from_re, from_im = spread(scale), waiting.re[0], waiting.im[0]
    empty(rows)
    many, gone = _by_length(waiting, least)
    for k in range(many):
        s = waiting.settled[PLACES, k]
        here, low, high = waiting.base[s], waiting.low[s], waiting.high[s]
        at = place_of(rows.found, rows.key, waiting.key[s])
        r = copied_row(rows, waiting.entry, s, at, waiting.key[s], waiting.entry.shape[0])
        p, q = rows.entry[1, r], rows.entry[2, r]
        place(rows, r, max(low - MARGIN, q), min(high + MARGIN, p + 1))
        base = rows.base[r]
        for x in range(low // LANES * LANES, high, LANES):
            store(re, base + x, LANES, load(from_re, here + x, LANES) * factor)
            store(im, base + x, LANES, load(from_im, here + x, LANES) * factor)
        clear_lanes(re, im, base, low, high)
        rows.fact[r], rows.spread[r] = waiting.fact[s], 0
        for i in range(4):
            links.near[r, i] = links.near.shape[0] - 1
        rows.settled[0, r], rows.settled[1, r], rows.settled[2, r] = base, rows.left[r], rows.right[r]
        rows.start[r, 0], rows.start[r, 1] = low, high
        take_ends(rows, r, low, high)
    rows.extent[KEPT_ROWS], rows.extent[KEPT_CELLS] = rows.extent[ROWS], rows.extent[CELLS]
    links.made[0] = 0
    near_ways(rows, links, 0)
    return gone


def settle(h_eff, work, room, tail, reach):
    """Put the state in ``room.after`` into the rows, normalised, without its tail, which the norm counts.

    The ends of rows may have no more than ``tail`` of the squared norm.
    """
    rows, waiting = h_eff.rows, room.after
    copy_into(rows.diagram, waiting.diagram)
    norm2 = waiting.norm2[0]
    most, scale = tail * norm2, 1.0 / np.sqrt(norm2)
    least = most / max(waiting.extent[ROWS], 1)
    while True:  # NaN is not larger than anything
        gone = _taken_over(rows, h_eff.links, waiting, least, scale, work.taylor_re[0], work.taylor_im[0])
        if not gone > most:
            return True
        least *= FEWER


def set_aside(h_eff, work, re, im, room):
    """Copy a state in the rows to where the state after a jump lies."""
    narrow_all(h_eff.rows, re, im, 0.0)
    copy_rows(h_eff.rows, h_eff.tables, re, im, room.after)


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of the state in ``out`` and what operators make of it, and its sector; multiplications made."""
    rows = h_eff.rows
    _gram(h_eff, room, work.out_re, work.out_im, work.new_re, work.new_im, norm2, tolerance, grams)
    copy_into(sector, rows.diagram)
    return (order + 4 * room.vectors.shape[0]) * (rows.extent[CELLS] + 32)


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``."""
    rows = h_eff.rows
    narrow_all(rows, work.out_re, work.out_im, (LEFT_OUT * tolerance) ** 2 * norm2 / rows.extent[CELLS])
    return perform_pattern_jump(h_eff, room, work.out_re, work.out_im, work.new_re, work.new_im, u)


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    copy_into(sector, room.after.diagram)


@njit(**OPTIONS)
def _fill_vectors(rows, links, tables, room, psi_re, psi_im, start, stop, back, end):
    """Write what rows start..stop have of a state and of what the operators make of it into ``room.vectors``.

    Cells of the state are there from FIRST to ``end``, ``back`` cells nearer to the beginning. Of three levels what
    diagonal operators make of it is not written: see add_moments.
    """
    d, here, planes = tables.levels, room.here, tables.planes
    many_re, many_im = room.vectors[1:], room.vectors_im[1:]
    copy_cells(psi_re, psi_im, FIRST + back, end - FIRST, room.vectors[0], room.vectors_im[0], FIRST)
    write_generators(rows, links, tables, psi_re, psi_im, here, many_re, many_im, start, stop, back)
    if d == 3:
        return
    for v in range(many_re.shape[0]):
        is_written = False
        for a in range(3):
            for b in range(3):
                is_written |= planes[a, b] == v
        if not is_written:
            clear(many_re[v], many_im[v], FIRST, end)
    for v in range(1, room.vectors.shape[0]):
        x_re, x_im = tables.operators_re[v - 1], tables.operators_im[v - 1]
        to_re, to_im = room.vectors[v], room.vectors_im[v]
        if d > 3:
            add_far(rows, links, tables, x_re, x_im, 1.0, 0.0, psi_re, psi_im, here, to_re, to_im, here)
        is_hollow = True
        for a in range(d):
            is_hollow &= x_re[a, a] == 0.0
        if is_hollow:
            continue
        for r in range(start, stop):
            constant, slope = diagonal_along(rows, d, x_re, r)
            slopes, constants, base = spread(slope), spread(constant), rows.base[r]
            for x in range(rows.low[r] // LANES * LANES, rows.high[r], LANES):
                value, p = fused(slopes, rising(x), constants), base + x - back
                store(to_re, p, LANES, fused(value, load(psi_re, base + x, LANES), load(to_re, p, LANES)))
                store(to_im, p, LANES, fused(value, load(psi_im, base + x, LANES), load(to_im, p, LANES)))


@njit(inline="always", **OPTIONS)
def _put(made, v, w, sums):
    if v <= w and w < made.shape[0]:
        made[v, w] += total(sums)


@njit(**OPTIONS)
def add_products(re, im, v, w, first, last, made):
    """Add the real parts of the inner products of vectors v, v + 1, v + 2 with w, w + 1, w + 2, of cells first..last.

    What there are no vectors for is left out, and so is what lies below the diagonal.
    """
    most = made.shape[0] - 1  # vectors beyond are read again, and what comes of it is not written
    b, c, e, f = min(v + 1, most), min(v + 2, most), min(w + 1, most), min(w + 2, most)
    s00 = s01 = s02 = s10 = s11 = s12 = s20 = s21 = s22 = spread(0.0)
    for p in range(first, last, LANES):
        a0, b0 = load_row(re, v, p, LANES), load_row(im, v, p, LANES)
        a1, b1 = load_row(re, b, p, LANES), load_row(im, b, p, LANES)
        a2, b2 = load_row(re, c, p, LANES), load_row(im, c, p, LANES)
        x, y = load_row(re, w, p, LANES), load_row(im, w, p, LANES)
        s00, s10, s20 = (
            fused(a0, x, fused(b0, y, s00)),
            fused(a1, x, fused(b1, y, s10)),
            fused(a2, x, fused(b2, y, s20)),
        )
        x, y = load_row(re, e, p, LANES), load_row(im, e, p, LANES)
        s01, s11, s21 = (
            fused(a0, x, fused(b0, y, s01)),
            fused(a1, x, fused(b1, y, s11)),
            fused(a2, x, fused(b2, y, s21)),
        )
        x, y = load_row(re, f, p, LANES), load_row(im, f, p, LANES)
        s02, s12, s22 = (
            fused(a0, x, fused(b0, y, s02)),
            fused(a1, x, fused(b1, y, s12)),
            fused(a2, x, fused(b2, y, s22)),
        )
    _put(made, v, w, s00)
    _put(made, v, w + 1, s01)
    _put(made, v, w + 2, s02)
    _put(made, v + 1, w, s10)
    _put(made, v + 1, w + 1, s11)
    _put(made, v + 1, w + 2, s12)
    _put(made, v + 2, w, s20)
    _put(made, v + 2, w + 1, s21)
    _put(made, v + 2, w + 2, s22)


@njit(**OPTIONS)
def add_moments(rows, re, im, w, start, stop, back, moments):
    """Add moments of t = Re ψ* w, vector 0 and vector w, of rows start..stop: Σt, Σxt, Σyt, y the two entries of a row.

    With w = 0 also Σx²t, Σxyt, Σy²t. The cells are ``back`` nearer to the beginning.
    """
    s0 = s1 = s2 = s3 = s4 = s5 = nothing = spread(0.0)
    for r in range(start, stop):
        y, base, t0, t1 = spread(rows.entry[1, r] + rows.entry[2, r]), rows.base[r] - back, nothing, nothing
        for x in range(rows.low[r] // LANES * LANES, rows.high[r], LANES):
            p, here = base + x, rising(x)
            t = load_row(re, 0, p, LANES) * load_row(re, w, p, LANES)
            t = fused(load_row(im, 0, p, LANES), load_row(im, w, p, LANES), t)
            u = here * t
            t0, t1 = t0 + t, t1 + u
            if w == 0:
                s3 = fused(here, u, s3)
        s0, s1, s2 = s0 + t0, s1 + t1, fused(y, t0, s2)
        if w == 0:
            s4, s5 = fused(y, t1, s4), fused(y, y * t0, s5)
    moments[w, 0] += total(s0)
    moments[w, 1] += total(s1)
    moments[w, 2] += total(s2)
    if w == 0:
        moments[w, 3] += total(s3)
        moments[w, 4] += total(s4)
        moments[w, 5] += total(s5)


@njit(**OPTIONS)
def write_moments(moments, x_re, many, made):
    """Write the inner products of a state and of what ``many`` diagonal operators make of it, with all vectors.

    These are numbers of particles in the levels 0 and 1, or sums of them: of a pattern x and y - x.
    """
    for w in range(made.shape[0]):
        if 0 < w <= many:
            continue
        made[0, w] = moments[w, 0]
        for a in range(many):
            o = x_re[a]
            made[1 + a, w] = (o[0, 0] - o[1, 1]) * moments[w, 1] + o[1, 1] * moments[w, 2]
    for a in range(many):
        o = x_re[a]
        u, v = o[0, 0] - o[1, 1], o[1, 1]
        made[0, 1 + a] = made[1 + a, 0]
        made[1 + a, 0] = 0.0
        for b in range(a, many):
            q = x_re[b]
            f, g = q[0, 0] - q[1, 1], q[1, 1]
            made[1 + a, 1 + b] = u * f * moments[0, 3] + (u * g + v * f) * moments[0, 4] + v * g * moments[0, 5]


@njit(**OPTIONS)
def _gram(h_eff, room, re, im, psi_re, psi_im, norm2, tolerance, made):
    """Real parts of inner products of a state and what the operators make of it, (1 + V, 1 + V), over its norm."""
    rows, tables, links, V = h_eff.rows, h_eff.tables, h_eff.links, room.vectors.shape[0] - 1
    narrow_all(rows, re, im, (LEFT_OUT * tolerance) ** 2 * norm2 / rows.extent[CELLS])
    known, cells, linked, alone = lay_out(h_eff, room, tables.reach, re, im, psi_re, psi_im)
    made[:, :] = 0.0
    room.moments[:, :] = 0.0
    start, back, diagonal = np.int64(0), np.int64(0), 0
    if tables.levels == 3:
        diagonal = V
        for a in range(3):
            for b in range(3):
                diagonal -= tables.planes[a, b] >= 0
    while start < rows.extent[ROWS]:
        # some rows at once, so that all vectors of them stay in the cache; hops to higher levels take all rows
        stop, end = start, np.int64(FIRST)
        while stop < rows.extent[ROWS] and (end < CHUNK or tables.levels > 3):
            end += rows.right[stop] - rows.left[stop]
            stop += 1
        _fill_vectors(rows, links, tables, room, psi_re, psi_im, start, stop, back, end)
        if tables.levels == 3:
            for w in range(1 + V):
                if w == 0 or w > diagonal:
                    add_moments(rows, room.vectors, room.vectors_im, w, start, stop, back, room.moments)
        for v in range(1 + diagonal if tables.levels == 3 else 0, 1 + V, 3):
            for w in range(v, 1 + V, 3):
                add_products(room.vectors, room.vectors_im, v, w, FIRST, end, made)
        start, back = stop, back + end - FIRST
    if tables.levels == 3:
        write_moments(room.moments, tables.operators_re, diagonal, made)
    for v in range(1 + V):
        for w in range(v, 1 + V):
            made[v, w] /= norm2
            made[w, v] = np.conj(made[v, w])
    lay_back(h_eff, room, known, cells, linked, alone)


@njit(**OPTIONS)
def take_state(rows, tables, entry, re, im):
    """Write a state given by patterns, in their order, (d (d + 1)/2, P) entries, into rows of its diagram."""
    empty(rows)
    n = 0
    while n < re.size:
        q, p = entry[2, n], entry[1, n]
        low, high = p + 1, q
        for x in range(q, p + 1):
            if re[n + x - q] != 0.0 or im[n + x - q] != 0.0:
                low, high = min(low, x), x + 1
        if low < high:
            r = add_row(rows, tables, entry, n)
            place(rows, r, low, high)
            rows.spans[0, r, 0], rows.spans[0, r, 1] = rows.left[r], rows.right[r]
            clear(rows.re[0], rows.im[0], rows.base[r] + rows.left[r], rows.base[r] + rows.right[r])
            for x in range(low, high):
                rows.re[0, rows.base[r] + x], rows.im[0, rows.base[r] + x] = re[n + x - q], im[n + x - q]
        n += p - q + 1
    rows.norm2[0] = weight_of(rows, rows.spans[0], rows.re[0], rows.im[0])
