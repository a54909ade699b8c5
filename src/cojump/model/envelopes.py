"""Named shapes f(t) that terms are multiplied with: a quench, a ramp, an oscillation, pulses, a function of a file.

A shape is a small object that can be compared, pickled and stored with results, and that knows the times at which it is
not smooth. Whatever takes an ``envelope`` takes one of them, and needs no ``breaks`` then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.user_code import execute

__all__ = ["gaussian", "linear", "pulses", "sine", "step"]

_WINDOW = 9.0
"""A pulse has breaks so many of its widths before and behind it, where it is e^-40: so it is seen, however short."""


_MOST_PULSES = 1000
"""Pulses of a train: f is looked at between all of their breaks before a run begins."""

FORMS = ("square", "cosine", "gaussian")
"""What one pulse of a train may look like."""


def __dir__() -> list[str]:
    return __all__


class Shape(ABC):
    """A real function of an array of times; its fields are all that it depends on."""

    @property
    def breaks(self) -> tuple[float, ...]:
        """The times greater than 0 at which it is not smooth, increasing."""
        return tuple(sorted({float(t) for t in self._edges() if t > 0}))

    @property
    def lowest(self) -> float:
        """A number below which it never is; -inf where none is known."""
        return -np.inf

    @abstractmethod
    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return f at the times t."""

    @abstractmethod
    def _edges(self) -> tuple[float, ...]:
        """The same as ``breaks``, in any order and before t = 0 too."""

    def _check(self, *names: str) -> None:
        """Make finite numbers of these fields."""
        for name in names:
            object.__setattr__(self, name, checks.number(name, getattr(self, name)))


@dataclass(frozen=True)
class Step(Shape):
    """See :func:`step`."""

    time: float
    before: float
    after: float

    def __post_init__(self) -> None:
        self._check("time", "before", "after")

    def _edges(self) -> tuple[float, ...]:
        return (self.time,)

    @property
    def lowest(self) -> float:
        """The smaller of both values."""
        return min(self.before, self.after)

    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return f at the times t."""
        return np.where(np.asarray(t) < self.time, self.before, self.after)


@dataclass(frozen=True)
class Linear(Shape):
    """See :func:`linear`."""

    start: float
    end: float
    before: float
    after: float

    def __post_init__(self) -> None:
        self._check("start", "end", "before", "after")
        if not self.start < self.end:
            found = f"start = {self.start:.9g} and end = {self.end:.9g}"
            raise ArgumentError("end", "be greater than `start`", found)

    def _edges(self) -> tuple[float, ...]:
        return (self.start, self.end)

    @property
    def lowest(self) -> float:
        """The smaller of both values."""
        return min(self.before, self.after)

    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return f at the times t."""
        return np.asarray(np.interp(np.asarray(t, dtype=float), (self.start, self.end), (self.before, self.after)))


@dataclass(frozen=True)
class Sine(Shape):
    """See :func:`sine`."""

    amplitude: float
    frequency: float
    phase: float
    offset: float

    def __post_init__(self) -> None:
        self._check("amplitude", "frequency", "phase", "offset")
        if self.frequency <= 0:
            raise ArgumentError("frequency", "be greater than 0", f"it is {checks.shown(self.frequency)}")

    def _edges(self) -> tuple[float, ...]:
        return ()

    @property
    def lowest(self) -> float:
        """The lowest point of the oscillation."""
        return self.offset - abs(self.amplitude)

    @property
    def period(self) -> float:
        """2π/frequency."""
        return 2 * np.pi / self.frequency

    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return f at the times t."""
        return np.asarray(self.offset + self.amplitude * np.sin(self.frequency * np.asarray(t) + self.phase))


@dataclass(frozen=True)
class Gaussian(Shape):
    """See :func:`gaussian`."""

    centre: float
    width: float
    height: float
    offset: float

    def __post_init__(self) -> None:
        self._check("centre", "width", "height", "offset")
        if self.width <= 0:
            raise ArgumentError("width", "be greater than 0", f"it is {checks.shown(self.width)}")

    def _edges(self) -> tuple[float, ...]:
        return (self.centre - _WINDOW * self.width, self.centre + _WINDOW * self.width)

    @property
    def lowest(self) -> float:
        """What it is far away or at its top."""
        return self.offset + min(self.height, 0.0)

    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return f at the times t."""
        x = (np.asarray(t) - self.centre) / self.width
        return np.asarray(self.offset + self.height * np.exp(-0.5 * np.minimum(x * x, 1e3)))


