"""What one-body operators do to rows of patterns beside the closed forms of H: products of two of them, in H or of
collective jumps, and jumps whose j†j is not diagonal.

H_eff = H_1 + Σ_m f_m A_m B_m - i/2 Σ_k O_k g_k, where A, B and O are summed over all particles. B makes a state of
which A makes the row of the series; so a row has what both together lead to. Of a collective jump with Γ(Δ) it is
A Γ² B. O is what j†j of a jump with Γ(Δ) has beside its diagonal, and g a function of the occupation numbers: Γ² of the
others where they alone decide, a term for each level that a particle leaves; else the term is Γ O Γ.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from ..by_reference import by_reference
from .common import OPTIONS
from .pattern_hops import add_far, add_near
from .pattern_layout import copy_rows, lay_back, lay_out
from .pattern_links import Links
from .pattern_products import apply_part, make_room
from .pattern_rows import (
    CELLS,
    FAR,
    ROWS,
    Floats,
    Integers,
    PatternTables,
    Rows,
    clear,
    diagonal_along,
    narrow_all,
    times_function,
    trim,
    weight_of,
)
from .pattern_sums import overlap_in
from .vectors import LANES, fused, load, load_row, rising, spread, store

DIAGONAL, BESIDE_DIAGONAL, COLLECTIVE, RATED = range(4)
"""What the rate of a jump is: of one particle, diagonal, or not; of all particles together; or of one particle, not
diagonal and with Γ(Δ)."""


@by_reference
class PatternPairs(NamedTuple):
    """Products of one-body operators in H_eff, and jumps whose rates are not diagonal.

    Attributes
    ----------
    of_part : (M,) int
        Of which part of H_eff a product is, where terms change in time; 0 elsewhere.
    f_re, f_im : (M,)
    a_re, a_im, b_re, b_im : (M, d, d)
        H_eff has Σ_m f_m A_m B_m,
    between : (M,) int
        and between A and B Γ² of this jump, or nothing where it is -1.
    has_gamma : (L,) int
        1 for a collective jump with Γ(Δ).
    first, second : (d, d)
        1 where any B, and where any A, O or the one-body matrix of H_eff, has an element beside the diagonal.
    kind : (L,) int
        DIAGONAL, BESIDE_DIAGONAL, COLLECTIVE or RATED.
    y_re, y_im : (L, d, d)
        The one-body matrix of a collective jump; of a rate that is BESIDE_DIAGONAL what is so.
    of_rate : (K, 2) int
        Of which part, and of which jump that is RATED,
    o_re, o_im, g : (K, d, d), (K, states)
        O_k and g_k are, g by occupation numbers as ``facts`` of :class:`.pattern_rows.PatternTables`.
    is_around : (K,) int
        1 where the term is g O g.
    leads : (d, d)
        1 where any y has an element beside the diagonal.
    spans : (R + 1, 2) int
        From where to where there is something of
    re, im : (cells,)
        what an operator has made of a state.
    times_re, times_im : (cells,)
        A state times a function; none where no jump is RATED.
    """

    of_part: Integers
    f_re: Floats
    f_im: Floats
    a_re: Floats
    a_im: Floats
    b_re: Floats
    b_im: Floats
    between: Integers
    has_gamma: Integers
    first: Floats
    second: Floats
    kind: Integers
    y_re: Floats
    y_im: Floats
    of_rate: Integers
    o_re: Floats
    o_im: Floats
    g: Floats
    is_around: Integers
    leads: Floats
    spans: Integers
    re: Floats
    im: Floats
    times_re: Floats
    times_im: Floats


@by_reference
class PatternHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps : bool
    tables : PatternTables
    rows : Rows
    links : Links
    pairs : PatternPairs
    """

    has_jumps: bool
    tables: PatternTables
    rows: Rows
    links: Links
    pairs: PatternPairs


@njit(**OPTIONS)
def _add_diagonal(rows, tables, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im):
    """Add f Σ_a x_aa n_a times a state that is in ``here``."""
    for r in range(rows.extent[ROWS]):
        if here[r, 0] >= here[r, 1]:
            continue
        base, (real, slope_re), (imag, slope_im) = (
            rows.base[r], diagonal_along(rows, tables.levels, x_re, r), diagonal_along(rows, tables.levels, x_im, r),
        )  # fmt: skip
        c_re, c_im = spread(f_re * real - f_im * imag), spread(f_re * imag + f_im * real)
        g_re, g_im = spread(f_re * slope_re - f_im * slope_im), spread(f_re * slope_im + f_im * slope_re)
        for x in range(here[r, 0], here[r, 1], LANES):
            p = base + x
            e, g = fused(g_re, rising(x), c_re), fused(g_im, rising(x), c_im)
            u, v = load(re, p, LANES), load(im, p, LANES)
            store(to_re, p, LANES, fused(e, u, fused(-g, v, load(to_re, p, LANES))))
            store(to_im, p, LANES, fused(e, v, fused(g, u, load(to_im, p, LANES))))


