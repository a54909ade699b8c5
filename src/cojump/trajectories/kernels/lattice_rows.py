"""Taylor vectors of a state of several blocks, row by row, on the part of each row where they are not negligible."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import (
    AXIS,
    EDGE,
    FAR,
    HOPS,
    LENGTH,
    OUTER,
    REAL_FIRST,
    REAL_HOPS,
    REAL_OUTER,
    TOUCHED,
    WIDEST,
    first_place,
    moves,
    next_place,
)
from .propagate import norm_squared
from .vectors import LANES, fused, load, load_row, spread, store, total


@njit(inline="always", **OPTIONS)
def _start_row(
    to_re, to_im, re, im, p, n, level_re, level_im, more_re, more_im, base_re, base_im, scale,
    one, one_far, two, two_far, f, f_far, g, g_far,
):  # fmt: skip
    """Write -i scale (diagonal + two real hops within a row + two real ones between rows); |.|² of it."""
    above_re, above_im, factor, c, d = spread(base_re), spread(base_im), spread(scale), spread(f), spread(g)
    square_re = square_im = spread(0.0)
    for q in range(0, n, LANES):
        left, at = n - q, p + q
        e_re = load(level_re, q, left) + above_re + load(more_re, q, left)
        e_im = load(level_im, q, left) + above_im + load(more_im, q, left)
        a, b, v_re, v_im = load(one, q, left), load(two, q, left), load(re, at, left), load(im, at, left)
        x, y = fused(e_re, v_re, -(e_im * v_im)), fused(e_re, v_im, e_im * v_re)
        x = fused(a, load(re, at - one_far, left), fused(b, load(re, at - two_far, left), x))
        y = fused(a, load(im, at - one_far, left), fused(b, load(im, at - two_far, left), y))
        x = fused(c, load(re, at - f_far, left), fused(d, load(re, at - g_far, left), x))
        y = fused(c, load(im, at - f_far, left), fused(d, load(im, at - g_far, left), y))
        store(to_re, at, left, factor * y)
        store(to_im, at, left, -(factor * x))
        square_re, square_im = fused(x, x, square_re), fused(y, y, square_im)
    return scale * scale * total(square_re + square_im)


@njit(inline="always", **OPTIONS)
def _add_pairs(to_re, to_im, re, im, p, n, scale, one, one_far, two, two_far, f, f_far, g, g_far):
    """Add -i scale (two real hops within a row + two real ones between rows); |.|² of the sum."""
    factor, c, d, square_re, square_im = spread(scale), spread(f), spread(g), spread(0.0), spread(0.0)
    for q in range(0, n, LANES):
        left, at = n - q, p + q
        a, b = load(one, q, left), load(two, q, left)
        x = fused(a, load(im, at - one_far, left), b * load(im, at - two_far, left))
        y = fused(a, load(re, at - one_far, left), b * load(re, at - two_far, left))
        x = fused(c, load(im, at - f_far, left), fused(d, load(im, at - g_far, left), x))
        y = fused(c, load(re, at - f_far, left), fused(d, load(re, at - g_far, left), y))
        x, y = fused(factor, x, load(to_re, at, left)), fused(-factor, y, load(to_im, at, left))
        store(to_re, at, left, x)
        store(to_im, at, left, y)
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


@njit(**OPTIONS)
def moves_any(pair):
    """Whether a product of two operators has elements beside the diagonal."""
    for side in range(2):  # noqa: SIM110 - numba has no any() of this
        if pair[side, 0, 1] != 0.0 or pair[side, 1, 0] != 0.0:
            return True
    return False


@njit(**OPTIONS)
def zero(re, im, start, stop):
    """Zero the cells from start to stop."""
    to_re, to_im = re[start:stop], im[start:stop]
    for q in range(to_re.size):
        to_re[q] = to_im[q] = 0.0


@njit(**OPTIONS)
def trim(re, im, start, first, last, budget):
    """Zero what weighs at most ``budget`` at each end of first..last in the row at ``start``; what is left of it."""
    cut = 0.0
    while first < last:
        cut += re[start + first] ** 2 + im[start + first] ** 2
        if not cut <= budget:
            break
        re[start + first] = im[start + first] = 0.0
        first += 1
    cut = 0.0
    while first < last:
        cut += re[start + last - 1] ** 2 + im[start + last - 1] ** 2
        if not cut <= budget:
            break
        last -= 1
        re[start + last] = im[start + last] = 0.0
    return first, last


@njit(**OPTIONS)
def _weight_at_edges(axis, two_J, lo, sizes_in, strides, sizes, band, re, im, start, first, last):
    """Weight in first..last of a row that its axes but the first may carry out of the box, but not the sector."""
    weight = 0.0
    for b in range(axis + 1, lo.size):
        n, stride = sizes_in[b], strides[b]
        bottom = (sizes[b] - two_J[b]) // 2
        low, high = lo[b] > bottom, lo[b] + n < bottom + two_J[b] + 1
        for side in range(2):
            if not (low if side == 0 else high):
                continue
            for m in range(min(band[b], n)):
                k = m if side == 0 else n - 1 - m
                for begin in range(first // (n * stride) * (n * stride) + k * stride, last, n * stride):
                    for q in range(max(begin, first), min(begin + stride, last)):
                        weight += re[start + q] ** 2 + im[start + q] ** 2
    return weight


@njit(**OPTIONS)
def apply_lattice(rows_re, rows_im, order, lo, unit, h_eff, shift, half_shift, cut):
    """Taylor row order + 1: -i unit (H_eff - shift + i half_shift) row / (order + 1). Returns its squared norm.

    Parts of weight ``cut`` at most are left out of it. Where more than that has been at the edge of the box, and may
    have had to leave it, TOUCHED is set.
    """
    lattice, box, elements, place = h_eff.lattice, h_eff.box, h_eff.elements, h_eff.place
    scale = unit * (1.0 / (order + 1.0))
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    slots, opens, outer, outers, hops = elements.row, elements.opens, elements.outer, elements.outers, elements.hops
    spans, new, hop = elements.spans[order], elements.spans[order + 1], elements.hop
    length, axis, widest, n_hops, real_hops, n_outer, real_outer = (
        slots[LENGTH], slots[AXIS], slots[WIDEST], slots[HOPS], slots[REAL_HOPS], slots[OUTER], slots[REAL_OUTER],
    )  # fmt: skip
    none, level, base = hop.shape[1] - 2, hop.shape[1] - 1, outer.shape[1] - 1
    count = box.size[0] // length
    budget = cut / (2.0 * count)
    bottom = (lattice.sizes[axis] - box.two_J[axis]) // 2
    low, high = box.lo[axis] > bottom, box.lo[axis] + box.n[axis] < bottom + box.two_J[axis] + 1
    stretch = lattice.band[axis] * box.stride[axis]
    weights, apart = elements.weights, elements.mixed.shape[1] == 0  # whether rows meet in plain hops only
    for pair in range(lattice.across_axes.shape[0]):
        apart &= not (lattice.across_axes[pair, 0] < axis <= lattice.across_axes[pair, 1]) or not (
            moves_any(lattice.across[pair])
        )
    beside = 0 if apart else widest
    is_plain = apart and real_hops == n_hops and real_outer == n_outer
    norms2 = at_edges = 0.0
    first_place(place)
    for row in range(count):
        start = lo + row * length
        if spans[row, 0] < spans[row, 1]:
            if opens[base, row] > 0 or (low and spans[row, 0] < stretch) or (high and spans[row, 1] > length - stretch):
                slots[TOUCHED] = 1
            if axis < box.n.size - 1:
                at_edges += _weight_at_edges(
                    axis, box.two_J, box.lo, box.n, box.stride, lattice.sizes, lattice.band,
                    re, im, start, spans[row, 0], spans[row, 1],
                )  # fmt: skip
        # what may be reached in this row
        first, last, bound = spans[row, 0], spans[row, 1], 0.0
        alone = first >= last
        if not alone:
            first, last = first - widest, last + widest
        for h in range(n_outer):
            if opens[h, row] > 0:
                other = row - outers[FAR, h] // length
                if spans[other, 0] < spans[other, 1]:
                    first, last = min(first, spans[other, 0] - beside), max(last, spans[other, 1] + beside)
                    bound += (outer[0, h, row] ** 2 + outer[1, h, row] ** 2) * weights[order, other]
        first, last = max(first, 0), min(last, length)
        if alone and apart and n_outer * scale * scale * bound <= budget:
            first, last = length, 0
        # beside that it is zero: as before, or from now on
        was_first, was_last = new[row, 0], new[row, 1]
        if was_first < first:
            zero(to_re, to_im, start + was_first, start + min(first, was_last))
        if was_last > last:
            zero(to_re, to_im, start + max(last, was_first), start + was_last)
        if first >= last:
            new[row, 0], new[row, 1] = length, 0
        else:
            cell, n = row * length + first, last - first
            p = lo + cell
            norm2, h, started = 0.0, 0, False
            while not started or h < real_hops or h < real_outer:
                one = two = none
                one_far = two_far = f_far = g_far = 0
                f = g = 0.0
                if h < real_hops:
                    one = hops[REAL_FIRST, h]
                    one_far = hops[FAR, one]
                if h + 1 < real_hops:
                    two = hops[REAL_FIRST, h + 1]
                    two_far = hops[FAR, two]
                if h < real_outer and opens[outers[REAL_FIRST, h], row] > 0:
                    f, f_far = outer[0, outers[REAL_FIRST, h], row], outers[FAR, outers[REAL_FIRST, h]]
                if h + 1 < real_outer and opens[outers[REAL_FIRST, h + 1], row] > 0:
                    g, g_far = outer[0, outers[REAL_FIRST, h + 1], row], outers[FAR, outers[REAL_FIRST, h + 1]]
                one_values, two_values = hop[0, one, first:last], hop[0, two, first:last]
                if started:
                    norm2 = _add_pairs(
                        to_re, to_im, re, im, p, n, scale, one_values, one_far, two_values, two_far, f, f_far, g, g_far
                    )
                else:
                    norm2 = _start_row(
                        to_re, to_im, re, im, p, n, hop[0, level, first:last], hop[1, level, first:last],
                        elements.diagonal[0, cell : cell + n], elements.diagonal[1, cell : cell + n],
                        outer[0, base, row] - shift, outer[1, base, row] + half_shift, scale,
                        one_values, one_far, two_values, two_far, f, f_far, g, g_far,
                    )  # fmt: skip
                started = True
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
                _add_products(
                    to_re, to_im, re, im, p, n, first, scale, axis, place, box.n, box.stride,
                    lattice.across_axes, lattice.across, elements.sides, elements.cross,
                )  # fmt: skip
                _add_mixed(
                    to_re, to_im, re, im, p, n, cell, scale, box.size[0], box.stride, lattice.mixed, elements.mixed
                )
                norm2 = norm_squared(to_re, to_im, p, p + n)
            norms2 += norm2
            weights[order + 1, row] = norm2
            new[row, 0], new[row, 1] = trim(to_re, to_im, start, first, last, budget)
            if new[row, 0] >= new[row, 1]:
                new[row, 0], new[row, 1] = length, 0
        next_place(place, box.n, axis)
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
def forget_zeros(spans, count, length):
    """Say of the rows of all Taylor vectors that nothing there is known to be zero."""
    for k in range(1, spans.shape[0]):
        for row in range(count):
            spans[k, row, 0], spans[k, row, 1] = 0, length


@njit(**OPTIONS)
def change_weights(weights, order, factor):
    """Follow a change of the unit of time by ``factor`` with the weights of the rows of Taylor vectors."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor * factor
        for row in range(weights.shape[1]):
            weights[k, row] *= scale


