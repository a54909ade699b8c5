"""Integration of smooth flows to high precision, of the mean field and of everything that follows along it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from ..errors import ConvergenceError
from .types import Array


class Method(NamedTuple):
    """An integrator of scipy and what it may cost.

    Attributes
    ----------
    name : str
    most : int
        How many derivatives it may ask for from the start,
    further : int
        and how many more when it has come to the end, in proportion before: a cycle followed for long needs many, a
        flow held on an edge gets nowhere with them.
    """

    name: Any
    most: int
    further: int


LSODA = Method("LSODA", 50_000, 1_000_000)

MEAN_FIELD = (Method("DOP853", 20_000, 0), LSODA, Method("DOP853", 20_000, 3_000_000))
"""Integrators in the order they are tried: an explicit one of high order, one that switches to implicit steps, and the
first with more patience, for many fast oscillations that nothing damps: it needs fewer derivatives for them."""


_PHASE = 1e-3
"""Error of a phase beyond which a solution says nothing any more."""

MANY_PERIODS = 1e3
"""Largest rate times time beyond which a linear flow is not integrated but solved."""

_WELL_CONDITIONED = 1e4
"""Condition of eigenvectors that costs fewer digits than a product of exponentials."""


_PATIENCE, _LOOK = 8192, 1024
"""Of so many derivatives the last so many are looked at, whether the flow is held on a jump of its derivative."""

_EARLY = 64
"""The first derivatives tell how fast the flow can be: at rest any difference would seem large."""

_TOUCHING, _APART = 1e-9, 0.01
"""States so near one another (in parts of their norm) with derivatives so far apart (of the largest): between them is a
jump, or a flow that is so stiff that an explicit method tells nothing."""

_CROSSINGS, _ADVANCE = 100, 0.05
"""A flow that meets a jump so often while it goes so far, in parts of the norm of its state, slides along it."""


class _TooManyStepsError(Exception):
    """The integrator asked for more derivatives than it is given."""


class _SlidingError(Exception):
    """The flow is held on a jump of its derivative: each step across it leads back."""


class _Sliding:
    """Looks whether an integrator crosses a jump of the derivative over and over and gets nowhere.

    One that is crossed and left behind, even at every turn of a cycle, is no such thing: between two crossings of it
    the flow goes far.
    """

    def __init__(self) -> None:
        self._asked = self._crossings = 0
        self._since: float | None = None
        self._fastest = 0.0
        self._before: tuple[Array, Array] | None = None

    def look(self, s: float, y: Array, change: Array) -> None:
        """Take in a derivative that the integrator has asked for."""
        self._asked += 1
        if self._asked <= _EARLY:
            self._fastest = max(self._fastest, float(np.linalg.norm(change)))
        if self._asked % _PATIENCE < _PATIENCE - _LOOK:
            self._before = self._since = None
            return
        before, self._before = self._before, (y.copy(), change)
        if before is None:
            return
        step = y - before[0]
        if step @ step > _TOUCHING**2 * (y @ y):
            return
        self._fastest = max(self._fastest, float(np.linalg.norm(change)))
        if not np.linalg.norm(change - before[1]) >= _APART * self._fastest:
            return
        if self._since is None or (s - self._since) * self._fastest > _ADVANCE * float(np.linalg.norm(y)):
            self._since, self._crossings = s, 0
        self._crossings += 1
        if self._crossings > _CROSSINGS:
            raise _SlidingError


def integrate(
    derivative: Callable[[float, Array], Array],
    start: Array,
    times: Array,
    *,
    what: str = "mean-field equations",
    tolerances: tuple[float, float] = (1e-11, 1e-13),
    methods: Sequence[Method] = MEAN_FIELD,
    unit_rate: float = 1.0,
    since: float = 0.0,
) -> Array:
    """(T, n) solution at the times, exactly the start at t = 0.

    A flow that is stiff for the explicit method goes to the other, with the same tolerances. One that neither follows
    is refused: a discontinuous rate can hold it on the edge.

    Parameters
    ----------
    derivative : callable
        derivative(t, y) -> dy/dt.
    start : (n,) array
    times : (T,) array
        Increasing, from 0 on.
    what : str
        What messages call the equations.
    tolerances : (float, float)
        Relative and absolute one.
    methods : sequence of Method
    unit_rate : float
        A rate, a power of two, that the integrator is to see as 1 (:attr:`cojump.Model.unit_rate`): scipy's integrators
        begin with steps that know absolute lengths of time.
    since : float
        What messages add to all times.

    Raises
    ------
    ConvergenceError
        If no method comes to the end.
    """
    scaled = times * unit_rate
    if scaled[-1] == 0:  # at t = 0, or so soon after it that the product underflows
        return np.tile(start, (len(times), 1))
    why = ""
    rtol, atol = tolerances
    for method in methods:
        asked, reached, sliding = 0, 0.0, _Sliding()

        def counted(s: float, y: Array, method: Method = method, sliding: _Sliding = sliding) -> Array:
            nonlocal asked, reached
            asked, reached = asked + 1, s / unit_rate
            if asked > method.most + method.further * s / scaled[-1]:
                raise _TooManyStepsError
            change = derivative(reached, y)
            change = change if unit_rate == 1 else change / unit_rate
            sliding.look(s, y, change)
            return change

        with np.errstate(all="ignore"), warnings.catch_warnings():
            # what an integrator has to say of a step that failed is in the message of the one error below
            warnings.filterwarnings("ignore", module=r"scipy\.")
            try:
                path = solve_ivp(
                    counted, (0.0, scaled[-1]), start, method=method.name, t_eval=scaled, rtol=rtol, atol=atol
                )
            except _SlidingError:
                why = f"a rate is discontinuous, and at t = {since + reached:.3g} the flow slides along its jump"
            except _TooManyStepsError:
                why = (
                    f"{asked} derivatives lead to t = {since + reached:.3g}; the flow is stiff beyond measure or "
                    f"oscillates very often, or a rate is discontinuous"
                )
            else:
                if path.success and np.all(np.isfinite(path.y)):
                    return path.y.T
                why = "the solution is not finite" if path.success else " ".join(str(path.message).split())
    raise ConvergenceError(f"The {what} could not be integrated to t = {since + times[-1]:g}: {why}")


def exponential(derivative: Callable[[Array], Array], start: Array, times: Array) -> Array:
    """(T, n) e^{Mt} y at the times for a linear flow dy/dt = M y, however stiff it is and however often it oscillates.

    The error is that of phases, rounding times ‖M‖t. A matrix without a basis of eigenvectors goes by products of short
    exponentials, which lose a little more.

    Raises
    ------
    ConvergenceError
        If that leaves nothing of the phase of a motion that has not decayed.
    """
    matrix = np.stack([derivative(unit) for unit in np.eye(len(start))], axis=1)
    values, vectors = np.linalg.eig(matrix)
    left = np.exp(np.minimum(np.multiply.outer(times, values.real), 0.0)) * np.abs(
        np.multiply.outer(times, values.imag)
    )
    if (lost := np.finfo(float).eps * left.max()) > _PHASE:
        raise ConvergenceError(
            f"The mean-field equations could not be integrated to t = {times[-1]:g}: rounding leaves {lost:.2g} of the "
            f"phase of an oscillation of frequency {np.abs(values.imag).max():.3g}"
        )
    if np.linalg.cond(vectors) < _WELL_CONDITIONED:
        parts = np.linalg.solve(vectors, start.astype(complex))
        return np.array([((vectors * np.exp(values * t)) @ parts).real for t in times])
    path, y = [], start
    for step in np.diff(times, prepend=0.0):
        y = expm(matrix * step) @ y
        path.append(y)
    return np.array(path)
