"""Where a state of several blocks lies, and what is measured of it there."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .lattice import (
    EDGE,
    FIRST_COLUMN,
    FIRST_ROW,
    LAST_COLUMN,
    LAST_ROW,
    copy_into,
    first_place,
    long_row,
    next_place,
    set_strides,
)
from .lattice_rows import blank, lead
from .vectors import LANES, fused, load, spread, store, total

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
def runs_of(window, shape, stride, inner, runs):
    """Write the window of a state as runs; their number."""
    last, number = stride.size - 1, 0
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        at, stop = row * shape[1] + window[FIRST_COLUMN], row * shape[1] + window[LAST_COLUMN]
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
    """First place that is kept, one past the last, and what is cut, where that may be ``budget`` at each side."""
    lo, hi, cut = 0, n, 0.0
    while hi - lo > 1 and cut + weights[lo] <= budget:
        cut += weights[lo]
        lo += 1
    all_cut, cut = cut, 0.0
    while hi - lo > 1 and cut + weights[hi - 1] <= budget:
        cut += weights[hi - 1]
        hi -= 1
    return lo, hi, all_cut + cut


@njit(**OPTIONS)
def tails_of(runs, n_runs, re, im, n, marginal, edges, tail):
    """Write for each axis where a state begins and ends if ``tail`` of its weight is cut on each side.

    Returns the weight that is left, up to what is cut on two axes.
    """
    last, whole = n.size - 1, 0.0
    for b in range(n.size):
        for k in range(n[b]):
            marginal[b, k] = 0.0
    for number in range(n_runs):
        start, count = runs[number, START], runs[number, COUNT]
        weight = _weigh(re, im, start, count, marginal[last, runs[number, FIRST + last] :])
        for b in range(last):
            marginal[b, runs[number, FIRST + b]] += weight
        whole += weight
    left = whole
    for b in range(n.size):
        edges[b, 0], edges[b, 1], cut = _tails(marginal[b], n[b], tail * whole)
        left -= cut
    return left


@njit(**OPTIONS)
def fit_box(sizes, bands, two_J, from_lo, edges, reach, box):
    """Let a box have room for ``reach`` hops around a state of a sector; whether it has had to change.

    It stays as it is if it serves and is not much too large. ``edges`` count from ``from_lo``.
    """
    stays, last = True, sizes.size - 1
    for b in range(sizes.size):
        first, band = (sizes[b] - two_J[b]) // 2, max(bands[b], 1)
        stop = first + two_J[b] + 1  # averages and jumps reach one further than the state
        begin, end = from_lo[b] + edges[b, 0], from_lo[b] + edges[b, 1]
        wanted_lo, wanted_hi = max(begin - reach * band, first), min(end + reach * band, stop)
        if box.lo[b] > wanted_lo or box.lo[b] + box.n[b] < wanted_hi:
            stays = False
        if box.n[b] > wanted_hi - wanted_lo + 4 * SPARE * band + (LANES - 1 if b == last else 0):
            stays = False
    if not stays:
        for b in range(sizes.size):
            first, band = (sizes[b] - two_J[b]) // 2, max(bands[b], 1)
            stop, far = first + two_J[b] + 1, (reach + SPARE) * band
            begin, end = from_lo[b] + edges[b, 0], from_lo[b] + edges[b, 1]
            box.lo[b] = max(begin - far, first)
            box.n[b] = min(end + far, stop) - box.lo[b]
        if box.n[last] >= long_row(box.n.size):
            box.n[last] = (box.n[last] + LANES - 1) // LANES * LANES
        set_strides(box.n, box.stride, box.size)
    copy_into(box.two_J, two_J)
    return not stays


@njit(**OPTIONS)
def put(runs, n_runs, re, im, from_lo, edges, lo, n, stride, shape, widest, reach, window, kept, to_re, to_im, scale):
    """Write ``scale`` times a state within its edges into a box, and as far around as H_eff leads."""
    last, length, begin, end = n.size - 1, shape[1], 0, 0
    for b in range(n.size):
        begin += (from_lo[b] + edges[b, 0] - lo[b]) * stride[b]
        end += (from_lo[b] + edges[b, 1] - 1 - lo[b]) * stride[b]
    kept[FIRST_ROW], kept[LAST_ROW] = begin // length, end // length + 1
    kept[FIRST_COLUMN], kept[LAST_COLUMN] = begin % length, end % length + 1
    lead(kept, shape[0], length, widest, reach, window)
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        start = EDGE + row * length
        blank(to_re, to_im, start + window[FIRST_COLUMN], start + window[LAST_COLUMN])
    for number in range(n_runs):
        inside, to = True, 0
        for b in range(last):
            i = runs[number, FIRST + b]
            inside &= edges[b, 0] <= i < edges[b, 1]
            to += (from_lo[b] + i - lo[b]) * stride[b]
        i = runs[number, FIRST + last]
        skip = max(edges[last, 0] - i, 0)
        many = min(edges[last, 1] - i, runs[number, COUNT]) - skip
        if inside:
            at, to, factor = runs[number, START] + skip, EDGE + to + from_lo[last] + i + skip - lo[last], spread(scale)
            for q in range(0, many, LANES):
                store(to_re, to + q, many - q, factor * load(re, at + q, many - q))
                store(to_im, to + q, many - q, factor * load(im, at + q, many - q))


@njit(**OPTIONS)
def _weigh(re, im, start, count, marginal):
    """Add |.|² of a run to ``marginal``, place by place; their sum."""
    weight = spread(0.0)
    for q in range(0, count, LANES):
        n = count - q
        a, b = load(re, start + q, n), load(im, start + q, n)
        here = fused(a, a, b * b)
        store(marginal, q, n, load(marginal, q, n) + here)
        weight = weight + here
    return total(weight)


@njit(**OPTIONS)
def gram(lo, n, stride, c, re, im, window, shape, vectors, lanes, norm2, place, made):
    """Inner products of ψ, n ψ, J_+ ψ, J_- ψ of every block, (1 + 3B, 1 + 3B), of an unnormalised state.

    Row by row, so that the ``vectors`` of one stay in fast memory; re and im are zero beside their window.
    """
    B, length = n.size, shape[1]
    axis = B
    covered = 1
    while covered < length:
        axis -= 1
        covered *= n[axis]
    V, far = 1 + 3 * B, np.int64(1)
    for b in range(axis, B):
        far = max(far, stride[b])
    low, high = max(window[FIRST_COLUMN] - far, 0) // LANES * LANES, min(window[LAST_COLUMN] + far, length)
    for q in range(0, 2 * LANES * V * V, LANES):
        store(lanes, q, LANES, spread(0.0))
    first_place(place)
    for row in range(shape[0]):
        start, used = row * length, window[FIRST_ROW] <= row < window[LAST_ROW]
        for b in range(axis):
            beside = stride[b] // length
            used |= window[FIRST_ROW] - beside <= row < window[LAST_ROW] + beside
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
                    _add_inner(vectors, a, b, low, high, lanes, 2 * LANES * (a * V + b))
        next_place(place, n, axis)
    for a in range(V):
        for b in range(a, V):
            at = 2 * LANES * (a * V + b)
            real, imag = total(load(lanes, at, LANES)), total(load(lanes, at + LANES, LANES))
            made[a, b] = complex(real / norm2, imag / norm2)
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


@njit(inline="always", **OPTIONS)
def _add_inner(vectors, first, second, low, high, lanes, at):
    """Add the inner product of two vectors on some columns to ``lanes``, eight real and eight imaginary parts."""
    a_re, a_im, b_re, b_im = vectors[first, 0], vectors[first, 1], vectors[second, 0], vectors[second, 1]
    real, imag = load(lanes, at, LANES), load(lanes, at + LANES, LANES)
    for q in range(low, high, LANES):
        n = high - q
        a, b, c, d = load(a_re, q, n), load(a_im, q, n), load(b_re, q, n), load(b_im, q, n)
        real, imag = fused(a, c, fused(b, d, real)), fused(a, d, fused(-b, c, imag))
    store(lanes, at, LANES, real)
    store(lanes, at + LANES, LANES, imag)
