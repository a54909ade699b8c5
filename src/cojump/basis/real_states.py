"""States of two levels that are real where each particle up has a phase -i.

A drive along x and jumps that lead up or down make a real state of a real one there: a spin that a drive turns in the
plane of y and z stays in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..tools.types import Array, Complex

_REAL = 1e-13
"""Norm of the imaginary part of a state that is rounding."""

_TURNS = np.array([1, 1j, -1, -1j])


def turns(first: Sequence[int], n: Sequence[int]) -> Complex:
    """i^(Σ_b i_b) on a window of ``n`` numbers of particles up from ``first`` on, axis by axis, as one array."""
    ups = np.zeros(1, dtype=np.int64)
    for i, count in zip(first, n, strict=True):
        ups = np.add.outer(ups, i + np.arange(count)).ravel()
    return _TURNS[ups % 4]


def turned_real(ket: Complex, first: Sequence[int], n: Sequence[int]) -> tuple[Array, float]:
    """φ of a state (-i)^(Σ_b i_b) φ without its global phase, and the norm of what is imaginary of it."""
    found = np.ravel(ket) * turns(first, n)
    largest = found[np.argmax(np.abs(found))]
    if largest != 0:
        found *= np.conj(largest) / np.abs(largest)
    return found.real.copy(), float(np.linalg.norm(found.imag))


def is_real(ket: Complex, first: Sequence[int], n: Sequence[int]) -> bool:
    """Whether a state is (-i)^(Σ_b i_b) times a real one, but for rounding and a global phase."""
    return turned_real(ket, first, n)[1] <= _REAL
