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
from .inner_products import add_products
from .pairs import cell, load_pair, scaled, store_pair, turned
from .sparse import ALL_REAL, keep_slots, new_slot
from .sparse_jump import Heap, gather_state, level_bits, perform_sparse_jump, put, weight_of
from .vectors import LANES, load_row, spread, store, total

BINS = 256
"""Powers of two of the weights that are told apart when a state is cut."""

EDGE = 1 - 2.0**-40
"""Weights at the edge of two of these are rounded to either side: all that are nearly there are kept."""

CHUNK = 64
"""Amplitudes of which inner products are taken at once: all vectors of them stay in the fastest memory."""

BETWEEN = CHUNK + LANES // 2
"""Amplitudes from one vector to the next one: at a power of two they would lie in the same places of that memory."""


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
    vectors : (1 + V, 2 BETWEEN)
        Some amplitudes of a state and of what the collective operators make of it, real and imaginary parts in turn.
    every : (1 + V,) int
        0, 1, .. V.
    sums : ((1 + V)², LANES)
        Of the products of any two of them.
    is_first : (V,)
        By operator: whether it is E_ab + E_ba and the next one i (E_ba - E_ab), in place of which the matrix has E_ab
        and E_ba.
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
    every: NDArray[np.int64]
    sums: NDArray[np.float64]
    is_first: NDArray[np.bool_]
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
        after.there[p], after.x[p, 0, 0], after.x[p, 0, 1] = 0, 0.0, 0.0
    after.filled[0], target[0] = starts.first[k + 1] - starts.first[k], starts.sector[k]
    for n in range(after.filled[0]):
        m = starts.first[k] + n
        p = starts.place[m]
        after.place[n], after.there[p], after.x[p, 0, 0], after.x[p, 0, 1] = p, 1, starts.re[m], starts.im[m]


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
        weight = (heap.x[p, 0, 0] ** 2 + heap.x[p, 0, 1] ** 2) / total
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
        a, b = after.x[p, 0, 0], after.x[p, 0, 1]
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
def _reach(matrices, row, size, bits, now):
    """Let what operators lead to have a place beside the state: it counts in the products of two of them.

    Where nearly all basis states are occupied, all the others have one.
    """
    occupied = now.filled[0]
    if 5 * occupied >= 4 * size:
        for q in range(size):
            if now.there[q] == 0:
                put(now, q, 0, 0.0, 0.0)
        return
    for n in range(occupied):
        start = matrices.first[row + now.place[n]]
        for k in range(start, start + matrices.length[row + now.place[n]]):
            q = matrices.column[k] >> bits
            if now.there[q] == 0:
                put(now, q, 0, 0.0, 0.0)


@njit(**OPTIONS)
def _write_vectors(place, begin, length, x, row, first, count, column, values, imaginary, beyond, bits, is_first,
                   vectors):  # fmt: skip
    """What the operators make of a state, at some places of it, and the state itself; zeros up to whole vectors."""
    many = (1 << bits) - 1
    for v in range(vectors.shape[0]):
        for n in range(0, 2 * length, LANES):
            store(vectors[v], n, LANES, spread(0.0))
    for n in range(length):
        p = place[begin + n]
        store_pair(vectors, n, load_pair(x, p))
        start = first[row + p]
        for k in range(start, start + count[row + p]):
            key = np.int64(cell(column, k))
            own, at = load_pair(x, key >> bits), (1 + (key & many)) * BETWEEN + n
            made = scaled(cell(values, k), own, load_pair(vectors, at))
            if beyond != ALL_REAL:
                made = scaled(cell(imaginary, k + beyond), turned(own), made)
            store_pair(vectors, at, made)
    for v in range(is_first.size):
        if is_first[v]:
            for n in range(length):
                at = (1 + v) * BETWEEN + n
                one, other = load_pair(vectors, at), load_pair(vectors, at + BETWEEN)
                store_pair(vectors, at, one + other)
                store_pair(vectors, at + BETWEEN, turned(scaled(-1.0, one, other)))


@njit(**OPTIONS)
def _gram(h_eff, room, re, im, norm2, tolerance, made):
    """Real parts of inner products of a state and what the operators make of it, (1 + V, 1 + V), over its norm."""
    matrices, sectors, here, now = h_eff.matrices, h_eff.sectors, h_eff.occupied.slots[0], room.now
    many, matrix = room.vectors.shape[0], sectors.operators[here]
    bits, row = level_bits(many - 1), matrices.row[matrix]
    gather_state(h_eff.occupied, re, im, (LEFT_OUT * tolerance) ** 2 * norm2 / h_eff.occupied.slots[2], now)
    _reach(matrices, row, sectors.size[here], bits, now)
    room.sums[:, :] = 0.0
    for begin in range(0, now.filled[0], CHUNK):
        length = min(CHUNK, now.filled[0] - begin)
        _write_vectors(
            now.place, begin, length, now.x, row, matrices.first, matrices.length, matrices.column, matrices.re,
            matrices.im, matrices.imaginary[matrix], bits, room.is_first, room.vectors,
        )  # fmt: skip
        add_products(room.vectors, room.every, 2 * length, many, room.sums)
    for v in range(many):
        for w in range(v, many):
            made[v, w] = made[w, v] = total(load_row(room.sums, v * many + w, 0, LANES)) / norm2
