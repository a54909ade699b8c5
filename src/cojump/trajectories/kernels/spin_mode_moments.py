"""What is measured of blocks of two levels beside boson modes, in columns of Fock states."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .inner_products import PIECE, add_products
from .lattice import DOWN, UP
from .mode_columns import B_IM, B_RE, BLOCKS, COLUMNS, INSIDE, PLANES, ROWS, UP_OF, WIDTH
from .vectors import LANES, after, before, fused, load, load_row, rising, spread, store, total, two_after


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


@njit(**OPTIONS)
def _rows_of_products(work, k):
    """Rows of a column in which operators make something: its own, one beside them, and its neighbours'."""
    span, width, lo, hi = work.span, work.shape[WIDTH], work.shape[ROWS], np.int64(0)
    if span[k, 1] > 0:
        lo, hi = max(span[k, 0] - 1, 0), min(span[k, 1] + 1, lo)
    for beside in (k - 1, k + 1):
        if span[beside, 1] > 0:
            lo, hi = min(lo, span[beside, 0]), max(hi, span[beside, 1])
    for hop in work.hops:
        for beside in (k - hop * width, k + hop * width):
            if span[beside, 1] > 0:
                lo, hi = min(lo, span[beside, 0]), max(hi, span[beside, 1])
    return lo, hi


@njit(**OPTIONS)
def _of_light_along(work, roots, amplitude, k, far, quanta, first, last, x_re, x_im, y_re, y_im):
    """As _of_light, of a mode that has planes, which are ``far`` columns apart."""
    real, imag, g, f = (
        spread(2.0 * amplitude.real),
        spread(2.0 * amplitude.imag),
        spread(roots[quanta]),
        spread(roots[quanta + 1]),
    )
    for n in range(first, last):
        at = LANES * (n - first)
        a, b = _cells(work, k, n)
        low_re, low_im = _cells(work, k - far, n)
        high_re, high_im = _cells(work, k + far, n)
        up_re, up_im, down_re, down_im = g * low_re, g * low_im, f * high_re, f * high_im
        store(x_re, at, LANES, fused(real, a, up_re + down_re))
        store(x_im, at, LANES, fused(real, b, up_im + down_im))
        store(y_re, at, LANES, fused(imag, a, down_im - up_im))
        store(y_im, at, LANES, fused(imag, b, up_re - down_re))


@njit(inline="always", **OPTIONS)
def _meets(rows, first, last):
    """Whether a column has something in these rows."""
    return rows[1] > first and rows[0] < last


@njit(inline="always", **OPTIONS)
def _cells(work, k, n):
    """Eight amplitudes, zero beside the span of their column."""
    p, inside = LANES * (k * work.shape[ROWS] + n), LANES if work.span[k, 0] <= n < work.span[k, 1] else 0
    return load(work.out_re, p, inside), load(work.out_im, p, inside)


@njit(inline="always", **OPTIONS)
def _of_three(diagonal, low, high, low_im, high_im, a, b, x, y, u, v):
    """Diagonal (a + ib) + (low + i low_im)(x + iy) + (high + i high_im)(u + iv)."""
    re = fused(diagonal, a, fused(low, x, fused(high, u, -fused(low_im, y, high_im * v))))
    im = fused(diagonal, b, fused(low, y, fused(high, v, fused(low_im, x, high_im * u))))
    return re, im


@njit(**OPTIONS)
def _of_last(work, c, N, matrix, k, q, first, last, re, im):
    """Write what Σ of a Hermitian matrix over the particles of the last block makes in some rows of a column."""
    up, down, raising = matrix[UP, UP].real, matrix[DOWN, DOWN].real, matrix[UP, DOWN]
    i, here = rising(1.0 * q), load(c, q, LANES)
    diagonal, low = (
        fused(spread(up - down), i, spread(down * N)),
        before(load(c, q - LANES, LANES if q > 0 else 0), here),
    )
    low_re, low_im = spread(raising.real) * low, spread(raising.imag) * low
    high_re, high_im = spread(raising.real) * here, spread(-raising.imag) * here
    for n in range(first, last):
        a, b = _cells(work, k, n)
        x, y = _cells(work, k - 1, n)
        u, v = _cells(work, k + 1, n)
        a_re, a_im = _of_three(
            diagonal, low_re, high_re, low_im, high_im, a, b, before(x, a), before(y, b), after(a, u), after(b, v)
        )
        store(re, LANES * (n - first), LANES, a_re)
        store(im, LANES * (n - first), LANES, a_im)


