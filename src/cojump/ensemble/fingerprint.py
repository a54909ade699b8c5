"""What makes a point what it is: a run is resumed only if nothing of it has changed.

A model is recognised by its matrices and by the tables of Γ that trajectories read, value by value, not by the text of
the function that made it. Two numbers are the same if they differ by no more than what other processors and libraries
make of one formula, relative to the number itself: where Γ is large somewhere, a change is seen elsewhere all the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import one_line
from ..model import LocalJump, Model, Potential
from ..model.driven import envelope_values
from ..model.final_states import FinalStates, flat
from ..model.jumps import RatedJump
from ..model.mixtures import Mixture, starts_of
from ..model.term import Term
from .options import RunOptions, options_of

if TYPE_CHECKING:
    from .point import Point

TOLERANCE = 1e-12
"""Relative difference of two numbers that mean the same: some thousand units in the last place."""

ROUNDING = 1e-15
"""The same for an element of a matrix or of a state, relative to the largest: there the arithmetic itself rounds."""

_FULL = 1024
"""Arrays of at most so many numbers are kept as they are."""

_CELL, _MARGIN = 20, 1 << 13
"""Of longer ones the upper 44 of 64 bits: cells of about 2e-10 of a number, with a margin of about 2e-12."""

_PIECES = 16
"""Pieces of a long array that are told apart."""

_TIMES = 1001
"""Times at which an envelope is told apart from another one."""

MADE_BY = "made by"
"""What has computed the trajectories, a list of texts: no part of what the point is."""


class Long(dict[str, Any]):
    """A long array as it is stored; one that was made here has its numbers, too.

    A number is known by the cell of numbers that it is in. Where it is close to the edge of a cell, which is noted,
    cells that are shifted by a half are meant: so numbers within the margin are always in one cell.
    """

    numbers: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, flat: NDArray[np.float64], shape: list[int]) -> Long:
        """Describe an array given as the flat one of its real numbers."""
        edges = np.packbits(_places(flat, _MARGIN))
        packed = base64.b64encode(zlib.compress(edges.tobytes())).decode()
        least, most = float(flat.min()), float(flat.max())
        cells = _digests(flat, edges)
        made = cls(shape=shape, count=len(flat), least=least, most=most, edges=packed, cells=cells)
        made.numbers = flat
        return made

    def seen_as(self, other: Mapping[str, Any]) -> list[str]:
        """The digests of these numbers in the cells of another array of the same shape."""
        if self.numbers is None:
            return list(self["cells"])
        edges = np.frombuffer(zlib.decompress(base64.b64decode(other["edges"])), dtype=np.uint8)
        return _digests(self.numbers, edges)


def _bits(flat: NDArray[np.float64]) -> NDArray[np.uint64]:
    return (flat + 0.0).view(np.uint64)  # -0.0 is 0.0


def _places(flat: NDArray[np.float64], margin: int) -> NDArray[np.bool_]:
    """Which numbers are within a margin of the edge of their cell."""
    inside = (_bits(flat) + np.uint64(1 << (_CELL - 1))) & np.uint64((1 << _CELL) - 1)
    return (inside < margin) | (inside >= (1 << _CELL) - margin)


def _digests(flat: NDArray[np.float64], edges: NDArray[np.uint8]) -> list[str]:
    shifted = np.unpackbits(edges, count=len(flat)).astype(bool)
    offset = np.where(shifted, np.uint64(0), np.uint64(1 << (_CELL - 1)))
    cells = (_bits(flat) + offset) >> np.uint64(_CELL)
    pieces = np.array_split(cells, _PIECES)
    return [hashlib.sha256(piece.astype("<u8").tobytes()).hexdigest()[:24] for piece in pieces]


def identity_of(point: Point, *, sketched: bool = False) -> dict[str, Any]:
    """Facts about a point by name, of numbers, strings and lists only.

    ``sketched``: as an earlier cojump wrote them, with weighted sums of long arrays; only to compare with its files.
    """
    facts: dict[str, Any] = {}
    model, write = point.model, _Writer(facts, sketched, float(point.times[-1]))
    for i, block in enumerate(model.blocks):
        write(f"blocks[{i}]", block)
    for i, mode in enumerate(model.modes):
        write(f"modes[{i}]", mode)
    for i, term in enumerate(model.hamiltonian):
        name = f"hamiltonian[{i}]"
        facts[f"{name} kind"] = type(term).__name__
        write.term(name, term)
        if isinstance(term, Potential):
            if not sketched:  # no earlier cojump had potentials
                facts[f"{name} N φ over the spectrum"] = write.numbers(point.recipe.energies()[i])
            write.derivatives(name, term, model)
    tables = {} if sketched else point.recipe.rates()
    for i, jump in enumerate(model.jumps):
        name = f"jumps[{i}]"
        facts[f"{name} kind"] = type(jump).__name__
        write.term(name, jump)
        if not isinstance(jump, RatedJump) or (sketched and not isinstance(jump, LocalJump)):
            continue  # no earlier cojump had other jumps with a Γ
        if sketched or jump.has_rate:
            gamma = jump.gamma(model.argument_spectrum(jump)) if sketched else tables[i]
            facts[f"{name} Γ over the spectrum"] = write.numbers(gamma, each=True)
        if jump.derivatives is not None and sketched:
            facts[f"{name} derivatives length"] = str(len(jump.derivatives))
        else:
            write.derivatives(name, jump, model)
    write("order parameters", model.order_parameters)
    if isinstance(point.state, Mixture):
        write("initial weights", point.state.weights)
    for k, (_, state) in enumerate(() if isinstance(point.state, FinalStates) else starts_of(point.state)):
        of = f" of mixture[{k}]" if isinstance(point.state, Mixture) else ""
        write(f"initial state{of}", state.blocks)
        for i, alpha in enumerate(state.amplitudes):
            write(f"initial amplitudes{of}[{i}]", alpha)
    if isinstance(point.state, FinalStates):
        layout, amplitudes = flat(point.state.states)
        facts["initial final states"] = hashlib.sha256(json.dumps(layout).encode()).hexdigest()
        write("initial final amplitudes", amplitudes)
        write("initial runs before", point.state.runs)
        write("initial mean field", point.state.reference)
    write("times", point.times)
    _write_options(write, point, identity=True)
    for callback in point.tried_callbacks:
        write(f"callbacks {callback.name!r} at a start", callback.first)
        write(f"callbacks {callback.name!r} of another state", callback.second)
    if not sketched:
        facts[MADE_BY] = [made_by()]
    return facts


def facts_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Facts about numbers, texts and arrays by name, in tables too: what :func:`differences` compares."""
    facts: dict[str, Any] = {}
    write = _Writer(facts, sketched=False)
    for name, value in values.items():
        write(name, value)
    return facts


