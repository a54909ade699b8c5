"""Several blocks of two levels at once: a state on a box of ⊗_b V_{J_b}, the axes i_b = 0..N_b particles up.

What is diagonal depends on the i_b alone, not on the sectors, so that tables of Γ serve all of them; the rest are bands
c_J(i) along an axis in closed form. The last axis lies close together in memory: inner loops run along it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN
from .common import NO_JUMP, NO_NUMBER, OPTIONS
from .jump import sector_factors

Integers = NDArray[np.int64]
Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

UP, DOWN = 0, 1

STAYS, MOVED, NO_ROOM = range(3)
"""What a state has done to its box."""


class Lattice(NamedTuple):
    """A model of B blocks of two levels whose arguments are all diagonal; L jumps, P products across two blocks.

    Attributes
    ----------
    sizes : (B,)
        N_b.
    one : (B, 2, 2)
        One-body part of H of each block.
    inside_axis, inside_first, inside_second : (I,), (I, 2, 2), (I, 2, 2)
        Products of two collective operators of one block in H_eff; the factor is in the first.
    across_axes, across_first, across_second : (P, 2), (P, 2, 2), (P, 2, 2)
        The same of two blocks, the one of lower number first.
    band : (B,)
        How far H_eff moves a state along each axis.
    kind, axis, strength, j : (L,), (L,), (L,), (L, 2, 2)
        Jumps: LADDER_DOWN, LADDER_UP, GENERAL or COLLECTIVE; the block, |j|² of a ladder, and the matrix.
    excluded : (L,)
        1 where Γ is that of the other particles, and its table along the own axis counts those.
    gamma, gamma_start, gamma_stride : (.,), (L,), (L, B)
        Tables of Γ one after the other; a stride is 0 along an axis on which Γ does not depend.
    y : (L, B, 2, 2)
        Matrices of collective jumps, sqrt(rate/N) included.
    mixed : (B,)
        Number among those of all blocks with jumps whose rate operator is not diagonal, or -1.
    """

    sizes: Integers
    one: Complex
    inside_axis: Integers
    inside_first: Complex
    inside_second: Complex
    across_axes: Integers
    across_first: Complex
    across_second: Complex
    band: Integers
    kind: Integers
    axis: Integers
    strength: Floats
    j: Complex
    excluded: Integers
    gamma: Floats
    gamma_start: Integers
    gamma_stride: Integers
    y: Complex
    mixed: Integers


class Box(NamedTuple):
    """Where a state lies; everything is written in place.

    Attributes
    ----------
    two_J : (B,)
    lo, n, stride : (B,)
        First i_b, number of them, and distance in memory of two neighbours along the axis.
    size : (1,)
        Number of amplitudes.
    """

    two_J: Integers
    lo: Integers
    n: Integers
    stride: Integers
    size: Integers


class Elements(NamedTuple):
    """H_eff in a box of a sector. Its last axes make a row, long enough for a loop over it to be fast.

    Attributes
    ----------
    c : (B, n)
        c_J(i) = <i+1|J_+|i> on each axis.
    own : (B, 5, n)
        <i+s|.|i>, s = -2..2, of all that acts on one axis.
    left, right : (P, 3, n)
        The same, s = -1..1, of the two factors of each product across blocks.
    row : (3,)
        First axis of the row, its length, and how many hops there are within it.
    shift : (H,)
        Distance in memory that a hop within a row goes.
    hop_re, hop_im : (H, cells)
        Its elements, by where it starts; zero where it would leave the box. A first imaginary part of NaN says that
        all elements are real.
    cross_re, cross_im : (3 P, cells)
        The same of the second factors of products whose first one moves whole rows, three for each: s = -1, 0, 1.
    level_re, level_im : (cells,)
        Diagonal of what acts within a row.
    half_rate : (cells,)
        Half the diagonal of the rates of local jumps.
    rate_up : (K, cells)
        <i+1|.|i> of the rate operators of the jumps on a block, for each block where they are not diagonal; zero where
        i + 1 is not in the box.
    """

    c: Floats
    own: Complex
    left: Complex
    right: Complex
    row: Integers
    shift: Integers
    hop_re: Floats
    hop_im: Floats
    cross_re: Floats
    cross_im: Floats
    level_re: Floats
    level_im: Floats
    half_rate: Floats
    rate_up: Complex


class LatticeHeff(NamedTuple):
    """H_eff of a box of a sector of several blocks of two levels, as a no-jump step reads it."""

    has_jumps: bool
    lattice: Lattice
    box: Box
    elements: Elements
    place: Integers


LONG_ROW = 1000
"""Amplitudes from which on a row is long enough."""

AXIS, LENGTH, HOPS = range(3)
"""Slots of ``Elements.row``."""


@njit(**OPTIONS)
def band_element(matrix, s, i, N, J):
    """<i+s| Σ_k matrix^(k) |i> in the sector J of N particles."""
    if s == 0:
        return matrix[UP, UP] * i + matrix[DOWN, DOWN] * (N - i)
    M = i - 0.5 * N
    if s == 1:
        return matrix[UP, DOWN] * np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
    return matrix[DOWN, UP] * np.sqrt(max((J + M) * (J - M + 1.0), 0.0))


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
                if _moves(lattice.across_second[pair], t):
                    re, im = elements.cross_re[3 * pair + t + 1], elements.cross_im[3 * pair + t + 1]
                    re[:length] = im[:length] = 0.0
                    if not _spread(elements.right[pair, t + 1], t, box, d, length, re, im):
                        im[0] = np.nan
        if b < axis:
            continue
        for s in range(-1, 2):
            for t in range(-1, 2):
                if not (_moves(lattice.across_first[pair], s) and _moves(lattice.across_second[pair], t)):
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


@njit(inline="always", **OPTIONS)
def _moves(matrix, s):
    """Whether a collective operator has elements from i to i + s."""
    if s == 0:
        return matrix[UP, UP] != 0.0 or matrix[DOWN, DOWN] != 0.0
    return matrix[UP, DOWN] != 0.0 if s == 1 else matrix[DOWN, UP] != 0.0


@njit(inline="always", **OPTIONS)
def copy_into(to, values):
    """Copy one short array into another; an assignment of numba's would allocate one for the case that they overlap."""
    for n in range(values.size):
        to[n] = values[n]


