"""Photon counting of one trajectory, whatever its state is written in: waiting time, dense output, jump, again.

What differs between kinds of states is chosen by the type of H_eff when a kernel is compiled: how a state that waits is
made ready for a step, how it is measured, and how it jumps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from . import (
    driven_lattice_state,
    driven_list_state,
    driven_mode_state,
    driven_pattern_state,
    driven_state,
    lattice_trajectory,
    pattern_state,
    polynomial_state,
    sparse_state,
    spin_mode_state,
    steady,
)
from .by_type import by_type
from .common import (
    FINISHED,
    INLINED,
    MAX_ORDER,
    NO_CONVERGENCE,
    NO_JUMP,
    NO_NUMBER,
    NOT_FINITE,
    OPTIONS,
    PAUSED,
    PROGRESS,
    RECORD_FULL,
    STIFF,
    TO_BEGIN,
)
from .driven_bands import DrivenHeff
from .driven_lattice import DrivenLatticeHeff
from .driven_list import DrivenListHeff
from .driven_mode import DrivenModeHeff
from .driven_patterns import DrivenPatternHeff
from .generators import generator_of
from .horizon import guessed_horizon
from .lattice import LatticeHeff, copy_into
from .mode_columns import SpinModeHeff
from .pattern_pairs import PatternHeff
from .polynomial_bands import PolynomialHeff
from .sparse import SparseHeff
from .sparse_jump import NO_MATRIX
from .waiting_time import no_jump_step, summed

GROW = 6
"""A further status code: more cells are needed, or tables of a sector, or a matrix that a jump needs."""

AROUND = 2**17
"""Multiplications that take as long as what Python does around a long step."""

LONG = 2**25
"""Multiplications in Taylor steps that take as long as a long step."""

FIRST_REACH, LEAST_REACH = 4, 3
"""Hops for which a box has room on each side of a state, at first and at least."""

_FLAGS = [(name, np.int64) for name in ("reach", "pending", "shown", "jumping")]
COUNTING_NOW = np.dtype((np.record, [*PROGRESS, *_FLAGS, ("u", np.float64), ("norm2", np.float64)]))
"""Where a trajectory stands between two steps, behind PROGRESS.

``reach``: hops for which a box has room on each side of a state; ``pending``: 1 where the state in ``room`` is still to
be made ready for a step, TO_BEGIN where the trajectory has not begun; ``shown``: 1 where the state at the last output
time is to be looked at; ``jumping``: 1 where the state in ``out``, of squared norm ``norm2``, is to jump, with ``u``
for the choice.
"""


@by_reference
class Grams(NamedTuple):
    """What is written at the T output times; of K trajectories with an axis of length K in front of the others.

    Attributes
    ----------
    times : (T,)
    grams : (T, 1 + V, 1 + V)
        Inner products of a state and what V operators make of it, divided by its squared norm.
    sectors : (T, B)
        The sector, in the numbers of the representation.
    counts, snapshot
        As in :class:`cojump.trajectories.kernels.common.Gathered`.
    """

    times: NDArray[np.float64]
    grams: NDArray[np.complex128]
    sectors: NDArray[np.int64]
    counts: NDArray[np.int64]
    snapshot: NDArray[np.int64]


@by_reference
class SectorRecord(NamedTuple):
    """Times and channels of jumps, and (., B) sectors after each of them; empty arrays for no record."""

    time: NDArray[np.float64]
    channel: NDArray[np.int64]
    sector: NDArray[np.int64]


HOMES = {
    LatticeHeff: (lattice_trajectory,),
    SparseHeff: (sparse_state,),
    PatternHeff: (pattern_state,),
    PolynomialHeff: (polynomial_state,),
    SpinModeHeff: (spin_mode_state,),
    DrivenHeff: (driven_state, polynomial_state),
    DrivenLatticeHeff: (driven_lattice_state, driven_state, lattice_trajectory),
    DrivenListHeff: (driven_list_state, driven_state, sparse_state),
    DrivenModeHeff: (driven_mode_state, driven_state, spin_mode_state),
    DrivenPatternHeff: (driven_pattern_state, driven_state, pattern_state),
}
"""What each kind of state does between two steps: by the first of these modules that says so, else as ``steady`` does.

