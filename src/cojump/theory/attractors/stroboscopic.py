"""Periodic drives: the map of mean field over one period, its fixed points, and orbits that return after several.

P takes a state at t = 0 to where it is a period T later. A fixed point of P is a state that follows the drive; its
stability is that of DP, whose eigenvalues are its Floquet multipliers. An orbit that comes back after n periods only is
a fixed point of P^n. P maps the states, a convex set, into themselves, so the indices sign det(1 - DP) of its fixed
points add up to 1, those on the edge of the states counted only if depolarisation moves them in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError, ConvergenceError, UnsupportedError
from ...model import Model
from ...model.driven import Drive, driven_parts, envelope_values, without_envelopes
from ...model.states import State
from ...tools import checks
from ...tools.labelled import Labelled
from ...tools.numbers import format_number
from ...tools.ode import LSODA, integrate
from ...tools.summaries import counted, facts, few, more, table
from ...tools.types import Array
from ..driven_flow import integrate_driven
from .dynamics import POSITIVE, MeanFieldDynamics
from .fixed_points import check_starts
from .search import MOST_STARTS, Certainty, SearchedPoints, systematic_starts
from .shooting import NEUTRAL_PRECISE
from .symmetry import random_density

_ROUGH, _PRECISE = 1e-4, 1e-10
"""Largest |P(q) - q| of a point that is found roughly, and precisely."""

_ROUGHLY = (1e-7, 1e-9)
"""Tolerances of paths that only have to lead near a point."""

_STEPS, _POLISHING, _LONGEST, _FARTHEST = 12, 8, 0.5, 3.0
"""Newton steps, at most; how long one may be, and how far from the mixed state they may lead."""

_RANK, _RANK_PRECISE = 1e-6, 1e-8
"""Singular values of 1 - DP below this share of the largest are zero for a Newton step."""

_SAME, _SAME_IF_FLAT = 1e-6, 1e-3
"""Points closer than this are one."""

_ASIDE = 1e-2
"""Another point of a continuum is looked for at this distance."""

_SAMPLES = 64
"""Steps of an orbit in each period."""

_MOST_PERIODS = 64

_MOST = 3
"""A search that is not certain goes on to so many times the starts that must be idle."""

_LOOK, _APART = 1009, 1e-8
"""Times at which f is compared with itself a period later, and by how much of the largest |f| it may differ."""


@dataclass(frozen=True, eq=False, repr=False)
class StroboscopicPoint(Labelled):
    """A fixed point of the map over one or several periods of a drive, and the orbit through it.

    Attributes
    ----------
    labels : tuple of A strings "block.x"
    periods : int
        After how many periods of the drive the orbit comes back.
    times : (K + 1,) array
        From 0 to the end of its last period.
    mean : (K + 1, A) array
        Averages per block along the orbit; the first and the last are those of the fixed point.
    multipliers : (k,) complex array
        Floquet multipliers: eigenvalues of the map over all its periods, in the k = Σ_b (d_b² - 1) traceless directions
        and two of each mode, the largest modulus first.
    stability : str
        "stable", "unstable", "neutral" (nothing grows, and what does not decay belongs to a continuum of such points),
        or "marginal" (a multiplier is on the unit circle, and linear theory cannot tell).
    residual : float
        How far the orbit misses its start, in the coordinates of the paper's orthonormal basis.
    densities : list of (K + 1, d_b, d_b) arrays
        One-particle density matrix of each block along the orbit.
    amplitudes : (K + 1, M) complex array
        α of each mode.
    """

    labels: tuple[str, ...]
    periods: int
    times: Array
    mean: Array
    multipliers: NDArray[np.complex128]
    stability: str
    residual: float
    densities: list[NDArray[np.complex128]]
    amplitudes: NDArray[np.complex128]

    @property
    def stable(self) -> bool:
        """Whether every small deviation dies out."""
        return self.stability == "stable"

    def _title(self) -> str:
        where = ", ".join(f"{a} = {format_number(m)}" for a, m in zip(self.labels[:3], self.mean[0], strict=False))
        rest = ", …" if len(self.labels) > 3 else ""
        return f"Stroboscopic point of {counted(self.periods, 'period')}, {self.stability}: {where}{rest}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("averages", few(self.labels)),
            ("multipliers", f"the largest of {len(self.multipliers)} has the modulus {abs(self.multipliers[0]):.6g}"),
            ("residual", f"{self.residual:.1e}"),
        )
        rows = (
            [format_number(x) for x in row]
            for row in zip(self.mean[0], self.mean.min(0), self.mean.max(0), strict=True)
        )
        lines += table(("average", "at t = 0", "smallest", "largest"), self.labels, rows)
        return lines + more(f'["{self.labels[0]}"].mean, .times, .multipliers, .periods, .densities')


class StroboscopicPoints(SearchedPoints[StroboscopicPoint]):
    """The points that are found, sorted by their averages, and how sure it is that none is missing.

    Attributes
    ----------
    certainty : Certainty
        As that of :class:`FixedPoints`: with the indices sign det(1 - DP).
    """

    def _title(self) -> str:
        kinds = Counter(p.stability for p in self)
        found = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        doubt = "" if self.certain else "; count not certain"
        return f"{counted(len(self), 'stroboscopic point')}{': ' if found else ''}{found}{doubt}"

    def _lines(self) -> list[str]:
        lines = facts(("certain", "the indices add up to 1" if self.certain else self.doubt))
        if not self:
            return lines
        labels = self[0].labels[:3]
        rows = ([*map(format_number, p.mean[0][:3]), p.stability, str(p.periods)] for p in self)
        lines += table(
            ("place", *labels, "stability", "periods"),
            [f"[{i}]" for i in range(len(self))],
            rows,
        )
        return lines + more("[0].mean, [0].stability, [0].multipliers, [0].times, .certain, .doubt")


def stroboscopic(
    model: Model,
    period: float,
    *,
    multiple: int = 1,
    starts: int = 10,
    states: Sequence[State] = (),
    seed: int = 0,
) -> StroboscopicPoints:
    """Search for the states that come back after a period of the drive: fixed points of the mean-field map over it.

    Parameters
    ----------
    model : Model
        One whose terms change in time, all with this period from t = 0 on.
    period : float
        T.
    multiple : int
        Orbits that come back after so many periods are looked for, at most 64; among them are those of a single period,
        and ``periods`` tells them apart. Of an orbit of n periods each of its n states at t = 0 is a point.
    starts : int
        At most 10,000. The search ends when so many random product states in a row have led to nothing new. They come
        on top of systematic starts and of ``states``. It goes on to three times as many as long as the indices of the
        points do not add up to 1, or a point was found by one start alone.
    states : sequence of State
        Further starts.
    seed : int
        Of the random starts.

    Returns
    -------
    StroboscopicPoints
        A list of StroboscopicPoint, sorted by their averages at t = 0, with ``certain`` and ``doubt``. One of a
        continuum of points stands for it.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule, no term changes in time, or the period is none of all envelopes.
    UnsupportedError
        If a rate has no derivative where all starts lead.
    ConvergenceError
        If no point is found.

    Examples
    --------
    >>> wave = cj.envelopes.sine(amplitude=1.0, frequency=2.0)
    >>> x, down = cj.operators.sigma_x, cj.operators.sigma_minus
    >>> terms, jumps = [cj.OneBody(x, "spins", envelope=wave)], [cj.LocalJump(down, "spins")]
    >>> model = cj.Model([cj.Block("spins", size=50)], terms, jumps)
    >>> (point,) = cj.attractors.stroboscopic(model, wave.period)
    >>> print(point.stability, point["spins.z"].mean[0].round(4))
    stable -0.581
    """
    period = checks.number("period", period, above=0)
    multiple = checks.integer("multiple", multiple, 1, _MOST_PERIODS)
    checks.integer("starts", starts, 0, MOST_STARTS)
    checks.integer("seed", seed, 0)
    check_starts(model, "states", states)
    if not model.is_driven:
        rule = "have terms that change in time (of one that does not: fixed_points, limit_cycle)"
        raise ArgumentError("model", rule, "it has none")
    _check_period(model, period)
    found = _Found(_Map(model, period, multiple))
    refused: UnsupportedError | None = None

    def take(q: Array) -> bool:
        nonlocal refused
        try:
            return found.add(q)
        except UnsupportedError as error:
            refused = error
            return False

    for q in systematic_starts(found.map.dynamics, states):
        take(q)
    rng, idle, n = np.random.default_rng(seed), 0, 0
    while idle < starts or (n < _MOST * starts and (found.once or found.index not in (1, None))):
        found.met.clear()
        news = [take(q) for q in _random_starts(found.map, rng)]
        found.count()
        n, idle = n + 1, 0 if any(news) else idle + 1
    if not found.points:
        if refused is not None:
            raise refused
        raise ConvergenceError(f"No state was found that comes back after {counted(multiple, 'period')} of {period:g}")
    certainty = Certainty(found.index, (found.once + 1) / (n + 1), n, found.once)
    made = [found.described(i) for i in range(len(found.points))]
    made.sort(key=lambda point: tuple(np.round(point.mean[0], 6) + 0.0))
    return StroboscopicPoints(made, certainty)


def _check_period(model: Model, period: float) -> None:
    """Raise ArgumentError unless all envelopes are the same a period later."""
    times = period * (np.arange(_LOOK) + 0.5) / _LOOK
    for part in driven_parts(model)[1:]:
        assert part.envelope is not None
        now, later = (envelope_values(part.name, part.envelope, times + shift) for shift in (0.0, period))
        apart = np.abs(later - now)
        allowed = _APART * np.abs(now).max() + 1e-15 * period * np.abs(np.gradient(now, times))
        if (apart > allowed).any():
            worst = int(np.argmax(apart - allowed))
            found = f"{part.name} is {now[worst]:.6g} at t = {times[worst]:.6g} and {later[worst]:.6g} a period later"
            raise ArgumentError("period", "be a period of all envelopes from t = 0 on", found)


def _random_starts(of: _Map, rng: np.random.Generator) -> Iterator[Array]:
    """A random product state, and where it is some periods later."""
    q = of.dynamics.point([random_density(b.levels, rng) for b in of.dynamics.model.blocks])
    yield q
    with suppress(ConvergenceError):
        for _ in range(3):
            q = of.roughly(q)
        yield q


class _Map:
    """P, the map of a model over one period, and how many times it is gone through."""

    def __init__(self, model: Model, period: float, multiple: int) -> None:
        self.period, self.multiple = period, multiple
        self.drive = Drive(model, period)
        self.dynamics = MeanFieldDynamics(without_envelopes(model))
        self.parts = [self.dynamics.of_terms(part.model) for part in self.drive.parts]
        breaks = sorted({b for part in self.drive.parts for b in part.breaks if b < period})
        self._edges = [0.0, *breaks, period]

    def roughly(self, q: Array) -> Array:
        """P(q) of one period, to about 1e-7."""
        return self._between_breaks([part.flow for part in self.parts], q)

    def __call__(self, q: Array, *, precise: bool) -> tuple[Array, Array]:
        """P(q) and DP (k, k) there.

        Raises
        ------
        ConvergenceError
            If it cannot be integrated.
        UnsupportedError
            If a rate has no derivative on the way.
        """
        k = self.dynamics.dimension
        flows = [_variation(part) for part in self.parts]
        y = np.concatenate([q, np.eye(k).ravel()])
        y = self.path(flows, y, np.array([self.period]))[-1] if precise else self._between_breaks(flows, y)
        return y[:k], y[k:].reshape(k, k)

    def path(self, flows: Sequence[Callable[[Array], Array]], y: Array, times: Array) -> Array:
        """(T, n) what the flows make of y in one period."""
        unit = self.dynamics.unit
        own = [lambda y, flow=flow: unit * flow(y) for flow in flows]
        return integrate_driven(self.drive, own, y, times, unit_rate=unit)

    def _between_breaks(self, flows: Sequence[Callable[[Array], Array]], y: Array) -> Array:
        """The same at the end of the period, roughly and ten times as fast: no step ends where it need not."""
        unit = self.dynamics.unit
        for lo, hi in pairwise(self._edges):

            def derivative(s: float, y: Array, lo: float = lo, hi: float = hi) -> Array:
                t = min(lo + s, np.nextafter(hi, lo))
                factors = self.drive.piece(t).values(t)
                total = unit * flows[0](y)
                for factor, flow in zip(factors[1:], flows[1:], strict=True):
                    if factor != 0:
                        total = total + factor * unit * flow(y)
                return np.asarray(total)

            y = integrate(
                derivative, y, np.array([0.0, hi - lo]), tolerances=_ROUGHLY, methods=(LSODA,), unit_rate=unit
            )[-1]
        return y


def _variation(part: MeanFieldDynamics) -> Callable[[Array], Array]:
    """Right-hand side for q and Φ together."""
    k = part.dimension

    def derivative(y: Array) -> Array:
        q, phi = y[:k], y[k:].reshape(k, k)
        return np.concatenate([part.flow(q), (part.jacobian(q) @ phi).ravel()])

    return derivative


class _Found:
    """The points that are found, each as the n states q_j (n, k) of its orbit after 0, 1, .. periods."""

    def __init__(self, of: _Map) -> None:
        self.map = of
        self.points: list[Array] = []
        self.orbits: list[Array] = []
        self.slopes: list[Array] = []
        self.residuals: list[float] = []
        self.families: list[bool] = []
        self.met: set[int] = set()
        self._hits: list[int] = []

    def add(self, q: Array) -> bool:
        """Take in the point that Newton's method reaches from q; whether it is new."""
        try:
            orbit = self._begun(q)
        except ConvergenceError:
            return False
        rough = self._newton(orbit, precise=False)
        made = None if rough is None else self._newton(rough, precise=True)
        if made is None or not all(self.map.dynamics.is_physical(q) for q in made):
            return False
        new = self._take(made)
        for turned in range(1, self.map.multiple):  # the other states of the orbit at t = 0
            new |= self._take(np.roll(made, -turned, axis=0))
        return new

    def _take(self, orbit: Array) -> bool:
        q = orbit[0]
        known = self._known(q, _SAME)
        if known is not None:
            self.met.add(known)
            return False
        ends, slopes = self._mapped(orbit, precise=True)
        slope = _product(slopes)
        flat = _flat(slope)
        if flat.size and (known := self._known(q, _SAME_IF_FLAT)) is not None:
            self.met.add(known)
            return False
        family = bool(flat.size) and self._goes_on(orbit, flat)
        if family and any(self.families):  # one stands for all
            self.met.add(self.families.index(True))
            return False
        self.met.add(len(self.points))
        self.points.append(q)
        self.orbits.append(orbit)
        self.slopes.append(slope)
        self.residuals.append(float(np.abs(ends - np.roll(orbit, -1, axis=0)).max()))
        self.families.append(family)
        self._hits.append(0)
        return True

    def _begun(self, q: Array) -> Array:
        """(n, k) the states after 0, 1, .. periods, roughly."""
        states = [q]
        for _ in range(1, self.map.multiple):
            states.append(self.map.roughly(states[-1]))
        return np.array(states)

    def _mapped(self, orbit: Array, *, precise: bool) -> tuple[Array, Array]:
        """P(q_j) (n, k) and DP (n, k, k) of all states of an orbit."""
        pairs = [self.map(q, precise=precise) for q in orbit]
        return np.array([end for end, _ in pairs]), np.array([slope for _, slope in pairs])

    def count(self) -> None:
        """Count the points that a random start has led to."""
        for i in self.met:
            self._hits[i] += 1

    @property
    def once(self) -> int:
        """Number of points that one random start alone has led to."""
        return sum(hits == 1 for hits in self._hits)

    @property
    def index(self) -> int | None:
        """Sum of the indices of the points; None if one of them has none."""
        total = 0
        for q, slope in zip(self.points, self.slopes, strict=True):
            away = np.eye(len(q)) - slope
            if _flat(slope).size:
                return None
            if self.map.dynamics.lowest(q) < POSITIVE:
                inside = self.map.dynamics.stays_physical(q, np.asarray(-np.linalg.solve(away, q), dtype=float))
                if inside is None:
                    return None
                if not inside:
                    continue
            total += int(np.linalg.slogdet(away)[0])
        return total

    def described(self, i: int) -> StroboscopicPoint:
        """All that is told of a point."""
        of, q, slope = self.map, self.points[i], self.slopes[i]
        values = _multipliers(slope)
        largest = float(np.abs(values[0]))
        if largest > 1 + NEUTRAL_PRECISE:
            stability = "unstable"
        elif largest < 1 - NEUTRAL_PRECISE:
            stability = "stable"
        else:
            level = values[np.abs(values) > 1 - NEUTRAL_PRECISE]
            along = np.abs(level - 1) <= NEUTRAL_PRECISE
            stability = "neutral" if self.families[i] and along.all() else "marginal"
        orbit = self.orbits[i]
        divisors = [n for n in range(1, of.multiple + 1) if of.multiple % n == 0]
        periods = next(n for n in divisors if np.linalg.norm(np.roll(orbit, -n, axis=0) - orbit) < _SAME)
        path, flows = [q[None]], [part.flow for part in of.parts]
        for start in orbit[:periods]:
            path.append(of.path(flows, start, np.linspace(0, of.period, _SAMPLES + 1)[1:]))
        if periods < of.multiple:  # it is run through several times
            values = _multipliers(_product(self._mapped(orbit[:periods], precise=True)[1]))
        points = np.concatenate(path)[: periods * _SAMPLES + 1]
        dynamics = of.dynamics
        return StroboscopicPoint(
            dynamics.model.labels,
            periods,
            np.linspace(0.0, periods * of.period, periods * _SAMPLES + 1),
            dynamics.averages(points),
            values,
            stability,
            self.residuals[i],
            [np.array(r) for r in zip(*(dynamics.densities(p) for p in points), strict=True)],
            np.array([dynamics.amplitudes(p) for p in points], dtype=complex),
        )

    def _known(self, q: Array, near: float) -> int | None:
        distances = [float(np.linalg.norm(q - p)) for p in self.points]
        place = int(np.argmin(distances)) if distances else 0
        return place if distances and distances[place] < near else None

    def _newton(self, orbit: Array, *, precise: bool) -> Array | None:
        """The orbit (n, k) that Newton's method reaches, or None; a rough way ends where it leads to one that is known.

        All P(q_j) = q_{j+1} are solved at once: over many periods errors may grow beyond all bounds.
        """
        limit, rank = (_PRECISE, _RANK_PRECISE) if precise else (_ROUGH, _RANK)
        n, k = orbit.shape
        last = np.inf
        for _ in range(_POLISHING if precise else _STEPS):
            try:
                ends, slopes = self._mapped(orbit, precise=precise)
            except ConvergenceError:
                return None
            missed = ends - np.roll(orbit, -1, axis=0)
            off = float(np.abs(missed).max())
            if off < limit or (precise and off >= last):
                return orbit if off < limit else None
            last = off
            equations = np.zeros((n, k, n, k))
            for j in range(n):
                equations[j, :, (j + 1) % n] += np.eye(k)
                equations[j, :, j] -= slopes[j]
            step = np.linalg.lstsq(equations.reshape(n * k, n * k), missed.ravel(), rcond=rank)[0].reshape(n, k)
            length = float(np.linalg.norm(step, axis=1).max())
            if length > _LONGEST:
                step *= _LONGEST / length
            orbit = orbit + step
            if not np.all(np.isfinite(orbit)) or float(np.linalg.norm(orbit, axis=1).max()) > _FARTHEST:
                return None
            if not precise and length < 0.1 and (known := self._known(orbit[0], 0.3 * length)) is not None:
                self.met.add(known)
                return None
        return None

    def _goes_on(self, orbit: Array, flat: Array) -> bool:
        """Whether another point is right beside one, in a direction (n, k) in which the map does not move it."""
        for way in flat:
            for sign in (1, -1):
                aside = orbit[0] + sign * _ASIDE * way
                if not self.map.dynamics.is_physical(aside):
                    continue
                try:
                    there = self._newton(self._begun(aside), precise=True)
                except ConvergenceError:
                    continue
                if there is not None and 0.3 < float(np.linalg.norm(there[0] - orbit[0])) / _ASIDE < 3:
                    return True
        return False


def _product(slopes: Array) -> Array:
    """(k, k) of the maps (n, k, k) one after the other."""
    total = np.eye(slopes.shape[-1])
    for slope in slopes:
        total = slope @ total
    return total


def _multipliers(slope: Array) -> NDArray[np.complex128]:
    """(k,) eigenvalues, the largest modulus first."""
    values = np.linalg.eigvals(slope).astype(complex)
    return values[np.lexsort((values.imag, -values.real, -np.abs(values).round(12)))]


def _flat(slope: Array) -> Array:
    """(n, k) directions in which the map moves nothing: multipliers of 1."""
    _, sizes, right = np.linalg.svd(np.eye(len(slope)) - slope)
    return right[sizes < NEUTRAL_PRECISE]
