"""Columns of Fock states that blocks of two levels have beside boson modes: where they are, and sums of a series.

See :mod:`.spin_mode`. Of each vector of the series a column has the Fock states to which something leads that is not
negligible: from the same column, and from those beside it where the amplitudes next to it are not. What is so small at
the ends of columns that it leads nowhere is added up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS
from .quiet_sums import largest_quiet, more_quiet, none_quiet
from .vectors import (
    LANES,
    fused,
    load,
    quiet_first,
    spread,
    store,
    total,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@by_reference
class SpinModeModel(NamedTuple):
    """What does not change: B blocks, M modes, L jumps, and tables over the i of all blocks that do not know J.

    Attributes
    ----------
    sizes, limits : (B,), (A,) int
        Particles of each block; the largest i or n of what has planes: the other blocks, and all modes but the first.
    strides : (B,) int
        By how much the place in a table grows with i of each block: 1 of the last one, whose i go up to 8K.
    y, one : (M, B, 2, 2), (B, 2, 2) complex
        Couplings y/√N to each mode, and the one-body part of H.
    level, damping : flat
        E(i, 0): real part, and minus its imaginary part without the share of the displacements.
    of_mode : (M, 10)
        See OMEGA and the slots behind it.
    kind, axis : (L,) int
        LADDER_DOWN, LADDER_UP, GENERAL, COLLECTIVE_DOWN, COLLECTIVE_UP, COLLECTIVE where it is diagonal, or LOSS; and
        the block that jumps, or the mode.
    strength : (L, 2)
        |j|² of a ladder, of one particle or collective; rates of a and of a†.
    collected : (B, 2)
        Rates of all J_- and of all J_+ of each block that are collective jumps.
    gamma : (L, .)
        Γ by the i from which a particle jumps by a ladder; the rate of any other jump.
    j : (L, 2, 2) complex
        Of jumps that are no ladders, and diagonal collective ones. Γ of those of particles, eight places further, and 1
        where i is the number of others that are up:
    table, excluded : (L, . + 16), (L,) int
    roots : (R + 2,)
        √n.
    seen_in, seen : (O,) int, (O, 2, 2) complex
        Operators of particles that averages need, and of which block. One block needs none: it has sums of its own.
    """

    sizes: Integers
    limits: Integers
    strides: Integers
    y: NDArray[np.complex128]
    one: NDArray[np.complex128]
    level: Floats
    damping: Floats
    of_mode: Floats
    kind: Integers
    axis: Integers
    strength: Floats
    collected: Floats
    gamma: Floats
    j: NDArray[np.complex128]
    table: Floats
    excluded: Integers
    roots: Floats
    seen_in: Integers
    seen: NDArray[np.complex128]


@by_reference
class SpinModeHeff(NamedTuple):
    """H_eff of a sector in a frame of the mode, as a no-jump step reads it.

    Attributes
    ----------
    has_jumps : bool
    model : SpinModeModel
    elements : (M, 18, 8K)
        Of the last block and each mode, by where they lead to: see LEVEL and the slots behind it. Real and imaginary
        parts follow each other.
    beside : (P, 6 + 12 (B - 1) + (M - 1)(4 + 8 (B - 1)))
        What the other blocks and modes add in each plane: see ENERGY and the slots behind it.
    multiple : (B,)
        How many times Y between neighbours B is, where both are real and Y is Hermitian; NaN elsewhere.
    c : (B, .)
        c_J(i) = <i+1|J_+|i> of each block.
    frame : (M, 6)
        See B_RE and the slots behind it.
    where : (2 + B,) int
        Number of cells of the state, 1 if elements of the last block are complex, and 2J of each block.
    size, radial : (S,), (S, R, R)
        Displacements by √size/4, for the last S sizes; -1 where there is none.
    """

    has_jumps: bool
    model: SpinModeModel
    elements: Floats
    beside: Floats
    multiple: Floats
    c: Floats
    frame: Floats
    where: Integers
    size: Integers
    radial: Floats


@by_reference
class SpinModeWork(NamedTuple):
    """As :class:`cojump.trajectories.kernels.common.Work`, in columns of R Fock states, of P planes.

    The first and the last column of each plane are empty, and so are the first and the last plane of each of the other
    blocks and modes, A in all, the blocks first.

    Attributes
    ----------
    taylor_re, taylor_im, out_re, out_im, norms
        As there; row n of column k begins at cell 8 (k R + n).
    shape : (7,) int
        See ROWS and the slots behind it.
    hops, first : (A,) int
        By how many planes neighbours along a block or mode are apart, and the i or n of the second of its planes.
    planes : (P, 2 + A) int
        1 in the sector, -1 of an empty plane at an end, 0 of others; where a table begins, and the i and n.
    cover : (MAX_ORDER + 1, C, 2) int
        First and past-last Fock state of each column, of each vector of the series; where a plane has columns with any:
    columns : (MAX_ORDER + 1, P, 2) int
    tight : (C, 3, 2) int
        Of the last one, what is not negligible: of all of a column, of its first i, of its last i. Empty beside it.
    reach : (MAX_ORDER + 1, C, 2) int
        What the one before leads to: what is computed of each.
    span : (C, 2) int
        What ``out`` has. Two Fock states further, and as far in the columns beside, there are zeros.
    other_re, other_im : (8 R,)
        What other planes lead to in one column.
    """

    taylor_re: Floats
    taylor_im: Floats
    out_re: Floats
    out_im: Floats
    norms: Floats
    shape: Integers
    hops: Integers
    first: Integers
    planes: Integers
    cover: Integers
    columns: Integers
    tight: Integers
    reach: Integers
    span: Integers
    other_re: Floats
    other_im: Floats


ROWS, COLUMNS, WIDTH, PLANES, FIRST_COLUMN, LAST_COLUMN, BLOCKS = range(7)
"""Slots of ``shape``: R, all columns but the first and the last, the columns of a plane, P, in each plane the first
column of the sector and one behind its last, and B - 1."""

INSIDE, TABLE, UP_OF = range(3)
"""Second index of ``planes``."""

LEVEL, DAMPING, B_LOW, B_HIGH, P, P_LOW, P_HIGH, Q, Q_LOW, Q_HIGH = 0, 1, 2, 4, 6, 8, 10, 12, 14, 16
"""Rows of ``elements``: what displacements and J add to the diagonal, B from i - 1 and i + 1, u + Y from i, i - 1 and
i + 1, and v + Y†."""

ENERGY, OTHER_P, OTHER_Q, OTHER_GAIN, FROM_PLANES, FOR_EACH = 0, 1, 3, 5, 6, 12
"""Second index of ``beside``: energy, diagonals of Y and Y†, and half the rates of collective jumps; then, for each
block, what leads from its planes of i - 1 and i + 1: of B, of Y and of Y†, 12 numbers. Behind that, for each mode but
the first, the diagonals of its Y and Y†, and for each block what leads from i - 1 and i + 1: of Y, of Y†, 8 numbers."""

OMEGA, DRIVE_RE, DRIVE_IM, NET, BOTH, TICK, FOLLOWS, STAYS_RE, STAYS_IM, FAR = range(10)
"""Slots of ``of_mode``: ω, √N η, κ₁ - κ₂ and κ₁ + κ₂ of all losses, time between two moves of the reference, whether it
follows the mode, where it stays if not, and |<a'>| above which the frame is moved."""

