"""Jumps of a state that is rows of patterns: a particle is taken out, moved to other levels, and put back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .driven_rates import rate_factor
from .jump import choose_channel
from .pattern_links import first_path, key_of_path, may_move, near_places, next_path, path_weight, weights_of_three
from .pattern_pairs import COLLECTIVE, collective_jump, weigh_pairs
from .pattern_rows import FAR, RATES, ROWS, Rows, begin_row, cell_of, copied_row, empty, place, place_of, times_function
from .vectors import LANES, after, before, fused, load, load_row, rising, spread, store, total

FROM, TO, NEXT, LEVEL, PATH, ROOTS = range(6)
"""Columns of ``moves``: from which row and to which, the next way to the same row or -1, the level of the particle,
the number of the path, or -1 behind the last way, and where the roots are."""


@by_reference
class PatternRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    after : Rows
        The state after a jump, or after a step without one.
    rest : Rows
        The others and the particle that is taken out, by its level.
    spread, layout : (R,), (3, R)
        Rows that have been spread where a state is laid out, and where the cells of rows are otherwise.
    here : (R, 2)
        From where to where rows have cells there.
    weights, of_rows : (L,), (R,)
        Weights of the jumps, and factors of rows.
    moves, factors : (M + 1, 6), (M,)
        Ways in which a particle is taken out or put in, see FROM and what follows it; and the number of the rows.
    ways : (R,)
        The first of the ways to each row, or -1.
    vectors, vectors_im : (1 + V, cells)
        A state and what the collective operators make of it.
    moments : (1 + V, 6)
        Of inner products with the state, see add_moments.
    filled : (3,)
    """

    after: Rows
    rest: Rows
    spread: NDArray[np.int64]
    layout: NDArray[np.int64]
    here: NDArray[np.int64]
    weights: NDArray[np.float64]
    of_rows: NDArray[np.float64]
    moves: NDArray[np.int64]
    factors: NDArray[np.float64]
    ways: NDArray[np.int64]
    vectors: NDArray[np.float64]
    vectors_im: NDArray[np.float64]
    moments: NDArray[np.float64]
    filled: NDArray[np.int64]


