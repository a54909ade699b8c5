"""Two-time functions in words: what a run file asks for, with its cost, and what a result file holds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.filesize import decimal

from ..ensemble.asked_two_time import AskedTwoTime
from ..results.measured_two_time import MeasuredTwoTime
from ..results.result import Result
from ..tools.summaries import counted

_CALLED = "two-time"


def asked_two_times(points: Sequence[Sequence[AskedTwoTime]]) -> dict[str, str]:
    """The functions that a run will measure, of all points together: what they are, what they cost, what is exact."""
    facts: dict[str, str] = {}
    for number in range(len(points[0]) if points else 0):
        own = [functions[number] for functions in points]
        one, plan = own[0], own[0].plan
        taus = plan.taus
        parts = [f"{one.title}, s = {plan.start:g}, {counted(len(taus), 'delay')} up to {taus[-1]:g}"]
        most = max(a.n_traj for a in own)
        many = counted(most, "trajectory").split()[1]
        parts.append(f"{_span([f'{a.n_traj:,}' for a in own], [a.n_traj for a in own])} {many} per point")
        times = [a.relative_cost for a in own]
        parts.append(f"each takes {_span([f'{x:.2g}' for x in times], times)} times as long as one of the run")
        parts.append(f"samples of {decimal(max(a.plan.nbytes for a in own))}")
        if len(one.omegas):
            damped = f" with damping {one.damping:g}" * bool(one.damping)
            parts.append(f"spectrum at {counted(len(one.omegas), 'frequency')}{damped}")
        if one.exact:
            parts.append(_exactly([a.exact_size() for a in own]))
        facts[_CALLED if not number else f"{_CALLED} {number + 1}"] = "; ".join(parts)
    return facts


def _exactly(sizes: Sequence[int | str]) -> str:
    """How large the exact solution is, and where there is none."""
    numbers, refused = [n for n in sizes if isinstance(n, int)], [why for why in sizes if isinstance(why, str)]
    made = f"exactly too, {_span([f'{n:,}' for n in numbers], numbers)} unknowns" if numbers else ""
    if refused:
        where = f" at {len(refused)} of {len(sizes)} points" if len(sizes) > 1 else ""
        return f"{made}{', ' if made else ''}not exactly{where}: {refused[0]}"
    return made


def _span(words: Sequence[str], values: Sequence[float]) -> str:
    """One value, or the least and the largest of several."""
    low, high = min(range(len(values)), key=values.__getitem__), max(range(len(values)), key=values.__getitem__)
    return words[low] if words[low] == words[high] else f"{words[low]} to {words[high]}"


def measured_two_times(results: Sequence[Result]) -> dict[str, str]:
    """The functions that a file holds."""
    found: dict[str, MeasuredTwoTime] = {name: f for r in results for name, f in r.two_time.items()}
    names = [f"{name} ({f.title}, s = {f.sampled.start:g})" for name, f in found.items()]
    return {_CALLED: "; ".join(names)} if names else {}
