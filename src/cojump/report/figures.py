"""The figures of a run, as PNG and PDF: averages against mean field, the deviation and its 1/N scaling."""

from __future__ import annotations

import io
import logging
import os
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..tools.types import Array

_BACKEND = os.environ.pop("MPLBACKEND", None)  # of a notebook: unknown here, and not asked for
try:
    import matplotlib as mpl
finally:
    if _BACKEND is not None:
        os.environ["MPLBACKEND"] = _BACKEND

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

from ..errors import printable
from ..measure.certainty import Flags
from ..results.result import Result
from ..tools.whole_files import replace_file

_WIDTH = 7.0
"""Inches: the text width of a two-column journal."""

_BLOCKS, _COLUMNS, _ROWS, _SINGLE = 4, 4, 8, 3
"""At most so many blocks are drawn, averages in a row and rows of them in all, and single trajectories of a point."""

_NAMED, _LONGEST = 12, 48
"""Curves that a legend names, of more an even choice; and characters of each name."""

_FAR_OFF = 20.0
"""A 1/N correction that takes so many times the room of what is measured leaves the panel."""

_ZERO = 1e-13
"""An average that never gets beyond this, in all points, has no panel."""

_SIGNATURE = 4
"""Bytes by which a PNG or a PDF is known: what is replaced is a figure."""

_FEW_DECADES = 300.0
"""Ratio of the ends of a logarithmic axis up to which more than the powers of ten are labelled."""

_BAND = 2.0
"""Half the width of a band, in standard errors."""

_QUADRATURES = {"x": r"$\mathrm{Re}\,\langle a\rangle/\sqrt{N}$", "y": r"$\mathrm{Im}\,\langle a\rangle/\sqrt{N}$"}
"""How x and y of a boson mode are written."""

_DASHES = (0, (4, 2))
_DOTS = (0, (1, 1.2))
_HATCH, _CROSSES = "/////", 8
_CROSS: Any = {"linestyle": "none", "marker": "x", "markersize": 3.5, "markeredgewidth": 0.8}
"""Hatch of a band whose error is uncertain, and at most so many crosses on its curve."""

STYLE: Any = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.titlesize": 9,
    "axes.linewidth": 0.6,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "axes.unicode_minus": True,
    "svg.hashsalt": "cojump",  # the same results give the same file
    "svg.fonttype": "path",
}


def write_figures(results: Sequence[Result], directory: str | os.PathLike[str]) -> list[Path]:
    """Draw the results of a run.

    Parameters
    ----------
    results : sequence of Result
        One per point of a sweep.
    directory : path
        Gets ``averages`` and ``deviation``, each as ``.png`` (200 dpi) and ``.pdf``.

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
    for name, figure in draw(results):
        # Without dates the same results give the same files.
        for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
            image = io.BytesIO()
            figure.savefig(image, format=kind, dpi=200, metadata=metadata)
            path = Path(directory) / f"{name}.{kind}"
            replace_file(path, image.getvalue(), like=_SIGNATURE)
            paths.append(path)
    return paths


def draw(results: Sequence[Result]) -> Iterator[tuple[str, Figure]]:
    """The figures of a run by name, laid out; in the style of this package as long as they are used."""
    if not results:
        return
    ordered = sorted(results, key=lambda r: r.n_particles)
    with _own_style(), _quiet_matplotlib():
        for name, drawn in (("averages", averages_figure), ("deviation", deviation_figure)):
            figure = drawn(ordered)
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # the layout is settled; all formats share it
            yield name, figure


@contextmanager
def _own_style() -> Iterator[None]:
    """The style of these figures and matplotlib's defaults beside it, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


