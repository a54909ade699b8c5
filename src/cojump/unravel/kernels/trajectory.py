"""One trajectory: waiting time, no-jump evolution with dense output, jump, again."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import FINISHED, NO_CONVERGENCE, NOT_FINITE, OPTIONS, PAD, PAUSED, RECORD_FULL
from .jump import (
    COLLECTIVE,
    GENERAL,
    LADDER_DOWN,
    channel_weight,
    collective_jump,
    general_jump,
    ladder_jump,
    ladder_weights,
)
from .measure import spin_averages
from .propagate import norm_squared, sum_series
from .series import expand, sector_range
from .window import clear_beside, store, trim

SHARE = 0.25
"""Part of the tolerance given to the tails on each side of a window; half of it is the Taylor series'."""


@njit(inline="always", **OPTIONS)
def _sum_at(work, order, lo, hi, t):
    sum_series(work.taylor_re, order, lo, hi, t, work.out_re)
    sum_series(work.taylor_im, order, lo, hi, t, work.out_im)


@njit(inline="always", **OPTIONS)
def find_jump(work, order, lo, hi, horizon, rate_shift, rate, curvature, waiting, tolerance):
    """Time in (0, horizon] at which the log-survival has lost ``waiting``, or the horizon.

    -log|ψ|² grows steadily; the quadratic model rate t - curvature t² gives the first guess and slope, secants of
    evaluations of the series the next ones, safeguarded by bisection. Leaves the state at the returned time in ``out``.

    Returns
    -------
    time, found, lost, norm2
        ``lost`` is the log-survival lost by then; found is -1 if the search did not converge.
    """
    discriminant = rate * rate - 4.0 * curvature * waiting
    s = horizon
    if rate > 0.0 and discriminant > 0.0:
        s = min(2.0 * waiting / (rate + np.sqrt(discriminant)), horizon)
    below, above = 0.0, horizon
    untried = s < horizon  # whether the upper end has been evaluated
    s_before, miss_before = 0.0, -waiting
    for iteration in range(100):
        _sum_at(work, order, lo, hi, s)
        norm2 = norm_squared(work.out_re, work.out_im, lo, hi)
        lost = rate_shift * s - np.log(norm2)
        miss = lost - waiting
        if abs(miss) <= tolerance:
            return s, 1, lost, norm2
        if miss < 0.0:
            if s >= horizon:
                return s, 0, lost, norm2
            below = s
        else:
            above = s
            untried = False
        slope = rate - 2.0 * curvature * s
        if iteration > 0:
            slope = (miss - miss_before) / (s - s_before)
        s_before, miss_before = s, miss
        guess = s - miss / slope if slope > 0.0 else above
        if guess >= above:
            guess = above if untried else 0.5 * (below + above)
        elif guess <= below or (iteration > 10 and iteration % 2 == 0):
            guess = 0.5 * (below + above)
        s = guess
    return s, -1, 0.0, 1.0


@njit(inline="always", **OPTIONS)
def _choose_channel(tables, work, two_J, re, im, lo, hi, u):
    """Channel (and outcome of a ladder channel, else -1) with probability proportional to |Kψ|²; rest of u."""
    weights = work.weights
    total = 0.0
    for l in range(tables.kind.size):
        if tables.kind[l] == GENERAL:
            weights[l, 0] = channel_weight(
                tables.N,
                two_J,
                tables.rate_diagonal[l],
                tables.rate_up_re[l],
                tables.rate_up_im[l],
                re,
                im,
                lo,
                hi,
            )
            weights[l, 1] = weights[l, 2] = 0.0
        elif tables.kind[l] == COLLECTIVE:
            weights[l, 0] = _collective(tables, work, l, two_J, re, im, lo, hi)
            weights[l, 1] = weights[l, 2] = 0.0
        else:
            down = tables.kind[l] == LADDER_DOWN
            ladder_weights(tables.N, two_J, down, tables.strength[l], tables.gamma[l], re, im, lo, hi, weights[l])
        total += weights[l, 0] + weights[l, 1] + weights[l, 2]
    left = u * total
    channel, outcome = -1, -1
    for l in range(tables.kind.size):
        for k in range(3):
            if weights[l, k] > 0.0:
                channel, outcome = l, k
                if left < weights[l, k]:
                    return channel, outcome, left
                left -= weights[l, k]
    return channel, outcome, 0.0


