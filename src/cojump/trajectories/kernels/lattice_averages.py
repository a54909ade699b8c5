"""What is measured of a state of several blocks: inner products of it and what collective operators make of it."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .lattice import EDGE, FIRST_COLUMN, FIRST_ROW, LAST_COLUMN, LAST_ROW
from .lattice_windows import blank
from .vectors import LANES, before, fused, load, load_row, rising, spread, store, total

NUMBER, RAISED, LOWERED, TWICE = range(4)
"""Factors of an axis that averages are made of, as they follow each other in ``factors`` behind a row of ones."""


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


@njit(inline="always", **OPTIONS)
def _put_both_orders(sizes, two_J, b, made):
    """Write <J_-J_+> and <J_+J_-> of a block, which are J(J + 1) - M² ∓ M, from <1>, <n>, <n²>."""
    J, N = 0.5 * two_J[b], sizes[b]
    whole, number, square = made[0, 0], made[0, 1 + 3 * b], made[1 + 3 * b, 1 + 3 * b]
    M = number - 0.5 * N * whole
    both = J * (J + 1.0) * whole - (square - N * number + 0.25 * N * N * whole)
    made[2 + 3 * b, 2 + 3 * b], made[3 + 3 * b, 3 + 3 * b] = both - M, both + M


@njit(inline="always", **OPTIONS)
def _inner(to_x, to_y, x, y):
    """The conjugate of one vector times another, lane by lane."""
    return fused(to_x, x, to_y * y), fused(to_x, y, -(to_y * x))


@njit(inline="always", **OPTIONS)
def _added(factor, product, sums):
    return fused(factor, product[0], sums[0]), fused(factor, product[1], sums[1])


@njit(inline="always", **OPTIONS)
def _summed(sums, scale):
    return scale * complex(total(sums[0]), total(sums[1]))


@njit(**OPTIONS)
def _gram_of_two(sizes, two_J, lo, c, re, im, window, length, norm2, made):
    """:func:`gram` of two blocks whose rows are the first axis: all sums in one pass, eight columns at a time.

    Cells outside of the rows of a window count for nothing, what leads over the end of a row is multiplied by zero.
    """
    low, high, last = window[FIRST_ROW], window[LAST_ROW], window[LAST_COLUMN]
    zero, one, c_row, c_column = spread(0.0), spread(1.0), c[0], c[1]
    of_1, of_n, of_nn, of_m, of_mm, of_nm = zero, zero, zero, zero, zero, zero
    # of a raised first block, times 1, n of each block; of the second; of two raised; of one raised and one lowered
    none = (zero, zero)
    a, an, am, aa = none, none, none, none
    b, bn, bm, bb = none, none, none, none
    ab, a_b = none, none
    raised_before = zero
    for q in range(window[FIRST_COLUMN], last, LANES):
        left = last - q
        m = rising(lo[1] + q)
        raised = load(c_column, q, length - 1 - q)
        lowered = before(raised_before, raised)
        twice = raised * load(c_column, q + 1, length - 2 - q)
        raised_before = raised
        here_1, here_n, here_nn = zero, zero, zero
        rows, rows_n, rows_twice, both, apart = none, none, none, none, none
        columns, columns_n, columns_twice = none, none, none
        for row in range(low, high):
            p = EDGE + row * length + q
            n, up, up_twice = spread(lo[0] + row), zero, zero
            x, y = load(re, p, left), load(im, p, left)
            weight = fused(x, x, y * y)
            here_1, here_n, here_nn = here_1 + weight, fused(n, weight, here_n), fused(n * n, weight, here_nn)
            product = _inner(load(re, p + 1, LANES), load(im, p + 1, LANES), x, y)
            columns, columns_n = _added(one, product, columns), _added(n, product, columns_n)
            product = _inner(load(re, p + 2, LANES), load(im, p + 2, LANES), x, y)
            columns_twice = _added(one, product, columns_twice)
            if row + 1 < high:
                up = spread(c_row[row])
                next_row = p + length
                product = _inner(load(re, next_row, LANES), load(im, next_row, LANES), x, y)
                rows, rows_n = _added(up, product, rows), _added(up * n, product, rows_n)
                product = _inner(load(re, next_row + 1, LANES), load(im, next_row + 1, LANES), x, y)
                both = _added(up, product, both)
                product = _inner(load(re, next_row - 1, LANES), load(im, next_row - 1, LANES), x, y)
                apart = _added(up, product, apart)
            if row + 2 < high:
                up_twice = up * spread(c_row[row + 1])
                product = _inner(load(re, next_row + length, LANES), load(im, next_row + length, LANES), x, y)
                rows_twice = _added(up_twice, product, rows_twice)
        of_1, of_n, of_nn = of_1 + here_1, of_n + here_n, of_nn + here_nn
        of_m, of_mm, of_nm = fused(m, here_1, of_m), fused(m * m, here_1, of_mm), fused(m, here_n, of_nm)
        a, an, am, aa = _added(one, rows, a), _added(one, rows_n, an), _added(m, rows, am), _added(one, rows_twice, aa)
        b, bn = _added(raised, columns, b), _added(raised, columns_n, bn)
        bm, bb = _added(raised * m, columns, bm), _added(twice, columns_twice, bb)
        ab, a_b = _added(raised, both, ab), _added(lowered, apart, a_b)
    scale = 1.0 / norm2
    made[0, 0] = scale * total(of_1)
    _put_inner(made, 0, 1, complex(scale * total(of_n)))
    _put_inner(made, 0, 4, complex(scale * total(of_m)))
    _put_inner(made, 1, 4, complex(scale * total(of_nm)))
    made[1, 1], made[4, 4] = scale * total(of_nn), scale * total(of_mm)
    _put_both_orders(sizes, two_J, 0, made)
    _put_both_orders(sizes, two_J, 1, made)
    for k in range(2):
        value = _summed(b if k else a, scale)
        _put_inner(made, 0, 2 + 3 * k, value)
        _put_inner(made, 0, 3 + 3 * k, np.conj(value))
        _put_raised(made, 0, k, _summed(bn if k else an, scale))
        _put_raised(made, 1, k, _summed(bm if k else am, scale))
        _put_inner(made, 2 + 3 * k, 3 + 3 * k, np.conj(_summed(bb if k else aa, scale)))
    value = _summed(ab, scale)
    _put_inner(made, 3, 5, value)
    _put_inner(made, 2, 6, np.conj(value))
    value = _summed(a_b, scale)
    _put_inner(made, 3, 6, value)
    _put_inner(made, 2, 5, np.conj(value))


@njit(**OPTIONS)
def _gram_of_any(sizes, two_J, lo, n, stride, axis, c, re, im, window, shape, factors, sums, norm2, made):
    """:func:`gram` of any number of blocks, with a pass for each hop."""
    B, count, length = n.size, shape[0], shape[1]
    for b in range(B):
        outside = b < axis
        _lay_out(
            count if outside else length, stride[b] // length if outside else stride[b], n[b], lo[b], c[b], factors,
            1 + 4 * b,
        )  # fmt: skip
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
        _put_both_orders(sizes, two_J, b, made)
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


@njit(**OPTIONS)
def gram(sizes, two_J, lo, n, stride, axis, c, re, im, window, shape, factors, sums, norm2, made):
    """Inner products of ψ, n ψ, J_+ ψ, J_- ψ of every block, (1 + 3B, 1 + 3B), of an unnormalised state.

    They are <1>, <n_b>, <n_b n_c>, <J_+b>, <n_c J_+b>, <J_+b J_+c> and <J_+b J_-c>, which are sums over cells of a
    factor for each axis and conj ψ(x + hop) ψ(x): first over rows with the factors of the first ``axis`` axes, then
    over columns with those of the others. Beside its window ψ may be any finite numbers, which are changed.
    """
    B, length, far = n.size, shape[1], np.int64(0)
    for b in range(axis, B):
        far = max(far, 2 * stride[b])
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        start = EDGE + row * length
        blank(re, im, start + max(window[FIRST_COLUMN] - far, 0), start + window[FIRST_COLUMN])
        blank(re, im, start + window[LAST_COLUMN], start + min(window[LAST_COLUMN] + far, length))
    if B == 2 and axis == 1:
        _gram_of_two(sizes, two_J, lo, c, re, im, window, length, norm2, made)
    else:
        _gram_of_any(sizes, two_J, lo, n, stride, axis, c, re, im, window, shape, factors, sums, norm2, made)