@njit(inline="always", **OPTIONS)
def _first(place):
    place[:] = 0


@njit(inline="always", **OPTIONS)
def _next(place, n, axes):
    """Go on to the next place on the first ``axes`` axes; False behind the last."""
    for b in range(axes - 1, -1, -1):
        place[b] += 1
        if place[b] < n[b]:
            return True
        place[b] = 0
    return False


@njit(inline="always", **OPTIONS)
def _gamma_row(lattice, box, l, place, shift):
    """Where Γ of jump l is in its tables at the first state of a row, and its stride along the row.

    ``shift`` is added to the number of particles up on the jump's own axis.
    """
    B = box.n.size
    at = lattice.gamma_start[l] + shift * lattice.gamma_stride[l, lattice.axis[l]]
    for b in range(B - 1):
        at += (box.lo[b] + place[b]) * lattice.gamma_stride[l, b]
    return at + box.lo[B - 1] * lattice.gamma_stride[l, B - 1], lattice.gamma_stride[l, B - 1]


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
        _first(place)
        row = 0
        while True:
            at, step = _gamma_row(lattice, box, l, place, 0)
            own = lattice.gamma_stride[l, b]
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
            if not _next(place, box.n, B - 1):
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
    _first(place)
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
        if not _next(place, box.n, outer):
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
        if not _moves(lattice.across_second[p], t):
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


# ---- jumps -------------------------------------------------------------------------------------------


