"""Blocks of two levels beside boson modes where terms change in time: the parts of H_eff, on columns of Fock states.

H_eff(t) = Σ_p c_p(t) H_p, as for one block (:mod:`.driven_bands`), where each H_p has the form that :mod:`.spin_mode`
gives H_eff, in the same frame of the mode. A vector of the series has the Fock states to which something leads that is
not negligible: in the one before it, or in those before that as far as they matter to the sums that it is made of. Two
bounds say what is negligible, one for each; what is below them is counted (:mod:`.driven_series`).

The sum of rows that a part acts on is made plane by plane, just before it is read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import INLINED, OPTIONS
from .driven_bands import Factors
from .driven_error import learned
from .horizon import LEFT_OUT, power_of_two
from .lattice import copy_into
from .mode_columns import (
    ALL,
    B_LOW,
    BOTH,
    OMEGA,
    P_LOW,
    PLANES,
    Q_LOW,
    ROWS,
    TABLE,
    WIDTH,
    SpinModeModel,
    empty,
    find_ends,
    keep_columns,
    lead,
)
from .mode_sums import add_row, add_two_rows, overlap_of_columns
from .spin_mode import diagonal_of, from_modes, from_planes, neighbours, own_of_mode, place_of, plus
from .vectors import (
    LANES,
    fused,
    load,
    load_row,
    spread,
    spread_cell,
    store,
    total,
)

NEAR_PLANES = 4
"""Planes of a sum of rows that are kept, where those that are read together are neighbours: more than three."""

ALONG_THE_MODE, REAL, COMPLEX = range(3)
"""What elements between different i a part has: none, or which."""


@by_reference
class PartsOfMode(NamedTuple):
    """What P parts have beside the whole model.

    Attributes
    ----------
    y, one : (P, M, B, 2, 2), (P, B, 2, 2) complex
    collected : (P, B, 2)
    level, damping : (P, .)
    of_mode : (P, M, 10)
    elements : (P, M, 18, 8K)
    beside : (P, planes, .)
    multiple : (P, B)
        As in :class:`.mode_columns.SpinModeModel` and :class:`.mode_columns.SpinModeHeff`, of each part.
    hops, far : (P,) int
        1 where a part leads from i of the last block to i - 1 or i + 1, and where it leads to other planes.
    kind : (P,) int
        ALONG_THE_MODE, REAL or COMPLEX, in the frame of the step.
    tick : (n,)
        Time between two moves of the reference, in each piece of the time axis.
    later : (MAX_ORDER + 1, C, 3, 2) int
        As ``tight`` of :class:`.mode_columns.SpinModeWork`, of each row where it goes into sums with later ones.
    gone : (MAX_ORDER + 1, 2)
        Norms of what of a row leads nowhere, and of what sums with later rows are without.
    """

    y: NDArray[np.complex128]
    one: NDArray[np.complex128]
    collected: NDArray[np.float64]
    level: NDArray[np.float64]
    damping: NDArray[np.float64]
    of_mode: NDArray[np.float64]
    elements: NDArray[np.float64]
    beside: NDArray[np.float64]
    multiple: NDArray[np.float64]
    hops: NDArray[np.int64]
    far: NDArray[np.int64]
    kind: NDArray[np.int64]
    tick: NDArray[np.float64]
    later: NDArray[np.int64]
    gone: NDArray[np.float64]


@by_reference
class DrivenModeHeff(NamedTuple):
    """H_eff of a sector in a frame of the mode, as a no-jump step reads it.

    Attributes
    ----------
    has_jumps, model, c, frame, where, size, radial
        As in :class:`.mode_columns.SpinModeHeff`, of the whole model with all factors 1.
    parts : PartsOfMode
    factors : Factors
    """

    has_jumps: bool
    model: SpinModeModel
    c: NDArray[np.float64]
    frame: NDArray[np.float64]
    where: NDArray[np.int64]
    size: NDArray[np.int64]
    radial: NDArray[np.float64]
    parts: PartsOfMode
    factors: Factors


@njit(inline="always", **OPTIONS)
def _two(elements, slot, q, kind, low, low_im, high, high_im, x, y):
    """Add what elements from i - 1 and i + 1 make."""
    if kind == ALONG_THE_MODE:
        return x, y
    f, h = load_row(elements, slot, q, LANES), load_row(elements, slot + 2, q, LANES)
    if kind == COMPLEX:
        x, y = plus(f, load_row(elements, slot + 1, q, LANES), low, low_im, x, y)
        return plus(h, load_row(elements, slot + 3, q, LANES), high, high_im, x, y)
    return fused(f, low, fused(h, high, x)), fused(f, low_im, fused(h, high_im, y))


@njit(inline="always", **OPTIONS)
def _read(re, p, far, kind):
    """As neighbours; what is next to amplitudes stays unread where a part leads from none of it."""
    if kind == ALONG_THE_MODE:
        here = load(re, p, LANES)
        return here, here, here
    return neighbours(re, p, far)


@njit(**INLINED)
def _add_column(
    to_re, to_im, re, im, to, base, far, lo, hi, level, gain, elements, q, beside, multiple, other_re, other_im, adds,
    roots, omega, decay, kind, scale, is_first,
):  # fmt: skip
    """Add rows lo to hi of a column of -i scale (H_p - shift + i half_shift) ψ, or write them there if ``is_first``.

    In ψ the column begins at cell ``base``, here ``to`` cells behind that. What other planes lead to is added where
    there are any (``adds``).

    Returns |H_p ... ψ|², <ψ|(H_p ...)ψ> as real and imaginary part, |ψ|² and that of what is there now, by lanes.
    """
    p_re, p_im, q_re, q_im = own_of_mode(elements, q, beside)
    quantum, decaying, factor, back, zero = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    alike, several, count = multiple == multiple, spread(multiple), spread(1.0 * lo)
    energy, damping = fused(count, quantum, level), fused(count, decaying, gain)
    made = along = across = square = whole = up_re = up_im = zero
    if lo > 0:
        a, low, high = _read(re, base + LANES * (lo - 1), far, kind)
        b, low_im, high_im = _read(im, base + LANES * (lo - 1), far, kind)
        y_re, y_im = _two(elements, P_LOW, q, kind, low, low_im, high, high_im, zero, zero)
        up_re, up_im = plus(p_re, p_im, a, b, y_re, y_im)
    a, low, high = _read(re, base + LANES * lo, far, kind)
    b, low_im, high_im = _read(im, base + LANES * lo, far, kind)
    y_re, y_im = _two(elements, P_LOW, q, kind, low, low_im, high, high_im, zero, zero)
    for n in range(lo, hi):
        p = base + LANES * n
        x, y = fused(energy, a, damping * b), fused(energy, b, -(damping * a))
        if alike:
            x, y = fused(several, y_re, x), fused(several, y_im, y)
        else:
            x, y = _two(elements, B_LOW, q, kind, low, low_im, high, high_im, x, y)
        if adds:
            x, y = x + load(other_re, LANES * n, LANES), y + load(other_im, LANES * n, LANES)
        root = spread(roots[n])
        x, y = fused(root, up_re, x), fused(root, up_im, y)
        up_re, up_im = plus(p_re, p_im, a, b, y_re, y_im)
        here_re, here_im = a, b
        a, low, high = _read(re, p + LANES, far, kind)
        b, low_im, high_im = _read(im, p + LANES, far, kind)
        y_re, y_im = _two(elements, P_LOW, q, kind, low, low_im, high, high_im, zero, zero)
        down_re, down_im = y_re, y_im
        if not alike:
            down_re, down_im = _two(elements, Q_LOW, q, kind, low, low_im, high, high_im, zero, zero)
        down_re, down_im = plus(q_re, q_im, a, b, down_re, down_im)
        root = spread(roots[n + 1])
        x, y = fused(root, down_re, x), fused(root, down_im, y)
        made = fused(x, x, fused(y, y, made))
        along = fused(here_re, x, fused(here_im, y, along))
        across = fused(here_re, y, fused(-here_im, x, across))
        square = fused(here_re, here_re, fused(here_im, here_im, square))
        x, y = back * x, factor * y
        if not is_first:
            y, x = y + load(to_re, to + p, LANES), x + load(to_im, to + p, LANES)
        whole = fused(x, x, fused(y, y, whole))
        store(to_re, to + p, LANES, y)
        store(to_im, to + p, LANES, x)
        energy, damping = energy + quantum, damping + decaying
    return made, along, across, square, whole


@njit(**OPTIONS)
def _sum_plane(rows_re, rows_im, order, work, later, coefficients, terms, q, there, to_re, to_im):
    """Write Σ_j c_j (row order - j), j < terms, wherever the next row reads it from plane q.

    Of rows before the last one it has what is not negligible in ``later`` sums. It is written where plane q modulo
    ``there`` has its place.
    """
    shape, reach, columns = work.shape, work.reach[order + 1], work.columns
    first, last = columns[order + 1, q, 0], columns[order + 1, q, 1]
    for k in range(first - 1, last + 1):
        lo, hi = shape[ROWS], np.int64(0)
        for near in range(max(k - 1, first), min(k + 2, last)):
            if reach[near, 1] > 0:
                lo, hi = min(lo, max(reach[near, 0] - 1, 0)), max(hi, reach[near, 1] + 1)
        base, c = LANES * k * shape[ROWS], spread_cell(coefficients, 0)
        to = LANES * place_of(q, k, shape[WIDTH], there) * shape[ROWS] - base
        # beside what it has, the last row is zero as far as the next one reads it
        for p in range(base + LANES * lo, base + LANES * hi, LANES):
            store(to_re, to + p, LANES, c * load_row(rows_re, order, p, LANES))
            store(to_im, to + p, LANES, c * load_row(rows_im, order, p, LANES))
        one, f, begin, end = np.int64(-1), 0.0, np.int64(0), np.int64(0)
        for j in range(1, terms):
            row, g = order - j, coefficients[j]
            if columns[row, q, 0] <= k < columns[row, q, 1]:
                low, high = max(lo, later[row, k, ALL, 0]), min(hi, later[row, k, ALL, 1])
                if low >= high:
                    continue
                if one < 0:
                    one, f, begin, end = np.int64(row), g, low, high
                else:
                    add_two_rows(rows_re, rows_im, one, f, begin, end, row, g, low, high, base, to_re, to_im, to)
                    one = np.int64(-1)
        if one >= 0:
            add_row(rows_re, rows_im, one, f, begin, end, base, to_re, to_im, to)


@njit(**OPTIONS)
def _lead_on(work, later, order, farthest):
    """Say which rows row order + 1 has: those to which the last one leads, and ``farthest`` - 1 before it."""
    tight = work.tight
    for row in range(max(order - farthest + 1, 0), order):
        columns = work.columns[row]
        for q in range(work.shape[PLANES]):
            for k in range(columns[q, 0], columns[q, 1]):
                if later[row, k, ALL, 1] > 0:
                    for end in range(3):
                        tight[k, end, 0] = min(tight[k, end, 0], later[row, k, end, 0])
                        tight[k, end, 1] = max(tight[k, end, 1], later[row, k, end, 1])
    lead(
        work.taylor_re[order], work.taylor_im[order], work, work.cover[order], work.columns[order],
        work.reach[order + 1], work.columns[order + 1],
    )  # fmt: skip
    own, columns = work.cover[order], work.columns[order]
    for q in range(work.shape[PLANES]):
        for k in range(columns[q, 0], columns[q, 1]):
            # what leads nowhere belongs to the row no more
            lo, hi = max(own[k, 0], tight[k, ALL, 0]), min(own[k, 1], tight[k, ALL, 1])
            own[k, 0], own[k, 1] = (lo, hi) if lo < hi else (0, 0)
    for k in range(tight.shape[0]):
        empty(tight[k])


@njit(**OPTIONS)
def _row_of_parts(h_eff, work, order, unit, rate, spare, late_spare):
    """As :func:`.driven_lattice_series._row_of_parts`, with what the row may be without: see :func:`row_of_mode`."""
    factors, parts, roots = h_eff.factors, h_eff.parts, h_eff.model.roots
    coefficients, energies, terms, lost, norm2 = factors.coefficients, factors.energy, factors.back, 0.0, 0.0
    rows_re, rows_im, shape, later = work.taylor_re, work.taylor_im, work.shape, parts.later
    first_part, last_part, farthest, ahead, cells = np.int64(0), np.int64(0), np.int64(1), np.int64(0), np.int64(1)
    for p in range(terms.size - 1, 0, -1):
        if terms[p] > 0:
            first_part, last_part, farthest = np.int64(p), max(last_part, np.int64(p)), max(farthest, terms[p])
    if order > 0:
        _lead_on(work, later, order, farthest)
    last_block, modes = parts.multiple.shape[1] - 1, parts.elements.shape[1]
    for axis in range(work.hops.size):
        ahead += work.hops[axis]
    # of sums only the planes have room that are read together: they stay near
    there = NEAR_PLANES if ahead == 1 and modes == 1 else 0
    to_re, to_im, far, width = rows_re[order + 1], rows_im[order + 1], LANES * shape[ROWS], shape[WIDTH]
    reach, own, columns = work.reach[order + 1], work.cover[order + 1], work.columns[order + 1]
    for plane in range(shape[PLANES]):
        for k in range(columns[plane, 0], columns[plane, 1]):
            own[k, 0], own[k, 1] = reach[k, 0], reach[k, 1]
            cells += LANES * (own[k, 1] - own[k, 0])
    least, late_least, gone, late_gone = spare**2 / cells, late_spare**2 / cells, 0.0, 0.0
    for p in range(first_part, last_part + 1):
        if terms[p] == 0:
            continue
        alone, scale, size2 = order == 0 or terms[p] == 1, unit / (order + 1.0), work.norms[order] ** 2
        part_re, part_im, sums_ahead, summed = rows_re[order], rows_im[order], np.int64(0), np.int64(0)
        if alone:
            scale *= coefficients[p, 0]
            summed = shape[PLANES]
        else:
            part_re, part_im = factors.sum_re, factors.sum_im
            if parts.far[p] > 0:
                sums_ahead = ahead
        made = along = across = steady = steady_along = steady_across = square = whole = spread(0.0)
        begins = np.int64(0) if p == first_part and p > 0 else np.int64(1)
        for plane in range(shape[PLANES]):
            while summed < min(plane + sums_ahead + 1, shape[PLANES]):
                _sum_plane(
                    rows_re, rows_im, order, work, later, coefficients[p], terms[p], summed, there, part_re, part_im
                )
                summed += 1
            for k in range(columns[plane, 0], columns[plane, 1]):
                first, last, q = reach[k, 0], reach[k, 1], LANES * (k - plane * width - 1)
                if last == 0:
                    continue
                # the part that does not change goes with the first one that does
                for turn in range(begins, 2):
                    is_steady = turn == 0
                    part, re, im = p, part_re, part_im
                    read, read_columns, factor, half_rate = reach, columns, scale, 0.0  # where there is a sum
                    place = there
                    if alone:
                        read, read_columns, place = work.cover[order], work.columns[order], 0
                    if is_steady:
                        part, re, im, factor = np.int64(0), rows_re[order], rows_im[order], unit / (order + 1.0)
                        factor *= coefficients[0, 0]
                        read, read_columns, place = work.cover[order], work.columns[order], 0
                    if part == 0:
                        half_rate = 0.5 * rate
                    base = far * place_of(plane, k, width, place)
                    elements, beside, adds = parts.elements[part, 0], parts.beside[part, plane], parts.far[part] > 0
                    if adds:
                        from_planes(
                            re, im, work, read, read_columns, plane, k, first, last, beside, parts.multiple[part],
                            roots, place,
                        )  # fmt: skip
                    if adds and modes > 1:
                        from_modes(
                            re, im, work, read, read_columns, plane, k, q, first, last, beside, parts.elements[part],
                            roots,
                        )  # fmt: skip
                    level, gain = diagonal_of(
                        parts.level[part], parts.damping[part], work.planes[plane, TABLE], elements, q, beside
                    )
                    of_made, real, imag, of_square, of_row = _add_column(
                        to_re, to_im, re, im, far * k - base, base, far, first, last, level - spread(energies[part]),
                        gain - spread(half_rate), elements, q, beside, parts.multiple[part, last_block], work.other_re,
                        work.other_im, adds, roots, parts.of_mode[part, 0, OMEGA], 0.5 * parts.of_mode[part, 0, BOTH],
                        parts.kind[part], factor, part == 0,
                    )  # fmt: skip
                    if is_steady:
                        steady, steady_along, steady_across = (
                            steady + of_made,
                            steady_along + real,
                            steady_across + imag,
                        )
                    else:
                        made, along, across, square = made + of_made, along + real, across + imag, square + of_square
                whole = whole + of_row
            if p == last_part and order > 0:
                gone += find_ends(to_re, to_im, shape[ROWS], columns[plane], reach, least, work.tight)
                late_gone += find_ends(to_re, to_im, shape[ROWS], columns[plane], reach, late_least, later[order + 1])
        if begins == 0:
            lost += learned(
                factors, np.int64(0), order, total(steady), total(steady_along), total(steady_across), size2
            )
        lost += learned(factors, p, order, total(made), total(along), total(across), size2 if alone else total(square))
        norm2 = total(whole)
    parts.gone[order + 1, 0], parts.gone[order + 1, 1] = np.sqrt(gone), np.sqrt(late_gone)
    return norm2, lost


def begin_mode(h_eff, work, lo, hi, most, tolerance):
    """As :func:`.driven_lattice_series.begin_lattice`."""
    unit, none = power_of_two(most), np.int64(0)
    copy_into(h_eff.factors.back, h_eff.factors.terms)
    keep_columns(work.taylor_re, work.taylor_im, work, (LEFT_OUT * tolerance) ** 2, hi - lo)
    _, lost = _row_of_parts(h_eff, work, none, unit, 0.0, 0.0, 0.0)
    return lost, unit, lo, hi


def row_of_mode(h_eff, work, order, lo, hi, unit, before, is_turned, energy, rate, tolerance, spare, late_spare):
    """As :func:`.driven_lattice_series.row_of_lattice`.

    Cells of the row may lead nowhere that have the norm ``spare`` together, and those of the norm ``late_spare`` need
    not be in later sums.
    """
    if order == 0:
        taken = 0.0 if is_turned else before
        norm2 = _turned(work, h_eff.parts, unit / before, 0.5 * rate * taken, energy * taken, spare, late_spare)
    else:
        norm2, _ = _row_of_parts(h_eff, work, order, unit, rate, spare, late_spare)
    return norm2, lo, hi


@njit(**OPTIONS)
def _turned(work, parts, scale, real, imag, spare, late_spare):
    rows_re, rows_im, columns, state = work.taylor_re, work.taylor_im, work.columns, work.cover[0]
    to_re, to_im, factor, f, g = rows_re[1], rows_im[1], spread(scale), spread(scale * real), spread(scale * imag)
    own, square, gone, cells = work.cover[1], spread(0.0), 0.0, np.int64(1)
    for k in range(work.tight.shape[0]):
        empty(work.tight[k])
    for q in range(work.shape[PLANES]):
        for k in range(columns[1, q, 0], columns[1, q, 1]):
            # all of it is there still where the step is made again
            own[k, 0], own[k, 1] = work.reach[1, k, 0], work.reach[1, k, 1]
            cells += LANES * (own[k, 1] - own[k, 0])
    # a quarter of it is for the state, half of it for the first row
    least, late_least, later = spare**2 / cells, (0.5 * late_spare) ** 2 / cells, parts.later
    late_gone, of_state, late_of_state = 0.0, 0.0, 0.25 * late_least
    for q in range(work.shape[PLANES]):
        of_state += find_ends(rows_re[0], rows_im[0], work.shape[ROWS], columns[0, q], state, late_of_state, later[0])
    for q in range(work.shape[PLANES]):
        for k in range(columns[1, q, 0], columns[1, q, 1]):
            base, is_of_state = LANES * k * work.shape[ROWS], columns[0, q, 0] <= k < columns[0, q, 1]
            for n in range(own[k, 0], own[k, 1]):
                p = base + LANES * n
                x, y = factor * load(to_re, p, LANES), factor * load(to_im, p, LANES)
                if is_of_state and state[k, 0] <= n < state[k, 1]:
                    a, b = load_row(rows_re, 0, p, LANES), load_row(rows_im, 0, p, LANES)
                    x, y = fused(f, a, fused(-g, b, x)), fused(f, b, fused(g, a, y))
                store(to_re, p, LANES, x)
                store(to_im, p, LANES, y)
                square = fused(x, x, fused(y, y, square))
        gone += find_ends(to_re, to_im, work.shape[ROWS], columns[1, q], own, least, work.tight)
        late_gone += find_ends(to_re, to_im, work.shape[ROWS], columns[1, q], own, late_least, later[1])
    parts.gone[0, 0], parts.gone[0, 1] = 0.0, np.sqrt(of_state)
    parts.gone[1, 0], parts.gone[1, 1] = np.sqrt(gone), np.sqrt(late_gone)
    return total(square)


def gone_of_mode(h_eff, order, x):
    """Σ_k |δ_k| x^k of what leads nowhere, k ≤ order, and Σ_k |δ'_k| x^k/(k + 2) of what later sums are without."""
    gone, power, now, late = h_eff.parts.gone, 1.0, 0.0, 0.0
    for k in range(order + 1):
        now += gone[k, 0] * power
        late += gone[k, 1] * power / (k + 2.0)
        power *= x
    return now, late


def overlap_of_mode(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap_of_columns(work.taylor_re, work.taylor_im, np.int64(2), work)
    return real
