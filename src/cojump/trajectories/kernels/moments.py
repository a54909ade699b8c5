"""Moments of the spin in one sector, which averages and the weights of jumps are made of."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS, PAD
from .nothing import is_nothing
from .propagate import ladder_elements
from .vectors import LANES, after, fused, load, rising, spread, total, two_after


@njit(**OPTIONS)
def spin_moments(N, two_J, re, im, lo, hi):
    """<1>, <J_z>, <J_z²>, <J_+>, <½{J_z, J_+}> and <J_+²> of an unnormalised state on lo..hi.

    Of one without imaginary parts each particle up has a phase -i.
    """
    J, half = 0.5 * two_J, spread(0.5)
    norm2 = z = zz = plus_re = plus_im = z_plus_re = z_plus_im = two_re = two_im = spread(0.0)
    here_re, here_im = load(re, lo, hi - lo), load(im, lo, hi - lo)
    M = rising(lo - PAD - 0.5 * N)
    c = ladder_elements(J, M)
    for p in range(lo, hi, LANES):
        n = hi - p - LANES
        next_re, next_im = load(re, p + LANES, n), load(im, p + LANES, n)
        next_M = M + spread(LANES)
        next_c = ladder_elements(J, next_M)
        weight = fused(here_re, here_re, here_im * here_im)
        by_M = weight * M
        norm2, z, zz = norm2 + weight, z + by_M, fused(by_M, M, zz)
        # conj(ψ_{i+1}) c(i) ψ_i
        x, y = after(here_re, next_re), after(here_im, next_im)
        up_re, up_im = c * fused(x, here_re, y * here_im), c * fused(x, here_im, -(y * here_re))
        plus_re, plus_im = plus_re + up_re, plus_im + up_im
        middle = M + half
        z_plus_re, z_plus_im = fused(up_re, middle, z_plus_re), fused(up_im, middle, z_plus_im)
        x, y = two_after(here_re, next_re), two_after(here_im, next_im)
        cc = c * after(c, next_c)
        two_re = fused(cc, fused(x, here_re, y * here_im), two_re)
        two_im = fused(cc, fused(x, here_im, -(y * here_re)), two_im)
        here_re, here_im, M, c = next_re, next_im, next_M, next_c
    plus = complex(total(plus_re), total(plus_im))
    z_plus = complex(total(z_plus_re), total(z_plus_im))
    two = complex(total(two_re), total(two_im))
    if is_nothing(im):
        plus, z_plus, two = complex(0.0, plus.real), complex(0.0, z_plus.real), complex(-two.real, 0.0)
    return total(norm2), total(z), total(zz), plus, z_plus, two
