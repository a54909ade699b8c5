"""Expectation values of the spin components and of their symmetrised products in one sector."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS, PAD
from .propagate import norm_squared
from .waiting_time import sum_at
from .window import clear_beside


@njit(**OPTIONS)
def spin_averages(N, two_J, re, im, lo, hi, norm2, mean, second):
    """Pauli averages <m_a> (3,) and <½{m_a, m_b}> (6,: xx xy xz yy yz zz) of an unnormalised state.

    From <J_z>, <J_z²>, <J_+>, <½{J_z, J_+}> and <J_+²>, with J_x² + J_y² = J(J+1) - J_z² and m = 2 J/N.
    """
    J = 0.5 * two_J
    z = zz = plus_re = plus_im = z_plus_re = z_plus_im = two_re = two_im = 0.0
    c = np.sqrt(max((J - (lo - PAD - 0.5 * N)) * (J + (lo - PAD - 0.5 * N) + 1.0), 0.0))
    for p in range(lo, hi):
        M = (p - PAD) - 0.5 * N
        weight = re[p] * re[p] + im[p] * im[p]
        z += weight * M
        zz += weight * M * M
        # conj(ψ_{i+1}) c(i) ψ_i; the cells beside the window are zero
        up_re = c * (re[p + 1] * re[p] + im[p + 1] * im[p])
        up_im = c * (re[p + 1] * im[p] - im[p + 1] * re[p])
        plus_re += up_re
        plus_im += up_im
        z_plus_re += up_re * (M + 0.5)
        z_plus_im += up_im * (M + 0.5)
        c_next = np.sqrt(max((J - M - 1.0) * (J + M + 2.0), 0.0))
        two_re += c * c_next * (re[p + 2] * re[p] + im[p + 2] * im[p])
        two_im += c * c_next * (re[p + 2] * im[p] - im[p + 2] * re[p])
        c = c_next
    first = 2.0 / (N * norm2)
    mean[0] = first * plus_re
    mean[1] = first * plus_im
    mean[2] = first * z
    factor = 4.0 / (N * N * norm2)
    planar = J * (J + 1.0) * norm2 - zz
    second[0] = factor * 0.5 * (planar + two_re)
    second[1] = factor * 0.5 * two_im
    second[2] = factor * z_plus_re
    second[3] = factor * 0.5 * (planar - two_re)
    second[4] = factor * z_plus_im
    second[5] = factor * zz


@njit(inline="always", **OPTIONS)
def measure_at(N, work, order, two_J, lo, hi, x, done, gathered, amplitudes):
    """Averages of one block at the output time ``done``, x units of time after the start of the step."""
    sum_at(work.taylor_re, work.taylor_im, work.out_re, work.out_im, order, lo, hi, x)
    clear_beside(work.out_re, work.out_im, lo, hi, 2)
    norm2 = norm_squared(work.out_re, work.out_im, lo, hi)
    spin_averages(N, two_J, work.out_re, work.out_im, lo, hi, norm2, gathered.mean[done], gathered.second[done])
    gathered.sectors[done] = two_J
    row = gathered.snapshot[done]
    if row >= 0:
        amplitudes.re[row, :] = 0.0
        amplitudes.im[row, :] = 0.0
        for p in range(lo, hi):
            amplitudes.re[row, p - PAD] = work.out_re[p] / np.sqrt(norm2)
            amplitudes.im[row, p - PAD] = work.out_im[p] / np.sqrt(norm2)
