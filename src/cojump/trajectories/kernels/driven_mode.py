"""Blocks of two levels beside boson modes where terms change in time: the parts of H_eff, on columns of Fock states.

H_eff(t) = Σ_p c_p(t) H_p, as for one block (:mod:`.driven_bands`), where each H_p has the form that :mod:`.spin_mode`
gives H_eff, in the same frame of the mode. A vector of the series has the Fock states of the one before it, and those
to which something leads in them that is not negligible: sums of rows have those of the last one.
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
    blank_rows_of,
    empty,
    keep_columns,
    lead,
    none_seen,
    note,
    overlap_of_columns,
)
from .spin_mode import diagonal_of, from_modes, from_planes, neighbours, own_of_mode, plus
from .vectors import LANES, fused, load, load_row, spread, spread_cell, store, total

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
    tight : (3, 2) int
        What is not negligible of one column of one row.
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
    tight: NDArray[np.int64]


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
    to_re, to_im, re, im, base, far, lo, hi, level, gain, elements, q, beside, multiple, other_re, other_im, adds,
    roots, omega, decay, kind, scale, is_first,
):  # fmt: skip
    """Add rows lo to hi of a column of -i scale (H_p - shift + i half_shift) ψ, or write them there if ``is_first``.

    What other planes lead to is added where there are any (``adds``).

    Returns |H_p ... ψ|², and <ψ|(H_p ...)ψ> as real and imaginary part, of these rows.
    """
    p_re, p_im, q_re, q_im = own_of_mode(elements, q, beside)
    quantum, decaying, factor, back, zero = spread(omega), spread(decay), spread(scale), spread(-scale), spread(0.0)
    alike, several, count = multiple == multiple, spread(multiple), spread(1.0 * lo)
    energy, damping = fused(count, quantum, level), fused(count, decaying, gain)
    made = along = across = up_re = up_im = zero
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
        x, y = back * x, factor * y
        if not is_first:
            y, x = y + load(to_re, p, LANES), x + load(to_im, p, LANES)
        store(to_re, p, LANES, y)
        store(to_im, p, LANES, x)
        energy, damping = energy + quantum, damping + decaying
    return total(made), total(along), total(across)


@njit(**OPTIONS)
def _sum_back(rows_re, rows_im, order, work, coefficients, terms, to_re, to_im):
    """Write Σ_j c_j (row order - j), j < terms, wherever the next row reads it; its squared norm."""
    shape, reach, columns, cover = work.shape, work.reach[order + 1], work.columns, work.cover
    square = spread(0.0)
    for q in range(shape[PLANES]):
        first, last = columns[order + 1, q, 0], columns[order + 1, q, 1]
        for k in range(first - 1, last + 1):
            lo, hi = shape[ROWS], np.int64(0)
            for near in range(max(k - 1, first), min(k + 2, last)):
                if reach[near, 1] > 0:
                    lo, hi = min(lo, max(reach[near, 0] - 1, 0)), max(hi, reach[near, 1] + 1)
            base = LANES * k * shape[ROWS]
            blank_rows_of(to_re, to_im, base, lo, hi)
            for j in range(terms):
                row, c = order - j, spread_cell(coefficients, j)
                if columns[row, q, 0] <= k < columns[row, q, 1]:
                    begin, end = max(lo, cover[row, k, 0]), min(hi, cover[row, k, 1])
                    for p in range(base + LANES * begin, base + LANES * end, LANES):
                        store(to_re, p, LANES, fused(c, load_row(rows_re, row, p, LANES), load(to_re, p, LANES)))
                        store(to_im, p, LANES, fused(c, load_row(rows_im, row, p, LANES), load(to_im, p, LANES)))
            for p in range(base + LANES * lo, base + LANES * hi, LANES):
                a, b = load(to_re, p, LANES), load(to_im, p, LANES)
                square = fused(a, a, fused(b, b, square))
    return total(square)


@njit(**OPTIONS)
def _noted(re, im, order, work, fresh, weight):
    """Find what of a row is not negligible, beside what was not so far, and which rows the next one has; |row|².

    Cells that weigh no more than ``weight`` together are negligible.
    """
    shape, tight, columns, own, reach = work.shape, work.tight, work.columns[order], work.cover[order], work.reach
    cells, norm2 = 1, 0.0
    for q in range(shape[PLANES]):
        for k in range(columns[q, 0], columns[q, 1]):
            cells += LANES * (own[k, 1] - own[k, 0])
    least = weight / cells
    for q in range(shape[PLANES]):
        for k in range(columns[q, 0], columns[q, 1]):
            base, square = LANES * k * shape[ROWS], spread(0.0)
            empty(fresh)
            for n in range(own[k, 0], own[k, 1]):
                a, b = load(re, base + LANES * n, LANES), load(im, base + LANES * n, LANES)
                size = fused(a, a, b * b)
                square = square + size
                note(size, least, fresh, n, size, none_seen())
            norm2 += total(square)
            for end in range(fresh.shape[0]):
                tight[k, end, 0] = min(tight[k, end, 0], fresh[end, 0])
                tight[k, end, 1] = max(tight[k, end, 1], fresh[end, 1])
    if order + 1 < work.columns.shape[0]:
        lead(re, im, work, own, columns, reach[order + 1], work.columns[order + 1])
    return norm2


@njit(**OPTIONS)
def _row_of_parts(h_eff, work, order, lo, hi, unit, rate, tolerance):
    """As :func:`.driven_lattice_series._row_of_parts`."""
    factors, parts, roots = h_eff.factors, h_eff.parts, h_eff.model.roots
    coefficients, energies, terms, lost = factors.coefficients, factors.energy, factors.back, 0.0
    rows_re, rows_im, shape = work.taylor_re, work.taylor_im, work.shape
    least = (LEFT_OUT * tolerance) ** 2
    if order == 0:
        keep_columns(rows_re, rows_im, work, least / (hi - lo))
    to_re, to_im, far, width = rows_re[order + 1], rows_im[order + 1], LANES * shape[ROWS], shape[WIDTH]
    reach, own, columns = work.reach[order + 1], work.cover[order + 1], work.columns[order + 1]
    last_block, modes = parts.multiple.shape[1] - 1, parts.elements.shape[1]
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        alone, scale, size2 = order == 0 or terms[p] == 1, unit / (order + 1.0), work.norms[order] ** 2
        re, im, of_mode, elements = rows_re[order], rows_im[order], parts.of_mode[p, 0], parts.elements[p, 0]
        read, read_columns, half_rate = work.cover[order], work.columns[order], 0.5 * rate if p == 0 else 0.0
        if alone:
            scale *= coefficients[p, 0]
        else:
            re, im = factors.sum_re, factors.sum_im
            size2 = _sum_back(rows_re, rows_im, order, work, coefficients[p], terms[p], re, im)
            read, read_columns = reach, columns  # where there is a sum
        made2, along, across, adds = 0.0, 0.0, 0.0, parts.far[p] > 0
        for plane in range(shape[PLANES]):
            beside = parts.beside[p, plane]
            for k in range(columns[plane, 0], columns[plane, 1]):
                first, last, q = reach[k, 0], reach[k, 1], LANES * (k - plane * width - 1)
                if last == 0:
                    continue
                if adds:
                    from_planes(
                        re, im, work, read, read_columns, plane, k, first, last, beside, parts.multiple[p], roots
                    )
                if adds and modes > 1:
                    from_modes(
                        re, im, work, read, read_columns, plane, k, q, first, last, beside, parts.elements[p], roots
                    )
                level, gain = diagonal_of(
                    parts.level[p], parts.damping[p], work.planes[plane, TABLE], elements, q, beside
                )
                made, real, imag = _add_column(
                    to_re, to_im, re, im, far * k, far, first, last, level - spread(energies[p]),
                    gain - spread(half_rate), elements, q, beside, parts.multiple[p, last_block], work.other_re,
                    work.other_im, adds, roots, of_mode[OMEGA], 0.5 * of_mode[BOTH], parts.kind[p], scale, p == 0,
                )  # fmt: skip
                made2, along, across = made2 + made, along + real, across + imag
        lost += learned(factors, p, order, made2, along, across, size2)
    for plane in range(shape[PLANES]):
        for k in range(columns[plane, 0], columns[plane, 1]):
            own[k, 0], own[k, 1] = reach[k, 0], reach[k, 1]
    return _noted(to_re, to_im, order + 1, work, parts.tight, least), lost


def begin_mode(h_eff, work, lo, hi, most, tolerance):
    """As :func:`.driven_lattice_series.begin_lattice`."""
    unit = power_of_two(most)
    copy_into(h_eff.factors.back, h_eff.factors.terms)
    _, lost = _row_of_parts(h_eff, work, np.int64(0), lo, hi, unit, 0.0, tolerance)
    return lost, unit, lo, hi


def row_of_mode(h_eff, work, order, lo, hi, unit, before, is_turned, energy, rate, tolerance):
    """As :func:`.driven_lattice_series.row_of_lattice`."""
    if order == 0:
        taken = 0.0 if is_turned else before
        least = (LEFT_OUT * tolerance) ** 2
        norm2 = _turned(
            work, h_eff.parts.tight, unit / before, 0.5 * rate * taken, energy * taken, least, least / (hi - lo)
        )
    else:
        norm2, _ = _row_of_parts(h_eff, work, order, lo, hi, unit, rate, tolerance)
    return norm2, lo, hi


@njit(**OPTIONS)
def _turned(work, fresh, scale, real, imag, weight, least):
    rows_re, rows_im, columns, state = work.taylor_re, work.taylor_im, work.columns, work.cover[0]
    keep_columns(rows_re, rows_im, work, least)
    to_re, to_im, factor, f, g = rows_re[1], rows_im[1], spread(scale), spread(scale * real), spread(scale * imag)
    for q in range(work.shape[PLANES]):
        for k in range(columns[1, q, 0], columns[1, q, 1]):
            base, is_of_state = LANES * k * work.shape[ROWS], columns[0, q, 0] <= k < columns[0, q, 1]
            for n in range(work.cover[1, k, 0], work.cover[1, k, 1]):
                p = base + LANES * n
                x, y = factor * load(to_re, p, LANES), factor * load(to_im, p, LANES)
                if is_of_state and state[k, 0] <= n < state[k, 1]:
                    a, b = load_row(rows_re, 0, p, LANES), load_row(rows_im, 0, p, LANES)
                    x, y = fused(f, a, fused(-g, b, x)), fused(f, b, fused(g, a, y))
                store(to_re, p, LANES, x)
                store(to_im, p, LANES, y)
    return _noted(to_re, to_im, np.int64(1), work, fresh, weight)


def overlap_of_mode(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap_of_columns(work.taylor_re, work.taylor_im, np.int64(2), work)
    return real
