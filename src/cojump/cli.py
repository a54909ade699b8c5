"""The command line: ``cojump run``, ``report``, ``show`` and ``new``.

Numerical modules are imported inside the commands, so that ``cojump --help`` answers at once and the number
of threads is settled before numpy starts any.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from . import __version__
from .errors import EXPECTED, Stopped, StorageError, one_line
from .terminal import make_readable

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class _OneLineErrors(click.Group):
    """A group whose expected errors end as one line on standard error and status 2."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> None:
        extra["standalone_mode"] = False
        make_readable(sys.stdout, sys.stderr)
        try:
            status = super().main(args, prog_name, **extra)
        except Stopped as stopped:
            click.echo(stopped.line, err=True)
            sys.exit(75)
        except EXPECTED as error:
            click.echo(f"cojump: {one_line(error)}", err=True)
            sys.exit(2)
        except OSError as error:
            click.echo(f"cojump: {one_line(error)}", err=True)
            sys.exit(2)
        except click.ClickException as error:
            click.echo(f"cojump: {one_line(error.format_message())}", err=True)
            sys.exit(2)
        except MemoryError as error:
            click.echo(f"cojump: not enough memory: {one_line(error) or 'the model is too large'}", err=True)
            sys.exit(2)
        except (click.Abort, KeyboardInterrupt):
            click.echo("cojump: interrupted", err=True)
            sys.exit(130)
        sys.exit(status if isinstance(status, int) else 0)


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cojump", message="%(prog)s %(version)s")
def cli() -> None:
    """Quantum trajectories of open many-body systems with collective operator-valued rates."""


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory of the results [default: 'results' beside FILE].",
)
def run(file: Path, output: Path | None) -> int:
    """Simulate what the run file FILE says, alone or under mpiexec.

    The same command again goes on with an interrupted run, and extends a finished one whose n_traj has grown.
    SIGTERM, SIGUSR1 and Ctrl-C end the run where nothing is lost.

    Exit status: 0 complete, 75 stopped before the end (run it again), 3 some points failed, 2 refused.
    """
    from .signals import Signals

    with Signals() as signals:  # before the imports that take seconds
        from .runs import execute

        return execute(file, file.parent / "results" if output is None else output, signals)


@cli.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write this file and change nothing in DIR, where a job may be running.",
)
def fold(directory: Path, output: Path | None) -> None:
    """Gather what an unfinished run in DIR has so far into its result file, for report and cojump.load."""
    from .runs import fold_directory

    click.echo(f"cojump: {fold_directory(directory, output)}")


@cli.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--all", "all_times", is_flag=True, help="Print every output time, not only six.")
def report(directory: Path, all_times: bool) -> None:
    """Print tables of the results in DIR and write figures into it."""
    from .missing import fold_adds, missing_points
    from .report import make_console, print_tables
    from .storage import RESULT_NAME, load

    there = not directory.is_dir() or (directory / RESULT_NAME).exists()
    results = load(directory) if there else None
    missing = missing_points(directory, results) if directory.is_dir() else []
    if results is None:
        for line in missing:
            click.echo(f"cojump: {line}", err=True)
        if (directory / "checkpoint").is_dir():
            raise StorageError(f"{directory} has no result file yet; cojump fold {directory} gathers what is there")
        results = load(directory)  # refuses it
    if (directory / "checkpoint").is_dir():
        adds = f"cojump fold {directory} adds what is not here yet" if fold_adds(directory, results) else ""
        click.echo(f"cojump: the run is not complete; {adds or 'all that can be folded is here'}", err=True)
    print_tables(results, make_console(sys.stdout), all_times=all_times)
    for line in missing:
        click.echo(line)
    from .figures import write_figures

    place = directory if directory.is_dir() else directory.parent
    for path in write_figures(results, place):
        click.echo(f"figure: {one_line(str(path))}")


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
def show(path: Path) -> None:
    """Say what a run file would run, or what a result file or directory holds."""
    from .listing import show_path

    show_path(path, sys.stdout)


@cli.command()
@click.argument("system")
def new(system: str) -> None:
    """Print a run file with comments for a named SYSTEM, to start from."""
    from .config.templates import run_file_for

    click.echo(run_file_for(system), nl=False)


def main() -> None:
    """Run the console script ``cojump``."""
    for name in _THREADS:  # one thread per process: MPI ranks share the cores among them
        os.environ.setdefault(name, "1")
    cli()
