"""One page of HTML for a run: its tables and figures in a single file that needs nothing beside it."""

from __future__ import annotations

import html
import io
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.table import Table

from ..results.result import Result
from ..tools.numbers import format_number, format_value
from ..tools.whole_files import replace_file
from .figures import draw
from .tables import captions_of, tables_of, title_of

NAME = "report.html"
"""The file that ``cojump report`` writes beside its figures."""

_SIGNATURE = 15
"""Bytes by which such a page is known: what is replaced is a page."""

_OPEN = 3
"""Points of a sweep whose tables are unfolded when the page opens."""

_STYLE = """
:root { color-scheme: light; --line: #d8d8de; --soft: #f5f5f8; --ink: #1c1c22; --faint: #666; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
p.facts, .note { color: var(--faint); font-size: .9rem; }
figure { margin: 1rem 0; overflow-x: auto; } figure svg { width: 100%; height: auto; min-width: 30rem; display: block; }
figcaption { color: var(--faint); font-size: .9rem; margin-top: .4rem; }
.scroll { overflow-x: auto; margin: .6rem 0 1.4rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: left; }
th.n, td.n { text-align: right; } thead th { background: var(--soft); position: sticky; top: 0; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid #3f51b5; }
th button::after { content: " \\2195"; color: #aaa; } tbody tr:hover { background: var(--soft); }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem 1rem; margin: .6rem 0; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; background: var(--soft); padding: .8rem; font-size: .85rem; }
@media print { body { max-width: none; padding: 0; } details { border: 0; padding: 0; }
  th button::after { content: ""; }
  figure svg { min-width: 0; } table, figure { break-inside: avoid; } }
"""

_SCRIPT = """
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => {
  const cell = button.closest("th"), body = cell.closest("table").tBodies[0];
  const column = [...cell.parentNode.children].indexOf(cell), down = cell.dataset.down !== "1";
  for (const other of cell.parentNode.children) delete other.dataset.down;
  cell.dataset.down = down ? "1" : "0";
  const key = row => { const text = row.cells[column].textContent, number = parseFloat(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text : number; };
  const rows = [...body.rows].map(row => [key(row), row]);
  rows.sort(([a], [b]) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1));
  for (const [, row] of down ? rows : rows.reverse()) body.append(row);
});
addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details")) d.open = true; });
"""


