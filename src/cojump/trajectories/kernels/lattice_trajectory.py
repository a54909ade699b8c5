"""One trajectory on a lattice of several blocks: waiting time, no-jump evolution with dense output, jump, again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .common import (
    FINISHED,
    MAX_ORDER,
    NO_CONVERGENCE,
    NO_JUMP,
    NO_NUMBER,
    NOT_FINITE,
    OPTIONS,
    PAD,
    PAUSED,
    PROGRESS,
    RECORD_FULL,
    STIFF,
)
from .lattice import MOVED, NO_ROOM, Box, copy_into
from .lattice_box import fit, gram
from .lattice_heff import fill_axes, fill_energy, fill_rates
from .lattice_jump import perform_jump
from .series import guessed_horizon
from .waiting_time import lone_step, sum_at

GROW = 6
"""A further status code: more cells are needed."""

LATTICE_NOW = np.dtype([*PROGRESS, ("reach", np.int64), ("pending", np.int64), ("shown", np.int64)])
"""Where a trajectory stands between two steps, behind PROGRESS.

``reach``: orders of the series that the box has room for; ``pending``: 1 where the state in ``room`` is still to be put
into a box; ``shown``: 1 where ``out`` is the state at the last output time, to be looked at.
"""

FIRST_REACH, LEAST_REACH = 12, 6
"""Orders of the series that a box has room for at first, and at least."""

AROUND = 2**17
"""Multiplications that take as long as what Python does around a long step."""

LONG = 2**25
"""Multiplications in Taylor steps that take as long as a long step."""


class Room(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    after : Box
        Where the state in ``new`` lies.
    new_re, new_im : (3 cells,)
        A state after a jump.
    rest_re, rest_im : (2, 2 cells)
        The jumping particle up and down, times the state of the others.
    vectors : (1 + 3B, cells)
        A state and what the collective operators make of it.
    weight : (cells,)
    weights : (L,)
        Weights of the jumps.
    marginal, edges : (B, n), (B, 2)
        The state along each axis, and where its tails are cut.
    place : (B,)
    filled : (3,)
    """

    after: Box
    new_re: NDArray[np.float64]
    new_im: NDArray[np.float64]
    rest_re: NDArray[np.float64]
    rest_im: NDArray[np.float64]
    vectors: NDArray[np.complex128]
    weight: NDArray[np.float64]
    weights: NDArray[np.float64]
    marginal: NDArray[np.float64]
    edges: NDArray[np.int64]
    place: NDArray[np.int64]
    filled: NDArray[np.int64]


class LatticeGathered(NamedTuple):
    """What is written at the T output times.

    Attributes
    ----------
    times : (T,)
    grams : (T, 1 + 3B, 1 + 3B)
        Inner products, see :func:`cojump.trajectories.kernels.lattice_box.gram`.
    sectors : (T, B)
        2J of each block.
    counts, snapshot
        As in :class:`cojump.trajectories.kernels.common.Gathered`.
    """

    times: NDArray[np.float64]
    grams: NDArray[np.complex128]
    sectors: NDArray[np.int64]
    counts: NDArray[np.int64]
    snapshot: NDArray[np.int64]


class LatticeRecord(NamedTuple):
    """Times and channels of jumps, and (., B) 2J after each of them; empty arrays for no record."""

    time: NDArray[np.float64]
    channel: NDArray[np.int64]
    two_J: NDArray[np.int64]


@njit(**OPTIONS)
def _settle(h_eff, work, room, tail, reach):
    """Put the state in ``room`` into the box of ``h_eff`` and make the elements there; False if there is no room."""
    box, other_sector = h_eff.box, False
    for b in range(box.n.size):
        other_sector |= box.two_J[b] != room.after.two_J[b]
    re, im = work.taylor_re[0, PAD:], work.taylor_im[0, PAD:]
    done = fit(
        h_eff.lattice,
        room.after,
        room.new_re,
        room.new_im,
        box,
        re,
        im,
        room.place,
        room.marginal,
        room.edges,
        tail,
        reach,
    )
    if done == NO_ROOM:
        return False
    if done == MOVED or other_sector:
        fill_axes(h_eff.lattice, box, h_eff.elements)
        if done == MOVED or h_eff.elements.rate_up.size > 0:
            fill_rates(h_eff.lattice, box, h_eff.elements, room.place)
            fill_energy(h_eff.lattice, box, h_eff.elements, room.place)
    return True


@njit(**OPTIONS)
def _set_aside(box, re, im, room):
    """Copy a state in the box to where the state after a jump lies."""
    after = room.after
    copy_into(after.two_J, box.two_J)
    copy_into(after.lo, box.lo)
    copy_into(after.n, box.n)
    copy_into(after.stride, box.stride)
    copy_into(after.size, box.size)
    for p in range(box.size[0]):
        room.new_re[p] = re[PAD + p]
        room.new_im[p] = im[PAD + p]


