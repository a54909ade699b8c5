"""The figures of a run, as PNG and PDF: panels of a sweep, as its plan says."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import printable
from ..results.result import Result
from ..tools.whole_files import replace_file
from .canvas import (
    DASHES,
    DOTS,
    LONGEST,
    Axes,
    Figure,
    Line2D,
    MaxNLocator,
    Scale,
    band,
    darker,
    panels,
    parameter,
    parameters,
    plain,
    quiet,
    style,
    uncertain_mark,
)
from .curves import (
    MOST_NAMED,
    draw_against,
    draw_deviation,
    draw_deviation_against,
    draw_limits,
    draw_lines,
    finish_logarithmic,
    is_mode,
    name_of,
)
from .legends import finish, of_errors, of_singles
from .plan import PANELS, Plan, even_choice
from .two_time import two_time_figure
from .values import Curve, curve_of, last_deviation, last_values, time_in_words

_BLOCKS, _COLUMNS, _ROWS, _SINGLE = 4, 4, 8, 3
"""At most so many blocks are drawn, averages in a row and rows of them in all, and single trajectories of a point."""

_WIDTHS = {1: 1, 2: 2, 4: 2}
"""Panels in a row for few panels; three of more."""

_PANELLED_ROWS = 4
"""Rows where each is one average and its columns are values of a parameter."""

_FAR_OFF = 4.0
"""A 1/N correction that takes so many times the room of what is measured leaves the panel."""

_SIGNATURE = 4
"""Bytes by which a PNG or a PDF is known: what is replaced is a figure."""


def write_figures(
    results: Sequence[Result] | Plan,
    directory: str | os.PathLike[str],
    drawn: Sequence[tuple[str, Figure]] | None = None,
) -> list[Path]:
    """Draw the results of a run.

    Parameters
    ----------
    results : sequence of Result, or a Plan of them
        One per point of a sweep.
    directory : path
        Gets ``averages`` and ``deviation``, for a sweep ``against`` (a parameter), ``two_time`` if there are such
        functions, each as ``.png`` (200 dpi) and
        ``.pdf``.
    drawn : sequence of (name, figure), optional
        What :func:`draw` has made of them.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    paths = []
    with style(), quiet():
        for name, figure in draw(results) if drawn is None else drawn:
            # Without dates the same results give the same files.
            for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
                image = io.BytesIO()
                figure.savefig(image, format=kind, dpi=200, metadata=metadata)
                path = Path(directory) / f"{name}.{kind}"
                replace_file(path, image.getvalue(), like=_SIGNATURE)
                paths.append(path)
    return paths


def draw(results: Sequence[Result] | Plan) -> Iterator[tuple[str, Figure]]:
    """The figures of a run by name, laid out; in the style of this package as long as they are used."""
    plan = results if isinstance(results, Plan) else Plan.of(results)
    if not plan.results:
        return
    made = [("deviation", deviation_figure)]
    if _beside_mean_field(plan):
        made.insert(0, ("averages", averages_figure))
    if any(r.two_time for r in plan.results):
        made.append(("two_time", two_time_figure))
    if plan.axis:
        made.insert(0, ("against", against_figure))
    with style(), quiet():
        for name, function in made:
            figure = function(plan.results, plan)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # the layout is settled; all formats share it
            yield name, figure


ORDER = "order $1/N$"
"""What a legend calls dotted lines."""


@dataclass(frozen=True)
class _Cell:
    """One average of some points, in a column with a heading."""

    label: str
    results: Sequence[Result]
    heading: str = ""


@dataclass(frozen=True)
class _Row:
    title: str
    cells: Sequence[_Cell]


