"""What else a run has measured, as figures of the page: one kind is one entry of ``SECTIONS``.

Each entry says, for the points of a plan, under which heading something stands, a caption and the figure; nothing where
no point has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..measure.distributions import is_of_spins
from ..measure.statistics import Estimates
from ..results import longtime
from ..results.result import Result
from ..tools.types import Array
from .canvas import (
    BAND,
    Axes,
    Figure,
    MaxNLocator,
    Scale,
    band,
    colours_of,
    label_decades,
    panels,
    parameters,
    plain,
    quiet,
    style,
)
from .curves import MOST_NAMED, curve_name, distributed_blocks, draw_ellipses, draw_jumps
from .plan import PANELS, Plan, even_choice
from .plot import distribution
from .summary import point_of
from .values import curve_of, jump_names, recorded_numbers

_POINTS = 6
"""Points of a sweep whose single trajectories or distributions are drawn."""

_LABELS = 4
"""Rows of a figure of further averages."""

_SERIES = 3
"""Single trajectories of a point."""

_SHORT = 8
"""Kept trajectories from which the error is drawn against their number."""

_TICKS = 7
"""Labels of a logarithmic axis."""

_FEW_BINS, _BINS, _LONG_WAIT = 8, 30, 8.0
"""Bins of numbers of jumps, of few and of many trajectories; the longest wait that is drawn, in mean waits."""

_NO_SQUEEZING = 1e-9
"""A ξ² that is nearer to 1 than this is 1."""


@dataclass(frozen=True)
class Section:
    """A figure of the page under its heading."""

    name: str
    heading: str
    caption: str
    figure: Figure


def sections(plan: Plan) -> Iterator[Section]:
    """All sections that there is anything for, laid out, in the style of this package as long as they are used."""
    with style(), quiet():
        for make in SECTIONS:
            found = make(plan)
            if found is not None:
                found.figure.draw_without_rendering()
                found.figure.set_layout_engine("none")
                yield found


def _grid(count: int, columns: int, height: float, *, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """Panels in rows; those that are left over are taken away."""
    columns = 2 if count in (1, 4) else min(count, columns)
    rows = -(-count // columns)
    figure, grid = panels(0.3 + height * rows, rows, columns, [1.0] * rows, sharex=sharex)
    every = list(grid.ravel())
    for axes in every[count:]:
        axes.set_axis_off()
    return figure, every[:count]


def _is_first(axes: Axes) -> bool:
    """Whether nothing stands to the left of it."""
    spec = axes.get_subplotspec()
    return spec is not None and spec.is_first_col()


def _title(plan: Plan, result: Result) -> str:
    return parameters(point_of(plan, result))


def _of(chosen: Sequence[Any], every: Sequence[Any]) -> str:
    return f" {len(chosen)} of {len(every)} points are drawn." if len(chosen) < len(every) else ""


def _single_trajectories(plan: Plan) -> Section | None:
    """An average along kept trajectories, with their jumps where these are recorded."""
    found = [r for r in plan.results if len(r.trajectories)]
    labels = [label for label in plan.shown if any(label in r.labels for r in found)]
    if not found or not labels:
        return None
    label, chosen = labels[-1], even_choice(found, _POINTS)
    figure, every = _grid(len(chosen), 3, 1.9)
    for axes, r in zip(every, chosen, strict=True):
        curve = curve_of(r, label)
        assert curve is not None
        draw_jumps(axes, curve.times, curve.singles[:_SERIES], r.jump_records, jump_names(r))
        axes.set_title(_title(plan, r))
        axes.set_xlabel("$t$")
        if _is_first(axes):
            axes.set_ylabel(plain(label))
    names = next((axes for axes in every if axes.get_legend_handles_labels()[1]), None)
    if names is not None:
        figure.legend(*names.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    caption = f"{label} along the first trajectories.{marks(chosen)}{_of(chosen, found)}"
    return Section("trajectories", "Single trajectories", caption, figure)


def marks(results: Sequence[Result]) -> str:
    """What is said of marks: nothing where no jump was counted, as none is of a decay that homodyne detection sees."""
    counted = [r for r in results if r.n_jumps]
    if any(r.jump_records is not None for r in counted):
        return " Marks are jumps."
    return " With record = true in [run] the jumps would be marked." if counted else ""


def _distributions(plan: Plan) -> Section | None:
    """P(M) of the first block that has one."""
    found = [r for r in plan.results if distributed_blocks(r)]
    if not found:
        return None
    chosen = even_choice(found, _POINTS)
    figure, every = _grid(len(chosen), 3, 1.9)
    for number, (axes, r) in enumerate(zip(every, chosen, strict=True)):
        distribution(r, ax=axes)
        axes.set_title(_title(plan, r))
        if not _is_first(axes):
            axes.set_ylabel("")
        legend = axes.get_legend()
        if number and legend is not None:
            legend.remove()
    blocks = {name for r in found for name in distributed_blocks(r)[:1]}
    names = ", ".join(sorted(blocks))
    spins = all(is_of_spins(r.extras["distribution"], distributed_blocks(r)[0]) for r in found)
    what = f"Probability density of m_z = 2M/N of block {names}" if spins else f"Probability of the sum M, {names}"
    caption = f"{what}; bands are 2 s.e.{_of(chosen, found)}"
    return Section("distributions", "Distributions", caption, figure)


_Read = Callable[[Result], tuple[Array, Estimates] | None]


def _series(plan: Plan, read: _Read, labels: Sequence[str], *, level: float | None = None) -> Figure:
    """Further averages against time: rows are labels, columns the panels of the plan, curves those of the plan."""
    key = plan.curves()
    scale, groups = Scale(plan.values(key), MOST_NAMED), even_choice(plan.panels(), PANELS)
    if len(groups) == 1:
        figure, every = _grid(len(labels), 3, 2.0)
        cells = [(axes, label, groups[0]) for axes, label in zip(every, labels, strict=True)]
    else:
        figure, grid = panels(0.3 + 1.7 * len(labels), len(labels), len(groups), [1.0] * len(labels))
        for row in grid:
            for axes in row[1:]:
                axes.sharey(row[0])
        cells = [(grid[i, j], label, group) for i, label in enumerate(labels) for j, group in enumerate(groups)]
    for axes, label, (heading, own) in cells:
        for r in own:
            found = read(r)
            if found is None or label not in found[1].labels:
                continue
            times, estimates = found
            a = estimates.labels.index(label)
            flags = None if estimates.uncertain is None else estimates.uncertain[:, a]
            colour = scale[plan.place(r, key)]
            name = "" if scale.has_bar else curve_name(plan, plan.place(r, key))
            band(axes, times, estimates.mean[:, a], estimates.stderr[:, a], flags, colour, label=name or None)
        if level is not None:
            axes.axhline(level, color="black", linewidth=0.6, linestyle=":")
        if heading and label == labels[0]:
            axes.set_title(parameters(heading))
        axes.set_xlabel("$t$")
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.margins(x=0)
        if heading == groups[0][0]:
            axes.set_ylabel(plain(label))
    if scale.has_bar:
        scale.add_bar(figure, [axes for axes, *_ in cells], parameters(plan.meaning(key, 0)).split(" = ")[0])
    elif cells[0][0].get_legend_handles_labels()[1]:
        handles, names = cells[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(len(names), 6))
    return figure


def _labels(plan: Plan, read: _Read) -> list[str]:
    found = [item for r in plan.results if (item := read(r)) is not None]
    return list(dict.fromkeys(label for _, estimates in found for label in estimates.labels))


def _asked(name: str, heading: str, caption: str) -> Callable[[Plan], Section | None]:
    """A section of figures that a run was asked for, or that its model has, by the name of their property."""

    def make(plan: Plan) -> Section | None:
        def read(r: Result) -> tuple[Array, Estimates] | None:
            return r.asked_for.get(name)

        labels = _labels(plan, read)
        if not labels:
            return None
        shown = labels[:_LABELS]
        more = f" {len(shown)} of {len(labels)} are drawn." if len(shown) < len(labels) else ""
        return Section(name, heading, caption + more, _series(plan, read, shown))

    return make


def _records(plan: Plan) -> Section | None:
    """Homodyne records of kept trajectories: ∫dY, whose slope is the current."""
    found = [r for r in plan.results if len(r.records) and r.records.shape[2]]
    if not found:
        return None
    chosen = even_choice(found, _POINTS)
    figure, every = _grid(len(chosen), 3, 1.9)
    for axes, r in zip(every, chosen, strict=True):
        labels = r.current.labels
        colours = colours_of(len(labels))
        for c, label in enumerate(labels):
            for number, record in enumerate(r.records[:_SERIES]):
                whole = np.cumsum(record[:, c])
                name = plain(label) if number == 0 and len(labels) > 1 else None
                axes.plot(r.times, whole, color=colours[c], linewidth=0.8, alpha=1 - 0.25 * number, label=name)
        axes.set_title(_title(plan, r))
        axes.set_xlabel("$t$")
        axes.margins(x=0)
        if len(labels) > 1:
            axes.legend()
        if _is_first(axes):
            axes.set_ylabel(r"$\int \mathrm{d}Y$")
    caption = f"Measured records ∫dY along the first trajectories.{_of(chosen, found)}"
    return Section("records", "Measured records", caption, figure)


def _squeezing(plan: Plan) -> Section | None:
    """Wineland's parameter, where some point is squeezed."""

    def read(r: Result) -> tuple[Array, Estimates] | None:
        if not any(name.startswith("squeezing/") for name in r.extras):
            return None
        found = r.squeezing
        sure = found.mean + BAND * found.stderr < 1 - _NO_SQUEEZING
        sure &= True if found.uncertain is None else ~found.uncertain
        return (r.times, found) if sure.any() and r.n_traj else None

    labels = _labels(plan, read)
    if not labels:
        return None
    figure = _series(plan, read, labels[:_LABELS], level=1.0)
    for axes in figure.axes:
        axes.set_ylim(0, min(axes.get_ylim()[1], 2.0))
    caption = "Wineland's squeezing parameter ξ² of each block; below 1 (dotted) is squeezed. Bands are 2 s.e."
    return Section("squeezing", "Spin squeezing", caption, figure)


