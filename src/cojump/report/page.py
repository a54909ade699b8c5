"""One page of HTML for a run: its tables and figures in a single file that needs nothing beside it."""

from __future__ import annotations

import html
import io
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.table import Table

from ..results.result import Result
from ..tools.progress import duration, per_second
from ..tools.summaries import counted
from ..tools.whole_files import replace_file
from .canvas import Figure, quiet, style
from .figures import ORDER, draw
from .plan import SIZE, Plan, in_words, value_of
from .sections import sections
from .show import rows_of_ranks
from .summary import doubts_of, largest_error, point_columns, point_of, poorest, refusals, with_reference
from .tables import ONE_TRAJECTORY, captions_of, tables_of, title_of
from .two_time import two_time_caption
from .values import last_deviation, last_values, time_in_words

NAME = "report.html"
"""The file that ``cojump report`` writes beside its figures."""

_SIGNATURE = 15
"""Bytes by which such a page is known: what is replaced is a page."""

_OPEN = 3
"""Points of a sweep up to which all their tables are unfolded when the page opens, and on paper."""

_OVERVIEW = 8
"""Averages in the table of all points."""

_STYLE = """
:root { color-scheme: light; --line: #d8d8de; --soft: #f5f5f8; --ink: #1c1c22; --faint: #666; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
p.facts, .note { color: var(--faint); font-size: .9rem; margin: .3rem 0; }
nav { font-size: .9rem; margin: .8rem 0; } nav a { margin-right: 1rem; color: #3949ab; white-space: nowrap; }
figure { margin: 1rem 0; overflow-x: auto; } figure svg { width: 100%; height: auto; min-width: 42rem; display: block; }
figcaption { color: var(--faint); font-size: .9rem; margin-top: .4rem; max-width: 60rem; position: sticky; left: 0; }
.scroll { overflow-x: auto; margin: .6rem 0 1.4rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: left; }
th.n, td.n { text-align: right; } thead th { background: var(--soft); position: sticky; top: 0; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; }
thead th:first-child { background: var(--soft); z-index: 1; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid #3f51b5; }
th button::after { content: " \\2195"; color: #aaa; } tbody tr:hover td { background: var(--soft); }
details { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem 1rem; margin: .6rem 0; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; background: var(--soft); padding: .8rem; font-size: .85rem; overflow-wrap: normal; }
@media (max-width: 42rem) { body { padding: 1rem .7rem 3rem; } th, td { padding: .25rem .45rem; }
  details { padding: .4rem .6rem; } }
@page { margin: 14mm; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  details { border: 0; padding: 0; } th button::after { content: ""; }
  .scroll, figure, pre { overflow: visible; } pre { white-space: pre-wrap; }
  th:first-child, td:first-child, thead th, figcaption { position: static; }
  figure svg { min-width: 0; } table { font-size: 7.5pt; } table { overflow-wrap: normal; }
  th, td { padding: .1rem .35rem; white-space: normal; }
  tr, figure { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; } }
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
"""


