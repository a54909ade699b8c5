"""A state that diffuses: between the clicks it follows the noise of homodyne and heterodyne detection.

With a measured record Y_c(t) of each channel c of the operator M_c, the state that is not normalised obeys, in the
sense of Stratonovich,

    dφ = [-i H_eff - ½ Σ_c M_c²] φ dt + Σ_c M_c φ ∘ dY_c,    dY_c = <M_c + M_c†> dt + dW_c,

W_c independent Brownian motions. A step of the length h goes by the exponential of B h + Σ_c M_c ΔY_c, B what stands in
the brackets, with the expectation at its start in ΔY_c. Numbers that are added to the exponent drop out of the
normalised state: the exponent is used without its expectation, so that few powers are needed at any N.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .brownian import brownian_increment
from .common import MAX_ORDER, OPTIONS
from .operator_bands import (
    add_to,
    apply,
    copied,
    expectation,
    inner_product,
    quiet_ends,
    scaled,
    square_distance,
)
from .vectors import LANES, fused, load, spread, store, total

REACHED, CLICK, PAUSED, NO_CONVERGENCE, NOT_FINITE = range(5)
"""Status codes: the end is there; a counted jump is due now; so many steps are made, or the state has come to the end
of its window; the step cannot be made short enough; the state is no state."""

FINEST = 40
"""Halvings of the unit of time below which no step goes."""

NO_SERIES, NO_ROOM, NARROW = -1, -2, -3
"""In place of an order: the series is too long; it leads out of the window; the exponent stands on too few cells."""

STATE, COARSE, HALF, FINE, ROW = range(5)
"""States in ``work.states`` and their spans."""

_TAYLOR = 1e-3
"""Part of the error of a step that its Taylor series may have."""

_CUT = 2.0**-10
"""Part of that which the vectors at an end of a term of the series may weigh that are left out."""

_LONGER = 0.25
"""Part of its bound that the error of a step is below, before the next one is twice as long."""

_POWERS = 6
"""Powers of the exponent for which it is made beside the state at first."""


@by_reference
class Tables(NamedTuple):
    """Operators of one sector, see :mod:`cojump.trajectories.kernels.operator_bands`.

    Attributes
    ----------
    stride, margin, reach : int
        Cells of a state, in whole vectors; zeros on each side of them; how far a power of the exponent leads at most,
        in whole vectors, and 0 for compressed rows.
    beyond : (2,) bool array
        Whether the sector goes on below the first cell, and above the last one, of a window on one axis.
    offsets, pointers, columns : int arrays
        Diagonals or rows of the union of B and all operators.
    drift_re, drift_im : (E,) arrays
        B = -i H_eff - ½ Σ_c M_c².
    operators_re, operators_im : (O, E) arrays
        The operators that are observed.
    present : (O, D) bool array
        Diagonals of each of them that are not zero.
    channel_operator : (C,) int array
    factor : (C,) complex array
        M_c is this factor times this operator.
    offset : (C,) array
        What is added to <M_c + M_c†> in the record: the operator of a mode is counted from its reference.
    counted_offsets, counted_pointers, counted_columns, counted_re, counted_im, counted_present
        Σ L†L of what is counted, in the same way; no element where nothing is.
    """

    stride: int
    margin: int
    reach: int
    beyond: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    drift_re: NDArray[np.float64]
    drift_im: NDArray[np.float64]
    operators_re: NDArray[np.float64]
    operators_im: NDArray[np.float64]
    present: NDArray[np.bool_]
    channel_operator: NDArray[np.int64]
    factor: NDArray[np.complex128]
    offset: NDArray[np.float64]
    counted_offsets: NDArray[np.int64]
    counted_pointers: NDArray[np.int64]
    counted_columns: NDArray[np.int64]
    counted_re: NDArray[np.float64]
    counted_im: NDArray[np.float64]
    counted_present: NDArray[np.bool_]


@by_reference
class Path(NamedTuple):
    """The noise of a trajectory, or its record.

    Attributes
    ----------
    key : (2,) uint64 array
        Two words of 32 bits, other ones for every trajectory.
    unit : float
        Length of a cell, a power of two.
    grid : (T,) array
        Times of a record that is given; empty where the noise is drawn.
    record : (T, C) array
        What it has gained up to each of these times since the one before.
    """

    key: NDArray[np.uint64]
    unit: float
    grid: NDArray[np.float64]
    record: NDArray[np.float64]


@by_reference
class Room(NamedTuple):
    """Preallocated arrays: states and their spans, an exponent and the rows it is made in, and numbers of each channel.

    Attributes
    ----------
    states_re, states_im : (5, cells)
    spans : (5, 2)
    other : (2, cells)
    exponent : (2, E)
    ends : (2,)
    """

    states_re: NDArray[np.float64]
    states_im: NDArray[np.float64]
    spans: NDArray[np.int64]
    other: NDArray[np.float64]
    exponent: NDArray[np.float64]
    ends: NDArray[np.int64]
    flow: NDArray[np.float64]
    flow_half: NDArray[np.float64]
    flow_end: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    both: NDArray[np.float64]
    record: NDArray[np.float64]


@njit(**OPTIONS)
def exponential(tables, work, source, target, ends, tolerance):
    """Apply e^{A - <A>} to the source and normalise, by its Taylor series; the order it takes, or a reason why not.

    A is in ``work.exponent`` in the rows ``ends[0]`` to ``ends[1]``. The series ends where two terms together are below
    the tolerance. The source has the norm 1.
    """
    spans, margin, stride, reach = work.spans, tables.margin, tables.stride, tables.reach
    from_re, from_im = work.states_re[source], work.states_im[source]
    to_re, to_im = work.states_re[target], work.states_im[target]
    row_re, row_im, other_re, other_im = work.states_re[ROW], work.states_im[ROW], work.other[0], work.other[1]
    lo, hi, least = spans[source, 0], spans[source, 1], (_CUT * tolerance) ** 2
    copied(from_re, from_im, margin, lo, hi, to_re, to_im, spans[target, 0], spans[target, 1])
    copied(from_re, from_im, margin, lo, hi, row_re, row_im, spans[ROW, 0], spans[ROW, 1])
    first, last, spans[ROW, 0], spans[ROW, 1] = lo, hi, lo, hi
    mean, before, order = 0.0 + 0.0j, 1.0, 0
    while order < MAX_ORDER:
        if (lo < reach and tables.beyond[0]) or (hi + reach > stride and tables.beyond[1]):
            spans[target, 0], spans[target, 1] = first, last
            return NO_ROOM
        lo, hi = max(lo - reach, 0), min(hi + reach, stride)
        if lo < ends[0] or hi > ends[1]:
            spans[target, 0], spans[target, 1] = first, last
            return NARROW
        spans[ROW, 0], spans[ROW, 1] = lo, hi
        first, last = min(first, lo), max(last, hi)
        apply(
            tables.offsets, tables.pointers, tables.columns, stride, margin, work.exponent[0], work.exponent[1],
            row_re, row_im, lo, hi, other_re, other_im,
        )  # fmt: skip
        if order == 0:
            mean = inner_product(from_re, from_im, other_re, other_im, margin, spans[source, 0], spans[source, 1])
        order += 1
        share, c, s, square = spread(1.0 / order), spread(mean.real), spread(mean.imag), spread(0.0)
        for p in range(margin + lo, margin + hi, LANES):
            v, w = load(row_re, p, LANES), load(row_im, p, LANES)
            x = share * (load(other_re, p, LANES) - fused(c, v, -(s * w)))
            y = share * (load(other_im, p, LANES) - fused(c, w, s * v))
            square = fused(x, x, fused(y, y, square))
            store(row_re, p, LANES, x)
            store(row_im, p, LANES, y)
            store(to_re, p, LANES, load(to_re, p, LANES) + x)
            store(to_im, p, LANES, load(to_im, p, LANES) + y)
        norm = sqrt(total(square))
        if not norm < 1e6:
            break
        if norm + before <= tolerance or norm == 0.0:
            first, last = quiet_ends(to_re, to_im, margin, first, last, least)
            norm2 = inner_product(to_re, to_im, to_re, to_im, margin, first, last).real
            scaled(to_re, to_im, margin, first, last, 1.0 / sqrt(norm2))
            spans[target, 0], spans[target, 1] = first, last
            return order
        before = norm
        if reach > 0:
            lo, hi = quiet_ends(row_re, row_im, margin, lo, hi, least)
    spans[target, 0], spans[target, 1] = first, last
    return NO_SERIES


@njit(**OPTIONS)
def along(path, channel, start, end):
    """What a path has between two times: an increment of W, or of a given record, straight between its own times."""
    if len(path.grid) == 0:
        return brownian_increment(path.key[0], path.key[1], path.unit, channel, start, end)
    total, left = 0.0, 0.0
    for i in range(len(path.grid)):
        right = path.grid[i]
        if right > start and left < end and right > left:
            share = (min(right, end) - max(left, start)) / (right - left)
            total += share * path.record[i, channel]
        left = right
        if left >= end:
            break
    return total


@njit(**OPTIONS)
def moved_on(tables, path, work, source, target, flow, gain, h, tolerance):
    """The state after the time h, normalised; the order of its series, or a reason why it has none.

    ``flow`` is <M_c + M_c†> of the source, ``gain`` what the path has in this time.
    """
    spans, powers = work.spans, _POWERS
    while True:
        lo = max(spans[source, 0] - powers * tables.reach, 0)
        hi = min(spans[source, 1] + powers * tables.reach, tables.stride)
        first, last = (lo, hi) if tables.offsets.size > 0 else (0, tables.drift_re.size)
        re, im = work.exponent[0], work.exponent[1]
        add_to(
            re, im, tables.offsets, tables.stride, tables.drift_re, tables.drift_im, tables.present[0], complex(h),
            first, last, True,
        )  # fmt: skip
        for c in range(tables.factor.size):
            drift = -tables.offset[c] if len(path.grid) else flow[c]
            z, o = tables.factor[c] * (gain[c] + h * drift), tables.channel_operator[c]
            add_to(
                re, im, tables.offsets, tables.stride, tables.operators_re[o], tables.operators_im[o],
                tables.present[o], z, first, last, False,
            )  # fmt: skip
        work.ends[0], work.ends[1] = lo, hi
        order = exponential(tables, work, source, target, work.ends, tolerance)
        if order != NARROW:
            return order
        powers *= 2


@njit(**OPTIONS)
def gather_paths(path, start, end, found):
    """What every channel has of its path between two times."""
    for c in range(len(found)):
        found[c] = along(path, c, start, end)


@njit(**OPTIONS)
def recorded(tables, path, record, gain, flow, later, h):
    """Add to the record what a piece of the path has given: a record that is given, or W and the mean current."""
    for c in range(len(record)):
        record[c] += gain[c]
        if not len(path.grid):
            record[c] += h * (0.5 * (flow[c] + later[c]) + tables.offset[c])


@njit(**OPTIONS)
def apart(work, margin, left, right):
    """Distance of two normalised states, whatever their phases."""
    a_re, a_im, b_re, b_im = work.states_re[left], work.states_im[left], work.states_re[right], work.states_im[right]
    lo = min(work.spans[left, 0], work.spans[right, 0])
    hi = max(work.spans[left, 1], work.spans[right, 1])
    overlap = inner_product(a_re, a_im, b_re, b_im, margin, lo, hi)
    size = abs(overlap)
    phase = overlap.conjugate() / size if size > 0.0 else 1.0 + 0.0j
    # from 2 - 2 |overlap| a distance below 1e-8 would be rounding
    return sqrt(square_distance(a_re, a_im, b_re, b_im, margin, lo, hi, phase))


@njit(**OPTIONS)
def rate_of(tables, work, state):
    """Rate of all counted jumps together, <Σ L†L>."""
    if tables.counted_re.size == 0:
        return 0.0
    rate = expectation(
        tables.counted_offsets, tables.counted_pointers, tables.counted_columns, tables.stride, tables.margin,
        tables.counted_re, tables.counted_im, tables.counted_present, work.states_re[state], work.states_im[state],
        work.spans[state, 0], work.spans[state, 1],
    ).real  # fmt: skip
    return max(rate, 0.0)


@njit(**OPTIONS)
def flow_of(tables, work, state, found):
    """<M_c + M_c†> of every channel, M_c = factor_c times its operator."""
    for o in range(tables.operators_re.shape[0]):
        mean = expectation(
            tables.offsets, tables.pointers, tables.columns, tables.stride, tables.margin, tables.operators_re[o],
            tables.operators_im[o], tables.present[o], work.states_re[state], work.states_im[state],
            work.spans[state, 0], work.spans[state, 1],
        )  # fmt: skip
        for c in range(tables.factor.size):
            if tables.channel_operator[c] == o:
                found[c] = 2.0 * (tables.factor[c] * mean).real


@njit(**OPTIONS)
def taken(work, margin, source, target):
    """Let one of the states be another one too."""
    copied(
        work.states_re[source], work.states_im[source], margin, work.spans[source, 0], work.spans[source, 1],
        work.states_re[target], work.states_im[target], work.spans[target, 0], work.spans[target, 1],
    )  # fmt: skip
    work.spans[target, 0], work.spans[target, 1] = work.spans[source, 0], work.spans[source, 1]


@njit(**OPTIONS)
def wait_within(rate, later, length, waiting):
    """When in ``length`` the integral of a rate that goes straight from ``rate`` to ``later`` reaches ``waiting``."""
    slope = (later - rate) / length
    root = sqrt(max(rate * rate + 2.0 * slope * waiting, 0.0))
    return min(2.0 * waiting / (rate + root), length) if rate + root > 0.0 else length


@njit(**OPTIONS)
def shortened(now, unit, h):
    """Let steps be shorter than h from now on; False where that is too short."""
    level = int(now[2])
    while unit * 2.0**-level >= h:
        level += 1
    now[2] = level
    return level <= FINEST


@njit(**OPTIONS)
def settled(tables, work, tail):
    """Find the span of a state that has been written into all of its cells, without ``tail`` at each end.

    So much was left out when its window was chosen: what is beyond the span has room for the powers of a step.
    """
    work.spans[STATE, 0], work.spans[STATE, 1] = 0, tables.stride
    if tables.reach > 0:
        work.spans[STATE, 0], work.spans[STATE, 1] = quiet_ends(
            work.states_re[STATE], work.states_im[STATE], tables.margin, 0, tables.stride, tail
        )


@njit(**OPTIONS)
def advance(tables, path, work, now, until, most_steps, room, error, tolerance, tail):
    """Go on along the path until a time, or to the click of a counted jump, or for so many steps.

    Each step is made once whole and once in two halves along the same path; it is taken, from the halves, where both
    differ by no more than error·sqrt(h/unit), so that what steps of any length leave adds up to the error in a unit of
    time. Steps end at multiples of their own length, which is a power of two.

    Parameters
    ----------
    tables, path, work
        See the classes above.
    now : (4,) array
        Time, what is left of the integrated rate of counted jumps before the next one, halvings of the unit in the
        length of a step, and powers of H_eff that the state has seen since somebody has set it to zero.
    until : float
    most_steps : int
    room : float
        Powers of H_eff after which the state may reach the end of its window, where the span of the state does not show
        it.
    error, tolerance : float
    tail : float
        Weight that may be cut off at each end of the state, once.

    Returns
    -------
    int
        The status; the state is the first of ``work.states``, what the record has gained stands in ``work.record``.
    """
    settled(tables, work, tail)
    rate = rate_of(tables, work, STATE)
    flow_of(tables, work, STATE, work.flow)
    for _ in range(most_steps):
        start, waiting, level = now[0], now[1], int(now[2])
        if start >= until:
            return REACHED
        width = path.unit * 2.0**-level
        shorter = width
        while tables.counted_re.size > 0 and shorter * rate > 2.0 * waiting and shorter > path.unit * 2.0**-FINEST:
            shorter *= 0.5
        end = min((floor(start / shorter) + 1.0) * shorter, until)
        h = end - start
        middle = start + 0.5 * h
        bound = error * sqrt(h / path.unit)
        small = max(_TAYLOR * bound, tolerance)
        gather_paths(path, start, middle, work.first)
        gather_paths(path, middle, end, work.second)
        for c in range(len(work.first)):
            work.both[c] = work.first[c] + work.second[c]
        whole = moved_on(tables, path, work, STATE, COARSE, work.flow, work.both, h, small)
        first = moved_on(tables, path, work, STATE, HALF, work.flow, work.first, 0.5 * h, small)
        second, found = NO_SERIES, 2.0
        if whole > 0 and first > 0:
            flow_of(tables, work, HALF, work.flow_half)
            second = moved_on(tables, path, work, HALF, FINE, work.flow_half, work.second, 0.5 * h, small)
            if second > 0:
                found = apart(work, tables.margin, COARSE, FINE)
        if found != found:
            return NOT_FINITE
        if now[3] > 0 and (whole == NO_ROOM or first == NO_ROOM or second == NO_ROOM):
            return PAUSED
        if second < 0 or found > bound or first + second > room:
            if not shortened(now, path.unit, h):
                return NO_CONVERGENCE
            continue
        if now[3] + first + second > room:
            return PAUSED
        rate_half, rate_end = rate_of(tables, work, HALF), rate_of(tables, work, FINE)
        lost_half = 0.25 * h * (rate + rate_half)
        lost = lost_half + 0.25 * h * (rate_half + rate_end)
        if tables.counted_re.size > 0 and waiting <= lost:
            late = waiting > lost_half
            if late:
                source, begin, wait = HALF, middle, wait_within(rate_half, rate_end, 0.5 * h, waiting - lost_half)
            else:
                source, begin, wait = STATE, start, wait_within(rate, rate_half, 0.5 * h, waiting)
            flow = work.flow_half if late else work.flow
            gather_paths(path, begin, begin + wait, work.both)
            order = moved_on(tables, path, work, source, COARSE, flow, work.both, wait, small)
            if order < 0:  # within the step the path can go farther than at its end
                if order == NO_ROOM and now[3] > 0:
                    return PAUSED
                if not shortened(now, path.unit, h):
                    return NO_CONVERGENCE
                continue
            if late:
                recorded(tables, path, work.record, work.first, work.flow, work.flow_half, 0.5 * h)
            flow_of(tables, work, COARSE, work.flow_end)
            recorded(tables, path, work.record, work.both, flow, work.flow_end, wait)
            taken(work, tables.margin, COARSE, STATE)
            now[0], now[1] = begin + wait, 0.0
            return CLICK
        flow_of(tables, work, FINE, work.flow_end)
        recorded(tables, path, work.record, work.first, work.flow, work.flow_half, 0.5 * h)
        recorded(tables, path, work.record, work.second, work.flow_half, work.flow_end, 0.5 * h)
        for c in range(len(work.flow)):
            work.flow[c] = work.flow_end[c]
        taken(work, tables.margin, FINE, STATE)
        now[0], now[1], now[3], rate = end, waiting - lost, now[3] + first + second, rate_end
        if h == width and found < _LONGER * bound and level > 0:
            now[2] = level - 1
    return PAUSED