def _counts(plan: Plan) -> Section | None:
    """Numbers of jumps per particle, by the names of the jumps."""

    def read(r: Result) -> tuple[Array, Estimates] | None:
        if "counts" not in r.extras or not r.n_jumps:
            return None
        found, names = r.counts, jump_names(r)
        labels = (*names, found.labels[-1]) if len(names) == len(found.labels) - 1 else found.labels
        if len(labels) > _LABELS + 1 or len(labels) == 2 or len(set(labels)) < len(labels):
            return r.times, Estimates(("all jumps",), *_per_particle(r, [-1]))
        return r.times, Estimates(
            tuple(f"jumps {name}" for name in labels[:-1]), *_per_particle(r, range(len(labels) - 1))
        )

    labels = _labels(plan, read)
    if not labels:
        return None
    caption = "Numbers of jumps per particle, from t = 0 on. Bands are 2 s.e."
    return Section("counts", "Jumps", caption, _series(plan, read, labels[:_LABELS]))


def _jump_statistics(plan: Plan) -> Section | None:
    """Numbers of jumps and the waits between them, of runs that have kept their records."""
    found = [r for r in plan.results if recorded_numbers(r) is not None]
    if not found:
        return None
    chosen = even_choice(found, _POINTS)
    figure, (numbers, waits) = _grid(2, 2, 2.3)
    for r, colour in zip(chosen, colours_of(len(chosen)), strict=True):
        counted = recorded_numbers(r)
        assert counted is not None
        K, span = counted.numbers.ravel(), r.n_particles * counted.width
        edges = _whole_bins(K)
        share, width = np.histogram(K, edges)[0] / len(K), np.diff(edges)
        error = np.sqrt(share * (1 - share) / max(len(K) - 1, 1))
        places = (edges[1:] + edges[:-1]) / 2 / span
        seen = share > 0
        scale = span / width[seen]
        numbers.errorbar(
            places[seen], share[seen] * scale, BAND * error[seen] * scale, fmt="o-", color=colour,
            markersize=2.5, linewidth=0.8, label=_title(plan, r),
        )  # fmt: skip
        wait = longtime.waiting_times(r, start=r.activity.start, end=r.activity.end)
        if not wait.intervals.size or not wait.mean > 0:
            continue
        x = np.linspace(0, min(_LONG_WAIT, wait.intervals[-1] / wait.mean), 80)
        left, error = wait.survival(x * wait.mean)
        waits.plot(x, left, color=colour, linewidth=1)
        waits.fill_between(x, left - BAND * error, left + BAND * error, color=colour, alpha=0.25, linewidth=0)
    x = np.linspace(0, _LONG_WAIT, 2)
    waits.plot(x, np.exp(-x), color="black", linewidth=0.6, linestyle=":")
    waits.set(
        xlabel="wait / mean wait",
        ylabel="probability of a longer wait",
        yscale="log",
        xlim=(0, _LONG_WAIT),
        ylim=(1e-4, 1.3),
    )
    numbers.set(xlabel="jumps per time and particle", ylabel="probability density")
    numbers.set_ylim(bottom=0)
    handles, names = numbers.get_legend_handles_labels()
    if len(names) > 1:
        figure.legend(handles, names, loc="outside upper center", ncols=min(len(names), 4))
    caption = (
        "Left: how many jumps a trajectory has in the measured time, by which the axis is divided; right: the law of "
        f"waiting times between any two jumps, dotted that of independent ones. Bands are 2 s.e.{_of(chosen, found)}"
    )
    return Section("jump-statistics", "Statistics of jumps", caption, figure)


