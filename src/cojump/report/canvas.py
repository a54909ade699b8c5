"""What figures are drawn on and with: matplotlib itself, the style, colours of curves, bands and error bars."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch
from matplotlib.ticker import FixedLocator, LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

from ..errors import ArgumentError, printable
from ..measure.certainty import Flags
from ..tools import checks

__all__ = [
    "BAND",
    "DASHES",
    "DOTS",
    "LONGEST",
    "STYLE",
    "WIDTH",
    "Axes",
    "Ellipse",
    "Figure",
    "FixedLocator",
    "Line2D",
    "ListedColormap",
    "MaxNLocator",
    "Patch",
    "Scale",
    "axes_of",
    "band",
    "bars",
    "colours_of",
    "darker",
    "label_decades",
    "panels",
    "parameter",
    "parameters",
    "plain",
    "quiet",
    "style",
    "symbol",
    "uncertain_mark",
]

WIDTH = 7.0
"""Inches: the text width of a two-column journal."""

LONGEST = 48
"""Characters of a name that somebody has given."""

BAND = 2.0
"""Half the width of a band or the length of a bar, in standard errors."""

DASHES = (0, (4, 2))
DOTS = (0, (1, 1.2))

_FEW_DECADES = 300.0
"""Ratio of the ends of a logarithmic axis up to which more than the powers of ten are labelled."""

_LOGARITHMIC = 30.0
"""Ratio of the ends of a colour bar from which it is logarithmic."""

_LIGHT, _DARK, _SINGLE = 0.78, 0.12, 0.35
"""Places in the map of colours: the first and the last curve, and the only one."""

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


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of cojump's figures: a context, in which figures are made and saved.

    Serif letters as in a paper, ticks inside, 9 points in a figure 7 inches wide, matplotlib's defaults for all else,
    whatever the user's matplotlibrc says.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> model = cj.systems.constrained(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 9), n_traj=20)
    >>> with cj.figures.style():
    ...     figure, axes = plt.subplots(figsize=(3.4, 2.4), layout="constrained")
    ...     _ = cj.plot.averages(result, "spins.z", ax=axes)
    ...     figure.savefig("z.pdf")
    >>> plt.close(figure)
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


@contextmanager
def quiet() -> Iterator[None]:
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


def axes_of(ax: Any) -> Axes:
    """The axes that a user gives, or those of a new figure of pyplot, which a notebook shows by itself.

    Raises
    ------
    ArgumentError
        If something else is given.
    """
    if ax is None:
        from matplotlib import pyplot as plt

        made: Axes = plt.subplots(layout="constrained")[1]
        return made
    if not isinstance(ax, Axes):
        raise ArgumentError(
            "ax", "be axes of matplotlib, or None for those of a new figure", f"it is {checks.shown(ax)}"
        )
    return ax


def panels(
    height: float, rows: int, columns: int, heights: Sequence[float], *, sharex: bool = True
) -> tuple[Figure, Any]:
    """A figure as wide as a page, of no window, and its panels as an array."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.03, hspace=0.04)
    figure = Figure(figsize=(WIDTH, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=sharex, height_ratios=heights)


class Scale:
    """Colours of curves, from light to dark along the parameter that tells them apart.

    Few curves have colours at equal distances, which a legend names. More than ``most`` values that are numbers lie
    along a colour bar.
    """

    def __init__(self, values: Sequence[Any], most: int) -> None:
        self.values = list(values)
        self.norm: Normalize | None = None
        if len(self.values) > most and all(map(_is_number, self.values)):
            low, high = float(min(self.values)), float(max(self.values))
            self.norm = LogNorm(low, high) if low > 0 and high / low > _LOGARITHMIC else Normalize(low, high)
        self._even = colours_of(len(self.values))

    def __getitem__(self, place: int) -> Any:
        """The colour of one value, by its place."""
        if self.norm is None:
            return self._even[place]
        return _map(_LIGHT + (_DARK - _LIGHT) * float(self.norm(self.values[place])))

    @property
    def has_bar(self) -> bool:
        """Whether a colour bar says what the colours mean."""
        return self.norm is not None

    def add_bar(self, figure: Figure, axes: Any, label: str) -> None:
        """The colour bar beside these panels."""
        shades = ListedColormap([_map(s) for s in np.linspace(_LIGHT, _DARK, 256)])
        bar = figure.colorbar(ScalarMappable(self.norm, shades), ax=axes, pad=0.015, aspect=35, fraction=0.03)
        bar.set_label(label)
        bar.outline.set_linewidth(0.4)


def _map(place: float) -> Any:
    return mpl.colormaps["viridis"](place)


def colours_of(n: int) -> list[Any]:
    """Colours from light to dark, ordered for every eye and in grey; the dark end goes to the last."""
    return [_map(float(s)) for s in (np.linspace(_LIGHT, _DARK, n) if n > 1 else [_SINGLE])]


def darker(colour: Any) -> Any:
    """The same hue for a line that lies on a band of that colour."""
    return tuple(0.62 * np.array(to_rgb(colour)))


def symbol(name: str) -> str:
    """How an average is written: m_x for Pauli averages, its own label else."""
    if not re.fullmatch(r"[xyz]|[nxy][0-9]{1,4}", name):
        return plain(name)
    if name in ("x", "y", "z"):
        return f"$\\langle m_{name}\\rangle$"
    if name.startswith("n"):
        return f"$\\langle n_{{{name[1:]}}}\\rangle$"
    return f"$\\langle {name[0]}_{{{name[1:]}}}\\rangle$"


_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi"),
    *(
        "rho",
        "sigma",
        "tau",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Sigma",
        "Phi",
        "Omega",
    ),
)