@njit(**OPTIONS)
def _of_planes(work, c, N, matrix, i, far, k, first, last, re, im):
    """The same of another block, whose planes are ``far`` columns apart."""
    up, down, raising = matrix[UP, UP].real, matrix[DOWN, DOWN].real, matrix[UP, DOWN]
    diagonal, low = spread(up * i + down * (N - i)), c[i - 1] if i > 0 else 0.0
    low_re, low_im = spread(raising.real * low), spread(raising.imag * low)
    high_re, high_im = spread(raising.real * c[i]), spread(-raising.imag * c[i])
    for n in range(first, last):
        a, b = _cells(work, k, n)
        x, y = _cells(work, k - far, n)
        u, v = _cells(work, k + far, n)
        a_re, a_im = _of_three(diagonal, low_re, high_re, low_im, high_im, a, b, x, y, u, v)
        store(re, LANES * (n - first), LANES, a_re)
        store(im, LANES * (n - first), LANES, a_im)


@njit(**OPTIONS)
def _of_light(work, roots, amplitude, k, first, last, x_re, x_im, y_re, y_im):
    """Write (a + a†)ψ and i(a† - a)ψ, a = b + a', in some rows of a column."""
    real, imag = spread(2.0 * amplitude.real), spread(2.0 * amplitude.imag)
    for n in range(first, last):
        at, g, f = LANES * (n - first), spread(roots[n]), spread(roots[n + 1])
        a, b = _cells(work, k, n)
        low_re, low_im = _cells(work, k, max(n - 1, 0))
        high_re, high_im = _cells(work, k, n + 1)
        up_re, up_im = g * low_re, g * low_im
        down_re, down_im = f * high_re, f * high_im
        store(x_re, at, LANES, fused(real, a, up_re + down_re))
        store(x_im, at, LANES, fused(real, b, up_im + down_im))
        store(y_re, at, LANES, fused(imag, a, down_im - up_im))
        store(y_im, at, LANES, fused(imag, b, up_re - down_re))


@njit(**OPTIONS)
def products_of_planes(h_eff, work, room, made):
    """Real parts of the inner products of ψ, what the operators of ``model.seen`` make of it, and (a + a†)ψ and
    i(a† - a)ψ of each mode.

    Over |ψ|²; those of the modes where ``made`` has room for them. A piece of a column after the other, as
    :mod:`.inner_products` does it.
    """
    model, vectors, present, sums = h_eff.model, room.vectors, room.present, room.sums
    span, width, many, last, height = work.span, work.shape[WIDTH], made.shape[0], model.sizes.size - 1, PIECE // LANES
    sums[:] = 0.0
    for p in range(work.shape[PLANES]):
        if work.planes[p, INSIDE] < 1:
            continue
        for k in range(p * width + 1, (p + 1) * width - 1):
            lo, hi = _rows_of_products(work, k)
            for first in range(lo, hi, height):
                end, count, v = min(first + height, hi), 0, 1
                whole, q = LANES * (end - first), LANES * (k - p * width - 1)
                is_here = _meets(span[k], first, end)
                if is_here:
                    for n in range(first, end):
                        a, b = _cells(work, k, n)
                        store(vectors[0], LANES * (n - first), LANES, a)
                        store(vectors[0], whole + LANES * (n - first), LANES, b)
                    present[0] = 0
                    count = 1
                for o in range(model.seen_in.size):
                    block = model.seen_in[o]
                    far = 1 if block == last else work.hops[block] * width
                    if is_here or _meets(span[k - far], first, end) or _meets(span[k + far], first, end):
                        re, im = vectors[v], vectors[v, whole:]
                        if block == last:
                            _of_last(work, h_eff.c[last], model.sizes[last], model.seen[o], k, q, first, end, re, im)
                        else:
                            i = work.planes[p, UP_OF + block]
                            _of_planes(
                                work, h_eff.c[block], model.sizes[block], model.seen[o], i, far, k, first, end, re, im
                            )
                        present[count] = v
                        count += 1
                    v += 1
                for m in range(h_eff.frame.shape[0] if v < many else 0):
                    amplitude = complex(h_eff.frame[m, B_RE], h_eff.frame[m, B_IM])
                    axis, some = work.shape[BLOCKS] + m - 1, _meets(span[k], first - 1, end + 1)
                    if m == 0 and some:
                        _of_light(
                            work, model.roots, amplitude, k, first, end, vectors[v], vectors[v, whole:],
                            vectors[v + 1], vectors[v + 1, whole:],
                        )  # fmt: skip
                    if m > 0:
                        far = work.hops[axis] * width
                        some = is_here or _meets(span[k - far], first, end) or _meets(span[k + far], first, end)
                        if some:
                            _of_light_along(
                                work, model.roots, amplitude, k, far, work.planes[p, UP_OF + axis], first, end,
                                vectors[v], vectors[v, whole:], vectors[v + 1], vectors[v + 1, whole:],
                            )  # fmt: skip
                    if some:
                        present[count], present[count + 1] = v, v + 1
                        count += 2
                    v += 2
                add_products(vectors, present[:count], 2 * whole, many, sums)
    scale = 1.0 / total(load_row(sums, 0, 0, LANES))
    for a in range(many):
        for b in range(a, many):
            made[a, b] = made[b, a] = scale * total(load_row(sums, a * many + b, 0, LANES))
