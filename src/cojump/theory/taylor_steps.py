"""Evolution with a generator by Taylor steps whose remainder is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from ..errors import ConvergenceError
from ..tools.types import Array

_TERMS = 80
"""Most terms of a Taylor step."""

_LARGEST = 1e2, 1e4
"""Terms of a step are kept below the first of these, in units of the norm of ρ, and refused above the second: they
cancel, and digits go with them."""


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
    watch: Callable[[float, Array, Array], None] = lambda t, before, after: None,
) -> Iterator[Array]:
    """e^{𝓛t} ρ at the times, by Taylor steps whose remainder is bounded.

    With v_k = (h𝓛)^k ρ/k! the remainder after v_{K-1} is ∫ e^{𝓛(h-s)} .. ds, and e^{𝓛t} contracts the trace norm of
    Hermitian matrices, so the error of the step is at most ‖v_K‖_1. Each step may spend the share h/t of the tolerance.
    A step whose terms become too large is made shorter until they do not; what all steps will cost is known after the
    first one, and refused if it is more than ``most`` derivatives. At most ``at_once`` output times, each with a vector
    of its own, lie in a step. After every step ``watch`` sees when it began, from where, and where it has come to, and
    then ``told`` hears which share of the time is done.
    """
    end, t, y, found = float(times[-1]), 0.0, start, 0
    if times[0] == 0:
        found = 1
        yield start
    longest = end
    asked, clock = 0, perf_counter()
    while found < len(times):
        size = norm(y)
        due = times[found : found + at_once]
        h = min(longest, float(due[-1]) - t)
        after = float(due[-1]) if h < longest else min(t + h, float(due[-1]))
        inside = due[due < after]
        allowed = tolerance * (h / end)
        term, total, partial = y, y.copy(), [y.copy() for _ in inside]
        largest, bound, k = size, np.inf, 0
        with np.errstate(over="ignore", invalid="ignore"):  # a step that is far too long overflows, and is made shorter
            for k in range(1, _TERMS + 1):
                term = derivative(term) * (h / k)
                bound = norm(term)
                largest = max(largest, bound)
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
        reach = h * float(np.clip(1 + 0.2 * np.log(_LARGEST[0] * size / largest), 0.5, 2))
        longest = reach if h == longest else max(longest, reach)