def _whole_bins(K: Array) -> Array:
    """Edges of bins that hold the same number of integers each."""
    bins = np.clip(np.sqrt(len(K)) * 0.8, _FEW_BINS, _BINS)
    width = int(np.ceil((np.ptp(K) + 1) / bins))
    made: Array = np.arange(K.min() - 0.5, K.max() + 0.5 + width, width)
    return made


def _per_particle(r: Result, places: Sequence[int]) -> tuple[Array, Array, Any]:
    found, own = r.counts, list(places)
    flags = None if found.uncertain is None else found.uncertain[:, own]
    return found.mean[:, own] / r.n_particles, found.stderr[:, own] / r.n_particles, flags


def _ellipses(plan: Plan) -> Section | None:
    """Fluctuations in the plane of two averages, at the last time: a shape, on axes of equal scales."""
    for block in dict.fromkeys(label.rpartition(".")[0] for label in plan.shown if "." in label):
        pair = [label for label in plan.shown if label.rpartition(".")[0] == block][-2:]
        found = [r for r in plan.results if set(pair) <= set(r.labels) and r.n_traj > 1]
        if len(pair) == 2 and found:
            break
    else:
        return None
    groups = even_choice(plan.panels(), PANELS)
    figure, every = _grid(len(groups), PANELS, 2.3)
    scale = Scale(plan.values(plan.curves()), MOST_NAMED)
    for axes, (heading, own) in zip(every, groups, strict=True):
        for r in own:
            if set(pair) <= set(r.labels) and r.n_traj > 1:
                place = plan.place(r, plan.curves())
                draw_ellipses(axes, r, pair, scale[place], name="" if scale.has_bar else curve_name(plan, place))
        axes.set_aspect("equal", adjustable="box")
        axes.set_xlabel(f"$\\sqrt{{N}}\\,\\delta$ {plain(pair[0])}")
        if heading:
            axes.set_title(parameters(heading))
        axes.margins(0.08)
    every[0].set_ylabel(f"$\\sqrt{{N}}\\,\\delta$ {plain(pair[1])}")
    if scale.has_bar:
        scale.add_bar(figure, every, parameters(plan.meaning(plan.curves(), 0)).split(" = ")[0])
    else:
        handles, names = every[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(len(names), 6) or 1)
    caption = (
        "Fluctuations at the last output time, times the root of N, about mean field: ellipses of one standard "
        "deviation with their centre; dashed, the limit N → ∞ of the 1/N theory. Both axes have the same scale."
    )
    return Section("ellipses", "Fluctuations", caption, figure)


