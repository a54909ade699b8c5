"""Integration of smooth flows to high precision, of the mean field and of everything that follows along it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from .errors import ConvergenceError

Array = NDArray[np.float64]


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


MEAN_FIELD = (Method("DOP853", 20_000, 0), Method("LSODA", 50_000, 1_000_000))
"""Integrators in the order they are tried: an explicit one of high order, then one that switches to implicit steps."""


class _TooManyStepsError(Exception):
    """The integrator asked for more derivatives than it is given."""


def integrate(
    derivative: Callable[[float, Array], Array],
    start: Array,
    times: Array,
    *,
    what: str = "mean-field equations",
    tolerances: tuple[float, float] = (1e-11, 1e-13),
    methods: Sequence[Method] = MEAN_FIELD,
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

    Raises
    ------
    ConvergenceError
        If no method comes to the end.
    """
    if times[-1] == 0:
        return start[None, :]
    why = "the flow needs too many steps: it is stiff beyond measure, a rate is discontinuous, or t is very long"
    rtol, atol = tolerances
    for method in methods:
        asked = 0

        def counted(t: float, y: Array, method: Method = method) -> Array:
            nonlocal asked
            asked += 1
            if asked > method.most + method.further * t / times[-1]:
                raise _TooManyStepsError
            return derivative(t, y)

        with np.errstate(all="ignore"), suppress(_TooManyStepsError):
            path = solve_ivp(counted, (0.0, times[-1]), start, method=method.name, t_eval=times, rtol=rtol, atol=atol)
            if path.success and np.all(np.isfinite(path.y)):
                return path.y.T
            why = str(path.message)
    raise ConvergenceError(f"The {what} could not be integrated to t = {times[-1]:g}: {why}")
