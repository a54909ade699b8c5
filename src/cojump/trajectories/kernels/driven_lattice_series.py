"""One step of no-jump evolution of several blocks whose terms change in time: :mod:`.driven_series` in rows of a box.

Each part acts on a sum of rows of the series, which is made in a series of its own; what it makes of that is added to
the next row. All parts lead to one window, that of all of them from what is kept of the rows in the sums.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import MAX_ORDER, OPTIONS
from .driven_bands import TERMS, write_shifted
from .driven_error import (
    MISJUDGED,
    MUCH_SHORTER,
    SHORTER,
    SPREAD,
    TOO_SHORT,
    are_known,
    beyond,
    choose_terms,
    is_of_rows,
    share_of,
    write_in_unit,
)
from .driven_lattice import add_rows, part_of, sum_rows_back, turn_first
from .horizon import LARGE, ROUNDING, guessed_horizon, power_of_two
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

CONSTANT = 2.0**-6
"""Part of the error of a step that coefficients of the factors may have which are left out."""

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
    """Say which rows of order + 1 are there, and what is kept of it; its squared norm, and what may leave the box."""
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
    return norm2, at_edges


def expand_driven_lattice(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """As :func:`.series.expand`; energy and rate to take away are found anew for each step."""
    factors, rows, slots, weights = h_eff.factors, h_eff.rows, h_eff.elements.row, h_eff.elements.weights
    rows_re, rows_im, norms, length = work.taylor_re, work.taylor_im, work.norms, work.shape[1]
    windows, kept, made = work.windows, work.kept, work.made
    coefficients, energies, spreads, terms = factors.coefficients, factors.energy, factors.spread, factors.terms
    sizes, known, each = rows.sizes, factors.known, factors.each
    behind = factors.behind  # what is written to an array that has no name is lost where numba inlines functions
    n_parts, piece, n_active = terms.size, factors.place[0], 0
    half = 0.5 * (factors.end[piece] - factors.start[piece])
    x0 = (factors.clock[0] - factors.start[piece]) / half - 1.0
    for p in range(n_parts):
        terms[p], energies[p], spreads[p], known[p] = 0, 0.0, 0.0, False
        for j in range(TERMS):
            coefficients[p, j] = 0.0
        if p == 0 or factors.acts[piece, p]:
            terms[p], n_active = 1, n_active + 1
            write_shifted(factors.series[piece, p], factors.binomials, x0, factors.around[p])
            coefficients[p, 0] = factors.around[p, 0]
    norms[0], energy, rate, norm2, touched = 1.0, 0.0, 0.0, 0.0, np.int64(0)
    unit, horizon, ratio, growth, share, curvature = power_of_two(most), most, 1.0, 2.0, 1.0, 0.0
    order, done, power, peak, allowed, begun = np.int64(0), False, 1.0, 1.0, tolerance, False
    is_number = True
    while order < MAX_ORDER and not done:
        cut = (BESIDE_ROWS * tolerance / power) ** 2
        if order > 0 or not begun:
            _take_up(work, rows, coefficients, terms, order, slots, h_eff.box.size[0], lo, cut, weights, sizes)
            for p in range(n_parts):
                if terms[p] == 0:
                    continue
                alone = p == 0 and order > 0  # it acts on the last row itself, all others on sums of rows
                scale, part_cut = 1.0 / (order + 1.0), cut
                if order == 0 or terms[p] == 1:
                    scale *= coefficients[p, 0]
                else:
                    part_cut *= coefficients[p, 0] ** 2
                re, im, at = (rows_re, rows_im, order) if alone else (rows.re[p], rows.im[p], np.int64(0))
                of_windows, of_kept, of_made = (
                    (windows, kept, made) if alone else (rows.windows[p], rows.kept[p], rows.made[p])
                )
                copy_into(kept[order] if alone else of_kept[0], rows.wide)
                slots[TOUCHED] = 0
                norm2 = apply_lattice(
                    re, im, at, lo, unit, part_of(h_eff, p), of_windows, of_kept, of_made, energies[p],
                    0.5 * rate if p == 0 else 0.0, part_cut,
                )  # fmt: skip
                if alone:
                    touched = max(touched, slots[TOUCHED]) if n_active == 1 else touched
                    continue
                add_rows(
                    re[1], im[1], of_made[1], windows[order + 1], scale, lo, length, rows_re[order + 1],
                    rows_im[order + 1], made[order + 1], weights,
                )  # fmt: skip
                if order == 0:
                    along, across = overlap_of_rows(re, im, at + 1, lo, length, of_windows, of_made)
                    energies[p] = -across / unit
                    energy += coefficients[p, 0] * energies[p]
                    rate -= 2.0 * coefficients[p, 0] * along / unit
                    spreads[p] = np.sqrt(max(norm2 / unit / unit - energies[p] ** 2, 0.0))
                elif sizes[p] > 0.0:
                    spreads[p] = max(spreads[p], np.sqrt(norm2 / sizes[p]) / unit)
                    known[p] |= is_of_rows(coefficients[p, order] if order < terms[p] else 0.0, sizes[p])
        if order == 0:
            if not begun:
                is_number = np.isfinite(energy + rate)
                if not is_number:
                    break
                rate = max(rate, 0.0)
                horizon = guessed_horizon(rate, waiting, most)
            wanted, taken = power_of_two(horizon), 0.0 if begun else unit
            turn_first(
                rows_re, rows_im, windows, made, lo, length, wanted / unit, 0.5 * rate * taken, energy * taken, weights
            )
            begun, unit, ratio, power, peak, touched = True, wanted, horizon / wanted, 1.0, 1.0, np.int64(0)
            growth = 1.0 + np.exp(0.5 * rate * horizon)
            share = share_of(horizon, factors.total[0], rate, waiting)
            allowed = share * tolerance
            for p in range(1, n_parts):
                if terms[p] == 0:
                    continue
                least = CONSTANT * allowed / (n_parts * SPREAD * horizon * spreads[p]) if spreads[p] > 0.0 else np.inf
                write_in_unit(factors.around[p], unit / half, coefficients[p])
                terms[p], behind[p] = choose_terms(coefficients[p], factors.sizes[p], ratio, least)
        if order == 0 or n_active > 1:
            norm2, at_edges = _finish(h_eff, work, order, lo, cut)
            touched = np.int64(1) if at_edges > cut else touched
        order += 1
        norms[order] = np.sqrt(norm2)
        if not norms[order] < LARGE:
            horizon *= MUCH_SHORTER
            order, power = np.int64(0), 1.0
            done = not horizon > TOO_SHORT * most
            continue
        power *= ratio
        term = norms[order] * power if norms[order] > 0.0 else 0.0
        each[order] = term
        peak = max(peak, term)
        done = growth * term <= allowed and are_known(terms, known, each, order, allowed)
        if done:
            late, _ = beyond(norms, order, coefficients, terms, spreads, ratio)
            done = growth * term + (growth - 1.0) * horizon / (order + 1.0) * late <= allowed
        if done or order == MAX_ORDER:
            late = 0.0
            for p in range(1, n_parts):
                if terms[p] > 0:
                    late += behind[p] * SPREAD * spreads[p] * horizon
            if late > MISJUDGED * allowed:
                order, done, power = np.int64(0), False, 1.0
    if not done and order > 0:
        horizon = min(horizon, unit * (allowed / (growth * norms[order])) ** (1.0 / order))
        fewer = share_of(horizon, factors.total[0], rate, waiting)
        horizon *= (fewer / share) ** (1.0 / order)
        allowed = fewer * tolerance
        off = np.inf
        while off > allowed:
            x = horizon / unit
            late, _ = beyond(norms, order, coefficients, terms, spreads, x)
            off = growth * norms[order] * x**order + (growth - 1.0) * horizon / (order + 1.0) * late
            if off > allowed:
                horizon *= SHORTER
    if peak * ROUNDING > 0.1 * tolerance:  # terms much larger than their sum would leave rounding behind
        for k in range(1, order + 1):
            if norms[k] * (horizon / unit) ** k * ROUNDING > 0.1 * tolerance:
                horizon = unit * (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
    if order == 0 and is_number:  # given up
        horizon = 0.0
    if order > 1:
        real, _ = overlap_of_rows(rows_re, rows_im, np.int64(2), lo, length, work.windows, work.made)
        curvature = (2.0 * real + norms[1] ** 2) / unit / unit
    slots[TOUCHED] = touched
    return order, horizon, energy, rate, curvature, energy, rate, unit, lo, hi
