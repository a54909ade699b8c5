"""Jumps of blocks of two levels beside boson modes: of one particle, or the loss of the mode."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, COLLECTIVE_DOWN, COLLECTIVE_UP, GENERAL, LADDER_DOWN
from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .driven_rates import rate_factor
from .jump import choose_channel, choose_outcome
from .lattice import DOWN, UP, copy_into
from .lattice_jump import general_jump
from .mode_columns import (
    B_IM,
    B_RE,
    BETA_IM,
    BETA_RE,
    BLOCKS,
    COLUMNS,
    INSIDE,
    PLANES,
    ROWS,
    TABLE,
    TWO_J,
    UP_OF,
    WIDTH,
    union,
)
from .vectors import LANES, after, before, fused, load, rising, spread, store, total

LOSS = 100
"""Kind of a jump that is the loss of the mode."""


@njit(**OPTIONS)
def _profile(re, im, shape, span, profile):
    """Write |ψ|² by the i of all blocks, summed over Fock states."""
    rows = shape[ROWS]
    for k in range(1, shape[COLUMNS] + 1):
        if span[k, 1] == 0:
            continue
        base, square = LANES * k * rows, spread(0.0)
        for p in range(base + LANES * span[k, 0], base + LANES * span[k, 1], LANES):
            a, b = load(re, p, LANES), load(im, p, LANES)
            square = fused(a, a, fused(b, b, square))
        store(profile, LANES * k, LANES, square)


@njit(**OPTIONS)
def _lost(re, im, shape, span, roots, raised, rate, d, to_re, to_im, to_span):
    """Write √rate (a' + d) ψ, or √rate (a'† + d*) ψ if ``raised``; |.|² of it."""
    rows, factor, square = shape[ROWS], spread(np.sqrt(rate)), spread(0.0)
    f, g = spread(d.real), spread(-d.imag if raised else d.imag)
    for k in range(1, shape[COLUMNS] + 1):
        lo, hi = span[k, 0], span[k, 1]
        if hi == 0:
            to_span[k, 0] = to_span[k, 1] = 0
            continue
        lo, hi = (lo, min(hi + 1, rows)) if raised else (max(lo - 1, 0), hi)
        to_span[k, 0], to_span[k, 1], base = lo, hi, LANES * k * rows
        for n in range(lo, hi):
            p = base + LANES * n
            at = base + LANES * max(n - 1, 0) if raised else p + LANES
            root = spread(roots[n] if raised else roots[n + 1])
            a, b = load(re, p, LANES), load(im, p, LANES)
            x = factor * fused(root, load(re, at, LANES), fused(f, a, -(g * b)))
            y = factor * fused(root, load(im, at, LANES), fused(f, b, g * a))
            store(to_re, p, LANES, x)
            store(to_im, p, LANES, y)
            square = fused(x, x, fused(y, y, square))
    return total(square)


@njit(**OPTIONS)
def _lost_along(work, axis, roots, raised, rate, d, to_re, to_im, to_span):
    """As _lost, of a mode that has planes."""
    rows, width, span, hop = work.shape[ROWS], work.shape[WIDTH], work.span, work.hops[axis]
    factor, square, far = np.sqrt(rate), spread(0.0), -hop * width if raised else hop * width
    f, g = spread(factor * d.real), spread(factor * (-d.imag if raised else d.imag))
    to_span[:] = 0
    for p in range(work.shape[PLANES]):
        if work.planes[p, INSIDE] < 1:
            continue
        root = spread(factor * roots[work.planes[p, UP_OF + axis] + (0 if raised else 1)])
        for k in range(p * width + 1, (p + 1) * width - 1):
            lo, hi = union(rows, np.int64(0), span[k])
            lo, hi = union(lo, hi, span[k + far])
            if hi == 0:
                continue
            to_span[k, 0], to_span[k, 1] = lo, hi
            for n in range(lo, hi):
                at, from_at = LANES * (k * rows + n), LANES * ((k + far) * rows + n)
                here = LANES if span[k, 0] <= n < span[k, 1] else 0
                there = LANES if span[k + far, 0] <= n < span[k + far, 1] else 0
                a, b = load(work.out_re, at, here), load(work.out_im, at, here)
                x = fused(root, load(work.out_re, from_at, there), fused(f, a, -(g * b)))
                y = fused(root, load(work.out_im, from_at, there), fused(f, b, g * a))
                store(to_re, at, LANES, x)
                store(to_im, at, LANES, y)
                square = fused(x, x, fused(y, y, square))
    return total(square)


@njit(**OPTIONS)
def _any_lost(m, frame, work, roots, raised, rate, to_re, to_im, to_span):
    """Write what the loss of mode m, or its gain if ``raised``, makes of the state; |.|² of it."""
    d = complex(frame[m, B_RE] - frame[m, BETA_RE], frame[m, B_IM] - frame[m, BETA_IM])
    if m == 0:
        return _lost(work.out_re, work.out_im, work.shape, work.span, roots, raised, rate, d, to_re, to_im, to_span)
    return _lost_along(work, work.shape[BLOCKS] + m - 1, roots, raised, rate, d, to_re, to_im, to_span)


@njit(**OPTIONS)
def _ladder_sums(model, work, l, two_J, profile):
    """Γ² |ψ|² times ab, a(a - 1), b(b + 1), see :func:`.jump.ladder_weights`, and times the particles that can jump."""
    axis, gamma, width, down = model.axis[l], model.gamma[l], work.shape[WIDTH], model.kind[l] == LADDER_DOWN
    N, is_last = model.sizes[axis], axis == model.sizes.size - 1
    J, sign, one = spread(0.5 * two_J), spread(1.0 if down else -1.0), spread(1.0)
    same, lower, higher, jump = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
    for p in range(work.shape[PLANES]):
        of_plane = spread(0.0 if is_last else 1.0 * work.planes[p, UP_OF + axis])
        for k in range(p * width + 1, (p + 1) * width - 1):
            if work.span[k, 1] == 0:
                continue
            q = LANES * (k - p * width - 1)
            g, i = load(gamma, work.planes[p, TABLE] + q, LANES), rising(1.0 * q) if is_last else of_plane
            M = sign * (i - spread(0.5 * N))
            weight = g * g * load(profile, LANES * k, LANES)
            a, b = J + M, J - M + one
            same = fused(weight * a, b, same)
            lower, higher = fused(weight * a, a - one, lower), fused(weight * b, b + one, higher)
            jump = fused(weight, i if down else spread(1.0 * N) - i, jump)
    return total(same), total(lower), total(higher), total(jump)


@njit(**OPTIONS)
def _ladder_jump(model, work, l, two_J, outcome, amplitude, to_re, to_im, to_span):
    """State after a ladder jump to J, J - 1 or J + 1 (outcome 0, 1, 2), not normalised."""
    axis, down = model.axis[l], model.kind[l] == LADDER_DOWN
    N, J, sign = model.sizes[axis], 0.5 * two_J, 1.0 if down else -1.0
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    first = (N - two_J) // 2
    amplitude[:] = 0.0  # by where a particle jumps, LANES cells on
    for i in range(first, first + two_J + 1):
        M = sign * (i - 0.5 * N)
        amplitude[LANES + i] = np.sqrt(max((x + r * M) * (y + s * M), 0.0))
    to_span[:] = 0
    if axis == model.sizes.size - 1:
        _along_last(model.gamma[l], work, down, amplitude, to_re, to_im, to_span)
    else:
        _along_planes(model.gamma[l], work, axis, down, amplitude, to_re, to_im, to_span)


@njit(inline="always", **OPTIONS)
def _squares(model, work, l, c, p, q):
    """|L|² of a collective jump for eight i of a plane, over |j|² of a ladder."""
    axis, kind, last = model.axis[l], model.kind[l], model.sizes.size - 1
    N, own = model.sizes[axis], c[axis]
    i, here, low = rising(1.0 * q), load(own, q, LANES), load(own, q - LANES, LANES if q > 0 else 0)
    low = before(low, here)
    if axis < last:
        at = work.planes[p, UP_OF + axis]
        i, here, low = spread(1.0 * at), spread(own[at]), spread(own[at - 1] if at > 0 else 0.0)
    if kind == COLLECTIVE_DOWN:
        return low * low
    if kind == COLLECTIVE_UP:
        return here * here
    re, im = _diagonal(model.j[l], N, i)
    return fused(re, re, im * im)


@njit(inline="always", **OPTIONS)
def _diagonal(j, N, i):
    """Σ of a diagonal matrix over N particles, i of which are up, real and imaginary part."""
    up, down = j[UP, UP], j[DOWN, DOWN]
    return fused(spread(up.real - down.real), i, spread(down.real * N)), fused(
        spread(up.imag - down.imag), i, spread(down.imag * N)
    )


@njit(**OPTIONS)
def _collective_weight(model, work, l, c, profile):
    """<L†L> over |j|² of a ladder, of a collective jump of one block."""
    width, found = work.shape[WIDTH], spread(0.0)
    for p in range(work.shape[PLANES]):
        for k in range(p * width + 1, (p + 1) * width - 1):
            if work.span[k, 1] > 0:
                squares = _squares(model, work, l, c, p, LANES * (k - p * width - 1))
                found = fused(squares, load(profile, LANES * k, LANES), found)
    return total(found)


@njit(**OPTIONS)
def _collective_jump(model, work, l, two_J, c, amplitude, to_re, to_im, to_span):
    """Write Lψ of a collective jump of one block, over |j| of a ladder."""
    axis, down, width, span = model.axis[l], model.kind[l] == COLLECTIVE_DOWN, work.shape[WIDTH], work.span
    N, rows, is_last = model.sizes[axis], work.shape[ROWS], axis == model.sizes.size - 1
    to_span[:] = 0
    if model.kind[l] == COLLECTIVE:
        for p in range(work.shape[PLANES]):
            for k in range(p * width + 1, (p + 1) * width - 1):
                to_span[k, 0], to_span[k, 1] = span[k, 0], span[k, 1]
                i = rising(1.0 * LANES * (k - p * width - 1)) if is_last else spread(1.0 * work.planes[p, UP_OF + axis])
                f, g = _diagonal(model.j[l], N, i)
                for at in range(LANES * (k * rows + span[k, 0]), LANES * (k * rows + span[k, 1]), LANES):
                    a, b = load(work.out_re, at, LANES), load(work.out_im, at, LANES)
                    store(to_re, at, LANES, fused(f, a, -(g * b)))
                    store(to_im, at, LANES, fused(f, b, g * a))
        return
    first = (N - two_J) // 2
    amplitude[:] = 0.0
    for i in range(first, first + two_J + 1):
        if not down:
            amplitude[LANES + i] = c[axis, i]
        elif i > first:
            amplitude[LANES + i] = c[axis, i - 1]
    if is_last:
        _along_last(model.gamma[l], work, down, amplitude, to_re, to_im, to_span)
    else:
        _along_planes(model.gamma[l], work, axis, down, amplitude, to_re, to_im, to_span)


@njit(**OPTIONS)
def _along_last(gamma, work, down, amplitude, to_re, to_im, to_span):
    """Multiply with Γ and an amplitude by i of the last block, and move one i down or up."""
    rows, width, span, re, im = work.shape[ROWS], work.shape[WIDTH], work.span, work.out_re, work.out_im
    far = LANES * rows if down else -LANES * rows
    for p in range(work.shape[PLANES]):
        for k in range(p * width + 1, (p + 1) * width - 1):
            other = k + 1 if down else k - 1
            lo, hi = span[k, 0], span[k, 1]
            if span[other, 1] > 0:
                lo, hi = min(lo, span[other, 0]) if hi > 0 else span[other, 0], max(hi, span[other, 1])
            if hi == 0:
                continue
            to_span[k, 0], to_span[k, 1], base = lo, hi, LANES * k * rows
            q, beside = LANES * (k - p * width - 1), LANES * (other - p * width - 1)
            inside, table = LANES if span[other, 1] > 0 else 0, work.planes[p, TABLE]
            f = load(gamma, table + q, LANES) * load(amplitude, LANES + q, LANES)
            g = load(gamma, table + beside, inside) * load(amplitude, LANES + beside, inside)
            for at in range(base + LANES * lo, base + LANES * hi, LANES):
                a, b = f * load(re, at, LANES), f * load(im, at, LANES)
                c, d = g * load(re, at + far, LANES), g * load(im, at + far, LANES)
                store(to_re, at, LANES, after(a, c) if down else before(c, a))
                store(to_im, at, LANES, after(b, d) if down else before(d, b))


@njit(**OPTIONS)
def _along_planes(gamma, work, axis, down, amplitude, to_re, to_im, to_span):
    """Multiply with Γ and an amplitude by i of another block, and move its planes."""
    rows, width, span, re, im = work.shape[ROWS], work.shape[WIDTH], work.span, work.out_re, work.out_im
    hop = -work.hops[axis] if down else work.hops[axis]
    for p in range(work.shape[PLANES]):
        for k in range(p * width + 1, (p + 1) * width - 1):
            to = k + hop * width
            # beyond the first and the last plane of a box there are no i: to them the amplitude is zero
            if span[k, 1] == 0 or work.planes[p + hop, INSIDE] < 0:
                continue
            to_span[to, 0], to_span[to, 1] = span[k, 0], span[k, 1]
            g = load(gamma, work.planes[p, TABLE] + LANES * (k - p * width - 1), LANES)
            f, on = g * spread(amplitude[LANES + work.planes[p, UP_OF + axis]]), LANES * rows * (to - k)
            for at in range(LANES * (k * rows + span[k, 0]), LANES * (k * rows + span[k, 1]), LANES):
                store(to_re, at + on, LANES, f * load(re, at, LANES))
                store(to_im, at + on, LANES, f * load(im, at, LANES))


@njit(**OPTIONS)
def _sum_of(table, work, profile):
    """Σ of a table over the i of all blocks times the weights there."""
    found, width = spread(0.0), work.shape[WIDTH]
    for p in range(work.shape[PLANES]):
        for k in range(p * width + 1, (p + 1) * width - 1):
            if work.span[k, 1] > 0:
                rates = load(table, work.planes[p, TABLE] + LANES * (k - p * width - 1), LANES)
                found = fused(rates, load(profile, LANES * k, LANES), found)
    return total(found)


@njit(**OPTIONS)
def _bounds(work, room):
    """Write into ``room.lattice`` where the grid of a state begins, its lengths and strides; its size."""
    lo, lengths, stride = room.lattice[1], room.lattice[2], room.lattice[3]
    shape, last, span = work.shape, work.first.size + 1, work.span
    width = shape[WIDTH]
    lo[:] = 0
    lengths[:] = 0
    lengths[last] = LANES * (width - 2)
    for b in range(last - 1):
        lo[1 + b] = shape[COLUMNS] + work.first[b]
    for p in range(shape[PLANES]):
        top = 0
        for k in range(p * width + 1, (p + 1) * width - 1):
            top = max(top, span[k, 1])
        if top > 0:
            lengths[0] = max(lengths[0], top)
            for b in range(last - 1):
                lo[1 + b] = min(lo[1 + b], work.planes[p, UP_OF + b])
                lengths[1 + b] = max(lengths[1 + b], work.planes[p, UP_OF + b] + 1)
    for b in range(last - 1):
        lengths[1 + b] -= lo[1 + b]
    size = 1
    for a in range(last, -1, -1):
        stride[a] = size
        size *= lengths[a]
    return size


@njit(**OPTIONS)
def _row_in_grid(lo, lengths, up, wider):
    """Where a plane without quanta begins in a grid, and what a quantum adds; -1 where it is not in it.

    ``wider``: the axis that has one more cell at each end.
    """
    last, at = lengths.size - 1, 0
    for a in range(1, last):
        more = 1 if a == wider else 0
        i = up[a - 1] - lo[a] + more
        if not 0 <= i < lengths[a] + 2 * more:
            return -1, 0
        at = at * (lengths[a] + 2 * more) + i
    of_plane = lengths[last] + (2 if wider == last else 0)
    whole = of_plane
    for a in range(1, last):
        whole *= lengths[a] + (2 if a == wider else 0)
    return at * of_plane, whole


@njit(**OPTIONS)
def _any_jump(model, l, left, two_J, work, room):
    """Jump of any matrix: each outcome until the weight is used up; False if none is possible.

    It is that of :func:`.lattice_jump.general_jump` on a grid of quanta and the i of all blocks.
    """
    rows, width, span, axis = work.shape[ROWS], work.shape[WIDTH], work.span, model.axis[l]
    size = _bounds(work, room)
    strides, lo, lengths, stride = room.lattice[0], room.lattice[1], room.lattice[2], room.lattice[3]
    last, top, blocks = lengths.size - 1, lengths[0], work.shape[BLOCKS]
    along = last if axis == blocks else 1 + axis
    strides[:] = 0
    for b in range(blocks):
        strides[1 + b] = model.strides[b]
    strides[last] = 1
    for p in range(work.shape[PLANES]):
        at, of_quantum = _row_in_grid(lo, lengths, work.planes[p, UP_OF:], -1)
        if at < 0:
            continue
        for column in range(width - 2):
            k = p * width + column + 1
            for n in range(top):
                inside = span[k, 0] <= n < span[k, 1]
                source, to = LANES * (k * rows + n), at + n * of_quantum + LANES * column
                for lane in range(LANES):
                    room.grid[0, to + lane] = work.out_re[source + lane] if inside else 0.0
                    room.grid[1, to + lane] = work.out_im[source + lane] if inside else 0.0
    possible = -1
    for turn in range(5):  # after the four outcomes, if rounding has left some of the weight, the last possible one
        outcome = possible if turn == 4 else (turn if turn > 1 else 1 - turn)
        if outcome < 0:
            break
        to_J, norm2 = general_jump(
            outcome, model.j[l], along, model.sizes[axis], two_J, model.excluded[l], model.table[l], LANES, strides,
            lo, lengths, stride, size, room.place, room.grid[0], room.grid[1], room.rest[0], room.rest[1],
            room.after[0], room.after[1],
        )  # fmt: skip
        if norm2 > 0.0:
            possible, room.two_J[axis] = outcome, to_J
            if left < norm2:
                break
            left -= norm2
    shift = 1 if along == last else 0
    room.span[:] = 0
    for p in range(work.shape[PLANES]):
        at, of_quantum = _row_in_grid(lo, lengths, work.planes[p, UP_OF:], along)
        if at < 0 or work.planes[p, INSIDE] < 0:
            continue
        for column in range(width - 2):
            k = p * width + column + 1
            room.span[k, 0], room.span[k, 1] = 0, top
            for n in range(top):
                to, source = LANES * (k * rows + n), at + n * of_quantum + LANES * column + shift
                for lane in range(LANES):
                    room.new_re[to + lane] = room.after[0, source + lane]
                    room.new_im[to + lane] = room.after[1, source + lane]
    return possible >= 0


@njit(**INLINED)
def perform_jump_beside_mode(h_eff, work, room, u):
    """Jump from the state in ``out``: its number, NO_JUMP or NO_NUMBER; the state after it waits in ``new``."""
    model, frame, two_J, weights = h_eff.model, h_eff.frame, h_eff.where[TWO_J:], room.weights
    re, im, shape, span = work.out_re, work.out_im, work.shape, work.span
    _profile(re, im, shape, span, room.profile)
    sum_of_all = 0.0
    for l in range(weights.size):
        strength = model.strength[l]
        if model.kind[l] == LOSS:
            weights[l] = 0.0
            for raised in range(2):
                if strength[raised] > 0.0:
                    weights[l] += _any_lost(
                        model.axis[l], frame, work, model.roots, raised == 1, strength[raised], room.new_re,
                        room.new_im, room.span,
                    )  # fmt: skip
        elif model.kind[l] == GENERAL:
            weights[l] = _sum_of(model.gamma[l], work, room.profile)
        elif model.kind[l] >= COLLECTIVE:
            weights[l] = strength[0] * _collective_weight(model, work, l, h_eff.c, room.profile)
        else:
            _, _, _, can = _ladder_sums(model, work, l, two_J[model.axis[l]], room.profile)
            weights[l] = strength[0] * can
        weights[l] *= rate_factor(h_eff, l)
        sum_of_all += weights[l]
    if not sum_of_all < np.inf:
        return NO_NUMBER
    chosen, left = choose_channel(weights, u * sum_of_all)
    if chosen < 0:
        return NO_JUMP
    left /= rate_factor(h_eff, chosen)
    strength, axis = model.strength[chosen], model.axis[chosen]
    copy_into(room.two_J, two_J)
    copy_into(room.first, work.first)
    if model.kind[chosen] == LOSS:
        weight, raised = 0.0, False
        for which in range(2):
            if strength[which] > 0.0:
                raised = which == 1
                weight = _any_lost(
                    model.axis[chosen], frame, work, model.roots, raised, strength[which], room.new_re, room.new_im,
                    room.span,
                )  # fmt: skip
                if left < weight:
                    break
                left -= weight
        return chosen if weight > 0.0 else NO_NUMBER
    if model.kind[chosen] == GENERAL:
        return chosen if _any_jump(model, chosen, left, two_J[axis], work, room) else NO_NUMBER
    if model.kind[chosen] >= COLLECTIVE:
        _collective_jump(model, work, chosen, two_J[axis], h_eff.c, room.amplitude, room.new_re, room.new_im, room.span)
        return chosen
    same, lower, higher, _ = _ladder_sums(model, work, chosen, two_J[axis], room.profile)
    outcome = choose_outcome(model.sizes[axis], two_J[axis], lower, same, higher, left / strength[0])
    if outcome < 0:
        return NO_NUMBER
    _ladder_jump(model, work, chosen, two_J[axis], outcome, room.amplitude, room.new_re, room.new_im, room.span)
    room.two_J[axis] = two_J[axis] + (-2 if outcome == 1 else (2 if outcome == 2 else 0))
    return chosen
