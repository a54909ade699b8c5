"""A path of Brownian motion that can be asked for its value at any time, in any order.

The time axis is cut into cells of one unit. The increment of a cell, and within it the value at the middle of each of
its halves, quarters and so on given the ends (a Brownian bridge), are normal numbers, each a function of the key of the
trajectory, the cell, the channel and the number of the node alone: a counter-based generator (Philox4x32-10 of Salmon,
Moraes, Dror and Shaw, SC'11) needs no order. So the path does not depend on the steps that go along it.
"""

from __future__ import annotations

from math import cos, floor, log, pi, sqrt

import numpy as np
from numba import njit

from .common import OPTIONS

_LEVELS = 32
"""Halvings of a cell; below, the path is straight."""

_LOW, _WORD = np.uint64(0xFFFFFFFF), np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_FIVE, _SIX, _TWELVE = np.uint64(5), np.uint64(6), np.uint64(12)


@njit(**OPTIONS)
def philox(c0, c1, c2, c3, k0, k1):
    """Four random words of 32 bits, from a counter of four such words and a key of two; all of the type uint64."""
    for _ in range(10):
        first, second = _M0 * c0, _M1 * c2
        c0, c1 = (second >> _WORD) ^ c1 ^ k0, second & _LOW
        c2, c3 = (first >> _WORD) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@njit(**OPTIONS)
def normal_at(k0, k1, cell, channel, node):
    """A normal number of variance 1 (Box and Muller), a function of its arguments; ``node`` is below 2^44."""
    number, place = np.uint64(node), np.uint64(cell)
    high = (number >> _WORD) | (np.uint64(channel) << _TWELVE)
    a, b, c, _ = philox(number & _LOW, high, place & _LOW, place >> _WORD, k0, k1)
    uniform = (float(a >> _FIVE) * 67108864.0 + float(b >> _SIX) + 0.5) / 9007199254740992.0
    return sqrt(-2.0 * log(uniform)) * cos(2.0 * pi * (float(c) / 4294967296.0))


@njit(**OPTIONS)
def brownian_within(k0, k1, cell, channel, x):
    """W at x in [0, 1] of a cell, from its beginning, in units of the cell: the variance of its increment is 1."""
    if x <= 0.0:
        return 0.0
    low, high = 0.0, normal_at(k0, k1, cell, channel, 0)
    if x >= 1.0:
        return high
    left, width, node = 0.0, 1.0, 1
    for _ in range(_LEVELS):
        half = 0.5 * width
        middle = 0.5 * (low + high) + 0.5 * sqrt(width) * normal_at(k0, k1, cell, channel, node)
        if x == left + half:
            return middle
        if x < left + half:
            high, node = middle, 2 * node
        else:
            left, low, node = left + half, middle, 2 * node + 1
        width = half
    return low + (high - low) * (x - left) / width


@njit(**OPTIONS)
def brownian_increment(k0, k1, unit, channel, start, end):
    """W(end) - W(start) of a path in cells of ``unit``, a power of two; both times lie in one cell or at its ends."""
    cell = floor(start / unit)
    x, y = start / unit - cell, end / unit - cell
    number = int(cell)
    return sqrt(unit) * (brownian_within(k0, k1, number, channel, y) - brownian_within(k0, k1, number, channel, x))
