"""Evolution with a generator by Taylor steps whose remainder is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from ..errors import ConvergenceError
from ..model.driven import DEGREE, Drive
from ..tools.types import Array

_TERMS = 80
"""Most terms of a Taylor step."""

_LARGEST = 1e2, 1e4
"""Terms of a step are kept below the first of these, in units of the norm of ρ, and refused above the second: they
cancel, and digits go with them."""

_STRETCH = 2.0
"""Norms of generators are taken as so much larger than what has been seen of them."""


class DrivenTerms:
    """The terms of Taylor steps with 𝓛(t) = Σ_p c_p(t) 𝓛_p: v_{k+1} = h/(k+1) Σ_p 𝓛_p Σ_j c_pj v_{k-j}.

    What is left out after v_K solves the same equation with a source, and is at most

        h/(K+1) Σ_m ‖v_{K-m}‖ Σ_{j≥m} Σ_p |c_pj| ‖𝓛_p‖,

    in units of the step; the norms are taken as twice the largest factor by which the step has stretched a vector.

    Parameters
    ----------
    drive : Drive
    apply : callable
        apply(p, ρ) is 𝓛_p ρ.
    norm : callable
    """

    def __init__(self, drive: Drive, apply: Callable[[int, Array], Array], norm: Callable[[Array], float]) -> None:
        self._drive, self._apply, self._norm = drive, apply, norm

    def end(self, t: float) -> float:
        """How far a step from t may go: to the end of a piece."""
        return self._drive.piece(t).end

    def begin(self, t: float, h: float, start: Array) -> None:
        """Begin a step of the length h."""
        self._h, self._rows, self._norms = h, [start], [self._norm(start)]
        self._powers = [np.ones(1), *self._drive.piece(t).powers(t, h)]
        self._stretched = np.zeros(len(self._powers))

    def term(self, k: int) -> Array:
        """v_k, after v_{k-1}."""
        total = np.zeros_like(self._rows[-1])
        for p, c in enumerate(self._powers):
            if not c.any():
                continue
            mixed = sum(a * row for a, row in zip(c, reversed(self._rows), strict=False))
            made = self._apply(p, np.asarray(mixed))
            if (size := self._norm(np.asarray(mixed))) > 0:
                self._stretched[p] = max(self._stretched[p], self._norm(made) / size)
            total += made
        total *= self._h / k
        self._rows = [*self._rows[-DEGREE:], total]
        self._norms.append(self._norm(total))
        return total

    @property
    def largest(self) -> Array:
        """(P,) bounds on |c_p| in the step."""
        return np.array([np.abs(c).sum() for c in self._powers])

    def remainder(self, k: int) -> float:
        """What is left out after v_k."""
        strengths = np.zeros(max(map(len, self._powers)))
        for c, stretched in zip(self._powers, self._stretched, strict=True):
            strengths[: len(c)] += _STRETCH * stretched * np.abs(c)
        tails = np.cumsum(strengths[::-1])[::-1]
        last = np.array(self._norms[::-1][: len(tails)])
        return float(self._h / (k + 1) * (last @ tails[: len(last)]))


def evolve(
    derivative: Callable[[Array], Array],
    start: Array,
    times: Array,
    *,
    norm: Callable[[Array], float],
    tolerance: float,
    most: float = np.inf,
    at_once: int = 8,
    told: Callable[[float], None] = lambda share: None,
    driven: DrivenTerms | None = None,
    watch: Callable[[float, Array, Array], None] = lambda t, before, after: None,
    since: float = 0.0,
) -> Iterator[Array]:
    """e^{𝓛t} ρ at the times, by Taylor steps whose remainder is bounded.

    With v_k = (h𝓛)^k ρ/k! the remainder after v_{K-1} is ∫ e^{𝓛(h-s)} .. ds, and e^{𝓛t} contracts the trace norm of
    Hermitian matrices, so the error of the step is at most ‖v_K‖_1. Each step may spend the share h/t of the tolerance.
    A step whose terms become too large is made shorter until they do not; what all steps will cost is known after the
    first one, and refused if it is more than ``most`` derivatives. At most ``at_once`` output times, each with a vector
    of its own, lie in a step. Where the generator changes in time, ``driven`` makes the terms and ``derivative`` is not
    asked. ``start`` is at the time ``since``. After every step ``watch`` sees when it began, from where, and where it
    has come to, and then ``told`` hears which share of the time is done.
    """
    end, t, y, found = float(times[-1]), since, start, 0
    if times[0] == since:
        found = 1
        yield start
    longest = whole = end - since
    asked, clock = 0, perf_counter()
    while found < len(times):
        size = norm(y)
        due = times[found : found + at_once]
        stop = float(due[-1]) if driven is None else min(float(due[-1]), driven.end(t))
        h = min(longest, stop - t)
        after = stop if h < longest else min(t + h, stop)
        inside = due[due < after]
        allowed = tolerance * (h / whole)
        term, total, partial = y, y.copy(), [y.copy() for _ in inside]
        largest, bound, k = size, np.inf, 0
        if driven is not None:
            driven.begin(t, h, y)
        with np.errstate(over="ignore", invalid="ignore"):  # a step that is far too long overflows, and is made shorter
            for k in range(1, _TERMS + 1):
                term = derivative(term) * (h / k) if driven is None else driven.term(k)
                bound = norm(term)
                largest = max(largest, bound)
                if driven is not None:
                    bound = driven.remainder(k)
                if not largest <= _LARGEST[1] * size:
                    break
                total += term
                for p, s in zip(partial, inside, strict=True):
                    p += term * ((s - t) / h) ** k
                if bound <= allowed:
                    break
        asked += k
        if not (bound <= allowed and largest <= _LARGEST[1] * size):
            longest = h / 2
            if t + longest == t:
                raise ConvergenceError(f"The master equation could not be integrated beyond t = {t:g}")
            continue
        needed = asked + k * ((end - after) / h)
        if h == longest and needed > most:
            hours = (perf_counter() - clock) / asked * needed / 3600
            raise ConvergenceError(
                f"The master equation to t = {end:g} would apply its generator {needed:.2g} times, some {hours:.2g} "
                f"hours here, in steps of {h:.2g} that its largest energies and rates need: `applications` = "
                f"{most:.2g} are allowed"
            )
        watch(t, y, total)
        told(after / end)
        yield from partial
        found += len(inside)
        if after == due[len(inside)]:
            found += 1
            yield total
        t, y = after, total
        # the largest term goes as e^{h‖𝓛‖}: as long a step as the digits allow
        stretch = 1 + 0.2 * np.log(_LARGEST[0] * size / largest) if largest > 0 else 2.0
        reach = h * float(np.clip(stretch, 0.5, 2))
        longest = reach if h == longest else max(longest, reach)
