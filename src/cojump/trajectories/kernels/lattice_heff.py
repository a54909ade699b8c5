"""Elements of H_eff of several blocks of two levels in a box."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL
from .common import OPTIONS
from .lattice import (
    AXIS,
    COMPLEX,
    DOWN,
    FAR,
    HOPS,
    LENGTH,
    OUTER,
    PLANE,
    REACH,
    REAL_FIRST,
    REAL_HOPS,
    REAL_OUTER,
    ROWS,
    UP,
    WIDEST,
    band_element,
    first_place,
    moves,
    moves_any,
    next_place,
    table_at,
)
from .lattice_neighbours import find_neighbours
from .lattice_plane import fill_plane


@njit(**OPTIONS)
def lay_rows(n, row, long_row):
    """Choose the axes that make a row: the last ones, until it has ``long_row`` cells."""
    axis, length = n.size - 1, n[n.size - 1]
    while length < long_row and axis > 0:
        axis -= 1
        length *= n[axis]
    row[AXIS], row[LENGTH] = axis, length


@njit(inline="always", **OPTIONS)
def _fill_bands(matrix, N, lo, n, below, c, lowered, kept, raised):
    """Write <i+s| Σ_k matrix^(k) |i> for s = -1, 0, 1; ``below`` is c_J(lo - 1)."""
    down, same_up, same_down, up = matrix[DOWN, UP], matrix[UP, UP], matrix[DOWN, DOWN], matrix[UP, DOWN]
    for k in range(n):
        i = lo + k
        lowered[k] = down * (c[k - 1] if k > 0 else below)
        kept[k] = same_up * i + same_down * (N - i)
        raised[k] = up * c[k]


@njit(**OPTIONS)
def _fill_axis(b, N, two_J, lo, n, one, inside_axis, inside, across_axes, across, c, own, sides):
    """Write the bands of H_eff along one axis for a sector and a box."""
    J = 0.5 * two_J
    for k in range(n):
        M = lo + k - 0.5 * N
        c[k] = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
    M = lo - 1 - 0.5 * N
    below = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
    for k in range(n):
        own[0, k] = own[4, k] = 0.0
    _fill_bands(one, N, lo, n, below, c, own[1], own[2], own[3])
    for p in range(inside_axis.size):
        if inside_axis[p] == b:
            for k in range(n):
                i = lo + k
                for t in range(-1, 2):
                    value = band_element(inside[p, 1], t, i, N, J)
                    for s in range(-1, 2):
                        own[s + t + 2, k] += band_element(inside[p, 0], s, i + t, N, J) * value
    for p in range(across_axes.shape[0]):
        for side in range(2):
            if across_axes[p, side] == b and moves_any(across[p]):
                to = sides[p, side]
                _fill_bands(across[p, side], N, lo, n, below, c, to[0], to[1], to[2])


@njit(**OPTIONS)
def _spread(values, s, n, stride, length, to_re, to_im):
    """Add <i+s|.|i> along an axis to all of a row, at i + s; 1 where there are imaginary parts, else they are left."""
    is_complex = _is_complex(values, n)
    for k in range(max(-s, 0), n - max(s, 0)):
        value_re, value_im = values[k].real, values[k].imag
        for first in range((k + s) * stride, length, n * stride):
            for p in range(first, first + stride):
                to_re[p] += value_re
            if is_complex > 0:
                for p in range(first, first + stride):
                    to_im[p] += value_im
    return is_complex


@njit(**OPTIONS)
def _spread_product(left, s, right, t, n, stride, inner_n, inner_stride, length, to_re, to_im):
    """The same for a product of two axes."""
    for first in range(0, length, n * stride):
        for k in range(max(-s, 0), n - max(s, 0)):
            start = first + (k + s) * stride
            for inner in range(start, start + stride, inner_n * inner_stride):
                for m in range(max(-t, 0), inner_n - max(t, 0)):
                    value = left[k] * right[m]
                    begin = inner + (m + t) * inner_stride
                    for p in range(begin, begin + inner_stride):
                        to_re[p] += value.real
                        to_im[p] += value.imag


@njit(inline="always", **OPTIONS)
def _number(hops, count):
    """Number the hops with real elements first; how many there are."""
    found = first = 0
    for wanted in range(2):
        for h in range(count):
            if hops[COMPLEX, h] == wanted:
                hops[REAL_FIRST, found] = h
                found += 1
        if wanted == 0:
            first = found
    return first


@njit(**OPTIONS)
def _has_any(values, n):
    for k in range(n):  # noqa: SIM110 - numba has no any() of this
        if values[k] != 0.0:
            return True
    return False


@njit(**OPTIONS)
def _is_complex(values, n):
    for k in range(n):
        if values[k].imag != 0.0:
            return 1
    return 0


@njit(**OPTIONS)
def _fill_within(bands, n, stride, across_axes, across, own, sides, row, hops, hop, cross):
    """Write what acts within a row."""
    axis, length, level = row[AXIS], row[LENGTH], hop.shape[1] - 1
    number = widest = 0
    hop[:, level, :length] = 0.0
    for b in range(axis, n.size):
        _spread(own[b, 2], 0, n[b], stride[b], length, hop[0, level], hop[1, level])
        widest = max(widest, bands[b] * stride[b])
        for s in range(-bands[b], bands[b] + 1):
            if s != 0 and _has_any(own[b, s + 2], n[b]):
                hops[FAR, number] = s * stride[b]
                hop[:, number, :length] = 0.0
                hops[COMPLEX, number] = _spread(
                    own[b, s + 2], s, n[b], stride[b], length, hop[0, number], hop[1, number]
                )
                number += 1
    for pair in range(across_axes.shape[0]):
        b, d = across_axes[pair]
        for t in range(-1, 2):
            if d < axis or not moves(across[pair, 1], t):
                continue
            if b < axis:
                to = 3 * pair + t + 1
                cross[:, to, :length] = 0.0
                _spread(sides[pair, 1, t + 1], t, n[d], stride[d], length, cross[0, to], cross[1, to])
                continue
            for s in range(-1, 2):
                if (s == 0 and t == 0) or not moves(across[pair, 0], s):
                    continue
                hops[FAR, number] = s * stride[b] + t * stride[d]
                widest = max(widest, abs(hops[FAR, number]))
                hop[:, number, :length] = 0.0
                left, right = sides[pair, 0, s + 1], sides[pair, 1, t + 1]
                hops[COMPLEX, number] = max(_is_complex(left, n[b]), _is_complex(right, n[d]))
                _spread_product(
                    left, s, right, t, n[b], stride[b], n[d], stride[d], length, hop[0, number], hop[1, number]
                )
                number += 1
    row[HOPS], row[WIDEST] = number, widest
    row[REAL_HOPS] = _number(hops, number)


@njit(**OPTIONS)
def _fill_between(
    sizes, bands, two_J, lo, n, stride, across_axes, across, own, sides, row, outers, outer, opens, count, place
):
    """Write what acts between rows, and which rows are at the rim."""
    axis, base, found = row[AXIS], outer.shape[1] - 1, 0
    outers[COMPLEX, :] = 0
    first_place(place)
    for r in range(count):
        diagonal, rim, g = 0.0j, 0, 0
        for b in range(axis):
            diagonal += own[b, 2, place[b]]
            bottom = (sizes[b] - two_J[b]) // 2
            if lo[b] > bottom and place[b] < bands[b]:
                rim = 1
            if lo[b] + n[b] < bottom + two_J[b] + 1 and place[b] >= n[b] - bands[b]:
                rim = 1
            for s in range(-bands[b], bands[b] + 1):
                if s == 0:
                    continue
                k, value, inside = place[b] - s, 0.0j, 0
                if 0 <= k < n[b]:
                    inside, value = 1, own[b, s + 2, k]
                    for p in range(across_axes.shape[0]):
                        a, d = across_axes[p]
                        if abs(s) == 1 and d < axis:
                            if a == b:
                                value += sides[p, 0, s + 1, k] * sides[p, 1, 1, place[d]]
                            elif d == b:
                                value += sides[p, 0, 1, place[a]] * sides[p, 1, s + 1, k]
                outers[FAR, g], opens[g, r] = s * stride[b], inside
                outer[0, g, r], outer[1, g, r] = value.real, value.imag
                if value.imag != 0.0:
                    outers[COMPLEX, g] = 1
                g += 1
        for p in range(across_axes.shape[0]):
            b, d = across_axes[p]
            if d >= axis:
                continue
            for s in range(-1, 2, 2):
                for t in range(-1, 2, 2):
                    if not (moves(across[p, 0], s) and moves(across[p, 1], t)):
                        continue
                    k, m, value, inside = place[b] - s, place[d] - t, 0.0j, 0
                    if 0 <= k < n[b] and 0 <= m < n[d]:
                        inside, value = 1, sides[p, 0, s + 1, k] * sides[p, 1, t + 1, m]
                    outers[FAR, g], opens[g, r] = s * stride[b] + t * stride[d], inside
                    outer[0, g, r], outer[1, g, r] = value.real, value.imag
                    if value.imag != 0.0:
                        outers[COMPLEX, g] = 1
                    g += 1
        outer[0, base, r], outer[1, base, r], opens[base, r], found = diagonal.real, diagonal.imag, rim, g
        next_place(place, n, axis)
    row[OUTER], row[REAL_OUTER], row[REACH] = found, _number(outers, found), 0
    for g in range(found):
        outers[ROWS, g] = outers[FAR, g] // row[LENGTH]
        row[REACH] = max(row[REACH], abs(outers[ROWS, g]))


@njit(**OPTIONS)
def fill_diagonal(
    sizes, kind, axis, excluded, j, gamma, gamma_start, gamma_stride, energy, energy_start, energy_stride,
    across_axes, across, lo, n, size, to, place,
):  # fmt: skip
    """Write what is diagonal in a box and not a sum over axes: products of blocks, potentials, -1/2 of local rates.

    It does not depend on the sector.
    """
    last, inner = n.size - 1, n[n.size - 1]
    to[:, :size] = 0.0
    for l in range(kind.size):
        if kind[l] == COLLECTIVE:
            continue
        b, N, own = axis[l], sizes[axis[l]], gamma_stride[l, axis[l]]
        p_up = abs(j[l, 0, 0]) ** 2 + abs(j[l, 1, 0]) ** 2
        p_down = abs(j[l, 0, 1]) ** 2 + abs(j[l, 1, 1]) ** 2
        step = gamma_stride[l, last]
        first_place(place)
        row = 0
        while True:
            at = table_at(gamma_start[l], gamma_stride[l], lo, place)
            for q in range(inner):
                i = lo[b] + (q if b == last else place[b])
                # where no particle is up, or down, there is no table; what is read instead counts for nothing
                up, down = gamma[at + q * step - excluded[l] * own], gamma[at + q * step]
                to[1, row + q] -= 0.5 * (p_up * i * up * up + p_down * (N - i) * down * down)
            row += inner
            if not next_place(place, n, last):
                break
    for k in range(energy_start.size):
        step = energy_stride[k, last]
        first_place(place)
        row = 0
        while True:
            at = table_at(energy_start[k], energy_stride[k], lo, place)
            for q in range(inner):
                to[0, row + q] += energy[at + q * step]
            row += inner
            if not next_place(place, n, last):
                break
    for p in range(across_axes.shape[0]):
        b, d = across_axes[p]
        if not (moves(across[p, 0], 0) and moves(across[p, 1], 0)):
            continue
        first_place(place)
        row = 0
        while True:
            value = band_element(across[p, 0], 0, lo[b] + place[b], sizes[b], 0.0)
            for q in range(inner):
                k = lo[d] + (q if d == last else place[d])
                other = value * band_element(across[p, 1], 0, k, sizes[d], 0.0)
                to[0, row + q] += other.real
                to[1, row + q] += other.imag
            row += inner
            if not next_place(place, n, last):
                break


@njit(**OPTIONS)
def _cut_out(sizes, whole, lo, n, to, place):
    """Copy the diagonal of the whole grid in a box."""
    last, inner = n.size - 1, n[n.size - 1]
    first_place(place)
    row = 0
    while True:
        at = 0
        for b in range(last):
            at = (at + lo[b] + place[b]) * (sizes[b + 1] + 1)
        at += lo[last]
        for part in range(2):
            source, target = whole[part, at : at + inner], to[part, row : row + inner]
            for q in range(inner):
                target[q] = source[q]
        row += inner
        if not next_place(place, n, last):
            break


@njit(**OPTIONS)
def _fill_mixed(kind, axis, excluded, j, gamma, gamma_start, gamma_stride, mixed, c, lo, n, size, to, place):
    """Write -i/2 times the rates of local jumps between neighbours on the axis of the jump, where there are any."""
    last, inner = n.size - 1, n[n.size - 1]
    to[:, :, :size] = 0.0
    for l in range(kind.size):
        b, m, own, step = axis[l], mixed[axis[l]], gamma_stride[l, axis[l]], gamma_stride[l, last]
        if kind[l] != GENERAL or m < 0:
            continue
        p_mixed = -0.5j * (np.conj(j[l, 0, 0]) * j[l, 0, 1] + np.conj(j[l, 1, 0]) * j[l, 1, 1])
        first_place(place)
        row = 0
        while True:
            at = table_at(gamma_start[l], gamma_stride[l], lo, place)
            for q in range(inner):
                k = q if b == last else place[b]
                if k + 1 < n[b]:
                    # the one that flips leaves the same others behind: Γ_up of the state above it
                    down = gamma[at + q * step]
                    above = down if excluded[l] else gamma[at + q * step + own]
                    value = p_mixed * (down * above * c[b, k])
                    to[0, m, row + q] += value.real
                    to[1, m, row + q] += value.imag
            row += inner
            if not next_place(place, n, last):
                break


@njit(inline="always", **OPTIONS)
def fill_elements(lattice, box, elements, two_J, place, moved):
    """Write H_eff for a sector, which the box then has, in rows as they are laid.

    If the box has not ``moved``, only what depends on blocks with another J than before.
    """
    within = between = changed = moved
    first = second = False
    for b in range(two_J.size):
        if moved or box.two_J[b] != two_J[b]:
            changed = True
            first |= b == 0
            second |= b == 1
            within |= b >= elements.row[AXIS]
            between |= b < elements.row[AXIS]
            box.two_J[b] = two_J[b]
            _fill_axis(
                b, lattice.sizes[b], two_J[b], box.lo[b], box.n[b], lattice.one[b], lattice.inside_axis,
                lattice.inside, lattice.across_axes, lattice.across, elements.c[b], elements.own[b], elements.sides,
            )  # fmt: skip
    if moved and lattice.whole.size > 0:
        _cut_out(lattice.sizes, lattice.whole, box.lo, box.n, elements.diagonal, place)
    elif moved:
        fill_diagonal(
            lattice.sizes, lattice.kind, lattice.axis, lattice.excluded, lattice.j, lattice.gamma,
            lattice.gamma_start, lattice.gamma_stride, lattice.energy, lattice.energy_start, lattice.energy_stride,
            lattice.across_axes, lattice.across, box.lo, box.n, box.size[0], elements.diagonal, place,
        )  # fmt: skip
    if elements.row[PLANE] > 0:
        fill_plane(elements.own, elements.diagonal, box.n, box.size[0], elements.plane, moved, first, second)
        within = between = False
    if within:
        _fill_within(
            lattice.band, box.n, box.stride, lattice.across_axes, lattice.across, elements.own, elements.sides,
            elements.row, elements.hops, elements.hop, elements.cross,
        )  # fmt: skip
    if between:
        _fill_between(
            lattice.sizes, lattice.band, box.two_J, box.lo, box.n, box.stride, lattice.across_axes, lattice.across,
            elements.own, elements.sides, elements.row, elements.outers, elements.outer, elements.opens,
            box.size[0] // elements.row[LENGTH], place,
        )  # fmt: skip
    if within or between:
        find_neighbours(lattice, box, elements)
    if changed and elements.mixed.shape[1] > 0:
        _fill_mixed(
            lattice.kind, lattice.axis, lattice.excluded, lattice.j, lattice.gamma, lattice.gamma_start,
            lattice.gamma_stride, lattice.mixed, elements.c, box.lo, box.n, box.size[0], elements.mixed, place,
        )  # fmt: skip
