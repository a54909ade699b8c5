"""Jumps of several blocks of two levels: weights, outcomes, and the state after one."""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN, LADDER_UP
from .common import INLINED, NO_JUMP, NO_NUMBER, OPTIONS
from .driven_rates import rate_factor
from .jump import choose_channel, choose_outcome
from .lattice import DOWN, UP, copy_into, first_place, next_place, set_strides, table_at
from .lattice_box import COUNT, FIRST, START, all_runs, runs_of
from .nothing import of_complex
from .vectors import LANES, fused, load, rising, spread, store, total


@njit(inline="always", **OPTIONS)
def _table_of_run(runs, number, lo, at, strides):
    """Where a table of Γ that begins at ``at`` is for the first cell of a run."""
    for a in range(lo.size):
        at += (lo[a] + runs[number, FIRST + a]) * strides[a]
    return at


@njit(inline="always", **OPTIONS)
def _weight_of(re, im, p, n, gamma, at, step):
    """Γ² |ψ|² of n cells from p on, at most LANES, with Γ from ``at`` on; a ``step`` of 0: that of Γ = 1."""
    x, y = load(re, p, n), load(im, p, n)
    weight = fused(x, x, y * y)
    if step == 0:
        return weight
    g = load(gamma, at, n)
    return g * g * weight


@njit(**INLINED)
def ladder_weight(runs, n_runs, re, im, b, N, down, at, strides, lo, gamma):
    """Γ² |ψ|² times the particles that can jump, summed over all cells; ``at``: where the table of Γ begins."""
    last, step, weight = lo.size - 1, strides[lo.size - 1], spread(0.0)
    first, sign = (0.0, spread(1.0)) if down else (1.0 * N, spread(-1.0))
    for number in range(n_runs):
        start, count, here = runs[number, START], runs[number, COUNT], _table_of_run(runs, number, lo, at, strides)
        of_run = spread(0.0)
        if b == last:
            i = lo[b] + runs[number, FIRST + b]
            for q in range(0, count, LANES):
                can_jump = fused(sign, rising(i + q), spread(first))
                of_run = fused(can_jump, _weight_of(re, im, start + q, count - q, gamma, here + q, step), of_run)
        else:
            for q in range(0, count, LANES):
                of_run = of_run + _weight_of(re, im, start + q, count - q, gamma, here + q, step)
        factor = gamma[here] * gamma[here] if step == 0 else 1.0
        if b < last:
            i = lo[b] + runs[number, FIRST + b]
            factor *= i if down else N - i
        weight = fused(spread(factor), of_run, weight)
    return total(weight)


@njit(**OPTIONS)
def ladder_weights(
    kind, axes, strength, excluded, sizes, gamma, gamma_start, gamma_stride, lo, runs, n_runs, re, im, square, sums,
    weights,
):  # fmt: skip
    """Write what :func:`ladder_weight` is of every ladder, times the strength of the jump.

    For states that are larger than what is close to the processor: all jumps in one pass over the state, run by run.
    |ψ|² of a run stays in ``square``, and what is summed for a jump in eight of ``sums``. Behind a run |ψ|² is zero
    there, so that whole vectors of Γ can be read.
    """
    last = lo.size - 1
    sums[:] = 0.0
    for number in range(n_runs):
        start, count, whole = runs[number, START], runs[number, COUNT], spread(0.0)
        for q in range(0, count, LANES):
            x, y = load(re, start + q, count - q), load(im, start + q, count - q)
            weight = fused(x, x, y * y)
            store(square, q, LANES, weight)
            whole = whole + weight
        for l in range(kind.size):
            if kind[l] != LADDER_DOWN and kind[l] != LADDER_UP:
                continue
            b, down, step = axes[l], kind[l] == LADDER_DOWN, gamma_stride[l, last]
            here = _table_of_run(runs, number, lo, gamma_start[l], gamma_stride[l])
            if down:
                here -= excluded[l] * gamma_stride[l, b]
            i, of_run = lo[b] + runs[number, FIRST + b], whole
            factor = gamma[here] * gamma[here] if step == 0 else 1.0
            if b == last:
                first, sign = (1.0 * i, spread(1.0)) if down else (1.0 * (sizes[b] - i), spread(-1.0))
                of_run = spread(0.0)
                for q in range(0, count, LANES):
                    weight = fused(sign, rising(q), spread(first)) * load(square, q, LANES)
                    if step != 0:
                        g = load(gamma, here + q, LANES)
                        weight = g * g * weight
                    of_run = of_run + weight
            else:
                factor *= i if down else sizes[b] - i
                if step != 0:
                    of_run = spread(0.0)
                    for q in range(0, count, LANES):
                        g = load(gamma, here + q, LANES)
                        of_run = fused(g * g, load(square, q, LANES), of_run)
            store(sums, l * LANES, LANES, fused(spread(factor), of_run, load(sums, l * LANES, LANES)))
    for l in range(kind.size):
        if kind[l] == LADDER_DOWN or kind[l] == LADDER_UP:
            weights[l] = strength[l] * total(load(sums, l * LANES, LANES))


