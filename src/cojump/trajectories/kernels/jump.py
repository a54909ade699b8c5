"""A jump of one particle: weights of the outcomes and the state after it.

Taking one particle out of sector J leaves the others in μ = J ∓ ½; putting it back leads to J' = J, J - 1, J + 1.
With removal weights N f_μ/f_λ and the amplitudes of C_λ^μ the Kraus operator of (μ, J') is tridiagonal in i.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..no_jump_tables import COLLECTIVE_DOWN, COLLECTIVE_UP, LADDER_DOWN
from .common import OPTIONS, PAD
from .propagate import ladder_elements
from .vectors import LANES, before, fused, load, rising, root, spread, store, total, two_before
from .window import clear_beside

CERTAIN = 1e-4
"""Part of the largest weight that sums of moments are trusted for; below it the state after the jump is made."""

ROUNDING = 1e-10
"""Part of that below which a weight is the rounding of others."""


@njit(**OPTIONS)
def is_down(kind):
    """Whether a ladder channel lowers M."""
    return kind in (LADDER_DOWN, COLLECTIVE_DOWN)


@njit(**OPTIONS)
def is_collective(kind):
    """Whether a ladder channel is of all particles together."""
    return kind in (COLLECTIVE_DOWN, COLLECTIVE_UP)


@njit(**OPTIONS)
def sector_factors(N, two_J):
    """e, f, g: squared amplitudes of a ladder jump to J, J - 1, J + 1, without the factors of M."""
    J = 0.5 * two_J
    e = f = 0.0
    if two_J > 0:
        e = (N + 2.0) / (4.0 * J * (J + 1.0))
        f = (0.5 * N + J + 1.0) / (2.0 * J * (2.0 * J + 1.0))
    g = (0.5 * N - J) / (2.0 * (J + 1.0) * (2.0 * J + 1.0))
    return e, f, g


@njit(**OPTIONS)
def choose_channel(weights, left):
    """Channel up to which the weights add up to more than ``left``, and what is left of that for its outcomes.

    Where rounding has left some of it, the last channel that can jump; -1 if none can.
    """
    chosen = -1
    for l in range(weights.size):
        if weights[l] > 0.0:
            chosen = l
            if left < weights[l]:
                break
            left -= weights[l]
    return chosen, left


@njit(**OPTIONS)
def choose_outcome(N, two_J, lower, same, higher, left):
    """Outcome (0 to J, 1 to J - 1, 2 to J + 1) of a ladder jump of one particle at ``left`` of its weight; -1 if none.

    ``lower``, ``same`` and ``higher`` are the sums over the state of what each outcome has beside its factor of the
    sector. The order is that of any j: first the others in J - ½ (to J - 1 or J), then in J + ½ (to J or J + 1).
    """
    _, f, g = sector_factors(N, two_J)
    outcome = -1
    for k in range(4):
        weight = (f if k < 2 else g) * (lower if k == 0 else (higher if k == 3 else same))
        if weight > 0.0:
            outcome = 1 if k == 0 else (2 if k == 3 else 0)
            if left < weight:
                break
            left -= weight
    return outcome


@njit(**OPTIONS)
def ladder_weights(N, two_J, down, collective, strength, gamma, re, im, lo, hi, weights):
    """Weights |Kψ|² of J' = J, J - 1, J + 1 for j = σ_- (or σ_+ by M → -M): e ab, f a(a-1), g b(b+1).

    a = J + M, b = J - M + 1 for σ_-. Of a collective jump ab is all.
    """
    J, sign = spread(0.5 * two_J), spread(1.0 if down else -1.0)
    one, sums = spread(1.0), (spread(0.0), spread(0.0), spread(0.0))
    for p in range(lo, hi, LANES):
        n, M = hi - p, sign * rising(p - PAD - 0.5 * N)
        a, b = J + M, J - M + one
        x, y, table = load(re, p, n), load(im, p, n), load(gamma, p - PAD, n)
        weight = fused(x, x, y * y) * (table * table)
        by_a, by_b = weight * a, weight * b
        sums = fused(by_a, b, sums[0]), fused(by_a, a - one, sums[1]), fused(by_b, b + one, sums[2])
    same, lower, higher = total(sums[0]), total(sums[1]), total(sums[2])
    e, f, g = (1.0, 0.0, 0.0) if collective else sector_factors(N, two_J)
    # written so that NaN stays NaN
    weights[0] = 0.0 if same < 0.0 else strength * e * same
    weights[1] = 0.0 if lower < 0.0 else strength * f * lower
    weights[2] = 0.0 if higher < 0.0 else strength * g * higher


@njit(**OPTIONS)
def ladder_jump(N, two_J, down, outcome, gamma, re, im, lo, hi, to_re, to_im):
    """State after a ladder jump with the given outcome (0: J, 1: J - 1, 2: J + 1), unnormalised, moved by one.

    Common factors are left out. Signs within one outcome are all equal, so square roots of the weights do.
    """
    J, sign, move = 0.5 * two_J, spread(1.0 if down else -1.0), -1 if down else 1
    # (x + r M)(y + s M) are the factors ab, a(a-1), b(b+1) of ladder_weights
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    square_re = square_im = spread(0.0)
    for p in range(lo, hi, LANES):
        n, M = hi - p, sign * rising(p - PAD - 0.5 * N)
        amplitude = load(gamma, p - PAD, n) * root(fused(spread(r), M, spread(x)) * fused(spread(s), M, spread(y)))
        a, b = amplitude * load(re, p, n), amplitude * load(im, p, n)
        store(to_re, p + move, n, a)
        store(to_im, p + move, n, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def leave_behind(gamma, gamma_rest, re, im, lo, hi, rest_re, rest_im):
    """ΓψΓ' as the others hold it: row 0 (row 1) is what a particle that is up (down) leaves behind, but for amplitudes.

    Position p of ``rest`` has p - PAD particles up among the others; written for lo - 2 ≤ p ≤ hi.
    """
    clear_beside(rest_re[0], rest_im[0], lo - 1, hi - 1, 2)
    clear_beside(rest_re[1], rest_im[1], lo, hi, 2)
    up_re, up_im, down_re, down_im = rest_re[0], rest_im[0], rest_re[1], rest_im[1]
    last = spread(gamma_rest[lo - PAD - 1] if lo > PAD else 0.0)  # with no particle up none is taken
    for p in range(lo, hi, LANES):
        n = hi - p
        x, y, table, rest = load(re, p, n), load(im, p, n), load(gamma, p - PAD, n), load(gamma_rest, p - PAD, n)
        by_up, by_down = table * before(last, rest), table * rest
        store(up_re, p - 1, n, by_up * x)
        store(up_im, p - 1, n, by_up * y)
        store(down_re, p, n, by_down * x)
        store(down_im, p, n, by_down * y)
        last = rest


@njit(**OPTIONS)
def removal_shares(N, two_J):
    """N f_μ/f_λ / (2J + 1) for μ = J - ½ and J + ½; 0 where the others cannot be in μ."""
    J = 0.5 * two_J
    low = (0.5 * N + J + 1.0) / (2.0 * J + 1.0) if two_J > 0 else 0.0
    return low, (0.5 * N - J) / (2.0 * J + 1.0)


@njit(inline="always", **OPTIONS)
def _added(x, y, amplitude, factor_re, factor_im, re, im):
    """What is added up to here, x + iy, and amplitude · factor · (re + i im) more."""
    a, b = amplitude * spread(factor_re), amplitude * spread(factor_im)
    return fused(a, re, fused(-b, im, x)), fused(a, im, fused(b, re, y))


@njit(**OPTIONS)
def general_jump(N, two_J, outcome, j_re, j_im, lo, hi, rest_re, rest_im, to_re, to_im):
    """Kraus operator (μ, J') of any j applied to what leave_behind has left; returns J' (as 2J') and the weight |Kψ|².

    Outcomes 0: (J-½, J), 1: (J-½, J-1), 2: (J+½, J), 3: (J+½, J+1); the weight of an impossible one is 0. Of the
    particle that is taken out, j acts on it, and that is put back, the four ways from up, down to up, down have the
    amplitudes of J ± J_z (or J + 1 ∓ J_z), J_+ and J_- where J' = J, and those of a vector between J and J ± 1 else.
    Written for lo - 1 ≤ p ≤ hi.
    """
    J, low = 0.5 * two_J, outcome < 2
    new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 3 else 0))
    share = removal_shares(N, two_J)[0 if low else 1]
    if not share > 0.0 or new_two_J < 0:
        return two_J, 0.0
    s, K = (1.0, J) if low else (-1.0, J + 1.0)
    share = np.sqrt(share / (2.0 * K))
    a_re, a_im, b_re, b_im = share * j_re[0, 0], share * j_im[0, 0], share * j_re[0, 1], share * j_im[0, 1]
    c_re, c_im, d_re, d_im = share * j_re[1, 0], share * j_im[1, 0], share * j_re[1, 1], share * j_im[1, 1]
    up_re, up_im, down_re, down_im = rest_re[0], rest_im[0], rest_re[1], rest_im[1]
    sign, Ks, Js, one, square = spread(s), spread(K), spread(J), spread(1.0), spread(0.0)
    for p in range(lo - 1, hi + 1, LANES):
        n, M = hi + 1 - p, rising(p - PAD - 0.5 * N)
        along = sign * M
        if new_two_J == two_J:
            a, d = Ks + along, Ks - along
            b, c = sign * root((Js + M) * (Js - M + one)), sign * root((Js - M) * (Js + M + one))
        else:
            d = root((Ks - M) * (Ks + M))
            a = -d
            b = -(sign * root((Js - along) * (Js - along + one)))
            c = sign * root((Js + along) * (Js + along + one))
        x, y = spread(0.0), spread(0.0)
        # into up: the others had one less
        x, y = _added(x, y, a, a_re, a_im, load(up_re, p - 1, n), load(up_im, p - 1, n))
        x, y = _added(x, y, b, b_re, b_im, load(down_re, p - 1, n), load(down_im, p - 1, n))
        x, y = _added(x, y, c, c_re, c_im, load(up_re, p, n), load(up_im, p, n))
        x, y = _added(x, y, d, d_re, d_im, load(down_re, p, n), load(down_im, p, n))
        store(to_re, p, n, x)
        store(to_im, p, n, y)
        square = fused(x, x, fused(y, y, square))
    return new_two_J, total(square)


@njit(**OPTIONS)
def _square(x):
    """|x|²."""
    return x.real * x.real + x.imag * x.imag


@njit(**OPTIONS)
def _vector(J, y, moments):
    """<V> and <V†V> of V = (y_uu - y_dd) J_z + y_ud J_+ + y_du J_-."""
    norm2, z, zz, plus, z_plus, two = moments
    along, up, down = y[0] - y[3], y[1], y[2]
    mean = along * z + up * plus + down * np.conj(plus)
    planar = J * (J + 1.0) * norm2 - zz
    square = _square(along) * zz + _square(up) * (planar - z) + _square(down) * (planar + z)
    # <J_z J_+>, <J_z J_-> and <J_-²>
    crossed = np.conj(along) * up * (z_plus + 0.5 * plus) + np.conj(along) * down * np.conj(z_plus - 0.5 * plus)
    crossed += np.conj(up) * down * np.conj(two)
    return mean, square + 2.0 * crossed.real


@njit(**OPTIONS)
def _entries(y_re, y_im):
    """The entries uu, ud, du, dd of a matrix, and the sum of their squares."""
    y = complex(y_re[0, 0], y_im[0, 0]), complex(y_re[0, 1], y_im[0, 1])
    z = complex(y_re[1, 0], y_im[1, 0]), complex(y_re[1, 1], y_im[1, 1])
    return y + z, _square(y[0]) + _square(y[1]) + _square(z[0]) + _square(z[1])


@njit(**OPTIONS)
def general_weights(N, two_J, j_re, j_im, moments, weights):
    """Weights |Kψ|² of all outcomes of general_jump without self-exclusion, from the moments of Γψ.

    Between J and J they are those of J tr j + V, or (J + 1) tr j - V; what goes to J ± 1 is the rest of <j†j>, weighed
    with the numbers of particles. False where rounding of the sums would show: no weight says anything then.
    """
    J = 0.5 * two_J
    y, size = _entries(j_re, j_im)
    norm2, z, _, plus, _, _ = moments
    mean, square = _vector(J, y, moments)
    trace = y[0] + y[3]
    up, down = _square(y[0]) + _square(y[2]), _square(y[1]) + _square(y[3])  # j†j
    flip = 2.0 * ((np.conj(y[0]) * y[1] + np.conj(y[2]) * y[3]) * plus).real
    low, high = removal_shares(N, two_J)
    least = CERTAIN * N * size * norm2
    total_low = low * ((up + down) * J * norm2 + (up - down) * z + flip)
    total_high = high * ((up + down) * (J + 1.0) * norm2 - (up - down) * z - flip)
    weights[0] = total_low
    if two_J > 1:
        weights[0] = low / two_J * (J * J * _square(trace) * norm2 + 2.0 * J * (np.conj(trace) * mean).real + square)
    weights[1] = total_low - weights[0]
    one_more = J + 1.0
    weights[2] = one_more * one_more * _square(trace) * norm2 - 2.0 * one_more * (np.conj(trace) * mean).real + square
    weights[2] *= high / (two_J + 2.0)
    weights[3] = total_high - weights[2]
    for k in range(4):
        if weights[k] < ROUNDING * least:  # written so that NaN stays NaN
            weights[k] = 0.0
    return not total_low + total_high < least


@njit(**OPTIONS)
def collective_weight(N, two_J, y_re, y_im, moments):
    """|Lψ|² of collective_jump from the moments of ψ, and whether it is more than their rounding."""
    J = 0.5 * two_J
    y, size = _entries(y_re, y_im)
    mean, square = _vector(J, y, moments)
    trace = 0.5 * N * (y[0] + y[3])
    weight = _square(trace) * moments[0] + 2.0 * (np.conj(trace) * mean).real + square
    return weight, not weight < CERTAIN * size * N * N * moments[0]


@njit(**OPTIONS)
def collective_jump(N, two_J, y_re, y_im, re, im, lo, hi, to_re, to_im):
    """L ψ with L = l(i) + y_ud J_+ + y_du J_-, unnormalised, on lo - 1 ≤ p ≤ hi; returns |Lψ|²."""
    J, total_up, last_re, last_im = 0.5 * two_J, spread(N), spread(0.0), spread(0.0)
    square = spread(0.0)
    for p in range(lo - 1, hi + 1, LANES):
        # ψ at p + 1, at p and at p - 1
        above_re, above_im = load(re, p + 1, hi - p - 1), load(im, p + 1, hi - p - 1)
        up = rising(p - PAD)
        M, down = up - spread(0.5 * N), total_up - up
        along_re = fused(up, spread(y_re[0, 0]), down * spread(y_re[1, 1]))
        along_im = fused(up, spread(y_im[0, 0]), down * spread(y_im[1, 1]))
        x, y = before(last_re, above_re), before(last_im, above_im)
        a, b = fused(along_re, x, -(along_im * y)), fused(along_re, y, along_im * x)
        x, y = two_before(last_re, above_re), two_before(last_im, above_im)
        a, b = _added(a, b, ladder_elements(J, M - spread(1.0)), y_re[0, 1], y_im[0, 1], x, y)
        a, b = _added(a, b, ladder_elements(J, M), y_re[1, 0], y_im[1, 0], above_re, above_im)
        store(to_re, p, hi + 1 - p, a)
        store(to_im, p, hi + 1 - p, b)
        square = fused(a, a, fused(b, b, square))
        last_re, last_im = above_re, above_im
    return total(square)
