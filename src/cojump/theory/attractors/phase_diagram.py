"""The attractors of a model, and how they change over two parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import EXPECTED, ArgumentError, ConvergenceError, foreign, one_line
from ...model import Model
from ...model.model import check_model
from ...model.product_states import product
from ...model.states import State
from ...tools import checks
from ...tools.export import dataframe, write_csv
from ...tools.labelled import Labelled
from ...tools.numbers import format_number
from ...tools.progress import make_progress
from ...tools.summaries import Summarised, counted, facts, few, more, table
from ...tools.types import Array
from .cycles import TIME_LIMIT
from .dynamics import MeanFieldDynamics, refuse
from .fixed_points import FixedPoint, FixedPoints, check_starts, describe, described
from .search import MOST_STARTS, find
from .settling import Settling
from .shooting import Orbit

Build = Callable[[float, float], Model]
Starts = Callable[[Model], Sequence[State]]

_SHOWN = 6
"""Fixed points of a survey that are listed."""

NOT_RUN = "not run"
"""Class of a point that a scan did not come to."""

_IDLE_STARTS = 6
"""Random starts that must find no new fixed point at one point of a scan."""


@dataclass(frozen=True, eq=False, repr=False)
class Cycle(Labelled):
    """A limit cycle as a survey finds it, to about 1e-5; :func:`limit_cycle` knows more, and precisely.

    Attributes
    ----------
    period : float
    mean : (K, A) array
        Averages per block at equidistant points of one period.
    multipliers : (k,) complex array
        Floquet multipliers, the trivial one first.
    labels : tuple of A strings "block.x"
    """

    period: float
    mean: Array
    multipliers: NDArray[np.complex128]
    labels: tuple[str, ...]

    def _title(self) -> str:
        return f"Limit cycle: period {self.period:.5g}"

    def _lines(self) -> list[str]:
        rows = (
            (format_number(a), format_number(b))
            for a, b in zip(self.mean.min(axis=0), self.mean.max(axis=0), strict=True)
        )
        lines = table(("over the cycle", "smallest", "largest"), self.labels, rows)
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .multipliers; cj.attractors.limit_cycle')


@dataclass(frozen=True, eq=False, repr=False)
class Survey(Summarised):
    """The attractors of one model.

    Attributes
    ----------
    model : Model
    fixed_points : FixedPoints
        All that were found, stable and unstable, and how sure it is that none is missing.
    cycles : list of Cycle
        The stable limit cycles that the starts lead to.
    reached : list of FixedPoint, Cycle or None
        Where each start leads; None for one that has not settled in the time given.
    unsettled : str
        What became of the first such start, in one line; "" if there is none. At a critical point the flow slows down
        without end: deviations decay as a power of time.
    """

    model: Model
    fixed_points: FixedPoints
    cycles: list[Cycle]
    reached: list[FixedPoint | Cycle | None]
    unsettled: str = ""

    def _title(self) -> str:
        return f"Attractors of {counted(self.model.size, 'particle')}: {self.label}"

    def _lines(self) -> list[str]:
        lines = [f"  {item._title()}" for item in [*self.fixed_points[:_SHOWN], *self.cycles]]
        if len(self.fixed_points) > _SHOWN:
            lines.insert(_SHOWN, f"  … and {counted(len(self.fixed_points) - _SHOWN, 'more fixed point')}")
        titles = ["nowhere in the time given" if a is None else a._title().partition(":")[0] for a in self.reached]
        ends = [f"{start}: {title}" for start, title in enumerate(titles)]
        lines += ["", *facts(("starts lead to", few(ends)), ("not certain", self.doubt))]
        return lines + more(".fixed_points, .cycles, .reached, .label, .certain")

    @property
    def label(self) -> str:
        """A short name, such as "2 stable, 1 unstable, cycle"; "not settled", "count not certain" where that is so.

        Points that linear theory cannot call stable count as unstable; "1 neutral" is added where a continuum has one,
        or closed orbits surround it.
        """
        stable, unstable, neutral = self.counts
        parts = [f"{stable} stable", f"{unstable} unstable"]
        if neutral:
            parts.append(f"{neutral} neutral")
        if self.cycles:
            parts.append("cycle" if len(self.cycles) == 1 else f"{len(self.cycles)} cycles")
        if self.unsettled:
            parts.append("not settled")
        if not self.certain:
            parts.append("count not certain")
        return ", ".join(parts)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Number of stable, of unstable (all that are neither of the others), and of neutral fixed points."""
        stable = sum(p.stable for p in self.fixed_points)
        neutral = sum(p.stability == "neutral" for p in self.fixed_points)
        return stable, len(self.fixed_points) - stable - neutral, neutral

    @property
    def certain(self) -> bool:
        """Whether it is confirmed that no fixed point is missing, see :class:`FixedPoints`."""
        return self.fixed_points.certain

    @property
    def doubt(self) -> str:
        """Why the count of fixed points is not certain, and whether a start has not settled, in one line; or ""."""
        return "; ".join(filter(None, (self.fixed_points.doubt, self.unsettled)))


