"""The loop of a block of spins whose state is one amplitude and stays one: H diagonal, and all jumps ladder operators.

Such a state |J, M> waits for an exponential time at a rate that is known, and its jump leads to one of a few others
with weights in closed form: no vector is written, no series made, and no jump time searched for. Its twin is the
general loop step by step, equal up to rounding.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL, SELF_EXCLUDED
from .common import FINISHED, NOT_FINITE, OPTIONS, PAD, PAUSED, RECORD_FULL
from .jump import is_collective, is_down, sector_factors
from .measure import averages_of, note

CELLS = 64
"""Cells of a state that a vector kernel goes through in the time of a step here."""


@njit(**OPTIONS)
def stays_lone(h_eff, jumps, lo, hi):
    """Whether the state is one amplitude and all that can happen to it leaves it one."""
    if h_eff.band > 0 or hi - lo != 1:
        return False
    for kind in jumps.kind:  # noqa: SIM110 - numba compiles no generator expression without its runtime
        if kind in (GENERAL, SELF_EXCLUDED, COLLECTIVE):
            return False
    return True


@njit(inline="always", **OPTIONS)
def _outcome(jumps, two_J, i, M, e, f, g, left):
    """The channel and outcome (0: J, 1: J - 1, 2: J + 1) into whose share of the rate ``left`` falls.

    Its place is counted rather than searched, for which way a branch goes cannot be foreseen. -1 if no weight is above
    zero, and where rounding leaves something beyond all of them the last that is.
    """
    J, passed, last, sum_ = 0.5 * two_J, 0, -1, 0.0
    for l in range(jumps.kind.size):
        along = M if is_down(jumps.kind[l]) else -M
        a, b, gamma = J + along, J - along + 1.0, jumps.gamma[l, i]
        weight = jumps.strength[l] * gamma * gamma
        if is_collective(jumps.kind[l]):
            same, lower, higher = weight * a * b, 0.0, 0.0
        else:
            same, lower, higher = weight * (e * a * b), weight * (f * a * (a - 1.0)), weight * (g * b * (b + 1.0))
        before = sum_
        first = before + same
        second = first + lower
        sum_ = second + higher
        passed += (left >= first) + (left >= second) + (left >= sum_)
        if sum_ > before:
            last = 3 * l + (2 if sum_ > second else (1 if second > first else 0))
    return min(passed, last)


@njit(**OPTIONS)
def advance_lone(h_eff, jumps, work, now, generator, gathered, amplitudes, budget, effort, record):
    """Run one such trajectory on, see :func:`cojump.trajectories.kernels.trajectory.advance`; beside what is said of it
    the jumps and the effort that are left.
    """
    N, times, counts = h_eff.N, gathered.times, gathered.counts
    two_J, lo, done, t, waiting, n_jumps = now.two_J, now.lo, now.done, now.t, now.waiting, now.n_jumps
    re, im = work.taylor_re[0, lo], work.taylor_im[0, lo]
    e, f, g = sector_factors(N, two_J)
    status, left, recorded = PAUSED, budget, now.recorded
    while left > 0 and effort > 0:
        if record.time.size > 0 and recorded == record.time.size:
            status = RECORD_FULL
            break
        i, J = lo - PAD, 0.5 * two_J
        rate = 2.0 * h_eff.half_rate[i] + h_eff.casimir * J * (J + 1.0)
        if not rate < np.inf:
            status = NOT_FINITE
            break
        soon = t + waiting / rate if rate > 0.0 else np.inf
        if times[done] <= soon:
            work.taylor_re[0, lo], work.taylor_im[0, lo] = re, im
            while done < times.size and times[done] <= soon and effort > 0:
                M, norm2 = 0.5 * (2 * i - N), re * re + im * im
                z = norm2 * M
                averages_of(N, two_J, norm2, z, z * M, 0j, 0j, 0j, gathered.mean[done], gathered.second[done])
                note(two_J, work.taylor_re[0], work.taylor_im[0], lo, lo + 1, norm2, done, gathered, amplitudes)
                for l in range(counts.shape[1]):
                    counts[done + 1, l] = counts[done, l]
                done += 1
                effort -= CELLS
            if done == times.size:
                status = FINISHED
                break
            if times[done] <= soon:
                break
        effort -= CELLS
        t = soon
        place = _outcome(jumps, two_J, i, 0.5 * (2 * i - N), e, f, g, generator.random() * rate)
        waiting = generator.standard_exponential()
        if place < 0:  # a rate without any weight is rounding, and the next one is drawn
            continue
        channel, outcome = place // 3, place % 3
        if jumps.gamma[channel, i] < 0.0:
            re, im = -re, -im
        lo += -1 if is_down(jumps.kind[channel]) else 1
        if outcome > 0:
            two_J += 2 if outcome == 2 else -2
            e, f, g = sector_factors(N, two_J)
        n_jumps += 1
        counts[done, channel] += 1
        left -= 1
        if record.time.size > 0:
            record.time[recorded], record.channel[recorded], record.two_J[recorded] = t, channel, two_J
            recorded += 1
    work.taylor_re[0, lo], work.taylor_im[0, lo] = re, im
    now.two_J, now.lo, now.hi, now.done, now.t, now.waiting = two_J, lo, lo + 1, done, t, waiting
    now.n_jumps, now.recorded = n_jumps, recorded
    return status, left, effort
