"""H_eff times a state of two blocks whose hops lead to neighbours only, all of the box one row of memory.

Nothing is rounded up to whole vectors but the ends: a narrow box has up to a third fewer vectors than one of rows of
their own. Each cell has its own elements, so that a row ends where the elements across its end are zero.
"""

from __future__ import annotations

from numba import njit

from .common import INLINED, OPTIONS
from .lattice import (
    AXIS,
    EDGE,
    FIRST_COLUMN,
    FIRST_ROW,
    LAST_COLUMN,
    LAST_ROW,
    LENGTH,
    LOUD,
    PLANE,
    REACH,
    TOUCHED,
    WIDEST,
)
from .lattice_windows import blank, blank_around, ends_before, lead, weigh_row, widen
from .nothing import in_turn
from .vectors import LANES, after, before, fused, load, load_row, rising, spread, store, total

LEVEL_RE, LEVEL_IM, RIGHTWARDS, LEFTWARDS, UPWARDS, DOWNWARDS = range(6)
"""Rows of ``Elements.plane``."""


@njit(inline="always", **OPTIONS)
def lay_plane(box, bands, row):
    """Let all of a box be one row, with the elements of each cell."""
    row[PLANE], row[AXIS], row[LENGTH], row[REACH] = 1, 0, box.size[0], 0
    row[WIDEST] = box.stride[0] if bands[0] > 0 else bands[1]


@njit(**OPTIONS)
def clear_behind(rows_re, rows_im, stop):
    """Zero what is behind the last cell of all Taylor vectors in its vector of LANES.

    No hop leads there, so that zeros stay; other numbers would count for the norms.
    """
    left = (LANES - (stop - EDGE) % LANES) % LANES
    for k in range(rows_re.shape[0]):
        blank(rows_re[k], rows_im[k], stop, stop + left)


@njit(**OPTIONS)
def _repeat(to, length, size):
    """Write the first row of a box into all others."""
    for start in range(length, size, length):
        for q in range(0, length, LANES):
            store(to, start + q, length - q, load(to, q, length - q))


@njit(**OPTIONS)
def fill_plane(own, diagonal, n, size, plane, moved, first, second):
    """Write H_eff of each cell: all if the box has ``moved``, else what moves along the ``first`` or ``second`` axis.

    ``own`` are the bands of each axis, ``diagonal`` what is diagonal and no sum over axes.
    """
    length = n[1]
    if moved:
        for part in range(2):
            to, added = plane[LEVEL_RE + part], diagonal[part]
            for k in range(length):
                value = own[1, 2, k]
                to[k] = value.imag if part else value.real
            for row in range(n[0] - 1, -1, -1):  # the first one has the second axis, until the others are made of it
                value, start = own[0, 2, row], row * length
                level = spread(value.imag if part else value.real)
                for q in range(0, length, LANES):
                    left = length - q
                    store(to, start + q, left, load(to, q, left) + level + load(added, start + q, left))
        for k in range(plane.shape[0]):
            store(plane[k], size, min((LANES - size % LANES) % LANES, plane.shape[1] - size), spread(0.0))
    if moved or second:
        right, left = plane[RIGHTWARDS], plane[LEFTWARDS]
        for k in range(length):
            right[k] = own[1, 3, k - 1].real if k > 0 else 0.0
            left[k] = own[1, 1, k + 1].real if k + 1 < length else 0.0
        _repeat(right, length, size)
        _repeat(left, length, size)
    if moved or first:
        upwards, downwards = plane[UPWARDS], plane[DOWNWARDS]
        for row in range(n[0]):
            up = spread(own[0, 3, row - 1].real if row > 0 else 0.0)
            down = spread(own[0, 1, row + 1].real if row + 1 < n[0] else 0.0)
            for q in range(0, length, LANES):
                store(upwards, row * length + q, length - q, up)
                store(downwards, row * length + q, length - q, down)


@njit(**OPTIONS)
def rows_of_plane(n, re, im, window, shape):
    """Turn the window of a state in one row into that of rows along the second axis, zeros beside it; axis of a row."""
    first, last, length = window[FIRST_COLUMN], window[LAST_COLUMN], n[1]
    low, high = first // length, (last + length - 1) // length
    blank(re, im, EDGE + low * length, EDGE + first)
    blank(re, im, EDGE + last, EDGE + high * length)
    window[FIRST_ROW], window[LAST_ROW], window[FIRST_COLUMN], window[LAST_COLUMN] = low, high, 0, length
    shape[0], shape[1] = n[0], length
    return 1