def averages_figure(results: Sequence[Result], plan: Plan | None = None) -> Figure:
    """Draw every average against its mean field, and below it the difference of both.

    Parameters
    ----------
    results : sequence of Result
        In the order of N.
    plan : Plan, optional
        What makes curves and panels, and which averages; without it all that do not vanish.
    """
    plan = plan or Plan.of(results)
    scale = Scale(plan.values(plan.curves()), MOST_NAMED)
    rows, notes = _rows_of(plan)
    columns = max(len(row.cells) for row in rows)
    figure, grid = panels(0.75 + 2.6 * len(rows), 2 * len(rows), columns, [2.0, 1.0] * len(rows))
    for number, row in enumerate(rows):
        upper, lower = grid[2 * number], grid[2 * number + 1]
        shared = any(cell.heading for cell in row.cells)
        if shared:
            for line in (upper, lower):
                _share(line)
        for column, cell in enumerate(row.cells):
            _draw_pair(upper[column], lower[column], plan, cell, scale)
            if cell.heading and number == 0:
                upper[column].set_title(cell.heading)
        _draw_corrections(lower, plan, row, scale)
        for axes in (*upper[len(row.cells) :], *lower[len(row.cells) :]):
            axes.set_axis_off()
        for column, cell in enumerate(row.cells[:1] if shared else row.cells):
            name = name_of(cell.results, cell.label)
            upper[column].set_ylabel(f"{name}\n{plain(row.title)}" if shared and row.title else name)
        if row.title and not shared:
            upper[0].set_title(row.title, loc="left", parse_math=False)
        lower[0].set_ylabel("difference")
    figure.align_ylabels()
    for axes in grid[-1]:
        axes.set_xlabel("$t$")
    drawn = {cell.label for row in rows for cell in row.cells}
    others = [Line2D([], [], color="black", linestyle=DASHES, linewidth=1.0, label="mean field")]
    if any(r.theory is not None for r in plan.results):
        others.append(Line2D([], [], color="black", linestyle=DOTS, linewidth=0.9, label=ORDER))
    curves = [curve for r in plan.results for label in drawn if (curve := curve_of(r, label)) is not None]
    marks = uncertain_mark([curve.flags for curve in curves])
    singles = of_singles(plan, _beside_mean_field(plan))
    finish(figure, grid, plan, scale, [*others, *singles, *of_errors(plan), *marks], notes)
    return figure


def _share(row: Sequence[Axes]) -> None:
    """One vertical axis for the panels of a row, which are compared; its numbers stand at the first."""
    for axes in row[1:]:
        axes.sharey(row[0])
        axes.tick_params(labelleft=False)
        axes.yaxis.offsetText.set_visible(False)


def _rows_of(plan: Plan) -> tuple[list[_Row], list[str]]:
    """Which averages are drawn in which rows, and in words what is not."""
    notes = [plan.left_out] if plan.left_out else []
    groups, labels = plan.panels(), _beside_mean_field(plan)
    if len(groups) > 1:
        chosen = even_choice(groups, PANELS)
        if len(chosen) < len(groups):
            notes.append(f"{len(chosen)} of {len(groups)} panels are drawn; --select chooses others")
        kept, rest = labels[:_PANELLED_ROWS], labels[_PANELLED_ROWS:]
        rows = [
            _Row(_block_title(plan, label, first=True), [_Cell(label, own, parameters(pairs)) for pairs, own in chosen])
            for label in kept
        ]
        return rows, [*notes, *_not_drawn(rest)]
    rows, rest, blocks = [], [], dict.fromkeys(label.rpartition(".")[0] for label in labels)
    for number, block in enumerate(blocks):
        own = [label for label in labels if label.rpartition(".")[0] == block]
        for start in range(0, len(own), _COLUMNS):
            cells = [_Cell(label, plan.results) for label in own[start : start + _COLUMNS]]
            if len(rows) < _ROWS and (plan.asked or number < _BLOCKS):
                rows.append(_Row(_block_title(plan, own[0], first=start == 0), cells))
            else:
                rest += [cell.label for cell in cells]
    return rows, [*notes, *_not_drawn(rest)]


def _beside_mean_field(plan: Plan) -> list[str]:
    """Averages that are drawn beside their mean field; observables are not, they have a figure of their own."""
    return [label for label in plan.shown if label in plan.every_label]


def _not_drawn(rest: Sequence[str]) -> list[str]:
    if not rest:
        return []
    which = rest[0] if len(rest) == 1 else f"{len(rest)} more averages, {rest[0]} to {rest[-1]}"
    return [f"no room for {which}; --averages chooses"]