@dataclass(frozen=True, eq=False, repr=False)
class PhaseDiagram(Summarised):
    """The attractors of a model over two parameters; X, Y values of them and S starts.

    Attributes
    ----------
    x, y : (X,) and (Y,) arrays
        The parameters.
    observables : tuple of A strings "block.x"
    labels : (X, Y) array of str
        The class of each point; "failed" where there is none, "not run" in the part that Ctrl-C has left.
    stable, unstable : (X, Y) int arrays
        Number of fixed points; those that linear theory cannot call stable count as unstable, but for neutral ones.
        -1 where a point failed.
    cycle : (X, Y) bool array
        Whether any start leads to a limit cycle.
    periods : (X, Y, S) array
        Period of the cycle that each start leads to, NaN if it leads to a fixed point.
    maximum, minimum : (X, Y, S, A) arrays
        Largest and smallest averages on the attractor that each start leads to: equal at a fixed point.
    failures : dict of (int, int) to str
        Why points failed, by their indices.
    neutral : (X, Y) int array
        Number of neutral fixed points: nothing grows, and a conserved quantity or a symmetry keeps something from
        decaying. A continuum counts once. -1 where a point failed.
    certain : (X, Y) bool array
        Whether the count of the fixed points is confirmed, see :class:`FixedPoints`; False where a point failed.
    doubts : dict of (int, int) to str
        Why it is not, or why a start has not settled, by the indices of the point.
    """

    x: Array
    y: Array
    observables: tuple[str, ...]
    labels: NDArray[np.str_]
    stable: NDArray[np.int64]
    unstable: NDArray[np.int64]
    cycle: NDArray[np.bool_]
    periods: Array
    maximum: Array
    minimum: Array
    failures: dict[tuple[int, int], str]
    neutral: NDArray[np.int64]
    certain: NDArray[np.bool_]
    doubts: dict[tuple[int, int], str]

    def _title(self) -> str:
        across = (
            f"x = {self.x[0]:g} to {self.x[-1]:g} ({len(self.x)}), y = {self.y[0]:g} to {self.y[-1]:g} ({len(self.y)})"
        )
        return f"Phase diagram: {counted(self.labels.size, 'point')}, {across}"

    def _lines(self) -> list[str]:
        classes, numbers = np.unique(self.labels, return_counts=True)
        order = np.argsort(-numbers, kind="stable")
        rows = ((f"{numbers[k]:,}",) for k in order)
        lines = table(("class", "points"), [str(classes[k]) for k in order], rows)
        told = {"failed": self.failures, "not certain": self.doubts}
        firsts = [(name, *next(iter(found.items())), len(found)) for name, found in told.items() if found]
        reasons = [(name, f"{counted(n, 'point')}; at [{i}, {j}] {why}") for name, (i, j), why, n in firsts]
        return (
            lines
            + ([""] if reasons else [])
            + facts(*reasons)
            + more(".labels, .stable, .unstable, .cycle, .periods, .maximum, .minimum, .failures, .doubts")
        )

    def to_dataframe(self) -> Any:
        """The diagram as a pandas DataFrame: a line for each point, start and average.

        Columns: x, y; class, stable, unstable, neutral, cycle, certain of the point; start (its number), period of the
        cycle it leads to (NaN at a fixed point), label of the average, minimum, maximum of it on that attractor.

        Raises
        ------
        UnsupportedError
            If pandas is not installed (``pip install 'cojump[data]'``).
        """
        return dataframe(self._columns())

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table of ``to_dataframe`` as a new CSV file; StorageError if it exists or cannot be written."""
        write_csv(self._columns(), path)

    def _columns(self) -> dict[str, list[Any]]:
        X, Y, S, A = self.maximum.shape
        of_point = {
            "x": np.repeat(self.x, Y).reshape(X, Y),
            "y": np.tile(self.y, (X, 1)),
            "class": self.labels,
            **{name: getattr(self, name) for name in ("stable", "unstable", "neutral", "cycle", "certain")},
        }
        made = {name: np.repeat(values.ravel(), S * A).tolist() for name, values in of_point.items()}
        made["start"] = np.tile(np.repeat(np.arange(S), A), X * Y).tolist()
        made["period"] = np.repeat(self.periods.ravel(), A).tolist()
        made["label"] = list(self.observables) * (X * Y * S)
        made["minimum"], made["maximum"] = self.minimum.ravel().tolist(), self.maximum.ravel().tolist()
        return made


_LIGHT = 0.1 + 0.05j
"""α at the default starts, of a mode that may have a gain."""


def default_starts(model: Model) -> list[State]:
    """Two pure product states without a symmetry: one far from any level, one near the first level of each block.

    Modes that particles exchange quanta with in jumps have some light: out of none it may never grow in mean field.
    """
    states = []
    light = {jump.mode: _LIGHT for jump in model.mode_jumps.values()}
    for angle in (1.4, 0.2):
        kets: dict[str, Any] = {}
        for block in model.blocks:
            # tilted away from level 0 into the others, with phases that no symmetry shares
            others = np.exp(-1.3j * np.arange(1, block.levels)) / np.sqrt(block.levels - 1)
            kets[block.name] = np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * others])
        states.append(product(model, kets | light))
    return states


def survey(
    model: Model,
    starts: Sequence[State] | None = None,
    *,
    search: int = 40,
    time_limit: float | None = None,
    seed: int = 0,
) -> Survey:
    """Find the fixed points of a model and the attractors that its flow reaches from given starts.

    Parameters
    ----------
    model : Model
    starts : sequence of State, optional
        Two pure product states without a symmetry by default (:func:`default_starts`).
    search : int
        Random starts of the search for fixed points that must find nothing new, at most 10,000, see
        :func:`fixed_points`.
    time_limit : float, optional
        How long the flow is followed; 10⁴ times the inverse of its fastest rate by default.
    seed : int
        Of the search for fixed points.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule.

    Examples
    --------
    >>> model = cj.systems.facilitated(size=100, omega=0.0, kappa=5.0, gamma=1.0)
    >>> found = cj.attractors.survey(model, [cj.tilted(model, 0.1, 0), cj.tilted(model, 3.0, 0)])
    >>> [f"{(1 + end.mean[2]) / 2:.4f}" for end in found.reached]
    ['0.7236', '0.0000']
    >>> found.label
    '2 stable, 1 unstable'
    """
    check_model(model)
    _check_options(search, time_limit, seed)
    states = default_starts(model) if starts is None else starts
    check_starts(model, "starts", states)
    dynamics = MeanFieldDynamics(model)
    limit = TIME_LIMIT / dynamics.fastest_rate if time_limit is None else time_limit * dynamics.unit
    settling = Settling(dynamics, limit, dynamics.unit)
    found, certainty = find(dynamics, search, seed)
    fixed = described(dynamics, found, certainty)
    for p in fixed:
        settling.know(dynamics.point(p.densities, p.amplitudes))
    known: list[FixedPoint] = list(fixed)
    reached: list[FixedPoint | Cycle | None] = []
    cycles: list[Cycle] = []
    unsettled = ""
    for state in states:
        try:
            attractor = settling.follow(dynamics.start(state))
        except ConvergenceError as error:
            reached.append(None)
            unsettled = unsettled or f"from start {len(reached) - 1}: {one_line(error)}"
            continue
        if isinstance(attractor, Orbit):
            place = settling.orbits.index(attractor)
            if place == len(cycles):
                period = attractor.period / dynamics.unit
                path = dynamics.averages(attractor.path)
                cycles.append(Cycle(period, path, attractor.multipliers, model.labels))
            reached.append(cycles[place])
            continue
        place = settling.rests.index(attractor)
        for rest in settling.rests[len(known) :]:  # another point of a continuum, or one that the search missed
            new = found.add(rest.point)
            known.append(describe(dynamics, rest.point, found.dimension(rest.point)))
            if new:
                fixed = described(dynamics, found, replace(certainty, index=found.sum_of_indices, once=found.once + 1))
        reached.append(known[place])
    return Survey(model, fixed, cycles, reached, unsettled)


def scan(
    build: Build,
    x_values: ArrayLike,
    y_values: ArrayLike,
    *,
    starts: Starts = default_starts,
    classify: Callable[[Survey], str] | None = None,
    time_limit: float | None = None,
    search: int = _IDLE_STARTS,
    seed: int = 0,
    progress: bool = False,
) -> PhaseDiagram:
    """Survey a model over a grid of two parameters.

    Parameters
    ----------
    build : callable
        build(x, y) -> Model; always the same blocks.
    x_values, y_values : (X,) and (Y,) arrays
        Values of the parameters.
    starts : callable
        starts(model) -> the states from which the flow is followed; the same number everywhere.
    classify : callable, optional
        classify(survey) -> class of the point; :attr:`Survey.label` by default.
    time_limit, search, seed
        As in :func:`survey`.
    progress : bool
        Show a progress bar on standard error.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule, or no model can be made anywhere. What goes wrong at single points, an error in
        a function of the user's too, is reported in ``failures``.

    Notes
    -----
    Ctrl-C loses no finished point: ``partial`` of the KeyboardInterrupt is the diagram with "not run" elsewhere; at a
    prompt, after the fact, ``diagram = sys.last_value.partial``.

    Examples
    --------
    >>> def network(omega, beta):
    ...     return cj.systems.hopfield(np.ones((1, 50), dtype=int), omega, beta)
    ...
    >>> diagram = cj.attractors.scan(network, [0.0, 1.0], [0.5, 4.0])
    >>> print(diagram.labels)
    [['1 stable, 0 unstable' '2 stable, 1 unstable']
     ['1 stable, 0 unstable' '0 stable, 1 unstable, cycle']]
    """
    x, y = _values("x_values", x_values), _values("y_values", y_values)
    for name, function in (("build", build), ("starts", starts), ("classify", classify)):
        if not callable(function) and not (name == "classify" and function is None):
            raise ArgumentError(name, "be a function", f"it is {checks.shown(function)}")
    _check_options(search, time_limit, seed)
    model, n_starts = _first(build, starts, x, y)
    S, A = n_starts, len(model.labels)
    labels = np.full((len(x), len(y)), NOT_RUN, dtype=object)
    stable, unstable, neutral = np.full((3, len(x), len(y)), -1)
    cycle, certain = np.zeros((2, len(x), len(y)), dtype=bool)
    periods = np.full((len(x), len(y), S), np.nan)
    maximum, minimum = np.full((2, len(x), len(y), S, A), np.nan)
    failures: dict[tuple[int, int], str] = {}
    doubts: dict[tuple[int, int], str] = {}
    bar = make_progress(unit="points") if checks.boolean("progress", progress) else None
    if bar is not None:
        bar.start(len(x) * len(y))

    def diagram() -> PhaseDiagram:
        return PhaseDiagram(
            x,
            y,
            model.labels,
            labels.astype(str),
            stable,
            unstable,
            cycle,
            periods,
            maximum,
            minimum,
            failures,
            neutral,
            certain,
            doubts,
        )

    try:
        for i, j in np.ndindex(len(x), len(y)):
            try:
                model = _alike(_called("build", build, float(x[i]), float(y[j])), model)
                states = _called("starts", starts, model)
                found = survey(model, states, search=search, time_limit=time_limit, seed=seed)
                label = found.label if classify is None else str(_called("classify", classify, found))
            except EXPECTED as error:
                labels[i, j], failures[i, j] = "failed", one_line(error)
            else:
                labels[i, j] = label
                stable[i, j], unstable[i, j], neutral[i, j] = found.counts
                certain[i, j] = found.certain
                if found.doubt:
                    doubts[i, j] = found.doubt
                cycle[i, j] = bool(found.cycles)
                for s, attractor in enumerate(found.reached):
                    if attractor is None:
                        continue
                    mean = np.atleast_2d(attractor.mean)
                    maximum[i, j, s], minimum[i, j, s] = mean.max(axis=0), mean.min(axis=0)
                    if isinstance(attractor, Cycle):
                        periods[i, j, s] = attractor.period
            if bar is not None:
                bar.advance(1)
    except BaseException as error:  # Ctrl-C, or a function of the user's that ends the process
        done = int(np.sum(labels != NOT_RUN))
        with suppress(AttributeError):  # an exception with slots takes nothing
            error.partial = diagram()  # type: ignore[attr-defined]
            error.add_note(f"{done} of {labels.size} points were finished; they are in `.partial` of this exception.")
        raise
    finally:
        if bar is not None:
            bar.stop()
    return diagram()


def _called(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the user's returns; whatever it raises becomes one line, with the traceback behind it."""
    try:
        return function(*arguments)
    except EXPECTED:
        raise
    except (Exception, SystemExit) as error:
        call = f"{name}({', '.join(map(_brief, arguments))})"
        code = getattr(function, "__code__", None)
        file = Path(code.co_filename).name if code is not None else ""
        raise ArgumentError(name, "be a function that works", f"{call} raises {foreign(error, file)}") from error