@contextmanager
def _quiet_matplotlib() -> Iterator[None]:
    """Keep matplotlib's remarks on its font cache, and on characters its fonts lack, off the terminal."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*[Gg]lyph")
            yield
    finally:
        logger.setLevel(before)


def _figure(height: float, rows: int, columns: int, heights: Sequence[float]) -> tuple[Figure, Any]:
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.04)
    figure = Figure(figsize=(_WIDTH, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=True, height_ratios=heights)


def _colours(n: int) -> list[Any]:
    """Colours from light to dark, ordered for every eye and in grey; the dark end goes to the largest N."""
    spots = np.linspace(0.78, 0.12, n) if n > 1 else [0.35]
    return [mpl.colormaps["viridis"](float(s)) for s in spots]


def _symbol(name: str) -> str:
    """How an average is written: m_x for Pauli averages, its own label else."""
    if not re.fullmatch(r"[xyz]|[nxy][0-9]{1,4}", name):
        return _plain(name)
    if name in ("x", "y", "z"):
        return f"$\\langle m_{name}\\rangle$"
    if name.startswith("n"):
        return f"$\\langle n_{{{name[1:]}}}\\rangle$"
    return f"$\\langle {name[0]}_{{{name[1:]}}}\\rangle$"


def _label(result: Result, results: Sequence[Result]) -> str:
    """Name a curve by N, and by its other parameters where N alone does not tell it from the rest."""
    label = f"$N = {result.n_particles}$"
    if sum(r.n_particles == result.n_particles for r in results) > 1:
        others = ", ".join(f"{key} = {value}" for key, value in result.parameters.items() if key != "size")
        label = f"{label}, {_plain(others)}" if others else label
    return label


def _plain(text: str) -> str:
    """A user's text that means itself: no formula begins in it; cut where it is long."""
    text = printable(text)
    return (text if len(text) <= _LONGEST else text[:_LONGEST] + "…").replace("$", r"\$")


