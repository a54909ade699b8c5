"""A window of one sector between two steps, as :mod:`.counting` goes on with it where terms change in time."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .driven_bands import value_at


def until_change(h_eff, t, most):
    """How far a step from the time t may go, of at most ``most``: to the end of a piece of the time axis."""
    factors = h_eff.factors
    return piece_of(factors.end, factors.place, factors.clock, t, most)


@njit(**OPTIONS)
def piece_of(end, place, clock, t, most):
    """Find the piece that begins at or before t and ends after it: the next one, where only rounding is left of it."""
    n, at = end.size, place[0]
    while at > 0 and end[at - 1] > t:
        at -= 1
    while at + 1 < n and not t + 0.5 * (end[at] - t) > t:
        at += 1
    place[0], clock[0] = at, t
    return most if at + 1 == n else min(most, end[at] - t)


def ended_at(h_eff, t, time, found, horizon):
    """The time at which a step from t has ended, where ``at_jump`` has the factors if that is a jump."""
    factors = h_eff.factors
    return end_of(
        factors.start,
        factors.end,
        factors.series,
        factors.place[0],
        factors.at_jump,
        t,
        time,
        found,
        horizon,
    )


@njit(**OPTIONS)
def end_of(start, end, series, at, at_jump, t, time, found, horizon):
    """See :func:`ended_at`."""
    if found == 0:
        return end[at] if at + 1 < end.size and horizon >= end[at] - t else t + time
    half = 0.5 * (end[at] - start[at])
    x = min(max((t + time - start[at]) / half - 1.0, -1.0), 1.0)
    for p in range(at_jump.size):
        at_jump[p] = value_at(series[at, p], x)
    return t + time


def may_leap(h_eff):
    """Whether long steps can be made: they are those of an H_eff that stays."""
    return False
