"""Taylor vectors of a state of several blocks, row by row, on a window of rows and columns that is not negligible.

All rows have the same columns, so that a row costs little beside its sums; what the ends of a window weigh decides
where the next Taylor vector has its own.
"""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import (
    ABSENT,
    AXIS,
    EDGE,
    FAR,
    FIRST_COLUMN,
    FIRST_ROW,
    HOPS,
    LAST_COLUMN,
    LAST_ROW,
    LENGTH,
    LOUD,
    OUTER,
    QUIET,
    REACH,
    REAL_FIRST,
    REAL_HOPS,
    REAL_OUTER,
    ROWS,
    TOUCHED,
    WIDEST,
    moves,
)
from .propagate import norm_squared
from .vectors import LANES, after, before, fused, load, load_row, spread, spread_cell, store, total


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
def _widen(windows, made, order, rows_re, rows_im, lo, length):
    """Let the windows up to ``order`` have what that of order + 1 has, with zeros there."""
    wanted = windows[order + 1]
    for k in range(order + 1):
        own, re, im = windows[k], rows_re[k], rows_im[k]
        low, high = min(own[FIRST_ROW], wanted[FIRST_ROW]), max(own[LAST_ROW], wanted[LAST_ROW])
        first, last = min(own[FIRST_COLUMN], wanted[FIRST_COLUMN]), max(own[LAST_COLUMN], wanted[LAST_COLUMN])
        for row in range(low, high):
            start = lo + row * length
            if own[FIRST_ROW] <= row < own[LAST_ROW]:
                blank(re, im, start + first, start + own[FIRST_COLUMN])
                blank(re, im, start + own[LAST_COLUMN], start + last)
            else:
                blank(re, im, start + first, start + last)
                made[k, row] = QUIET
        own[FIRST_ROW], own[LAST_ROW], own[FIRST_COLUMN], own[LAST_COLUMN] = low, high, first, last


@njit(**OPTIONS)
def _blank_around(own, window, re, im, lo, count, length, widest, reach):
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
def _weigh_row(re, im, p, n):
    """|.|² of n cells from p on."""
    square_re, square_im = spread(0.0), spread(0.0)
    for q in range(p, p + n, LANES):
        a, b = load(re, q, p + n - q), load(im, q, p + n - q)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def _find_loud(re, im, lo, length, window, made, least):
    """Say which rows of a state have more than ``least`` weight."""
    made[:] = ABSENT
    first, n = window[FIRST_COLUMN], window[LAST_COLUMN] - window[FIRST_COLUMN]
    for row in range(window[FIRST_ROW], window[LAST_ROW]):
        made[row] = QUIET if _weigh_row(re, im, lo + row * length + first, n) <= least else LOUD  # NaN is loud


@njit(inline="always", **OPTIONS)
def _is_heard(way, row, by_rows, outers, opens, made):
    """Whether a hop leads to a row from one in the box, and not a negligible one if rows are told apart ``by_rows``."""
    return opens[way, row] > 0 and (not by_rows or made[row - outers[ROWS, way]] == LOUD)


@njit(inline="always", **OPTIONS)
def _is_reached(row, n_outer, outers, opens, made):
    """Whether a row, or one from which a hop leads to it, is not negligible."""
    if made[row] == LOUD:
        return True
    for h in range(n_outer):  # noqa: SIM110 - numba has no any() of this
        if _is_heard(h, row, True, outers, opens, made):
            return True
    return False


@njit(**OPTIONS)
def _make_quiet(windows, made, order, row, rows_re, rows_im, start, first, last):
    """Let a row be there in Taylor vectors up to ``order``, with zeros; the next one reads it from first to last."""
    for k in range(order, -1, -1):
        if made[k, row] != ABSENT:
            break
        begin, end = windows[k, FIRST_COLUMN], windows[k, LAST_COLUMN]
        if k == order:
            begin, end = min(begin, first), max(end, last)
        blank(rows_re[k], rows_im[k], start + begin, start + end)
        made[k, row] = QUIET


