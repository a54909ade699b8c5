"""What a run file would run, and what a result file holds, at a glance: ``cojump show``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from ..ensemble.asked_two_time import AskedTwoTime
from ..ensemble.estimate import Estimate, about, estimate_point, total_of
from ..ensemble.point import Point
from ..errors import EXPECTED, ArgumentError, one_line
from ..jobs.points import open_run_file, point_of, two_time_of
from ..jobs.run_file import PointSpec, RunFile
from ..jobs.unfinished import last_status, missing_points, parameters_text
from ..measure.distributions import names_of
from ..model.final_states import FinalStates
from ..model.mixtures import starts_of
from ..results.result import Result
from ..storage.envelope import RESULT_NAME, is_result_file
from ..storage.result_file import load
from ..storage.result_sequence import ResultSequence
from ..theory.populations import populations_alone
from ..tools import exit_status
from ..tools.checks import named
from ..tools.lock import held
from ..tools.progress import duration, per_second
from ..tools.summaries import counted
from .console import UNBOUNDED, make_console, print_table
from .two_time_words import asked_two_times, measured_two_times

_TEXTS = ("method", "point")
"""Columns that may be folded between words."""

_TRIALS, _ALL_TRIALS = 1.0, 10.0
"""Seconds of trial trajectories of one point, and of all points together."""

_MOST_RANKS = 16
"""Ranks that have a row each."""


def show_path(path: Path, stream: TextIO, settings: Sequence[str] = (), ranks: int | None = None) -> int:
    """Print what is at ``path``: a run file, a result file, or the directory of a run, where a job may be running.

    ``settings`` are keys of a run file that are set otherwise, each ``SECTION.KEY=VALUE``. How long so many ``ranks``
    would take is said if it is asked for, because it takes trial trajectories.

    Returns
    -------
    int
        The exit status: that of a run of which some points cannot be run, if there are such, else 0.

    Raises
    ------
    ArgumentError, StorageError
        If it can be read as none of these.
    """
    console = make_console(stream, width=UNBOUNDED)
    results = is_result_file(path) or path.suffix in (".h5", ".hdf5")
    for option, given in {"--set": settings, "--ranks": ranks}.items():
        if given and (results or path.is_dir()):
            raise ArgumentError(option, "be given with a run file", f"{path} holds results")
    if path.is_dir():
        _show_directory(path, console)
    elif results:
        _show_results(load(path), path, console)
    else:
        return _show_run(open_run_file(path, settings), console, ranks)
    return 0


def _show_directory(path: Path, console: Console) -> None:
    """The job, the results and what is missing, whichever are there."""
    results = load(path) if (path / RESULT_NAME).exists() else None
    found = last_status(path, results)
    if found is not None:
        _show_job(path, *found, console)
    if results is not None:
        _show_results(results, path, console)
    lines = missing_points(path, results, failed_only=held(path))
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    if found is None and results is None and not lines:
        load(path)  # refuses it


def _table(*columns: str) -> Table:
    """A table whose texts may go on in the next line on a narrow terminal; numbers never do."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    for column in columns:
        table.add_column(column, justify="right", overflow="fold" if column in _TEXTS else "ellipsis")
    return table


def _print_points(console: Console, table: Table, parameters: Sequence[Mapping[str, Any]]) -> None:
    """Print a table of points, without their names where none has parameters to be named by."""
    if not any(parameters):
        table.columns.pop(0)
    print_table(console, table)


def _print_facts(console: Console, facts: dict[str, str]) -> None:
    for name, fact in facts.items():
        console.print(f"{name:<14}{fact}", markup=False, soft_wrap=True)


def _times(first: float, last: float, count: int) -> str:
    return f"{counted(count, 'output time')}, {first:g} to {last:g}"


def _drives(run_file: RunFile) -> dict[str, str]:
    """Which keys are multiplied by which functions of time."""
    text = ", ".join(f"{drive.parameter} times {drive.shape}" for drive in run_file.drive.drives)
    return {"drive": text} if text else {}


