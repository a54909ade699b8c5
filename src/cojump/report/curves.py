"""Results drawn on axes: what ``cj.plot`` and the figures of a report have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..measure.distributions import names_of
from ..results.jump_records import JumpRecords
from ..results.result import Result
from ..tools.types import Array
from .canvas import (
    DASHES,
    DOTS,
    Axes,
    Scale,
    band,
    bars,
    darker,
    label_decades,
    parameters,
    plain,
    symbol,
)
from .plan import Plan, value_of
from .values import Last, curve_of, last_deviation, last_values

MOST_NAMED = 6
"""Curves that a legend names; more numbers than that have a colour bar."""

_APART = 0.04
"""Width of the group of points at one value, in parts of the axis."""

_JUMPS_DRAWN = 4000
"""Marks of jumps in one panel; of more nothing can be seen."""

QUADRATURES = {"x": r"$\mathrm{Re}\,\langle a\rangle/\sqrt{N}$", "y": r"$\mathrm{Im}\,\langle a\rangle/\sqrt{N}$"}
"""How x and y of a boson mode are written."""


def curve_name(plan: Plan, place: int, axis: str = "") -> str:
    """The entry of a legend for one curve; the only one, which is no sweep, is called by its N."""
    key = plan.curves(axis)
    if not key:
        return "" if axis else f"$N = {plan.results[0].n_particles}$"
    return parameters(plan.meaning(key, place))


def is_mode(results: Sequence[Any], label: str) -> bool:
    """Whether an average is x or y of a boson mode: those are no averages of particles, and E_N has no part of them."""
    places = [(r, r.labels.index(label)) for r in results if label in r.labels and hasattr(r, "weights")]
    return label.endswith((".x", ".y")) and bool(places) and all(r.weights[a] == 0 for r, a in places)


def name_of(results: Sequence[Any], label: str) -> str:
    """How an average is written at an axis."""
    name = label.rpartition(".")[2]
    return QUADRATURES[name] if is_mode(results, label) else symbol(name)


def draw_average(axes: Axes, source: Any, label: str, colour: Any, *, name: str = "") -> None:
    """One average against time with its band, its mean field and the 1/N theory, in one colour."""
    own: dict[str, Any] = {"label": name} if name else {}
    curve = curve_of(source, label) if isinstance(source, Result) else None
    if curve is not None:
        band(axes, curve.times, curve.mean, curve.error, curve.flags, colour, **own)
        dashed: Any = {"color": darker(colour), "zorder": 4}
        axes.plot(curve.times, curve.reference, linestyle=DASHES, linewidth=1.0, **dashed)
        if curve.correction is not None:
            axes.plot(curve.times, curve.reference + curve.correction, linestyle=DOTS, linewidth=0.9, **dashed)
        return
    a = source.labels.index(label)
    if source.is_sampled:
        band(axes, source.times, source.mean[:, a], source.mean_stderr[:, a], None, colour, **own)
    else:
        axes.plot(source.times, source.mean[:, a], color=colour, **own)


def draw_against(axes: Axes, plan: Plan, results: Sequence[Result], label: str, scale: Scale) -> None:
    """Points of one average against the axis of the plan, with bars; lines are mean field and the 1/N theory.

    Points of several curves at the same value are set apart a little.
    """
    _draw_points(axes, plan, results, scale, lambda r: last_values(r, label))


def draw_deviation_against(
    axes: Axes, plan: Plan, results: Sequence[Result], scale: Scale, *, scaled: bool = True
) -> None:
    """Points of N·E_N against the axis of the plan, with its limit as a line; or of E_N alone."""
    _draw_points(axes, plan, results, scale, lambda r: last_deviation(r, scaled=scaled))


def _draw_points(
    axes: Axes, plan: Plan, results: Sequence[Result], scale: Scale, values: Callable[[Result], Last | None]
) -> None:
    """Each curve of the plan: points with bars, dashed the reference, dotted what is corrected by it."""
    key, lines, ends = plan.curves(plan.axis), [], plan.values(plan.axis)
    many = len(plan.values(key))
    for place in range(many):
        own = [r for r in results if plan.place(r, key) == place]
        found = sorted(
            ((float(value_of(r, plan.axis)), last) for r in own if (last := values(r)) is not None),
            key=lambda row: row[0],
        )
        if not found:
            continue
        x = np.array([at for at, _ in found])
        value, error, reference, corrected = np.array(
            [(last.value, last.error, last.reference, last.corrected) for _, last in found]
        ).T
        apart = _APART * (place - (many - 1) / 2) / max(many - 1, 3) * (ends[-1] - ends[0])
        bars(axes, x + apart, value, error, np.array([last.doubt for _, last in found]), scale[place])
        lines.append((x, reference, corrected, darker(scale[place])))
    same = len(lines) > 1 and all_same([(x, np.nan_to_num(reference), None) for x, reference, *_ in lines])
    for number, (x, reference, corrected, colour) in enumerate(lines):
        if not (same and number):  # the mean field of all sizes is one line, and belongs to none
            axes.plot(x, reference, color="black" if same else colour, linestyle=DASHES, linewidth=1.0, zorder=2)
        if np.isfinite(corrected).any():
            axes.plot(x, corrected, color=colour, linestyle=DOTS, linewidth=0.9, zorder=2)


def draw_deviation(axes: Axes, result: Result, colour: Any, *, scaled: bool, name: str = "") -> None:
    """E_N or N·E_N against time."""
    N, value, error = result.n_particles, result.deviation, result.deviation_stderr
    own: dict[str, Any] = {"label": name} if name else {}
    # On a logarithmic axis there is no place for zero: a state without spread has no curve at that time.
    shown = N * value if scaled else np.where(value > 0, value, np.nan)
    band(axes, result.times, shown, N * error if scaled else error, result.deviation_uncertain, colour, **own)


def draw_limits(axes: Axes, plan: Plan, results: Sequence[Result], scale: Scale) -> None:
    """Dashed, the limit of N·E_N, where there is one."""
    curves = [
        (r.times, r.theory.deviation, darker(scale[plan.place(r, plan.curves())]))
        for r in results
        if r.theory is not None
    ]
    draw_lines(axes, curves)
    axes.margins(x=0)


def draw_lines(axes: Axes, curves: Sequence[tuple[Array, Array, Any]]) -> None:
    """Dashed lines: one in black if all are the same, which belongs to no curve; each in its colour else."""
    if curves and all_same(curves):
        curves = [(*curves[-1][:2], "black")]
    for times, values, colour in curves:
        axes.plot(times, values, color=colour, linestyle=DASHES, linewidth=1.0, zorder=4)


def all_same(curves: Sequence[tuple[Array, Array, Any]]) -> bool:
    """Whether the mean field is the same for all points: with blocks of changing shares it is not."""
    times, values, _ = curves[-1]
    return all(len(t) == len(times) and np.allclose(t, times, atol=0) and np.allclose(v, values) for t, v, _ in curves)


def finish_logarithmic(axes: Axes, results: Sequence[Result]) -> None:
    """A logarithmic axis for E_N, if there is anything to draw."""
    if any((r.deviation > 0).any() for r in results):
        axes.set_yscale("log", nonpositive="clip")
        label_decades(axes)
    axes.margins(x=0)


def draw_jumps(axes: Axes, times: Array, series: Array, records: JumpRecords | None, names: Sequence[str]) -> None:
    """Single trajectories; on each a mark at every jump, its colour that of the channel."""
    for row, shade in zip(series, np.linspace(0.25, 0.65, len(series)), strict=True):
        axes.plot(times, row, color=str(shade), linewidth=0.8, zorder=2)
    axes.margins(x=0)
    if records is None:
        return
    colours = [_CHANNELS[c % len(_CHANNELS)] for c in range(len(names))]
    for i, row in enumerate(series):
        own = records[i]
        own = own[np.unique(np.linspace(0, max(len(own) - 1, 0), min(len(own), _JUMPS_DRAWN)).astype(int))]
        for channel in np.unique(own["channel"]):
            at = own["time"][own["channel"] == channel]
            name = names[channel] if channel < len(names) else str(channel)
            axes.plot(
                at,
                np.interp(at, times, row),
                linestyle="none",
                marker="|",
                markersize=7,
                markeredgewidth=0.9,
                color=colours[channel] if channel < len(colours) else "black",
                label=f"jump {plain(name)}"
                if f"jump {plain(name)}" not in axes.get_legend_handles_labels()[1]
                else None,
                zorder=3,
            )


def draw_ellipses(axes: Axes, result: Result, pair: Sequence[str], colour: Any, *, name: str = "") -> None:
    """The covariance of two averages as an ellipse of one standard deviation about their mean, beside the 1/N theory.

    Both are times the root of N and about mean field, so that those of all N fall onto one as N grows.
    """
    places = [result.labels.index(label) for label in pair]
    root = np.sqrt(result.n_particles)
    shapes: list[tuple[Array, Array, Any]] = [
        (root * (result.mean - result.reference)[-1, places], result.covariance[-1][np.ix_(places, places)], "-")
    ]
    if result.theory is not None:
        centre = result.theory.correction[-1, places] / root
        shapes.append((centre, result.theory.covariance[-1][np.ix_(places, places)], DASHES))
    angle = np.linspace(0, 2 * np.pi, 121)
    for centre, covariance, line in shapes:
        values, vectors = np.linalg.eigh(covariance)
        x, y = centre[:, None] + vectors * np.sqrt(np.maximum(values, 0.0)) @ np.array([np.cos(angle), np.sin(angle)])
        shade = colour if line == "-" else darker(colour)
        axes.plot(x, y, color=shade, linestyle=line, linewidth=1.0, label=name if line == "-" and name else None)
        if line == "-":
            axes.plot(centre[:1], centre[1:], "o", color=colour, markersize=2.5)


_CHANNELS = ("#c0392b", "#1f6fb4", "#2a9d5c", "#8e44ad", "#d08a00", "#555555")
"""Colours of the channels, told apart by every eye."""


def distributed_blocks(result: Result) -> list[str]:
    """Names of the distributions that a run has measured: blocks, of J_z; levels, and what was asked for by a name."""
    extra = result.extras.get("distribution")
    return [] if extra is None else list(names_of(extra))
