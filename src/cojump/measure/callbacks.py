"""What users' own functions make of the state of a trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EXPECTED, ArgumentError, Stopped, foreign
from ..tools import checks
from ..tools.types import Array
from .meter import ObservedState, StateMeter

_MOST = 100_000
"""Numbers that a function may return."""


@dataclass(frozen=True, eq=False)
class Callback:
    """A function of the state that has been tried.

    Attributes
    ----------
    name : str
    function : callable
    first : array
        What it has returned for a state that a trajectory may start from: its shape is that of all values.
    second : array or str
        What it returns for a state of no symmetry, or that it returns nothing there. Both tell functions apart.
    """

    name: str
    function: Callable[[Any], Any]
    first: Array
    second: Array | str

    @property
    def labels(self) -> tuple[str, ...]:
        """Of a number its name, of the elements of an array "name[0]", "name[0,1]"."""
        return tuple(
            self.name + (f"[{','.join(map(str, place))}]" if place else "")
            for place in product(*map(range, self.first.shape))
        )

    def __call__(self, state: ObservedState) -> Array:
        """What the function returns now, flat."""
        found = value_of(self.name, self.function, state)
        if found.shape != self.first.shape:
            raise ArgumentError(
                f"callbacks[{self.name!r}]",
                f"return arrays of one shape, {self.first.shape} as at a start",
                f"at t = {state.time:g} it is {found.shape}",
            )
        return found.ravel()


def value_of(name: str, function: Callable[[Any], Any], state: ObservedState) -> Array:
    """What a function returns for a state, as an array of finite real numbers.

    Raises
    ------
    ArgumentError
        If it raises anything, or returns something else.
    """
    argument, rule = f"callbacks[{name!r}]", "return a finite real number, or an array of them"
    at = f"at t = {state.time:g}"
    try:
        given = function(state)
    except (KeyboardInterrupt, Stopped):
        raise
    except EXPECTED as error:
        raise ArgumentError(argument, "be a function that works", f"{at} it raises: {error}") from None
    except BaseException as error:  # noqa: BLE001 - a user's function may raise whatever it likes
        file = getattr(getattr(function, "__code__", None), "co_filename", "").replace("\\", "/").rpartition("/")[2]
        raise ArgumentError(argument, "be a function that works", f"{at} it raises {foreign(error, file)}") from None
    try:
        found = np.asarray(given)
    except (ValueError, TypeError):
        found = np.array(None)
    if found.dtype.kind not in "buif" or found.size > _MOST or not found.size:
        shown = f"an array ({found.size:,} numbers)" if found.dtype.kind in "buif" else checks.shown(given)
        raise ArgumentError(argument, f"{rule}, at most {_MOST:,}", f"{at} it returns {shown}")
    made: NDArray[np.float64] = found.astype(float)
    if not np.all(np.isfinite(made)):
        worst = float(made[~np.isfinite(made)][0])
        raise ArgumentError(argument, rule, f"{at} it returns {worst}" + (" in an array" if made.ndim else ""))
    return made


def tried(
    callbacks: Mapping[str, Any], states: Callable[[], tuple[ObservedState, ObservedState | None]]
) -> tuple[Callback, ...]:
    """The functions of a run, each called with a state that a trajectory may start from, and with one of no symmetry.

    Whatever it makes of the second one is no error: that state need not come up.

    Raises
    ------
    ArgumentError
        If a name is none, something is no function, or what it returns breaks a rule.
    """
    made: list[Callback] = []
    for name, function in callbacks.items():
        checks.name_as_key("callbacks", name, without="[")
        if not callable(function):
            raise ArgumentError(f"callbacks[{name!r}]", "be a function of a state", f"it is {checks.shown(function)}")
        start, other = states()
        made.append(Callback(name, function, value_of(name, function, start), _of_any(name, function, other)))
    return tuple(made)


def _of_any(name: str, function: Callable[[Any], Any], state: ObservedState | None) -> Array | str:
    if state is None:
        return "not tried"
    try:
        return value_of(name, function, state)
    except ArgumentError:
        return "nothing"


class CallbackMeter(StateMeter):
    """What the functions return at every output time."""

    name = "callbacks"

    def __init__(self, times: Array, callbacks: Sequence[Callback]) -> None:
        super().__init__(tuple(label for callback in callbacks for label in callback.labels), times)
        self._callbacks = tuple(callbacks)

    def read(self, state: ObservedState) -> Array:
        """(n,) all their numbers, one function after another."""
        return np.concatenate([callback(state) for callback in self._callbacks])


def shape_of(labels: Sequence[str], name: str) -> tuple[list[int], tuple[int, ...]]:
    """Where the numbers of one function stand among the labels, and the shape of the array that they make."""
    known = list(dict.fromkeys(label.partition("[")[0] for label in labels))
    if not isinstance(name, str) or name not in known:
        raise ArgumentError("name", f"be one of {checks.named(known)}", f"it is {checks.shown(name)}")
    places = [n for n, label in enumerate(labels) if label.partition("[")[0] == name]
    last = labels[places[-1]].removeprefix(name).strip("[]")
    return places, tuple(int(part) + 1 for part in last.split(",")) if last else ()
