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

from numba import njit

from .brownian import brownian_increment
from .common import MAX_ORDER, OPTIONS

REACHED, CLICK, PAUSED, NO_CONVERGENCE, NOT_FINITE = range(5)
"""Status codes: the end is there; a counted jump is due now; so many steps are made; the step cannot be made short
enough; the state is no state."""

FINEST = 40
"""Halvings of the unit of time below which no step goes."""

_TAYLOR = 1e-3
"""Part of the error of a step that its Taylor series may have."""

_LONGER = 0.25
"""Part of its bound that the error of a step is below, before the next one is twice as long."""


@njit(**OPTIONS)
def apply_rows(pointers, columns, values, state, target):
    """Apply a matrix in compressed rows: target = A state."""
    for row in range(len(pointers) - 1):
        total = 0.0 + 0.0j
        for entry in range(pointers[row], pointers[row + 1]):
            total += values[entry] * state[columns[entry]]
        target[row] = total


@njit(**OPTIONS)
def expectation(pointers, columns, values, state):
    """<ψ|A|ψ>."""
    whole = 0.0 + 0.0j
    for row in range(len(pointers) - 1):
        total = 0.0 + 0.0j
        for entry in range(pointers[row], pointers[row + 1]):
            total += values[entry] * state[columns[entry]]
        whole += state[row].conjugate() * total
    return whole


@njit(**OPTIONS)
def square_norm(state):
    """|ψ|²."""
    total = 0.0
    for amplitude in state:
        total += amplitude.real * amplitude.real + amplitude.imag * amplitude.imag
    return total


@njit(**OPTIONS)
def exponential(pointers, columns, values, source, target, row, other, tolerance):
    """Apply e^{A - <A>} to the source and normalise, by its Taylor series; the order that it takes, or -1.

    The series ends where two terms together are below the tolerance; -1 if MAX_ORDER of them do not reach it. The
    source has the norm 1, ``row`` and ``other`` are room to work in.
    """
    for i in range(len(source)):
        row[i] = target[i] = source[i]
    mean, before = 0.0 + 0.0j, 1.0
    for order in range(1, MAX_ORDER + 1):
        apply_rows(pointers, columns, values, row, other)
        if order == 1:
            for i in range(len(source)):
                mean += source[i].conjugate() * other[i]
        share, norm2 = 1.0 / order, 0.0
        for i in range(len(source)):
            made = share * (other[i] - mean * row[i])
            row[i] = made
            target[i] += made
            norm2 += made.real * made.real + made.imag * made.imag
        norm = sqrt(norm2)
        if not norm < 1e6:
            return -1
        if norm + before <= tolerance or norm == 0.0:
            scale = 1.0 / sqrt(square_norm(target))
            for i in range(len(source)):
                target[i] *= scale
            return order
        before = norm
    return -1


@njit(**OPTIONS)
def currents(pointers, columns, operators, channel_operator, factor, state, found):
    """<M_c + M_c†> of every channel, M_c = factor_c times its operator."""
    for o in range(len(operators)):
        mean = expectation(pointers, columns, operators[o], state)
        for c in range(len(factor)):
            if channel_operator[c] == o:
                found[c] = 2.0 * (factor[c] * mean).real


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
    """The state after the time h, normalised; the order of its series, or -1.

    ``flow`` is <M_c + M_c†> of the source, ``gain`` what the path has in this time. The exponent stands in
    ``work.exponent``.
    """
    for entry in range(len(tables.drift)):
        work.exponent[entry] = h * tables.drift[entry]
    for c in range(len(tables.factor)):
        drift = -tables.offset[c] if len(path.grid) else flow[c]
        z, operator = tables.factor[c] * (gain[c] + h * drift), tables.operators[tables.channel_operator[c]]
        for entry in range(len(operator)):
            work.exponent[entry] += z * operator[entry]
    return exponential(tables.pointers, tables.columns, work.exponent, source, target, work.row, work.other, tolerance)


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
def apart(left, right):
    """Distance of two normalised states, whatever their phases."""
    overlap = 0.0 + 0.0j
    for i in range(len(left)):
        overlap += left[i].conjugate() * right[i]
    size = abs(overlap)
    phase = overlap.conjugate() / size if size > 0.0 else 1.0 + 0.0j
    total = 0.0  # from 2 - 2 |overlap| a distance below 1e-8 would be rounding
    for i in range(len(left)):
        difference = left[i] - phase * right[i]
        total += difference.real * difference.real + difference.imag * difference.imag
    return sqrt(total)


@njit(**OPTIONS)
def rate_of(tables, state):
    """Rate of all counted jumps together, <Σ L†L>."""
    if len(tables.counted) == 0:
        return 0.0
    return max(expectation(tables.counted_pointers, tables.counted_columns, tables.counted, state).real, 0.0)


