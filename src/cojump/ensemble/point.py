"""One point of a sweep: everything that says what is run, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..measure.callbacks import Callback, tried
from ..measure.catalogue import meters_of
from ..measure.meter import Meter, StateMeter
from ..model import Model
from ..model.driven import check_envelopes
from ..model.final_states import FinalStates
from ..model.mixtures import Mixture, check_mixture
from ..model.states import State
from ..model.unravelled import record_labels, unravelled
from ..results.setup import Call, Setup
from ..theory.final_density import FinalDensity, mixture_of
from ..tools import checks
from ..tools.checks import check_times
from ..tools.memory import for_each_rank
from ..tools.summaries import counted
from ..tools.types import Array
from ..trajectories.observed_state import ObservedState, without_terms
from ..trajectories.recipe import Recipe, recipe_of
from ..trajectories.start_state import any_state, state_at_start
from .goal import DEVIATION, Goal
from .options import RunOptions
from .statistics_size import COPIES_OF_RECORDS, Statistics, statistics_bytes

_WINDOW, _WIDTH = 4096, 64
"""Amplitudes that a state occupies in a large sector, and of their square root, as memory is planned."""


Start = State | Mixture | FinalStates | FinalDensity
"""What an ensemble may start from."""


def starting(state: Start) -> State | Mixture | FinalStates:
    """What trajectories start from: of a density matrix its eigenstates."""
    return mixture_of(state) if isinstance(state, FinalDensity) else state


@dataclass(frozen=True, eq=False)
class Point(RunOptions):
    """One ensemble to run: a model, a state, output times, and the options of the run.

    Parameters
    ----------
    model, state
        The state is the one at t = 0.
    times : (T,) array
        Output times, increasing, times[0] ≥ 0.
    parameters : mapping
        What names this point in a sweep.
    call : Call, optional
        Of the user's function that has made the model, where a run file names one.
    **options
        See :class:`cojump.ensemble.options.RunOptions`.

    Raises
    ------
    ArgumentError, UnsupportedError
        If a value breaks a rule, or the model does not fit in memory.
    """

    model: Model
    state: State | Mixture | FinalStates
    times: Array
    parameters: Mapping[str, Any] = field(default_factory=dict)
    call: Call | None = None

    def __post_init__(self) -> None:
        check_mixture(self.model, self.state, FinalStates)
        if self.averages is not None:
            object.__setattr__(self, "model", replace(self.model, averages=self.averages))
        object.__setattr__(self, "averages", self.model.averages)
        object.__setattr__(self, "times", check_times(self.times))
        super().__post_init__()
        check_envelopes(self.model, float(self.times[-1]))
        checks.mapping("unravelling", self.unravelling, "map names of jumps to what cojump.unravelling makes")
        _ = self.unravelled
        self._check_measurements()
        self.check_memory()
        self._check_final()
        self.recipe.rates()  # refuses what is no rate
        self._check_target()

    def _check_measurements(self) -> None:
        checks.mapping("observables", self.observables, "map labels to polynomials")
        checks.mapping("distribution_of", self.distribution_of, "map labels to averages of one block, {block: matrix}")
        checks.mapping("squeezing", self.squeezing, "map labels to weights of blocks, {label: {block: weight}}")
        checks.mapping("callbacks", self.callbacks, "map names to functions of a state")
        shots = self.times if self.distribution_of else np.empty(0)
        if np.size(self.distributions):
            shots = self.times[checks.output_times("distributions", self.distributions, self.times)]
        object.__setattr__(self, "distributions", shots)
        _ = self.meters
        alone = isinstance(self.reduced, Mapping)
        object.__setattr__(self, "reduced", (self.reduced,) if alone else tuple(self.reduced))

    @cached_property
    def bare(self) -> Model:
        """Blocks, modes and averages alone: the model of states that are seen."""
        return without_terms(self.model)

    @cached_property
    def tried_callbacks(self) -> tuple[Callback, ...]:
        """The user's functions, each called with a state that a trajectory may start from, and with another one."""

        def states() -> tuple[ObservedState, ObservedState | None]:
            start = state_at_start(self.model, self.state)
            other = any_state(self.model, start)
            seen = ObservedState(self.bare, 0.0, start)
            return seen, None if other is None else ObservedState(self.bare, 0.0, other)

        return tried(self.callbacks, states)

    @cached_property
    def meters(self) -> tuple[Meter | StateMeter, ...]:
        """What is measured, checked; without the mean field, which their empty statistics are made with."""
        return meters_of(self.unravelled, self.times, self)

    def _check_target(self) -> None:
        given: Any = self.target_error
        target = given if isinstance(given, Mapping) else dict.fromkeys(self.model.labels, given)
        known = [*self.model.labels, *self.model.order_parameters, DEVIATION]
        for label, limit in target.items():
            if label not in known:
                found = f"one is {checks.shown(label)}"
                raise ArgumentError("target_error", f"name averages among {checks.named(known)}", found)
            if checks.number("target_error", limit, 0) == 0:
                raise ArgumentError("target_error", "be greater than 0", "it is 0")
        object.__setattr__(self, "target_error", {label: float(limit) for label, limit in target.items()})

    @property
    def nbytes(self) -> int:
        """Bytes that running it takes at the peak: the engine, the statistics, the kept series and final states."""
        return self._engine_nbytes + sum(self.statistics)

    @property
    def _engine_nbytes(self) -> int:
        snapshots = sum(meter.size.times for meter in self.meters if isinstance(meter, StateMeter))
        return self.recipe.nbytes(snapshots + (self.keep > 0))

    @cached_property
    def unravelled(self) -> Model:
        """The model that its trajectories run: the same master equation, its light detected as chosen."""
        return unravelled(self.model, self.unravelling, self.times)

    @property
    def recipe(self) -> Recipe:
        """How its trajectories run."""
        return recipe_of(self.unravelled)

    @property
    def statistics(self) -> Statistics:
        """Bytes of its statistics and kept series at the peak."""
        # a state at the end counts as a series does; one in a large sector occupies a window of it
        occupied = sum(min(part.amplitudes, _WINDOW + _WIDTH * isqrt(part.amplitudes)) for part in self.recipe.parts)
        columns = len(self.model.labels) + len(record_labels(self.unravelled))
        series = self.keep * (len(self.times) * columns + 2 * occupied)
        return statistics_bytes((meter.size for meter in self.meters), series)

    def check_memory(self, workers: int = 1) -> None:
        """Refuse what would not fit beside so many processes of this one, before anything is allocated."""
        (moments, series), have = self.statistics, for_each_rank(workers)
        engine = self._engine_nbytes
        each = f" in each of {workers} workers" if workers > 1 else ""
        rule, room = "that fits in memory", f"and there are {have / 2**30:,.2f} GiB for it{each}"
        if engine > have:
            amplitudes = " + ".join(
                f"{p.amplitudes:,}" if p.amplitudes < 10**15 else f"{float(p.amplitudes):.3g}"
                for p in self.recipe.parts
            )
            found = f"{amplitudes} amplitudes need {engine / 2**30:.4g} GiB {room}"
            raise ArgumentError("size", f"leave a trajectory {rule}", found)
        if engine + moments > have:
            many = f"{counted(len(self.times), 'output time')} of {counted(len(self.model.labels), 'average')}"
            found = f"the statistics of {many} need {(engine + moments) / 2**30:,.1f} GiB {room}"
            raise ArgumentError("times", f"leave an ensemble {rule}", found)
        if engine + moments + series > have:
            many = f"{self.keep:,} series of {counted(len(self.times), 'output time')} and final states"
            found = f"{many} need {(engine + moments + series) / 2**30:,.1f} GiB {room}"
            raise ArgumentError("keep", f"leave an ensemble {rule}", found)

    def _check_final(self) -> None:
        """Refuse final states of another run of which there are none, or that the model takes apart."""
        if isinstance(self.state, FinalStates):
            if not self.state.states:
                raise ArgumentError("state", "have final states to go on from", "it has none")
            for state in self.state.states:
                for part in self.recipe.parts:
                    state.check_within(part.blocks, part.modes)

    def check_records(self, nbytes: float) -> None:
        """Raise MemoryError if the jump records of all trajectories, of so many bytes each, would not fit."""
        needed, have = COPIES_OF_RECORDS * nbytes * self.n_traj, for_each_rank()
        if needed > have:
            raise MemoryError(
                f"the jump records of {counted(self.n_traj, 'trajectory')} with {nbytes / 24:,.0f} jumps each need "
                f"{needed / 2**30:,.1f} GiB, and there are {have / 2**30:,.2f} GiB for it; leave out `record`"
            )

    @property
    def setup(self) -> Setup:
        """What its result is made of."""
        return Setup(self.model, self.state, self.call)

    @property
    def goal(self) -> Goal:
        """When the point is done."""
        assert isinstance(self.target_error, Mapping)
        return Goal(self.n_traj, self.chunk, self.keep, self.target_error, self.min_traj)
