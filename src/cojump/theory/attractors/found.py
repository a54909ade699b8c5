"""The fixed points of a flow as they are found: told apart, counted by their indices, and gathered into families.

Families: where a quantity is conserved, a symmetry has a parameter or a manifold is dark, fixed points are not isolated
but lie on curves or surfaces. One point stands for each of those, with the dimension.

Counting: the flow maps the density matrices, a compact convex set, into themselves. So the indices sign det(-G) of all
fixed points add up to 1 if none is degenerate (Poincaré and Hopf). A point on the edge of the states counts if it moves
into them, not out of them, when a little depolarisation, f - εq, is added: then the flow on the edge points inward.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from ...errors import UnsupportedError
from ...tools.types import Array
from .dynamics import POSITIVE, MeanFieldDynamics
from .roots import RESIDUAL, newton
from .symmetry import continuous

FLAT = 1e-6
"""Eigenvalues and singular values, in units of the fastest rate, that are called zero."""

_NONE, _LINEAR = 1e-11, 1e-3
"""A singular value that is rounding; and how far from a point a smaller slope than FLAT must hold to be one."""

_QUADRATIC = 1e-2
"""Newton steps shorter than this that end beside a known point end there."""

_SAME, _SAME_IF_FLAT = 1e-7, 1e-4
"""Distance of two results that are one point: where nothing is flat, and near a point where something is, where
rounding moves Newton's limit by its square or cube root."""

_PROBE = 1e-2
"""A continuum is looked for at this distance. Two results that are nearer, with nothing that moves on the way between
them, are one point: the flow vanishes there to a high order, as it does at a dark state that is reached ever slower."""

_INDEPENDENT = 0.3
"""Ways along a continuum span a direction more if their singular value is above this."""

_FARTHER = 20
"""What stands for continua that meet in a point is taken so many times as far from it as they are looked for."""

_WALK, _WALKS = 0.1, 100
"""Step along a continuum on the way to another of its points, and most of them."""


def flat_directions(dynamics: MeanFieldDynamics, q: Array) -> Array:
    """(n, k) directions at a fixed point in which the flow has no slope; none if there is no Jacobian.

    A slope that is small but holds some way off, as that of a slow decay beside a fast oscillation, is one.
    """
    try:
        left, sizes, directions = np.linalg.svd(dynamics.jacobian(q))
    except UnsupportedError:
        return np.zeros((0, len(q)))

    def holds(i: int) -> bool:
        slopes = [sign * (left[:, i] @ dynamics.flow(q + sign * _LINEAR * directions[i])) / _LINEAR for sign in (1, -1)]
        return all(0.5 < slope / sizes[i] < 2 for slope in slopes)

    scale = dynamics.fastest_rate
    flat = [i for i in range(len(q)) if sizes[i] <= FLAT * scale and (sizes[i] <= _NONE * scale or not holds(i))]
    return directions[flat]


