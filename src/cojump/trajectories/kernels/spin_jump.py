"""A jump of one block of spins: its channel and outcome are drawn, and the state after it becomes the current one."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL, SELF_EXCLUDED
from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .jump import (
    collective_jump,
    collective_weight,
    general_jump,
    general_weights,
    is_collective,
    is_down,
    ladder_jump,
    ladder_weights,
    leave_behind,
)
from .moments import spin_moments
from .nothing import of_complex
from .window import SHARE, trim, write_scaled
from .windowed_rows import sector_range


def _weigh_other(im, re, N, jumps, work, channel, two_J, lo, hi, rated, weights):
    """What :func:`weigh` does with a jump that is no ladder operator."""
    kind = jumps.kind[channel]
    if kind == COLLECTIVE:
        moments = spin_moments(N, two_J, re, im, lo, hi)
        weights[0], certain = collective_weight(N, two_J, jumps.j_re[channel], jumps.j_im[channel], moments)
        if not certain:
            weights[0] = _collective(N, jumps, work, channel, two_J, re, im, lo, hi)
        return False
    rest_re, rest_im = work.rest_re, work.rest_im
    if not rated:
        leave_behind(jumps.gamma[channel], jumps.gamma_rest[channel], re, im, lo, hi, rest_re, rest_im)
    if kind == GENERAL:
        moments = spin_moments(N, two_J, re if rated else rest_re[1], im if rated else rest_im[1], lo, hi)
        if general_weights(N, two_J, jumps.j_re[channel], jumps.j_im[channel], moments, weights):
            return not rated
    if rated:
        leave_behind(jumps.gamma[channel], jumps.gamma_rest[channel], re, im, lo, hi, rest_re, rest_im)
    for outcome in range(4):
        weights[outcome] = _general(N, jumps, work, channel, outcome, two_J, lo, hi)[1]
    return True


_weigh_any = of_complex(_weigh_other, False, INLINED)
"""Where states stay real all jumps are ladder operators."""


@njit(inline="always", **OPTIONS)
def weigh(N, jumps, work, channel, two_J, re, im, lo, hi, rated, weights):
    """Weights |Kψ|² of the outcomes of a channel; whether ``rest`` has what its particle leaves behind.

    ``rated``: the state given is Γψ, and Γ as the jump has it is 1.
    """
    kind = jumps.kind[channel]
    weights[:] = 0.0
    if kind in (GENERAL, SELF_EXCLUDED, COLLECTIVE):
        return _weigh_any(im, re, N, jumps, work, channel, two_J, lo, hi, rated, weights)
    down, collective = is_down(kind), is_collective(kind)
    ladder_weights(N, two_J, down, collective, jumps.strength[channel], jumps.gamma[channel], re, im, lo, hi, weights)
    return False


@njit(inline="always", **OPTIONS)
def _choose(N, jumps, work, two_J, re, im, lo, hi, u):
    """Channel and outcome with probability proportional to |Kψ|².

    The channel is NO_JUMP if all weights are zero, NO_NUMBER if they are no finite numbers.
    """
    weights = work.weights
    total = 0.0
    for l in range(jumps.kind.size):
        weigh(N, jumps, work, l, two_J, re, im, lo, hi, False, weights[l])
        total += weights[l, 0] + weights[l, 1] + weights[l, 2] + weights[l, 3]
    if not total < np.inf:
        return NO_NUMBER, -1
    left = u * total
    channel, outcome = NO_JUMP, -1
    for l in range(jumps.kind.size):
        for k in range(4):
            if weights[l, k] > 0.0:
                channel, outcome = l, k
                if left < weights[l, k]:
                    return channel, outcome
                left -= weights[l, k]
    return channel, outcome  # rounding: the last possible one


@njit(**OPTIONS)
def _general(N, jumps, work, channel, outcome, two_J, lo, hi):
    j_re, j_im = jumps.j_re[channel], jumps.j_im[channel]
    return general_jump(N, two_J, outcome, j_re, j_im, lo, hi, work.rest_re, work.rest_im, work.new_re, work.new_im)


@njit(**OPTIONS)
def _collective(N, jumps, work, channel, two_J, re, im, lo, hi):
    return collective_jump(N, two_J, jumps.j_re[channel], jumps.j_im[channel], re, im, lo, hi, work.new_re, work.new_im)


def _make_other(im, re, N, jumps, work, channel, outcome, two_J, lo, hi, again):
    """What :func:`make_jump` does with a jump that is no ladder operator: 2J' and |new|²."""
    if jumps.kind[channel] == COLLECTIVE:
        return two_J, _collective(N, jumps, work, channel, two_J, re, im, lo, hi)
    if again:
        gamma, gamma_rest = jumps.gamma[channel], jumps.gamma_rest[channel]
        leave_behind(gamma, gamma_rest, re, im, lo, hi, work.rest_re, work.rest_im)
    return _general(N, jumps, work, channel, outcome, two_J, lo, hi)


_make_any = of_complex(_make_other, (0, 0.0), INLINED)


@njit(inline="always", **OPTIONS)
def make_jump(N, jumps, work, channel, outcome, two_J, re, im, lo, hi, again):
    """The state after a jump in ``new``; ``again``: what the particle leaves behind is not in ``rest`` any more.

    Returns 2J', window and |new|².
    """
    kind, new_two_J = jumps.kind[channel], two_J
    if kind in (GENERAL, SELF_EXCLUDED, COLLECTIVE):
        new_two_J, norm2 = _make_any(im, re, N, jumps, work, channel, outcome, two_J, lo, hi, again)
        lo, hi = lo - 1, hi + 1
    else:
        down = is_down(kind)
        new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 2 else 0))
        gamma = jumps.gamma[channel]
        norm2 = ladder_jump(N, two_J, down, outcome, gamma, re, im, lo, hi, work.new_re, work.new_im)
        move = -1 if down else 1
        lo, hi = lo + move, hi + move
    first, last = sector_range(N, new_two_J)
    return new_two_J, max(lo, first), min(hi, last), norm2


@njit(inline="always", **OPTIONS)
def perform_jump(N, jumps, work, two_J, lo, hi, u):
    """Jump from the state in ``out`` to one in ``new``; returns channel, 2J', window and |new|²."""
    re, im = work.out_re, work.out_im
    channel, outcome = _choose(N, jumps, work, two_J, re, im, lo, hi, u)
    if channel < 0:
        return channel, two_J, lo, hi, 0.0
    again = channel < jumps.kind.size - 1  # other channels have been there since
    new_two_J, lo, hi, norm2 = make_jump(N, jumps, work, channel, outcome, two_J, re, im, lo, hi, again)
    if not norm2 > 0.0:
        channel = NO_NUMBER
    return channel, new_two_J, lo, hi, norm2


@njit(**OPTIONS)
def keep(from_re, from_im, lo, hi, tolerance, norm2, to_re, to_im):
    """Cut the tails of a state with |ψ|² = norm2 and write it, normalised; returns its window.

    What is cut off is below the rounding of the norm.
    """
    share = SHARE * tolerance
    lo, hi = trim(from_re, from_im, lo, hi, share * share * norm2)
    write_scaled(from_re, from_im, lo, hi, 1.0 / np.sqrt(norm2), to_re, to_im)
    return lo, hi
