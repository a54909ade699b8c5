"""Rows of the series of several blocks of two levels whose terms change in time, for :mod:`.driven_series`.

Each part acts on a sum of rows of the series, which is made in a series of its own; what it makes of that is added to
the next row. All parts lead to one window, that of all of them from what is kept of the rows in the sums.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .driven_columns import (
    HOPS,
    REGISTERS,
    add_columns,
    are_columns,
    begin_columns,
    join,
    keep_columns,
    lead_on,
    lies_beyond,
    take_away,
)
from .driven_error import is_of_rows
from .driven_lattice import add_level, add_rows, part_of, sum_rows_back, turn_first
from .horizon import ROUNDING, power_of_two
from .lattice import (
    ABSENT,
    AXIS,
    FIRST_COLUMN,
    FIRST_ROW,
    LAST_COLUMN,
    LAST_ROW,
    LEFT,
    LENGTH,
    LOUD,
    LOWER,
    QUIET,
    REACH,
    RIGHT,
    TOUCHED,
    UPPER,
    WIDEST,
    copy_into,
)
from .lattice_rows import apply_lattice, keep_rows
from .lattice_sums import overlap_of_rows
from .lattice_windows import keep, lead, make_quiet, widen

BESIDE_ROWS = 2.0**-7
"""Part of the tolerance that the norm of what is left out of a row of the series may have."""


@njit(**OPTIONS)
def _take_up(work, rows, coefficients, most, terms, order, slots, size, lo, cut, weights, sizes):
    """Write the sum of rows that each part acts on, with its squared norm in ``sizes``, and where they lead to.

    That is the window of row order + 1. The first part acts on the last row itself, as all do where a step begins.
    Where rows vanish, or factors begin at zero, neither the last row nor the sum has what a row before is to lead to
    later: the window leads from all rows that later ones may be made of, ``most`` of them.
    """
    windows, kept, made, length = work.windows, work.kept, work.made, slots[LENGTH]
    count, window, own, wide = size // length, windows[order + 1], windows[order], rows.wide
    if order == 0:
        made[0, :count] = ABSENT
        made[0, own[FIRST_ROW] : own[LAST_ROW]] = LOUD
    copy_into(wide, kept[order])
    farthest = np.int64(1)
    for p in range(terms.size):
        farthest = max(farthest, most[p])
    for k in range(max(order - farthest + 2, 0), order):
        join(wide, kept[k])
    for p in range(terms.size):
        if terms[p] == 0 or (p == 0 and order > 0):
            continue
        alone = order == 0 or terms[p] == 1
        copy_into(rows.windows[p, 0], own)
        rows.made[p, 0, :count] = LOUD
        sizes[p] = sum_rows_back(
            work.taylor_re, work.taylor_im, order, windows, made, rows.one if alone else coefficients[p],
            np.int64(1) if alone else min(terms[p], order + 1), lo, length, rows.re[p, 0], rows.im[p, 0], rows.weights,
        )  # fmt: skip
        here = rows.kept[p, 0]
        if alone:
            copy_into(here, kept[order])
            continue
        keep(
            rows.re[p, 0], rows.im[p, 0], lo, length, own, here, rows.weights, rows.made[p, 0], rows.columns, False,
            cut * coefficients[p, 0] ** 2, 0, 0,
        )  # fmt: skip
        join(wide, here)
    lead(wide, count, length, slots[WIDEST], slots[REACH], window)
    if lies_beyond(window, own):
        widen(windows, made, order, work.taylor_re, work.taylor_im, lo, length)
    made[order + 1, :count] = ABSENT
    weights[:count] = 0.0


@njit(**OPTIONS)
def _finish(h_eff, work, order, lo, cut):
    """Say which rows of order + 1 are there, what is kept of it, and whether it may leave the box; its squared norm."""
    elements, windows, made = h_eff.elements, work.windows, work.made
    length, then, window, own = work.shape[1], work.made[order + 1], work.windows[order + 1], work.windows[order]
    rim, norm2, at_edges = elements.opens[elements.outer.shape[1] - 1], 0.0, 0.0
    least = 0.25 * cut / (window[LAST_ROW] - window[FIRST_ROW])
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        if then[row] == ABSENT:
            continue
        weight = elements.weights[row]
        then[row] = QUIET if weight <= least else LOUD
        norm2 += weight
        if rim[row] > 0:
            at_edges += weight
        if made[order, row] == ABSENT:
            make_quiet(
                windows, made, order, row, work.taylor_re, work.taylor_im, lo + row * length, own[FIRST_COLUMN],
                own[LAST_COLUMN],
            )  # fmt: skip
    at_edges += keep_rows(
        h_eff, work.taylor_re[order + 1], work.taylor_im[order + 1], lo, length, window, work.kept[order + 1], then, cut
    )
    if at_edges > cut:
        elements.row[TOUCHED] = 1
    return norm2


@njit(**OPTIONS)
def _row_of_parts(h_eff, work, order, lo, unit, rate, tolerance):
    """Make row order + 1, of which each part acts on a sum of ``back`` rows; its squared norm, and what is lost.

    Row 1 is without what is taken away, which is found with it: energies and spreads of the parts in ``factors``; the
    rate of all of them is what is lost. The next ones have it taken away, with ``rate``.
    """
    factors, rows, slots, weights = h_eff.factors, h_eff.rows, h_eff.elements.row, h_eff.elements.weights
    rows_re, rows_im, length = work.taylor_re, work.taylor_im, work.shape[1]
    windows, kept, made, sizes = work.windows, work.kept, work.made, rows.sizes
    coefficients, energies, spreads, terms = factors.coefficients, factors.energy, factors.spread, factors.back
    known = factors.known
    cut, norm2, lost, touched, n_active = (BESIDE_ROWS * tolerance) ** 2, 0.0, 0.0, slots[TOUCHED], 0
    e = h_eff.parts
    level, base = e.hop.shape[2] - 1, e.outer.shape[2] - 1
    if order == 0:
        touched = np.int64(0)
    _take_up(work, rows, coefficients, factors.terms, terms, order, slots, h_eff.box.size[0], lo, cut, weights, sizes)
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        n_active += 1
        if order > 0 and rows.kinds[p] & HOPS == 0:
            here_re, here_im, own, there = rows_re[order], rows_im[order], windows[order], made[order]
            scale, size2, damping = unit / (order + 1.0), work.norms[order] ** 2, 0.5 * rate
            if p > 0:
                here_re, here_im, own, there = rows.re[p, 0], rows.im[p, 0], rows.windows[p, 0], rows.made[p, 0]
                scale, size2, damping = scale * (coefficients[p, 0] if terms[p] == 1 else 1.0), sizes[p], 0.0
            norm2 = add_level(
                here_re, here_im, own, there, lo, length, e.hop[p, 0, level], e.hop[p, 1, level], e.outer[p, 0, base],
                e.outer[p, 1, base], e.diagonal[p, 0], e.diagonal[p, 1], energies[p], damping,
                scale, windows[order + 1], rows_re[order + 1], rows_im[order + 1], made[order + 1], weights,
            )  # fmt: skip
            if size2 > 0.0:
                spreads[p] = max(spreads[p], np.sqrt(norm2 / size2))
                known[p] |= is_of_rows(coefficients[p, order] if order < terms[p] else 0.0, size2)
            continue
        alone = p == 0 and order > 0  # it acts on the last row itself, all others on sums of rows
        scale, part_cut = 1.0 / (order + 1.0), cut
        if order == 0 or terms[p] == 1:
            scale *= coefficients[p, 0]
        else:
            part_cut *= coefficients[p, 0] ** 2
        re, im, at = (rows_re, rows_im, order) if alone else (rows.re[p], rows.im[p], np.int64(0))
        of_windows, of_kept, of_made = (windows, kept, made) if alone else (rows.windows[p], rows.kept[p], rows.made[p])
        copy_into(kept[order] if alone else of_kept[0], rows.wide)
        slots[TOUCHED] = 0
        norm2 = apply_lattice(
            re, im, at, lo, unit, part_of(h_eff, p), of_windows, of_kept, of_made, energies[p],
            0.5 * rate if p == 0 else 0.0, part_cut,
        )  # fmt: skip
        if alone:
            continue
        add_rows(
            re[1], im[1], of_made[1], windows[order + 1], scale, lo, length, rows_re[order + 1],
            rows_im[order + 1], made[order + 1], weights,
        )  # fmt: skip
        if order == 0:
            along, across = overlap_of_rows(re, im, at + 1, lo, length, of_windows, of_made)
            energies[p] = -across / unit
            lost -= 2.0 * coefficients[p, 0] * along / unit
            square = norm2 / unit / unit
            # a difference of squares, which knows no less than their rounding
            spreads[p] = np.sqrt(max(square - energies[p] ** 2, ROUNDING * square))
        elif sizes[p] > 0.0:
            spreads[p] = max(spreads[p], np.sqrt(norm2 / sizes[p]) / unit)
            known[p] |= is_of_rows(coefficients[p, order] if order < terms[p] else 0.0, sizes[p])
    if n_active == 1 and order > 0 and rows.kinds[0] & HOPS != 0:
        slots[TOUCHED] = max(touched, slots[TOUCHED])
    else:
        slots[TOUCHED] = touched
        if order > 0:
            norm2 = _finish(h_eff, work, order, lo, cut)
    return norm2, lost


def begin_lattice(h_eff, work, lo, hi, most, tolerance):
    """Apply the parts to the state: their energies and spreads; what is lost in a unit of time, the unit of row 1, and
    where it lies.

    Row 1 may be there then, in this unit and with nothing taken away.
    """
    factors, rows, e, windows, slots = h_eff.factors, h_eff.rows, h_eff.parts, work.windows, h_eff.elements.row
    re, im, terms, length, unit = work.taylor_re[0], work.taylor_im[0], factors.terms, work.shape[1], power_of_two(most)
    none, lost = np.int64(0), 0.0
    if not are_columns(e.row, rows.re):
        copy_into(factors.back, terms)
        _, lost = _row_of_parts(h_eff, work, none, lo, unit, 0.0, tolerance)
        return lost, unit, lo, hi
    base = e.outer.shape[2] - 1
    lead_on(
        windows, work.kept, work.made, none, none, terms, work.shape[0], slots, lo, length, work.taylor_re,
        work.taylor_im, rows.re, rows.im, rows.wide,
    )  # fmt: skip
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        here = e.row[p]
        along, across, square = begin_columns(
            rows.re[p, 0], rows.im[p, 0], re, im, lo, length, windows[0], windows[1], rows.kinds[p], e.hop[p, 0],
            e.hop[p, 1], here[RIGHT], here[LEFT], e.diagonal[p, 0], e.diagonal[p, 1], e.outer[p, 0, base],
            e.outer[p, 1, base], e.outer[p, 0, here[UPPER]], e.outer[p, 0, here[LOWER]],
        )  # fmt: skip
        factors.energy[p] = -across
        lost -= 2.0 * factors.coefficients[p, 0] * along
        # a difference of squares, which knows no less than their rounding
        factors.spread[p] = np.sqrt(max(square - across * across, ROUNDING * square))
    for p in range(terms.size):
        if terms[p] > 0:
            damping = 0.5 * max(lost, 0.0) if p == 0 else 0.0
            take_away(rows.re[p, 0], rows.im[p, 0], re, im, lo, length, windows[1], factors.energy[p], damping)
    return lost, unit, lo, hi


def row_of_lattice(h_eff, work, order, lo, hi, unit, before, is_turned, energy, rate, tolerance, spare, late_spare):
    """Make row order + 1, whose error may be a share of ``tolerance``; its squared norm, and where it lies.

    Energies of the parts, and ``rate``, are taken away. Each part acts on ``back`` rows. Row 1 was in the unit
    ``before``; nothing is taken away from it yet unless it ``is_turned``.
    """
    factors, rows, e, elements, slots = h_eff.factors, h_eff.rows, h_eff.parts, h_eff.elements, h_eff.elements.row
    rows_re, rows_im, windows, made, length = work.taylor_re, work.taylor_im, work.windows, work.made, work.shape[1]
    terms, back, energies, spreads, weights = (
        factors.terms, factors.back, factors.energy, factors.spread, factors.weights,
    )  # fmt: skip
    cut, scale, norm2 = (BESIDE_ROWS * tolerance) ** 2, unit / (order + 1.0), 0.0
    if order == 0:
        slots[TOUCHED] = 0
    if not are_columns(e.row, rows.re):
        if order == 0:
            taken = 0.0 if is_turned else before
            turn_first(
                rows_re, rows_im, windows, made, lo, length, unit / before, 0.5 * rate * taken, energy * taken,
                elements.weights,
            )  # fmt: skip
            norm2 = _finish(h_eff, work, order, lo, cut)
        else:
            norm2, _ = _row_of_parts(h_eff, work, order, lo, unit, rate, tolerance)
        return norm2, lo, hi
    base, farthest = e.outer.shape[2] - 1, np.int64(1)
    for p in range(back.size):
        farthest = max(farthest, back[p])
    if order > 0:
        lead_on(
            windows, work.kept, made, order, farthest, terms, work.shape[0], slots, lo, length, rows_re, rows_im,
            rows.re, rows.im, rows.wide,
        )  # fmt: skip
    window, then = windows[order + 1], made[order + 1]
    then[: work.shape[0]] = ABSENT
    then[window[FIRST_ROW] : window[LAST_ROW]] = LOUD
    joined, begins = np.int64(0), True  # the first part that changes, where the one that does not goes with it
    if rows.kinds[0] & HOPS == 0:
        for p in range(terms.size - 1, 0, -1):
            if terms[p] > 0:
                joined = np.int64(p)
    for p in range(terms.size):
        if terms[p] == 0 or (p == 0 and joined > 0):
            continue
        for j in range(max(back[p], REGISTERS)):
            weights[j] = scale * factors.coefficients[p, j]
        here, damping, steady_kind = e.row[p], 0.5 * rate if p == 0 else 0.0, np.int64(-1)
        if p == joined and p > 0:
            steady_kind = rows.kinds[0]
        size, norm2 = add_columns(
            rows_re[order + 1], rows_im[order + 1], rows_re[order], rows_im[order], rows.re[p], rows.im[p], order,
            weights, back[p], lo, length, windows[order], window, rows.kinds[p], begins, p > 0, e.hop[p, 0],
            e.hop[p, 1], here[RIGHT], here[LEFT], e.diagonal[p, 0], e.diagonal[p, 1], e.outer[p, 0, base],
            e.outer[p, 1, base], e.outer[p, 0, here[UPPER]], e.outer[p, 0, here[LOWER]], energies[p], damping, scale,
            steady_kind, e.hop[0, 0], e.hop[0, 1], e.diagonal[0, 0], e.diagonal[0, 1], e.outer[0, 0, base],
            e.outer[0, 1, base], energies[0], 0.5 * rate, elements.columns,
        )  # fmt: skip
        begins = False
        if order > 0 and work.norms[order] > 0.0:
            spreads[p] = max(spreads[p], np.sqrt(size) / work.norms[order])
            factors.known[p] = True
    at_edges = keep_columns(
        rows_re[order + 1], rows_im[order + 1], lo, length, window, work.kept[order + 1], then, cut, slots[AXIS],
        h_eff.box.two_J, h_eff.box.lo, h_eff.box.n, h_eff.lattice.sizes, h_eff.lattice.band,
        elements.opens[elements.outer.shape[1] - 1], elements.weights, elements.columns,
    )  # fmt: skip
    if at_edges > cut:
        slots[TOUCHED] = 1
    return norm2, lo, hi


def overlap_of_lattice(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap_of_rows(work.taylor_re, work.taylor_im, np.int64(2), lo, work.shape[1], work.windows, work.made)
    return real


def seen(h_eff, lo, hi):
    """Where the sum of the rows lies."""
    return lo, hi
