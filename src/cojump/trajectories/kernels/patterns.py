"""Gelfand-Tsetlin patterns: all ways to add one particle to those of μ, the elements of C_λ^μ (see basis.Patterns)."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS


@njit(inline="always", **OPTIONS)
def shifted(rows, n, k, q):
    """l_{k,n} of a pattern, up to a constant."""
    return rows[n * (n - 1) // 2 + k, q] - k


@njit(**OPTIONS)
def _gaps(rows, n, i, q):
    """|Π_{k≠i} (l_{k,n} - l_{i,n})|."""
    product, own = 1.0, shifted(rows, n, i, q)
    for k in range(n):
        if k != i:
            product *= shifted(rows, n, k, q) - own
    return abs(product)


@njit(**OPTIONS)
def ends(rows, n, i, q):
    """The factor of the last row of a path."""
    product, own = 1.0, shifted(rows, n, i, q)
    for k in range(n - 1):
        product *= shifted(rows, n - 1, k, q) - own - 1.0
    return np.sqrt(abs(product) / _gaps(rows, n, i, q))


@njit(**OPTIONS)
def goes_on(rows, n, i, j, q):
    """The factor of a row of a path that goes on to entry j of the row below."""
    product, own, below = 1.0 / _gaps(rows, n, i, q), shifted(rows, n, i, q), shifted(rows, n - 1, j, q)
    for k in range(n - 1):
        if k != j:
            l = shifted(rows, n - 1, k, q)
            product *= (l - own - 1.0) / (l - below - 1.0)
    for k in range(n):
        if k != i:
            product *= shifted(rows, n, k, q) - below
    return np.sqrt(abs(product)) if i <= j else -np.sqrt(abs(product))


@njit(**OPTIONS)
def _found(keys, order, key):
    """Place of a key."""
    low, high = 0, keys.size - 1
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if order.size == 0 else order[low]


@njit(**OPTIONS)
def additions(
    rows, levels, row, weights, keys, known, order, bits, starts, column, values, entry, following, amplitude
):
    """All elements of C_λ^μ, pattern of μ by pattern: p 2^bits + a for the pattern p of λ, the particle in level a.

    Parameters
    ----------
    rows : (d (d + 1)/2, P) int
        Entries of the patterns of μ, the row of one entry first.
    levels, row : int
        d, and the row of the diagram that has one box more in λ.
    weights : (d (d + 1)/2,) int
        What a box more in an entry adds to a key.
    keys : (P,) int
        Of the patterns of μ, as those of λ are counted.
    known, order : (P',) int
        Keys of λ, increasing, and their places; no ``order`` where they are in it.
    bits : int
    starts : (P + 1,) int
        Where the elements of each pattern begin; written where ``column`` is empty, which only counts them.
    column, values : (elements,)
    entry, following : (d + 2,) int
    amplitude : (d + 2,)
        Room to work in.
    """
    count_only, at = column.size == 0, 0
    for q in range(rows.shape[1]):
        starts[q] = at
        key, n = keys[q], levels
        entry[n], following[n], amplitude[n] = row, -1, 1.0
        while n <= levels:
            i = entry[n]
            own = rows[n * (n - 1) // 2 + i, q]
            below = (n - 1) * (n - 2) // 2
            # the entry to the upper right must not become smaller than this one, unless it grows as well
            held = i == 0 or rows[below + i - 1, q] > own
            if following[n] < 0:
                following[n] = 0
                if held:
                    if not count_only:
                        column[at] = (_found(known, order, key) << bits) | (n - 1)
                        values[at] = amplitude[n] * ends(rows, n, i, q)
                    at += 1
            j, above = following[n], n * (n - 1) // 2
            while j < n - 1:
                room = j == i or rows[below + j, q] < rows[above + j, q]
                if room and (held or j == i - 1):
                    break
                j += 1
            if j < n - 1:
                following[n] = j + 1
                entry[n - 1], following[n - 1] = j, -1
                amplitude[n - 1] = 0.0 if count_only else amplitude[n] * goes_on(rows, n, i, j, q)
                key += weights[below + j]
                n -= 1
            else:
                if n < levels:
                    key -= weights[above + i]
                n += 1
    starts[rows.shape[1]] = at
