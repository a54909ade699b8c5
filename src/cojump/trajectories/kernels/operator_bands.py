"""Operators of one sector, applied to real and imaginary parts of a state: by diagonals, or by compressed rows.

Sectors of two levels, Fock states and products of them are grids: a hop goes equally far from every state, so that an
operator is a few diagonals (``offsets``; element p of diagonal d, at d · stride + p, leads from p + offsets[d] to p).
Other sectors have compressed rows (``pointers``, ``columns``), and no offsets.

A state has ``margin`` cells before its first one and behind its last, which are zero, as all that is outside of its
span lo..hi. Spans are whole vectors.
"""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .vectors import LANES, fused, load, spread, store, total


@njit(**OPTIONS)
def apply(offsets, pointers, columns, stride, margin, re, im, state_re, state_im, lo, hi, made_re, made_im):
    """Apply an operator: the cells lo..hi of A ψ."""
    if offsets.size > 0:
        for p in range(lo, hi, LANES):
            x, y = spread(0.0), spread(0.0)
            for d in range(offsets.size):
                at, source = d * stride + p, margin + p + offsets[d]
                a, b = load(re, at, LANES), load(im, at, LANES)
                v, w = load(state_re, source, LANES), load(state_im, source, LANES)
                x, y = fused(a, v, fused(-b, w, x)), fused(a, w, fused(b, v, y))
            store(made_re, margin + p, LANES, x)
            store(made_im, margin + p, LANES, y)
        return
    for row in range(pointers.size - 1):
        real = imag = 0.0
        for entry in range(pointers[row], pointers[row + 1]):
            a, b, v, w = re[entry], im[entry], state_re[margin + columns[entry]], state_im[margin + columns[entry]]
            real += a * v - b * w
            imag += a * w + b * v
        made_re[margin + row], made_im[margin + row] = real, imag


@njit(**OPTIONS)
def expectation(offsets, pointers, columns, stride, margin, re, im, present, state_re, state_im, lo, hi):
    """<ψ|A|ψ> of an operator of which only the diagonals that are ``present`` are not zero."""
    if offsets.size > 0:
        real, imag = spread(0.0), spread(0.0)
        for p in range(lo, hi, LANES):
            x, y = spread(0.0), spread(0.0)
            for d in range(offsets.size):
                if not present[d]:
                    continue
                at, source = d * stride + p, margin + p + offsets[d]
                a, b = load(re, at, LANES), load(im, at, LANES)
                v, w = load(state_re, source, LANES), load(state_im, source, LANES)
                x, y = fused(a, v, fused(-b, w, x)), fused(a, w, fused(b, v, y))
            v, w = load(state_re, margin + p, LANES), load(state_im, margin + p, LANES)
            real, imag = fused(v, x, fused(w, y, real)), fused(v, y, fused(-w, x, imag))
        return complex(total(real), total(imag))
    whole = 0.0 + 0.0j
    for row in range(pointers.size - 1):
        made = 0.0 + 0.0j
        for entry in range(pointers[row], pointers[row + 1]):
            place = margin + columns[entry]
            made += complex(re[entry], im[entry]) * complex(state_re[place], state_im[place])
        whole += complex(state_re[margin + row], -state_im[margin + row]) * made
    return whole


@njit(**OPTIONS)
def add_to(made_re, made_im, offsets, stride, re, im, present, z, lo, hi, anew):
    """Add z times an operator to another one, in rows lo..hi of diagonals; or write it there ``anew``.

    An operator in compressed rows is one diagonal as long as its elements.
    """
    real, imag = spread(z.real), spread(z.imag)
    for d in range(max(offsets.size, 1)):
        if not anew and not present[d]:
            continue
        for p in range(d * stride + lo, d * stride + hi, LANES):
            a, b = load(re, p, LANES), load(im, p, LANES)
            x, y = fused(real, a, -(imag * b)), fused(real, b, imag * a)
            if not anew:
                x, y = x + load(made_re, p, LANES), y + load(made_im, p, LANES)
            store(made_re, p, LANES, x)
            store(made_im, p, LANES, y)


@njit(**OPTIONS)
def quiet_ends(re, im, margin, lo, hi, most):
    """The span without vectors that weigh no more than ``most`` together at an end of it; zeros are written there."""
    zero = spread(0.0)
    for end in range(2):
        left = most
        while hi - lo > LANES:
            p = margin + (lo if end == 0 else hi - LANES)
            a, b = load(re, p, LANES), load(im, p, LANES)
            left -= total(fused(a, a, b * b))
            if not left >= 0.0:
                break
            store(re, p, LANES, zero)
            store(im, p, LANES, zero)
            if end == 0:
                lo += LANES
            else:
                hi -= LANES
    return lo, hi


@njit(**OPTIONS)
def copied(source_re, source_im, margin, lo, hi, made_re, made_im, old_lo, old_hi):
    """Copy a state over another one of the span old_lo..old_hi."""
    zero = spread(0.0)
    for p in range(margin + old_lo, margin + old_hi, LANES):
        store(made_re, p, LANES, zero)
        store(made_im, p, LANES, zero)
    for p in range(margin + lo, margin + hi, LANES):
        store(made_re, p, LANES, load(source_re, p, LANES))
        store(made_im, p, LANES, load(source_im, p, LANES))


@njit(**OPTIONS)
def inner_product(left_re, left_im, right_re, right_im, margin, lo, hi):
    """<left|right>."""
    real, imag = spread(0.0), spread(0.0)
    for p in range(margin + lo, margin + hi, LANES):
        a, b = load(left_re, p, LANES), load(left_im, p, LANES)
        x, y = load(right_re, p, LANES), load(right_im, p, LANES)
        real, imag = fused(a, x, fused(b, y, real)), fused(a, y, fused(-b, x, imag))
    return complex(total(real), total(imag))


@njit(**OPTIONS)
def square_distance(left_re, left_im, right_re, right_im, margin, lo, hi, phase):
    """|left - phase · right|²."""
    square, c, s = spread(0.0), spread(phase.real), spread(phase.imag)
    for p in range(margin + lo, margin + hi, LANES):
        x, y = load(right_re, p, LANES), load(right_im, p, LANES)
        real = load(left_re, p, LANES) - fused(c, x, -(s * y))
        imag = load(left_im, p, LANES) - fused(c, y, s * x)
        square = fused(real, real, fused(imag, imag, square))
    return total(square)


@njit(**OPTIONS)
def scaled(re, im, margin, lo, hi, factor):
    """Multiply a state by a number."""
    f = spread(factor)
    for p in range(margin + lo, margin + hi, LANES):
        store(re, p, LANES, f * load(re, p, LANES))
        store(im, p, LANES, f * load(im, p, LANES))
