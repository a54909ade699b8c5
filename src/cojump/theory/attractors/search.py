"""The search for all fixed points: where it starts, how it goes on from what it finds, and when it ends.

Newton's method from systematic and from random states, curves from one fixed point to the next
(cojump.theory.attractors.roots), and images of what is found under the symmetries of the flow. The search ends when
random starts find nothing new any more, nothing that only one of them has found is left, and the indices of the points
found add up to 1 (cojump.theory.attractors.found); where it has to end before, it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ...errors import ConvergenceError, UnsupportedError
from ...model.states import State
from ...tools.summaries import Summarised, counted
from ...tools.types import Array
from .dynamics import MeanFieldDynamics, simple_states, travel
from .found import Found
from .roots import newton, zeros_along
from .symmetry import Map, discrete, random_density

Point = TypeVar("Point")

_SHORT = 3.0
"""Starts are also taken so far along the flow, in units of the fastest rate."""

_FURTHER, _AT_LEAST = 10, 60
"""A search that is not certain goes on to so many times the number of starts that must be idle, and so many more."""


MOST_STARTS = 10_000
"""Random starts that may have to be idle: a start costs some milliseconds, and up to ten times as many are made."""

_CURVES = 4
"""A curve is followed at every fourth random start: it costs ten times as much as Newton's method. At each while the
indices say that a point is missing."""


@dataclass(frozen=True)
class Certainty:
    """How sure it is that a search has found all fixed points.

    Attributes
    ----------
    index : int or None
        Sum of the indices sign det(-G) of the points found, those on the edge of the states by whether depolarisation
        moves them in: 1 if none is missing. None if a point is degenerate, lies on a continuum that is no circle made
        by a symmetry, or has no Jacobian: then the sum tells nothing.
    unseen : float
        Probability that one more random start would find a new point, as (n₁ + 1)/(n + 1) after n starts, n₁ the
        points, counted up to symmetries, to which one of them alone has led (Good and Turing).
    starts : int
        n.
    once : int
        n₁.
    inward : bool
        Whether the sum is known to be 1: the flow has to lead back from large amplitudes of modes, which is not known
        where particles jump with their quanta.
    """

    index: int | None
    unseen: float
    starts: int
    once: int
    inward: bool = True

    @property
    def doubt(self) -> str:
        """Why the count is not certain; "" if it is."""
        if not self.inward:
            return "jumps with a quantum may drive a mode outwards: indices cannot confirm the count"
        if self.index is None:
            return "a point is degenerate, has no Jacobian or stands for a continuum: indices cannot confirm the count"
        if self.index != 1:
            return f"the indices of the points add up to {self.index} instead of 1: at least one is missing"
        if self.once:
            return (
                f"{self.once} of the points came from one of {counted(self.starts, 'random start')} alone: others "
                "may be missing"
            )
        return ""


class SearchedPoints(Summarised, list[Point]):
    """Points that a search has found, and how sure it is that none is missing."""

    def __init__(self, points: Iterable[Point], certainty: Certainty) -> None:
        super().__init__(points)
        self.certainty = certainty

    @property
    def certain(self) -> bool:
        """Whether the indices add up to 1 and no point was found by one random start alone."""
        return not self.doubt

    @property
    def doubt(self) -> str:
        """Why the count is not certain, in one line; "" if it is."""
        return self.certainty.doubt


def find(dynamics: MeanFieldDynamics, starts: int, seed: int, states: Sequence[State] = ()) -> tuple[Found, Certainty]:
    """All fixed points that are found, and how sure it is that none is missing."""
    found, spread = Found(dynamics), _Spread(dynamics)

    def take(q: Array) -> bool:
        return found.add(newton(dynamics, q, found.leads_to))

    for q in systematic_starts(dynamics, states):
        take(q)
    for q in _generic_starts(dynamics):
        for zero in zeros_along(dynamics, q):
            take(zero)
    rng, idle, n = np.random.default_rng(seed), 0, 0
    while True:
        spread.from_new(found, take)
        if idle >= starts and (
            n >= _FURTHER * starts + _AT_LEAST or (not found.once and found.sum_of_indices in (1, None))
        ):
            break
        with found.one_start():
            news = [take(q) for q in _random_starts(dynamics, rng)]
            if n % _CURVES == _CURVES - 1 or found.sum_of_indices not in (1, None):
                news += [take(zero) for zero in _random_curve(dynamics, found, rng)]
        n, idle = n + 1, 0 if any(news) else idle + 1
    certainty = Certainty(found.sum_of_indices, (found.once + 1) / (n + 1), n, found.once, dynamics.inward)
    return found, certainty


class _Spread:
    """Goes on from points found: to their images under symmetries, and to starts that are often near others."""

    def __init__(self, dynamics: MeanFieldDynamics) -> None:
        self._dynamics = dynamics
        self._done = 0
        self._maps: list[Map] | None = None

    def from_new(self, found: Found, take: Callable[[Array], bool]) -> None:
        """Add what follows from the points that were not there when this was called last."""
        while self._done < len(found.points):
            q = found.points[self._done]
            if self._maps is None:
                self._maps = discrete(self._dynamics)
            for move in self._maps:
                image = move(q)
                known = found.has(image)
                if known is None:
                    # polished, so that the two are equally precise
                    found.add(newton(self._dynamics, image), self._done)
                else:
                    found.unite(known, self._done)
            for mirrored in _mirror_images(self._dynamics, q):
                take(mirrored)
            self._done += 1


def systematic_starts(dynamics: MeanFieldDynamics, states: Sequence[State]) -> Iterator[Array]:
    """The maximally mixed state, the user's, and simple pure ones, alike in all blocks, with their mixtures."""
    yield np.zeros(dynamics.dimension)
    for state in states:
        yield dynamics.start(state)
    for q in _pure_starts(dynamics):
        yield q
        yield q / 2