@njit(**OPTIONS)
def _weight_of_columns(re, im, lo, length, first, last, below, above):
    """|.|² of the first column times ``below`` and of the last one times ``above``, within first..last."""
    square_re = square_im = spread(0.0)
    weight = 0.0
    if first % length == 0:
        weight += below * (re[lo + first] ** 2 + im[lo + first] ** 2)
    if last % length == 0:
        weight += above * (re[lo + last - 1] ** 2 + im[lo + last - 1] ** 2)
    # the last cell of a row and the first one of the next are beside each other
    for q in range((first // length + 1) * length, last, length):
        x, y = load(re, lo + q - 1, 2), load(im, lo + q - 1, 2)
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
    counted = fused(rising(0.0), spread(below - above), spread(above))
    return weight + total(counted * (square_re + square_im))


@njit(**OPTIONS)
def weight_at_rim(re, im, lo, box, sizes, bands, first, last):
    """|.|² of cells from first to last that hops may lead from out of the box, but not out of the sector."""
    length, weight = box.n[1], 0.0
    below, above = ends_before(0, box.two_J, box.lo, box.n, sizes)
    if below and bands[0] > 0 and first < length:
        weight += weigh_row(re, im, lo + first, min(length, last) - first)
    if above and bands[0] > 0 and last > box.size[0] - length:
        start = max(first, box.size[0] - length)
        weight += weigh_row(re, im, lo + start, last - start)
    below, above = ends_before(1, box.two_J, box.lo, box.n, sizes)
    if (below or above) and bands[1] > 0:
        weight += _weight_of_columns(re, im, lo, length, first, last, 1.0 if below else 0.0, 1.0 if above else 0.0)
    return weight


@njit(**INLINED)
def apply_plane(
    rows_re, rows_im, order, lo, unit, sizes, bands, box, plane, slots, windows, kept, made, shift, half_shift, cut
):
    """What :func:`.lattice_rows.apply_lattice` does, of a box that is one row and has the elements of each cell."""
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    size, length, far, own, window = box.size[0], box.n[1], slots[WIDEST], windows[order], windows[order + 1]
    lead(kept[order], 1, size, far, 0, window)
    if window[FIRST_COLUMN] < own[FIRST_COLUMN] or window[LAST_COLUMN] > own[LAST_COLUMN]:
        widen(windows, made, order, rows_re, rows_im, lo, size)
    blank_around(own, window, re, im, lo, 1, size, length, 0)
    made[order + 1, 0] = LOUD
    first, last, scale = window[FIRST_COLUMN], window[LAST_COLUMN], unit * (1.0 / (order + 1.0))
    factor, back, take_re, add_im = spread(scale), spread(-scale), spread(-shift), spread(half_shift)
    square_re = square_im = spread(0.0)
    p = lo + first
    # what hops make imaginary, and real, of
    one, other = in_turn(re, im)
    before_x, before_y, here_x, here_y = (
        load(one, p - LANES, LANES), load(other, p - LANES, LANES), load(one, p, LANES), load(other, p, LANES),
    )  # fmt: skip
    for q in range(first, last, LANES):
        after_x, after_y = load(one, p + LANES, LANES), load(other, p + LANES, LANES)
        here_re, here_im = in_turn(here_x, here_y)
        e_re = load_row(plane, LEVEL_RE, q, LANES) + take_re
        e_im = load_row(plane, LEVEL_IM, q, LANES) + add_im
        x, y = fused(e_re, here_x, -(e_im * here_im)), fused(e_re, here_im, e_im * here_re)
        a = load_row(plane, RIGHTWARDS, q, LANES)
        x, y = fused(a, before(before_x, here_x), x), fused(a, before(before_y, here_y), y)
        a = load_row(plane, LEFTWARDS, q, LANES)
        x, y = fused(a, after(here_x, after_x), x), fused(a, after(here_y, after_y), y)
        a = load_row(plane, UPWARDS, q, LANES)
        x, y = fused(a, load(one, p - length, LANES), x), fused(a, load(other, p - length, LANES), y)
        a = load_row(plane, DOWNWARDS, q, LANES)
        x, y = fused(a, load(one, p + length, LANES), x), fused(a, load(other, p + length, LANES), y)
        store(to_re, p, LANES, factor * y)
        store(to_im, p, LANES, back * x)
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
        before_x, before_y, here_x, here_y = here_x, here_y, after_x, after_y
        p += LANES
    norm2 = scale * scale * total(square_re + square_im)
    if weight_at_rim(to_re, to_im, lo, box, sizes, bands, first, last) > cut:
        slots[TOUCHED] = 1
    gone = 0.0
    while last - first > LANES:
        gone += weigh_row(to_re, to_im, lo + first, LANES)
        if not gone <= 0.5 * cut:  # NaN is kept
            break
        first += LANES
    gone = 0.0
    while last - first > LANES:
        begin = (last - 1) // LANES * LANES
        gone += weigh_row(to_re, to_im, lo + begin, last - begin)
        if not gone <= 0.5 * cut:
            break
        last = begin
    kept[order + 1, FIRST_ROW], kept[order + 1, LAST_ROW] = 0, 1
    kept[order + 1, FIRST_COLUMN], kept[order + 1, LAST_COLUMN] = first, last
    return norm2
