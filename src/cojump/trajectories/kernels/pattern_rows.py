"""A state of one block of d >= 3 levels as rows of Gelfand-Tsetlin patterns that differ in their last entry alone.

The elements of one-body operators and of the Clebsch-Gordan matrices are closed forms (:mod:`.patterns`). Along a row
of patterns, x = m_{1,1} = q..p with p = m_{1,2} and q = m_{2,2}, each of them is a number of the row times the root of
an integer that is linear in x: so nothing is tabulated but these roots, a sector that a state comes to first costs
nothing, and all loops are over contiguous memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import APART, OPTIONS, PAD
from .patterns import ends, goes_on, shifted
from .propagate import norm_squared

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ENERGY, HALF_RATE, RATES = range(3)
"""Rows of ``facts``: diagonal of H_eff, real and minus imaginary part, and from RATES on of the rate of each jump."""

VECTOR = 8
"""Cells that are gone through at once where a row has as many."""

ROWS, CELLS, KEPT_ROWS, KEPT_CELLS = range(4)
"""What ``extent`` of rows holds."""


class PatternTables(NamedTuple):
    """What is known of a model of one block of N particles, whatever the sector.

    Attributes
    ----------
    levels, radix : int
        d; N + 1, the base of the keys of rows.
    roots : flat
        sqrt(n) for n = 0..M-1, M = N + 4, then the same backwards, then ones.
    h_re, h_im : (d, d)
        One-body matrix of H, its diagonal aside.
    hops : (d, d) int
        For a < b: 1 where H has |a><b|, or what is measured.
    facts : (2 + L, states)
        By occupation numbers, n_0 growing fastest while n_2, n_3, .. stay.
    gamma : (L, states)
        Γ, or that of the others where the particle is left out.
    start : (2, (N + 1)^(d - 2))
        Where the states with given n_2, n_3, .. begin, for N and for N - 1 particles.
    excluded : (L,) int
    j_re, j_im : (L, d, d)
    leaves, enters : (L, d) int
        1 for the levels that j acts on, and that it leads to.
    operators_re, operators_im : (V, d, d)
        One-body matrices that are measured.
    """

    levels: int
    radix: int
    roots: Floats
    h_re: Floats
    h_im: Floats
    hops: Integers
    facts: Floats
    gamma: Floats
    start: Integers
    excluded: Integers
    j_re: Floats
    j_im: Floats
    leaves: Integers
    enters: Integers
    operators_re: Floats
    operators_im: Floats


class Rows(NamedTuple):
    """Some rows of patterns of one diagram, in the order in which they were found.

    Attributes
    ----------
    missing : int
        1 where one of the particles has been taken out.
    extent : (4,)
        Rows; cells that they and what is before them take; of both how many belong to the state of a step's beginning.
    diagram : (d,)
    entry : (d (d + 1)/2, R)
        Entries of the patterns of a row, that of m_{1,1} aside, which is not used; see :mod:`.patterns`.
    key, home : (R,)
        A number for each row, and its place in ``found``.
    found : (F,)
        One more than the number of a row, or 0.
    base, fact : (R,)
        Cell, and column of the tables over occupation numbers, of x = 0, which the row need not have.
    start, low, high, first, last : (R, 2), (R,), ...
        x from where to where the state of a step's beginning is not zero; what of a Taylor vector is large enough to
        be carried on; and what comes of it.
    spread : (R,)
        1 where the rows are there that operators lead to from this one.
    re, im : (A, cells)
        A amplitudes of each pattern; one cell beside each end of a row is zero.
    """

    missing: int
    extent: Integers
    diagram: Integers
    entry: Integers
    key: Integers
    home: Integers
    found: NDArray[np.int32]
    base: Integers
    fact: Integers
    start: Integers
    low: Integers
    high: Integers
    first: Integers
    last: Integers
    spread: NDArray[np.int8]
    re: Floats
    im: Floats


class Links(NamedTuple):
    """How Σ_k |a><b|^(k), a < b, leads from one row to another, for all a of one path through the rows above.

    Attributes
    ----------
    made : (1,)
        How many there are.
    lower, upper : (K,)
        From which row, and to which.
    b, a : (K,)
        The levels; where a is 1 the same path leads to level 0, too.
    w0, t0 : (K,)
        The element is w0 roots[t0 + x], for x of the lower row as of the upper one.
    w1, t1 : (K,)
        The same for level 0: from x to x + 1.
    near : (4, R)
        The rows from which p, or q, is one more in this one, and those in which it is one more; -1 where they are not.
    way : (2, R)
        The factor w0 of the links to the rows in which p, or q, is one more.
    trial : (d (d + 1)/2, 1)
    path : (d + 1,)
        Room to work in.
    """

    made: Integers
    lower: Integers
    upper: Integers
    b: Integers
    a: Integers
    w0: Floats
    t0: Integers
    w1: Floats
    t1: Integers
    near: Integers
    way: Floats
    trial: Integers
    path: Integers


class PatternHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps : bool
    tables : PatternTables
    rows : Rows
    links : Links
    """

    has_jumps: bool
    tables: PatternTables
    rows: Rows
    links: Links


