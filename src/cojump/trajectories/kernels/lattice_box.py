"""Where a state of several blocks lies."""

from __future__ import annotations

from numba import njit

from .common import INLINED, OPTIONS
from .lattice import (
    EDGE,
    FIRST_COLUMN,
    FIRST_ROW,
    LAST_COLUMN,
    LAST_ROW,
    PLANE,
    first_place,
    long_row,
    next_place,
    set_strides,
)
from .lattice_windows import blank, lead
from .vectors import LANES, fused, load, spread, store, total

START, COUNT, FIRST = range(3)
"""Slots of a run: its first cell, its number of cells, and from FIRST on its place on all axes."""

MOST_COLUMNS = EDGE - LANES
"""Most cells between neighbours of two rows, where all of a box is one row: there are zeros beside it for so many."""

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


@njit(**INLINED)
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


@njit(**INLINED)
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
def fit_box(sizes, bands, two_J, from_lo, edges, reach, plane, box, row):
    """Let a box have room for ``reach`` hops around a state of a sector; whether it has had to change.

    It stays as it is if it serves and is not much too large. ``edges`` count from ``from_lo``. If ``plane``, it becomes
    one ``row`` where that has less of it beside the state than rows of whole vectors.
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
        wide, width = box.n[last], edges[last, 1] - edges[last, 0]
        is_plane = plane and wide <= MOST_COLUMNS and 10 * wide <= 9 * (width // LANES + 1) * LANES
        row[PLANE] = 1 if is_plane else 0
        if wide >= long_row(box.n.size) and not is_plane:
            box.n[last] = (box.n[last] + LANES - 1) // LANES * LANES
        set_strides(box.n, box.stride, box.size)
    return not stays


@njit(**INLINED)
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