def write_page(
    results: Sequence[Result] | Plan,
    directory: str | os.PathLike[str],
    *,
    origin: Any = None,
    missing: Sequence[str] = (),
    all_times: bool = False,
    selected: str = "",
    status: Mapping[str, Any] | None = None,
    drawn: Sequence[tuple[str, Figure]] | None = None,
) -> Path:
    """Write the page of a run into ``directory``.

    Parameters
    ----------
    results : sequence of Result, or a Plan of them
        One per point of a sweep.
    directory : path
        Gets ``report.html``.
    origin : Origin, optional
        The run file, versions and date, as ``cojump.load`` has them.
    missing : sequence of str
        What of the run is not there, in words.
    all_times : bool
        Every output time in the tables instead of about six.
    selected : str
        Which points were chosen, in words.
    status : mapping, optional
        What the job says of its ranks, as long as a run is not complete.
    drawn : sequence of (name, figure), optional
        What :func:`cojump.report.figures.draw` has made of the results.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    path = Path(directory) / NAME
    own: dict[str, Any] = {"selected": selected, "status": status, "drawn": drawn}
    text = page(results, origin=origin, missing=missing, all_times=all_times, **own)
    replace_file(path, text.encode(), like=_SIGNATURE)
    return path


def page(
    results: Sequence[Result] | Plan,
    *,
    origin: Any = None,
    missing: Sequence[str] = (),
    all_times: bool = False,
    selected: str = "",
    status: Mapping[str, Any] | None = None,
    drawn: Sequence[tuple[str, Figure]] | None = None,
) -> str:
    """The page as text; see :func:`write_page`."""
    plan = results if isinstance(results, Plan) else Plan.of(results)
    points = plan.results
    title = f"cojump: {len(points)} points" if len(points) != 1 else f"cojump: {title_of(points[0])}"
    if origin is not None and (system := _system(origin.run_file)):
        title = f"{system}: {title.removeprefix('cojump: ')}"
    head = ["<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">']
    head += ['<meta name="viewport" content="width=device-width, initial-scale=1">', f"<title>{_text(title)}</title>"]
    head += [f"<style>{_STYLE}</style>", "</head>", "<body>", f"<h1>{_text(title)}</h1>", _facts(points, origin)]
    notes = [f"selected: {selected}"] * bool(selected) + list(missing) + [plan.left_out] * bool(plan.left_out)
    head += [f'<p class="note">{_text(line)}</p>' for line in notes + refusals(plan)]
    parts = [("Figures", _pictures(plan, drawn))]
    if len(points) > 1:
        lines = [f'<p class="note">{_text(line)}</p>' for line in poorest(plan)]
        parts.append(("All points", [_table(*_overview(plan)), _IN_BRACKETS, *lines, *_alone(points)]))
    with style(), quiet():
        for s in sections(plan):
            parts.append((s.heading, [_drawing(s.name, s.figure, s.caption)]))
    parts.append(("How good the samples are", [_table(*_samples(plan)), _ON_SAMPLES, *_alone(points)]))
    if status is not None:
        parts.append(("Ranks", [_table(*_ranks(status))]))
    parts.append(("Point by point", _details(plan, all_times)))
    if origin is not None and origin.run_file:
        parts.append(("Run file", [f"<pre>{_text(origin.run_file)}</pre>"]))
    places = [(f"part{number}", heading, body) for number, (heading, body) in enumerate(parts) if body]
    links = "".join(f'<a href="#{name}">{_text(heading)}</a>' for name, heading, _ in places)
    body = [line for name, heading, body in places for line in (f'<h2 id="{name}">{_text(heading)}</h2>', *body)]
    return "\n".join([*head, f"<nav>{links}</nav>", *body, f"<script>{_SCRIPT}</script>", "</body>", "</html>", ""])


def _details(plan: Plan, all_times: bool) -> list[str]:
    """The tables of each point, folded where there are many."""
    shown, parts = [], []
    for result in plan.results:
        own = tables_of(result, all_times, plan.shown)
        shown += own
        opened = " open" if len(plan.results) <= _OPEN else ""
        parts.append(f"<details{opened}><summary>{_text(title_of(result))}, seed {result.seeds_in_words()}</summary>")
        parts += [_of_rich(table) for table in own]
        parts.append("</details>")
    return parts + [f'<p class="note">{_text(c)}</p>' for c in captions_of(plan.results, shown)]


def _system(run_file: str) -> str:
    """The system that a run file names."""
    try:
        return str(tomllib.loads(run_file)["model"]["system"])
    except (KeyError, TypeError, ValueError):
        return ""


def _text(words: str) -> str:
    return html.escape(words, quote=True)


def _facts(results: Sequence[Result], origin: Any) -> str:
    """Who made it, when, of how many trajectories."""
    facts = []
    if origin is not None and origin.created:
        facts.append(f"written {origin.created} by cojump {origin.version}")
    trajectories, jumps = sum(r.n_traj for r in results), sum(r.n_jumps for r in results)
    facts += [counted(trajectories, "trajectory"), counted(jumps, "jump")]
    tolerances = sorted({r.tolerance for r in results})
    facts.append("tolerance " + ", ".join(f"{t:g}" for t in tolerances))
    return f'<p class="facts">{_text(" · ".join(facts))}</p>'


_IN_BRACKETS = (
    '<p class="note">value ± one standard error (mean field; limit for N → ∞). A click on a heading sorts.</p>'
)

_ON_SAMPLES = (
    '<p class="note">Largest standard errors of the averages that are shown, over all output times. An error falls as '
    "one over the root of the number of trajectories: so many are needed for errors of 0.01 and 0.001. Uncertain "
    "errors: too few trajectories carry the spread.</p>"
)

_CAPTIONS = {
    "against": "Averages and N·E_N against a parameter. Bars are two standard errors; points of different curves are "
    "set apart a little. Dashed: mean field, and the limit of N·E_N.",
    "averages": "Averages against time, and below them their difference from mean field. Bands are two standard "
    "errors; thin lines are single trajectories.",
    "deviation": "The distance from mean field E_N(t), and N·E_N(t): all N fall together where mean field holds.",
}

_DOTTED = {
    "against": " Dotted: mean field + δ/N, in the colour of its points.",
    "averages": " Dotted: δ/N of the 1/N theory, in the colour of its curve.",
}


def _caption(name: str, figure: Figure, plan: Plan) -> str:
    """What stands below a figure: of dotted lines only where its legend has them."""
    if name == "two_time":
        return two_time_caption(plan.results)
    entries = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return _CAPTIONS[name] + (_DOTTED.get(name, "") if ORDER in entries else "")


def _pictures(plan: Plan, drawn: Sequence[tuple[str, Figure]] | None) -> list[str]:
    """The figures of the run, as drawings within the page."""
    with style(), quiet():
        return [
            _drawing(name, figure, _caption(name, figure, plan))
            for name, figure in (draw(plan) if drawn is None else drawn)
        ]


def _drawing(name: str, figure: Figure, caption: str) -> str:
    """One figure as a drawing within the page."""
    image = io.StringIO()
    figure.savefig(image, format="svg", metadata={"Date": None, "Creator": None})
    drawing = image.getvalue()
    drawing = drawing[drawing.index("<svg") :].replace('id="', f'id="{name}-')  # two drawings have the same names
    drawing = drawing.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    return f"<figure>{drawing}<figcaption>{_text(caption)}</figcaption></figure>"


def _alone(points: Sequence[Result]) -> list[str]:
    """Why there are dashes beside the values of single trajectories."""
    return [f'<p class="note">{ONE_TRAJECTORY}</p>'] if any(r.n_traj == 1 for r in points) else []


def _overview(plan: Plan) -> tuple[str, list[tuple[str, bool]], list[list[str]]]:
    """Parameters, averages and N·E_N of every point, for a table that can be sorted."""
    keys, labels = point_columns(plan), plan.shown[:_OVERVIEW]
    sized = SIZE in keys
    columns = [(key, True) for key in keys] + [("N", True)] * (not sized) + [("trajectories", True)]
    columns += [(label, True) for label in (*labels, "N·E_N")] + [("seed", True)]
    rows = []
    for r in plan.results:
        lasts = [with_reference(last_values(r, label)) for label in labels] + [with_reference(last_deviation(r))]
        named = [str(value_of(r, key)) for key in keys] + [str(r.n_particles)] * (not sized)
        rows.append([*named, str(r.n_traj), *lasts, str(r.seed)])
    when = time_in_words(plan.results)
    return when[:1].upper() + when[1:], columns, rows


def _samples(plan: Plan) -> tuple[str, list[tuple[str, bool]], list[list[str]]]:
    """Of every point the largest error, and how many trajectories would make it small."""
    names = ("trajectories", "jumps each", "largest error", "of", "for 0.01", "for 0.001", "uncertain errors")
    columns = [("point", False)] + [(name, name != "of") for name in names]
    rows = []
    for r in plan.results:
        found = largest_error(plan, r)
        error, label = found if found is not None else (math.nan, "")
        needed = [f"{max(math.ceil(r.n_traj * (error / aim) ** 2), 1):,}" if found else "—" for aim in (0.01, 0.001)]
        doubtful, of = doubts_of(plan, r)
        row = [in_words(point_of(plan, r)), str(r.n_traj), f"{r.n_jumps / max(r.n_traj, 1):.4g}"]
        row += [f"{error:.2g}" if found else "—", label, *needed, f"{doubtful} of {of}" if of else "unknown"]
        rows.append(row)
    return "", columns, rows


def _ranks(status: Mapping[str, Any]) -> tuple[str, list[tuple[str, bool]], list[list[str]]]:
    """How busy each rank of the last job was."""
    elapsed = max(status["elapsed"], 1e-9)
    rows = [
        [name, f"{min(busy / elapsed, 1):.0%}", f"{n:g}", per_second(n / elapsed)]
        for name, n, busy in rows_of_ranks(status["ranks"])
    ]
    columns = [("rank", True), ("busy", True), ("trajectories", True), ("per second", True)]
    return f"Of the last job, {duration(elapsed)}", columns, rows


def _of_rich(table: Table) -> str:
    """A table of the terminal as one of the page; a time that stands for several lines is written in each."""
    columns = [(str(column.header), column.justify == "right") for column in table.columns]
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    for above, row in pairwise(rows):
        if columns[0][0] == "t" and not row[0]:
            row[0] = above[0]
    notes = "".join(f'<p class="note">{_text(line)}</p>' for line in str(table.caption or "").splitlines())
    return _table(str(table.title or ""), columns, rows) + notes


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
