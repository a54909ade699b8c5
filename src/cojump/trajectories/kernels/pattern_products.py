"""What operators make of a state that is rows of patterns: one term, one-body operators, and a row of the series."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .pattern_links import spread_row
from .pattern_rows import (
    CELLS,
    ENERGY,
    FIRST,
    HALF_RATE,
    ROWS,
    cell_of,
    clear,
    make_room,
    narrow,
    weight_of_cells,
    widen,
)
from .vectors import LANES, after, before, fused, load, load_row, spread, store, total


@njit(**OPTIONS)
def carry(to_re, to_im, to, rows, r, re, im, a, b, shift, roots, s, t, c_re, c_im):
    """Add c roots[s + x] roots[t + x] times the state of row r at x + shift to the cells to + x, x = a..b."""
    real, imaginary = spread(c_re), spread(c_im)
    for x in range(a // LANES * LANES, b, LANES):
        cell = cell_of(rows, r, x)
        u, v = load(re, cell, LANES), load(im, cell, LANES)
        if shift > 0:
            cell = cell_of(rows, r, x + LANES)
            u, v = after(u, load(re, cell, LANES)), after(v, load(im, cell, LANES))
        if shift < 0:
            cell = cell_of(rows, r, x - LANES)
            u, v = before(load(re, cell, LANES), u), before(load(im, cell, LANES), v)
        root = load(roots, s + x, LANES) * load(roots, t + x, LANES)
        made_re, made_im = load(to_re, to + x, LANES), load(to_im, to + x, LANES)
        if c_re != 0.0:
            factor = real * root
            made_re, made_im = fused(factor, u, made_re), fused(factor, v, made_im)
        if c_im != 0.0:
            factor = imaginary * root
            made_re, made_im = fused(-factor, v, made_re), fused(factor, u, made_im)
        store(to_re, to + x, LANES, made_re)
        store(to_im, to + x, LANES, made_im)


@njit(inline="always", **OPTIONS)
def _leads(x_re, x_im, a, b):
    return x_re[a, b] != 0.0 or x_im[a, b] != 0.0


@njit(**OPTIONS)
def widen_hops(rows, links, x_re, x_im, least):
    """Let first..last of all rows have what a one-body matrix makes of low..high; see add_hops."""
    if least < 2:
        reach = 1 if _leads(x_re, x_im, 0, 1) or _leads(x_re, x_im, 1, 0) else 0
        for r in range(rows.extent[ROWS]):
            if rows.low[r] < rows.high[r]:
                widen(rows, r, rows.low[r] - reach, rows.high[r] + reach)
    for k in range(links.made[0]):
        r, s, b, a = links.lower[k], links.upper[k], links.b[k], links.a[k]
        if b >= least:
            if rows.low[r] < rows.high[r] and (_leads(x_re, x_im, a, b) or _leads(x_re, x_im, 0, b)):
                widen(rows, s, rows.low[r], rows.high[r] + 1)
            if rows.low[s] < rows.high[s] and (_leads(x_re, x_im, b, a) or _leads(x_re, x_im, b, 0)):
                widen(rows, r, rows.low[s] - 1, rows.high[s])


@njit(**OPTIONS)
def _add(rows, to_re, to_im, to, r, re, im, shift, roots, s, t, c_re, c_im, f_re, f_im):
    """Add c f times what of low..high of row r there are cells for in row ``to``."""
    if c_re != 0.0 or c_im != 0.0:
        a, b = max(rows.low[r] - shift, rows.left[to]), min(rows.high[r] - shift, rows.right[to])
        c_re, c_im = f_re * c_re - f_im * c_im, f_re * c_im + f_im * c_re
        carry(to_re, to_im, rows.base[to], rows, r, re, im, a, b, shift, roots, s, t, c_re, c_im)


@njit(**OPTIONS)
def add_hops(rows, links, tables, x_re, x_im, f_re, f_im, re, im, to_re, to_im, least):
    """Add f times what a one-body matrix makes of low..high of all rows, its diagonal aside.

    Hops between levels below ``least`` are left out. Rows must have cells for what comes of it.
    """
    roots, ones = tables.roots, tables.ones
    if least < 2:
        for r in range(rows.extent[ROWS]):
            if rows.low[r] < rows.high[r]:
                p, q = rows.entry[1, r], rows.entry[2, r]
                s, t = tables.rise - q, tables.fall - p - 1  # the roots of x - q and p + 1 - x
                _add(rows, to_re, to_im, r, r, re, im, -1, roots, s, t, x_re[0, 1], x_im[0, 1], f_re, f_im)
                s, t = s + 1, t + 1
                _add(rows, to_re, to_im, r, r, re, im, 1, roots, s, t, x_re[1, 0], x_im[1, 0], f_re, f_im)
    for k in range(links.made[0]):
        r, s, b, a = links.lower[k], links.upper[k], links.b[k], links.a[k]
        if b < least:
            continue
        t0, t1, w_re, w_im = links.t0[k], links.t1[k], f_re * links.w0[k], f_im * links.w0[k]
        v_re, v_im = (f_re * links.w1[k], f_im * links.w1[k]) if a == 1 else (0.0, 0.0)
        if rows.low[r] < rows.high[r]:
            _add(rows, to_re, to_im, s, r, re, im, 0, roots, ones, t0, x_re[a, b], x_im[a, b], w_re, w_im)
            if a == 1:
                _add(rows, to_re, to_im, s, r, re, im, -1, roots, ones, t1 - 1, x_re[0, b], x_im[0, b], v_re, v_im)
        if rows.low[s] < rows.high[s]:
            _add(rows, to_re, to_im, r, s, re, im, 0, roots, ones, t0, x_re[b, a], x_im[b, a], w_re, w_im)
            if a == 1:
                _add(rows, to_re, to_im, r, s, re, im, 1, roots, ones, t1, x_re[b, 0], x_im[b, 0], v_re, v_im)


@njit(**OPTIONS)
def _add_diagonal(rows, tables, scale, shift, half_shift, re, im, to_re, to_im):
    """Write what the diagonal of H_eff makes of first..last of all rows, and zeros beside."""
    scales, shifts, half_shifts = spread(scale), spread(shift), spread(half_shift)
    for r in range(rows.extent[ROWS]):
        base, fact = rows.base[r], rows.fact[r]
        for x in range(rows.left[r], rows.right[r], LANES):
            u, v = load(re, base + x, LANES), load(im, base + x, LANES)
            energy = scales * (load_row(tables.facts, ENERGY, fact + x, LANES) - shifts)
            damping = scales * (load_row(tables.facts, HALF_RATE, fact + x, LANES) - half_shifts)
            store(to_re, base + x, LANES, fused(energy, v, -(damping * u)))
            store(to_im, base + x, LANES, -fused(energy, u, damping * v))


@njit(inline="always", **OPTIONS)
def _carries(rows, s):
    """Whether there is a row beside another one that has something to carry on."""
    return s >= 0 and rows.low[s] < rows.high[s]


@njit(**OPTIONS)
def _widen_near(rows, links):
    """As widen_hops, for hops between the levels 0, 1 and 2 alone."""
    near = links.near
    for r in range(rows.extent[ROWS]):
        p, q = rows.entry[1, r], rows.entry[2, r]
        a, b = p + 1, q
        if _carries(rows, r):
            a, b = rows.low[r] - 1, rows.high[r] + 1
        for i in range(2):
            s = near[i, r]
            if _carries(rows, s):
                a, b = min(a, rows.low[s]), max(b, rows.high[s] + 1)
            s = near[2 + i, r]
            if _carries(rows, s):
                a, b = min(a, rows.low[s] - 1), max(b, rows.high[s])
        widen(rows, r, a, b)


@njit(inline="always", **OPTIONS)
def _beside(rows, s):
    """Where cells for x = 0 and the first and one past the last x of a row are; nowhere of no row."""
    return (rows.base[s], rows.left[s], rows.right[s]) if s >= 0 else (0, 0, 0)


@njit(inline="always", **OPTIONS)
def _cell(row, x):
    """As cell_of, of what _beside has found."""
    return row[0] + x if row[1] <= x and x < row[2] else 0


@njit(**OPTIONS)
def _gather(rows, links, tables, scale, shift, half_shift, re, im, to_re, to_im):
    """As _add_diagonal, together with add_hops between the levels 0, 1 and 2 of a real H; the squared norm."""
    roots, h, near, way = tables.roots, tables.h_re, links.near, links.way
    up, down, scales = spread(scale * h[0, 1]), spread(scale * h[1, 0]), spread(scale)
    shifts, half_shifts, zero = spread(shift), spread(half_shift), spread(0.0)
    square_re = square_im = zero
    for r in range(rows.extent[ROWS]):
        p, q, base, left, right = rows.entry[1, r], rows.entry[2, r], rows.base[r], rows.left[r], rows.right[r]
        a, b = right, right
        if rows.first[r] < rows.last[r]:
            a, b = rows.first[r] // LANES * LANES, (rows.last[r] + LANES - 1) // LANES * LANES
        clear(to_re, to_im, base + left, base + a)
        clear(to_re, to_im, base + b, base + right)
        if a >= b:
            continue
        s0, s1, s2, s3 = near[0, r], near[1, r], near[2, r], near[3, r]
        row, row0, row1 = (base, left, right), _beside(rows, s0), _beside(rows, s1)
        row2, row3 = _beside(rows, s2), _beside(rows, s3)
        w0, w1 = scale * way[0, max(s0, 0)], scale * way[1, max(s1, 0)]
        w2, w3 = scale * way[0, r], scale * way[1, r]
        a0, b0, c1, d1 = spread(w0 * h[0, 2]), spread(w0 * h[1, 2]), spread(w1 * h[1, 2]), spread(-w1 * h[0, 2])
        c2, d2, a3, b3 = spread(w2 * h[2, 0]), spread(w2 * h[2, 1]), spread(w3 * h[2, 1]), spread(-w3 * h[2, 0])
        # the roots of x - q and p + 1 - x; those of x - q + 1 and p - x are one place farther
        rise, fall, fact = tables.rise - q, tables.fall - p - 1, rows.fact[r]
        cell, cell0, cell1 = _cell(row, a - LANES), _cell(row0, a - LANES), _cell(row1, a - LANES)
        u_last, v_last = load(re, cell, LANES), load(im, cell, LANES)
        u0_last, v0_last = load(re, cell0, LANES), load(im, cell0, LANES)
        u1_last, v1_last = load(re, cell1, LANES), load(im, cell1, LANES)
        cell2, cell3 = _cell(row2, a), _cell(row3, a)
        u, v = load(re, base + a, LANES), load(im, base + a, LANES)
        u2, v2, u3, v3 = load(re, cell2, LANES), load(im, cell2, LANES), load(re, cell3, LANES), load(im, cell3, LANES)
        for x in range(a, b, LANES):
            cell, cell0, cell1 = _cell(row, x + LANES), _cell(row0, x), _cell(row1, x)
            cell2, cell3 = _cell(row2, x + LANES), _cell(row3, x + LANES)
            u_next, v_next = load(re, cell, LANES), load(im, cell, LANES)
            u0, v0, u1, v1 = (
                load(re, cell0, LANES),
                load(im, cell0, LANES),
                load(re, cell1, LANES),
                load(im, cell1, LANES),
            )
            u2_next, v2_next = load(re, cell2, LANES), load(im, cell2, LANES)
            u3_next, v3_next = load(re, cell3, LANES), load(im, cell3, LANES)
            rise0, rise1 = load(roots, rise + x, LANES), load(roots, rise + x + 1, LANES)
            fall0, fall1 = load(roots, fall + x, LANES), load(roots, fall + x + 1, LANES)
            energy = scales * (load_row(tables.facts, ENERGY, fact + x, LANES) - shifts)
            damping = scales * (load_row(tables.facts, HALF_RATE, fact + x, LANES) - half_shifts)
            k, l = up * (rise0 * fall0), down * (rise1 * fall1)
            h_re = fused(k, before(u_last, u), fused(l, after(u, u_next), energy * u))
            h_im = fused(k, before(v_last, v), fused(l, after(v, v_next), energy * v))
            k, l = a0 * rise0, b0 * fall1
            g_re = fused(k, before(u0_last, u0), l * u0)
            g_im = fused(k, before(v0_last, v0), l * v0)
            k, l = d1 * fall0, c1 * rise1
            h_re = fused(k, before(u1_last, u1), fused(l, u1, h_re))
            h_im = fused(k, before(v1_last, v1), fused(l, v1, h_im))
            k, l = d2 * fall0, c2 * rise1
            g_re = fused(k, u2, fused(l, after(u2, u2_next), g_re))
            g_im = fused(k, v2, fused(l, after(v2, v2_next), g_im))
            k, l = a3 * rise0, b3 * fall1
            h_re = fused(k, u3, fused(l, after(u3, u3_next), h_re))
            h_im = fused(k, v3, fused(l, after(v3, v3_next), h_im))
            made_re = fused(-damping, u, h_im + g_im)
            made_im = -fused(damping, v, h_re + g_re)
            store(to_re, base + x, LANES, made_re)
            store(to_im, base + x, LANES, made_im)
            square_re, square_im = fused(made_re, made_re, square_re), fused(made_im, made_im, square_im)
            u_last, v_last, u, v, u0_last, v0_last, u1_last, v1_last = u, v, u_next, v_next, u0, v0, u1, v1
            u2, v2, u3, v3 = u2_next, v2_next, u3_next, v3_next
    return total(square_re + square_im)


@njit(**OPTIONS)
def apply_rows(rows_re, rows_im, order, unit, h_eff, shift, half_shift, least):
    """As apply_real, on all rows; ends of rows whose weights are up to ``least`` are not carried on.

    Returns the squared norm and one past the last cell.
    """
    rows, links, tables = h_eff.rows, h_eff.links, h_eff.tables
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    for r in range(rows.extent[ROWS]):
        a, b = rows.first[r], rows.last[r]
        if order == 0:
            a, b = rows.start[r, 0], rows.start[r, 1]
        narrow(rows, r, re, im, a, b, least)
        rows.first[r] = rows.last[r] = 0
        if rows.low[r] < rows.high[r] and rows.spread[r] == 0:
            spread_row(rows, links, tables, r)
    scale, h_re, h_im = unit * (1.0 / (order + 1.0)), tables.h_re, tables.h_im
    is_real = h_im[0, 1] == 0.0 and h_im[0, 2] == 0.0 and h_im[1, 2] == 0.0
    beyond = np.int64(3 if is_real else 1)
    if is_real:
        _widen_near(rows, links)
    if not is_real or tables.levels > 3:
        widen_hops(rows, links, h_re, h_im, beyond)
    make_room(rows, rows_re, rows_im, order)
    end, norm2 = rows.extent[CELLS], 0.0
    if is_real:
        norm2 = _gather(rows, links, tables, scale, shift, half_shift, re, im, to_re, to_im)
    else:
        _add_diagonal(rows, tables, scale, shift, half_shift, re, im, to_re, to_im)
    if not is_real or tables.levels > 3:
        add_hops(rows, links, tables, h_re, h_im, 0.0, -scale, re, im, to_re, to_im, beyond)
        norm2 = weight_of_cells(to_re, to_im, FIRST, end)
    return norm2, end