@njit(**INLINED)
def _ladder_profile(runs, n_runs, re, im, b, n, at, strides, lo, gamma, profile):
    """Write Γ² |ψ|² of a ladder summed over all axes but its own, b; ``at``: where its table begins."""
    last, step = lo.size - 1, strides[lo.size - 1]
    for k in range(n):
        profile[k] = 0.0
    for number in range(n_runs):
        start, count, here = runs[number, START], runs[number, COUNT], _table_of_run(runs, number, lo, at, strides)
        to, of_run = runs[number, FIRST + b], spread(0.0)
        factor = gamma[here] * gamma[here] if step == 0 else 1.0
        for q in range(0, count, LANES):
            weight = _weight_of(re, im, start + q, count - q, gamma, here + q, step)
            if b == last:
                p, left = to + q, count - q
                store(profile, p, left, fused(spread(factor), weight, load(profile, p, left)))
            else:
                of_run = of_run + weight
        if b < last:
            profile[to] += factor * total(of_run)


@njit(inline="always", **OPTIONS)
def first_table(lattice, l):
    """Where the table of Γ of a ladder begins; if its own particle does not count, one earlier for one that is up."""
    shift = lattice.excluded[l] if lattice.kind[l] == LADDER_DOWN else 0
    return lattice.gamma_start[l] - shift * lattice.gamma_stride[l, lattice.axis[l]]


@njit(inline="always", **OPTIONS)
def channel_weights(lattice, box, elements, place, runs, n_runs, re, im, new, square, sums, weights):
    """<rate operator> of every jump, unnormalised; ``new``, ``square`` and ``sums`` are room to work in."""
    together = box.n.size > 2
    for l in range(lattice.kind.size):
        b = lattice.axis[l]
        if lattice.kind[l] == COLLECTIVE or lattice.kind[l] == GENERAL:
            weights[l] = _weight_of_other(im, re, lattice, box, elements, place, new, l)
        elif not together:
            weights[l] = lattice.strength[l] * ladder_weight(
                runs, n_runs, re, im, b, lattice.sizes[b], lattice.kind[l] == LADDER_DOWN, first_table(lattice, l),
                lattice.gamma_stride[l], box.lo, lattice.gamma,
            )  # fmt: skip
    if together:
        ladder_weights(
            lattice.kind, lattice.axis, lattice.strength, lattice.excluded, lattice.sizes, lattice.gamma,
            lattice.gamma_start, lattice.gamma_stride, box.lo, runs, n_runs, re, im, square, sums, weights,
        )  # fmt: skip


def _other_weight(im, re, lattice, box, elements, place, new, l):
    """<rate operator> of a jump that is no ladder operator of one particle."""
    b = lattice.axis[l]
    if lattice.kind[l] == COLLECTIVE:
        return collective_jump(
            lattice.y[l], lattice.sizes, box.lo, box.n, box.stride, elements.c, place, re, im, new[0], new[1]
        )
    return _general_weight(
        lattice.j[l], lattice.excluded[l], b, lattice.sizes[b], lattice.gamma, lattice.gamma_start[l],
        lattice.gamma_stride[l], box.lo, box.n, box.stride, elements.c, place, re, im,
    )  # fmt: skip


_weight_of_other = of_complex(_other_weight, 0.0)
"""Where states stay real all jumps are ladder operators."""


