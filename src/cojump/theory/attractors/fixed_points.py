"""The fixed points of the mean-field flow among the density matrices, stable and unstable.

What the search (cojump.theory.attractors.search) finds is verified (|dm/dt| < 1e-10 of the fastest rate, positive
density matrices), told apart, and classified by the eigenvalues of the Jacobian in the traceless directions. Directions
in which nothing grows or decays because of a conserved quantity or a symmetry are told from those of a bifurcation:
along them there are further fixed points, or closed orbits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import ArgumentError, UnsupportedError
from ...model import Model
from ...model.model import check_model
from ...model.product_states import state_of
from ...model.states import State, check_start
from ...tools import checks
from ...tools.labelled import Labelled, last_averages
from ...tools.numbers import format_number
from ...tools.summaries import counted, facts, more, table
from ...tools.types import Array
from .dynamics import MeanFieldDynamics
from .found import FLAT, Found, flat_directions
from .roots import newton
from .search import MOST_STARTS, Certainty, SearchedPoints, find
from .shooting import RANK_OF_FAMILY, shoot

_ASIDE = 1e-2
"""Closed orbits around a centre are looked for at this distance from it."""

_SLOW, _SLOWEST, _ALONG = 0.03, 1e-3, 0.2
"""Frequencies, in units of the fastest rate: those below the first are looked for elsewhere on a continuum, at the
distance that is the third, and of those below the second no orbit is closed."""

_LEVEL = 1e-10
"""Real parts of eigenvalues, in units of the fastest rate, that are zero where the point is precise."""

_AT_REST = 1e-6
"""|dm/dt| that a state called a fixed point may have, in units of the fastest rate, before it is refined."""

_REFINED = 1e-3
"""How far the refinement may go."""


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoint(Labelled):
    """A fixed point of the mean-field flow.

    Attributes
    ----------
    labels : tuple of A strings "block.x"
    mean : (A,) array
        Averages per block.
    densities : list of (d_b, d_b) arrays
        One-particle density matrix of each block.
    eigenvalues : (k,) complex array
        Of the Jacobian in the k = Σ_b (d_b² - 1) traceless directions and two of each mode, the largest real part
        first. NaN if a rate has no derivative here.
    stability : str
        "stable", "unstable", "neutral" (nothing grows, and what does not decay belongs to a conserved quantity or a
        symmetry: along it there are further fixed points, or closed orbits), "marginal" (the largest real part is zero
        at a single point: linear theory cannot tell), or "unknown" (no Jacobian).
    residual : float
        Largest |dm/dt| left, m in the coordinates of the paper's orthonormal basis.
    family : int
        Dimension of the continuum of fixed points that this one stands for; 0 for an isolated one.
    neutral : int
        Number of the directions in which deviations neither grow nor decay for such a reason.
    amplitudes : tuple of complex
        α of each mode.
    """

    labels: tuple[str, ...]
    mean: Array
    densities: list[NDArray[np.complex128]]
    eigenvalues: NDArray[np.complex128]
    stability: str
    residual: float
    family: int = 0
    neutral: int = 0
    amplitudes: tuple[complex, ...] = ()

    @property
    def stable(self) -> bool:
        """Whether every small deviation decays exponentially."""
        return self.stability == "stable"

    @property
    def growth(self) -> float:
        """Largest real part of the eigenvalues: the rate at which deviations grow (negative: the slowest decay)."""
        return float(self.eigenvalues[0].real)

    def _title(self) -> str:
        where = ", ".join(f"{label} = {format_number(m)}" for label, m in zip(self.labels[:3], self.mean, strict=False))
        rest = ", …" if len(self.labels) > 3 else ""
        return f"Fixed point, {self.stability}: {where}{rest}"

    def _lines(self) -> list[str]:
        family = f"one of a continuum of dimension {self.family}" if self.family else ""
        neutral = f"{counted(self.neutral, 'direction')} of a conserved quantity or a symmetry" if self.neutral else ""
        lines = facts(
            ("growth", f"{self.growth:.6g}, the largest real part of {counted(len(self.eigenvalues), 'eigenvalue')}"),
            ("continuum", family),
            ("neutral", neutral),
            ("residual", f"{self.residual:.1e} of |dm/dt|"),
        )
        return lines + last_averages(self, "average") + more(f'["{self.labels[0]}"].mean, .densities, .eigenvalues')


class FixedPoints(SearchedPoints[FixedPoint]):
    """The fixed points of a model, sorted by their averages, and how sure it is that none is missing.

    Attributes
    ----------
    certainty : Certainty
        Sum of the indices, number of random starts, and the probability that one more finds a new point.
    """

    @property
    def unseen(self) -> float:
        """Estimated probability that one more random start would find a new point."""
        return self.certainty.unseen

    def _title(self) -> str:
        kinds = Counter(p.stability for p in self)
        found = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        doubt = "" if self.certain else "; count not certain"
        return f"{counted(len(self), 'fixed point')}{': ' if found else ''}{found}{doubt}"

    def _lines(self) -> list[str]:
        sure = "the indices add up to 1" if self.certain else self.doubt
        lines = facts(("certain", sure), ("unseen", f"chance of a new one per random start {self.unseen:.2g}"))
        if not self:
            return lines
        apart = np.argsort(-np.ptp([p.mean for p in self], axis=0), kind="stable")  # averages that tell points apart
        shown = np.sort(apart[:3])
        rows = ([*(format_number(m) for m in p.mean[shown]), p.stability, _continuum(p)] for p in self)
        labels = [self[0].labels[a] for a in shown]
        heading = ["place", *labels, "stability", "continuum" if any(p.family for p in self) else ""]
        lines += table(heading, [f"[{i}]" for i in range(len(self))], rows)
        return lines + more("[0].mean, [0].stability, [0].eigenvalues, [0].densities, .certain, .doubt")


def _continuum(point: FixedPoint) -> str:
    return f"dimension {point.family}" if point.family else ""


def fixed_points(model: Model, *, starts: int = 40, states: Sequence[State] = (), seed: int = 0) -> FixedPoints:
    """Search for all fixed points of the mean-field flow of a model.

    Parameters
    ----------
    model : Model
    starts : int
        At most 10,000 (a start takes some milliseconds). The search ends when so many random product states in a
        row, each taken as it is and a short way along the
        flow, have led to nothing new. They come on top of systematic starts (basis states, equal superpositions of two
        levels, the maximally mixed state, mixtures of these), of curves from one fixed point to the next, of images of
        what is found under the symmetries of the flow, and of ``states``. It goes on beyond as long as the indices of
        the points found do not add up to 1, or a point was found by one random start alone.
    states : sequence of State
        Further starts.
    seed : int
        Of the random starts; the same call gives the same points.

    Returns
    -------
    FixedPoints
        A list of FixedPoint, sorted by their averages, with ``certain`` and ``doubt``: whether the count is confirmed.
        Fixed points that form a continuum (conserved quantity, symmetry, dark manifold) are represented by one of
        them, with the dimension of the continuum. Fixed points closer than 1e-4 to a marginal one are not told apart
        from it; one to which the flow goes with a high power of the distance is known to about 1e-2
        (|dm/dt| < 1e-10). A pair of a stable and an unstable point that no start has met leaves the sum of the indices
        as it is: that none is missing is as sure as ``unseen`` is small.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule.

    Examples
    --------
    >>> model = cj.systems.hopfield(np.ones((1, 50), dtype=int), omega=0.0, beta=2.0)  # m_z = tanh(2 m_z)
    >>> points = cj.attractors.fixed_points(model)
    >>> for point in points:
    ...     print(f"m_z² = {point.mean[2] ** 2:.4f}, {point.stability}")
    ...
    m_z² = 0.9168, stable
    m_z² = 0.0000, unstable
    m_z² = 0.9168, stable
    >>> points.certain
    True
    """
    checks.integer("starts", starts, 0, MOST_STARTS)
    checks.integer("seed", seed, 0)
    check_starts(model, "states", states)
    dynamics = MeanFieldDynamics(model)
    return described(dynamics, *find(dynamics, starts, seed, states))


def described(dynamics: MeanFieldDynamics, found: Found, certainty: Certainty) -> FixedPoints:
    """The points of a search with their stability, sorted by their averages."""
    pairs = sorted(
        zip(found.points, found.families, strict=True),
        key=lambda pair: tuple(np.round(dynamics.averages(pair[0]), 6) + 0.0),
    )
    return FixedPoints((describe(dynamics, *_typical(dynamics, q, family)) for q, family in pairs), certainty)


def _typical(dynamics: MeanFieldDynamics, q: Array, family: int) -> tuple[Array, int]:
    """A point of the same continuum where nothing turns that slowly, q itself or one at some distance, and the
    dimension of the continuum there.

    Where q is close to the place at which two continua cross, or to the rim of one, deviations turn ever more slowly.
    """
    if not family or (slowest := _slowest_turn(dynamics, q)) is None or slowest >= _SLOW:
        return q, family
    moved = False
    for way in flat_directions(dynamics, q):
        for step in (_ALONG, -_ALONG):
            there = newton(dynamics, q + step * way)
            if there is None or not dynamics.is_physical(there):
                continue
            turn = _slowest_turn(dynamics, there)
            if 0.1 < float(np.linalg.norm(there - q)) / _ALONG < 3 and turn is not None and turn > slowest:
                q, slowest, moved = there, turn, True
    return q, Found(dynamics).dimension(q) if moved else family


def _slowest_turn(dynamics: MeanFieldDynamics, q: Array) -> float | None:
    """The smallest frequency of what neither grows nor decays, in units of the fastest rate; None if there is none."""
    try:
        values = np.linalg.eigvals(dynamics.jacobian(q)) / dynamics.fastest_rate
    except UnsupportedError:
        return None
    turning = values.imag[(np.abs(values.real) <= FLAT) & (values.imag > FLAT)]
    return float(turning.min()) if len(turning) else None


def stability(model: Model, densities: State | Sequence[ArrayLike]) -> FixedPoint:
    """Stability of a fixed point that is known.

    Parameters
    ----------
    model : Model
    densities : State, or sequence of (d_b, d_b) arrays
        One-particle density matrix of each block at the fixed point, and then α of each mode.

    Raises
    ------
    ArgumentError
        If the densities are no states or no fixed point.

    Examples
    --------
    >>> model = cj.systems.facilitated(size=100, omega=0.0, kappa=5.0, gamma=1.0)
    >>> point = cj.attractors.stability(model, cj.tilted(model, np.pi, 0))  # all down
    >>> point.stability, point.eigenvalues.real.round(6).tolist()
    ('stable', [-0.5, -0.5, -1.0])
    """
    check_model(model)
    dynamics = MeanFieldDynamics(model)
    q = dynamics.start(state_of("densities", model, densities))
    moving = float(np.abs(dynamics.flow(q)).max())
    if moving > _AT_REST * dynamics.fastest_rate:
        size = moving * dynamics.unit
        raise ArgumentError("densities", "be a fixed point of the mean-field flow", f"|dm/dt| reaches {size:.3g}")
    refined = newton(dynamics, q)
    near = refined is not None and float(np.linalg.norm(refined - q)) < _REFINED
    q = refined if refined is not None and near else q
    return describe(dynamics, q, Found(dynamics).dimension(q))


def check_starts(model: object, name: str, states: object) -> None:
    """Raise ArgumentError unless ``model`` is a Model and ``states`` a sequence of States made for it."""
    check_model(model)
    if not isinstance(states, Sequence):
        raise ArgumentError(name, "be a list of States", f"it is {checks.shown(states)}")
    for i, state in enumerate(states):
        check_start(model, state, f"{name}[{i}]")


def describe(dynamics: MeanFieldDynamics, q: Array, family: int = 0) -> FixedPoint:
    """What is known of the fixed point at q, which stands for a continuum of dimension ``family``."""
    eigenvalues = np.full(dynamics.dimension, np.nan + 0j)
    stability, neutral = "unknown", 0
    try:
        G = dynamics.jacobian(q)
    except UnsupportedError:
        pass
    else:
        values = np.linalg.eigvals(G).astype(complex)
        eigenvalues = values[np.lexsort((values.imag, -values.real))]
        # where nothing is flat the point is precise, and so are its eigenvalues
        flat = (FLAT if len(flat_directions(dynamics, q)) else _LEVEL) * dynamics.fastest_rate
        largest = float(eigenvalues[0].real)
        level = eigenvalues[np.abs(eigenvalues.real) <= flat]
        standing = int(np.sum(np.abs(level) <= flat))
        turning = level[level.imag > flat]
        if largest > flat:
            stability, neutral = "unstable", min(standing, family)
        elif not len(level):
            stability = "stable"
        elif standing <= family and all(_is_centre(dynamics, q, G, value) for value in turning):
            stability, neutral = "neutral", len(level)
        else:
            stability, neutral = "marginal", min(standing, family)
    return FixedPoint(
        dynamics.model.labels,
        dynamics.averages(q),
        dynamics.densities(q),
        (eigenvalues * dynamics.unit).astype(complex),
        stability,
        float(np.abs(dynamics.flow(q)).max()) * dynamics.unit,
        family,
        neutral,
        tuple(dynamics.amplitudes(q)),
    )


def _is_centre(dynamics: MeanFieldDynamics, q: Array, G: Array, value: complex) -> bool:
    """Whether closed orbits surround q where the Jacobian G has the imaginary eigenvalue: a continuum of them, as a
    conserved quantity makes, not the onset of an oscillation, where those beside the point grow or decay. Not told
    where they turn so slowly that their period changes within the distance at which they are looked at.
    """
    if value.imag < _SLOWEST * dynamics.fastest_rate:
        return False
    values, vectors = np.linalg.eig(G)
    way = vectors[:, np.argmin(np.abs(values - value))].real
    way *= _ASIDE / np.linalg.norm(way)
    for sign in (1, -1):
        try:
            orbit = shoot(dynamics, q + sign * way, 2 * np.pi / value.imag, precise=True, rank=RANK_OF_FAMILY)
        except UnsupportedError:
            return False
        if orbit is None or float(np.linalg.norm(orbit.point - q - sign * way)) > 0.1 * _ASIDE:
            return False
    return True
