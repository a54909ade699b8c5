"""What an ensemble will cost: time from a few trial trajectories, memory and methods from the recipe."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from rich.filesize import decimal
from threadpoolctl import threadpool_limits

from ..model import Model
from ..model.driven import jump_rate
from ..model.unravellings import Unravelling
from ..tools import checks
from ..tools.checks import check_times
from ..tools.progress import duration
from ..tools.summaries import Summarised, counted, facts
from ..tools.types import Array
from ..trajectories.compilation import prepare
from ..trajectories.engine import make_engine
from ..trajectories.kernel_cache import tell_refusal
from .point import Point, Start, starting
from .schedule import Task
from .worker import Worker

_JUMPS, _GROWTH = 10.0, 4.0
"""Jumps at most in the first trials, and how many times longer the next ones are."""

_LEAST, _MOST = 3, 100
"""Trials that the figures are made of, beside a first one, which makes tables that the others find."""


@dataclass(frozen=True, eq=False, repr=False)
class Estimate(Summarised):
    """What an ensemble will cost. Times are seconds of processor time of one core as fast as this one.

    Attributes
    ----------
    n_traj, ranks : int
        Trajectories, and the processes that share them.
    chunk : int
        Trajectories per unit of work.
    per_trajectory : float
        Mean over the trial trajectories.
    spread : float
        Standard deviation between them; NaN for a single one.
    trials : int
        How many there were.
    reached, end : float
        Up to which time the trials went, and the last output time. Where they were cut short, the rest is taken to cost
        what the second half of the trials did.
    preparation : float
        The mean field, and what the first trajectory makes for all others; without compilation, which happens once.
    memory : int
        Bytes at the peak, of each rank.
    methods : mapping of str to str
        How each independent part of the model runs, by the names of its blocks.
    """

    n_traj: int
    ranks: int
    chunk: int
    per_trajectory: float
    spread: float
    trials: int
    reached: float
    end: float
    preparation: float
    memory: int
    methods: Mapping[str, str]

    @property
    def total(self) -> float:
        """Seconds until the ensemble is done: all trajectories shared by the ranks, in whole chunks."""
        return total_of([self], self.ranks)

    def _title(self) -> str:
        return f"Estimate: {counted(self.n_traj, 'trajectory')} in {about(self.total, self.ranks)}"

    def _lines(self) -> list[str]:
        whole = "whole ones" if self.reached >= self.end else f"cut at t = {self.reached:.3g} of {self.end:g}"
        spread = "" if np.isnan(self.spread) else f" ± {_short(self.spread)} from one to the next"
        return facts(
            ("each", f"{_short(self.per_trajectory)}{spread} ({counted(self.trials, 'trial')}, {whole})"),
            ("before them", _short(self.preparation)),
            ("memory", f"{decimal(self.memory)} in each process"),
            *((names, method) for names, method in self.methods.items()),
        )


def estimate(
    model: Model,
    state: Start,
    times: ArrayLike,
    n_traj: int,
    *,
    seed: int = 0,
    tolerance: float = 1e-9,
    chunk: int = 64,
    unravelling: Mapping[str, Unravelling] | None = None,
    ranks: int = 1,
    seconds: float = 1.0,
) -> Estimate:
    """Estimate what ``simulate`` with the same arguments will cost, before it is paid.

    The first trajectories of that run are the trials. Where whole ones would take too long they are cut short, and the
    rest is extrapolated. The time is good to a factor of 2, or of 4 where the trials are cut short; compilation, which
    happens once, is not in it.

    Parameters
    ----------
    model, state, times, n_traj, seed, tolerance, chunk, unravelling
        As for :func:`cojump.simulate`.
    ranks : int
        Processes that share the work.
    seconds : float
        How long the trials may take together, about; a few are made in any case.

    Returns
    -------
    Estimate

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError
        As :func:`cojump.simulate`.

    Examples
    --------
    >>> model = cj.systems.constrained(size=200, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> state = cj.tilted(model, theta=1.1, phi=0.4)
    >>> cost = cj.estimate(model, state, np.linspace(0, 4, 41), 10_000, seconds=0.1)
    >>> cost.total < 1000, cost.methods
    (True, {'spins': 'banded H_eff, windowed'})
    """
    point = Point(
        model,
        starting(state),
        check_times(times),
        n_traj=n_traj,
        seed=seed,
        tolerance=tolerance,
        chunk=chunk,
        unravelling={} if unravelling is None else unravelling,
    )
    ranks = checks.integer("ranks", ranks, 1)
    return estimate_point(point, ranks, checks.number("seconds", seconds, 0, 1e9))


def estimate_point(point: Point, ranks: int, seconds: float) -> Estimate:
    """The estimate of one point, trials of ``seconds``."""
    with threadpool_limits(1):
        prepare([point.unravelled], [point.state])
        tell_refusal()
        began = time.thread_time()
        worker = Worker(point)
        preparation = time.thread_time() - began
        reached = _reach(point, seconds)
        end = float(point.times[-1])
        costs = _whole(point, worker, seconds) if reached >= end else _extrapolated(point, reached, seconds)
        first, *others = costs
        costs = others or costs
        preparation += max(float(first - np.mean(costs)), 0.0)
    return Estimate(
        n_traj=point.n_traj,
        ranks=ranks,
        chunk=point.chunk,
        per_trajectory=float(np.mean(costs)),
        spread=float(np.std(costs, ddof=1)) if len(costs) > 1 else float("nan"),
        trials=len(costs),
        reached=reached,
        end=end,
        preparation=preparation,
        memory=point.nbytes,
        methods={", ".join(part.names): part.method for part in point.recipe.parts},
    )


def total_of(estimates: Sequence[Estimate], ranks: int) -> float:
    """Seconds in which some ranks do several ensembles: all of the work shared, but no chunk by two of them."""
    work = sum(one.per_trajectory * one.n_traj for one in estimates)
    longest = max(one.per_trajectory * min(one.chunk, one.n_traj) for one in estimates)
    return sum(one.preparation for one in estimates) + max(work / ranks, longest)


def about(seconds: float, ranks: int) -> str:
    """How long some ranks take, as a person would say it."""
    when = "less than a second" if seconds < 1 else f"about {duration(seconds)}"
    return f"{when} on {counted(ranks, 'rank')}"


def _short(seconds: float) -> str:
    """Few figures of a time that may be short."""
    if seconds >= 100:
        return duration(seconds)
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1e3 * seconds:.2g} ms"


class _Cut:
    """Trial trajectories up to a time before the last output time."""

    def __init__(self, point: Point, end: float) -> None:
        times = np.append(point.times[point.times < end], end)
        self._engine, self._seed = make_engine(point.unravelled, point.state, times, point.tolerance), point.seed

    def costs(self, index: int) -> Array:
        """Seconds that trajectory ``index`` takes, and a second time, when the tables of its sectors are there."""
        found = []
        for _ in range(2):
            began = time.thread_time()
            self._engine.run(self._seed, index)
            found.append(time.thread_time() - began)
        return np.array(found)


def _reach(point: Point, seconds: float) -> float:
    """How far trials may go: they grow from a few jumps until the next ones would take longer than there is time."""
    end = float(point.times[-1])
    rate = sum(jump_rate(part.model, end) for part in point.recipe.parts)
    reach = min(end, _JUMPS / rate) if rate > 0 else end
    began = time.thread_time()
    while reach < end:
        cost = float(_Cut(point, reach).costs(0).max())
        spent = time.thread_time() - began
        if spent + _LEAST * _GROWTH * cost > seconds:
            break
        reach *= _GROWTH
    return min(reach, end)


def _whole(point: Point, worker: Worker, seconds: float) -> list[float]:
    """Seconds of each of the first trajectories, with all that a run does with them."""
    costs: list[float] = []
    while len(costs) < min(point.n_traj, _MOST) and (len(costs) <= _LEAST or sum(costs) < seconds):
        began, index = time.thread_time(), len(costs)
        worker.run(Task(0, 0, index, index + 1, None), lambda: None, lambda _: None)
        costs.append(time.thread_time() - began)
    return costs


def _extrapolated(point: Point, reached: float, seconds: float) -> list[float]:
    """Seconds of whole trajectories: what is beyond the trials costs as much as their second halves.

    The first one makes its tables, the others are as if they found them: a run of many comes back to the same sectors.
    """
    half, full = _Cut(point, reached / 2), _Cut(point, reached)
    left = (float(point.times[-1]) - reached) / (reached / 2)
    costs: list[float] = []
    began = time.thread_time()
    while len(costs) < _MOST and (len(costs) <= _LEAST or time.thread_time() - began < seconds):
        index = len(costs)
        first, both = half.costs(index), full.costs(index)
        made, found = both + left * np.maximum(both - first, 0.0)
        costs += [float(made), float(found)] if index == 0 else [float(found)]
    return costs
