"""What a run file asks for, checked on every rank before the first trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..ensemble.fingerprint import LAST_BITS, agreed, differences, identity_of
from ..ensemble.goal import Goal
from ..errors import EXPECTED, ArgumentError, StorageError, one_line
from ..storage.run_directory import key_of
from ..tools.terminal import tell
from ..tools.whole_files import reason
from ..trajectories.kernel_cache import processor
from .failures import Failed
from .run_file import PointSpec, RunFile, read_run_file
from .run_file.run_section import OPTIONS
from .run_file.system import in_section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ensemble.asked_two_time import AskedTwoTime
    from ..ensemble.point import Point
    from ..parallel.mpi import World


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
    identities : dict of int to dict
        What makes each point that can be run what it is.
    two_time : dict of int to tuple of AskedTwoTime
        The two-time functions of each point that can be run.
    """

    run_file: RunFile
    specs: tuple[PointSpec, ...]
    points: dict[int, Point] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    identities: dict[int, dict[str, Any]] = field(default_factory=dict)
    two_time: dict[int, tuple[AskedTwoTime, ...]] = field(default_factory=dict)

    @cached_property
    def keys(self) -> dict[int, str]:
        """Key of each point in the directory."""
        return {i: key_of(spec.seed, spec.parameters) for i, spec in enumerate(self.specs)}

    @property
    def goals(self) -> dict[int, Goal]:
        """When each point that can be run is done."""
        return {i: point.goal for i, point in self.points.items()}

    def fail(self, place: int, message: str) -> None:
        """Leave a point out."""
        self.points.pop(place, None)
        self.identities.pop(place, None)
        self.two_time.pop(place, None)
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
        title = one_line(", ".join(f"{key} = {value}" for key, value in self.specs[place].parameters.items()))
        return f"the point {title}" if title else "the only point"


def open_run_file(path: Path, settings: Sequence[str] = ()) -> RunFile:
    """Read a run file with settings of the command line; one that cannot be opened is a StorageError here."""
    try:
        return read_run_file(path, settings)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {reason(error)}") from None


def plan_together(
    open_file: Callable[[], RunFile], comm: World | None, on_file: Callable[[RunFile], None] = lambda _: None
) -> Plan:
    """Check all there is to check before the first trajectory, on every rank.

    A point of a sweep that cannot be run is left out, on all ranks; if none can, that is an error. Ranks that have not
    read or built the same end the job: a model that draws random numbers, or looks at the environment, is another one
    on each of them. ``on_file`` gets the run file as soon as it is read.

    Raises
    ------
    ArgumentError, UnsupportedError, StorageError, click.ClickException
        With one line, on the first rank; the others raise click's Exit with the same status.
    """
    if comm is None:
        return _made(open_file, on_file)

    def attempt() -> Plan | str:
        try:
            return _made(open_file, on_file)
        except EXPECTED as error:
            return one_line(error)

    outcome = comm.guard(attempt)
    end_together(comm.agree(outcome if isinstance(outcome, str) else None), comm)
    assert isinstance(outcome, Plan)
    plan = outcome
    end_together(comm.difference(_read(plan), lambda first, *words: _read_apart(plan, first, *words)), comm)
    for place, message in comm.union(plan.failures).items():
        plan.fail(place, message)
    if not plan.points:
        end_together(next(iter(plan.failures.values())), comm)
    facts = comm.guard(lambda: {str(i): agreed(point, plan.identities[i]) for i, point in plan.points.items()})
    end_together(comm.difference(facts, lambda first, *words: _built_apart(plan, facts, first, *words)), comm)
    _name_processors(comm)
    return plan


def _read(plan: Plan) -> dict[str, Any]:
    """What a rank has read."""
    return {"run file": plan.run_file.text, "sources": dict(plan.run_file.sources), "keys": list(plan.keys.values())}


def _read_apart(plan: Plan, first: dict[str, Any], here: str, there: str) -> str:
    """Say that a rank has read something else than the first one."""
    found = plan.run_file.differences(first["run file"], first["sources"]) or ["its text is another"]
    return f"all ranks must read the same run file, but {here} it is not that {there}: {found[0]}"


def _built_apart(plan: Plan, own: dict[str, Any], first: dict[str, Any], here: str, there: str) -> str:
    """Say what a rank has built otherwise than the first one."""
    for place, facts in first.items():
        for found in differences(own[place], facts, (here, there)):
            point = f" ({plan.title(int(place))})" if len(plan.specs) > 1 else ""
            return f"all ranks must build the same model, but {found.text}{point}"
    return ""


def _name_processors(comm: World) -> None:
    """Say once if ranks run on different kinds of processors: their last bits may differ."""
    kinds = list(dict.fromkeys(comm.of_all(processor())))
    if comm.rank == 0 and len(kinds) > 1:
        found = "; ".join(kinds)
        click.echo(f"cojump: the ranks run on different kinds of processors ({found}): {LAST_BITS}", err=True)


def end_together(message: str | None, comm: World) -> None:
    """End all ranks with status 2 if there is a message; only the first rank speaks."""
    if message is not None:
        raise click.ClickException(message) if comm.rank == 0 else click.exceptions.Exit(2)


def _made(open_file: Callable[[], RunFile], on_file: Callable[[RunFile], None]) -> Plan:
    run_file = open_file()
    on_file(run_file)
    plan, first = Plan(run_file, run_file.points()), None
    for place, spec in enumerate(plan.specs):
        try:
            point = point_of(run_file, spec)
            two_time = two_time_of(run_file, point)
            plan.identities[place] = identity_of(point)
            plan.two_time[place] = two_time
            plan.points[place] = point
        except EXPECTED as error:
            plan.fail(place, one_line(error))
            first = first or error
    if first is not None and not plan.points:
        raise first
    return plan


def two_time_of(run_file: RunFile, point: Point) -> tuple[AskedTwoTime, ...]:
    """The two-time functions of a point; one that cannot be had of its model is refused like the point itself."""
    return tuple(section.build(point) for section in run_file.two_time)


def point_of(run_file: RunFile, spec: PointSpec) -> Point:
    """One point with its model and state; what cannot be run is refused with the error that says why."""
    from ..ensemble.point import Point
    from ..results.setup import Call

    model, state = spec.build()
    own = {"seed": spec.seed, "parameters": spec.parameters, "callbacks": run_file.functions.callbacks}
    options = {**spec.run.options(model), **own}
    if spec.builder.sources:
        options["call"] = Call(spec.builder.system, spec.arguments, spec.builder.sources, spec.drive.shapes)
    try:
        return Point(model=model, state=state, times=run_file.times.array(), **options)
    except ArgumentError as error:
        if error.name.partition("[")[0] not in OPTIONS:
            raise
        with in_section("run"):
            raise
