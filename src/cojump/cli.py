"""The command line: ``cojump run``, ``report``, ``show`` and ``new``.

Numerical modules are imported inside the commands, so that ``cojump --help`` answers at once and the number
of threads is settled before numpy starts any; pathlib, too, for it takes a part of that time.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .errors import EXPECTED, ArgumentError, BrokenOff, Stopped, StorageError, broken_line, one_line
from .tools.terminal import command, delivered, settle, tell
from .version import __version__

if TYPE_CHECKING:
    from pathlib import Path

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class _OneLineErrors(click.Group):
    """A group whose expected errors end as one line on standard error and status 2."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> None:
        extra["standalone_mode"] = False
        try:
            status = super().main(args, prog_name, **extra)
        except Stopped as stopped:
            _leave(75, stopped.line)
        except BrokenOff as error:
            _leave(74, f"cojump: {one_line(error)}")
        except (*EXPECTED, OSError, MemoryError) as error:
            _leave(2, f"cojump: {broken_line(error)}")
        except click.ClickException as error:
            _leave(2, f"cojump: {one_line(error.format_message())}")
        except (click.Abort, KeyboardInterrupt):
            _leave(130, "cojump: interrupted")
        except SystemExit as error:  # of a user's function; cojump leaves by the statuses above
            _leave(2, f"cojump: a function of the run file calls sys.exit({error.code!r})")
        sys.exit(status if isinstance(status, int) else 0)


def _leave(status: int, line: str) -> NoReturn:
    tell(line)
    sys.exit(status)


