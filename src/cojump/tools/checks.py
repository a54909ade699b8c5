"""Checks of single values, for the public border only; each raises the one form of error."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from math import isfinite
from numbers import Complex, Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, printable

SEED_BITS = 128
"""Seeds are below two to this."""

LARGEST = 1e50
"""Largest number that is taken, in any unit: products and squares of a few of them still are numbers."""

SHORTEST = 1e-300
"""First output time behind 0 at least: what is made of shorter ones is no number any more."""

_MOST_ENTRIES = 10**8
"""Entries of an array that is not one yet (a list, a sparse matrix) and is made one: 0.8 GB."""

_MOST_ITEMS = 10**6
"""Entries of a list of terms, of states or of records."""

_LONGEST, _FEW = 60, 64
"""Characters of a value that are quoted, and entries of a container that is looked at for it."""

_SLACK = 1e-9
"""Part of the last output time by which a time may miss the one that is meant."""


def _bounds(kind: str, least: float | None, most: float | None, above: float | None = None) -> str:
    low, high, over = (
        limit if isinstance(limit, int) else f"{limit:g}" if limit is not None else None
        for limit in (least, most, above)
    )
    if over is not None:
        return f"{kind} greater than {over}"
    if low is not None and high is not None:
        return f"{kind} within {low} and {high}"
    if low is not None:
        return f"{kind} of at least {low}"
    return kind if high is None else f"{kind} of at most {high}"


def _outside(value: Any, least: float | None, most: float | None, above: float | None = None) -> bool:
    low = (least is not None and value < least) or (above is not None and value <= above)
    return low or (most is not None and value > most)


def shown(value: Any) -> str:
    """``value`` as an error message quotes it: its repr where that is one short line, else what kind of thing it is."""
    kind = f"of type {type(value).__name__}"
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str | bytes) and len(value) > _LONGEST:
        return f"{value[: _LONGEST // 2]!r}… ({len(value)} characters)"
    try:
        if not isinstance(value, str | bytes) and _length(value) > _FEW:
            return kind
        text = repr(value)
    except Exception:  # noqa: BLE001 - its __repr__ and its __len__ are the user's code, or refuse long integers
        return kind
    return text if len(text) <= _LONGEST and "\n" not in text and text == printable(text) else kind


def _length(value: Any) -> int:
    """How many entries a container says it has; 0 for anything else."""
    if not isinstance(value, Sized) or isinstance(value, np.ndarray | type):
        return 0
    try:
        return len(value)
    except Exception:  # noqa: BLE001 - foreign code
        return 0


def text_of_a_name(name: str, value: Any, what: str) -> str:
    """Return ``value`` if it is a text that files can hold, or raise an ArgumentError about ``name``."""
    if not isinstance(value, str) or not value:
        raise ArgumentError(name, f"be the name of {what}", f"it is {shown(value)}")
    if not _storable(value):
        raise ArgumentError(name, f"be the name of {what}, of letters that a file can hold", f"it is {shown(value)}")
    return value


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def name_as_key(name: str, value: Any, without: str = "") -> str:
    """Return ``value``, a key of the mapping ``name``, if it is a text that files can hold, without these letters.

    Raises ArgumentError.
    """
    if not isinstance(value, str) or not value or not _storable(value) or any(letter in value for letter in without):
        found = f"one is {shown(value)}"
        if isinstance(value, str) and not _storable(value):
            raise ArgumentError(name, "have names of letters that a file can hold as keys", found)
        raise ArgumentError(name, f"have names without {without} as keys" if without else "have names as keys", found)
    return value


def named(names: Sequence[str], most: int = 20) -> str:
    """Names one after the other, for a rule; of very many the first ones."""
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def suggestion(value: object, known: Iterable[str], quoted: Callable[[object], str] = repr) -> str:
    """Return ``; did you mean ...?`` if one of the known names is close to ``value``, else nothing."""
    close = difflib.get_close_matches(str(value)[:80], list(known), n=1) if not isinstance(value, int) else []
    return f"; did you mean {quoted(close[0])}?" if close else ""


def integer(name: str, value: Any, least: int | None = None, most: int | None = None, *, bits: int = 63) -> int:
    """Return ``value`` as an int within the bounds; a bool or a float is none. Raises ArgumentError.

    Without ``most`` it has to be below 2^bits: counts are stored in 64 bits.
    """
    wrong = isinstance(value, bool | np.bool_ | np.timedelta64) or not isinstance(value, Integral)
    if wrong or _outside(value, least, most):
        raise ArgumentError(name, f"be {_bounds('an integer', least, most)}", f"it is {shown(value)}")
    if most is None and abs(value) >= 2**bits:
        size = " in size" if value < 0 else ""
        raise ArgumentError(name, f"be an integer below 2^{bits}{size}", f"it is {shown(value)}")
    return int(value)


def number(
    name: str, value: Any, least: float | None = None, most: float | None = None, *, above: float | None = None
) -> float:
    """Return ``value`` as a finite float within the bounds; a bool or a string is none. Raises ArgumentError.

    Without bounds it has to be within ±1e50: the squares of larger numbers are none.
    """
    wrong = isinstance(value, bool | np.bool_ | np.timedelta64) or not isinstance(value, Real)
    try:
        wrong = wrong or not isfinite(value)
        plain = float("nan") if wrong else float(value)
    except OverflowError:  # an integer or a fraction beyond all floats
        raise ArgumentError(name, f"be a number of at most {LARGEST:g} in size", f"it is {shown(value)}") from None
    if wrong or _outside(value, least, most, above):
        raise ArgumentError(name, f"be {_bounds('a finite number', least, most, above)}", f"it is {shown(value)}")
    if abs(plain) > LARGEST:
        raise ArgumentError(name, f"be a number of at most {LARGEST:g} in size", f"it is {shown(value)}")
    return plain


def complex_number(name: str, value: Any) -> complex:
    """Return ``value`` as a finite complex number; a bool or a string is none. Raises ArgumentError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Complex):
        raise ArgumentError(name, "be a finite number", f"it is {shown(value)}")
    whole: Any = value
    return complex(*(number(name, part) for part in (whole.real, whole.imag)))


