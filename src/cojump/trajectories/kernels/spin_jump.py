"""A jump of one block of spins: its channel and outcome are drawn, and the state after it becomes the current one."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN
from .common import NO_JUMP, NO_NUMBER, OPTIONS
from .jump import channel_weight, collective_jump, general_jump, ladder_jump, ladder_weights
from .propagate import norm_squared
from .series import sector_range
from .window import clear_beside, store, trim


@njit(inline="always", **OPTIONS)
def _choose_channel(N, jumps, work, two_J, re, im, lo, hi, u):
    """Channel (and outcome of a ladder channel, else -1) with probability proportional to |Kψ|²; what is left of u.

    The channel is NO_JUMP if all weights are zero, NO_NUMBER if they are no finite numbers.
    """
    weights = work.weights
    total = 0.0
    for l in range(jumps.kind.size):
        if jumps.kind[l] == GENERAL:
            weights[l, 0] = channel_weight(
                N,
                two_J,
                jumps.rate_diagonal[l],
                jumps.rate_up_re[l],
                jumps.rate_up_im[l],
                re,
                im,
                lo,
                hi,
            )
            weights[l, 1] = weights[l, 2] = 0.0
        elif jumps.kind[l] == COLLECTIVE:
            weights[l, 0] = _collective(N, jumps, work, l, two_J, re, im, lo, hi)
            weights[l, 1] = weights[l, 2] = 0.0
        else:
            down = jumps.kind[l] == LADDER_DOWN
            ladder_weights(N, two_J, down, jumps.strength[l], jumps.gamma[l], re, im, lo, hi, weights[l])
        total += weights[l, 0] + weights[l, 1] + weights[l, 2]
    if not total < np.inf:
        return NO_NUMBER, -1, 0.0
    left = u * total
    channel, outcome = NO_JUMP, -1
    for l in range(jumps.kind.size):
        for k in range(3):
            if weights[l, k] > 0.0:
                channel, outcome = l, k
                if left < weights[l, k]:
                    return channel, outcome, left
                left -= weights[l, k]
    return channel, outcome, 0.0


@njit(**OPTIONS)
def _jump_general(N, jumps, work, channel, two_J, re, im, lo, hi, left):
    """Outcome (μ, J') of a general channel, by the weights of its up to four Kraus operators."""
    last, result, weight = -1, two_J, 0.0
    for outcome in range(4):
        result, weight = _try(N, jumps, work, channel, outcome, two_J, re, im, lo, hi)
        if weight > 0.0:
            last = outcome
            if left < weight:
                return result, weight
            left -= weight
    if last < 0:
        return two_J, 0.0
    return _try(N, jumps, work, channel, last, two_J, re, im, lo, hi)  # rounding: keep the last possible one


@njit(**OPTIONS)
def _collective(N, jumps, work, channel, two_J, re, im, lo, hi):
    return collective_jump(N, two_J, jumps.j_re[channel], jumps.j_im[channel], re, im, lo, hi, work.new_re, work.new_im)


@njit(**OPTIONS)
def _try(N, jumps, work, channel, outcome, two_J, re, im, lo, hi):
    return general_jump(
        N,
        two_J,
        outcome,
        jumps.j_re[channel],
        jumps.j_im[channel],
        jumps.gamma[channel],
        jumps.gamma_rest[channel],
        re,
        im,
        lo,
        hi,
        work.rest_re,
        work.rest_im,
        work.new_re,
        work.new_im,
    )


@njit(inline="always", **OPTIONS)
def perform_jump(N, jumps, work, two_J, lo, hi, u):
    """Jump from the state in ``out`` to one in ``new``; returns channel, 2J', window and |new|²."""
    clear_beside(work.out_re, work.out_im, lo, hi, 2)
    channel, outcome, left = _choose_channel(N, jumps, work, two_J, work.out_re, work.out_im, lo, hi, u)
    if channel < 0:
        return channel, two_J, lo, hi, 0.0
    if jumps.kind[channel] == GENERAL:
        new_two_J, norm2 = _jump_general(N, jumps, work, channel, two_J, work.out_re, work.out_im, lo, hi, left)
        lo, hi = lo - 1, hi + 1
    elif jumps.kind[channel] == COLLECTIVE:
        new_two_J = two_J
        norm2 = _collective(N, jumps, work, channel, two_J, work.out_re, work.out_im, lo, hi)
        lo, hi = lo - 1, hi + 1
    else:
        down = jumps.kind[channel] == LADDER_DOWN
        new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 2 else 0))
        norm2 = ladder_jump(
            N,
            two_J,
            down,
            outcome,
            jumps.gamma[channel],
            work.out_re,
            work.out_im,
            lo,
            hi,
            work.new_re,
            work.new_im,
        )
        move = -1 if down else 1
        lo, hi = lo + move, hi + move
    if not norm2 > 0.0:
        channel = NO_NUMBER
    first, last = sector_range(N, new_two_J)
    return channel, new_two_J, max(lo, first), min(hi, last), norm2


@njit(**OPTIONS)
def keep(from_re, from_im, lo, hi, weight, to_re, to_im):
    """Cut the tails of a state and write it, normalised; returns its window."""
    lo, hi = trim(from_re, from_im, lo, hi, weight)
    norm2 = norm_squared(from_re, from_im, lo, hi)
    store(from_re, from_im, lo, hi, 1.0 / np.sqrt(norm2), to_re, to_im)
    return lo, hi