@njit(inline="always", **OPTIONS)
def _start_cells(
    to_re, to_im, re, im, at, q, cell, left, hop_re, hop_im, level, more_re, more_im, above_re, above_im, factor,
    one, one_far, two, two_far, c, f_far, d, g_far,
):  # fmt: skip
    """What :func:`_start_row` does for ``left`` cells, at most LANES; real and imaginary part of what -i factor has."""
    e_re = load_row(hop_re, level, q, left) + above_re + load(more_re, cell, left)
    e_im = load_row(hop_im, level, q, left) + above_im + load(more_im, cell, left)
    a, b, v_re, v_im = (
        load_row(hop_re, one, q, left),
        load_row(hop_re, two, q, left),
        load(re, at, left),
        load(im, at, left),
    )
    x, y = fused(e_re, v_re, -(e_im * v_im)), fused(e_re, v_im, e_im * v_re)
    x = fused(a, load(re, at - one_far, left), fused(b, load(re, at - two_far, left), x))
    y = fused(a, load(im, at - one_far, left), fused(b, load(im, at - two_far, left), y))
    x = fused(c, load(re, at - f_far, left), fused(d, load(re, at - g_far, left), x))
    y = fused(c, load(im, at - f_far, left), fused(d, load(im, at - g_far, left), y))
    store(to_re, at, left, factor * y)
    store(to_im, at, left, -(factor * x))
    return x, y


@njit(inline="always", **OPTIONS)
def _start_row(
    to_re, to_im, re, im, p, first, cell, n, hop_re, hop_im, level, more_re, more_im, base_re, base_im, scale,
    one, one_far, two, two_far, f, f_far, g, g_far,
):  # fmt: skip
    """Write -i scale (diagonal + two real hops within a row + two real ones between rows); |.|² of it.

    For n cells from p on, with elements from ``first`` on in a row and from ``cell`` on in the box.
    """
    above_re, above_im, factor, c, d = spread(base_re), spread(base_im), spread(scale), spread(f), spread(g)
    square_re, square_im, whole = spread(0.0), spread(0.0), n // LANES * LANES
    for q in range(0, whole, LANES):
        x, y = _start_cells(
            to_re, to_im, re, im, p + q, first + q, cell + q, LANES, hop_re, hop_im, level, more_re, more_im,
            above_re, above_im, factor, one, one_far, two, two_far, c, f_far, d, g_far,
        )  # fmt: skip
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
    if whole < n:
        x, y = _start_cells(
            to_re, to_im, re, im, p + whole, first + whole, cell + whole, n - whole, hop_re, hop_im, level, more_re,
            more_im, above_re, above_im, factor, one, one_far, two, two_far, c, f_far, d, g_far,
        )  # fmt: skip
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
    return scale * scale * total(square_re + square_im)


@njit(inline="always", **OPTIONS)
def _add_cells(to_re, to_im, re, im, at, q, left, factor, hop_re, one, one_far, two, two_far, c, f_far, d, g_far):
    """What :func:`_add_pairs` does for ``left`` cells, at most LANES; the sum."""
    a, b = load_row(hop_re, one, q, left), load_row(hop_re, two, q, left)
    x = fused(a, load(im, at - one_far, left), b * load(im, at - two_far, left))
    y = fused(a, load(re, at - one_far, left), b * load(re, at - two_far, left))
    x = fused(c, load(im, at - f_far, left), fused(d, load(im, at - g_far, left), x))
    y = fused(c, load(re, at - f_far, left), fused(d, load(re, at - g_far, left), y))
    x, y = fused(factor, x, load(to_re, at, left)), fused(-factor, y, load(to_im, at, left))
    store(to_re, at, left, x)
    store(to_im, at, left, y)
    return x, y


@njit(inline="always", **OPTIONS)
def _add_pairs(to_re, to_im, re, im, p, first, n, scale, hop_re, one, one_far, two, two_far, f, f_far, g, g_far):
    """Add -i scale (two real hops within a row + two real ones between rows); |.|² of the sum."""
    factor, c, d, square_re, square_im = spread(scale), spread(f), spread(g), spread(0.0), spread(0.0)
    whole = n // LANES * LANES
    for q in range(0, whole, LANES):
        x, y = _add_cells(
            to_re, to_im, re, im, p + q, first + q, LANES, factor, hop_re, one, one_far, two, two_far, c, f_far,
            d, g_far,
        )  # fmt: skip
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
    if whole < n:
        x, y = _add_cells(
            to_re, to_im, re, im, p + whole, first + whole, n - whole, factor, hop_re, one, one_far, two, two_far, c,
            f_far, d, g_far,
        )  # fmt: skip
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
    return total(square_re + square_im)