def _block_title(plan: Plan, label: str, *, first: bool) -> str:
    """The name of a block, where there are several."""
    blocks = {each.rpartition(".")[0] for each in plan.every_label} - {""}  # order parameters belong to none
    if len(blocks) < 2 or not first or not label.rpartition(".")[0]:
        return ""
    kind = "mode" if is_mode(plan.results, label) else "block"
    return f"{kind} {printable(label.rpartition('.')[0])[:LONGEST]}"


def _draw_pair(upper: Axes, lower: Axes, plan: Plan, cell: _Cell, scale: Scale) -> None:
    """Draw one average: above with single trajectories and mean field, below its difference from that."""
    curves = list(_curves(plan, cell, scale))
    for curve, colour in curves:
        for single in curve.singles[: _SINGLE if len(curves) <= _SINGLE else 1]:
            upper.plot(curve.times, single, color=colour, linewidth=0.5, alpha=0.35, zorder=1)
        band(upper, curve.times, curve.mean, curve.error, curve.flags, colour)
        band(lower, curve.times, curve.mean - curve.reference, curve.error, curve.flags, colour)
    if curves:
        draw_lines(upper, [(curve.times, curve.reference, darker(colour)) for curve, colour in curves])
    lower.axhline(0, color="black", linestyle=DASHES, linewidth=1.0, zorder=4)
    lower.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    lower.tick_params(labelbottom=True)
    upper.yaxis.set_major_locator(MaxNLocator(5))
    lower.yaxis.set_major_locator(MaxNLocator(3))
    upper.margins(x=0)
    lower.margins(x=0)


def _draw_corrections(lower: Sequence[Axes], plan: Plan, row: _Row, scale: Scale) -> None:
    """The 1/N theory of the differences; a series that grows for ever, beside an instability, leaves the panel."""
    measured = [np.array(axes.get_ylim()) for axes in lower]
    for axes, cell in zip(lower, row.cells, strict=False):
        for curve, colour in _curves(plan, cell, scale):
            if curve.correction is not None:
                style: Any = {"color": darker(colour), "linestyle": DOTS, "linewidth": 0.9, "zorder": 5}
                axes.plot(curve.times, curve.correction, **style)
    for axes, before in zip(lower, measured, strict=True):
        if np.ptp(axes.get_ylim()) > _FAR_OFF * np.ptp(before):
            axes.set_ylim(before + 0.5 * np.ptp(before) * np.array([-1, 1]))


def _curves(plan: Plan, cell: _Cell, scale: Scale) -> Iterator[tuple[Curve, Any]]:
    for result in cell.results:
        curve = curve_of(result, cell.label)
        if curve is not None:
            yield curve, scale[plan.place(result, plan.curves())]


def deviation_figure(results: Sequence[Result], plan: Plan | None = None) -> Figure:
    """Draw E_N(t), and N·E_N(t) beside or below it, where the curves of all N fall onto one as N grows.

    Parameters
    ----------
    results : sequence of Result
        In the order of N.
    plan : Plan, optional
        What makes curves and panels.
    """
    plan = plan or Plan.of(results)
    scale, groups = Scale(plan.values(plan.curves()), MOST_NAMED), plan.panels()
    chosen, notes = even_choice(groups, PANELS), []
    if len(groups) == 1:
        figure, grid = panels(2.7, 1, 2, [1.0])
        pairs = [tuple(grid[0])]
    else:
        figure, grid = panels(4.4, 2, len(chosen), [1.0, 1.0])
        pairs = [tuple(grid[:, column]) for column in range(len(chosen))]
        if len(chosen) < len(groups):
            notes.append(f"{len(chosen)} of {len(groups)} panels are drawn; --select chooses others")
    if len(groups) > 1:
        for row in grid:
            _share(row)
    for (first, second), (heading, own) in zip(pairs, chosen, strict=True):
        for result in own:
            colour = scale[plan.place(result, plan.curves())]
            draw_deviation(first, result, colour, scaled=False)
            draw_deviation(second, result, colour, scaled=True)
        draw_limits(second, plan, own, scale)
        if heading:
            first.set_title(parameters(heading))
    pairs[0][1].set_ylim(bottom=0)
    for first, _ in pairs:
        finish_logarithmic(first, plan.results)
    grid[0, 0].set_ylabel("$E_N(t)$")
    pairs[0][1].set_ylabel("$N\\,E_N(t)$")
    for axes in grid[-1]:
        axes.set_xlabel("$t$")
    drawn: dict[str, Any] = {"color": "black", "linestyle": DASHES, "linewidth": 1.0}
    others = [Line2D([], [], label="$N\\to\\infty$", **drawn)] if _has_theory(plan) else []
    marks = uncertain_mark([r.deviation_uncertain for r in plan.results])
    finish(figure, grid, plan, scale, [*others, *of_errors(plan), *marks], notes)
    return figure


