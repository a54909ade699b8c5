"""A window of one sector between two steps, as :mod:`.counting` goes on with it where arguments do not commute."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS, PAD
from .driven_bands import weigh_rates
from .horizon import LEFT_OUT
from .moments import spin_moments
from .polynomial_bands import CUT, HI, LO, TWO_J, UNKNOWN, WIDE_HI, WIDE_LO, behind_pad, product_of, sector_ends
from .sparse_state import tail_of  # noqa: F401 - the same for both
from .spin_jump import make_jump, weigh
from .vectors import LANES, fused, load, spread, store, total
from .window import clear_beside, trim, write_scaled

SETTLED = 0.0
"""In place of the squared norm of a state that a step has begun with already, and for which tables were too narrow: it
goes on with the same bits as where they had been made before.
"""


def cells(h_eff):
    """Number of amplitudes of the state that a step begins with."""
    return h_eff.where[HI] - h_eff.where[LO]


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude, roughly."""
    return 4 + 2 * h_eff.tables.shift.size


def first_cell(h_eff):
    """The first cell of the state."""
    return h_eff.where[LO]


def is_cut_short(h_eff):
    """Whether the series has come to the end of the tables of a sector that goes on."""
    return h_eff.where[CUT] == 1


def settle(h_eff, work, room, tail, reach):
    """Make the state in ``new`` the one of the next step, normalised, without its tails; False if tables are needed."""
    where, tables, two_J, norm2 = h_eff.where, h_eff.tables, room.waiting[0], room.norm2[0]
    if tables.start[two_J] == UNKNOWN:
        return False
    if norm2 == SETTLED:
        weight, factor = 0.0, 1.0
    else:
        weight, factor = 0.5 * tail * norm2, 1.0 / np.sqrt(norm2)
    lo, hi = trim(work.new_re, work.new_im, room.waiting[1], room.waiting[2], weight)
    beyond, margin = behind_pad(h_eff), (reach + 1) * h_eff.lead + LANES
    first, last = sector_ends(h_eff, two_J)
    known = tables.first[two_J]
    if known > max(lo + beyond - margin, first) or known + tables.cells[two_J] < min(hi + beyond + margin, last):
        return False
    to_re, to_im = work.taylor_re[0, beyond:], work.taylor_im[0, beyond:]
    write_scaled(work.new_re, work.new_im, lo, hi, factor, to_re, to_im)
    where[TWO_J], where[CUT] = two_J, 0
    where[LO] = where[WIDE_LO] = lo + beyond
    where[HI] = where[WIDE_HI] = hi + beyond
    return True


