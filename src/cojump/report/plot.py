"""Results drawn on axes of matplotlib: averages, E_N, single trajectories with their jumps, distributions, scans.

Each function takes ``ax=``, axes of yours, or makes a figure of matplotlib.pyplot, and returns the axes, so that
labels, limits and further curves are yours to add. Bands and bars are ±2 standard errors; a hatched band and crosses
mean that the sample is too small to know its error. Dashed lines are mean field, dotted ones mean field + δ/N. Draw
inside ``with cj.figures.style():`` for the look of the figures of ``cojump report``, which are made by these functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..measure.distributions import is_of_spins
from ..results.jump_records import JumpRecords
from ..results.result import Result
from ..storage.result_sequence import ResultSequence
from ..theory.attractors.phase_diagram import PhaseDiagram
from ..tools import checks
from ..tools.labelled import Labelled
from ..trajectories.outcome import Trajectory
from .canvas import (
    Axes,
    Line2D,
    ListedColormap,
    Scale,
    axes_of,
    colours_of,
    parameter,
    plain,
    symbol,
)
from .curves import (
    MOST_NAMED,
    curve_name,
    distributed_blocks,
    draw_against,
    draw_average,
    draw_deviation,
    draw_deviation_against,
    draw_jumps,
    draw_limits,
    finish_logarithmic,
    name_of,
)
from .plan import Plan
from .values import jump_names, labels_of, observables_of

__all__ = ["averages", "deviation", "distribution", "jumps", "scan"]


def __dir__() -> list[str]:
    return __all__


def averages(results: Any, averages: Any = None, *, against: Any = None, ax: Any = None) -> Any:
    """Draw averages with bands of ±2 standard errors, beside mean field (dashed) and mean field + δ/N (dotted).

    Parameters
    ----------
    results : Result, several of them, or anything else with averages at times
        What ``simulate`` or ``load`` give; for one curve without a band also what ``mean_field`` and
        ``master_equation`` give, and a trajectory.
    averages : str or sequence of str, optional
        Labels such as "spins.z". Of one result any number, each a colour; of several results one label, and each result
        a colour. All averages of the result by default.
    against : str, optional
        A parameter of the results, for values at the last output time against it; time by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        If there is no such average or parameter; if several results come with several labels.

    Examples
    --------
    >>> model = cj.systems.constrained(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> state, times = cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 9)
    >>> result = cj.simulate(model, state, times, n_traj=20)
    >>> ax = cj.plot.averages(result, ["spins.x", "spins.z"])
    >>> exact = cj.plot.averages(cj.master_equation(model, state, times), "spins.z", ax=ax)
    >>> exact is ax, ax.get_xlabel()
    (True, '$t$')
    """
    found, labels = _sources(results), _labels_given(averages)
    every = tuple(dict.fromkeys(label for source in found for label in _labels_of(source)))
    if labels is None:
        labels = [label for source in found[:1] for label in source.labels]
    for label in labels:
        if label not in every:
            raise ArgumentError("averages", f"be of {checks.named(every)}", f"one is {checks.shown(label)}")
    if against is not None:
        return _against(_results(results), labels, against, ax)
    if len(found) > 1 and len(labels) > 1:
        raise ArgumentError("averages", "be one label where there are several results", f"there are {len(labels)}")
    axes = axes_of(ax)
    if len(found) == 1:
        shown, colours = [(found[0], label) for label in labels], colours_of(len(labels))
        names = [symbol(label.rpartition(".")[2]) if len(labels) > 1 else "" for label in labels]
        if len({label.rpartition(".")[2] for label in labels}) < len(labels):
            names = [plain(label) for label in labels]
        for (source, label), colour, name in zip(shown, colours, names, strict=True):
            draw_average(axes, source, label, colour, name=name)
    else:
        plan = Plan.of([r for r in found if isinstance(r, Result)])
        scale = Scale(plan.values(plan.curves()), MOST_NAMED)
        for result in plan.results:
            if labels[0] in _labels_of(result):
                place = plan.place(result, plan.curves())
                draw_average(axes, result, labels[0], scale[place], name=curve_name(plan, place))
        _explain(axes, plan, scale)
    axes.set_xlabel("$t$")
    if len(labels) == 1:
        axes.set_ylabel(name_of(found, labels[0]))
    _legend(axes)
    return axes


def _against(found: list[Result], labels: list[str], against: Any, ax: Any) -> Any:
    """Averages at the last output time against a parameter."""
    if len(labels) > 1:
        raise ArgumentError("averages", "be one label, if they are drawn against a parameter", f"it has {len(labels)}")
    plan = Plan.of(found, against=_parameter(against))
    axes = axes_of(ax)
    scale = Scale(plan.values(plan.curves(against)), MOST_NAMED)
    draw_against(axes, plan, plan.results, labels[0], scale)
    axes.set_xlabel(parameter(against))
    axes.set_ylabel(name_of(found, labels[0]))
    _explain(axes, plan, scale, against)
    _legend(axes)
    return axes


def deviation(results: Any, *, scaled: bool = True, against: Any = None, ax: Any = None) -> Any:
    """Draw E_N, the mean squared distance from mean field, or N·E_N beside its limit for N → ∞ (dashed).

    Parameters
    ----------
    results : Result or several of them
    scaled : bool
        N·E_N, where the curves of all N fall onto one as N grows; else E_N on a logarithmic axis.
    against : str, optional
        A parameter of the results, for values at the last output time against it; time by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        If there is no such parameter, or the results are no results of trajectories.

    Examples
    --------
    >>> def run(size):
    ...     model = cj.systems.constrained(size, omega=0.7, rate_up=1.3, rate_down=0.8)
    ...     return cj.simulate(model, cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 9), n_traj=20)
    >>> ax = cj.plot.deviation([run(20), run(40)])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['$N = 20$', '$N = 40$']
    """
    found = _results(results)
    scaled = checks.boolean("scaled", scaled)
    plan = Plan.of(found, against="" if against is None else _parameter(against))
    axes, axis = axes_of(ax), plan.against
    scale = Scale(plan.values(plan.curves(axis)), MOST_NAMED)
    if axis:
        draw_deviation_against(axes, plan, plan.results, scale, scaled=scaled)
    else:
        for result in plan.results:
            place = plan.place(result, plan.curves())
            draw_deviation(axes, result, scale[place], scaled=scaled, name=curve_name(plan, place))
        if scaled:
            draw_limits(axes, plan, plan.results, scale)
            axes.set_ylim(bottom=0)
        else:
            finish_logarithmic(axes, plan.results)
    axes.set_xlabel(parameter(axis) if axis else "$t$")
    axes.set_ylabel("$N\\,E_N$" if scaled else "$E_N$")
    _explain(axes, plan, scale, axis)
    _legend(axes)
    return axes


def jumps(result: Any, average: Any = None, *, most: int = 3, ax: Any = None) -> Any:
    """Draw an average along single trajectories, with a mark at each jump where the jumps are recorded.

    Marks stand on the curve of their trajectory, one colour for each jump of the model; ``record=True`` of ``simulate``
    keeps their times, and a trajectory of ``cj.trajectory`` always has them.

    Parameters
    ----------
    result : Result with kept trajectories (``keep=``), or Trajectory
    average : str, optional
        Label, such as "spins.z"; the last average by default.
    most : int
        At most so many trajectories.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        If no trajectory was kept, or there is no such average.

    Examples
    --------
    >>> model = cj.systems.constrained(size=6, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> one = cj.trajectory(model, cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 41), seed=1, index=0)
    >>> ax = cj.plot.jumps(one, "spins.z")
    >>> sum(len(marks.get_xdata()) for marks in ax.lines[1:]) == len(one.jumps)
    True
    """
    checks.integer("most", most, 1)
    if not isinstance(result, Result | Trajectory):
        rule = "be a result with kept trajectories, or a trajectory"
        raise ArgumentError("result", rule, f"it is {checks.shown(result)}")
    label = result.labels[-1] if average is None else average
    place = checks.place(label, result.labels)
    if isinstance(result, Trajectory):
        records: JumpRecords | None = JumpRecords.of([result.jumps], result.jumps.dtype, 0.0)
        series = result.mean[None, :, place]
    else:
        if not len(result.trajectories):
            raise ArgumentError("result", "have kept trajectories: give `keep`, how many, to `simulate`", "it has none")
        series, records = result.trajectories[:most, :, place], result.jump_records
    axes = axes_of(ax)
    draw_jumps(axes, result.times, series, records, jump_names(result))
    axes.set_xlabel("$t$")
    axes.set_ylabel(name_of([result], label))
    _legend(axes)
    return axes


def distribution(result: Any, block: Any = None, *, ax: Any = None) -> Any:
    """Draw the distribution of M = J_z of a block over m_z = 2M/N, or of another sum, a curve for each time asked for.

    Parameters
    ----------
    result : Result
        Of a run with ``distributions=`` or ``distribution_of=``.
    block : str, optional
        Name of the block, or label of the distribution; the first one by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        If the run has measured none, or none of this block.

    Examples
    --------
    >>> model = cj.systems.facilitated(size=20, omega=0.5, kappa=5.0, gamma=1.0)
    >>> result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0, 1, 2], n_traj=20, distributions=[1, 2])
    >>> ax = cj.plot.distribution(result)
    >>> ax.get_xlabel()
    '$m_z$'
    """
    if not isinstance(result, Result):
        raise ArgumentError("result", "be a result of trajectories", f"it is {checks.shown(result)}")
    names = distributed_blocks(result)
    if block is None and names:
        block = names[0]
    found = result.distribution("" if block is None else block)
    axes = axes_of(ax)
    scale = Scale([float(t) for t in found.times], MOST_NAMED)
    of_spins = is_of_spins(result.extras["distribution"], str(block))
    m = 2 * found.M / max(len(found.M) - 1, 1) if of_spins else found.M
    density = (len(found.M) - 1) / 2 if of_spins else 1.0  # P(M) as a density over m, whatever the size of the block
    for row, time in enumerate(found.times):
        name = "" if scale.has_bar else f"$t = {time:g}$"
        axes.fill_between(
            m,
            *(density * (found.probability[row] + sign * 2 * np.nan_to_num(found.stderr[row])) for sign in (-1, 1)),
            color=scale[row],
            alpha=0.3,
            linewidth=0,
        )
        axes.plot(m, density * found.probability[row], color=scale[row], label=name)
    axes.set_xlabel("$m_z$" if of_spins else plain(f"M of {block}"))
    axes.set_ylabel("probability density" if of_spins else "probability")
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    if scale.has_bar:
        scale.add_bar(axes.figure, axes, "$t$")  # type: ignore[arg-type]
    _legend(axes)
    return axes


def scan(diagram: Any, average: Any = None, *, ax: Any = None) -> Any:
    """Draw what :func:`cojump.attractors.scan` has found: a map of classes, or branches along one parameter.

    Over two parameters each class of attractors has a colour. Where one of the two has a single value, an average on
    the attractors that the starts lead to is drawn against the other: a point where the flow ends at a fixed point, a
    bar from the smallest to the largest value on a cycle.

    Parameters
    ----------
    diagram : PhaseDiagram
    average : str, optional
        Which average, of a scan along one parameter; the last by default.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        If it is no such diagram, or there is no such average.

    Examples
    --------
    >>> def build(omega, kappa):
    ...     return cj.systems.facilitated(size=100, omega=omega, kappa=kappa, gamma=1.0)
    >>> found = cj.attractors.scan(build, [0.0], [3.0, 5.0])
    >>> ax = cj.plot.scan(found, "spins.z")
    >>> ax.get_xlabel()
    'y'
    """
    if not isinstance(diagram, PhaseDiagram):
        rule = "be what cj.attractors.scan returns"
        raise ArgumentError("diagram", rule, f"it is {checks.shown(diagram)}")
    label = diagram.observables[-1] if average is None else average
    place = checks.place(label, diagram.observables)
    axes = axes_of(ax)
    if 1 in diagram.labels.shape:
        along = "y" if len(diagram.x) == 1 else "x"
        values = getattr(diagram, along)
        low, high = (
            np.reshape(a, (len(values), -1, len(diagram.observables))) for a in (diagram.minimum, diagram.maximum)
        )
        colours = colours_of(low.shape[1])
        for start, colour in enumerate(colours):
            smallest, largest = low[:, start, place], high[:, start, place]
            axes.vlines(values, smallest, largest, color=colour, linewidth=1.0)
            axes.plot(values, (smallest + largest) / 2, "o", color=colour, markersize=3)
        axes.set_xlabel(along)
        axes.set_ylabel(symbol(label.rpartition(".")[2]))
        return axes
    classes = list(dict.fromkeys(diagram.labels.ravel().tolist()))
    numbers = np.array([classes.index(c) for c in diagram.labels.ravel()]).reshape(diagram.labels.shape)
    shades = ListedColormap(colours_of(len(classes)) if len(classes) > 1 else ["0.8"])
    axes.pcolormesh(diagram.x, diagram.y, numbers.T, cmap=shades, vmin=-0.5, vmax=len(classes) - 0.5, rasterized=True)
    handles = [
        Line2D([], [], linestyle="none", marker="s", color=shades(i), label=plain(c)) for i, c in enumerate(classes)
    ]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    return axes


def _parameter(against: Any) -> str:
    if not isinstance(against, str) or not against:
        raise ArgumentError("against", "be the name of a parameter of the results", f"it is {checks.shown(against)}")
    return against


def _labels_given(given: Any) -> list[str] | None:
    if given is None:
        return None
    labels = [given] if isinstance(given, str) else checks.items("averages", given, "labels of averages")
    for label in labels:
        if not isinstance(label, str):
            raise ArgumentError("averages", "be labels of averages", f"one is {checks.shown(label)}")
    if not labels:
        raise ArgumentError("averages", "be at least one label", "there is none")
    return list(dict.fromkeys(labels))


def _sources(results: Any) -> list[Any]:
    """One thing with averages at times, or several results."""
    if isinstance(results, Labelled) and np.ndim(getattr(results, "mean", 0)) == 2 and hasattr(results, "times"):
        return [results]
    return list(_results(results))


def _labels_of(source: Any) -> tuple[str, ...]:
    return (*labels_of(source), *observables_of(source)) if isinstance(source, Result) else tuple(source.labels)


def _results(results: Any) -> list[Result]:
    if isinstance(results, Result):
        return [results]
    rule = "be a result or several"
    found = list(results) if isinstance(results, ResultSequence) else checks.items("results", results, "results")
    for one in found:
        if not isinstance(one, Result):
            raise ArgumentError("results", rule, f"one is of type {type(one).__name__}")
    if not found:
        raise ArgumentError("results", rule, "there is none")
    return found


def _explain(axes: Axes, plan: Plan, scale: Scale, axis: str = "") -> None:
    """What the colours mean: a bar of many numbers, or names of few curves."""
    key = plan.curves(axis)
    if scale.has_bar:
        for line in axes.lines:
            line.set_label("_")
        scale.add_bar(axes.figure, axes, parameter(key))  # type: ignore[arg-type]
    elif axis and key:
        for place in range(len(scale.values)):
            axes.plot([], [], color=scale[place], marker="o", linestyle="none", label=curve_name(plan, place, axis))


def _legend(axes: Axes) -> None:
    """A legend, if anything has a name."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
