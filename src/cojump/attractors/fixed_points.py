"""All fixed points of the mean-field flow among the density matrices, stable and unstable.

Newton's method with the analytic Jacobian from many starts; what it finds is verified (|dm/dt| < 1e-10, positive
density matrices), told apart, and classified by the eigenvalues of the Jacobian in the traceless directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import Model, check_model
from ..states import State, check_start
from .dynamics import Array, Dynamics, MeanFieldDynamics, simple_states, travel

_RESIDUAL = 1e-10
"""Largest |dm/dt| of what is called a fixed point; in units of the fastest rate where all rates are below 1."""

_POLISHED = 1e-15
"""Newton's method goes on to this, or until rounding stops it."""

_NEWTON_STEPS, _LONGEST_STEP, _FARTHEST = 60, 0.5, 3.0

_QUADRATIC = 1e-2
"""Newton steps shorter than this that end beside a known point end there."""

_RANK = 1e-9
"""Singular values of the Jacobian below this share of the largest are zero for a Newton step."""

_FLAT = 1e-6
"""Eigenvalues and singular values, in units of the fastest rate, that are called zero."""

_SAME, _SAME_IF_FLAT = 1e-7, 1e-4
"""Distance of two results that are one point: where nothing is flat, and near a point where something is, where
rounding moves Newton's limit by its square or cube root."""

_PROBE = 1e-2
"""A continuum is looked for at this distance. Two results that are nearer, with nothing that moves on the way between
them, are one point: the flow vanishes there to a high order, as it does at a dark state that is reached ever slower."""

_MOST_ROUNDS = 50
"""Random starts end after so many times the number that must be idle."""

