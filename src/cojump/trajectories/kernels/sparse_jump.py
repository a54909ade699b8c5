"""Jumps of a state that is a list of occupied basis states: a particle is taken out, moved, and put back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import NO_JUMP, NO_NUMBER, OPTIONS
from .driven_rates import rate_factor
from .jump import choose_channel
from .sparse import ALL_REAL, NOTHING, RATES, UNKNOWN

NO_MATRIX = -3
"""In place of a channel: a matrix is needed that is still to be made."""


@njit(**OPTIONS)
def level_bits(levels):
    """Bits of a number that hold a level."""
    bits = 0
    while (1 << bits) < levels:
        bits += 1
    return bits


@by_reference
class Heap(NamedTuple):
    """Amplitudes that are not all zero, in any order, with A of them at each place.

    Attributes
    ----------
    filled : (1,)
        Number of places.
    place : (cells,)
        They.
    there : (cells,)
        1 for each of them.
    x : (cells, A, 2)
        Their real and imaginary parts by place; zero elsewhere.
    """

    filled: NDArray[np.int64]
    place: NDArray[np.int64]
    there: NDArray[np.int8]
    x: NDArray[np.float64]


@njit(**OPTIONS)
def element(matrices, matrix, k):
    """An element of a matrix."""
    beyond = matrices.imaginary[matrix]
    return complex(matrices.re[k], 0.0 if beyond == ALL_REAL else matrices.im[k + beyond])


@njit(**OPTIONS)
def clear(heap):
    """An empty heap again."""
    for n in range(heap.filled[0]):
        p = heap.place[n]
        heap.there[p] = 0
        for a in range(heap.x.shape[1]):
            heap.x[p, a, 0] = 0.0
            heap.x[p, a, 1] = 0.0
    heap.filled[0] = 0


@njit(inline="always", **OPTIONS)
def put(heap, p, a, re, im):
    """Add to what lies at a place of a heap."""
    if heap.there[p] == 0:
        heap.there[p] = 1
        heap.place[heap.filled[0]] = p
        heap.filled[0] += 1
    heap.x[p, a, 0] += re
    heap.x[p, a, 1] += im


@njit(**OPTIONS)
def weight_of(heap):
    """Squared norm of a heap."""
    total = 0.0
    for n in range(heap.filled[0]):
        p = heap.place[n]
        for a in range(heap.x.shape[1]):
            total += heap.x[p, a, 0] ** 2 + heap.x[p, a, 1] ** 2
    return total


@njit(**OPTIONS)
def by_columns(matrices, matrix, heap, to):
    """A matrix, given by its columns, times a state in a heap."""
    row = matrices.row[matrix]
    clear(to)
    for n in range(heap.filled[0]):
        p = heap.place[n]
        a, b, start = heap.x[p, 0, 0], heap.x[p, 0, 1], matrices.first[row + p]
        for k in range(start, start + matrices.length[row + p]):
            v = element(matrices, matrix, k)
            put(to, matrices.column[k], 0, v.real * a - v.imag * b, v.real * b + v.imag * a)


@njit(**OPTIONS)
def gather_state(occupied, re, im, least, heap):
    """Make a heap of the amplitudes in the slots whose weight is above ``least``, from ``re`` and ``im`` by slot."""
    clear(heap)
    state, place, there, x, filled = occupied.state, heap.place, heap.there, heap.x, 0
    for s in range(occupied.slots[2]):
        if re[s] * re[s] + im[s] * im[s] > least:
            p = state[s]
            place[filled], there[p], x[p, 0, 0], x[p, 0, 1] = p, 1, re[s], im[s]
            filled += 1
    heap.filled[0] = filled


@njit(**OPTIONS)
def channel_weights(h_eff, room, weights):
    """<rate operator> of every jump, unnormalised, of the state in ``room.now``."""
    sectors, matrices, jumps, here = h_eff.sectors, h_eff.matrices, h_eff.jumps, h_eff.occupied.slots[0]
    facts0, L, now = sectors.facts_at[here], weights.size, room.now
    for l in range(L):
        weights[l] = 0.0
    for n in range(now.filled[0]):
        p = now.place[n]
        weight = now.x[p, 0, 0] ** 2 + now.x[p, 0, 1] ** 2
        facts = sectors.facts[facts0 + p]
        for l in range(L):
            weights[l] += weight * facts[RATES + l]
    for l in range(L):
        upper = sectors.upper[here, l]
        if jumps.axis[l] < 0:
            by_columns(matrices, sectors.collective[here, l], now, room.after)
            weights[l] = weight_of(room.after)
        elif upper >= 0:
            row, total = matrices.row[upper], 0.0
            for n in range(now.filled[0]):
                p = now.place[n]
                start = matrices.first[row + p]
                for k in range(start, start + matrices.length[row + p]):
                    q = matrices.column[k]
                    v = element(matrices, upper, k) * complex(now.x[q, 0, 0], now.x[q, 0, 1])
                    total += now.x[p, 0, 0] * v.real + now.x[p, 0, 1] * v.imag
            weights[l] += 2.0 * total
        if weights[l] < 0.0:
            weights[l] = 0.0


@njit(inline="always", **OPTIONS)
def _quotient(p, n):
    """The whole part of p/n of a basis state p: their numbers have 32 bits, for which it takes a third of the time."""
    return np.int64(np.uint32(p) // np.uint32(n))


@njit(inline="always", **OPTIONS)
def _on_axes(p, n, inner):
    """A basis state as those of the axes before one of n states, of this one, and of the ``inner`` ones behind."""
    left = _quotient(p, inner)
    outer = _quotient(left, n)
    return outer, left - outer * n, p - left * inner


@njit(**OPTIONS)
def _gamma_place(sectors, jumps, here, l, p, but):
    """Where Γ of a jump is for a basis state, without the part of the axis of block ``but``."""
    at, left = jumps.gamma_start[l], p
    for c in range(sectors.dims.shape[1] - 1, -1, -1):
        n, k = sectors.dims[here, c], left
        if c > 0:
            left = _quotient(left, n)
            k -= left * n
        if c != but:
            at += jumps.gamma_stride[l, c] * sectors.place[sectors.place_at[here, c] + k]
    return at


@njit(**OPTIONS)
def _with_gamma(h_eff, room, l):
    """Γψ in ``room.after``, of the state in ``room.now``."""
    sectors, jumps, here, now = h_eff.sectors, h_eff.jumps, h_eff.occupied.slots[0], room.now
    if sectors.before[here, l] >= 0:
        by_columns(h_eff.matrices, sectors.before[here, l], now, room.after)
        return
    clear(room.after)
    for n in range(now.filled[0]):
        p = now.place[n]
        g = jumps.gamma[_gamma_place(sectors, jumps, here, l, p, np.int64(-1))]
        put(room.after, p, 0, g * now.x[p, 0, 0], g * now.x[p, 0, 1])


@njit(**OPTIONS)
def _take_out(h_eff, room, l, c):
    """sqrt(N f_μ/f_λ) j C_λ^μ of the state in ``room.now`` for the c-th μ, in ``room.rest``, with Γ of the others."""
    sectors, jumps, matrices, here = h_eff.sectors, h_eff.jumps, h_eff.matrices, h_eff.occupied.slots[0]
    b, now, rest = jumps.axis[l], room.now, room.rest
    D, n, size = sectors.exit_size.shape[2], sectors.dims[here, b], sectors.exit_size[here, b, c]
    matrix, share, inner = sectors.exit_matrix[here, b, c], sectors.exit_share[here, b, c], 1
    row = matrices.row[matrix]
    for a in range(b + 1, sectors.dims.shape[1]):
        inner *= sectors.dims[here, a]
    of_others = jumps.excluded[l] == 1 and sectors.before[here, l] == NOTHING
    alone, j_start, at = sectors.dims.shape[1] == 1, jumps.j_start[l], 0
    own_place, own_stride = sectors.place[sectors.exit_place[here, b, c] :], jumps.gamma_stride[l, b]
    clear(rest)
    for m in range(now.filled[0]):
        p = now.place[m]
        x_re, x_im = now.x[p, 0, 0], now.x[p, 0, 1]
        outer, own, i = (0, p, 0) if alone else _on_axes(p, n, inner)
        if of_others:
            at = _gamma_place(sectors, jumps, here, l, p, b)
        for a in range(D):
            if j_start[a] == j_start[a + 1]:
                continue
            start = matrices.first[row + a * n + own]
            for k in range(start, start + matrices.length[row + a * n + own]):
                q, v = np.int64(matrices.column[k]), share * matrices.re[k]
                if of_others:
                    v *= jumps.gamma[at + own_stride * own_place[q]]
                to = (outer * size + q) * inner + i
                for e in range(j_start[a], j_start[a + 1]):
                    j_re, j_im = v * jumps.j_re[e], v * jumps.j_im[e]
                    put(rest, to, jumps.j_level[e], j_re * x_re - j_im * x_im, j_re * x_im + j_im * x_re)
    if jumps.excluded[l] == 1 and not of_others:
        _gamma_of_others(matrices, sectors.exit_before[here, l, c], size, inner, rest, room.beside)


@njit(**OPTIONS)
def _gamma_of_others(matrices, matrix, size, inner, rest, beside):
    """Γ of the others where it is no diagonal, on their axis of ``rest``; ``beside`` is room to work in."""
    clear(beside)
    row, D = matrices.row[matrix], rest.x.shape[1]
    for m in range(rest.filled[0]):
        p = rest.place[m]
        for a in range(D):
            put(beside, p, a, rest.x[p, a, 0], rest.x[p, a, 1])
    clear(rest)
    for m in range(beside.filled[0]):
        p = beside.place[m]
        outer, q, i = p // (size * inner), (p // inner) % size, p % inner
        start = matrices.first[row + q]
        for k in range(start, start + matrices.length[row + q]):
            to, v = (outer * size + matrices.column[k]) * inner + i, element(matrices, matrix, k)
            for a in range(D):
                x_re, x_im = beside.x[p, a, 0], beside.x[p, a, 1]
                if x_re != 0.0 or x_im != 0.0:
                    put(rest, to, a, v.real * x_re - v.imag * x_im, v.real * x_im + v.imag * x_re)


@njit(**OPTIONS)
def _put_in(h_eff, room, b, c, r):
    """The particle of ``room.rest``, which is in the c-th μ, is put back into the r-th λ', in ``room.after``."""
    sectors, matrices, here = h_eff.sectors, h_eff.matrices, h_eff.occupied.slots[0]
    rest, after, D = room.rest, room.after, h_eff.sectors.exit_size.shape[2]
    n, size, inner = sectors.exit_size[here, b, c], sectors.entry_size[here, b, c, r], 1
    row = matrices.row[sectors.entry_matrix[here, b, c, r]]
    for a in range(b + 1, sectors.dims.shape[1]):
        inner *= sectors.dims[here, a]
    alone = sectors.dims.shape[1] == 1
    clear(after)
    for m in range(rest.filled[0]):
        at = rest.place[m]
        outer, q, i = (0, at, 0) if alone else _on_axes(at, n, inner)
        for a in range(D):
            x_re, x_im = rest.x[at, a, 0], rest.x[at, a, 1]
            if x_re == 0.0 and x_im == 0.0:
                continue
            start = matrices.first[row + a * n + q]
            for k in range(start, start + matrices.length[row + a * n + q]):
                v = matrices.re[k]
                put(after, (outer * size + np.int64(matrices.column[k])) * inner + i, 0, v * x_re, v * x_im)


