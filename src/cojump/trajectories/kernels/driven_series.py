"""One step of no-jump evolution where terms change in time: rows whose coefficients carry those of the factors.

H_eff(t) = Σ_p c_p(t) H_p. Within a piece of the time axis c_p(t₀ + xτ) = Σ_j c_pj x^j is a polynomial, and so the rows
of the series ψ(t₀ + xτ) = Σ_k v_k x^k obey, with A_j = -i Σ_p c_pj H_p,

    v_{k+1} = τ/(k+1) Σ_j A_j v_{k-j}:      one application of each part to a sum of rows, for each row.

From each H_p its average at t₀ is taken, which turns the global phase alone, and from the rate of all of them its value
there, r. Because H_eff damps at every time, what is left out behind row K is at the time h = xτ no more than

    min(1 + e^{rh/2}, e^{rh/2} h/(K+1) Σ_j ‖A_j‖ x^j) |v_K| x^K
        + e^{rh/2} h/(K+1) Σ_{m≥1} |v_{K-m}| x^{K-m} Σ_{j≥m} ‖A_j‖ x^j:

the first term as where nothing changes, or as part of the source that rows up to K have beyond it, and the source that
those before K have. The norms of the parts are taken as SPREAD times the largest factor by which the step has stretched
a vector; that of A_0, by which it has stretched a row, or as those of its parts at the start, if that is more.

Where the product of a coefficient and a row is far below the tolerance, row k + 1 is made without it. That is a source
like the others, of e^{rh/2} h/(k+1) ‖H_p‖ |c_pj| x^j |v_{k-j}| x^{k-j} at most, and belongs to the error. Later rows
may show more of what a part does, above all where a step begins with an eigenstate: if it is too much, all are made
again.

How far a step is to go is known better when it has two rows, by which the rate changes, and six, by which they grow.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .common import MAX_ORDER, OPTIONS
from .driven_bands import HAS_BANDS, TERMS, write_shifted
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
from .driven_products import add_by_bands, add_by_pairs, average_by_bands, average_by_pairs, begin_by_one
from .horizon import LARGE, LEFT_OUT, ROUNDING, guessed_horizon, horizon_to_jump, power_of_two
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

DROPPED = 2.0**-8
"""Part of the error of a step that products may have which are left out of one row."""

FIRST_DROPPED = 2
"""The next row is the first one of which some are left out: before it is not known how far the step goes."""

FEWER = 2.0**-4
"""Part of what is left out of one row that coefficients may add which no row has."""

WELL_KNOWN = 6
"""The row by which it is seen how far the series can reach."""

NEGLIGIBLE = 2.0**-16
"""Part of the longest row below which one says nothing about how rows are stretched."""

FIRST_STRETCHED = 3
"""The row from which on it counts how rows are stretched: the state itself may be an eigenstate, nearly, and its first
row an eigenstate of what is left.
"""

LOG_FACTORIAL = math.lgamma(MAX_ORDER + 1.0)


@njit(**OPTIONS)
def _reached(allowed):
    """The largest x for which x^K/K! is within a bound, K = MAX_ORDER."""
    return np.exp((np.log(allowed) + LOG_FACTORIAL) / MAX_ORDER)


@njit(**OPTIONS)
def _kept(sizes, each, order, terms, rest, least):
    """How many rows before the next one its sum is made of, and what the others would add: ``least`` at most.

    ``rest`` is what coefficients that no row has would add.
    """
    terms = min(terms, order + 1)
    while terms > 1:
        more = rest + sizes[terms - 1] * each[order - terms + 1]
        if more > least:
            break
        rest = more
        terms -= 1
    return terms, rest


def expand_driven(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """As :func:`.series.expand`; energy and rate to take away are found anew for each step."""
    where, tables, parts, factors = h_eff.where, h_eff.tables, h_eff.parts, h_eff.factors
    sector, beside, lead = where[TWO_J], h_eff.width, tables.reach[-1]
    first, last = sector_ends(h_eff, sector)
    values, stride, start = tables.values, tables.cells[sector], tables.start[sector] - tables.first[sector]
    rows_re, rows_im, norms, each = work.taylor_re, work.taylor_im, work.norms, factors.each
    terms, weights, sizes = factors.terms, factors.weights, factors.sizes
    dropped, behind, known = factors.dropped, factors.behind, factors.known
    coefficients, energies, spreads = factors.coefficients, factors.energy, factors.spread
    n_parts, piece = parts.row.size, factors.place[0]
    half = 0.5 * (factors.end[piece] - factors.start[piece])
    x0 = (factors.clock[0] - factors.start[piece]) / half - 1.0
    wide_lo, wide_hi = whole_window(lo, hi, lead, first, last)
    room, none = lead, np.int64(0)
    blank_rows(rows_re, rows_im, none, none, lo, hi, wide_lo - beside, wide_hi + beside)
    norms[0] = each[0] = 1.0
    energy = rate = steady = 0.0
    next_part, n_driven = none, 0  # the first part that changes, where it goes with the one that does not
    for p in range(n_parts):
        terms[p], energies[p], spreads[p], known[p] = 0, 0.0, 0.0, False
        for j in range(TERMS):
            coefficients[p, j] = 0.0
        if p > 0 and not factors.acts[piece, p]:
            continue
        if p > 0:
            n_driven += 1
            if n_driven == 1 and parts.pairs[0] >= 0 and parts.pairs[p] >= 0:
                next_part = np.int64(p)
        terms[p] = 1
        write_shifted(factors.series[piece, p], factors.binomials, x0, factors.around[p])
        begin = start + parts.row[p] * stride
        if parts.pairs[p] >= 0:
            along, across, square = average_by_pairs(
                rows_re[0], rows_im[0], wide_lo, wide_hi, values, begin, stride, parts.pairs[p], parts.place[p]
            )
        else:
            along, across, square = average_by_bands(
                rows_re[0], rows_im[0], wide_lo, wide_hi, values, begin, stride, parts.shift[p], parts.real[p],
                parts.end[p],
            )  # fmt: skip
        energies[p] = -across
        # a difference of squares, which knows no less than their rounding
        spreads[p] = np.sqrt(max(square - across * across, ROUNDING * square))
        steady += abs(factors.around[p, 0]) * spreads[p]
        energy -= factors.around[p, 0] * across
        rate -= 2.0 * factors.around[p, 0] * along
    if rate < 0.0:
        rate = 0.0
    by_one = next_part > 0 and parts.pairs[next_part] & HAS_BANDS == 1 and parts.pairs[0] & HAS_BANDS == 0
    horizon = guessed_horizon(rate, waiting, most)
    unit, ratio, growth, share, curvature = 1.0, 1.0, 2.0, 1.0, 0.0
    order, done, power, peak, allowed = np.int64(0), not np.isfinite(energy + rate), 1.0, 1.0, tolerance
    stretch = seen = gone = term = largest = 0.0
    highest = 2.0  # the largest norm of a row at the end of the step that has been seen
    is_number, longest = not done, most
    while order < MAX_ORDER and not done:
        if order == 0:
            unit = power_of_two(horizon)
            ratio, power, peak, gone = horizon / unit, 1.0, 1.0, 0.0
            growth = 1.0 + np.exp(0.5 * rate * horizon)
            share = share_of(horizon, factors.total[0], rate, waiting)
            allowed = share * tolerance
            for p in range(n_parts):
                dropped[p] = behind[p] = 0.0
                if terms[p] > 0:
                    write_in_unit(factors.around[p], unit / half, coefficients[p])
                    terms[p] = TERMS if p > 0 else 1
        elif where[CUT] == 0:
            least = LEFT_OUT * tolerance / power
            if weight_at_ends(rows_re[order], rows_im[order], wide_lo, wide_hi, lead, first, last) > least * least:
                room *= 2
                at_most = MAX_ORDER * lead  # no series leads farther, and tables need not be wider
                more_lo, more_hi = max(wide_lo - room, lo - at_most), min(wide_hi + room, hi + at_most)
                more_lo, more_hi = whole_window(more_lo, more_hi, 0, first, last)
                if within_tables(h_eff, more_lo, more_hi):
                    blank_rows(rows_re, rows_im, none, order, wide_lo, wide_hi, more_lo - beside, more_hi + beside)
                    wide_lo, wide_hi = more_lo, more_hi
                else:
                    where[CUT] = 1
        scale, norm2, begins = unit / (order + 1.0), 0.0, True
        for p in range(n_parts):
            if terms[p] == 0 or (p == 0 and next_part > 0):
                continue
            n = np.int64(1)
            if p > 0:
                least = np.inf
                if spreads[p] > 0.0:
                    least = DROPPED * allowed / ((growth - 1.0) * n_driven * SPREAD * spreads[p])
                n = min(terms[p], order + 1)
                if order >= FIRST_DROPPED:
                    by = horizon / (order + 1.0)
                    n, rest = _kept(sizes[p], each, order, terms[p], behind[p] * peak, least / by)
                    dropped[p] += rest * by
            for j in range(n):
                weights[j] = scale * coefficients[p, j]
            begin, half_shift = start + parts.row[p] * stride, 0.5 * rate if p == 0 else 0.0
            if next_part == p and by_one:
                size2, made2, norm2 = begin_by_one(
                    rows_re, rows_im, order, wide_lo, wide_hi, weights, n, values, stride, begin, parts.pairs[p],
                    parts.place[p], energies[p], scale, start + parts.row[0] * stride, parts.pairs[0], energies[0],
                    0.5 * rate,
                )  # fmt: skip
            elif parts.pairs[p] >= 0:
                kind, energy_shift = parts.pairs[p], energies[p]
                if p == 0:  # alone: beside nothing that changes
                    kind, energy_shift, weights[0] = none, 0.0, 0.0
                size2, made2, norm2 = add_by_pairs(
                    rows_re, rows_im, order, wide_lo, wide_hi, weights, n, values, stride, begin, kind, parts.place[p],
                    energy_shift, begins, scale, start + parts.row[0] * stride, parts.pairs[0], parts.place[0],
                    energies[0], 0.5 * rate,
                )  # fmt: skip
            else:
                size2, made2, norm2 = add_by_bands(
                    rows_re, rows_im, order, wide_lo, wide_hi, weights, n, values, stride, begin, parts.shift[p],
                    parts.real[p], parts.end[p], energies[p], half_shift, begins, beside, factors.sum_re,
                    factors.sum_im,
                )  # fmt: skip
            begins = False
            if size2 > 0.0:
                spreads[p] = max(spreads[p], np.sqrt(made2 / size2))
                known[p] |= is_of_rows(weights[order] if n > order else 0.0, size2)
        order += 1
        norms[order] = np.sqrt(norm2)
        if not norms[order] < LARGE:
            longest = horizon = MUCH_SHORTER * horizon
            order = np.int64(0)
            done = not horizon > TOO_SHORT * most
            continue
        if norms[order - 1] > 0.0:
            factor = norms[order] / (norms[order - 1] * scale)
            stretch = max(stretch, factor)
            if each[order - 1] > NEGLIGIBLE * peak:
                seen = max(seen, factor)
        if order == FIRST_DROPPED or order == WELL_KNOWN:  # noqa: SIM109 - numba has no other way
            if order == FIRST_DROPPED:
                real, _ = overlap(rows_re, rows_im, order, lo, hi)
                curvature = (2.0 * real + norms[1] ** 2) / unit / unit
                horizon = horizon_to_jump(rate, curvature, waiting, longest)
            else:
                shorter = min(horizon, _reached(allowed / growth) / seen)
                for p in range(1, n_parts):
                    dropped[p] *= (shorter / horizon) ** (FIRST_DROPPED + 1)
                horizon = shorter
            ratio = horizon / unit
            growth = 1.0 + np.exp(0.5 * rate * horizon)
            share = share_of(horizon, factors.total[0], rate, waiting)
            allowed = share * tolerance
            power = peak = 1.0
            for k in range(1, order):
                power *= ratio
                each[k] = norms[k] * power
                peak = max(peak, each[k])
            for p in range(1, n_parts):
                if terms[p] > 0:
                    least = np.inf
                    if spreads[p] > 0.0:
                        least = DROPPED * allowed / ((growth - 1.0) * n_driven * SPREAD * spreads[p])
                    least *= FEWER / (horizon * highest)
                    terms[p], behind[p] = choose_terms(coefficients[p], sizes[p], ratio, least)
        power *= ratio
        term = norms[order] * power if norms[order] > 0.0 else 0.0
        each[order] = term
        peak = max(peak, term)
        reach, largest = (growth - 1.0) * horizon / (order + 1.0), np.inf
        if order >= FIRST_STRETCHED:
            largest = SPREAD * max(stretch, steady)
        if min(growth, reach * largest) * term <= allowed or order == MAX_ORDER:
            gone = 0.0
            for p in range(1, n_parts):
                if terms[p] > 0:
                    gone += SPREAD * (growth - 1.0) * spreads[p] * (dropped[p] + behind[p] * peak * horizon)
            late, rest = beyond(norms, order, coefficients, terms, spreads, ratio)
            off = min(growth, reach * (largest + rest)) * term + reach * late
            done = off + gone <= allowed and are_known(terms, known, each, order, allowed)
            if gone > MISJUDGED * allowed and (done or order == MAX_ORDER):
                order, done, highest, longest = np.int64(0), False, max(highest, peak), horizon
    if not done:
        horizon = min(horizon, unit * (allowed / (growth * norms[order])) ** (1.0 / order))
        fewer = share_of(horizon, factors.total[0], rate, waiting)
        horizon *= (fewer / share) ** (1.0 / order)
        allowed = fewer * tolerance
        off = np.inf
        while off > allowed:
            x = horizon / unit
            reach = (growth - 1.0) * horizon / (order + 1.0)
            late, rest = beyond(norms, order, coefficients, terms, spreads, x)
            off = min(growth, reach * (largest + rest)) * norms[order] * x**order + reach * late
            off += gone * (x / ratio) ** (FIRST_DROPPED + 1)
            if off > allowed:
                horizon *= SHORTER
    if peak * ROUNDING > 0.1 * tolerance:  # terms much larger than their sum would leave rounding behind
        for k in range(1, order + 1):
            if norms[k] * (horizon / unit) ** k * ROUNDING > 0.1 * tolerance:
                horizon = unit * (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
    if order == 0 and is_number:  # given up
        horizon = 0.0
    where[WIDE_LO], where[WIDE_HI] = max(wide_lo, first), min(wide_hi, last)
    return order, horizon, energy, rate, curvature, energy, rate, unit, wide_lo, wide_hi
