"""One step of no-jump evolution: the Taylor vectors of a state and how far in time they are good."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.extending import overload

from ..no_jump_tables import BandedHeff, ProgramHeff
from .common import INLINED, MAX_ORDER, OPTIONS, PAD
from .driven_bands import DrivenHeff
from .driven_lattice import DrivenLatticeHeff
from .driven_list import DrivenListHeff
from .driven_series import expand_driven
from .fock_rows import FockHeff, apply_fock, change_unit_of_fock, keep_fock, overlap_of_fock
from .horizon import FEW, LARGE, LEAST, LEFT_OUT, ROUNDING, guessed_horizon, horizon_to_jump, power_of_two
from .lattice import LatticeHeff
from .lattice_rows import apply_lattice
from .lattice_sums import change_unit_of_rows, overlap_of_rows
from .nothing import of_complex
from .pattern_links import PatternHeff, keep_rows
from .pattern_products import apply_rows
from .pattern_rows import FIRST, KEPT_CELLS
from .pattern_sums import overlap_of_patterns
from .polynomial_bands import (
    CUT,
    TWO_J,
    WIDE_HI,
    WIDE_LO,
    PolynomialHeff,
    apply_bands,
    apply_pairs,
    sector_ends,
    weight_at_ends,
    whole_window,
    within_tables,
)
from .program import apply_columns, apply_program
from .propagate import apply_complex, apply_real, fill_complex, fill_real, overlap
from .sparse import SparseHeff, apply_lists, apply_runs, keep_slots
from .spin_mode import (
    BOTH,
    IS_COMPLEX,
    OMEGA,
    SpinModeHeff,
    apply_columns_of_mode,
    change_unit_of_columns,
    keep_columns,
    overlap_of_columns,
)
from .vectors import LANES
from .window import blank_rows, clear_beside

ROOM = 4
"""Orders of the series that a window has room for at first."""

NEAR = 16.0
"""Factor by which the unit of time may miss the horizon."""

LONGEST = 4.0
"""Units of time that a step may be long where what rows leave out is judged before its length is known."""

TINY = 2.0**-960

AHEAD = 1.15
"""By this factor a step is begun longer than its rate says: two rows are made before it is known how that changes."""

BESIDE = 2.0**-14
"""Part of the tolerance that the norm of what is left out of a row of the series may have."""

BESIDE_ROWS = 2.0**-7
"""The same of several blocks, where first and last rows of the grid are cut, and first and last columns."""

LEFT_OUT_ROWS = 2.0**-2
"""Part of the tolerance for all that is left out of the rows of the series of rows of patterns.

What is set to zero in row k is missing in the following ones as if it had never come up: w(t) = Σ t^k w_k, where row k
is w_k + δ_k before δ_k is set to zero, obeys dw/dt = Aw - Σ k t^(k-1) δ_k - A t^K w_K. A only damps, up to the shift of
the rate, so that the error is at most e^(rate_shift t/2) Σ t^k ‖δ_k‖ and the remainder.
"""


@njit(**OPTIONS)
def sector_range(N, two_J):
    """First and one past the last position of a sector of one block of spins."""
    first = (N - two_J) // 2 + PAD
    return first, first + two_J + 1


@njit(**INLINED)
def refresh_elements(h_eff, work, two_J, start, stop):
    """Write the off-diagonals of H_eff in sector J for positions start..stop, nothing coupling in from below."""
    if h_eff.is_real:
        fill_real(h_eff.N, two_J, start, stop, h_eff.up_re, work.off_re)
    else:
        fill_complex(
            h_eff.N,
            two_J,
            start,
            stop,
            h_eff.up_re,
            h_eff.up_im,
            h_eff.down_re,
            h_eff.down_im,
            (h_eff.two_re, h_eff.two_im),
            work.off_re,
            work.off_im,
            work.two_re,
            work.two_im,
        )
    for p in range(max(start - PAD, 0), start):
        for direction in range(2):
            work.off_re[direction, p] = 0.0
            work.off_im[direction, p] = 0.0
        work.two_re[p] = 0.0
        work.two_im[p] = 0.0


@njit(**INLINED)
def _widened(lo, hi, reach, first, last):
    """A window wider by ``reach`` on each side, and rounded up to whole vectors, as far as the sector goes."""
    lo, hi = max(lo - reach, first), min(hi + reach, last)
    size = hi - lo
    if size > LANES:
        size = (size + LANES - 1) // LANES * LANES
    hi = min(lo + size, last)
    return max(hi - size, first), hi


@njit(**INLINED)
def _weight_that_leaves(h_eff, work, row, lo, hi):
    """At least |H_eff ψ|² outside lo..hi of row ψ, which is zero there."""
    re, im, off_re = work.taylor_re[row], work.taylor_im[row], work.off_re
    low, high = re[lo] ** 2 + im[lo] ** 2, re[hi - 1] ** 2 + im[hi - 1] ** 2
    if h_eff.is_real:
        return off_re[0, lo - 1] ** 2 * low + off_re[0, hi - 1] ** 2 * high
    down = off_re[1, lo - 1] ** 2 + work.off_im[1, lo - 1] ** 2
    up = off_re[0, hi - 1] ** 2 + work.off_im[0, hi - 1] ** 2
    if h_eff.band > 1 and hi - lo > 1:
        low += re[lo + 1] ** 2 + im[lo + 1] ** 2
        high += re[hi - 2] ** 2 + im[hi - 2] ** 2
        for beside in range(1, 3):
            down += work.two_re[lo - beside] ** 2 + work.two_im[lo - beside] ** 2
            up += work.two_re[hi - beside] ** 2 + work.two_im[hi - beside] ** 2
    return down * low + up * high


@njit(**OPTIONS)
def _change_unit(rows_re, rows_im, norms, order, lo, hi, factor):
    """Write the rows up to ``order``, within lo..hi, in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor
        norms[k] *= scale
        re, im = rows_re[k][lo:hi], rows_im[k][lo:hi]
        for p in range(re.size):
            re[p] *= scale
            im[p] *= scale


