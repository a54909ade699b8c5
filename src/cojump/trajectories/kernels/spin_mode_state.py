"""Blocks of two levels beside a boson mode between two steps, as :mod:`.counting` goes on with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..by_reference import by_reference
from .common import MAX_ORDER, OPTIONS
from .lattice import copy_into
from .mode_columns import (
    B_IM,
    B_RE,
    BETA_IM,
    BETA_RE,
    CELLS,
    COLUMNS,
    FAR,
    FIRST_COLUMN,
    FOLLOWS,
    INSIDE,
    IS_COMPLEX,
    LAST_COLUMN,
    LEFT,
    LEFT_THEN,
    PLANES,
    ROWS,
    STAYS_IM,
    STAYS_RE,
    TABLE,
    TICK,
    TWO_J,
    UP_OF,
    WIDTH,
)
from .spin_mode_elements import set_elements_of_mode
from .spin_mode_jump import perform_jump_beside_mode
from .spin_mode_moments import moments_of_columns, products_of_planes
from .vectors import LANES, fused, load, quiet_first, spread, spread_cell, store, total

GRID = 4.0
"""Displacements are changed by multiples of 1/4, real and imaginary part, so that few |δ| come back often."""

END = 4
"""Fock states at an end of a window that show what is beyond it: a displaced state falls off faster than any power."""

GROWTH = 16
"""Fock states by which a window grows until a displaced state fits."""

ROUNDING = 1e-29
"""Of the weight of Fock states that are empty."""

ROOM = MAX_ORDER + 3
"""Fock states that a series needs above a state, with what is read beside it."""

MARGIN = MAX_ORDER + 1
"""Planes that a series, and a jump behind it, need on each side of a state."""


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
    first, aim : (B - 1,) int
        The i that the box of this state begins with along each block but the last, and that of the next step.
    wanted : (1 + B,) int
        Fock states that columns must have room for, and 16 |δ|² of a displacement that is needed; and i of each block
        but the last; or 0.
    profile, amplitude : (8 C,), (.,)
        Weight by i, and what a jump multiplies an amplitude with by i of the block.
    weights : (L,)
    phases : (2, R)
    grid, rest, after : (2, G), (2, 2, G'), (2, G'')
        A state by quanta and i; the jumping particle up and down, times the others; and the state after a jump. Empty
        where all jumps of particles are ladders.
    lattice, place : (4, 1 + B), (1 + B,) int
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
    return 20 + 8 * h_eff.model.sizes.size


def is_cut_short(h_eff):
    """There is room for all orders: nothing is cut."""
    return False


def may_leap(h_eff):
    """A mode has no whole sector: there are no long steps."""
    return False


def until_change(h_eff, t, most):
    """How far a step may go, of at most ``most``: until the reference of the mode moves."""
    return min(most, h_eff.frame[LEFT])


def ended_at(h_eff, t, time, found, horizon):
    """The time at which a step from t has ended; how long the reference stays then is kept until the step is over."""
    left, ended = h_eff.frame[LEFT], t + time
    # less than what can be added to the time is nothing
    is_over = (found == 0 and horizon >= left) or not ended + (left - time) > ended
    h_eff.frame[LEFT_THEN] = 0.0 if is_over else left - time
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


@njit(**OPTIONS)
def _trimmed(re, im, span, kept, rows, columns, least):
    """Write what of each column is left without the ends that weigh no more than ``least`` in each cell."""
    for k in range(1, columns + 1):
        lo, hi, base = span[k, 0], span[k, 1], LANES * k * rows
        while lo < hi:
            a, b = load(re, base + LANES * lo, LANES), load(im, base + LANES * lo, LANES)
            if quiet_first(fused(a, a, b * b), least) < LANES:
                break
            lo += 1
        while lo < hi:
            a, b = load(re, base + LANES * (hi - 1), LANES), load(im, base + LANES * (hi - 1), LANES)
            if quiet_first(fused(a, a, b * b), least) < LANES:
                break
            hi -= 1
        kept[k, 0], kept[k, 1] = (lo, hi) if lo < hi else (0, 0)


@njit(**OPTIONS)
def _weight(re, im, span, rows, columns, roots):
    """|ψ|², <a'> as real and imaginary part, number of cells, and Fock states from 0 on, of what spans have."""
    square, real, imag, count, top = spread(0.0), spread(0.0), spread(0.0), 0, 0
    for k in range(1, columns + 1):
        base, hi = LANES * k * rows, span[k, 1]
        for n in range(span[k, 0], hi):
            p, more = base + LANES * n, LANES if n + 1 < hi else 0
            a, b = load(re, p, LANES), load(im, p, LANES)
            c, d = load(re, p + LANES, more), load(im, p + LANES, more)
            root = spread(roots[n + 1])
            square = fused(a, a, fused(b, b, square))
            real = fused(root, fused(a, c, b * d), real)
            imag = fused(root, fused(a, d, -(b * c)), imag)
        count += hi - span[k, 0]
        top = max(top, hi)
    return total(square), total(real), total(imag), LANES * count, top


