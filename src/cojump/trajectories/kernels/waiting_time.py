"""One step between two jumps: the state is expanded, and the time is found at which the next jump is due."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import overload

from .by_type import by_type
from .common import INLINED, OPTIONS, Step
from .fock_rows import FockWork, sum_fock
from .lattice import RowsWork
from .lattice_sums import move_rows, sum_rows
from .mode_columns import SpinModeWork
from .mode_sums import sum_columns_of_mode
from .pattern_sums import PatternWork, move_patterns, sum_patterns
from .product_rows import ProductWork, move_product, sum_product
from .propagate import rows_that_move, sum_at
from .series import expand

SEARCH = 0.25
"""Part of the tolerance within which the log-survival at a jump meets the number drawn; the series has the rest."""

ROUNDING = 1e-15
"""What rounding may leave of a log-survival."""

LEFT_BEHIND = 2.0**-5
"""Part of the tolerance that may be missing of a state whose sum is moved to another time."""

UNAIMED = 2.0**-6
"""The same part of that where the end of a step happens to be near a jump: it lies on one side of it always."""


@njit(**INLINED)
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


def _sum_of(work, order, lo, hi, x):
    return sum_at(work.taylor_re, work.taylor_im, work.out_re, work.out_im, order, lo, hi, x)


def _sum_of_rows(work, order, lo, hi, x):
    return sum_rows(
        work.taylor_re, work.taylor_im, work.windows, work.made, work.shape, order, x, work.out_re, work.out_im
    )


def _sum_of_patterns(work, order, lo, hi, x):
    return sum_patterns(
        work.taylor_re,
        work.taylor_im,
        work.extent,
        work.base,
        work.spans,
        order,
        x,
        work.out_re,
        work.out_im,
        work.parts,
        work.sweep,
    )


def _sum_of_fock(work, order, lo, hi, x):
    return sum_fock(work.taylor_re, work.taylor_im, work.shape, work.cover, order, x, work.out_re, work.out_im)


def _sum_of_columns(work, order, lo, hi, x):
    return sum_columns_of_mode(
        work.taylor_re,
        work.taylor_im,
        work.shape,
        work.cover,
        work.columns,
        work.span,
        order,
        x,
        work.out_re,
        work.out_im,
    )


def _sum_of_product(work, order, lo, hi, x):
    return sum_product(
        work.taylor_re,
        work.taylor_im,
        work.shape[0],
        work.kept,
        np.int64(order),
        np.int64(hi),
        x,
        work.out_re,
        work.out_im,
    )


_SUMS = {
    ProductWork: _sum_of_product,
    RowsWork: _sum_of_rows,
    PatternWork: _sum_of_patterns,
    FockWork: _sum_of_fock,
    SpinModeWork: _sum_of_columns,
}


def summed(work, order, lo, hi, x):
    """As sum_at, of whatever the state is written in."""
    return _SUMS.get(type(work), _sum_of)(work, order, lo, hi, x)


@overload(summed, jit_options=INLINED)
def _choose_sum(work, order, lo, hi, x):
    return _SUMS.get(work.instance_class, _sum_of)


def _move_rows(work, terms):
    return move_rows(
        work.taylor_re, work.taylor_im, work.windows, work.made, work.shape, work.moves, terms, work.out_re, work.out_im
    )


def _move_patterns(work, terms):
    return move_patterns(
        work.taylor_re,
        work.taylor_im,
        work.extent,
        work.base,
        work.spans,
        work.moves,
        terms,
        work.out_re,
        work.out_im,
        work.parts,
        work.sweep,
    )


def _move_product(work, terms):
    return move_product(
        work.taylor_re,
        work.taylor_im,
        work.shape[0],
        work.kept,
        work.moves,
        np.int64(terms),
        np.int64(work.shape[1]),
        work.out_re,
        work.out_im,
    )


_MOVES = {ProductWork: _move_product, RowsWork: _move_rows, PatternWork: _move_patterns}
"""Elsewhere a sum takes hardly longer than to find out by which rows it is moved."""

_moved_by = by_type(_MOVES, INLINED)


def _moved(work, order, lo, hi, here, there, least):
    terms, gone = rows_that_move(work.norms, order, here, there, least, work.moves)
    if terms + 1 < order:
        norm2 = _moved_by(work, terms)
    else:
        norm2, gone = summed(work, order, lo, hi, there), 0.0
    return norm2, gone


def _summed_again(work, order, lo, hi, here, there, least):
    return summed(work, order, lo, hi, there), 0.0


def moved(work, order, lo, hi, here, there, least):
    """As summed, of a state in ``out`` that has been summed at ``here``; |ψ|², and how much of the state is missing.

    That is ``least`` at most. The first rows are enough where both times are near each other; where they are not, and
    where there is little to save, all are summed again.
    """
    move = _moved if type(work) in _MOVES else _summed_again
    return move(work, order, lo, hi, here, there, least)


@overload(moved, jit_options=INLINED)
def _choose_move(work, order, lo, hi, here, there, least):
    return _moved if work.instance_class in _MOVES else _summed_again


@njit(**INLINED)
def find_jump(work, order, lo, hi, horizon, unit, rate_shift, rate, curvature, waiting, tolerance):
    """Time in (0, horizon] at which the log-survival has lost ``waiting``, or the horizon.

    -log|ψ|² grows steadily; the quadratic model rate t - curvature t² gives the first guess, the cubic and the quartic
    through evaluations of the series the next ones, then their secants, safeguarded by bisection. Leaves the state at
    the returned time in ``out``: that of the last guess, or the one before it moved there by the first rows.

    There is a jump only where the loss does reach ``waiting``: a miss from below counts where a later time was seen
    to have lost more, or where the loss grows steeply enough to get there well before the horizon.

    Returns
    -------
    time, found, lost, norm2
        ``lost`` is the log-survival lost by then; found is -1 if the search did not converge. The state may be beside a
        jump by less than the tolerance shows.
    """
    if waiting <= 0.0:  # the jump is due
        norm2 = summed(work, order, lo, hi, 0.0)
        return 0.0, 1, 0.0, norm2
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
    s_before, miss_before, third_before, missing = 0.0, -waiting, 0.0, 0.0
    for iteration in range(100):
        # at first there is nothing to move: all is summed
        least = LEFT_BEHIND * tolerance - missing if iteration > 0 else -1.0
        norm2, gone = moved(work, order, lo, hi, s_before, s, least)
        missing = missing + gone
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
                return horizon, 0, lost, norm2
            if miss <= UNAIMED * near:
                return horizon, 1, lost, norm2
        elif abs(miss) <= farther and (
            miss >= 0.0 or not untried or (-4.0 * miss < lost and slope > 0.0 and s - 2.0 * miss / slope < end)
        ):
            if work.norms[1] * abs(miss) <= SEARCH * tolerance * slope:
                # the jump is then, to the square of the miss, and the state moves by less than its share till then
                return min(max(s - miss / slope, below), above) * unit, 1, waiting, norm2
            if abs(miss) <= near:
                return s * unit, 1, lost, norm2
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
    return s * unit, -1, 0.0, 1.0


@njit(**INLINED)
def no_jump_step(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """Expand a state, and find the jump or the end of the step; the state there is in ``out``. See expand, find_jump.

    ``two_J``, the sector of one block of spins, has no meaning for a program.
    """
    order, horizon, energy, rate, curvature, shift, rate_shift, unit, lo, hi = expand(
        h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, 0.5 * tolerance
    )
    time, found, lost, norm2 = find_jump(
        work, order, lo, hi, horizon, unit, rate_shift, rate, curvature, waiting, tolerance
    )
    return Step(time, found, lost, horizon, order, lo, hi, unit, norm2, energy, rate)


@njit(**OPTIONS)
def lone_sum(work, order, lo, hi, x):
    """The same of :func:`summed`."""
    return summed(work, order, lo, hi, x)