@njit(**OPTIONS)
def _general_weight(j, excluded, b, N, gamma, gamma_start, strides, lo, n, stride, c, place, re, im):
    """<rate operator> of a jump of any matrix."""
    last, inner, own, step = n.size - 1, n[n.size - 1], strides[b], strides[n.size - 1]
    p_up = abs(j[0, 0]) ** 2 + abs(j[1, 0]) ** 2
    p_down = abs(j[0, 1]) ** 2 + abs(j[1, 1]) ** 2
    p_mixed = np.conj(j[0, 0]) * j[0, 1] + np.conj(j[1, 0]) * j[1, 1]
    total = 0.0
    first_place(place)
    row = 0
    while True:
        at = table_at(gamma_start, strides, lo, place)
        for q in range(inner):
            k = q if b == last else place[b]
            i = lo[b] + k
            here, p = at + q * step, row + q
            g_up = gamma[here - excluded * own] if i > 0 else 0.0
            g_down = gamma[here] if i < N else 0.0
            weight = re[p] * re[p] + im[p] * im[p]
            total += weight * (p_up * i * g_up * g_up + p_down * (N - i) * g_down * g_down)
            if k + 1 < n[b]:
                above = g_down if excluded else gamma[here + own]
                flip_re = re[p + stride[b]] * re[p] + im[p + stride[b]] * im[p]
                flip_im = re[p + stride[b]] * im[p] - im[p + stride[b]] * re[p]
                factor = 2.0 * c[b, k] * above * g_down
                total += factor * (p_mixed.real * flip_re - p_mixed.imag * flip_im)
        row += inner
        if not next_place(place, n, last):
            break
    return 0.0 if total < 0.0 else total  # written so that NaN stays NaN


@njit(**OPTIONS)
def collective_jump(y, sizes, lo, n, strides, c, place, re, im, to_re, to_im):
    """L ψ within the box, unnormalised; returns |Lψ|². What would leave the box weighs less than its tails."""
    B = n.size
    last, inner = B - 1, n[B - 1]
    norm2 = 0.0
    first_place(place)
    row = 0
    while True:
        for q in range(inner):
            p = row + q
            x_re = x_im = 0.0
            for b in range(B):
                k = q if b == last else place[b]
                i, N, stride = lo[b] + k, sizes[b], strides[b]
                value = y[b, UP, UP] * i + y[b, DOWN, DOWN] * (N - i)
                x_re += value.real * re[p] - value.imag * im[p]
                x_im += value.real * im[p] + value.imag * re[p]
                if k > 0:
                    value = y[b, UP, DOWN] * c[b, k - 1]
                    x_re += value.real * re[p - stride] - value.imag * im[p - stride]
                    x_im += value.real * im[p - stride] + value.imag * re[p - stride]
                if k < n[b] - 1:
                    value = y[b, DOWN, UP] * c[b, k]
                    x_re += value.real * re[p + stride] - value.imag * im[p + stride]
                    x_im += value.real * im[p + stride] + value.imag * re[p + stride]
            to_re[p] = x_re
            to_im[p] = x_im
            norm2 += x_re * x_re + x_im * x_im
        row += inner
        if not next_place(place, n, last):
            break
    return norm2


@njit(inline="always", **OPTIONS)
def _ladder_factors(outcome, J):
    """x, r, y, s of the factors (x + r M)(y + s M) of a ladder jump to J, J - 1, J + 1, see ladder_jump."""
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    return x, r, y, s


@njit(**INLINED)
def _move_run(re, im, start, count, gamma, at, step, factor, amplitude, own, along, to_re, to_im):
    """Write Γ times the amplitudes of a ladder jump times a run; ``along`` it there is one for each place."""
    if step == 0:
        factor *= gamma[at]
    for q in range(0, count, LANES):
        n, p, f = count - q, start + q, spread(factor)
        if step != 0:
            f = f * load(gamma, at + q, n)
        if along:
            f = f * load(amplitude, own + q, n)
        store(to_re, p, n, f * load(re, p, n))
        store(to_im, p, n, f * load(im, p, n))


