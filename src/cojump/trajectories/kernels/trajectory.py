"""One trajectory: waiting time, no-jump evolution with dense output, jump, again."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN
from .common import (
    FINISHED,
    LONG_STEP,
    MAX_ORDER,
    NO_CONVERGENCE,
    NOT_FINITE,
    OPTIONS,
    PAD,
    PAUSED,
    RECORD_FULL,
    STIFF,
)
from .jump import (
    channel_weight,
    collective_jump,
    general_jump,
    ladder_jump,
    ladder_weights,
)
from .measure import spin_averages
from .propagate import norm_squared, sum_series
from .series import expand, guessed_horizon, sector_range
from .window import clear_beside, store, trim

SHARE = 0.25
"""Part of the tolerance given to the tails on each side of a window; half of it is the Taylor series'."""


SEARCH = 0.25
"""Part of the tolerance within which the log-survival at a jump meets the number drawn; the series has the rest."""

ROUNDING = 1e-15
"""What rounding may leave of a log-survival."""

NO_JUMP, NO_NUMBER = -1, -2
"""In place of a channel: no outcome is possible; the weights are no numbers."""

UNAIMED = 2.0**-6
"""The same part of that where the end of a step happens to be near a jump: it lies on one side of it always."""


@njit(inline="always", **OPTIONS)
def _sum_at(work, order, lo, hi, x):
    """The state at x units of time after the start of the step, in ``out``."""
    _evaluated(work.taylor_re, work.taylor_im, work.out_re, work.out_im, order, lo, hi, x)


@njit(inline="always", **OPTIONS)
def _root(first, second, third, change, s, guess, waiting):
    """Where first x + second x² + (third + change (x - s)) x³ reaches ``waiting``, near ``guess``."""
    for _ in range(3):
        x = guess
        here = third + change * (x - s)
        value = ((here * x + second) * x + first) * x - waiting
        tangent = first + (2.0 * second + (3.0 * here + change * x) * x) * x
        if tangent > 0.0:
            guess = x - value / tangent
    return guess


@njit(**OPTIONS)
def _evaluated(taylor_re, taylor_im, out_re, out_im, order, lo, hi, x):
    """As _sum_at; returns |ψ|²."""
    sum_series(taylor_re, order, lo, hi, x, out_re)
    sum_series(taylor_im, order, lo, hi, x, out_im)
    return norm_squared(out_re, out_im, lo, hi)


@njit(inline="always", **OPTIONS)
def find_jump(work, order, lo, hi, horizon, unit, rate_shift, rate, curvature, waiting, tolerance):
    """Time in (0, horizon] at which the log-survival has lost ``waiting``, or the horizon.

    -log|ψ|² grows steadily; the quadratic model rate t - curvature t² gives the first guess, the cubic and the quartic
    through evaluations of the series the next ones, then their secants, safeguarded by bisection. Leaves the state at
    the returned time in ``out``.

    There is a jump only where the loss does reach ``waiting``: a miss from below counts where a later time was seen
    to have lost more, or where the loss grows steeply enough to get there well before the horizon.

    Returns
    -------
    time, found, lost, norm2, place
        ``lost`` is the log-survival lost by then; found is -1 if the search did not converge. ``place`` is where the
        series was summed, in units of the rows: at the time, or beside a jump by less than the tolerance shows.
    """
    if waiting <= 0.0:  # the jump is due
        norm2 = _evaluated(work.taylor_re, work.taylor_im, work.out_re, work.out_im, order, lo, hi, 0.0)
        return 0.0, 1, 0.0, norm2, 0.0
    # all times in the unit of the rows
    end, first, second = horizon / unit, rate * unit, -curvature * unit * unit
    damping, near = rate_shift * unit, max(SEARCH * tolerance, min(tolerance, ROUNDING))
    farther = max(near, tolerance)
    discriminant = first * first + 4.0 * second * waiting
    s = end
    if first > 0.0 and discriminant > 0.0:
        s = min(2.0 * waiting / (first + np.sqrt(discriminant)), end)
    below, above = 0.0, end
    untried = s < end  # whether the upper end has been evaluated
    s_before, miss_before, third_before = 0.0, -waiting, 0.0
    for iteration in range(100):
        norm2 = _evaluated(work.taylor_re, work.taylor_im, work.out_re, work.out_im, order, lo, hi, s)
        lost = damping * s - np.log(norm2)
        miss = lost - waiting
        # first s + second s² + third s³, which meets the loss here, and from the second evaluation on the last one too
        third = ((lost / s - first) / s - second) / s
        change = (third - third_before) / (s - s_before) if iteration > 0 else 0.0
        slope = first + (2.0 * second + (3.0 * third + change * s) * s) * s
        if iteration > 2:
            slope = (miss - miss_before) / (s - s_before)
        if s >= end:
            if miss < 0.0:
                return horizon, 0, lost, norm2, s
            if miss <= UNAIMED * near:
                return horizon, 1, lost, norm2, s
        elif abs(miss) <= farther and (
            miss >= 0.0 or not untried or (-4.0 * miss < lost and slope > 0.0 and s - 2.0 * miss / slope < end)
        ):
            if work.norms[1] * abs(miss) <= SEARCH * tolerance * slope:
                # the jump is then, to the square of the miss, and the state moves by less than its share till then
                return (s - miss / slope) * unit, 1, waiting, norm2, s
            if abs(miss) <= near:
                return s * unit, 1, lost, norm2, s
        if miss < 0.0:
            below = s
        else:
            above = s
            untried = False
        guess = s - miss / slope if slope > 0.0 else above
        if iteration <= 2:
            guess = _root(first, second, third, change, s, guess, waiting)
        s_before, miss_before, third_before = s, miss, third
        if guess >= above:
            guess = above if untried else 0.5 * (below + above)
        elif not guess > below or (iteration > 10 and iteration % 2 == 0):
            guess = 0.5 * (below + above)
        s = guess
    return s * unit, -1, 0.0, 1.0, s


