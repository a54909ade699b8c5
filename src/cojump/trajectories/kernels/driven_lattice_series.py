"""Rows of the series of several blocks of two levels whose terms change in time, for :mod:`.driven_parts_series`.

Each part acts on a sum of rows of the series, which is made in a series of its own; what it makes of that is added to
the next row. All parts lead to one window, that of all of them from what is kept of the rows in the sums.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .driven_error import is_of_rows
from .driven_lattice import add_rows, part_of, sum_rows_back, turn_first
from .lattice import (
    ABSENT,
    FIRST_COLUMN,
    FIRST_ROW,
    LAST_COLUMN,
    LAST_ROW,
    LENGTH,
    LOUD,
    QUIET,
    REACH,
    TOUCHED,
    WIDEST,
    copy_into,
)
from .lattice_rows import apply_lattice, keep_rows
from .lattice_sums import overlap_of_rows
from .lattice_windows import keep, lead, make_quiet, widen

BESIDE_ROWS = 2.0**-7
"""Part of the tolerance that the norm of what is left out of a row of the series may have."""


@njit(inline="always", **OPTIONS)
def _join(wide, window):
    """Widen a window by another one."""
    wide[FIRST_ROW], wide[LAST_ROW] = min(wide[FIRST_ROW], window[FIRST_ROW]), max(wide[LAST_ROW], window[LAST_ROW])
    wide[FIRST_COLUMN] = min(wide[FIRST_COLUMN], window[FIRST_COLUMN])
    wide[LAST_COLUMN] = max(wide[LAST_COLUMN], window[LAST_COLUMN])


@njit(**OPTIONS)
def _take_up(work, rows, coefficients, terms, order, slots, size, lo, cut, weights, sizes):
    """Write the sum of rows that each part acts on, with its squared norm in ``sizes``, and where they lead to.

    That is the window of row order + 1. The first part acts on the last row itself, as all do where a step begins.
    Where rows vanish, or factors begin at zero, neither the last row nor the sum has what a row before is to lead to
    later: the window leads from all rows that later ones are made of.
    """
    windows, kept, made, length = work.windows, work.kept, work.made, slots[LENGTH]
    count, window, own, wide = size // length, windows[order + 1], windows[order], rows.wide
    if order == 0:
        made[0, :count] = ABSENT
        made[0, own[FIRST_ROW] : own[LAST_ROW]] = LOUD
    copy_into(wide, kept[order])
    farthest = np.int64(0)
    for p in range(terms.size):
        farthest = max(farthest, terms[p])
    for k in range(max(order - farthest + 2, 0), order):
        _join(wide, kept[k])
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
        _join(wide, here)
    lead(wide, count, length, slots[WIDEST], slots[REACH], window)
    if (
        window[FIRST_ROW] < own[FIRST_ROW]
        or window[LAST_ROW] > own[LAST_ROW]
        or window[FIRST_COLUMN] < own[FIRST_COLUMN]
        or window[LAST_COLUMN] > own[LAST_COLUMN]
    ):
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


def row_of_lattice(h_eff, work, order, lo, hi, unit, rate, tolerance):
    """Make row order + 1, whose error may be a share of ``tolerance``; its squared norm, what is lost, and one past it.

    Row 1 is without what is taken away, which is found with it: energies and spreads of the parts in ``factors``; the
    rate of all of them is what is lost. The next ones have it taken away, with ``rate``.
    """
    factors, rows, slots, weights = h_eff.factors, h_eff.rows, h_eff.elements.row, h_eff.elements.weights
    rows_re, rows_im, length = work.taylor_re, work.taylor_im, work.shape[1]
    windows, kept, made, sizes = work.windows, work.kept, work.made, rows.sizes
    coefficients, energies, spreads, terms = factors.coefficients, factors.energy, factors.spread, factors.terms
    known = factors.known
    cut, norm2, lost, touched, n_active = (BESIDE_ROWS * tolerance) ** 2, 0.0, 0.0, slots[TOUCHED], 0
    if order == 0:
        touched = np.int64(0)
    _take_up(work, rows, coefficients, terms, order, slots, h_eff.box.size[0], lo, cut, weights, sizes)
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        n_active += 1
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
            spreads[p] = np.sqrt(max(norm2 / unit / unit - energies[p] ** 2, 0.0))
        elif sizes[p] > 0.0:
            spreads[p] = max(spreads[p], np.sqrt(norm2 / sizes[p]) / unit)
            known[p] |= is_of_rows(coefficients[p, order] if order < terms[p] else 0.0, sizes[p])
    if n_active == 1 and order > 0:
        slots[TOUCHED] = max(touched, slots[TOUCHED])
    else:
        slots[TOUCHED] = touched
        if order > 0:
            norm2 = _finish(h_eff, work, order, lo, cut)
    return norm2, lost, hi


def turned_lattice(h_eff, work, lo, hi, scale, real, imag, tolerance):
    """Write row 1 as ``scale`` times (it + (real + i imag) row 0); its squared norm."""
    turn_first(
        work.taylor_re, work.taylor_im, work.windows, work.made, lo, work.shape[1], scale, real, imag,
        h_eff.elements.weights,
    )  # fmt: skip
    h_eff.elements.row[TOUCHED] = 0
    return _finish(h_eff, work, np.int64(0), lo, (BESIDE_ROWS * tolerance) ** 2)


def overlap_of_lattice(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap_of_rows(work.taylor_re, work.taylor_im, np.int64(2), lo, work.shape[1], work.windows, work.made)
    return real