Where terms change in time a state is what it is elsewhere, but for the time.
"""


def _by_kind(name, options=OPTIONS):
    """The function of this name for the kind of state that its first argument belongs to."""
    functions = {
        kind: next((getattr(home, name) for home in (*homes, steady) if hasattr(home, name)), None)
        for kind, homes in HOMES.items()
    }
    return by_type(functions, options)


cells, first_cell, work_of = map(_by_kind, ("cells", "first_cell", "work_of"))
tail_of, is_cut_short = map(_by_kind, ("tail_of", "is_cut_short"))
set_aside, landed, measured = map(_by_kind, ("set_aside", "landed", "measured"))
# called at one place each
settle, jumped = (_by_kind(name, INLINED) for name in ("settle", "jumped"))
until_change, ended_at, may_leap, begin = map(_by_kind, ("until_change", "ended_at", "may_leap", "begin"))


@njit(inline="always", **OPTIONS)
def _of_one(gathered, k):
    """What trajectory k writes."""
    return Grams(gathered.times, gathered.grams[k], gathered.sectors[k], gathered.counts[k], gathered.snapshot)


@njit(**OPTIONS)
def _measure_until(h_eff, shown, room, now, step_order, lo, hi, unit, until, tolerance, gathered, effort):
    """Averages at the output times up to ``until`` from the series that starts now; effort left.

    Ends early when there is no effort left, but not before the first of them, and behind a snapshot.
    """
    done, before, times = now.done, now.done, gathered.times
    while done < times.size and times[done] <= until and (effort > 0 or done == before):
        x = (times[done] - now.t) / unit
        norm2 = summed(shown, step_order, lo, hi, x)
        effort -= measured(
            h_eff, shown, room, step_order, norm2, tolerance, gathered.grams[done], gathered.sectors[done]
        )
        copy_into(gathered.counts[done + 1], gathered.counts[done])
        done += 1
        if gathered.snapshot[done - 1] >= 0:
            now.shown = 1
            effort = 0
    now.done = done
    return effort


@njit(**OPTIONS)
def advance_counting(
    h_eff, work, shown, room, stands, numbers, starts, gathered, turn, stop, tolerance, budget, effort, record
):
    """Run trajectories on, one after another, until the last one ends, they have made ``budget`` jumps or ``effort``,
    or the jump record is full.

    Where it pauses has no influence on what they do.

    Parameters
    ----------
    h_eff : LatticeHeff, SparseHeff, PatternHeff, PolynomialHeff, DrivenHeff, DrivenLatticeHeff, DrivenListHeff,
        SpinModeHeff, DrivenModeHeff or DrivenPatternHeff
        The normalised state is row 0 of the Taylor rows.
    work, shown : Work
        The same arrays, but for those of ``out``: in ``shown`` this is the state at an output time.
    room : Room, SparseRoom, PatternRoom, PolynomialRoom or SpinModeRoom
    stands : (K,) array of COUNTING_NOW
        Where the trajectories stand.
    numbers : (K, .) array
        The random numbers of each.
    starts
        What each begins with, as its representation says.
    gathered : Grams
    turn : (1,)
        How many of them have ended; the next one is gone through now.
    stop : int
        How many are to end.
    budget, effort : int
        Jumps, and multiplications, before the next pause.
    record : SectorRecord

    Returns
    -------
    int
        FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE, NOT_FINITE, GROW (what ``h_eff`` and ``room`` say is needed), or
        STIFF: a long step to the next output time or jump would be faster than Taylor steps.
    """
    times, k = gathered.times, turn[0]
    now, generator, own = stands[k], generator_of(numbers, k), _of_one(gathered, k)
    T, left, tail, per_amplitude = times.size, budget, tail_of(h_eff, tolerance), work_of(h_eff)
    begun = False
    while True:
        if now.pending == TO_BEGIN:
            begin(h_eff, room, starts, k)
            now.pending, now.waiting = 1, generator.standard_exponential()
        if now.pending:
            if not settle(h_eff, work, room, tail, now.reach):
                return GROW
            now.pending = 0
        if not begun:
            begun = True
            if now.jumping == 0:
                first = first_cell(h_eff)
                end = first + cells(h_eff)
                effort = _measure_until(
                    h_eff, shown, room, now, np.int64(0), first, end, 1.0, now.t, tolerance, own, effort
                )
        if now.done == T:
            k += 1
            turn[0] = k
            if k == stop:
                return FINISHED
            now, generator, own, begun = stands[k], generator_of(numbers, k), _of_one(gathered, k), False
            continue
        if now.shown:
            return PAUSED
        if now.jumping == 0:
            if left == 0 or effort <= 0:
                return PAUSED
            if record.time.size > 0 and now.recorded == record.time.size:
                return RECORD_FULL
            done, first, size, most = now.done, first_cell(h_eff), cells(h_eff), times[T - 1] - now.t
            soon = until_change(h_eff, now.t, most)
            step = no_jump_step(
                h_eff, work, 0, first, first + size, room.filled, now.energy, now.rate, now.waiting, soon, tolerance
            )
            if not np.isfinite(step.energy) or not np.isfinite(step.rate):
                return NOT_FINITE
            effort -= 2 * (step.order + 8) * (size + 32) * per_amplitude
            if is_cut_short(h_eff):
                now.reach = min(2 * now.reach, MAX_ORDER + 1)  # the last hop of it is one that no series makes
                set_aside(h_eff, work, work.taylor_re[0], work.taylor_im[0], room)
                now.pending = 1
                continue
            if may_leap(h_eff) and step.order == MAX_ORDER and now.waiting > 0.0 and now.taylor_steps <= 0:
                cost = AROUND + step.order * per_amplitude * size
                if guessed_horizon(step.rate, now.waiting, times[done] - now.t) * cost > LONG * step.horizon:
                    now.horizon = step.horizon
                    return STIFF
            if step.found < 0 or (not now.t + step.horizon > now.t and now.waiting > 0.0):
                return NO_CONVERGENCE
            ended = ended_at(h_eff, now.t, step.time, step.found, step.horizon)
            until = times[T - 1] if step.found == 0 and step.horizon >= most else ended
            effort = _measure_until(
                h_eff, shown, room, now, step.order, step.lo, step.hi, step.unit, until, tolerance, own, effort
            )
            if now.done == T:
                continue
            if now.shown or times[now.done] <= until:  # row 0 is still the state that the step began with
                return PAUSED
            now.t = ended
            now.taylor_steps = max(now.taylor_steps - 1, 0)
            now.energy, now.rate, now.norm2 = step.energy, step.rate, step.norm2
            now.reach = max(now.reach - 1, LEAST_REACH)
            if step.found == 0:
                now.waiting -= step.lost
            else:
                now.jumping, now.u = 1, generator.random()
        channel = NO_JUMP
        if now.jumping == 1:
            channel = jumped(h_eff, work, room, now.norm2, tolerance, now.u)
            if channel == NO_MATRIX:
                return GROW
            if channel == NO_NUMBER:
                return NOT_FINITE
            # A loss without any rate is rounding, below any number that is drawn: what is left is drawn anew.
            now.waiting, now.jumping = generator.standard_exponential(), 0
        if channel >= 0:
            now.n_jumps += 1
            own.counts[now.done, channel] += 1
            left -= 1
            if record.time.size > 0:
                record.time[now.recorded] = now.t
                record.channel[now.recorded] = channel
                landed(h_eff, room, record.sector[now.recorded])
                now.recorded += 1
        else:
            set_aside(h_eff, work, work.out_re, work.out_im, room)
        now.pending = 1