B_RE, B_IM, BETA_RE, BETA_IM, LEFT, LEFT_THEN = range(6)
"""Slots of ``frame``: displacement and reference; of the first mode, time to the next move of all references, and that
behind the step."""

CELLS, IS_COMPLEX, TWO_J = range(3)
"""Slots of ``where``."""

ALL, FIRST, LAST = range(3)
"""Second index of ``tight``."""

FARTHEST = 2**40
"""The first row of what is empty: beyond any other."""


@njit(inline="always", **OPTIONS)
def blank_rows_of(re, im, base, first, last):
    """Zero rows of a column that begins at ``base``."""
    zero = spread(0.0)
    for p in range(base + LANES * first, base + LANES * last, LANES):
        store(re, p, LANES, zero)
        store(im, p, LANES, zero)


@njit(inline="always", **OPTIONS)
def union(lo, hi, rows):
    """Rows that hold these and others; with hi = 0 there are none."""
    if rows[1] > 0:
        lo, hi = min(lo, rows[0]), max(hi, rows[1])
    return lo, hi


@njit(**OPTIONS)
def _columns_beside(work, columns, p):
    """The columns of a plane to which those of a vector lead, in its sector."""
    width, first, last = work.shape[WIDTH], work.shape[WIDTH], np.int64(0)
    if work.planes[p, INSIDE] < 1:
        return last, last
    if columns[p, 1] > 0:
        first, last = columns[p, 0] - p * width - 1, columns[p, 1] - p * width + 1
    for a in range(work.hops.size):
        more = 1 if a >= work.shape[BLOCKS] else 0  # a mode leads to neighbours, too
        for q in (p - work.hops[a], p + work.hops[a]):
            if columns[q, 1] > 0:
                first = min(first, columns[q, 0] - q * width - more)
                last = max(last, columns[q, 1] - q * width + more)
            for b in range(more * work.shape[BLOCKS]):
                for r in (q - work.hops[b], q + work.hops[b]):
                    if columns[r, 1] > 0:
                        first, last = min(first, columns[r, 0] - r * width), max(last, columns[r, 1] - r * width)
    return p * width + max(first, work.shape[FIRST_COLUMN]), p * width + min(last, work.shape[LAST_COLUMN])