@njit(**OPTIONS)
def _channel_weights(rows, tables, re, im, weights):
    """<rate operator> of every jump, unnormalised, of low..high of all rows: six jumps at once."""
    most, facts = weights.size - 1, tables.facts
    for l in range(0, weights.size, 6):
        # jumps beyond the last are it once more
        a, b, c, d, e = min(l + 1, most), min(l + 2, most), min(l + 3, most), min(l + 4, most), min(l + 5, most)
        s0 = s1 = s2 = s3 = s4 = s5 = spread(0.0)
        for r in range(rows.extent[ROWS]):
            base, fact = rows.base[r], rows.fact[r]
            for x in range(rows.low[r] // LANES * LANES, rows.high[r], LANES):
                u, v = load(re, base + x, LANES), load(im, base + x, LANES)
                weight, at = fused(u, u, v * v), fact + x
                s0 = fused(weight, load_row(facts, RATES + l, at, LANES), s0)
                s1 = fused(weight, load_row(facts, RATES + a, at, LANES), s1)
                s2 = fused(weight, load_row(facts, RATES + b, at, LANES), s2)
                s3 = fused(weight, load_row(facts, RATES + c, at, LANES), s3)
                s4 = fused(weight, load_row(facts, RATES + d, at, LANES), s4)
                s5 = fused(weight, load_row(facts, RATES + e, at, LANES), s5)
        weights[e], weights[d], weights[c] = total(s5), total(s4), total(s3)
        weights[b], weights[a], weights[l] = total(s2), total(s1), total(s0)


@njit(**OPTIONS)
def _placed(rows):
    """Cells for first..last of all rows."""
    for r in range(rows.extent[ROWS]):
        if rows.first[r] < rows.last[r]:
            place(rows, r, rows.first[r], rows.last[r])
            rows.spans[0, r, 0], rows.spans[0, r, 1] = rows.left[r], rows.right[r]


@njit(**INLINED)
def _leading(made, tables, rows, r, path, stop, sign, step, ways):
    """The row to which a box along a path leads from row r of others, without the entries of its diagram."""
    d, key = tables.levels, rows.key[r] + step
    at = place_of(made.found, made.key, key)
    if made.found[at] > 0:
        return np.int64(made.found[at] - 1)
    to = copied_row(made, rows.entry, r, at, key, d * (d - 1) // 2)
    for n in range(stop, d):
        made.entry[n * (n - 1) // 2 + path[n], to] += sign
    begin_row(made, tables, to)
    ways[to] = -1
    return to


@njit(inline="always", **OPTIONS)
def _moves_at(tables, l, level, sign):
    """Whether jump l puts a particle into a level (with sign -1: takes one out)."""
    return (tables.leaves[l, level] if sign < 0 else tables.enters[l, level]) == 1


@njit(**INLINED)
def _find_ways(h_eff, room, rows, made, l, sign, c):
    """All ways in which a particle goes in at jump l (with sign -1: out), its box in row c of the diagram.

    They begin in low..high of ``rows`` and lead to ``made``, which gets cells for what may come of it.
    """
    tables, path, moves, ways, n, number = h_eff.tables, h_eff.links.path, room.moves, room.ways, 0, 0
    d, low, high, entry, after = tables.levels, rows.low, rows.high, made.entry, (1 if sign > 0 else 0)
    empty(made)
    for level in range(d):
        if not _moves_at(tables, l, level, sign):
            continue
        stop, shift = max(level + 1, 2), (sign if level == 0 else 0)
        first_path(path, stop, d)
        more, path[d] = True, c
        while more:
            step = sign * key_of_path(path, stop, d, tables.radix)
            for r in range(rows.extent[ROWS]):
                if low[r] >= high[r] or not may_move(rows.entry, r, path, stop, d, sign):
                    continue
                to = _leading(made, tables, rows, r, path, stop, sign, step, ways)
                a, b = max(low[r] + shift, entry[2, to]), min(high[r] + shift, entry[1, to] + 1)
                if a >= b:
                    continue
                made.first[to], made.last[to] = min(a, made.first[to]), max(b, made.last[to])
                t = tables.ones
                if stop == 2:
                    # the elements are written for the pattern with fewer boxes
                    p, q = (rows.entry[1, r], rows.entry[2, r]) if sign > 0 else (entry[1, to], entry[2, to])
                    t0, t1, _ = near_places(tables, p, q, path[2])
                    t = t1 - after if level == 0 else t0
                _write_way(moves, ways, n, r, to, level, t, number)
                n += 1
            number += 1
            more = next_path(path, stop, d)
    moves[n, PATH] = -1
    _placed(made)


@njit(inline="always", **OPTIONS)
def _write_way(moves, ways, n, row, to, level, roots, path):
    """Write way n, behind the others that lead to the same row."""
    moves[n, FROM], moves[n, NEXT], moves[n, LEVEL] = row, ways[to], level
    moves[n, ROOTS], moves[n, TO], moves[n, PATH] = roots, to, path
    ways[to] = n


@njit(inline="always", **OPTIONS)
def _is_between(p, q, first, second, third):
    """Whether p and q are a row of two entries below a row of three."""
    return (p <= first) & (p >= second) & (q <= second) & (q >= third)


@njit(**INLINED)
def _find_ways_of_three(tables, room, rows, made, l, sign, last):
    """As _find_ways of three levels, its box in any row of the diagram before ``last``: it adds to p, q or neither."""
    moves, ways, low, high, radix = room.moves, room.ways, rows.low, rows.high, tables.radix
    entry, found, key, fact, after = made.entry, made.found, made.key, made.fact, (1 if sign > 0 else 0)
    first, second, third, may_be_last = rows.diagram[0], rows.diagram[1], rows.diagram[2], last > 2
    starts, above, n, number, count = tables.start[made.missing], first + second + third + sign, 0, 0, 0
    for level in range(3):
        if not _moves_at(tables, l, level, sign):
            continue
        shift = sign if level == 0 else 0
        for i in range(2 if level < 2 else 1):
            more_p, more_q = (0, 0) if level == 2 else (sign, 0) if i == 0 else (0, sign)
            for r in range(rows.extent[ROWS]):
                p, q = rows.entry[1, r] + more_p, rows.entry[2, r] + more_q
                a, b = max(low[r] + shift, q), min(high[r] + shift, p + 1)
                is_row = _is_between(p, q, first + sign, second, third)
                is_row |= _is_between(p, q, first, second + sign, third)
                is_row |= may_be_last & _is_between(p, q, first, second, third + sign)
                if (a >= b) | (not is_row):
                    continue
                own = p * radix + q
                at = place_of(found, key, own)
                to = np.int64(found[at]) - 1
                if to < 0:
                    to = count
                    count += 1
                    found[at], made.home[to] = to + 1, at
                    key[to], entry[1, to], entry[2, to], fact[to] = own, p, q, starts[above - p - q]
                    made.first[to], made.last[to], ways[to] = a, b, -1
                else:
                    made.first[to], made.last[to] = min(a, made.first[to]), max(b, made.last[to])
                t = tables.ones
                if level < 2:
                    # the elements are written for the pattern with fewer boxes
                    t0, t1, _ = near_places(tables, p - after * more_p, q - after * more_q, i)
                    t = t1 - after if level == 0 else t0
                _write_way(moves, ways, n, r, to, level, t, number)
                n += 1
            number += 1
    moves[n, PATH] = -1
    made.extent[ROWS] = count
    _placed(made)


@njit(**INLINED)
def _weigh_ways(h_eff, room, rows, made, l, c, sign, share):
    """The factors of all ways for a box of row c, 0 where it may not go; ``made`` gets the diagram that comes of it."""
    tables, path, moves, factors, n, number = h_eff.tables, h_eff.links.path, room.moves, room.factors, 0, 0
    d, of_rows = tables.levels, room.of_rows
    for k in range(d):
        for to in range(made.extent[ROWS]):
            made.entry[d * (d - 1) // 2 + k, to] = made.diagram[k]
    for level in range(d):
        if not _moves_at(tables, l, level, sign):
            continue
        stop = max(level + 1, 2)
        first_path(path, stop, d)
        more, path[d] = True, c
        while more:
            way_share = -share if level == 0 and path[2] == 1 else share  # see near_places
            if d == 3:
                first = path[2] if stop == 2 else -1
                weights_of_three(rows.entry, rows.extent[ROWS], made.diagram, c, first, sign, way_share, of_rows)
            while moves[n, PATH] == number:
                r, factors[n] = moves[n, FROM], 0.0
                if d == 3:
                    factors[n] = of_rows[r]
                elif may_move(rows.entry, r, path, stop, d, sign):
                    if sign > 0:
                        factors[n] = way_share * path_weight(rows.entry, r, path, stop, d)
                    else:
                        factors[n] = way_share * path_weight(made.entry, moves[n, TO], path, stop, d)
                n += 1
            number += 1
            more = next_path(path, stop, d)


@njit(inline="always", **OPTIONS)
def _slope_of(b):
    """How many more particles are in level b for each x of a row."""
    return 1.0 if b == 0 else -1.0 if b == 1 else 0.0


@njit(inline="always", **OPTIONS)
def _constant_of(entry, r, b):
    """How many particles of row r are in level b at x = 0."""
    count = 0
    for k in range(b + 1):
        count += entry[b * (b + 1) // 2 + k, r] if b > 0 else 0
    for k in range(b):
        count -= entry[b * (b - 1) // 2 + k, r] if b > 1 else 0
    return count


@njit(**OPTIONS)
def _move_particle(h_eff, room, rows, re, im, made, l, c, sign, share, is_first):
    """Take a particle out of low..high of ``rows`` (sign -1) or put it in, into ``made``; the squared norm.

    Taken out, also the number of others in the level that j leads to, times the squared norm, summed over these levels.

    Taken out, ``share`` j C_λ^μ of the one plane of ``rows``, μ = λ without a box of row c, is in planes of ``made``,
    one for each level that j leads to. Put in, it comes from these planes, with a box more in row c.

    Of three levels the ways for all c are found with the first c; what is no pattern for this one has zeros. More
    levels may have more such rows than there is room for.
    """
    tables, moves, factors, ways = h_eff.tables, room.moves, room.factors, room.ways
    d, roots, nowhere, nothing = tables.levels, tables.roots, rows.base.size - 1, spread(0.0)
    if d > 3:
        _find_ways(h_eff, room, rows, made, l, sign, c)
    elif is_first == 1:
        empty(made)
        is_whole = sign > 0 or rows.diagram[d - 1] > 0  # a box that is not there is not taken away
        _find_ways_of_three(tables, room, rows, made, l, sign, d if is_whole else d - 1)
    _weigh_ways(h_eff, room, rows, made, l, c, sign, share)
    squares, others, with_gamma = nothing, nothing, sign < 0 and tables.excluded[l] == 1
    for b in range(d if sign < 0 else 1):
        if sign < 0 and tables.enters[l, b] == 0:
            continue
        to_re, to_im = made.re[b], made.im[b]
        for to in range(made.extent[ROWS]):
            base, fact, first, last = made.base[to], made.fact[to], made.left[to], made.right[to]
            k = ways[to] if first < last else -1
            fresh, slopes, constants = True, nothing, nothing
            if sign < 0:
                slopes, constants = spread(_slope_of(b)), spread(_constant_of(made.entry, to, b))
            made.low[to], made.high[to] = FAR, -FAR
            while k >= 0:  # two ways at once
                level, r, t, f = moves[k, LEVEL], moves[k, FROM], moves[k, ROOTS], factors[k]
                following = moves[k, NEXT]
                other_r, other_t, other_f = nowhere, tables.ones, 0.0
                if following >= 0 and moves[following, LEVEL] == level:
                    other_r, other_t, other_f = moves[following, FROM], moves[following, ROOTS], factors[following]
                    following = moves[following, NEXT]
                if f != 0.0 or other_f != 0.0:
                    made.low[to], made.high[to] = made.first[to], made.last[to]
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
                        weight = fused(made_re, made_re, made_im * made_im)
                        squares = squares + weight
                        if sign < 0:
                            others = fused(weight, fused(slopes, rising(x), constants), others)
                    store(to_re, base + x, LANES, made_re)
                    store(to_im, base + x, LANES, made_im)
                k, fresh = following, False
    return total(squares), total(others)


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
    _channel_weights(rows, tables, re, im, weights)
    weigh_pairs(h_eff, room, re, im, new_re, new_im, weights)
    total = 0.0
    for l in range(weights.size):
        weights[l] *= rate_factor(h_eff, l)
        total += weights[l]
    if not total < np.inf:
        return NO_NUMBER
    chosen, left = choose_channel(weights, u * total)
    if chosen < 0:
        return NO_JUMP
    if h_eff.pairs.kind[chosen] == COLLECTIVE:
        collective_jump(h_eff, room, chosen, re, im, new_re, new_im)
        return chosen
    if tables.excluded[chosen] == 0:
        for r in range(rows.extent[ROWS]):
            a, b = rows.spans[0, r, 0], rows.spans[0, r, 1]
            times_function(rows, r, tables.gamma[chosen], re, im, a, b, new_re, new_im)
        re, im = new_re, new_im
    d, rest, waiting = tables.levels, room.rest, room.after
    from_re, from_im, source, made = re.reshape(1, re.size), im.reshape(1, im.size), rows, rest
    # what a jump makes of the state does not know the factor
    left, weight, others = left / rate_factor(h_eff, chosen), weights[chosen] / rate_factor(h_eff, chosen), 0.0
    for sign in (-1, 1):
        # rows of the diagram before ``first`` and behind ``last`` are not chosen; between them is ``weight``
        likely = 0.5 * weight
        if sign > 0:
            likely = _likely_first(rest.diagram, weight, others)
            from_re, from_im, source, made = rest.re, rest.im, rest, waiting
        first, last, possible, is_first, own, done = 0, d - 1, -1, 1, 0.0, False
        while not done:
            if first > last and possible < 0:
                return NO_NUMBER
            c = possible  # rounding: the last possible one
            if first <= last:
                c = first if left < (likely if first == 0 else 0.5 * weight) else last
            share = 1.0
            if sign < 0:
                share = _share(rows.diagram, c)
            elif c > 0 and rest.diagram[c] == rest.diagram[c - 1]:
                share = 0.0
            own = 0.0
            if share != 0.0:
                _diagram_with(made.diagram, source.diagram, c, sign)
                own, found = _move_particle(
                    h_eff, room, source, from_re, from_im, made, chosen, c, sign, share, is_first
                )
                is_first = 0
                if sign < 0:
                    others = found
            if first > last:
                break
            if own > 0.0:
                possible = c
            beside = max(weight - own, 0.0)
            if c == first:
                done = own > 0.0 and left < own
                if not done:
                    first, left = first + 1, left - own
            else:
                done = own > 0.0 and left >= beside
                if done:
                    left -= beside
                else:
                    last -= 1
            if not done:
                weight = beside
        weight = own
    waiting.norm2[0] = weight
    return chosen


@njit(**OPTIONS)
def _likely_first(diagram, weight, others):
    """About the weight for a box in the first row, of a particle whose level has others/weight others of the diagram.

    The sum of all exchanges with them is diagram[c] - c for a box in row c, and their number in the mean; what there is
    of further rows is taken to be alike.
    """
    d, further = diagram.size, 0.0
    for c in range(1, d):
        further += (diagram[c] - c) / (d - 1.0)
    return (others - further * weight) / (diagram[0] - further)


@njit(**OPTIONS)
def _diagram_with(made, diagram, row, sign):
    """Write a diagram with a box more, or fewer, in a row."""
    for k in range(diagram.size):
        made[k] = diagram[k]
    made[row] += sign
