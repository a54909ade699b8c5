"""What a run file asks for, checked on every rank before the first trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .checkpoint import key_of
from .config import PointSpec, RunFile, read_run_file
from .errors import EXPECTED, StorageError, one_line
from .failures import Failed
from .files import reason
from .fold import Goal
from .terminal import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ensemble import Point
    from .parallel import World


@dataclass
class Plan:
    """The points of a run file.

    Attributes
    ----------
    run_file : RunFile
    specs : tuple of PointSpec
        All of them; a point is known by its place here.
    points : dict of int to Point
        Those that can be run.
    failures : dict of int to str
        Why the others cannot.
    """

    run_file: RunFile
    specs: tuple[PointSpec, ...]
    points: dict[int, Point] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)

    @cached_property
    def keys(self) -> dict[int, str]:
        """Key of each point in the directory."""
        return {i: key_of(spec.seed, spec.parameters) for i, spec in enumerate(self.specs)}

    @cached_property
    def identities(self) -> dict[int, dict[str, Any]]:
        """What makes each point that can be run what it is."""
        from .identity import identity_of

        return {i: identity_of(point) for i, point in self.points.items()}

    @property
    def goals(self) -> dict[int, Goal]:
        """When each point that can be run is done."""
        return {i: point.goal for i, point in self.points.items()}

    def fail(self, place: int, message: str) -> None:
        """Leave a point out."""
        self.points.pop(place, None)
        self.failures[place] = message

    def failed(self, place: int, message: str) -> Failed:
        """The failure of a point as it is written down."""
        spec = self.specs[place]
        return Failed(self.keys[place], spec.parameters, message, spec.run.n_traj)

    @property
    def failed_points(self) -> list[Failed]:
        """All points that are left out, as they are written down."""
        return [self.failed(place, message) for place, message in self.failures.items()]

    def tell(self, place: int, message: str) -> None:
        """Say on standard error why a point is left out."""
        where = f" ({self.title(place)}; the others run)" if len(self.specs) > 1 else ""
        tell(f"cojump: {message}{where}")

    def title(self, place: int) -> str:
        """Name a point by its parameters."""
        title = ", ".join(f"{key} = {value}" for key, value in self.specs[place].parameters.items())
        return f"the point {title}" if title else "the only point"


def open_run_file(path: Path) -> RunFile:
    """Read a run file; one that cannot be opened is a StorageError here."""
    try:
        return read_run_file(path)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {reason(error)}") from None


def plan_together(path: Path, comm: World | None, on_file: Callable[[RunFile], None] = lambda _: None) -> Plan:
    """Check all there is to check before the first trajectory, on every rank.

    A point of a sweep that cannot be run is left out, on all ranks; if none can, that is an error. ``on_file`` gets the
    run file as soon as it is read.

    Raises
    ------
    ArgumentError, UnsupportedError, StorageError, click.ClickException
        With one line, on the first rank; the others raise click's Exit with the same status.
    """
    if comm is None:
        return _made(path, on_file)

    def attempt() -> Plan | str:
        try:
            return _made(path, on_file)
        except EXPECTED as error:
            return one_line(error)

    outcome = comm.guard(attempt)
    end_together(comm.agree(outcome if isinstance(outcome, str) else None), comm)
    assert isinstance(outcome, Plan)
    for place, message in comm.union(outcome.failures).items():
        outcome.fail(place, message)
    if not outcome.points:
        end_together(next(iter(outcome.failures.values())), comm)
    return outcome


def end_together(message: str | None, comm: World) -> None:
    """End all ranks with status 2 if there is a message; only the first rank speaks."""
    if message is not None:
        raise click.ClickException(message) if comm.rank == 0 else click.exceptions.Exit(2)


def _made(path: Path, on_file: Callable[[RunFile], None]) -> Plan:
    run_file = open_run_file(path)
    on_file(run_file)
    plan, first = Plan(run_file, run_file.points()), None
    for place, spec in enumerate(plan.specs):
        try:
            plan.points[place] = point_of(run_file, spec)
        except EXPECTED as error:
            plan.fail(place, one_line(error))
            first = first or error
    if first is not None and not plan.points:
        raise first
    return plan


def point_of(run_file: RunFile, spec: PointSpec) -> Point:
    """One point with its model and state; what cannot be run is refused with the error that says why."""
    from .ensemble import Point

    model, state = spec.build()
    run = spec.run
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
        target={} if run.target_error is None else run.target_error,
        min_traj=run.min_traj,
    )
