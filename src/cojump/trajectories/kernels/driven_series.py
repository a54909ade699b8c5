"""One step of no-jump evolution where terms change in time: rows whose coefficients carry those of the factors.

H_eff(t) = Σ_p c_p(t) H_p. Within a piece of the time axis c_p(t₀ + xτ) = Σ_j c_pj x^j is a polynomial, and so the rows
of the series ψ(t₀ + xτ) = Σ_k v_k x^k obey, with A_j = -i Σ_p c_pj H_p,

    v_{k+1} = τ/(k+1) Σ_j A_j v_{k-j}:      one application of each part to a sum of rows, for each row.

From each H_p its average at t₀ is taken, which turns the global phase alone, and from the rate of all of them its value
there, r. Because H_eff damps at every time, what is left out behind row K is at the time h = xτ no more than

    (1 + e^{rh/2}) |v_K| x^K + e^{rh/2} h/(K+1) Σ_{m≥1} |v_{K-m}| x^{K-m} Σ_{j≥m} ‖A_j‖ x^j:

the first term as where nothing changes, the second one the source that rows before K have beyond it. The norms of the
parts are taken as SPREAD times the largest factor by which the step has stretched a vector.

Coefficients of a factor that are far below the tolerance are left out, by what a part does to the first row. That may
be nothing, as where a step begins with an eigenstate: if later rows show more of it, they are made again.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import MAX_ORDER, OPTIONS
from .driven_bands import TERMS, add_part, add_shifted, coefficient_at, overlap_with, sum_back
from .horizon import LARGE, LEAST, LEFT_OUT, ROUNDING, guessed_horizon, power_of_two
from .polynomial_bands import (
    CUT,
    TWO_J,
    WIDE_HI,
    WIDE_LO,
    sector_ends,
    weight_at_ends,
    whole_window,
    within_tables,
)
from .propagate import overlap
from .window import blank_rows

SPREAD = 2.0
"""Norms of operators are taken as so much larger than what has been seen of them."""

CONSTANT = 2.0**-6
"""Part of the error of a step that coefficients of the factors may have which are left out."""

MISJUDGED = 2.0**-2
"""The same by what later rows show: above it they are made again with more coefficients."""

SHORTER, MUCH_SHORTER = 0.8, 2.0**-4
"""Factors by which a step is made shorter until it is good, and where its rows are too large."""

TOO_SHORT = 2.0**-256
"""Part of what a step was to be, below which it is given up."""


@njit(**OPTIONS)
def _share(horizon, end, rate, waiting):
    """Part of the tolerance for one of many steps to a jump, or to the end of the trajectory."""
    share = horizon / end
    if rate * horizon > share * waiting:
        share = rate * horizon / waiting if waiting > 0.0 else 1.0
    return min(max(share, LEAST), 1.0)


@njit(**OPTIONS)
def _left_out(most, terms, unit):
    """The most that all but the first coefficients of a factor add to it, in a step of less than two units."""
    made = 0.0
    for k in range(TERMS - 1, terms - 1, -1):
        made += most[k] * (2.0 * unit) ** k
    return made


@njit(**OPTIONS)
def _shifted(series, most, binomials, x, half, unit, least, made):
    """Write the coefficients of a factor around x, in the unit of the rows; how many matter: the rest is below a bound.

    ``most`` bounds each of them, in powers of x; ``least`` is what the rest may be.
    """
    terms = TERMS
    while terms > 1 and _left_out(most, terms - 1, unit / half) <= least:
        terms -= 1
    power = 1.0
    for j in range(TERMS):
        made[j] = coefficient_at(series, binomials, x, j) * power if j < terms else 0.0
        power *= unit / half
    return terms


@njit(**OPTIONS)
def _beyond(norms, order, coefficients, terms, spreads, x):
    """Σ_{m≥1} |v_{K-m}| x^{K-m} Σ_{j≥m} ‖A_j‖ x^j for K = order."""
    highest = np.int64(0)
    for p in range(terms.size):
        highest = max(highest, terms[p] - 1)
    made, tail = 0.0, 0.0
    for m in range(highest, 0, -1):
        strength = 0.0
        for p in range(terms.size):
            strength += abs(coefficients[p, m]) * SPREAD * spreads[p]
        tail += strength * x**m
        if m <= order:
            made += norms[order - m] * x ** (order - m) * tail
    return made


def expand_driven(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """As :func:`.series.expand`; energy and rate to take away are found anew for each step."""
    where, tables, parts, factors = h_eff.where, h_eff.tables, h_eff.parts, h_eff.factors
    sector, beside, lead = where[TWO_J], h_eff.width, tables.reach[-1]
    first, last = sector_ends(h_eff, sector)
    values, stride, start = tables.values, tables.cells[sector], tables.start[sector] - tables.first[sector]
    rows_re, rows_im, norms = work.taylor_re, work.taylor_im, work.norms
    made_re, made_im, terms = factors.made_re, factors.made_im, factors.terms
    coefficients, energies, spreads = factors.coefficients, factors.energy, factors.spread
    n_parts, piece = parts.row.size, factors.place[0]
    half = 0.5 * (factors.end[piece] - factors.start[piece])
    x0 = (factors.clock[0] - factors.start[piece]) / half - 1.0
    wide_lo, wide_hi = whole_window(lo, hi, lead, first, last)
    room, none = lead, np.int64(0)
    blank_rows(rows_re, rows_im, none, none, lo, hi, wide_lo - beside, wide_hi + beside)
    norms[0] = 1.0
    energy = rate = 0.0
    for p in range(n_parts):
        terms[p], energies[p], spreads[p] = 0, 0.0, 0.0
        for j in range(TERMS):
            coefficients[p, j] = 0.0
        if p > 0 and not factors.most[piece, p, 0] > 0.0:
            continue
        terms[p] = 1
        coefficients[p, 0] = coefficient_at(factors.series[piece, p], factors.binomials, x0, 0)
        add_part(
            parts, p, values, start, stride, rows_re[0], rows_im[0], made_re[p], made_im[p], wide_lo, wide_hi, 1.0,
            False, 0.0, 0.0,
        )  # fmt: skip
        along, across = overlap_with(rows_re[0], rows_im[0], made_re[p], made_im[p], wide_lo, wide_hi)
        energies[p] = -across
        energy -= coefficients[p, 0] * across
        rate -= 2.0 * coefficients[p, 0] * along
    if rate < 0.0:
        rate = 0.0
    horizon = guessed_horizon(rate, waiting, most)
    unit, ratio, growth, share, curvature = 1.0, 1.0, 2.0, 1.0, 0.0
    order, done, power, peak, allowed = np.int64(0), not np.isfinite(energy + rate), 1.0, 1.0, tolerance
    is_number = not done
    while order < MAX_ORDER and not done:
        norm2 = 0.0
        if order == 0:
            unit = power_of_two(horizon)
            ratio, power, peak = horizon / unit, 1.0, 1.0
            growth = 1.0 + np.exp(0.5 * rate * horizon)
            share = _share(horizon, factors.total[0], rate, waiting)
            allowed = share * tolerance
            for p in range(n_parts):
                if terms[p] == 0:
                    continue
                made2, norm2 = add_shifted(
                    made_re[p],
                    made_im[p],
                    rows_re[0],
                    rows_im[0],
                    rows_re[1],
                    rows_im[1],
                    wide_lo,
                    wide_hi,
                    unit * coefficients[p, 0],
                    p > 0,
                    energies[p],
                    0.5 * rate if p == 0 else 0.0,
                )
                spreads[p] = max(spreads[p], np.sqrt(made2))
                if p > 0:
                    least = (
                        CONSTANT * allowed / (n_parts * SPREAD * horizon * spreads[p]) if spreads[p] > 0.0 else np.inf
                    )
                    terms[p] = _shifted(
                        factors.series[piece, p],
                        factors.most[piece, p],
                        factors.binomials,
                        x0,
                        half,
                        unit,
                        least,
                        coefficients[p],
                    )
        else:
            if where[CUT] == 0:
                least = LEFT_OUT * tolerance / power
                if weight_at_ends(rows_re[order], rows_im[order], wide_lo, wide_hi, lead, first, last) > least * least:
                    room *= 2
                    at_most = MAX_ORDER * lead  # no series leads farther, and tables need not be wider
                    more_lo, more_hi = max(wide_lo - room, lo - at_most), min(wide_hi + room, hi + at_most)
                    more_lo, more_hi = whole_window(more_lo, more_hi, 0, first, last)
                    if within_tables(h_eff, more_lo, more_hi):
                        blank_rows(rows_re, rows_im, none, order, wide_lo, wide_hi, more_lo - beside, more_hi + beside)
                        blank_rows(made_re, made_im, none, n_parts - 1, wide_lo, wide_hi, more_lo, more_hi)
                        wide_lo, wide_hi = more_lo, more_hi
                    else:
                        where[CUT] = 1
            scale = unit / (order + 1.0)
            for p in range(n_parts):
                if terms[p] == 0:
                    continue
                back = min(terms[p], order + 1)
                re, im, size, part_scale = rows_re[order], rows_im[order], norms[order], scale * coefficients[p, 0]
                if terms[p] > 1:
                    re, im, part_scale = made_re[n_parts], made_im[n_parts], scale
                    size = np.sqrt(sum_back(rows_re, rows_im, order, coefficients[p], back, wide_lo, wide_hi, re, im))
                    blank_rows(made_re, made_im, n_parts, n_parts, wide_lo, wide_hi, wide_lo - beside, wide_hi + beside)
                half_shift = 0.5 * rate if p == 0 else 0.0
                made2, norm2 = add_part(
                    parts, p, values, start, stride, re, im, rows_re[order + 1], rows_im[order + 1], wide_lo, wide_hi,
                    part_scale, p > 0, energies[p], half_shift,
                )  # fmt: skip
                if size > 0.0:
                    spreads[p] = max(spreads[p], np.sqrt(made2) / size)
        order += 1
        blank_rows(rows_re, rows_im, order, order, wide_lo, wide_hi, wide_lo - beside, wide_hi + beside)
        norms[order] = np.sqrt(norm2)
        if not norms[order] < LARGE:
            horizon *= MUCH_SHORTER
            order = np.int64(0)
            done = not horizon > TOO_SHORT * most
            continue
        power *= ratio
        term = norms[order] * power if norms[order] > 0.0 else 0.0
        peak = max(peak, term)
        done = growth * term <= allowed
        if done:
            late = _beyond(norms, order, coefficients, terms, spreads, ratio)
            done = growth * term + (growth - 1.0) * horizon / (order + 1.0) * late <= allowed
        if done or order == MAX_ORDER:
            late = 0.0
            for p in range(1, n_parts):
                if terms[p] > 0:
                    late += _left_out(factors.most[piece, p], terms[p], unit / half) * SPREAD * spreads[p] * horizon
            if late > MISJUDGED * allowed:
                order, done = np.int64(0), False
    if not done:
        horizon = min(horizon, unit * (allowed / (growth * norms[order])) ** (1.0 / order))
        fewer = _share(horizon, factors.total[0], rate, waiting)
        horizon *= (fewer / share) ** (1.0 / order)
        allowed = fewer * tolerance
        off = np.inf
        while off > allowed:
            x = horizon / unit
            off = growth * norms[order] * x**order
            off += (growth - 1.0) * horizon / (order + 1.0) * _beyond(norms, order, coefficients, terms, spreads, x)
            if off > allowed:
                horizon *= SHORTER
    if peak * ROUNDING > 0.1 * tolerance:  # terms much larger than their sum would leave rounding behind
        for k in range(1, order + 1):
            if norms[k] * (horizon / unit) ** k * ROUNDING > 0.1 * tolerance:
                horizon = unit * (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
    if order == 0 and is_number:  # given up
        horizon = 0.0
    if order > 1:
        real, _ = overlap(rows_re, rows_im, np.int64(2), lo, hi)
        curvature = (2.0 * real + norms[1] ** 2) / unit / unit
    where[WIDE_LO], where[WIDE_HI] = max(wide_lo, first), min(wide_hi, last)
    return order, horizon, energy, rate, curvature, energy, rate, unit, wide_lo, wide_hi