def _show_run(run_file: RunFile, console: Console, ranks: int | None) -> int:
    run, times = run_file.run, run_file.times.array()
    specs = run_file.points()
    rows, failures, estimates = [], [], []
    alone: list[int | None] = []
    two_times: list[tuple[AskedTwoTime, ...]] = []
    for spec in specs:
        try:
            point = point_of(run_file, spec)
            functions = two_time_of(run_file, point)
            alone.append(_populations(point))
            row = _planned(spec, point)
            if ranks is not None:
                estimates.append(estimate_point(point, ranks, min(_TRIALS, _ALL_TRIALS / len(specs))))
            rows.append(row)
            two_times.append(functions)
        except EXPECTED as error:  # a run leaves this point out and runs the others
            failures.append((spec, error))
    if not rows:
        raise failures[0][1]
    asked = [spec.run.n_traj for spec in specs]
    many = str(max(asked)) if min(asked) == max(asked) else f"{min(asked)} to {max(asked)}"
    chunks = -(-max(asked) // run.chunk)
    _print_facts(
        console,
        {
            "run file": str(run_file.path),
            "system": run_file.model.builder.system,
            **_drives(run_file),
            "initial": "; ".join([run_file.initial.kind, *run_file.remarks()]),
            "times": _times(times[0], times[-1], len(times)),
            "points": f"{len(specs)}" + (f", of which {len(failures)} cannot be run" if failures else ""),
            "trajectories": f"{many} per point, in {'up to ' * (min(asked) != max(asked))}{counted(chunks, 'chunk')} "
            f"of up to {min(run.chunk, max(asked))}; {run.keep} kept",
            "tolerance": f"{run.tolerance:g}",
            **_asked(
                tuple(run.observables),
                run.distributions,
                of=tuple(run.distribution_of),
                reduced=[run.reduced] if isinstance(run.reduced, Mapping) else run.reduced,
                squeezing=tuple(run.squeezing),
                callbacks=tuple(run.callbacks),
            ),
            **_window(run_file),
            **asked_two_times(two_times),
            **_time(run_file, estimates, two_times, ranks),
            **_method(rows),
            **_exactly(alone),
        },
    )
    table = _table("point", "N", "blocks", "amplitudes", "seed", "memory", *(["s each"] if estimates else []), "method")
    once = bool(_method(rows))
    if once:  # said above
        table.columns.pop()
    for i, row in enumerate(rows):
        if estimates:
            row.insert(-1, f"{estimates[i].per_trajectory:.2g}")
        table.add_row(*map(Text, row[:-1] if once else row))
    _print_points(console, table, [spec.parameters for spec in specs])
    for spec, refused in failures:
        console.print(
            f"{parameters_text(spec.parameters)} cannot be run: {one_line(refused)}", markup=False, soft_wrap=True
        )
    return exit_status.FAILED if failures else 0


def _method(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """The method of all points, if they have the same one; it is the last cell of a row."""
    methods = {row[-1] for row in rows}
    return {"method": methods.pop()} if len(methods) == 1 else {}


def _populations(point: Point) -> int | None:
    """How many populations the exact master equation of a point has, if they are all there is to it."""
    if isinstance(point.state, FinalStates):
        return None
    return populations_alone(point.model, [state for _, state in starts_of(point.state)])


def _exactly(alone: Sequence[int | None]) -> dict[str, str]:
    """Where the exact master equation is as small as that."""
    counts = [n for n in alone if n is not None]
    if not counts or len(counts) < len(alone):
        return {}
    many = f"{counts[0]:,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
    return {"exactly": f"cj.master_equation takes {many} populations alone: no coherence is coupled to them"}


def _asked(
    observables: Sequence[str],
    distributions: Sequence[float],
    *,
    of: Sequence[str] = (),
    reduced: Sequence[Mapping[str, int]] = (),
    squeezing: Sequence[str] = (),
    callbacks: Sequence[str] = (),
) -> dict[str, str]:
    """What is measured because it was asked for."""
    facts = {"observables": named(observables)} if len(observables) else {}
    if len(distributions) or of:
        times = f"t = {named([f'{t:g}' for t in distributions])}" if len(distributions) else "all output times"
        facts["distributions"] = f"of {named(of) if of else 'M'} at {times}"
    if reduced:
        facts["particles"] = "; ".join(", ".join(f"{n} of {b}" for b, n in counts.items()) for counts in reduced)
    if squeezing:
        facts["squeezing"] = f"of {named(squeezing)} besides"
    return {**facts, "callbacks": named(callbacks)} if callbacks else facts


def _window(run_file: RunFile) -> dict[str, str]:
    from ..measure.time_windows import window_of

    run = run_file.run
    window = window_of(run_file.times.array(), run.burn_in, run.window)
    if window is None or (run.burn_in is None and run.window is None):
        return {}
    start, end = window.interval
    return {"averaged": f"over {counted(len(window.times), 'output time')}, {start:g} to {end:g}, in each trajectory"}


def _time(
    run_file: RunFile, estimates: Sequence[Estimate], two_times: Sequence[Sequence[AskedTwoTime]], ranks: int | None
) -> dict[str, str]:
    """How long all points take together, or how to be told."""
    if ranks is None:
        return {"time": "said with --ranks N, after some seconds of trial trajectories"}
    most = "at most " if run_file.run.target_error else ""
    seconds = total_of(estimates, ranks)
    for estimate, functions in zip(estimates, two_times, strict=True):
        seconds += sum(estimate.per_trajectory * one.relative_cost * one.n_traj for one in functions) / ranks
    beside = ", two-time functions included" if run_file.two_time else ""
    return {"time": most + about(seconds, ranks) + beside}


def _planned(spec: PointSpec, made: Point) -> list[str]:
    model = made.model
    parts = made.recipe.parts
    return [
        parameters_text(spec.parameters),
        str(model.size),
        str(len(model.blocks)),
        " + ".join(f"{p.amplitudes:,}" for p in parts),
        str(spec.seed),
        decimal(made.nbytes),
        "; ".join(dict.fromkeys(p.method for p in parts)),
    ]


def _show_job(path: Path, status: Mapping[str, Any], age: float, console: Console) -> None:
    """How far the job in a directory is, or was when it ended."""
    running = status["state"] == "running"
    alive = running and held(path)
    if running and not alive:
        state = f"ended without a word {duration(age)} ago; the same command goes on"
    elif running:
        state = f"running on {status['host']}, process {status['process']}; seen {duration(age)} ago"
    else:
        state = f"{status['state']} {duration(age)} ago; the same command goes on"
    ranks, elapsed = status["ranks"], max(status["elapsed"], 1e-9)
    ran, behind = sum(n for n, _ in ranks), int(status.get("behind", 0))
    left = status["left"]
    _print_facts(
        console,
        {
            "job": str(path),
            "state": state,
            "elapsed": duration(elapsed),
            "rate": f"{counted(ran, 'trajectory')}{f' and {behind} of two-time functions' * bool(behind)} by "
            f"{counted(len(ranks), 'rank')}, {per_second((ran + behind) / elapsed)}",
            **({"doing": str(status["doing"])} if alive and status.get("doing") else {}),
            "left": "unknown" if left is None else f"about {duration(left)}",
        },
    )
    table = _table("point", "state", "trajectories", "of", "folded", "ms each")
    for point in status["points"]:
        seconds = point["seconds"]
        each = "—" if seconds is None else f"{1e3 * seconds:.3g}"
        folded = str(point.get("folded", "unknown"))
        at = point["state"] if alive or point["state"] in ("finished", "failed") else "unfinished"
        table.add_row(
            Text(parameters_text(point["parameters"])), at, str(point["done"]), str(point["of"]), folded, each
        )
    _print_points(console, table, [point["parameters"] for point in status["points"]])
    if any(point["seconds"] is None for point in status["points"]):
        console.print("ms each: — until a trajectory of the point is finished", markup=False, soft_wrap=True)
    for point in status["points"]:
        if point.get("waits") and point["state"] not in ("finished", "failed"):
            line = f"target_error: {parameters_text(point['parameters'])} needs {point['waits']}"
            console.print(line, markup=False, soft_wrap=True)
    table = _table("rank", "busy", "trajectories", "per second")
    for name, n, busy in rows_of_ranks(ranks):
        table.add_row(name, f"{min(busy / elapsed, 1):.0%}", f"{n:g}", per_second(n / elapsed))
    print_table(console, table)
    if behind:
        console.print("busy and trajectories of ranks are without two-time functions", markup=False, soft_wrap=True)


def rows_of_ranks(ranks: Sequence[Sequence[float]]) -> list[tuple[str, float, float]]:
    """Every rank; of many the first, and the least, median and most busy."""
    if len(ranks) <= _MOST_RANKS:
        return [(str(i), n, busy) for i, (n, busy) in enumerate(ranks)]
    order = sorted(range(len(ranks)), key=lambda i: ranks[i][1])
    chosen = {"0": 0, "least busy": order[0], "median": order[len(order) // 2], "most busy": order[-1]}
    return [(name if name == "0" else f"{i} ({name})", ranks[i][0], ranks[i][1]) for name, i in chosen.items()]


def _uncertain(result: Result) -> str:
    """Of how many errors of the averages the sample cannot know the size."""
    flags = result.uncertain
    if flags is None:
        return "unknown"
    return f"{np.count_nonzero(flags)} of {flags.size}"


def _measured(results: ResultSequence) -> dict[str, str]:
    extras = results[0].extras if len(results) else {}
    observables, shots = extras.get("observables"), extras.get("distribution")
    if not len(results):
        return {}
    names = {} if shots is None else names_of(shots)
    blocks = {label.rpartition(".")[0] for label in results[0].labels}
    sums = [name.partition("/")[2] for name in extras if name.startswith("squeezing/")]
    functions = extras["callbacks"].labels if "callbacks" in extras else ()
    return _asked(
        observables.labels if observables else (),
        () if shots is None else shots.times.tolist(),
        of=() if set(names) <= blocks else tuple(names),
        reduced=list(results[0].particles.values()),
        squeezing=[label for label in sums if label not in blocks],
        callbacks=tuple(dict.fromkeys(label.partition("[")[0] for label in functions)),
    )


def _show_results(results: ResultSequence, path: Path, console: Console) -> None:
    origin = results.origin
    made_by = "a run file" if origin.run_file else "a script"
    if origin.sources:
        made_by += f" with {', '.join(origin.sources)}"
    _print_facts(
        console,
        {
            "results": str(path),
            "made by": f"{made_by}, cojump {origin.version}, schema {origin.schema}",
            "written": origin.created,
            "points": str(len(results)),
            **_measured(results),
            **measured_two_times(results),
        },
    )
    table = _table("point", "N", "trajectories", "jumps each", "kept", "times", "tolerance", "seed", "uncertain errors")
    for result in results:
        table.add_row(
            Text(parameters_text(result.parameters)),
            str(result.n_particles),
            str(result.n_traj),
            f"{result.n_jumps / max(result.n_traj, 1):.4g}",
            str(len(result.trajectories)),
            f"{len(result.times)} to {result.times[-1]:g}",
            f"{result.tolerance:g}",
            result.seeds_in_words(),
            _uncertain(result),
        )
    _print_points(console, table, [result.parameters for result in results])
    if any(result.uncertain is None for result in results):
        console.print("uncertain errors: an older cojump has not written which", markup=False, soft_wrap=True)
