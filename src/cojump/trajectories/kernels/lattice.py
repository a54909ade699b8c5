"""What the kernels of several blocks of two levels share: a state on a box of ⊗_b V_{J_b}, axes i_b = 0..N_b up.

What is diagonal depends on the i_b alone, not on the sectors, so that tables of Γ serve all of them; the rest are bands
c_J(i) along an axis in closed form. The last axis lies close together in memory: inner loops run along it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import OPTIONS

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
    energy, energy_start, energy_stride : (.,), (K,), (K, B)
        Tables of the K potentials N φ(Δ), as those of Γ.
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
    energy: Floats
    energy_start: Integers
    energy_stride: Integers


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
    energy : (cells,)
        Potentials; empty without any.
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
    energy: Floats
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


@njit(inline="always", **OPTIONS)
def moves(matrix, s):
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
def first_place(place):
    """Go to the first place on all axes."""
    place[:] = 0


@njit(inline="always", **OPTIONS)
def next_place(place, n, axes):
    """Go on to the next place on the first ``axes`` axes; False behind the last."""
    for b in range(axes - 1, -1, -1):
        place[b] += 1
        if place[b] < n[b]:
            return True
        place[b] = 0
    return False


@njit(inline="always", **OPTIONS)
def gamma_row(lattice, box, l, place, shift):
    """Where Γ of jump l is in its tables at the first state of a row, and its stride along the row.

    ``shift`` is added to the number of particles up on the jump's own axis.
    """
    B = box.n.size
    at = lattice.gamma_start[l] + shift * lattice.gamma_stride[l, lattice.axis[l]]
    for b in range(B - 1):
        at += (box.lo[b] + place[b]) * lattice.gamma_stride[l, b]
    return at + box.lo[B - 1] * lattice.gamma_stride[l, B - 1], lattice.gamma_stride[l, B - 1]


@njit(**OPTIONS)
def set_strides(box):
    """Write strides and size from the numbers of states along the axes."""
    stride = 1
    for b in range(box.n.size - 1, -1, -1):
        box.stride[b] = stride
        stride *= box.n[b]
    box.size[0] = stride
