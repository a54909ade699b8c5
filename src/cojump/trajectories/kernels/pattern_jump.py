"""Jumps of a state that is rows of patterns: a particle is taken out, moved to other levels, and put back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .jump import choose_channel
from .pattern_links import first_path, key_of_path, may_move, near_places, next_path, path_weight
from .pattern_rows import FIRST, RATES, ROWS, Rows, begin_row, cell_of, clear, copied_row, empty, place, place_of
from .vectors import LANES, after, before, fused, load, load_row, spread, store, total


class PatternRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    after : Rows
        The state after a jump, or after a step without one.
    rest : Rows
        The others and the particle that is taken out, by its level.
    spread, layout : (R,), (3, R)
        Rows that have been spread for a measurement, and where the cells of rows are otherwise.
    here : (R, 2)
        From where to where rows have cells in a measurement.
    weights, weight : (L,), (cells,)
        Weights of the jumps, and of the patterns.
    sums : (L LANES,)
    weight_bits : (cells,) int
        The same memory as ``weight``.
    moves, factors : (M, 4), (M,)
        Ways in which a particle is taken out or put in: from which row, the next one to the same row or -1, by how much
        x changes, where the roots are; and the number of the rows.
    ways : (R,)
        The first of the ways to each row, or -1.
    bins : (BINS,)
    vectors, vectors_im : (1 + V, cells)
        A state and what the collective operators make of it.
    filled : (3,)
    """

    after: Rows
    rest: Rows
    spread: NDArray[np.int64]
    layout: NDArray[np.int64]
    here: NDArray[np.int64]
    weights: NDArray[np.float64]
    weight: NDArray[np.float64]
    sums: NDArray[np.float64]
    weight_bits: NDArray[np.int64]
    moves: NDArray[np.int64]
    factors: NDArray[np.float64]
    ways: NDArray[np.int64]
    bins: NDArray[np.float64]
    vectors: NDArray[np.float64]
    vectors_im: NDArray[np.float64]
    filled: NDArray[np.int64]


@njit(**OPTIONS)
def weigh(re, im, weight, end):
    """Write the weights of all cells before ``end``; their sum."""
    summed = spread(0.0)
    for p in range(FIRST, end, LANES):
        u, v = load(re, p, LANES), load(im, p, LANES)
        w = fused(u, u, v * v)
        store(weight, p, LANES, w)
        summed = summed + w
    return total(summed)


