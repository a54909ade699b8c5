"""Mean field, covariance and mean correction together on their way from a product state, in coordinates.

The equations are those of :mod:`cojump.theory.fluctuations`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..model import Model
from ..model.driven import Drive
from ..model.states import State, check_start
from ..tools.ode import MANY_PERIODS, Method, exponential, integrate
from ..tools.types import Array
from .driven_flow import integrate_driven
from .expansion import Expansion

_TOLERANCES = 1e-10, 1e-12

_METHODS = (Method("DOP853", 20_000, 80_000), Method("LSODA", 50_000, 100_000), Method("DOP853", 20_000, 400_000))
"""Fewer derivatives than of mean field: one of them takes ten times as long."""

OPTIONS: dict[str, Any] = {"what": "equations of the fluctuations", "tolerances": _TOLERANCES, "methods": _METHODS}
"""Of the integrator."""


def coordinates_at(model: Model, state: State, time: float) -> tuple[Array, Array]:
    """Mean field (n,) and covariance (n, n) at a time, in the coordinates of the expansion.

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError
        As :func:`path_of_fluctuations`.
    """
    _, path = path_of_fluctuations(model, state, np.array([time]))
    n = int(np.sqrt(path.shape[1] + 1)) - 1
    return path[-1, :n], path[-1, n : n + n * n].reshape(n, n)


def path_of_fluctuations(model: Model, state: State, checked: Array) -> tuple[Expansion, Array]:
    """An expansion, and mean field (n,), covariance (n, n) and correction (n,) in its coordinates, side by side.

    Raises
    ------
    ArgumentError
        If the state is no product state, or does not fit.
    UnsupportedError
        If a rate function is not smooth where mean field passes.
    ConvergenceError
        If the integrator fails.
    """
    check_start(model, state)
    if not state.is_product:
        raise ArgumentError(
            "state", "be a product state for the theory of fluctuations", "its particles are correlated"
        )
    drive = Drive(model, checked[-1]) if model.is_driven else None
    expansion = Expansion(model if drive is None else drive.parts[0].model)
    m = expansion.coordinates(state.densities, state.amplitudes)
    n = len(m)

    def derivative(expansion: Expansion, y: Array) -> Array:
        m, C, delta = y[:n], y[n : n + n * n].reshape(n, n), y[n + n * n :]
        G = expansion.jacobian(m)
        spread = G @ C
        change = spread + spread.T + expansion.diffusion(m)
        drift = G @ delta + expansion.curvature(m, C) + expansion.ordering(m)
        return np.concatenate([expansion.flow(m), change.ravel(), drift])

    start = np.concatenate([m, expansion.product_covariance(m).ravel(), np.zeros(n)])
    options: dict[str, Any] = {**OPTIONS, "unit_rate": model.unit_rate}
    if drive is not None:
        # all of it is linear in the terms: flow, its derivatives, and noise
        flows = [partial(derivative, Expansion(part.model)) for part in drive.parts]
        path = integrate_driven(drive, flows, start, checked, **OPTIONS)
    elif model.is_free and model.fastest * checked[-1] > MANY_PERIODS:
        # independent particles stay independent: C is that of a product state, and nothing corrects the means
        alone = exponential(expansion.flow, m, checked)
        spread = np.array([expansion.product_covariance(y).ravel() for y in alone])
        path = np.concatenate([alone, spread, np.zeros_like(alone)], axis=1)
    else:
        path = integrate(lambda _t, y: derivative(expansion, y), start, checked, **options)
    return expansion, path
