"""What is printed of a thing that a user holds: one line where it stands among others, a screenful by itself."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from html import escape

from ..errors import printable
from .types import Array

_WIDTH, _ROWS, _LEAST, _LONGEST = 80, 12, 20, 96
"""Columns of a text, rows of a table in it, characters that a name has in its first column in any case, and characters
of a title."""

_UNCERTAIN = (
    "?: too few trajectories carry the spread of this figure, or a jump that is possible has hardly been seen; its "
    "error may be far too small."
)


class Summarised(ABC):
    """Gives a ``repr`` of one line and a ``summary()`` of a screen at most, which is what ``print`` shows.

    A class says what it is in ``_title`` (one line) and what there is to know in ``_lines``. Neither may depend on how
    many times or particles there are: a result of 10⁶ output times is printed as fast as one of ten.
    """

    @abstractmethod
    def _title(self) -> str:
        """What it is, in one line."""

    def _lines(self) -> Iterable[str]:
        """What there is to know, line by line; none where the title says it all."""
        return ()

    def summary(self) -> str:
        """Say in a few plain lines what this is, its figures at the end, and where to find more; ``print`` shows it."""
        lines = list(self._lines())
        if lines and lines[0]:
            lines.insert(0, "")
        return "\n".join(map(printable, [*self._heading(), *lines]))

    def _heading(self) -> list[str]:
        """The title; one that is too long for a line goes on in further ones."""
        parts = textwrap.wrap(self._title(), _LONGEST, subsequent_indent="  ", break_on_hyphens=False)
        return parts if len(parts) < 2 else [f"{parts[0]} …", *parts[1:]]

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """The same screenful in a notebook; nothing in it is markup, whatever names a user has given."""
        return f'<pre style="line-height: 1.3; overflow-x: auto">{escape(self.summary())}</pre>'

    def __repr__(self) -> str:
        return printable(f"<{self._heading()[0]}>")


def counted(number: int, one: str) -> str:
    """Write "1 jump", "2 jumps", "2 trajectories"."""
    many = f"{one[:-1]}ies" if one.endswith(("ry", "cy", "ty")) else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"


def span(times: Array) -> str:
    """How many output times there are, and from when to when."""
    if len(times) == 0:
        return "no times"
    return f"t = {times[0]:g}" if len(times) == 1 else f"{len(times):,} times from {times[0]:g} to {times[-1]:g}"


def few(names: Sequence[object], most: int = 6) -> str:
    """Names one after the other; of many the first ones and how many there are."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names):,} in all)"


def facts(*pairs: tuple[str, str]) -> list[str]:
    """Names and texts in two columns; pairs without a text are left out."""
    given = [pair for pair in pairs if pair[1]]
    width = max((len(name) for name, _ in given), default=0) + 4
    lines = []
    for name, text in given:
        wrapped = textwrap.wrap(text, _WIDTH - width, break_long_words=False, break_on_hyphens=False)
        lines += [f"  {name if not i else '':<{width - 2}}{part}" for i, part in enumerate(wrapped)]
    return lines


def table(heading: Sequence[str], names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A heading and a row of figures for each name, in columns; of very many names the first ones.

    ``rows`` is read as far as it is shown. A figure that ends in a question mark has the mark explained below.
    """
    cells = [list(heading), *([name, *row] for name, row in zip(names[:_ROWS], rows, strict=False))]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heading))]
    widths[0] = min(widths[0], max(_LEAST, _WIDTH - 2 - sum(w + 3 for w in widths[1:])))
    lines = ["", *("  " + _row(row, widths) for row in cells)]
    if len(names) > _ROWS:
        lines.append(f"  … and {len(names) - _ROWS:,} more")
    if any(cell.endswith("?") for row in cells for cell in row[1:]):
        lines += ["", *textwrap.wrap(_UNCERTAIN, _WIDTH, initial_indent="  ", subsequent_indent="  ")]
    return lines


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell on the left, figures on the right."""
    name = cells[0] if len(cells[0]) <= widths[0] else cells[0][: widths[0] - 1] + "…"
    aligned = [f"{name:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(cells[1:], widths[1:], strict=True))]
    return "   ".join(aligned).rstrip()


def more(text: str) -> list[str]:
    """Where to find more: the last line."""
    return ["", *facts(("more", text))]
