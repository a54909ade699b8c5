"""A state as a list of basis states that it occupies, and H_eff as rows of a sparse matrix, in sectors of any kind.

All that a sector needs lies in flat arrays, behind what other sectors need: rows of H_eff, what is diagonal, and how
one particle is taken out and put in. A step goes through the basis states that are occupied, and through those that
H_eff leads to from them, order by order of the Taylor series.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS
from .pairs import cell, load_pair, pair_of, scaled, store_pair, turned

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN = -2
"""In place of the number of a matrix that is still to be made."""

NOTHING = -1
"""In place of the number of a matrix of zeros."""

ALL_REAL = -(2**62)
"""In place of where the imaginary parts of a matrix are: it has none."""

ENERGY, HALF_RATE, RATES = range(3)
"""Columns of ``facts``: diagonal of H_eff, real and minus imaginary part, and from RATES on of each jump's rate."""


@by_reference
class Matrices(NamedTuple):
    """Sparse matrices, one behind the other; rows may be those of the adjoint, as whoever reads them knows.

    Attributes
    ----------
    row : (M,)
        Where the rows of a matrix begin in ``first`` and ``length``.
    imaginary : (M,)
        What is added to the place of a real part to find the imaginary one in ``im``, or ALL_REAL.
    run : (M,)
        1 where the columns of every row follow each other without a gap.
    first, length : (rows,)
        Where the elements of a row begin, and how many they are.
    column, re : (elements,)
    im : (imaginary elements,)
    """

    row: Integers
    imaginary: Integers
    run: Integers
    first: Integers
    length: NDArray[np.int32]
    column: NDArray[np.uint32]
    re: Floats
    im: Floats


@by_reference
class Sectors(NamedTuple):
    """What is known of S sectors, of B blocks with at most D levels, L jumps and V collective operators.

    A matrix is given by its number in Matrices, or NOTHING, or UNKNOWN.

    Attributes
    ----------
    known : (S,)
        1 where the rest is here.
    size, dims : (S,), (S, B)
        Number of basis states; of each block.
    facts_at, place_at : (S,), (S, B)
        Where ``facts`` and ``place`` of a sector begin.
    h_eff, upper, before, collective, operators : (S,), (S, L), (S, L), (S, L), (S,)
        Rows of H_eff beside its diagonal, and of a jump's rate operator above it; columns of Γ where it is no diagonal,
        and of L of a collective jump; rows of all operators that are measured, q 2^k + v for the v-th, with 2^k >= V.
    exit_size, exit_share, exit_place : (S, B, D)
        The sectors μ of the others when a particle is taken out of a block: their dimension (0 for none),
        sqrt(N f_μ/f_λ), and where their ``place`` begins.
    exit_matrix : (S, B, D)
        For each level a of the particle the states of the block before: the states q of the others.
    exit_before : (S, L, D)
        Columns of Γ of the others where it is no diagonal.
    entry_size, entry_target, entry_matrix : (S, B, D, D)
        For each μ the sectors that one particle more makes of it: dimension, number of the whole sector, and for each
        level a all q: the states of the block after.
    facts : (states, 2 + L)
    place : (states of blocks,)
        Where a state is on its axis of the tables of Γ.
    """

    known: Integers
    size: Integers
    dims: Integers
    facts_at: Integers
    place_at: Integers
    h_eff: Integers
    upper: Integers
    before: Integers
    collective: Integers
    operators: Integers
    exit_size: Integers
    exit_share: Floats
    exit_place: Integers
    exit_matrix: Integers
    exit_before: Integers
    entry_size: Integers
    entry_target: Integers
    entry_matrix: Integers
    facts: Floats
    place: NDArray[np.int32]


@by_reference
class Jumps(NamedTuple):
    """The L jumps of a model.

    Attributes
    ----------
    axis : (L,)
        The block of a local jump, -1 for a collective one.
    excluded : (L,)
        1 where Γ is that of the other particles.
    gamma : flat
        All tables of Γ.
    gamma_start, gamma_stride : (L,), (L, B)
        Where a table begins, and its steps along the axes (0 along one on which it does not depend).
    j_start : (L, D + 1)
        Where the elements of j from each level begin.
    j_level, j_re, j_im : flat
        The levels that they lead to, and the elements.
    """

    axis: Integers
    excluded: Integers
    gamma: Floats
    gamma_start: Integers
    gamma_stride: Integers
    j_start: Integers
    j_level: Integers
    j_re: Floats
    j_im: Floats