@njit(**OPTIONS)
def _beside_mode(work, k, lo, hi):
    """Rows that lead from columns beside column k of another n, and those of other blocks, to where it is."""
    tight, width = work.tight, work.shape[WIDTH]
    lo, hi = (
        min(lo, tight[k - 1, LAST, 0], tight[k + 1, FIRST, 0]),
        max(hi, tight[k - 1, LAST, 1], tight[k + 1, FIRST, 1]),
    )
    for b in range(work.shape[BLOCKS]):
        hop = work.hops[b] * width
        lo = min(lo, tight[k - hop, ALL, 0], tight[k + hop, ALL, 0])
        hi = max(hi, tight[k - hop, ALL, 1], tight[k + hop, ALL, 1])
    return lo, hi


@njit(**OPTIONS)
def lead(re, im, work, own, columns, reach, following):
    """Write which rows the next vector has, and zeros around the ``own`` ones as far as it will read them."""
    rows, width, tight, hops, blocks = work.shape[ROWS], work.shape[WIDTH], work.tight, work.hops, work.shape[BLOCKS]
    for p in range(work.shape[PLANES]):
        first, last = columns[p, 0], columns[p, 1]
        begin, end = _columns_beside(work, columns, p)
        for k in range(begin, end):
            lo = min(tight[k, ALL, 0], tight[k - 1, LAST, 0], tight[k + 1, FIRST, 0])
            hi = max(tight[k, ALL, 1], tight[k - 1, LAST, 1], tight[k + 1, FIRST, 1])
            for a in range(hops.size):
                low, high = k - hops[a] * width, k + hops[a] * width
                lo, hi = (
                    min(lo, tight[low, ALL, 0], tight[high, ALL, 0]),
                    max(hi, tight[low, ALL, 1], tight[high, ALL, 1]),
                )
                if a >= blocks:
                    lo, hi = _beside_mode(work, low, *_beside_mode(work, high, lo, hi))
            reach[k, 0], reach[k, 1] = (max(lo - 1, 0), min(hi + 1, rows - 1)) if hi > 0 else (0, 0)
        while begin < end and reach[begin, 1] == 0:
            begin += 1
        while begin < end and reach[end - 1, 1] == 0:
            end -= 1
        if not begin < end:
            following[p, 0] = following[p, 1] = 0
            continue
        following[p, 0], following[p, 1] = begin, end
        # rows of the columns k - 1, k and k + 1; those that are none reach from FARTHEST to 0
        low = here_low = FARTHEST
        high = here_high = np.int64(0)
        for k in range(begin - 1, end + 1):
            next_low, next_high = np.int64(FARTHEST), np.int64(0)
            if k + 1 < end and reach[k + 1, 1] > 0:
                next_low, next_high = max(reach[k + 1, 0] - 1, 0), reach[k + 1, 1] + 1
            lo, hi = min(low, here_low, next_low, rows), max(high, here_high, next_high)
            low, high, here_low, here_high = here_low, here_high, next_low, next_high
            base = LANES * k * rows
            before, behind = hi, hi
            if first <= k < last and own[k, 1] > 0:
                before, behind = min(own[k, 0], hi), max(own[k, 1], lo)
            blank_rows_of(re, im, base, lo, before)
            blank_rows_of(re, im, base, behind, hi)


