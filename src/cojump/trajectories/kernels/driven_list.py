"""A list of basis states whose model changes in time: rows of H_eff of each part, and of the series.

H_eff(t) = Σ_p c_p(t) H_p, as for one block (:mod:`.driven_bands`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import APART, OPTIONS, PAD
from .driven_bands import Factors
from .driven_error import learned
from .horizon import LEFT_OUT, power_of_two
from .lattice import copy_into
from .pairs import pair_of, store_pair
from .propagate import overlap
from .sparse import NOTHING, Jumps, Matrices, Occupied, Sectors, keep_slots, new_slot, rows_times
from .vectors import LANES, fused, load_row, spread, spread_cell, store, total
from .window import clear_beside


@by_reference
class PartLists(NamedTuple):
    """What P parts have beside the whole model.

    Attributes
    ----------
    matrix : (S, P)
        Rows of H_p beside its diagonal, for each sector; NOTHING where it has none.
    facts : (states, 2 P)
        Its diagonal, real and minus imaginary part, of each part; by the states of ``Sectors.facts``.
    diagonal : (2 P, cells)
        The same by slot.
    re, im : (cells,)
        A sum of rows of the series, by slot.
    """

    matrix: NDArray[np.int64]
    facts: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    re: NDArray[np.float64]
    im: NDArray[np.float64]


@by_reference
class DrivenListHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps, matrices, sectors, jumps, occupied
        As in :class:`cojump.trajectories.kernels.sparse.SparseHeff`, of the whole model with all factors 1.
    parts : PartLists
    factors : Factors
    """

    has_jumps: bool
    matrices: Matrices
    sectors: Sectors
    jumps: Jumps
    occupied: Occupied
    parts: PartLists
    factors: Factors


@njit(**OPTIONS)
def _spread(occupied, sectors, matrices, parts, re, im, count, least):
    """Give slots to what H_eff leads to from amplitudes whose weight is above ``least``."""
    here = occupied.slots[0]
    for s in range(count):
        if occupied.spread[s] != 0 or not re[s] * re[s] + im[s] * im[s] > least:
            continue
        occupied.spread[s] = 1
        for p in range(parts.matrix.shape[1]):
            if parts.matrix[here, p] == NOTHING:
                continue
            row = matrices.row[parts.matrix[here, p]] + occupied.state[s]
            for k in range(matrices.first[row], matrices.first[row] + matrices.length[row]):
                q = np.int64(matrices.column[k])
                if occupied.slot[q] < 0:
                    new_slot(occupied, sectors, q)


@njit(**OPTIONS)
def _sum_back(rows_re, rows_im, order, lo, count, coefficients, terms, to_re, to_im):
    """Σ_j c_j (row order - j), j < terms, by slot; its squared norm."""
    square = spread(0.0)
    for s in range(0, count, LANES):
        n, a, b = count - s, spread(0.0), spread(0.0)
        for j in range(terms):
            c = spread_cell(coefficients, j)
            a = fused(c, load_row(rows_re, order - j, lo + s, n), a)
            b = fused(c, load_row(rows_im, order - j, lo + s, n), b)
        store(to_re, s, n, a)
        store(to_im, s, n, b)
        square = fused(a, a, fused(b, b, square))
    return total(square)


@njit(**APART)
def _add_product(diagonal, lossy, has_rows, made, re, im, count, energy, damping, scale, adds, to_re, to_im):
    """Add -i scale (H_p - energy + i damping) times a state by slot to another one, or write it there.

    H_p has ``diagonal`` - i ``lossy``, and if it ``has_rows`` makes ``made`` of the state beside that. Returns the
    squared norm of what is added, without ``scale``, <ψ|(H_p ...)ψ>, and the squared norm of the sum.
    """
    norm2 = along = across = whole = 0.0
    for s in range(count):
        e, g, x, y = diagonal[s] - energy, lossy[s] - damping, re[s], im[s]
        h_re, h_im = e * x + g * y, e * y - g * x
        if has_rows:
            h_re, h_im = h_re + made[s, 0], h_im + made[s, 1]
        norm2 += h_re * h_re + h_im * h_im
        along += h_re * x + h_im * y
        across += h_im * x - h_re * y
        a, b = scale * h_im, -scale * h_re
        if adds:
            a, b = a + to_re[s], b + to_im[s]
        to_re[s], to_im[s] = a, b
        whole += a * a + b * b
    return norm2, along, across, whole


