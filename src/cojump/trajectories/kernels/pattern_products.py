"""What operators make of a state that is rows of patterns: one term, one-body operators, and a row of the series."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import INLINED, OPTIONS
from .pattern_links import spread_rows
from .pattern_rows import (
    CELLS,
    ENERGY,
    FAR,
    HALF_RATE,
    ROWS,
    cell_of,
    fill_beside,
    place_again,
    trim,
    weight_of,
    widen,
)
from .vectors import LANES, after, before, fused, load, load_row, spread, store, total


@njit(**INLINED)
def carry(to_re, to_im, to, a, b, re, im, base, left, right, shift, roots, s, t, c_re, c_im):
    """Add c roots[s + x] roots[t + x] times a row at x + shift to the cells to + x, x = a..b.

    There is something in the cells base + x, x = left..right, of the row; nothing beside.
    """
    real, imaginary = spread(c_re), spread(c_im)
    for x in range(a // LANES * LANES, b, LANES):
        cell = cell_of(base, left, right, x)
        u, v = load(re, cell, LANES), load(im, cell, LANES)
        if shift > 0:
            cell = cell_of(base, left, right, x + LANES)
            u, v = after(u, load(re, cell, LANES)), after(v, load(im, cell, LANES))
        if shift < 0:
            cell = cell_of(base, left, right, x - LANES)
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
def _rows_beside(near, r):
    """The rows beside a row, as numbers without a sign: any other index is asked each time whether it is negative."""
    return np.uint64(near[r, 0]), np.uint64(near[r, 1]), np.uint64(near[r, 2]), np.uint64(near[r, 3])


@njit(inline="always", **OPTIONS)
def _leads(x_re, x_im, a, b):
    return x_re[a, b] != 0.0 or x_im[a, b] != 0.0


@njit(inline="always", **OPTIONS)
def _leads_to(x_re, x_im):
    """How far a one-body matrix carries along a row, and whether it does to the rows behind, and before it."""
    reach = 1 if _leads(x_re, x_im, 0, 1) or _leads(x_re, x_im, 1, 0) else 0
    up = _leads(x_re, x_im, 1, 2) or _leads(x_re, x_im, 0, 2)
    return reach, up, _leads(x_re, x_im, 2, 1) or _leads(x_re, x_im, 2, 0)


@njit(inline="always", **OPTIONS)
def _reached(rows, near, r, reach, up, down):
    """From where to where a row has what hops between the levels 0, 1 and 2 make of it and of those beside it."""
    low, high = rows.low, rows.high
    a, b = low[r] - reach, high[r] + reach
    s0, s1, s2, s3 = _rows_beside(near, r)
    if up:
        a, b = min(a, low[s0], low[s1]), max(b, high[s0] + 1, high[s1] + 1)
    if down:
        a, b = min(a, low[s2] - 1, low[s3] - 1), max(b, high[s2], high[s3])
    return max(a, rows.entry[2, r]), min(b, rows.entry[1, r] + 1)


@njit(**OPTIONS)
def _widen_far(rows, links, x_re, x_im):
    """Let first..last of all rows have what hops to and from levels above 2 make of low..high."""
    for k in range(links.made[0]):
        r, s, b, a = links.lower[k], links.upper[k], links.b[k], links.a[k]
        if rows.low[r] < rows.high[r] and (_leads(x_re, x_im, a, b) or _leads(x_re, x_im, 0, b)):
            widen(rows, s, rows.low[r], rows.high[r] + 1)
        if rows.low[s] < rows.high[s] and (_leads(x_re, x_im, b, a) or _leads(x_re, x_im, b, 0)):
            widen(rows, r, rows.low[s] - 1, rows.high[s])


@njit(**OPTIONS)
def widen_hops(rows, links, x_re, x_im):
    """Let first..last of all rows have what a one-body matrix makes of low..high."""
    reach, up, down = _leads_to(x_re, x_im)
    for r in range(rows.extent[ROWS]):
        a, b = _reached(rows, links.near, r, reach, up, down)
        if a < b:
            rows.first[r], rows.last[r] = min(a, rows.first[r]), max(b, rows.last[r])
    _widen_far(rows, links, x_re, x_im)


@njit(**OPTIONS)
def make_room(rows, links, tables, x_re, x_im, rows_re, rows_im, order):
    """See that all rows are there, with cells, for what a matrix makes of low..high: their span in the row of the
    series to come.
    """
    is_far = tables.levels > 3
    spread_rows(rows, links, tables)
    if is_far:
        for r in range(rows.extent[ROWS]):
            rows.first[r], rows.last[r] = FAR, -FAR
        _widen_far(rows, links, x_re, x_im)
    near, left, right = links.near, rows.left, rows.right
    here, there = rows.spans[order], rows.spans[order + 1]
    reach, up, down = _leads_to(x_re, x_im)
    for r in range(rows.extent[ROWS]):
        a, b = _reached(rows, near, r, reach, up, down)
        if is_far:
            a, b = min(a, rows.first[r]), max(b, rows.last[r])
        if a >= b:
            there[r, 0] = there[r, 1] = 0
            continue
        if a < left[r] or right[r] < b:
            place_again(rows, rows_re, rows_im, order, r, a, b)
        a, b = a // LANES * LANES, (b + LANES - 1) // LANES * LANES
        there[r, 0], there[r, 1] = a, b
        if a < here[r, 0] or here[r, 1] < b:
            fill_beside(rows, rows_re, rows_im, order, r, a, b)


@njit(**INLINED)
def _add(rows, here, there, to_re, to_im, to, r, re, im, shift, roots, s, t, c_re, c_im, f_re, f_im):
    """Add c f times what of low..high of row r there are cells for in row ``to``."""
    if c_re != 0.0 or c_im != 0.0:
        a, b = max(rows.low[r] - shift, there[to, 0]), min(rows.high[r] - shift, there[to, 1])
        c_re, c_im = f_re * c_re - f_im * c_im, f_re * c_im + f_im * c_re
        carry(
            to_re,
            to_im,
            rows.base[to],
            a,
            b,
            re,
            im,
            rows.base[r],
            here[r, 0],
            here[r, 1],
            shift,
            roots,
            s,
            t,
            c_re,
            c_im,
        )


@njit(**OPTIONS)
def add_far(rows, links, tables, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im, there):
    """Add f times what hops of a one-body matrix to and from levels above 2 make of low..high of all rows.

    The state is in ``here``, and what comes of it has cells in ``there``, (R, 2).
    """
    roots, ones = tables.roots, tables.ones
    for k in range(links.made[0]):
        r, s, b, a = links.lower[k], links.upper[k], links.b[k], links.a[k]
        for shift in range(2 if a == 1 else 1):
            t, w, c = (links.t1[k], links.w1[k], 0) if shift == 1 else (links.t0[k], links.w0[k], a)
            w_re, w_im = f_re * w, f_im * w
            if rows.low[r] < rows.high[r]:
                c_re, c_im = x_re[c, b], x_im[c, b]
                _add(
                    rows,
                    here,
                    there,
                    to_re,
                    to_im,
                    s,
                    r,
                    re,
                    im,
                    -shift,
                    roots,
                    ones,
                    t - shift,
                    c_re,
                    c_im,
                    w_re,
                    w_im,
                )
            if rows.low[s] < rows.high[s]:
                c_re, c_im = x_re[b, c], x_im[b, c]
                _add(rows, here, there, to_re, to_im, r, s, re, im, shift, roots, ones, t, c_re, c_im, w_re, w_im)


@njit(**OPTIONS)
def _add_diagonal(rows, facts, scale, shift, half_shift, re, im, here, to_re, to_im, there):
    """Write what the diagonal of a part of H_eff makes of ``here`` into all of ``there``, (R, 2)."""
    scales, shifts, half_shifts = spread(scale), spread(shift), spread(half_shift)
    for r in range(rows.extent[ROWS]):
        base, fact = rows.base[r], rows.fact[r]
        for x in range(there[r, 0], there[r, 1], LANES):
            cell = cell_of(base, here[r, 0], here[r, 1], x)
            u, v = load(re, cell, LANES), load(im, cell, LANES)
            energy = scales * (load_row(facts, ENERGY, fact + x, LANES) - shifts)
            damping = scales * (load_row(facts, HALF_RATE, fact + x, LANES) - half_shifts)
            store(to_re, base + x, LANES, fused(energy, v, -(damping * u)))
            store(to_im, base + x, LANES, -fused(energy, u, damping * v))


@njit(inline="always", **OPTIONS)
def _beside(rows, here, s):
    """Where cells for x = 0 and the first and one past the last x of a row are."""
    return rows.base[s], here[s, 0], here[s, 1]


@njit(inline="always", **OPTIONS)
def _cell(row, x):
    """As cell_of, of what _beside has found."""
    return cell_of(row[0], row[1], row[2], x)


@njit(**OPTIONS)
def add_near(rows, links, tables, terms, x_re, x_im, f_re, f_im, fresh, re, im, here, to_re, to_im, there):
    """Add f times what hops of one-body matrices between the levels 0, 1 and 2 make of all rows, a plane for each.

    ``terms``, (M, 3), are the matrix, a and b of each x_ab that is not zero, matrix by matrix. The state is in
    ``here``, and what comes of it has cells in ``there``, (R, 2); there is nothing in them yet where ``fresh`` is 1.
    """
    roots, near, way, made, nothing = tables.roots, links.near, links.way, links.made_of, spread(0.0)
    for r in range(rows.extent[ROWS]):
        p, q, base, a, b = rows.entry[1, r], rows.entry[2, r], rows.base[r], there[r, 0], there[r, 1]
        if a >= b:
            continue
        s0, s1, s2, s3 = _rows_beside(near, r)
        row, row0, row1 = _beside(rows, here, r), _beside(rows, here, s0), _beside(rows, here, s1)
        row2, row3 = _beside(rows, here, s2), _beside(rows, here, s3)
        w0, w1, w2, w3 = spread(way[0, s0]), spread(way[1, s1]), spread(way[0, r]), spread(way[1, r])
        rise, fall = tables.rise - q, tables.fall - p - 1  # as in _gather
        for x in range(a, b, LANES):
            rise0, rise1 = load(roots, rise + x, LANES), load(roots, rise + x + 1, LANES)
            fall0, fall1 = load(roots, fall + x, LANES), load(roots, fall + x + 1, LANES)
            for part in range(2):
                psi = re if part == 0 else im
                u = load(psi, _cell(row, x), LANES)
                u0, u1 = load(psi, _cell(row0, x), LANES), load(psi, _cell(row1, x), LANES)
                u2, u3 = load(psi, _cell(row2, x), LANES), load(psi, _cell(row3, x), LANES)
                last = before(load(psi, _cell(row, x - LANES), LANES), u)
                last0 = before(load(psi, _cell(row0, x - LANES), LANES), u0)
                last1 = before(load(psi, _cell(row1, x - LANES), LANES), u1)
                following = after(u, load(psi, _cell(row, x + LANES), LANES))
                following2 = after(u2, load(psi, _cell(row2, x + LANES), LANES))
                following3 = after(u3, load(psi, _cell(row3, x + LANES), LANES))
                at = part * 9 * LANES
                store(made, at + LANES, LANES, rise0 * fall0 * last)
                store(made, at + 3 * LANES, LANES, rise1 * fall1 * following)
                store(made, at + 2 * LANES, LANES, w0 * rise0 * last0 - w1 * fall0 * last1)
                store(made, at + 5 * LANES, LANES, w0 * fall1 * u0 + w1 * rise1 * u1)
                store(made, at + 6 * LANES, LANES, w2 * rise1 * following2 - w3 * fall1 * following3)
                store(made, at + 7 * LANES, LANES, w2 * fall0 * u2 + w3 * rise0 * u3)
            before_v = -1
            for k in range(terms.shape[0]):
                v, c, e = terms[k, 0], terms[k, 1], terms[k, 2]
                g_re, g_im = x_re[v, c, e], x_im[v, c, e]
                c_re, c_im = spread(f_re * g_re - f_im * g_im), spread(f_re * g_im + f_im * g_re)
                at = (3 * c + e) * LANES
                y, z = load(made, at, LANES), load(made, 9 * LANES + at, LANES)
                sum_re = sum_im = nothing
                if fresh == 0 or v == before_v:
                    sum_re, sum_im = load_row(to_re, v, base + x, LANES), load_row(to_im, v, base + x, LANES)
                before_v = v
                store(to_re[v], base + x, LANES, fused(c_re, y, fused(-c_im, z, sum_re)))
                store(to_im[v], base + x, LANES, fused(c_re, z, fused(c_im, y, sum_im)))


@njit(inline="always", **OPTIONS)
def _write_pair(to_re, to_im, planes, a, b, p, u, v, y, z):
    """Write |a><b| + |b><a| and i (|b><a| - |a><b|), of what |a><b| makes, u + iv, and |b><a|, y + iz."""
    plane = planes[a, b]
    if plane >= 0:
        store(to_re[plane], p, LANES, u + y)
        store(to_im[plane], p, LANES, v + z)
    plane = planes[b, a]
    if plane >= 0:
        store(to_re[plane], p, LANES, v - z)
        store(to_im[plane], p, LANES, y - u)


@njit(**OPTIONS)
def write_generators(rows, links, tables, re, im, here, to_re, to_im, start, stop, back):
    """Write what the measured matrices ``planes`` of the levels 0, 1 and 2 lead to in rows start..stop.

    There is a plane for each. The state is in ``here``, (R, 2), and so are they, but ``back`` cells nearer to the
    beginning.
    """
    roots, near, way, planes = tables.roots, links.near, links.way, tables.planes
    for r in range(start, stop):
        p, q, to, a, b = rows.entry[1, r], rows.entry[2, r], rows.base[r] - back, here[r, 0], here[r, 1]
        if a >= b:
            continue
        s0, s1, s2, s3 = _rows_beside(near, r)
        row, row0, row1 = _beside(rows, here, r), _beside(rows, here, s0), _beside(rows, here, s1)
        row2, row3 = _beside(rows, here, s2), _beside(rows, here, s3)
        w0, w1, w2, w3 = spread(way[0, s0]), spread(way[1, s1]), spread(way[0, r]), spread(way[1, r])
        rise, fall = tables.rise - q, tables.fall - p - 1  # as in _gather
        for x in range(a, b, LANES):
            rise0, rise1 = load(roots, rise + x, LANES), load(roots, rise + x + 1, LANES)
            fall0, fall1 = load(roots, fall + x, LANES), load(roots, fall + x + 1, LANES)
            cell, cell0, cell1, cell2, cell3 = (
                _cell(row, x),
                _cell(row0, x),
                _cell(row1, x),
                _cell(row2, x),
                _cell(row3, x),
            )
            cell_before, cell_after = _cell(row, x - LANES), _cell(row, x + LANES)
            k, l = rise0 * fall0, rise1 * fall1
            u, v = load(re, cell, LANES), load(im, cell, LANES)
            u01, v01 = k * before(load(re, cell_before, LANES), u), k * before(load(im, cell_before, LANES), v)
            u10, v10 = l * after(u, load(re, cell_after, LANES)), l * after(v, load(im, cell_after, LANES))
            _write_pair(to_re, to_im, planes, 0, 1, to + x, u01, v01, u10, v10)
            u0, v0, u1, v1 = (
                load(re, cell0, LANES),
                load(im, cell0, LANES),
                load(re, cell1, LANES),
                load(im, cell1, LANES),
            )
            u2, v2, u3, v3 = (
                load(re, cell2, LANES),
                load(im, cell2, LANES),
                load(re, cell3, LANES),
                load(im, cell3, LANES),
            )
            k, l = w0 * fall1, w1 * rise1
            u12, v12 = fused(k, u0, l * u1), fused(k, v0, l * v1)
            k, l = w2 * fall0, w3 * rise0
            u21, v21 = fused(k, u2, l * u3), fused(k, v2, l * v3)
            _write_pair(to_re, to_im, planes, 1, 2, to + x, u12, v12, u21, v21)
            cell0, cell1 = _cell(row0, x - LANES), _cell(row1, x - LANES)
            cell2, cell3 = _cell(row2, x + LANES), _cell(row3, x + LANES)
            u0, v0 = before(load(re, cell0, LANES), u0), before(load(im, cell0, LANES), v0)
            u1, v1 = before(load(re, cell1, LANES), u1), before(load(im, cell1, LANES), v1)
            u2, v2 = after(u2, load(re, cell2, LANES)), after(v2, load(im, cell2, LANES))
            u3, v3 = after(u3, load(re, cell3, LANES)), after(v3, load(im, cell3, LANES))
            k, l = w0 * rise0, w1 * fall0
            u02, v02 = k * u0 - l * u1, k * v0 - l * v1
            k, l = w2 * rise1, w3 * fall1
            u20, v20 = k * u2 - l * u3, k * v2 - l * v3
            _write_pair(to_re, to_im, planes, 0, 2, to + x, u02, v02, u20, v20)


@njit(**OPTIONS)
def _gather(rows, links, tables, facts, h, scale, shift, half_shift, re, im, here, to_re, to_im, there):
    """As _add_diagonal, together with add_near for a real H; the squared norm.

    What leads from x to x + 1, and what leads to x - 1, is added up before it is shifted. Beside low..high there must
    be zeros.
    """
    roots, near, way = tables.roots, links.near, links.way
    up, down, scales = spread(scale * h[0, 1]), spread(scale * h[1, 0]), spread(scale)
    shifts, half_shifts, nothing = spread(shift), spread(half_shift), spread(0.0)
    square_re = square_im = nothing
    for r in range(rows.extent[ROWS]):
        p, q, base, a, b = rows.entry[1, r], rows.entry[2, r], rows.base[r], there[r, 0], there[r, 1]
        if a >= b:
            continue
        s0, s1, s2, s3 = _rows_beside(near, r)
        row, row0, row1 = _beside(rows, here, r), _beside(rows, here, s0), _beside(rows, here, s1)
        row2, row3 = _beside(rows, here, s2), _beside(rows, here, s3)
        w0, w1, w2, w3 = scale * way[0, s0], scale * way[1, s1], scale * way[0, r], scale * way[1, r]
        a0, b0, c1, d1 = spread(w0 * h[0, 2]), spread(w0 * h[1, 2]), spread(w1 * h[1, 2]), spread(-w1 * h[0, 2])
        c2, d2, a3, b3 = spread(w2 * h[2, 0]), spread(w2 * h[2, 1]), spread(w3 * h[2, 1]), spread(-w3 * h[2, 0])
        # the roots of x - q and p + 1 - x; those of x - q + 1 and p - x are one place farther
        rise, fall, fact = tables.rise - q, tables.fall - p - 1, rows.fact[r]
        up_re = up_im = down_re = down_im = sum_re = sum_im = nothing
        if a == q:  # all else that leads up to the first cell has been counted where the row begins
            cell1, l = _cell(row1, a - LANES), d1 * load(roots, fall + a - LANES + 1, LANES)
            up_re, up_im = l * load(re, cell1, LANES), l * load(im, cell1, LANES)
        for x in range(a, b, LANES):
            cell, cell0, cell1, cell2, cell3 = (
                _cell(row, x),
                _cell(row0, x),
                _cell(row1, x),
                _cell(row2, x),
                _cell(row3, x),
            )
            u, v = load(re, cell, LANES), load(im, cell, LANES)
            u0, v0, u1, v1 = (
                load(re, cell0, LANES),
                load(im, cell0, LANES),
                load(re, cell1, LANES),
                load(im, cell1, LANES),
            )
            u2, v2, u3, v3 = (
                load(re, cell2, LANES),
                load(im, cell2, LANES),
                load(re, cell3, LANES),
                load(im, cell3, LANES),
            )
            rise0, rise1 = load(roots, rise + x, LANES), load(roots, rise + x + 1, LANES)
            fall0, fall1 = load(roots, fall + x, LANES), load(roots, fall + x + 1, LANES)
            # what leads down from here: the cell before takes it when it is written
            k, l = down * fall0, b3 * fall0
            next_re, next_im = fused(rise0, fused(k, u, c2 * u2), l * u3), fused(rise0, fused(k, v, c2 * v2), l * v3)
            if x > a:
                made_re, made_im = sum_re + after(down_im, next_im), sum_im - after(down_re, next_re)
                store(to_re, base + x - LANES, LANES, made_re)
                store(to_im, base + x - LANES, LANES, made_im)
                square_re, square_im = fused(made_re, made_re, square_re), fused(made_im, made_im, square_im)
            down_re, down_im = next_re, next_im
            k, l = up * fall1, d1 * fall1
            next_re, next_im = fused(rise1, fused(k, u, a0 * u0), l * u1), fused(rise1, fused(k, v, a0 * v0), l * v1)
            h_re, h_im = before(up_re, next_re), before(up_im, next_im)
            up_re, up_im = next_re, next_im
            energy = scales * (load_row(facts, ENERGY, fact + x, LANES) - shifts)
            damping = scales * (load_row(facts, HALF_RATE, fact + x, LANES) - half_shifts)
            k, l = c1 * rise1, d2 * fall0
            h_re, h_im = fused(energy, u, fused(k, u1, h_re)), fused(energy, v, fused(k, v1, h_im))
            g_re, g_im = l * u2, l * v2
            k, l = a3 * rise0, b0 * fall1
            h_re, h_im = fused(k, u3, h_re), fused(k, v3, h_im)
            g_re, g_im = fused(l, u0, g_re), fused(l, v0, g_im)
            sum_re, sum_im = fused(-damping, u, h_im + g_im), -fused(damping, v, h_re + g_re)
        next_re = next_im = nothing
        if b == p + 1:
            cell2, l = _cell(row2, b), c2 * load(roots, rise + b, LANES)
            next_re, next_im = l * load(re, cell2, LANES), l * load(im, cell2, LANES)
        made_re, made_im = sum_re + after(down_im, next_im), sum_im - after(down_re, next_re)
        store(to_re, base + b - LANES, LANES, made_re)
        store(to_im, base + b - LANES, LANES, made_im)
        square_re, square_im = fused(made_re, made_re, square_re), fused(made_im, made_im, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def apply_part(
    rows, links, tables, facts, h_re, h_im, terms, scale, shift, half_shift, re, im, here, to_re, to_im, there
):  # fmt: skip
    """Write what a part of H_eff, its diagonal in ``facts`` and its one-body matrix ``h``, makes of a state; |.|².

    The state is in ``here``, and what comes of it in all of ``there``, (R, 2), of the one plane of ``to``. Beside
    low..high of all rows there must be zeros.
    """
    far_re, far_im = to_re[0], to_im[0]
    if h_im[0, 1] == 0.0 and h_im[0, 2] == 0.0 and h_im[1, 2] == 0.0 and terms.shape[0] > 0:
        norm2 = _gather(
            rows, links, tables, facts, h_re, scale, shift, half_shift, re, im, here, far_re, far_im, there
        )  # fmt: skip
        if tables.levels == 3:
            return norm2
    else:
        _add_diagonal(rows, facts, scale, shift, half_shift, re, im, here, far_re, far_im, there)
        if terms.shape[0] > 0:
            x_re, x_im = h_re.reshape(1, *h_re.shape), h_im.reshape(1, *h_im.shape)
            add_near(rows, links, tables, terms, x_re, x_im, 0.0, -scale, 0, re, im, here, to_re, to_im, there)
    if tables.levels > 3:
        add_far(rows, links, tables, h_re, h_im, 0.0, -scale, re, im, here, far_re, far_im, there)
    return weight_of(rows, there, far_re, far_im)


@njit(**OPTIONS)
def apply_rows(rows_re, rows_im, order, unit, h_eff, shift, half_shift, least):
    """As apply_real, on all rows; weights up to ``least`` at their ends are set to zero first, but not in row 0.

    Returns the squared norm, one past the last cell, and the sum of the weights that were set to zero.
    """
    rows, links, tables, gone = h_eff.rows, h_eff.links, h_eff.tables, 0.0
    if order > 0:
        gone = trim(rows, order, rows_re[order], rows_im[order], least)
    make_room(rows, links, tables, tables.h_re, tables.h_im, rows_re, rows_im, order)
    norm2 = apply_part(
        rows, links, tables, tables.facts, tables.h_re, tables.h_im, tables.h_terms, unit * (1.0 / (order + 1.0)),
        shift, half_shift, rows_re[order], rows_im[order], rows.spans[order], rows_re[order + 1 : order + 2],
        rows_im[order + 1 : order + 2], rows.spans[order + 1],
    )  # fmt: skip
    return norm2, rows.extent[CELLS], gone
