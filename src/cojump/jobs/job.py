"""One run: take up what is there, simulate the rest, store it; whatever happens, nothing finished is lost."""

from __future__ import annotations

import math
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..ensemble.chunk import Chunk
from ..ensemble.chunk_files import record_of
from ..ensemble.chunk_log import ShardWriter
from ..ensemble.ordered_merge import Fold, aside_text, emptied, kept_text
from ..ensemble.run import Events
from ..errors import EXPECTED, WALLTIME, BrokenOff, Stopped, StorageError, broken_line, one_line
from ..storage.envelope import RESULT_NAME
from ..storage.run_directory import DIRECTORY
from ..tools.exit_status import FAILED, INTERRUPTED, STOPPED
from ..tools.summaries import counted
from ..tools.terminal import command, tell
from ..tools.whole_files import absolute, as_given
from .directory import Contents, Prepared, Session, damaged_text
from .failures import FailureRecord
from .points import Plan, end_together, open_run_file, plan_together
from .resume import carry_on, checked_contents, help_with_mean_fields, is_complete, prepare_skeletons
from .signals import Signals
from .status import Status, behind_text
from .two_time import TwoTimeWork
from .unfinished import explained, parameters_text, unreached

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..ensemble.point import Point
    from ..ensemble.schedule import Task
    from ..parallel.mpi import World
    from ..results.result import Result, Theory
    from .run_file import RunFile


def execute(path: Path, directory: Path, signals: Signals, settings: Sequence[str] = ()) -> int:
    """Run the file at ``path`` into ``directory``; the same on every rank of an MPI job, or alone.

    Parameters
    ----------
    path, directory : Path
    signals : Signals
        Entered; what it hears ends the run where nothing is lost.
    settings : sequence of str
        Keys of the run file that are set otherwise, each ``SECTION.KEY=VALUE``.

    Returns
    -------
    int
        Exit status: 0 when all is done, ``exit_status.STOPPED`` when the run was told to stop and can go on,
        ``exit_status.FAILED`` when some points cannot be run.

    Raises
    ------
    ArgumentError, UnsupportedError, StorageError, ConvergenceError, click.ClickException, BrokenOff
        With one line for the user, on the first rank; the others leave quietly with the same status.
    """
    from ..parallel.mpi import world

    began = time.monotonic()
    directory = absolute(directory)

    def open_file() -> RunFile:
        return open_run_file(path, settings)

    comm = world()  # signals are noted until now: a rank that left before the others know of it would let them wait
    if comm is None:
        signals.begin()
        return _execute(open_file, directory, None, signals, began)
    _begin_together(signals, comm)
    try:
        signals.begin()
        return _execute(open_file, directory, comm, signals, began)
    except Stopped as stopped:
        comm.abort(stopped.line if comm.rank == 0 else "", STOPPED)
    except KeyboardInterrupt:
        comm.abort("cojump: interrupted" if comm.rank == 0 else "", INTERRUPTED)
    raise AssertionError("the job has been ended")


def _begin_together(signals: Signals, comm: World) -> None:
    """Leave quietly on all ranks if any of them was told to stop while they started."""
    name = comm.agree(signals.name or None)
    if name is not None:
        raise Stopped(name) if comm.rank == 0 else click.exceptions.Exit(STOPPED)


def _execute(
    open_file: Callable[[], RunFile], directory: Path, comm: World | None, signals: Signals, began: float
) -> int:
    chief = comm is None or comm.rank == 0

    def limit(run_file: RunFile) -> None:
        """From now on the limit of the run is heard like a signal; it counts from the start of the job."""
        signals.stage("while the points were planned")  # first: a limit that is over already is heard at once
        seconds = run_file.run.walltime_seconds
        if seconds is not None and chief:
            signals.limit(seconds - (time.monotonic() - began))
        if chief:
            for remark in run_file.remarks():
                tell(f"cojump: {remark}")

    plan = plan_together(open_file, comm, limit)

    def begin() -> tuple[Session | None, str | None]:
        for place, failure in plan.failures.items():
            plan.tell(place, failure)
        try:
            return _begin(plan, directory, comm, signals), None
        except (*EXPECTED, OSError) as error:
            if comm is None:
                raise
            return None, broken_line(error)

    session, message = None, None
    if comm is None:
        session, _ = begin()
    elif comm.rank == 0:
        session, message = comm.guard(begin)  # the others wait: whatever goes wrong here must end them, too
    going = session is not None
    if comm is not None:
        message, going = comm.share((message, going)) if chief else help_with_mean_fields(plan, comm, signals)
        end_together(message, comm)
    if not going:
        return FAILED if plan.failures else 0
    return _Run(plan, session, comm, signals, began).go()