@njit(inline="always", **OPTIONS)
def _choose_channel(N, jumps, work, two_J, re, im, lo, hi, u):
    """Channel (and outcome of a ladder channel, else -1) with probability proportional to |Kψ|²; rest of u.

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
    first, last = sector_range(N, new_two_J)
    return channel, new_two_J, max(lo, first), min(hi, last), norm2


@njit(inline="always", **OPTIONS)
def _work_of(order, lo, hi):
    """Cells that a step of the series or one sum of it goes through, and something for what goes with it."""
    return (order + 8) * (hi - lo + 32)


@njit(inline="always", **OPTIONS)
def _measure_until(
    N, work, order, two_J, lo, hi, unit, times, until, start, done, mean, second, sectors, counts, shots, effort
):
    """Averages at the output times up to ``until`` from the series that starts at ``start``; number done, effort left.

    Ends early when there is no effort left, but not before the first of them.

    ``counts``: its row ``done`` is the running number of jumps of each channel, which goes on in the next row.
    ``shots``: which row of the other two arrays takes the amplitudes of an output time, or -1.
    """
    place, shot_re, shot_im = shots
    before = done
    while done < times.size and times[done] <= until and (effort > 0 or done == before):
        effort -= _work_of(order, lo, hi)
        _sum_at(work, order, lo, hi, (times[done] - start) / unit)
        clear_beside(work.out_re, work.out_im, lo, hi, 2)
        norm2 = norm_squared(work.out_re, work.out_im, lo, hi)
        spin_averages(N, two_J, work.out_re, work.out_im, lo, hi, norm2, mean[done], second[done])
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
    return done, effort


@njit(**OPTIONS)
def _keep(from_re, from_im, lo, hi, weight, to_re, to_im):
    """Cut the tails of a state and write it, normalised; returns its window."""
    lo, hi = trim(from_re, from_im, lo, hi, weight)
    norm2 = norm_squared(from_re, from_im, lo, hi)
    store(from_re, from_im, lo, hi, 1.0 / np.sqrt(norm2), to_re, to_im)
    return lo, hi


@njit(**OPTIONS)
def _strongest_damping(h_eff, two_J, lo, hi):
    """Largest half rate on lo..hi widened by what a step may reach."""
    first, last = sector_range(h_eff.N, two_J)
    reach, J = MAX_ORDER * h_eff.band, 0.5 * two_J
    most = 0.0
    for p in range(max(lo - reach, first), min(hi + reach, last)):
        most = max(most, h_eff.half_rate[p - PAD])
    return most + 0.5 * h_eff.casimir * J * (J + 1.0)


@njit(**OPTIONS)
def advance(
    h_eff,
    jumps,
    work,
    place,
    clock,
    generator,
    times,
    mean,
    second,
    sectors,
    counts,
    shots,
    tolerance,
    budget,
    effort,
    record,
):
    """Run a trajectory on, until it ends, has made ``budget`` jumps or ``effort``, or its jump record is full.

    Where it pauses has no influence on what it does.

    Parameters
    ----------
    place : (7,) int array
        2J, lo, hi, output times done, jumps made, how many of them are in the record, and the number of steps in which
        no long step is asked for. The normalised state is row 0 of the Taylor rows.
    clock : (5,) array
        Time, log-survival left to lose before the next jump (0 where it is due), the shifts of energy and rate, and
        the length of the Taylor step where a long one is asked for.
    times, mean, second, sectors : (T,), (T, 3), (T, 6), (T,)
        Output times, and what is written at them.
    counts : (T + 1, L) int array
        Jumps of each channel up to each output time; the row of the next output time holds the running number.
    shots : tuple of three arrays
        Row of the amplitudes to be kept of each output time or -1, (T,), and their real and imaginary parts (n, N+1).
    budget, effort : int
        Jumps, and cells of states to go through, before the next pause.
    record : tuple of three arrays
        Times, channels and 2J after each jump; empty arrays for none.

    Returns
    -------
    int
        FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE, NOT_FINITE, or STIFF: Taylor steps are short because of damping,
        so that a long step to the next output time or jump would be faster.
    """
    two_J, lo, hi, done = place[0], place[1], place[2], place[3]
    t, waiting, shift, rate_shift = clock[0], clock[1], clock[2], clock[3]
    rec_time, rec_channel, rec_two_J = record
    filled = np.full(3, -1)
    tail = (SHARE * tolerance) ** 2
    status, left = FINISHED, budget
    done, effort = _measure_until(
        h_eff.N, work, 0, two_J, lo, hi, 1.0, times, t, t, done, mean, second, sectors, counts, shots, effort
    )
    while done < times.size:
        # what a step begins with: a pause in its midst goes back to it
        place[0], place[1], place[2], place[3] = two_J, lo, hi, done
        clock[0], clock[1], clock[2], clock[3] = t, waiting, shift, rate_shift
        if left == 0 or effort <= 0:
            status = PAUSED
            break
        if rec_time.size > 0 and place[5] == rec_time.size:
            status = RECORD_FULL
            break
        order, horizon, energy, rate, curvature, shift, rate_shift, unit = expand(
            h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, times[-1] - t, 0.5 * tolerance
        )
        if not np.isfinite(energy) or not np.isfinite(rate):
            status = NOT_FINITE
            break
        if order == MAX_ORDER and waiting > 0.0 and place[6] <= 0:
            wanted = min(guessed_horizon(rate, waiting, times[-1] - t), times[done] - t)
            cost = wanted / horizon * _work_of(order, lo, hi) if horizon > 0.0 else np.inf
            if cost > LONG_STEP + LONG_STEP // 1024 * two_J and _strongest_damping(h_eff, two_J, lo, hi) * horizon > 1:
                clock[4] = horizon
                status = STIFF
                break
        if not t + horizon > t and waiting > 0.0:
            status = NO_CONVERGENCE
            break
        first, last = sector_range(h_eff.N, two_J)
        lo, hi = max(lo - order * h_eff.band, first), min(hi + order * h_eff.band, last)
        step, found, lost, norm2, summed = find_jump(
            work, order, lo, hi, horizon, unit, rate_shift, rate, curvature, waiting, tolerance
        )
        if found < 0:
            status = NO_CONVERGENCE
            break
        effort -= 2 * _work_of(order, lo, hi)
        ends = found == 0 and horizon >= times[-1] - t
        until = times[-1] if ends else t + step
        before = done
        done, effort = _measure_until(
            h_eff.N,
            work,
            order,
            two_J,
            lo,
            hi,
            unit,
            times,
            until,
            t,
            done,
            mean,
            second,
            sectors,
            counts,
            shots,
            effort,
        )
        place[3] = done
        if done == times.size:
            break
        if times[done] <= until:  # row 0 is still the state that the step began with
            status = PAUSED
            break
        if done > before:
            _sum_at(work, order, lo, hi, summed)
        t += step
        place[6] = max(place[6] - 1, 0)
        shift, rate_shift = energy, rate
        channel = -1
        if found == 1:
            channel, new_two_J, new_lo, new_hi, new_norm2 = perform_jump(
                h_eff.N, jumps, work, two_J, lo, hi, generator.random()
            )
        if channel == NO_NUMBER:
            status = NOT_FINITE
            break
        if channel >= 0:
            two_J, lo, hi, norm2 = new_two_J, new_lo, new_hi, new_norm2
            if not norm2 > 0.0:
                status = NOT_FINITE
                break
            lo, hi = _keep(work.new_re, work.new_im, lo, hi, tail * norm2, work.taylor_re[0], work.taylor_im[0])
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
            # A loss without any rate is rounding, below any number that is drawn: what is left to lose is drawn anew.
            waiting = waiting - lost if found == 0 else generator.standard_exponential()
            lo, hi = _keep(work.out_re, work.out_im, lo, hi, tail * norm2, work.taylor_re[0], work.taylor_im[0])
    return status


@njit(**OPTIONS)
def product_step(h_eff, work, size, shift, rate_shift, waiting, most, tolerance):
    """One step of a sector of several blocks: expand the state, find the jump or the end of the step.

    Returns
    -------
    time, found, lost, norm2, order, horizon, energy, rate, unit
        As find_jump and expand; the state at ``time`` is in ``out``.
    """
    filled = np.full(3, -1)
    order, horizon, energy, rate, curvature, shift, rate_shift, unit = expand(
        h_eff, work, size - 1, PAD, PAD + size, filled, shift, rate_shift, waiting, most, 0.5 * tolerance
    )
    time, found, lost, norm2, _ = find_jump(
        work, order, PAD, PAD + size, horizon, unit, rate_shift, rate, curvature, waiting, tolerance
    )
    return time, found, lost, norm2, order, horizon, energy, rate, unit