@njit(**OPTIONS)
def _jump_general(tables, work, channel, two_J, re, im, lo, hi, left):
    """Outcome (μ, J') of a general channel, by the weights of its up to four Kraus operators."""
    last, result, weight = -1, two_J, 0.0
    for outcome in range(4):
        result, weight = _try(tables, work, channel, outcome, two_J, re, im, lo, hi)
        if weight > 0.0:
            last = outcome
            if left < weight:
                return result, weight
            left -= weight
    if last < 0:
        return two_J, 0.0
    return _try(tables, work, channel, last, two_J, re, im, lo, hi)  # rounding: keep the last possible one


@njit(**OPTIONS)
def _collective(tables, work, channel, two_J, re, im, lo, hi):
    return collective_jump(
        tables.N, two_J, tables.j_re[channel], tables.j_im[channel], re, im, lo, hi, work.new_re, work.new_im
    )


@njit(**OPTIONS)
def _try(tables, work, channel, outcome, two_J, re, im, lo, hi):
    return general_jump(
        tables.N,
        two_J,
        outcome,
        tables.j_re[channel],
        tables.j_im[channel],
        tables.gamma[channel],
        tables.gamma_rest[channel],
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
def perform_jump(tables, work, two_J, lo, hi, u):
    """Jump from the state in ``out`` to one in ``new``; returns channel, 2J', window and |new|²."""
    clear_beside(work.out_re, work.out_im, lo, hi, 2)
    channel, outcome, left = _choose_channel(tables, work, two_J, work.out_re, work.out_im, lo, hi, u)
    if channel < 0:
        return channel, two_J, lo, hi, 0.0
    if tables.kind[channel] == GENERAL:
        new_two_J, norm2 = _jump_general(tables, work, channel, two_J, work.out_re, work.out_im, lo, hi, left)
        lo, hi = lo - 1, hi + 1
    elif tables.kind[channel] == COLLECTIVE:
        new_two_J = two_J
        norm2 = _collective(tables, work, channel, two_J, work.out_re, work.out_im, lo, hi)
        lo, hi = lo - 1, hi + 1
    else:
        down = tables.kind[channel] == LADDER_DOWN
        new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 2 else 0))
        norm2 = ladder_jump(
            tables.N,
            two_J,
            down,
            outcome,
            tables.gamma[channel],
            work.out_re,
            work.out_im,
            lo,
            hi,
            work.new_re,
            work.new_im,
        )
        move = -1 if down else 1
        lo, hi = lo + move, hi + move
    first, last = sector_range(tables.N, new_two_J)
    return channel, new_two_J, max(lo, first), min(hi, last), norm2


@njit(inline="always", **OPTIONS)
def _measure_until(tables, work, order, two_J, lo, hi, times, until, start, done, mean, second, sectors, counts, shots):
    """Averages at the output times up to ``until`` from the series that starts at ``start``; number done.

    ``counts``: its row ``done`` is the running number of jumps of each channel, which goes on in the next row.
    ``shots``: which row of the other two arrays takes the amplitudes of an output time, or -1.
    """
    place, shot_re, shot_im = shots
    while done < times.size and times[done] <= until:
        _sum_at(work, order, lo, hi, times[done] - start)
        clear_beside(work.out_re, work.out_im, lo, hi, 2)
        norm2 = norm_squared(work.out_re, work.out_im, lo, hi)
        spin_averages(tables.N, two_J, work.out_re, work.out_im, lo, hi, norm2, mean[done], second[done])
        sectors[done] = two_J
        for l in range(counts.shape[1]):
            counts[done + 1, l] = counts[done, l]
        if place[done] >= 0:
            shot_re[place[done], :] = 0.0
            shot_im[place[done], :] = 0.0
            for p in range(lo, hi):
                shot_re[place[done], p - PAD] = work.out_re[p] / np.sqrt(norm2)
                shot_im[place[done], p - PAD] = work.out_im[p] / np.sqrt(norm2)
        done += 1
    return done


