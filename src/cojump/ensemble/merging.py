"""Results of different seeds, joined to one of all their trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from ..errors import ArgumentError
from ..measure.moments import Moments
from ..measure.statistics import Extra
from ..results.jump_records import JumpRecords
from ..results.measured_two_time import MeasuredTwoTime
from ..results.result import Result
from ..tools import checks
from .chunk import AVERAGES, statistics_of
from .extension import compared
from .fingerprint import MADE_BY, differences

_FREE = {"seed", "chunk", "keep"}
"""Options in which results may differ that are joined: which trajectories there are, and how many keep their series."""

_RULE = "results of one point"

_SAME = 1e-9
"""Two mean fields of one point that differ by less, relative to the largest value, are the same one."""


def merge(results: Sequence[Result]) -> Result:
    """Join results of different seeds to one of all their trajectories.

    The averages, covariances and errors are those of all trajectories together, for the seeds are independent; the
    series, final states and jump records that were kept stand one after the other. ``result.seeds`` says which seeds
    there are. The last bits depend on the order of the results.

    Parameters
    ----------
    results : sequence of Result
        At least one: of the same model, state, times and options but ``seed``, ``chunk``, ``keep`` and ``n_traj``, and
        without a seed in common. Merged results can be merged again. What ``cojump.load`` gives is such a sequence.

    Returns
    -------
    Result
        Its ``parameters`` are those that all results have alike, and its two-time functions those that all of them
        have. It cannot be extended: extend its parts.

    Raises
    ------
    ArgumentError
        If they are not of the same point (the first difference is named), or share a seed.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> state = cj.tilted(model, 1.1, 0.4)
    >>> parts = [cj.simulate(model, state, [0, 1, 2], n_traj=50, seed=seed) for seed in (1, 2, 3)]
    >>> whole = cj.merge(parts)
    >>> print(whole.n_traj, whole.seeds)
    150 {1: 50, 2: 50, 3: 50}
    >>> print(round(parts[0].mean_stderr[-1, 2] / whole.mean_stderr[-1, 2], 1))
    1.6
    """
    every = checks.items("results", results, _RULE)
    if not every:
        raise ArgumentError("results", f"be {_RULE}", "there is none")
    for result in every:
        if not isinstance(result, Result):
            raise ArgumentError("results", f"be {_RULE}", f"one is {checks.shown(result)}")
    seeds: dict[int, int] = {}
    for i, result in enumerate(every):
        _check_same(every[0], result, i)
        for seed, n in result.seeds.items():
            if seed in seeds:
                raise ArgumentError("results", "have no seed in common", f"{seed} is the seed of two")
            seeds[seed] = n
    return _joined(every, seeds)


def _check_same(first: Result, other: Result, i: int) -> None:
    """Refuse a result of another point than the first one."""

    def refuse(found: str) -> NoReturn:
        raise ArgumentError("results", f"be {_RULE}", found)

    if other.identity is None or first.identity is None:
        refuse(f"results[{i}] does not say which model it is of: its file was written by an older cojump")
    here, there = other.identity.facts, first.identity.facts
    if (MADE_BY in here) != (MADE_BY in there):
        refuse(f"one of results[0] and results[{i}] is of an older cojump, which told models apart less finely")
    words = (f"in results[{i}]", "in results[0]")
    apart = [d for d in compared("results", here, there, words) if d.name not in _FREE]
    if apart:
        refuse("; ".join(d.text for d in apart[:3]))
    one, two = statistics_of(first), statistics_of(other)
    for name in {**one, **two}:
        if name not in one or name not in two or not _alike(one[name], two[name]):
            refuse(f"{name} was measured otherwise in results[{i}] than in results[0], by another version of cojump")


def _alike(one: Extra, two: Extra) -> bool:
    """Whether the statistics of a meter can be added: the same figures, about the same mean field."""
    if one.labels != two.labels or one.interval != two.interval or one.moments.mean.shape != two.moments.mean.shape:
        return False
    size = np.abs(one.reference).max(initial=1.0)
    near = np.allclose(one.reference, two.reference, rtol=0, atol=_SAME * size, equal_nan=True)
    return bool(near) and np.array_equal(one.moments.pairs, two.moments.pairs) and np.allclose(one.times, two.times)


def _joined(every: Sequence[Result], seeds: dict[int, int]) -> Result:
    first, extras = every[0], dict(statistics_of(every[0]))
    for name, extra in extras.items():
        parts = [statistics_of(result)[name].moments for result in every]
        extras[name] = replace(extra, moments=_sum(parts))
    states = [result.kept_states for result in every if result.kept_states is not None]
    ends = None if not states else replace(states[0], states=tuple(state for own in states for state in own.states))
    records: JumpRecords | None = None
    if first.jump_records is not None:
        each = [record for result in every for record in result.jump_records or ()]
        records = JumpRecords.of(each, first.jump_records.jumps.dtype, first.jump_records.end)
    currents = [result.records for result in every if len(result.records)]
    return replace(
        first,
        moments=extras.pop(AVERAGES).moments,
        extras=extras,
        trajectories=np.concatenate([result.trajectories for result in every]),
        records=np.concatenate(currents) if currents else first.records,
        n_jumps=sum(result.n_jumps for result in every),
        parameters=_common(every),
        kept_states=ends,
        jump_records=records,
        rest=None,
        merged=tuple(seeds.items()) if len(seeds) > 1 else (),
        two_time=_two_times(every),
    )


def _two_times(every: Sequence[Result]) -> dict[str, MeasuredTwoTime]:
    """The two-time functions that all have under one name, of the trajectories of all."""
    first, others = every[0], every[1:]
    return {
        name: one.joined_with([result.two_time[name] for result in others]) if others else one
        for name, one in first.two_time.items()
        if all(name in r.two_time and not differences(one.facts, r.two_time[name].facts) for r in others)
    }


def _sum(parts: Sequence[Moments]) -> Moments:
    whole = parts[0].copy()
    for part in parts[1:]:
        whole.merge(part)
    return whole


def _common(every: Sequence[Result]) -> dict[str, Any]:
    """The parameters that all have alike."""
    return {
        key: value
        for key, value in every[0].parameters.items()
        if all(key in result.parameters and result.parameters[key] == value for result in every)
    }
