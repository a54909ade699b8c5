"""Rows of patterns between two steps, as :mod:`.counting` goes on with them: cut, measured, made to jump."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .common import OPTIONS, PAD
from .lattice import copy_into
from .pattern_jump import perform_pattern_jump
from .pattern_rows import (
    CELLS,
    KEPT_CELLS,
    KEPT_ROWS,
    ROWS,
    add_hops,
    add_row,
    drop_rows,
    empty,
    keep_rows,
    narrow,
    spread_row,
    widen,
)
from .series import LEFT_OUT
from .sparse_state import CHUNK, EDGE, first_cell, is_cut_short, product_of, tail_of  # noqa: F401 - the same for both


def cells(h_eff):
    """Number of cells of the state that a step begins with."""
    return h_eff.rows.extent[KEPT_CELLS] - PAD


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude, roughly."""
    return 8 * h_eff.tables.levels


@njit(**OPTIONS)
def _least_kept(rows, tail, bins):
    """Smallest weight that is kept when up to ``tail`` of the total is cut off, in steps of two."""
    total = 0.0
    re, im = rows.re[0], rows.im[0]
    for r in range(rows.extent[ROWS]):
        for p in range(rows.base[r] + rows.first[r], rows.base[r] + rows.last[r]):
            total += re[p] ** 2 + im[p] ** 2
    for k in range(bins.size):
        bins[k] = 0.0
    for r in range(rows.extent[ROWS]):
        for p in range(rows.base[r] + rows.first[r], rows.base[r] + rows.last[r]):
            weight = (re[p] ** 2 + im[p] ** 2) / total
            if weight > 0.0:
                _, exponent = math.frexp(weight)
                bins[min(max(-exponent, 0), bins.size - 1)] += weight
    cut = 0.0
    for k in range(bins.size - 1, -1, -1):
        cut += bins[k]
        if cut > tail:
            return math.ldexp(total, -k - 1) * EDGE
    return 0.0


def settle(h_eff, work, room, tail, reach):
    """Put the state in ``room.after`` into the rows, normalised, without its tail."""
    rows, after = h_eff.rows, room.after
    copy_into(rows.diagram, after.diagram)
    empty(rows)
    least, norm2 = _least_kept(after, tail, room.bins), 0.0
    re, im = work.taylor_re[0], work.taylor_im[0]
    for s in range(after.extent[ROWS]):
        a, b, base = after.first[s], after.last[s], after.base[s]
        while a < b and after.re[0, base + a] ** 2 + after.im[0, base + a] ** 2 < least:
            a += 1
        while a < b and after.re[0, base + b - 1] ** 2 + after.im[0, base + b - 1] ** 2 < least:
            b -= 1
        if a >= b:
            continue
        cell = rows.extent[CELLS]
        r = add_row(rows, h_eff.tables, after.entry, s)
        for p in range(cell, rows.extent[CELLS]):
            re[p] = im[p] = 0.0
        for x in range(a, b):
            u, v = after.re[0, base + x], after.im[0, base + x]
            re[rows.base[r] + x], im[rows.base[r] + x] = u, v
            norm2 += u * u + v * v
        rows.start[r, 0], rows.start[r, 1] = a, b
    rows.extent[KEPT_ROWS], rows.extent[KEPT_CELLS] = rows.extent[ROWS], rows.extent[CELLS]
    keep_rows(rows, h_eff.links)
    factor = 1.0 / np.sqrt(norm2)
    for p in range(PAD, rows.extent[CELLS]):
        re[p] *= factor
        im[p] *= factor
    return True


@njit(**OPTIONS)
def _copied(rows, tables, re, im, made):
    """Write low..high of rows into a plane of other rows, of the same diagram."""
    copy_into(made.diagram, rows.diagram)
    empty(made)
    for r in range(rows.extent[ROWS]):
        if rows.low[r] < rows.high[r]:
            s = add_row(made, tables, rows.entry, r)
            for x in range(rows.low[r], rows.high[r]):
                made.re[0, made.base[s] + x] = re[rows.base[r] + x]
                made.im[0, made.base[s] + x] = im[rows.base[r] + x]
            widen(made, s, rows.low[r], rows.high[r])


@njit(**OPTIONS)
def _narrow_all(rows, re, im, least):
    for r in range(rows.extent[ROWS]):
        narrow(rows, r, re, im, rows.entry[2, r], rows.entry[1, r] + 1, least)