class Found:
    """Fixed points that are physical and different from each other.

    Attributes
    ----------
    points : list of (k,) arrays
    families : list of int
        Dimension of the continuum that each stands for; 0 for an isolated one.
    """

    def __init__(self, dynamics: MeanFieldDynamics) -> None:
        self.dynamics = dynamics
        self.points: list[Array] = []
        self.families: list[int] = []
        self._flat: list[Array] = []
        """Directions (n, k) at each point in which the flow has no slope."""
        self._origin: list[int] = []
        """The point that each is an image of, or itself."""
        self._hits: list[int] = []
        """How many random starts have led to each or to an image of it under a symmetry, at the point it comes from."""
        self._met: set[int] = set()
        """Points, up to symmetries, that the present random start has led to."""
        self._sum: tuple[int | None, ...] = ()
        """Sum of the indices of the points, once it is known."""

    # ---- taking in -------------------------------------------------------------------------------

    def add(self, q: Array | None, origin: int | None = None, *, on_rim: bool = False) -> bool:
        """Take in q unless it is none, outside the density matrices, or known; whether it was new.

        Parameters
        ----------
        q : (k,) array or None
        origin : int, optional
            The point that q is an image of.
        on_rim : bool
            Take q for its continuum even if it is a special point of it.
        """
        if q is None or not self.dynamics.is_physical(q):
            return False
        directions = flat_directions(self.dynamics, q)
        for i, known in enumerate(self.points):
            if self.families[i] and len(directions):
                continue
            flat = len(directions) > 0 or len(self._flat[i]) > 0
            if float(np.linalg.norm(q - known)) < (_SAME_IF_FLAT if flat else _SAME) or (
                flat and self._rests_between(q, known)
            ):
                better = np.abs(self.dynamics.flow(q)).max() < np.abs(self.dynamics.flow(known)).max()
                if better:
                    self.points[i], self._flat[i] = q, directions
                self._hit(i)
                if origin is not None:
                    self.unite(i, origin)
                return False
        if len(directions) and (known_family := self.family_of(q)) is not None:
            self._hit(known_family)
            return False
        neighbours = self._neighbours(q, directions)
        if neighbours and not on_rim and all(self._kind(there) != self._kind(q) for there in neighbours):
            # q lies where continua meet, or on the rim between parts of one: those are what stands for it
            return self._add_beside(q, neighbours)
        family = _span(q, neighbours)
        self.points.append(q)
        self._flat.append(directions)
        self.families.append(family)
        self._origin.append(len(self._origin) if origin is None else self._origin[origin])
        self._hits.append(0)
        self._hit(len(self.points) - 1)
        self._sum = ()
        return True

    def leads_to(self, q: Array, step: float) -> bool:
        """Whether Newton's method, which has just made a step to q, is about to end at a point found before.

        It is if the step was short and the point, without a flat direction, is nearer than half of it: near a zero
        the distance falls with the square of the step.
        """
        if step >= _QUADRATIC:
            return False
        for i, (point, flat) in enumerate(zip(self.points, self._flat, strict=True)):
            if len(flat) == 0 and float(np.linalg.norm(q - point)) < 0.5 * step:
                self._hit(i)
                return True
        return False

    def _add_beside(self, q: Array, neighbours: list[Array]) -> bool:
        """Take in what lies beside a special point q of continua, if possible at some distance; whether any was new."""
        new = False
        for there in neighbours:
            far = self._near(q + _FARTHER * (there - q))
            fits = far is not None and self._kind(far) == self._kind(there) and self._connected(far, there)
            new |= self.add(far if fits else there, on_rim=True)
        return new

    def has(self, q: Array) -> int | None:
        """The point found before that q is, where nothing is flat."""
        for i, (known, flat) in enumerate(zip(self.points, self._flat, strict=True)):
            if not len(flat) and float(np.linalg.norm(q - known)) < _SAME:
                return i
        return None

    def unite(self, i: int, j: int) -> None:
        """Count points i and j, images of each other, as one."""
        old, new = self._origin[i], self._origin[j]
        if old != new:
            self._hits[new] += self._hits[old]
            self._hits[old] = 0
            self._origin = [new if o == old else o for o in self._origin]

    @contextmanager
    def one_start(self) -> Iterator[None]:
        """Count each point that is led to as met by one random start."""
        self._met.clear()
        yield
        for i in self._met:
            self._hits[i] += 1

    def _hit(self, i: int) -> None:
        self._met.add(self._origin[i])

    @property
    def once(self) -> int:
        """Number of points, up to symmetries, that one random start alone has led to."""
        return sum(hits == 1 for hits in self._hits)

    def _rests_between(self, q: Array, known: Array) -> bool:
        """Whether two close points cannot be told apart: the flow vanishes on the straight line between them."""
        if float(np.linalg.norm(q - known)) > _PROBE:
            return False
        limit = RESIDUAL * self.dynamics.fastest_rate
        return all(np.abs(self.dynamics.flow(q + s * (known - q))).max() < limit for s in (0.25, 0.5, 0.75))

    # ---- families --------------------------------------------------------------------------------

    @cached_property
    def symmetries(self) -> list[Array]:
        """Matrices (k, k) of the symmetries with a parameter."""
        return continuous(self.dynamics)

    def dimension(self, q: Array) -> int:
        """Dimension of the continuum of fixed points around q; 0 if it is isolated."""
        return _span(q, self._neighbours(q, flat_directions(self.dynamics, q)))

    def _neighbours(self, q: Array, directions: Array) -> list[Array]:
        """Fixed points right beside q on continua through it; ``directions`` (n, k): where the flow has no slope."""
        if not len(directions):
            return []
        others = [p - q for p, flat in zip(self.points, self._flat, strict=True) if len(flat)]
        turns = [A @ q for A in self.symmetries]
        ways = [w / np.linalg.norm(w) for w in (*directions, *turns, *others) if np.linalg.norm(w) > _SAME_IF_FLAT]
        return [there for way in ways for sign in (1, -1) if (there := self._beside(q, sign * way)) is not None]

    def _beside(self, q: Array, way: Array) -> Array | None:
        """Another fixed point right beside q, with one half-way between; None if there is none."""
        there = self._near(q + _PROBE * way)
        if there is None or not 0.1 < float(np.linalg.norm(there - q)) / _PROBE < 3:
            return None
        middle = (q + there) / 2
        half = self._near(middle)
        if half is None or float(np.linalg.norm(half - middle)) > 0.1 * float(np.linalg.norm(there - q)):
            return None
        return there

    def _near(self, aside: Array) -> Array | None:
        """The fixed point that Newton's method finds from a physical point, if it is physical."""
        if not self.dynamics.is_physical(aside):
            return None
        there = newton(self.dynamics, aside)
        return there if there is not None and self.dynamics.is_physical(there) else None

    def family_of(self, q: Array) -> int | None:
        """The point found before that stands for the continuum that q, where the flow has no slope, lies on."""
        for i, known in enumerate(self.points):
            if self.families[i] and self._kind(known) == self._kind(q) and self._connected(q, known):
                return i
        return None

    def _kind(self, q: Array) -> tuple[int, int, int]:
        """How many directions grow, how many decay, and in how many nothing moves at all."""
        values = np.linalg.eigvals(self.dynamics.jacobian(q))
        flat = FLAT * self.dynamics.fastest_rate
        real = values.real
        return int(np.sum(real > flat)), int(np.sum(real < -flat)), int(np.sum(np.abs(values) <= flat))

    def _connected(self, q: Array, known: Array) -> bool:
        """Whether a walk along the continuum leads from q to the known point."""
        turned = False
        for _ in range(_WALKS):
            ahead = known - q
            distance = float(np.linalg.norm(ahead))
            if distance < _PROBE:
                return True
            directions = flat_directions(self.dynamics, q)
            if not len(directions):
                return False
            step = directions.T @ (directions @ ahead)
            if float(np.linalg.norm(step)) < 1e-3 * distance:
                # right opposite, on a circle: either way will do, once
                if turned:
                    return False
                step, turned = directions[0], True
            length = min(_WALK, float(np.linalg.norm(step)))
            moved = newton(self.dynamics, q + length * step / np.linalg.norm(step))
            if moved is None or not self.dynamics.is_physical(moved) or np.linalg.norm(moved - q) > 2 * length:
                return False
            q = moved
        return False

    # ---- counting --------------------------------------------------------------------------------

    def index(self, i: int) -> int | None:
        """What point i adds to the sum that must be 1; None if linear theory does not tell."""
        q, dynamics = self.points[i], self.dynamics
        if self.families[i]:
            return self._index_of_family(i)
        try:
            G = dynamics.jacobian(q)
        except UnsupportedError:
            return None
        if len(self._flat[i]):
            return None
        if dynamics.lowest(q) < POSITIVE:
            inside = dynamics.stays_physical(q, np.asarray(np.linalg.solve(G, q), dtype=float))
            if inside is None:
                return None
            if not inside:
                return 0
        return int(np.linalg.slogdet(-G)[0])

    def _index_of_family(self, i: int) -> int | None:
        """0 for a circle that a symmetry makes, of isolated fixed points but for it: it has the Euler number 0."""
        turned = [A @ self.points[i] for A in self.symmetries]
        circle = any(np.linalg.norm(t) > _SAME_IF_FLAT for t in turned)
        alone = self.families[i] == 1 and len(self._flat[i]) == 1
        return 0 if circle and alone and self.dynamics.lowest(self.points[i]) > POSITIVE else None

    @property
    def sum_of_indices(self) -> int | None:
        """Sum over all points found; None if one is degenerate."""
        if not self._sum:
            indices = [self.index(i) for i in range(len(self.points))]
            self._sum = (None if None in indices else sum(i for i in indices if i is not None),)
        return self._sum[0]


def _span(q: Array, neighbours: list[Array]) -> int:
    """Number of dimensions in which the neighbours (k,) of q lie."""
    if not neighbours:
        return 0
    ways = np.array([(there - q) / np.linalg.norm(there - q) for there in neighbours])
    return int(np.sum(np.linalg.svd(ways, compute_uv=False) > _INDEPENDENT))