@njit(**OPTIONS)
def perform_sparse_jump(h_eff, room, u):
    """Jump from the state in ``room.now``: its number, NO_JUMP, NO_NUMBER, or NO_MATRIX, which ``room.wanted`` names.

    The state after it is in ``room.after``, not normalised, its sector in ``room.target``.
    """
    sectors, jumps, here = h_eff.sectors, h_eff.jumps, h_eff.occupied.slots[0]
    weights = room.weights
    channel_weights(h_eff, room, weights)
    total = 0.0
    for l in range(weights.size):
        weights[l] *= rate_factor(h_eff, l)
        total += weights[l]
    if not total < np.inf:
        return NO_NUMBER
    chosen, left = choose_channel(weights, u * total)
    if chosen < 0:
        return NO_JUMP
    room.target[0] = here
    left /= rate_factor(h_eff, chosen)
    if jumps.axis[chosen] < 0:
        by_columns(h_eff.matrices, sectors.collective[here, chosen], room.now, room.after)
        return chosen
    b, D = jumps.axis[chosen], sectors.exit_size.shape[2]
    if jumps.excluded[chosen] == 0:
        _with_gamma(h_eff, room, chosen)
        copy_heap(room.after, room.now)
    possible, found = -1, False
    for c in range(D):
        if sectors.exit_size[here, b, c] == 0:
            continue
        if sectors.exit_matrix[here, b, c] == UNKNOWN:
            room.wanted[0], room.wanted[1], room.wanted[2] = b, c, -1
            return NO_MATRIX
        _take_out(h_eff, room, chosen, c)
        weight = weight_of(room.rest)
        if weight > 0.0:
            possible = c
            if left < weight:
                found = True
                break
            left -= weight
    if possible < 0:
        return NO_NUMBER
    c = possible
    if not found:  # rounding: keep the last possible one
        _take_out(h_eff, room, chosen, c)
    possible, found = -1, False
    for r in range(D):
        if sectors.entry_size[here, b, c, r] == 0:
            continue
        if sectors.entry_matrix[here, b, c, r] == UNKNOWN:
            room.wanted[0], room.wanted[1], room.wanted[2] = b, c, r
            return NO_MATRIX
        _put_in(h_eff, room, b, c, r)
        weight = weight_of(room.after)
        if weight > 0.0:
            possible = r
            if left < weight:
                found = True
                break
            left -= weight
    if possible < 0:
        return NO_NUMBER
    if not found:
        _put_in(h_eff, room, b, c, possible)
    room.target[0] = sectors.entry_target[here, b, c, possible]
    return chosen


@njit(**OPTIONS)
def copy_heap(heap, to):
    """Copy a heap."""
    clear(to)
    for n in range(heap.filled[0]):
        p = heap.place[n]
        put(to, p, 0, heap.x[p, 0, 0], heap.x[p, 0, 1])
