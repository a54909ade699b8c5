"""Windows along every axis of a tensor product: what of a state is kept, and moved from one window to another."""

from __future__ import annotations

from math import prod

import numpy as np

from ..basis.sectors import Labels
from ..tools.types import Array
from .kernels.common import MAX_ORDER
from .kernels.window import ends_within, weights_of_rows
from .product_moves import Ket
from .product_sectors import Box, ProductBasis, ProductSector
from .work_space import check_growth

SMALL = 2000
"""Sectors with fewer amplitudes are taken whole."""

_SNAP = 16
"""Windows begin and end at multiples of this, so that the same ones come back."""


def support(weights: Array, tail: float) -> tuple[int, int]:
    """First and past-last place of what is left when up to ``tail`` is cut off at each end."""
    first, last = ends_within(weights, tail)
    return int(first), int(last)


def moved(state: Ket, box: Box, target: Box) -> Ket:
    """A flat state from one window to another: zero where it was not, cut where the new one ends."""
    if box == target:
        return state
    made = np.zeros([hi - lo for lo, hi in target], dtype=complex)
    common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, target, strict=True)]
    inside = tuple(slice(lo - t[0], hi - t[0]) for (lo, hi), t in zip(common, target, strict=True))
    source = tuple(slice(lo - s[0], hi - s[0]) for (lo, hi), s in zip(common, box, strict=True))
    made[inside] = state.reshape([hi - lo for lo, hi in box])[source]
    return made.ravel()


class Windows:
    """Windows of the states of a basis.

    Parameters
    ----------
    basis : ProductBasis
    tolerance : float
        Half of it is the Taylor series', the rest is shared by the ends of all axes.
    """

    def __init__(self, basis: ProductBasis, tolerance: float) -> None:
        self.basis = basis
        axes = len(basis.blocks) + len(basis.modes)
        self.tail = (0.5 * tolerance) ** 2 / (4 * axes)
        # products of two operators on one axis move a state by two, L†L of a collective jump is one
        two = bool(basis.inside) or any(matrices is not None for matrices in basis.collective)
        self._reach = [MAX_ORDER * (2 if two else 1)] * len(basis.blocks) + [MAX_ORDER] * len(basis.modes)

    @staticmethod
    def _weights(state: Ket, dims: list[int]) -> list[Array]:
        """|ψ|² along every axis."""
        rows, last = np.empty(prod(dims[:-1])), np.empty(dims[-1])
        weights_of_rows(state, rows, last)
        if len(dims) < 3:
            return [rows, last][-len(dims) :]
        axes = range(len(dims) - 1)
        return [rows.reshape(dims[:-1]).sum(axis=tuple(a for a in axes if a != b)) for b in axes] + [last]

    def fit(self, labels: Labels, box: Box, state: Ket) -> tuple[ProductSector, Ket]:
        """Put a state given on ``box`` into a window that its support cannot leave within one step.

        A step widens the support by at most MAX_ORDER times the bandwidth along each axis; what is cut off weighs
        no more than the tolerance allows (the same share as for one block).

        Raises
        ------
        MemoryError
            If such a window is larger than memory.
        """
        whole = self.basis.whole(labels)
        target = whole
        if prod(end for _, end in whole) > SMALL and not all(self.basis.whole_axes):
            weights = self._weights(state, [hi - lo for lo, hi in box])
            tail, wanted = self.tail * float(weights[-1].sum()), []
            for b, (lo, _) in enumerate(box):
                first, last = support(weights[b], tail)
                low, high = lo + first - self._reach[b], lo + last + self._reach[b]
                low, high = low // _SNAP * _SNAP, -(-high // _SNAP) * _SNAP
                wanted.append(whole[b] if self.basis.whole_axes[b] else (max(low, 0), min(high, whole[b][1])))
            target = tuple(wanted)
            dims = [hi - lo for lo, hi in target]
            check_growth(prod(dims), " × ".join(f"{n:,}" for n in dims))
        return self.basis.sector(labels, target), moved(state, box, target)
