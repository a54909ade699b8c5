"""Taylor vectors of a state of several blocks, row by row, on a window of rows and columns that is not negligible."""

from __future__ import annotations

from numba import njit

from .common import INLINED, OPTIONS
from .lattice import (
    ABSENT,
    AXIS,
    BESIDE,
    FAR,
    FIRST_COLUMN,
    FIRST_ROW,
    HOPS,
    LAST_COLUMN,
    LAST_ROW,
    LENGTH,
    LOUD,
    OUTER,
    PLANE,
    QUIET,
    REACH,
    REAL_FIRST,
    REAL_HOPS,
    REAL_OUTER,
    ROWS,
    TOUCHED,
    WIDEST,
    moves,
    moves_any,
)
from .lattice_neighbours import apply_columns
from .lattice_plane import apply_plane
from .lattice_windows import (
    blank,
    blank_around,
    ends_before,
    find_loud,
    keep,
    lead,
    make_quiet,
    weight_at_ends,
    widen,
)
from .nothing import in_turn, of_complex
from .propagate import norm_squared
from .vectors import LANES, fused, load, load_row, spread, store, total


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
    of_x, of_y = in_turn(re, im)
    x, y = fused(e_re, load(of_x, at, left), -(e_im * v_im)), fused(e_re, v_im, e_im * v_re)
    x = fused(a, load(of_x, at - one_far, left), fused(b, load(of_x, at - two_far, left), x))
    y = fused(a, load(of_y, at - one_far, left), fused(b, load(of_y, at - two_far, left), y))
    x = fused(c, load(of_x, at - f_far, left), fused(d, load(of_x, at - g_far, left), x))
    y = fused(c, load(of_y, at - f_far, left), fused(d, load(of_y, at - g_far, left), y))
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
    of_y, of_x = in_turn(re, im)
    x = fused(a, load(of_x, at - one_far, left), b * load(of_x, at - two_far, left))
    y = fused(a, load(of_y, at - one_far, left), b * load(of_y, at - two_far, left))
    x = fused(c, load(of_x, at - f_far, left), fused(d, load(of_x, at - g_far, left), x))
    y = fused(c, load(of_y, at - f_far, left), fused(d, load(of_y, at - g_far, left), y))
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


@njit(**INLINED)
def apply_lattice(rows_re, rows_im, order, lo, unit, h_eff, windows, kept, made, shift, half_shift, cut):
    """Taylor row order + 1: -i unit (H_eff - shift + i half_shift) row / (order + 1). Returns its squared norm.

    It has the window that hops lead to from what is kept of the one before; of it is kept all but a weight of ``cut``.
    Where more than that is at the edge of the box, and may have to leave it next, TOUCHED is set.
    """
    if h_eff.elements.row[PLANE] > 0:
        norm2 = apply_plane(
            rows_re, rows_im, order, lo, unit, h_eff.lattice.sizes, h_eff.lattice.band, h_eff.box, h_eff.elements.plane,
            h_eff.elements.row, windows, kept, made, shift, half_shift, cut,
        )  # fmt: skip
    elif h_eff.elements.row[BESIDE] > 0:
        norm2 = apply_columns(
            rows_re, rows_im, order, lo, unit, h_eff.lattice.sizes, h_eff.lattice.band, h_eff.box, h_eff.elements.hop,
            h_eff.elements.outer, h_eff.elements.opens, h_eff.elements.diagonal, h_eff.elements.weights,
            h_eff.elements.columns, h_eff.elements.row, windows, kept, made, shift, half_shift, cut,
        )  # fmt: skip
    else:
        norm2 = _apply_general(rows_re, rows_im, order, lo, unit, h_eff, windows, kept, made, shift, half_shift, cut)
    return norm2


