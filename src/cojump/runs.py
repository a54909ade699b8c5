"""One run: read and check everything, resume what is there, simulate the rest, store each finished point."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .config import PointSpec, RunFile, read_run_file
from .errors import EXPECTED, StorageError, one_line
from .files import prepare_directory, reason
from .storage import RESULT_NAME, load, save_results

if TYPE_CHECKING:
    from .ensemble import Point
    from .parallel import World
    from .results import Result, Theory


@dataclass
class _Job:
    """A run file, the directory of its results, and the results so far by the place of their point."""

    run_file: RunFile
    directory: Path
    points: list[Point]
    finished: dict[int, Result] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.directory / RESULT_NAME

    def store(self, index: int, result: Result) -> None:
        """Take in a finished point and rewrite the result file: a killed job loses no finished point."""
        self.finished[index] = replace(result, theory=_theory(self.points[index]))
        results = [self.finished[i] for i in sorted(self.finished)]
        save_results(self.path, results, run_file=self.run_file.text, sources=self.run_file.sources, overwrite=True)


def open_run_file(path: Path) -> RunFile:
    """Read a run file; one that cannot be opened is a StorageError here."""
    try:
        return read_run_file(path)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {reason(error)}") from None


def execute(path: Path, directory: Path) -> None:
    """Run the file at ``path`` into ``directory``; the same on every rank of an MPI job, or alone.

    Raises
    ------
    ArgumentError, UnsupportedError, StorageError, ConvergenceError, click.ClickException
        With one line for the user, on the first rank; the others leave quietly with the same status.
    """
    from .ensemble import run_points
    from .parallel import world
    from .progress import make_progress

    comm = world()
    chief = comm is None or comm.rank == 0
    job = _prepare_together(path, directory, comm)
    missing = _missing_on_all(job, comm)
    if not missing:
        if chief:
            click.echo(f"cojump: complete, {_count(len(job.points))} in {job.path}; {_hint(directory)}")
        return
    if chief and job.finished:
        click.echo(f"cojump: {len(job.finished)} of {_count(len(job.points))} there already, running the rest")

    def on_point(i: int, result: Result) -> None:
        job.store(missing[i], result)

    progress = make_progress(sys.stderr) if chief else None
    try:
        run_points([job.points[i] for i in missing], comm=comm, progress=progress, on_point=on_point)
    finally:
        if progress is not None:  # after an error too: a bar hides the cursor
            progress.stop()
    if chief:
        click.echo(f"cojump: {_count(len(job.points))} in {job.path}; {_hint(directory)}")


def _theory(point: Point) -> Theory | None:
    """Fluctuation theory of a point, or None where it does not hold: correlated starts, rates that are not smooth."""
    from .fluctuations import fluctuations
    from .results import Theory

    try:
        made = fluctuations(point.model, point.state, point.times)
    except EXPECTED:
        return None
    return Theory(made.covariance, made.correction, made.deviation)


def _count(points: int) -> str:
    return f"{points} point{'' if points == 1 else 's'}"


def _hint(directory: Path) -> str:
    return f"tables and figures: cojump report {directory}"


def _prepare_together(path: Path, directory: Path, comm: World | None) -> _Job:
    """Prepare on every rank; if any fails, all end, and only the first rank speaks."""
    if comm is None:
        return _prepare(path, directory, chief=True)

    def attempt() -> _Job | str:
        try:
            return _prepare(path, directory, chief=comm.rank == 0)
        except EXPECTED as error:
            return one_line(error)

    outcome = comm.guard(attempt)
    message = comm.agree(outcome if isinstance(outcome, str) else None)
    if message is None:
        return outcome
    if comm.rank == 0:
        raise click.ClickException(message)
    raise click.exceptions.Exit(2)


def _prepare(path: Path, directory: Path, *, chief: bool) -> _Job:
    """Check all there is to check before the first trajectory; result files on the first rank only."""
    run_file = open_run_file(path)
    specs = run_file.points()
    job = _Job(run_file, directory, [_point(run_file, spec) for spec in specs])
    if chief:
        job.finished = _finished(job, specs)
        if len(job.finished) < len(specs):
            prepare_directory(directory)
    return job


def _point(run_file: RunFile, spec: PointSpec) -> Point:
    from .ensemble import Point

    model, state = spec.build()
    run = run_file.run
    return Point(
        model=model,
        state=state,
        times=run_file.times.array(),
        n_traj=run.n_traj,
        seed=spec.seed,
        tolerance=run.tolerance,
        chunk=run.chunk,
        keep=run.keep,
        burn_in=run.burn_in,
        window=run.window,
        parameters=spec.parameters,
    )


def _finished(job: _Job, specs: tuple[PointSpec, ...]) -> dict[int, Result]:
    """Read the results that are there already, by the place of their point; refuse a foreign file."""
    if not os.path.lexists(job.path):
        return {}
    stored = load(job.path)
    advice = "use another directory with -o, or move it away"
    if not stored.origin.run_file:
        raise StorageError(f"{job.path} holds results that no run file made; {advice}")
    differences = job.run_file.differences(stored.origin.run_file, stored.origin.sources)
    if differences:
        raise StorageError(f"{job.path} belongs to another run file: {'; '.join(differences)}; {advice}")
    places = {json.dumps([spec.seed, spec.parameters], sort_keys=True): i for i, spec in enumerate(specs)}
    finished = {}
    for result in stored:
        key = json.dumps([result.seed, result.parameters], sort_keys=True)
        if key not in places or result.n_traj != job.run_file.run.n_traj:
            raise StorageError(f"{job.path} holds a point that this run file does not make; {advice}")
        finished[places[key]] = result
    return finished


def _missing_on_all(job: _Job, comm: World | None) -> list[int]:
    """Which points are still to be run, as the first rank sees it: the only one that reads the result file."""
    missing = [i for i in range(len(job.points)) if i not in job.finished]
    return missing if comm is None else comm.share(missing)