@njit(inline="always", **OPTIONS)
def _plain_hops(hops, count, far, none):
    """The hops that go ``far`` and back, or ``none`` for one that there is not; and whether there are no others.

    Two may go equally far: an axis of a single place has the stride of the next one.
    """
    up = down = none
    alone = True
    for h in range(count):
        if hops[FAR, h] == far and up == none:
            up = h
        elif hops[FAR, h] == -far and down == none:
            down = h
        else:
            alone = False
    return up, down, alone


@njit(**OPTIONS)
def _apply_neighbours(
    to_re, to_im, re, im, lo, length, own, window, hop_re, hop_im, right, left, more_re, more_im,
    base_re, base_im, up, down, shift, half_shift, scale, columns,
):  # fmt: skip
    """Write -i scale (diagonal + real hops to the next places on two axes) in a window; |.|² of it.

    Eight columns at a time, so that of each row only the one above it is new: what stands beside eight cells is moved
    there within registers. Beside the ``own`` window there are zeros, whatever is written there. ``columns`` becomes
    |.|² of the columns.
    """
    zero, factor, back = spread(0.0), spread(scale), spread(-scale)
    first, last, low, high, stop = (
        window[FIRST_COLUMN], window[LAST_COLUMN], window[FIRST_ROW], window[LAST_ROW], own[LAST_ROW],
    )  # fmt: skip
    level, norms = hop_re.shape[0] - 1, zero
    for q in range(first, last, LANES):
        a, b = load_row(hop_re, right, q, LANES), load_row(hop_re, left, q, LANES)
        if q == own[FIRST_COLUMN]:
            a = before(zero, after(a, zero))
        if q + LANES == own[LAST_COLUMN]:
            b = after(before(zero, b), zero)
        level_re = load_row(hop_re, level, q, LANES) - spread(shift)
        level_im = load_row(hop_im, level, q, LANES) + spread(half_shift)
        cell = low * length + q
        p, beneath = lo + cell, LANES if low > own[FIRST_ROW] else 0
        below_re, below_im = load(re, p - length, beneath), load(im, p - length, beneath)
        here_re, here_im = load(re, p, LANES), load(im, p, LANES)
        square_re, square_im = zero, zero
        for row in range(low, high):
            over = LANES if row + 1 < stop else 0
            above_re, above_im = load(re, p + length, over), load(im, p + length, over)
            e_re = level_re + spread_cell(base_re, row) + load(more_re, cell, LANES)
            e_im = level_im + spread_cell(base_im, row) + load(more_im, cell, LANES)
            f, g = spread_cell(up, row), spread_cell(down, row)
            x, y = fused(e_re, here_re, -(e_im * here_im)), fused(e_re, here_im, e_im * here_re)
            x = fused(a, before(load(re, p - LANES, LANES), here_re), x)
            y = fused(a, before(load(im, p - LANES, LANES), here_im), y)
            x = fused(b, after(here_re, load(re, p + LANES, LANES)), x)
            y = fused(b, after(here_im, load(im, p + LANES, LANES)), y)
            x, y = fused(f, below_re, fused(g, above_re, x)), fused(f, below_im, fused(g, above_im, y))
            store(to_re, p, LANES, factor * y)
            store(to_im, p, LANES, back * x)
            square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
            below_re, below_im, here_re, here_im = here_re, here_im, above_re, above_im
            p, cell = p + length, cell + length
        square = factor * factor * (square_re + square_im)
        store(columns, q, LANES, square)
        norms = norms + square
    return total(norms)


@njit(**OPTIONS)
def _add_hop(to_re, to_im, re, im, p, n, source, f_re, f_im, elements_re, elements_im, at, sign):
    """Add -i f (elements, or their complex conjugates for a sign of -1) times n cells from ``source``."""
    h_re, h_im, v_re, v_im = to_re[p : p + n], to_im[p : p + n], re[source : source + n], im[source : source + n]
    e_re, e_im = elements_re[at : at + n], elements_im[at : at + n]
    for q in range(n):
        a_re, a_im = f_re * e_re[q] - sign * f_im * e_im[q], sign * f_re * e_im[q] + f_im * e_re[q]
        h_re[q] += a_re * v_im[q] + a_im * v_re[q]
        h_im[q] -= a_re * v_re[q] - a_im * v_im[q]