@njit(**INLINED)
def ladder_jump(
    b, N, two_J, down, strength, left, table, strides, gamma, lo, n, runs, n_runs, profile, re, im, to_re, to_im
):
    """Outcome J, J - 1 or J + 1 of a ladder jump by its weight, and the state after it, not normalised, in its cells.

    ``profile`` is room to work in; ``table``: where that of Γ begins. Returns 2J' and the move of i along the axis; a
    move of 0 where no outcome is possible.
    """
    last, J = lo.size - 1, 0.5 * two_J
    _ladder_profile(runs, n_runs, re, im, b, n, table, strides, lo, gamma, profile)
    sign = 1.0 if down else -1.0
    same = lower = higher = 0.0
    for k in range(n):
        M = sign * (lo[b] + k - 0.5 * N)
        a, c = J + M, J - M + 1.0
        same += profile[k] * a * c
        lower += profile[k] * a * (a - 1.0)
        higher += profile[k] * c * (c + 1.0)
    outcome = choose_outcome(N, two_J, lower, same, higher, left / strength)
    if outcome < 0:
        return two_J, 0
    x, r, y, s = _ladder_factors(outcome, J)
    for k in range(n):
        M = sign * (lo[b] + k - 0.5 * N)
        profile[k] = np.sqrt(max((x + r * M) * (y + s * M), 0.0))
    for number in range(n_runs):
        start, count, own = runs[number, START], runs[number, COUNT], runs[number, FIRST + b]
        here, factor = _table_of_run(runs, number, lo, table, strides), 1.0 if b == last else profile[own]
        _move_run(re, im, start, count, gamma, here, strides[last], factor, profile, own, b == last, to_re, to_im)
    return two_J + (-2 if outcome == 1 else (2 if outcome == 2 else 0)), (-1 if down else 1)


@njit(**OPTIONS)
def _take_out(
    high, b, N, two_J, excluded, gamma, gamma_start, strides, lo, lengths, stride, size, place, re, im, rest_re, rest_im
):
    """sqrt(N f_μ/f_λ) C_λ^μ Γψ for μ = J - ½, or J + ½ if ``high``; row 0: particle up, row 1: down.

    Along the axis of the jump ``rest`` has one state more than the box, the first with lo - 1 of the others up.
    """
    last, inner, step = lo.size - 1, lengths[lo.size - 1], strides[lo.size - 1]
    n, inside, own, J = lengths[b], stride[b], strides[b], 0.5 * two_J
    share = (0.5 * N - J if high else 0.5 * N + J + 1.0) / (2.0 * J + 1.0)
    outer = size // (n * inside)
    for o in range(outer):
        for q in range(inside):
            rest_re[0, (o * (n + 1) + n) * inside + q] = rest_im[0, (o * (n + 1) + n) * inside + q] = 0.0
            rest_re[1, o * (n + 1) * inside + q] = rest_im[1, o * (n + 1) * inside + q] = 0.0
    first_place(place)
    row = 0
    while True:
        at = table_at(gamma_start, strides, lo, place)
        for q in range(inner):
            p = row + q
            k = (p // inside) % n
            i = lo[b] + k
            M = i - 0.5 * N
            up = J + 1.0 - M if high else J + M
            down = J + 1.0 + M if high else J - M
            up = (-1.0 if high else 1.0) * np.sqrt(max(share * up, 0.0))
            down = np.sqrt(max(share * down, 0.0))
            up = up * gamma[at + q * step - excluded * own] if i > 0 else 0.0
            down = down * gamma[at + q * step] if i < N else 0.0
            to = (p // (n * inside) * (n + 1) + k) * inside + p % inside
            rest_re[0, to] = up * re[p]
            rest_im[0, to] = up * im[p]
            rest_re[1, to + inside] = down * re[p]
            rest_im[1, to + inside] = down * im[p]
        row += inner
        if not next_place(place, lengths, last):
            break


@njit(**OPTIONS)
def general_jump(
    outcome, j, b, N, two_J, excluded, gamma, gamma_start, strides, lo, lengths, stride, size, place,
    re, im, rest_re, rest_im, to_re, to_im,
):  # fmt: skip
    """Kraus operator (μ, J') of any j applied to ψ, unnormalised: 2J' and its weight |Kψ|².

    Outcomes 0: (J-½, J), 1: (J-½, J-1), 2: (J+½, J), 3: (J+½, J+1); the weight of an impossible one is 0. Along the
    axis of the jump the state after it has two cells more than the box, one on each side.
    """
    n, inside = lengths[b], stride[b]
    high = outcome >= 2
    new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 3 else 0))
    if (high and two_J == N) or (not high and two_J == 0) or new_two_J < 0:
        return two_J, 0.0
    _take_out(
        high,
        b,
        N,
        two_J,
        excluded,
        gamma,
        gamma_start,
        strides,
        lo,
        lengths,
        stride,
        size,
        place,
        re,
        im,
        rest_re,
        rest_im,
    )
    outer = size // (n * inside)
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
            M = lo[b] - 1 + k - 0.5 * N
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