def boolean(name: str, value: Any) -> bool:
    """Return ``value`` as a bool; 0 and 1 are none. Raises ArgumentError."""
    if not isinstance(value, bool | np.bool_):
        raise ArgumentError(name, "be True or False", f"it is {shown(value)}")
    return bool(value)


def items(name: str, value: Any, what: str) -> list[Any]:
    """Return ``value`` as a list if it is a list, a tuple or another sequence that is no text. Raises ArgumentError."""
    array = isinstance(value, np.ndarray) and value.ndim > 0
    if not array and (not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray)):
        raise ArgumentError(name, f"be {what}", f"it is {shown(value)}")
    if _length(value) > _MOST_ITEMS:
        raise ArgumentError(name, f"be {what}", f"it has {len(value):,} entries")
    return list(value)


def path(name: str, value: Any) -> Path:
    """Return ``value`` as a path: a string or a path object that a file can have. Raises ArgumentError."""
    try:
        found = os.fspath(value)
    except Exception:  # noqa: BLE001 - its __fspath__ is foreign code
        found = None
    if not isinstance(found, str) or not found or "\0" in found:
        raise ArgumentError(name, "be the path of a file", f"it is {shown(value)}")
    return Path(found)


def mapping(name: str, value: Any, what: str) -> Mapping[Any, Any]:
    """Return ``value`` if it is a mapping. Raises ArgumentError that says ``what`` it has to map to what."""
    if not isinstance(value, Mapping):
        raise ArgumentError(name, what, f"it is {shown(value)}")
    return value


def array(
    name: str, value: Any, what: str = "an array of numbers", *, real: bool = False, finite: bool = True
) -> NDArray[Any]:
    """Return ``value`` as a new array of numbers, real ones if ``real``.

    Nested lists and all that numpy takes, fractions, sparse matrices (by their ``toarray``) and QuTiP's objects (by
    their ``full``); floating-point numbers in double precision. Numpy would make numbers of strings, dates and truth
    values too, and fill in what is masked: these are refused, as are numbers that are not finite or beyond 1e50 (unless
    ``finite`` is false).

    Raises
    ------
    ArgumentError
        About ``name``, if it is no such array.
    """
    rule = f"be {what}"
    given = _dense(name, rule, value)
    if _masked(given):
        raise ArgumentError(name, rule, "it is masked")
    if _length(given) > _MOST_ENTRIES:
        raise ArgumentError(name, rule, f"it has {_length(given):,} entries")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whatever is odd about it is said below
            made = _in_double(np.array(given))
    except MemoryError:
        raise ArgumentError(name, rule, "it does not fit in memory") from None
    except Exception:  # noqa: BLE001 - ragged lists, and objects whose conversion is the user's code
        raise ArgumentError(name, rule, f"it is {shown(value)}") from None
    if made.dtype.kind not in ("fiu" if real else "fiuc"):
        short = shown(value)
        if made.ndim and short.startswith("of type"):
            short = f"an array of {'complex numbers' if made.dtype.kind == 'c' else f'dtype {made.dtype.name}'}"
        raise ArgumentError(name, rule.replace("of numbers", "of real numbers") if real else rule, f"it is {short}")
    if finite and made.size and not np.isfinite(made).all():
        raise ArgumentError(name, "have finite entries", "it has NaN or infinite ones")
    if finite and made.size and made.dtype.kind in "fc":
        large = (np.abs(made.real) > LARGEST) | (np.abs(made.imag) > LARGEST)
        if large.any():
            raise ArgumentError(name, f"have entries of at most {LARGEST:g} in size", "it has larger ones")
    return made


