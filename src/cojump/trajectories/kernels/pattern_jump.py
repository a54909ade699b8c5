"""Jumps of a state that is rows of patterns: a particle is taken out, moved to other levels, and put back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .pattern_links import first_path, moved_along, next_path, path_weight, root_places, set_diagram
from .pattern_products import carry
from .pattern_rows import FIRST, RATES, ROWS, Rows, add_row, clear, empty, place, weight_of_cells, widen
from .vectors import LANES, fused, load, load_row, spread, store, total


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


@njit(**INLINED)
def _leading(rows, tables, trial, ways):
    """The row of ``trial``, to which another way leads."""
    known = rows.extent[ROWS]
    to = add_row(rows, tables, trial, 0)
    if to == known:
        ways[to] = -1
    return to


@njit(**OPTIONS)
def _placed(rows):
    """Cells for first..last of all rows."""
    for r in range(rows.extent[ROWS]):
        if rows.first[r] < rows.last[r]:
            place(rows, r, rows.first[r], rows.last[r])
            rows.spans[0, r, 0], rows.spans[0, r, 1] = rows.left[r], rows.right[r]


@njit(**OPTIONS)
def _take_out(h_eff, room, re, im, l, c, share):
    """``share`` j C_λ^μ of the state in low..high, μ = λ without a box of row c, in ``room.rest``; its squared norm."""
    rows, tables, rest, path, trial = h_eff.rows, h_eff.tables, room.rest, h_eff.links.path, h_eff.links.trial
    d, j_re, j_im, moves, factors, n = tables.levels, tables.j_re[l], tables.j_im[l], room.moves, room.factors, 0
    ways = room.ways
    empty(rest)
    path[d] = c
    set_diagram(trial, rest.diagram)
    for a in range(d):
        if tables.leaves[l, a] == 0:
            continue
        stop, s = max(a + 1, 2), (1 if a == 0 else 0)
        for r in range(rows.extent[ROWS]):
            if rows.low[r] >= rows.high[r]:
                continue
            first_path(path, stop, d)
            more = True
            while more:
                if moved_along(trial, rows.entry, r, path, stop, d, -1, d):
                    to = _leading(rest, tables, trial, ways)
                    p, q = trial[1, 0], trial[2, 0]
                    if max(rows.low[r] - s, q) < min(rows.high[r] - s, p + 1):
                        t0, t1, sign = root_places(tables, p, q, path, stop)
                        weight = share * path_weight(rest.entry, to, path, stop, d)
                        widen(rest, to, rows.low[r] - s, rows.high[r] - s)
                        moves[n, 0], moves[n, 1], moves[n, 2] = r, ways[to], a
                        moves[n, 3], factors[n] = (t1, sign * weight) if a == 0 else (t0, weight)
                        ways[to] = n
                        n += 1
                more = next_path(path, stop, d)
    _placed(rest)
    norm2 = 0.0
    for b in range(d):
        if tables.enters[l, b] == 0:
            continue
        to_re, to_im = rest.re[b], rest.im[b]
        for to in range(rest.extent[ROWS]):  # all of a row while it is close
            begin, end = rest.base[to] + rest.left[to], rest.base[to] + rest.right[to]
            clear(to_re, to_im, begin, end)
            k = ways[to]
            while k >= 0:
                r, a = moves[k, 0], moves[k, 2]
                if j_re[b, a] != 0.0 or j_im[b, a] != 0.0:
                    carry(
                        to_re,
                        to_im,
                        rest.base[to],
                        rest.first[to],
                        rest.last[to],
                        re,
                        im,
                        rows.base[r],
                        rows.spans[0, r, 0],
                        rows.spans[0, r, 1],
                        1 if a == 0 else 0,
                        tables.roots,
                        tables.ones,
                        moves[k, 3],
                        factors[k] * j_re[b, a],
                        factors[k] * j_im[b, a],
                    )
                k = moves[k, 1]
            if tables.excluded[l] == 1:
                _with_gamma(rest, to, tables.gamma[l], to_re, to_im, to_re, to_im)
            norm2 += weight_of_cells(to_re, to_im, begin, end)
    return norm2


@njit(**OPTIONS)
def _put_in(h_eff, room, l, c):
    """The particle of ``room.rest`` put back, a box more in row c, in ``room.after``; its squared norm."""
    tables, rest, after, path, trial = h_eff.tables, room.rest, room.after, h_eff.links.path, h_eff.links.trial
    d, moves, factors, ways, n = tables.levels, room.moves, room.factors, room.ways, 0
    empty(after)
    path[d] = c
    set_diagram(trial, after.diagram)
    for b in range(d):
        if tables.enters[l, b] == 0:
            continue
        stop, s = max(b + 1, 2), (1 if b == 0 else 0)
        for r in range(rest.extent[ROWS]):
            low, high, p, q = rest.first[r], rest.last[r], rest.entry[1, r], rest.entry[2, r]
            if low >= high:
                continue
            first_path(path, stop, d)
            more = True
            while more:
                if moved_along(trial, rest.entry, r, path, stop, d, 1, d):
                    to = _leading(after, tables, trial, ways)
                    t0, t1, sign = root_places(tables, p, q, path, stop)
                    weight = path_weight(rest.entry, r, path, stop, d)
                    widen(after, to, low + s, high + s)
                    moves[n, 0], moves[n, 1], moves[n, 2] = r, ways[to], b
                    moves[n, 3], factors[n] = (t1 - 1, sign * weight) if b == 0 else (t0, weight)
                    ways[to] = n
                    n += 1
                more = next_path(path, stop, d)
    _placed(after)
    to_re, to_im, norm2 = after.re[0], after.im[0], 0.0
    for to in range(after.extent[ROWS]):
        begin, end = after.base[to] + after.left[to], after.base[to] + after.right[to]
        clear(to_re, to_im, begin, end)
        k = ways[to]
        while k >= 0:
            r, b = moves[k, 0], moves[k, 2]
            carry(
                to_re,
                to_im,
                after.base[to],
                after.first[to],
                after.last[to],
                rest.re[b],
                rest.im[b],
                rest.base[r],
                rest.spans[0, r, 0],
                rest.spans[0, r, 1],
                -1 if b == 0 else 0,
                tables.roots,
                tables.ones,
                moves[k, 3],
                factors[k],
                0.0,
            )
            k = moves[k, 1]
        norm2 += weight_of_cells(to_re, to_im, begin, end)
    return norm2


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
    left, chosen = u * total, -1
    for l in range(weights.size):
        if weights[l] > 0.0:
            chosen = l
            if left < weights[l]:
                break
            left -= weights[l]
    if chosen < 0:
        return NO_JUMP
    if tables.excluded[chosen] == 0:
        for r in range(rows.extent[ROWS]):
            _with_gamma(rows, r, tables.gamma[chosen], re, im, new_re, new_im)
        re, im = new_re, new_im
    d, possible, found = tables.levels, -1, False
    for c in range(d):
        share = _share(rows.diagram, c)
        if share > 0.0:
            _diagram_with(room.rest.diagram, rows.diagram, c, -1)
            weight = _take_out(h_eff, room, re, im, chosen, c, share)
            if weight > 0.0:
                possible = c
                if left < weight:
                    found = True
                    break
                left -= weight
    if possible < 0:
        return NO_NUMBER
    if not found:  # rounding: keep the last possible one
        _diagram_with(room.rest.diagram, rows.diagram, possible, -1)
        _take_out(h_eff, room, re, im, chosen, possible, _share(rows.diagram, possible))
    possible, found = -1, False
    for c in range(d):
        if c > 0 and room.rest.diagram[c] == room.rest.diagram[c - 1]:
            continue
        _diagram_with(room.after.diagram, room.rest.diagram, c, 1)
        weight = _put_in(h_eff, room, chosen, c)
        if weight > 0.0:
            possible = c
            if left < weight:
                found = True
                break
            left -= weight
    if possible < 0:
        return NO_NUMBER
    if not found:
        _diagram_with(room.after.diagram, room.rest.diagram, possible, 1)
        _put_in(h_eff, room, chosen, possible)
    return chosen


@njit(**OPTIONS)
def _diagram_with(made, diagram, row, sign):
    """Write a diagram with a box more, or fewer, in a row."""
    for k in range(diagram.size):
        made[k] = diagram[k]
    made[row] += sign
