"""Tables of results on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import ArgumentError
from ..measure.averages import Averages
from ..measure.statistics import Estimates
from ..measure.time_windows import PREFIX, Stationary
from ..results import longtime
from ..results.result import Result
from ..tools.numbers import format_difference, format_number, format_value
from ..tools.summaries import counted
from ..tools.types import Array
from .console import add_note, plain_table, print_table
from .plan import Plan
from .two_time import two_time_refusals, two_time_tables
from .values import jump_names, labels_of, recorded_numbers

_ROWS = 6
"""Output times in a table, unless all are asked for."""


_MOST_CHANNELS = 8
"""Jumps of more channels than this are not listed one by one."""

_CUMULANTS = ("mean", "variance", "third cumulant", "fourth cumulant")

_CAPTION = (
    "difference (diff.) = (value - mean field) / standard error. It holds the physical part of order 1/N beside the "
    "noise; behind mean field + δ/N, if there, only what is of order 1/N². Of N·E_N diff. is "
    "from its limit N → ∞."
)

_CAPTION_OF_TWO_TIMES = (
    "Of two-time functions, g² and spectra diff. = (value - exact) / standard error, of real parts; exact is from the "
    "master equation. A spectrum has that of the function times exp(-damping τ)."
)


_UNCERTAIN = (
    "? behind an error: too few trajectories carry the spread of this figure, or a jump that is possible has hardly "
    "been seen. The error may be far too small; more trajectories tell."
)

ONE_TRAJECTORY = "± — and —: a single trajectory has neither an error nor a spread."

_NO_DIFFERENCE = (
    "A dash in place of a difference: the error is zero, uncertain or unknown, or there is nothing to compare with."
)

_WHY_UNDEFINED = {
    "Squeezing": "A dash: the mean spin vanishes there, and the squeezing parameter has no value.",
    "Jumps": "A dash under Fano factor: the channel has not jumped.",
    "Averages over": "A dash under τ: the average stands still or swings back at once, and has no correlation time.",
    "g²": "A dash: nothing is emitted there, and g² has no value.",
}
"""Why figures of some tables have no value, by how their titles begin."""

_UNKNOWN = "Which errors are uncertain is not known here: the file was written by an older cojump."


def chosen_times(n_times: int, all_times: bool) -> list[int]:
    """Pick the rows of a table: all output times or about six, evenly spread, first and last among them."""
    if all_times or n_times <= _ROWS:
        return list(range(n_times))
    return [int(i) for i in np.unique(np.round(np.linspace(0, n_times - 1, _ROWS)).astype(int))]


def title_of(result: Result) -> str:
    """Name a point: its number of particles and trajectories, and its other parameters."""
    own = {"size": result.n_particles}
    others = [f"{key} = {value}" for key, value in result.parameters.items() if (key, value) not in own.items()]
    trajectories = counted(result.n_traj, "trajectory")
    return ", ".join([f"N = {result.n_particles}", *others, trajectories])


def print_tables(results: Sequence[Result] | Plan, console: Console, all_times: bool = False) -> None:
    """Print for each point: averages beside mean field and its 1/N correction, N·E_N, order parameters.

    Parameters
    ----------
    results : sequence of Result, or a Plan of them
        A plan says which averages are printed; without it those that do not vanish in all points.
    console : rich.console.Console
        Where to; see :func:`make_console`.
    all_times : bool
        Every output time instead of about six.
    """
    plan, shown = results if isinstance(results, Plan) else Plan.of(results), []
    for result in plan.results:
        for number, table in enumerate(tables_of(result, all_times, plan.shown)):
            shown.append(table)
            print_table(console, table)
            console.print()
            if number == 1 and result.theory_refusal:
                console.print(Text(f"no 1/N theory beside it: {result.theory_refusal}", style="dim"))
                console.print()
    for line in two_time_refusals(plan.results):
        console.print(Text(line, style="dim"))
    for caption in [*filter(None, [plan.left_out]), *captions_of(plan.results, shown)]:
        console.print(Text(caption, style="dim"))


def tables_of(result: Result, all_times: bool, labels: Sequence[str] | None = None) -> list[Table]:
    """The tables of one point: averages first, N·E_N second, then whatever else was measured.

    ``labels`` are the averages that are wanted, by default all.
    """
    rows = chosen_times(len(result.times), all_times)
    chosen = set(labels_of(result) if labels is None else labels)
    tables: list[Table | None] = [_table(result, rows, chosen), _deviation_table(result, rows)]
    if "order" in result.extras:
        tables.append(_order_table(result, rows))
    tables += [_asked_table(name, *found, all_times) for name, found in result.asked_for.items()]
    tables += two_time_tables(result, lambda n: chosen_times(n, all_times))
    tables += [_stationary_table(result, chosen), _jump_table(result), _cumulant_table(result)]
    made = [table for table in tables if table is not None]
    for table in made:
        if result.n_traj > 1 or table.columns[0].header == "average":  # the rest is said of single trajectories
            explain(table)
    return made


def explain(table: Table) -> None:
    """Say below a table why figures in it have no value."""
    known = [why for start, why in _WHY_UNDEFINED.items() if str(table.title).startswith(start)]
    if known and _has_dash(table, lambda head: not head.startswith("diff")):
        add_note(table, known[0])


def _has_dash(table: Table, heads: Callable[[str], bool]) -> bool:
    """Whether a value is missing in one of the columns with these heads."""
    return any(str(cell).startswith("—") for c in table.columns if heads(str(c.header)) for cell in c.cells)


def captions_of(results: Sequence[Result], tables: Sequence[Table]) -> list[str]:
    """What has to be said below tables of these results."""
    captions = [_CAPTION]
    if any(_has_dash(table, lambda head: head.startswith("diff")) for table in tables):
        captions.append(_NO_DIFFERENCE)
    if any(result.n_traj == 1 for result in results):
        captions.append(ONE_TRAJECTORY)
    if any(r.two_time for r in results):
        captions.append(_CAPTION_OF_TWO_TIMES)
    if any(map(_is_marked, tables)):
        captions.append(_UNCERTAIN)
    if any(result.moments.tails is None for result in results):
        captions.append(_UNKNOWN)
    return captions


def _at(flags: NDArray[np.bool_] | None, *place: int) -> bool:
    """Whether an error is uncertain; what an older file does not say is not marked."""
    return flags is not None and bool(flags[place])


def _is_marked(table: Table) -> bool:
    return any(isinstance(cell, str) and cell.endswith(" ?") for column in table.columns for cell in column.cells)


def _grid(title: str, times: Array, rows: Sequence[int], *columns: str) -> Table:
    """A table whose first two columns are the time and what is in the row; numbers follow."""
    table = plain_table(title)
    table.add_column("t", justify="right", min_width=max(len(f"{times[row]:.6g}") for row in rows))
    if columns[0] in ("average", "pair", "label"):
        table.add_column(columns[0], no_wrap=True)
        columns = columns[1:]
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _table(result: Result, rows: Sequence[int], chosen: Set[str]) -> Table:
    """Averages beside mean field, and beside its 1/N correction where the result has it."""
    columns = ["average", "value ± error", "mean field", "difference"]
    if result.theory is not None:
        columns[-1:] = ["diff.", "+ δ/N", "diff."]  # 80 columns hold no more
    table = _grid(title_of(result), result.times, rows, *columns)
    theory = result.theory
    groups: list[tuple[Averages, Array | None]] = [(result, None if theory is None else theory.correction)]
    if "order" in result.extras:
        groups.append((result.order, None if theory is None else theory.order_correction))
    for row in rows:
        time = f"{result.times[row]:.6g}"
        for group, correction in groups:
            for a, label in enumerate(group.labels):
                if label not in chosen:
                    continue
                value, error, reference = group.mean[row, a], group.mean_stderr[row, a], group.reference[row, a]
                doubt = _at(group.uncertain, row, a)
                cells = [
                    format_value(value, error, doubt),
                    format_number(reference, error),
                    format_difference(value, reference, error, doubt),
                ]
                if correction is not None:
                    corrected = reference + correction[row, a] / result.n_particles
                    cells += [format_number(corrected, error), format_difference(value, corrected, error, doubt)]
                table.add_row(time, label, *cells)
                time = ""  # once for each time
    return table


def _deviation_table(result: Result, rows: Sequence[int]) -> Table:
    """N·E_N beside its limit."""
    columns = ["value ± error"] if result.theory is None else ["value ± error", "N → ∞", "difference"]
    table = _grid("N·E_N, the deviation from mean field", result.times, rows, *columns)
    N = result.n_particles
    for row in rows:
        value, error = N * result.deviation[row], N * result.deviation_stderr[row]
        doubt = _at(result.deviation_uncertain, row)
        cells = [format_value(value, error, doubt)]
        if result.theory is not None:
            limit = result.theory.deviation[row]
            cells += [format_number(limit, error), format_difference(value, limit, error, doubt)]
        table.add_row(f"{result.times[row]:.6g}", *cells)
    return table


def _order_table(result: Result, rows: Sequence[int]) -> Table:
    """N · covariance of every pair of order parameters."""
    title = "N · covariance of the order parameters"
    table = _grid(title, result.times, rows, "pair", "value ± error", "within", "between")
    order = result.order
    for row in rows:
        time = f"{result.times[row]:.6g}"
        for a, first in enumerate(order.labels):
            for b, second in enumerate(order.labels[a:], start=a):
                parts = (
                    (order.covariance, order.covariance_stderr),
                    (order.within, order.within_stderr),
                    (order.between, order.between_stderr),
                )
                doubt = _at(order.covariance_uncertain, row, a, b)
                cells = [format_value(value[row, a, b], error[row, a, b], doubt) for value, error in parts]
                table.add_row(time, f"{first}, {second}", *cells)
                time = ""
    return table


def _asked_table(name: str, times: Array, found: Estimates, all_times: bool) -> Table:
    """Figures that were asked for, under the name of what they are."""
    rows = chosen_times(len(times), all_times)
    table = _grid(name.capitalize(), times, rows, "label", "value ± error")
    for row in rows:
        time = f"{times[row]:.6g}"
        for place, label in enumerate(found.labels):
            doubt = _at(found.uncertain, row, place)
            table.add_row(time, label, format_value(found.mean[row, place], found.stderr[row, place], doubt))
            time = ""
    return table


def _stationary_table(result: Result, chosen: Set[str]) -> Table | None:
    """Averages over the measurement window, with correlation times of the kept trajectories."""
    if f"{PREFIX}averages" not in result.extras:
        return None
    steady = result.stationary
    title = f"Averages over t = {steady.start:g} to {steady.end:g}"
    own = _correlation_times(result)
    heads = ["value ± error", "N·variance ± error", *(["τ ± error"] if own else [])]
    table = plain_table(title, "average", *heads)
    groups: list[tuple[Stationary, list[str]]] = [(steady, own)]
    if f"{PREFIX}order" in result.extras:
        groups.append((result.stationary_order, []))
    for group, times in groups:
        for a, label in enumerate(group.labels):
            if label not in chosen:
                continue
            value = format_value(group.mean[a], group.stderr[a], _at(group.uncertain, a))
            doubt = _at(group.covariance_uncertain, a, a)
            variance = format_value(group.covariance[a, a], group.covariance_stderr[a, a], doubt)
            table.add_row(label, value, variance, *([times[a] if times else ""] if own else []))
    return table


def _correlation_times(result: Result) -> list[str]:
    """Correlation time of each average along the kept trajectories; empty if there are none at equal steps."""
    steady = result.stationary
    try:
        found = longtime.averages(result, burn_in=steady.start, window=steady.end)
    except ArgumentError:
        return []
    # nothing is known of a series that stands still, whatever its length
    flags = [
        "" if good or np.isnan(t) else " (run too short)" for good, t in zip(found.reliable, found.tau, strict=True)
    ]
    values = [format_value(t, e, exact=0.0) if t > 0 else "—" for t, e in zip(found.tau, found.tau_stderr, strict=True)]
    return [value + flag for value, flag in zip(values, flags, strict=True)]


def _jump_table(result: Result) -> Table | None:
    """Activity and Fano factor of the measurement window."""
    if "activity" not in result.extras or result.activity.number[-1] == 0:
        return None
    jumps = result.activity
    title = f"Jumps from t = {jumps.start:g} to {jumps.end:g}"
    table = plain_table(title, "channel", "per time and particle ± error", "Fano factor ± error")
    channels = range(len(jumps.labels))
    names = [*jump_names(result), jumps.labels[-1]]
    names = names if len(names) == len(jumps.labels) else list(jumps.labels)
    for l in channels if len(channels) <= _MOST_CHANNELS + 1 else channels[-1:]:
        # per unit of time: what is small depends on that unit
        activity = format_value(jumps.mean[l], jumps.stderr[l], _at(jumps.uncertain, l), exact=0.0)
        fano = format_value(jumps.fano[l], jumps.fano_stderr[l], _at(jumps.fano_uncertain, l))
        table.add_row(names[l], activity, fano)
    return table


def _cumulant_table(result: Result) -> Table | None:
    """Cumulants of the number of all jumps in the measurement window, and the waits between them, of recorded jumps."""
    found = recorded_numbers(result)
    if found is None:
        return None
    wait = longtime.waiting_times(result, start=result.activity.start, end=result.activity.end)
    title = f"Number of jumps of a trajectory from t = {result.activity.start:g} to {result.activity.end:g}"
    table = plain_table(title, "cumulant", "value ± error")
    for name, value, error in zip(_CUMULANTS, found.cumulants, found.stderr, strict=True):
        table.add_row(name, format_value(value, error))
    table.add_row("mean wait between jumps", format_value(wait.mean, wait.stderr, exact=0.0))
    if np.isnan(found.stderr).any():
        few = f"A dash: a cumulant of order m needs m trajectories and its error m + 1; there are {result.n_traj}."
        add_note(table, few)
    if wait.doubt:
        add_note(table, f"The mean wait has no error: {wait.doubt}.")
    return table