@njit(**OPTIONS)
def _add_row(to_re, to_im, re, im, p, n, source, f_re, f_im):
    """Add -i f times n cells from ``source``."""
    h_re, h_im, v_re, v_im = to_re[p : p + n], to_im[p : p + n], re[source : source + n], im[source : source + n]
    for q in range(n):
        h_re[q] += f_re * v_im[q] + f_im * v_re[q]
        h_im[q] -= f_re * v_re[q] - f_im * v_im[q]


@njit(**OPTIONS)
def moves_any(pair):
    """Whether a product of two operators has elements beside the diagonal."""
    for side in range(2):  # noqa: SIM110 - numba has no any() of this
        if pair[side, 0, 1] != 0.0 or pair[side, 1, 0] != 0.0:
            return True
    return False


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
def _ends(axis, two_J, lo, n, sizes):
    """Whether the box ends before the sector does, below and above on an axis."""
    bottom = (sizes[axis] - two_J[axis]) // 2
    return lo[axis] > bottom, lo[axis] + n[axis] < bottom + two_J[axis] + 1


@njit(**OPTIONS)
def _weight_at_ends(axis, two_J, lo, lengths, strides, sizes, bands, re, im, start, length, window, made):
    """Weight that may leave the box, but not the sector, along one axis within rows."""
    weight, n, stride, band = 0.0, lengths[axis], strides[axis], min(bands[axis], lengths[axis])
    below, above = _ends(axis, two_J, lo, lengths, sizes)
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
def _keep(re, im, lo, length, window, kept, weights, made, columns, by_columns, cut, below, above):
    """Write what is left of a window where ``cut`` may be left out of it, a fourth at each side.

    What the rows weigh is known, or what the columns do if ``by_columns``; the others are weighed as far as they are
    needed. Returns the weight of the first ``below`` and the last ``above`` columns of all.
    """
    first, last, width = window[FIRST_COLUMN], window[LAST_COLUMN], window[LAST_COLUMN] - window[FIRST_COLUMN]
    low, high, share, gone = window[FIRST_ROW], window[LAST_ROW], 0.25 * cut, 0.0
    while high - low > 1:
        if by_columns:
            weights[low] = _weigh_row(re, im, lo + low * length + first, width)
        if not gone + weights[low] <= share:
            break
        gone += weights[low]
        low += 1
    gone = 0.0
    while high - low > 1:
        if by_columns:
            weights[high - 1] = _weigh_row(re, im, lo + (high - 1) * length + first, width)
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


