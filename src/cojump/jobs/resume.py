"""Whether what a directory holds is the run that is asked for, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXPECTED, Stopped, StorageError, one_line
from ..storage.envelope import RESULT_NAME
from ..storage.result_sequence import ResultSequence
from ..storage.run_directory import DIRECTORY, MANIFEST, key_of
from ..tools.summaries import counted
from ..tools.whole_files import as_given
from .directory import Contents, read_contents
from .points import Plan
from .signals import Signals
from .two_time import differences_of, missing
from .unfinished import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ensemble.fingerprint import Difference
    from ..parallel.mpi import World
    from ..results.result import Result
    from ..theory.mean_field import Solution

_ADVICE = "use another directory with -o, or move it away"


def prepare_skeletons(
    plan: Plan,
    contents: Contents,
    comm: World | None,
    signals: Signals,
    made: dict[str, Result],
    keep: Callable[[], None],
) -> None:
    """Every point that can be run, without any trajectory; one without a mean field fails like any other.

    Called on rank 0; the others are in :func:`help_with_mean_fields` as soon as several points need one.

    Parameters
    ----------
    plan, contents, comm, signals
    made : dict of str to Result
        Gets them, by their keys and in the order of the points.
    keep : callable
        Stores what there is in ``made``; called before a job that is told to stop meanwhile ends.
    """
    from threadpoolctl import threadpool_limits

    from ..ensemble.ordered_merge import emptied
    from ..ensemble.worker import Worker

    stored = contents.notes()
    missing = [place for place, key in plan.keys.items() if place in plan.points and key not in stored]
    made.update(
        {key: emptied(stored[key][0]) for place, key in plan.keys.items() if place in plan.points and key in stored}
    )

    def take(rank: int, place: int, outcome: list[Solution] | Exception | None) -> None:
        if outcome is None:
            return
        try:
            if isinstance(outcome, Exception):
                raise outcome
            made[plan.keys[place]] = Worker(plan.points[place], solved=outcome).skeleton
        except EXPECTED as error:
            message = one_line(error)
            plan.fail(place, message)
            plan.tell(place, message if comm is None else f"rank {rank}: {message}")

    def unfinished() -> Stopped:
        """What is told of a job that ends here: a point that it has not come to the end of."""
        place = next((p for p in missing if p in plan.points and plan.keys[p] not in made), missing[-1])
        return Stopped(signals.name or "a signal", _in_mean_field(plan, place))

    def stopping() -> bool:
        if signals.name:  # the others are not waited for: what they have in hand may take long
            keep()
            raise unfinished()
        return False

    if comm is not None and len(missing) > 1:
        comm.share(missing)
        if _share(plan, missing, comm, signals, take, stopping):
            keep()
            raise unfinished()
    else:
        try:
            with threadpool_limits(1):
                for place in missing:
                    take(0, place, _mean_field(plan, place, signals))
        except Stopped:
            keep()
            raise
    in_order = {key: made[key] for key in plan.keys.values() if key in made}
    made.clear()
    made.update(in_order)


def help_with_mean_fields(plan: Plan, comm: World, signals: Signals) -> Any:
    """On any rank but 0: make mean fields if rank 0 wants any; what rank 0 says when it has prepared the directory."""
    said = comm.share(None)
    if isinstance(said, list):
        _share(plan, said, comm, signals, lambda *_: None, lambda: bool(signals.name))
        said = comm.share(None)
    return said


def _share(
    plan: Plan,
    missing: list[int],
    comm: World,
    signals: Signals,
    take: Callable[[int, int, list[Solution] | Exception | None], None],
    stopping: Callable[[], bool],
) -> bool:
    """Share the mean fields among all ranks; whether the job was told to stop.

    What tells a rank to stop is noted while messages are sent, and breaks off what it computes.
    """
    from ..ensemble.mean_fields import share_points

    def make(place: int) -> list[Solution] | Exception | None:
        try:
            with signals.abruptly():
                return _mean_field(plan, place, signals)
        except Stopped:
            signals.gently = True  # also where it came at the very end of the block above
            return None

    signals.gently = True
    stopped = share_points(missing, comm, make, take, stopping)
    signals.gently = stopped  # rank 0 ends the job then
    return stopped


def _mean_field(plan: Plan, place: int, signals: Signals) -> list[Solution] | Exception:
    """The mean fields of a point, or why there is none."""
    from ..ensemble.mean_fields import solutions_of

    try:
        signals.stage(_in_mean_field(plan, place))
        return solutions_of(plan.points[place])
    except EXPECTED as error:
        return error


def _in_mean_field(plan: Plan, place: int) -> str:
    return f"in the mean field of {plan.title(place)}"


def is_complete(plan: Plan, contents: Contents) -> bool:
    """Whether the result file has everything that can be run."""
    if contents.results is None:
        return False
    stored = contents.notes()
    for place, point in plan.points.items():
        result, note = stored.get(plan.keys[place], (None, None))
        if result is None:
            return False
        if result.n_traj != point.n_traj and (note is None or not point.goal.reached_by(result)):
            return False
        if missing(plan, place, result):
            return False
        # A job that was told to stop in the theory has left its manifest, for the next one to make it.
        if contents.manifest is not None and not explained(result):
            return False
    return True


def checked_contents(plan: Plan, directory: Path) -> Contents:
    """Read what is there; refuse what belongs to another run, with the difference."""
    contents = read_contents(directory)
    if contents.results is not None:
        _check(plan, contents.results, directory / RESULT_NAME)
    if contents.manifest is not None:
        _check(plan, contents.manifest, directory / DIRECTORY / MANIFEST)
    return contents


def _check(plan: Plan, stored: ResultSequence, path: Path) -> None:
    from ..ensemble.fingerprint import Difference

    path = as_given(path)
    if not stored.origin.run_file:
        raise StorageError(f"{path} holds results that no run file made; {_ADVICE}")
    known = all(note is not None for note in stored.notes)
    # The model itself is compared below; its text counts only where an old file has nothing else.
    sources = plan.run_file.sources if known else stored.origin.sources
    found = plan.run_file.differences(stored.origin.run_file, sources)
    if not found:
        places = {key: place for place, key in plan.keys.items()}
        by_point = []
        for i, result in enumerate(stored):
            place = places.get(key_of(result.seed, result.parameters))
            if place is None:
                named = [*(f"{key} = {value}" for key, value in result.parameters.items()), f"seed {result.seed}"]
                raise StorageError(
                    f"{path} holds a point that this run file does not make ({', '.join(named)}); {_ADVICE}"
                )
            if place in plan.points:
                by_point += _point_differences(plan, place, stored, i)
                by_point += [Difference("", text) for text in differences_of(plan, place, result)]
        found = _gathered(by_point, len(stored))
        if any(difference.name for difference in by_point) and dict(sources) != dict(stored.origin.sources):
            there = stored.origin.sources
            changed = next(name for name in {**sources, **there} if sources.get(name) != there.get(name))
            found[0] = f"the file {changed} has changed since: {found[0]}"
    if found:
        raise StorageError(f"{path} belongs to another run file: {'; '.join(found[:3])}; {_ADVICE}")


def _gathered(differences: Sequence[Difference], n_points: int) -> list[str]:
    """Each difference once, as the first point has it; what the model has, with how many points it concerns."""
    groups: dict[str, list[Difference]] = {}
    for found in differences:
        groups.setdefault(found.name or found.text, []).append(found)
    return [
        f"{same[0].text} (in {len(same)} of {counted(n_points, 'point')})"
        if same[0].name and n_points > 1
        else same[0].text
        for same in groups.values()
    ]


def _point_differences(plan: Plan, place: int, stored: ResultSequence, i: int) -> list[Difference]:
    """Why a stored point cannot be taken up; empty if it can. What the run file says has no name."""
    from ..ensemble.extension import measured_apart
    from ..ensemble.fingerprint import MADE_BY, Difference, differences, identity_of

    n_traj, chunk, note = plan.points[place].n_traj, plan.points[place].chunk, stored.notes[i]
    there = stored[i].n_traj if note is None else note.goal.n_traj
    change = f"[run] n_traj is {n_traj} here and {there} there"
    if n_traj < there:
        return [Difference("", f"{change}, and it may only grow")]
    if note is None:
        text = f"{change}, and a file of schema {stored.origin.schema} cannot be extended"
        return [Difference("", text)] * (n_traj > there)
    if note.folded.before[0].count % chunk and n_traj > there:
        return [Difference("", f"{change}, and its last chunk was not kept apart")]
    if stored[i].n_traj < n_traj and (apart := measured_apart(plan.points[place], stored[i])):
        return [Difference("", apart)]
    if MADE_BY not in note.identity:
        return differences(identity_of(plan.points[place], sketched=True), note.identity)
    return differences(plan.identities[place], note.identity)


def carry_on(plan: Plan, contents: Contents) -> None:
    """Keep in mind who has computed the trajectories that are there, and say so if it was not what computes now."""
    from ..ensemble.fingerprint import LAST_BITS, MADE_BY, NOT_KNOWN, made_by

    others: list[str] = []
    for key, (result, note) in contents.notes().items():
        place = next((i for i in plan.points if plan.keys[i] == key), None)
        if place is None or note is None or plan.points[place].n_traj == result.n_traj:
            continue
        before, own = note.identity.get(MADE_BY, [NOT_KNOWN]), plan.identities[place][MADE_BY]
        others += [] if set(own) <= set(before) else before
        plan.identities[place][MADE_BY] = [*before, *(made for made in own if made not in before)]
    if others:
        found = "; ".join(dict.fromkeys(others))
        click.echo(f"cojump: what is there was made by {found}, and goes on with {made_by()}: {LAST_BITS}", err=True)
