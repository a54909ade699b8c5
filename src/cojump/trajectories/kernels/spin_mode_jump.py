"""Jumps of a block of two levels beside a boson mode: of one particle, or the loss of the mode."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import GENERAL, LADDER_DOWN
from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .driven_rates import rate_factor
from .jump import choose_channel, choose_outcome
from .lattice_jump import general_jump
from .spin_mode import B_IM, B_RE, BETA_IM, BETA_RE, COLUMNS, ROWS, TWO_J
from .vectors import LANES, after, before, fused, load, rising, spread, store, total

LOSS = 100
"""Kind of a jump that is the loss of the mode."""


@njit(**OPTIONS)
def _profile(re, im, shape, span, profile):
    """Write |ψ|² by i, summed over Fock states."""
    rows = shape[ROWS]
    for k in range(1, shape[COLUMNS] + 1):
        base, square = LANES * k * rows, spread(0.0)
        for p in range(base + LANES * span[k, 0], base + LANES * span[k, 1], LANES):
            a, b = load(re, p, LANES), load(im, p, LANES)
            square = fused(a, a, fused(b, b, square))
        store(profile, LANES * (k - 1), LANES, square)


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
def _ladder_sums(N, two_J, down, gamma, profile):
    """Γ² |ψ|² times ab, a(a - 1), b(b + 1), see :func:`.jump.ladder_weights`, and times the particles that can jump."""
    J, sign, one = spread(0.5 * two_J), spread(1.0 if down else -1.0), spread(1.0)
    same, lower, higher, jump = spread(0.0), spread(0.0), spread(0.0), spread(0.0)
    for q in range(0, gamma.size, LANES):
        i, g = rising(1.0 * q), load(gamma, q, LANES)
        M = sign * (i - spread(0.5 * N))
        weight = g * g * load(profile, q, LANES)
        a, b = J + M, J - M + one
        same = fused(weight * a, b, same)
        lower, higher = fused(weight * a, a - one, lower), fused(weight * b, b + one, higher)
        jump = fused(weight, i if down else spread(1.0 * N) - i, jump)
    return total(same), total(lower), total(higher), total(jump)


@njit(**OPTIONS)
def _ladder_jump(N, two_J, down, outcome, gamma, re, im, shape, span, amplitude, to_re, to_im, to_span):
    """State after a ladder jump to J, J - 1 or J + 1 (outcome 0, 1, 2), not normalised."""
    J, sign = 0.5 * two_J, 1.0 if down else -1.0
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    rows, columns, first = shape[ROWS], shape[COLUMNS], (N - two_J) // 2
    amplitude[:] = 0.0  # by where it leads to, LANES cells on
    for i in range(first, first + two_J + 1):
        M = sign * (i - 0.5 * N)
        to = i - 1 if down else i + 1
        amplitude[LANES + to] = gamma[i] * np.sqrt(max((x + r * M) * (y + s * M), 0.0))
    far = LANES * rows if down else -LANES * rows
    for k in range(1, columns + 1):
        other = k + 1 if down else k - 1
        lo, hi = span[k, 0], span[k, 1]
        if 1 <= other <= columns and span[other, 1] > 0:
            lo, hi = min(lo, span[other, 0]) if hi > 0 else span[other, 0], max(hi, span[other, 1])
        to_span[k, 0], to_span[k, 1], base, f = lo, hi, LANES * k * rows, load(amplitude, LANES * k, LANES)
        for p in range(base + LANES * lo, base + LANES * hi, LANES):
            a, b = load(re, p, LANES), load(im, p, LANES)
            c, d = load(re, p + far, LANES), load(im, p + far, LANES)
            store(to_re, p, LANES, f * after(a, c) if down else f * before(c, a))
            store(to_im, p, LANES, f * after(b, d) if down else f * before(d, b))


@njit(**OPTIONS)
def _sum_of(table, profile):
    """Σ of a table over i times the weights there."""
    found = spread(0.0)
    for q in range(0, table.size, LANES):
        found = fused(load(table, q, LANES), load(profile, q, LANES), found)
    return total(found)


@njit(**OPTIONS)
def _any_jump(model, l, left, two_J, work, room):
    """Jump of any matrix: each outcome until the weight is used up; False if none is possible.

    It is that of :func:`.lattice_jump.general_jump` on a grid of quanta and i.
    """
    rows, columns, span = work.shape[ROWS], work.shape[COLUMNS], work.span
    width, top = LANES * columns, 0
    for k in range(1, columns + 1):
        top = max(top, span[k, 1])
    for k in range(columns):
        for n in range(top):
            inside = span[k + 1, 0] <= n < span[k + 1, 1]
            at, to = LANES * ((k + 1) * rows + n), n * width + LANES * k
            for lane in range(LANES):
                room.grid[0, to + lane] = work.out_re[at + lane] if inside else 0.0
                room.grid[1, to + lane] = work.out_im[at + lane] if inside else 0.0
    strides, lo, lengths, stride = room.lattice[0], room.lattice[1], room.lattice[2], room.lattice[3]
    strides[1], lengths[0], lengths[1], stride[0], stride[1] = 1, top, width, width, 1
    possible = -1
    for turn in range(5):  # after the four outcomes, if rounding has left some of the weight, the last possible one
        outcome = possible if turn == 4 else (turn if turn > 1 else 1 - turn)
        if outcome < 0:
            break
        to_J, norm2 = general_jump(
            outcome, model.j[l], 1, model.N, two_J, model.excluded[l], model.table[l], 1, strides, lo, lengths, stride,
            top * width, room.place, room.grid[0], room.grid[1], room.rest[0], room.rest[1], room.after[0],
            room.after[1],
        )  # fmt: skip
        if norm2 > 0.0:
            possible, room.two_J[0] = outcome, to_J
            if left < norm2:
                break
            left -= norm2
    for k in range(columns):
        room.span[k + 1, 0], room.span[k + 1, 1] = 0, top
        for n in range(top):
            to, at = LANES * ((k + 1) * rows + n), n * (width + 2) + LANES * k + 1
            for lane in range(LANES):
                room.new_re[to + lane], room.new_im[to + lane] = room.after[0, at + lane], room.after[1, at + lane]
    return possible >= 0


@njit(**INLINED)
def perform_jump_beside_mode(h_eff, work, room, u):
    """Jump from the state in ``out``: its number, NO_JUMP or NO_NUMBER; the state after it waits in ``new``."""
    model, frame, two_J, weights = h_eff.model, h_eff.frame, h_eff.where[TWO_J], room.weights
    N, re, im, shape, span = model.N, work.out_re, work.out_im, work.shape, work.span
    d = complex(frame[B_RE] - frame[BETA_RE], frame[B_IM] - frame[BETA_IM])
    _profile(re, im, shape, span, room.profile)
    sum_of_all = 0.0
    for l in range(weights.size):
        strength = model.strength[l]
        if model.kind[l] == LOSS:
            weights[l] = 0.0
            for raised in range(2):
                if strength[raised] > 0.0:
                    weights[l] += _lost(
                        re, im, shape, span, model.roots, raised == 1, strength[raised], d, room.new_re, room.new_im,
                        room.span,
                    )  # fmt: skip
        elif model.kind[l] == GENERAL:
            weights[l] = _sum_of(model.gamma[l], room.profile)
        else:
            is_down = model.kind[l] == LADDER_DOWN
            _, _, _, can = _ladder_sums(N, two_J, is_down, model.gamma[l], room.profile)
            weights[l] = strength[0] * can
        weights[l] *= rate_factor(h_eff, l)
        sum_of_all += weights[l]
    if not sum_of_all < np.inf:
        return NO_NUMBER
    chosen, left = choose_channel(weights, u * sum_of_all)
    if chosen < 0:
        return NO_JUMP
    left /= rate_factor(h_eff, chosen)
    strength, room.two_J[0] = model.strength[chosen], two_J
    if model.kind[chosen] == LOSS:
        weight, raised = 0.0, False
        for which in range(2):
            if strength[which] > 0.0:
                raised = which == 1
                weight = _lost(
                    re, im, shape, span, model.roots, raised, strength[which], d, room.new_re, room.new_im, room.span
                )
                if left < weight:
                    break
                left -= weight
        return chosen if weight > 0.0 else NO_NUMBER
    if model.kind[chosen] == GENERAL:
        return chosen if _any_jump(model, chosen, left, two_J, work, room) else NO_NUMBER
    is_down = model.kind[chosen] == LADDER_DOWN
    same, lower, higher, _ = _ladder_sums(N, two_J, is_down, model.gamma[chosen], room.profile)
    outcome = choose_outcome(N, two_J, lower, same, higher, left / strength[0])
    if outcome < 0:
        return NO_NUMBER
    _ladder_jump(
        N, two_J, is_down, outcome, model.gamma[chosen], re, im, shape, span, room.amplitude, room.new_re, room.new_im,
        room.span,
    )  # fmt: skip
    room.two_J[0] = two_J + (-2 if outcome == 1 else (2 if outcome == 2 else 0))
    return chosen
