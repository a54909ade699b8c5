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
    PLANE,
    first_place,
    long_row,
    next_place,
    set_strides,
)
from .lattice_windows import blank, lead
from .vectors import LANES, fused, load, load_row, spread, store, total

START, COUNT, FIRST = range(3)
"""Slots of a run: its first cell, its number of cells, and from FIRST on its place on all axes."""

NUMBER, RAISED, LOWERED, TWICE = range(4)
"""Factors of an axis that averages are made of, as they follow each other in ``factors`` behind a row of ones."""

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
def _lay_out(count, beside, n, lo, c, factors, first):
    """Write i, c(i), c(i - 1) and c(i) c(i + 1) of an axis for so many rows, or so many cells of a row.

    ``beside`` each other there are so many with the same place. What leads out of the box is zero.
    """
    for k in range(n):
        up, down = c[k] if k < n - 1 else 0.0, c[k - 1] if k > 0 else 0.0
        twice = up * c[k + 1] if k < n - 2 else 0.0
        for start in range(k * beside, count, n * beside):
            for q in range(start, start + beside):
                factors[first + NUMBER, q], factors[first + RAISED, q] = lo + k, up
                factors[first + LOWERED, q], factors[first + TWICE, q] = down, twice


@njit(**OPTIONS)
def _sum_rows(re, im, length, low, high, first, last, far, a, b, sums):
    """Write Σ a conj ψ(x + far) ψ(x) over rows for each column, with a factor of each row, and Σ a b of the same."""
    for q in range(first, last, LANES):
        real = imag = more_real = more_imag = spread(0.0)
        for row in range(low, high):
            p = EDGE + row * length + q
            x, y, to_x, to_y = (
                load(re, p, LANES),
                load(im, p, LANES),
                load(re, p + far, LANES),
                load(im, p + far, LANES),
            )
            own, other = spread(a[row]), spread(a[row] * b[row])
            product_re, product_im = fused(to_x, x, to_y * y), fused(to_x, y, -(to_y * x))
            real, imag = fused(own, product_re, real), fused(own, product_im, imag)
            more_real, more_imag = fused(other, product_re, more_real), fused(other, product_im, more_imag)
        store(sums[0], q, LANES, real)
        store(sums[1], q, LANES, imag)
        store(sums[2], q, LANES, more_real)
        store(sums[3], q, LANES, more_imag)


@njit(**OPTIONS)
def _sum_columns(sums, part, first, last, a, b):
    """Σ a b over columns of the first (0) or the second (1) of what :func:`_sum_rows` has written."""
    real = imag = spread(0.0)
    for q in range(first, last, LANES):
        n = last - q
        factor = load(a, q, n) * load(b, q, n)
        real = fused(factor, load_row(sums, 2 * part, q, n), real)
        imag = fused(factor, load_row(sums, 2 * part + 1, q, n), imag)
    return complex(total(real), total(imag))


@njit(**OPTIONS)
def _sum_hop(re, im, shape, window, rows, cells, a, b, sums):
    """:func:`_sum_rows` for a hop over so many rows and so many cells of a row; the columns that it has been for."""
    low, high = max(window[FIRST_ROW], window[FIRST_ROW] - rows), min(window[LAST_ROW], window[LAST_ROW] - rows)
    first = max(window[FIRST_COLUMN], -cells) // LANES * LANES
    last = max(first, min(window[LAST_COLUMN], shape[1] - cells))
    _sum_rows(re, im, shape[1], low, high, first, last, rows * shape[1] + cells, a, b, sums)
    return first, last


@njit(inline="always", **OPTIONS)
def _factors_of(axis, b, slot):
    """Which factor an axis has for rows, and which for columns; number 0 is 1."""
    at = 1 + 4 * b + slot
    return (at, 0) if b < axis else (0, at)


@njit(inline="always", **OPTIONS)
def _put_inner(made, a, b, value):
    """Write <v_a|v_b> and <v_b|v_a>."""
    made[a, b] = value
    made[b, a] = np.conj(value)


@njit(inline="always", **OPTIONS)
def _put_raised(made, d, b, value):
    """Write the inner products of n_d ψ with J_+b ψ and J_-b ψ, where ``value`` is <J_+b n_d>."""
    _put_inner(made, 1 + 3 * d, 3 + 3 * b, np.conj(value))
    if d == b:  # n counts one more behind J_+
        value += made[0, 2 + 3 * b]
    _put_inner(made, 1 + 3 * d, 2 + 3 * b, value)


