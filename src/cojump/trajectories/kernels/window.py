"""The window of amplitudes: normalise and cut the tails."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .vectors import LANES, load, spread, store

SHARE = 0.25
"""Part of the tolerance given to the tails on each side of a window; half of it is the Taylor series'."""


@njit(**OPTIONS)
def trim(re, im, lo, hi, weight):
    """Narrow lo..hi while the weight cut off on each side stays within ``weight``; returns the new window."""
    cut = re[lo] ** 2 + im[lo] ** 2
    while cut <= weight and hi - lo > 1:
        lo += 1
        cut += re[lo] ** 2 + im[lo] ** 2
    cut = re[hi - 1] ** 2 + im[hi - 1] ** 2
    while cut <= weight and hi - lo > 1:
        hi -= 1
        cut += re[hi - 1] ** 2 + im[hi - 1] ** 2
    return lo, hi


@njit(**OPTIONS)
def write_scaled(from_re, from_im, lo, hi, factor, to_re, to_im):
    """Write factor · from within the window."""
    for p in range(lo, hi, LANES):
        store(to_re, p, hi - p, spread(factor) * load(from_re, p, hi - p))
        store(to_im, p, hi - p, spread(factor) * load(from_im, p, hi - p))


@njit(**OPTIONS)
def clear_beside(re, im, lo, hi, cells):
    """Zero ``cells`` cells on each side of lo..hi, as far as there are any."""
    zero, first, last = spread(0.0), max(lo - cells, 0), min(hi + cells, re.size)
    for p in range(first, lo, LANES):
        store(re, p, lo - p, zero)
        store(im, p, lo - p, zero)
    for p in range(hi, last, LANES):
        store(re, p, last - p, zero)
        store(im, p, last - p, zero)


@njit(**OPTIONS)
def weights_of_rows(ket, rows, places):
    """|ψ|² of each row of a flat state, and of each place of its last axis, into the given arrays."""
    places[:] = 0.0
    for r in range(rows.size):
        total_of_row, at = 0.0, r * places.size
        for q in range(places.size):
            weight = ket[at + q].real ** 2 + ket[at + q].imag ** 2
            total_of_row += weight
            places[q] += weight
        rows[r] = total_of_row


@njit(**OPTIONS)
def blank_rows(rows_re, rows_im, first_row, last_row, lo, hi, wide_lo, wide_hi):
    """Zero rows on the cells of a wide window that are not in lo..hi."""
    zero = spread(0.0)
    for k in range(first_row, last_row + 1):
        re, im = rows_re[k], rows_im[k]
        for p in range(wide_lo, lo, LANES):
            store(re, p, lo - p, zero)
            store(im, p, lo - p, zero)
        for p in range(hi, wide_hi, LANES):
            store(re, p, wide_hi - p, zero)
            store(im, p, wide_hi - p, zero)


@njit(**OPTIONS)
def ends_within(weights, tail):
    """First and past-last place of what is left when up to ``tail`` is cut off at each end; all of it if nothing is."""
    first, last, cut = 0, weights.size, 0.0
    while first < weights.size and cut + weights[first] <= tail:
        cut += weights[first]
        first += 1
    cut = 0.0
    while last > 0 and cut + weights[last - 1] <= tail:
        last -= 1
        cut += weights[last]
    if first < last:
        return first, last
    return 0, weights.size