def against_figure(results: Sequence[Result], plan: Plan | None = None) -> Figure:
    """Draw averages and N·E_N, at the last output time or over the measurement window, against a parameter.

    Parameters
    ----------
    results : sequence of Result
    plan : Plan, optional
        Which parameter is the axis (``plan.axis``, which there must be), and what makes curves and panels.
    """
    plan = plan or Plan.of(results)
    key, notes = plan.curves(plan.axis), [plan.left_out] if plan.left_out else []
    scale, groups = Scale(plan.values(key), MOST_NAMED), plan.panels(plan.axis)
    labels = list(plan.shown)
    if len(groups) == 1:
        most = 11
        cells = [_Cell(label, plan.results) for label in (*labels[:most], "")]
        width = _WIDTHS.get(len(cells), 3)
        rows = [cells[i : i + width] for i in range(0, len(cells), width)]
    else:
        chosen, most = even_choice(groups, PANELS), _PANELLED_ROWS
        if len(chosen) < len(groups):
            notes.append(f"{len(chosen)} of {len(groups)} panels are drawn; --select chooses others")
        rows = [[_Cell(label, own, parameters(pairs)) for pairs, own in chosen] for label in (*labels[:most], "")]
    notes += _not_drawn(labels[most:])
    figure, grid = panels(0.6 + 1.9 * len(rows), len(rows), len(rows[0]), [1.0] * len(rows))
    for number, row in enumerate(rows):
        if len(groups) > 1:
            _share(grid[number])
        for column in range(grid.shape[1]):
            axes = grid[number, column]
            if column >= len(row):
                axes.set_axis_off()
                continue
            cell, apart = row[column], len(groups) == 1
            if cell.label:
                draw_against(axes, plan, cell.results, cell.label, scale)
            else:
                draw_deviation_against(axes, plan, cell.results, scale)
            if apart or not column:
                axes.set_ylabel(_long_name(plan, cell.label) if cell.label else "$N\\,E_N$")
            if number == 0 and cell.heading:
                axes.set_title(cell.heading)
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_locator(MaxNLocator(5))
            if number == len(rows) - 1 or (apart and column >= len(rows[-1])):
                axes.set_xlabel(parameter(plan.axis))
                axes.tick_params(labelbottom=True)
    others = [Line2D([], [], color="black", linestyle=DASHES, linewidth=1.0, label="mean field, $N\\to\\infty$")]
    lasts = [last for r in plan.results for label in labels if (last := last_values(r, label)) is not None]
    if np.isfinite([last.corrected for last in lasts]).any():
        others.append(Line2D([], [], color="black", linestyle=DOTS, linewidth=0.9, label=ORDER))
    flags = [np.array([last.doubt for last in (*lasts, *map(last_deviation, plan.results))])]
    notes.insert(0, time_in_words(plan.results))
    finish(figure, grid, plan, scale, [*others, *of_errors(plan, bars=True), *uncertain_mark(flags)], notes, plan.axis)
    return figure


def _long_name(plan: Plan, label: str) -> str:
    """An average at its axis, with its block where there are several."""
    block = _block_title(plan, label, first=True)
    return name_of(plan.results, label) + (f"\n{plain(block)}" if block else "")


def _has_theory(plan: Plan) -> bool:
    return any(r.theory is not None for r in plan.results)
