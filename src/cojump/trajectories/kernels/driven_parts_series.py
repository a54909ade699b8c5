"""One step of no-jump evolution where terms change in time, whatever its state is written in: :mod:`.driven_series`.

Each part acts on a sum of rows of the series; how it does is chosen by the type of H_eff when a kernel is compiled.
"""

from __future__ import annotations

import numpy as np
from numba.extending import overload

from .common import INLINED, MAX_ORDER, OPTIONS
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
    share_of,
    write_in_unit,
)
from .driven_lattice import DrivenLatticeHeff
from .driven_lattice_series import overlap_of_lattice, row_of_lattice, turned_lattice
from .driven_list import DrivenListHeff, overlap_of_list, row_of_list, turned_list
from .horizon import LARGE, ROUNDING, guessed_horizon, power_of_two

CONSTANT = 2.0**-6
"""Part of the error of a step that coefficients of the factors may have which are left out."""


def _by_type(of_lattice, of_list, options=OPTIONS):
    """The function for the type of the first argument."""
    of = {DrivenLatticeHeff: of_lattice, DrivenListHeff: of_list}

    def chosen(h_eff, *rest):
        return of[type(h_eff)](h_eff, *rest)

    @overload(chosen, jit_options=options, strict=False)
    def choose(h_eff, *rest):
        return of[h_eff.instance_class]

    return chosen


# called at one place each
next_row = _by_type(row_of_lattice, row_of_list, INLINED)
turned_row = _by_type(turned_lattice, turned_list, INLINED)
overlap_with_second = _by_type(overlap_of_lattice, overlap_of_list)


def expand_parts(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """As :func:`.series.expand`; energy and rate to take away are found anew for each step."""
    factors, norms = h_eff.factors, work.norms
    coefficients, energies, spreads, terms = factors.coefficients, factors.energy, factors.spread, factors.terms
    known, each = factors.known, factors.each
    behind = factors.behind  # what is written to an array that has no name is lost where numba inlines functions
    n_parts, piece = terms.size, factors.place[0]
    half = 0.5 * (factors.end[piece] - factors.start[piece])
    x0 = (factors.clock[0] - factors.start[piece]) / half - 1.0
    for p in range(n_parts):
        terms[p], energies[p], spreads[p], known[p] = 0, 0.0, 0.0, False
        for j in range(TERMS):
            coefficients[p, j] = 0.0
        if p == 0 or factors.acts[piece, p]:
            terms[p] = 1
            write_shifted(factors.series[piece, p], factors.binomials, x0, factors.around[p])
            coefficients[p, 0] = factors.around[p, 0]
    norms[0], energy, rate, lost, norm2, curvature = 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    unit, horizon, ratio, growth, share, allowed = power_of_two(most), most, 1.0, 2.0, 1.0, tolerance
    order, done, power, peak, begun, is_number = np.int64(0), False, 1.0, 1.0, False, True
    while order < MAX_ORDER and not done:
        if order > 0 or not begun:
            norm2, lost, hi = next_row(h_eff, work, order, lo, hi, unit, rate, tolerance / power)
        if order == 0:
            taken = 0.0
            if not begun:  # row 1 is there, but nothing is taken away yet
                for p in range(n_parts):
                    energy += coefficients[p, 0] * energies[p]
                rate, taken, begun, is_number = max(lost, 0.0), unit, True, np.isfinite(energy + lost)
                if not is_number:
                    done = True
                    continue
                horizon = guessed_horizon(rate, waiting, most)
            wanted = power_of_two(horizon)
            norm2 = turned_row(h_eff, work, lo, hi, wanted / unit, 0.5 * rate * taken, energy * taken, tolerance)
            unit, ratio, power, peak = wanted, horizon / wanted, 1.0, 1.0
            growth = 1.0 + np.exp(0.5 * rate * horizon)
            share = share_of(horizon, factors.total[0], rate, waiting)
            allowed = share * tolerance
            for p in range(1, n_parts):
                if terms[p] == 0:
                    continue
                least = CONSTANT * allowed / (n_parts * SPREAD * horizon * spreads[p]) if spreads[p] > 0.0 else np.inf
                write_in_unit(factors.around[p], unit / half, coefficients[p])
                terms[p], behind[p] = choose_terms(coefficients[p], factors.sizes[p], ratio, least)
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
        curvature = (2.0 * overlap_with_second(h_eff, work, lo, hi) + norms[1] ** 2) / unit / unit
    return order, horizon, energy, rate, curvature, energy, rate, unit, lo, hi