@njit(**OPTIONS)
def _row_of_parts(h_eff, work, order, lo, hi, unit, rate, tolerance):
    """As :func:`.driven_lattice_series._row_of_parts`, and one past the last cell."""
    occupied, factors, parts, matrices = h_eff.occupied, h_eff.factors, h_eff.parts, h_eff.matrices
    coefficients, energies, terms, lost = factors.coefficients, factors.energy, factors.back, 0.0
    rows_re, rows_im, norm2 = work.taylor_re, work.taylor_im, 0.0
    here = occupied.slots[0]
    if order == 0:
        hi = lo + occupied.slots[1]
        keep_slots(occupied, occupied.slots[1])
    least = (LEFT_OUT * tolerance) ** 2 / (hi - lo)
    _spread(occupied, h_eff.sectors, matrices, parts, rows_re[order, lo:], rows_im[order, lo:], hi - lo, least)
    count = occupied.slots[2]
    for k in range(order + 1):
        for s in range(hi, lo + count):
            rows_re[k, s] = 0.0
            rows_im[k, s] = 0.0
    for s in range(0 if order == 0 else hi - lo, count):
        at = h_eff.sectors.facts_at[here] + occupied.state[s]
        for j in range(parts.diagonal.shape[0]):
            parts.diagonal[j, s] = parts.facts[at, j]
    for p in range(terms.size):
        if terms[p] == 0:
            continue
        alone, scale, size2 = order == 0 or terms[p] == 1, unit / (order + 1.0), work.norms[order] ** 2
        re, im = rows_re[order, lo:], rows_im[order, lo:]
        if alone:
            scale *= coefficients[p, 0]
        else:
            re, im = parts.re, parts.im
            size2 = _sum_back(rows_re, rows_im, order, lo, count, coefficients[p], terms[p], parts.re, parts.im)
        matrix = parts.matrix[here, p]
        if matrix != NOTHING:
            for s in range(count):
                store_pair(occupied.x, occupied.state[s], pair_of(re[s], im[s]))
            rows_times(
                matrices.row[matrix], matrices.imaginary[matrix], matrices.first, matrices.length, matrices.column,
                matrices.re, matrices.im, occupied.state, count, occupied.x, occupied.made,
            )  # fmt: skip
        made2, along, across, norm2 = _add_product(
            parts.diagonal[2 * p], parts.diagonal[2 * p + 1], matrix != NOTHING, occupied.made, re, im, count,
            energies[p], 0.5 * rate if p == 0 else 0.0, scale, p > 0, rows_re[order + 1, lo:], rows_im[order + 1, lo:],
        )  # fmt: skip
        lost += learned(factors, p, order, made2, along, across, size2)
    clear_beside(rows_re[order + 1], rows_im[order + 1], lo, lo + count, 2 * PAD)
    return norm2, lost, lo + count


def begin_list(h_eff, work, lo, hi, most, tolerance):
    """As :func:`.driven_lattice_series.begin_lattice`."""
    unit = power_of_two(most)
    copy_into(h_eff.factors.back, h_eff.factors.terms)
    _, lost, hi = _row_of_parts(h_eff, work, np.int64(0), lo, hi, unit, 0.0, tolerance)
    return lost, unit, lo, hi


def row_of_list(h_eff, work, order, lo, hi, unit, before, is_turned, energy, rate, tolerance, spare, late_spare):
    """As :func:`.driven_lattice_series.row_of_lattice`."""
    if order == 0:
        taken = 0.0 if is_turned else before
        norm2 = _turned(work.taylor_re, work.taylor_im, lo, hi, unit / before, 0.5 * rate * taken, energy * taken)
    else:
        norm2, _, hi = _row_of_parts(h_eff, work, order, lo, hi, unit, rate, tolerance)
    return norm2, lo, hi


@njit(**OPTIONS)
def _turned(rows_re, rows_im, lo, hi, scale, real, imag):
    square = 0.0
    for s in range(lo, hi):
        a = scale * (rows_re[1, s] + real * rows_re[0, s] - imag * rows_im[0, s])
        b = scale * (rows_im[1, s] + real * rows_im[0, s] + imag * rows_re[0, s])
        rows_re[1, s], rows_im[1, s] = a, b
        square += a * a + b * b
    return square


def overlap_of_list(h_eff, work, lo, hi):
    """Real part of <row 0|row 2>."""
    real, _ = overlap(work.taylor_re, work.taylor_im, np.int64(2), lo, hi)
    return real