@njit(**OPTIONS)
def gram(sizes, two_J, lo, n, stride, axis, c, re, im, window, shape, factors, sums, norm2, made):
    """Inner products of ψ, n ψ, J_+ ψ, J_- ψ of every block, (1 + 3B, 1 + 3B), of an unnormalised state.

    They are <1>, <n_b>, <n_b n_c>, <J_+b>, <n_c J_+b>, <J_+b J_+c> and <J_+b J_-c>, which are sums over cells of a
    factor for each axis and conj ψ(x + hop) ψ(x): first over rows with the factors of the first ``axis`` axes, then
    over columns with those of the others. Beside its window ψ may be any finite numbers, which are changed.
    """
    B, count, length = n.size, shape[0], shape[1]
    far = np.int64(0)
    for b in range(B):
        outside = b < axis
        _lay_out(
            count if outside else length, stride[b] // length if outside else stride[b], n[b], lo[b], c[b], factors,
            1 + 4 * b,
        )  # fmt: skip
        far = far if outside else max(far, 2 * stride[b])
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        start = EDGE + row * length
        blank(re, im, start + max(window[FIRST_COLUMN] - far, 0), start + window[FIRST_COLUMN])
        blank(re, im, start + window[LAST_COLUMN], start + min(window[LAST_COLUMN] + far, length))
    one, scale = factors[0], 1.0 / norm2
    # 1, n_b, n_b n_c
    for b in range(-1, axis):
        own = one if b < 0 else factors[1 + 4 * b]
        first, last = _sum_hop(re, im, shape, window, 0, 0, own, own, sums)
        _put_inner(made, 0, 1 + 3 * b if b >= 0 else 0, scale * _sum_columns(sums, 0, first, last, one, one))
        if b >= 0:
            _put_inner(made, 1 + 3 * b, 1 + 3 * b, scale * _sum_columns(sums, 1, first, last, one, one))
        for d in range(axis, B):
            along = factors[1 + 4 * d]
            _put_inner(
                made, 1 + 3 * b if b >= 0 else 0, 1 + 3 * d, scale * _sum_columns(sums, 0, first, last, along, one)
            )
            for e in range(d, B if b < 0 else d):
                value = scale * _sum_columns(sums, 0, first, last, along, factors[1 + 4 * e])
                _put_inner(made, 1 + 3 * d, 1 + 3 * e, value)
        for d in range(b + 1, axis if b >= 0 else 0):
            first, last = _sum_hop(re, im, shape, window, 0, 0, own, factors[1 + 4 * d], sums)
            _put_inner(made, 1 + 3 * b, 1 + 3 * d, scale * _sum_columns(sums, 1, first, last, one, one))
    for b in range(B):
        # J_-J_+ and J_+J_- are J(J + 1) - M² ∓ M
        J, N = 0.5 * two_J[b], sizes[b]
        whole, number, square = made[0, 0], made[0, 1 + 3 * b], made[1 + 3 * b, 1 + 3 * b]
        M = number - 0.5 * N * whole
        both = J * (J + 1.0) * whole - (square - N * number + 0.25 * N * N * whole)
        made[2 + 3 * b, 2 + 3 * b], made[3 + 3 * b, 3 + 3 * b] = both - M, both + M
        rows, cells = (stride[b] // length, np.int64(0)) if b < axis else (np.int64(0), stride[b])
        # J_+, n_c J_+
        row, column = _factors_of(axis, b, RAISED)
        up, along = factors[row], factors[column]
        for other in range(max(axis, 1)):
            weight = factors[1 + 4 * other] if axis > 0 else one
            first, last = _sum_hop(re, im, shape, window, rows, cells, up, weight, sums)
            if other == 0:
                value = scale * _sum_columns(sums, 0, first, last, along, one)
                _put_inner(made, 0, 2 + 3 * b, value)
                _put_inner(made, 0, 3 + 3 * b, np.conj(value))
                for d in range(axis, B):
                    value = scale * _sum_columns(sums, 0, first, last, along, factors[1 + 4 * d])
                    _put_raised(made, d, b, value)
            if axis > 0:
                _put_raised(made, other, b, scale * _sum_columns(sums, 1, first, last, along, one))
        # J_+J_+ of one axis and of two, J_+J_- of two
        row, column = _factors_of(axis, b, TWICE)
        first, last = _sum_hop(re, im, shape, window, 2 * rows, 2 * cells, factors[row], one, sums)
        value = scale * _sum_columns(sums, 0, first, last, factors[column], one)
        _put_inner(made, 2 + 3 * b, 3 + 3 * b, np.conj(value))
        for d in range(b + 1, B):
            far_rows, far_cells = (stride[d] // length, np.int64(0)) if d < axis else (np.int64(0), stride[d])
            for sign in range(-1, 2, 2):
                row, column = _factors_of(axis, d, RAISED if sign > 0 else LOWERED)
                first, last = _sum_hop(
                    re, im, shape, window, rows + sign * far_rows, cells + sign * far_cells, up, factors[row], sums
                )
                value = scale * _sum_columns(sums, 1, first, last, along, factors[column])
                if sign > 0:
                    _put_inner(made, 3 + 3 * b, 2 + 3 * d, value)
                    _put_inner(made, 2 + 3 * b, 3 + 3 * d, np.conj(value))
                else:
                    _put_inner(made, 3 + 3 * b, 3 + 3 * d, value)
                    _put_inner(made, 2 + 3 * b, 2 + 3 * d, np.conj(value))