def set_aside(h_eff, work, re, im, room):
    """Copy a state to where the state after a jump lies."""
    where, beyond, square = h_eff.where, behind_pad(h_eff), spread(0.0)
    lo, hi = where[WIDE_LO], where[WIDE_HI]
    for p in range(lo, hi, LANES):
        x, y = load(re, p, hi - p), load(im, p, hi - p)
        store(work.new_re, p - beyond, hi - p, x)
        store(work.new_im, p - beyond, hi - p, y)
        square = fused(x, x, fused(y, y, square))
    room.waiting[0], room.waiting[1], room.waiting[2] = where[TWO_J], lo - beyond, hi - beyond
    room.norm2[0] = SETTLED if where[CUT] == 1 else total(square)


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of ψ, n_upψ, J_+ψ and J_-ψ of the state in ``out``, and its sector; multiplications made."""
    where, beyond = h_eff.where, behind_pad(h_eff)
    lo, hi, two_J = where[WIDE_LO], where[WIDE_HI], where[TWO_J]
    clear_beside(work.out_re, work.out_im, lo, hi, PAD)
    re, im = work.out_re[beyond:], work.out_im[beyond:]
    _grams(h_eff.N, two_J, re, im, lo - beyond, hi - beyond, grams)
    sector[0] = two_J
    return (order + 16) * (hi - lo + 32)


@njit(**OPTIONS)
def _grams(N, two_J, re, im, lo, hi, made):
    norm2, z, zz, plus, z_plus, two = spin_moments(N, two_J, re, im, lo, hi)
    planar, half = 0.5 * two_J * (0.5 * two_J + 1.0) * norm2 - zz, 0.5 * N
    made[0, 0], made[0, 1], made[0, 2], made[0, 3] = norm2, half * norm2 + z, plus, np.conj(plus)
    made[1, 1] = half * (half * norm2 + 2.0 * z) + zz
    made[1, 2], made[1, 3] = (half + 0.5) * plus + z_plus, np.conj(z_plus + (half - 0.5) * plus)
    made[2, 2], made[2, 3], made[3, 3] = planar - z, np.conj(two), planar + z
    for a in range(4):
        for b in range(a, 4):
            made[a, b] /= norm2
            made[b, a] = np.conj(made[a, b])


@njit(inline="always", **OPTIONS)
def _with_gamma(h_eff, channel, re, im, lo, hi, room):
    """Γψ of a jump whose Γ is a polynomial, in ``phi``; its window. The state is zero beside lo..hi."""
    tables, two_J = h_eff.tables, h_eff.where[TWO_J]
    first, last = sector_ends(h_eff, two_J)
    reach, stride = tables.reach[channel], tables.cells[two_J]
    lo, hi = max(lo - reach, first), min(hi + reach, last)
    product_of(
        tables.values,
        tables.start[two_J] - tables.first[two_J],
        stride,
        tables.shift,
        tables.begin[channel],
        tables.real[channel],
        tables.end[channel],
        re,
        im,
        lo,
        hi,
        room.phi_re,
        room.phi_im,
    )
    return lo, hi


@njit(**OPTIONS)
def _outcome_at(weights, left):
    """Channel and outcome up to which the weights add up to more than ``left``; NO_JUMP if all of them are zero.

    Outcomes come in the order of tensor products: J - ½ before J + ½ of the others, and then the smaller J' first.
    """
    channel, outcome = NO_JUMP, -1
    for l in range(weights.shape[0]):
        for turn in range(4):
            k = turn if turn > 1 else 1 - turn
            if weights[l, k] > 0.0:
                channel, outcome = l, k
                if left < weights[l, k]:
                    return channel, outcome
                left -= weights[l, k]
    return channel, outcome  # rounding: the last possible one


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``: its number, NO_JUMP or NO_NUMBER; the state after it waits in ``new``."""
    return _perform(h_eff, work, room, norm2, tolerance, u)


@njit(**INLINED)
def _perform(h_eff, work, room, norm2, tolerance, u):
    where, jumps, beyond, weights = h_eff.where, h_eff.jumps, behind_pad(h_eff), work.weights
    N, two_J, tables = h_eff.N, where[TWO_J], h_eff.tables
    least = (LEFT_OUT * tolerance) ** 2 * norm2
    lo, hi = trim(work.out_re, work.out_im, where[WIDE_LO], where[WIDE_HI], least)
    clear_beside(work.out_re, work.out_im, lo, hi, h_eff.width + LANES)
    re, im = work.out_re[beyond:], work.out_im[beyond:]
    phi_re, phi_im = room.phi_re[beyond:], room.phi_im[beyond:]
    sum_of_all, made, left_behind, made_lo, made_hi = 0.0, -1, -1, lo, hi
    for l in range(jumps.kind.size):
        rated, from_lo, from_hi, from_re, from_im = tables.begin[l] < tables.end[l], lo, hi, re, im
        if rated:
            made = l
            made_lo, made_hi = _with_gamma(h_eff, l, work.out_re, work.out_im, lo, hi, room)
            from_lo, from_hi, from_re, from_im = made_lo, made_hi, phi_re, phi_im
        if weigh(N, jumps, work, l, two_J, from_re, from_im, from_lo - beyond, from_hi - beyond, rated, weights[l]):
            left_behind = l
        weigh_rates(h_eff, l, weights)
        sum_of_all += weights[l, 0] + weights[l, 1] + weights[l, 2] + weights[l, 3]
    if not sum_of_all < np.inf:
        return NO_NUMBER
    channel, outcome = _outcome_at(weights, u * sum_of_all)
    if channel < 0:
        return channel
    from_re, from_im = re, im
    if tables.begin[channel] < tables.end[channel]:
        if made != channel:
            made_lo, made_hi = _with_gamma(h_eff, channel, work.out_re, work.out_im, lo, hi, room)
        lo, hi, from_re, from_im = made_lo, made_hi, phi_re, phi_im
    new_two_J, lo, hi, weight = make_jump(
        N,
        jumps,
        work,
        channel,
        outcome,
        two_J,
        from_re,
        from_im,
        lo - beyond,
        hi - beyond,
        left_behind != channel,
    )
    if not weight > 0.0:
        return NO_NUMBER
    room.waiting[0], room.waiting[1], room.waiting[2] = new_two_J, lo, hi
    room.norm2[0] = weight
    return channel


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    sector[0] = room.waiting[0]
