"""A block of three levels or more whose model changes in time: parts of H_eff, on rows of Gelfand-Tsetlin patterns.

H_eff(t) = Σ_p c_p(t) H_p, as for one block of two levels (:mod:`.driven_bands`), where each H_p has the form that
:mod:`.pattern_rows` and :mod:`.pattern_pairs` give H_eff. A part acts on a sum of rows of the series, which is made
beside them, in whatever cells these have.

What is left out of a row of the series is set to zero, and leads nowhere from then on (:mod:`.driven_series`). Nothing
is left out of the sums: that would be a source, as large as a part makes of it. Where a step begins with an eigenstate
of the part, nothing that the step has seen says how much that is far from there. The first row is kept as it is, too:
it is written in another unit of time where a step is made again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from ..by_reference import by_reference
from .common import OPTIONS
from .driven_bands import Factors
from .driven_error import learned
from .horizon import power_of_two
from .pattern_links import Links, keep_rows
from .pattern_pairs import PatternPairs, add_pairs, make_room_for_pairs
from .pattern_products import apply_part
from .pattern_rows import (
    CELLS,
    FAR,
    ROWS,
    Floats,
    Integers,
    PatternTables,
    Rows,
    loud_ends,
    trim,
)
from .pattern_sums import overlap_in, overlap_with_row
from .vectors import LANES, fused, load, load_row, spread, spread_cell, store, total


@by_reference
class PatternParts(NamedTuple):
    """What P parts have beside the whole model.

    Attributes
    ----------
    facts : (P, 2, states)
        Diagonal of H_p, real and minus imaginary part, as in :class:`.pattern_rows.PatternTables`.
    h_re, h_im : (P, d, d)
        Its one-body matrix, the diagonal aside.
    hops : (P,) int
        1 where H_p has any element beside the diagonal, or products of two operators.
    ends : (MAX_ORDER + 1, R, 2) int
        Low..high of each row of the series.
    re, im : (cells,)
        A sum of rows of the series.
    spans : (R + 1, 2) int
        From where to where there is something of it, in whole vectors.
    made_re, made_im : (cells,)
        What a part makes of it.
    gone : (MAX_ORDER + 1,)
        Norms of what has been left out of each row of the series.
    """

    facts: Floats
    h_re: Floats
    h_im: Floats
    hops: Integers
    ends: Integers
    re: Floats
    im: Floats
    spans: Integers
    made_re: Floats
    made_im: Floats
    gone: Floats


@by_reference
class DrivenPatternHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps, tables, rows, links, pairs
        As in :class:`.pattern_pairs.PatternHeff`, of the whole model with all factors 1.
    parts : PatternParts
    factors : Factors
    """

    has_jumps: bool
    tables: PatternTables
    rows: Rows
    links: Links
    pairs: PatternPairs
    parts: PatternParts
    factors: Factors


@njit(**OPTIONS)
def _sum_back(rows, rows_re, rows_im, order, coefficients, terms, to_re, to_im, of_sum):
    """Write Σ_j c_j (row order - j), j < terms, and in ``of_sum``, (R + 1, 2), where there is something; |.|²."""
    spans, first, square = rows.spans, order - terms + 1, spread(0.0)
    for r in range(rows.extent[ROWS]):
        base = rows.base[r]
        of_sum[r, 0], of_sum[r, 1] = spans[first, r, 0], spans[first, r, 1]
        for x in range(of_sum[r, 0], of_sum[r, 1], LANES):
            p, u, v = base + x, spread(0.0), spread(0.0)
            for k in range(first, order + 1):
                # each row lies within those before it
                if not (spans[k, r, 0] <= x and x < spans[k, r, 1]):
                    break
                c = spread_cell(coefficients, order - k)
                u = fused(c, load_row(rows_re, k, p, LANES), u)
                v = fused(c, load_row(rows_im, k, p, LANES), v)
            store(to_re, p, LANES, u)
            store(to_im, p, LANES, v)
            square = fused(u, u, fused(v, v, square))
    return total(square)


