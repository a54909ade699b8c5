"""Where blocks of two levels beside boson modes go on from: the frames of the modes, and the box of planes.

A frame moves by a multiple of 1/4 where <a'> has gone far, and the box begins where there is room on both sides of the
state for what a series leads to.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import MAX_ORDER, OPTIONS
from .mode_columns import (
    B_IM,
    B_RE,
    BETA_IM,
    BETA_RE,
    BLOCKS,
    CELLS,
    COLUMNS,
    FAR,
    FIRST_COLUMN,
    FOLLOWS,
    INSIDE,
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
    union,
)
from .quiet_sums import STEP
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


@njit(inline="always", **OPTIONS)
def _quiet_ends(re, im, base, lo, hi, least, gone):
    """What is left of a column without the ends that weigh no more than ``least`` in each cell; what they weigh."""
    while lo < hi:
        a, b = load(re, base + LANES * lo, LANES), load(im, base + LANES * lo, LANES)
        weight = fused(a, a, b * b)
        if quiet_first(weight, least) < LANES:
            break
        lo, gone = lo + 1, gone + weight
    while lo < hi:
        a, b = load(re, base + LANES * (hi - 1), LANES), load(im, base + LANES * (hi - 1), LANES)
        weight = fused(a, a, b * b)
        if quiet_first(weight, least) < LANES:
            break
        hi, gone = hi - 1, gone + weight
    return lo, hi, gone


@njit(**OPTIONS)
def _trimmed(re, im, span, kept, rows, columns, most, count):
    """Write what of each column is left without ends in whose cells there is little: they weigh ``most`` at most.

    Of the bounds STEP^k most/count, k = 0..5, it is the largest for which that is so; ``count`` is the number of cells.
    """
    least = STEP**5 * most / count
    while least > 2.0 * most / count:  # for the smallest one it is so
        gone = spread(0.0)
        for k in range(1, columns + 1):
            _, _, gone = _quiet_ends(re, im, LANES * k * rows, span[k, 0], span[k, 1], least, gone)
        if total(gone) <= most:
            break
        least /= STEP
    for k in range(1, columns + 1):
        lo, hi, _ = _quiet_ends(re, im, LANES * k * rows, span[k, 0], span[k, 1], least, spread(0.0))
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
def _set_phases(d_re, d_im, phases):
    """Write (δ/|δ|)^n, δ = d_re + i d_im."""
    step, phase = complex(d_re, d_im) / np.sqrt(d_re * d_re + d_im * d_im), complex(1.0, 0.0)
    for n in range(phases.shape[1]):
        phases[0, n], phases[1, n] = phase.real, phase.imag
        phase *= step


@njit(inline="always", **OPTIONS)
def _extent(work, axis):
    """Planes along an axis, the empty ones at both ends too."""
    return (work.shape[PLANES] if axis == 0 else work.hops[axis - 1]) // work.hops[axis]


@njit(**OPTIONS)
def _mean_along(re, im, kept, work, axis, roots):
    """Σ ψ(n)* √(n + 1) ψ(n + 1) over the planes of a mode."""
    real, imag, width, rows = spread(0.0), spread(0.0), work.shape[WIDTH], work.shape[ROWS]
    hop, extent = work.hops[axis], _extent(work, axis)
    for p in range(work.shape[PLANES]):
        at = (p // hop) % extent
        if not 0 < at < extent - 2:
            continue
        root = spread(roots[at])
        for k in range(p * width, (p + 1) * width):
            above = k + hop * width
            if kept[k, 1] == 0 or kept[above, 1] == 0:
                continue
            for n in range(max(kept[k, 0], kept[above, 0]), min(kept[k, 1], kept[above, 1])):
                q, r = LANES * (k * rows + n), LANES * (above * rows + n)
                a, b, c, d = load(re, q, LANES), load(im, q, LANES), load(re, r, LANES), load(im, r, LANES)
                real = fused(root, fused(a, c, b * d), real)
                imag = fused(root, fused(a, d, -(b * c)), imag)
    return total(real), total(imag)


@njit(inline="always", **OPTIONS)
def _rows_along(kept, k, far, many, rows):
    """Rows that any of the columns has that are ``far`` from each other, the first of them column k."""
    lo, hi = rows, np.int64(0)
    for n in range(many):
        lo, hi = union(lo, hi, kept[k + n * far])
    return lo, hi


@njit(**OPTIONS)
def _displaced_along(re, im, kept, work, axis, matrix, d_re, d_im, top, phases, turned_re, turned_im, to_re, to_im):
    """As _displaced along the planes of a mode; ``kept`` stays what it is."""
    width, rows, hop, extent, ends = (
        work.shape[WIDTH],
        work.shape[ROWS],
        work.hops[axis],
        _extent(work, axis),
        spread(0.0),
    )
    far, many = hop * width, extent - 2
    _set_phases(d_re, d_im, phases)
    for p in range(work.shape[PLANES]):
        if (p // hop) % extent != 1:
            continue
        for k in range(p * width, (p + 1) * width):
            lo, hi = _rows_along(kept, k, far, many, rows)
            for n in range(many if hi > 0 else 0):
                column, f, g = k + n * far, spread(phases[0, n]), spread(phases[1, n])
                for q in range(
                    LANES * (column * rows + kept[column, 0]), LANES * (column * rows + kept[column, 1]), LANES
                ):
                    a, b = load(re, q, LANES), load(im, q, LANES)
                    store(turned_re, q, LANES, fused(f, a, g * b))
                    store(turned_im, q, LANES, fused(f, b, -(g * a)))
            for m in range(top):
                f, g, row = spread(phases[0, m]), spread(phases[1, m]), matrix[m]
                for r in range(lo, hi):
                    a, b = spread(0.0), spread(0.0)
                    for n in range(many):
                        column = k + n * far
                        if kept[column, 0] <= r < kept[column, 1]:
                            q, h = LANES * (column * rows + r), spread_cell(row, n)
                            a, b = fused(h, load(turned_re, q, LANES), a), fused(h, load(turned_im, q, LANES), b)
                    x, y, q = fused(f, a, -(g * b)), fused(f, b, g * a), LANES * ((k + m * far) * rows + r)
                    store(to_re, q, LANES, x)
                    store(to_im, q, LANES, y)
                    if m >= top - END:
                        ends = fused(x, x, fused(y, y, ends))
    return total(ends)


@njit(**OPTIONS)
def _fill_along(kept, work, axis, top):
    """Let the columns of all planes of a mode below ``top`` have the rows that any of them has."""
    width, hop, extent = work.shape[WIDTH], work.hops[axis], _extent(work, axis)
    for p in range(work.shape[PLANES]):
        if (p // hop) % extent != 1:
            continue
        for k in range(p * width, (p + 1) * width):
            lo, hi = _rows_along(kept, k, hop * width, extent - 2, work.shape[ROWS])
            for n in range(extent - 2):
                inside = hi > 0 and n < top
                kept[k + n * hop * width, 0] = lo if inside else 0
                kept[k + n * hop * width, 1] = hi if inside else 0


@njit(**OPTIONS)
def _top_along(kept, work, axis):
    """Fock states of a mode from 0 on that a state occupies."""
    width, hop, extent, top = work.shape[WIDTH], work.hops[axis], _extent(work, axis), 0
    for p in range(work.shape[PLANES]):
        at = (p // hop) % extent
        for k in range(p * width, (p + 1) * width):
            if kept[k, 1] > 0:
                top = max(top, at)
    return top


@njit(**OPTIONS)
def _displaced(re, im, span, rows, columns, matrix, d_re, d_im, top, phases, turned_re, turned_im, to_re, to_im):
    """Write D(δ) of a state on Fock states below ``top``, δ = d_re + i d_im; the weight of the last ones of them."""
    _set_phases(d_re, d_im, phases)
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
def _aimed(limits, work, room):
    """Find where the box begins that has room for the state, and for what a series leads to; False if none has."""
    kept, width, planes = room.kept, work.shape[WIDTH], work.shape[PLANES]
    for a in range(limits.size):
        extent, hop = _extent(work, a), work.hops[a]
        first, last = extent, 0
        for p in range(planes):
            at = (p // hop) % extent
            if first <= at <= last:
                continue
            for k in range(p * width, (p + 1) * width):
                if kept[k, 1] > 0:
                    first, last = min(first, at), max(last, at)
        begin = max(room.first[a] + first - 1 - MARGIN, 0)
        if a >= work.shape[BLOCKS]:
            begin = 0  # displacements begin with no quantum
        end = min(room.first[a] + last + MARGIN, limits[a] + 1)
        if end - begin > extent - 2:
            room.wanted[2 + a] = end - begin
            return False
        room.aim[a] = min(begin, limits[a] + 3 - extent)
    return True


@njit(**OPTIONS)
def _set_planes(sizes, strides, two_J, work):
    """Write what the planes of the box are, and the first and the last column of each in the sector."""
    shape, planes, blocks = work.shape, work.planes, work.shape[BLOCKS]
    for p in range(shape[PLANES]):
        inside, table = 1, 0
        for a in range(work.hops.size):
            extent = _extent(work, a)
            at = (p // work.hops[a]) % extent
            i = work.first[a] + at - 1
            if not 0 < at < extent - 1:
                inside = -1
            elif a < blocks and abs(2 * i - sizes[a]) > two_J[a]:
                inside = min(inside, 0)
            planes[p, UP_OF + a] = i
            if a < blocks:
                table += strides[a] * i
        planes[p, INSIDE], planes[p, TABLE] = inside, table
    first = (sizes[blocks] - two_J[blocks]) // 2
    shape[FIRST_COLUMN], shape[LAST_COLUMN] = 1 + first // LANES, 2 + (first + two_J[blocks]) // LANES


@njit(**OPTIONS)
def _moved(h_eff, work, room, kept, tail, norm2, m, re, im, to_re, to_im):
    """Write a state in a frame of mode m that has moved by ``room.moves``; False if ``room.wanted`` is needed.

    What it has of each column is left in ``kept``.
    """
    rows, columns, delta, wanted = work.shape[ROWS], work.shape[COLUMNS], room.moves[m], room.wanted
    size = np.int64(np.rint(GRID * GRID * (delta[0] * delta[0] + delta[1] * delta[1])))
    slot, axis = -1, work.shape[BLOCKS] + m - 1
    for s in range(h_eff.size.size):
        if h_eff.size[s] == size:
            slot = s
    if slot < 0:
        wanted[1] = size
        return False
    turned_re, turned_im, matrix = work.taylor_re[2], work.taylor_im[2], h_eff.radial[slot]
    end = 0
    if m > 0:
        end = _top_along(kept, work, axis)
    else:
        for k in range(1, columns + 1):
            end = max(end, kept[k, 1])
    while True:
        end += GROWTH
        if m == 0 and end + ROOM > rows:
            wanted[0] = end + ROOM
            return False
        if m > 0 and end + MARGIN > _extent(work, axis) - 2:
            wanted[2 + axis] = end + MARGIN
            return False
        if m == 0:
            ends = _displaced(
                re, im, kept, rows, columns, matrix, -delta[0], -delta[1], end, room.phases, turned_re, turned_im,
                to_re, to_im,
            )  # fmt: skip
        else:
            ends = _displaced_along(
                re, im, kept, work, axis, matrix, -delta[0], -delta[1], end, room.phases, turned_re, turned_im, to_re,
                to_im,
            )  # fmt: skip
        if not ends > (0.25 * tail + ROUNDING) * norm2:
            break
    if m > 0:
        _fill_along(kept, work, axis, end)
    for k in range(1, columns + 1):
        if m == 0 and kept[k, 1] > 0:
            kept[k, 0], kept[k, 1] = 0, end
    return True


@njit(**OPTIONS)
def settle_in_frame(h_eff, work, room, tail):
    """Make the state in ``room`` the one of the next step, in a frame near it; False if ``room.wanted`` is needed.

    All but the elements of H_eff.
    """
    model, frame, shape = h_eff.model, h_eff.frame, work.shape
    rows, columns, roots, of_mode = shape[ROWS], shape[COLUMNS], model.roots, model.of_mode
    re, im, kept, wanted = room.new_re, room.new_im, room.kept, room.wanted
    wanted[:] = 0
    whole, _, _, count, _ = _weight(re, im, room.span, rows, columns, roots)
    _trimmed(re, im, room.span, kept, rows, columns, 0.5 * tail * whole, count)
    norm2, real, imag, count, top = _weight(re, im, kept, rows, columns, roots)
    if top + ROOM > rows:
        wanted[0] = top + ROOM
        return False
    means, moves, modes = room.means, room.moves, frame.shape[0]
    means[0, 0], means[0, 1] = real / norm2, imag / norm2
    for m in range(1, modes):
        real, imag = _mean_along(re, im, kept, work, shape[BLOCKS] + m - 1, roots)
        means[m, 0], means[m, 1] = real / norm2, imag / norm2
    for m in range(modes):
        moves[m, 0] = moves[m, 1] = 0.0
        if np.sqrt(means[m, 0] * means[m, 0] + means[m, 1] * means[m, 1]) > of_mode[m, FAR]:
            moves[m, 0], moves[m, 1] = np.rint(GRID * means[m, 0]) / GRID, np.rint(GRID * means[m, 1]) / GRID
        if moves[m, 0] == 0.0 and moves[m, 1] == 0.0:
            continue
        # the state is put where the second vector of the series will be, and those behind the third
        to = 1 if m == 0 else 2 + m
        to_re, to_im = work.taylor_re[to], work.taylor_im[to]
        if not _moved(h_eff, work, room, kept, tail, norm2, m, re, im, to_re, to_im):
            return False
        re, im = to_re, to_im
        whole, _, _, count, _ = _weight(re, im, kept, rows, columns, roots)
        _trimmed(re, im, kept, kept, rows, columns, 0.5 * tail * whole, count)
        norm2, _, _, count, _ = _weight(re, im, kept, rows, columns, roots)
    if not _aimed(model.limits, work, room):
        return False
    left = frame[0, LEFT_THEN]
    is_due = not left > 0.0
    if is_due:
        left = of_mode[0, TICK]
    frame[0, LEFT] = frame[0, LEFT_THEN] = left
    for m in range(modes):
        own = frame[m]
        if is_due and of_mode[m, FOLLOWS] > 0.0:
            own[BETA_RE], own[BETA_IM] = own[B_RE] + means[m, 0], own[B_IM] + means[m, 1]
        elif is_due:
            own[BETA_RE], own[BETA_IM] = of_mode[m, STAYS_RE], of_mode[m, STAYS_IM]
        own[B_RE] += moves[m, 0]
        own[B_IM] += moves[m, 1]
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
