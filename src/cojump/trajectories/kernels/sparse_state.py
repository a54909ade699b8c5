"""A list of occupied basis states between two steps, as :mod:`.counting` goes on with it: cut, measured."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS, PAD
from .horizon import LEFT_OUT
from .sparse import ALL_REAL, keep_slots, new_slot
from .sparse_jump import Heap, gather_state, level_bits, perform_sparse_jump, put, weight_of

BINS = 256
"""Powers of two of the weights that are told apart when a state is cut."""

EDGE = 1 - 2.0**-40
"""Weights at the edge of two of these are rounded to either side: all that are nearly there are kept."""

CHUNK = 256
"""Amplitudes of which inner products are taken at once: all vectors of them stay in the cache."""


@by_reference
class SparseRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    now : Heap
        The state that jumps.
    after : Heap
        The state after a jump, or after a step without one.
    rest, beside : Heap
        The others and the particle that is taken out, by its level.
    target : (1,)
        The sector of ``after``.
    wanted : (3,)
        Block, μ and λ' (or -1) of a matrix that a jump needs and that is still to be made.
    weights : (L,)
        Weights of the jumps.
    bins : (BINS,)
    vectors, vectors_im : (1 + V, CHUNK)
        Some amplitudes of a state and of what the collective operators make of it.
    filled : (3,)
    """

    now: Heap
    after: Heap
    rest: Heap
    beside: Heap
    target: NDArray[np.int64]
    wanted: NDArray[np.int64]
    weights: NDArray[np.float64]
    bins: NDArray[np.float64]
    vectors: NDArray[np.float64]
    vectors_im: NDArray[np.float64]
    filled: NDArray[np.int64]


@by_reference
class SparseStarts(NamedTuple):
    """States that K trajectories begin with.

    Attributes
    ----------
    sector, first : (K,), (K + 1,)
        The sector of each, and where its amplitudes begin.
    place, re, im : (.,)
    """

    sector: NDArray[np.int64]
    first: NDArray[np.int64]
    place: NDArray[np.int64]
    re: NDArray[np.float64]
    im: NDArray[np.float64]


@njit(**OPTIONS)
def _begin(after, target, starts, k):
    for n in range(after.filled[0]):
        p = after.place[n]
        after.there[p], after.re[p, 0], after.im[p, 0] = 0, 0.0, 0.0
    after.filled[0], target[0] = starts.first[k + 1] - starts.first[k], starts.sector[k]
    for n in range(after.filled[0]):
        m = starts.first[k] + n
        p = starts.place[m]
        after.place[n], after.there[p], after.re[p, 0], after.im[p, 0] = p, 1, starts.re[m], starts.im[m]


def begin(h_eff, room, starts, k):
    """Let the start of trajectory k wait in ``room``."""
    _begin(room.after, room.target, starts, k)


@njit(**OPTIONS)
def _least_kept(heap, total, tail, bins):
    """Smallest weight that is kept when up to ``tail`` of the total is cut off, in steps of two."""
    for k in range(bins.size):
        bins[k] = 0.0
    for n in range(heap.filled[0]):
        p = heap.place[n]
        weight = (heap.re[p, 0] ** 2 + heap.im[p, 0] ** 2) / total
        if weight > 0.0:
            _, exponent = math.frexp(weight)
            bins[min(max(-exponent, 0), bins.size - 1)] += weight
    cut = 0.0
    for k in range(bins.size - 1, -1, -1):
        cut += bins[k]
        if cut > tail:
            return math.ldexp(total, -k - 1) * EDGE
    return 0.0


def cells(h_eff):
    """Number of amplitudes of the state that a step begins with."""
    return h_eff.occupied.slots[1]