def parameter(key: str) -> str:
    """A parameter at an axis: N for the number of particles, a letter for its name, else as the user has called it."""
    if key == "N":
        return "$N$"
    return f"$\\{key}$" if key in _GREEK else plain(key)


def parameters(pairs: Sequence[tuple[str, Any]]) -> str:
    """Parameters with their values, as a legend has them."""
    names = [(parameter(key).removesuffix("$"), value) for key, value in pairs]
    numbers = [f"{value:.6g}" if isinstance(value, float) else str(value) for _, value in names]
    return ", ".join(
        f"{name} = {number}$" if name.startswith("$") and _is_number(value) else f"{parameter(key)} = {plain(number)}"
        for (name, value), (key, _), number in zip(names, pairs, numbers, strict=True)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain(text: str) -> str:
    """A user's text that means itself: no formula begins in it; cut where it is long."""
    text = printable(text)
    return (text if len(text) <= LONGEST else text[:LONGEST] + "…").replace("$", r"\$")


def band(axes: Axes, times: Array, value: Array, error: Array, flags: Flags | None, colour: Any, **line: Any) -> None:
    """Draw a curve with its band of ±2 standard errors; there is none for a single trajectory.

    Where the sample cannot know its error (``flags``) the band is hatched, and the curve has crosses.
    """
    marker = "o" if len(times) == 1 else None
    axes.plot(times, value, color=colour, zorder=3, **{"marker": marker, "markersize": 3, **line})
    low, high = value - BAND * error, value + BAND * error
    if np.isfinite(error).any():
        axes.fill_between(times, low, high, color=colour, alpha=0.3, linewidth=0, zorder=2)
    if flags is None or not flags.any():
        return
    beside = flags.copy()
    beside[1:] |= flags[:-1]
    beside[:-1] |= flags[1:]
    if np.isfinite(error).any():
        hatched: Mapping[str, Any] = {"facecolor": "none", "edgecolor": colour, "hatch": _HATCH, "linewidth": 0}
        axes.fill_between(times, low, high, where=beside, alpha=0.6, zorder=2, **hatched)
    marked = np.flatnonzero(flags)
    marked = marked[np.unique(np.linspace(0, len(marked) - 1, _CROSSES).astype(int))]
    axes.plot(times[marked], value[marked], color=colour, zorder=3, **_CROSS)


def bars(axes: Axes, x: Array, value: Array, error: Array, flags: Flags | None, colour: Any) -> None:
    """Draw points with bars of ±2 standard errors; where the sample cannot know its error they are crosses."""
    lengths = np.where(np.isfinite(error), BAND * error, 0.0)
    axes.errorbar(
        x, value, lengths, color=colour, linestyle="none", marker="o", markersize=3.2, elinewidth=0.9, zorder=3
    )
    if flags is not None and flags.any():
        marks = {**_CROSS, "markersize": 6.0}
        axes.plot(x[flags], value[flags], color=colour, zorder=4, **marks)


def uncertain_mark(flags: Sequence[Flags | None]) -> list[Line2D]:
    """The entry of a legend for errors that are uncertain, if any is."""
    if not any(f is not None and f.any() for f in flags):
        return []
    return [Line2D([], [], color="black", label="error uncertain", **_CROSS)]


def label_decades(axes: Axes) -> None:
    """Label 1, 2 and 5 of every decade where there are few decades, so that no axis has a single number."""
    low, high = axes.get_ylim()
    if 0 < low < high < _FEW_DECADES * low:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    axes.yaxis.set_minor_formatter(NullFormatter())