def _begin(plan: Plan, directory: Path, comm: World | None, signals: Signals) -> Session | None:
    """Take the directory and find out what is there; None if nothing is to be run."""
    contents = checked_contents(plan, directory)
    if is_complete(plan, contents):
        _tidy(plan, directory, contents)
        FailureRecord(directory).begin({}, plan.failed_points)
        place = directory / RESULT_NAME
        click.echo(f"cojump: complete, {counted(len(plan.points), 'point')} in {as_given(place)}; {_hint(directory)}")
        stored = contents.notes()
        for line in unreached([(stored[plan.keys[i]][0], point.goal) for i, point in plan.points.items()]):
            click.echo(f"cojump: {line}")
        return None
    session = Session(directory, plan.run_file.text, plan.run_file.sources)
    try:
        contents = checked_contents(plan, directory)  # another job may have ended since
        _begin_session(plan, session, contents, comm, signals)
    except BaseException:
        session.close()
        raise
    return session


def _tidy(plan: Plan, directory: Path, contents: Contents) -> None:
    """Remove what the job that completed the run could not remove; where nobody can, the results are whole without."""
    if not (directory / DIRECTORY).exists():
        return
    keys, stored = plan.keys, contents.notes()
    try:
        session = Session(directory, plan.run_file.text, plan.run_file.sources)
        try:
            if contents.manifest is None:
                session.leave()
                return
            session.begin(contents, _prepared(plan, {keys[i]: emptied(stored[keys[i]][0]) for i in plan.points}))
            session.tidy()
            _tell(session)
        finally:
            session.close()
    except StorageError as error:
        tell(f"cojump: warning: {one_line(error)}; the results are complete all the same")


def _prepared(plan: Plan, skeletons: Mapping[str, Result]) -> Prepared:
    keys = plan.keys
    goals = {keys[i]: goal for i, goal in plan.goals.items()}
    two_time = {keys[i]: {asked.name: asked.n_traj for asked in plan.two_time[i]} for i in plan.points}
    return Prepared(skeletons, goals, {keys[i]: plan.identities[i] for i in plan.points}, two_time)


def _tell(session: Session) -> None:
    """Say once what was found or could not be done, and changes nothing of the outcome."""
    for remark in session.remarks:
        tell(f"cojump: warning: {remark}")
    session.remarks.clear()


def _begin_session(plan: Plan, session: Session, contents: Contents, comm: World | None, signals: Signals) -> None:
    carry_on(plan, contents)
    keys = plan.keys
    made: dict[str, Result] = {}

    def keep() -> None:
        if len(made) > len(contents.notes()):  # the next job need not do it again
            with suppress(StorageError):
                session.keep(contents, _prepared(plan, made))

    prepare_skeletons(plan, contents, comm, signals, made, keep)
    signals.stage("while the directory was prepared")
    damaged = session.begin(contents, _prepared(plan, made))
    session.failures.begin({keys[i]: goal.n_traj for i, goal in plan.goals.items()}, plan.failed_points)
    if damaged:
        tell(f"cojump: {damaged_text(as_given(session.directory), damaged)}")
    _tell(session)
    finished = sum(fold.finished for fold in session.folds.values())
    partial = sum(fold.n_done for fold in session.folds.values() if not fold.finished)
    if finished or partial:
        more = f", of which {counted(partial, 'trajectory')} done" if partial else ""
        click.echo(f"cojump: {finished} of {counted(len(plan.specs), 'point')} there already, running the rest{more}")


_GRACE = 5.0
"""Seconds that the theory of finished points may take after the job was told to stop; schedulers wait longer."""


_SHARE = 50
"""Rank 0 makes the theory of a point that is finished at once as long as that takes one part in so many of the time;
others are shared among all ranks behind the trajectories."""