@njit(**OPTIONS)
def apply_lattice(rows_re, rows_im, order, lo, unit, h_eff, windows, kept, made, shift, half_shift, cut):
    """Taylor row order + 1: -i unit (H_eff - shift + i half_shift) row / (order + 1). Returns its squared norm.

    It has the window that hops lead to from what is kept of the one before; of it is kept all but a weight of ``cut``.
    Rows in it to which hops lead only from rows that are negligible in each way are left out: ``made``.
    Where more than that is at the edge of the box, and may have to leave it next, TOUCHED is set.
    """
    lattice, box, elements, place = h_eff.lattice, h_eff.box, h_eff.elements, h_eff.place
    scale = unit * (1.0 / (order + 1.0))
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    slots, opens, outer, outers, hops = elements.row, elements.opens, elements.outer, elements.outers, elements.hops
    hop, weights, columns, window, own = (
        elements.hop,
        elements.weights,
        elements.columns,
        windows[order + 1],
        windows[order],
    )
    length, axis, widest, reach, n_hops, real_hops, n_outer, real_outer = (
        slots[LENGTH], slots[AXIS], slots[WIDEST], slots[REACH], slots[HOPS], slots[REAL_HOPS], slots[OUTER],
        slots[REAL_OUTER],
    )  # fmt: skip
    none, level, nowhere, base = hop.shape[1] - 2, hop.shape[1] - 1, outer.shape[1] - 2, outer.shape[1] - 1
    count = box.size[0] // length
    apart = elements.mixed.shape[1] == 0  # whether rows meet in plain hops only
    for pair in range(lattice.across_axes.shape[0]):
        apart &= not (lattice.across_axes[pair, 0] < axis <= lattice.across_axes[pair, 1]) or not (
            moves_any(lattice.across[pair])
        )
    is_plain = apart and real_hops == n_hops and real_outer == n_outer
    right, left, alone = _plain_hops(hops, n_hops, 1, none)
    up, down, alone_outside = _plain_hops(outers, n_outer, length, nowhere)
    by_columns = is_plain and axis == box.n.size - 1 and length % LANES == 0 and alone and alone_outside
    lead(kept[order], count, length, widest, reach, window)
    if (
        window[FIRST_ROW] < own[FIRST_ROW]
        or window[LAST_ROW] > own[LAST_ROW]
        or window[FIRST_COLUMN] < own[FIRST_COLUMN]
        or window[LAST_COLUMN] > own[LAST_COLUMN]
    ):
        _widen(windows, made, order, rows_re, rows_im, lo, length)
    now, then, low, high = made[order], made[order + 1], window[FIRST_ROW], window[LAST_ROW]
    then[:count] = ABSENT
    norms2 = at_edges = 0.0
    if by_columns:
        then[low:high] = LOUD
        norms2 = _apply_neighbours(
            to_re, to_im, re, im, lo, length, own, window, hop[0], hop[1], right, left, elements.diagonal[0],
            elements.diagonal[1], outer[0, base], outer[1, base], outer[0, up], outer[0, down], shift, half_shift,
            scale, columns,
        )  # fmt: skip
        for row in range(low, high):
            if opens[base, row] > 0:
                at_edges += _weigh_row(
                    to_re, to_im, lo + row * length + window[FIRST_COLUMN], window[LAST_COLUMN] - window[FIRST_COLUMN]
                )
    else:
        least, by_rows = 0.25 * cut / (high - low), is_plain and real_outer > 0
        if not by_rows:
            _blank_around(own, window, re, im, lo, count, length, widest, reach)
        elif order == 0:
            _find_loud(re, im, lo, length, own, now[:count], least)
        first, last = window[FIRST_COLUMN], window[LAST_COLUMN]
        n = last - first
        hop_re, hop_im, more_re, more_im = hop[0], hop[1], elements.diagonal[0], elements.diagonal[1]
        one = hops[REAL_FIRST, 0] if real_hops > 0 else none
        two = hops[REAL_FIRST, 1] if real_hops > 1 else none
        one_far, two_far = hops[FAR, one] if real_hops > 0 else 0, hops[FAR, two] if real_hops > 1 else 0
        begin, end = max(first - widest, 0), min(last + widest, length)  # of what is read of a row
        one_up = outers[REAL_FIRST, 0] if real_outer > 0 else base
        two_up = outers[REAL_FIRST, 1] if real_outer > 1 else base
        for row in range(low, high):
            if by_rows:
                if not _is_reached(row, n_outer, outers, opens, now):
                    weights[row] = 0.0
                    continue
                start = lo + row * length
                if now[row] == ABSENT:
                    _make_quiet(windows, made, order, row, rows_re, rows_im, start, begin, end)
                elif begin < own[FIRST_COLUMN] or end > own[LAST_COLUMN]:
                    blank(re, im, start + begin, start + own[FIRST_COLUMN])
                    blank(re, im, start + own[LAST_COLUMN], start + end)
            cell = row * length + first
            p, h = lo + cell, 2
            f_far = g_far = 0
            f = g = 0.0
            if one_up < base and _is_heard(one_up, row, by_rows, outers, opens, now):
                f, f_far = outer[0, one_up, row], outers[FAR, one_up]
            if two_up < base and _is_heard(two_up, row, by_rows, outers, opens, now):
                g, g_far = outer[0, two_up, row], outers[FAR, two_up]
            norm2 = _start_row(
                to_re, to_im, re, im, p, first, cell, n, hop_re, hop_im, level, more_re, more_im,
                outer[0, base, row] - shift, outer[1, base, row] + half_shift, scale,
                one, one_far, two, two_far, f, f_far, g, g_far,
            )  # fmt: skip
            while h < real_hops or h < real_outer:
                third = fourth = none
                third_far = fourth_far = f_far = g_far = 0
                f = g = 0.0
                if h < real_hops:
                    third = hops[REAL_FIRST, h]
                    third_far = hops[FAR, third]
                if h + 1 < real_hops:
                    fourth = hops[REAL_FIRST, h + 1]
                    fourth_far = hops[FAR, fourth]
                if h < real_outer:
                    way = outers[REAL_FIRST, h]
                    if _is_heard(way, row, by_rows, outers, opens, now):
                        f, f_far = outer[0, way, row], outers[FAR, way]
                if h + 1 < real_outer:
                    way = outers[REAL_FIRST, h + 1]
                    if _is_heard(way, row, by_rows, outers, opens, now):
                        g, g_far = outer[0, way, row], outers[FAR, way]
                norm2 = _add_pairs(
                    to_re, to_im, re, im, p, first, n, scale, hop_re, third, third_far, fourth, fourth_far,
                    f, f_far, g, g_far,
                )  # fmt: skip
                h += 2
            if not is_plain:
                for h in range(real_hops, n_hops):
                    way = hops[REAL_FIRST, h]
                    source = p - hops[FAR, way]
                    _add_hop(to_re, to_im, re, im, p, n, source, scale, 0.0, hop[0, way], hop[1, way], first, 1.0)
                for h in range(real_outer, n_outer):
                    way = outers[REAL_FIRST, h]
                    if opens[way, row] > 0:
                        f, g = scale * outer[0, way, row], scale * outer[1, way, row]
                        _add_row(to_re, to_im, re, im, p, n, p - outers[FAR, way], f, g)
                left = row
                for b in range(axis - 1, -1, -1):
                    place[b] = left % box.n[b]
                    left //= box.n[b]
                _add_products(
                    to_re, to_im, re, im, p, n, first, scale, axis, place, box.n, box.stride,
                    lattice.across_axes, lattice.across, elements.sides, elements.cross,
                )  # fmt: skip
                _add_mixed(
                    to_re, to_im, re, im, p, n, cell, scale, box.size[0], box.stride, lattice.mixed, elements.mixed
                )
                norm2 = norm_squared(to_re, to_im, p, p + n)
            norms2 += norm2
            weights[row] = norm2
            then[row] = QUIET if norm2 <= least else LOUD
            if opens[base, row] > 0:
                at_edges += norm2
    few = few_below = few_above = 0
    if axis == box.n.size - 1:  # columns are places on one axis
        below, above = _ends(axis, box.two_J, box.lo, box.n, lattice.sizes)
        few = min(lattice.band[axis], length)
        few_below, few_above = few if below else 0, few if above else 0
    at_edges += _keep(
        to_re, to_im, lo, length, window, kept[order + 1], weights, then, columns, by_columns, cut, few_below, few_above
    )
    if axis < box.n.size - 1:
        for b in range(axis, box.n.size):
            at_edges += _weight_at_ends(
                b, box.two_J, box.lo, box.n, box.stride, lattice.sizes, lattice.band, to_re, to_im, lo, length,
                kept[order + 1], then,
            )  # fmt: skip
    if at_edges > cut:
        slots[TOUCHED] = 1
    return norms2


