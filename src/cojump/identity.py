"""What makes a point what it is: a run is resumed only if nothing of it has changed.

A model is recognised by its matrices and by Γ sampled on the spectrum of Δ, not by the text of the function that made
it. Numbers are compared to the rounding that different machines may give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .terms import LocalJump

if TYPE_CHECKING:
    from .ensemble import Point

TOLERANCE = 1e-9
"""Relative difference of two numbers that mean the same."""

_FULL = 16
"""Arrays of at most so many numbers are kept as they are."""

_SKETCHES = (2.0, 3.0, 5.0, 7.0)
"""Longer ones by their shape, norm and their sums with the weights cos(√p i): no change escapes all of them."""

_NOT_PART = ("n_traj", "target", "min_traj", "parameters", "model", "state")
"""Fields of a point that may change, or are taken apart."""


def identity_of(point: Point) -> dict[str, Any]:
    """Facts about a point by name, of numbers, strings and lists only."""
    facts: dict[str, Any] = {}
    model = point.model
    for i, block in enumerate(model.blocks):
        _describe(f"blocks[{i}]", block, facts)
    for i, term in enumerate(model.hamiltonian):
        _describe(f"hamiltonian[{i}]", term, facts)
    for i, jump in enumerate(model.jumps):
        _describe(f"jumps[{i}]", jump, facts)
        if isinstance(jump, LocalJump):
            _describe(f"jumps[{i}] Γ over the spectrum", jump.gamma(model.argument_spectrum(jump)), facts)
    _describe("order parameters", model.order_parameters, facts)
    _describe("initial state", point.state.blocks, facts)
    for item in fields(point):
        if item.name not in _NOT_PART:
            _describe(item.name, getattr(point, item.name), facts)
    return facts


def _describe(name: str, value: Any, facts: dict[str, Any]) -> None:
    if is_dataclass(value):
        facts[f"{name} kind"] = type(value).__name__
        for item in fields(value):
            _describe(f"{name} {item.name}", getattr(value, item.name), facts)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _describe(f"{name} {key!r}", part, facts)
    elif value is None or callable(value):
        pass  # a function is known by its values on the spectrum
    elif isinstance(value, str | bool | int):
        facts[name] = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    elif isinstance(value, list | tuple) and not _is_numeric(value):
        facts[f"{name} length"] = str(len(value))
        for i, part in enumerate(value):
            _describe(f"{name}[{i}]", part, facts)
    else:
        facts[name] = _numbers(np.asarray(value))


def _is_numeric(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "fciu"
    except ValueError:
        return False


def _numbers(array: NDArray[Any]) -> dict[str, Any]:
    flat = np.ascontiguousarray(array, dtype=complex).ravel().view(float)
    shape = list(array.shape)
    if array.size <= _FULL:
        real = array.dtype.kind != "c"
        return {"shape": shape, "values": (flat[::2] if real else flat).tolist(), "real": real}
    places = np.arange(len(flat))
    sketch = [float(np.cos(np.sqrt(p) * places) @ flat) for p in _SKETCHES]
    return {"shape": shape, "norm": float(np.linalg.norm(flat)), "sketch": sketch}


class Difference(NamedTuple):
    """A fact in which two points differ: its name, and what it is in both of them, in words."""

    name: str
    text: str


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Difference]:
    """Say in which facts two points differ; in none if they are the same."""
    found = []
    for name in dict.fromkeys([*here, *there]):
        ours, theirs = here.get(name), there.get(name)
        if not _same(ours, theirs):
            found.append(Difference(name, f"{name} is {_shown(ours)} here and {_shown(theirs)} there"))
    return found


def _same(a: Any, b: Any) -> bool:
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return bool(a == b)
    if a.keys() != b.keys() or a["shape"] != b["shape"]:
        return False
    if "values" in a:
        return bool(np.allclose(a["values"], b["values"], rtol=TOLERANCE, atol=1e-14))
    scale = max(a["norm"], b["norm"])
    near = np.allclose(a["sketch"], b["sketch"], rtol=0, atol=TOLERANCE * scale)
    return bool(near and np.isclose(a["norm"], b["norm"], rtol=TOLERANCE, atol=0))


def _shown(fact: Any) -> str:
    if fact is None:
        return "missing"
    if not isinstance(fact, Mapping):
        return str(fact)
    shape = "x".join(map(str, fact["shape"]))
    if "values" not in fact:
        return f"an array ({shape}) of norm {fact['norm']:.12g}"
    numbers = fact["values"] if fact["real"] else [complex(*pair) for pair in np.reshape(fact["values"], (-1, 2))]
    text = ", ".join(f"{x if x.imag else x.real:.9g}" for x in numbers)
    return text if not fact["shape"] else f"({text})"
