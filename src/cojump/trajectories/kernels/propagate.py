"""No-jump evolution dψ/dt = -i H_eff ψ: banded elements of a sector, one Taylor term, the series summed."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS, PAD


@njit(**OPTIONS)
def fill_real(N, two_J, first, last, up_re, off):
    """Off-diagonals of a real tridiagonal H_eff in sector J between positions first..last: the table times c_J(i)."""
    J = 0.5 * two_J
    M0 = first - PAD - 0.5 * N
    coupling, table = off[0, first:last], up_re[first - PAD : last - PAD]
    for p in range(coupling.size):
        M = M0 + p
        # c_J(i) = <M+1|J_+|M>, zero at the edge of the sector
        coupling[p] = table[p] * np.sqrt(max((J - M) * (J + M + 1.0), 0.0))


@njit(**OPTIONS)
def fill_complex(N, two_J, first, last, up_re, up_im, down_re, down_im, two, off_re, off_im, two_re, two_im):
    """The same for any H_eff: upwards (row 0), downwards (row 1), and two up."""
    J = 0.5 * two_J
    for p in range(first, last):
        i = p - PAD
        M = i - 0.5 * N
        c = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
        off_re[0, p] = up_re[i] * c
        off_im[0, p] = up_im[i] * c
        off_re[1, p] = down_re[i] * c
        off_im[1, p] = down_im[i] * c
        cc = c * np.sqrt(max((J - M - 1.0) * (J + M + 2.0), 0.0))
        two_re[p] = two[0] * cc
        two_im[p] = two[1] * cc


@njit(inline="always", **OPTIONS)
def _zeros_beside(re, im, lo, hi):
    """Zero the cells on each side of lo..hi that an operator of two bands reads."""
    re[lo - 2] = re[lo - 1] = re[hi] = re[hi + 1] = 0.0
    im[lo - 2] = im[lo - 1] = im[hi] = im[hi + 1] = 0.0


@njit(**OPTIONS)
def apply_real(rows_re, rows_im, order, lo, hi, unit, off, diagonal, half_rate, shift, half_shift):
    """Taylor row order + 1 on lo..hi for real tridiagonal H: -i unit (H_eff - shift + i half_shift) row / (order + 1).

    Returns its squared norm. The cells beside lo..hi are zeroed.
    """
    scale = unit * (1.0 / (order + 1.0))
    re, im = rows_re[order, lo - 1 : hi + 1], rows_im[order, lo - 1 : hi + 1]
    to_re, to_im = rows_re[order + 1, lo:hi], rows_im[order + 1, lo:hi]
    hop = off[0, lo - 1 : hi + 1]
    energies, dampings = diagonal[lo - PAD : hi - PAD], half_rate[lo - PAD : hi - PAD]
    total = 0.0
    for p in range(to_re.size):
        energy = energies[p] - shift
        damping = dampings[p] - half_shift
        hop_re = hop[p] * re[p] + hop[p + 1] * re[p + 2]
        hop_im = hop[p] * im[p] + hop[p + 1] * im[p + 2]
        a = scale * (energy * im[p + 1] - damping * re[p + 1] + hop_im)
        b = -scale * (energy * re[p + 1] + damping * im[p + 1] + hop_re)
        to_re[p] = a
        to_im[p] = b
        total += a * a + b * b
    _zeros_beside(rows_re[order + 1], rows_im[order + 1], lo, hi)
    return total


@njit(**OPTIONS)
def apply_complex(
    rows_re, rows_im, order, lo, hi, unit, off_re, off_im, two_re, two_im, diagonal, half_rate, shift, half_shift
):
    """As apply_real for any H_eff of bandwidth two."""
    scale = unit * (1.0 / (order + 1.0))
    re, im = rows_re[order, lo - 2 : hi + 2], rows_im[order, lo - 2 : hi + 2]
    to_re, to_im = rows_re[order + 1, lo:hi], rows_im[order + 1, lo:hi]
    up_re, up_im = off_re[0, lo - 2 : hi + 2], off_im[0, lo - 2 : hi + 2]
    down_re, down_im = off_re[1, lo - 2 : hi + 2], off_im[1, lo - 2 : hi + 2]
    far_re, far_im = two_re[lo - 2 : hi + 2], two_im[lo - 2 : hi + 2]
    energies, dampings = diagonal[lo - PAD : hi - PAD], half_rate[lo - PAD : hi - PAD]
    total = 0.0
    for p in range(to_re.size):
        energy = energies[p] - shift
        damping = dampings[p] - half_shift
        # from below with the upward elements, from above with the downward ones
        h_re = energy * re[p + 2] + damping * im[p + 2]
        h_im = energy * im[p + 2] - damping * re[p + 2]
        h_re += up_re[p + 1] * re[p + 1] - up_im[p + 1] * im[p + 1]
        h_im += up_re[p + 1] * im[p + 1] + up_im[p + 1] * re[p + 1]
        h_re += down_re[p + 2] * re[p + 3] - down_im[p + 2] * im[p + 3]
        h_im += down_re[p + 2] * im[p + 3] + down_im[p + 2] * re[p + 3]
        h_re += far_re[p] * re[p] - far_im[p] * im[p]
        h_im += far_re[p] * im[p] + far_im[p] * re[p]
        h_re += far_re[p + 2] * re[p + 4] + far_im[p + 2] * im[p + 4]
        h_im += far_re[p + 2] * im[p + 4] - far_im[p + 2] * re[p + 4]
        to_re[p] = scale * h_im
        to_im[p] = -scale * h_re
        total += (scale * h_im) ** 2 + (scale * h_re) ** 2
    _zeros_beside(rows_re[order + 1], rows_im[order + 1], lo, hi)
    return total


@njit(**OPTIONS)
def overlap(rows_re, rows_im, order, lo, hi):
    """<row 0|row order> as real and imaginary part."""
    a_re, a_im = rows_re[0, lo:hi], rows_im[0, lo:hi]
    b_re, b_im = rows_re[order, lo:hi], rows_im[order, lo:hi]
    real = 0.0
    imag = 0.0
    for p in range(a_re.size):
        real += a_re[p] * b_re[p] + a_im[p] * b_im[p]
        imag += a_re[p] * b_im[p] - a_im[p] * b_re[p]
    return real, imag


@njit(**OPTIONS)
def sum_series(rows, order, lo, hi, t, out):
    """Write Σ_{k≤order} t^k rows[k] on lo..hi into out, up to four orders in each pass over memory."""
    to = out[lo:hi]
    k = 0
    factor = 1.0
    while k <= order:
        left = order - k
        f0, f1, f2, f3 = factor, factor * t, factor * t * t, factor * t * t * t
        r0 = rows[k, lo:hi]
        r1 = rows[min(k + 1, order), lo:hi]
        r2 = rows[min(k + 2, order), lo:hi]
        r3 = rows[min(k + 3, order), lo:hi]
        if left < 3:
            f3 = 0.0
        if left < 2:
            f2 = 0.0
        if left < 1:
            f1 = 0.0
        if k == 0:
            for p in range(to.size):
                to[p] = f0 * r0[p] + f1 * r1[p] + f2 * r2[p] + f3 * r3[p]
        else:
            for p in range(to.size):
                to[p] += f0 * r0[p] + f1 * r1[p] + f2 * r2[p] + f3 * r3[p]
        factor *= t * t * t * t
        k += 4


@njit(**OPTIONS)
def norm_squared(re, im, lo, hi):
    """|v|² on lo..hi."""
    a, b = re[lo:hi], im[lo:hi]
    total = 0.0
    for p in range(a.size):
        total += a[p] * a[p] + b[p] * b[p]
    return total
