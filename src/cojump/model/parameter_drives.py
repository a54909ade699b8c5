"""Envelopes on a parameter of a function that makes models: on which terms, and with which power, is found of it.

A parameter can be driven where terms are proportional to it. Which these are is written down in the function alone: the
model is made once more with twice the value, and every term must be what it was, or twice as strong. A jump whose
rate is twice as large has an amplitude √2 times as large, and the envelope √f.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from .envelopes import Root, Shape
from .function_of_average import FunctionOfAverage
from .hamiltonian import OneBody, TwoBody
from .jumps import CollectiveJump, LocalJump
from .model import HamiltonianTerm, Jump, Model
from .modes import ModeCoupling, ModeDrive, ModeEnergy, ModeJump, ModeLoss
from .potential import Potential

_POINTS = 501
"""Of the spectrum of an argument at which functions of two terms are compared."""

_SAME = 1e-12
"""Relative difference of numbers that are the same up to rounding."""

_RATE = 0.5
"""Power of a factor of a rate in the amplitude."""


def with_drives(
    build: Callable[..., Model], arguments: Mapping[str, Any], shapes: Mapping[str, Shape], name: str = "{}"
) -> Model:
    """The model of these arguments, some of which are multiplied by f(t).

    Parameters
    ----------
    build : callable
        Makes the model of the arguments.
    arguments : mapping
    shapes : mapping of str to Shape
        f of each parameter that is driven.
    name : str
        How errors call a parameter, with its name in place of the braces.

    Raises
    ------
    ArgumentError
        If a parameter is no number that terms are proportional to, a rate would become negative, or two drives are on
        one term.
    """
    model = build(**arguments)
    hamiltonian, jumps = list(model.hamiltonian), list(model.jumps)
    driven_by: dict[str, str] = {}
    for parameter, shape in shapes.items():
        called = name.format(parameter)
        for (kind, i), power in _powers(build, arguments, model, parameter, called).items():
            terms: list[Any] = hamiltonian if kind == "hamiltonian" else jumps
            place = f"{kind}[{i}]"
            if terms[i].envelope is not None:
                other = name.format(driven_by[place]) if place in driven_by else "an envelope of its own"
                raise ArgumentError(called, "multiply terms that nothing else drives", f"{place} has {other}")
            if power == _RATE and shape.lowest < 0 and np.isfinite(shape.lowest):
                found = f"the shape goes down to {shape.lowest:.6g}"
                raise ArgumentError(called, f"have a shape that is never negative: {place} has it in its rate", found)
            driven_by[place] = parameter
            terms[i] = replace(terms[i], envelope=Root(shape) if power == _RATE else shape)
    return replace(model, hamiltonian=hamiltonian, jumps=jumps) if driven_by else model


def _powers(
    build: Callable[..., Model], arguments: Mapping[str, Any], model: Model, parameter: str, called: str
) -> dict[tuple[str, int], float]:
    """The power of the parameter in each term that has it: 1, or ½ in the amplitude of a jump."""
    value = arguments.get(parameter)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(called, "be a number that terms of the model are proportional to", f"it is {value!r}")
    if value == 0:
        raise ArgumentError(called, "have a value other than 0, which the shape multiplies", "it is 0")
    rule = "be a number that terms of the model are proportional to"
    try:
        twice = build(**{**arguments, parameter: 2 * value})
    except ArgumentError as error:
        raise ArgumentError(called, rule, f"twice as large it is refused: {error}") from None
    same = all(_equal(getattr(model, f.name), getattr(twice, f.name)) for f in fields(model) if f.name not in _TERMS)
    if not same or any(len(getattr(model, terms)) != len(getattr(twice, terms)) for terms in _TERMS):
        raise ArgumentError(called, rule, "it changes more than its terms")
    found = {}
    for kind in _TERMS:
        for i, (one, two) in enumerate(zip(getattr(model, kind), getattr(twice, kind), strict=True)):
            power = _power(model, one, two)
            if power is None or power not in ((0, 1) if kind == "hamiltonian" else (0, _RATE, 1)):
                raise ArgumentError(called, rule, f"{kind}[{i}] changes with it in another way")
            if power:
                found[kind, i] = power
    if not found:
        raise ArgumentError(called, rule, "no term depends on it")
    return found


_TERMS = ("hamiltonian", "jumps")


def _power(model: Model, one: HamiltonianTerm | Jump, two: HamiltonianTerm | Jump) -> float | None:
    """P if the second term is 2^p times the first one; None if it is no multiple."""
    if type(one) is not type(two):
        return None
    own = _STRENGTHS.get(type(one), ())
    if not all(_equal(getattr(one, f.name), getattr(two, f.name)) for f in fields(one) if f.name not in own):
        return None
    if not own:  # a kind of term that is not known here, and has stayed as it is
        return 0.0
    a, b = _strength(model, one), _strength(model, two)
    size = float(np.abs(a).max(initial=0.0))
    for power in (0.0, _RATE, 1.0):
        if np.abs(b - 2.0**power * a).max(initial=0.0) <= 2 * _SAME * size:
            return power
    return None


_STRENGTHS: dict[type, tuple[str, ...]] = {
    OneBody: ("eps",),
    TwoBody: ("A", "B", "g"),
    Potential: ("phi", "derivatives", "factor"),
    ModeEnergy: ("omega",),
    ModeDrive: ("eta",),
    ModeCoupling: ("matrices",),
    LocalJump: ("j", "amplitude", "rate", "derivatives"),
    CollectiveJump: ("matrices", "rate", "amplitude", "derivatives"),
    ModeLoss: ("kappa",),
    ModeJump: ("j", "amplitude", "rate", "derivatives"),
}
"""The fields of a term that may change when it is multiplied by a number."""


def _strength(model: Model, term: Any) -> NDArray[np.complex128]:
    """Numbers that are multiplied by c where the term is, and that say all of these fields."""
    match term:
        case OneBody():
            made: Any = term.eps
        case TwoBody():
            made = term.strength * np.kron(term.first, term.second)
        case Potential():
            made = term.energy(_points(model, term))
        case ModeEnergy():
            made = term.omega
        case ModeDrive():
            made = term.eta
        case ModeLoss():
            made = np.sqrt(term.rates)
        case LocalJump() | ModeJump():
            made = np.multiply.outer(term.gamma(_points(model, term)), term.matrix)
        case _:
            root = term.rate**0.5 if isinstance(term, CollectiveJump) else 1.0
            matrices = [root * term.matrices.get(block.name, np.zeros((block.levels,) * 2)) for block in model.blocks]
            made = np.concatenate([y.ravel() for y in matrices])
            if isinstance(term, CollectiveJump):
                made = np.multiply.outer(term.gamma(_points(model, term)), made)
    return np.ravel(np.asarray(made, dtype=complex))


def _points(model: Model, term: FunctionOfAverage) -> NDArray[np.float64]:
    return model.argument_spectrum(term, _POINTS)


def _equal(a: Any, b: Any) -> bool:
    """Whether two values are the same up to rounding, however deep; functions only if they are one object, or equal."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.shape == b.shape and bool(np.all(np.abs(a - b) <= _SAME * np.abs(a).max(initial=0.0)))
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return (
            isinstance(b, list | tuple) and len(a) == len(b) and all(_equal(*pair) for pair in zip(a, b, strict=True))
        )
    if is_dataclass(a) and not isinstance(a, type | Shape):
        return type(a) is type(b) and all(_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, float | complex):
        return isinstance(b, float | complex | int) and abs(a - b) <= _SAME * abs(a)
    return bool(a == b)
