"""What hops of one-body operators make of rows of patterns: between the levels 0, 1 and 2, and to and from others."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import INLINED, OPTIONS
from .pattern_rows import ROWS, cell_of
from .vectors import LANES, after, before, fused, load, spread, store


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
def rows_beside(near, r):
    """The rows beside a row, as numbers without a sign: any other index is asked each time whether it is negative."""
    return np.uint64(near[r, 0]), np.uint64(near[r, 1]), np.uint64(near[r, 2]), np.uint64(near[r, 3])


@njit(inline="always", **OPTIONS)
def leads(x_re, x_im, a, b):
    """Whether a one-body matrix has an element from level b to level a."""
    return x_re[a, b] != 0.0 or x_im[a, b] != 0.0


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


@njit(inline="always", **OPTIONS)
def place_beside(rows, here, s):
    """Where cells for x = 0 and the first and one past the last x of a row are."""
    return rows.base[s], here[s, 0], here[s, 1]


@njit(inline="always", **OPTIONS)
def around(rows, links, here, r):
    """The same of a row and of the four beside it; and the factors w of what leads to it from those."""
    way, (s0, s1, s2, s3) = links.way, rows_beside(links.near, r)
    row, row0, row1 = place_beside(rows, here, r), place_beside(rows, here, s0), place_beside(rows, here, s1)
    row2, row3 = place_beside(rows, here, s2), place_beside(rows, here, s3)
    return row, row0, row1, row2, row3, way[0, s0], way[1, s1], way[0, r], way[1, r]


@njit(inline="always", **OPTIONS)
def roots_of(tables, p, q):
    """Where the roots of x - q and p + 1 - x are at x = 0; those of x - q + 1 and p - x are one place farther."""
    return tables.rise - q, tables.fall - p - 1


@njit(inline="always", **OPTIONS)
def cell_at(row, x):
    """As cell_of, of what place_beside has found."""
    return cell_of(row[0], row[1], row[2], x)


@njit(inline="always", **OPTIONS)
def _is_there(x_re, x_im, a, b, c, d):
    """Whether an element ab, or cd, of a one-body matrix is anything."""
    return leads(x_re, x_im, a, b) or leads(x_re, x_im, c, d)


@njit(inline="always", **OPTIONS)
def _times(x_re, x_im, f_re, f_im, a, b):
    """Element x_ab times f in all lanes, real and imaginary part."""
    return spread(f_re * x_re[a, b] - f_im * x_im[a, b]), spread(f_re * x_im[a, b] + f_im * x_re[a, b])


@njit(inline="always", **OPTIONS)
def _plus(g, has, u, v, made):
    """Add (g_re + i g_im)(u + iv) to x + iy; ``has`` says which of the two parts any factor has."""
    x, y = made
    if has[0]:
        x, y = fused(g[0], u, x), fused(g[0], v, y)
    if has[1]:
        x, y = fused(-g[1], v, x), fused(g[1], u, y)
    return x, y


@njit(inline="always", **OPTIONS)
def _of_two(k, u, l, v):
    return fused(k, u[0], l * v[0]), fused(k, u[1], l * v[1])


@njit(inline="always", **OPTIONS)
def _load_both(re, im, cell):
    return load(re, cell, LANES), load(im, cell, LANES)


@njit(inline="always", **OPTIONS)
def _before_both(re, im, row, x, here):
    u, v = _load_both(re, im, cell_at(row, x - LANES))
    return before(u, here[0]), before(v, here[1])


@njit(inline="always", **OPTIONS)
def _after_both(re, im, row, x, here):
    u, v = _load_both(re, im, cell_at(row, x + LANES))
    return after(here[0], u), after(here[1], v)


@njit(**OPTIONS)
def add_near(rows, links, tables, x_re, x_im, f_re, f_im, re, im, here, to_re, to_im, there):
    """Add f times what hops of a one-body matrix between the levels 0, 1 and 2 make of all rows.

    The state is in ``here``, and what comes of it has cells in ``there``, (R, 2).
    """
    roots = tables.roots
    along, up = _is_there(x_re, x_im, 0, 1, 1, 0), _is_there(x_re, x_im, 0, 2, 1, 2)
    down, has_re, has_im = _is_there(x_re, x_im, 2, 0, 2, 1), False, False
    if not (along or up or down):
        return
    for a in range(3):
        for b in range(3):
            if a != b:
                has_re |= f_re * x_re[a, b] - f_im * x_im[a, b] != 0.0
                has_im |= f_re * x_im[a, b] + f_im * x_re[a, b] != 0.0
    has = has_re, has_im
    g01, g10 = _times(x_re, x_im, f_re, f_im, 0, 1), _times(x_re, x_im, f_re, f_im, 1, 0)
    g02, g12 = _times(x_re, x_im, f_re, f_im, 0, 2), _times(x_re, x_im, f_re, f_im, 1, 2)
    g20, g21 = _times(x_re, x_im, f_re, f_im, 2, 0), _times(x_re, x_im, f_re, f_im, 2, 1)
    for r in range(rows.extent[ROWS]):
        p, q, base, a, b = rows.entry[1, r], rows.entry[2, r], rows.base[r], there[r, 0], there[r, 1]
        if a >= b:
            continue
        row, row0, row1, row2, row3, w0, w1, w2, w3 = around(rows, links, here, r)
        w0, w1, w2, w3 = spread(w0), spread(w1), spread(w2), spread(w3)
        rise, fall = roots_of(tables, p, q)
        for x in range(a, b, LANES):
            rise0, rise1 = load(roots, rise + x, LANES), load(roots, rise + x + 1, LANES)
            fall0, fall1 = load(roots, fall + x, LANES), load(roots, fall + x + 1, LANES)
            made = load(to_re, base + x, LANES), load(to_im, base + x, LANES)
            if along:
                own = _load_both(re, im, cell_at(row, x))
                k, (u, v) = rise0 * fall0, _before_both(re, im, row, x, own)
                made = _plus(g01, has, k * u, k * v, made)
                k, (u, v) = rise1 * fall1, _after_both(re, im, row, x, own)
                made = _plus(g10, has, k * u, k * v, made)
            if up:
                own0, own1 = _load_both(re, im, cell_at(row0, x)), _load_both(re, im, cell_at(row1, x))
                u, v = _of_two(w0 * fall1, own0, w1 * rise1, own1)
                made = _plus(g12, has, u, v, made)
                own0, own1 = _before_both(re, im, row0, x, own0), _before_both(re, im, row1, x, own1)
                u, v = _of_two(w0 * rise0, own0, -(w1 * fall0), own1)
                made = _plus(g02, has, u, v, made)
            if down:
                own2, own3 = _load_both(re, im, cell_at(row2, x)), _load_both(re, im, cell_at(row3, x))
                u, v = _of_two(w2 * fall0, own2, w3 * rise0, own3)
                made = _plus(g21, has, u, v, made)
                own2, own3 = _after_both(re, im, row2, x, own2), _after_both(re, im, row3, x, own3)
                u, v = _of_two(w2 * rise1, own2, -(w3 * fall1), own3)
                made = _plus(g20, has, u, v, made)
            store(to_re, base + x, LANES, made[0])
            store(to_im, base + x, LANES, made[1])