@njit(**OPTIONS)
def empty(rows):
    """No rows."""
    drop_rows(rows, np.int64(0), np.int64(PAD))


@njit(**OPTIONS)
def drop_rows(rows, kept, cells):
    """Only the first ``kept`` rows, which take ``cells``."""
    for r in range(kept, rows.extent[ROWS]):
        rows.found[rows.home[r]] = 0
    rows.extent[ROWS], rows.extent[CELLS] = kept, cells


@njit(**OPTIONS)
def keep_rows(rows, links):
    """Only those of the state that a step begins with, and what has been found from them forgotten."""
    drop_rows(rows, rows.extent[KEPT_ROWS], rows.extent[KEPT_CELLS])
    for r in range(rows.extent[ROWS]):
        rows.spread[r] = 0
        _is_alone(links, r)
    links.made[0] = 0


@njit(**OPTIONS)
def _is_alone(links, r):
    """No rows beside this one are known."""
    for i in range(4):
        links.near[i, r] = -1


@njit(**OPTIONS)
def add_row(rows, tables, entry, column):
    """The number of the row with the entries in a column of ``entry``, made where it is not there."""
    d, key = tables.levels, 0
    for k in range(1, d * (d - 1) // 2):
        key = key * tables.radix + entry[k, column]
    at = key if key < rows.found.size else key % rows.found.size
    while rows.found[at] > 0:
        r = rows.found[at] - 1
        if rows.key[r] == key:
            return np.int64(r)
        at = at + 1 if at + 1 < rows.found.size else 0
    r = rows.extent[ROWS]
    rows.found[at] = r + 1
    rows.key[r], rows.home[r] = key, at
    for k in range(1, d * (d + 1) // 2):
        rows.entry[k, r] = entry[k, column]
    p, q = entry[1, column], entry[2, column]
    cell = rows.extent[CELLS]
    rows.base[r] = cell + 1 - q
    rows.extent[ROWS], rows.extent[CELLS] = r + 1, cell + p - q + 3
    for plane in range(rows.re.shape[0]):
        re, im = rows.re[plane, cell : cell + p - q + 3], rows.im[plane, cell : cell + p - q + 3]
        for k in range(re.size):
            re[k] = 0.0
            im[k] = 0.0
    at, step, below = 0, 1, p + q
    for n in range(3, d + 1):
        total = 0
        for k in range(n):
            total += entry[n * (n - 1) // 2 + k, column]
        at += step * (total - below)
        step *= tables.radix
        below = total
    rows.fact[r] = tables.start[rows.missing, at]
    rows.low[r] = rows.high[r] = rows.first[r] = rows.last[r] = rows.start[r, 0] = rows.start[r, 1] = 0
    rows.spread[r] = 0
    return r


@njit(**OPTIONS)
def widen(rows, r, a, b):
    """Let first..last of a row have a..b, as far as there are patterns."""
    a, b = max(a, rows.entry[2, r]), min(b, rows.entry[1, r] + 1)
    if a < b:
        if rows.first[r] < rows.last[r]:
            a, b = min(a, rows.first[r]), max(b, rows.last[r])
        rows.first[r], rows.last[r] = a, b


@njit(**OPTIONS)
def first_path(path, stop, top):
    """The first of all paths through the rows stop..top - 1, whose last row is given."""
    for n in range(stop, top):
        path[n] = 0


@njit(**OPTIONS)
def next_path(path, stop, top):
    """The next of them; False behind the last one."""
    for n in range(stop, top):
        path[n] += 1
        if path[n] < n:
            return True
        path[n] = 0
    return False


@njit(**OPTIONS)
def moved_along(trial, entry, r, path, stop, top, sign, levels):
    """Add (or with sign -1 take away) a box along a path: False where that is no pattern any more.

    The last row of ``trial`` is the diagram that comes of it.
    """
    for k in range(1, levels * (levels - 1) // 2):
        trial[k, 0] = entry[k, r]
    for n in range(stop, min(top + 1, levels)):
        trial[n * (n - 1) // 2 + path[n], 0] += sign
    for n in range(max(stop - 1, 2), min(top + 1, levels)):
        own, above = n * (n - 1) // 2, n * (n + 1) // 2
        for k in range(n):
            if trial[own + k, 0] > trial[above + k, 0] or trial[own + k, 0] < trial[above + k + 1, 0]:
                return False
    return True


@njit(**OPTIONS)
def set_diagram(trial, diagram):
    """Write a diagram into the last row of entries of a pattern."""
    d = diagram.size
    for k in range(d):
        trial[d * (d - 1) // 2 + k, 0] = diagram[k]


@njit(**OPTIONS)
def path_weight(entry, r, path, stop, top):
    """The factor that a path gives an element of C_λ^μ, for the patterns of μ in a row; see Patterns.additions."""
    weight = 1.0
    for n in range(top, stop, -1):
        weight *= goes_on(entry, n, path[n], path[n - 1], r)
    if stop > 2:
        return weight * ends(entry, stop, path[stop], r)
    return weight / np.sqrt(entry[1, r] - entry[2, r] + 1.0)


@njit(**OPTIONS)
def reduced(entry, r, b, j):
    """The factor by which Σ_k |a><b|^(k) differs from one more particle in level a; see Patterns.transfers."""
    own, product = shifted(entry, b, j, r), 1.0
    for k in range(b + 1):
        product *= shifted(entry, b + 1, k, r) - own
    for k in range(b):
        if k != j:
            product /= shifted(entry, b, k, r) - own - 1.0
    return np.sqrt(abs(product))


@njit(**OPTIONS)
def root_places(tables, p, q, path, stop):
    """t0, t1 and the sign of the element of level 0: where in ``roots`` an element along a path is for x = 0."""
    M = tables.radix + 3
    if stop > 2:
        return 2 * M + 1, 2 * M + 1, 0.0
    if path[2] == 0:
        return 2 * M - 2 - p, 1 - q, 1.0  # sqrt(p + 1 - x), sqrt(x - q + 1)
    return -q, 2 * M - 1 - p, -1.0  # sqrt(x - q), sqrt(p - x)


@njit(**OPTIONS)
def spread_row(rows, links, tables, r):
    """Add the rows that one-body operators lead to and from, and how they do."""
    d, entry, path, trial, hops = tables.levels, rows.entry, links.path, links.trial, tables.hops
    rows.spread[r] = 1
    set_diagram(trial, rows.diagram)
    for b in range(2, d):
        for stop in range(2, b + 1):
            if hops[stop - 1, b] == 0 and (stop > 2 or hops[0, b] == 0):
                continue
            first_path(path, stop, b + 1)
            more = True
            while more:
                for sign in (1, -1):
                    if not moved_along(trial, entry, r, path, stop, b, sign, d):
                        continue
                    known = rows.extent[ROWS]
                    s = add_row(rows, tables, trial, 0)
                    if s == known:
                        _is_alone(links, s)
                    if rows.spread[s] == 1:  # it has been found from there
                        continue
                    lower, upper = (r, s) if sign == 1 else (s, r)
                    k = links.made[0]
                    links.made[0] = k + 1
                    weight = path_weight(entry, lower, path, stop, b) * reduced(entry, lower, b, path[b])
                    t0, t1, other = root_places(tables, entry[1, lower], entry[2, lower], path, stop)
                    links.lower[k], links.upper[k], links.b[k], links.a[k] = lower, upper, b, stop - 1
                    links.w0[k], links.t0[k], links.w1[k], links.t1[k] = weight, t0, other * weight, t1
                    if b == 2:
                        i = path[2]
                        links.near[2 + i, lower], links.near[i, upper], links.way[i, lower] = upper, lower, weight
                more = next_path(path, stop, b + 1)


@njit(**APART)
def add_from(to_re, to_im, at, re, im, source, roots, t, c_re, c_im, n):
    """Add c root · state for n cells."""
    a, b, u, v, root = to_re[at : at + n], to_im[at:], re[source:], im[source:], roots[t:]
    for k in range(a.size):
        x = c_re * root[k]
        a[k] += x * u[k]
        b[k] += x * v[k]
    if c_im != 0.0:
        for k in range(a.size):
            x = c_im * root[k]
            a[k] -= x * v[k]
            b[k] += x * u[k]


@njit(**APART)
def add_hops(rows, links, tables, x_re, x_im, scale, re, im, to_re, to_im, sign, least):
    """Add ``scale`` times what a one-body matrix makes of low..high of all rows, its diagonal aside; widen first..last.

    With sign = -1 and the parts of the state exchanged it is -i times that. Hops between levels below ``least`` are
    left out.
    """
    roots, M = tables.roots, tables.radix + 3
    if least < 2 and (x_re[0, 1] != 0.0 or x_im[0, 1] != 0.0 or x_re[1, 0] != 0.0 or x_im[1, 0] != 0.0):
        for r in range(rows.extent[ROWS]):
            a, b, p, q = rows.low[r], rows.high[r], rows.entry[1, r], rows.entry[2, r]
            if a >= b:
                continue
            widen(rows, r, a - 1, b + 1)
            a, b = max(a - 1, q), min(b + 1, p + 1)
            at, rise, fall = rows.base[r] + a, a - q, 2 * M - 2 - p + a
            up, down = scale * x_re[0, 1], scale * x_re[1, 0]
            c, d, u, v = to_re[at : at + b - a], to_im[at:], re[at - 1 :], im[at - 1 :]
            s, t = roots[rise:], roots[fall:]
            for k in range(c.size):
                x, y = up * (s[k] * t[k]), down * (s[k + 1] * t[k + 1])
                c[k] += x * u[k] + y * u[k + 2]
                d[k] += sign * (x * v[k] + y * v[k + 2])
            up, down = -scale * x_im[0, 1], -scale * x_im[1, 0]
            if up != 0.0 or down != 0.0:
                for k in range(c.size):
                    x, y = up * (s[k] * t[k]), down * (s[k + 1] * t[k + 1])
                    c[k] += sign * (x * v[k] + y * v[k + 2])
                    d[k] -= x * u[k] + y * u[k + 2]
    for k in range(links.made[0]):
        r, s, b, a = links.lower[k], links.upper[k], links.b[k], links.a[k]
        if b < least:
            continue
        w0, w1 = scale * links.w0[k], (scale * links.w1[k] if a == 1 else 0.0)
        low, high = rows.low[r], rows.high[r]
        if low < high and (x_re[a, b] != 0.0 or x_im[a, b] != 0.0 or x_re[0, b] != 0.0 or x_im[0, b] != 0.0):
            widen(rows, s, low, high + 1)
            _hop(
                to_re,
                to_im,
                rows.base[s] + low,
                re,
                im,
                rows.base[r] + low,
                rows.base[r] + low - 1,
                roots,
                links.t0[k] + low,
                links.t1[k] + low - 1,
                (w0 * x_re[a, b], w0 * x_im[a, b], w1 * x_re[0, b], w1 * x_im[0, b], sign),
                high + 1 - low,
            )
        low, high = rows.low[s], rows.high[s]
        if low < high and (x_re[b, a] != 0.0 or x_im[b, a] != 0.0 or x_re[b, 0] != 0.0 or x_im[b, 0] != 0.0):
            widen(rows, r, low - 1, high)
            _hop(
                to_re,
                to_im,
                rows.base[r] + low - 1,
                re,
                im,
                rows.base[s] + low - 1,
                rows.base[s] + low,
                roots,
                links.t0[k] + low - 1,
                links.t1[k] + low - 1,
                (w0 * x_re[b, a], w0 * x_im[b, a], w1 * x_re[b, 0], w1 * x_im[b, 0], sign),
                high + 1 - low,
            )


@njit(inline="always", **OPTIONS)
def _hop(to_re, to_im, at, re, im, from0, from1, roots, t0, t1, factors, n):
    """Add two terms, factor · root · state from one place each."""
    c0, i0, c1, i1, sign = factors
    c, d, u0, v0, r0 = to_re[at : at + n], to_im[at:], re[from0:], im[from0:], roots[t0:]
    u1, v1, r1 = re[from1:], im[from1:], roots[t1:]
    for k in range(c.size):
        x, y = c0 * r0[k], c1 * r1[k]
        c[k] += x * u0[k] + y * u1[k]
        d[k] += sign * (x * v0[k] + y * v1[k])
    if i0 != 0.0 or i1 != 0.0:
        for k in range(c.size):
            x, y = i0 * r0[k], i1 * r1[k]
            c[k] -= sign * (x * v0[k] + y * v1[k])
            d[k] += x * u0[k] + y * u1[k]


@njit(**APART)
def _start(rows, tables, known, scale, shift, half_shift, re, im, to_re, to_im):
    """Write what the diagonal of H_eff makes of low..high of all rows, and zeros beside."""
    for r in range(known):
        a, b = rows.low[r], rows.high[r]
        if a < b:
            widen(rows, r, a - 1, b + 1)
            a, b = rows.first[r], rows.last[r]
            cell, fact = rows.base[r] + a, rows.fact[r] + a
            c, d, u, v = to_re[cell:], to_im[cell:], re[cell : cell + b - a], im[cell : cell + b - a]
            energy, damping = tables.facts[ENERGY, fact:], tables.facts[HALF_RATE, fact:]
            for k in range(u.size):
                x, y = scale * (energy[k] - shift), scale * (damping[k] - half_shift)
                c[k] = x * v[k] - y * u[k]
                d[k] = -x * u[k] - y * v[k]


@njit(inline="always", **OPTIONS)
def _source(rows, s, known):
    """Whether a row beside another one has something to carry on."""
    return 0 <= s < known and rows.low[s] < rows.high[s]


@njit(**APART)
def _gather(rows, links, tables, known, scale, shift, half_shift, re, im, to_re, to_im):
    """As _start, together with add_hops between the levels 0, 1 and 2 of a real H: all that a row gets in one loop."""
    roots, M, h = tables.roots, tables.radix + 3, tables.h_re
    for r in range(rows.extent[ROWS]):
        p, q, base = rows.entry[1, r], rows.entry[2, r], rows.base[r]
        a, b = p + 1, q
        if _source(rows, np.int64(r), known):
            a, b = min(a, rows.low[r] - 1), max(b, rows.high[r] + 1)
        s0, s1, s2, s3 = links.near[0, r], links.near[1, r], links.near[2, r], links.near[3, r]
        from0 = from1 = from2 = from3 = base
        a0 = b0 = c1 = d1 = c2 = d2 = a3 = b3 = 0.0
        if _source(rows, s0, known):
            a, b, from0 = min(a, rows.low[s0]), max(b, rows.high[s0] + 1), rows.base[s0]
            b0, a0 = scale * links.way[0, s0] * h[1, 2], scale * links.way[0, s0] * h[0, 2]
        if _source(rows, s1, known):
            a, b, from1 = min(a, rows.low[s1]), max(b, rows.high[s1] + 1), rows.base[s1]
            c1, d1 = scale * links.way[1, s1] * h[1, 2], -scale * links.way[1, s1] * h[0, 2]
        if _source(rows, s2, known):
            a, b, from2 = min(a, rows.low[s2] - 1), max(b, rows.high[s2]), rows.base[s2]
            d2, c2 = scale * links.way[0, r] * h[2, 1], scale * links.way[0, r] * h[2, 0]
        if _source(rows, s3, known):
            a, b, from3 = min(a, rows.low[s3] - 1), max(b, rows.high[s3]), rows.base[s3]
            a3, b3 = scale * links.way[1, r] * h[2, 1], -scale * links.way[1, r] * h[2, 0]
        a, b = max(a, q), min(b, p + 1)
        if a >= b:
            continue
        if p - q >= VECTOR - 1:  # whole vectors, as far as the row has patterns: the rest of a vector is slow
            size = (b - a + VECTOR - 1) // VECTOR * VECTOR
            b = min(a + size, p + 1)
            a = max(b - size, q)
        rows.first[r], rows.last[r] = a, b
        up, down = scale * h[0, 1], scale * h[1, 0]
        # the roots of x - q, x - q + 1, p - x, p + 1 - x
        rise, fall = roots[a - q :], roots[2 * M - 2 - p + a :]
        energy, damping = tables.facts[ENERGY, rows.fact[r] + a :], tables.facts[HALF_RATE, rows.fact[r] + a :]
        c, d, u, v = to_re[base + a : base + b], to_im[base + a :], re[base + a - 1 :], im[base + a - 1 :]
        u0, v0, u1, v1 = re[from0 + a - 1 :], im[from0 + a - 1 :], re[from1 + a - 1 :], im[from1 + a - 1 :]
        u2, v2, u3, v3 = re[from2 + a :], im[from2 + a :], re[from3 + a :], im[from3 + a :]
        for k in range(c.size):
            x, y = scale * (energy[k] - shift), scale * (damping[k] - half_shift)
            low, high = up * (rise[k] * fall[k]), down * (rise[k + 1] * fall[k + 1])
            k0, l0 = a0 * rise[k], b0 * fall[k + 1]
            k1, l1 = d1 * fall[k], c1 * rise[k + 1]
            k2, l2 = d2 * fall[k], c2 * rise[k + 1]
            k3, l3 = a3 * rise[k], b3 * fall[k + 1]
            h_re = x * u[k + 1] + low * u[k] + high * u[k + 2] + k0 * u0[k] + l0 * u0[k + 1]
            h_re += k1 * u1[k] + l1 * u1[k + 1] + k2 * u2[k] + l2 * u2[k + 1] + k3 * u3[k] + l3 * u3[k + 1]
            h_im = x * v[k + 1] + low * v[k] + high * v[k + 2] + k0 * v0[k] + l0 * v0[k + 1]
            h_im += k1 * v1[k] + l1 * v1[k + 1] + k2 * v2[k] + l2 * v2[k + 1] + k3 * v3[k] + l3 * v3[k + 1]
            c[k] = h_im - y * u[k + 1]
            d[k] = -h_re - y * v[k + 1]


@njit(**OPTIONS)
def narrow(rows, r, re, im, a, b, least):
    """Let low..high of a row be what of a..b is left when weights up to ``least`` are taken off at both ends."""
    base = rows.base[r]
    while a < b and re[base + a] ** 2 + im[base + a] ** 2 <= least:
        a += 1
    while a < b and re[base + b - 1] ** 2 + im[base + b - 1] ** 2 <= least:
        b -= 1
    rows.low[r], rows.high[r] = a, b


@njit(**OPTIONS)
def apply_rows(rows_re, rows_im, order, lo, hi, unit, h_eff, shift, half_shift, least):
    """As apply_real, on all rows; ends of rows whose weights are up to ``least`` are not carried on.

    Returns the squared norm and one past the last cell.
    """
    rows, links, tables = h_eff.rows, h_eff.links, h_eff.tables
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    known = rows.extent[ROWS]
    for r in range(known):
        a, b = rows.first[r], rows.last[r]
        if order == 0:
            a, b = rows.start[r, 0], rows.start[r, 1]
        narrow(rows, r, re, im, a, b, least)
        rows.first[r] = rows.last[r] = 0
        if rows.low[r] < rows.high[r] and rows.spread[r] == 0:
            spread_row(rows, links, tables, r)
    end = rows.extent[CELLS]
    for k in range(order + 1):
        for p in range(hi, end):
            rows_re[k, p] = 0.0
            rows_im[k, p] = 0.0
    for p in range(lo, end):
        to_re[p] = 0.0
        to_im[p] = 0.0
    scale, h_re, h_im = unit * (1.0 / (order + 1.0)), tables.h_re, tables.h_im
    is_real = h_im[0, 1] == 0.0 and h_im[0, 2] == 0.0 and h_im[1, 2] == 0.0
    if is_real:
        _gather(rows, links, tables, known, scale, shift, half_shift, re, im, to_re, to_im)
    else:
        _start(rows, tables, known, scale, shift, half_shift, re, im, to_re, to_im)
    if not is_real or tables.levels > 3:
        least = np.int64(3 if is_real else 1)
        add_hops(rows, links, tables, h_re, h_im, scale, im, re, to_re, to_im, -1.0, least)
    return norm_squared(to_re, to_im, lo, end), end