@njit(**OPTIONS)
def keep_columns(rows_re, rows_im, work, most, cells):
    """Find what of the state has to lead on, where all but ``most`` of its weight does, and what the first vector has.

    ``cells`` is the number of its cells.
    """
    re, im, shape, tight, own, columns = rows_re[0], rows_im[0], work.shape, work.tight, work.cover[0], work.columns
    least, sums = most / cells, none_quiet()
    for k in range(shape[COLUMNS] + 2):
        empty(tight[k])
    for p in range(shape[PLANES]):
        for k in range(columns[0, p, 0], columns[0, p, 1]):
            base = LANES * k * shape[ROWS]
            for n in range(own[k, 0], own[k, 1]):
                a, b = load(re, base + LANES * n, LANES), load(im, base + LANES * n, LANES)
                sums = more_quiet(sums, fused(a, a, b * b), least)
    least, _ = largest_quiet(sums, most, least)
    for p in range(shape[PLANES]):
        find_ends(re, im, shape[ROWS], columns[0, p], own, least, tight)
    lead(re, im, work, own, columns[0], work.reach[1], columns[1])


@njit(inline="always", **OPTIONS)
def empty(tight):
    """Of a column nothing is not negligible."""
    for which in range(3):
        tight[which, 0], tight[which, 1] = FARTHEST, 0


@njit(inline="always", **OPTIONS)
def _ends_of_lane(re, im, p, lo, hi, least, rows):
    """Write which cells p + 8 n, n = lo..hi, of one lane are from the first to the last with a weight above ``least``;
    what those beside them weigh.
    """
    beside = 0.0
    while lo < hi:
        a, b = re[p + LANES * lo], im[p + LANES * lo]
        weight = a * a + b * b
        if not weight <= least:
            break
        beside += weight
        lo += 1
    while lo < hi:  # again: what is just above it here need not be so there, the compiler may round otherwise
        a, b = re[p + LANES * (hi - 1)], im[p + LANES * (hi - 1)]
        weight = a * a + b * b
        if not weight <= least:
            break
        beside += weight
        hi -= 1
    rows[0], rows[1] = (lo, hi) if lo < hi else (FARTHEST, 0)
    return beside


@njit(**OPTIONS)
def find_ends(re, im, size, columns, rows, least, tight):
    """Write which of ``rows`` of the columns of a plane are not negligible: from the first to the last with a weight
    above ``least``, of all of a column, of its first i, and of its last i.

    A column has room for ``size`` rows. What lies beside them leads nowhere, or not to the column beside: what it
    weighs is returned. It is no difference of larger sums: nothing would be left of it.
    """
    beside, of_lanes = spread(0.0), 0.0
    for k in range(columns[0], columns[1]):
        base, lo, hi = LANES * size * k, rows[k, 0], rows[k, 1]
        while lo < hi:
            a, b = load(re, base + LANES * lo, LANES), load(im, base + LANES * lo, LANES)
            weight = fused(a, a, b * b)
            if quiet_first(weight, least) < LANES:
                break
            beside = beside + weight
            lo += 1
        while lo < hi:
            a, b = load(re, base + LANES * (hi - 1), LANES), load(im, base + LANES * (hi - 1), LANES)
            weight = fused(a, a, b * b)
            if quiet_first(weight, least) < LANES:
                break
            beside = beside + weight
            hi -= 1
        tight[k, ALL, 0], tight[k, ALL, 1] = (lo, hi) if lo < hi else (FARTHEST, 0)
        of_lanes += _ends_of_lane(re, im, base, lo, hi, least, tight[k, FIRST])
        of_lanes += _ends_of_lane(re, im, base + LANES - 1, lo, hi, least, tight[k, LAST])
    return total(beside) + of_lanes


@njit(**OPTIONS)
def forget(work, order):
    """Forget what a vector has led to in columns that the next one has not."""
    for p in range(work.shape[PLANES]):
        first, last = work.columns[order + 1, p, 0], work.columns[order + 1, p, 1]
        for k in range(work.columns[order, p, 0], work.columns[order, p, 1]):
            if not first <= k < last:
                empty(work.tight[k])


@njit(**OPTIONS)
def blank_around(re, im, span, rows, columns):
    """Zero what is read beside the spans of a state: two Fock states further, and as much in the columns beside."""
    for k in range(columns + 2):
        lo, hi = rows, np.int64(0)
        for beside in range(max(k - 1, 1), min(k + 2, columns + 1)):
            if span[beside, 1] > 0:
                lo, hi = min(lo, max(span[beside, 0] - 2, 0)), max(hi, min(span[beside, 1] + 2, rows))
        base = LANES * k * rows
        if span[k, 1] > 0:
            blank_rows_of(re, im, base, lo, span[k, 0])
            blank_rows_of(re, im, base, span[k, 1], hi)
        else:
            blank_rows_of(re, im, base, lo, hi)
