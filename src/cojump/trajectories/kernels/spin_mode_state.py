"""Blocks of two levels beside boson modes between two steps, as :mod:`.counting` goes on with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import OPTIONS
from .lattice import copy_into
from .mode_columns import (
    B_IM,
    B_RE,
    CELLS,
    COLUMNS,
    IS_COMPLEX,
    LEFT,
    LEFT_THEN,
    ROWS,
    TWO_J,
)
from .spin_mode_elements import set_elements_of_mode
from .spin_mode_frames import settle_in_frame
from .spin_mode_jump import perform_jump_beside_mode
from .spin_mode_moments import moments_of_columns, products_of_planes
from .vectors import LANES, load, store


@by_reference
class SpinModeRoom(NamedTuple):
    """Room to work in, beside that of the series.

    Attributes
    ----------
    new_re, new_im : (cells,)
        A state after a jump, or after a step without one, in columns; what it has of each:
    span, kept : (C, 2) int
        With its tails, and without.
    two_J : (B,) int
    first, aim : (A,) int
        The i or n that the box of this state begins with along what has planes, and that of the next step.
    means, moves : (M, 2)
        <a'> of each mode, and by how much its frame moves.
    wanted : (2 + A,) int
        Fock states that columns must have room for, and 16 |δ|² of a displacement that is needed; and the i or n that
        planes must be there for; or 0.
    profile, amplitude : (8 C,), (.,)
        Weight by i, and what a jump multiplies an amplitude with by i of the block.
    weights : (L,)
    phases : (2, R)
    grid, rest, after : (2, G), (2, 2, G'), (2, G'')
        A state by quanta and i; the jumping particle up and down, times the others; and the state after a jump. Empty
        where all jumps of particles are ladders.
    lattice, place : (4, 2 + A), (2 + A,) int
        What :func:`.lattice_jump.general_jump` is told of that grid.
    vectors, present, sums : (O + 4, 2 PIECE), (O + 3,) int, ((O + 3)², LANES)
        Room of :func:`.spin_mode_moments.products_of_planes`.
    filled : (3,)
    """

    new_re: NDArray[np.float64]
    new_im: NDArray[np.float64]
    span: NDArray[np.int64]
    kept: NDArray[np.int64]
    two_J: NDArray[np.int64]
    first: NDArray[np.int64]
    aim: NDArray[np.int64]
    means: NDArray[np.float64]
    moves: NDArray[np.float64]
    wanted: NDArray[np.int64]
    profile: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    weights: NDArray[np.float64]
    phases: NDArray[np.float64]
    grid: NDArray[np.float64]
    rest: NDArray[np.float64]
    after: NDArray[np.float64]
    lattice: NDArray[np.int64]
    place: NDArray[np.int64]
    vectors: NDArray[np.float64]
    present: NDArray[np.int64]
    sums: NDArray[np.float64]
    filled: NDArray[np.int64]


def cells(h_eff):
    """Number of amplitudes of the state that a step begins with."""
    return h_eff.where[CELLS]


def first_cell(h_eff):
    """The first cell of a state, where columns say where they begin."""
    return np.int64(0)


def tail_of(h_eff, tolerance):
    """Weight that may be cut off: half of it at once, and half where the frame has moved."""
    return (0.5 * tolerance) ** 2 / 2


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude."""
    return 20 + 8 * h_eff.model.sizes.size * h_eff.frame.shape[0]


def is_cut_short(h_eff):
    """There is room for all orders: nothing is cut."""
    return False


def may_leap(h_eff):
    """A mode has no whole sector: there are no long steps."""
    return False


def until_change(h_eff, t, most):
    """How far a step may go, of at most ``most``: until the references of the modes move."""
    return min(most, h_eff.frame[0, LEFT])


def ended_at(h_eff, t, time, found, horizon):
    """The time at which a step from t has ended; how long the reference stays then is kept until the step is over."""
    left, ended = h_eff.frame[0, LEFT], t + time
    # less than what can be added to the time is nothing
    is_over = (found == 0 and horizon >= left) or not ended + (left - time) > ended
    h_eff.frame[0, LEFT_THEN] = 0.0 if is_over else left - time
    return ended


def settle(h_eff, work, room, tail, reach):
    """Make the state in ``room`` the one of the next step, in a frame near it; False if ``room.wanted`` is needed."""
    model = h_eff.model
    if not settle_in_frame(h_eff, work, room, tail):
        return False
    h_eff.where[IS_COMPLEX] = set_elements_of_mode(
        model.sizes,
        model.y,
        model.one,
        model.collected,
        model.of_mode,
        h_eff.frame,
        h_eff.c,
        work.planes,
        h_eff.elements,
        h_eff.beside,
        h_eff.multiple,
    )
    return True


def set_aside(h_eff, work, re, im, room):
    """Copy a state to where the state after a jump lies."""
    _set_aside(work.span, re, im, work.shape, room.new_re, room.new_im, room.span)
    copy_into(room.two_J, h_eff.where[TWO_J:])
    copy_into(room.first, work.first)


@njit(**OPTIONS)
def _set_aside(span, re, im, shape, to_re, to_im, to_span):
    for k in range(1, shape[COLUMNS] + 1):
        to_span[k, 0], to_span[k, 1], base = span[k, 0], span[k, 1], LANES * k * shape[ROWS]
        for p in range(base + LANES * span[k, 0], base + LANES * span[k, 1], LANES):
            store(to_re, p, LANES, load(re, p, LANES))
            store(to_im, p, LANES, load(im, p, LANES))


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of the state in ``out`` and what operators make of it, and its sector; multiplications.

    Of one block and mode of ψ, n_up ψ, J_+ψ, J_-ψ, aψ and a†ψ; of several of ψ, what averages need, and (a + a†)ψ and
    i(a† - a)ψ of each mode, real parts.
    """
    model, where, blocks = h_eff.model, h_eff.where, h_eff.model.sizes.size
    if blocks == 1 and h_eff.frame.shape[0] == 1:
        b = complex(h_eff.frame[0, B_RE], h_eff.frame[0, B_IM])
        moments_of_columns(
            model.sizes[0], where[TWO_J], work.out_re, work.out_im, work.shape, work.span, h_eff.c[0], model.roots, b,
            grams,
        )  # fmt: skip
    else:
        products_of_planes(h_eff, work, room, grams)
    for block in range(blocks):
        sector[block] = where[TWO_J + block]
    return (order + 32 * blocks * blocks) * (where[CELLS] + 32)


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``: its number, NO_JUMP or NO_NUMBER; the state after it waits in ``new``."""
    return perform_jump_beside_mode(h_eff, work, room, u)


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    copy_into(sector, room.two_J)
