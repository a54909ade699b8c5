"""Where the flow goes from a start: to a fixed point or onto a limit cycle."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from ..errors import ConvergenceError, UnsupportedError
from .dynamics import Array, Dynamics, travel
from .fixed_points import newton
from .shooting import Orbit, extent, first_return, primitive, shoot

_FIRST, _GROWTH = 10.0, 1.3
"""The flow is looked at after a time of 10 in units of the fastest rate, then after pieces that become longer, so that
any period fits into one."""

_PER_UNIT = 4
"""Points of a path in the time of the fastest rate."""

_NEAR = 0.05
"""The flow is caught by a fixed point at most this far from it."""

_AT_REST = 1e-10
"""|dq/dt|, in units of the fastest rate, at which nothing moves any more."""

_ON, _BESIDE = 0.02, 0.2
"""Shares of its size by which a point may be off an orbit that it is said to be on, or that was found from it."""


class Rest:
    """A fixed point that the flow reaches.

    With P from GᵀP + PG = -1, d·P·d is a Lyapunov function near the point: there it decays as d(d·P·d)/dt = -d². The
    flow is caught when it does so at half this rate or more at two visits in a row, and has become smaller.
    """

    def __init__(self, dynamics: Dynamics, q: Array) -> None:
        self.point = q
        self._level = np.inf
        self._weights: Array | None = None
        try:
            G = dynamics.jacobian(q)
        except UnsupportedError:
            return
        if np.linalg.eigvals(G).real.max() < -1e-9 * dynamics.fastest_rate:
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
    """

    def __init__(self, dynamics: Dynamics, time_limit: float) -> None:
        self.dynamics, self.time_limit = dynamics, time_limit
        self.rests: list[Rest] = []
        self.orbits: list[Orbit] = []

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
            q, time = path[-1], time + length
            f = dynamics.flow(q)
            for rest in self.rests:
                if rest.catches(q, f):
                    return rest
            for orbit in self.orbits:
                if orbit.passes(q, _ON):
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
            f"The mean-field flow has settled neither on a fixed point nor on a limit cycle by t = {time:.6g}"
        )

    def _known(self, orbit: Orbit) -> Orbit:
        """The orbit as it was first found."""
        for known in self.orbits:
            if known.passes(orbit.point, _ON) and abs(known.period - orbit.period) < _ON * known.period:
                return known
        self.orbits.append(orbit)
        return orbit

    def _rest_at(self, q: Array, f: Array) -> Rest | None:
        """A new fixed point near a path that hardly moves, noted; returned once the path stands still."""
        still = float(np.abs(f).max()) < _AT_REST * self.dynamics.fastest_rate
        near = [rest for rest in self.rests if np.linalg.norm(rest.point - q) < _NEAR]
        if near:
            return min(near, key=lambda rest: float(np.linalg.norm(rest.point - q))) if still else None
        point = newton(self.dynamics, q)
        if point is None or np.linalg.norm(point - q) > _NEAR:
            point = q if still else None
        if point is not None:
            self.know(point)
        return self.rests[-1] if still and point is not None else None

    def _orbit_along(self, path: Array, times: Array) -> Orbit | None:
        """A stable periodic orbit close to a path that comes back to its start."""
        period = first_return(self.dynamics, path, times)
        if period is None:
            return None
        try:
            orbit = shoot(self.dynamics, path[0], period, precise=False)
        except UnsupportedError:
            return None
        # Newton's method may go to a fixed point, or to an unstable orbit within
        size = extent(path[times <= period])
        if orbit is None or np.linalg.norm(orbit.point - path[0]) > _BESIDE * size or orbit.size < 0.5 * size:
            return None
        return primitive(self.dynamics, orbit, precise=False) if orbit.attracts else None