_SHORT = 3.0
"""Starts are also taken so far along the flow, in units of the fastest rate."""


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A fixed point of the mean-field flow.

    Attributes
    ----------
    labels : tuple of A strings "block.x"
    mean : (A,) array
        Averages per block.
    densities : list of (d_b, d_b) arrays
        One-particle density matrix of each block.
    eigenvalues : (k,) complex array
        Of the Jacobian in the k = Σ_b (d_b² - 1) traceless directions, the largest real part first. NaN if a rate has
        no derivative here.
    stability : str
        "stable", "unstable", "marginal" (the largest real part is zero: linear theory cannot tell), or "unknown" (no
        Jacobian).
    residual : float
        Largest |dm/dt| left, m in the coordinates of the paper's orthonormal basis.
    """

    labels: tuple[str, ...]
    mean: Array
    densities: list[NDArray[np.complex128]] = field(repr=False)
    eigenvalues: NDArray[np.complex128]
    stability: str
    residual: float

    @property
    def stable(self) -> bool:
        """Whether every small deviation decays exponentially."""
        return self.stability == "stable"

    @property
    def growth(self) -> float:
        """Largest real part of the eigenvalues: the rate at which deviations grow (negative: the slowest decay)."""
        return float(self.eigenvalues[0].real)


def fixed_points(model: Model, *, starts: int = 40, states: Sequence[State] = (), seed: int = 0) -> list[FixedPoint]:
    """Find all fixed points of the mean-field flow of a model.

    Parameters
    ----------
    model : Model
    starts : int
        The search ends when so many random product states in a row, each taken as it is and a short way along the
        flow, have led to nothing new. They come on top of systematic starts (basis states, equal superpositions of two
        levels, the maximally mixed state, mixtures of these, mirror images of what is found) and of ``states``.
    states : sequence of State
        Further starts.
    seed : int
        Of the random starts; the same call gives the same points.

    Returns
    -------
    list of FixedPoint
        Sorted by their averages. Fixed points closer than 1e-4 to a marginal one are not told apart from it; one to
        which the flow goes with a high power of the distance is known to about 1e-2 (|dm/dt| < 1e-10).
        That none is missing is as sure as the number of starts is large.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule.
    UnsupportedError
        If the fixed points form a continuum (conserved quantity, dark manifold): they cannot be listed.
    """
    checks.integer("starts", starts, 0)
    checks.integer("seed", seed, 0)
    check_starts(model, "states", states)
    dynamics = MeanFieldDynamics(model)
    return [describe(dynamics, q) for q in find_points(dynamics, starts, seed, states)]


def check_starts(model: object, name: str, states: object) -> None:
    """Raise ArgumentError unless ``model`` is a Model and ``states`` a sequence of States made for it."""
    check_model(model)
    if not isinstance(states, Sequence):
        raise ArgumentError(name, "be a list of States", f"it is {checks.shown(states)}")
    for i, state in enumerate(states):
        check_start(model, state, f"{name}[{i}]")


def find_points(dynamics: MeanFieldDynamics, starts: int, seed: int, states: Sequence[State] = ()) -> list[Array]:
    """Coordinates q (k,) of all fixed points that are found, sorted by their averages."""
    found = Found(dynamics)
    for q in _systematic_starts(dynamics, states):
        found.add(newton(dynamics, q, found.leads_to))
    rng, mirrored, idle = np.random.default_rng(seed), 0, 0
    for _ in range(_MOST_ROUNDS * starts):
        while mirrored < len(found.points):
            for q in _mirror_images(dynamics, found.points[mirrored]):
                found.add(newton(dynamics, q, found.leads_to))
            mirrored += 1
        if idle >= starts:
            break
        news = [found.add(newton(dynamics, q, found.leads_to)) for q in _random_starts(dynamics, rng)]
        idle = 0 if any(news) else idle + 1
    return sorted(found.points, key=lambda q: tuple(np.round(dynamics.averages(q), 6) + 0.0))


def describe(dynamics: MeanFieldDynamics, q: Array) -> FixedPoint:
    """What is known of the fixed point at q."""
    eigenvalues = np.full(dynamics.dimension, np.nan + 0j)
    stability = "unknown"
    try:
        G = dynamics.jacobian(q)
    except UnsupportedError:
        pass
    else:
        values = np.linalg.eigvals(G).astype(complex)
        eigenvalues = values[np.lexsort((values.imag, -values.real))]
        flat = _FLAT * dynamics.fastest_rate
        largest = float(eigenvalues[0].real)
        stability = "marginal" if abs(largest) <= flat else "unstable" if largest > 0 else "stable"
    return FixedPoint(
        dynamics.model.labels,
        dynamics.averages(q),
        dynamics.densities(q),
        eigenvalues,
        stability,
        float(np.abs(dynamics.flow(q)).max()),
    )


def newton(dynamics: Dynamics, q: Array, known: Callable[[Array, float], bool] | None = None) -> Array | None:
    """The zero of the flow that Newton's method reaches from q, or None.

    Steps are the shortest that solve the linear equations (a singular Jacobian moves q no further than it must), and
    no longer than 0.5. If a rate has no derivative on the way the answer is q itself where it is a zero, else None.
    None too as soon as ``known(q, length of the last step)`` says that the way leads to a zero known before.
    """
    f, scale = dynamics.flow(q), dynamics.fastest_rate
    for _ in range(_NEWTON_STEPS):
        size = float(np.abs(f).max())
        if size <= _POLISHED * min(1.0, scale):
            return q
        try:
            left, values, right = np.linalg.svd(dynamics.jacobian(q))
        except UnsupportedError:
            return None
        kept = values > _RANK * scale
        step = -right[kept].T @ ((left.T[kept] @ f) / values[kept])
        length = float(np.linalg.norm(step))
        if length > _LONGEST_STEP:
            step *= _LONGEST_STEP / length
        q = q + step
        f = dynamics.flow(q)
        if float(np.linalg.norm(q)) > _FARTHEST or (known is not None and known(q, length)):
            return None
        # a short step that gains nothing: rounding is reached
        if length < 1e-15 or (length < 1e-7 and float(np.abs(f).max()) >= size):
            break
    return q if float(np.abs(f).max()) < _RESIDUAL * min(1.0, scale) else None


class Found:
    """Fixed points that are physical and different from each other."""

    def __init__(self, dynamics: MeanFieldDynamics) -> None:
        self.dynamics = dynamics
        self.points: list[Array] = []
        self._flat: list[NDArray[np.float64]] = []
        """Directions (n, k) at each point in which the flow has no slope."""

    def add(self, q: Array | None) -> bool:
        """Take in q unless it is none, outside the density matrices, or known; whether it was new."""
        if q is None or not self.dynamics.is_physical(q):
            return False
        directions = self._flat_directions(q)
        for i, known in enumerate(self.points):
            flat = len(directions) > 0 or len(self._flat[i]) > 0
            if float(np.linalg.norm(q - known)) < (_SAME_IF_FLAT if flat else _SAME) or (
                flat and self._rests_between(q, known)
            ):
                better = np.abs(self.dynamics.flow(q)).max() < np.abs(self.dynamics.flow(known)).max()
                if better:
                    self.points[i], self._flat[i] = q, directions
                return False
        self.points.append(q)
        self._flat.append(directions)
        self._refuse_continuum(q, directions)
        return True

    def _rests_between(self, q: Array, known: Array) -> bool:
        """Whether two close points cannot be told apart: the flow vanishes on the straight line between them."""
        if float(np.linalg.norm(q - known)) > _PROBE:
            return False
        limit = _RESIDUAL * min(1.0, self.dynamics.fastest_rate)
        return all(np.abs(self.dynamics.flow(q + s * (known - q))).max() < limit for s in (0.25, 0.5, 0.75))

    def leads_to(self, q: Array, step: float) -> bool:
        """Whether Newton's method, which has just made a step to q, is about to end at a point found before.

        It is if the step was short and the point, without a flat direction, is nearer than half of it: near a zero
        the distance falls with the square of the step.
        """
        return step < _QUADRATIC and any(
            len(flat) == 0 and float(np.linalg.norm(q - point)) < 0.5 * step
            for point, flat in zip(self.points, self._flat, strict=True)
        )

    def _refuse_continuum(self, q: Array, directions: Array) -> None:
        """Raise UnsupportedError if there are further fixed points right beside q, where the flow has a flat direction.

        Looked for in the flat directions, and on the way to the other points that have some.
        """
        if not len(directions):
            return
        others = [p - q for p, flat in zip(self.points[:-1], self._flat, strict=False) if len(flat)]
        ways = [*directions, *(other / np.linalg.norm(other) for other in others)]
        if any(self._continues(q, sign * way) for way in ways for sign in (1, -1)):
            mean = np.array2string(self.dynamics.averages(q) + 0.0, precision=4, suppress_small=True)
            raise UnsupportedError(
                f"The fixed points of the mean-field flow form a continuum, for instance around the averages "
                f"{mean}: a conserved quantity, a symmetry or a dark manifold leaves a direction in which nothing "
                f"moves, and they cannot be listed"
            )

    def _continues(self, q: Array, way: Array) -> bool:
        """Whether Newton's method, started a little way off q, finds a fixed point right there."""
        aside = q + _PROBE * way
        if not self.dynamics.is_physical(aside):
            return False
        there = newton(self.dynamics, aside)
        return (
            there is not None
            and bool(np.linalg.norm(there - aside) < 0.1 * _PROBE)
            and self.dynamics.is_physical(there)
        )

    def _flat_directions(self, q: Array) -> NDArray[np.float64]:
        try:
            G = self.dynamics.jacobian(q)
        except UnsupportedError:
            return np.zeros((0, len(q)))
        _, sizes, directions = np.linalg.svd(G)
        return directions[sizes <= _FLAT * self.dynamics.fastest_rate]


