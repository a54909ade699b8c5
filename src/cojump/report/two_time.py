"""Two-time functions of a run: a figure for a paper, and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from ..results.measured_two_time import MeasuredTwoTime
from ..results.result import Result
from ..results.two_time import SampledCoincidences, SampledTwoTime
from ..theory.two_time import Coincidences, TwoTime
from ..tools.numbers import format_difference, format_number, format_value
from ..tools.types import Array
from .canvas import (
    DASHES,
    DOTS,
    Axes,
    Figure,
    Line2D,
    MaxNLocator,
    Scale,
    band,
    darker,
    panels,
    parameters,
    plain,
    uncertain_mark,
)
from .console import plain_table
from .curves import MOST_NAMED, draw_lines
from .legends import finish, of_errors
from .plan import PANELS, Plan, even_choice

_FUNCTIONS = 4
"""Functions of a run that are drawn."""

_ZERO = 1e-9
"""An imaginary part that is smaller than this part of the function is none."""

_TAIL = 0.05
"""What a function still is at its last delay, in parts of its largest value, from which a spectrum has a note."""


@dataclass(frozen=True)
class _Line:
    """A curve of one point: values with their errors, or theory without."""

    x: Array
    value: Array
    error: Array | None = None
    flags: Any = None


@dataclass(frozen=True)
class _Part:
    """What is drawn of a function: a label at the axis, and how its curves are read off."""

    label: str
    x_label: str
    sampled: Callable[[MeasuredTwoTime], _Line | None]
    theory: Callable[[MeasuredTwoTime, Any], _Line | None]
    level: float | None = None


def two_time_figure(results: Sequence[Result], plan: Plan | None = None) -> Figure:
    """Draw the two-time functions of a run against the delay, with bands, beside exact curves and the limit N → ∞.

    Parameters
    ----------
    results : sequence of Result
    plan : Plan, optional
        What makes curves and panels. Where nothing makes panels, each function has a row: its real part, its imaginary
        part if there is one, its spectrum if it was asked for; else each of these has one.
    """
    plan = plan or Plan.of(results)
    names = list(dict.fromkeys(name for r in plan.results for name in r.two_time))
    shown, notes = names[:_FUNCTIONS], []
    if len(shown) < len(names):
        notes.append(f"{len(shown)} of {len(names)} two-time functions are drawn")
    groups = even_choice(plan.panels(), PANELS)
    if len(groups) < len(plan.panels()):
        notes.append(f"{len(groups)} of {len(plan.panels())} panels are drawn; --select chooses others")
    scale = Scale(plan.values(plan.curves()), MOST_NAMED)
    parts = {name: _parts([r.two_time[name] for r in plan.results if name in r.two_time]) for name in shown}
    if len(groups) == 1:
        rows = _packed([[(name, part, groups[0]) for part in parts[name]] for name in shown])
    else:
        rows = [[(name, part, group) for group in groups] for name in shown for part in parts[name]]
    columns = max(map(len, rows))
    figure, grid = panels(0.5 + 2.2 * len(rows), len(rows), columns, [1.0] * len(rows), sharex=False)
    before = ""
    for number, (line, row) in enumerate(zip(grid, rows, strict=True)):
        for axes in line[len(row) :]:
            axes.set_axis_off()
        for column, (name, part, (heading, own)) in enumerate(row):
            axes, first = line[column], column == 0
            for r in own:
                if name in r.two_time:
                    _draw(axes, part, r.two_time[name], scale[plan.place(r, plan.curves())])
            _draw_limit(
                axes, part, [(r.two_time[name], scale[plan.place(r, plan.curves())]) for r in own if name in r.two_time]
            )
            if part.level is not None:
                axes.axhline(part.level, color="black", linewidth=0.6, zorder=1)
            axes.set_xlabel(part.x_label)
            axes.margins(x=0)
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_locator(MaxNLocator(5))
            if first or len(groups) == 1:
                axes.set_ylabel(part.label if len(groups) == 1 else f"{plain(name)}\n{part.label}")
            if heading and number == 0:
                axes.set_title(parameters(heading))
            if name != before and len(groups) == 1:
                one = next(r.two_time[name] for r in plan.results if name in r.two_time)
                axes.set_title(plain(f"{one.name}, s = {one.sampled.start:g}"), loc="left", parse_math=False)
            before = name
    every = [r.two_time[name] for r in plan.results for name in shown if name in r.two_time]
    notes += _of_spectra(every)
    finish(figure, grid, plan, scale, [*_of_theory(every), *of_errors(plan), *_of_doubts(every)], notes)
    return figure


def _packed(rows: Sequence[list[Any]]) -> list[list[Any]]:
    """Rows beside each other where there is room for both."""
    width, made = max(map(len, rows)), [rows[0]]
    for row in rows[1:]:
        if len(made[-1]) + len(row) <= max(width, 2):
            made[-1] = made[-1] + row
        else:
            made.append(row)
    return made


def _parts(functions: Sequence[MeasuredTwoTime]) -> list[_Part]:
    """What is drawn of a function, of all points together."""
    one = functions[0]
    if one.is_g2:
        return [_Part("$g^{(2)}(\\tau)$", "$\\tau$", _of_g2, _theory_of_g2, level=1.0)]
    name = "$\\,N\\,\\langle {}(s+\\tau)\\,{}(s)\\rangle_c$".format(*_letters(one.of))
    made = [_Part(f"Re{name}", "$\\tau$", _component("real"), _theory_component("real"), level=0.0)]
    if any(_is_complex(f) for f in functions):
        made.append(_Part(f"Im{name}", "$\\tau$", _component("imag"), _theory_component("imag"), level=0.0))
    if any(len(f.omegas) for f in functions):
        made.append(_Part("Re$\\,S(\\omega)$", "$\\omega$", _of_spectrum, _theory_of_spectrum, level=0.0))
    return made


def _letters(of: Sequence[str]) -> list[str]:
    """A and B as a formula has them, where their names are those of cojump."""
    endings = {"plus": "m_+", "minus": "m_-", "a": "a", "adag": "a^\\dagger"}
    made = []
    for label, letter in zip(of, "AB", strict=True):
        end = label.rpartition(".")[2]
        if "." in label and end in ("x", "y", "z"):
            made.append(f"m_{end}")
        elif "." in label and end in endings:
            made.append(endings[end])
        elif "." in label and re.fullmatch(r"[nxy][0-9]{1,4}", end):
            made.append(f"{end[0]}_{{{end[1:]}}}")
        else:
            made.append(letter)
    return made


def _is_complex(found: MeasuredTwoTime) -> bool:
    values = found.sampled.connected if isinstance(found.sampled, SampledTwoTime) else np.zeros(1)
    return bool(np.abs(values.imag).max() > _ZERO * np.abs(values).max())


def _of_g2(found: MeasuredTwoTime) -> _Line | None:
    sampled = found.sampled
    return _Line(sampled.taus, sampled.mean, sampled.stderr) if isinstance(sampled, SampledCoincidences) else None


def _theory_of_g2(found: MeasuredTwoTime, theory: Any) -> _Line | None:
    return _Line(theory.taus, theory.mean) if isinstance(theory, Coincidences) else None


def _component(part: str) -> Callable[[MeasuredTwoTime], _Line | None]:
    def read(found: MeasuredTwoTime) -> _Line | None:
        f = found.sampled
        if not isinstance(f, SampledTwoTime):
            return None
        return _Line(f.taus, getattr(f.connected, part), getattr(f.connected_stderr_parts, part), f.uncertain)

    return read


def _theory_component(part: str) -> Callable[[MeasuredTwoTime, Any], _Line | None]:
    def read(found: MeasuredTwoTime, theory: Any) -> _Line | None:
        return _Line(theory.taus, getattr(theory.connected, part)) if isinstance(theory, TwoTime) else None

    return read


def _of_spectrum(found: MeasuredTwoTime) -> _Line | None:
    spectrum = found.spectrum
    return None if spectrum is None else _Line(spectrum.omegas, spectrum.mean.real, spectrum.stderr.real)


def _theory_of_spectrum(found: MeasuredTwoTime, theory: Any) -> _Line | None:
    spectrum = found.spectrum_of(theory)
    return None if spectrum is None else _Line(spectrum.omegas, spectrum.mean.real)


def _draw(axes: Axes, part: _Part, found: MeasuredTwoTime, colour: Any) -> None:
    """The curve of a point with its band, and the exact one."""
    line = part.sampled(found)
    if line is not None and line.error is not None:
        band(axes, line.x, line.value, line.error, line.flags, colour)
    exact = part.theory(found, found.exact)
    if exact is not None:
        axes.plot(exact.x, exact.value, color=darker(colour), linestyle=DOTS, linewidth=1.2, zorder=5)


def _draw_limit(axes: Axes, part: _Part, functions: Sequence[tuple[MeasuredTwoTime, Any]]) -> None:
    """The limits: one in black where all are the same, as they are for several N; it may leave the panel."""
    lines = [(part.theory(f, f.limit), darker(colour)) for f, colour in functions]
    drawn = [(line.x, line.value, colour) for line, colour in lines if line is not None]
    before = axes.get_ylim()
    if drawn:
        draw_lines(axes, drawn)
    if np.ptp(axes.get_ylim()) > 4 * np.ptp(before):
        axes.set_ylim(before)


def _of_theory(functions: Sequence[MeasuredTwoTime]) -> list[Any]:
    """Entries of the legend for what theory says."""
    made = []
    if any(f.exact is not None for f in functions):
        made.append(Line2D([], [], color="black", linestyle=DOTS, linewidth=1.2, label="exact"))
    if any(f.limit is not None for f in functions):
        made.append(Line2D([], [], color="black", linestyle=DASHES, linewidth=1.0, label="$N\\to\\infty$"))
    return made


def _of_doubts(functions: Sequence[MeasuredTwoTime]) -> list[Any]:
    return uncertain_mark([f.sampled.uncertain for f in functions if isinstance(f.sampled, SampledTwoTime)])


def _of_spectra(functions: Sequence[MeasuredTwoTime]) -> list[str]:
    """A note where a function had not decayed at its last delay."""
    tails = {f.name: f.spectrum.tail for f in functions if f.spectrum is not None}
    return [
        f"spectrum of {plain(name)}: the function is still {tail:.2g} of its largest value at the last delay"
        for name, tail in tails.items()
        if tail > _TAIL
    ]


def two_time_tables(result: Result, rows_of: Callable[[int], list[int]]) -> Iterator[Table]:
    """A table of each function of a point; ``rows_of`` chooses among so many delays."""
    for found in result.two_time.values():
        f = found.sampled
        title = f"{found.title}, s = {f.start:g}, {f.n_traj:,} trajectories"
        rows = rows_of(len(f.taus))
        if isinstance(f, SampledCoincidences):
            table = plain_table(title, "", "τ", "g² ± error", *(["exact", "diff."] if found.exact is not None else []))
        else:
            heads = ["τ", "real ± error"] + ["imaginary ± error"] * _is_complex(found)
            heads += ["exact", "diff."] * (found.exact is not None) + ["N → ∞"] * (found.limit is not None)
            table = plain_table(f"N ({title.partition(', s')[0]} connected), s{title.partition(', s')[2]}", "", *heads)
        for row in rows:
            table.add_row(*_cells(found, row))
        yield table


def _cells(found: MeasuredTwoTime, row: int) -> list[str]:
    f, exact = found.sampled, found.exact
    cells = [f"{f.taus[row]:.6g}"]
    if isinstance(f, SampledTwoTime):
        error, doubt = f.connected_stderr_parts[row], bool(f.uncertain[row])
        value = f.connected[row]
        cells.append(format_value(value.real, error.real, doubt))
        if _is_complex(found):
            cells.append(format_value(value.imag, error.imag, doubt))
        known = exact.connected[row].real if isinstance(exact, TwoTime) else np.nan
        real, spread = float(value.real), float(error.real)
    else:
        real, spread, doubt = float(f.mean[row]), float(f.stderr[row]), False
        cells.append(format_value(real, spread))
        known = exact.mean[row] if isinstance(exact, Coincidences) else np.nan
    if exact is not None:
        cells += [format_number(float(known), spread), format_difference(real, float(known), spread, doubt)]
    if found.limit is not None:
        cells.append(format_number(float(found.limit.connected[row].real), spread))
    return cells


def two_time_refusals(results: Sequence[Result]) -> list[str]:
    """Which theory is missing beside two-time functions, and why; each reason once."""
    why: dict[str, list[str]] = {}
    for r in results:
        for found in r.two_time.values():
            for kind, text in (("exact curve", found.exact_refusal), ("limit N → ∞", found.limit_refusal)):
                if text:
                    why.setdefault(f"no {kind} of {found.name}: {text}", []).append("")
    return [f"{text} ({len(n)} of {len(results)} points)" if len(results) > 1 else text for text, n in why.items()]
