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

_TURNS = np.tile([1, 1j, -1, -1j], 64)


def _along(first: int, n: int) -> Complex:
    """i^k for n numbers k from ``first`` on."""
    first %= 4
    turned = _TURNS if first + n <= len(_TURNS) else np.tile(_TURNS[:4], n // 4 + 2)
    return turned[first : first + n]


def turns(first: Sequence[int], n: Sequence[int]) -> Complex:
    """i^(Σ_b i_b) on a window of ``n`` numbers of particles up from ``first`` on, axis by axis, as one array."""
    made = _along(int(first[0]), int(n[0]))
    for b in range(1, len(n)):
        made = np.multiply.outer(made, _along(int(first[b]), int(n[b]))).ravel()
    return made


def turned(ket: Complex, first: Sequence[int], n: Sequence[int]) -> Complex:
    """φ of a state (-i)^(Σ_b i_b) φ without its global phase: real where the state is, up to rounding."""
    found = np.ravel(ket) * turns(first, n)
    largest = complex(found[np.abs(found).argmax()])
    if largest != 0:
        found *= largest.conjugate() / abs(largest)
    return found


def turned_real(ket: Complex, first: Sequence[int], n: Sequence[int]) -> tuple[Array, float]:
    """The real part of :func:`turned`, and the norm of what is imaginary of it."""
    found = turned(ket, first, n)
    return found.real.copy(), float(np.linalg.norm(found.imag))


def is_real(ket: Complex, first: Sequence[int], n: Sequence[int]) -> bool:
    """Whether a state is (-i)^(Σ_b i_b) times a real one, but for rounding and a global phase."""
    return turned_real(ket, first, n)[1] <= _REAL
