"""The state on a lattice of several blocks between two steps, as :mod:`.counting` goes on with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .common import PAD
from .lattice import MOVED, NO_ROOM, Box, copy_into
from .lattice_box import fit, gram
from .lattice_heff import fill_axes, fill_energy, fill_rates
from .lattice_jump import perform_jump


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


def settle(h_eff, work, room, tail, reach):
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
        if done == MOVED:
            fill_energy(h_eff.lattice, box, h_eff.elements, room.place)
        if done == MOVED or h_eff.elements.rate_up.size > 0:
            fill_rates(h_eff.lattice, box, h_eff.elements, room.place)
    return True


def set_aside(h_eff, re, im, room):
    """Copy a state in the box to where the state after a jump lies."""
    box, after = h_eff.box, room.after
    copy_into(after.two_J, box.two_J)
    copy_into(after.lo, box.lo)
    copy_into(after.n, box.n)
    copy_into(after.stride, box.stride)
    copy_into(after.size, box.size)
    for p in range(box.size[0]):
        room.new_re[p] = re[PAD + p]
        room.new_im[p] = im[PAD + p]


def cells(h_eff):
    """Number of amplitudes of the state that a step begins with."""
    return h_eff.box.size[0]


def tail_of(h_eff, tolerance):
    """Weight that may be cut off at each of its ends."""
    return (0.5 * tolerance) ** 2 / (4 * h_eff.box.n.size)


def work_of(h_eff):
    """Multiplications that H_eff takes for each amplitude."""
    per_amplitude = 4 + 4 * h_eff.lattice.across_axes.shape[0]
    for b in range(h_eff.box.n.size):
        per_amplitude += 2 * h_eff.lattice.band[b]
    return per_amplitude


def is_cut_short(h_eff, order, reach):
    """Whether the box may have cut what an order of the series reaches."""
    return order > reach


def measured(h_eff, work, room, order, norm2, tolerance, grams, sector):
    """Inner products of the state in ``out`` and what operators make of it, and its sector; multiplications made."""
    size = h_eff.box.size[0]
    re, im = work.out_re[PAD : PAD + size], work.out_im[PAD : PAD + size]
    gram(h_eff.box, h_eff.elements, re, im, room.vectors, norm2, grams)
    copy_into(sector, h_eff.box.two_J)
    return (order + 4 * room.vectors.shape[0]) * (size + 32)


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``."""
    size = h_eff.box.size[0]
    return perform_jump(
        h_eff.lattice,
        h_eff.box,
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
        u,
    )


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    copy_into(sector, room.after.two_J)