def set_aside(h_eff, work, re, im, room):
    """Copy a state in the rows to where the state after a jump lies."""
    _narrow_all(h_eff.rows, re, im, 0.0)
    _copied(h_eff.rows, h_eff.tables, re, im, room.after)


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of the state in ``out`` and what operators make of it, and its sector; multiplications made."""
    rows = h_eff.rows
    _gram(h_eff, room, work.out_re, work.out_im, norm2, tolerance, grams)
    copy_into(sector, rows.diagram)
    return (order + 4 * room.vectors.shape[0]) * (rows.extent[CELLS] + 32)


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``."""
    rows = h_eff.rows
    _narrow_all(rows, work.out_re, work.out_im, (LEFT_OUT * tolerance) ** 2 * norm2 / rows.extent[CELLS])
    return perform_pattern_jump(h_eff, room, work.out_re, work.out_im, work.new_re, work.new_im, u)


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    copy_into(sector, room.after.diagram)


@njit(**OPTIONS)
def _fill_vectors(rows, links, tables, room, re, im, end):
    """low..high of a state, and what the operators make of it, in ``room.vectors``."""
    d, psi_re, psi_im = tables.levels, room.vectors[0], room.vectors_im[0]
    for v in range(room.vectors.shape[0]):
        to_re, to_im = room.vectors[v, :end], room.vectors_im[v, :end]
        for p in range(to_re.size):
            to_re[p] = 0.0
            to_im[p] = 0.0
    for r in range(rows.extent[ROWS]):
        for p in range(rows.base[r] + rows.low[r], rows.base[r] + rows.high[r]):
            psi_re[p], psi_im[p] = re[p], im[p]
    for v in range(1, room.vectors.shape[0]):
        x_re, x_im = tables.operators_re[v - 1], tables.operators_im[v - 1]
        to_re, to_im = room.vectors[v], room.vectors_im[v]
        add_hops(rows, links, tables, x_re, x_im, 1.0, psi_re, psi_im, to_re, to_im, 1.0, np.int64(1))
        is_hollow = True
        for a in range(d):
            is_hollow &= x_re[a, a] == 0.0
        if is_hollow:
            continue
        for r in range(rows.extent[ROWS]):
            a, b, base = rows.low[r], rows.high[r], rows.base[r]
            if a >= b:
                continue
            below = rows.entry[1, r] + rows.entry[2, r]
            slope, constant = x_re[0, 0] - x_re[1, 1], x_re[1, 1] * below
            for n in range(3, d + 1):
                total = 0
                for k in range(n):
                    total += rows.entry[n * (n - 1) // 2 + k, r]
                constant += x_re[n - 1, n - 1] * (total - below)
                below = total
            for x in range(a, b):
                value = constant + slope * x
                to_re[base + x] += value * psi_re[base + x]
                to_im[base + x] += value * psi_im[base + x]


@njit(**OPTIONS)
def _gram(h_eff, room, re, im, norm2, tolerance, made):
    """Inner products of an unnormalised state and what the operators make of it, (1 + V, 1 + V), over its norm."""
    rows, tables, links, V = h_eff.rows, h_eff.tables, h_eff.links, room.vectors.shape[0] - 1
    known, cells, linked, spread = rows.extent[ROWS], rows.extent[CELLS], links.made[0], 0
    _narrow_all(rows, re, im, (LEFT_OUT * tolerance) ** 2 * norm2 / cells)
    for r in range(known):
        if rows.low[r] < rows.high[r] and rows.spread[r] == 0:
            room.spread[spread] = r
            spread += 1
            spread_row(rows, links, tables, r)
    end = rows.extent[CELLS]
    _fill_vectors(rows, links, tables, room, re, im, end)
    made[:, :] = 0.0
    for first in range(PAD, end, CHUNK):
        last = min(first + CHUNK, end)
        for v in range(1 + V):
            a_re, a_im = room.vectors[v, first:last], room.vectors_im[v, first:last]
            for w in range(v, 1 + V):
                b_re, b_im = room.vectors[w, first:last], room.vectors_im[w, first:last]
                made[v, w] += product_of(a_re, a_im, b_re, b_im, last - first)
    for v in range(1 + V):
        for w in range(v, 1 + V):
            made[v, w] /= norm2
            made[w, v] = np.conj(made[v, w])
    # as it was before: what is measured must not decide where later numbers are added up
    drop_rows(rows, known, cells)
    links.made[0] = linked
    for k in range(spread):
        rows.spread[room.spread[k]] = 0


@njit(**OPTIONS)
def take_state(rows, tables, entry, re, im):
    """Write a state given by patterns, in their order, (d (d + 1)/2, P) entries, into rows of its diagram."""
    empty(rows)
    n = 0
    while n < re.size:
        q, p = entry[2, n], entry[1, n]
        occupied = False
        for k in range(p - q + 1):
            if re[n + k] != 0.0 or im[n + k] != 0.0:
                occupied = True
        if occupied:
            r = add_row(rows, tables, entry, n)
            widen(rows, r, q, p + 1)
            for k in range(p - q + 1):
                rows.re[0, rows.base[r] + q + k], rows.im[0, rows.base[r] + q + k] = re[n + k], im[n + k]
        n += p - q + 1
