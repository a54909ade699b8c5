"""Moments of the spin in one sector, which the weights of jumps are made of.

The last bits of these sums depend on where the compiler puts them; spin_averages, whose bits are results, does not.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS, PAD


@njit(**OPTIONS)
def spin_moments(N, two_J, re, im, lo, hi):
    """<1>, <J_z>, <J_z²>, <J_+>, <½{J_z, J_+}> and <J_+²> of an unnormalised state."""
    J = 0.5 * two_J
    norm2 = z = zz = plus_re = plus_im = z_plus_re = z_plus_im = two_re = two_im = 0.0
    v_re, v_im = re[lo : hi + 2], im[lo : hi + 2]  # the cells beside the window are zero
    M0 = lo - PAD - 0.5 * N
    for p in range(v_re.size - 2):
        M = M0 + p
        weight = v_re[p] * v_re[p] + v_im[p] * v_im[p]
        norm2 += weight
        z += weight * M
        zz += weight * M * M
        # conj(ψ_{i+1}) c(i) ψ_i
        c = np.sqrt(max((J - M) * (J + M + 1.0), 0.0))
        up_re = c * (v_re[p + 1] * v_re[p] + v_im[p + 1] * v_im[p])
        up_im = c * (v_re[p + 1] * v_im[p] - v_im[p + 1] * v_re[p])
        plus_re += up_re
        plus_im += up_im
        z_plus_re += up_re * (M + 0.5)
        z_plus_im += up_im * (M + 0.5)
        cc = c * np.sqrt(max((J - M - 1.0) * (J + M + 2.0), 0.0))
        two_re += cc * (v_re[p + 2] * v_re[p] + v_im[p + 2] * v_im[p])
        two_im += cc * (v_re[p + 2] * v_im[p] - v_im[p + 2] * v_re[p])
    return norm2, z, zz, complex(plus_re, plus_im), complex(z_plus_re, z_plus_im), complex(two_re, two_im)