def _systematic_starts(dynamics: MeanFieldDynamics, states: Sequence[State]) -> Iterator[Array]:
    """The maximally mixed state, the user's, and simple pure ones, alike in all blocks, with their mixtures."""
    yield np.zeros(dynamics.dimension)
    for state in states:
        yield dynamics.point(state.densities)
    pure = [simple_states(b.levels) for b in dynamics.model.blocks]
    for i in range(max(len(p) for p in pure)):
        q = dynamics.point([p[i % len(p)] for p in pure])
        yield q
        yield q / 2


def _mirror_images(dynamics: MeanFieldDynamics, q: Array) -> Iterator[Array]:
    """The deviation from the maximally mixed state turned round, in all blocks and in each: often a symmetry."""
    yield -q
    densities = dynamics.densities(q)
    if len(densities) > 1:
        for b, r in enumerate(densities):
            turned = 2 * np.eye(len(r)) / len(r) - r
            yield dynamics.point([turned if c == b else other for c, other in enumerate(densities)])


def _random_starts(dynamics: MeanFieldDynamics, rng: np.random.Generator) -> Iterator[Array]:
    """A random product state, and what the flow makes of it in a short time."""
    levels = [b.levels for b in dynamics.model.blocks]
    if len(levels) > 1 and rng.random() < 0.5:
        simple = [simple_states(d) for d in levels]
        densities = [states[rng.integers(len(states))] for states in simple]
    else:
        densities = [_random_density(d, rng) for d in levels]
    q = dynamics.point(densities)
    yield q
    # a rate with a step or a kink may refuse the way; the start itself was tried
    with suppress(ConvergenceError, UnsupportedError):
        yield travel(lambda _t, y: dynamics.flow(y), q, np.array([0.0, _SHORT / dynamics.fastest_rate]))[-1]


def _random_density(levels: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A density matrix, uniform in the Hilbert-Schmidt measure (for two levels: uniform in the Bloch ball)."""
    a = rng.normal(size=(levels, levels)) + 1j * rng.normal(size=(levels, levels))
    rho = a @ a.conj().T
    return rho / np.trace(rho).real