def tail_of(h_eff, tolerance):
    """Weight that may be cut off."""
    return (0.5 * tolerance) ** 2 / 2


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude, roughly."""
    return 32


def first_cell(h_eff):
    """The first cell of a state."""
    return np.int64(PAD)


def is_cut_short(h_eff):
    """States are found order by order: nothing is cut."""
    return False


def settle(h_eff, work, room, tail, reach):
    """Put the state in ``room.after`` into slots, normalised, without its tail; False if its sector is unknown."""
    occupied, sectors, after = h_eff.occupied, h_eff.sectors, room.after
    if sectors.known[room.target[0]] == 0:
        return False
    keep_slots(occupied, np.int64(0))
    occupied.slots[0] = room.target[0]
    least, norm2 = _least_kept(after, weight_of(after), tail, room.bins), 0.0
    re, im = work.taylor_re[0], work.taylor_im[0]
    # in the order of the basis states, if that is worth while: neighbours lie side by side then
    size, count = sectors.size[room.target[0]], after.filled[0]
    scan = size < 32 * count
    for n in range(size if scan else count):
        p = n if scan else after.place[n]
        a, b = after.re[p, 0], after.im[p, 0]
        if a * a + b * b >= least and (a != 0.0 or b != 0.0):
            s = PAD + occupied.slots[2]
            re[s], im[s] = a, b
            norm2 += a * a + b * b
            new_slot(occupied, sectors, p)
    occupied.slots[1] = occupied.slots[2]
    factor = 1.0 / np.sqrt(norm2)
    for s in range(PAD, PAD + occupied.slots[1]):
        re[s] *= factor
        im[s] *= factor
    return True


def set_aside(h_eff, work, re, im, room):
    """Copy a state in the slots to where the state after a jump lies."""
    room.target[0] = h_eff.occupied.slots[0]
    gather_state(h_eff.occupied, re[PAD:], im[PAD:], 0.0, room.after)


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of the state in ``out`` and what operators make of it, and its sector; multiplications made."""
    _gram(h_eff, room, work.out_re[PAD:], work.out_im[PAD:], norm2, tolerance, grams)
    sector[0] = h_eff.occupied.slots[0]
    return (order + 4 * room.vectors.shape[0]) * (h_eff.occupied.slots[2] + 32)


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``."""
    least = (LEFT_OUT * tolerance) ** 2 * norm2 / h_eff.occupied.slots[2]
    gather_state(h_eff.occupied, work.out_re[PAD:], work.out_im[PAD:], least, room.now)
    return perform_sparse_jump(h_eff, room, u)


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    sector[0] = room.target[0]


@njit(**OPTIONS)
def _gram(h_eff, room, re, im, norm2, tolerance, made):
    """Inner products of an unnormalised state and what the operators make of it, (1 + V, 1 + V), over its norm."""
    matrices, sectors, here, now = h_eff.matrices, h_eff.sectors, h_eff.occupied.slots[0], room.now
    V, chunk, matrix = room.vectors.shape[0] - 1, room.vectors.shape[1], sectors.operators[here]
    bits, row, beyond = level_bits(V), matrices.row[matrix], matrices.imaginary[matrix]
    gather_state(h_eff.occupied, re, im, (LEFT_OUT * tolerance) ** 2 * norm2 / h_eff.occupied.slots[2], now)
    # what operators lead to counts in the products of two of them
    for n in range(now.filled[0]):
        start = matrices.first[row + now.place[n]]
        for k in range(start, start + matrices.length[row + now.place[n]]):
            put(now, np.int64(matrices.column[k]) >> bits, 0, 0.0, 0.0)
    made[:, :] = 0.0
    for begin in range(0, now.filled[0], chunk):
        length = min(chunk, now.filled[0] - begin)
        for v in range(1, 1 + V):
            for n in range(length):
                room.vectors[v, n] = 0.0
                room.vectors_im[v, n] = 0.0
        for n in range(length):
            p = now.place[begin + n]
            room.vectors[0, n], room.vectors_im[0, n] = now.re[p, 0], now.im[p, 0]
            start = matrices.first[row + p]
            for k in range(start, start + matrices.length[row + p]):
                q, v, value = matrices.column[k] >> bits, 1 + (matrices.column[k] & ((1 << bits) - 1)), matrices.re[k]
                room.vectors[v, n] += value * now.re[q, 0]
                room.vectors_im[v, n] += value * now.im[q, 0]
                if beyond != ALL_REAL:
                    value = matrices.im[k + beyond]
                    room.vectors[v, n] -= value * now.im[q, 0]
                    room.vectors_im[v, n] += value * now.re[q, 0]
        for v in range(1 + V):
            for w in range(v, 1 + V):
                made[v, w] += product_of(
                    room.vectors[v], room.vectors_im[v], room.vectors[w], room.vectors_im[w], length
                )
    for v in range(1 + V):
        for w in range(v, 1 + V):
            made[v, w] /= norm2
            made[w, v] = np.conj(made[v, w])


@njit(**OPTIONS)
def product_of(a_re, a_im, b_re, b_im, n):
    """<a|b> of the first n amplitudes."""
    real = imag = 0.0
    u, v, x, y = a_re[:n], a_im[:n], b_re[:n], b_im[:n]
    for s in range(u.size):
        real += u[s] * x[s] + v[s] * y[s]
        imag += u[s] * y[s] - v[s] * x[s]
    return complex(real, imag)