def _pure_starts(dynamics: MeanFieldDynamics) -> Iterator[Array]:
    pure = [simple_states(b.levels) for b in dynamics.model.blocks]
    for i in range(max(len(p) for p in pure)):
        yield dynamics.point([p[i % len(p)] for p in pure])


def _generic_starts(dynamics: MeanFieldDynamics) -> Iterator[Array]:
    """Two pure states, alike in all blocks, that no symmetry of the usual models leaves as they are."""
    for angle in (1.4, 2.6):
        densities = []
        for block in dynamics.model.blocks:
            others = np.exp(-1.3j * np.arange(1, block.levels)) / np.sqrt(block.levels - 1)
            ket = np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * others])
            densities.append(np.outer(ket, ket.conj()))
        yield dynamics.point(densities)


def _mirror_images(dynamics: MeanFieldDynamics, q: Array) -> Iterator[Array]:
    """The deviation from the maximally mixed state turned round, in all blocks and in each: often near a point."""
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
        densities = [random_density(d, rng) for d in levels]
    q = dynamics.point(densities)
    if not dynamics.inward:
        q = dynamics.lit(q, rng)
    yield q
    # a rate with a step or a kink may refuse the way; the start itself was tried
    with suppress(ConvergenceError, UnsupportedError):
        yield travel(lambda _t, y: dynamics.flow(y), q, np.array([0.0, _SHORT / dynamics.fastest_rate]))[-1]


def _random_curve(dynamics: MeanFieldDynamics, found: Found, rng: np.random.Generator) -> Iterator[Array]:
    """Rough zeros along the curve of a reset to a random state: the one from there, or one through a point found."""
    alone = [q for q, family in zip(found.points, found.families, strict=True) if not family]
    reset = dynamics.point([random_density(b.levels, rng) for b in dynamics.model.blocks])
    if alone and rng.random() < 0.5:
        yield from zeros_along(dynamics, reset, alone[rng.integers(len(alone))], int(rng.choice([-1, 1])))
    else:
        yield from zeros_along(dynamics, reset)