@njit(**OPTIONS)
def _measure_until(h_eff, work, room, now, order, unit, until, gathered, effort):
    """Averages at the output times up to ``until`` from the series that starts now; effort left.

    Ends early when there is no effort left, but not before the first of them, and behind a snapshot.
    """
    box, done, times = h_eff.box, now.done, gathered.times
    size, before = box.size[0], now.done
    re, im = work.out_re[PAD : PAD + size], work.out_im[PAD : PAD + size]
    while done < times.size and times[done] <= until and (effort > 0 or done == before):
        effort -= (order + 4 * room.vectors.shape[0]) * (size + 32)
        x = (times[done] - now.t) / unit
        norm2 = sum_at(work.taylor_re, work.taylor_im, work.out_re, work.out_im, order, PAD, PAD + size, x)
        gram(box, h_eff.elements, re, im, room.vectors, norm2, gathered.grams[done])
        copy_into(gathered.sectors[done], box.two_J)
        copy_into(gathered.counts[done + 1], gathered.counts[done])
        done += 1
        if gathered.snapshot[done - 1] >= 0:
            now.shown = 1
            effort = 0
    now.done = done
    return effort


@njit(**OPTIONS)
def advance_lattice(h_eff, work, room, now, generator, gathered, tolerance, budget, effort, record):
    """Run a trajectory on, until it ends, has made ``budget`` jumps or ``effort``, or its jump record is full.

    Where it pauses has no influence on what it does.

    Parameters
    ----------
    h_eff : LatticeHeff
        The normalised state is row 0 of the Taylor rows, in its box.
    work : Work
    room : Room
    now : record of LATTICE_NOW
    gathered : LatticeGathered
    budget, effort : int
        Jumps, and multiplications, before the next pause.
    record : LatticeRecord

    Returns
    -------
    int
        FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE, NOT_FINITE, GROW (the box of ``h_eff`` says for how many states),
        or STIFF: a long step to the next output time or jump would be faster than Taylor steps.
    """
    box, lattice, times = h_eff.box, h_eff.lattice, gathered.times
    T, left = times.size, budget
    tail = (0.5 * tolerance) ** 2 / (4 * box.n.size)
    per_amplitude = 4 + 4 * lattice.across_axes.shape[0]
    for b in range(box.n.size):
        per_amplitude += 2 * lattice.band[b]
    if now.pending:
        if not _settle(h_eff, work, room, tail, now.reach):
            return GROW
        now.pending = 0
    effort = _measure_until(h_eff, work, room, now, np.int64(0), 1.0, now.t, gathered, effort)
    while now.done < T and now.shown == 0:
        if left == 0 or effort <= 0:
            return PAUSED
        if record.time.size > 0 and now.recorded == record.time.size:
            return RECORD_FULL
        done, size, most = now.done, box.size[0], times[T - 1] - now.t
        step = lone_step(
            h_eff, work, 0, PAD, PAD + size, room.filled, now.energy, now.rate, now.waiting, most, tolerance
        )
        if not np.isfinite(step.energy) or not np.isfinite(step.rate):
            return NOT_FINITE
        effort -= 2 * (step.order + 8) * (size + 32) * per_amplitude
        if step.order > now.reach:  # the box may have cut what the last orders reach
            now.reach = MAX_ORDER
            _set_aside(box, work.taylor_re[0], work.taylor_im[0], room)
            now.pending = 1
            if not _settle(h_eff, work, room, tail, now.reach):
                return GROW
            now.pending = 0
            continue
        if step.order == MAX_ORDER and now.waiting > 0.0 and now.taylor_steps <= 0:
            cost = AROUND + step.order * per_amplitude * size
            if guessed_horizon(step.rate, now.waiting, times[done] - now.t) * cost > LONG * step.horizon:
                now.horizon = step.horizon
                return STIFF
        if step.found < 0 or (not now.t + step.horizon > now.t and now.waiting > 0.0):
            return NO_CONVERGENCE
        until = times[T - 1] if step.found == 0 and step.horizon >= most else now.t + step.time
        effort = _measure_until(h_eff, work, room, now, step.order, step.unit, until, gathered, effort)
        if now.done == T:
            return FINISHED
        if now.shown or times[now.done] <= until:  # row 0 is still the state that the step began with
            return PAUSED
        if now.done > done:
            last = PAD + size
            sum_at(work.taylor_re, work.taylor_im, work.out_re, work.out_im, step.order, PAD, last, step.summed)
        now.t += step.time
        now.taylor_steps = max(now.taylor_steps - 1, 0)
        now.energy, now.rate = step.energy, step.rate
        now.reach = min(max(step.order + 2, LEAST_REACH), MAX_ORDER)
        channel = NO_JUMP
        if step.found == 1:
            channel = perform_jump(
                lattice,
                box,
                h_eff.elements,
                room.place,
                room.after,
                work.out_re[PAD : PAD + size],
                work.out_im[PAD : PAD + size],
                room.rest_re,
                room.rest_im,
                room.new_re,
                room.new_im,
                room.weight,
                room.weights,
                generator.random(),
            )
            if channel == NO_NUMBER:
                return NOT_FINITE
        if channel >= 0:
            now.waiting = generator.standard_exponential()
            now.n_jumps += 1
            gathered.counts[now.done, channel] += 1
            left -= 1
            if record.time.size > 0:
                record.time[now.recorded] = now.t
                record.channel[now.recorded] = channel
                copy_into(record.two_J[now.recorded], room.after.two_J)
                now.recorded += 1
        else:
            # A loss without any rate is rounding, below any number that is drawn: what is left to lose is drawn anew.
            now.waiting = now.waiting - step.lost if step.found == 0 else generator.standard_exponential()
            _set_aside(box, work.out_re, work.out_im, room)
        now.pending = 1
        if not _settle(h_eff, work, room, tail, now.reach):
            return GROW
        now.pending = 0
    return FINISHED if now.done == T else PAUSED
