"""What operators make of a state that is rows of patterns: one term, one-body operators, and a row of the series."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .pattern_hops import add_far, add_near, around, cell_at, roots_of, rows_beside
from .pattern_links import spread_rows
from .pattern_rows import (
    ENERGY,
    FAR,
    HALF_RATE,
    ROWS,
    cell_of,
    fill_beside,
    place_again,
    weight_of,
    widen,
)
from .vectors import LANES, after, before, fused, load, load_row, spread, store, total


@njit(inline="always", **OPTIONS)
def _leads_to(x):
    """How far a one-body matrix carries along a row, and whether it does to the rows behind, and before it."""
    along = 1 if x[0, 1] != 0.0 or x[1, 0] != 0.0 else 0
    return along, x[1, 2] != 0.0 or x[0, 2] != 0.0, x[2, 1] != 0.0 or x[2, 0] != 0.0


@njit(inline="always", **OPTIONS)
def _reached(rows, near, r, reach, up, down):
    """From where to where a row has what hops between the levels 0, 1 and 2 make of it and of those beside it."""
    low, high = rows.low, rows.high
    a, b = low[r] - reach, high[r] + reach
    s0, s1, s2, s3 = rows_beside(near, r)
    if up:
        a, b = min(a, low[s0], low[s1]), max(b, high[s0] + 1, high[s1] + 1)
    if down:
        a, b = min(a, low[s2] - 1, low[s3] - 1), max(b, high[s2], high[s3])
    return max(a, rows.entry[2, r]), min(b, rows.entry[1, r] + 1)


@njit(**OPTIONS)
def _widen_far(rows, links, x):
    """Let first..last of all rows have what hops to and from levels above 2 make of low..high."""
    for k in range(links.made[0]):
        r, s, b, a = links.lower[k], links.upper[k], links.b[k], links.a[k]
        if rows.low[r] < rows.high[r] and (x[a, b] != 0.0 or x[0, b] != 0.0):
            widen(rows, s, rows.low[r], rows.high[r] + 1)
        if rows.low[s] < rows.high[s] and (x[b, a] != 0.0 or x[b, 0] != 0.0):
            widen(rows, r, rows.low[s] - 1, rows.high[s])


@njit(**OPTIONS)
def widen_hops(rows, links, x):
    """Let first..last of all rows have what a one-body matrix makes of low..high."""
    reach, up, down = _leads_to(x)
    for r in range(rows.extent[ROWS]):
        a, b = _reached(rows, links.near, r, reach, up, down)
        if a < b:
            rows.first[r], rows.last[r] = min(a, rows.first[r]), max(b, rows.last[r])
    _widen_far(rows, links, x)


@njit(**OPTIONS)
def make_room(rows, links, tables, x, rows_re, rows_im, order):
    """See that all rows are there, with cells, for what a matrix makes of low..high: their span in the row of the
    series to come.
    """
    is_far = tables.levels > 3
    spread_rows(rows, links, tables)
    if is_far:
        for r in range(rows.extent[ROWS]):
            rows.first[r], rows.last[r] = FAR, -FAR
        _widen_far(rows, links, x)
    near, left, right = links.near, rows.left, rows.right
    here, there = rows.spans[order], rows.spans[order + 1]
    reach, up, down = _leads_to(x)
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
    roots, planes = tables.roots, tables.planes
    for r in range(start, stop):
        p, q, to, a, b = rows.entry[1, r], rows.entry[2, r], rows.base[r] - back, here[r, 0], here[r, 1]
        if a >= b:
            continue
        row, row0, row1, row2, row3, w0, w1, w2, w3 = around(rows, links, here, r)
        w0, w1, w2, w3 = spread(w0), spread(w1), spread(w2), spread(w3)
        rise, fall = roots_of(tables, p, q)
        for x in range(a, b, LANES):
            rise0, rise1 = load(roots, rise + x, LANES), load(roots, rise + x + 1, LANES)
            fall0, fall1 = load(roots, fall + x, LANES), load(roots, fall + x + 1, LANES)
            cell, cell0, cell1, cell2, cell3 = (
                cell_at(row, x),
                cell_at(row0, x),
                cell_at(row1, x),
                cell_at(row2, x),
                cell_at(row3, x),
            )
            cell_before, cell_after = cell_at(row, x - LANES), cell_at(row, x + LANES)
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
            cell0, cell1 = cell_at(row0, x - LANES), cell_at(row1, x - LANES)
            cell2, cell3 = cell_at(row2, x + LANES), cell_at(row3, x + LANES)
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
    roots = tables.roots
    up, down, scales = spread(scale * h[0, 1]), spread(scale * h[1, 0]), spread(scale)
    shifts, half_shifts, nothing = spread(shift), spread(half_shift), spread(0.0)
    square_re = square_im = nothing
    for r in range(rows.extent[ROWS]):
        p, q, base, a, b = rows.entry[1, r], rows.entry[2, r], rows.base[r], there[r, 0], there[r, 1]
        if a >= b:
            continue
        row, row0, row1, row2, row3, w0, w1, w2, w3 = around(rows, links, here, r)
        w0, w1, w2, w3 = scale * w0, scale * w1, scale * w2, scale * w3
        a0, b0, c1, d1 = spread(w0 * h[0, 2]), spread(w0 * h[1, 2]), spread(w1 * h[1, 2]), spread(-w1 * h[0, 2])
        c2, d2, a3, b3 = spread(w2 * h[2, 0]), spread(w2 * h[2, 1]), spread(w3 * h[2, 1]), spread(-w3 * h[2, 0])
        (rise, fall), fact = roots_of(tables, p, q), rows.fact[r]
        up_re = up_im = down_re = down_im = sum_re = sum_im = nothing
        if a == q:  # all else that leads up to the first cell has been counted where the row begins
            cell1, l = cell_at(row1, a - LANES), d1 * load(roots, fall + a - LANES + 1, LANES)
            up_re, up_im = l * load(re, cell1, LANES), l * load(im, cell1, LANES)
        for x in range(a, b, LANES):
            cell, cell0, cell1, cell2, cell3 = (
                cell_at(row, x),
                cell_at(row0, x),
                cell_at(row1, x),
                cell_at(row2, x),
                cell_at(row3, x),
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
            cell2, l = cell_at(row2, b), c2 * load(roots, rise + b, LANES)
            next_re, next_im = l * load(re, cell2, LANES), l * load(im, cell2, LANES)
        made_re, made_im = sum_re + after(down_im, next_im), sum_im - after(down_re, next_re)
        store(to_re, base + b - LANES, LANES, made_re)
        store(to_im, base + b - LANES, LANES, made_im)
        square_re, square_im = fused(made_re, made_re, square_re), fused(made_im, made_im, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def apply_part(rows, links, tables, facts, h_re, h_im, scale, shift, half_shift, re, im, here, to_re, to_im, there):
    """Write what a part of H_eff, its diagonal in ``facts`` and its one-body matrix ``h``, makes of a state; |.|².

    The state is in ``here``, and what comes of it in all of ``there``, (R, 2). Beside low..high of all rows there must
    be zeros.
    """
    is_real = h_im[0, 1] == 0.0 and h_im[0, 2] == 0.0 and h_im[1, 2] == 0.0
    is_real &= h_im[1, 0] == 0.0 and h_im[2, 0] == 0.0 and h_im[2, 1] == 0.0
    is_near = h_re[0, 1] != 0.0 or h_re[0, 2] != 0.0 or h_re[1, 2] != 0.0
    if is_real and is_near:
        norm2 = _gather(rows, links, tables, facts, h_re, scale, shift, half_shift, re, im, here, to_re, to_im, there)
        if tables.levels == 3:
            return norm2
    else:
        _add_diagonal(rows, facts, scale, shift, half_shift, re, im, here, to_re, to_im, there)
        add_near(rows, links, tables, h_re, h_im, 0.0, -scale, re, im, here, to_re, to_im, there)
    if tables.levels > 3:
        add_far(rows, links, tables, h_re, h_im, 0.0, -scale, re, im, here, to_re, to_im, there)
    return weight_of(rows, there, to_re, to_im)