def write_page(
    results: Sequence[Result],
    directory: str | os.PathLike[str],
    *,
    origin: Any = None,
    missing: Sequence[str] = (),
    all_times: bool = False,
) -> Path:
    """Write the page of a run into ``directory``.

    Parameters
    ----------
    results : sequence of Result
        One per point of a sweep.
    directory : path
        Gets ``report.html``.
    origin : Origin, optional
        The run file, versions and date, as ``cojump.load`` has them.
    missing : sequence of str
        What of the run is not there, in words.
    all_times : bool
        Every output time in the tables instead of about six.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    path = Path(directory) / NAME
    text = page(results, origin=origin, missing=missing, all_times=all_times)
    replace_file(path, text.encode(), like=_SIGNATURE)
    return path


def page(results: Sequence[Result], *, origin: Any = None, missing: Sequence[str] = (), all_times: bool = False) -> str:
    """The page as text; see :func:`write_page`."""
    title = f"cojump: {len(results)} points" if len(results) != 1 else f"cojump: {title_of(results[0])}"
    tables = [tables_of(result, all_times) for result in results]
    parts = ["<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">']
    parts += ['<meta name="viewport" content="width=device-width, initial-scale=1">', f"<title>{_text(title)}</title>"]
    parts += [f"<style>{_STYLE}</style>", "</head>", "<body>", f"<h1>{_text(title)}</h1>", _facts(results, origin)]
    parts += [f'<p class="note">{_text(line)}</p>' for line in missing]
    parts += _pictures(results)
    if len(results) > 1:
        parts += ["<h2>All points at the last output time</h2>", _table(*_overview(results)), _IN_BRACKETS]
    parts.append("<h2>Point by point</h2>")
    for number, (result, own) in enumerate(zip(results, tables, strict=True)):
        opened = " open" if number < _OPEN else ""
        parts.append(f"<details{opened}><summary>{_text(title_of(result))}, seed {result.seed}</summary>")
        if result.theory_refusal:
            parts.append(f'<p class="note">no 1/N theory beside it: {_text(result.theory_refusal)}</p>')
        parts += [_of_rich(table) for table in own]
        parts.append("</details>")
    parts += [
        f'<p class="note">{_text(c)}</p>' for c in captions_of(results, [table for own in tables for table in own])
    ]
    if origin is not None and origin.run_file:
        parts += ["<h2>Run file</h2>", f"<pre>{_text(origin.run_file)}</pre>"]
    parts += [f"<script>{_SCRIPT}</script>", "</body>", "</html>", ""]
    return "\n".join(parts)


def _text(words: str) -> str:
    return html.escape(words, quote=True)


def _facts(results: Sequence[Result], origin: Any) -> str:
    """Who made it, when, of how many trajectories."""
    facts = []
    if origin is not None and origin.created:
        facts.append(f"written {origin.created} by cojump {origin.version}")
    trajectories, jumps = sum(r.n_traj for r in results), sum(r.n_jumps for r in results)
    facts += [f"{trajectories:,} trajectories", f"{jumps:,} jumps"]
    tolerances = sorted({r.tolerance for r in results})
    facts.append("tolerance " + ", ".join(f"{t:g}" for t in tolerances))
    return f'<p class="facts">{_text(" · ".join(facts))}</p>'


_IN_BRACKETS = '<p class="note">value ± one standard error (mean field). A click on a heading sorts.</p>'

_CAPTIONS = {
    "averages": "Averages against time, and below them their difference from mean field. Bands are two standard "
    "errors; thin lines are single trajectories.",
    "deviation": "The distance from mean field E_N(t), and N·E_N(t): all N fall together where mean field holds.",
}


def _pictures(results: Sequence[Result]) -> list[str]:
    """The figures of the run, as drawings within the page."""
    parts = []
    for name, figure in draw(results):
        image = io.StringIO()
        figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
        drawing = image.getvalue()
        drawing = drawing[drawing.index("<svg") :].replace('id="', f'id="{name}-')  # two drawings have the same names
        drawing = drawing.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
        parts.append(f"<figure>{drawing}<figcaption>{_text(_CAPTIONS[name])}</figcaption></figure>")
    return parts


def _overview(results: Sequence[Result]) -> tuple[str, list[tuple[str, bool]], list[list[str]]]:
    """Parameters, averages and N·E_N of every point, for a table that can be sorted."""
    keys = list(dict.fromkeys(key for r in results for key in r.parameters))
    labels = list(dict.fromkeys(label for r in results for label in r.labels))[:6]
    columns = [("N", True)] * ("size" not in keys) + [(key, True) for key in keys] + [("trajectories", True)]
    columns += [(label, True) for label in labels] + [("N·E_N", True)]
    rows = []
    for r in results:
        row = [str(r.n_particles)] * ("size" not in keys) + [str(r.parameters.get(key, "")) for key in keys]
        row.append(str(r.n_traj))
        for label in labels:
            row.append(_figure(r, r.labels.index(label)) if label in r.labels else "")
        value, error = r.n_particles * r.deviation[-1], r.n_particles * r.deviation_stderr[-1]
        rows.append([*row, format_value(value, error)])
    return "", columns, rows


def _figure(result: Result, a: int) -> str:
    """Value ± error of an average at the end, and its mean field."""
    value, error, reference = result.mean[-1, a], result.mean_stderr[-1, a], result.reference[-1, a]
    doubt = result.uncertain is not None and bool(result.uncertain[-1, a])
    return f"{format_value(value, error, doubt)} ({format_number(reference, error)})"


def _of_rich(table: Table) -> str:
    """A table of the terminal as one of the page; a time that stands for several lines is written in each."""
    columns = [(str(column.header), column.justify == "right") for column in table.columns]
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    for above, row in pairwise(rows):
        if columns[0][0] == "t" and not row[0]:
            row[0] = above[0]
    return _table(str(table.title or ""), columns, rows)


def _table(title: str, columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> str:
    """A table whose headings sort it; ``columns`` are names, and whether numbers stand in them."""
    kinds = [' class="n"' if number else "" for _, number in columns]
    heads = [f"<th{k}><button>{_text(name)}</button></th>" for k, (name, _) in zip(kinds, columns, strict=True)]
    body = [
        "<tr>" + "".join(f"<td{k}>{_text(cell)}</td>" for k, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    ]
    caption = f"<caption>{_text(title)}</caption>" if title else ""
    head = f"<thead><tr>{''.join(heads)}</tr></thead>"
    return f'<div class="scroll"><table>{caption}{head}<tbody>{"".join(body)}</tbody></table></div>'
