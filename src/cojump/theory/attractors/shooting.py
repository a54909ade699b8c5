"""Periodic orbits by shooting: Newton's method for the point and the period, from a rough return of the flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import ConvergenceError
from ...tools.ode import integrate
from ...tools.types import Array
from .dynamics import Dynamics, travel

_STEPS = 12
"""Newton steps before an orbit is given up."""

_LONGEST = 0.2
"""Largest change of the period in one step, relative."""

_ROUGH, _PRECISE = 1e-5, 3e-11
"""Largest |q(T) - q(0)| of an orbit that is found roughly, and precisely."""

NEUTRAL, NEUTRAL_PRECISE = 1e-4, 1e-6
"""Multipliers closer to 1 than this in modulus are neither growth nor decay of a rough orbit, and of a precise one."""

RANK, RANK_OF_FAMILY = 1e-12, 1e-3
"""Singular values of the shooting equations below this share of the largest are zero: for a single orbit, and for one
of a family, which need not be moved along it."""

_RANK_PRECISE = 1e-8
"""Of a precise orbit of any kind: rounding makes values of 1e-10 of those that are zero in a family."""

_FAMILY = 1e-2
"""An orbit beside another is looked for so far from it, in units of its size."""

_RETURN = 0.1
"""A path has come back if it is this close to its start, in units of its size."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """A periodic orbit: a point (k,) on it, the period, the monodromy matrix (k, k), points (n, k) along it, and the
    flow (k,) at the first: the direction along the orbit.
    """

    point: Array
    period: float
    monodromy: Array
    path: Array
    along: Array | None = None

    @property
    def size(self) -> float:
        """Largest extent in any coordinate."""
        return extent(self.path)

    @property
    def multipliers(self) -> NDArray[np.complex128]:
        """(k,) Floquet multipliers: the trivial one, 1, first, the others by falling modulus.

        The direction along the orbit is split off first: where the period changes from one orbit of a family to the
        next, the multiplier 1 has fewer eigenvectors than it counts, and would be split by the root of the rounding.
        """
        if self.along is None:
            values = np.linalg.eigvals(self.monodromy).astype(complex)
            trivial = int(np.argmin(np.abs(values - 1)))
            first, others = values[[trivial]], np.delete(values, trivial)
        else:
            across = np.linalg.svd(self.along[None, :])[2]
            first = (across[:1] @ self.monodromy @ across[:1].T)[0].astype(complex)
            others = np.linalg.eigvals(across[1:] @ self.monodromy @ across[1:].T).astype(complex)
        return np.concatenate([first, others[np.argsort(-np.abs(others), kind="stable")]])

    @property
    def attracts(self) -> bool:
        """Whether all multipliers but the trivial one are clearly inside the unit circle."""
        return bool(np.all(np.abs(self.multipliers[1:]) < 1 - NEUTRAL))

    def neutral(self, tolerance: float = NEUTRAL) -> bool:
        """Whether some multipliers but the trivial one are on the unit circle as far as can be told, none outside."""
        largest = float(np.abs(self.multipliers[1:]).max(initial=0))
        return abs(largest - 1) <= tolerance

    def passes(self, q: Array, share: float) -> bool:
        """Whether q is within a share of the orbit's size from the polygon of its points."""
        sides = np.roll(self.path, -1, axis=0) - self.path
        along = np.einsum("nk,nk->n", q - self.path, sides) / np.maximum(np.einsum("nk,nk->n", sides, sides), 1e-300)
        feet = self.path + np.clip(along, 0, 1)[:, None] * sides
        return bool(np.linalg.norm(feet - q, axis=1).min() < share * self.size)


def extent(path: Array) -> float:
    """Largest extent of a path (n, k) in any coordinate."""
    return float(np.ptp(path, axis=0).max())


def first_return(dynamics: Dynamics, path: Array, times: Array) -> tuple[float, float] | None:
    """When a path first comes back near its start, in the direction in which it left, and how far from it, in units
    of its size; None if it does not.
    """
    ahead = (path - path[0]) @ dynamics.flow(path[0])
    for i in np.flatnonzero((ahead[:-1] < 0) & (ahead[1:] >= 0)):
        part = ahead[i] / (ahead[i] - ahead[i + 1])
        back = path[i] + part * (path[i + 1] - path[i])
        size = extent(path[: i + 2])
        if np.linalg.norm(back - path[0]) < _RETURN * size:
            # Hermite's cubic between the output times: a straight line is wrong by their distance squared
            h, u = times[i + 1] - times[i], 1 - part
            f, g = dynamics.flow(path[i]), dynamics.flow(path[i + 1])
            bend = part * u * (part * (path[i] - path[i + 1] + h * g) * -1 + u * (path[i] - path[i + 1] + h * f))
            across = back + bend - path[0]
            along = dynamics.flow(path[0])
            across -= along * (along @ across) / (along @ along)
            return float(times[i] + part * h), float(np.linalg.norm(across)) / size
    return None