def _make_other_jump(im, re, lattice, box, elements, place, room, l, left):
    """Make a jump that is no ladder operator of one particle; whether an outcome is possible."""
    b, after, to_re, to_im = lattice.axis[l], room.after, room.new[0], room.new[1]
    if lattice.kind[l] == COLLECTIVE:
        collective_jump(lattice.y[l], lattice.sizes, box.lo, box.n, box.stride, elements.c, place, re, im, to_re, to_im)
        return True
    # each outcome until the weight is used up; after the four, if rounding has left some, the last possible one
    possible = -1
    for turn in range(5):
        outcome = possible if turn == 4 else (turn if turn > 1 else 1 - turn)
        if outcome < 0:
            break
        two_J, norm2 = general_jump(
            outcome, lattice.j[l], b, lattice.sizes[b], box.two_J[b], lattice.excluded[l], lattice.gamma,
            lattice.gamma_start[l], lattice.gamma_stride[l], box.lo, box.n, box.stride, box.size[0], place,
            re, im, room.rest[0], room.rest[1], to_re, to_im,
        )  # fmt: skip
        if norm2 > 0.0:
            possible, after.two_J[b] = outcome, two_J
            if left < norm2:
                break
            left -= norm2
    after.lo[b] -= 1
    after.n[b] += 2
    return possible >= 0


_other_jump = of_complex(_make_other_jump, False)


@njit(**INLINED)
def perform_jump(h_eff, work, room, re, im, u):
    """Jump from the box to ``room.after``, not normalised; its number, NO_JUMP, or NO_NUMBER."""
    lattice, box, elements, place, runs, after = (
        h_eff.lattice, h_eff.box, h_eff.elements, room.place, room.runs, room.after,
    )  # fmt: skip
    weights, to_re, to_im = room.weights, room.new[0], room.new[1]
    n_runs = runs_of(work.windows[0], work.shape, box.stride, box.n[box.n.size - 1], runs)
    channel_weights(lattice, box, elements, place, runs, n_runs, re, im, room.new, room.profile, room.of_jumps, weights)
    total = 0.0
    for l in range(weights.size):
        weights[l] *= rate_factor(h_eff, l)
        total += weights[l]
    chosen, left = choose_channel(weights, u * total)
    copy_into(after.two_J, box.two_J)
    copy_into(after.lo, box.lo)
    copy_into(after.n, box.n)
    if chosen >= 0 and total < np.inf:
        l = chosen
        b = lattice.axis[l]
        left /= rate_factor(h_eff, l)
        if lattice.kind[l] == COLLECTIVE or lattice.kind[l] == GENERAL:
            if not _other_jump(im, re, lattice, box, elements, place, room, l, left):
                chosen = NO_JUMP
        else:
            two_J, move = ladder_jump(
                b, lattice.sizes[b], box.two_J[b], lattice.kind[l] == LADDER_DOWN, lattice.strength[l], left,
                first_table(lattice, l), lattice.gamma_stride[l], lattice.gamma, box.lo, box.n[b], runs, n_runs,
                room.profile, re, im, to_re, to_im,
            )  # fmt: skip
            if move == 0:
                chosen = NO_JUMP
            after.two_J[b] = two_J
            after.lo[b] += move
        set_strides(after.n, after.stride, after.size)
        if lattice.kind[l] == COLLECTIVE or lattice.kind[l] == GENERAL:
            n_runs = all_runs(after.n, place, runs)
        room.n_runs[0] = n_runs
    if not total < np.inf:
        chosen = NO_NUMBER
    return chosen