@njit(**OPTIONS)
def _apply_general(rows_re, rows_im, order, lo, unit, h_eff, windows, kept, made, shift, half_shift, cut):
    """:func:`apply_lattice` for any hops.

    Rows to which hops lead only from rows that are negligible in each way are left out: ``made``.
    """
    lattice, box, elements = h_eff.lattice, h_eff.box, h_eff.elements
    scale = unit * (1.0 / (order + 1.0))
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    slots, opens, outer, outers, hops = elements.row, elements.opens, elements.outer, elements.outers, elements.hops
    hop, weights, window, own = elements.hop, elements.weights, windows[order + 1], windows[order]
    length, axis, widest, reach, n_hops, real_hops, n_outer, real_outer = (
        slots[LENGTH], slots[AXIS], slots[WIDEST], slots[REACH], slots[HOPS], slots[REAL_HOPS], slots[OUTER],
        slots[REAL_OUTER],
    )  # fmt: skip
    none, level, base = hop.shape[1] - 2, hop.shape[1] - 1, outer.shape[1] - 1
    count = box.size[0] // length
    apart = elements.mixed.shape[1] == 0  # whether rows meet in plain hops only
    for pair in range(lattice.across_axes.shape[0]):
        apart &= not (lattice.across_axes[pair, 0] < axis <= lattice.across_axes[pair, 1]) or not (
            moves_any(lattice.across[pair])
        )
    is_plain = apart and real_hops == n_hops and real_outer == n_outer
    lead(kept[order], count, length, widest, reach, window)
    if (
        window[FIRST_ROW] < own[FIRST_ROW]
        or window[LAST_ROW] > own[LAST_ROW]
        or window[FIRST_COLUMN] < own[FIRST_COLUMN]
        or window[LAST_COLUMN] > own[LAST_COLUMN]
    ):
        widen(windows, made, order, rows_re, rows_im, lo, length)
    now, then, low, high = made[order], made[order + 1], window[FIRST_ROW], window[LAST_ROW]
    then[:count] = ABSENT
    norms2 = at_edges = 0.0
    least, by_rows = 0.25 * cut / (high - low), is_plain and real_outer > 0
    if not by_rows:
        blank_around(own, window, re, im, lo, count, length, widest, reach)
    elif order == 0:
        find_loud(re, im, lo, length, own, now[:count], least)
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
                make_quiet(windows, made, order, row, rows_re, rows_im, start, begin, end)
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
            norm2 = _add_all_others(im, re, to_re, to_im, h_eff, row, p, n, first, scale)
        norms2 += norm2
        weights[row] = norm2
        then[row] = QUIET if norm2 <= least else LOUD
        if opens[base, row] > 0:
            at_edges += norm2
    at_edges += keep_rows(h_eff, to_re, to_im, lo, length, window, kept[order + 1], then, cut)
    if at_edges > cut:
        slots[TOUCHED] = 1
    return norms2


def _add_others(im, re, to_re, to_im, h_eff, row, p, n, first, scale):
    """Add what is no real hop within or between rows to n cells of a row from p on; |.|² of the sum."""
    lattice, box, elements, place = h_eff.lattice, h_eff.box, h_eff.elements, h_eff.place
    hops, hop, outers, outer, slots = elements.hops, elements.hop, elements.outers, elements.outer, elements.row
    axis, cell = slots[AXIS], row * slots[LENGTH] + first
    for h in range(slots[REAL_HOPS], slots[HOPS]):
        way = hops[REAL_FIRST, h]
        source = p - hops[FAR, way]
        _add_hop(to_re, to_im, re, im, p, n, source, scale, 0.0, hop[0, way], hop[1, way], first, 1.0)
    for h in range(slots[REAL_OUTER], slots[OUTER]):
        way = outers[REAL_FIRST, h]
        if elements.opens[way, row] > 0:
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
    _add_mixed(to_re, to_im, re, im, p, n, cell, scale, box.size[0], box.stride, lattice.mixed, elements.mixed)
    return norm_squared(to_re, to_im, p, p + n)


_add_all_others = of_complex(_add_others, 0.0)
"""Where states stay real there is nothing of the kind."""


@njit(**INLINED)
def keep_rows(h_eff, to_re, to_im, lo, length, window, kept, then, cut):
    """Write what is kept of a Taylor vector whose rows have been weighed, but for ``cut`` beside it.

    Returns what may leave the box, but not the sector, along the axes of a row.
    """
    lattice, box, elements, axis = h_eff.lattice, h_eff.box, h_eff.elements, h_eff.elements.row[AXIS]
    few = few_below = few_above = 0
    if axis == box.n.size - 1:  # columns are places on one axis
        below, above = ends_before(axis, box.two_J, box.lo, box.n, lattice.sizes)
        few = min(lattice.band[axis], length)
        few_below, few_above = few if below else 0, few if above else 0
    at_edges = keep(
        to_re, to_im, lo, length, window, kept, elements.weights, then, elements.columns, False, cut, few_below,
        few_above,
    )  # fmt: skip
    if axis < box.n.size - 1:
        for b in range(axis, box.n.size):
            at_edges += weight_at_ends(
                b, box.two_J, box.lo, box.n, box.stride, lattice.sizes, lattice.band, to_re, to_im, lo, length, kept,
                then,
            )  # fmt: skip
    return at_edges


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
