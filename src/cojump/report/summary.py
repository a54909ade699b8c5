"""A sweep on one screen: a line for each point, which samples are poorest, and what is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..results.result import Result
from ..tools.numbers import format_difference, format_number, format_value
from ..tools.summaries import counted
from .console import UNBOUNDED, plain_table, print_table
from .plan import SIZE, Plan, even_choice, in_words, value_of
from .tables import ONE_TRAJECTORY
from .two_time import two_time_refusals, where_two_times_are
from .values import Last, curve_of, last_deviation, last_values, time_in_words

_ROWS = 40
"""Points of a sweep that have a line each, unless all are asked for."""

_POOREST = 3
"""Points that are named for their errors."""

CAPTION = (
    "value ± standard error; diff. = (value - mean field) / standard error, and (N·E_N - limit) / standard error. "
    "? marks an error that the sample is too small to know."
    " A dash under diff.: no error but 0 or ?, or nothing to compare with."
)


def point_columns(plan: Plan) -> list[str]:
    """The parameters that name a point in a table: those that vary, with what changes together with them."""
    return [key for one in plan.varying for key in (one, *plan.companions(one))]


def point_of(plan: Plan, result: Result) -> list[tuple[str, Any]]:
    """The parameters that tell a point from the others."""
    return [(key, value_of(result, key)) for key in point_columns(plan)] or [(SIZE, result.n_particles)]


def value_cells(last: Last | None) -> tuple[str, str]:
    """Value ± error of a number, and its difference from what is expected; empty where there is none."""
    if last is None:
        return "", ""
    expected = last.reference
    text = format_difference(last.value, expected, last.error, last.doubt) if np.isfinite(expected) else "—"
    return format_value(last.value, last.error, last.doubt), text


def summary_table(plan: Plan, results: Sequence[Result], labels: Sequence[str]) -> Table:
    """One line for each point: parameters, trajectories, these averages, N·E_N."""
    keys = point_columns(plan)
    sizes = [SIZE] * (SIZE not in keys and len({r.n_particles for r in plan.results}) > 1)
    many = [r.n_traj for r in plan.results]
    numbers = ["n"] * (min(many) < max(many))
    heads = [*keys, *sizes, *numbers]
    for label in (*labels, "N·E_N"):
        heads += [label, "diff."]
    each = "" if numbers else f" of {counted(many[0], 'trajectory')}"
    table = plain_table(f"{counted(len(plan.results), 'point')}{each}, {time_in_words(plan.results)}", "", *heads)
    table.padding = (0, 1, 0, 0)
    for r in results:
        row = [_short(value_of(r, key)) for key in keys] + [str(r.n_particles)] * len(sizes)
        row += [str(r.n_traj)] * len(numbers)
        for last in (*(last_values(r, label) for label in labels), last_deviation(r)):
            row += value_cells(last)
        table.add_row(*row)
    return table


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def print_summary(plan: Plan, console: Console) -> None:
    """Print a sweep on one screen; as many averages as the console has room for, those that differ from zero first."""
    rows = even_choice(plan.results, _ROWS)
    wide = console.options.update(width=UNBOUNDED)
    labels = list(plan.shown)
    while len(labels) > 1:
        if Measurement.get(console, wide, summary_table(plan, rows, labels)).maximum <= console.width:
            break
        labels.remove(next((label for label in reversed(labels) if not _differs(rows, label)), labels[-1]))
    print_table(console, summary_table(plan, rows, labels))
    console.print()
    for line in summary_lines(plan, len(rows), labels):
        console.print(Text(line))


def _differs(results: Sequence[Result], label: str) -> bool:
    """Whether an average is beyond two standard errors of zero at the end of a point."""
    lasts = [last for r in results if (last := last_values(r, label)) is not None]
    return any(abs(last.value) > 2 * last.error for last in lasts)


def summary_lines(plan: Plan, rows: int, labels: Sequence[str]) -> list[str]:
    """What has to be said below the table of a sweep, one line each."""
    lines = []
    if rows < len(plan.results):
        lines.append(f"{rows} of {len(plan.results)} points have a line here")
    rest = [label for label in plan.shown if label not in labels]
    if rest:
        lines.append(f"no room for {', '.join(rest[:6])}{' ...' * (len(rest) > 6)}: --averages chooses, --full has all")
    if plan.left_out:
        lines.append(f"{plan.left_out}; --averages LABEL shows it all the same")
    lines += where_two_times_are(plan.results)
    lines += refusals(plan)
    lines += poorest(plan)
    lines.append("every point by itself, and whatever else was measured: --full, or report.html")
    lines.append(CAPTION)
    if any(r.n_traj == 1 for r in plan.results):
        lines.append(ONE_TRAJECTORY)
    return lines


def refusals(plan: Plan) -> list[str]:
    """Why there is no 1/N theory, or none beside two-time functions, each reason once."""
    found = [
        f"no 1/N theory beside it: {reason}"
        for reason in dict.fromkeys(r.theory_refusal for r in plan.results)
        if reason
    ]
    return found + two_time_refusals(plan.results)


def doubts_of(plan: Plan, result: Result) -> tuple[int, int]:
    """Of how many values of the averages that are shown the error is uncertain, and how many there are."""
    curves = [curve for label in plan.shown if (curve := curve_of(result, label)) is not None]
    flags = [curve.flags for curve in curves if curve.flags is not None]
    return sum(int(f.sum()) for f in flags), sum(f.size for f in flags)


def largest_error(plan: Plan, result: Result) -> tuple[float, str] | None:
    """The largest standard error of the averages that are shown, and of which; None for a single trajectory."""
    found = [
        (float(np.nanmax(curve.error)), label)
        for label in plan.shown
        if (curve := curve_of(result, label)) is not None and np.isfinite(curve.error).any()
    ]
    return max(found, default=None)


def poorest(plan: Plan) -> list[str]:
    """The largest error of an average, and the points with most uncertain errors."""
    found = [(*one, r) for r in plan.results if (one := largest_error(plan, r)) is not None]
    lines = []
    if found:
        error, label, r = max(found, key=lambda row: row[0])
        lines.append(f"largest error: {label} ± {error:.2g} at {in_words(point_of(plan, r))}")
    counts = sorted(((*doubts_of(plan, r), r) for r in plan.results), key=lambda row: -row[0] / max(row[1], 1))
    bad = [(n, of, r) for n, of, r in counts if n]
    if bad:
        names = "; ".join(f"{in_words(point_of(plan, r))}: {n} of {of}" for n, of, r in bad[:_POOREST])
        more = f"; and {counted(len(bad) - _POOREST, 'more point')}" if len(bad) > _POOREST else ""
        lines.append(f"uncertain errors (more trajectories tell): {names}{more}")
    return lines


def with_reference(last: Last | None) -> str:
    """Value ± error, and in brackets what is expected."""
    if last is None:
        return ""
    text = format_value(last.value, last.error, last.doubt)
    return f"{text} ({format_number(last.reference, last.error)})" if np.isfinite(last.reference) else text