class _Run(Events):
    """The work itself, on one rank."""

    def __init__(self, plan: Plan, session: Session | None, comm: World | None, signals: Signals, began: float) -> None:
        from ..parallel.one_process import Alone

        run = plan.run_file.run
        self._plan, self._session, self._signals = plan, session, signals
        self._ranks: Any = comm or Alone()
        self._folds: dict[int, Fold] = {}
        self._status: Status | None = None
        self._late = ""
        self._ran = 0
        self._since, self._explaining = began, 0.0
        self._deadline: float | None = None
        if session is not None:
            self._folds = {i: session.folds[plan.keys[i]] for i in plan.points}
        self._seconds = run.checkpoint_seconds
        self._two_time = TwoTimeWork(
            plan, self._folds, self._ranks, self.stopping, self._droppable, self._write, self._do, self._seconds
        )
        if session is not None:
            costs = {i: p.recipe.cost(float(p.times[-1])) for i, p in plan.points.items()}
            behind = self._two_time.behind
            self._status = Status(session.seat.directory, self._folds, costs, self._ranks.size, plan.keys, behind)
            self._deadline = None if run.walltime_seconds is None else began + run.walltime_seconds
        seat = self._ranks.share(session.seat if session else None)
        self._writer: ShardWriter = seat.writer(self._ranks.rank, self._seconds)

    def go(self) -> int:
        """Run what is missing; the exit status."""
        from ..ensemble.run import run_chunks
        from ..tools.progress import make_progress

        progress = None if self._session is None else make_progress(sys.stderr)
        stopped = False
        try:
            stopped = run_chunks(self._plan.points, self._folds, comm=self._ranks, events=self, progress=progress)
            stopped = stopped or self._two_time.go()
            self._ranks.guard(self._writer.close)
            if self._ranks.size > 1:
                self._explain_together(stopped)
            if self._session is not None:
                stopped = self._ranks.guard(lambda: self._finish(self._session, stopped))
        except (StorageError, OSError, MemoryError) as error:
            if not self._signals.gently:
                raise
            raise BrokenOff(broken_line(error)) from None
        finally:
            if progress is not None:  # after an error too: a bar hides the cursor
                progress.stop()
            if self._session is not None:
                self._session.close()
        failed = bool(self._plan.failures) or any(fold.failure for fold in self._folds.values())
        failed = failed or bool(self._two_time.failures)
        return self._ranks.share(STOPPED if stopped else FAILED if failed else 0)

    def _finish(self, session: Session, stopped: bool) -> bool:
        """Write the result file, clear away what it makes superfluous, and say what there is; whether it was stopped.

        A job that is told to stop when nothing is left to be run has not been stopped by that.
        """
        folds = self._folds
        self._signals.stage("while the results were written")
        unfinished = any(not fold.finished and fold.failure is None for fold in folds.values())
        stopped = stopped and (unfinished or self._two_time.left())
        for place, message in self._two_time.failures.items():
            self.failed(place, message)
        if not stopped:
            stopped = not self._explain_rest()
        session.write(ended=True)
        keys, finished = self._plan.keys, {i for i, fold in folds.items() if fold.finished}
        finished -= set(self._two_time.failures)
        session.failures.keep({key for i, key in keys.items() if i not in finished})
        failed = sum(fold.failure is not None for fold in folds.values()) + len(self._two_time.failures)
        name = self._signals.name or (WALLTIME if self._deadline else "a signal")
        assert self._status is not None
        if stopped:
            self._status.write("stopped", f"stopped ({name})")
        elif failed or session.clear():
            self._status.write("failed")
        _tell(session)
        if stopped:
            kept = kept_text(folds.values())
            kept += behind_text(f for own in self._two_time.behind.values() for f in own.values())
            click.echo(
                f"cojump: stopped ({name}){self._outlasting(name)}, {kept}; the same command goes on{self._advice()}"
            )
        else:
            self._conclude(session, failed + len(self._plan.failures))
        return stopped

    def _advice(self) -> str:
        """What the run waits for: the target of its first unfinished point; a chunk that is too long for the limit."""
        text = ""
        waiting = [fold for fold in self._folds.values() if not fold.finished and fold.failure is None]
        if waiting and waiting[0].waits:
            text = f"; {parameters_text(waiting[0].skeleton.parameters)} needs {waiting[0].waits}"
        limit, assessed = self._plan.run_file.run.walltime_seconds, self._status
        if limit is None or self._signals.name not in ("", WALLTIME) or assessed is None or not assessed.slowest:
            return text
        if assessed.slowest * self._plan.run_file.run.chunk > limit:
            fits = max(1, int(limit / (2 * assessed.slowest)))
            text += (
                f"; a trajectory takes {assessed.slowest:.3g} s, so no chunk of {self._plan.run_file.run.chunk} ends "
                f"within walltime_seconds = {limit:g}: what is finished of it is kept, chunk = {fits} would end"
            )
        return text

    def _outlasting(self, name: str) -> str:
        """What the limit was too short for, where nothing was finished within it: the next job will fare alike."""
        if self._late:
            return self._late
        if name == WALLTIME and self._ran + self._two_time.ran == 0:
            return " before any trajectory was finished: it is too short for one"
        return ""

    def _conclude(self, session: Session, lost: int) -> None:
        """Say what there is at the end."""
        count = counted(len(self._plan.specs), "point")
        if lost:
            count = f"{len(self._plan.specs) - lost} of {count}, {lost} failed,"
        if session.path.exists():
            click.echo(f"cojump: {count} in {as_given(session.path)}; {_hint(session.directory)}")
        else:  # not a single trajectory of any point
            click.echo(f"cojump: {count} and there are no results; why: {command('show', as_given(session.directory))}")
        short = [f for f in self._folds.values() if f.waits and f.failure is None]
        for line in unreached([(fold.result(), fold.goal) for fold in short]):
            click.echo(f"cojump: {line}")

    def _explain_rest(self) -> bool:
        """Put the theory beside all finished points; whether there was time to: after a signal they share it."""
        until = math.inf
        for place, fold in self._folds.items():
            if self._signals.name:
                until = min(until, time.monotonic() + _GRACE)
            if fold.finished and not self._explain(place, min(_GRACE, max(until - time.monotonic(), 0.0))):
                return False
        return True

    def _explain(self, place: int, grace: float = _GRACE) -> bool:
        """Put the theory beside a finished point; whether there was time to."""
        fold = self._folds[place]
        if not explained(fold.skeleton):

            def explain() -> None:
                fold.skeleton = with_theory(fold.skeleton, self._plan.points[place])

            return self._droppable(f"in the theory of {self._plan.title(place)}", explain, grace)
        return True

    def _explain_together(self, stopped: bool) -> None:
        """Share the theories that are still missing among the ranks; those that are dropped are left to the end."""
        from ..ensemble.mean_fields import share_points

        missing: list[int] = []
        if not stopped and not self._signals.name:
            missing = [place for place, fold in self._folds.items() if fold.finished and not explained(fold.skeleton)]
        missing = self._ranks.share(missing)
        if len(missing) < 2:
            return

        def make(place: int) -> Theory | str | None:
            made: list[Theory | str] = []
            doing = f"in the theory of {self._plan.title(place)}"
            self._droppable(doing, lambda: made.append(theory_of(self._plan.points[place])), grace=0.0)
            return made[0] if made else None

        def take(_rank: int, place: int, made: Theory | str | None) -> None:
            if made is not None:
                self._folds[place].skeleton = _beside(self._folds[place].skeleton, made)

        share_points(missing, self._ranks, make, take, self.stopping, preparing=False)

    def _droppable(self, doing: str, action: Callable[[], None], grace: float = _GRACE) -> bool:
        """Do what is dropped where the job is told to stop; whether it was done."""
        begun = not self._signals.name
        try:
            with self._signals.abruptly(grace):
                self._signals.stage(doing)
                action()
        except Stopped as stopped:
            self._signals.gently = True  # also where it came at the very end of the block above
            if begun and stopped.args[0] == WALLTIME:
                self._late = f" {doing}, which outlasts it"
            return False
        return True

    def _write(self) -> None:
        """Let others see what there is, unless that takes too long."""
        assert self._session is not None
        self._session.write(now=False)

    def _do(self, doing: str) -> None:
        """Say in the status what is done behind the trajectories."""
        assert self._status is not None
        self._status.doing = doing

    def prepare(self, action: Callable[[], None]) -> None:
        """Compile; what goes wrong there after a signal is no error but the signal."""
        with self._signals.blamed():
            self._signals.stage("while the kernels were compiled")
            action()

    def begin(self) -> None:
        """From now on there is work that a signal must not break off."""
        self._signals.gently = True
        self._since = time.monotonic()

    def part(self, task: Task, so_far: Callable[[], Chunk]) -> None:
        """Write the finished part of a chunk that takes long."""
        if self._writer.age >= self._seconds:
            self._writer.append(record_of(self._plan.keys[task.point], task.number, so_far()))

    def chunk(self, task: Task, chunk: Chunk) -> int:
        """Write a chunk; the beginning of one, which is needed longest, into a file of its own."""
        record = record_of(self._plan.keys[task.point], task.number, chunk)
        return self._writer.append(record, apart=chunk.stop < task.stop)

    def result(self, rank: int, task: Task, n_traj: int, seconds: float, place: int) -> None:
        """Count, and keep in mind which file the chunk is in."""
        assert self._status is not None
        assert self._session is not None
        self._ran += n_traj
        self._status.ran(rank, task.point, n_traj, seconds)
        self._session.wrote(rank, place, self._plan.keys[task.point], task.number)

    def point(self, place: int, fold: Fold) -> None:
        """Let others see a finished point, unless that takes too long."""
        assert self._session is not None
        began = time.monotonic()
        if self._ranks.size == 1 or self._explaining <= (began - self._since) / _SHARE:
            self._explain(place)
            self._explaining += time.monotonic() - began
        self._session.write(now=False)
        self._session.failures.drop(self._plan.keys[place])

    def failed(self, place: int, message: str) -> None:
        """Say so, and write it down."""
        self._plan.tell(place, message)
        assert self._session is not None
        self._session.failures.add(self._plan.failed(place, message))

    def stopping(self) -> bool:
        """Whether a signal has come or the time is over; on rank 0 the place where the status is kept up to date."""
        if self._status is not None:
            self._status.tick()
        return bool(self._signals.name) or (self._deadline is not None and time.monotonic() > self._deadline)


