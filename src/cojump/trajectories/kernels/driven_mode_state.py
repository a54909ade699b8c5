"""Columns of Fock states between two steps, as :mod:`.counting` goes on with them where terms change in time."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .driven_state import end_of, piece_of
from .mode_columns import LEFT, LEFT_THEN, TICK
from .spin_mode_elements import set_elements_of_mode
from .spin_mode_frames import settle_in_frame

MOMENT = 1e-13
"""Time to a move of the reference that is none any more, relative to the time itself."""


def work_of(h_eff):
    """Multiplications that all parts of H_eff take for each amplitude."""
    return 36 * h_eff.parts.y.shape[0]


def settle(h_eff, work, room, tail, reach):
    """As :func:`.spin_mode_state.settle`, with the elements of each part."""
    model, parts, factors = h_eff.model, h_eff.parts, h_eff.factors
    model.of_mode[0, TICK] = _until_tick(parts.tick, factors.end, factors.place, factors.clock)
    if not settle_in_frame(h_eff, work, room, tail):
        return False
    for p in range(parts.y.shape[0]):
        is_complex = set_elements_of_mode(
            model.sizes,
            parts.y[p],
            parts.one[p],
            parts.collected[p],
            parts.of_mode[p],
            h_eff.frame,
            h_eff.c,
            work.planes,
            parts.elements[p],
            parts.beside[p],
            parts.multiple[p],
        )
        parts.kind[p] = parts.hops[p] * (1 + is_complex)
    return True


@njit(**OPTIONS)
def _until_tick(ticks, end, place, clock):
    """Time until the reference moves again: at the end of a piece of the time axis in any case."""
    if ticks.size == 0:  # of a run that is over at t = 0
        return np.inf
    left = piece_of(end, place, clock, clock[0], np.inf)
    return min(ticks[place[0]], left)


def until_change(h_eff, t, most):
    """How far a step from the time t may go: until the reference moves, or to the end of a piece of the time axis."""
    factors = h_eff.factors
    return min(piece_of(factors.end, factors.place, factors.clock, t, most), h_eff.frame[0, LEFT])


def ended_at(h_eff, t, time, found, horizon):
    """The time at which a step from t has ended; how long the reference stays then is kept until the step is over."""
    left, factors = h_eff.frame[0, LEFT], h_eff.factors
    ended = end_of(
        factors.start, factors.end, factors.series, factors.place[0], factors.at_jump, t, time, found, horizon
    )
    # less than what can be added to the time is nothing
    is_over = (found == 0 and horizon >= left) or not left - time > MOMENT * ended
    h_eff.frame[0, LEFT_THEN] = 0.0 if is_over else left - time
    factors.clock[0] = ended
    return ended
