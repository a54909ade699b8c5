"""How matrices of one particle and functions of averages are written where ``print`` shows a model or a term of it.

Matrices as a sum of few operators with names (σ_x, |0><1|), functions by their formula, if they say one, or by name.
Nothing is read off what is written here: numbers have six digits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tools.summaries import few
from .operators import PROJECTOR_UP, SIGMA_MINUS, SIGMA_PLUS, SIGMA_X, SIGMA_Y, SIGMA_Z

_PAULI = (("1", np.eye(2)), ("σ_x", SIGMA_X), ("σ_y", SIGMA_Y), ("σ_z", SIGMA_Z))
_SINGLE = (
    *_PAULI,
    ("σ_+", SIGMA_PLUS),
    ("σ_-", SIGMA_MINUS),
    ("|up><up|", PROJECTOR_UP),
    ("|down><down|", np.eye(2) - PROJECTOR_UP),
)
"""Operators of two levels; a multiple of one of them is written so."""

_ROUNDED = 1e-12
"""Elements that are smaller, relative to the largest one, are not written."""

_MOST = 3
"""Terms that the sum of a matrix of many levels, and blocks that an average, may have to be written one by one."""

_DIGITS = 40
"""Letters of what stands for an object that has no name."""


class Written(ABC):
    """A function that says how it is written."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """What it makes of x."""


def number(value: complex) -> str:
    """A number in six digits, or as a root where its square is the shorter one: "0.7", "√1.3", "0.5i", "(1+2i)"."""
    real, imag = complex(value).real, complex(value).imag
    if not imag:
        return _real(real)
    if not real:
        return f"{_real(imag)}i" if abs(imag) != 1 else "i" if imag > 0 else "-i"
    return f"({real:.6g}{imag:+.6g}i)"


def _real(value: float) -> str:
    text, square = f"{value:.6g}", f"{value * value:.6g}"
    is_root = not np.isclose(float(text), value, 1e-12, 0) and np.isclose(float(square), value * value, 1e-12, 0)
    return f"{'-' if value < 0 else ''}√{square}" if is_root else text


def matrix(x: NDArray[Any]) -> str:
    """A matrix of one particle: "0.7 σ_x", "√1.3 σ_+", "|up><up|", "0.2 (|0><1| + |0><2| + h.c.)", "diag(0, 1, 2)"."""
    x = np.where(np.abs(x) > _ROUNDED * np.abs(x).max(), x, 0)
    if not x.any():
        return "0"
    return (_of_two_levels(x) if len(x) == 2 else _of_levels(x)) or f"a matrix {x.shape}"


def _of_two_levels(x: NDArray[Any]) -> str:
    for name, own in _SINGLE:
        share = np.vdot(own, x) / np.vdot(own, own)
        if np.abs(x - share * own).max() <= _ROUNDED * np.abs(x).max():
            return _times(share, name)
    if np.abs(x - x.conj().T).max() <= _ROUNDED * np.abs(x).max():
        return _sum([(np.vdot(own, x).real / 2, name) for name, own in _PAULI], np.abs(x).max())
    return _sum([(np.vdot(own, x), name) for name, own in _SINGLE[4:]], np.abs(x).max())


def _of_levels(x: NDArray[Any]) -> str | None:
    diagonal = np.diag(x)
    if not (x - np.diag(diagonal)).any():
        if np.ptp(diagonal.real) == np.ptp(diagonal.imag) == 0:
            return _times(diagonal[0], "1")
        return f"diag({few([number(value) for value in diagonal])})"
    if np.count_nonzero(x) > 4 * _MOST**2:
        return None
    is_hermitian = np.abs(x - x.conj().T).max() <= _ROUNDED * np.abs(x).max()
    groups: dict[tuple[complex, bool], list[str]] = {}
    for a, b in np.argwhere(x):
        if a <= b or not is_hermitian:
            groups.setdefault((complex(x[a, b]), bool(is_hermitian and a < b)), []).append(f"|{a}><{b}|")
    if len(groups) > _MOST or any(len(names) > 2 * _MOST for names in groups.values()):
        return None
    made = [_shared(share, names, paired) for (share, paired), names in groups.items()]
    return " + ".join(made).replace("+ -", "- ")


def _shared(share: complex, names: Sequence[str], paired: bool) -> str:
    """Operators with one factor; with their Hermitian conjugates, if they are paired."""
    operators = " + ".join(names)
    if paired and share.imag:  # the conjugates have the conjugate factor
        return f"({_times(share, f'({operators})' if len(names) > 1 else operators)} + h.c.)"
    return _times(share, f"({operators}{' + h.c.' * paired})" if paired or len(names) > 1 else operators)


def _sum(terms: Sequence[tuple[complex, str]], scale: float) -> str:
    """A sum of terms."""
    kept = [_times(share, name) for share, name in terms if abs(share) > _ROUNDED * scale]
    return " + ".join(kept).replace("+ -", "- ")


def _times(share: complex, name: str) -> str:
    share = complex(share)
    written = number(share.real if abs(share.imag) <= _ROUNDED * abs(share) else share)
    return {"1": name, "-1": f"-{name}"}.get(written, f"{written} {name}" if name != "1" else written)


def matrices(by_block: Mapping[str, NDArray[Any]]) -> str:
    """The matrix of each block: "σ_z of spins", "0.5 σ_z of ++, σ_x of +-"."""
    return few([f"{matrix(x)} of {name}" for name, x in by_block.items()], _MOST)


def function(name: str, given: Any, averages: Sequence[Mapping[str, NDArray[Any]]]) -> str:
    """A function of averages and what these are: "Γ = exp, x = average σ_z of a"."""
    formula = given.formula if isinstance(given, Written) else None
    called = f"{name}(x) = {formula}" if formula else f"{name} = {_named(given)}"
    names = ["x"] if len(averages) == 1 else [f"x{k + 1}" for k in range(len(averages))]
    made = [f"{x} = average {matrices(average)}" for x, average in zip(names, averages, strict=True)]
    return ", ".join([called, *made])


def _named(given: Any) -> str:
    """A function by its name; an object by what it says of itself, without the address it has in memory."""
    if isinstance(given, partial):
        return f"{_named(given.func)} with some arguments given"
    name = getattr(given, "__name__", None)
    if isinstance(name, str):
        return "a lambda" if name == "<lambda>" else name
    try:
        text = repr(given)
    except Exception:  # noqa: BLE001 - the user's code
        text = " at 0x"
    is_short = len(text) <= _DIGITS and " at 0x" not in text and "\n" not in text
    return text if is_short else f"an object of {type(given).__name__}"
