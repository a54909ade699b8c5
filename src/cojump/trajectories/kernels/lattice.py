"""What the kernels of several blocks of two levels share: a state on a box of ⊗_b V_{J_b}, axes i_b = 0..N_b up.

What is diagonal depends on the i_b alone, not on the sectors, so that tables of Γ serve all of them; the rest are bands
c_J(i) along an axis in closed form. The last axis lies close together in memory: inner loops run along it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS

Integers = NDArray[np.int64]
Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

UP, DOWN = 0, 1


@by_reference
class Lattice(NamedTuple):
    """A model of B blocks of two levels whose arguments are all diagonal; L jumps, P products across two blocks.

    Attributes
    ----------
    sizes : (B,)
        N_b.
    one : (B, 2, 2)
        One-body part of H of each block.
    inside_axis, inside : (I,), (I, 2, 2, 2)
        Products of two collective operators of one block in H_eff; the factor is in the first.
    across_axes, across : (P, 2), (P, 2, 2, 2)
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
    energy, energy_start, energy_stride : (.,), (K,), (K, B)
        Tables of the K potentials N φ(Δ), as those of Γ.
    plane : bool
        Whether there are two blocks and H_eff leads to neighbours only, with real elements.
    whole : (2, .)
        What ``Elements.diagonal`` is for a box that is all of the grid 0..N_b; empty if that would be too large.
    """

    sizes: Integers
    one: Complex
    inside_axis: Integers
    inside: Complex
    across_axes: Integers
    across: Complex
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
    plane: bool
    whole: Floats


@by_reference
class Box(NamedTuple):
    """Where a state lies; everything is written in place.

    Attributes
    ----------
    two_J : (B,)
    lo, n, stride : (B,)
        First i_b, number of them, and distance in memory of two neighbours along the axis. On a long last axis these
        are whole vectors of LANES, of which the last one may have places that do not exist, with amplitudes 0.
    size : (1,)
        Number of amplitudes.
    """

    two_J: Integers
    lo: Integers
    n: Integers
    stride: Integers
    size: Integers


@by_reference
class Elements(NamedTuple):
    """H_eff in a box of a sector. Its last axes make a row, long enough for a loop over it to be fast; R rows.

    A hop is named by where it ends: its elements are zero where it would start outside the box. First axes of length
    two are real and imaginary parts. There are few arrays: the compiler takes its time for each of them.

    Attributes
    ----------
    c : (B, n)
        c_J(i) = <i+1|J_+|i> on each axis.
    own : (B, 5, n)
        <i+s|.|i>, s = -2..2, of all that acts on one axis.
    sides : (P, 2, 3, n)
        The same, s = -1..1, of the two factors of each product across blocks.
    row : (15,)
        See AXIS and the slots after it.
    hops : (3, H)
        Distance in memory that a hop within a row goes; the numbers of those with real elements, then all others; and
        1 for those others.
    hop : (2, H + 2, length)
        Their elements, zeros, and the diagonal of what acts on one axis within a row.
    cross : (2, 3 P, length)
        The second factors of products whose first one moves whole rows, three for each: s = -1, 0, 1.
    outers : (4, G)
        As ``hops``, between rows; and how many rows a hop goes.
    outer : (2, G + 2, R)
        Their elements, zeros, and the diagonal of what acts on one axis outside of a row.
    opens : (G + 2, R)
        1 where they start in the box; and 1 where what leaves the row next may leave the box but not the sector.
    diagonal : (2, cells)
        Diagonal of all else: products of blocks, potentials, and minus half of the rates of local jumps.
    mixed : (2, K, cells)
        -i/2 <i+1|.|i> of the rate operators of the jumps on a block, for each block where they are not diagonal, by
        where it starts; zero where i + 1 is not in the box.
    plane : (6, cells)
        Where all of the box is one row: diagonal, and what leads to a cell from the next ones on both axes. See
        :mod:`.lattice_plane`.
    weights, columns : (R,), (length,)
        |.|² of the rows of the Taylor vector made last, and of columns at the ends of them.
    """

    c: Floats
    own: Complex
    sides: Complex
    row: Integers
    hops: Integers
    hop: Floats
    cross: Floats
    outers: Integers
    outer: Floats
    opens: Integers
    diagonal: Floats
    mixed: Floats
    plane: Floats
    weights: Floats
    columns: Floats


@by_reference
class LatticeHeff(NamedTuple):
    """H_eff of a box of a sector of several blocks of two levels, as a no-jump step reads it."""

    has_jumps: bool
    lattice: Lattice
    box: Box
    elements: Elements
    place: Integers


@by_reference
class RowsWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, of a state in rows, on a window of rows and of columns.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, norms
        As there, with EDGE cells on each side. Elsewhere than in its window a Taylor vector has any numbers.
    moves : (MAX_ORDER + 1,)
        By how much each row of the series counts more in a sum when that is moved to another time.
    windows : (MAX_ORDER + 1, 4)
        First row and one past the last, first column and one past the last, of each Taylor vector. Columns begin at
        whole vectors of LANES and end there, or with the row. Each window lies within the one before.
    kept : (MAX_ORDER + 1, 4)
        The same of what is not negligible there.
    made : (MAX_ORDER + 1, R)
        For each row: ABSENT where a Taylor vector has any numbers, QUIET where it is negligible, or LOUD. A row that is
        there is there in all vectors before. Of the state itself, which has all rows, only where a series was made.
    shape : (2,)
        Number of rows and their length.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    norms: Floats
    moves: Floats
    windows: Integers
    kept: Integers
    made: NDArray[np.uint8]
    shape: Integers


LONG_ROW, LONGER_ROW = 12, 32
"""Amplitudes from which on a row is long enough in a box of one or two axes, and of more."""

EDGE = 2 * LONGER_ROW
"""Cells beside a box: more than the longest hop within a row."""

AXIS, LENGTH, HOPS, REAL_HOPS, OUTER, REAL_OUTER, WIDEST, REACH, TOUCHED, PLANE, BESIDE, RIGHT, LEFT, UPPER, LOWER = (
    range(15)
)
"""Slots of ``Elements.row``: its first axis, its length, how many hops there are within it, how many of them are real,
the same between rows, the longest hop within a row and, in rows, between them; whether a Taylor vector has been cut by
the box; whether all of the box is one row with the elements of each cell; whether hops lead to neighbours alone, from
rows of whole vectors of one axis, and the numbers of those along a row, and between rows, up and down."""

FIRST_ROW, LAST_ROW, FIRST_COLUMN, LAST_COLUMN = range(4)
"""Slots of a window."""

ABSENT, QUIET, LOUD = range(3)
"""What a row of a Taylor vector is."""

FAR, REAL_FIRST, COMPLEX, ROWS = range(4)
"""Rows of ``Elements.hops`` and ``Elements.outers``; the last one of the latter alone."""


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


@njit(**OPTIONS)
def moves_any(pair):
    """Whether a product of two operators has elements beside the diagonal."""
    for side in range(2):  # noqa: SIM110 - numba has no any() of this
        if pair[side, 0, 1] != 0.0 or pair[side, 1, 0] != 0.0:
            return True
    return False


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
def table_at(start, strides, lo, place):
    """Where a table of Γ or of a potential is at a place in the box; on the last axis, at its first state."""
    at, last = start + lo[lo.size - 1] * strides[lo.size - 1], lo.size - 1
    for b in range(last):
        at += (lo[b] + place[b]) * strides[b]
    return at


@njit(**OPTIONS)
def set_strides(n, stride, size):
    """Write strides and size from the numbers of states along the axes."""
    cells = 1
    for b in range(n.size - 1, -1, -1):
        stride[b] = cells
        cells *= n[b]
    size[0] = cells


@njit(**OPTIONS)
def long_row(axes):
    """From which length on a row of a box of so many axes is long enough."""
    return LONG_ROW if axes <= 2 else LONGER_ROW
