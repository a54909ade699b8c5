"""Expectation values of products of several averages in the pure state of a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product
from math import prod

import numpy as np

from ..model.collective_average import CollectiveAverage
from .collective_action import acted
from .state_factor import Factor


def symmetrised_product(factors: Sequence[Factor], averages: Sequence[CollectiveAverage]) -> complex:
    """The mean of <A B C ..> over all orders of the factors; one that occurs twice is one and the same object."""
    distinct = list(dict.fromkeys(averages))
    keys = tuple(distinct.index(a) for a in averages)
    parts = [_Part(factor, distinct) for factor in factors]
    orders = set(permutations(keys))
    return sum(_ordered(parts, order) for order in orders) / len(orders)


def _ordered(parts: Sequence[_Part], order: tuple[int, ...]) -> complex:
    """Each average is a sum over the parts, whose states are a product."""
    total = 0j
    for places in product(range(len(parts)), repeat=len(order)):
        own = [tuple(k for k, p in zip(order, places, strict=True) if p == n) for n in range(len(parts))]
        total += prod(part.expectation(keys) for part, keys in zip(parts, own, strict=True))
    return total


class _Part:
    """Products in one part of the state; vectors that several of them need are made once."""

    def __init__(self, factor: Factor, averages: Sequence[CollectiveAverage]) -> None:
        normalised = factor.amplitudes / np.linalg.norm(factor.amplitudes)
        self._averages = averages
        self._vectors: dict[tuple[int, ...], tuple[Factor, float]] = {(): (replace(factor, amplitudes=normalised), 1.0)}
        self._expectations: dict[tuple[int, ...], complex] = {(): 1.0 + 0j}

    def expectation(self, keys: tuple[int, ...]) -> complex:
        """<A B ..> of the averages with these numbers, in this order."""
        if keys not in self._expectations:
            factor, norm = self._vector(keys)
            start = self._vectors[()][0]
            windows = (*factor.window, *factor.quanta), (*start.window, *start.quanta)
            inside = tuple(slice(s[0] - t[0], s[1] - t[0]) for t, s in zip(*windows, strict=True))
            self._expectations[keys] = norm * complex(np.vdot(start.amplitudes, factor.amplitudes[inside]))
        return self._expectations[keys]

    def _vector(self, keys: tuple[int, ...]) -> tuple[Factor, float]:
        """What they make of the state, normalised, and its norm."""
        if keys not in self._vectors:
            factor, norm = self._vector(keys[1:])
            if norm > 0:
                wider, made = acted(factor, self._averages[keys[0]])
                size = float(np.linalg.norm(made))
                factor = replace(wider, amplitudes=made / size if size > 0 else made)
                norm *= size
            self._vectors[keys] = factor, norm
        return self._vectors[keys]