@by_reference
class Occupied(NamedTuple):
    """The basis states that a state occupies, in slots 0, 1, ...

    Attributes
    ----------
    slots : (3,)
        The sector; slots of the state that a step begins with; slots in use.
    state : (cells,)
        Number of the basis state in each slot.
    slot : (cells,)
        Slot of each basis state, or -1.
    spread : (cells,)
        1 where the states that H_eff leads to from a slot have slots.
    energy, half_rate : (cells,)
        What is diagonal, by slot.
    x : (cells, 2)
        A state by the number of the basis state, real and imaginary part; zero where there is no slot.
    made : (cells, 2)
        What H_eff beside its diagonal makes of it, by slot.
    x_re, x_im : (cells,)
        As x where the columns of rows follow each other without a gap.
    """

    slots: Integers
    state: Integers
    slot: NDArray[np.int32]
    spread: NDArray[np.int8]
    energy: Floats
    half_rate: Floats
    x: Floats
    made: Floats
    x_re: Floats
    x_im: Floats


@by_reference
class SparseHeff(NamedTuple):
    """What a no-jump step reads, and where the state is.

    Attributes
    ----------
    has_jumps : bool
    matrices : Matrices
    sectors : Sectors
    jumps : Jumps
    occupied : Occupied
    """

    has_jumps: bool
    matrices: Matrices
    sectors: Sectors
    jumps: Jumps
    occupied: Occupied


@njit(**OPTIONS)
def new_slot(occupied, sectors, p):
    """Give a basis state that has none the next slot."""
    s, slots = occupied.slots[2], occupied.slots
    at = sectors.facts_at[slots[0]] + p
    occupied.slot[p] = s
    occupied.state[s] = p
    occupied.spread[s] = 0
    occupied.energy[s] = sectors.facts[at, ENERGY]
    occupied.half_rate[s] = sectors.facts[at, HALF_RATE]
    slots[2] = s + 1


@njit(**OPTIONS)
def keep_slots(occupied, kept):
    """Take away all slots but the first ones, and what has been found from them."""
    for s in range(occupied.slots[2]):
        p = occupied.state[s]
        occupied.x[p, 0] = occupied.x[p, 1] = occupied.x_re[p] = occupied.x_im[p] = 0.0
        occupied.spread[s] = 0
        if s >= kept:
            occupied.slot[p] = -1
    occupied.slots[2] = kept


@njit(**OPTIONS)
def rows_times(row0, beyond, first, length, column, values, imaginary, state, count, x, made):
    """A matrix times a state: pair s of ``made`` is Σ_q (element from q to state[s]) x_q, x by basis state.

    The imaginary part of element k is in ``imaginary[k + beyond]``; ``beyond`` is ALL_REAL where there is none. This is
    no part of a longer function: the processor has registers for no more.
    """
    for s in range(count):
        row = row0 + cell(state, s)
        k = cell(first, row)
        stop = k + cell(length, row)
        a = b = c = d = pair_of(0.0, 0.0)
        if beyond == ALL_REAL:
            while k + 3 < stop:  # several sums: the next element need not wait for this one
                a = scaled(cell(values, k), load_pair(x, cell(column, k)), a)
                b = scaled(cell(values, k + 1), load_pair(x, cell(column, k + 1)), b)
                c = scaled(cell(values, k + 2), load_pair(x, cell(column, k + 2)), c)
                d = scaled(cell(values, k + 3), load_pair(x, cell(column, k + 3)), d)
                k += 4
            while k < stop:
                a = scaled(cell(values, k), load_pair(x, cell(column, k)), a)
                k += 1
        else:
            while k < stop:
                own = load_pair(x, cell(column, k))
                a = scaled(cell(values, k), own, a)
                b = scaled(cell(imaginary, k + beyond), own, b)
                k += 1
            b = turned(b)
        store_pair(made, s, (a + b) + (c + d))


