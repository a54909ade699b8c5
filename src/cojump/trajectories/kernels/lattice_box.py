"""Where a state of several blocks lies, and what is measured of it there."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .lattice import MOVED, NO_ROOM, STAYS, copy_into, first_place, next_place, set_strides

CHUNK = 256
"""Amplitudes whose inner products are taken at once."""


@njit(**OPTIONS)
def fit(lattice, source, re, im, box, to_re, to_im, place, marginal, edges, tail, reach):
    """Cut the tails of a state and write it, normalised, into a box that ``reach`` orders of the series do not leave.

    The box stays as it is if it serves and is not much too large. Returns STAYS, MOVED, or NO_ROOM: then nothing is
    written, and ``box`` says how large it would be.

    Parameters
    ----------
    source : Box
        Where the state lies; its sector becomes that of ``box``.
    marginal, edges : (B, n), (B, 2)
        Room to work in.
    tail : float
        Part of the weight that may be cut on each side of an axis.
    reach : int
        Orders of the Taylor series.
    """
    B = box.n.size
    last, inner = B - 1, source.n[B - 1]
    for b in range(B):
        for k in range(source.n[b]):
            marginal[b, k] = 0.0
    first_place(place)
    row, total = 0, 0.0
    while True:
        weight = 0.0
        for q in range(inner):
            w = re[row + q] * re[row + q] + im[row + q] * im[row + q]
            marginal[last, q] += w
            weight += w
        for b in range(last):
            marginal[b, place[b]] += weight
        total += weight
        row += inner
        if not next_place(place, source.n, last):
            break
    stays = True
    for b in range(B):
        lo, hi = 0, source.n[b]
        cut = marginal[b, lo]
        while cut <= tail * total and hi - lo > 1:
            lo += 1
            cut += marginal[b, lo]
        cut = marginal[b, hi - 1]
        while cut <= tail * total and hi - lo > 1:
            hi -= 1
            cut += marginal[b, hi - 1]
        edges[b, 0], edges[b, 1] = source.lo[b] + lo, source.lo[b] + hi
        N, two_J = lattice.sizes[b], source.two_J[b]
        first, stop = (N - two_J) // 2, (N + two_J) // 2 + 1
        far = max(reach * lattice.band[b], 1)  # averages and jumps reach one further than the state
        wanted_lo, wanted_hi = max(edges[b, 0] - far, first), min(edges[b, 1] + far, stop)
        spare = 2 * lattice.band[b]
        if (
            box.lo[b] > wanted_lo
            or box.lo[b] + box.n[b] < wanted_hi
            or box.n[b] > wanted_hi - wanted_lo + 3 * spare + 1
        ):
            stays = False
    if not stays:
        for b in range(B):
            N = lattice.sizes[b]
            first, stop = (N - source.two_J[b]) // 2, (N + source.two_J[b]) // 2 + 1
            far = max((reach + 2) * lattice.band[b], 1)
            lo, hi = max(edges[b, 0] - far, first), min(edges[b, 1] + far, stop)
            box.lo[b], box.n[b] = lo, hi - lo
        set_strides(box)
    copy_into(box.two_J, source.two_J)
    if box.size[0] > to_re.size:
        return NO_ROOM
    # what is kept, and zero elsewhere
    first_place(place)
    row, kept = 0, 0.0
    inner = box.n[last]
    q0, q1 = edges[last, 0] - box.lo[last], edges[last, 1] - box.lo[last]
    while True:
        inside, start = True, box.lo[last] - source.lo[last]
        for b in range(last):
            i = box.lo[b] + place[b]
            if i < edges[b, 0] or i >= edges[b, 1]:
                inside = False
                break
            start += (i - source.lo[b]) * source.stride[b]
        if inside:
            for q in range(inner):
                x = y = 0.0
                if q0 <= q < q1:
                    x, y = re[start + q], im[start + q]
                to_re[row + q] = x
                to_im[row + q] = y
                kept += x * x + y * y
        else:
            for q in range(inner):
                to_re[row + q] = to_im[row + q] = 0.0
        row += inner
        if not next_place(place, box.n, last):
            break
    scale = 1.0 / np.sqrt(kept)
    for p in range(box.size[0]):
        to_re[p] *= scale
        to_im[p] *= scale
    return STAYS if stays else MOVED


@njit(**OPTIONS)
def gram(box, elements, re, im, vectors, norm2, made):
    """Inner products of ψ, n ψ, J_+ ψ, J_- ψ of every block, (1 + 3B, 1 + 3B), of an unnormalised state."""
    B, size = box.n.size, box.size[0]
    for p in range(size):
        vectors[0, p] = complex(re[p], im[p])
    for b in range(B):
        n, inside, c = box.n[b], box.stride[b], elements.c[b]
        for block in range(size // (n * inside)):
            for k in range(n):
                first = (block * n + k) * inside
                i = box.lo[b] + k
                for p in range(first, first + inside):
                    vectors[1 + 3 * b, p] = i * vectors[0, p]
                    vectors[2 + 3 * b, p] = c[k - 1] * vectors[0, p - inside] if k > 0 else 0.0j
                    vectors[3 + 3 * b, p] = c[k] * vectors[0, p + inside] if k < n - 1 else 0.0j
    made[:] = 0.0
    for begin in range(0, size, CHUNK):  # so many that all vectors stay in fast memory
        end = min(begin + CHUNK, size)
        for a in range(1 + 3 * B):
            first = vectors[a, begin:end]
            for b in range(a, 1 + 3 * B):
                second, total = vectors[b, begin:end], 0.0j
                for p in range(second.size):
                    total += np.conj(first[p]) * second[p]
                made[a, b] += total
    for a in range(1 + 3 * B):
        for b in range(a, 1 + 3 * B):
            made[a, b] /= norm2
            made[b, a] = np.conj(made[a, b])
