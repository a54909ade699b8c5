"""Complex numbers, vectors and matrices as a run file writes them."""

from __future__ import annotations

import cmath
import math
from typing import Any

from ...errors import ArgumentError
from .tables import number, show


def vector(name: str, value: object) -> tuple[complex, ...]:
    """Check a list of numbers."""
    if not isinstance(value, list) or not value:
        raise ArgumentError(name, "be a list of numbers", f"it is {show(value)}")
    return tuple(complex_number(f"{name}[{i}]", item) for i, item in enumerate(value))


def matrix(name: str, value: object) -> tuple[tuple[complex, ...], ...]:
    """Check a list of rows, as many as each has numbers."""
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        raise ArgumentError(name, "be a list of rows, each a list of numbers", f"it is {show(value)}")
    for i, row in enumerate(value):
        if len(row) != len(value):
            rule = f"be a square matrix, {len(value)} rows of {len(value)} numbers"
            raise ArgumentError(name, rule, f"row {i} has {len(row)}")
    return tuple(vector(f"{name}[{i}]", row) for i, row in enumerate(value))


NEAR = 1e-4
"""A ket of a run file whose norm is that close to 1 has rounded digits and is normalised."""


def unit(ket: Any) -> Any:
    """The same ket with norm 1 where its norm is close to that; any other one as it is."""
    norm = _norm(ket)
    return tuple(x / norm for x in ket) if 0 < abs(norm - 1) <= NEAR else ket


def rounded(name: str, ket: Any) -> str:
    """That a ket is normalised whose norm is another one by more than rounding; nothing if it is not."""
    norm = _norm(ket)
    return f"`{name}` is normalised: its norm is {norm:.8g}" if 1e-9 < abs(norm - 1) <= NEAR else ""


def _norm(ket: Any) -> float:
    return math.hypot(*(part for x in ket for part in (x.real, x.imag)))


def complex_number(name: str, value: object) -> complex:
    """Read a number, or a string such as "0.8j" or "0.3+0.4j"."""
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int | float):
            rule = 'be a number or a string such as "0.3+0.4j"'
            raise ArgumentError(name, rule, f"it is {show(value)}")
        return complex(number(name, value))
    try:
        result = complex(value.replace(" ", ""))
    except ValueError:
        rule = 'be a number or a string such as "0.3+0.4j"'
        raise ArgumentError(name, rule, f"it is {show(value)}") from None
    if not cmath.isfinite(result):
        raise ArgumentError(name, "be a finite number", f"it is {show(value)}")
    return result
