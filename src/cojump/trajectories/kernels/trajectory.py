"""The whole loop of a trajectory of one block of spins, compiled: what cojump.trajectories.loop does step by step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import (
    FINISHED,
    INLINED,
    LONG_STEP,
    MAX_ORDER,
    NO_CONVERGENCE,
    NO_JUMP,
    NO_NUMBER,
    NOT_FINITE,
    OPTIONS,
    PAD,
    PAUSED,
    RECORD_FULL,
    STIFF,
    TO_BEGIN,
    Gathered,
)
from .generators import generator_of
from .horizon import guessed_horizon
from .lone_amplitude import advance_lone, stays_lone
from .measure import measure_at
from .spin_jump import keep, perform_jump
from .waiting_time import no_jump_step
from .windowed_rows import sector_range


class SpinStarts(NamedTuple):
    """States that K trajectories begin with: amplitudes one after another, and where those of each are, (K,)."""

    first: NDArray[np.int64]
    re: NDArray[np.float64]
    im: NDArray[np.float64]


@njit(inline="always", **OPTIONS)
def _work_of(order, lo, hi):
    """Cells that a step of the series or one sum of it goes through, and something for what goes with it."""
    return (order + 8) * (hi - lo + 32)


@njit(**INLINED)
def _measure_until(N, work, order, two_J, lo, hi, unit, until, start, done, gathered, amplitudes, effort):
    """Averages at the output times up to ``until`` from the series that starts at ``start``; number done, effort left.

    Ends early when there is no effort left, but not before the first of them.
    """
    times, counts = gathered.times, gathered.counts
    before = done
    while done < times.size and times[done] <= until and (effort > 0 or done == before):
        effort -= _work_of(order, lo, hi)
        measure_at(N, work, order, two_J, lo, hi, (times[done] - start) / unit, done, gathered, amplitudes)
        for l in range(counts.shape[1]):
            counts[done + 1, l] = counts[done, l]
        done += 1
    return done, effort


@njit(**OPTIONS)
def _strongest_damping(h_eff, two_J, lo, hi):
    """Largest half rate on lo..hi widened by what a step may reach."""
    first, last = sector_range(h_eff.N, two_J)
    reach, J = MAX_ORDER * h_eff.band, 0.5 * two_J
    most = 0.0
    for p in range(max(lo - reach, first), min(hi + reach, last)):
        most = max(most, h_eff.half_rate[p - PAD])
    return most + 0.5 * h_eff.casimir * J * (J + 1.0)


@njit(**INLINED)
def is_stiff(h_eff, two_J, lo, hi, step, waiting, most, soon):
    """Whether Taylor steps are so short because of damping that a long step (see long_step) may be faster.

    ``step`` is the Taylor step from the window lo..hi, ``soon`` the time to the next output, ``most`` to the last one.
    """
    if step.order < MAX_ORDER or not waiting > 0.0:
        return False
    wanted, horizon = min(guessed_horizon(step.rate, waiting, most), soon), step.horizon
    cost = wanted / horizon * _work_of(step.order, lo, hi) if horizon > 0.0 else np.inf
    if not cost > LONG_STEP + LONG_STEP // 1024 * two_J:
        return False
    return _strongest_damping(h_eff, two_J, lo, hi) * horizon > 1.0


@njit(**OPTIONS)
def advance(
    h_eff,
    jumps,
    work,
    stands,
    numbers,
    starts,
    gathered,
    amplitudes,
    turn,
    stop,
    tolerance,
    budget,
    effort,
    record,
):
    """Run trajectories on, one after another, until the last one ends, they have made ``budget`` jumps or ``effort``,
    or the jump record is full.

    Where it pauses has no influence on what they do.

    Parameters
    ----------
    h_eff, jumps, work : BandedHeff, SpinJumps, Work
        The normalised state is row 0 of the Taylor rows.
    stands : (K,) array of type NOW
        Where the trajectories stand.
    numbers : (K, .) array
        The random numbers of each.
    starts : SpinStarts
        What each begins with.
    gathered : Gathered
        What is written at the output times, with an axis of length K in front; the row of ``counts`` of the next one
        holds the running number.
    amplitudes : Amplitudes
        Of the one that is gone through.
    turn : (1,)
        How many of them have ended; the next one is gone through now.
    stop : int
        How many are to end.
    budget, effort : int
        Jumps, and cells of states to go through, before the next pause.
    record : JumpRecord
        Empty arrays for none.

    Returns
    -------
    int
        FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE, NOT_FINITE, or STIFF: Taylor steps are short because of damping,
        so that a long step to the next output time or jump would be faster.
    """
    status = FINISHED
    while status == FINISHED and turn[0] < stop:
        k = turn[0]
        now, generator, g = stands[k], generator_of(numbers, k), gathered
        own = Gathered(g.times, g.mean[k], g.second[k], g.sectors[k], g.counts[k], g.snapshot)
        if now.pending == TO_BEGIN:
            first, lo = starts.first[k], now.lo
            for p in range(now.hi - lo):
                work.taylor_re[0, lo + p], work.taylor_im[0, lo + p] = starts.re[first + p], starts.im[first + p]
            now.pending, now.waiting = 0, generator.standard_exponential()
        if stays_lone(h_eff, jumps, now.lo, now.hi):
            status, budget, effort = advance_lone(
                h_eff, jumps, work, now, generator, own, amplitudes, budget, effort, record
            )
        else:
            status, budget, effort = _advance_one(
                h_eff, jumps, work, now, generator, own, amplitudes, tolerance, budget, effort, record
            )
        if status == FINISHED:
            turn[0] += 1
    return status


@njit(**OPTIONS)
def _advance_one(h_eff, jumps, work, now, generator, gathered, amplitudes, tolerance, budget, effort, record):
    """Run one trajectory on; beside what is said of it the jumps and the effort that are left."""
    two_J, lo, hi, done = now.two_J, now.lo, now.hi, now.done
    t, waiting, shift, rate_shift = now.t, now.waiting, now.energy, now.rate
    times, counts = gathered.times, gathered.counts
    status, left = FINISHED, budget
    can_be_lone = stays_lone(h_eff, jumps, 0, 1)  # whether a state of one amplitude would
    done, effort = _measure_until(
        h_eff.N, work, np.int64(0), two_J, lo, hi, 1.0, t, t, done, gathered, amplitudes, effort
    )
    while done < times.size:
        # what a step begins with: a pause in its midst goes back to it
        now.two_J, now.lo, now.hi, now.done = two_J, lo, hi, done
        now.t, now.waiting, now.energy, now.rate = t, waiting, shift, rate_shift
        # a state that has become a lone amplitude goes on as one at once, not after the next pause
        if left == 0 or effort <= 0 or (can_be_lone and hi - lo == 1):
            status = PAUSED
            break
        if record.time.size > 0 and now.recorded == record.time.size:
            status = RECORD_FULL
            break
        most = times[-1] - t
        step = no_jump_step(h_eff, work, two_J, lo, hi, now.filled, shift, rate_shift, waiting, most, tolerance)
        if not np.isfinite(step.energy) or not np.isfinite(step.rate):
            status = NOT_FINITE
            break
        if now.taylor_steps <= 0 and is_stiff(h_eff, two_J, lo, hi, step, waiting, most, times[done] - t):
            now.horizon = step.horizon
            status = STIFF
            break
        if step.found < 0 or (not t + step.horizon > t and waiting > 0.0):
            status = NO_CONVERGENCE
            break
        lo, hi = step.lo, step.hi
        effort -= 2 * _work_of(step.order, lo, hi)
        until = times[-1] if step.found == 0 and step.horizon >= most else t + step.time
        done, effort = _measure_until(
            h_eff.N, work, step.order, two_J, lo, hi, step.unit, until, t, done, gathered, amplitudes, effort
        )
        now.done = done
        if done == times.size:
            break
        if times[done] <= until:  # row 0 is still the state that the step began with
            status = PAUSED
            break
        t += step.time
        now.taylor_steps = max(now.taylor_steps - 1, 0)
        shift, rate_shift = step.energy, step.rate
        channel = NO_JUMP
        if step.found == 1:
            channel, new_two_J, new_lo, new_hi, new_norm2 = perform_jump(
                h_eff.N, jumps, work, two_J, lo, hi, generator.random()
            )
        if channel == NO_NUMBER:
            status = NOT_FINITE
            break
        if channel >= 0:
            two_J = new_two_J
            lo, hi = keep(
                work.new_re,
                work.new_im,
                new_lo,
                new_hi,
                tolerance,
                new_norm2,
                work.taylor_re[0],
                work.taylor_im[0],
            )
            waiting = generator.standard_exponential()
            now.n_jumps += 1
            counts[done, channel] += 1
            left -= 1
            if record.time.size > 0:
                record.time[now.recorded] = t
                record.channel[now.recorded] = channel
                record.two_J[now.recorded] = two_J
                now.recorded += 1
        else:
            # A loss without any rate is rounding, below any number that is drawn: what is left to lose is drawn anew.
            waiting = waiting - step.lost if step.found == 0 else generator.standard_exponential()
            lo, hi = keep(work.out_re, work.out_im, lo, hi, tolerance, step.norm2, work.taylor_re[0], work.taylor_im[0])
    return status, left, effort
