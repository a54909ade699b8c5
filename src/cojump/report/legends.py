"""What stands around the panels of a figure: a legend above them or a colour bar beside them, and notes below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from .canvas import Figure, Line2D, Patch, Scale, parameter
from .curves import curve_name
from .plan import Plan, even_choice
from .values import curve_of

_NAMED = 12
"""Curves that a legend names, of more an even choice: of values that are no numbers, which have no colour bar."""


def of_errors(plan: Plan, *, bars: bool = False) -> list[Any]:
    """The entry of a legend for bands, or for bars, if there are any."""
    if all(r.n_traj < 2 for r in plan.results):
        return []
    if bars:
        return [Line2D([], [], color="0.4", linestyle="", marker="|", markersize=10, label="±2 s.e.")]
    return [Patch(facecolor="0.75", label="±2 s.e.")]


def of_singles(plan: Plan, labels: Sequence[str]) -> list[Any]:
    """The entry of a legend for single trajectories, if there are any of these averages."""
    curves = (curve_of(r, label) for r in plan.results for label in labels)
    if not any(curve is not None and len(curve.singles) for curve in curves):
        return []
    return [Line2D([], [], color="0.6", linewidth=0.5, label="single trajectories")]


def finish(
    figure: Figure, grid: Any, plan: Plan, scale: Scale, others: Sequence[Any], notes: Sequence[str], axis: str = ""
) -> None:
    """A legend above all panels or a colour bar beside them, and notes below."""
    key = plan.curves(axis)
    if scale.has_bar:
        scale.add_bar(figure, grid, parameter(key))
    _add_legend(figure, plan, scale, others, axis)
    if notes:
        lines = [line for note in notes for line in textwrap.wrap(note, 110)]
        figure.supxlabel("\n".join(lines), fontsize=8, x=0.99, ha="right", parse_math=False)
        figure.set_figheight(figure.get_figheight() + 0.13 * len(lines))


def _add_legend(figure: Figure, plan: Plan, scale: Scale, others: Sequence[Any], axis: str) -> None:
    """A legend above all panels, in as many columns as fit; of very many names an even choice."""
    places = [] if scale.has_bar or (axis and not plan.curves(axis)) else list(range(len(scale.values)))
    chosen = even_choice(places, _NAMED)
    handles: list[Any] = [Line2D([], [], color=scale[i], label=curve_name(plan, i, axis)) for i in chosen]
    title = f"{len(chosen)} of {len(places)} curves are named" if len(chosen) < len(places) else None
    handles += others
    for rows in range(1, len(handles) + 1):
        columns = -(-len(handles) // rows)
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=columns, title=title)
        width = legend.get_window_extent(figure.canvas.get_renderer()).width  # type: ignore[attr-defined]
        if width <= 0.98 * figure.bbox.width or columns == 1:
            lines = rows - 1 + (title is not None)
            figure.set_figheight(figure.get_figheight() + 0.19 * lines)  # the panels keep their size
            return
        legend.remove()