def theory_of(point: Point) -> Theory | str:
    """The fluctuation theory of a point, or the reason why there is none."""
    from ..results.result import Theory
    from ..theory.fluctuations import fluctuations

    try:
        made = fluctuations(point.model, point.state, point.times)  # type: ignore[arg-type]  # a mixture is refused
    except EXPECTED as error:
        return one_line(error)
    order = [point.model.linear(name, x)[1] for name, x in point.model.order_parameters.items()]
    order_correction = made.correction @ np.array(order).reshape(-1, len(made.labels)).T
    return Theory(made.covariance, made.correction, made.deviation, order_correction)


def _beside(result: Result, made: Theory | str) -> Result:
    return replace(result, theory_refusal=made) if isinstance(made, str) else replace(result, theory=made)


def with_theory(result: Result, point: Point) -> Result:
    """The result with the fluctuation theory of its point, or the reason why there is none."""
    return _beside(result, theory_of(point))


def fold_directory(directory: Path, output: Path | None) -> str:
    """Fold the chunks that a stopped run has left into its result file.

    Parameters
    ----------
    directory : Path
        Of a run.
    output : Path or None
        Another file instead; nothing else is written then, and a job may be running.

    Returns
    -------
    str
        What has been done, in one line.

    Raises
    ------
    StorageError
        If there is nothing to fold, a file is damaged, or a job is running.
    """
    from .folding import fold_into

    folds, behind, path = fold_into(directory, output, lambda line: tell(f"cojump: {line}"))
    folded, aside = sum(fold.n_traj for fold in folds), sum(fold.n_done - fold.n_traj for fold in folds)
    text = (
        f"{folded:,} of {counted(sum(fold.goal.n_traj for fold in folds), 'trajectory')} in {path}{behind_text(behind)}"
    )
    return text + (f"; {folded + aside:,} are kept, {aside_text(aside)}" if aside else "")


def _hint(directory: Path) -> str:
    return f"tables and figures: {command('report', as_given(directory))}"
