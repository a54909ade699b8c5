"""How one-body operators and the Clebsch-Gordan matrices lead from one row of patterns to others: paths of a box."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from ..by_reference import by_reference
from .common import INLINED, OPTIONS
from .pattern_rows import ROWS, Floats, Integers, add_row, is_new, place_of, restored
from .patterns import ends, goes_on, shifted


@by_reference
class Links(NamedTuple):
    """How Σ_k |a><b|^(k), a < b, leads from one row to another.

    For b = 2 to the rows beside it, in which p or q is one more. For b > 2 for all a of one path through the rows
    above.

    Attributes
    ----------
    near : (R, 4)
        The rows from which p, or q, is one more in this one, and those in which it is one more; the row that is always
        empty where they are not.
    way : (2, R)
        The factor w0 of the links to the rows in which p, or q, is one more.
    made : (1,)
        How many other links there are.
    lower, upper : (K,)
        From which row, and to which.
    b, a : (K,)
        The levels; where a is 1 the same path leads to level 0, too.
    w0, t0 : (K,)
        The element is w0 roots[t0 + x], for x of the lower row as of the upper one.
    w1, t1 : (K,)
        The same for level 0: from x to x + 1.
    trial : (d (d + 1)/2, 1)
    path : (d + 1,)
        Room to work in.
    """

    near: Integers
    way: Floats
    made: Integers
    lower: Integers
    upper: Integers
    b: Integers
    a: Integers
    w0: Floats
    t0: Integers
    w1: Floats
    t1: Integers
    trial: Integers
    path: Integers


@njit(**OPTIONS)
def keep_rows(rows, links, rows_re, rows_im):
    """Only the rows of the state that a step begins with, and what has been found from them forgotten."""
    restored(rows, rows_re, rows_im)
    for r in range(rows.extent[ROWS]):
        _is_alone(links, r)
    links.made[0] = 0


@njit(**OPTIONS)
def _is_alone(links, r):
    """No rows beside this one are known."""
    for i in range(4):
        links.near[r, i] = links.near.shape[0] - 1


@njit(**OPTIONS)
def forget_rows(rows, links, linked):
    """Nothing of what ``linked`` links and all rows that there are do not have."""
    links.made[0] = linked
    for r in range(rows.extent[ROWS]):
        for i in range(4):
            if links.near[r, i] >= rows.extent[ROWS]:
                links.near[r, i] = links.near.shape[0] - 1


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


@njit(**INLINED)
def may_move(entry, r, path, stop, levels, sign):
    """Whether a pattern of row r stays one when a box more (or with sign -1 fewer) is in it and in the diagram."""
    for n in range(stop, levels + 1):
        own, k = n * (n - 1) // 2, path[n]
        value = entry[own + k, r] + sign
        beside = k if sign > 0 else k + 1  # of the row above, what it must not pass
        if n < levels:
            above = entry[own + n + beside, r] + (sign if path[n + 1] == beside else 0)
            if sign * (value - above) > 0:
                return False
        beside = k - 1 if sign > 0 else k  # of the row below
        if n > 2 and beside >= 0 and beside < n - 1:
            below = entry[own - n + 1 + beside, r] + (sign if n > stop and path[n - 1] == beside else 0)
            if sign * (value - below) > 0:
                return False
    return True


@njit(**OPTIONS)
def key_of_path(path, stop, levels, radix):
    """How much larger the key of a row is with a box more along a path."""
    key, last = 0, levels * (levels - 1) // 2
    for n in range(stop, levels):
        step = 1
        for _ in range(n * (n - 1) // 2 + path[n] + 1, last):
            step *= radix
        key += step
    return key


@njit(**OPTIONS)
def set_diagram(trial, diagram):
    """Write a diagram into the last row of entries of a pattern."""
    d = diagram.size
    for k in range(d):
        trial[d * (d - 1) // 2 + k, 0] = diagram[k]


@njit(**INLINED)
def _weight_of_three(entry, r, path, stop):
    """path_weight for paths that begin in the row of three entries, with one root and one division."""
    c, i = path[3], path[2]
    k, l, m = entry[3, r] + 0.0, entry[4, r] - 1.0, entry[5, r] - 2.0
    own, one, other = (k, l, m) if c == 0 else (l, k, m) if c == 1 else (m, k, l)
    p, q, gaps = entry[1, r] + 0.0, entry[2, r] - 1.0, (one - own) * (other - own)
    if stop == 3:
        return np.sqrt(abs((p - own - 1.0) * (q - own - 1.0) / gaps))
    goes, stays = (p, q) if i == 0 else (q, p)
    product = (stays - own - 1.0) * (one - goes) * (other - goes) / ((stays - goes - 1.0) * gaps * (p - q))
    return np.sqrt(abs(product)) if c <= i else -np.sqrt(abs(product))


@njit(**OPTIONS)
def weights_of_three(entry, count, diagram, c, i, sign, share, weights):
    """For ``count`` rows of three levels ``share`` path_weight, 0 where not may_move, of paths that end in row c.

    The path begins in entry i of the row of two entries, or with i = -1 in the row of three. ``diagram`` is the one
    that comes of it.
    """
    p_moves, q_moves, box = (1 if i == 0 else 0), (1 if i == 1 else 0), (1 if sign > 0 else 0)
    first, second, third = diagram[0], diagram[1], diagram[2]
    # of the pattern with fewer boxes
    k, l, m = first - (box if c == 0 else 0), second - (box if c == 1 else 0) - 1, third - (box if c == 2 else 0) - 2
    own, one, other = (k, l, m) if c == 0 else (l, k, m) if c == 1 else (m, k, l)
    gaps, least, one, other = float((one - own) * (other - own)), own + 1.0, float(one), float(other)
    scale = -share if c > i and i >= 0 else share
    p_there, q_there = sign * p_moves, sign * q_moves
    p_less, q_less = p_moves * (1 - box), q_moves * (1 - box)
    for r in range(count):
        p, q = entry[1, r], entry[2, r]
        there, below = p + p_there, q + q_there
        weights[r] = 0.0
        if (there <= first) & (there >= second) & (below <= second) & (below >= third):
            x, y = float(p - p_less), float(q - q_less - 1)
            if i < 0:
                square = (x - least) * (y - least) / gaps
            else:
                goes, stays = (x, y) if i == 0 else (y, x)
                square = (stays - least) * (one - goes) * (other - goes) / ((stays - goes - 1.0) * gaps * (x - y))
            weights[r] = scale * np.sqrt(abs(square))


@njit(**INLINED)
def path_weight(entry, r, path, stop, top):
    """The factor that a path gives an element of C_λ^μ, for the patterns of μ in a row; see Patterns.additions."""
    if top == 3:
        return _weight_of_three(entry, r, path, stop)
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
def near_places(tables, p, q, i):
    """t0, t1 and the sign of the element of level 0 where p (i = 0), or q, becomes one more: see root_places."""
    if i == 0:
        return tables.fall - p - 1, tables.rise - q + 1, 1.0  # sqrt(p + 1 - x), sqrt(x - q + 1)
    return tables.rise - q, tables.fall - p, -1.0  # sqrt(x - q), sqrt(p - x)


@njit(**OPTIONS)
def root_places(tables, p, q, path, stop):
    """t0, t1 and the sign of the element of level 0: where in ``roots`` an element along a path is for x = 0."""
    if stop > 2:
        return tables.ones, tables.ones, 0.0
    return near_places(tables, p, q, path[2])


@njit(**OPTIONS)
def _link(rows, links, tables, r, sign, stop, b):
    """Add the row of ``trial``, to which a path from row r leads, or with sign -1 from which; and how."""
    known = rows.extent[ROWS]
    s = add_row(rows, tables, links.trial, 0)
    if s == known:
        _is_alone(links, s)
        is_new(rows, s)
    if rows.spread[s] == 1:  # it has been found from there
        return
    entry, path, k = rows.entry, links.path, links.made[0]
    links.made[0] = k + 1
    lower, upper = (r, s) if sign == 1 else (s, r)
    weight = path_weight(entry, lower, path, stop, b) * reduced(entry, lower, b, path[b])
    t0, t1, other = root_places(tables, entry[1, lower], entry[2, lower], path, stop)
    links.lower[k], links.upper[k], links.b[k], links.a[k] = lower, upper, b, stop - 1
    links.w0[k], links.t0[k], links.w1[k], links.t1[k] = weight, t0, other * weight, t1


@njit(**OPTIONS)
def _spread_far(rows, links, tables, r):
    """Add the rows that hops to and from levels above 2 lead to and from, and how they do."""
    d, path, hops = tables.levels, links.path, tables.hops
    set_diagram(links.trial, rows.diagram)
    for b in range(3, d):
        for stop in range(2, b + 1):
            if hops[stop - 1, b] == 0 and (stop > 2 or hops[0, b] == 0):
                continue
            first_path(path, stop, b + 1)
            more = True
            while more:
                for sign in (1, -1):
                    if moved_along(links.trial, rows.entry, r, path, stop, b, sign, d):
                        _link(rows, links, tables, r, sign, stop, b)
                more = next_path(path, stop, b + 1)


@njit(**OPTIONS)
def near_ways(rows, links, start):
    """The factors of the links of row ``start`` and all behind it: reduced times path_weight."""
    entry, way = rows.entry, links.way
    for r in range(start, rows.extent[ROWS]):
        p, q = float(entry[1, r]), float(entry[2, r])
        k, l, m, n = float(entry[3, r]), float(entry[4, r]), float(entry[5, r]), p - q + 1.0
        way[0, r] = np.sqrt((k - p) * (p + 1.0 - l) * (p + 2.0 - m) / (n * (n + 1.0)))
        # with p = q there is no q + 1, and the product is 0
        way[1, r] = np.sqrt((k + 1.0 - q) * (l - q) * (q + 1.0 - m) / max(n * (n - 1.0), 1.0))


@njit(**OPTIONS)
def spread_rows(rows, links, tables):
    """Add the rows that one-body operators lead to and from, of all that have something to carry on, and how they do.

    One call for all rows: it takes longer to hand all arrays on than to find a row.
    """
    hops, entry, near, trial, step = tables.hops, rows.entry, links.near, links.trial, 1
    is_near, known = hops[0, 2] == 1 or hops[1, 2] == 1, rows.extent[ROWS]
    for _ in range(3, tables.levels * (tables.levels - 1) // 2):
        step *= tables.radix
    for r in range(known):
        if rows.spread[r] == 1 or rows.low[r] >= rows.high[r]:
            continue
        rows.spread[r] = 1
        for k in range(4 if is_near else 0):
            if near[r, k] < near.shape[0] - 1:  # that row has found this one
                continue
            i, sign = k % 2, (-1 if k < 2 else 1)
            own = entry[1 + i, r]
            if own == (entry[4 + i, r] if sign < 0 else entry[3 + i, r]):
                continue
            at = place_of(rows.found, rows.key, rows.key[r] + sign * (tables.radix * step if i == 0 else step))
            s = np.int64(rows.found[at]) - 1
            if s < 0:
                for j in range(entry.shape[0]):
                    trial[j, 0] = entry[j, r]
                trial[1 + i, 0] = own + sign
                s = add_row(rows, tables, trial, 0)
                _is_alone(links, s)
                is_new(rows, s)
            near[r, k], near[s, (k + 2) % 4] = s, r
        if tables.levels > 3:
            _spread_far(rows, links, tables, r)
    near_ways(rows, links, known)
