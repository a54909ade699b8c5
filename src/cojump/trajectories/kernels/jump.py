"""A jump of one particle: weights of the outcomes and the state after it.

Taking one particle out of sector J leaves the others in μ = J ∓ ½; putting it back leads to J' = J, J - 1, J + 1.
With removal weights N f_μ/f_λ and the amplitudes of C_λ^μ the Kraus operator of (μ, J') is tridiagonal in i.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS, PAD


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
def ladder_weights(N, two_J, down, strength, gamma, re, im, lo, hi, weights):
    """Weights |Kψ|² of J' = J, J - 1, J + 1 for j = σ_- (or σ_+ by M → -M): e ab, f a(a-1), g b(b+1).

    a = J + M, b = J - M + 1 for σ_-.
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
    e, f, g = sector_factors(N, two_J)
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


@njit(**OPTIONS)
def channel_weight(N, two_J, diagonal, up_re, up_im, re, im, lo, hi):
    """<R> of one channel: its rate operator has a diagonal and one off-diagonal c_J(i) up(i)."""
    J = 0.5 * two_J
    total = 0.0
    for p in range(lo, hi):
        i = p - PAD
        M = i - 0.5 * N
        total += diagonal[i] * (re[p] * re[p] + im[p] * im[p])
        c = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
        flip_re = re[p + 1] * re[p] + im[p + 1] * im[p]
        flip_im = re[p + 1] * im[p] - im[p + 1] * re[p]
        total += 2.0 * c * (up_re[i] * flip_re - up_im[i] * flip_im)
    return 0.0 if total < 0.0 else total


@njit(**OPTIONS)
def _take_out(N, two_J, high, gamma, re, im, lo, hi, rest_re, rest_im):
    """sqrt(N f_μ/f_λ) C_λ^μ Γψ for μ = J - ½, or J + ½ if ``high``; row 0: particle up, row 1: down.

    Position p of ``rest`` has p - PAD particles up among the others; written for lo - 1 ≤ p < hi.
    """
    J = 0.5 * two_J
    share = (0.5 * N - J if high else 0.5 * N + J + 1.0) / (2.0 * J + 1.0)
    for p in range(lo - 1, hi):
        i = p - PAD
        m = i + 0.5 - 0.5 * N  # M of the others
        M_up, M_down = m + 0.5, m - 0.5
        up = J + 1.0 - M_up if high else J + M_up
        down = J + 1.0 + M_down if high else J - M_down
        up = (-1.0 if high else 1.0) * np.sqrt(max(share * up, 0.0))
        down = np.sqrt(max(share * down, 0.0))
        gamma_up = gamma[i + 1] if 0 <= i + 1 <= N else 0.0
        gamma_down = gamma[i] if 0 <= i <= N else 0.0
        rest_re[0, p] = up * gamma_up * re[p + 1]
        rest_im[0, p] = up * gamma_up * im[p + 1]
        rest_re[1, p] = down * gamma_down * re[p]
        rest_im[1, p] = down * gamma_down * im[p]


@njit(**OPTIONS)
def _act(j_re, j_im, gamma_rest, lo, hi, rest_re, rest_im):
    """Apply Γ_μ ⊗ j on lo - 1 ≤ p < hi."""
    for p in range(lo - 1, hi):
        i = p - PAD
        g = gamma_rest[i] if 0 <= i < gamma_rest.size else 0.0
        a_re, a_im = g * rest_re[0, p], g * rest_im[0, p]
        b_re, b_im = g * rest_re[1, p], g * rest_im[1, p]
        for s in range(2):
            rest_re[s, p] = j_re[s, 0] * a_re - j_im[s, 0] * a_im + j_re[s, 1] * b_re - j_im[s, 1] * b_im
            rest_im[s, p] = j_re[s, 0] * a_im + j_im[s, 0] * a_re + j_re[s, 1] * b_im + j_im[s, 1] * b_re


@njit(**OPTIONS)
def _put_back(N, two_J, high, new_two_J, lo, hi, rest_re, rest_im, to_re, to_im):
    """C_{λ'}^{μ†}: couple the particle to the others into J'. Written for lo - 1 ≤ p ≤ hi; returns |.|²."""
    J = 0.5 * new_two_J
    two_mu = two_J + 1 if high else two_J - 1
    from_high = two_mu > new_two_J  # μ = J' + ½
    below = 1.0 / (2.0 * J) if new_two_J > 0 else 0.0
    norm2 = 0.0
    for p in range(lo - 1, hi + 1):
        M = (p - PAD) - 0.5 * N
        inside = abs(M) <= J
        if from_high:
            up = -np.sqrt(max((J + 1.0 - M) / (2.0 * J + 2.0), 0.0)) if inside else 0.0
            down = np.sqrt(max((J + 1.0 + M) / (2.0 * J + 2.0), 0.0)) if inside else 0.0
        else:
            up = np.sqrt(max((J + M) * below, 0.0)) if inside else 0.0
            down = np.sqrt(max((J - M) * below, 0.0)) if inside else 0.0
        # up: the others had one less; the first and last position have one partner only
        a = up * rest_re[0, p - 1] if p >= lo else 0.0
        b = up * rest_im[0, p - 1] if p >= lo else 0.0
        if p < hi:
            a += down * rest_re[1, p]
            b += down * rest_im[1, p]
        to_re[p] = a
        to_im[p] = b
        norm2 += a * a + b * b
    return norm2


@njit(**OPTIONS)
def general_jump(N, two_J, outcome, j_re, j_im, gamma, gamma_rest, re, im, lo, hi, rest_re, rest_im, to_re, to_im):
    """Kraus operator (μ, J') of any j applied to ψ, unnormalised; returns J' (as 2J') and its weight |Kψ|².

    Outcomes 0: (J-½, J), 1: (J-½, J-1), 2: (J+½, J), 3: (J+½, J+1); the weight of an impossible one is 0.
    """
    high = outcome >= 2
    new_two_J = two_J + (-2 if outcome == 1 else (2 if outcome == 3 else 0))
    if (high and two_J == N) or (not high and two_J == 0) or new_two_J < 0:
        return two_J, 0.0
    _take_out(N, two_J, high, gamma, re, im, lo, hi, rest_re, rest_im)
    _act(j_re, j_im, gamma_rest, lo, hi, rest_re, rest_im)
    return new_two_J, _put_back(N, two_J, high, new_two_J, lo, hi, rest_re, rest_im, to_re, to_im)


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
