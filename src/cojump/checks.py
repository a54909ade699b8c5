"""Checks of single values, for the public border only; each raises the one form of error."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ArgumentError


def _bounds(kind: str, least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"{kind} within {least:g} and {most:g}"
    if least is not None:
        return f"{kind} of at least {least:g}"
    return kind if most is None else f"{kind} of at most {most:g}"


def _outside(value: Any, least: float | None, most: float | None) -> bool:
    return (least is not None and value < least) or (most is not None and value > most)


def shown(value: Any) -> str:
    """``value`` as an error message quotes it: its repr where that is one short line, else its type."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"of type {type(value).__name__}"


def integer(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Return ``value`` as an int within the bounds; a bool or a float is none. Raises ArgumentError."""
    wrong = isinstance(value, bool | np.bool_) or not isinstance(value, Integral)
    if wrong or _outside(value, least, most):
        raise ArgumentError(name, f"be {_bounds('an integer', least, most)}", f"it is {value!r}")
    return int(value)


def number(name: str, value: Any, least: float | None = None, most: float | None = None) -> float:
    """Return ``value`` as a finite float within the bounds; a bool or a string is none. Raises ArgumentError."""
    wrong = isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not isfinite(value)
    if wrong or _outside(value, least, most):
        raise ArgumentError(name, f"be {_bounds('a finite number', least, most)}", f"it is {value!r}")
    return float(value)


def place(label: Any, labels: Sequence[str]) -> int:
    """Where ``label`` is among ``labels``. Raises ArgumentError if it is none of them."""
    if label not in labels:
        raise ArgumentError("label", f"be one of {', '.join(labels)}", f"it is {label!r}")
    return labels.index(label)


def check_times(times: ArrayLike, name: str = "times") -> NDArray[np.float64]:
    """Output times as a float array (T,), or an ArgumentError that says what is wrong with them."""
    try:
        given = np.asarray(times)
    except ValueError:
        raise ArgumentError(name, "be an array of numbers", f"it is {times!r}") from None
    if given.ndim != 1 or given.size == 0:
        raise ArgumentError(name, "be a one-dimensional array of at least one time", f"its shape is {given.shape}")
    if given.dtype.kind not in "fiu":
        raise ArgumentError(name, "be an array of real numbers", f"its dtype is {given.dtype}")
    array = given.astype(float)
    if not np.all(np.isfinite(array)):
        where = int(np.argmax(~np.isfinite(array)))
        raise ArgumentError(name, "be finite", f"{name}[{where}] = {array[where]}")
    if array[0] < 0:
        raise ArgumentError(name, "start at 0 or later", f"{name}[0] = {array[0]:g}")
    stuck = np.flatnonzero(np.diff(array) <= 0)
    if stuck.size:
        i = int(stuck[0])
        raise ArgumentError(name, "be increasing", f"{name}[{i + 1}] = {array[i + 1]:g} ≤ {name}[{i}] = {array[i]:g}")
    return array
