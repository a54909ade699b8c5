"""No-jump evolution dψ/dt = -i H_eff ψ: banded elements of a sector, one Taylor term, the series summed."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS, PAD


@njit(**OPTIONS)
def fill_elements(N, two_J, first, last, is_real, band, up, down, two, off_re, off_im, two_re, two_im):
    """Off-diagonals of H_eff in sector J between positions first..last: the tables times c_J(i)."""
    up_re, up_im = up
    down_re, down_im = down
    J = 0.5 * two_J
    n = last - first
    i0 = first - PAD
    coupling = off_re[0, first:last]
    u_re = up_re[i0 : i0 + n]
    for p in range(n):
        M = (i0 + p) - 0.5 * N
        # c_J(i) = <M+1|J_+|M>, zero at the edge of the sector
        coupling[p] = u_re[p] * np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
    if is_real:
        return
    for p in range(n):
        M = (i0 + p) - 0.5 * N
        c = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
        off_im[0, first + p] = up_im[i0 + p] * c
        off_re[1, first + p] = down_re[i0 + p] * c
        off_im[1, first + p] = down_im[i0 + p] * c
        if band == 2:
            cc = c * np.sqrt(max((J - M - 1.0) * (J + M + 2.0), 0.0))
            two_re[first + p] = two[0] * cc
            two_im[first + p] = two[1] * cc


@njit(**OPTIONS)
def apply_real(re, im, off, diagonal, half_rate, shift, half_shift, scale, to_re, to_im):
    """One Taylor term for real tridiagonal H: to = -i scale (H_eff - shift + i half_shift) v. Returns |to|².

    The slices re, im, off carry one cell of padding on the left, re and im one more on the right.
    """
    total = 0.0
    for p in range(to_re.size):
        energy = diagonal[p] - shift
        damping = half_rate[p] - half_shift
        hop_re = off[p] * re[p] + off[p + 1] * re[p + 2]
        hop_im = off[p] * im[p] + off[p + 1] * im[p + 2]
        a = scale * (energy * im[p + 1] - damping * re[p + 1] + hop_im)
        b = -scale * (energy * re[p + 1] + damping * im[p + 1] + hop_re)
        to_re[p] = a
        to_im[p] = b
        total += a * a + b * b
    return total


@njit(**OPTIONS)
def apply_complex(
    re, im, off_re, off_im, two_re, two_im, diagonal, half_rate, shift, half_shift, scale, to_re, to_im
):
    """One Taylor term for any H_eff of bandwidth two; as apply_real with two cells of padding. Returns |to|²."""
    total = 0.0
    for p in range(to_re.size):
        q = p + 2
        energy = diagonal[p] - shift
        damping = half_rate[p] - half_shift
        # from below with the upward elements, from above with the downward ones
        h_re = energy * re[q] + damping * im[q]
        h_im = energy * im[q] - damping * re[q]
        h_re += off_re[0, q - 1] * re[q - 1] - off_im[0, q - 1] * im[q - 1]
        h_im += off_re[0, q - 1] * im[q - 1] + off_im[0, q - 1] * re[q - 1]
        h_re += off_re[1, q] * re[q + 1] - off_im[1, q] * im[q + 1]
        h_im += off_re[1, q] * im[q + 1] + off_im[1, q] * re[q + 1]
        h_re += two_re[q - 2] * re[q - 2] - two_im[q - 2] * im[q - 2]
        h_im += two_re[q - 2] * im[q - 2] + two_im[q - 2] * re[q - 2]
        h_re += two_re[q] * re[q + 2] + two_im[q] * im[q + 2]
        h_im += two_re[q] * im[q + 2] - two_im[q] * re[q + 2]
        to_re[p] = scale * h_im
        to_im[p] = -scale * h_re
        total += (scale * h_im) ** 2 + (scale * h_re) ** 2
    return total


@njit(**OPTIONS)
def inner_product(a_re, a_im, b_re, b_im):
    """<a|b> as real and imaginary part."""
    real = 0.0
    imag = 0.0
    for p in range(a_re.size):
        real += a_re[p] * b_re[p] + a_im[p] * b_im[p]
        imag += a_re[p] * b_im[p] - a_im[p] * b_re[p]
    return real, imag


@njit(**OPTIONS)
def _sum_four(first, rows, t, factor, keep, to):
    """to (+)= factor t^first Σ_{k<4} t^k row_k, row by row; ``keep`` adds to what is there."""
    t1 = factor * t
    t2 = t1 * t
    t3 = t2 * t
    r0, r1, r2, r3 = rows[first], rows[first + 1], rows[first + 2], rows[first + 3]
    for p in range(to.size):
        value = factor * r0[p] + t1 * r1[p] + t2 * r2[p] + t3 * r3[p]
        to[p] = to[p] + value if keep else value


@njit(**OPTIONS)
def sum_series(rows, order, t, to):
    """to = Σ_{k≤order} t^k rows[k]; four orders in each pass over memory."""
    k = 0
    factor = 1.0
    keep = False
    while order - k >= 3:
        _sum_four(k, rows, t, factor, keep, to)
        keep = True
        factor *= t**4
        k += 4
    while k <= order:
        row = rows[k]
        if keep:
            for p in range(to.size):
                to[p] += factor * row[p]
        else:
            for p in range(to.size):
                to[p] = factor * row[p]
        keep = True
        factor *= t
        k += 1


@njit(**OPTIONS)
def norm_squared(re, im):
    """|v|²."""
    total = 0.0
    for p in range(re.size):
        total += re[p] * re[p] + im[p] * im[p]
    return total
