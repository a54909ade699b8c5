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

Rows of columns of Fock states have ends that are left out, and what they add is counted, too. Let w_k be the rows that
are made, and δ_k what of row k is negligible and from then on leads nowhere. Then w(t) = Σ_k x^k w_k obeys

    dw/dt = A(t) w - Σ_k (k/τ) x^(k-1) δ_k,      A(t) = Σ_j A_j x^j,

if δ_k is set to zero: all rows that row k would have come into are without it as if it had never come up, whatever the
factors do meanwhile, and so it counts once, not once in each of them. A(t) only damps, up to the shift of the rate, and
the error is e^{rh/2} Σ_k x^k |δ_k| at most; where δ_k stays in the sum of the series, 1 + e^{rh/2} times that.

Of a row that goes into the sums for rows after the next one less is needed, because the coefficients of the factors are
small. What they are without, δ'_k, is a source like other products that are left out, of Σ_{j≥1} x^{k+j} A_j δ'_k:

    e^{rh/2} h/(k+2) x^k |δ'_k| Σ_p ‖H_p‖ Σ_{j≥1} |c_pj| x^j      at most.

A row may be without a part of what is left to leave out, at its cells with the smallest weights. Cells among these that
are beside the window of a row still lead into the next one where that has the place: of them some of A δ_k is there and
some is not, up to h ‖A‖/(k+1) |δ_k| x^k more than the first sum counts. The share of it is small for that, and steps of
1e-9 are compared with those of 1e-12 in the tests.

How far a step is to go is known better when it has two rows, by which the rate changes, and six, by which they grow.

What a state is written in decides how rows are made; it is chosen by the type of H_eff when a kernel is compiled.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .by_type import by_type
from .common import INLINED, MAX_ORDER, OPTIONS
from .driven_band_rows import begin_bands, overlap_of_bands, row_of_bands, seen_of_bands
from .driven_bands import TERMS, DrivenHeff, write_shifted
from .driven_error import (
    MISJUDGED,
    MUCH_SHORTER,
    SHORTER,
    SPREAD,
    TOO_SHORT,
    are_known,
    beyond,
    changing,
    choose_terms,
    share_of,
    write_in_unit,
)
from .driven_fock import DrivenFockHeff, begin_fock, overlap_of_rows, row_of_fock
from .driven_lattice import DrivenLatticeHeff
from .driven_lattice_series import begin_lattice, overlap_of_lattice, row_of_lattice, seen
from .driven_list import DrivenListHeff, begin_list, overlap_of_list, row_of_list
from .driven_mode import DrivenModeHeff, begin_mode, gone_of_mode, overlap_of_mode, row_of_mode
from .driven_patterns import (
    DrivenPatternHeff,
    begin_patterns,
    gone_of_patterns,
    overlap_of_second,
    row_of_patterns,
)
from .horizon import LARGE, ROUNDING, guessed_horizon, horizon_to_jump, power_of_two

DROPPED = 2.0**-8
"""Part of the error of a step that products may have which are left out of one row."""

FIRST_DROPPED = 2
"""The next row is the first one of which some are left out: before it is not known how far the step goes."""

FEWER = 2.0**-4
"""Part of what is left out of one row that coefficients may add which no row has."""

LEADS_NOWHERE, NOT_IN_SUMS = 2.0**-2, 2.0**-6
"""Parts of the error of a step for what leads nowhere of all rows, and for what later sums are without.

The second one is small: how parts stretch what is left out is seen better by later rows. And whatever ends at once is
stretched more than other vectors, so that the series needs more rows.
"""

AT_ONCE, AT_FIRST = 2.0**-1, 2.0**-3
"""Parts of what is left of that which one row may take, and one before it is known how rows are stretched."""

TOO_MUCH = 0.375
"""Part of the error of a step that each of these may have by what later rows show, or if the step is longer than was
thought; above it all are made again.
"""

WELL_KNOWN = 6
"""The row by which it is seen how far the series can reach."""

