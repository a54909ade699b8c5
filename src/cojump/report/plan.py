"""What of a sweep is an axis, what makes curves and what makes panels; and which averages are shown.

The parameters that vary decide. Along time, the size makes the curves if it varies, for then mean field and its 1/N
corrections can be seen; else the parameter with most values does. All other parameters make panels, one beside the
other. Where some parameter beside the size has several numbers as values, there is a figure against it, too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..results.result import Result
from ..storage.result_sequence import ResultSequence
from ..tools import checks
from .values import curve_of, labels_of, observables_of

SIZE = "N"
"""The name of the number of particles. A parameter called size is that number in most models, in others it is not."""

_ZERO = 1e-13
"""An average that never gets beyond this, in all points, vanishes."""

_LOOKED_AT = 3
"""Single trajectories that are looked at for zeros."""

_AN_AXIS = 3
"""Values of a parameter from which there is a figure against it that nobody has asked for."""

_SEED = "seed"
"""A parameter that is no axis: what it changes is chance."""

PANELS = 4
"""Columns of a figure, one for each value of the other parameters."""

SELECTED = "selected"
"""Directory, in that of a run, of what shows only some of its points."""

_NO_LETTER, _LONGEST_NAME = re.compile(r"[^\w.,=+-]"), 100
"""What does not belong into the name of a directory, and how long it may be."""

_NAMED = 12
"""Averages that a note names."""


def value_of(result: Result, key: str) -> Any:
    """Value of a parameter at a point, which can be compared and sorted into sets: a list has its text."""
    if key == SIZE and SIZE not in result.parameters:
        return result.n_particles
    value = result.parameters.get(key)
    return value if isinstance(value, int | float | str | None) else str(value)


def _values(results: Iterable[Result], key: str) -> list[Any]:
    """Different values of a parameter, numbers in their order."""
    found = list(dict.fromkeys(value_of(r, key) for r in results))
    return sorted(found) if all(map(_is_number, found)) else found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def even_choice(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, first and last among them, evenly spread."""
    places = np.unique(np.round(np.linspace(0, len(items) - 1, min(len(items), most))).astype(int))
    return [items[i] for i in places]


@dataclass(frozen=True)
class Plan:
    """How the points of a sweep are shown.

    Attributes
    ----------
    results : tuple of Result
        The points.
    asked : tuple of strings
        Averages that were asked for; empty for all that do not vanish.
    against : str
        The parameter that was asked for as an axis; "" for the choice of the rule above.
    """

    results: tuple[Result, ...]
    asked: tuple[str, ...] = ()
    against: str = ""

    @classmethod
    def of(cls, results: Sequence[Result], averages: Sequence[str] = (), against: str = "") -> Plan:
        """The plan for these results.

        Raises
        ------
        ArgumentError
            If an average is in none of the results, or ``against`` names no parameter that could be an axis.
        """
        made = cls(tuple(results), tuple(dict.fromkeys(averages)), against)
        known = tuple(dict.fromkeys((*made.every_label, *made.observables)))
        for label in made.asked:
            if label not in known:
                found = f"one is {checks.shown(label)}{checks.suggestion(label, known)}"
                raise ArgumentError("averages", f"be of {checks.named(known)}", found)
        if against == "size" and made.sized:
            made = cls(made.results, made.asked, SIZE)
            against = SIZE
        if against and against not in made.numbers:
            rule = f"be a parameter that varies, with numbers as values: {checks.named(made.numbers)}"
            if not made.numbers:
                rule = "be a parameter that varies, with numbers as values, and there is none"
            raise ArgumentError("against", rule, f"it is {checks.shown(against)}")
        return made

    @cached_property
    def every_label(self) -> tuple[str, ...]:
        """Labels of order parameters and averages, over all points: of another size there may be other blocks."""
        return tuple(dict.fromkeys(label for r in self.results for label in labels_of(r)))

    @cached_property
    def observables(self) -> tuple[str, ...]:
        """Labels of observables that were asked for, over all points; they are shown beside averages if chosen."""
        return tuple(dict.fromkeys(label for r in self.results for label in observables_of(r)))

    @cached_property
    def sized(self) -> bool:
        """Whether the parameter called size is the number of all particles, N, in all points."""
        known = {key for r in self.results for key in r.parameters}
        return SIZE not in known and all(r.parameters.get("size") == r.n_particles for r in self.results)

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """Parameters with several values; of those that change together the first alone."""
        keys = dict.fromkeys(key for r in self.results for key in r.parameters)
        many = [key for key in keys if len(_values(self.results, key)) > 1]
        if not many and len({r.n_particles for r in self.results}) > 1:
            return (SIZE,)
        found: list[str] = []
        for key in many:
            if not any(self._together(key, other) for other in found):
                found.append(key)
        return tuple(SIZE if key == "size" and self.sized else key for key in found)

    def _together(self, key: str, other: str) -> bool:
        pairs = {(value_of(r, key), value_of(r, other)) for r in self.results}
        return len(pairs) == len(_values(self.results, key)) == len(_values(self.results, other))

    def companions(self, key: str) -> tuple[str, ...]:
        """Parameters that change together with one, as in a sweep of mode "zip"."""
        keys = dict.fromkeys(k for r in self.results for k in r.parameters)
        shown = {*self.varying, *(["size"] if self.sized and SIZE in self.varying else [])}
        many = [k for k in keys if k not in shown and len(_values(self.results, k)) > 1]
        return tuple(k for k in many if self._together(k, key))

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Parameters that vary and have numbers as values."""
        return tuple(key for key in self.varying if all(map(_is_number, self.values(key))))

    def values(self, key: str) -> list[Any]:
        """Values of a parameter in their order; of no parameter one that means nothing."""
        return _values(self.results, key) if key else [None]

    @property
    def size_key(self) -> str:
        """The parameter that is the size, if it varies; else ""."""
        return next((key for key in ("size", SIZE) if key in self.varying), "")

    @cached_property
    def axis(self) -> str:
        """The parameter that points are drawn against; "" where time alone is an axis."""
        if self.against:
            return self.against
        able = [k for k in self.numbers if k not in (self.size_key, _SEED) and len(self.values(k)) >= _AN_AXIS]
        return max(able, key=lambda k: len(self.values(k)), default="")

    def curves(self, axis: str = "") -> str:
        """The parameter that makes curves beside an axis (time if it is ""); "" where there is one curve."""
        left = [key for key in self.varying if key != axis]
        if self.size_key in left:
            return self.size_key
        return max(left, key=lambda k: (k != _SEED, k in self.numbers, len(self.values(k))), default="")

    def panels(self, axis: str = "") -> list[tuple[list[tuple[str, Any]], list[Result]]]:
        """Points of each panel behind the parameters that it stands for.

        There is one for each combination of the parameters that are neither axis nor curves.
        """
        keys = [key for key in self.varying if key not in (axis, self.curves(axis))]
        made: dict[tuple[Any, ...], list[Result]] = {}
        for r in self.results:
            made.setdefault(tuple(value_of(r, key) for key in keys), []).append(r)
        order = {key: {v: i for i, v in enumerate(self.values(key))} for key in keys}
        combinations = sorted(made, key=lambda c: [order[key][v] for key, v in zip(keys, c, strict=True)])
        return [(list(zip(keys, c, strict=True)), made[c]) for c in combinations]

    def place(self, result: Result, key: str) -> int:
        """Which curve a point belongs to."""
        return self.values(key).index(value_of(result, key)) if key else 0

    def meaning(self, key: str, place: int) -> list[tuple[str, Any]]:
        """The parameters that a curve stands for: one, and what changes together with it."""
        one = next(r for r in self.results if self.place(r, key) == place)
        return [(k, value_of(one, k)) for k in (key, *self.companions(key))]

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Averages that are shown: those that were asked for, or all that do not vanish; never none."""
        if self.asked:
            return self.asked
        return tuple(label for label in self.every_label if label not in self.zero) or self.every_label[:1]

    @cached_property
    def zero(self) -> tuple[str, ...]:
        """Averages that vanish identically: always, in all points, in their mean field, too."""
        return tuple(label for label in self.every_label if self._vanishes(label))

    def _vanishes(self, label: str) -> bool:
        curves = [curve for r in self.results if (curve := curve_of(r, label)) is not None]
        return not any(
            np.abs(np.nan_to_num(values)).max(initial=0) > _ZERO
            for c in curves
            for values in (c.mean, c.reference, c.error, c.singles[:_LOOKED_AT])
        )

    @property
    def left_out(self) -> str:
        """One line on the averages that are not shown, or ""."""
        rest = [label for label in self.every_label if label not in self.shown]
        if not rest:
            return ""
        if self.asked:
            return f"not asked for: {_few(rest)}"
        return f"always zero, left out: {_few(rest)}"


