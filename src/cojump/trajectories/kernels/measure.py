"""Expectation values of the spin components and of their symmetrised products in one sector."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS, PAD
from .moments import spin_moments
from .propagate import sum_at


@njit(**OPTIONS)
def spin_averages(N, two_J, re, im, lo, hi, mean, second):
    """Pauli averages <m_a> (3,) and <½{m_a, m_b}> (6,: xx xy xz yy yz zz) of an unnormalised state; returns |ψ|²."""
    norm2, z, zz, plus, z_plus, two = spin_moments(N, two_J, re, im, lo, hi)
    averages_of(N, two_J, norm2, z, zz, plus, z_plus, two, mean, second)
    return norm2


@njit(inline="always", **OPTIONS)
def averages_of(N, two_J, norm2, z, zz, plus, z_plus, two, mean, second):
    """The same from |ψ|², <J_z>, <J_z²>, <J_+>, <½{J_z, J_+}> and <J_+²>: J_x² + J_y² = J(J+1) - J_z², m = 2 J/N."""
    J = 0.5 * two_J
    first = 2.0 / (N * norm2)
    mean[0] = first * plus.real
    mean[1] = first * plus.imag
    mean[2] = first * z
    factor = 4.0 / (N * N * norm2)
    planar = J * (J + 1.0) * norm2 - zz
    second[0] = factor * 0.5 * (planar + two.real)
    second[1] = factor * 0.5 * two.imag
    second[2] = factor * z_plus.real
    second[3] = factor * 0.5 * (planar - two.real)
    second[4] = factor * z_plus.imag
    second[5] = factor * zz


@njit(inline="always", **OPTIONS)
def measure_at(N, work, order, two_J, lo, hi, x, done, gathered, amplitudes):
    """Averages of one block at the output time ``done``, x units of time after the start of the step.

    The state then is made in ``new``: that in ``out`` may be about to jump.
    """
    re, im = work.new_re, work.new_im
    sum_at(work.taylor_re, work.taylor_im, re, im, order, lo, hi, x)
    norm2 = spin_averages(N, two_J, re, im, lo, hi, gathered.mean[done], gathered.second[done])
    note(two_J, re, im, lo, hi, norm2, done, gathered, amplitudes)


@njit(inline="always", **OPTIONS)
def note(two_J, re, im, lo, hi, norm2, done, gathered, amplitudes):
    """The sector at an output time, and the state, whose squared norm is given, if it is wanted."""
    gathered.sectors[done] = two_J
    row = gathered.snapshot[done]
    if row >= 0:
        amplitudes.re[row, :] = 0.0
        amplitudes.im[row, :] = 0.0
        for p in range(lo, hi):
            amplitudes.re[row, p - PAD] = re[p] / np.sqrt(norm2)
            amplitudes.im[row, p - PAD] = im[p] / np.sqrt(norm2)