@njit(**OPTIONS)
def _add_products(
    to_re, to_im, re, im, p, n, first, scale, axis, place, lengths, strides, across_axes, across, sides, cross
):
    """Add products of what moves a row, or counts it, and what acts within it; but not of two diagonal operators."""
    for pair in range(across_axes.shape[0]):
        b, d = across_axes[pair]
        if not b < axis <= d:
            continue
        for s in range(-1, 2):
            k = place[b] - s
            if k < 0 or k >= lengths[b]:
                continue
            factor = scale * sides[pair, 0, s + 1, k]
            if factor == 0.0:
                continue
            for t in range(-1, 2):
                if (s == 0 and t == 0) or not moves(across[pair, 1], t):
                    continue
                source, way = p - s * strides[b] - t * strides[d], 3 * pair + t + 1
                _add_hop(
                    to_re,
                    to_im,
                    re,
                    im,
                    p,
                    n,
                    source,
                    factor.real,
                    factor.imag,
                    cross[0, way],
                    cross[1, way],
                    first,
                    1.0,
                )


@njit(**OPTIONS)
def _add_mixed(to_re, to_im, re, im, p, n, cell, scale, size, strides, mixed, rates):
    """Add rates that are not diagonal: -i/2 R, from below, and with the conjugate from above."""
    for b in range(strides.size):
        m, stride = mixed[b], strides[b]
        if m < 0:
            continue
        skip, many = max(stride - cell, 0), min(n, size - stride - cell)
        if skip < n:
            at, to = cell + skip - stride, p + skip
            _add_hop(to_re, to_im, re, im, to, n - skip, to - stride, scale, 0.0, rates[0, m], rates[1, m], at, 1.0)
        if many > 0:
            _add_hop(to_re, to_im, re, im, p, many, p + stride, -scale, 0.0, rates[0, m], rates[1, m], cell, -1.0)