def _brief(argument: object) -> str:
    return f"{argument:g}" if isinstance(argument, float) else f"<{type(argument).__name__}>"


def _first(build: Build, starts: Starts, x: Array, y: Array) -> tuple[Model, int]:
    """The first model of the grid that can be made, and the number of its starts; if none can, the first error."""
    refused: BaseException | None = None
    for i, j in np.ndindex(len(x), len(y)):
        try:
            model = _called("build", build, float(x[i]), float(y[j]))
            if not isinstance(model, Model):
                raise ArgumentError("build", "return a Model", f"it returns {checks.shown(model)}")
            refuse(model)
            first = _called("starts", starts, model)
            check_starts(model, "starts(model)", first)
        except EXPECTED as error:
            refused = refused or error
        else:
            return model, len(first)
    assert refused is not None
    raise refused


def _check_options(search: object, time_limit: object, seed: object) -> None:
    """Raise ArgumentError if an option of a survey breaks its rule."""
    checks.integer("search", search, 0, MOST_STARTS)
    checks.integer("seed", seed, 0)
    if time_limit is not None:
        checks.number("time_limit", time_limit, 0)


def _alike(model: object, first: Model) -> Model:
    """The model of one point, which must have the averages of the first."""
    if not isinstance(model, Model) or model.labels != first.labels:
        found = f"one has {', '.join(model.labels)}" if isinstance(model, Model) else f"one is {checks.shown(model)}"
        raise ArgumentError("build", f"return models with the averages {', '.join(first.labels)}", found)
    return model


def _values(name: str, values: ArrayLike) -> Array:
    """A parameter's values as an array of finite numbers, at least one."""
    array = checks.array(name, values, "an array of at least one finite number", real=True)
    if array.ndim != 1 or array.size == 0:
        raise ArgumentError(name, "be an array of at least one finite number", f"it is {checks.shown(values)}")
    return array.astype(float)
