"""Where tables are printed, and how wide."""

from __future__ import annotations

from typing import IO, Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ..errors import printable

_WIDTH = 80
"""Width of the tables where there is no terminal to ask."""

UNBOUNDED = 10_000
"""Width of what is for a file or another program: lines as long as they are."""


def make_console(stream: TextIO, width: int = _WIDTH) -> Console:
    """Make a console for tables: as wide as the terminal, ``width`` columns where there is none."""
    return _console(stream, None if stream.isatty() else width)


class _Plain(Console):
    """A console for texts that anybody may have written: a control character in them is shown, not obeyed."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*map(_harmless, objects), **options)


def _harmless(item: Any) -> Any:
    """A text, or a cell of a table, without control characters; anything else as it is."""
    if isinstance(item, str) and not item.isprintable():
        return "\n".join(map(printable, item.split("\n")))
    if isinstance(item, Text) and not item.plain.isprintable():
        return Text(_harmless(item.plain), style=item.style)
    return item


def _console(stream: IO[str], width: int | None) -> Console:
    """A console that prints names as they are: square brackets and colons in them are no markup."""
    return _Plain(file=stream, highlight=False, markup=False, emoji=False, width=width)


def print_table(console: Console, table: Table) -> None:
    """Print a table in which no number is ever cut or broken: wider than the terminal where it must be.

    Only columns with ``overflow="fold"``, of words, become narrower than what is in them.
    """
    for column in table.columns:
        column.header = _harmless(column.header)
        column._cells[:] = map(_harmless, column.cells)
    unbounded = console.options.update(width=UNBOUNDED)
    excess = Measurement.get(console, unbounded, table).maximum - console.width
    for column in reversed(table.columns):  # names of points stand first and are folded last
        cells = [Measurement.get(console, unbounded, cell) for cell in (column.header, *column.cells)]
        column.width = max(cell.maximum for cell in cells)
        if column.overflow == "fold" and excess > 0:
            spare = column.width - max(cell.minimum for cell in cells)
            column.width -= min(spare, excess)
            excess -= min(spare, excess)
    if table.title is not None:  # on lines of its own: rich would fold it to the width of the table
        console.print(table.title)
        table.title = None
    below, table.caption = table.caption, None
    wide = _console(console.file, console.width + excess) if excess > 0 else console
    wide.print(table)
    if below is not None:
        console.print(below)


def plain_table(title: str, first: str = "", *numbers: str) -> Table:
    """A table of one column of names, if ``first`` is given, and columns of numbers."""
    table = Table(title=Text(title, style="bold"), title_justify="left")
    table.box, table.show_edge, table.pad_edge = SIMPLE_HEAD, False, False
    if first:
        table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def add_note(table: Table, text: str) -> None:
    """Put a line below a table, beside those that are there."""
    before = f"{table.caption}\n" if table.caption else ""
    table.caption = Text(before + text, style="dim")