@dataclass(frozen=True)
class Pulses(Shape):
    """See :func:`pulses`."""

    period: float
    width: float
    number: int
    form: str
    first: float
    height: float
    offset: float

    def __post_init__(self) -> None:
        self._check("period", "width", "first", "height", "offset")
        object.__setattr__(self, "number", checks.integer("number", self.number, 1, _MOST_PULSES))
        if not isinstance(self.form, str) or self.form not in FORMS:
            raise ArgumentError("form", f"be one of {', '.join(FORMS)}", f"it is {checks.shown(self.form)}")
        if not 0 < self.width < self.period:
            found = f"width = {self.width:.9g} and period = {self.period:.9g}"
            raise ArgumentError("width", "be greater than 0 and less than `period`", found)

    @property
    def _reach(self) -> float:
        """How far a pulse goes to both sides of its centre."""
        return _WINDOW * self.width if self.form == "gaussian" else self.width / 2

    def _edges(self) -> tuple[float, ...]:
        centres = self.first + self.period * np.arange(self.number)
        if 2 * self._reach >= self.period:  # they overlap: all is smooth but for the two ends
            return float(centres[0] - self._reach), float(centres[-1] + self._reach)
        return *(centres - self._reach).tolist(), *(centres + self._reach).tolist()

    @property
    def lowest(self) -> float:
        """What it is between two pulses, or at the top of one; of pulses that overlap, at the top of all of them."""
        together = 1 + 2 * self._neighbours
        return self.offset + min(self.height, 0.0) * together

    @property
    def _neighbours(self) -> int:
        """How many pulses on each side are felt at the centre of one."""
        return int(self._reach / self.period + 0.5)

    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return f at the times t."""
        times = np.asarray(t, dtype=float)
        nearest = np.rint((times - self.first) / self.period)
        total = np.zeros(times.shape)
        for beside in range(-self._neighbours, self._neighbours + 1):
            k = nearest + beside
            there = (k >= 0) & (k < self.number)
            total += np.where(there, self._pulse(times - (self.first + self.period * k)), 0.0)
        return np.asarray(self.offset + self.height * total)

    def _pulse(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """One pulse of height 1 around 0."""
        if self.form == "gaussian":
            return np.where(np.abs(x) < self._reach, np.exp(-0.5 * np.minimum((x / self.width) ** 2, 1e3)), 0.0)
        inside = (x >= -self.width / 2) & (x < self.width / 2)
        return np.where(inside, 1.0 if self.form == "square" else np.cos(np.pi * x / self.width) ** 2, 0.0)


@dataclass(frozen=True)
class Root(Shape):
    """√f, the factor of the amplitude of a jump whose rate is to go as f, never negative."""

    of: Shape

    def __post_init__(self) -> None:
        if not isinstance(self.of, Shape):
            raise ArgumentError("of", "be a shape", f"it is {checks.shown(self.of)}")

    def _edges(self) -> tuple[float, ...]:
        return self.of.breaks

    @property
    def lowest(self) -> float:
        """Zero, or more."""
        return max(self.of.lowest, 0.0) ** 0.5

    def __call__(self, t: Any) -> NDArray[np.float64]:
        """Return √f at the times t."""
        values = np.asarray(self.of(t))
        if values.dtype.kind in "fiu" and (values < 0).any():
            raise ValueError(f"a rate is multiplied by {float(values.min()):.6g}")
        return np.asarray(np.sqrt(values))


@dataclass(frozen=True, eq=False)
class FromFile(Shape):
    """A function f(t, ...) of a user's Python file, with its text: two with the same text and options are the same.

    Parameters
    ----------
    file, function : str
        Their names.
    source : str
        The text of the file.
    options : mapping
        The arguments of the function beside the time.
    given : sequence of float
        Its breaks.
    """

    file: str
    function: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    given: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", {key: _frozen(value) for key, value in self.options.items()})
        object.__setattr__(self, "given", tuple(float(t) for t in self.given))

    @classmethod
    def of(cls, made: Callable[..., Any], file: str, source: str, options: Mapping[str, Any], breaks: Any) -> FromFile:
        """The shape of a function that has been made of the text already."""
        shape = cls(file, made.__name__, source, options, breaks)
        shape.__dict__["_made"] = made
        return shape

    def _edges(self) -> tuple[float, ...]:
        return self.given

    @cached_property
    def _made(self) -> Callable[..., Any]:
        function = getattr(execute(Path(self.file), self.source, neighbours=False), self.function)
        assert callable(function)
        return function

    def __call__(self, t: Any) -> Any:
        """Whatever the function returns."""
        return self._made(t, **self.options)

    def _facts(self) -> tuple[Any, ...]:
        return self.file, self.function, self.source, dict(self.options), self.given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FromFile) and self._facts() == other._facts()

    def __hash__(self) -> int:
        return hash((self.file, self.function, self.source))

    def __repr__(self) -> str:
        return f"{self.function} of {self.file}"

    def __getstate__(self) -> dict[str, Any]:
        """All but the function, which is made again of the text."""
        return {key: value for key, value in self.__dict__.items() if key != "_made"}


def _frozen(value: Any) -> Any:
    """Lists as tuples, as what comes out of a file."""
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def step(time: float, before: float = 0.0, after: float = 1.0) -> Step:
    """A quench: f is ``before`` until ``time``, and then ``after``.

    Parameters
    ----------
    time : float
    before, after : float

    Raises
    ------
    ArgumentError
        If one is no finite number.

    Examples
    --------
    >>> x, f = cj.operators.sigma_x, cj.envelopes.step(0.5)  # nothing happens before t = 0.5
    >>> model = cj.Model([cj.Block("spins", size=10)], [cj.OneBody(x, block="spins", envelope=f)])
    >>> model.hamiltonian[0].breaks
    (0.5,)
    >>> print(cj.mean_field(model, cj.tilted(model, 0, 0), [0, 0.5, 1.0])["spins.z"].mean.round(6))
    [1.       1.       0.540302]
    """
    return Step(time, before, after)


def linear(start: float, end: float, before: float = 0.0, after: float = 1.0) -> Linear:
    """A ramp: f is ``before`` until ``start``, ``after`` from ``end`` on, and a straight line between.

    Parameters
    ----------
    start, end : float
        Times; a ramp that begins with the run has ``start`` 0.
    before, after : float

    Raises
    ------
    ArgumentError
        If one is no finite number, or the end is not later than the start.

    Examples
    --------
    >>> ramp = cj.envelopes.linear(0.0, 4.0)
    >>> ramp(np.array([-1.0, 1.0, 4.0, 5.0])).tolist(), ramp.breaks
    ([0.0, 0.25, 1.0, 1.0], (4.0,))
    """
    return Linear(start, end, before, after)


def sine(amplitude: float, frequency: float, phase: float = 0.0, offset: float = 0.0) -> Sine:
    """An oscillation: f(t) = offset + amplitude sin(frequency t + phase).

    Parameters
    ----------
    amplitude : float
    frequency : float
        In radians per unit of time, greater than 0: the ``period`` is 2π/frequency.
    phase : float
        In radians; π/2 makes a cosine.
    offset : float

    Raises
    ------
    ArgumentError
        If one is no finite number, or the frequency is not positive.

    Examples
    --------
    >>> wave = cj.envelopes.sine(amplitude=0.5, frequency=2.0, offset=1.0)
    >>> print(wave(np.array([0.0, np.pi / 4])), round(wave.period, 6))
    [1.  1.5] 3.141593
    """
    return Sine(amplitude, frequency, phase, offset)


def gaussian(centre: float, width: float, height: float = 1.0, offset: float = 0.0) -> Gaussian:
    """A pulse: f(t) = offset + height exp(-(t - centre)²/(2 width²)); its area is √(2π) width height.

    Parameters
    ----------
    centre, width : float
        Times; the width is the standard deviation, greater than 0.
    height, offset : float

    Raises
    ------
    ArgumentError
        If one is no finite number, or the width is not positive.

    Examples
    --------
    >>> pulse = cj.envelopes.gaussian(centre=5.0, width=1e-4, height=1e4 * np.sqrt(np.pi / 8))  # the area is π/2
    >>> flip = cj.OneBody(cj.operators.sigma_x, block="spins", envelope=pulse)
    >>> model = cj.Model([cj.Block("spins", size=10)], [flip])
    >>> print(cj.mean_field(model, cj.tilted(model, 0, 0), [0, 4, 6])["spins.z"].mean.round(6))
    [ 1.  1. -1.]
    """
    return Gaussian(centre, width, height, offset)


def pulses(
    period: float,
    width: float,
    number: int,
    form: str = "square",
    first: float | None = None,
    height: float = 1.0,
    offset: float = 0.0,
) -> Pulses:
    """A train of equal pulses: f(t) = offset + height Σ_k p(t - first - k period), k = 0 .. number - 1.

    Parameters
    ----------
    period, width : float
        Times; the width is greater than 0 and less than the period.
    number : int
        Of pulses, 1 to 1000. A periodic drive of mean field (``cojump.attractors.stroboscopic``) looks at two of them.
    form : str
        "square": p = 1 within half of the width on either side of the centre, its area is the width. "cosine": p =
        cos²(πx/width) there, its area is half of the width. "gaussian": p = exp(-x²/(2 width²)), its area is
        √(2π) width.
    first : float, optional
        The centre of the first pulse; half a period if it is not given.
    height, offset : float

    Raises
    ------
    ArgumentError
        If a number is out of its range, or the form is unknown.

    Examples
    --------
    >>> kicks = cj.envelopes.pulses(period=2.0, width=0.1, number=4, height=np.pi / 4 / 0.1)  # each has the area π/4
    >>> kicks.breaks[:4]
    (0.95, 1.05, 2.95, 3.05)
    >>> model = cj.Model([cj.Block("spins", size=10)], [cj.OneBody(cj.operators.sigma_x, "spins", envelope=kicks)])
    >>> print(cj.mean_field(model, cj.tilted(model, 0, 0), [0, 2, 4, 6, 8])["spins.z"].mean.round(6) + 0.0)
    [ 1.  0. -1.  0.  1.]
    """
    half = period / 2 if first is None and isinstance(period, int | float) else first
    return Pulses(period, width, number, form, half, height, offset)


NAMED: dict[str, Callable[..., Shape]] = {shape.__name__: shape for shape in (step, linear, sine, gaussian, pulses)}
"""The shapes that a run file can name."""