def _apply_complex(rows_im, rows_re, *rest):
    return apply_complex(rows_re, rows_im, *rest)


_apply_any = of_complex(_apply_complex, 0.0, INLINED)
"""Where states stay real the elements of H_eff are."""


def _expansion(banded, of_lattice=False, of_list=False, of_rows=False, of_bands=False, of_fock=False, of_columns=False):
    """What ``expand`` does for one type of H_eff; the arguments are constants to numba, which drops other branches."""
    by_rate = banded or of_bands  # to one block of spins it takes longer to find a better end than rows that it saves
    cuts = of_lattice or of_list or of_rows or of_fock or of_columns  # rows leave out what the tolerance does not show

    def expanded(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
        if banded:
            first, last = sector_range(h_eff.N, two_J)
            band, constant = h_eff.band, 0.5 * h_eff.casimir * (0.5 * two_J) * (0.5 * two_J + 1.0)
        elif of_lattice:
            first, last, band, constant = lo, hi, 0, 0.0
        elif of_fock:
            first, last, band, constant = lo, hi, 0, 0.0
            least = (LEFT_OUT * tolerance) ** 2 / (hi - lo)
            keep_fock(work.taylor_re, work.taylor_im, work.shape, work.cover, work.tight, least)
        elif of_columns:
            first, last, band, constant = lo, hi, 0, 0.0
            keep_columns(work.taylor_re, work.taylor_im, work, (LEFT_OUT * tolerance) ** 2 / (hi - lo))
        elif of_rows:
            first, last, band, constant = FIRST, h_eff.rows.extent[KEPT_CELLS], 0, 0.0
            keep_rows(h_eff.rows, h_eff.links, work.taylor_re, work.taylor_im)
        elif of_list:
            first, last, band, constant = PAD, PAD + h_eff.occupied.slots[1], 0, 0.0
            keep_slots(h_eff.occupied, h_eff.occupied.slots[1])
            here = h_eff.occupied.slots[0]
            matrix = h_eff.sectors.h_eff[here]
            beyond = h_eff.matrices.imaginary[matrix]
        elif of_bands:
            band, constant, where, tables = 0, 0.0, h_eff.where, h_eff.tables
            first, last = sector_ends(h_eff, where[TWO_J])
            values, far, stride = tables.values, tables.shift, tables.cells[where[TWO_J]]
            start = tables.start[where[TWO_J]] - tables.first[where[TWO_J]]
            n_real, n_bands, lead = tables.real[-1], tables.end[-1], tables.reach[-1]
        else:
            first, last, band, constant = PAD, PAD + h_eff.diagonal.size, 0, 0.0
        rows_re, rows_im, norms = work.taylor_re, work.taylor_im, work.norms
        norms[0] = 1.0
        if banded and band == 0 and hi - lo == 1:  # a single amplitude that nothing couples decays, and that is all
            norms[1], energy = 0.0, h_eff.diagonal[lo - PAD]
            rate = max(2.0 * (h_eff.half_rate[lo - PAD] + constant), 0.0)
            horizon = guessed_horizon(rate, waiting, most)
            return np.int64(0), horizon, energy, rate, 0.0, energy, rate, power_of_two(horizon), lo, hi
        wide_lo, wide_hi = lo, hi
        if banded:  # all rows have one window, so that none has to be cleared and the series is summed in one sweep
            room = ROOM * band
            wide_lo, wide_hi = _widened(lo, hi, room, first, last)
            blank_rows(rows_re, rows_im, np.int64(0), np.int64(0), lo, hi, wide_lo, wide_hi)
        elif of_bands:
            room = lead
            wide_lo, wide_hi = whole_window(lo, hi, room, first, last)
            blank_rows(rows_re, rows_im, np.int64(0), np.int64(0), lo, hi, wide_lo - h_eff.width, wide_hi + h_eff.width)
        energy, rate, curvature, horizon = shift, rate_shift, 0.0, most
        ahead = waiting if by_rate else AHEAD * waiting
        unit = power_of_two(guessed_horizon(rate_shift, ahead, most))
        # the order is no literal 0, for which every kernel would be compiled once more
        order, done, renewed, again, power, peak, growth = np.int64(0), False, False, False, 1.0, 1.0, 2.0
        ratio = LONGEST  # horizon / unit, or what it is at most until it is known
        gone = 0.0  # norm of what rows of patterns leave out, as it is at the horizon
        while order < MAX_ORDER and not done:
            if banded:
                # two cells more below, for what couples the first one to what is outside
                ready = filled[0] == two_J and filled[1] <= max(wide_lo - PAD, first) and filled[2] >= wide_hi
                if band > 0 and not ready:
                    filled[0], filled[1], filled[2] = two_J, max(wide_lo - 8, first), min(wide_hi + 8, last)
                    refresh_elements(h_eff, work, two_J, filled[1], filled[2])
            half_shift = 0.5 * rate_shift - constant
            more = power * max(ratio, 1.0)  # what the next row counts, at most, where the step ends
            if of_lattice:
                norm2 = apply_lattice(
                    rows_re,
                    rows_im,
                    order,
                    lo,
                    unit,
                    h_eff,
                    work.windows,
                    work.kept,
                    work.made,
                    shift,
                    half_shift,
                    (BESIDE_ROWS * tolerance / more) ** 2,
                )
            elif of_bands:
                if tables.pairs >= 0:
                    norm2 = apply_pairs(
                        rows_re,
                        rows_im,
                        order,
                        wide_lo,
                        wide_hi,
                        unit,
                        values,
                        start,
                        stride,
                        tables.pairs,
                        tables.place,
                        shift,
                        half_shift,
                    )
                else:
                    norm2 = apply_bands(
                        rows_re,
                        rows_im,
                        order,
                        wide_lo,
                        wide_hi,
                        unit,
                        values,
                        start,
                        stride,
                        far,
                        n_real,
                        n_bands,
                        h_eff.width,
                        shift,
                        half_shift,
                    )
            elif of_fock:
                norm2 = apply_fock(
                    rows_re,
                    rows_im,
                    np.int64(order),
                    unit,
                    work.shape,
                    h_eff.level,
                    h_eff.lower,
                    h_eff.upper,
                    h_eff.pointer,
                    h_eff.column,
                    h_eff.value,
                    h_eff.beside,
                    h_eff.near,
                    work.cover,
                    work.tight,
                    shift,
                    half_shift,
                    (LEFT_OUT * tolerance / more) ** 2 / (hi - lo),
                )
            elif of_columns:
                norm2 = apply_columns_of_mode(
                    rows_re,
                    rows_im,
                    np.int64(order),
                    unit,
                    h_eff.elements,
                    h_eff.model.roots,
                    h_eff.model.of_mode[OMEGA],
                    0.5 * h_eff.model.of_mode[BOTH],
                    h_eff.where[IS_COMPLEX],
                    work,
                    shift,
                    half_shift,
                    (LEFT_OUT * tolerance / more) ** 2,
                )
            elif of_rows:
                least = (max(LEFT_OUT_ROWS * tolerance / growth - gone, 0.0) / more) ** 2 / (hi - lo)
                norm2, hi, weight = apply_rows(rows_re, rows_im, np.int64(order), unit, h_eff, shift, half_shift, least)
                last, wide_hi = hi, hi
                gone += more * np.sqrt(weight)
            elif of_list:
                least = (LEFT_OUT * tolerance / more) ** 2 / (hi - lo)
                if h_eff.matrices.run[matrix] == 1:
                    norm2, hi = apply_runs(
                        rows_re,
                        rows_im,
                        np.int64(order),
                        lo,
                        hi,
                        unit,
                        beyond,
                        h_eff.matrices.row[matrix],
                        h_eff.matrices.first,
                        h_eff.matrices.length,
                        h_eff.matrices.column,
                        h_eff.matrices.re,
                        h_eff.matrices.im,
                        h_eff.sectors.facts_at[here],
                        h_eff.sectors.facts,
                        h_eff.occupied.slots,
                        h_eff.occupied.state,
                        h_eff.occupied.slot,
                        h_eff.occupied.spread,
                        h_eff.occupied.energy,
                        h_eff.occupied.half_rate,
                        h_eff.occupied.x_re,
                        h_eff.occupied.x_im,
                        shift,
                        half_shift,
                        least,
                    )
                else:
                    norm2, hi = apply_lists(
                        rows_re,
                        rows_im,
                        np.int64(order),
                        lo,
                        hi,
                        unit,
                        beyond,
                        h_eff.matrices.row[matrix],
                        h_eff.matrices.first,
                        h_eff.matrices.length,
                        h_eff.matrices.column,
                        h_eff.matrices.re,
                        h_eff.matrices.im,
                        h_eff.sectors.facts_at[here],
                        h_eff.sectors.facts,
                        h_eff.occupied.slots,
                        h_eff.occupied.state,
                        h_eff.occupied.slot,
                        h_eff.occupied.spread,
                        h_eff.occupied.energy,
                        h_eff.occupied.half_rate,
                        h_eff.occupied.start,
                        h_eff.occupied.stop,
                        h_eff.occupied.to_slot,
                        h_eff.occupied.list_re,
                        h_eff.occupied.list_im,
                        shift,
                        half_shift,
                        least,
                    )
                last, wide_hi = hi, hi
            elif not banded:
                if h_eff.pointers.size > 0:
                    norm2 = apply_columns(
                        rows_re,
                        rows_im,
                        order,
                        wide_lo,
                        wide_hi,
                        unit,
                        h_eff.pointers,
                        h_eff.rows,
                        h_eff.values_re,
                        h_eff.values_im,
                        h_eff.diagonal,
                        h_eff.half_rate,
                        shift,
                        half_shift,
                        (BESIDE * tolerance / power) ** 2 / h_eff.diagonal.size,
                    )
                else:
                    norm2 = apply_program(
                        rows_re,
                        rows_im,
                        order,
                        wide_lo,
                        wide_hi,
                        unit,
                        h_eff.program,
                        h_eff.bands.shift,
                        h_eff.bands.imaginary,
                        h_eff.bands.values,
                        h_eff.diagonal,
                        h_eff.half_rate,
                        shift,
                        half_shift,
                    )
            elif h_eff.is_real:
                norm2 = apply_real(
                    rows_re,
                    rows_im,
                    order,
                    wide_lo,
                    wide_hi,
                    unit,
                    work.off_re,
                    band,
                    h_eff.diagonal,
                    h_eff.half_rate,
                    shift,
                    half_shift,
                )
            else:
                norm2 = _apply_any(
                    rows_im,
                    rows_re,
                    order,
                    wide_lo,
                    wide_hi,
                    unit,
                    work.off_re,
                    work.off_im,
                    work.two_re,
                    work.two_im,
                    h_eff.band,
                    h_eff.diagonal,
                    h_eff.half_rate,
                    shift,
                    half_shift,
                )
            if order == 0 and not norm2 < LARGE**4 and unit > most * TINY:
                unit /= LARGE  # the square of the row has overflowed, or nearly so
                continue
            if not (banded or of_bands or of_lattice or of_rows or of_fock or of_columns):
                clear_beside(rows_re[order + 1], rows_im[order + 1], wide_lo, wide_hi, 2 * PAD)
            norms[order + 1] = np.sqrt(norm2)
            if order == 0:
                if of_lattice:
                    real, imag = overlap_of_rows(
                        rows_re, rows_im, order + 1, lo, work.shape[1], work.windows, work.made
                    )
                elif of_fock:
                    real, imag = overlap_of_fock(rows_re, rows_im, np.int64(order + 1), work.shape, work.cover)
                elif of_columns:
                    real, imag = overlap_of_columns(rows_re, rows_im, np.int64(order + 1), work)
                elif of_rows:
                    real, imag = overlap_of_patterns(rows_re, rows_im, work.extent, work.base, work.spans, order + 1)
                else:
                    real, imag = overlap(rows_re, rows_im, order + 1, lo, hi)
                energy, rate = shift - imag / unit, max(rate_shift - 2.0 * real / unit, 0.0)
                horizon = guessed_horizon(rate, ahead, most)
                if not renewed and (abs(energy - shift) + abs(rate - rate_shift)) * horizon > 0.25:
                    # the sector or the state has changed much since the shift was taken: take it anew
                    shift, rate_shift, renewed, gone = energy, rate, True, 0.0
                    # not the unit of what was before: in a smaller one all of the row would be negligible
                    unit = power_of_two(horizon)
                    continue
                if cuts and not again and horizon > LONGEST * unit:
                    again, gone = True, 0.0  # too much has been left out of the row for so long a step
                    unit = power_of_two(horizon)
                    continue
                if rate_shift * horizon > 8.0:  # the rate is rounding of what the shift has taken away
                    horizon = 8.0 / rate_shift
                growth = 1.0 + np.exp(0.5 * rate_shift * horizon)
                wanted = power_of_two(horizon)
                if norms[1] < LARGE and (unit > NEAR * wanted or unit * NEAR < wanted):
                    if of_lattice:
                        change_unit_of_rows(
                            rows_re,
                            rows_im,
                            norms,
                            order + 1,
                            lo,
                            work.shape[1],
                            work.windows,
                            work.made,
                            wanted / unit,
                        )
                    elif of_fock:
                        change_unit_of_fock(
                            rows_re, rows_im, norms, np.int64(order + 1), work.shape, work.cover, wanted / unit
                        )
                    elif of_columns:
                        change_unit_of_columns(rows_re, rows_im, norms, np.int64(order + 1), work, wanted / unit)
                    else:
                        _change_unit(rows_re, rows_im, norms, order + 1, wide_lo, wide_hi, wanted / unit)
                    unit = wanted
                ratio = horizon / unit
            if banded and band > 0:
                least = LEFT_OUT * tolerance / (power * ratio) * (order + 1.0) / unit
                if _weight_that_leaves(h_eff, work, order, wide_lo, wide_hi) > least * least:
                    room *= 2
                    more_lo, more_hi = _widened(lo, hi, room, first, last)
                    more_lo, more_hi = min(more_lo, wide_lo), max(more_hi, wide_hi)
                    blank_rows(rows_re, rows_im, np.int64(0), order, wide_lo, wide_hi, more_lo, more_hi)
                    wide_lo, wide_hi = more_lo, more_hi
                    continue
            elif of_bands and order > 0 and where[CUT] == 0:
                # the first row has no amplitudes at the ends
                least = LEFT_OUT * tolerance / power
                if weight_at_ends(rows_re[order], rows_im[order], wide_lo, wide_hi, lead, first, last) > least * least:
                    room *= 2
                    at_most = MAX_ORDER * lead  # no series leads farther, and tables need not be wider
                    more_lo, more_hi = max(wide_lo - room, lo - at_most), min(wide_hi + room, hi + at_most)
                    more_lo, more_hi = whole_window(more_lo, more_hi, 0, first, last)
                    if within_tables(h_eff, more_lo, more_hi):
                        beside = h_eff.width
                        blank_rows(
                            rows_re, rows_im, np.int64(0), order, wide_lo, wide_hi, more_lo - beside, more_hi + beside
                        )
                        wide_lo, wide_hi = more_lo, more_hi
                        continue
                    where[CUT] = 1
            order += 1
            if norms[order] > LARGE:
                _, exponent = math.frexp(norms[order])
                factor = math.ldexp(1.0, -int(exponent // order + 1))
                if of_lattice:
                    change_unit_of_rows(
                        rows_re, rows_im, norms, order, lo, work.shape[1], work.windows, work.made, factor
                    )
                elif of_fock:
                    change_unit_of_fock(rows_re, rows_im, norms, np.int64(order), work.shape, work.cover, factor)
                elif of_columns:
                    change_unit_of_columns(rows_re, rows_im, norms, np.int64(order), work, factor)
                else:
                    _change_unit(rows_re, rows_im, norms, order, wide_lo, wide_hi, factor)
                unit *= factor
                ratio = horizon / unit
                power = ratio ** (order - 1)
            if order == 2:
                if of_lattice:
                    real, imag = overlap_of_rows(rows_re, rows_im, order, lo, work.shape[1], work.windows, work.made)
                elif of_fock:
                    real, imag = overlap_of_fock(rows_re, rows_im, np.int64(order), work.shape, work.cover)
                elif of_columns:
                    real, imag = overlap_of_columns(rows_re, rows_im, np.int64(order), work)
                elif of_rows:
                    real, imag = overlap_of_patterns(rows_re, rows_im, work.extent, work.base, work.spans, order)
                else:
                    real, imag = overlap(rows_re, rows_im, order, lo, hi)
                curvature = 2.0 * real + norms[1] ** 2 - 0.5 * ((rate_shift - rate) * unit) ** 2
                curvature = curvature / unit / unit
                shorter = horizon if by_rate else horizon_to_jump(rate, curvature, waiting, horizon)
                if shorter < horizon:
                    horizon, ratio = shorter, shorter / unit
                    growth = 1.0 + np.exp(0.5 * rate_shift * horizon)
                    power, peak = ratio, max(1.0, norms[1] * ratio)
            power *= ratio
            term = norms[order] * power if norms[order] > 0.0 else 0.0
            peak = max(peak, term)
            done = growth * term <= tolerance
        if not done:
            horizon = min(horizon, unit * (tolerance / (growth * norms[order])) ** (1.0 / order))
            if h_eff.has_jumps and FEW * rate * horizon < waiting:
                # Many such steps lead to the jump, and their errors of the norm add up: each has its share.
                horizon *= max(FEW * rate * horizon / waiting, LEAST) ** (1.0 / order)
        if peak * ROUNDING > 0.1 * tolerance:  # terms much larger than their sum would leave rounding behind
            for k in range(1, order + 1):
                if norms[k] * (horizon / unit) ** k * ROUNDING > 0.1 * tolerance:
                    horizon = unit * (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
        if of_bands:
            where[WIDE_LO], where[WIDE_HI] = max(wide_lo, first), min(wide_hi, last)
        return order, horizon, energy, rate, curvature, shift, rate_shift, unit, wide_lo, wide_hi

    return expanded


_EXPANSIONS = {
    BandedHeff: _expansion(True),
    ProgramHeff: _expansion(False),
    LatticeHeff: _expansion(False, of_lattice=True),
    SparseHeff: _expansion(False, of_list=True),
    PatternHeff: _expansion(False, of_rows=True),
    PolynomialHeff: _expansion(False, of_bands=True),
    FockHeff: _expansion(False, of_fock=True),
    SpinModeHeff: _expansion(False, of_columns=True),
    DrivenHeff: expand_driven,
    DrivenLatticeHeff: expand_driven,
    DrivenListHeff: expand_driven,
}


def expand(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """Taylor vectors of exp(-i(H_eff - s)t) ψ, s = shift - i rate_shift/2, up to where they are needed and good.

    Summed up to order K the series is off by at most (1 + e^{rate_shift t/2}) |row_K| (t/τ)^K in norm, rigorously,
    because H_eff only damps: the remainder before row K is an integral over it, and then row K is added. K is the
    first order for which that is within ``tolerance`` at the horizon, which is the time to the expected jump
    (``waiting`` is the log-survival left to lose) but at most ``most``. If no order does, the horizon shrinks.

    The unit τ of the rows is near the horizon, so that no row can vanish or overflow whatever the units of the model;
    where rows grow too large all the same it is lowered on the way. It is a power of two: no digit depends on it.

    Returns
    -------
    order, horizon, energy, rate, curvature, shift, rate_shift, unit, lo, hi
        Energy, rate and curvature at t = 0: <H>, <R>, and c with -log|ψ(t)|² ≈ rate t - c t². The window of the sum has
        all that does not weigh less than the tolerance shows.
    """
    return _EXPANSIONS[type(h_eff)](h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance)


@overload(expand, jit_options=INLINED)
def _choose_expansion(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    return _EXPANSIONS[h_eff.instance_class]
