"""Models whose terms change in time: each envelope f(t) as polynomials on pieces of the time axis.

The terms are sorted into parts that have one factor c(t) each: 1, f(t) of terms of the Hamiltonian, f(t)² of the rates
of jumps. Everything that is linear in the terms (a generator, H_eff, a mean-field flow) is then Σ_p c_p(t) times what
it is for part p alone, a model without envelopes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..errors import ArgumentError, UnsupportedError, foreign
from ..tools import checks
from .model import HamiltonianTerm, Jump, Model, unit_rate
from .term import Term

Array = NDArray[np.float64]

DEGREE = 16
"""Degree of the polynomial on a piece."""

_ACCURATE, _ROUNDING = 1e-13, 4e-16
"""Error of the polynomials relative to the largest |f|, and of the times at which f is evaluated."""

_LOOK, _CHECK = 1999, 37
"""Points at which f is looked at between two breaks, and at which each polynomial is tried: odd numbers, so that they
are not commensurate with the pieces."""

_HALVINGS, _MOST_PIECES = 30, 2**17
"""The time between two breaks is halved at most so often, and there are at most so many pieces in all."""

_SAME = 1e-9
"""Relative difference of two values that are the same up to rounding."""

_STEADY: tuple[Hashable, int] = (None, 1)
"""Key of the part that does not change."""

_TERM = re.compile(r"\b(hamiltonian|jumps)\[(\d+)\]")
"""How errors call a term."""

_BINOMIALS = np.array([[comb(k, j) for j in range(DEGREE + 1)] for k in range(DEGREE + 1)], dtype=float)
_POWERS = np.maximum(np.subtract.outer(np.arange(DEGREE + 1), np.arange(DEGREE + 1)), 0)


class DrivenPart(NamedTuple):
    """The terms of a model that have one factor c(t) in common.

    Attributes
    ----------
    model : Model
        All blocks and modes with these terms alone, without their envelopes.
    hamiltonian, jumps : tuples of int
        Their positions in the whole model.
    name : str
        The first envelope, as errors call it.
    envelope : callable or None
        f; None for the part that does not change.
    breaks : tuple of float
    power : int
        c = f^power: 1 for terms of the Hamiltonian, 2 for rates of jumps.
    key
        What tells its factor from those of other parts.
    """

    model: Model
    hamiltonian: tuple[int, ...]
    jumps: tuple[int, ...]
    name: str = ""
    envelope: Callable[[Any], Any] | None = None
    breaks: tuple[float, ...] = ()
    power: int = 1
    key: tuple[Hashable, int] = (None, 1)


def refuse_driven(model: Model, what: str) -> None:
    """Raise the one UnsupportedError of all that has no place for terms that change in time; ``what`` begins it."""
    for name, terms in (("hamiltonian", model.hamiltonian), ("jumps", model.jumps)):
        for i, term in enumerate(terms):
            if term.envelope is not None:
                raise UnsupportedError(
                    f"{what} of models that do not change in time only, but {name}[{i}] has an envelope"
                )


def driven_parts(model: Model) -> list[DrivenPart]:
    """The parts of a model; the first one is what does not change, even if that is nothing."""
    groups: dict[tuple[Hashable, int], tuple[list[int], list[int]]] = {_STEADY: ([], [])}
    for of_jumps, terms in enumerate((model.hamiltonian, model.jumps)):
        for i, term in enumerate(terms):
            key = _STEADY if term.drive is None else (term.drive, 1 + of_jumps)
            groups.setdefault(key, ([], []))[of_jumps].append(i)
    parts: list[DrivenPart] = []
    for key, (hamiltonian, jumps) in groups.items():
        first: Term | None = None
        name = ""
        if parts:
            first = model.hamiltonian[hamiltonian[0]] if hamiltonian else model.jumps[jumps[0]]
            name = f"hamiltonian[{hamiltonian[0]}].envelope" if hamiltonian else f"jumps[{jumps[0]}].envelope"
        steady: tuple[list[HamiltonianTerm], list[Jump]] = (
            [_steady(model.hamiltonian[i]) for i in hamiltonian],
            [_steady(model.jumps[i]) for i in jumps],
        )
        own = replace(model, hamiltonian=steady[0], jumps=steady[1], order_parameters={})
        envelope, breaks = (None, ()) if first is None else (first.envelope, first.breaks)
        power = 2 if jumps and parts else 1
        parts.append(DrivenPart(own, tuple(hamiltonian), tuple(jumps), name, envelope, breaks, power, key))
    return parts


def without_envelopes(model: Model) -> Model:
    """The same model with f = 1 for all terms."""
    return replace(model, hamiltonian=[_steady(h) for h in model.hamiltonian], jumps=[_steady(j) for j in model.jumps])


def numbered(part: DrivenPart, error: ArgumentError | UnsupportedError) -> ArgumentError | UnsupportedError:
    """An error about a term of a part, which is called by its place in the part, with that in the whole model."""
    places = {"hamiltonian": part.hamiltonian, "jumps": part.jumps}

    def whole(text: str) -> str:
        return _TERM.sub(lambda found: f"{found[1]}[{places[found[1]][int(found[2])]}]", text)

    if isinstance(error, ArgumentError):
        return ArgumentError(whole(error.name), error.rule, whole(error.found))
    return UnsupportedError(whole(str(error)))


def _steady(term: Any) -> Any:
    """A term without its envelope."""
    return term if term.envelope is None else replace(term, envelope=None, breaks=())


@dataclass(frozen=True, eq=False)
class Later:
    """f(t + by) of an envelope f."""

    envelope: Callable[[Any], Any]
    by: float

    def __call__(self, t: Any) -> Any:
        """Its value at the time t of a clock that starts at ``by``."""
        return self.envelope(t + self.by)


def later(model: Model, by: float) -> Model:
    """The model as it is from the time ``by`` on, t = 0 of the new one; itself where nothing changes in time."""
    if not model.is_driven or by == 0:
        return model
    made: dict[Hashable, Later] = {}

    def moved(term: Any) -> Any:
        if term.envelope is None:
            return term
        envelope = made.setdefault(term.drive, Later(term.envelope, by))
        return replace(term, envelope=envelope, breaks=tuple(b - by for b in term.breaks if b > by))

    return replace(model, hamiltonian=list(map(moved, model.hamiltonian)), jumps=list(map(moved, model.jumps)))


def envelope_values(name: str, envelope: Callable[[Any], Any], times: Array) -> Array:
    """Return f (n,) at times (n,): of a function of arrays, or of one of numbers.

    Raises
    ------
    ArgumentError
        About ``name``, if f raises or returns something that is no finite real number.
    """
    try:
        with np.errstate(all="ignore"):
            returned = envelope(times.copy())
            values = np.asarray(returned)
        whole = values.shape == times.shape and values.dtype.kind in "fiu" and not np.ma.isMaskedArray(returned)
    except (Exception, SystemExit):  # noqa: BLE001 - one of numbers only, it may be; else it raises below again
        whole = False
    if not whole:
        values = np.array([_value(name, envelope, t) for t in times.tolist()])
    bad = ~(np.abs(values.astype(float)) <= checks.LARGEST)
    if bad.any():
        where = int(np.argmax(bad))
        found = f"at t = {times[where]:.9g} it returns {float(values[where]):.6g}"
        raise ArgumentError(name, f"return finite numbers of at most {checks.LARGEST:g} in size", found)
    return values.astype(float)


def _value(name: str, envelope: Callable[[Any], Any], t: float) -> float:
    try:
        with np.errstate(all="ignore"):
            returned = envelope(t)
            value = np.asarray(returned)
    except (Exception, SystemExit) as error:  # sys.exit in it must not end the run, and with status 0 at that
        raise ArgumentError(name, "be a function of time", f"at t = {t:.9g} it raises {foreign(error, '')}") from error
    if np.ma.isMaskedArray(returned) or value.shape != () or value.dtype.kind not in "fiu":
        is_array = value.shape != ()
        kind = f"an array of shape {value.shape}" if is_array else f"a value of type {type(returned).__name__}"
        raise ArgumentError(name, "return one real number for each time", f"at t = {t:.9g} it returns {kind}")
    return float(value)


def jump_rate(model: Model, end: float) -> float:
    """The largest number of jumps per unit of time, see :attr:`Model.jump_rate`, on average from t = 0 to ``end``."""
    if not model.is_driven or not end > 0:
        return model.jump_rate
    times = end * (np.arange(_LOOK) + 0.5) / _LOOK
    total = 0.0
    for part in driven_parts(model):
        most = sum(jump.most_jumps(model.sizes) for jump in part.model.jumps)
        if part.envelope is not None and most:
            most *= float(np.mean(envelope_values(part.name, part.envelope, times) ** 2))
        total += most
    return total


class Piece(NamedTuple):
    """A part of the time axis on which all factors are polynomials.

    Attributes
    ----------
    start, end : float
    series : (P - 1, DEGREE + 1) array
        Coefficients of x^k, x from -1 to 1 between start and end, of c_p for the parts but the first.
    """

    start: float
    end: float
    series: Array

    def values(self, t: float) -> Array:
        """c_p(t), (P,)."""
        x = min(max((2 * t - self.start - self.end) / (self.end - self.start), -1.0), 1.0)
        return np.concatenate([[1.0], self.series @ x ** np.arange(DEGREE + 1)])

    @property
    def largest(self) -> Array:
        """The largest |c_p| at points all over the piece, (P,)."""
        x = np.linspace(-1.0, 1.0, 2 * DEGREE + 1)
        at = np.abs(self.series @ x ** np.arange(DEGREE + 1)[:, None]).max(axis=1, initial=0.0)
        return np.concatenate([[1.0], at])

    def powers(self, t: float, unit: float) -> list[Array]:
        """Coefficients of ((time - t)/unit)^j in c_p, for the parts but the first, each up to its last one."""
        half = (self.end - self.start) / 2
        x = (t - self.start) / half - 1.0
        shifted = (self.series @ (_BINOMIALS * x**_POWERS)) * (unit / half) ** np.arange(DEGREE + 1)
        return [row[: int(np.flatnonzero(row)[-1]) + 1] if row.any() else row[:1] for row in shifted]


class Drive:
    """The parts of a model, and their factors from t = 0 to ``end``.

    Raises
    ------
    ArgumentError
        If an envelope is no finite real function of time, returns other values when it is called again, or is not
        smooth between its breaks.
    """

    def __init__(self, model: Model, end: float) -> None:
        self.end = float(end)
        self.parts = driven_parts(model)
        self.of_jump = [0] * len(model.jumps)
        """The number of the part of each jump."""
        for p, part in enumerate(self.parts):
            for place in part.jumps:
                self.of_jump[place] = p
        self.pieces = list(self._pieces()) if self.end > 0 else []
        self._ends = np.array([piece.end for piece in self.pieces])

    @cached_property
    def unit_rate(self) -> float:
        """As that of the model, of its terms at their strongest."""
        largest = np.max([piece.largest for piece in self.pieces], axis=0) if self.pieces else np.ones(len(self.parts))
        return unit_rate(max(part.model.fastest * float(f) for part, f in zip(self.parts, largest, strict=True)))

    def piece(self, t: float) -> Piece:
        """The piece that begins at or before t and ends after it; at the end the last one."""
        place = int(np.searchsorted(self._ends, t, side="right"))
        return self.pieces[min(place, len(self.pieces) - 1)]

    def _pieces(self) -> Iterator[Piece]:
        driven = self.parts[1:]
        breaks = sorted({b for part in driven for b in part.breaks if b < self.end})
        count = 0
        edges = [0.0, *breaks, self.end]
        scales = np.zeros(len(driven))
        looks = []
        for lo, hi in pairwise(edges):
            times = lo + (hi - lo) * (np.arange(_LOOK) + 0.5) / _LOOK
            values = self._checked(times)
            scales = np.maximum(scales, np.abs(values).max(axis=1, initial=0.0))
            looks.append((times, values))
        for (lo, hi), (times, values) in zip(pairwise(edges), looks, strict=True):
            stack = [(lo, hi, 0)]
            while stack:
                a, b, depth = stack.pop()
                inside = (times > a) & (times < b)
                series, worst = self._fitted(a, b, times[inside], values[:, inside], scales)
                if series is not None:
                    count += 1
                    yield Piece(a, b, series)
                    continue
                middle = a + (b - a) / 2
                if depth == _HALVINGS or count + len(stack) > _MOST_PIECES or not a < middle < b:
                    part = driven[worst]
                    rule = "be smooth between its `breaks`, the times at which it jumps or has a kink"
                    raise ArgumentError(part.name, rule, f"near t = {middle:.9g} it is not")
                stack += [(middle, b, depth + 1), (a, middle, depth + 1)]

    def _factors(self, times: Array) -> Array:
        """c_p at the times, (P - 1, n); an envelope with two powers is called once."""
        known: dict[int, Array] = {}
        rows = []
        for part in self.parts[1:]:
            assert part.envelope is not None
            if id(part.envelope) not in known:
                known[id(part.envelope)] = envelope_values(part.name, part.envelope, times)
            rows.append(known[id(part.envelope)] ** part.power)
        return np.array(rows).reshape(-1, len(times))

    def _checked(self, times: Array) -> Array:
        """The same, asked for twice: a function of anything else than the time is refused."""
        values = self._factors(times)
        again = self._factors(times)
        for part, first, second in zip(self.parts[1:], values, again, strict=True):
            apart = np.abs(first - second) > _SAME * np.abs(first).max()
            if apart.any():
                found = f"at t = {times[int(np.argmax(apart))]:.9g} it returns another value when it is called again"
                raise ArgumentError(part.name, "be a function of time alone", found)
        return values

    def _fitted(self, a: float, b: float, times: Array, values: Array, scales: Array) -> tuple[Array | None, int]:
        """The series of all factors between two times; None, and the worst factor, if one is no such polynomial."""
        nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))[::-1]
        tried = 2 * (np.arange(_CHECK) + 0.5) / _CHECK - 1
        points = np.concatenate([nodes, tried])
        found = self._factors(a + (b - a) * (points + 1) / 2)
        at_nodes, at_tried = found[:, : DEGREE + 1], found[:, DEGREE + 1 :]
        table = chebyshev.chebvander(nodes, DEGREE)
        coefficients = 2 / (DEGREE + 1) * at_nodes @ table
        coefficients[:, 0] /= 2
        x = np.concatenate([tried, 2 * (times - a) / (b - a) - 1])
        off = np.abs(coefficients @ chebyshev.chebvander(x, DEGREE).T - np.concatenate([at_tried, values], axis=1))
        # times are rounded, and values of f with them
        slopes = np.abs(np.diff(at_nodes, axis=1) / np.diff(nodes)).max(axis=1) * 2 / (b - a)
        allowed = _ACCURATE * scales + _ROUNDING * b * slopes
        missed = off.max(axis=1) - allowed
        if (missed > 0).any():
            return None, int(np.argmax(missed))
        coefficients[np.abs(coefficients) <= 0.1 * allowed[:, None]] = 0.0
        return np.array([_in_powers(row) for row in coefficients]), 0


def _in_powers(row: Array) -> Array:
    """Chebyshev coefficients (DEGREE + 1,) as those of x^k, as many."""
    made: Array = np.zeros(DEGREE + 1)
    powers = np.asarray(chebyshev.cheb2poly(row), dtype=float)
    made[: len(powers)] = powers
    return made


def check_envelopes(model: Model, end: float) -> None:
    """Refuse envelopes that are none between t = 0 and ``end``, see :class:`Drive`."""
    if model.is_driven:
        Drive(model, end)