@njit(**OPTIONS)
def channel_weights(lattice, box, elements, place, re, im, weight, new_re, new_im, weights):
    """<rate operator> of every jump, unnormalised; ``weight`` and ``new`` are room to work in."""
    B, size = box.n.size, box.size[0]
    inner, last = box.n[B - 1], B - 1
    for p in range(size):
        weight[p] = re[p] * re[p] + im[p] * im[p]
    for l in range(lattice.kind.size):
        if lattice.kind[l] == COLLECTIVE:
            weights[l] = collective_jump(lattice.y[l], lattice, box, elements, place, re, im, new_re, new_im)
            continue
        b, j, excluded = lattice.axis[l], lattice.j[l], lattice.excluded[l]
        N, own = lattice.sizes[b], lattice.gamma_stride[l, lattice.axis[l]]
        p_up = abs(j[0, 0]) ** 2 + abs(j[1, 0]) ** 2
        p_down = abs(j[0, 1]) ** 2 + abs(j[1, 1]) ** 2
        p_mixed = np.conj(j[0, 0]) * j[0, 1] + np.conj(j[1, 0]) * j[1, 1]
        total = 0.0
        _first(place)
        row = 0
        while True:
            at, step = _gamma_row(lattice, box, l, place, 0)
            if lattice.kind[l] != GENERAL:
                # one level jumps: Γ beside it, from the first state of the row that has such a particle
                up = p_up > 0.0
                strength = p_up if up else p_down
                start = at - (excluded * own if up else 0)
                if b != last:
                    i = box.lo[b] + place[b]
                    count = i if up else N - i
                    if count > 0:
                        inside = 0.0
                        for q in range(inner):
                            g = lattice.gamma[start + q * step]
                            inside += weight[row + q] * g * g
                        total += strength * count * inside
                else:
                    q0 = 1 if up and box.lo[b] == 0 else 0
                    q1 = inner - 1 if not up and box.lo[b] + inner - 1 == N else inner
                    inside = 0.0
                    for q in range(q0, q1):
                        i = box.lo[b] + q
                        g = lattice.gamma[start + q * step]
                        inside += weight[row + q] * g * g * (i if up else N - i)
                    total += strength * inside
            else:
                stride = box.stride[b]
                for q in range(inner):
                    k = q if b == last else place[b]
                    i = box.lo[b] + k
                    here, p = at + q * step, row + q
                    g_up = lattice.gamma[here - excluded * own] if i > 0 else 0.0
                    g_down = lattice.gamma[here] if i < N else 0.0
                    total += weight[p] * (p_up * i * g_up * g_up + p_down * (N - i) * g_down * g_down)
                    if k + 1 < box.n[b]:
                        above = g_down if excluded else lattice.gamma[here + own]
                        flip_re = re[p + stride] * re[p] + im[p + stride] * im[p]
                        flip_im = re[p + stride] * im[p] - im[p + stride] * re[p]
                        factor = 2.0 * elements.c[b, k] * above * g_down
                        total += factor * (p_mixed.real * flip_re - p_mixed.imag * flip_im)
            row += inner
            if not _next(place, box.n, last):
                break
        weights[l] = 0.0 if total < 0.0 else total  # written so that NaN stays NaN


@njit(**OPTIONS)
def collective_jump(y, lattice, box, elements, place, re, im, to_re, to_im):
    """L ψ within the box, unnormalised; returns |Lψ|². What would leave the box weighs less than its tails."""
    B = box.n.size
    last, inner = B - 1, box.n[B - 1]
    norm2 = 0.0
    _first(place)
    row = 0
    while True:
        for q in range(inner):
            p = row + q
            x_re = x_im = 0.0
            for b in range(B):
                k = q if b == last else place[b]
                i, N, stride = box.lo[b] + k, lattice.sizes[b], box.stride[b]
                value = y[b, UP, UP] * i + y[b, DOWN, DOWN] * (N - i)
                x_re += value.real * re[p] - value.imag * im[p]
                x_im += value.real * im[p] + value.imag * re[p]
                if k > 0:
                    value = y[b, UP, DOWN] * elements.c[b, k - 1]
                    x_re += value.real * re[p - stride] - value.imag * im[p - stride]
                    x_im += value.real * im[p - stride] + value.imag * re[p - stride]
                if k < box.n[b] - 1:
                    value = y[b, DOWN, UP] * elements.c[b, k]
                    x_re += value.real * re[p + stride] - value.imag * im[p + stride]
                    x_im += value.real * im[p + stride] + value.imag * re[p + stride]
            to_re[p] = x_re
            to_im[p] = x_im
            norm2 += x_re * x_re + x_im * x_im
        row += inner
        if not _next(place, box.n, last):
            break
    return norm2