@njit(**OPTIONS)
def overlap_of_rows(rows_re, rows_im, order, lo, length, spans, count):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    for row in range(count):
        first, last = lo + row * length + spans[0, row, 0], lo + row * length + spans[0, row, 1]
        for p in range(first, last, LANES):
            n = last - p
            a, b = load_row(rows_re, 0, p, n), load_row(rows_im, 0, p, n)
            c, d = load_row(rows_re, order, p, n), load_row(rows_im, order, p, n)
            ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(**OPTIONS)
def write_hull(spans, size, length, inner, order, hull, shape):
    """What is not zero in any of the Taylor vectors up to ``order``; whole stretches along the last axis."""
    shape[0], shape[1] = size // length, length
    for row in range(shape[0]):
        first, last = length, 0
        for k in range(order + 1):
            first, last = min(first, spans[k, row, 0]), max(last, spans[k, row, 1])
        if first < last and inner < length:
            first, last = first // inner * inner, (last + inner - 1) // inner * inner
        hull[row, 0], hull[row, 1] = first, max(last, first)


@njit(**OPTIONS)
def sum_rows(taylor_re, taylor_im, hull, shape, order, x, out_re, out_im):
    """The state at x units of time after the start of the step, in ``out`` where it is not zero; returns |ψ|²."""
    factor, square_re, square_im = spread(x), spread(0.0), spread(0.0)
    for row in range(shape[0]):
        start = EDGE + row * shape[1]
        first, last = start + hull[row, 0], start + hull[row, 1]
        for p in range(first, last, LANES):
            n = last - p
            a, b = load_row(taylor_re, order, p, n), load_row(taylor_im, order, p, n)
            for k in range(order - 1, -1, -1):
                a = fused(a, factor, load_row(taylor_re, k, p, n))
                b = fused(b, factor, load_row(taylor_im, k, p, n))
            store(out_re, p, n, a)
            store(out_im, p, n, b)
            square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def clear_beside_hull(hull, shape, out_re, out_im):
    """Zero ``out`` where the state is zero."""
    for row in range(shape[0]):
        start = EDGE + row * shape[1]
        zero(out_re, out_im, start, start + hull[row, 0])
        zero(out_re, out_im, start + hull[row, 1], start + shape[1])