@njit(**OPTIONS)
def change_unit_of_rows(rows_re, rows_im, norms, order, lo, length, windows, made, factor):
    """Write the rows up to ``order`` in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor
        norms[k] *= scale
        re, im, scales = rows_re[k], rows_im[k], spread(scale)
        for row in range(windows[k, FIRST_ROW], windows[k, LAST_ROW]):
            if made[k, row] == ABSENT:
                continue
            start = lo + row * length
            for p in range(start + windows[k, FIRST_COLUMN], start + windows[k, LAST_COLUMN], LANES):
                n = start + windows[k, LAST_COLUMN] - p
                store(re, p, n, scales * load(re, p, n))
                store(im, p, n, scales * load(im, p, n))


@njit(**OPTIONS)
def overlap_of_rows(rows_re, rows_im, order, lo, length, windows, made):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    for row in range(windows[order, FIRST_ROW], windows[order, LAST_ROW]):
        if made[order, row] == ABSENT:
            continue
        first, last = lo + row * length + windows[order, FIRST_COLUMN], lo + row * length + windows[order, LAST_COLUMN]
        for p in range(first, last, LANES):
            n = last - p
            a, b = load_row(rows_re, 0, p, n), load_row(rows_im, 0, p, n)
            c, d = load_row(rows_re, order, p, n), load_row(rows_im, order, p, n)
            ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(inline="always", **OPTIONS)
def _sum_cells(taylor_re, taylor_im, order, p, n, factor, out_re, out_im):
    """Sum the series for n cells from p on, at most LANES; real and imaginary part."""
    a, b = load_row(taylor_re, order, p, n), load_row(taylor_im, order, p, n)
    for k in range(order - 1, -1, -1):
        a = fused(a, factor, load_row(taylor_re, k, p, n))
        b = fused(b, factor, load_row(taylor_im, k, p, n))
    store(out_re, p, n, a)
    store(out_im, p, n, b)
    return a, b


@njit(**OPTIONS)
def sum_rows(taylor_re, taylor_im, windows, made, shape, order, x, out_re, out_im):
    """The state at x units of time after the start of the step, in ``out`` in its window; returns |ψ|²."""
    factor, square_re, square_im = spread(x), spread(0.0), spread(0.0)
    last = windows[0, LAST_COLUMN]
    for row in range(windows[0, FIRST_ROW], windows[0, LAST_ROW]):
        start, highest = EDGE + row * shape[1], order
        while highest > 0 and made[highest, row] == ABSENT:
            highest -= 1
        for q in range(windows[0, FIRST_COLUMN], last, LANES):
            top = highest
            while not windows[top, FIRST_COLUMN] <= q < windows[top, LAST_COLUMN]:
                top -= 1
            if last - q >= LANES:
                a, b = _sum_cells(taylor_re, taylor_im, top, start + q, LANES, factor, out_re, out_im)
            else:
                a, b = _sum_cells(taylor_re, taylor_im, top, start + q, last - q, factor, out_re, out_im)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def clear_beside(window, shape, out_re, out_im):
    """Zero ``out`` where the state is zero."""
    for row in range(shape[0]):
        start = EDGE + row * shape[1]
        if window[FIRST_ROW] <= row < window[LAST_ROW]:
            blank(out_re, out_im, start, start + window[FIRST_COLUMN])
            blank(out_re, out_im, start + window[LAST_COLUMN], start + shape[1])
        else:
            blank(out_re, out_im, start, start + shape[1])
