"""Jumps of several blocks of two levels: weights, outcomes, and the state after one."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN
from .common import NO_JUMP, NO_NUMBER, OPTIONS
from .jump import sector_factors
from .lattice import DOWN, UP, copy_into, first_place, gamma_row, next_place, set_strides


@njit(**OPTIONS)
def channel_weights(lattice, box, elements, place, re, im, weight, new_re, new_im, weights):
    """<rate operator> of every jump, unnormalised; ``weight`` and ``new`` are room to work in."""
    B, size = box.n.size, box.size[0]
    inner, last = box.n[B - 1], B - 1
    for p in range(size):
        weight[p] = re[p] * re[p] + im[p] * im[p]
    for l in range(lattice.kind.size):
        if lattice.kind[l] == COLLECTIVE:
            weights[l] = collective_jump(lattice.y[l], lattice, box, elements, place, re, im, new_re, new_im)
            continue
        b, j, excluded = lattice.axis[l], lattice.j[l], lattice.excluded[l]
        N, own = lattice.sizes[b], lattice.gamma_stride[l, lattice.axis[l]]
        p_up = abs(j[0, 0]) ** 2 + abs(j[1, 0]) ** 2
        p_down = abs(j[0, 1]) ** 2 + abs(j[1, 1]) ** 2
        p_mixed = np.conj(j[0, 0]) * j[0, 1] + np.conj(j[1, 0]) * j[1, 1]
        total = 0.0
        first_place(place)
        row = 0
        while True:
            at, step = gamma_row(lattice, box, l, place, 0)
            if lattice.kind[l] != GENERAL:
                # one level jumps: Γ beside it, from the first state of the row that has such a particle
                up = p_up > 0.0
                strength = p_up if up else p_down
                start = at - (excluded * own if up else 0)
                if b != last:
                    i = box.lo[b] + place[b]
                    count = i if up else N - i
                    if count > 0:
                        inside = 0.0
                        if step == 1:
                            gamma, here = lattice.gamma[start : start + inner], weight[row : row + inner]
                            for q in range(inner):
                                inside += here[q] * gamma[q] * gamma[q]
                        else:
                            for q in range(inner):
                                g = lattice.gamma[start + q * step]
                                inside += weight[row + q] * g * g
                        total += strength * count * inside
                else:
                    q0 = 1 if up and box.lo[b] == 0 else 0
                    q1 = inner - 1 if not up and box.lo[b] + inner - 1 == N else inner
                    inside = 0.0
                    if step == 1:
                        gamma, here = lattice.gamma[start + q0 : start + q1], weight[row + q0 : row + q1]
                        first = box.lo[b] + q0 if up else N - box.lo[b] - q0
                        change = 1 if up else -1
                        for q in range(q1 - q0):
                            inside += here[q] * gamma[q] * gamma[q] * (first + change * q)
                    else:
                        for q in range(q0, q1):
                            i = box.lo[b] + q
                            g = lattice.gamma[start + q * step]
                            inside += weight[row + q] * g * g * (i if up else N - i)
                    total += strength * inside
            else:
                stride = box.stride[b]
                for q in range(inner):
                    k = q if b == last else place[b]
                    i = box.lo[b] + k
                    here, p = at + q * step, row + q
                    g_up = lattice.gamma[here - excluded * own] if i > 0 else 0.0
                    g_down = lattice.gamma[here] if i < N else 0.0
                    total += weight[p] * (p_up * i * g_up * g_up + p_down * (N - i) * g_down * g_down)
                    if k + 1 < box.n[b]:
                        above = g_down if excluded else lattice.gamma[here + own]
                        flip_re = re[p + stride] * re[p] + im[p + stride] * im[p]
                        flip_im = re[p + stride] * im[p] - im[p + stride] * re[p]
                        factor = 2.0 * elements.c[b, k] * above * g_down
                        total += factor * (p_mixed.real * flip_re - p_mixed.imag * flip_im)
            row += inner
            if not next_place(place, box.n, last):
                break
        weights[l] = 0.0 if total < 0.0 else total  # written so that NaN stays NaN


@njit(**OPTIONS)
def collective_jump(y, lattice, box, elements, place, re, im, to_re, to_im):
    """L ψ within the box, unnormalised; returns |Lψ|². What would leave the box weighs less than its tails."""
    B = box.n.size
    last, inner = B - 1, box.n[B - 1]
    norm2 = 0.0
    first_place(place)
    row = 0
    while True:
        for q in range(inner):
            p = row + q
            x_re = x_im = 0.0
            for b in range(B):
                k = q if b == last else place[b]
                i, N, stride = box.lo[b] + k, lattice.sizes[b], box.stride[b]
                value = y[b, UP, UP] * i + y[b, DOWN, DOWN] * (N - i)
                x_re += value.real * re[p] - value.imag * im[p]
                x_im += value.real * im[p] + value.imag * re[p]
                if k > 0:
                    value = y[b, UP, DOWN] * elements.c[b, k - 1]
                    x_re += value.real * re[p - stride] - value.imag * im[p - stride]
                    x_im += value.real * im[p - stride] + value.imag * re[p - stride]
                if k < box.n[b] - 1:
                    value = y[b, DOWN, UP] * elements.c[b, k]
                    x_re += value.real * re[p + stride] - value.imag * im[p + stride]
                    x_im += value.real * im[p + stride] + value.imag * re[p + stride]
            to_re[p] = x_re
            to_im[p] = x_im
            norm2 += x_re * x_re + x_im * x_im
        row += inner
        if not next_place(place, box.n, last):
            break
    return norm2


@njit(inline="always", **OPTIONS)
def _ladder_factors(outcome, J):
    """x, r, y, s of the factors (x + r M)(y + s M) of a ladder jump to J, J - 1, J + 1, see ladder_jump."""
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    return x, r, y, s


@njit(**OPTIONS)
def ladder_jump(lattice, box, place, l, left, re, im, to_re, to_im):
    """Outcome J, J - 1 or J + 1 of a ladder jump by its weight, and the state after it, not normalised, in its cells.

    Returns 2J' and the move of i along the axis; a move of 0 where no outcome is possible.
    """
    B, b = box.n.size, lattice.axis[l]
    last, inner, N = B - 1, box.n[B - 1], lattice.sizes[lattice.axis[l]]
    J, down, own = 0.5 * box.two_J[b], lattice.kind[l] == LADDER_DOWN, lattice.gamma_stride[l, b]
    sign = 1.0 if down else -1.0
    shift = -1 if down and lattice.excluded[l] else 0
    same = lower = higher = 0.0
    first_place(place)
    row = 0
    while True:
        at, step = gamma_row(lattice, box, l, place, 0)
        at += shift * own
        for q in range(inner):
            i = box.lo[b] + (q if b == last else place[b])
            g = 0.0
            if (i > 0) if down else (i < N):
                g = lattice.gamma[at + q * step]
            x, y = g * re[row + q], g * im[row + q]
            to_re[row + q] = x
            to_im[row + q] = y
            M = sign * (i - 0.5 * N)
            a, c, weight = J + M, J - M + 1.0, x * x + y * y
            same += weight * a * c
            lower += weight * a * (a - 1.0)
            higher += weight * c * (c + 1.0)
        row += inner
        if not next_place(place, box.n, last):
            break
    # as for any j: first the others in J - ½ (to J - 1 or J), then in J + ½ (to J or J + 1); to J they add up
    _, f, g = sector_factors(N, box.two_J[b])
    left /= lattice.strength[l]
    outcome = -1
    for k in range(4):
        weight = (f if k < 2 else g) * (lower if k == 0 else (higher if k == 3 else same))
        if weight > 0.0:
            outcome = 1 if k == 0 else (2 if k == 3 else 0)
            if left < weight:
                break
            left -= weight
    if outcome < 0:
        return box.two_J[b], 0
    x, r, y, s = _ladder_factors(outcome, J)
    n, inside = box.n[b], box.stride[b]
    for k in range(n):
        M = sign * (box.lo[b] + k - 0.5 * N)
        amplitude = np.sqrt(max((x + r * M) * (y + s * M), 0.0))
        for first in range(k * inside, box.size[0], n * inside):
            for p in range(first, first + inside):
                to_re[p] *= amplitude
                to_im[p] *= amplitude
    return box.two_J[b] + (-2 if outcome == 1 else (2 if outcome == 2 else 0)), (-1 if down else 1)


@njit(**OPTIONS)
def _take_out(lattice, box, place, l, high, re, im, rest_re, rest_im):
    """sqrt(N f_μ/f_λ) C_λ^μ Γψ for μ = J - ½, or J + ½ if ``high``; row 0: particle up, row 1: down.

    Along the axis of the jump ``rest`` has one state more than the box, the first with lo - 1 of the others up.
    """
    B, b = box.n.size, lattice.axis[l]
    last, inner, N = B - 1, box.n[B - 1], lattice.sizes[lattice.axis[l]]
    n, inside, own = box.n[b], box.stride[b], lattice.gamma_stride[l, b]
    J, excluded = 0.5 * box.two_J[b], lattice.excluded[l]
    share = (0.5 * N - J if high else 0.5 * N + J + 1.0) / (2.0 * J + 1.0)
    outer = box.size[0] // (n * inside)
    for o in range(outer):
        for q in range(inside):
            rest_re[0, (o * (n + 1) + n) * inside + q] = rest_im[0, (o * (n + 1) + n) * inside + q] = 0.0
            rest_re[1, o * (n + 1) * inside + q] = rest_im[1, o * (n + 1) * inside + q] = 0.0
    first_place(place)
    row = 0
    while True:
        at, step = gamma_row(lattice, box, l, place, 0)
        for q in range(inner):
            p = row + q
            k = (p // inside) % n
            i = box.lo[b] + k
            M = i - 0.5 * N
            up = J + 1.0 - M if high else J + M
            down = J + 1.0 + M if high else J - M
            up = (-1.0 if high else 1.0) * np.sqrt(max(share * up, 0.0))
            down = np.sqrt(max(share * down, 0.0))
            up = up * lattice.gamma[at + q * step - excluded * own] if i > 0 else 0.0
            down = down * lattice.gamma[at + q * step] if i < N else 0.0
            to = (p // (n * inside) * (n + 1) + k) * inside + p % inside
            rest_re[0, to] = up * re[p]
            rest_im[0, to] = up * im[p]
            rest_re[1, to + inside] = down * re[p]
            rest_im[1, to + inside] = down * im[p]
        row += inner
        if not next_place(place, box.n, last):
            break


@njit(**OPTIONS)
def general_jump(lattice, box, place, l, outcome, re, im, rest_re, rest_im, to_re, to_im):
    """Kraus operator (μ, J') of any j applied to ψ, unnormalised: 2J' and its weight |Kψ|².

    Outcomes 0: (J-½, J), 1: (J-½, J-1), 2: (J+½, J), 3: (J+½, J+1); the weight of an impossible one is 0. Along the
    axis of the jump the state after it has two cells more than the box, one on each side.
    """
    b = lattice.axis[l]
    N, two_J, n, inside = lattice.sizes[b], box.two_J[b], box.n[b], box.stride[b]
    high = outcome >= 2
    new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 3 else 0))
    if (high and two_J == N) or (not high and two_J == 0) or new_two_J < 0:
        return two_J, 0.0
    _take_out(lattice, box, place, l, high, re, im, rest_re, rest_im)
    j = lattice.j[l]
    outer = box.size[0] // (n * inside)
    for p in range(outer * (n + 1) * inside):
        up = complex(rest_re[0, p], rest_im[0, p])
        down = complex(rest_re[1, p], rest_im[1, p])
        first, second = j[0, 0] * up + j[0, 1] * down, j[1, 0] * up + j[1, 1] * down
        rest_re[0, p], rest_im[0, p] = first.real, first.imag
        rest_re[1, p], rest_im[1, p] = second.real, second.imag
    J = 0.5 * new_two_J
    two_mu = two_J + 1 if high else two_J - 1
    from_high = two_mu > new_two_J  # μ = J' + ½
    below = 1.0 / (2.0 * J) if new_two_J > 0 else 0.0
    norm2 = 0.0
    for o in range(outer):
        for k in range(n + 2):
            M = box.lo[b] - 1 + k - 0.5 * N
            up = down = 0.0
            if abs(M) <= J:
                if from_high:
                    up = -np.sqrt(max((J + 1.0 - M) / (2.0 * J + 2.0), 0.0))
                    down = np.sqrt(max((J + 1.0 + M) / (2.0 * J + 2.0), 0.0))
                else:
                    up = np.sqrt(max((J + M) * below, 0.0))
                    down = np.sqrt(max((J - M) * below, 0.0))
            to = (o * (n + 2) + k) * inside
            one_less, as_many = (o * (n + 1) + k - 1) * inside, (o * (n + 1) + k) * inside
            for q in range(inside):
                x = y = 0.0
                if k > 0:
                    x += up * rest_re[0, one_less + q]
                    y += up * rest_im[0, one_less + q]
                if k <= n:
                    x += down * rest_re[1, as_many + q]
                    y += down * rest_im[1, as_many + q]
                to_re[to + q] = x
                to_im[to + q] = y
                norm2 += x * x + y * y
    return new_two_J, norm2


@njit(**OPTIONS)
def perform_jump(lattice, box, elements, place, after, re, im, rest_re, rest_im, to_re, to_im, weight, weights, u):
    """Jump from ``box`` to ``after``, not normalised; its number, NO_JUMP, or NO_NUMBER."""
    channel_weights(lattice, box, elements, place, re, im, weight, to_re, to_im, weights)
    total = 0.0
    for l in range(weights.size):
        total += weights[l]
    if not total < np.inf:
        return NO_NUMBER
    left, chosen = u * total, -1
    for l in range(weights.size):
        if weights[l] > 0.0:
            chosen = l
            if left < weights[l]:
                break
            left -= weights[l]
    if chosen < 0:
        return NO_JUMP
    copy_into(after.two_J, box.two_J)
    copy_into(after.lo, box.lo)
    copy_into(after.n, box.n)
    b = lattice.axis[chosen]
    if lattice.kind[chosen] == COLLECTIVE:
        collective_jump(lattice.y[chosen], lattice, box, elements, place, re, im, to_re, to_im)
    elif lattice.kind[chosen] == GENERAL:
        possible, found = -1, False
        two_J = box.two_J[b]
        for outcome in (1, 0, 2, 3):
            two_J, norm2 = general_jump(lattice, box, place, chosen, outcome, re, im, rest_re, rest_im, to_re, to_im)
            if norm2 > 0.0:
                possible = outcome
                if left < norm2:
                    found = True
                    break
                left -= norm2
        if possible < 0:
            return NO_JUMP
        if not found:  # rounding: keep the last possible one
            two_J, _ = general_jump(lattice, box, place, chosen, possible, re, im, rest_re, rest_im, to_re, to_im)
        after.two_J[b] = two_J
        after.lo[b] -= 1
        after.n[b] += 2
    else:
        two_J, move = ladder_jump(lattice, box, place, chosen, left, re, im, to_re, to_im)
        if move == 0:
            return NO_JUMP
        after.two_J[b] = two_J
        after.lo[b] += move
    set_strides(after)
    return chosen
