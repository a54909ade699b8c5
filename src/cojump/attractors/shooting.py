"""Periodic orbits by shooting: Newton's method for the point and the period, from a rough return of the flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ConvergenceError
from ..integration import integrate
from .dynamics import Array, Dynamics, travel

_STEPS = 12
"""Newton steps before an orbit is given up."""

_LONGEST = 0.2
"""Largest change of the period in one step, relative."""

_ROUGH, _PRECISE = 1e-5, 3e-11
"""Largest |q(T) - q(0)| of an orbit that is found roughly, and precisely."""

_NEUTRAL = 1e-4
"""Multipliers closer to 1 than this in modulus are neither growth nor decay of a rough orbit."""

_RETURN = 0.1
"""A path has come back if it is this close to its start, in units of its size."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """A periodic orbit: a point (k,) on it, the period, the monodromy matrix (k, k), and points (n, k) along it."""

    point: Array
    period: float
    monodromy: Array
    path: Array

    @property
    def size(self) -> float:
        """Largest extent in any coordinate."""
        return extent(self.path)

    @property
    def multipliers(self) -> NDArray[np.complex128]:
        """(k,) Floquet multipliers: the trivial one, 1, first, the others by falling modulus."""
        values = np.linalg.eigvals(self.monodromy).astype(complex)
        trivial = int(np.argmin(np.abs(values - 1)))
        others = np.delete(values, trivial)
        return np.concatenate([values[[trivial]], others[np.argsort(-np.abs(others), kind="stable")]])

    @property
    def attracts(self) -> bool:
        """Whether all multipliers but the trivial one are clearly inside the unit circle."""
        return bool(np.all(np.abs(self.multipliers[1:]) < 1 - _NEUTRAL))

    def passes(self, q: Array, share: float) -> bool:
        """Whether q is within a share of the orbit's size from the polygon of its points."""
        sides = np.roll(self.path, -1, axis=0) - self.path
        along = np.einsum("nk,nk->n", q - self.path, sides) / np.maximum(np.einsum("nk,nk->n", sides, sides), 1e-300)
        feet = self.path + np.clip(along, 0, 1)[:, None] * sides
        return bool(np.linalg.norm(feet - q, axis=1).min() < share * self.size)


def extent(path: Array) -> float:
    """Largest extent of a path (n, k) in any coordinate."""
    return float(np.ptp(path, axis=0).max())


def first_return(dynamics: Dynamics, path: Array, times: Array) -> float | None:
    """When a path first comes back near its start, in the direction in which it left; None if it does not."""
    ahead = (path - path[0]) @ dynamics.flow(path[0])
    for i in np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0)):
        part = ahead[i] / (ahead[i] - ahead[i + 1])
        back = path[i] + part * (path[i + 1] - path[i])
        if np.linalg.norm(back - path[0]) < _RETURN * extent(path[: i + 2]):
            return float(times[i] + part * (times[i + 1] - times[i]))
    return None


def variation(dynamics: Dynamics) -> Callable[[float, Array], Array]:
    """Right-hand side for q and Φ together: dq/dt = f(q), dΦ/dt = G(q) Φ."""
    k = dynamics.dimension

    def derivative(_t: float, y: Array) -> Array:
        q, phi = y[:k], y[k:].reshape(k, k)
        return np.concatenate([dynamics.flow(q), (dynamics.jacobian(q) @ phi).ravel()])

    return derivative


def shoot(dynamics: Dynamics, q: Array, period: float, *, precise: bool, samples: int = 64) -> Orbit | None:
    """The periodic orbit near q with a period near ``period``, or None if Newton's method finds none there.

    Parameters
    ----------
    dynamics : Dynamics
    q : (k,) array
    period : float
    precise : bool
        Close the orbit to 3e-11 with the tolerances of the mean-field integrator, or to 1e-5, ten times as fast.
    samples : int
        Number of points of the orbit's path.

    Raises
    ------
    UnsupportedError
        If a rate has no derivative on the way.
    """
    k = dynamics.dimension
    run = integrate if precise else travel
    derivative = variation(dynamics)
    tolerance = _PRECISE if precise else _ROUGH
    for _ in range(_STEPS):
        try:
            y = run(derivative, np.concatenate([q, np.eye(k).ravel()]), np.linspace(0.0, period, samples + 1))
        except ConvergenceError:
            return None
        end, monodromy = y[-1, :k], y[-1, k:].reshape(k, k)
        if float(np.abs(end - q).max()) < tolerance:
            return Orbit(q, period, monodromy, y[:-1, :k])
        # the change of q is held across the flow, that of the period closes the orbit along it
        here = dynamics.flow(q)
        equations = np.block([[monodromy - np.eye(k), dynamics.flow(end)[:, None]], [here[None, :], np.zeros((1, 1))]])
        change = np.linalg.lstsq(equations, np.concatenate([q - end, [0.0]]), rcond=1e-12)[0]
        share = min(1.0, _LONGEST * period / max(abs(change[-1]), 1e-300))
        q, period = q + share * change[:-1], period + share * change[-1]
        if not np.all(np.isfinite(q)) or float(np.linalg.norm(q - end)) > 2 * extent(y[:, :k]):
            return None
    return None


def primitive(dynamics: Dynamics, orbit: Orbit, *, precise: bool) -> Orbit:
    """The orbit run through once, if the one given runs through it several times."""
    n = len(orbit.path)
    for part in (5, 3, 2):
        back = np.linalg.norm(orbit.path[round(n / part)] - orbit.path[0])
        if back < 2 * np.pi / n * orbit.size:
            shorter = shoot(dynamics, orbit.point, orbit.period / part, precise=precise, samples=n)
            if shorter is not None and shorter.size > 0.9 * orbit.size:
                return primitive(dynamics, shorter, precise=precise)
    return orbit
