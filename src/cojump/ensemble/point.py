"""One point of a sweep: everything that says what is run, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..measure.catalogue import meters_of
from ..model import Model
from ..model.states import State, check_start
from ..tools import checks
from ..tools.checks import check_times
from ..tools.memory import for_each_rank
from ..tools.types import Array
from ..trajectories.recipe import check_rates, plan
from .goal import DEVIATION, Goal
from .statistics_size import Statistics, statistics_bytes

TOLERANCES = (1e-13, 1e-2)
"""Smallest and largest tolerance that double precision and the purpose allow."""

MOST_TRAJECTORIES = 2**63 - 1
"""Trajectories are numbered by 64 bits."""


@dataclass(frozen=True, eq=False)
class Point:
    """One ensemble to run: a model, a state, and how many trajectories of which seed.

    Parameters
    ----------
    model, state
        The state is the one at t = 0.
    times : (T,) array
        Output times, increasing, times[0] ≥ 0.
    n_traj : int
        Number of trajectories, 0..n_traj-1 of ``seed``.
    seed : int
        At least 0.
    tolerance : float
        Bound on the error of the state per step and on the jump time, within 1e-13 and 1e-2.
    chunk : int
        Trajectories per unit of work and reduction.
    keep : int
        How many trajectories keep their series, at most n_traj.
    parameters : mapping
        What names this point in a sweep.
    observables : mapping
        Polynomials of averages to be measured, see :func:`cojump.simulate`.
    distributions : (T',) array
        Output times at which the distributions of M are measured.
    burn_in, window : float or None
        Begin and end of the measurement window, see :func:`cojump.simulate`.
    target : mapping of str to float, or float
        Standard errors at which the run stops before ``n_traj``, see :class:`cojump.ensemble.run.ordered_merge.Goal`;
        one number is for all averages.
    min_traj : int
        Trajectories before the target is looked at.

    Raises
    ------
    ArgumentError, UnsupportedError
        If a value breaks a rule, or the model does not fit in memory.
    """

    model: Model
    state: State
    times: Array
    n_traj: int
    seed: int = 0
    tolerance: float = 1e-9
    chunk: int = 64
    keep: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    observables: Mapping[str, Any] = field(default_factory=dict)
    distributions: Array = field(default_factory=lambda: np.empty(0))
    burn_in: float | None = None
    window: float | None = None
    target: Mapping[str, float] | float = field(default_factory=dict)
    min_traj: int = 100

    def __post_init__(self) -> None:
        check_start(self.model, self.state)
        object.__setattr__(self, "times", check_times(self.times))
        object.__setattr__(self, "n_traj", checks.integer("n_traj", self.n_traj, 1, MOST_TRAJECTORIES))
        object.__setattr__(self, "seed", checks.integer("seed", self.seed, 0, bits=checks.SEED_BITS))
        object.__setattr__(self, "chunk", checks.integer("chunk", self.chunk, 1, MOST_TRAJECTORIES))
        object.__setattr__(self, "keep", checks.integer("keep", self.keep, 0, self.n_traj))
        object.__setattr__(self, "tolerance", checks.number("tolerance", self.tolerance, *TOLERANCES))
        self._check_memory()
        check_rates(self.model)
        self._check_measurements()
        self._check_target()

    def _check_measurements(self) -> None:
        checks.mapping("observables", self.observables, "map labels to polynomials")
        shots = np.empty(0)
        if np.size(self.distributions):
            shots = self.times[checks.output_times("distributions", self.distributions, self.times)]
        object.__setattr__(self, "distributions", shots)
        zero = np.zeros((len(self.times), len(self.model.labels)))
        meters_of(self.model, self.times, zero, self.observables, shots, self.burn_in, self.window)

    def _check_target(self) -> None:
        given: Any = self.target
        target = given if isinstance(given, Mapping) else dict.fromkeys(self.model.labels, given)
        known = [*self.model.labels, *self.model.order_parameters, DEVIATION]
        for label, limit in target.items():
            if label not in known:
                found = f"one is {checks.shown(label)}"
                raise ArgumentError("target_error", f"name averages among {checks.named(known)}", found)
            if checks.number("target_error", limit, 0) == 0:
                raise ArgumentError("target_error", "be greater than 0", "it is 0")
        object.__setattr__(self, "target", {label: float(limit) for label, limit in target.items()})
        object.__setattr__(self, "min_traj", checks.integer("min_traj", self.min_traj, 2, MOST_TRAJECTORIES))

    @property
    def nbytes(self) -> int:
        """Bytes that running it takes at the peak: the engine, the statistics, the kept series."""
        return sum(p.nbytes for p in plan(self.model)) + sum(self._statistics)

    @property
    def _statistics(self) -> Statistics:
        n = len(self.observables) if isinstance(self.observables, Mapping) else 0
        return statistics_bytes(self.model, len(self.times), self.keep, n, np.size(self.distributions))

    def _check_memory(self) -> None:
        """Refuse what would not fit, before anything is allocated."""
        plans, (moments, series), have = plan(self.model), self._statistics, for_each_rank()
        engine = sum(p.nbytes for p in plans)
        rule, room = "that fits in memory", f"and there are {have / 2**30:,.2f} GiB for it"
        if engine > have:
            amplitudes = " + ".join(
                f"{p.amplitudes:,}" if p.amplitudes < 10**15 else f"{float(p.amplitudes):.3g}" for p in plans
            )
            found = f"{amplitudes} amplitudes need {engine / 2**30:.4g} GiB {room}"
            raise ArgumentError("size", f"leave a trajectory {rule}", found)
        if engine + moments > have:
            many = f"{len(self.times):,} output times of {len(self.model.labels)} averages"
            found = f"the statistics of {many} need {(engine + moments) / 2**30:,.1f} GiB {room}"
            raise ArgumentError("times", f"leave an ensemble {rule}", found)
        if engine + moments + series > have:
            many = f"{self.keep:,} series of {len(self.times):,} output times"
            found = f"{many} need {(engine + moments + series) / 2**30:,.1f} GiB {room}"
            raise ArgumentError("keep", f"leave an ensemble {rule}", found)

    @property
    def goal(self) -> Goal:
        """When the point is done."""
        assert isinstance(self.target, Mapping)
        return Goal(self.n_traj, self.chunk, self.keep, self.target, self.min_traj)
