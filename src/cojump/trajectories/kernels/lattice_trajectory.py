"""The state on a lattice of several blocks between two steps, as :mod:`.counting` goes on with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from ..no_jump_tables import COLLECTIVE, GENERAL
from .common import OPTIONS
from .lattice import AXIS, EDGE, LENGTH, PLANE, REACH, TOUCHED, WIDEST, Box, copy_into, long_row
from .lattice_averages import gram
from .lattice_box import COUNT, START, fit_box, put, runs_of, tails_of
from .lattice_heff import fill_elements, lay_rows
from .lattice_jump import perform_jump
from .lattice_plane import clear_behind, lay_plane, rows_of_plane
from .lattice_sums import clear_beside
from .nothing import Nothing, is_nothing


@by_reference
class Room(NamedTuple):
    """Room to work in, beside that of the series. Axes of length two are real and imaginary parts.

    Attributes
    ----------
    after : Box
        Where the state in ``new`` lies.
    new : pair of (3 cells,)
        A state after a jump, the imaginary part nothing where states stay real.
    rest : (2, 2, 2 cells)
        The jumping particle up and down, times the state of the others.
    factors : (1 + 4B, R or length)
        What averages are made of: ones, and i, c(i), c(i - 1), c(i) c(i + 1) of each axis, for rows or for columns.
    sums : (4, length)
        Real and imaginary parts of two sums over rows, for each column.
    weights, profile : (L,), (n,)
        Weights of the jumps, and that of a ladder along its axis.
    of_jumps : (LANES L,)
        Eight sums for each jump.
    runs, n_runs : (., 2 + B), (1,)
        Pieces of the box in which the state in ``new`` lies.
    window, shape : (4,), (2,)
        Of rows along the last axis, where averages are taken.
    marginal, edges : (B, n), (B, 2)
        The state along each axis, and where its tails are cut.
    place : (B,)
    filled : (3,)
    """

    after: Box
    new: tuple[NDArray[np.float64], NDArray[np.float64] | Nothing]
    rest: NDArray[np.float64]
    factors: NDArray[np.float64]
    sums: NDArray[np.float64]
    weights: NDArray[np.float64]
    profile: NDArray[np.float64]
    of_jumps: NDArray[np.float64]
    runs: NDArray[np.int64]
    n_runs: NDArray[np.int64]
    window: NDArray[np.int64]
    shape: NDArray[np.int64]
    marginal: NDArray[np.float64]
    edges: NDArray[np.int64]
    place: NDArray[np.int64]
    filled: NDArray[np.int64]


@by_reference
class Starts(NamedTuple):
    """States that K trajectories begin with.

    Attributes
    ----------
    numbers : (K, 4B + 1)
        Two_J, lo, n, stride and size of the box of each.
    cells, runs : (K + 1,)
        Where the amplitudes, and the runs, of each begin.
    amplitudes : (2, .)
    pieces : (., 2 + B)
        The runs.
    """

    numbers: NDArray[np.int64]
    cells: NDArray[np.int64]
    runs: NDArray[np.int64]
    amplitudes: NDArray[np.float64]
    pieces: NDArray[np.int64]


@njit(**OPTIONS)
def _begin(box, after, new, runs, n_runs, starts, k):
    B, numbers = box.n.size, starts.numbers[k]
    copy_into(after.two_J, numbers[:B])
    copy_into(after.lo, numbers[B : 2 * B])
    copy_into(after.n, numbers[2 * B : 3 * B])
    copy_into(after.stride, numbers[3 * B : 4 * B])
    after.size[0] = numbers[4 * B]
    first = starts.cells[k]
    copy_into(new[0], starts.amplitudes[0, first : starts.cells[k + 1]])
    copy_into(new[1], starts.amplitudes[1, first : starts.cells[k + 1]])
    for row in range(starts.runs[k], starts.runs[k + 1]):
        copy_into(runs[row - starts.runs[k]], starts.pieces[row])
    n_runs[0] = starts.runs[k + 1] - starts.runs[k]
    box.n[:] = 0  # of an earlier trajectory


def begin(h_eff, room, starts, k):
    """Let the start of trajectory k wait in ``room``, with no box from an earlier one."""
    _begin(h_eff.box, room.after, room.new, room.runs, room.n_runs, starts, k)


def settle(h_eff, work, room, tail, reach):
    """Put the state in ``room`` into the box of ``h_eff`` and make the elements there; False if there is no room."""
    lattice, box, elements, after, edges, runs = (
        h_eff.lattice, h_eff.box, h_eff.elements, room.after, room.edges, room.runs,
    )  # fmt: skip
    new_re, new_im = room.new[0], room.new[1]
    weight = tails_of(runs, room.n_runs[0], new_re, new_im, after.n, room.marginal, edges, tail)
    moved = fit_box(lattice.sizes, lattice.band, after.two_J, after.lo, edges, reach, lattice.plane, box, elements.row)
    if box.size[0] > elements.diagonal.shape[1]:
        return False
    if moved:
        if elements.row[PLANE] > 0:
            lay_plane(box, lattice.band, elements.row)
            clear_behind(work.taylor_re, work.taylor_im, EDGE + box.size[0])
        else:
            lay_rows(box.n, elements.row, long_row(box.n.size))
        work.shape[0], work.shape[1] = box.size[0] // elements.row[LENGTH], elements.row[LENGTH]
    fill_elements(lattice, box, elements, after.two_J, room.place, moved)
    put(
        runs, room.n_runs[0], new_re, new_im, after.lo, edges, box.lo, box.n, box.stride, work.shape,
        elements.row[WIDEST], elements.row[REACH], work.windows[0], work.kept[0], work.taylor_re[0], work.taylor_im[0],
        1.0 / np.sqrt(weight),
    )  # fmt: skip
    elements.row[TOUCHED] = 0
    return True


def set_aside(h_eff, work, re, im, room):
    """Copy a state in the box to where the state after a jump lies."""
    _set_aside(h_eff.box, room.after, re, im, room.new, work.windows[0], work.shape, room.runs, room.n_runs)


@njit(**OPTIONS)
def _set_aside(box, after, re, im, new, window, shape, runs, n_runs):
    copy_into(after.two_J, box.two_J)
    copy_into(after.lo, box.lo)
    copy_into(after.n, box.n)
    copy_into(after.stride, box.stride)
    copy_into(after.size, box.size)
    n_runs[0] = runs_of(window, shape, box.stride, box.n[box.n.size - 1], runs)
    new_re, new_im = new
    for number in range(n_runs[0]):
        for p in range(runs[number, START], runs[number, START] + runs[number, COUNT]):
            new_re[p] = re[EDGE + p]
            new_im[p] = im[EDGE + p]


def cells(h_eff):
    """Number of amplitudes of the state that a step begins with."""
    return h_eff.box.size[0]


def first_cell(h_eff):
    """The first cell of a state."""
    return np.int64(EDGE)


def tail_of(h_eff, tolerance):
    """Weight that may be cut off at each of its ends."""
    return (0.5 * tolerance) ** 2 / (4 * h_eff.box.n.size)


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude."""
    return multiplications(h_eff.lattice.band, h_eff.lattice.across_axes.shape[0])