@njit(**OPTIONS)
def _displaced(re, im, span, rows, columns, matrix, d_re, d_im, top, phases, turned_re, turned_im, to_re, to_im):
    """Write D(δ) of a state on Fock states below ``top``, δ = d_re + i d_im; the weight of the last ones of them."""
    size = np.sqrt(d_re * d_re + d_im * d_im)
    step = complex(d_re, d_im) / size
    phase = complex(1.0, 0.0)
    for n in range(rows):
        phases[0, n], phases[1, n] = phase.real, phase.imag
        phase *= step
    ends = spread(0.0)
    for k in range(1, columns + 1):
        lo, hi, base = span[k, 0], span[k, 1], LANES * k * rows
        if hi == 0:
            continue
        for n in range(lo, hi):
            p, f, g = base + LANES * n, spread(phases[0, n]), spread(phases[1, n])
            a, b = load(re, p, LANES), load(im, p, LANES)
            store(turned_re, p, LANES, fused(f, a, g * b))
            store(turned_im, p, LANES, fused(f, b, -(g * a)))
        for m in range(top):
            a, b, row = spread(0.0), spread(0.0), matrix[m]
            for n in range(lo, hi):
                p, f = base + LANES * n, spread_cell(row, n)
                a, b = fused(f, load(turned_re, p, LANES), a), fused(f, load(turned_im, p, LANES), b)
            f, g, p = spread(phases[0, m]), spread(phases[1, m]), base + LANES * m
            x, y = fused(f, a, -(g * b)), fused(f, b, g * a)
            store(to_re, p, LANES, x)
            store(to_im, p, LANES, y)
            if m >= top - END:
                ends = fused(x, x, fused(y, y, ends))
    return total(ends)