@njit(inline="always", **OPTIONS)
def _ladder_factors(outcome, J):
    """x, r, y, s of the factors (x + r M)(y + s M) of a ladder jump to J, J - 1, J + 1, see ladder_jump."""
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    return x, r, y, s


@njit(**OPTIONS)
def ladder_jump(lattice, box, place, l, left, re, im, to_re, to_im):
    """Outcome J, J - 1 or J + 1 of a ladder jump by its weight, and the state after it, not normalised, in its cells.

    Returns 2J' and the move of i along the axis; a move of 0 where no outcome is possible.
    """
    B, b = box.n.size, lattice.axis[l]
    last, inner, N = B - 1, box.n[B - 1], lattice.sizes[lattice.axis[l]]
    J, down, own = 0.5 * box.two_J[b], lattice.kind[l] == LADDER_DOWN, lattice.gamma_stride[l, b]
    sign = 1.0 if down else -1.0
    shift = -1 if down and lattice.excluded[l] else 0
    same = lower = higher = 0.0
    _first(place)
    row = 0
    while True:
        at, step = _gamma_row(lattice, box, l, place, 0)
        at += shift * own
        for q in range(inner):
            i = box.lo[b] + (q if b == last else place[b])
            g = 0.0
            if (i > 0) if down else (i < N):
                g = lattice.gamma[at + q * step]
            x, y = g * re[row + q], g * im[row + q]
            to_re[row + q] = x
            to_im[row + q] = y
            M = sign * (i - 0.5 * N)
            a, c, weight = J + M, J - M + 1.0, x * x + y * y
            same += weight * a * c
            lower += weight * a * (a - 1.0)
            higher += weight * c * (c + 1.0)
        row += inner
        if not _next(place, box.n, last):
            break
    # as for any j: first the others in J - ½ (to J - 1 or J), then in J + ½ (to J or J + 1); to J they add up
    _, f, g = sector_factors(N, box.two_J[b])
    left /= lattice.strength[l]
    outcome = -1
    for k in range(4):
        weight = (f if k < 2 else g) * (lower if k == 0 else (higher if k == 3 else same))
        if weight > 0.0:
            outcome = 1 if k == 0 else (2 if k == 3 else 0)
            if left < weight:
                break
            left -= weight
    if outcome < 0:
        return box.two_J[b], 0
    x, r, y, s = _ladder_factors(outcome, J)
    inside = box.stride[b]
    for p in range(box.size[0]):
        M = sign * (box.lo[b] + (p // inside) % box.n[b] - 0.5 * N)
        amplitude = np.sqrt(max((x + r * M) * (y + s * M), 0.0))
        to_re[p] *= amplitude
        to_im[p] *= amplitude
    return box.two_J[b] + (-2 if outcome == 1 else (2 if outcome == 2 else 0)), (-1 if down else 1)


@njit(**OPTIONS)
def _take_out(lattice, box, place, l, high, re, im, rest_re, rest_im):
    """sqrt(N f_μ/f_λ) C_λ^μ Γψ for μ = J - ½, or J + ½ if ``high``; row 0: particle up, row 1: down.

    Along the axis of the jump ``rest`` has one state more than the box, the first with lo - 1 of the others up.
    """
    B, b = box.n.size, lattice.axis[l]
    last, inner, N = B - 1, box.n[B - 1], lattice.sizes[lattice.axis[l]]
    n, inside, own = box.n[b], box.stride[b], lattice.gamma_stride[l, b]
    J, excluded = 0.5 * box.two_J[b], lattice.excluded[l]
    share = (0.5 * N - J if high else 0.5 * N + J + 1.0) / (2.0 * J + 1.0)
    outer = box.size[0] // (n * inside)
    for o in range(outer):
        for q in range(inside):
            rest_re[0, (o * (n + 1) + n) * inside + q] = rest_im[0, (o * (n + 1) + n) * inside + q] = 0.0
            rest_re[1, o * (n + 1) * inside + q] = rest_im[1, o * (n + 1) * inside + q] = 0.0
    _first(place)
    row = 0
    while True:
        at, step = _gamma_row(lattice, box, l, place, 0)
        for q in range(inner):
            p = row + q
            k = (p // inside) % n
            i = box.lo[b] + k
            M = i - 0.5 * N
            up = J + 1.0 - M if high else J + M
            down = J + 1.0 + M if high else J - M
            up = (-1.0 if high else 1.0) * np.sqrt(max(share * up, 0.0))
            down = np.sqrt(max(share * down, 0.0))
            up = up * lattice.gamma[at + q * step - excluded * own] if i > 0 else 0.0
            down = down * lattice.gamma[at + q * step] if i < N else 0.0
            to = (p // (n * inside) * (n + 1) + k) * inside + p % inside
            rest_re[0, to] = up * re[p]
            rest_im[0, to] = up * im[p]
            rest_re[1, to + inside] = down * re[p]
            rest_im[1, to + inside] = down * im[p]
        row += inner
        if not _next(place, box.n, last):
            break


@njit(**OPTIONS)
def general_jump(lattice, box, place, l, outcome, re, im, rest_re, rest_im, to_re, to_im):
    """Kraus operator (μ, J') of any j applied to ψ, unnormalised: 2J' and its weight |Kψ|².

    Outcomes 0: (J-½, J), 1: (J-½, J-1), 2: (J+½, J), 3: (J+½, J+1); the weight of an impossible one is 0. Along the
    axis of the jump the state after it has two cells more than the box, one on each side.
    """
    b = lattice.axis[l]
    N, two_J, n, inside = lattice.sizes[b], box.two_J[b], box.n[b], box.stride[b]
    high = outcome >= 2
    new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 3 else 0))
    if (high and two_J == N) or (not high and two_J == 0) or new_two_J < 0:
        return two_J, 0.0
    _take_out(lattice, box, place, l, high, re, im, rest_re, rest_im)
    j = lattice.j[l]
    outer = box.size[0] // (n * inside)
    for p in range(outer * (n + 1) * inside):
        up = complex(rest_re[0, p], rest_im[0, p])
        down = complex(rest_re[1, p], rest_im[1, p])
        first, second = j[0, 0] * up + j[0, 1] * down, j[1, 0] * up + j[1, 1] * down
        rest_re[0, p], rest_im[0, p] = first.real, first.imag
        rest_re[1, p], rest_im[1, p] = second.real, second.imag
    J = 0.5 * new_two_J
    two_mu = two_J + 1 if high else two_J - 1
    from_high = two_mu > new_two_J  # μ = J' + ½
    below = 1.0 / (2.0 * J) if new_two_J > 0 else 0.0
    norm2 = 0.0
    for o in range(outer):
        for k in range(n + 2):
            M = box.lo[b] - 1 + k - 0.5 * N
            up = down = 0.0
            if abs(M) <= J:
                if from_high:
                    up = -np.sqrt(max((J + 1.0 - M) / (2.0 * J + 2.0), 0.0))
                    down = np.sqrt(max((J + 1.0 + M) / (2.0 * J + 2.0), 0.0))
                else:
                    up = np.sqrt(max((J + M) * below, 0.0))
                    down = np.sqrt(max((J - M) * below, 0.0))
            to = (o * (n + 2) + k) * inside
            one_less, as_many = (o * (n + 1) + k - 1) * inside, (o * (n + 1) + k) * inside
            for q in range(inside):
                x = y = 0.0
                if k > 0:
                    x += up * rest_re[0, one_less + q]
                    y += up * rest_im[0, one_less + q]
                if k <= n:
                    x += down * rest_re[1, as_many + q]
                    y += down * rest_im[1, as_many + q]
                to_re[to + q] = x
                to_im[to + q] = y
                norm2 += x * x + y * y
    return new_two_J, norm2


@njit(**OPTIONS)
def set_strides(box):
    """Write strides and size from the numbers of states along the axes."""
    stride = 1
    for b in range(box.n.size - 1, -1, -1):
        box.stride[b] = stride
        stride *= box.n[b]
    box.size[0] = stride


@njit(**OPTIONS)
def perform_jump(lattice, box, elements, place, after, re, im, rest_re, rest_im, to_re, to_im, weight, weights, u):
    """Jump from ``box`` to ``after``, not normalised; its number, NO_JUMP, or NO_NUMBER."""
    channel_weights(lattice, box, elements, place, re, im, weight, to_re, to_im, weights)
    total = 0.0
    for l in range(weights.size):
        total += weights[l]
    if not total < np.inf:
        return NO_NUMBER
    left, chosen = u * total, -1
    for l in range(weights.size):
        if weights[l] > 0.0:
            chosen = l
            if left < weights[l]:
                break
            left -= weights[l]
    if chosen < 0:
        return NO_JUMP
    copy_into(after.two_J, box.two_J)
    copy_into(after.lo, box.lo)
    copy_into(after.n, box.n)
    b = lattice.axis[chosen]
    if lattice.kind[chosen] == COLLECTIVE:
        collective_jump(lattice.y[chosen], lattice, box, elements, place, re, im, to_re, to_im)
    elif lattice.kind[chosen] == GENERAL:
        possible, found = -1, False
        two_J = box.two_J[b]
        for outcome in (1, 0, 2, 3):
            two_J, norm2 = general_jump(lattice, box, place, chosen, outcome, re, im, rest_re, rest_im, to_re, to_im)
            if norm2 > 0.0:
                possible = outcome
                if left < norm2:
                    found = True
                    break
                left -= norm2
        if possible < 0:
            return NO_JUMP
        if not found:  # rounding: keep the last possible one
            two_J, _ = general_jump(lattice, box, place, chosen, possible, re, im, rest_re, rest_im, to_re, to_im)
        after.two_J[b] = two_J
        after.lo[b] -= 1
        after.n[b] += 2
    else:
        two_J, move = ladder_jump(lattice, box, place, chosen, left, re, im, to_re, to_im)
        if move == 0:
            return NO_JUMP
        after.two_J[b] = two_J
        after.lo[b] += move
    set_strides(after)
    return chosen


# ---- where a state lies ------------------------------------------------------------------------------


@njit(**OPTIONS)
def fit(lattice, source, re, im, box, to_re, to_im, place, marginal, edges, tail, reach):
    """Cut the tails of a state and write it, normalised, into a box that ``reach`` orders of the series do not leave.

    The box stays as it is if it serves and is not much too large. Returns STAYS, MOVED, or NO_ROOM: then nothing is
    written, and ``box`` says how large it would be.

    Parameters
    ----------
    source : Box
        Where the state lies; its sector becomes that of ``box``.
    marginal, edges : (B, n), (B, 2)
        Room to work in.
    tail : float
        Part of the weight that may be cut on each side of an axis.
    reach : int
        Orders of the Taylor series.
    """
    B = box.n.size
    last, inner = B - 1, source.n[B - 1]
    for b in range(B):
        for k in range(source.n[b]):
            marginal[b, k] = 0.0
    _first(place)
    row, total = 0, 0.0
    while True:
        weight = 0.0
        for q in range(inner):
            w = re[row + q] * re[row + q] + im[row + q] * im[row + q]
            marginal[last, q] += w
            weight += w
        for b in range(last):
            marginal[b, place[b]] += weight
        total += weight
        row += inner
        if not _next(place, source.n, last):
            break
    stays = True
    for b in range(B):
        lo, hi = 0, source.n[b]
        cut = marginal[b, lo]
        while cut <= tail * total and hi - lo > 1:
            lo += 1
            cut += marginal[b, lo]
        cut = marginal[b, hi - 1]
        while cut <= tail * total and hi - lo > 1:
            hi -= 1
            cut += marginal[b, hi - 1]
        edges[b, 0], edges[b, 1] = source.lo[b] + lo, source.lo[b] + hi
        N, two_J = lattice.sizes[b], source.two_J[b]
        first, stop = (N - two_J) // 2, (N + two_J) // 2 + 1
        far = max(reach * lattice.band[b], 1)  # averages and jumps reach one further than the state
        wanted_lo, wanted_hi = max(edges[b, 0] - far, first), min(edges[b, 1] + far, stop)
        spare = 2 * lattice.band[b]
        if (
            box.lo[b] > wanted_lo
            or box.lo[b] + box.n[b] < wanted_hi
            or box.n[b] > wanted_hi - wanted_lo + 3 * spare + 1
        ):
            stays = False
    if not stays:
        for b in range(B):
            N = lattice.sizes[b]
            first, stop = (N - source.two_J[b]) // 2, (N + source.two_J[b]) // 2 + 1
            far = max((reach + 2) * lattice.band[b], 1)
            lo, hi = max(edges[b, 0] - far, first), min(edges[b, 1] + far, stop)
            box.lo[b], box.n[b] = lo, hi - lo
        set_strides(box)
    copy_into(box.two_J, source.two_J)
    if box.size[0] > to_re.size:
        return NO_ROOM
    # what is kept, and zero elsewhere
    _first(place)
    row, kept = 0, 0.0
    inner = box.n[last]
    q0, q1 = edges[last, 0] - box.lo[last], edges[last, 1] - box.lo[last]
    while True:
        inside, start = True, box.lo[last] - source.lo[last]
        for b in range(last):
            i = box.lo[b] + place[b]
            if i < edges[b, 0] or i >= edges[b, 1]:
                inside = False
                break
            start += (i - source.lo[b]) * source.stride[b]
        if inside:
            for q in range(inner):
                x = y = 0.0
                if q0 <= q < q1:
                    x, y = re[start + q], im[start + q]
                to_re[row + q] = x
                to_im[row + q] = y
                kept += x * x + y * y
        else:
            for q in range(inner):
                to_re[row + q] = to_im[row + q] = 0.0
        row += inner
        if not _next(place, box.n, last):
            break
    scale = 1.0 / np.sqrt(kept)
    for p in range(box.size[0]):
        to_re[p] *= scale
        to_im[p] *= scale
    return STAYS if stays else MOVED


@njit(**OPTIONS)
def gram(box, elements, re, im, vectors, norm2, made):
    """Inner products of ψ, n ψ, J_+ ψ, J_- ψ of every block, (1 + 3B, 1 + 3B), of an unnormalised state."""
    B, size = box.n.size, box.size[0]
    for p in range(size):
        vectors[0, p] = complex(re[p], im[p])
    for b in range(B):
        n, inside, c = box.n[b], box.stride[b], elements.c[b]
        for block in range(size // (n * inside)):
            for k in range(n):
                first = (block * n + k) * inside
                i = box.lo[b] + k
                for p in range(first, first + inside):
                    vectors[1 + 3 * b, p] = i * vectors[0, p]
                    vectors[2 + 3 * b, p] = c[k - 1] * vectors[0, p - inside] if k > 0 else 0.0j
                    vectors[3 + 3 * b, p] = c[k] * vectors[0, p + inside] if k < n - 1 else 0.0j
    for a in range(1 + 3 * B):
        for b in range(a, 1 + 3 * B):
            total = 0.0j
            for p in range(size):
                total += np.conj(vectors[a, p]) * vectors[b, p]
            made[a, b] = total / norm2
            made[b, a] = np.conj(made[a, b])