@njit(**OPTIONS)
def flow_of(tables, state, found):
    """<M_c + M_c†> of every channel."""
    currents(tables.pointers, tables.columns, tables.operators, tables.channel_operator, tables.factor, state, found)


@njit(**OPTIONS)
def wait_within(rate, later, length, waiting):
    """When in ``length`` the integral of a rate that goes straight from ``rate`` to ``later`` reaches ``waiting``."""
    slope = (later - rate) / length
    root = sqrt(max(rate * rate + 2.0 * slope * waiting, 0.0))
    return min(2.0 * waiting / (rate + root), length) if rate + root > 0.0 else length


@njit(**OPTIONS)
def click(tables, path, work, source, flow, start, wait, tolerance):
    """Go on from a state at the time ``start`` to the click that comes after ``wait``, where ``work.state`` is then."""
    gather_paths(path, start, start + wait, work.both)
    if moved_on(tables, path, work, source, work.coarse, flow, work.both, wait, tolerance) < 0:
        for i in range(len(source)):  # it is shorter than a step that has succeeded: not reached
            work.coarse[i] = source[i]
    flow_of(tables, work.coarse, work.flow_end)
    recorded(tables, path, work.record, work.both, flow, work.flow_end, wait)
    for i in range(len(source)):
        work.state[i] = work.coarse[i]


@njit(**OPTIONS)
def advance(tables, path, work, now, until, most_steps, room, error, tolerance):
    """Go on along the path until a time, or to the click of a counted jump, or for so many steps.

    Each step is made once whole and once in two halves along the same path; it is taken, from the halves, where both
    differ by no more than error·sqrt(h/unit), so that what steps of any length leave adds up to the error in a unit of
    time. Steps end at multiples of their own length, which is a power of two.

    Parameters
    ----------
    tables, path, work
        See cojump.trajectories.diffusion_tables.
    now : (4,) array
        Time, what is left of the integrated rate of counted jumps before the next one, halvings of the unit in the
        length of a step, and powers of H_eff that the state has seen since somebody has set it to zero.
    until : float
    most_steps : int
    room : int
        Powers of H_eff after which the state may reach the end of its window.
    error, tolerance : float

    Returns
    -------
    int
        The status; the state in ``work.state``, what the record has gained in ``work.record``.
    """
    rate = rate_of(tables, work.state)
    flow_of(tables, work.state, work.flow)
    for _ in range(most_steps):
        start, waiting, level = now[0], now[1], int(now[2])
        if start >= until:
            return REACHED
        width = path.unit * 2.0**-level
        shorter = width
        while len(tables.counted) and shorter * rate > 2.0 * waiting and shorter > path.unit * 2.0**-FINEST:
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
        whole = moved_on(tables, path, work, work.state, work.coarse, work.flow, work.both, h, small)
        first = moved_on(tables, path, work, work.state, work.half, work.flow, work.first, 0.5 * h, small)
        second, found = -1, 2.0
        if whole > 0 and first > 0:
            flow_of(tables, work.half, work.flow_half)
            second = moved_on(tables, path, work, work.half, work.fine, work.flow_half, work.second, 0.5 * h, small)
            if second > 0:
                found = apart(work.coarse, work.fine)
        if found != found:
            return NOT_FINITE
        if second < 0 or found > bound or first + second > room:
            while path.unit * 2.0**-level >= h:
                level += 1
            if level > FINEST:
                return NO_CONVERGENCE
            now[2] = level
            continue
        if now[3] + first + second > room:
            return PAUSED
        rate_half, rate_end = rate_of(tables, work.half), rate_of(tables, work.fine)
        lost_half = 0.25 * h * (rate + rate_half)
        lost = lost_half + 0.25 * h * (rate_half + rate_end)
        if len(tables.counted) and waiting <= lost:
            if waiting > lost_half:
                recorded(tables, path, work.record, work.first, work.flow, work.flow_half, 0.5 * h)
                wait = wait_within(rate_half, rate_end, 0.5 * h, waiting - lost_half)
                click(tables, path, work, work.half, work.flow_half, middle, wait, small)
                now[0] = middle + wait
            else:
                wait = wait_within(rate, rate_half, 0.5 * h, waiting)
                click(tables, path, work, work.state, work.flow, start, wait, small)
                now[0] = start + wait
            now[1] = 0.0
            return CLICK
        flow_of(tables, work.fine, work.flow_end)
        recorded(tables, path, work.record, work.first, work.flow, work.flow_half, 0.5 * h)
        recorded(tables, path, work.record, work.second, work.flow_half, work.flow_end, 0.5 * h)
        for c in range(len(work.flow)):
            work.flow[c] = work.flow_end[c]
        for i in range(len(work.fine)):
            work.state[i] = work.fine[i]
        now[0], now[1], now[3], rate = end, waiting - lost, now[3] + first + second, rate_end
        if h == width and found < _LONGER * bound and level > 0:
            now[2] = level - 1
    return PAUSED
