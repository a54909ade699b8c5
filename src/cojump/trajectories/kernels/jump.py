"""A jump of one particle: weights of the outcomes and the state after it.

Taking one particle out of sector J leaves the others in μ = J ∓ ½; putting it back leads to J' = J, J - 1, J + 1.
With removal weights N f_μ/f_λ and the amplitudes of C_λ^μ the Kraus operator of (μ, J') is tridiagonal in i.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import EXACT, OPTIONS, PAD
from .propagate import norm_squared
from .window import clear_beside

CERTAIN = 1e-4
"""Part of the largest weight that sums of moments are trusted for; below it the state after the jump is made."""

ROUNDING = 1e-10
"""Part of that below which a weight is the rounding of others."""


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
def ladder_weights(N, two_J, down, collective, strength, gamma, re, im, lo, hi, weights):
    """Weights |Kψ|² of J' = J, J - 1, J + 1 for j = σ_- (or σ_+ by M → -M): e ab, f a(a-1), g b(b+1).

    a = J + M, b = J - M + 1 for σ_-. Of a collective jump ab is all.
    """
    J = 0.5 * two_J
    sign = 1.0 if down else -1.0
    same = lower = higher = 0.0
    v_re, v_im, table = re[lo:hi], im[lo:hi], gamma[lo - PAD : hi - PAD]
    M0 = lo - PAD - 0.5 * N
    for p in range(v_re.size):
        M = sign * (M0 + p)
        a = J + M
        b = J - M + 1.0
        weight = (v_re[p] * v_re[p] + v_im[p] * v_im[p]) * table[p] * table[p]
        same += weight * a * b
        lower += weight * a * (a - 1.0)
        higher += weight * b * (b + 1.0)
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
    J = 0.5 * two_J
    sign = 1.0 if down else -1.0
    move = -1 if down else 1
    v_re, v_im, table = re[lo:hi], im[lo:hi], gamma[lo - PAD : hi - PAD]
    t_re, t_im = to_re[lo + move : hi + move], to_im[lo + move : hi + move]
    M0 = lo - PAD - 0.5 * N
    norm2 = 0.0
    # (x + r M)(y + s M) are the factors ab, a(a-1), b(b+1) of ladder_weights
    x, r = (J + 1.0, -1.0) if outcome == 2 else (J, 1.0)
    y, s = (J + 2.0, -1.0) if outcome == 2 else ((J + 1.0, -1.0) if outcome == 0 else (J - 1.0, 1.0))
    for p in range(v_re.size):
        M = sign * (M0 + p)
        amplitude = table[p] * np.sqrt(max((x + r * M) * (y + s * M), 0.0))
        a = amplitude * v_re[p]
        b = amplitude * v_im[p]
        t_re[p] = a
        t_im[p] = b
        norm2 += a * a + b * b
    return norm2


@njit(**EXACT)
def leave_behind(gamma, gamma_rest, re, im, lo, hi, rest_re, rest_im):
    """ΓψΓ' as the others hold it: row 0 (row 1) is what a particle that is up (down) leaves behind, but for amplitudes.

    Position p of ``rest`` has p - PAD particles up among the others; written for lo - 2 ≤ p ≤ hi.
    """
    clear_beside(rest_re[0], rest_im[0], lo - 1, hi - 1, 2)
    clear_beside(rest_re[1], rest_im[1], lo, hi, 2)
    v_re, v_im, before = re[lo:hi], im[lo:hi], gamma[lo - PAD : hi - PAD]
    up_re, up_im, down_re, down_im = (
        rest_re[0, lo - 1 : hi],
        rest_im[0, lo - 1 : hi],
        rest_re[1, lo:hi],
        rest_im[1, lo:hi],
    )
    down_rest, up_rest = gamma_rest[lo - PAD : hi - PAD], gamma_rest[max(lo - PAD - 1, 0) : hi - PAD - 1]
    none_up = v_re.size - up_rest.size  # 1 where the first cell has no particle up, else 0
    for p in range(none_up):
        up_re[p] = up_im[p] = 0.0
    for p in range(up_rest.size):
        factor = before[p + none_up] * up_rest[p]
        up_re[p + none_up] = factor * v_re[p + none_up]
        up_im[p + none_up] = factor * v_im[p + none_up]
    for p in range(v_re.size):
        factor = before[p] * down_rest[p]
        down_re[p] = factor * v_re[p]
        down_im[p] = factor * v_im[p]


@njit(**OPTIONS)
def removal_shares(N, two_J):
    """N f_μ/f_λ / (2J + 1) for μ = J - ½ and J + ½; 0 where the others cannot be in μ."""
    J = 0.5 * two_J
    low = (0.5 * N + J + 1.0) / (2.0 * J + 1.0) if two_J > 0 else 0.0
    return low, (0.5 * N - J) / (2.0 * J + 1.0)


@njit(**EXACT)
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
    up_re, up_im = rest_re[0, lo - 2 : hi + 1], rest_im[0, lo - 2 : hi + 1]
    down_re, down_im = rest_re[1, lo - 2 : hi + 1], rest_im[1, lo - 2 : hi + 1]
    t_re, t_im = to_re[lo - 1 : hi + 1], to_im[lo - 1 : hi + 1]
    M0 = lo - 1 - PAD - 0.5 * N
    for p in range(t_re.size):
        M = M0 + p
        if new_two_J == two_J:
            a, d = K + s * M, K - s * M
            b = s * np.sqrt(max((J + M) * (J - M + 1.0), 0.0))
            c = s * np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
        else:
            d = np.sqrt(max((K - M) * (K + M), 0.0))
            a = -d
            b = -s * np.sqrt(max((J - s * M) * (J - s * M + 1.0), 0.0))
            c = s * np.sqrt(max((J + s * M) * (J + s * M + 1.0), 0.0))
        # into up: the others had one less
        x = a * (a_re * up_re[p] - a_im * up_im[p]) + b * (b_re * down_re[p] - b_im * down_im[p])
        y = a * (a_re * up_im[p] + a_im * up_re[p]) + b * (b_re * down_im[p] + b_im * down_re[p])
        x += c * (c_re * up_re[p + 1] - c_im * up_im[p + 1]) + d * (d_re * down_re[p + 1] - d_im * down_im[p + 1])
        y += c * (c_re * up_im[p + 1] + c_im * up_re[p + 1]) + d * (d_re * down_im[p + 1] + d_im * down_re[p + 1])
        t_re[p] = x
        t_im[p] = y
    return new_two_J, norm_squared(to_re, to_im, lo - 1, hi + 1)


@njit(**OPTIONS)
def _vector(J, y, moments):
    """<V> and <V†V> of V = (y_uu - y_dd) J_z + y_ud J_+ + y_du J_-."""
    norm2, z, zz, plus, z_plus, two = moments
    along, up, down = y[0] - y[3], y[1], y[2]
    mean = along * z + up * plus + down * np.conj(plus)
    planar = J * (J + 1.0) * norm2 - zz
    square = abs(along) ** 2 * zz + abs(up) ** 2 * (planar - z) + abs(down) ** 2 * (planar + z)
    # <J_z J_+>, <J_z J_-> and <J_-²>
    crossed = np.conj(along) * up * (z_plus + 0.5 * plus) + np.conj(along) * down * np.conj(z_plus - 0.5 * plus)
    crossed += np.conj(up) * down * np.conj(two)
    return mean, square + 2.0 * crossed.real


@njit(**OPTIONS)
def _entries(y_re, y_im):
    """The entries uu, ud, du, dd of a matrix, and the sum of their squares."""
    y = complex(y_re[0, 0], y_im[0, 0]), complex(y_re[0, 1], y_im[0, 1])
    z = complex(y_re[1, 0], y_im[1, 0]), complex(y_re[1, 1], y_im[1, 1])
    return y + z, abs(y[0]) ** 2 + abs(y[1]) ** 2 + abs(z[0]) ** 2 + abs(z[1]) ** 2


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
    up, down = abs(y[0]) ** 2 + abs(y[2]) ** 2, abs(y[1]) ** 2 + abs(y[3]) ** 2  # j†j
    flip = 2.0 * ((np.conj(y[0]) * y[1] + np.conj(y[2]) * y[3]) * plus).real
    low, high = removal_shares(N, two_J)
    least = CERTAIN * N * size * norm2
    total_low = low * ((up + down) * J * norm2 + (up - down) * z + flip)
    total_high = high * ((up + down) * (J + 1.0) * norm2 - (up - down) * z - flip)
    weights[0] = total_low
    if two_J > 1:
        weights[0] = low / two_J * (J * J * abs(trace) ** 2 * norm2 + 2.0 * J * (np.conj(trace) * mean).real + square)
    weights[1] = total_low - weights[0]
    one_more = J + 1.0
    weights[2] = one_more * one_more * abs(trace) ** 2 * norm2 - 2.0 * one_more * (np.conj(trace) * mean).real + square
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
    weight = abs(trace) ** 2 * moments[0] + 2.0 * (np.conj(trace) * mean).real + square
    return weight, not weight < CERTAIN * size * N * N * moments[0]


@njit(**OPTIONS)
def collective_jump(N, two_J, y_re, y_im, re, im, lo, hi, to_re, to_im):
    """L ψ with L = l(i) + y_ud J_+ + y_du J_-, unnormalised, on lo - 1 ≤ p ≤ hi; returns |Lψ|²."""
    J = 0.5 * two_J
    norm2 = 0.0
    for p in range(lo - 1, hi + 1):
        i = p - PAD
        M = i - 0.5 * N
        raised = np.sqrt(max((J - M + 1.0) * (J + M), 0.0))  # c_J(i - 1), from below
        lowered = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))  # c_J(i), from above
        along_re = i * y_re[0, 0] + (N - i) * y_re[1, 1]
        along_im = i * y_im[0, 0] + (N - i) * y_im[1, 1]
        a = along_re * re[p] - along_im * im[p]
        b = along_re * im[p] + along_im * re[p]
        a += raised * (y_re[0, 1] * re[p - 1] - y_im[0, 1] * im[p - 1])
        b += raised * (y_re[0, 1] * im[p - 1] + y_im[0, 1] * re[p - 1])
        a += lowered * (y_re[1, 0] * re[p + 1] - y_im[1, 0] * im[p + 1])
        b += lowered * (y_re[1, 0] * im[p + 1] + y_im[1, 0] * re[p + 1])
        if abs(M) > J:
            a = b = 0.0
        to_re[p] = a
        to_im[p] = b
        norm2 += a * a + b * b
    return norm2
