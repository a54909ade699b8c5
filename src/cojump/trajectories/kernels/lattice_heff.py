"""H_eff of several blocks of two levels in a box: its elements, and one Taylor row."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL
from .common import OPTIONS
from .lattice import AXIS, HOPS, LENGTH, LONG_ROW, band_element, first_place, gamma_row, moves, next_place


@njit(**OPTIONS)
def fill_axes(lattice, box, elements):
    """Write the bands of H_eff for the sector and the box."""
    for b in range(box.n.size):
        N, J = lattice.sizes[b], 0.5 * box.two_J[b]
        for k in range(box.n[b]):
            i = box.lo[b] + k
            M = i - 0.5 * N
            elements.c[b, k] = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
            elements.own[b, 0, k] = elements.own[b, 4, k] = 0.0
            for s in range(-1, 2):
                elements.own[b, s + 2, k] = band_element(lattice.one[b], s, i, N, J)
    for p in range(lattice.inside_axis.size):
        b = lattice.inside_axis[p]
        N, J = lattice.sizes[b], 0.5 * box.two_J[b]
        first, second = lattice.inside_first[p], lattice.inside_second[p]
        for k in range(box.n[b]):
            i = box.lo[b] + k
            for t in range(-1, 2):
                value = band_element(second, t, i, N, J)
                for s in range(-1, 2):
                    elements.own[b, s + t + 2, k] += band_element(first, s, i + t, N, J) * value
    for p in range(lattice.across_axes.shape[0]):
        for side in range(2):
            b = lattice.across_axes[p, side]
            matrix = lattice.across_first[p] if side == 0 else lattice.across_second[p]
            target = elements.left[p] if side == 0 else elements.right[p]
            for k in range(box.n[b]):
                for s in range(-1, 2):
                    target[s + 1, k] = band_element(matrix, s, box.lo[b] + k, lattice.sizes[b], 0.5 * box.two_J[b])
    fill_row(lattice, box, elements, LONG_ROW)


@njit(**OPTIONS)
def _spread(values, s, box, b, length, to_re, to_im):
    """Add what depends on the place along axis b to all of a row, where i + s is in the box; whether any is complex."""
    n, stride, is_complex = box.n[b], box.stride[b], False
    for k in range(max(-s, 0), n - max(s, 0)):
        value_re, value_im = values[k].real, values[k].imag
        is_complex |= value_im != 0.0
        for first in range(k * stride, length, n * stride):
            for p in range(first, first + stride):
                to_re[p] += value_re
            if value_im != 0.0:
                for p in range(first, first + stride):
                    to_im[p] += value_im
    return is_complex


@njit(**OPTIONS)
def _spread_product(left, s, right, t, box, b, d, length, to_re, to_im):
    """The same for a product of two axes, b < d."""
    n, stride, is_complex = box.n[b], box.stride[b], False
    for first in range(0, length, n * stride):
        for k in range(max(-s, 0), n - max(s, 0)):
            start = first + k * stride
            for inner in range(start, start + stride, box.n[d] * box.stride[d]):
                for m in range(max(-t, 0), box.n[d] - max(t, 0)):
                    value = left[k] * right[m]
                    is_complex |= value.imag != 0.0
                    begin = inner + m * box.stride[d]
                    for p in range(begin, begin + box.stride[d]):
                        to_re[p] += value.real
                        to_im[p] += value.imag
    return is_complex


@njit(**OPTIONS)
def fill_row(lattice, box, elements, long_row):
    """Write what acts within a row, as hops over fixed distances with an element for each start."""
    B = box.n.size
    axis, length = B - 1, box.n[B - 1]
    while length < long_row and axis > 0:
        axis -= 1
        length *= box.n[axis]
    own, hops = elements.own, 0
    elements.level_re[:length] = elements.level_im[:length] = 0.0
    for b in range(axis, B):
        for s in range(-lattice.band[b], lattice.band[b] + 1):
            if s == 0:
                _spread(own[b, 2], 0, box, b, length, elements.level_re, elements.level_im)
                continue
            elements.shift[hops] = s * box.stride[b]
            re, im = elements.hop_re[hops], elements.hop_im[hops]
            re[:length] = im[:length] = 0.0
            if not _spread(own[b, s + 2], s, box, b, length, re, im):
                im[0] = np.nan
            hops += 1
    for pair in range(lattice.across_axes.shape[0]):
        b, d = lattice.across_axes[pair]
        if b < axis <= d:
            for t in range(-1, 2):
                if moves(lattice.across_second[pair], t):
                    re, im = elements.cross_re[3 * pair + t + 1], elements.cross_im[3 * pair + t + 1]
                    re[:length] = im[:length] = 0.0
                    if not _spread(elements.right[pair, t + 1], t, box, d, length, re, im):
                        im[0] = np.nan
        if b < axis:
            continue
        for s in range(-1, 2):
            for t in range(-1, 2):
                if not (moves(lattice.across_first[pair], s) and moves(lattice.across_second[pair], t)):
                    continue
                first, second = elements.left[pair, s + 1], elements.right[pair, t + 1]
                if s == 0 and t == 0:
                    _spread_product(first, s, second, t, box, b, d, length, elements.level_re, elements.level_im)
                    continue
                elements.shift[hops] = s * box.stride[b] + t * box.stride[d]
                re, im = elements.hop_re[hops], elements.hop_im[hops]
                re[:length] = im[:length] = 0.0
                if not _spread_product(first, s, second, t, box, b, d, length, re, im):
                    im[0] = np.nan
                hops += 1
    elements.row[AXIS], elements.row[LENGTH], elements.row[HOPS] = axis, length, hops


@njit(**OPTIONS)
def fill_rates(lattice, box, elements, place):
    """Write the rates of the local jumps for the box; those that are diagonal do not depend on the sector."""
    B, size = box.n.size, box.size[0]
    inner = box.n[B - 1]
    elements.half_rate[:size] = 0.0
    elements.rate_up[:, :size] = 0.0
    for l in range(lattice.kind.size):
        if lattice.kind[l] == COLLECTIVE:
            continue
        b, j = lattice.axis[l], lattice.j[l]
        N = lattice.sizes[b]
        p_up = abs(j[0, 0]) ** 2 + abs(j[1, 0]) ** 2
        p_down = abs(j[0, 1]) ** 2 + abs(j[1, 1]) ** 2
        p_mixed = np.conj(j[0, 0]) * j[0, 1] + np.conj(j[1, 0]) * j[1, 1]
        excluded = lattice.excluded[l]
        first_place(place)
        row = 0
        while True:
            at, step = gamma_row(lattice, box, l, place, 0)
            own = lattice.gamma_stride[l, b]
            if lattice.kind[l] != GENERAL and step == 1 and b != B - 1:
                # one level jumps, and all of the row alike: fast, and most of the work where there are many blocks
                i, up = box.lo[b] + place[b], p_up > 0.0
                factor = 0.5 * (p_up * i if up else p_down * (N - i))
                if factor > 0.0:
                    begin = at - (excluded * own if up else 0)
                    table, to = lattice.gamma[begin : begin + inner], elements.half_rate[row : row + inner]
                    for q in range(inner):
                        to[q] += factor * table[q] * table[q]
                row += inner
                if not next_place(place, box.n, B - 1):
                    break
                continue
            for q in range(inner):
                i = box.lo[b] + (q if b == B - 1 else place[b])
                here = at + q * step
                up = down = 0.0
                if i > 0:
                    up = lattice.gamma[here - excluded * own]
                if i < N:
                    down = lattice.gamma[here]
                elements.half_rate[row + q] += 0.5 * (p_up * i * up * up + p_down * (N - i) * down * down)
                if lattice.kind[l] == GENERAL and i < N and lattice.mixed[b] >= 0:
                    # the one that flips leaves the same others behind: Γ_up of the state above it
                    above = down if excluded else lattice.gamma[here + own]
                    k = i - box.lo[b]
                    if k + 1 < box.n[b]:
                        elements.rate_up[lattice.mixed[b], row + q] += p_mixed * above * down * elements.c[b, k]
            row += inner
            if not next_place(place, box.n, B - 1):
                break


@njit(**OPTIONS)
def fill_energy(lattice, box, elements, place):
    """Write the potentials for the box: tables that do not depend on the sector."""
    if elements.energy.size == 0:
        return
    B, size = box.n.size, box.size[0]
    inner = box.n[B - 1]
    elements.energy[:size] = 0.0
    for n in range(lattice.energy_start.size):
        step = lattice.energy_stride[n, B - 1]
        first_place(place)
        row = 0
        while True:
            at = lattice.energy_start[n] + box.lo[B - 1] * step
            for b in range(B - 1):
                at += (box.lo[b] + place[b]) * lattice.energy_stride[n, b]
            for q in range(inner):
                elements.energy[row + q] += lattice.energy[at + q * step]
            row += inner
            if not next_place(place, box.n, B - 1):
                break


@njit(**OPTIONS)
def apply_lattice(rows_re, rows_im, order, lo, hi, unit, lattice, box, elements, place, shift, half_shift):
    """Taylor row order + 1: -i unit (H_eff - shift + i half_shift) row / (order + 1). Returns its squared norm."""
    scale = unit * (1.0 / (order + 1.0))
    re, im = rows_re[order, lo:hi], rows_im[order, lo:hi]
    to_re, to_im = rows_re[order + 1, lo:hi], rows_im[order + 1, lo:hi]
    outer, inner, hops = elements.row[AXIS], elements.row[LENGTH], elements.row[HOPS]
    B, P = box.n.size, lattice.across_axes.shape[0]
    own, left, right = elements.own, elements.left, elements.right
    level_re, level_im = elements.level_re[:inner], elements.level_im[:inner]
    total = 0.0
    first_place(place)
    row = 0
    while True:
        h_re, h_im = to_re[row : row + inner], to_im[row : row + inner]
        v_re, v_im = re[row : row + inner], im[row : row + inner]
        damping = elements.half_rate[row : row + inner]
        # diagonal: what the outer axes add is one number for the row
        e_re, e_im = -shift, half_shift
        for b in range(outer):
            e_re += own[b, 2, place[b]].real
            e_im += own[b, 2, place[b]].imag
        for p in range(P):
            b, d = lattice.across_axes[p]
            if d < outer:
                value = left[p, 1, place[b]] * right[p, 1, place[d]]
                e_re += value.real
                e_im += value.imag
        for q in range(inner):
            a_re, a_im = e_re + level_re[q], e_im + level_im[q] - damping[q]
            h_re[q] = a_re * v_re[q] - a_im * v_im[q]
            h_im[q] = a_re * v_im[q] + a_im * v_re[q]
        if elements.energy.size > 0:
            energy = elements.energy[row : row + inner]
            for q in range(inner):
                h_re[q] += energy[q] * v_re[q]
                h_im[q] += energy[q] * v_im[q]
        for hop in range(hops):
            _add_hop(elements.shift[hop], elements.hop_re[hop], elements.hop_im[hop], inner, v_re, v_im, h_re, h_im)
        # from other rows, and products of what moves a row and what acts within it
        for p in range(P):
            b, d = lattice.across_axes[p]
            if b < outer <= d:
                _within_row(left[p, 1, place[b]], p, lattice, d, box, elements, inner, v_re, v_im, h_re, h_im)
        for b in range(outer):
            for s in range(-lattice.band[b], lattice.band[b] + 1):
                k = place[b] - s
                if s == 0 or k < 0 or k >= box.n[b]:
                    continue
                source = row - s * box.stride[b]
                w_re, w_im = re[source : source + inner], im[source : source + inner]
                factor = own[b, s + 2, k]
                if abs(s) == 1:
                    for p in range(P):
                        a, d = lattice.across_axes[p]
                        if a == b and d >= outer:
                            value = left[p, s + 1, k]
                            _within_row(value, p, lattice, d, box, elements, inner, w_re, w_im, h_re, h_im)
                        elif a == b:
                            factor += left[p, s + 1, k] * right[p, 1, place[d]]
                        elif d == b:
                            factor += left[p, 1, place[a]] * right[p, s + 1, k]
                _add_row(factor, inner, w_re, w_im, h_re, h_im)
        for p in range(P):
            b, d = lattice.across_axes[p]
            if d >= outer:
                continue
            for s in range(-1, 2, 2):
                k = place[b] - s
                if k < 0 or k >= box.n[b]:
                    continue
                for t in range(-1, 2, 2):
                    m = place[d] - t
                    if m < 0 or m >= box.n[d]:
                        continue
                    source = row - s * box.stride[b] - t * box.stride[d]
                    factor = left[p, s + 1, k] * right[p, t + 1, m]
                    _add_row(factor, inner, re[source : source + inner], im[source : source + inner], h_re, h_im)
        # rates that are not diagonal: -i/2 R
        for b in range(B):
            if lattice.mixed[b] >= 0:
                _add_mixed(elements.rate_up[lattice.mixed[b]], box.stride[b], row, inner, re, im, h_re, h_im)
        for q in range(inner):
            x, y = scale * h_im[q], -scale * h_re[q]
            h_re[q] = x
            h_im[q] = y
            total += x * x + y * y
        row += inner
        if not next_place(place, box.n, outer):
            break
    return total


@njit(inline="always", **OPTIONS)
def _add_hop(shift, a_re, a_im, inner, v_re, v_im, h_re, h_im):
    """Add a hop within a row."""
    first, count = max(-shift, 0), inner - abs(shift)
    if count <= 0:
        return
    f_re, f_im = a_re[first : first + count], a_im[first : first + count]
    w_re, w_im = v_re[first : first + count], v_im[first : first + count]
    g_re, g_im = h_re[first + shift : first + shift + count], h_im[first + shift : first + shift + count]
    if np.isnan(a_im[0]):
        for q in range(count):
            g_re[q] += f_re[q] * w_re[q]
            g_im[q] += f_re[q] * w_im[q]
        return
    for q in range(count):
        g_re[q] += f_re[q] * w_re[q] - f_im[q] * w_im[q]
        g_im[q] += f_re[q] * w_im[q] + f_im[q] * w_re[q]


@njit(inline="always", **OPTIONS)
def _add_row(factor, inner, w_re, w_im, h_re, h_im):
    f_re, f_im = factor.real, factor.imag
    if f_im == 0.0:
        if f_re != 0.0:
            for q in range(inner):
                h_re[q] += f_re * w_re[q]
                h_im[q] += f_re * w_im[q]
        return
    for q in range(inner):
        h_re[q] += f_re * w_re[q] - f_im * w_im[q]
        h_im[q] += f_re * w_im[q] + f_im * w_re[q]


@njit(inline="always", **OPTIONS)
def _within_row(factor, p, lattice, d, box, elements, inner, w_re, w_im, h_re, h_im):
    """Add factor · (the second operator of product p, on axis d, which is in the row) · row."""
    f_re, f_im = factor.real, factor.imag
    if f_re == 0.0 and f_im == 0.0:
        return
    for t in range(-1, 2):
        if not moves(lattice.across_second[p], t):
            continue
        shift, c_re, c_im = t * box.stride[d], elements.cross_re[3 * p + t + 1], elements.cross_im[3 * p + t + 1]
        first, last = max(-shift, 0), inner - max(shift, 0)
        if np.isnan(c_im[0]):
            for q in range(first, last):
                a_re, a_im = f_re * c_re[q], f_im * c_re[q]
                h_re[q + shift] += a_re * w_re[q] - a_im * w_im[q]
                h_im[q + shift] += a_re * w_im[q] + a_im * w_re[q]
        else:
            for q in range(first, last):
                a_re, a_im = f_re * c_re[q] - f_im * c_im[q], f_re * c_im[q] + f_im * c_re[q]
                h_re[q + shift] += a_re * w_re[q] - a_im * w_im[q]
                h_im[q + shift] += a_re * w_im[q] + a_im * w_re[q]


@njit(**OPTIONS)
def _add_mixed(rate_up, stride, row, inner, re, im, h_re, h_im):
    """Add -i/2 times the off-diagonal rates on an axis, for one row; they vanish where they would leave the box."""
    for q in range(max(stride - row, 0), inner):  # from below
        p = row + q - stride
        value = rate_up[p]
        h_re[q] += 0.5 * (value.real * im[p] + value.imag * re[p])
        h_im[q] -= 0.5 * (value.real * re[p] - value.imag * im[p])
    for q in range(min(inner, re.size - stride - row)):  # from above, with the conjugate
        p = row + q + stride
        value = rate_up[row + q]
        h_re[q] += 0.5 * (value.real * im[p] - value.imag * re[p])
        h_im[q] -= 0.5 * (value.real * re[p] + value.imag * im[p])
