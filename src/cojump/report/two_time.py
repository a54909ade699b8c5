"""Two-time functions of a run: a figure for a paper, and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from ..results.measured_two_time import MeasuredTwoTime, title_of
from ..results.result import Result
from ..results.two_time import SampledCoincidences, SampledTwoTime
from ..theory.two_time import Coincidences, TwoTime
from ..tools.numbers import format_difference, format_number, format_value
from ..tools.summaries import counted
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
from .curves import MOST_NAMED, draw_lines, is_mode
from .legends import finish, of_errors
from .plan import PANELS, Plan, even_choice, in_words, value_of

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
    parts = {name: _parts([r for r in plan.results if name in r.two_time], name) for name in shown}
    if len(groups) == 1:
        rows = _packed([[(name, part, groups[0]) for part in parts[name]] for name in shown])
    else:
        rows = [[(name, part, group) for group in groups] for name in shown for part in parts[name]]
    columns = max(map(len, rows))
    figure, grid = panels(0.5 + 2.2 * len(rows), len(rows), columns, [1.0] * len(rows), sharex=False)
    before, flags = "", []
    for number, (line, row) in enumerate(zip(grid, rows, strict=True)):
        for axes in line[len(row) :]:
            axes.set_axis_off()
        for column, (name, part, (heading, own)) in enumerate(row):
            axes, first = line[column], column == 0
            for r in own:
                if name in r.two_time:
                    flags.append(_draw(axes, part, r.two_time[name], scale[plan.place(r, plan.curves())]))
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
    notes += [note for name in shown for note in _of_spectrum_tails(plan, name)]
    finish(figure, grid, plan, scale, [*_of_theory(every), *of_errors(plan), *uncertain_mark(flags)], notes)
    return figure


def two_time_caption(results: Sequence[Result]) -> str:
    """What stands below the figure of these results: of what is drawn alone."""
    found = [f for r in results for f in r.two_time.values()]
    what = ["N (<A(s+τ)B(s)> - <A(s+τ)><B(s)>)"] * any(not f.is_g2 for f in found)
    what += ["g²(τ)"] * any(f.is_g2 for f in found)
    text = f"Two-time functions {' and '.join(what)} against the delay"
    if any(f.spectrum is not None for f in found):
        damped = any(f.damping for f in found if f.spectrum is not None)
        text += ", and the half-sided Fourier transform S(ω)"
        text += ", times exp(-damping τ) where its axis names a damping" * damped
    text += ". Bands are two standard errors."
    lines = ["dotted: exact, from the master equation"] * any(f.exact is not None for f in found)
    lines += ["dashed: the limit N → ∞"] * any(f.limit is not None for f in found)
    drawn = "; ".join(lines)
    return f"{text} {drawn[0].upper()}{drawn[1:]}." if drawn else text


def _packed(rows: Sequence[list[Any]]) -> list[list[Any]]:
    """Rows beside each other where there is room for both."""
    width, made = max(map(len, rows)), [rows[0]]
    for row in rows[1:]:
        if len(made[-1]) + len(row) <= max(width, 2):
            made[-1] = made[-1] + row
        else:
            made.append(row)
    return made


def _parts(results: Sequence[Result], called: str) -> list[_Part]:
    """What is drawn of a function, of all points together."""
    functions = [r.two_time[called] for r in results]
    one = functions[0]
    if one.is_g2:
        return [_Part("$g^{(2)}(\\tau)$", "$\\tau$", _of_g2, _theory_of_g2, level=1.0)]
    name = "$\\,N\\,\\langle {}(s+\\tau)\\,{}(s)\\rangle_c$".format(*_letters(results, one.of))
    made = [_Part(f"Re{name}", "$\\tau$", _component("real"), _theory_component("real"), level=0.0)]
    if any(_is_complex(f) for f in functions):
        made.append(_Part(f"Im{name}", "$\\tau$", _component("imag"), _theory_component("imag"), level=0.0))
    if any(len(f.omegas) for f in functions):
        label = f"Re$\\,S(\\omega)${_damped([f.damping for f in functions if len(f.omegas)])}"
        made.append(_Part(label, "$\\omega$", _of_spectrum, _theory_of_spectrum, level=0.0))
    return made


def _damped(dampings: Sequence[float]) -> str:
    """The damping of a spectrum, where it has one: e^{-γτ} is in it beside the function."""
    every = sorted(set(dampings))
    return f", damping {' or '.join(f'{d:g}' for d in every)}" if any(every) else ""


_QUANTA = {"a": "a", "adag": "a†", "x": "Re a", "y": "Im a"}
"""What is divided by √N to be the average of a mode."""


def _of_mode(results: Sequence[Result], label: str) -> str:
    """What an average of a mode has beside its 1/√N; "" of all others."""
    end = label.rpartition(".")[2]
    if "." not in label or label.startswith("(") or (end in ("x", "y") and not is_mode(results, label)):
        return ""
    return _QUANTA.get(end, "")


def formula_of(result: Result, of: Sequence[str]) -> str:
    """A two-time function or g² in a formula, with the 1/√N that averages of modes have: N <...> has no other N."""
    written = []
    for label in of:
        parts = label[1:-1].split(" + ") if label.startswith("(") and label.endswith(")") else [label]
        for place, part in enumerate(parts):
            if len(of) == 2 and (quantum := _of_mode([result], part)):
                mode = f"{part.rpartition('.')[0]}.{quantum.split()[-1]}/√N"
                parts[place] = f"{quantum.split()[0]} {mode}" if " " in quantum else mode
        whole = " + ".join(parts)
        written.append(f"({whole})" if whole != label else label)
    return title_of(written)


def _letters(results: Sequence[Result], of: Sequence[str]) -> list[str]:
    """A and B as a formula has them, where their names are those of cojump."""
    endings = {"plus": "m_+", "minus": "m_-"}
    made = []
    for label, letter in zip(of, "AB", strict=True):
        end = label.rpartition(".")[2]
        if label.startswith("("):
            made.append(letter)
        elif quantum := _of_mode(results, label):
            written = (
                quantum.replace("†", "^\\dagger").replace("Re ", "\\mathrm{Re}\\,").replace("Im ", "\\mathrm{Im}\\,")
            )
            made.append(f"({written}/\\sqrt{{N}})")
        elif "." in label and end in ("x", "y", "z"):
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
    if not isinstance(sampled, SampledCoincidences):
        return None
    return _Line(sampled.taus, sampled.mean, sampled.stderr, sampled.uncertain)


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
    if spectrum is None:
        return None
    return _Line(spectrum.omegas, spectrum.mean.real, spectrum.stderr.real, spectrum.uncertain)


def _theory_of_spectrum(found: MeasuredTwoTime, theory: Any) -> _Line | None:
    spectrum = found.spectrum_of(theory)
    return None if spectrum is None else _Line(spectrum.omegas, spectrum.mean.real)


def _draw(axes: Axes, part: _Part, found: MeasuredTwoTime, colour: Any) -> Any:
    """The curve of a point with its band, and the exact one; where its errors are uncertain."""
    line = part.sampled(found)
    if line is not None and line.error is not None:
        band(axes, line.x, line.value, line.error, line.flags, colour)
    exact = part.theory(found, found.exact)
    if exact is not None:
        axes.plot(exact.x, exact.value, color=darker(colour), linestyle=DOTS, linewidth=1.2, zorder=5)
    return None if line is None else line.flags


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


def _of_spectrum_tails(plan: Plan, name: str) -> list[str]:
    """A note where a function had not decayed at its last delay: about the point where it is worst."""
    functions = [(r, r.two_time[name]) for r in plan.results if name in r.two_time]
    found = [(f.spectrum.tail, f.damping, r) for r, f in functions if f.spectrum is not None]
    if not found:
        return []
    tail, damping, r = max(found, key=lambda row: row[0])
    if tail <= _TAIL:
        return []
    what = f"the function times exp(-{damping:g} τ), its damping," if damping else "the function"
    where = in_words([(key, value_of(r, key)) for key in plan.varying])
    where = f" at {where}, the most of {len(found)} points" if len(found) > 1 and where else ""
    return [f"spectrum of {plain(name)}: at the last delay {what} is still {tail:.2g} of its largest value{where}"]


def two_time_tables(result: Result, rows_of: Callable[[int], list[int]]) -> Iterator[Table]:
    """A table of each function of a point; ``rows_of`` chooses among so many delays."""
    for found in result.two_time.values():
        f = found.sampled
        formula, rest = formula_of(result, found.of), f", s = {f.start:g}, {counted(f.n_traj, 'trajectory')}"
        rows = rows_of(len(f.taus))
        if isinstance(f, SampledCoincidences):
            table = plain_table(
                formula + rest, "", "τ", "g² ± error", *(["exact", "diff."] if found.exact is not None else [])
            )
        else:
            heads = ["τ", "real ± error"] + ["imaginary ± error"] * _is_complex(found)
            heads += ["exact", "diff."] * (found.exact is not None) + ["N → ∞"] * (found.limit is not None)
            table = plain_table(f"N ({formula} connected){rest}", "", *heads)
        for row in rows:
            table.add_row(*_cells(found, row))
        yield table
        if found.spectrum is not None:
            yield _peak_table(found)


def _peak_table(found: MeasuredTwoTime) -> Table:
    """The frequency where the real part of a spectrum is largest, and how large it is there."""
    spectrum = found.spectrum
    assert spectrum is not None
    place = int(np.argmax(np.abs(spectrum.mean.real)))
    omega, value, error = (float(x[place]) for x in (spectrum.omegas, spectrum.mean.real, spectrum.stderr.real))
    many, doubt = len(spectrum.omegas), bool(spectrum.uncertain[place])
    end = " (an end of them)" if many > 1 and place in (0, many - 1) else ""
    cells = [f"{omega:.6g}{end}", format_value(value, error, doubt)]
    exact, limit = found.spectrum_of(found.exact), found.spectrum_of(found.limit)
    heads = ["ω", "Re S ± error"] + ["exact", "diff."] * (exact is not None) + ["N → ∞"] * (limit is not None)
    if exact is not None:
        known = float(exact.mean[place].real)
        cells += [format_number(known, error), format_difference(value, known, error, doubt)]
    if limit is not None:
        cells.append(format_number(float(limit.mean[place].real), error))
    which = f" where |Re S| is largest, of {many} frequencies" * (many > 1)
    table = plain_table(f"S(ω) of {found.name}{_damped([found.damping])}{which}", "", *heads)
    table.add_row(*cells)
    return table


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
        real, spread, doubt = float(f.mean[row]), float(f.stderr[row]), bool(f.uncertain[row])
        cells.append(format_value(real, spread, doubt))
        known = exact.mean[row] if isinstance(exact, Coincidences) else np.nan
    if exact is not None:
        cells += [format_number(float(known), spread), format_difference(real, float(known), spread, doubt)]
    if found.limit is not None:
        cells.append(format_number(float(found.limit.connected[row].real), spread))
    return cells


def where_two_times_are(results: Sequence[Result]) -> list[str]:
    """Which two-time functions there are beside a table that has none, and where they are."""
    names = list(dict.fromkeys(name for r in results for name in r.two_time))
    if not names:
        return []
    listed = ", ".join(f'"{name}"' for name in names[:_FUNCTIONS]) + " ..." * (len(names) > _FUNCTIONS)
    return [f"two-time function{'s' * (len(names) > 1)} {listed}: two_time.png, and the tables of --full"]


def two_time_refusals(results: Sequence[Result]) -> list[str]:
    """Which theory is missing beside two-time functions, and why; each reason once."""
    why: dict[str, list[str]] = {}
    for r in results:
        for found in r.two_time.values():
            for kind, text in (("exact curve", found.exact_refusal), ("limit N → ∞", found.limit_refusal)):
                if text:
                    why.setdefault(f"no {kind} of {found.name}: {text}", []).append("")
    return [f"{text} ({len(n)} of {len(results)} points)" if len(results) > 1 else text for text, n in why.items()]
