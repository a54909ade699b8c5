"""Where the flow goes from a start: to a fixed point or onto a limit cycle."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from ...errors import ConvergenceError, UnsupportedError
from ...tools.types import Array
from .dynamics import Dynamics, travel
from .roots import newton
from .shooting import (
    NEUTRAL_PRECISE,
    RANK_OF_FAMILY,
    Orbit,
    extent,
    first_return,
    in_family,
    primitive,
    shoot,
)

_FIRST, _GROWTH = 10.0, 1.3
"""The flow is looked at after a time of 10 in units of the fastest rate, then after pieces that become longer, so that
any period fits into one."""

_PER_UNIT = 4
"""Points of a path in the time of the fastest rate."""

_NEAR = 0.05
"""The flow is caught by a fixed point at most this far from it."""

_AT_REST = 1e-10
"""|dq/dt|, in units of the fastest rate, at which nothing moves any more."""

_LEVEL = 1e-6
"""Growth, in units of the fastest rate, that is called zero."""

_ON, _BESIDE, _ON_FAMILY = 0.02, 0.2, 1e-4
"""Shares of its size by which a point may be off an orbit that it is said to be on, or that was found from it, and off
one of a continuum of orbits that it is said to be on."""

_CLOSES = 3e-3
"""Share of its size by which a path may miss its start that may be an orbit of a continuum."""

_MEMBER = 1e-6
"""Distance of two fixed points of a continuum that are taken as one."""


class Rest:
    """A fixed point that the flow reaches.

    With P from GᵀP + PG = -1, d·P·d is a Lyapunov function near the point: there it decays as d(d·P·d)/dt = -d². The
    flow is caught when it does so at half this rate or more at two visits in a row, and has become smaller.
    """

    def __init__(self, dynamics: Dynamics, q: Array) -> None:
        self.point = q
        self.level = False
        """Whether something neither grows nor decays: the point may be one of a continuum."""
        self._level = np.inf
        self._weights: Array | None = None
        try:
            G = dynamics.jacobian(q)
        except UnsupportedError:
            return
        slowest = np.linalg.eigvals(G).real.max()
        self.level = bool(abs(slowest) < _LEVEL * dynamics.fastest_rate)
        if slowest < -1e-9 * dynamics.fastest_rate:
            self._weights = solve_continuous_lyapunov(G.T, -np.eye(len(q)))

    @property
    def attracts(self) -> bool:
        """Whether the point is stable by its Jacobian."""
        return self._weights is not None

    def forget(self) -> None:
        """Begin with another path."""
        self._level = np.inf

    def catches(self, q: Array, f: Array) -> bool:
        """Whether a path that is now at q, with dq/dt = f, ends here."""
        d = q - self.point
        before, self._level = self._level, np.inf
        if self._weights is None or np.linalg.norm(d) > _NEAR:
            return False
        falls = 2 * d @ self._weights @ f < -0.5 * (d @ d)
        if falls or not np.any(d):
            self._level = float(d @ self._weights @ d)
        return bool(self._level < before < np.inf)


class Settling:
    """Follows the flow from starts to attractors and remembers those it has met.

    Parameters
    ----------
    dynamics : Dynamics
    time_limit : float
        A start that has not settled by then is given up.
    unit : float
        Times in messages are divided by it.

    Attributes
    ----------
    rests, orbits : lists of Rest and Orbit
    begun : float
        When the last piece of the path begun that was followed.
    """

    def __init__(self, dynamics: Dynamics, time_limit: float, unit: float = 1.0) -> None:
        self.dynamics, self.time_limit, self._unit = dynamics, time_limit, unit
        self.rests: list[Rest] = []
        self.orbits: list[Orbit] = []
        self.begun = 0.0

    def know(self, q: Array) -> None:
        """Add a fixed point found by other means."""
        self.rests.append(Rest(self.dynamics, q))

    def follow(self, q: Array) -> Rest | Orbit:
        """Follow the flow from q (k,) to a fixed point or a stable periodic orbit.

        Raises
        ------
        ConvergenceError
            If it settles on neither in the time given.
        """
        dynamics, unit = self.dynamics, 1 / self.dynamics.fastest_rate
        for rest in self.rests:
            rest.forget()
        time, length, next_try = 0.0, _FIRST * unit, 0.0
        while time < self.time_limit:
            times = np.linspace(0.0, length, int(_PER_UNIT * length / unit) + 1)
            path = travel(lambda _t, y: dynamics.flow(y), q, times)
            q, self.begun, time = path[-1], time, time + length
            f = dynamics.flow(q)
            for rest in self.rests:
                if rest.catches(q, f):
                    return rest
            for orbit in self.orbits:
                if orbit.passes(q, _share(orbit)):
                    return orbit
            slow = extent(path[len(path) // 2 :]) < _NEAR
            if slow and (found := self._rest_at(q, f)) is not None:
                return found
            if time >= next_try and not slow:
                found_orbit = self._orbit_along(path, times)
                if found_orbit is not None:
                    return self._known(found_orbit)
                next_try = 1.3 * time
            length *= _GROWTH
        raise ConvergenceError(
            "The mean-field flow has settled neither on a fixed point nor on a limit cycle by t = "
            f"{time / self._unit:.6g}"
        )

    def _known(self, orbit: Orbit) -> Orbit:
        """The orbit as it was first found."""
        for known in self.orbits:
            share = _share(known)
            if known.passes(orbit.point, share) and abs(known.period - orbit.period) < share * known.period:
                return known
        self.orbits.append(orbit)
        return orbit

    def _rest_at(self, q: Array, f: Array) -> Rest | None:
        """A new fixed point near a path that hardly moves, noted; returned once the path stands still."""
        still = float(np.abs(f).max()) < _AT_REST * self.dynamics.fastest_rate
        near = [rest for rest in self.rests if np.linalg.norm(rest.point - q) < _NEAR]
        if near:
            nearest = min(near, key=lambda rest: float(np.linalg.norm(rest.point - q)))
            if not still or not nearest.level or np.linalg.norm(nearest.point - q) < _MEMBER:
                return nearest if still else None
        point = newton(self.dynamics, q)
        if point is None or np.linalg.norm(point - q) > _NEAR:
            point = q if still else None
        if point is not None:
            self.know(point)
        return self.rests[-1] if still and point is not None else None

    def _orbit_along(self, path: Array, times: Array) -> Orbit | None:
        """A periodic orbit close to a path that comes back to its start: stable, or one of a continuum of orbits."""
        returned = first_return(self.dynamics, path, times)
        if returned is None:
            return None
        period, missed = returned
        # Newton's method may go to a fixed point, or to an unstable orbit within
        size = extent(path[times <= period])

        def near(orbit: Orbit | None) -> bool:
            return (
                orbit is not None
                and float(np.linalg.norm(orbit.point - path[0])) <= _BESIDE * size
                and orbit.size >= 0.5 * size
            )

        try:
            orbit = shoot(self.dynamics, path[0], period, precise=False)
            if orbit is not None and near(orbit) and orbit.attracts:
                return primitive(self.dynamics, orbit, precise=False)
            if missed > _CLOSES:
                return None
            orbit = shoot(self.dynamics, path[0], period, precise=False, rank=RANK_OF_FAMILY)
            if orbit is None or not near(orbit) or not orbit.neutral():
                return None
            orbit = shoot(self.dynamics, orbit.point, orbit.period, precise=True, rank=RANK_OF_FAMILY) or shoot(
                self.dynamics, orbit.point, orbit.period, precise=True
            )
            if orbit is None or not near(orbit):
                return None
            orbit = primitive(self.dynamics, orbit, precise=True)
            if orbit.neutral(NEUTRAL_PRECISE):
                return orbit if in_family(self.dynamics, orbit) else None
            return orbit if float(np.abs(orbit.multipliers[1:]).max()) < 1 else None
        except UnsupportedError:
            return None


def _share(orbit: Orbit) -> float:
    """Share of its size by which a point on an orbit may be off it: through every point beside one of a continuum
    there is another.
    """
    return _ON_FAMILY if orbit.neutral() else _ON
