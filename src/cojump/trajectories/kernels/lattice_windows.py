"""Windows of Taylor vectors of a state of several blocks: where hops lead, and what may be left out.

A window is of rows and of columns. All rows have the same columns, so that a row costs little beside its sums; what the
ends of a window weigh decides where the next Taylor vector has its own.
"""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import ABSENT, FIRST_COLUMN, FIRST_ROW, LAST_COLUMN, LAST_ROW, LOUD, QUIET
from .vectors import LANES, fused, load, spread, store, total


@njit(inline="always", **OPTIONS)
def lead(kept, count, length, widest, reach, window):
    """Write the window that hops lead to from what is kept."""
    window[FIRST_ROW], window[LAST_ROW] = max(kept[FIRST_ROW] - reach, 0), min(kept[LAST_ROW] + reach, count)
    window[FIRST_COLUMN] = max(kept[FIRST_COLUMN] - widest, 0) // LANES * LANES
    window[LAST_COLUMN] = min((kept[LAST_COLUMN] + widest + LANES - 1) // LANES * LANES, length)


@njit(**OPTIONS)
def blank(re, im, start, stop):
    """Zero the cells from start to stop."""
    zero = spread(0.0)
    for p in range(start, stop, LANES):
        store(re, p, stop - p, zero)
        store(im, p, stop - p, zero)


@njit(**OPTIONS)
def blank_between(own, wanted, re, im, lo, length):
    """Zero what lies beside the own window of a vector in the one that has the ``wanted`` one as well; its ends."""
    low, high = min(own[FIRST_ROW], wanted[FIRST_ROW]), max(own[LAST_ROW], wanted[LAST_ROW])
    first, last = min(own[FIRST_COLUMN], wanted[FIRST_COLUMN]), max(own[LAST_COLUMN], wanted[LAST_COLUMN])
    for row in range(low, high):
        start = lo + row * length
        if own[FIRST_ROW] <= row < own[LAST_ROW]:
            blank(re, im, start + first, start + own[FIRST_COLUMN])
            blank(re, im, start + own[LAST_COLUMN], start + last)
        else:
            blank(re, im, start + first, start + last)
    return low, high, first, last


@njit(**OPTIONS)
def widen(windows, made, order, rows_re, rows_im, lo, length):
    """Let the windows up to ``order`` have what that of order + 1 has, with zeros there."""
    for k in range(order + 1):
        own = windows[k]
        low, high, first, last = blank_between(own, windows[order + 1], rows_re[k], rows_im[k], lo, length)
        for row in range(low, own[FIRST_ROW]):
            made[k, row] = QUIET
        for row in range(own[LAST_ROW], high):
            made[k, row] = QUIET
        own[FIRST_ROW], own[LAST_ROW], own[FIRST_COLUMN], own[LAST_COLUMN] = low, high, first, last


@njit(**OPTIONS)
def blank_around(own, window, re, im, lo, count, length, widest, reach):
    """Zero what lies beside the own window of a Taylor vector, as far as the ``window`` of the next one reads it."""
    low, high = max(window[FIRST_ROW] - reach, 0), min(window[LAST_ROW] + reach, count)
    first, last = max(window[FIRST_COLUMN] - widest, 0), min(window[LAST_COLUMN] + widest, length)
    for row in range(low, min(own[FIRST_ROW], high)):
        blank(re, im, lo + row * length + first, lo + row * length + last)
    for row in range(max(own[LAST_ROW], low), high):
        blank(re, im, lo + row * length + first, lo + row * length + last)
    if first < own[FIRST_COLUMN]:
        for row in range(max(low, own[FIRST_ROW]), min(high, own[LAST_ROW])):
            blank(re, im, lo + row * length + first, lo + row * length + own[FIRST_COLUMN])
    if last > own[LAST_COLUMN]:
        for row in range(max(low, own[FIRST_ROW]), min(high, own[LAST_ROW])):
            blank(re, im, lo + row * length + own[LAST_COLUMN], lo + row * length + last)


@njit(**OPTIONS)
def weigh_row(re, im, p, n):
    """|.|² of n cells from p on."""
    square_re, square_im = spread(0.0), spread(0.0)
    for q in range(p, p + n, LANES):
        a, b = load(re, q, p + n - q), load(im, q, p + n - q)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def find_loud(re, im, lo, length, window, made, least):
    """Say which rows of a state have more than ``least`` weight."""
    made[:] = ABSENT
    first, n = window[FIRST_COLUMN], window[LAST_COLUMN] - window[FIRST_COLUMN]
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        made[row] = QUIET if weigh_row(re, im, lo + row * length + first, n) <= least else LOUD  # NaN is loud


@njit(**OPTIONS)
def make_quiet(windows, made, order, row, rows_re, rows_im, start, first, last):
    """Let a row be there in Taylor vectors up to ``order``, with zeros; the next one reads it from first to last."""
    for k in range(order, -1, -1):
        if made[k, row] != ABSENT:
            break
        begin, end = windows[k, FIRST_COLUMN], windows[k, LAST_COLUMN]
        if k == order:
            begin, end = min(begin, first), max(end, last)
        blank(rows_re[k], rows_im[k], start + begin, start + end)
        made[k, row] = QUIET


@njit(**OPTIONS)
def _weigh_columns(re, im, lo, length, low, high, q, last, made, columns):
    """Write |.|² of up to eight columns from q on, summed over rows that are there."""
    square, n = spread(0.0), last - q
    for row in range(low, high):
        if made[row] == ABSENT:
            continue
        a, b = load(re, lo + row * length + q, n), load(im, lo + row * length + q, n)
        square = fused(a, a, fused(b, b, square))
    store(columns, q, n, square)


@njit(inline="always", **OPTIONS)
def ends_before(axis, two_J, lo, n, sizes):
    """Whether the box ends before the sector does, below and above on an axis."""
    bottom = (sizes[axis] - two_J[axis]) // 2
    return lo[axis] > bottom, lo[axis] + n[axis] < bottom + two_J[axis] + 1


@njit(**OPTIONS)
def weight_at_ends(axis, two_J, lo, lengths, strides, sizes, bands, re, im, start, length, window, made):
    """Weight that may leave the box, but not the sector, along one axis within rows."""
    weight, n, stride, band = 0.0, lengths[axis], strides[axis], min(bands[axis], lengths[axis])
    below, above = ends_before(axis, two_J, lo, lengths, sizes)
    if below or above:
        for row in range(window[FIRST_ROW], window[LAST_ROW]):
            if made[row] == ABSENT:
                continue
            here = start + row * length
            for q in range(window[FIRST_COLUMN] // (n * stride) * (n * stride), window[LAST_COLUMN], n * stride):
                for k in range(2 * band):
                    if below if k < band else above:
                        begin = q + (k if k < band else n - 1 - (k - band)) * stride
                        end = min(begin + stride, window[LAST_COLUMN])
                        for p in range(here + max(begin, window[FIRST_COLUMN]), here + end):
                            weight += re[p] * re[p] + im[p] * im[p]
    return weight


@njit(**OPTIONS)
def keep(re, im, lo, length, window, kept, weights, made, columns, by_columns, cut, below, above):
    """Write what is left of a window where ``cut`` may be left out of it, a fourth at each side.

    What the rows weigh is known, or what the columns do if ``by_columns``; the others are weighed as far as they are
    needed. Returns the weight of the first ``below`` and the last ``above`` columns of all.
    """
    first, last, width = window[FIRST_COLUMN], window[LAST_COLUMN], window[LAST_COLUMN] - window[FIRST_COLUMN]
    low, high, share, gone = window[FIRST_ROW], window[LAST_ROW], 0.25 * cut, 0.0
    while high - low > 1:
        if by_columns:
            weights[low] = weigh_row(re, im, lo + low * length + first, width)
        if not gone + weights[low] <= share:
            break
        gone += weights[low]
        low += 1
    gone = 0.0
    while high - low > 1:
        if by_columns:
            weights[high - 1] = weigh_row(re, im, lo + (high - 1) * length + first, width)
        if not gone + weights[high - 1] <= share:
            break
        gone += weights[high - 1]
        high -= 1
    gone, ready, at_ends = 0.0, first, 0.0
    while last - first > 1:
        if first == ready:
            if not by_columns:
                _weigh_columns(re, im, lo, length, low, high, first, last, made, columns)
            ready += LANES
        if not gone + columns[first] <= share:
            break
        gone += columns[first]
        first += 1
    for q in range(window[FIRST_COLUMN], below):
        at_ends += columns[q]
    ready, gone = last, 0.0
    while last - first > 1:
        if last == ready:
            ready = (last - 1) // LANES * LANES
            if not by_columns:
                _weigh_columns(re, im, lo, length, low, high, ready, last, made, columns)
        if not gone + columns[last - 1] <= share:
            break
        gone += columns[last - 1]
        last -= 1
    for q in range(max(length - above, ready), window[LAST_COLUMN]):
        at_ends += columns[q]
    kept[FIRST_ROW], kept[LAST_ROW], kept[FIRST_COLUMN], kept[LAST_COLUMN] = low, high, first, last
    return at_ends