def variation(dynamics: Dynamics) -> Callable[[float, Array], Array]:
    """Right-hand side for q and Φ together: dq/dt = f(q), dΦ/dt = G(q) Φ."""
    k = dynamics.dimension

    def derivative(_t: float, y: Array) -> Array:
        q, phi = y[:k], y[k:].reshape(k, k)
        return np.concatenate([dynamics.flow(q), (dynamics.jacobian(q) @ phi).ravel()])

    return derivative


def shoot(
    dynamics: Dynamics, q: Array, period: float, *, precise: bool, samples: int = 64, rank: float = RANK
) -> Orbit | None:
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
    rank : float
        Singular values below this share of the largest count as zero; at least 1e-8 for a precise orbit.

    Raises
    ------
    UnsupportedError
        If a rate has no derivative on the way.
    """
    rank = max(rank, _RANK_PRECISE) if precise else rank
    k = dynamics.dimension
    run = integrate if precise else travel
    derivative = variation(dynamics)
    tolerance = _PRECISE if precise else _ROUGH
    if rank >= RANK_OF_FAMILY:
        period = _closest(dynamics, q, period, run)
    for _ in range(_STEPS):
        try:
            y = run(derivative, np.concatenate([q, np.eye(k).ravel()]), np.linspace(0.0, period, samples + 1))
        except ConvergenceError:
            return None
        end, monodromy = y[-1, :k], y[-1, k:].reshape(k, k)
        if float(np.abs(end - q).max()) < tolerance:
            return Orbit(q, period, monodromy, y[:-1, :k], dynamics.flow(q))
        # the change of q is held across the flow, that of the period closes the orbit along it
        here = dynamics.flow(q)
        equations = np.block([[monodromy - np.eye(k), dynamics.flow(end)[:, None]], [here[None, :], np.zeros((1, 1))]])
        change = np.linalg.lstsq(equations, np.concatenate([q - end, [0.0]]), rcond=rank)[0]
        share = min(1.0, _LONGEST * period / max(abs(change[-1]), 1e-300))
        q, period = q + share * change[:-1], period + share * change[-1]
        if not np.all(np.isfinite(q)) or float(np.linalg.norm(q - end)) > 2 * extent(y[:, :k]):
            return None
    return None


def _closest(dynamics: Dynamics, q: Array, period: float, run: Callable[..., Array]) -> float:
    """The time, near ``period``, after which the flow from q is nearest to it.

    One of a family closes through every point. With the period right from the start Newton's method does not leave q;
    else the equations, whose values are those of the error of the period where they should be zero, lead it away.
    """
    for _ in range(_STEPS):
        try:
            end = run(lambda _t, y: dynamics.flow(y), q, np.array([0.0, period]))[-1]
        except ConvergenceError:
            return period
        f = dynamics.flow(end)
        size = float(f @ f)
        change = float(f @ (q - end)) / size if size > 0 else 0.0
        change = float(np.clip(change, -_LONGEST * period, _LONGEST * period))
        period += change
        if abs(change) < 1e-11 * period:
            break
    return period


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


def in_family(dynamics: Dynamics, orbit: Orbit) -> bool:
    """Whether a precise orbit is one of a continuum: right beside it, in each neutral direction, there is another.

    So it is where a quantity is conserved, or a symmetry has a parameter. Beside a single orbit that attracts or repels
    slowly nothing closes.
    """
    assert orbit.along is not None
    across = np.linalg.svd(orbit.along[None, :])[2][1:]
    values, vectors = np.linalg.eig(across @ orbit.monodromy @ across.T)
    step = _FAMILY * orbit.size
    for value, vector in zip(values, vectors.T, strict=True):
        if abs(abs(value) - 1) > NEUTRAL_PRECISE:
            continue
        way = across.T @ vector.real
        start = orbit.point + step * way / np.linalg.norm(way)
        # the period may differ: taken from the path first, so that what does not close is the distance alone
        times = np.linspace(0.0, 1.5 * orbit.period, 96)
        returned = first_return(dynamics, travel(lambda _t, y: dynamics.flow(y), start, times), times)
        if returned is None:
            return False
        beside = shoot(dynamics, start, returned[0], precise=True, rank=RANK_OF_FAMILY)
        if beside is None or float(np.linalg.norm(beside.point - start)) > 0.3 * step:
            return False
    return True