def _convergence(plan: Plan) -> Section | None:
    """The standard error against the number of trajectories: of those that are kept, and of all."""
    found = [r for r in plan.results if len(r.trajectories) >= _SHORT]
    labels = [label for label in plan.shown if any(label in r.labels for r in found)]
    if not found or not labels:
        return None
    label, chosen = labels[-1], even_choice(found, _POINTS)
    figure, every = _grid(1, 1, 2.6)
    axes = every[0]
    for r, colour in zip(chosen, colours_of(len(chosen)), strict=True):
        curve = curve_of(r, label)
        if curve is None:
            continue
        numbers = np.unique(np.geomspace(4, len(curve.singles), 12).astype(int))
        errors = [curve.singles[:n, -1].std(ddof=1) / np.sqrt(n) for n in numbers]
        axes.plot(numbers, errors, "o", color=colour, markersize=3, label=_title(plan, r))
        line = np.array([4, max(r.n_traj, 5)])
        axes.plot(line, curve.error[-1] * np.sqrt(r.n_traj / line), color=colour, linewidth=0.9)
        axes.plot([r.n_traj], [curve.error[-1]], "s", color=colour, markersize=4)
    axes.set_xscale("log")
    axes.set_yscale("log", nonpositive="clip")
    label_decades(axes)
    ends = axes.get_xlim()
    ticks = [m * 10.0**k for k in range(12) for m in (1, 2, 5) if ends[0] <= m * 10.0**k <= ends[1]]
    if len(ticks) > _TICKS:
        ticks = [t for t in ticks if np.log10(t).is_integer()]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("trajectories")
    axes.set_ylabel(f"s.e. of {plain(label)}")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    caption = (
        f"Standard error of {label} at the last output time against the number of trajectories: points, of the first "
        "that are kept; square, of all; line, 1/√n through it."
    )
    return Section("convergence", "Convergence of the error", caption, figure)


SECTIONS: tuple[Callable[[Plan], Section | None], ...] = (
    _ellipses,
    _single_trajectories,
    _distributions,
    _asked("observables", "Observables", "Observables that were asked for. Bands are 2 s.e."),
    _asked("current", "Currents", "Mean currents dY/dt from one output time to the next. Bands are 2 s.e."),
    _records,
    _asked("photons", "Photons", "Photons <a†a>/N of each mode. Bands are 2 s.e."),
    _squeezing,
    _counts,
    _jump_statistics,
    _asked("callbacks", "Functions of the state", "Functions given as callbacks. Bands are 2 s.e."),
    _convergence,
)
"""The kinds, in the order of the page."""