@njit(**OPTIONS)
def apply_lists(
    rows_re,
    rows_im,
    order,
    lo,
    hi,
    unit,
    beyond,
    row0,
    first,
    count,
    column,
    values_re,
    values_im,
    facts0,
    facts,
    slots,
    state,
    slot,
    spread,
    energies,
    half_rates,
    x,
    made,
    shift,
    half_shift,
    least,
):
    """As apply_real on the slots lo..hi; amplitudes whose weight is above ``least`` give what they lead to slots.

    ``beyond`` is what takes the place of a real element to that of its imaginary part. Returns the squared norm and one
    past the last slot.
    """
    scale = unit * (1.0 / (order + 1.0))
    re, im = rows_re[order, lo:], rows_im[order, lo:]
    old = hi - lo
    n = old
    for s in range(old):
        store_pair(x, state[s], pair_of(re[s], im[s]))
        if spread[s] == 0 and re[s] * re[s] + im[s] * im[s] > least:
            spread[s] = 1
            k0 = first[row0 + state[s]]
            for k in range(k0, k0 + count[row0 + state[s]]):
                q = column[k]
                if slot[q] < 0:
                    slot[q] = n
                    state[n] = q
                    spread[n] = 0
                    energies[n] = facts[facts0 + q, ENERGY]
                    half_rates[n] = facts[facts0 + q, HALF_RATE]
                    n += 1
    for k in range(order + 1):
        for s in range(hi, lo + n):
            rows_re[k, s] = 0.0
            rows_im[k, s] = 0.0
    slots[2] = n
    to_re, to_im = rows_re[order + 1, lo:], rows_im[order + 1, lo:]
    rows_times(row0, beyond, first, count, column, values_re, values_im, state, n, x, made)
    total = 0.0
    for s in range(n):
        energy, damping = energies[s] - shift, half_rates[s] - half_shift
        h_re = made[s, 0] + energy * re[s] + damping * im[s]
        h_im = made[s, 1] + energy * im[s] - damping * re[s]
        to_re[s] = scale * h_im
        to_im[s] = -scale * h_re
        total += (scale * h_im) ** 2 + (scale * h_re) ** 2
    return total, lo + n


@njit(**OPTIONS)
def apply_runs(
    rows_re,
    rows_im,
    order,
    lo,
    hi,
    unit,
    beyond,
    row0,
    first,
    count,
    column,
    values_re,
    values_im,
    facts0,
    facts,
    slots,
    state,
    slot,
    spread,
    energies,
    half_rates,
    x_re,
    x_im,
    shift,
    half_shift,
    least,
):
    """The same where the columns of each row follow each other without a gap."""
    scale = unit * (1.0 / (order + 1.0))
    re, im = rows_re[order, lo:], rows_im[order, lo:]
    old = hi - lo
    n = old
    for s in range(old):
        p = state[s]
        x_re[p] = re[s]
        x_im[p] = im[s]
        if spread[s] == 0 and re[s] * re[s] + im[s] * im[s] > least and count[row0 + p] > 0:
            spread[s] = 1
            q0 = column[first[row0 + p]]
            for q in range(q0, q0 + count[row0 + p]):
                if slot[q] < 0:
                    slot[q] = n
                    state[n] = q
                    spread[n] = 0
                    energies[n] = facts[facts0 + q, ENERGY]
                    half_rates[n] = facts[facts0 + q, HALF_RATE]
                    n += 1
    for k in range(order + 1):
        for s in range(hi, lo + n):
            rows_re[k, s] = 0.0
            rows_im[k, s] = 0.0
    slots[2] = n
    to_re, to_im = rows_re[order + 1, lo:], rows_im[order + 1, lo:]
    total = 0.0
    for s in range(n):
        row = row0 + state[s]
        k0, length = first[row], count[row]
        h_re = h_im = 0.0
        if length > 0:
            q0 = column[k0]
            v, from_re, from_im = values_re[k0 : k0 + length], x_re[q0 : q0 + length], x_im[q0 : q0 + length]
            for k in range(v.size):
                h_re += v[k] * from_re[k]
                h_im += v[k] * from_im[k]
            if beyond != ALL_REAL:
                w = values_im[k0 + beyond : k0 + beyond + length]
                for k in range(w.size):
                    h_re -= w[k] * from_im[k]
                    h_im += w[k] * from_re[k]
        energy, damping = energies[s] - shift, half_rates[s] - half_shift
        h_re += energy * re[s] + damping * im[s]
        h_im += energy * im[s] - damping * re[s]
        to_re[s] = scale * h_im
        to_im[s] = -scale * h_re
        total += (scale * h_im) ** 2 + (scale * h_re) ** 2
    return total, lo + n
