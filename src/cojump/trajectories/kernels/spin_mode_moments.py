"""What is measured of a block of two levels beside a boson mode, in columns of Fock states."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .vectors import LANES, after, fused, load, rising, spread, total, two_after

ROWS, COLUMNS = 0, 1


@njit(inline="always", **OPTIONS)
def _inner(a, b, c, d):
    """Real and imaginary part of (a - ib)(c + id)."""
    return fused(a, c, b * d), fused(a, d, -(b * c))


@njit(**OPTIONS)
def moments_of_columns(N, two_J, re, im, shape, span, c, roots, b, made):
    """Inner products (6, 6) of ψ, n_up ψ, J_+ψ, J_-ψ, aψ and a†ψ, a = b + a', over |ψ|².

    They are sums over cells of conj ψ(i + s, n + t) ψ(i, n), and commutators.
    """
    zero, half, rows = spread(0.0), spread(0.5), shape[ROWS]
    norm2 = z = zz = quanta = zero
    plus_re = plus_im = z_plus_re = z_plus_im = two_re = two_im = zero
    low_re = low_im = z_low_re = z_low_im = low2_re = low2_im = zero
    raised_re = raised_im = lowered_re = lowered_im = zero
    far = LANES * rows
    for k in range(1, shape[COLUMNS] + 1):
        q, base, here_c = LANES * (k - 1), far * k, load(c, LANES * (k - 1), LANES)
        next_c = load(c, q + LANES, min(LANES, c.size - q - LANES))
        cc, M = here_c * after(here_c, next_c), rising(q - 0.5 * N)
        middle = M + half
        for n in range(span[k, 0], span[k, 1]):
            p = base + LANES * n
            x, y, next_x, next_y = (
                load(re, p, LANES),
                load(im, p, LANES),
                load(re, p + far, LANES),
                load(im, p + far, LANES),
            )
            weight = fused(x, x, y * y)
            by_M = weight * M
            norm2, z, zz = norm2 + weight, z + by_M, fused(by_M, M, zz)
            quanta = fused(spread(1.0 * n), weight, quanta)
            above_x, above_y = after(x, next_x), after(y, next_y)
            f, g = _inner(above_x, above_y, x, y)
            f, g = here_c * f, here_c * g
            plus_re, plus_im = plus_re + f, plus_im + g
            z_plus_re, z_plus_im = fused(f, middle, z_plus_re), fused(g, middle, z_plus_im)
            f, g = _inner(two_after(x, next_x), two_after(y, next_y), x, y)
            two_re, two_im = fused(cc, f, two_re), fused(cc, g, two_im)
            # a'ψ and a'a'ψ
            root, roots_of_two = spread(roots[n + 1]), spread(roots[n + 1] * roots[n + 2])
            more = LANES if n + 1 < rows else 0
            u, v = root * load(re, p + LANES, more), root * load(im, p + LANES, more)
            next_u = root * load(re, p + far + LANES, more)
            next_v = root * load(im, p + far + LANES, more)
            f, g = _inner(x, y, u, v)
            low_re, low_im = low_re + f, low_im + g
            z_low_re, z_low_im = fused(M, f, z_low_re), fused(M, g, z_low_im)
            f, g = _inner(above_x, above_y, u, v)
            raised_re, raised_im = fused(here_c, f, raised_re), fused(here_c, g, raised_im)
            f, g = _inner(x, y, after(u, next_u), after(v, next_v))
            lowered_re, lowered_im = fused(here_c, f, lowered_re), fused(here_c, g, lowered_im)
            more = LANES if n + 2 < rows else 0
            f, g = _inner(x, y, load(re, p + 2 * LANES, more), load(im, p + 2 * LANES, more))
            low2_re, low2_im = fused(roots_of_two, f, low2_re), fused(roots_of_two, g, low2_im)
    scale, J, N_half = 1.0 / total(norm2), 0.5 * two_J, 0.5 * N
    z1, z2, photons = scale * total(z), scale * total(zz), scale * total(quanta)
    plus = complex(scale * total(plus_re), scale * total(plus_im))
    z_plus = complex(scale * total(z_plus_re), scale * total(z_plus_im))
    two = complex(scale * total(two_re), scale * total(two_im))
    low = complex(scale * total(low_re), scale * total(low_im))
    z_low = complex(scale * total(z_low_re), scale * total(z_low_im))
    low2 = complex(scale * total(low2_re), scale * total(low2_im))
    raised = complex(scale * total(raised_re), scale * total(raised_im))
    lowered = complex(scale * total(lowered_re), scale * total(lowered_im))
    planar = J * (J + 1.0) - z2
    made[0, 0], made[0, 1], made[0, 2], made[0, 3] = 1.0, N_half + z1, plus, np.conj(plus)
    made[1, 1] = N_half * (N_half + 2.0 * z1) + z2
    made[1, 2], made[1, 3] = (N_half + 0.5) * plus + z_plus, np.conj(z_plus + (N_half - 0.5) * plus)
    made[2, 2], made[2, 3], made[3, 3] = planar - z1, np.conj(two), planar + z1
    # <x|a|ψ> and <x|a†|ψ> of the first four
    n_low = z_low + N_half * low
    made[0, 4], made[0, 5] = low + b, np.conj(low + b)
    made[1, 4], made[1, 5] = n_low + b * made[0, 1], np.conj(n_low) + np.conj(b) * made[0, 1]
    made[2, 4], made[2, 5] = lowered + b * np.conj(plus), np.conj(raised) + np.conj(b) * np.conj(plus)
    made[3, 4], made[3, 5] = raised + b * plus, np.conj(lowered) + np.conj(b) * plus
    made[4, 4] = photons + 2.0 * (np.conj(b) * low).real + (b * np.conj(b)).real
    made[5, 5] = made[4, 4] + 1.0
    made[4, 5] = np.conj(low2 + 2.0 * b * low + b * b)
    for row in range(6):
        for column in range(row):
            made[row, column] = np.conj(made[column, row])