@njit(**OPTIONS)
def _add_diagonal(rows, rows_re, rows_im, order, coefficients, terms, facts, energy, scale, to_re, to_im):
    """Add -i scale (H_p - energy) Σ_j c_j (row order - j), j < terms, of a part that is diagonal, to row order + 1.

    Returns the squared norms of what it makes of the sum, of the sum, and of the row; of a sum that is one row, of what
    it makes of that.
    """
    there, first, alone = rows.spans[order + 1], order - terms + 1, terms == 1
    # of one row alone it is seen what is made of it even while the coefficient is 0
    scale *= coefficients[0] if alone else 1.0
    energies, factor, back, made, size, whole = (
        spread(energy), spread(scale), spread(-scale), spread(0.0), spread(0.0), spread(0.0),
    )  # fmt: skip
    for r in range(rows.extent[ROWS]):
        base, fact = rows.base[r], rows.fact[r]
        for x in range(there[r, 0], there[r, 1], LANES):
            p, u, v = base + x, spread(0.0), spread(0.0)
            for k in range(first, order + 1):
                c = spread(1.0) if alone else spread_cell(coefficients, order - k)
                u = fused(c, load_row(rows_re, k, p, LANES), u)
                v = fused(c, load_row(rows_im, k, p, LANES), v)
            size = fused(u, u, fused(v, v, size))
            level, damping = load_row(facts, 0, fact + x, LANES) - energies, load_row(facts, 1, fact + x, LANES)
            a, b = fused(level, u, damping * v), fused(level, v, -(damping * u))
            made = fused(a, a, fused(b, b, made))
            a, b = fused(factor, b, load(to_re, p, LANES)), fused(back, a, load(to_im, p, LANES))
            store(to_re, p, LANES, a)
            store(to_im, p, LANES, b)
            whole = fused(a, a, fused(b, b, whole))
    return total(made), total(size), total(whole)


@njit(**OPTIONS)
def _reach_back(rows, ends, order, terms):
    """Let low..high of all rows be what the last ``terms`` rows of the series have up to ``order``."""
    for r in range(rows.extent[ROWS]):
        low, high = FAR, -FAR
        for k in range(order - terms + 1, order + 1):
            low, high = min(low, ends[k, r, 0]), max(high, ends[k, r, 1])
        rows.low[r], rows.high[r] = low, high


@njit(**OPTIONS)
def _add_made(rows, there, factor, re, im, to_re, to_im):
    """Add a factor times what a part has made to a row of the series, both in ``there``; its squared norm."""
    c, square = spread(factor), spread(0.0)
    for r in range(rows.extent[ROWS]):
        base = rows.base[r]
        for x in range(there[r, 0], there[r, 1], LANES):
            p = base + x
            u = fused(c, load(re, p, LANES), load(to_re, p, LANES))
            v = fused(c, load(im, p, LANES), load(to_im, p, LANES))
            store(to_re, p, LANES, u)
            store(to_im, p, LANES, v)
            square = fused(u, u, fused(v, v, square))
    return total(square)


@njit(**OPTIONS)
def _apply(h_eff, p, scale, rate, re, im, here, to_re, to_im, there):
    """Write what part p makes of a state, without its energy and, if it is the first one, with the rate taken away."""
    parts, half_rate = h_eff.parts, 0.5 * rate if p == 0 else 0.0
    norm2 = apply_part(
        h_eff.rows, h_eff.links, h_eff.tables, parts.facts[p], parts.h_re[p], parts.h_im[p], scale,
        h_eff.factors.energy[p], half_rate, re, im, here, to_re, to_im, there,
    )  # fmt: skip
    return add_pairs(h_eff, p, norm2, scale, re, im, here, to_re, to_im, there)


def begin_patterns(h_eff, work, lo, hi, most, tolerance):
    """As :func:`.driven_lattice_series.begin_lattice`."""
    return _begun(h_eff, work.taylor_re, work.taylor_im, lo, power_of_two(most))


@njit(**OPTIONS)
def _begun(h_eff, rows_re, rows_im, lo, unit):
    rows, parts, factors, lost = h_eff.rows, h_eff.parts, h_eff.factors, 0.0
    keep_rows(rows, h_eff.links, rows_re, rows_im)
    _note_ends(rows, parts.ends[0])
    _make_room(h_eff, rows_re, rows_im, np.int64(0))
    here, there = rows.spans[0], rows.spans[1]
    for p in range(factors.terms.size):
        if factors.terms[p] == 0:
            continue
        made_re, made_im = (rows_re[1], rows_im[1]) if p == 0 else (parts.made_re, parts.made_im)
        norm2 = _apply(h_eff, p, unit, 0.0, rows_re[0], rows_im[0], here, made_re, made_im, there)
        real, imag = overlap_in(rows.extent, rows.base, there, rows_re[0], rows_im[0], made_re, made_im)
        lost += learned(factors, p, 0, norm2 / unit**2, -imag / unit, real / unit, 1.0)
        if p > 0:
            _add_made(rows, there, factors.coefficients[p, 0], made_re, made_im, rows_re[1], rows_im[1])
    return lost, unit, lo, rows.extent[CELLS]


@njit(**OPTIONS)
def _note_ends(rows, ends):
    """Write low..high of all rows."""
    for r in range(rows.extent[ROWS]):
        ends[r, 0], ends[r, 1] = rows.low[r], rows.high[r]