def _few(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more


def in_words(pairs: Sequence[tuple[str, Any]]) -> str:
    """Parameters with their values."""
    return ", ".join(f"{k} = {v:.6g}" if isinstance(v, float) else f"{k} = {v}" for k, v in pairs)


def chosen(results: ResultSequence, select: Sequence[str]) -> ResultSequence:
    """The points that have these values of parameters, each ``KEY=VALUE`` as the command line gives it.

    Raises
    ------
    ArgumentError
        About ``--select``, if there is no such parameter or value.
    """
    for text in select:
        key, equals, word = text.partition("=")
        if not equals or not key.strip():
            raise ArgumentError("--select", "be KEY=VALUE, such as size=200", f"it is {checks.shown(text)}")
        key, word = (SIZE if key.strip() == SIZE else key.strip()), word.strip()
        known = list(dict.fromkeys(k for r in results for k in r.parameters))
        if key not in (*known, SIZE):
            rule = f"have a parameter of the results: {checks.named(known)}" if known else "be given for a sweep"
            raise ArgumentError("--select", rule, f"it is {checks.shown(text)}")
        values = list(dict.fromkeys(value_of(r, key) for r in results if key in (*r.parameters, SIZE)))
        fitting = [value for value in values if _means(word, value)]
        if not fitting:
            found = ", ".join(map(str, values[:20])) + (", ..." if len(values) > 20 else "")
            raise ArgumentError("--select", f"have a value that {key} has: {found}", f"it is {checks.shown(text)}")
        results = ResultSequence([r for r in results if value_of(r, key) in fitting], results.origin)
    return results


def place_of(directory: Path, select: Sequence[str]) -> Path:
    """Where figures and page of these points belong: not where those of all points stand, which they would replace."""
    if not select:
        return directory
    words = sorted("=".join(part.strip() for part in text.split("=", 1)) for text in select)
    text = ",".join(words)
    name = _NO_LETTER.sub("_", text)[:_LONGEST_NAME]
    if name != text:  # two selections never share a place
        name += f"-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return directory / SELECTED / name


def _means(word: str, value: Any) -> bool:
    """Whether a word of the command line means a value."""
    if _is_number(value):
        with suppress(ValueError):
            return bool(np.isclose(float(word), value, rtol=1e-9, atol=0))
        return False
    return word == str(value)