@njit(**OPTIONS)
def _add_operator(h_eff, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im, there):
    """Add f Σ_k x^(k) times a state that is in ``here``, zero beside low..high of all rows, to what is in ``there``."""
    rows, links, tables = h_eff.rows, h_eff.links, h_eff.tables
    d, is_diagonal = tables.levels, False
    for a in range(d):
        is_diagonal |= x_re[a, a] != 0.0 or x_im[a, a] != 0.0
    if is_diagonal:
        _add_diagonal(rows, tables, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im)
    add_near(rows, links, tables, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im, there)
    if d > 3:
        add_far(rows, links, tables, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im, there)


@njit(**OPTIONS)
def _write_operator(h_eff, x_re, x_im, re, im, here, there):
    """Write Σ_k x^(k) times a state into ``pairs``, in ``there``."""
    rows, pairs = h_eff.rows, h_eff.pairs
    for r in range(rows.extent[ROWS]):
        clear(pairs.re, pairs.im, rows.base[r] + there[r, 0], rows.base[r] + there[r, 1])
    _add_operator(h_eff, x_re, x_im, 1.0, 0.0, re, im, here, pairs.re, pairs.im, there)


@njit(**OPTIONS)
def _times_g(h_eff, k, re, im, here):
    """Write g_k times a state that is in ``here`` into ``pairs``, beside what operators make."""
    rows, pairs = h_eff.rows, h_eff.pairs
    for r in range(rows.extent[ROWS]):
        times_function(rows, r, pairs.g[k], re, im, here[r, 0], here[r, 1], pairs.times_re, pairs.times_im)


@njit(**OPTIONS)
def _add_rate(h_eff, k, scale, re, im, here, to_re, to_im, there):
    """Add ``scale`` times the term k of the rates, applied to a state that is in ``here``, to what is in ``there``."""
    rows, pairs, factor = h_eff.rows, h_eff.pairs, spread(scale)
    own_re, own_im, O_re, O_im = pairs.times_re, pairs.times_im, pairs.o_re[k], pairs.o_im[k]
    _times_g(h_eff, k, re, im, here)
    if pairs.is_around[k] == 0:
        _add_operator(h_eff, O_re, O_im, scale, 0.0, own_re, own_im, here, to_re, to_im, there)
        return
    _write_operator(h_eff, O_re, O_im, own_re, own_im, here, there)
    for r in range(rows.extent[ROWS]):
        base, fact = rows.base[r], rows.fact[r]
        for x in range(there[r, 0], there[r, 1], LANES):
            p, g = base + x, factor * load_row(pairs.g, k, fact + x, LANES)
            store(to_re, p, LANES, fused(g, load(pairs.re, p, LANES), load(to_re, p, LANES)))
            store(to_im, p, LANES, fused(g, load(pairs.im, p, LANES), load(to_im, p, LANES)))


@njit(**OPTIONS)
def _rate_of(h_eff, l, re, im, here):
    """What is beside the diagonal of the rate of jump l, RATED, in a state that is in ``here``."""
    rows, pairs, rate = h_eff.rows, h_eff.pairs, 0.0
    for k in range(pairs.g.shape[0]):
        if pairs.of_rate[k, 1] == l:
            _times_g(h_eff, k, re, im, here)
            _write_operator(h_eff, pairs.o_re[k], pairs.o_im[k], pairs.times_re, pairs.times_im, here, here)
            bra_re, bra_im = re, im
            if pairs.is_around[k] == 1:
                bra_re, bra_im = pairs.times_re, pairs.times_im
            own, _ = overlap_in(rows.extent, rows.base, here, bra_re, bra_im, pairs.re, pairs.im)
            rate += own
    return rate


@njit(**OPTIONS)
def _times_gamma(h_eff, l, spans):
    """Multiply what is in ``pairs``, in ``spans`` of all rows, by Γ of jump l."""
    rows, pairs, gamma = h_eff.rows, h_eff.pairs, h_eff.tables.gamma[l]
    for r in range(rows.extent[ROWS]):
        times_function(rows, r, gamma, pairs.re, pairs.im, spans[r, 0], spans[r, 1], pairs.re, pairs.im)


@njit(**OPTIONS)
def make_room_for_pairs(h_eff, rows_re, rows_im, order):
    """See that rows are there, with cells, for what H_eff makes of low..high; ``pairs.spans`` for what all B make."""
    rows, links, tables, pairs = h_eff.rows, h_eff.links, h_eff.tables, h_eff.pairs
    if pairs.f_re.size == 0:
        make_room(rows, links, tables, pairs.second, rows_re, rows_im, order)
        return
    make_room(rows, links, tables, pairs.first, rows_re, rows_im, order)
    known, there = rows.extent[ROWS], rows.spans[order + 1]
    for r in range(known):
        a, b = there[r, 0], there[r, 1]
        pairs.spans[r, 0], pairs.spans[r, 1] = a, b
        rows.low[r], rows.high[r] = FAR, -FAR
        if a < b:
            rows.low[r], rows.high[r] = max(a, rows.entry[2, r]), min(b, rows.entry[1, r] + 1)
    make_room(rows, links, tables, pairs.second, rows_re, rows_im, order)
    for r in range(known, rows.extent[ROWS]):
        pairs.spans[r, 0] = pairs.spans[r, 1] = 0