NEGLIGIBLE = 2.0**-16
"""Part of the longest row below which one says nothing about how rows are stretched."""

FIRST_STRETCHED = 3
"""The row from which on it counts how rows are stretched: the state itself may be an eigenstate, nearly, and its first
row an eigenstate of what is left; or nothing of it may be seen in the first row, but much in the next one.
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


def _nothing_gone(h_eff, order, x):
    """Where it is not counted what rows leave out."""
    return 0.0, 0.0


def _all_of_it(h_eff, lo, hi):
    """The window of a state says nothing where rows or columns have their own."""
    return lo, hi


KINDS = DrivenHeff, DrivenLatticeHeff, DrivenListHeff, DrivenModeHeff, DrivenFockHeff, DrivenPatternHeff


def _by_type(*functions, options=OPTIONS):
    """The function for the type of the first argument, which is one of KINDS."""
    return by_type(dict(zip(KINDS, functions, strict=True)), options)


# called at one place each
begin_parts = _by_type(begin_bands, begin_lattice, begin_list, begin_mode, begin_fock, begin_patterns, options=INLINED)
next_row = _by_type(
    row_of_bands, row_of_lattice, row_of_list, row_of_mode, row_of_fock, row_of_patterns, options=INLINED
)
overlap_with_second = _by_type(
    overlap_of_bands, overlap_of_lattice, overlap_of_list, overlap_of_mode, overlap_of_rows, overlap_of_second
)
gone_of = _by_type(_nothing_gone, _nothing_gone, _nothing_gone, gone_of_mode, _nothing_gone, gone_of_patterns)
window_of = _by_type(seen_of_bands, seen, seen, _all_of_it, _all_of_it, _all_of_it)


def expand_driven(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """As :func:`.series.expand`; energy and rate to take away are found anew for each step."""
    factors, norms = h_eff.factors, work.norms
    terms, sizes, each, back = factors.terms, factors.sizes, factors.each, factors.back
    dropped, behind, known = factors.dropped, factors.behind, factors.known
    coefficients, energies, spreads = factors.coefficients, factors.energy, factors.spread
    n_parts, piece, n_driven = terms.size, factors.place[0], 0
    half = 0.5 * (factors.end[piece] - factors.start[piece])
    x0 = (factors.clock[0] - factors.start[piece]) / half - 1.0
    for p in range(n_parts):
        terms[p], energies[p], spreads[p], known[p] = 0, 0.0, 0.0, False
        for j in range(TERMS):
            coefficients[p, j] = 0.0
        if p == 0 or factors.acts[piece, p]:
            n_driven += p > 0
            terms[p] = 1
            write_shifted(factors.series[piece, p], factors.binomials, x0, factors.around[p])
            coefficients[p, 0] = factors.around[p, 0]
    lost, begun_in, lo, hi = begin_parts(h_eff, work, lo, hi, most, tolerance)
    norms[0] = each[0] = 1.0
    energy = steady = 0.0
    for p in range(n_parts):
        if terms[p] > 0:
            energy += coefficients[p, 0] * energies[p]
            steady += abs(coefficients[p, 0]) * spreads[p]
    rate = max(lost, 0.0)
    horizon = guessed_horizon(rate, waiting, most)
    unit, ratio, growth, share, curvature = begun_in, 1.0, 2.0, 1.0, 0.0
    order, done, power, peak, allowed = np.int64(0), not np.isfinite(energy + rate), 1.0, 1.0, tolerance
    stretch = seen = gone = term = cut = late_cut = late = change = 0.0
    largest = np.inf
    highest = 2.0  # the largest norm of a row at the end of the step that has been seen
    is_number, longest, taken = not done, most, False
    while order < MAX_ORDER and not done:
        before = unit
        if order == 0:
            unit = power_of_two(horizon)
            ratio, power, peak, gone = horizon / unit, 1.0, 1.0, 0.0
            cut = late_cut = change = 0.0
            growth = 1.0 + np.exp(0.5 * rate * horizon)
            share = share_of(horizon, factors.total[0], rate, waiting)
            allowed = share * tolerance
            for p in range(n_parts):
                dropped[p] = behind[p] = 0.0
                if terms[p] > 0:
                    write_in_unit(factors.around[p], unit / half, coefficients[p])
                    terms[p] = TERMS if p > 0 else 1
                    change += SPREAD * spreads[p] * changing(coefficients[p], terms[p], ratio)
        for p in range(n_parts):
            back[p] = min(terms[p], order + 1)
            if p > 0 and terms[p] > 0 and order >= FIRST_DROPPED:
                by, least = horizon / (order + 1.0), np.inf
                if spreads[p] > 0.0:
                    least = DROPPED * allowed / ((growth - 1.0) * n_driven * SPREAD * spreads[p])
                back[p], rest = _kept(sizes[p], each, order, terms[p], behind[p] * peak, least / by)
                dropped[p] += rest * by
        more = power * ratio
        at_once = AT_ONCE if order >= FIRST_STRETCHED else AT_FIRST
        spare, late_spare = at_once * max(LEADS_NOWHERE * allowed - cut, 0.0) / (growth * more), np.inf
        if change > 0.0:
            late_spare = at_once * max(NOT_IN_SUMS * allowed - late_cut, 0.0) * (order + 3.0)
            late_spare /= (growth - 1.0) * horizon * change * more
        norm2, lo, hi = next_row(
            h_eff, work, order, lo, hi, unit, before, taken, energy, rate, tolerance / power, spare, late_spare
        )
        taken = True
        scale = unit / (order + 1.0)
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
            if order >= FIRST_STRETCHED and each[order - 1] > NEGLIGIBLE * peak:
                seen = max(seen, factor)
        if order == FIRST_DROPPED or order == WELL_KNOWN:  # noqa: SIM109 - numba has no other way
            if order == FIRST_DROPPED:
                curvature = (2.0 * overlap_with_second(h_eff, work, lo, hi) + norms[1] ** 2) / unit / unit
                horizon = horizon_to_jump(rate, curvature, waiting, longest)
            else:
                shorter = min(horizon, _reached(allowed / growth) / seen) if seen > 0.0 else horizon
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
        # rows below the error are mostly rounding, which is stretched otherwise
        if order >= FIRST_DROPPED and (order in (FIRST_DROPPED, WELL_KNOWN) or each[order - 1] > allowed):
            change = 0.0
            for p in range(1, n_parts):
                change += SPREAD * spreads[p] * changing(coefficients[p], terms[p], ratio)
        cut, late = gone_of(h_eff, order, ratio)
        cut *= growth
        late_cut = (growth - 1.0) * horizon * change * late
        if order >= FIRST_DROPPED and max(cut, late_cut) > TOO_MUCH * allowed:
            order, longest = np.int64(0), horizon
            continue
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
            gone += late_cut
            behind_all, rest = beyond(norms, order, coefficients, terms, spreads, ratio)
            off = min(growth, reach * (largest + rest)) * term + reach * behind_all
            done = off + gone + cut <= allowed and are_known(terms, known, each, order, allowed)
            if gone - late_cut > MISJUDGED * allowed and (done or order == MAX_ORDER):
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
            behind_all, rest = beyond(norms, order, coefficients, terms, spreads, x)
            off = min(growth, reach * (largest + rest)) * norms[order] * x**order + reach * behind_all
            off += gone * (x / ratio) ** (FIRST_DROPPED + 1)
            now, _ = gone_of(h_eff, order, x)
            off += growth * now
            if off > allowed:
                horizon *= SHORTER
    if peak * ROUNDING > 0.1 * tolerance:  # terms much larger than their sum would leave rounding behind
        for k in range(1, order + 1):
            if norms[k] * (horizon / unit) ** k * ROUNDING > 0.1 * tolerance:
                horizon = unit * (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
    if order == 0 and is_number:  # given up
        horizon = 0.0
    lo, hi = window_of(h_eff, lo, hi)
    return order, horizon, energy, rate, curvature, energy, rate, unit, lo, hi