@njit(**OPTIONS)
def _aimed(sizes, work, room):
    """Find where the box begins that has room for the state, and for what a series leads to; False if none has."""
    shape, hops, kept, extent = work.shape, work.hops, room.kept, work.shape[PLANES]
    width, planes, whole = shape[WIDTH], shape[PLANES], shape[PLANES]
    for b in range(hops.size):
        extent, whole = whole // hops[b], hops[b]
        first, last = extent, 0
        for p in range(planes):
            at = (p // hops[b]) % extent
            if first <= at <= last:
                continue
            for k in range(p * width, (p + 1) * width):
                if kept[k, 1] > 0:
                    first, last = min(first, at), max(last, at)
        begin = max(room.first[b] + first - 1 - MARGIN, 0)
        end = min(room.first[b] + last + MARGIN, sizes[b] + 1)
        if end - begin > extent - 2:
            room.wanted[2 + b] = end - begin
            return False
        room.aim[b] = min(begin, sizes[b] + 3 - extent)
    return True


@njit(**OPTIONS)
def _set_planes(sizes, strides, two_J, work):
    """Write what the planes of the box are, and the first and the last column of each in the sector."""
    shape, hops, planes, last = work.shape, work.hops, work.planes, sizes.size - 1
    for p in range(shape[PLANES]):
        whole, inside, table = shape[PLANES], 1, 0
        for b in range(last):
            extent, whole = whole // hops[b], hops[b]
            at = (p // hops[b]) % extent
            i = work.first[b] + at - 1
            if not 0 < at < extent - 1:
                inside = -1
            elif abs(2 * i - sizes[b]) > two_J[b]:
                inside = min(inside, 0)
            planes[p, UP_OF + b] = i
            table += strides[b] * i
        planes[p, INSIDE], planes[p, TABLE] = inside, table
    first = (sizes[last] - two_J[last]) // 2
    shape[FIRST_COLUMN], shape[LAST_COLUMN] = 1 + first // LANES, 2 + (first + two_J[last]) // LANES


@njit(**OPTIONS)
def settle_in_frame(h_eff, work, room, tail):
    """The same, but for the elements of H_eff."""
    model, frame, shape = h_eff.model, h_eff.frame, work.shape
    rows, columns, roots, of_mode = shape[ROWS], shape[COLUMNS], model.roots, model.of_mode
    re, im, kept, wanted = room.new_re, room.new_im, room.kept, room.wanted
    wanted[:] = 0
    whole, _, _, count, _ = _weight(re, im, room.span, rows, columns, roots)
    _trimmed(re, im, room.span, kept, rows, columns, 0.5 * tail * whole / count)
    norm2, real, imag, count, top = _weight(re, im, kept, rows, columns, roots)
    if top + ROOM > rows:
        wanted[0] = top + ROOM
        return False
    mean_re, mean_im = real / norm2, imag / norm2
    delta_re = delta_im = 0.0
    if np.sqrt(mean_re * mean_re + mean_im * mean_im) > of_mode[FAR]:
        delta_re, delta_im = np.rint(GRID * mean_re) / GRID, np.rint(GRID * mean_im) / GRID
    if delta_re != 0.0 or delta_im != 0.0:
        size = np.int64(np.rint(GRID * GRID * (delta_re * delta_re + delta_im * delta_im)))
        slot = -1
        for s in range(h_eff.size.size):
            if h_eff.size[s] == size:
                slot = s
        if slot < 0:
            wanted[1] = size
            return False
        # the state is put where the second and the third vector of the series will be
        end, moved_re, moved_im = top, work.taylor_re[1], work.taylor_im[1]
        while True:
            end += GROWTH
            if end + ROOM > rows:
                wanted[0] = end + ROOM
                return False
            ends = _displaced(
                re, im, kept, rows, columns, h_eff.radial[slot], -delta_re, -delta_im, end, room.phases,
                work.taylor_re[2], work.taylor_im[2], moved_re, moved_im,
            )  # fmt: skip
            if not ends > (0.25 * tail + ROUNDING) * norm2:
                break
        for k in range(1, columns + 1):
            if kept[k, 1] > 0:
                kept[k, 0], kept[k, 1] = 0, end
        re, im = moved_re, moved_im
        whole, _, _, count, _ = _weight(re, im, kept, rows, columns, roots)
        _trimmed(re, im, kept, kept, rows, columns, 0.5 * tail * whole / count)
        norm2, _, _, count, _ = _weight(re, im, kept, rows, columns, roots)
    if not _aimed(model.sizes, work, room):
        return False
    left = frame[LEFT_THEN]
    if not left > 0.0:
        left = of_mode[TICK]
        if of_mode[FOLLOWS] > 0.0:
            frame[BETA_RE], frame[BETA_IM] = frame[B_RE] + mean_re, frame[B_IM] + mean_im
        else:
            frame[BETA_RE], frame[BETA_IM] = of_mode[STAYS_RE], of_mode[STAYS_IM]
    frame[LEFT] = frame[LEFT_THEN] = left
    frame[B_RE] += delta_re
    frame[B_IM] += delta_im
    _put(re, im, kept, room.first, room.aim, 1.0 / np.sqrt(norm2), work)
    h_eff.where[CELLS] = count
    moved = False
    for b in range(model.sizes.size):
        two_J, J = room.two_J[b], 0.5 * room.two_J[b]
        if h_eff.where[TWO_J + b] != two_J:
            h_eff.where[TWO_J + b], moved = two_J, True
            for i in range(h_eff.c.shape[1]):
                M = i - 0.5 * model.sizes[b]
                h_eff.c[b, i] = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
    for b in range(work.first.size):
        if work.first[b] != room.aim[b]:
            work.first[b], moved = room.aim[b], True
    if moved:
        _set_planes(model.sizes, model.strides, room.two_J, work)
    return True


@njit(**OPTIONS)
def _put(re, im, kept, first, aim, scale, work):
    """Write ``scale`` times a state into row 0 of the series, in a box that begins at ``aim`` instead of ``first``."""
    to_re, to_im, factor, rows, width = (
        work.taylor_re[0],
        work.taylor_im[0],
        spread(scale),
        work.shape[ROWS],
        work.shape[WIDTH],
    )
    cover, columns, up = work.cover[0], work.columns[0], 0
    for b in range(first.size):
        up += (aim[b] - first[b]) * work.hops[b]
    columns[:] = 0
    for p in range(work.shape[PLANES]):
        begin, end, on = work.shape[COLUMNS] + 2, 0, -up * width
        for k in range(p * width, (p + 1) * width):
            if kept[k, 1] == 0:
                continue
            cover[k + on, 0], cover[k + on, 1] = kept[k, 0], kept[k, 1]
            base, to = LANES * k * rows, LANES * (k + on) * rows
            for q in range(LANES * kept[k, 0], LANES * kept[k, 1], LANES):
                store(to_re, to + q, LANES, factor * load(re, base + q, LANES))
                store(to_im, to + q, LANES, factor * load(im, base + q, LANES))
            for between in range(end, k + on):  # inside a plane all columns have their own rows
                if end > 0:
                    cover[between] = 0
            begin, end = min(begin, k + on), k + on + 1
        if end > 0:
            columns[p - up, 0], columns[p - up, 1] = begin, end


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

    Of one block of ψ, n_up ψ, J_+ψ, J_-ψ, aψ and a†ψ; of several of ψ, what averages need, (a + a†)ψ and i(a† - a)ψ,
    real parts.
    """
    model, where, blocks = h_eff.model, h_eff.where, h_eff.model.sizes.size
    b = complex(h_eff.frame[B_RE], h_eff.frame[B_IM])
    if blocks == 1:
        moments_of_columns(
            model.sizes[0], where[TWO_J], work.out_re, work.out_im, work.shape, work.span, h_eff.c[0], model.roots, b,
            grams,
        )  # fmt: skip
    else:
        products_of_planes(h_eff, work, room, b, grams)
    for block in range(blocks):
        sector[block] = where[TWO_J + block]
    return (order + 32 * blocks * blocks) * (where[CELLS] + 32)


def jumped(h_eff, work, room, norm2, tolerance, u):
    """Jump from the state in ``out``: its number, NO_JUMP or NO_NUMBER; the state after it waits in ``new``."""
    return perform_jump_beside_mode(h_eff, work, room, u)


def landed(h_eff, room, sector):
    """The sector of the state after a jump."""
    copy_into(sector, room.two_J)
