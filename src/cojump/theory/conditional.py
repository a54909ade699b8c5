"""Conditional states: what an observer of currents and clicks knows, a quantum filter.

A detector that misses light leaves its observer with a mixed state, the average over all that may have happened beside
the record (H. M. Wiseman and G. J. Milburn, Quantum Measurement and Control, 2010, chapter 4). A trajectory of
efficiency below 1 is one of these: it draws what is not seen. The equation is in :mod:`cojump.theory.watched`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import Model
from ..model.driven import refuse_driven
from ..model.final_states import FinalStates
from ..model.jumps import CollectiveJump
from ..model.mixtures import Mixture
from ..model.model import check_model
from ..model.modes import ModeLoss
from ..model.records import Record
from ..model.states import State
from ..model.unravelled import check_record, chosen_ways
from ..model.unravellings import Counting, Diffusive, Shifted, Unravelling
from ..tools import checks
from ..tools.checks import check_times, same_times
from ..tools.numbers import format_number
from ..tools.progress import Percentage
from ..tools.summaries import counted, facts, few, more, span, table
from ..tools.types import Array
from .evolution import Limits
from .exact_moments import moments_of
from .final_density import FinalDensity
from .fock_growth import Edge, grown, widened
from .generator import LEAST, Generator
from .solved import Read, Reading, SolvedStates, Start, reading
from .taylor_steps import evolve
from .watched import Map, Watched

_LOST = 0.5
"""A step in which more of the trace is lost is made shorter: its error is one of what is left."""

_IMPOSSIBLE = 1e-13
"""A click of a rate below this, in parts of the norm of the generator, is rounding."""


@dataclass(frozen=True, eq=False, repr=False)
class Conditional(SolvedStates):
    """What an observer knows of a state, given one record.

    Attributes
    ----------
    times, labels, n_particles, mean, second, sectors, sector_weights, tolerance, model, state, fock
        As for :class:`cojump.theory.solved.SolvedStates`; ``covariance`` is that of the conditional state.
    purity : (T,) array
        Σ_λ tr ρ_λ²: 1 for a pure state of a sector. (The factor 1/f_λ of ρ_λ ⊗ 1/f_λ, which no average of the particles
        sees, is left out.)
    log_likelihood : (T,) array
        ln of the probability density of the record up to each time: of currents against white noise of the same
        length, of clicks in time. Differences between two models, or two efficiencies, compare them.
    record, unravelling
        As given.
    """

    purity: Array = field(kw_only=True)
    log_likelihood: Array = field(kw_only=True)
    record: Mapping[str, Array] = field(kw_only=True)
    unravelling: Mapping[str, Unravelling] = field(kw_only=True)

    def _title(self) -> str:
        return f"Conditional state of a record: N = {self.n_particles:,}, {span(self.times)}"

    def _lines(self) -> list[str]:
        ways = [f"{name}: {way._title()}" for name, way in self.unravelling.items()]
        lines = facts(
            ("detectors", few(ways)),
            ("averages", few(self.labels)),
            ("purity", f"{self.purity[-1]:.6g} at t = {self.times[-1]:g}"),
            ("log-likelihood", f"{self.log_likelihood[-1]:.8g}"),
        )
        rows = [(format_number(m),) for m in self.mean[-1]]
        lines += table((f"at t = {self.times[-1]:g}", "value"), self.labels, rows)
        return lines + more(".mean, .covariance, .purity, .log_likelihood, .resolution, .final, .squeezing(..)")

    @property
    def final(self) -> FinalDensity:
        """The density matrix at the last time, from which another solution, of the next record too, can go on."""
        return self._end

    @cached_property
    def resolution(self) -> Array:
        """(A,) how much the distance of the output times matters: an estimate of the error of each average by it.

        The root mean square over the times of the difference to what a record of half the resolution gives, every two
        entries of it added up. A record is taken as straight between the output times; the error falls with their
        distance, and with its root where currents of operators that do not commute are seen. It is 1/√3 of this in the
        first case, and as large as this in the second.

        Raises
        ------
        ArgumentError
            If there are fewer than two intervals.
        """
        places = np.flatnonzero(np.diff(self.times, prepend=0.0) > 0)
        if len(places) < 2:
            raise ArgumentError("times", "have at least two intervals for a resolution", f"there is {len(places)}")
        if not any(isinstance(way, Diffusive) for way in self.unravelling.values()):
            return np.zeros(len(self.labels))
        ends = places[1::2]
        coarse = {}
        for name, way in self.unravelling.items():
            own = self.record[name]
            if isinstance(way, Diffusive):
                coarse[name] = np.add.reduceat(own[places[: 2 * len(ends)]], np.arange(0, 2 * len(ends), 2))
            else:
                coarse[name] = own[own <= self.times[ends[-1]]]
        assert isinstance(self.state, State | Mixture | FinalStates | FinalDensity)
        rough = conditional(
            self.model, self.state, self.times[ends], coarse, unravelling=self.unravelling, tolerance=self.tolerance
        )
        return np.sqrt(np.mean((rough.mean - self.mean[ends]) ** 2, axis=0))


@overload
def conditional(
    model: Model,
    state: State | Mixture | FinalStates | FinalDensity,
    times: ArrayLike,
    record: Mapping[str, ArrayLike],
    *,
    unravelling: Mapping[str, Unravelling],
    tolerance: float = ...,
    memory: float = ...,
    applications: float = ...,
    progress: bool = ...,
    keep: bool = ...,
) -> Conditional: ...


@overload
def conditional(
    model: Model,
    state: State | Mixture | FinalStates | FinalDensity,
    times: ArrayLike,
    record: Sequence[Mapping[str, ArrayLike]],
    *,
    unravelling: Mapping[str, Unravelling],
    tolerance: float = ...,
    memory: float = ...,
    applications: float = ...,
    progress: bool = ...,
    keep: bool = ...,
) -> list[Conditional]: ...


def conditional(
    model: Model,
    state: State | Mixture | FinalStates | FinalDensity,
    times: ArrayLike,
    record: Mapping[str, ArrayLike] | Sequence[Mapping[str, ArrayLike]],
    *,
    unravelling: Mapping[str, Unravelling],
    tolerance: float = 1e-10,
    memory: float = 4.0,
    applications: float = 1e7,
    progress: bool = False,
    keep: bool = False,
) -> Conditional | list[Conditional]:
    """Follow the density matrix that an observer knows who has seen one record (quantum filter).

    The observer has the detectors that ``unravelling`` names and no others, each with its efficiency: light that is
    not seen, and jumps that are not named, leave the state mixed. Without a detector, or with the efficiency 0, it is
    the solution of the master equation; with the efficiency 1 for all that jumps, the pure state of a trajectory;
    between them the average over the trajectories that have this record.

    Parameters
    ----------
    model : Model
    state : State, Mixture, or the end of another run
        The state at t = 0, as for :func:`cojump.master_equation`; ``final`` of another conditional state goes on with
        the next piece of a record.
    times : (T,) array
        The output times of the record, increasing, times[0] ≥ 0.
    record : mapping of str to array, or a list of these
        What each detector has shown, by the name of the jump: for homodyne detection (T,), for heterodyne detection
        (T, 2), what Y has gained from one output time to the next, the first entry from t = 0, as
        ``trajectory.records`` and ``result.records`` have it; for a counter the times of its clicks.
        ``trajectory.record`` is such a mapping; its efficiencies and phases have to be those given here. What is not
        named in ``unravelling`` is left out. Several records in a list are followed one after the other, and what is
        made before the first of them is made once.
    unravelling : mapping of str to what ``cojump.unravelling`` makes
        The detectors, by the name of the jump: ``homodyne``, ``heterodyne``, ``counting`` and ``shifted`` with an
        efficiency. Local jumps can be counted, by the time alone: which particle has jumped, and to which sector, is
        not seen.
    tolerance : float
        Of the steps along the record: the error of ρ in the trace norm is on average over records at most twice this.
        It does not hold the error by a coarse record, see ``resolution`` of the result.
    memory, applications, progress, keep
        As for :func:`cojump.master_equation`.

    Returns
    -------
    Conditional
        A list of them for a list of records.

    Raises
    ------
    ArgumentError
        Before work starts, if an argument breaks a rule, the record has another shape or belongs to another model, or
        the model needs more memory. Later, if the record is impossible, as a click of a state that has none.
    UnsupportedError
        If terms change in time, or a jump cannot be detected so.
    ConvergenceError
        If the steps do not converge.

    Examples
    --------
    Half of the light of one trajectory is seen:

    >>> model = cj.systems.boundary_time_crystal(size=10, omega=1.5, kappa=1.0)
    >>> state, times = cj.tilted(model, 0.2, 0.0), np.linspace(0, 2, 401)
    >>> chosen = {"decay": cj.unravelling.homodyne(np.pi / 2, 0.5)}
    >>> one = cj.trajectory(model, state, times, seed=1, index=0, unravelling=chosen)
    >>> known = cj.conditional(model, state, times, one.record, unravelling=chosen)
    >>> print(known["spins.z"].mean[[0, 200, 400]].round(2), known.purity[[0, 200, 400]].round(2))
    [ 0.98 -0.96  0.78] [1.   0.81 0.73]

    A photon counter that sees nothing of an excited atom:

    >>> atom = cj.systems.boundary_time_crystal(size=1, omega=0.0, kappa=1.0)
    >>> up, dark = cj.tilted(atom, 0.0, 0.0), {"decay": cj.unravelling.counting(0.5)}
    >>> known = cj.conditional(atom, up, [1.0], {"decay": []}, unravelling=dark)
    >>> print(known.log_likelihood.round(6), np.log(0.5 + 0.5 * np.exp(-1)).round(6))
    [-0.379885] -0.379885
    """
    check_model(model)
    checked = check_times(times)
    tolerance = checks.number("tolerance", tolerance, 1e-12, 1e-2)
    memory = checks.number("memory", memory, 0)
    applications = checks.number("applications", applications, 1)
    progress, keep = checks.boolean("progress", progress), checks.boolean("keep", keep)
    refuse_driven(model, "There are conditional states")
    checks.mapping("unravelling", unravelling, "map names of jumps to what cojump.unravelling makes")
    ways = chosen_ways(model, unravelling)
    _check_ways(model, ways)
    several = isinstance(record, list | tuple)
    places = [f"record[{i}]" for i in range(len(record))] if several else ["record"]
    all_seen = [_seen(model, checked, *one, ways) for one in zip(places, record if several else [record], strict=True)]
    start, limits = Start.given(model, state, memory), Limits(tolerance, memory, applications)
    with threadpool_limits(1), Percentage(progress, "the time") as told:
        own = {place: way for place, (_, way) in ways.items()}
        path = _Path(start, own, checked, limits, reading(len(checked), memory, keep))
        found = []
        for n, seen in enumerate(all_seen):

            def shared(share: float, n: int = n) -> None:
                told((n + share) / len(all_seen))

            rows = path.along(seen, shared)
            found.append(_known(path, rows, state, tolerance, seen.given, dict(unravelling)))
    return found if several else found[0]


def _known(
    path: _Path,
    found: list[tuple[*Read, float, float]],
    state: State | Mixture | FinalStates | FinalDensity,
    tolerance: float,
    record: dict[str, Array],
    unravelling: dict[str, Unravelling],
) -> Conditional:
    """What has been read along a record."""
    generator, times, model = path.generator, path.times, path.generator.model
    rows, purity, likelihood = (np.array([one[k] for one in found]) for k in (0, 2, 3))
    mean, second, weights, photons = moments_of(rows, len(model.labels), len(model.modes))
    fock = {name: space.size for name, space in zip(model.mode_names, generator.spaces, strict=True)}
    last = generator.reached(path.vector.copy(), float(times[-1]))
    kept = tuple(replace(one[1], time=float(t)) for one, t in zip(found, times, strict=True) if one[1] is not None)
    return Conditional(
        *(times, model.labels, model.size, mean, second, tuple(generator.packing.dims), weights),
        *(tolerance, model, state, fock, photons, last, kept),
        purity=purity,
        log_likelihood=likelihood,
        record=record,
        unravelling=unravelling,
    )


class _Seen(NamedTuple):
    """A record as it is followed.

    Attributes
    ----------
    given : dict of str to array
        By the name of the jump.
    gains : (T, C) array
        Of all currents, in the order of the detectors.
    clicks : list of (time, place of the jump)
        In the order of time.
    """

    given: dict[str, Array]
    gains: Array
    clicks: list[tuple[float, int]]


def _check_ways(model: Model, ways: Mapping[int, tuple[str, Unravelling]]) -> None:
    """Refuse detectors that have no place here."""
    for place, (called, way) in ways.items():
        jump = model.jumps[place]
        if isinstance(way, Diffusive) and way.record is not None:
            raise ArgumentError(called, "have no record of its own: give it as `record`", "it has one")
        if not isinstance(jump, CollectiveJump | ModeLoss) and not isinstance(way, Counting):
            raise UnsupportedError(
                f"A jump of single particles can be counted alone: {called} is {way._title().lower()}"
            )
        if isinstance(jump, ModeLoss) and isinstance(way, Shifted) and way.beta != 0 and jump.rates[0] == 0:
            raise ArgumentError("unravelling", "shift jumps that can happen", f"{jump.name!r} has the rate 0")


def _seen(model: Model, times: Array, called: str, record: Any, ways: Mapping[int, tuple[str, Unravelling]]) -> _Seen:
    """The record of the detectors, checked; ``called`` so in messages."""
    checks.mapping(called, record, "map names of jumps to what their detectors have shown")
    names = [jump.name for jump in model.jumps if jump.name is not None]
    for name in record:
        if name not in names:
            known = checks.named(names) if names else "given to a jump first (every jump takes name=...)"
            raise ArgumentError(called, f"have names of jumps as keys: {known}", f"one is {checks.shown(name)}")
    if isinstance(record, Record) and not same_times(record.times, times):
        raise ArgumentError("times", "be those of the record", f"the record has {span(record.times)}")
    given, gains, clicks = {}, [np.zeros((len(times), 0))], []
    for place, (detector, way) in ways.items():
        name = str(model.jumps[place].name)
        own = f"{called}[{checks.shown(name)}]"
        if name not in record:
            raise ArgumentError(called, f"have what each detector has shown, also {checks.shown(name)}", "it has not")
        if isinstance(record, Record):
            record.check(detector, name, way)
        shown = checks.array(own, record[name], real=True).astype(float)
        if isinstance(way, Diffusive):
            check_record(own, shown, way, times)
            if times[0] == 0 and np.any(shown[0]):
                rule = "begin with 0 where the first output time is 0: nothing has been seen then"
                raise ArgumentError(own, rule, f"it begins with {shown[0]}")
            gains.append(shown.reshape(len(times), -1))
        else:
            _check_clicks(own, shown, way, times)
            clicks += [(float(time), place) for time in shown]
        given[name] = shown
    return _Seen(given, np.concatenate(gains, axis=1), sorted(clicks))


def _check_clicks(name: str, clicks: Array, way: Unravelling, times: Array) -> None:
    if clicks.ndim != 1:
        raise ArgumentError(name, "be the times of the clicks, an array of one axis", f"its shape is {clicks.shape}")
    if np.any(np.diff(clicks) < 0):
        raise ArgumentError(name, "be times in order", "a click is earlier than the one before it")
    if clicks.size and not (clicks[0] >= 0 and clicks[-1] <= times[-1]):
        outside = clicks[0] if clicks[0] < 0 else clicks[-1]
        raise ArgumentError(name, f"be times between 0 and the last output time, {times[-1]:g}", f"one is {outside:g}")
    if clicks.size and way.seen == 0:
        raise ArgumentError(name, "be empty: the efficiency is 0", f"it has {counted(len(clicks), 'click')}")


class _Path:
    """A conditional state on its way along a record.

    Attributes
    ----------
    generator : Generator
        With as many Fock states as it has needed.
    times : (T,) array
    vector : array
        The packed state, its trace 1.
    likelihood : float
        ln of the likelihood of the record so far.
    """

    def __init__(
        self, start: Start, ways: Mapping[int, Unravelling], times: Array, limits: Limits, read: Reading
    ) -> None:
        self._model, self._ways, self._limits, self._reading = start.model, ways, limits, read
        self.times, self._end, self._spent, self.likelihood = times, float(times[-1]), 0, 0.0
        self.generator, self._occupied, self._start = start.packed(start.spaces(times, limits.memory), limits.memory)
        self._prepare()
        self.vector = self._start = self._start / self._trace(self._start)

    def _prepare(self) -> None:
        generator = self.generator
        self._watched = Watched(generator, self._ways)
        self._edge = Edge(self._model, generator.spaces, generator.packing, generator.dims)
        self._read = self._reading(generator)
        # with modes half of the tolerance is for the steps, and half for what is lost beyond their Fock states
        modes, rate = len(generator.spaces), self._limits.tolerance / max(self._end, np.finfo(float).tiny)
        self._for_steps, self._for_edges = (rate / 2, rate / 2 / modes) if modes else (rate, np.inf)

    def _trace(self, vector: Array) -> float:
        return float(self._watched.identity @ vector)

    def along(self, seen: _Seen, told: Callable[[float], None]) -> list[tuple[*Read, float, float]]:
        """At each time what is read, the purity and the log-likelihood, along a record from the start on."""
        self.vector, self._spent, self.likelihood = self._start, 0, 0.0
        begun, clicks, found = 0.0, list(reversed(seen.clicks)), []
        for time, gains in zip(self.times.tolist(), seen.gains, strict=True):
            slopes = gains / (time - begun) if time > begun else np.zeros_like(gains)
            while clicks and clicks[-1][0] <= time:
                when, jump = clicks.pop()
                self._go(when - begun, slopes)
                self._click(jump, when)
                begun = when
            self._go(time - begun, slopes)
            begun = time
            found.append((*self._read(self.vector), float(self.vector @ self.vector), self.likelihood))
            told(time / self._end if self._end else 1.0)
        return found

    def _click(self, jump: int, time: float) -> None:
        made = self._watched.click(jump, self.vector)
        trace = self._trace(made)
        if not trace > _IMPOSSIBLE * self.generator.norm:
            found = f"a click of {self._model.jumps[jump].name!r} at t = {time:g} comes from a state that has none"
            raise ArgumentError("record", "be possible from this start", found)
        self.vector = made / trace
        self.likelihood += float(np.log(trace))

    def _go(self, length: float, slopes: Array) -> None:
        """Go on for a time without clicks, along records of these slopes."""
        left = step = length
        while left > 0:
            step = min(step, left)
            flow, start = self._watched.flow(slopes), self.vector
            shift = self._trace(flow(start))

            def derivative(y: Array, flow: Map = flow, shift: float = shift) -> Array:
                self._spent += 1
                return flow(y) - shift * y

            (end,) = evolve(
                derivative,
                start,
                np.array([step]),
                norm=self.generator.packing.norm,
                tolerance=self._for_steps * step,
                most=self._limits.applications - self._spent,
            )
            trace = self._trace(end)
            if not trace >= _LOST:
                step /= 2
                if left + step == left:
                    raise ConvergenceError("The conditional state has lost its trace: its record is too unlikely")
                continue
            made = end / trace
            if modes := [m for m, lost in enumerate(self._edge.losses(made)) if lost > self._for_edges]:
                self._grow(modes)
                continue
            self.vector = made
            self.likelihood += shift * step + float(np.log(trace))
            left = 0.0 if step == left else left - step

    def _grow(self, modes: list[int]) -> None:
        """Take more Fock states of some modes."""
        smaller, spaces = self.generator, grown(self.generator.spaces, modes)
        self.generator = Generator(self._model, self._occupied, memory=self._limits.memory, least=LEAST, spaces=spaces)
        own = smaller.packing, self.generator.packing, smaller.dims, self.generator.dims
        self.vector, self._start = widened(self.vector, *own), widened(self._start, *own)
        self._prepare()