@njit(**OPTIONS)
def add_pairs(h_eff, part, norm2, scale, re, im, here, to_re, to_im, there):
    """Add -i scale (Σ_m f_m A_m Γ² B_m - i/2 Σ_k O_k g_k) of a part of H_eff times a state to what its one-body
    operators make, ``norm2``; the squared norm of both.
    """
    pairs, is_any = h_eff.pairs, False
    for m in range(pairs.of_part.size):
        if pairs.of_part[m] != part:
            continue
        is_any = True
        _write_operator(h_eff, pairs.b_re[m], pairs.b_im[m], re, im, here, pairs.spans)
        if pairs.between[m] >= 0:
            _times_gamma(h_eff, pairs.between[m], pairs.spans)
            _times_gamma(h_eff, pairs.between[m], pairs.spans)
        _add_operator(
            h_eff, pairs.a_re[m], pairs.a_im[m], scale * pairs.f_im[m], -scale * pairs.f_re[m], pairs.re,
            pairs.im, pairs.spans, to_re, to_im, there,
        )  # fmt: skip
    for k in range(pairs.g.shape[0]):
        if pairs.of_rate[k, 0] == part:
            is_any = True
            _add_rate(h_eff, k, -0.5 * scale, re, im, here, to_re, to_im, there)
    return weight_of(h_eff.rows, there, to_re, to_im) if is_any else norm2


@njit(**OPTIONS)
def weigh_pairs(h_eff, room, re, im, psi_re, psi_im, weights):
    """Complete the weights of jumps of which those of diagonal rates are there, of a state in low..high of the rows."""
    rows, pairs, is_needed = h_eff.rows, h_eff.pairs, False
    for l in range(weights.size):
        is_needed |= pairs.kind[l] != DIAGONAL
    if not is_needed:
        return
    known, cells, linked, alone = lay_out(h_eff, room, pairs.leads, re, im, psi_re, psi_im)
    here, own_re, own_im = room.here, pairs.re, pairs.im
    for l in range(weights.size):
        if pairs.kind[l] == DIAGONAL:
            continue
        if pairs.kind[l] == RATED:
            weights[l] = max(weights[l] + _rate_of(h_eff, l, psi_re, psi_im, here), 0.0)
            continue
        _write_operator(h_eff, pairs.y_re[l], pairs.y_im[l], psi_re, psi_im, here, here)
        if pairs.has_gamma[l] == 1:
            _times_gamma(h_eff, l, here)
        if pairs.kind[l] == COLLECTIVE:
            weights[l], _ = overlap_in(rows.extent, rows.base, here, own_re, own_im, own_re, own_im)
        else:
            more, _ = overlap_in(rows.extent, rows.base, here, psi_re, psi_im, own_re, own_im)
            weights[l] = max(weights[l] + more, 0.0)
    lay_back(h_eff, room, known, cells, linked, alone)


@njit(**OPTIONS)
def collective_jump(h_eff, room, l, re, im, psi_re, psi_im):
    """Let the state that waits be what collective jump l makes of one in low..high of the rows."""
    rows, pairs = h_eff.rows, h_eff.pairs
    lay_out(h_eff, room, pairs.leads, re, im, psi_re, psi_im)
    _write_operator(h_eff, pairs.y_re[l], pairs.y_im[l], psi_re, psi_im, room.here, room.here)
    if pairs.has_gamma[l] == 1:
        _times_gamma(h_eff, l, room.here)
    for r in range(rows.extent[ROWS]):
        rows.spans[0, r, 0], rows.spans[0, r, 1] = room.here[r, 0], room.here[r, 1]
    narrow_all(rows, pairs.re, pairs.im, 0.0)
    copy_rows(rows, h_eff.tables, pairs.re, pairs.im, room.after)


@njit(**OPTIONS)
def apply_rows(rows_re, rows_im, order, unit, h_eff, shift, half_shift, least):
    """As apply_real, on all rows; weights up to ``least`` at their ends are set to zero first, but not in row 0.

    Returns the squared norm, one past the last cell, and the sum of the weights that were set to zero.
    """
    rows, links, tables, here, gone = h_eff.rows, h_eff.links, h_eff.tables, h_eff.rows.spans[order], 0.0
    if order > 0:
        gone = trim(rows, order, rows_re[order], rows_im[order], least)
    make_room_for_pairs(h_eff, rows_re, rows_im, order)
    scale, there = unit * (1.0 / (order + 1.0)), rows.spans[order + 1]
    to_re, to_im = rows_re[order + 1], rows_im[order + 1]
    norm2 = apply_part(
        rows, links, tables, tables.facts, tables.h_re, tables.h_im, scale, shift, half_shift,
        rows_re[order], rows_im[order], here, to_re, to_im, there,
    )  # fmt: skip
    norm2 = add_pairs(h_eff, 0, norm2, scale, rows_re[order], rows_im[order], here, to_re, to_im, there)
    return norm2, rows.extent[CELLS], gone
