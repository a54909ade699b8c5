"""Models and states as plain data, and back: what a result file holds of them.

All fields of all terms are written, whichever there will be. A matrix stands once, however many terms have it. Of
functions only those are data that cojump itself has, and numpy's: a Python function of the user's is named, not stored.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StorageError, printable
from . import (
    Block,
    CollectiveJump,
    LocalJump,
    Mode,
    ModeCoupling,
    ModeDrive,
    ModeEnergy,
    ModeJump,
    Model,
    ModeLoss,
    OneBody,
    Potential,
    TwoBody,
)
from .envelopes import FromFile, Gaussian, Linear, Pulses, Root, Shape, Sine, Step
from .final_states import FinalFactor, FinalState, FinalStates
from .mixtures import Mixture
from .states import DickeBlock, OccupationBlock, ProductBlock, SectorBlock, State, SymmetricBlock
from .systems import named

_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(Model, Block, OneBody, TwoBody, Potential, LocalJump, CollectiveJump),
        *(Mode, ModeEnergy, ModeDrive, ModeCoupling, ModeLoss, ModeJump),
        *(State, Mixture, ProductBlock, DickeBlock, SymmetricBlock, SectorBlock, OccupationBlock),
        *(Step, Linear, Sine, Gaussian, Pulses, Root, FromFile),
        *(FinalStates, FinalState, FinalFactor),
    )
}
"""What stands in a file by its name and its fields, beside the functions of named systems."""


def _kind(name: str) -> type | None:
    """The class of that name that a file may hold: rates and amplitudes are dataclasses in the files of the systems."""
    if name in _KINDS:
        return _KINDS[name]
    for function in named.NAMED.values():
        found = getattr(sys.modules[function.__module__], name, None)
        if isinstance(found, type) and is_dataclass(found):
            return found
    return None


def _is_default(value: Any, default: Any) -> bool:
    return (value is None and default is None) or (isinstance(value, tuple) and value == default == ())


_MOST = 2**21
"""Amplitudes of final states of another run up to which a file holds them as the start of the next one."""

_ARRAYS = ("<c16", "<f8", "<i8", "|b1")
"""Types of the numbers of an array."""


def described(thing: Model | State | Mixture | FinalStates | Mapping[str, Shape]) -> dict[str, Any]:
    """A model, a state or shapes by name as JSON knows them; "missing" says what of it cannot be made again."""
    writer = _Writer()
    if isinstance(thing, FinalStates) and thing.n_amplitudes > _MOST:
        return {"content": None, "matrices": [], "missing": [f"state ({thing.n_amplitudes:,} amplitudes)"]}
    content = writer.value(thing, "")
    return {"content": content, "matrices": writer.matrices, "missing": writer.missing}


class _Writer:
    """Takes a model apart."""

    def __init__(self) -> None:
        self.matrices: list[Any] = []
        self.missing: list[str] = []
        self._known: dict[tuple[Any, ...], int] = {}

    def value(self, value: Any, name: str) -> Any:
        """One value; ``name`` is where it stands, for what is missing."""
        if value is None or isinstance(value, str | bool | int | float):
            return value
        if is_dataclass(value) and _kind(type(value).__name__) is type(value):
            parts = {
                f.name: self.value(getattr(value, f.name), f"{name}.{f.name}".lstrip("."))
                for f in fields(value)
                if not _is_default(getattr(value, f.name), f.default)  # which needs no mention
            }
            return {"kind": type(value).__name__, "fields": parts}
        if isinstance(value, complex):
            return {"complex": [value.real, value.imag]}
        if isinstance(value, np.ndarray):
            return {"matrix": self._matrix(value)}
        if isinstance(value, Mapping):
            return {"map": [[key, self.value(part, f"{name}[{key!r}]")] for key, part in value.items()]}
        if isinstance(value, Sequence):
            return [self.value(part, f"{name}[{i}]") for i, part in enumerate(value)]
        numpy_name = value.__name__ if isinstance(value, np.ufunc) else ""
        if numpy_name and getattr(np, numpy_name, None) is value:
            return {"numpy": numpy_name}
        self.missing.append(f"{name} ({printable(_called(value))})")
        return None

    def _matrix(self, matrix: NDArray[Any]) -> int:
        """The place of a matrix among all; each is written once."""
        array = np.ascontiguousarray(matrix)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = len(self.matrices)
            flat = array.ravel().view(float) if array.dtype.kind == "c" else array.ravel()
            self.matrices.append([array.dtype.str, list(array.shape), flat.tolist()])
        return self._known[key]


def _called(function: Any) -> str:
    """How a user's function is called."""
    name = getattr(function, "__qualname__", type(function).__name__)
    return "a lambda" if "<lambda>" in name else name


def rebuilt(description: Mapping[str, Any]) -> Any:
    """The model or the state of a description.

    Raises
    ------
    StorageError
        If a function of the user's is missing; the line says which.
    ValueError, TypeError, KeyError, IndexError
        If it is no description.
    """
    missing = description["missing"]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        if missing[0].startswith("state ("):
            found = missing[0].removeprefix("state (").removesuffix(")")
            raise StorageError(
                f"the state cannot be made again: it was the end of another run, and its {found} are too many to be "
                "stored twice; load that run"
            )
        raise StorageError(
            f"the model cannot be made again: a file holds no Python functions, and {missing[0]}{more} is one; "
            "call the code again that made it"
        )
    matrices = [_array(*matrix) for matrix in description["matrices"]]

    def value(given: Any) -> Any:
        if isinstance(given, list):
            return tuple(value(part) for part in given)
        if not isinstance(given, dict):
            return given
        if "kind" in given:
            kind = _kind(given["kind"])
            if kind is None:
                raise KeyError(given["kind"])
            return kind(**{name: value(part) for name, part in given["fields"].items()})
        if "complex" in given:
            return complex(*given["complex"])
        if "matrix" in given:
            return matrices[given["matrix"]].copy()
        if "map" in given:
            return {key: value(part) for key, part in given["map"]}
        function: Callable[..., Any] = getattr(np, given["numpy"])
        if not isinstance(function, np.ufunc):
            raise ValueError(f"{given['numpy']} is no function of numpy's")
        return function

    return value(description["content"])


def _array(dtype: str, shape: list[int], values: list[Any]) -> NDArray[Any]:
    if dtype not in _ARRAYS:
        raise ValueError(f"an array has the type {dtype}")
    flat = np.array(values, dtype=float if dtype == "<c16" else dtype)
    return flat.view(dtype).reshape(shape) if dtype == "<c16" else flat.reshape(shape)