@njit(**OPTIONS)
def _make_room(h_eff, rows_re, rows_im, order):
    """See that rows are there for what all parts make of low..high; of new ones the series has nothing so far."""
    rows, ends, known = h_eff.rows, h_eff.parts.ends, h_eff.rows.extent[ROWS]
    make_room_for_pairs(h_eff, rows_re, rows_im, order)
    for k in range(order + 1):
        for r in range(known, rows.extent[ROWS]):
            ends[k, r, 0], ends[k, r, 1] = FAR, -FAR


def row_of_patterns(h_eff, work, order, lo, hi, unit, before, is_turned, energy, rate, tolerance, spare, late_spare):
    """As :func:`.driven_lattice_series.row_of_lattice`; what the row may be without has the norm ``spare``."""
    if order == 0:
        taken = 0.0 if is_turned else before
        norm2 = _turned(h_eff, work.taylor_re, work.taylor_im, unit / before, 0.5 * rate * taken, energy * taken)
    else:
        norm2 = _row_of_parts(h_eff, work.taylor_re, work.taylor_im, work.norms, order, unit, rate, spare)
    return norm2, lo, h_eff.rows.extent[CELLS]


@njit(**OPTIONS)
def _turned(h_eff, rows_re, rows_im, scale, real, imag):
    """Write scale (row 1 + (real + i imag) row 0) as row 1; its squared norm."""
    rows, ends, gone = h_eff.rows, h_eff.parts.ends[1], h_eff.parts.gone
    factor, f, g, square, there = spread(scale), spread(scale * real), spread(scale * imag), spread(0.0), rows.spans[1]
    to_re, to_im = rows_re[1], rows_im[1]
    for r in range(rows.extent[ROWS]):
        for p in range(rows.base[r] + there[r, 0], rows.base[r] + there[r, 1], LANES):
            a, b = load_row(rows_re, 0, p, LANES), load_row(rows_im, 0, p, LANES)
            u = fused(f, a, fused(-g, b, factor * load(to_re, p, LANES)))
            v = fused(f, b, fused(g, a, factor * load(to_im, p, LANES)))
            store(to_re, p, LANES, u)
            store(to_im, p, LANES, v)
            square = fused(u, u, fused(v, v, square))
        ends[r, 0], ends[r, 1], _ = loud_ends(to_re, to_im, rows.base[r], there[r, 0], there[r, 1], 0.0, spread(0.0))
    gone[0] = gone[1] = 0.0
    return total(square)


@njit(**OPTIONS)
def _row_of_parts(h_eff, rows_re, rows_im, norms, order, unit, rate, spare):
    """Make row order + 1, each part of a sum of ``back`` rows, without what may be left out; its squared norm."""
    rows, parts, factors, farthest = h_eff.rows, h_eff.parts, h_eff.factors, np.int64(1)
    coefficients, terms, scale, norm2 = factors.coefficients, factors.back, unit / (order + 1.0), 0.0
    for p in range(terms.size):
        farthest = max(farthest, terms[p])
    _reach_back(rows, parts.ends, order, farthest)
    _make_room(h_eff, rows_re, rows_im, order)
    there, to_re, to_im = rows.spans[order + 1], rows_re[order + 1], rows_im[order + 1]
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        re, im, here, size2 = rows_re[order], rows_im[order], rows.spans[order], norms[order] ** 2
        if p > 0 and parts.hops[p] == 0:
            made2, size2, norm2 = _add_diagonal(
                rows, rows_re, rows_im, order, coefficients[p], terms[p], parts.facts[p], factors.energy[p], scale,
                to_re, to_im,
            )  # fmt: skip
            learned(factors, p, order, made2, 0.0, 0.0, size2)
            continue
        if p == 0:  # it is always there, with the factor 1
            made2 = norm2 = _apply(h_eff, p, scale, rate, re, im, here, to_re, to_im, there)
        else:
            factor = coefficients[p, 0]
            if terms[p] > 1:
                re, im, here, factor = parts.re, parts.im, parts.spans, 1.0
                size2 = _sum_back(rows, rows_re, rows_im, order, coefficients[p], terms[p], re, im, here)
            made2 = _apply(h_eff, p, scale, rate, re, im, here, parts.made_re, parts.made_im, there)
            norm2 = _add_made(rows, there, factor, parts.made_re, parts.made_im, to_re, to_im)
        learned(factors, p, order, made2 / scale**2, 0.0, 0.0, size2)
    cells = rows.extent[CELLS]
    parts.gone[order + 1] = np.sqrt(trim(rows, order + 1, to_re, to_im, spare**2 / cells))
    _note_ends(rows, parts.ends[order + 1])
    return norm2


def gone_of_patterns(h_eff, order, x):
    """Σ_k |δ_k| x^k of what has been left out of rows, k ≤ order; later sums are without nothing else."""
    power, now = 1.0, 0.0
    for k in range(order + 1):
        now += h_eff.parts.gone[k] * power
        power *= x
    return now, 0.0


def overlap_of_second(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap_with_row(work, np.int64(2))
    return real