def _in_double(made: NDArray[Any]) -> NDArray[Any]:
    """Floating-point numbers of any kind in double precision; fractions and long integers, too; others as they are."""
    if made.dtype.kind in "fc":
        return made.astype(complex if made.dtype.kind == "c" else float, copy=False)
    kinds = {type(x) for x in made.flat} if made.dtype == object else set()
    if kinds and all(issubclass(kind, Complex) and kind is not bool for kind in kinds):
        return made.astype(float if all(issubclass(kind, Real) for kind in kinds) else complex)
    return made


def _dense(name: str, rule: str, value: Any) -> Any:
    """A sparse matrix or an object of QuTiP's as an array; anything else as it is."""
    for method in ("full", "toarray"):
        convert = None if isinstance(value, type | np.ndarray) else getattr(value, method, None)
        if not callable(convert):
            continue
        try:
            shape = tuple(int(n) for n in value.shape)
        except Exception:  # noqa: BLE001 - foreign code; without a shape it is no matrix
            continue
        entries = 1
        for n in shape:
            entries *= max(n, 0)
        if entries > _MOST_ENTRIES:
            raise ArgumentError(name, rule, f"its shape is {shape}")
        try:
            return convert()
        except Exception:  # noqa: BLE001 - foreign code
            raise ArgumentError(name, rule, f"its {method}() fails") from None
    return value


def _masked(value: Any, depth: int = 3) -> bool:
    """Whether entries are masked, in an array or in nested lists of arrays."""
    if isinstance(value, np.ma.MaskedArray):
        return True
    return depth > 0 and isinstance(value, list | tuple) and any(_masked(item, depth - 1) for item in value)


def place(label: Any, labels: Sequence[str]) -> int:
    """Where ``label`` is among ``labels``. Raises ArgumentError if it is none of them."""
    if not isinstance(label, str) or label not in labels:
        kind = "one of" if isinstance(label, str) else "a text, one of"  # the number 0 is not the label "0"
        raise ArgumentError("label", f"be {kind} {named(labels)}", f"it is {shown(label)}")
    return labels.index(label)


def check_times(times: ArrayLike, name: str = "times") -> NDArray[np.float64]:
    """Output times as a float array (T,), or an ArgumentError that says what is wrong with them."""
    made = array(name, times, "an array of numbers", real=True, finite=False)
    if made.ndim != 1 or made.size == 0:
        raise ArgumentError(name, "be a one-dimensional array of at least one time", f"its shape is {made.shape}")
    made = made.astype(float)
    if not np.all(np.isfinite(made)):
        where = int(np.argmax(~np.isfinite(made)))
        raise ArgumentError(name, "be finite", f"{name}[{where}] = {made[where]}")
    if made[0] < 0:
        raise ArgumentError(name, "start at 0 or later", f"{name}[0] = {made[0]:g}")
    stuck = np.flatnonzero(np.diff(made) <= 0)
    if stuck.size:
        i = int(stuck[0])
        raise ArgumentError(name, "be increasing", f"{name}[{i + 1}] = {made[i + 1]:g} ≤ {name}[{i}] = {made[i]:g}")
    first = int(made[0] == 0)
    if len(made) > first and made[first] < SHORTEST:
        raise ArgumentError(name, f"be {SHORTEST:g} or later behind 0", f"{name}[{first}] = {made[first]:g}")
    if made[-1] > LARGEST:
        raise ArgumentError(name, f"end at {LARGEST:g} or earlier", f"{name}[{len(made) - 1}] = {made[-1]:g}")
    return made


def same_times(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    """Whether two arrays are the same output times up to rounding."""
    return left.shape == right.shape and bool((np.abs(left - right) <= _SLACK * np.abs(left).max(initial=0)).all())


def output_times(name: str, wanted: ArrayLike, times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of the ``wanted`` times among the output ``times``, sorted; rounding may lie between them.

    Raises
    ------
    ArgumentError
        About ``name``, if one of them is no output time or they are no increasing times.
    """
    given = check_times(wanted, name)
    after = np.clip(np.searchsorted(times, given), 1, max(len(times) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    places = np.where(np.abs(times[before] - given) <= np.abs(times[after] - given), before, after)
    missing = given[np.abs(times[places] - given) > _SLACK * times[-1]]
    if missing.size:
        raise ArgumentError(name, "hold output times only", f"{missing[0]:g} is none of `times`")
    return np.unique(places)