NOT_KNOWN = "an earlier cojump, which told models apart less finely"
"""Who has computed what is in a file that does not say it."""

LAST_BITS = "the same physics, but the last bits of a trajectory depend on it"


def agreed(point: Point, identity: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What all ranks of a job must have alike: what the point is, how much of it is run, and by which code."""
    from ..trajectories.compilation import code

    facts = {"the code": code(), **(identity or identity_of(point))}
    _write_options(_Writer(facts, sketched=False), point, identity=False)
    return facts


def _write_options(write: _Writer, options: RunOptions, *, identity: bool) -> None:
    """Those options of a run that make it another run, or those that do not."""
    for name, rule in options_of(RunOptions).items():
        if rule.identity is identity:
            write(name, getattr(options, name))


def made_by() -> str:
    """The code and the kind of processor of this process: the last bits of a result depend on both."""
    from ..trajectories.compilation import code
    from ..trajectories.kernel_cache import processor

    return f"{code()}, on {processor()}"


def _sampled(function: Any, x: NDArray[np.float64]) -> Any:
    """A derivative where theory may ask for it; unlike Γ it need not be finite at the ends."""
    try:
        with np.errstate(all="ignore"):
            arguments = [x] if x.ndim == 1 else list(x)
            return np.nan_to_num(np.asarray(function(*arguments), dtype=float), nan=-1e308)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function may raise whatever it likes
        return f"{type(error).__name__}: {one_line(error)}"


_WRITTEN = {
    ("hamiltonian", "matrix"): "eps",
    ("hamiltonian", "first"): "A",
    ("hamiltonian", "second"): "B",
    ("hamiltonian", "strength"): "g",
    ("jumps", "matrix"): "j",
}
"""Arguments of terms as users write them, by the names that facts have in files."""

_STORED = {(terms, argument): name for (terms, name), argument in _WRITTEN.items()}


class _Writer:
    """Takes values apart into facts."""

    def __init__(self, facts: dict[str, Any], sketched: bool, end: float = 0.0) -> None:
        self._facts, self._sketched, self._end = facts, sketched, end

    def __call__(self, name: str, value: Any) -> None:
        facts = self._facts
        if value is None or callable(value):
            pass  # a function, whatever it is made of, is known by its values on the spectrum
        elif is_dataclass(value):
            facts[f"{name} kind"] = type(value).__name__
            for item in fields(value):
                self(f"{name} {item.name}", getattr(value, item.name))
        elif isinstance(value, Mapping):
            for key, part in value.items():
                self(f"{name} {key!r}", part)
        elif isinstance(value, str | bool | int):
            facts[name] = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        elif isinstance(value, list | tuple) and not _is_numeric(value):
            facts[f"{name} length"] = str(len(value))
            for i, part in enumerate(value):
                self(f"{name}[{i}]", part)
        else:
            facts[name] = self.numbers(np.asarray(value))

    def term(self, name: str, term: Term) -> None:
        """All fields of a term; its derivatives are told by their values, like its rate, where that is known."""
        if term.envelope is not None:
            times = np.linspace(0.0, self._end, _TIMES)
            self(f"{name} breaks", term.breaks)
            self(f"{name} envelope from t = 0 to the end", envelope_values(f"{name}.envelope", term.envelope, times))
        for item in fields(term):
            if item.name not in ("derivatives", "envelope", "breaks", "name"):
                stored = _STORED.get((name.partition("[")[0], item.name), item.name)
                self(f"{name} {stored}", getattr(term, item.name))

    def derivatives(self, name: str, term: RatedJump | Potential, model: Model) -> None:
        """The derivatives of a user's function, where they are given, by their values on the spectrum."""
        for n, function in enumerate(term.derivatives or ()):
            values = _sampled(function, model.argument_spectrum(term))
            self(f"{name} derivatives[{n}] over the spectrum", values)

    def numbers(self, array: NDArray[Any], *, each: bool = False) -> dict[str, Any]:
        """An array as a fact; ``each``: its values stand for themselves, however large others are."""
        flat = np.ascontiguousarray(array, dtype=complex).ravel().view(float)
        shape = list(array.shape)
        if self._sketched and array.size > _OLD_FULL:
            return _sketch(flat, shape)
        real = array.dtype.kind != "c"
        flat = flat[::2].copy() if real else flat
        if array.size > _FULL:
            return Long.of(flat, shape)
        fact = {"shape": shape, "values": flat.tolist(), "real": real}
        return {**fact, "each": True} if each else fact


def _is_numeric(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "fciu"
    except ValueError:
        return False


_OLD_FULL = 16
_OLD_TOLERANCE = 1e-9
_SKETCHES = (2.0, 3.0, 5.0, 7.0)
"""Earlier files have of longer arrays their norm and their sums with the weights cos(√p i)."""


def _sketch(flat: NDArray[np.float64], shape: list[int]) -> dict[str, Any]:
    places = np.arange(len(flat))
    sketch = [float(np.cos(np.sqrt(p) * places) @ flat) for p in _SKETCHES]
    return {"shape": shape, "norm": float(np.linalg.norm(flat)), "sketch": sketch}


class Difference(NamedTuple):
    """A fact in which two points differ: its name, and what it is in both of them, in words."""

    name: str
    text: str


def differences(
    here: Mapping[str, Any], there: Mapping[str, Any], words: tuple[str, str] = ("here", "there")
) -> list[Difference]:
    """Say in which facts two points differ; in none if they are the same.

    Parameters
    ----------
    here, there : mapping
        Facts of two points; those of ``here`` were made by this process.
    words : (str, str)
        What the two are called.
    """
    usual: dict[str, Any] = {}  # an option that a file knows nothing of has its default there
    _write_options(_Writer(usual, sketched=False), RunOptions(n_traj=1), identity=True)
    found = []
    for name in dict.fromkeys([*here, *there]):
        ours, theirs = (side.get(name, usual.get(name)) for side in (here, there))
        if name != MADE_BY and not _same(ours, theirs):
            written = _as_written(name)
            found.append(Difference(written, f"{written} {_apart(ours, theirs, *words)}"))
    return found


def _as_written(name: str) -> str:
    place, _, part = name.partition(" ")
    part = _WRITTEN.get((place.partition("[")[0], part), part)
    return f"{place} {part}".rstrip()


def _same(a: Any, b: Any) -> bool:
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return bool(a == b)
    if a["shape"] != b["shape"] or a.get("count") != b.get("count"):
        return False
    if "values" in a and "values" in b:
        return not _unequal(a, b).any()
    if "sketch" in a and "sketch" in b:
        scale = max(a["norm"], b["norm"])
        near = np.allclose(a["sketch"], b["sketch"], rtol=0, atol=_OLD_TOLERANCE * scale)
        return bool(near and np.isclose(a["norm"], b["norm"], rtol=_OLD_TOLERANCE, atol=0))
    return "cells" in a and "cells" in b and not _pieces_apart(a, b)


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Which numbers of two short arrays differ."""
    if a["real"] != b["real"]:
        a, b = ({**x, "values": _complex(x).view(float).tolist()} for x in (a, b))
    ours, theirs = np.array(a["values"], dtype=float), np.array(b["values"], dtype=float)
    sizes = np.maximum(np.abs(ours), np.abs(theirs))
    floor = 0.0 if a.get("each") or b.get("each") else ROUNDING * sizes.max(initial=0.0)
    with np.errstate(over="ignore"):  # of two of opposite signs near the largest number there is
        return np.abs(ours - theirs) > TOLERANCE * sizes + floor


def _pieces_apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[int]:
    ours = a.seen_as(b) if isinstance(a, Long) else a["cells"]
    theirs = b["cells"]
    return [i for i, (x, y) in enumerate(zip(ours, theirs, strict=True)) if x != y]


def _complex(fact: Mapping[str, Any]) -> NDArray[np.complex128]:
    values = np.array(fact["values"], dtype=float)
    return values.astype(complex) if fact["real"] else values.view(complex)


def _apart(a: Any, b: Any, here: str, there: str) -> str:
    """What a fact is in both, in words; of an array that is not short only where the two differ."""

    def pair(ours: str, theirs: str, where: str = "") -> str:
        return f"is {ours} {here} and {theirs} {there}{where}"

    if not (isinstance(a, Mapping) and isinstance(b, Mapping)) or a["shape"] != b["shape"]:
        return pair(_shown(a), _shown(b))
    if "values" in a and "values" in b:
        ours, theirs = _complex(a), _complex(b)
        if len(ours) <= _OLD_FULL:
            texts = [[_shown(x, digits) for x in (a, b)] for digits in (9, 17)]
            one, other = texts[0] if texts[0][0] != texts[0][1] else texts[1]
            return pair(one, other)
        place = int(np.argmax(_unequal(a, b).reshape(len(ours), -1).any(axis=1)))
        texts = [[_number(x[place], digits) for x in (ours, theirs)] for digits in (9, 17)]
        one, other = texts[0] if texts[0][0] != texts[0][1] else texts[1]
        return pair(one, other, f" in its value {place + 1} of {len(ours)}")
    if "cells" in a and "cells" in b and a["count"] == b["count"]:
        piece = np.array_split(np.arange(a["count"]), _PIECES)[_pieces_apart(a, b)[0]]
        parts = a["count"] // int(np.prod(a["shape"]))  # 2 for complex numbers
        among = f"{piece[0] // parts + 1} to {piece[-1] // parts + 1}"
        return pair(_shown(a), _shown(b), f", apart among its values {among}")
    return pair(_shown(a), _shown(b))


def _number(x: complex, digits: int) -> str:
    return f"{x if x.imag else x.real:.{digits}g}"


def _shown(fact: Any, digits: int = 9) -> str:
    if fact is None:
        return "missing"
    if not isinstance(fact, Mapping):
        return str(fact)
    shape = "x".join(map(str, fact["shape"]))
    if "norm" in fact:
        return f"an array ({shape}) of norm {fact['norm']:.12g}"
    if "cells" in fact:
        return f"an array ({shape}) from {fact['least']:.9g} to {fact['most']:.9g}"
    if len(fact["values"]) > 2 * _OLD_FULL:
        return f"an array ({shape})"
    text = ", ".join(_number(x, digits) for x in _complex(fact))
    return text if not fact["shape"] else f"({text})"