def _add_legend(figure: Figure, results: Sequence[Result], others: Sequence[Line2D]) -> None:
    """A legend above all panels, in as many columns as fit; of very many curves it names an even choice."""
    chosen = np.unique(np.round(np.linspace(0, len(results) - 1, min(len(results), _NAMED))).astype(int))
    colours = _colours(len(results))
    handles = [Line2D([], [], color=colours[i], label=_label(results[i], results)) for i in chosen]
    title = f"{len(chosen)} of {len(results)} curves are named" if len(chosen) < len(results) else None
    handles += others
    for columns in range(min(len(handles), 6), 0, -1):
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=columns, title=title)
        width = legend.get_window_extent(figure.canvas.get_renderer()).width  # type: ignore[attr-defined]
        if width <= 0.98 * figure.bbox.width or columns == 1:
            rows = -(-len(handles) // columns) + (title is not None)
            figure.set_figheight(figure.get_figheight() + 0.19 * (rows - 1))  # the panels keep their size
            return
        legend.remove()


def _band(axes: Axes, times: Array, value: Array, error: Array, flags: Flags | None, colour: Any) -> None:
    """Draw a curve with its band of ±2 standard errors; there is none for a single trajectory.

    Where the sample cannot know its error (``flags``) the band is hatched, and the curve has crosses.
    """
    marker = "o" if len(times) == 1 else None
    axes.plot(times, value, color=colour, marker=marker, markersize=3, zorder=3)
    low, high = value - _BAND * error, value + _BAND * error
    if np.isfinite(error).any():
        axes.fill_between(times, low, high, color=colour, alpha=0.3, linewidth=0, zorder=2)
    if flags is None or not flags.any():
        return
    beside = flags.copy()
    beside[1:] |= flags[:-1]
    beside[:-1] |= flags[1:]
    if np.isfinite(error).any():
        style: Any = {"facecolor": "none", "edgecolor": colour, "hatch": _HATCH, "linewidth": 0}
        axes.fill_between(times, low, high, where=beside, alpha=0.6, zorder=2, **style)
    marked = np.flatnonzero(flags)
    marked = marked[np.unique(np.linspace(0, len(marked) - 1, _CROSSES).astype(int))]
    axes.plot(times[marked], value[marked], color=colour, zorder=3, **_CROSS)


def _uncertain_mark(flags: Sequence[Flags | None]) -> list[Line2D]:
    """The entry of a legend for errors that are uncertain, if any is."""
    if not any(f is not None and f.any() for f in flags):
        return []
    return [Line2D([], [], color="black", label="error uncertain", **_CROSS)]


def averages_figure(results: Sequence[Result]) -> Figure:
    """Draw every average against its mean field, and below it the difference of both; two rows per block.

    Parameters
    ----------
    results : sequence of Result
        In the order of N.
    """
    blocks = _blocks(results)
    rows, notes = _rows_of(results, blocks)
    columns = max(len(labels) for _, labels in rows)
    heights = [2.0, 1.0] * len(rows)
    figure, panels = _figure(0.75 + 2.6 * len(rows), len(heights), columns, heights)
    colours, before = _colours(len(results)), ""
    for row, (block, labels) in enumerate(rows):
        for column in range(columns):
            upper, lower = panels[2 * row : 2 * row + 2, column]
            if column < len(labels):
                _draw_pair(upper, lower, results, labels[column], colours)
                lower.tick_params(labelbottom=True)
            else:
                upper.set_axis_off()
                lower.set_axis_off()
        if len(blocks) > 1 and block != before:
            kind = "mode" if _is_mode(results, labels[0]) else "block"
            panels[2 * row, 0].set_title(f"{kind} {printable(block)[:_LONGEST]}", loc="left", parse_math=False)
        before = block
        panels[2 * row + 1, 0].set_ylabel("difference")
    figure.align_ylabels()
    for axes in panels[-1]:
        axes.set_xlabel("$t$")
    others = [Line2D([], [], color="black", linestyle=_DASHES, linewidth=1.0, label="mean field")]
    if any(r.theory is not None for r in results):
        others.append(Line2D([], [], color="black", linestyle=_DOTS, linewidth=0.9, label="order $1/N$"))
    drawn = [label for _, labels in rows for label in labels]
    flags = [r.uncertain for r in results]
    flags = [f if f is None else f[:, np.isin(r.labels, drawn)] for f, r in zip(flags, results, strict=True)]
    _add_legend(figure, results, others + _uncertain_mark(flags))
    if notes:
        lines = [line for note in notes for line in textwrap.wrap(note, 110)]
        figure.supxlabel("\n".join(lines), fontsize=8, x=0.99, ha="right", parse_math=False)
    return figure


def _rows_of(results: Sequence[Result], blocks: dict[str, list[str]]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Which averages are drawn, row by row with their block, and in words which are not."""
    rows: list[tuple[str, list[str]]] = []
    zero, left, drawn = [], [], 0
    for block, labels in blocks.items():
        moving = [label for label in labels if not _is_zero(results, label)]
        if drawn == _BLOCKS or (len(rows) >= _ROWS and moving):
            left += moving
            continue
        zero += [label for label in labels if label not in moving]
        moving = moving or labels[:1] * (len(blocks) == 1)
        own = [(block, moving[i : i + _COLUMNS]) for i in range(0, len(moving), _COLUMNS)]
        left += [label for _, row in own[_ROWS - len(rows) :] for label in row]
        rows += own[: _ROWS - len(rows)]
        drawn += bool(own)
    rows = rows or [(block, labels[:1]) for block, labels in list(blocks.items())[:1]]
    there = {label for _, row in rows for label in row}
    notes = []
    zero = [label for label in zero if label not in there]
    if zero:
        notes.append(f"always zero, without a panel: {', '.join(printable(label) for label in zero[:30])}")
        notes[-1] += f" and {len(zero) - 30} more" if len(zero) > 30 else ""
    if left:
        total = sum(map(len, blocks.values()))
        notes.append(f"not drawn: {len(left)} of {total} averages, {printable(left[0])} to {printable(left[-1])}")
    return rows, notes


def _is_mode(results: Sequence[Result], label: str) -> bool:
    """Whether an average is x or y of a boson mode: those are no averages of particles, and E_N has no part of them."""
    places = [(result, result.labels.index(label)) for result in results if label in result.labels]
    return label.endswith((".x", ".y")) and all(result.weights[a] == 0 for result, a in places)


def _is_zero(results: Sequence[Result], label: str) -> bool:
    """Whether an average and its mean field are zero at all times in all points that have it."""
    for result in results:
        if label in result.labels:
            a = result.labels.index(label)
            curves = (result.mean[:, a], result.reference[:, a], result.mean_stderr[:, a])
            if any(np.abs(np.nan_to_num(curve)).max(initial=0) > _ZERO for curve in curves):
                return False
            if np.abs(result.trajectories[:_SINGLE, :, a]).max(initial=0) > _ZERO:
                return False
    return True


def _blocks(results: Sequence[Result]) -> dict[str, list[str]]:
    """Labels of each block, over all points (random patterns of another size may have other blocks)."""
    blocks: dict[str, list[str]] = {}
    for label in dict.fromkeys(label for result in results for label in result.labels):
        blocks.setdefault(label.rpartition(".")[0], []).append(label)
    return blocks


def _draw_pair(upper: Axes, lower: Axes, results: Sequence[Result], label: str, colours: Sequence[Any]) -> None:
    """Draw one average: above with single trajectories and mean field, below its difference from that."""
    curves = [(r, r.labels.index(label), c) for r, c in zip(results, colours, strict=True) if label in r.labels]
    for result, a, colour in curves:
        for single in result.trajectories[:_SINGLE]:
            upper.plot(result.times, single[:, a], color=colour, linewidth=0.5, alpha=0.35, zorder=1)
        value, error, reference = result.mean[:, a], result.mean_stderr[:, a], result.reference[:, a]
        flags = None if result.uncertain is None else result.uncertain[:, a]
        _band(upper, result.times, value, error, flags, colour)
        _band(lower, result.times, value - reference, error, flags, colour)
    measured = np.array(lower.get_ylim())
    for result, a, _ in curves:
        if result.theory is not None:
            expected = result.theory.correction[:, a] / result.n_particles
            lower.plot(result.times, expected, color="black", linestyle=_DOTS, linewidth=0.9, zorder=5)
    if np.ptp(lower.get_ylim()) > _FAR_OFF * np.ptp(measured):  # beside an instability the series in 1/N grows for ever
        lower.set_ylim(measured + 0.5 * np.ptp(measured) * np.array([-1, 1]))
    references = [(r.times, r.reference[:, a], c) for r, a, c in curves]
    if _all_same(references):
        references = [(*references[-1][:2], "black")]
    for times, values, colour in references:
        upper.plot(times, values, color=colour, linestyle=_DASHES, linewidth=1.0, zorder=4)
    lower.axhline(0, color="black", linestyle=_DASHES, linewidth=1.0, zorder=4)
    lower.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    name = label.rpartition(".")[2]
    upper.set_ylabel(_QUADRATURES[name] if _is_mode(results, label) else _symbol(name))
    upper.yaxis.set_major_locator(MaxNLocator(5))
    lower.yaxis.set_major_locator(MaxNLocator(3))
    upper.margins(x=0)
    lower.margins(x=0)


def _all_same(curves: Sequence[tuple[Array, Array, Any]]) -> bool:
    """Whether the mean field is the same for all points: with blocks of changing shares it is not."""
    times, values, _ = curves[-1]
    return all(len(t) == len(times) and np.allclose(t, times, atol=0) and np.allclose(v, values) for t, v, _ in curves)


def _label_decades(axes: Axes) -> None:
    """Label 1, 2 and 5 of every decade where there are few decades, so that no axis has a single number."""
    low, high = axes.get_ylim()
    if high / low < _FEW_DECADES:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def deviation_figure(results: Sequence[Result]) -> Figure:
    """Draw E_N(t), and N·E_N(t) beside it, where the curves of all N fall onto one as N grows.

    Parameters
    ----------
    results : sequence of Result
        In the order of N.
    """
    figure, panels = _figure(2.7, 1, 2, [1.0])
    left, right = panels[0]
    for result, colour in zip(results, _colours(len(results)), strict=True):
        N, value, error = result.n_particles, result.deviation, result.deviation_stderr
        # On a logarithmic axis there is no place for zero: a state without spread has no curve at that time.
        flags = result.deviation_uncertain
        _band(left, result.times, np.where(value > 0, value, np.nan), error, flags, colour)
        _band(right, result.times, N * value, N * error, flags, colour)
    limits = [
        (r.times, r.theory.deviation, c)
        for r, c in zip(results, _colours(len(results)), strict=True)
        if r.theory is not None
    ]
    if limits and _all_same(limits):
        limits = [(*limits[-1][:2], "black")]
    for times, limit, colour in limits:
        right.plot(times, limit, color=colour, linestyle=_DASHES, linewidth=1.0, zorder=4)
    if any((r.deviation > 0).any() for r in results):
        left.set_yscale("log", nonpositive="clip")
        _label_decades(left)
    left.set_ylabel("$E_N(t)$")
    right.set_ylabel("$N\\,E_N(t)$")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("$t$")
        axes.margins(x=0)
    style: dict[str, Any] = {"color": "black", "linestyle": _DASHES, "linewidth": 1.0}
    others = [Line2D([], [], label="$N\\to\\infty$", **style)] if limits else []
    _add_legend(figure, results, others + _uncertain_mark([r.deviation_uncertain for r in results]))
    return figure
