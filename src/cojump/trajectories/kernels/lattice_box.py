"""Where a state of several blocks lies, and what is measured of it there."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .lattice import EDGE, copy_into, first_place, next_place, set_strides
from .lattice_rows import trim, zero
from .propagate import norm_squared
from .vectors import LANES, fused, load, spread, total

START, COUNT, FIRST = range(3)
"""Slots of a run: its first cell, its number of cells, and from FIRST on its place on all axes."""

SPARE = 3
"""How much further than it must a new box reaches, in hops."""


@njit(**OPTIONS)
def all_runs(n, place, runs):
    """Write all of a box as runs, pieces of it that lie along the last axis; their number."""
    last, inner = n.size - 1, n[n.size - 1]
    first_place(place)
    number = 0
    while True:
        runs[number, START], runs[number, COUNT], runs[number, FIRST + last] = number * inner, inner, 0
        for b in range(last):
            runs[number, FIRST + b] = place[b]
        number += 1
        if not next_place(place, n, last):
            return number


@njit(**OPTIONS)
def runs_of(hull, shape, stride, inner, runs):
    """Write the hull of a state as runs; their number."""
    last, number = stride.size - 1, 0
    for row in range(shape[0]):
        start = row * shape[1]
        at, stop = start + hull[row, 0], start + hull[row, 1]
        while at < stop:
            left, count = at, min(stop - at, inner - at % inner)
            runs[number, START], runs[number, COUNT] = at, count
            for b in range(last):
                runs[number, FIRST + b] = left // stride[b]
                left -= runs[number, FIRST + b] * stride[b]
            runs[number, FIRST + last] = left
            at += count
            number += 1
    return number


@njit(**OPTIONS)
def _tails(weights, n, budget):
    """First place that is kept, and one past the last, where ``budget`` may be cut at each side."""
    lo, hi = 0, n
    cut = weights[lo]
    while cut <= budget and hi - lo > 1:
        lo += 1
        cut += weights[lo]
    cut = weights[hi - 1]
    while cut <= budget and hi - lo > 1:
        hi -= 1
        cut += weights[hi - 1]
    return lo, hi


@njit(**OPTIONS)
def tails_of(runs, n_runs, re, im, n, marginal, edges, tail):
    """Write for each axis where a state begins and ends if ``tail`` of its weight is cut on each side; its weight."""
    last, total = n.size - 1, 0.0
    for b in range(n.size):
        for k in range(n[b]):
            marginal[b, k] = 0.0
    for number in range(n_runs):
        start, count = runs[number, START], runs[number, COUNT]
        weight = _weigh(re, im, start, count, marginal[last, runs[number, FIRST + last] :])
        for b in range(last):
            marginal[b, runs[number, FIRST + b]] += weight
        total += weight
    for b in range(n.size):
        edges[b, 0], edges[b, 1] = _tails(marginal[b], n[b], tail * total)
    return total


@njit(**OPTIONS)
def fit_box(sizes, bands, two_J, from_lo, edges, reach, box):
    """Let a box have room for ``reach`` hops around a state of a sector; whether it has had to change.

    It stays as it is if it serves and is not much too large. ``edges`` count from ``from_lo``.
    """
    stays = True
    for b in range(sizes.size):
        first, band = (sizes[b] - two_J[b]) // 2, max(bands[b], 1)
        stop = first + two_J[b] + 1  # averages and jumps reach one further than the state
        begin, end = from_lo[b] + edges[b, 0], from_lo[b] + edges[b, 1]
        wanted_lo, wanted_hi = max(begin - reach * band, first), min(end + reach * band, stop)
        if box.lo[b] > wanted_lo or box.lo[b] + box.n[b] < wanted_hi:
            stays = False
        if box.n[b] > wanted_hi - wanted_lo + 4 * SPARE * band:
            stays = False
    if not stays:
        for b in range(sizes.size):
            first, band = (sizes[b] - two_J[b]) // 2, max(bands[b], 1)
            stop, far = first + two_J[b] + 1, (reach + SPARE) * band
            begin, end = from_lo[b] + edges[b, 0], from_lo[b] + edges[b, 1]
            box.lo[b] = max(begin - far, first)
            box.n[b] = min(end + far, stop) - box.lo[b]
        set_strides(box.n, box.stride, box.size)
    copy_into(box.two_J, two_J)
    return not stays


@njit(**OPTIONS)
def put(runs, n_runs, re, im, from_lo, edges, lo, n, stride, length, spans, weights, to_re, to_im, budget):
    """Write a state within its edges into a box, normalised, less what weighs at most ``budget`` in all rows."""
    last, size, kept = n.size - 1, n[0] * stride[0], 0.0
    count = size // length
    zero(to_re, to_im, EDGE, EDGE + size)
    for row in range(count):
        spans[row, 0], spans[row, 1] = length, 0
    for number in range(n_runs):
        inside, to = True, 0
        for b in range(last):
            i = runs[number, FIRST + b]
            inside &= edges[b, 0] <= i < edges[b, 1]
            to += (from_lo[b] + i - lo[b]) * stride[b]
        i = runs[number, FIRST + last]
        skip = max(edges[last, 0] - i, 0)
        many = min(edges[last, 1] - i, runs[number, COUNT]) - skip
        if inside and many > 0:
            to += from_lo[last] + i + skip - lo[last]
            _copy(re, im, runs[number, START] + skip, many, to_re, to_im, EDGE + to)
            row = to // length
            first = to - row * length
            spans[row, 0], spans[row, 1] = min(spans[row, 0], first), max(spans[row, 1], first + many)
    for row in range(count):
        if spans[row, 0] < spans[row, 1]:
            start = EDGE + row * length
            first, stop = trim(to_re, to_im, start, spans[row, 0], spans[row, 1], budget / (2.0 * count))
            if first >= stop:
                first, stop = length, 0
            else:
                weights[row] = norm_squared(to_re, to_im, start + first, start + stop)
                kept += weights[row]
            spans[row, 0], spans[row, 1] = first, stop
    scale = 1.0 / np.sqrt(kept)
    for row in range(count):
        if spans[row, 0] < spans[row, 1]:
            start = EDGE + row * length
            _multiply(to_re, to_im, start + spans[row, 0], start + spans[row, 1], scale)
            weights[row] *= scale * scale


@njit(**OPTIONS)
def _weigh(re, im, start, count, marginal):
    """Add |.|² of a run to ``marginal``, place by place; their sum."""
    v_re, v_im, to, total = re[start : start + count], im[start : start + count], marginal[:count], 0.0
    for q in range(count):
        weight = v_re[q] * v_re[q] + v_im[q] * v_im[q]
        to[q] += weight
        total += weight
    return total


@njit(**OPTIONS)
def _copy(re, im, start, count, to_re, to_im, to):
    v_re, v_im, w_re, w_im = (
        re[start : start + count],
        im[start : start + count],
        to_re[to : to + count],
        to_im[to : to + count],
    )
    for q in range(count):
        w_re[q] = v_re[q]
        w_im[q] = v_im[q]


@njit(**OPTIONS)
def _multiply(re, im, start, stop, factor):
    v_re, v_im = re[start:stop], im[start:stop]
    for q in range(v_re.size):
        v_re[q] *= factor
        v_im[q] *= factor


@njit(**OPTIONS)
def gram(lo, n, stride, c, re, im, hull, shape, vectors, norm2, place, made):
    """Inner products of ψ, n ψ, J_+ ψ, J_- ψ of every block, (1 + 3B, 1 + 3B), of an unnormalised state.

    Row by row, so that the ``vectors`` of one stay in fast memory; re and im are zero beside their hull.
    """
    B, length = n.size, shape[1]
    axis = B
    covered = 1
    while covered < length:
        axis -= 1
        covered *= n[axis]
    V = 1 + 3 * B
    for a in range(V):
        for b in range(V):
            made[a, b] = 0.0
    first_place(place)
    for row in range(shape[0]):
        start, used = row * length, hull[row, 0] < hull[row, 1]
        for b in range(axis):
            beside = stride[b] // length
            if place[b] > 0:
                used |= hull[row - beside, 0] < hull[row - beside, 1]
            if place[b] < n[b] - 1:
                used |= hull[row + beside, 0] < hull[row + beside, 1]
        if used:
            for q in range(length):
                vectors[0, 0, q], vectors[0, 1, q] = re[start + q], im[start + q]
            for b in range(B):
                where, to = place[b] if b < axis else -1, 1 + 3 * b
                for part in range(2):
                    _collective(
                        re if part == 0 else im, start, length, where, lo[b], n[b], stride[b], c[b],
                        vectors[to, part], vectors[to + 1, part], vectors[to + 2, part],
                    )  # fmt: skip
            for a in range(V):
                for b in range(a, V):
                    made[a, b] += _inner(vectors, a, b, length)
        next_place(place, n, axis)
    for a in range(V):
        for b in range(a, V):
            made[a, b] = made[a, b] / norm2
            made[b, a] = np.conj(made[a, b])


@njit(**OPTIONS)
def _collective(state, start, length, place, lo, n, stride, c, number, raised, lowered):
    """Write n ψ, J_+ ψ, J_- ψ of a block for a row, at a ``place`` on the axis or, if negative, along it."""
    if stride == 1 and place < 0:
        for first in range(0, length, n):
            here = state[start + first : start + first + n]
            of_n, up, down = number[first : first + n], raised[first : first + n], lowered[first : first + n]
            up[0] = down[n - 1] = 0.0
            for k in range(n):
                of_n[k] = (lo + k) * here[k]
            for k in range(n - 1):
                up[k + 1] = c[k] * here[k]
                down[k] = c[k] * here[k + 1]
        return
    width = length if place >= 0 else stride
    for first in range(0, length, width):
        k, at = place if place >= 0 else first // stride % n, start + first
        below, above = c[k - 1] if k > 0 else 0.0, c[k] if k < n - 1 else 0.0
        here = state[at : at + width]
        lower, upper = at - stride if k > 0 else at, at + stride if k < n - 1 else at
        from_below, from_above = state[lower : lower + width], state[upper : upper + width]
        of_n, up, down = number[first : first + width], raised[first : first + width], lowered[first : first + width]
        for q in range(width):
            of_n[q] = (lo + k) * here[q]
            up[q] = below * from_below[q]
            down[q] = above * from_above[q]


@njit(**OPTIONS)
def _inner(vectors, first, second, length):
    a_re, a_im, b_re, b_im = vectors[first, 0], vectors[first, 1], vectors[second, 0], vectors[second, 1]
    ac = bd = ad = bc = spread(0.0)
    for q in range(0, length, LANES):
        n = length - q
        a, b, c, d = load(a_re, q, n), load(a_im, q, n), load(b_re, q, n), load(b_im, q, n)
        ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return complex(total(ac + bd), total(ad - bc))