@njit(**OPTIONS)
def advance(
    tables, work, place, clock, generator, times, mean, second, sectors, counts, shots, tolerance, budget, record
):
    """Run a trajectory on, until it ends, has made ``budget`` jumps, or its jump record is full.

    Parameters
    ----------
    place : (6,) int array
        2J, lo, hi, output times done, jumps made, and how many of them are in the record. The normalised state is
        row 0 of the Taylor rows.
    clock : (4,) array
        Time, log-survival left to lose before the next jump, and the shifts of energy and rate.
    times, mean, second, sectors : (T,), (T, 3), (T, 6), (T,)
        Output times, and what is written at them.
    counts : (T + 1, L) int array
        Jumps of each channel up to each output time; the row of the next output time holds the running number.
    shots : tuple of three arrays
        Row of the amplitudes to be kept of each output time or -1, (T,), and their real and imaginary parts (n, N+1).
    record : tuple of three arrays
        Times, channels and 2J after each jump; empty arrays for none.

    Returns
    -------
    int
        FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE or NOT_FINITE.
    """
    two_J, lo, hi, done = place[0], place[1], place[2], place[3]
    t, waiting, shift, rate_shift = clock[0], clock[1], clock[2], clock[3]
    rec_time, rec_channel, rec_two_J = record
    filled = np.full(3, -1)
    tail = (SHARE * tolerance) ** 2
    status, left = FINISHED, budget
    done = _measure_until(tables, work, 0, two_J, lo, hi, times, t, t, done, mean, second, sectors, counts, shots)
    while done < times.size:
        if left == 0:
            status = PAUSED
            break
        if rec_time.size > 0 and place[5] == rec_time.size:
            status = RECORD_FULL
            break
        order, horizon, energy, rate, curvature, shift, rate_shift = expand(
            tables, work, two_J, lo, hi, filled, shift, rate_shift, waiting, times[-1] - t, 0.5 * tolerance
        )
        if not np.isfinite(energy) or not np.isfinite(rate):
            status = NOT_FINITE
            break
        if t + horizon <= t and times[-1] > t:
            status = NO_CONVERGENCE
            break
        first, last = sector_range(tables.N, two_J)
        lo, hi = max(lo - order * tables.band, first), min(hi + order * tables.band, last)
        step, found, lost, norm2 = find_jump(
            work, order, lo, hi, horizon, rate_shift, rate, curvature, waiting, tolerance
        )
        if found < 0:
            status = NO_CONVERGENCE
            break
        ends = found == 0 and horizon >= times[-1] - t
        until = times[-1] if ends else t + step
        before = done
        done = _measure_until(
            tables, work, order, two_J, lo, hi, times, until, t, done, mean, second, sectors, counts, shots
        )
        if done == times.size:
            break
        if done > before:
            _sum_at(work, order, lo, hi, step)
        t += step
        shift, rate_shift = energy, rate
        if found == 1:
            channel, two_J, lo, hi, norm2 = perform_jump(tables, work, two_J, lo, hi, generator.random())
            if not norm2 > 0.0:
                status = NOT_FINITE
                break
            lo, hi = trim(work.new_re, work.new_im, lo, hi, tail * norm2)
            norm2 = norm_squared(work.new_re, work.new_im, lo, hi)
            store(work.new_re, work.new_im, lo, hi, 1.0 / np.sqrt(norm2), work.taylor_re[0], work.taylor_im[0])
            waiting = generator.standard_exponential()
            place[4] += 1
            counts[done, channel] += 1
            left -= 1
            if rec_time.size > 0:
                rec_time[place[5]] = t
                rec_channel[place[5]] = channel
                rec_two_J[place[5]] = two_J
                place[5] += 1
        else:
            waiting -= lost
            lo, hi = trim(work.out_re, work.out_im, lo, hi, tail * norm2)
            norm2 = norm_squared(work.out_re, work.out_im, lo, hi)
            store(work.out_re, work.out_im, lo, hi, 1.0 / np.sqrt(norm2), work.taylor_re[0], work.taylor_im[0])
    place[0], place[1], place[2], place[3] = two_J, lo, hi, done
    clock[0], clock[1], clock[2], clock[3] = t, waiting, shift, rate_shift
    return status


@njit(**OPTIONS)
def product_step(tables, work, size, shift, rate_shift, waiting, most, tolerance):
    """One step of a sector of several blocks: expand the state, find the jump or the end of the step.

    Returns
    -------
    time, found, lost, norm2, order, horizon, energy, rate
        As find_jump and expand; the state at ``time`` is in ``out``.
    """
    filled = np.full(3, -1)
    order, horizon, energy, rate, curvature, shift, rate_shift = expand(
        tables, work, size - 1, PAD, PAD + size, filled, shift, rate_shift, waiting, most, 0.5 * tolerance
    )
    time, found, lost, norm2 = find_jump(
        work, order, PAD, PAD + size, horizon, rate_shift, rate, curvature, waiting, tolerance
    )
    return time, found, lost, norm2, order, horizon, energy, rate
