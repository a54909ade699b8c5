"""No-jump evolution dψ/dt = -i H_eff ψ: banded elements of a sector, one Taylor term, the series summed."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS, PAD
from .nothing import in_turn, is_nothing
from .vectors import (
    LANES,
    after,
    before,
    fused,
    load,
    load_row,
    rising,
    root,
    spread,
    store,
    total,
    two_after,
    two_before,
)


@njit(inline="always", **OPTIONS)
def ladder_elements(J, M):
    """c_J = <M+1|J_+|M> = sqrt((J-M)(J+M+1)) for eight M, zero at the edge of the sector and outside."""
    return root((spread(J) - M) * (spread(J + 1.0) + M))


@njit(**OPTIONS)
def fill_real(N, two_J, first, last, up_re, off):
    """Off-diagonals of a real tridiagonal H_eff in sector J between positions first..last: the table times c_J(i)."""
    M0, coupling = -PAD - 0.5 * N, off[0]
    for p in range(first, last, LANES):
        c = ladder_elements(0.5 * two_J, rising(M0 + p))
        store(coupling, p, last - p, load(up_re, p - PAD, last - p) * c)


@njit(**OPTIONS)
def fill_complex(N, two_J, first, last, up_re, up_im, down_re, down_im, two, off_re, off_im, two_re, two_im):
    """The same for any H_eff: upwards (row 0), downwards (row 1), and two up."""
    M0 = -PAD - 0.5 * N
    for p in range(first, last, LANES):
        n, M = last - p, rising(M0 + p)
        c = ladder_elements(0.5 * two_J, M)
        store(off_re[0], p, n, load(up_re, p - PAD, n) * c)
        store(off_im[0], p, n, load(up_im, p - PAD, n) * c)
        store(off_re[1], p, n, load(down_re, p - PAD, n) * c)
        store(off_im[1], p, n, load(down_im, p - PAD, n) * c)
        if two[0] != 0.0 or two[1] != 0.0:
            cc = c * ladder_elements(0.5 * two_J, M + spread(1.0))
            store(two_re, p, n, cc * spread(two[0]))
            store(two_im, p, n, cc * spread(two[1]))


@njit(**OPTIONS)
def apply_real(rows_re, rows_im, order, lo, hi, unit, off, band, diagonal, half_rate, shift, half_shift):
    """Taylor row order + 1 on lo..hi: -i unit (H_eff - shift + i half_shift) row / (order + 1).

    For off-diagonals that are real, of one band or none. Nothing outside lo..hi is read of the row or written. Returns
    the squared norm of the new one. Without imaginary parts each particle up has a phase -i, and H no diagonal.
    """
    scale, shifts, half_shifts = spread(unit * (1.0 / (order + 1.0))), spread(shift), spread(half_shift)
    re, im, to_re, to_im, hop = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1], off[0]
    one, other = in_turn(re, im)  # what H makes imaginary, and real, of
    square_re = square_im = zero = spread(0.0)
    last_x, last_y = load(one, lo, 0), load(other, lo, 0)
    here_x, here_y = load(one, lo, hi - lo), load(other, lo, hi - lo)
    for p in range(lo, hi, LANES):
        n = hi - p
        next_x, next_y = load(one, p + LANES, n - LANES), load(other, p + LANES, n - LANES)
        here_re, here_im = in_turn(here_x, here_y)
        energy, gain = load(diagonal, p - PAD, n) - shifts, half_shifts - load(half_rate, p - PAD, n)
        # H_eff - shift without the damping, on the real and the imaginary part
        h_re, h_im = energy * here_x, fused(energy, here_im, zero)
        if band > 0:
            below, above = load(hop, p - 1, n), load(hop, p, n)
            if is_nothing(im):
                above = -above
            h_re = fused(above, after(here_x, next_x), fused(below, before(last_x, here_x), h_re))
            h_im = fused(above, after(here_y, next_y), fused(below, before(last_y, here_y), h_im))
        a, b = scale * fused(gain, here_re, h_im), scale * fused(gain, here_im, -h_re)
        store(to_re, p, n, a)
        store(to_im, p, n, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
        last_x, last_y, here_x, here_y = here_x, here_y, next_x, next_y
    return total(square_re + square_im)


@njit(**OPTIONS)
def apply_complex(
    rows_re, rows_im, order, lo, hi, unit, off_re, off_im, two_re, two_im, band, diagonal, half_rate, shift, half_shift
):
    """As apply_real for any H_eff of bandwidth up to two."""
    scale, shifts, half_shifts = spread(unit * (1.0 / (order + 1.0))), spread(shift), spread(half_shift)
    re, im, to_re, to_im = rows_re[order], rows_im[order], rows_re[order + 1], rows_im[order + 1]
    square_re = square_im = last_re = last_im = spread(0.0)
    here_re, here_im = load(re, lo, hi - lo), load(im, lo, hi - lo)
    for p in range(lo, hi, LANES):
        n = hi - p
        next_re, next_im = load(re, p + LANES, n - LANES), load(im, p + LANES, n - LANES)
        energy, gain = load(diagonal, p - PAD, n) - shifts, half_shifts - load(half_rate, p - PAD, n)
        h_re, h_im = fused(energy, here_re, -(gain * here_im)), fused(energy, here_im, gain * here_re)
        # from below with the upward elements, from above with the downward ones
        x, y = before(last_re, here_re), before(last_im, here_im)
        c, d = load_row(off_re, 0, p - 1, n), load_row(off_im, 0, p - 1, n)
        h_re, h_im = fused(c, x, fused(-d, y, h_re)), fused(c, y, fused(d, x, h_im))
        x, y = after(here_re, next_re), after(here_im, next_im)
        c, d = load_row(off_re, 1, p, n), load_row(off_im, 1, p, n)
        h_re, h_im = fused(c, x, fused(-d, y, h_re)), fused(c, y, fused(d, x, h_im))
        if band > 1:
            x, y = two_before(last_re, here_re), two_before(last_im, here_im)
            c, d = load(two_re, p - 2, n), load(two_im, p - 2, n)
            h_re, h_im = fused(c, x, fused(-d, y, h_re)), fused(c, y, fused(d, x, h_im))
            x, y = two_after(here_re, next_re), two_after(here_im, next_im)
            c, d = load(two_re, p, n), -load(two_im, p, n)
            h_re, h_im = fused(c, x, fused(-d, y, h_re)), fused(c, y, fused(d, x, h_im))
        a, b = scale * h_im, -(scale * h_re)
        store(to_re, p, n, a)
        store(to_im, p, n, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
        last_re, last_im, here_re, here_im = here_re, here_im, next_re, next_im
    return total(square_re + square_im)


@njit(**OPTIONS)
def overlap(rows_re, rows_im, order, lo, hi):
    """<row 0|row order> as real and imaginary part."""
    ac = bd = ad = bc = spread(0.0)
    for p in range(lo, hi, LANES):
        n = hi - p
        a, b = load_row(rows_re, 0, p, n), load_row(rows_im, 0, p, n)
        c, d = load_row(rows_re, order, p, n), load_row(rows_im, order, p, n)
        ac, bd, ad, bc = fused(a, c, ac), fused(b, d, bd), fused(a, d, ad), fused(b, c, bc)
    return total(ac + bd), total(ad - bc)


@njit(**OPTIONS)
def sum_at(taylor_re, taylor_im, out_re, out_im, order, lo, hi, x):
    """Write Σ_{k≤order} x^k row k on lo..hi, the state at x units of time after the start, into ``out``; |ψ|²."""
    factor, square_re, square_im = spread(x), spread(0.0), spread(0.0)
    for p in range(lo, hi, LANES):
        n = hi - p
        a, b = load_row(taylor_re, order, p, n), load_row(taylor_im, order, p, n)
        for k in range(order - 1, -1, -1):
            a = fused(a, factor, load_row(taylor_re, k, p, n))
            b = fused(b, factor, load_row(taylor_im, k, p, n))
        store(out_re, p, n, a)
        store(out_im, p, n, b)
        square_re, square_im = fused(a, a, square_re), fused(b, b, square_im)
    return total(square_re + square_im)


@njit(**OPTIONS)
def rows_that_move(norms, order, here, there, least, moves):
    """How many rows a sum at ``here`` is to be given more of so that it is the one at ``there``, and what others add.

    Written to ``moves`` is there^k - here^k. The others add ``least`` to the norm at most.
    """
    before = after = 1.0
    for k in range(1, order + 1):
        before *= here
        after *= there
        moves[k] = after - before
    terms, gone = order, 0.0
    while terms > 0:
        more = gone + abs(moves[terms]) * norms[terms]
        if not more <= least:
            break
        gone = more
        terms -= 1
    return terms, gone


@njit(**OPTIONS)
def norm_squared(re, im, lo, hi):
    """|v|² on lo..hi."""
    a, b = re[lo:hi], im[lo:hi]
    total = 0.0
    for p in range(a.size):
        total += a[p] * a[p] + b[p] * b[p]
    return total
