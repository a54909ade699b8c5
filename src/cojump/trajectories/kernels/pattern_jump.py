"""Jumps of a state that is rows of patterns: a particle is taken out, moved to other levels, and put back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import NO_JUMP, NO_NUMBER, OPTIONS
from .pattern_rows import (
    RATES,
    ROWS,
    Rows,
    add_from,
    add_row,
    empty,
    first_path,
    moved_along,
    next_path,
    path_weight,
    root_places,
    set_diagram,
    widen,
)


class PatternRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    after : Rows
        The state after a jump, or after a step without one.
    rest : Rows
        The others and the particle that is taken out, by its level.
    spread : (R,)
        Rows that have been spread for a measurement.
    weights, weight : (L,), (cells,)
        Weights of the jumps, and of the patterns.
    bins : (BINS,)
    vectors, vectors_im : (1 + V, cells)
        A state and what the collective operators make of it.
    filled : (3,)
    """

    after: Rows
    rest: Rows
    spread: NDArray[np.int64]
    weights: NDArray[np.float64]
    weight: NDArray[np.float64]
    bins: NDArray[np.float64]
    vectors: NDArray[np.float64]
    vectors_im: NDArray[np.float64]
    filled: NDArray[np.int64]


@njit(**OPTIONS)
def _channel_weights(rows, tables, re, im, weight, weights):
    """<rate operator> of every jump, unnormalised, of low..high of all rows."""
    for l in range(weights.size):
        weights[l] = 0.0
    for r in range(rows.extent[ROWS]):
        a, b = rows.low[r], rows.high[r]
        if a >= b:
            continue
        n, at, fact = b - a, rows.base[r] + a, rows.fact[r] + a
        u, v, w = re[at : at + n], im[at : at + n], weight[:n]
        for k in range(w.size):
            w[k] = u[k] * u[k] + v[k] * v[k]
        for l in range(weights.size):
            rate, total = tables.facts[RATES + l, fact : fact + n], 0.0
            for k in range(w.size):
                total += w[k] * rate[k]
            weights[l] += total


@njit(**OPTIONS)
def _with_gamma(rows, plane, gamma):
    """Multiply a plane by a function of the occupation numbers."""
    re, im = rows.re[plane], rows.im[plane]
    for r in range(rows.extent[ROWS]):
        a, b = rows.first[r], rows.last[r]
        if a < b:
            at, fact = rows.base[r], rows.fact[r]
            u, v, g = re[at + a : at + b], im[at + a : at + b], gamma[fact + a : fact + b]
            for k in range(u.size):
                u[k] *= g[k]
                v[k] *= g[k]


@njit(**OPTIONS)
def weight_of_rows(rows, plane):
    """Squared norm of a plane."""
    total, re, im = 0.0, rows.re[plane], rows.im[plane]
    for r in range(rows.extent[ROWS]):
        a, b = rows.first[r], rows.last[r]
        if a < b:
            u, v = re[rows.base[r] + a : rows.base[r] + b], im[rows.base[r] + a : rows.base[r] + b]
            for k in range(u.size):
                total += u[k] * u[k] + v[k] * v[k]
    return total


@njit(**OPTIONS)
def _take_out(h_eff, room, re, im, l, c, share):
    """``share`` j C_λ^μ of the state in low..high, μ = λ without a box of row c, in ``room.rest``; its squared norm."""
    rows, tables, rest, path, trial = h_eff.rows, h_eff.tables, room.rest, h_eff.links.path, h_eff.links.trial
    d, j_re, j_im, roots = tables.levels, tables.j_re[l], tables.j_im[l], tables.roots
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
                    to = add_row(rest, tables, trial, 0)
                    p, q = trial[1, 0], trial[2, 0]
                    low, high = max(rows.low[r] - s, q), min(rows.high[r] - s, p + 1)
                    if low < high:
                        weight = share * path_weight(rest.entry, to, path, stop, d)
                        t0, t1, sign = root_places(tables, p, q, path, stop)
                        t, weight = (t1, sign * weight) if a == 0 else (t0, weight)
                        widen(rest, to, low, high)
                        for b in range(d):
                            if j_re[b, a] != 0.0 or j_im[b, a] != 0.0:
                                add_from(
                                    rest.re[b],
                                    rest.im[b],
                                    rest.base[to] + low,
                                    re,
                                    im,
                                    rows.base[r] + low + s,
                                    roots,
                                    t + low,
                                    weight * j_re[b, a],
                                    weight * j_im[b, a],
                                    high - low,
                                )
                more = next_path(path, stop, d)
    total = 0.0
    for b in range(d):
        if tables.enters[l, b] == 1:
            if tables.excluded[l] == 1:
                _with_gamma(rest, b, tables.gamma[l])
            total += weight_of_rows(rest, b)
    return total


@njit(**OPTIONS)
def _put_in(h_eff, room, l, c):
    """The particle of ``room.rest`` put back, a box more in row c, in ``room.after``; its squared norm."""
    tables, rest, after, path, trial = h_eff.tables, room.rest, room.after, h_eff.links.path, h_eff.links.trial
    d, roots = tables.levels, tables.roots
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
                    to = add_row(after, tables, trial, 0)
                    weight = path_weight(rest.entry, r, path, stop, d)
                    t0, t1, sign = root_places(tables, p, q, path, stop)
                    t, weight = (t1, sign * weight) if b == 0 else (t0, weight)
                    widen(after, to, low + s, high + s)
                    at, source = after.base[to] + low + s, rest.base[r] + low
                    add_from(
                        after.re[0],
                        after.im[0],
                        at,
                        rest.re[b],
                        rest.im[b],
                        source,
                        roots,
                        t + low,
                        weight,
                        0.0,
                        high - low,
                    )
                more = next_path(path, stop, d)
    return weight_of_rows(after, 0)


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
    _channel_weights(rows, tables, re, im, room.weight, weights)
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
            for x in range(rows.low[r], rows.high[r]):
                g = tables.gamma[chosen, rows.fact[r] + x]
                new_re[rows.base[r] + x] = g * re[rows.base[r] + x]
                new_im[rows.base[r] + x] = g * im[rows.base[r] + x]
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