class _PathType(click.Path):
    """A path, as pathlib has it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path that a word of the command line means."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


@click.group(cls=_OneLineErrors, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cojump", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Quantum trajectories of open many-body systems with collective operator-valued rates."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        click.echo(
            "\nTo begin:\n"
            f"  {command('new', 'constrained')} > run.toml    a run file to start from\n"
            f"  {command('show', 'run.toml')}                 what it would run\n"
            f"  {command('run', 'run.toml')}                  run it; the same again goes on\n"
            f"  {command('report', 'results')}                tables and figures"
        )


_settings = click.option(
    "--set",
    "settings",
    metavar="SECTION.KEY=VALUE",
    multiple=True,
    help="Another value for a key of the run file, as TOML has it: model.omega=0.3. May be given again.",
)


@cli.command(short_help="Simulate what a run file says; the same again goes on.")
@click.argument("file", type=_PathType())
@_settings
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=_PathType(),
    help="Directory of the results [default: 'results' beside FILE].",
)
def run(file: Path, settings: tuple[str, ...], output: Path | None) -> int:
    """Simulate what the run file FILE says, alone or under mpiexec.

    The same command again goes on with an interrupted run, and extends a finished one whose n_traj has grown.
    SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU and Ctrl-C end the run where nothing is lost.

    Exit status: 0 complete, 75 stopped before the end (run it again), 3 some points failed, 2 refused before any work,
    74 broken off by a full disk or the like (what was finished is kept).
    """
    from .jobs.signals import Signals

    with Signals() as signals:  # before the imports that take seconds
        from .jobs.job import execute

        return execute(file, file.parent / "results" if output is None else output, signals, settings)


@cli.command(short_help="Gather what an unfinished run has so far into its result file.")
@click.argument("directory", metavar="DIR", type=_PathType())
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=_PathType(),
    help="Write this file and change nothing in DIR, where a job may be running.",
)
def fold(directory: Path, output: Path | None) -> None:
    """Gather what an unfinished run in DIR has so far into its result file, for report and cojump.load."""
    from .jobs.job import fold_directory

    directory = _results_of(directory) if directory.is_dir() else directory
    click.echo(f"cojump: {fold_directory(directory, output)}")


@cli.command(short_help="Print tables, write figures and a page of HTML.")
@click.argument("directory", metavar="DIR", type=_PathType())
@click.option(
    "--averages",
    metavar="LABEL,LABEL",
    help="Show these averages alone, such as spins.z,spins.x: coherences of many levels and observables, too [default: "
    "all averages that do not vanish].",
)
@click.option(
    "--select",
    metavar="KEY=VALUE",
    multiple=True,
    help="Show only points with this value of a parameter, such as size=200; figures and page go to DIR/selected. May "
    "be given again.",
)
@click.option("--against", metavar="KEY", help="Draw the points against this parameter, such as omega.")
@click.option("--full", is_flag=True, help="Print the tables of every point of a sweep, not a line for each.")
@click.option(
    "--all", "all_times", is_flag=True, help="Print every output time, not only six; with --full for a sweep."
)
def report(
    directory: Path, averages: str | None, select: tuple[str, ...], against: str | None, full: bool, all_times: bool
) -> None:
    """Print tables of the results in DIR, and write figures and a page of HTML (report.html) into it.

    A sweep has a line for each point; the page has everything. What is shown of selected points alone has a place of
    its own, DIR/selected/KEY=VALUE.
    """
    from .jobs.directory import holds_chunks
    from .jobs.unfinished import fold_adds, is_unfinished, last_status, missing_points
    from .report.console import make_console
    from .report.plan import Plan, chosen, place_of
    from .report.summary import print_summary
    from .report.tables import print_tables
    from .storage.envelope import RESULT_NAME
    from .storage.result_file import load
    from .storage.run_directory import is_run_directory
    from .tools.whole_files import prepare_directory

    directory = _results_of(directory)
    there = not directory.is_dir() or (directory / RESULT_NAME).exists()
    results = load(directory) if there else None
    missing = missing_points(directory, results) if directory.is_dir() else []
    if results is None:
        for line in missing:
            tell(f"cojump: {line}")
        if holds_chunks(directory) and not fold_adds(directory, None):
            raise StorageError(f"{directory} has no result file: no chunk is whole yet, and nothing can be folded")
        if holds_chunks(directory):
            gather = command("fold", directory)
            raise StorageError(f"{directory} has no result file yet; {gather} gathers what is there")
        if (directory / "checkpoint").is_dir():
            raise StorageError(f"{directory} has no result file: no trajectory is finished yet")
        if is_run_directory(directory):  # all of its points have failed
            load(directory)
        how = f"{command('run', 'run.toml')} -o {one_line(str(directory))} would write one"
        raise StorageError(f"{directory} holds no results ({RESULT_NAME}) of a run; {how}")
    if directory.is_dir() and is_unfinished(directory, results):
        adds = f"{command('fold', directory)} adds what is not here yet" if fold_adds(directory, results) else ""
        tell(f"cojump: the run is not complete; {adds or 'all that can be folded is here'}")
    points, labels = chosen(results, select), [] if averages is None else averages.split(",")
    plan = Plan.of(points, [label.strip() for label in labels], against or "")
    console = make_console(sys.stdout)
    if len(points) > 1 and not (full or all_times):
        print_summary(plan, console)
    else:
        print_tables(plan, console, all_times=all_times)
    for line in missing:
        click.echo(line)
    from .report.figures import draw, write_figures

    place, drawn = place_of(directory if directory.is_dir() else directory.parent, select), list(draw(plan))
    if select:
        prepare_directory(place)
    for path in write_figures(plan, place, drawn):
        click.echo(f"figure: {one_line(str(path))}")
    from .report.page import write_page

    status = last_status(directory, results) if directory.is_dir() else None
    page = write_page(
        plan,
        place,
        origin=results.origin,
        missing=missing,
        all_times=all_times,
        selected=", ".join(select),
        status=None if status is None else status[0],
        drawn=drawn,
    )
    click.echo(f"page: {one_line(str(page))}")
    delivered()


def _results_of(path: Path) -> Path:
    """The directory of the results, where somebody names the run file, or the directory it stands in, instead."""
    from .storage.run_directory import is_run_directory

    if path.suffix == ".toml" and path.is_file():
        found = [path.parent / "results"] if is_run_directory(path.parent / "results") else []
        if not found:
            first = f"{command('run', path)} would make them"
            found_none = f"{path} is a run file without any beside it; {first}"
            raise ArgumentError("DIR", "be the directory of the results", found_none)
    elif not path.is_dir() or is_run_directory(path):
        return path
    else:
        found = sorted(p for p in path.iterdir() if p.is_dir() and is_run_directory(p))
        if not found:
            return path
    if len(found) > 1:
        names = ", ".join(str(p) for p in found[:3]) + (", ..." if len(found) > 3 else "")
        raise ArgumentError("DIR", "be the directory of one run", f"{path} holds several: {names}")
    tell(f"cojump: the results are in {found[0]}")
    return found[0]


@cli.command(short_help="Say what a run file would run, or what results hold.")
@click.argument("path", type=_PathType())
@_settings
@click.option(
    "--ranks",
    type=click.IntRange(min=1),
    metavar="N",
    help="Say how long so many processes would take: runs trial trajectories of a run file, for some seconds.",
)
def show(path: Path, settings: tuple[str, ...], ranks: int | None) -> int:
    """Say what a run file would run, or what a result file or directory holds.

    Exit status: 0, or 3 if some points of a run file cannot be run.
    """
    from .report.show import show_path

    status = show_path(_results_of(path) if path.is_dir() else path, sys.stdout, settings, ranks)
    delivered()
    return status


@cli.command(short_help="Print a run file with comments for a SYSTEM.")
@click.argument("system")
def new(system: str) -> None:
    """Print a run file with comments for a SYSTEM, to start from.

    SYSTEM is the name of a system, or a function of your own that returns a model, my_model.py:build; if there is no
    such file, one is written, to be changed.
    """
    from .jobs.run_file.templates import model_file_for, run_file_for

    if made := model_file_for(system):
        tell(f"cojump: {made} was not there; it holds a model to start from now")
    click.echo(run_file_for(system), nl=False)
    delivered()


def main() -> None:
    """Run the console script ``cojump``."""
    settle()
    gc.set_threshold(20_000)  # libraries make some hundred thousand objects that stay: looked through less often
    for name in _THREADS:  # one thread per process: MPI ranks share the cores among them
        os.environ.setdefault(name, "1")
    try:
        cli()
    finally:
        if f"{__package__}.jobs.signals" in sys.modules:  # of a run
            from .jobs.signals import deaf

            deaf()