@njit(**OPTIONS)
def _channel_weights(rows, tables, re, im, sums, weights):
    """<rate operator> of every jump, unnormalised, of low..high of all rows."""
    clear(sums, sums, 0, sums.size)
    for r in range(rows.extent[ROWS]):
        base, fact = rows.base[r], rows.fact[r]
        for x in range(rows.low[r] // LANES * LANES, rows.high[r], LANES):
            u, v = load(re, base + x, LANES), load(im, base + x, LANES)
            weight = fused(u, u, v * v)
            for l in range(weights.size):
                rate = load_row(tables.facts, RATES + l, fact + x, LANES)
                store(sums, l * LANES, LANES, fused(weight, rate, load(sums, l * LANES, LANES)))
    for l in range(weights.size):
        weights[l] = total(load(sums, l * LANES, LANES))


@njit(**INLINED)
def _with_gamma(rows, r, gamma, re, im, to_re, to_im):
    """A row times a function of the occupation numbers."""
    base, fact = rows.base[r], rows.fact[r]
    for x in range(rows.spans[0, r, 0], rows.spans[0, r, 1], LANES):
        g = load(gamma, fact + x, LANES)
        store(to_re, base + x, LANES, load(re, base + x, LANES) * g)
        store(to_im, base + x, LANES, load(im, base + x, LANES) * g)


@njit(**OPTIONS)
def _placed(rows):
    """Cells for first..last of all rows."""
    for r in range(rows.extent[ROWS]):
        if rows.first[r] < rows.last[r]:
            place(rows, r, rows.first[r], rows.last[r])
            rows.spans[0, r, 0], rows.spans[0, r, 1] = rows.left[r], rows.right[r]


@njit(**INLINED)
def _leading(made, tables, rows, r, path, stop, sign, step, ways):
    """The row to which a box along a path leads from row r of others."""
    d, key = tables.levels, rows.key[r] + step
    at = place_of(made.found, made.key, key)
    if made.found[at] > 0:
        return np.int64(made.found[at] - 1)
    to = copied_row(made, rows.entry, r, at, key)
    for n in range(stop, d + 1):
        made.entry[n * (n - 1) // 2 + path[n], to] += sign
    begin_row(made, tables, to)
    ways[to] = -1
    return to


@njit(**INLINED)
def _find_ways(tables, links, room, rows, made, level, c, sign, share, n):
    """Ways n, .. in which a particle in a level goes in (with sign -1: out), a box of row c more; how many there are.

    They begin in low..high of ``rows`` and lead to ``made``, whose first..last become what comes of it.
    """
    d, path, moves, factors, ways = tables.levels, links.path, room.moves, room.factors, room.ways
    stop, low, high, entry = max(level + 1, 2), rows.low, rows.high, made.entry
    shift, after = (sign if level == 0 else 0), (1 if sign > 0 else 0)
    path[d] = c
    first_path(path, stop, d)
    more = True
    while more:
        step = sign * key_of_path(path, stop, d, tables.radix)
        i = path[2] if stop == 2 else -1
        for r in range(rows.extent[ROWS]):
            if low[r] >= high[r] or not may_move(rows.entry, r, path, stop, d, sign):
                continue
            to = _leading(made, tables, rows, r, path, stop, sign, step, ways)
            a, b = max(low[r] + shift, entry[2, to]), min(high[r] + shift, entry[1, to] + 1)
            if a >= b:
                continue
            made.first[to], made.last[to] = min(a, made.first[to]), max(b, made.last[to])
            # the elements are written for the pattern with fewer boxes
            weight = share * (
                path_weight(rows.entry, r, path, stop, d) if sign > 0 else path_weight(entry, to, path, stop, d)
            )
            p, q = (rows.entry[1, r], rows.entry[2, r]) if sign > 0 else (entry[1, to], entry[2, to])
            t = tables.ones
            if i >= 0:
                t0, t1, other = near_places(tables, p, q, i)
                t, weight = (t1 - after, other * weight) if level == 0 else (t0, weight)
            moves[n, 0], moves[n, 1], moves[n, 2], moves[n, 3], factors[n] = r, ways[to], level, t, weight
            ways[to] = n
            n += 1
        more = next_path(path, stop, d)
    return n


@njit(**OPTIONS)
def _move_particle(h_eff, room, rows, re, im, made, l, c, sign, share):
    """Take a particle out of low..high of ``rows`` (sign -1) or put it in, into ``made``; the squared norm.

    Taken out, ``share`` j C_λ^μ of the one plane of ``rows``, μ = λ without a box of row c, is in planes of ``made``,
    one for each level that j leads to. Put in, it comes from these planes, with a box more in row c.
    """
    tables, moves, factors, ways = h_eff.tables, room.moves, room.factors, room.ways
    d, roots, n, nowhere, nothing = tables.levels, tables.roots, 0, rows.base.size - 1, spread(0.0)
    empty(made)
    for level in range(d):
        if (tables.leaves[l, level] if sign < 0 else tables.enters[l, level]) == 1:
            n = _find_ways(tables, h_eff.links, room, rows, made, level, c, sign, share, n)
    _placed(made)
    squares, with_gamma = nothing, sign < 0 and tables.excluded[l] == 1
    for b in range(d if sign < 0 else 1):
        if sign < 0 and tables.enters[l, b] == 0:
            continue
        to_re, to_im = made.re[b], made.im[b]
        for to in range(made.extent[ROWS]):
            base, fact, first, last = made.base[to], made.fact[to], made.left[to], made.right[to]
            k = ways[to] if first < last else -1
            fresh = True
            while k >= 0:  # two ways at once
                level, r, t, f, following = moves[k, 2], moves[k, 0], moves[k, 3], factors[k], moves[k, 1]
                other_r, other_t, other_f = nowhere, tables.ones, 0.0
                if following >= 0 and moves[following, 2] == level:
                    other_r, other_t, other_f = moves[following, 0], moves[following, 3], factors[following]
                    following = moves[following, 1]
                plane, shift, own, beyond = np.int64(0), (-sign if level == 0 else 0), 1.0, 0.0
                if sign > 0:
                    plane = level
                else:
                    own, beyond = tables.j_re[l, b, level], tables.j_im[l, b, level]
                here, left, right = rows.base[r], rows.spans[0, r, 0], rows.spans[0, r, 1]
                there, low, high = rows.base[other_r], rows.spans[0, other_r, 0], rows.spans[0, other_r, 1]
                factor, other_factor, real, imaginary = spread(f), spread(other_f), spread(own), spread(beyond)
                for x in range(first, last, LANES):
                    cell, other_cell = cell_of(here, left, right, x), cell_of(there, low, high, x)
                    u, v = load_row(re, plane, cell, LANES), load_row(im, plane, cell, LANES)
                    y, z = load_row(re, plane, other_cell, LANES), load_row(im, plane, other_cell, LANES)
                    if shift != 0:
                        side = x + shift * LANES
                        cell, other_cell = cell_of(here, left, right, side), cell_of(there, low, high, side)
                        side_u, side_v = load_row(re, plane, cell, LANES), load_row(im, plane, cell, LANES)
                        side_y, side_z = load_row(re, plane, other_cell, LANES), load_row(im, plane, other_cell, LANES)
                        if shift > 0:
                            u, v, y, z = after(u, side_u), after(v, side_v), after(y, side_y), after(z, side_z)
                        else:
                            u, v, y, z = before(side_u, u), before(side_v, v), before(side_y, y), before(side_z, z)
                    e, g = factor * load(roots, t + x, LANES), other_factor * load(roots, other_t + x, LANES)
                    u, v = fused(e, u, g * y), fused(e, v, g * z)
                    made_re, made_im = real * u - imaginary * v, fused(real, v, imaginary * u)
                    if not fresh:
                        made_re = made_re + load(to_re, base + x, LANES)
                        made_im = made_im + load(to_im, base + x, LANES)
                    if following < 0:
                        if with_gamma:
                            gamma = load_row(tables.gamma, l, fact + x, LANES)
                            made_re, made_im = gamma * made_re, gamma * made_im
                        squares = fused(made_re, made_re, fused(made_im, made_im, squares))
                    store(to_re, base + x, LANES, made_re)
                    store(to_im, base + x, LANES, made_im)
                k, fresh = following, False
    for to in range(made.extent[ROWS]):
        made.low[to], made.high[to] = made.first[to], made.last[to]
    return total(squares)


@njit(**OPTIONS)
def _share(diagram, c):
    """sqrt(N f_μ/f_λ) for μ = λ without a box of row c, 0 where that is no diagram; see removal_weight."""
    d = diagram.size
    if diagram[c] == (diagram[c + 1] if c + 1 < d else 0):
        return 0.0
    own = diagram[c] + d - 1.0 - c
    weight = own
    for k in range(d):
        if k != c:
            gap = own - (diagram[k] + d - 1.0 - k)
            weight *= (gap - 1.0) / gap
    return np.sqrt(weight)


@njit(**OPTIONS)
def perform_pattern_jump(h_eff, room, re, im, new_re, new_im, u):
    """Jump from the state in low..high of the rows: its number, NO_JUMP or NO_NUMBER; as perform_sparse_jump.

    The state after it is in ``room.after``, not normalised.
    """
    rows, tables, weights = h_eff.rows, h_eff.tables, room.weights
    _channel_weights(rows, tables, re, im, room.sums, weights)
    total = 0.0
    for l in range(weights.size):
        total += weights[l]
    if not total < np.inf:
        return NO_NUMBER
    chosen, left = choose_channel(weights, u * total)
    if chosen < 0:
        return NO_JUMP
    if tables.excluded[chosen] == 0:
        for r in range(rows.extent[ROWS]):
            _with_gamma(rows, r, tables.gamma[chosen], re, im, new_re, new_im)
        re, im = new_re, new_im
    d, possible = tables.levels, -1
    one_re, one_im = re.reshape(1, re.size), im.reshape(1, im.size)
    for attempt in range(d + 1):
        c = attempt if attempt < d else possible  # rounding: the last possible one
        if c < 0:
            return NO_NUMBER
        share = _share(rows.diagram, c)
        if share == 0.0:
            continue
        _diagram_with(room.rest.diagram, rows.diagram, c, -1)
        weight = _move_particle(h_eff, room, rows, one_re, one_im, room.rest, chosen, c, -1, share)
        if attempt == d or left < weight:
            break
        if weight > 0.0:
            possible = c
            left -= weight
    possible = -1
    for attempt in range(d + 1):
        c = attempt if attempt < d else possible
        if c < 0:
            return NO_NUMBER
        if c > 0 and room.rest.diagram[c] == room.rest.diagram[c - 1]:
            continue
        _diagram_with(room.after.diagram, room.rest.diagram, c, 1)
        weight = _move_particle(h_eff, room, room.rest, room.rest.re, room.rest.im, room.after, chosen, c, 1, 1.0)
        if attempt == d or left < weight:
            break
        if weight > 0.0:
            possible = c
            left -= weight
    return chosen


@njit(**OPTIONS)
def _diagram_with(made, diagram, row, sign):
    """Write a diagram with a box more, or fewer, in a row."""
    for k in range(diagram.size):
        made[k] = diagram[k]
    made[row] += sign