@njit(**OPTIONS)
def multiplications(band, across):
    """For each amplitude, with so many products across two blocks."""
    per_amplitude = 4 + 4 * across
    for b in range(band.size):
        per_amplitude += 2 * band[b]
    return per_amplitude


def is_cut_short(h_eff):
    """Whether the box has cut what the series reaches."""
    return h_eff.elements.row[TOUCHED] != 0


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of the state in ``out`` and what operators make of it, and its sector; multiplications made."""
    box, elements, axis, window, shape = h_eff.box, h_eff.elements, h_eff.elements.row[AXIS], room.window, room.shape
    copy_into(window, work.windows[0])
    copy_into(shape, work.shape)
    if elements.row[PLANE] > 0:
        axis = rows_of_plane(box.n, work.out_re, work.out_im, window, shape)
    gram(
        h_eff.lattice.sizes, box.two_J, box.lo, box.n, box.stride, axis, elements.c, work.out_re, work.out_im, window,
        shape, room.factors, room.sums, norm2, grams,
    )  # fmt: skip
    if is_nothing(work.out_im):
        _turn_back(grams)
    copy_into(sector, box.two_J)
    return (order + 2 * room.factors.shape[0]) * (box.size[0] + 32)


@njit(inline="always", **OPTIONS)
def _phase_of(a):
    """Real and imaginary part of the phase that vector a of :func:`gram` has, in :func:`_turn_back`."""
    if a == 0 or a % 3 == 1:
        return 1.0, 0.0
    return 0.0, 1.0 if a % 3 == 2 else -1.0


@njit(**OPTIONS)
def _turn_back(grams):
    """Give each particle up its phase -i, where a state has been written without: J_± change their number by one.

    J_+ of a state turned by (-i)^n is i times J_+ of it, turned so, and J_- is -i times.
    """
    for a in range(grams.shape[0]):
        a_re, a_im = _phase_of(a)
        for b in range(grams.shape[1]):
            b_re, b_im = _phase_of(b)
            factor = complex(a_re * b_re + a_im * b_im, a_re * b_im - a_im * b_re)
            grams[a, b] = factor * grams[a, b]


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``."""
    size = h_eff.box.size[0]
    for l in range(h_eff.lattice.kind.size):
        if h_eff.lattice.kind[l] == COLLECTIVE or h_eff.lattice.kind[l] == GENERAL:  # goes over all of the box
            clear_beside(work.windows[0], work.shape, work.out_re, work.out_im)
            break
    return perform_jump(h_eff, work, room, work.out_re[EDGE : EDGE + size], work.out_im[EDGE : EDGE + size], u)


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    copy_into(sector, room.after.two_J)
